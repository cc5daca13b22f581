/* Inside backend/embed: ways for all logical hops of one attempt. */
#ifndef WFC_BACKEND_EMBED_HOPS_H
#define WFC_BACKEND_EMBED_HOPS_H

#include "backend/embed/mesh_internal.h"

enum { WFC_BE_WAY_NONE = 0, WFC_BE_WAY_EAST = 1, WFC_BE_WAY_SOUTH = 2 }; /* indices of the plain ones */

typedef struct wfc_be_hop_failure {
    wfc_xy at; /* the western or northern end */
    bool east;
} wfc_be_hop_failure;

typedef struct wfc_be_hops {
    wfc_be_grid *g; /* home, dropped, parity: given; passes: written */
    wfc_diag *diag;
    uint32_t rows;
    const uint16_t *row_y;  /* [x * h + row] */
    uint16_t *east, *south; /* [x * h + row], written */
    WFC_VEC(wfc_be_way) ways;
    WFC_VEC(wfc_be_hop_failure) failures; /* hops without a way; of a column only the first */
    uint32_t east_detours, south_detours;
    uint16_t longest;
} wfc_be_hops;

wfc_status wfc_be_hops_find(wfc_be_hops *h);

#endif
