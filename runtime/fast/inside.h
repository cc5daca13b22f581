/* Inside of the fast engine.
 *
 *   run.c     entry, threads, decisions between bands    load.c    records
 *   tile.c    a band of cycles, tile by tile             fabric.c  routers
 *   pe.c      PEs, queues                                doze.c    PEs that only take words, run later than their time
 *   host.c    ports, collection, how far the end is      explain.c the state in the reference engine's form, for
 * messages
 *
 * PEs keep the reference engine's `pe` and `context`, and what happens inside of a PE (instructions, tasks, account) is
 * the reference engine's code. Channels, routers, ports and the order of visits are this engine's own. */
#ifndef WFC_FAST_INSIDE_H
#define WFC_FAST_INSIDE_H

#include "runtime/fast/fast.h"
#include "runtime/sim/engine.h"

#include <stdatomic.h>

enum {
    SLOTS = 64,          /* cycles ahead that have bits; who sleeps longer is looked at once in a while */
    BAND = 128,          /* cycles that all tiles run before the next decision */
    TILE = 64,           /* rows and columns of a tile */
    BLOCK = 64,          /* rows and columns of places whose bits lie together */
    UNIT = 8,            /* bytes of the unit in which records are addressed */
    LATEST = 0x7ffe0000, /* last cycle: times have 31 bits, and latencies 16 */
    MAX_WORKERS = WFC_FAST_MAX_THREADS
};
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

/* Before the channel of a PE's input queue. A push that makes the queue `need` words long wakes the PE, as every
 * control word does: 1 unless the PE dozes. */
typedef struct fqueue {
    uint32_t need, unused;
} fqueue;

/* A route set in scan order, shared by the routers that have it. */
typedef struct flocal {
    uint8_t out[4]; /* by switch position */
    uint8_t slot, port, colour, positions, initial;
    bool filtered;
    bool plain;  /* one position, no filter, not to the PE: a grant depends on space alone, commands change nothing */
    uint16_t at; /* of the channel in the record, in units */
    uint32_t filter_length[3]; /* of the period's parts */
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
    uint32_t filter_left;    /* data words until the next part of the filter's period begins */
    uint32_t changed;        /* cycle of the last command */
    uint8_t position, before;
    uint8_t filter_part; /* of the period: FILTER_BEFORE lo, FILTER_IN, FILTER_BEHIND hi */
    uint8_t unused;
} fslot;
enum { FILTER_BEFORE, FILTER_IN, FILTER_BEHIND };
typedef struct frouter {
    uint64_t nonempty[2];
    const fset *set;
    uint32_t place; /* where its bits are */
    uint32_t node;
    uint32_t record[4]; /* the neighbours', in units */
    uint32_t queues;    /* bit per input queue that is not empty */
    uint8_t pointer;
    bool dozes;     /* the PE is behind: its cycles from `from` on have not been run (doze.c) */
    uint8_t hosted; /* bit per port that leads to a host port */
    uint8_t unused;
    uint32_t from; /* the PE has been through all cycles before this one; else 0 */
    uint32_t spare;
    fslot slot[];
} frouter;

/* Who is due in a cycle, of a block's row. A place is block * BLOCK^2 + row * BLOCK + column in the block, blocks in
 * rows from the north-west corner of the box of all nodes. */
typedef struct due {
    uint64_t routers, pes;
} due;
typedef struct due_block {
    uint64_t rows; /* bit per row in which somebody is due */
    due row[BLOCK];
} due_block;

/* A channel that leads to an output stream, and the least time from a grant there to the grant that is collected. */
typedef struct upstream {
    uint32_t chan, cycles;
} upstream;
typedef struct out_path {
    upstream *chans; /* in the order of cycles */
    uint32_t count, capacity;
    uint32_t source; /* least time that a word needs which is in none of them yet */
} out_path;

