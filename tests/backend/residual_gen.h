/* Random residual networks, for property tests: stem, blocks of several kinds (basic, bottleneck, inverted, dense,
 * branches, gate, long skips, pooling), and one or two heads, over images of random size. Every convolution may have
 * groups, a stride, a dilation, an affine map of its channels and an activation behind it, in any order that models
 * use.
 *
 * At most RESIDUAL_LAYERS convolutions, products, poolings, concats and joins. A bound on every value and the number of
 * its binary digits behind the point are followed through the graph: where all sums stay exact in f32, outputs compare
 * by value, so that a wrong element cannot hide behind a tolerance; else within 1e-4 of the largest. */
#ifndef WFC_TESTS_BACKEND_RESIDUAL_GEN_H
#define WFC_TESTS_BACKEND_RESIDUAL_GEN_H

#include "tests/backend/edges_gen.h"

enum { RESIDUAL_LAYERS = 12 };

/* A rig_make. */
WFC_MUST_USE wfc_status residual_graph(gen *m);

#endif
