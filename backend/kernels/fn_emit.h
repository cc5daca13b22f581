/* Elementwise functions as PE instructions over whole vectors in PE memory: what a map, a prologue or an epilogue
 * compiles to. No libm anywhere: exp, log, tanh, sigmoid, erf and pow are range reduction plus a polynomial in vector
 * instructions, so results are bit-equal on every host. Accuracy per function: docs/functions.md. */
#ifndef WFC_BACKEND_KERNELS_FN_EMIT_H
#define WFC_BACKEND_KERNELS_FN_EMIT_H

#include "backend/asmb.h"
#include "ir/fn.h"

typedef struct wfc_be_expr_io {
    /* Operand bytes: memory descriptors (any float type, any strides, stride 0 broadcasts) or registers holding an f32.
     * Every descriptor walks as many elements as dst. Input queues are not allowed: an operand may be read twice. */
    const uint8_t *operands;
    uint32_t operand_count;
    /* For `index` leaves: per axis a memory descriptor that holds the coordinates as f32; NULL when there are none. */
    const uint8_t *index;
    uint32_t index_count;
    /* Memory (f32, f16, bf16) or output queue; written exactly once per element, by the last instruction (for an
     * output queue) or after the last read of the operands. In memory it is either the same walk as an operand or
     * disjoint from all of them. */
    uint8_t dst;
} wfc_be_expr_io;

/* Emits `e` (f32 arithmetic). The constant cache must have at least two unpinned registers. Temporaries come from the
 * builder's scratch pool (4 bytes per element each, reused by liveness) and are released before return.
 * Errors, sticky in `a`: WFC_ERR_UNSUPPORTED names a function that has no form here (index without an array, integer
 * destinations), WFC_ERR_NO_FIT when descriptors run out. */
wfc_status wfc_be_emit_expr(wfc_be_asm *a, const wfc_expr *e, const wfc_be_expr_io *io);

/* dst = fn(operands), a one-node expression. `operands` as above, fn's arity many. */
wfc_status wfc_be_emit_fn(wfc_be_asm *a, wfc_fn fn, const uint8_t *operands, uint8_t dst);

#endif
