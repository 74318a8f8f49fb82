/* Convolutions of windows of up to 5 x 5 at every pixel, by Winograd's minimal filtering over tiles of 6 x 6 pixels.
 *
 * Along an axis where the window has r = 2 to 5 places, 6 pixels x give m = 7 - r results by 6 multiplications, where plain
 * sums take m r. They are values of polynomials at the points 0, a, -a, b, -b and infinity, a = 1 / b = sqrt(1/2):
 *
 *     y = A' [(G w) * (B' x)]         A' = [1  1  1    1  1    0]  m rows    G' = [1 -2/3  -2/3   1/6  1/6  0]  r rows
 *                                          [0  a -a    b -b    0]                 [0 -2a/3  2a/3  b/6 -b/6  0]
 *     B' = [1   0  -5/2  0   1  0]         [0 a^2 a^2 b^2 b^2  0]                 [0 -1/3  -1/3   1/3  1/3  1]
 *          [0  -b  -2    a   1  0]         [0 a^3 -a^3 b^3 -b^3 1]    and so on; the last row alone has infinity's 1
 *          [0   b  -2   -a   1  0]
 *          [0  -a  -1/2  b   1  0]    Of images: y = A' [(G w G') * (B' x B)] A; a window of 3 x 3 takes 36
 *          [0   a  -1/2 -b   1  0]    multiplications for 4 x 4 results, not 144. Along an axis where it has one place
 *          [0   1   0  -5/2  0  1]    (sequences), all three are 1.
 *
 * Over channels that is, at each of the places, a product of matrices (tiles, channels)(channels, results). The
 * gradients are the same form: that of x is y of the turned kernel, that of w is G' [(A dy A') * (B' x B)] G. Where
 * windows are dilated, a tile's pixels are as far apart. The points keep numbers near 1 in size: errors are some three
 * times those of plain sums, relative to the largest pixels of the tile. As in plain sums, a result is exactly 0 where the
 * pixels of its own window are. Where results are not finite, plain sums are taken, in which fewer numbers meet.
 *
 * Lavin, Gray, 2015, https://arxiv.org/abs/1509.09308; Barabasz et al., 2018, https://arxiv.org/abs/1803.10986
 */
#define AN_TILES (56 / AN_ROWS * AN_ROWS) /* at a time: their matrices stay in the second or third cache */

/* How an axis falls into tiles of `step` results, each from `places` pixels `apart` from each other. */
typedef struct {
    i64 pixels, results, before; /* of images; zeros before the pixels */
    i64 window, step, places, apart, tiles, each; /* each: tiles of results that have the same pixels between them */
} an_axis;

static an_axis an_tile_axis(i64 pixels, i64 results, i64 before, i64 window, i64 apart) {
    i64 step = window == 1 ? 1 : 7 - window, places = window == 1 ? 1 : 6;
    if (window == 1) apart = 1;
    i64 each = ((results + apart - 1) / apart + step - 1) / step, phases = apart < results ? apart : results;
    return (an_axis){pixels, results, before, window, step, places, apart, phases * each, each};
}

/* The first result of a tile. */
static i64 an_tile_first(const an_axis *t, i64 tile) {
    if (t->apart == 1) return tile * t->step; /* divisions take as long as some of the sums */
    return tile / t->each + tile % t->each * t->step * t->apart;
}

/* Images as tiles. Their matrices (tiles, channels) are apart by a cache line more than their size, else all of them
 * would claim the same lines of the first cache. */
typedef struct {
    an_axis rows, columns;
    i64 size, places; /* tiles of an image */
} an_tiling;

static an_tiling an_tile_images(an_axis rows, an_axis columns) {
    return (an_tiling){rows, columns, rows.tiles * columns.tiles, rows.places * columns.places};
}
static i64 an_plane(i64 c) { return AN_TILES * c + 16; }

/* How many of so many tiles to do next: about as many each time, or the last few would take as long as all, and as many
 * as fill the registers. */
static i64 an_tiles_next(i64 all) {
    i64 times = (all + AN_TILES - 1) / AN_TILES, even = (all + times - 1) / times;
    even = (even + AN_ROWS - 1) / AN_ROWS * AN_ROWS;
    return even < all ? even : all;
}

