/* Pad: a view that reads out of range by the edge rule. Negative pads crop. */
#include "frontend/convert.h"
#include <math.h>
#include <string.h>

enum { MAX_PAD = 1 << 30 };

static wfc_status read_mode(wfc_fe_ctx *c, wfc_fe_node *n, uint8_t *edge) {
    static const struct {
        const char *name;
        uint8_t edge;
        int since;
    } modes[] = {{NULL, WFC_EDGE_FILL, 1},
                 {"constant", WFC_EDGE_FILL, 1},
                 {"edge", WFC_EDGE_EDGE, 1},
                 {"reflect", WFC_EDGE_REFLECT, 1},
                 {"wrap", WFC_EDGE_WRAP, 19}};
    for (unsigned i = 0; i < sizeof modes / sizeof modes[0]; i++)
        if (wfc_fe_attr_is(n, "mode", modes[i].name) && n->opset >= modes[i].since) {
            *edge = modes[i].edge;
            return WFC_OK;
        }
    return wfc_fe_invalid(c, n, "attribute 'mode' is none of constant, edge, reflect%s",
                          n->opset >= 19 ? ", wrap" : "");
}

/* Spreads `count` begins and ends over all axes, by input 3 (axes, opset 18) where it is given. */
static wfc_status spread(wfc_fe_ctx *c, wfc_fe_node *n, uint8_t rank, const int64_t *pads, size_t count, int64_t *begin,
                         int64_t *end) {
    int64_t *axes = NULL;
    size_t axis_count = rank;
    if (n->opset >= 18) WFC_TRY(wfc_fe_int_input(c, n, 3, &axes, &axis_count));
    if (!axes) axis_count = rank;
    wfc_status status = WFC_OK;
    uint32_t seen = 0;
    if (count != 2 * axis_count)
        status = wfc_fe_invalid(c, n, "%zu pads for %zu axes, expected twice as many", count, axis_count);
    for (size_t i = 0; i < axis_count && status == WFC_OK; i++) {
        unsigned axis = (unsigned)i;
        if (axes) status = wfc_fe_axis(c, n, axes[i], rank, false, &axis);
        if (status != WFC_OK) break;
        if (seen >> axis & 1) status = wfc_fe_invalid(c, n, "axis %u is given twice", axis);
        seen |= 1u << axis;
        begin[axis] = pads[i], end[axis] = pads[axis_count + i];
    }
    wfc_free(axes);
    return status;
}

static wfc_status read_pads(wfc_fe_ctx *c, wfc_fe_node *n, uint8_t rank, int64_t *begin, int64_t *end) {
    int64_t *list = NULL;
    const int64_t *pads;
    size_t count;
    if (n->opset < 11) {
        pads = wfc_fe_attr_ints(n, n->opset < 2 ? "paddings" : "pads", &count);
        if (!pads) return wfc_fe_invalid(c, n, "no attribute 'pads'");
    } else {
        WFC_TRY(wfc_fe_int_input(c, n, 1, &list, &count));
        if (!list) return wfc_fe_invalid(c, n, "no input 1 (pads)");
        pads = list;
    }
    wfc_status status = spread(c, n, rank, pads, count, begin, end);
    wfc_free(list);
    return status;
}

static wfc_status read_fill(wfc_fe_ctx *c, wfc_fe_node *n, double *fill) {
    const wfc_fe_const *t;
    *fill = (double)wfc_fe_attr_float(n, "value", 0);
    if (n->opset < 11) return WFC_OK;
    WFC_TRY(wfc_fe_const_input(c, n, 2, &t));
    if (!t) return WFC_OK;
    wfc_dtype type = wfc_fe_value_dtype(c, wfc_fe_input(c, n, 0));
    if (t->dtype != type || t->elems != 1)
        return wfc_fe_invalid(c, n, "constant_value is not a scalar of the input's type, %s", wfc_dtype_name(type));
    *fill = wfc_dtype_get(type, t->bytes, 0);
    double most = c->folding ? 9007199254740992.0 : WFC_FE_EXACT; /* what is exact where the fill is kept */
    if (wfc_fe_kind(type) == WFC_FE_INTS && !(fabs(*fill) <= most))
        return wfc_fe_unsupported(c, n, "constant_value is %.0f; here integers up to %.0f are exact", *fill, most);
    return WFC_OK;
}

static wfc_status convert_pad(wfc_fe_ctx *c, wfc_fe_node *n) {
    uint8_t rank;
    int64_t dims[WFC_IR_MAX_RANK], begin[WFC_IR_MAX_RANK] = {0}, end[WFC_IR_MAX_RANK] = {0};
    wfc_view_step step = {.is_index = true};
    wfc_value x, y;
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x));
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &rank, dims);
    WFC_TRY(read_mode(c, n, &step.edge));
    WFC_TRY(read_pads(c, n, rank, begin, end));
    WFC_TRY(read_fill(c, n, &step.fill));
    bool changes = false, reaches_out = false;
    for (unsigned i = 0; i < rank; i++) {
        if (begin[i] < -MAX_PAD || begin[i] > MAX_PAD || end[i] < -MAX_PAD || end[i] > MAX_PAD)
            return wfc_fe_invalid(c, n, "a pad of axis %u is out of range", i);
        if (step.edge == WFC_EDGE_REFLECT && (begin[i] >= dims[i] || end[i] >= dims[i]))
            return wfc_fe_unsupported(c, n, "reflecting pads of axis %u are not smaller than its extent %lld", i,
                                      (long long)dims[i]);
        changes |= begin[i] != 0 || end[i] != 0;
        reaches_out |= begin[i] > 0 || end[i] > 0;
        dims[i] += begin[i] + end[i];
        if (dims[i] < 0) return wfc_fe_invalid(c, n, "axis %u is cropped to less than nothing", i);
        step.in[i].coef[i] = 1;
        step.in[i].offset = (int32_t)-begin[i];
    }
    if (!changes) return wfc_fe_set_same(c, n, 0, wfc_fe_input(c, n, 0));
    if (!reaches_out) step.edge = WFC_EDGE_NONE;
    if (step.edge != WFC_EDGE_FILL) step.fill = 0;
    WFC_TRY(wfc_fe_ir_shape(c, n, rank, dims, &step.shape));
    WFC_TRY(wfc_ir_add_view(c->g, c->diag, wfc_fe_name(c, n), x, &step, 1, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}

const wfc_fe_op wfc_fe_op_pad = {{"", "Pad", 1, WFC_FE_NEWEST_OPSET, "constant_value is a constant"},
                                 1,
                                 4,
                                 1,
                                 1u << 1 | 1u << 3,
                                 "mode:s pads:I paddings:I value:f",
                                 convert_pad,
                                 WFC_FE_ANY};
