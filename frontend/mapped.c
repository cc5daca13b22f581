/* Mapped files that may become shorter under us; see mapped.h. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "frontend/mapped.h"
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <threads.h>
#include <unistd.h>

enum { MAX_MAPPINGS = 4096 };

/* What the handler reads: plain lock-free atomics, no locks and no allocation. start 0: free. */
static struct mapping {
    _Atomic uintptr_t start;
    _Atomic size_t size;
    _Atomic bool broken;
} mappings[MAX_MAPPINGS];

static struct sigaction previous;
static unsigned mapped; /* how many; under the lock */
static mtx_t lock;
static once_flag once = ONCE_FLAG_INIT;

static void make_lock(void) {
    (void)mtx_init(&lock, mtx_plain);
}

/* Zeros from the page of the fault to the mapping's end: the file ends before it. */
static void on_fault(int signal_number, siginfo_t *info, void *context) {
    (void)context;
    int saved = errno;
    uintptr_t at = (uintptr_t)info->si_addr;
    for (unsigned i = 0; i < MAX_MAPPINGS; i++) {
        uintptr_t start = atomic_load(&mappings[i].start);
        size_t size = atomic_load(&mappings[i].size);
        if (start == 0 || at < start || at - start >= size) continue;
        uintptr_t page = at - (at - start) % (uintptr_t)sysconf(_SC_PAGESIZE);
        atomic_store(&mappings[i].broken, true);
        void *zeros = mmap((void *)page, size - (page - start), PROT_READ,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
        errno = saved;
        if (zeros != MAP_FAILED) return;
        break;
    }
    (void)sigaction(signal_number, &previous, NULL); /* not ours: the fault repeats and finds the handler before */
    errno = saved;
}

static bool install(void) {
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    (void)sigemptyset(&action.sa_mask);
    return sigaction(SIGBUS, &action, &previous) == 0;
}

static struct mapping *find(const uint8_t *bytes) {
    for (unsigned i = 0; i < MAX_MAPPINGS; i++)
        if (atomic_load(&mappings[i].start) == (uintptr_t)bytes) return &mappings[i];
    return NULL;
}

uint8_t *wfc_fe_map_file(int fd, size_t size) {
    call_once(&once, make_lock);
    void *bytes = MAP_FAILED;
    (void)mtx_lock(&lock);
    struct mapping *slot = find(NULL);
    if (!slot)
        errno = ENOMEM;
    else if (mapped > 0 || install())
        bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
    if (bytes != MAP_FAILED) {
        mapped++;
        atomic_store(&slot->broken, false);
        atomic_store(&slot->size, size);
        atomic_store(&slot->start, (uintptr_t)bytes);
    } else if (slot && mapped == 0) {
        int saved = errno;
        (void)sigaction(SIGBUS, &previous, NULL);
        errno = saved;
    }
    (void)mtx_unlock(&lock);
    return bytes == MAP_FAILED ? NULL : bytes;
}

void wfc_fe_unmap_file(uint8_t *bytes) {
    if (!bytes) return;
    (void)mtx_lock(&lock);
    struct mapping *slot = find(bytes);
    if (slot) {
        size_t size = atomic_load(&slot->size);
        atomic_store(&slot->start, 0);
        (void)munmap(bytes, size);
        if (--mapped == 0) (void)sigaction(SIGBUS, &previous, NULL);
    }
    (void)mtx_unlock(&lock);
}

bool wfc_fe_mapped_intact(const uint8_t *bytes) {
    const struct mapping *slot = find(bytes);
    return !slot || !atomic_load(&slot->broken);
}