/* Tiles of x for y, and of dy for dx. */
static an_tiling an_tile_forward(const an_conv *p) {
    return an_tile_images(an_tile_axis(p->h, p->oh, p->pad_top, p->kh, p->dh),
                          an_tile_axis(p->w, p->ow, p->pad_left, p->kw, p->dw));
}
static an_tiling an_tile_input(const an_conv *p) {
    return an_tile_images(an_tile_axis(p->oh, p->h, (p->kh - 1) * p->dh - p->pad_top, p->kh, p->dh),
                          an_tile_axis(p->ow, p->w, (p->kw - 1) * p->dw - p->pad_left, p->kw, p->dw));
}

/* Vectors from c on cover n numbers; the last one overlaps, so that n need not be a multiple of the lanes. */
#define AN_EACH_VECTOR(c, n)                                                                                          \
    for (i64 c = 0, rest_ = (n); rest_ > 0;                                                                           \
         rest_ -= AN_BYTES / 4, c = (n) - (rest_ > AN_BYTES / 4 ? rest_ : AN_BYTES / 4))
#define AN_AT(p) (*(const an_floats *)(p))
#define AN_PUT(p) (*(an_floats *)(p))
#define AN_A 0.70710678118654752f
#define AN_B 1.41421356237309505f
static const float an_near[5] = {1, AN_A, 0.5f, AN_A / 2, 0.25f}, an_far[5] = {1, AN_B, 2, 2 * AN_B, 4}; /* powers */

/* B' d; d where places are 1, as in the other two */
AN_INLINE void an_pixels_at_points(const int places, const an_floats *d, an_floats *to) {
    to[0] = d[0];
    if (places == 1) return;
    an_floats even = d[4] - 2 * d[2], odd = AN_A * d[3] - AN_B * d[1];
    an_floats near = d[4] - 0.5f * d[2], far = AN_B * d[3] - AN_A * d[1];
    to[0] = d[0] + d[4] - 2.5f * d[2];
    to[1] = even + odd, to[2] = even - odd;
    to[3] = near + far, to[4] = near - far;
    to[5] = d[1] + d[5] - 2.5f * d[3];
}

/* The n numbers d as coefficients, at the points, times near at a and -a, and far at b and -b: A d and G d */
AN_INLINE void an_at_points(const int n, const an_floats *d, float near, float far, an_floats *to) {
    to[0] = d[0];
    if (n == 1) return;
    an_floats even = d[0] * near, odd = d[1] * (AN_A * near), far_even = d[0] * far, far_odd = d[1] * (AN_B * far);
#pragma GCC unroll 5
    for (int i = 2; i < n; i++)
        if (i % 2) odd += d[i] * (an_near[i] * near), far_odd += d[i] * (an_far[i] * far);
        else even += d[i] * (an_near[i] * near), far_even += d[i] * (an_far[i] * far);
    to[1] = even + odd, to[2] = even - odd;
    to[3] = far_even + far_odd, to[4] = far_even - far_odd;
    to[5] = d[n - 1];
}

/* The transpose of that: A' d and G' d, n numbers */
AN_INLINE void an_from_points(const int n, const an_floats *d, float near, float far, an_floats *to) {
    to[0] = d[0];
    if (n == 1) return;
    an_floats even = d[1] + d[2], odd = d[1] - d[2], far_even = d[3] + d[4], far_odd = d[3] - d[4];
    to[0] += near * even + far * far_even;
#pragma GCC unroll 5
    for (int i = 1; i < n; i++)
        to[i] = (i % 2 ? odd : even) * (an_near[i] * near) + (i % 2 ? far_odd : far_even) * (an_far[i] * far);
    to[n - 1] += d[5];
}
#define AN_NEAR_G (-2.0f / 3)
#define AN_FAR_G (1.0f / 6)

