/* ConvTranspose: zeros between the input's elements, then an ordinary convolution of stride 1 with the weights read
 * backwards.
 *
 *   stride s, kernel k, dilation d, pads p:  y[o] = sum over r of z[o + p - d r] w[r],  z[s i] = x[i], 0 elsewhere
 *
 * The zeros come from a view: an axis of extent 1 behind each, of which all but the first element lie outside. Weights
 * are [channels in, channels out / group, kernel...]. */
#include "frontend/convert.h"
#include <string.h>

typedef struct transpose {
    unsigned spatial;
    int64_t groups, group_in, group_out, x[WFC_IR_MAX_RANK], w[WFC_IR_MAX_RANK];
    int64_t out[3], kernel[3], stride[3], dilation[3], pad[3], extra[3];
} transpose;

enum { MAX_VALUE = 1 << 20 };

static wfc_status list_of(wfc_fe_ctx *c, const wfc_fe_node *n, const char *name, unsigned count, int64_t lo,
                          int64_t fallback, int64_t *out) {
    size_t found;
    const int64_t *list = wfc_fe_attr_ints(n, name, &found);
    if (list && found != count)
        return wfc_fe_invalid(c, n, "attribute '%s' has %zu values, expected %u", name, found, count);
    for (unsigned i = 0; i < count; i++) {
        out[i] = list ? list[i] : fallback;
        if (out[i] < lo || out[i] > MAX_VALUE)
            return wfc_fe_invalid(c, n, "attribute '%s' holds %lld", name, (long long)out[i]);
    }
    return WFC_OK;
}

/* Extents of the result; where output_shape says them, the padding follows. */
static wfc_status set_extents(wfc_fe_ctx *c, wfc_fe_node *n, transpose *t) {
    int64_t pads[6], wanted[3];
    size_t shape_count = 0;
    const int64_t *shape = wfc_fe_attr_ints(n, "output_shape", &shape_count);
    bool lower = wfc_fe_attr_is(n, "auto_pad", "SAME_LOWER"),
         same = lower || wfc_fe_attr_is(n, "auto_pad", "SAME_UPPER");
    bool valid = wfc_fe_attr_is(n, "auto_pad", "VALID");
    if (shape && shape_count != t->spatial && shape_count != t->spatial + 2u)
        return wfc_fe_invalid(c, n, "output_shape has %zu extents", shape_count);
    WFC_TRY(list_of(c, n, "pads", 2 * t->spatial, 0, 0, pads));
    for (unsigned i = 0; i < t->spatial; i++) {
        int64_t full = t->stride[i] * (t->x[2 + i] - 1) + t->extra[i] + (t->kernel[i] - 1) * t->dilation[i] + 1;
        bool given = shape || same;
        wanted[i] = shape ? shape[shape_count - t->spatial + i] : t->x[2 + i] * t->stride[i];
        int64_t total = given ? full - wanted[i] : 0;
        if (given && total < 0) total = 0;
        t->pad[i] = given ? (lower ? total - total / 2 : total / 2) : valid ? 0 : pads[i];
        t->out[i] = given ? wanted[i] : full - (valid ? 0 : pads[i] + pads[t->spatial + i]);
        if (t->out[i] < 1 || t->out[i] > INT32_MAX)
            return wfc_fe_invalid(c, n, "spatial axis %u of the result has %lld elements", i, (long long)t->out[i]);
    }
    return WFC_OK;
}

static wfc_status read_all(wfc_fe_ctx *c, wfc_fe_node *n, transpose *t) {
    uint8_t rank, rw;
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &rank, t->x);
    wfc_fe_shape(c, wfc_fe_input(c, n, 1), &rw, t->w);
    if (rank < 3 || rw != rank) return wfc_fe_invalid(c, n, "the input has %u axes and the weights %u", rank, rw);
    if (rank > 5) return wfc_fe_unsupported(c, n, "%u spatial axes; at most 3 are supported", rank - 2u);
    t->spatial = rank - 2u;
    t->groups = wfc_fe_attr_int(n, "group", 1);
    if (t->groups < 1 || t->x[1] != t->w[0] || t->x[1] % t->groups)
        return wfc_fe_invalid(c, n, "%lld groups do not fit %lld channels and the weights", (long long)t->groups,
                              (long long)t->x[1]);
    t->group_in = t->x[1] / t->groups;
    t->group_out = t->w[1];
    WFC_TRY(list_of(c, n, "kernel_shape", t->spatial, 1, 1, t->kernel));
    for (unsigned i = 0; i < t->spatial; i++) {
        if (wfc_fe_attr(n, "kernel_shape") && t->kernel[i] != t->w[2 + i])
            return wfc_fe_invalid(c, n, "kernel_shape and the weights disagree");
        t->kernel[i] = t->w[2 + i];
    }
    WFC_TRY(list_of(c, n, "strides", t->spatial, 1, 1, t->stride));
    WFC_TRY(list_of(c, n, "dilations", t->spatial, 1, 1, t->dilation));
    WFC_TRY(list_of(c, n, "output_padding", t->spatial, 0, 0, t->extra));
    return set_extents(c, n, t);
}

