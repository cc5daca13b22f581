/* What an edge costs between two keys: sampled elements, the row that holds each and the rows that need it.
 *
 * A word that changes its row crosses the cuts between; the adapter's columns must carry the busiest cut in the time of
 * a sample. Exact lists exist only later (streams.c); samples are enough to choose. Example: 56 image rows of 17 PEs
 * each read with a halo of one: every word goes 17 rows up or down, and each cut is crossed by the words of 17 rows. */
#include <math.h>

#include "backend/plan.h"

/* Words of a row's busiest link that a sample's time has to have room for, each. */
static const double LANE_PRICE = 1.03;

enum { CUTS = 64, TURN_CYCLES = 60 };

wfc_status wfc_be_sample_edge(wfc_be *be, const wfc_be_edge *e, uint64_t seed, wfc_be_sample *out) {
    out->elems = wfc_shape_elems(&wfc_ir_node_c(be->g, e->consumed)->shape);
    uint64_t rng = seed * 2 + 1;
    for (unsigned i = 0; i < WFC_BE_SAMPLES; i++) {
        uint64_t at = wfc_rng_next(&rng) % out->elems;
        int32_t id = wfc_be_resolve(be, e->consumed, at);
        out->consumed[i] = (uint32_t)at;
        out->source[i] = id < 0 ? UINT32_MAX : (uint32_t)id;
    }
    return WFC_OK;
}

static wfc_status new_rows(wfc_be *be, wfc_be_rows *out) {
    out->lo = wfc_arena_alloc(&be->arena, WFC_BE_SAMPLES, sizeof *out->lo);
    out->hi = wfc_arena_alloc(&be->arena, WFC_BE_SAMPLES, sizeof *out->hi);
    return out->lo && out->hi ? WFC_OK : wfc_fail_memory(be->diag);
}

/* Part of 0..n-1 cut into `parts` that holds c. */
static uint32_t part_of(uint32_t n, uint32_t parts, uint32_t c) {
    uint32_t i = (uint32_t)((uint64_t)c * parts / n);
    while (i + 1 < parts && wfc_be_part(n, parts, i + 1).lo <= c) i++;
    return i;
}

static void coordinates(const wfc_shape *s, uint32_t flat, uint32_t *at) {
    for (int d = (int)s->rank - 1; d >= 0; d--) {
        at[d] = flat % s->dims[d];
        flat /= s->dims[d];
    }
    if (s->rank == 0) at[0] = 0;
}

wfc_status wfc_be_rows_written(wfc_be *be, wfc_be_layer *l, const wfc_be_split *split, const wfc_be_sample *s,
                               wfc_be_rows *out) {
    WFC_TRY(new_rows(be, out));
    out->lane = 1;
    for (unsigned d = 0; d < l->shape.rank; d++) {
        uint32_t longest = (l->shape.dims[d] + split->row_parts[d] - 1) / split->row_parts[d];
        out->lane *= longest;
    }
    out->lane = ceil(out->lane / split->pc);
    for (unsigned i = 0; i < WFC_BE_SAMPLES; i++) {
        uint32_t at[WFC_IR_MAX_RANK], group = 0, inner = 0;
        out->lo[i] = out->hi[i] = UINT16_MAX;
        if (s->source[i] == UINT32_MAX) continue;
        coordinates(&l->shape, s->source[i], at);
        for (unsigned d = 0; d < l->shape.rank; d++) {
            uint32_t digit = part_of(l->shape.dims[d], split->row_parts[d], at[d]);
            if (d == 1)
                inner = digit;
            else
                group = group * split->row_parts[d] + digit;
        }
        inner *= split->pc;
        if (l->chan_axis >= 0) inner += part_of(l->shape.dims[l->chan_axis], split->pc, at[l->chan_axis]);
        out->lo[i] = out->hi[i] = (uint16_t)(wfc_be_group_row(split, group) + inner);
    }
    return WFC_OK;
}

/* Which interval of one axis of the edge's tensor each part of an output axis reads. */
typedef struct axis_reach {
    int axis; /* of the tensor, -1: all parts read the same */
    int32_t *lo, *hi;
} axis_reach;

