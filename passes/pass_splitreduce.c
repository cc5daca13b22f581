/* splitreduce: a sum or maximum over several whole axes of what a contract makes becomes two.
 *
 *   reduce sum a="n c r s" red="r=7 s=7"
 *     ->  reduce sum out="n c y x" a="n c y 7x+s" red="s=7"     a window over the last axis, of extent 1
 *         reduce sum a="n c r s" red="r=7 s=1"
 *
 * fuse takes the first into the contract's tail (passes/README.md, rule 4): each PE sums the rows it has, and the
 * second gets one value per row instead of a whole map. Global average pooling so happens in its producer, but for the
 * last step. The same up to the order of summation; a maximum is equal bit for bit.
 *
 * A long one (over a map of 112x112, say, whose other reader is the product of a squeeze-excitation) is split wherever
 * its operand comes from: a layer of one row per channel would take the whole map into one PE; so there is a layer of
 * many rows, and one of one row per channel that takes a value from each. Not where maps in the shape of the operand
 * read what it gives (normalisations): those and the reduce are one row group, which computes where the operand is. */
#include "passes/fuse_rules.h"
#include "passes/pipelines.h"
#include "passes/rewrite.h"

enum { MAX_VISITS = 64, LONG = 512 /* elements */, LOOK = 1 << 26 /* nodes looked at for readers, in all */ };

typedef struct split_ctx {
    const wfc_graph *g;
    const uint32_t *uses;
    bool *after;   /* scratch: what follows from a reduce without a contract */
    uint64_t look; /* nodes looked at so far */
} split_ctx;

/* Whether x comes from a contract whose weights do not vary along `axis` (space, not channels), through maps in its own
 * shape and windows: what a tail is made of. A guess at what fuse will do, which decides: a value that many read ends a
 * tail (two read x in x*sigmoid(x)). */
static bool from_contract(const wfc_graph *g, wfc_value x, unsigned axis, const uint32_t *uses, unsigned *visits) {
    const wfc_node *n = wfc_ir_node_c(g, x);
    uint32_t window;
    if (uses[x.i] > 2 || (*visits)++ == MAX_VISITS) return false;
    if (n->op == WFC_CORE_CONTRACT) {
        for (unsigned d = 0; d < WFC_IR_MAX_RANK; d++)
            if (n->u.contract.b[d].coef[axis] != 0) return false;
        return true;
    }
    if (n->op == WFC_CORE_REDUCE && wfc_fuse_is_window(g, x, &window))
        return from_contract(g, wfc_ir_operand(g, x, 0), axis, uses, visits);
    if (n->op != WFC_CORE_MAP) return false;
    for (uint32_t k = 0; k < n->operand_count; k++) {
        wfc_value o = wfc_ir_operand(g, x, k);
        if (wfc_shape_eq(&wfc_ir_node_c(g, o)->shape, &n->shape) && from_contract(g, o, axis, uses, visits))
            return true;
    }
    return false;
}

/* The reduced axes of a whole reduce, as a bit mask. */
static uint32_t whole_axes(const wfc_node *reduce, const wfc_shape *x) {
    const wfc_space *s = &reduce->u.reduce.space;
    uint32_t axes = 0;
    for (unsigned d = 0; d < x->rank; d++)
        if (wfc_affine_single(&s->a[d]) >= s->out_rank) axes |= 1u << d;
    return axes;
}

/* Whether a map in the shape of x depends on r, with no contract in between. `count`: nodes of the graph as it was. */
static bool read_in_shape(split_ctx *c, wfc_value r, const wfc_shape *x, uint32_t count) {
    bool found = false;
    c->look += count - r.i;
    if (c->look > LOOK) return true; /* leaves it as it is */
    c->after[r.i] = true;
    for (uint32_t i = r.i + 1; i < count; i++) {
        const wfc_node *n = wfc_ir_node_c(c->g, (wfc_value){i});
        c->after[i] = false;
        for (uint32_t k = 0; k < n->operand_count && n->op != WFC_CORE_CONTRACT; k++)
            c->after[i] |=
                wfc_ir_operand(c->g, (wfc_value){i}, k).i >= r.i && c->after[wfc_ir_operand(c->g, (wfc_value){i}, k).i];
        found |= c->after[i] && n->op == WFC_CORE_MAP && wfc_shape_eq(&n->shape, x);
    }
    return found;
}

