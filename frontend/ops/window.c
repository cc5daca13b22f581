/* Windows of Conv, MaxPool and AveragePool: attributes, output extents, index expressions. */
#include "frontend/convert.h"
#include <string.h>

enum { MAX_WINDOW_VALUE = 1 << 24 }; /* keeps every coordinate far from overflow */

/* Reads a list of `count` values in lo..MAX_WINDOW_VALUE, or fills it with `fallback`. */
static wfc_status read_list(wfc_fe_ctx *c, const wfc_fe_node *n, const char *name, unsigned count, int64_t lo,
                            int64_t fallback, int64_t *out) {
    size_t found;
    const int64_t *list = wfc_fe_attr_ints(n, name, &found);
    if (list && found != count) /* pads before opset 2 and absent lists alike have no other form */
        return wfc_fe_invalid(c, n, "attribute '%s' has %zu values, expected %u", name, found, count);
    for (unsigned i = 0; i < count; i++) {
        out[i] = list ? list[i] : fallback;
        if (out[i] < lo || out[i] > MAX_WINDOW_VALUE)
            return wfc_fe_invalid(c, n, "attribute '%s' holds %lld, expected %lld to %d", name, (long long)out[i],
                                  (long long)lo, MAX_WINDOW_VALUE);
    }
    return WFC_OK;
}

static wfc_status read_kernel(wfc_fe_ctx *c, const wfc_fe_node *n, const int64_t *weights, wfc_fe_window *w) {
    if (!weights && !wfc_fe_attr(n, "kernel_shape")) return wfc_fe_invalid(c, n, "no attribute 'kernel_shape'");
    WFC_TRY(read_list(c, n, "kernel_shape", w->rank, 1, 1, w->kernel));
    for (unsigned i = 0; weights && i < w->rank; i++) {
        if (wfc_fe_attr(n, "kernel_shape") && weights[i] != w->kernel[i])
            return wfc_fe_invalid(c, n, "kernel_shape and the weights disagree on axis %u: %lld and %lld", i,
                                  (long long)w->kernel[i], (long long)weights[i]);
        w->kernel[i] = weights[i];
    }
    return WFC_OK;
}

/* ceil_mode: a last window that would start in the right padding is dropped (as ONNX says since opset 22 and PyTorch
 * always did). */
static wfc_status explicit_extent(wfc_fe_ctx *c, const wfc_fe_node *n, bool ceil_mode, wfc_fe_window *w, unsigned i) {
    int64_t reach = (w->kernel[i] - 1) * w->dilation[i] + 1;
    int64_t room = w->in[i] + w->pad_begin[i] + w->pad_end[i] - reach;
    if (room < 0)
        return wfc_fe_invalid(c, n,
                              "the window reaches over %lld elements of spatial axis %u, the padded input has %lld",
                              (long long)reach, i, (long long)(room + reach));
    w->out[i] = (room + (ceil_mode ? w->stride[i] - 1 : 0)) / w->stride[i] + 1;
    if (ceil_mode && (w->out[i] - 1) * w->stride[i] >= w->in[i] + w->pad_begin[i]) w->out[i]--;
    return WFC_OK;
}

wfc_status wfc_fe_window_read(wfc_fe_ctx *c, wfc_fe_node *n, const int64_t *weight_kernel, bool ceil_mode,
                              wfc_fe_window *w) {
    int64_t pads[6];
    WFC_TRY(read_kernel(c, n, weight_kernel, w));
    WFC_TRY(read_list(c, n, "strides", w->rank, 1, 1, w->stride));
    WFC_TRY(read_list(c, n, "dilations", w->rank, 1, 1, w->dilation));
    WFC_TRY(read_list(c, n, "pads", 2 * w->rank, 0, 0, pads));
    bool notset = wfc_fe_attr_is(n, "auto_pad", NULL) || wfc_fe_attr_is(n, "auto_pad", "NOTSET") ||
                  wfc_fe_attr_is(n, "auto_pad", "");
    bool valid = wfc_fe_attr_is(n, "auto_pad", "VALID"), upper = wfc_fe_attr_is(n, "auto_pad", "SAME_UPPER");
    if (!notset && !valid && !upper && !wfc_fe_attr_is(n, "auto_pad", "SAME_LOWER"))
        return wfc_fe_invalid(c, n, "attribute 'auto_pad' is none of NOTSET, VALID, SAME_UPPER, SAME_LOWER");
    for (unsigned i = 0; i < w->rank; i++) {
        w->pad_begin[i] = notset ? pads[i] : 0;
        w->pad_end[i] = notset ? pads[w->rank + i] : 0;
        if (notset || valid) {
            WFC_TRY(explicit_extent(c, n, ceil_mode && notset, w, i));
            continue;
        }
        int64_t reach = (w->kernel[i] - 1) * w->dilation[i] + 1;
        w->out[i] = (w->in[i] + w->stride[i] - 1) / w->stride[i];
        int64_t total = (w->out[i] - 1) * w->stride[i] + reach - w->in[i];
        if (total < 0) total = 0;
        w->pad_begin[i] = upper ? total / 2 : total - total / 2;
        w->pad_end[i] = total - w->pad_begin[i];
    }
    return WFC_OK;
}

unsigned wfc_fe_space_var(wfc_space *s, char letter, uint32_t extent) {
    unsigned v = s->index_count++;
    s->name[v] = letter;
    s->extent[v] = extent;
    return v;
}

void wfc_fe_window_outputs(const wfc_fe_window *w, wfc_space *s) {
    static const char letters[] = "zyx";
    for (unsigned i = 0; i < w->rank; i++) wfc_fe_space_var(s, letters[3 - w->rank + i], (uint32_t)w->out[i]);
}

void wfc_fe_window_kernel(const wfc_fe_window *w, wfc_space *s, unsigned first_output, unsigned first_axis) {
    static const char letters[] = "rst";
    for (unsigned i = 0; i < w->rank; i++) {
        unsigned v = wfc_fe_space_var(s, letters[i], (uint32_t)w->kernel[i]);
        wfc_affine *at = &s->a[first_axis + i];
        at->coef[first_output + i] = (int32_t)w->stride[i];
        at->coef[v] = (int32_t)w->dilation[i];
        at->offset = (int32_t)-w->pad_begin[i];
    }
}
