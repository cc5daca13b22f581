/* Splits of neighbouring layers chosen together for a time T, with adapters priced. docs/mapping.md section 2; plan.c
 * searches for the least T. */
#ifndef WFC_BACKEND_SPLITS_H
#define WFC_BACKEND_SPLITS_H

#include "backend/floor.h"

enum { WFC_BE_CANDIDATES = 80 };

/* A key of a layer and columns with which it is within T. */
typedef struct wfc_be_candidate {
    uint32_t key, cols;
} wfc_be_candidate;

/* An edge between layers, or from the host (from == UINT32_MAX). */
typedef struct wfc_be_link {
    uint32_t from, to, edge, out; /* out: number among the links of `from` */
    wfc_be_sample *sample;
    double words; /* of the source tensor */
} wfc_be_link;

typedef struct wfc_be_priced {
    uint64_t name; /* link, key, key; 0 free */
    wfc_be_moves moves;
    const wfc_be_lesson *lesson; /* NULL: none */
} wfc_be_priced;

typedef struct wfc_be_planner {
    wfc_be *be;
    uint32_t n; /* layers */
    wfc_be_keys *keys;
    uint32_t *out_count;
    wfc_be_link *links;
    uint32_t link_count;
    int32_t *main_link; /* [layer] its producer's link in the dynamic programme, -1 none */
    wfc_be_candidate (*cand)[WFC_BE_CANDIDATES];
    uint32_t *cand_count, *choice;
    double (*cost)[WFC_BE_CANDIDATES];
    wfc_be_priced *pairs;
    uint32_t pair_slots, pair_count;
    double T;
    double bound; /* > T: what cannot be done in T may take so long; 0: nothing may */
    wfc_be_floor *floor;
    bool wider; /* candidates by fineness, too */
} wfc_be_planner;

/* Edges between layers and from the host, with samples of their elements. */
WFC_MUST_USE wfc_status wfc_be_plan_links(wfc_be_planner *p);

/* Choice at p->T = T for layers of at most `width` columns; *columns: what it takes, INFINITY when a layer cannot be
 * that fast. */
WFC_MUST_USE wfc_status wfc_be_plan_choose(wfc_be_planner *p, double T, uint32_t width, double *columns);

/* Columns of the choice: of layers, of adapters, and of the floorplan that holds both. */
WFC_MUST_USE wfc_status wfc_be_plan_total(wfc_be_planner *p, double *layers, double *adapters, uint32_t *columns);

/* Columns of the adapter of link k between candidates of its ends; INFINITY: wider than any may be. */
WFC_MUST_USE wfc_status wfc_be_link_columns(wfc_be_planner *p, uint32_t k, uint32_t c_from, uint32_t c_to,
                                            double *cols);

/* Makes the choice the layers' splits, and tells each edge the adapter that it was priced with. */
void wfc_be_plan_apply(wfc_be_planner *p);
WFC_MUST_USE wfc_status wfc_be_plan_expect(wfc_be_planner *p);

#endif
