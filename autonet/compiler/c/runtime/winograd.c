/* Convolutions of windows of 3 x 3 at every pixel, by Winograd's minimal filtering F(4 x 4, 3 x 3).
 *
 * A tile of 4 x 4 results comes from 6 x 6 pixels by 36 multiplications where plain sums take 144:
 *
 *     y = A' [(G w G') * (B' x B)] A,    polynomials at the points 0, a, -a, b, -b and infinity, a = 1 / b = sqrt(1/2):
 *
 *     A' = [1  1   1   1   1   0]   G' = [1 -2/3   -2/3    1/6  1/6  0]   B' = [1   0  -5/2  0   1  0]
 *          [0  a  -a   b  -b   0]        [0 -2a/3   2a/3   b/6 -b/6  0]        [0  -b  -2    a   1  0]
 *          [0  1/2 1/2 2   2   0]        [0 -1/3   -1/3    1/3  1/3  1]        [0   b  -2   -a   1  0]
 *          [0 a^3 -a^3 b^3 -b^3 1]                                             [0  -a  -1/2  b   1  0]
 *                                                                              [0   a  -1/2 -b   1  0]
 *                                                                              [0   1   0  -5/2  0  1]
 *
 * Over channels that is, at each of the 36 places, a product of matrices (tiles, channels)(channels, results). The
 * gradients are the same form: that of x is y of the turned kernel, that of w is G' [(A dy A') * (B' x B)] G. The points
 * keep numbers near 1 in size: errors are some three times those of plain sums, relative to the largest pixels of the
 * tile. As in plain sums, a result is exactly 0 where the pixels of its own window are. Where results are not finite,
 * plain sums are taken, in which fewer numbers meet.
 *
 * Lavin, Gray, 2015, https://arxiv.org/abs/1509.09308; Barabasz et al., 2018, https://arxiv.org/abs/1803.10986
 */
#define AN_TILES 48 /* at a time: their matrices stay in the second or third cache */
#define AN_PLACES 36

/* How images fall into tiles; numbers of pixels and of matrices. */
typedef struct {
    i64 h, w, c;             /* images */
    i64 top, left;           /* zeros before them */
    i64 rows, columns, size; /* tiles of an image */
    i64 plane;               /* numbers from one place's matrix to the next */
} an_tiling;

/* Matrices are apart by a cache line more than their size, else all of them would claim the same lines of the first
 * cache. */
static an_tiling an_tile_images(i64 h, i64 w, i64 c, i64 top, i64 left, i64 oh, i64 ow) {
    i64 rows = (oh + 3) / 4, columns = (ow + 3) / 4;
    return (an_tiling){h, w, c, top, left, rows, columns, rows * columns, AN_TILES * c + 16};
}

/* Vectors from c on cover n numbers; the last one overlaps, so that n need not be a multiple of the lanes. */
#define AN_EACH_VECTOR(c, n)                                                                                          \
    for (i64 c = 0, rest_ = (n); rest_ > 0;                                                                           \
         rest_ -= AN_BYTES / 4, c = (n) - (rest_ > AN_BYTES / 4 ? rest_ : AN_BYTES / 4))
#define AN_AT(p) (*(const an_floats *)(p))
#define AN_PUT(p) (*(an_floats *)(p))
#define AN_A 0.70710678118654752f
#define AN_B 1.41421356237309505f

/* B' d */
AN_INLINE void an_winograd_b(const an_floats *d, an_floats *to) {
    an_floats even = d[4] - 2 * d[2], odd = AN_A * d[3] - AN_B * d[1];
    an_floats near = d[4] - 0.5f * d[2], far = AN_B * d[3] - AN_A * d[1];
    to[0] = d[0] + d[4] - 2.5f * d[2];
    to[1] = even + odd, to[2] = even - odd;
    to[3] = near + far, to[4] = near - far;
    to[5] = d[1] + d[5] - 2.5f * d[3];
}

/* A' m */
AN_INLINE void an_winograd_a(const an_floats *m, an_floats *to) {
    an_floats sum = m[1] + m[2], difference = m[1] - m[2], outer = m[3] + m[4], across = m[3] - m[4];
    to[0] = m[0] + sum + outer;
    to[1] = AN_A * difference + AN_B * across;
    to[2] = 0.5f * sum + 2 * outer;
    to[3] = m[5] + AN_A / 2 * difference + 2 * AN_B * across;
}

