/* The table of criteria, and those that look at nothing but the weights (and a gradient). */
#include "passes/prune/pruning.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const wfc_prune_criterion table[] = {
    {.name = "magnitude", .doc = "|w|", .scope = WFC_PRUNE_LAYER, .score = wfc_prune_score_magnitude},
    {.name = "lamp",
     .doc = "w^2 over the sum of w^2 of the layer's weights that are not smaller (LAMP)",
     .scope = WFC_PRUNE_GLOBAL,
     .score = wfc_prune_score_lamp},
    {.name = "random", .doc = "drawn by seed=N", .scope = WFC_PRUNE_LAYER, .score = wfc_prune_score_random},
    {.name = "snip",
     .doc = "|g w|, with gradients g given",
     .scope = WFC_PRUNE_GLOBAL,
     .wants_gradients = true,
     .score = wfc_prune_score_snip},
    {.name = "synflow",
     .doc = "|w| times the derivative by it of what flows through the net of |w| (SynFlow), in rounds",
     .scope = WFC_PRUNE_GLOBAL,
     .rounds = 100,
     .score = wfc_prune_score_synflow},
    {.name = "wanda",
     .doc = "|w| times the norm of its input over the samples (Wanda)",
     .scope = WFC_PRUNE_GLOBAL,
     .wants_samples = true,
     .score = wfc_prune_score_wanda},
    {.name = "sparsegpt",
     .doc = "by the error it makes over the samples, the rest corrected for it (SparseGPT)",
     .scope = WFC_PRUNE_LAYER,
     .wants_samples = true,
     .solve = wfc_prune_solve_sparsegpt},
};
enum { COUNT = sizeof table / sizeof *table };

const wfc_prune_criterion *wfc_prune_criterion_find(const char *name) {
    for (unsigned i = 0; i < COUNT; i++)
        if (strcmp(table[i].name, name) == 0) return &table[i];
    return NULL;
}

bool wfc_prune_criterion_text(unsigned i, const char **name, const char **doc) {
    if (i >= COUNT) return false;
    *name = table[i].name;
    *doc = table[i].doc;
    return true;
}

/* Read off the weights where they are compared. */
wfc_status wfc_prune_score_magnitude(wfc_pruning *p) {
    (void)p;
    return WFC_OK;
}

/* ---- LAMP: Lee et al., "Layer-adaptive sparsity for the magnitude-based pruning" (ICLR 2021) ---- */

static int by_square(const void *a, const void *b) {
    const double *x = *(const double *const *)a, *y = *(const double *const *)b;
    if (*x != *y) return *x < *y ? -1 : 1;
    return x < y ? -1 : x > y; /* of equal ones the first has the longer sum, and goes first */
}

/* {1, 2, 3, 4} -> 1/30, 4/29, 9/25, 1. */
static wfc_status lamp_layer(wfc_pruning *p, wfc_prune_layer *l) {
    WFC_TRY(wfc_prune_make_scores(p, l));
    double **order = wfc_calloc((size_t)l->elems, sizeof *order), sum = 0;
    if (!order) return WFC_ERR_NO_MEMORY;
    for (uint64_t i = 0; i < l->elems; i++) {
        double w = wfc_prune_value(l, i);
        l->scores[i] = w * w;
        order[i] = &l->scores[i];
    }
    qsort(order, (size_t)l->elems, sizeof *order, by_square);
    for (uint64_t k = l->elems; k-- > 0;) {
        sum += *order[k];
        if (sum > 0) *order[k] = isinf(*order[k]) ? 1 : *order[k] / sum;
    }
    wfc_free(order);
    return WFC_OK;
}

wfc_status wfc_prune_score_lamp(wfc_pruning *p) {
    for (size_t k = 0; k < p->count; k++)
        if (!p->layers[k].ignored) WFC_TRY(lamp_layer(p, &p->layers[k]));
    return WFC_OK;
}

/* ---- random ---- */

/* Numbers in (0, 1], one for each element of the layers in order: a layer's do not depend on the sparsity. */
wfc_status wfc_prune_score_random(wfc_pruning *p) {
    uint64_t state = p->spec->seed;
    for (size_t k = 0; k < p->count; k++) {
        wfc_prune_layer *l = &p->layers[k];
        if (l->ignored) continue;
        WFC_TRY(wfc_prune_make_scores(p, l));
        for (uint64_t i = 0; i < l->elems; i++) l->scores[i] = (double)((wfc_rng_next(&state) >> 11) + 1) * 0x1p-53;
    }
    return WFC_OK;
}

/* ---- SNIP: Lee et al. (ICLR 2019); its division by the sum over all weights changes no order ---- */

wfc_status wfc_prune_score_snip(wfc_pruning *p) {
    for (size_t k = 0; k < p->count; k++) {
        wfc_prune_layer *l = &p->layers[k];
        if (l->ignored) continue;
        const wfc_node *n = wfc_ir_node_c(p->g, l->weight);
        const wfc_tensor *t = p->data->gradient ? p->data->gradient(p->data->ctx, n) : NULL;
        if (!t)
            return wfc_fail(p->diag, WFC_ERR_INPUT, "WFC-E0286", n->name,
                            "there is no gradient for this weight; give one under this name, or ignore the layer");
        if (wfc_tensor_elems(t) != l->elems || !wfc_dtype_is_float((wfc_dtype)t->dtype))
            return wfc_fail(p->diag, WFC_ERR_INPUT, "WFC-E0286", n->name,
                            "its gradient has %llu elements of %s, expected %llu floats in the layout of the weight",
                            (unsigned long long)wfc_tensor_elems(t), wfc_dtype_name((wfc_dtype)t->dtype),
                            (unsigned long long)l->elems);
        WFC_TRY(wfc_prune_make_scores(p, l));
        for (uint64_t i = 0; i < l->elems; i++)
            l->scores[i] = fabs(wfc_dtype_get((wfc_dtype)t->dtype, t->data, (size_t)i) * wfc_prune_value(l, i));
    }
    return WFC_OK;
}
