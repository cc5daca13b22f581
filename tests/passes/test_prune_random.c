/* Masks survive: random graphs, every criterion and every structure, each pass alone and the default pipeline. For each
 * contract the number of products with a weight that is not zero, over its whole index space, is the same before and
 * behind (places may be permuted, padding may move into coordinates), and at the end the masks say what the zeros do.
 * Usage: test_prune_random [first seed] [count]. */
#include "ir/eval/eval.h"
#include "passes/pass.h"
#include "passes/prune/prune.h"
#include "tests/ir/random_graph.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const methods[] = {"magnitude:0.5",       "magnitude:0.6:global",
                                      "magnitude:0.5:row",   "lamp:0.5",
                                      "random:0.7:erk",      "random:0.5:seed=4",
                                      "magnitude:1:2",       "lamp:2:4",
                                      "random:.5:block=2x1", "magnitude:.5:block=1x3:global",
                                      "synflow:.6:rounds=3", "snip:.5",
                                      "wanda:.5:row",        "wanda:2:4",
                                      "sparsegpt:.6",        "sparsegpt:1:2"};
enum { METHODS = sizeof methods / sizeof *methods, MAX_CONTRACTS = 64 };

/* Operand b as a tensor; false when it is no constant or computed. */
static bool weights_of(const wfc_graph *g, wfc_value v, wfc_diag *d, wfc_tensor *out) {
    const wfc_node *n = wfc_ir_node_c(g, v);
    wfc_tensor in = {0};
    const wfc_tensor *ptr[] = {&in};
    if (n->op != WFC_CORE_CONST && n->op != WFC_CORE_VIEW) return false;
    if (n->op == WFC_CORE_VIEW && !weights_of(g, wfc_ir_operand(g, v, 0), d, &in)) return false;
    bool ok = wfc_ir_eval_node(g, v, ptr, d, out) == WFC_OK;
    wfc_tensor_deinit(&in);
    return ok;
}

/* Points of the index space where b is in range and not zero. */
static uint64_t products(const wfc_space *s, const wfc_tensor *b) {
    uint64_t points = 1, found = 0;
    for (unsigned v = 0; v < s->index_count; v++) points *= s->extent[v];
    for (uint64_t p = 0; p < points; p++) {
        uint64_t left = p, at = 0;
        uint32_t index[WFC_IR_MAX_INDEX];
        for (unsigned v = 0; v < s->index_count; v++) {
            index[v] = (uint32_t)(left % s->extent[v]);
            left /= s->extent[v];
        }
        bool inside = true;
        for (unsigned k = 0; k < b->rank; k++) {
            int64_t c = s->b[k].offset;
            for (unsigned v = 0; v < s->index_count; v++) c += (int64_t)s->b[k].coef[v] * index[v];
            inside &= c >= 0 && c < b->dims[k];
            at = at * b->dims[k] + (uint64_t)c;
        }
        found += inside && wfc_dtype_get((wfc_dtype)b->dtype, b->data, (size_t)at) != 0;
    }
    return found;
}

