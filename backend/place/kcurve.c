/* Shape curves as arrays: of kernels at a step of time, sums and inverses.
 *
 *   shapes 2 x 9, 3 x 5 (rows x cols), either way up, in 5 rows      rows  1   2   3   4   5
 *                                                                    cols  -   9   5   5   3 */
#include <math.h>
#include <string.h>

#include "backend/place/kcurve.h"

void wfc_be_curve_add(const int16_t *restrict a, const int16_t *restrict b, uint32_t length, int16_t *restrict out) {
    for (uint32_t i = 0; i < length; i++) {
        int16_t s = (int16_t)(a[i] + b[i]);
        out[i] = s < WFC_BE_CURVE_CAP ? s : WFC_BE_CURVE_CAP;
    }
}

void wfc_be_curve_add_least(const int16_t *restrict x, const int16_t *restrict y, uint32_t length,
                            int16_t *restrict out) {
    for (uint32_t k = 0; k < length; k++) {
        int16_t s = (int16_t)(x[k] + y[k]);
        out[k] = s < out[k] ? s : out[k];
    }
}

void wfc_be_curve_clear(int16_t *out, uint32_t length) {
    for (uint32_t k = 0; k < length; k++) out[k] = WFC_BE_CURVE_CAP;
}

/* Both are falling. Values are written from the last index down, so that the least stays; what nobody wrote to takes
 * its neighbour's. The place behind the last takes what is beyond. */
void wfc_be_curve_invert(const int16_t *restrict in, uint32_t n_in, int16_t *restrict out, uint32_t n_out,
                         uint32_t length) {
    for (uint32_t v = 0; v < length; v++) out[v] = WFC_BE_CURVE_CAP;
    int16_t beyond = (int16_t)(n_out + 1);
    for (uint32_t i = n_in; i > 0; i--) out[in[i] < beyond ? in[i] : beyond] = (int16_t)i;
    int16_t least = WFC_BE_CURVE_CAP;
    for (uint32_t v = 0; v <= n_out; v++) {
        least = out[v] < least ? out[v] : least;
        out[v] = least;
    }
    out[n_out + 1] = least;
}

static wfc_status make_leaf(const wfc_be_leaf_curves *c, uint32_t type, double time, wfc_be_leaf_curve *out) {
    const wfc_be_kgraph *g = c->g;
    const wfc_be_kernel *k = NULL;
    uint32_t side = g->width > g->height ? g->width : g->height;
    for (size_t i = 0; !k && i < g->kernels.count; i++)
        if (g->kernels.data[i].type == type) k = &g->kernels.data[i];
    WFC_TRY(wfc_be_kernel_shapes(k, g->memlimit, side, time, &out->shapes));
    if (out->shapes.count) { /* there were many more before the best were kept, and steps are many */
        wfc_be_kshape *fit = wfc_realloc(out->shapes.data, out->shapes.count, sizeof *fit);
        if (!fit) return WFC_ERR_NO_MEMORY;
        out->shapes.data = fit;
        out->shapes.capacity = out->shapes.count;
    }
    out->time = time;
    out->curve[0] = wfc_calloc(2 * (size_t)c->length, sizeof *out->curve[0]);
    out->pick = wfc_calloc((size_t)g->height + 1, sizeof *out->pick);
    if (!out->curve[0] || !out->pick) return WFC_ERR_NO_MEMORY;
    out->curve[1] = out->curve[0] + c->length;
    int16_t *cols = out->curve[WFC_BE_CURVE_COLS];
    for (uint32_t i = 0; i < c->length; i++) cols[i] = WFC_BE_CURVE_CAP;
    for (uint32_t i = 0; i < 2 * out->shapes.count; i++) {
        const wfc_be_kshape *s = &out->shapes.data[i / 2];
        uint32_t rows = i % 2 ? s->cols : s->rows, width = i % 2 ? s->rows : s->cols;
        if (rows > g->height || width > g->width || cols[rows] <= (int16_t)width) continue;
        cols[rows] = (int16_t)width;
        out->pick[rows] = (uint16_t)i;
    }
    for (uint32_t h = 1; h <= g->height; h++) {
        if (cols[h - 1] > cols[h]) continue;
        cols[h] = cols[h - 1];
        out->pick[h] = out->pick[h - 1];
    }
    wfc_be_curve_invert(cols, g->height, out->curve[WFC_BE_CURVE_ROWS], c->most_cols, c->length);
    return WFC_OK;
}

static void free_step(wfc_be_leaf_curve *step, uint32_t types) {
    for (uint32_t t = 0; step && t < types; t++) {
        wfc_free(step[t].curve[0]);
        wfc_free(step[t].pick);
        wfc_vec_free(&step[t].shapes);
    }
    wfc_free(step);
}

wfc_status wfc_be_leaf_curves_init(wfc_be_leaf_curves *c, const wfc_be_kgraph *g, double first, double ratio,
                                   uint32_t steps) {
    uint32_t most_cols = g->width + g->width / 4, longest = most_cols > g->height ? most_cols : g->height;
    *c = (wfc_be_leaf_curves){.g = g, .first = first, .ratio = ratio, .steps = steps, .most_cols = most_cols};
    c->length = (longest + 2 + 15) / 16 * 16;
    c->made = wfc_calloc(steps, sizeof(wfc_be_leaf_curve *));
    return c->made ? WFC_OK : WFC_ERR_NO_MEMORY;
}

void wfc_be_leaf_curves_deinit(wfc_be_leaf_curves *c) {
    for (uint32_t s = 0; c->made && s < c->steps; s++) free_step(c->made[s], c->g->type_count);
    wfc_free(c->made);
    *c = (wfc_be_leaf_curves){0};
}

const wfc_be_leaf_curve *wfc_be_leaf_curves_at(wfc_be_leaf_curves *c, uint32_t step) {
    if (c->made[step]) return c->made[step];
    wfc_be_leaf_curve *types = wfc_calloc(c->g->type_count, sizeof *types);
    uint32_t fine = c->steps / 2 < step ? c->steps / 2 : step;
    double time = c->first * pow(c->ratio, fine) * pow(1.01, step - fine);
    for (uint32_t t = 0; types && t < c->g->type_count; t++) {
        if (make_leaf(c, t, time, &types[t]) == WFC_OK) continue;
        free_step(types, c->g->type_count);
        return NULL;
    }
    return c->made[step] = types;
}
