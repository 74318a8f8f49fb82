/* Recurrent scans and their gradients, see ops/recurrent.py: a loop over time for the rows begin <= i < end. Plans that
 * have such an operation take this text in; their numbers are constants there, so that every branch on them is gone.
 *
 * Rows are independent: a block of them scans the whole sequence alone, its state in the first cache, and threads never
 * meet. Arrays of all steps are (n, steps, columns). A pointer may be NULL where there is no dropout or mask, where a
 * state begins with zeros, or where a cotangent is zero.
 */
enum { AN_TANH, AN_SIGMOID, AN_RELU, AN_LINEAR, AN_HARD_SIGMOID, AN_SOFTSIGN };

typedef struct {
    int64_t n, steps, units, gates; /* rows, steps, features of the state, blocks of columns in the kernel */
    int64_t reverse, alone;         /* the last step first; blocks of rows apart, else products on the pool */
    int64_t g0, g1, g2;             /* strides of the cotangents of all states */
    int activation, gate;           /* activations */
} an_scan;

AN_INLINE float an_activate(int kind, float x) {
    switch (kind) {
    case AN_TANH: return an_tanh_f32(x);
    case AN_SIGMOID: return an_sigmoid_f32(x);
    case AN_RELU: return an_max_f32(x, 0.0f);
    case AN_HARD_SIGMOID: return an_min_f32(an_max_f32(x + 3.0f, 0.0f), 6.0f) / 6.0f;
    case AN_SOFTSIGN: return x / (an_abs_f32(x) + 1.0f);
    default: return x;
    }
}

/* The derivative of an activation, from its value. */
AN_INLINE float an_derivative(int kind, float y) {
    switch (kind) {
    case AN_TANH: return 1.0f - y * y;
    case AN_SIGMOID: return y - y * y;
    case AN_RELU: return (float)(y > 0);
    case AN_HARD_SIGMOID: return (float)((y > 0) & (y < 1)) * (1.0f / 6.0f);
    case AN_SOFTSIGN: return (1.0f - an_abs_f32(y)) * (1.0f - an_abs_f32(y));
    default: return 1.0f;
    }
}

AN_INLINE int64_t an_time(const an_scan *p, int64_t step) { return p->reverse ? p->steps - 1 - step : step; }

/* The rows of a state or its cotangent. */
AN_INLINE void an_initial_state(float *to, const float *from, int64_t begin, int64_t rows, int64_t u) {
    if (from) memcpy(to, from + begin * u, (size_t)(rows * u) * sizeof(float));
    else memset(to, 0, (size_t)(rows * u) * sizeof(float));
}

/* c (rows, n) = a (rows, k) @ b (k, n) */
AN_INLINE void an_step_product(const an_scan *p, int64_t rows, int64_t n, int64_t k, const float *a, int64_t lda,
                               const float *b, int64_t ldb, float *c, int64_t ldc) {
    if (p->alone) an->sgemm_one(0, 0, rows, n, k, a, lda, b, ldb, c, ldc, 0);
    else an->sgemm(0, 0, rows, n, k, a, lda, b, ldb, c, ldc, 0, NULL, NULL);
}

/* a (rows, w) = h @ kernel (units, w), of its first gates. With dropout each gate has its own h, made in `held`. */
AN_INLINE void an_recurrent_product(const an_scan *p, int64_t gates, int64_t begin, int64_t rows, const float *h,
                        const float *kernel, const float *drop, float *held, float *a) {
    const int64_t u = p->units, w = p->gates * u;
    if (!drop) {
        an_step_product(p, rows, gates * u, u, h, u, kernel, w, a, w);
        return;
    }
    for (int64_t k = 0; k < gates; k++) {
        const float *factor = drop + (k * p->n + begin) * u;
        for (int64_t j = 0; j < rows * u; j++) held[j] = h[j] * factor[j];
        an_step_product(p, rows, u, u, held, u, kernel + k * u, w, a + k * u, w);
    }
}

