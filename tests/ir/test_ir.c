/* The IR: builders, text law on random graphs, verifier, views element by element, evaluator against naive loops. */
#include "ir/eval/eval.h"
#include "ir/fn.h"
#include "tests/ir/random_graph.h"
#include "tests/unit/unit_main.h"
#include <math.h>
#include <string.h>

static void parse_ok(const char *text, wfc_graph *g) {
    wfc_diag d;
    wfc_diag_init(&d);
    wfc_status s = wfc_ir_parse(text, strlen(text), "test", &d, g);
    ck_assert_msg(s == WFC_OK, "%s", d.count ? d.items[0].text : "parse failed");
    ck_assert_int_eq(wfc_ir_verify(g, &d), WFC_OK);
    wfc_diag_deinit(&d);
}

/* ---- Text ---- */

START_TEST(text_law_on_random_graphs) {
    for (uint64_t seed = 1; seed <= 300; seed++) {
        random_graph_options opt = {.batch = seed % 3 == 0 ? 2 : 0};
        wfc_graph g, back;
        wfc_diag d;
        wfc_diag_init(&d);
        ck_assert_int_eq(random_graph(seed, &opt, &d, &g), WFC_OK);
        ck_assert_int_eq(wfc_ir_verify(&g, &d), WFC_OK);
        char *first = graph_text(&g);
        ck_assert_int_eq(wfc_ir_parse(first, strlen(first), "law", &d, &back), WFC_OK);
        char *second = graph_text(&back);
        ck_assert_str_eq(first, second);
        free(first);
        free(second);
        wfc_graph_deinit(&g);
        wfc_graph_deinit(&back);
        wfc_diag_deinit(&d);
    }
}
END_TEST

/* Every type, masks, names and strings that need quotes, NaN payloads, infinities, a blob. */
START_TEST(text_law_on_odd_values) {
    wfc_graph g, back;
    wfc_diag d;
    wfc_value v, w;
    wfc_diag_init(&d);
    wfc_graph_init(&g);
    g.name = "a \"b\"";
    g.samples = 7;
    for (unsigned t = 0; t < WFC_NUM_DTYPES; t++) {
        uint8_t bytes[40 * 8];
        uint64_t rng = t;
        wfc_shape s = {1, {40}}, blob = {2, {5, 8}};
        for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)wfc_rng_next(&rng);
        if (t == WFC_BOOL)
            for (size_t i = 0; i < sizeof bytes; i++) bytes[i] &= 1;
        ck_assert_int_eq(wfc_ir_add_const(&g, &d, t % 2 ? "c" : "a b\xff\"\\", (wfc_dtype)t, &s, bytes, true, &v),
                         WFC_OK);
        ck_assert_int_eq(wfc_ir_add_const(&g, &d, NULL, (wfc_dtype)t, &blob, bytes, true, &w), WFC_OK);
        wfc_ir_node(&g, w)->u.konst.mask = wfc_arena_alloc(&g.arena, 40, 1);
        ck_assert_int_eq(wfc_ir_add_loc(&g, v, "/conv\n1"), WFC_OK);
        ck_assert_int_eq(wfc_ir_add_output(&g, &d, v, "y \x01", 7), WFC_OK);
    }
    float odd[] = {NAN, -NAN, INFINITY, -INFINITY, 0.0f, -0.0f, 1e-45f, 3.4e38f};
    uint32_t payload = 0x7f812345u;
    memcpy(&odd[1], &payload, sizeof payload);
    wfc_shape s8 = {1, {8}}, big = {2, {9, 9}}, none = {2, {0, 3}}, scalar = {0, {0}};
    float many[81] = {1.5f};
    ck_assert_int_eq(wfc_ir_add_const(&g, &d, "odd", WFC_F32, &s8, odd, true, &v), WFC_OK);
    ck_assert_int_eq(wfc_ir_add_const(&g, &d, "big", WFC_F32, &big, many, true, &v), WFC_OK);
    ck_assert_int_eq(wfc_ir_add_const(&g, &d, "none", WFC_F32, &none, many, true, &v), WFC_OK);
    ck_assert_int_eq(wfc_ir_add_const(&g, &d, "scalar", WFC_F32, &scalar, many, true, &v), WFC_OK);
    char *first = graph_text(&g);
    ck_assert_msg(wfc_ir_parse(first, strlen(first), "law", &d, &back) == WFC_OK, "%s: %s\n%s",
                  d.count ? d.items[0].where : "", d.count ? d.items[0].text : "", first);
    char *second = graph_text(&back);
    ck_assert_str_eq(first, second);
    for (size_t i = 0; i < g.nodes.count; i++) {
        const wfc_node *a = &g.nodes.data[i], *b = &back.nodes.data[i];
        ck_assert_uint_eq(a->u.konst.data.size_bytes, b->u.konst.data.size_bytes);
        ck_assert_mem_eq(a->u.konst.data.bytes, b->u.konst.data.bytes, a->u.konst.data.size_bytes);
    }
    free(first);
    free(second);
    wfc_graph_deinit(&g);
    wfc_graph_deinit(&back);
    wfc_diag_deinit(&d);
}
END_TEST

