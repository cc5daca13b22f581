/* fuse: assigns layer groups. passes/README.md states the rule that the backend relies on; in short:
 *
 *   group = head, then its tail, then what may stand in front of it (prologue)
 *   conv -> bias -> relu -> pool 2x2 -> view -> gemm -> softmax gives
 *   {conv bias relu pool} (view: 0, lies on the edge) {gemm} {max sub-exp sum div}
 *
 * A tail grows from the group's last value to the nearest node through which all of its readers lead (x*sigmoid(x)
 * joins as one). Contracts claim first, the last one in node order first, so that a join goes to the branch that ends
 * last; then reduces over windows, reduces over whole axes, and maps. */
#include "passes/fuse_rules.h"
#include "passes/pipelines.h"
#include "passes/rewrite.h"
#include <string.h>

enum { MAX_REGION = 64 };
typedef enum group_kind { KIND_STREAM, KIND_ROWS } group_kind;

typedef struct fuse {
    wfc_graph *g;
    uint32_t *first, *users; /* readers of value i: users[first[i] .. first[i + 1]) */
    bool *is_output, *prologue;
    uint32_t group_count;
} fuse;

static wfc_node *node(const fuse *f, uint32_t i) {
    return &f->g->nodes.data[i];
}

/* ---- Readers of every value ---- */

static wfc_status build_users(fuse *f) {
    wfc_graph *g = f->g;
    size_t count = g->nodes.count;
    f->first = wfc_calloc(count + 2, sizeof *f->first);
    f->users = wfc_calloc(g->operands.count + 1, sizeof *f->users);
    f->is_output = wfc_calloc(count, sizeof *f->is_output);
    f->prologue = wfc_calloc(count, sizeof *f->prologue);
    if (!f->first || !f->users || !f->is_output || !f->prologue) return WFC_ERR_NO_MEMORY;
    for (size_t i = 0; i < g->outputs.count; i++) f->is_output[g->outputs.data[i].value.i] = true;
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < node(f, i)->operand_count; k++) f->first[wfc_ir_operand(g, (wfc_value){i}, k).i + 2]++;
    for (size_t i = 2; i < count + 2; i++) f->first[i] += f->first[i - 1];
    for (uint32_t i = 0; i < count; i++) /* first[o + 1] walks from the start to the end of o's range */
        for (uint32_t k = 0; k < node(f, i)->operand_count; k++) {
            uint32_t o = wfc_ir_operand(g, (wfc_value){i}, k).i;
            f->users[f->first[o + 1]++] = i;
        }
    return WFC_OK;
}

static void free_users(fuse *f) {
    wfc_free(f->first);
    wfc_free(f->users);
    wfc_free(f->is_output);
    wfc_free(f->prologue);
}

/* ---- Tails ---- */

typedef struct index_set { /* small, unordered, unique */
    uint32_t at[MAX_REGION];
    uint32_t count;
} index_set;

static bool set_add(index_set *s, uint32_t v) {
    for (uint32_t i = 0; i < s->count; i++)
        if (s->at[i] == v) return true;
    if (s->count == MAX_REGION) return false;
    s->at[s->count++] = v;
    return true;
}

static uint32_t set_take_least(index_set *s) {
    uint32_t best = 0;
    for (uint32_t i = 1; i < s->count; i++)
        if (s->at[i] < s->at[best]) best = i;
    uint32_t v = s->at[best];
    s->at[best] = s->at[--s->count];
    return v;
}

static bool add_users(const fuse *f, index_set *pending, uint32_t v) {
    if (f->is_output[v] || f->first[v] == f->first[v + 1]) return false;
    for (uint32_t k = f->first[v]; k < f->first[v + 1]; k++)
        if (!set_add(pending, f->users[k])) return false;
    return true;
}

/* Windows must lie in axes that the head's second operand does not index: space, not channels. */
static bool window_is_spatial(const fuse *f, uint32_t head, uint32_t axes) {
    const wfc_node *n = node(f, head);
    if (n->op != WFC_CORE_CONTRACT) return true;
    const wfc_node *b = wfc_ir_node_c(f->g, wfc_ir_operand(f->g, (wfc_value){head}, 1));
    for (unsigned v = 0; v < n->u.contract.out_rank; v++)
        for (unsigned d = 0; (axes & 1u << v) && d < b->shape.rank; d++)
            if (n->u.contract.b[d].coef[v] != 0) return false;
    return true;
}

