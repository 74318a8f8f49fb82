/* Loops that a plan's generated code calls on pieces: rows, images or elements begin <= i < end, in the calling thread.
 *
 * Sums run in a fixed number of lanes and blocks, so they do not depend on the processor's vectors or on the number of
 * threads. What is elementwise is vectorised by the compiler; `restrict` is what lets it.
 */
#ifndef AN_KERNELS_H
#define AN_KERNELS_H
#include "pointwise.h"

#define AN_LANES 32  /* partial sums of a row */
#define AN_TILE 256  /* numbers of a row that are computed before they are summed */
#define AN_STRIP 64  /* columns that stay in registers while rows pass */
#define AN_BLOCK 128 /* rows after which a column's partial sum is put aside */

/* ---- rows --------------------------------------------------------------------------------------------------- */

#define AN_ROW_SUM(T, NAME)                                                                                           \
    AN_INLINE T an_sum_##NAME(const T *restrict x, int64_t n) {                                                       \
        T lane[AN_LANES] = {0}, few = 0;                                                                              \
        int64_t i = 0;                                                                                                \
        for (; n < AN_LANES && i < n; i++) few += x[i];                                                               \
        if (n < AN_LANES) return few;                                                                                 \
        for (; i + AN_LANES <= n; i += AN_LANES)                                                                      \
            for (int k = 0; k < AN_LANES; k++) lane[k] += x[i + k];                                                   \
        for (int k = 0; i < n; i++, k++) lane[k] += x[i];                                                             \
        for (int width = AN_LANES / 2; width; width /= 2)                                                             \
            for (int k = 0; k < width; k++) lane[k] += lane[k + width];                                               \
        return lane[0];                                                                                               \
    }
AN_ROW_SUM(float, f32)
AN_ROW_SUM(double, f64)

/* The largest (an_peak) and the least (an_dip) of a row; NaN if one is. */
#define AN_ROW_END(T, NAME, END, BETTER)                                                                              \
    AN_INLINE T END##_##NAME(const T *restrict x, int64_t n) {                                                        \
        T lane[AN_LANES];                                                                                             \
        int64_t i = 0;                                                                                                \
        for (int k = 0; k < AN_LANES; k++) lane[k] = x[k < n ? k : 0];                                                \
        for (; i + AN_LANES <= n; i += AN_LANES)                                                                      \
            for (int k = 0; k < AN_LANES; k++) lane[k] = BETTER##_##NAME(x[i + k], lane[k]);                          \
        for (int k = 0; i < n; i++, k++) lane[k] = BETTER##_##NAME(x[i], lane[k]);                                    \
        for (int width = AN_LANES / 2; width; width /= 2)                                                             \
            for (int k = 0; k < width; k++) lane[k] = BETTER##_##NAME(lane[k], lane[k + width]);                      \
        return lane[0];                                                                                               \
    }
AN_ROW_END(float, f32, an_peak, an_max)
AN_ROW_END(double, f64, an_peak, an_max)
AN_ROW_END(float, f32, an_dip, an_min)
AN_ROW_END(double, f64, an_dip, an_min)

/* y = e^(x - max), the row's total in *total; softmax is y / total, its log x - max - log(total). Returns max. */
AN_INLINE float an_exp_row_f32(const float *restrict x, float *restrict y, int64_t n, float *total) {
    float peak = an_peak_f32(x, n);
    for (int64_t i = 0; i < n; i++) y[i] = an_exp_f32(x[i] - peak);
    *total = an_sum_f32(y, n);
    return peak;
}
AN_INLINE double an_exp_row_f64(const double *restrict x, double *restrict y, int64_t n, double *total) {
    double peak = an_peak_f64(x, n);
    for (int64_t i = 0; i < n; i++) y[i] = an_exp_f64(x[i] - peak);
    *total = an_sum_f64(y, n);
    return peak;
}

