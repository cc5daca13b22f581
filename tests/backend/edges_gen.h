/* Random operators and views over a pool of values, for the tests of the backend. All constants and inputs are small
 * multiples of 1/4, so that sums and products are exact in f32 and a wrong element cannot hide behind a tolerance. */
#ifndef WFC_TESTS_BACKEND_EDGES_GEN_H
#define WFC_TESTS_BACKEND_EDGES_GEN_H

#include "ir/graph.h"

enum { GEN_MAX_VALUES = 48 };

/* How outputs compare: copies and maxima by bits, sums by value (the sign of a zero may differ), functions that are
 * approximated within 1e-4 of the largest element. */
typedef enum gen_match { GEN_BITS = 0, GEN_EXACT, GEN_CLOSE } gen_match;

typedef struct gen {
    wfc_graph *g;
    wfc_diag *diag;
    uint64_t rng;
    uint32_t max_elems;               /* values above are not kept */
    gen_match match;                  /* so far, over all operators */
    bool whole;                       /* constants are -1, 0 or 1 instead of quarters */
    wfc_value values[GEN_MAX_VALUES]; /* that depend on inputs */
    uint32_t count, inputs, outputs, names;
} gen;

uint32_t gen_pick(gen *m, uint32_t n); /* 0 .. n-1 */
bool gen_chance(gen *m, uint32_t percent);
wfc_value gen_any(gen *m); /* a value of the pool, later ones more often */
const wfc_shape *gen_shape(gen *m, wfc_value v);
void gen_match_at_least(gen *m, gen_match k); /* outputs compare by k or a weaker rule from here on */

/* Taps of a window along one axis. */
typedef struct gen_taps {
    int32_t count, stride, dilation, pad; /* pad on both sides */
} gen_taps;
uint32_t gen_taps_out(const gen_taps *t, uint32_t n); /* places along an axis of n; 0: the window does not fit */
/* groups divides the channels of both sides; as many groups as channels on both sides: depthwise. */
typedef struct gen_conv_how {
    uint32_t channels, groups;
    gen_taps taps[3]; /* per axis behind axis 1 */
} gen_conv_how;

/* Each appends nodes and leaves the result in *out; *out equal to x: not applicable to its shape. */
WFC_MUST_USE wfc_status gen_input(gen *m, wfc_value *out);
WFC_MUST_USE wfc_status gen_view(gen *m, wfc_value x, uint32_t steps, wfc_value *out);
WFC_MUST_USE wfc_status gen_map(gen *m, wfc_value x, wfc_value *out);
WFC_MUST_USE wfc_status gen_join(gen *m, wfc_value x, wfc_value y, wfc_value *out); /* equal or broadcast shapes */
WFC_MUST_USE wfc_status gen_window(gen *m, wfc_value x, wfc_value *out);
WFC_MUST_USE wfc_status gen_reduce(gen *m, wfc_value x, wfc_value *out);
WFC_MUST_USE wfc_status gen_conv(gen *m, wfc_value x, wfc_value *out);
WFC_MUST_USE wfc_status gen_gemm(gen *m, wfc_value x, wfc_value *out);
WFC_MUST_USE wfc_status gen_product(gen *m, wfc_value x, wfc_value y, wfc_value *out); /* both at run time */
WFC_MUST_USE wfc_status gen_softmax(gen *m, wfc_value x, wfc_value *out);
/* One of the single-operand operators above that applies. */
WFC_MUST_USE wfc_status gen_operator(gen *m, wfc_value x, wfc_value *out);
WFC_MUST_USE wfc_status gen_output(gen *m, wfc_value x);

/* The same operators with what they draw given: */
WFC_MUST_USE wfc_status gen_const(gen *m, const wfc_shape *s, wfc_value *out);
WFC_MUST_USE wfc_status gen_name(gen *m, wfc_value v, const char *kind); /* "KIND_7", a node name of the user's */
/* taps[0] is of axis `from`, the rest of those behind it. */
WFC_MUST_USE wfc_status gen_window_as(gen *m, wfc_value x, wfc_reduce_kind kind, unsigned from, const gen_taps *taps,
                                      wfc_value *out);
/* axes: a bit per axis that is reduced as a whole. */
WFC_MUST_USE wfc_status gen_reduce_axes(gen *m, wfc_value x, uint32_t axes, bool keepdims, wfc_reduce_kind kind,
                                        wfc_value *out);
WFC_MUST_USE wfc_status gen_conv_as(gen *m, wfc_value x, const gen_conv_how *how, wfc_value *out);

#endif
