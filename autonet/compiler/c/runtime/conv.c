/* Convolutions over (n, h, w, c) images, with no matrix of patches anywhere.
 *
 * A line of results is a product whose left side is read in the image itself: row r of it is the window of pixel r,
 * which starts `stride * c` numbers after that of pixel r - 1, and a table `at` says where inside the window each of
 * its numbers stands. So the kernels of gemm.h do all the work:
 *
 *     y[pixel, o]      = sum over (i, j, c)   of  x[window(pixel)(i, j, c)] w[i, j, c, o]
 *     dw[(i, j, c), o] = sum over pixels      of  x[window(pixel)(i, j, c)] dy[pixel, o]
 *     dx[pixel, c]     = sum over (i, j, o)   of  dy[where (i, j) was over pixel, o] w[i, j, c, o]
 *
 * Where there are borders, images are copied, with their zeros, into scratch memory, a few at a time, so that they stay
 * in the second cache.
 */
#define AN_NEAR (384 * 1024) /* bytes of images at a time */
#define AN_DEEP 384          /* rows of a strip of the kernel, which is two vectors wide */

/* One set of images as the kernels see it: `rows` x `columns` pixels of c numbers, one image `size` numbers apart. */
typedef struct {
    const float *at;
    i64 rows, columns, size;
    i64 begin, end; /* numbers of an image outside these are border: zeros */
} an_frame;

/* The images first, ..., first + count - 1 with `top` and `left` zeros (or, below zero, pixels cut off) before them. */
static an_frame an_bordered(const float *x, i64 h, i64 w, i64 c, i64 top, i64 left, i64 rows, i64 columns, i64 first,
                            i64 count, float *to) {
    i64 whole = h * w * c;
    if (!top && !left && rows <= h && columns <= w) return (an_frame){x + first * whole, h, w, whole, 0, whole};
    i64 begin = left > 0 ? left : 0, end = left + w < columns ? left + w : columns;
    for (i64 n = 0; n < count; n++)
        for (i64 y = 0; y < rows; y++) {
            float *line = to + (n * rows + y) * columns * c;
            if (y < top || y >= top + h || begin >= end) {
                memset(line, 0, (size_t)(columns * c) * 4);
                continue;
            }
            memset(line, 0, (size_t)(begin * c) * 4);
            const float *from = x + (((first + n) * h + y - top) * w + begin - left) * c;
            memcpy(line + begin * c, from, (size_t)((end - begin) * c) * 4);
            memset(line + end * c, 0, (size_t)((columns - end) * c) * 4);
        }
    return (an_frame){to, rows, columns, rows * columns * c, top * columns * c, (top + h) * columns * c};
}

static i64 an_together(i64 images, i64 numbers) {
    i64 fit = AN_NEAR / 4 / (numbers ? numbers : 1);
    return fit < 1 ? 1 : fit < images ? fit : images;
}

/* How pixels follow each other in memory. */
typedef struct {
    i64 image, line, pixel;
} an_steps;

typedef float an_floats __attribute__((vector_size(AN_BYTES), aligned(4), may_alias));

/* 0 where all n numbers are finite, else NaN. */
static float an_strange(const float *x, i64 n) {
    an_floats sums = {0};
    i64 lanes = AN_BYTES / 4, i = 0;
    float sum = 0;
    for (; i + lanes <= n; i += lanes) sums += *(const an_floats *)(x + i) * 0;
    for (; i < n; i++) sum += x[i] * 0;
    for (i64 lane = 0; lane < lanes; lane++) sum += sums[lane];
    return sum;
}

/* A strip of products, m rows of `wide` columns that stand in 2^size vectors: with k rows packed at b. See gemm.h. */
static void an_strip(i64 m, i64 wide, int size, i64 k, const float *a, i64 row, const i64 *at, const float *b, float *c,
                     i64 ldc, int add) {
    struct an_strip_32 s = {.wide = wide, .vectors = 1 << size, .k = k, .rest = b};
    an_tiles_32(&s, m, a, row, 0, at, c, ldc, add);
}

/* y of count images of `lines` x `columns` pixels: each its window (which begins at number x of the frame plus its
 * steps, and has its numbers at[0], ..., at[k - 1] further on) times the k rows, of n columns, that stand at
 * w + from[0], ..., w + from[k - 1]. Rows that meet the upper or lower border all along a line are left out, unless zero
 * times them is NaN. */
