/* scalefold: constant factors around a contract move into its constant operand.
 *
 *   contract(view(map x*s), w)          ->  contract(view(x), w*s)     s one number, fills of the view 0
 *   map f(contract(x, w) * s[k], ...)   ->  map f(contract(x, w*s), ...)   s along result axes that w has
 *   map f((contract(x, w) + b) * s[k])  ->  map f(contract(x, w*s) + b*s)  the sum a map of its own, b a constant
 *
 * x/s and the contract's quotient by s likewise. This changes rounding and nothing else: the factor must be finite and
 * not 0, no weight may overflow or leave the normal numbers by it (else nothing is folded), and weights that are zero
 * stay zero. Floats only. Normalised inputs and BatchNormalization cost nothing at run time that way. New weights are
 * made up to 512 MiB in all; beyond that the factors stay where they are, so that a huge model is not read here. */
#include "ir/fn.h"
#include "passes/pipelines.h"
#include "passes/rewrite.h"
#include <float.h>
#include <math.h>
#include <string.h>

static const uint64_t max_total_bytes = UINT64_C(512) << 20;

typedef struct scale_ctx {
    wfc_graph *g;
    wfc_diag *diag;
    const uint32_t *uses; /* of the nodes there at the start */
    uint32_t count;       /* how many these were; nodes made here are never looked through again */
    uint64_t left_bytes;  /* that new weights may still take */
} scale_ctx;

/* What each element of a constant is multiplied with, or divided by. */
typedef struct factor {
    bool divide;
    double scalar;                  /* where s is none */
    wfc_value s;                    /* a constant, broadcast along the axes with step 0 */
    uint64_t step[WFC_IR_MAX_RANK]; /* elements of s per index along each axis of what it scales */
} factor;

static double factor_at(const wfc_graph *g, const factor *f, const wfc_shape *shape, uint64_t i) {
    if (!wfc_value_valid(f->s)) return f->scalar;
    uint64_t at = 0;
    for (unsigned d = shape->rank; d-- > 0; i /= shape->dims[d]) at += i % shape->dims[d] * f->step[d];
    const wfc_node *s = wfc_ir_node_c(g, f->s);
    return wfc_dtype_get((wfc_dtype)s->dtype, s->u.konst.data.bytes, (size_t)at);
}

/* *out_ok false when a product leaves the normal range, or the budget is spent. The new constant takes over type,
 * shape, mask and locations. */
static wfc_status scaled_const(scale_ctx *c, wfc_value w, const factor *f, wfc_value *out, bool *out_ok) {
    wfc_node n = *wfc_ir_node_c(c->g, w);
    wfc_dtype t = (wfc_dtype)n.dtype;
    uint64_t elems = wfc_shape_elems(&n.shape), size = n.u.konst.data.size_bytes;
    double smallest = t == WFC_F64 ? DBL_MIN : t == WFC_F16 ? 0x1p-14 : (double)FLT_MIN;
    *out_ok = false;
    if (size > c->left_bytes) return WFC_OK;
    uint8_t *bytes = wfc_arena_alloc(&c->g->arena, (size_t)size + 1, 1);
    if (!bytes) return WFC_ERR_NO_MEMORY;
    c->left_bytes -= size;
    for (uint64_t i = 0; i < elems; i++) {
        double s = factor_at(c->g, f, &n.shape, i), x = wfc_dtype_get(t, n.u.konst.data.bytes, (size_t)i);
        if (!isfinite(s) || s == 0 || !isfinite(x)) return WFC_OK;
        wfc_dtype_set(t, bytes, (size_t)i, x == 0 ? 0 : f->divide ? x / s : x * s);
        double y = wfc_dtype_get(t, bytes, (size_t)i);
        if (!isfinite(y) || (x != 0 && fabs(y) < smallest)) return WFC_OK;
    }
    n.u.konst.data.bytes = bytes;
    *out_ok = true;
    return wfc_ir_add_node(c->g, c->diag, &n, NULL, 0, out);
}

/* ---- A factor in front of the contract ---- */

/* The value below a chain of views whose fills are all 0; sets *single when every link has one use. */
static wfc_value below_views(const scale_ctx *c, wfc_value x, bool *single) {
    *single = true;
    for (;; x = wfc_ir_operand(c->g, x, 0)) {
        const wfc_node *n = wfc_ir_node_c(c->g, x);
        if (x.i >= c->count) return WFC_VALUE_NONE;
        *single = *single && c->uses[x.i] == 1;
        if (n->op != WFC_CORE_VIEW) return x;
        for (uint32_t k = 0; k < n->u.view.count; k++)
            if (n->u.view.steps[k].edge == WFC_EDGE_FILL && n->u.view.steps[k].fill != 0) return WFC_VALUE_NONE;
    }
}

