/* The runtime library: compiled once, shared by every plan of the process. */
#include "pool.c"

#define AN_THREADS pool.threads
#define AN_PARALLEL an_parallel
#define AN_PACKING an_packing
#define T float
#define BITS 32
#include "gemm.h"

static an_services services = {
    .version = AN_VERSION,
    .threads = 1,
    .parallel = an_parallel,
    .sgemm = an_gemm_32,
    .sgemm_one = an_gemm_one_32,
    .rest = an_rest,
    .scratch = an_scratch,
    .packing = an_packing,
};

/* Another library's cblas_sgemm, with integers of 64 or 32 bits, which brings its own threads. */
static void *blas;
static int wide;
static void an_blas(int ta, int tb, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b,
                    int64_t ldb, float *c, int64_t ldc, int add, an_tile done, void *context) {
    enum { ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112 };
    typedef int32_t i32;
    typedef const float *in;
    typedef void (*with_64)(int, int, int, i64, i64, i64, float, in, i64, in, i64, float, float *, i64);
    typedef void (*with_32)(int, int, int, i32, i32, i32, float, in, i32, in, i32, float, float *, i32);
    int left = ta ? TRANSPOSED : PLAIN, right = tb ? TRANSPOSED : PLAIN;
    if (m <= 0 || n <= 0) return;
    if (k <= 0) an_gemm_one_32(ta, tb, m, n, k, a, lda, b, ldb, c, ldc, add);
    else if (wide) ((with_64)blas)(ROW_MAJOR, left, right, m, n, k, 1, a, lda, b, ldb, add, c, ldc);
    else
        ((with_32)blas)(ROW_MAJOR, left, right, (i32)m, (i32)n, (i32)k, 1, a, (i32)lda, b, (i32)ldb, add, c, (i32)ldc);
    if (done) done(context, 0, m, 0, n);
}

/* Bytes of the vectors that the compiler was allowed to use: below 32, the BLAS is faster. */
AN_EXPORT int64_t an_vector_bytes(void) { return AN_BYTES; }
AN_EXPORT void an_use_blas(void *sgemm, int64_t ilp64) { blas = sgemm, wide = (int)ilp64, services.sgemm = an_blas; }

/* How many threads work on a loop, the caller counted; those that are there already, and are more, sleep. */
AN_EXPORT void an_set_threads(int64_t threads) {
    pool.threads = threads < 1 ? 1 : threads > AN_MOST_THREADS ? AN_MOST_THREADS : (int)threads;
    services.threads = pool.threads;
}

AN_EXPORT an_services *an_start(int64_t threads, const void *loops) {
    an_set_threads(threads);
    services.loops = loops;
    return &services;
}