static void an_windows(const an_frame *f, i64 count, i64 lines, i64 columns, i64 x, an_steps in, const i64 *at, i64 k,
                       const float *w, const i64 *from, i64 n, float *y, an_steps out) {
    _Alignas(64) float strip[AN_DEEP * 2 * AN_BYTES / 4];
    i64 blocks = (k + AN_DEEP - 1) / AN_DEEP, lanes = AN_BYTES / 4, wide;
    for (i64 block = 0, p = 0; block < blocks; block++) {
        i64 deep = k / blocks + (block < k % blocks);
        for (i64 j = 0; j < n; j += wide) {
            int size = n - j > lanes;
            i64 full = lanes << size;
            wide = n - j < full ? n - j : full;
            float strange = 0;
            for (i64 q = 0; q < deep; q++) {
                memcpy(strip + q * full, w + from[p + q] + j, (size_t)wide * 4);
                if (wide < full) strange += an_strange(strip + q * full, wide);
            }
            if (wide == full) strange = an_strange(strip, deep * full);
            for (i64 line = 0; line < lines; line++) {
                i64 start = x + line * in.line, low = f->begin - start, high = f->end - start, q0 = 0, q1 = deep;
                while (strange == 0 && q0 < deep - 1 && (at[p + q0] < low || at[p + q0] >= high)) q0++;
                while (strange == 0 && q1 > q0 + 1 && (at[p + q1 - 1] < low || at[p + q1 - 1] >= high)) q1--;
                for (i64 image = 0; image < count; image++) {
                    const float *left = f->at + start + image * in.image;
                    float *to = y + image * out.image + line * out.line + j;
                    an_strip(columns, wide, size, q1 - q0, left, in.pixel, at + p + q0, strip + q0 * full, to,
                             out.pixel, block > 0);
                }
            }
        }
        p += deep;
    }
}

#include "lanes.c"
#include "sparse.c"

/* y = x * w for the images n0 <= i < n1 */
static void an_conv_forward(const an_conv *p, const float *x, const float *w, float *y, i64 n0, i64 n1) {
    i64 rows = (p->oh - 1) * p->sh + (p->kh - 1) * p->dh + 1, columns = (p->ow - 1) * p->sw + (p->kw - 1) * p->dw + 1;
    i64 cg = p->c / p->groups, og = p->oc / p->groups, k = p->kh * p->kw * cg, out = p->oh * p->ow * p->oc;
    int narrow = an_narrow(p->groups, p->oc);
    an_planes planes = narrow ? (an_planes){p->groups, cg, p->oc} : (an_planes){p->c, 1, p->c};
    i64 depth = an_depth(planes), most = an_together(n1 - n0, rows * columns * depth + out);
    i64 *at = an_scratch(2 * k * 8 + most * rows * columns * depth * 4), *from = at + k;
    float *images = (float *)(from + k);
    for (i64 n = n0; n < n1; n += most) {
        i64 count = n1 - n < most ? n1 - n : most;
        an_frame f = an_spread(x, p->h, p->w, planes, p->pad_top, p->pad_left, rows, columns, n, count, images);
        for (i64 i = 0, q = 0; i < p->kh; i++)
            for (i64 j = 0; j < p->kw; j++)
                for (i64 c = 0; c < cg; c++, q++) {
                    at[q] = (i * p->dh * f.columns + j * p->dw) * depth + (narrow ? c * p->oc : c);
                    from[q] = q * p->oc;
                }
        an_steps in = {f.size, p->sh * f.columns * depth, p->sw * depth}, to = {out, p->ow * p->oc, p->oc};
        if (narrow) an_lanes(&f, count, p->oh, p->ow, 0, in, at, k, w, from, p->oc, y + n * out, to);
        for (i64 g = 0; !narrow && g < p->groups; g++)
            an_windows(&f, count, p->oh, p->ow, g * cg, in, at, k, w + g * og, from, og, y + n * out + g * og, to);
    }
}

/* transposed (kh, kw, oc / groups, c) from w (kh, kw, c / groups, oc): what conv_input multiplies with. One number more
 * says, if it is not 0, that some are not finite. */
static void an_conv_transpose_kernel(const an_conv *p, const float *w, float *transposed) {
    i64 cg = p->c / p->groups, og = p->oc / p->groups, lanes = AN_BYTES / 4;
    transposed[p->kh * p->kw * og * p->c] = an_strange(w, p->kh * p->kw * cg * p->oc);
    for (i64 tap = 0; tap < p->kh * p->kw; tap++)
        for (i64 g = 0; g < p->groups; g++) {
            const float *from = w + tap * cg * p->oc + g * og;
            float *to = transposed + tap * og * p->c + g * cg;
            i64 c = 0;
            for (; c + lanes <= cg; c += lanes) an_transpose_32(og, lanes, from + c * p->oc, p->oc, to + c, p->c);
            for (; c < cg; c++)
                for (i64 o = 0; o < og; o++) to[o * p->c + c] = from[c * p->oc + o];
        }
}

