/* Condition 4: every cycle of the event graph holds a token.
 *
 * Arcs within a PE are shared by all PEs of a trace and never copied; arcs between PEs are sorted by where they start.
 * Where an arc has less than no tokens (a PE that waits in this iteration for the next sample), firings are renumbered
 * first: shift(v) = least such that no arc is negative, by relaxation. Cycles keep their sums. Then what remains to be
 * shown is that the arcs without a token have no cycle: a depth-first search without recursion. */
#include "backend/check/check_graph.h"

#include <stdio.h>

static frame frame_of(const graph *g, uint32_t node) {
    return (frame){.node = node, .code = wfc_be_chk_node_code(g->c, node)};
}

static bool has_negative(const graph *g) {
    uint32_t n = g->c->cross_start[g->c->node_count];
    for (uint32_t i = 0; i < n; i++)
        if (g->c->cross[i].tokens_soft < 0) return true;
    for (uint32_t t = 0; t < g->c->trace_count; t++)
        for (size_t i = 0; i < g->c->traces[t].arcs.count; i++)
            if (g->c->traces[t].arcs.data[i].tokens < 0) return true;
    return false;
}

/* Fewest tokens on a path from a host input; NO_VALUE: there is none. The caller frees *out. */
static wfc_status distances(const graph *g, bool hard_only, int32_t **out) {
    const wfc_chk *c = g->c;
    int32_t *distance = wfc_calloc(c->node_count + 1u, sizeof *distance);
    *out = distance;
    if (!distance) return WFC_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < c->node_count; i++) {
        uint32_t words, op = i < c->extra_base ? i : wfc_be_chk_extra_op(c, i, &words);
        distance[i] = op >= c->host_base ? 0 : WFC_CHK_NO_VALUE;
    }
    return wfc_be_chk_distances(g, distance, hard_only);
}

/* The stream of samples ends. An output of sample n that needs input n + 1 never comes for the last one: the fewest
 * tokens on a path from a host input to a send to the host must not be below zero. */
static wfc_status not_late(const graph *g) {
    wfc_chk *c = g->c;
    int32_t *distance;
    wfc_status s = distances(g, false, &distance);
    for (size_t i = 0; s == WFC_OK && i < c->to_host.count; i++) {
        uint32_t local, node = c->to_host.data[i], pe = wfc_be_chk_node_pe(c, node, &local);
        if (pe == WFC_CHK_NONE || distance[node] == WFC_CHK_NO_VALUE) continue;
        int32_t later = -distance[node] - c->traces[c->trace_of[pe]].nodes.data[local].offset;
        if (later <= 0) continue;
        wfc_be_chk_error(
            c, WFC_CHK_LATE, pe,
            "what it sends to the host of a sample needs input that comes %d samples later; after the last "
            "sample none comes, so finish a sample before waiting for the next",
            (int)later);
        break;
    }
    wfc_free(distance);
    return s;
}

/* Fewest tokens before the first words of a send to the host: of the node they are, or of "it passes words on". */
static bool waits_for_input(const wfc_chk *c, const wfc_chk_first *f, const int32_t *distance) {
    uint32_t local, pe = wfc_be_chk_node_pe(c, f->op, &local);
    if (pe == WFC_CHK_NONE) return true; /* it is input */
    const wfc_chk_trace *t = &c->traces[c->trace_of[pe]];
    const wfc_chk_node *n = &t->nodes.data[local];
    int32_t offset = f->node == f->op ? n->offset : 0;
    if (distance[f->node] != WFC_CHK_NO_VALUE && distance[f->node] + offset <= 0) return true;
    uint32_t flow = t->events.data[n->event].flow;
    if (flow == WFC_CHK_NONE) return false;
    int32_t started = distance[c->node_base[pe] + flow];
    return started <= 0; /* WFC_CHK_NO_VALUE is greater */
}

/* Nor may an output of sample n do without input n, or there is one too many after the last. What comes first on a host
 * stream decides: the merge holds the others back. Only what holds in the machine too counts here: hard arcs. */
