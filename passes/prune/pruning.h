/* A pruning under way. Private to passes/prune. */
#ifndef WFC_PASSES_PRUNE_PRUNING_H
#define WFC_PASSES_PRUNE_PRUNING_H

#include "passes/prune/prune.h"

typedef struct wfc_prune_layer {
    wfc_value weight, contract; /* the constant, the first contract that reads it */
    const char *where;          /* for messages: the ONNX node of the contract */
    wfc_dtype dtype;
    uint64_t elems;
    uint8_t *bytes, *mask;  /* of the constants with this weight; ours to change, owned by the graph */
    bool ignored;           /* by a rule */
    double fixed, min, max; /* by rules; fixed NAN: by the distribution */
    double sparsity;        /* to be reached; not with scope GLOBAL */
    double *scores;         /* [elems], >= 0; NULL: the magnitudes */
} wfc_prune_layer;

typedef struct wfc_pruning {
    wfc_graph *g;
    const wfc_prune_spec *spec;
    const wfc_prune_data *data; /* never NULL */
    wfc_diag *diag;
    wfc_prune_layer *layers;
    size_t count;
} wfc_pruning;

struct wfc_prune_criterion {
    const char *name, *doc;
    wfc_prune_scope scope; /* when none is said */
    bool wants_samples, wants_gradients;
    uint32_t rounds; /* 0: one */
    /* One of the two. score fills `scores` of all layers that are not ignored (or leaves NULL for magnitudes), anew in
     * each round; what is pruned has weight 0 by then. solve prunes one layer to its sparsity (or N:M) and may change
     * the weights that stay; it keeps zeros zero. */
    wfc_status (*score)(wfc_pruning *p);
    wfc_status (*solve)(wfc_pruning *p);
};
const wfc_prune_criterion *wfc_prune_criterion_find(const char *name);

static inline double wfc_prune_value(const wfc_prune_layer *l, uint64_t i) {
    return wfc_dtype_get(l->dtype, l->bytes, (size_t)i);
}
/* Element i goes. */
void wfc_prune_drop(wfc_prune_layer *l, uint64_t i);
/* Makes l->scores, zeroed, when it is not there yet. */
WFC_MUST_USE wfc_status wfc_prune_make_scores(wfc_pruning *p, wfc_prune_layer *l);
/* round(share n), halves up, at most n. */
uint64_t wfc_prune_count(double share, uint64_t n);

/* Drops what the scores, the scope and the structure say, to the layers' sparsities (scope GLOBAL: to the spec's) times
 * 1 - (1 - S)^(part) / S: `part` in (0, 1] of an exponential schedule. threshold.c */
WFC_MUST_USE wfc_status wfc_prune_select(wfc_pruning *p, double part);

/* The same for whole channels (spec->filters), to the spec's sparsity of each set of tied ones. filters.c */
WFC_MUST_USE wfc_status wfc_prune_select_filters(wfc_pruning *p);
WFC_MUST_USE wfc_status wfc_prune_remove_unread(wfc_pruning *p, uint32_t *out_removed);

/* The criteria, each in its file. */
wfc_status wfc_prune_score_magnitude(wfc_pruning *p), wfc_prune_score_lamp(wfc_pruning *p),
    wfc_prune_score_random(wfc_pruning *p), wfc_prune_score_snip(wfc_pruning *p),
    wfc_prune_score_synflow(wfc_pruning *p), wfc_prune_score_wanda(wfc_pruning *p),
    wfc_prune_solve_sparsegpt(wfc_pruning *p);

#endif
