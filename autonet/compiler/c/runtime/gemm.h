/* Matrix products, for one number type (T, of BITS bits).
 *
 * c (m, n) (+)= op(a) (m, k) @ op(b) (k, n), row-major. A tile of c, a few rows and AN_WIDE vectors of columns, stays in
 * registers over a block of k; the vectors of b come from memory or, where many rows or a transposition are worth it,
 * from a strip packed into the first cache; the numbers of a through a table of offsets, which costs nothing beside the
 * multiplications and lets the same kernel walk rows, columns, or the windows of a convolution.
 * The plan: Goto, van de Geijn, 2008, https://doi.org/10.1145/1356052.1356053
 */
#define AN_WORTH 500000 /* multiplications that pay for a second thread */
#define PACK 96         /* rows of a for which a strip of b is copied, so that its lines stand side by side; 32 where they */
#define FOLDED 2048     /* are a multiple of so many bytes apart, and would drive each other out of the first cache */
#define DEEP 256        /* rows of a strip of b: it stays in the first cache, beside a tile's part of a */
#define TALL ((i64)(1152 / sizeof(T))) /* rows of a that stay in the second cache, DEEP numbers each */
#define BROAD 128       /* columns of b for which a transposed a is copied, so that a tile's numbers stand side by side */
#define AN_GLUE_(a, b) a##b
#define AN_GLUE(a, b) AN_GLUE_(a, b)
#define F(name) AN_GLUE(name, BITS)
#define LANES ((i64)(AN_BYTES / sizeof(T)))
#define VECTOR F(an_vector_)
#define KERNEL F(an_kernel_)

typedef T VECTOR __attribute__((vector_size(AN_BYTES), aligned(sizeof(T)), may_alias));
typedef void (*KERNEL)(i64 k, const T *a, i64 row, const i64 *at, const T *b, i64 ldb, T *c, i64 ldc, i64 last,
                       int add);

/* clang would load all rows before it adds the first, and spill the sums for it. */
#ifndef AN_IN_ORDER
#if defined(__clang__) && defined(__x86_64__)
#define AN_IN_ORDER(value) __asm__ volatile("" : "+v"(value)::"memory")
#elif defined(__clang__) && defined(__aarch64__)
#define AN_IN_ORDER(value) __asm__ volatile("" : "+w"(value)::"memory")
#else
#define AN_IN_ORDER(value) ((void)0)
#endif
#endif

/* c[i][j] (+)= sum over p < k of a[i * row + at[p]] * b[p * ldb + j], for i < ROWS, j < WIDE * LANES. The last of two or
 * three vectors may begin early, at column `last`, so that it ends with the row: what two vectors hold comes out alike. */
