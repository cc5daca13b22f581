/* Slicing floorplans: times against brute force, methods against each other, prices by hand, bad input. */
#include "tests/backend/tree_problems.h"

/* ---- brute force ---- */

/* Two layers beside each other: least time by trying all pairs. */
static double brute_slabs(const problem *t) {
    double best = INFINITY;
    for (uint32_t i = 0; i < t->layers[0].shape_count; i++) {
        for (uint32_t j = 0; j < t->layers[1].shape_count; j++) {
            const wfc_be_shape *a = &t->shapes[0][i], *b = &t->shapes[1][j];
            uint32_t cols = (uint32_t)a->cols + b->cols + t->edges[0].adapter_cols;
            if (cols <= t->p.width && a->rows <= t->p.height && b->rows <= t->p.height)
                best = fmin(best, fmax(a->cycles, b->cycles));
        }
    }
    return best;
}

START_TEST(test_slabs_are_optimal) {
    rng = 13;
    for (int round = 0; round < 200; round++) {
        problem t;
        start(&t, 2, (uint16_t)(10 + below(40)), (uint16_t)(4 + below(20)));
        work(&t, 0, 4 + below(80), 24);
        work(&t, 1, 4 + below(80), 24);
        edge(&t, 0, 1, 50, below(3));
        double best = brute_slabs(&t);
        wfc_be_tree tree;
        wfc_status s = wfc_be_tree_make(&t.p, WFC_BE_TREE_SLABS, 0, NULL, &tree);
        ck_assert_int_eq(s, isinf(best) ? WFC_ERR_NO_FIT : WFC_OK);
        if (s == WFC_OK) ck_assert_double_eq(tree.cycles, best);
        wfc_be_tree_deinit(&tree);
    }
}
END_TEST

/* Least width of a node by trying all splits and shapes. */
static uint32_t brute_width(const wfc_be_tree *t, const wfc_be_tree_problem *p, uint32_t node, uint32_t h,
                            double cycles) {
    const wfc_be_tree_node *n = &t->nodes[node];
    uint32_t best = WFC_BE_TREE_TOO_WIDE, strips = 0;
    if (n->kind == WFC_BE_TREE_LEAF) {
        for (uint32_t k = 0; k < p->layers[n->layer].shape_count; k++) {
            const wfc_be_shape *s = &p->layers[n->layer].shapes[k];
            if (s->rows <= h && s->cycles <= cycles && s->cols < best) best = s->cols;
        }
        return best;
    }
    for (uint32_t e = 0; e < p->edge_count; e++) {
        wfc_be_cut cut;
        wfc_be_tree_cut(t, &p->edges[e], &cut);
        if (cut.node == node) strips += wfc_be_cut_cols(&cut, &p->edges[e], cycles);
    }
    bool v = n->kind == WFC_BE_TREE_V;
    for (uint32_t h1 = 1; h1 < (v ? 2 : h); h1++) {
        uint32_t a = brute_width(t, p, n->first, v ? h : h1, cycles);
        uint32_t b = brute_width(t, p, n->second, v ? h : h - h1, cycles);
        uint32_t w = (v ? a + b : a > b ? a : b) + strips;
        if (a < WFC_BE_TREE_TOO_WIDE && b < WFC_BE_TREE_TOO_WIDE && w < best) best = w;
    }
    return best;
}

static uint32_t host_cols(const wfc_be_tree_problem *p) {
    uint32_t sum = 0;
    for (uint32_t e = 0; e < p->edge_count; e++)
        sum += p->edges[e].from == p->edges[e].to ? p->edges[e].adapter_cols : 0;
    return sum;
}

static void random_shape_of_tree(wfc_be_tree *t, uint32_t n) {
    uint32_t roots[MAX_L], count = n;
    ck_assert_int_eq(wfc_be_tree_alloc(t, n), WFC_OK);
    for (uint32_t l = 0; l < n; l++) roots[l] = wfc_be_tree_add_leaf(t, l);
    while (count > 1) {
        uint32_t i = below(count), a = roots[i];
        roots[i] = roots[--count];
        uint32_t j = below(count);
        roots[j] = wfc_be_tree_add(t, WFC_BE_TREE_V, a, roots[j]);
    }
}

/* Kinds of the inner nodes from the bits of `mask`. */
static void set_kinds(wfc_be_tree *t, uint32_t mask) {
    for (uint32_t n = t->layer_count; n < t->node_count; n++)
        t->nodes[n].kind = mask >> (n - t->layer_count) & 1u ? WFC_BE_TREE_H : WFC_BE_TREE_V;
}

