/* Columns and colours. Slabs stand from west to east in data-flow order. Streams, chains and buses occupy intervals of
 * columns; two that share a column get different colours: greedy colouring of an interval graph in order of the left
 * end is optimal. */
#include <stdlib.h>

#include "backend/be.h"

typedef struct item {
    uint16_t first, last;
    uint8_t need;
    uint8_t *colours;
} item;

static int by_first(const void *a, const void *b) {
    const item *x = a, *y = b;
    if (x->first != y->first) return x->first < y->first ? -1 : 1;
    return x->colours < y->colours ? -1 : x->colours > y->colours;
}

static void stream_extent(const wfc_be *be, wfc_be_stream *s) {
    s->x_first = s->slab < 0 ? 0 : be->slabs.data[s->slab].x;
    s->x_last = s->x_first;
    for (uint32_t k = 0; k < s->tap_count; k++) {
        int32_t slab = s->taps[k].slab;
        uint16_t last =
            slab < 0 ? (uint16_t)(be->width - 1) : (uint16_t)(be->slabs.data[slab].x + be->slabs.data[slab].w - 1);
        if (last > s->x_last) s->x_last = last;
    }
}

static uint8_t vertical_colours(const wfc_be *be, const wfc_be_slab *s) {
    if (s->is_adapter) return be->adapters.data[s->index].section ? 4 : 0;
    return be->layers[s->index].split.pc > 1 ? 4 : 0;
}

static wfc_status colour(wfc_be *be, item *items, size_t n) {
    qsort(items, n, sizeof *items, by_first);
    for (size_t i = 0; i < n; i++) {
        uint32_t used = 0;
        for (size_t j = 0; j < i; j++) {
            if (items[j].last < items[i].first) continue;
            for (unsigned k = 0; k < items[j].need; k++) used |= 1u << items[j].colours[k];
        }
        unsigned c = 0;
        for (unsigned k = 0; k < items[i].need; k++) {
            while (c < be->t->colours && (used >> c & 1u)) c++;
            if (c >= be->t->colours) {
                return wfc_fail(be->diag, WFC_ERR_NO_FIT, "WFC-E7040", be->g->name,
                                "more than %u colours are live at column %u: too many tensors pass it at once",
                                be->t->colours, items[i].first);
            }
            items[i].colours[k] = (uint8_t)c++;
        }
    }
    return WFC_OK;
}

wfc_status wfc_be_place(wfc_be *be) {
    uint32_t x = 0;
    for (size_t i = 0; i < be->slabs.count; i++) {
        be->slabs.data[i].x = (uint16_t)x;
        x += be->slabs.data[i].w;
    }
    if (x > be->width) {
        return wfc_fail(be->diag, WFC_ERR_NO_FIT, "WFC-E7041", be->g->name,
                        "layers and adapters need %u columns, target %s has %u", x, be->t->name, be->width);
    }
    item *items = wfc_arena_alloc(&be->arena, be->streams.count + be->slabs.count, sizeof *items);
    if (!items) return wfc_fail_memory(be->diag);
    size_t n = 0;
    for (size_t i = 0; i < be->streams.count; i++) {
        wfc_be_stream *s = &be->streams.data[i];
        stream_extent(be, s);
        items[n++] = (item){.first = s->x_first, .last = s->x_last, .need = 1, .colours = &s->colour};
    }
    for (size_t i = 0; i < be->slabs.count; i++) {
        wfc_be_slab *s = &be->slabs.data[i];
        s->colour_count = vertical_colours(be, s);
        if (!s->colour_count) continue;
        items[n++] =
            (item){.first = s->x, .last = (uint16_t)(s->x + s->w - 1), .need = s->colour_count, .colours = s->colours};
    }
    return colour(be, items, n);
}
