/* Slicing floorplans: building a tree, relations, packing. The search for heights is in curve.c.
 *
 *   a -> b -> c in V(H(a, b), c), strips of 2 columns, 10 rows:      a a a S S T T c c
 *     a 3 x 6, b 2 x 4, c 2 x 10; S a->b STACK, T b->c EAST          b b . S S T T c c */
#include "backend/place/tree.h"

#include <math.h>
#include <string.h>

#include "backend/place/tree_parts.h"

const char *wfc_be_tree_method_name(wfc_be_tree_method m) {
    static const char *const names[] = {"slabs", "metis", "rows"};
    return (unsigned)m < sizeof names / sizeof names[0] ? names[m] : "?";
}

const char *wfc_be_relation_name(wfc_be_relation r) {
    static const char *const names[] = {"east", "west", "stack", "in", "out"};
    return (unsigned)r < sizeof names / sizeof names[0] ? names[r] : "?";
}

/* ---- building ---- */

wfc_status wfc_be_tree_alloc(wfc_be_tree *t, uint32_t layer_count) {
    memset(t, 0, sizeof *t);
    t->layer_count = layer_count;
    t->nodes = wfc_calloc(2 * (size_t)layer_count, sizeof *t->nodes);
    t->leaf = wfc_calloc(layer_count, sizeof *t->leaf);
    t->shape = wfc_calloc(layer_count, sizeof *t->shape);
    return t->nodes && t->leaf && t->shape ? WFC_OK : WFC_ERR_NO_MEMORY;
}

uint32_t wfc_be_tree_add_leaf(wfc_be_tree *t, uint32_t layer) {
    t->nodes[t->node_count] = (wfc_be_tree_node){.kind = WFC_BE_TREE_LEAF, .parent = WFC_BE_TREE_NONE, .layer = layer};
    t->leaf[layer] = t->node_count;
    return t->node_count++;
}

uint32_t wfc_be_tree_add(wfc_be_tree *t, wfc_be_tree_kind kind, uint32_t first, uint32_t second) {
    t->nodes[first].parent = t->nodes[second].parent = t->node_count;
    t->nodes[t->node_count] =
        (wfc_be_tree_node){.kind = kind, .parent = WFC_BE_TREE_NONE, .first = first, .second = second};
    return t->node_count++;
}

void wfc_be_tree_deinit(wfc_be_tree *t) {
    wfc_free(t->nodes);
    wfc_free(t->leaf);
    wfc_free(t->shape);
    wfc_free(t->report);
    memset(t, 0, sizeof *t);
}

/* ---- edges ---- */

/* Children have lower numbers than their parents: the lower of two nodes can always climb. */
void wfc_be_tree_cut(const wfc_be_tree *t, const wfc_be_tree_edge *e, wfc_be_cut *out) {
    *out = (wfc_be_cut){.node = WFC_BE_TREE_NONE, .relation = e->from_host ? WFC_BE_IN : WFC_BE_OUT, .level = true};
    if (e->from_host || e->to_host) return;
    uint32_t a = t->leaf[e->from], b = t->leaf[e->to], under_a = a;
    while (a != b) {
        uint32_t *climber = a < b ? &a : &b;
        if (t->nodes[*climber].kind == WFC_BE_TREE_H) out->level = false;
        if (climber == &a) under_a = a;
        *climber = t->nodes[*climber].parent;
    }
    const wfc_be_tree_node *n = &t->nodes[a];
    out->node = a;
    out->relation = n->kind == WFC_BE_TREE_H ? WFC_BE_STACK : n->first == under_a ? WFC_BE_EAST : WFC_BE_WEST;
}

wfc_be_relation wfc_be_edge_relation(const wfc_be_tree *t, const wfc_be_tree_edge *e) {
    wfc_be_cut cut;
    wfc_be_tree_cut(t, e, &cut);
    return cut.relation;
}

wfc_be_relation wfc_be_tree_relation(const wfc_be_tree *t, uint32_t from, uint32_t to) {
    return wfc_be_edge_relation(t, &(wfc_be_tree_edge){.from = from, .to = to});
}

