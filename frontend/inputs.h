/* Graph inputs, initializers and outputs. Private to the frontend. */
#ifndef WFC_FRONTEND_INPUTS_H
#define WFC_FRONTEND_INPUTS_H

#include "frontend/convert.h"

/* Initializers become constants. */
WFC_MUST_USE wfc_status wfc_fe_add_initializers(wfc_fe_ctx *c);
/* Graph inputs become IR inputs (or constants: bound ones). All axes without a value are listed in one error. */
WFC_MUST_USE wfc_status wfc_fe_add_inputs(wfc_fe_ctx *c);
/* Graph outputs, after all nodes. */
WFC_MUST_USE wfc_status wfc_fe_add_outputs(wfc_fe_ctx *c);
/* What stands for a value that a refused node should have made, so that the nodes after it are still checked: an IR
 * input of the declared shape, or poison. The graph is thrown away in the end. */
WFC_MUST_USE wfc_status wfc_fe_placeholder(wfc_fe_ctx *c, wfc_fe_value *v);

#endif
