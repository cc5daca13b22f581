/* Constant, ConstantOfShape, Range, Shape, Size, EyeLike: values known at import. Cast, CastLike. */
#include "frontend/convert.h"
#include <math.h>
#include <string.h>

/* --- Constant ------------------------------------------------------------------------------------------------------
 */

static wfc_status list_constant(wfc_fe_ctx *c, wfc_fe_node *n, wfc_dtype t, bool scalar, const void *from,
                                size_t count) {
    wfc_fe_const out;
    void *bytes;
    WFC_TRY(wfc_fe_new_const(c, n, t, scalar ? 0 : 1, (const int64_t[1]){(int64_t)count}, &out, &bytes));
    if (count) memcpy(bytes, from, count * wfc_dtype_bytes(t));
    return wfc_fe_set_const(c, n, 0, &out);
}

static wfc_status convert_constant(wfc_fe_ctx *c, wfc_fe_node *n) {
    if (n->proto->n_attribute != 1)
        return wfc_fe_invalid(c, n, "%zu attributes, expected exactly one", n->proto->n_attribute);
    const Onnx__AttributeProto *a = n->proto->attribute[0];
    if (!strcmp(a->name, "value_float")) return list_constant(c, n, WFC_F32, true, &a->f, 1);
    if (!strcmp(a->name, "value_floats")) return list_constant(c, n, WFC_F32, false, a->floats, a->n_floats);
    if (!strcmp(a->name, "value_int")) return list_constant(c, n, WFC_I64, true, &a->i, 1);
    if (!strcmp(a->name, "value_ints")) return list_constant(c, n, WFC_I64, false, a->ints, a->n_ints);
    wfc_fe_const t;
    const char *reason = NULL;
    wfc_status status = wfc_fe_tensor_decode(c->model, n->loc, a->t, &t, &reason);
    if (status == WFC_ERR_UNSUPPORTED) return wfc_fe_unsupported(c, n, "its tensor is %s", reason);
    WFC_TRY(status);
    return wfc_fe_set_const(c, n, 0, &t);
}

/* --- ConstantOfShape -----------------------------------------------------------------------------------------------
 */

static wfc_status convert_constant_of_shape(wfc_fe_ctx *c, wfc_fe_node *n) {
    static const float zero = 0;
    wfc_fe_const fill = {.dtype = WFC_F32, .elems = 1, .bytes = &zero}, out;
    const Onnx__AttributeProto *a = wfc_fe_attr(n, "value");
    int64_t *list, dims[WFC_IR_MAX_RANK];
    size_t count;
    void *bytes;
    if (a) {
        const char *reason = NULL;
        wfc_status status = wfc_fe_tensor_decode(c->model, n->loc, a->t, &fill, &reason);
        if (status == WFC_ERR_UNSUPPORTED) return wfc_fe_unsupported(c, n, "its value is %s", reason);
        WFC_TRY(status);
        if (fill.elems != 1) return wfc_fe_invalid(c, n, "its value is not one element");
    }
    WFC_TRY(wfc_fe_int_input(c, n, 0, &list, &count));
    bool fits = count <= WFC_IR_MAX_RANK;
    if (fits) memcpy(dims, list, sizeof *dims * count);
    wfc_free(list);
    if (!fits) return wfc_fe_unsupported(c, n, "a result of more than 8 axes");
    static const int64_t repeat[WFC_IR_MAX_RANK] = {0};
    WFC_TRY(wfc_fe_new_const(c, n, (wfc_dtype)fill.dtype, (uint8_t)count, dims, &out, &bytes));
    wfc_fe_strided_copy(bytes, fill.bytes, wfc_dtype_bytes((wfc_dtype)fill.dtype), (uint8_t)count, dims, repeat, 0);
    return wfc_fe_set_const(c, n, 0, &out);
}

/* --- Range ---------------------------------------------------------------------------------------------------------
 */

