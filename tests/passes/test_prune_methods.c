/* The tables of criteria and distributions: golden values, scopes, structures, bounds. */
#include "passes/prune/distribution.h"
#include "passes/prune/pruning.h"
#include "tests/unit/unit_main.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define GRAPH(body) "wfc.ir 1\ngraph @g {\n" body "}\n"

static wfc_graph g;
static wfc_diag d;

static void begin(void) {
    wfc_diag_init(&d);
    wfc_graph_init(&g);
}

static void end(void) {
    wfc_graph_deinit(&g);
    wfc_diag_deinit(&d);
}

static void parse(const char *text) {
    wfc_graph_deinit(&g);
    ck_assert_int_eq(wfc_ir_parse(text, strlen(text), "test", &d, &g), WFC_OK);
    ck_assert_int_eq(wfc_ir_verify(&g, &d), WFC_OK);
}

static const char *mask_text(const char *name) {
    static char text[65];
    const wfc_node *n = wfc_ir_node_c(&g, wfc_ir_find(&g, name));
    uint64_t elems = wfc_shape_elems(&n->shape);
    ck_assert_uint_lt(elems, sizeof text);
    for (uint64_t i = 0; i < elems; i++) {
        text[i] = n->u.konst.mask[i] ? '1' : '0';
        ck_assert(n->u.konst.mask[i] == (wfc_dtype_get(n->dtype, n->u.konst.data.bytes, i) != 0));
    }
    text[elems] = '\0';
    return text;
}

/* ---- The text of --prune ---- */

START_TEST(spec) {
    wfc_prune_spec s;
    char why[WFC_PRUNE_WHY_BYTES];
    ck_assert(wfc_prune_parse("magnitude:0.9", &s, why) && s.sparsity == 0.9 && s.scope == WFC_PRUNE_LAYER);
    ck_assert(wfc_prune_parse("magnitude:.5:layer", &s, why) && s.sparsity == 0.5 && s.scope == WFC_PRUNE_LAYER);
    ck_assert(wfc_prune_parse("magnitude:0:global", &s, why) && s.sparsity == 0 && s.scope == WFC_PRUNE_GLOBAL);
    ck_assert(wfc_prune_parse("lamp:0.9", &s, why) && s.scope == WFC_PRUNE_GLOBAL);
    ck_assert(wfc_prune_parse("lamp:0.9:erk", &s, why) && s.scope == WFC_PRUNE_LAYER);
    ck_assert_str_eq(s.distribution->name, "erk");
    ck_assert(wfc_prune_parse("random:.5:row:seed=7", &s, why) && s.scope == WFC_PRUNE_ROW && s.seed == 7);
    ck_assert(wfc_prune_parse("magnitude:2:4", &s, why) && s.keep == 2 && s.of == 4 && s.sparsity == .5);
    ck_assert(wfc_prune_parse("random:1:16:seed=3", &s, why) && s.keep == 1 && s.of == 16 && s.seed == 3);
    ck_assert(wfc_prune_parse("magnitude:.5:block=4x1", &s, why) && s.block_rows == 4 && s.block_columns == 1);
    ck_assert(wfc_prune_parse("magnitude:.5,0,.9", &s, why) && s.list_count == 3 && s.list[2] == .9);
    static const char *const bad[] = {"",
                                      "magnitude",
                                      "magnitude:",
                                      "magnitude:1",
                                      "magnitude:-0.1",
                                      "magnitude:nan",
                                      "magnitude: 0.5",
                                      "magnitude:0.5x",
                                      "magnitude:0x.8",
                                      "magnitude:0.5:",
                                      "magnitude:0.5:net",
                                      "magnitude:0.5:globally",
                                      "size:0.5",
                                      "magnitude:0.5:seed=",
                                      "magnitude:0.5:seed=18446744073709551616",
                                      "magnitude:4:2",
                                      "magnitude:0:4",
                                      "magnitude:2:4:8",
                                      "magnitude:2:4:erk",
                                      "magnitude:2:4:global",
                                      "magnitude:.5:block=0x4",
                                      "magnitude:.5:block=4",
                                      "magnitude:.5:block=4x1:row",
                                      "magnitude:.5:erk:global",
                                      "magnitude:.5,1",
                                      "magnitude:.5,",
                                      "magnitude:.5,.5:erk",
                                      "magnitude:.5,.5:global",
                                      "magnitude:.5:rounds=3",
                                      "magnitude:2:2000",
                                      "magnitude:.5:filter:global",
                                      "sparsegpt:.5:filter",
                                      "magnitude:2:4:filter"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        strcpy(why, "");
        ck_assert_msg(!wfc_prune_parse(bad[i], &s, why), "%s", bad[i]);
        ck_assert_msg(*why, "%s", bad[i]);
    }
}
END_TEST

