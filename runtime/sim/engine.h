/* Inside of the reference engine. One node per PE of the program (router, and PE proper where it has code); entities
 * (routers, PEs, host ports) are visited when a wake-up is due and never look at each other except through channels,
 * whose words and credits carry their time: that makes the visiting order irrelevant (docs/fabric.md rule 1).
 *
 *   sim.c load.c   run loop, set-up          fabric.c host.c  channels, routers, ports
 *   pe.c           contexts and dispatch     issue.c          descriptors captured and checked
 *   exec.c         scalar instructions       vec.c kernels.c convert.c queue.c   vector instructions
 *   stats.c        causes                    explain.c        traps and deadlocks in words */
#ifndef WFC_SIM_ENGINE_H
#define WFC_SIM_ENGINE_H

#include "runtime/sim/sim.h"
#include "runtime/sim/sim_test.h"

enum { LOCAL_MAX = WFC_TARGET_MAX_COLOURS * WFC_PORTS, NONE8 = 255, LOOP_DEPTH = 4, VEC_CHUNK = 128 };
enum { HOST_LINE = 64 }; /* bytes that the host fetches at once */
#define NONE32 UINT32_MAX
#define NEVER UINT64_MAX
#define DST_COLLECT 0x80000000u    /* destination is output stream (d & ~DST_COLLECT) */
#define MAX_INSN_ELEMS (1u << 24)  /* one instruction walks at most so many: hostile lengths must not hang the host */
#define SILENT_CYCLES (1ull << 28) /* without a moved word: the program spins */

typedef struct word {
    uint64_t visible; /* first cycle in which the head can be seen */
    uint32_t value;
    uint32_t ctl;
} word;

/* One pusher, one popper, each at most once per cycle. */
typedef struct chan {
    uint64_t pop_cycle;
    uint64_t head_visible; /* of the head; NEVER when empty */
    uint32_t ring;         /* first of cap entries in words[] */
    uint16_t cap, head, count, latency;
    uint32_t pushes;
    uint32_t pusher, popper; /* entities */
    uint8_t local;           /* index at the popper */
    uint8_t colour;          /* router channels; NONE8 for a queue */
    bool head_ctl;
} chan;

/* A route set, compiled: the used (colour, in-port) pairs in key order, so a scan by local index is a scan by key. */
typedef struct route_slot {
    const wfc_prog_route *route;
    uint8_t local[WFC_PORTS]; /* NONE8: no position accepts from there */
} route_slot;
typedef struct route_set {
    route_slot *slots;
    uint32_t slot_count, local_count;
    uint8_t slot_of[WFC_TARGET_MAX_COLOURS];
    uint8_t local_slot[LOCAL_MAX], local_port[LOCAL_MAX];
} route_set;
typedef struct slot_state {
    uint64_t changed;         /* cycle of the last command */
    uint32_t filter_count;    /* modulo the period */
    uint8_t position, before; /* before: the position that holds during cycle `changed` */
    uint32_t dst[WFC_PORTS];  /* channel, DST_COLLECT | stream, or NONE32 */
} slot_state;
typedef struct router {
    const route_set *set; /* NULL: no routes */
    uint32_t chan0, slot0;
    uint8_t pointer; /* local index where the scan starts */
    uint64_t nonempty[2];
} router;

/* Collapsed dimensions of a descriptor: unit ones dropped, joined where contiguous; 3 innermost. */
typedef struct dims {
    uint32_t len[4];
    int32_t step[4]; /* bytes */
} dims;
/* A descriptor with what issue needs. lo, hi: bytes relative to base + off that its elements cover. */
typedef struct desc_info {
    wfc_desc raw;
    uint32_t elems;
    int64_t lo, hi;
    uint32_t array_lo, array_hi; /* of the array that holds base; both 0: none does */
    const char *array_name;
    dims dim;
} desc_info;

typedef enum opnd_kind { OPND_NONE, OPND_REG, OPND_MEM, OPND_RING, OPND_IN, OPND_OUT } opnd_kind;
/* Contexts are what a busy PE touches most, so an operand is small: members of different kinds share their place, and
 * the dimensions are those of the class's descriptor (or of `captured` in a PE that writes descriptors). */
typedef struct operand {
    uint8_t kind, type, reg, queue;
    union {
        uint32_t value; /* register's value; word of a queue being taken or built */
        uint32_t addr;  /* memory: of the next element */
    };
    union {
        uint32_t chan;    /* queue */
        uint32_t ring_lo; /* ring */
    };
    union {
        uint32_t sub;        /* queue: elements taken from / put into value */
        uint32_t ring_bytes; /* ring */
    };
    union {
        uint32_t idx[4];
        uint32_t table_len; /* array side of gather and scatter */
    };
    const dims *dim; /* memory */
} operand;

