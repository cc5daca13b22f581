/* Bands: the topological order cut into runs of layers, each laid out from west to east, bands above each other.
 *
 *   order a b c d e in 2 bands     | a | b | c |  strips of the
 *                                  | d | e     |  edges between bands
 *
 * At one time per sample: w(l, h) = least cols of layer l within h rows, S_j(h) its sum over the first j layers, so a
 * band of layers i .. j-1 needs mh(i, j) = least h with S_j(h) - S_i(h) + strips within <= columns. The least rows of
 * r bands over the first j layers are f_r(j) = min over i of f_{r-1}(i) + mh(i, j). Strips between bands are known only
 * afterwards: columns are set aside for them and the whole is tried again. Bands are nested in halves, so that a band
 * lies beside the strips of only log2 r nodes. */
#include <string.h>

#include "backend/place/tree_parts.h"

enum { MOST_BANDS = 24, MOST_TRIES = 4 };

typedef struct rows {
    wfc_be_tree_search *s;
    uint32_t n, height, most_bands;
    uint32_t *sum;                /* [h][n + 1] S_j(h); TOO_WIDE and more: a layer cannot be that low */
    uint32_t *width;              /* [height + 1] of one layer */
    uint32_t *placed;             /* [n] edges sorted so far */
    uint32_t *rows, *start;       /* [bands + 1][n + 1] f_r(j), and where its last band starts */
    uint32_t *first_edge, *edges; /* [n + 1], [edge_count] edges by their lower end */
    uint32_t bands, begin[MOST_BANDS + 1], high[MOST_BANDS]; /* one choice */
} rows;

static uint32_t lower_end(const wfc_be_tree_edge *e) {
    return e->from < e->to ? e->from : e->to;
}

static uint32_t higher_end(const wfc_be_tree_edge *e) {
    return e->from < e->to ? e->to : e->from;
}

static bool inner(const wfc_be_tree_edge *e) {
    return e->from != e->to;
}

static void sort_edges(rows *r) {
    const wfc_be_tree_problem *p = r->s->p;
    for (uint32_t e = 0; e < p->edge_count; e++) r->first_edge[lower_end(&p->edges[e]) + 1]++;
    for (uint32_t l = 0; l < r->n; l++) r->first_edge[l + 1] += r->first_edge[l];
    for (uint32_t e = p->edge_count; e-- > 0;) {
        uint32_t l = lower_end(&p->edges[e]);
        r->edges[r->first_edge[l] + r->placed[l]++] = e;
    }
}

static wfc_status rows_init(rows *r, wfc_be_tree_search *s) {
    memset(r, 0, sizeof *r);
    r->s = s;
    r->n = s->p->layer_count;
    r->height = s->p->height;
    r->most_bands = r->n < MOST_BANDS ? r->n : MOST_BANDS;
    if (r->height < r->most_bands) r->most_bands = r->height;
    size_t line = (size_t)r->n + 1;
    r->sum = wfc_calloc((r->height + 1u) * line, sizeof *r->sum);
    r->width = wfc_calloc(r->height + 1u, sizeof *r->width);
    r->placed = wfc_calloc(line, sizeof *r->placed);
    r->rows = wfc_calloc((r->most_bands + 1u) * line, sizeof *r->rows);
    r->start = wfc_calloc((r->most_bands + 1u) * line, sizeof *r->start);
    r->first_edge = wfc_calloc(line, sizeof *r->first_edge);
    r->edges = wfc_calloc(s->p->edge_count, sizeof *r->edges);
    bool ok = r->sum && r->width && r->placed && r->rows && r->start && r->first_edge && r->edges;
    if (ok) sort_edges(r);
    return ok ? WFC_OK : WFC_ERR_NO_MEMORY;
}

static void rows_free(rows *r) {
    wfc_free(r->sum);
    wfc_free(r->width);
    wfc_free(r->placed);
    wfc_free(r->rows);
    wfc_free(r->start);
    wfc_free(r->first_edge);
    wfc_free(r->edges);
}

static uint32_t sum_at(const rows *r, uint32_t h, uint32_t j) {
    return r->sum[(size_t)h * (r->n + 1u) + j];
}

/* A layer that cannot be so low counts 2^17 columns, more than any target has: sums over 4096 of them stay exact. */
static void sum_widths(rows *r, double cycles) {
    enum { CANNOT = 1 << 17 };
    for (uint32_t l = 0; l < r->n; l++) {
        const wfc_be_tree_layer *layer = &r->s->p->layers[l];
        for (uint32_t h = 0; h <= r->height; h++) r->width[h] = CANNOT;
        for (uint32_t k = 0; k < layer->shape_count; k++) {
            const wfc_be_shape *s = &layer->shapes[k];
            if (s->rows <= r->height && s->cycles <= cycles && s->cols < r->width[s->rows]) r->width[s->rows] = s->cols;
        }
        for (uint32_t h = 0; h <= r->height; h++) {
            if (h && r->width[h - 1] < r->width[h]) r->width[h] = r->width[h - 1];
            r->sum[(size_t)h * (r->n + 1u) + l + 1] = sum_at(r, h, l) + r->width[h];
        }
    }
}

