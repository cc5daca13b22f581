/* Which bytes a memory operand touches. Two operands are compared by their hulls first; only where these meet, element
 * by element, because boxes interleaved row by row have overlapping hulls and yet share nothing. */
#include "backend/check/check_internal.h"

bool wfc_be_chk_access_resolve(const wfc_desc *d, int32_t base, wfc_chk_access *out) {
    *out = (wfc_chk_access){.base = base, .elem_bytes = (uint8_t)wfc_dtype_bytes((wfc_dtype)d->type)};
    int64_t lo = base, hi = base;
    for (unsigned i = 0; i < 4; i++) {
        out->len[i] = d->len[i];
        out->stride[i] = d->stride[i];
        if (d->len[i] == 0) return false;
        int64_t span = (int64_t)(d->len[i] - 1) * d->stride[i] * out->elem_bytes;
        if (span < 0)
            lo += span;
        else
            hi += span;
    }
    hi += out->elem_bytes;
    if (d->kind != WFC_DESC_MEM || lo < 0 || hi > 65536) return false;
    out->lo = (uint32_t)lo;
    out->hi = (uint32_t)hi;
    out->known = true;
    return true;
}

/* What to do with the elements: set their bits, clear them, or look whether one is set. */
typedef enum visit { VISIT_SET, VISIT_CLEAR, VISIT_TEST } visit;

static bool visit_element(uint32_t addr, uint32_t bytes, visit what, uint64_t *bits) {
    for (uint32_t b = addr; b < addr + bytes; b++) {
        uint64_t mask = UINT64_C(1) << (b % 64);
        if (what == VISIT_SET) bits[b / 64] |= mask;
        if (what == VISIT_CLEAR) bits[b / 64] &= ~mask;
        if (what == VISIT_TEST && (bits[b / 64] & mask)) return true;
    }
    return false;
}

static bool visit_all(const wfc_chk_access *a, visit what, uint64_t *bits) {
    uint32_t len[4]; /* a dimension that stands still is visited once */
    for (unsigned i = 0; i < 4; i++) len[i] = a->stride[i] == 0 ? 1 : a->len[i];
    for (uint32_t i = 0; i < len[0]; i++)
        for (uint32_t j = 0; j < len[1]; j++)
            for (uint32_t k = 0; k < len[2]; k++)
                for (uint32_t l = 0; l < len[3]; l++) {
                    int64_t step = (int64_t)i * a->stride[0] + (int64_t)j * a->stride[1] + (int64_t)k * a->stride[2] +
                                   (int64_t)l * a->stride[3];
                    if (visit_element((uint32_t)(a->base + step * a->elem_bytes), a->elem_bytes, what, bits))
                        return true;
                }
    return false;
}

bool wfc_be_chk_access_overlap(const wfc_chk_access *a, const wfc_chk_access *b, uint64_t *bits) {
    if (a->lo >= b->hi || b->lo >= a->hi) return false;
    visit_all(a, VISIT_SET, bits);
    bool shared = visit_all(b, VISIT_TEST, bits);
    visit_all(a, VISIT_CLEAR, bits);
    return shared;
}
