/* What a plan's source begins with. The runtime library hands its services over when the plan is loaded. */
#include "base.h"
#include "pointwise.h"
#include "random.h"
#include "kernels.h"

static const an_services *an;
AN_EXPORT void an_bind(const an_services *services) { an = services; }
