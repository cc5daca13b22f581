#include "passes/prune/channels.h"
#include "ir/fn.h"
#include <string.h>

static uint32_t axis_id(wfc_value v, unsigned axis) {
    return v.i * WFC_IR_MAX_RANK + axis;
}

static uint32_t root_of(const wfc_channels *c, uint32_t at) {
    while (c->parent[at] != at) at = c->parent[at] = c->parent[c->parent[at]];
    return at;
}

static void tie(wfc_channels *c, uint32_t a, uint32_t b) {
    a = root_of(c, a);
    b = root_of(c, b);
    if (a == b) return;
    uint32_t low = a < b ? a : b, high = a < b ? b : a; /* the same roots whatever the order */
    c->parent[high] = low;
    c->fixed[low] |= c->fixed[high];
}

static void fix(wfc_channels *c, wfc_value v, unsigned axis) {
    c->fixed[root_of(c, axis_id(v, axis))] = true;
}

static void fix_all(wfc_channels *c, const wfc_graph *g, wfc_value v) {
    for (unsigned d = 0; d < wfc_ir_node_c(g, v)->shape.rank; d++) fix(c, v, d);
}

uint32_t wfc_channels_of(const wfc_channels *c, const wfc_graph *g, wfc_value v, unsigned axis) {
    uint32_t root = root_of(c, axis_id(v, axis));
    return c->fixed[root] || wfc_ir_node_c(g, v)->shape.dims[axis] == 1 ? UINT32_MAX : root;
}

/* ---- What ties and what fixes, by operator ---- */

static void visit_map(wfc_channels *c, const wfc_graph *g, wfc_value v) {
    const wfc_node *n = wfc_ir_node_c(g, v);
    for (uint32_t k = 0; k < n->operand_count; k++) {
        wfc_value o = wfc_ir_operand(g, v, k);
        const wfc_shape *s = &wfc_ir_node_c(g, o)->shape;
        for (unsigned d = 0; d < s->rank; d++)
            if (s->dims[d] > 1) tie(c, axis_id(o, d), axis_id(v, d + n->shape.rank - s->rank));
    }
    for (uint32_t k = 0; k < n->u.map.count; k++)
        if (n->u.map.nodes[k].fn == WFC_FN_INDEX) fix(c, v, n->u.map.nodes[k].index);
}

/* Axes of runs with equal products: one on each side are the same axis, more are split or joined. */
static void visit_reshape(wfc_channels *c, wfc_value from, const wfc_shape *a, wfc_value to, const wfc_shape *b) {
    for (unsigned i = 0, j = 0; i < a->rank || j < b->rank;) {
        unsigned i0 = i, j0 = j, wide_a = 0, wide_b = 0;
        uint64_t pa = 1, pb = 1;
        do { /* at least one axis of each side while there is one */
            bool take_a = i < a->rank && (pa <= pb || j >= b->rank);
            if (take_a)
                wide_a += a->dims[i] > 1, pa *= a->dims[i++];
            else
                wide_b += b->dims[j] > 1, pb *= b->dims[j++];
        } while (pa != pb && (i < a->rank || j < b->rank));
        for (unsigned d = i0; d < i; d++)
            for (unsigned e = j0; e < j; e++)
                if (wide_a == 1 && wide_b == 1 && a->dims[d] > 1 && b->dims[e] > 1)
                    tie(c, axis_id(from, d), axis_id(to, e));
        if (wide_a == 1 && wide_b == 1 && pa == pb) continue;
        for (unsigned d = i0; d < i; d++) fix(c, from, d);
        for (unsigned e = j0; e < j; e++) fix(c, to, e);
    }
}

static void visit_view(wfc_channels *c, const wfc_graph *g, wfc_value v) {
    const wfc_node *n = wfc_ir_node_c(g, v);
    const wfc_view_step *step = &n->u.view.steps[0];
    wfc_value from = wfc_ir_operand(g, v, 0);
    const wfc_shape *s = &wfc_ir_node_c(g, from)->shape;
    if (n->u.view.count != 1) {
        fix_all(c, g, from);
        fix_all(c, g, v);
        return;
    }
    if (!step->is_index) {
        visit_reshape(c, from, s, v, &n->shape);
        return;
    }
    unsigned used[WFC_IR_MAX_RANK] = {0};
    for (unsigned d = 0; d < s->rank; d++)
        for (unsigned o = 0; o < n->shape.rank; o++) used[o] += step->in[d].coef[o] != 0;
    for (unsigned d = 0; d < s->rank; d++) {
        int only = -1;
        for (unsigned o = 0; o < n->shape.rank; o++)
            if (step->in[d].coef[o]) only = only == -1 && step->in[d].coef[o] == 1 && used[o] == 1 ? (int)o : -2;
        if (only >= 0 && step->in[d].offset == 0 && s->dims[d] == n->shape.dims[only]) {
            tie(c, axis_id(from, d), axis_id(v, (unsigned)only));
            continue;
        }
        fix(c, from, d);
        for (unsigned o = 0; o < n->shape.rank; o++)
            if (step->in[d].coef[o]) fix(c, v, o);
    }
    for (unsigned o = 0; o < n->shape.rank; o++)
        if (!used[o]) fix(c, v, o); /* repeats the source */
}

