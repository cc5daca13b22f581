/* One cycle of a strip: what the neighbours sent, then everybody who is due. */
#include "runtime/fast/inside.h"

static bool grow(strip *s, void **items, uint32_t *capacity, size_t size) {
    uint32_t wanted = *capacity ? 2 * *capacity : 16;
    void *more = wfc_realloc(*items, wanted, size);
    if (!more) {
        s->e.out_of_memory = true;
        return false;
    }
    *items = more;
    *capacity = wanted;
    return true;
}

/* An entry beyond the wheel waits in its last slot and is put back from there. */
void strip_far(strip *s, uint32_t ent, uint32_t at) {
    uint32_t now = time_now(s), when = at - now < FAR ? at : now + FAR - 1, i = when % FAR;
    far_slot *slot = &s->far[i];
    if (slot->count == slot->capacity) {
        void *items = slot->entries;
        if (!grow(s, &items, &slot->capacity, sizeof *slot->entries)) return;
        slot->entries = items;
    }
    slot->entries[slot->count++] = (far_entry){ent, at};
    s->far_used[i / 64] |= 1ull << (i % 64);
}

void strip_send(strip *s, message m) {
    outbox *box = &s->out[s->round & 1][m.node >= s->end];
    if (box->count == box->capacity) {
        void *items = box->items;
        if (!grow(s, &items, &box->capacity, sizeof *box->items)) return;
        box->items = items;
    }
    box->items[box->count++] = m;
}

/* Of the cycle before; times and occupancies are those that a push or pop within the strip would have left. */
static void receive(strip *s, const message *m) {
    frouter *r = router_at(s->f, m->node);
    const route_set *set = r->set->set;
    unsigned slot = set->slot_of[m->colour];
    if (m->credit) {
        fchan *proxy = chan_at(s->f, r->slot[slot].dst[m->port]);
        if (proxy->count-- == proxy->cap) wake_router(s, m->node, time_now(s));
        return;
    }
    unsigned l = set->slots[slot].local[m->port];
    if (!fchan_put(local_chan(r, l), m->value, m->when)) return;
    r->nonempty[l / 64] |= 1ull << (l % 64);
    wake_router(s, m->node, m->when >> 1);
}

static void receive_all(strip *s) {
    for (int side = 0; side < 2; side++) {
        uint32_t other = side ? s->index + 1 : s->index - 1;
        if (other >= s->f->strip_count) continue;
        outbox *box = &s->f->strips[other].out[~s->round & 1][!side];
        for (uint32_t i = 0; i < box->count; i++) receive(s, &box->items[i]);
        box->count = 0;
    }
}

/* Brings the far wheel's entries of this cycle into its bitmaps. */
static void take_far(strip *s) {
    uint32_t now = time_now(s), i = now % FAR;
    if (!(s->far_used[i / 64] >> (i % 64) & 1)) return;
    far_slot *slot = &s->far[i];
    uint32_t count = slot->count;
    s->far_used[i / 64] &= ~(1ull << (i % 64));
    slot->count = 0; /* an entry put back goes to another slot */
    for (uint32_t k = 0; k < count; k++) {
        far_entry en = slot->entries[k];
        uint32_t local = en.ent / 2 - s->first;
        if (en.at != now) {
            strip_far(s, en.ent, en.at);
        } else if (en.ent & 1) {
            s->pes[now % NEAR][local / 64] |= 1ull << (local % 64);
            s->far_at[local] = NO_TIME;
        } else {
            s->routers[now % NEAR][local / 64] |= 1ull << (local % 64);
        }
    }
    s->near_used |= 1u << now % NEAR;
}

/* Who is due, in the order of memory: the routers of 64 nodes, then their PEs. */
static uint32_t list_due(strip *s) {
    uint32_t slot = time_now(s) % NEAR, count = 0;
    if (!(s->near_used >> slot & 1)) return 0;
    s->near_used &= ~(1u << slot);
    uint64_t *routers = s->routers[slot], *pes = s->pes[slot];
    for (uint32_t w = 0; w < s->words; w++) {
        if (!(routers[w] | pes[w])) continue;
        uint32_t base = 2 * (s->first + w * 64);
        for (uint64_t m = routers[w]; m; m &= m - 1) s->due[count++] = base + 2 * low_bit(m);
        for (uint64_t m = pes[w]; m; m &= m - 1) s->due[count++] = base + 2 * low_bit(m) + 1;
        routers[w] = pes[w] = 0;
    }
    return count;
}

#if defined(__GNUC__)
static void prefetch(const strip *s, uint32_t ent) {
    const char *record = (const char *)router_at(s->f, ent / 2);
    __builtin_prefetch(record);
    __builtin_prefetch(record + 64);
    if (!(ent & 1)) {
        __builtin_prefetch(record + 128);
        return;
    }
    const char *p = (const char *)&s->e.pes[ent / 2];
    for (unsigned line = 0; line < 3; line++) __builtin_prefetch(p + 64 * (size_t)line);
}