static bool applies(split_ctx *c, wfc_value r, uint32_t count) {
    const wfc_node *n = wfc_ir_node_c(c->g, r);
    if (n->op != WFC_CORE_REDUCE || n->dtype != WFC_F32) return false;
    if (n->u.reduce.kind != WFC_RED_SUM && n->u.reduce.kind != WFC_RED_MAX) return false;
    if (!wfc_fuse_is_whole(c->g, r)) return false;
    wfc_value x = wfc_ir_operand(c->g, r, 0);
    const wfc_shape *shape = &wfc_ir_node_c(c->g, x)->shape;
    if (shape->rank < 3) return false;
    unsigned last = shape->rank - 1u, long_axes = 0, visits = 0;
    uint32_t axes = whole_axes(n, shape);
    uint64_t reduced = 1;
    for (unsigned d = 0; d <= last; d++) {
        if (!(axes >> d & 1)) continue;
        long_axes += shape->dims[d] > 1;
        reduced = reduced < LONG ? reduced * shape->dims[d] : LONG;
    }
    if (!(axes >> last & 1) || shape->dims[last] < 2 || long_axes < 2) return false;
    if (c->uses[x.i] == 1 && from_contract(c->g, x, last, c->uses, &visits)) return true;
    return reduced >= LONG && !read_in_shape(c, r, shape, count);
}

static wfc_status split(wfc_graph *g, wfc_diag *diag, wfc_value r, wfc_rewrite *rw) {
    wfc_node first = *wfc_ir_node_c(g, r), second = first;
    wfc_value x = wfc_ir_operand(g, r, 0), row, out;
    const wfc_shape shape = wfc_ir_node_c(g, x)->shape;
    unsigned last = shape.rank - 1u;
    wfc_space s = {.index_count = (uint8_t)(shape.rank + 1), .out_rank = shape.rank};
    for (unsigned d = 0; d < shape.rank; d++) {
        s.name[d] = (char)('a' + d);
        s.extent[d] = d == last ? 1 : shape.dims[d];
        s.a[d].coef[d] = d == last ? (int32_t)shape.dims[last] : 1;
    }
    s.name[shape.rank] = 'r';
    s.extent[shape.rank] = shape.dims[last];
    s.a[last].coef[shape.rank] = 1;
    first.u.reduce.space = s;
    WFC_TRY(wfc_ir_add_node(g, diag, &first, &x, 1, &row));
    second.u.reduce.space.extent[wfc_affine_single(&second.u.reduce.space.a[last])] = 1;
    second.loc_count = 0; /* the replacement brings them */
    second.locs = NULL;
    WFC_TRY(wfc_ir_add_node(g, diag, &second, &row, 1, &out));
    return wfc_rewrite_set(rw, g, r, out);
}

static wfc_status run(wfc_graph *g, wfc_diag *diag) {
    uint32_t *uses = NULL;
    wfc_rewrite rw = {0};
    split_ctx c = {.g = g, .after = wfc_calloc(g->nodes.count, sizeof *c.after)};
    wfc_status s = c.after ? wfc_ir_count_uses(g, &uses) : WFC_ERR_NO_MEMORY;
    c.uses = uses;
    if (s == WFC_OK) s = wfc_rewrite_begin(&rw, g);
    for (uint32_t i = 0; i < rw.count && s == WFC_OK; i++)
        if (applies(&c, (wfc_value){i}, rw.count)) s = split(g, diag, (wfc_value){i}, &rw);
    if (s == WFC_OK)
        s = wfc_rewrite_end(&rw, g);
    else
        wfc_rewrite_abandon(&rw);
    wfc_free(c.after);
    wfc_free(uses);
    return s;
}

const wfc_pass wfc_pass_splitreduce = {
    "splitreduce", "splits sums and maxima over whole axes, so that a contract's tail takes the first part", run};
