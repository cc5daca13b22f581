/* Identity, Reshape, Flatten, Transpose, Squeeze, Unsqueeze: the same elements under another shape or order. A constant
 * stays a constant (Reshape without a copy); a run-time value gets a view. */
#include "frontend/convert.h"
#include <string.h>

/* Input 0 under a new shape of as many elements. */
static wfc_status reshape_to(wfc_fe_ctx *c, wfc_fe_node *n, uint8_t rank, const int64_t *dims) {
    const wfc_fe_value *v = wfc_fe_input(c, n, 0);
    wfc_shape shape;
    wfc_value x, y;
    if (v->state == WFC_FE_CONST) {
        wfc_fe_const t = v->konst;
        t.rank = rank;
        memcpy(t.dims, dims, sizeof *dims * rank);
        return wfc_fe_set_const(c, n, 0, &t);
    }
    WFC_TRY(wfc_fe_ir_shape(c, n, rank, dims, &shape));
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x));
    if (wfc_shape_eq(&shape, &wfc_ir_node_c(c->g, x)->shape)) return wfc_fe_set_same(c, n, 0, v);
    WFC_TRY(wfc_ir_add_reshape(c->g, c->diag, wfc_fe_name(c, n), x, &shape, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}

static wfc_status convert_identity(wfc_fe_ctx *c, wfc_fe_node *n) {
    return wfc_fe_set_same(c, n, 0, wfc_fe_input(c, n, 0));
}

/* --- Reshape ----------------------------------------------------------------------------------------------------- */

/* Replaces 0 (copy, unless allowzero) and -1 (the rest) in `want`. */
static wfc_status resolve_shape(wfc_fe_ctx *c, const wfc_fe_node *n, uint8_t rank_in, const int64_t *in, int64_t *want,
                                size_t count) {
    bool allow_zero = wfc_fe_attr_int(n, "allowzero", 0) != 0;
    uint64_t have, known;
    int infer = -1;
    for (size_t i = 0; i < count; i++) {
        if (want[i] == 0 && !allow_zero) {
            if (i >= rank_in) return wfc_fe_invalid(c, n, "the new shape copies axis %zu, which the input lacks", i);
            want[i] = in[i];
        }
        if (want[i] < -1 || (want[i] == -1 && infer >= 0))
            return wfc_fe_invalid(c, n, "the new shape holds %lld or more than one -1", (long long)want[i]);
        if (want[i] == -1) infer = (int)i, want[i] = 1;
    }
    if (!wfc_fe_elems(in, rank_in, INT64_MAX, &have) || !wfc_fe_elems(want, count, INT64_MAX, &known))
        return wfc_fe_invalid(c, n, "a shape of too many elements");
    if (infer >= 0 && known && have % known == 0) {
        want[infer] = (int64_t)(have / known);
        known = have;
    }
    if (known != have)
        return wfc_fe_invalid(c, n, "the new shape holds %llu elements, the input %llu", (unsigned long long)known,
                              (unsigned long long)have);
    return WFC_OK;
}

static wfc_status wanted_shape(wfc_fe_ctx *c, wfc_fe_node *n, int64_t *want, size_t *count) {
    int64_t *list = NULL;
    const int64_t *from;
    if (n->opset < 5) {
        from = wfc_fe_attr_ints(n, "shape", count);
        if (!from) return wfc_fe_invalid(c, n, "no attribute 'shape'");
    } else {
        WFC_TRY(wfc_fe_int_input(c, n, 1, &list, count));
        if (!list) return wfc_fe_invalid(c, n, "no input 1 (the new shape)");
        from = list;
    }
    wfc_status status = WFC_OK;
    if (*count > WFC_IR_MAX_RANK)
        status = wfc_fe_unsupported(c, n, "a result of %zu axes; at most 8 are supported", *count);
    else
        memcpy(want, from, sizeof *want * *count);
    wfc_free(list);
    return status;
}

static wfc_status convert_reshape(wfc_fe_ctx *c, wfc_fe_node *n) {
    uint8_t rank;
    int64_t in[WFC_IR_MAX_RANK], want[WFC_IR_MAX_RANK];
    size_t count;
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &rank, in);
    WFC_TRY(wanted_shape(c, n, want, &count));
    WFC_TRY(resolve_shape(c, n, rank, in, want, count));
    return reshape_to(c, n, (uint8_t)count, want);
}

static wfc_status convert_flatten(wfc_fe_ctx *c, wfc_fe_node *n) {
    uint8_t rank;
    unsigned axis;
    int64_t in[WFC_IR_MAX_RANK];
    uint64_t outer, inner;
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &rank, in);
    WFC_TRY(wfc_fe_axis(c, n, wfc_fe_attr_int(n, "axis", 1), rank, true, &axis));
    if (!wfc_fe_elems(in, axis, UINT32_MAX, &outer) || !wfc_fe_elems(in + axis, rank - axis, UINT32_MAX, &inner))
        return wfc_fe_invalid(c, n, "a shape of too many elements");
    return reshape_to(c, n, 2, (const int64_t[2]){(int64_t)outer, (int64_t)inner});
}

/* --- Transpose --------------------------------------------------------------------------------------------------- */

static wfc_status read_permutation(wfc_fe_ctx *c, const wfc_fe_node *n, uint8_t rank, uint8_t *perm) {
    size_t count;
    const int64_t *list = wfc_fe_attr_ints(n, "perm", &count);
    unsigned seen = 0;
    if (list && count != rank) return wfc_fe_invalid(c, n, "perm has %zu values for %u axes", count, rank);
    for (unsigned i = 0; i < rank; i++) {
        int64_t p = list ? list[i] : rank - 1 - (int64_t)i;
        if (p < 0 || p >= rank || seen >> p & 1) return wfc_fe_invalid(c, n, "perm is no permutation of the axes");
        seen |= 1u << p;
        perm[i] = (uint8_t)p;
    }
    return WFC_OK;
}

