/* From who takes whose words to the arcs between PEs.
 *
 * A send may serve several receives, and then it must not be one node. Example, a reduce-scatter: row 0 sends 6 words;
 * row 1 passes the first 3 on by a microthread, waits for it, and takes the other 3. As one node the send would need
 * the second receive to be armed, which waits for the first to be over, which needs the send: no deadlock, since words
 * come one by one. So a send is cut where a receive begins or ends. An instruction that takes and sends words is cut on
 * both sides at the same words, so cuts travel along chains of such instructions until nothing changes.
 *
 * Of an operation cut at words 3 and 5 of 9, the pieces are 0..3, 3..5, 5..9. The last piece's nodes are the
 * operation's own (done, flow); each cut adds a pair of nodes for the piece that ends there, numbered by samples. */
#include "backend/check/check_internal.h"

#include <stdlib.h>
#include <string.h>

typedef struct pieces {
    wfc_chk *c;
    const wfc_chk_transfer **by_send, **by_receive; /* those to an operation that also sends */
    size_t relayed;
    uint64_t *set; /* hash set of op << 32 | at, 0 empty (a cut at word 0 does not exist) */
    size_t slots;
    uint32_t cuts;
} pieces;

static const wfc_chk_event *event_of(const wfc_chk *c, uint32_t op, uint32_t *out_pe) {
    uint32_t local, pe = wfc_be_chk_node_pe(c, op, &local);
    if (out_pe) *out_pe = pe;
    if (pe == WFC_CHK_NONE) return NULL;
    const wfc_chk_trace *t = &c->traces[c->trace_of[pe]];
    return &t->events.data[t->nodes.data[local].event];
}

static int32_t offset_of(const wfc_chk *c, uint32_t node) {
    uint32_t local, pe = wfc_be_chk_node_pe(c, node, &local);
    return pe == WFC_CHK_NONE ? 0 : c->traces[c->trace_of[pe]].nodes.data[local].offset;
}

static bool passes_on(const wfc_chk *c, uint32_t op) {
    const wfc_chk_event *e = event_of(c, op, NULL);
    return e && e->flow != WFC_CHK_NONE;
}

static uint32_t words_of(const wfc_chk *c, uint32_t op) {
    const wfc_chk_event *e = event_of(c, op, NULL);
    return e ? e->out_words : c->host_words[op - c->host_base];
}

