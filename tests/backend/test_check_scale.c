/* Whole pipelines of layers and adapters, as the backend emits them: lanes to the east, to the west, and in two stacks
 * with turns between; each must pass, run, and be refused once any of its parts is broken. */
#include "runtime/sim/sim.h"
#include "tests/backend/test_check_build.h"
#include "tests/bench/scale_gen.h"

enum { SAMPLES = 3 };
static const scale_shape EAST = {3, 16, 4, 2, 4, 8, 2, 64, 3, false, false};
static const scale_shape WEST = {3, 16, 4, 2, 4, 8, 2, 64, 3, true, false};
static const scale_shape FOLD = {3, 16, 4, 2, 4, 8, 2, 64, 3, false, true};

static void make(const scale_shape *s, wfc_program *p, wfc_diag *diag) {
    wfc_diag_init(diag);
    ck_assert_int_eq(scale_program(s, "lab", diag, p), WFC_OK);
}

static void expect_good(const wfc_program *p, wfc_diag *diag, wfc_check_stats *stats) {
    wfc_status s = wfc_program_verify(p, diag);
    if (s == WFC_OK) s = wfc_be_check(p, diag, stats);
    for (size_t i = 0; i < diag->count; i++)
        fprintf(stderr, "%s: %s: %s\n", diag->items[i].code, diag->items[i].where, diag->items[i].text);
    ck_assert_int_eq(s, WFC_OK);
}

/* Runs a few samples; the outputs may not depend on latencies. */
static uint64_t run(const wfc_program *p, wfc_diag *diag, bool jitter) {
    const wfc_prog_tensor *in = &p->inputs[0], *out = &p->outputs[0];
    const uint32_t **inputs = calloc(in->stream_count, sizeof *inputs);
    uint32_t **outputs = calloc(out->stream_count, sizeof *outputs), *data = calloc(4096, sizeof *data);
    ck_assert(inputs && outputs && data);
    for (uint32_t i = 0; i < 4096; i++) data[i] = 0x3f800000u + i * 64;
    for (uint32_t i = 0; i < in->stream_count; i++) inputs[i] = data + i;
    for (uint32_t i = 0; i < out->stream_count; i++)
        ck_assert_ptr_nonnull(outputs[i] = calloc((size_t)SAMPLES * out->streams[i].words, sizeof **outputs));
    wfc_sim_options opt = {.jitter = jitter, .jitter_seed = 7};
    wfc_sim_io io = {SAMPLES, inputs, outputs};
    wfc_sim_result r = {0};
    wfc_status s = wfc_sim_run(p, &opt, &io, diag, &r);
    for (size_t i = 0; i < diag->count; i++) fprintf(stderr, "%s: %s\n", diag->items[i].where, diag->items[i].text);
    ck_assert_int_eq(s, WFC_OK);
    uint64_t hash = 1;
    for (uint32_t i = 0; i < out->stream_count; i++) {
        for (uint32_t k = 0; k < SAMPLES * out->streams[i].words; k++) hash = (hash ^ outputs[i][k]) * 1099511628211u;
        free(outputs[i]);
    }
    wfc_sim_result_deinit(&r);
    free(inputs);
    free(outputs);
    free(data);
    return hash;
}

static void passes_and_runs(const scale_shape *shape) {
    wfc_program p;
    wfc_diag diag;
    wfc_check_stats stats = {0};
    make(shape, &p, &diag);
    expect_good(&p, &diag, &stats);
    uint32_t stacks = shape->fold ? 2 : 1;
    ck_assert_uint_eq(stats.pes, stacks * shape->slabs * (shape->cols + shape->strips) * shape->rows);
    ck_assert_uint_eq(stats.words_injected, stats.words_collected);
    ck_assert_uint_eq(run(&p, &diag, false), run(&p, &diag, true));
    wfc_program_deinit(&p);
    wfc_diag_deinit(&diag);
}

START_TEST(lanes_to_the_east) {
    passes_and_runs(&EAST);
}
END_TEST

START_TEST(lanes_to_the_west) {
    passes_and_runs(&WEST);
}
END_TEST

START_TEST(two_stacks_with_turns) {
    passes_and_runs(&FOLD);
}
END_TEST

/* --- one thing broken at a time --- */
typedef enum breach {
    BREACH_RESET,  /* a merge's last segment does not reset */
    BREACH_FILTER, /* a filter accepts the words beside */
    BREACH_ORDER,  /* a merge takes the words from behind first */
    BREACH_TURN,   /* a router of the turn leads elsewhere */
    BREACH_COLOUR, /* a chain in the colour of its neighbour */
    BREACH_REARM,  /* a buffer is not toggled */
    BREACH_STORED, /* a relay keeps its words instead of passing them on */
    BREACHES
} breach;

