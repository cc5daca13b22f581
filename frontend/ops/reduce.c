/* The Reduce operators, ArgMax, ArgMin, GlobalAveragePool, GlobalMaxPool: reductions over whole axes. A mean is the sum
 * times the reciprocal of the count. */
#include "frontend/convert.h"
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
static wfc_status read_axes(wfc_fe_ctx *c, wfc_fe_node *n, int input_since, uint32_t *axes) {
    uint8_t rank;
    size_t count = 0;
    bool given, noop = n->opset >= input_since && wfc_fe_attr_int(n, "noop_with_empty_axes", 0) != 0;
    int64_t dims[WFC_IR_MAX_RANK];
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &rank, dims);
    WFC_TRY(wfc_fe_axes(c, n, input_since, rank, axes, &count, &given));
    if (count == 0 && !noop) *axes = (1u << rank) - 1;
    return WFC_OK;
}

static wfc_status reduce_op(wfc_fe_ctx *c, wfc_fe_node *n, wfc_reduce_kind kind, bool mean, int input_since) {
    uint32_t axes;
    WFC_TRY(read_axes(c, n, input_since, &axes));
    if (axes == 0) return wfc_fe_set_same(c, n, 0, wfc_fe_input(c, n, 0));
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

/* --- sums of something, and something of sums ------------------------------------------------------------------- */

/* before: text of a map in front of the sum, after: of one behind it (NULL: none). Axes as with the other reductions.
 */
static wfc_status composite(wfc_fe_ctx *c, wfc_fe_node *n, const char *before, const char *after) {
    uint32_t axes;
    wfc_value x;
    bool keep = wfc_fe_attr_int(n, "keepdims", 1) != 0;
    WFC_TRY(read_axes(c, n, 18, &axes));
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x));
    if (before) WFC_TRY(wfc_ir_add_map_text(c->g, c->diag, NULL, WFC_F32, before, &x, 1, &x));
    if (axes) WFC_TRY(wfc_fe_reduce_axes(c, after ? NULL : wfc_fe_name(c, n), x, WFC_RED_SUM, axes, keep, &x));
    if (after) WFC_TRY(wfc_fe_map(c, n, after, &x, 1, &x));
    return wfc_fe_set_ir(c, n, 0, x);
}
static wfc_status convert_reduce_l1(wfc_fe_ctx *c, wfc_fe_node *n) {
    return composite(c, n, "abs(a)", NULL);
}
static wfc_status convert_reduce_l2(wfc_fe_ctx *c, wfc_fe_node *n) {
    return composite(c, n, "mul(a,a)", "sqrt(a)");
}
static wfc_status convert_reduce_sum_square(wfc_fe_ctx *c, wfc_fe_node *n) {
    return composite(c, n, "mul(a,a)", NULL);
}
static wfc_status convert_reduce_log_sum(wfc_fe_ctx *c, wfc_fe_node *n) {
    return composite(c, n, NULL, "log(a)");
}

/* m + log(sum(exp(x - m))) with m the maximum, 0 where that is infinite: no overflow, and infinities as they are. */
static wfc_status convert_reduce_log_sum_exp(wfc_fe_ctx *c, wfc_fe_node *n) {
    uint32_t axes;
    wfc_value x[2], e[2], m;
    bool keep = wfc_fe_attr_int(n, "keepdims", 1) != 0;
    WFC_TRY(read_axes(c, n, 18, &axes));
    if (!axes) return wfc_fe_set_same(c, n, 0, wfc_fe_input(c, n, 0));
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x[0]));
    WFC_TRY(wfc_fe_reduce_axes(c, NULL, x[0], WFC_RED_MAX, axes, true, &m));
    WFC_TRY(wfc_ir_add_map_text(c->g, c->diag, NULL, WFC_F32, "select(lt(abs(a),inf),a,0)", &m, 1, &x[1]));
    WFC_TRY(wfc_ir_add_map_text(c->g, c->diag, NULL, WFC_F32, "exp(sub(a,b))", x, 2, &e[0]));
    WFC_TRY(wfc_fe_reduce_axes(c, NULL, e[0], WFC_RED_SUM, axes, keep, &e[0]));
    const wfc_shape shape = wfc_ir_node_c(c->g, e[0])->shape;
    WFC_TRY(wfc_ir_add_reshape(c->g, c->diag, NULL, x[1], &shape, &e[1]));
    WFC_TRY(wfc_fe_map(c, n, "add(b,log(a))", e, 2, &m));
    return wfc_fe_set_ir(c, n, 0, m);
}

/* --- ArgMax, ArgMin ------------------------------------------------------------------------------------------------
 */

