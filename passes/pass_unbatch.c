/* unbatch: takes the leading batch axis out of the graph, where it is proved independent on all paths.
 *
 * A value is *batched* when it depends on an input. The proof, node by node: every batched value has the same leading
 * extent N, and its element [i, ..] depends on elements [i, ..] of batched operands and on constants that do not vary
 * along the axis:
 *   map       batched operands have the result's rank; no index(0); a constant as tall as the batch has equal rows
 *   contract  the result's axis 0 is its variable 0, a batched operand reads it as its plain axis 0 and nowhere else
 *   reduce    likewise
 *   view      every step keeps N leading: a reshape because of its row-major order, an index step by from="i ..."
 *   concat    along another axis; constants have equal rows
 * Then N becomes 1 everywhere, constants with equal rows keep one, and the graph says samples=N unbatched: one run is
 * one sample. A graph that cannot be proved stays as it is, and a note says why. */
#include "ir/fn.h"
#include "passes/pipelines.h"
#include "passes/rewrite.h"
#include <string.h>

typedef struct unbatch {
    wfc_graph *g;
    uint32_t extent; /* N */
    bool *batched;   /* by node */
    const char *why; /* set where the proof fails */
} unbatch;

static bool fail(unbatch *u, const char *why) {
    u->why = why;
    return false;
}

static bool leads(const unbatch *u, const wfc_shape *s) {
    return s->rank > 0 && s->dims[0] == u->extent;
}

/* Whether all N rows of a constant are the same bytes. */
static bool equal_rows(const wfc_node *n) {
    uint64_t rows = n->shape.dims[0], bytes = rows ? n->u.konst.data.size_bytes / rows : 0;
    if (n->op != WFC_CORE_CONST || rows == 0) return false;
    for (uint64_t r = 1; r < rows; r++)
        if (memcmp(n->u.konst.data.bytes, n->u.konst.data.bytes + r * bytes, (size_t)bytes) != 0) return false;
    return true;
}

static bool prove_map(unbatch *u, wfc_value v) {
    const wfc_node *n = wfc_ir_node_c(u->g, v);
    for (uint32_t i = 0; i < n->u.map.count; i++)
        if (n->u.map.nodes[i].fn == WFC_FN_INDEX && n->u.map.nodes[i].index == 0 && u->extent > 1)
            return fail(u, "uses the position along the axis");
    for (uint32_t k = 0; k < n->operand_count; k++) {
        wfc_value x = wfc_ir_operand(u->g, v, k);
        const wfc_node *o = wfc_ir_node_c(u->g, x);
        bool full = o->shape.rank == n->shape.rank;
        if (u->batched[x.i]) {
            if (!full) return fail(u, "broadcasts the axis against another one");
        } else if (full && o->shape.dims[0] != 1 && !equal_rows(o)) {
            return fail(u, "combines it with values that vary along the axis");
        }
    }
    return true;
}

/* Operand coordinates of contract and reduce. */
static bool prove_coords(unbatch *u, wfc_value x, const wfc_affine *coords) {
    const wfc_node *o = wfc_ir_node_c(u->g, x);
    bool own = u->batched[x.i];
    if (own && !(o->shape.rank > 0 && wfc_affine_is(&coords[0], 0)))
        return fail(u, "does not read the axis sample by sample");
    for (unsigned d = own ? 1 : 0; d < o->shape.rank; d++)
        if (coords[d].coef[0] != 0 && (own || u->extent > 1)) return fail(u, "mixes the axis with another one");
    return true;
}

static bool prove_space(unbatch *u, wfc_value v, const wfc_space *s, bool two) {
    if (s->out_rank == 0) return fail(u, "reduces the axis");
    return prove_coords(u, wfc_ir_operand(u->g, v, 0), s->a) &&
           (!two || prove_coords(u, wfc_ir_operand(u->g, v, 1), s->b));
}

static bool prove_view(unbatch *u, wfc_value v) {
    const wfc_node *n = wfc_ir_node_c(u->g, v);
    const wfc_shape *from = &wfc_ir_node_c(u->g, wfc_ir_operand(u->g, v, 0))->shape;
    for (uint32_t k = 0; k < n->u.view.count; from = &n->u.view.steps[k++].shape) {
        const wfc_view_step *s = &n->u.view.steps[k];
        if (!leads(u, &s->shape)) return fail(u, "moves the axis from the front or changes its extent");
        if (!s->is_index) continue;
        if (!wfc_affine_is(&s->in[0], 0)) return fail(u, "does not keep the axis in place");
        for (unsigned d = 1; d < from->rank; d++)
            if (s->in[d].coef[0] != 0) return fail(u, "mixes the axis with another one");
    }
    return true;
}

static bool prove_concat(unbatch *u, wfc_value v) {
    const wfc_node *n = wfc_ir_node_c(u->g, v);
    if (n->u.concat.axis == 0) return fail(u, "joins along the axis");
    for (uint32_t k = 0; k < n->operand_count; k++) {
        wfc_value x = wfc_ir_operand(u->g, v, k);
        if (!u->batched[x.i] && u->extent > 1 && !equal_rows(wfc_ir_node_c(u->g, x)))
            return fail(u, "joins values that vary along the axis");
    }
    return true;
}

