/* Slicing floorplans: geometry of packed trees, times against brute force, methods against each other. */
#include "tests/backend/tree_problems.h"

/* ---- geometry ---- */

static bool disjoint(const wfc_be_rect *a, const wfc_be_rect *b) {
    return a->w == 0 || b->w == 0 || a->x + a->w <= b->x || b->x + b->w <= a->x || a->y + a->h <= b->y ||
           b->y + b->h <= a->y;
}

/* The node's columns from its leaves and strips alone: [*x0, *x1). */
static void extent(const wfc_be_tree *t, const wfc_be_packing *k, const wfc_be_tree_problem *p, uint32_t node,
                   uint32_t *x0, uint32_t *x1) {
    *x0 = UINT32_MAX, *x1 = 0;
    for (uint32_t l = 0; l < p->layer_count; l++) {
        uint32_t n = t->leaf[l];
        while (n != WFC_BE_TREE_NONE && n != node) n = t->nodes[n].parent;
        if (n != node) continue;
        if (k->layers[l].x < *x0) *x0 = k->layers[l].x;
        if (k->layers[l].x + k->layers[l].w > *x1) *x1 = k->layers[l].x + k->layers[l].w;
    }
    for (uint32_t e = 0; e < p->edge_count; e++) {
        wfc_be_cut cut;
        wfc_be_tree_cut(t, &p->edges[e], &cut);
        uint32_t n = cut.node;
        while (n != WFC_BE_TREE_NONE && n != node) n = t->nodes[n].parent;
        if (n == node && k->strips[e].x + k->strips[e].w > *x1) *x1 = k->strips[e].x + k->strips[e].w;
    }
}

static void check_strip(const wfc_be_tree *t, const wfc_be_tree_problem *p, const wfc_be_packing *k, uint32_t e) {
    const wfc_be_rect *s = &k->strips[e], *u = &k->layers[p->edges[e].from], *v = &k->layers[p->edges[e].to];
    wfc_be_cut cut;
    wfc_be_tree_cut(t, &p->edges[e], &cut);
    ck_assert_int_eq(k->relation[e], cut.relation);
    ck_assert_int_eq(wfc_be_edge_relation(t, &p->edges[e]), cut.relation);
    uint32_t node = cut.node == WFC_BE_TREE_NONE ? t->node_count - 1 : cut.node, x0, x1;
    ck_assert(s->y == t->nodes[node].y && s->h == t->nodes[node].h);
    if (!p->edges[e].from_host && !p->edges[e].to_host)
        ck_assert_int_eq(wfc_be_tree_relation(t, p->edges[e].from, p->edges[e].to), cut.relation);
    switch (cut.relation) {
    case WFC_BE_EAST: ck_assert(u->x + u->w <= s->x && s->x + s->w <= v->x); break;
    case WFC_BE_WEST: ck_assert(v->x + v->w <= u->x && u->x + u->w <= s->x && s->w > 0); break;
    case WFC_BE_STACK:
        ck_assert(u->y + u->h <= v->y || v->y + v->h <= u->y);
        ck_assert(u->x + u->w <= s->x && v->x + v->w <= s->x && s->w > 0);
        extent(t, k, p, t->nodes[node].first, &x0, &x1);
        ck_assert_uint_le(x1, s->x);
        extent(t, k, p, t->nodes[node].second, &x0, &x1);
        ck_assert_uint_le(x1, s->x);
        break;
    case WFC_BE_IN:
        for (uint32_t l = 0; l < p->layer_count; l++) ck_assert_uint_le(s->x + s->w, k->layers[l].x);
        break;
    case WFC_BE_OUT:
        for (uint32_t l = 0; l < p->layer_count; l++) ck_assert_uint_le(k->layers[l].x + k->layers[l].w, s->x);
        break;
    }
}

static void check_nodes(const wfc_be_tree *t, const wfc_be_tree_problem *p) {
    ck_assert_uint_eq(t->node_count, 2 * p->layer_count - 1);
    const wfc_be_tree_node *root = &t->nodes[t->node_count - 1];
    ck_assert(root->parent == WFC_BE_TREE_NONE && root->y == 0 && root->h == p->height);
    for (uint32_t k = 0; k < t->node_count; k++) {
        const wfc_be_tree_node *n = &t->nodes[k];
        if (n->kind == WFC_BE_TREE_LEAF) {
            ck_assert_uint_eq(t->leaf[n->layer], k);
            continue;
        }
        const wfc_be_tree_node *a = &t->nodes[n->first], *b = &t->nodes[n->second];
        ck_assert(n->first < k && n->second < k && a->parent == k && b->parent == k);
        if (n->kind == WFC_BE_TREE_V)
            ck_assert(a->y == n->y && b->y == n->y && a->h == n->h && b->h == n->h);
        else
            ck_assert(a->h > 0 && b->h > 0 && a->y == n->y && b->y == n->y + a->h && a->h + b->h == n->h);
    }
}