/* Columns of the edges within a band: they run level. */
static uint32_t level_cols(const wfc_be_tree_edge *e, double cycles) {
    return e->from < e->to ? e->adapter_cols : wfc_be_turn_cols(e, cycles);
}

/* Columns of the edges between layer i and the layers up to j. */
static uint32_t cols_within(const rows *r, uint32_t i, uint32_t j, double cycles) {
    uint32_t sum = 0;
    for (uint32_t k = r->first_edge[i]; k < r->first_edge[i + 1]; k++) {
        const wfc_be_tree_edge *e = &r->s->p->edges[r->edges[k]];
        if (inner(e) && higher_end(e) < j) sum += level_cols(e, cycles);
    }
    return sum;
}

/* f_r(j) for all r and j with `cols` columns. mh(i, j) only grows as i goes down: one walk up the rows per j. */
static void fill(rows *r, uint32_t cols, double cycles) {
    size_t line = r->n + 1u;
    for (size_t k = 0; k < (r->most_bands + 1u) * line; k++) r->rows[k] = WFC_BE_TREE_TOO_WIDE;
    r->rows[0] = 0;
    for (uint32_t j = 1; j <= r->n; j++) {
        uint32_t h = 1, strips = 0;
        for (uint32_t i = j; i-- > 0;) {
            strips += cols_within(r, i, j, cycles);
            while (h <= r->height && sum_at(r, h, j) - sum_at(r, h, i) + strips > cols) h++;
            if (h > r->height) break;
            for (uint32_t b = 1; b <= r->most_bands && b <= j; b++) {
                uint32_t total = r->rows[(b - 1) * line + i] + h;
                if (total > r->height || total >= r->rows[b * line + j]) continue;
                r->rows[b * line + j] = total;
                r->start[b * line + j] = i;
            }
        }
    }
}

/* Reads `bands` bands out of the tables, the first one west- and uppermost. */
static bool choose(rows *r, uint32_t bands) {
    size_t line = r->n + 1u;
    if (r->rows[bands * line + r->n] > r->height) return false;
    r->bands = bands;
    r->begin[bands] = r->n;
    for (uint32_t b = bands; b > 0; b--) {
        uint32_t j = r->begin[b], i = r->start[b * line + j];
        r->begin[b - 1] = i;
        r->high[b - 1] = r->rows[b * line + j] - r->rows[(b - 1) * line + i];
    }
    return true;
}

static uint32_t band_of(const rows *r, uint32_t layer) {
    uint32_t lo = 0, hi = r->bands - 1;
    while (lo < hi) {
        uint32_t mid = (lo + hi + 1) / 2;
        if (r->begin[mid] <= layer)
            lo = mid;
        else
            hi = mid - 1;
    }
    return lo;
}

/* Columns of bands [lo, hi) nested in halves; between[mid]: strips of the node that parts them at `mid`. */
static uint32_t nested(const uint32_t *band, const uint32_t *between, uint32_t lo, uint32_t hi) {
    if (hi - lo == 1) return band[lo];
    uint32_t mid = lo + (hi - lo) / 2, a = nested(band, between, lo, mid), b = nested(band, between, mid, hi);
    return (a > b ? a : b) + between[mid];
}

/* Columns that the choice needs in all. */
static uint32_t measure(const rows *r, double cycles) {
    uint32_t band[MOST_BANDS] = {0}, between[MOST_BANDS] = {0}, ends = 0;
    const wfc_be_tree_problem *p = r->s->p;
    for (uint32_t b = 0; b < r->bands; b++)
        band[b] = sum_at(r, r->high[b], r->begin[b + 1]) - sum_at(r, r->high[b], r->begin[b]);
    for (uint32_t e = 0; e < p->edge_count; e++) {
        uint32_t x = band_of(r, lower_end(&p->edges[e])), y = band_of(r, higher_end(&p->edges[e]));
        if (!inner(&p->edges[e])) {
            ends += p->edges[e].adapter_cols;
        } else if (x == y) {
            band[x] += level_cols(&p->edges[e], cycles);
        } else {
            uint32_t lo = 0, hi = r->bands, mid = hi / 2;
            for (; x >= mid || y < mid; mid = lo + (hi - lo) / 2) *(x >= mid ? &lo : &hi) = mid;
            between[mid] += wfc_be_turn_cols(&p->edges[e], cycles);
        }
    }
    return ends + nested(band, between, 0, r->bands);
}

