/* Structure `filter`: whole channels. Chosen as sets that are tied (channels.h), so that they can be removed for real:
 * a channel goes from all weights that make it and from all that read it. wfc_prune only makes the zeros, which any
 * file can hold; wfc_prune_shrink then makes everything smaller by the channels that nobody reads. */
#include "passes/prune/channels.h"
#include "passes/prune/matrix.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct class {
    uint32_t root, extent;
    bool made, read, blocked; /* by weights; blocked: not to be touched */
    double *score;            /* [extent]: what makes the channel, summed; also 1 where it is read when shrinking */
} class;

typedef struct filters {
    wfc_pruning *p;
    wfc_channels channels;
    WFC_VEC(class) classes;
} filters;

/* The class of variable x of a contract, by its axis of the result, or of operand a where it is reduced. */
static uint32_t class_of(const filters *f, wfc_value contract, unsigned x) {
    const wfc_graph *g = f->p->g;
    const wfc_space *s = &wfc_ir_node_c(g, contract)->u.contract;
    if (x < s->out_rank) return wfc_channels_of(&f->channels, g, contract, x);
    wfc_value a = wfc_ir_operand(g, contract, 0);
    int axis = wfc_channels_axis_of_variable(g, s, s->a, a, x);
    return axis < 0 ? UINT32_MAX : wfc_channels_of(&f->channels, g, a, (unsigned)axis);
}

static wfc_status find_class(filters *f, uint32_t root, uint32_t extent, class **out) {
    for (size_t i = 0; i < f->classes.count; i++)
        if (f->classes.data[i].root == root) return *out = &f->classes.data[i], WFC_OK;
    class new = {.root = root, .extent = extent, .score = wfc_calloc(extent, sizeof(double))};
    if (!new.score) return WFC_ERR_NO_MEMORY;
    if (wfc_vec_push(&f->classes, new) != WFC_OK) {
        wfc_free(new.score);
        return WFC_ERR_NO_MEMORY;
    }
    *out = &f->classes.data[f->classes.count - 1];
    return WFC_OK;
}

static void deinit(filters *f) {
    for (size_t i = 0; i < f->classes.count; i++) wfc_free(f->classes.data[i].score);
    wfc_vec_free(&f->classes);
    wfc_channels_free(&f->channels);
}

/* For each element of layer l as `contract` reads it, and each variable x of its place: visit(f, l, class of x,
 * channel, whether x is an output, element). Variables without a class, and those that b does not have, are left out.
 */
typedef void (*visitor)(filters *f, wfc_prune_layer *l, class *c, uint32_t channel, bool output, uint32_t element);

static wfc_status walk(filters *f, wfc_prune_layer *l, wfc_value contract, visitor visit) {
    const wfc_space *s = &wfc_ir_node_c(f->p->g, contract)->u.contract;
    class *of[WFC_IR_MAX_INDEX] = {NULL};
    wfc_weight_matrix m;
    bool any = false;
    for (unsigned x = 0; x < s->index_count; x++) any |= class_of(f, contract, x) != UINT32_MAX;
    if (!any) return WFC_OK;
    WFC_TRY(wfc_weight_matrix_init(&m, f->p, l, contract, false));
    const wfc_index_list *lists[] = {&m.group, &m.row, &m.column};
    wfc_status status = WFC_OK;
    for (unsigned k = 0; k < 3; k++) /* first make them all, since a new one moves those before */
        for (uint32_t i = 0; i < lists[k]->count && status == WFC_OK; i++) {
            uint32_t root = class_of(f, contract, lists[k]->var[i]);
            class *ignored;
            if (root != UINT32_MAX) status = find_class(f, root, s->extent[lists[k]->var[i]], &ignored);
        }
    for (unsigned x = 0; x < s->index_count && status == WFC_OK; x++)
        for (size_t i = 0; i < f->classes.count; i++)
            if (f->classes.data[i].root == class_of(f, contract, x)) of[x] = &f->classes.data[i];
    uint32_t index[WFC_IR_MAX_INDEX] = {0};
    uint64_t rows = m.row.extent, columns = m.column.extent;
    for (uint64_t e = 0; e < l->elems && status == WFC_OK; e++) {
        wfc_index_set(&m.group, s, e / columns / rows, index);
        wfc_index_set(&m.row, s, e / columns % rows, index);
        wfc_index_set(&m.column, s, e % columns, index);
        for (unsigned k = 0; k < 3; k++)
            for (uint32_t i = 0; i < lists[k]->count; i++) {
                unsigned x = lists[k]->var[i];
                if (of[x]) visit(f, l, of[x], index[x], x < s->out_rank, m.element[e]);
            }
    }
    wfc_weight_matrix_deinit(&m);
    return status;
}