static void visit_concat(wfc_channels *c, const wfc_graph *g, wfc_value v) {
    const wfc_node *n = wfc_ir_node_c(g, v);
    for (uint32_t k = 0; k < n->operand_count; k++)
        for (unsigned d = 0; d < n->shape.rank; d++) {
            if (d != n->u.concat.axis)
                tie(c, axis_id(wfc_ir_operand(g, v, k), d), axis_id(v, d));
            else
                fix(c, wfc_ir_operand(g, v, k), d);
        }
    fix(c, v, n->u.concat.axis);
}

int wfc_channels_axis_of_variable(const wfc_graph *g, const wfc_space *s, const wfc_affine *coords, wfc_value operand,
                                  unsigned v) {
    const wfc_shape *shape = &wfc_ir_node_c(g, operand)->shape;
    int found = -1;
    for (unsigned d = 0; d < shape->rank; d++) {
        if (!coords[d].coef[v]) continue;
        for (unsigned other = 0; other < s->index_count; other++)
            if (coords[d].coef[other] != (other == v)) return -1;
        if (found >= 0 || coords[d].offset || shape->dims[d] != s->extent[v]) return -1;
        found = (int)d;
    }
    return found;
}

static bool mentions(const wfc_affine *coords, unsigned rank, unsigned v) {
    for (unsigned d = 0; d < rank; d++)
        if (coords[d].coef[v]) return true;
    return false;
}

static bool is_weight(const wfc_graph *g, wfc_value v) {
    while (wfc_ir_node_c(g, v)->op == WFC_CORE_VIEW) v = wfc_ir_operand(g, v, 0);
    return wfc_ir_node_c(g, v)->op == WFC_CORE_CONST;
}

/* Variable x of a contract or reduce: one axis of each operand that mentions it, and of the result, or all fixed. */
static void visit_variable(wfc_channels *c, const wfc_graph *g, wfc_value v, const wfc_space *s, unsigned x) {
    const wfc_node *n = wfc_ir_node_c(g, v);
    const wfc_affine *coords[] = {s->a, s->b};
    bool reduced = x >= s->out_rank, fits = true, in[2] = {false, false};
    uint32_t first = reduced ? UINT32_MAX : axis_id(v, x);
    for (uint32_t k = 0; k < n->operand_count; k++) {
        wfc_value o = wfc_ir_operand(g, v, k);
        in[k] = mentions(coords[k], wfc_ir_node_c(g, o)->shape.rank, x);
        int axis = in[k] ? wfc_channels_axis_of_variable(g, s, coords[k], o, x) : 0;
        fits = fits && axis >= 0;
        if (!in[k] || axis < 0) continue;
        if (first == UINT32_MAX) first = axis_id(o, (unsigned)axis);
        tie(c, first, axis_id(o, (unsigned)axis));
    }
    if (reduced) fits = fits && n->op == WFC_CORE_CONTRACT && in[0] && in[1] && is_weight(g, wfc_ir_operand(g, v, 1));
    if (!reduced) fits = fits && (in[0] || in[1]);
    if (fits) return;
    if (!reduced) fix(c, v, x);
    for (uint32_t k = 0; k < n->operand_count; k++) {
        wfc_value o = wfc_ir_operand(g, v, k);
        for (unsigned d = 0; d < wfc_ir_node_c(g, o)->shape.rank; d++)
            if (coords[k][d].coef[x]) fix(c, o, d);
    }
}

static void visit_space(wfc_channels *c, const wfc_graph *g, wfc_value v, const wfc_space *s) {
    const wfc_node *n = wfc_ir_node_c(g, v);
    const wfc_affine *coords[] = {s->a, s->b};
    for (unsigned x = 0; x < s->index_count; x++) visit_variable(c, g, v, s, x);
    for (uint32_t k = 0; k < n->operand_count; k++) {
        wfc_value o = wfc_ir_operand(g, v, k);
        for (unsigned d = 0; d < wfc_ir_node_c(g, o)->shape.rank; d++) {
            bool constant = true;
            for (unsigned x = 0; x < s->index_count; x++) constant &= coords[k][d].coef[x] == 0;
            if (constant) fix(c, o, d); /* one place of it is read */
        }
    }
}

