/* Bands of groups, by dynamic programming over an order of kernels at one time.
 *
 *   order a b c d e f g     | a | b | c |   two bands; the second runs backwards; d and e are a group
 *                           |   | g | f | d |
 *                                   | e |
 *
 * Groups are of groups.c. A band is groups side by side: band(i, j) = least over m of band(i, m) + cols(m, j), as
 * curves. Bands are stacked: the least rows of r bands up to j are the least over i of those of r - 1 up to i and the
 * rows at which band(i, j) fits. Groups of one kernel make slabs, which have short wires; larger ones waste fewer PEs.
 */
#include <string.h>

#include "backend/place/bands.h"

static int16_t *band_at(const wfc_be_bands *b, uint32_t j) {
    return b->band + (size_t)j * b->length;
}

wfc_status wfc_be_bands_init(wfc_be_bands *b, const wfc_be_leaf_curves *c) {
    uint32_t n = (uint32_t)c->g->kernels.count;
    *b = (wfc_be_bands){.g = c->g, .n = n, .length = c->length};
    b->height = c->g->height;
    b->width = c->g->width;
    b->band = wfc_calloc((size_t)n + 1, c->length * sizeof *b->band);
    b->least = wfc_calloc((size_t)n * (n + 1), sizeof *b->least);
    b->rows = wfc_calloc((WFC_BE_BANDS_MOST + 1) * (size_t)(n + 1), sizeof *b->rows);
    b->from = wfc_calloc((WFC_BE_BANDS_MOST + 1) * (size_t)(n + 1), sizeof *b->from);
    bool ok = b->band && b->least && b->rows && b->from;
    if (ok && wfc_be_groups_init(&b->groups, c, n) == WFC_OK) return WFC_OK;
    wfc_be_bands_deinit(b);
    return WFC_ERR_NO_MEMORY;
}

void wfc_be_bands_deinit(wfc_be_bands *b) {
    wfc_be_groups_deinit(&b->groups);
    wfc_free(b->band);
    wfc_free(b->least);
    wfc_free(b->rows);
    wfc_free(b->from);
    *b = (wfc_be_bands){0};
}

/* ---- tables ---- */

/* Curves of all bands that start at i. */
static void make_band(wfc_be_bands *b, uint32_t i) {
    memset(band_at(b, i), 0, b->length * sizeof *b->band);
    for (uint32_t j = i + 1; j <= b->n; j++) {
        wfc_be_curve_clear(band_at(b, j), b->length);
        uint32_t lowest = j - i > b->groups.most ? j - b->groups.most : i;
        for (uint32_t m = lowest; m < j; m++)
            wfc_be_curve_add_least(band_at(b, m), wfc_be_group_curve(&b->groups, m, j, WFC_BE_CURVE_COLS), b->length,
                                   band_at(b, j));
    }
    b->band_start = i;
}

/* Least rows at which a falling curve is at most `cols`; height + 1: none. */
static uint16_t least_rows(const int16_t *curve, uint32_t height, uint32_t cols) {
    uint32_t lo = 1, hi = height + 1;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (curve[mid] <= (int32_t)cols)
            hi = mid;
        else
            lo = mid + 1;
    }
    return (uint16_t)lo;
}

static void stack_bands(wfc_be_bands *b) {
    size_t line = b->n + 1;
    for (size_t k = 0; k < (WFC_BE_BANDS_MOST + 1) * line; k++) b->rows[k] = b->height + 1;
    b->rows[0] = 0;
    for (uint32_t r = 1; r <= WFC_BE_BANDS_MOST; r++) {
        for (uint32_t j = 1; j <= b->n; j++) {
            for (uint32_t i = r - 1; i < j; i++) {
                uint32_t rows = b->rows[(r - 1) * line + i] + b->least[i * line + j];
                if (rows >= b->rows[r * line + j]) continue;
                b->rows[r * line + j] = rows;
                b->from[r * line + j] = i;
            }
        }
    }
}

void wfc_be_bands_make(wfc_be_bands *b, const uint32_t *order, const wfc_be_leaf_curve *leaf, uint32_t most_group) {
    wfc_be_groups_make(&b->groups, order, b->n, leaf, most_group);
    for (uint32_t i = 0; i < b->n; i++) {
        make_band(b, i);
        for (uint32_t j = i + 1; j <= b->n; j++)
            b->least[i * (size_t)(b->n + 1) + j] = least_rows(band_at(b, j), b->height, b->width);
    }
    stack_bands(b);
}

bool wfc_be_bands_fit(const wfc_be_bands *b, uint32_t count) {
    return count <= WFC_BE_BANDS_MOST && b->rows[count * (size_t)(b->n + 1) + b->n] <= b->height;
}

/* ---- reading a tree off ---- */

/* Parts side by side or above each other, nested in halves. */
static uint32_t nest(wfc_be_tree_builder *r, wfc_be_tree_kind kind, const uint32_t *part, uint32_t count) {
    if (count == 1) return part[0];
    uint32_t half = count / 2, first = nest(r, kind, part, half);
    return wfc_be_builder_join(r, kind, first, nest(r, kind, part + half, count - half));
}

/* The band i .. j-1 in h rows: from its end, the smallest group that lets the rest fit. */
static uint32_t read_band(wfc_be_bands *b, wfc_be_tree_builder *r, uint32_t i, uint32_t j, uint32_t h, bool reverse) {
    uint32_t part[WFC_BE_KGRAPH_KERNELS], count = 0;
    int32_t room = (int32_t)b->width;
    make_band(b, i);
    while (j > i) {
        uint32_t m = j - 1;
        while (m > i && j - m < b->groups.most &&
               band_at(b, m)[h] + wfc_be_group_curve(&b->groups, m, j, WFC_BE_CURVE_COLS)[h] > room)
            m--;
        int32_t w = wfc_be_group_curve(&b->groups, m, j, WFC_BE_CURVE_COLS)[h];
        part[count++] = wfc_be_group_read(&b->groups, r, m, j, w, (int32_t)h);
        room -= w;
        j = m;
    }
    for (uint32_t k = 0; !reverse && k < count / 2; k++) {
        uint32_t p = part[k];
        part[k] = part[count - 1 - k];
        part[count - 1 - k] = p;
    }
    return nest(r, WFC_BE_TREE_V, part, count);
}

uint32_t wfc_be_bands_read(wfc_be_bands *b, uint32_t count, uint64_t *rng, wfc_be_anneal_node *nodes) {
    wfc_be_tree_builder r = {.nodes = nodes, .rng = rng};
    uint32_t band[WFC_BE_BANDS_MOST], j = b->n;
    size_t line = b->n + 1;
    for (uint32_t k = count; k-- > 0;) {
        uint32_t i = b->from[(k + 1) * line + j];
        band[k] = read_band(b, &r, i, j, b->least[i * line + j], k % 2);
        j = i;
    }
    return nest(&r, WFC_BE_TREE_H, band, count);
}
