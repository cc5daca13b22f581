/* Condition 4: every cycle of the event graph holds a token.
 *
 * Arcs within a PE are shared by all PEs of a trace and never copied; arcs between PEs are sorted by where they start.
 * Where an arc has less than no tokens (a PE that waits in this iteration for the next sample), firings are renumbered
 * first: shift(v) = least such that no arc is negative, by relaxation. Cycles keep their sums. Then what remains to be
 * shown is that the arcs without a token have no cycle: a depth-first search without recursion. */
#include "backend/check/check_internal.h"

#include <stdio.h>

typedef struct graph {
    wfc_chk *c;
    uint32_t *start; /* [nodes + 2] into sorted: arcs between PEs */
    wfc_chk_arc *sorted;
    int32_t *shift;  /* [nodes] or NULL: all 0 */
    uint8_t *colour; /* [nodes] 0 new, 1 on the path, 2 done */
} graph;

typedef struct frame {
    uint32_t node, pe, local, next; /* next arc to follow: local ones first */
} frame;
typedef WFC_VEC(frame) frames;

static const wfc_chk_trace *trace_of(const graph *g, uint32_t pe) {
    return pe == WFC_CHK_NONE ? NULL : &g->c->traces[g->c->trace_of[pe]];
}

static wfc_status sort_arcs(graph *g) {
    size_t n = g->c->cross.count;
    const wfc_chk_arc *arcs = g->c->cross.data;
    g->start = wfc_calloc(g->c->node_count + 3u, sizeof *g->start);
    g->sorted = wfc_calloc(n + 1, sizeof *g->sorted);
    if (!g->start || !g->sorted || n >= WFC_CHK_NONE) return WFC_ERR_NO_MEMORY;
    for (size_t i = 0; i < n; i++) g->start[arcs[i].from + 2]++;
    for (size_t i = 2; i < g->c->node_count + 2u; i++) g->start[i] += g->start[i - 1];
    for (size_t i = 0; i < n; i++) g->sorted[g->start[arcs[i].from + 1]++] = arcs[i];
    return WFC_OK;
}

static frame frame_of(const graph *g, uint32_t node) {
    frame f = {.node = node};
    f.pe = wfc_be_chk_node_pe(g->c, node, &f.local);
    return f;
}

/* The next arc out of a frame's node, with the tokens of the renumbered graph. */
static bool next_arc(const graph *g, frame *f, wfc_chk_arc *out) {
    const wfc_chk_trace *t = trace_of(g, f->pe);
    uint32_t locals = t ? t->arc_start[f->local + 1] - t->arc_start[f->local] : 0, i = f->next++;
    if (i < locals) {
        *out = t->arcs.data[t->arc_start[f->local] + i];
        out->from = f->node;
        out->to += f->node - f->local;
    } else {
        i = g->start[f->node] + (i - locals);
        if (i >= g->start[f->node + 1]) return false;
        *out = g->sorted[i];
    }
    if (g->shift) out->tokens += g->shift[out->from] - g->shift[out->to];
    return true;
}

static bool has_negative(const graph *g) {
    for (size_t i = 0; i < g->c->cross.count; i++)
        if (g->c->cross.data[i].tokens < 0) return true;
    for (uint32_t t = 0; t < g->c->trace_count; t++)
        for (size_t i = 0; i < g->c->traces[t].arcs.count; i++)
            if (g->c->traces[t].arcs.data[i].tokens < 0) return true;
    return false;
}

/* Relaxation: value(to) <= value(from) + tokens for all arcs (or the hard ones only), by a queue that starts with the
 * nodes that have a value. A cycle of less than no tokens never settles: the budget ends it, and *settled stays false.
 */
enum { NO_VALUE = INT32_MAX };

