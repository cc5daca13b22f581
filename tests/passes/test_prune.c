/* Masks: what pruning by magnitude chooses, and that every pass leaves the zeros where they are. */
#include "ir/eval/eval.h"
#include "passes/pass.h"
#include "passes/prune/prune.h"
#include "tests/unit/unit_main.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define GRAPH(body) "wfc.ir 1\ngraph @g {\n" body "}\n"

static wfc_graph g;
static wfc_diag d;

static void begin(void) {
    wfc_diag_init(&d);
}

static void end(void) {
    wfc_graph_deinit(&g);
    wfc_diag_deinit(&d);
}

static void parse(const char *text) {
    ck_assert_int_eq(wfc_ir_parse(text, strlen(text), "test", &d, &g), WFC_OK);
    ck_assert_int_eq(wfc_ir_verify(&g, &d), WFC_OK);
}

static void run_pass(const char *name) {
    const char *names[] = {name, NULL};
    ck_assert_msg(wfc_pass_run(&g, names, &d, NULL, NULL) == WFC_OK, "%s: %s", name,
                  d.count ? d.items[d.count - 1].text : "?");
}

static const char *mask_text(const char *name) {
    static char text[65];
    const wfc_node *n = wfc_ir_node_c(&g, wfc_ir_find(&g, name));
    uint64_t elems = wfc_shape_elems(&n->shape);
    ck_assert_uint_lt(elems, sizeof text);
    if (!n->u.konst.mask) return "none";
    for (uint64_t i = 0; i < elems; i++) {
        text[i] = n->u.konst.mask[i] ? '1' : '0';
        if (!n->u.konst.mask[i]) ck_assert(wfc_dtype_get(n->dtype, n->u.konst.data.bytes, i) == 0);
    }
    text[elems] = '\0';
    return text;
}

#define TWO_LAYERS                                                                                                     \
    GRAPH("  input %x : f32[1,2]\n"                                                                                    \
          "  const %v : f32[2,5] = {1,-2,0.5,2,3,-1,-0,4,bits 0x7f800000,9}\n"                                         \
          "  const %w : f32[5,2] = {0.1,-0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,0.1}\n"                                       \
          "  const %bias : f32[5] = {0.001,0.001,0.001,0.001,0.001}\n"                                                 \
          "  %a = contract(%x, %v) {out=\"n k\", a=\"n c\", b=\"c k\", red=\"c=2\"} : f32[1,5]\n"                      \
          "  %b = map(%a, %bias) {\"add(a,b)\"} : f32[1,5]\n"                                                          \
          "  %y = contract(%b, %w) {out=\"n k\", a=\"n c\", b=\"c k\", red=\"c=5\"} : f32[1,2]\n"                      \
          "  output %y\n")

static wfc_status prune_as(const char *how) {
    wfc_prune_spec s;
    char why[WFC_PRUNE_WHY_BYTES];
    ck_assert_msg(wfc_prune_parse(how, &s, why), "%s: %s", how, why);
    return wfc_prune(&g, &s, NULL, &d);
}

static void prune(double sparsity, bool global) {
    char how[64];
    snprintf(how, sizeof how, "magnitude:%g:%s", sparsity, global ? "global" : "layer");
    ck_assert_int_eq(prune_as(how), WFC_OK);
    ck_assert_int_eq(wfc_ir_verify(&g, &d), WFC_OK);
}

