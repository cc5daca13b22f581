/* Routers: rules 4 to 7 of docs/fabric.md on compact channels. */
#include "runtime/fast/inside.h"

enum { ALL_PORTS = (1u << WFC_PORTS) - 1, DROPPED = 1u << WFC_PORTS }; /* DROPPED: the PE would have been one */

typedef struct scan {
    unsigned taken;    /* outputs used in this cycle */
    uint32_t filtered; /* slots whose filter counted a word in this cycle */
    bool granted;
} scan;

void ffilter_turn(fslot *st, const flocal *lo) {
    do {
        st->filter_part = st->filter_part == FILTER_BEHIND ? FILTER_BEFORE : (uint8_t)(st->filter_part + 1);
        st->filter_left = lo->filter_length[st->filter_part];
    } while (st->filter_left == 0);
}

/* A queue that looks full: its PE may be behind. */
static bool queue_can_push(worker *s, frouter *r, const fchan *c) {
    if (r->dozes) {
        doze_run(&s->e, s->f, &s->e.pes[r->node], r, s->e.now + 1);
        if (fchan_can_push(c, time_now(s))) return true;
        doze_end(s, &s->e.pes[r->node], r);
    }
    if (c->popped == time_now(s)) wake_router(s, r->place, time_now(s) + 1);
    return false;
}

/* Where a word goes: the channels behind the outputs, in the order of ports; NULL: the host, or nowhere. */
typedef struct targets {
    fchan *chan[WFC_PORTS];
} targets;

/* All of them have space. */
static inline bool can_push_all(worker *s, frouter *r, const fslot *st, unsigned out, targets *to) {
    for (unsigned i = 0; out; out &= out - 1, i++) {
        unsigned p = low_bit(out);
        uint32_t dst = st->dst[p];
        fchan *c = to->chan[i] = dst < DST_COLLECT ? chan_at(s->f, dst) : NULL;
        if (!c || fchan_can_push(c, time_now(s))) continue;
        if (p != WFC_PORT_R || !queue_can_push(s, r, c)) return false;
    }
    return true;
}

static void apply_command(fslot *st, const flocal *lo, uint32_t payload, uint32_t now) {
    unsigned command = lo->port == WFC_PORT_R ? payload & 3 : payload >> 2 & 3;
    if (st->changed != now) st->before = st->position;
    st->changed = now;
    if (command == WFC_CTL_ADVANCE)
        st->position = (uint8_t)(st->position + 1 >= lo->positions ? 0 : st->position + 1);
    else if (command == WFC_CTL_RESET)
        st->position = lo->initial;
}

static void hash_grant(worker *s, uint32_t node, unsigned colour, const fword *w) {
    uint64_t x = s->e.now * 0x9e3779b97f4a7c15u +
                 ((uint64_t)node << 40 ^ (uint64_t)colour << 33 ^ (uint64_t)(w->when & 1) << 32 ^ w->value);
    x ^= x >> 29;
    x *= 0xbf58476d1ce4e5b9u;
    s->e.result->event_hash += x ^ x >> 32;
}

static inline void push_link(worker *s, const frouter *r, unsigned p, fchan *c, fword w) {
    uint32_t at = time_now(s) + s->f->hop;
    s->hops++;
    if (!fchan_put(c, w.value, at << 1 | (w.when & 1))) return;
    frouter *to = record_at(s->f, r->record[p]);
    to->nonempty[c->local / 64] |= 1ull << (c->local % 64);
    wake_router(s, to->place, at);
}

static inline void push_queue(worker *s, frouter *r, fchan *c, fword w) {
    uint32_t at = time_now(s) + s->f->ramp;
    (void)fchan_put(c, w.value, at << 1 | (w.when & 1));
    r->queues |= 1u << c->local;
    if (r->dozes && (w.when & 1)) doze_end(s, &s->e.pes[r->node], r);
    if (c->count == queue_of(c)->need) wake_pe(s, r->place, at + r->dozes);
}

/* To the host, or to nowhere. */
static void push_outside(worker *s, const frouter *r, unsigned p, uint32_t dst, fword w) {
    if (dst == NONE32)
        sim_trap(&s->e, &s->e.pes[r->node], NONE8, 0, "a word is routed through port %c, where nothing takes it",
                 "NESWR"[p]);
    else
        fhost_collect(s, dst & ~DST_COLLECT, w.value, w.when & 1);
}

static inline void push_all(worker *s, frouter *r, const fslot *st, unsigned out, const targets *to, fword w) {
    for (unsigned i = 0; out; out &= out - 1, i++) {
        unsigned p = low_bit(out);
        if (!to->chan[i])
            push_outside(s, r, p, st->dst[p], w);
        else if (p == WFC_PORT_R)
            push_queue(s, r, to->chan[i], w);
        else
            push_link(s, r, p, to->chan[i], w);
    }
}

/* The channel was full: its pusher sees the credit from the next cycle on. */
static void return_credit(worker *s, const frouter *r, unsigned port) {
    const fast *f = s->f;
    uint32_t now = time_now(s);
    if (port == WFC_PORT_R) {
        wake_pe(s, r->place, now + 1);
        return;
    }
    uint32_t host = host_behind(f, r, port);
    if (host == NONE32)
        wake_router(s, place_behind(f, r->place, port), now + 1);
    else if (f->port_at[host] > now)
        f->port_at[host] = now + 1;
}

