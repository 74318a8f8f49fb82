/* Products with a single column, for one number type (see gemm.h): each number of a is read once, where a tile would
 * compute a vector's width of columns. An element does not depend on the others, so neither on the split.
 *
 * c[i] (+)= sum over p < k of op(a)[i][p] b[p * step], for i0 <= i < i1. c[i] stands at c + i * ldc. */
static void F(an_column_down_)(i64 i0, i64 i1, i64 k, const T *a, i64 lda, const T *b, i64 step, T *c, i64 ldc, int add) {
    enum { WIDE = 4 };
    T out[WIDE * AN_BYTES / sizeof(T)];
    for (i64 i = i0, many; i < i1; i += many) { /* a (k, m): lanes are rows of the result */
        many = i1 - i < WIDE * LANES ? i1 - i : WIDE * LANES;
        VECTOR sum[WIDE] = {{0}};
        if (many == WIDE * LANES)
            for (i64 p = 0; p < k; p++) {
                VECTOR x = b[p * step] - (VECTOR){0};
#pragma GCC unroll 4
                for (int j = 0; j < WIDE; j++) sum[j] += *(const VECTOR *)(a + p * lda + i + j * LANES) * x;
            }
        else
            for (i64 p = 0; p < k; p++) {
                VECTOR x = b[p * step] - (VECTOR){0}, part[WIDE] = {{0}};
                memcpy(part, a + p * lda + i, (size_t)many * sizeof(T));
#pragma GCC unroll 4
                for (int j = 0; j < WIDE; j++) sum[j] += part[j] * x;
            }
        memcpy(out, sum, sizeof sum);
        for (i64 j = 0; j < many; j++) c[(i + j) * ldc] = add ? c[(i + j) * ldc] + out[j] : out[j];
    }
}

static T F(an_dot_)(i64 k, const T *a, const T *b) {
    enum { WIDE = 4 };
    VECTOR sum[WIDE] = {{0}};
    T lane[AN_BYTES / sizeof(T)], few = 0;
    i64 p = 0;
    for (; p + WIDE * LANES <= k; p += WIDE * LANES)
#pragma GCC unroll 4
        for (int j = 0; j < WIDE; j++)
            sum[j] += *(const VECTOR *)(a + p + j * LANES) * *(const VECTOR *)(b + p + j * LANES);
    for (; p + LANES <= k; p += LANES) sum[0] += *(const VECTOR *)(a + p) * *(const VECTOR *)(b + p);
    for (; p < k; p++) few += a[p] * b[p];
    sum[0] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    memcpy(lane, sum, sizeof lane);
    for (i64 width = LANES / 2; width; width /= 2)
        for (i64 j = 0; j < width; j++) lane[j] += lane[j + width];
    return lane[0] + few;
}

static void F(an_column_)(int ta, i64 i0, i64 i1, i64 k, const T *a, i64 lda, const T *b, i64 step, T *c, i64 ldc,
                          int add) {
    T near[DEEP];
    if (ta || k <= 0) {
        F(an_column_down_)(i0, i1, k, a, lda, b, step, c, ldc, add);
        return;
    }
    for (i64 p = 0, deep; p < k; p += deep) { /* a (m, k): lanes are parts of a row */
        deep = k - p < DEEP ? k - p : DEEP;
        const T *right = b + p * step;
        if (step != 1) {
            for (i64 q = 0; q < deep; q++) near[q] = right[q * step];
            right = near;
        }
        for (i64 i = i0; i < i1; i++) {
            T sum = F(an_dot_)(deep, a + i * lda + p, right);
            c[i * ldc] = p || add ? c[i * ldc] + sum : sum;
        }
    }
}