/* One thread: its copy of the engine (time, counters, trap; tables shared) and what it counted. */
struct fast;
typedef struct worker {
    wfc_engine e;
    struct fast *f;
    uint32_t index;
    uint64_t hops;
    bool moved;                                       /* some router granted in this cycle */
    bool visited;                                     /* somebody was due in this band */
    frouter *routers[TILE * TILE], *pes[TILE * TILE]; /* who is due in this tile and cycle */
    uint64_t last_collect;                            /* cycle of the last collection */
    uint64_t last_close;                              /* cycle in which the last stream ended that did */
    uint64_t trap_at, extra_at;
    trap_info trap; /* the first one, at trap_at */
    wfc_sim_result result;
} worker;

typedef struct fast {
    wfc_engine e; /* tables; its time is that of the band */
    unsigned char *records;
    uint32_t *record_at; /* by node, in units */
    uint32_t *record_of; /* by place, in units */
    due_block *bits;     /* by block and cycle % SLOTS */
    fset **sets;         /* by router index, and one more: no routes */
    unsigned char *set_memory;
    uint32_t *chan_place;
    uint32_t *stream_node; /* by input stream: where it enters */
    uint32_t *port_at;     /* by port: next cycle in which it may inject, NO_TIME */
    uint32_t *port_of[2];  /* by row of the box: the host port of the west, east side, NONE32 */
    out_path *paths;       /* by output stream */
    uint32_t queue_units, hop, ramp, to_router, port_latency;
    uint32_t x, y, width, height; /* the box of all nodes */
    uint32_t across, blocks;      /* blocks of a row, and all */
    uint32_t leap[4];             /* from a place at a block's side N, E, S, W to that behind it */
    worker *workers;
    uint32_t worker_count;
    /* The band at hand: cycles e.now .. e.now + cycles - 1, but for those after `stop` (a trap). */
    uint32_t cycles;
    atomic_uint_fast32_t stop;
    atomic_uint_fast64_t *progress; /* by row of tiles: tiles finished, over all bands */
    uint64_t bands;
    int verdict;
    struct barrier *barrier;
} fast;

