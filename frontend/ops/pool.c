/* MaxPool: a reduce by max over the window. LpPool: a reduce by sum of powers. AveragePool: a reduce by sum, then a
 * product with the reciprocal of how many elements each window holds; one scalar where all hold as many, else a small
 * constant tensor. */
#include "frontend/convert.h"
#include "ir/fn.h"
#include <math.h>
#include <string.h>

/* Taps of window position o along spatial axis i that lie in lo <= coordinate < hi. */
static int64_t taps_within(const wfc_fe_window *w, unsigned i, int64_t o, int64_t lo, int64_t hi) {
    int64_t count = 0, at = o * w->stride[i] - w->pad_begin[i];
    for (int64_t k = 0; k < w->kernel[i]; k++, at += w->dilation[i]) count += at >= lo && at < hi;
    return count;
}

static wfc_status read_pool(wfc_fe_ctx *c, wfc_fe_node *n, wfc_fe_window *w, wfc_space *s, wfc_value *x) {
    uint8_t rank;
    int64_t dims[WFC_IR_MAX_RANK];
    wfc_shape ignored;
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &rank, dims);
    if (rank < 3) return wfc_fe_invalid(c, n, "the input has %u axes, expected at least 3", rank);
    if (rank > 5) return wfc_fe_unsupported(c, n, "%u spatial axes; at most 3 are supported", rank - 2u);
    *w = (wfc_fe_window){.rank = rank - 2u};
    memcpy(w->in, dims + 2, sizeof *dims * w->rank);
    WFC_TRY(wfc_fe_window_read(c, n, NULL, wfc_fe_attr_int(n, "ceil_mode", 0) != 0, w));
    memcpy(dims + 2, w->out, sizeof *dims * w->rank);
    WFC_TRY(wfc_fe_ir_shape(c, n, rank, dims, &ignored));
    WFC_TRY(wfc_fe_ir_input(c, n, 0, x));
    for (unsigned i = 0; i < w->rank; i++) {
        /* Bounds the loop: an extent of the output times the kernel; both fit 2^24, but not both at once in earnest. */
        if (w->out[i] * w->kernel[i] > INT32_MAX)
            return wfc_fe_unsupported(c, n, "a window of %lld elements along one axis", (long long)w->kernel[i]);
        for (int64_t o = 0; o < w->out[i]; o++)
            if (!taps_within(w, i, o, 0, w->in[i]))
                return wfc_fe_unsupported(c, n, "window %lld of spatial axis %u holds only padding", (long long)o, i);
    }
    unsigned vn = wfc_fe_space_var(s, 'n', (uint32_t)dims[0]), vc = wfc_fe_space_var(s, 'c', (uint32_t)dims[1]);
    wfc_fe_window_outputs(w, s);
    s->out_rank = s->index_count;
    wfc_fe_window_kernel(w, s, 2, 2);
    s->a[0].coef[vn] = s->a[1].coef[vc] = 1;
    return WFC_OK;
}

/* Output 1: where in the whole input each maximum stands (the first in row-major order of the window), by a pass over
 * the window's taps: each compares its element with the maximum, and the last one that is equal, from the last tap to
 * the first, stays. storage_order 1 counts columns first. */
enum { MAX_TAPS = 64 };
static wfc_status max_places(wfc_fe_ctx *c, wfc_fe_node *n, const wfc_fe_window *w, wfc_value x, wfc_value best) {
    const wfc_shape in = wfc_ir_node_c(c->g, x)->shape, out = wfc_ir_node_c(c->g, best)->shape;
    int64_t taps = 1, elems = (int64_t)wfc_shape_elems(&in);
    bool columns = wfc_fe_attr_int(n, "storage_order", 0) != 0;
    for (unsigned i = 0; i < w->rank; i++) taps *= w->kernel[i];
    if (taps > MAX_TAPS || elems > WFC_FE_EXACT || (columns && w->rank != 2))
        return wfc_fe_unsupported(c, n, "Indices of windows of %lld elements in an input of %lld", (long long)taps,
                                  (long long)elems);
    /* the place of each element of the input, as a constant that is read through the same windows */
    wfc_fe_const t;
    void *bytes;
    int64_t dims[WFC_IR_MAX_RANK];
    wfc_value places, part[4], y = WFC_VALUE_NONE;
    for (unsigned i = 0; i < in.rank; i++) dims[i] = in.dims[i];
    WFC_TRY(wfc_fe_new_const(c, n, WFC_F32, in.rank, dims, &t, &bytes));
    for (int64_t i = 0; i < elems; i++) {
        int64_t plane = columns ? dims[2] * dims[3] : 1, at = i % plane;
        ((float *)bytes)[i] = (float)(columns ? i - at + at % dims[3] * dims[2] + at / dims[3] : i);
    }
    WFC_TRY(wfc_ir_add_const(c->g, c->diag, NULL, WFC_F32, &in, t.bytes, false, &places));
    WFC_TRY(wfc_ir_add_loc(c->g, places, n->loc));
    for (int64_t k = taps; k-- > 0;) {
        wfc_view_step step = {.is_index = true, .shape = out, .edge = WFC_EDGE_FILL, .fill = -HUGE_VAL};
        int64_t rest = k;
        step.in[0].coef[0] = step.in[1].coef[1] = 1;
        for (unsigned i = w->rank; i-- > 0;) {
            step.in[2 + i].coef[2 + i] = (int32_t)w->stride[i];
            step.in[2 + i].offset = (int32_t)(rest % w->kernel[i] * w->dilation[i] - w->pad_begin[i]);
            rest /= w->kernel[i];
        }
        WFC_TRY(wfc_ir_add_view(c->g, c->diag, NULL, x, &step, 1, &part[0]));
        WFC_TRY(wfc_ir_add_view(c->g, c->diag, NULL, places, &step, 1, &part[1]));
        part[2] = best, part[3] = y;
        bool first = !wfc_value_valid(y);
        WFC_TRY(wfc_ir_add_map_text(c->g, c->diag, NULL, WFC_F32,
                                    first ? "select(eq(a,c),max(b,0),0)" : "select(eq(a,c),max(b,0),d)", part,
                                    first ? 3 : 4, &y));
    }
    return wfc_fe_set_typed(c, n, 1, WFC_I64, y);
}

