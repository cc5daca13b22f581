/* Floorplans: layers become leaves of a slicing tree, edges its strips; see backend/place/tree.h for the geometry.
 *
 * What a layer can be is offered to the tree as shapes: of all keys and column counts those that no other beats in
 * rows, columns and cycles at once. The tree decides rows; splits are then chosen anew for the rows given (plan.c), and
 * columns follow from splits and adapters. */
#include <stdlib.h>
#include <string.h>

#include "backend/floor.h"

enum { MAX_SHAPES = 600 };

static int by_rows(const void *a, const void *b) {
    const wfc_be_shape *x = a, *y = b;
    if (x->cols != y->cols) return x->cols < y->cols ? -1 : 1;
    if (x->rows != y->rows) return x->rows < y->rows ? -1 : 1;
    return (x->cycles > y->cycles) - (x->cycles < y->cycles);
}

/* Drops shapes that an earlier one beats (sorted by columns, then rows); then thins evenly to MAX_SHAPES. */
static uint32_t thin(wfc_be_shape *s, uint32_t n, uint32_t height) {
    double *best = wfc_calloc(height + 1, sizeof *best); /* least cycles with at most so many rows, so far */
    uint32_t kept = 0;
    if (!best) return n < MAX_SHAPES ? n : MAX_SHAPES;
    for (uint32_t r = 0; r <= height; r++) best[r] = 1e30;
    for (uint32_t i = 0; i < n; i++) {
        if (s[i].cycles >= best[s[i].rows]) continue;
        for (uint32_t r = s[i].rows; r <= height && best[r] > s[i].cycles; r++) best[r] = s[i].cycles;
        s[kept++] = s[i];
    }
    wfc_free(best);
    if (kept <= MAX_SHAPES) return kept;
    for (uint32_t i = 0; i < MAX_SHAPES; i++) s[i] = s[(uint64_t)i * kept / MAX_SHAPES];
    return MAX_SHAPES;
}

static wfc_status shapes_of(wfc_be *be, const wfc_be_keys *k, wfc_be_tree_layer *out) {
    size_t most = (size_t)k->count * k->col_count;
    wfc_be_shape *s = wfc_calloc(most + 1, sizeof *s);
    if (!s) return wfc_fail_memory(be->diag);
    uint32_t n = 0;
    for (uint32_t i = 0; i < k->count; i++) {
        const wfc_be_key *key = &k->keys[i];
        uint32_t rows = key->split.groups * key->split.group_rows;
        for (uint32_t c = 0; c < k->col_count; c++) {
            if (key->cycles[c] >= WFC_BE_NO_CYCLES || (c > 0 && key->cycles[c] >= key->cycles[c - 1])) continue;
            s[n++] =
                (wfc_be_shape){.rows = (uint16_t)rows, .cols = (uint16_t)k->cols[c], .cycles = (double)key->cycles[c]};
        }
    }
    qsort(s, n, sizeof *s, by_rows);
    n = thin(s, n, be->region.h);
    wfc_be_shape *kept = wfc_arena_alloc(&be->arena, n + 1, sizeof *kept);
    if (kept) memcpy(kept, s, n * sizeof *s);
    wfc_free(s);
    *out = (wfc_be_tree_layer){.shapes = kept, .shape_count = n};
    return kept ? WFC_OK : wfc_fail_memory(be->diag);
}

static void edge_of(const wfc_be *be, uint32_t layer, const wfc_be_edge *e, wfc_be_tree_edge *out) {
    wfc_value root = wfc_be_view_root(be->g, e->consumed);
    int32_t from = be->layer_of[root.i];
    *out = (wfc_be_tree_edge){.from = from < 0 ? layer : (uint32_t)from, .to = layer, .from_host = from < 0};
    out->words = (double)wfc_shape_elems(&wfc_ir_node_c(be->g, root)->shape);
}

