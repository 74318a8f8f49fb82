/* Products in float64, in a library of their own: few plans need them, and they take as long to compile as the rest. */
#include "base.h"

static an_services *an;
#define AN_THREADS an->threads
#define AN_PARALLEL an->parallel
#define AN_PACKING an->packing
#define T double
#define BITS 64
#include "gemm.h"

AN_EXPORT void an_start_double(an_services *services) {
    an = services;
    services->dgemm = an_gemm_64;
    services->dgemm_one = an_gemm_one_64;
}
