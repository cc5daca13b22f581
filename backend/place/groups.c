/* Groups: up to 8 kernels that follow each other, cut in the best way. The curve of a group is the least of V and H
 * over all places to part it, V  cols(i, m) + cols(m, j)      H  rows(i, m) + rows(m, j), and the inverse of that so
 * sums of arrays answer for all trees and all kinds of cuts at once. */
#include <string.h>

#include "backend/place/groups.h"

#define NONE WFC_BE_ANNEAL_NONE

int16_t *wfc_be_group_curve(const wfc_be_groups *s, uint32_t i, uint32_t j, uint32_t which) {
    return s->data + (((size_t)i * WFC_BE_GROUP_MOST + (j - i - 1)) * 2 + which) * s->length;
}

wfc_status wfc_be_groups_init(wfc_be_groups *s, const wfc_be_leaf_curves *c, uint32_t n) {
    *s = (wfc_be_groups){.g = c->g, .length = c->length, .height = c->g->height, .most_cols = c->most_cols};
    s->data = wfc_calloc(2 * (size_t)n * WFC_BE_GROUP_MOST, c->length * sizeof *s->data);
    s->scratch = wfc_calloc(c->length, sizeof *s->scratch);
    if (s->data && s->scratch) return WFC_OK;
    wfc_be_groups_deinit(s);
    return WFC_ERR_NO_MEMORY;
}

void wfc_be_groups_deinit(wfc_be_groups *s) {
    wfc_free(s->data);
    wfc_free(s->scratch);
    *s = (wfc_be_groups){0};
}

static void make_group(wfc_be_groups *s, uint32_t i, uint32_t j) {
    int16_t *cols = wfc_be_group_curve(s, i, j, WFC_BE_CURVE_COLS),
            *rows = wfc_be_group_curve(s, i, j, WFC_BE_CURVE_ROWS);
    wfc_be_curve_clear(cols, s->length);
    wfc_be_curve_clear(rows, s->length);
    for (uint32_t m = i + 1; m < j; m++) {
        wfc_be_curve_add_least(wfc_be_group_curve(s, i, m, WFC_BE_CURVE_COLS),
                               wfc_be_group_curve(s, m, j, WFC_BE_CURVE_COLS), s->length, cols);
        wfc_be_curve_add_least(wfc_be_group_curve(s, i, m, WFC_BE_CURVE_ROWS),
                               wfc_be_group_curve(s, m, j, WFC_BE_CURVE_ROWS), s->length, rows);
    }
    wfc_be_curve_invert(rows, s->most_cols, s->scratch, s->height, s->length);
    for (uint32_t k = 0; k < s->length; k++) cols[k] = s->scratch[k] < cols[k] ? s->scratch[k] : cols[k];
    wfc_be_curve_invert(cols, s->height, rows, s->most_cols, s->length);
}

void wfc_be_groups_make(wfc_be_groups *s, const uint32_t *order, uint32_t n, const wfc_be_leaf_curve *leaf,
                        uint32_t most) {
    s->order = order;
    s->n = n;
    s->most = most < n ? most : n;
    for (uint32_t i = 0; i < n; i++) {
        const wfc_be_leaf_curve *l = &leaf[s->g->kernels.data[order[i]].type];
        memcpy(wfc_be_group_curve(s, i, i + 1, 0), l->curve[0], s->length * sizeof *s->data);
        memcpy(wfc_be_group_curve(s, i, i + 1, 1), l->curve[1], s->length * sizeof *s->data);
    }
    for (uint32_t size = 2; size <= s->most; size++)
        for (uint32_t i = 0; i + size <= n; i++) make_group(s, i, i + size);
}

/* ---- reading a tree off ---- */

uint32_t wfc_be_builder_leaf(wfc_be_tree_builder *t, uint32_t kernel) {
    t->nodes[t->used] = (wfc_be_anneal_node){NONE, {NONE, NONE}, kernel, WFC_BE_TREE_LEAF};
    return t->used++;
}

uint32_t wfc_be_builder_join(wfc_be_tree_builder *t, wfc_be_tree_kind kind, uint32_t first, uint32_t second) {
    t->nodes[t->used] = (wfc_be_anneal_node){NONE, {first, second}, 0, kind};
    t->nodes[first].parent = t->nodes[second].parent = t->used;
    return t->used++;
}

/* At most 8 levels deep. */
uint32_t wfc_be_group_read(const wfc_be_groups *s, wfc_be_tree_builder *t, uint32_t i, uint32_t j, int32_t w,
                           int32_t h) {
    if (j - i == 1) return wfc_be_builder_leaf(t, s->order[i]);
    uint32_t at = i + 1;
    wfc_be_tree_kind kind = WFC_BE_TREE_V;
    uint64_t seen = 0;
    for (uint32_t m = i + 1; m < j; m++) {
        int32_t cols = wfc_be_group_curve(s, i, m, 0)[h] + wfc_be_group_curve(s, m, j, 0)[h];
        int32_t rows = wfc_be_group_curve(s, i, m, 1)[w] + wfc_be_group_curve(s, m, j, 1)[w];
        if (cols <= w && wfc_rng_next(t->rng) % ++seen == 0) at = m, kind = WFC_BE_TREE_V;
        if (rows <= h && wfc_rng_next(t->rng) % ++seen == 0) at = m, kind = WFC_BE_TREE_H;
    }
    int32_t w1 = w, h1 = h, w2 = w, h2 = h;
    if (kind == WFC_BE_TREE_V) {
        w1 = wfc_be_group_curve(s, i, at, WFC_BE_CURVE_COLS)[h];
        w2 = w - w1;
    } else {
        h1 = wfc_be_group_curve(s, i, at, WFC_BE_CURVE_ROWS)[w];
        h2 = h - h1;
    }
    uint32_t first = wfc_be_group_read(s, t, i, at, w1, h1), second = wfc_be_group_read(s, t, at, j, w2, h2);
    bool turn = wfc_rng_next(t->rng) >> 63;
    return wfc_be_builder_join(t, kind, turn ? second : first, turn ? first : second);
}
