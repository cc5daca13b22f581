/* Boxes: which part of each tensor a PE holds, computed from its output box backwards through its layer.
 *
 * Example: conv 5x5 (pad 2) + relu + maxpool 2x2 of 28x28, rows cut 7x7. PE row 8 = tile (1,1): pooled box y 2..3,
 * x 2..3; the pool reads conv rows 4..7; the conv reads input rows 2..9 (all inside). Tile (0,0) reads input rows
 * -2..5: the two rows outside are elements with the edge's fill. */
#include "backend/be.h"

uint64_t wfc_be_box_elems(const wfc_be_box *b) {
    uint64_t n = 1;
    for (unsigned d = 0; d < b->rank; d++) n *= b->n[d];
    return n;
}

void wfc_be_box_strides(const wfc_be_box *b, uint32_t *strides) {
    uint32_t s = 1;
    for (int d = (int)b->rank - 1; d >= 0; d--) {
        if (d == b->list_axis) continue;
        strides[d] = s;
        s *= b->n[d];
    }
    if (b->list_axis >= 0) strides[b->list_axis] = s;
}

void wfc_be_box_full(const wfc_shape *s, wfc_be_box *out) {
    *out = (wfc_be_box){.rank = s->rank, .list_axis = -1};
    for (unsigned d = 0; d < s->rank; d++) out->n[d] = s->dims[d];
}

wfc_be_interval wfc_be_part(uint32_t n, uint32_t parts, uint32_t i) {
    return (wfc_be_interval){(uint32_t)((uint64_t)n * i / parts), (uint32_t)((uint64_t)n * (i + 1) / parts)};
}

/* Channels k in [lo, hi) with k % cols == col, ascending, appended to `list`. */
static uint32_t deal(uint32_t lo, uint32_t hi, uint32_t cols, uint32_t col, uint32_t *list) {
    uint32_t count = 0;
    uint32_t first = lo + (col + cols - lo % cols) % cols;
    for (uint32_t k = first; k < hi; k += cols) list[count++] = k;
    return count;
}

static void cut(wfc_be_box *b, unsigned axis, uint32_t parts, uint32_t i) {
    wfc_be_interval p = wfc_be_part(b->n[axis], parts, i);
    b->lo[axis] += (int32_t)p.lo;
    b->n[axis] = p.hi - p.lo;
}

void wfc_be_split_count(const wfc_be_layer *l, wfc_be_split *s) {
    s->groups = 1;
    for (unsigned d = 0; d < l->shape.rank; d++) {
        if (d != 1) s->groups *= s->row_parts[d];
    }
    s->group_rows = s->pc * (l->shape.rank > 1 ? s->row_parts[1] : 1);
}

uint32_t wfc_be_group_row(const wfc_be_split *s, uint32_t group) {
    uint32_t spare = s->h / s->groups - s->group_rows; /* a group stands in the middle of its share of the rows */
    return s->y + (uint32_t)((uint64_t)s->h * group / s->groups) + spare / 2;
}

bool wfc_be_row_place(const wfc_be_split *s, uint32_t row, uint32_t *group, uint32_t *inner) {
    if (row < s->y || row >= s->y + s->h) return false;
    uint32_t g = (uint32_t)((uint64_t)(row - s->y) * s->groups / s->h);
    while (g + 1 < s->groups && wfc_be_group_row(s, g + 1) <= row) g++;
    *group = g;
    *inner = row - wfc_be_group_row(s, g);
    return *inner < s->group_rows;
}

uint32_t wfc_be_row_part(const wfc_be_split *s, uint32_t row) {
    uint32_t group, inner;
    return wfc_be_row_place(s, row, &group, &inner) ? inner % s->pc : 0;
}

bool wfc_be_out_box(wfc_be *be, const wfc_be_layer *l, uint32_t row, uint32_t col, wfc_be_box *out) {
    const wfc_be_split *s = &l->split;
    uint32_t group, inner;
    wfc_be_box_full(&l->shape, out);
    if (col >= s->cols || !wfc_be_row_place(s, row, &group, &inner)) return false;
    uint32_t ic = inner % s->pc;
    for (int d = (int)l->shape.rank - 1; d >= 0; d--) {
        if (d == 1) {
            cut(out, 1, s->row_parts[1], inner / s->pc);
            continue;
        }
        cut(out, (unsigned)d, s->row_parts[d], group % s->row_parts[d]);
        group /= s->row_parts[d];
    }
    if (l->chan_axis >= 0) {
        wfc_be_interval p = wfc_be_part(l->shape.dims[l->chan_axis], s->pc, ic);
        uint32_t *list = wfc_arena_alloc(&be->arena, (p.hi - p.lo) / s->cols + 1, sizeof *list);
        if (!list) return false;
        out->list_axis = (int8_t)l->chan_axis;
        out->list = list;
        out->lo[l->chan_axis] = 0;
        out->n[l->chan_axis] = deal(p.lo, p.hi, s->cols, col, list);
    } else {
        cut(out, s->col_axis, s->cols, col);
    }
    return wfc_be_box_elems(out) > 0;
}