/* A chain of squares is a DAG of n nodes and a tree of 2^n: it must print short and read back the same. */
START_TEST(shared_expressions_stay_shared) {
    wfc_graph g, back;
    wfc_diag d;
    wfc_value x, y;
    wfc_shape s = {1, {2}};
    wfc_expr_node nodes[200] = {{.fn = WFC_FN_ARG}};
    wfc_expr e = {200, nodes};
    for (uint8_t i = 1; i < 200; i++) {
        nodes[i].fn = WFC_FN_MUL;
        nodes[i].args[0] = nodes[i].args[1] = (uint8_t)(i - 1);
    }
    wfc_diag_init(&d);
    wfc_graph_init(&g);
    ck_assert_int_eq(wfc_ir_add_input(&g, &d, "x", WFC_F32, &s, "x", 1, &x), WFC_OK);
    ck_assert_int_eq(wfc_ir_add_map(&g, &d, "y", WFC_F32, &e, &x, 1, &y), WFC_OK);
    char *first = graph_text(&g);
    ck_assert_uint_lt(strlen(first), 8000);
    ck_assert_int_eq(wfc_ir_parse(first, strlen(first), "law", &d, &back), WFC_OK);
    char *second = graph_text(&back);
    ck_assert_str_eq(first, second);
    free(first);
    free(second);
    wfc_graph_deinit(&g);
    wfc_graph_deinit(&back);
    wfc_diag_deinit(&d);
}
END_TEST

/* Cut anywhere or with one byte changed, a text parses or is refused with a message; never worse. */
START_TEST(broken_text_is_refused) {
    random_graph_options opt = {.nodes = 8};
    wfc_graph g;
    wfc_diag d;
    wfc_diag_init(&d);
    ck_assert_int_eq(random_graph(5, &opt, &d, &g), WFC_OK);
    char *text = graph_text(&g);
    size_t n = strlen(text);
    uint64_t rng = 9;
    for (unsigned k = 0; k < 3000; k++) {
        wfc_graph out;
        char *copy = wfc_strdup(text);
        size_t at = (size_t)(wfc_rng_next(&rng) % n), size = k % 2 ? n : at;
        if (k % 2) copy[at] = (char)(wfc_rng_next(&rng) % 96 + 32);
        wfc_diag_deinit(&d);
        wfc_diag_init(&d);
        wfc_status s = wfc_ir_parse(copy, size, "broken", &d, &out);
        ck_assert(s == WFC_OK || s == WFC_ERR_INPUT);
        ck_assert(s == WFC_OK || d.error_count > 0);
        if (s == WFC_OK) ck_assert_int_eq(wfc_ir_verify(&out, &d), WFC_OK);
        wfc_graph_deinit(&out);
        wfc_free(copy);
    }
    free(text);
    wfc_graph_deinit(&g);
    wfc_diag_deinit(&d);
}
END_TEST

/* ---- Verifier ---- */

static const char small[] =
    "wfc.ir 1\ngraph @g {\n"
    "  input %x : f32[2,3,4,5] host=\"x\" hosttype=1\n"
    "  const %w : f32[3,2] = {0,1,2,3,4,5}\n"
    "  %v = view(%x) {index [2,4,5,3] from=\"i l j k\"} : f32[2,4,5,3]\n"
    "  %c = contract(%v, %w) {out=\"n y x k\", a=\"n y x c\", b=\"c k\", red=\"c=3\"} : f32[2,4,5,2]\n"
    "  %m = map(%c, %c) {\"max(add(a,b),0)\"} : f32[2,4,5,2]\n"
    "  %r = reduce(%m) {max, out=\"n y x k\", a=\"n 2y+r x k\", red=\"r=2\"} : f32[2,2,5,2]\n"
    "  %k = concat(%r, %r) {axis=3} : f32[2,2,5,4]\n"
    "  output %k host=\"y\" hosttype=1\n}\n";