uint32_t wfc_be_turn_cols(const wfc_be_tree_edge *e, double cycles) {
    double cols = e->turn_cols;
    if (e->turn_cols == 0) cols = ceil(e->words / fmax(cycles, 1)) + 1;
    cols = fmax(cols, fmax(e->adapter_cols, 1));
    return cols < 65535 ? (uint32_t)cols : 65535;
}

uint32_t wfc_be_cut_cols(const wfc_be_cut *cut, const wfc_be_tree_edge *e, double cycles) {
    bool direct = cut->relation == WFC_BE_EAST || cut->relation == WFC_BE_IN || cut->relation == WFC_BE_OUT;
    return direct && cut->level ? e->adapter_cols : wfc_be_turn_cols(e, cycles);
}

/* ---- packing ---- */

typedef struct packer {
    const wfc_be_tree *t;
    const wfc_be_tree_problem *p;
    const uint16_t *layer_cols, *strip_cols;
    uint32_t *w, *x;       /* [node] */
    uint32_t *east, *late; /* [node] columns of the EAST strips; of the others */
    uint32_t *node;        /* [edge] where its strip stands */
    wfc_be_packing *out;
} packer;

static wfc_status packer_alloc(packer *k) {
    size_t n = k->t->node_count;
    k->w = wfc_calloc(n, sizeof *k->w);
    k->x = wfc_calloc(n, sizeof *k->x);
    k->east = wfc_calloc(n, sizeof *k->east);
    k->late = wfc_calloc(n, sizeof *k->late);
    k->node = wfc_calloc(k->p->edge_count, sizeof *k->node);
    k->out->layers = wfc_calloc(k->p->layer_count, sizeof *k->out->layers);
    k->out->strips = wfc_calloc(k->p->edge_count, sizeof *k->out->strips);
    k->out->relation = wfc_calloc(k->p->edge_count, sizeof *k->out->relation);
    bool ok = k->w && k->x && k->east && k->late && k->node && k->out->layers && k->out->strips && k->out->relation;
    return ok ? WFC_OK : WFC_ERR_NO_MEMORY;
}

static void packer_free(packer *k) {
    wfc_free(k->w);
    wfc_free(k->x);
    wfc_free(k->east);
    wfc_free(k->late);
    wfc_free(k->node);
}

static wfc_status check_cols(const packer *k, wfc_diag *diag) {
    for (uint32_t l = 0; l < k->p->layer_count; l++) {
        if (k->layer_cols[l] == 0)
            return wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0725", k->p->layers[l].name,
                            "the layer is to be packed with 0 columns; it needs at least 1");
    }
    for (uint32_t e = 0; e < k->p->edge_count; e++) {
        wfc_be_relation r = k->out->relation[e];
        if (k->strip_cols[e] == 0 && (r == WFC_BE_WEST || r == WFC_BE_STACK))
            return wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0725", k->p->layers[k->p->edges[e].to].name,
                            "the edge from layer \"%s\" turns back (%s) and has 0 adapter columns; it needs at least 1",
                            k->p->layers[k->p->edges[e].from].name, wfc_be_relation_name(r));
    }
    return WFC_OK;
}

/* Bottom up. Returns the columns of the strips at the west end. */
static uint32_t measure(packer *k) {
    uint32_t in = 0, out = 0, root = k->t->node_count - 1;
    for (uint32_t e = 0; e < k->p->edge_count; e++) {
        wfc_be_relation r = k->out->relation[e];
        uint32_t *sum = r == WFC_BE_IN     ? &in
                        : r == WFC_BE_OUT  ? &out
                        : r == WFC_BE_EAST ? &k->east[k->node[e]]
                                           : &k->late[k->node[e]];
        *sum += k->strip_cols[e];
    }
    for (uint32_t n = 0; n <= root; n++) {
        const wfc_be_tree_node *node = &k->t->nodes[n];
        if (node->kind == WFC_BE_TREE_LEAF) {
            k->w[n] = k->layer_cols[node->layer];
            continue;
        }
        uint32_t first = k->w[node->first], second = k->w[node->second];
        uint32_t both = node->kind == WFC_BE_TREE_V ? first + second : first > second ? first : second;
        k->w[n] = both + k->east[n] + k->late[n];
    }
    k->out->width = in + k->w[root] + out;
    k->out->fits = k->out->width <= k->p->width;
    return in;
}

