/* From the events of one iteration to the nodes and arcs of a PE's event graph (docs/deadlock.md), and the part of
 * condition 2 that the events show: who is armed ahead, on which microthread. */
#include "backend/check/check_internal.h"

/* Position of an event's words on its queue: m samples ahead of the iteration; the words must lie within one sample. */
static bool place(wfc_chk_trace *t, const wfc_chk_queue *q, uint64_t before, uint32_t words, uint32_t *out_ahead) {
    if (q->words == 0) {
        *out_ahead = 0;
        return true;
    }
    uint64_t first = q->ahead_words + before;
    if (words > 0 && first / q->words != (first + words - 1) / q->words) {
        wfc_be_chk_fault(t, WFC_CHK_NOT_CHECKABLE,
                         "not checkable, colour %u: one instruction takes words of two samples; end each sample's "
                         "words with the end of an instruction",
                         (unsigned)q->colour);
        return false;
    }
    uint64_t ahead = first / q->words;
    if (ahead > 1024) {
        wfc_be_chk_fault(t, WFC_CHK_NOT_CHECKABLE, "not checkable, colour %u: armed more than 1024 samples ahead",
                         (unsigned)q->colour);
        return false;
    }
    *out_ahead = (uint32_t)ahead;
    return true;
}

static bool on_queue(const wfc_chk_event *e, unsigned queue, bool in) {
    return (in ? e->in_queue : e->out_queue) == queue;
}

/* The event of the queue before index `at` of the loop, cyclically; NULL when the loop has none. */
static const wfc_chk_event *one_before(const wfc_chk_events *loop, unsigned queue, bool in, size_t *at) {
    for (size_t left = loop->count; left-- > 0;) {
        *at = *at == 0 ? loop->count - 1 : *at - 1;
        if (on_queue(&loop->data[*at], queue, in)) return &loop->data[*at];
    }
    return NULL;
}

/* The events of the prologue on each queue must be what the loop would have done in the turns before the first. */
static bool prologue_fits(wfc_chk_trace *t, unsigned queue, bool in) {
    size_t at = t->events.count;
    for (size_t i = t->prologue.count; i-- > 0;) {
        const wfc_chk_event *e = &t->prologue.data[i];
        if (!on_queue(e, queue, in)) continue;
        const wfc_chk_event *l = one_before(&t->events, queue, in, &at);
        if (!l || l->kind != e->kind || l->ut != e->ut || l->in_queue != e->in_queue || l->out_queue != e->out_queue ||
            l->control != e->control || l->in_words != e->in_words || l->out_words != e->out_words) {
            wfc_be_chk_fault(t, WFC_CHK_NOT_CHECKABLE,
                             "not checkable: what the prologue %s on queue %u is not what the loop goes on with",
                             in ? "receives" : "sends", queue);
            return false;
        }
    }
    const wfc_chk_queue *q = in ? &t->in[queue] : &t->out[queue];
    if (!in && q->words && q->ahead_words % q->words) {
        wfc_be_chk_fault(t, WFC_CHK_NOT_CHECKABLE, "not checkable: the prologue sends a part of a sample on queue %u",
                         queue);
        return false;
    }
    return true;
}