/* x with stride - 1 zeros behind every element of a spatial axis. */
static wfc_status spread(wfc_fe_ctx *c, unsigned axis, uint32_t stride, wfc_value x, wfc_value *out) {
    const wfc_shape in = wfc_ir_node_c(c->g, x)->shape;
    wfc_shape one = {.rank = (uint8_t)(in.rank + 1)}, made = in;
    wfc_view_step step = {.is_index = true, .edge = WFC_EDGE_FILL};
    for (unsigned i = 0; i <= in.rank; i++) {
        one.dims[i] = i <= axis ? in.dims[i] : i == axis + 1 ? 1 : in.dims[i - 1];
        step.in[i].coef[i] = 1;
    }
    step.shape = one;
    step.shape.dims[axis + 1] = stride;
    made.dims[axis] = in.dims[axis] * stride;
    WFC_TRY(wfc_ir_add_reshape(c->g, c->diag, NULL, x, &one, out));
    WFC_TRY(wfc_ir_add_view(c->g, c->diag, NULL, *out, &step, 1, out));
    return wfc_ir_add_reshape(c->g, c->diag, NULL, *out, &made, out);
}

/* x [n, g, c, space..], w [g, c, k, kernel..] -> [n, g, k, space..]; the group axis is 1 with one group. */
static wfc_status product(wfc_fe_ctx *c, wfc_fe_node *n, const transpose *t, wfc_value x, wfc_value w, wfc_value *out) {
    static const char space_letters[] = "zyx", kernel_letters[] = "rst";
    wfc_space s = {0};
    unsigned vn = wfc_fe_space_var(&s, 'n', (uint32_t)t->x[0]), vg = wfc_fe_space_var(&s, 'g', (uint32_t)t->groups),
             vk = wfc_fe_space_var(&s, 'k', (uint32_t)t->group_out), first = s.index_count;
    for (unsigned i = 0; i < t->spatial; i++)
        wfc_fe_space_var(&s, space_letters[3 - t->spatial + i], (uint32_t)t->out[i]);
    s.out_rank = s.index_count;
    unsigned vc = wfc_fe_space_var(&s, 'c', (uint32_t)t->group_in);
    s.a[0].coef[vn] = s.a[1].coef[vg] = s.a[2].coef[vc] = 1;
    s.b[0].coef[vg] = s.b[1].coef[vc] = s.b[2].coef[vk] = 1;
    for (unsigned i = 0; i < t->spatial; i++) {
        unsigned v = wfc_fe_space_var(&s, kernel_letters[i], (uint32_t)t->kernel[i]);
        s.a[3 + i].coef[first + i] = 1;
        s.a[3 + i].coef[v] = (int32_t)-t->dilation[i];
        s.a[3 + i].offset = (int32_t)t->pad[i];
        s.b[3 + i].coef[v] = 1;
    }
    return wfc_fe_contract(c, n, x, w, &s, out);
}

static wfc_status convert_conv_transpose(wfc_fe_ctx *c, wfc_fe_node *n) {
    transpose t = {0};
    wfc_value x, w, y[2];
    int64_t wd[WFC_IR_MAX_RANK], yd[WFC_IR_MAX_RANK];
    wfc_shape split, made;
    WFC_TRY(read_all(c, n, &t));
    wd[0] = t.groups, wd[1] = t.group_in, wd[2] = t.group_out;
    memcpy(wd + 3, t.w + 2, sizeof *wd * t.spatial);
    yd[0] = t.x[0], yd[1] = t.groups * t.group_out;
    memcpy(yd + 2, t.out, sizeof *yd * t.spatial);
    WFC_TRY(wfc_fe_ir_shape(c, n, (uint8_t)(t.spatial + 2), yd, &made));
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x));
    WFC_TRY(wfc_fe_ir_input_as(c, n, 1, (uint8_t)(3 + t.spatial), wd, &w));
    for (unsigned i = 0; i < t.spatial; i++)
        if (t.stride[i] > 1) WFC_TRY(spread(c, 2 + i, (uint32_t)t.stride[i], x, &x));
    const wfc_shape wide = wfc_ir_node_c(c->g, x)->shape;
    split =
        (wfc_shape){.rank = (uint8_t)(3 + t.spatial), .dims = {wide.dims[0], (uint32_t)t.groups, (uint32_t)t.group_in}};
    memcpy(split.dims + 3, wide.dims + 2, sizeof *split.dims * t.spatial);
    WFC_TRY(wfc_ir_add_reshape(c->g, c->diag, NULL, x, &split, &x));
    WFC_TRY(product(c, n, &t, x, w, &y[0]));
    WFC_TRY(wfc_ir_add_reshape(c->g, c->diag, NULL, y[0], &made, &y[0]));
    if (wfc_fe_input(c, n, 2)) {
        uint8_t rank;
        int64_t dims[WFC_IR_MAX_RANK];
        wfc_fe_shape(c, wfc_fe_input(c, n, 2), &rank, dims);
        if (rank != 1 || dims[0] != yd[1])
            return wfc_fe_invalid(c, n, "the bias is not a vector of %lld channels", (long long)yd[1]);
        for (unsigned d = 1; d <= t.spatial; d++) dims[d] = 1;
        WFC_TRY(wfc_fe_ir_input_as(c, n, 2, (uint8_t)(1 + t.spatial), dims, &y[1]));
        WFC_TRY(wfc_fe_map(c, n, "add(a,b)", y, 2, &y[0]));
    }
    return wfc_fe_set_ir(c, n, 0, y[0]);
}
const wfc_fe_op wfc_fe_op_conv_transpose = {
    {"", "ConvTranspose", 1, WFC_FE_NEWEST_OPSET, "1 to 3 spatial axes"},
    2,
    3,
    1,
    0,
    "auto_pad:s dilations:I group:i kernel_shape:I output_padding:I output_shape:I pads:I strides:I",
    convert_conv_transpose,
    WFC_FE_FLOATS};
