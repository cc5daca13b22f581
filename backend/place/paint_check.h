/* Independent checker of placements in the ISPD 2020 contest's form: it shares no code with the placer, not even the
 * reader of graphs, so that it can contradict it. */
#ifndef WFC_BACKEND_PLACE_PAINT_CHECK_H
#define WFC_BACKEND_PLACE_PAINT_CHECK_H

#include "support/diag.h"
#include <stddef.h>
#include <stdint.h>

typedef struct wfc_be_paint_text {
    const char *name, *text; /* file name for messages; contents */
    size_t size;
} wfc_be_paint_text;

typedef struct wfc_be_paint_score {
    double time, wire, objective; /* objective = wdeltat x time + wlength x wire */
    uint32_t kernels, edges, width, height;
    uint64_t pes; /* covered by kernels */
} wfc_be_paint_score;

/* Whether each kernel of the graph has arguments within its letters, fits memlimit, lies once on the mesh and overlaps
 * none; and what the placement scores. Errors: WFC_ERR_INPUT: WFC-E1605 (a line that cannot be read, file:line),
 * WFC-E1606 (not legal: kernel and place; up to 20 of them). */
WFC_MUST_USE wfc_status wfc_be_paint_check(const wfc_be_paint_text *graph, const wfc_be_paint_text *paint,
                                           wfc_diag *diag, wfc_be_paint_score *out);

#endif
