/* The PE's instruction set as data: one const record per instruction (isa_table.c) feeds assembler, disassembler,
 * verifier, manual and engines. Meanings: docs/isa.md.
 *
 *   instruction word, 8 bytes, little-endian:
 *   byte 0   1            2    3  4  5  6..7
 *        op  type|flags<<4 D   A  B  C  imm16
 *   operand byte: 0..15 register r0..r15 (r0 reads 0), 16..63 descriptor d0..d47, 255 none
 *
 *   descriptor, 20 bytes, little-endian:
 *   byte 0             1    2..3   4..11       12..19
 *        kind|type<<4  off  base   len[4] u16  stride[4] i16
 *   mem / ring: base = byte address, off = register added to base in bytes (0 = none, static), strides in elements,
 *               dimension 0 is the outermost; unused outer dimensions have len 1, stride 0
 *   in / out:   base = queue, len[0] * len[1] * len[2] * len[3] = elements per execution;
 *               stride[0] = control word sent after the last element (out only; 0 = none, see wfc_ctl), rest 0
 */
#ifndef WFC_PROGRAM_ISA_H
#define WFC_PROGRAM_ISA_H

#include "runtime/program/target.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WFC_NUM_REGS = 16,
    WFC_NUM_DESCS = 48,
    WFC_NUM_TASKS = 64,
    WFC_NUM_CONTEXTS = 8,
    WFC_OPND_DESC0 = 16,
    WFC_OPND_NONE = 255,
    WFC_INSN_BYTES = 8,
    WFC_DESC_BYTES = 20,
    WFC_TASK_BYTES = 4,
    WFC_QUEUE_BYTES = 2
};

