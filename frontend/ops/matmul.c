/* Gemm and MatMul: contracts. A transposed operand is a matter of index letters, nothing is moved. */
#include "frontend/convert.h"
#include "ir/fn.h"
#include <string.h>

wfc_status wfc_fe_contract(wfc_fe_ctx *c, const wfc_fe_node *n, wfc_value a, wfc_value b, wfc_space *s,
                           wfc_value *out) {
    /* While folding, constants have their own types: next to a float32 one a float64 one becomes that, too. */
    wfc_value *both[] = {&a, &b};
    for (unsigned k = 0; k < 2 && wfc_ir_node_c(c->g, a)->dtype != wfc_ir_node_c(c->g, b)->dtype; k++)
        if (wfc_ir_node_c(c->g, *both[k])->dtype != WFC_F32)
            WFC_TRY(wfc_ir_add_map_text(c->g, c->diag, NULL, WFC_F32, "a", both[k], 1, both[k]));
    bool a_const = wfc_ir_node_c(c->g, a)->op == WFC_CORE_CONST, b_const = wfc_ir_node_c(c->g, b)->op == WFC_CORE_CONST;
    (void)n;
    if (!a_const || b_const) return wfc_ir_add_contract(c->g, c->diag, NULL, a, b, s, out);
    wfc_affine saved[WFC_IR_MAX_RANK];
    memcpy(saved, s->a, sizeof saved);
    memcpy(s->a, s->b, sizeof saved);
    memcpy(s->b, saved, sizeof saved);
    return wfc_ir_add_contract(c->g, c->diag, NULL, b, a, s, out);
}

/* --- Gemm: y = alpha * a' * b' + beta * c ---------------------------------------------------------------------------
 */

/* alpha * a [+ beta * b] as one expression; factors of 1 are left out. */
static wfc_status scale_and_add(wfc_fe_ctx *c, wfc_fe_node *n, double alpha, double beta, const wfc_value *x,
                                uint8_t count, wfc_value *out) {
    wfc_expr_node e[7];
    uint8_t used = 0, term[2];
    for (uint8_t k = 0; k < count; k++) {
        double factor = k ? beta : alpha;
        e[used] = (wfc_expr_node){.fn = WFC_FN_ARG, .index = k};
        term[k] = used++;
        if (factor == 1) continue;
        e[used] = (wfc_expr_node){.fn = WFC_FN_CONST, .value = factor};
        e[used + 1] = (wfc_expr_node){.fn = WFC_FN_MUL, .args = {term[k], used, 0}};
        used = (uint8_t)(used + 2);
        term[k] = (uint8_t)(used - 1);
    }
    if (count == 2) e[used++] = (wfc_expr_node){.fn = WFC_FN_ADD, .args = {term[0], term[1], 0}};
    return wfc_fe_map_expr(c, n, e, used, x, count, out);
}

static wfc_status gemm_product(wfc_fe_ctx *c, wfc_fe_node *n, int64_t *out_dims, wfc_value *out) {
    uint8_t ra, rb;
    int64_t da[WFC_IR_MAX_RANK], db[WFC_IR_MAX_RANK];
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &ra, da);
    wfc_fe_shape(c, wfc_fe_input(c, n, 1), &rb, db);
    if (ra != 2 || rb != 2) return wfc_fe_invalid(c, n, "its operands have %u and %u axes, expected 2", ra, rb);
    unsigned ta = wfc_fe_attr_int(n, "transA", 0) != 0, tb = wfc_fe_attr_int(n, "transB", 0) != 0;
    if (da[!ta] != db[tb])
        return wfc_fe_invalid(c, n, "its operands do not multiply: %lld columns against %lld rows", (long long)da[!ta],
                              (long long)db[tb]);
    out_dims[0] = da[ta], out_dims[1] = db[!tb];
    wfc_value a, b;
    wfc_shape ignored;
    WFC_TRY(wfc_fe_ir_shape(c, n, 2, out_dims, &ignored));
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &a));
    WFC_TRY(wfc_fe_ir_input(c, n, 1, &b));
    wfc_space s = {0};
    unsigned vn = wfc_fe_space_var(&s, 'n', (uint32_t)da[ta]), vk = wfc_fe_space_var(&s, 'k', (uint32_t)db[!tb]);
    s.out_rank = s.index_count;
    unsigned vc = wfc_fe_space_var(&s, 'c', (uint32_t)da[!ta]);
    s.a[ta].coef[vn] = s.a[!ta].coef[vc] = 1;
    s.b[tb].coef[vc] = s.b[!tb].coef[vk] = 1;
    return wfc_fe_contract(c, n, a, b, &s, out);
}