/* Splits the last node of a map's expression, E*s, s*E or E/s with a literal s: *rest is the node of E. */
static bool outer_factor(const wfc_expr *e, double *s, bool *divide, uint8_t *rest) {
    const wfc_expr_node *root = &e->nodes[e->count - 1];
    if (root->fn != WFC_FN_MUL && root->fn != WFC_FN_DIV) return false;
    *divide = root->fn == WFC_FN_DIV;
    const wfc_expr_node *a = &e->nodes[root->args[0]], *b = &e->nodes[root->args[1]];
    if (b->fn == WFC_FN_CONST && a->fn != WFC_FN_CONST) {
        *s = b->value;
        *rest = root->args[0];
        return true;
    }
    if (*divide || a->fn != WFC_FN_CONST || b->fn == WFC_FN_CONST) return false;
    *s = a->value;
    *rest = root->args[1];
    return true;
}

/* Copies the views between contract operand x and map m onto `base`, which replaces m. */
static wfc_status rebuild_views(scale_ctx *c, wfc_value x, wfc_value m, wfc_value base, wfc_value *out) {
    wfc_value chain[64];
    uint32_t count = 0;
    for (; !wfc_value_eq(x, m); x = wfc_ir_operand(c->g, x, 0)) {
        if (count == 64) return WFC_ERR_INTERNAL; /* the caller has counted */
        chain[count++] = x;
    }
    while (count-- > 0) {
        wfc_node copy = *wfc_ir_node_c(c->g, chain[count]);
        WFC_TRY(wfc_ir_add_node(c->g, c->diag, &copy, &base, 1, &base));
    }
    *out = base;
    return WFC_OK;
}

static uint32_t view_depth(const wfc_graph *g, wfc_value x) {
    uint32_t n = 0;
    for (; wfc_ir_node_c(g, x)->op == WFC_CORE_VIEW; x = wfc_ir_operand(g, x, 0)) n++;
    return n;
}

static wfc_status fold_before(scale_ctx *c, wfc_value v, uint32_t side) {
    wfc_graph *g = c->g;
    wfc_value x = wfc_ir_operand(g, v, side), w = wfc_ir_operand(g, v, 1 - side), base, scaled, viewed;
    bool single, ok;
    uint8_t rest;
    factor f = {.s = WFC_VALUE_NONE};
    if (x.i == w.i || view_depth(g, x) > 64) return WFC_OK;
    wfc_value m = below_views(c, x, &single);
    if (!wfc_value_valid(m) || wfc_ir_node_c(g, m)->op != WFC_CORE_MAP) return WFC_OK;
    wfc_node map = *wfc_ir_node_c(g, m);
    if (!wfc_dtype_is_float(wfc_ir_map_type(g, m)) || !wfc_dtype_is_float((wfc_dtype)map.dtype)) return WFC_OK;
    if (!outer_factor(&map.u.map, &f.scalar, &f.divide, &rest)) return WFC_OK;
    bool bare = map.u.map.nodes[rest].fn == WFC_FN_ARG;
    if (bare) { /* x*s: the contract can read x itself, whoever else reads the product */
        base = wfc_ir_operand(g, m, map.u.map.nodes[rest].index);
        bare = wfc_shape_eq(&wfc_ir_node_c(g, base)->shape, &map.shape) && wfc_ir_node_c(g, base)->dtype == map.dtype;
    }
    if (!bare && !single) return WFC_OK;
    WFC_TRY(scaled_const(c, w, &f, &scaled, &ok));
    if (!ok) return WFC_OK;
    if (!bare) { /* the map without its last node; operands kept, so the shape is the same */
        map.u.map.count = (uint16_t)(rest + 1u);
        wfc_value operands[26];
        for (uint32_t k = 0; k < map.operand_count; k++) operands[k] = wfc_ir_operand(g, m, k);
        WFC_TRY(wfc_ir_add_node(g, c->diag, &map, operands, map.operand_count, &base));
    }
    WFC_TRY(rebuild_views(c, x, m, base, &viewed));
    WFC_TRY(bare ? wfc_rewrite_merge_locs(g, m, v) : WFC_OK);
    uint32_t first = wfc_ir_node_c(g, v)->operand_first;
    g->operands.data[first + side] = viewed;
    g->operands.data[first + 1 - side] = scaled;
    return WFC_OK;
}

/* ---- A factor behind the contract ---- */

/* In the map's expression the contract's operand is used once, as E*s, s*E or E/s with E the contract and s a literal
 * or a constant operand: the place of that node, else -1. */
