/* fold: a node whose operands are all constants becomes a constant.
 *
 * Node order is an execution order, so one walk folds whole subgraphs. The evaluator does the work. Budgets keep a
 * small file from asking for much: a result above 256 MiB, results above 1 GiB in all, or more than 2^33 points of
 * work leave the node as it is (an Expand bomb stays a view, which costs nothing). */
#include "ir/eval/eval.h"
#include "passes/pipelines.h"
#include "passes/rewrite.h"
#include <string.h>

static const uint64_t max_result_bytes = UINT64_C(256) << 20, max_total_bytes = UINT64_C(1) << 30,
                      max_points = UINT64_C(1) << 33;

typedef struct fold_budget {
    uint64_t bytes, points;
} fold_budget;

/* Points of a node's evaluation; saturates instead of wrapping (a space has at most 2^60). */
static uint64_t work(const wfc_node *n) {
    const wfc_space *s = n->op == WFC_CORE_CONTRACT ? &n->u.contract
                         : n->op == WFC_CORE_REDUCE ? &n->u.reduce.space
                                                    : NULL;
    uint64_t points = wfc_shape_elems(&n->shape);
    for (unsigned v = s ? s->out_rank : 0; s && v < s->index_count; v++) points *= s->extent[v];
    if (n->op == WFC_CORE_MAP) points *= n->u.map.count;
    return points;
}

static bool affordable(const wfc_node *n, const fold_budget *left) {
    uint64_t bytes = wfc_shape_elems(&n->shape) * wfc_dtype_bytes((wfc_dtype)n->dtype);
    return bytes <= max_result_bytes && bytes <= left->bytes && work(n) <= left->points;
}

/* A view keeps the mask of what it shows; a fill of 0 counts as pruned. */
static wfc_status view_mask(wfc_graph *g, wfc_value v, const uint8_t *mask, const uint8_t **out) {
    uint64_t elems = wfc_shape_elems(&g->nodes.data[v.i].shape);
    uint8_t *m = wfc_arena_alloc(&g->arena, (size_t)elems, 1);
    if (!m) return WFC_ERR_NO_MEMORY;
    for (uint64_t i = 0; i < elems; i++) {
        double fill = 0;
        int64_t at = wfc_ir_view_source(g, v, i, &fill);
        m[i] = at >= 0 ? mask[at] : fill != 0;
    }
    *out = m;
    return WFC_OK;
}

/* Evaluates node v over its constant operands and turns it into the result. */
static wfc_status fold_node(wfc_graph *g, wfc_value v, wfc_diag *diag) {
    uint32_t count = g->nodes.data[v.i].operand_count;
    wfc_tensor result = {0};
    const uint8_t *mask = NULL;
    wfc_tensor *in = wfc_calloc(count, sizeof *in);
    const wfc_tensor **ptr = wfc_calloc(count, sizeof *ptr);
    wfc_status s = in && ptr ? WFC_OK : WFC_ERR_NO_MEMORY;
    for (uint32_t k = 0; s == WFC_OK && k < count; k++) {
        const wfc_node *o = wfc_ir_node(g, wfc_ir_operand(g, v, k));
        in[k].dtype = o->dtype;
        in[k].rank = o->shape.rank;
        memcpy(in[k].dims, o->shape.dims, sizeof in[k].dims);
        in[k].data = (void *)(uintptr_t)o->u.konst.data.bytes; /* read only */
        ptr[k] = &in[k];
        if (g->nodes.data[v.i].op == WFC_CORE_VIEW && o->u.konst.mask) s = view_mask(g, v, o->u.konst.mask, &mask);
    }
    if (s == WFC_OK) s = wfc_ir_eval_node(g, v, ptr, diag, &result);
    if (s == WFC_OK) {
        wfc_node *n = wfc_ir_node(g, v);
        size_t bytes = (size_t)wfc_shape_elems(&n->shape) * wfc_dtype_bytes((wfc_dtype)n->dtype);
        uint8_t *own = wfc_arena_alloc(&g->arena, bytes + 1, 1); /* + 1: an empty tensor has an address too */
        if (own) {
            if (bytes) memcpy(own, result.data, bytes);
            n->op = WFC_CORE_CONST;
            n->operand_count = 0;
            memset(&n->u, 0, sizeof n->u);
            n->u.konst.data = (wfc_const_data){own, bytes};
            n->u.konst.mask = mask;
        } else {
            s = WFC_ERR_NO_MEMORY;
        }
    }
    wfc_tensor_deinit(&result);
    wfc_free(in);
    wfc_free((void *)ptr);
    return s;
}

static wfc_status run(wfc_graph *g, wfc_diag *diag) {
    fold_budget left = {max_total_bytes, max_points};
    for (uint32_t i = 0; i < g->nodes.count; i++) {
        const wfc_node *n = &g->nodes.data[i];
        bool constant = n->op != WFC_CORE_INPUT && n->op != WFC_CORE_CONST;
        for (uint32_t k = 0; constant && k < n->operand_count; k++)
            constant = wfc_is_const(g, wfc_ir_operand(g, (wfc_value){i}, k));
        if (!constant || !affordable(n, &left)) continue;
        left.bytes -= wfc_shape_elems(&n->shape) * wfc_dtype_bytes((wfc_dtype)n->dtype);
        left.points -= work(n);
        WFC_TRY(fold_node(g, (wfc_value){i}, diag));
    }
    return wfc_ir_compact(g);
}

const wfc_pass wfc_pass_fold = {"fold", "evaluates subgraphs of constants, within a budget of memory and work", run};
