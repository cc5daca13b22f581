/* Shared by the files of the checker: traces of PE programs, the flow of words, the event graph. */
#ifndef WFC_BACKEND_CHECK_INTERNAL_H
#define WFC_BACKEND_CHECK_INTERNAL_H

#include "backend/check/check.h"

#define WFC_CHK_NOT_CHECKABLE "WFC-E0750" /* another shape of program */
#define WFC_CHK_ROUTE "WFC-E0751"         /* a route leads nowhere, or the routes of a colour are not a tree */
#define WFC_CHK_JOIN "WFC-E0752"          /* two in-ports open at once */
#define WFC_CHK_LEFT "WFC-E0753"          /* words left in front of a router */
#define WFC_CHK_SWITCH "WFC-E0754"        /* a switch is not back after the sample */
#define WFC_CHK_FILTER "WFC-E0755"        /* a filter's period does not divide the words of a sample */
#define WFC_CHK_WORDS "WFC-E0756"         /* a PE gets more or fewer words than it takes */
#define WFC_CHK_HOST "WFC-E0757"          /* a host stream gets more or fewer words than declared */
#define WFC_CHK_BUFFER "WFC-E0758"        /* a receive without its own microthread or its two buffers */
#define WFC_CHK_RACE "WFC-E0759"          /* memory touched while a microthread is at work on it */
#define WFC_CHK_CYCLE "WFC-E0760"         /* the event graph has a cycle without a token */
#define WFC_CHK_VARIABLE "WFC-E0761"      /* a stream of data-dependent length */
#define WFC_CHK_QUEUE "WFC-E0762"         /* queue bindings: several colours in one queue, or a queue without one */
#define WFC_CHK_LIMIT "WFC-E0763"         /* microthreads beyond the target's */
#define WFC_CHK_LATE "WFC-E0764"          /* an output waits for a later sample, which need not come */
#define WFC_CHK_EARLY "WFC-E0765"         /* an output does not wait for its sample's input */

enum { WFC_CHK_NO_QUEUE = 255, WFC_CHK_MAX_ERRORS = 20 };
enum { WFC_CHK_FAULT_BYTES = 400 };
#define WFC_CHK_NONE UINT32_MAX /* no PE, node, route or list */

/* --- memory --- */
/* The bytes of one execution of a memory operand. They all lie in [lo, hi), 0 <= lo < hi <= 65536, or anywhere when hi
 * is 0. `known`: base, lengths and strides are, so the bytes can be listed. `ranged`: not known, and [lo, hi) is what
 * the records of a table make of it. */
typedef struct wfc_chk_access {
    bool known, ranged;
    uint32_t lo, hi;
    int32_t base;
    uint8_t elem_bytes;
    uint16_t len[4];
    int16_t stride[4];
} wfc_chk_access;
bool wfc_be_chk_access_resolve(const wfc_desc *d, int32_t base, wfc_chk_access *out);
/* Whether two known accesses share a byte. `bits`: scratch of 65536 bits, all zero before and after. */
bool wfc_be_chk_access_overlap(const wfc_chk_access *a, const wfc_chk_access *b, uint64_t *bits);

/* --- traces --- */
typedef enum wfc_chk_kind { WFC_CHK_SYNC, WFC_CHK_ISSUE, WFC_CHK_WAIT } wfc_chk_kind;

/* A fabric or microthread event of a PE's main context. */
typedef struct wfc_chk_event {
    uint8_t kind;                /* wfc_chk_kind */
    uint8_t ut;                  /* ISSUE, WAIT */
    uint8_t in_queue, out_queue; /* WFC_CHK_NO_QUEUE: none */
    uint16_t control;            /* control word after the data, 0 none */
    uint32_t in_words, out_words;
    uint32_t pc;
    uint32_t ahead;           /* samples that this event is ahead of the iteration it runs in */
    uint32_t done, flow;      /* trace nodes: completion; "flows as soon as words come" (only in and out, else NONE) */
    wfc_chk_access in_buffer; /* ISSUE of a receive into memory */
} wfc_chk_event;
typedef WFC_VEC(wfc_chk_event) wfc_chk_events;

/* Arc of the event graph: firing n of `to` needs firing n - tokens of `from`. soft: only because no FIFO counts as
 * storage; in the machine `to` may come first. */