/* f(a, b, ...) with constants where windows, places or steps are what they often are */
#define AN_SIZES(f, a, b, ...)                                                                                        \
    do {                                                                                                              \
        if ((a) == 4 && (b) == 4) f(4, 4, __VA_ARGS__);                                                               \
        else if ((a) == 6 && (b) == 6) f(6, 6, __VA_ARGS__);                                                          \
        else if ((a) == 1 && (b) == 4) f(1, 4, __VA_ARGS__);                                                          \
        else if ((a) == 1 && (b) == 2) f(1, 2, __VA_ARGS__);                                                          \
        else if ((a) == 1 && (b) == 6) f(1, 6, __VA_ARGS__);                                                          \
        else f((int)(a), (int)(b), __VA_ARGS__);                                                                      \
    } while (0)

/* Whether channels do not fill a vector: then plain sums are taken. */
#ifdef AN_PLAIN
static int an_too_narrow(const an_conv *p) { return p != NULL; }
#else
static int an_too_narrow(const an_conv *p) { return p->c < AN_BYTES / 4 || p->oc < AN_BYTES / 4; }
#endif

/* Rows begin <= i < end of u (places, a, b): G w G' for w (kh, kw, a, b), or for w turned by half a circle. */
static void an_winograd_weights(const an_conv *p, i64 turned, const float *w, float *u, i64 begin, i64 end) {
    i64 a = turned ? p->oc : p->c, b = turned ? p->c : p->oc, last = p->kh * p->kw - 1;
    int kh = (int)p->kh, kw = (int)p->kw, high = kh == 1 ? 1 : 6, wide = kw == 1 ? 1 : 6;
    if (an_too_narrow(p)) return;
    for (i64 row = begin; row < end; row++)
        AN_EACH_VECTOR(c, b) {
            an_floats half[5][6], line[5], out[6];
            for (int j = 0; j < kw; j++) {
                for (int i = 0; i < kh; i++)
                    line[i] = AN_AT(w + ((turned ? last - i * kw - j : i * kw + j) * a + row) * b + c);
                an_at_points(kh, line, AN_NEAR_G, AN_FAR_G, half[j]);
            }
            for (int i = 0; i < high; i++) {
                for (int j = 0; j < kw; j++) line[j] = half[j][i];
                an_at_points(kw, line, AN_NEAR_G, AN_FAR_G, out);
                for (int j = 0; j < wide; j++) AN_PUT(u + ((i * wide + j) * a + row) * b + c) = out[j];
            }
        }
}

static int an_is_zero(const float *x, i64 n) {
    typedef int an_flags __attribute__((vector_size(AN_BYTES)));
    an_flags seen = {0};
    int any = x[0] != 0; /* as a rule */
    if (any) return 0;
    AN_EACH_VECTOR(c, n) seen |= AN_AT(x + c) != 0;
    for (int lane = 0; lane < AN_BYTES / 4; lane++) any |= seen[lane];
    return !any;
}

/* The first and last of the places in the middle of an axis one of which every window has. */
static i64 an_middle(const an_axis *t, int last) {
    i64 first = t->window == 1 ? 0 : t->window == 2 ? 1 : 2;
    return last ? t->places - 1 - first : first;
}

/* Bit i * step + j is set where the window of result (i, j) of a tile is zero. Pixels in the middle tell at once that
 * most tiles have none. */
static int an_blank_results(const an_tiling *t, const float *const *pixels, i64 c) {
    i64 kh = t->rows.window, kw = t->columns.window, wide = t->columns.places;
    int zero[36], any = 0, blank = 0;
    for (i64 i = an_middle(&t->rows, 0); i <= an_middle(&t->rows, 1); i++)
        for (i64 j = an_middle(&t->columns, 0); j <= an_middle(&t->columns, 1); j++)
            any |= an_is_zero(pixels[i * wide + j], c);
    if (!any) return 0;
    for (i64 k = 0; k < t->places; k++) zero[k] = an_is_zero(pixels[k], c);
    for (i64 i = 0; i < t->rows.step; i++)
        for (i64 j = 0; j < t->columns.step; j++) {
            int all = 1;
            for (i64 tap = 0; tap < kh * kw; tap++) all &= zero[(i + tap / kw) * wide + j + tap % kw];
            blank |= all << (i * t->columns.step + j);
        }
    return blank;
}

