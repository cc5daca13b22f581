/* Plans taken from another program of the same model: the same PEs for every layer. */
#ifndef WFC_BACKEND_LIKE_H
#define WFC_BACKEND_LIKE_H

#include "backend/be.h"

/* Splits and rows of be->opt->like; then, once streams and adapters are made, their places. WFC_ERR_NO_FIT: a layer or
 * an adapter that the other program does not have. */
WFC_MUST_USE wfc_status wfc_be_plan_like(wfc_be *be);
WFC_MUST_USE wfc_status wfc_be_place_like(wfc_be *be);
/* Relays of an edge in the other program. */
uint32_t wfc_be_relays_like(wfc_be *be, const char *reader, uint32_t layer, uint32_t edge);
/* Columns of an adapter in the other program; 0: not planned by one, or not there. */
uint32_t wfc_be_cols_like(const wfc_be *be, const char *adapter);

#endif