/* ---- Distributions ---- */

enum { RESNET = 54 };
typedef struct conv {
    unsigned out, in, kernel, points;
} conv;

/* ResNet-50 v1.5: 53 convolutions and one linear layer, 224 x 224. */
static size_t resnet50(conv *out) {
    size_t n = 0;
    out[n++] = (conv){64, 3, 7, 112 * 112};
    for (unsigned stage = 0, in = 64; stage < 4; stage++) {
        static const unsigned blocks[] = {3, 4, 6, 3};
        unsigned mid = 64u << stage, side = 56u >> stage;
        for (unsigned b = 0; b < blocks[stage]; b++, in = 4 * mid) {
            unsigned before = stage > 0 && b == 0 ? 4 * side * side : side * side; /* the 3x3 has the stride */
            out[n++] = (conv){mid, in, 1, before};
            out[n++] = (conv){mid, mid, 3, side * side};
            out[n++] = (conv){4 * mid, mid, 1, side * side};
            if (b == 0) out[n++] = (conv){4 * mid, in, 1, side * side};
        }
    }
    out[n++] = (conv){1000, 2048, 0, 1};
    return n;
}

static void shapes_of(const conv *c, size_t n, wfc_prune_shape *out) {
    for (size_t i = 0; i < n; i++) {
        unsigned k = c[i].kernel ? c[i].kernel : 1;
        out[i] = (wfc_prune_shape){(uint64_t)c[i].out * c[i].in * k * k, c[i].out + c[i].in + 2.0 * c[i].kernel};
    }
}

/* Goldens computed from the published iteration; MACs as weights times output points. */
START_TEST(resnet50_goldens) {
    static const struct {
        const char *how;
        double sparsity, macs;
        unsigned dense;
    } golden[] = {{"erk", .8, .41379, 8},          {"erk", .9, .24183, 1},          {"erk", .95, .12167, 0},
                  {"erk", .965, .08517, 0},        {"first-dense", .8, .22309, 1},  {"first-dense", .9, .12597, 1},
                  {"first-dense", .95, .07742, 1}, {"first-dense", .965, .06285, 1}};
    conv layers[RESNET];
    wfc_prune_shape shapes[RESNET];
    double share[RESNET], weights = 0, dense = 0;
    ck_assert_uint_eq(resnet50(layers), RESNET);
    shapes_of(layers, RESNET, shapes);
    for (size_t i = 0; i < RESNET; i++) {
        weights += (double)shapes[i].elems;
        dense += (double)shapes[i].elems * layers[i].points;
    }
    ck_assert(weights == 25502912 && dense == 4089184256);
    for (size_t k = 0; k < sizeof golden / sizeof *golden; k++) {
        ck_assert(wfc_prune_distribution_find(golden[k].how)->share(shapes, RESNET, golden[k].sparsity, share));
        double macs = 0, kept = 0;
        unsigned full = 0;
        for (size_t i = 0; i < RESNET; i++) {
            macs += (1 - share[i]) * (double)shapes[i].elems * layers[i].points;
            kept += (1 - share[i]) * (double)shapes[i].elems;
            full += share[i] == 0;
        }
        ck_assert_msg(fabs(macs / dense - golden[k].macs) < 5e-6, "%s %g: %.6f", golden[k].how, golden[k].sparsity,
                      macs / dense);
        ck_assert_uint_eq(full, golden[k].dense);
        if (k < 4) ck_assert(fabs(kept / weights - (1 - golden[k].sparsity)) < 1e-5);
    }
}
END_TEST