/* The reverse: h (rows, units) = d (rows, w) @ transposed (w, units), the transposed kernel. */
AN_INLINE void an_recurrent_product_back(const an_scan *p, int64_t gates, int64_t begin, int64_t rows, const float *d,
                             const float *transposed, const float *drop, float *held, float *h) {
    const int64_t u = p->units, w = p->gates * u;
    if (!drop) {
        an_step_product(p, rows, u, gates * u, d, w, transposed, u, h, u);
        return;
    }
    memset(h, 0, (size_t)(rows * u) * sizeof(float));
    for (int64_t k = 0; k < gates; k++) {
        const float *factor = drop + (k * p->n + begin) * u;
        an_step_product(p, rows, u, u, d + k * u, w, transposed + k * u * u, u, held, u);
        for (int64_t j = 0; j < rows * u; j++) h[j] += held[j] * factor[j];
    }
}

AN_STATIC void an_transpose_kernel(int64_t u, int64_t w, const float *restrict kernel, float *restrict transposed) {
    for (int64_t top = 0; top < u; top += 16)
        for (int64_t j = 0; j < w; j++)
            for (int64_t i = top; i < u && i < top + 16; i++) transposed[j * u + i] = kernel[i * w + j];
}

/* The state before a step, and a copy of it for the gradient of the kernel; with dropout one for each gate. */
AN_INLINE const float *an_previous_state(const an_scan *p, int64_t gates, int64_t step, int64_t row, int64_t place,
                                 const float *h0, const float *hs, const float *drop, const float *zeros,
                                 float *before) {
    const int64_t u = p->units;
    const float *h = step ? hs + (p->reverse ? place + 1 : place - 1) * u : h0 ? h0 + row * u : zeros;
    if (!before) return h;
    if (!drop) memcpy(before + place * u, h, (size_t)u * sizeof(float));
    for (int64_t k = 0; drop && k < gates; k++) {
        const float *factor = drop + (k * p->n + row) * u;
        float *to = before + (k * p->n * p->steps + place) * u;
        for (int64_t j = 0; j < u; j++) to[j] = h[j] * factor[j];
    }
    return h;
}

/* dh += the cotangent of the state after this step. */
AN_INLINE void an_add_cotangent(const an_scan *p, int64_t row, int64_t at, const float *g, float *dh) {
    if (!g) return;
    g += row * p->g0 + at * p->g1;
#pragma GCC ivdep
    for (int64_t j = 0; j < p->units; j++) dh[j] += g[j * p->g2];
}

/* A masked row passes its cotangent on unchanged. */
AN_INLINE void an_pass_masked(const an_scan *p, int64_t begin, int64_t rows, int64_t at, const uint8_t *mask,
                          const float *dh, float *next) {
    const int64_t u = p->units;
    for (int64_t r = 0; mask && r < rows; r++)
        if (!mask[(begin + r) * p->steps + at]) memcpy(next + r * u, dh + r * u, (size_t)u * sizeof(float));
}

/* out (columns) = the sum of part (pieces, columns) over the pieces. */
AN_STATIC void an_sum_blocks(int64_t pieces, int64_t columns, const float *restrict part, float *restrict out) {
    memcpy(out, part, (size_t)columns * sizeof(float));
    for (int64_t k = 1; k < pieces; k++)
        for (int64_t j = 0; j < columns; j++) out[j] += part[k * columns + j];
}

/* ---- simple ------------------------------------------------------------------------------------------------- */