typedef enum wfc_op {
    /* scalar: one cycle, no overhead */
    WFC_OP_NOP = 0,
    WFC_OP_MOVI,  /* D = sign-extended imm */
    WFC_OP_MOVIH, /* D = (D & 0xffff) | imm << 16 */
    WFC_OP_MOV,   /* D = A */
    WFC_OP_CVT,   /* D = (type) A read as the type in B; flag SAT saturates */
    WFC_OP_ADD,
    WFC_OP_SUB,
    WFC_OP_MUL,
    WFC_OP_MIN,
    WFC_OP_MAX, /* D = A op B, type f32 i32 u32; B none: B = imm (i32, u32) */
    WFC_OP_AND,
    WFC_OP_OR,
    WFC_OP_XOR,
    WFC_OP_SHL,
    WFC_OP_SHR,
    WFC_OP_SAR,
    WFC_OP_CMPEQ,
    WFC_OP_CMPLT,
    WFC_OP_CMPLE, /* D = 1 or 0 */
    WFC_OP_SEL,   /* D = A != 0 ? B : C */
    WFC_OP_LD,  /* D = element imm of descriptor A's first row: address base + off + imm * size; type of the descriptor,
                   widened to 32 bit */
    WFC_OP_ST,  /* element imm of descriptor D = A */
    WFC_OP_LDT, /* next record {u16, u16, f32} of the table at descriptor C: D, A = the u16s, B = the f32; C's off
                   register += 8 */
    /* control */
    WFC_OP_BRA, /* pc += imm (relative to this instruction); taken: branch_cycles */
    WFC_OP_BRZ,
    WFC_OP_BRNZ, /* if A == 0, A != 0 */
    WFC_OP_LOOP, /* repeat the next imm instructions A times (register), or B | C << 8 times when A is none; 0 skips;
                    zero-cost back edge; 4 levels */
    WFC_OP_LDD,  /* descriptor D = 20 bytes at descriptor A */
    WFC_OP_STD,  /* 20 bytes at descriptor D = descriptor A */
    WFC_OP_SETD, /* field imm of descriptor D = A: 0 base, 1..4 len[0..3], 5..8 stride[0..3] */
    WFC_OP_ACT,
    WFC_OP_BLK,
    WFC_OP_UBLK, /* task imm */
    WFC_OP_END,  /* the task ends */
    WFC_OP_WAIT, /* holds the main context until microthread C is idle */
    WFC_OP_HALT, /* this PE dispatches nothing more; microthreads in flight go on */
    /* scalar, long */
    WFC_OP_FDIV,
    WFC_OP_FSQRT, /* D = A / B, sqrt(A); f32, correctly rounded; divide_cycles, sqrt_cycles */
    /* vector: overhead + groups (+ bank surcharge) */
    WFC_OP_VMOV,
    WFC_OP_VCVT,
    WFC_OP_VRINT,
    WFC_OP_VNEG,
    WFC_OP_VABS, /* D = f(A) */
    WFC_OP_VADD,
    WFC_OP_VSUB,
    WFC_OP_VMUL,
    WFC_OP_VMAX,
    WFC_OP_VMIN, /* D = A op B */
    WFC_OP_VMAC, /* D += A * B, product rounded before the sum (f32) */
    WFC_OP_VAND,
    WFC_OP_VOR,
    WFC_OP_VXOR,
    WFC_OP_VSHL,
    WFC_OP_VSAR,
    WFC_OP_VCMPEQ,
    WFC_OP_VCMPLT,
    WFC_OP_VCMPLE, /* D = 1 or 0 in D's type */
    WFC_OP_VSEL,   /* D = D != 0 ? A : B (D read as bits, overwritten) */
    WFC_OP_VDOT,   /* register D += sum A * B, in element order */
    WFC_OP_VREDSUM,
    WFC_OP_VREDPROD,
    WFC_OP_VREDMAX,
    WFC_OP_VREDMIN,
    WFC_OP_VREDAND,
    WFC_OP_VREDOR, /* register D = D op all of A */
    WFC_OP_VARGMAX,
    WFC_OP_VARGMIN, /* register D = index of the first extreme of A; register B = its value */
    WFC_OP_VDIV,
    WFC_OP_VSQRT, /* n x divide_cycles, n x sqrt_cycles */
    WFC_OP_VGAT,  /* D[i] = A[B[i]]: A a mem array descriptor (len[3] = its element count), B indices (integer type) */
    WFC_OP_VSCATSET,
    WFC_OP_VSCATADD,
    WFC_OP_VSCATMAX,
    WFC_OP_VSCATMIN, /* D[B[i]] op= A[i]; out of range traps, or is dropped with flag DROP */
    /* fabric */
    WFC_OP_VSENDNZ, /* D out queue <- the non-zeros of A as (index, value): index wavelet then value wavelet (f32), one
                       wavelet index16 | value16 << 16 (f16), then D's control word */
    WFC_OP_SENDC,   /* one control wavelet on out descriptor D with control word imm */
    WFC_OP_COUNT
} wfc_op;

/* flags (4 bits) */
enum {
    WFC_FLAG_ASYNC = 1, /* vector / fabric: runs on microthread C; completion action in bits 1-2, task in imm */
    WFC_FLAG_ACT = 2,   /* on completion activate task imm */
    WFC_FLAG_UBLK = 4,  /* on completion unblock task imm */
    WFC_FLAG_SAT = 8,   /* narrowing saturates (cvt, vcvt); DROP for vscat */
    WFC_FLAG_DROP = 8
};

typedef struct wfc_insn {
    uint8_t op, type, flags, d, a, b, c;
    uint16_t imm;
} wfc_insn;

typedef enum wfc_desc_kind {
    WFC_DESC_NONE = 0,
    WFC_DESC_MEM = 1,
    WFC_DESC_IN = 2,
    WFC_DESC_OUT = 3,
    WFC_DESC_RING = 4
} wfc_desc_kind;
typedef struct wfc_desc {
    uint8_t kind, type; /* wfc_desc_kind, wfc_dtype */
    uint8_t off;        /* register added to base, 0 none (mem, ring) */
    uint16_t base;      /* byte address, or queue */
    uint16_t len[4];
    int16_t stride[4];
} wfc_desc;

/* Control word, 16 bits: bit 15 present, bits 0-1 command for the sender's own router, bits 2-3 for all routers after
 * it (0 nop, 1 advance, 2 reset), bits 4-9 task id at the receiving PE, bit 10 deliver to PEs. Without bit 10 the RAMP
 * copy is dropped at the router and needs neither port nor credit. The same 16 bits are a control wavelet's payload. */