static bool place_events(wfc_chk_trace *t) {
    uint64_t in_before[WFC_TARGET_MAX_QUEUES] = {0}, out_before[WFC_TARGET_MAX_QUEUES] = {0};
    for (size_t i = 0; i < t->events.count; i++) {
        wfc_chk_event *e = &t->events.data[i];
        uint32_t in = 0, out = 0;
        bool has_in = e->in_queue != WFC_CHK_NO_QUEUE, has_out = e->out_queue != WFC_CHK_NO_QUEUE;
        if ((has_in && !t->in[e->in_queue].bound) || (has_out && !t->out[e->out_queue].bound)) {
            wfc_be_chk_fault(t, WFC_CHK_QUEUE, "instruction %u uses %s queue %u, which has no colour", (unsigned)e->pc,
                             has_in ? "input" : "output", (unsigned)(has_in ? e->in_queue : e->out_queue));
            return false;
        }
        if (has_in && !place(t, &t->in[e->in_queue], in_before[e->in_queue], e->in_words, &in)) return false;
        /* sends ahead are whole samples, checked by prologue_fits, so every event of a queue is equally far ahead */
        if (has_out && t->out[e->out_queue].words)
            out = (uint32_t)(t->out[e->out_queue].ahead_words / t->out[e->out_queue].words);
        if (has_in) in_before[e->in_queue] += e->in_words;
        if (has_out) out_before[e->out_queue] += e->out_words;
        if (has_in && has_out && e->in_words != e->out_words) {
            wfc_be_chk_fault(t, WFC_CHK_NOT_CHECKABLE, "not checkable: instruction %u takes %u words and sends %u",
                             (unsigned)e->pc, (unsigned)e->in_words, (unsigned)e->out_words);
            return false;
        }
        if (has_in && has_out && in != out) {
            wfc_be_chk_fault(t, WFC_CHK_NOT_CHECKABLE,
                             "not checkable: instruction %u passes words on to another sample", (unsigned)e->pc);
            return false;
        }
        e->ahead = has_in ? in : out;
    }
    return true;
}

bool wfc_be_chk_place(wfc_chk_trace *t) {
    for (unsigned q = 0; q < WFC_TARGET_MAX_QUEUES; q++)
        if (!prologue_fits(t, q, true) || !prologue_fits(t, q, false)) return false;
    return place_events(t);
}

/* An asynchronous receive must be armed a sample ahead, on a microthread that serves no other queue. */
static bool check_receive(wfc_chk_trace *t, const wfc_chk_event *e, uint8_t *ut_queue) {
    const wfc_chk_queue *q = &t->in[e->in_queue];
    if (ut_queue[e->ut] != e->in_queue) {
        wfc_be_chk_fault(
            t, WFC_CHK_BUFFER,
            "colour %u: microthread %u of the receive at instruction %u also serves another queue; each lane "
            "end needs a microthread of its own",
            (unsigned)q->colour, (unsigned)e->ut, (unsigned)e->pc);
        return false;
    }
    if (q->ahead_words < q->words || !e->in_buffer.known) {
        wfc_be_chk_fault(
            t, WFC_CHK_BUFFER,
            "colour %u: the receive at instruction %u has room for one sample only; arm it in the prologue "
            "and toggle between two buffers",
            (unsigned)q->colour, (unsigned)e->pc);
        return false;
    }
    return true;
}

/* Which queue a microthread serves: the input queue of its receives, NO_QUEUE when it serves several or sends. */
static void assign_microthreads(wfc_chk_trace *t, uint8_t *ut_queue) {
    bool used[WFC_NUM_CONTEXTS] = {false};
    for (unsigned i = 0; i < WFC_NUM_CONTEXTS; i++) ut_queue[i] = WFC_CHK_NO_QUEUE;
    for (size_t i = 0; i < t->events.count; i++) {
        const wfc_chk_event *e = &t->events.data[i];
        if (e->kind != WFC_CHK_ISSUE) continue;
        if (!used[e->ut]) {
            used[e->ut] = true;
            ut_queue[e->ut] = e->in_queue;
            t->microthreads++;
        } else if (ut_queue[e->ut] != e->in_queue) {
            ut_queue[e->ut] = WFC_CHK_NO_QUEUE;
        }
    }
}

/* A receive into memory by a microthread; all others are steps of a chain. */
static bool is_buffered(const wfc_chk_event *e) {
    return e->kind == WFC_CHK_ISSUE && e->in_queue != WFC_CHK_NO_QUEUE && e->out_queue == WFC_CHK_NO_QUEUE;
}

