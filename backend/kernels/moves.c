/* Finding strided walks. Each pair starts as a walk of one element; level by level, innermost first, neighbouring walks
 * of equal shape whose starts advance evenly in source and destination merge into one walk with one more dimension.
 *
 * Example: a 2 x 3 tile out of rows of 8: sources 10 11 12 18 19 20, destinations 0..5. Level 1: two walks of 3, stride
 * 1; level 2: their starts advance by 8 and 3, so one walk of len 2 x 3, source strides 8 1, destination strides 3 1.
 */
#include "backend/kernels/moves.h"

enum { STATIC_MOVES = 6 };

typedef struct walk {
    uint32_t array, src, dst;
    uint8_t off, dims;
    uint16_t len[4];
    int32_t ss[4], ds[4];
} walk; /* [0] innermost */

static bool same_shape(const walk *x, const walk *y) {
    if (x->array != y->array || x->dims != y->dims || x->off != y->off) return false;
    for (unsigned i = 0; i < x->dims; i++) {
        if (x->len[i] != y->len[i] || x->ss[i] != y->ss[i] || x->ds[i] != y->ds[i]) return false;
    }
    return true;
}

static bool stride_ok(int64_t s) {
    return s >= INT16_MIN && s <= INT16_MAX;
}

/* One level of merging in place; returns the new count. */
static size_t merge(walk *w, size_t n) {
    size_t out = 0;
    for (size_t i = 0; i < n;) {
        walk m = w[i];
        size_t k = 1;
        int64_t ds = 0, ss = 0;
        if (i + 1 < n && same_shape(&w[i], &w[i + 1])) {
            ss = (int64_t)w[i + 1].src - w[i].src;
            ds = (int64_t)w[i + 1].dst - w[i].dst;
            while (stride_ok(ss) && stride_ok(ds) && i + k < n && k < UINT16_MAX && same_shape(&w[i], &w[i + k]) &&
                   (int64_t)w[i + k].src - w[i + k - 1].src == ss && (int64_t)w[i + k].dst - w[i + k - 1].dst == ds) {
                k++;
            }
        }
        m.len[m.dims] = (uint16_t)k;
        m.ss[m.dims] = (int32_t)ss;
        m.ds[m.dims] = (int32_t)ds;
        m.dims++;
        w[out++] = m;
        i += k;
    }
    return out;
}

/* to: NULL for the source. */
static void to_mem(const walk *w, const wfc_be_move_space *to, wfc_be_mem *m) {
    bool source = !to;
    *m = (wfc_be_mem){.array = to ? to->array : w->array,
                      .type = WFC_F32,
                      .off = to ? to->off : w->off,
                      .offset_bytes = 4 * (source ? w->src : w->dst)};
    for (unsigned i = 0; i < 4; i++) { /* dimension 3 is the innermost */
        m->len[3 - i] = w->len[i];
        m->stride[3 - i] = source ? w->ss[i] : w->ds[i];
    }
}