typedef enum ctx_mode { CTX_IDLE, CTX_ARM, CTX_SCALAR, CTX_WAIT, CTX_ISSUE, CTX_VEC } ctx_mode;
typedef struct context {
    _Alignas(HOST_LINE) const wfc_insn *insn;
    uint32_t groups_left; /* with a queue: exact only in being 0 or not */
    uint32_t cycles_per_group, busy_per_group;
    uint32_t elems, left; /* elements */
    uint32_t ctl;         /* control word still to be sent */
    uint32_t words_done;  /* of words_total, for explanations */
    uint32_t words_total;
    uint32_t pc;
    uint8_t width; /* elements per word with a queue operand */
    uint8_t task;  /* that issued it */
    bool fabric, effect_done, has_index;
    operand d, a, b;
    uint32_t best, best_index;
} context;

typedef struct insn_cost {
    uint32_t overhead, groups, cycles_per_group, busy_per_group;
} insn_cost;
typedef struct class_info {
    const wfc_prog_class *cls;
    desc_info *descs;
    insn_cost *costs;
    uint8_t in_local[WFC_TARGET_MAX_QUEUES], out_local[WFC_TARGET_MAX_QUEUES];
    uint8_t in_queue[WFC_TARGET_MAX_QUEUES], out_colour[WFC_TARGET_MAX_QUEUES]; /* by local index */
    uint32_t in_count, out_count, contexts;
    uint64_t tasks, data_tasks;
    uint8_t task_index[WFC_NUM_TASKS];
    uint32_t mem_lo, mem_hi;
} class_info;

typedef struct loop_frame {
    uint32_t start, end, left;
} loop_frame;
/* What every visit touches comes first, so that a visit costs few cache lines of this struct. */
typedef struct pe {
    _Alignas(HOST_LINE) const class_info *info; /* NULL: router only */
    context *ctx;
    uint64_t datapath_free, group_cycle, accounted;
    uint32_t group_busy;
    uint8_t task; /* NONE8: main idle */
    uint8_t pointer, depth;
    uint8_t finishing; /* context whose last group runs until datapath_free, NONE8 */
    uint8_t live;      /* bit per context that is not idle */
    uint8_t empty;     /* bit per live context that has no groups: it ends with its overhead */
    uint8_t sends;     /* bit per live context that sends words */
    uint8_t batch;     /* memory-only context running alone, NONE8 */
    uint8_t lost;      /* cause of the cycles after datapath_free */
    bool ran, own_descs, halted;
    uint32_t layer;
    _Alignas(HOST_LINE) uint8_t mode[WFC_NUM_CONTEXTS]; /* ctx_mode */
    uint64_t active, blocked;
    uint8_t *mem; /* byte at address a is mem[a - info->mem_lo] */
    uint32_t node, in_nonempty;
    uint32_t in_chan0, out_chan0;                            /* queue channels; index into out_chans */
    _Alignas(HOST_LINE) uint64_t ready_at[WFC_NUM_CONTEXTS]; /* end of the context's overhead */
    uint32_t pc, next_pc;
    uint32_t overheads; /* counted for jitter */
    desc_info *descs;   /* the class's, or this PE's own once it writes one */
    dims *captured;     /* then: 3 for each context, as they were at issue */
    uint32_t r[WFC_NUM_REGS];
    loop_frame loops[LOOP_DEPTH];
} pe;

static inline void set_mode(pe *p, unsigned k, ctx_mode m) {
    bool empty = m == CTX_VEC && p->ctx[k].groups_left == 0;
    p->empty = (uint8_t)(empty ? p->empty | 1u << k : p->empty & ~(1u << k));
    bool sends = m == CTX_VEC && p->ctx[k].d.kind == OPND_OUT;
    p->sends = (uint8_t)(sends ? p->sends | 1u << k : p->sends & ~(1u << k));
    p->mode[k] = (uint8_t)m;
    p->live = (uint8_t)(m == CTX_IDLE ? p->live & ~(1u << k) : p->live | 1u << k);
}