static void check_shares(const char *how, double s, const wfc_prune_shape *l, size_t n, const double *density) {
    double share[8];
    ck_assert(wfc_prune_distribution_find(how)->share(l, n, s, share));
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(fabs(1 - share[i] - density[i]) < 6e-6, "%s %g, layer %zu: %f", how, s, i, 1 - share[i]);
}

START_TEST(small_goldens) {
    static const wfc_prune_shape lenet[] = {{235200, 1084}, {30000, 400}, {1000, 110}};
    check_shares("erk", .8, lenet, 3, (double[]){.16224, .46936, 1});
    check_shares("erk", .9, lenet, 3, (double[]){.07957, .23019, 1});
    check_shares("erk", .95, lenet, 3, (double[]){.03848, .11133, .91851});
    check_shares("erk", 0, lenet, 3, (double[]){1, 1, 1});
    check_shares("uniform", .9, lenet, 3, (double[]){.1, .1, .1});
    /* S over all: 1000 of 10 000 stay */
    static const wfc_prune_shape four[] = {{100, 1}, {4400, 1}, {4500, 1}, {1000, 1}};
    check_shares("uniform+", .9, four, 4, (double[]){1, 700. / 8900, 700. / 8900, .2});
    check_shares("uniform+", .5, four, 4, (double[]){1, 4900. / 9900, 4900. / 9900, 4900. / 9900});
    double share[4];
    ck_assert(!wfc_prune_distribution_find("uniform+")->share(four, 4, .98, share)); /* 300 are kept in any case */
    ck_assert(!wfc_prune_distribution_find("uniform+")->share(four, 1, .5, share));
}
END_TEST

/* ---- Criteria, scopes, structures ---- */

#define NET                                                                                                            \
    GRAPH("  input %x : f32[1,4]\n"                                                                                    \
          "  const %v : f32[3,4] = {1,-2,3,4,10,20,30,40,-0,.5,.25,-.125}\n"                                           \
          "  const %w : f32[2,3] = {.1,.9,.2,-.3,.4,.8}\n"                                                             \
          "  %a = contract(%x, %v) {out=\"n k\", a=\"n c\", b=\"k c\", red=\"c=4\"} : f32[1,3] loc(\"first\")\n"       \
          "  %y = contract(%a, %w) {out=\"n k\", a=\"n c\", b=\"k c\", red=\"c=3\"} : f32[1,2] loc(\"second\")\n"      \
          "  output %y\n")
/* 2 outputs, 3 channels, 1 x 2 kernels */
#define CONV                                                                                                           \
    GRAPH("  input %x : f32[1,3,1,4]\n  const %w : f32[2,3,1,2] = {1,12,5,10,3,11,7,2,8,9,4,6}\n"                      \
          "  %y = contract(%x, %w) {out=\"n k y x\", a=\"n c y+r x+s\", b=\"k c r s\", red=\"c=3 r=1 s=2\"} : "        \
          "f32[1,2,1,3] loc(\"conv\")\n  output %y\n")

static wfc_status prune_with(const char *how, const wfc_prune_rule *rules, uint32_t count) {
    wfc_prune_spec s;
    char why[WFC_PRUNE_WHY_BYTES];
    ck_assert_msg(wfc_prune_parse(how, &s, why), "%s: %s", how, why);
    for (uint32_t i = 0; i < count; i++) s.rules[i] = rules[i];
    s.rule_count = count;
    wfc_status st = wfc_prune(&g, &s, NULL, &d);
    if (st == WFC_OK) ck_assert_int_eq(wfc_ir_verify(&g, &d), WFC_OK);
    return st;
}

