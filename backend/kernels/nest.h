/* Loop nests: one vector instruction over up to four dimensions inside scalar loops over the rest. */
#ifndef WFC_BACKEND_KERNELS_NEST_H
#define WFC_BACKEND_KERNELS_NEST_H

#include "backend/asmb.h"

enum { WFC_BE_NEST_VARS = 16, WFC_BE_NEST_OPERANDS = 3 };

/* One operand walked by the nest: element strides per variable from `offset_bytes` of `array`; `half_reg` (0 none) is
 * added. */
typedef struct wfc_be_walk {
    uint32_t array, offset_bytes;
    uint8_t half_reg;
    int32_t stride[WFC_BE_NEST_VARS];
} wfc_be_walk;

/* op D, A, B over all variables (extent >= 1). operand[0] = D, [1] = A, [2] = B; a NULL A or B is absent (B none). f32.
 * `reduced` marks variables that D does not walk; they stay outermost among the vector's dimensions.
 * Registers first_reg.. hold moving offsets, at most one per operand, and one temporary: four in all. */
typedef struct wfc_be_nest {
    wfc_op op;
    uint32_t vars, extent[WFC_BE_NEST_VARS];
    const wfc_be_walk *operand[WFC_BE_NEST_OPERANDS];
    uint8_t first_reg;
    uint8_t scalar_reg; /* B is this register when operand[2] is NULL; 0: none */
} wfc_be_nest;
/* Loops around the vector instruction; 0: one instruction does it all and takes no register. */
unsigned wfc_be_nest_loops(const wfc_be_nest *n);
WFC_MUST_USE wfc_status wfc_be_emit_nest(wfc_be_asm *a, const wfc_be_nest *n);

#endif
