/* SynFlow: Tanaka et al., "Pruning neural networks without any data by iteratively conserving synaptic flow" (2020).
 *
 * The net with |w| for every constant, 1 for every input and its activations left out is R = sum of its outputs; the
 * score of a weight is |w dR/d|w||. One pass forward and one backward through the graph, in double. Example, y = v2 |v1
 * x| with v1 = (3, -1), v2 = -2: R = 2 (3 + 1) = 8, scores 6, 2 and 8: what flows in is what flows out, layer by layer.
 *
 * Left out means: a function of one value is that value; of a maximum or minimum with a constant (ReLU, Clip) the other
 * operand; sums, products with constants and quotients by constants stay, with absolute values. What has no such
 * meaning (products of two activations, softmax) is refused. */
#include "ir/eval/walk.h"
#include "ir/fn.h"
#include "passes/prune/pruning.h"
#include <math.h>
#include <string.h>

typedef struct flow {
    wfc_pruning *p;
    const wfc_graph *g;
    double **value, **slope; /* by node, [elems] */
    bool *live;              /* depends on an input */
} flow;

static wfc_status refuse(const flow *f, const wfc_node *n, const char *what) {
    return wfc_fail(f->p->diag, WFC_ERR_UNSUPPORTED, "WFC-E0287", n->loc_count ? n->locs[0] : n->name,
                    "synflow is not defined here: %s. Take another criterion for this net", what);
}

static double *values_of(const flow *f, wfc_value v, uint32_t k) {
    return f->value[wfc_ir_operand(f->g, v, k).i];
}

static double *slopes_of(const flow *f, wfc_value v, uint32_t k) {
    return f->slope[wfc_ir_operand(f->g, v, k).i];
}

/* ---- Maps ---- */

typedef struct map_walk { /* operand elements along the elements of the result */
    uint64_t stride[WFC_IR_MAX_EXPR][WFC_IR_MAX_RANK];
    uint32_t index[WFC_IR_MAX_RANK];
    uint64_t at[WFC_IR_MAX_EXPR];
} map_walk;

static void map_begin(map_walk *w, const wfc_graph *g, wfc_value v) {
    const wfc_node *n = wfc_ir_node_c(g, v);
    memset(w, 0, sizeof *w);
    for (uint32_t k = 0; k < n->operand_count; k++) {
        const wfc_shape *s = &wfc_ir_node_c(g, wfc_ir_operand(g, v, k))->shape;
        uint64_t stride = 1;
        for (unsigned d = s->rank; d-- > 0;) {
            w->stride[k][d + n->shape.rank - s->rank] = s->dims[d] > 1 ? stride : 0;
            stride *= s->dims[d];
        }
    }
}

static void map_next(map_walk *w, const wfc_node *n) {
    for (unsigned d = n->shape.rank; d-- > 0;) {
        for (uint32_t k = 0; k < n->operand_count; k++) w->at[k] += w->stride[k][d];
        if (++w->index[d] < n->shape.dims[d]) return;
        for (uint32_t k = 0; k < n->operand_count; k++) w->at[k] -= w->stride[k][d] * n->shape.dims[d];
        w->index[d] = 0;
    }
}

/* What a node of an expression passes on. */
typedef enum rule { R_CONSTANT, R_SUM, R_PRODUCT, R_QUOTIENT, R_FIRST, R_SECOND, R_LARGER, R_NONE } rule;

static rule rule_of(const wfc_expr_node *e, const bool *live, uint32_t k) {
    unsigned arity = wfc_fn_lookup(e[k].fn)->arity;
    bool a = arity > 0 && live[e[k].args[0]], b = arity > 1 && live[e[k].args[1]], c = arity > 2 && live[e[k].args[2]];
    if (!a && !b && !c) return R_CONSTANT;
    switch (e[k].fn) {
    case WFC_FN_ADD:
    case WFC_FN_SUB: return R_SUM;
    case WFC_FN_MUL: return a && b ? R_NONE : R_PRODUCT;
    case WFC_FN_DIV: return b ? R_NONE : R_QUOTIENT;
    case WFC_FN_MAX: return a && b ? R_LARGER : a ? R_FIRST : R_SECOND;
    case WFC_FN_MIN: return a && b ? R_NONE : a ? R_FIRST : R_SECOND;
    case WFC_FN_NEG:
    case WFC_FN_ABS:
    case WFC_FN_TANH:
    case WFC_FN_SIGMOID:
    case WFC_FN_ERF:
    case WFC_FN_FLOOR:
    case WFC_FN_CEIL:
    case WFC_FN_ROUND:
    case WFC_FN_CAST: return R_FIRST;
    default: return R_NONE;
    }
}