/* Widths add up: a node's columns by its rules, all of them from the root's. */
static uint32_t ruled_width(const wfc_be_tree *t, const wfc_be_tree_problem *p, const wfc_be_packing *k,
                            uint32_t node) {
    const wfc_be_tree_node *n = &t->nodes[node];
    if (n->kind == WFC_BE_TREE_LEAF) return k->layers[n->layer].w;
    uint32_t a = ruled_width(t, p, k, n->first), b = ruled_width(t, p, k, n->second), strips = 0;
    for (uint32_t e = 0; e < p->edge_count; e++) {
        wfc_be_cut cut;
        wfc_be_tree_cut(t, &p->edges[e], &cut);
        if (cut.node == node) strips += k->strips[e].w;
    }
    return (n->kind == WFC_BE_TREE_V ? a + b : a > b ? a : b) + strips;
}

static void check_packing(const wfc_be_tree *t, const wfc_be_tree_problem *p, const wfc_be_packing *k) {
    const wfc_be_rect *all[MAX_L + MAX_E];
    uint32_t count = 0, ends = 0;
    for (uint32_t l = 0; l < p->layer_count; l++) all[count++] = &k->layers[l];
    for (uint32_t e = 0; e < p->edge_count; e++) all[count++] = &k->strips[e];
    for (uint32_t i = 0; i < count; i++) {
        ck_assert(all[i]->x + all[i]->w <= k->width && all[i]->y + all[i]->h <= p->height);
        for (uint32_t j = 0; j < i; j++) ck_assert(disjoint(all[i], all[j]));
    }
    for (uint32_t e = 0; e < p->edge_count; e++) {
        check_strip(t, p, k, e);
        ends += k->relation[e] == WFC_BE_IN || k->relation[e] == WFC_BE_OUT ? k->strips[e].w : 0;
    }
    ck_assert_uint_eq(k->width, ends + ruled_width(t, p, k, t->node_count - 1));
    ck_assert_int_eq(k->fits, k->width <= p->width);
    for (uint32_t l = 0; l < p->layer_count; l++) {
        const wfc_be_tree_node *n = &t->nodes[t->leaf[l]];
        ck_assert(k->layers[l].y == n->y && k->layers[l].h == n->h && k->layers[l].w > 0);
    }
}

/* A tree as made: what it promises holds with the columns it estimated. */
static void check_tree(const problem *t, const wfc_be_tree *tree) {
    const wfc_be_tree_problem *p = &t->p;
    check_nodes(tree, p);
    uint16_t layer_cols[MAX_L], strip_cols[MAX_E];
    double slowest = 0;
    for (uint32_t l = 0; l < p->layer_count; l++) {
        const wfc_be_tree_node *n = &tree->nodes[tree->leaf[l]];
        const wfc_be_shape *s = &p->layers[l].shapes[tree->shape[l]];
        ck_assert(s->rows <= n->h && s->cols == n->w);
        slowest = fmax(slowest, s->cycles);
        layer_cols[l] = s->cols;
    }
    ck_assert_double_eq(slowest, tree->cycles);
    for (uint32_t e = 0; e < p->edge_count; e++) {
        wfc_be_cut cut;
        wfc_be_tree_cut(tree, &p->edges[e], &cut);
        uint32_t y[2], h[2];
        for (int k = 0; k < 2; k++) {
            const wfc_be_tree_node *n = &tree->nodes[tree->leaf[k ? p->edges[e].to : p->edges[e].from]];
            y[k] = n->y, h[k] = n->h;
        }
        if (cut.level && cut.relation == WFC_BE_EAST) ck_assert(y[0] == y[1] && h[0] == h[1]);
        strip_cols[e] = (uint16_t)wfc_be_cut_cols(&cut, &p->edges[e], tree->cycles);
    }
    wfc_be_packing k;
    ck_assert_int_eq(wfc_be_tree_pack(tree, p, layer_cols, strip_cols, NULL, &k), WFC_OK);
    check_packing(tree, p, &k);
    ck_assert_uint_eq(k.width, tree->width);
    ck_assert(k.fits);
    for (uint32_t l = 0; l < p->layer_count; l++) ck_assert_uint_eq(k.layers[l].x, tree->nodes[tree->leaf[l]].x);
    ck_assert_ptr_nonnull(strstr(tree->report, wfc_be_tree_method_name(tree->method)));
    ck_assert(tree->score >= tree->cycles && tree->link_cycles >= 0 && tree->wire >= 0);
    wfc_be_packing_deinit(&k);
}

