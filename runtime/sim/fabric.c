/* Channels and routers: rules 2 to 7 of docs/fabric.md. */
#include "runtime/sim/engine.h"

/* Marks the popper's bit for this channel. Whether the word can be seen is decided by its time, not by the bit, so it
 * does not matter if the popper is visited before or after this push. */
static void mark_nonempty(wfc_engine *e, const chan *ch, bool nonempty) {
    uint32_t node = ch->popper / 2;
    if (ch->colour == NONE8) {
        uint32_t bit = 1u << ch->local;
        e->pes[node].in_nonempty = nonempty ? e->pes[node].in_nonempty | bit : e->pes[node].in_nonempty & ~bit;
        return;
    }
    uint64_t *set = &e->routers[node].nonempty[ch->local / 64], bit = 1ull << (ch->local % 64);
    *set = nonempty ? *set | bit : *set & ~bit;
}

void chan_push(wfc_engine *e, uint32_t c, uint32_t value, bool ctl) {
    chan *ch = &e->chans[c];
    uint64_t visible = e->now + ch->latency + sim_jitter(e, c, ch->pushes, 3);
    ch->pushes++;
    uint32_t tail = (uint32_t)ch->head + ch->count, last = tail ? tail - 1 : ch->cap - 1u;
    if (tail >= ch->cap) tail -= ch->cap;
    if (last >= ch->cap) last -= ch->cap;
    uint64_t before = ch->count ? e->words[ch->ring + last].visible : 0; /* one that has left was visible by now */
    if (visible < before) visible = before;                              /* FIFO, also under jitter */
    e->words[ch->ring + tail] = (word){visible, value, ctl};
    if (ch->count++ == 0) {
        ch->head_visible = visible;
        ch->head_ctl = ctl;
        mark_nonempty(e, ch, true);
        sim_wake(e, ch->popper, visible);
    }
}

/* The caller knows that there is a head. The pusher is woken when the channel may have been full: it sees the credit
 * from the next cycle on. */
word chan_pop(wfc_engine *e, uint32_t c) {
    chan *ch = &e->chans[c];
    word w = e->words[ch->ring + ch->head];
    if (ch->count == ch->cap) sim_wake(e, ch->pusher, e->now + 1);
    ch->head = (uint16_t)(ch->head + 1 == ch->cap ? 0 : ch->head + 1);
    ch->pop_cycle = e->now;
    ch->head_visible = NEVER;
    if (--ch->count == 0) {
        mark_nonempty(e, ch, false);
    } else {
        ch->head_visible = e->words[ch->ring + ch->head].visible;
        ch->head_ctl = e->words[ch->ring + ch->head].ctl;
    }
    return w;
}

typedef struct scan {
    unsigned taken;    /* outputs used in this cycle */
    uint32_t filtered; /* slots whose filter counted a word in this cycle */
    bool granted;
} scan;

static bool can_push_all(const wfc_engine *e, const slot_state *st, unsigned out) {
    for (unsigned p = 0; p < WFC_PORTS; p++) {
        if (!(out & WFC_PORT_BIT(p))) continue;
        uint32_t dst = st->dst[p];
        if (dst < DST_COLLECT && !chan_can_push(e, dst)) return false;
    }
    return true;
}

static unsigned position_now(const wfc_engine *e, const slot_state *st) {
    return st->changed == e->now ? st->before : st->position;
}

static void apply_command(const wfc_engine *e, slot_state *st, const wfc_prog_route *rt, uint32_t payload,
                          unsigned port) {
    unsigned command = port == WFC_PORT_R ? payload & 3 : payload >> 2 & 3;
    if (st->changed != e->now) st->before = st->position;
    st->changed = e->now;
    if (command == WFC_CTL_ADVANCE)
        st->position = (uint8_t)(st->position + 1 >= rt->positions ? 0 : st->position + 1);
    else if (command == WFC_CTL_RESET)
        st->position = rt->initial;
}

static void hash_grant(wfc_engine *e, uint32_t node, unsigned colour, const word *w) {
    uint64_t x = e->now * 0x9e3779b97f4a7c15u +
                 ((uint64_t)node << 40 ^ (uint64_t)colour << 33 ^ (uint64_t)w->ctl << 32 ^ w->value);
    x ^= x >> 29;
    x *= 0xbf58476d1ce4e5b9u;
    e->result->event_hash += x ^ x >> 32; /* a sum: the order of visits does not show */
}

