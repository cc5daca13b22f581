/* channelsfirst: what lies between a transposition to channels last and one back is computed with channels first.
 *
 *   y = view(x) {n c y x -> n y x c}, maps, sums over c, products with weights over c, view back
 *     ->  the same of x, with its axes where x has them, and no view
 *
 * LayerNorm and linear layers over the channels of an image (ConvNeXt) are exported so. Channels first they lie on the
 * PEs as the convolutions around them do; a transposed tensor would change the rows of nearly all its words. Each node
 * behind such a view is made anew in front of it, so the view sinks, until a view back meets it and both go. Every
 * element is computed as before. */
#include "ir/fn.h"
#include "passes/pipelines.h"
#include "passes/rewrite.h"

/* Axis e of the transposed value is axis ORDER[e] of the plain one. */
static const uint32_t ORDER[4] = {0, 2, 3, 1};

typedef struct sinker {
    wfc_graph *g;
    wfc_diag *diag;
    wfc_rewrite rw;
    wfc_value *plain; /* by node: what it is the transposition of; WFC_VALUE_NONE */
} sinker;

static bool has_plain(const sinker *c, wfc_value v) {
    return v.i < c->rw.count && c->plain[v.i].i != WFC_VALUE_NONE.i;
}

/* A view that only moves axes: axis d of the operand is axis to[d] of the result. */
static bool is_transposition(const wfc_node *n, const wfc_shape *x, const uint32_t *to) {
    if (n->op != WFC_CORE_VIEW || n->u.view.count != 1 || !n->u.view.steps[0].is_index) return false;
    if (n->shape.rank != 4 || x->rank != 4) return false;
    for (unsigned d = 0; d < 4; d++) {
        if (!wfc_affine_is(&n->u.view.steps[0].in[d], to[d]) || n->shape.dims[to[d]] != x->dims[d]) return false;
    }
    return true;
}

/* A constant operand of a map of rank 4, with its axes in the plain order. */
static wfc_status plain_constant(sinker *c, wfc_value o, wfc_value *out) {
    wfc_shape s = wfc_ir_node_c(c->g, o)->shape, full = {.rank = 4};
    *out = o;
    if (wfc_shape_elems(&s) == 1) return WFC_OK;
    for (unsigned d = 0; d < 4; d++) full.dims[d] = d + s.rank < 4 ? 1 : s.dims[d + s.rank - 4];
    if (s.rank != 4) WFC_TRY(wfc_ir_add_reshape(c->g, c->diag, NULL, o, &full, out));
    wfc_view_step step = {.is_index = true, .shape = {.rank = 4}};
    for (unsigned e = 0; e < 4; e++) {
        step.shape.dims[ORDER[e]] = full.dims[e];
        step.in[e].coef[ORDER[e]] = 1;
    }
    return wfc_ir_add_view(c->g, c->diag, NULL, *out, &step, 1, out);
}

static bool map_sinks(const sinker *c, wfc_value v, const wfc_node *n) {
    bool any = false;
    if (n->shape.rank != 4) return false;
    for (uint32_t k = 0; k < n->u.map.count; k++)
        if (n->u.map.nodes[k].fn == WFC_FN_INDEX) return false;
    for (uint32_t k = 0; k < n->operand_count; k++) {
        wfc_value o = wfc_ir_operand(c->g, v, k);
        if (has_plain(c, o))
            any = true;
        else if (!wfc_is_const(c->g, o) || wfc_ir_node_c(c->g, o)->shape.rank > 4)
            return false;
    }
    return any;
}

static wfc_status sink_map(sinker *c, wfc_value v, wfc_value *out) {
    wfc_node n = *wfc_ir_node_c(c->g, v);
    wfc_value operands[WFC_IR_MAX_EXPR];
    for (uint32_t k = 0; k < n.operand_count; k++) {
        operands[k] = wfc_ir_operand(c->g, v, k);
        if (has_plain(c, operands[k]))
            operands[k] = c->plain[operands[k].i];
        else
            WFC_TRY(plain_constant(c, operands[k], &operands[k]));
    }
    return wfc_ir_add_node(c->g, c->diag, &n, operands, n.operand_count, out);
}

static void reorder(wfc_affine *f) {
    const wfc_affine was = *f;
    for (unsigned e = 0; e < 4; e++) f->coef[ORDER[e]] = was.coef[e];
}

/* The space with the result's axes and those of operand a in the plain order. */
static void plain_space(wfc_space *s) {
    const wfc_space was = *s;
    for (unsigned e = 0; e < 4; e++) {
        s->name[ORDER[e]] = was.name[e];
        s->extent[ORDER[e]] = was.extent[e];
        s->a[ORDER[e]] = was.a[e];
    }
    for (unsigned d = 0; d < WFC_IR_MAX_RANK; d++) {
        reorder(&s->a[d]);
        reorder(&s->b[d]);
    }
}