/* Arrays and edges; layers without shapes where no keys are given. */
static wfc_status describe(wfc_be *be, const wfc_be_keys *keys, wfc_be_floor *f) {
    uint32_t n = be->layer_count, count = 0;
    for (uint32_t i = 0; i < n; i++) count += be->layers[i].edge_count;
    f->output_first = count;
    count += (uint32_t)be->g->outputs.count;
    wfc_be_tree_layer *layers = wfc_arena_alloc(&be->arena, n, sizeof *layers);
    f->edges = wfc_arena_alloc(&be->arena, count + 1, sizeof *f->edges);
    f->edge_first = wfc_arena_alloc(&be->arena, n, sizeof *f->edge_first);
    f->relation = wfc_arena_alloc(&be->arena, count + 1, sizeof *f->relation);
    f->strip = wfc_arena_alloc(&be->arena, count + 1, sizeof *f->strip);
    f->layer_cols = wfc_arena_alloc(&be->arena, n, sizeof *f->layer_cols);
    f->strip_cols = wfc_arena_alloc(&be->arena, count + 1, sizeof *f->strip_cols);
    if (!layers || !f->edges || !f->edge_first || !f->relation || !f->strip || !f->layer_cols || !f->strip_cols)
        return wfc_fail_memory(be->diag);
    uint32_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (keys) WFC_TRY(shapes_of(be, &keys[i], &layers[i]));
        layers[i].name = be->layers[i].name;
        f->edge_first[i] = at;
        for (uint32_t e = 0; e < be->layers[i].edge_count; e++)
            edge_of(be, i, &be->layers[i].edges[e], &f->edges[at++]);
    }
    for (uint32_t o = 0; o < be->g->outputs.count; o++) { /* to the host; of which layer does not matter here */
        f->edges[at++] = (wfc_be_tree_edge){.from = n - 1, .to = n - 1, .to_host = true};
    }
    f->problem = (wfc_be_tree_problem){.width = (uint16_t)be->region.w,
                                       .height = (uint16_t)be->region.h,
                                       .layers = layers,
                                       .layer_count = n,
                                       .edges = f->edges,
                                       .edge_count = count};
    return WFC_OK;
}

/* Rows of strips and layers do not depend on widths: any widths show them. */
static wfc_status read_rows(wfc_be *be, wfc_be_floor *f) {
    for (uint32_t i = 0; i < f->problem.layer_count; i++) f->layer_cols[i] = 1;
    for (uint32_t e = 0; e < f->problem.edge_count; e++) f->strip_cols[e] = 1;
    wfc_be_packing k;
    WFC_TRY(wfc_be_tree_pack(&f->tree, &f->problem, f->layer_cols, f->strip_cols, be->diag, &k));
    for (uint32_t e = 0; e < f->problem.edge_count; e++) {
        f->relation[e] = k.relation[e];
        f->strip[e] = k.strips[e];
        f->strip[e].y += be->region.y;
    }
    for (uint32_t i = 0; i < f->problem.layer_count; i++) {
        be->layers[i].split.y = be->region.y + k.layers[i].y;
        be->layers[i].split.h = k.layers[i].h;
    }
    wfc_be_packing_deinit(&k);
    return WFC_OK;
}

wfc_status wfc_be_floor_make(wfc_be *be, const wfc_be_keys *keys, wfc_be_tree_method method, wfc_be_floor **out) {
    wfc_be_floor *f = *out = wfc_arena_alloc(&be->arena, 1, sizeof *f);
    if (!f) return wfc_fail_memory(be->diag);
    WFC_TRY(describe(be, keys, f));
    WFC_TRY(wfc_be_tree_make(&f->problem, method, be->opt->seed, be->diag, &f->tree));
    f->made = true;
    return read_rows(be, f);
}

void wfc_be_floor_deinit(wfc_be_floor *f) {
    if (f && f->made) wfc_be_tree_deinit(&f->tree);
    if (f) f->made = false;
}

static wfc_status pack(wfc_be *be, wfc_be_floor *f, wfc_be_packing *k) {
    return wfc_be_tree_pack(&f->tree, &f->problem, f->layer_cols, f->strip_cols, be->diag, k);
}

wfc_status wfc_be_floor_width(wfc_be *be, wfc_be_floor *f, uint32_t *columns) {
    wfc_be_packing k;
    WFC_TRY(pack(be, f, &k));
    *columns = k.width;
    wfc_be_packing_deinit(&k);
    return WFC_OK;
}