static wfc_status convert_gemm(wfc_fe_ctx *c, wfc_fe_node *n) {
    double alpha = (double)wfc_fe_attr_float(n, "alpha", 1), beta = (double)wfc_fe_attr_float(n, "beta", 1);
    wfc_value x[2], y;
    int64_t dims[2];
    WFC_TRY(gemm_product(c, n, dims, &x[0]));
    bool adds = wfc_fe_input(c, n, 2) && beta != 0;
    if (adds) {
        uint8_t rc, rank;
        int64_t dc[WFC_IR_MAX_RANK], both[WFC_IR_MAX_RANK];
        wfc_fe_shape(c, wfc_fe_input(c, n, 2), &rc, dc);
        if (rc > 2 || !wfc_fe_broadcast(2, dims, rc, dc, &rank, both) || memcmp(both, dims, sizeof dims) != 0)
            return wfc_fe_invalid(c, n, "input C does not broadcast to %lld x %lld", (long long)dims[0],
                                  (long long)dims[1]);
        WFC_TRY(wfc_fe_ir_input(c, n, 2, &x[1]));
    }
    if (!adds && alpha == 1) return wfc_fe_set_ir(c, n, 0, x[0]);
    WFC_TRY(scale_and_add(c, n, alpha, beta, x, adds ? 2 : 1, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}

/* --- MatMul --------------------------------------------------------------------------------------------------------
 */

/* numpy.matmul: batch axes broadcast; a vector gets an axis of extent 1, which the result loses again. */
wfc_status wfc_fe_matmul(wfc_fe_ctx *c, wfc_fe_node *n, wfc_value a, wfc_value b, wfc_value *result) {
    static const char batch_letters[] = "bdefgh";
    uint8_t batch_rank;
    int64_t da[WFC_IR_MAX_RANK], db[WFC_IR_MAX_RANK], batch[WFC_IR_MAX_RANK] = {0};
    const wfc_shape sa = wfc_ir_node_c(c->g, a)->shape, sb = wfc_ir_node_c(c->g, b)->shape;
    uint8_t ra = sa.rank, rb = sb.rank;
    for (unsigned i = 0; i < ra; i++) da[i] = sa.dims[i];
    for (unsigned i = 0; i < rb; i++) db[i] = sb.dims[i];
    if (ra == 0 || rb == 0) return wfc_fe_invalid(c, n, "an operand is a scalar");
    unsigned ba = ra > 2 ? ra - 2u : 0, bb = rb > 2 ? rb - 2u : 0, col_axis_a = ra - 1u,
             row_axis_b = rb > 1 ? rb - 2u : 0;
    if (da[col_axis_a] != db[row_axis_b] || !wfc_fe_broadcast((uint8_t)ba, da, (uint8_t)bb, db, &batch_rank, batch))
        return wfc_fe_invalid(c, n, "the shapes of its operands do not multiply");
    wfc_space s = {0};
    int64_t out[WFC_IR_MAX_RANK + 2];
    unsigned rank = 0, vn = 0, vk = 0;
    for (; rank < batch_rank; rank++) {
        out[rank] = batch[rank];
        unsigned v = wfc_fe_space_var(&s, batch_letters[rank], (uint32_t)batch[rank]);
        int ia = (int)rank - (int)(batch_rank - ba), ib = (int)rank - (int)(batch_rank - bb);
        if (ia >= 0 && da[ia] != 1) s.a[ia].coef[v] = 1;
        if (ib >= 0 && db[ib] != 1) s.b[ib].coef[v] = 1;
    }
    if (ra > 1) out[rank++] = da[ra - 2], vn = wfc_fe_space_var(&s, 'n', (uint32_t)da[ra - 2]);
    if (rb > 1) out[rank++] = db[rb - 1], vk = wfc_fe_space_var(&s, 'k', (uint32_t)db[rb - 1]);
    wfc_shape ignored;
    WFC_TRY(wfc_fe_ir_shape(c, n, (uint8_t)rank, out, &ignored));
    s.out_rank = s.index_count;
    unsigned vc = wfc_fe_space_var(&s, 'c', (uint32_t)da[col_axis_a]);
    if (ra > 1) s.a[ra - 2].coef[vn] = 1;
    if (rb > 1) s.b[rb - 1].coef[vk] = 1;
    s.a[col_axis_a].coef[vc] = 1;
    s.b[row_axis_b].coef[vc] = 1;
    return wfc_fe_contract(c, n, a, b, &s, result);
}

static wfc_status convert_matmul(wfc_fe_ctx *c, wfc_fe_node *n) {
    wfc_value a, b, y;
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &a));
    WFC_TRY(wfc_fe_ir_input(c, n, 1, &b));
    WFC_TRY(wfc_fe_matmul(c, n, a, b, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}

const wfc_fe_op wfc_fe_op_gemm = {{"", "Gemm", 1, WFC_FE_NEWEST_OPSET, ""},
                                  2,
                                  3,
                                  1,
                                  0,
                                  "alpha:f beta:f transA:i transB:i broadcast:i",
                                  convert_gemm,
                                  WFC_FE_FLOATS};
const wfc_fe_op wfc_fe_op_matmul = {
    {"", "MatMul", 1, WFC_FE_NEWEST_OPSET, "any rank"}, 2, 2, 1, 0, "", convert_matmul, WFC_FE_FLOATS};