typedef struct map_rules {
    rule rule[WFC_IR_MAX_EXPR];
    bool live[WFC_IR_MAX_EXPR];
} map_rules;

static wfc_status find_rules(const flow *f, wfc_value v, map_rules *out) {
    const wfc_node *n = wfc_ir_node_c(f->g, v);
    const wfc_expr_node *e = n->u.map.nodes;
    for (uint32_t k = 0; k < n->u.map.count; k++) {
        out->rule[k] = rule_of(e, out->live, k);
        out->live[k] = out->rule[k] != R_CONSTANT;
        if (e[k].fn == WFC_FN_ARG) out->live[k] = f->live[wfc_ir_operand(f->g, v, e[k].index).i];
        if (out->rule[k] == R_NONE)
            return refuse(f, n, "two activations meet in something else than a sum or a maximum");
    }
    return WFC_OK;
}

/* Values of the expression's nodes for one element. */
static void map_values(const flow *f, wfc_value v, const map_rules *r, const map_walk *w, double *x) {
    const wfc_node *n = wfc_ir_node_c(f->g, v);
    for (uint32_t k = 0; k < n->u.map.count; k++) {
        const wfc_expr_node *e = &n->u.map.nodes[k];
        const wfc_fn_record *fn = wfc_fn_lookup(e->fn);
        double a = fn->arity > 0 ? x[e->args[0]] : 0, b = fn->arity > 1 ? x[e->args[1]] : 0;
        double c = fn->arity > 2 ? x[e->args[2]] : 0;
        switch (r->rule[k]) {
        case R_SUM: x[k] = a + b; break;
        case R_PRODUCT: x[k] = a * b; break;
        case R_QUOTIENT: x[k] = a / b; break;
        case R_FIRST: x[k] = a; break;
        case R_SECOND: x[k] = b; break;
        case R_LARGER: x[k] = a >= b ? a : b; break;
        default:
            if (e->fn == WFC_FN_ARG)
                x[k] = values_of(f, v, e->index)[w->at[e->index]];
            else if (e->fn == WFC_FN_CONST)
                x[k] = fabs(e->value);
            else if (e->fn == WFC_FN_INDEX)
                x[k] = w->index[e->index];
            else
                x[k] = fabs(fn->eval(a, b, c));
        }
    }
}

static void map_slopes(const flow *f, wfc_value v, const map_rules *r, const map_walk *w, const double *x, double *s) {
    const wfc_node *n = wfc_ir_node_c(f->g, v);
    for (uint32_t k = n->u.map.count; k-- > 0;) {
        const wfc_expr_node *e = &n->u.map.nodes[k];
        double *a = &s[e->args[0]], *b = &s[e->args[1]];
        switch (r->rule[k]) {
        case R_SUM: *a += s[k], *b += s[k]; break;
        case R_PRODUCT: {
            double xa = x[e->args[0]], xb = x[e->args[1]];
            *a += s[k] * xb, *b += s[k] * xa;
            break;
        }
        case R_QUOTIENT: *a += s[k] / x[e->args[1]]; break;
        case R_FIRST: *a += s[k]; break;
        case R_SECOND: *b += s[k]; break;
        case R_LARGER: *(x[e->args[0]] >= x[e->args[1]] ? a : b) += s[k]; break;
        default:
            if (e->fn == WFC_FN_ARG) slopes_of(f, v, e->index)[w->at[e->index]] += s[k];
        }
    }
}

static wfc_status run_map(const flow *f, wfc_value v, bool backward) {
    const wfc_node *n = wfc_ir_node_c(f->g, v);
    uint32_t count = n->u.map.count;
    map_rules rules = {0};
    WFC_TRY(find_rules(f, v, &rules));
    map_walk *w = wfc_calloc(1, sizeof *w);
    if (!w) return WFC_ERR_NO_MEMORY;
    map_begin(w, f->g, v);
    double x[WFC_IR_MAX_EXPR], s[WFC_IR_MAX_EXPR];
    uint64_t elems = wfc_shape_elems(&n->shape);
    for (uint64_t i = 0; i < elems; i++, map_next(w, n)) {
        map_values(f, v, &rules, w, x);
        if (!backward) {
            f->value[v.i][i] = x[count - 1];
            continue;
        }
        memset(s, 0, count * sizeof *s);
        s[count - 1] = f->slope[v.i][i];
        map_slopes(f, v, &rules, w, x, s);
    }
    wfc_free(w);
    return WFC_OK;
}

