/* Each node's value gets an array over its hull (what its readers index), filled over its box (what exists); the border
 * between holds the readers' identity from the data image and is never written. */
#include "backend/kernels/k_local.h"

#include <string.h>

#include "backend/kernels/fn_emit.h"

/* Axes of a box from outermost to innermost in local order. */
static unsigned axis_order(const wfc_be_box *b, uint8_t *order) {
    unsigned n = 0;
    if (b->list_axis >= 0) order[n++] = (uint8_t)b->list_axis;
    for (uint8_t d = 0; d < b->rank; d++) {
        if (d != b->list_axis) order[n++] = d;
    }
    return n;
}

/* Byte offset in `p` of coordinate `lo` per axis (list axes start at 0). */
static uint32_t place_offset(const wfc_be_site *p, const wfc_be_box *at) {
    uint32_t strides[WFC_IR_MAX_RANK];
    wfc_be_box_strides(&p->box, strides);
    int64_t e = 0;
    for (unsigned d = 0; d < p->box.rank; d++) {
        if ((int)d != p->box.list_axis) e += ((int64_t)at->lo[d] - p->box.lo[d]) * strides[d];
    }
    return p->offset_bytes + (uint32_t)(4 * e);
}

typedef struct dims {
    unsigned n;
    uint32_t len[WFC_IR_MAX_RANK];
    int32_t stride[WFC_IR_MAX_RANK];
} dims;

/* Descriptor of a value walked in the iteration order of `iter` (broadcast axes have stride 0). */
static wfc_status walk_desc(wfc_be_local *k, const wfc_be_box *iter, const wfc_be_site *p, uint8_t *out) {
    uint32_t strides[WFC_IR_MAX_RANK];
    wfc_be_box_strides(&p->box, strides);
    uint8_t order[WFC_IR_MAX_RANK];
    unsigned rank = axis_order(iter, order), shift = (unsigned)iter->rank - p->box.rank;
    dims d = {0};
    wfc_be_box at = {.rank = p->box.rank};
    for (unsigned i = 0; i < rank; i++) {
        unsigned axis = order[i];
        int own = (int)axis - (int)shift;
        int32_t s = own < 0 || p->box.n[own] == 1 ? 0 : (int32_t)strides[own];
        if (own >= 0) at.lo[own] = s == 0 ? p->box.lo[own] : iter->lo[axis];
        if (iter->n[axis] == 1) continue;
        if (d.n && d.stride[d.n - 1] == s * (int32_t)iter->n[axis]) {
            d.len[d.n - 1] *= iter->n[axis];
            d.stride[d.n - 1] = s;
        } else {
            d.len[d.n] = iter->n[axis];
            d.stride[d.n++] = s;
        }
    }
    if (d.n > 4) {
        return wfc_be_asm_fail(k->b->a,
                               wfc_fail(k->be->diag, WFC_ERR_UNSUPPORTED, "WFC-E7031", k->l->name,
                                        "an elementwise operand needs %u strided axes, a descriptor has 4", d.n));
    }
    wfc_be_mem m = {.array = p->array,
                    .offset_bytes = place_offset(p, &at),
                    .type = WFC_F32,
                    .off = p->half_reg,
                    .len = {1, 1, 1, 1}};
    for (unsigned i = 0; i < d.n; i++) {
        m.len[4 - d.n + i] = d.len[i];
        m.stride[4 - d.n + i] = d.stride[i];
    }
    *out = wfc_be_asm_mem(k->b->a, &m);
    return wfc_be_asm_status(k->b->a);
}

