/* Placement: METIS behind its fence (each known trap), bisections against the optimum, slicing trees, widths and orders
 * against brute force. */
#include "backend/place/floorplan.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint64_t rng;

static double uniform(double lo, double hi) {
    return lo + (hi - lo) * (double)(wfc_rng_next(&rng) >> 11) / 9007199254740992.0;
}

static uint32_t below(uint32_t n) {
    return (uint32_t)(wfc_rng_next(&rng) % n);
}

enum { MAX_V = 120, MAX_E = 400 };
typedef struct test_graph {
    wfc_be_part_graph g;
    double pes[MAX_V];
    wfc_be_part_edge edges[MAX_E];
} test_graph;

static void graph_init(test_graph *t, uint32_t n) {
    memset(t, 0, sizeof *t);
    t->g = (wfc_be_part_graph){.vertex_count = n, .pes = t->pes, .edges = t->edges};
    for (uint32_t v = 0; v < n; v++) t->pes[v] = 10;
}

static void graph_edge(test_graph *t, uint32_t from, uint32_t to, double words) {
    t->edges[t->g.edge_count++] = (wfc_be_part_edge){from, to, words};
}

static void graph_chain(test_graph *t, uint32_t n) {
    graph_init(t, n);
    for (uint32_t v = 1; v < n; v++) graph_edge(t, v - 1, v, 100);
}

static void graph_random(test_graph *t, uint32_t n) {
    graph_init(t, n);
    for (uint32_t v = 0; v < n; v++) t->pes[v] = uniform(1, 50);
    for (uint32_t v = 1; v < n; v++) {
        graph_edge(t, below(v), v, uniform(1, 1000));
        if (below(3) == 0 && t->g.edge_count < MAX_E - MAX_V) graph_edge(t, below(v), v, uniform(1, 1000));
    }
}

/* Every vertex is one leaf, children precede parents, sums add up. */
static void check_tree(const wfc_be_part_graph *g, const wfc_be_slice *s) {
    uint8_t seen[MAX_V] = {0};
    ck_assert_uint_eq(s->node_count, 2 * g->vertex_count - 1);
    for (uint32_t k = 0; k < s->node_count; k++) {
        const wfc_be_slice_node *n = &s->nodes[k];
        if (n->is_leaf) {
            ck_assert_uint_lt(n->vertex, g->vertex_count);
            ck_assert_uint_eq(seen[n->vertex]++, 0);
        } else {
            ck_assert(n->left < k && n->right < k);
            ck_assert_double_eq_tol(n->pes, s->nodes[n->left].pes + s->nodes[n->right].pes, 1e-6);
        }
    }
    ck_assert_uint_eq(s->from_metis + s->from_exact + s->from_prefix + s->trivial, g->vertex_count - 1);
}

static wfc_be_slice partition(const wfc_be_part_graph *g, uint64_t seed, wfc_diag *diag) {
    wfc_be_slice s;
    ck_assert_int_eq(wfc_be_partition(g, seed, diag, &s), WFC_OK);
    check_tree(g, &s);
    return s;
}

static bool same_tree(const wfc_be_slice *x, const wfc_be_slice *y) {
    if (x->node_count != y->node_count) return false;
    for (uint32_t k = 0; k < x->node_count; k++) {
        const wfc_be_slice_node *a = &x->nodes[k], *b = &y->nodes[k];
        if (a->is_leaf != b->is_leaf || a->vertex != b->vertex || a->left != b->left || a->right != b->right)
            return false;
    }
    return true;
}

/* ---- traps ---- */

START_TEST(test_one_layer) {
    test_graph t;
    graph_init(&t, 1);
    wfc_be_slice s = partition(&t.g, 1, NULL);
    ck_assert(s.nodes[0].is_leaf);
    wfc_be_slice_deinit(&s);
    uint8_t part[2] = {9, 9};
    wfc_be_metis_verdict v;
    ck_assert_int_eq(wfc_be_metis_bisect(&t.g, 1, part, &v), WFC_OK);
    ck_assert_int_eq(v, WFC_BE_METIS_NOT_ASKED); /* nparts 1 crashes or answers part 1 */
    ck_assert_uint_eq(part[0], 9);
}
END_TEST