static void check(const char *text, const char *how, const char *v, const char *w) {
    parse(text);
    ck_assert_int_eq(prune_with(how, NULL, 0), WFC_OK);
    if (v) ck_assert_msg(strcmp(mask_text("v"), v) == 0, "%s: v %s, expected %s", how, mask_text("v"), v);
    ck_assert_msg(strcmp(mask_text("w"), w) == 0, "%s: w %s, expected %s", how, mask_text("w"), w);
}

START_TEST(choice) {
    check(NET, "magnitude:.5:row", "001100110110", "010001"); /* of rows of 3, round(1.5) = 2 go */
    check(NET, "magnitude:.5,.34:layer", "001111110000", "010111");
    check(NET, "magnitude:2:4", "001100110110", "011011"); /* the last 3 of a row: one of them may go */
    check(NET, "magnitude:1:2", "010101010110", "011011");
    /* blocks of v: 3 7 30 70 .5 .375; of w: 1 .2 .7 .8 */
    check(NET, "magnitude:.5:block=1x2", "001111110000", "110001");
    check(NET, "magnitude:.34:block=2x2:global", "111111110000", "111111");
    check(CONV, "magnitude:1:3", NULL, "011000001100"); /* per output and place: {1,5,3} {12,10,11} {7,8,4} {2,9,6} */
}
END_TEST

/* The layers' scores under magnitude and LAMP are of different sizes; LAMP's largest of each layer is 1. */
START_TEST(lamp) {
    parse(GRAPH("  input %x : f32[1,2]\n  const %w : f32[2,2] = {1,-2,3,4}\n"
                "  %y = contract(%x, %w) {out=\"n k\", a=\"n c\", b=\"c k\", red=\"c=2\"} : f32[1,2]\n  output %y\n"));
    wfc_value w = wfc_ir_find(&g, "w");
    wfc_prune_layer l = {.weight = w, .dtype = WFC_F32, .elems = 4};
    l.bytes = (uint8_t *)(uintptr_t)wfc_ir_node_c(&g, w)->u.konst.data.bytes;
    wfc_pruning p = {.g = &g, .layers = &l, .count = 1};
    ck_assert_int_eq(wfc_prune_score_lamp(&p), WFC_OK);
    static const double want[] = {1. / 30, 4. / 29, 9. / 25, 1};
    for (size_t i = 0; i < 4; i++) ck_assert(fabs(l.scores[i] - want[i]) < 1e-15);
    wfc_free(l.scores);
    check(NET, "lamp:.5", "000011110000", "011111"); /* 9 of 18 */
    check(NET, "magnitude:.5:global", "111111110000", "010000");
}
END_TEST