/* The part of a constant that a box of a map needs, as an array with its data. */
static wfc_be_box const_box(const wfc_node *c, const wfc_be_box *iter) {
    wfc_be_box b = {.rank = c->shape.rank, .list_axis = -1};
    unsigned shift = (unsigned)iter->rank - c->shape.rank;
    for (unsigned d = 0; d < c->shape.rank; d++) {
        bool one = c->shape.dims[d] == 1;
        b.lo[d] = one ? 0 : iter->lo[d + shift];
        b.n[d] = one ? 1 : iter->n[d + shift];
        if (!one && (int)(d + shift) == iter->list_axis) {
            b.list_axis = (int8_t)d;
            b.list = iter->list;
            b.lo[d] = 0;
        }
    }
    return b;
}

void wfc_be_const_fill(const wfc_node *c, const wfc_be_box *iter, float *data) {
    wfc_be_box b = const_box(c, iter);
    uint64_t n = wfc_be_box_elems(&b);
    uint8_t order[WFC_IR_MAX_RANK];
    unsigned rank = axis_order(&b, order);
    uint32_t at[WFC_IR_MAX_RANK] = {0};
    for (uint64_t i = 0; i < n; i++) {
        uint64_t flat = 0;
        for (unsigned d = 0; d < b.rank; d++) {
            flat = flat * c->shape.dims[d] + ((int)d == b.list_axis ? b.list[at[d]] : (uint32_t)b.lo[d] + at[d]);
        }
        memcpy(&data[i], c->u.konst.data.bytes + 4 * flat, 4);
        for (unsigned j = rank; j-- > 0;) {
            if (++at[order[j]] < b.n[order[j]]) break;
            at[order[j]] = 0;
        }
    }
}

static wfc_status place_const(wfc_be_local *k, wfc_value v, uint32_t node, wfc_be_site *out) {
    const wfc_node *c = wfc_ir_node_c(k->be->g, v);
    const wfc_be_box *iter = &k->need->node[node];
    wfc_be_box b = const_box(c, iter);
    uint64_t n = wfc_be_box_elems(&b);
    float *data = wfc_calloc((size_t)n, sizeof *data);
    if (!data) return wfc_fail_memory(k->be->diag);
    wfc_be_const_fill(c, iter, data);
    *out = (wfc_be_site){.array = wfc_be_asm_array(k->b->a, "const", (uint32_t)(4 * n), WFC_MEM_WEIGHT), .box = b};
    WFC_TRY(wfc_be_add_init(k->be, k->b, out->array, (uint32_t)(4 * n), data, WFC_BE_DATA_CONST));
    wfc_be_init *init = &k->b->init.data[k->b->init.count - 1];
    init->node = node;
    init->value = v;
    return WFC_OK;
}

static wfc_status operand_place(wfc_be_local *k, uint32_t node, uint32_t operand, wfc_be_site *out) {
    wfc_value user = k->l->nodes[node], v = wfc_ir_operand(k->be->g, user, operand);
    int i = wfc_be_node_at(k->l, v);
    if (i >= 0) {
        *out = k->value[i];
        return WFC_OK;
    }
    int e = wfc_be_edge_at(k->l, user, operand);
    if (e >= 0) {
        *out = k->edge[e];
        return WFC_OK;
    }
    return place_const(k, v, node, out);
}

static bool same_box(const wfc_be_box *a, const wfc_be_box *b) {
    if (a->rank != b->rank || a->list_axis != b->list_axis) return false;
    for (unsigned d = 0; d < a->rank; d++) {
        if (a->n[d] != b->n[d] || ((int)d != a->list_axis && a->lo[d] != b->lo[d])) return false;
    }
    return true;
}

/* Identity of the reduce nodes that read this value beyond its box (the border). */
static float border_value(const wfc_be_local *k, uint32_t node) {
    for (uint32_t i = node + 1; i < k->l->node_count; i++) {
        const wfc_node *n = wfc_ir_node_c(k->be->g, k->l->nodes[i]);
        if (n->op != WFC_CORE_REDUCE || !wfc_value_eq(wfc_ir_operand(k->be->g, k->l->nodes[i], 0), k->l->nodes[node]))
            continue;
        union {
            uint32_t u;
            float f;
        } inf = {.u = 0x7f800000u};
        return n->u.reduce.kind == WFC_RED_MAX    ? -inf.f
               : n->u.reduce.kind == WFC_RED_MIN  ? inf.f
               : n->u.reduce.kind == WFC_RED_PROD ? 1.0f
                                                  : 0.0f;
    }
    return 0.0f;
}

