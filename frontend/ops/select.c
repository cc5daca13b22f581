/* Gather, Slice, Expand, Concat: copies between constants (what shape arithmetic is made of), views at run time. */
#include "frontend/convert.h"
#include <string.h>

/* --- Gather --------------------------------------------------------------------------------------------------------
 */

static wfc_status gather_rows(wfc_fe_ctx *c, const wfc_fe_node *n, const wfc_fe_const *data, const wfc_fe_const *index,
                              unsigned axis, uint8_t *to) {
    uint64_t outer = 1, inner = wfc_dtype_bytes((wfc_dtype)data->dtype);
    for (unsigned i = 0; i < axis; i++) outer *= (uint64_t)data->dims[i];
    for (unsigned i = axis + 1; i < data->rank; i++) inner *= (uint64_t)data->dims[i];
    int64_t extent = data->dims[axis];
    for (uint64_t o = 0; o < outer; o++)
        for (uint64_t k = 0; k < index->elems; k++, to += inner) {
            int64_t i = wfc_fe_get_int(index, k);
            if (i < -extent || i >= extent)
                return wfc_fe_invalid(c, n, "index %lld is out of range for extent %lld", (long long)i,
                                      (long long)extent);
            if (i < 0) i += extent;
            memcpy(to, (const uint8_t *)data->bytes + (o * (uint64_t)extent + (uint64_t)i) * inner, (size_t)inner);
        }
    return WFC_OK;
}

/* Run-time data under known indices: views. */
static wfc_status gather_views(wfc_fe_ctx *c, wfc_fe_node *n, const wfc_fe_const *index, unsigned axis, int64_t extent,
                               uint8_t rank, const int64_t *dims) {
    wfc_value x;
    wfc_shape shape;
    WFC_TRY(wfc_fe_ir_shape(c, n, rank, dims, &shape));
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x));
    int64_t *list = wfc_calloc((size_t)index->elems, sizeof *list);
    if (!list) return wfc_fail_memory(c->diag);
    wfc_status s = WFC_OK;
    for (uint64_t i = 0; i < index->elems && s == WFC_OK; i++) {
        list[i] = wfc_fe_get_int(index, i);
        if (list[i] < -extent || list[i] >= extent)
            s = wfc_fe_invalid(c, n, "index %lld is out of range for extent %lld", (long long)list[i],
                               (long long)extent);
        if (list[i] < 0) list[i] += extent;
    }
    if (s == WFC_OK) s = wfc_fe_take(c, n, x, axis, list, (size_t)index->elems, &x);
    wfc_free(list);
    if (s == WFC_OK) s = wfc_ir_add_reshape(c->g, c->diag, wfc_fe_name(c, n), x, &shape, &x);
    return s == WFC_OK ? wfc_fe_set_ir(c, n, 0, x) : s;
}

static wfc_status convert_gather(wfc_fe_ctx *c, wfc_fe_node *n) {
    const wfc_fe_const *index;
    wfc_fe_const out;
    void *bytes;
    unsigned axis;
    uint8_t rank_in, rank = 0;
    int64_t in[WFC_IR_MAX_RANK], dims[WFC_IR_MAX_RANK];
    const wfc_fe_value *v = wfc_fe_input(c, n, 0);
    wfc_fe_shape(c, v, &rank_in, in);
    WFC_TRY(wfc_fe_axis(c, n, wfc_fe_attr_int(n, "axis", 0), rank_in, false, &axis));
    if (wfc_fe_input(c, n, 1)->state == WFC_FE_RUNTIME) return wfc_fe_gather_by_compare(c, n, axis);
    WFC_TRY(wfc_fe_const_input(c, n, 1, &index));
    if (index->dtype != WFC_I64 && index->dtype != WFC_I32) return wfc_fe_invalid(c, n, "indices are not integers");
    if (rank_in - 1 + index->rank > WFC_IR_MAX_RANK) return wfc_fe_unsupported(c, n, "a result of more than 8 axes");
    for (unsigned i = 0; i < axis; i++) dims[rank++] = in[i];
    for (unsigned i = 0; i < index->rank; i++) dims[rank++] = index->dims[i];
    for (unsigned i = axis + 1; i < rank_in; i++) dims[rank++] = in[i];
    if (v->state != WFC_FE_CONST) return gather_views(c, n, index, axis, in[axis], rank, dims);
    WFC_TRY(wfc_fe_new_const(c, n, (wfc_dtype)v->konst.dtype, rank, dims, &out, &bytes));
    if (out.elems) WFC_TRY(gather_rows(c, n, &v->konst, index, axis, bytes));
    return wfc_fe_set_const(c, n, 0, &out);
}