/* Box of a broadcast operand of an elementwise node. */
static void map_operand(const wfc_be_box *b, const wfc_shape *s, wfc_be_box *out) {
    *out = (wfc_be_box){.rank = s->rank, .list_axis = -1};
    unsigned shift = (unsigned)b->rank - s->rank;
    for (unsigned d = 0; d < s->rank; d++) {
        if (s->dims[d] == 1) {
            out->n[d] = 1;
            continue;
        }
        out->lo[d] = b->lo[d + shift];
        out->n[d] = b->n[d + shift];
        if ((int)(d + shift) == b->list_axis) {
            out->list_axis = (int8_t)d;
            out->list = b->list;
        }
    }
}

/* The single variable an affine expression is, or -1. */
static int plain(const wfc_affine *a, unsigned count) {
    int found = -1;
    if (a->offset != 0) return -1;
    for (unsigned v = 0; v < count; v++) {
        if (a->coef[v] == 0) continue;
        if (found >= 0 || a->coef[v] != 1) return -1;
        found = (int)v;
    }
    return found;
}

/* Hull of operand coordinates that an index space reads for a result box; `chan` lists the values of variable chan_var.
 */
static void space_operand(const wfc_space *s, const wfc_affine *at, unsigned rank, const wfc_be_box *b, int chan_var,
                          const uint32_t *chan, uint32_t chan_count, wfc_be_box *out) {
    *out = (wfc_be_box){.rank = (uint8_t)rank, .list_axis = -1};
    for (unsigned d = 0; d < rank; d++) {
        int p = plain(&at[d], s->index_count);
        if (p >= 0 && p == chan_var) {
            out->list_axis = (int8_t)d;
            out->list = chan;
            out->n[d] = chan_count;
            continue;
        }
        int64_t lo = at[d].offset, hi = at[d].offset;
        for (unsigned v = 0; v < s->index_count; v++) {
            int64_t c = at[d].coef[v];
            if (c == 0) continue;
            int64_t first = v < s->out_rank ? b->lo[v] : 0;
            int64_t last = v < s->out_rank ? b->lo[v] + (int64_t)b->n[v] - 1 : (int64_t)s->extent[v] - 1;
            lo += c > 0 ? c * first : c * last;
            hi += c > 0 ? c * last : c * first;
        }
        out->lo[d] = (int32_t)lo;
        out->n[d] = (uint32_t)(hi - lo + 1);
    }
}

static void unite(wfc_be_box *acc, const wfc_be_box *b, bool first) {
    if (first) {
        *acc = *b;
        return;
    }
    for (unsigned d = 0; d < b->rank; d++) {
        if ((int)d == acc->list_axis) continue; /* the dealt channels are the same in all of a layer */
        int32_t lo = acc->lo[d] < b->lo[d] ? acc->lo[d] : b->lo[d];
        int64_t hi_a = (int64_t)acc->lo[d] + acc->n[d], hi_b = (int64_t)b->lo[d] + b->n[d];
        acc->n[d] = (uint32_t)((hi_a > hi_b ? hi_a : hi_b) - lo);
        acc->lo[d] = lo;
    }
}

static void clip(const wfc_shape *s, const wfc_be_box *hull, wfc_be_box *out) {
    *out = *hull;
    for (unsigned d = 0; d < s->rank; d++) {
        if ((int)d == hull->list_axis) continue;
        int64_t lo = hull->lo[d] < 0 ? 0 : hull->lo[d], hi = (int64_t)hull->lo[d] + hull->n[d];
        if (hi > s->dims[d]) hi = s->dims[d];
        out->lo[d] = (int32_t)lo;
        out->n[d] = hi > lo ? (uint32_t)(hi - lo) : 0;
    }
}

int wfc_be_edge_at(const wfc_be_layer *l, wfc_value user, uint32_t operand) {
    for (uint32_t e = 0; e < l->edge_count; e++) {
        if (wfc_value_eq(l->edges[e].user, user) && l->edges[e].operand == operand) return (int)e;
    }
    return -1;
}

int wfc_be_node_at(const wfc_be_layer *l, wfc_value v) {
    for (uint32_t i = 0; i < l->node_count; i++) {
        if (wfc_value_eq(l->nodes[i], v)) return (int)i;
    }
    return -1;
}

