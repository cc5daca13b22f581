/* Operators with indices that only the run knows, by comparing: each index meets every coordinate it could name.
 *
 *   Gather          out[o, k, i] = sum over j of (index[k] == j ? data[o, j, i] : 0)
 *   ScatterElements out[o, j, i] = any k with index[o, k, i] == j ? sum over k of (.. ? updates[o, k, i] : 0) :
 * data[..]
 *
 * Exact, since all terms of a sum but one are 0, but quadratic: K x N comparisons where a gather core op would take K
 * steps. So it is bounded. An index out of range makes NaN, never another element. Indices come as [o, k, 1, i], data
 * as [o, 1, j, i], any of o and i may be 1 in one of them. */
#include "frontend/convert.h"
#include <stdio.h>
#include <string.h>

enum { MAX_COMPARISONS = 1 << WFC_FE_LOG2_COMPARISONS };

wfc_status wfc_fe_iota(wfc_fe_ctx *c, wfc_fe_node *n, unsigned rank, unsigned axis, int64_t count, wfc_value *out) {
    int64_t dims[WFC_IR_MAX_RANK];
    wfc_fe_const t;
    void *bytes;
    wfc_shape shape;
    /* while folding, next to integers, an integer: a float would make the map compute in float32 */
    wfc_dtype type = c->folding && !wfc_dtype_is_float((wfc_dtype)c->result) ? WFC_I64 : WFC_F32;
    for (unsigned i = 0; i < rank; i++) dims[i] = i == axis ? count : 1;
    WFC_TRY(wfc_fe_ir_shape(c, n, (uint8_t)rank, dims, &shape));
    WFC_TRY(wfc_fe_new_const(c, n, type, (uint8_t)rank, dims, &t, &bytes));
    for (int64_t i = 0; i < count; i++) wfc_dtype_set(type, bytes, (size_t)i, (double)i);
    WFC_TRY(wfc_ir_add_const(c->g, c->diag, NULL, type, &shape, t.bytes, false, out));
    return wfc_ir_add_loc(c->g, *out, n->loc);
}

/* An index counted from 0, of extent P; NaN where it is out of range. */
#define FROM_ZERO "t0=select(lt(a,0),add(a,P),a); select(and(le(0,t0),lt(t0,P)),t0,nan)"

/* (o, k, j, i): extents of the comparison; index_o, index_i: those of the index. */
typedef struct meeting {
    int64_t o, k, j, i, index_o, index_i;
} meeting;

static wfc_status check_size(wfc_fe_ctx *c, wfc_fe_node *n, const meeting *m) {
    uint64_t all;
    const int64_t dims[] = {m->o, m->k, m->j, m->i};
    if (!wfc_fe_elems(dims, 4, MAX_COMPARISONS, &all) || all == 0)
        return wfc_fe_unsupported(c, n,
                                  "indices known at run time only, %lld x %lld x %lld x %lld comparisons; from 1 to "
                                  "%d are supported",
                                  (long long)m->o, (long long)m->k, (long long)m->j, (long long)m->i, MAX_COMPARISONS);
    return WFC_OK;
}

static wfc_status shaped(wfc_fe_ctx *c, wfc_fe_node *n, wfc_value x, int64_t a, int64_t b, int64_t d, int64_t e,
                         wfc_value *out) {
    wfc_shape shape;
    WFC_TRY(wfc_fe_ir_shape(c, n, 4, (const int64_t[]){a, b, d, e}, &shape));
    return wfc_ir_add_reshape(c->g, c->diag, NULL, x, &shape, out);
}

/* index [.., k] counted from 0, reshaped to [index_o, k, 1, index_i]. */
static wfc_status prepare(wfc_fe_ctx *c, wfc_fe_node *n, const meeting *m, wfc_value *index) {
    const double extent = (double)m->j;
    WFC_TRY(shaped(c, n, *index, m->index_o, m->k, 1, m->index_i, index));
    return wfc_fe_map_params(c, n, WFC_F32, FROM_ZERO, &extent, index, 1, index);
}

/* out [o, k, i] */
static wfc_status gather(wfc_fe_ctx *c, wfc_fe_node *n, const meeting *m, wfc_value index, wfc_value data,
                         wfc_value *out) {
    wfc_value x[3] = {index};
    WFC_TRY(check_size(c, n, m));
    WFC_TRY(prepare(c, n, m, &x[0]));
    WFC_TRY(wfc_fe_iota(c, n, 4, 2, m->j, &x[1]));
    WFC_TRY(shaped(c, n, data, m->o, 1, m->j, m->i, &x[2]));
    /* NaN equals nothing: it comes in once more */
    WFC_TRY(wfc_ir_add_map_text(c->g, c->diag, NULL, WFC_F32, "add(select(eq(a,b),c,0),mul(a,0))", x, 3, out));
    c->guarded = true;
    return wfc_fe_reduce_axes(c, NULL, *out, WFC_RED_SUM, 1u << 2, false, out);
}