typedef struct in_stream {
    const uint32_t *words;
    uint64_t next, total;
    uint32_t chan, per_sample;
} in_stream;
typedef struct out_stream {
    uint32_t *words;
    uint64_t next, total, last;
    uint32_t per_sample, index;
    uint8_t side, colour;
    uint16_t row;
} out_stream;
typedef struct host_port {
    uint32_t *streams; /* input streams, in stream order */
    uint32_t count, pointer;
    uint8_t side;
    uint16_t row;
} host_port;

typedef struct wheel_slot {
    uint32_t *ents;
    uint32_t count, capacity;
} wheel_slot;
enum { WHEEL = 1024 };

typedef struct trap_info {
    bool set;
    uint32_t node;
    uint8_t task, ctx;
    uint32_t pc;
    char text[256];
} trap_info;

typedef struct wfc_engine {
    const wfc_program *p;
    const wfc_target *target;
    wfc_sim_options opt;
    const wfc_sim_io *io;
    wfc_sim_hooks *hooks;
    wfc_diag *diag;
    wfc_sim_result *result;

    uint32_t nodes;
    uint32_t *grid; /* node + 1 by y * width + x */
    router *routers;
    pe *pes;
    chan *chans;
    uint32_t chan_count, slot_count;
    word *words;
    slot_state *slots;
    uint32_t *out_chans;
    const uint32_t *chan_place; /* what operands hold instead of a channel's index; NULL: the index */
    route_set *sets;
    class_info *classes;
    context *contexts;
    uint8_t *memory;
    in_stream *ins;
    out_stream *outs;
    host_port *ports;
    uint32_t in_count, out_count, port_count, ins_open, outs_open; /* open: streams with words to come */
    uint32_t *port_streams;

    uint64_t now, end; /* end: last collection, once all are granted */
    uint64_t last_action, last_moved;
    bool no_fabric; /* an engine with channels and slots of its own (runtime/fast): sim_load leaves them out */
    uint64_t *wake; /* by entity: earliest wake-up */
    uint32_t entities;
    wheel_slot wheel[WHEEL];
    uint64_t wheel_used[WHEEL / 64];
    uint32_t *all; /* every entity, for no_skip */
    bool *is_due;
    uint64_t rng, missed_wakes;
    bool acted, out_of_memory;
    trap_info trap;
    uint32_t extra_stream; /* stream that got a word too many */
} wfc_engine;

static inline unsigned low_bit(uint64_t m) {
#if defined(__GNUC__)
    return (unsigned)__builtin_ctzll(m);
#else
    unsigned i = 0;
    while (!(m >> i & 1)) i++;
    return i;
#endif
}

/* Entities: routers, then PEs, then ports. */
static inline uint32_t ent_router(uint32_t node) {
    return 2 * node;
}
static inline uint32_t ent_pe(uint32_t node) {
    return 2 * node + 1;
}
/* From which cycle on the stream's next word may be injected. */
static inline uint64_t sim_given_at(const wfc_engine *e, const in_stream *s) {
    return e->opt.interval ? s->next / s->per_sample * e->opt.interval : 0;
}

static inline uint32_t ent_port(const wfc_engine *e, uint32_t port_index) {
    return 2 * e->nodes + port_index;
}

void sim_schedule(wfc_engine *e, uint32_t ent, uint64_t at);
static inline void sim_wake(wfc_engine *e, uint32_t ent, uint64_t at) {
    if (at < e->wake[ent]) sim_schedule(e, ent, at);
}
static inline void sim_acted(wfc_engine *e, uint64_t until) {
    e->acted = true;
    if (until > e->last_action) e->last_action = until;
}
/* Extra cycles 0..range-1 under --jitter, else 0. */
uint32_t sim_jitter(const wfc_engine *e, uint32_t place, uint32_t count, uint32_t range);

/* big.c: wfc_calloc on a line of the host, with huge pages where that pays; its own free. */
void *sim_big_calloc(size_t count, size_t size);
void sim_big_free(void *p);

/* load.c */
wfc_status sim_load(wfc_engine *e);
wfc_status sim_load_fabric(wfc_engine *e); /* channels and slots; part of sim_load unless no_fabric */
void sim_unload(wfc_engine *e);
uint32_t sim_neighbour(const wfc_engine *e, uint32_t node, unsigned port); /* NONE32: no PE of the program is there */
/* Capacity and latency (rule 2) of the router channel (in-port, colour), into ch. */
void sim_router_chan(const wfc_engine *e, uint32_t node, unsigned port, unsigned colour, chan *ch);
void sim_desc_prepare(const class_info *info, desc_info *d); /* fills all but raw; issue.c */