/* ---- search ---- */

static uint32_t end_cols(const wfc_be_tree_problem *p) {
    uint32_t sum = 0;
    for (uint32_t e = 0; e < p->edge_count; e++) sum += inner(&p->edges[e]) ? 0 : p->edges[e].adapter_cols;
    return sum;
}

typedef wfc_status found(rows *r, void *context);

/* Calls `use` for each choice that fits at this time (of each number of bands the first), at most one if `use` is NULL;
 * *out_need: the least columns of those that do not. Returns whether there is one. */
static wfc_status try_time(rows *r, double cycles, found *use, void *context, bool *out_any, uint32_t *out_need) {
    uint32_t reserve = end_cols(r->s->p), have = r->s->p->width;
    bool done[MOST_BANDS + 1] = {false};
    *out_any = false;
    *out_need = WFC_BE_TREE_TOO_WIDE;
    sum_widths(r, cycles);
    for (int k = 0; k < MOST_TRIES && reserve < have; k++) {
        fill(r, have - reserve, cycles);
        uint32_t least = WFC_BE_TREE_TOO_WIDE;
        for (uint32_t b = 1; b <= r->most_bands; b++) {
            if (done[b] || !choose(r, b)) continue;
            uint32_t need = measure(r, cycles);
            if (need > have) {
                least = need < least ? need : least;
                continue;
            }
            done[b] = true;
            *out_any = true;
            if (!use) return WFC_OK;
            WFC_TRY(use(r, context));
        }
        if (least < *out_need) *out_need = least;
        if (least == WFC_BE_TREE_TOO_WIDE) break;
        reserve += least - have;
    }
    return WFC_OK;
}

typedef struct winner {
    wfc_be_tree *best;
    uint32_t *best_time;
    uint32_t bands, tried;
} winner;

static uint32_t nest(const rows *r, wfc_be_tree *t, const uint32_t *band, uint32_t lo, uint32_t hi) {
    if (hi - lo == 1) return band[lo];
    uint32_t mid = lo + (hi - lo) / 2, a = nest(r, t, band, lo, mid);
    return wfc_be_tree_add(t, WFC_BE_TREE_H, a, nest(r, t, band, mid, hi));
}

static wfc_status offer(rows *r, void *context) {
    winner *w = context;
    wfc_be_tree t;
    wfc_status status = wfc_be_tree_alloc(&t, r->n);
    if (status != WFC_OK) {
        wfc_be_tree_deinit(&t);
        return status;
    }
    uint32_t band[MOST_BANDS];
    for (uint32_t b = 0; b < r->bands; b++) {
        band[b] = wfc_be_tree_add_leaf(&t, r->begin[b]);
        for (uint32_t l = r->begin[b] + 1; l < r->begin[b + 1]; l++)
            band[b] = wfc_be_tree_add(&t, WFC_BE_TREE_V, band[b], wfc_be_tree_add_leaf(&t, l));
    }
    (void)nest(r, &t, band, 0, r->bands);
    uint32_t time = *w->best_time;
    double score = w->best->score;
    w->tried++;
    WFC_TRY(wfc_be_tree_offer(r->s, &t, w->best, w->best_time));
    if (*w->best_time != time || w->best->score != score) w->bands = r->bands;
    return WFC_OK;
}

static wfc_status run(rows *r, winner *w) {
    const wfc_be_times *times = &r->s->times;
    uint32_t lo = 0, hi = times->count - 1, need;
    bool any;
    WFC_TRY(try_time(r, times->data[hi], NULL, NULL, &any, &need));
    if (!any) {
        r->s->need = need < r->s->need ? need : r->s->need;
        return WFC_OK;
    }
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        WFC_TRY(try_time(r, times->data[mid], NULL, NULL, &any, &need));
        if (any)
            hi = mid;
        else
            lo = mid + 1;
    }
    return try_time(r, times->data[lo], offer, w, &any, &need);
}

wfc_status wfc_be_tree_rows(wfc_be_tree_search *s, wfc_be_tree *best, uint32_t *best_time) {
    rows r;
    winner w = {.best = best, .best_time = best_time};
    wfc_status status = rows_init(&r, s);
    if (status == WFC_OK) status = run(&r, &w);
    rows_free(&r);
    if (status != WFC_OK || *best_time == s->times.count) return status;
    best->report = wfc_asprintf("the order in %u bands, %u numbers of bands tried", w.bands, w.tried);
    return best->report ? WFC_OK : WFC_ERR_NO_MEMORY;
}