static void prefetch_behind(const strip *s, uint32_t ent) {
    frouter *r = router_at(s->f, ent / 2);
    if (!(ent & 1)) {
        for (uint64_t m = r->nonempty[0]; m; m &= m - 1) __builtin_prefetch(local_chan(r, low_bit(m)));
        return;
    }
    const pe *p = &s->e.pes[ent / 2];
    for (unsigned m = p->live; m; m &= m - 1) {
        const char *c = (const char *)&p->ctx[low_bit(m)];
        for (unsigned line = 0; line < 3; line++) __builtin_prefetch(c + 64 * (size_t)line);
    }
    for (uint32_t m = r->queues; m; m &= m - 1) __builtin_prefetch(queue_chan(s->f, r, low_bit(m)));
}
/* What the visit will touch at the far end: channels pushed to, memory of vectors with queues. */
static void prefetch_beyond(const strip *s, uint32_t ent) {
    frouter *r = router_at(s->f, ent / 2);
    if (!(ent & 1)) {
        uint64_t m = r->nonempty[0];
        if (!m) return;
        const flocal *lo = &r->set->local[low_bit(m)];
        const fslot *st = &r->slot[lo->slot];
        unsigned out = lo->out[st->position];
        if (out && st->dst[low_bit(out)] < DST_COLLECT) __builtin_prefetch(chan_at(s->f, st->dst[low_bit(out)]));
        return;
    }
    const pe *p = &s->e.pes[ent / 2];
    for (unsigned m = p->live; m; m &= m - 1) {
        const context *c = &p->ctx[low_bit(m)];
        if (p->mode[low_bit(m)] != CTX_VEC || !c->fabric) continue;
        const operand *os[2] = {&c->d, &c->a};
        for (unsigned i = 0; i < 2; i++) {
            if (os[i]->kind == OPND_MEM)
                __builtin_prefetch(p->mem + (os[i]->addr - p->info->mem_lo));
            else if (os[i]->kind >= OPND_IN)
                __builtin_prefetch(chan_at(s->f, os[i]->chan));
        }
    }
}
#else
static void prefetch_beyond(const strip *s, uint32_t ent) {
    (void)s, (void)ent;
}
static void prefetch(const strip *s, uint32_t ent) {
    (void)s, (void)ent;
}
static void prefetch_behind(const strip *s, uint32_t ent) {
    (void)s, (void)ent;
}
#endif

void strip_cycle(strip *s) {
    enum { AHEAD = 16, BEHIND = 10, BEYOND = 5 };
    s->moved = false;
    s->after_hop = s->f->hop < NEAR ? s->routers[(s->e.now + s->f->hop) % NEAR] : NULL;
    s->hop_used = 1u << (s->e.now + s->f->hop) % NEAR;
    receive_all(s);
    take_far(s);
    for (uint32_t i = 0; i < s->port_count; i++)
        if (s->f->port_at[s->ports[i]] == time_now(s)) fport_visit(s, s->ports[i]);
    uint32_t count = list_due(s);
    for (uint32_t i = 0; i < count; i++) {
        if (i + AHEAD < count) prefetch(s, s->due[i + AHEAD]);
        if (i + BEHIND < count) prefetch_behind(s, s->due[i + BEHIND]);
        if (i + BEYOND < count) prefetch_beyond(s, s->due[i + BEYOND]);
        uint32_t ent = s->due[i];
        if (ent & 1)
            fpe_visit(s, ent / 2);
        else
            frouter_visit(s, ent / 2);
    }
    if (!s->moved) return;
    s->e.last_moved = s->e.now;
    sim_acted(&s->e, s->e.now + 1);
}

uint64_t strip_next(const strip *s) {
    uint64_t now = s->e.now, next = NEVER;
    const outbox *out = s->out[s->round & 1];
    if (out[0].count | out[1].count) return now + 1;
    for (uint32_t k = 1; k < NEAR && next == NEVER; k++)
        if (s->near_used >> ((now + k) % NEAR) & 1) next = now + k;
    for (uint32_t i = 0; i < s->port_count; i++) {
        uint32_t at = s->f->port_at[s->ports[i]];
        if (at != NO_TIME && at < next) next = at;
    }
    for (uint64_t k = 1; k < FAR && now + k < next;) {
        uint32_t i = (uint32_t)((now + k) % FAR);
        uint64_t bits = s->far_used[i / 64] >> (i % 64);
        if (bits) {
            uint64_t at = now + k + low_bit(bits);
            return at < next ? at : next;
        }
        k += 64 - i % 64;
    }
    return next;
}