static wfc_status not_early(const graph *g) {
    wfc_chk *c = g->c;
    int32_t *distance;
    wfc_status s = distances(g, true, &distance);
    for (size_t i = 0; s == WFC_OK && i < c->first_to_host.count; i++) {
        const wfc_chk_first *f = &c->first_to_host.data[i];
        uint32_t local;
        if (waits_for_input(c, f, distance)) continue;
        wfc_be_chk_error(c, WFC_CHK_EARLY, wfc_be_chk_node_pe(c, f->op, &local),
                         "what it sends to the host of a sample does not wait for any input of that sample, so after "
                         "the last sample it sends one too many; let it receive a word per sample");
        break;
    }
    wfc_free(distance);
    return s;
}

/* --- the report --- */
/* Path nodes from the one closed again to the top of the stack, in the words "x needs y": against the arcs. Of a
 * stretch within one PE only the ends are told. */
static void report_cycle(const graph *g, const frames *path, uint32_t closed) {
    size_t first = path->count;
    while (first > 0 && path->data[first - 1].node != closed) first--;
    first--;
    uint32_t ignored, at = path->data[first].node;
    if (at >= g->c->extra_base) at = wfc_be_chk_extra_op(g->c, at, &ignored);
    wfc_buf text = {0};
    unsigned told = 0, skipped = 0;
    for (size_t i = path->count; i-- > first;) {
        bool inner = i + 1 < path->count && i > first && path->data[i].code == path->data[i + 1].code &&
                     path->data[i].code == path->data[i - 1].code;
        if (inner) continue;
        if (told == 12) {
            skipped++;
            continue;
        }
        if (told++) wfc_buf_printf(&text, ", needs: ");
        wfc_be_chk_tell_node(g->c, path->data[i].node, &text);
    }
    if (skipped) wfc_buf_printf(&text, ", and so on over %u more", skipped);
    wfc_be_chk_error(g->c, WFC_CHK_CYCLE, wfc_be_chk_node_pe(g->c, at, &ignored),
                     "deadlock, each needs the next and the last the first: %s; give one of them a buffer or another "
                     "order",
                     text.failed || !text.data ? "(out of memory)" : text.data);
    wfc_buf_deinit(&text);
}

/* True when a cycle was found (and told). */
static wfc_status search_from(graph *g, uint32_t from, frames *path, bool *found) {
    path->count = 0;
    g->colour[from] = 1;
    WFC_TRY(wfc_vec_push(path, frame_of(g, from)));
    while (path->count > 0) {
        frame *top = &path->data[path->count - 1];
        wfc_chk_edge a;
        if (!wfc_be_chk_next_edge(g, top, &a)) {
            g->colour[top->node] = 2;
            path->count--;
            continue;
        }
        if (a.tokens > 0 || g->colour[a.to] == 2) continue;
        if (g->colour[a.to] == 1) {
            report_cycle(g, path, a.to);
            *found = true;
            return WFC_OK;
        }
        g->colour[a.to] = 1;
        WFC_TRY(wfc_vec_push(path, a.code == WFC_CHK_NONE ? frame_of(g, a.to) : (frame){a.to, a.code, 0}));
    }
    return WFC_OK;
}

static wfc_status search(graph *g) {
    g->colour = wfc_calloc(g->c->node_count + 1u, 1);
    if (!g->colour) return WFC_ERR_NO_MEMORY;
    frames path = {0};
    bool found = false;
    wfc_status s = WFC_OK;
    for (uint32_t n = 0; s == WFC_OK && !found && n < g->c->node_count; n++)
        if (g->colour[n] == 0) s = search_from(g, n, &path, &found);
    wfc_vec_free(&path);
    return s;
}

wfc_status wfc_be_chk_graph(wfc_chk *c) {
    graph g = {.c = c};
    bool settled = true;
    wfc_status s = has_negative(&g) ? wfc_be_chk_renumber(&g, &settled) : WFC_OK;
    if (!settled) { /* search among the arcs as they are: those below zero count as token-free */
        wfc_free(g.shift);
        g.shift = NULL;
    }
    uint32_t before = c->errors;
    if (s == WFC_OK) s = search(&g);
    wfc_free(g.colour);
    if (s == WFC_OK && g.shift && c->errors == before) s = not_late(&g);
    if (s == WFC_OK && settled && c->errors == before) s = not_early(&g);
    if (s == WFC_OK && !settled && c->errors == before)
        wfc_be_chk_error(c, WFC_CHK_CYCLE, WFC_CHK_NONE,
                         "deadlock: PEs wait in one iteration for samples that depend on a later one; the cycle runs "
                         "through receives that are waited for ahead of their iteration");
    wfc_free(g.shift);
    return s;
}
