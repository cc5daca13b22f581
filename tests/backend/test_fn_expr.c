/* Expressions: DAGs over broadcast and strided operands, in place, in f16, with casts and selects; temporaries reused.
 * Each result is compared with the scalar functions of the IR, node by node in single precision. */
#include "backend/kernels/fn_emit.h"
#include "runtime/sim/sim.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ELEMS = 24, OPERANDS = 3, ARRAY_ELEMS = 64 };

typedef struct expr_case {
    const char *name;
    uint16_t count;
    wfc_expr_node nodes[16];
    int max_scratch; /* arrays of temporaries; -1: any */
} expr_case;

#define ARG(k)                                                                                                         \
    { .fn = WFC_FN_ARG, .index = (k) }
#define CONST(v)                                                                                                       \
    { .fn = WFC_FN_CONST, .value = (v) }
#define F1(f, a)                                                                                                       \
    {                                                                                                                  \
        .fn = WFC_FN_##f, .args = {(a) }                                                                               \
    }
#define F2(f, a, b)                                                                                                    \
    {                                                                                                                  \
        .fn = WFC_FN_##f, .args = {(a), (b) }                                                                          \
    }
#define F3(f, a, b, c)                                                                                                 \
    {                                                                                                                  \
        .fn = WFC_FN_##f, .args = {(a), (b), (c) }                                                                     \
    }

static const expr_case CASES[] = {
    {"arg", 1, {ARG(1)}, 0},
    {"const", 1, {CONST(2.5)}, 0},
    {"cast of cast", 3, {ARG(0), F1(CAST, 0), F1(CAST, 1)}, 0},
    {"relu(add)", 5, {ARG(0), ARG(1), F2(ADD, 0, 1), CONST(0), F2(MAX, 2, 3)}, 1},
    {"unused nodes", 5, {ARG(0), CONST(3), F1(EXP, 0), F1(TANH, 2), F2(MUL, 0, 1)}, 0},
    {"chain",
     8,
     {ARG(0), ARG(1), F2(ADD, 0, 1), F2(MUL, 2, 2), F1(NEG, 3), F2(ADD, 4, 0), F1(ABS, 5), F2(SUB, 6, 1)},
     1},
    {"silu", 3, {ARG(0), F1(SIGMOID, 0), F2(MUL, 0, 1)}, 4},
    {"gelu",
     9,
     {ARG(0), CONST(0.70710678118654752), F2(MUL, 0, 1), F1(ERF, 2), CONST(1), F2(ADD, 3, 4), CONST(0.5), F2(MUL, 0, 6),
      F2(MUL, 7, 5)},
     -1},
    {"clip", 5, {ARG(0), CONST(-0.5), CONST(1.25), F2(MAX, 0, 1), F2(MIN, 3, 2)}, 1},
    {"select on a compare", 6, {ARG(0), ARG(1), F2(LT, 0, 1), F2(ADD, 0, 1), ARG(2), F3(SELECT, 2, 3, 4)}, 2},
    {"select on a number", 4, {ARG(2), ARG(0), ARG(1), F3(SELECT, 0, 1, 2)}, 1},
    {"select of the mask", 4, {ARG(0), ARG(1), F2(LE, 0, 1), F3(SELECT, 2, 2, 1)}, 1},
    {"logic",
     9,
     {ARG(0), ARG(1), ARG(2), F2(LT, 0, 1), F2(EQ, 1, 2), F2(OR, 3, 4), F1(NOT, 5), F2(AND, 6, 2), F2(OR, 7, 0)},
     -1},
    {"constants in all places",
     7,
     {CONST(1.5), CONST(-2.25), F2(SUB, 0, 1), CONST(3), F2(LT, 1, 3), F3(SELECT, 4, 2, 3), F2(DIV, 5, 3)},
     -1},
    {"pow of constants",
     13,
     {ARG(1), F1(ABS, 0), CONST(2), F2(POW, 0, 2), CONST(3), F2(POW, 0, 4), CONST(-2), F2(POW, 1, 6), CONST(0.5),
      F2(POW, 1, 8), F2(ADD, 3, 5), F2(ADD, 7, 9), F2(ADD, 10, 11)},
     -1},
    {"four again", 6, {ARG(1), CONST(4), F2(POW, 0, 1), CONST(-0.5), F1(ABS, 0), F2(POW, 4, 3)}, -1},
    {"deep reuse",
     10,
     {ARG(0), F1(TANH, 0), F1(EXP, 1), F1(SIGMOID, 2), F2(MUL, 3, 1), F1(FLOOR, 0), F1(CEIL, 0), F2(ADD, 5, 6),
      F2(MUL, 7, 4), F1(LOG, 2)},
     -1},
};
enum { CASE_COUNT = sizeof CASES / sizeof CASES[0] };