/* What flows into a layer flows out: R = 2 (3 + 1 + 1/2) + 4, and the bias' share is no weight's. */
START_TEST(synflow) {
    parse(GRAPH("  input %x : f32[1,1]\n  const %v : f32[2,1] = {3,-1}\n  const %w : f32[1,2] = {-2,2}\n"
                "  const %b : f32[2] = {-0.5,0}\n  const %c : f32[1] = {4}\n"
                "  %h = contract(%x, %v) {out=\"n k\", a=\"n c\", b=\"k c\", red=\"c=1\"} : f32[1,2]\n"
                "  %r = map(%h, %b) {\"max(add(a,b),0)\"} : f32[1,2]\n"
                "  %t = map(%r) {\"tanh(a)\"} : f32[1,2]\n"
                "  %y = contract(%t, %w) {out=\"n k\", a=\"n c\", b=\"k c\", red=\"c=2\"} : f32[1,1]\n"
                "  %z = map(%y, %c) {\"sub(a,b)\"} : f32[1,1]\n  output %z\n"));
    wfc_prune_layer l[2] = {{.weight = wfc_ir_find(&g, "v")}, {.weight = wfc_ir_find(&g, "w")}};
    for (size_t k = 0; k < 2; k++) {
        l[k].dtype = WFC_F32;
        l[k].elems = 2;
        l[k].bytes = (uint8_t *)(uintptr_t)wfc_ir_node_c(&g, l[k].weight)->u.konst.data.bytes;
    }
    wfc_pruning p = {.g = &g, .layers = l, .count = 2, .diag = &d};
    ck_assert_int_eq(wfc_prune_score_synflow(&p), WFC_OK);
    ck_assert(l[0].scores[0] == 6 && l[0].scores[1] == 2 && l[1].scores[0] == 7 && l[1].scores[1] == 2);
    wfc_free(l[0].scores);
    wfc_free(l[1].scores);
    parse(GRAPH("  input %x : f32[1,2]\n  const %w : f32[2,2] = {1,2,3,4}\n"
                "  %y = contract(%x, %w) {out=\"n k\", a=\"n c\", b=\"c k\", red=\"c=2\"} : f32[1,2]\n"
                "  %z = map(%x, %y) {\"mul(a,b)\"} : f32[1,2]\n  output %z\n"));
    ck_assert_int_eq(prune_with("synflow:.5", NULL, 0), WFC_ERR_UNSUPPORTED);
    ck_assert_str_eq(d.items[d.count - 1].code, "WFC-E0287");
}
END_TEST

START_TEST(random_is_seeded) {
    char v[64], w[64];
    parse(NET);
    ck_assert_int_eq(prune_with("random:.5:seed=1", NULL, 0), WFC_OK);
    strcpy(v, mask_text("v"));
    strcpy(w, mask_text("w"));
    check(NET, "random:.5:seed=1", v, w);
    unsigned ones = 0, changed = 0;
    for (const char *at = v; *at; at++) ones += *at == '1';
    ck_assert_uint_eq(ones, 6);
    ck_assert(v[8] == '0'); /* a zero goes first */
    for (unsigned seed = 2; seed < 8; seed++) {
        char how[40];
        snprintf(how, sizeof how, "random:.5:seed=%u", seed);
        parse(NET);
        ck_assert_int_eq(prune_with(how, NULL, 0), WFC_OK);
        changed += strcmp(mask_text("v"), v) != 0;
    }
    ck_assert_uint_gt(changed, 3);
}
END_TEST

