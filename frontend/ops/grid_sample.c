/* GridSample (2-D): each result is a weighted sum of the whole input, with weights that fall off around a point of the
 * run: w(point - coordinate), a hat for linear, a cubic, or one where the rounded point is the coordinate. The weights
 * are a map, [n, out, y] and [n, out, x]; the sums two contracts. As with gathering by comparison, exact and more work
 * than a core op for it would be. Padding: what is outside has no weight (zeros), or the point is brought inside first
 * (border, reflection). */
#include "frontend/convert.h"
#include <stdio.h>

#define LOG2_GRID 24
enum { MAX_GRID = 1 << LOG2_GRID };

typedef struct sampling {
    uint32_t n, channels, size[2], out[2]; /* y, x */
    bool aligned, linear, cubic, border, reflection;
} sampling;

static wfc_status read_sampling(wfc_fe_ctx *c, wfc_fe_node *n, sampling *s) {
    uint8_t rx, rg;
    int64_t dx[WFC_IR_MAX_RANK], dg[WFC_IR_MAX_RANK];
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &rx, dx);
    wfc_fe_shape(c, wfc_fe_input(c, n, 1), &rg, dg);
    if (rx != 4 || rg != 4) return wfc_fe_unsupported(c, n, "%u axes; only two spatial ones are supported", rx);
    if (dg[0] != dx[0] || dg[3] != 2) return wfc_fe_invalid(c, n, "the grid's shape does not fit");
    s->n = (uint32_t)dx[0], s->channels = (uint32_t)dx[1];
    for (unsigned i = 0; i < 2; i++) s->size[i] = (uint32_t)dx[2 + i], s->out[i] = (uint32_t)dg[1 + i];
    uint64_t points = (uint64_t)s->n * s->out[0] * s->out[1];
    if (points * (s->size[0] + (uint64_t)s->size[1]) > MAX_GRID || points * s->size[1] * s->channels > MAX_GRID)
        return wfc_fe_unsupported(c, n, "a grid and an input of more than %d pairs", MAX_GRID);
    s->aligned = wfc_fe_attr_int(n, "align_corners", 0) != 0;
    s->linear =
        wfc_fe_attr_is(n, "mode", NULL) || wfc_fe_attr_is(n, "mode", "bilinear") || wfc_fe_attr_is(n, "mode", "linear");
    s->cubic = wfc_fe_attr_is(n, "mode", "bicubic") || wfc_fe_attr_is(n, "mode", "cubic");
    if (!s->linear && !s->cubic && !wfc_fe_attr_is(n, "mode", "nearest"))
        return wfc_fe_invalid(c, n, "an unknown mode");
    s->border = wfc_fe_attr_is(n, "padding_mode", "border");
    s->reflection = wfc_fe_attr_is(n, "padding_mode", "reflection");
    if (!s->border && !s->reflection && !wfc_fe_attr_is(n, "padding_mode", NULL) &&
        !wfc_fe_attr_is(n, "padding_mode", "zeros"))
        return wfc_fe_invalid(c, n, "an unknown padding_mode");
    if (s->cubic && (s->border || s->reflection))
        return wfc_fe_unsupported(c, n, "cubic with padding other than zeros");
    return WFC_OK;
}

