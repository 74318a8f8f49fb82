/* Convolutions, in a library of their own: they take longest to compile, and are compiled beside the rest. */
#include "base.h"

static an_services *an;
#define AN_THREADS an->threads
#define AN_PARALLEL an->parallel
#define AN_PACKING an->packing
#define T float
#define BITS 32
#include "gemm.h"
#define an_scratch an->scratch
#define an_gemm_one_32 an->sgemm_one
#include "conv.c"
#include "winograd.c"
AN_EXPORT void an_start_images(an_services *services) {
    an = services;
    services->conv_forward = an_conv_forward;
    services->conv_transpose_kernel = an_conv_transpose_kernel;
    services->conv_input = an_conv_input;
    services->conv_kernel = an_conv_kernel;
    services->winograd_weights = an_winograd_weights;
    services->winograd_forward = an_winograd_forward;
    services->winograd_input = an_winograd_input;
    services->winograd_kernel = an_winograd_kernel;
}