static void break_graph(wfc_graph *g, int how) {
    wfc_node *v = wfc_ir_node(g, wfc_ir_find(g, "v")), *c = wfc_ir_node(g, wfc_ir_find(g, "c")),
             *m = wfc_ir_node(g, wfc_ir_find(g, "m")), *r = wfc_ir_node(g, wfc_ir_find(g, "r")),
             *k = wfc_ir_node(g, wfc_ir_find(g, "k")), *w = wfc_ir_node(g, wfc_ir_find(g, "w"));
    switch (how) {
    case 0: v->u.view.steps[0].in[0].offset = 1; break;
    case 1: v->u.view.steps[0].shape.dims[2] = 6; break;
    case 2: c->u.contract.extent[4] = 4000000000u; break;
    case 3: c->u.contract.b[0].coef[9] = 1; break;
    case 4: c->u.contract.out_rank = 9; break;
    case 5: m->u.map.nodes[0].fn = 200; break;
    case 6: m->u.map.nodes[1].index = 7; break;
    case 7: m->shape.dims[0] = 3; break;
    case 8: m->dtype = 99; break;
    case 9: r->u.reduce.kind = 9; break;
    case 10: r->u.reduce.space.name[0] = r->u.reduce.space.name[1]; break;
    case 11: k->u.concat.axis = 4; break;
    case 12: w->u.konst.data.size_bytes = 20; break;
    case 13: g->operands.data[c->operand_first].i = (uint32_t)(m - g->nodes.data); break;
    case 14: g->operands.data[c->operand_first + 1].i = 1000; break;
    case 15: g->outputs.data[0].value.i = 1000; break;
    case 16: m->name = c->name; break;
    case 17: m->group = 1, c->group = 1, r->group = 1, v->group = 1; break; /* a view in a group */
    case 18: c->group = 1, r->group = 1; break;                             /* c leaves the group through m */
    case 19: g->samples = 0; break;
    case 20: m->operand_count = 0; break;
    case 21: c->op = 77; break;
    case 22: r->shape.rank = 3; break;
    case 23: m->u.map.count = 0; break;
    default: break;
    }
}

START_TEST(verifier_rejects_broken_graphs) {
    for (int how = 0; how <= 24; how++) {
        wfc_graph g;
        wfc_diag d;
        wfc_diag_init(&d);
        parse_ok(small, &g);
        break_graph(&g, how);
        wfc_status s = wfc_ir_verify(&g, &d);
        if (how == 24)
            ck_assert_int_eq(s, WFC_OK); /* the graph as it is */
        else
            ck_assert_msg(s != WFC_OK && d.error_count > 0, "break %d was not seen", how);
        wfc_graph_deinit(&g);
        wfc_diag_deinit(&d);
    }
}
END_TEST

