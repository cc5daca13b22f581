/* Starts: the kernels in topological order, laid in bands, and the trees of tree_make.c at the same times. */
#include <math.h>
#include <string.h>

#include "backend/place/bands.h"
#include "backend/place/place_start.h"

#define NONE WFC_BE_ANNEAL_NONE

enum { STRIDE = 16 }; /* steps of time looked at */

typedef struct start {
    wfc_be_starts *out;
    wfc_be_anneal *a;
    const wfc_be_kgraph *g;
    uint32_t *order, *place; /* [n] kernel at a place, place of a kernel */
    wfc_be_anneal_node *nodes;
    wfc_be_bands bands;
    wfc_be_shape *shapes;
    wfc_be_tree_layer *layers;
    wfc_be_tree_edge *edges;
} start;

/* A topological order that goes on with the readers of what it has just placed, so that chains stay together; kernels
 * on cycles follow in the file's order. */
static wfc_status order_kernels(start *s) {
    const wfc_be_kgraph *g = s->g;
    uint32_t n = (uint32_t)g->kernels.count, count = 0;
    uint32_t *inputs = wfc_calloc(n, sizeof *inputs), *since = wfc_calloc(n, sizeof *since);
    for (size_t e = 0; inputs && e < g->edges.count; e++) inputs[g->edges.data[e].to]++;
    for (uint32_t i = 0; i < n; i++) s->place[i] = NONE;
    while (inputs && since && count < n) {
        uint32_t next = NONE;
        for (uint32_t i = 0; i < n; i++)
            if (s->place[i] == NONE && inputs[i] == 0 && (next == NONE || since[i] > since[next])) next = i;
        for (uint32_t i = 0; next == NONE; i++)
            if (s->place[i] == NONE) next = i;
        s->place[next] = count;
        s->order[count++] = next;
        for (size_t e = 0; e < g->edges.count; e++) {
            uint32_t to = g->edges.data[e].to;
            if (g->edges.data[e].from != next || inputs[to] == 0) continue;
            inputs[to]--;
            since[to] = count;
        }
    }
    wfc_free(inputs);
    wfc_free(since);
    return count == n ? WFC_OK : WFC_ERR_NO_MEMORY;
}

/* Sorts children for short wires, then keeps the state if it fits. */
static wfc_status offer(start *s, uint32_t root, uint32_t step) {
    wfc_be_anneal *a = s->a;
    a->best.cost = INFINITY;
    WFC_TRY(wfc_be_anneal_set(a, s->nodes, root, step));
    if (a->best.cost == INFINITY || s->out->count == WFC_BE_STARTS_MOST) return WFC_OK;
    for (uint32_t k = 0; k < 20 * a->n; k++) wfc_be_anneal_turn(a);
    wfc_be_anneal_state *t = &s->out->states[s->out->count];
    *t = a->best;
    t->nodes = wfc_calloc(a->node_count, sizeof *t->nodes);
    if (!t->nodes) return WFC_ERR_NO_MEMORY;
    memcpy(t->nodes, a->best.nodes, a->node_count * sizeof *t->nodes);
    s->out->count++;
    return WFC_OK;
}

/* ---- bands ---- */

static wfc_status offer_bands(start *s, uint32_t group) {
    bool done[WFC_BE_BANDS_MOST + 1] = {false};
    uint32_t left = WFC_BE_BANDS_MOST, after = 0;
    for (uint32_t step = 0; step < s->a->curves->steps && left && after < 40; step += STRIDE) {
        const wfc_be_leaf_curve *leaf = wfc_be_leaf_curves_at(s->a->curves, step);
        if (!leaf) return WFC_ERR_NO_MEMORY;
        wfc_be_bands_make(&s->bands, s->order, leaf, group);
        if (left < WFC_BE_BANDS_MOST) after++;
        for (uint32_t r = 1; r <= WFC_BE_BANDS_MOST; r++) {
            if (done[r] || !wfc_be_bands_fit(&s->bands, r)) continue;
            done[r] = true;
            left--;
            WFC_TRY(offer(s, wfc_be_bands_read(&s->bands, r, &s->a->rng, s->nodes), step));
        }
    }
    return WFC_OK;
}

/* Where the topological order fits at no time, another one may: at the slowest time kernels are smallest. */
static wfc_status offer_other_orders(start *s) {
    enum { TRIES = 300 };
    wfc_be_anneal *a = s->a;
    const wfc_be_leaf_curve *leaf = wfc_be_leaf_curves_at(a->curves, a->curves->steps - 1);
    if (!leaf) return WFC_ERR_NO_MEMORY;
    for (int k = 0; k < TRIES && s->out->count == 0; k++) {
        for (uint32_t i = a->n - 1; i > 0; i--) {
            uint32_t j = (uint32_t)(wfc_rng_next(&a->rng) % (i + 1)), kernel = s->order[i];
            s->order[i] = s->order[j];
            s->order[j] = kernel;
        }
        wfc_be_bands_make(&s->bands, s->order, leaf, WFC_BE_GROUP_MOST);
        bool fits = false;
        for (uint32_t r = 1; r <= WFC_BE_BANDS_MOST; r++) fits |= wfc_be_bands_fit(&s->bands, r);
        if (fits) WFC_TRY(offer_bands(s, WFC_BE_GROUP_MOST));
    }
    return WFC_OK;
}

/* ---- the floorplanner's trees ---- */