/* The classes of the contract's variables from `first` on are not to be touched. */
static wfc_status block(filters *f, wfc_value contract, unsigned first) {
    const wfc_space *s = &wfc_ir_node_c(f->p->g, contract)->u.contract;
    for (unsigned x = first; x < s->index_count; x++) {
        class *c;
        uint32_t root = class_of(f, contract, x);
        if (root == UINT32_MAX) continue;
        WFC_TRY(find_class(f, root, s->extent[x], &c));
        c->blocked = true;
    }
    return WFC_OK;
}

/* ---- Choosing ---- */

static void add_score(filters *f, wfc_prune_layer *l, class *c, uint32_t channel, bool output, uint32_t element) {
    (void)f;
    *(output ? &c->made : &c->read) = true;
    if (!output) return;
    c->score[channel] += l->scores ? l->scores[element] : fabs(wfc_prune_value(l, element));
}

static void drop_gone(filters *f, wfc_prune_layer *l, class *c, uint32_t channel, bool output, uint32_t element) {
    (void)f;
    (void)output;
    if (c->score[channel] < 0) wfc_prune_drop(l, element);
}

/* Scores of what goes become -1: the lowest, the first of equal ones first; one stays. */
static void mark_gone(class *c, uint64_t goes) {
    if (goes >= c->extent) goes = c->extent - 1;
    for (; goes > 0; goes--) {
        uint32_t low = UINT32_MAX;
        for (uint32_t i = 0; i < c->extent; i++)
            if (c->score[i] >= 0 && (low == UINT32_MAX || c->score[i] < c->score[low])) low = i;
        if (low != UINT32_MAX) c->score[low] = -1;
    }
}

static wfc_status choose(filters *f) {
    wfc_pruning *p = f->p;
    bool any = false;
    WFC_TRY(wfc_channels_find(p->g, &f->channels));
    for (size_t k = 0; k < p->count; k++) {
        wfc_prune_layer *l = &p->layers[k];
        WFC_TRY(l->ignored ? block(f, l->contract, 0) : walk(f, l, l->contract, add_score));
    }
    for (size_t i = 0; i < f->classes.count; i++) {
        class *c = &f->classes.data[i];
        if (c->blocked || !c->made || !c->read) continue;
        any = true;
        mark_gone(c, wfc_prune_count(p->spec->sparsity, c->extent));
    }
    if (!any)
        return wfc_fail(
            p->diag, WFC_ERR_UNSUPPORTED, "WFC-E0287", p->g->name,
            "no channel of this net can be removed: each is an input, an output, or cut, joined or reshaped on "
            "its way to the next weights");
    for (size_t k = 0; k < p->count; k++)
        if (!p->layers[k].ignored) WFC_TRY(walk(f, &p->layers[k], p->layers[k].contract, drop_gone));
    return WFC_OK;
}

wfc_status wfc_prune_select_filters(wfc_pruning *p) {
    filters f = {.p = p};
    wfc_status s = choose(&f);
    deinit(&f);
    return s;
}

/* ---- Removing ---- */

static void note_read(filters *f, wfc_prune_layer *l, class *c, uint32_t channel, bool output, uint32_t element) {
    (void)f;
    if (output) return;
    c->read = true;
    if (wfc_prune_value(l, element) != 0) c->score[channel] = 1;
}

/* A contract that sums over a class without being a weight's reader that we know: nothing is known of the class. */
static wfc_status note_contract(filters *f, wfc_value v) {
    wfc_pruning *p = f->p;
    for (size_t k = 0; k < p->count; k++)
        if (wfc_weight_read_by(p->g, p->layers[k].weight, v)) return walk(f, &p->layers[k], v, note_read);
    return block(f, v, wfc_ir_node_c(p->g, v)->u.contract.out_rank);
}

static wfc_status remove_unread(filters *f, uint32_t *out_removed) {
    wfc_graph *g = f->p->g;
    WFC_TRY(wfc_channels_find(g, &f->channels));
    for (uint32_t i = 0; i < g->nodes.count; i++)
        if (g->nodes.data[i].op == WFC_CORE_CONTRACT) WFC_TRY(note_contract(f, (wfc_value){i}));
    for (size_t i = 0; i < f->classes.count; i++) {
        class *c = &f->classes.data[i];
        uint32_t *kept = wfc_calloc(c->extent, sizeof *kept), n = 0;
        if (!kept) return WFC_ERR_NO_MEMORY;
        for (uint32_t j = 0; j < c->extent; j++)
            if (c->score[j] != 0) kept[n++] = j;
        if (n == 0) kept[n++] = 0;
        wfc_status s = WFC_OK;
        if (c->read && !c->blocked && n < c->extent) {
            s = wfc_channels_keep(&f->channels, g, c->root, kept, n);
            *out_removed += c->extent - n;
        }
        wfc_free(kept);
        WFC_TRY(s);
    }
    return wfc_ir_verify(g, f->p->diag);
}

wfc_status wfc_prune_remove_unread(wfc_pruning *p, uint32_t *out_removed) {
    filters f = {.p = p};
    *out_removed = 0;
    wfc_status s = remove_unread(&f, out_removed);
    deinit(&f);
    return s;
}