/* ceil((limit - start) / delta), at least 0, in exact integers. */
static uint64_t int_range_count(int64_t start, int64_t limit, int64_t delta) {
    if (delta > 0 ? limit <= start : limit >= start) return 0;
    uint64_t span = delta > 0 ? (uint64_t)limit - (uint64_t)start : (uint64_t)start - (uint64_t)limit;
    uint64_t step = delta > 0 ? (uint64_t)delta : UINT64_C(0) - (uint64_t)delta;
    return span / step + (span % step != 0);
}

static wfc_status convert_range(wfc_fe_ctx *c, wfc_fe_node *n) {
    const wfc_fe_const *in[3];
    for (unsigned k = 0; k < 3; k++) {
        WFC_TRY(wfc_fe_const_input(c, n, k, &in[k]));
        if (in[k]->elems != 1 || in[k]->dtype != in[0]->dtype)
            return wfc_fe_invalid(c, n, "start, limit and delta are not scalars of one type");
    }
    wfc_dtype t = (wfc_dtype)in[0]->dtype;
    bool half = (t == WFC_F16 || t == WFC_BF16) && n->opset >= 27;
    uint64_t count;
    int64_t i[3] = {0};
    double f[3] = {0};
    if (t == WFC_I64 || t == WFC_I32 || t == WFC_I16) {
        for (unsigned k = 0; k < 3; k++) i[k] = wfc_fe_get_int(in[k], 0);
        if (i[2] == 0) return wfc_fe_invalid(c, n, "delta is 0");
        count = int_range_count(i[0], i[1], i[2]);
    } else if (t == WFC_F32 || t == WFC_F64 || half) {
        if (half && wfc_fe_attr_int(n, "stash_type", 1) != 1)
            return wfc_fe_unsupported(c, n, "a 'stash_type' other than float32");
        for (unsigned k = 0; k < 3; k++) f[k] = wfc_dtype_get(t, in[k]->bytes, 0);
        double steps = ceil((f[1] - f[0]) / f[2]);
        if (!(steps < 1e15)) return wfc_fe_invalid(c, n, "the number of steps is not finite or far too large");
        count = steps > 0 ? (uint64_t)steps : 0;
    } else {
        return wfc_fe_invalid(c, n, "element type %s", wfc_dtype_name(t));
    }
    if (count > INT64_MAX) return wfc_fe_invalid(c, n, "too many elements");
    wfc_fe_const out;
    void *bytes;
    WFC_TRY(wfc_fe_new_const(c, n, t, 1, (const int64_t[1]){(int64_t)count}, &out, &bytes));
    for (uint64_t k = 0; k < count; k++) {
        if (wfc_dtype_is_float(t))
            wfc_dtype_set(t, bytes, k, f[0] + (double)k * f[2]);
        else
            wfc_fe_put_int(t, bytes, k, (int64_t)((uint64_t)i[0] + k * (uint64_t)i[2]));
    }
    return wfc_fe_set_const(c, n, 0, &out);
}

/* --- Shape ---------------------------------------------------------------------------------------------------------
 */

static int64_t clamp_axis(int64_t axis, unsigned rank) {
    if (axis < 0) axis += rank;
    return axis < 0 ? 0 : axis > rank ? rank : axis;
}

static wfc_status convert_shape(wfc_fe_ctx *c, wfc_fe_node *n) {
    uint8_t rank;
    int64_t dims[WFC_IR_MAX_RANK];
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &rank, dims);
    int64_t start = clamp_axis(wfc_fe_attr_int(n, "start", 0), rank);
    int64_t end = clamp_axis(wfc_fe_attr_int(n, "end", rank), rank);
    return list_constant(c, n, WFC_I64, false, dims + start, start < end ? (size_t)(end - start) : 0);
}

/* --- Cast ----------------------------------------------------------------------------------------------------------
 */

/* Toward zero; what does not fit (ONNX leaves it open) saturates, NaN gives 0. */
static int64_t float_to_int(double v) {
    if (isnan(v)) return 0;
    if (v >= 9223372036854775808.0) return INT64_MAX;
    return v < -9223372036854775808.0 ? INT64_MIN : (int64_t)v;
}

