/* ReverseSequence: of each sequence of the batch, the first `length` elements turned round in time, the rest as it is.
 *
 *   out[t, n, i] = in[t < len[n] ? len[n] - 1 - t : t, n, i]
 *
 * Known lengths are views: neighbours in the batch of one length are turned together. Lengths that only the run knows
 * are data: each time meets every other (quadratic, as in compare_index.c), and a sequence whose length is not in
 * 0..time becomes NaN. */
#include "frontend/convert.h"

enum { MAX_COMPARISONS = 1 << WFC_FE_LOG2_COMPARISONS, MAX_PARTS = 16 };

/* The first two axes are `time` and the batch, what follows is one: extents t, n and i. */
typedef struct sequences {
    unsigned time; /* 0 or 1 */
    int64_t t, n, i;
} sequences;

static wfc_status read_axes(wfc_fe_ctx *c, wfc_fe_node *n, sequences *s) {
    uint8_t rank, rank_lens;
    int64_t d[WFC_IR_MAX_RANK], lens[WFC_IR_MAX_RANK];
    wfc_dtype type = wfc_fe_value_dtype(c, wfc_fe_input(c, n, 1));
    int64_t time = wfc_fe_attr_int(n, "time_axis", 0), batch = wfc_fe_attr_int(n, "batch_axis", 1);
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &rank, d);
    wfc_fe_shape(c, wfc_fe_input(c, n, 1), &rank_lens, lens);
    if (rank < 2) return wfc_fe_invalid(c, n, "the input has %u axes, expected at least 2", rank);
    if (time < 0 || time > 1 || batch != 1 - time)
        return wfc_fe_invalid(c, n, "time_axis %lld and batch_axis %lld, expected 0 and 1 or 1 and 0", (long long)time,
                              (long long)batch);
    if (type != WFC_I64 || rank_lens != 1 || lens[0] != d[batch])
        return wfc_fe_invalid(c, n, "sequence_lens is not an int64 for each of the %lld sequences",
                              (long long)d[batch]);
    *s = (sequences){(unsigned)time, d[time], d[batch], 1};
    for (unsigned k = 2; k < rank; k++) s->i *= d[k];
    return WFC_OK;
}

/* --- known lengths ------------------------------------------------------------------------------------------------ */

/* Sequences first .. first + count - 1, all of that length. `order` holds t numbers. */
static wfc_status turn(wfc_fe_ctx *c, wfc_fe_node *n, const sequences *s, wfc_value x, int64_t first, int64_t count,
                       int64_t length, int64_t *order, wfc_value *out) {
    WFC_TRY(wfc_fe_part(c, n, NULL, x, 1 - s->time, first, count, 1, out));
    for (int64_t t = 0; t < s->t; t++) order[t] = t < length ? length - 1 - t : t;
    return wfc_fe_take(c, n, *out, s->time, order, (size_t)s->t, out);
}

/* Runs of equal lengths. */
static uint32_t count_parts(const int64_t *lens, const sequences *s) {
    uint32_t parts = 1;
    for (int64_t k = 1; k < s->n; k++) parts += lens[k] != lens[k - 1];
    return parts;
}

static wfc_status by_views(wfc_fe_ctx *c, wfc_fe_node *n, const sequences *s, const int64_t *lens, wfc_value x,
                           wfc_value *out) {
    uint32_t count = count_parts(lens, s), done = 0;
    wfc_value *parts = wfc_calloc(count, sizeof *parts);
    int64_t *order = wfc_calloc((size_t)s->t, sizeof *order), end;
    wfc_status status = parts && order ? WFC_OK : wfc_fail_memory(c->diag);
    for (int64_t first = 0; first < s->n && status == WFC_OK; first = end) {
        for (end = first + 1; end < s->n && lens[end] == lens[first]; end++) continue;
        status = turn(c, n, s, x, first, end - first, lens[first], order, &parts[done++]);
    }
    if (status == WFC_OK) *out = parts[0];
    if (status == WFC_OK && count > 1)
        status = wfc_ir_add_concat(c->g, c->diag, wfc_fe_name(c, n), parts, count, (uint8_t)(1 - s->time), out);
    wfc_free(parts);
    wfc_free(order);
    return status;
}

