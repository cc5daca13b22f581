/* Softmax: subtract the maximum, exp, divide by the sum.
 *
 * Up to opset 12 the input counts as a matrix: everything from `axis` (default 1) on is one row. From 13 on only `axis`
 * (default the last) is normalised. Both are reductions over a set of axes that keep extent 1. */
#include "frontend/convert.h"
#include "frontend/ops/ops.h"

/* Reduces the axes first..last, keeping them with extent 1. */
static wfc_status reduce_axes(wfc_fe_ctx *c, wfc_value x, wfc_reduce_kind kind, unsigned first, unsigned last,
                              wfc_value *out) {
    static const char out_letters[] = "abcdefgh", red_letters[] = "qrstuvwx";
    const wfc_shape shape = wfc_ir_node_c(c->g, x)->shape;
    wfc_space s = {0};
    for (unsigned i = 0; i < shape.rank; i++) {
        bool reduced = i >= first && i <= last;
        unsigned v = wfc_fe_space_var(&s, out_letters[i], reduced ? 1 : shape.dims[i]);
        if (!reduced) s.a[i].coef[v] = 1;
    }
    s.out_rank = s.index_count;
    for (unsigned i = first; i <= last; i++) s.a[i].coef[wfc_fe_space_var(&s, red_letters[i], shape.dims[i])] = 1;
    return wfc_ir_add_reduce(c->g, c->diag, NULL, x, kind, &s, out);
}

static wfc_status convert_softmax(wfc_fe_ctx *c, wfc_fe_node *n) {
    wfc_value x[2], e[2], y;
    unsigned axis;
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x[0]));
    unsigned rank = wfc_ir_node_c(c->g, x[0])->shape.rank;
    if (rank == 0) return wfc_fe_invalid(c, n, "the input is a scalar");
    WFC_TRY(wfc_fe_axis(c, n, wfc_fe_attr_int(n, "axis", n->opset < 13 ? 1 : -1), rank, false, &axis));
    unsigned last = n->opset < 13 ? rank - 1 : axis;
    WFC_TRY(reduce_axes(c, x[0], WFC_RED_MAX, axis, last, &x[1]));
    WFC_TRY(wfc_ir_add_map_text(c->g, c->diag, NULL, WFC_F32, "exp(sub(a,b))", x, 2, &e[0]));
    WFC_TRY(reduce_axes(c, e[0], WFC_RED_SUM, axis, last, &e[1]));
    WFC_TRY(wfc_fe_map(c, n, "div(a,b)", e, 2, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}

const wfc_fe_op wfc_fe_op_softmax = {
    {"", "Softmax", 1, WFC_FE_NEWEST_OPSET, "float32"}, 1, 1, 1, 0, "axis:i", convert_softmax};