static bool check_receives(wfc_chk_trace *t) {
    uint8_t ut_queue[WFC_NUM_CONTEXTS], ut_of_queue[WFC_TARGET_MAX_QUEUES] = {0};
    bool buffered[WFC_TARGET_MAX_QUEUES] = {false}, chain[WFC_TARGET_MAX_QUEUES] = {false};
    assign_microthreads(t, ut_queue);
    for (size_t i = 0; i < t->events.count; i++) {
        const wfc_chk_event *e = &t->events.data[i];
        if (e->in_queue == WFC_CHK_NO_QUEUE) continue;
        *(is_buffered(e) ? &buffered[e->in_queue] : &chain[e->in_queue]) = true;
        if (!is_buffered(e)) continue;
        if (ut_of_queue[e->in_queue] == 0) ut_of_queue[e->in_queue] = e->ut;
        if (ut_of_queue[e->in_queue] != e->ut) {
            wfc_be_chk_fault(t, WFC_CHK_BUFFER, "colour %u: its receives use microthreads %u and %u; use one",
                             (unsigned)t->in[e->in_queue].colour, (unsigned)ut_of_queue[e->in_queue], (unsigned)e->ut);
            return false;
        }
        if (!check_receive(t, e, ut_queue)) return false;
    }
    for (unsigned q = 0; q < WFC_TARGET_MAX_QUEUES; q++) {
        if (buffered[q] && chain[q]) {
            wfc_be_chk_fault(t, WFC_CHK_NOT_CHECKABLE,
                             "not checkable, colour %u: both buffered receives and steps of a chain take words from it",
                             (unsigned)t->in[q].colour);
            return false;
        }
        t->buffered_receives += buffered[q];
        t->chain_receives += chain[q];
    }
    return true;
}

static wfc_status add_arc(wfc_chk_trace *t, uint32_t from, uint32_t to, int32_t tokens) {
    return wfc_vec_push(&t->arcs, (wfc_chk_arc){from, to, tokens, false});
}

static wfc_status add_node(wfc_chk_trace *t, uint32_t event, int role, int32_t offset, uint32_t *out_node) {
    wfc_chk_node node = {.event = event, .offset = offset};
    node.role = role == WFC_CHK_DONE ? WFC_CHK_DONE : role == WFC_CHK_FLOW ? WFC_CHK_FLOW : WFC_CHK_MAIN;
    if (out_node) *out_node = (uint32_t)t->nodes.count;
    return wfc_vec_push(&t->nodes, node);
}

void wfc_be_chk_start(const wfc_chk_trace *t, uint32_t e, uint32_t *node, int32_t *tokens) {
    const wfc_chk_event *ev = &t->events.data[e];
    uint32_t n = (uint32_t)t->events.count;
    *tokens = (int32_t)ev->ahead;
    *node = e;
    if (ev->kind == WFC_CHK_ISSUE) return;
    *node = e == 0 ? n - 1 : e - 1; /* a synchronous operation starts when the one before is done */
    *tokens += e == 0;
}

static wfc_status add_nodes(wfc_chk_trace *t) {
    for (uint32_t i = 0; i < t->events.count; i++) {
        wfc_chk_event *e = &t->events.data[i];
        e->done = i;
        e->flow = WFC_CHK_NONE;
        WFC_TRY(add_node(t, i, WFC_CHK_MAIN, e->kind == WFC_CHK_SYNC ? (int32_t)e->ahead : 0, NULL));
    }
    for (uint32_t i = 0; i < t->events.count; i++) {
        wfc_chk_event *e = &t->events.data[i];
        if (e->kind == WFC_CHK_ISSUE) WFC_TRY(add_node(t, i, WFC_CHK_DONE, 0, &e->done));
        if (e->in_queue != WFC_CHK_NO_QUEUE && e->out_queue != WFC_CHK_NO_QUEUE)
            WFC_TRY(add_node(t, i, WFC_CHK_FLOW, 0, &e->flow));
    }
    return WFC_OK;
}