static uint32_t edge_of_adapter(const wfc_be_floor *f, const wfc_be_adapter *a) {
    return a->layer == UINT32_MAX ? f->output_first + a->edge : f->edge_first[a->layer] + a->edge;
}

wfc_status wfc_be_floor_place(wfc_be *be, wfc_be_floor *f, uint32_t *columns) {
    memset(f->strip_cols, 0, f->problem.edge_count * sizeof *f->strip_cols);
    for (uint32_t i = 0; i < be->layer_count; i++) f->layer_cols[i] = (uint16_t)be->layers[i].split.cols;
    for (size_t i = 0; i < be->adapters.count; i++) {
        const wfc_be_adapter *a = &be->adapters.data[i];
        f->strip_cols[edge_of_adapter(f, a)] += be->slabs.data[a->slab].w;
    }
    wfc_be_packing k;
    WFC_TRY(pack(be, f, &k));
    *columns = k.width;
    for (uint32_t i = 0; k.fits && i < be->layer_count; i++) {
        wfc_be_slab *s = &be->slabs.data[be->layers[i].slab];
        s->x = (uint16_t)(be->region.x + k.layers[i].x);
        s->y = (uint16_t)be->layers[i].split.y;
        s->h = (uint16_t)be->layers[i].split.h;
    }
    for (size_t i = 0; k.fits && i < be->adapters.count; i++) { /* in order: relays west of the adapter they feed */
        const wfc_be_adapter *a = &be->adapters.data[i];
        wfc_be_slab *s = &be->slabs.data[a->slab];
        wfc_be_rect *strip = &k.strips[edge_of_adapter(f, a)];
        s->x = (uint16_t)(be->region.x + strip->x);
        s->y = (uint16_t)a->y;
        s->h = (uint16_t)a->h;
        strip->x += s->w;
    }
    wfc_be_packing_deinit(&k);
    return WFC_OK;
}

static const wfc_prog_layer *layer_like(const wfc_be *be, const char *name) {
    const wfc_program *p = be->opt->like;
    for (uint32_t i = 0; i < p->layer_count; i++) {
        if (strcmp(p->layers[i].name, name) == 0) return &p->layers[i];
    }
    return NULL;
}

/* Rows of an edge's strip: those of the other program's adapter or relay for it. */
static wfc_be_rect strip_like(wfc_be *be, const char *reader, uint32_t layer, uint32_t edge) {
    const wfc_prog_layer *l = layer_like(be, wfc_be_adapter_name(be, reader, layer, edge, -1));
    if (!l && layer != UINT32_MAX) l = layer_like(be, wfc_be_adapter_name(be, reader, layer, edge, 0));
    if (!l) return (wfc_be_rect){.h = be->height, .w = 1};
    return (wfc_be_rect){.y = l->rect.y, .h = l->rect.h, .w = 1};
}

wfc_status wfc_be_floor_like(wfc_be *be) {
    wfc_be_floor *f = be->floor = wfc_arena_alloc(&be->arena, 1, sizeof *f);
    if (!f) return wfc_fail_memory(be->diag);
    WFC_TRY(describe(be, NULL, f));
    for (uint32_t e = 0; e < f->problem.edge_count; e++) {
        const wfc_be_tree_edge *edge = &f->edges[e];
        const char *reader =
            edge->to_host ? be->g->outputs.data[e - f->output_first].host_name : be->layers[edge->to].name;
        uint32_t layer = edge->to_host ? UINT32_MAX : edge->to;
        f->strip[e] = strip_like(be, reader, layer, edge->to_host ? e - f->output_first : e - f->edge_first[layer]);
        f->relation[e] = edge->from_host ? WFC_BE_IN : edge->to_host ? WFC_BE_OUT : WFC_BE_EAST;
        if (edge->from_host || edge->to_host) continue;
        const wfc_prog_layer *u = layer_like(be, be->layers[edge->from].name), *v = layer_like(be, reader);
        if (u && v && v->rect.x < u->rect.x + u->rect.w) f->relation[e] = WFC_BE_WEST;
    }
    return WFC_OK;
}