START_TEST(choice) {
    static const struct {
        double sparsity;
        bool global;
        const char *v, *w;
    } cases[] = {
        {0, false, "1111110111", "1111111111"},   /* -0 is pruned already */
        {.04, false, "1111110111", "1111111111"}, /* round(0.4) = 0 */
        {.05, false, "1111110111", "0111111111"}, /* round(0.5) = 1; of the two smallest the first */
        {.5, false, "0001100111", "0000111110"},  /* of two magnitudes 2 the first goes */
        {.99, false, "0000000000", "0000000000"}, /* round(9.9) = 10: all */
        {.45, true, "1101110111", "0000001110"},  /* 9 of 20, of v: -0 and 0.5 */
        {.7, true, "0101100111", "0000000000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        parse(TWO_LAYERS);
        prune(cases[i].sparsity, cases[i].global);
        ck_assert_str_eq(mask_text("w"), cases[i].w);
        ck_assert_str_eq(mask_text("v"), cases[i].v);
        ck_assert_str_eq(mask_text("bias"), "none");
        wfc_graph_deinit(&g);
    }
    wfc_graph_init(&g);
}
END_TEST

START_TEST(nan_is_refused) {
    parse(GRAPH("  input %x : f32[1,2]\n  const %w : f32[2,1] = {1,bits 0x7fc00000}\n"
                "  %y = contract(%x, %w) {out=\"n k\", a=\"n c\", b=\"c k\", red=\"c=2\"} : f32[1,1]\n  output %y\n"));
    ck_assert_int_eq(prune_as("magnitude:0.5"), WFC_ERR_INPUT);
    ck_assert_str_eq(d.items[0].code, "WFC-E0282");
    ck_assert_str_eq(d.items[0].where, "w");
}
END_TEST

/* One constant read by two contracts counts once; a computed weight is folded first and pruned too. */
START_TEST(shared_and_computed) {
    parse(GRAPH("  input %x : f32[1,2]\n  const %w : f32[2,2] = {1,4,2,3}\n  const %h : f32[2,2] = {1,0,1,1}\n"
                "  %p = map(%w, %h) {\"mul(a,b)\"} : f32[2,2]\n"
                "  %a = contract(%x, %w) {out=\"n k\", a=\"n c\", b=\"c k\", red=\"c=2\"} : f32[1,2]\n"
                "  %b = contract(%a, %w) {out=\"n k\", a=\"n c\", b=\"k c\", red=\"c=2\"} : f32[1,2]\n"
                "  %y = contract(%b, %p) {out=\"n k\", a=\"n c\", b=\"k c\", red=\"c=2\"} : f32[1,2]\n  output %y\n"));
    prune(0.5, true); /* 4 of 8: {1,4,2,3} and {1,0,2,3} lose 0, 1, 1 and the first 2 */
    ck_assert_str_eq(mask_text("w"), "0101");
    ck_assert_str_eq(mask_text("p"), "0011");
}
END_TEST

START_TEST(zeros_are_found) {
    parse(TWO_LAYERS);
    run_pass("zeros");
    ck_assert_str_eq(mask_text("v"), "1111110111");
    ck_assert_str_eq(mask_text("w"), "none");
    ck_assert_uint_eq(d.count, 1);
    ck_assert_str_eq(d.items[0].code, "WFC-N0283");
    ck_assert_str_eq(d.items[0].text, "1 of 10 weights are zero, density 0.9000");
}
END_TEST

/* ---- Every pass ---- */

/* Value of a constant subgraph. */
static void value_of(wfc_value v, wfc_tensor *out) {
    const wfc_node *n = wfc_ir_node_c(&g, v);
    if (n->op == WFC_CORE_CONST) {
        ck_assert_int_eq(wfc_tensor_init(out, n->dtype, n->shape.rank, n->shape.dims), WFC_OK);
        memcpy(out->data, n->u.konst.data.bytes, n->u.konst.data.size_bytes);
        return;
    }
    wfc_tensor in[8] = {{0}};
    const wfc_tensor *ptr[8];
    ck_assert_uint_le(n->operand_count, 8);
    for (uint32_t k = 0; k < n->operand_count; k++) {
        value_of(wfc_ir_operand(&g, v, k), &in[k]);
        ptr[k] = &in[k];
    }
    ck_assert_int_eq(wfc_ir_eval_node(&g, v, ptr, &d, out), WFC_OK);
    for (uint32_t k = 0; k < n->operand_count; k++) wfc_tensor_deinit(&in[k]);
}

/* Which elements of the contracts' operands b are zero, as the contracts see them: '.' zero, '#' not, one line each. */
static void pattern(char *text, size_t size) {
    size_t at = 0;
    for (uint32_t i = 0; i < g.nodes.count; i++) {
        if (g.nodes.data[i].op != WFC_CORE_CONTRACT) continue;
        wfc_tensor b = {0};
        value_of(wfc_ir_operand(&g, (wfc_value){i}, 1), &b);
        uint64_t elems = wfc_tensor_elems(&b);
        ck_assert_uint_lt(at + elems + 1, size);
        for (uint64_t e = 0; e < elems; e++) text[at++] = wfc_dtype_get(b.dtype, b.data, e) == 0 ? '.' : '#';
        text[at++] = '\n';
        wfc_tensor_deinit(&b);
    }
    text[at] = '\0';
}

/* Graphs that the pass changes around a weight (or may: maxfirst, unbatch, fuse). */
static const struct {
    const char *pass, *text;
} cases[] = {
    {"fold", GRAPH("  input %x : f32[1,3]\n  const %w : f32[2,3] = {1,-2,3,-4,5,6}\n  const %s : f32[1] = {0.5}\n"
                   "  %t = view(%w) {index [3,2] from=\"j i\"} : f32[3,2]\n"
                   "  %y = contract(%x, %t) {out=\"n k\", a=\"n c\", b=\"c k\", red=\"c=3\"} : f32[1,2]\n"
                   "  %u = map(%t, %s) {\"mul(a,b)\"} : f32[3,2]\n"
                   "  %z = contract(%y, %u) {out=\"n k\", a=\"n c\", b=\"k c\", red=\"c=2\"} : f32[1,3]\n"
                   "  output %z\n")},
    {"identity", GRAPH("  input %x : f32[1,3]\n  const %w : f32[3,2] = {1,-2,3,-4,5,6}\n"
                       "  %v = view(%w) {index [3,2] from=\"i j\"} : f32[3,2]\n"
                       "  %y = contract(%x, %v) {out=\"n k\", a=\"n c\", b=\"c k\", red=\"c=3\"} : f32[1,2]\n"
                       "  output %y\n")},
    {"viewmerge", GRAPH("  input %x : f32[1,3]\n  const %w : f32[2,3] = {1,-2,3,-4,5,6}\n"
                        "  %t = view(%w) {index [3,2] from=\"j i\"} : f32[3,2]\n"
                        "  %u = view(%t) {index [4,2] from=\"i-1 1-j\" fill=0} : f32[4,2]\n"
                        "  %p = view(%x) {index [1,4] from=\"i j\" fill=0} : f32[1,4]\n"
                        "  %y = contract(%p, %u) {out=\"n k\", a=\"n c\", b=\"c k\", red=\"c=4\"} : f32[1,2]\n"
                        "  output %y\n")},
    {"channelsfirst",
     GRAPH("  input %x : f32[1,3,2,2]\n  const %w : f32[3,2] = {1,-2,3,-4,5,6}\n"
           "  %l = view(%x) {index [1,2,2,3] from=\"i l j k\"} : f32[1,2,2,3]\n"
           "  %y = contract(%l, %w) {out=\"n y x k\", a=\"n y x c\", b=\"c k\", red=\"c=3\"} : f32[1,2,2,2]\n"
           "  %f = view(%y) {index [1,2,2,2] from=\"i k l j\"} : f32[1,2,2,2]\n"
           "  output %f\n")},
    {"scalefold", GRAPH("  input %x : f32[1,3]\n  const %w : f32[3,2] = {1,-2,3,-4,5,6}\n"
                        "  const %v : f32[2,2] = {1,2,3,-4}\n  const %s : f32[2] = {3,-0.125}\n"
                        "  %h = map(%x) {\"mul(a,0.25)\"} : f32[1,3]\n"
                        "  %y = contract(%h, %w) {out=\"n k\", a=\"n c\", b=\"c k\", red=\"c=3\"} : f32[1,2]\n"
                        "  %z = contract(%y, %v) {out=\"n k\", a=\"n c\", b=\"c k\", red=\"c=2\"} : f32[1,2]\n"
                        "  %q = map(%z, %s) {\"max(mul(a,b),0)\"} : f32[1,2]\n  output %q\n")},
    {"scalefold", GRAPH("  input %x : f32[1,3]\n  const %w : f32[3,2] = {1,-2,3,-4,5,6}\n"
                        "  const %b : f32[2] = {1,2}\n  const %s : f32[2] = {3,-0.125}\n"
                        "  %y = contract(%x, %w) {out=\"n k\", a=\"n c\", b=\"c k\", red=\"c=3\"} : f32[1,2]\n"
                        "  %z = map(%y, %b) {\"add(a,b)\"} : f32[1,2]\n"
                        "  %q = map(%z, %s) {\"max(mul(a,b),0)\"} : f32[1,2]\n  output %q\n")},
    {"concatpad", GRAPH("  input %x : f32[1,3]\n  const %w : f32[3,2] = {1,-2,3,-4,5,6}\n"
                        "  const %v : f32[5,2] = {1,-2,3,-4,5,6,7,8,-9,1}\n"
                        "  %y = contract(%x, %w) {out=\"n k\", a=\"n c\", b=\"c k\", red=\"c=3\"} : f32[1,2]\n"
                        "  %z = concat(%x, %y) {axis=1} : f32[1,5]\n"
                        "  %q = contract(%z, %v) {out=\"n k\", a=\"n c\", b=\"c k\", red=\"c=5\"} : f32[1,2]\n"
                        "  output %q\n")},
    {"maxfirst",
     GRAPH("  input %x : f32[1,1,4,4]\n  const %w : f32[2,1,1,2] = {1,-2,3,4}\n  const %b : f32[2,1,1] = {1,-2}\n"
           "  %y = contract(%x, %w) {out=\"n k y x\", a=\"n c y+r x+s\", b=\"k c r s\", red=\"c=1 r=1 s=2\"} : "
           "f32[1,2,4,2]\n"
           "  %z = map(%y, %b) {\"max(add(a,b),0)\"} : f32[1,2,4,2]\n"
           "  %m = reduce(%z) {max, out=\"n k y x\", a=\"n k 2y+r 2x+s\", red=\"r=2 s=2\"} : f32[1,2,2,1]\n"
           "  output %m\n")},
    {"splitreduce",
     GRAPH("  input %x : f32[1,1,8,8]\n  const %w : f32[2,1,1,2] = {1,-2,3,4}\n"
           "  %y = contract(%x, %w) {out=\"n k y x\", a=\"n c y+r x+s\", b=\"k c r s\", red=\"c=1 r=1 s=2\"} : "
           "f32[1,2,8,7]\n"
           "  %m = reduce(%y) {sum, out=\"n k y x\", a=\"n k r s\", red=\"r=8 s=7\"} : f32[1,2,1,1]\n"
           "  output %m\n")},
    {"zeros", TWO_LAYERS},
    {"unbatch", GRAPH("  input %x : f32[4,3]\n  const %w : f32[3,2] = {1,-2,3,-4,5,6}\n"
                      "  const %b : f32[4,2] = {1,2,1,2,1,2,1,2}\n"
                      "  %y = contract(%x, %w) {out=\"n k\", a=\"n c\", b=\"c k\", red=\"c=3\"} : f32[4,2]\n"
                      "  output %y\n")},
    {"fuse", GRAPH("  input %x : f32[1,3]\n  const %w : f32[3,2] = {1,-2,3,-4,5,6}\n"
                   "  %y = contract(%x, %w) {out=\"n k\", a=\"n c\", b=\"c k\", red=\"c=3\"} : f32[1,2]\n"
                   "  %z = map(%y) {\"max(a,0)\"} : f32[1,2]\n  output %z\n")},
};

static void check_case(size_t i, const char *how) {
    static char before[4096], after[4096], all[4096];
    parse(cases[i].text);
    ck_assert_int_eq(prune_as(how), WFC_OK);
    pattern(before, sizeof before);
    ck_assert(strchr(before, '.'));
    ck_assert(strchr(before, '#'));
    run_pass(cases[i].pass);
    pattern(after, sizeof after);
    ck_assert_msg(strcmp(before, after) == 0, "%s: before\n%safter\n%s", cases[i].pass, before, after);
    for (const char *const *p = wfc_pass_default_pipeline(); *p; p++) run_pass(*p);
    pattern(all, sizeof all);
    ck_assert_msg(strcmp(before, all) == 0, "%s, then all: before\n%safter\n%s", cases[i].pass, before, all);
    for (uint32_t k = 0; k < g.nodes.count; k++) { /* at the end the masks say what the zeros do */
        if (g.nodes.data[k].op != WFC_CORE_CONTRACT) continue;
        const wfc_node *w = wfc_ir_node_c(&g, wfc_ir_operand(&g, (wfc_value){k}, 1));
        ck_assert_int_eq(w->op, WFC_CORE_CONST);
        for (uint64_t e = 0; e < wfc_shape_elems(&w->shape); e++) {
            bool zero = wfc_dtype_get(w->dtype, w->u.konst.data.bytes, e) == 0;
            ck_assert(zero == (w->u.konst.mask && !w->u.konst.mask[e]));
        }
    }
    wfc_graph_deinit(&g);
}

START_TEST(every_pass_keeps_zeros) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_case(i, "magnitude:0.5");
        check_case(i, "magnitude:0.35:global");
    }
    wfc_graph_init(&g);
}
END_TEST

