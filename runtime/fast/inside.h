/* Inside of the fast engine.
 *
 *   run.c     entry, decisions between cycles, results      load.c    records, strips
 *   strip.c   one cycle of a strip, messages, far wheel     fabric.c  routers
 *   pe.c      PEs, queues                                   host.c    ports, collection
 *   explain.c the state in the reference engine's form, for messages
 *
 * PEs keep the reference engine's `pe` and `context`, and what happens inside of a PE (instructions, tasks, account) is
 * the reference engine's code. Channels, routers, ports and the order of visits are this engine's own. */
#ifndef WFC_FAST_INSIDE_H
#define WFC_FAST_INSIDE_H

#include "runtime/fast/fast.h"
#include "runtime/sim/engine.h"

enum {
    NEAR = 8,            /* cycles ahead that have a bitmap each */
    FAR = 1024,          /* slots of the wheel for later ones */
    UNIT = 8,            /* bytes of the unit in which records are addressed */
    LATEST = 0x7ffe0000, /* last cycle: times have 31 bits, and latencies 16 */
    MAX_STRIPS = WFC_FAST_MAX_THREADS
};
#define NBR_NONE 0xffffffffu
#define NBR_PORT 0x80000000u /* a host port: index | NBR_PORT */
#define NO_TIME 0xffffffffu

typedef struct fword {
    uint32_t value, when; /* first cycle in which it can be seen, times 2, plus 1 for a control word */
} fword;
/* Channel: 8 bytes and its ring. One pusher, one popper, each at most once per cycle. */
typedef struct fchan {
    uint32_t popped; /* cycle of the last pop */
    uint8_t head, count, cap, local;
    fword ring[];
} fchan;

/* A route set in scan order, shared by the routers that have it. */
typedef struct flocal {
    uint8_t out[4]; /* by switch position */
    uint8_t slot, port, colour;
    bool filtered;
    bool plain;  /* one position, no filter, not to the PE: a grant depends on space alone, commands change nothing */
    uint16_t at; /* of the channel in the record, in units */
} flocal;
typedef struct fset {
    const route_set *set;
    uint32_t slot_count, local_count;
    uint16_t queues_at; /* of the PE's first input queue */
    flocal local[];
} fset;

/* Record of a node: this, its slots, its router channels, its PE's input queues. One block of memory, in row order. */
typedef struct fslot {
    uint32_t dst[WFC_PORTS]; /* channel by its unit, DST_COLLECT | stream, or NONE32 */
    uint32_t filter_count;
    uint32_t changed; /* cycle of the last command */
    uint8_t position, before;
    uint8_t unused[2];
} fslot;
typedef struct frouter {
    uint64_t nonempty[2];
    const fset *set;
    uint32_t nbr[4];    /* node, NBR_PORT | port, NBR_NONE */
    uint32_t record[4]; /* theirs, in units; only where nbr is in the same strip */
    uint32_t queues;    /* bit per input queue that is not empty */
    uint8_t pointer;
    uint8_t border; /* bit per port whose neighbour is no node of the same strip */
    uint8_t unused[2];
    fslot slot[];
} frouter;

typedef struct far_entry {
    uint32_t ent, at; /* entity as in the reference engine: 2 node + (1 for the PE) */
} far_entry;
typedef struct far_slot {
    far_entry *entries;
    uint32_t count, capacity;
} far_slot;

/* Between strips: a word pushed over the border, or the credit of one that was popped behind it. */
typedef struct message {
    uint32_t node; /* that gets it */
    uint32_t value, when;
    uint8_t port, colour; /* word: in-port; credit: out-port of the pusher */
    bool credit;
} message;
typedef struct outbox {
    message *items;
    uint32_t count, capacity;
} outbox;

/* What a strip tells the others at the end of a cycle. */
typedef struct report {
    uint64_t next; /* first cycle in which it has something to do; NEVER */
    uint64_t last_moved, last_collect, collected;
    uint32_t ins_open, outs_open, extra_stream;
    bool trapped, out_of_memory;
} report;

struct fast;
typedef struct strip {
    wfc_engine e; /* copy of the engine's with this strip's time, counters, trap; tables shared */
    struct fast *f;
    uint32_t index, first, end; /* nodes first .. end-1 */
    uint32_t words;             /* of a bitmap */
    uint64_t *routers[NEAR], *pes[NEAR];
    uint32_t near_used;  /* bit per slot */
    uint64_t *after_hop; /* bitmap of routers for words that hop in this cycle */
    uint32_t hop_used;   /* its bit */
    uint64_t hops;
    bool moved;       /* some router granted in this cycle */
    uint32_t *far_at; /* by node - first: cycle of the PE's entry in the far wheel, NO_TIME */
    far_slot far[FAR];
    uint64_t far_used[FAR / 64];
    uint32_t *due, due_capacity;
    uint32_t *ports, port_count; /* host ports of its rows */
    uint64_t last_collect;
    uint64_t round;   /* cycles run */
    outbox out[2][2]; /* by parity of the round; to the strip before, behind */
    wfc_sim_result result;
    report reports[2]; /* by parity of the round */
} strip;

