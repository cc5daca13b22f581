/* Planning: sizes and splits of layers. */
#ifndef WFC_BACKEND_PLAN_H
#define WFC_BACKEND_PLAN_H

#include "backend/be.h"

/* Chooses every layer's split and columns, leaving `reserve` columns for adapters; sets be->target_cycles.
 * WFC_ERR_NO_FIT names the layer or the columns that lack. */
WFC_MUST_USE wfc_status wfc_be_plan(wfc_be *be, uint32_t reserve);
/* Predicted cycles per sample of a layer's present split; -2: does not fit SRAM, -1: not a split. */
double wfc_be_split_cycles(wfc_be *be, wfc_be_layer *l, uint64_t *sram_bytes);

#endif