AN_INLINE void F(an_tile_)(const int ROWS, const int WIDE, i64 k, const T *restrict a, i64 row,
                           const i64 *restrict at, const T *restrict b, i64 ldb, T *restrict c, i64 ldc,
                           i64 last, int add) {
#define COLUMN(j) ((WIDE == 2 || WIDE == 3) && (j) == WIDE - 1 ? last : (j) * LANES)
    VECTOR sum[AN_ROWS][8]; /* of which ROWS times WIDE are used, and live in registers */
#pragma GCC unroll 16
    for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 8
        for (int j = 0; j < WIDE; j++)
            if (add) sum[i][j] = *(const VECTOR *)(c + i * ldc + COLUMN(j));
            else sum[i][j] = (VECTOR){0};
    for (i64 p = 0; p < k; p++) {
        const T *from = a + at[p];
        VECTOR right[8];
#pragma GCC unroll 8
        for (int j = 0; j < WIDE; j++) right[j] = *(const VECTOR *)(b + COLUMN(j));
        b += ldb;
#pragma GCC unroll 16
        for (int i = 0; i < ROWS; i++) {
            VECTOR left = from[i * row] - (VECTOR){0};
#pragma GCC unroll 8
            for (int j = 0; j < WIDE; j++) {
                sum[i][j] += left * right[j];
                AN_IN_ORDER(sum[i][j]);
            }
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 8
        for (int j = 0; j < WIDE; j++) *(VECTOR *)(c + i * ldc + COLUMN(j)) = sum[i][j];
#undef COLUMN
}

/* Few rows take more columns, so that enough sums are under way to hide the latency of an addition. */
#define TILE(rows, wide)                                                                                              \
    static void AN_GLUE(F(an_tile_), _##rows##_##wide)(i64 k, const T *a, i64 row, const i64 *at, const T *b,         \
                                                       i64 ldb, T *c, i64 ldc, i64 last, int add) {                   \
        F(an_tile_)(rows, wide, k, a, row, at, b, ldb, c, ldc, last, add);                                            \
    }
#define TILES(rows) TILE(rows, 1) TILE(rows, 2)
#define NAME(rows, wide) [rows][wide] = AN_GLUE(F(an_tile_), _##rows##_##wide)
#define NAMES(rows) NAME(rows, 1), NAME(rows, 2)
TILES(1) TILES(2) TILES(3) TILES(4) TILES(5) TILES(6)
TILE(1, 4) TILE(2, 4) TILE(3, 4) TILE(1, 8)
#if AN_WIDE == 3
TILE(1, 3) TILE(2, 3) TILE(3, 3) TILE(4, 3)
#endif
#if AN_ROWS > 6
TILES(7) TILES(8) TILES(9) TILES(10) TILES(11) TILES(12) TILES(13) TILES(14)
TILE(4, 4) TILE(5, 4) TILE(6, 4) TILE(2, 8) TILE(3, 8)
#endif
static const KERNEL F(an_kernels_)[AN_ROWS + 1][9] = { /* of rows, vectors */
    NAMES(1), NAMES(2), NAMES(3), NAMES(4), NAMES(5), NAMES(6),
    NAME(1, 4), NAME(2, 4), NAME(3, 4), NAME(1, 8),
#if AN_WIDE == 3
    NAME(1, 3), NAME(2, 3), NAME(3, 3), NAME(4, 3),
#endif
#if AN_ROWS > 6
    NAMES(7), NAMES(8), NAMES(9), NAMES(10), NAMES(11), NAMES(12), NAMES(13), NAMES(14),
    NAME(4, 4), NAME(5, 4), NAME(6, 4), NAME(2, 8), NAME(3, 8),
#endif
};
#undef TILE
#undef TILES
#undef NAMES
#undef NAME

/* Columns of LANES rows as vectors: SIDE of them at once. Rows that are half a vector apart share a vector from the
 * beginning on where the compiler can join halves, and these are far from each other (AVX). */
#if AN_BYTES == 32 && defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define SIDE (LANES / 2)
#endif
#endif
#ifdef SIDE
static void F(an_square_)(const T *const *line, i64 p, T *to, i64 step) {
    typedef T half __attribute__((vector_size(AN_BYTES / 2), aligned(sizeof(T)), may_alias));
#define HALF(i) (*(const half *)(line[i] + p))
#define MIXED(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#define PUT(row, value) *(VECTOR *)(to + (row) * step) = value
#if BITS == 32
#define ROWS(i) MIXED(HALF(i), HALF(i + 4), 0, 1, 2, 3, 4, 5, 6, 7)
    VECTOR x0 = ROWS(0), x1 = ROWS(1), x2 = ROWS(2), x3 = ROWS(3);
    VECTOR a = MIXED(x0, x1, 0, 8, 1, 9, 4, 12, 5, 13), b = MIXED(x0, x1, 2, 10, 3, 11, 6, 14, 7, 15);
    VECTOR c = MIXED(x2, x3, 0, 8, 1, 9, 4, 12, 5, 13), d = MIXED(x2, x3, 2, 10, 3, 11, 6, 14, 7, 15);
    PUT(0, MIXED(a, c, 0, 1, 8, 9, 4, 5, 12, 13));
    PUT(1, MIXED(a, c, 2, 3, 10, 11, 6, 7, 14, 15));
    PUT(2, MIXED(b, d, 0, 1, 8, 9, 4, 5, 12, 13));
    PUT(3, MIXED(b, d, 2, 3, 10, 11, 6, 7, 14, 15));
#else
#define ROWS(i) MIXED(HALF(i), HALF(i + 2), 0, 1, 2, 3)
    VECTOR x0 = ROWS(0), x1 = ROWS(1);
    PUT(0, MIXED(x0, x1, 0, 4, 2, 6));
    PUT(1, MIXED(x0, x1, 1, 5, 3, 7));
#endif
#undef HALF
#undef MIXED
#undef PUT
#undef ROWS
}
#else
#define SIDE LANES
static void F(an_square_)(const T *const *line, i64 p, T *to, i64 step) {
    VECTOR x[AN_BYTES / sizeof(T)], y[AN_BYTES / sizeof(T)];
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++) x[i] = *(const VECTOR *)(line[i] + p);
#pragma GCC unroll 4
    for (int turn = 1; turn < LANES; turn *= 2) {
#pragma GCC unroll 8
        for (int i = 0; i < LANES / 2; i++) {
            y[2 * i] = AN_GLUE(AN_LOWER_, BITS)(x[i], x[i + LANES / 2]);
            y[2 * i + 1] = AN_GLUE(AN_UPPER_, BITS)(x[i], x[i + LANES / 2]);
        }
#pragma GCC unroll 16
        for (int i = 0; i < LANES; i++) x[i] = y[i];
    }
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++) *(VECTOR *)(to + i * step) = x[i];
}
#endif