/* May p join the group of `head`, whose last value is `last`? alone: p is the only reader of all that is open. */
static bool admissible(const fuse *f, group_kind kind, uint32_t head, uint32_t last, uint32_t p, bool alone) {
    const wfc_node *n = node(f, p);
    uint32_t axes;
    if (n->group) return false;
    if (kind == KIND_STREAM) {
        if (n->op == WFC_CORE_MAP) return wfc_shape_eq(&n->shape, &node(f, last)->shape);
        return n->op == WFC_CORE_REDUCE && alone && wfc_fuse_is_window(f->g, (wfc_value){p}, &axes) &&
               window_is_spatial(f, head, axes);
    }
    if (n->op == WFC_CORE_REDUCE)
        return wfc_fuse_is_whole(f->g, (wfc_value){p}) && wfc_fuse_same_axes(f->g, (wfc_value){head}, (wfc_value){p});
    const wfc_shape *full = &wfc_ir_node_c(f->g, wfc_ir_operand(f->g, (wfc_value){head}, 0))->shape;
    return n->op == WFC_CORE_MAP && (wfc_shape_eq(&n->shape, full) || wfc_shape_eq(&n->shape, &node(f, head)->shape));
}

/* The nearest node through which all readers of `last` lead, with everything between in *region (it included);
 * false when something between may not join. Reads in node order, so when nothing else is open, all led here. */
static bool next_last(const fuse *f, group_kind kind, uint32_t head, uint32_t last, index_set *region,
                      uint32_t *out_last) {
    index_set pending = {.count = 0};
    region->count = 0;
    if (!add_users(f, &pending, last)) return false;
    for (;;) {
        uint32_t p = set_take_least(&pending);
        if (!admissible(f, kind, head, last, p, pending.count == 0 && region->count == 0)) return false;
        if (!set_add(region, p)) return false;
        if (pending.count == 0) {
            *out_last = p;
            return true;
        }
        if (!add_users(f, &pending, p)) return false;
    }
}

static void grow(fuse *f, group_kind kind, uint32_t head) {
    uint32_t last = head, group = ++f->group_count;
    index_set region;
    node(f, head)->group = group;
    while (next_last(f, kind, head, last, &region, &last))
        for (uint32_t i = 0; i < region.count; i++) node(f, region.at[i])->group = group;
}

/* ---- Prologues ---- */

/* Whether every reader of map p is a contract's operand a, a reduce, a row group's member or a prologue, all in one
 * group: that group, else 0. */
static uint32_t prologue_group(const fuse *f, const bool *is_rows, uint32_t p) {
    uint32_t group = 0;
    if (f->is_output[p] || wfc_fuse_unary_operand(f->g, (wfc_value){p}) < 0) return 0;
    for (uint32_t k = f->first[p]; k < f->first[p + 1]; k++) {
        uint32_t u = f->users[k];
        const wfc_node *n = node(f, u);
        bool fits = n->op == WFC_CORE_REDUCE || f->prologue[u] || is_rows[n->group];
        if (n->op == WFC_CORE_CONTRACT)
            fits = wfc_ir_operand(f->g, (wfc_value){u}, 0).i == p && wfc_ir_operand(f->g, (wfc_value){u}, 1).i != p;
        if (!fits || n->group == 0 || (group && n->group != group)) return 0;
        group = n->group;
    }
    return group;
}

/* A reduce in a tail reads the tail's value, so a prologue of it would be a map between: heads and rows only. */
static void add_prologues(fuse *f, const bool *is_rows) {
    for (uint32_t i = (uint32_t)f->g->nodes.count; i-- > 0;) {
        if (node(f, i)->op != WFC_CORE_MAP || node(f, i)->group) continue;
        uint32_t group = prologue_group(f, is_rows, i);
        if (!group) continue;
        node(f, i)->group = group;
        f->prologue[i] = true;
    }
}

/* ---- Assignment ---- */

/* Renumbers groups 1.. in the order of their last nodes. */
static wfc_status renumber(fuse *f) {
    uint32_t *to = wfc_calloc(f->group_count + 1u, sizeof *to), next = f->group_count;
    if (!to) return WFC_ERR_NO_MEMORY;
    for (uint32_t i = (uint32_t)f->g->nodes.count; i-- > 0;)
        if (node(f, i)->group && !to[node(f, i)->group]) to[node(f, i)->group] = next--;
    for (uint32_t i = 0; i < f->g->nodes.count; i++) node(f, i)->group = to[node(f, i)->group];
    wfc_free(to);
    return WFC_OK;
}

