/* Softmax: subtract the maximum, exp, divide by the sum.
 *
 * Up to opset 12 the input counts as a matrix: everything from `axis` (default 1) on is one row. From 13 on only `axis`
 * (default the last) is normalised. Both are reductions over a set of axes that keep extent 1. */
#include "frontend/convert.h"
#include "frontend/ops/ops.h"

static wfc_status convert_softmax(wfc_fe_ctx *c, wfc_fe_node *n) {
    wfc_value x[2], e[2], y;
    unsigned axis;
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x[0]));
    unsigned rank = wfc_ir_node_c(c->g, x[0])->shape.rank;
    if (rank == 0) return wfc_fe_invalid(c, n, "the input is a scalar");
    WFC_TRY(wfc_fe_axis(c, n, wfc_fe_attr_int(n, "axis", n->opset < 13 ? 1 : -1), rank, false, &axis));
    uint32_t axes = n->opset < 13 ? (1u << rank) - (1u << axis) : 1u << axis;
    WFC_TRY(wfc_fe_reduce_axes(c, NULL, x[0], WFC_RED_MAX, axes, true, &x[1]));
    WFC_TRY(wfc_ir_add_map_text(c->g, c->diag, NULL, WFC_F32, "exp(sub(a,b))", x, 2, &e[0]));
    WFC_TRY(wfc_fe_reduce_axes(c, NULL, e[0], WFC_RED_SUM, axes, true, &e[1]));
    WFC_TRY(wfc_fe_map(c, n, "div(a,b)", e, 2, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}

const wfc_fe_op wfc_fe_op_softmax = {
    {"", "Softmax", 1, WFC_FE_NEWEST_OPSET, "float32"}, 1, 1, 1, 0, "axis:i", convert_softmax, WFC_FE_FLOATS};
