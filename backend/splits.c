/* For a time T every layer has a list of candidate keys (fewest columns first), every edge a price in adapter columns
 * for each pair of keys. Columns + adapters are minimised by a dynamic programme along each layer's main producer, then
 * by sweeps over all edges (joins, branches).
 *
 * Cost: candidates^2 x samples per edge, remembered over the times that are tried. */
#include "backend/splits.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FEWEST = 40, BEST_CANDIDATES = 20, SWEEPS = 4 };
static const double DEAR = 1e6; /* columns: more than any that are there */

static bool link_of(const wfc_be_planner *p, uint32_t layer, uint32_t edge, wfc_be_link *out) {
    const wfc_be *be = p->be;
    const wfc_be_edge *e = &be->layers[layer].edges[edge];
    wfc_value root = wfc_be_view_root(be->g, e->consumed);
    int32_t from = be->layer_of[root.i];
    *out = (wfc_be_link){.from = from < 0 ? UINT32_MAX : (uint32_t)from, .to = layer, .edge = edge};
    out->words = (double)wfc_shape_elems(&wfc_ir_node_c(be->g, root)->shape);
    return from >= 0;
}

wfc_status wfc_be_plan_links(wfc_be_planner *p) {
    wfc_be *be = p->be;
    uint32_t most = 0;
    for (uint32_t i = 0; i < p->n; i++) most += be->layers[i].edge_count;
    p->links = wfc_arena_alloc(&be->arena, most + 1, sizeof *p->links);
    if (!p->links) return wfc_fail_memory(be->diag);
    for (uint32_t i = 0; i < p->n; i++) {
        p->main_link[i] = -1;
        for (uint32_t e = 0; e < be->layers[i].edge_count; e++) {
            wfc_be_link *l = &p->links[p->link_count];
            bool inner = link_of(p, i, e, l);
            l->sample = wfc_arena_alloc(&be->arena, 1, sizeof *l->sample);
            if (!l->sample) return wfc_fail_memory(be->diag);
            WFC_TRY(wfc_be_sample_edge(be, &be->layers[i].edges[e], p->link_count + 1, l->sample));
            if (inner) {
                l->out = p->out_count[l->from]++;
                if (p->main_link[i] < 0) p->main_link[i] = (int32_t)p->link_count;
            }
            p->link_count++;
        }
    }
    return WFC_OK;
}

/* --- the price of an edge --- */

static wfc_status rows_of(wfc_be_planner *p, const wfc_be_link *l, uint32_t key_from, uint32_t key_to,
                          wfc_be_rows *from, wfc_be_rows *to) {
    wfc_be *be = p->be;
    wfc_be_key *v = &p->keys[l->to].keys[key_to];
    if (!v->read) v->read = wfc_arena_alloc(&be->arena, be->layers[l->to].edge_count, sizeof *v->read);
    if (!v->read) return wfc_fail_memory(be->diag);
    if (!v->read[l->edge].lo)
        WFC_TRY(wfc_be_rows_read(be, &be->layers[l->to], l->edge, &v->split, l->sample, &v->read[l->edge]));
    *to = v->read[l->edge];
    if (l->from == UINT32_MAX) return wfc_be_rows_fed(be, to, from);
    wfc_be_key *u = &p->keys[l->from].keys[key_from];
    if (!u->write) u->write = wfc_arena_alloc(&be->arena, p->out_count[l->from], sizeof *u->write);
    if (!u->write) return wfc_fail_memory(be->diag);
    if (!u->write[l->out].lo)
        WFC_TRY(wfc_be_rows_written(be, &be->layers[l->from], &u->split, l->sample, &u->write[l->out]));
    *from = u->write[l->out];
    return WFC_OK;
}

