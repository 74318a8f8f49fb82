/* What a plan's source begins with. The runtime library hands its services over when the plan is loaded. */
#include "base.h"
#include "pointwise.h"
#include "random.h"
#include "loops.h"

#ifdef AN_OTHER_UNIT /* of a plan that is compiled in several (toolchain.py) */
extern const an_services *an;
extern const an_loops *an_loops_of_all;
#else
const an_services *an;
const an_loops *an_loops_of_all;
AN_EXPORT void an_bind(const an_services *services) {
    if (an != services) an = services, an_loops_of_all = services->loops; /* other threads may be at work here already */
}
#endif
#define an_softmax_rows_f32 an_loops_of_all->softmax_rows_f32
#define an_rows_times_column_f32 an_loops_of_all->rows_times_column_f32
#define an_rows_times_column_f64 an_loops_of_all->rows_times_column_f64
#define an_column_sums_f32 an_loops_of_all->column_sums_f32
#define an_column_sums_f64 an_loops_of_all->column_sums_f64
#define an_moments_f32 an_loops_of_all->moments_f32
#define an_patches_f32 an_loops_of_all->patches_f32
#define an_unpatches_f32 an_loops_of_all->unpatches_f32
#define an_pool_max_f32 an_loops_of_all->pool_max_f32
#define an_unpool_max_f32 an_loops_of_all->unpool_max_f32
#define an_sum_pieces_f32 an_loops_of_all->sum_pieces_f32
#define an_sum_pieces_f64 an_loops_of_all->sum_pieces_f64