/* A d, for the four numbers d */
AN_INLINE void an_winograd_spread(const an_floats *d, an_floats *to) {
    an_floats even = d[0] + 0.5f * d[2], odd = AN_A * d[1] + AN_A / 2 * d[3];
    an_floats near = d[0] + 2 * d[2], far = AN_B * d[1] + 2 * AN_B * d[3];
    to[0] = d[0];
    to[1] = even + odd, to[2] = even - odd;
    to[3] = near + far, to[4] = near - far;
    to[5] = d[3];
}

/* G g */
AN_INLINE void an_winograd_g(const an_floats *g, an_floats *to) {
    an_floats even = -2.0f / 3 * g[0] - 1.0f / 3 * g[2], odd = -2.0f / 3 * AN_A * g[1];
    an_floats near = 1.0f / 6 * g[0] + 1.0f / 3 * g[2], far = 1.0f / 6 * AN_B * g[1];
    to[0] = g[0];
    to[1] = even + odd, to[2] = even - odd;
    to[3] = near + far, to[4] = near - far;
    to[5] = g[2];
}

/* G' d */
AN_INLINE void an_winograd_gather(const an_floats *d, an_floats *to) {
    an_floats sum = d[1] + d[2], difference = d[1] - d[2], outer = d[3] + d[4], across = d[3] - d[4];
    to[0] = d[0] - 2.0f / 3 * sum + 1.0f / 6 * outer;
    to[1] = 1.0f / 6 * AN_B * across - 2.0f / 3 * AN_A * difference;
    to[2] = d[5] + 1.0f / 3 * (outer - sum);
}

/* Rows begin <= i < end of u (36, a, b): G w G' for w (3, 3, a, b), or for w turned by half a circle. */
static void an_winograd_weights(i64 a, i64 b, i64 turned, const float *w, float *u, i64 begin, i64 end) {
    for (i64 row = begin; row < end; row++)
        AN_EACH_VECTOR(c, b) {
            an_floats half[3][6], line[3], out[6];
            for (int j = 0; j < 3; j++) {
                for (int i = 0; i < 3; i++)
                    line[i] = AN_AT(w + ((turned ? 8 - i * 3 - j : i * 3 + j) * a + row) * b + c);
                an_winograd_g(line, half[j]);
            }
            for (int i = 0; i < 6; i++) {
                for (int j = 0; j < 3; j++) line[j] = half[j][i];
                an_winograd_g(line, out);
                for (int j = 0; j < 6; j++) AN_PUT(u + ((i * 6 + j) * a + row) * b + c) = out[j];
            }
        }
}

static int an_is_zero(const float *x, i64 n) {
    for (i64 k = 0; k < n; k++)
        if (x[k] != 0) return 0;
    return 1;
}

/* Bit 4 i + j is set where the window of result (i, j) of a tile is zero. Each window has one of the four pixels in the
 * middle, which tell at once that most tiles have none. */
static int an_winograd_blank(const float *const *pixels, i64 c) {
    if (!an_is_zero(pixels[14], c) && !an_is_zero(pixels[15], c) && !an_is_zero(pixels[20], c) &&
        !an_is_zero(pixels[21], c))
        return 0;
    int zero[AN_PLACES], blank = 0;
    for (int k = 0; k < AN_PLACES; k++) zero[k] = an_is_zero(pixels[k], c);
    for (int k = 0; k < 16; k++) {
        int all = 1;
        for (int tap = 0; tap < 9; tap++) all &= zero[(k / 4 + tap / 3) * 6 + k % 4 + tap % 3];
        blank |= all << k;
    }
    return blank;
}

