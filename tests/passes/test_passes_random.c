/* Differential: the evaluator before and after each pass on random graphs. All passes but scalefold keep every bit;
 * scalefold may change rounding only. Usage: test_passes_random [first seed] [count]. */
#include "ir/eval/eval.h"
#include "passes/pass.h"
#include "tests/ir/random_graph.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct tally {
    unsigned graphs, changed, skipped, failed, unbatched, merged_nodes;
} tally;

static void report(uint64_t seed, const char *what, const wfc_diag *d, const char *before, const wfc_graph *after) {
    char *text = graph_text(after);
    fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed, what);
    for (size_t i = 0; i < d->count; i++)
        fprintf(stderr, "  %s %s: %s\n", d->items[i].code, d->items[i].where, d->items[i].text);
    fprintf(stderr, "--- before\n%s--- after\n%s", before, text ? text : "");
    free(text);
}

static bool close_to(const wfc_tensor *a, const wfc_tensor *b, double *limit, bool *comparable) {
    double top = 0, worst = 0;
    uint64_t elems = wfc_tensor_elems(a);
    for (uint64_t i = 0; i < elems; i++) {
        double x = wfc_dtype_get(WFC_F32, a->data, (size_t)i), y = wfc_dtype_get(WFC_F32, b->data, (size_t)i);
        if (!isfinite(x) || fabs(x) > 1e30) *comparable = false;
        if (fabs(x) > top) top = fabs(x);
        if (fabs(x - y) > worst || isnan(y)) worst = isnan(y) ? INFINITY : fabs(x - y);
    }
    *limit = 1e-4 * top + 1e-5;
    return worst <= *limit;
}

/* Passes on one graph, compared with what `base` alone makes of it; true when the results agree. */
static bool check_pass(uint64_t seed, const random_graph_options *opt, const char *const *base,
                       const char *const *passes, bool exact, tally *t) {
    wfc_graph g, ref;
    wfc_diag d;
    wfc_tensor *in = NULL, a[4] = {{0}}, b[4] = {{0}};
    uint32_t inputs = 0;
    bool ok = false, comparable = true;
    wfc_diag_init(&d);
    wfc_status s = random_graph(seed, opt, &d, &ref);
    s = s == WFC_OK ? random_graph(seed, opt, &d, &g) : (wfc_graph_init(&g), s);
    if (s == WFC_OK) s = wfc_ir_verify(&ref, &d);
    if (s == WFC_OK) s = wfc_ir_compact(&ref);
    if (s == WFC_OK) s = wfc_pass_run(&ref, base, &d, NULL, NULL);
    char *before = graph_text(&ref), *after = NULL;
    if (s == WFC_OK) s = wfc_pass_run(&g, base, &d, NULL, NULL);
    if (s == WFC_OK) s = random_inputs(seed, &ref, &in, &inputs);
    if (s == WFC_OK) s = wfc_ir_eval(&ref, in, inputs, &d, a);
    if (s == WFC_OK) s = wfc_pass_run(&g, passes, &d, NULL, NULL);
    if (s == WFC_OK) s = wfc_ir_eval(&g, in, inputs, &d, b);
    if (s == WFC_OK) {
        ok = true;
        for (size_t i = 0; i < ref.outputs.count && ok; i++) {
            double limit;
            ok = tensors_bit_equal(&a[i], &b[i]) || (!exact && close_to(&a[i], &b[i], &limit, &comparable));
        }
        after = graph_text(&g);
        t->changed += before && after && strcmp(before, after) != 0;
    }
    if (!ok && !comparable && !exact) {
        t->skipped++;
        ok = true;
    }
    t->graphs++;
    if (!ok) {
        t->failed++;
        report(seed, s == WFC_OK ? "values differ" : "error", &d, before ? before : "", &g);
    }
    free(before);
    free(after);
    free_tensors(in, inputs);
    for (size_t i = 0; i < 4; i++) {
        wfc_tensor_deinit(&a[i]);
        wfc_tensor_deinit(&b[i]);
    }
    wfc_graph_deinit(&g);
    wfc_graph_deinit(&ref);
    wfc_diag_deinit(&d);
    return ok;
}

/* Sample i of a batched tensor. */
static bool cut(const wfc_tensor *batch, uint32_t i, wfc_tensor *out) {
    uint32_t dims[WFC_TENSOR_MAX_RANK];
    memcpy(dims, batch->dims, sizeof dims);
    dims[0] = 1;
    if (wfc_tensor_init(out, (wfc_dtype)batch->dtype, batch->rank, dims) != WFC_OK) return false;
    size_t bytes = (size_t)wfc_tensor_elems(out) * wfc_dtype_bytes((wfc_dtype)batch->dtype);
    memcpy(out->data, (const char *)batch->data + i * bytes, bytes);
    return true;
}