/* --- cuts --- */
static wfc_status grow_set(pieces *s) {
    size_t slots = s->slots ? s->slots * 2 : 1024;
    uint64_t *set = wfc_calloc(slots, sizeof *set);
    if (!set) return WFC_ERR_NO_MEMORY;
    for (size_t i = 0; i < s->slots; i++) {
        if (!s->set[i]) continue;
        size_t at = (size_t)(s->set[i] * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (slots - 1);
        while (set[at]) at = (at + 1) & (slots - 1);
        set[at] = s->set[i];
    }
    wfc_free(s->set);
    s->set = set;
    s->slots = slots;
    return WFC_OK;
}

static wfc_status add_cut(pieces *s, uint32_t op, uint32_t at, uint32_t words) {
    if (at == 0 || at >= words) return WFC_OK;
    if (s->slots < 2 * (s->c->cuts.count + 1)) WFC_TRY(grow_set(s));
    uint64_t key = (uint64_t)op << 32 | at;
    size_t slot = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (s->slots - 1);
    while (s->set[slot] && s->set[slot] != key) slot = (slot + 1) & (s->slots - 1);
    if (s->set[slot]) return WFC_OK;
    s->set[slot] = key;
    return wfc_vec_push(&s->c->cuts, key);
}

static int by_send_op(const void *a, const void *b) {
    uint32_t x = (*(const wfc_chk_transfer *const *)a)->send, y = (*(const wfc_chk_transfer *const *)b)->send;
    return x < y ? -1 : x > y;
}

static int by_receive_op(const void *a, const void *b) {
    uint32_t x = (*(const wfc_chk_transfer *const *)a)->receive, y = (*(const wfc_chk_transfer *const *)b)->receive;
    return x < y ? -1 : x > y;
}

static size_t lower(const pieces *s, bool send, uint32_t op) {
    size_t lo = 0, hi = s->relayed;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if ((send ? s->by_send[mid]->send : s->by_receive[mid]->receive) < op)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* A cut of one operation goes on to those that it exchanges these words with, where one of the two passes words on. */
static wfc_status spread(pieces *s, uint32_t op, uint32_t at) {
    for (size_t i = lower(s, true, op); i < s->relayed && s->by_send[i]->send == op; i++) {
        const wfc_chk_transfer *t = s->by_send[i];
        if (at > t->send_at && at < t->send_at + t->words)
            WFC_TRY(add_cut(s, t->receive, at - t->send_at + t->receive_at, words_of(s->c, t->receive)));
    }
    for (size_t i = lower(s, false, op); i < s->relayed && s->by_receive[i]->receive == op; i++) {
        const wfc_chk_transfer *t = s->by_receive[i];
        if (at > t->receive_at && at < t->receive_at + t->words)
            WFC_TRY(add_cut(s, t->send, at - t->receive_at + t->send_at, words_of(s->c, t->send)));
    }
    return WFC_OK;
}

static wfc_status list_relayed(pieces *s) {
    size_t n = s->c->transfers.count;
    s->by_send = wfc_calloc(n + 1, sizeof *s->by_send);
    s->by_receive = wfc_calloc(n + 1, sizeof *s->by_receive);
    if (!s->by_send || !s->by_receive) return WFC_ERR_NO_MEMORY;
    for (size_t i = 0; i < n; i++)
        if (passes_on(s->c, s->c->transfers.data[i].receive)) s->by_send[s->relayed++] = &s->c->transfers.data[i];
    if (s->relayed) {
        memcpy(s->by_receive, s->by_send, s->relayed * sizeof *s->by_send);
        qsort(s->by_send, s->relayed, sizeof *s->by_send, by_send_op);
        qsort(s->by_receive, s->relayed, sizeof *s->by_receive, by_receive_op);
    }
    return WFC_OK;
}

static int by_key(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static wfc_status find_cuts(pieces *s) {
    WFC_TRY(list_relayed(s));
    for (size_t i = 0; i < s->c->transfers.count; i++) {
        const wfc_chk_transfer *t = &s->c->transfers.data[i];
        uint32_t words = words_of(s->c, t->send);
        WFC_TRY(add_cut(s, t->send, t->send_at, words));
        WFC_TRY(add_cut(s, t->send, t->send_at + t->words, words));
        if (!passes_on(s->c, t->receive)) continue;
        words = words_of(s->c, t->receive);
        WFC_TRY(add_cut(s, t->receive, t->receive_at, words));
        WFC_TRY(add_cut(s, t->receive, t->receive_at + t->words, words));
    }
    for (size_t i = 0; i < s->c->cuts.count; i++)
        WFC_TRY(spread(s, (uint32_t)(s->c->cuts.data[i] >> 32), (uint32_t)s->c->cuts.data[i]));
    if (s->c->cuts.count >= UINT32_MAX / 8) return WFC_ERR_NO_MEMORY;
    s->cuts = (uint32_t)s->c->cuts.count;
    if (s->cuts) qsort(s->c->cuts.data, s->cuts, sizeof *s->c->cuts.data, by_key);
    s->c->extra_base = s->c->node_count;
    s->c->node_count += 2 * s->cuts;
    return WFC_OK;
}

/* --- nodes of pieces --- */
/* First cut of an operation beyond word `at`, or the number of cuts; *end is where the piece ends. */
static uint32_t cut_after(const pieces *s, uint32_t op, uint32_t at, uint32_t *end) {
    uint64_t key = (uint64_t)op << 32 | at;
    uint32_t lo = 0, hi = s->cuts;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (s->c->cuts.data[mid] <= key)
            lo = mid + 1;
        else
            hi = mid;
    }
    bool is_cut = lo < s->cuts && s->c->cuts.data[lo] >> 32 == op;
    *end = is_cut ? (uint32_t)s->c->cuts.data[lo] : words_of(s->c, op);
    return is_cut ? lo : s->cuts;
}

/* Nodes of the piece that begins at word `at`: delivered, and (passing on only) flowing. */
typedef struct piece {
    uint32_t done, flow, end;
} piece;

static piece piece_at(const pieces *s, uint32_t op, uint32_t at) {
    piece p = {.done = op, .flow = WFC_CHK_NONE};
    uint32_t pe, cut = cut_after(s, op, at, &p.end);
    const wfc_chk_event *e = event_of(s->c, op, &pe);
    bool flows = e && e->flow != WFC_CHK_NONE;
    if (cut < s->cuts) {
        p.done = s->c->extra_base + cut;
        if (flows) p.flow = s->c->extra_base + s->cuts + cut;
    } else if (flows) {
        p.flow = s->c->node_base[pe] + e->flow;
    }
    return p;
}

/* --- arcs --- */
/* `tokens` as if both ends were numbered by samples. */
static wfc_status add_arc(pieces *s, uint32_t from, uint32_t to, int32_t tokens, bool soft) {
    tokens += offset_of(s->c, from) - offset_of(s->c, to);
    return wfc_vec_push(&s->c->cross, (wfc_chk_arc){from, to, tokens, soft});
}

static wfc_status arc(pieces *s, uint32_t from, uint32_t to, int32_t tokens) {
    return add_arc(s, from, to, tokens, false);
}

/* `from` must come before the words of a piece, which can neither arrive nor pass before. */
static wfc_status before_piece(pieces *s, uint32_t from, piece p, int32_t tokens, bool soft) {
    WFC_TRY(add_arc(s, from, p.done, tokens, soft));
    return p.flow == WFC_CHK_NONE ? WFC_OK : add_arc(s, from, p.flow, tokens, soft);
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
static wfc_status chain_pieces(pieces *s, uint32_t op) {
    piece p = piece_at(s, op, 0);
    uint32_t words = words_of(s->c, op);
    if (event_of(s->c, op, NULL)) {
        uint32_t start;
        int32_t tokens;
        start_of(s, op, &start, &tokens);
        WFC_TRY(before_piece(s, start, p, tokens, false));
    }
    while (p.end < words) {
        piece next = piece_at(s, op, p.end);
        WFC_TRY(arc(s, p.done, next.done, 0));
        if (p.flow != WFC_CHK_NONE) {
            WFC_TRY(arc(s, p.flow, p.done, 0));
            WFC_TRY(arc(s, p.flow, next.flow, 0));
        }
        p = next;
    }
    return WFC_OK;
}

/* A receive that keeps its words is one node: the first piece needs it armed, it needs the last piece. */
static wfc_status join_receive(pieces *s, const wfc_chk_transfer *t) {
    uint32_t start, last = t->send_at;
    int32_t tokens;
    start_of(s, t->receive, &start, &tokens);
    WFC_TRY(before_piece(s, start, piece_at(s, t->send, t->send_at), tokens, true));
    piece p;
    do {
        p = piece_at(s, t->send, last);
        last = p.end;
    } while (last < t->send_at + t->words);
    return arc(s, p.done, t->receive, 0);
}

static wfc_status join_relay(pieces *s, const wfc_chk_transfer *t) {
    for (uint32_t at = 0; at < t->words;) {
        piece from = piece_at(s, t->send, t->send_at + at), to = piece_at(s, t->receive, t->receive_at + at);
        WFC_TRY(before_piece(s, to.flow, from, 0, true));
        WFC_TRY(arc(s, from.done, to.done, 0));
        at = from.end - t->send_at; /* both are cut at the same words */
    }
    return WFC_OK;
}

static wfc_status make_arcs(pieces *s) {
    wfc_chk *c = s->c;
    for (uint32_t i = 0; i < s->cuts; i++) {
        uint32_t op = (uint32_t)(c->cuts.data[i] >> 32);
        if (i == 0 || c->cuts.data[i - 1] >> 32 != op) WFC_TRY(chain_pieces(s, op));
    }
    for (size_t i = 0; i < c->transfers.count; i++) {
        const wfc_chk_transfer *t = &c->transfers.data[i];
        WFC_TRY(passes_on(c, t->receive) ? join_relay(s, t) : join_receive(s, t));
    }
    for (size_t i = 0; i < c->orders.count; i++)
        WFC_TRY(before_piece(s, c->orders.data[i].before, piece_at(s, c->orders.data[i].after, 0),
                             c->orders.data[i].turns, true));
    return WFC_OK;
}

wfc_status wfc_be_chk_pieces(wfc_chk *c) {
    pieces s = {.c = c};
    wfc_status status = find_cuts(&s);
    if (status == WFC_OK) status = make_arcs(&s);
    wfc_free(s.by_send);
    wfc_free(s.by_receive);
    wfc_free(s.set);
    return status;
}

uint32_t wfc_be_chk_first_piece(const wfc_chk *c, uint32_t op) {
    uint32_t n = (uint32_t)c->cuts.count, lo = 0, hi = n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (c->cuts.data[mid] >> 32 < op)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < n && c->cuts.data[lo] >> 32 == op ? c->extra_base + lo : op;
}

uint32_t wfc_be_chk_extra_op(const wfc_chk *c, uint32_t node, uint32_t *words, bool *flow) {
    uint32_t i = node - c->extra_base, n = (uint32_t)c->cuts.count;
    *flow = i >= n;
    if (i >= n) i -= n;
    *words = (uint32_t)c->cuts.data[i];
    return (uint32_t)(c->cuts.data[i] >> 32);
}