/* --- Concat --------------------------------------------------------------------------------------------------------
 */

static wfc_status concat_dims(wfc_fe_ctx *c, wfc_fe_node *n, unsigned *axis, uint8_t *rank, int64_t *dims) {
    if (!wfc_fe_attr(n, "axis") && n->opset >= 4) return wfc_fe_invalid(c, n, "no attribute 'axis'");
    const wfc_fe_value *first = wfc_fe_input(c, n, 0), *v;
    if (!first) return wfc_fe_invalid(c, n, "input 0 may not be left out");
    wfc_fe_shape(c, first, rank, dims);
    WFC_TRY(wfc_fe_axis(c, n, wfc_fe_attr_int(n, "axis", 1), *rank, false, axis));
    for (unsigned k = 1; k < n->in_count; k++) {
        uint8_t r = 0;
        int64_t d[WFC_IR_MAX_RANK];
        v = wfc_fe_input(c, n, k);
        if (v) wfc_fe_shape(c, v, &r, d);
        if (!v || wfc_fe_value_dtype(c, v) != wfc_fe_value_dtype(c, first) || r != *rank)
            return wfc_fe_invalid(c, n, "input %u differs from input 0 in element type or number of axes", k);
        for (unsigned i = 0; i < r; i++)
            if (i != *axis && d[i] != dims[i])
                return wfc_fe_invalid(c, n, "input %u differs from input 0 on axis %u", k, i);
        dims[*axis] += d[*axis]; /* each below 2^32, at most 2^22 inputs */
    }
    return WFC_OK;
}

static wfc_status concat_consts(wfc_fe_ctx *c, wfc_fe_node *n, unsigned axis, const int64_t *dims) {
    wfc_fe_const out;
    void *bytes;
    const wfc_fe_const *first = &wfc_fe_input(c, n, 0)->konst;
    WFC_TRY(wfc_fe_new_const(c, n, (wfc_dtype)first->dtype, first->rank, dims, &out, &bytes));
    if (!out.elems) return wfc_fe_set_const(c, n, 0, &out);
    uint64_t outer = 1, inner = wfc_dtype_bytes((wfc_dtype)first->dtype);
    for (unsigned i = 0; i < axis; i++) outer *= (uint64_t)dims[i];
    for (unsigned i = axis + 1; i < out.rank; i++) inner *= (uint64_t)dims[i];
    uint8_t *to = bytes;
    for (uint64_t o = 0; o < outer; o++)
        for (unsigned k = 0; k < n->in_count; k++) {
            const wfc_fe_const *t = &wfc_fe_input(c, n, k)->konst;
            uint64_t row = inner * (uint64_t)t->dims[axis];
            if (row) memcpy(to, (const uint8_t *)t->bytes + o * row, (size_t)row);
            to += row;
        }
    return wfc_fe_set_const(c, n, 0, &out);
}

/* At run time the core op of that name; constants that hold nothing are left out of it. */
static wfc_status convert_concat(wfc_fe_ctx *c, wfc_fe_node *n) {
    unsigned axis;
    uint8_t rank;
    int64_t dims[WFC_IR_MAX_RANK];
    wfc_shape shape;
    uint32_t count = 0;
    wfc_value y;
    WFC_TRY(concat_dims(c, n, &axis, &rank, dims));
    if (wfc_fe_all_const(c, n)) return concat_consts(c, n, axis, dims);
    WFC_TRY(wfc_fe_ir_shape(c, n, rank, dims, &shape));
    wfc_value *parts = wfc_calloc(n->in_count, sizeof *parts);
    if (!parts) return wfc_fail_memory(c->diag);
    wfc_status status = WFC_OK;
    for (unsigned k = 0; k < n->in_count && status == WFC_OK; k++) {
        const wfc_fe_value *v = wfc_fe_input(c, n, k);
        if (v->state == WFC_FE_CONST && v->konst.elems == 0) continue;
        status = wfc_fe_ir_input(c, n, k, &parts[count++]);
    }
    if (status == WFC_OK && count == 1)
        y = parts[0];
    else if (status == WFC_OK)
        status = wfc_ir_add_concat(c->g, c->diag, wfc_fe_name(c, n), parts, count, (uint8_t)axis, &y);
    wfc_free(parts);
    return status == WFC_OK ? wfc_fe_set_ir(c, n, 0, y) : status;
}

/* --- Slice ---------------------------------------------------------------------------------------------------------
 */