/* Any tree, any columns. */
static void random_tree(const wfc_be_tree_problem *p, wfc_be_tree *t) {
    uint32_t roots[MAX_L], count = p->layer_count;
    ck_assert_int_eq(wfc_be_tree_alloc(t, p->layer_count), WFC_OK);
    for (uint32_t l = 0; l < count; l++) roots[l] = wfc_be_tree_add_leaf(t, l);
    while (count > 1) {
        uint32_t i = below(count), a = roots[i];
        roots[i] = roots[--count];
        uint32_t j = below(count);
        roots[j] = wfc_be_tree_add(t, below(2) ? WFC_BE_TREE_V : WFC_BE_TREE_H, a, roots[j]);
    }
    t->nodes[t->node_count - 1].h = p->height;
    for (uint32_t n = t->node_count; n-- > 0;) {
        const wfc_be_tree_node *k = &t->nodes[n];
        if (k->kind == WFC_BE_TREE_LEAF) continue;
        bool v = k->kind == WFC_BE_TREE_V;
        uint32_t h1 = v ? k->h : k->h / 2;
        t->nodes[k->first].y = k->y, t->nodes[k->first].h = h1;
        t->nodes[k->second].y = v ? k->y : k->y + h1, t->nodes[k->second].h = v ? k->h : k->h - h1;
    }
}

START_TEST(test_random_trees_pack) {
    rng = 1;
    uint32_t seen[5] = {0}, fitting = 0;
    for (int round = 0; round < 500; round++) {
        problem t;
        random_problem(&t, 1 + below(SOME_L), (uint16_t)(20 + below(300)), 1 << 14);
        wfc_be_tree tree;
        random_tree(&t.p, &tree);
        uint16_t layer_cols[MAX_L], strip_cols[MAX_E];
        for (uint32_t l = 0; l < t.p.layer_count; l++) layer_cols[l] = (uint16_t)(1 + below(9));
        for (uint32_t e = 0; e < t.p.edge_count; e++) {
            wfc_be_relation r = wfc_be_edge_relation(&tree, &t.p.edges[e]);
            seen[r]++;
            strip_cols[e] = (uint16_t)(below(4) + (r == WFC_BE_WEST || r == WFC_BE_STACK));
        }
        wfc_be_packing k;
        ck_assert_int_eq(wfc_be_tree_pack(&tree, &t.p, layer_cols, strip_cols, NULL, &k), WFC_OK);
        check_nodes(&tree, &t.p);
        check_packing(&tree, &t.p, &k);
        fitting += k.fits;
        wfc_be_packing_deinit(&k);
        wfc_be_tree_deinit(&tree);
    }
    for (int r = 0; r < 5; r++) ck_assert_uint_gt(seen[r], 100);
    ck_assert(fitting > 100 && fitting < 490);
}
END_TEST

/* The picture at the top of tree.c. */
START_TEST(test_pack_by_hand) {
    problem t;
    start(&t, 3, 9, 10);
    edge(&t, 0, 1, 10, 0);
    edge(&t, 1, 2, 10, 0);
    host_edge(&t, 0, true, 1);
    wfc_be_tree tree;
    ck_assert_int_eq(wfc_be_tree_alloc(&tree, 3), WFC_OK);
    uint32_t a = wfc_be_tree_add_leaf(&tree, 0), b = wfc_be_tree_add_leaf(&tree, 1);
    uint32_t ab = wfc_be_tree_add(&tree, WFC_BE_TREE_H, a, b), c = wfc_be_tree_add_leaf(&tree, 2);
    wfc_be_tree_add(&tree, WFC_BE_TREE_V, ab, c);
    tree.nodes[0].h = 6, tree.nodes[1].y = 6, tree.nodes[1].h = 4;
    for (uint32_t n = 2; n < 5; n++) tree.nodes[n].h = 10;
    uint16_t layers[] = {3, 2, 2}, strips[] = {2, 2, 1};
    wfc_be_packing k;
    ck_assert_int_eq(wfc_be_tree_pack(&tree, &t.p, layers, strips, NULL, &k), WFC_OK);
    check_packing(&tree, &t.p, &k);
    ck_assert(k.layers[0].x == 1 && k.layers[1].x == 1 && k.layers[2].x == 8);
    ck_assert(k.strips[0].x == 4 && k.strips[1].x == 6 && k.strips[2].x == 0);
    ck_assert(k.relation[0] == WFC_BE_STACK && k.relation[1] == WFC_BE_EAST && k.relation[2] == WFC_BE_IN);
    ck_assert(k.width == 10 && !k.fits);
    wfc_be_packing_deinit(&k);
    wfc_diag diag;
    wfc_diag_init(&diag);
    strips[0] = 0; /* a strip that turns back must exist, a direct one need not */
    ck_assert_int_eq(wfc_be_tree_pack(&tree, &t.p, layers, strips, &diag, &k), WFC_ERR_INTERNAL);
    strips[0] = 1, strips[1] = 0;
    ck_assert_int_eq(wfc_be_tree_pack(&tree, &t.p, layers, strips, &diag, &k), WFC_OK);
    ck_assert(k.width == 7 && k.fits);
    wfc_be_packing_deinit(&k);
    layers[1] = 0;
    ck_assert_int_eq(wfc_be_tree_pack(&tree, &t.p, layers, strips, &diag, &k), WFC_ERR_INTERNAL);
    ck_assert_uint_eq(diag.count, 2);
    wfc_diag_deinit(&diag);
    wfc_be_tree_deinit(&tree);
}
END_TEST