/* The first (or last) coordinate along `axis` where x equals its extreme; NaN is the extreme where there is one. */
wfc_status wfc_fe_arg_extreme(wfc_fe_ctx *c, wfc_fe_node *n, wfc_value value, unsigned axis, bool max, bool last,
                              bool keep, wfc_value *out) {
    const wfc_shape shape = wfc_ir_node_c(c->g, value)->shape;
    wfc_value x[3] = {value}, at;
    const double none = last ? -1.0 : (double)shape.dims[axis];
    WFC_TRY(wfc_fe_reduce_axes(c, NULL, value, max ? WFC_RED_MAX : WFC_RED_MIN, 1u << axis, true, &x[1]));
    WFC_TRY(wfc_fe_iota(c, n, shape.rank, axis, shape.dims[axis], &x[2]));
    WFC_TRY(wfc_fe_map_params(c, n, WFC_F32, "select(or(eq(a,b),not(eq(a,a))),c,P)", &none, x, 3, &at));
    return wfc_fe_reduce_axes(c, NULL, at, last ? WFC_RED_MAX : WFC_RED_MIN, 1u << axis, keep, out);
}

static wfc_status arg(wfc_fe_ctx *c, wfc_fe_node *n, bool max) {
    uint8_t rank;
    unsigned axis;
    int64_t dims[WFC_IR_MAX_RANK];
    wfc_value x, y;
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &rank, dims);
    WFC_TRY(wfc_fe_axis(c, n, wfc_fe_attr_int(n, "axis", 0), rank, false, &axis));
    if (dims[axis] > WFC_FE_EXACT) return wfc_fe_unsupported(c, n, "an axis longer than 2^24");
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x));
    WFC_TRY(wfc_fe_arg_extreme(c, n, x, axis, max, wfc_fe_attr_int(n, "select_last_index", 0) != 0,
                               wfc_fe_attr_int(n, "keepdims", 1) != 0, &y));
    return wfc_fe_set_typed(c, n, 0, WFC_I64, y);
}
static wfc_status convert_argmax(wfc_fe_ctx *c, wfc_fe_node *n) {
    return arg(c, n, true);
}
static wfc_status convert_argmin(wfc_fe_ctx *c, wfc_fe_node *n) {
    return arg(c, n, false);
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

#define REDUCE(suffix, name, types)                                                                                    \
    const wfc_fe_op wfc_fe_op_##suffix = {{"", name, 1, WFC_FE_NEWEST_OPSET, ""},                                      \
                                          1,                                                                           \
                                          2,                                                                           \
                                          1,                                                                           \
                                          1u << 1,                                                                     \
                                          "axes:I keepdims:i noop_with_empty_axes:i",                                  \
                                          convert_##suffix,                                                            \
                                          types};
REDUCE(reduce_max, "ReduceMax", WFC_FE_NUMBERS)
REDUCE(reduce_mean, "ReduceMean", WFC_FE_FLOATS)
REDUCE(reduce_min, "ReduceMin", WFC_FE_NUMBERS)
REDUCE(reduce_prod, "ReduceProd", WFC_FE_FLOATS)
REDUCE(reduce_sum, "ReduceSum", WFC_FE_FLOATS)
REDUCE(reduce_l1, "ReduceL1", WFC_FE_FLOATS)
REDUCE(reduce_l2, "ReduceL2", WFC_FE_FLOATS)
REDUCE(reduce_sum_square, "ReduceSumSquare", WFC_FE_FLOATS)
REDUCE(reduce_log_sum, "ReduceLogSum", WFC_FE_FLOATS)
REDUCE(reduce_log_sum_exp, "ReduceLogSumExp", WFC_FE_FLOATS)

#define ARG(suffix, name)                                                                                              \
    const wfc_fe_op wfc_fe_op_##suffix = {{"", name, 1, WFC_FE_NEWEST_OPSET, ""},                                      \
                                          1,                                                                           \
                                          1,                                                                           \
                                          1,                                                                           \
                                          0,                                                                           \
                                          "axis:i keepdims:i select_last_index:i",                                     \
                                          convert_##suffix,                                                            \
                                          WFC_FE_NUMBERS};
ARG(argmax, "ArgMax")
ARG(argmin, "ArgMin")

const wfc_fe_op wfc_fe_op_globalaveragepool = {
    {"", "GlobalAveragePool", 1, WFC_FE_NEWEST_OPSET, ""}, 1, 1, 1, 0, "", convert_globalaveragepool, WFC_FE_FLOATS};
const wfc_fe_op wfc_fe_op_globalmaxpool = {
    {"", "GlobalMaxPool", 1, WFC_FE_NEWEST_OPSET, ""}, 1, 1, 1, 0, "", convert_globalmaxpool, WFC_FE_FLOATS};
