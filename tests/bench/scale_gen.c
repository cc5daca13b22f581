#include "tests/bench/scale_gen.h"

#include <stdio.h>
#include <string.h>

enum { N = WFC_PORT_N, E = WFC_PORT_E, S = WFC_PORT_S, W = WFC_PORT_W, R = WFC_PORT_R, NONE = WFC_OPND_NONE };
enum { BN = 1, BE = 2, BS = 4, BW = 8, BR = 16 };
/* Colours: two for lanes into contracts, two for lanes into adapters, chains by direction and parity, buses by parity.
 */
enum { C_LANE = 0, C_OUT = 2, C_DOWN = 4, C_UP = 6, C_BUS = 8 };
enum { MAX_INSNS = 64, MAX_DESCS = 40, MAX_ARRAYS = 12, MAX_BINDINGS = 8, CODE_BYTES = 1024, TABLE_ROWS = 3 };

typedef struct maker {
    const scale_shape *s;
    wfc_program *p;
    wfc_diag *diag;
    uint32_t *class_slots, *router_slots; /* hash tables of index + 1 */
    size_t slots;
    uint32_t class_capacity, router_capacity, pe_capacity, data_capacity;
    uint64_t bulk_capacity;
    /* the PE in the making */
    wfc_prog_class c;
    wfc_insn insns[MAX_INSNS];
    wfc_desc descs[MAX_DESCS];
    wfc_prog_task task;
    wfc_prog_binding in[MAX_BINDINGS], out[MAX_BINDINGS];
    wfc_prog_array arrays[MAX_ARRAYS];
    wfc_prog_route routes[WFC_TARGET_MAX_COLOURS];
    uint32_t route_count, top;
    bool west; /* lanes run west here */
    bool failed;
} maker;

static void *room(maker *m, size_t n, size_t size) {
    void *p = wfc_arena_alloc(&m->p->arena, n, size);
    if (!p) m->failed = true;
    return p;
}

/* --- a class in the making --- */
static void begin(maker *m) {
    memset(&m->c, 0, sizeof m->c);
    memset(m->routes, 0, sizeof m->routes);
    m->c = (wfc_prog_class){.name = "class", .insns = m->insns, .descs = m->descs, .tasks = &m->task, .task_count = 1};
    m->c.in_queues = m->in;
    m->c.out_queues = m->out;
    m->c.arrays = m->arrays;
    m->task = (wfc_prog_task){.flags = WFC_TASK_ACTIVE};
    m->route_count = 0;
    m->top = CODE_BYTES;
}

static void insn(maker *m, unsigned op, unsigned type, unsigned flags, unsigned d, unsigned a, unsigned b, unsigned c,
                 int imm) {
    m->insns[m->c.insn_count++] = (wfc_insn){(uint8_t)op, (uint8_t)type, (uint8_t)flags, (uint8_t)d,
                                             (uint8_t)a,  (uint8_t)b,    (uint8_t)c,     (uint16_t)imm};
}

static unsigned desc(maker *m, wfc_desc d) {
    m->descs[m->c.desc_count] = d;
    return WFC_OPND_DESC0 + m->c.desc_count++;
}

static unsigned array(maker *m, const char *name, uint32_t bytes, unsigned category) {
    unsigned at = m->top;
    m->arrays[m->c.array_count++] = (wfc_prog_array){name, (uint16_t)at, (uint16_t)bytes, (uint8_t)category};
    m->top += (bytes + 3) / 4 * 4;
    return at;
}

