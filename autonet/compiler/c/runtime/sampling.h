/* Images at places between their pixels, see ops/image/sampling.py: for the images begin <= i < end. Plans that have such
 * an operation take this text in.
 *
 * An image is first copied into a frame with a border of two pixels on each side, which hold what the fill mode says. Then
 * the pixels around each place are neighbours, in rows and in columns, and one number says where they are.
 */
enum { AN_CONSTANT, AN_NEAREST, AN_WRAP, AN_MIRROR, AN_REFLECT, AN_BORDER = 2 };

typedef struct {
    int64_t height, width, channels, image, down, across, channel; /* of the images; from one to the next of each */
    int64_t lines, count;                                          /* of each result, and places of a line */
    int64_t row_image, row_line, row_step, column_image, column_line, column_step; /* strides of the places */
    int linear, mode;
    float fill;
} an_sampling;

AN_INLINE float an_within_f32(float x, float least, float most) { /* NaN is least */
    x = x > least ? x : least;
    return x < most ? x : most;
}

/* Along an axis of n pixels: adds to at[j] `scale` times the cell of the frame at place p[j * step], and gives the parts that
 * it (`own`) and the next cell (`next`) have. */
AN_STATIC void an_cells_f32(const an_sampling *s, const float *restrict p, int64_t step, int64_t count, int64_t n,
                            int32_t scale, int32_t *restrict at, float *restrict own, float *restrict next) {
    float whole[AN_TILE];
    for (; count > 0; count -= AN_TILE, p += AN_TILE * step, at += AN_TILE, own += AN_TILE, next += AN_TILE) {
        int64_t most = count < AN_TILE ? count : AN_TILE;
        if (s->linear)
            for (int64_t j = 0; j < most; j++) {
                float x = p[j * step];
                whole[j] = an_floor_f32(x);
                next[j] = x - whole[j];
                own[j] = 1 - next[j];
            }
        else
            for (int64_t j = 0; j < most; j++) { /* the nearest; halves go away from zero */
                float x = p[j * step], size = an_floor_f32(an_abs_f32(x) + 0.5f);
                whole[j] = an_where_f32(x >= 0, size, -size);
                own[j] = next[j] = 0;
            }
        if (s->mode == AN_CONSTANT || s->mode == AN_NEAREST) {
            float low = s->mode == AN_CONSTANT ? -2 : -1, high = (float)n - 2 - low;
            for (int64_t j = 0; j < most; j++)
                at[j] += ((int32_t)an_within_f32(whole[j], low, high) + AN_BORDER) * scale;
            continue;
        }
        /* there and back: from `turn` on the neighbours are met in reverse, and the frame's earlier cell is the later one */
        int32_t edge = s->mode == AN_REFLECT, length = (int32_t)n, turn = s->mode == AN_WRAP ? length : length - 1 + edge;
        int32_t period = s->mode == AN_WRAP ? length : n > 1 ? 2 * turn : 1, last = period - edge - !!s->linear;
        float f = (float)period;
        for (int64_t j = 0; j < most; j++) {
            int32_t k = (int32_t)an_within_f32(whole[j] - f * an_floor_f32(whole[j] / f), 0, f - 1), back = k >= turn;
            at[j] += ((back ? last - k : k) + AN_BORDER) * scale;
            float part = own[j];
            own[j] = an_where_f32(back, next[j], part);
            next[j] = an_where_f32(back, part, next[j]);
        }
    }
}

/* The image `x` in its frame, rows of `wide` numbers. The border of a constant is there already. */
AN_STATIC void an_frame_f32(const an_sampling *s, const float *restrict x, int64_t wide, float *restrict frame) {
    int64_t h = s->height, w = s->width, c = s->channels, round = s->mode == AN_WRAP;
    for (int64_t r = 0; r < h; r++) {
        const float *from = x + r * s->down;
        float *to = frame + (r + AN_BORDER) * wide + AN_BORDER * c;
        if (s->across == c && (s->channel == 1 || c == 1)) memcpy(to, from, (size_t)(w * c) * sizeof *to);
        else
            for (int64_t j = 0; j < w; j++)
                for (int64_t k = 0; k < c; k++) to[j * c + k] = from[j * s->across + k * s->channel];
        if (s->mode != AN_CONSTANT)
            for (int64_t k = 0; k < c; k++) to[k - c] = to[k], to[w * c + k] = to[round ? k : (w - 1) * c + k];
    }
    if (s->mode == AN_CONSTANT) return;
    float *first = frame + AN_BORDER * wide, *last = first + (h - 1) * wide;
    memcpy(first - wide, first, (size_t)wide * sizeof *frame);
    memcpy(last + wide, round ? first : last, (size_t)wide * sizeof *frame);
}