/* Top down; afterwards east and late are the columns where the next strip goes. */
static void place_nodes(packer *k, uint32_t in) {
    k->x[k->t->node_count - 1] = in;
    for (uint32_t n = k->t->node_count; n-- > 0;) {
        const wfc_be_tree_node *node = &k->t->nodes[n];
        uint32_t x = k->x[n];
        if (node->kind == WFC_BE_TREE_LEAF) {
            k->out->layers[node->layer] = (wfc_be_rect){x, node->y, k->w[n], node->h};
            continue;
        }
        uint32_t east = k->east[n], late = k->late[n];
        k->east[n] = x + k->w[node->first];
        k->late[n] = x + k->w[n] - late;
        k->x[node->first] = x;
        k->x[node->second] = node->kind == WFC_BE_TREE_V ? k->east[n] + east : x;
    }
}

static void place_strips(packer *k) {
    uint32_t root = k->t->node_count - 1, in = 0, out = k->x[root] + k->w[root];
    for (uint32_t e = 0; e < k->p->edge_count; e++) {
        wfc_be_relation r = k->out->relation[e];
        uint32_t n = r == WFC_BE_IN || r == WFC_BE_OUT ? root : k->node[e];
        uint32_t *x = r == WFC_BE_IN ? &in : r == WFC_BE_OUT ? &out : r == WFC_BE_EAST ? &k->east[n] : &k->late[n];
        k->out->strips[e] = (wfc_be_rect){*x, k->t->nodes[n].y, k->strip_cols[e], k->t->nodes[n].h};
        *x += k->strip_cols[e];
    }
}

/* `nodes`: where x and w of the nodes go, or NULL. */
static wfc_status pack(packer *k, wfc_diag *diag, wfc_be_tree_node *nodes) {
    WFC_TRY(packer_alloc(k));
    for (uint32_t e = 0; e < k->p->edge_count; e++) {
        wfc_be_cut cut;
        wfc_be_tree_cut(k->t, &k->p->edges[e], &cut);
        k->node[e] = cut.node;
        k->out->relation[e] = cut.relation;
    }
    WFC_TRY(check_cols(k, diag));
    place_nodes(k, measure(k));
    place_strips(k);
    for (uint32_t n = 0; nodes && n < k->t->node_count; n++) {
        nodes[n].x = k->x[n];
        nodes[n].w = k->w[n];
    }
    return WFC_OK;
}

static wfc_status pack_whole(packer *k, wfc_diag *diag, wfc_be_tree_node *nodes) {
    memset(k->out, 0, sizeof *k->out);
    wfc_status s = pack(k, diag, nodes);
    packer_free(k);
    if (s == WFC_OK) return WFC_OK;
    wfc_be_packing_deinit(k->out);
    return s == WFC_ERR_NO_MEMORY ? wfc_fail_memory(diag) : s;
}

wfc_status wfc_be_tree_pack(const wfc_be_tree *t, const wfc_be_tree_problem *p, const uint16_t *layer_cols,
                            const uint16_t *strip_cols, wfc_diag *diag, wfc_be_packing *out) {
    packer k = {.t = t, .p = p, .layer_cols = layer_cols, .strip_cols = strip_cols, .out = out};
    return pack_whole(&k, diag, NULL);
}

wfc_status wfc_be_tree_pack_nodes(wfc_be_tree *t, const wfc_be_tree_problem *p, const uint16_t *layer_cols,
                                  const uint16_t *strip_cols, wfc_diag *diag, wfc_be_packing *out) {
    packer k = {.t = t, .p = p, .layer_cols = layer_cols, .strip_cols = strip_cols, .out = out};
    return pack_whole(&k, diag, t->nodes);
}

void wfc_be_packing_deinit(wfc_be_packing *k) {
    wfc_free(k->layers);
    wfc_free(k->strips);
    wfc_free(k->relation);
    memset(k, 0, sizeof *k);
}