/* Sizes at which the k-way routine returns empty parts. */
START_TEST(test_chains_have_no_empty_part) {
    const uint32_t sizes[] = {2, 3, 8, 16, 52, 100};
    for (int k = 0; k < 6; k++) {
        test_graph t;
        graph_chain(&t, sizes[k]);
        wfc_be_slice s = partition(&t.g, 7, NULL);
        /* A chain of equal layers is cut in the middle, once. */
        ck_assert_double_eq(s.nodes[s.node_count - 1].cut_words, 100);
        wfc_be_slice_deinit(&s);
    }
}
END_TEST

START_TEST(test_zero_weights) {
    test_graph t;
    graph_chain(&t, 20);
    for (uint32_t v = 0; v < 20; v++) t.pes[v] = 0;
    uint8_t part[20], ones = 0;
    wfc_be_metis_verdict v;
    ck_assert_int_eq(wfc_be_metis_bisect(&t.g, 1, part, &v), WFC_OK);
    ck_assert_int_eq(v, WFC_BE_METIS_OK);
    for (int k = 0; k < 20; k++) ones = (uint8_t)(ones + part[k]);
    ck_assert(ones >= 9 && ones <= 11);
    wfc_be_slice s = partition(&t.g, 1, NULL);
    wfc_be_slice_deinit(&s);
}
END_TEST

/* Sums beyond 2^31 give nonsense with METIS_OK; ours are scaled, so the answer is that of the small weights. */
START_TEST(test_huge_weights) {
    test_graph small, huge;
    graph_chain(&small, 40);
    graph_chain(&huge, 40);
    for (uint32_t v = 0; v < 40; v++) huge.pes[v] *= 1e9;
    for (uint32_t k = 0; k < huge.g.edge_count; k++) huge.edges[k].words *= 1e12;
    wfc_be_slice x = partition(&small.g, 3, NULL), y = partition(&huge.g, 3, NULL);
    ck_assert(same_tree(&x, &y));
    wfc_be_slice_deinit(&x);
    wfc_be_slice_deinit(&y);
}
END_TEST

START_TEST(test_giant_vertex) {
    test_graph t;
    graph_chain(&t, 16);
    t.pes[5] = 1e7;
    uint8_t part[16];
    wfc_be_metis_verdict v;
    ck_assert_int_eq(wfc_be_metis_bisect(&t.g, 1, part, &v), WFC_OK);
    ck_assert_int_eq(v, WFC_BE_METIS_NOT_ASKED);
    wfc_diag diag;
    wfc_diag_init(&diag);
    wfc_be_slice s = partition(&t.g, 1, &diag);
    ck_assert_uint_ge(s.from_prefix + s.from_exact, 1);
    ck_assert_uint_eq(diag.count, 1); /* announced */
    ck_assert_int_eq(diag.items[0].severity, WFC_NOTE);
    wfc_be_slice_deinit(&s);
    wfc_diag_deinit(&diag);
}
END_TEST

START_TEST(test_no_edges_and_two_islands) {
    test_graph t;
    graph_init(&t, 20);
    wfc_be_slice s = partition(&t.g, 1, NULL);
    ck_assert_uint_eq(s.from_metis, 0);
    wfc_be_slice_deinit(&s);
    for (uint32_t v = 1; v < 20; v++) {
        if (v != 10) graph_edge(&t, v - 1, v, 100);
    }
    s = partition(&t.g, 1, NULL);
    ck_assert_double_eq(s.nodes[s.node_count - 1].cut_words, 0);
    wfc_be_slice_deinit(&s);
}
END_TEST

/* Self loops, repeated edges and zero edges are not what METIS may see. */
START_TEST(test_unclean_edges) {
    test_graph clean, dirty;
    graph_chain(&clean, 30);
    graph_chain(&dirty, 30);
    for (uint32_t k = 0; k < 29; k++) dirty.edges[k].words = 50;
    for (uint32_t k = 0; k < 29; k++) graph_edge(&dirty, k + 1, k, 50);
    graph_edge(&dirty, 4, 4, 1e9);
    graph_edge(&dirty, 0, 29, 0);
    uint8_t x[30], y[30];
    wfc_be_metis_verdict v;
    ck_assert_int_eq(wfc_be_metis_bisect(&clean.g, 5, x, &v), WFC_OK);
    ck_assert_int_eq(v, WFC_BE_METIS_OK);
    ck_assert_int_eq(wfc_be_metis_bisect(&dirty.g, 5, y, &v), WFC_OK);
    ck_assert_int_eq(v, WFC_BE_METIS_OK);
    ck_assert_int_eq(wfc_be_bisect_compare(&clean.g, x, y), 0);
}
END_TEST