/* --- lengths of the run ------------------------------------------------------------------------------------------- */

/* Axes of the comparison: the two of x as they lie, behind that of time another one, k, over which x runs. */
static wfc_status by_comparison(wfc_fe_ctx *c, wfc_fe_node *n, const sequences *s, wfc_value x, wfc_value *out) {
    const unsigned k = s->time + 1, batch = s->time ? 0 : 2;
    const wfc_shape shape = wfc_ir_node_c(c->g, x)->shape;
    wfc_shape lens = {.rank = 4, .dims = {1, 1, 1, 1}}, data = lens;
    wfc_value in[4];
    const double extent = (double)s->t;
    uint64_t all;
    if (!wfc_fe_elems((const int64_t[]){s->t, s->t, s->n, s->i}, 4, MAX_COMPARISONS, &all))
        return wfc_fe_unsupported(c, n, "%lld x %lld times of %lld elements are compared, at most %d are supported",
                                  (long long)s->t, (long long)s->t, (long long)(s->n * s->i), MAX_COMPARISONS);
    lens.dims[batch] = data.dims[batch] = (uint32_t)s->n;
    data.dims[k] = (uint32_t)s->t;
    data.dims[3] = (uint32_t)s->i;
    WFC_TRY(wfc_fe_ir_input(c, n, 1, &in[0]));
    WFC_TRY(wfc_ir_add_reshape(c->g, c->diag, NULL, in[0], &lens, &in[0]));
    WFC_TRY(wfc_fe_iota(c, n, 4, s->time, s->t, &in[1]));
    WFC_TRY(wfc_fe_map_params(c, n, WFC_F32,
                              "t0=select(lt(b,a),sub(sub(a,1),b),b); select(and(le(0,a),le(a,P)),t0,nan)", &extent, in,
                              2, &in[0]));
    WFC_TRY(wfc_fe_iota(c, n, 4, k, s->t, &in[1]));
    WFC_TRY(wfc_ir_add_reshape(c->g, c->diag, NULL, x, &data, &in[2]));
    /* NaN equals nothing: it comes in once more */
    WFC_TRY(wfc_ir_add_map_text(c->g, c->diag, NULL, WFC_F32, "add(select(eq(a,b),c,0),mul(a,0))", in, 3, out));
    WFC_TRY(wfc_fe_reduce_axes(c, NULL, *out, WFC_RED_SUM, 1u << k, false, out));
    c->guarded = true;
    return wfc_ir_add_reshape(c->g, c->diag, wfc_fe_name(c, n), *out, &shape, out);
}

static wfc_status convert_reverse_sequence(wfc_fe_ctx *c, wfc_fe_node *n) {
    const wfc_fe_value *lens = wfc_fe_input(c, n, 1);
    sequences s = {0};
    wfc_value x, y;
    WFC_TRY(read_axes(c, n, &s));
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x));
    for (uint64_t k = 0; lens->state == WFC_FE_CONST && k < lens->konst.elems; k++) {
        int64_t length = wfc_fe_get_int(&lens->konst, k);
        if (length < 0 || length > s.t)
            return wfc_fe_invalid(c, n, "a sequence of length %lld in %lld steps of time", (long long)length,
                                  (long long)s.t);
    }
    if (lens->state == WFC_FE_CONST && (c->folding || count_parts(lens->konst.bytes, &s) <= MAX_PARTS))
        WFC_TRY(by_views(c, n, &s, lens->konst.bytes, x, &y));
    else
        WFC_TRY(by_comparison(c, n, &s, x, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}
const wfc_fe_op wfc_fe_op_reverse_sequence = {{"", "ReverseSequence", 10, WFC_FE_NEWEST_OPSET, WFC_FE_COMPARISONS},
                                              2,
                                              2,
                                              1,
                                              0,
                                              "batch_axis:i time_axis:i",
                                              convert_reverse_sequence,
                                              WFC_FE_ANY};