static unsigned mem(maker *m, unsigned at, unsigned off, uint32_t n) {
    return desc(m, (wfc_desc){WFC_DESC_MEM, WFC_F32, (uint8_t)off, (uint16_t)at, {1, 1, 1, (uint16_t)n}, {0, 0, 0, 1}});
}
static unsigned from_queue(maker *m, unsigned q, uint32_t n) {
    return desc(m, (wfc_desc){WFC_DESC_IN, WFC_F32, 0, (uint16_t)q, {1, 1, 1, (uint16_t)n}, {0}});
}
static unsigned to_queue(maker *m, unsigned q, uint32_t n, unsigned control) {
    int word = control < 0x8000 ? (int)control : (int)control - 0x10000;
    return desc(m, (wfc_desc){WFC_DESC_OUT, WFC_F32, 0, (uint16_t)q, {1, 1, 1, (uint16_t)n}, {(int16_t)word, 0, 0, 0}});
}
static unsigned bind_in(maker *m, unsigned colour) {
    m->in[m->c.in_count] = (wfc_prog_binding){(uint8_t)m->c.in_count, (uint8_t)colour};
    return m->c.in_count++;
}
static unsigned bind_out(maker *m, unsigned colour) {
    m->out[m->c.out_count] = (wfc_prog_binding){(uint8_t)m->c.out_count, (uint8_t)colour};
    return m->c.out_count++;
}
static void wait_for(maker *m, unsigned ut) {
    insn(m, WFC_OP_WAIT, 0, 0, NONE, NONE, NONE, ut, 0);
}
static void move(maker *m, unsigned d, unsigned a, unsigned ut) {
    insn(m, WFC_OP_VMOV, WFC_F32, ut ? WFC_FLAG_ASYNC : 0, d, a, NONE, ut ? ut : NONE, 0);
}
static void add(maker *m, unsigned d, unsigned a, unsigned b, unsigned ut) {
    insn(m, WFC_OP_VADD, WFC_F32, ut ? WFC_FLAG_ASYNC : 0, d, a, b, ut ? ut : NONE, 0);
}

/* A lane's end: two buffers of n words, armed. Offsets in r(2k - 1) (being filled) and r(2k) (full), k = microthread.
 */
typedef struct lane {
    unsigned ut, fill, queue, full;
    uint32_t bytes;
} lane;
static lane arm(maker *m, unsigned colour, unsigned ut, uint32_t n) {
    unsigned at = array(m, "in", 8 * n, WFC_MEM_INPUT), q = bind_in(m, colour);
    lane l = {ut, mem(m, at, 2 * ut - 1, n), from_queue(m, q, n), mem(m, at, 2 * ut, n), 4 * n};
    insn(m, WFC_OP_MOVI, 0, 0, 2 * ut - 1, NONE, NONE, NONE, 0);
    move(m, l.fill, l.queue, ut);
    return l;
}
static void next(maker *m, const lane *l) {
    wait_for(m, l->ut);
    insn(m, WFC_OP_MOV, 0, 0, 2 * l->ut, 2 * l->ut - 1, NONE, NONE, 0);
    insn(m, WFC_OP_XOR, WFC_I32, 0, 2 * l->ut - 1, 2 * l->ut - 1, NONE, NONE, (int)l->bytes);
    move(m, l->fill, l->queue, l->ut);
}
static void back(maker *m, uint32_t head) {
    insn(m, WFC_OP_BRA, 0, 0, NONE, NONE, NONE, NONE, (int)head - (int)m->c.insn_count);
}

/* --- its router --- */
static unsigned mirrored(unsigned ports, bool mirror) {
    if (!mirror) return ports;
    return (ports & ~(unsigned)(BE | BW)) | (ports & BE ? BW : 0) | (ports & BW ? BE : 0);
}
static unsigned mirrored_port(unsigned port, bool mirror) {
    return !mirror ? port : port == E ? W : port == W ? E : port;
}
static wfc_prog_route *route(maker *m, unsigned colour, unsigned in, unsigned outs) {
    wfc_prog_route *r = &m->routes[m->route_count++];
    *r = (wfc_prog_route){.colour = (uint8_t)colour, .positions = 1};
    r->out[0][mirrored_port(in, m->west)] = (uint8_t)mirrored(outs, m->west);
    return r;
}
/* Own words first, then those of port `in`. */
static wfc_prog_route *merge(maker *m, unsigned colour, unsigned in, unsigned own, unsigned passed) {
    wfc_prog_route *r = route(m, colour, R, own);
    r->positions = 2;
    r->out[1][mirrored_port(in, m->west)] = (uint8_t)mirrored(passed, m->west);
    return r;
}
/* Positions that the switch never reaches, so that routers differ. */
static void vary(wfc_prog_route *r, uint32_t variant, unsigned outs) {
    static const uint8_t ins[3] = {N, S, R};
    for (unsigned i = 0; i < 6 && r->positions > 1; i++) {
        if (!(variant >> i & 1)) continue;
        r->positions = 4;
        r->out[2 + i / 3][ins[i % 3]] = (uint8_t)outs;
    }
}
static void filter(wfc_prog_route *r, uint32_t period, uint32_t lo, uint32_t n) {
    if (lo == 0 && n == period) return;
    r->filtered = true;
    r->filter_period = period;
    r->filter_lo = lo;
    r->filter_hi = lo + n;
}

