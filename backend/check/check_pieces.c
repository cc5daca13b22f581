/* From who takes whose words to the arcs between PEs.
 *
 * A send may serve several receives, and then it must not be one node. Example, a reduce-scatter: row 0 sends 6 words;
 * row 1 passes the first 3 on by a microthread, waits for it, and takes the other 3. As one node the send would need
 * the second receive to be armed, which waits for the first to be over, which needs the send: no deadlock, since words
 * come one by one. So a send is cut where a receive begins or ends.
 *
 * Words that are passed on are the words of the send where they begin: "words 0..3 of row 1" are words 0..3 of row 0,
 * and of row 2, where they are taken. All these are one node, "they are delivered at the end of their way", which
 * needs all who pass them on to have started. So only sends that take nothing have pieces, and however long the way
 * is, a piece is one node. docs/deadlock.md says why nothing is lost by that.
 *
 * Of an operation cut at words 3 and 5 of 9, the pieces are 0..3, 3..5, 5..9. The last piece's node is the
 * operation's own; each cut adds a node for the piece that ends there, numbered by samples. */
#include "backend/check/check_internal.h"

/* Words at.. of a relay (an operation that passes words on) are words op_at.. of op, which does not. */
typedef struct span {
    uint32_t at, op, op_at, words;
} span;

typedef struct pieces {
    wfc_chk *c;
    wfc_chk_marks relays;
    uint32_t *first_transfer;          /* [relays] */
    uint32_t *span_first, *span_count; /* [relays] */
    WFC_VEC(span) spans;
    WFC_VEC(uint32_t) stack;
    wfc_chk_marks cut_ops;
    uint32_t *first_cut; /* [cut ops + 1] */
    bool counting;       /* first pass over the arcs: they are counted, not stored */
    bool ring;
} pieces;

static const wfc_chk_event *event_of(const wfc_chk *c, uint32_t op, uint32_t *out_pe) {
    uint32_t local, pe = wfc_be_chk_node_pe(c, op, &local);
    if (out_pe) *out_pe = pe;
    if (pe == WFC_CHK_NONE) return NULL;
    const wfc_chk_trace *t = &c->traces[c->trace_of[pe]];
    return &t->events.data[t->nodes.data[local].event];
}

static int32_t offset_of(const wfc_chk *c, uint32_t node) {
    if (!c->offsets) return 0;
    uint32_t local, pe = wfc_be_chk_node_pe(c, node, &local);
    return pe == WFC_CHK_NONE ? 0 : c->traces[c->trace_of[pe]].nodes.data[local].offset;
}

static uint32_t words_of(const wfc_chk *c, uint32_t op) {
    const wfc_chk_event *e = event_of(c, op, NULL);
    return e ? e->out_words : c->host_words[op - c->host_base];
}

/* --- relays: where their words begin --- */
static bool is_group_start(const wfc_chk *c, size_t i) {
    return i == 0 || c->transfers.data[i].receive != c->transfers.data[i - 1].receive;
}

static wfc_status list_relays(pieces *s) {
    wfc_chk *c = s->c;
    if (c->transfers.count >= UINT32_MAX) return WFC_ERR_NO_MEMORY;
    WFC_TRY(wfc_be_chk_marks_init(&s->relays, c->node_count));
    for (size_t i = 0; i < c->transfers.count; i++)
        if (c->transfers.data[i].relay) wfc_be_chk_mark(&s->relays, c->transfers.data[i].receive);
    wfc_be_chk_marks_seal(&s->relays, c->node_count);
    s->first_transfer = wfc_calloc(s->relays.count + 1u, sizeof *s->first_transfer);
    s->span_first = wfc_calloc(s->relays.count + 1u, sizeof *s->span_first);
    s->span_count = wfc_calloc(s->relays.count + 1u, sizeof *s->span_count);
    if (!s->first_transfer || !s->span_first || !s->span_count) return WFC_ERR_NO_MEMORY;
    for (size_t i = 0; i < c->transfers.count; i++)
        if (c->transfers.data[i].relay && is_group_start(c, i))
            s->first_transfer[wfc_be_chk_mark_index(&s->relays, c->transfers.data[i].receive)] = (uint32_t)i;
    return WFC_OK;
}

static wfc_status add_span(pieces *s, uint32_t relay, span n) {
    if (s->span_count[relay]) {
        span *last = &s->spans.data[s->spans.count - 1];
        if (last->op == n.op && last->op_at + last->words == n.op_at) {
            last->words += n.words;
            return WFC_OK;
        }
    }
    s->span_count[relay]++;
    return wfc_vec_push(&s->spans, n);
}

