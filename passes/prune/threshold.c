/* Which elements go, from scores. The k-th lowest of many is found by counting passes over the digits of the scores'
 * bits, which order like the scores they stand for: example, k = 3 of scores {1, 2, .5, 2, 3}: those below 2 are two,
 * so the threshold is 2 and one of the two elements of score 2 goes too, the first.
 *
 * What is compared is a *unit*: an element, or a block of them with the sum of their scores. Units that are zero
 * already have key 0, below all scores. */
#include "passes/prune/matrix.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DIGIT_BITS = 16, DIGITS = 1 << DIGIT_BITS };

typedef struct units {
    const wfc_prune_layer *layer;
    const double *values; /* [count], below 0: zero already; NULL: the elements' scores or magnitudes */
    uint64_t count;
} units;

static uint64_t key_of_score(double v) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits + 1;
}

static double score_of(const wfc_prune_layer *l, uint64_t i) {
    double w = wfc_prune_value(l, i);
    if (w == 0) return -1;
    return l->scores ? l->scores[i] : fabs(w);
}

static uint64_t key(const units *u, uint64_t i) {
    double v = u->values ? u->values[i] : score_of(u->layer, i);
    return v < 0 ? 0 : key_of_score(v == 0 ? 0 : v); /* no -0 */
}

typedef struct cut {
    uint64_t threshold; /* keys below it go */
    uint64_t ties;      /* and this many equal to it */
} cut;

/* The `goes` lowest of n lists of units, 0 <= goes <= their number. */
static cut find_cut(const units *u, size_t n, uint64_t goes, uint64_t *bins) {
    cut c = {0};
    if (goes == 0) return c;
    for (int shift = 64 - DIGIT_BITS; shift >= 0; shift -= DIGIT_BITS) {
        memset(bins, 0, DIGITS * sizeof *bins);
        for (size_t k = 0; k < n; k++)
            for (uint64_t i = 0; i < u[k].count; i++) {
                uint64_t x = key(&u[k], i);
                bool same = shift + DIGIT_BITS == 64 || x >> (shift + DIGIT_BITS) == c.threshold;
                if (same) bins[x >> shift & (DIGITS - 1)]++;
            }
        uint64_t d = 0;
        while (goes > bins[d]) goes -= bins[d++];
        c.threshold = c.threshold << DIGIT_BITS | d;
    }
    c.ties = goes;
    return c;
}

static bool takes(cut *c, uint64_t key) {
    if (key == c->threshold && c->ties > 0) return c->ties--, true;
    return key < c->threshold;
}

/* ---- What goes of units ---- */

typedef struct selection {
    wfc_pruning *p;
    double part;
    uint64_t *bins;
    units *units;              /* by layer; count 0 where it is ignored */
    wfc_weight_matrix *matrix; /* by layer, where the structure needs it */
} selection;

static double share_at(const selection *s, double sparsity) {
    return s->part >= 1 ? sparsity : 1 - pow(1 - sparsity, s->part);
}

/* Unit i of layer k and the elements it stands for. */
static void drop_unit(selection *s, size_t k, uint64_t i) {
    wfc_prune_layer *l = &s->p->layers[k];
    const wfc_prune_spec *spec = s->p->spec;
    if (!spec->block_rows) {
        wfc_prune_drop(l, i);
        return;
    }
    const wfc_weight_matrix *m = &s->matrix[k];
    uint64_t across = (m->segment + spec->block_columns - 1) / spec->block_columns,
             segments = m->column.extent / m->segment, down = (m->row.extent + spec->block_rows - 1) / spec->block_rows;
    uint64_t c = i % across, g = i / across % segments, r = i / across / segments % down,
             q = i / across / segments / down;
    for (uint64_t y = r * spec->block_rows; y < (r + 1) * spec->block_rows && y < m->row.extent; y++)
        for (uint64_t x = c * spec->block_columns; x < (c + 1) * spec->block_columns && x < m->segment; x++)
            wfc_prune_drop(l, m->element[((q * m->row.extent + y) * segments + g) * m->segment + x]);
}

static void drop_units(selection *s, size_t k, cut *c) {
    const units *u = &s->units[k];
    for (uint64_t i = 0; i < u->count; i++)
        if (takes(c, key(u, i))) drop_unit(s, k, i);
}

static void select_layer(selection *s, size_t k, uint64_t goes) {
    cut c = find_cut(&s->units[k], 1, goes, s->bins);
    drop_units(s, k, &c);
}