START_TEST(test_curves_are_exact) {
    rng = 31;
    for (int round = 0; round < 60; round++) {
        problem t;
        uint32_t n = 2 + below(4);
        random_problem(&t, n, 60, (uint16_t)(n + below(6)));
        wfc_be_tree tree;
        random_shape_of_tree(&tree, n);
        double cycles = uniform(500, 30000);
        /* As it stands, with the strips as they come out. */
        for (uint32_t mask = 0; mask < 1u << (n - 1); mask++) {
            set_kinds(&tree, mask);
            wfc_be_curve c;
            ck_assert_int_eq(wfc_be_curve_init(&c, &t.p, &tree, true), WFC_OK);
            uint32_t want = brute_width(&tree, &t.p, tree.node_count - 1, t.p.height, cycles);
            uint32_t got = wfc_be_curve_width(&c, cycles);
            ck_assert_uint_eq(got, want < WFC_BE_TREE_TOO_WIDE ? want + host_cols(&t.p) : want);
            wfc_be_curve_deinit(&c);
        }
        wfc_be_tree_deinit(&tree);
    }
}
END_TEST

/* With kinds open the curves find the best kinds; exactly where a strip costs the same however it stands, and no less
 * than the best where it does not. */
START_TEST(test_open_kinds_are_the_best) {
    rng = 37;
    for (int round = 0; round < 80; round++) {
        problem t;
        uint32_t n = 2 + below(4);
        random_problem(&t, n, 60, (uint16_t)(n + below(6)));
        bool same = below(2) == 0;
        for (uint32_t e = 0; same && e < t.p.edge_count; e++) {
            if (t.edges[e].from != t.edges[e].to) t.edges[e].adapter_cols = t.edges[e].turn_cols = 2;
        }
        wfc_be_tree tree;
        random_shape_of_tree(&tree, n);
        double cycles = uniform(500, 30000);
        wfc_be_curve c;
        ck_assert_int_eq(wfc_be_curve_init(&c, &t.p, &tree, false), WFC_OK);
        uint32_t open = wfc_be_curve_width(&c, cycles), best = WFC_BE_TREE_TOO_WIDE;
        if (open < WFC_BE_TREE_TOO_WIDE) {
            wfc_be_curve_settle(&c, cycles);
            ck_assert_uint_le(brute_width(&tree, &t.p, tree.node_count - 1, t.p.height, cycles) + host_cols(&t.p),
                              open);
        }
        wfc_be_curve_deinit(&c);
        for (uint32_t mask = 0; mask < 1u << (n - 1); mask++) {
            set_kinds(&tree, mask);
            uint32_t w = brute_width(&tree, &t.p, tree.node_count - 1, t.p.height, cycles);
            best = w < best ? w : best;
        }
        if (best < WFC_BE_TREE_TOO_WIDE) best += host_cols(&t.p);
        ck_assert(same ? open == best : open >= best);
        wfc_be_tree_deinit(&tree);
    }
}
END_TEST

/* ---- methods ---- */

static wfc_be_tree make(const problem *t, wfc_be_tree_method m) {
    wfc_be_tree tree;
    ck_assert_int_eq(wfc_be_tree_make(&t->p, m, 5, NULL, &tree), WFC_OK);
    ck_assert_int_eq(tree.method, m);
    return tree;
}

/* Stem, four chains of six layers of which 8 rows are all they can use, join. Slabs leave three quarters of each column
 * idle; four bands use them. Numbered level by level, as exporters do. */