static inline fchan *chan_at(const fast *f, uint32_t unit) {
    return (fchan *)(void *)(f->records + (size_t)unit * UNIT);
}
static inline frouter *record_at(const fast *f, uint32_t unit) {
    return (frouter *)(void *)(f->records + (size_t)unit * UNIT);
}
static inline frouter *router_at(const fast *f, uint32_t node) {
    return record_at(f, f->record_at[node]);
}
static inline fchan *local_chan(frouter *r, unsigned l) {
    return (fchan *)(void *)((unsigned char *)r + (size_t)r->set->local[l].at * UNIT);
}
static inline fchan *queue_chan(const fast *f, frouter *r, unsigned q) {
    size_t at = ((size_t)r->set->queues_at + q * f->queue_units) * UNIT + sizeof(fqueue);
    return (fchan *)(void *)((unsigned char *)r + at);
}
static inline uint32_t time_now(const worker *s) {
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

static inline fqueue *queue_of(fchan *c) {
    return (fqueue *)(void *)((unsigned char *)c - sizeof(fqueue));
}

/* A filter's next part that is not empty. */
void ffilter_turn(fslot *st, const flocal *lo);

/* Nobody is told about a cycle later than SLOTS - 1 from now: the visit at that time finds out that it came too early.
 */
static inline due *due_at(const fast *f, uint32_t place, uint32_t now, uint32_t at) {
    if (at - now >= SLOTS) at = now + SLOTS - 1;
    due_block *b = &f->bits[(size_t)(place / (BLOCK * BLOCK)) * SLOTS + at % SLOTS];
    b->rows |= 1ull << place / BLOCK % BLOCK;
    return &b->row[place / BLOCK % BLOCK];
}
static inline void wake_router(worker *s, uint32_t place, uint32_t at) {
    due_at(s->f, place, time_now(s), at)->routers |= 1ull << place % BLOCK;
}
static inline void wake_pe(worker *s, uint32_t place, uint32_t at) {
    due_at(s->f, place, time_now(s), at)->pes |= 1ull << place % BLOCK;
}
/* Of row y and column x of the box. */
static inline uint32_t place_at(const fast *f, uint32_t y, uint32_t x) {
    return (y / BLOCK * f->across + x / BLOCK) * (BLOCK * BLOCK) + y % BLOCK * BLOCK + x % BLOCK;
}
/* Behind port N, E, S, W. */
static inline uint32_t place_behind(const fast *f, uint32_t place, unsigned port) {
    static const uint32_t mask[4] = {BLOCK * (BLOCK - 1), BLOCK - 1, BLOCK * (BLOCK - 1), BLOCK - 1};
    static const uint32_t side[4] = {0, BLOCK - 1, BLOCK * (BLOCK - 1), 0};
    static const uint32_t step[4] = {0u - BLOCK, 1, BLOCK, 0u - 1u};
    return place + ((place & mask[port]) == side[port] ? f->leap[port] : step[port]);
}
/* The host port behind a router's port, NONE32. */
static inline uint32_t host_behind(const fast *f, const frouter *r, unsigned port) {
    if (!(r->hosted >> port & 1)) return NONE32;
    uint32_t row = r->place / (BLOCK * BLOCK) / f->across * BLOCK + r->place / BLOCK % BLOCK;
    return f->port_of[port == WFC_PORT_E][row];
}
static inline void fetch(const void *p) {
#if defined(__GNUC__)
    __builtin_prefetch(p);
#else
    (void)p;
#endif
}

/* tile.c */
uint32_t band_tile_rows(const fast *f);
void band_run(worker *s);          /* its share of the band */
uint64_t band_next(const fast *f); /* after the band: first cycle in which somebody is due, NEVER */

/* fabric.c */
void frouter_visit(worker *s, frouter *r);

/* pe.c */
void fpe_visit(worker *s, frouter *r);

/* An element of 32 bits is its own 32-bit form. */
static inline bool is_plain(const operand *o) {
    bool memory = o->kind == OPND_MEM || o->kind == OPND_RING;
    return !memory || wfc_dtype_bytes((wfc_dtype)o->type) == 4;
}
/* The commonest groups of all: a 32-bit word moved, or added to another. */
static inline bool moves_words(const context *c) {
    const unsigned op = c->insn->op;
    bool suits = op == WFC_OP_VMOV || op == WFC_OP_VADD || op == WFC_OP_VMAX;
    return suits && c->width == 1 && is_plain(&c->a) && is_plain(&c->b) && is_plain(&c->d);
}

/* doze.c */
/* After a visit at now: true where the PE needs no visit before *out_next (NEVER: before one of its queues wakes it).
 */
bool doze_begin(worker *s, pe *p, frouter *r, uint64_t *out_next);
/* Runs it through the cycles before `until`, but not beyond the end of an instruction: a visit is due then. */
void doze_run(wfc_engine *e, const fast *f, pe *p, frouter *r, uint64_t until);
/* Runs it through now and ends the doze; it is visited in the next cycle. */
void doze_end(worker *s, pe *p, frouter *r);
/* It runs cycle by cycle again. */
void doze_clear(const fast *f, pe *p, frouter *r);

/* host.c */
void fport_visit(worker *s, uint32_t port);
/* At a band's start: no run ends before this many further cycles (at least 1). */
uint64_t fhost_least_cycles(const fast *f);
wfc_status fhost_find_paths(fast *f);
void fhost_collect(worker *s, uint32_t stream, uint32_t value, bool ctl);

/* load.c: WFC_ERR_UNSUPPORTED when the program needs the reference engine, with why. */
wfc_status fast_load(fast *f, const char **why);
void fast_unload(fast *f);

/* explain.c */
wfc_status fast_explain_state(fast *f);

#endif