/* --- the two kinds of PE --- */
static unsigned ending(uint32_t column) { /* the segment that comes last on a lane resets it */
    return column == 0 ? WFC_CTL(WFC_CTL_NOP, WFC_CTL_RESET) : WFC_CTL(WFC_CTL_ADVANCE, WFC_CTL_NOP);
}

/* One step of a chain: part of what comes is passed on with something added, the last `n` words are added to `own`. */
static void chain(maker *m, unsigned colour_in, unsigned colour_out, uint32_t takes, uint32_t n, unsigned acc,
                  unsigned ut, unsigned *in_queue) {
    unsigned q_in = takes ? bind_in(m, colour_in) : 0;
    uint32_t passes = takes ? takes - n : 0;
    *in_queue = q_in;
    if (takes && passes) {
        unsigned to = to_queue(m, bind_out(m, colour_out), passes, 0);
        add(m, to, from_queue(m, q_in, passes), mem(m, acc, 0, passes), ut);
    }
}

static void contract_code(maker *m, uint32_t slab, uint32_t col, uint32_t row) {
    const scale_shape *s = m->s;
    uint32_t n = s->words, i = row % s->group, lane_words = s->strips * 4, acc_words = n * s->group;
    unsigned parity = row & 1;
    begin(m);
    unsigned weights = array(m, "weights", s->weights_bytes, WFC_MEM_WEIGHT);
    unsigned acc = array(m, "acc", 4 * acc_words, WFC_MEM_ACC), out = array(m, "out", 4 * n, WFC_MEM_OUTPUT);
    lane l = arm(m, C_LANE + (slab & 1), 1, lane_words);
    uint32_t head = m->c.insn_count;
    next(m, &l);
    insn(m, WFC_OP_MOVI, 0, 0, 9, NONE, NONE, NONE, (int)((row * s->cols + col + slab * 101) % s->variants));
    move(m, mem(m, acc, 0, acc_words), 0, 0);
    unsigned sum = desc(m, (wfc_desc){WFC_DESC_MEM, WFC_F32, 0, (uint16_t)acc, {1, 1, 1, (uint16_t)lane_words}, {0}});
    unsigned w = desc(m, (wfc_desc){WFC_DESC_MEM, WFC_F32, 0, (uint16_t)weights, {1, 1, 1, (uint16_t)lane_words}, {0}});
    insn(m, WFC_OP_VMAC, WFC_F32, 0, sum, l.full, w, NONE, 0);
    unsigned down_in = 0, up_in = 0;
    uint32_t below = s->group - 1 - i, down_takes = i ? (below + 1) * n : 0, up_takes = below ? (i + 1) * n : 0;
    if (i == 0 && below) move(m, to_queue(m, bind_out(m, C_DOWN + parity), below * n, 0), mem(m, acc, 0, below * n), 3);
    if (below == 0 && i) move(m, to_queue(m, bind_out(m, C_UP + parity), i * n, 0), mem(m, acc, 0, i * n), 4);
    chain(m, C_DOWN + (parity ^ 1), C_DOWN + parity, down_takes, n, acc, 3, &down_in);
    chain(m, C_UP + (parity ^ 1), C_UP + parity, up_takes, n, acc, 4, &up_in);
    unsigned own = mem(m, acc + 4 * (acc_words - n), 0, n);
    wait_for(m, 3);
    if (down_takes) add(m, own, from_queue(m, down_in, n), own, 0);
    wait_for(m, 4);
    if (up_takes) add(m, own, from_queue(m, up_in, n), own, 0);
    wait_for(m, 2);
    unsigned result = mem(m, out, 0, n);
    move(m, result, own, 0);
    move(m, to_queue(m, bind_out(m, C_OUT + (slab & 1)), n, ending(col)), result, 2);
    back(m, head);
}