static bool prove_node(unbatch *u, wfc_value v) {
    const wfc_node *n = wfc_ir_node_c(u->g, v);
    if (n->op == WFC_CORE_INPUT) u->batched[v.i] = true;
    for (uint32_t k = 0; k < n->operand_count; k++)
        if (u->batched[wfc_ir_operand(u->g, v, k).i]) u->batched[v.i] = true;
    if (!u->batched[v.i]) return true;
    if (!leads(u, &n->shape)) return fail(u, "has no leading axis of the batch's extent");
    switch (n->op) {
    case WFC_CORE_INPUT: return true;
    case WFC_CORE_MAP: return prove_map(u, v);
    case WFC_CORE_VIEW: return prove_view(u, v);
    case WFC_CORE_CONCAT: return prove_concat(u, v);
    case WFC_CORE_CONTRACT: return prove_space(u, v, &n->u.contract, true);
    case WFC_CORE_REDUCE: return prove_space(u, v, &n->u.reduce.space, false);
    default: return fail(u, "is of a kind that the proof does not know");
    }
}

static bool prove(unbatch *u, wfc_value *where) {
    for (uint32_t i = 0; i < u->g->nodes.count; i++) {
        *where = (wfc_value){i};
        if (!prove_node(u, *where)) return false;
    }
    for (size_t i = 0; i < u->g->outputs.count; i++) {
        *where = u->g->outputs.data[i].value;
        if (!u->batched[where->i]) return fail(u, "is an output that depends on no input");
    }
    return true;
}

/* ---- The change ---- */

/* One row of a constant operand that is as tall as the batch, shared by name with nothing: a node of its own. */
static wfc_status one_row(unbatch *u, wfc_diag *diag, wfc_value x, wfc_value *out) {
    wfc_node n = *wfc_ir_node_c(u->g, x);
    n.u.konst.data.size_bytes /= n.shape.dims[0];
    n.shape.dims[0] = 1; /* rows are contiguous: the first one's bytes (and mask) stay where they are */
    return wfc_ir_add_node(u->g, diag, &n, NULL, 0, out);
}

static void shrink_steps(wfc_node *n) {
    for (uint32_t k = 0; k < n->u.view.count; k++) n->u.view.steps[k].shape.dims[0] = 1;
}

static wfc_status shrink(unbatch *u, wfc_diag *diag, wfc_value v) {
    wfc_graph *g = u->g;
    uint8_t op = wfc_ir_node_c(g, v)->op;
    uint8_t rank = wfc_ir_node_c(g, v)->shape.rank;
    for (uint32_t k = 0; k < wfc_ir_node_c(g, v)->operand_count; k++) {
        wfc_value x = wfc_ir_operand(g, v, k), row;
        const wfc_node *o = wfc_ir_node_c(g, x);
        if (u->batched[x.i] || (op != WFC_CORE_MAP && op != WFC_CORE_CONCAT)) continue;
        if (o->shape.rank != rank || o->shape.dims[0] == 1) continue;
        WFC_TRY(one_row(u, diag, x, &row));
        g->operands.data[wfc_ir_node_c(g, v)->operand_first + k] = row;
    }
    wfc_node *n = wfc_ir_node(g, v);
    n->shape.dims[0] = 1;
    if (op == WFC_CORE_VIEW) shrink_steps(n);
    if (op == WFC_CORE_CONTRACT) n->u.contract.extent[0] = 1;
    if (op == WFC_CORE_REDUCE) n->u.reduce.space.extent[0] = 1;
    return WFC_OK;
}

static wfc_status shrink_all(unbatch *u, wfc_diag *diag) {
    uint32_t count = (uint32_t)u->g->nodes.count;
    for (uint32_t i = 0; u->extent > 1 && i < count; i++)
        if (u->batched[i]) WFC_TRY(shrink(u, diag, (wfc_value){i}));
    u->g->samples = u->extent;
    u->g->unbatched = true;
    return wfc_ir_compact(u->g);
}

static wfc_status run(wfc_graph *g, wfc_diag *diag) {
    unbatch u = {.g = g};
    wfc_value where = WFC_VALUE_NONE;
    if (g->unbatched || g->outputs.count == 0) return WFC_OK;
    for (uint32_t i = 0; i < g->nodes.count && u.extent == 0; i++)
        if (g->nodes.data[i].op == WFC_CORE_INPUT && g->nodes.data[i].shape.rank)
            u.extent = g->nodes.data[i].shape.dims[0];
    if (u.extent == 0) return WFC_OK;
    u.batched = wfc_calloc(g->nodes.count, sizeof *u.batched);
    if (!u.batched) return WFC_ERR_NO_MEMORY;
    wfc_status s = WFC_OK;
    if (prove(&u, &where)) {
        s = shrink_all(&u, diag);
    } else {
        const wfc_node *n = wfc_ir_node_c(g, where);
        wfc_diag_add(diag, WFC_NOTE, "WFC-N0280", n->loc_count ? n->locs[0] : n->name,
                     "the leading axis (extent %u) is not taken as a batch of samples: this %s %s", u.extent,
                     wfc_core_op_name(n->op), u.why);
    }
    wfc_free(u.batched);
    return s;
}

const wfc_pass wfc_pass_unbatch = {"unbatch", "turns a leading batch axis, proved independent, into the sample stream",
                                   run};