/* The spans of a relay, from those of the relays before it. */
static wfc_status compose(pieces *s, uint32_t relay) {
    const wfc_chk *c = s->c;
    s->span_first[relay] = (uint32_t)s->spans.count;
    for (size_t i = s->first_transfer[relay]; i < c->transfers.count; i++) {
        const wfc_chk_transfer *t = &c->transfers.data[i];
        if (i > s->first_transfer[relay] && is_group_start(c, i)) break;
        if (!wfc_be_chk_is_marked(&s->relays, t->send)) {
            WFC_TRY(add_span(s, relay, (span){t->receive_at, t->send, t->send_at, t->words}));
            continue;
        }
        uint32_t from = wfc_be_chk_mark_index(&s->relays, t->send), end = t->send_at + t->words;
        for (uint32_t k = 0; k < s->span_count[from]; k++) {
            span n = s->spans.data[s->span_first[from] + k];
            uint32_t lo = n.at > t->send_at ? n.at : t->send_at, hi = n.at + n.words < end ? n.at + n.words : end;
            if (lo >= hi) continue;
            WFC_TRY(
                add_span(s, relay, (span){t->receive_at + (lo - t->send_at), n.op, n.op_at + (lo - n.at), hi - lo}));
        }
    }
    return s->spans.count < UINT32_MAX ? WFC_OK : WFC_ERR_NO_MEMORY;
}

/* Relays that feed each other in a ring. `at`: index on the stack of the one that is met again. */
static void report_ring(pieces *s, size_t at) {
    wfc_buf text = {0};
    uint32_t ignored, op = s->stack.data[at];
    for (size_t i = at; i < s->stack.count && i < at + 12; i++) {
        if (i > at) wfc_buf_printf(&text, ", needs: ");
        wfc_be_chk_tell_node(s->c, s->stack.data[i], &text);
    }
    wfc_be_chk_error(
        s->c, WFC_CHK_CYCLE, wfc_be_chk_node_pe(s->c, op, &ignored),
        "deadlock, words are passed on in a ring and nobody sends first: %s; let one of them send before it "
        "receives",
        text.failed || !text.data ? "(out of memory)" : text.data);
    wfc_buf_deinit(&text);
    s->ring = true;
}

/* The first relay, not resolved yet, that this one takes words of; WFC_CHK_NONE: there is none. */
static uint32_t unresolved_source(const pieces *s, uint32_t relay, const uint8_t *state) {
    const wfc_chk *c = s->c;
    for (size_t i = s->first_transfer[relay]; i < c->transfers.count; i++) {
        if (i > s->first_transfer[relay] && is_group_start(c, i)) break;
        uint32_t send = c->transfers.data[i].send;
        if (wfc_be_chk_is_marked(&s->relays, send) && state[wfc_be_chk_mark_index(&s->relays, send)] != 2) return send;
    }
    return WFC_CHK_NONE;
}

/* state: 0 new, 1 on the stack, 2 resolved. */
static wfc_status resolve(pieces *s, uint32_t op, uint8_t *state) {
    s->stack.count = 0;
    if (state[wfc_be_chk_mark_index(&s->relays, op)] == 2) return WFC_OK;
    WFC_TRY(wfc_vec_push(&s->stack, op));
    while (s->stack.count > 0) {
        uint32_t relay = wfc_be_chk_mark_index(&s->relays, s->stack.data[s->stack.count - 1]);
        state[relay] = 1;
        uint32_t source = unresolved_source(s, relay, state);
        if (source == WFC_CHK_NONE) {
            WFC_TRY(compose(s, relay));
            state[relay] = 2;
            s->stack.count--;
            continue;
        }
        if (state[wfc_be_chk_mark_index(&s->relays, source)] == 1) {
            size_t at = s->stack.count - 1;
            while (s->stack.data[at] != source) at--;
            report_ring(s, at);
            return WFC_OK;
        }
        WFC_TRY(wfc_vec_push(&s->stack, source));
    }
    return WFC_OK;
}

static wfc_status resolve_relays(pieces *s) {
    const wfc_chk *c = s->c;
    WFC_TRY(list_relays(s));
    uint8_t *state = wfc_calloc(s->relays.count + 1u, 1);
    wfc_status status = state ? WFC_OK : WFC_ERR_NO_MEMORY;
    for (size_t i = 0; status == WFC_OK && !s->ring && i < c->transfers.count; i++)
        if (c->transfers.data[i].relay && is_group_start(c, i))
            status = resolve(s, c->transfers.data[i].receive, state);
    wfc_free(state);
    return status;
}