/* All shapes of one step take the same time: whether they fit is all it is asked. */
static wfc_status fill_layers(start *s, const wfc_be_leaf_curve *leaf) {
    size_t total = 0, used = 0;
    for (uint32_t i = 0; i < s->a->n; i++) total += 2 * leaf[s->g->kernels.data[i].type].shapes.count;
    wfc_be_shape *shapes = wfc_realloc(s->shapes, total, sizeof *shapes);
    if (!shapes) return WFC_ERR_NO_MEMORY;
    s->shapes = shapes;
    for (uint32_t i = 0; i < s->a->n; i++) {
        const wfc_be_kernel *k = &s->g->kernels.data[s->order[i]];
        const wfc_be_kshapes *v = &leaf[k->type].shapes;
        s->layers[i] = (wfc_be_tree_layer){k->name, shapes + used, (uint32_t)(2 * v->count)};
        for (size_t j = 0; j < v->count; j++) {
            shapes[used++] = (wfc_be_shape){v->data[j].rows, v->data[j].cols, 1};
            shapes[used++] = (wfc_be_shape){v->data[j].cols, v->data[j].rows, 1};
        }
    }
    return WFC_OK;
}

static void convert(start *s, const wfc_be_tree *t) {
    for (uint32_t k = 0; k < t->node_count; k++) {
        const wfc_be_tree_node *n = &t->nodes[k];
        bool leaf = n->kind == WFC_BE_TREE_LEAF;
        s->nodes[k] = (wfc_be_anneal_node){n->parent, {NONE, NONE}, leaf ? s->order[n->layer] : 0, n->kind};
        if (leaf) continue;
        s->nodes[k].child[0] = n->first;
        s->nodes[k].child[1] = n->second;
    }
}

static wfc_status offer_tree(start *s, wfc_be_tree_method method, uint64_t seed, bool *out_fits) {
    wfc_be_tree_problem p = {(uint16_t)s->g->width,      (uint16_t)s->g->height, s->layers, s->a->n, s->edges,
                             (uint32_t)s->g->edges.count};
    wfc_be_tree t;
    wfc_diag diag; /* that a tree does not fit is no news to the user */
    wfc_diag_init(&diag);
    wfc_status status = wfc_be_tree_make(&p, method, seed, &diag, &t);
    wfc_diag_deinit(&diag);
    *out_fits = status == WFC_OK;
    if (status == WFC_ERR_NO_FIT) return WFC_OK;
    if (status != WFC_OK) return status;
    convert(s, &t);
    wfc_be_tree_deinit(&t);
    return WFC_OK;
}

static wfc_status offer_trees(start *s, uint64_t seed) {
    for (size_t e = 0; e < s->g->edges.count; e++) {
        uint32_t u = s->place[s->g->edges.data[e].from], v = s->place[s->g->edges.data[e].to];
        s->edges[e] = (wfc_be_tree_edge){.from = u < v ? u : v, .to = u < v ? v : u, .words = 1, .tensor = (uint32_t)e};
    }
    for (wfc_be_tree_method m = 0; m < WFC_BE_TREE_METHODS; m++) {
        bool fits = false;
        for (uint32_t step = 64; !fits && step < s->a->curves->steps; step += step / 2) {
            const wfc_be_leaf_curve *leaf = wfc_be_leaf_curves_at(s->a->curves, step);
            if (!leaf) return WFC_ERR_NO_MEMORY;
            WFC_TRY(fill_layers(s, leaf));
            WFC_TRY(offer_tree(s, m, seed, &fits));
            if (fits) WFC_TRY(offer(s, 2 * s->a->n - 2, step));
        }
    }
    return WFC_OK;
}

/* ---- */

static wfc_status make(start *s, uint64_t seed) {
    static const uint32_t k_groups[] = {1, 2, 3, 6};
    WFC_TRY(order_kernels(s));
    WFC_TRY(wfc_be_bands_init(&s->bands, s->a->curves));
    for (size_t k = 0; k < sizeof k_groups / sizeof *k_groups; k++) WFC_TRY(offer_bands(s, k_groups[k]));
    WFC_TRY(offer_trees(s, seed));
    return s->out->count ? WFC_OK : offer_other_orders(s);
}

wfc_status wfc_be_starts_make(wfc_be_starts *out, wfc_be_anneal *a, uint64_t seed) {
    start s = {.out = out, .a = a, .g = a->g};
    *out = (wfc_be_starts){0};
    s.order = wfc_calloc(a->n, sizeof *s.order);
    s.place = wfc_calloc(a->n, sizeof *s.place);
    s.nodes = wfc_calloc(a->node_count, sizeof *s.nodes);
    s.layers = wfc_calloc(a->n, sizeof *s.layers);
    s.edges = wfc_calloc(a->g->edges.count, sizeof *s.edges);
    bool ok = s.order && s.place && s.nodes && s.layers && s.edges;
    wfc_status status = ok ? make(&s, seed) : WFC_ERR_NO_MEMORY;
    wfc_be_bands_deinit(&s.bands);
    wfc_free(s.order);
    wfc_free(s.place);
    wfc_free(s.nodes);
    wfc_free(s.shapes);
    wfc_free(s.layers);
    wfc_free(s.edges);
    return status;
}

void wfc_be_starts_deinit(wfc_be_starts *s) {
    for (uint32_t k = 0; k < s->count; k++) wfc_free(s->states[k].nodes);
    s->count = 0;
}