/* The same as an_conv_input, where a zero beside the results must not meet a kernel that is not finite. */
static void an_conv_input_alone(const an_conv *p, const float *dy, const float *transposed, float *dx, i64 n0, i64 n1) {
    i64 og = p->oc / p->groups, cg = p->c / p->groups, in = p->h * p->w * p->c;
    memset(dx + n0 * in, 0, (size_t)((n1 - n0) * in) * 4);
    for (i64 n = n0; n < n1; n++)
        for (i64 r = 0; r < p->oh * p->ow; r++)
            for (i64 tap = 0; tap < p->kh * p->kw; tap++) {
                i64 y = r / p->ow * p->sh + tap / p->kw * p->dh - p->pad_top;
                i64 x = r % p->ow * p->sw + tap % p->kw * p->dw - p->pad_left;
                if (y < 0 || y >= p->h || x < 0 || x >= p->w) continue;
                for (i64 c = 0; c < p->c; c++) {
                    const float *g = dy + (n * p->oh * p->ow + r) * p->oc + c / cg * og;
                    float sum = 0;
                    for (i64 o = 0; o < og; o++) sum += g[o] * transposed[(tap * og + o) * p->c + c];
                    dx[n * in + (y * p->w + x) * p->c + c] += sum;
                }
            }
}

/* dx for the images n0 <= i < n1. With Y = y + pad_top, line y of x was under row i of the kernel at line
 * (Y - i dh) / sh of the results, where that is whole: so lines of equal Y mod sh have their own rows of the kernel. */
static void an_conv_input(const an_conv *p, const float *dy, const float *transposed, float *dx, i64 n0, i64 n1) {
    i64 og = p->oc / p->groups, cg = p->c / p->groups, k = p->kh * p->kw * og, in = p->h * p->w * p->c;
    if (an_sparse_input(p, dy, transposed, dx, n0, n1)) return;
    if (transposed[k * p->c] != 0) {
        an_conv_input_alone(p, dy, transposed, dx, n0, n1);
        return;
    }
    i64 top = (p->kh - 1) * p->dh / p->sh, left = (p->kw - 1) * p->dw / p->sw;
    i64 rows = top + (p->h - 1 + p->pad_top) / p->sh + 1, columns = left + (p->w - 1 + p->pad_left) / p->sw + 1;
    int narrow = an_narrow(p->groups, p->c);
    an_planes planes = narrow ? (an_planes){p->groups, og, p->c} : (an_planes){p->oc, 1, p->oc};
    i64 depth = an_depth(planes), most = an_together(n1 - n0, rows * columns * depth + in);
    i64 *at = an_scratch(2 * k * 8 + most * rows * columns * depth * 4), *from = at + k;
    float *images = (float *)(from + k);
    for (i64 n = n0; n < n1; n += most) {
        i64 count = n1 - n < most ? n1 - n : most;
        an_frame f = an_spread(dy, p->oh, p->ow, planes, top, left, rows, columns, n, count, images);
        for (i64 phase = 0; phase < p->sh * p->sw; phase++) {
            i64 r = phase / p->sw, s = phase % p->sw, q = 0;
            i64 y = ((r - p->pad_top) % p->sh + p->sh) % p->sh, x = ((s - p->pad_left) % p->sw + p->sw) % p->sw;
            if (y >= p->h || x >= p->w) continue;
            for (i64 i = 0; i < p->kh; i++)
                for (i64 j = 0; j < p->kw; j++)
                    if (i * p->dh % p->sh == r && j * p->dw % p->sw == s)
                        for (i64 o = 0; o < og; o++, q++) {
                            at[q] = ((top - i * p->dh / p->sh) * f.columns + left - j * p->dw / p->sw) * depth +
                                    (narrow ? o * p->c : o);
                            from[q] = ((i * p->kw + j) * og + o) * p->c;
                        }
            i64 lines = (p->h - 1 - y) / p->sh + 1, wide = (p->w - 1 - x) / p->sw + 1;
            float *to = dx + n * in + (y * p->w + x) * p->c;
            i64 origin = ((y + p->pad_top) / p->sh * f.columns + (x + p->pad_left) / p->sw) * depth;
            an_steps over = {f.size, f.columns * depth, depth}, out = {in, p->sh * p->w * p->c, p->sw * p->c};
            if (narrow && q) an_lanes(&f, count, lines, wide, origin, over, at, q, transposed, from, p->c, to, out);
            for (i64 g = 0; !narrow && g < p->groups && q; g++)
                an_windows(&f, count, lines, wide, origin + g * og, over, at, q, transposed + g * cg, from, cg,
                           to + g * cg, out);
            for (i64 image = 0; image < count && !q; image++) /* pixels that no window covered */
                for (i64 line = 0; line < lines; line++)
                    for (i64 v = 0; v < wide; v++)
                        memset(to + image * in + (line * p->sh * p->w + v * p->sw) * p->c, 0, (size_t)p->c * 4);
        }
    }
}