/* A reduce that keeps its axes, or a product with constant weights that of the result's axes have the last only. */
static bool space_sinks(const sinker *c, wfc_value v, const wfc_node *n) {
    const wfc_space *s = n->op == WFC_CORE_REDUCE ? &n->u.reduce.space : &n->u.contract;
    if (s->out_rank != 4 || !has_plain(c, wfc_ir_operand(c->g, v, 0))) return false;
    if (n->op == WFC_CORE_REDUCE) return true;
    wfc_value b = wfc_ir_operand(c->g, v, 1);
    if (!wfc_is_const(c->g, b)) return false;
    for (unsigned d = 0; d < wfc_ir_node_c(c->g, b)->shape.rank; d++)
        for (unsigned e = 0; e < 3; e++)
            if (s->b[d].coef[e] != 0) return false;
    return true;
}

static wfc_status sink_space(sinker *c, wfc_value v, wfc_value *out) {
    wfc_node n = *wfc_ir_node_c(c->g, v);
    wfc_value operands[2] = {c->plain[wfc_ir_operand(c->g, v, 0).i], WFC_VALUE_NONE};
    if (n.operand_count == 2) operands[1] = wfc_ir_operand(c->g, v, 1);
    plain_space(n.op == WFC_CORE_REDUCE ? &n.u.reduce.space : &n.u.contract);
    return wfc_ir_add_node(c->g, c->diag, &n, operands, n.operand_count, out);
}

/* v becomes a view of what is computed plain; those that can read that itself will. */
static wfc_status replace(sinker *c, wfc_value v, wfc_value plain) {
    wfc_shape x = wfc_ir_node_c(c->g, plain)->shape;
    wfc_view_step step = {.is_index = true, .shape = {.rank = 4}};
    wfc_value view;
    for (unsigned e = 0; e < 4; e++) {
        step.shape.dims[e] = x.dims[ORDER[e]];
        step.in[ORDER[e]].coef[e] = 1;
    }
    WFC_TRY(wfc_ir_add_view(c->g, c->diag, NULL, plain, &step, 1, &view));
    c->plain[v.i] = plain;
    return wfc_rewrite_set(&c->rw, c->g, v, view);
}

static wfc_status visit(sinker *c, wfc_value v) {
    static const uint32_t LAST[4] = {0, 3, 1, 2}, FIRST[4] = {0, 2, 3, 1};
    const wfc_node *n = wfc_ir_node_c(c->g, v);
    wfc_value plain;
    if (n->dtype != WFC_F32 || n->operand_count == 0) return WFC_OK;
    wfc_value x = wfc_ir_operand(c->g, v, 0);
    if (n->op == WFC_CORE_VIEW) {
        const wfc_shape *shape = &wfc_ir_node_c(c->g, x)->shape;
        if (is_transposition(n, shape, LAST) && !wfc_is_const(c->g, x))
            c->plain[v.i] = x;
        else if (has_plain(c, x) && is_transposition(n, shape, FIRST))
            return wfc_rewrite_set(&c->rw, c->g, v, c->plain[x.i]);
        return WFC_OK;
    }
    if (n->op == WFC_CORE_MAP && map_sinks(c, v, n))
        WFC_TRY(sink_map(c, v, &plain));
    else if ((n->op == WFC_CORE_REDUCE || n->op == WFC_CORE_CONTRACT) && space_sinks(c, v, n))
        WFC_TRY(sink_space(c, v, &plain));
    else
        return WFC_OK;
    return replace(c, v, plain);
}

static wfc_status run(wfc_graph *g, wfc_diag *diag) {
    sinker c = {.g = g, .diag = diag, .plain = wfc_calloc(g->nodes.count, sizeof *c.plain)};
    wfc_status s = c.plain ? wfc_rewrite_begin(&c.rw, g) : WFC_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < c.rw.count; i++) c.plain[i] = WFC_VALUE_NONE;
    for (uint32_t i = 0; i < c.rw.count && s == WFC_OK; i++) s = visit(&c, (wfc_value){i});
    if (s == WFC_OK)
        s = wfc_rewrite_end(&c.rw, g);
    else
        wfc_rewrite_abandon(&c.rw);
    wfc_free(c.plain);
    return s;
}

const wfc_pass wfc_pass_channelsfirst = {
    "channelsfirst", "computes what lies between two transpositions of an image's channels without them", run};