typedef struct wfc_chk_arc {
    uint32_t from, to;
    int32_t tokens;
    bool soft;
} wfc_chk_arc;
typedef WFC_VEC(wfc_chk_arc) wfc_chk_arcs;

/* A node of a trace: what it is and its sample offset: firing n of it handles sample n + offset. */
typedef struct wfc_chk_node {
    uint32_t event;
    enum { WFC_CHK_MAIN, WFC_CHK_DONE, WFC_CHK_FLOW } role;
    int32_t offset;
} wfc_chk_node;

/* Words per sample of a queue, and what the prologue takes or sends ahead of the loop. */
typedef struct wfc_chk_queue {
    uint64_t words, ahead_words;
    uint8_t colour;
    bool bound;
} wfc_chk_queue;

typedef struct wfc_chk_tables wfc_chk_tables;
typedef struct wfc_chk_trace {
    uint32_t class_index, regs_first, reg_count; /* key */
    uint32_t data_first, data_count;             /* key too, where descriptors are loaded from memory */
    uint32_t first_pe;
    wfc_chk_events prologue, events; /* events: one iteration */
    WFC_VEC(wfc_chk_node) nodes;     /* the main nodes first: node i is event i */
    wfc_chk_arcs arcs;               /* sorted by from once arc_start exists */
    uint32_t *arc_start;             /* [nodes + 1] */
    wfc_chk_queue in[WFC_TARGET_MAX_QUEUES], out[WFC_TARGET_MAX_QUEUES];
    uint32_t unchecked_accesses, microthreads, buffered_receives, chain_receives;
    uint32_t sends;                              /* colours on which its events send, a bit each */
    uint8_t in_queue_of[WFC_TARGET_MAX_COLOURS]; /* NO_QUEUE: none */
    const char *fault_code;                      /* NULL: fine */
    char *fault;                                 /* text of WFC_CHK_FAULT_BYTES, of whoever builds the trace */
} wfc_chk_trace;

/* Follows the program of (class, parameter block) until its state repeats. Findings become the trace's fault; returns
 * WFC_ERR_NO_MEMORY only. */
WFC_MUST_USE wfc_status wfc_be_chk_trace_build(wfc_chk_tables *tables, uint64_t step_budget, wfc_chk_trace *t);
void wfc_be_chk_trace_deinit(wfc_chk_trace *t);
/* Places every event of the loop in the stream of its queues (`ahead`); false after a fault. */
bool wfc_be_chk_place(wfc_chk_trace *t);
/* Condition 2 where the events show it; then the nodes and arcs of one PE. */
WFC_MUST_USE wfc_status wfc_be_chk_trace_link(const wfc_target *target, wfc_chk_trace *t);
void wfc_be_chk_fault(wfc_chk_trace *t, const char *code, const char *fmt, ...) WFC_PRINTF(3, 4);
/* The node after which the data of event `e` can move, the same for the `to` side of an arc: its tokens are `tokens`
 * for a node that counts samples. */
void wfc_be_chk_start(const wfc_chk_trace *t, uint32_t e, uint32_t *node, int32_t *tokens);

/* --- the machine: a PE whose registers are known, whose memory is not --- */
typedef enum wfc_chk_value_kind {
    WFC_CHK_KNOWN,
    WFC_CHK_SYMBOL,
    WFC_CHK_UNKNOWN,
    WFC_CHK_RANGE,
    WFC_CHK_STEP
} wfc_chk_value_kind;
/* KNOWN: bits. SYMBOL: value of register symbol % 16 at the start of the loop of level symbol / 16, plus bits. RANGE:
 * 0 .. bits. STEP: bits modulo 8, a place in a table of records. */
typedef struct wfc_chk_value {
    uint8_t kind, symbol;
    uint32_t bits;
} wfc_chk_value;

typedef struct wfc_chk_flight {
    bool active, writes;
    uint8_t in_queue, out_queue, reads;
    uint32_t pc;
    wfc_chk_access write, read[2];
} wfc_chk_flight;

typedef struct wfc_chk_state {
    wfc_chk_value regs[WFC_NUM_REGS];
    wfc_desc descs[WFC_NUM_DESCS];
    uint16_t unknown[WFC_NUM_DESCS]; /* bit per field of setd */
} wfc_chk_state;

/* Uses of an array: an instruction stores there; descriptors are loaded from there. Not both: then they are constants.
 */
enum { WFC_CHK_STORED = 1, WFC_CHK_TABLE = 2 };