START_TEST(test_metis_wins_on_branches) {
    enum { CHAINS = 4, LENGTH = 5, LAYERS = CHAINS * LENGTH + 2 };
    problem t;
    start(&t, LAYERS, 48, 32);
    for (uint32_t l = 0; l < LAYERS; l++) {
        for (uint32_t k = 1; k <= MAX_S; k++) shape(&t, l, 8, k, 6400.0 / (8 * k));
    }
    for (uint32_t c = 0; c < CHAINS; c++) {
        edge(&t, 0, 1 + c, 20, 0);
        for (uint32_t k = 1; k < LENGTH; k++) edge(&t, 1 + c + CHAINS * (k - 1), 1 + c + CHAINS * k, 400, 0);
        edge(&t, 1 + c + CHAINS * (LENGTH - 1), LAYERS - 1, 20, 0);
    }
    wfc_be_tree slabs = make(&t, WFC_BE_TREE_SLABS), metis = make(&t, WFC_BE_TREE_METIS);
    ck_assert_double_lt(metis.cycles, 0.6 * slabs.cycles);
    ck_assert_double_lt(metis.score, slabs.score);
    uint32_t lying = 0, direct = 0;
    for (uint32_t n = 0; n < metis.node_count; n++) lying += metis.nodes[n].kind == WFC_BE_TREE_H;
    ck_assert_uint_ge(lying, 3);
    for (uint32_t e = 0; e < t.p.edge_count; e++) {
        wfc_be_cut cut;
        wfc_be_tree_cut(&metis, &t.edges[e], &cut);
        direct += t.edges[e].words == 400 && cut.relation == WFC_BE_EAST && cut.level;
    }
    ck_assert_uint_ge(direct, 12); /* of 16: the chains themselves run east */
    wfc_be_tree_deinit(&slabs);
    wfc_be_tree_deinit(&metis);
}
END_TEST

/* An encoder and its decoder: the least cut groups both ends against the middle, so that words have to turn back; in
 * order, every word goes east. */
START_TEST(test_slabs_win_on_skips) {
    enum { LAYERS = 48 };
    problem t;
    start(&t, LAYERS, 288, 32); /* six columns each, none to spare */
    for (uint32_t l = 0; l < LAYERS; l++) {
        for (uint32_t k = 1; k <= MAX_S; k++) shape(&t, l, 32, k, 64000.0 / (32 * k));
    }
    for (uint32_t l = 1; l < LAYERS; l++) edge(&t, l - 1, l, 100, 0);
    for (uint32_t l = 0; l < LAYERS / 2 - 1; l++) edge(&t, l, LAYERS - 1 - l, 400, 0);
    wfc_be_tree slabs = make(&t, WFC_BE_TREE_SLABS), metis = make(&t, WFC_BE_TREE_METIS);
    ck_assert_double_lt(slabs.cycles, metis.cycles);
    ck_assert_double_lt(slabs.score, metis.score);
    wfc_be_tree_deinit(&slabs);
    wfc_be_tree_deinit(&metis);
}
END_TEST

/* Twelve layers of 8 rows in a chain: bands stand where slabs leave rows idle. */
START_TEST(test_rows_win_on_flat_layers) {
    enum { LAYERS = 24 };
    problem t;
    start(&t, LAYERS, 40, 32);
    for (uint32_t l = 0; l < LAYERS; l++) {
        for (uint32_t k = 1; k <= MAX_S; k++) shape(&t, l, 8, k, 6400.0 / (8 * k));
        if (l) edge(&t, l - 1, l, 100, 0);
    }
    wfc_be_tree slabs = make(&t, WFC_BE_TREE_SLABS), rows = make(&t, WFC_BE_TREE_ROWS);
    ck_assert_double_lt(rows.cycles, 0.5 * slabs.cycles);
    ck_assert_ptr_nonnull(strstr(rows.report, "in 4 bands"));
    wfc_be_tree_deinit(&slabs);
    wfc_be_tree_deinit(&rows);
}
END_TEST

/* One band is a row of slabs: never slower than those. */
START_TEST(test_rows_are_no_slower_than_slabs) {
    rng = 41;
    uint32_t faster = 0;
    for (int round = 0; round < 200; round++) {
        problem t;
        random_problem(&t, 1 + below(SOME_L), (uint16_t)(20 + below(40)), (uint16_t)(4 + below(60)));
        wfc_be_tree slabs, rows;
        wfc_status s = wfc_be_tree_make(&t.p, WFC_BE_TREE_SLABS, 0, NULL, &slabs);
        if (wfc_be_tree_make(&t.p, WFC_BE_TREE_ROWS, 0, NULL, &rows) == WFC_OK && s == WFC_OK) {
            ck_assert_double_le(rows.cycles, slabs.cycles);
            faster += rows.cycles < slabs.cycles;
        } else {
            ck_assert_int_ne(s, WFC_OK);
        }
        wfc_be_tree_deinit(&slabs);
        wfc_be_tree_deinit(&rows);
    }
    ck_assert_uint_gt(faster, 2);
}
END_TEST

/* ---- price ---- */

/* a (2 cols) | b (3 cols) | c (1 col), 4 rows. a -> b 40 words direct, a -> c the same tensor through a strip of 1, b
 * -> c 8 words direct; a hosts 12 words in, c 4 out. */