/* Shapes that do not agree are refused with a message and leave the graph as it was. */
START_TEST(builders_refuse) {
    wfc_graph g;
    wfc_diag d;
    wfc_value x, w, out;
    wfc_shape sx = {2, {3, 4}}, sw = {2, {5, 4}}, huge = {3, {2000000000, 2000000000, 2}}, twelve = {1, {13}};
    float data[20] = {0};
    wfc_space sp;
    wfc_diag_init(&d);
    wfc_graph_init(&g);
    ck_assert_int_eq(wfc_ir_add_input(&g, &d, "x", WFC_F32, &sx, "x", 1, &x), WFC_OK);
    ck_assert_int_eq(wfc_ir_add_const(&g, &d, "w", WFC_F32, &sw, data, true, &w), WFC_OK);
    size_t nodes = g.nodes.count;
    ck_assert_int_eq(wfc_ir_add_input(&g, &d, "h", WFC_F32, &huge, "h", 1, &out), WFC_ERR_INPUT);
    ck_assert_int_eq(wfc_ir_add_map_text(&g, &d, "m", WFC_F32, "add(a,b)", (wfc_value[]){x, w}, 2, &out),
                     WFC_ERR_INPUT);
    ck_assert_int_eq(wfc_ir_add_map_text(&g, &d, "m", WFC_F32, "add(a,c)", (wfc_value[]){x, x}, 2, &out),
                     WFC_ERR_INPUT);
    ck_assert_int_eq(wfc_ir_add_map_text(&g, &d, "m", WFC_F32, "frob(a)", &x, 1, &out), WFC_ERR_INPUT);
    ck_assert_int_eq(wfc_ir_add_map_text(&g, &d, "m", WFC_F32, "add(a", &x, 1, &out), WFC_ERR_INPUT);
    ck_assert_int_eq(wfc_ir_add_reshape(&g, &d, "r", x, &twelve, &out), WFC_ERR_INPUT);
    ck_assert_int_eq(wfc_ir_add_transpose(&g, &d, "t", x, (const uint8_t[]){1, 1}, &out), WFC_ERR_INPUT);
    ck_assert_int_eq(wfc_ir_add_concat(&g, &d, "k", (wfc_value[]){x, w}, 2, 1, &out), WFC_ERR_INPUT);
    ck_assert_int_eq(wfc_ir_add_output(&g, &d, (wfc_value){77}, "y", 1), WFC_ERR_INTERNAL);
    /* three coordinates for rank 2, one for rank 2 */
    ck_assert_int_eq(wfc_space_parse("n k", "n c c", "k c", "c=4", (const uint32_t[]){3, 5}, &d, "c", &sp), WFC_OK);
    ck_assert_int_eq(wfc_ir_add_contract(&g, &d, "c", x, w, &sp, &out), WFC_ERR_INPUT);
    ck_assert_int_eq(wfc_space_parse("n k", "n", "k c", "c=4", (const uint32_t[]){3, 5}, &d, "c", &sp), WFC_OK);
    ck_assert_int_eq(wfc_ir_add_contract(&g, &d, "c", x, w, &sp, &out), WFC_ERR_INPUT);
    ck_assert_int_eq(wfc_space_parse("n k", "n c", "k q", "c=4", (const uint32_t[]){3, 5}, &d, "c", &sp),
                     WFC_ERR_INPUT);
    ck_assert_int_eq(wfc_space_parse("n n", "n c", "k c", "c=4", (const uint32_t[]){3, 5}, &d, "c", &sp),
                     WFC_ERR_INPUT);
    ck_assert_uint_eq(g.nodes.count, nodes);
    ck_assert_int_eq(wfc_space_parse("n k", "n c", "k c", "c=4", (const uint32_t[]){3, 5}, &d, "c", &sp), WFC_OK);
    ck_assert_int_eq(wfc_ir_add_contract(&g, &d, "x", x, w, &sp, &out), WFC_OK);
    ck_assert_str_ne(wfc_ir_node(&g, out)->name, "x"); /* taken: a name of its own */
    ck_assert_uint_eq(wfc_ir_find(&g, wfc_ir_node(&g, out)->name).i, out.i);
    wfc_graph_deinit(&g);
    wfc_diag_deinit(&d);
}
END_TEST

/* ---- Views ---- */

/* The rules in their own words, by walking instead of by formula. */
static int64_t walk_edge(int64_t x, int64_t n, unsigned edge) {
    if (edge == WFC_EDGE_EDGE) {
        while (x < 0) x++;
        while (x >= n) x--;
        return x;
    }
    if (edge == WFC_EDGE_WRAP) {
        while (x < 0) x += n;
        while (x >= n) x -= n;
        return x;
    }
    while (n > 1 && (x < 0 || x >= n)) x = x < 0 ? -x : 2 * (n - 1) - x; /* reflect: fold back at the border */
    return n == 1 ? 0 : x;
}

START_TEST(view_source_follows_every_rule) {
    for (uint32_t n = 1; n <= 5; n++)
        for (unsigned edge = WFC_EDGE_FILL; edge <= WFC_EDGE_WRAP; edge++) {
            wfc_graph g;
            wfc_diag d;
            wfc_value x, v;
            wfc_shape s = {1, {n}};
            wfc_view_step st = {.is_index = true, .shape = {1, {30}}, .edge = (uint8_t)edge, .fill = 2.5};
            st.in[0].coef[0] = 1;
            st.in[0].offset = -14;
            wfc_diag_init(&d);
            wfc_graph_init(&g);
            ck_assert_int_eq(wfc_ir_add_input(&g, &d, "x", WFC_F32, &s, "x", 1, &x), WFC_OK);
            ck_assert_int_eq(wfc_ir_add_view(&g, &d, "v", x, &st, 1, &v), WFC_OK);
            for (uint32_t o = 0; o < 30; o++) {
                double fill = 0;
                int64_t at = wfc_ir_view_source(&g, v, o, &fill), want = (int64_t)o - 14;
                bool inside = want >= 0 && want < (int64_t)n;
                if (edge == WFC_EDGE_FILL) {
                    ck_assert_int_eq(at, inside ? want : -1);
                    if (!inside) ck_assert(fill == 2.5);
                } else {
                    ck_assert_int_eq(at, walk_edge(want, n, edge));
                }
            }
            wfc_graph_deinit(&g);
            wfc_diag_deinit(&d);
        }
}
END_TEST