/* What the records of a table hold at most, in all PEs of a class. */
typedef struct wfc_chk_table_range {
    uint32_t array, residue; /* records start where address % 8 is residue; array NONE: nothing is known yet */
    uint16_t most[2];        /* of the two u16 of a record */
} wfc_chk_table_range;
struct wfc_chk_tables {
    const wfc_program *p;
    uint32_t *first, *pe;      /* first [class_count + 1] into pe: the PEs of each class that reads tables */
    wfc_chk_table_range *last; /* [class_count] what was asked last */
};
WFC_MUST_USE wfc_status wfc_be_chk_tables_init(wfc_chk_tables *t, const wfc_program *p);
void wfc_be_chk_tables_deinit(wfc_chk_tables *t);

typedef struct wfc_chk_machine {
    const wfc_program *p;
    wfc_chk_tables *tables;
    const wfc_prog_class *cls;
    const wfc_target *target;
    wfc_chk_trace *trace;
    wfc_chk_events *events; /* where events go */
    wfc_status status;      /* out of memory */
    wfc_chk_state s;
    wfc_chk_flight flight[WFC_NUM_CONTEXTS];
    unsigned flights;
    uint32_t *impure;   /* [insn_count + 1] running count of instructions that a summarised loop may not hold */
    uint8_t *unchecked; /* [insn_count] */
    uint64_t *bits;     /* scratch of wfc_be_chk_access_overlap */
    uint8_t *array_use; /* [array_count + 1] WFC_CHK_STORED, WFC_CHK_TABLE */
    uint64_t steps, soft_steps;
    uint32_t exact_left; /* exact overlap tests that may still be made */
    unsigned level;      /* of summarised loops around */
    unsigned nesting;
    bool quiet;         /* a trial run of a summarised loop: nothing is recorded */
    int32_t array_base; /* of a scalar access: the descriptor's own base, which says the array; else -1 */
} wfc_chk_machine;

/* Runs [lo, hi); false after a fault or when out of memory. */
bool wfc_be_chk_run(wfc_chk_machine *m, uint32_t lo, uint32_t hi);
bool wfc_be_chk_step(wfc_chk_machine *m, uint32_t pc);
bool wfc_be_chk_refuse(wfc_chk_machine *m, uint32_t pc, const char *why);
/* Registers an instruction writes, as a bit set. */
uint16_t wfc_be_chk_written(const wfc_prog_class *c, const wfc_insn *in);
bool wfc_be_chk_is_vector(const wfc_insn *in);
/* Vector, fabric and memory instructions: events, microthreads in flight, races. */
bool wfc_be_chk_vector(wfc_chk_machine *m, uint32_t pc, const wfc_insn *in);
bool wfc_be_chk_touch(wfc_chk_machine *m, uint32_t pc, uint8_t operand, bool write);

/* ldd: the descriptor becomes what the PE's initial data hold there. */
bool wfc_be_chk_load_desc(wfc_chk_machine *m, uint32_t pc, const wfc_insn *in);
/* Notes a store through a memory operand. */
void wfc_be_chk_stores(wfc_chk_machine *m, uint8_t operand);
/* Refuses a program that stores into an array from which it loads descriptors. */
bool wfc_be_chk_tables_constant(wfc_chk_machine *m);
bool wfc_be_chk_loads_descs(const wfc_prog_class *c);
/* ldt: what the two u16 of a record of the table behind `operand` can be. */
void wfc_be_chk_table_values(wfc_chk_machine *m, uint8_t operand, wfc_chk_value out[2]);
/* Bytes of the array that holds an address; false when none does. */
bool wfc_be_chk_array_hull(const wfc_prog_class *c, uint32_t addr, uint32_t *lo, uint32_t *hi);

/* --- the whole program --- */
/* A receive takes `words` words of a send (or of a host stream), from word send_at of the one and receive_at of the
 * other. Operations go by their done node. Of a receive's senders only the first and the last need be listed where
 * neither side passes words on: the lane's order speaks for those between. Those of one receive follow each other. */
typedef struct wfc_chk_transfer {
    uint32_t send, receive, send_at, receive_at, words;
    bool relay; /* the receive also sends */
} wfc_chk_transfer;
/* On a lane the words of `after` come after those of `before`, `turns` samples later. */
typedef struct wfc_chk_order {
    uint32_t before, after;
    int32_t turns;
} wfc_chk_order;

