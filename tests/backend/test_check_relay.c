/* Skip connections: the source multicasts to a path of stages in row 0 and to relays in row 1, PEs that hand on what
 * they take; routers without code lead round the corner to a join of both. However many relays there are, it lives. */
#include "runtime/sim/sim.h"
#include "tests/backend/test_check_build.h"

enum { STAGES = 5, JOIN = STAGES + 1, WORDS = 64, SAMPLES = 6 };
enum { C_IN = 0, C_MAIN = 1, C_SKIP = 3, C_OUT = 5 };
typedef enum how { KEEP_ORDER, COPY, NO_WAIT } how; /* NO_WAIT: a buffer is filled again while it is sent */

typedef struct skip {
    tc *t;
    wfc_prog_array array;
    wfc_prog_run runs[2];
} skip;

/* Sends from the buffer that it received into, by microthread 2, while the next sample fills the other. */
static wfc_prog_class *relay(tc *t, unsigned from, unsigned to, how h) {
    if (h == COPY) return tc_stage(t, "relay", from, WORDS, to, WORDS, 0);
    wfc_prog_class *c = tc_class(t, "relay");
    tc_lane l = tc_lane_arm(c, 0, from, 1, 1, 0x1000, WORDS);
    tc_bind_out(c, 0, to);
    uint32_t head = c->insn_count;
    if (h == KEEP_ORDER) tc_wait(c, 2);
    tc_lane_next(c, &l);
    tc_async(c, 2, tc_out(c, 0, WORDS, 0), tc_mem(c, 0x1000, 2, WORDS));
    tc_back(c, head);
    return c;
}

static wfc_prog_class *join(tc *t, unsigned main_colour, unsigned skip_colour) {
    wfc_prog_class *c = tc_class(t, "join");
    tc_lane a = tc_lane_arm(c, 0, main_colour, 1, 1, 0x1000, WORDS);
    tc_lane b = tc_lane_arm(c, 1, skip_colour, 2, 3, 0x1800, WORDS);
    tc_bind_out(c, 0, C_OUT);
    uint32_t head = c->insn_count;
    tc_lane_next(c, &a);
    tc_lane_next(c, &b);
    tc_vadd(c, tc_mem(c, 0x2000, 0, WORDS), tc_mem(c, 0x1000, 2, WORDS), tc_mem(c, 0x1800, 4, WORDS));
    tc_vmov(c, tc_out(c, 0, WORDS, 0), tc_mem(c, 0x2000, 0, WORDS));
    tc_back(c, head);
    return c;
}

/* Relays in columns 0 .. n - 1 of row 1; the source is in column 0 of row 0, the join in column JOIN. */
static void make(skip *s, unsigned n, how h) {
    *s = (skip){.t = tc_new(JOIN + 1, 2)};
    tc *t = s->t;
    unsigned main_last = C_MAIN + (STAGES & 1), skip_last = n ? C_SKIP + ((n - 1) & 1) : C_MAIN;
    for (unsigned x = 0; x <= JOIN; x++) { /* stage x takes C_MAIN + (x - 1) % 2 and sends the other */
        unsigned from = x ? C_MAIN + ((x - 1) & 1) : C_IN, to = C_MAIN + (x & 1);
        wfc_prog_class *c = x == JOIN ? join(t, main_last, skip_last == C_MAIN ? C_SKIP : skip_last)
                                      : tc_stage(t, "stage", from, WORDS, to, WORDS, 0);
        if (x == 0) tc_bind_out(c, 1, C_SKIP + 1);
        uint32_t pe = tc_pe(t, x, 0, c);
        tc_pass(t, pe, from, W, BR);
        if (x < JOIN) tc_pass(t, pe, to, R, BE);
        if (x == 0) { /* the same words again, to the south */
            c->insn_count--;
            tc_vmov(c, tc_out(c, 1, WORDS, 0), tc_mem(c, 0x2000, 0, WORDS));
            tc_back(c, 2);
            tc_pass(t, pe, C_SKIP + 1, R, BS);
        }
        if (x == JOIN) {
            tc_pass(t, pe, n ? skip_last : C_SKIP + 1, S, BR);
            tc_pass(t, pe, C_OUT, R, BE);
            if (n == 0) c->in_queues[1].colour = C_SKIP + 1;
        }
    }
    for (unsigned x = 0; x <= JOIN; x++) { /* relay x takes C_SKIP + (x - 1) % 2 and sends the other */
        unsigned from = C_SKIP + ((x + 1) & 1), to = C_SKIP + (x & 1), in = x ? W : N;
        uint32_t pe = tc_pe(t, x, 1, x < n ? relay(t, from, to, h) : NULL);
        if (x < n) {
            tc_pass(t, pe, from, in, BR);
            tc_pass(t, pe, to, R, BE);
        } else {
            tc_pass(t, pe, n ? skip_last : C_SKIP + 1, in, x == JOIN ? BN : BE);
        }
    }
    tc_stream(t, true, WFC_SIDE_WEST, 0, C_IN, WORDS);
    tc_stream(t, false, WFC_SIDE_EAST, 0, C_OUT, WORDS);
}