static void push_all(wfc_engine *e, uint32_t node, const slot_state *st, unsigned out, const word *w) {
    for (unsigned p = 0; p < WFC_PORTS; p++) {
        if (!(out & WFC_PORT_BIT(p))) continue;
        uint32_t dst = st->dst[p];
        if (dst == NONE32) {
            sim_trap(e, &e->pes[node], NONE8, 0, "a word is routed through port %c, where nothing takes it",
                     "NESWR"[p]);
        } else if (dst >= DST_COLLECT) {
            host_collect(e, dst & ~DST_COLLECT, w->value, w->ctl);
        } else {
            if (p != WFC_PORT_R) e->result->wavelet_hops++;
            chan_push(e, dst, w->value, w->ctl);
        }
    }
}

/* Grants the head of local channel l if it is eligible. */
static bool try_grant(wfc_engine *e, uint32_t node, unsigned l, scan *s) {
    router *r = &e->routers[node];
    const unsigned slot = r->set->local_slot[l], port = r->set->local_port[l];
    const wfc_prog_route *rt = r->set->slots[slot].route;
    slot_state *st = &e->slots[r->slot0 + slot];
    const unsigned position = position_now(e, st);
    unsigned out = rt->out[position][port];
    if (out == 0) return false;
    const chan *ch = &e->chans[r->chan0 + l];
    const word *head = &e->words[ch->ring + ch->head];
    bool counted = false;
    if (out & WFC_PORT_BIT(WFC_PORT_R)) {
        bool drop = false;
        if (head->ctl) {
            drop = !(head->value & WFC_CTL_DELIVER);
        } else if (rt->filtered) {
            if (s->filtered >> slot & 1) return false;
            counted = true;
            drop = st->filter_count < rt->filter_lo || st->filter_count >= rt->filter_hi;
        }
        if (drop) out &= ~WFC_PORT_BIT(WFC_PORT_R);
    }
    if ((out & s->taken) || !can_push_all(e, st, out)) return false;
    word w = chan_pop(e, r->chan0 + l);
    if (e->opt.event_hash) hash_grant(e, node, rt->colour, &w);
    if (e->hooks && e->hooks->on_grant) e->hooks->on_grant(e->hooks->ctx, node, rt, position, port, out);
    push_all(e, node, st, out, &w);
    s->taken |= out;
    if (counted) {
        s->filtered |= 1u << slot;
        st->filter_count = st->filter_count + 1 >= rt->filter_period ? 0 : st->filter_count + 1;
    }
    if (w.ctl) apply_command(e, st, rt, w.value, port);
    if (!s->granted) r->pointer = (uint8_t)(l + 1); /* beyond the last channel: the scan starts at 0 */
    s->granted = true;
    return true;
}

/* Bits of `set` from the pointer on (first pass) or before it (second pass). */
static uint64_t half(const uint64_t *set, unsigned word_index, unsigned pointer, bool second) {
    unsigned base = word_index * 64;
    uint64_t below = pointer <= base ? 0 : pointer >= base + 64 ? UINT64_MAX : (1ull << (pointer - base)) - 1;
    return set[word_index] & (second ? below : ~below);
}

/* Rules 4 and 5. */
void router_visit(wfc_engine *e, uint32_t node) {
    router *r = &e->routers[node];
    if (!r->set || !(r->nonempty[0] | r->nonempty[1])) return;
    uint64_t heads[2] = {0, 0}, next = NEVER;
    for (unsigned w = 0; w < 2; w++)
        for (uint64_t m = r->nonempty[w]; m; m &= m - 1) {
            const chan *ch = &e->chans[r->chan0 + w * 64 + low_bit(m)];
            uint64_t visible = ch->head_visible;
            if (visible <= e->now)
                heads[w] |= 1ull << low_bit(m);
            else if (visible < next)
                next = visible;
        }
    scan s = {0};
    unsigned pointer = r->pointer;
    for (unsigned pass = 0; pass < 4; pass++) {
        unsigned w = pass & 1;
        for (uint64_t m = half(heads, w, pointer, pass >= 2); m; m &= m - 1)
            try_grant(e, node, w * 64 + low_bit(m), &s);
    }
    if (s.granted) {
        next = e->now + 1; /* what was refused may go now, what was behind is the head */
        e->last_moved = e->now;
        sim_acted(e, e->now + 1);
    }
    if (next != NEVER) sim_wake(e, ent_router(node), next);
}