/* Where the head may go: outputs less those that the filter or the control word takes away; 0: not accepted in this
 * position. Sets *counted where it is a data word that a filter counts. */
static inline unsigned outputs(const frouter *r, const flocal *lo, const fchan *c, uint32_t now, bool *counted) {
    const fslot *st = &r->slot[lo->slot];
    unsigned out = lo->out[st->changed == now ? st->before : st->position];
    const fword *head = &c->ring[c->head];
    if (!(out & WFC_PORT_BIT(WFC_PORT_R))) return out;
    bool drop = false;
    if (head->when & 1) {
        drop = !(head->value & WFC_CTL_DELIVER);
    } else if (lo->filtered) {
        *counted = true;
        drop = st->filter_part != FILTER_IN;
    }
    return drop ? (out & ~WFC_PORT_BIT(WFC_PORT_R)) | DROPPED : out;
}

/* Grants the head of local channel l, which is visible, if it is eligible. */
static inline bool try_grant(worker *s, frouter *r, unsigned l, fchan *c, scan *sc) {
    const flocal *lo = &r->set->local[l];
    const uint32_t now = time_now(s);
    fslot *st = &r->slot[lo->slot];
    bool counted = false;
    unsigned out = lo->plain ? lo->out[0] : outputs(r, lo, c, now, &counted);
    if (out == 0 || (out & sc->taken) || (counted && (sc->filtered >> lo->slot & 1))) return false;
    out &= ALL_PORTS;
    targets to;
    if (!can_push_all(s, r, st, out, &to)) return false;
    fword w;
    bool full = fchan_take(c, now, &w);
    if (c->count == 0) r->nonempty[l / 64] &= ~(1ull << (l % 64));
    if (full) return_credit(s, r, lo->port);
    if (s->e.opt.event_hash) hash_grant(s, r->node, lo->colour, &w);
    push_all(s, r, st, out, &to, w);
    sc->taken |= out;
    if (counted) {
        sc->filtered |= 1u << lo->slot;
        if (--st->filter_left == 0) ffilter_turn(st, lo);
    }
    if ((w.when & 1) && !lo->plain) apply_command(st, lo, w.value, now);
    return true;
}

/* Bits of `set` from the pointer on (first pass) or before it (second pass). */
static uint64_t half(const uint64_t *set, unsigned word_index, unsigned pointer, bool second) {
    unsigned base = word_index * 64;
    uint64_t below = pointer <= base ? 0 : pointer >= base + 64 ? UINT64_MAX : (1ull << (pointer - base)) - 1;
    return set[word_index] & (second ? below : ~below);
}

/* What was refused may go in the next cycle, what was behind is the head. */
static void after_grant(worker *s, const frouter *r) {
    s->moved = true;
    if (r->nonempty[0] | r->nonempty[1]) wake_router(s, r->place, time_now(s) + 1);
}

/* Grants what it can of `heads`, a part of the scan that lies within one word of the set. */
static void scan_heads(worker *s, frouter *r, unsigned base, uint64_t heads, scan *sc) {
    for (; heads; heads &= heads - 1) {
        unsigned l = base + low_bit(heads);
        if (!try_grant(s, r, l, local_chan(r, l), sc)) continue;
        if (!sc->granted) r->pointer = (uint8_t)(l + 1);
        sc->granted = true;
    }
}

/* Channels of the word that show a word now; *next: when the first of the others will. */
static uint64_t visible_heads(frouter *r, unsigned w, uint32_t now, uint32_t *next) {
    uint64_t heads = 0;
    for (uint64_t m = r->nonempty[w]; m; m &= m - 1) {
        const fchan *c = local_chan(r, w * 64 + low_bit(m));
        uint32_t visible = c->ring[c->head].when >> 1;
        if (visible <= now)
            heads |= 1ull << low_bit(m);
        else if (visible < *next)
            *next = visible;
    }
    return heads;
}

/* Several channels hold words: the scan of rule 5. */
static void visit_many(worker *s, frouter *r) {
    uint32_t next = NO_TIME;
    scan sc = {0};
    uint64_t heads[2] = {visible_heads(r, 0, time_now(s), &next), 0};
    if (r->nonempty[1]) heads[1] = visible_heads(r, 1, time_now(s), &next);
    unsigned pointer = r->pointer;
    if (!heads[1] && pointer < 64) {
        uint64_t behind = heads[0] & ((1ull << pointer) - 1);
        scan_heads(s, r, 0, heads[0] & ~behind, &sc);
        scan_heads(s, r, 0, behind, &sc);
    } else {
        for (unsigned pass = 0; pass < 4; pass++)
            scan_heads(s, r, 64 * (pass & 1), half(heads, pass & 1, pointer, pass >= 2), &sc);
    }
    if (sc.granted)
        after_grant(s, r);
    else if (next != NO_TIME)
        wake_router(s, r->place, next);
}

void frouter_visit(worker *s, frouter *r) {
    uint64_t m = r->nonempty[0];
    if (!(m | r->nonempty[1])) return;
    if ((m & (m - 1)) || r->nonempty[1]) {
        visit_many(s, r);
        return;
    }
    unsigned l = low_bit(m);
    fchan *c = local_chan(r, l);
    uint32_t visible = c->ring[c->head].when >> 1;
    scan sc = {0};
    if (visible > time_now(s)) {
        wake_router(s, r->place, visible);
    } else if (try_grant(s, r, l, c, &sc)) {
        r->pointer = (uint8_t)(l + 1);
        after_grant(s, r);
    }
}
