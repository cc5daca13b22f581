/* Recursive bisection of the layer graph into a slicing tree. part_metis.c is the only file that calls METIS, and it
 * trusts nothing: inputs are scaled and cleaned, every result is checked, and small graphs are compared with the exact
 * optimum. What did not come from METIS is said in a note. */
#ifndef WFC_BACKEND_PLACE_PART_METIS_H
#define WFC_BACKEND_PLACE_PART_METIS_H

#include "support/diag.h"
#include "support/mem.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct wfc_be_part_edge {
    uint32_t from, to; /* vertices; equal ends and repeated edges are allowed */
    double words;      /* per sample, >= 0; a tensor with d readers: words / d on each edge */
} wfc_be_part_edge;

/* Vertices are layers in a topological order of the data flow. Borrowed arrays. */
typedef struct wfc_be_part_graph {
    uint32_t vertex_count;
    const double *pes; /* [vertex_count] weight, >= 0 */
    const wfc_be_part_edge *edges;
    uint32_t edge_count;
} wfc_be_part_graph;

/* Why a result of METIS was not taken. */
typedef enum wfc_be_metis_verdict {
    WFC_BE_METIS_OK = 0,
    WFC_BE_METIS_NOT_ASKED,    /* fewer than 3 vertices, no edges, or one vertex heavier than all others together */
    WFC_BE_METIS_FAILED,       /* returned an error */
    WFC_BE_METIS_OUT_OF_RANGE, /* a part number other than 0, 1 */
    WFC_BE_METIS_EMPTY,        /* a side without vertices */
    WFC_BE_METIS_WRONG_CUT     /* the cut it reports is not the cut of its parts */
} wfc_be_metis_verdict;

typedef struct wfc_be_slice_node {
    bool is_leaf;
    uint32_t vertex;      /* leaf */
    uint32_t left, right; /* inner: node indices */
    double pes;           /* sum below */
    double cut_words;     /* inner: words of the edges between the sides */
} wfc_be_slice_node;

/* A binary tree; each vertex is one leaf. Freed with wfc_be_slice_deinit. */
typedef struct wfc_be_slice {
    wfc_be_slice_node *nodes; /* [node_count] children come before their parent; the last is the root */
    uint32_t node_count;
    uint32_t from_metis, from_exact, from_prefix, trivial; /* where the bisections came from */
    uint32_t beaten, refused;                              /* answers of METIS: worse than the optimum; unusable */
    wfc_be_metis_verdict last_refusal;
} wfc_be_slice;

enum {
    WFC_BE_EXACT_VERTICES = 12, /* up to here every bisection is compared with the optimum: 2^11 candidates */
    WFC_BE_MAX_VERTICES = 4096  /* the wrapper holds a dense n x n matrix */
};

/* Bisects recursively. A side may weigh up to 1.1 times half (more where a single vertex does); least cut among those.
 * Equal inputs and seed give an equal tree, whatever the state of libc's rand, which METIS resets.
 * Errors: WFC_ERR_INTERNAL for an empty graph, a vertex out of range, negative or non-finite weights. */
WFC_MUST_USE wfc_status wfc_be_partition(const wfc_be_part_graph *g, uint64_t seed, wfc_diag *diag, wfc_be_slice *out);
void wfc_be_slice_deinit(wfc_be_slice *s);
/* The note about bisections that did not come from METIS; wfc_be_partition leaves it in its diag. */
void wfc_be_slice_announce(const wfc_be_slice *s, wfc_diag *diag);

const char *wfc_be_metis_verdict_name(wfc_be_metis_verdict v);

/* One checked bisection; part[v] = 0 or 1. Only this function calls METIS. out_verdict says whether part is usable. */
WFC_MUST_USE wfc_status wfc_be_metis_bisect(const wfc_be_part_graph *g, uint64_t seed, uint8_t *part,
                                            wfc_be_metis_verdict *out_verdict);
/* Checks of a result: every part is 0 or 1, none is empty, and the reported cut equals the cut of the parts (-1: not
 * reported). Graph in METIS's compressed form with int32 weights. */
wfc_be_metis_verdict wfc_be_metis_check(uint32_t n, const int32_t *xadj, const int32_t *adjncy, const int32_t *adjwgt,
                                        const int32_t *part, int64_t reported_cut);
/* Exact bisection by trying all, n <= WFC_BE_EXACT_VERTICES. */
void wfc_be_exact_bisect(const wfc_be_part_graph *g, uint8_t *part);
/* Best cut of the topological order into two runs: the way out for larger graphs that METIS fails on. */
void wfc_be_prefix_bisect(const wfc_be_part_graph *g, uint8_t *part);
/* How two bisections compare: first the balance beyond what is allowed, then the cut, then the heavier side.
 * < 0 when x is better. */
int wfc_be_bisect_compare(const wfc_be_part_graph *g, const uint8_t *x, const uint8_t *y);

#endif
