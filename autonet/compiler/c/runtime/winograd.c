/* Convolutions of windows of 3 x 3 at every pixel, by Winograd's minimal filtering F(2 x 2, 3 x 3).
 *
 * A tile of 2 x 2 results comes from 4 x 4 pixels by 16 multiplications where plain sums take 36:
 *
 *     y = A' [(G w G') * (B' x B)] A
 *     A' = [1 1  1  0]   G' = [1 1/2  1/2 0]   B' = [1  0 -1  0]
 *          [0 1 -1 -1]        [0 1/2 -1/2 0]        [0  1  1  0]
 *                             [0 1/2  1/2 1]        [0 -1  1  0]
 *                                                   [0  1  0 -1]
 *
 * Over channels that is, at each of the 16 places, a product of matrices (tiles, channels)(channels, results). The
 * gradients are the same form: that of x is y of the turned kernel, that of w is G' [(A dy A') * (B' x B)] G. As in
 * plain sums, a result depends on the pixels of its own window alone, and is 0 where these are; rounding is that of sums
 * of a few neighbours. Where results are not finite, plain sums are taken, in which fewer numbers meet.
 *
 * Lavin, Gray, 2015, https://arxiv.org/abs/1509.09308
 */
#define AN_TILES 96 /* at a time: their matrices stay in the second or third cache */

/* How images fall into tiles; numbers of pixels and of matrices. */
typedef struct {
    i64 h, w, c;             /* images */
    i64 top, left;           /* zeros before them */
    i64 rows, columns, size; /* tiles of an image */
    i64 plane;               /* numbers from one place's matrix to the next */
} an_tiling;

/* Matrices are apart by a cache line more than their size, else all 16 would claim the same lines of the first cache. */
static an_tiling an_tile_images(i64 h, i64 w, i64 c, i64 top, i64 left, i64 oh, i64 ow) {
    i64 rows = (oh + 1) / 2, columns = (ow + 1) / 2;
    return (an_tiling){h, w, c, top, left, rows, columns, rows * columns, AN_TILES * c + 16};
}

/* Vectors from c on cover n numbers; the last one overlaps, so that n need not be a multiple of the lanes. */
#define AN_EACH_VECTOR(c, n)                                                                                          \
    for (i64 c = 0, rest_ = (n); rest_ > 0;                                                                           \
         rest_ -= AN_BYTES / 4, c = (n) - (rest_ > AN_BYTES / 4 ? rest_ : AN_BYTES / 4))
#define AN_AT(p) (*(const an_floats *)(p))
#define AN_PUT(p) (*(an_floats *)(p))

/* Rows begin <= i < end of u (16, a, b): G w G' for w (3, 3, a, b), or for w turned by half a circle. */
static void an_winograd_weights(i64 a, i64 b, i64 turned, const float *w, float *u, i64 begin, i64 end) {
    for (i64 row = begin; row < end; row++)
        AN_EACH_VECTOR(c, b) {
            an_floats half[4][3];
            for (int j = 0; j < 3; j++) {
                an_floats g[3];
                for (int i = 0; i < 3; i++) g[i] = AN_AT(w + ((turned ? 8 - i * 3 - j : i * 3 + j) * a + row) * b + c);
                half[0][j] = g[0];
                half[1][j] = (g[0] + g[2] + g[1]) * 0.5f;
                half[2][j] = (g[0] + g[2] - g[1]) * 0.5f;
                half[3][j] = g[2];
            }
            for (int i = 0; i < 4; i++) {
                float *to = u + (i * 4 * a + row) * b + c;
                AN_PUT(to) = half[i][0];
                AN_PUT(to + a * b) = (half[i][0] + half[i][2] + half[i][1]) * 0.5f;
                AN_PUT(to + 2 * a * b) = (half[i][0] + half[i][2] - half[i][1]) * 0.5f;
                AN_PUT(to + 3 * a * b) = half[i][2];
            }
        }
}

