/* maxfirst: a maximum over windows moves in front of elementwise functions that never decrease.
 *
 *   reduce max (map f(x, c))  ->  map f(reduce max (x), c)     f non-decreasing in x, c constant along the reduced axes
 *
 * conv + bias + tanh + 2x2 pooling then computes a quarter of the tanh. Equal in value: rounding is monotone, so
 * max(f(x)) is f(max(x)) exactly for sums, products and comparisons; for tanh, sigmoid and exp it is as far as their
 * approximation is monotone. NaN stays NaN (all of these functions and max keep it). */
#include "ir/fn.h"
#include "passes/pipelines.h"
#include "passes/rewrite.h"

/* How a subexpression moves with the operand in question. */
typedef enum motion { CONSTANT, RISES, UNKNOWN } motion;

static bool all_positive(const wfc_graph *g, wfc_value v) {
    const wfc_node *n = wfc_ir_node_c(g, v);
    uint64_t elems = wfc_shape_elems(&n->shape);
    for (uint64_t i = 0; i < elems; i++)
        if (!(wfc_dtype_get((wfc_dtype)n->dtype, n->u.konst.data.bytes, (size_t)i) > 0)) return false;
    return true;
}

/* Whether expression node `at` is a positive constant. */
static bool positive(const wfc_graph *g, wfc_value m, const wfc_expr *e, uint8_t at) {
    const wfc_expr_node *n = &e->nodes[at];
    if (n->fn == WFC_FN_CONST) return n->value > 0;
    return n->fn == WFC_FN_ARG && wfc_is_const(g, wfc_ir_operand(g, m, n->index)) &&
           all_positive(g, wfc_ir_operand(g, m, n->index));
}

static motion both(motion a, motion b) {
    if (a == UNKNOWN || b == UNKNOWN) return UNKNOWN;
    return a == RISES || b == RISES ? RISES : CONSTANT;
}

static motion motion_of(const wfc_graph *g, wfc_value m, const wfc_expr *e, uint32_t arg) {
    motion v[WFC_IR_MAX_EXPR];
    for (uint32_t i = 0; i < e->count; i++) {
        const wfc_expr_node *n = &e->nodes[i];
        motion a = v[n->args[0]], b = v[n->args[1]];
        switch (n->fn) {
        case WFC_FN_ARG: v[i] = n->index == arg ? RISES : CONSTANT; break;
        case WFC_FN_CONST: v[i] = CONSTANT; break;
        case WFC_FN_ADD:
        case WFC_FN_MIN:
        case WFC_FN_MAX: v[i] = both(a, b); break;
        case WFC_FN_SUB: v[i] = b == CONSTANT ? a : UNKNOWN; break;
        case WFC_FN_DIV: v[i] = b == CONSTANT && (a == CONSTANT || positive(g, m, e, n->args[1])) ? a : UNKNOWN; break;
        case WFC_FN_MUL:
            if (a == CONSTANT && b == CONSTANT)
                v[i] = CONSTANT;
            else if (a == CONSTANT && positive(g, m, e, n->args[0]))
                v[i] = b;
            else
                v[i] = b == CONSTANT && positive(g, m, e, n->args[1]) ? a : UNKNOWN;
            break;
        case WFC_FN_TANH:
        case WFC_FN_SIGMOID:
        case WFC_FN_EXP:
        case WFC_FN_FLOOR:
        case WFC_FN_CEIL:
        case WFC_FN_ROUND: v[i] = a; break;
        default: v[i] = UNKNOWN;
        }
    }
    return v[e->count - 1];
}

/* The one operand of map `m` that is not constant, in the map's own shape; -1 when there is none or several. */
static int moving_operand(const wfc_graph *g, wfc_value m) {
    const wfc_node *n = wfc_ir_node_c(g, m);
    int found = -1;
    for (uint32_t k = 0; k < n->operand_count; k++) {
        wfc_value o = wfc_ir_operand(g, m, k);
        if (wfc_is_const(g, o)) continue;
        const wfc_node *on = wfc_ir_node_c(g, o);
        if (found >= 0 || !wfc_shape_eq(&on->shape, &n->shape) || on->dtype != n->dtype) return -1;
        found = (int)k;
    }
    return found;
}

