/* Channels: axes of values that can only become shorter together. Private to passes/prune.
 *
 * Example, y = x + conv2(relu(conv1(x))): the outputs of conv1, of the ReLU, and the input channels of conv2's weight
 * are one class; the outputs of conv2, y, x and the inputs of whatever reads them are another: the addition ties them.
 * A class is fixed when an axis of it is seen from outside (inputs, outputs), counted, shifted, cut, joined or split.
 */
#ifndef WFC_PASSES_PRUNE_CHANNELS_H
#define WFC_PASSES_PRUNE_CHANNELS_H

#include "ir/graph.h"

typedef struct wfc_channels {
    uint32_t *parent; /* union-find over [node][WFC_IR_MAX_RANK] */
    bool *fixed;      /* by root */
    uint32_t count;   /* of axes */
} wfc_channels;

WFC_MUST_USE wfc_status wfc_channels_find(const wfc_graph *g, wfc_channels *out);
void wfc_channels_free(wfc_channels *c);
/* The root of an axis; UINT32_MAX for an axis of a fixed class or of extent 1. */
uint32_t wfc_channels_of(const wfc_channels *c, const wfc_graph *g, wfc_value v, unsigned axis);
/* The operand axis that is variable v of a contract or reduce, alone, all of it: its number, or -1. */
int wfc_channels_axis_of_variable(const wfc_graph *g, const wfc_space *s, const wfc_affine *coords, wfc_value operand,
                                  unsigned v);
/* Of the classes' axes, those of class `root` keep the elements kept[0..n): shapes, index spaces, constants and their
 * masks become smaller in place. */
WFC_MUST_USE wfc_status wfc_channels_keep(const wfc_channels *c, wfc_graph *g, uint32_t root, const uint32_t *kept,
                                          uint32_t n);

#endif
