/* Random problems for the tests of slicing floorplans. */
#ifndef WFC_TESTS_BACKEND_TREE_PROBLEMS_H
#define WFC_TESTS_BACKEND_TREE_PROBLEMS_H

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/place/tree_parts.h"

static uint64_t rng;

static inline double uniform(double lo, double hi) {
    return lo + (hi - lo) * (double)(wfc_rng_next(&rng) >> 11) / 9007199254740992.0;
}

static inline uint32_t below(uint32_t n) {
    return (uint32_t)(wfc_rng_next(&rng) % n);
}

enum { MAX_L = 64, MAX_S = 16, MAX_E = 256, SOME_L = 24 };
typedef struct problem {
    wfc_be_tree_problem p;
    wfc_be_tree_layer layers[MAX_L];
    wfc_be_shape shapes[MAX_L][MAX_S];
    wfc_be_tree_edge edges[MAX_E];
} problem;

static inline void start(problem *t, uint32_t layers, uint16_t width, uint16_t height) {
    memset(t, 0, sizeof *t);
    t->p = (wfc_be_tree_problem){
        .width = width, .height = height, .layers = t->layers, .layer_count = layers, .edges = t->edges};
    for (uint32_t l = 0; l < layers; l++) t->layers[l] = (wfc_be_tree_layer){"layer", t->shapes[l], 0};
}

static inline void shape(problem *t, uint32_t layer, uint32_t rows, uint32_t cols, double cycles) {
    t->shapes[layer][t->layers[layer].shape_count++] = (wfc_be_shape){(uint16_t)rows, (uint16_t)cols, cycles};
}

/* All shapes of so much work on up to 16 different numbers of rows. */
static inline void work(problem *t, uint32_t layer, uint32_t pes, uint32_t most_rows) {
    for (uint32_t k = 0; k < MAX_S; k++) {
        uint32_t rows = 1 + below(most_rows), cols = (pes + rows - 1) / rows * (1 + below(4)) / 2 + 1;
        shape(t, layer, rows, cols, 1e5 / (rows * cols) + uniform(0, 5));
    }
}

static inline void edge(problem *t, uint32_t from, uint32_t to, double words, uint32_t cols) {
    t->edges[t->p.edge_count++] =
        (wfc_be_tree_edge){.from = from, .to = to, .words = words, .adapter_cols = (uint16_t)cols};
}

static inline void host_edge(problem *t, uint32_t layer, bool in, uint32_t cols) {
    t->edges[t->p.edge_count++] = (wfc_be_tree_edge){
        .from = layer, .to = layer, .from_host = in, .to_host = !in, .words = 100, .adapter_cols = (uint16_t)cols};
}

static inline void random_problem(problem *t, uint32_t n, uint16_t width, uint16_t height) {
    start(t, n, width, height);
    for (uint32_t l = 0; l < n; l++) work(t, l, 4 + below(60), height);
    for (uint32_t l = 1; l < n; l++) {
        edge(t, below(l), l, uniform(0, 900), below(3));
        if (below(2)) edge(t, below(l), l, uniform(0, 900), below(3));
        if (below(4) == 0) t->edges[t->p.edge_count - 1].turn_cols = (uint16_t)(1 + below(4));
    }
    host_edge(t, 0, true, below(2));
    host_edge(t, n - 1, false, below(3));
}

#endif
