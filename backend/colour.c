/* Colours: streams, chains and buses occupy rectangles of routers; two that overlap get different ones. Greedy in order
 * of the west end, which is optimal where all rows are shared (an interval graph). */
#include <stdlib.h>
#include <string.h>

#include "backend/be.h"

/* What needs colours: a rectangle of routers. Two that overlap get different ones. */
typedef struct item {
    uint16_t x0, x1, y0, y1; /* last ones included */
    uint8_t need, *colours[8];
    uint32_t order; /* among items that start in one column: the same in every run, unlike addresses */
} item;

static int by_first(const void *a, const void *b) {
    const item *x = a, *y = b;
    if (x->x0 != y->x0) return x->x0 < y->x0 ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static void stream_extent(const wfc_be *be, wfc_be_stream *s) {
    const wfc_be_slab *from = s->slab < 0 ? NULL : &be->slabs.data[s->slab];
    s->x_first = from ? from->x : 0;
    s->x_last = from ? (uint16_t)(from->x + from->w - 1) : 0;
    for (uint32_t k = 0; k < s->tap_count; k++) {
        const wfc_be_slab *to = s->taps[k].slab < 0 ? NULL : &be->slabs.data[s->taps[k].slab];
        uint16_t first = to ? to->x : (uint16_t)(be->width - 1), last = to ? (uint16_t)(to->x + to->w - 1) : first;
        if (last > s->x_last) s->x_last = last;
        if (first < s->x_first) s->x_first = first;
    }
}

static uint8_t vertical_colours(const wfc_be *be, const wfc_be_slab *s) {
    if (s->is_adapter) return be->adapters.data[s->index].section ? 4 : 0;
    return be->layers[s->index].split.pc > 1 ? 4 : 0;
}

static bool overlap(const item *a, const item *b) {
    return a->x0 <= b->x1 && b->x0 <= a->x1 && a->y0 <= b->y1 && b->y0 <= a->y1;
}

static wfc_status colour(wfc_be *be, item *items, size_t n) {
    qsort(items, n, sizeof *items, by_first);
    for (size_t i = 0; i < n; i++) {
        uint32_t used = 0;
        for (size_t j = 0; j < i; j++) {
            if (!overlap(&items[j], &items[i])) continue;
            for (unsigned k = 0; k < items[j].need; k++) used |= 1u << *items[j].colours[k];
        }
        unsigned c = 0;
        for (unsigned k = 0; k < items[i].need; k++) {
            while (c < be->t->colours && (used >> c & 1u)) c++;
            if (c >= be->t->colours) {
                return wfc_fail(
                    be->diag, WFC_ERR_NO_FIT, "WFC-E7040", be->g->name,
                    "target %s has %u colours, and the tensors and partial sums that pass column %u at once need "
                    "more. Use a target with more colours",
                    be->t->name, be->t->colours, items[i].x0);
            }
            *items[i].colours[k] = (uint8_t)c++;
        }
    }
    return WFC_OK;
}

static item stream_item(const wfc_be *be, wfc_be_stream *s) {
    item i = {.x0 = s->x_first, .x1 = s->x_last, .y0 = UINT16_MAX, .need = be->parity ? 2 : 1};
    for (uint32_t r = 0; r < be->height; r++) {
        if (!s->rows[r].count) continue;
        if (i.y0 == UINT16_MAX) i.y0 = (uint16_t)r;
        i.y1 = (uint16_t)r;
    }
    i.colours[0] = &s->colours[0];
    i.colours[1] = &s->colours[1];
    return i;
}

static item slab_item(const wfc_be *be, wfc_be_slab *s) {
    item i = {.x0 = s->x, .x1 = (uint16_t)(s->x + s->w - 1), .y0 = s->y, .y1 = (uint16_t)(s->y + s->h - 1)};
    for (unsigned p = 0; p < (be->parity ? 2u : 1u); p++) {
        for (unsigned k = 0; k < s->colour_count; k++) i.colours[i.need++] = &s->colours[p][k];
    }
    return i;
}

static wfc_status colours(wfc_be *be) {
    item *items = wfc_arena_alloc(&be->arena, be->streams.count + be->slabs.count + 1, sizeof *items);
    if (!items) return wfc_fail_memory(be->diag);
    size_t n = 0;
    for (size_t i = 0; i < be->streams.count; i++) {
        stream_extent(be, &be->streams.data[i]);
        items[n] = stream_item(be, &be->streams.data[i]);
        items[n].order = (uint32_t)n;
        n++;
    }
    for (size_t i = 0; i < be->slabs.count; i++) {
        wfc_be_slab *s = &be->slabs.data[i];
        s->colour_count = vertical_colours(be, s);
        if (!s->colour_count) continue;
        items[n] = slab_item(be, s);
        items[n].order = (uint32_t)n;
        n++;
    }
    WFC_TRY(colour(be, items, n));
    if (be->parity) return WFC_OK;
    for (size_t i = 0; i < be->streams.count; i++) be->streams.data[i].colours[1] = be->streams.data[i].colours[0];
    for (size_t i = 0; i < be->slabs.count; i++) {
        memcpy(be->slabs.data[i].colours[1], be->slabs.data[i].colours[0], sizeof be->slabs.data[i].colours[0]);
    }
    return WFC_OK;
}

wfc_status wfc_be_colour_all(wfc_be *be) {
    return colours(be);
}