wfc_status wfc_channels_find(const wfc_graph *g, wfc_channels *out) {
    *out = (wfc_channels){.count = (uint32_t)g->nodes.count * WFC_IR_MAX_RANK};
    out->parent = wfc_calloc(out->count, sizeof *out->parent);
    out->fixed = wfc_calloc(out->count, sizeof *out->fixed);
    if (!out->parent || !out->fixed || g->nodes.count > UINT32_MAX / WFC_IR_MAX_RANK) {
        wfc_channels_free(out);
        return WFC_ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < out->count; i++) out->parent[i] = i;
    for (uint32_t i = 0; i < g->nodes.count; i++) {
        const wfc_node *n = &g->nodes.data[i];
        wfc_value v = {i};
        switch (n->op) {
        case WFC_CORE_INPUT: fix_all(out, g, v); break;
        case WFC_CORE_CONST: break;
        case WFC_CORE_MAP: visit_map(out, g, v); break;
        case WFC_CORE_VIEW: visit_view(out, g, v); break;
        case WFC_CORE_CONCAT: visit_concat(out, g, v); break;
        case WFC_CORE_CONTRACT: visit_space(out, g, v, &n->u.contract); break;
        case WFC_CORE_REDUCE: visit_space(out, g, v, &n->u.reduce.space); break;
        default: fix_all(out, g, v);
        }
    }
    for (size_t i = 0; i < g->outputs.count; i++) fix_all(out, g, g->outputs.data[i].value);
    return WFC_OK;
}

void wfc_channels_free(wfc_channels *c) {
    wfc_free(c->parent);
    wfc_free(c->fixed);
    *c = (wfc_channels){0};
}

/* ---- Smaller ---- */

/* Elements of an array [outer][extent][inner] at kept[] of the middle axis. */
static void slice(const uint8_t *from, const wfc_shape *s, unsigned axis, size_t each, const uint32_t *kept, uint32_t n,
                  uint8_t *to) {
    size_t inner = each, outer = 1;
    for (unsigned d = 0; d < s->rank; d++) *(d < axis ? &outer : &inner) *= d == axis ? 1 : s->dims[d];
    for (size_t o = 0; o < outer; o++)
        for (uint32_t k = 0; k < n; k++, to += inner) memcpy(to, from + (o * s->dims[axis] + kept[k]) * inner, inner);
}

static wfc_status slice_constant(wfc_graph *g, wfc_node *c, unsigned axis, const uint32_t *kept, uint32_t n) {
    size_t each = wfc_dtype_bytes((wfc_dtype)c->dtype),
           elems = (size_t)wfc_shape_elems(&c->shape) / c->shape.dims[axis] * n;
    uint8_t *bytes = wfc_arena_alloc(&g->arena, elems, each);
    uint8_t *mask = c->u.konst.mask ? wfc_arena_alloc(&g->arena, elems, 1) : NULL;
    if (!bytes || (c->u.konst.mask && !mask)) return WFC_ERR_NO_MEMORY;
    slice(c->u.konst.data.bytes, &c->shape, axis, each, kept, n, bytes);
    if (mask) slice(c->u.konst.mask, &c->shape, axis, 1, kept, n, mask);
    c->u.konst.data = (wfc_const_data){bytes, elems * each};
    c->u.konst.mask = mask;
    return WFC_OK;
}

/* Extents of the variables whose axes are in the class; before any shape changes. */
static void shrink_space(const wfc_channels *c, const wfc_graph *g, wfc_value v, wfc_space *s, uint32_t root,
                         uint32_t n) {
    const wfc_node *node = wfc_ir_node_c(g, v);
    for (unsigned x = 0; x < s->index_count; x++) {
        bool inside = x < s->out_rank && wfc_channels_of(c, g, v, x) == root;
        if (x >= s->out_rank && node->op == WFC_CORE_CONTRACT) {
            wfc_value a = wfc_ir_operand(g, v, 0);
            int axis = wfc_channels_axis_of_variable(g, s, s->a, a, x);
            inside = axis >= 0 && wfc_channels_of(c, g, a, (unsigned)axis) == root;
        }
        if (inside) s->extent[x] = n;
    }
}

wfc_status wfc_channels_keep(const wfc_channels *c, wfc_graph *g, uint32_t root, const uint32_t *kept, uint32_t n) {
    for (uint32_t i = 0; i < g->nodes.count; i++) {
        wfc_node *node = &g->nodes.data[i];
        if (node->op == WFC_CORE_CONTRACT) shrink_space(c, g, (wfc_value){i}, &node->u.contract, root, n);
        if (node->op == WFC_CORE_REDUCE) shrink_space(c, g, (wfc_value){i}, &node->u.reduce.space, root, n);
    }
    for (uint32_t i = 0; i < g->nodes.count; i++) {
        wfc_node *node = &g->nodes.data[i];
        for (unsigned d = 0; d < node->shape.rank; d++) {
            if (wfc_channels_of(c, g, (wfc_value){i}, d) != root) continue;
            if (node->op == WFC_CORE_CONST) WFC_TRY(slice_constant(g, node, d, kept, n));
            if (node->op == WFC_CORE_VIEW) node->u.view.steps[0].shape.dims[d] = n;
            node->shape.dims[d] = n;
        }
    }
    return WFC_OK;
}