/* Two random steps: whatever composes must give every element that the two give one after the other. */
static wfc_view_step random_step(uint64_t *rng, const wfc_shape *from) {
    wfc_view_step st = {.is_index = wfc_rng_next(rng) % 5 != 0, .shape = *from};
    if (!st.is_index) { /* only units move, or all axes become one */
        if (wfc_rng_next(rng) % 2) {
            st.shape.rank = 1;
            st.shape.dims[0] = (uint32_t)wfc_shape_elems(from);
        } else {
            st.shape.dims[st.shape.rank++] = 1;
        }
        return st;
    }
    st.shape.rank = (uint8_t)(1 + wfc_rng_next(rng) % 3);
    st.edge = (uint8_t)(WFC_EDGE_FILL + wfc_rng_next(rng) % 4);
    st.fill = wfc_rng_next(rng) % 2 ? 0 : 3;
    for (unsigned d = 0; d < st.shape.rank; d++) st.shape.dims[d] = 1 + (uint32_t)(wfc_rng_next(rng) % 5);
    for (unsigned d = 0; d < from->rank; d++) {
        unsigned v = (unsigned)(wfc_rng_next(rng) % st.shape.rank);
        int32_t c = (int32_t)(wfc_rng_next(rng) % 5) - 1;
        st.in[d].coef[v] = c > 1 ? 1 : c;
        if (wfc_rng_next(rng) % 4 == 0) st.in[d].coef[(v + 1) % st.shape.rank] = (int32_t)(wfc_rng_next(rng) % 3) - 1;
        st.in[d].offset = (int32_t)(wfc_rng_next(rng) % 4) - 1;
        if (wfc_rng_next(rng) % 3 == 0) st.in[d].offset = c < 0 ? (int32_t)from->dims[d] - 1 : 0;
    }
    return st;
}

START_TEST(composed_steps_are_exact) {
    uint64_t rng = 77;
    unsigned composed = 0, with_rule = 0;
    for (unsigned round = 0; round < 60000; round++) {
        wfc_graph g;
        wfc_diag d;
        wfc_value x, two, one;
        wfc_shape s = {2, {1 + (uint32_t)(wfc_rng_next(&rng) % 4), 1 + (uint32_t)(wfc_rng_next(&rng) % 4)}};
        wfc_view_step a = random_step(&rng, &s), b = random_step(&rng, &a.shape), ab, steps[2] = {a, b};
        if (!wfc_ir_compose_steps(&s, &a, &b, &ab)) continue;
        composed++;
        with_rule += ab.edge != WFC_EDGE_NONE;
        wfc_diag_init(&d);
        wfc_graph_init(&g);
        ck_assert_int_eq(wfc_ir_add_input(&g, &d, "x", WFC_F32, &s, "x", 1, &x), WFC_OK);
        ck_assert_int_eq(wfc_ir_add_view(&g, &d, "two", x, steps, 2, &two), WFC_OK);
        ck_assert_int_eq(wfc_ir_add_view(&g, &d, "one", x, &ab, 1, &one), WFC_OK);
        for (uint64_t o = 0; o < wfc_shape_elems(&b.shape); o++) {
            double f1 = 0, f2 = 0;
            int64_t at2 = wfc_ir_view_source(&g, two, o, &f2), at1 = wfc_ir_view_source(&g, one, o, &f1);
            if (at1 != at2 || f1 != f2) {
                char *text = graph_text(&g);
                ck_abort_msg("element %llu differs\n%s", (unsigned long long)o, text);
            }
        }
        wfc_graph_deinit(&g);
        wfc_diag_deinit(&d);
    }
    ck_assert_uint_gt(composed, 3000);
    ck_assert_uint_gt(with_rule, 1000);
}
END_TEST

/* ---- Evaluator ---- */

typedef struct conv_case {
    uint32_t n, c, h, w, k, r, s;
    int32_t stride, dil, pad;
} conv_case;

static void fill_random(float *p, size_t n, uint64_t seed) {
    for (size_t i = 0; i < n; i++) p[i] = (float)((double)(wfc_rng_next(&seed) >> 40) / 8388608.0 - 1.0);
}

static wfc_status run_text(const char *text, wfc_tensor *in, uint32_t count, wfc_tensor *out) {
    wfc_graph g;
    wfc_diag d;
    wfc_diag_init(&d);
    parse_ok(text, &g);
    wfc_status s = wfc_ir_eval(&g, in, count, &d, out);
    wfc_graph_deinit(&g);
    wfc_diag_deinit(&d);
    return s;
}