static void cast_element(const wfc_fe_const *from, uint64_t i, wfc_dtype to, void *bytes) {
    wfc_dtype t = (wfc_dtype)from->dtype;
    bool is_float = wfc_dtype_is_float(t);
    double f = is_float ? wfc_dtype_get(t, from->bytes, i) : 0;
    int64_t v = is_float ? 0 : wfc_fe_get_int(from, i);
    if (to == WFC_BOOL)
        ((uint8_t *)bytes)[i] = is_float ? f != 0 : v != 0;
    else if (!wfc_dtype_is_float(to))
        wfc_fe_put_int(to, bytes, i, is_float ? float_to_int(f) : v);
    else if (is_float)
        wfc_dtype_set(to, bytes, i, f);
    else if (to == WFC_F32) /* straight from the integer: one rounding */
        ((float *)bytes)[i] = t == WFC_U64 ? (float)(uint64_t)v : (float)v;
    else
        wfc_dtype_set(to, bytes, i, t == WFC_U64 ? (double)(uint64_t)v : (double)v);
}

static wfc_status cast_const(wfc_fe_ctx *c, wfc_fe_node *n, const wfc_fe_const *t, wfc_dtype to) {
    wfc_fe_const out;
    void *bytes;
    WFC_TRY(wfc_fe_new_const(c, n, to, t->rank, t->dims, &out, &bytes));
    for (uint64_t i = 0; i < t->elems; i++) cast_element(t, i, to, bytes);
    return wfc_fe_set_const(c, n, 0, &out);
}

/* At run time all types are float32: what has no fraction stays as it is. */
static wfc_status cast_at_run_time(wfc_fe_ctx *c, wfc_fe_node *n, wfc_dtype to) {
    const wfc_fe_value *v = wfc_fe_input(c, n, 0);
    uint8_t from = wfc_fe_kind(wfc_fe_value_dtype(c, v)), kind = wfc_fe_kind(to);
    wfc_value x, whole;
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x));
    if (kind == WFC_FE_FLOATS && v->has_as_float) x = v->as_float;
    c->result = (uint8_t)to;
    if (kind == WFC_FE_BOOLS && from != WFC_FE_BOOLS)
        WFC_TRY(wfc_fe_map(c, n, v->overflows ? "add(not(eq(a,0)),mul(0,a))" : "not(eq(a,0))", &x, 1, &x));
    if (kind == WFC_FE_INTS && from == WFC_FE_FLOATS)
        WFC_TRY(wfc_fe_map(c, n, "select(lt(a,0),ceil(a),floor(a))", &x, 1, &x));
    whole = x;
    if (kind == WFC_FE_INTS && from != WFC_FE_BOOLS) WFC_TRY(wfc_fe_guard(c, n, to, &x));
    WFC_TRY(wfc_fe_set_typed(c, n, 0, to, x));
    if (from == WFC_FE_FLOATS) wfc_fe_set_as_float(c, n, whole);
    return WFC_OK;
}

static wfc_status cast_to(wfc_fe_ctx *c, wfc_fe_node *n, wfc_dtype to) {
    const wfc_fe_value *v = wfc_fe_input(c, n, 0);
    return v->state == WFC_FE_CONST ? cast_const(c, n, &v->konst, to) : cast_at_run_time(c, n, to);
}

static wfc_status convert_cast(wfc_fe_ctx *c, wfc_fe_node *n) {
    wfc_dtype to;
    int64_t code = wfc_fe_attr_int(n, "to", 0);
    if (code < 0 || code > 1000 || !wfc_fe_dtype((int)code, &to))
        return wfc_fe_unsupported(c, n, "to %s", wfc_fe_dtype_code_name(code >= 0 && code < 1000 ? (int)code : 1000));
    return cast_to(c, n, to);
}

static wfc_status convert_cast_like(wfc_fe_ctx *c, wfc_fe_node *n) {
    return cast_to(c, n, wfc_fe_value_dtype(c, wfc_fe_input(c, n, 1)));
}