static wfc_status set_reshaped(wfc_fe_ctx *c, wfc_fe_node *n, wfc_dtype t, wfc_value v, uint8_t rank,
                               const int64_t *dims) {
    wfc_shape shape;
    WFC_TRY(wfc_fe_ir_shape(c, n, rank, dims, &shape));
    WFC_TRY(wfc_ir_add_reshape(c->g, c->diag, wfc_fe_name(c, n), v, &shape, &v));
    return wfc_fe_set_typed(c, n, 0, t, v);
}

static int64_t product(const int64_t *dims, unsigned from, unsigned to) {
    int64_t p = 1;
    for (unsigned i = from; i < to; i++) p *= dims[i];
    return p;
}

static wfc_status check_index(wfc_fe_ctx *c, wfc_fe_node *n, unsigned k) {
    wfc_dtype t = wfc_fe_value_dtype(c, wfc_fe_input(c, n, k));
    if (t != WFC_I64 && t != WFC_I32) return wfc_fe_invalid(c, n, "indices are not integers");
    return WFC_OK;
}

wfc_status wfc_fe_gather_by_compare(wfc_fe_ctx *c, wfc_fe_node *n, unsigned axis) {
    uint8_t rank, ri, r = 0;
    int64_t d[WFC_IR_MAX_RANK], di[WFC_IR_MAX_RANK], dims[2 * WFC_IR_MAX_RANK];
    wfc_value data, index, y;
    WFC_TRY(check_index(c, n, 1));
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &rank, d);
    wfc_fe_shape(c, wfc_fe_input(c, n, 1), &ri, di);
    meeting m = {product(d, 0, axis), product(di, 0, ri), d[axis], product(d, axis + 1, rank), 1, 1};
    for (unsigned i = 0; i < axis; i++) dims[r++] = d[i];
    for (unsigned i = 0; i < ri; i++) dims[r++] = di[i];
    for (unsigned i = axis + 1; i < rank; i++) dims[r++] = d[i];
    if (r > WFC_IR_MAX_RANK) return wfc_fe_unsupported(c, n, "a result of more than 8 axes");
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &data));
    WFC_TRY(wfc_fe_ir_input(c, n, 1, &index));
    WFC_TRY(gather(c, n, &m, index, data, &y));
    return set_reshaped(c, n, (wfc_dtype)c->result, y, r, dims);
}

/* The first extents of every axis but one. */
static wfc_status crop(wfc_fe_ctx *c, wfc_fe_node *n, unsigned axis, const int64_t *to, wfc_value *x) {
    unsigned rank = wfc_ir_node_c(c->g, *x)->shape.rank;
    for (unsigned i = 0; i < rank; i++)
        if (i != axis) WFC_TRY(wfc_fe_part(c, n, NULL, *x, i, 0, to[i], 1, x));
    return WFC_OK;
}

/* data and index of Gather- and ScatterElements: the same number of axes, the index not longer than the data. */
static wfc_status read_elements(wfc_fe_ctx *c, wfc_fe_node *n, unsigned *axis, uint8_t *rank, int64_t *d, int64_t *di) {
    uint8_t ri;
    WFC_TRY(check_index(c, n, 1));
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), rank, d);
    wfc_fe_shape(c, wfc_fe_input(c, n, 1), &ri, di);
    if (ri != *rank) return wfc_fe_invalid(c, n, "data has %u axes, the indices %u", *rank, ri);
    WFC_TRY(wfc_fe_axis(c, n, wfc_fe_attr_int(n, "axis", 0), *rank, false, axis));
    for (unsigned i = 0; i < *rank; i++)
        if (i != *axis && di[i] > d[i])
            return wfc_fe_invalid(c, n, "the indices are longer than the data on axis %u", i);
    return WFC_OK;
}

