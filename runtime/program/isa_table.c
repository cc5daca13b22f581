/* The one table of instructions. A record's columns: mnemonic, timing, SIMD class, what operand bytes D A B C may hold,
 * element types of the `type` field (0: the field must be 0), whether imm means something, one line for the manual.
 * Adding an instruction: its enum value in isa.h, one record here, its meaning in the engine, one fabric test;
 * docs/isa.md is regenerated from this file. */
#include "runtime/program/isa.h"

#include <string.h>

#define T(t) (1u << (t))
#define T_32 (T(WFC_F32) | T(WFC_I32) | T(WFC_U32))
#define T_I32 (T(WFC_I32) | T(WFC_U32))
#define T_INT (T_I32 | T(WFC_I16) | T(WFC_U16) | T(WFC_I8) | T(WFC_U8))
#define T_FLOAT (T(WFC_F32) | T(WFC_F16))
#define T_ARITH (T_FLOAT | T_INT)
#define T_SIGNED (T_FLOAT | T(WFC_I32) | T(WFC_I16) | T(WFC_I8))
#define T_ALL (T_ARITH | T(WFC_BF16))
#define T_F32 T(WFC_F32)
#define T_MAC (T(WFC_F32) | T(WFC_F16) | T(WFC_I32) | T(WFC_I16) | T(WFC_I8) | T(WFC_U8))

#define NO WFC_OPND_IS_NONE
#define RG WFC_OPND_IS_REG
#define ME WFC_OPND_IS_MEM
#define DE (WFC_OPND_IS_MEM | WFC_OPND_IS_IN | WFC_OPND_IS_OUT | WFC_OPND_IS_ANY_DESC)
#define RI (WFC_OPND_IS_REG | WFC_OPND_IS_NONE)
#define SRC (WFC_OPND_IS_REG | WFC_OPND_IS_MEM | WFC_OPND_IS_IN)
#define STM (WFC_OPND_IS_MEM | WFC_OPND_IS_IN)
#define DST (WFC_OPND_IS_MEM | WFC_OPND_IS_OUT)
#define OUT WFC_OPND_IS_OUT
#define TY WFC_OPND_IS_RAW
#define UT WFC_OPND_IS_UT
#define AS (WFC_OPND_IS_NONE | WFC_OPND_IS_UT)

#define SCALAR(op, name, d, a, b, c, types, imm, doc)                                                                  \
    [op] = {op, name, WFC_TIME_SCALAR, WFC_SIMD_ONE, d, a, b, c, types, imm, doc}
#define CONTROL(op, name, d, a, b, c, types, imm, doc)                                                                 \
    [op] = {op, name, WFC_TIME_CONTROL, WFC_SIMD_ONE, d, a, b, c, types, imm, doc}
#define VECTOR(op, name, simd, d, a, b, types, doc)                                                                    \
    [op] = {op, name, WFC_TIME_VECTOR, simd, d, a, b, AS, types, false, doc}
#define SLOW(op, name, d, a, b, types, doc)                                                                            \
    [op] = {op, name, WFC_TIME_SLOW, WFC_SIMD_ONE, d, a, b, AS, types, false, doc}