static wfc_status reach_of(wfc_be *be, wfc_be_layer *l, uint32_t edge, unsigned d, axis_reach *out) {
    const wfc_be_split *s = &l->split;
    uint32_t parts = s->row_parts[d], step = 1;
    *out = (axis_reach){.axis = -1};
    if (parts == 1) return WFC_OK;
    for (unsigned k = d + 1; k < l->shape.rank; k++) {
        if (k != 1) step *= s->row_parts[k];
    }
    wfc_be_box *box = wfc_arena_alloc(&be->arena, parts, sizeof *box);
    out->lo = wfc_arena_alloc(&be->arena, parts, sizeof *out->lo);
    out->hi = wfc_arena_alloc(&be->arena, parts, sizeof *out->hi);
    if (!box || !out->lo || !out->hi) return wfc_fail_memory(be->diag);
    for (uint32_t i = 0; i < parts; i++) {
        uint32_t row = d == 1 ? wfc_be_group_row(s, 0) + i * s->pc : wfc_be_group_row(s, i * step);
        wfc_be_need need;
        WFC_TRY(wfc_be_needs(be, l, row, 0, &need));
        box[i] = need.edge[edge];
    }
    for (unsigned q = 0; q < box[0].rank; q++) {
        if ((int)q == box[0].list_axis) continue;
        if (box[0].lo[q] != box[parts - 1].lo[q]) out->axis = (int)q;
    }
    for (uint32_t i = 0; i < parts && out->axis >= 0; i++) {
        out->lo[i] = box[i].lo[out->axis];
        out->hi[i] = box[i].lo[out->axis] + (int32_t)box[i].n[out->axis];
    }
    return WFC_OK;
}

/* First and last part that reads coordinate c; false: none. */
static bool readers(const axis_reach *r, uint32_t parts, const uint32_t *at, uint32_t *first, uint32_t *last) {
    *first = 0;
    *last = parts - 1;
    if (r->axis < 0) return true;
    int32_t c = (int32_t)at[r->axis];
    while (*first < parts && r->hi[*first] <= c) (*first)++;
    while (*last > 0 && r->lo[*last] > c) (*last)--;
    return *first <= *last && r->lo[*first] <= c && c < r->hi[*last];
}

typedef struct reading {
    axis_reach axis[WFC_IR_MAX_RANK];
    int part_axis; /* of the edge's tensor: its parts go to the contraction parts; -1: all rows of a group read all */
    uint32_t part_extent;
} reading;

static wfc_status describe(wfc_be *be, wfc_be_layer *l, uint32_t edge, reading *r) {
    r->part_axis = -1;
    wfc_be_need need;
    WFC_TRY(wfc_be_needs(be, l, wfc_be_group_row(&l->split, 0), 0, &need));
    bool own = l->has_contract && wfc_value_eq(l->edges[edge].user, l->nodes[0]);
    if (own && l->edges[edge].operand == 0 && l->red_var >= 0) {
        r->part_axis = l->red_axis;
        r->part_extent = wfc_ir_node_c(be->g, l->nodes[0])->u.contract.extent[l->red_var];
    } else if (!own && l->chan_axis >= 0 && need.edge[edge].list_axis >= 0) {
        r->part_axis = need.edge[edge].list_axis;
        r->part_extent = l->shape.dims[l->chan_axis];
    }
    for (unsigned d = 0; d < l->shape.rank; d++) WFC_TRY(reach_of(be, l, edge, d, &r->axis[d]));
    return WFC_OK;
}

static void rows_of(wfc_be *be, const wfc_be_layer *l, uint32_t edge, const reading *r, const wfc_be_sample *s,
                    wfc_be_rows *out) {
    const wfc_shape *shape = &wfc_ir_node_c(be->g, l->edges[edge].consumed)->shape;
    const wfc_be_split *split = &l->split;
    for (unsigned i = 0; i < WFC_BE_SAMPLES; i++) {
        uint32_t at[WFC_IR_MAX_RANK] = {0}, first[3] = {0}, last[3] = {0, 0, split->pc - 1}; /* group, axis 1, part */
        bool any = s->source[i] != UINT32_MAX;
        coordinates(shape, s->consumed[i], at);
        for (unsigned d = 0; d < l->shape.rank && any; d++) {
            uint32_t lo, hi, n = split->row_parts[d], k = d == 1 ? 1 : 0;
            any = readers(&r->axis[d], n, at, &lo, &hi);
            first[k] = first[k] * n + lo;
            last[k] = last[k] * n + hi;
        }
        if (r->part_axis >= 0) first[2] = last[2] = part_of(r->part_extent, split->pc, at[r->part_axis]);
        out->lo[i] = any ? (uint16_t)(wfc_be_group_row(split, first[0]) + first[1] * split->pc + first[2]) : UINT16_MAX;
        out->hi[i] = any ? (uint16_t)(wfc_be_group_row(split, last[0]) + last[1] * split->pc + last[2]) : UINT16_MAX;
    }
}

