/* Widths and order of the layers on the wafer: full-height slabs from west to east.
 *
 *   | layer 0 | adapter | layer 1 | layer 2 | free columns |
 *
 * Widths: the slowest layer is as fast as the columns allow (exact: binary search over the options' cycle counts).
 * Order: every edge must point east. The slicing tree gives one order per way of flipping its nodes; where a cut has
 * edges both ways no flip works. The plain topological order competes, and the cheapest one wins. */
#ifndef WFC_BACKEND_PLACE_FLOORPLAN_H
#define WFC_BACKEND_PLACE_FLOORPLAN_H

#include "backend/place/part_metis.h"

/* One way to build a layer over the full height. Lists are ascending in cols and strictly descending in cycles. */
typedef struct wfc_be_width_option {
    uint16_t cols;
    double cycles; /* per sample */
} wfc_be_width_option;

typedef struct wfc_be_floor_layer {
    const char *name;
    const wfc_be_width_option *options;
    uint32_t option_count;
} wfc_be_floor_layer;

typedef struct wfc_be_floor_edge {
    uint32_t from, to;     /* layers; from < to: layers are numbered in a topological order. An edge
                            from the host, kept for its adapter's columns, has from == to and no words. */
    double words;          /* per sample */
    uint16_t adapter_cols; /* 0: none. The adapter lies directly west of `to`. */
} wfc_be_floor_edge;

typedef struct wfc_be_floor_problem {
    uint16_t width, height; /* columns to fill, rows that carry the words */
    const wfc_be_floor_layer *layers;
    uint32_t layer_count;
    const wfc_be_floor_edge *edges;
    uint32_t edge_count;
} wfc_be_floor_problem;

typedef struct wfc_be_floor_slab {
    uint32_t layer, edge; /* adapter: the edge, and its reader as layer; layer slab: edge UINT32_MAX */
    uint16_t x, cols;
} wfc_be_floor_slab;

typedef struct wfc_be_floorplan {
    wfc_be_floor_slab *slabs; /* from west to east, x ascending without gaps */
    uint32_t slab_count;
    uint32_t *option;    /* [layer_count] index of the chosen width */
    double layer_cycles; /* the slowest layer */
    double link_cycles;  /* words over the busiest border between slabs / height */
    double wire;         /* sum over edges of words x columns between the slabs */
    uint16_t used_cols;
    bool tree_won;
    char *report; /* which order won and why, one line; never NULL */
} wfc_be_floorplan;

/* Order of a slicing tree's leaves with every node flipped so that its edges point east; false when some cut has edges
 * both ways. order[layer_count]. */
bool wfc_be_floor_order(const wfc_be_floor_problem *p, const wfc_be_slice *tree, uint32_t *order);
/* Least achievable time of the slowest layer within `cols` columns; option[] receives the narrowest choice for it.
 * Returns a negative number when even the narrowest layers do not fit. */
double wfc_be_floor_widths(const wfc_be_floor_problem *p, uint32_t cols, uint32_t *option);

/* trees: candidates, may be 0 of them. Ties go to the first tree, then to the topological order. The plan is freed with
 * wfc_be_floorplan_deinit. Errors: WFC_ERR_NO_FIT with columns needed and available and the widest layers;
 * WFC_ERR_INTERNAL for a malformed problem. */
WFC_MUST_USE wfc_status wfc_be_floorplan_make(const wfc_be_floor_problem *p, const wfc_be_slice *trees,
                                              uint32_t tree_count, wfc_diag *diag, wfc_be_floorplan *out);
void wfc_be_floorplan_deinit(wfc_be_floorplan *f);

#endif