/* ---- One threshold over all, within the bounds of each ---- */

static uint64_t count_taken(const units *u, cut *c) {
    uint64_t n = 0;
    for (uint64_t i = 0; i < u->count; i++) n += takes(c, key(u, i));
    return n;
}

static wfc_status cannot_meet(const selection *s) {
    return wfc_fail(s->p->diag, WFC_ERR_INPUT, "WFC-E0285", "",
                    "a sparsity of %g cannot be met: the layers' own sparsities and bounds leave no way",
                    s->p->spec->sparsity);
}

/* free_units: the layers still under the one threshold, in order; bound[k]: what goes of a layer out of it. */
static wfc_status share_global(selection *s, units *free_units, uint64_t *bound, bool *is_free, uint64_t goes) {
    for (;;) {
        size_t n = 0;
        uint64_t all = 0;
        for (size_t k = 0; k < s->p->count; k++) {
            if (!is_free[k]) continue;
            free_units[n++] = s->units[k];
            all += s->units[k].count;
        }
        if (goes > all) return cannot_meet(s);
        cut c = find_cut(free_units, n, goes, s->bins), counting = c;
        bool fits = true;
        for (size_t k = 0; k < s->p->count; k++) {
            if (!is_free[k]) continue;
            const wfc_prune_layer *l = &s->p->layers[k];
            uint64_t some = count_taken(&s->units[k], &counting),
                     most = (uint64_t)floor(share_at(s, l->max) * (double)s->units[k].count),
                     least = (uint64_t)ceil(share_at(s, l->min) * (double)s->units[k].count);
            if (some >= least && some <= most) continue;
            is_free[k] = fits = false;
            bound[k] = some < least ? least : most;
            if (bound[k] > goes) return cannot_meet(s);
            goes -= bound[k];
        }
        if (!fits) continue;
        for (size_t k = 0; k < s->p->count; k++)
            if (is_free[k]) drop_units(s, k, &c);
        return WFC_OK;
    }
}

static wfc_status select_global(selection *s) {
    size_t n = s->p->count;
    units *free_units = wfc_calloc(n, sizeof *free_units);
    uint64_t *bound = wfc_calloc(n, sizeof *bound), all = 0;
    bool *is_free = wfc_calloc(n, sizeof *is_free);
    wfc_status status = free_units && bound && is_free ? WFC_OK : WFC_ERR_NO_MEMORY;
    for (size_t k = 0; k < n && status == WFC_OK; k++) {
        const wfc_prune_layer *l = &s->p->layers[k];
        is_free[k] = !l->ignored && isnan(l->fixed);
        if (is_free[k]) all += s->units[k].count;
        if (!isnan(l->fixed)) bound[k] = wfc_prune_count(share_at(s, l->fixed), s->units[k].count);
    }
    if (status == WFC_OK)
        status = share_global(s, free_units, bound, is_free, wfc_prune_count(share_at(s, s->p->spec->sparsity), all));
    for (size_t k = 0; k < n && status == WFC_OK; k++)
        if (!is_free[k] && !s->p->layers[k].ignored) select_layer(s, k, bound[k]);
    wfc_free(free_units);
    wfc_free(bound);
    wfc_free(is_free);
    return status;
}

/* ---- Rows and N:M: units of a list in another order ---- */

typedef struct ranked {
    uint64_t key, at;
} ranked;