static wfc_status convert_gather_elements(wfc_fe_ctx *c, wfc_fe_node *n) {
    uint8_t rank;
    unsigned axis;
    int64_t d[WFC_IR_MAX_RANK], di[WFC_IR_MAX_RANK];
    wfc_value data, index, y;
    WFC_TRY(read_elements(c, n, &axis, &rank, d, di));
    meeting m = {product(di, 0, axis), di[axis], d[axis], product(di, axis + 1, rank), 0, 0};
    m.index_o = m.o, m.index_i = m.i;
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &data));
    WFC_TRY(wfc_fe_ir_input(c, n, 1, &index));
    WFC_TRY(crop(c, n, axis, di, &data));
    WFC_TRY(gather(c, n, &m, index, data, &y));
    return set_reshaped(c, n, (wfc_dtype)c->result, y, rank, di);
}

/* The last axis of the indices names coordinates of the data's axes from batch_dims on: one number in row-major order.
 * Each coordinate counts from the end where it is negative, and is NaN where it is out of range. */
static wfc_status flatten_indices(wfc_fe_ctx *c, wfc_fe_node *n, const int64_t *extents, unsigned count,
                                  wfc_value *index) {
    unsigned last = wfc_ir_node_c(c->g, *index)->shape.rank - 1u;
    wfc_value part, all = WFC_VALUE_NONE;
    for (unsigned k = 0; k < count; k++) {
        const double p = (double)extents[k];
        WFC_TRY(wfc_fe_part(c, n, NULL, *index, last, k, 1, 1, &part));
        WFC_TRY(wfc_fe_map_params(c, n, WFC_F32, FROM_ZERO, &p, &part, 1, &part));
        wfc_value x[2] = {part, all};
        all = part;
        if (k) WFC_TRY(wfc_fe_map_params(c, n, WFC_F32, "add(a,mul(b,P))", &p, x, 2, &all));
    }
    *index = all;
    return WFC_OK;
}

static wfc_status convert_gather_nd(wfc_fe_ctx *c, wfc_fe_node *n) {
    uint8_t rank, ri, r = 0;
    int64_t d[WFC_IR_MAX_RANK], di[WFC_IR_MAX_RANK], dims[2 * WFC_IR_MAX_RANK], b = wfc_fe_attr_int(n, "batch_dims", 0);
    wfc_value data, index, y;
    WFC_TRY(check_index(c, n, 1));
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &rank, d);
    wfc_fe_shape(c, wfc_fe_input(c, n, 1), &ri, di);
    if (ri < 1 || b < 0 || b >= ri || b + di[ri - 1] > rank || di[ri - 1] < 1)
        return wfc_fe_invalid(c, n, "the last axis of the indices or batch_dims do not fit data of %u axes", rank);
    unsigned batch = (unsigned)b, count = (unsigned)di[ri - 1], inner = batch + count;
    if (memcmp(d, di, sizeof *d * batch) != 0) return wfc_fe_invalid(c, n, "the batch axes differ");
    meeting m = {
        product(d, 0, batch), product(di, batch, ri - 1u), product(d, batch, inner), product(d, inner, rank), 0, 1};
    m.index_o = m.o;
    for (unsigned i = 0; i + 1 < ri; i++) dims[r++] = di[i];
    for (unsigned i = inner; i < rank; i++) dims[r++] = d[i];
    if (r > WFC_IR_MAX_RANK) return wfc_fe_unsupported(c, n, "a result of more than 8 axes");
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &data));
    WFC_TRY(wfc_fe_ir_input(c, n, 1, &index));
    WFC_TRY(flatten_indices(c, n, d + batch, count, &index));
    WFC_TRY(gather(c, n, &m, index, data, &y));
    return set_reshaped(c, n, (wfc_dtype)c->result, y, r, dims);
}

/* --- scatter ------------------------------------------------------------------------------------------------------ */

/* How updates that meet an element combine: the term where none does, and the text of the last step over the data (a),
 * the combined updates (b) and how many there are (c, NaN with an index out of range). */
typedef struct scatter_kind {
    const char *name;
    int since;
    wfc_reduce_kind reduce;
    const char *term, *last;
} scatter_kind;
static const scatter_kind kinds[] = {
    {NULL, 11, WFC_RED_SUM, "add(select(eq(a,b),c,0),mul(a,0))", "select(c,add(b,mul(c,0)),a)"},
    {"none", 16, WFC_RED_SUM, "add(select(eq(a,b),c,0),mul(a,0))", "select(c,add(b,mul(c,0)),a)"},
    {"add", 16, WFC_RED_SUM, "add(select(eq(a,b),c,0),mul(a,0))", "add(a,b)"},
    {"mul", 16, WFC_RED_PROD, "add(select(eq(a,b),c,1),mul(a,0))", "mul(a,b)"},
    {"max", 18, WFC_RED_MAX, "add(select(eq(a,b),c,-inf),mul(a,0))", "max(a,b)"},
    {"min", 18, WFC_RED_MIN, "add(select(eq(a,b),c,inf),mul(a,0))", "min(a,b)"},
};