/* v (16, tiles, c): B' x B for the tiles first, ..., first + count - 1 of images x; `patch` has room for 16 pixels */
static void an_winograd_pixels(const an_tiling *t, const float *x, i64 first, i64 count, float *patch, float *v) {
    for (i64 tile = 0; tile < count; tile++) {
        i64 image = (first + tile) / t->size, place = (first + tile) % t->size;
        i64 row = place / t->columns * 2 - t->top, column = place % t->columns * 2 - t->left, line = t->w * t->c;
        const float *at = x + ((image * t->h + row) * t->w + column) * t->c;
        if (row < 0 || row + 4 > t->h || column < 0 || column + 4 > t->w) {
            for (i64 i = 0; i < 4; i++)
                for (i64 j = 0; j < 4; j++) {
                    int inside = row + i >= 0 && row + i < t->h && column + j >= 0 && column + j < t->w;
                    float *to = patch + (i * 4 + j) * t->c;
                    if (inside) memcpy(to, at + i * line + j * t->c, (size_t)t->c * 4);
                    else memset(to, 0, (size_t)t->c * 4);
                }
            at = patch, line = 4 * t->c;
        }
        AN_EACH_VECTOR(c, t->c) {
#pragma GCC unroll 4
            for (int i = 0; i < 4; i++) {
                an_floats d[4];
                float *to = v + tile * t->c + c + 4 * i * t->plane;
                const float *left = at + (i == 0 ? 0 : i == 2 ? 2 : 1) * line + c;
                const float *right = at + (i == 2 ? 1 : i == 3 ? 3 : 2) * line + c;
#pragma GCC unroll 4
                for (int j = 0; j < 4; j++, left += t->c, right += t->c)
                    d[j] = i == 1 ? AN_AT(left) + AN_AT(right) : AN_AT(left) - AN_AT(right);
                AN_PUT(to) = d[0] - d[2];
                AN_PUT(to + t->plane) = d[1] + d[2];
                AN_PUT(to + 2 * t->plane) = d[2] - d[1];
                AN_PUT(to + 3 * t->plane) = d[1] - d[3];
            }
        }
    }
}

/* y of the tiles: A' m A, of m (16, tiles, c); images of oh x ow results. NaN where one is not finite, else 0. */
static float an_winograd_results(const an_tiling *t, const float *m, i64 first, i64 count, i64 oh, i64 ow, float *y) {
    an_floats strange = {0};
    float sum = 0;
    for (i64 tile = 0; tile < count; tile++) {
        i64 image = (first + tile) / t->size, place = (first + tile) % t->size;
        i64 row = place / t->columns * 2, column = place % t->columns * 2;
        float *to = y + ((image * oh + row) * ow + column) * t->c;
        AN_EACH_VECTOR(c, t->c) {
            for (int i = 0; i < 2 && row + i < oh; i++) {
                an_floats s[4];
                const float *from = m + tile * t->c + c + (i ? 4 * t->plane : 0);
#pragma GCC unroll 4
                for (int j = 0; j < 4; j++, from += t->plane) {
                    an_floats middle = AN_AT(from + 4 * t->plane), last = AN_AT(from + 8 * t->plane);
                    s[j] = i ? AN_AT(from) - middle - last : AN_AT(from) + middle + last;
                }
                an_floats left = s[0] + s[1] + s[2], right = s[1] - s[2] - s[3];
                strange += left * 0;
                AN_PUT(to + i * ow * t->c + c) = left;
                if (column + 1 == ow) continue;
                strange += right * 0;
                AN_PUT(to + i * ow * t->c + t->c + c) = right;
            }
        }
    }
    for (int lane = 0; lane < AN_BYTES / 4; lane++) sum += strange[lane];
    return sum;
}

/* e (16, tiles, c): A dy A' for the tiles, zeros where a tile has no result */
static void an_winograd_slopes(const an_tiling *t, const float *dy, i64 first, i64 count, i64 oh, i64 ow,
                               const float *zeros, float *e) {
    for (i64 tile = 0; tile < count; tile++) {
        i64 image = (first + tile) / t->size, place = (first + tile) % t->size;
        i64 row = place / t->columns * 2, column = place % t->columns * 2;
        const float *at = dy + ((image * oh + row) * ow + column) * t->c;
        const float *right = column + 1 < ow ? at + t->c : zeros, *low = row + 1 < oh ? at + ow * t->c : zeros;
        const float *corner = column + 1 < ow && row + 1 < oh ? at + ow * t->c + t->c : zeros;
        AN_EACH_VECTOR(c, t->c) {
            an_floats d[4][2] = {{AN_AT(at + c), AN_AT(right + c)}}, under[2] = {AN_AT(low + c), AN_AT(corner + c)};
            for (int j = 0; j < 2; j++) {
                d[1][j] = d[0][j] + under[j];
                d[2][j] = d[0][j] - under[j];
                d[3][j] = -under[j];
            }
#pragma GCC unroll 4
            for (int i = 0; i < 4; i++) {
                float *to = e + tile * t->c + c + 4 * i * t->plane;
                AN_PUT(to) = d[i][0];
                AN_PUT(to + t->plane) = d[i][0] + d[i][1];
                AN_PUT(to + 2 * t->plane) = d[i][0] - d[i][1];
                AN_PUT(to + 3 * t->plane) = -d[i][1];
            }
        }
    }
}