START_TEST(conv_against_loops) {
    static const conv_case cases[] = {{2, 3, 7, 6, 4, 3, 3, 1, 1, 1},
                                      {1, 2, 8, 8, 3, 5, 2, 2, 1, 2},
                                      {1, 1, 9, 5, 2, 3, 2, 1, 2, 0},
                                      {2, 4, 3, 3, 1, 1, 1, 3, 1, 0},
                                      {1, 2, 2, 2, 2, 3, 3, 1, 1, 4}};
    for (size_t q = 0; q < sizeof cases / sizeof *cases; q++) {
        conv_case z = cases[q];
        uint32_t oh = (uint32_t)(((int32_t)z.h + 2 * z.pad - z.dil * ((int32_t)z.r - 1) - 1) / z.stride + 1);
        uint32_t ow = (uint32_t)(((int32_t)z.w + 2 * z.pad - z.dil * ((int32_t)z.s - 1) - 1) / z.stride + 1);
        char *text = wfc_asprintf("wfc.ir 1\ngraph @g {\n input %%x : f32[%u,%u,%u,%u]\n input %%w : f32[%u,%u,%u,%u]\n"
                                  "%%y = contract(%%x, %%w) {out=\"n k y x\", a=\"n c %dy+%dr-%d %dx+%ds-%d\", "
                                  "b=\"k c r s\", red=\"c=%u r=%u s=%u\"} : f32[%u,%u,%u,%u]\noutput %%y }",
                                  z.n, z.c, z.h, z.w, z.k, z.c, z.r, z.s, z.stride, z.dil, z.pad, z.stride, z.dil,
                                  z.pad, z.c, z.r, z.s, z.n, z.k, oh, ow);
        wfc_tensor in[2], out = {0};
        ck_assert_int_eq(wfc_tensor_init(&in[0], WFC_F32, 4, (const uint32_t[]){z.n, z.c, z.h, z.w}), WFC_OK);
        ck_assert_int_eq(wfc_tensor_init(&in[1], WFC_F32, 4, (const uint32_t[]){z.k, z.c, z.r, z.s}), WFC_OK);
        float *x = in[0].data, *w = in[1].data;
        fill_random(x, z.n * z.c * z.h * z.w, 3);
        fill_random(w, z.k * z.c * z.r * z.s, 4);
        ck_assert_int_eq(run_text(text, in, 2, &out), WFC_OK);
        float *y = out.data;
        for (uint32_t n = 0; n < z.n; n++)
            for (uint32_t k = 0; k < z.k; k++)
                for (uint32_t i = 0; i < oh; i++)
                    for (uint32_t j = 0; j < ow; j++, y++) {
                        double sum = 0;
                        for (uint32_t c = 0; c < z.c; c++)
                            for (uint32_t r = 0; r < z.r; r++)
                                for (uint32_t s = 0; s < z.s; s++) {
                                    int32_t a = (int32_t)i * z.stride + (int32_t)r * z.dil - z.pad;
                                    int32_t b = (int32_t)j * z.stride + (int32_t)s * z.dil - z.pad;
                                    if (a < 0 || b < 0 || a >= (int32_t)z.h || b >= (int32_t)z.w) continue;
                                    sum += (double)x[((n * z.c + c) * z.h + (uint32_t)a) * z.w + (uint32_t)b] *
                                           (double)w[((k * z.c + c) * z.r + r) * z.s + s];
                                }
                        ck_assert(*y == (float)sum);
                    }
        wfc_free(text);
        wfc_tensor_deinit(&in[0]);
        wfc_tensor_deinit(&in[1]);
        wfc_tensor_deinit(&out);
    }
}
END_TEST

START_TEST(pools_and_gemm_against_loops) {
    wfc_tensor in[2], out[3] = {{0}};
    ck_assert_int_eq(wfc_tensor_init(&in[0], WFC_F32, 2, (const uint32_t[]){5, 7}), WFC_OK);
    ck_assert_int_eq(wfc_tensor_init(&in[1], WFC_F32, 2, (const uint32_t[]){4, 7}), WFC_OK);
    float *x = in[0].data, *w = in[1].data;
    fill_random(x, 35, 1);
    fill_random(w, 28, 2);
    ck_assert_int_eq(run_text("wfc.ir 1\ngraph @g {\n input %x : f32[5,7]\n input %w : f32[4,7]\n"
                              "%gemm = contract(%x, %w) {out=\"m n\", a=\"m k\", b=\"n k\", red=\"k=7\"} : f32[5,4]\n"
                              "%max = reduce(%x) {max, out=\"y x\", a=\"2y+r-1 x+s\", red=\"r=3 s=2\"} : f32[3,6]\n"
                              "%sum = reduce(%x) {sum, out=\"y\", a=\"y c\", red=\"c=7\"} : f32[5]\n"
                              "output %gemm output %max output %sum }",
                              in, 2, out),
                     WFC_OK);
    for (int m = 0; m < 5; m++) {
        double row = 0;
        for (int k = 0; k < 7; k++) row += (double)x[m * 7 + k];
        ck_assert(((float *)out[2].data)[m] == (float)row);
        for (int n = 0; n < 4; n++) {
            double sum = 0;
            for (int k = 0; k < 7; k++) sum += (double)x[m * 7 + k] * (double)w[n * 7 + k];
            ck_assert(((float *)out[0].data)[m * 4 + n] == (float)sum);
        }
    }
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 6; j++) {
            float best = -INFINITY;
            for (int r = 0; r < 3; r++)
                for (int s = 0; s < 2; s++) {
                    int a = 2 * i + r - 1, b = j + s;
                    if (a >= 0 && a < 5 && b < 7 && x[a * 7 + b] > best) best = x[a * 7 + b];
                }
            ck_assert(((float *)out[1].data)[i * 6 + j] == best);
        }
    for (int i = 0; i < 3; i++) wfc_tensor_deinit(&out[i]);
    wfc_tensor_deinit(&in[0]);
    wfc_tensor_deinit(&in[1]);
}
END_TEST