static void contract_routes(maker *m, uint32_t slab, uint32_t col, uint32_t row) {
    const scale_shape *s = m->s;
    uint32_t i = row % s->group, below = s->group - 1 - i;
    unsigned parity = row & 1, out = C_OUT + (slab & 1);
    route(m, C_LANE + (slab & 1), W, col + 1 < s->cols ? BE | BR : BR);
    if (col == 0)
        route(m, out, R, BE);
    else
        vary(merge(m, out, W, BE, BE), (row * s->cols + col + slab * 101) % s->variants, mirrored(BE, m->west));
    for (unsigned p = 0; p < 2; p++) {
        if (p == parity && below) route(m, C_DOWN + p, R, BS);
        if (p != parity && i) route(m, C_DOWN + p, N, BR);
    }
    for (unsigned p = 0; p < 2; p++) {
        if (p == parity && i) route(m, C_UP + p, R, BN);
        if (p != parity && below) route(m, C_UP + p, S, BR);
    }
}

/* A strip's place on the buses: what it gives and what it hears. */
typedef struct bus_place {
    uint32_t k;               /* row within the section */
    bool gives, early, later; /* hears its own section's bus, that of the section above */
    unsigned own, above;      /* colours */
} bus_place;
static bus_place place_on_bus(const scale_shape *s, uint32_t row) {
    uint32_t sections = s->rows / s->section, at = row / s->section, k = row % s->section;
    bus_place b = {.k = k, .gives = row + 1 < s->rows, .early = k > 0, .later = at > 0};
    b.own = C_BUS + (at & 1);
    b.above = C_BUS + (1 - (at & 1));
    (void)sections;
    return b;
}

static void adapter_code(maker *m, uint32_t slab, uint32_t col, uint32_t row) {
    const scale_shape *s = m->s;
    uint32_t n = s->cols * s->words / s->strips, sent = 4;
    bus_place b = place_on_bus(s, row);
    begin(m);
    unsigned table = array(m, "moves", 2 * WFC_DESC_BYTES * TABLE_ROWS, WFC_MEM_TABLE);
    unsigned out = array(m, "out", 4 * sent, WFC_MEM_OUTPUT), bus[2] = {0}, count = 0;
    lane l[3];
    l[0] = arm(m, C_OUT + (slab & 1), 1, n);
    if (b.early) l[++count] = arm(m, b.own, 2, 1);
    if (b.later) l[++count] = arm(m, b.above, 3, 1);
    if (b.gives)
        bus[0] = to_queue(m, bind_out(m, b.own), 1,
                          b.k ? WFC_CTL(WFC_CTL_ADVANCE, WFC_CTL_NOP) : WFC_CTL(WFC_CTL_NOP, WFC_CTL_RESET));
    unsigned lane_out = to_queue(m, bind_out(m, C_LANE + (1 - (slab & 1))), sent, ending(col)), rows = 0;
    rows = desc(m, (wfc_desc){WFC_DESC_MEM, WFC_U8, 9, (uint16_t)table, {1, 1, 1, WFC_DESC_BYTES}, {0, 0, 0, 1}});
    unsigned from = mem(m, out, 0, 1), to = mem(m, out, 0, 1), first = mem(m, m->arrays[2].addr, 2, 1);
    uint32_t head = m->c.insn_count;
    next(m, &l[0]);
    insn(m, WFC_OP_MOVI, 0, 0, 10, NONE, NONE, NONE, (int)((row * s->strips + col + slab * 101) % s->variants));
    if (b.gives) move(m, bus[0], first, 4);
    for (unsigned k = 1; k <= count; k++) next(m, &l[k]);
    wait_for(m, 5);
    insn(m, WFC_OP_MOVI, 0, 0, 9, NONE, NONE, NONE, 0);
    insn(m, WFC_OP_LOOP, 0, 0, NONE, NONE, TABLE_ROWS, 0, 5);
    insn(m, WFC_OP_LDD, 0, 0, from, rows, NONE, NONE, 0);
    insn(m, WFC_OP_ADD, WFC_I32, 0, 9, 9, NONE, NONE, WFC_DESC_BYTES);
    insn(m, WFC_OP_LDD, 0, 0, to, rows, NONE, NONE, 0);
    insn(m, WFC_OP_ADD, WFC_I32, 0, 9, 9, NONE, NONE, WFC_DESC_BYTES);
    move(m, to, from, 0);
    if (b.gives) wait_for(m, 4);
    move(m, lane_out, mem(m, out, 0, sent), 5);
    back(m, head);
}