AN_INLINE void an_simple_forward(const an_scan *p, const float *x, const float *h0, const float *kernel,
                                 const float *restrict bias, const float *drop, const uint8_t *mask, float *hs,
                                 float *last, int64_t begin, int64_t end) {
    const int64_t u = p->units, rows = end - begin;
    float *h = an->scratch(rows * 3 * u * (int64_t)sizeof(float)), *held = h + rows * u, *a = held + rows * u;
    an_initial_state(h, h0, begin, rows, u);
    for (int64_t step = 0; step < p->steps; step++) {
        an_recurrent_product(p, 1, begin, rows, h, kernel, drop, held, a);
        for (int64_t r = 0; r < rows; r++) {
            const int64_t place = (begin + r) * p->steps + an_time(p, step);
            const float *z = x + place * u, *s = a + r * u;
            float *hr = h + r * u;
            if (!mask || mask[place])
#pragma GCC ivdep
                for (int64_t j = 0; j < u; j++) hr[j] = an_activate(p->activation, s[j] + z[j] + bias[j]);
            memcpy(hs + place * u, hr, (size_t)u * sizeof(float));
        }
    }
    memcpy(last + begin * u, h, (size_t)(rows * u) * sizeof(float));
}

AN_INLINE void an_simple_back(const an_scan *p, const float *ghs, const float *gh, const float *h0,
                              const float *transposed, const float *drop, const uint8_t *mask, const float *hs,
                              float *dx, float *dh0, float *before, float *sum, int64_t begin, int64_t end) {
    const int64_t u = p->units, rows = end - begin;
    float *dh = an->scratch((rows * 4 + 1) * u * (int64_t)sizeof(float)), *next = dh + rows * u;
    float *held = next + rows * u, *d = held + rows * u, *zeros = d + rows * u;
    memset(zeros, 0, (size_t)u * sizeof(float));
    memset(sum, 0, (size_t)u * sizeof(float));
    an_initial_state(dh, gh, begin, rows, u);
    for (int64_t step = p->steps - 1; step >= 0; step--) {
        const int64_t at = an_time(p, step);
        for (int64_t r = 0; r < rows; r++) {
            const int64_t place = (begin + r) * p->steps + at;
            const float *y = hs + place * u, *dr = dh + r * u;
            float *dd = d + r * u;
            an_previous_state(p, 1, step, begin + r, place, h0, hs, drop, zeros, before);
            an_add_cotangent(p, begin + r, at, ghs, dh + r * u);
            if (mask && !mask[place]) memset(dd, 0, (size_t)u * sizeof(float));
            else
#pragma GCC ivdep
                for (int64_t j = 0; j < u; j++) sum[j] += dd[j] = dr[j] * an_derivative(p->activation, y[j]);
            memcpy(dx + place * u, dd, (size_t)u * sizeof(float));
        }
        an_recurrent_product_back(p, 1, begin, rows, d, transposed, drop, held, next);
        an_pass_masked(p, begin, rows, at, mask, dh, next);
        float *other = dh;
        dh = next, next = other;
    }
    memcpy(dh0 + begin * u, dh, (size_t)(rows * u) * sizeof(float));
}

/* ---- LSTM --------------------------------------------------------------------------------------------------- */

