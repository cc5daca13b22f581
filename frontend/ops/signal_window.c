/* HannWindow, HammingWindow, BlackmanWindow: the size says the shape of the result, so they are known at import.
 *
 *   y[k] = a0 - a1 cos(2 pi k / N) + a2 cos(4 pi k / N),   k = 0 .. size - 1
 *
 * with N = size where the window is periodic, else size - 1. */
#include "frontend/convert.h"
#include <math.h>

static wfc_status read_size(wfc_fe_ctx *c, wfc_fe_node *n, bool periodic, int64_t *out) {
    const wfc_fe_const *t;
    WFC_TRY(wfc_fe_const_input(c, n, 0, &t));
    if (!t || t->elems != 1 || (t->dtype != WFC_I32 && t->dtype != WFC_I64))
        return wfc_fe_invalid(c, n, "size is not one int32 or int64");
    *out = wfc_fe_get_int(t, 0);
    if (*out < 0) return wfc_fe_invalid(c, n, "a size of %lld", (long long)*out);
    if (*out == 1 && !periodic)
        return wfc_fe_unsupported(c, n, "a symmetric window of one element: ONNX's definition divides by 0");
    return WFC_OK;
}

static wfc_status convert_window(wfc_fe_ctx *c, wfc_fe_node *n, double a0, double a1, double a2) {
    const double tau = 6.283185307179586;
    bool periodic = wfc_fe_attr_int(n, "periodic", 1) != 0;
    int64_t size, code = wfc_fe_attr_int(n, "output_datatype", 1);
    wfc_dtype t;
    wfc_fe_const out;
    void *bytes;
    if (code < 0 || code > 1000 || !wfc_fe_dtype((int)code, &t) || t == WFC_BOOL)
        return wfc_fe_unsupported(c, n, "an output_datatype of %s",
                                  wfc_fe_dtype_code_name(code >= 0 && code < 1000 ? (int)code : 1000));
    WFC_TRY(read_size(c, n, periodic, &size));
    WFC_TRY(wfc_fe_new_const(c, n, t, 1, &size, &out, &bytes));
    for (int64_t k = 0; k < size; k++) {
        double angle = tau * (double)k / (double)(periodic ? size : size - 1);
        double y = a0 - a1 * cos(angle) + a2 * cos(2 * angle);
        if (wfc_dtype_is_float(t))
            wfc_dtype_set(t, bytes, (size_t)k, y);
        else /* ONNX casts a float: what is almost 1 is 1 there */
            wfc_fe_put_int(t, bytes, (uint64_t)k, (int64_t)(float)y);
    }
    return wfc_fe_set_const(c, n, 0, &out);
}

#define WINDOW(suffix, name, a0, a1, a2)                                                                               \
    static wfc_status convert_##suffix(wfc_fe_ctx *c, wfc_fe_node *n) {                                                \
        return convert_window(c, n, a0, a1, a2);                                                                       \
    }                                                                                                                  \
    const wfc_fe_op wfc_fe_op_##suffix = {{"", name, 17, WFC_FE_NEWEST_OPSET, ""},                                     \
                                          1,                                                                           \
                                          1,                                                                           \
                                          1,                                                                           \
                                          1,                                                                           \
                                          "output_datatype:i periodic:i",                                              \
                                          convert_##suffix,                                                            \
                                          WFC_FE_NUMBERS};
WINDOW(hann_window, "HannWindow", 0.5, 0.5, 0)
WINDOW(hamming_window, "HammingWindow", 25.0 / 46, 21.0 / 46, 0)
WINDOW(blackman_window, "BlackmanWindow", 0.42, 0.5, 0.08)