static wfc_status grow_pairs(wfc_be_planner *p) {
    uint32_t slots = p->pair_slots ? 2 * p->pair_slots : 4096;
    wfc_be_priced *more = wfc_calloc(slots, sizeof *more);
    if (!more) return wfc_fail_memory(p->be->diag);
    for (uint32_t i = 0; i < p->pair_slots; i++) {
        if (!p->pairs[i].name) continue;
        uint32_t at = (uint32_t)((p->pairs[i].name * 0x9e3779b97f4a7c15ull) >> 32) & (slots - 1);
        while (more[at].name) at = (at + 1) & (slots - 1);
        more[at] = p->pairs[i];
    }
    wfc_free(p->pairs);
    p->pairs = more;
    p->pair_slots = slots;
    return WFC_OK;
}

/* Channels of the fullest lane that the edge's reader asks for under a key. */
static uint32_t channels_of(const wfc_be_planner *p, const wfc_be_link *l, uint32_t key) {
    const wfc_be_split *s = &p->keys[l->to].keys[key].split;
    uint32_t extent, parts;
    bool by_part;
    if (!wfc_be_lane_channels(p->be, &p->be->layers[l->to], l->edge, &extent, &by_part)) return 0;
    parts = by_part ? s->pc : s->row_parts[1];
    return (extent + parts - 1) / parts;
}

/* What an adapter between two keys has to do. From the host: each port's words come in one after the other. */
static wfc_status count_moves(wfc_be_planner *p, const wfc_be_link *l, uint32_t u, uint32_t v, wfc_be_moves *out) {
    wfc_be_rows from, to;
    WFC_TRY(rows_of(p, l, u, v, &from, &to));
    *out = wfc_be_count_moves(p->be, l->sample, &from, &to);
    out->channels = channels_of(p, l, v);
    double taken = l->from == UINT32_MAX ? l->words / wfc_be_port_count(p->be, WFC_SIDE_WEST) : from.lane;
    wfc_be_relation r = p->floor->relation[p->floor->edge_first[l->to] + l->edge];
    bool meet = r == WFC_BE_EAST || r == WFC_BE_IN; /* else they run against each other */
    out->lane = (float)(meet ? taken + to.lane : fmax(taken, to.lane));
    if (l->from == UINT32_MAX && out->words > 0 && (double)out->heard < taken) out->heard = (float)taken;
    return WFC_OK;
}

/* Columns for a time: as estimated, in the proportion in which an earlier plan's real adapter was wider. */
static double priced(const wfc_be_planner *p, const wfc_be_priced *q, double T) {
    double estimate = wfc_be_adapter_columns(p->be, &q->moves, T);
    const wfc_be_lesson *known = q->lesson;
    if (!known) return estimate;
    if (known->cols == 0) return 0;
    if (T < known->cycles && known->missed) return INFINITY;
    double then = wfc_be_adapter_columns(p->be, &q->moves, known->cycles);
    if (then <= 0 || then >= INFINITY) return T < known->cycles ? (double)INFINITY : known->cols;
    return fmax(1, ceil(estimate * known->cols / then));
}

static uint64_t pair_name(const wfc_be_planner *p, uint32_t k, uint32_t c_from, uint32_t c_to) {
    const wfc_be_link *l = &p->links[k];
    uint32_t u = l->from == UINT32_MAX ? 0 : p->cand[l->from][c_from].key, v = p->cand[l->to][c_to].key;
    return ((uint64_t)k + 1) << 40 | (uint64_t)u << 20 | v;
}

/* Adapter columns of a link between two candidates, DEAR more where they take longer than T; from the host
 * c_from does not matter. */