static const wfc_isa_record TABLE[WFC_OP_COUNT] = {
    SCALAR(WFC_OP_NOP, "nop", NO, NO, NO, NO, 0, false, "nothing"),
    SCALAR(WFC_OP_MOVI, "movi", RG, NO, NO, NO, 0, true, "D = imm, sign-extended"),
    SCALAR(WFC_OP_MOVIH, "movih", RG, NO, NO, NO, 0, true, "upper half of D = imm"),
    SCALAR(WFC_OP_MOV, "mov", RG, RG, NO, NO, 0, false, "D = A, 32 bits"),
    SCALAR(WFC_OP_CVT, "cvt", RG, RG, TY, NO, T_ALL, false, "D = A converted from the type in byte B to the type"),
    SCALAR(WFC_OP_ADD, "add", RG, RG, RI, NO, T_32, true, "D = A + B"),
    SCALAR(WFC_OP_SUB, "sub", RG, RG, RI, NO, T_32, true, "D = A - B"),
    SCALAR(WFC_OP_MUL, "mul", RG, RG, RI, NO, T_32, true, "D = A * B"),
    SCALAR(WFC_OP_MIN, "min", RG, RG, RI, NO, T_32, true, "D = smaller of A, B; NaN if either is"),
    SCALAR(WFC_OP_MAX, "max", RG, RG, RI, NO, T_32, true, "D = larger of A, B; NaN if either is"),
    SCALAR(WFC_OP_AND, "and", RG, RG, RI, NO, T_I32, true, "D = A and B, bitwise"),
    SCALAR(WFC_OP_OR, "or", RG, RG, RI, NO, T_I32, true, "D = A or B, bitwise"),
    SCALAR(WFC_OP_XOR, "xor", RG, RG, RI, NO, T_I32, true, "D = A xor B, bitwise"),
    SCALAR(WFC_OP_SHL, "shl", RG, RG, RI, NO, T_I32, true, "D = A shifted left by B mod 32"),
    SCALAR(WFC_OP_SHR, "shr", RG, RG, RI, NO, T_I32, true, "D = A shifted right by B mod 32, zeros enter"),
    SCALAR(WFC_OP_SAR, "sar", RG, RG, RI, NO, T_I32, true, "D = A shifted right by B mod 32, the sign enters"),
    SCALAR(WFC_OP_CMPEQ, "cmp.eq", RG, RG, RI, NO, T_32, true, "D = 1 if A = B, else 0"),
    SCALAR(WFC_OP_CMPLT, "cmp.lt", RG, RG, RI, NO, T_32, true, "D = 1 if A < B, else 0"),
    SCALAR(WFC_OP_CMPLE, "cmp.le", RG, RG, RI, NO, T_32, true, "D = 1 if A <= B, else 0"),
    SCALAR(WFC_OP_SEL, "sel", RG, RG, RG, RG, 0, false, "D = B if A is not 0, else C"),
    SCALAR(WFC_OP_LD, "ld", RG, ME, NO, NO, 0, true, "D = element imm of descriptor A, widened to 32 bits"),
    SCALAR(WFC_OP_ST, "st", ME, RG, NO, NO, 0, true, "element imm of descriptor D = A, narrowed"),
    SCALAR(WFC_OP_LDT, "ldt", RG, RG, RG, ME, 0, false,
           "next 8-byte record {u16, u16, 32 bits} of table C into D, A, B; C's off register += 8"),
    CONTROL(WFC_OP_BRA, "bra", NO, NO, NO, NO, 0, true, "branch by imm instructions"),
    CONTROL(WFC_OP_BRZ, "brz", NO, RG, NO, NO, 0, true, "branch if A is 0"),
    CONTROL(WFC_OP_BRNZ, "brnz", NO, RG, NO, NO, 0, true, "branch if A is not 0"),
    CONTROL(WFC_OP_LOOP, "loop", NO, RI, WFC_OPND_IS_RAW | NO, WFC_OPND_IS_RAW | NO, 0, true,
            "the next imm instructions A times, or B | C << 8 times"),
    CONTROL(WFC_OP_LDD, "ldd", DE, ME, NO, NO, 0, false, "descriptor D = the 20 bytes at A"),
    CONTROL(WFC_OP_STD, "std", ME, DE, NO, NO, 0, false, "the 20 bytes at D = descriptor A"),
    CONTROL(WFC_OP_SETD, "setd", DE, RG, NO, NO, 0, true, "field imm of descriptor D = A"),
    CONTROL(WFC_OP_ACT, "act", NO, NO, NO, NO, 0, true, "activates task imm"),
    CONTROL(WFC_OP_BLK, "blk", NO, NO, NO, NO, 0, true, "blocks task imm"),
    CONTROL(WFC_OP_UBLK, "ublk", NO, NO, NO, NO, 0, true, "unblocks task imm"),
    CONTROL(WFC_OP_END, "end", NO, NO, NO, NO, 0, false, "the task ends"),
    CONTROL(WFC_OP_WAIT, "wait", NO, NO, NO, UT, 0, false, "main waits until microthread C is idle"),
    CONTROL(WFC_OP_HALT, "halt", NO, NO, NO, NO, 0, false, "no task is dispatched any more"),
    [WFC_OP_FDIV] = {WFC_OP_FDIV, "fdiv", WFC_TIME_LONG, WFC_SIMD_ONE, RG, RG, RG, NO, T_F32, false,
                     "D = A / B, correctly rounded"},
    [WFC_OP_FSQRT] = {WFC_OP_FSQRT, "fsqrt", WFC_TIME_LONG, WFC_SIMD_ONE, RG, RG, NO, NO, T_F32, false,
                      "D = square root of A, correctly rounded"},
    VECTOR(WFC_OP_VMOV, "vmov", WFC_SIMD_MOV, DST, SRC, NO, T_ALL, "D = A"),
    VECTOR(WFC_OP_VCVT, "vcvt", WFC_SIMD_CVT, DST, SRC, NO, T_ALL, "D = A converted; .sat saturates"),
    VECTOR(WFC_OP_VRINT, "vrint", WFC_SIMD_CVT, DST, SRC, NO, T_FLOAT, "D = A rounded to the nearest even integer"),
    VECTOR(WFC_OP_VNEG, "vneg", WFC_SIMD_MOV, DST, SRC, NO, T_SIGNED, "D = -A"),
    VECTOR(WFC_OP_VABS, "vabs", WFC_SIMD_MOV, DST, SRC, NO, T_SIGNED, "D = absolute value of A"),
    VECTOR(WFC_OP_VADD, "vadd", WFC_SIMD_ADD, DST, SRC, SRC, T_ARITH, "D = A + B"),
    VECTOR(WFC_OP_VSUB, "vsub", WFC_SIMD_ADD, DST, SRC, SRC, T_ARITH, "D = A - B"),
    VECTOR(WFC_OP_VMUL, "vmul", WFC_SIMD_MUL, DST, SRC, SRC, T_ARITH, "D = A * B"),
    VECTOR(WFC_OP_VMAX, "vmax", WFC_SIMD_MAX, DST, SRC, SRC, T_ARITH, "D = larger of A, B; NaN if either is"),
    VECTOR(WFC_OP_VMIN, "vmin", WFC_SIMD_MAX, DST, SRC, SRC, T_ARITH, "D = smaller of A, B; NaN if either is"),
    VECTOR(WFC_OP_VMAC, "vmac", WFC_SIMD_FMAC, ME, SRC, SRC, T_MAC, "D += A * B, the product rounded first"),
    VECTOR(WFC_OP_VAND, "vand", WFC_SIMD_LOGIC, DST, SRC, SRC, T_INT, "D = A and B, bitwise"),
    VECTOR(WFC_OP_VOR, "vor", WFC_SIMD_LOGIC, DST, SRC, SRC, T_INT, "D = A or B, bitwise"),
    VECTOR(WFC_OP_VXOR, "vxor", WFC_SIMD_LOGIC, DST, SRC, SRC, T_INT, "D = A xor B, bitwise"),
    VECTOR(WFC_OP_VSHL, "vshl", WFC_SIMD_SHIFT, DST, SRC, SRC, T_INT, "D = A shifted left by B mod 32"),
    VECTOR(WFC_OP_VSAR, "vsar", WFC_SIMD_SHIFT, DST, SRC, SRC, T_INT,
           "D = A shifted right by B mod 32, the sign enters"),
    VECTOR(WFC_OP_VCMPEQ, "vcmp.eq", WFC_SIMD_CMP, DST, SRC, SRC, T_ARITH, "D = 1 if A = B, else 0, in D's type"),
    VECTOR(WFC_OP_VCMPLT, "vcmp.lt", WFC_SIMD_CMP, DST, SRC, SRC, T_ARITH, "D = 1 if A < B, else 0, in D's type"),
    VECTOR(WFC_OP_VCMPLE, "vcmp.le", WFC_SIMD_CMP, DST, SRC, SRC, T_ARITH, "D = 1 if A <= B, else 0, in D's type"),
    VECTOR(WFC_OP_VSEL, "vsel", WFC_SIMD_LOGIC, ME, SRC, SRC, T_ALL, "D = A where D's bits are not 0, else B"),
    VECTOR(WFC_OP_VDOT, "vdot", WFC_SIMD_FMAC, RG, SRC, SRC, T_MAC, "register D += sum of A * B, in element order"),
    VECTOR(WFC_OP_VREDSUM, "vred.sum", WFC_SIMD_ADD, RG, STM, NO, T_ARITH, "register D += all of A, in element order"),
    VECTOR(WFC_OP_VREDPROD, "vred.prod", WFC_SIMD_MUL, RG, STM, NO, T_ARITH, "register D *= all of A, in order"),
    VECTOR(WFC_OP_VREDMAX, "vred.max", WFC_SIMD_MAX, RG, STM, NO, T_ARITH, "register D = largest of D and all of A"),
    VECTOR(WFC_OP_VREDMIN, "vred.min", WFC_SIMD_MAX, RG, STM, NO, T_ARITH, "register D = smallest of D and all of A"),
    VECTOR(WFC_OP_VREDAND, "vred.and", WFC_SIMD_LOGIC, RG, STM, NO, T_INT, "register D = D and all of A, bitwise"),
    VECTOR(WFC_OP_VREDOR, "vred.or", WFC_SIMD_LOGIC, RG, STM, NO, T_INT, "register D = D or all of A, bitwise"),
    VECTOR(WFC_OP_VARGMAX, "vargmax", WFC_SIMD_MAX, RG, STM, RI, T_ARITH,
           "register D = index of A's first largest, register B (if any) its value"),
    VECTOR(WFC_OP_VARGMIN, "vargmin", WFC_SIMD_MAX, RG, STM, RI, T_ARITH,
           "register D = index of A's first smallest, register B (if any) its value"),
    SLOW(WFC_OP_VDIV, "vdiv", DST, SRC, SRC, T_FLOAT, "D = A / B, divide_cycles per element"),
    SLOW(WFC_OP_VSQRT, "vsqrt", DST, SRC, NO, T_FLOAT, "D = square root of A, sqrt_cycles per element"),
    SLOW(WFC_OP_VGAT, "vgat", DST, ME, STM, T_ALL, "D[i] = A[B[i]], A of len[3] elements; out of range traps"),
    SLOW(WFC_OP_VSCATSET, "vscat.set", ME, SRC, STM, T_ALL, "D[B[i]] = A[i]; out of range traps, .drop drops"),
    SLOW(WFC_OP_VSCATADD, "vscat.add", ME, SRC, STM, T_ARITH, "D[B[i]] += A[i]; out of range traps, .drop drops"),
    SLOW(WFC_OP_VSCATMAX, "vscat.max", ME, SRC, STM, T_ARITH, "D[B[i]] = larger of it and A[i]; .drop as above"),
    SLOW(WFC_OP_VSCATMIN, "vscat.min", ME, SRC, STM, T_ARITH, "D[B[i]] = smaller of it and A[i]; .drop as above"),
    [WFC_OP_VSENDNZ] = {WFC_OP_VSENDNZ, "vsendnz", WFC_TIME_FABRIC, WFC_SIMD_ONE, OUT, ME, NO, AS, T_FLOAT, false,
                        "queue D gets (index, value) of A's non-zeros, then D's control word"},
    [WFC_OP_SENDC] = {WFC_OP_SENDC, "sendc", WFC_TIME_FABRIC, WFC_SIMD_ONE, OUT, NO, NO, AS, 0, true,
                      "queue D gets one control wavelet imm"},
};

const wfc_isa_record *wfc_isa_lookup(unsigned op) {
    return op < WFC_OP_COUNT ? &TABLE[op] : NULL;
}

const wfc_isa_record *wfc_isa_find(const char *mnemonic) {
    for (unsigned i = 0; i < WFC_OP_COUNT; i++)
        if (strcmp(TABLE[i].mnemonic, mnemonic) == 0) return &TABLE[i];
    return NULL;
}
