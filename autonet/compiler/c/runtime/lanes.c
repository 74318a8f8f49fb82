/* Convolutions of narrow groups, depthwise ones among them: each channel of the result has a lane of its own.
 *
 * A group of fewer results than a vector has lanes would leave the others empty, so a vector takes in neighbouring
 * groups. Their numbers have to stand side by side: the `own` channels of each group become planes of `wide` numbers,
 *
 *     plane i, number o  =  channel i of the group that result o belongs to,
 *
 * which is the image itself where each group has one channel and one result. A result is then a sum over taps and
 * planes of a vector of pixels times a vector of the kernel.
 */
typedef struct {
    i64 groups, own, wide; /* own: channels of a group; wide: results of all groups */
} an_planes;

static int an_narrow(i64 groups, i64 wide) { return groups > 1 && wide / groups < AN_BYTES / 4; }

/* Numbers of a pixel. */
static i64 an_depth(an_planes s) { return s.own * s.wide; }

/* As an_bordered, for images of groups * own channels, with the planes of each pixel. */
static an_frame an_spread(const float *x, i64 h, i64 w, an_planes s, i64 top, i64 left, i64 rows, i64 columns,
                          i64 first, i64 count, float *to) {
    i64 depth = an_depth(s), each = s.wide / s.groups;
    if (s.own == 1 && each == 1) return an_bordered(x, h, w, s.wide, top, left, rows, columns, first, count, to);
    memset(to, 0, (size_t)(count * rows * columns * depth) * 4);
    for (i64 n = 0; n < count; n++)
        for (i64 y = top > 0 ? top : 0; y < rows && y < top + h; y++)
            for (i64 v = left > 0 ? left : 0; v < columns && v < left + w; v++) {
                const float *from = x + (((first + n) * h + y - top) * w + v - left) * s.groups * s.own;
                float *plane = to + ((n * rows + y) * columns + v) * depth;
                for (i64 i = 0; i < s.own; i++, plane += s.wide)
                    for (i64 g = 0; g < s.groups; g++)
                        for (i64 o = 0; o < each; o++) plane[g * each + o] = from[g * s.own + i];
            }
    return (an_frame){to, rows, columns, rows * columns * depth, top * columns * depth, (top + h) * columns * depth};
}

/* The vectors y[i] = sum over q < k of x[i * pixel + at[q]] w[from[q]], for i < PIXELS. */
AN_INLINE void an_taps(const int PIXELS, i64 k, const float *x, i64 pixel, const i64 *at, const float *w,
                       const i64 *from, float *y, i64 out) {
    an_floats sum[6];
#pragma GCC unroll 6
    for (int i = 0; i < PIXELS; i++) sum[i] = (an_floats){0};
    for (i64 q = 0; q < k; q++) {
        const float *pixels = x + at[q];
        an_floats tap = *(const an_floats *)(w + from[q]);
#pragma GCC unroll 6
        for (int i = 0; i < PIXELS; i++) sum[i] += *(const an_floats *)(pixels + i * pixel) * tap;
    }
#pragma GCC unroll 6
    for (int i = 0; i < PIXELS; i++) *(an_floats *)(y + i * out) = sum[i];
}

/* The same results as those of an_windows, of n channels, for x, at and w of planes. */
static void an_lanes(const an_frame *f, i64 count, i64 lines, i64 columns, i64 x, an_steps in, const i64 *at, i64 k,
                     const float *w, const i64 *from, i64 n, float *y, an_steps out) {
    i64 lanes = AN_BYTES / 4, tiles = (columns + 5) / 6;
    for (i64 image = 0; image < count; image++)
        for (i64 line = 0; line < lines; line++) {
            const float *left = f->at + x + image * in.image + line * in.line;
            float *to = y + image * out.image + line * out.line;
            for (i64 o = 0; n < lanes && o < n; o++)
                for (i64 i = 0; i < columns; i++) {
                    float sum = 0;
                    for (i64 q = 0; q < k; q++) sum += left[i * in.pixel + at[q] + o] * w[from[q] + o];
                    to[i * out.pixel + o] = sum;
                }
            for (i64 o = 0; n >= lanes && o < n; o += lanes) {
                if (o + lanes > n) o = n - lanes; /* the last vector overlaps: what both hold comes out alike */
                for (i64 tile = 0, i = 0; tile < tiles; tile++) {
                    const float *pixels = left + i * in.pixel + o;
                    float *results = to + i * out.pixel + o;
                    i64 size = columns / tiles + (tile < columns % tiles);
#define SIZE(size)                                                                                                    \
    case size: an_taps(size, k, pixels, in.pixel, at, w + o, from, results, out.pixel); break;
                    switch (size) { SIZE(1) SIZE(2) SIZE(3) SIZE(4) SIZE(5) SIZE(6) }
#undef SIZE
                    i += size;
                }
            }
        }
}

/* The vectors sum[q] = sum over i < n of x[i * pixel + at[q]] y[i * out], for q < TAPS. */
AN_INLINE void an_tap_sums(const int TAPS, i64 n, const float *x, i64 pixel, const i64 *at, const float *y, i64 out,
                           an_floats *sums) {
    an_floats sum[9];
#pragma GCC unroll 9
    for (int q = 0; q < TAPS; q++) sum[q] = (an_floats){0};
    for (i64 i = 0; i < n; i++, x += pixel, y += out) {
        an_floats right = *(const an_floats *)y;
#pragma GCC unroll 9
        for (int q = 0; q < TAPS; q++) sum[q] += *(const an_floats *)(x + at[q]) * right;
    }
#pragma GCC unroll 9
    for (int q = 0; q < TAPS; q++) sums[q] = sum[q];
}

/* dw (k, n) += the sums over count images of `lines` x `columns` pixels of x[at[q]] y, n channels. */
static void an_lanes_kernel(const an_frame *f, i64 count, i64 lines, i64 columns, an_steps in, const i64 *at, i64 k,
                            const float *y, an_steps out, i64 n, float *dw) {
    i64 lanes = AN_BYTES / 4, chunks = (k + 8) / 9;
    for (i64 image = 0; image < count; image++)
        for (i64 line = 0; line < lines; line++) {
            const float *left = f->at + image * in.image + line * in.line;
            const float *right = y + image * out.image + line * out.line;
            for (i64 o = 0; n < lanes && o < n; o++)
                for (i64 q = 0; q < k; q++) {
                    float sum = 0;
                    for (i64 i = 0; i < columns; i++) sum += left[i * in.pixel + at[q] + o] * right[i * out.pixel + o];
                    dw[q * n + o] += sum;
                }
            for (i64 o = 0, known = 0; n >= lanes && o < n; o += lanes) {
                if (o + lanes > n) known = o + lanes - n, o = n - lanes; /* its first lanes were added already */
                for (i64 chunk = 0, q = 0; chunk < chunks; chunk++) {
                    an_floats sums[9];
                    i64 size = k / chunks + (chunk < k % chunks);
#define SIZE(size)                                                                                                    \
    case size: an_tap_sums(size, columns, left + o, in.pixel, at + q, right + o, out.pixel, sums); break;
                    switch (size) { SIZE(1) SIZE(2) SIZE(3) SIZE(4) SIZE(5) SIZE(6) SIZE(7) SIZE(8) SIZE(9) }
#undef SIZE
                    for (i64 r = 0; r < size; r++) {
                        float *to = dw + (q + r) * n + o;
                        for (i64 lane = 0; lane < known; lane++) sums[r][lane] = 0;
                        *(an_floats *)to += sums[r];
                    }
                    q += size;
                }
            }
        }
}