AN_INLINE void an_lstm_forward(const an_scan *p, const float *x, const float *h0, const float *c0, const float *kernel,
                               const float *restrict bias, const float *drop, const uint8_t *mask, float *hs,
                               float *last_h, float *last_c, float *cs, float *gates, int64_t begin, int64_t end) {
    const int64_t u = p->units, w = 4 * u, rows = end - begin;
    float *h = an->scratch(rows * 7 * u * (int64_t)sizeof(float)), *c = h + rows * u, *held = c + rows * u;
    float *a = held + rows * u;
    const size_t row = (size_t)u * sizeof(float);
    an_initial_state(h, h0, begin, rows, u);
    an_initial_state(c, c0, begin, rows, u);
    for (int64_t step = 0; step < p->steps; step++) {
        an_recurrent_product(p, 4, begin, rows, h, kernel, drop, held, a);
        for (int64_t r = 0; r < rows; r++) {
            const int64_t place = (begin + r) * p->steps + an_time(p, step);
            const float *z = x + place * w, *s = a + r * w;
            float *y = gates + place * w, *hr = h + r * u, *cr = c + r * u;
            float *new_h = hs + place * u, *new_c = cs + place * u;
#pragma GCC ivdep
            for (int64_t j = 0; j < u; j++) {
                const float i = an_activate(p->gate, s[j] + z[j] + bias[j]);
                const float f = an_activate(p->gate, s[j + u] + z[j + u] + bias[j + u]);
                const float g = an_activate(p->activation, s[j + 2 * u] + z[j + 2 * u] + bias[j + 2 * u]);
                const float o = an_activate(p->gate, s[j + 3 * u] + z[j + 3 * u] + bias[j + 3 * u]);
                const float state = f * cr[j] + i * g;
                y[j] = i, y[j + u] = f, y[j + 2 * u] = g, y[j + 3 * u] = o;
                new_c[j] = state;
                new_h[j] = an_activate(p->activation, state) * o;
            }
            if (mask && !mask[place]) memcpy(new_h, hr, row), memcpy(new_c, cr, row);
            else memcpy(hr, new_h, row), memcpy(cr, new_c, row);
        }
    }
    memcpy(last_h + begin * u, h, (size_t)rows * row);
    memcpy(last_c + begin * u, c, (size_t)rows * row);
}

AN_INLINE void an_lstm_back(const an_scan *p, const float *ghs, const float *gh, const float *gc, const float *h0,
                            const float *c0, const float *transposed, const float *drop, const uint8_t *mask,
                            const float *hs, const float *cs, const float *gates, float *dx, float *dh0, float *dc0,
                            float *before, float *sum, int64_t begin, int64_t end) {
    const int64_t u = p->units, w = 4 * u, rows = end - begin;
    float *dh = an->scratch((rows * 8 + 1) * u * (int64_t)sizeof(float)), *next = dh + rows * u;
    float *held = next + rows * u, *dc = held + rows * u, *d = dc + rows * u, *zeros = d + rows * w;
    memset(zeros, 0, (size_t)u * sizeof(float));
    memset(sum, 0, (size_t)w * sizeof(float));
    an_initial_state(dh, gh, begin, rows, u);
    an_initial_state(dc, gc, begin, rows, u);
    for (int64_t step = p->steps - 1; step >= 0; step--) {
        const int64_t at = an_time(p, step);
        for (int64_t r = 0; r < rows; r++) {
            const int64_t place = (begin + r) * p->steps + at;
            const float *y = gates + place * w, *now = cs + place * u, *dr = dh + r * u;
            const float *was = an_previous_state(p, 0, step, begin + r, place, c0, cs, NULL, zeros, NULL);
            float *dd = d + r * w, *dcr = dc + r * u, *to = dx + place * w;
            an_previous_state(p, 4, step, begin + r, place, h0, hs, drop, zeros, before);
            an_add_cotangent(p, begin + r, at, ghs, dh + r * u);
            if (mask && !mask[place]) {
                memset(dd, 0, (size_t)w * sizeof(float));
                memset(to, 0, (size_t)w * sizeof(float));
                continue;
            }
#pragma GCC ivdep
            for (int64_t j = 0; j < u; j++) {
                const float i = y[j], f = y[j + u], g = y[j + 2 * u], o = y[j + 3 * u];
                const float activated = an_activate(p->activation, now[j]);
                const float dstate = dcr[j] + dr[j] * o * an_derivative(p->activation, activated);
                const float di = dstate * g * an_derivative(p->gate, i);
                const float df = dstate * was[j] * an_derivative(p->gate, f);
                const float dg = dstate * i * an_derivative(p->activation, g);
                const float dq = dr[j] * activated * an_derivative(p->gate, o);
                dcr[j] = dstate * f;
                dd[j] = di, dd[j + u] = df, dd[j + 2 * u] = dg, dd[j + 3 * u] = dq;
            }
            for (int64_t j = 0; j < w; j++) to[j] = dd[j], sum[j] += dd[j];
        }
        an_recurrent_product_back(p, 4, begin, rows, d, transposed, drop, held, next);
        an_pass_masked(p, begin, rows, at, mask, dh, next);
        float *other = dh;
        dh = next, next = other;
    }
    memcpy(dh0 + begin * u, dh, (size_t)(rows * u) * sizeof(float));
    memcpy(dc0 + begin * u, dc, (size_t)(rows * u) * sizeof(float));
}

