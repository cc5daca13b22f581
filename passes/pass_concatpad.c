/* concatpad: a concat of run-time values becomes a sum of padded views.
 *
 *   concat(x, y, z; axis 1)  ->  map add(add(a,b),c) over x, y, z, each padded to the result's shape with -0
 *
 * At each place one operand is a value and the others are -0, and v + -0 is v bit for bit, for -0 and NaN too. A map
 * over views is a layer like any other, with one join per operand; no kernel has to know of concatenation. More than 5
 * operands are summed as a tree. A concat that only another one along the same axis reads hands its operands to that
 * one. f32 only: for integers the padding would be another one.
 *
 *   u = concat(a, b, c), v = concat(a, b, c, d)  ->  v = concat(u, d)
 *
 * first, where operands of v begin with all those of an earlier u along the same axis, the longest such u: in a dense
 * block (each layer reads all layers before it) a layer then waits for its neighbour and not for all of them, whose
 * samples would have to be kept, and moves one tensor and a small one. */
#include "passes/pipelines.h"
#include "passes/rewrite.h"
#include <string.h>

enum { MAX_JOINS = 5, MAX_VISITS = 256 }; /* earlier concats looked at per concat */

typedef WFC_VEC(wfc_value) value_list;

typedef struct concat_ctx {
    wfc_graph *g;
    wfc_diag *diag;
    const uint32_t *uses;
    bool *taken;  /* concats that an outer one has replaced by their operands */
    bool *shared; /* concats that a later one begins with */
    value_list stack, parts;
} concat_ctx;

static wfc_status push_operands(concat_ctx *c, wfc_value v) {
    for (uint32_t k = wfc_ir_node_c(c->g, v)->operand_count; k-- > 0;)
        if (wfc_vec_push(&c->stack, wfc_ir_operand(c->g, v, k)) != WFC_OK) return WFC_ERR_NO_MEMORY;
    return WFC_OK;
}

/* The operands of v in order, with those of inner concats in place of these. */
static wfc_status collect(concat_ctx *c, wfc_value v) {
    uint8_t axis = wfc_ir_node_c(c->g, v)->u.concat.axis;
    c->parts.count = c->stack.count = 0;
    WFC_TRY(push_operands(c, v));
    while (c->stack.count) {
        wfc_value x = c->stack.data[--c->stack.count];
        const wfc_node *n = wfc_ir_node_c(c->g, x);
        if (n->op == WFC_CORE_CONCAT && n->u.concat.axis == axis && c->uses[x.i] == 1 && !c->shared[x.i]) {
            c->taken[x.i] = true;
            WFC_TRY(wfc_rewrite_merge_locs(c->g, x, v));
            WFC_TRY(push_operands(c, x));
        } else if (wfc_vec_push(&c->parts, x) != WFC_OK) {
            return WFC_ERR_NO_MEMORY;
        }
    }
    return WFC_OK;
}

/* x in the result's shape, from `offset` on along the axis, -0 elsewhere. */
static wfc_status pad(wfc_graph *g, wfc_diag *diag, const wfc_node *concat, wfc_value x, uint32_t offset,
                      wfc_value *out) {
    wfc_view_step step = {.is_index = true, .shape = concat->shape, .edge = WFC_EDGE_FILL, .fill = -0.0};
    for (unsigned d = 0; d < concat->shape.rank; d++) step.in[d].coef[d] = 1;
    step.in[concat->u.concat.axis].offset = -(int32_t)offset;
    wfc_node view = {.op = WFC_CORE_VIEW, .locs = concat->locs, .loc_count = concat->loc_count};
    view.u.view.steps = &step;
    view.u.view.count = 1;
    return wfc_ir_add_node(g, diag, &view, &x, 1, out);
}

/* The top of the tree gets its locations from the replacement. */
static wfc_status add_sum(wfc_graph *g, wfc_diag *diag, const wfc_node *concat, const wfc_value *x, uint32_t count,
                          bool top, wfc_value *out) {
    static const char *const text[MAX_JOINS + 1] = {
        NULL, NULL, "add(a,b)", "add(add(a,b),c)", "add(add(add(a,b),c),d)", "add(add(add(add(a,b),c),d),e)"};
    if (count == 1) {
        *out = x[0];
        return WFC_OK;
    }
    WFC_TRY(wfc_ir_add_map_text(g, diag, NULL, WFC_F32, text[count], x, count, out));
    for (uint32_t i = 0; !top && i < concat->loc_count; i++) WFC_TRY(wfc_ir_add_loc(g, *out, concat->locs[i]));
    return WFC_OK;
}