/* Types: what a map computes in, and how it stores. */
START_TEST(map_types) {
    wfc_tensor in[4], out[8] = {{0}};
    static const uint32_t dims[] = {4};
    static const wfc_dtype types[] = {WFC_I32, WFC_F32, WFC_U8, WFC_F16};
    for (int k = 0; k < 4; k++) ck_assert_int_eq(wfc_tensor_init(&in[k], types[k], 1, dims), WFC_OK);
    memcpy(in[0].data, (const int32_t[]){INT32_MAX, -7, 16777217, 0}, 16);
    memcpy(in[1].data, (const float[]){-2.5f, 2.5f, 1e10f, NAN}, 16);
    memcpy(in[2].data, (const uint8_t[]){255, 0, 1, 128}, 4);
    memcpy(in[3].data, (const uint16_t[]){0x3c00, 0x0001, 0x7bff, 0x8000}, 8); /* 1, least subnormal, 65504, -0 */
    ck_assert_int_eq(
        run_text("wfc.ir 1\ngraph @g {\n input %i : i32[4] input %f : f32[4] input %u : u8[4] input %h : f16[4]\n"
                 "%wrap = map(%i) {\"add(a,1)\"} : i32[4]\n"
                 "%tof = map(%i) {\"a\"} : f32[4]\n"
                 "%toi = map(%f) {\"a\"} : i32[4]\n"
                 "%rnd = map(%f) {\"round(a)\"} : f32[4]\n"
                 "%narrow = map(%u) {\"add(a,1)\"} : u8[4]\n"
                 "%half = map(%h) {\"add(a,a)\"} : f16[4]\n"
                 "%div = map(%i) {\"div(a,2)\"} : i32[4]\n"
                 "%less = map(%f) {\"lt(a,0)\"} : bool[4]\n"
                 "output %wrap output %tof output %toi output %rnd output %narrow output %half output %div "
                 "output %less }",
                 in, 4, out),
        WFC_OK);
    ck_assert_mem_eq(out[0].data, ((const int32_t[]){INT32_MIN, -6, 16777218, 1}), 16);
    ck_assert_mem_eq(out[1].data, ((const float[]){2147483648.0f, -7, 16777216.0f, 0}), 16);
    ck_assert_mem_eq(out[2].data, ((const int32_t[]){-2, 2, (int32_t)(10000000000 - 2 * 4294967296), 0}), 16);
    ck_assert_mem_eq(out[3].data, ((const float[]){-2, 2, 1e10f}), 12);
    ck_assert_mem_eq(out[4].data, ((const uint8_t[]){0, 1, 2, 129}), 4);
    ck_assert_mem_eq(out[5].data, ((const uint16_t[]){0x4000, 0x0002, 0x7c00, 0x8000}), 8);
    ck_assert_mem_eq(out[6].data, ((const int32_t[]){INT32_MAX / 2, -3, 8388608, 0}), 16);
    ck_assert_mem_eq(out[7].data, ((const uint8_t[]){1, 0, 0, 0}), 4);
    for (int k = 0; k < 4; k++) wfc_tensor_deinit(&in[k]);
    for (int k = 0; k < 8; k++) wfc_tensor_deinit(&out[k]);
}
END_TEST

/* ---- Storage ---- */