/* ---- GRU ---------------------------------------------------------------------------------------------------- */

/* gates: z, r, g, u as in ops/recurrent.py. bias (2, 3 units), of which without `after` only the first row is there. */
AN_INLINE void an_gru_forward(const an_scan *p, int after, const float *x, const float *h0, const float *kernel,
                              const float *restrict bias, const float *drop, const uint8_t *mask, float *hs,
                              float *last, float *gates, int64_t begin, int64_t end) {
    const int64_t u = p->units, w = 3 * u, rows = end - begin;
    float *h = an->scratch(rows * 6 * u * (int64_t)sizeof(float)), *held = h + rows * u, *a = held + rows * u;
    float *reset = a + rows * w;
    const float *restrict second = bias + w;
    const size_t row = (size_t)u * sizeof(float);
    an_initial_state(h, h0, begin, rows, u);
    for (int64_t step = 0; step < p->steps; step++) {
        const int64_t at = an_time(p, step);
        an_recurrent_product(p, after ? 3 : 2, begin, rows, h, kernel, drop, held, a);
        for (int64_t r = 0; r < rows; r++) {
            const int64_t place = (begin + r) * p->steps + at;
            const float *z = x + place * w, *s = a + r * w, *hr = h + r * u;
            const float *factor = drop && !after ? drop + (2 * p->n + begin + r) * u : NULL;
            float *y = gates + place * 4 * u, *to = reset + r * u;
#pragma GCC ivdep
            for (int64_t j = 0; j < 2 * u; j++)
                y[j] = an_activate(p->gate, (z[j] + bias[j]) + (after ? s[j] + second[j] : s[j]));
#pragma GCC ivdep
            for (int64_t j = 0; j < u; j++) {
                float inner = after ? s[j + 2 * u] + second[j + 2 * u] : y[j + u] * hr[j];
                if (factor) inner *= factor[j];
                y[j + 3 * u] = inner;
                to[j] = after ? y[j + u] * inner : inner;
            }
        }
        if (!after) { /* the product with r h, to where the first has left its place */
            an_step_product(p, rows, u, u, reset, u, kernel + 2 * u, w, a, w);
            for (int64_t r = 0; r < rows; r++) memcpy(reset + r * u, a + r * w, row);
        }
        for (int64_t r = 0; r < rows; r++) {
            const int64_t place = (begin + r) * p->steps + at;
            const float *z = x + place * w + 2 * u, *inner = reset + r * u;
            float *y = gates + place * 4 * u, *hr = h + r * u, *new_h = hs + place * u;
#pragma GCC ivdep
            for (int64_t j = 0; j < u; j++) {
                const float g = an_activate(p->activation, inner[j] + (z[j] + bias[j + 2 * u]));
                y[j + 2 * u] = g;
                new_h[j] = (hr[j] - g) * y[j] + g;
            }
            if (mask && !mask[place]) memcpy(new_h, hr, row);
            else memcpy(hr, new_h, row);
        }
    }
    memcpy(last + begin * u, h, (size_t)rows * row);
}