/* to (k, .) = the transpose of from (wide, k), in whole vectors: what stands beyond `wide` has no meaning. */
static void F(an_transpose_)(i64 k, i64 wide, const T *from, i64 ld, T *to, i64 step) {
    for (i64 first = 0; first < wide; first += LANES) {
        if (k < SIDE) {
            for (i64 p = 0; p < k; p++)
                for (i64 j = first; j < wide; j++) to[p * step + j] = from[j * ld + p];
            return;
        }
        const T *line[AN_BYTES / sizeof(T)];
        for (i64 i = 0; i < LANES; i++) line[i] = from + (first + i < wide ? first + i : wide - 1) * ld;
        for (i64 p = 0; p < k; p += SIDE) { /* the last square overlaps */
            i64 at = p + SIDE <= k ? p : k - SIDE;
            F(an_square_)(line, at, to + at * step + first, step);
        }
    }
}

/* A strip of columns: `wide` that count, in `vectors`; 4 and 8 of them are full. Of its k rows `direct` stand at b,
 * the others at `rest`, which is packed. Those at `next`, if any, are wanted soon. */
struct F(an_strip_) {
    i64 wide, vectors, k, direct, ldb;
    const T *b, *rest, *next;
};

/* Rows of a tile that is so many vectors wide. */
#define HIGH(vectors) ((vectors) == 3 ? 4 : AN_ROWS)

/* A strip of c, m rows in tiles as equal as they can be. Tiles of a stand `tall` numbers apart, where they are packed. */
static void F(an_tiles_)(const struct F(an_strip_) * s, i64 m, const T *a, i64 row, i64 tall, const i64 *at, T *c, i64 ldc,
                         int add) {
    T edge[AN_ROWS * AN_BYTES / sizeof(T)];
    i64 high = tall ? HIGH(AN_WIDE) : HIGH(s->vectors), tiles = (m + high - 1) / high, ahead = 0;
    i64 full = LANES * s->vectors, last = s->wide - LANES, ragged = s->wide < LANES;
    for (i64 tile = 0, i = 0; tile < tiles; tile++) {
        i64 rows = m / tiles + (tile < m % tiles), ld = ragged ? full : ldc;
        KERNEL kernel = F(an_kernels_)[rows][s->vectors];
        T *to = c + i * ldc, *out = ragged ? edge : to;
        const T *left = tall ? a + tile * tall : a + i * row;
        for (i64 until = s->next ? s->k * (tile + 1) / tiles : 0; ahead < until; ahead++) {
            __builtin_prefetch(s->next + ahead * s->ldb);
            __builtin_prefetch(s->next + ahead * s->ldb + full - 1);
        }
        for (i64 r = rows; add && r < 2 * rows && i + r < m; r++) { /* the next tile begins with what c holds */
            __builtin_prefetch(to + r * ldc, 1);
            __builtin_prefetch(to + r * ldc + s->wide - 1, 1);
        }
        for (i64 r = 0; ragged && add && r < rows; r++)
            memcpy(edge + r * full, to + r * ldc, (size_t)s->wide * sizeof(T));
        if (s->direct) kernel(s->direct, left, row, at, s->b, s->ldb, out, ld, last, add);
        else kernel(s->k, left, row, at, s->rest, full, out, ld, last, add);
        for (i64 r = 0; ragged && r < rows; r++)
            memcpy(to + r * ldc, edge + r * full, (size_t)s->wide * sizeof(T));
        i += rows;
    }
}

/* Numbers from one row of a packed tile to the next: vectors may overlap where there is one to a row. */
#define STEP (HIGH(AN_WIDE) <= LANES ? HIGH(AN_WIDE) : (HIGH(AN_WIDE) + LANES - 1) / LANES * LANES)

/* The tiles that an_tiles_ takes of a (k, m), one after the other, the numbers of a row of theirs side by side; a few rows
 * of a at a time, so that a cache line is taken apart while it is near. */
