#include "backend/kernels/k_sparse.h"

#include <math.h>
#include <string.h>

#include "backend/kernels/k_weights.h"

enum { RECORD_BYTES = 8, NOWHERE = 0xffff };

/* Bytes per weight are the same in both forms; a gather without any weight has room for one. */
uint32_t wfc_be_sparse_table_bytes(const wfc_be_layer *l) {
    return RECORD_BYTES * (l->sparse.gather ? l->sparse.most + !l->sparse.most : 1 + l->sparse.most);
}

double wfc_be_sparse_cycles(const wfc_target *t, uint64_t weights, double density, uint64_t pes, uint64_t tile) {
    double n = (double)weights, most = n * density;
    if (pes > 1 && density < 1) most += sqrt(2 * log((double)pes) * most * (1 - density));
    if (most > n) most = n;
    if (tile == 1) return most > 0 ? 3 * (t->vector_overhead + most) : 0;
    uint32_t simd = t->simd[WFC_SIMD_FMAC][WFC_F32];
    uint64_t groups = (tile + simd - 1) / simd;
    return most * (1.0 + t->vector_overhead + (double)groups);
}

/* ---- The table ---- */

/* Element strides per index variable of a box that an operand's coordinates `at` walk. */
static void box_walk(const wfc_space *s, const wfc_affine *at, const wfc_be_box *box, int32_t *stride) {
    uint32_t strides[WFC_IR_MAX_RANK];
    wfc_be_box_strides(box, strides);
    for (unsigned v = 0; v < s->index_count; v++) {
        stride[v] = 0;
        for (unsigned q = 0; q < box->rank; q++) stride[v] += at[q].coef[v] * (int32_t)strides[q];
    }
}

/* Least element that operand a's walk over the weights' variables reaches, seen from its first: negative strides. */
static int64_t lowest(const int32_t *stride, const int32_t *weight_stride, const uint32_t *extent, unsigned vars) {
    int64_t low = 0;
    for (unsigned v = 0; v < vars; v++) {
        if (weight_stride[v] && stride[v] < 0) low += (int64_t)stride[v] * (extent[v] - 1);
    }
    return low;
}

typedef struct geometry {
    const wfc_space *s;
    int32_t a[WFC_IR_MAX_INDEX], acc[WFC_IR_MAX_INDEX], weight[WFC_IR_MAX_INDEX];
    uint32_t extent[WFC_IR_MAX_INDEX];
    uint64_t weights;
    int64_t low;
    int64_t a_end, acc_end; /* elements of the boxes, less what the tile reaches beyond its first */
} geometry;

static void describe(const wfc_be *be, const wfc_be_layer *l, const wfc_be_need *need, geometry *t) {
    uint32_t strides[WFC_IR_MAX_RANK];
    *t = (geometry){.s = &wfc_ir_node_c(be->g, l->nodes[0])->u.contract};
    t->weights = wfc_be_weights_layout(be, l, need, t->weight);
    box_walk(t->s, t->s->a, &need->edge[0], t->a);
    wfc_be_box_strides(&need->chan_all, strides);
    for (unsigned v = 0; v < t->s->index_count; v++) {
        bool result = v < t->s->out_rank;
        t->acc[v] = result ? (int32_t)strides[v] : 0;
        t->extent[v] = result                 ? need->chan_all.n[v]
                       : (int)v == l->red_var ? need->edge[0].n[l->red_axis]
                                              : t->s->extent[v];
    }
    t->low = lowest(t->a, t->weight, t->extent, t->s->index_count);
    t->a_end = (int64_t)wfc_be_box_elems(&need->edge[0]);
    t->acc_end = (int64_t)wfc_be_box_elems(&need->chan_all);
    for (unsigned v = 0; v < t->s->index_count; v++) {
        if (t->weight[v]) continue;
        t->a_end -= (int64_t)(t->a[v] < 0 ? -t->a[v] : t->a[v]) * (t->extent[v] - 1);
        t->acc_end -= (int64_t)t->acc[v] * (t->extent[v] - 1);
    }
}

static void put(uint8_t *at, uint32_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; i++) at[i] = (uint8_t)(value >> 8 * i);
}

/* Weight number n (from 0) of the table; offsets in elements. */
static void put_weight(const wfc_be_sparse *s, uint8_t *data, uint32_t n, uint32_t a, uint32_t acc, float w) {
    uint32_t bits;
    memcpy(&bits, &w, sizeof bits);
    if (s->gather) {
        put(data + 4 * (size_t)n, bits, 4);
        put(data + 4 * (size_t)s->most + 2 * (size_t)n, a, 2);
        put(data + 6 * (size_t)s->most + 2 * (size_t)n, acc, 2);
        return;
    }
    uint8_t *at = data + RECORD_BYTES * ((size_t)n + 1);
    put(at, 4 * a, 2);
    put(at + 2, 4 * acc, 2);
    put(at + 4, bits, 4);
}