/* Copies are for small constants: of large ones, a model of many GiB would be read and held twice. At run time it is a
 * view, which the contract that reads it takes over (viewmerge). */
static bool too_large_to_copy(const wfc_fe_const *t) {
    return t->dtype == WFC_F32 && t->elems > (UINT64_C(4) << 20) / sizeof(float);
}

static wfc_status convert_transpose(wfc_fe_ctx *c, wfc_fe_node *n) {
    const wfc_fe_value *v = wfc_fe_input(c, n, 0);
    uint8_t rank, perm[WFC_IR_MAX_RANK];
    int64_t in[WFC_IR_MAX_RANK], row[WFC_IR_MAX_RANK], dims[WFC_IR_MAX_RANK], strides[WFC_IR_MAX_RANK];
    wfc_fe_shape(c, v, &rank, in);
    WFC_TRY(read_permutation(c, n, rank, perm));
    if (v->state == WFC_FE_CONST && !too_large_to_copy(&v->konst)) {
        wfc_fe_const out;
        void *bytes;
        wfc_fe_row_major(rank, in, row);
        for (unsigned i = 0; i < rank; i++) dims[i] = in[perm[i]], strides[i] = row[perm[i]];
        WFC_TRY(wfc_fe_new_const(c, n, (wfc_dtype)v->konst.dtype, rank, dims, &out, &bytes));
        wfc_fe_strided_copy(bytes, v->konst.bytes, wfc_dtype_bytes((wfc_dtype)out.dtype), rank, dims, strides, 0);
        return wfc_fe_set_const(c, n, 0, &out);
    }
    wfc_value x, y;
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x));
    WFC_TRY(wfc_ir_add_transpose(c->g, c->diag, wfc_fe_name(c, n), x, perm, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}

/* --- Squeeze, Unsqueeze ------------------------------------------------------------------------------------------- */

static wfc_status convert_squeeze(wfc_fe_ctx *c, wfc_fe_node *n) {
    uint32_t mask;
    size_t count;
    bool given;
    uint8_t rank_in, rank = 0;
    int64_t in[WFC_IR_MAX_RANK], dims[WFC_IR_MAX_RANK];
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &rank_in, in);
    WFC_TRY(wfc_fe_axes(c, n, 13, rank_in, &mask, &count, &given));
    for (unsigned i = 0; i < rank_in; i++) {
        bool drop = given ? mask >> i & 1 : in[i] == 1;
        if (drop && in[i] != 1) return wfc_fe_invalid(c, n, "axis %u has extent %lld, not 1", i, (long long)in[i]);
        if (!drop) dims[rank++] = in[i];
    }
    return reshape_to(c, n, rank, dims);
}

static wfc_status convert_unsqueeze(wfc_fe_ctx *c, wfc_fe_node *n) {
    uint32_t mask;
    size_t count;
    bool given;
    uint8_t rank_in;
    int64_t in[WFC_IR_MAX_RANK], dims[WFC_IR_MAX_RANK];
    size_t probe = 0;
    int64_t *list = NULL;
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &rank_in, in);
    if (n->opset < 13) { /* the number of axes comes first: they count in the result */
        if (!wfc_fe_attr_ints(n, "axes", &probe)) return wfc_fe_invalid(c, n, "no attribute 'axes'");
    } else {
        WFC_TRY(wfc_fe_int_input(c, n, 1, &list, &probe));
        if (!list) return wfc_fe_invalid(c, n, "no input 1 (axes)");
        wfc_free(list);
    }
    if (probe + rank_in > WFC_IR_MAX_RANK) return wfc_fe_unsupported(c, n, "a result of more than 8 axes");
    uint8_t rank = (uint8_t)(rank_in + probe);
    WFC_TRY(wfc_fe_axes(c, n, 13, rank, &mask, &count, &given));
    for (unsigned i = 0, from = 0; i < rank; i++) dims[i] = mask >> i & 1 ? 1 : in[from++];
    return reshape_to(c, n, rank, dims);
}

const wfc_fe_op wfc_fe_op_identity = {
    {"", "Identity", 1, WFC_FE_NEWEST_OPSET, "tensors"}, 1, 1, 1, 0, "", convert_identity, WFC_FE_ANY};
const wfc_fe_op wfc_fe_op_reshape = {{"", "Reshape", 1, WFC_FE_NEWEST_OPSET, ""},
                                     1,
                                     2,
                                     1,
                                     1u << 1,
                                     "allowzero:i shape:I consumed_inputs:I",
                                     convert_reshape,
                                     WFC_FE_ANY};
const wfc_fe_op wfc_fe_op_flatten = {
    {"", "Flatten", 1, WFC_FE_NEWEST_OPSET, ""}, 1, 1, 1, 0, "axis:i", convert_flatten, WFC_FE_ANY};
const wfc_fe_op wfc_fe_op_transpose = {
    {"", "Transpose", 1, WFC_FE_NEWEST_OPSET, ""}, 1, 1, 1, 0, "perm:I", convert_transpose, WFC_FE_ANY};
const wfc_fe_op wfc_fe_op_squeeze = {
    {"", "Squeeze", 1, WFC_FE_NEWEST_OPSET, ""}, 1, 2, 1, 1u << 1, "axes:I", convert_squeeze, WFC_FE_ANY};
const wfc_fe_op wfc_fe_op_unsqueeze = {
    {"", "Unsqueeze", 1, WFC_FE_NEWEST_OPSET, ""}, 1, 2, 1, 1u << 1, "axes:I", convert_unsqueeze, WFC_FE_ANY};