/* A set of nodes; sealed, it numbers its members from 0 in ascending order. */
typedef struct wfc_chk_marks {
    uint64_t *bits;
    uint32_t *rank; /* [words of bits] members before */
    uint32_t count;
} wfc_chk_marks;
WFC_MUST_USE wfc_status wfc_be_chk_marks_init(wfc_chk_marks *m, uint32_t nodes);
void wfc_be_chk_marks_deinit(wfc_chk_marks *m);
void wfc_be_chk_mark(wfc_chk_marks *m, uint32_t node);
bool wfc_be_chk_is_marked(const wfc_chk_marks *m, uint32_t node);
void wfc_be_chk_marks_seal(wfc_chk_marks *m, uint32_t nodes);
uint32_t wfc_be_chk_mark_index(const wfc_chk_marks *m, uint32_t node); /* of a member */
/* Ascending. Linear. */
WFC_MUST_USE wfc_status wfc_be_chk_sort(uint64_t *keys, size_t n);

/* An arc between PEs, stored with its `from`: twice its tokens, plus 1 if soft. */
typedef struct wfc_chk_cross {
    uint32_t to;
    int32_t tokens_soft;
} wfc_chk_cross;

/* A host stream's first words of a sample: their node, and that of the send itself if it passes words on. */
typedef struct wfc_chk_first {
    uint32_t op, node;
} wfc_chk_first;

typedef struct wfc_chk {
    const wfc_program *p;
    wfc_diag *diag;
    wfc_check_stats stats;
    uint32_t errors;
    uint32_t *grid; /* [height * width] PE index or NONE */
    wfc_chk_trace *traces;
    uint32_t trace_count;
    uint32_t *trace_of;  /* [pe_count] trace index or NONE */
    uint32_t *node_base; /* [pe_count] first event node of each PE; then come the host's input streams, one each */
    /* PEs with nodes, ascending */
    uint32_t *code_pe, *code_base, code_count;  /* code_base: [code_count + 1] */
    uint32_t *code_block;                       /* [nodes / 16 + 1] index into code_pe of node 16 i */
    uint32_t node_count, host_base, extra_base; /* nodes of PEs, of input streams, of pieces */
    uint32_t *host_words;                       /* [input streams] */
    bool offsets;                               /* some node of a trace has an offset */
    WFC_VEC(wfc_chk_transfer) transfers;
    WFC_VEC(wfc_chk_order) orders;
    WFC_VEC(uint64_t) cuts; /* op << 32 | word, ascending: extra nodes */
    uint32_t *cross_start;  /* [node_count + 2] into cross */
    wfc_chk_cross *cross;
    WFC_VEC(uint32_t) to_host;            /* event nodes that send to host streams; may repeat */
    WFC_VEC(wfc_chk_first) first_to_host; /* of each host stream that whose words come first in a sample */
} wfc_chk;

void wfc_be_chk_error(wfc_chk *c, const char *code, uint32_t pe, const char *fmt, ...) WFC_PRINTF(4, 5);
uint32_t wfc_be_chk_pe_at(const wfc_chk *c, int x, int y);
/* Index into code_pe of an event node, NONE for a host stream and for a piece. */
uint32_t wfc_be_chk_node_code(const wfc_chk *c, uint32_t node);
/* The PE of an event node, NONE for a host stream and for a piece; its trace node in *local. */
uint32_t wfc_be_chk_node_pe(const wfc_chk *c, uint32_t node, uint32_t *local);
/* check_shapes.c: the trace of every PE, equal ones once. */
WFC_MUST_USE wfc_status wfc_be_chk_build_traces(wfc_chk *c);
/* Conditions 1 and 3; notes who takes whose words, and in which order they pass. */
WFC_MUST_USE wfc_status wfc_be_chk_flow(wfc_chk *c);
/* From that, the arcs between PEs; sends are cut where receives begin and end, which adds nodes. */
WFC_MUST_USE wfc_status wfc_be_chk_pieces(wfc_chk *c);
/* Operation of an extra node and the word at which its piece ends. */
uint32_t wfc_be_chk_extra_op(const wfc_chk *c, uint32_t node, uint32_t *words);
/* Condition 4. */
WFC_MUST_USE wfc_status wfc_be_chk_graph(wfc_chk *c);
/* What a node stands for, for messages. */
void wfc_be_chk_tell_node(const wfc_chk *c, uint32_t node, wfc_buf *out);

#endif
