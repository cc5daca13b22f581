/* Pruning: which elements of a contract's constant operand are meant to be there. A change of the imported graph with
 * parameters, made before any pass; README.md of this folder says how it is put together.
 *
 * A weight is a constant of float elements that operand b of a contract is, or is seen through views (a transposed or
 * reshaped initializer). Constants with the same bytes (one initializer read in two shapes, or by two layers) are one
 * weight. Depthwise and tiny layers are weights like all others; biases and all other constants are none. */
#ifndef WFC_PASSES_PRUNE_PRUNE_H
#define WFC_PASSES_PRUNE_PRUNE_H

#include "ir/graph.h"
#include "support/tensor.h"

/* A weight's first constant in node order. */
typedef WFC_VEC(wfc_value) wfc_weight_list;
/* All weights, in the order of the first contracts that read them. Constants without elements are left out. Free with
 * wfc_vec_free. */
WFC_MUST_USE wfc_status wfc_weights_find(const wfc_graph *g, wfc_weight_list *out);
/* Contract `contract` reads weight `w` as its operand b, perhaps through views. */
bool wfc_weight_read_by(const wfc_graph *g, wfc_value w, wfc_value contract);

/* What tells weights apart: a record in criteria.c. */
typedef struct wfc_prune_criterion wfc_prune_criterion;
/* How the sparsity is shared out among layers: a record in distribution.c. */
typedef struct wfc_prune_distribution wfc_prune_distribution;
/* Name and one line of meaning of record i; false behind the last. For help and error texts. */
bool wfc_prune_criterion_text(unsigned i, const char **name, const char **doc);
bool wfc_prune_distribution_text(unsigned i, const char **name, const char **doc);

typedef enum wfc_prune_scope {
    WFC_PRUNE_LAYER, /* one threshold for each weight */
    WFC_PRUNE_ROW,   /* one for each output row of a weight */
    WFC_PRUNE_GLOBAL /* one over all weights */
} wfc_prune_scope;

/* What a recipe says of the layers whose names match. NAN: nothing said. */
typedef struct wfc_prune_rule {
    char glob[120];  /* fnmatch's, on the weight's name and the names of the layers that read it */
    double sparsity; /* of this layer, outside what the others share out */
    double min, max; /* bounds of what it gets */
    bool ignore;     /* left as it is, counted nowhere */
    bool only;       /* what no such rule matches is ignored */
} wfc_prune_rule;

enum { WFC_PRUNE_MAX_LIST = 512, WFC_PRUNE_MAX_RULES = 128, WFC_PRUNE_MAX_SIDE = 1024 };
typedef struct wfc_prune_spec {
    const wfc_prune_criterion *criterion;
    const wfc_prune_distribution *distribution; /* NULL with scope GLOBAL */
    wfc_prune_scope scope;
    double sparsity;                    /* in [0, 1) */
    uint32_t keep, of;                  /* N:M: `keep` of each `of` consecutive input channels stay; 0: not so */
    uint32_t block_rows, block_columns; /* outputs x input channels that go or stay together; 0: not so */
    bool filters;                       /* whole channels go or stay */
    uint64_t seed;                      /* of random scores */
    uint32_t rounds;                    /* of an iterative criterion */
    uint32_t list_count, rule_count;
    double list[WFC_PRUNE_MAX_LIST]; /* sparsity by layer, when list_count > 0 */
    wfc_prune_rule rules[WFC_PRUNE_MAX_RULES];
} wfc_prune_spec;

enum { WFC_PRUNE_WHY_BYTES = 240 };
/* "CRITERION:SPARSITY[:WORD]...", see docs/sparsity.md. False with the reason in `why`. */
bool wfc_prune_parse(const char *text, wfc_prune_spec *out, char why[WFC_PRUNE_WHY_BYTES]);
/* The parts of it, for recipes. wfc_prune_finish fills in what the parts leave open and refuses parts that do not go
 * together. */
void wfc_prune_begin(wfc_prune_spec *s);
bool wfc_prune_set_criterion(wfc_prune_spec *s, const char *name);
bool wfc_prune_set_word(wfc_prune_spec *s,
                        const char *word); /* scope, distribution, block=RxC, filter, seed=, rounds= */
bool wfc_prune_set_sparsity(wfc_prune_spec *s, const char *text); /* "0.9", ".5,.9,0" by layer, "2:4" */
bool wfc_prune_finish(wfc_prune_spec *s, char why[WFC_PRUNE_WHY_BYTES]);
/* What the criterion reads beside the weights. */
bool wfc_prune_wants_samples(const wfc_prune_spec *s);
bool wfc_prune_wants_gradients(const wfc_prune_spec *s);

typedef struct wfc_prune_data {
    const wfc_tensor *inputs; /* calibration: one per input node, in order, the leading axis a multiple of the node's */
    uint32_t input_count;
    /* The gradient of the loss by a weight, in the layout of the weight's ONNX tensor; NULL when there is none. */
    const wfc_tensor *(*gradient)(void *ctx, const wfc_node *weight);
    void *ctx;
} wfc_prune_data;

/* Sets masks and zeroes what they leave out. Of n elements (of a weight, a row, or all weights) round(S n) go, halves
 * up: zeros that are there first, then the lowest scores, ties by place: the earlier weight, then the smaller index. To
 * be run on the imported graph, before the passes: then scores and masks are those of the model's own tensors; all
 * passes keep zeros zero. Weights that constant nodes compute are folded first. `data` may be NULL where the criterion
 * wants none. Cost: linear but for SynFlow (rounds), and SparseGPT (cubic in the inputs of a layer).
 * Errors: WFC_ERR_INPUT for NaN among weights (WFC-E0282), sparsities that cannot be met (WFC-E0285), data that is
 * missing or does not fit (WFC-E0286); WFC_ERR_UNSUPPORTED for nets the criterion is not defined on (WFC-E0287). After
 * an error the weights are good for nothing. */
WFC_MUST_USE wfc_status wfc_prune(wfc_graph *g, const wfc_prune_spec *spec, const wfc_prune_data *data, wfc_diag *diag);

/* Channels whose every reader is a weight with zeros for them are removed: all shapes, index spaces, constants and
 * masks they are in become smaller. What the graph computes stays, bit by bit where all is finite. Sets of channels
 * that are seen from outside, reshaped, or summed over otherwise stay, and of each set at least one. For what wfc_prune
 * made of `filter`, and for any other such zeros. */
WFC_MUST_USE wfc_status wfc_prune_shrink(wfc_graph *g, wfc_diag *diag, uint32_t *out_removed);

#endif
