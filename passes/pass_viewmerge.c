/* viewmerge: a view of a view becomes one view with all steps, and neighbouring steps become one where that is exact
 * (wfc_ir_compose_steps). Steps that do nothing go; a rule that is never needed becomes none. Nothing moves across
 * other ops. A view with other readers stays for them: views cost nothing, they are resolved on the edges.
 *
 * A contract that reads a large constant through a permutation of axes reads the constant itself, with its coordinates
 * permuted: fold would have to copy it. Small ones are left to fold. */
#include "passes/pipelines.h"
#include "passes/rewrite.h"
#include <string.h>

enum { MAX_STEPS = 64, LARGE_BYTES = 1 << 20 };

typedef struct step_list {
    wfc_shape from;
    wfc_view_step steps[MAX_STEPS];
    uint32_t count;
} step_list;

static void remove_step(step_list *l, uint32_t k) {
    memmove(&l->steps[k], &l->steps[k + 1], (l->count - k - 1) * sizeof l->steps[0]);
    l->count--;
}

/* One change, or false at the fixpoint. */
static bool improve(step_list *l) {
    const wfc_shape *from = &l->from;
    for (uint32_t k = 0; k < l->count; from = &l->steps[k++].shape) {
        if (wfc_ir_step_identity(from, &l->steps[k])) {
            remove_step(l, k);
            return true;
        }
        wfc_view_step merged;
        if (k + 1 < l->count && wfc_ir_compose_steps(from, &l->steps[k], &l->steps[k + 1], &merged)) {
            l->steps[k] = merged;
            remove_step(l, k + 1);
            return true;
        }
    }
    return false;
}

/* An index step that never leaves its source needs no rule. */
static void relax_rules(step_list *l) {
    const wfc_shape *from = &l->from;
    for (uint32_t k = 0; k < l->count; from = &l->steps[k++].shape) {
        wfc_view_step *s = &l->steps[k];
        bool inside = s->is_index && wfc_shape_elems(&s->shape) > 0;
        for (unsigned d = 0; inside && d < from->rank; d++) {
            int64_t lo, hi;
            wfc_affine_range(&s->in[d], s->shape.dims, s->shape.rank, &lo, &hi);
            inside = lo >= 0 && hi < (int64_t)from->dims[d];
        }
        if (!inside) continue;
        s->edge = WFC_EDGE_NONE;
        s->fill = 0;
    }
}

static wfc_status merge(wfc_graph *g, wfc_value v) {
    step_list l;
    wfc_node *n = wfc_ir_node(g, v);
    wfc_value x = wfc_ir_operand(g, v, 0);
    const wfc_node *inner = wfc_ir_node_c(g, x);
    l.count = 0;
    if (inner->op == WFC_CORE_VIEW && inner->u.view.count + n->u.view.count <= MAX_STEPS) {
        l.count = inner->u.view.count;
        memcpy(l.steps, inner->u.view.steps, l.count * sizeof l.steps[0]);
        g->operands.data[n->operand_first] = wfc_ir_operand(g, x, 0);
        WFC_TRY(wfc_rewrite_merge_locs(g, x, v));
        n = wfc_ir_node(g, v);
    }
    memcpy(&l.steps[l.count], n->u.view.steps, n->u.view.count * sizeof l.steps[0]);
    l.count += n->u.view.count;
    l.from = wfc_ir_node_c(g, wfc_ir_operand(g, v, 0))->shape;
    relax_rules(&l);
    while (improve(&l)) continue; /* every change removes a step */
    wfc_view_step *steps = wfc_arena_alloc(&g->arena, l.count, sizeof *steps);
    if (!steps) return WFC_ERR_NO_MEMORY;
    memcpy(steps, l.steps, l.count * sizeof *steps);
    n->u.view.steps = steps;
    n->u.view.count = l.count;
    return WFC_OK;
}

/* A view of one step that only permutes the axes: axis d of its source is axis axes[d] of the result. */
static bool is_permutation(const wfc_node *view, const wfc_shape *from, unsigned *axes) {
    const wfc_view_step *s = view->u.view.steps;
    unsigned seen = 0;
    if (view->u.view.count != 1 || !s->is_index || s->shape.rank != from->rank) return false;
    for (unsigned d = 0; d < from->rank; d++) {
        int v = wfc_affine_single(&s->in[d]);
        if (v < 0 || !wfc_affine_is(&s->in[d], (uint32_t)v) || seen >> v & 1 || s->shape.dims[v] != from->dims[d])
            return false;
        seen |= 1u << v;
        axes[d] = (unsigned)v;
    }
    return true;
}

static wfc_status read_through(wfc_graph *g, wfc_value contract, uint32_t side) {
    wfc_value v = wfc_ir_operand(g, contract, side);
    const wfc_node *view = wfc_ir_node_c(g, v);
    unsigned axes[WFC_IR_MAX_RANK];
    if (view->op != WFC_CORE_VIEW || !wfc_is_const(g, wfc_ir_operand(g, v, 0))) return WFC_OK;
    const wfc_node *w = wfc_ir_node_c(g, wfc_ir_operand(g, v, 0));
    if (w->u.konst.data.size_bytes <= LARGE_BYTES || !is_permutation(view, &w->shape, axes)) return WFC_OK;
    wfc_node *n = wfc_ir_node(g, contract);
    wfc_affine *coords = side ? n->u.contract.b : n->u.contract.a, old[WFC_IR_MAX_RANK];
    memcpy(old, coords, sizeof old);
    for (unsigned d = 0; d < w->shape.rank; d++) coords[d] = old[axes[d]];
    g->operands.data[n->operand_first + side] = wfc_ir_operand(g, v, 0);
    return wfc_rewrite_merge_locs(g, v, contract);
}

static wfc_status run(wfc_graph *g, wfc_diag *diag) {
    (void)diag;
    for (uint32_t i = 0; i < g->nodes.count; i++) /* in order: an inner view has merged its own already */
        if (g->nodes.data[i].op == WFC_CORE_VIEW) WFC_TRY(merge(g, (wfc_value){i}));
    for (uint32_t i = 0; i < g->nodes.count; i++)
        for (uint32_t side = 0; g->nodes.data[i].op == WFC_CORE_CONTRACT && side < 2; side++)
            WFC_TRY(read_through(g, (wfc_value){i}, side));
    return wfc_ir_compact(g);
}

const wfc_pass wfc_pass_viewmerge = {"viewmerge", "merges chains of views into one, exactly", run};
