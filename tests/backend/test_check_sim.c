/* The checker against the reference engine, on random programs: PEs in a row with random multicast lanes, rings, orders
 * of operation, synchronous and buffered receives, word-by-word relays, and one ordered merge to the host.
 *
 * What the checker passes must run to its end, with the same outputs under jitter. What it refuses must be a cycle;
 * with 64 words per send, far more than the FIFOs hold, most of these must stop in the engine too (the rest is the
 * price of counting no FIFO as storage). */
#include "runtime/sim/sim.h"
#include "tests/backend/test_check_build.h"

enum { WORDS = 64, SAMPLES = 5, PROGRAMS = 400, MAX_PES = 6, MAX_LANES = 12, GATHER = 20 };

typedef struct lane {
    int src;             /* -1: the host */
    unsigned dests;      /* bit set */
    bool initial, async; /* async: sent by a microthread */
} lane;

typedef struct op {
    enum { OP_TAKE, OP_SEND, OP_GATHER, OP_RELAY } kind;
    unsigned lane, other, words;
} op;

typedef struct generator {
    uint64_t rng;
    tc *t;
    unsigned pes, lanes;
    lane lane[MAX_LANES];
    wfc_prog_array array;
    wfc_prog_run runs[2];
} generator;

static unsigned pick(generator *g, unsigned n) {
    return (unsigned)(wfc_rng_next(&g->rng) % n);
}

static void make_lanes(generator *g) {
    g->pes = 2 + pick(g, MAX_PES - 1);
    g->lanes = 0;
    /* the PE whose segment comes first in the merge takes host words, or it would send a segment too many at the end */
    g->lane[g->lanes++] = (lane){.src = -1, .dests = pick(g, 1u << g->pes) | 1u << (g->pes - 1)};
    for (unsigned i = 0; i < g->pes; i++) {
        unsigned later = ((1u << g->pes) - 1) & ~((2u << i) - 1);
        unsigned dests = later & (1 + pick(g, 63));
        if (dests && g->lanes < MAX_LANES) g->lane[g->lanes++] = (lane){(int)i, dests, false, pick(g, 3) == 0};
    }
    if (pick(g, 3) == 0 && g->lanes < MAX_LANES) { /* a lane back, with or without its first sample */
        unsigned from = 1 + pick(g, g->pes - 1), to = pick(g, from);
        bool initial = pick(g, 4) > 0;
        g->lane[g->lanes++] = (lane){(int)from, 1u << to, initial, initial || pick(g, 2)};
    }
}

static void shuffle(generator *g, op *ops, unsigned n) {
    for (unsigned i = n; i > 1; i--) {
        unsigned j = pick(g, i);
        op swap = ops[i - 1];
        ops[i - 1] = ops[j];
        ops[j] = swap;
    }
}

/* Some sends and synchronous takes are split in two instructions, at different words on the two sides. */
static unsigned add_split(generator *g, op *ops, unsigned n, op o, bool whole) {
    const unsigned firsts[4] = {WORDS, WORDS, 24, 40};
    unsigned first = whole ? WORDS : firsts[pick(g, 4)];
    o.words = first;
    ops[n++] = o;
    if (first < WORDS) {
        o.words = WORDS - first;
        ops[n++] = o;
    }
    return n;
}

/* Operations of PE x; mostly takes before sends, as a compiler would, so that enough programs are alive. */
static unsigned make_ops(generator *g, unsigned x, const bool *buffered, op *ops) {
    unsigned n = 0, takes;
    for (unsigned l = 0; l < g->lanes; l++)
        if (g->lane[l].dests >> x & 1) n = add_split(g, ops, n, (op){OP_TAKE, l, 0, 0}, buffered[l]);
    takes = n;
    for (unsigned l = 0; l < g->lanes; l++)
        if (g->lane[l].src == (int)x) n = add_split(g, ops, n, (op){OP_SEND, l, 0, 0}, g->lane[l].async);
    if (pick(g, 3) == 0) {
        shuffle(g, ops, n);
    } else {
        shuffle(g, ops, takes);
        shuffle(g, ops + takes, n - takes);
    }
    for (unsigned i = 0; i + 1 < n; i++) /* a synchronous take and a synchronous send become a relay */
        if (ops[i].kind == OP_TAKE && ops[i + 1].kind == OP_SEND && !buffered[ops[i].lane] &&
            !g->lane[ops[i + 1].lane].async && ops[i].words == ops[i + 1].words && pick(g, 4)) {
            ops[i] = (op){OP_RELAY, ops[i].lane, ops[i + 1].lane, ops[i].words};
            memmove(&ops[i + 1], &ops[i + 2], (n - i - 2) * sizeof *ops);
            n--;
        }
    ops[n++] =
        (op){OP_GATHER, 0, 0, WORDS}; /* last: a result sent before its input came would be one sample too many */
    return n;
}