static void finish_table(const wfc_be_sparse *s, uint8_t *data, uint32_t n) {
    if (!s->gather) put(data + 4, n, 4);
    for (; s->gather && n < s->most; n++) put_weight(s, data, n, 0, NOWHERE, 0);
}

wfc_status wfc_be_sparse_fill(const wfc_be *be, const wfc_be_layer *l, const wfc_be_need *need, uint8_t *data) {
    geometry t;
    describe(be, l, need, &t);
    float *w = wfc_calloc((size_t)t.weights, sizeof *w);
    if (!w) return wfc_fail_memory(be->diag);
    wfc_be_weights_fill(be, l, need, w);
    uint32_t n = 0;
    for (uint64_t i = 0; i < t.weights; i++) {
        if (w[i] == 0.0f) continue;
        if (n == l->sparse.most) {
            wfc_free(w);
            return wfc_fail(be->diag, WFC_ERR_INTERNAL, "WFC-E7050", l->name,
                            "a PE has more weights than the table was made for; please report it");
        }
        int64_t a = -t.low, acc = 0;
        for (unsigned v = 0; v < t.s->index_count; v++) {
            if (!t.weight[v]) continue;
            int64_t j = (int64_t)(i / (uint64_t)t.weight[v] % t.extent[v]);
            a += j * t.a[v];
            acc += j * t.acc[v];
        }
        if (a >= t.a_end || acc >= t.acc_end) {
            wfc_free(w);
            return wfc_fail(be->diag, WFC_ERR_INTERNAL, "WFC-E7053", l->name,
                            "a weight of the sparse form lies outside its operands; please report it");
        }
        put_weight(&l->sparse, data, n++, (uint32_t)a, (uint32_t)acc, w[i]);
    }
    finish_table(&l->sparse, data, n);
    wfc_free(w);
    return WFC_OK;
}

uint32_t wfc_be_sparse_count(const wfc_be *be, const wfc_be_layer *l, const wfc_be_need *need, float **scratch,
                             uint64_t *room, uint64_t *weights) {
    int32_t stride[WFC_IR_MAX_INDEX] = {0};
    *weights = wfc_be_weights_layout(be, l, need, stride);
    if (*weights > *room) {
        wfc_free(*scratch);
        *scratch = wfc_calloc((size_t)*weights, sizeof **scratch);
        *room = *scratch ? *weights : 0;
        if (!*scratch) return UINT32_MAX;
    }
    memset(*scratch, 0, (size_t)*weights * sizeof **scratch);
    wfc_be_weights_fill(be, l, need, *scratch);
    uint32_t n = 0;
    for (uint64_t i = 0; i < *weights; i++) n += (*scratch)[i] != 0.0f;
    return n;
}

/* ---- The code ---- */

/* acc += r10 * a, along the variables that the weights do not index; offsets in r8, r9. */
static wfc_be_nest axpy(const wfc_be_nest *nest, const int32_t *weight_stride, wfc_be_walk *d, wfc_be_walk *x) {
    wfc_be_nest n = *nest;
    *d = *nest->operand[0];
    *x = *nest->operand[1];
    d->half_reg = (uint8_t)(nest->first_reg + 1);
    x->half_reg = nest->first_reg;
    int64_t low = lowest(x->stride, weight_stride, nest->extent, nest->vars);
    x->offset_bytes += (uint32_t)(4 * low);
    for (unsigned v = 0; v < n.vars; v++) {
        if (weight_stride[v]) n.extent[v] = 1;
    }
    n.operand[0] = d;
    n.operand[1] = x;
    n.operand[2] = NULL;
    n.scalar_reg = (uint8_t)(nest->first_reg + 2);
    return n;
}

static void next_record(wfc_be_asm *a, uint8_t first_reg, uint8_t records) {
    wfc_insn in = {.op = WFC_OP_LDT, .d = first_reg, .a = (uint8_t)(first_reg + 1), .b = (uint8_t)(first_reg + 2)};
    in.c = records;
    wfc_be_asm_insn(a, &in);
}

static wfc_status all_weights(wfc_be_asm *a, const wfc_be_layer *l, const wfc_be_nest *one, uint8_t first_reg,
                              uint8_t table) {
    wfc_be_asm_loop_reg(a, (uint8_t)(first_reg + 2), l->sparse.most);
    next_record(a, first_reg, table);
    WFC_TRY(wfc_be_emit_nest(a, one));
    wfc_be_asm_loop_end(a);
    return WFC_OK;
}

