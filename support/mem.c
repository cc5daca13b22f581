#include "support/mem.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Counters of the test hook; tests that use it are single-threaded, but runs on threads count too. */
static atomic_size_t g_made;       /* allocations since the last call of wfc_mem_fail_nth */
static atomic_size_t g_fail_after; /* 0 = off, else the allocation that reaches it fails */

static _Thread_local size_t g_failures;

size_t wfc_mem_failures(void) {
    return g_failures;
}

/* What an allocation found, NULL counted. */
static void *counted(void *p) {
    if (!p) g_failures++;
    return p;
}

static bool allocation_fails(void) {
    atomic_fetch_add_explicit(&g_made, 1, memory_order_relaxed);
    if (atomic_load_explicit(&g_fail_after, memory_order_relaxed) == 0) return false;
    return atomic_fetch_sub(&g_fail_after, 1) == 1;
}

size_t wfc_mem_fail_nth(size_t n) {
    size_t made = g_made;
    g_made = 0;
    g_fail_after = n;
    return made;
}

bool wfc_mul_size(size_t a, size_t b, size_t *out) {
    if (b != 0 && a > SIZE_MAX / b) return false;
    *out = a * b;
    return true;
}

bool wfc_add_size(size_t a, size_t b, size_t *out) {
    if (a > SIZE_MAX - b) return false;
    *out = a + b;
    return true;
}

void *wfc_calloc(size_t count, size_t size) {
    size_t bytes;
    if (!wfc_mul_size(count, size, &bytes) || bytes > PTRDIFF_MAX || allocation_fails()) return counted(NULL);
    return counted(calloc(1, bytes ? bytes : 1));
}

void *wfc_realloc(void *p, size_t count, size_t size) {
    size_t bytes;
    if (!wfc_mul_size(count, size, &bytes) || bytes > PTRDIFF_MAX || allocation_fails()) return counted(NULL);
    return counted(realloc(p, bytes ? bytes : 1)); /* never realloc(p, 0), which may free */
}

void wfc_free(void *p) {
    free(p);
}

char *wfc_strndup(const char *s, size_t n) {
    size_t bytes, len = strnlen(s, n);
    if (!wfc_add_size(len, 1, &bytes)) return NULL;
    char *copy = wfc_calloc(bytes, 1);
    if (copy && len) memcpy(copy, s, len);
    return copy;
}

char *wfc_strdup(const char *s) {
    return wfc_strndup(s, strlen(s));
}

char *wfc_asprintf(const char *fmt, ...) {
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    char *text = len < 0 ? NULL : wfc_calloc((size_t)len + 1, 1);
    if (text) vsnprintf(text, (size_t)len + 1, fmt, again);
    va_end(again);
    va_end(args);
    return text;
}

wfc_status wfc_vec_grow_(void **data, size_t *capacity, size_t count, size_t extra, size_t elem_size) {
    size_t need;
    if (!wfc_add_size(count, extra, &need)) return WFC_ERR_NO_MEMORY;
    if (need <= *capacity) return WFC_OK;
    size_t next = *capacity < 8 ? 8 : *capacity;
    while (next < need)
        if (!wfc_mul_size(next, 2, &next)) return WFC_ERR_NO_MEMORY;
    void *grown = wfc_realloc(*data, next, elem_size);
    if (!grown) return WFC_ERR_NO_MEMORY;
    *data = grown;
    *capacity = next;
    return WFC_OK;
}

/* Arena blocks form a list, the newest first; only the newest is filled. */
struct wfc_arena_block {
    struct wfc_arena_block *next;
    void *adopted; /* freed with the block */
    size_t size, used;
    uint64_t data[]; /* aligned for every element type */
};
enum { ARENA_BLOCK_BYTES = 64 * 1024 };

void wfc_arena_init(wfc_arena *a) {
    *a = (wfc_arena){0};
}

void wfc_arena_deinit(wfc_arena *a) {
    for (struct wfc_arena_block *b = a->head; b;) {
        struct wfc_arena_block *next = b->next;
        wfc_free(b->adopted);
        wfc_free(b);
        b = next;
    }
    *a = (wfc_arena){0};
}

void *wfc_arena_alloc(wfc_arena *a, size_t count, size_t size) {
    size_t bytes, total;
    if (!wfc_mul_size(count, size, &bytes) || !wfc_add_size(bytes, 7, &bytes)) return NULL;
    bytes &= ~(size_t)7;
    if (bytes == 0) bytes = 8; /* so that every allocation has its own address */
    if (!a->head || a->head->size - a->head->used < bytes) {
        size_t block = bytes > ARENA_BLOCK_BYTES ? bytes : ARENA_BLOCK_BYTES;
        if (!wfc_add_size(block, sizeof(struct wfc_arena_block), &total)) return NULL;
        struct wfc_arena_block *b = wfc_calloc(1, total);
        if (!b) return NULL;
        b->size = block;
        b->next = a->head;
        a->head = b;
        a->total_bytes += total;
    }
    void *p = (uint8_t *)a->head->data + a->head->used;
    a->head->used += bytes;
    return p;
}

wfc_status wfc_arena_adopt(wfc_arena *a, void *p, size_t bytes) {
    struct wfc_arena_block *b = wfc_calloc(1, sizeof *b);
    if (!b) return WFC_ERR_NO_MEMORY;
    b->adopted = p;
    b->next = a->head ? a->head->next : NULL; /* behind the block that is being filled */
    if (a->head)
        a->head->next = b;
    else
        a->head = b;
    a->total_bytes += bytes;
    return WFC_OK;
}

char *wfc_arena_strndup(wfc_arena *a, const char *s, size_t n) {
    size_t bytes, len = strnlen(s, n);
    if (!wfc_add_size(len, 1, &bytes)) return NULL;
    char *copy = wfc_arena_alloc(a, bytes, 1);
    if (copy && len) memcpy(copy, s, len);
    return copy;
}

char *wfc_arena_strdup(wfc_arena *a, const char *s) {
    return wfc_arena_strndup(a, s, strlen(s));
}

void wfc_buf_deinit(wfc_buf *b) {
    wfc_free(b->data);
    *b = (wfc_buf){0};
}

/* Makes room for n bytes and the NUL behind them. */
static bool buf_room(wfc_buf *b, size_t n) {
    size_t extra;
    if (b->failed) return false;
    if (!wfc_add_size(n, 1, &extra) || wfc_vec_reserve(b, extra) != WFC_OK) b->failed = true;
    return !b->failed;
}

void wfc_buf_append(wfc_buf *b, const void *bytes, size_t n) {
    if (!buf_room(b, n)) return;
    if (n) memcpy(b->data + b->count, bytes, n);
    b->count += n;
    b->data[b->count] = '\0';
}

void wfc_buf_printf(wfc_buf *b, const char *fmt, ...) {
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    if (len < 0) {
        b->failed = true;
    } else if (buf_room(b, (size_t)len)) {
        vsnprintf(b->data + b->count, (size_t)len + 1, fmt, again);
        b->count += (size_t)len;
    }
    va_end(again);
    va_end(args);
}

uint64_t wfc_rng_next(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}
