/* Names to values, nodes to an order. Private to the frontend. */
#ifndef WFC_FRONTEND_NAMES_H
#define WFC_FRONTEND_NAMES_H

#include "frontend/convert.h"

/* Fills c->values and c->nodes from the model. Errors (WFC_ERR_INPUT): a value defined twice, an input that nothing
 * defines, an operator set that the model does not import. O(n log n). */
WFC_MUST_USE wfc_status wfc_fe_names_build(wfc_fe_ctx *c);
/* Index of a value by its raw name, UINT32_MAX when there is none. */
uint32_t wfc_fe_find_value(const wfc_fe_ctx *c, const char *name);
/* Version of a domain that the model imports, 0 when it does not. */
int wfc_fe_opset(const Onnx__ModelProto *m, const char *domain);
/* Marks nodes that no output depends on, counts uses, and fills c->order. A cycle is refused. Linear. */
WFC_MUST_USE wfc_status wfc_fe_order_build(wfc_fe_ctx *c);
/* Checks a live node against its record: known, opset, attributes, number of inputs and outputs. Adds to the list of
 * refusals, or WFC_ERR_INPUT. */
WFC_MUST_USE wfc_status wfc_fe_check_node(wfc_fe_ctx *c, wfc_fe_node *n);

#endif
