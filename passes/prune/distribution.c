/* The table of distributions.
 *
 * ERK (Erdos-Renyi-Kernel), from Evci et al., "Rigging the Lottery" (ICML 2020), the iteration of their code: the
 * density of a layer is e p with p = (sum of dims) / (product of dims); e is what makes the sum right, and the layers
 * with the largest p are made dense while e p would be above 1. Example, 784-300-100-10 at S = .9: p = .004609,
 * .013333, .11; first e = 26620 / 1594 = 16.7 makes the last layer 1.84, so it is dense; then e = 17.27: .07957,
 * .23019, 1. */
#include "passes/prune/distribution.h"
#include <math.h>
#include <string.h>

static bool uniform(const wfc_prune_shape *l, size_t n, double s, double *out) {
    (void)l;
    for (size_t i = 0; i < n; i++) out[i] = s;
    return true;
}

static bool first_dense(const wfc_prune_shape *l, size_t n, double s, double *out) {
    (void)uniform(l, n, s, out);
    out[0] = 0;
    return true;
}

/* Lee et al., LAMP (ICLR 2021), after Gale et al.: what the first and the last layer keep too much, the others lose. */
static bool uniform_plus(const wfc_prune_shape *l, size_t n, double s, double *out) {
    double all = 0, between = 0, last = (double)l[n - 1].elems;
    for (size_t i = 0; i < n; i++) all += (double)l[i].elems;
    for (size_t i = 1; i + 1 < n; i++) between += (double)l[i].elems;
    out[0] = 0;
    if (n == 1) return s == 0;
    double rest = s * all / (between + last);
    if (rest > .8) {
        double middle = between > 0 ? (s * all - .8 * last) / between : 2;
        if (middle > 1) return false;
        for (size_t i = 1; i + 1 < n; i++) out[i] = middle;
        out[n - 1] = .8;
        return true;
    }
    for (size_t i = 1; i < n; i++) out[i] = rest;
    return true;
}

static bool erk(const wfc_prune_shape *l, size_t n, double s, double *out) {
    for (size_t i = 0; i < n; i++) out[i] = 1; /* 0: made dense */
    for (;;) {
        double ones = 0, sum = 0, top = 0;
        for (size_t i = 0; i < n; i++) {
            double zeros = ceil(s * (double)l[i].elems), p = l[i].dim_sum / (double)l[i].elems;
            ones += out[i] == 0 ? -zeros : (double)l[i].elems - zeros;
            if (out[i] != 0) sum += l[i].dim_sum;
            if (out[i] != 0 && p > top) top = p;
        }
        double e = sum > 0 ? ones / sum : 0;
        if (e < 0) return false;
        if (e * top <= 1) {
            for (size_t i = 0; i < n; i++)
                if (out[i] != 0) out[i] = 1 - e * (l[i].dim_sum / (double)l[i].elems);
            return true;
        }
        for (size_t i = 0; i < n; i++)
            if (out[i] != 0 && l[i].dim_sum / (double)l[i].elems == top) out[i] = 0;
    }
}

static const wfc_prune_distribution table[] = {
    {"uniform", "every layer S", uniform},
    {"first-dense", "the first layer dense, all others S (RigL's uniform)", first_dense},
    {"uniform+", "the first layer dense, the last at least 20 % dense, S over all", uniform_plus},
    {"erk", "density by the sum over the product of a layer's dimensions, S over all", erk},
};
enum { COUNT = sizeof table / sizeof *table };

const wfc_prune_distribution *wfc_prune_distribution_find(const char *name) {
    for (unsigned i = 0; i < COUNT; i++)
        if (strcmp(table[i].name, name) == 0) return &table[i];
    return NULL;
}

bool wfc_prune_distribution_text(unsigned i, const char **name, const char **doc) {
    if (i >= COUNT) return false;
    *name = table[i].name;
    *doc = table[i].doc;
    return true;
}