/* starts, ends, axes, steps: attributes before opset 10, inputs 1 to 4 from then on. */
typedef struct slice_lists {
    int64_t *owned[4];
    const int64_t *list[4];
    size_t count[4];
} slice_lists;

static wfc_status read_slice(wfc_fe_ctx *c, wfc_fe_node *n, slice_lists *s) {
    static const char *const names[3] = {"starts", "ends", "axes"};
    for (unsigned k = 0; k < 4; k++) {
        if (n->opset >= 10) {
            WFC_TRY(wfc_fe_int_input(c, n, k + 1, &s->owned[k], &s->count[k]));
            s->list[k] = s->owned[k];
        } else if (k < 3) {
            s->list[k] = wfc_fe_attr_ints(n, names[k], &s->count[k]);
        }
    }
    if (!s->list[0] || !s->list[1] || s->count[0] != s->count[1] || (s->list[2] && s->count[2] != s->count[0]) ||
        (s->list[3] && s->count[3] != s->count[0]))
        return wfc_fe_invalid(c, n, "starts, ends, axes and steps are not of one length");
    return WFC_OK;
}

static int64_t clamp(int64_t v, int64_t lo, int64_t hi) {
    return v < lo ? lo : v > hi ? hi : v;
}

/* One axis: the first element, how many, and their distance. */
static void slice_axis(int64_t extent, int64_t start, int64_t end, int64_t step, int64_t *first, int64_t *count) {
    if (start < 0) start = start < -extent ? -1 : start + extent; /* below the first element; INT64_MIN stays safe */
    if (end < 0) end = end < -extent ? -1 : end + extent;
    if (step > 0) {
        start = clamp(start, 0, extent);
        end = clamp(end, 0, extent);
        *count = end > start ? (end - start - 1) / step + 1 : 0;
    } else {
        start = clamp(start, -1, extent - 1);
        end = clamp(end, -1, extent - 1);
        *count = start > end ? (int64_t)(((uint64_t)(start - end) - 1) / (UINT64_C(0) - (uint64_t)step)) + 1 : 0;
    }
    *first = start;
}

/* Per axis the first element, how many, and their distance. */
typedef struct slice_range {
    uint8_t rank;
    int64_t first[WFC_IR_MAX_RANK], count[WFC_IR_MAX_RANK], step[WFC_IR_MAX_RANK];
} slice_range;

static wfc_status slice_ranges(wfc_fe_ctx *c, wfc_fe_node *n, const slice_lists *s, slice_range *r) {
    uint32_t seen = 0;
    int64_t dims[WFC_IR_MAX_RANK];
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &r->rank, dims);
    for (unsigned i = 0; i < r->rank; i++) r->first[i] = 0, r->count[i] = dims[i], r->step[i] = 1;
    for (size_t i = 0; i < s->count[0]; i++) {
        unsigned axis;
        WFC_TRY(wfc_fe_axis(c, n, s->list[2] ? s->list[2][i] : (int64_t)i, r->rank, false, &axis));
        int64_t step = s->list[3] ? s->list[3][i] : 1;
        if (step == 0 || seen >> axis & 1) return wfc_fe_invalid(c, n, "a step of 0, or axis %u given twice", axis);
        seen |= 1u << axis;
        slice_axis(dims[axis], s->list[0][i], s->list[1][i], step, &r->first[axis], &r->count[axis]);
        r->step[axis] = r->count[axis] > 1 ? step : 0; /* a huge step over one element is no step */
    }
    return WFC_OK;
}

