/* The PE's side of the flow: what a filter lets through, what the program takes, and from whom.
 *
 * Example: a lane brings segments a (4 words), b (4), c (4); the filter accepts words 2..9 of each 12; the program
 * takes them with two receives of 4. Accepted: words 2..3 of a, b, words 0..1 of c. Receive 0 takes two words of a and
 * two of b, receive 1 the rest. */
#include "backend/check/check_flow.h"

#include <stdio.h>

wfc_status wfc_be_chk_order(flow *f, uint32_t a, uint32_t b, int32_t turns) {
    return a == b ? WFC_OK : wfc_vec_push(&f->c->orders, (wfc_chk_order){a, b, turns});
}

static void describe(const flow *f, uint32_t node, char *out, size_t n) {
    uint32_t local, pe = wfc_be_chk_node_pe(f->c, node, &local);
    if (pe == WFC_CHK_NONE)
        snprintf(out, n, "a host stream");
    else
        snprintf(out, n, "PE (%u,%u)", (unsigned)f->c->p->pes[pe].x, (unsigned)f->c->p->pes[pe].y);
}

void wfc_be_chk_left(flow *f, uint32_t node, unsigned in, size_t at, unsigned position) {
    static const char *const port[WFC_PORTS] = {"N", "E", "S", "W", "RAMP"};
    uint64_t words = 0, controls = 0;
    const segment_list *l = &f->lists.data[f->in[node][in]];
    for (size_t i = at; i < l->v.count; i++) {
        words += l->v.data[i].words;
        controls += l->v.data[i].control != 0;
    }
    char from[40];
    describe(f, l->v.data[at].event, from, sizeof from);
    wfc_be_chk_error(
        f->c, WFC_CHK_LEFT, f->pe_of[node],
        "colour %u: %llu words and %llu control words stay in front of in-port %s, the first from %s; switch "
        "position %u does not accept them",
        (unsigned)wfc_be_chk_route(f, node)->colour, (unsigned long long)words, (unsigned long long)controls, port[in],
        from, position);
}

static wfc_status accept(flow *f, segment s, uint64_t at, uint64_t words) {
    if (words == 0) return WFC_OK;
    return wfc_vec_push(&f->accepted, (segment){s.event, s.at + (uint32_t)at, (uint32_t)words, 0});
}

wfc_status wfc_be_chk_arrive(flow *f, uint32_t node, segment s) {
    const wfc_prog_route *r = wfc_be_chk_route(f, node);
    if (s.control) {
        if (s.control & WFC_CTL_DELIVER)
            wfc_be_chk_error(f->c, WFC_CHK_NOT_CHECKABLE, f->pe_of[node],
                             "not checkable: a control word of colour %u activates a task; use one task that loops",
                             (unsigned)r->colour);
        return WFC_OK;
    }
    uint64_t begin = f->arrived, stop = begin + s.words;
    f->arrived = stop;
    if (!r->filtered) return accept(f, s, 0, s.words);
    for (uint64_t turn = begin / r->filter_period; turn * r->filter_period < stop; turn++) {
        uint64_t lo = turn * r->filter_period + r->filter_lo, hi = turn * r->filter_period + r->filter_hi;
        if (lo < begin) lo = begin;
        if (hi > stop) hi = stop;
        if (lo < hi) WFC_TRY(accept(f, s, lo - begin, hi - lo));
    }
    return WFC_OK;
}

/* First event of the queue in the order of a sample's words: that whose words start at a sample's start. */
static uint32_t first_receive(const wfc_chk_trace *t, unsigned queue) {
    const wfc_chk_queue *q = &t->in[queue];
    uint64_t at = q->ahead_words;
    for (uint32_t i = 0; i < t->events.count; i++) {
        const wfc_chk_event *e = &t->events.data[i];
        if (e->in_queue != queue || e->in_words == 0) continue;
        if (at % q->words == 0) return i;
        at += e->in_words;
    }
    return 0;
}

/* The accepted pieces from *piece, *used on that one receive takes; both are moved on. */
static wfc_status take(flow *f, uint32_t receive, const wfc_chk_event *e, size_t *piece, uint32_t *used) {
    for (uint32_t at = 0; at < e->in_words;) { /* the sums are equal, so the pieces last */
        const segment *s = &f->accepted.data[*piece];
        uint32_t n = s->words - *used, want = e->in_words - at;
        if (n > want) n = want;
        bool inner = at > 0 && at + n < e->in_words && e->flow == WFC_CHK_NONE;
        if (!inner)
            WFC_TRY(wfc_vec_push(&f->c->transfers,
                                 (wfc_chk_transfer){s->event, receive, s->at + *used, at, n, e->flow != WFC_CHK_NONE}));
        at += n;
        *used += n;
        if (*used < s->words) continue;
        *used = 0;
        ++*piece;
    }
    return WFC_OK;
}

static wfc_status pair_all(flow *f, uint32_t pe, const wfc_chk_trace *t, unsigned queue) {
    size_t piece = 0;
    uint32_t n = (uint32_t)t->events.count, begin = first_receive(t, queue), used = 0;
    for (uint32_t k = 0; k < n; k++) {
        uint32_t i = begin + k < n ? begin + k : begin + k - n;
        const wfc_chk_event *e = &t->events.data[i];
        if (e->in_queue == queue) WFC_TRY(take(f, f->c->node_base[pe] + e->done, e, &piece, &used));
    }
    return WFC_OK;
}

wfc_status wfc_be_chk_deliver(flow *f, uint32_t node) {
    const wfc_prog_route *r = wfc_be_chk_route(f, node);
    uint32_t pe = f->pe_of[node];
    const wfc_chk_trace *t = wfc_be_chk_pe_trace(f->c, pe);
    unsigned queue = t ? t->in_queue_of[f->colour] : WFC_CHK_NO_QUEUE;
    uint64_t takes = t && queue != WFC_CHK_NO_QUEUE ? t->in[queue].words : 0, accepted = 0;
    for (size_t i = 0; i < f->accepted.count; i++) accepted += f->accepted.data[i].words;
    f->c->stats.ramp_words += accepted;
    if (r->filtered && f->arrived % r->filter_period) {
        wfc_be_chk_error(f->c, WFC_CHK_FILTER, pe,
                         "colour %u: %llu words arrive per sample, but the filter counts modulo %u, so it drifts from "
                         "sample to sample; the period must divide the words",
                         (unsigned)r->colour, (unsigned long long)f->arrived, (unsigned)r->filter_period);
        return WFC_OK;
    }
    if (accepted != takes) {
        wfc_be_chk_error(
            f->c, WFC_CHK_WORDS, pe,
            "colour %u: of %llu words that arrive per sample %llu are accepted, but the program takes %llu%s",
            (unsigned)r->colour, (unsigned long long)f->arrived, (unsigned long long)accepted,
            (unsigned long long)takes, queue == WFC_CHK_NO_QUEUE ? " (no input queue has this colour)" : "");
        return WFC_OK;
    }
    return takes ? pair_all(f, pe, t, queue) : WFC_OK;
}