/* y (count, c): the pixels at the cells `at`; between two neighbours of a line; between four of a frame, columns first. */
AN_INLINE void an_pick_f32(const float *restrict frame, const int32_t *restrict at, int64_t count, int64_t c,
                           float *restrict y) {
    for (int64_t j = 0; j < count; j++)
        for (int64_t k = 0; k < c; k++) y[j * c + k] = frame[at[j] + k];
}

AN_INLINE void an_mix_f32(const float *restrict line, const int32_t *restrict at, const float *restrict left,
                          const float *restrict right, int64_t count, int64_t c, float *restrict y) {
    for (int64_t j = 0; j < count; j++)
        for (int64_t k = 0; k < c; k++) y[j * c + k] = line[at[j] + k] * left[j] + line[at[j] + k + c] * right[j];
}

AN_INLINE void an_blend_f32(const float *restrict frame, const int32_t *restrict at, const float *restrict upper,
                            const float *restrict lower, const float *restrict left, const float *restrict right,
                            int64_t wide, int64_t count, int64_t c, float *restrict y) {
    const float *restrict below = frame + wide;
    for (int64_t j = 0; j < count; j++)
        for (int64_t k = 0; k < c; k++) {
            float a = frame[at[j] + k] * upper[j] + below[at[j] + k] * lower[j];
            float b = frame[at[j] + k + c] * upper[j] + below[at[j] + k + c] * lower[j];
            y[j * c + k] = a * left[j] + b * right[j];
        }
}

#define AN_EACH(CALL) /* loops of their own for grey and coloured images */                                           \
    do {                                                                                                              \
        if (s->channels == 1) { enum { c = 1 }; CALL; }                                                               \
        else if (s->channels == 3) { enum { c = 3 }; CALL; }                                                          \
        else { const int64_t c = s->channels; CALL; }                                                                 \
    } while (0)

/* Rows that depend on the line alone, and columns that do not: two lines of the frame become one, from which places take. */
AN_STATIC void an_sample_lines_f32(const an_sampling *s, const float *frame, const float *rows, const float *columns,
                                   int64_t wide, float *line, float *y) {
    int64_t n = s->count, m = s->lines;
    float *left = line + wide, *right = left + n, *upper = right + n, *lower = upper + m;
    int32_t *at = (int32_t *)(lower + m), *first = at + n;
    memset(at, 0, (size_t)(n + m) * sizeof *at);
    an_cells_f32(s, columns, s->column_step, n, s->width, (int32_t)s->channels, at, left, right);
    an_cells_f32(s, rows, s->row_line, m, s->height, (int32_t)wide, first, upper, lower);
    for (int64_t r = 0; r < m; r++, y += n * s->channels) {
        const float *a = frame + first[r], *b = a + wide;
        float own = upper[r], next = lower[r];
        for (int64_t k = 0; s->linear && k < wide; k++) line[k] = a[k] * own + b[k] * next;
        if (s->linear) AN_EACH(an_mix_f32(line, at, left, right, n, c, y));
        else AN_EACH(an_pick_f32(a, at, n, c, y));
    }
}

AN_STATIC void an_sample_f32(const an_sampling *s, const float *x, const float *rows, const float *columns, float *y,
                             int64_t begin, int64_t end) {
    int64_t c = s->channels, wide = (s->width + 2 * AN_BORDER) * c, cells = (s->height + 2 * AN_BORDER) * wide;
    float *frame = an->scratch((cells + wide + 3 * (s->lines + s->count)) * (int64_t)sizeof(float));
    for (int64_t k = 0; s->mode == AN_CONSTANT && k < cells; k++) frame[k] = s->fill;
    for (int64_t i = begin; i < end; i++) {
        const float *p = rows + i * s->row_image, *q = columns + i * s->column_image;
        float *to = y + i * s->lines * s->count * c;
        an_frame_f32(s, x + i * s->image, wide, frame);
        if (!s->row_step && !s->column_line) {
            an_sample_lines_f32(s, frame, p, q, wide, frame + cells, to);
            continue;
        }
        for (int64_t r = 0; r < s->lines; r++, p += s->row_line, q += s->column_line)
            for (int64_t first = 0; first < s->count; first += AN_TILE) {
                int64_t most = s->count - first < AN_TILE ? s->count - first : AN_TILE;
                int32_t at[AN_TILE] = {0};
                float upper[AN_TILE], lower[AN_TILE], left[AN_TILE], right[AN_TILE];
                an_cells_f32(s, p + first * s->row_step, s->row_step, most, s->height, (int32_t)wide, at, upper, lower);
                an_cells_f32(s, q + first * s->column_step, s->column_step, most, s->width, (int32_t)c, at, left, right);
                float *out = to + (r * s->count + first) * c;
                if (s->linear) AN_EACH(an_blend_f32(frame, at, upper, lower, left, right, wide, most, c, out));
                else AN_EACH(an_pick_f32(frame, at, most, c, out));
            }
    }
}