typedef struct fast {
    wfc_engine e; /* tables; never runs */
    unsigned char *records;
    uint32_t *record_at; /* by node, in units */
    fset **sets;         /* by router index, and one more: no routes */
    uint32_t *chan_place;
    uint32_t *stream_node; /* by input stream: where it enters */
    uint32_t *port_at;     /* by port: next cycle in which it may inject, NO_TIME */
    uint32_t queue_units, hop, ramp, to_router, port_latency;
    strip *strips;
    uint32_t strip_count;
    struct barrier *barrier;
} fast;

static inline fchan *chan_at(const fast *f, uint32_t unit) {
    return (fchan *)(void *)(f->records + (size_t)unit * UNIT);
}
static inline frouter *router_at(const fast *f, uint32_t node) {
    return (frouter *)(void *)(f->records + (size_t)f->record_at[node] * UNIT);
}
static inline fchan *local_chan(frouter *r, unsigned l) {
    return (fchan *)(void *)((unsigned char *)r + (size_t)r->set->local[l].at * UNIT);
}
static inline fchan *queue_chan(const fast *f, frouter *r, unsigned q) {
    return (fchan *)(void *)((unsigned char *)r + ((size_t)r->set->queues_at + q * f->queue_units) * UNIT);
}
static inline uint32_t time_now(const strip *s) {
    return (uint32_t)s->e.now;
}
static inline bool fchan_can_push(const fchan *c, uint32_t now) {
    return c->count + (c->popped == now) < c->cap;
}
static inline bool fchan_has_head(const fchan *c, uint32_t now) {
    return c->count && c->popped != now && c->ring[c->head].when >> 1 <= now;
}
/* Puts a word behind the others; true: it is the only one, so the popper must be told. */
static inline bool fchan_put(fchan *c, uint32_t value, uint32_t when) {
    uint32_t tail = (uint32_t)c->head + c->count;
    if (tail >= c->cap) tail -= c->cap;
    c->ring[tail] = (fword){value, when};
    return c->count++ == 0;
}
/* Takes the head; true: the channel may have been full, so the pusher must be told of its credit. */
static inline bool fchan_take(fchan *c, uint32_t now, fword *out) {
    *out = c->ring[c->head];
    c->head = (uint8_t)(c->head + 1 == c->cap ? 0 : c->head + 1);
    c->popped = now;
    return c->count-- == c->cap;
}

/* strip.c */
void strip_far(strip *s, uint32_t ent, uint32_t at);
static inline void wake_router(strip *s, uint32_t node, uint32_t at) {
    if (at - time_now(s) >= NEAR) {
        strip_far(s, 2 * node, at);
        return;
    }
    s->routers[at % NEAR][(node - s->first) / 64] |= 1ull << ((node - s->first) % 64);
    s->near_used |= 1u << at % NEAR;
}
static inline void wake_pe(strip *s, uint32_t node, uint32_t at) {
    if (at - time_now(s) >= NEAR) {
        if (s->far_at[node - s->first] == at) return;
        s->far_at[node - s->first] = at;
        strip_far(s, 2 * node + 1, at);
        return;
    }
    s->pes[at % NEAR][(node - s->first) / 64] |= 1ull << ((node - s->first) % 64);
    s->near_used |= 1u << at % NEAR;
}
static inline bool in_strip(const strip *s, uint32_t node) {
    return node - s->first < s->end - s->first;
}
void strip_send(strip *s, message m);
void strip_cycle(strip *s);          /* cycle e.now */
uint64_t strip_next(const strip *s); /* first cycle after now with something to do */

/* fabric.c */
void frouter_visit(strip *s, uint32_t node);

/* pe.c */
void fpe_visit(strip *s, uint32_t node);

/* host.c */
void fport_visit(strip *s, uint32_t port);
void fhost_collect(strip *s, uint32_t stream, uint32_t value, bool ctl);

/* load.c: WFC_ERR_UNSUPPORTED when the program needs the reference engine, with why. */
wfc_status fast_load(fast *f, const char **why);
void fast_unload(fast *f);

/* explain.c */
wfc_status fast_explain_state(fast *f);

#endif
