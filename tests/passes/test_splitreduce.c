/* Differential test of splitreduce: what random graphs hardly ever hold. A convolution of random extents, a tail (bias,
 * activation, a join, a pooling), then a sum or maximum over both spatial axes, by the evaluator before and after the
 * pass: it must have split, a maximum bit for bit, a sum up to its order. Usage: test_splitreduce [first seed] [count].
 */
#include "ir/eval/eval.h"
#include "passes/pass.h"
#include "tests/ir/random_graph.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT = 4096 };

static unsigned roll(uint64_t *state, unsigned n) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(*state >> 33) % n;
}

/* The graph's text; *max whether it ends in a maximum. */
static void make_text(uint64_t seed, char *text, bool *max) {
    uint64_t r = seed * 2 + 1;
    unsigned h = 2 + roll(&r, 6), w = 2 + roll(&r, 6), k = 1 + roll(&r, 4), tail = roll(&r, 4), keep = roll(&r, 2), at;
    *max = roll(&r, 2) != 0;
    int n = snprintf(text, TEXT,
                     "wfc.ir 1\ngraph @g {\n input %%x : f32[1,2,%u,%u]\n input %%z : f32[1,%u,%u,%u]\n"
                     " input %%w : f32[%u,2,3,3]\n"
                     " %%v0 = contract(%%x, %%w) {out=\"n k y x\", a=\"n c y+r-1 x+s-1\", b=\"k c r s\", "
                     "red=\"c=2 r=3 s=3\"} : f32[1,%u,%u,%u]\n",
                     h, w, k, h, w, k, k, h, w);
    static const char *const tails[] = {"max(a,0)", "add(a,b)", "t0=sigmoid(a); mul(a,t0)"};
    unsigned last = 0;
    if (tail < 3) {
        n += snprintf(text + n, TEXT - (size_t)n, " %%v1 = map(%%v0%s) {\"%s\"} : f32[1,%u,%u,%u]\n",
                      tail == 1 ? ", %z" : "", tails[tail], k, h, w);
        last = 1;
    }
    if (h >= 4 && w >= 4 && roll(&r, 2)) {
        at = last++;
        h /= 2, w /= 2;
        n += snprintf(text + n, TEXT - (size_t)n,
                      " %%v%u = reduce(%%v%u) {max, out=\"n k y x\", a=\"n k 2y+r 2x+s\", red=\"r=2 s=2\"} : "
                      "f32[1,%u,%u,%u]\n",
                      last, at, k, h, w);
    }
    snprintf(
        text + n, TEXT - (size_t)n,
        " %%y = reduce(%%v%u) {%s, out=\"n k%s\", a=\"n k r s\", red=\"r=%u s=%u\"} : f32[1,%u%s]\n output %%y\n}\n",
        last, *max ? "max" : "sum", keep ? " y x" : "", h, w, k, keep ? ",1,1" : "");
}

static unsigned reduces(const wfc_graph *g) {
    unsigned n = 0;
    for (size_t i = 0; i < g->nodes.count; i++) n += g->nodes.data[i].op == WFC_CORE_REDUCE;
    return n;
}

static bool close_enough(const wfc_tensor *a, const wfc_tensor *b) {
    uint64_t elems = wfc_tensor_elems(a);
    if (elems != wfc_tensor_elems(b)) return false;
    for (uint64_t i = 0; i < elems; i++) {
        double x = (double)((float *)a->data)[i], y = (double)((float *)b->data)[i];
        if (!(fabs(x - y) <= 1e-5 * (fabs(x) + 1))) return false;
    }
    return true;
}

static bool check(uint64_t seed) {
    static const char *const passes[] = {"splitreduce", NULL}, *const fuse[] = {"fuse", NULL};
    char text[TEXT];
    bool max, ok = false;
    wfc_graph g;
    wfc_diag d;
    wfc_tensor *in = NULL, before = {0}, after = {0};
    uint32_t inputs = 0;
    make_text(seed, text, &max);
    wfc_diag_init(&d);
    wfc_status s = wfc_ir_parse(text, strlen(text), "made here", &d, &g);
    if (s != WFC_OK) wfc_graph_init(&g);
    if (s == WFC_OK) s = random_inputs(seed, &g, &in, &inputs);
    if (s == WFC_OK) s = wfc_ir_eval(&g, in, inputs, &d, &before);
    unsigned had = reduces(&g);
    if (s == WFC_OK) s = wfc_pass_run(&g, passes, &d, NULL, NULL);
    if (s == WFC_OK) s = wfc_ir_eval(&g, in, inputs, &d, &after);
    if (s == WFC_OK) ok = reduces(&g) == had + 1;
    if (ok) ok = max ? tensors_bit_equal(&before, &after) : close_enough(&before, &after);
    if (ok) ok = wfc_pass_run(&g, fuse, &d, NULL, NULL) == WFC_OK;
    uint32_t groups = 0; /* the first part in the contract's group, the second in one of its own */
    for (size_t i = 0; i < g.nodes.count; i++)
        if (g.nodes.data[i].group > groups) groups = g.nodes.data[i].group;
    if (!ok || groups != 2) {
        char *now = graph_text(&g);
        fprintf(stderr, "seed %llu: %u groups\n%s--- after\n%s", (unsigned long long)seed, groups, text,
                now ? now : "");
        for (size_t i = 0; i < d.count; i++) fprintf(stderr, "%s: %s\n", d.items[i].where, d.items[i].text);
        free(now);
        ok = false;
    }
    free_tensors(in, inputs);
    wfc_tensor_deinit(&before);
    wfc_tensor_deinit(&after);
    wfc_graph_deinit(&g);
    wfc_diag_deinit(&d);
    return ok;
}

int main(int argc, char **argv) {
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1, count = argc > 2 ? strtoull(argv[2], NULL, 10) : 300;
    unsigned failed = 0;
    for (uint64_t s = first; s < first + count && failed < 3; s++) failed += !check(s);
    printf("%llu graphs, %u failed\n", (unsigned long long)count, failed);
    return failed ? 1 : 0;
}