/* ---- The other operators ---- */

static wfc_status run_contract(const flow *f, wfc_value v, bool backward) {
    const wfc_node *n = wfc_ir_node_c(f->g, v);
    double *a = values_of(f, v, 0), *b = values_of(f, v, 1), *da = slopes_of(f, v, 0), *db = slopes_of(f, v, 1);
    if (f->live[wfc_ir_operand(f->g, v, 0).i] && f->live[wfc_ir_operand(f->g, v, 1).i])
        return refuse(f, n, "two activations are multiplied");
    wfc_walk w;
    wfc_walk_init(&w, &n->u.contract, &wfc_ir_node_c(f->g, wfc_ir_operand(f->g, v, 0))->shape,
                  &wfc_ir_node_c(f->g, wfc_ir_operand(f->g, v, 1))->shape);
    uint64_t elems = wfc_shape_elems(&n->shape);
    for (uint64_t i = 0; i < elems; i++) {
        double sum = 0, s = f->slope[v.i][i];
        wfc_walk_start(&w, i);
        for (wfc_walk_run r; wfc_walk_next(&w, &r);)
            for (uint64_t k = 0; k < r.count; k++, r.at[0] += r.step[0], r.at[1] += r.step[1]) {
                if (!backward) {
                    sum += a[r.at[0]] * b[r.at[1]];
                } else {
                    da[r.at[0]] += s * b[r.at[1]];
                    db[r.at[1]] += s * a[r.at[0]];
                }
            }
        if (!backward) f->value[v.i][i] = sum;
    }
    return WFC_OK;
}

static wfc_status run_reduce(const flow *f, wfc_value v, bool backward) {
    const wfc_node *n = wfc_ir_node_c(f->g, v);
    bool is_sum = n->u.reduce.kind == WFC_RED_SUM;
    double *a = values_of(f, v, 0), *da = slopes_of(f, v, 0);
    if (!is_sum && n->u.reduce.kind != WFC_RED_MAX && f->live[v.i])
        return refuse(f, n, "a product or a minimum over activations");
    wfc_walk w;
    wfc_walk_init(&w, &n->u.reduce.space, &wfc_ir_node_c(f->g, wfc_ir_operand(f->g, v, 0))->shape, NULL);
    uint64_t elems = wfc_shape_elems(&n->shape);
    for (uint64_t i = 0; i < elems; i++) {
        int64_t first = -1; /* of the largest */
        double sum = 0;
        wfc_walk_start(&w, i);
        for (wfc_walk_run r; wfc_walk_next(&w, &r);)
            for (uint64_t k = 0; k < r.count; k++, r.at[0] += r.step[0]) {
                if (is_sum && backward) da[r.at[0]] += f->slope[v.i][i];
                sum += a[r.at[0]];
                if (first < 0 || a[r.at[0]] > a[first]) first = r.at[0];
            }
        if (!is_sum) sum = first < 0 ? 0 : a[first];
        if (!backward) f->value[v.i][i] = sum;
        if (backward && !is_sum && first >= 0) da[first] += f->slope[v.i][i];
    }
    return WFC_OK;
}

static wfc_status run_view(const flow *f, wfc_value v, bool backward) {
    const wfc_node *n = wfc_ir_node_c(f->g, v);
    uint64_t elems = wfc_shape_elems(&n->shape);
    for (uint64_t i = 0; i < elems; i++) {
        double fill = 0;
        int64_t at = wfc_ir_view_source(f->g, v, i, &fill);
        if (backward && at >= 0) slopes_of(f, v, 0)[at] += f->slope[v.i][i];
        if (!backward) f->value[v.i][i] = at >= 0 ? values_of(f, v, 0)[at] : isfinite(fill) ? fabs(fill) : 0;
    }
    return WFC_OK;
}

static wfc_status run_concat(const flow *f, wfc_value v, bool backward) {
    const wfc_node *n = wfc_ir_node_c(f->g, v);
    uint64_t inner = 1, outer = 1, begin = 0;
    for (unsigned d = 0; d < n->shape.rank; d++) *(d < n->u.concat.axis ? &outer : &inner) *= n->shape.dims[d];
    for (uint32_t k = 0; k < n->operand_count; k++) {
        uint64_t elems = wfc_shape_elems(&wfc_ir_node_c(f->g, wfc_ir_operand(f->g, v, k))->shape);
        uint64_t each = outer ? elems / outer : 0;
        for (uint64_t i = 0; i < elems; i++) {
            uint64_t at = i / each * inner + begin + i % each;
            if (backward)
                slopes_of(f, v, k)[i] += f->slope[v.i][at];
            else
                f->value[v.i][at] = values_of(f, v, k)[i];
        }
        begin += each;
    }
    return WFC_OK;
}