/* One tile's B' x B */
AN_INLINE void an_tile_pixels(const int high, const int wide, const float *const *pixels, i64 n, i64 plane, float *v) {
    AN_EACH_VECTOR(c, n) {
        an_floats half[6][6], line[6], out[6];
        float *to = v + c;
#pragma GCC unroll 6
        for (int j = 0; j < wide; j++) {
#pragma GCC unroll 6
            for (int i = 0; i < high; i++) line[i] = AN_AT(pixels[i * wide + j] + c);
            an_pixels_at_points(high, line, half[j]);
        }
#pragma GCC unroll 6
        for (int i = 0; i < high; i++) {
#pragma GCC unroll 6
            for (int j = 0; j < wide; j++) line[j] = half[j][i];
            an_pixels_at_points(wide, line, out);
#pragma GCC unroll 6
            for (int j = 0; j < wide; j++, to += plane) AN_PUT(to) = out[j];
        }
    }
}

/* v (places, tiles, c): B' x B for the tiles first, ..., first + count - 1 of images x; blank, if not NULL, as above */
static void an_winograd_pixels(const an_tiling *t, const float *x, i64 c, i64 first, i64 count, const float *zeros,
                               float *v, int *blank) {
    const an_axis rows = t->rows, columns = t->columns;
    for (i64 tile = 0; tile < count; tile++) {
        i64 image = (first + tile) / t->size, place = (first + tile) % t->size;
        i64 row = an_tile_first(&rows, place / columns.tiles) - rows.before;
        i64 column = an_tile_first(&columns, place % columns.tiles) - columns.before;
        const float *at = x + ((image * rows.pixels + row) * columns.pixels + column) * c, *pixels[36], **to = pixels;
        i64 line = rows.apart * columns.pixels * c, step = columns.apart * c;
        int all = row >= 0 && row + (rows.places - 1) * rows.apart < rows.pixels && column >= 0 &&
                  column + (columns.places - 1) * columns.apart < columns.pixels;
        for (i64 i = 0; i < rows.places; i++, to += columns.places)
            for (i64 j = 0; j < columns.places; j++) {
                i64 y = row + i * rows.apart, z = column + j * columns.apart;
                int inside = all || (y >= 0 && y < rows.pixels && z >= 0 && z < columns.pixels);
                to[j] = inside ? at + i * line + j * step : zeros;
            }
        if (blank) blank[tile] = an_blank_results(t, pixels, c);
        AN_SIZES(an_tile_pixels, rows.places, columns.places, pixels, c, an_plane(c), v + tile * c);
    }
}

/* One tile's A' m A, as far as there are results; adds to `strange` NaN where one is not finite, else 0 */
AN_INLINE void an_tile_results(const int rows, const int columns, const float *m, i64 n, i64 plane, i64 high, i64 wide,
                               float *y, i64 line_step, i64 step, an_floats *strange) {
    const int row_places = rows == 1 ? 1 : 6, column_places = columns == 1 ? 1 : 6;
    an_floats seen = {0};
    AN_EACH_VECTOR(c, n) {
        an_floats half[6][5], line[6], out[5];
#pragma GCC unroll 6
        for (int j = 0; j < column_places; j++) {
#pragma GCC unroll 6
            for (int i = 0; i < row_places; i++) line[i] = AN_AT(m + c + (i * column_places + j) * plane);
            an_from_points(rows, line, 1, 1, half[j]);
        }
#pragma GCC unroll 5
        for (int i = 0; i < rows; i++) {
            if (i >= high) break;
#pragma GCC unroll 6
            for (int j = 0; j < column_places; j++) line[j] = half[j][i];
            an_from_points(columns, line, 1, 1, out);
#pragma GCC unroll 5
            for (int j = 0; j < columns; j++) {
                if (j >= wide) break;
                seen += out[j] * 0;
                AN_PUT(y + i * line_step + j * step + c) = out[j];
            }
        }
    }
    *strange += seen;
}

/* How many results a tile has that begins with result `first`. */
static i64 an_tile_count(const an_axis *t, i64 first) {
    i64 count = t->results - first;
    if (t->apart > 1) count = (count + t->apart - 1) / t->apart;
    return count < t->step ? count : t->step;
}

