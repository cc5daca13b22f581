/* Private to the fuse pass: what a node may be in a layer group. passes/README.md states the rules. */
#ifndef WFC_PASSES_FUSE_RULES_H
#define WFC_PASSES_FUSE_RULES_H

#include "ir/graph.h"

/* A reduce over whole axes: every coordinate of its operand is a plain result variable or a plain reduced variable of
 * the axis' extent; result variables it does not read have extent 1. */
bool wfc_fuse_is_whole(const wfc_graph *g, wfc_value reduce);
/* Whether two whole-axis reduces reduce the same axes of equally shaped operands. */
bool wfc_fuse_same_axes(const wfc_graph *g, wfc_value a, wfc_value b);
/* A max or sum over windows that do not overlap and lie inside: axes keep their places, a windowed axis reads stride *
 * y + r with stride >= extent of r. *out_axes: bit d set where axis d is windowed (never axis 0). */
bool wfc_fuse_is_window(const wfc_graph *g, wfc_value reduce, uint32_t *out_axes);
/* The one operand of a map that is no one-element constant, in its own shape and without index(): what a prologue
 * needs. -1 when the map is not of that kind. */
int wfc_fuse_unary_operand(const wfc_graph *g, wfc_value map);
/* Whether map m may move behind view v: every fill is a fixed point of m, bit for bit, and the view does not more than
 * double the elements. */
bool wfc_fuse_commutes(const wfc_graph *g, wfc_value map, wfc_value view);

#endif
