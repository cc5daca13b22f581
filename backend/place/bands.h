/* Start trees for the annealing: an order of kernels cut into bands, bands into groups, groups into any slicing tree.
 * Not for use outside backend/place. */
#ifndef WFC_BACKEND_PLACE_BANDS_H
#define WFC_BACKEND_PLACE_BANDS_H

#include "backend/place/groups.h"

enum { WFC_BE_BANDS_MOST = 12 };

typedef struct wfc_be_bands {
    const wfc_be_kgraph *g;
    uint32_t n, length, height, width;
    wfc_be_groups groups;
    int16_t *band;       /* [n + 1][length] columns of the bands that start at one place, by their end */
    uint32_t band_start; /* what `band` holds */
    uint16_t *least;     /* [n][n + 1] least rows of the band i .. j-1; more than the height: none */
    uint32_t *rows,
        *from; /* [WFC_BE_BANDS_MOST + 1][n + 1] least rows of so many bands up to here; start of the last */
} wfc_be_bands;

WFC_MUST_USE wfc_status wfc_be_bands_init(wfc_be_bands *b, const wfc_be_leaf_curves *c);
void wfc_be_bands_deinit(wfc_be_bands *b);
/* All tables, for groups of at most `most_group` kernels. `order` must outlive the reading. */
void wfc_be_bands_make(wfc_be_bands *b, const uint32_t *order, const wfc_be_leaf_curve *leaf, uint32_t most_group);
bool wfc_be_bands_fit(const wfc_be_bands *b, uint32_t count);
/* The tree of so many bands, every second one reversed; they must fit. nodes[2 n - 1]. Returns the root. */
uint32_t wfc_be_bands_read(wfc_be_bands *b, uint32_t count, uint64_t *rng, wfc_be_anneal_node *nodes);

#endif
