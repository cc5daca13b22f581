/* Nodes whose inputs are all constants. Private to the frontend. */
#ifndef WFC_FRONTEND_FOLD_H
#define WFC_FRONTEND_FOLD_H

#include "frontend/convert.h"

/* Whether every input that is given is a constant, and they are few enough to be looked at. */
bool wfc_fe_can_fold(const wfc_fe_ctx *c, const wfc_fe_node *n);
/* Converts the node in a scratch graph and evaluates that. *out_done false: it would take too long; convert it at run
 * time. Errors: those of the converter. */
WFC_MUST_USE wfc_status wfc_fe_fold_node(wfc_fe_ctx *c, wfc_fe_node *n, bool *out_done);

#endif
