/* ReduceSum, ReduceMean, ReduceMax, ReduceMin, ReduceProd, GlobalAveragePool, GlobalMaxPool: reductions over whole
 * axes. A mean is the sum times the reciprocal of the count. */
#include "frontend/convert.h"
#include "frontend/ops/ops.h"
#include "ir/fn.h"

wfc_status wfc_fe_reduce_axes(wfc_fe_ctx *c, const char *name, wfc_value x, wfc_reduce_kind kind, uint32_t axes,
                              bool keep, wfc_value *out) {
    static const char out_letters[] = "abcdefgh", red_letters[] = "qrstuvwx";
    const wfc_shape shape = wfc_ir_node_c(c->g, x)->shape;
    wfc_space s = {0};
    for (unsigned i = 0; i < shape.rank; i++) {
        bool reduced = axes >> i & 1;
        if (reduced && !keep) continue;
        unsigned v = wfc_fe_space_var(&s, out_letters[i], reduced ? 1 : shape.dims[i]);
        if (!reduced) s.a[i].coef[v] = 1;
    }
    s.out_rank = s.index_count;
    for (unsigned i = 0; i < shape.rank; i++)
        if (axes >> i & 1) s.a[i].coef[wfc_fe_space_var(&s, red_letters[i], shape.dims[i])] = 1;
    return wfc_ir_add_reduce(c->g, c->diag, name, x, kind, &s, out);
}

wfc_status wfc_fe_axes(wfc_fe_ctx *c, wfc_fe_node *n, int input_since, unsigned rank, uint32_t *mask, size_t *count,
                       bool *given) {
    int64_t *list = NULL;
    const int64_t *from;
    if (n->opset < input_since) {
        from = wfc_fe_attr_ints(n, "axes", count);
    } else {
        WFC_TRY(wfc_fe_int_input(c, n, 1, &list, count));
        from = list;
    }
    wfc_status status = WFC_OK;
    *given = from != NULL;
    *mask = 0;
    for (size_t i = 0; i < *count && status == WFC_OK; i++) {
        unsigned axis = 0;
        status = wfc_fe_axis(c, n, from[i], rank, false, &axis);
        if (status == WFC_OK && *mask >> axis & 1) status = wfc_fe_invalid(c, n, "axis %u is given twice", axis);
        *mask |= 1u << axis;
    }
    wfc_free(list);
    return status;
}

/* The reduce, and behind it for a mean the factor. */
static wfc_status reduced(wfc_fe_ctx *c, wfc_fe_node *n, wfc_reduce_kind kind, bool mean, uint32_t axes, bool keep) {
    wfc_value x, y;
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x));
    const wfc_shape shape = wfc_ir_node_c(c->g, x)->shape;
    double count = 1;
    for (unsigned i = 0; i < shape.rank; i++)
        if (axes >> i & 1) count *= (double)shape.dims[i];
    WFC_TRY(wfc_fe_reduce_axes(c, mean ? NULL : wfc_fe_name(c, n), x, kind, axes, keep, &y));
    if (mean) {
        wfc_expr_node e[3] = {{.fn = WFC_FN_ARG},
                              {.fn = WFC_FN_CONST, .value = (double)(float)(1 / count)},
                              {.fn = WFC_FN_MUL, .args = {0, 1, 0}}};
        x = y;
        WFC_TRY(wfc_fe_map_expr(c, n, e, 3, &x, 1, &y));
    }
    return wfc_fe_set_ir(c, n, 0, y);
}

/* Axes: attribute, from opset `input_since` on input 1. None given means all, unless noop_with_empty_axes. */
static wfc_status reduce_op(wfc_fe_ctx *c, wfc_fe_node *n, wfc_reduce_kind kind, bool mean, int input_since) {
    const wfc_fe_value *x = wfc_fe_input(c, n, 0);
    uint8_t rank;
    uint32_t axes;
    size_t count = 0;
    bool given, noop = n->opset >= input_since && wfc_fe_attr_int(n, "noop_with_empty_axes", 0) != 0;
    int64_t dims[WFC_IR_MAX_RANK];
    wfc_fe_shape(c, x, &rank, dims);
    WFC_TRY(wfc_fe_axes(c, n, input_since, rank, &axes, &count, &given));
    if (count == 0 && !noop) axes = (1u << rank) - 1;
    if (axes == 0) return wfc_fe_set_same(c, n, 0, x);
    return reduced(c, n, kind, mean, axes, wfc_fe_attr_int(n, "keepdims", 1) != 0);
}

static wfc_status convert_reduce_sum(wfc_fe_ctx *c, wfc_fe_node *n) {
    return reduce_op(c, n, WFC_RED_SUM, false, 13);
}
static wfc_status convert_reduce_mean(wfc_fe_ctx *c, wfc_fe_node *n) {
    return reduce_op(c, n, WFC_RED_SUM, true, 18);
}
static wfc_status convert_reduce_max(wfc_fe_ctx *c, wfc_fe_node *n) {
    return reduce_op(c, n, WFC_RED_MAX, false, 18);
}
static wfc_status convert_reduce_min(wfc_fe_ctx *c, wfc_fe_node *n) {
    return reduce_op(c, n, WFC_RED_MIN, false, 18);
}
static wfc_status convert_reduce_prod(wfc_fe_ctx *c, wfc_fe_node *n) {
    return reduce_op(c, n, WFC_RED_PROD, false, 18);
}

/* All axes behind the batch and the channels. */
static wfc_status global_pool(wfc_fe_ctx *c, wfc_fe_node *n, wfc_reduce_kind kind, bool mean) {
    uint8_t rank;
    int64_t dims[WFC_IR_MAX_RANK];
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &rank, dims);
    if (rank < 3) return wfc_fe_invalid(c, n, "the input has %u axes, expected at least 3", rank);
    return reduced(c, n, kind, mean, (1u << rank) - 4u, true);
}

static wfc_status convert_globalaveragepool(wfc_fe_ctx *c, wfc_fe_node *n) {
    return global_pool(c, n, WFC_RED_SUM, true);
}
static wfc_status convert_globalmaxpool(wfc_fe_ctx *c, wfc_fe_node *n) {
    return global_pool(c, n, WFC_RED_MAX, false);
}

#define REDUCE(suffix, name)                                                                                           \
    const wfc_fe_op wfc_fe_op_##suffix = {{"", name, 1, WFC_FE_NEWEST_OPSET, "float32; the axes are constants"},       \
                                          1,                                                                           \
                                          2,                                                                           \
                                          1,                                                                           \
                                          1u << 1,                                                                     \
                                          "axes:I keepdims:i noop_with_empty_axes:i",                                  \
                                          convert_##suffix,                                                            \
                                          WFC_FE_FLOATS};
REDUCE(reduce_max, "ReduceMax")
REDUCE(reduce_mean, "ReduceMean")
REDUCE(reduce_min, "ReduceMin")
REDUCE(reduce_prod, "ReduceProd")
REDUCE(reduce_sum, "ReduceSum")

const wfc_fe_op wfc_fe_op_globalaveragepool = {{"", "GlobalAveragePool", 1, WFC_FE_NEWEST_OPSET, "float32"},
                                               1,
                                               1,
                                               1,
                                               0,
                                               "",
                                               convert_globalaveragepool,
                                               WFC_FE_FLOATS};
const wfc_fe_op wfc_fe_op_globalmaxpool = {
    {"", "GlobalMaxPool", 1, WFC_FE_NEWEST_OPSET, "float32"}, 1, 1, 1, 0, "", convert_globalmaxpool, WFC_FE_FLOATS};