wfc_status wfc_be_link_columns(wfc_be_planner *p, uint32_t k, uint32_t c_from, uint32_t c_to, double *cols) {
    const wfc_be_link *l = &p->links[k];
    bool host = l->from == UINT32_MAX;
    uint64_t name = pair_name(p, k, c_from, c_to);
    if (2 * (p->pair_count + 1) > p->pair_slots) WFC_TRY(grow_pairs(p));
    uint32_t at = (uint32_t)((name * 0x9e3779b97f4a7c15ull) >> 32) & (p->pair_slots - 1);
    while (p->pairs[at].name && p->pairs[at].name != name) at = (at + 1) & (p->pair_slots - 1);
    if (!p->pairs[at].name) {
        WFC_TRY(count_moves(p, l, name >> 20 & 0xfffff, name & 0xfffff, &p->pairs[at].moves));
        for (size_t i = 0; i < p->be->lessons.count; i++) {
            if (p->be->lessons.data[i].price == name) p->pairs[at].lesson = &p->be->lessons.data[i];
        }
        p->pairs[at].name = name;
        p->pair_count++;
    }
    *cols = priced(p, &p->pairs[at], p->T);
    if (*cols >= INFINITY && p->bound > 0) *cols = DEAR + priced(p, &p->pairs[at], p->bound);
    bool turns = p->floor->relation[p->floor->edge_first[l->to] + l->edge] != WFC_BE_EAST;
    if (turns && !host && *cols < 1) *cols = 1;
    return WFC_OK;
}

/* --- candidates at T --- */

static bool same_tiles(const wfc_be_split *a, const wfc_be_split *b) {
    return memcmp(a->row_parts, b->row_parts, sizeof a->row_parts) == 0;
}

static uint32_t least_columns(const wfc_be_planner *p, uint32_t layer, uint32_t key, double T) {
    const wfc_be_keys *k = &p->keys[layer];
    const float *t = k->keys[key].cycles;
    uint32_t lo = 0, hi = k->col_count; /* cycles never increase */
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if ((double)t[mid] <= T)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo < k->col_count ? k->cols[lo] : UINT32_MAX;
}

/* A layer's candidates, fewest columns first: the best, and the best of further tilings. */
static void insert(wfc_be_planner *p, uint32_t layer, wfc_be_candidate c) {
    wfc_be_candidate *list = p->cand[layer];
    uint32_t *n = &p->cand_count[layer], same = UINT32_MAX, at = *n;
    const wfc_be_key *keys = p->keys[layer].keys;
    while (at > 0 && list[at - 1].cols > c.cols) at--;
    if (at >= BEST_CANDIDATES) { /* only one of each tiling */
        for (uint32_t i = 0; i < *n && same == UINT32_MAX; i++) {
            if (same_tiles(&keys[list[i].key].split, &keys[c.key].split)) same = i;
        }
        if (same < at) return;
    }
    uint32_t last = same != UINT32_MAX ? same : *n < FEWEST ? (*n)++ : *n - 1;
    if (at > last) return;
    for (uint32_t i = last; i > at; i--) list[i] = list[i - 1];
    list[at] = c;
}

/* Parts of the axis whose tiles lie farthest apart: many of them, and a window's halo comes from a few rows away. */
static uint32_t fineness(const wfc_be_layer *l, const wfc_be_split *s) {
    for (unsigned d = 0; d < l->shape.rank; d++) {
        if (d != 1 && l->shape.dims[d] > 1) return s->row_parts[d];
    }
    return s->row_parts[1];
}

/* Adds the fewest columns for each fineness, finest first. With much time all keys take few columns, and which of them
 * need small adapters is not said by that. */
static void insert_fine(wfc_be_planner *p, uint32_t layer, double T, uint32_t width) {
    const wfc_be_key *keys = p->keys[layer].keys;
    wfc_be_candidate best[WFC_BE_CANDIDATES - FEWEST];
    uint32_t parts[WFC_BE_CANDIDATES - FEWEST], count = 0;
    for (uint32_t k = 0; k < p->keys[layer].count; k++) {
        wfc_be_candidate c = {.key = k, .cols = least_columns(p, layer, k, T)};
        uint32_t fine = fineness(&p->be->layers[layer], &keys[k].split), at = 0;
        if (c.cols > width) continue;
        while (at < count && parts[at] > fine) at++;
        if (at == WFC_BE_CANDIDATES - FEWEST) continue;
        if (at == count || parts[at] != fine) {
            if (count < WFC_BE_CANDIDATES - FEWEST) count++;
            for (uint32_t i = count - 1; i > at; i--) best[i] = best[i - 1], parts[i] = parts[i - 1];
        } else if (best[at].cols <= c.cols) {
            continue;
        }
        best[at] = c;
        parts[at] = fine;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t known = 0;
        while (known < p->cand_count[layer] && p->cand[layer][known].key != best[i].key) known++;
        if (known == p->cand_count[layer]) p->cand[layer][p->cand_count[layer]++] = best[i];
    }
}

