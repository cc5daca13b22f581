/* Tables of a whole wafer are visited all over in every cycle, so that most visits would miss the host's address
 * translation: they ask for huge pages, where the host has them. */
#define _DEFAULT_SOURCE /* madvise */
#include "runtime/sim/engine.h"

#include <sys/mman.h>

void *sim_big_calloc(size_t count, size_t size) {
    enum { PAGE = 4096, SMALL = 4 << 20 };
    unsigned char *p = wfc_calloc(count, size);
#ifdef MADV_HUGEPAGE
    if (p && count * size >= SMALL) {
        uintptr_t from = ((uintptr_t)p + PAGE - 1) / PAGE * PAGE, to = ((uintptr_t)p + count * size) / PAGE * PAGE;
        (void)madvise(p + (from - (uintptr_t)p), to - from, MADV_HUGEPAGE); /* refused: it is slower, nothing else */
    }
#endif
    return p;
}