static wfc_status convert_maxpool(wfc_fe_ctx *c, wfc_fe_node *n) {
    wfc_fe_window w;
    wfc_space s = {0};
    wfc_value x, y;
    WFC_TRY(read_pool(c, n, &w, &s, &x));
    WFC_TRY(wfc_ir_add_reduce(c->g, c->diag, wfc_fe_name(c, n), x, WFC_RED_MAX, &s, &y));
    WFC_TRY(wfc_fe_set_ir(c, n, 0, y));
    bool indices = n->out_count > 1 && n->out[1] != UINT32_MAX && c->values[n->out[1]].uses > 0;
    return indices ? max_places(c, n, &w, x, y) : WFC_OK;
}

/* --- LpPool --------------------------------------------------------------------------------------------------------
 */

/* (sum of |x|^p)^(1/p), over windows or (`whole`) all of the spatial axes. */
static wfc_status lp_pool(wfc_fe_ctx *c, wfc_fe_node *n, bool whole) {
    wfc_fe_window w;
    wfc_space s = {0};
    wfc_value x, y;
    const double p = n->opset < 2 ? (double)wfc_fe_attr_float(n, "p", 2) : (double)wfc_fe_attr_int(n, "p", 2);
    const double params[] = {p, 1 / p};
    if (!(p >= 1 && p <= 64)) return wfc_fe_invalid(c, n, "p is %g", p);
    if (whole)
        WFC_TRY(wfc_fe_ir_input(c, n, 0, &x));
    else
        WFC_TRY(read_pool(c, n, &w, &s, &x));
    const char *power = p == 1 ? "abs(a)" : p == 2 ? "mul(a,a)" : "pow(abs(a),P)";
    const char *root = p == 1 ? NULL : p == 2 ? "sqrt(a)" : "pow(a,Q)";
    WFC_TRY(wfc_fe_map_params(c, n, WFC_F32, power, params, &x, 1, &x));
    const unsigned rank = wfc_ir_node_c(c->g, x)->shape.rank;
    if (rank < 3) return wfc_fe_invalid(c, n, "the input has %u axes, expected at least 3", rank);
    WFC_TRY(whole ? wfc_fe_reduce_axes(c, NULL, x, WFC_RED_SUM, (1u << rank) - 4u, true, &y)
                  : wfc_ir_add_reduce(c->g, c->diag, NULL, x, WFC_RED_SUM, &s, &y));
    if (root) WFC_TRY(wfc_fe_map_params(c, n, (wfc_dtype)c->result, root, params, &y, 1, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}
static wfc_status convert_lp_pool(wfc_fe_ctx *c, wfc_fe_node *n) {
    return lp_pool(c, n, false);
}
static wfc_status convert_global_lp_pool(wfc_fe_ctx *c, wfc_fe_node *n) {
    return lp_pool(c, n, true);
}
const wfc_fe_op wfc_fe_op_lp_pool = {{"", "LpPool", 1, WFC_FE_NEWEST_OPSET, "1 to 3 spatial axes"},
                                     1,
                                     1,
                                     1,
                                     0,
                                     "auto_pad:s ceil_mode:i dilations:I kernel_shape:I p:i pads:I strides:I",
                                     convert_lp_pool,
                                     WFC_FE_FLOATS};
const wfc_fe_op wfc_fe_op_global_lp_pool = {
    {"", "GlobalLpPool", 2, WFC_FE_NEWEST_OPSET, ""}, 1, 1, 1, 0, "p:i", convert_global_lp_pool, WFC_FE_FLOATS};

/* Elements that the window at o counts along axis i: those of the input, with count_include_pad also the padding (but
 * not what ceil_mode reaches beyond it). */
static int64_t counted(const wfc_fe_window *w, unsigned i, int64_t o, bool include_pad) {
    return include_pad ? taps_within(w, i, o, -w->pad_begin[i], w->in[i] + w->pad_end[i])
                       : taps_within(w, i, o, 0, w->in[i]);
}

static bool uniform(const wfc_fe_window *w, bool include_pad) {
    for (unsigned i = 0; i < w->rank; i++)
        for (int64_t o = 1; o < w->out[i]; o++)
            if (counted(w, i, o, include_pad) != counted(w, i, 0, include_pad)) return false;
    return true;
}

static void fill_reciprocals(const wfc_fe_window *w, const double *counts, uint64_t elems, float *out) {
    int64_t at[3] = {0};
    for (uint64_t e = 0; e < elems; e++) {
        double count = 1;
        for (unsigned i = 0, first = 0; i < w->rank; first += (unsigned)w->out[i++])
            count *= counts[first + (unsigned)at[i]];
        out[e] = (float)(1 / count);
        for (unsigned i = w->rank; i-- > 0 && ++at[i] == w->out[i];) at[i] = 0;
    }
}

/* 1 / count per window, [out spatial axes...]. */
static wfc_status reciprocals(wfc_fe_ctx *c, wfc_fe_node *n, const wfc_fe_window *w, bool include_pad, wfc_value *out) {
    wfc_fe_const t;
    void *bytes;
    size_t total = 0;
    WFC_TRY(wfc_fe_new_const(c, n, WFC_F32, (uint8_t)w->rank, w->out, &t, &bytes));
    for (unsigned i = 0; i < w->rank; i++) total += (size_t)w->out[i];
    double *counts = wfc_calloc(total, sizeof *counts), *next = counts; /* per axis, one behind the other */
    if (!counts) return wfc_fail_memory(c->diag);
    for (unsigned i = 0; i < w->rank; i++)
        for (int64_t o = 0; o < w->out[i]; o++) *next++ = (double)counted(w, i, o, include_pad);
    fill_reciprocals(w, counts, t.elems, bytes);
    wfc_free(counts);
    wfc_shape shape = {.rank = t.rank};
    for (unsigned i = 0; i < t.rank; i++) shape.dims[i] = (uint32_t)t.dims[i];
    WFC_TRY(wfc_ir_add_const(c->g, c->diag, NULL, WFC_F32, &shape, t.bytes, false, out));
    return wfc_ir_add_loc(c->g, *out, n->loc);
}

static wfc_status convert_averagepool(wfc_fe_ctx *c, wfc_fe_node *n) {
    wfc_fe_window w;
    wfc_space s = {0};
    wfc_value x[2], y;
    WFC_TRY(read_pool(c, n, &w, &s, &x[0]));
    bool include_pad = wfc_fe_attr_int(n, "count_include_pad", 0) != 0;
    WFC_TRY(wfc_ir_add_reduce(c->g, c->diag, NULL, x[0], WFC_RED_SUM, &s, &x[0]));
    if (uniform(&w, include_pad)) {
        double count = 1;
        for (unsigned i = 0; i < w.rank; i++) count *= (double)counted(&w, i, 0, include_pad);
        wfc_expr_node e[3] = {{.fn = WFC_FN_ARG},
                              {.fn = WFC_FN_CONST, .value = (double)(float)(1 / count)},
                              {.fn = WFC_FN_MUL, .args = {0, 1, 0}}};
        WFC_TRY(wfc_fe_map_expr(c, n, e, 3, x, 1, &y));
    } else {
        WFC_TRY(reciprocals(c, n, &w, include_pad, &x[1]));
        WFC_TRY(wfc_fe_map(c, n, "mul(a,b)", x, 2, &y));
    }
    return wfc_fe_set_ir(c, n, 0, y);
}

const wfc_fe_op wfc_fe_op_maxpool = {
    {"", "MaxPool", 1, WFC_FE_NEWEST_OPSET, "1 to 3 spatial axes"},
    1,
    1,
    2,
    0,
    "auto_pad:s ceil_mode:i dilations:I kernel_shape:I pads:I storage_order:i strides:I",
    convert_maxpool,
    WFC_FE_NUMBERS};
const wfc_fe_op wfc_fe_op_averagepool = {
    {"", "AveragePool", 1, WFC_FE_NEWEST_OPSET, "1 to 3 spatial axes"},
    1,
    1,
    1,
    0,
    "auto_pad:s ceil_mode:i count_include_pad:i dilations:I kernel_shape:I pads:I strides:I",
    convert_averagepool,
    WFC_FE_FLOATS};