static void adapter_routes(maker *m, uint32_t slab, uint32_t col, uint32_t row) {
    const scale_shape *s = m->s;
    uint32_t n = s->cols * s->words / s->strips, q = s->section;
    bus_place b = place_on_bus(s, row);
    unsigned lane_out = C_LANE + (1 - (slab & 1));
    if (col == 0)
        route(m, lane_out, R, BE);
    else
        merge(m, lane_out, W, BE, BE);
    /* own words leave south; at the end of the section below the bus ends */
    filter(route(m, C_OUT + (slab & 1), W, col + 1 < s->strips ? BE | BR : BR), n * s->strips, n * col, n);
    for (unsigned colour = C_BUS; colour < C_BUS + 2; colour++) {
        if (colour == b.own) {
            if (b.k == 0 && b.gives)
                route(m, colour, R, BS);
            else if (b.k && b.gives)
                filter(merge(m, colour, N, BS, BS | BR), b.k, 0, 1);
            else if (b.k)
                filter(route(m, colour, N, BR), b.k, 0, 1);
        } else if (b.later) {
            filter(route(m, colour, N, b.k + 1 < q ? BS | BR : BR), q, b.k, 1);
        }
    }
}

/* --- tables --- */
static uint64_t hash_bytes(uint64_t h, const void *bytes, size_t n) {
    const unsigned char *at = bytes;
    for (size_t i = 0; i < n; i++) h = (h ^ at[i]) * UINT64_C(1099511628211);
    return h ^ h >> 29;
}

static bool same_class(const wfc_prog_class *a, const wfc_prog_class *b) {
    return a->insn_count == b->insn_count && a->desc_count == b->desc_count && a->in_count == b->in_count &&
           a->out_count == b->out_count && a->array_count == b->array_count &&
           memcmp(a->insns, b->insns, a->insn_count * sizeof *a->insns) == 0 &&
           memcmp(a->descs, b->descs, a->desc_count * sizeof *a->descs) == 0 &&
           memcmp(a->in_queues, b->in_queues, a->in_count * sizeof *a->in_queues) == 0 &&
           memcmp(a->out_queues, b->out_queues, a->out_count * sizeof *a->out_queues) == 0;
}

static void *copy(maker *m, const void *from, size_t n, size_t size) {
    void *p = room(m, n, size);
    if (p && n) memcpy(p, from, n * size);
    return p;
}

/* Grows a table of the program's arena (the old one stays there). */
static void *grow(maker *m, void *old, uint32_t count, uint32_t *capacity, size_t size) {
    if (count < *capacity) return old;
    *capacity = *capacity ? *capacity * 2 : 1024;
    void *p = room(m, *capacity, size);
    if (p && count) memcpy(p, old, count * size);
    return p;
}