/* --- Size, EyeLike -------------------------------------------------------------------------------------------------
 */

static wfc_status convert_size(wfc_fe_ctx *c, wfc_fe_node *n) {
    uint8_t rank;
    int64_t dims[WFC_IR_MAX_RANK], count = 1;
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &rank, dims);
    for (unsigned i = 0; i < rank; i++) count *= dims[i];
    return list_constant(c, n, WFC_I64, true, &count, 1);
}

static wfc_status convert_eye_like(wfc_fe_ctx *c, wfc_fe_node *n) {
    uint8_t rank;
    int64_t dims[WFC_IR_MAX_RANK], k = wfc_fe_attr_int(n, "k", 0), code;
    wfc_dtype t = wfc_fe_value_dtype(c, wfc_fe_input(c, n, 0));
    wfc_fe_const out;
    void *bytes;
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &rank, dims);
    if (rank != 2) return wfc_fe_invalid(c, n, "the input has %u axes, expected 2", rank);
    code = wfc_fe_attr_int(n, "dtype", wfc_fe_dtype_code(t));
    if (code < 0 || code > 1000 || !wfc_fe_dtype((int)code, &t)) return wfc_fe_unsupported(c, n, "its 'dtype'");
    WFC_TRY(wfc_fe_new_const(c, n, t, 2, dims, &out, &bytes));
    for (int64_t i = k < 0 && k >= -dims[0] ? -k : 0; i < dims[0] && k >= -dims[0] && k < dims[1] && i + k < dims[1];
         i++)
        wfc_dtype_set(t, bytes, (size_t)(i * dims[1] + i + k), 1);
    return wfc_fe_set_const(c, n, 0, &out);
}
const wfc_fe_op wfc_fe_op_size = {
    {"", "Size", 1, WFC_FE_NEWEST_OPSET, "folds: shapes are static"}, 1, 1, 1, 0, "", convert_size, WFC_FE_ANY};
const wfc_fe_op wfc_fe_op_eye_like = {{"", "EyeLike", 9, WFC_FE_NEWEST_OPSET, "folds: shapes are static"},
                                      1,
                                      1,
                                      1,
                                      0,
                                      "dtype:i k:i",
                                      convert_eye_like,
                                      WFC_FE_ANY};
const wfc_fe_op wfc_fe_op_cast_like = {{"", "CastLike", 15, WFC_FE_NEWEST_OPSET, ""},
                                       2,
                                       2,
                                       1,
                                       0,
                                       "saturate:i round_mode:s",
                                       convert_cast_like,
                                       WFC_FE_ANY};

const wfc_fe_op wfc_fe_op_constant = {{"", "Constant", 1, WFC_FE_NEWEST_OPSET, "dense tensors of numbers"},
                                      0,
                                      0,
                                      1,
                                      0,
                                      "value:t value_float:f value_floats:F value_int:i value_ints:I",
                                      convert_constant,
                                      WFC_FE_ANY};
const wfc_fe_op wfc_fe_op_constant_of_shape = {
    {"", "ConstantOfShape", 9, WFC_FE_NEWEST_OPSET, ""}, 1, 1, 1, 1, "value:t", convert_constant_of_shape, WFC_FE_ANY};
const wfc_fe_op wfc_fe_op_range = {
    {"", "Range", 11, WFC_FE_NEWEST_OPSET, ""}, 3, 3, 1, 7, "stash_type:i", convert_range, WFC_FE_NUMBERS};
const wfc_fe_op wfc_fe_op_shape = {{"", "Shape", 1, WFC_FE_NEWEST_OPSET, "folds: shapes are static"},
                                   1,
                                   1,
                                   1,
                                   0,
                                   "start:i end:i",
                                   convert_shape,
                                   WFC_FE_ANY};
const wfc_fe_op wfc_fe_op_cast = {
    {"", "Cast", 6, WFC_FE_NEWEST_OPSET, ""}, 1, 1, 1, 0, "to:i saturate:i round_mode:s", convert_cast, WFC_FE_ANY};