static uint8_t part(wfc_be_asm *a, uint32_t array, uint32_t offset_bytes, wfc_dtype type, uint8_t off, uint32_t n) {
    wfc_be_mem m = {.array = array, .offset_bytes = offset_bytes, .type = (uint8_t)type, .off = off};
    for (unsigned d = 0; d < 4; d++) {
        m.len[d] = d == 3 ? n : 1;
        m.stride[d] = d == 3;
    }
    return wfc_be_asm_mem(a, &m);
}

static wfc_status emit_gather(wfc_be_asm *a, const wfc_be_layer *l, const wfc_be_nest *nest,
                              const int32_t *weight_stride, uint32_t acc_words, uint32_t table) {
    uint32_t n = l->sparse.most, reach = 1;
    if (n == 0) return WFC_OK;
    const wfc_be_walk *d = nest->operand[0], *x = nest->operand[1];
    for (unsigned v = 0; v < nest->vars; v++) {
        int32_t step = x->stride[v];
        if (weight_stride[v]) reach += (uint32_t)(step < 0 ? -step : step) * (nest->extent[v] - 1);
    }
    uint32_t first = x->offset_bytes + (uint32_t)(4 * lowest(x->stride, weight_stride, nest->extent, nest->vars));
    uint32_t scratch = wfc_be_asm_scratch(a, 4 * n);
    uint8_t products = part(a, scratch, 0, WFC_F32, 0, n);
    wfc_be_asm_op(a, WFC_OP_VGAT, WFC_F32, products, part(a, x->array, first, WFC_F32, x->half_reg, reach),
                  part(a, table, 4 * n, WFC_U16, 0, n), 0);
    wfc_be_asm_op(a, WFC_OP_VMUL, WFC_F32, products, products, part(a, table, 0, WFC_F32, 0, n), 0);
    wfc_insn add = {.op = WFC_OP_VSCATADD, .type = WFC_F32, .flags = WFC_FLAG_DROP, .a = products, .c = WFC_OPND_NONE};
    add.d = part(a, d->array, d->offset_bytes, WFC_F32, d->half_reg, acc_words);
    add.b = part(a, table, 6 * n, WFC_U16, 0, n);
    wfc_be_asm_insn(a, &add);
    wfc_be_asm_scratch_release(a, scratch);
    return wfc_be_asm_status(a);
}

/* A descriptor has one offset register, and the table's offset takes it: two loops, one for each half. */
wfc_status wfc_be_emit_sparse(wfc_be_asm *a, const wfc_be_layer *l, const wfc_be_nest *nest,
                              const int32_t *weight_stride, uint32_t half_bytes, uint32_t acc_words, uint32_t table) {
    if (l->sparse.gather) return emit_gather(a, l, nest, weight_stride, acc_words, table);
    wfc_be_walk d, x;
    wfc_be_nest one = axpy(nest, weight_stride, &d, &x);
    uint8_t first = nest->first_reg, at = (uint8_t)(first + 3), half = nest->operand[1]->half_reg;
    if (wfc_be_nest_loops(&one) > 0) {
        return wfc_be_asm_fail(a, wfc_fail(wfc_be_asm_diag(a), WFC_ERR_UNSUPPORTED, "WFC-E7051", wfc_be_asm_layer(a),
                                           "the sparse form of a contract takes tiles of four axes at most"));
    }
    wfc_be_mem m = {.array = table, .type = WFC_U32, .off = at, .len = {1, 1, 1, 1}};
    uint8_t records = wfc_be_asm_mem(a, &m);
    wfc_be_asm_op(a, WFC_OP_MOVI, WFC_F32, at, WFC_OPND_NONE, WFC_OPND_NONE, 0);
    next_record(a, first, records); /* the number */
    if (!half) return all_weights(a, l, &one, first, records);
    uint32_t second = wfc_be_asm_label(a), end = wfc_be_asm_label(a);
    wfc_be_asm_branch(a, WFC_OP_BRNZ, half, second);
    wfc_be_asm_weight(a, 0.5);
    WFC_TRY(all_weights(a, l, &one, first, records));
    wfc_be_asm_branch(a, WFC_OP_BRA, 0, end);
    wfc_be_asm_place(a, second);
    x.offset_bytes += half_bytes;
    WFC_TRY(all_weights(a, l, &one, first, records));
    wfc_be_asm_weight(a, 1);
    wfc_be_asm_place(a, end);
    return wfc_be_asm_status(a);
}