START_TEST(compact_orders_and_drops) {
    wfc_graph g;
    wfc_diag d;
    wfc_value x, y, late;
    wfc_shape s = {1, {3}};
    wfc_diag_init(&d);
    wfc_graph_init(&g);
    ck_assert_int_eq(wfc_ir_add_input(&g, &d, "x", WFC_F32, &s, "x", 1, &x), WFC_OK);
    ck_assert_int_eq(wfc_ir_add_input(&g, &d, "unused", WFC_F32, &s, "unused", 1, &late), WFC_OK);
    ck_assert_int_eq(wfc_ir_add_map_text(&g, &d, "dead", WFC_F32, "neg(a)", &x, 1, &y), WFC_OK);
    ck_assert_int_eq(wfc_ir_add_map_text(&g, &d, "y", WFC_F32, "neg(a)", &x, 1, &y), WFC_OK);
    ck_assert_int_eq(wfc_ir_add_output(&g, &d, y, "y", 1), WFC_OK);
    ck_assert_int_eq(wfc_ir_add_map_text(&g, &d, "late", WFC_F32, "abs(a)", &x, 1, &late), WFC_OK);
    g.operands.data[wfc_ir_node(&g, y)->operand_first] = late; /* y now reads what comes after it */
    ck_assert_int_ne(wfc_ir_verify(&g, &d), WFC_OK);
    ck_assert_int_eq(wfc_ir_compact(&g), WFC_OK);
    ck_assert_int_eq(wfc_ir_verify(&g, &d), WFC_OK);
    ck_assert_uint_eq(g.nodes.count, 4);
    ck_assert(wfc_value_valid(wfc_ir_find(&g, "unused")) && !wfc_value_valid(wfc_ir_find(&g, "dead")));
    ck_assert_str_eq(wfc_ir_node(&g, g.outputs.data[0].value)->name, "y");
    late = wfc_ir_find(&g, "late"), y = wfc_ir_find(&g, "y");
    g.operands.data[wfc_ir_node(&g, late)->operand_first] = y; /* a circle */
    ck_assert_int_eq(wfc_ir_compact(&g), WFC_ERR_INTERNAL);
    wfc_graph_deinit(&g);
    wfc_diag_deinit(&d);
}
END_TEST

/* The Nth allocation fails, N = 1, 2, ... until all goes well: an error each time, no leak, no crash. */
START_TEST(every_allocation_may_fail) {
    wfc_graph g, back;
    wfc_diag d;
    random_graph_options opt = {.nodes = 12};
    for (size_t n = 1; n < 100000; n++) {
        wfc_tensor *in = NULL, out[2] = {{0}};
        uint32_t count = 0;
        wfc_graph_init(&back);
        wfc_diag_init(&d);
        (void)wfc_mem_fail_nth(n);
        wfc_status s = random_graph(11, &opt, &d, &g);
        char *text = s == WFC_OK ? graph_text(&g) : NULL;
        if (s == WFC_OK && !text) s = WFC_ERR_NO_MEMORY;
        if (s == WFC_OK) s = wfc_ir_parse(text, strlen(text), "law", &d, &back);
        if (s == WFC_OK) s = wfc_ir_verify(&back, &d);
        if (s == WFC_OK) s = random_inputs(1, &g, &in, &count);
        if (s == WFC_OK) s = wfc_ir_eval(&back, in, count, &d, out);
        if (s == WFC_OK) s = wfc_ir_compact(&back);
        bool done = wfc_mem_fail_nth(0) < n;
        free(text);
        free_tensors(in, count);
        wfc_tensor_deinit(&out[0]);
        wfc_tensor_deinit(&out[1]);
        wfc_graph_deinit(&g);
        wfc_graph_deinit(&back);
        wfc_diag_deinit(&d);
        if (done) {
            ck_assert_int_eq(s, WFC_OK);
            return;
        }
        ck_assert(s == WFC_ERR_NO_MEMORY || s == WFC_OK); /* the name index can do without */
    }
    ck_abort_msg("never succeeded");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("ir");
    TCase *c = tcase_create("ir");
    tcase_set_timeout(c, 120);
    tcase_add_test(c, text_law_on_random_graphs);
    tcase_add_test(c, text_law_on_odd_values);
    tcase_add_test(c, shared_expressions_stay_shared);
    tcase_add_test(c, broken_text_is_refused);
    tcase_add_test(c, verifier_rejects_broken_graphs);
    tcase_add_test(c, builders_refuse);
    tcase_add_test(c, view_source_follows_every_rule);
    tcase_add_test(c, composed_steps_are_exact);
    tcase_add_test(c, conv_against_loops);
    tcase_add_test(c, pools_and_gemm_against_loops);
    tcase_add_test(c, map_types);
    tcase_add_test(c, compact_orders_and_drops);
    tcase_add_test(c, every_allocation_may_fail);
    suite_add_tcase(suite, c);
    return unit_run(suite);
}
