/* Accuracy of the elementwise functions, over sweeps of all single-precision numbers and dense grids, against libm in
 * double precision. `backend_test_fn --markdown` prints docs/functions.md. */
#include "backend/kernels/fn_emit.h"
#include "runtime/sim/sim.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 512, GRID = 100000, BIT_STEP = 65521, CONST_FIRST = 1, CONST_COUNT = 8 };

typedef struct spec {
    const char *name;
    wfc_fn fn;
    double (*ref)(double, double);
    double lo, hi;   /* dense grid */
    double lo2, hi2; /* of the second operand, where there is one */
    double limit_ulp;
    bool signed_zero; /* the sign of a zero result is checked */
    bool flushes;     /* results below the smallest normal number may be 0 */
} spec;

#define R1(name, expr)                                                                                                 \
    static double r_##name(double a, double b) {                                                                       \
        (void)b;                                                                                                       \
        return expr;                                                                                                   \
    }
#define R2(name, expr)                                                                                                 \
    static double r_##name(double a, double b) {                                                                       \
        return expr;                                                                                                   \
    }

/* IEEE single operations must be exact: computed in float here too. */
R2(add, (float)a + (float)b)
R2(sub, (float)a - (float)b)
R2(mul, (float)a *(float)b)
R2(div, (float)a / (float)b)
R2(min, isnan(a) || isnan(b) ? NAN : fmin(a, b))
R2(max, isnan(a) || isnan(b) ? NAN : fmax(a, b))
R2(pow, pow(a, b))
R1(neg, -a)
R1(abs, fabs(a))
R1(sqrt, sqrt(a))
R1(recip, 1.0f / (float)a)
R1(exp, exp(a))
R1(log, log(a))
R1(tanh, tanh(a))
R1(sigmoid, 1 / (1 + exp(-a)))
R1(erf, erf(a))
R1(floor, floor(a))
R1(ceil, ceil(a))
R1(round, nearbyint(a))
R2(eq, a == b)
R2(lt, a < b)
R2(le, a <= b)
R1(not, a == 0)
R2(and, a != 0 && b != 0)
R2(or, a != 0 || b != 0)

static const spec SPECS[] = {
    {"add", WFC_FN_ADD, r_add, -9, 9, -5, 5, 0, true, false},
    {"sub", WFC_FN_SUB, r_sub, -9, 9, -5, 5, 0, true, false},
    {"mul", WFC_FN_MUL, r_mul, -9, 9, -5, 5, 0, true, false},
    {"div", WFC_FN_DIV, r_div, -9, 9, -5, 5, 0, true, false},
    {"min", WFC_FN_MIN, r_min, -9, 9, -5, 5, 0, false, false},
    {"max", WFC_FN_MAX, r_max, -9, 9, -5, 5, 0, false, false},
    {"neg", WFC_FN_NEG, r_neg, -9, 9, 0, 0, 0, true, false},
    {"abs", WFC_FN_ABS, r_abs, -9, 9, 0, 0, 0, true, false},
    {"sqrt", WFC_FN_SQRT, r_sqrt, 0, 9, 0, 0, 0.51, true, false},
    {"recip", WFC_FN_RECIP, r_recip, -9, 9, 0, 0, 0, true, false},
    {"exp", WFC_FN_EXP, r_exp, -104, 89, 0, 0, 2, false, false},
    {"log", WFC_FN_LOG, r_log, 0, 4, 0, 0, 2, false, false},
    {"tanh", WFC_FN_TANH, r_tanh, -10, 10, 0, 0, 2, true, false},
    {"sigmoid", WFC_FN_SIGMOID, r_sigmoid, -89, 20, 0, 0, 2, false, true},
    {"erf", WFC_FN_ERF, r_erf, -4, 4, 0, 0, 2, true, false},
    {"pow", WFC_FN_POW, r_pow, 0, 30, -6, 6, 2, true, false},
    {"floor", WFC_FN_FLOOR, r_floor, -9, 9, 0, 0, 0, true, false},
    {"ceil", WFC_FN_CEIL, r_ceil, -9, 9, 0, 0, 0, true, false},
    {"round", WFC_FN_ROUND, r_round, -9, 9, 0, 0, 0, true, false},
    {"eq", WFC_FN_EQ, r_eq, -9, 9, -5, 5, 0, false, false},
    {"lt", WFC_FN_LT, r_lt, -9, 9, -5, 5, 0, false, false},
    {"le", WFC_FN_LE, r_le, -9, 9, -5, 5, 0, false, false},
    {"not", WFC_FN_NOT, r_not, -9, 9, 0, 0, 0, false, false},
    {"and", WFC_FN_AND, r_and, -9, 9, -5, 5, 0, false, false},
    {"or", WFC_FN_OR, r_or, -9, 9, -5, 5, 0, false, false},
};
enum { SPEC_COUNT = sizeof SPECS / sizeof SPECS[0] };

