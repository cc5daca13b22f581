/* Bands of groups, by dynamic programming over an order of kernels at one time.
 *
 *   order a b c d e f g     | a | b | c |   two bands; the second runs backwards; d and e are a group
 *                           |   | g | f | d |
 *                                   | e |
 *
 * A group is up to 8 kernels that follow each other in the order, cut in the best way: its curve is the least of V and
 * H over all places to part it, and so for its parts, V  cols(i, m) + cols(m, j)      H  rows(i, m) + rows(m, j), and
 * the inverse of that A band is groups side by side: band(i, j) = least over m of band(i, m) + cols(m, j), as curves.
 * Bands are stacked: the least rows of r bands up to j are the least over i of those of r - 1 up to i and the rows at
 * which band(i, j) fits. Groups of one kernel make slabs, which have short wires; larger ones waste fewer PEs. */
#include <string.h>

#include "backend/place/bands.h"

#define NONE WFC_BE_ANNEAL_NONE

static int16_t *group_at(const wfc_be_bands *b, uint32_t i, uint32_t j, uint32_t which) {
    return b->group + (((size_t)i * WFC_BE_GROUP_MOST + (j - i - 1)) * 2 + which) * b->length;
}

static int16_t *band_at(const wfc_be_bands *b, uint32_t j) {
    return b->band + (size_t)j * b->length;
}

wfc_status wfc_be_bands_init(wfc_be_bands *b, const wfc_be_leaf_curves *c) {
    uint32_t n = (uint32_t)c->g->kernels.count;
    *b = (wfc_be_bands){.g = c->g, .n = n, .length = c->length, .most_cols = c->most_cols};
    b->height = c->g->height;
    b->width = c->g->width;
    b->group = wfc_calloc(2 * (size_t)n * WFC_BE_GROUP_MOST, c->length * sizeof *b->group);
    b->band = wfc_calloc((size_t)n + 1, c->length * sizeof *b->band);
    b->scratch = wfc_calloc(c->length, sizeof *b->scratch);
    b->least = wfc_calloc((size_t)n * (n + 1), sizeof *b->least);
    b->rows = wfc_calloc((WFC_BE_BANDS_MOST + 1) * (size_t)(n + 1), sizeof *b->rows);
    b->from = wfc_calloc((WFC_BE_BANDS_MOST + 1) * (size_t)(n + 1), sizeof *b->from);
    bool ok = b->group && b->band && b->scratch && b->least && b->rows && b->from;
    if (!ok) wfc_be_bands_deinit(b);
    return ok ? WFC_OK : WFC_ERR_NO_MEMORY;
}

void wfc_be_bands_deinit(wfc_be_bands *b) {
    wfc_free(b->group);
    wfc_free(b->band);
    wfc_free(b->scratch);
    wfc_free(b->least);
    wfc_free(b->rows);
    wfc_free(b->from);
    *b = (wfc_be_bands){0};
}

/* ---- tables ---- */

static void add_least(const int16_t *restrict x, const int16_t *restrict y, uint32_t length, int16_t *restrict out) {
    for (uint32_t k = 0; k < length; k++) {
        int16_t s = (int16_t)(x[k] + y[k]);
        out[k] = s < out[k] ? s : out[k];
    }
}

static void fill(int16_t *out, uint32_t length) {
    for (uint32_t k = 0; k < length; k++) out[k] = WFC_BE_CURVE_CAP;
}

static void make_group(wfc_be_bands *b, uint32_t i, uint32_t j) {
    int16_t *cols = group_at(b, i, j, WFC_BE_CURVE_COLS), *rows = group_at(b, i, j, WFC_BE_CURVE_ROWS);
    fill(cols, b->length);
    fill(rows, b->length);
    for (uint32_t m = i + 1; m < j; m++) {
        add_least(group_at(b, i, m, WFC_BE_CURVE_COLS), group_at(b, m, j, WFC_BE_CURVE_COLS), b->length, cols);
        add_least(group_at(b, i, m, WFC_BE_CURVE_ROWS), group_at(b, m, j, WFC_BE_CURVE_ROWS), b->length, rows);
    }
    wfc_be_curve_invert(rows, b->most_cols, b->scratch, b->height, b->length);
    for (uint32_t k = 0; k < b->length; k++) cols[k] = b->scratch[k] < cols[k] ? b->scratch[k] : cols[k];
    wfc_be_curve_invert(cols, b->height, rows, b->most_cols, b->length);
}