static uint32_t put_class(maker *m) {
    wfc_prog_class *c = &m->c;
    uint64_t h = hash_bytes(hash_bytes(1, m->insns, c->insn_count * sizeof *m->insns), m->descs,
                            c->desc_count * sizeof *m->descs);
    h = hash_bytes(hash_bytes(h, m->in, c->in_count * sizeof *m->in), m->out, c->out_count * sizeof *m->out);
    size_t slot = h & (m->slots - 1);
    while (m->class_slots[slot] && !same_class(&m->p->classes[m->class_slots[slot] - 1], c))
        slot = (slot + 1) & (m->slots - 1);
    if (m->class_slots[slot]) return m->class_slots[slot] - 1;
    wfc_prog_class *classes = grow(m, m->p->classes, m->p->class_count, &m->class_capacity, sizeof *classes);
    if (!classes) return 0;
    m->p->classes = classes;
    wfc_prog_class *to = &classes[m->p->class_count++];
    *to = *c;
    to->insns = copy(m, m->insns, c->insn_count, sizeof *m->insns);
    to->descs = copy(m, m->descs, c->desc_count, sizeof *m->descs);
    to->tasks = copy(m, &m->task, 1, sizeof m->task);
    to->in_queues = copy(m, m->in, c->in_count, sizeof *m->in);
    to->out_queues = copy(m, m->out, c->out_count, sizeof *m->out);
    to->arrays = copy(m, m->arrays, c->array_count, sizeof *m->arrays);
    m->class_slots[slot] = m->p->class_count;
    return m->p->class_count - 1;
}

static uint32_t put_router(maker *m) {
    for (uint32_t i = 1; i < m->route_count; i++) /* ascending colour */
        for (uint32_t k = i; k > 0 && m->routes[k].colour < m->routes[k - 1].colour; k--) {
            wfc_prog_route r = m->routes[k];
            m->routes[k] = m->routes[k - 1];
            m->routes[k - 1] = r;
        }
    size_t bytes = m->route_count * sizeof *m->routes, slot = hash_bytes(2, m->routes, bytes) & (m->slots - 1);
    for (; m->router_slots[slot]; slot = (slot + 1) & (m->slots - 1)) {
        const wfc_prog_router *r = &m->p->routers[m->router_slots[slot] - 1];
        if (r->route_count == m->route_count && memcmp(r->routes, m->routes, bytes) == 0)
            return m->router_slots[slot] - 1;
    }
    wfc_prog_router *routers = grow(m, m->p->routers, m->p->router_count, &m->router_capacity, sizeof *routers);
    if (!routers) return 0;
    m->p->routers = routers;
    routers[m->p->router_count++] =
        (wfc_prog_router){copy(m, m->routes, m->route_count, sizeof *m->routes), m->route_count};
    m->router_slots[slot] = m->p->router_count;
    return m->p->router_count - 1;
}

static void put_data(maker *m, wfc_prog_pe *pe, uint32_t addr, uint32_t bytes, uint64_t offset) {
    wfc_prog_data *data = grow(m, m->p->data, m->p->data_count, &m->data_capacity, sizeof *data);
    if (!data) return;
    m->p->data = data;
    if (pe->data_count++ == 0) pe->data_first = m->p->data_count;
    data[m->p->data_count++] = (wfc_prog_data){(uint16_t)addr, bytes, offset};
}

/* The table of moves of an adapter PE: single words of its first buffer to its output. */
static void put_moves(maker *m, uint32_t seed, uint64_t at) {
    uint32_t in = m->arrays[2].addr, n = m->arrays[2].bytes / 8, out = m->arrays[1].addr;
    for (uint32_t i = 0; i < TABLE_ROWS; i++) {
        wfc_desc d = {WFC_DESC_MEM, WFC_F32, 2, (uint16_t)(in + 4 * ((seed + i) % n)), {1, 1, 1, 1}, {0, 0, 0, 1}};
        wfc_desc_encode(&d, m->p->bulk + at + (size_t)2 * i * WFC_DESC_BYTES);
        d.off = 0;
        d.base = (uint16_t)(out + 4 * i);
        wfc_desc_encode(&d, m->p->bulk + at + (size_t)(2 * i + 1) * WFC_DESC_BYTES);
    }
}

