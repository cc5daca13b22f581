/* NegativeLogLikelihoodLoss, SoftmaxCrossEntropyLoss. The class axis is reduced over, each class against the target:
 *   loss[n, d..] = sum over k of (target[n, d..] == k ? -x[n, k, d..] * weight[k] : 0)
 * A target that is ignored counts nothing; one out of range makes NaN. */
#include "frontend/convert.h"
#include <string.h>

typedef struct loss {
    wfc_shape shape;  /* of x: [n, classes, d..] */
    wfc_value target; /* [n, 1, d..] */
    wfc_value classes, weight;
    bool weighted, ignores;
    double params[2]; /* number of classes, ignored target */
} loss;

static wfc_status read_loss(wfc_fe_ctx *c, wfc_fe_node *n, loss *l) {
    uint8_t rank, rt, rw;
    int64_t d[WFC_IR_MAX_RANK], dt[WFC_IR_MAX_RANK], dw[WFC_IR_MAX_RANK];
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &rank, d);
    wfc_fe_shape(c, wfc_fe_input(c, n, 1), &rt, dt);
    if (rank < 2 || rt != rank - 1 || dt[0] != d[0] || memcmp(dt + 1, d + 2, sizeof *d * (rank - 2u)) != 0)
        return wfc_fe_invalid(c, n, "the target's shape is not the input's without its classes");
    WFC_TRY(wfc_fe_ir_shape(c, n, rank, d, &l->shape));
    l->weighted = wfc_fe_input(c, n, 2) != NULL;
    if (l->weighted) {
        wfc_fe_shape(c, wfc_fe_input(c, n, 2), &rw, dw);
        if (rw != 1 || dw[0] != d[1]) return wfc_fe_invalid(c, n, "there is not one weight for each class");
        for (; rw + 1 < rank; rw++) dw[rw] = 1;
        WFC_TRY(wfc_fe_ir_input_as(c, n, 2, rw, dw, &l->weight));
    }
    if (wfc_fe_kind(wfc_fe_value_dtype(c, wfc_fe_input(c, n, 0))) != WFC_FE_FLOATS ||
        wfc_fe_kind(wfc_fe_value_dtype(c, wfc_fe_input(c, n, 1))) != WFC_FE_INTS)
        return wfc_fe_invalid(c, n, "expected floats, and integers for targets");
    l->params[0] = (double)d[1];
    memmove(dt + 2, dt + 1, sizeof *dt * (rank - 2u));
    dt[1] = 1;
    WFC_TRY(wfc_fe_ir_input_as(c, n, 1, rank, dt, &l->target));
    WFC_TRY(wfc_fe_iota(c, n, rank, 1, d[1], &l->classes));
    l->ignores = wfc_fe_attr(n, "ignore_index") != NULL;
    l->params[1] = (double)wfc_fe_attr_int(n, "ignore_index", -1);
    return WFC_OK;
}

/* NaN where a target is neither a class nor ignored, else 0: added to the loss. */
#define CHECK "select(or(eq(a,Q),and(le(0,a),lt(a,P))),0,nan)"

/* The weights of the targets, [n, d..] under the shape [n, 1, d..]: 0 where ignored. */
static wfc_status target_weights(wfc_fe_ctx *c, wfc_fe_node *n, const loss *l, wfc_value *out) {
    wfc_value in[3] = {l->target, l->classes, l->weight};
    if (!l->weighted) return wfc_fe_map_params(c, n, WFC_F32, "not(eq(a,Q))", l->params, in, 1, out);
    WFC_TRY(wfc_fe_map_params(c, n, WFC_F32, "select(and(eq(a,b),not(eq(a,Q))),c,0)", l->params, in, 3, out));
    return wfc_fe_reduce_axes(c, NULL, *out, WFC_RED_SUM, 1u << 1, true, out);
}