static void gather_layer(wfc_be_planner *p, uint32_t i, double T, uint32_t width) {
    p->cand_count[i] = 0;
    for (uint32_t k = 0; k < p->keys[i].count; k++) {
        uint32_t cols = least_columns(p, i, k, T);
        if (cols <= width) insert(p, i, (wfc_be_candidate){.key = k, .cols = cols});
    }
    if (p->wider) insert_fine(p, i, T, width);
}

/* False: a layer has no candidate. */
static bool gather(wfc_be_planner *p, uint32_t width) {
    for (uint32_t i = 0; i < p->n; i++) {
        gather_layer(p, i, p->T, width);
        if (!p->cand_count[i] && p->bound > 0) gather_layer(p, i, p->bound, width);
        if (!p->cand_count[i]) return false;
    }
    return true;
}

/* --- the choice at T --- */

/* Adds to each wfc_be_candidate of a layer its columns and those of its adapters from the host. */
static wfc_status own_columns(wfc_be_planner *p, uint32_t i) {
    for (uint32_t c = 0; c < p->cand_count[i]; c++) {
        p->cost[i][c] += p->cand[i][c].cols;
        for (uint32_t k = 0; k < p->link_count; k++) {
            double a;
            if (p->links[k].to != i || p->links[k].from != UINT32_MAX) continue;
            WFC_TRY(wfc_be_link_columns(p, k, 0, c, &a));
            p->cost[i][c] += a;
        }
    }
    return WFC_OK;
}

/* cost[i][c]: least columns of i and of what hangs on it through main links, with wfc_be_candidate c. Layers are in
 * topological order, so all that hang on i come after it. */
static wfc_status programme(wfc_be_planner *p) {
    for (uint32_t i = p->n; i-- > 0;) {
        WFC_TRY(own_columns(p, i));
        if (p->main_link[i] < 0) continue;
        uint32_t k = (uint32_t)p->main_link[i], from = p->links[k].from;
        for (uint32_t c = 0; c < p->cand_count[from]; c++) {
            double best = INFINITY;
            for (uint32_t d = 0; d < p->cand_count[i]; d++) {
                double a;
                WFC_TRY(wfc_be_link_columns(p, k, c, d, &a));
                if (a + p->cost[i][d] < best) best = a + p->cost[i][d];
            }
            p->cost[from][c] += best;
        }
    }
    for (uint32_t i = 0; i < p->n; i++) {
        double best = INFINITY;
        for (uint32_t c = 0; c < p->cand_count[i]; c++) {
            double v = p->cost[i][c], a = 0;
            if (p->main_link[i] >= 0) {
                uint32_t k = (uint32_t)p->main_link[i];
                WFC_TRY(wfc_be_link_columns(p, k, p->choice[p->links[k].from], c, &a));
            }
            if (v + a < best) {
                best = v + a;
                p->choice[i] = c;
            }
        }
    }
    return WFC_OK;
}

/* Columns of all links at layer i if it took wfc_be_candidate c. */
static wfc_status around(wfc_be_planner *p, uint32_t i, uint32_t c, double *sum) {
    *sum = p->cand[i][c].cols;
    for (uint32_t k = 0; k < p->link_count; k++) {
        const wfc_be_link *l = &p->links[k];
        double a = 0;
        if (l->from != i && l->to != i) continue;
        uint32_t from = l->from == UINT32_MAX ? 0 : l->from == i ? c : p->choice[l->from];
        WFC_TRY(wfc_be_link_columns(p, k, from, l->to == i ? c : p->choice[l->to], &a));
        *sum += a;
    }
    return WFC_OK;
}