/* v (36, tiles, c): B' x B for the tiles first, ..., first + count - 1 of images x; blank, if not NULL, as above */
static void an_winograd_pixels(const an_tiling *t, const float *x, i64 first, i64 count, const float *zeros, float *v,
                               int *blank) {
    const i64 plane = t->plane, n = t->c;
    for (i64 tile = 0; tile < count; tile++) {
        i64 image = (first + tile) / t->size, place = (first + tile) % t->size;
        i64 row = place / t->columns * 4 - t->top, column = place % t->columns * 4 - t->left;
        const float *at = x + ((image * t->h + row) * t->w + column) * t->c, *pixels[AN_PLACES];
        for (i64 i = 0; i < 6; i++)
            for (i64 j = 0; j < 6; j++) {
                int inside = row + i >= 0 && row + i < t->h && column + j >= 0 && column + j < t->w;
                pixels[i * 6 + j] = inside ? at + (i * t->w + j) * t->c : zeros;
            }
        if (blank) blank[tile] = an_winograd_blank(pixels, t->c);
        AN_EACH_VECTOR(c, n) {
            an_floats half[6][6], line[6], out[6];
            float *to = v + tile * n + c;
#pragma GCC unroll 6
            for (int j = 0; j < 6; j++) {
#pragma GCC unroll 6
                for (int i = 0; i < 6; i++) line[i] = AN_AT(pixels[i * 6 + j] + c);
                an_winograd_b(line, half[j]);
            }
#pragma GCC unroll 6
            for (int i = 0; i < 6; i++) {
#pragma GCC unroll 6
                for (int j = 0; j < 6; j++) line[j] = half[j][i];
                an_winograd_b(line, out);
#pragma GCC unroll 6
                for (int j = 0; j < 6; j++, to += plane) AN_PUT(to) = out[j];
            }
        }
    }
}

/* y of the tiles: A' m A, of m (36, tiles, c); images of oh x ow results. NaN where one is not finite, else 0. */
static float an_winograd_results(const an_tiling *t, const float *m, const int *blank, i64 first, i64 count, i64 oh,
                                 i64 ow, float *y) {
    an_floats strange = {0};
    float sum = 0;
    const i64 plane = t->plane, n = t->c;
    for (i64 tile = 0; tile < count; tile++) {
        i64 image = (first + tile) / t->size, place = (first + tile) % t->size;
        i64 row = place / t->columns * 4, column = place % t->columns * 4;
        i64 rows = oh - row < 4 ? oh - row : 4, columns = ow - column < 4 ? ow - column : 4;
        float *to = y + ((image * oh + row) * ow + column) * n;
        AN_EACH_VECTOR(c, n) {
            an_floats half[6][4], line[6], out[4];
            const float *from = m + tile * n + c;
#pragma GCC unroll 6
            for (int j = 0; j < 6; j++) {
#pragma GCC unroll 6
                for (int i = 0; i < 6; i++) line[i] = AN_AT(from + (i * 6 + j) * plane);
                an_winograd_a(line, half[j]);
            }
#pragma GCC unroll 4
            for (int i = 0; i < 4; i++) {
                if (i >= rows) break;
#pragma GCC unroll 6
                for (int j = 0; j < 6; j++) line[j] = half[j][i];
                an_winograd_a(line, out);
#pragma GCC unroll 4
                for (int j = 0; j < 4; j++) {
                    if (j >= columns) break;
                    strange += out[j] * 0;
                    AN_PUT(to + (i * ow + j) * n + c) = out[j];
                }
            }
        }
        for (i64 k = 0; blank[tile] && k < 16; k++)
            if (blank[tile] >> k & 1 && k / 4 < rows && k % 4 < columns)
                memset(to + (k / 4 * ow + k % 4) * n, 0, (size_t)n * 4);
    }
    for (int lane = 0; lane < AN_BYTES / 4; lane++) sum += strange[lane];
    return sum;
}