START_TEST(test_wide_ratio_of_edge_weights) {
    for (int round = 0; round < 50; round++) {
        test_graph t;
        graph_random(&t, 60);
        for (uint32_t k = 0; k < t.g.edge_count; k++) t.edges[k].words = pow(10, uniform(-3, 9));
        wfc_be_slice s = partition(&t.g, (uint64_t)round, NULL);
        wfc_be_slice_deinit(&s);
    }
}
END_TEST

/* METIS reseeds rand; neither does that show in our trees, nor the caller's seed in METIS. */
START_TEST(test_same_seed_same_tree) {
    test_graph t;
    rng = 11;
    graph_random(&t, 90);
    srand(1);
    wfc_be_slice x = partition(&t.g, 42, NULL);
    srand(99);
    (void)rand();
    wfc_be_slice y = partition(&t.g, 42, NULL);
    ck_assert(same_tree(&x, &y));
    wfc_be_slice_deinit(&x);
    wfc_be_slice_deinit(&y);
}
END_TEST

/* A return code proves nothing: each wrong answer is recognised. */
START_TEST(test_answers_are_checked) {
    const int32_t xadj[] = {0, 1, 3, 4}, adjncy[] = {1, 0, 2, 1}, weight[] = {5, 5, 7, 7};
    const int32_t good[] = {0, 1, 1}, empty[] = {1, 1, 1}, wild[] = {0, 1, 2}, untouched[] = {-1, -1, -1};
    ck_assert_int_eq(wfc_be_metis_check(3, xadj, adjncy, weight, good, 5), WFC_BE_METIS_OK);
    ck_assert_int_eq(wfc_be_metis_check(3, xadj, adjncy, weight, good, 7), WFC_BE_METIS_WRONG_CUT);
    ck_assert_int_eq(wfc_be_metis_check(3, xadj, adjncy, weight, empty, 0), WFC_BE_METIS_EMPTY);
    ck_assert_int_eq(wfc_be_metis_check(3, xadj, adjncy, weight, wild, 12), WFC_BE_METIS_OUT_OF_RANGE);
    ck_assert_int_eq(wfc_be_metis_check(3, xadj, adjncy, weight, untouched, 0), WFC_BE_METIS_OUT_OF_RANGE);
}
END_TEST

START_TEST(test_malformed_graphs) {
    test_graph t;
    wfc_be_slice s;
    wfc_diag diag;
    wfc_diag_init(&diag);
    graph_chain(&t, 3);
    t.pes[1] = -1;
    ck_assert_int_eq(wfc_be_partition(&t.g, 1, &diag, &s), WFC_ERR_INTERNAL);
    t.pes[1] = NAN;
    ck_assert_int_eq(wfc_be_partition(&t.g, 1, &diag, &s), WFC_ERR_INTERNAL);
    graph_chain(&t, 3);
    t.edges[0].to = 3;
    ck_assert_int_eq(wfc_be_partition(&t.g, 1, &diag, &s), WFC_ERR_INTERNAL);
    graph_init(&t, 0);
    ck_assert_int_eq(wfc_be_partition(&t.g, 1, &diag, &s), WFC_ERR_INTERNAL);
    wfc_diag_deinit(&diag);
}
END_TEST

/* ---- optimality ---- */

static bool beats(const wfc_be_part_graph *g, const uint8_t *part) {
    uint32_t n = g->vertex_count;
    uint8_t other[WFC_BE_EXACT_VERTICES];
    for (uint32_t mask = 1; mask + 1 < 1u << n; mask++) {
        for (uint32_t v = 0; v < n; v++) other[v] = mask >> v & 1;
        if (wfc_be_bisect_compare(g, other, part) < 0) return true;
    }
    return false;
}

