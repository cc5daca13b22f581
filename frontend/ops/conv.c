/* Conv: a contract whose first operand is read through the window; padding reads 0, so no padded copy exists.
 *
 * Groups: where each group has one input and one output channel (depthwise), channel k of the result reads channel k.
 * Otherwise the channels of all three tensors are split by a reshape into (group, channel within the group), which
 * makes the group an ordinary index: out="n g k y x" a="n g c y+r x+s" b="g k c r s". */
#include "frontend/convert.h"
#include <string.h>

typedef struct conv_shape {
    uint8_t rank;
    int64_t x[WFC_IR_MAX_RANK], w[WFC_IR_MAX_RANK], groups, group_in, group_out;
    wfc_value data, weights;
    wfc_fe_window window;
} conv_shape;

static uint8_t dims_of(const wfc_fe_ctx *c, wfc_value v, int64_t *dims) {
    const wfc_shape *shape = &wfc_ir_node_c(c->g, v)->shape;
    for (unsigned i = 0; i < shape->rank; i++) dims[i] = shape->dims[i];
    return shape->rank;
}

static wfc_status read_shapes(wfc_fe_ctx *c, wfc_fe_node *n, conv_shape *s) {
    uint8_t rank = dims_of(c, s->weights, s->w);
    s->rank = dims_of(c, s->data, s->x);
    if (s->rank != rank || rank < 3)
        return wfc_fe_invalid(c, n, "the input has %u axes and the weights %u; expected the same, at least 3", s->rank,
                              rank);
    if (rank > 5) return wfc_fe_unsupported(c, n, "%u spatial axes; at most 3 are supported", rank - 2u);
    s->groups = wfc_fe_attr_int(n, "group", 1);
    if (s->groups < 1 || s->x[1] % s->groups || s->w[0] % s->groups || s->x[1] / s->groups != s->w[1])
        return wfc_fe_invalid(c, n, "%lld groups do not fit %lld input channels and weights of %lld x %lld channels",
                              (long long)s->groups, (long long)s->x[1], (long long)s->w[0], (long long)s->w[1]);
    s->group_in = s->w[1];
    s->group_out = s->w[0] / s->groups;
    s->window.rank = rank - 2u;
    memcpy(s->window.in, s->x + 2, sizeof s->x[0] * s->window.rank);
    return wfc_fe_window_read(c, n, s->w + 2, false, &s->window);
}

/* groups = 1 or depthwise */
static wfc_status plain(wfc_fe_ctx *c, wfc_fe_node *n, const conv_shape *s, wfc_value *out) {
    wfc_space sp = {0};
    unsigned vn = wfc_fe_space_var(&sp, 'n', (uint32_t)s->x[0]), vk = wfc_fe_space_var(&sp, 'k', (uint32_t)s->w[0]);
    wfc_fe_window_outputs(&s->window, &sp);
    sp.out_rank = sp.index_count;
    unsigned vc = wfc_fe_space_var(&sp, 'c', (uint32_t)s->group_in);
    wfc_fe_window_kernel(&s->window, &sp, 2, 2);
    sp.a[0].coef[vn] = 1;
    sp.a[1].coef[s->groups > 1 ? vk : vc] = 1;
    sp.b[0].coef[vk] = 1;
    sp.b[1].coef[vc] = 1;
    for (unsigned i = 0; i < s->window.rank; i++) sp.b[2 + i].coef[vc + 1 + i] = 1;
    return wfc_fe_contract(c, n, s->data, s->weights, &sp, out);
}

/* Under another shape; constants in place, so that they stay constants. */
static wfc_status split_channels(wfc_fe_ctx *c, wfc_fe_node *n, wfc_value v, uint8_t rank, const int64_t *dims,
                                 wfc_value *out) {
    wfc_shape shape;
    WFC_TRY(wfc_fe_ir_shape(c, n, rank, dims, &shape));
    const wfc_node *k = wfc_ir_node_c(c->g, v);
    if (k->op != WFC_CORE_CONST) return wfc_ir_add_reshape(c->g, c->diag, NULL, v, &shape, out);
    return wfc_ir_add_const(c->g, c->diag, k->name, (wfc_dtype)k->dtype, &shape, k->u.konst.data.bytes, false, out);
}

