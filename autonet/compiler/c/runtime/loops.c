/* Loops that plans share: see loops.h. */
#include "loops.h"

#define AN_ENTRY(name) .name = an_##name,
AN_EXPORT const an_loops *an_start_loops(void) {
    static const an_loops loops = {AN_LOOPS(AN_ENTRY)};
    return &loops;
}
