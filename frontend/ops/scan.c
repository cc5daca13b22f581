/* Trilu, CumSum. A triangle is a constant mask; a cumulative sum is a reduction over a window as long as the axis,
 * whose elements before the first (or behind the last) are not there. */
#include "frontend/convert.h"

static wfc_status convert_trilu(wfc_fe_ctx *c, wfc_fe_node *n) {
    uint8_t rank;
    int64_t dims[WFC_IR_MAX_RANK], *list, k = 0;
    size_t count;
    bool upper = wfc_fe_attr_int(n, "upper", 1) != 0;
    wfc_fe_const mask;
    void *bytes;
    wfc_shape shape;
    wfc_value in[2], y;
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &rank, dims);
    if (rank < 2) return wfc_fe_invalid(c, n, "the input has %u axes, expected at least 2", rank);
    WFC_TRY(wfc_fe_int_input(c, n, 1, &list, &count));
    if (list && count == 1) k = list[0];
    wfc_free(list);
    const int64_t rows = dims[rank - 2], columns = dims[rank - 1];
    wfc_dtype type = c->folding ? WFC_BOOL : WFC_F32;
    WFC_TRY(wfc_fe_ir_shape(c, n, 2, dims + rank - 2, &shape));
    WFC_TRY(wfc_fe_new_const(c, n, type, 2, dims + rank - 2, &mask, &bytes));
    for (int64_t r = 0; r < rows; r++)
        for (int64_t col = 0; col < columns; col++) {
            bool above = k <= col - r; /* k may be any int64 */
            if (upper ? above : k >= col - r) wfc_dtype_set(type, bytes, (size_t)(r * columns + col), 1);
        }
    WFC_TRY(wfc_ir_add_const(c->g, c->diag, NULL, type, &shape, mask.bytes, false, &in[0]));
    WFC_TRY(wfc_ir_add_loc(c->g, in[0], n->loc));
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &in[1]));
    WFC_TRY(wfc_fe_map(c, n, "select(a,b,0)", in, 2, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}
const wfc_fe_op wfc_fe_op_trilu = {
    {"", "Trilu", 14, WFC_FE_NEWEST_OPSET, ""}, 1, 2, 1, 1u << 1, "upper:i", convert_trilu, WFC_FE_ANY};

static wfc_status convert_cumsum(wfc_fe_ctx *c, wfc_fe_node *n) {
    static const char letters[] = "abcdefgh";
    unsigned axis;
    int64_t *list, at = 0;
    size_t count;
    wfc_space s = {0};
    wfc_value x, y;
    WFC_TRY(wfc_fe_int_input(c, n, 1, &list, &count));
    if (count == 1) at = list[0];
    wfc_free(list);
    if (count != 1) return wfc_fe_invalid(c, n, "the axis is not one number");
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x));
    const wfc_shape shape = wfc_ir_node_c(c->g, x)->shape;
    WFC_TRY(wfc_fe_axis(c, n, at, shape.rank, false, &axis));
    bool reverse = wfc_fe_attr_int(n, "reverse", 0) != 0, exclusive = wfc_fe_attr_int(n, "exclusive", 0) != 0;
    for (unsigned i = 0; i < shape.rank; i++) s.a[i].coef[wfc_fe_space_var(&s, letters[i], shape.dims[i])] = 1;
    s.out_rank = s.index_count;
    s.a[axis].coef[wfc_fe_space_var(&s, 'w', shape.dims[axis])] = 1;
    /* element i: those from i - (n - 1) to i, or from i to i + n - 1; without i where it is exclusive */
    s.a[axis].offset = reverse ? exclusive : -(int32_t)(shape.dims[axis] - 1) - exclusive;
    WFC_TRY(wfc_ir_add_reduce(c->g, c->diag, wfc_fe_name(c, n), x, WFC_RED_SUM, &s, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}
const wfc_fe_op wfc_fe_op_cumsum = {{"", "CumSum", 11, WFC_FE_NEWEST_OPSET, ""},
                                    2,
                                    2,
                                    1,
                                    1u << 1,
                                    "exclusive:i reverse:i",
                                    convert_cumsum,
                                    WFC_FE_FLOATS};