typedef struct pe_code {
    wfc_prog_class *c;
    bool buffered[MAX_LANES];
    tc_lane take[MAX_LANES];
    unsigned in_queue[MAX_LANES], out_queue[MAX_LANES], send_ut[MAX_LANES], gather_queue, control;
    unsigned relay_ut;     /* 0: no microthread left */
    unsigned busy_lane[2]; /* of the relay in flight, MAX_LANES none */
} pe_code;

/* One context at a time on a queue: what comes after a relay by microthread on one of its lanes waits for it. */
static void wait_for_relay(pe_code *k, unsigned a, unsigned b) {
    bool touches = a == k->busy_lane[0] || a == k->busy_lane[1] || b == k->busy_lane[0] || b == k->busy_lane[1];
    if (k->busy_lane[0] == MAX_LANES || (a != MAX_LANES && !touches)) return;
    tc_wait(k->c, k->relay_ut);
    k->busy_lane[0] = k->busy_lane[1] = MAX_LANES;
}

static void emit_relay(generator *g, pe_code *k, const op *o) {
    wfc_prog_class *c = k->c;
    unsigned out = tc_out(c, k->out_queue[o->other], o->words, 0), in = tc_in(c, k->in_queue[o->lane], o->words);
    if (k->relay_ut == 0 || k->busy_lane[0] != MAX_LANES || pick(g, 2)) {
        tc_vadd(c, out, in, tc_mem(c, 0x4000, 0, o->words));
        return;
    }
    tc_insn(c, WFC_OP_VADD, WFC_F32, WFC_FLAG_ASYNC, out, in, tc_mem(c, 0x4200, 0, o->words), k->relay_ut, 0);
    k->busy_lane[0] = o->lane;
    k->busy_lane[1] = o->other;
}

static void emit_op(generator *g, pe_code *k, const op *o) {
    wfc_prog_class *c = k->c;
    unsigned l = o->lane, acc = tc_mem(c, 0x4000, 0, o->words);
    wait_for_relay(k, o->kind == OP_GATHER ? MAX_LANES : l, o->kind == OP_RELAY ? o->other : l);
    if (o->kind == OP_GATHER) {
        tc_vmov(c, tc_out(c, k->gather_queue, WORDS, k->control), acc);
    } else if (o->kind == OP_RELAY) {
        emit_relay(g, k, o);
    } else if (o->kind == OP_TAKE && k->buffered[l]) {
        tc_lane_next(c, &k->take[l]);
        tc_vadd(c, acc, acc, tc_mem(c, 0x1000 + 0x400 * k->take[l].queue, k->take[l].reg + 1, WORDS));
    } else if (o->kind == OP_TAKE) {
        tc_vadd(c, acc, acc, tc_in(c, k->in_queue[l], o->words));
    } else if (g->lane[l].async) {
        unsigned copy = tc_mem(c, 0x5000 + 0x100 * l, 0, WORDS);
        tc_wait(c, k->send_ut[l]);
        tc_vmov(c, copy, acc);
        tc_async(c, k->send_ut[l], tc_out(c, k->out_queue[l], WORDS, 0), copy);
    } else {
        tc_vmov(c, tc_out(c, k->out_queue[l], o->words, 0), acc);
    }
}