/* A program of one PE that applies one function to `a` (and `b`) and leaves the result in `b`'s successor `y`. */
typedef struct rig {
    wfc_program p;
    uint16_t y;
    double cycles; /* predicted */
    uint32_t insns;
    uint8_t *a, *b; /* the PE's initial data */
    wfc_diag diag;
} rig;

static unsigned arity_of(wfc_fn fn) {
    return wfc_fn_lookup(fn)->arity;
}

static void build_class(rig *r, wfc_fn fn, uint32_t n, wfc_prog_class *cls, uint16_t addr[3]) {
    wfc_be_asm *a = wfc_be_asm_create(&r->p.target, &r->diag, "fn", "fn", "PE (0,0)");
    ck_assert_ptr_nonnull(a);
    wfc_be_asm_const_regs(a, CONST_FIRST, CONST_COUNT);
    uint32_t arrays[3];
    uint8_t ops[3];
    for (int k = 0; k < 3; k++) {
        arrays[k] = wfc_be_asm_array(a, "v", n * 4, WFC_MEM_INPUT);
        ops[k] = wfc_be_asm_row(a, arrays[k], 0, WFC_F32, n);
    }
    wfc_be_asm_task(a, 0, WFC_TASK_LOCAL, WFC_TASK_ACTIVE, 0);
    ck_assert_int_eq(wfc_be_emit_fn(a, fn, ops, ops[2]), WFC_OK);
    r->cycles = wfc_be_asm_cycles_per_sample(a);
    r->insns = wfc_be_asm_here(a);
    wfc_be_asm_op(a, WFC_OP_HALT, WFC_F32, WFC_OPND_NONE, WFC_OPND_NONE, WFC_OPND_NONE, 0);
    wfc_status s = wfc_be_asm_finish(a, &r->p.arena, cls);
    ck_assert_msg(s == WFC_OK, "%s", r->diag.count ? r->diag.items[0].text : "no message");
    for (int k = 0; k < 3; k++) addr[k] = wfc_be_asm_addr(a, arrays[k]);
    wfc_be_asm_destroy(a);
}

static void rig_build(rig *r, wfc_fn fn, uint32_t n) {
    memset(r, 0, sizeof *r);
    wfc_diag_init(&r->diag);
    wfc_program_init(&r->p);
    ck_assert_int_eq(wfc_target_load("wse2", &r->diag, &r->p.target), WFC_OK);
    wfc_program *p = &r->p;
    uint16_t addr[3];
    p->model_name = p->producer = "test";
    p->class_count = p->pe_count = 1;
    p->data_count = 2;
    p->bulk_bytes = 8 * (uint64_t)n;
    p->classes = wfc_arena_alloc(&p->arena, 1, sizeof *p->classes);
    p->pes = wfc_arena_alloc(&p->arena, 1, sizeof *p->pes);
    p->data = wfc_arena_alloc(&p->arena, 2, sizeof *p->data);
    p->bulk = wfc_arena_alloc(&p->arena, n, 8);
    build_class(r, fn, n, &p->classes[0], addr);
    p->pes[0] = (wfc_prog_pe){.router_index = UINT32_MAX, .layer = UINT32_MAX, .data_count = 2};
    for (uint32_t k = 0; k < 2; k++) p->data[k] = (wfc_prog_data){addr[k], n * 4, k * n * 4};
    r->a = p->bulk;
    r->b = p->bulk + 4 * (size_t)n;
    r->y = addr[2];
    wfc_status s = wfc_program_verify(p, &r->diag);
    ck_assert_msg(s == WFC_OK, "%s", r->diag.count ? r->diag.items[0].text : "no message");
}

static uint64_t rig_run(rig *r, uint32_t n, float *y) {
    wfc_sim_options options = {0};
    wfc_sim_result result;
    wfc_sim_probe probe = {.addr = r->y, .n = (uint16_t)(n * 4), .bytes = (uint8_t *)y};
    wfc_status s = wfc_sim_run_probed(&r->p, &options, NULL, &probe, 1, &r->diag, &result);
    ck_assert_msg(s == WFC_OK, "%s", r->diag.count ? r->diag.items[0].text : "no message");
    uint64_t cycles = result.cycles;
    wfc_sim_result_deinit(&result);
    return cycles;
}

static void rig_free(rig *r) {
    wfc_program_deinit(&r->p);
    wfc_diag_deinit(&r->diag);
}