static void put_pe(maker *m, uint32_t x, uint32_t y, uint32_t slab, bool contract, bool code) {
    wfc_prog_pe *pe = &m->p->pes[m->p->pe_count++];
    *pe = (wfc_prog_pe){.x = (uint16_t)x, .y = (uint16_t)y};
    pe->layer = code ? 2 * slab + !contract : UINT32_MAX;
    pe->class_index = code ? put_class(m) : UINT32_MAX;
    pe->router_index = put_router(m);
    if (!code) return;
    uint64_t at = m->p->bulk_bytes;
    uint32_t bytes = m->arrays[0].bytes;
    if (contract) {
        for (uint32_t i = 0; i < bytes; i += 64) m->p->bulk[at + i] = (uint8_t)(x + y * 7 + i);
    } else {
        put_moves(m, x + y, at);
    }
    m->p->bulk_bytes += bytes;
    put_data(m, pe, m->arrays[0].addr, bytes, at);
}

/* Beyond the slabs: on to the edge, or the turn of a folded program. Row y turns in column rows - 1 - y, counted from
 * there, and comes back in row 2 rows - 1 - y. */
static void pass_on(maker *m, uint32_t x, uint32_t y) {
    const scale_shape *s = m->s;
    unsigned colour = C_LANE + (s->slabs & 1);
    uint32_t d = x - s->slabs * (s->cols + s->strips), turn = y < s->rows ? s->rows - 1 - y : y - s->rows;
    bool upper = y < s->rows;
    begin(m);
    m->west = s->mirror;
    if (!s->fold || d < turn)
        route(m, colour, upper ? W : E, upper ? BE : BW);
    else if (d == turn)
        route(m, colour, upper ? W : N, upper ? BS : BW);
    else if (d < s->rows)
        route(m, colour, N, BS);
}

static void make_place(maker *m, uint32_t x, uint32_t y) {
    const scale_shape *s = m->s;
    uint32_t pitch = s->cols + s->strips, end = s->slabs * pitch, width = m->p->target.width;
    uint32_t along = s->mirror ? width - 1 - x : x, row = y % s->rows; /* columns from the start of the lanes */
    bool lower = y >= s->rows;
    if (along >= end) {
        pass_on(m, along, y);
        put_pe(m, x, y, 0, false, false);
        return;
    }
    m->west = s->mirror || lower;
    if (lower) along = end - 1 - x;
    uint32_t slab = along / pitch + (lower ? s->slabs : 0), col = along % pitch;
    bool contract = col < s->cols;
    if (contract) {
        contract_code(m, slab, col, row);
        contract_routes(m, slab, col, row);
    } else {
        adapter_code(m, slab, col - s->cols, row);
        adapter_routes(m, slab, col - s->cols, row);
    }
    put_pe(m, x, y, slab, contract, true);
}

static void put_tensor(maker *m, bool input) {
    const scale_shape *s = m->s;
    uint32_t words = 4 * s->strips;
    wfc_prog_tensor *t = room(m, 1, sizeof *t);
    wfc_prog_stream *streams = room(m, s->rows, sizeof *streams);
    if (!t || !streams) return;
    *t = (wfc_prog_tensor){.name = input ? "x" : "y", .dtype = WFC_F32, .host_dtype = 1, .rank = 2, .samples = 1};
    t->dims[0] = 1;
    t->dims[1] = s->rows * words;
    t->streams = streams;
    t->stream_count = s->rows;
    unsigned colour = C_LANE + (input || s->fold ? 0 : s->slabs & 1);
    unsigned side = s->fold || input != s->mirror ? WFC_SIDE_WEST : WFC_SIDE_EAST;
    uint32_t top = s->fold && !input ? s->rows : 0;
    for (uint32_t y = 0; y < s->rows; y++)
        streams[y] = (wfc_prog_stream){(uint8_t)side, (uint16_t)(top + y), (uint8_t)colour, words, y, 1};
    *(input ? &m->p->inputs : &m->p->outputs) = t;
    *(input ? &m->p->input_count : &m->p->output_count) = 1;
}