static wfc_status slice_at_run_time(wfc_fe_ctx *c, wfc_fe_node *n, const slice_range *r) {
    wfc_view_step step = {0};
    wfc_value x, y;
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x));
    for (unsigned i = 0; i < r->rank; i++) {
        step.in[i].coef[i] = (int32_t)r->step[i];
        step.in[i].offset = (int32_t)r->first[i];
    }
    WFC_TRY(wfc_fe_index_view(c, n, wfc_fe_name(c, n), x, r->rank, r->count, &step, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}

static wfc_status apply_slice(wfc_fe_ctx *c, wfc_fe_node *n, const slice_lists *s) {
    slice_range r;
    WFC_TRY(slice_ranges(c, n, s, &r));
    const wfc_fe_value *v = wfc_fe_input(c, n, 0);
    if (v->state != WFC_FE_CONST) return slice_at_run_time(c, n, &r);
    const wfc_fe_const *t = &v->konst;
    int64_t strides[WFC_IR_MAX_RANK], *dims = r.count, offset = 0;
    wfc_fe_row_major(t->rank, t->dims, strides);
    for (unsigned i = 0; i < t->rank; i++) {
        if (dims[i]) offset += r.first[i] * strides[i];
        strides[i] *= r.step[i];
    }
    wfc_fe_const out;
    void *bytes;
    WFC_TRY(wfc_fe_new_const(c, n, (wfc_dtype)t->dtype, t->rank, dims, &out, &bytes));
    wfc_fe_strided_copy(bytes, t->bytes, wfc_dtype_bytes((wfc_dtype)t->dtype), t->rank, dims, strides, offset);
    return wfc_fe_set_const(c, n, 0, &out);
}

static wfc_status convert_slice(wfc_fe_ctx *c, wfc_fe_node *n) {
    slice_lists s = {0};
    wfc_status status = read_slice(c, n, &s);
    if (status == WFC_OK) status = apply_slice(c, n, &s);
    for (unsigned k = 0; k < 4; k++) wfc_free(s.owned[k]);
    return status;
}

/* --- Expand --------------------------------------------------------------------------------------------------------
 */

static wfc_status expand_const(wfc_fe_ctx *c, wfc_fe_node *n, const wfc_fe_const *t, uint8_t rank,
                               const int64_t *dims) {
    wfc_fe_const out;
    void *bytes;
    int64_t row[WFC_IR_MAX_RANK], strides[WFC_IR_MAX_RANK] = {0};
    wfc_fe_row_major(t->rank, t->dims, row);
    for (unsigned i = 0; i < t->rank; i++) strides[rank - t->rank + i] = t->dims[i] == 1 ? 0 : row[i];
    WFC_TRY(wfc_fe_new_const(c, n, (wfc_dtype)t->dtype, rank, dims, &out, &bytes));
    wfc_fe_strided_copy(bytes, t->bytes, wfc_dtype_bytes((wfc_dtype)t->dtype), rank, dims, strides, 0);
    return wfc_fe_set_const(c, n, 0, &out);
}

static wfc_status convert_expand(wfc_fe_ctx *c, wfc_fe_node *n) {
    int64_t *list, want[WFC_IR_MAX_RANK], dims[WFC_IR_MAX_RANK], in[WFC_IR_MAX_RANK];
    size_t count;
    uint8_t rank, rank_in;
    wfc_value x, y;
    WFC_TRY(wfc_fe_int_input(c, n, 1, &list, &count));
    bool fits = count <= WFC_IR_MAX_RANK;
    if (fits) memcpy(want, list, sizeof *want * count);
    wfc_free(list);
    if (!fits) return wfc_fe_unsupported(c, n, "a result of more than 8 axes");
    const wfc_fe_value *v = wfc_fe_input(c, n, 0);
    wfc_fe_shape(c, v, &rank_in, in);
    if (!wfc_fe_broadcast(rank_in, in, (uint8_t)count, want, &rank, dims))
        return wfc_fe_invalid(c, n, "the input does not broadcast to the shape asked for");
    if (v->state == WFC_FE_CONST) return expand_const(c, n, &v->konst, rank, dims);
    if (rank == rank_in && !memcmp(dims, in, sizeof *in * rank)) return wfc_fe_set_same(c, n, 0, v);
    wfc_view_step step = {0};
    for (unsigned i = 0; i < rank_in; i++) step.in[i].coef[rank - rank_in + i] = in[i] == 1 ? 0 : 1;
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x));
    WFC_TRY(wfc_fe_index_view(c, n, wfc_fe_name(c, n), x, rank, dims, &step, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}

const wfc_fe_op wfc_fe_op_gather = {
    {"", "Gather", 1, WFC_FE_NEWEST_OPSET, WFC_FE_COMPARISONS}, 2, 2, 1, 0, "axis:i", convert_gather, WFC_FE_ANY};
const wfc_fe_op wfc_fe_op_concat = {
    {"", "Concat", 1, WFC_FE_NEWEST_OPSET, ""}, 1, WFC_FE_VARIADIC, 1, 0, "axis:i", convert_concat, WFC_FE_ANY};
const wfc_fe_op wfc_fe_op_slice = {
    {"", "Slice", 1, WFC_FE_NEWEST_OPSET, ""}, 1, 5, 1, 0x1e, "starts:I ends:I axes:I", convert_slice, WFC_FE_ANY};
const wfc_fe_op wfc_fe_op_expand = {
    {"", "Expand", 8, WFC_FE_NEWEST_OPSET, ""}, 2, 2, 1, 1u << 1, "", convert_expand, WFC_FE_ANY};