/* y (., oh, ow, b) of count images x as `in` cuts them, with u (16, c, b). NaN where a result is not finite, else 0. */
static float an_winograd(an_tiling in, const float *x, const float *u, i64 count, i64 oh, i64 ow, i64 b, float *y) {
    an_tiling out = in;
    float strange = 0;
    out.c = b, out.plane = AN_TILES * b + 16;
    float *patch = an_scratch(16 * (in.c + in.plane + out.plane) * 4), *v = patch + 16 * in.c, *m = v + 16 * in.plane;
    for (i64 first = 0, all = count * in.size; first < all; first += AN_TILES) {
        i64 tiles = all - first < AN_TILES ? all - first : AN_TILES;
        an_winograd_pixels(&in, x, first, tiles, patch, v);
        for (i64 place = 0; place < 16; place++)
            an_gemm_one_32(0, 0, tiles, b, in.c, v + place * in.plane, in.c, u + place * in.c * b, b,
                           m + place * out.plane, b, 0);
        strange += an_winograd_results(&out, m, first, tiles, oh, ow, y);
    }
    return strange;
}

/* y = x * w for the images n0 <= i < n1, where u is an_winograd_weights's of w */
static void an_winograd_forward(const an_conv *p, const float *x, const float *w, const float *u, float *y, i64 n0,
                                i64 n1) {
    i64 in = p->h * p->w * p->c, out = p->oh * p->ow * p->oc;
    an_tiling t = an_tile_images(p->h, p->w, p->c, p->pad_top, p->pad_left, p->oh, p->ow);
    if (an_winograd(t, x + n0 * in, u, n1 - n0, p->oh, p->ow, p->oc, y + n0 * out) != 0)
        an_conv_forward(p, x, w, y, n0, n1);
}

/* dx for the images n0 <= i < n1: u is an_winograd_weights's of `transposed`, turned */
static void an_winograd_input(const an_conv *p, const float *dy, const float *transposed, const float *u, float *dx,
                              i64 n0, i64 n1) {
    i64 in = p->h * p->w * p->c, out = p->oh * p->ow * p->oc;
    an_tiling t = an_tile_images(p->oh, p->ow, p->oc, 2 - p->pad_top, 2 - p->pad_left, p->h, p->w);
    if (an_winograd(t, dy + n0 * out, u, n1 - n0, p->h, p->w, p->c, dx + n0 * in) != 0)
        an_conv_input(p, dy, transposed, dx, n0, n1);
}

/* dw += what the images n0 <= i < n1 add to it */
static void an_winograd_kernel(const an_conv *p, const float *x, const float *dy, float *dw, i64 n0, i64 n1) {
    i64 a = p->c, b = p->oc;
    an_tiling in = an_tile_images(p->h, p->w, a, p->pad_top, p->pad_left, p->oh, p->ow), out = in;
    out.c = b, out.plane = AN_TILES * b + 16;
    float *patch = an_scratch((16 * (a + in.plane + out.plane) + 25 * a * b + b) * 4), *zeros = patch + 16 * a;
    float *v = zeros + b, *e = v + 16 * in.plane, *du = e + 16 * out.plane, *sum = du + 16 * a * b, strange;
    memset(zeros, 0, (size_t)b * 4);
    for (i64 first = 0, all = (n1 - n0) * in.size; first < all; first += AN_TILES) {
        i64 tiles = all - first < AN_TILES ? all - first : AN_TILES;
        an_winograd_pixels(&in, x + n0 * p->h * p->w * a, first, tiles, patch, v);
        an_winograd_slopes(&out, dy + n0 * p->oh * p->ow * b, first, tiles, p->oh, p->ow, zeros, e);
        for (i64 place = 0; place < 16; place++)
            an_gemm_one_32(1, 0, a, b, tiles, v + place * in.plane, a, e + place * out.plane, b, du + place * a * b, b,
                           first > 0);
    }
    for (i64 k = 0; k < a * b; k += AN_BYTES / 4) {
        i64 c = k + AN_BYTES / 4 <= a * b ? k : a * b - AN_BYTES / 4;
        an_floats s[3][4];
        for (int j = 0; j < 4; j++) {
            an_floats d[4];
            for (int i = 0; i < 4; i++) d[i] = AN_AT(du + (i * 4 + j) * a * b + c);
            s[0][j] = d[0] + (d[1] + d[2]) * 0.5f;
            s[1][j] = (d[1] - d[2]) * 0.5f;
            s[2][j] = d[3] + (d[1] + d[2]) * 0.5f;
        }
        for (int i = 0; i < 3; i++) {
            float *to = sum + i * 3 * a * b + c;
            AN_PUT(to) = s[i][0] + (s[i][1] + s[i][2]) * 0.5f;
            AN_PUT(to + a * b) = (s[i][1] - s[i][2]) * 0.5f;
            AN_PUT(to + 2 * a * b) = s[i][3] + (s[i][1] + s[i][2]) * 0.5f;
        }
    }
    strange = an_strange(sum, 9 * a * b);
    if (strange != 0) an_conv_kernel(p, x, dy, dw, n0, n1);
    for (i64 k = 0; strange == 0 && k < 9 * a * b; k++) dw[k] += sum[k];
}
