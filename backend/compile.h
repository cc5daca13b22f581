/* The backend's entry: an optimised graph and a target become a verified, checked program. */
#ifndef WFC_BACKEND_COMPILE_H
#define WFC_BACKEND_COMPILE_H

#include "ir/graph.h"
#include "runtime/program/program.h"

/* Contracts with zeros among their weights: by predicted cycles; sparse wherever it can be (also without zeros); dense.
 */
typedef enum wfc_sparse_form { WFC_SPARSE_BY_COST = 0, WFC_SPARSE_ALWAYS, WFC_SPARSE_NEVER } wfc_sparse_form;

/* What a layer's PEs are given by: its time in the faster of both forms, or dense whatever its zeros. */
typedef enum wfc_allot { WFC_ALLOT_SPARSE = 0, WFC_ALLOT_DENSE } wfc_allot;
/* Placement methods, bits of `place`. */
enum { WFC_PLACE_SLABS = 1, WFC_PLACE_METIS = 2, WFC_PLACE_ROWS = 4 };

typedef struct wfc_compile_options {
    uint64_t seed;          /* of the partitioner's choices */
    const char *model_name; /* base name, for reports */
    unsigned place;         /* set of WFC_PLACE_*: the methods to try; 0: all */
    wfc_prog_rect region;   /* the PEs to use; w 0: the whole target */
    uint32_t max_pes;       /* use a region of at most so many PEs; 0: no limit. Not together with region */
    uint8_t allot;          /* wfc_allot */
    const wfc_program
        *like;          /* another program of the same model: its splits and rectangles are used again; NULL none */
    bool parity;        /* colours by parity of rows and columns, as detours around dead PEs need them */
    uint8_t sparse;     /* wfc_sparse_form */
    bool random_splits; /* tests: every layer's split and width drawn by `seed` instead of chosen by cost */
    bool as_if_large;   /* tests: plan as large models are planned, whatever the number of layers and the room */
} wfc_compile_options;

/* `g`: after the default pass pipeline (groups assigned). `out` is initialised here; destroy with wfc_program_deinit
 * also on failure. Errors: WFC_ERR_UNSUPPORTED (every node that has no kernel, in one list), WFC_ERR_NO_FIT (which
 * layer, by how much). */
/* Plans only: splits, floorplan and adapters. `out` has the target, the layers with rectangles, splits and predicted
 * cycles, and predicted_delta_t_cycles; no PEs, and no program to run. The same errors. */
WFC_MUST_USE wfc_status wfc_be_plan_only(const wfc_graph *g, const wfc_target *t, const wfc_compile_options *opt,
                                         wfc_diag *diag, wfc_program *out);

/* What a model needs whatever the plan: weights of its contracts, against the SRAM that a target has for them. */
typedef struct wfc_be_needs_of {
    uint64_t weight_bytes, weights, sram_bytes; /* sram_bytes: of all usable PEs, less what code and buffers take */
    uint64_t pes_needed, pes;                   /* PEs whose SRAM would hold the weights once; PEs of the target */
    double sparsity; /* share of zeros at which tables of the others (8 bytes each) would fit; 0: they fit dense */
    struct {
        const char *name; /* the contract's first ONNX node */
        uint64_t bytes;
    } largest[5]; /* descending; bytes 0: none */
} wfc_be_needs_of;
void wfc_be_model_needs(const wfc_graph *g, const wfc_target *t, wfc_be_needs_of *out);

WFC_MUST_USE wfc_status wfc_be_compile(const wfc_graph *g, const wfc_target *t, const wfc_compile_options *opt,
                                       wfc_diag *diag, wfc_program *out);

#endif