START_TEST(rules) {
    static const wfc_prune_rule ignore_first = {"fir*", NAN, NAN, NAN, true, false},
                                own = {"w", .5, NAN, NAN, false, false}, least = {"second", NAN, .5, NAN, false, false},
                                most = {"first", NAN, NAN, .25, false, false},
                                slip = {"third", NAN, NAN, NAN, true, false};
    parse(NET);
    ck_assert_int_eq(prune_with("magnitude:.5:global", &ignore_first, 1), WFC_OK);
    ck_assert_str_eq(mask_text("v"), "111111110111"); /* as it was */
    ck_assert_str_eq(mask_text("w"), "010011");
    parse(NET);
    ck_assert_int_eq(prune_with("magnitude:.25:global", &own, 1), WFC_OK);
    ck_assert_str_eq(mask_text("v"), "111111110100"); /* 3 of its 12 */
    ck_assert_str_eq(mask_text("w"), "010011");
    parse(NET);
    ck_assert_int_eq(prune_with("magnitude:.3333:global", &most, 1), WFC_OK);
    ck_assert_str_eq(mask_text("v"), "111111110100"); /* 6 of 18, at most 3 of them here */
    ck_assert_str_eq(mask_text("w"), "010011");
    parse(NET);
    ck_assert_int_eq(prune_with("magnitude:.1:uniform", &least, 1), WFC_OK);
    ck_assert_str_eq(mask_text("v"), "111111110111");
    ck_assert_str_eq(mask_text("w"), "010011");
    parse(NET);
    ck_assert_int_eq(prune_with("magnitude:.5", &slip, 1), WFC_ERR_INPUT);
    ck_assert_str_eq(d.items[d.count - 1].code, "WFC-E0288");
    parse(NET);
    wfc_prune_rule both[] = {most, {"second", NAN, NAN, .1, false, false}};
    ck_assert_int_eq(prune_with("magnitude:.9:global", both, 2), WFC_ERR_INPUT);
    ck_assert_str_eq(d.items[d.count - 1].code, "WFC-E0285");
    parse(NET);
    wfc_prune_rule crossed[] = {most, {"first", NAN, .5, NAN, false, false}};
    ck_assert_int_eq(prune_with("magnitude:.3", crossed, 2), WFC_ERR_INPUT);
    ck_assert_str_eq(d.items[d.count - 1].code, "WFC-E0285");
    ck_assert_str_eq(d.items[d.count - 1].where, "first");
    parse(NET);
    ck_assert_int_eq(prune_with("magnitude:.5,.5,.5", NULL, 0), WFC_ERR_INPUT);
    ck_assert_str_eq(d.items[d.count - 1].code, "WFC-E0285");
}
END_TEST

/* ---- Channels ---- */

/* h and the sum s are tied, t is free; x and y are seen from outside. */
#define RESIDUAL                                                                                                       \
    GRAPH("  input %x : f32[1,2]\n"                                                                                    \
          "  const %v : f32[2,4] = {1,9,2,8,1,9,2,8}\n  const %b : f32[4] = {5,6,7,8}\n"                               \
          "  const %w : f32[4,3] = {1,3,2,4,6,5,1,3,2,4,6,5}\n"                                                        \
          "  const %u : f32[3,4] = {1,2,30,4,5,6,70,8,9,1,20,3}\n"                                                     \
          "  const %z : f32[4,2] = {1,2,3,4,5,6,7,8}\n"                                                                \
          "  %g = contract(%x, %v) {out=\"n k\", a=\"n c\", b=\"c k\", red=\"c=2\"} : f32[1,4]\n"                      \
          "  %h = map(%g, %b) {\"max(add(a,b),0)\"} : f32[1,4]\n"                                                      \
          "  %t = contract(%h, %w) {out=\"n k\", a=\"n c\", b=\"c k\", red=\"c=4\"} : f32[1,3]\n"                      \
          "  %r = contract(%t, %u) {out=\"n k\", a=\"n c\", b=\"c k\", red=\"c=3\"} : f32[1,4]\n"                      \
          "  %s = map(%r, %h) {\"add(a,b)\"} : f32[1,4]\n"                                                             \
          "  %y = contract(%s, %z) {out=\"n k\", a=\"n c\", b=\"c k\", red=\"c=4\"} : f32[1,2]\n  output %y\n")