/* Curves of all bands that start at i. */
static void make_band(wfc_be_bands *b, uint32_t i) {
    memset(band_at(b, i), 0, b->length * sizeof *b->band);
    for (uint32_t j = i + 1; j <= b->n; j++) {
        fill(band_at(b, j), b->length);
        uint32_t lowest = j - i > b->most_group ? j - b->most_group : i;
        for (uint32_t m = lowest; m < j; m++)
            add_least(band_at(b, m), group_at(b, m, j, WFC_BE_CURVE_COLS), b->length, band_at(b, j));
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
    b->order = order;
    b->most_group = most_group < b->n ? most_group : b->n;
    for (uint32_t i = 0; i < b->n; i++) {
        const wfc_be_leaf_curve *l = &leaf[b->g->kernels.data[order[i]].type];
        memcpy(group_at(b, i, i + 1, 0), l->curve[0], b->length * sizeof *b->group);
        memcpy(group_at(b, i, i + 1, 1), l->curve[1], b->length * sizeof *b->group);
    }
    for (uint32_t size = 2; size <= b->most_group; size++)
        for (uint32_t i = 0; i + size <= b->n; i++) make_group(b, i, i + size);
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

typedef struct reading {
    wfc_be_bands *b;
    wfc_be_anneal_node *nodes;
    uint32_t used;
    uint64_t *rng;
} reading;

static uint32_t add_leaf(reading *r, uint32_t kernel) {
    r->nodes[r->used] = (wfc_be_anneal_node){NONE, {NONE, NONE}, kernel, WFC_BE_TREE_LEAF};
    return r->used++;
}

static uint32_t join(reading *r, wfc_be_tree_kind kind, uint32_t first, uint32_t second) {
    r->nodes[r->used] = (wfc_be_anneal_node){NONE, {first, second}, 0, kind};
    r->nodes[first].parent = r->nodes[second].parent = r->used;
    return r->used++;
}

/* A group within w x h: at each cut one of those that fit, each as likely. At most 8 levels deep. */
static uint32_t read_group(reading *r, uint32_t i, uint32_t j, int32_t w, int32_t h) {
    const wfc_be_bands *b = r->b;
    if (j - i == 1) return add_leaf(r, b->order[i]);
    uint32_t at = i + 1;
    wfc_be_tree_kind kind = WFC_BE_TREE_V;
    uint64_t seen = 0;
    for (uint32_t m = i + 1; m < j; m++) {
        int32_t cols = group_at(b, i, m, 0)[h] + group_at(b, m, j, 0)[h];
        int32_t rows = group_at(b, i, m, 1)[w] + group_at(b, m, j, 1)[w];
        if (cols <= w && wfc_rng_next(r->rng) % ++seen == 0) at = m, kind = WFC_BE_TREE_V;
        if (rows <= h && wfc_rng_next(r->rng) % ++seen == 0) at = m, kind = WFC_BE_TREE_H;
    }
    int32_t w1 = w, h1 = h, w2 = w, h2 = h;
    if (kind == WFC_BE_TREE_V) {
        w1 = group_at(b, i, at, WFC_BE_CURVE_COLS)[h];
        w2 = w - w1;
    } else {
        h1 = group_at(b, i, at, WFC_BE_CURVE_ROWS)[w];
        h2 = h - h1;
    }
    uint32_t first = read_group(r, i, at, w1, h1), second = read_group(r, at, j, w2, h2);
    bool turn = wfc_rng_next(r->rng) >> 63;
    return join(r, kind, turn ? second : first, turn ? first : second);
}

/* Parts side by side or above each other, nested in halves. */
static uint32_t nest(reading *r, wfc_be_tree_kind kind, const uint32_t *part, uint32_t count) {
    if (count == 1) return part[0];
    uint32_t half = count / 2, first = nest(r, kind, part, half);
    return join(r, kind, first, nest(r, kind, part + half, count - half));
}

/* The band i .. j-1 in h rows: from its end, the smallest group that lets the rest fit. */
static uint32_t read_band(reading *r, uint32_t i, uint32_t j, uint32_t h, bool reverse) {
    wfc_be_bands *b = r->b;
    uint32_t part[WFC_BE_KGRAPH_KERNELS], count = 0;
    int32_t room = (int32_t)b->width;
    make_band(b, i);
    while (j > i) {
        uint32_t m = j - 1;
        while (m > i && j - m < b->most_group && band_at(b, m)[h] + group_at(b, m, j, WFC_BE_CURVE_COLS)[h] > room) m--;
        int32_t w = group_at(b, m, j, WFC_BE_CURVE_COLS)[h];
        part[count++] = read_group(r, m, j, w, (int32_t)h);
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
    reading r = {.b = b, .nodes = nodes, .rng = rng};
    uint32_t band[WFC_BE_BANDS_MOST], j = b->n;
    size_t line = b->n + 1;
    for (uint32_t k = count; k-- > 0;) {
        uint32_t i = b->from[(k + 1) * line + j];
        band[k] = read_band(&r, i, j, b->least[i * line + j], k % 2);
        j = i;
    }
    return nest(&r, WFC_BE_TREE_H, band, count);
}
