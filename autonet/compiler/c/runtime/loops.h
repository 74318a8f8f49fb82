/* Those of the loops that are compiled once for all plans, with the flags of plans (loops.c): they are the longest ones. A plan
 * calls them through its services. */
#ifndef AN_LOOPS_H
#define AN_LOOPS_H
#include "kernels.h"

/* out[k] = the sum of part[p * n + k] over p < pieces, for k < n, in an order that depends on n and pieces alone. */
#define AN_SUM_PIECES(T, NAME)                                                                                        \
    AN_STATIC void an_sum_pieces_##NAME(const T *restrict part, T *restrict out, int64_t n, int64_t pieces) {         \
        if (n == 1) {                                                                                                 \
            out[0] = an_sum_##NAME(part, pieces);                                                                     \
            return;                                                                                                   \
        }                                                                                                             \
        for (int64_t k = 0; k < n; k++) out[k] = part[k];                                                             \
        for (int64_t p = 1; p < pieces; p++)                                                                          \
            for (int64_t k = 0; k < n; k++) out[k] += part[p * n + k];                                                \
    }
AN_SUM_PIECES(float, f32)
AN_SUM_PIECES(double, f64)

#define AN_LOOPS(DO)                                                                                        \
    DO(softmax_rows_f32) DO(rows_times_column_f32) DO(rows_times_column_f64) DO(column_sums_f32)            \
    DO(column_sums_f64) DO(moments_f32) DO(patches_f32) DO(unpatches_f32) DO(pool_max_f32) DO(unpool_max_f32)    \
    DO(sum_pieces_f32) DO(sum_pieces_f64)
#define AN_FIELD(name) __typeof__(an_##name) *name;
typedef struct { AN_LOOPS(AN_FIELD) } an_loops;
#endif