/* Weights [n, out, size] of one axis (0: y) from its grid coordinates. */
static wfc_status axis_weights(wfc_fe_ctx *c, wfc_fe_node *n, const sampling *s, unsigned axis, wfc_value grid,
                               wfc_value *out) {
    wfc_value x[2];
    wfc_shape shape = {.rank = 3, .dims = {s->n, s->out[0] * s->out[1], 1}};
    double size = s->size[axis], low = s->aligned ? 0 : -0.5, span = s->aligned ? size - 1 : size;
    /* P: factor, Q: offset; R: lower border of reflection, S: its span; T: last coordinate */
    double params[] = {span / 2, (size - 1) / 2, low, span > 0 ? span : 1, size - 1};
    WFC_TRY(wfc_fe_part(c, n, NULL, grid, 3, axis ? 0 : 1, 1, 1, &x[0])); /* x comes first */
    WFC_TRY(wfc_ir_add_reshape(c->g, c->diag, NULL, x[0], &shape, &x[0]));
    WFC_TRY(wfc_fe_map_params(c, n, WFC_F32, "add(mul(a,P),Q)", params, x, 1, &x[0]));
    if (s->reflection && span > 0) /* a triangle wave between the borders */
        WFC_TRY(wfc_fe_map_params(c, n, WFC_F32,
                                  "t0=abs(sub(a,R)); t1=floor(div(t0,S)); t2=sub(t0,mul(t1,S)); "
                                  "t3=sub(t1,mul(2,floor(mul(t1,0.5)))); add(R,select(t3,sub(S,t2),t2))",
                                  params, x, 1, &x[0]));
    if (!s->linear && !s->cubic) WFC_TRY(wfc_ir_add_map_text(c->g, c->diag, NULL, WFC_F32, "round(a)", x, 1, &x[0]));
    if (s->border || s->reflection) WFC_TRY(wfc_fe_map_params(c, n, WFC_F32, "min(max(a,0),T)", params, x, 1, &x[0]));
    WFC_TRY(wfc_fe_iota(c, n, 3, 2, s->size[axis], &x[1]));
    const char *text = s->linear  ? "max(sub(1,abs(sub(a,b))),0)"
                       : s->cubic ? "t0=abs(sub(a,b)); select(le(t0,1),add(1,mul(mul(t0,t0),sub(mul(1.25,t0),2.25))),"
                                    "select(lt(t0,2),add(3,mul(t0,add(-6,mul(t0,sub(3.75,mul(0.75,t0)))))),0))"
                                  : "eq(a,b)";
    return wfc_ir_add_map_text(c->g, c->diag, NULL, WFC_F32, text, x, 2, out);
}

static wfc_status convert_grid_sample(wfc_fe_ctx *c, wfc_fe_node *n) {
    sampling s = {0};
    wfc_value x, grid, wy, wx, y;
    WFC_TRY(read_sampling(c, n, &s));
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x));
    WFC_TRY(wfc_fe_ir_input(c, n, 1, &grid));
    WFC_TRY(axis_weights(c, n, &s, 0, grid, &wy));
    WFC_TRY(axis_weights(c, n, &s, 1, grid, &wx));
    const uint32_t points = s.out[0] * s.out[1];
    const uint32_t rows[] = {s.n, s.channels, points, s.size[1]}, sums[] = {s.n, s.channels, points};
    wfc_space sp;
    char red[32];
    snprintf(red, sizeof red, "y=%u", s.size[0]);
    WFC_TRY(wfc_space_parse("n c k x", "n c y x", "n k y", red, rows, c->diag, n->loc, &sp));
    WFC_TRY(wfc_fe_contract(c, n, x, wy, &sp, &y));
    snprintf(red, sizeof red, "x=%u", s.size[1]);
    WFC_TRY(wfc_space_parse("n c k", "n c k x", "n k x", red, sums, c->diag, n->loc, &sp));
    WFC_TRY(wfc_fe_contract(c, n, y, wx, &sp, &y));
    wfc_shape shape = {.rank = 4, .dims = {s.n, s.channels, s.out[0], s.out[1]}};
    WFC_TRY(wfc_ir_add_reshape(c->g, c->diag, wfc_fe_name(c, n), y, &shape, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}
const wfc_fe_op wfc_fe_op_grid_sample = {
    {"", "GridSample", 16, WFC_FE_NEWEST_OPSET,
     "two spatial axes; at most 2^" WFC_FE_STRING(LOG2_GRID) " pairs of point and coordinate"},
    2,
    2,
    1,
    0,
    "align_corners:i mode:s padding_mode:s",
    convert_grid_sample,
    WFC_FE_FLOATS};
