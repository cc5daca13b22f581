/* Local operators of a layer: maps and reduces over what the PE holds. */
#ifndef WFC_BACKEND_KERNELS_K_LOCAL_H
#define WFC_BACKEND_KERNELS_K_LOCAL_H

#include "backend/kernels/kernel.h"
#include "backend/kernels/nest.h"

/* Where a value lies in PE memory: `box` laid out by wfc_be_box_strides from `offset_bytes`. */
typedef struct wfc_be_site {
    uint32_t array, offset_bytes;
    uint8_t half_reg;
    wfc_be_box box;
} wfc_be_site;

typedef struct wfc_be_local {
    wfc_be *be;
    const wfc_be_layer *l;
    const wfc_be_need *need;
    wfc_be_pe_build *b;
    const wfc_be_site *edge; /* [edge_count] */
    wfc_be_site *value;      /* [node_count] */
    uint32_t out_array;      /* the last value goes here, row-major in its box's local order */
    uint8_t first_reg;       /* four registers for nests */
} wfc_be_local;
/* Emits nodes first..node_count-1; the last one's value ends in out_array. */
WFC_MUST_USE wfc_status wfc_be_emit_local(wfc_be_local *k, uint32_t first);
/* Copies a placed value into a bordered array where its readers look beyond it; does nothing otherwise. */
WFC_MUST_USE wfc_status wfc_be_border(wfc_be_local *k, uint32_t node);

#endif
