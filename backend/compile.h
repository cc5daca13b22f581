/* The backend's entry: an optimised graph and a target become a verified, checked program. */
#ifndef WFC_BACKEND_COMPILE_H
#define WFC_BACKEND_COMPILE_H

#include "ir/graph.h"
#include "runtime/program/program.h"

/* Contracts with zeros among their weights: by predicted cycles; sparse wherever it can be (also without zeros); dense.
 */
typedef enum wfc_sparse_form { WFC_SPARSE_BY_COST = 0, WFC_SPARSE_ALWAYS, WFC_SPARSE_NEVER } wfc_sparse_form;

typedef struct wfc_compile_options {
    uint64_t seed;          /* of the partitioner's choices */
    const char *model_name; /* base name, for reports */
    unsigned place;         /* set of placement methods to try, bit per wfc_be_tree_method; 0: all */
    bool parity;            /* colours by parity of rows and columns, as detours around dead PEs need them */
    uint8_t sparse;         /* wfc_sparse_form */
    bool random_splits;     /* tests: every layer's split and width drawn by `seed` instead of chosen by cost */
} wfc_compile_options;

/* `g`: after the default pass pipeline (groups assigned). `out` is initialised here; destroy with wfc_program_deinit
 * also on failure. Errors: WFC_ERR_UNSUPPORTED (every node that has no kernel, in one list), WFC_ERR_NO_FIT (which
 * layer, by how much). */
WFC_MUST_USE wfc_status wfc_be_compile(const wfc_graph *g, const wfc_target *t, const wfc_compile_options *opt,
                                       wfc_diag *diag, wfc_program *out);

#endif
