/* identity: removes what does nothing, bit for bit (simplify.c lists the expressions), and what nothing uses.
 *
 * Constant operands whose elements are all equal become literals of the expression where the shape does not need them:
 * map(%x, %one) {"mul(a,b)"} with %one = {1} is first "mul(a,0x1p+0)", then "a", then gone. */
#include "ir/fn.h"
#include "passes/pipelines.h"
#include "passes/rewrite.h"
#include <string.h>

enum { MAX_OPERANDS = 26 };

/* Whether every value of `t` is exact in the type a map computes in. */
static bool holds(wfc_dtype type, wfc_dtype t) {
    if (type == t || type == WFC_F64) return type == t || (t != WFC_I64 && t != WFC_U64);
    if (type == WFC_F32) return t != WFC_I32 && t != WFC_U32 && t != WFC_I64 && t != WFC_U64 && t != WFC_F64;
    if (wfc_dtype_is_float(t)) return false;
    if (type == WFC_I64) return true; /* u64 travels as its bits */
    bool small = t == WFC_I16 || t == WFC_U16 || t == WFC_I8 || t == WFC_U8 || t == WFC_BOOL;
    bool is_signed = t == WFC_I16 || t == WFC_I8;
    return small && (type == WFC_I32 || !is_signed);
}

/* Shape of the broadcast of the operands. */
static wfc_shape broadcast(const wfc_graph *g, const wfc_value *operands, uint32_t count) {
    wfc_shape s = {0};
    for (uint32_t k = 0; k < count; k++)
        if (g->nodes.data[operands[k].i].shape.rank > s.rank) s.rank = g->nodes.data[operands[k].i].shape.rank;
    for (unsigned d = 0; d < s.rank; d++) s.dims[d] = 1;
    for (uint32_t k = 0; k < count; k++) {
        const wfc_shape *o = &g->nodes.data[operands[k].i].shape;
        for (unsigned d = 0; d < o->rank; d++)
            if (o->dims[d] != 1) s.dims[s.rank - o->rank + d] = o->dims[d];
    }
    return s;
}

typedef struct map_edit {
    wfc_value operands[MAX_OPERANDS];
    uint32_t count;
    wfc_expr_node nodes[WFC_IR_MAX_EXPR];
    uint32_t node_count;
} map_edit;

/* One operand per value. */
static void merge_operands(const wfc_graph *g, const wfc_node *n, map_edit *e) {
    uint8_t to[MAX_OPERANDS];
    for (uint32_t k = 0; k < n->operand_count; k++) {
        wfc_value v = g->operands.data[n->operand_first + k];
        uint32_t at = 0;
        while (at < e->count && !wfc_value_eq(e->operands[at], v)) at++;
        if (at == e->count) e->operands[e->count++] = v;
        to[k] = (uint8_t)at;
    }
    for (uint32_t i = 0; i < e->node_count; i++)
        if (e->nodes[i].fn == WFC_FN_ARG) e->nodes[i].index = to[e->nodes[i].index];
}

static void simplify(const wfc_graph *g, const wfc_node *n, map_edit *e) {
    bool has[MAX_OPERANDS] = {false};
    double value[MAX_OPERANDS] = {0};
    wfc_expr_node copy[WFC_IR_MAX_EXPR];
    wfc_expr from = {(uint16_t)e->node_count, copy};
    memcpy(copy, e->nodes, e->node_count * sizeof *copy);
    for (uint32_t k = 0; k < e->count; k++) has[k] = wfc_const_splat(g, e->operands[k], &value[k]);
    wfc_dtype type = wfc_ir_map_type_over(g, (wfc_dtype)n->dtype, e->operands, e->count);
    wfc_expr_simplify(&from, type, (wfc_dtype)n->dtype, has, value, e->nodes, &e->node_count);
}

/* Drops operand k if the expression does not use it and neither the shape nor the type computed in needs it. */
static bool drop_operand(const wfc_graph *g, const wfc_node *n, map_edit *e, uint32_t k) {
    wfc_value left[MAX_OPERANDS];
    for (uint32_t i = 0; i < e->node_count; i++)
        if (e->nodes[i].fn == WFC_FN_ARG && e->nodes[i].index == k) return false;
    memcpy(left, e->operands, sizeof left);
    for (uint32_t i = k; i + 1 < e->count; i++) left[i] = left[i + 1];
    wfc_shape s = broadcast(g, left, e->count - 1);
    wfc_dtype t = (wfc_dtype)n->dtype;
    if (!wfc_shape_eq(&s, &n->shape) ||
        wfc_ir_map_type_over(g, t, left, e->count - 1) != wfc_ir_map_type_over(g, t, e->operands, e->count))
        return false;
    memcpy(e->operands, left, sizeof left);
    e->count--;
    for (uint32_t i = 0; i < e->node_count; i++)
        if (e->nodes[i].fn == WFC_FN_ARG && e->nodes[i].index > k) e->nodes[i].index--;
    return true;
}