static void emit_pe(generator *g, unsigned x) {
    pe_code k = {.c = tc_class(g->t, "random"), .gather_queue = 0, .busy_lane = {MAX_LANES, MAX_LANES}};
    wfc_prog_class *c = k.c;
    unsigned in_queues = 0, out_queues = 1, uts = 0;
    tc_bind_out(c, 0, GATHER);
    k.control = x == 0 ? WFC_CTL(WFC_CTL_NOP, WFC_CTL_RESET) : WFC_CTL(WFC_CTL_ADVANCE, WFC_CTL_NOP);
    for (unsigned l = 0; l < g->lanes; l++) {
        if (g->lane[l].src == (int)x) {
            k.out_queue[l] = out_queues++;
            tc_bind_out(c, k.out_queue[l], l);
            if (g->lane[l].async) k.send_ut[l] = ++uts;
            if (g->lane[l].initial)
                tc_async(c, k.send_ut[l], tc_out(c, k.out_queue[l], WORDS, 0), tc_mem(c, 0x5000 + 0x100 * l, 0, WORDS));
        }
        if (!(g->lane[l].dests >> x & 1)) continue;
        k.in_queue[l] = in_queues++;
        k.buffered[l] = pick(g, 3) > 0 && uts < 6;
        if (k.buffered[l])
            k.take[l] =
                tc_lane_arm(c, k.in_queue[l], l, ++uts, 1 + 2 * k.in_queue[l], 0x1000 + 0x400 * k.in_queue[l], WORDS);
        else
            tc_bind_in(c, k.in_queue[l], l);
    }
    k.relay_ut = uts < 7 ? uts + 1 : 0;
    op ops[4 * MAX_LANES + 2];
    unsigned n = make_ops(g, x, k.buffered, ops);
    uint32_t head = c->insn_count;
    for (unsigned i = 0; i < n; i++) emit_op(g, &k, &ops[i]);
    tc_back(c, head);
}

static void route_lane(generator *g, unsigned x, unsigned l) {
    const lane *a = &g->lane[l];
    unsigned beyond = a->dests & ~((2u << x) - 1), before = a->dests & ((1u << x) - 1);
    bool here = a->dests >> x & 1, back = a->src >= 0 && a->dests < 1u << a->src;
    if ((int)x == a->src)
        tc_pass(g->t, x, l, R, back ? BW : BE);
    else if (!back && (int)x > a->src && (here || beyond))
        tc_pass(g->t, x, l, W, (beyond ? BE : 0u) | (here ? BR : 0u));
    else if (back && (int)x < a->src && (here || before))
        tc_pass(g->t, x, l, E, (before ? BW : 0u) | (here ? BR : 0u));
}

/* What a program needs to run besides: a whole target, memory maps, tensors. */
static void complete(generator *g) {
    wfc_program *p = &g->t->p;
    ck_assert_int_eq(wfc_target_load("lab", &g->t->diag, &p->target), WFC_OK);
    p->target.width = (uint16_t)g->pes;
    p->target.height = 1;
    p->target.io_count[0] = p->target.io_count[1] = 1;
    p->model_name = p->producer = "";
    g->array = (wfc_prog_array){"data", 0x1000, 0x5000, WFC_MEM_SCRATCH};
    for (uint32_t i = 0; i < p->class_count; i++) {
        p->classes[i].arrays = &g->array;
        p->classes[i].array_count = 1;
    }
    tc_stream(g->t, true, WFC_SIDE_WEST, 0, 0, WORDS);
    tc_stream(g->t, false, WFC_SIDE_EAST, 0, GATHER, WORDS * g->pes);
    wfc_prog_tensor *tensors[2] = {&g->t->in, &g->t->out};
    for (unsigned i = 0; i < 2; i++) {
        uint32_t n = tensors[i]->streams[0].words;
        tensors[i]->host_dtype = tensors[i]->rank = 1;
        tensors[i]->samples = 1;
        tensors[i]->dims[0] = n;
        g->runs[i] = (wfc_prog_run){0, n, 1};
        tensors[i]->streams[0].run_first = i;
        tensors[i]->streams[0].run_count = 1;
    }
    p->runs = g->runs;
    p->run_count = 2;
    for (uint32_t i = 0; i < p->pe_count; i++) p->pes[i].layer = UINT32_MAX;
    p->layer_count = 0;
}