/* An array over the node's hull whose border holds the identity. */
static wfc_status hull_array(wfc_be_local *k, uint32_t node, wfc_be_site *out) {
    const wfc_be_box *hull = &k->need->hull[node];
    uint64_t n = wfc_be_box_elems(hull);
    *out = (wfc_be_site){.array = wfc_be_asm_array(k->b->a, "value", (uint32_t)(4 * n), WFC_MEM_SCRATCH), .box = *hull};
    float border = border_value(k, node);
    if (same_box(hull, &k->need->node[node]) || border == 0.0f) return wfc_be_asm_status(k->b->a);
    float *data = wfc_calloc((size_t)n, sizeof *data);
    if (!data) return wfc_fail_memory(k->be->diag);
    for (uint64_t i = 0; i < n; i++) data[i] = border;
    return wfc_be_add_init(k->be, k->b, out->array, (uint32_t)(4 * n), data, WFC_BE_DATA_SAME);
}

wfc_status wfc_be_border(wfc_be_local *k, uint32_t node) {
    if (same_box(&k->need->hull[node], &k->need->node[node])) return WFC_OK;
    wfc_be_site to, from = k->value[node];
    WFC_TRY(hull_array(k, node, &to));
    uint8_t d, s;
    WFC_TRY(walk_desc(k, &k->need->node[node], &to, &d));
    WFC_TRY(walk_desc(k, &k->need->node[node], &from, &s));
    wfc_be_asm_op(k->b->a, WFC_OP_VMOV, WFC_F32, d, s, WFC_OPND_NONE, 0);
    k->value[node] = to;
    return WFC_OK;
}

/* A value that only this node reads, in the same box, may be overwritten in place. */
static bool reusable(const wfc_be_local *k, uint32_t node, wfc_be_site *out) {
    const wfc_node *n = wfc_ir_node_c(k->be->g, k->l->nodes[node]);
    for (uint32_t o = 0; o < n->operand_count; o++) {
        int i = wfc_be_node_at(k->l, wfc_ir_operand(k->be->g, k->l->nodes[node], o));
        if (i < 0 || !same_box(&k->value[i].box, &k->need->hull[node])) continue;
        uint32_t uses = 0;
        for (uint32_t j = 0; j < k->l->node_count; j++) {
            const wfc_node *m = wfc_ir_node_c(k->be->g, k->l->nodes[j]);
            for (uint32_t q = 0; q < m->operand_count; q++)
                uses += wfc_be_node_at(k->l, wfc_ir_operand(k->be->g, k->l->nodes[j], q)) == i;
        }
        if (uses != 1) continue;
        *out = k->value[i];
        return true;
    }
    return false;
}

static wfc_status emit_map(wfc_be_local *k, uint32_t node) {
    const wfc_node *n = wfc_ir_node_c(k->be->g, k->l->nodes[node]);
    uint8_t operands[WFC_IR_MAX_EXPR], dst;
    if (n->operand_count > WFC_IR_MAX_EXPR) return WFC_ERR_INTERNAL;
    for (uint32_t o = 0; o < n->operand_count; o++) {
        wfc_be_site p;
        WFC_TRY(operand_place(k, node, o, &p));
        WFC_TRY(walk_desc(k, &k->need->node[node], &p, &operands[o]));
    }
    WFC_TRY(walk_desc(k, &k->need->node[node], &k->value[node], &dst));
    wfc_be_expr_io io = {.operands = operands, .operand_count = n->operand_count, .dst = dst};
    return wfc_be_emit_expr(k->b->a, &n->u.map, &io);
}

