/* Derivatives of convolutions where nearly all of dy is zero, as behind a maximum over all positions: what is not is taken
 * number by number. The same sums but for the zeros, so only where no zero meets what is not finite.
 */
#define AN_RARE 16   /* numbers of dy for one that is not zero, at least */
#define AN_TASTE 512 /* numbers of dy that are looked at first */
#define AN_GROUP 64  /* numbers that are looked at together */

static int an_all_zero(const float *x) { /* AN_GROUP of them */
    typedef int an_flags __attribute__((vector_size(AN_BYTES)));
    an_flags seen = {0};
    uint64_t words[AN_BYTES / 8], any = 0;
    for (int k = 0; k < AN_GROUP; k += AN_BYTES / 4) seen |= *(const an_floats *)(x + k) != 0;
    memcpy(words, &seen, AN_BYTES);
    for (int k = 0; k < AN_BYTES / 8; k++) any |= words[k];
    return !any;
}

/* Where the n numbers of x are not zero, in order; -1 if there are more than `most`. (int32_t: n stays below 2^31.) */
static i64 an_nonzeros(const float *x, i64 n, int32_t *at, i64 most) {
    i64 found = 0;
    for (i64 i = 0; i < n; i += AN_GROUP) {
        int group = n - i < AN_GROUP ? (int)(n - i) : AN_GROUP;
        if (group == AN_GROUP && an_all_zero(x + i)) continue;
        for (int k = 0; k < group; k++) {
            if (x[i + k] == 0) continue;
            if (found == most) return -1;
            at[found++] = (int32_t)(i + k);
        }
    }
    return found;
}

/* Where dy of the images n0 <= i < n1 is not zero, how many times in *found; NULL where it is not sparse. After that there
 * are `more` bytes of memory. */
static int32_t *an_sparse(const an_conv *p, const float *dy, i64 n0, i64 n1, i64 more, i64 *found) {
    i64 one = p->oh * p->ow * p->oc, all = (n1 - n0) * one, taste = all < AN_TASTE ? all : AN_TASTE;
    int32_t few[2 * AN_TASTE / AN_RARE];
    if (p->groups != 1 || all >= INT32_MAX || an_nonzeros(dy + n0 * one, taste, few, 2 * taste / AN_RARE) < 0) return NULL;
    int32_t *at = an_scratch(more + (all / AN_RARE + 16) * 4);
    *found = an_nonzeros(dy + n0 * one, all, at, all / AN_RARE);
    return *found < 0 ? NULL : at;
}

static void an_add_times(float *restrict to, float g, const float *restrict x, i64 n) {
    i64 lanes = AN_BYTES / 4, i = 0;
    for (; i + lanes <= n; i += lanes) *(an_floats *)(to + i) += g * *(const an_floats *)(x + i);
    for (; i < n; i++) to[i] += g * x[i];
}

/* For every number g of dy that is not zero, of channel o, and every line of its window that lies in the image:
 * ours + (o * taps + tap) * c or, with dx, dx + pixel gets g times the other one's numbers, `run` pixels at a time. */
static void an_scatter(const an_conv *p, const float *dy, i64 n0, const int32_t *where, i64 found, float *ours,
                       const float *x, float *dx) {
    i64 taps = p->kh * p->kw, c = p->c, joined = p->dw == 1;
    dy += n0 * p->oh * p->ow * p->oc;
    for (i64 f = 0; f < found; f++) {
        i64 o = where[f] % p->oc, r = where[f] / p->oc, n = n0 + r / (p->oh * p->ow);
        i64 y0 = r / p->ow % p->oh * p->sh - p->pad_top, x0 = r % p->ow * p->sw - p->pad_left;
        for (i64 i = 0; i < p->kh; i++) {
            i64 line = y0 + i * p->dh;
            if (line < 0 || line >= p->h) continue;
            for (i64 j = 0, run; j < p->kw; j += run) {
                i64 at = x0 + j * p->dw;
                run = 1;
                if (at < 0 || at >= p->w) continue;
                while (joined && j + run < p->kw && at + run < p->w) run++;
                float *own = ours + (o * taps + i * p->kw + j) * c;
                i64 pixel = ((n * p->h + line) * p->w + at) * c;
                if (dx) an_add_times(dx + pixel, dy[where[f]], own, run * c);
                else an_add_times(own, dy[where[f]], x + pixel, run * c);
            }
        }
    }
}

/* an_conv_kernel of a sparse dy, if it is and all of x is finite */
static int an_sparse_kernel(const an_conv *p, const float *x, const float *dy, float *dw, i64 n0, i64 n1) {
    i64 in = p->h * p->w * p->c, k = p->kh * p->kw * p->c, found;
    int32_t *where = an_sparse(p, dy, n0, n1, k * p->oc * 4, &found);
    if (!where || an_strange(x + n0 * in, (n1 - n0) * in) != 0) return 0;
    float *turned = (float *)(where + found);
    memset(turned, 0, (size_t)(k * p->oc) * 4);
    an_scatter(p, dy, n0, where, found, turned, x, NULL);
    for (i64 o = 0; o < p->oc; o++)
        for (i64 q = 0; q < k; q++) dw[q * p->oc + o] += turned[o * k + q];
    return 1;
}

/* an_conv_input of a sparse dy, if it is; transposed is (kh, kw, oc, c), and then what says whether it is finite */
static int an_sparse_input(const an_conv *p, const float *dy, const float *transposed, float *dx, i64 n0, i64 n1) {
    i64 in = p->h * p->w * p->c, taps = p->kh * p->kw, c = p->c, found;
    if (transposed[taps * (p->oc / p->groups) * c] != 0) return 0;
    int32_t *where = an_sparse(p, dy, n0, n1, p->oc * taps * c * 4, &found);
    if (!where) return 0;
    float *turned = (float *)(where + found);
    for (i64 o = 0; o < p->oc; o++)
        for (i64 tap = 0; tap < taps; tap++)
            memcpy(turned + (o * taps + tap) * c, transposed + (tap * p->oc + o) * c, (size_t)c * 4);
    memset(dx + n0 * in, 0, (size_t)((n1 - n0) * in) * 4);
    an_scatter(p, dy, n0, where, found, turned, NULL, dx);
    return 1;
}