static wfc_status sweep(wfc_be_planner *p, bool *changed) {
    *changed = false;
    for (uint32_t i = 0; i < p->n; i++) {
        double best, v;
        uint32_t at = p->choice[i];
        WFC_TRY(around(p, i, at, &best));
        for (uint32_t c = 0; c < p->cand_count[i]; c++) {
            WFC_TRY(around(p, i, c, &v));
            if (v >= best) continue;
            best = v;
            at = c;
        }
        *changed |= at != p->choice[i];
        p->choice[i] = at;
    }
    return WFC_OK;
}

/* Columns of the floorplan with the present choice; also of layers and adapters apart. */
wfc_status wfc_be_plan_total(wfc_be_planner *p, double *layers, double *adapters, uint32_t *columns) {
    wfc_be_floor *f = p->floor;
    *layers = *adapters = 0;
    memset(f->strip_cols, 0, f->problem.edge_count * sizeof *f->strip_cols);
    for (uint32_t i = 0; i < p->n; i++) {
        f->layer_cols[i] = (uint16_t)p->cand[i][p->choice[i]].cols;
        *layers += f->layer_cols[i];
    }
    for (uint32_t k = 0; k < p->link_count; k++) {
        const wfc_be_link *l = &p->links[k];
        double a;
        WFC_TRY(wfc_be_link_columns(p, k, l->from == UINT32_MAX ? 0 : p->choice[l->from], p->choice[l->to], &a));
        if (a >= DEAR && a < INFINITY) a -= DEAR;
        f->strip_cols[f->edge_first[l->to] + l->edge] = (uint16_t)(a < UINT16_MAX ? a : UINT16_MAX);
        *adapters += a;
    }
    return wfc_be_floor_width(p->be, f, columns);
}

/* Choice for p->T; *columns: what it takes, INFINITY when a layer cannot be that fast. */
wfc_status wfc_be_plan_choose(wfc_be_planner *p, double T, uint32_t width, double *columns) {
    double layers, adapters;
    uint32_t width_needed;
    bool changed = true;
    *columns = INFINITY;
    p->T = T;
    if (!gather(p, width)) return WFC_OK;
    memset(p->cost, 0, p->n * sizeof *p->cost);
    WFC_TRY(programme(p));
    for (unsigned s = 0; s < SWEEPS && changed; s++) WFC_TRY(sweep(p, &changed));
    WFC_TRY(wfc_be_plan_total(p, &layers, &adapters, &width_needed));
    *columns = adapters < INFINITY ? (double)width_needed : INFINITY;
    return WFC_OK;
}

wfc_status wfc_be_plan_expect(wfc_be_planner *p) {
    for (uint32_t k = 0; k < p->link_count; k++) {
        const wfc_be_link *l = &p->links[k];
        wfc_be_edge *e = &p->be->layers[l->to].edges[l->edge];
        uint32_t from = l->from == UINT32_MAX ? 0 : p->choice[l->from];
        double cols;
        WFC_TRY(wfc_be_link_columns(p, k, from, p->choice[l->to], &cols));
        if (cols >= DEAR && cols < INFINITY) cols -= DEAR;
        e->price = pair_name(p, k, from, p->choice[l->to]);
        e->expected = cols < UINT16_MAX ? (uint32_t)cols : UINT16_MAX;
    }
    return WFC_OK;
}

void wfc_be_plan_apply(wfc_be_planner *p) {
    for (uint32_t i = 0; i < p->n; i++) {
        wfc_be_layer *l = &p->be->layers[i];
        const wfc_be_candidate *c = &p->cand[i][p->choice[i]];
        l->split = p->keys[i].keys[c->key].split;
        l->split.cols = c->cols;
        l->order = NULL;
    }
    p->be->target_cycles = p->bound > 0 ? p->bound : p->T;
    p->be->wish_cycles = p->T;
}