/* How the operands and the result lie in memory. */
typedef enum layout { PLAIN, STRIDED, IN_PLACE, HALF, LAYOUTS } layout;

typedef struct placed {
    wfc_be_mem mem[OPERANDS + 1]; /* the last is dst */
    uint32_t arrays[OPERANDS + 1];
} placed;

static wfc_be_mem walk(uint32_t array, wfc_dtype type, const uint32_t len[4], const int32_t stride[4],
                       uint32_t offset) {
    wfc_be_mem m = {.array = array, .type = (uint8_t)type, .offset_bytes = offset};
    for (int k = 0; k < 4; k++) m.len[k] = len[k], m.stride[k] = stride[k];
    return m;
}

static void place(wfc_be_asm *a, layout l, placed *p) {
    static const uint32_t ROW[4] = {1, 1, 1, ELEMS}, GRID[4] = {2, 3, 2, 2};
    static const int32_t ONE[4] = {0, 0, 0, 1};
    static const int32_t STRIDES[OPERANDS + 1][4] = {{1, 2, 6, 24}, {0, 4, 0, 1}, {0, 0, 0, 0}, {-12, -4, -2, -1}};
    for (int k = 0; k <= OPERANDS; k++) {
        p->arrays[k] = wfc_be_asm_array(a, k == OPERANDS ? "y" : "x", ARRAY_ELEMS * 4, WFC_MEM_INPUT);
        wfc_dtype t = l == HALF && k != 1 ? WFC_F16 : WFC_F32;
        p->mem[k] = walk(p->arrays[k], t, ROW, ONE, 0);
        if (l == STRIDED) p->mem[k] = walk(p->arrays[k], t, GRID, STRIDES[k], k == OPERANDS ? 23 * 4 : 0);
    }
    if (l == IN_PLACE) p->mem[OPERANDS] = p->mem[0], p->arrays[OPERANDS] = p->arrays[0];
}

static uint32_t element_offset(const wfc_be_mem *m, uint32_t k) {
    int64_t at = 0;
    for (int d = 3; d >= 0; d--) {
        at += (int64_t)(k % m->len[d]) * m->stride[d];
        k /= m->len[d];
    }
    return (uint32_t)((int64_t)(m->offset_bytes / wfc_dtype_bytes((wfc_dtype)m->type)) + at);
}

static float evaluate(const expr_case *c, const float *args) {
    float v[16];
    for (unsigned k = 0; k < c->count; k++) {
        const wfc_expr_node *n = &c->nodes[k];
        if (n->fn == WFC_FN_ARG)
            v[k] = args[n->index];
        else if (n->fn == WFC_FN_CONST)
            v[k] = (float)n->value;
        else {
            unsigned arity = wfc_fn_lookup(n->fn)->arity;
            double x = v[n->args[0]], y = arity > 1 ? v[n->args[1]] : 0, z = arity > 2 ? v[n->args[2]] : 0;
            v[k] = (float)wfc_fn_lookup(n->fn)->eval(x, y, z);
        }
    }
    return v[c->count - 1];
}

typedef struct run {
    wfc_diag diag;
    wfc_program p;
    placed at;
    int scratch;
    uint16_t addr[OPERANDS + 1];
} run;

