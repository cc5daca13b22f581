/* Softmax, LogSoftmax: subtract the maximum, exp, divide by the sum (or subtract its logarithm). Hardmax: 1 at the
 * first maximum, 0 elsewhere.
 *
 * Up to opset 12 the input counts as a matrix: everything from `axis` (default 1) on is one row. From 13 on only `axis`
 * (default the last) is normalised. Both are reductions over a set of axes that keep extent 1. */
#include "frontend/convert.h"

static wfc_status read_axis(wfc_fe_ctx *c, wfc_fe_node *n, wfc_value *x, unsigned *axis) {
    WFC_TRY(wfc_fe_ir_input(c, n, 0, x));
    unsigned rank = wfc_ir_node_c(c->g, *x)->shape.rank;
    if (rank == 0) return wfc_fe_invalid(c, n, "the input is a scalar");
    return wfc_fe_axis(c, n, wfc_fe_attr_int(n, "axis", n->opset < 13 ? 1 : -1), rank, false, axis);
}

static wfc_status softmax(wfc_fe_ctx *c, wfc_fe_node *n, bool logarithm) {
    wfc_value x[2], e[2], y;
    unsigned axis;
    WFC_TRY(read_axis(c, n, &x[0], &axis));
    unsigned rank = wfc_ir_node_c(c->g, x[0])->shape.rank;
    uint32_t axes = n->opset < 13 ? (1u << rank) - (1u << axis) : 1u << axis;
    WFC_TRY(wfc_fe_reduce_axes(c, NULL, x[0], WFC_RED_MAX, axes, true, &x[1]));
    if (logarithm) {
        WFC_TRY(wfc_ir_add_map_text(c->g, c->diag, NULL, WFC_F32, "sub(a,b)", x, 2, &e[0]));
        WFC_TRY(wfc_ir_add_map_text(c->g, c->diag, NULL, WFC_F32, "exp(a)", e, 1, &e[1]));
        WFC_TRY(wfc_fe_reduce_axes(c, NULL, e[1], WFC_RED_SUM, axes, true, &e[1]));
        WFC_TRY(wfc_fe_map(c, n, "sub(a,log(b))", e, 2, &y));
        return wfc_fe_set_ir(c, n, 0, y);
    }
    WFC_TRY(wfc_ir_add_map_text(c->g, c->diag, NULL, WFC_F32, "exp(sub(a,b))", x, 2, &e[0]));
    WFC_TRY(wfc_fe_reduce_axes(c, NULL, e[0], WFC_RED_SUM, axes, true, &e[1]));
    WFC_TRY(wfc_fe_map(c, n, "div(a,b)", e, 2, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}

static wfc_status convert_softmax(wfc_fe_ctx *c, wfc_fe_node *n) {
    return softmax(c, n, false);
}
static wfc_status convert_log_softmax(wfc_fe_ctx *c, wfc_fe_node *n) {
    return softmax(c, n, true);
}

static wfc_status convert_hardmax(wfc_fe_ctx *c, wfc_fe_node *n) {
    wfc_value x[2], y;
    unsigned axis;
    WFC_TRY(read_axis(c, n, &x[0], &axis));
    const wfc_shape shape = wfc_ir_node_c(c->g, x[0])->shape;
    wfc_shape rows = shape;
    if (n->opset < 13) { /* one row from `axis` on */
        rows.rank = (uint8_t)(axis + 1);
        for (unsigned i = axis + 1; i < shape.rank; i++) rows.dims[axis] *= shape.dims[i];
        WFC_TRY(wfc_ir_add_reshape(c->g, c->diag, NULL, x[0], &rows, &x[0]));
    }
    WFC_TRY(wfc_fe_arg_extreme(c, n, x[0], axis, true, false, true, &x[0]));
    WFC_TRY(wfc_fe_iota(c, n, rows.rank, axis, rows.dims[axis], &x[1]));
    WFC_TRY(wfc_fe_map(c, n, "eq(a,b)", x, 2, &y));
    WFC_TRY(wfc_ir_add_reshape(c->g, c->diag, NULL, y, &shape, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}

#define ALONG(suffix, name)                                                                                            \
    const wfc_fe_op wfc_fe_op_##suffix = {                                                                             \
        {"", name, 1, WFC_FE_NEWEST_OPSET, ""}, 1, 1, 1, 0, "axis:i", convert_##suffix, WFC_FE_FLOATS};
ALONG(softmax, "Softmax")
ALONG(log_softmax, "LogSoftmax")
ALONG(hardmax, "Hardmax")