static double ulp_of(double y) {
    int e;
    frexp(y, &e);
    if (y == 0 || e < -125) e = -125;
    return ldexp(1.0, e - 24);
}

/* Units in the last place; infinity for a wrong NaN, infinity or sign of zero. */
static double error_ulp(const spec *s, double want, float got) {
    float rounded = (float)want;
    if (isnan(want) || isnan(got)) return isnan(want) && isnan(got) ? 0 : INFINITY;
    if (isinf(rounded) || isinf(got)) {
        if (rounded == got) return 0;
        /* Next to the largest number: measured as if the exponent range went on. */
        double bound = isinf(got) ? ldexp(copysign(1.0, got), 128) : got;
        return fabs(want) < 3.5e38 ? fabs(bound - want) / ulp_of(3e38) : INFINITY;
    }
    if (s->signed_zero && want == 0 && (got != 0 || !signbit(got) != !signbit(want))) return INFINITY;
    if (s->flushes && fabs(want) < FLT_MIN && got == 0) return 0;
    return fabs((double)got - want) / ulp_of(want);
}

typedef struct result {
    double max_ulp, max_rel;
    float worst_a, worst_b, worst_got;
    uint64_t count;
} result;

static void run_block(rig *r, const spec *s, const float *a, const float *b, result *out) {
    static float y[N];
    memcpy(r->a, a, N * 4);
    memcpy(r->b, b, N * 4);
    rig_run(r, N, y);
    for (int i = 0; i < N; i++) {
        float got = y[i];
        double want = s->ref(a[i], b[i]), e = error_ulp(s, want, got);
        out->count++;
        if (isfinite(want) && fabs(want) > FLT_MIN && fabs(want) < FLT_MAX && isfinite(got)) {
            double rel = fabs(got - want) / fabs(want);
            if (rel > out->max_rel) out->max_rel = rel;
        }
        if (e <= out->max_ulp) continue;
        out->max_ulp = e;
        out->worst_a = a[i];
        out->worst_b = b[i];
        out->worst_got = got;
    }
}

