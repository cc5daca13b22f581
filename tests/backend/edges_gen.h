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
    wfc_value values[GEN_MAX_VALUES]; /* that depend on inputs */
    uint32_t count, inputs, outputs, names;
} gen;

uint32_t gen_pick(gen *m, uint32_t n); /* 0 .. n-1 */
bool gen_chance(gen *m, uint32_t percent);
wfc_value gen_any(gen *m); /* a value of the pool, later ones more often */
const wfc_shape *gen_shape(gen *m, wfc_value v);

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

#endif
