/* The model's own functions. Private to the frontend. */
#ifndef WFC_FRONTEND_INLINE_H
#define WFC_FRONTEND_INLINE_H

#include "frontend/convert.h"

/* Fills c->flat with the nodes of the main graph, calls of functions replaced by their bodies. Errors: WFC_ERR_INPUT
 * for recursion, calls too deep or of too many nodes; WFC_ERR_UNSUPPORTED for functions defined twice. */
WFC_MUST_USE wfc_status wfc_fe_inline(wfc_fe_ctx *c);

#endif
