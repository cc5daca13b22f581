/* Example: conv over k c r s y x with strides D (36 0 0 0 6 1), A (0 64 8 1 8 1), B (1 150 30 6 0 0): the four longest
 * variables go into the instruction's descriptors, the others become loops that advance an offset register per operand.
 * Variables that every operand walks as one (outer stride = inner stride x inner extent) are merged first. */
#include "backend/kernels/nest.h"

#include <string.h>

typedef struct var {
    uint32_t extent;
    int32_t stride[WFC_BE_NEST_OPERANDS];
} var;

static bool mergeable(const var *outer, const var *inner, unsigned operands) {
    if ((uint64_t)outer->extent * inner->extent > UINT16_MAX) return false;
    for (unsigned i = 0; i < operands; i++) {
        if (outer->stride[i] != inner->stride[i] * (int64_t)inner->extent) return false;
    }
    return true;
}

static unsigned merge(var *v, unsigned n, unsigned operands) {
    for (unsigned i = 0; i < n; i++) {
        for (unsigned j = 0; j < n; j++) {
            if (i == j || !mergeable(&v[i], &v[j], operands)) continue;
            v[j].extent *= v[i].extent; /* j keeps its strides */
            for (unsigned k = i; k + 1 < n; k++) v[k] = v[k + 1];
            return merge(v, n - 1, operands);
        }
    }
    return n;
}

/* Longest last; among the last four, variables that D walks come after the reduced ones. */
static void order(var *v, unsigned n) {
    for (unsigned i = 1; i < n; i++) {
        for (unsigned j = i; j > 0 && v[j - 1].extent > v[j].extent; j--) {
            var t = v[j];
            v[j] = v[j - 1];
            v[j - 1] = t;
        }
    }
    unsigned first = n > 4 ? n - 4 : 0;
    for (unsigned i = first + 1; i < n; i++) {
        for (unsigned j = i; j > first && v[j - 1].stride[0] != 0 && v[j].stride[0] == 0; j--) {
            var t = v[j];
            v[j] = v[j - 1];
            v[j - 1] = t;
        }
    }
}

static void add_bytes(wfc_be_asm *a, uint8_t reg, int64_t bytes, uint8_t temp) {
    if (bytes == 0) return;
    if (bytes >= INT16_MIN && bytes <= INT16_MAX) {
        wfc_be_asm_op(a, WFC_OP_ADD, WFC_I32, reg, reg, WFC_OPND_NONE, (uint16_t)(int16_t)bytes);
        return;
    }
    wfc_be_asm_set_reg(a, temp, (uint32_t)(int32_t)bytes);
    wfc_be_asm_op(a, WFC_OP_ADD, WFC_I32, reg, reg, temp, 0);
}

static uint8_t descriptor(wfc_be_asm *a, const wfc_be_walk *w, const var *v, unsigned n, unsigned operand,
                          uint8_t reg) {
    wfc_be_mem m = {
        .array = w->array, .offset_bytes = w->offset_bytes, .type = WFC_F32, .off = reg, .len = {1, 1, 1, 1}};
    unsigned inner = n < 4 ? n : 4;
    for (unsigned i = 0; i < inner; i++) {
        m.len[4 - inner + i] = v[n - inner + i].extent;
        m.stride[4 - inner + i] = v[n - inner + i].stride[operand];
    }
    return wfc_be_asm_mem(a, &m);
}

/* Variables longer than 1, merged and ordered. */
static unsigned collect(const wfc_be_nest *nest, unsigned operands, var *v) {
    unsigned n = 0;
    for (unsigned i = 0; i < nest->vars; i++) {
        if (nest->extent[i] == 1) continue;
        memset(&v[n], 0, sizeof v[n]);
        v[n].extent = nest->extent[i];
        for (unsigned k = 0; k < operands; k++) v[n].stride[k] = nest->operand[k]->stride[i];
        n++;
    }
    n = merge(v, n, operands);
    order(v, n);
    return n;
}

unsigned wfc_be_nest_loops(const wfc_be_nest *nest) {
    var v[WFC_BE_NEST_VARS];
    unsigned n = collect(nest, nest->operand[2] ? 3 : 2, v);
    return n > 4 ? n - 4 : 0;
}

wfc_status wfc_be_emit_nest(wfc_be_asm *a, const wfc_be_nest *nest) {
    var v[WFC_BE_NEST_VARS];
    unsigned operands = nest->operand[2] ? 3 : 2, n = collect(nest, operands, v);
    unsigned loops = n > 4 ? n - 4 : 0;
    if (loops > 4) {
        return wfc_be_asm_fail(
            a, wfc_fail(wfc_be_asm_diag(a), WFC_ERR_UNSUPPORTED, "WFC-E7030", wfc_be_asm_layer(a),
                        "this operator walks %u independent axes; a PE's loops and descriptors take 8", n));
    }
    uint8_t reg[WFC_BE_NEST_OPERANDS] = {0}, temp = (uint8_t)(nest->first_reg + 3);
    for (unsigned k = 0; k < operands; k++) {
        bool moves = false;
        for (unsigned i = 0; i < loops; i++) moves |= v[i].stride[k] != 0;
        reg[k] = nest->operand[k]->half_reg;
        if (!moves) continue;
        reg[k] = (uint8_t)(nest->first_reg + k);
        wfc_be_asm_op(a, WFC_OP_MOV, WFC_F32, reg[k], nest->operand[k]->half_reg, WFC_OPND_NONE, 0);
    }
    for (unsigned i = 0; i < loops; i++) wfc_be_asm_loop(a, v[i].extent);
    uint8_t d = descriptor(a, nest->operand[0], v, n, 0, reg[0]);
    uint8_t s0 = descriptor(a, nest->operand[1], v, n, 1, reg[1]);
    uint8_t s1 = operands == 3 ? descriptor(a, nest->operand[2], v, n, 2, reg[2]) : WFC_OPND_NONE;
    if (operands == 2 && nest->scalar_reg) s1 = nest->scalar_reg;
    wfc_be_asm_op(a, nest->op, WFC_F32, d, s0, s1, 0);
    for (unsigned i = loops; i-- > 0;) {
        /* Advance along this loop, taking back what the loop inside it walked. */
        for (unsigned k = 0; k < operands; k++) {
            int64_t bytes = 4 * (int64_t)v[i].stride[k];
            if (i + 1 < loops) bytes -= 4 * (int64_t)v[i + 1].stride[k] * v[i + 1].extent;
            if (reg[k] >= nest->first_reg) add_bytes(a, reg[k], bytes, temp);
        }
        wfc_be_asm_loop_end(a);
    }
    return wfc_be_asm_status(a);
}
