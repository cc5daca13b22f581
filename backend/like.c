/* A plan by example: splits are read from the other program's description of each layer ("rows=1.1.8.28 contraction=3
 * cols=64 of axis 1"), rectangles from its table. Where both are taken, adapters come out the same, too: they depend on
 * the splits alone, but for their width, which is taken as well. */
#include "backend/like.h"
#include "backend/floor.h"

#include <stdio.h>
#include <string.h>

static const wfc_prog_layer *find(const wfc_be *be, const char *name, bool adapter) {
    const wfc_program *p = be->opt->like;
    for (uint32_t i = 0; p && i < p->layer_count; i++) {
        bool is = strcmp(p->layers[i].kind, "adapter") == 0 || strcmp(p->layers[i].kind, "buffer") == 0;
        if (is == adapter && strcmp(p->layers[i].name, name) == 0) return &p->layers[i];
    }
    return NULL;
}

static wfc_status missing(wfc_be *be, const char *name) {
    return wfc_fail(be->diag, WFC_ERR_NO_FIT, "WFC-E7014", name,
                    "the program whose rectangles are to be used has no such layer, or has it in another form; use one "
                    "compiled from the same model for the same target");
}

/* "rows=1.1.8.28 contraction=3 cols=64 of axis 1" */
static bool read_split(const wfc_be_layer *l, const char *text, wfc_be_split *s) {
    unsigned n, axis;
    int used = 0;
    if (!text || strncmp(text, "rows=", 5) != 0) return false;
    text += 5;
    for (unsigned d = 0; d < l->shape.rank; d++) {
        if (sscanf(text, d ? ".%u%n" : "%u%n", &n, &used) != 1 || n == 0 || n > l->shape.dims[d]) return false;
        s->row_parts[d] = n;
        text += used;
    }
    unsigned pc, cols;
    if (sscanf(text, " contraction=%u cols=%u of axis %u", &pc, &cols, &axis) != 3) return false;
    if (pc == 0 || cols == 0 || axis >= l->shape.rank || (l->red_var < 0 && pc != 1)) return false;
    s->pc = pc;
    s->cols = cols;
    s->col_axis = (uint8_t)axis;
    return true;
}

wfc_status wfc_be_plan_like(wfc_be *be) {
    const wfc_program *p = be->opt->like;
    for (uint32_t i = 0; i < be->layer_count; i++) {
        wfc_be_layer *l = &be->layers[i];
        const wfc_prog_layer *from = find(be, l->name, false);
        wfc_be_split *s = &l->split;
        for (unsigned d = 0; d < WFC_IR_MAX_RANK; d++) s->row_parts[d] = 1;
        if (!from || !read_split(l, from->split, s) || from->rect.w != s->cols) return missing(be, l->name);
        s->y = from->rect.y;
        s->h = from->rect.h;
        wfc_be_split_count(l, s);
        bool outside = s->y + s->h > be->height || (uint32_t)from->rect.x + from->rect.w > be->width;
        if (outside || (uint64_t)s->groups * s->group_rows > s->h) return missing(be, l->name);
        if (from->predicted_cycles > be->target_cycles) be->target_cycles = from->predicted_cycles;
    }
    be->target_cycles = be->wish_cycles = p->predicted_delta_t_cycles;
    return wfc_be_floor_like(be);
}

uint32_t wfc_be_cols_like(const wfc_be *be, const char *adapter) {
    const wfc_prog_layer *from = find(be, adapter, true);
    return from ? from->rect.w : 0;
}

uint32_t wfc_be_relays_like(wfc_be *be, const char *reader, uint32_t layer, uint32_t edge) {
    uint32_t n = 0;
    while (wfc_be_cols_like(be, wfc_be_adapter_name(be, reader, layer, edge, (int)n))) n++;
    return n;
}

wfc_status wfc_be_place_like(wfc_be *be) {
    for (size_t i = 0; i < be->slabs.count; i++) {
        wfc_be_slab *s = &be->slabs.data[i];
        const char *name = s->is_adapter ? be->adapters.data[s->index].name : be->layers[s->index].name;
        const wfc_prog_layer *from = find(be, name, s->is_adapter);
        if (!from || from->rect.w != s->w) return missing(be, name);
        s->x = from->rect.x;
        s->y = from->rect.y;
        s->h = from->rect.h;
    }
    return WFC_OK;
}
