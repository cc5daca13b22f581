/* MaxPool: a reduce by max over the window. AveragePool: a reduce by sum, then a product with the reciprocal of how
 * many elements each window holds; one scalar where all hold as many, else a small constant tensor. */
#include "frontend/convert.h"
#include "frontend/ops/ops.h"
#include "ir/fn.h"
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

static wfc_status convert_maxpool(wfc_fe_ctx *c, wfc_fe_node *n) {
    wfc_fe_window w;
    wfc_space s = {0};
    wfc_value x, y;
    WFC_TRY(read_pool(c, n, &w, &s, &x));
    WFC_TRY(wfc_ir_add_reduce(c->g, c->diag, wfc_fe_name(c, n), x, WFC_RED_MAX, &s, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}

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
    {"", "MaxPool", 1, WFC_FE_NEWEST_OPSET, "float32; 1 to 3 spatial axes; without the Indices output"},
    1,
    1,
    1,
    0,
    "auto_pad:s ceil_mode:i dilations:I kernel_shape:I pads:I storage_order:i strides:I",
    convert_maxpool,
    WFC_FE_NUMBERS};
const wfc_fe_op wfc_fe_op_averagepool = {
    {"", "AveragePool", 1, WFC_FE_NEWEST_OPSET, "float32; 1 to 3 spatial axes"},
    1,
    1,
    1,
    0,
    "auto_pad:s ceil_mode:i count_include_pad:i dilations:I kernel_shape:I pads:I strides:I",
    convert_averagepool,
    WFC_FE_FLOATS};