static int factor_of_contract(const wfc_graph *g, wfc_value m, uint32_t arg, uint8_t *other, bool *divide) {
    const wfc_expr *e = &wfc_ir_node_c(g, m)->u.map;
    int at = -1, self = -1;
    for (uint32_t i = 0; i < e->count; i++)
        if (e->nodes[i].fn == WFC_FN_ARG && e->nodes[i].index == arg) {
            if (self >= 0) return -1;
            self = (int)i;
        }
    for (uint32_t i = 0; i < e->count; i++)
        for (unsigned k = 0; k < wfc_fn_lookup(e->nodes[i].fn)->arity; k++) {
            if (e->nodes[i].args[k] != self) continue;
            if (at >= 0) return -1;
            at = (int)i;
        }
    if (self < 0 || at < 0) return -1;
    const wfc_expr_node *n = &e->nodes[at];
    *divide = n->fn == WFC_FN_DIV;
    if ((n->fn != WFC_FN_MUL && !*divide) || (*divide && n->args[0] != self)) return -1;
    *other = n->args[0] == self ? n->args[1] : n->args[0];
    const wfc_expr_node *o = &e->nodes[*other];
    if (o->fn == WFC_FN_CONST) return at;
    if (o->fn != WFC_FN_ARG || !wfc_is_const(g, wfc_ir_operand(g, m, o->index))) return -1;
    return at;
}

/* Elements of s per index along its axis d, 0 where it is broadcast. */
static uint64_t step_of(const wfc_shape *s, unsigned d) {
    uint64_t step = s->dims[d] == 1 ? 0 : 1;
    for (unsigned i = d + 1u; i < s->rank; i++) step *= s->dims[i];
    return step;
}

/* Constant s, broadcast over the contract's result, as a factor of its weights w: false where w does not have an axis
 * along which s varies. */
static bool over_weights(const wfc_graph *g, wfc_value s, const wfc_space *sp, const wfc_affine *coords, wfc_value w,
                         factor *f) {
    const wfc_shape *ss = &wfc_ir_node_c(g, s)->shape, *ws = &wfc_ir_node_c(g, w)->shape;
    if (ss->rank > sp->out_rank) return false;
    f->s = s;
    for (unsigned d = 0; d < ss->rank; d++) {
        uint32_t v = (uint32_t)(sp->out_rank - ss->rank + d);
        int axis = -1;
        if (ss->dims[d] == 1) continue;
        for (unsigned a = 0; a < ws->rank; a++)
            if (wfc_affine_is(&coords[a], v) && ws->dims[a] == sp->extent[v]) axis = (int)a;
        if (axis < 0) return false;
        f->step[axis] = step_of(ss, d);
    }
    return true;
}

/* The same as a factor of the bias b, which is broadcast likewise: false where s varies and b does not. */
static bool over_bias(const wfc_graph *g, wfc_value s, wfc_value b, factor *f) {
    const wfc_shape *ss = &wfc_ir_node_c(g, s)->shape, *bs = &wfc_ir_node_c(g, b)->shape;
    f->s = s;
    for (unsigned d = 0; d < ss->rank; d++) {
        int axis = (int)bs->rank - (int)ss->rank + (int)d;
        if (ss->dims[d] == 1) continue;
        if (axis < 0 || bs->dims[axis] != ss->dims[d]) return false;
        f->step[axis] = step_of(ss, d);
    }
    return true;
}

/* The map's expression with the factor node replaced by the contract itself. */
static wfc_status drop_factor(wfc_graph *g, wfc_value m, uint32_t arg, int at) {
    wfc_node *n = wfc_ir_node(g, m);
    wfc_expr_node *nodes = wfc_arena_alloc(&g->arena, n->u.map.count, sizeof *nodes);
    if (!nodes) return WFC_ERR_NO_MEMORY;
    memcpy(nodes, n->u.map.nodes, n->u.map.count * sizeof *nodes);
    memset(&nodes[at], 0, sizeof nodes[at]);
    nodes[at].fn = WFC_FN_ARG;
    nodes[at].index = (uint8_t)arg;
    n->u.map.nodes = nodes;
    return WFC_OK;
}

/* The contract below v when v is nothing but contract + constant, read by the map alone: *bias is which operand the
 * constant is. v itself otherwise. */