/* The contract's own boxes: all channels of the column before the reduce-scatter, and its operands. */
static wfc_status contract_needs(wfc_be *be, const wfc_be_layer *l, uint32_t row, uint32_t col, wfc_be_need *need) {
    const wfc_node *n = wfc_ir_node_c(be->g, l->nodes[0]);
    const wfc_space *s = &n->u.contract;
    const wfc_be_split *sp = &l->split;
    need->chan_all = need->node[0];
    uint32_t *list = NULL, count = 0;
    if (l->chan_axis >= 0) {
        uint32_t channels = n->shape.dims[l->chan_var];
        list = wfc_arena_alloc(&be->arena, channels / sp->cols + 1, sizeof *list);
        if (!list) return wfc_fail_memory(be->diag);
        for (uint32_t part = sp->pc; part-- > 0;) {
            wfc_be_interval p = wfc_be_part(channels, sp->pc, part);
            count += deal(p.lo, p.hi, sp->cols, col, list + count);
        }
        need->chan_all.list_axis = (int8_t)l->chan_var;
        need->chan_all.list = list;
        need->chan_all.lo[l->chan_var] = 0;
        need->chan_all.n[l->chan_var] = count;
    }
    int e = wfc_be_edge_at(l, l->nodes[0], 0);
    if (e >= 0) {
        const wfc_node *a = wfc_ir_node_c(be->g, l->edges[e].consumed);
        uint32_t channels = 0;
        uint32_t *chan = NULL;
        if (l->red_var >= 0) {
            wfc_be_interval p = wfc_be_part(s->extent[l->red_var], sp->pc, wfc_be_row_part(sp, row));
            channels = p.hi - p.lo;
            chan = wfc_arena_alloc(&be->arena, channels ? channels : 1, sizeof *chan);
            if (!chan) return wfc_fail_memory(be->diag);
            const uint32_t *order = l->order ? l->order[row] : NULL;
            for (uint32_t i = 0; i < channels; i++) chan[i] = order ? order[i] : p.lo + i;
        }
        space_operand(s, s->a, a->shape.rank, &need->chan_all, l->red_var, chan, channels, &need->edge[e]);
    }
    e = wfc_be_edge_at(l, l->nodes[0], 1);
    if (e >= 0) {
        const wfc_node *b = wfc_ir_node_c(be->g, l->edges[e].consumed);
        space_operand(s, s->b, b->shape.rank, &need->chan_all, l->chan_axis >= 0 ? l->chan_var : -2, list, count,
                      &need->edge[e]);
    }
    return WFC_OK;
}

wfc_status wfc_be_needs(wfc_be *be, const wfc_be_layer *l, uint32_t row, uint32_t col, wfc_be_need *out) {
    *out = (wfc_be_need){0};
    wfc_be_box final;
    (void)wfc_be_out_box(be, l, row, col, &final);
    if (l->node_count == 0) {
        out->edge[0] = final;
        return WFC_OK;
    }
    out->node = wfc_arena_alloc(&be->arena, l->node_count, sizeof *out->node);
    out->hull = wfc_arena_alloc(&be->arena, l->node_count, sizeof *out->hull);
    bool *seen = wfc_arena_alloc(&be->arena, l->node_count, sizeof *seen);
    if (!out->node || !out->hull || !seen) return wfc_fail_memory(be->diag);
    uint32_t last = l->node_count - 1;
    out->hull[last] = final;
    seen[last] = true;
    for (uint32_t i = l->node_count; i-- > 0;) {
        const wfc_node *n = wfc_ir_node_c(be->g, l->nodes[i]);
        if (!seen[i])
            return wfc_fail(be->diag, WFC_ERR_INTERNAL, "WFC-E7001", n->name, "node of the layer is not read");
        clip(&n->shape, &out->hull[i], &out->node[i]);
        if (i == 0 && l->has_contract) break;
        for (uint32_t k = 0; k < n->operand_count; k++) {
            wfc_value o = wfc_ir_operand(be->g, l->nodes[i], k);
            const wfc_node *on = wfc_ir_node_c(be->g, o);
            int j = wfc_be_node_at(l, o), e = wfc_be_edge_at(l, l->nodes[i], k);
            if (j < 0 && e < 0) continue; /* a constant */
            wfc_be_box b;
            if (n->op == WFC_CORE_MAP) {
                map_operand(&out->node[i], &on->shape, &b);
            } else {
                int chan = out->node[i].list_axis; /* an output axis is its own variable */
                space_operand(&n->u.reduce.space, n->u.reduce.space.a, on->shape.rank, &out->node[i],
                              chan >= 0 ? chan : -2, out->node[i].list, chan >= 0 ? out->node[i].n[chan] : 0, &b);
            }
            if (j >= 0) {
                unite(&out->hull[j], &b, !seen[j]);
                seen[j] = true;
            } else {
                out->edge[e] = b;
            }
        }
    }
    return l->has_contract ? contract_needs(be, l, row, col, out) : WFC_OK;
}