static wfc_status grouped(wfc_fe_ctx *c, wfc_fe_node *n, const conv_shape *s, wfc_value *out) {
    int64_t xd[WFC_IR_MAX_RANK] = {s->x[0], s->groups, s->group_in};
    int64_t wd[WFC_IR_MAX_RANK] = {s->groups, s->group_out, s->group_in};
    unsigned spatial = s->window.rank;
    wfc_value x, w, y;
    wfc_space sp = {0};
    memcpy(xd + 3, s->x + 2, sizeof *xd * spatial);
    memcpy(wd + 3, s->w + 2, sizeof *wd * spatial);
    WFC_TRY(split_channels(c, n, s->data, (uint8_t)(3 + spatial), xd, &x));
    WFC_TRY(split_channels(c, n, s->weights, (uint8_t)(3 + spatial), wd, &w));
    unsigned vn = wfc_fe_space_var(&sp, 'n', (uint32_t)s->x[0]), vg = wfc_fe_space_var(&sp, 'g', (uint32_t)s->groups),
             vk = wfc_fe_space_var(&sp, 'k', (uint32_t)s->group_out);
    wfc_fe_window_outputs(&s->window, &sp);
    sp.out_rank = sp.index_count;
    unsigned vc = wfc_fe_space_var(&sp, 'c', (uint32_t)s->group_in);
    wfc_fe_window_kernel(&s->window, &sp, 3, 3);
    sp.a[0].coef[vn] = sp.a[1].coef[vg] = sp.a[2].coef[vc] = 1;
    sp.b[0].coef[vg] = sp.b[1].coef[vk] = sp.b[2].coef[vc] = 1;
    for (unsigned i = 0; i < spatial; i++) sp.b[3 + i].coef[vc + 1 + i] = 1;
    WFC_TRY(wfc_fe_contract(c, n, x, w, &sp, &y));
    wfc_shape shape = {.rank = s->rank, .dims = {(uint32_t)s->x[0], (uint32_t)s->w[0]}};
    for (unsigned i = 0; i < spatial; i++) shape.dims[2 + i] = (uint32_t)s->window.out[i];
    return wfc_ir_add_reshape(c->g, c->diag, NULL, y, &shape, out);
}

wfc_status wfc_fe_convolve(wfc_fe_ctx *c, wfc_fe_node *n, wfc_value x, wfc_value w, wfc_value *out) {
    conv_shape s = {.data = x, .weights = w};
    wfc_shape ignored;
    WFC_TRY(read_shapes(c, n, &s));
    int64_t out_dims[WFC_IR_MAX_RANK] = {s.x[0], s.w[0], s.window.out[0], s.window.out[1], s.window.out[2]};
    WFC_TRY(wfc_fe_ir_shape(c, n, s.rank, out_dims, &ignored));
    bool depthwise = s.group_in == 1 && s.group_out == 1;
    return s.groups == 1 || depthwise ? plain(c, n, &s, out) : grouped(c, n, &s, out);
}

static wfc_status convert_conv(wfc_fe_ctx *c, wfc_fe_node *n) {
    wfc_value x, w, y[2];
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x));
    WFC_TRY(wfc_fe_ir_input(c, n, 1, &w));
    WFC_TRY(wfc_fe_convolve(c, n, x, w, &y[0]));
    const wfc_shape made = wfc_ir_node_c(c->g, y[0])->shape;
    if (wfc_fe_input(c, n, 2)) {
        uint8_t rank;
        int64_t dims[WFC_IR_MAX_RANK];
        wfc_fe_shape(c, wfc_fe_input(c, n, 2), &rank, dims);
        if (rank != 1 || dims[0] != made.dims[1])
            return wfc_fe_invalid(c, n, "the bias is not a vector of %u channels", made.dims[1]);
        for (rank = 1; rank < made.rank - 1; rank++) dims[rank] = 1;
        WFC_TRY(wfc_fe_ir_input_as(c, n, 2, rank, dims, &y[1]));
        WFC_TRY(wfc_fe_map(c, n, "add(a,b)", y, 2, &y[0]));
    }
    return wfc_fe_set_ir(c, n, 0, y[0]);
}

const wfc_fe_op wfc_fe_op_conv = {
    {"", "Conv", 1, WFC_FE_NEWEST_OPSET, "1 to 3 spatial axes; any stride, dilation, pads, group"},
    2,
    3,
    1,
    0,
    "auto_pad:s dilations:I group:i kernel_shape:I pads:I strides:I",
    convert_conv,
    WFC_FE_FLOATS};