/* What event i (an issue, or a wait) waits for on its microthread: the latest issue before it, in this turn or, with a
 * token more, in the turn before. */
static wfc_status add_microthread_arc(wfc_chk_trace *t, uint32_t i, const uint32_t *last,
                                      const uint32_t *last_of_turn) {
    const wfc_chk_event *e = &t->events.data[i];
    uint32_t j = last[e->ut], turn = 0;
    if (j == WFC_CHK_NONE) {
        j = last_of_turn[e->ut];
        turn = 1;
    }
    if (j == WFC_CHK_NONE) return WFC_OK; /* nothing ever runs there */
    const wfc_chk_event *before = &t->events.data[j];
    return add_arc(t, before->done, i, (int32_t)turn - (int32_t)before->ahead);
}

static wfc_status add_arcs(wfc_chk_trace *t) {
    uint32_t n = (uint32_t)t->events.count, last[WFC_NUM_CONTEXTS], last_of_turn[WFC_NUM_CONTEXTS];
    for (unsigned u = 0; u < WFC_NUM_CONTEXTS; u++) last[u] = last_of_turn[u] = WFC_CHK_NONE;
    for (uint32_t i = 0; i < n; i++)
        if (t->events.data[i].kind == WFC_CHK_ISSUE) last_of_turn[t->events.data[i].ut] = i;
    for (uint32_t i = 0; i < n; i++) {
        const wfc_chk_event *e = &t->events.data[i];
        WFC_TRY(add_arc(t, i, i + 1 < n ? i + 1 : 0, i + 1 < n ? 0 : 1));
        if (e->kind != WFC_CHK_SYNC) WFC_TRY(add_microthread_arc(t, i, last, last_of_turn));
        if (e->kind == WFC_CHK_ISSUE) {
            last[e->ut] = i;
            WFC_TRY(add_arc(t, i, e->done, (int32_t)e->ahead));
        }
        if (e->flow == WFC_CHK_NONE) continue;
        uint32_t start;
        int32_t tokens;
        wfc_be_chk_start(t, i, &start, &tokens);
        WFC_TRY(add_arc(t, start, e->flow, tokens));
        WFC_TRY(add_arc(t, e->flow, e->done, e->kind == WFC_CHK_SYNC ? -(int32_t)e->ahead : 0));
    }
    return WFC_OK;
}

/* Counting sort of the arcs by where they start. */
static wfc_status index_arcs(wfc_chk_trace *t) {
    size_t nodes = t->nodes.count;
    t->arc_start = wfc_calloc(nodes + 2, sizeof *t->arc_start);
    wfc_chk_arc *sorted = wfc_calloc(t->arcs.count + 1, sizeof *sorted);
    if (!t->arc_start || !sorted) {
        wfc_free(sorted);
        return WFC_ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < t->arcs.count; i++) t->arc_start[t->arcs.data[i].from + 2]++;
    for (size_t i = 2; i < nodes + 2; i++) t->arc_start[i] += t->arc_start[i - 1];
    for (size_t i = 0; i < t->arcs.count; i++) sorted[t->arc_start[t->arcs.data[i].from + 1]++] = t->arcs.data[i];
    wfc_free(t->arcs.data);
    t->arcs.data = sorted;
    t->arcs.capacity = t->arcs.count + 1;
    return WFC_OK;
}

wfc_status wfc_be_chk_trace_link(const wfc_target *target, wfc_chk_trace *t) {
    if (t->fault_code) return WFC_OK;
    if (!check_receives(t)) return WFC_OK;
    if (t->microthreads > target->microthreads)
        wfc_be_chk_fault(t, WFC_CHK_LIMIT, "%u microthreads; the target has %u", (unsigned)t->microthreads,
                         (unsigned)target->microthreads);
    WFC_TRY(add_nodes(t));
    WFC_TRY(add_arcs(t));
    return index_arcs(t);
}