/* Classes and routers are shared, so the breach is there in many places. */
static bool break_class(wfc_program *p, breach b, uint32_t pick) {
    for (uint32_t i = 0; i < p->class_count; i++) {
        wfc_prog_class *c = &p->classes[(i + pick) % p->class_count];
        for (uint32_t k = 0; k < c->desc_count && b == BREACH_RESET; k++)
            if (c->descs[k].kind == WFC_DESC_OUT && (uint16_t)c->descs[k].stride[0] == WFC_CTL(0, WFC_CTL_RESET)) {
                c->descs[k].stride[0] = (int16_t)((int)WFC_CTL(0, 0) - 0x10000);
                return true;
            }
        for (uint32_t k = 0; k < c->insn_count; k++) {
            wfc_insn *in = &c->insns[k];
            if (b == BREACH_REARM && in->op == WFC_OP_XOR) {
                in->imm = 0;
                return true;
            }
            bool relay = in->op == WFC_OP_VADD && in->flags & WFC_FLAG_ASYNC;
            if (b == BREACH_STORED && relay) {
                in->d = in->b;
                return true;
            }
        }
    }
    return false;
}

static bool break_route(wfc_program *p, wfc_prog_route *r, breach b) {
    if (b == BREACH_FILTER && r->filtered && r->filter_hi < r->filter_period) {
        r->filter_hi++;
        return true;
    }
    if (b == BREACH_ORDER && r->positions > 1 && r->initial == 0) {
        r->initial = 1;
        return true;
    }
    if (b == BREACH_TURN && r->positions == 1 && r->out[0][N] == BW) {
        r->out[0][N] = BS;
        return true;
    }
    (void)p;
    return false;
}

static bool break_it(wfc_program *p, breach b, uint32_t pick) {
    if (break_class(p, b, pick)) return true;
    for (uint32_t i = 0; i < p->router_count; i++) {
        wfc_prog_router *router = &p->routers[(i + pick) % p->router_count];
        for (uint32_t k = 0; k < router->route_count; k++)
            if (break_route(p, &router->routes[k], b)) return true;
    }
    if (b != BREACH_COLOUR) return false;
    for (uint32_t i = 0; i < p->class_count; i++) { /* both chains in one */
        wfc_prog_class *c = &p->classes[(i + pick) % p->class_count];
        if (c->in_count < 3) continue;
        c->in_queues[2].colour = c->in_queues[1].colour;
        return true;
    }
    return false;
}

static void refused(const scale_shape *shape, breach b, uint32_t pick) {
    wfc_program p;
    wfc_diag diag;
    wfc_check_stats stats;
    make(shape, &p, &diag);
    if (break_it(&p, b, pick)) {
        ck_assert_msg(wfc_be_check(&p, &diag, &stats) == WFC_ERR_INTERNAL, "breach %d, pick %u passes", (int)b, pick);
        ck_assert_uint_ge(diag.count, 1);
    } else {
        ck_assert_msg(b == BREACH_TURN && !shape->fold, "breach %d finds no place", (int)b);
    }
    wfc_program_deinit(&p);
    wfc_diag_deinit(&diag);
}

START_TEST(every_breach_is_refused) {
    const scale_shape *shapes[3] = {&EAST, &WEST, &FOLD};
    for (unsigned s = 0; s < 3; s++)
        for (int b = 0; b < BREACHES; b++)
            for (uint32_t pick = 0; pick < 40; pick += 13) refused(shapes[s], (breach)b, pick);
}
END_TEST

/* Each allocation fails once: the status says so and nothing is lost. */
START_TEST(out_of_memory) {
    const scale_shape small = {1, 4, 2, 1, 2, 2, 1, 32, 1, false, false};
    wfc_program p;
    wfc_diag diag;
    wfc_check_stats stats;
    make(&small, &p, &diag);
    wfc_status s = WFC_ERR_NO_MEMORY;
    for (size_t n = 1; s != WFC_OK; n++) {
        ck_assert_uint_lt(n, 20000);
        wfc_mem_fail_nth(n);
        s = wfc_be_check(&p, NULL, &stats);
        wfc_mem_fail_nth(0);
        ck_assert(s == WFC_OK || s == WFC_ERR_NO_MEMORY);
    }
    wfc_program_deinit(&p);
    wfc_diag_deinit(&diag);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {lanes_to_the_east, lanes_to_the_west, two_stacks_with_turns, every_breach_is_refused,
                                  out_of_memory};
    return tc_main("check_scale", tests, sizeof tests / sizeof tests[0]);
}