/* y of the tiles: A' m A, of m (places, tiles, c). NaN where one is not finite, else 0. */
static float an_winograd_results(const an_tiling *t, const float *m, i64 c, const int *blank, i64 first, i64 count,
                                 float *y) {
    an_floats strange = {0};
    float sum = 0;
    const an_axis rows = t->rows, columns = t->columns;
    i64 line = rows.apart * columns.results * c, step = columns.apart * c;
    for (i64 tile = 0; tile < count; tile++) {
        i64 image = (first + tile) / t->size, place = (first + tile) % t->size;
        i64 row = an_tile_first(&rows, place / columns.tiles), column = an_tile_first(&columns, place % columns.tiles);
        i64 high = an_tile_count(&rows, row), wide = an_tile_count(&columns, column);
        float *to = y + ((image * rows.results + row) * columns.results + column) * c;
        AN_SIZES(an_tile_results, rows.step, columns.step, m + tile * c, c, an_plane(c), high, wide, to, line, step,
                 &strange);
        for (i64 i = 0; blank[tile] && i < high; i++)
            for (i64 j = 0; j < wide; j++)
                if (blank[tile] >> (i * columns.step + j) & 1) memset(to + i * line + j * step, 0, (size_t)c * 4);
    }
    for (int lane = 0; lane < AN_BYTES / 4; lane++) sum += strange[lane];
    return sum;
}

/* One tile's A dy A' */
AN_INLINE void an_tile_slopes(const int rows, const int columns, const float *const *pixels, i64 n, i64 plane, float *e) {
    const int row_places = rows == 1 ? 1 : 6, column_places = columns == 1 ? 1 : 6;
    AN_EACH_VECTOR(c, n) {
        an_floats half[5][6], line[5], out[6];
        float *to = e + c;
#pragma GCC unroll 5
        for (int j = 0; j < columns; j++) {
#pragma GCC unroll 5
            for (int i = 0; i < rows; i++) line[i] = AN_AT(pixels[i * columns + j] + c);
            an_at_points(rows, line, 1, 1, half[j]);
        }
#pragma GCC unroll 6
        for (int i = 0; i < row_places; i++) {
#pragma GCC unroll 5
            for (int j = 0; j < columns; j++) line[j] = half[j][i];
            an_at_points(columns, line, 1, 1, out);
#pragma GCC unroll 6
            for (int j = 0; j < column_places; j++, to += plane) AN_PUT(to) = out[j];
        }
    }
}

/* e (places, tiles, c): A dy A' for the tiles, zeros where a tile has no result */
static void an_winograd_slopes(const an_tiling *t, const float *dy, i64 c, i64 first, i64 count, const float *zeros,
                               float *e) {
    const an_axis rows = t->rows, columns = t->columns;
    for (i64 tile = 0; tile < count; tile++) {
        i64 image = (first + tile) / t->size, place = (first + tile) % t->size;
        i64 row = an_tile_first(&rows, place / columns.tiles), column = an_tile_first(&columns, place % columns.tiles);
        i64 high = an_tile_count(&rows, row), wide = an_tile_count(&columns, column);
        const float *at = dy + ((image * rows.results + row) * columns.results + column) * c, *pixels[25], **to = pixels;
        for (i64 i = 0; i < rows.step; i++)
            for (i64 j = 0; j < columns.step; j++)
                *to++ = i < high && j < wide ? at + (i * rows.apart * columns.results + j * columns.apart) * c : zeros;
        AN_SIZES(an_tile_slopes, rows.step, columns.step, pixels, c, an_plane(c), e + tile * c);
    }
}

/* y, of b channels, of count images x, of c channels, with u (places, c, b). NaN where a result is not finite, else 0. */
static float an_winograd(an_tiling t, const float *x, i64 c, const float *u, i64 count, i64 b, float *y) {
    float strange = 0;
    int blank[AN_TILES];
    float *zeros = an_scratch((c + t.places * (an_plane(c) + an_plane(b))) * 4), *v = zeros + c;
    float *m = v + t.places * an_plane(c);
    memset(zeros, 0, (size_t)c * 4);
    for (i64 first = 0, all = count * t.size, tiles; first < all; first += tiles) {
        tiles = an_tiles_next(all - first);
        an_winograd_pixels(&t, x, c, first, tiles, zeros, v, blank);
        for (i64 place = 0; place < t.places; place++)
            an_gemm_one_32(0, 0, tiles, b, c, v + place * an_plane(c), c, u + place * c * b, b, m + place * an_plane(b),
                           b, 0);
        strange += an_winograd_results(&t, m, b, blank, first, tiles, y);
    }
    return strange;
}