START_TEST(test_price_by_hand) {
    problem t;
    start(&t, 3, 20, 4);
    shape(&t, 0, 4, 2, 7);
    shape(&t, 1, 4, 3, 7);
    shape(&t, 2, 4, 1, 7);
    edge(&t, 0, 1, 40, 0);
    edge(&t, 0, 2, 40, 1);
    edge(&t, 1, 2, 8, 0);
    host_edge(&t, 0, true, 0);
    t.edges[3].words = 12;
    host_edge(&t, 2, false, 0);
    t.edges[4].words = 4;
    wfc_be_tree tree = make(&t, WFC_BE_TREE_SLABS);
    /* aabbbSc, words a row: into a's last column 3 of the host and a's 10, once; into b's last column those and b's 2.
     */
    ck_assert_uint_eq(tree.width, 7);
    ck_assert_double_eq(tree.link_cycles, 13);
    /* Hops: a-b 1, a-c 1 + 4, b-c 1 + 1, in 1, out 1. */
    ck_assert_double_eq(tree.wire, 40 * 1 + 40 * 5 + 8 * 2 + 12 * 1 + 4 * 1);
    ck_assert_double_eq_tol(tree.score, 13 + tree.wire / 104 / 64, 1e-9);
    wfc_be_tree_deinit(&tree);
    t.edges[1].tensor = 1; /* another tensor needs a lane of its own */
    tree = make(&t, WFC_BE_TREE_SLABS);
    ck_assert_double_eq(tree.link_cycles, 23);
    wfc_be_tree_deinit(&tree);
}
END_TEST

START_TEST(test_turn_cols) {
    wfc_be_tree_edge e = {.words = 1000};
    ck_assert_uint_eq(wfc_be_turn_cols(&e, 500), 3);
    ck_assert_uint_eq(wfc_be_turn_cols(&e, 501), 3);
    ck_assert_uint_eq(wfc_be_turn_cols(&e, 1e9), 2);
    ck_assert_uint_eq(wfc_be_turn_cols(&e, 1e-9), 1001);
    e.adapter_cols = 7;
    ck_assert_uint_eq(wfc_be_turn_cols(&e, 500), 7);
    e.turn_cols = 9;
    ck_assert_uint_eq(wfc_be_turn_cols(&e, 1), 9);
    e = (wfc_be_tree_edge){.words = 1e30};
    ck_assert_uint_eq(wfc_be_turn_cols(&e, 1), 65535);
    e.words = 0;
    ck_assert_uint_eq(wfc_be_turn_cols(&e, 1), 1);
}
END_TEST

/* ---- bad input ---- */

static void refused(const problem *t, wfc_status want, const char *text) {
    for (int m = 0; m < WFC_BE_TREE_METHODS; m++) {
        wfc_diag diag;
        wfc_diag_init(&diag);
        wfc_be_tree tree;
        ck_assert_int_eq(wfc_be_tree_make(&t->p, (wfc_be_tree_method)m, 1, &diag, &tree), want);
        ck_assert_uint_ge(diag.count, 1);
        ck_assert_ptr_nonnull(strstr(diag.items[diag.count - 1].text, text));
        wfc_be_tree_deinit(&tree); /* empty */
        wfc_diag_deinit(&diag);
    }
}

static void small_chain(problem *t) {
    start(t, 3, 20, 10);
    for (uint32_t l = 0; l < 3; l++) {
        shape(t, l, 5, 4, 100);
        if (l) edge(t, l - 1, l, 10, 1);
    }
}

START_TEST(test_malformed_problems) {
    problem t;
    small_chain(&t);
    t.p.layer_count = 0;
    refused(&t, WFC_ERR_INTERNAL, "no layers");
    small_chain(&t);
    t.p.height = 0;
    refused(&t, WFC_ERR_INTERNAL, "empty");
    small_chain(&t);
    t.layers[1].shape_count = 0;
    refused(&t, WFC_ERR_INTERNAL, "no shapes");
    const double bad[] = {0, -1, NAN, INFINITY};
    for (int k = 0; k < 4; k++) {
        small_chain(&t);
        t.shapes[2][0].cycles = bad[k];
        refused(&t, WFC_ERR_INTERNAL, "bad cycles");
        small_chain(&t);
        t.edges[0].words = bad[k];
        if (bad[k] != 0) refused(&t, WFC_ERR_INTERNAL, "words");
    }
    small_chain(&t);
    t.shapes[0][0].cols = 0;
    refused(&t, WFC_ERR_INTERNAL, "no columns");
    small_chain(&t);
    t.edges[1].to = 3;
    refused(&t, WFC_ERR_INTERNAL, "an edge");
    t.edges[1].to = 1; /* no host at either end */
    refused(&t, WFC_ERR_INTERNAL, "an edge");
    t.edges[1].from_host = t.edges[1].to_host = true;
    refused(&t, WFC_ERR_INTERNAL, "an edge");
    small_chain(&t);
    t.p.layer_count = 5000;
    refused(&t, WFC_ERR_NO_FIT, "5000");
    small_chain(&t);
    wfc_be_tree tree;
    ck_assert_int_eq(wfc_be_tree_make(&t.p, WFC_BE_TREE_METHODS, 1, NULL, &tree), WFC_ERR_INTERNAL);
}
END_TEST