static wfc_status expand(concat_ctx *c, wfc_value v, wfc_value *out) {
    const wfc_node concat = *wfc_ir_node_c(c->g, v);
    value_list *parts = &c->parts;
    uint32_t offset = 0;
    for (size_t i = 0; i < parts->count; i++) {
        uint32_t extent = wfc_ir_node_c(c->g, parts->data[i])->shape.dims[concat.u.concat.axis];
        WFC_TRY(pad(c->g, c->diag, &concat, parts->data[i], offset, &parts->data[i]));
        offset += extent;
    }
    while (parts->count > 1) {
        size_t next = 0;
        bool top = parts->count <= MAX_JOINS;
        for (size_t i = 0; i < parts->count; i += MAX_JOINS) {
            size_t n = parts->count - i < MAX_JOINS ? parts->count - i : MAX_JOINS;
            wfc_value sum;
            WFC_TRY(add_sum(c->g, c->diag, &concat, parts->data + i, (uint32_t)n, top, &sum));
            parts->data[next++] = sum;
        }
        parts->count = next;
    }
    *out = parts->data[0];
    return WFC_OK;
}

/* Whether the pass takes it: f32, coordinates that an affine offset holds, something known only at run time. */
static bool applies(const wfc_graph *g, wfc_value v) {
    const wfc_node *n = wfc_ir_node_c(g, v);
    if (n->op != WFC_CORE_CONCAT || n->dtype != WFC_F32 || n->operand_count < 2) return false;
    if (n->shape.dims[n->u.concat.axis] > 1u << 30) return false;
    for (uint32_t k = 0; k < n->operand_count; k++)
        if (!wfc_is_const(g, wfc_ir_operand(g, v, k))) return wfc_shape_elems(&n->shape) > 0;
    return false;
}

/* Whether the collected operands begin with all operands of u and go on. */
static bool begins_with(const concat_ctx *c, wfc_value u) {
    uint32_t count = wfc_ir_node_c(c->g, u)->operand_count;
    if (count >= c->parts.count) return false;
    for (uint32_t k = 0; k < count; k++)
        if (wfc_ir_operand(c->g, u, k).i != c->parts.data[k].i) return false;
    return true;
}

/* The longest earlier concat that the collected operands of v begin with stands for them. */
static void share_beginning(concat_ctx *c, wfc_value v) {
    uint8_t axis = wfc_ir_node_c(c->g, v)->u.concat.axis;
    unsigned visits = 0;
    wfc_value best = v;
    uint32_t length = 0;
    for (uint32_t i = v.i; i-- > 0 && visits < MAX_VISITS;) {
        wfc_value u = {i};
        const wfc_node *n = wfc_ir_node_c(c->g, u);
        if (n->op != WFC_CORE_CONCAT) continue;
        visits++;
        if (n->u.concat.axis != axis || n->operand_count <= length || c->taken[i]) continue;
        if (!begins_with(c, u) || !applies(c->g, u)) continue;
        best = u;
        length = n->operand_count;
    }
    if (length == 0) return;
    c->shared[best.i] = true;
    c->parts.data[0] = best;
    memmove(c->parts.data + 1, c->parts.data + length, (c->parts.count - length) * sizeof *c->parts.data);
    c->parts.count -= length - 1;
}

static wfc_status rewrite_all(concat_ctx *c, wfc_rewrite *rw) {
    for (uint32_t i = rw->count; i-- > 0;) { /* outer ones first: they take over the inner ones */
        wfc_value v = {i}, sum;
        if (c->taken[i] || !applies(c->g, v)) continue;
        WFC_TRY(collect(c, v));
        share_beginning(c, v);
        WFC_TRY(expand(c, v, &sum));
        WFC_TRY(wfc_rewrite_set(rw, c->g, v, sum));
    }
    return WFC_OK;
}

static wfc_status run(wfc_graph *g, wfc_diag *diag) {
    uint32_t *uses = NULL;
    wfc_rewrite rw = {0};
    concat_ctx c = {.g = g,
                    .diag = diag,
                    .taken = wfc_calloc(g->nodes.count, sizeof *c.taken),
                    .shared = wfc_calloc(g->nodes.count, sizeof *c.shared)};
    wfc_status s = c.taken && c.shared ? wfc_ir_count_uses(g, &uses) : WFC_ERR_NO_MEMORY;
    c.uses = uses;
    if (s == WFC_OK) s = wfc_rewrite_begin(&rw, g);
    if (s == WFC_OK) s = rewrite_all(&c, &rw);
    if (s == WFC_OK)
        s = wfc_rewrite_end(&rw, g);
    else
        wfc_rewrite_abandon(&rw);
    wfc_vec_free(&c.stack);
    wfc_vec_free(&c.parts);
    wfc_free(c.taken);
    wfc_free(c.shared);
    wfc_free(uses);
    return s;
}

const wfc_pass wfc_pass_concatpad = {"concatpad", "makes run-time concats sums of padded views", run};
