/* scalefold: constant factors around a contract move into its constant operand.
 *
 *   contract(view(map x*s), w)          ->  contract(view(x), w*s)     s one number, fills of the view 0
 *   map f(contract(x, w) * s[k], ...)   ->  map f(contract(x, w*s), ...)   s along result axes that w has
 *
 * x/s and the contract's quotient by s likewise. This changes rounding and nothing else: the factor must be finite and
 * not 0, no weight may overflow or leave the normal numbers by it (else nothing is folded), and weights that are zero
 * stay zero. Floats only. Normalised inputs and BatchNormalization cost nothing at run time that way. */
#include "ir/fn.h"
#include "passes/pipelines.h"
#include "passes/rewrite.h"
#include <float.h>
#include <math.h>
#include <string.h>

typedef struct scale_ctx {
    wfc_graph *g;
    wfc_diag *diag;
    const uint32_t *uses; /* of the nodes there at the start */
    uint32_t count;       /* how many these were; nodes made here are never looked through again */
} scale_ctx;

/* factor[]: one per element of the weight tensor, or NULL and `scalar`. *out_ok false when a product leaves the normal
 * range. The new constant takes over type, shape, mask and locations. */
static wfc_status scaled_const(wfc_graph *g, wfc_diag *diag, wfc_value w, const double *factor, double scalar,
                               bool divide, wfc_value *out, bool *out_ok) {
    wfc_node n = *wfc_ir_node_c(g, w);
    wfc_dtype t = (wfc_dtype)n.dtype;
    uint64_t elems = wfc_shape_elems(&n.shape);
    double smallest = t == WFC_F64 ? DBL_MIN : t == WFC_F16 ? 0x1p-14 : (double)FLT_MIN;
    uint8_t *bytes = wfc_arena_alloc(&g->arena, (size_t)n.u.konst.data.size_bytes + 1, 1);
    if (!bytes) return WFC_ERR_NO_MEMORY;
    *out_ok = false;
    for (uint64_t i = 0; i < elems; i++) {
        double s = factor ? factor[i] : scalar, x = wfc_dtype_get(t, n.u.konst.data.bytes, (size_t)i);
        if (!isfinite(s) || s == 0 || !isfinite(x)) return WFC_OK;
        wfc_dtype_set(t, bytes, (size_t)i, x == 0 ? 0 : divide ? x / s : x * s);
        double y = wfc_dtype_get(t, bytes, (size_t)i);
        if (!isfinite(y) || (x != 0 && fabs(y) < smallest)) return WFC_OK;
    }
    n.u.konst.data.bytes = bytes;
    *out_ok = true;
    return wfc_ir_add_node(g, diag, &n, NULL, 0, out);
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
    bool single, divide, ok;
    uint8_t rest;
    double s;
    if (x.i == w.i || view_depth(g, x) > 64) return WFC_OK;
    wfc_value m = below_views(c, x, &single);
    if (!wfc_value_valid(m) || wfc_ir_node_c(g, m)->op != WFC_CORE_MAP) return WFC_OK;
    wfc_node map = *wfc_ir_node_c(g, m);
    if (!wfc_dtype_is_float(wfc_ir_map_type(g, m)) || !wfc_dtype_is_float((wfc_dtype)map.dtype)) return WFC_OK;
    if (!outer_factor(&map.u.map, &s, &divide, &rest)) return WFC_OK;
    bool bare = map.u.map.nodes[rest].fn == WFC_FN_ARG;
    if (bare) { /* x*s: the contract can read x itself, whoever else reads the product */
        base = wfc_ir_operand(g, m, map.u.map.nodes[rest].index);
        bare = wfc_shape_eq(&wfc_ir_node_c(g, base)->shape, &map.shape) && wfc_ir_node_c(g, base)->dtype == map.dtype;
    }
    if (!bare && !single) return WFC_OK;
    WFC_TRY(scaled_const(g, c->diag, w, NULL, s, divide, &scaled, &ok));
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

/* Spreads constant s, broadcast over the contract's result, onto the elements of w: factor[] per element of w. False
 * where w does not have an axis along which s varies. */
static bool spread(const wfc_graph *g, wfc_value s, const wfc_space *sp, const wfc_affine *coords, wfc_value w,
                   double *factor) {
    const wfc_node *sn = wfc_ir_node_c(g, s), *wn = wfc_ir_node_c(g, w);
    int axis_of[WFC_IR_MAX_RANK]; /* w's axis for each axis of s, -1 where s does not vary */
    if (sn->shape.rank > sp->out_rank) return false;
    for (unsigned d = 0; d < sn->shape.rank; d++) {
        uint32_t v = (uint32_t)(sp->out_rank - sn->shape.rank + d);
        axis_of[d] = -1;
        if (sn->shape.dims[d] == 1) continue;
        for (unsigned a = 0; a < wn->shape.rank; a++)
            if (wfc_affine_is(&coords[a], v) && wn->shape.dims[a] == sp->extent[v]) axis_of[d] = (int)a;
        if (axis_of[d] < 0) return false;
    }
    uint64_t elems = wfc_shape_elems(&wn->shape);
    for (uint64_t i = 0; i < elems; i++) {
        uint32_t at[WFC_IR_MAX_RANK] = {0};
        uint64_t rest = i, from = 0;
        for (unsigned a = wn->shape.rank; a-- > 0;) {
            at[a] = (uint32_t)(rest % wn->shape.dims[a]);
            rest /= wn->shape.dims[a];
        }
        for (unsigned d = 0; d < sn->shape.rank; d++)
            from = from * sn->shape.dims[d] + (axis_of[d] < 0 ? 0 : at[axis_of[d]]);
        factor[i] = wfc_dtype_get((wfc_dtype)sn->dtype, sn->u.konst.data.bytes, (size_t)from);
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

static wfc_status fold_after(scale_ctx *c, wfc_value m, uint32_t arg) {
    wfc_graph *g = c->g;
    wfc_value v = wfc_ir_operand(g, m, arg), scaled;
    const wfc_node *n = wfc_ir_node_c(g, v), *map = wfc_ir_node_c(g, m);
    if (n->op != WFC_CORE_CONTRACT || c->uses[v.i] != 1 || !wfc_shape_eq(&n->shape, &map->shape)) return WFC_OK;
    if (n->dtype != map->dtype || wfc_ir_map_type(g, m) != WFC_F32 || !wfc_dtype_is_float((wfc_dtype)n->dtype))
        return WFC_OK;
    uint8_t other;
    bool divide, ok;
    int at = factor_of_contract(g, m, arg, &other, &divide);
    uint32_t side = wfc_is_const(g, wfc_ir_operand(g, v, 1)) ? 1 : 0;
    wfc_value w = wfc_ir_operand(g, v, side);
    if (at < 0 || !wfc_is_const(g, w)) return WFC_OK;
    const wfc_expr_node *o = &map->u.map.nodes[other];
    double *factor = NULL;
    if (o->fn == WFC_FN_ARG) {
        factor = wfc_calloc((size_t)wfc_shape_elems(&wfc_ir_node_c(g, w)->shape), sizeof *factor);
        if (!factor) return WFC_ERR_NO_MEMORY;
        const wfc_space *sp = &n->u.contract;
        if (!spread(g, wfc_ir_operand(g, m, o->index), sp, side ? sp->b : sp->a, w, factor)) {
            wfc_free(factor);
            return WFC_OK;
        }
    }
    double s = o->value;
    wfc_status st = scaled_const(g, c->diag, w, factor, s, divide, &scaled, &ok);
    wfc_free(factor);
    if (st != WFC_OK || !ok) return st;
    g->operands.data[wfc_ir_node_c(g, v)->operand_first + side] = scaled;
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
    scale_ctx c = {g, diag, uses, count};
    wfc_status s = visit_all(&c, count);
    wfc_free(uses);
    WFC_TRY(s);
    return wfc_ir_compact(g);
}

const wfc_pass wfc_pass_scalefold = {"scalefold", "moves constant factors around a contract into its weights", run};