wfc_status wfc_be_needs_in(wfc_be *be, wfc_arena *scratch, const wfc_be_layer *l, uint32_t row, uint32_t col,
                           wfc_be_need *out) {
    wfc_arena keep = be->arena;
    be->arena = *scratch;
    wfc_status st = wfc_be_needs(be, l, row, col, out);
    *scratch = be->arena;
    be->arena = keep;
    return st;
}

static wfc_status reserve(wfc_be *be, wfc_be_list *l, uint32_t capacity) {
    if (capacity <= l->capacity) return WFC_OK;
    int32_t *ids = wfc_arena_alloc(&be->arena, capacity, sizeof *ids);
    if (!ids) return wfc_fail_memory(be->diag);
    for (uint32_t i = 0; i < l->count; i++) ids[i] = l->ids[i];
    l->ids = ids;
    l->capacity = capacity;
    return WFC_OK;
}

wfc_status wfc_be_list_push(wfc_be *be, wfc_be_list *l, int32_t id) {
    if (l->count == l->capacity) WFC_TRY(reserve(be, l, l->capacity ? l->capacity * 2 : 16));
    l->ids[l->count++] = id;
    return WFC_OK;
}

wfc_value wfc_be_view_root(const wfc_graph *g, wfc_value v) {
    while (wfc_ir_node_c(g, v)->op == WFC_CORE_VIEW) v = wfc_ir_operand(g, v, 0);
    return v;
}

static int32_t fill_id(wfc_be *be, float value) {
    union {
        float f;
        uint32_t u;
    } want = {.f = value};
    for (size_t i = 0; i < be->fills.count; i++) {
        union {
            float f;
            uint32_t u;
        } have = {.f = be->fills.data[i]};
        if (have.u == want.u) return -1 - (int32_t)i;
    }
    if (wfc_vec_push(&be->fills, value) != WFC_OK) return -1;
    return -(int32_t)be->fills.count;
}

int32_t wfc_be_resolve(wfc_be *be, wfc_value consumed, uint64_t index) {
    while (wfc_ir_node_c(be->g, consumed)->op == WFC_CORE_VIEW) {
        double fill = 0;
        int64_t source = wfc_ir_view_source(be->g, consumed, index, &fill);
        if (source < 0) return fill_id(be, (float)fill);
        index = (uint64_t)source;
        consumed = wfc_ir_operand(be->g, consumed, 0);
    }
    return (int32_t)index;
}

wfc_status wfc_be_list_box(wfc_be *be, wfc_value consumed, bool resolve, const wfc_be_box *b, float fill,
                           wfc_be_list *list) {
    const wfc_shape *s = &wfc_ir_node_c(be->g, consumed)->shape;
    uint64_t total = wfc_be_box_elems(b);
    if (list->count + total > list->capacity)
        WFC_TRY(reserve(be, list, list->count ? 2 * (list->count + (uint32_t)total) : (uint32_t)total));
    uint8_t order[WFC_IR_MAX_RANK], rank = 0; /* axes from outermost to innermost in local order */
    if (b->list_axis >= 0) order[rank++] = (uint8_t)b->list_axis;
    for (uint8_t d = 0; d < b->rank; d++) {
        if (d != b->list_axis) order[rank++] = d;
    }
    uint32_t at[WFC_IR_MAX_RANK] = {0};
    for (uint64_t i = 0; i < total; i++) {
        int64_t flat = 0;
        bool inside = true;
        for (unsigned d = 0; d < b->rank; d++) {
            int64_t c = (int)d == b->list_axis ? (int64_t)b->list[at[d]] : (int64_t)b->lo[d] + at[d];
            uint32_t dim = d < s->rank ? s->dims[d] : 1; /* a scalar's box has one axis */
            if (c < 0 || c >= dim) inside = false;
            flat = flat * dim + c;
        }
        int32_t id = !inside   ? fill_id(be, fill)
                     : resolve ? wfc_be_resolve(be, consumed, (uint64_t)flat)
                               : (int32_t)flat;
        WFC_TRY(wfc_be_list_push(be, list, id));
        for (int k = (int)rank - 1; k >= 0; k--) {
            if (++at[order[k]] < b->n[order[k]]) break;
            at[order[k]] = 0;
        }
    }
    return WFC_OK;
}