static wfc_status run_node(const flow *f, wfc_value v, bool backward) {
    const wfc_node *n = wfc_ir_node_c(f->g, v);
    uint64_t elems = wfc_shape_elems(&n->shape);
    switch (n->op) {
    case WFC_CORE_MAP: return run_map(f, v, backward);
    case WFC_CORE_CONTRACT: return run_contract(f, v, backward);
    case WFC_CORE_REDUCE: return run_reduce(f, v, backward);
    case WFC_CORE_VIEW: return run_view(f, v, backward);
    case WFC_CORE_CONCAT: return run_concat(f, v, backward);
    default: break; /* inputs and constants */
    }
    for (uint64_t i = 0; !backward && i < elems; i++)
        f->value[v.i][i] =
            n->op == WFC_CORE_INPUT ? 1 : fabs(wfc_dtype_get((wfc_dtype)n->dtype, n->u.konst.data.bytes, (size_t)i));
    return WFC_OK;
}

/* ---- All of it ---- */

static wfc_status run_all(flow *f) {
    uint32_t count = (uint32_t)f->g->nodes.count;
    double sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        const wfc_node *n = &f->g->nodes.data[i];
        size_t elems = (size_t)wfc_shape_elems(&n->shape);
        f->value[i] = wfc_calloc(elems, sizeof *f->value[i]);
        f->slope[i] = wfc_calloc(elems, sizeof *f->slope[i]);
        if (!f->value[i] || !f->slope[i]) return WFC_ERR_NO_MEMORY;
        f->live[i] = n->op == WFC_CORE_INPUT;
        for (uint32_t k = 0; k < n->operand_count; k++)
            f->live[i] |= f->live[wfc_ir_operand(f->g, (wfc_value){i}, k).i];
        WFC_TRY(run_node(f, (wfc_value){i}, false));
    }
    for (size_t k = 0; k < f->g->outputs.count; k++) {
        uint32_t v = f->g->outputs.data[k].value.i;
        uint64_t elems = wfc_shape_elems(&f->g->nodes.data[v].shape);
        for (uint64_t i = 0; i < elems; i++) {
            f->slope[v][i] += 1;
            sum += f->value[v][i];
        }
    }
    if (!isfinite(sum))
        return wfc_fail(f->p->diag, WFC_ERR_UNSUPPORTED, "WFC-E0287", f->g->name,
                        "what flows through this net is beyond the range of numbers, so synflow has no scores for it");
    for (uint32_t i = count; i-- > 0;)
        if (f->live[i] || f->g->nodes.data[i].op == WFC_CORE_VIEW) WFC_TRY(run_node(f, (wfc_value){i}, true));
    return WFC_OK;
}

static wfc_status take_scores(const flow *f) {
    for (size_t k = 0; k < f->p->count; k++) {
        wfc_prune_layer *l = &f->p->layers[k];
        if (l->ignored) continue;
        WFC_TRY(wfc_prune_make_scores(f->p, l));
        for (size_t i = 0; i < f->g->nodes.count; i++) {
            const wfc_node *n = &f->g->nodes.data[i];
            if (n->op != WFC_CORE_CONST || n->u.konst.data.bytes != l->bytes) continue;
            for (uint64_t e = 0; e < l->elems; e++) l->scores[e] += f->value[i][e] * f->slope[i][e];
        }
    }
    return WFC_OK;
}

wfc_status wfc_prune_score_synflow(wfc_pruning *p) {
    size_t count = p->g->nodes.count;
    flow f = {.p = p, .g = p->g};
    f.value = wfc_calloc(count, sizeof *f.value);
    f.slope = wfc_calloc(count, sizeof *f.slope);
    f.live = wfc_calloc(count, sizeof *f.live);
    wfc_status s = f.value && f.slope && f.live ? run_all(&f) : WFC_ERR_NO_MEMORY;
    if (s == WFC_OK) s = take_scores(&f);
    for (size_t i = 0; i < count; i++) {
        if (f.value) wfc_free(f.value[i]);
        if (f.slope) wfc_free(f.slope[i]);
    }
    wfc_free(f.value);
    wfc_free(f.slope);
    wfc_free(f.live);
    return s;
}