START_TEST(test_root_bisection_is_optimal_when_small) {
    rng = 3;
    for (int round = 0; round < 60; round++) {
        test_graph t;
        graph_random(&t, 3 + below(7));
        wfc_be_slice s = partition(&t.g, (uint64_t)round, NULL);
        const wfc_be_slice_node *root = &s.nodes[s.node_count - 1];
        /* Which side a vertex is on: the left subtree's nodes come first. */
        uint8_t part[WFC_BE_EXACT_VERTICES] = {0};
        for (uint32_t k = 0; k < s.node_count; k++) {
            if (s.nodes[k].is_leaf) part[s.nodes[k].vertex] = k > root->left;
        }
        ck_assert(!beats(&t.g, part));
        wfc_be_slice_deinit(&s);
    }
}
END_TEST

/* ---- floorplan ---- */

enum { MAX_L = 8, MAX_O = 4 };
typedef struct test_floor {
    wfc_be_floor_problem p;
    wfc_be_floor_layer layers[MAX_L];
    wfc_be_width_option options[MAX_L][MAX_O];
    wfc_be_floor_edge edges[32];
} test_floor;

static void floor_random(test_floor *f, uint32_t n) {
    memset(f, 0, sizeof *f);
    f->p = (wfc_be_floor_problem){.height = 64, .layers = f->layers, .layer_count = n, .edges = f->edges};
    for (uint32_t l = 0; l < n; l++) {
        f->layers[l] = (wfc_be_floor_layer){"layer", f->options[l], 1 + below(MAX_O)};
        uint32_t cols = 1 + below(4);
        double cycles = 1000 + below(1000);
        for (uint32_t k = 0; k < f->layers[l].option_count; k++) {
            f->options[l][k] = (wfc_be_width_option){(uint16_t)cols, cycles};
            cols += 1 + below(5);
            cycles -= 1 + below(300);
        }
    }
    for (uint32_t l = 1; l < n; l++) {
        f->edges[f->p.edge_count++] =
            (wfc_be_floor_edge){l - 1 - below(l < 2 ? 1 : 2), l, uniform(1, 9000), (uint16_t)below(2)};
        if (l > 2 && below(2)) f->edges[f->p.edge_count++] = (wfc_be_floor_edge){below(l), l, uniform(1, 9000), 0};
    }
    f->p.width = (uint16_t)(10 + below(40));
}

static double brute_widths(const wfc_be_floor_problem *p, uint32_t cols, uint32_t layer, uint32_t used,
                           double slowest) {
    if (used > cols) return INFINITY;
    if (layer == p->layer_count) return slowest;
    double best = INFINITY;
    for (uint32_t k = 0; k < p->layers[layer].option_count; k++) {
        const wfc_be_width_option *o = &p->layers[layer].options[k];
        best = fmin(best, brute_widths(p, cols, layer + 1, used + o->cols, fmax(slowest, o->cycles)));
    }
    return best;
}

START_TEST(test_widths_are_optimal) {
    rng = 5;
    for (int round = 0; round < 300; round++) {
        test_floor f;
        floor_random(&f, 1 + below(6));
        uint32_t option[MAX_L], cols = 0;
        double t = wfc_be_floor_widths(&f.p, f.p.width, option);
        double best = brute_widths(&f.p, f.p.width, 0, 0, 0);
        if (isinf(best)) {
            ck_assert_double_lt(t, 0);
            continue;
        }
        ck_assert_double_eq(t, best);
        for (uint32_t l = 0; l < f.p.layer_count; l++) {
            cols += f.options[l][option[l]].cols;
            ck_assert_double_le(f.options[l][option[l]].cycles, t);
        }
        ck_assert_uint_le(cols, f.p.width);
    }
}
END_TEST

static void graph_of_floor(const wfc_be_floor_problem *p, test_graph *t) {
    graph_init(t, p->layer_count);
    for (uint32_t l = 0; l < p->layer_count; l++) t->pes[l] = 64.0 * p->layers[l].options[0].cols;
    for (uint32_t k = 0; k < p->edge_count; k++) graph_edge(t, p->edges[k].from, p->edges[k].to, p->edges[k].words);
}

