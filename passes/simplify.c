/* Bit-exact simplification of map expressions.
 *
 * Exact and done: x*1, x/1, x+(-0), x-(+0), neg(neg(x)), max(x,-inf), min(x,inf), select(const,..), cast to the type
 * the map computes in anyway, cast as the last node (the store converts), constant parts. Not exact and left alone:
 * x+0 (-0 becomes +0), x*0 (NaN, Inf, -0), x-x. Integers: x+0 and x-0 too. */
#include "ir/fn.h"
#include "passes/rewrite.h"
#include <math.h>
#include <string.h>

typedef struct simplifier {
    wfc_dtype type, result;
    wfc_expr_node *out;
    uint32_t count;
} simplifier;

static double round_to(wfc_dtype t, double v) {
    union {
        double d;
        float f;
    } u = {0};
    if (t == WFC_F64) return v;
    wfc_dtype_set(t, &u, 0, v);
    return wfc_dtype_get(t, &u, 0);
}

static int64_t wrap_to(wfc_dtype t, int64_t v) {
    switch (t) {
    case WFC_I32: return (int32_t)(uint32_t)(uint64_t)v;
    case WFC_U32: return (uint32_t)(uint64_t)v;
    default: return v; /* i64 */
    }
}

/* Appends unless an equal node is there. */
static uint8_t put(simplifier *s, wfc_expr_node n) {
    for (uint32_t i = 0; i < s->count; i++)
        if (s->out[i].fn == n.fn && s->out[i].index == n.index && memcmp(s->out[i].args, n.args, sizeof n.args) == 0 &&
            memcmp(&s->out[i].value, &n.value, sizeof n.value) == 0)
            return (uint8_t)i;
    s->out[s->count] = n; /* never more than the source had: each source node puts at most one */
    return (uint8_t)s->count++;
}

static bool is_literal(const simplifier *s, uint8_t i, double v) {
    const wfc_expr_node *n = &s->out[i];
    return n->fn == WFC_FN_CONST && memcmp(&n->value, &v, sizeof v) == 0;
}

/* All arguments constant: the value the evaluator would give. False where it cannot be written as a literal. */
static bool constant_call(const simplifier *s, const wfc_expr_node *n, double *out) {
    const wfc_fn_record *fn = wfc_fn_lookup(n->fn);
    double v[3] = {0};
    if (fn->arity == 0 || n->fn == WFC_FN_CAST) return false;
    for (unsigned k = 0; k < fn->arity; k++) {
        if (s->out[n->args[k]].fn != WFC_FN_CONST) return false;
        v[k] = s->out[n->args[k]].value;
    }
    if (wfc_dtype_is_float(s->type)) {
        for (unsigned k = 0; k < 3; k++) v[k] = round_to(s->type, v[k]);
        *out = round_to(s->type, fn->eval(v[0], v[1], v[2]));
        return !isnan(*out);
    }
    for (unsigned k = 0; k < 3; k++)
        if (v[k] != trunc(v[k]) || fabs(v[k]) > 9007199254740992.0) return false;
    int64_t r = wrap_to(s->type, fn->eval_int(wrap_to(s->type, (int64_t)v[0]), wrap_to(s->type, (int64_t)v[1]),
                                              wrap_to(s->type, (int64_t)v[2])));
    *out = (double)r;
    return r > -(INT64_C(1) << 53) && r < (INT64_C(1) << 53);
}