static const wfc_op REDUCE_OPS[] = {[WFC_RED_SUM] = WFC_OP_VADD,
                                    [WFC_RED_PROD] = WFC_OP_VMUL,
                                    [WFC_RED_MAX] = WFC_OP_VMAX,
                                    [WFC_RED_MIN] = WFC_OP_VMIN};

static wfc_status emit_reduce(wfc_be_local *k, uint32_t node) {
    const wfc_node *n = wfc_ir_node_c(k->be->g, k->l->nodes[node]);
    const wfc_space *s = &n->u.reduce.space;
    const wfc_be_box *box = &k->need->node[node];
    wfc_be_site from, *to = &k->value[node];
    WFC_TRY(operand_place(k, node, 0, &from));
    uint8_t all;
    WFC_TRY(walk_desc(k, box, to, &all));
    static const uint32_t IDENTITY[] = {
        [WFC_RED_SUM] = 0, [WFC_RED_PROD] = 0x3f800000u, [WFC_RED_MAX] = 0xff800000u, [WFC_RED_MIN] = 0x7f800000u};
    wfc_be_asm_op(k->b->a, WFC_OP_VMOV, WFC_F32, all, wfc_be_asm_const(k->b->a, IDENTITY[n->u.reduce.kind]),
                  WFC_OPND_NONE, 0);
    wfc_be_walk d = {.array = to->array, .half_reg = to->half_reg},
                a = {.array = from.array, .half_reg = from.half_reg};
    uint32_t to_strides[WFC_IR_MAX_RANK], from_strides[WFC_IR_MAX_RANK];
    wfc_be_box_strides(&to->box, to_strides);
    wfc_be_box_strides(&from.box, from_strides);
    wfc_be_nest nest = {
        .op = REDUCE_OPS[n->u.reduce.kind], .vars = s->index_count, .operand = {&d, &d, &a}, .first_reg = k->first_reg};
    d.offset_bytes = place_offset(to, box);
    int64_t base = 0;
    for (unsigned v = 0; v < s->index_count; v++) {
        nest.extent[v] = v < s->out_rank ? box->n[v] : s->extent[v];
        d.stride[v] = v < s->out_rank ? (int32_t)to_strides[v] : 0;
    }
    for (unsigned q = 0; q < from.box.rank; q++) {
        bool listed = (int)q == from.box.list_axis;
        int64_t at = listed ? 0 : (int64_t)s->a[q].offset - from.box.lo[q];
        for (unsigned v = 0; v < s->index_count; v++) {
            a.stride[v] += s->a[q].coef[v] * (int32_t)from_strides[q];
            if (!listed && v < s->out_rank) at += (int64_t)s->a[q].coef[v] * box->lo[v];
        }
        base += at * from_strides[q];
    }
    a.offset_bytes = from.offset_bytes + (uint32_t)(4 * base);
    return wfc_be_emit_nest(k->b->a, &nest);
}

wfc_status wfc_be_emit_local(wfc_be_local *k, uint32_t first) {
    wfc_be_asm_bucket(k->b->a, k->l->has_contract ? WFC_BE_EPILOGUE : WFC_BE_COMPUTE);
    for (uint32_t i = first; i < k->l->node_count; i++) {
        bool last = i + 1 == k->l->node_count, map = wfc_ir_node_c(k->be->g, k->l->nodes[i])->op == WFC_CORE_MAP;
        if (last)
            k->value[i] = (wfc_be_site){.array = k->out_array, .box = k->need->node[i]};
        else if (!map || !same_box(&k->need->hull[i], &k->need->node[i]) || !reusable(k, i, &k->value[i])) {
            WFC_TRY(hull_array(k, i, &k->value[i]));
        }
        if (map)
            WFC_TRY(emit_map(k, i));
        else
            WFC_TRY(emit_reduce(k, i));
    }
    return wfc_be_asm_status(k->b->a);
}
