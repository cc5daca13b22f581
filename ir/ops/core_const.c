/* const %w : f32[2,2] = {0x1p+0,0x0p+0,0x1p-1,0x0p+0} mask={1,0,1,0}
 * Data known at compile time. The bytes are borrowed or in the arena; the mask names the elements that are meant to be
 * there (1) and those pruned away (0). */
#include "ir/op.h"

static wfc_status infer(const wfc_ir_site *site, uint8_t *out_dtype, wfc_shape *out_shape) {
    const wfc_node *n = site->node;
    if (n->dtype >= WFC_NUM_DTYPES)
        return wfc_fail(site->diag, WFC_ERR_INPUT, "WFC-E0206", site->where, "unknown element type %u", n->dtype);
    WFC_TRY(wfc_shape_check(&n->shape, site->where, site->diag));
    uint64_t want = wfc_shape_elems(&n->shape) * wfc_dtype_bytes((wfc_dtype)n->dtype);
    if (n->u.konst.data.size_bytes != want || (want && !n->u.konst.data.bytes))
        return wfc_fail(site->diag, WFC_ERR_INPUT, "WFC-E0240", site->where,
                        "constant of %llu bytes, its type and shape need %llu",
                        (unsigned long long)n->u.konst.data.size_bytes, (unsigned long long)want);
    *out_dtype = n->dtype;
    *out_shape = n->shape;
    return WFC_OK;
}

const wfc_core_record wfc_core_const = {
    .op = WFC_CORE_CONST, .name = "const", .min_operands = 0, .max_operands = 0, .infer = infer};