/* Where word `at` of an operation begins its way: *at becomes the word of the operation returned. */
static uint32_t origin(const pieces *s, uint32_t op, uint32_t *at) {
    if (!wfc_be_chk_is_marked(&s->relays, op)) return op;
    uint32_t relay = wfc_be_chk_mark_index(&s->relays, op), lo = 0, hi = s->span_count[relay];
    const span *spans = s->spans.data + s->span_first[relay];
    if (hi == 0) return op;
    while (hi - lo > 1) { /* the last span that does not begin beyond */
        uint32_t mid = lo + (hi - lo) / 2;
        if (spans[mid].at <= *at)
            lo = mid;
        else
            hi = mid;
    }
    *at = spans[lo].op_at + (*at - spans[lo].at);
    return spans[lo].op;
}

/* --- cuts --- */
static wfc_status add_cut(pieces *s, uint32_t op, uint32_t at) {
    if (at == 0 || at >= words_of(s->c, op)) return WFC_OK;
    return wfc_vec_push(&s->c->cuts, (uint64_t)op << 32 | at);
}

static wfc_status find_cuts(pieces *s) {
    wfc_chk *c = s->c;
    for (size_t i = 0; i < c->transfers.count; i++) {
        const wfc_chk_transfer *t = &c->transfers.data[i];
        uint32_t begin = t->send_at, last = t->send_at + t->words - 1;
        uint32_t op = origin(s, t->send, &begin);
        WFC_TRY(add_cut(s, op, begin));
        op = origin(s, t->send, &last);
        WFC_TRY(add_cut(s, op, last + 1));
    }
    WFC_TRY(wfc_be_chk_sort(c->cuts.data, c->cuts.count));
    size_t n = 0;
    for (size_t i = 0; i < c->cuts.count; i++)
        if (n == 0 || c->cuts.data[n - 1] != c->cuts.data[i]) c->cuts.data[n++] = c->cuts.data[i];
    c->cuts.count = n;
    if (n >= UINT32_MAX / 4) return WFC_ERR_NO_MEMORY;
    return WFC_OK;
}

static wfc_status index_cuts(pieces *s) {
    wfc_chk *c = s->c;
    uint32_t n = (uint32_t)c->cuts.count;
    WFC_TRY(wfc_be_chk_marks_init(&s->cut_ops, c->node_count));
    for (uint32_t i = 0; i < n; i++) wfc_be_chk_mark(&s->cut_ops, (uint32_t)(c->cuts.data[i] >> 32));
    wfc_be_chk_marks_seal(&s->cut_ops, c->node_count);
    s->first_cut = wfc_calloc(s->cut_ops.count + 1u, sizeof *s->first_cut);
    if (!s->first_cut) return WFC_ERR_NO_MEMORY;
    for (uint32_t i = n; i-- > 0;)
        s->first_cut[wfc_be_chk_mark_index(&s->cut_ops, (uint32_t)(c->cuts.data[i] >> 32))] = i;
    s->first_cut[s->cut_ops.count] = n;
    c->extra_base = c->node_count;
    c->node_count += n;
    return WFC_OK;
}