static wfc_prog_rect rect_of(const maker *m, uint32_t layer) {
    const scale_shape *s = m->s;
    uint32_t pitch = s->cols + s->strips, slab = layer / 2 % s->slabs, w = layer % 2 ? s->strips : s->cols;
    uint32_t x = slab * pitch + (layer % 2 ? s->cols : 0), y = layer / 2 < s->slabs ? 0 : s->rows;
    if (s->mirror) x = m->p->target.width - x - w;
    if (y) x = s->slabs * pitch - x - w;
    return (wfc_prog_rect){(uint16_t)x, (uint16_t)y, (uint16_t)w, (uint16_t)s->rows};
}

static void put_layers(maker *m) {
    const scale_shape *s = m->s;
    uint32_t layers = 2 * s->slabs * (s->fold ? 2 : 1);
    m->p->layers = room(m, layers, sizeof *m->p->layers);
    m->p->runs = room(m, s->rows, sizeof *m->p->runs);
    if (m->failed) return;
    for (uint32_t i = 0; i < layers; i++) {
        char name[40];
        snprintf(name, sizeof name, "%s%u", i % 2 ? "adapter" : "contract", (unsigned)i / 2);
        m->p->layers[i] = (wfc_prog_layer){.name = wfc_arena_strdup(&m->p->arena, name), .kind = "bench", .split = ""};
        m->p->layers[i].rect = rect_of(m, i);
        m->p->layers[i].pe_count = m->p->layers[i].rect.w * s->rows;
        if (!m->p->layers[i].name) m->failed = true;
    }
    m->p->layer_count = layers;
    for (uint32_t y = 0; y < s->rows; y++) m->p->runs[y] = (wfc_prog_run){y * 4 * s->strips, 4 * s->strips, 1};
    m->p->run_count = s->rows;
}

static wfc_status build(maker *m) {
    const scale_shape *s = m->s;
    wfc_program *p = m->p;
    uint32_t width = p->target.width;
    uint32_t height = s->rows * (s->fold ? 2 : 1), end = s->slabs * (s->cols + s->strips) + (s->fold ? s->rows : 0);
    size_t places = (size_t)width * height;
    bool fits = height <= p->target.height && end <= width && !(s->fold && s->mirror) && s->rows % s->group == 0 &&
                s->rows % s->section == 0 && s->cols * s->words % s->strips == 0;
    if (!fits) return wfc_fail(m->diag, WFC_ERR_INPUT, "WFC-E0900", "scale", "the shape does not fit the target");
    uint32_t per_pe =
        s->weights_bytes > 2 * WFC_DESC_BYTES * TABLE_ROWS ? s->weights_bytes : 2 * WFC_DESC_BYTES * TABLE_ROWS;
    m->slots = 1024;
    while (m->slots < 2 * places) m->slots *= 2;
    m->class_slots = wfc_calloc(m->slots, sizeof *m->class_slots);
    m->router_slots = wfc_calloc(m->slots, sizeof *m->router_slots);
    p->model_name = "scale";
    p->producer = "scale";
    p->pes = room(m, places, sizeof *p->pes);
    p->bulk = room(m, places * per_pe, 1);
    if (!m->class_slots || !m->router_slots || m->failed) return wfc_fail_memory(m->diag);
    put_tensor(m, true);
    put_tensor(m, false);
    put_layers(m);
    for (uint32_t y = 0; y < height && !m->failed; y++)
        for (uint32_t x = 0; x < width && !m->failed; x++) make_place(m, x, y);
    return m->failed ? wfc_fail_memory(m->diag) : WFC_OK;
}

wfc_status scale_program(const scale_shape *s, const char *target, wfc_diag *diag, wfc_program *out) {
    maker *m = wfc_calloc(1, sizeof *m);
    wfc_program_init(out);
    if (!m) return wfc_fail_memory(diag);
    m->s = s;
    m->p = out;
    m->diag = diag;
    wfc_status status = wfc_target_load(target, diag, &out->target);
    if (status == WFC_OK) status = build(m);
    wfc_free(m->class_slots);
    wfc_free(m->router_slots);
    wfc_free(m);
    if (status != WFC_OK) wfc_program_deinit(out);
    return status;
}