static int by_size(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static size_t count_products(const wfc_graph *g, wfc_diag *d, uint64_t *out) {
    size_t n = 0;
    for (uint32_t i = 0; i < g->nodes.count && n < MAX_CONTRACTS; i++) {
        wfc_tensor b = {0};
        if (g->nodes.data[i].op != WFC_CORE_CONTRACT) continue;
        if (!weights_of(g, wfc_ir_operand(g, (wfc_value){i}, 1), d, &b)) continue;
        out[n++] = products(&g->nodes.data[i].u.contract, &b);
        wfc_tensor_deinit(&b);
    }
    qsort(out, n, sizeof *out, by_size);
    return n;
}

static bool masks_say_it(const wfc_graph *g) {
    wfc_weight_list w;
    if (wfc_weights_find(g, &w) != WFC_OK) return false;
    bool ok = true;
    for (size_t k = 0; k < w.count; k++) {
        const wfc_node *n = wfc_ir_node_c(g, w.data[k]);
        for (uint64_t i = 0; i < wfc_shape_elems(&n->shape); i++) {
            bool zero = wfc_dtype_get((wfc_dtype)n->dtype, n->u.konst.data.bytes, (size_t)i) == 0;
            ok &= zero == (n->u.konst.mask && !n->u.konst.mask[i]);
        }
    }
    wfc_vec_free(&w);
    return ok;
}

/* ---- Data for those that want some ---- */

typedef struct data {
    wfc_prune_data given;
    wfc_tensor *inputs;
    wfc_tensor gradient; /* of the weight asked for last */
} data;

static const wfc_tensor *gradient(void *ctx, const wfc_node *w) {
    data *t = ctx;
    uint32_t elems = (uint32_t)wfc_shape_elems(&w->shape);
    wfc_tensor_deinit(&t->gradient);
    if (wfc_tensor_init(&t->gradient, WFC_F32, 1, &elems) != WFC_OK) return NULL;
    for (uint32_t i = 0; i < elems; i++) ((float *)t->gradient.data)[i] = (float)(i * 7919 % 13) - 6;
    return &t->gradient;
}

static wfc_status data_init(data *t, uint64_t seed, const wfc_graph *g) {
    *t = (data){.given = {.gradient = gradient, .ctx = t}};
    WFC_TRY(random_inputs(seed, g, &t->inputs, &t->given.input_count));
    t->given.inputs = t->inputs;
    return WFC_OK;
}

static void data_deinit(data *t) {
    free_tensors(t->inputs, t->given.input_count);
    wfc_tensor_deinit(&t->gradient);
}

typedef struct tally {
    unsigned graphs, pruned, refused, failed;
} tally;

/* `pass` alone, then all. */
static void check(uint64_t seed, const char *how, const char *pass, tally *t) {
    static const char *const clean[] = {"fold", "identity", NULL};
    const char *const alone[] = {pass, NULL};
    random_graph_options opt = {.smooth = true, .no_exact_ops = true, .batch = 1};
    uint64_t dense[MAX_CONTRACTS], before[MAX_CONTRACTS], after[MAX_CONTRACTS];
    wfc_graph g;
    wfc_diag d;
    wfc_prune_spec spec;
    char why[WFC_PRUNE_WHY_BYTES];
    wfc_diag_init(&d);
    wfc_status s = random_graph(seed, &opt, &d, &g);
    if (s == WFC_OK) s = wfc_pass_run(&g, clean, &d, NULL, NULL);
    size_t n = s == WFC_OK ? count_products(&g, &d, dense) : 0, m = 0;
    bool ok = s == WFC_OK && wfc_prune_parse(how, &spec, why);
    if (ok && n > 0) {
        t->graphs++;
        data t_data;
        s = data_init(&t_data, seed, &g);
        if (s == WFC_OK) s = wfc_prune(&g, &spec, &t_data.given, &d);
        data_deinit(&t_data);
        if (s == WFC_ERR_UNSUPPORTED) {
            t->refused++;
        } else {
            ok = s == WFC_OK && count_products(&g, &d, before) == n;
            t->pruned += ok && memcmp(before, dense, n * sizeof *before) != 0;
            ok = ok && wfc_pass_run(&g, alone, &d, NULL, NULL) == WFC_OK;
            m = ok ? count_products(&g, &d, after) : 0;
            ok = ok && m == n && memcmp(before, after, n * sizeof *before) == 0;
            ok = ok && wfc_pass_run(&g, wfc_pass_default_pipeline(), &d, NULL, NULL) == WFC_OK;
            m = ok ? count_products(&g, &d, after) : 0;
            ok = ok && m == n && memcmp(before, after, n * sizeof *before) == 0 && masks_say_it(&g);
        }
    }
    if (!ok) {
        char *text = graph_text(&g);
        fprintf(stderr, "seed %llu, %s, %s: status %d, %zu contracts before, %zu behind\n%s", (unsigned long long)seed,
                how, pass, (int)s, n, m, text ? text : "");
        for (size_t i = 0; i < n && i < m; i++)
            fprintf(stderr, "%llu %llu\n", (unsigned long long)before[i], (unsigned long long)after[i]);
        for (size_t i = 0; i < d.count; i++) fprintf(stderr, "%s %s\n", d.items[i].code, d.items[i].text);
        free(text);
        t->failed++;
    }
    wfc_graph_deinit(&g);
    wfc_diag_deinit(&d);
}

/* Channels that nobody reads are removed: fewer elements, the same values bit by bit, and all passes still take it. */
static void check_shrink(uint64_t seed, tally *t) {
    static const char *const clean[] = {"fold", "identity", NULL};
    random_graph_options opt = {.smooth = true, .no_exact_ops = true, .batch = (uint32_t)(seed % 2)};
    wfc_graph g;
    wfc_diag d;
    wfc_prune_spec spec;
    char why[WFC_PRUNE_WHY_BYTES];
    data given = {0};
    wfc_tensor a[4] = {{0}}, b[4] = {{0}};
    uint32_t removed = 0;
    wfc_diag_init(&d);
    wfc_status s = random_graph(seed, &opt, &d, &g);
    if (s == WFC_OK) s = wfc_pass_run(&g, clean, &d, NULL, NULL);
    bool ok = s == WFC_OK && wfc_prune_parse("magnitude:.5:filter", &spec, why);
    if (ok) s = wfc_prune(&g, &spec, NULL, &d);
    if (ok && s == WFC_ERR_UNSUPPORTED) {
        t->refused++;
    } else if (ok) {
        t->graphs++;
        if (s == WFC_OK) s = data_init(&given, seed, &g);
        if (s == WFC_OK) s = wfc_ir_eval(&g, given.inputs, given.given.input_count, &d, a);
        if (s == WFC_OK) s = wfc_prune_shrink(&g, &d, &removed);
        if (s == WFC_OK) s = wfc_ir_eval(&g, given.inputs, given.given.input_count, &d, b);
        ok = s == WFC_OK;
        for (size_t i = 0; ok && i < g.outputs.count; i++) ok = tensors_bit_equal(&a[i], &b[i]);
        ok = ok && wfc_pass_run(&g, wfc_pass_default_pipeline(), &d, NULL, NULL) == WFC_OK;
        t->pruned += removed > 0;
    }
    if (!ok) {
        char *text = graph_text(&g);
        fprintf(stderr, "seed %llu, shrink: status %d\n%s", (unsigned long long)seed, (int)s, text ? text : "");
        for (size_t i = 0; i < d.count; i++) fprintf(stderr, "%s %s\n", d.items[i].code, d.items[i].text);
        free(text);
        t->failed++;
    }
    for (size_t i = 0; i < 4; i++) {
        wfc_tensor_deinit(&a[i]);
        wfc_tensor_deinit(&b[i]);
    }
    data_deinit(&given);
    wfc_graph_deinit(&g);
    wfc_diag_deinit(&d);
}

int main(int argc, char **argv) {
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1, count = argc > 2 ? strtoull(argv[2], NULL, 10) : 50;
    unsigned failed = 0;
    for (size_t i = 0; i < METHODS; i++) {
        tally t = {0};
        for (const wfc_pass *const *p = wfc_pass_list(); *p; p++)
            for (uint64_t s = 0; s < count && t.failed < 3; s++) check(first + s, methods[i], (*p)->name, &t);
        printf("%-30s graphs %u pruned %u refused %u failed %u\n", methods[i], t.graphs, t.pruned, t.refused, t.failed);
        failed += t.failed + (t.pruned * 4 < t.graphs - t.refused) +
                  (t.refused * 3 > t.graphs * 2); /* a method that changes nothing tests nothing */
    }
    tally t = {0};
    for (uint64_t s = 0; s < 10 * count && t.failed < 3; s++) check_shrink(first + s, &t);
    printf("%-30s graphs %u shrunk %u refused %u failed %u\n", "filter", t.graphs, t.pruned, t.refused, t.failed);
    failed += t.failed + (t.pruned < count / 20);
    return failed ? 1 : 0;
}