wfc_status wfc_be_rows_read(wfc_be *be, wfc_be_layer *l, uint32_t edge, const wfc_be_split *split,
                            const wfc_be_sample *s, wfc_be_rows *out) {
    WFC_TRY(new_rows(be, out));
    wfc_arena keep = be->arena; /* the boxes are scratch */
    wfc_be_split mine = l->split;
    reading r = {0};
    wfc_arena_init(&be->arena);
    l->split = *split;
    l->split.cols = 1;
    const uint32_t **order = l->order;
    l->order = NULL;
    wfc_status st = describe(be, l, edge, &r);
    if (st == WFC_OK) rows_of(be, l, edge, &r, s, out);
    wfc_be_need need;
    if (st == WFC_OK) st = wfc_be_needs(be, l, wfc_be_group_row(split, split->groups / 2), 0, &need);
    if (st == WFC_OK) out->lane = (double)wfc_be_box_elems(&need.edge[edge]);
    l->order = order;
    l->split = mine;
    wfc_arena_deinit(&be->arena);
    be->arena = keep;
    return st;
}

wfc_status wfc_be_rows_fed(wfc_be *be, const wfc_be_rows *to, wfc_be_rows *out) {
    WFC_TRY(new_rows(be, out));
    for (unsigned i = 0; i < WFC_BE_SAMPLES; i++) {
        bool any = to->lo[i] != UINT16_MAX;
        uint32_t port = any ? wfc_be_nearest_port(be, WFC_SIDE_WEST, (to->lo[i] + to->hi[i]) / 2u) : UINT16_MAX;
        out->lo[i] = out->hi[i] = (uint16_t)port;
    }
    return WFC_OK;
}

wfc_be_moves wfc_be_count_moves(const wfc_be *be, const wfc_be_sample *s, const wfc_be_rows *from,
                                const wfc_be_rows *to) {
    int32_t down[CUTS + 1] = {0}, up[CUTS + 1] = {0};
    uint32_t starts[CUTS + 1] = {0}, h = be->height, moved = 0, reach = 0, nearest = h;
    for (unsigned i = 0; i < WFC_BE_SAMPLES; i++) {
        uint32_t a = from->lo[i], lo = to->lo[i], hi = to->hi[i];
        if (a == UINT16_MAX || lo == UINT16_MAX || (lo == a && hi == a)) continue;
        moved++;
        starts[a * CUTS / h]++;
        if (hi > a) { /* crosses the cuts above bins a+1 .. hi */
            down[a * CUTS / h + 1]++;
            down[hi * CUTS / h + 1]--;
            if (hi - a > reach) reach = hi - a;
            if (hi - a < nearest) nearest = hi - a;
        }
        if (lo < a) {
            up[lo * CUTS / h + 1]++;
            up[a * CUTS / h + 1]--;
            if (a - lo > reach) reach = a - lo;
            if (a - lo < nearest) nearest = a - lo;
        }
    }
    wfc_be_moves m = {0};
    if (moved == 0) return m;
    int32_t d = 0, u = 0, most = 0;
    uint32_t local = 0;
    for (unsigned k = 0; k <= CUTS; k++) {
        d += down[k];
        u += up[k];
        if (d > most) most = d;
        if (u > most) most = u;
        if (starts[k] > local) local = starts[k];
    }
    m.words = (float)((double)s->elems / WFC_BE_SAMPLES * ((double)most + (double)local));
    m.reach = (float)reach;
    /* A row listens from the nearest row that it needs to the farthest, and takes what lies between. */
    m.heard = (float)((double)s->elems / WFC_BE_SAMPLES * moved / be->region.h * (reach - nearest + 1));
    return m;
}

/* Columns of an adapter of which each does one `need`-th of its work: up to one for each channel they share it by
 * channels; beyond that, overlapping tiles halve what a further column is worth. */
static double columns_for(double need, uint32_t channels) {
    if (need <= 1) return 1;
    if (channels == 0) return floor(need) + 1;
    if (need <= channels) return ceil(channels / floor(channels / need));
    return channels * ceil(1 + 2 * (need / channels - 1));
}

double wfc_be_adapter_columns(const wfc_be *be, const wfc_be_moves *m, double cycles) {
    if (m->words <= 0) return 0;
    /* A turn puts words on the bus, waits for the others', which come from as far as they are needed, and assembles. */
    double fixed = TURN_CYCLES + (double)m->reach * be->t->hop_latency;
    if (cycles <= fixed || cycles < LANE_PRICE * (double)m->lane) return INFINITY;
    double time = fmax(wfc_be_adapter_goal(cycles) - fixed, 1), most = fmax((double)m->words, 1.5 * (double)m->heard);
    double by_time = 1.15 * most / time;
    double by_room = 16 * (double)m->heard / (0.75 * be->t->sram_bytes); /* two buffers each from above and below */
    double columns = columns_for(fmax(by_time, by_room), m->channels);
    return columns > WFC_BE_WIDEST ? (double)INFINITY : columns;
}
