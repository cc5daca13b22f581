/* Tables of a whole wafer are visited all over in every cycle: their elements lie on the host's lines, and because most
 * visits would miss the host's address translation, large ones ask for huge pages, where the host has them. */
#define _DEFAULT_SOURCE /* madvise */
#include "runtime/sim/engine.h"

#include <string.h>
#include <sys/mman.h>

static void ask_for_huge_pages(unsigned char *p, size_t bytes) {
    enum { PAGE = 4096, SMALL = 4 << 20 };
    const uint64_t large = (uint64_t)8 << 30; /* huge pages are committed whole: not where most may stay untouched */
    if (bytes < SMALL || bytes > large) return;
#ifdef MADV_HUGEPAGE
    unsigned char *from = p + (PAGE - (uintptr_t)p % PAGE) % PAGE;
    (void)madvise(from, (bytes - (size_t)(from - p)) / PAGE * PAGE, MADV_HUGEPAGE); /* refused: slower, nothing else */
#else
    (void)p;
#endif
}

/* What wfc_calloc gave stands in front of what is returned. */
void *sim_big_calloc(size_t count, size_t size) {
    size_t bytes;
    if (!wfc_mul_size(count, size, &bytes) || !wfc_add_size(bytes, 2 * HOST_LINE, &bytes)) return NULL;
    unsigned char *raw = wfc_calloc(bytes, 1);
    if (!raw) return NULL;
    ask_for_huge_pages(raw, bytes);
    unsigned char *p = raw + 2 * HOST_LINE - (uintptr_t)raw % HOST_LINE;
    memcpy(p - sizeof raw, &raw, sizeof raw);
    return p;
}

void sim_big_free(void *p) {
    if (!p) return;
    void *raw;
    memcpy(&raw, (unsigned char *)p - sizeof raw, sizeof raw);
    wfc_free(raw);
}