/* x: the log of probabilities. */
static wfc_status finish_loss(wfc_fe_ctx *c, wfc_fe_node *n, loss *l, wfc_value x) {
    wfc_value in[4] = {l->target, l->classes, x, l->weight}, part[2], y;
    wfc_shape shape = {.rank = (uint8_t)(l->shape.rank - 1), .dims = {l->shape.dims[0]}};
    memcpy(shape.dims + 1, l->shape.dims + 2, sizeof *shape.dims * (l->shape.rank - 2u));
    if (!l->ignores) l->params[1] = -1e30; /* no target */
    WFC_TRY(wfc_fe_map_params(c, n, WFC_F32,
                              l->weighted ? "select(and(eq(a,b),not(eq(a,Q))),neg(mul(c,d)),0)"
                                          : "select(and(eq(a,b),not(eq(a,Q))),neg(c),0)",
                              l->params, in, l->weighted ? 4 : 3, &part[0]));
    WFC_TRY(wfc_fe_reduce_axes(c, NULL, part[0], WFC_RED_SUM, 1u << 1, true, &part[0]));
    in[1] = part[0];
    WFC_TRY(wfc_fe_map_params(c, n, WFC_F32, "add(b," CHECK ")", l->params, in, 2, &part[0]));
    bool none = wfc_fe_attr_is(n, "reduction", "none"), sum = wfc_fe_attr_is(n, "reduction", "sum");
    uint32_t all = (1u << l->shape.rank) - 1;
    if (none) {
        WFC_TRY(wfc_ir_add_reshape(c->g, c->diag, wfc_fe_name(c, n), part[0], &shape, &y));
        return wfc_fe_set_ir(c, n, 0, y);
    }
    if (!sum && !wfc_fe_attr_is(n, "reduction", "mean") && !wfc_fe_attr_is(n, "reduction", NULL))
        return wfc_fe_invalid(c, n, "attribute 'reduction' is none of none, sum, mean");
    WFC_TRY(target_weights(c, n, l, &part[1]));
    for (unsigned k = 0; k < (sum ? 1u : 2u); k++)
        WFC_TRY(wfc_fe_reduce_axes(c, NULL, part[k], WFC_RED_SUM, all, false, &part[k]));
    if (sum) return wfc_fe_set_ir(c, n, 0, part[0]);
    WFC_TRY(wfc_fe_map(c, n, "div(a,b)", part, 2, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}

static wfc_status convert_nll_loss(wfc_fe_ctx *c, wfc_fe_node *n) {
    loss l;
    wfc_value x;
    WFC_TRY(read_loss(c, n, &l));
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x));
    return finish_loss(c, n, &l, x);
}

static wfc_status convert_cross_entropy(wfc_fe_ctx *c, wfc_fe_node *n) {
    loss l;
    wfc_value x[2], e[2];
    WFC_TRY(read_loss(c, n, &l));
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x[0]));
    WFC_TRY(wfc_fe_reduce_axes(c, NULL, x[0], WFC_RED_MAX, 1u << 1, true, &x[1]));
    WFC_TRY(wfc_ir_add_map_text(c->g, c->diag, NULL, WFC_F32, "sub(a,b)", x, 2, &e[0]));
    WFC_TRY(wfc_ir_add_map_text(c->g, c->diag, NULL, WFC_F32, "exp(a)", e, 1, &e[1]));
    WFC_TRY(wfc_fe_reduce_axes(c, NULL, e[1], WFC_RED_SUM, 1u << 1, true, &e[1]));
    WFC_TRY(wfc_ir_add_map_text(c->g, c->diag, NULL, WFC_F32, "sub(a,log(b))", e, 2, &x[0]));
    WFC_TRY(wfc_fe_set_ir(c, n, 1, x[0]));
    return finish_loss(c, n, &l, x[0]);
}

#define LOSS(suffix, name, outs)                                                                                       \
    const wfc_fe_op wfc_fe_op_##suffix = {                                                                             \
        {"", name, 12, WFC_FE_NEWEST_OPSET, ""}, 2, 3, outs, 0, "ignore_index:i reduction:s", convert_##suffix,        \
        WFC_FE_NUMBERS | WFC_FE_NOT_FOLDED};
LOSS(nll_loss, "NegativeLogLikelihoodLoss", 1)
LOSS(cross_entropy, "SoftmaxCrossEntropyLoss", 2)
