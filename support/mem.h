/* Memory helpers: overflow-checked allocation, growable arrays, an arena. All failures are NULL or WFC_ERR_NO_MEMORY;
 * nothing aborts. A test hook can fail the Nth allocation. */
#ifndef WFC_SUPPORT_MEM_H
#define WFC_SUPPORT_MEM_H

#include "support/status.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* malloc(count * size), zeroed, overflow-checked; count 0 gives a unique pointer. */
void *wfc_calloc(size_t count, size_t size);
/* realloc to count * size, overflow-checked. */
void *wfc_realloc(void *p, size_t count, size_t size);
void wfc_free(void *p);
char *wfc_strdup(const char *s);
char *wfc_strndup(const char *s, size_t n);
/* Formats into a malloc'ed string, NULL when out of memory. */
char *wfc_asprintf(const char *fmt, ...) WFC_PRINTF(1, 2);

/* Test hook: the Nth allocation from now (1-based) fails once, 0 switches off. Returns how many were made since the
 * last call. */
size_t wfc_mem_fail_nth(size_t n);
/* How many allocations of this thread failed since it began, also those that nobody reported: a long computation whose
 * parts go on without what they could not get asks before and after. */
size_t wfc_mem_failures(void);

/* a * b and a + b with overflow check; false when they overflow. */
bool wfc_mul_size(size_t a, size_t b, size_t *out);
bool wfc_add_size(size_t a, size_t b, size_t *out);

/* Growable array: struct { T *data; size_t count, capacity; }. */
#define WFC_VEC(T)                                                                                                     \
    struct {                                                                                                           \
        T *data;                                                                                                       \
        size_t count, capacity;                                                                                        \
    }
/* Grows so that one more element fits. Returns WFC_OK or WFC_ERR_NO_MEMORY. */
#define wfc_vec_reserve(v, extra)                                                                                      \
    wfc_vec_grow_((void **)&(v)->data, &(v)->capacity, (v)->count, (extra), sizeof *(v)->data)
/* Appends `...` (an expression of the element type); status result. */
#define wfc_vec_push(v, ...)                                                                                           \
    (wfc_vec_reserve((v), 1) == WFC_OK ? ((v)->data[(v)->count++] = (__VA_ARGS__), WFC_OK) : WFC_ERR_NO_MEMORY)
#define wfc_vec_free(v) (wfc_free((v)->data), (v)->data = NULL, (v)->count = (v)->capacity = 0)
WFC_MUST_USE wfc_status wfc_vec_grow_(void **data, size_t *capacity, size_t count, size_t extra, size_t elem_size);

/* Arena: allocations live until wfc_arena_deinit. Blocks are 8-byte aligned and zeroed. */
typedef struct wfc_arena {
    struct wfc_arena_block *head;
    size_t total_bytes;
} wfc_arena;
void wfc_arena_init(wfc_arena *a);
void wfc_arena_deinit(wfc_arena *a);
void *wfc_arena_alloc(wfc_arena *a, size_t count, size_t size);
/* From now on the arena owns `p`, a block of wfc_calloc or wfc_realloc of `bytes` bytes. On failure the caller still
 * does. */
WFC_MUST_USE wfc_status wfc_arena_adopt(wfc_arena *a, void *p, size_t bytes);
char *wfc_arena_strndup(wfc_arena *a, const char *s, size_t n);
char *wfc_arena_strdup(wfc_arena *a, const char *s);

/* Growable byte/string buffer for text output. */
typedef struct wfc_buf {
    char *data;
    size_t count, capacity;
    bool failed;
} wfc_buf;
void wfc_buf_deinit(wfc_buf *b);
void wfc_buf_append(wfc_buf *b, const void *bytes, size_t n); /* sets failed when out of memory */
void wfc_buf_printf(wfc_buf *b, const char *fmt, ...) WFC_PRINTF(2, 3);

/* Same-seed, same-result random numbers for tests, jitter and searches (splitmix64). */
uint64_t wfc_rng_next(uint64_t *state);

#endif