/* e (36, tiles, c): A dy A' for the tiles, zeros where a tile has no result */
static void an_winograd_slopes(const an_tiling *t, const float *dy, i64 first, i64 count, i64 oh, i64 ow,
                               const float *zeros, float *e) {
    const i64 plane = t->plane, n = t->c;
    for (i64 tile = 0; tile < count; tile++) {
        i64 image = (first + tile) / t->size, place = (first + tile) % t->size;
        i64 row = place / t->columns * 4, column = place % t->columns * 4;
        const float *at = dy + ((image * oh + row) * ow + column) * t->c, *pixels[16];
        for (i64 i = 0; i < 4; i++)
            for (i64 j = 0; j < 4; j++)
                pixels[i * 4 + j] = row + i < oh && column + j < ow ? at + (i * ow + j) * t->c : zeros;
        AN_EACH_VECTOR(c, n) {
            an_floats half[4][6], line[4], out[6];
            float *to = e + tile * n + c;
#pragma GCC unroll 4
            for (int j = 0; j < 4; j++) {
#pragma GCC unroll 4
                for (int i = 0; i < 4; i++) line[i] = AN_AT(pixels[i * 4 + j] + c);
                an_winograd_spread(line, half[j]);
            }
#pragma GCC unroll 6
            for (int i = 0; i < 6; i++) {
#pragma GCC unroll 4
                for (int j = 0; j < 4; j++) line[j] = half[j][i];
                an_winograd_spread(line, out);
#pragma GCC unroll 6
                for (int j = 0; j < 6; j++, to += plane) AN_PUT(to) = out[j];
            }
        }
    }
}

/* y (., oh, ow, b) of count images x as `in` cuts them, with u (36, c, b). NaN where a result is not finite, else 0. */
static float an_winograd(an_tiling in, const float *x, const float *u, i64 count, i64 oh, i64 ow, i64 b, float *y) {
    an_tiling out = in;
    float strange = 0;
    int blank[AN_TILES];
    out.c = b, out.plane = AN_TILES * b + 16;
    float *zeros = an_scratch((in.c + AN_PLACES * (in.plane + out.plane)) * 4), *v = zeros + in.c;
    float *m = v + AN_PLACES * in.plane;
    memset(zeros, 0, (size_t)in.c * 4);
    for (i64 first = 0, all = count * in.size; first < all; first += AN_TILES) {
        i64 tiles = all - first < AN_TILES ? all - first : AN_TILES;
        an_winograd_pixels(&in, x, first, tiles, zeros, v, blank);
        for (i64 place = 0; place < AN_PLACES; place++)
            an_gemm_one_32(0, 0, tiles, b, in.c, v + place * in.plane, in.c, u + place * in.c * b, b,
                           m + place * out.plane, b, 0);
        strange += an_winograd_results(&out, m, blank, first, tiles, oh, ow, y);
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
    i64 a = p->c, b = p->oc, most = a > b ? a : b;
    an_tiling in = an_tile_images(p->h, p->w, a, p->pad_top, p->pad_left, p->oh, p->ow), out = in;
    out.c = b, out.plane = AN_TILES * b + 16;
    float *zeros = an_scratch((AN_PLACES * (in.plane + out.plane + a * b) + 9 * a * b + most) * 4), *v = zeros + most;
    float *e = v + AN_PLACES * in.plane, *du = e + AN_PLACES * out.plane, *sum = du + AN_PLACES * a * b, strange;
    memset(zeros, 0, (size_t)most * 4);
    for (i64 first = 0, all = (n1 - n0) * in.size; first < all; first += AN_TILES) {
        i64 tiles = all - first < AN_TILES ? all - first : AN_TILES;
        an_winograd_pixels(&in, x + n0 * p->h * p->w * a, first, tiles, zeros, v, NULL);
        an_winograd_slopes(&out, dy + n0 * p->oh * p->ow * b, first, tiles, p->oh, p->ow, zeros, e);
        for (i64 place = 0; place < AN_PLACES; place++)
            an_gemm_one_32(1, 0, a, b, tiles, v + place * in.plane, a, e + place * out.plane, b, du + place * a * b, b,
                           first > 0);
    }
    AN_EACH_VECTOR(c, a * b) {
        an_floats half[6][3], line[6], out3[3];
        for (int j = 0; j < 6; j++) {
            for (int i = 0; i < 6; i++) line[i] = AN_AT(du + (i * 6 + j) * a * b + c);
            an_winograd_gather(line, half[j]);
        }
        for (int i = 0; i < 3; i++) {
            for (int j = 0; j < 6; j++) line[j] = half[j][i];
            an_winograd_gather(line, out3);
            for (int j = 0; j < 3; j++) AN_PUT(sum + (i * 3 + j) * a * b + c) = out3[j];
        }
    }
    strange = an_strange(sum, 9 * a * b);
    if (strange != 0) an_conv_kernel(p, x, dy, dw, n0, n1);
    for (i64 k = 0; strange == 0 && k < 9 * a * b; k++) dw[k] += sum[k];
}
