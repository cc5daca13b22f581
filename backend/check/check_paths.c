/* Least sums of tokens over paths of the event graph.
 *
 * Renumbering: shift(v) = least sum over all paths to v. Almost all arcs have tokens already, so the work starts from
 * those below zero alone. Distances: with the renumbered tokens no arc is below zero, and a bucket per sum settles each
 * node once: dist(v) = min over starts s of (sum of renumbered tokens - shift(s)) + shift(v). */
#include "backend/check/check_graph.h"

bool wfc_be_chk_next_edge(const graph *g, frame *f, wfc_chk_edge *out) {
    const wfc_chk *c = g->c;
    uint32_t i = f->next++;
    if (f->code != WFC_CHK_NONE) {
        const wfc_chk_trace *t = &c->traces[c->trace_of[c->code_pe[f->code]]];
        uint32_t base = c->code_base[f->code], local = f->node - base, first = t->arc_start[local];
        uint32_t locals = t->arc_start[local + 1] - first;
        if (i < locals) {
            const wfc_chk_arc *a = &t->arcs.data[first + i];
            *out = (wfc_chk_edge){a->to + base, f->code, a->tokens, a->soft};
            if (g->shift) out->tokens += g->shift[f->node] - g->shift[out->to];
            return true;
        }
        i -= locals;
    }
    i += c->cross_start[f->node];
    if (i >= c->cross_start[f->node + 1]) return false;
    bool soft = c->cross[i].tokens_soft & 1;
    *out = (wfc_chk_edge){c->cross[i].to, WFC_CHK_NONE, (c->cross[i].tokens_soft - soft) / 2, soft};
    if (g->shift) out->tokens += g->shift[f->node] - g->shift[out->to];
    return true;
}

static frame frame_of(const graph *g, uint32_t node) {
    return (frame){.node = node, .code = wfc_be_chk_node_code(g->c, node)};
}

/* --- renumbering --- */
static bool starts_below_zero(const graph *g, uint32_t node) {
    frame f = frame_of(g, node);
    for (wfc_chk_edge a; wfc_be_chk_next_edge(g, &f, &a);)
        if (a.tokens < 0) return true;
    return false;
}

typedef struct work_list {
    uint32_t *nodes, head, count;
    uint8_t *queued;
} work_list;

/* A cycle of less than no tokens never settles: the budget ends it. */
static bool relax(const graph *g, int32_t *value, work_list *w) {
    uint32_t n = g->c->node_count;
    for (uint64_t budget = (uint64_t)n * 256 + 1024; w->count > 0 && budget > 0; budget--) {
        uint32_t u = w->nodes[w->head];
        w->head = w->head + 1 == n ? 0 : w->head + 1;
        w->count--;
        w->queued[u] = 0;
        frame f = frame_of(g, u);
        for (wfc_chk_edge a; wfc_be_chk_next_edge(g, &f, &a);) {
            if (value[a.to] <= value[u] + a.tokens) continue;
            value[a.to] = value[u] + a.tokens;
            if (w->queued[a.to]) continue;
            w->queued[a.to] = 1;
            w->nodes[(w->head + (uint64_t)w->count++) % n] = a.to;
        }
    }
    return w->count == 0;
}

wfc_status wfc_be_chk_renumber(graph *g, bool *settled) {
    uint32_t n = g->c->node_count;
    work_list w = {0};
    int32_t *shift = wfc_calloc(n + 1u, sizeof *shift);
    w.nodes = wfc_calloc(n + 1u, sizeof *w.nodes);
    w.queued = wfc_calloc(n + 1u, 1);
    wfc_status s = shift && w.nodes && w.queued ? WFC_OK : WFC_ERR_NO_MEMORY;
    if (s == WFC_OK) {
        for (uint32_t i = 0; i < n; i++)
            if (starts_below_zero(g, i)) {
                w.nodes[w.count++] = i;
                w.queued[i] = 1;
            }
        *settled = relax(g, shift, &w);
    }
    wfc_free(w.nodes);
    wfc_free(w.queued);
    g->shift = shift;
    return s;
}

/* --- distances --- */
typedef WFC_VEC(uint32_t) bucket;
typedef struct buckets {
    bucket *of;     /* a ring: of[sum % ring] */
    uint32_t ring;  /* more than any arc's tokens and any start's sum */
    uint64_t count; /* entries of all */
} buckets;

static wfc_status put(buckets *b, uint32_t node, int32_t sum) {
    b->count++;
    return wfc_vec_push(&b->of[(uint32_t)sum % b->ring], node);
}

/* The most tokens of an arc, and the greatest sum that a start begins with. */
static uint32_t reach(const graph *g, const int32_t *distance) {
    int32_t most = 0;
    for (uint32_t i = 0; i < g->c->node_count; i++) {
        frame f = frame_of(g, i);
        for (wfc_chk_edge a; wfc_be_chk_next_edge(g, &f, &a);)
            if (a.tokens > most) most = a.tokens;
        if (g->shift && distance[i] == 0 && -g->shift[i] > most) most = -g->shift[i];
    }
    return (uint32_t)most;
}

static wfc_status settle(const graph *g, int32_t *sum, bool hard_only, buckets *b) {
    for (int32_t at = 0; b->count > 0; at++) {
        bucket *now = &b->of[(uint32_t)at % b->ring];
        while (now->count > 0) {
            uint32_t u = now->data[--now->count];
            b->count--;
            if (sum[u] != at) continue; /* it was reached with less since */
            frame f = frame_of(g, u);
            for (wfc_chk_edge a; wfc_be_chk_next_edge(g, &f, &a);) {
                if ((hard_only && a.soft) || sum[a.to] <= at + a.tokens) continue;
                sum[a.to] = at + a.tokens;
                WFC_TRY(put(b, a.to, sum[a.to]));
            }
        }
    }
    return WFC_OK;
}

wfc_status wfc_be_chk_distances(const graph *g, int32_t *distance, bool hard_only) {
    uint32_t n = g->c->node_count;
    buckets b = {.ring = reach(g, distance) + 1};
    b.of = wfc_calloc(b.ring, sizeof *b.of);
    wfc_status s = b.of ? WFC_OK : WFC_ERR_NO_MEMORY;
    for (uint32_t i = 0; s == WFC_OK && i < n; i++) {
        if (distance[i] == WFC_CHK_NO_VALUE) continue;
        distance[i] = g->shift ? -g->shift[i] : 0;
        s = put(&b, i, distance[i]);
    }
    if (s == WFC_OK) s = settle(g, distance, hard_only, &b);
    for (uint32_t i = 0; g->shift && i < n; i++)
        if (distance[i] != WFC_CHK_NO_VALUE) distance[i] += g->shift[i];
    for (uint32_t i = 0; b.of && i < b.ring; i++) wfc_vec_free(&b.of[i]);
    wfc_free(b.of);
    return s;
}