START_TEST(test_no_fit_says_what_is_missing) {
    problem t;
    small_chain(&t);
    t.layers[1].name = "big conv";
    t.shapes[1][0].rows = 11;
    refused(&t, WFC_ERR_NO_FIT, "11 rows x 4 columns");
    small_chain(&t);
    t.layers[2].name = "wide conv";
    t.shapes[2][0] = (wfc_be_shape){10, 17, 100};
    refused(&t, WFC_ERR_NO_FIT, "wide conv");
    small_chain(&t);
    t.p.width = 13; /* 3 x 4 + 2 */
    wfc_be_tree tree;
    wfc_diag diag;
    wfc_diag_init(&diag);
    ck_assert_int_eq(wfc_be_tree_make(&t.p, WFC_BE_TREE_SLABS, 1, &diag, &tree), WFC_ERR_NO_FIT);
    ck_assert_ptr_nonnull(strstr(diag.items[0].text, "at least 14 columns"));
    ck_assert_ptr_nonnull(strstr(diag.items[0].text, "the target has 13"));
    wfc_diag_deinit(&diag);
    /* Above each other they do fit. */
    ck_assert_int_eq(wfc_be_tree_make(&t.p, WFC_BE_TREE_METIS, 1, NULL, &tree), WFC_OK);
    wfc_be_tree_deinit(&tree);
    ck_assert_int_eq(wfc_be_tree_make(&t.p, WFC_BE_TREE_ROWS, 1, NULL, &tree), WFC_OK);
    wfc_be_tree_deinit(&tree);
}
END_TEST

START_TEST(test_out_of_memory) {
    rng = 43;
    problem t;
    random_problem(&t, 14, 80, 20);
    for (int m = 0; m < WFC_BE_TREE_METHODS; m++) {
        bool done = false;
        for (size_t nth = 1; !done && nth < 20000; nth++) {
            wfc_be_tree tree;
            wfc_mem_fail_nth(nth);
            wfc_status s = wfc_be_tree_make(&t.p, (wfc_be_tree_method)m, 1, NULL, &tree);
            wfc_mem_fail_nth(0);
            done = s == WFC_OK;
            if (!done) ck_assert_int_eq(s, WFC_ERR_NO_MEMORY);
            if (done) wfc_be_tree_deinit(&tree);
        }
        ck_assert(done);
    }
    wfc_be_tree tree = make(&t, WFC_BE_TREE_ROWS);
    for (size_t nth = 1;; nth++) {
        wfc_mem_fail_nth(nth);
        wfc_status s = wfc_be_tree_refit(&t.p, NULL, &tree);
        wfc_mem_fail_nth(0);
        if (s == WFC_OK) break;
        ck_assert_int_eq(s, WFC_ERR_NO_MEMORY);
        ck_assert(nth < 1000);
    }
    wfc_be_tree_deinit(&tree);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("tree_methods");
    TCase *c = tcase_create("tree_methods");
    tcase_set_timeout(c, 120);
    tcase_add_test(c, test_slabs_are_optimal);
    tcase_add_test(c, test_curves_are_exact);
    tcase_add_test(c, test_open_kinds_are_the_best);
    tcase_add_test(c, test_metis_wins_on_branches);
    tcase_add_test(c, test_slabs_win_on_skips);
    tcase_add_test(c, test_rows_win_on_flat_layers);
    tcase_add_test(c, test_rows_are_no_slower_than_slabs);
    tcase_add_test(c, test_price_by_hand);
    tcase_add_test(c, test_turn_cols);
    tcase_add_test(c, test_malformed_problems);
    tcase_add_test(c, test_no_fit_says_what_is_missing);
    tcase_add_test(c, test_out_of_memory);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