/* Simplifies map v in place; *out_same is the operand it equals, if it does nothing. */
static wfc_status edit_map(wfc_graph *g, wfc_value v, wfc_value *out_same) {
    wfc_node *n = wfc_ir_node(g, v);
    map_edit e = {.node_count = n->u.map.count};
    memcpy(e.nodes, n->u.map.nodes, n->u.map.count * sizeof e.nodes[0]);
    merge_operands(g, n, &e);
    simplify(g, n, &e);
    for (uint32_t k = e.count; k-- > 0;) (void)drop_operand(g, n, &e, k);
    wfc_dtype type = wfc_ir_map_type_over(g, (wfc_dtype)n->dtype, e.operands, e.count);
    *out_same = WFC_VALUE_NONE;
    if (e.node_count == 1 && e.nodes[0].fn == WFC_FN_ARG) {
        wfc_value x = e.operands[e.nodes[0].index];
        const wfc_node *o = wfc_ir_node_c(g, x);
        if (o->dtype == n->dtype && wfc_shape_eq(&o->shape, &n->shape) && holds(type, (wfc_dtype)o->dtype)) {
            *out_same = x;
            return WFC_OK;
        }
    }
    wfc_expr_node *nodes = wfc_arena_alloc(&g->arena, e.node_count, sizeof *nodes);
    if (!nodes) return WFC_ERR_NO_MEMORY;
    memcpy(nodes, e.nodes, e.node_count * sizeof *nodes);
    n->u.map.nodes = nodes;
    n->u.map.count = (uint16_t)e.node_count;
    n->operand_count = e.count;
    memcpy(&g->operands.data[n->operand_first], e.operands, e.count * sizeof e.operands[0]);
    return WFC_OK;
}

/* A view all of whose steps keep every element in place. Reshapes that end in the first shape do, too. */
static bool view_is_identity(const wfc_graph *g, wfc_value v) {
    const wfc_node *n = wfc_ir_node_c(g, v);
    const wfc_shape *from = &wfc_ir_node_c(g, wfc_ir_operand(g, v, 0))->shape;
    if (!wfc_shape_eq(from, &n->shape)) return false;
    for (uint32_t k = 0; k < n->u.view.count; k++) {
        const wfc_view_step *s = &n->u.view.steps[k];
        if (s->is_index && !wfc_ir_step_identity(k ? &s[-1].shape : from, s)) return false;
    }
    return true;
}

/* A reduction over single elements that reads each where it stands. Not for sums: 0 + -0 is +0. */
static bool reduce_is_identity(const wfc_graph *g, wfc_value v) {
    const wfc_node *n = wfc_ir_node_c(g, v), *x = wfc_ir_node_c(g, wfc_ir_operand(g, v, 0));
    const wfc_space *s = &n->u.reduce.space;
    if (n->u.reduce.kind == WFC_RED_SUM || !wfc_shape_eq(&n->shape, &x->shape)) return false;
    for (unsigned i = s->out_rank; i < s->index_count; i++)
        if (s->extent[i] != 1) return false;
    for (unsigned d = 0; d < x->shape.rank; d++) {
        wfc_affine f = s->a[d];
        for (unsigned i = s->out_rank; i < s->index_count; i++) f.coef[i] = 0; /* these are always 0 */
        if (!wfc_affine_is(&f, d)) return false;
    }
    return true;
}

/* Operands without elements add nothing; in place. */
static void shorten_concat(wfc_graph *g, wfc_value v) {
    wfc_node *n = wfc_ir_node(g, v);
    uint32_t kept = 0;
    for (uint32_t k = 0; k < n->operand_count; k++) {
        wfc_value x = wfc_ir_operand(g, v, k);
        bool empty = wfc_ir_node_c(g, x)->shape.dims[n->u.concat.axis] == 0;
        if (!empty || (kept == 0 && k + 1 == n->operand_count)) g->operands.data[n->operand_first + kept++] = x;
    }
    n->operand_count = kept;
}

static wfc_status visit(wfc_graph *g, wfc_rewrite *r, wfc_value v) {
    wfc_value same = WFC_VALUE_NONE;
    switch (wfc_ir_node(g, v)->op) {
    case WFC_CORE_MAP: WFC_TRY(edit_map(g, v, &same)); break;
    case WFC_CORE_VIEW:
        if (view_is_identity(g, v)) same = wfc_ir_operand(g, v, 0);
        break;
    case WFC_CORE_CONCAT:
        shorten_concat(g, v);
        if (wfc_ir_node(g, v)->operand_count == 1) same = wfc_ir_operand(g, v, 0);
        break;
    case WFC_CORE_REDUCE:
        if (reduce_is_identity(g, v)) same = wfc_ir_operand(g, v, 0);
        break;
    default: break;
    }
    return wfc_value_valid(same) ? wfc_rewrite_set(r, g, v, same) : WFC_OK;
}

static wfc_status run(wfc_graph *g, wfc_diag *diag) {
    wfc_rewrite r;
    (void)diag;
    WFC_TRY(wfc_rewrite_begin(&r, g));
    for (uint32_t i = 0; i < r.count; i++) {
        wfc_node *n = &g->nodes.data[i]; /* operands that went before: see through them, so one walk is enough */
        for (uint32_t k = 0; k < n->operand_count; k++) {
            uint32_t *o = &g->operands.data[n->operand_first + k].i;
            *o = r.to[*o];
        }
        wfc_status s = visit(g, &r, (wfc_value){i});
        if (s != WFC_OK) {
            wfc_rewrite_abandon(&r);
            return s;
        }
    }
    return wfc_rewrite_end(&r, g);
}

const wfc_pass wfc_pass_identity = {"identity", "removes what does nothing, bit for bit, and what nothing uses", run};