/* Node of the piece that holds word `at` of an operation. */
static uint32_t piece_at(const pieces *s, uint32_t op, uint32_t at) {
    op = origin(s, op, &at);
    if (!wfc_be_chk_is_marked(&s->cut_ops, op)) return op;
    uint32_t k = wfc_be_chk_mark_index(&s->cut_ops, op), lo = s->first_cut[k], end = s->first_cut[k + 1], hi = end;
    while (lo < hi) { /* the first cut beyond the word */
        uint32_t mid = lo + (hi - lo) / 2;
        if ((uint32_t)s->c->cuts.data[mid] <= at)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < end ? s->c->extra_base + lo : op;
}

/* --- arcs --- */
/* `tokens` as if both ends were numbered by samples. */
static void arc(pieces *s, uint32_t from, uint32_t to, int32_t tokens, bool soft) {
    wfc_chk *c = s->c;
    if (s->counting) {
        c->cross_start[from + 2]++;
        return;
    }
    tokens += offset_of(c, from) - offset_of(c, to);
    c->cross[c->cross_start[from + 1]++] = (wfc_chk_cross){to, 2 * tokens + soft};
}

/* Node after which an operation starts; its number is an iteration's, so `tokens` is already that of the arc. */
static void start_of(const pieces *s, uint32_t op, uint32_t *node, int32_t *tokens) {
    uint32_t pe, local;
    const wfc_chk_event *e = event_of(s->c, op, &pe);
    const wfc_chk_trace *t = &s->c->traces[s->c->trace_of[pe]];
    wfc_be_chk_start(t, (uint32_t)(e - t->events.data), &local, tokens);
    *node = s->c->node_base[pe] + local;
    *tokens -= offset_of(s->c, *node); /* arc() adds it again */
}

/* The pieces of a cut operation follow each other; the first follows its start. */
static void chain_pieces(pieces *s, uint32_t k) {
    wfc_chk *c = s->c;
    uint32_t op = (uint32_t)(c->cuts.data[s->first_cut[k]] >> 32);
    if (op < c->host_base) {
        uint32_t start;
        int32_t tokens;
        start_of(s, op, &start, &tokens);
        arc(s, start, c->extra_base + s->first_cut[k], tokens, false);
    }
    for (uint32_t i = s->first_cut[k]; i < s->first_cut[k + 1]; i++)
        arc(s, c->extra_base + i, i + 1 < s->first_cut[k + 1] ? c->extra_base + i + 1 : op, 0, false);
}

/* What is taken needs its taker armed; who passes it on is one of those it needs. The taker needs it. */
static void join(pieces *s, size_t i) {
    const wfc_chk_transfer *t = &s->c->transfers.data[i];
    uint32_t first = piece_at(s, t->send, t->send_at), last = piece_at(s, t->send, t->send_at + t->words - 1), start;
    int32_t tokens = 0;
    if (t->relay) {
        uint32_t pe;
        const wfc_chk_event *e = event_of(s->c, t->receive, &pe);
        start = s->c->node_base[pe] + e->flow;
    } else {
        start_of(s, t->receive, &start, &tokens);
    }
    arc(s, start, first, tokens, true);
    if (last != t->receive) arc(s, last, t->receive, 0, false);
    if (!t->relay || is_group_start(s->c, i)) return;
    const wfc_chk_transfer *before = t - 1; /* a relay's words keep their order, wherever they come from */
    uint32_t end = piece_at(s, before->send, before->send_at + before->words - 1);
    if (end != first) arc(s, end, first, 0, true);
}

static void pass_over_arcs(pieces *s) {
    wfc_chk *c = s->c;
    for (uint32_t k = 0; k < s->cut_ops.count; k++) chain_pieces(s, k);
    for (size_t i = 0; i < c->transfers.count; i++) join(s, i);
    for (size_t i = 0; i < c->orders.count; i++) {
        const wfc_chk_order *o = &c->orders.data[i];
        arc(s, o->before, piece_at(s, o->after, 0), o->turns, true);
    }
}

/* Counted, then stored in place: there may be tens of millions. */
static wfc_status make_arcs(pieces *s) {
    wfc_chk *c = s->c;
    uint64_t total = 0;
    c->cross_start = wfc_calloc(c->node_count + 3u, sizeof *c->cross_start);
    if (!c->cross_start) return WFC_ERR_NO_MEMORY;
    s->counting = true;
    pass_over_arcs(s);
    for (uint32_t i = 2; i < c->node_count + 2; i++) {
        total += c->cross_start[i];
        if (total >= WFC_CHK_NONE) return WFC_ERR_NO_MEMORY;
        c->cross_start[i] = (uint32_t)total;
    }
    c->cross = wfc_calloc(total + 1, sizeof *c->cross);
    if (!c->cross) return WFC_ERR_NO_MEMORY;
    s->counting = false;
    pass_over_arcs(s);
    return WFC_OK;
}

static wfc_status make_pieces(pieces *s) {
    wfc_chk *c = s->c;
    WFC_TRY(resolve_relays(s));
    if (s->ring) return WFC_OK;
    WFC_TRY(find_cuts(s));
    WFC_TRY(index_cuts(s));
    WFC_TRY(make_arcs(s));
    for (size_t i = 0; i < c->first_to_host.count; i++) {
        wfc_chk_first *f = &c->first_to_host.data[i];
        f->node = piece_at(s, f->op, 0);
    }
    return WFC_OK;
}

wfc_status wfc_be_chk_pieces(wfc_chk *c) {
    pieces s = {.c = c};
    wfc_status status = make_pieces(&s);
    wfc_be_chk_marks_deinit(&s.relays);
    wfc_be_chk_marks_deinit(&s.cut_ops);
    wfc_free(s.first_transfer);
    wfc_free(s.span_first);
    wfc_free(s.span_count);
    wfc_free(s.first_cut);
    wfc_vec_free(&s.spans);
    wfc_vec_free(&s.stack);
    wfc_vec_free(&c->transfers);
    wfc_vec_free(&c->orders);
    return status;
}

uint32_t wfc_be_chk_extra_op(const wfc_chk *c, uint32_t node, uint32_t *words) {
    uint64_t cut = c->cuts.data[node - c->extra_base];
    *words = (uint32_t)cut;
    return (uint32_t)(cut >> 32);
}
