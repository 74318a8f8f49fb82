/* What every generated translation unit of a plan, and the runtime library itself, begins with.
 *
 * Plans are compiled with -ffp-contract=off, so that + - * / and sqrt round as NumPy's do; where a fused
 * multiply-add is wanted it is written AN_FMA_*. -fno-trapping-math lets the compiler turn ?: into selects.
 */
#ifndef AN_BASE_H
#define AN_BASE_H
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define AN_INLINE static inline __attribute__((always_inline, unused))
#define AN_STATIC static __attribute__((unused))
#define AN_EXPORT __attribute__((visibility("default")))
#define AN_INF_F32 __builtin_inff()
#define AN_INF_F64 __builtin_inf()
#define AN_NAN_F32 __builtin_nanf("")
#define AN_NAN_F64 __builtin_nan("")

#if !defined(AN_PLAIN) && (defined(__FMA__) || defined(__AVX512F__) || defined(__ARM_FEATURE_FMA) || defined(__aarch64__))
#define AN_FMA_F32(a, b, c) __builtin_fmaf((a), (b), (c))
#define AN_FMA_F64(a, b, c) __builtin_fma((a), (b), (c))
#else /* a library call for each would cost more than the rounding it saves */
#define AN_FMA_F32(a, b, c) ((a) * (b) + (c))
#define AN_FMA_F64(a, b, c) ((a) * (b) + (c))
#endif

/* Lanes of the widest vectors; how many rows of two accumulators the registers hold beside the operands; how many
 * vectors of columns a product's tiles have: with 16 registers, 4 rows of 3 load less than 6 of 2. */
#if defined(__AVX512F__)
#define AN_BYTES 64
#define AN_ROWS 14
#define AN_WIDE 2
#elif defined(__AVX__)
#define AN_BYTES 32
#define AN_ROWS 6
#define AN_WIDE 3
#elif defined(__aarch64__)
#define AN_BYTES 16
#define AN_ROWS 14
#define AN_WIDE 2
#else
#define AN_BYTES 16
#define AN_ROWS 6
#define AN_WIDE 3
#endif

/* Two vectors interleaved, a0 b0 a1 b1 ...: the lower and the upper half of that. `integers` is the vector type of
 * whole numbers as wide as theirs. After log2(lanes) rounds on vectors i and i + lanes / 2 a square is transposed. */
#define AN_LOW_(n, i) ((i) / 2 + ((i) % 2) * (n))
#define AN_HIGH_(n, i) ((n) / 2 + (i) / 2 + ((i) % 2) * (n))
#define AN_2(f, n, i) f(n, i), f(n, i + 1)
#define AN_4(f, n, i) AN_2(f, n, i), AN_2(f, n, i + 2)
#define AN_8(f, n, i) AN_4(f, n, i), AN_4(f, n, i + 4)
#define AN_16(f, n, i) AN_8(f, n, i), AN_8(f, n, i + 8)
#ifdef __clang__
#define AN_SHUFFLE(integers, a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define AN_SHUFFLE(integers, a, b, ...) __builtin_shuffle(a, b, (integers){__VA_ARGS__})
#endif
#if AN_BYTES == 64
#define AN_LIST_32(f) AN_16(f, 16, 0)
#define AN_LIST_64(f) AN_8(f, 8, 0)
#elif AN_BYTES == 32
#define AN_LIST_32(f) AN_8(f, 8, 0)
#define AN_LIST_64(f) AN_4(f, 4, 0)
#else
#define AN_LIST_32(f) AN_4(f, 4, 0)
#define AN_LIST_64(f) AN_2(f, 2, 0)
#endif
typedef int32_t an_lanes_32 __attribute__((vector_size(AN_BYTES)));
typedef int64_t an_lanes_64 __attribute__((vector_size(AN_BYTES)));
#define AN_LOWER_32(a, b) AN_SHUFFLE(an_lanes_32, a, b, AN_LIST_32(AN_LOW_))
#define AN_UPPER_32(a, b) AN_SHUFFLE(an_lanes_32, a, b, AN_LIST_32(AN_HIGH_))
#define AN_LOWER_64(a, b) AN_SHUFFLE(an_lanes_64, a, b, AN_LIST_64(AN_LOW_))
#define AN_UPPER_64(a, b) AN_SHUFFLE(an_lanes_64, a, b, AN_LIST_64(AN_HIGH_))

