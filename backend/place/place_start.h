/* Trees that the annealing of a contest graph starts from. Not for use outside backend/place. */
#ifndef WFC_BACKEND_PLACE_PLACE_START_H
#define WFC_BACKEND_PLACE_PLACE_START_H

#include "backend/place/anneal.h"

enum { WFC_BE_STARTS_MOST = 64 };

typedef struct wfc_be_starts {
    wfc_be_anneal_state states[WFC_BE_STARTS_MOST];
    uint32_t count;
} wfc_be_starts;

/* Bands of slabs and of groups, each at the least time at which so many bands fit, and the floorplanner's trees. All
 * fit the mesh; there may be none. Uses `a` as its workbench. */
WFC_MUST_USE wfc_status wfc_be_starts_make(wfc_be_starts *s, wfc_be_anneal *a, uint64_t seed);
void wfc_be_starts_deinit(wfc_be_starts *s);

#endif