static void build(run *r, const expr_case *c, layout l) {
    memset(r, 0, sizeof *r);
    wfc_diag_init(&r->diag);
    wfc_program_init(&r->p);
    wfc_program *p = &r->p;
    ck_assert_int_eq(wfc_target_load("wse2", &r->diag, &p->target), WFC_OK);
    p->model_name = p->producer = "test";
    p->class_count = p->pe_count = 1;
    p->data_count = OPERANDS;
    p->bulk_bytes = OPERANDS * ARRAY_ELEMS * 4;
    p->classes = wfc_arena_alloc(&p->arena, 1, sizeof *p->classes);
    p->pes = wfc_arena_alloc(&p->arena, 1, sizeof *p->pes);
    p->data = wfc_arena_alloc(&p->arena, OPERANDS, sizeof *p->data);
    p->bulk = wfc_arena_alloc(&p->arena, OPERANDS, ARRAY_ELEMS * 4);
    wfc_be_asm *a = wfc_be_asm_create(&p->target, &r->diag, "expr", c->name, "PE (0,0)");
    wfc_be_asm_const_regs(a, 1, 2); /* the fewest allowed */
    place(a, l, &r->at);
    uint8_t ops[OPERANDS + 1];
    for (int k = 0; k <= OPERANDS; k++) ops[k] = wfc_be_asm_mem(a, &r->at.mem[k]);
    wfc_be_asm_task(a, 0, WFC_TASK_LOCAL, WFC_TASK_ACTIVE, 0);
    wfc_expr e = {.count = c->count, .nodes = (wfc_expr_node *)(uintptr_t)c->nodes};
    wfc_be_expr_io io = {.operands = ops, .operand_count = OPERANDS, .dst = ops[OPERANDS]};
    wfc_status s = wfc_be_emit_expr(a, &e, &io);
    wfc_be_asm_op(a, WFC_OP_HALT, WFC_F32, WFC_OPND_NONE, WFC_OPND_NONE, WFC_OPND_NONE, 0);
    if (s == WFC_OK) s = wfc_be_asm_finish(a, &p->arena, &p->classes[0]);
    ck_assert_msg(s == WFC_OK, "%s: %s", c->name, r->diag.count ? r->diag.items[0].text : "no message");
    for (int k = 0; k <= OPERANDS; k++) r->addr[k] = wfc_be_asm_addr(a, r->at.arrays[k]);
    for (uint32_t k = 0; k < p->classes[0].array_count; k++) {
        r->scratch += p->classes[0].arrays[k].category == WFC_MEM_SCRATCH;
    }
    wfc_be_asm_destroy(a);
    p->pes[0] = (wfc_prog_pe){.router_index = UINT32_MAX, .layer = UINT32_MAX, .data_count = OPERANDS};
    for (uint32_t k = 0; k < OPERANDS; k++) {
        p->data[k] = (wfc_prog_data){r->addr[k], ARRAY_ELEMS * 4, k * ARRAY_ELEMS * 4u};
    }
}

static void fill(run *r) {
    static const double VALUES[] = {0.5, -1.25, 3.0, 0.0, -0.0, 2.0, -2.0, 0.75, 1.0, -0.125, 1.5};
    for (uint32_t k = 0; k < OPERANDS; k++) {
        for (uint32_t i = 0; i < ARRAY_ELEMS; i++) {
            wfc_dtype_set((wfc_dtype)r->at.mem[k].type, r->p.bulk + k * ARRAY_ELEMS * 4u, i,
                          VALUES[(i * (k + 3) + k) % 11]);
        }
    }
}

