/* Sets of nodes that number their members, and a sort: what looking up millions of operations takes. */
#include "backend/check/check_internal.h"

wfc_status wfc_be_chk_marks_init(wfc_chk_marks *m, uint32_t nodes) {
    *m = (wfc_chk_marks){0};
    m->bits = wfc_calloc(nodes / 64 + 1, sizeof *m->bits);
    m->rank = wfc_calloc(nodes / 64 + 1, sizeof *m->rank);
    return m->bits && m->rank ? WFC_OK : WFC_ERR_NO_MEMORY;
}

void wfc_be_chk_marks_deinit(wfc_chk_marks *m) {
    wfc_free(m->bits);
    wfc_free(m->rank);
}

void wfc_be_chk_mark(wfc_chk_marks *m, uint32_t node) {
    m->bits[node / 64] |= UINT64_C(1) << (node % 64);
}

bool wfc_be_chk_is_marked(const wfc_chk_marks *m, uint32_t node) {
    return m->bits[node / 64] >> (node % 64) & 1;
}

/* Number of bits set. */
static uint32_t population(uint64_t v) {
    v -= v >> 1 & UINT64_C(0x5555555555555555);
    v = (v & UINT64_C(0x3333333333333333)) + (v >> 2 & UINT64_C(0x3333333333333333));
    v = (v + (v >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (uint32_t)(v * UINT64_C(0x0101010101010101) >> 56);
}

void wfc_be_chk_marks_seal(wfc_chk_marks *m, uint32_t nodes) {
    m->count = 0;
    for (uint32_t i = 0; i <= nodes / 64; i++) {
        m->rank[i] = m->count;
        m->count += population(m->bits[i]);
    }
}

uint32_t wfc_be_chk_mark_index(const wfc_chk_marks *m, uint32_t node) {
    uint64_t before = m->bits[node / 64] & ((UINT64_C(1) << (node % 64)) - 1);
    return m->rank[node / 64] + population(before);
}

/* Least significant digits first; a digit that all keys share is skipped. */
wfc_status wfc_be_chk_sort(uint64_t *keys, size_t n) {
    enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS };
    uint64_t *from = keys, *to = wfc_calloc(n + 1, sizeof *to), *spare = to, differ = 0;
    size_t *begin = wfc_calloc(DIGITS + 1, sizeof *begin);
    wfc_status s = to && begin ? WFC_OK : WFC_ERR_NO_MEMORY;
    for (size_t i = 1; i < n; i++) differ |= keys[i] ^ keys[0];
    for (unsigned shift = 0; s == WFC_OK && shift < 64; shift += DIGIT_BITS) {
        if (!(differ >> shift & (DIGITS - 1))) continue;
        for (unsigned d = 0; d <= DIGITS; d++) begin[d] = 0;
        for (size_t i = 0; i < n; i++) begin[(from[i] >> shift & (DIGITS - 1)) + 1]++;
        for (unsigned d = 1; d <= DIGITS; d++) begin[d] += begin[d - 1];
        for (size_t i = 0; i < n; i++) to[begin[from[i] >> shift & (DIGITS - 1)]++] = from[i];
        uint64_t *other = from;
        from = to;
        to = other;
    }
    for (size_t i = 0; s == WFC_OK && from != keys && i < n; i++) keys[i] = from[i];
    wfc_free(spare);
    wfc_free(begin);
    return s;
}