static wfc_value below_bias(const scale_ctx *c, wfc_value v, int *bias) {
    const wfc_node *n = wfc_ir_node_c(c->g, v);
    *bias = -1;
    if (n->op != WFC_CORE_MAP || n->u.map.count != 3 || n->operand_count != 2 || c->uses[v.i] != 1) return v;
    const wfc_expr_node *e = n->u.map.nodes;
    if (e[2].fn != WFC_FN_ADD || e[0].fn != WFC_FN_ARG || e[1].fn != WFC_FN_ARG || e[0].index == e[1].index) return v;
    if (e[2].args[0] == e[2].args[1] || wfc_ir_map_type(c->g, v) != WFC_F32) return v;
    for (unsigned k = 0; k < 2; k++) {
        wfc_value top = wfc_ir_operand(c->g, v, k), b = wfc_ir_operand(c->g, v, 1 - k);
        const wfc_node *t = wfc_ir_node_c(c->g, top);
        if (t->op != WFC_CORE_CONTRACT || t->dtype != n->dtype || !wfc_shape_eq(&t->shape, &n->shape)) continue;
        if (!wfc_is_const(c->g, b) || wfc_ir_node_c(c->g, b)->dtype != n->dtype) continue;
        *bias = (int)(1 - k);
        return top;
    }
    return v;
}

static wfc_status fold_after(scale_ctx *c, wfc_value m, uint32_t arg) {
    wfc_graph *g = c->g;
    int bias;
    wfc_value sum = wfc_ir_operand(g, m, arg), scaled, scaled_bias = WFC_VALUE_NONE;
    if (sum.i >= c->count) return WFC_OK;
    wfc_value v = below_bias(c, sum, &bias);
    const wfc_node *n = wfc_ir_node_c(g, v), *map = wfc_ir_node_c(g, m);
    if (n->op != WFC_CORE_CONTRACT || c->uses[v.i] != 1 || !wfc_shape_eq(&n->shape, &map->shape)) return WFC_OK;
    if (n->dtype != map->dtype || wfc_ir_map_type(g, m) != WFC_F32 || !wfc_dtype_is_float((wfc_dtype)n->dtype))
        return WFC_OK;
    uint8_t other;
    bool ok;
    factor f = {.s = WFC_VALUE_NONE}, fb = f;
    int at = factor_of_contract(g, m, arg, &other, &f.divide);
    uint32_t side = wfc_is_const(g, wfc_ir_operand(g, v, 1)) ? 1 : 0;
    wfc_value w = wfc_ir_operand(g, v, side), b = bias < 0 ? w : wfc_ir_operand(g, sum, (uint32_t)bias);
    if (at < 0 || !wfc_is_const(g, w)) return WFC_OK;
    const wfc_expr_node *o = &map->u.map.nodes[other];
    const wfc_space *sp = &n->u.contract;
    f.scalar = fb.scalar = o->value;
    fb.divide = f.divide;
    if (o->fn == WFC_FN_ARG) {
        wfc_value s = wfc_ir_operand(g, m, o->index);
        if (!over_weights(g, s, sp, side ? sp->b : sp->a, w, &f)) return WFC_OK;
        if (bias >= 0 && !over_bias(g, s, b, &fb)) return WFC_OK;
    }
    if (bias >= 0) {
        WFC_TRY(scaled_const(c, b, &fb, &scaled_bias, &ok));
        if (!ok) return WFC_OK;
    }
    WFC_TRY(scaled_const(c, w, &f, &scaled, &ok));
    if (!ok) return WFC_OK;
    g->operands.data[wfc_ir_node_c(g, v)->operand_first + side] = scaled;
    if (bias >= 0) g->operands.data[wfc_ir_node_c(g, sum)->operand_first + (uint32_t)bias] = scaled_bias;
    return drop_factor(g, m, arg, at);
}

static wfc_status visit_all(scale_ctx *c, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        wfc_value v = {i};
        if (c->g->nodes.data[i].op == WFC_CORE_MAP)
            for (uint32_t k = 0; k < c->g->nodes.data[i].operand_count; k++) WFC_TRY(fold_after(c, v, k));
        if (c->g->nodes.data[i].op != WFC_CORE_CONTRACT) continue;
        for (uint32_t side = 0; side < 2; side++)
            if (wfc_is_const(c->g, wfc_ir_operand(c->g, v, 1 - side))) WFC_TRY(fold_before(c, v, side));
    }
    return WFC_OK;
}

static wfc_status run(wfc_graph *g, wfc_diag *diag) {
    uint32_t *uses, count = (uint32_t)g->nodes.count;
    WFC_TRY(wfc_ir_count_uses(g, &uses));
    scale_ctx c = {g, diag, uses, count, max_total_bytes};
    wfc_status s = visit_all(&c, count);
    wfc_free(uses);
    WFC_TRY(s);
    return wfc_ir_compact(g);
}

const wfc_pass wfc_pass_scalefold = {"scalefold", "moves constant factors around a contract into its weights", run};