static void generate(generator *g, uint64_t seed) {
    *g = (generator){.rng = seed};
    make_lanes(g);
    g->t = tc_new((uint16_t)g->pes, 1);
    for (unsigned x = 0; x < g->pes; x++) {
        emit_pe(g, x);
        tc_pe(g->t, x, 0, &g->t->p.classes[x]);
        for (unsigned l = 0; l < g->lanes; l++) route_lane(g, x, l);
        if (x == 0)
            tc_pass(g->t, x, GATHER, R, BE);
        else
            tc_merge(g->t, x, GATHER, W, BE);
    }
    complete(g);
}

static wfc_status simulate(generator *g, bool jitter, uint64_t seed, bool loud, uint32_t *out) {
    uint32_t in[SAMPLES * WORDS];
    for (unsigned i = 0; i < SAMPLES * WORDS; i++) {
        float v = (float)(i % 37) - 11.5f;
        memcpy(&in[i], &v, sizeof v);
    }
    const uint32_t *ins[1] = {in};
    uint32_t *outs[1] = {out};
    wfc_sim_io io = {SAMPLES, ins, outs};
    wfc_sim_options opt = {.jitter = jitter, .jitter_seed = seed, .max_cycles = 2000000};
    wfc_sim_result result = {0};
    wfc_diag diag;
    wfc_diag_init(&diag);
    wfc_status s = wfc_sim_run(&g->t->p, &opt, &io, &diag, &result);
    if (s != WFC_OK && (loud || s != WFC_ERR_STOPPED))
        for (size_t i = 0; i < diag.count; i++) fprintf(stderr, "%s: %s\n", diag.items[i].code, diag.items[i].text);
    ck_assert(s == WFC_OK || s == WFC_ERR_STOPPED);
    wfc_diag_deinit(&diag);
    wfc_sim_result_deinit(&result);
    return s;
}

START_TEST(verdicts_hold_in_the_engine) {
    unsigned alive = 0, dead = 0, too_strict = 0;
    for (uint64_t seed = 1; seed <= PROGRAMS; seed++) {
        generator g;
        generate(&g, seed);
        wfc_status verified = wfc_program_verify(&g.t->p, &g.t->diag);
        if (verified != WFC_OK) tc_print(g.t);
        ck_assert_int_eq(verified, WFC_OK);
        wfc_status verdict = wfc_be_check(&g.t->p, &g.t->diag, &g.t->stats);
        uint32_t out[2][SAMPLES * WORDS * MAX_PES];
        wfc_status ran = simulate(&g, false, 0, verdict == WFC_OK, out[0]);
        if (verdict == WFC_OK) {
            alive++;
            ck_assert_msg(ran == WFC_OK, "seed %u: passed by the checker, but it stops", (unsigned)seed);
            ck_assert_msg(simulate(&g, true, seed, true, out[1]) == WFC_OK, "seed %u: stops under jitter",
                          (unsigned)seed);
            ck_assert_mem_eq(out[0], out[1], sizeof(uint32_t) * SAMPLES * WORDS * g.pes);
        } else {
            if (strcmp(g.t->diag.items[0].code, "WFC-E0760") != 0) tc_print(g.t);
            ck_assert_str_eq(g.t->diag.items[0].code, "WFC-E0760");
            dead += ran != WFC_OK;
            too_strict += ran == WFC_OK;
        }
        wfc_target_deinit(&g.t->p.target);
        tc_free(g.t);
    }
    printf("%u random programs: %u passed and ran, %u refused and stopped, %u refused although they ran\n",
           (unsigned)PROGRAMS, alive, dead, too_strict);
    ck_assert_uint_ge(alive, PROGRAMS / 5);
    ck_assert_uint_ge(dead, PROGRAMS / 5);
    ck_assert_uint_le(too_strict, PROGRAMS / 10);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {verdicts_hold_in_the_engine};
    return tc_main("check_sim", tests, sizeof tests / sizeof *tests);
}