static wfc_status relax(const graph *g, int32_t *value, bool hard_only, bool *settled) {
    uint32_t n = g->c->node_count, head = 0, count = 0;
    uint64_t budget = (uint64_t)n * 256 + 1024;
    uint32_t *queue = wfc_calloc(n + 1u, sizeof *queue);
    uint8_t *queued = wfc_calloc(n + 1u, 1);
    wfc_status s = queue && queued ? WFC_OK : WFC_ERR_NO_MEMORY;
    for (uint32_t i = 0; s == WFC_OK && i < n; i++) {
        if (value[i] == NO_VALUE) continue;
        queue[count++] = i;
        queued[i] = 1;
    }
    while (s == WFC_OK && count > 0 && budget-- > 0) {
        uint32_t u = queue[head];
        head = head + 1 == n ? 0 : head + 1;
        count--;
        queued[u] = 0;
        frame f = frame_of(g, u);
        for (wfc_chk_arc a; next_arc(g, &f, &a);) {
            if ((hard_only && a.soft) || value[a.to] <= value[u] + a.tokens) continue;
            value[a.to] = value[u] + a.tokens;
            if (queued[a.to]) continue;
            queued[a.to] = 1;
            queue[(head + count++) % n] = a.to;
        }
    }
    *settled = count == 0;
    wfc_free(queue);
    wfc_free(queued);
    return s;
}

/* Renumbers firings so that no arc is below zero. */
static wfc_status renumber(graph *g, bool *settled) {
    int32_t *shift = wfc_calloc(g->c->node_count + 1u, sizeof *shift);
    wfc_status s = shift ? relax(g, shift, false, settled) : WFC_ERR_NO_MEMORY;
    g->shift = shift;
    return s;
}

/* Fewest tokens on a path from a host input; NO_VALUE: there is none. The caller frees *out. */
static wfc_status distances(const graph *g, bool hard_only, int32_t **out) {
    const wfc_chk *c = g->c;
    int32_t *distance = wfc_calloc(c->node_count + 1u, sizeof *distance);
    bool settled;
    *out = distance;
    if (!distance) return WFC_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < c->node_count; i++) {
        uint32_t words, op = i;
        bool flow;
        if (i >= c->extra_base) op = wfc_be_chk_extra_op(c, i, &words, &flow);
        distance[i] = op >= c->host_base ? 0 : NO_VALUE;
    }
    return relax(g, distance, hard_only, &settled);
}

/* The stream of samples ends. An output of sample n that needs input n + 1 never comes for the last one: the fewest
 * tokens on a path from a host input to a send to the host must not be below zero. */