static int by_key(const void *a, const void *b) {
    const ranked *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* Of the n elements at[] of a layer the `goes` lowest, the earlier in the list first. */
static void select_few(wfc_prune_layer *l, const uint32_t *at, uint64_t n, uint64_t goes, ranked *room) {
    for (uint64_t i = 0; i < n; i++) {
        double v = score_of(l, at[i]);
        room[i] = (ranked){key(&(units){.values = &v, .count = 1}, 0), i};
    }
    qsort(room, (size_t)n, sizeof *room, by_key);
    for (uint64_t i = 0; i < goes; i++) wfc_prune_drop(l, at[room[i].at]);
}

/* By row, or of `of` neighbouring channels for N:M; the last of a segment may be fewer. */
static wfc_status select_runs(selection *s, size_t k) {
    const wfc_prune_spec *spec = s->p->spec;
    wfc_prune_layer *l = &s->p->layers[k];
    const wfc_weight_matrix *m = &s->matrix[k];
    uint64_t line = spec->of ? m->segment : m->column.extent, step = spec->of ? spec->of : line;
    ranked *room = wfc_calloc((size_t)step, sizeof *room);
    if (!room) return WFC_ERR_NO_MEMORY;
    for (uint64_t start = 0; start < l->elems; start += line)
        for (uint64_t c = 0; c < line; c += step) {
            uint64_t n = line - c < step ? line - c : step, goes = n > spec->keep ? n - spec->keep : 0;
            if (!spec->of) goes = wfc_prune_count(share_at(s, l->sparsity), n);
            select_few(l, m->element + start + c, n, goes, room);
        }
    wfc_free(room);
    return WFC_OK;
}

/* ---- Blocks ---- */

static wfc_status make_blocks(selection *s, size_t k) {
    const wfc_weight_matrix *m = &s->matrix[k];
    uint64_t bh = s->p->spec->block_rows, bw = s->p->spec->block_columns, segments = m->column.extent / m->segment,
             down = (m->row.extent + bh - 1) / bh, across = (m->segment + bw - 1) / bw;
    double *sums = wfc_calloc((size_t)(m->group.extent * down * segments * across), sizeof *sums);
    if (!sums) return WFC_ERR_NO_MEMORY;
    uint64_t count = m->group.extent * down * segments * across, at = 0;
    for (uint64_t i = 0; i < count; i++) sums[i] = -1;
    for (uint64_t q = 0; q < m->group.extent; q++)
        for (uint64_t y = 0; y < m->row.extent; y++)
            for (uint64_t g = 0; g < segments; g++)
                for (uint64_t x = 0; x < m->segment; x++) {
                    double v = score_of(&s->p->layers[k], m->element[at++]);
                    double *sum = &sums[((q * down + y / bh) * segments + g) * across + x / bw];
                    if (v >= 0) *sum = *sum < 0 ? v : *sum + v;
                }
    s->units[k].values = sums;
    s->units[k].count = count;
    return WFC_OK;
}

/* ---- All together ---- */

static wfc_status prepare(selection *s) {
    const wfc_prune_spec *spec = s->p->spec;
    bool inner = spec->of || spec->block_rows, needs_matrix = inner || spec->scope == WFC_PRUNE_ROW;
    for (size_t k = 0; k < s->p->count; k++) {
        const wfc_prune_layer *l = &s->p->layers[k];
        if (l->ignored) continue;
        s->units[k] = (units){.layer = l, .count = l->elems};
        for (uint64_t i = 0; l->scores && i < l->elems; i++)
            if (isnan(l->scores[i]))
                return wfc_fail(s->p->diag, WFC_ERR_INPUT, "WFC-E0286", l->where,
                                "the score of element %llu of its weights is no number; are the data finite?",
                                (unsigned long long)i);
        if (needs_matrix) WFC_TRY(wfc_weight_matrix_init(&s->matrix[k], s->p, l, l->contract, inner));
        if (spec->block_rows) WFC_TRY(make_blocks(s, k));
    }
    return WFC_OK;
}

static wfc_status select_all(selection *s) {
    const wfc_prune_spec *spec = s->p->spec;
    WFC_TRY(prepare(s));
    if (spec->scope == WFC_PRUNE_GLOBAL && !spec->of) return select_global(s);
    for (size_t k = 0; k < s->p->count; k++) {
        if (s->p->layers[k].ignored) continue;
        if (spec->of || spec->scope == WFC_PRUNE_ROW)
            WFC_TRY(select_runs(s, k));
        else
            select_layer(s, k, wfc_prune_count(share_at(s, s->p->layers[k].sparsity), s->units[k].count));
    }
    return WFC_OK;
}

wfc_status wfc_prune_select(wfc_pruning *p, double part) {
    selection s = {.p = p, .part = part};
    s.bins = wfc_calloc(DIGITS, sizeof *s.bins);
    s.units = wfc_calloc(p->count, sizeof *s.units);
    s.matrix = wfc_calloc(p->count, sizeof *s.matrix);
    wfc_status status = s.bins && s.units && s.matrix ? select_all(&s) : WFC_ERR_NO_MEMORY;
    for (size_t k = 0; k < p->count; k++) {
        if (s.units) wfc_free((void *)s.units[k].values);
        if (s.matrix) wfc_weight_matrix_deinit(&s.matrix[k]);
    }
    wfc_free(s.bins);
    wfc_free(s.units);
    wfc_free(s.matrix);
    return status;
}