/* fabric.c */
static inline bool chan_can_push(const wfc_engine *e, uint32_t c) {
    const chan *ch = &e->chans[c];
    return ch->count + (ch->pop_cycle == e->now) < ch->cap;
}
/* There is a word that can be popped now. */
static inline bool chan_has_head(const wfc_engine *e, uint32_t c) {
    const chan *ch = &e->chans[c];
    return ch->head_visible <= e->now && ch->pop_cycle != e->now;
}
void chan_push(wfc_engine *e, uint32_t c, uint32_t value, bool ctl);
word chan_pop(wfc_engine *e, uint32_t c);
void router_visit(wfc_engine *e, uint32_t node);

/* host.c */
wfc_status host_load(wfc_engine *e);
void host_unload(wfc_engine *e);
void port_visit(wfc_engine *e, uint32_t index);
void host_collect(wfc_engine *e, uint32_t stream, uint32_t value, bool ctl);

/* sim.c */
wfc_status sim_read_probes(const wfc_engine *e, wfc_sim_probe *probes, uint32_t count);

/* pe.c */
void pe_visit(wfc_engine *e, uint32_t node);
/* Its parts that no channel takes part in. Brings contexts to S(now): the finished one, empty vectors whose overhead is
 * over, a dispatched task's first one. */
void pe_advance(wfc_engine *e, pe *p);
void pe_start_task(wfc_engine *e, pe *p, unsigned id, uint32_t value); /* value: the word of a data task */
void pe_execute(wfc_engine *e, pe *p, unsigned k);                     /* a group of context k */
/* Context k has started a group: datapath, pointer, account. */
void pe_group_started(wfc_engine *e, pe *p, unsigned k, uint32_t cycles, uint32_t busy, bool last);
uint64_t pe_held_until(wfc_engine *e, pe *p, uint64_t from, uint32_t overhead);

/* issue.c: captures the operands of a vector or fabric instruction into ctx; false: trapped. */
bool issue_vector(wfc_engine *e, pe *p, context *c, const wfc_insn *in, uint32_t pc);
/* Address of element `index` of a descriptor's first row (ld, st, ldt), checked; false: trapped. */
bool issue_address(wfc_engine *e, pe *p, uint8_t desc_byte, uint32_t index, uint32_t bytes, uint32_t *out_addr);
/* This PE's own copy of its descriptors (it is about to write one); NULL: out of memory. */
desc_info *issue_own_descs(wfc_engine *e, pe *p);

/* exec.c: a scalar or control instruction; returns its datapath cycles. */
uint32_t exec_scalar(wfc_engine *e, pe *p, const wfc_insn *in);

/* vec.c, queue.c */
void vec_run(wfc_engine *e, pe *p, context *c); /* whole effect of a memory-only instruction */
bool queue_ready(const wfc_engine *e, const pe *p, const context *c, bool *out_no_input);
void queue_group(wfc_engine *e, pe *p, context *c); /* one group; sets c->groups_left to 0 after the last */
/* One element of an instruction with queues, whose words are in the operands' `value`. */
void queue_element(wfc_engine *e, pe *p, context *c);
/* vsendnz: whether the group at hand pushes a word. */
bool queue_sends_now(const pe *p, const context *c);

/* convert.c: element forms */
uint32_t elem_widen(wfc_dtype t, uint32_t bits);                                    /* raw bits to the 32-bit form */
uint32_t elem_narrow(wfc_dtype t, uint32_t value);                                  /* 32-bit form to raw bits */
uint32_t elem_convert(uint32_t value, wfc_dtype from, wfc_dtype to, bool saturate); /* 32-bit forms */

/* stats.c */
void stats_settle(wfc_engine *e, pe *p, uint64_t until); /* accounts cycles up to `until`, catching up a batch */
/* Accounts the part of the current group, started at p->group_cycle, that lies in [p->accounted, until). */
void stats_settle_group(pe *p, uint64_t until, uint64_t *cause);
wfc_status stats_init(wfc_engine *e);
void stats_finish(wfc_engine *e);

/* explain.c */
void sim_trap(wfc_engine *e, const pe *p, unsigned ctx, uint32_t pc, const char *fmt, ...) WFC_PRINTF(5, 6);
wfc_status explain_trap(wfc_engine *e);
wfc_status explain_deadlock(wfc_engine *e);
wfc_status explain_limit(wfc_engine *e, uint64_t limit);
wfc_status explain_extra_word(wfc_engine *e);
wfc_status explain_silence(wfc_engine *e);

#endif