/* What a program needs to run besides. */
static void complete(skip *s) {
    wfc_program *p = &s->t->p;
    ck_assert_int_eq(wfc_target_load("lab", &s->t->diag, &p->target), WFC_OK);
    p->target.width = JOIN + 1;
    p->target.height = 2;
    p->target.io_count[0] = p->target.io_count[1] = 2;
    p->model_name = p->producer = "";
    s->array = (wfc_prog_array){"data", 0x1000, 0x5000, WFC_MEM_SCRATCH};
    for (uint32_t i = 0; i < p->class_count; i++) {
        p->classes[i].arrays = &s->array;
        p->classes[i].array_count = 1;
    }
    for (uint32_t i = 0; i < p->router_count; i++) { /* ascending colours; two or three of them */
        wfc_prog_router *r = &p->routers[i];
        for (uint32_t k = 0; k + 1 < r->route_count; k++)
            for (uint32_t j = 0; j + 1 < r->route_count; j++) {
                wfc_prog_route first = r->routes[j];
                if (first.colour < r->routes[j + 1].colour) continue;
                r->routes[j] = r->routes[j + 1];
                r->routes[j + 1] = first;
            }
    }
    wfc_prog_tensor *tensors[2] = {&s->t->in, &s->t->out};
    for (unsigned i = 0; i < 2; i++) {
        tensors[i]->host_dtype = tensors[i]->rank = 1;
        tensors[i]->samples = 1;
        tensors[i]->dims[0] = WORDS;
        s->runs[i] = (wfc_prog_run){0, WORDS, 1};
        tensors[i]->streams[0].run_first = i;
        tensors[i]->streams[0].run_count = 1;
    }
    p->runs = s->runs;
    p->run_count = 2;
    for (uint32_t i = 0; i < p->pe_count; i++) p->pes[i].layer = UINT32_MAX;
    p->layer_count = 0;
}

/* Every output is the double of its input. */
static void run(skip *s, bool jitter) {
    static uint32_t in[SAMPLES * WORDS], out[SAMPLES * WORDS];
    for (unsigned i = 0; i < SAMPLES * WORDS; i++) {
        float v = (float)i - 11.5f;
        memcpy(&in[i], &v, sizeof v);
    }
    const uint32_t *ins[1] = {in};
    uint32_t *outs[1] = {out};
    wfc_sim_io io = {SAMPLES, ins, outs};
    wfc_sim_options opt = {.jitter = jitter, .jitter_seed = 3};
    wfc_sim_result result = {0};
    wfc_status status = wfc_sim_run(&s->t->p, &opt, &io, &s->t->diag, &result);
    if (status != WFC_OK) tc_print(s->t);
    ck_assert_int_eq(status, WFC_OK);
    for (unsigned i = 0; i < SAMPLES * WORDS; i++) {
        float v;
        memcpy(&v, &out[i], sizeof v);
        ck_assert(v == 2 * ((float)i - 11.5f));
    }
    wfc_sim_result_deinit(&result);
}

START_TEST(any_number_of_relays) {
    for (unsigned h = KEEP_ORDER; h <= COPY; h++)
        for (unsigned n = 0; n <= JOIN; n++) {
            skip s;
            make(&s, n, (how)h);
            tc_good(s.t);
            ck_assert_uint_eq(s.t->stats.buffered_receives, JOIN + 2 + n);
            complete(&s);
            run(&s, false);
            run(&s, true);
            wfc_target_deinit(&s.t->p.target);
            tc_free(s.t);
        }
}
END_TEST

START_TEST(buffer_filled_while_it_is_sent) {
    skip s;
    make(&s, 3, NO_WAIT);
    tc_bad(s.t, "WFC-E0759", "writes bytes", "while a microthread drains them");
    tc_free(s.t);
}
END_TEST

START_TEST(relay_straight_from_the_fabric) { /* without a buffer of its own: the residual that is added too soon */
    skip s;
    make(&s, 1, COPY);
    wfc_prog_class *c = &s.t->p.classes[JOIN + 1];
    c->insn_count = 0;
    tc_vmov(c, tc_out(c, 0, WORDS, 0), tc_in(c, 0, WORDS));
    tc_back(c, 0);
    wfc_prog_class *j = &s.t->p.classes[JOIN]; /* and a join that takes the skip when the main path is there */
    j->insn_count = 0;
    unsigned own = tc_mem(j, 0x1000, 0, WORDS);
    tc_vmov(j, own, tc_in(j, 0, WORDS));
    tc_vadd(j, tc_out(j, 0, WORDS, 0), tc_in(j, 1, WORDS), own);
    tc_back(j, 0);
    wfc_prog_class *source = &s.t->p.classes[0]; /* to the skip first */
    wfc_insn *send = &source->insns[source->insn_count - 3], first = send[0];
    send[0] = send[1];
    send[1] = first;
    tc_bad(s.t, "WFC-E0760", "deadlock", "colour 3");
    tc_free(s.t);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {any_number_of_relays, buffer_filled_while_it_is_sent, relay_straight_from_the_fabric};
    return tc_main("check_relay", tests, sizeof tests / sizeof tests[0]);
}