static void F(an_pack_)(i64 m, i64 k, const T *a, i64 lda, T *to) {
    i64 tiles = (m + HIGH(AN_WIDE) - 1) / HIGH(AN_WIDE);
    for (i64 top = 0, end; top < k; top = end) {
        end = k - top < 16 ? k : top + 16;
        for (i64 tile = 0, i = 0, rows; tile < tiles; tile++, i += rows) {
            T *at = to + tile * DEEP * STEP;
            rows = m / tiles + (tile < m % tiles);
            if (rows == HIGH(AN_WIDE))
                for (i64 p = top; p < end; p++) memcpy(at + p * STEP, a + p * lda + i, HIGH(AN_WIDE) * sizeof(T));
            else
                for (i64 p = top; p < end; p++)
                    for (i64 r = 0; r < rows; r++) at[p * STEP + r] = a[p * lda + i + r];
        }
    }
}

/* The strip packed: `wide` columns of k rows. */
static void F(an_copy_)(i64 k, i64 wide, i64 vectors, const T *b, i64 ldb, T *to) {
    i64 full = vectors * LANES;
    if (wide == full)
        for (i64 p = 0; p < k; p++)
            for (i64 j = 0; j < vectors; j++)
                *(VECTOR *)(to + p * full + j * LANES) = *(const VECTOR *)(b + p * ldb + j * LANES);
    else
        for (i64 p = 0; p < k; p++) memcpy(to + p * full, b + p * ldb, (size_t)wide * sizeof(T));
}

/* How many vectors the next strip has, of n columns that are left and m rows. */
static i64 F(an_vectors_)(i64 m, i64 n) {
    if (n <= LANES) return 1;
    if (m <= AN_ROWS && n >= 8 * LANES && F(an_kernels_)[m][8]) return 8;
    if (m <= AN_ROWS && n >= 4 * LANES && F(an_kernels_)[m][4]) return 4;
    if (AN_WIDE == 2 || n <= 2 * LANES || (m > HIGH(3) && m <= HIGH(2))) return 2;
    return n > 3 * LANES && n <= 4 * LANES ? 2 : 3; /* 2 and 2 for 4: none is left alone */
}

/* The product of rows [i0, i1) and columns [j0, j1). Blocks of k are cut by k alone, so that an element of the result
 * is the same sum in the same order, whatever the rows and columns around it. `last` is where b's memory ends: a strip
 * that does not fill its vectors reads on into the next row (and throws the result away), but never past that. */
static void F(an_block_)(int ta, int tb, i64 i0, i64 i1, i64 j0, i64 j1, i64 k, const T *a,
                         i64 lda, const T *b, i64 ldb, T *c, i64 ldc, int add, const T *last) {
    _Alignas(64) T strip[DEEP * AN_WIDE * AN_BYTES / sizeof(T)];
    int pack = ta && j1 - j0 >= BROAD && i1 - i0 > AN_ROWS;
    i64 at[DEEP], row = ta ? 1 : lda, blocks = (k + DEEP - 1) / DEEP, wide;
    i64 few = ldb * (i64)sizeof(T) % FOLDED ? PACK : PACK / 3;
    T *packed = pack ? AN_PACKING(TALL * DEEP * STEP / HIGH(AN_WIDE) * (i64)sizeof(T)) : NULL;
    for (i64 p = 0; p < DEEP && p < k; p++) at[p] = pack ? p * STEP : ta ? p * lda : p;
    if (k == 0 && !add)
        for (i64 i = i0; i < i1; i++) memset(c + i * ldc + j0, 0, (size_t)(j1 - j0) * sizeof(T));
    for (i64 top = i0; top < i1; top += TALL) {
        i64 m = i1 - top < TALL ? i1 - top : TALL;
        for (i64 block = 0, p = 0; block < blocks; block++) {
            i64 deep = k / blocks + (block < k % blocks);
            const T *left = ta ? a + p * lda + top : a + top * lda + p;
            if (pack) F(an_pack_)(m, deep, left, lda, packed), left = packed;
            for (i64 j = j0; j < j1; j += wide) {
                i64 vectors = F(an_vectors_)(tb ? AN_ROWS + 1 : m, j1 - j), full = vectors * LANES;
                wide = j1 - j < full ? j1 - j : full;
                const T *right = tb ? b + j * ldb + p : b + p * ldb + j;
                struct F(an_strip_) s = {wide, vectors, deep, 0, ldb, right, strip, NULL};
                if (tb) F(an_transpose_)(deep, wide, right, ldb, strip, full);
                else if (m > few || right + (deep - 1) * ldb + (vectors > 1 ? wide : full) > last) {
                    F(an_copy_)(deep, wide, vectors, right, ldb, strip);
                    if (j + wide + full <= j1) s.next = right + wide;
                } else s.direct = deep;
                F(an_tiles_)(&s, m, left, row, pack ? DEEP * STEP : 0, at, c + top * ldc + j, ldc, add || block);
            }
            p += deep;
        }
    }
}