/* Slabs without gaps or overlap, each layer and adapter once, every edge pointing east. */
static void check_floor(const wfc_be_floor_problem *p, const wfc_be_floorplan *f) {
    uint32_t x = 0, seen_layers = 0, seen_adapters = 0, at[MAX_L] = {0}, want_adapters = 0;
    for (uint32_t k = 0; k < f->slab_count; k++) {
        const wfc_be_floor_slab *s = &f->slabs[k];
        ck_assert_uint_eq(s->x, x);
        x += s->cols;
        if (s->edge != UINT32_MAX) {
            seen_adapters++;
            ck_assert_uint_eq(s->cols, p->edges[s->edge].adapter_cols);
            ck_assert_uint_eq(s->layer, p->edges[s->edge].to);
        } else {
            seen_layers++;
            at[s->layer] = s->x + 1u;
            ck_assert_uint_eq(s->cols, p->layers[s->layer].options[f->option[s->layer]].cols);
        }
    }
    ck_assert_uint_eq(seen_layers, p->layer_count);
    for (uint32_t k = 0; k < p->edge_count; k++) {
        want_adapters += p->edges[k].adapter_cols > 0;
        ck_assert_uint_lt(at[p->edges[k].from], at[p->edges[k].to]);
    }
    ck_assert_uint_eq(seen_adapters, want_adapters);
    ck_assert_uint_eq(f->used_cols, x);
    ck_assert_uint_le(x, p->width);
}

START_TEST(test_floorplans) {
    rng = 17;
    uint32_t placed = 0, refused = 0, won = 0;
    for (int round = 0; round < 400; round++) {
        test_floor f;
        test_graph t;
        floor_random(&f, 2 + below(6));
        graph_of_floor(&f.p, &t);
        wfc_be_slice trees[3];
        for (uint64_t k = 0; k < 3; k++) trees[k] = partition(&t.g, k, NULL);
        wfc_diag diag;
        wfc_diag_init(&diag);
        wfc_be_floorplan plan, topo;
        wfc_status s = wfc_be_floorplan_make(&f.p, trees, 3, &diag, &plan);
        ck_assert_int_eq(wfc_be_floorplan_make(&f.p, NULL, 0, NULL, &topo), s);
        if (s == WFC_OK) {
            placed++;
            check_floor(&f.p, &plan);
            check_floor(&f.p, &topo);
            won += plan.tree_won;
            ck_assert_double_eq(plan.layer_cycles, topo.layer_cycles);
            ck_assert_double_le(fmax(plan.layer_cycles, plan.link_cycles), fmax(topo.layer_cycles, topo.link_cycles));
            ck_assert_ptr_nonnull(strstr(plan.report, plan.tree_won ? "slicing tree's order" : "topological order"));
        } else {
            refused++;
            ck_assert_int_eq(s, WFC_ERR_NO_FIT);
            ck_assert_ptr_nonnull(strstr(diag.items[0].text, "columns"));
        }
        wfc_be_floorplan_deinit(&plan);
        wfc_be_floorplan_deinit(&topo);
        for (int k = 0; k < 3; k++) wfc_be_slice_deinit(&trees[k]);
        wfc_diag_deinit(&diag);
    }
    ck_assert(placed > 100 && refused > 5 && won > 50);
}
END_TEST

/* x -> a -> y and x -> y with {a} | {x, y} as the tree's cut: edges both ways, no flip helps. */
START_TEST(test_tree_against_the_flow) {
    test_floor f;
    memset(&f, 0, sizeof f);
    f.p = (wfc_be_floor_problem){.width = 9, .height = 4, .layers = f.layers, .layer_count = 3, .edges = f.edges};
    for (int l = 0; l < 3; l++) {
        f.options[l][0] = (wfc_be_width_option){3, 10};
        f.layers[l] = (wfc_be_floor_layer){"layer", f.options[l], 1};
    }
    f.edges[f.p.edge_count++] = (wfc_be_floor_edge){0, 1, 8, 0};
    f.edges[f.p.edge_count++] = (wfc_be_floor_edge){1, 2, 8, 0};
    f.edges[f.p.edge_count++] = (wfc_be_floor_edge){0, 2, 8, 0};
    wfc_be_slice_node nodes[] = {{.is_leaf = true, .vertex = 2},
                                 {.is_leaf = true, .vertex = 0},
                                 {.left = 0, .right = 1},
                                 {.is_leaf = true, .vertex = 1},
                                 {.left = 2, .right = 3}};
    wfc_be_slice tree = {.nodes = nodes, .node_count = 5};
    uint32_t order[3];
    ck_assert(!wfc_be_floor_order(&f.p, &tree, order));
    wfc_diag diag;
    wfc_diag_init(&diag);
    wfc_be_floorplan plan;
    ck_assert_int_eq(wfc_be_floorplan_make(&f.p, &tree, 1, &diag, &plan), WFC_OK);
    ck_assert(!plan.tree_won);
    ck_assert_uint_eq(diag.count, 1);
    ck_assert_int_eq(diag.items[0].severity, WFC_NOTE);
    check_floor(&f.p, &plan);
    /* Borders: 0|1 carries 0->1 and 0->2, 1|2 carries 1->2 and 0->2: 16 words over 4 rows. */
    ck_assert_double_eq(plan.link_cycles, 4);
    /* {0} | {2, 1} written from east to west: flips make it 0 1 2. */
    nodes[0].vertex = 1, nodes[1].vertex = 2, nodes[3].vertex = 0;
    nodes[2].left = 1, nodes[2].right = 0;
    ck_assert(wfc_be_floor_order(&f.p, &tree, order));
    ck_assert(order[0] == 0 && order[1] == 1 && order[2] == 2);
    wfc_be_floorplan_deinit(&plan);
    wfc_diag_deinit(&diag);
}
END_TEST