/* Constants must not vary along an axis that the reduce walks: elsewhere the axis stays as it is. */
static bool constants_fit(const wfc_graph *g, wfc_value m, const wfc_node *reduce) {
    const wfc_node *n = wfc_ir_node_c(g, m);
    if (reduce->shape.rank != n->shape.rank) return false;
    for (uint32_t k = 0; k < n->operand_count; k++) {
        wfc_value o = wfc_ir_operand(g, m, k);
        if (!wfc_is_const(g, o)) continue;
        const wfc_shape *s = &wfc_ir_node_c(g, o)->shape;
        for (unsigned d = 0; d < s->rank; d++) {
            unsigned axis = n->shape.rank - s->rank + d;
            if (s->dims[d] != 1 && !wfc_affine_is(&reduce->u.reduce.space.a[axis], axis)) return false;
        }
    }
    return true;
}

/* Whether every result reads at least one element: a maximum over nothing is -inf, and f(-inf) is not. */
static bool never_empty(const wfc_graph *g, const wfc_node *n, wfc_value source) {
    const wfc_space *s = &n->u.reduce.space;
    const wfc_shape *shape = &wfc_ir_node_c(g, source)->shape;
    for (unsigned d = 0; d < shape->rank; d++) {
        const wfc_affine *f = &s->a[d];
        int64_t first_hi = f->offset, last_lo = f->offset; /* farthest in range that the first and last window reach */
        for (unsigned v = 0; v < s->index_count; v++) {
            int64_t reach = (int64_t)f->coef[v] * (s->extent[v] - 1);
            if (f->coef[v] < 0 || (v >= s->out_rank && f->coef[v] > 1 && s->extent[v] > 1)) return false;
            if (v < s->out_rank)
                last_lo += reach;
            else
                first_hi += reach;
        }
        if (first_hi < 0 || last_lo >= shape->dims[d]) return false;
    }
    return true;
}

static wfc_status swap(wfc_graph *g, wfc_diag *diag, wfc_value r, wfc_value m, int arg, wfc_rewrite *rw) {
    wfc_node reduce = *wfc_ir_node_c(g, r), map = *wfc_ir_node_c(g, m);
    wfc_value x = wfc_ir_operand(g, m, (uint32_t)arg), first, second, operands[WFC_IR_MAX_EXPR];
    for (uint32_t k = 0; k < map.operand_count; k++) operands[k] = wfc_ir_operand(g, m, k);
    WFC_TRY(wfc_ir_add_node(g, diag, &reduce, &x, 1, &first));
    operands[arg] = first;
    WFC_TRY(wfc_ir_add_node(g, diag, &map, operands, map.operand_count, &second));
    return wfc_rewrite_set(rw, g, r, second);
}

static wfc_status once(wfc_graph *g, wfc_diag *diag, bool *changed) {
    uint32_t *uses, count = (uint32_t)g->nodes.count;
    wfc_rewrite rw;
    *changed = false;
    WFC_TRY(wfc_ir_count_uses(g, &uses));
    wfc_status st = wfc_rewrite_begin(&rw, g);
    if (st != WFC_OK) {
        wfc_free(uses);
        return st;
    }
    for (uint32_t i = 0; i < count && st == WFC_OK; i++) {
        wfc_value r = {i};
        const wfc_node *n = wfc_ir_node_c(g, r);
        if (n->op != WFC_CORE_REDUCE || n->u.reduce.kind != WFC_RED_MAX) continue;
        wfc_value m = wfc_ir_operand(g, r, 0);
        const wfc_node *map = wfc_ir_node_c(g, m);
        if (map->op != WFC_CORE_MAP || uses[m.i] != 1 || map->operand_count > WFC_IR_MAX_EXPR || map->dtype != n->dtype)
            continue;
        int arg = moving_operand(g, m);
        if (arg < 0 || !constants_fit(g, m, n) || !never_empty(g, n, m)) continue;
        if (motion_of(g, m, &map->u.map, (uint32_t)arg) != RISES) continue;
        st = swap(g, diag, r, m, arg, &rw);
        *changed = true;
    }
    wfc_free(uses);
    if (st != WFC_OK) {
        wfc_rewrite_abandon(&rw);
        return st;
    }
    return wfc_rewrite_end(&rw, g);
}

static wfc_status run(wfc_graph *g, wfc_diag *diag) {
    bool changed = true;
    while (changed) WFC_TRY(once(g, diag, &changed));
    return WFC_OK;
}

const wfc_pass wfc_pass_maxfirst = {"maxfirst", "moves maxima over windows in front of functions that never decrease",
                                    run};