static wfc_status not_late(const graph *g) {
    wfc_chk *c = g->c;
    int32_t *distance;
    wfc_status s = distances(g, false, &distance);
    for (size_t i = 0; s == WFC_OK && i < c->to_host.count; i++) {
        uint32_t local, node = c->to_host.data[i], pe = wfc_be_chk_node_pe(c, node, &local);
        if (pe == WFC_CHK_NONE || distance[node] == NO_VALUE) continue;
        int32_t later = -distance[node] - trace_of(g, pe)->nodes.data[local].offset;
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

/* Nor may an output of sample n do without input n, or there is one too many after the last. What comes first on a host
 * stream decides: the merge holds the others back. Only what holds in the machine too counts here: hard arcs. */
static wfc_status not_early(const graph *g) {
    wfc_chk *c = g->c;
    int32_t *distance;
    wfc_status s = distances(g, true, &distance);
    for (size_t i = 0; s == WFC_OK && i < c->first_to_host.count; i++) {
        uint32_t local, op = c->first_to_host.data[i], node = wfc_be_chk_first_piece(c, op);
        uint32_t pe = wfc_be_chk_node_pe(c, op, &local);
        if (pe == WFC_CHK_NONE) continue;
        int32_t offset = node == op ? trace_of(g, pe)->nodes.data[local].offset : 0;
        if (distance[node] != NO_VALUE && distance[node] + offset <= 0) continue;
        wfc_be_chk_error(c, WFC_CHK_EARLY, pe,
                         "what it sends to the host of a sample does not wait for any input of that sample, so after "
                         "the last sample it sends one too many; let it receive a word per sample");
        break;
    }
    wfc_free(distance);
    return s;
}

/* --- the report --- */
static void describe(const graph *g, uint32_t node, wfc_buf *out) {
    uint32_t piece = 0;
    bool flow = false;
    if (node >= g->c->extra_base) node = wfc_be_chk_extra_op(g->c, node, &piece, &flow);
    frame f = frame_of(g, node);
    if (f.pe == WFC_CHK_NONE) {
        wfc_buf_printf(out, "the host sends an input stream");
        return;
    }
    const wfc_chk_trace *t = trace_of(g, f.pe);
    const wfc_prog_pe *pe = &g->c->p->pes[f.pe];
    const wfc_chk_node *n = &t->nodes.data[f.local];
    const wfc_chk_event *e = &t->events.data[n->event];
    wfc_buf_printf(out, "PE (%u,%u)", (unsigned)pe->x, (unsigned)pe->y);
    if (pe->layer < g->c->p->layer_count && g->c->p->layers[pe->layer].name)
        wfc_buf_printf(out, " [%s]", g->c->p->layers[pe->layer].name);
    if (e->kind == WFC_CHK_WAIT) {
        wfc_buf_printf(out, " waits for microthread %u", (unsigned)e->ut);
        return;
    }
    bool in = e->in_queue != WFC_CHK_NO_QUEUE, out_too = e->out_queue != WFC_CHK_NO_QUEUE;
    const char *start = e->kind == WFC_CHK_ISSUE && n->role == WFC_CHK_MAIN ? " starts to" : "";
    if (in) wfc_buf_printf(out, "%s receive %u words of colour %u", start, e->in_words, t->in[e->in_queue].colour);
    if (in && out_too) wfc_buf_printf(out, " and");
    if (out_too) wfc_buf_printf(out, "%s send %u words on colour %u", start, e->out_words, t->out[e->out_queue].colour);
    if (!in && !out_too) wfc_buf_printf(out, "%s run microthread %u", start, (unsigned)e->ut);
    wfc_buf_printf(out, " (instruction %u", (unsigned)e->pc);
    if (piece) wfc_buf_printf(out, ", up to word %u", (unsigned)piece);
    wfc_buf_printf(out, ")");
}

/* Path nodes from the one closed again to the top of the stack, in the words "x needs y": against the arcs. Of a
 * stretch within one PE only the ends are told. */
static void report_cycle(const graph *g, const frames *path, uint32_t closed) {
    size_t first = path->count;
    while (first > 0 && path->data[first - 1].node != closed) first--;
    first--;
    uint32_t ignored_words, at = path->data[first].node;
    bool ignored_flow;
    if (at >= g->c->extra_base) at = wfc_be_chk_extra_op(g->c, at, &ignored_words, &ignored_flow);
    wfc_buf text = {0};
    unsigned told = 0, skipped = 0;
    for (size_t i = path->count; i-- > first;) {
        bool inner = i + 1 < path->count && i > first && path->data[i].pe == path->data[i + 1].pe &&
                     path->data[i].pe == path->data[i - 1].pe;
        if (inner) continue;
        if (told == 12) {
            skipped++;
            continue;
        }
        if (told++) wfc_buf_printf(&text, ", needs: ");
        describe(g, path->data[i].node, &text);
    }
    if (skipped) wfc_buf_printf(&text, ", and so on over %u more", skipped);
    wfc_be_chk_error(g->c, WFC_CHK_CYCLE, frame_of(g, at).pe,
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
        wfc_chk_arc a;
        if (!next_arc(g, top, &a)) {
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
        WFC_TRY(wfc_vec_push(path, frame_of(g, a.to)));
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
    wfc_status s = sort_arcs(&g);
    if (s == WFC_OK && has_negative(&g)) s = renumber(&g, &settled);
    if (!settled) { /* search among the arcs as they are: those below zero count as token-free */
        wfc_free(g.shift);
        g.shift = NULL;
    }
    bool renumbered = g.shift != NULL;
    uint32_t before = c->errors;
    if (s == WFC_OK) s = search(&g);
    wfc_free(g.shift); /* distances are those of the graph as it was */
    g.shift = NULL;
    if (s == WFC_OK && renumbered && c->errors == before) s = not_late(&g);
    if (s == WFC_OK && settled && c->errors == before) s = not_early(&g);
    if (s == WFC_OK && !settled && c->errors == before)
        wfc_be_chk_error(c, WFC_CHK_CYCLE, WFC_CHK_NONE,
                         "deadlock: PEs wait in one iteration for samples that depend on a later one; the cycle runs "
                         "through receives that are waited for ahead of their iteration");
    wfc_free(g.start);
    wfc_free(g.sorted);
    wfc_free(g.colour);
    return s;
}