/* y[i] = sum over j < k of a[i * lda + j] * x[j], four rows at a time, each in vectors and then one by one. */
#define AN_ROWS_TIMES_COLUMN(T, S)                                                                              \
    typedef T an_lanes_of_##S __attribute__((vector_size(AN_BYTES), aligned(sizeof(T)), may_alias));            \
    AN_STATIC void an_rows_times_column_##S(const T *restrict a, int64_t lda, const T *restrict x,              \
                                            T *restrict y, int64_t begin, int64_t end, int64_t k) {             \
        enum { LANES = AN_BYTES / sizeof(T) };                                                                  \
        for (int64_t i = begin; i < end; i += 4) {                                                              \
            const int64_t most = end - i < 4 ? end - i : 4;                                                     \
            const T *row[4];                                                                                    \
            an_lanes_of_##S s[4] = {{0}, {0}, {0}, {0}}, u[4] = {{0}, {0}, {0}, {0}};                           \
            int64_t j = 0;                                                                                      \
            for (int r = 0; r < 4; r++) row[r] = a + (i + (r < most ? r : 0)) * lda;                            \
            for (; j + 2 * LANES <= k; j += 2 * LANES) {                                                        \
                const an_lanes_of_##S v = *(const an_lanes_of_##S *)(x + j);                                    \
                const an_lanes_of_##S w = *(const an_lanes_of_##S *)(x + j + LANES);                            \
                for (int r = 0; r < 4; r++) {                                                                   \
                    s[r] += *(const an_lanes_of_##S *)(row[r] + j) * v;                                         \
                    u[r] += *(const an_lanes_of_##S *)(row[r] + j + LANES) * w;                                 \
                }                                                                                               \
            }                                                                                                   \
            for (int r = 0; r < most; r++) {                                                                    \
                T total = 0;                                                                                    \
                s[r] += u[r];                                                                                   \
                for (int lane = 0; lane < (int)LANES; lane++) total += s[r][lane];                              \
                for (int64_t p = j; p < k; p++) total += row[r][p] * x[p];                                      \
                y[i + r] = total;                                                                               \
            }                                                                                                   \
        }                                                                                                       \
    }
AN_ROWS_TIMES_COLUMN(float, f32)
AN_ROWS_TIMES_COLUMN(double, f64)

/* Softmax, and each row's largest number and the logarithm of its sum of e^(x - largest). (Apart: where the numbers are
 * large, the logarithm would be lost in their sum.) For rows of few columns (classes): sixteen rows side by side, one per
 * lane. probability (rows, n), or peaks and logs (rows,), may be NULL. */
AN_STATIC void an_softmax_rows_f32(const float *restrict x, int64_t begin, int64_t end, int64_t n,
                                   float *restrict probability, float *restrict peaks, float *restrict logs) {
    enum { SIDE = 16, MOST = 128 };
    for (int64_t row = begin; row < end; row += n <= MOST ? SIDE : 1) {
        if (n > MOST) {
            const float *from = x + row * n;
            float part[AN_BLOCK], *y = probability ? probability + row * n : NULL;
            float peak = an_peak_f32(from, n), total = 0;
            for (int64_t j = 0; j < n; j += AN_BLOCK) {
                int64_t size = n - j < AN_BLOCK ? n - j : AN_BLOCK;
                for (int64_t k = 0; k < size; k++) part[k] = an_exp_f32(from[j + k] - peak);
                total += an_sum_f32(part, size);
                if (y) memcpy(y + j, part, (size_t)size * sizeof *part);
            }
            for (int64_t j = 0; y && j < n; j++) y[j] = y[j] / total;
            if (logs) peaks[row] = peak, logs[row] = an_log_f32(total);
            continue;
        }
        float t[MOST][SIDE], peak[SIDE], total[SIDE];
        int64_t rows = end - row < SIDE ? end - row : SIDE;
        for (int64_t j = 0; j < n; j++)
            for (int r = 0; r < SIDE; r++) t[j][r] = x[(row + (r < rows ? r : 0)) * n + j];
        for (int r = 0; r < SIDE; r++) peak[r] = t[0][r], total[r] = 0;
        for (int64_t j = 1; j < n; j++)
            for (int r = 0; r < SIDE; r++) peak[r] = an_max_f32(t[j][r], peak[r]);
        for (int64_t j = 0; j < n; j++)
            for (int r = 0; r < SIDE; r++) {
                t[j][r] = an_exp_f32(t[j][r] - peak[r]);
                total[r] += t[j][r];
            }
        if (logs)
            for (int r = 0; r < rows; r++) peaks[row + r] = peak[r], logs[row + r] = an_log_f32(total[r]);
        if (probability)
            for (int64_t r = 0; r < rows; r++)
                for (int64_t j = 0; j < n; j++) probability[(row + r) * n + j] = t[j][r] / total[r];
    }
}

/* ---- columns ------------------------------------------------------------------------------------------------ */

/* out[j] (+)= the sum over rows begin <= i < end of x[i * ld + j], for j < n. Bias gradients, say. */
#define AN_COLUMN_SUMS(T, NAME)                                                                                       \
    AN_STATIC void an_column_sums_##NAME(const T *restrict x, int64_t begin, int64_t end, int64_t n, int64_t ld,      \
                                         T *restrict out, int add) {                                                  \
        for (int64_t j = 0; j < n; j += AN_STRIP) {                                                                   \
            int64_t wide = n - j < AN_STRIP ? n - j : AN_STRIP;                                                       \
            T total[AN_STRIP] = {0};                                                                                  \
            for (int64_t top = begin; top < end; top += AN_BLOCK) {                                                   \
                int64_t bottom = end - top < AN_BLOCK ? end : top + AN_BLOCK;                                         \
                T sum[AN_STRIP] = {0};                                                                                \
                if (wide == AN_STRIP)                                                                                 \
                    for (int64_t i = top; i < bottom; i++)                                                            \
                        for (int k = 0; k < AN_STRIP; k++) sum[k] += x[i * ld + j + k];                               \
                else                                                                                                  \
                    for (int64_t i = top; i < bottom; i++)                                                            \
                        for (int64_t k = 0; k < wide; k++) sum[k] += x[i * ld + j + k];                               \
                for (int k = 0; k < AN_STRIP; k++) total[k] += sum[k];                                                \
            }                                                                                                         \
            for (int64_t k = 0; k < wide; k++) out[j + k] = total[k] + (add ? out[j + k] : 0);                        \
        }                                                                                                             \
    }
AN_COLUMN_SUMS(float, f32)
AN_COLUMN_SUMS(double, f64)

/* Mean m and sum of squared deviations s of `before` numbers, joined with those of `size` more. */
AN_INLINE void an_merge_moments(float *m, float *s, float mean, float square, float before, float size) {
    float after = before + size, d = mean - *m, seen = an_where_f32(before > 0, d, 0); /* inf * 0 is no square */
    *s += square + seen * seen * (before * size / after);
    *m = an_where_f32(an_abs_f32(d) < AN_INF_F32, *m + d * (size / after), *m + mean); /* as a sum goes on from inf */
}

/* Mean and sum of squared deviations of columns [first, last) over rows begin <= i < end: two passes over a block of
 * AN_BLOCK rows while it is in the cache, blocks joined by Chan, Golub, LeVeque, 1979 (Stanford STAN-CS-79-773).
 * mean and square (n,); the variance is square / (end - begin). */
AN_STATIC void an_moments_f32(const float *restrict x, int64_t begin, int64_t end, int64_t first, int64_t last,
                              int64_t ld, float *restrict mean, float *restrict square) {
    for (int64_t j = first; j < last; j += AN_STRIP) {
        int64_t wide = last - j < AN_STRIP ? last - j : AN_STRIP;
        float m[AN_STRIP] = {0}, s[AN_STRIP] = {0};
        for (int64_t top = begin; top < end; top += AN_BLOCK) {
            int64_t bottom = end - top < AN_BLOCK ? end : top + AN_BLOCK;
            float part[AN_STRIP] = {0}, deviation[AN_STRIP] = {0}, size = (float)(bottom - top);
            float before = (float)(top - begin);
            if (wide == AN_STRIP) {
                for (int64_t i = top; i < bottom; i++)
                    for (int k = 0; k < AN_STRIP; k++) part[k] += x[i * ld + j + k];
                for (int k = 0; k < AN_STRIP; k++) part[k] /= size;
                for (int64_t i = top; i < bottom; i++)
                    for (int k = 0; k < AN_STRIP; k++) {
                        float d = x[i * ld + j + k] - part[k];
                        deviation[k] += d * d;
                    }
            } else {
                for (int64_t i = top; i < bottom; i++)
                    for (int64_t k = 0; k < wide; k++) part[k] += x[i * ld + j + k];
                for (int k = 0; k < AN_STRIP; k++) part[k] /= size;
                for (int64_t i = top; i < bottom; i++)
                    for (int64_t k = 0; k < wide; k++) {
                        float d = x[i * ld + j + k] - part[k];
                        deviation[k] += d * d;
                    }
            }
            for (int k = 0; k < AN_STRIP; k++) an_merge_moments(&m[k], &s[k], part[k], deviation[k], before, size);
        }
        for (int64_t k = 0; k < wide; k++) mean[j + k] = m[k], square[j + k] = s[k];
    }
}

/* ---- updates ------------------------------------------------------------------------------------------------ */

/* Kingma, Ba, 2015, end of section 2; a = lr sqrt(1 - beta_2^t) / (1 - beta_1^t) */
AN_INLINE void an_adam_f32(float *restrict w, float *restrict m, float *restrict v, const float *restrict g,
                           int64_t begin, int64_t end, float one_less_beta_1, float one_less_beta_2, float a,
                           float epsilon) {
    for (int64_t i = begin; i < end; i++) {
        m[i] = m[i] + one_less_beta_1 * (g[i] - m[i]);
        v[i] = v[i] + one_less_beta_2 * (g[i] * g[i] - v[i]);
        w[i] = w[i] - a * m[i] / (__builtin_sqrtf(v[i]) + epsilon);
    }
}

/* ---- windows ------------------------------------------------------------------------------------------------ */

/* Patches (n1 - n0, oh * ow, kh * kw * c) of the images n0 <= i < n1, for what conv.c does not do. */
AN_STATIC void an_patches_f32(const an_conv *p, const float *restrict x, float *restrict patches, int64_t n0,
                              int64_t n1) {
    int64_t c = p->c;
    for (int64_t n = n0; n < n1; n++)
        for (int64_t oy = 0; oy < p->oh; oy++)
            for (int64_t ox = 0; ox < p->ow; ox++)
                for (int64_t i = 0; i < p->kh; i++) {
                    int64_t y = oy * p->sh + i * p->dh - p->pad_top, left = ox * p->sw - p->pad_left;
                    const float *line = x + (n * p->h + y) * p->w * c;
                    if (y >= 0 && y < p->h && p->dw == 1 && left >= 0 && left + p->kw <= p->w) {
                        memcpy(patches, line + left * c, (size_t)(p->kw * c) * sizeof *patches);
                        patches += p->kw * c;
                    } else
                        for (int64_t j = 0; j < p->kw; j++, patches += c) {
                            int64_t at = left + j * p->dw;
                            int outside = y < 0 || y >= p->h || at < 0 || at >= p->w;
                            if (outside) memset(patches, 0, (size_t)c * sizeof *patches);
                            else memcpy(patches, line + at * c, (size_t)c * sizeof *patches);
                        }
                }
}

/* x = every patch added back to where it came from, for the images n0 <= i < n1. */
AN_STATIC void an_unpatches_f32(const an_conv *p, const float *restrict patches, float *restrict x, int64_t n0,
                                int64_t n1) {
    int64_t c = p->c;
    memset(x + n0 * p->h * p->w * c, 0, (size_t)((n1 - n0) * p->h * p->w * c) * sizeof *x);
    for (int64_t n = n0; n < n1; n++)
        for (int64_t oy = 0; oy < p->oh; oy++)
            for (int64_t ox = 0; ox < p->ow; ox++)
                for (int64_t i = 0; i < p->kh; i++) {
                    int64_t y = oy * p->sh + i * p->dh - p->pad_top;
                    for (int64_t j = 0; j < p->kw; j++, patches += c) {
                        int64_t at = ox * p->sw + j * p->dw - p->pad_left;
                        if (y < 0 || y >= p->h || at < 0 || at >= p->w) continue;
                        float *to = x + ((n * p->h + y) * p->w + at) * c;
                        for (int64_t k = 0; k < c; k++) to[k] += patches[k];
                    }
                }
}

/* y (n, oh, ow, c) = the largest of each window (kh, kw); padding never counts. The fields of an_conv say where. */
AN_STATIC void an_pool_max_f32(const an_conv *p, const float *restrict x, float *restrict y, int64_t n0, int64_t n1) {
    int64_t c = p->c;
    for (int64_t n = n0; n < n1; n++)
        for (int64_t oy = 0; oy < p->oh; oy++)
            for (int64_t ox = 0; ox < p->ow; ox++) {
                int64_t top = oy * p->sh - p->pad_top, left = ox * p->sw - p->pad_left, first = 1;
                float *restrict to = y + ((n * p->oh + oy) * p->ow + ox) * c;
                const float *from = x + ((n * p->h + top) * p->w + left) * c;
                if (p->kh == 2 && p->kw == 2 && top >= 0 && left >= 0 && top + 2 <= p->h && left + 2 <= p->w) {
                    const float *restrict a = from, *restrict b = from + p->w * c;
                    for (int64_t k = 0; k < c; k++)
                        to[k] = an_max_f32(an_max_f32(a[k], a[k + c]), an_max_f32(b[k], b[k + c]));
                    continue;
                }
                for (int64_t i = 0; i < p->kh; i++)
                    for (int64_t j = 0; j < p->kw; j++) {
                        if (top + i < 0 || top + i >= p->h || left + j < 0 || left + j >= p->w) continue;
                        const float *restrict tap = from + (i * p->w + j) * c;
                        if (first) memcpy(to, tap, (size_t)c * sizeof *to);
                        else
                            for (int64_t k = 0; k < c; k++) to[k] = an_max_f32(tap[k], to[k]);
                        first = 0;
                    }
                for (int64_t k = 0; first && k < c; k++) to[k] = -AN_INF_F32;
            }
}

/* dx (n, h, w, c) = each window's dy at the first place where x has that window's peak, added where windows overlap. */
AN_STATIC void an_unpool_max_f32(const an_conv *p, const float *restrict dy, const float *restrict x,
                                 const float *restrict peaks, float *restrict dx, int64_t n0, int64_t n1) {
    int64_t c = p->c, once = p->sh == 2 && p->sw == 2 && p->kh == 2 && p->kw == 2 && !p->pad_top && !p->pad_left &&
                             p->oh * 2 <= p->h && p->ow * 2 <= p->w;
    for (int64_t n = n0; n < n1; n++) {
        if (!once || p->oh * 2 < p->h || p->ow * 2 < p->w)
            memset(dx + n * p->h * p->w * c, 0, (size_t)(p->h * p->w * c) * sizeof *dx);
        for (int64_t oy = 0; oy < p->oh; oy++)
            for (int64_t ox = 0; ox < p->ow; ox++) {
                int64_t top = oy * p->sh - p->pad_top, left = ox * p->sw - p->pad_left;
                int64_t at = ((n * p->oh + oy) * p->ow + ox) * c;
                int64_t corner = ((n * p->h + top) * p->w + left) * c, below = corner + p->w * c;
                const float *restrict g = dy + at, *restrict peak = peaks + at;
                if (once) {
                    const float *restrict a = x + corner, *restrict b = x + below;
                    float *restrict da = dx + corner, *restrict db = dx + below;
                    for (int64_t k = 0; k < c; k++) {
                        int one = a[k] == peak[k], two = a[k + c] == peak[k] && !one;
                        int three = b[k] == peak[k] && !(one | two), four = b[k + c] == peak[k] && !(one | two | three);
                        da[k] = an_where_f32(one, g[k], 0), da[k + c] = an_where_f32(two, g[k], 0);
                        db[k] = an_where_f32(three, g[k], 0), db[k + c] = an_where_f32(four, g[k], 0);
                    }
                    continue;
                }
                for (int64_t k = 0; k < c; k += AN_STRIP) {
                    int32_t open[AN_STRIP];
                    int64_t wide = c - k < AN_STRIP ? c - k : AN_STRIP;
                    for (int64_t l = 0; l < wide; l++) open[l] = 1;
                    for (int64_t i = 0; i < p->kh; i++)
                        for (int64_t j = 0; j < p->kw; j++) {
                            if (top + i < 0 || top + i >= p->h || left + j < 0 || left + j >= p->w) continue;
                            int64_t tap = corner + (i * p->w + j) * c + k;
                            for (int64_t l = 0; l < wide; l++) {
                                int hit = open[l] & (x[tap + l] == peak[k + l]);
                                dx[tap + l] += an_where_f32(hit, g[k + l], 0);
                                open[l] &= !hit;
                            }
                        }
                }
            }
    }
}
#endif
