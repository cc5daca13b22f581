/* What a placed tree costs beyond the slowest layer: the busiest link along a row, and the way of the words.
 *
 * A lane runs east on its producer's rows to where it is needed or to its strip, and on the reader's rows from the
 * strip on, over all the reader's columns; WEST and STACK strips send west. Each lane is a rectangle of links with
 * words / rows on each of them; a sweep from west to east over the rectangles finds the largest sum. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/place/tree_parts.h"

static const double WIRE_WEIGHT = 1.0 / 64; /* cycles of time that a hop of the mean distance is worth */

/* A border of a lane: words on each row of [y, y + h) begin or end at x. */
typedef struct border {
    uint32_t x, y, h, order;
    double words;
} border;

typedef struct lanes {
    border *data;
    uint32_t count;
} lanes;

static void add_lane(lanes *l, const wfc_be_rect *rows, uint32_t from, uint32_t to, double words) {
    if (from >= to || !(words > 0)) return;
    double each = words / rows->h;
    l->data[l->count] = (border){from, rows->y, rows->h, l->count, each};
    l->count++;
    l->data[l->count] = (border){to, rows->y, rows->h, l->count, -each};
    l->count++;
}

/* Ends before beginnings. */
static int by_x(const void *a, const void *b) {
    const border *x = a, *y = b;
    if (x->x != y->x) return x->x < y->x ? -1 : 1;
    if ((x->words < 0) != (y->words < 0)) return x->words < 0 ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static wfc_status busiest(lanes *l, uint32_t height, double *most) {
    double *load = wfc_calloc(height, sizeof *load);
    if (!load) return WFC_ERR_NO_MEMORY;
    qsort(l->data, l->count, sizeof *l->data, by_x);
    for (uint32_t k = 0; k < l->count; k++) {
        const border *b = &l->data[k];
        for (uint32_t y = b->y; y < b->y + b->h; y++) {
            load[y] += b->words;
            if (load[y] > *most) *most = load[y];
        }
    }
    wfc_free(load);
    return WFC_OK;
}

/* How far east the lane of the edge's tensor runs on its producer's rows: over the reader's columns, or to the strip.
 */
static uint32_t lane_end(const wfc_be_packing *k, const wfc_be_tree_edge *e, uint32_t edge) {
    const wfc_be_rect *to = &k->layers[e->to], *strip = &k->strips[edge];
    return strip->w || k->relation[edge] != WFC_BE_EAST ? strip->x : to->x + to->w;
}

/* The last column adds its words on the way out. */
static uint32_t lane_start(const wfc_be_rect *from) {
    return from->x + from->w - (from->w > 1);
}

/* Lane of one tensor, made of the edges that carry it. */
typedef struct source {
    uint32_t from, tensor, end;
    double words;
} source;

static int by_tensor(const void *a, const void *b) {
    const source *x = a, *y = b;
    if (x->from != y->from) return x->from < y->from ? -1 : 1;
    if (x->tensor != y->tensor) return x->tensor < y->tensor ? -1 : 1;
    if (x->end != y->end) return x->end > y->end ? -1 : 1;
    return x->words > y->words ? -1 : x->words < y->words;
}

/* On the rows of the producers: readers of one tensor share a lane, which runs to the farthest. */
static wfc_status producer_lanes(const wfc_be_tree_problem *p, const wfc_be_packing *k, lanes *east) {
    source *sources = wfc_calloc(p->edge_count, sizeof *sources);
    if (!sources) return WFC_ERR_NO_MEMORY;
    uint32_t count = 0;
    for (uint32_t i = 0; i < p->edge_count; i++) {
        const wfc_be_tree_edge *e = &p->edges[i];
        if (!e->from_host) sources[count++] = (source){e->from, e->tensor, lane_end(k, e, i), e->words};
    }
    qsort(sources, count, sizeof *sources, by_tensor);
    for (uint32_t i = 0; i < count; i++) {
        const source *s = &sources[i];
        if (i && s->from == s[-1].from && s->tensor == s[-1].tensor) continue;
        add_lane(east, &k->layers[s->from], lane_start(&k->layers[s->from]), s->end, s->words);
    }
    wfc_free(sources);
    return WFC_OK;
}

/* On the rows of the readers, behind the strips. */
static void reader_lanes(const wfc_be_tree_problem *p, const wfc_be_packing *k, lanes *east, lanes *west) {
    for (uint32_t i = 0; i < p->edge_count; i++) {
        const wfc_be_tree_edge *e = &p->edges[i];
        const wfc_be_rect *to = &k->layers[e->to], *strip = &k->strips[i];
        wfc_be_relation r = k->relation[i];
        if (r == WFC_BE_IN || (r == WFC_BE_EAST && strip->w))
            add_lane(east, to, strip->x + strip->w, to->x + to->w, e->words);
        if (r == WFC_BE_WEST || r == WFC_BE_STACK) add_lane(west, to, to->x, strip->x, e->words);
    }
}

static double distance(const wfc_be_packing *k, const wfc_be_tree_edge *e, uint32_t edge) {
    const wfc_be_rect *from = &k->layers[e->from], *to = &k->layers[e->to], *strip = &k->strips[edge];
    double leaves = from->x + from->w, turn = strip->x + strip->w;
    double rows = fabs((from->y + from->h / 2.0) - (to->y + to->h / 2.0));
    switch (k->relation[edge]) {
    case WFC_BE_IN: return 1.0 + to->x;
    case WFC_BE_OUT: return 1.0 + k->width - leaves;
    case WFC_BE_EAST: return 1.0 + to->x - leaves + rows;
    default: return 1.0 + (turn - leaves) + (turn - (to->x + to->w)) + rows;
    }
}

wfc_status wfc_be_tree_price(const wfc_be_tree_problem *p, const wfc_be_packing *k, wfc_be_tree *t) {
    lanes east = {0}, west = {0};
    east.data = wfc_calloc(4 * (size_t)p->edge_count, sizeof *east.data);
    west.data = wfc_calloc(2 * (size_t)p->edge_count, sizeof *west.data);
    wfc_status s = east.data && west.data ? producer_lanes(p, k, &east) : WFC_ERR_NO_MEMORY;
    t->link_cycles = 0;
    if (s == WFC_OK) {
        reader_lanes(p, k, &east, &west);
        s = busiest(&east, p->height, &t->link_cycles);
    }
    if (s == WFC_OK) s = busiest(&west, p->height, &t->link_cycles);
    wfc_free(east.data);
    wfc_free(west.data);
    double words = 0;
    t->wire = 0;
    for (uint32_t i = 0; i < p->edge_count; i++) {
        t->wire += p->edges[i].words * distance(k, &p->edges[i], i);
        words += p->edges[i].words;
    }
    t->score = fmax(t->cycles, t->link_cycles) + (words > 0 ? t->wire / words * WIRE_WEIGHT : 0);
    return s;
}