/* y = x * w for the images n0 <= i < n1, where u is an_winograd_weights's of w */
static void an_winograd_forward(const an_conv *p, const float *x, const float *w, const float *u, float *y, i64 n0,
                                i64 n1) {
    i64 in = p->h * p->w * p->c, out = p->oh * p->ow * p->oc;
    if (an_too_narrow(p) || an_winograd(an_tile_forward(p), x + n0 * in, p->c, u, n1 - n0, p->oc, y + n0 * out) != 0)
        an_conv_forward(p, x, w, y, n0, n1);
}

/* dx for the images n0 <= i < n1: u is an_winograd_weights's of `transposed`, turned */
static void an_winograd_input(const an_conv *p, const float *dy, const float *transposed, const float *u, float *dx,
                              i64 n0, i64 n1) {
    i64 in = p->h * p->w * p->c, out = p->oh * p->ow * p->oc;
    if (an_sparse_input(p, dy, transposed, dx, n0, n1)) return;
    if (an_too_narrow(p) || an_winograd(an_tile_input(p), dy + n0 * out, p->oc, u, n1 - n0, p->c, dx + n0 * in) != 0)
        an_conv_input(p, dy, transposed, dx, n0, n1);
}

/* dw += what the images n0 <= i < n1 add to it */
static void an_winograd_kernel(const an_conv *p, const float *x, const float *dy, float *dw, i64 n0, i64 n1) {
    if (an_sparse_kernel(p, x, dy, dw, n0, n1)) return;
    if (an_too_narrow(p)) {
        an_conv_kernel(p, x, dy, dw, n0, n1);
        return;
    }
    i64 a = p->c, b = p->oc, most = a > b ? a : b;
    int kh = (int)p->kh, kw = (int)p->kw;
    an_tiling t = an_tile_forward(p);
    i64 size = most + t.places * (an_plane(a) + an_plane(b) + a * b) + kh * kw * a * b;
    float *zeros = an_scratch(size * 4), *v = zeros + most, *e = v + t.places * an_plane(a);
    float *du = e + t.places * an_plane(b), *sum = du + t.places * a * b, strange;
    memset(zeros, 0, (size_t)most * 4);
    for (i64 first = 0, all = (n1 - n0) * t.size, tiles; first < all; first += tiles) {
        tiles = an_tiles_next(all - first);
        an_winograd_pixels(&t, x + n0 * p->h * p->w * a, a, first, tiles, zeros, v, NULL);
        an_winograd_slopes(&t, dy + n0 * p->oh * p->ow * b, b, first, tiles, zeros, e);
        for (i64 place = 0; place < t.places; place++)
            an_gemm_one_32(1, 0, a, b, tiles, v + place * an_plane(a), a, e + place * an_plane(b), b, du + place * a * b,
                           b, first > 0);
    }
    AN_EACH_VECTOR(c, a * b) {
        an_floats half[6][5], line[6], out[5];
        for (int j = 0; j < t.columns.places; j++) {
            for (int i = 0; i < t.rows.places; i++) line[i] = AN_AT(du + (i * t.columns.places + j) * a * b + c);
            an_from_points(kh, line, AN_NEAR_G, AN_FAR_G, half[j]);
        }
        for (int i = 0; i < kh; i++) {
            for (int j = 0; j < t.columns.places; j++) line[j] = half[j][i];
            an_from_points(kw, line, AN_NEAR_G, AN_FAR_G, out);
            for (int j = 0; j < kw; j++) AN_PUT(sum + (i * kw + j) * a * b + c) = out[j];
        }
    }
    strange = an_strange(sum, kh * kw * a * b);
    if (strange != 0) an_conv_kernel(p, x, dy, dw, n0, n1);
    for (i64 k = 0; strange == 0 && k < kh * kw * a * b; k++) dw[k] += sum[k];
}