/* an_conv_kernel for narrow groups. */
static void an_conv_kernel_lanes(const an_conv *p, const float *x, const float *dy, float *dw, i64 n0, i64 n1) {
    i64 rows = (p->oh - 1) * p->sh + (p->kh - 1) * p->dh + 1, columns = (p->ow - 1) * p->sw + (p->kw - 1) * p->dw + 1;
    i64 own = p->c / p->groups, k = p->kh * p->kw * own, results = p->oh * p->ow * p->oc;
    an_planes planes = {p->groups, own, p->oc};
    i64 depth = an_depth(planes), most = an_together(n1 - n0, rows * columns * depth + results);
    i64 *at = an_scratch(k * 8 + most * rows * columns * depth * 4);
    for (i64 n = n0; n < n1; n += most) {
        i64 count = n1 - n < most ? n1 - n : most;
        float *images = (float *)(at + k);
        an_frame f = an_spread(x, p->h, p->w, planes, p->pad_top, p->pad_left, rows, columns, n, count, images);
        for (i64 q = 0; q < k; q++)
            at[q] = (q / own / p->kw * p->dh * f.columns + q / own % p->kw * p->dw) * depth + q % own * p->oc;
        an_steps in = {f.size, p->sh * f.columns * depth, p->sw * depth}, out = {results, p->ow * p->oc, p->oc};
        an_lanes_kernel(&f, count, p->oh, p->ow, in, at, k, dy + n * results, out, p->oc, dw);
    }
}

/* dw += what the images n0 <= i < n1 add to it */
static void an_conv_kernel(const an_conv *p, const float *x, const float *dy, float *dw, i64 n0, i64 n1) {
    if (an_sparse_kernel(p, x, dy, dw, n0, n1)) return;
    if (an_narrow(p->groups, p->oc)) {
        an_conv_kernel_lanes(p, x, dy, dw, n0, n1);
        return;
    }
    _Alignas(64) float strip[AN_DEEP * 2 * AN_BYTES / 4];
    i64 rows = (p->oh - 1) * p->sh + (p->kh - 1) * p->dh + 1, columns = (p->ow - 1) * p->sw + (p->kw - 1) * p->dw + 1;
    i64 cg = p->c / p->groups, og = p->oc / p->groups, pixels = p->oh * p->ow, lanes = AN_BYTES / 4, wide;
    i64 most = an_together(n1 - n0, rows * columns * p->c + pixels * p->oc);
    i64 *at = an_scratch(most * pixels * 8 + most * rows * columns * p->c * 4);
    float *images = (float *)(at + most * pixels);
    i64 joined = p->dw == 1 && p->groups == 1 ? p->kw : 1; /* taps whose numbers follow each other in memory */
    for (i64 n = n0; n < n1; n += most) {
        i64 count = n1 - n < most ? n1 - n : most, k = count * pixels, blocks = (k + AN_DEEP - 1) / AN_DEEP;
        an_frame f = an_bordered(x, p->h, p->w, p->c, p->pad_top, p->pad_left, rows, columns, n, count, images);
        for (i64 image = 0, q = 0; image < count; image++)
            for (i64 i = 0; i < p->oh; i++)
                for (i64 j = 0; j < p->ow; j++)
                    at[q++] = image * f.size + (i * p->sh * f.columns + j * p->sw) * p->c;
        for (i64 block = 0, q = 0; block < blocks; block++) {
            i64 deep = k / blocks + (block < k % blocks);
            for (i64 g = 0; g < p->groups; g++)
                for (i64 o = 0; o < og; o += wide) {
                    int size = og - o > lanes;
                    i64 full = lanes << size;
                    wide = og - o < full ? og - o : full;
                    const float *right = dy + (n * pixels + q) * p->oc + g * og + o;
                    for (i64 r = 0; r < deep; r++) memcpy(strip + r * full, right + r * p->oc, (size_t)wide * 4);
                    for (i64 i = 0; i < p->kh; i++)
                        for (i64 j = 0; j < p->kw; j += joined) {
                            const float *left = f.at + (i * p->dh * f.columns + j * p->dw) * p->c + g * cg;
                            float *to = dw + (i * p->kw + j) * cg * p->oc + g * og + o;
                            an_strip(joined * cg, wide, size, deep, left, 1, at + q, strip, to, p->oc, 1);
                        }
                }
            q += deep;
        }
    }
}