/* The node that the call equals, or -1. */
static int shortcut(const simplifier *s, const wfc_expr_node *n) {
    bool real = wfc_dtype_is_float(s->type);
    uint8_t a = n->args[0], b = n->args[1];
    switch (n->fn) {
    case WFC_FN_MUL:
        if (is_literal(s, b, 1)) return a;
        return is_literal(s, a, 1) ? b : -1;
    case WFC_FN_DIV: return is_literal(s, b, 1) ? a : -1;
    case WFC_FN_ADD:
        if (is_literal(s, b, -0.0) || (!real && is_literal(s, b, 0))) return a;
        return is_literal(s, a, -0.0) || (!real && is_literal(s, a, 0)) ? b : -1;
    case WFC_FN_SUB: return is_literal(s, b, 0) ? a : -1;
    case WFC_FN_MAX:
        if (real && is_literal(s, b, -INFINITY)) return a;
        return real && is_literal(s, a, -INFINITY) ? b : -1;
    case WFC_FN_MIN:
        if (real && is_literal(s, b, INFINITY)) return a;
        return real && is_literal(s, a, INFINITY) ? b : -1;
    case WFC_FN_NEG: return s->out[a].fn == WFC_FN_NEG ? s->out[a].args[0] : -1;
    case WFC_FN_SELECT:
        if (s->out[a].fn != WFC_FN_CONST) return -1;
        return s->out[a].value != 0 ? n->args[1] : n->args[2];
    case WFC_FN_CAST: return s->type == s->result ? a : -1;
    default: return -1;
    }
}

/* Keeps what the root reaches, in order; the root is then the last. */
static uint32_t sweep(wfc_expr_node *nodes, uint32_t root) {
    bool live[WFC_IR_MAX_EXPR] = {false};
    uint8_t to[WFC_IR_MAX_EXPR];
    uint32_t count = 0;
    live[root] = true;
    for (uint32_t i = root + 1; i-- > 0;)
        for (unsigned k = 0; live[i] && k < wfc_fn_lookup(nodes[i].fn)->arity; k++) live[nodes[i].args[k]] = true;
    for (uint32_t i = 0; i <= root; i++) {
        if (!live[i]) continue;
        wfc_expr_node n = nodes[i];
        for (unsigned k = 0; k < wfc_fn_lookup(n.fn)->arity; k++) n.args[k] = to[n.args[k]];
        to[i] = (uint8_t)count;
        nodes[count++] = n;
    }
    return count;
}

void wfc_expr_simplify(const wfc_expr *e, wfc_dtype type, wfc_dtype result, const bool *has, const double *value,
                       wfc_expr_node *nodes, uint32_t *out_count) {
    simplifier s = {type, result, nodes, 0};
    uint8_t to[WFC_IR_MAX_EXPR];
    for (uint32_t i = 0; i < e->count; i++) {
        const wfc_expr_node *o = &e->nodes[i];
        wfc_expr_node n;
        memset(&n, 0, sizeof n);
        n.fn = o->fn;
        double v;
        if (o->fn == WFC_FN_ARG && has && has[o->index]) {
            n.fn = WFC_FN_CONST;
            n.value = value[o->index];
        } else if (o->fn == WFC_FN_ARG || o->fn == WFC_FN_INDEX) {
            n.index = o->index;
        } else if (o->fn == WFC_FN_CONST) {
            n.value = o->value;
        }
        for (unsigned k = 0; k < wfc_fn_lookup(o->fn)->arity; k++) n.args[k] = to[o->args[k]];
        if (constant_call(&s, &n, &v)) {
            memset(&n, 0, sizeof n);
            n.fn = WFC_FN_CONST;
            n.value = v;
        }
        int same = n.fn == WFC_FN_CONST ? -1 : shortcut(&s, &n);
        to[i] = same >= 0 ? (uint8_t)same : put(&s, n);
    }
    uint32_t root = to[e->count - 1];
    while (nodes[root].fn == WFC_FN_CAST) root = nodes[root].args[0];
    *out_count = sweep(nodes, root);
}

bool wfc_expr_constant(const wfc_expr *e, wfc_dtype type, wfc_dtype result, const double *operands, uint32_t count,
                       double *out) {
    bool has[26];
    wfc_expr_node nodes[WFC_IR_MAX_EXPR];
    uint32_t n;
    for (uint32_t k = 0; k < 26; k++) has[k] = k < count;
    wfc_expr_simplify(e, type, result, has, operands, nodes, &n);
    if (n != 1 || nodes[0].fn != WFC_FN_CONST) return false;
    *out = wfc_dtype_is_float(result) ? round_to(result, nodes[0].value) : nodes[0].value;
    return true;
}