static float from_bits(uint32_t bits) {
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

static const float SPECIAL[] = {0.0f,       -0.0f,      1.0f,        -1.0f,     0.5f,       -0.5f,     1.5f,
                                2.5f,       -1.5f,      -2.5f,       INFINITY,  -INFINITY,  NAN,       FLT_MIN,
                                -FLT_MIN,   FLT_MAX,    -FLT_MAX,    0x1p-149f, -0x1p-149f, 0x1p-130f, 88.72283f,
                                88.72284f,  -87.33654f, -103.97f,    -103.98f,  -104.0f,    3.0f,      -3.0f,
                                8388607.5f, 8388608.0f, 16777216.0f, 2.0f};
enum { SPECIAL_COUNT = sizeof SPECIAL / sizeof SPECIAL[0] };

/* The i-th pair of the sweep: grids first, then patterns of all numbers, then specials with each other. pow's corner
 * cases differ where docs/functions.md says so, and are not swept. */
static bool sweep(const spec *s, uint32_t i, float *a, float *b) {
    bool two = arity_of(s->fn) == 2;
    const uint32_t patterns = (uint32_t)(0x100000000u / BIT_STEP);
    uint64_t hash = (uint64_t)i * 0x9e3779b97f4a7c15u;
    *b = 0;
    if (i < GRID) {
        *a = (float)(s->lo + (s->hi - s->lo) * i / (GRID - 1));
        if (two) *b = (float)(s->lo2 + (s->hi2 - s->lo2) * (double)(hash >> 40) / 16777215.0);
        return true;
    }
    i -= GRID;
    if (i < patterns) {
        *a = from_bits(i * (uint32_t)BIT_STEP);
        if (two)
            *b =
                s->fn == WFC_FN_POW ? (float)((double)(hash >> 40) / 4194304.0 - 2) : from_bits((uint32_t)(hash >> 32));
        if (s->fn == WFC_FN_POW) *a = fabsf(*a);
        return true;
    }
    i -= patterns;
    if (i >= SPECIAL_COUNT * (two ? SPECIAL_COUNT : 1)) return false;
    *a = SPECIAL[i % SPECIAL_COUNT];
    if (two) *b = SPECIAL[i / SPECIAL_COUNT];
    /* The one known gap of pow: 0 or infinity to a power below 2^-119 in size gives 1. */
    if (s->fn == WFC_FN_POW && *b != 0 && fabsf(*b) < 0x1p-119f && (*a == 0 || isinf(*a))) *b = 1;
    return true;
}

static result measure(const spec *s) {
    static float a[N], b[N];
    result out = {0};
    rig r;
    rig_build(&r, s->fn, N);
    uint32_t i = 0;
    for (bool more = true; more;) {
        for (int k = 0; k < N; k++) {
            more = more && sweep(s, i, &a[k], &b[k]);
            if (!more) a[k] = a[0], b[k] = b[0];
            i++;
        }
        run_block(&r, s, a, b, &out);
    }
    rig_free(&r);
    return out;
}

START_TEST(test_accuracy) {
    const spec *s = &SPECS[_i];
    result r = measure(s);
    printf("%-8s %9llu values, max %.3f ulp, relative %.2e, at (%.9g, %.9g) -> %.9g\n", s->name,
           (unsigned long long)r.count, r.max_ulp, r.max_rel, (double)r.worst_a, (double)r.worst_b,
           (double)r.worst_got);
    ck_assert_msg(r.max_ulp <= s->limit_ulp, "%s: %g ulp at (%.9g, %.9g) -> %.9g", s->name, r.max_ulp,
                  (double)r.worst_a, (double)r.worst_b, (double)r.worst_got);
}
END_TEST

/* The prediction is the simulator's count: task dispatch, the instructions, halt. */
START_TEST(test_predicted_cycles) {
    const spec *s = &SPECS[_i];
    static float y[100];
    rig r;
    rig_build(&r, s->fn, 100);
    uint64_t cycles = rig_run(&r, 100, y);
    double rest = (double)cycles - r.cycles - r.p.target.task_overhead;
    ck_assert_msg(rest >= 0 && rest <= 3, "%s: predicted %g, simulated %llu", s->name, r.cycles,
                  (unsigned long long)cycles);
    rig_free(&r);
}
END_TEST

/* ---- docs/functions.md ---- */

START_TEST(test_print_markdown) {
    printf(
        "# Elementwise functions on a PE\n\n"
        "What `add`, `exp`, `tanh`, ... of a map, prologue or epilogue cost and how exact they are. Every function is "
        "a sequence of\nvector instructions (`backend/kernels/fn_emit*.c`), so results are bit-equal on every host. "
        "This page is printed by\n`backend_test_fn --markdown`; a test compares.\n\n"
        "Errors are against libm in double precision, in units of the last place of the exact result, over a grid "
        "on the range\nshown, a sweep over all bit patterns (step %d), and special values (zeros, infinities, NaN, "
        "subnormals) with each\nother. Cycles: one vector of 64 elements on `wse2`, constants loaded anew; the\n"
        "simulator counts the same (a test compares).\n\n"
        "Known gaps: sigmoid below 1.2e-38 may be 0; 0 or infinity to a power smaller than 2^-119 gives 1 (`pow`);\n"
        "constant exponents 0.5 and -0.5 are square roots (NaN for -infinity); division by a constant is a "
        "multiplication\n"
        "by its rounded reciprocal (1.5 ulp); f32 only, integer maps are refused. How: `exp` and `log` reduce their "
        "range\n"
        "by integer arithmetic on the bits and evaluate a minimax polynomial (coefficients: "
        "`backend/kernels/fn_fit.py`);\n"
        "`tanh`, `sigmoid` divide by a Newton reciprocal and correct the quotient by its residual; `erf(x)` is the "
        "tanh of\n"
        "a polynomial; `pow` carries the logarithm in two parts.\n\n",
        BIT_STEP);
    printf("| function | grid | max ulp | max relative | instructions | cycles per element "
           "|\n|---|---|---|---|---|---|\n");
    for (int k = 0; k < SPEC_COUNT; k++) {
        const spec *s = &SPECS[k];
        result m = measure(s);
        rig r;
        rig_build(&r, s->fn, 64);
        printf("| %s | %g .. %g", s->name, s->lo, s->hi);
        if (arity_of(s->fn) == 2) printf(", %g .. %g", s->lo2, s->hi2);
        printf(" | %.2f | %.1e | %u | %.1f |\n", m.max_ulp, m.max_rel, r.insns, r.cycles / 64);
        rig_free(&r);
    }
}
END_TEST

int main(int argc, char **argv) {
    bool markdown = argc > 1 && strcmp(argv[1], "--markdown") == 0;
    Suite *suite = suite_create("fn");
    TCase *tests = tcase_create("fn");
    tcase_set_timeout(tests, 240);
    if (markdown) {
        tcase_add_test(tests, test_print_markdown);
    } else {
        tcase_add_loop_test(tests, test_accuracy, 0, SPEC_COUNT);
        tcase_add_loop_test(tests, test_predicted_cycles, 0, SPEC_COUNT);
    }
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, markdown ? CK_SILENT : CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