/* ---- trees as made ---- */

START_TEST(test_made_trees) {
    for (int m = 0; m < WFC_BE_TREE_METHODS; m++) {
        rng = 7;
        uint32_t made = 0, refused = 0, rounds = m == WFC_BE_TREE_METIS ? 60 : 150; /* it searches longer */
        for (uint32_t round = 0; round < rounds; round++) {
            problem t;
            random_problem(&t, 1 + below(SOME_L), (uint16_t)(5 + below(120)), (uint16_t)(4 + below(60)));
            wfc_be_tree x, y;
            wfc_diag diag;
            wfc_diag_init(&diag);
            wfc_status s = wfc_be_tree_make(&t.p, (wfc_be_tree_method)m, round, &diag, &x);
            ck_assert_int_eq(wfc_be_tree_make(&t.p, (wfc_be_tree_method)m, round, NULL, &y), s);
            if (s == WFC_OK) {
                made++;
                check_tree(&t, &x);
                ck_assert_int_eq(x.method, m);
                ck_assert_str_eq(x.report, y.report);
                for (uint32_t n = 0; n < x.node_count; n++) {
                    const wfc_be_tree_node *a = &x.nodes[n], *b = &y.nodes[n];
                    ck_assert(a->kind == b->kind && a->y == b->y && a->h == b->h && a->x == b->x && a->w == b->w);
                }
            } else {
                refused++;
                ck_assert_int_eq(s, WFC_ERR_NO_FIT);
                ck_assert_ptr_nonnull(strstr(diag.items[diag.count - 1].text, "columns"));
            }
            wfc_be_tree_deinit(&x);
            wfc_be_tree_deinit(&y);
            wfc_diag_deinit(&diag);
        }
        ck_assert(made > rounds / 3 && refused > rounds / 20);
    }
}
END_TEST

/* Another area, the same cuts: as good a tree as can be had from them, or the old one untouched. */
START_TEST(test_refit) {
    rng = 19;
    uint32_t fitted = 0, refused = 0;
    for (int round = 0; round < 60; round++) {
        problem t;
        random_problem(&t, 1 + below(SOME_L), (uint16_t)(60 + below(60)), (uint16_t)(20 + below(40)));
        wfc_be_tree tree;
        if (wfc_be_tree_make(&t.p, WFC_BE_TREE_ROWS, 0, NULL, &tree) != WFC_OK) continue;
        double score = tree.score, cycles = tree.cycles;
        ck_assert_int_eq(wfc_be_tree_refit(&t.p, NULL, &tree), WFC_OK);
        check_tree(&t, &tree);
        ck_assert(tree.score == score && tree.cycles == cycles);
        t.p.width = (uint16_t)(t.p.width * (20 + below(80)) / 100);
        wfc_diag diag;
        wfc_diag_init(&diag);
        if (wfc_be_tree_refit(&t.p, &diag, &tree) == WFC_OK) {
            fitted++;
            check_tree(&t, &tree);
            ck_assert_double_ge(tree.cycles, cycles);
        } else {
            refused++;
            ck_assert_uint_eq(diag.count, 1);
            ck_assert(tree.cycles == cycles && tree.report);
        }
        wfc_diag_deinit(&diag);
        wfc_be_tree_deinit(&tree);
    }
    ck_assert(fitted > 10 && refused > 5);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("tree");
    TCase *c = tcase_create("tree");
    tcase_set_timeout(c, 120);
    tcase_add_test(c, test_random_trees_pack);
    tcase_add_test(c, test_pack_by_hand);
    tcase_add_test(c, test_made_trees);
    tcase_add_test(c, test_refit);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