/* Of h, r, s: columns of v and u together 17, 27, 124, 31; of t: columns of w 10, 18, 14. */
START_TEST(filters) {
    uint32_t removed;
    parse(RESIDUAL);
    ck_assert_int_eq(prune_with("magnitude:.5:filter", NULL, 0), WFC_OK);
    ck_assert_str_eq(mask_text("v"), "00110011");
    ck_assert_str_eq(mask_text("u"), "000000110000"); /* of 3 channels round(1.5) go, and the two of 4 */
    ck_assert_str_eq(mask_text("w"), "000000010010");
    ck_assert_str_eq(mask_text("z"), "00001111");
    ck_assert_int_eq(wfc_prune_shrink(&g, &d, &removed), WFC_OK);
    ck_assert_uint_eq(removed, 4);
    ck_assert_int_eq(wfc_ir_verify(&g, &d), WFC_OK);
    const wfc_shape *b = &wfc_ir_node_c(&g, wfc_ir_find(&g, "b"))->shape;
    const wfc_shape *w = &wfc_ir_node_c(&g, wfc_ir_find(&g, "w"))->shape;
    ck_assert(b->dims[0] == 2 && w->dims[0] == 2 && w->dims[1] == 1);
    const wfc_node *n = wfc_ir_node_c(&g, wfc_ir_find(&g, "b"));
    ck_assert(wfc_dtype_get(WFC_F32, n->u.konst.data.bytes, 0) == 7);
    ck_assert_str_eq(mask_text("z"), "1111");
    ck_assert_int_eq(wfc_prune_shrink(&g, &d, &removed), WFC_OK);
    ck_assert_uint_eq(removed, 0);
    static const wfc_prune_rule keep_z = {"z", NAN, NAN, NAN, true, false};
    parse(RESIDUAL);
    ck_assert_int_eq(prune_with("magnitude:.5:filter", &keep_z, 1), WFC_OK);
    ck_assert_str_eq(mask_text("v"), "11111111");
    ck_assert_str_eq(mask_text("u"), "000011110000");
    parse(GRAPH("  input %x : f32[1,2]\n  const %w : f32[2,2] = {1,2,3,4}\n"
                "  %y = contract(%x, %w) {out=\"n k\", a=\"n c\", b=\"c k\", red=\"c=2\"} : f32[1,2]\n  output %y\n"));
    ck_assert_int_eq(prune_with("magnitude:.5:filter", NULL, 0), WFC_ERR_UNSUPPORTED);
}
END_TEST

/* ---- SNIP ---- */

static const wfc_tensor *gradient(void *ctx, const wfc_node *w) {
    const wfc_tensor *t = ctx;
    return strcmp(w->name, "v") == 0 ? &t[0] : &t[1];
}

START_TEST(snip) {
    float v[] = {1, 1, 1, 1, 0, .1f, -.1f, 0, 1, 1, 1, -80}, w[] = {100, 0, 0, 0, 1, 0};
    wfc_tensor t[] = {{.dtype = WFC_F32, .rank = 1, .dims = {12}, .data = v},
                      {.dtype = WFC_F32, .rank = 2, .dims = {2, 3}, .data = w}};
    wfc_prune_data data = {.gradient = gradient, .ctx = t};
    wfc_prune_spec s;
    char why[WFC_PRUNE_WHY_BYTES];
    ck_assert(wfc_prune_parse("snip:.6112", &s, why) && wfc_prune_wants_gradients(&s)); /* 11 of 18: 7 stay */
    parse(NET);
    ck_assert_int_eq(wfc_prune(&g, &s, &data, &d), WFC_OK);
    ck_assert_str_eq(mask_text("v"), "011101100001");
    ck_assert_str_eq(mask_text("w"), "100000");
    t[1].dims[1] = 2;
    parse(NET);
    ck_assert_int_eq(wfc_prune(&g, &s, &data, &d), WFC_ERR_INPUT);
    ck_assert_str_eq(d.items[d.count - 1].code, "WFC-E0286");
    parse(NET);
    ck_assert_int_eq(wfc_prune(&g, &s, NULL, &d), WFC_ERR_INPUT);
}
END_TEST

int main(void) {
    Suite *s = suite_create("prune_methods");
    TCase *c = tcase_create("all");
    tcase_add_checked_fixture(c, begin, end);
    tcase_add_test(c, spec);
    tcase_add_test(c, resnet50_goldens);
    tcase_add_test(c, small_goldens);
    tcase_add_test(c, choice);
    tcase_add_test(c, lamp);
    tcase_add_test(c, synflow);
    tcase_add_test(c, random_is_seeded);
    tcase_add_test(c, rules);
    tcase_add_test(c, filters);
    tcase_add_test(c, snip);
    suite_add_tcase(s, c);
    return unit_run(s);
}