static wfc_status assign(fuse *f) {
    uint32_t count = (uint32_t)f->g->nodes.count;
    bool *is_rows = wfc_calloc((size_t)count + 1, sizeof *is_rows);
    if (!is_rows) return WFC_ERR_NO_MEMORY;
    f->group_count = 0;
    for (uint32_t i = 0; i < count; i++) node(f, i)->group = 0;
    for (uint32_t i = count; i-- > 0;)
        if (node(f, i)->op == WFC_CORE_CONTRACT) grow(f, KIND_STREAM, i);
    for (uint32_t i = count; i-- > 0;)
        if (node(f, i)->op == WFC_CORE_REDUCE && !node(f, i)->group && !wfc_fuse_is_whole(f->g, (wfc_value){i}))
            grow(f, KIND_STREAM, i);
    for (uint32_t i = 0; i < count; i++) {
        if (node(f, i)->op != WFC_CORE_REDUCE || node(f, i)->group) continue;
        is_rows[f->group_count + 1] = true;
        grow(f, KIND_ROWS, i);
    }
    add_prologues(f, is_rows);
    for (uint32_t i = 0; i < count; i++)
        if (node(f, i)->op == WFC_CORE_MAP && !node(f, i)->group) grow(f, KIND_STREAM, i);
    wfc_free(is_rows);
    return renumber(f);
}

/* ---- Maps behind views ---- */

/* Map m, alone in its group, is read only by view v, which only a contract's operand a or a reduce reads: m moves
 * behind v and becomes that group's prologue next time. */
static wfc_status move_behind(fuse *f, wfc_diag *diag, uint32_t m, bool *moved) {
    wfc_graph *g = f->g;
    int arg = wfc_fuse_unary_operand(g, (wfc_value){m});
    if (arg < 0 || f->is_output[m] || f->first[m + 1] - f->first[m] != 1) return WFC_OK;
    uint32_t v = f->users[f->first[m]];
    if (node(f, v)->op != WFC_CORE_VIEW || f->is_output[v] || f->first[v + 1] - f->first[v] != 1) return WFC_OK;
    wfc_value c = {f->users[f->first[v]]};
    uint8_t op = node(f, c.i)->op;
    if ((op != WFC_CORE_CONTRACT && op != WFC_CORE_REDUCE) || wfc_ir_operand(g, c, 0).i != v) return WFC_OK;
    if (!wfc_fuse_commutes(g, (wfc_value){m}, (wfc_value){v})) return WFC_OK;
    wfc_node view = *node(f, v), map = *node(f, m);
    wfc_value operands[26], out, x = wfc_ir_operand(g, (wfc_value){m}, (uint32_t)arg);
    for (uint32_t k = 0; k < map.operand_count; k++) operands[k] = wfc_ir_operand(g, (wfc_value){m}, k);
    WFC_TRY(wfc_ir_add_node(g, diag, &view, &x, 1, &operands[arg]));
    WFC_TRY(wfc_ir_add_node(g, diag, &map, operands, map.operand_count, &out));
    g->operands.data[node(f, c.i)->operand_first] = out;
    *moved = true;
    return WFC_OK;
}

static wfc_status move_all(fuse *f, wfc_diag *diag, bool *moved) {
    uint32_t count = (uint32_t)f->g->nodes.count;
    uint32_t *size = wfc_calloc(f->group_count + 1u, sizeof *size);
    wfc_status s = size ? WFC_OK : WFC_ERR_NO_MEMORY;
    for (uint32_t i = 0; size && i < count; i++) size[node(f, i)->group]++;
    for (uint32_t i = 0; s == WFC_OK && i < count; i++)
        if (node(f, i)->op == WFC_CORE_MAP && size[node(f, i)->group] == 1) s = move_behind(f, diag, i, moved);
    wfc_free(size);
    return s;
}

static wfc_status round_trip(wfc_graph *g, wfc_diag *diag, bool *moved) {
    fuse f = {.g = g};
    wfc_status s = build_users(&f);
    if (s == WFC_OK) s = assign(&f);
    if (s == WFC_OK) s = move_all(&f, diag, moved);
    free_users(&f);
    return s;
}

static wfc_status run(wfc_graph *g, wfc_diag *diag) {
    bool moved = true;
    WFC_TRY(wfc_ir_compact(g)); /* a dead reader must not keep a value out of its group */
    while (moved) {             /* each move brings a map next to its consumer, from where it never moves again */
        moved = false;
        WFC_TRY(round_trip(g, diag, &moved));
        if (moved) WFC_TRY(wfc_ir_compact(g));
    }
    return WFC_OK;
}

const wfc_pass wfc_pass_fuse = {"fuse",
                                "assigns layer groups: head, tail and prologue of what the backend places as one", run};