/* A pass that is added needs a case here. */
START_TEST(every_pass_has_a_case) {
    for (const wfc_pass *const *p = wfc_pass_list(); *p; p++) {
        bool found = false;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) found |= strcmp(cases[i].pass, (*p)->name) == 0;
        ck_assert_msg(found, "no case for pass %s", (*p)->name);
    }
    wfc_graph_init(&g);
}
END_TEST

/* Every allocation of a run of prune and zeros may fail: an error each time, nothing leaks. */
static void fail_allocations(const char *how) {
    float samples[] = {1, 0, 2, 3, 1, -1};
    wfc_tensor input = {.dtype = WFC_F32, .rank = 2, .dims = {2, 3}, .data = samples};
    wfc_prune_data data = {.inputs = &input, .input_count = 1};
    for (size_t n = 1; n < 1000; n++) {
        wfc_prune_spec s;
        char why[WFC_PRUNE_WHY_BYTES];
        ck_assert(wfc_prune_parse(how, &s, why));
        parse(cases[0].text);
        (void)wfc_mem_fail_nth(n);
        wfc_status st = wfc_prune(&g, &s, &data, &d);
        if (st == WFC_OK) st = wfc_pass_find("zeros")->run(&g, &d);
        bool done = wfc_mem_fail_nth(0) < n;
        if (done) ck_assert_int_eq(st, WFC_OK);
        if (!done) ck_assert(st == WFC_ERR_NO_MEMORY || st == WFC_OK); /* OK: a diagnostic without its text */
        wfc_graph_deinit(&g);
        if (done) return;
    }
    ck_abort_msg("never done");
}

START_TEST(memory) {
    static const char *const hows[] = {
        "magnitude:0.5:global", "lamp:0.5:erk:row", "random:1:2",  "magnitude:0.5:block=1x2:global",
        "synflow:.5:rounds=2",  "wanda:.5:row",     "sparsegpt:.5"};
    for (size_t i = 0; i < sizeof hows / sizeof *hows; i++) fail_allocations(hows[i]);
    wfc_graph_init(&g);
}
END_TEST

int main(void) {
    Suite *s = suite_create("prune");
    TCase *c = tcase_create("all");
    tcase_add_checked_fixture(c, begin, end);
    tcase_add_test(c, choice);
    tcase_add_test(c, nan_is_refused);
    tcase_add_test(c, shared_and_computed);
    tcase_add_test(c, zeros_are_found);
    tcase_add_test(c, every_pass_keeps_zeros);
    tcase_add_test(c, every_pass_has_a_case);
    tcase_add_test(c, memory);
    suite_add_tcase(s, c);
    return unit_run(s);
}