/* data and result [o, j, i]; index [index_o, k, 1, index_i]; updates [o, k, i]. */
static wfc_status scatter(wfc_fe_ctx *c, wfc_fe_node *n, const meeting *m, wfc_value index, wfc_value updates,
                          wfc_value data, wfc_value *out) {
    const scatter_kind *kind = NULL;
    wfc_value x[3] = {index}, all[3], hits;
    wfc_shape flat;
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (wfc_fe_attr_is(n, "reduction", kinds[i].name) && (n->opset >= kinds[i].since || i == 0)) kind = &kinds[i];
    if (!kind) return wfc_fe_invalid(c, n, "attribute 'reduction' is none of none, add, mul, max, min");
    WFC_TRY(check_size(c, n, m));
    WFC_TRY(prepare(c, n, m, &x[0]));
    WFC_TRY(wfc_fe_iota(c, n, 4, 2, m->j, &x[1]));
    WFC_TRY(shaped(c, n, updates, m->o, m->k, 1, m->i, &x[2]));
    WFC_TRY(wfc_ir_add_map_text(c->g, c->diag, NULL, WFC_F32, kind->term, x, 3, &all[1]));
    WFC_TRY(wfc_fe_reduce_axes(c, NULL, all[1], kind->reduce, 1u << 1, false, &all[1]));
    WFC_TRY(wfc_ir_add_map_text(c->g, c->diag, NULL, WFC_F32, "add(eq(a,b),mul(a,0))", x, 2, &hits));
    WFC_TRY(wfc_fe_reduce_axes(c, NULL, hits, WFC_RED_SUM, 1u << 1, false, &all[2]));
    WFC_TRY(wfc_fe_ir_shape(c, n, 3, (const int64_t[]){m->o, m->j, m->i}, &flat));
    WFC_TRY(wfc_ir_add_reshape(c->g, c->diag, NULL, data, &flat, &all[0]));
    c->guarded = true;
    return wfc_fe_map(c, n, kind->last, all, 3, out);
}

static wfc_status convert_scatter_elements(wfc_fe_ctx *c, wfc_fe_node *n) {
    uint8_t rank, ru;
    unsigned axis;
    int64_t d[WFC_IR_MAX_RANK], di[WFC_IR_MAX_RANK], du[WFC_IR_MAX_RANK];
    wfc_value data, index, updates, y;
    WFC_TRY(read_elements(c, n, &axis, &rank, d, di));
    wfc_fe_shape(c, wfc_fe_input(c, n, 2), &ru, du);
    if (ru != rank || memcmp(di, du, sizeof *di * rank) != 0)
        return wfc_fe_invalid(c, n, "the updates have another shape than the indices");
    for (unsigned i = 0; i < rank; i++)
        if (i != axis && di[i] != d[i]) return wfc_fe_unsupported(c, n, "indices shorter than the data on axis %u", i);
    meeting m = {product(d, 0, axis), di[axis], d[axis], product(d, axis + 1, rank), 0, 0};
    m.index_o = m.o, m.index_i = m.i;
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &data));
    WFC_TRY(wfc_fe_ir_input(c, n, 1, &index));
    WFC_TRY(wfc_fe_ir_input(c, n, 2, &updates));
    WFC_TRY(scatter(c, n, &m, index, updates, data, &y));
    return set_reshaped(c, n, (wfc_dtype)c->result, y, rank, d);
}

static wfc_status convert_scatter_nd(wfc_fe_ctx *c, wfc_fe_node *n) {
    uint8_t rank, ri;
    int64_t d[WFC_IR_MAX_RANK], di[WFC_IR_MAX_RANK];
    wfc_value data, index, updates, y;
    WFC_TRY(check_index(c, n, 1));
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &rank, d);
    wfc_fe_shape(c, wfc_fe_input(c, n, 1), &ri, di);
    if (ri < 1 || di[ri - 1] < 1 || di[ri - 1] > rank)
        return wfc_fe_invalid(c, n, "the last axis of the indices does not fit data of %u axes", rank);
    unsigned count = (unsigned)di[ri - 1];
    meeting m = {1, product(di, 0, ri - 1u), product(d, 0, count), product(d, count, rank), 1, 1};
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &data));
    WFC_TRY(wfc_fe_ir_input(c, n, 1, &index));
    WFC_TRY(wfc_fe_ir_input(c, n, 2, &updates));
    if (wfc_shape_elems(&wfc_ir_node_c(c->g, updates)->shape) != (uint64_t)(m.k * m.i))
        return wfc_fe_invalid(c, n, "the updates' shape does not fit indices and data");
    WFC_TRY(flatten_indices(c, n, d, count, &index));
    WFC_TRY(scatter(c, n, &m, index, updates, data, &y));
    return set_reshaped(c, n, (wfc_dtype)c->result, y, rank, d);
}