static wfc_status emit_table(wfc_be_asm *a, const walk *w, size_t n, const wfc_be_move_space *to,
                             wfc_be_move_table *out) {
    uint64_t total = 0;
    for (size_t i = 0; i < n; i++) {
        wfc_be_mem s, d;
        to_mem(&w[i], NULL, &s);
        to_mem(&w[i], to, &d);
        if (wfc_vec_push(&out->walks, s) != WFC_OK || wfc_vec_push(&out->walks, d) != WFC_OK) {
            return wfc_be_asm_fail(a, wfc_fail_memory(wfc_be_asm_diag(a)));
        }
        total += (uint64_t)s.len[0] * s.len[1] * s.len[2] * s.len[3];
    }
    out->array = wfc_be_asm_array(a, "moves", (uint32_t)(2 * WFC_DESC_BYTES * n), WFC_MEM_TABLE);
    wfc_be_mem at = {
        .array = out->array, .type = WFC_U32, .off = to->pointer, .len = {1, 1, 1, 5}, .stride = {0, 0, 0, 1}};
    uint8_t src_at = wfc_be_asm_mem(a, &at);
    at.offset_bytes = WFC_DESC_BYTES;
    uint8_t dst_at = wfc_be_asm_mem(a, &at);
    /* What stands in the two slots before the first load only fixes the expected length for the prediction. */
    wfc_be_mem slot = out->walks.data[0];
    uint32_t mean = (uint32_t)((total + n - 1) / n);
    slot.off = 0;
    for (unsigned i = 0; i < 3; i++) slot.len[i] = 1;
    for (unsigned i = 0; i < 4; i++) slot.stride[i] = 0;
    slot.len[3] = mean;
    uint8_t src = wfc_be_asm_mem_private(a, &slot);
    slot.array = to->array;
    slot.offset_bytes = 0;
    uint8_t dst = wfc_be_asm_mem_private(a, &slot);
    wfc_be_asm_op(a, WFC_OP_MOVI, WFC_F32, to->pointer, WFC_OPND_NONE, WFC_OPND_NONE, 0);
    wfc_be_asm_loop(a, (uint32_t)n);
    wfc_be_asm_op(a, WFC_OP_LDD, WFC_F32, src, src_at, WFC_OPND_NONE, 0);
    wfc_be_asm_op(a, WFC_OP_LDD, WFC_F32, dst, dst_at, WFC_OPND_NONE, 0);
    wfc_be_asm_op(a, WFC_OP_ADD, WFC_I32, to->pointer, to->pointer, WFC_OPND_NONE, 2 * WFC_DESC_BYTES);
    wfc_be_asm_op(a, WFC_OP_VMOV, WFC_F32, dst, src, WFC_OPND_NONE, 0);
    wfc_be_asm_loop_end(a);
    return WFC_OK;
}

wfc_status wfc_be_emit_moves(wfc_be_asm *a, const wfc_be_pairs *pairs, const wfc_be_move_space *to,
                             wfc_be_move_table *out) {
    *out = (wfc_be_move_table){0};
    size_t n = pairs->v.count;
    if (n == 0) return WFC_OK;
    walk *w = wfc_calloc(n, sizeof *w);
    if (!w) return wfc_be_asm_fail(a, wfc_fail_memory(wfc_be_asm_diag(a)));
    for (size_t i = 0; i < n; i++) {
        const wfc_be_pair *p = &pairs->v.data[i];
        w[i] = (walk){.array = p->array, .src = p->src, .dst = p->dst, .off = p->off};
    }
    for (unsigned level = 0; level < 4; level++) n = merge(w, n);
    wfc_status st = WFC_OK;
    bool room = wfc_be_asm_desc_count(a) + 2 * n + to->spare <= wfc_be_asm_target(a)->descriptors;
    if (n > STATIC_MOVES || !room) {
        st = emit_table(a, w, n, to, out);
    } else {
        for (size_t i = 0; i < n; i++) {
            wfc_be_mem s, d;
            to_mem(&w[i], NULL, &s);
            to_mem(&w[i], to, &d);
            uint8_t from = wfc_be_asm_mem(a, &s);
            wfc_be_asm_op(a, WFC_OP_VMOV, WFC_F32, wfc_be_asm_mem(a, &d), from, WFC_OPND_NONE, 0);
        }
    }
    wfc_free(w);
    return st;
}

void wfc_be_move_table_encode(const wfc_be_asm *a, const wfc_be_move_table *t, uint8_t *bytes) {
    for (size_t i = 0; i < t->walks.count; i++) {
        const wfc_be_mem *m = &t->walks.data[i];
        wfc_desc d = {.kind = WFC_DESC_MEM,
                      .type = m->type,
                      .off = m->off,
                      .base = (uint16_t)(wfc_be_asm_addr(a, m->array) + m->offset_bytes)};
        for (unsigned k = 0; k < 4; k++) {
            d.len[k] = (uint16_t)m->len[k];
            d.stride[k] = (int16_t)m->stride[k];
        }
        wfc_desc_encode(&d, bytes + i * WFC_DESC_BYTES);
    }
}