typedef int64_t i64;

/* A convolution over (n, h, w, c) images, all numbers as in Keras. `(pad_top, pad_left)` zeros come first. */
typedef struct {
    int64_t n, h, w, c;                 /* images */
    int64_t kh, kw, oc;                 /* kernel (kh, kw, c / groups, oc) */
    int64_t oh, ow;                     /* results (n, oh, ow, oc) */
    int64_t sh, sw, dh, dw;             /* strides, dilations */
    int64_t pad_top, pad_left, groups;
} an_conv;

/* A body of a parallel loop: does the elements (or rows, or images) begin <= i < end. */
typedef void (*an_body)(void *context, int64_t begin, int64_t end);
/* What a product calls when a tile of its result is complete and still in cache. */
typedef void (*an_tile)(void *context, int64_t row0, int64_t row1, int64_t col0, int64_t col1);

/* The services of the runtime library (compiled once, shared by all plans). A plan keeps a pointer to them.
 *
 * parallel   calls `body` for consecutive pieces of `grain` elements of n, on the pool. The pieces do not depend on
 *            how many threads come, or whether another plan holds the pool: then the caller does them all, in order.
 * sgemm      c (+)= op(a) @ op(b), row-major, on the pool where it is worth it; op transposes where ta, tb is 1.
 *            Element (i, j) does not depend on the split, nor on m or n, but for a single column's. `done` may be NULL.
 *            (Where vectors are shorter than 32 bytes the BLAS does it, whose bits depend on its threads.)
 * sgemm_one  the same in the calling thread. dgemm, dgemm_one: NULL unless the plan asked for them (library.load).
 * conv_*     the pieces for images [n0, n1) in the calling thread, see conv.c; winograd_*: see winograd.c.
 */
typedef struct {
    int64_t version, threads;
    void (*parallel)(an_body body, void *context, int64_t n, int64_t grain);
    void (*sgemm)(int ta, int tb, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b,
                  int64_t ldb, float *c, int64_t ldc, int add, an_tile done, void *context);
    void (*sgemm_one)(int ta, int tb, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b,
                      int64_t ldb, float *c, int64_t ldc, int add);
    void (*dgemm)(int ta, int tb, int64_t m, int64_t n, int64_t k, const double *a, int64_t lda, const double *b,
                  int64_t ldb, double *c, int64_t ldc, int add, an_tile done, void *context);
    void (*dgemm_one)(int ta, int tb, int64_t m, int64_t n, int64_t k, const double *a, int64_t lda, const double *b,
                      int64_t ldb, double *c, int64_t ldc, int add);
    void (*conv_forward)(const an_conv *p, const float *x, const float *w, float *y, int64_t n0, int64_t n1);
    void (*conv_transpose_kernel)(const an_conv *p, const float *w, float *transposed);
    void (*conv_input)(const an_conv *p, const float *dy, const float *transposed, float *dx, int64_t n0, int64_t n1);
    void (*conv_kernel)(const an_conv *p, const float *x, const float *dy, float *dw, int64_t n0, int64_t n1);
    void (*winograd_weights)(const an_conv *p, int64_t turned, const float *w, float *u, int64_t begin, int64_t end);
    void (*winograd_forward)(const an_conv *p, const float *x, const float *w, const float *u, float *y, int64_t n0,
                             int64_t n1);
    void (*winograd_input)(const an_conv *p, const float *dy, const float *transposed, const float *u, float *dx,
                           int64_t n0, int64_t n1);
    void (*winograd_kernel)(const an_conv *p, const float *x, const float *dy, float *dw, int64_t n0, int64_t n1);
    void (*rest)(void);                 /* lets the pool's threads sleep at once */
    void *(*scratch)(int64_t bytes);    /* memory of the calling thread, valid until its next request */
    void *(*packing)(int64_t bytes);    /* the same, for products, which others may ask for in between */
    const void *loops;                  /* an_loops, see loops.h */
} an_services;
#define AN_VERSION 1
#endif
