/* Per-PE data of the page: one number per place of the used rectangle, row by row, little-endian, compressed by zlib,
 * in base64. Neighbouring PEs are alike, so a full wafer takes a few hundred KB. Inside report/ only. */
#ifndef WFC_REPORT_PLANES_H
#define WFC_REPORT_PLANES_H

#include "report/report_facts.h"

typedef enum wfc_report_plane {
    WFC_PLANE_CLASS = 0, /* 0: no PE of the program; 1: routes only; 2 + class index */
    WFC_PLANE_LAYER,     /* 0: none; 1 + layer index */
    WFC_PLANE_COLOURS,   /* colours routed */
    WFC_PLANE_NORTH,     /* words per sample on the link that leaves north, and so on */
    WFC_PLANE_EAST,
    WFC_PLANE_SOUTH,
    WFC_PLANE_WEST,
    WFC_PLANES
} wfc_report_plane;
extern const char *const wfc_report_plane_names[WFC_PLANES];

/* Appends the base64 text; *out_bytes is the width of a number: 1, 2 or 4. `grid` is that of wfc_report_grid. */
WFC_MUST_USE wfc_status wfc_report_plane_encode(const wfc_report_facts *f, const uint32_t *grid, wfc_report_plane plane,
                                                wfc_diag *diag, wfc_buf *text, unsigned *out_bytes);

#endif