/* `du` (n, steps, units) and the last block of `sum` (4 units) are of the product's cotangent where r acts after it. */
AN_INLINE void an_gru_back(const an_scan *p, int after, const float *ghs, const float *gh, const float *h0,
                           const float *transposed, const float *drop, const uint8_t *mask, const float *hs,
                           const float *gates, float *dx, float *dh0, float *du, float *before, float *sum,
                           int64_t begin, int64_t end) {
    const int64_t u = p->units, w = 3 * u, rows = end - begin;
    float *dh = an->scratch((rows * 7 + 1) * u * (int64_t)sizeof(float)), *next = dh + rows * u;
    float *held = next + rows * u, *carry = held + rows * u, *d = carry + rows * u, *zeros = d + rows * w;
    memset(zeros, 0, (size_t)u * sizeof(float));
    memset(sum, 0, (size_t)(4 * u) * sizeof(float));
    an_initial_state(dh, gh, begin, rows, u);
    for (int64_t step = p->steps - 1; step >= 0; step--) {
        const int64_t at = an_time(p, step);
        for (int64_t r = 0; r < rows; r++) {
            const int64_t place = (begin + r) * p->steps + at;
            const float *y = gates + place * 4 * u, *dr = dh + r * u;
            const float *h = an_previous_state(p, after ? 3 : 2, step, begin + r, place, h0, hs, drop, zeros, before);
            float *dd = d + r * w, *kept = carry + r * u, *to = dx + place * w;
            an_add_cotangent(p, begin + r, at, ghs, dh + r * u);
            if (mask && !mask[place]) {
                memset(dd, 0, (size_t)w * sizeof(float));
                memset(to, 0, (size_t)w * sizeof(float));
                if (after) memset(du + place * u, 0, (size_t)u * sizeof(float));
                memset(kept, 0, (size_t)u * sizeof(float));
                continue;
            }
#pragma GCC ivdep
            for (int64_t j = 0; j < u; j++) {
                const float z = y[j], reset = y[j + u], g = y[j + 2 * u], inner = y[j + 3 * u];
                const float da = dr[j] * (1.0f - z) * an_derivative(p->activation, g);
                const float dz = dr[j] * (h[j] - g) * an_derivative(p->gate, z);
                const float dreset = da * inner * an_derivative(p->gate, reset), dinner = da * reset;
                kept[j] = dr[j] * z;
                to[j] = dd[j] = dz, to[j + u] = dd[j + u] = dreset, to[j + 2 * u] = da;
                dd[j + 2 * u] = after ? dinner : da;
                sum[j] += dz, sum[j + 2 * u] += da;
                if (after) du[place * u + j] = dinner, sum[j + u] += dreset, sum[j + 3 * u] += dinner;
            }
        }
        if (!after) {
            an_step_product(p, rows, u, u, d + 2 * u, w, transposed + 2 * u * u, u, held, u);
            for (int64_t r = 0; r < rows; r++) {
                const int64_t place = (begin + r) * p->steps + at;
                const float *y = gates + place * 4 * u, *dinner = held + r * u;
                const float *h = an_previous_state(p, 0, step, begin + r, place, h0, hs, NULL, zeros, NULL);
                const float *factor = drop ? drop + (2 * p->n + begin + r) * u : NULL;
                float *dd = d + r * w, *kept = carry + r * u, *to = dx + place * w;
                if (mask && !mask[place]) continue;
#pragma GCC ivdep
                for (int64_t j = 0; j < u; j++) {
                    const float through = factor ? dinner[j] * factor[j] : dinner[j];
                    const float dreset = through * h[j] * an_derivative(p->gate, y[j + u]);
                    kept[j] += through * y[j + u];
                    to[j + u] = dd[j + u] = dreset;
                    sum[j + u] += dreset;
                }
            }
        }
        an_recurrent_product_back(p, after ? 3 : 2, begin, rows, d, transposed, drop, held, next);
        for (int64_t j = 0; j < rows * u; j++) next[j] += carry[j];
        an_pass_masked(p, begin, rows, at, mask, dh, next);
        float *other = dh;
        dh = next, next = other;
    }
    memcpy(dh0 + begin * u, dh, (size_t)(rows * u) * sizeof(float));
}
