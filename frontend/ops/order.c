/* TopK: an element's rank along the axis is how many come before it (larger, or equal and earlier), and the result's
 * place r takes the element of rank r. Both by comparing each with each, so for short axes. */
#include "frontend/convert.h"

enum { MAX_PAIRS = 1 << WFC_FE_LOG2_COMPARISONS };

/* x as [outer, n, inner]; *rank [outer, n, inner], NaN counting as the largest. */
static wfc_status rank_of(wfc_fe_ctx *c, wfc_fe_node *n, const wfc_shape *s, wfc_value x, bool largest,
                          wfc_value *rank) {
    wfc_value in[4];
    wfc_shape mine = {.rank = 4, .dims = {s->dims[0], s->dims[1], 1, s->dims[2]}},
              others = {.rank = 4, .dims = {s->dims[0], 1, s->dims[1], s->dims[2]}};
    WFC_TRY(wfc_ir_add_reshape(c->g, c->diag, NULL, x, &mine, &in[0]));
    WFC_TRY(wfc_ir_add_reshape(c->g, c->diag, NULL, x, &others, &in[1]));
    WFC_TRY(wfc_fe_iota(c, n, 4, 1, s->dims[1], &in[2]));
    WFC_TRY(wfc_fe_iota(c, n, 4, 2, s->dims[1], &in[3]));
    /* b before a: larger (smaller), NaN above all numbers; or as large and earlier */
    const char *text = largest ? "t0=eq(a,a); t1=eq(b,b); or(or(lt(a,b),and(t0,not(t1))),"
                                 "and(or(eq(a,b),and(not(t0),not(t1))),lt(d,c)))"
                               : "t0=eq(a,a); t1=eq(b,b); or(or(lt(b,a),and(not(t0),t1)),"
                                 "and(or(eq(a,b),and(not(t0),not(t1))),lt(d,c)))";
    WFC_TRY(wfc_ir_add_map_text(c->g, c->diag, NULL, WFC_F32, text, in, 4, rank));
    return wfc_fe_reduce_axes(c, NULL, *rank, WFC_RED_SUM, 1u << 2, false, rank);
}

static wfc_status read_k(wfc_fe_ctx *c, wfc_fe_node *n, int64_t extent, int64_t *k) {
    int64_t *list;
    size_t count;
    *k = wfc_fe_attr_int(n, "k", -1);
    if (n->opset >= 10) {
        WFC_TRY(wfc_fe_int_input(c, n, 1, &list, &count));
        *k = count == 1 ? list[0] : -1;
        wfc_free(list);
    }
    if (*k < 1 || *k > extent)
        return wfc_fe_invalid(c, n, "k is %lld for an axis of %lld", (long long)*k, (long long)extent);
    return WFC_OK;
}

/* out [outer, k, inner] = sum over j of (rank[j] == k ? v[j] : 0), v broadcast. */
static wfc_status pick(wfc_fe_ctx *c, wfc_fe_node *n, const wfc_shape *s, int64_t k, wfc_value rank, wfc_value v,
                       wfc_value *out) {
    wfc_value in[3];
    wfc_shape wide = {.rank = 4, .dims = {s->dims[0], 1, s->dims[1], s->dims[2]}};
    WFC_TRY(wfc_ir_add_reshape(c->g, c->diag, NULL, rank, &wide, &in[0]));
    WFC_TRY(wfc_fe_iota(c, n, 4, 1, k, &in[1]));
    in[2] = v;
    WFC_TRY(wfc_ir_add_map_text(c->g, c->diag, NULL, WFC_F32, "select(eq(a,b),c,0)", in, 3, out));
    return wfc_fe_reduce_axes(c, NULL, *out, WFC_RED_SUM, 1u << 2, false, out);
}

static wfc_status convert_topk(wfc_fe_ctx *c, wfc_fe_node *n) {
    uint8_t rank;
    unsigned axis;
    int64_t d[WFC_IR_MAX_RANK], k;
    wfc_value x, order, values, indices, iota, wide;
    wfc_shape s = {.rank = 3, .dims = {1, 1, 1}}, made;
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &rank, d);
    WFC_TRY(wfc_fe_axis(c, n, wfc_fe_attr_int(n, "axis", -1), rank, false, &axis));
    WFC_TRY(read_k(c, n, d[axis], &k));
    for (unsigned i = 0; i < rank; i++) s.dims[i < axis ? 0 : i == axis ? 1 : 2] *= (uint32_t)d[i];
    if (wfc_shape_elems(&s) * s.dims[1] > MAX_PAIRS)
        return wfc_fe_unsupported(c, n, "an axis of %u elements; at most %d pairs are compared", s.dims[1], MAX_PAIRS);
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x));
    WFC_TRY(wfc_ir_add_reshape(c->g, c->diag, NULL, x, &s, &x));
    WFC_TRY(rank_of(c, n, &s, x, wfc_fe_attr_int(n, "largest", 1) != 0, &order));
    wfc_shape row = {.rank = 4, .dims = {s.dims[0], 1, s.dims[1], s.dims[2]}};
    WFC_TRY(wfc_ir_add_reshape(c->g, c->diag, NULL, x, &row, &wide));
    WFC_TRY(pick(c, n, &s, k, order, wide, &values));
    WFC_TRY(wfc_fe_iota(c, n, 4, 2, s.dims[1], &iota));
    WFC_TRY(pick(c, n, &s, k, order, iota, &indices));
    d[axis] = k;
    WFC_TRY(wfc_fe_ir_shape(c, n, rank, d, &made));
    WFC_TRY(wfc_ir_add_reshape(c->g, c->diag, wfc_fe_name(c, n), values, &made, &values));
    WFC_TRY(wfc_ir_add_reshape(c->g, c->diag, NULL, indices, &made, &indices));
    WFC_TRY(wfc_fe_set_ir(c, n, 0, values));
    return wfc_fe_set_typed(c, n, 1, WFC_I64, indices);
}
const wfc_fe_op wfc_fe_op_topk = {{"", "TopK", 1, WFC_FE_NEWEST_OPSET, WFC_FE_COMPARISONS},
                                  1,
                                  2,
                                  2,
                                  1u << 1,
                                  "axis:i k:i largest:i sorted:i",
                                  convert_topk,
                                  WFC_FE_NUMBERS | WFC_FE_NOT_FOLDED};