/* The batch in one evaluation against sample after sample through the unbatched graph. */
static bool check_unbatch(uint64_t seed, tally *t) {
    static const char *const passes[] = {"unbatch", NULL};
    random_graph_options opt = {.batch = 2 + (uint32_t)(seed % 3)};
    wfc_graph g, ref;
    wfc_diag d;
    wfc_tensor *in = NULL, a[4] = {{0}};
    uint32_t inputs = 0;
    wfc_diag_init(&d);
    wfc_status s = random_graph(seed, &opt, &d, &ref);
    s = s == WFC_OK ? random_graph(seed, &opt, &d, &g) : (wfc_graph_init(&g), s);
    if (s == WFC_OK) s = random_inputs(seed, &ref, &in, &inputs);
    if (s == WFC_OK) s = wfc_ir_eval(&ref, in, inputs, &d, a);
    if (s == WFC_OK) s = wfc_pass_run(&g, passes, &d, NULL, NULL);
    bool ok = s == WFC_OK;
    t->graphs++;
    t->unbatched += ok && g.unbatched;
    for (uint32_t i = 0; ok && g.unbatched && i < g.samples; i++) {
        wfc_tensor one[4] = {{0}}, b[4] = {{0}};
        for (uint32_t k = 0; k < inputs; k++) ok = ok && cut(&in[k], i, &one[k]);
        ok = ok && wfc_ir_eval(&g, one, inputs, &d, b) == WFC_OK;
        for (size_t k = 0; ok && k < ref.outputs.count; k++) {
            wfc_tensor want = {0};
            ok = cut(&a[k], i, &want) && tensors_bit_equal(&want, &b[k]);
            wfc_tensor_deinit(&want);
        }
        for (size_t k = 0; k < 4; k++) {
            wfc_tensor_deinit(&one[k]);
            wfc_tensor_deinit(&b[k]);
        }
    }
    if (!ok) {
        char *before = graph_text(&ref);
        t->failed++;
        report(seed, "unbatch", &d, before ? before : "", &g);
        free(before);
    }
    free_tensors(in, inputs);
    for (size_t i = 0; i < 4; i++) wfc_tensor_deinit(&a[i]);
    wfc_graph_deinit(&g);
    wfc_graph_deinit(&ref);
    wfc_diag_deinit(&d);
    return ok;
}

/* The Nth allocation fails during the default pipeline: an error each time, nothing leaks. */
static bool check_memory(uint64_t seed) {
    for (size_t n = 1; n < 100000; n++) {
        random_graph_options opt = {.nodes = 8, .batch = 1};
        wfc_graph g;
        wfc_diag d;
        wfc_diag_init(&d);
        if (random_graph(seed, &opt, &d, &g) != WFC_OK) return false;
        (void)wfc_mem_fail_nth(n);
        wfc_status s = wfc_pass_run(&g, wfc_pass_default_pipeline(), &d, NULL, NULL);
        bool done = wfc_mem_fail_nth(0) < n;
        wfc_graph_deinit(&g);
        wfc_diag_deinit(&d);
        if (done) return s == WFC_OK;
        if (s != WFC_OK && s != WFC_ERR_NO_MEMORY) {
            fprintf(stderr, "allocation %zu failed: status %d\n", n, (int)s);
            return false;
        }
    }
    return false;
}

int main(int argc, char **argv) {
    static const char *const exact[][4] = {{"fold"},      {"identity"}, {"viewmerge"},
                                           {"concatpad"}, {"fuse"},     {"identity", "viewmerge", "identity"}};
    static const char *const none[] = {NULL}, *const clean[] = {"fold", "identity", NULL};
    static const char *const rounding[] = {"scalefold", "identity", NULL};
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1, count = argc > 2 ? strtoull(argv[2], NULL, 10) : 400;
    unsigned failed = 0;
    for (size_t p = 0; p < sizeof exact / sizeof *exact; p++) {
        random_graph_options opt = {0};
        tally t = {0};
        for (uint64_t s = 0; s < count && t.failed < 3; s++)
            (void)check_pass(first + s, &opt, none, exact[p], true, &t);
        printf("%-10s graphs %u changed %u failed %u\n", exact[p][0], t.graphs, t.changed, t.failed);
        failed += t.failed + (t.changed * 20 < t.graphs); /* a pass that changes nothing tests nothing */
    }
    random_graph_options smooth = {.smooth = true, .no_exact_ops = true};
    random_graph_options single = {.smooth = true, .no_exact_ops = true, .batch = 1};
    tally t = {0}, all = {0}, u = {0};
    for (uint64_t s = 0; s < count && t.failed < 3; s++)
        (void)check_pass(first + s, &smooth, clean, rounding, false, &t);
    printf("%-10s graphs %u changed %u skipped %u failed %u\n", "scalefold", t.graphs, t.changed, t.skipped, t.failed);
    static const char *const splitting[] = {"splitreduce", NULL};
    tally split = {0};
    for (uint64_t s = 0; s < count && split.failed < 3; s++)
        (void)check_pass(first + s, &smooth, clean, splitting, false, &split);
    printf("%-10s graphs %u changed %u skipped %u failed %u\n", "splitreduce", split.graphs, split.changed,
           split.skipped, split.failed);
    failed += split.failed;
    for (uint64_t s = 0; s < count && all.failed < 3; s++)
        (void)check_pass(first + s, &single, none, wfc_pass_default_pipeline(), false, &all);
    printf("%-10s graphs %u changed %u skipped %u failed %u\n", "default", all.graphs, all.changed, all.skipped,
           all.failed);
    for (uint64_t s = 0; s < count && u.failed < 3; s++) (void)check_unbatch(first + s, &u);
    printf("%-10s graphs %u unbatched %u failed %u\n", "unbatch", u.graphs, u.unbatched, u.failed);
    failed += t.failed + all.failed + u.failed + (t.changed * 20 < t.graphs) + (u.unbatched * 5 < u.graphs);
    for (uint64_t s = first; s < first + 3; s++)
        if (!check_memory(s)) failed++, fprintf(stderr, "seed %llu: memory\n", (unsigned long long)s);
    return failed ? 1 : 0;
}