enum { WFC_CTL_PRESENT = 0x8000, WFC_CTL_NOP = 0, WFC_CTL_ADVANCE = 1, WFC_CTL_RESET = 2, WFC_CTL_DELIVER = 0x400 };
#define WFC_CTL(first, rest) ((uint16_t)(WFC_CTL_PRESENT | (first) | (rest) << 2))
#define WFC_CTL_TASK(first, rest, task) ((uint16_t)(WFC_CTL(first, rest) | WFC_CTL_DELIVER | (task) << 4))

typedef enum wfc_timing {
    WFC_TIME_SCALAR,
    WFC_TIME_CONTROL,
    WFC_TIME_LONG,
    WFC_TIME_VECTOR,
    WFC_TIME_SLOW,
    WFC_TIME_FABRIC
} wfc_timing;
/* What an operand byte may hold: bit set. */
enum {
    WFC_OPND_IS_NONE = 1,
    WFC_OPND_IS_REG = 2,
    WFC_OPND_IS_MEM = 4, /* mem or ring */
    WFC_OPND_IS_IN = 8,
    WFC_OPND_IS_OUT = 16,
    WFC_OPND_IS_RAW = 32,      /* a plain number: the source type of cvt, a byte of loop's count */
    WFC_OPND_IS_UT = 64,       /* microthread number 1..7: C of an asynchronous instruction and of wait */
    WFC_OPND_IS_ANY_DESC = 128 /* a descriptor of any kind, none included (ldd, std, setd) */
};
typedef struct wfc_isa_record {
    uint8_t op;           /* wfc_op, equals the index */
    const char *mnemonic; /* "vadd", "cmp.lt", "vred.sum" */
    uint8_t timing;       /* wfc_timing */
    uint8_t simd;         /* wfc_simd_class, vector only */
    uint8_t d, a, b, c;   /* allowed operand kinds */
    uint16_t types;       /* bit per wfc_dtype that `type` may be */
    bool uses_imm;
    const char *doc; /* one line, for the manual */
} wfc_isa_record;
const wfc_isa_record *wfc_isa_lookup(unsigned op);        /* NULL when there is none */
const wfc_isa_record *wfc_isa_find(const char *mnemonic); /* NULL when there is none */

void wfc_insn_encode(const wfc_insn *in, uint8_t out[WFC_INSN_BYTES]);
void wfc_insn_decode(const uint8_t in[WFC_INSN_BYTES], wfc_insn *out);
void wfc_desc_encode(const wfc_desc *in, uint8_t out[WFC_DESC_BYTES]);
void wfc_desc_decode(const uint8_t in[WFC_DESC_BYTES], wfc_desc *out);
/* Elements one execution walks: product of len. */
uint32_t wfc_desc_elems(const wfc_desc *d);

/* Elements of one wavelet of this dtype: 1 for 32-bit, 2 for 16-bit, 4 for 8-bit types; low bits first. */
unsigned wfc_elems_per_wavelet(wfc_dtype t);

/* Cost of one execution on the datapath, without waiting: overhead cycles (context held, datapath free) and busy
 * cycles (datapath). Used by engine and cost model alike, so they cannot drift. `d`, `a`, `b`: descriptors, NULL for
 * registers. A group is min(SIMD width, elements) elements, with a fabric operand the elements of one wavelet; it takes
 * the larger of its arithmetic (times move_cycles on a microthread with a fabric operand) and its SRAM cycles. A
 * control word after the last element is one group more. vsendnz: the groups when no element is zero. Scalar and
 * control: one group of one cycle; a taken branch takes the target's branch_cycles instead, which the engine adds. */
typedef struct wfc_insn_cost {
    uint32_t overhead_cycles, groups, cycles_per_group;
} wfc_insn_cost;
wfc_insn_cost wfc_isa_cost(const wfc_target *t, const wfc_insn *in, const wfc_desc *d, const wfc_desc *a,
                           const wfc_desc *b);

#endif