#include "column.h"

static void F(an_gemm_one_)(int ta, int tb, i64 m, i64 n, i64 k, const T *a, i64 lda, const T *b,
                            i64 ldb, T *c, i64 ldc, int add) {
    if (n == 1) {
        F(an_column_)(ta, 0, m, k, a, lda, b, tb ? 1 : ldb, c, ldc, add);
        return;
    }
    const T *last = b + (tb ? (n - 1) * ldb + k : (k - 1) * ldb + n);
    F(an_block_)(ta, tb, 0, m, 0, n, k, a, lda, b, ldb, c, ldc, add, last);
}

struct F(an_product_) {
    int ta, tb, add;
    i64 m, n, k, lda, ldb, ldc, rows, columns, across;
    const T *a, *b;
    T *c;
    an_tile done;
    void *context;
};

static void F(an_piece_)(void *context, i64 begin, i64 end) {
    const struct F(an_product_) *p = context;
    for (i64 piece = begin; piece < end; piece++) {
        i64 i0 = piece / p->across * p->rows, j0 = piece % p->across * p->columns;
        i64 i1 = i0 + p->rows < p->m ? i0 + p->rows : p->m, j1 = j0 + p->columns < p->n ? j0 + p->columns : p->n;
        const T *last = p->b + (p->tb ? (p->n - 1) * p->ldb + p->k : (p->k - 1) * p->ldb + p->n);
        if (p->n == 1) F(an_column_)(p->ta, i0, i1, p->k, p->a, p->lda, p->b, p->tb ? 1 : p->ldb, p->c, p->ldc, p->add);
        else F(an_block_)(p->ta, p->tb, i0, i1, j0, j1, p->k, p->a, p->lda, p->b, p->ldb, p->c, p->ldc, p->add, last);
        if (p->done) p->done(p->context, i0, i1, j0, j1);
    }
}

/* The time of a product in equal pieces, over that on so many threads without any: for pieces of `size` of `units`, each
 * of which does `again` of its work that another one has done. */
static double F(an_cost_)(i64 units, i64 size, i64 threads, double again) {
    i64 pieces = (units + size - 1) / size, rounds = (pieces + threads - 1) / threads;
    return (double)(rounds * size * threads) / (double)units * (1 + again * (double)pieces);
}

/* Cuts a product into rows or columns. Pieces of rows copy the same strips of b, those of columns the same tiles of a;
 * more pieces than threads are good where other work holds one of these up. */
static void F(an_cut_)(struct F(an_product_) * p, i64 threads) {
    i64 strip = AN_WIDE * LANES, strips = (p->n + strip - 1) / strip, tiles = (p->m + HIGH(AN_WIDE) - 1) / HIGH(AN_WIDE);
    double best = 1e9;
    for (i64 wanted = 4 * threads; wanted >= threads; wanted /= 2)
        for (int along = 0; along < 2; along++) {
            i64 units = along ? tiles : strips, size = (units + wanted - 1) / wanted;
            double again = along ? (p->tb ? 8.0 : 2.0) / (double)p->m : p->ta ? 3.0 / (double)p->n : 0;
            double cost = F(an_cost_)(units, size, threads, again);
            if (!along && p->ta && p->n >= BROAD && size * strip < BROAD) cost *= 1.3; /* a is not copied then */
            if (cost > 0.97 * best) continue;
            best = cost;
            p->rows = along ? size * HIGH(AN_WIDE) : p->m;
            p->columns = along ? p->n : size * strip;
        }
}

static void F(an_gemm_)(int ta, int tb, i64 m, i64 n, i64 k, const T *a, i64 lda, const T *b, i64 ldb,
                        T *c, i64 ldc, int add, an_tile done, void *context) {
    struct F(an_product_) p = {ta, tb, add, m, n, k, lda, ldb, ldc, m, n, 1, a, b, c, done, context};
    if (m <= 0 || n <= 0) return;
    if (AN_THREADS > 1 && m * n * k >= AN_WORTH) F(an_cut_)(&p, AN_THREADS);
    p.across = (n + p.columns - 1) / p.columns;
    AN_PARALLEL(F(an_piece_), &p, (m + p.rows - 1) / p.rows * p.across, 1);
}