START_TEST(test_expression) {
    const expr_case *c = &CASES[_i / LAYOUTS];
    layout l = (layout)(_i % LAYOUTS);
    run r;
    build(&r, c, l);
    fill(&r);
    wfc_status s = wfc_program_verify(&r.p, &r.diag);
    ck_assert_msg(s == WFC_OK, "%s: %s", c->name, r.diag.count ? r.diag.items[0].text : "no message");
    uint8_t y[ARRAY_ELEMS * 4];
    wfc_sim_options options = {0};
    wfc_sim_result result;
    wfc_sim_probe probe = {.addr = r.addr[OPERANDS], .n = sizeof y, .bytes = y};
    s = wfc_sim_run_probed(&r.p, &options, NULL, &probe, 1, &r.diag, &result);
    ck_assert_msg(s == WFC_OK, "%s: %s", c->name, r.diag.count ? r.diag.items[0].text : "no message");
    wfc_sim_result_deinit(&result);
    for (uint32_t k = 0; k < ELEMS; k++) {
        float args[OPERANDS];
        for (uint32_t o = 0; o < OPERANDS; o++) {
            const wfc_be_mem *m = &r.at.mem[o];
            args[o] = (float)wfc_dtype_get((wfc_dtype)m->type, r.p.bulk + o * ARRAY_ELEMS * 4u, element_offset(m, k));
        }
        const wfc_be_mem *d = &r.at.mem[OPERANDS];
        double got = wfc_dtype_get((wfc_dtype)d->type, y, element_offset(d, k)), want = evaluate(c, args);
        /* Intermediate values of size 1 may cancel (1 + erf in gelu): what is small then has their error. */
        double tolerance = (d->type == WFC_F16 ? 1e-3 : 1e-6) * fmax(0.25, fabs(want));
        ck_assert_msg(fabs(got - want) <= tolerance || got == want || (isnan(got) && isnan(want)),
                      "%s, layout %d, element %u: %g, expected %g", c->name, (int)l, k, got, want);
    }
    if (c->max_scratch >= 0) ck_assert_msg(r.scratch <= c->max_scratch, "%s: %d temporaries", c->name, r.scratch);
    wfc_program_deinit(&r.p);
    wfc_diag_deinit(&r.diag);
}
END_TEST

/* What has no instruction sequence is refused with a message, not emitted wrongly. */
START_TEST(test_refusals) {
    static const struct {
        wfc_expr_node nodes[2];
        wfc_dtype dst;
    } bad[] = {{{ARG(7), F1(NEG, 0)}, WFC_F32},
               {{{.fn = WFC_FN_INDEX, .index = 1}, F1(NEG, 0)}, WFC_F32},
               {{ARG(0), F1(NEG, 1)}, WFC_F32},
               {{ARG(0), {.fn = 200}}, WFC_F32},
               {{ARG(0), F1(NEG, 0)}, WFC_I32}};
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
        wfc_diag diag;
        wfc_target target;
        wfc_diag_init(&diag);
        ck_assert_int_eq(wfc_target_load("wse2", &diag, &target), WFC_OK);
        wfc_be_asm *a = wfc_be_asm_create(&target, &diag, "c", "layer", "PE");
        wfc_be_asm_const_regs(a, 1, 4);
        uint32_t x = wfc_be_asm_array(a, "x", 64, WFC_MEM_INPUT);
        uint8_t op = wfc_be_asm_row(a, x, 0, WFC_F32, 16);
        wfc_expr e = {.count = 2, .nodes = (wfc_expr_node *)(uintptr_t)bad[k].nodes};
        wfc_be_expr_io io = {.operands = &op, .operand_count = 1, .dst = wfc_be_asm_row(a, x, 0, bad[k].dst, 16)};
        ck_assert_int_eq(wfc_be_emit_expr(a, &e, &io), WFC_ERR_UNSUPPORTED);
        ck_assert_int_eq(wfc_be_asm_status(a), WFC_ERR_UNSUPPORTED);
        ck_assert_uint_eq(diag.error_count, 1);
        wfc_be_asm_destroy(a);
        wfc_target_deinit(&target);
        wfc_diag_deinit(&diag);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("fn_expr");
    TCase *c = tcase_create("fn_expr");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, test_expression, 0, CASE_COUNT * LAYOUTS);
    tcase_add_test(c, test_refusals);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