START_TEST(test_no_fit_names_columns) {
    test_floor f;
    memset(&f, 0, sizeof f);
    f.p = (wfc_be_floor_problem){.width = 9, .height = 4, .layers = f.layers, .layer_count = 1, .edges = f.edges};
    f.options[0][0] = (wfc_be_width_option){12, 10};
    f.layers[0] = (wfc_be_floor_layer){"big conv", f.options[0], 1};
    wfc_diag diag;
    wfc_diag_init(&diag);
    wfc_be_floorplan plan;
    ck_assert_int_eq(wfc_be_floorplan_make(&f.p, NULL, 0, &diag, &plan), WFC_ERR_NO_FIT);
    ck_assert_ptr_nonnull(strstr(diag.items[0].text, "12 columns"));
    ck_assert_ptr_nonnull(strstr(diag.items[0].text, "target has 9"));
    ck_assert_ptr_nonnull(strstr(diag.items[0].text, "big conv"));
    wfc_diag_deinit(&diag);
}
END_TEST

START_TEST(test_out_of_memory) {
    test_graph t;
    test_floor f;
    rng = 23;
    graph_chain(&t, 20);
    for (size_t nth = 1; nth < 2000; nth++) {
        wfc_be_slice s;
        wfc_mem_fail_nth(nth);
        wfc_status status = wfc_be_partition(&t.g, 1, NULL, &s);
        wfc_mem_fail_nth(0);
        if (status == WFC_OK) {
            wfc_be_slice_deinit(&s);
            break;
        }
        ck_assert_int_eq(status, WFC_ERR_NO_MEMORY);
    }
    do floor_random(&f, 5);
    while (wfc_be_floor_widths(&f.p, f.p.width - 5u, (uint32_t[MAX_L]){0}) < 0);
    for (size_t nth = 1; nth < 2000; nth++) {
        wfc_be_floorplan plan;
        wfc_mem_fail_nth(nth);
        wfc_status status = wfc_be_floorplan_make(&f.p, NULL, 0, NULL, &plan);
        wfc_mem_fail_nth(0);
        if (status == WFC_OK) {
            wfc_be_floorplan_deinit(&plan);
            return;
        }
        ck_assert_int_eq(status, WFC_ERR_NO_MEMORY);
    }
    ck_abort_msg("never succeeded");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("place");
    TCase *c = tcase_create("place");
    tcase_set_timeout(c, 120);
    tcase_add_test(c, test_one_layer);
    tcase_add_test(c, test_chains_have_no_empty_part);
    tcase_add_test(c, test_zero_weights);
    tcase_add_test(c, test_huge_weights);
    tcase_add_test(c, test_giant_vertex);
    tcase_add_test(c, test_no_edges_and_two_islands);
    tcase_add_test(c, test_unclean_edges);
    tcase_add_test(c, test_wide_ratio_of_edge_weights);
    tcase_add_test(c, test_same_seed_same_tree);
    tcase_add_test(c, test_answers_are_checked);
    tcase_add_test(c, test_malformed_graphs);
    tcase_add_test(c, test_root_bisection_is_optimal_when_small);
    tcase_add_test(c, test_widths_are_optimal);
    tcase_add_test(c, test_floorplans);
    tcase_add_test(c, test_tree_against_the_flow);
    tcase_add_test(c, test_no_fit_names_columns);
    tcase_add_test(c, test_out_of_memory);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