/* --- OneHot ------------------------------------------------------------------------------------------------------- */

/* An index out of range makes a row of `off`, as ONNX says. */
static wfc_status convert_one_hot(wfc_fe_ctx *c, wfc_fe_node *n) {
    uint8_t ri, rv;
    int64_t di[WFC_IR_MAX_RANK], dv[WFC_IR_MAX_RANK];
    const wfc_fe_const *t;
    unsigned axis;
    wfc_value x[4], values, y;
    wfc_shape shape;
    WFC_TRY(wfc_fe_const_input(c, n, 1, &t));
    if (t->elems != 1) return wfc_fe_invalid(c, n, "depth is not one number");
    double count = wfc_dtype_get((wfc_dtype)t->dtype, t->bytes, 0);
    if (!(count >= 1 && count <= MAX_COMPARISONS))
        return wfc_fe_unsupported(c, n, "a depth that is not in 1..%d", MAX_COMPARISONS);
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &ri, di);
    wfc_fe_shape(c, wfc_fe_input(c, n, 2), &rv, dv);
    if (rv != 1 || dv[0] != 2) return wfc_fe_invalid(c, n, "values are not two numbers");
    if (ri == WFC_IR_MAX_RANK) return wfc_fe_unsupported(c, n, "a result of more than 8 axes");
    WFC_TRY(wfc_fe_axis(c, n, wfc_fe_attr_int(n, "axis", -1), ri + 1u, false, &axis));
    for (unsigned i = ri; i > axis; i--) di[i] = di[i - 1];
    di[axis] = 1;
    WFC_TRY(wfc_fe_ir_input_as(c, n, 0, (uint8_t)(ri + 1), di, &x[0]));
    WFC_TRY(wfc_fe_iota(c, n, ri + 1u, axis, (int64_t)count, &x[1]));
    WFC_TRY(wfc_fe_ir_input(c, n, 2, &values));
    for (unsigned k = 0; k < 2; k++) WFC_TRY(wfc_fe_part(c, n, NULL, values, 0, k, 1, 1, &x[2 + k]));
    di[axis] = (int64_t)count;
    WFC_TRY(wfc_fe_ir_shape(c, n, (uint8_t)(ri + 1), di, &shape));
    WFC_TRY(wfc_fe_map_params(c, n, WFC_F32, "select(eq(select(lt(a,0),add(a,P),a),b),d,c)", &count, x, 4, &y));
    return wfc_fe_set_typed(c, n, 0, wfc_fe_value_dtype(c, wfc_fe_input(c, n, 2)), y);
}

#define RECORD(suffix, name, since, inputs, statics, attributes)                                                       \
    const wfc_fe_op wfc_fe_op_##suffix = {{"", name, since, WFC_FE_NEWEST_OPSET, WFC_FE_COMPARISONS},                  \
                                          inputs,                                                                      \
                                          inputs,                                                                      \
                                          1,                                                                           \
                                          statics,                                                                     \
                                          attributes,                                                                  \
                                          convert_##suffix,                                                            \
                                          WFC_FE_ANY | WFC_FE_NOT_FOLDED};
RECORD(gather_elements, "GatherElements", 11, 2, 0, "axis:i")
RECORD(gather_nd, "GatherND", 11, 2, 0, "batch_dims:i")
RECORD(scatter_elements, "ScatterElements", 11, 3, 0, "axis:i reduction:s")
RECORD(scatter_nd, "ScatterND", 11, 3, 0, "reduction:s")
RECORD(one_hot, "OneHot", 9, 3, 1u << 1, "axis:i")

const wfc_fe_op wfc_fe_op_scatter = {{"", "Scatter", 9, 10, WFC_FE_COMPARISONS},
                                     3,
                                     3,
                                     1,
                                     0,
                                     "axis:i",
                                     convert_scatter_elements,
                                     WFC_FE_ANY | WFC_FE_NOT_FOLDED};
