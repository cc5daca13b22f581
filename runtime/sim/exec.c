/* Scalar and control instructions, one small function per family; the table at the end says which runs which. Each
 * returns its datapath cycles and leaves the next pc in p->next_pc. */
#include "runtime/sim/engine.h"
#include "runtime/sim/kernels.h"

#include <string.h>

static uint32_t sign_extend(uint16_t imm) {
    return imm < 0x8000 ? imm : imm | 0xffff0000u;
}

static void set_reg(pe *p, uint8_t reg, uint32_t v) {
    if (reg != 0 && reg < WFC_NUM_REGS) p->r[reg] = v;
}

static uint32_t x_nop(wfc_engine *e, pe *p, const wfc_insn *in) {
    (void)e, (void)p, (void)in;
    return 1;
}

static uint32_t x_move(wfc_engine *e, pe *p, const wfc_insn *in) {
    (void)e;
    uint32_t v = 0;
    switch (in->op) {
    case WFC_OP_MOVI: v = sign_extend(in->imm); break;
    case WFC_OP_MOVIH: v = (p->r[in->d] & 0xffff) | (uint32_t)in->imm << 16; break;
    case WFC_OP_MOV: v = p->r[in->a]; break;
    case WFC_OP_SEL: v = p->r[in->a] ? p->r[in->b] : p->r[in->c]; break;
    default: break;
    }
    set_reg(p, in->d, v);
    return 1;
}

static uint32_t x_cvt(wfc_engine *e, pe *p, const wfc_insn *in) {
    const unsigned types = WFC_NUM_PE_DTYPES;
    if (in->b >= types) {
        sim_trap(e, p, 0, p->pc, "cvt from unknown type %u", in->b);
        return 1;
    }
    wfc_dtype from = (wfc_dtype)in->b, to = (wfc_dtype)in->type;
    uint32_t v = elem_convert(p->r[in->a], from, to, in->flags & WFC_FLAG_SAT);
    set_reg(p, in->d, elem_widen(to, elem_narrow(to, v)));
    return 1;
}

/* Scalars share their meaning with the vector form: the same kernel on one element. */
static uint32_t x_binary(wfc_engine *e, pe *p, const wfc_insn *in) {
    (void)e;
    static const uint8_t vector_op[WFC_OP_COUNT] = {
        [WFC_OP_ADD] = WFC_OP_VADD,     [WFC_OP_SUB] = WFC_OP_VSUB,     [WFC_OP_MUL] = WFC_OP_VMUL,
        [WFC_OP_MIN] = WFC_OP_VMIN,     [WFC_OP_MAX] = WFC_OP_VMAX,     [WFC_OP_AND] = WFC_OP_VAND,
        [WFC_OP_OR] = WFC_OP_VOR,       [WFC_OP_XOR] = WFC_OP_VXOR,     [WFC_OP_SHL] = WFC_OP_VSHL,
        [WFC_OP_SAR] = WFC_OP_VSAR,     [WFC_OP_CMPEQ] = WFC_OP_VCMPEQ, [WFC_OP_CMPLT] = WFC_OP_VCMPLT,
        [WFC_OP_CMPLE] = WFC_OP_VCMPLE, [WFC_OP_FDIV] = WFC_OP_VDIV,    [WFC_OP_FSQRT] = WFC_OP_VSQRT,
    };
    uint32_t a = p->r[in->a], b = in->b == WFC_OPND_NONE ? sign_extend(in->imm) : p->r[in->b], d;
    if (in->op == WFC_OP_SHR)
        d = a >> (b & 31);
    else
        kernel_find(vector_op[in->op], (wfc_dtype)in->type)(&d, &a, &b, 1);
    set_reg(p, in->d, d);
    return in->op == WFC_OP_FDIV ? e->target->divide_cycles : in->op == WFC_OP_FSQRT ? e->target->sqrt_cycles : 1;
}

static uint8_t *at_address(pe *p, uint32_t addr) {
    return p->mem + (addr - p->info->mem_lo);
}

static uint32_t x_load_store(wfc_engine *e, pe *p, const wfc_insn *in) {
    const uint8_t byte = in->op == WFC_OP_LD ? in->a : in->d;
    wfc_dtype type = (wfc_dtype)p->descs[byte - WFC_OPND_DESC0].raw.type;
    uint32_t addr, bytes = wfc_dtype_bytes(type);
    if (!issue_address(e, p, byte, in->imm, bytes, &addr)) return 1;
    if (in->op == WFC_OP_LD)
        set_reg(p, in->d, elem_load(at_address(p, addr), type));
    else
        elem_store(at_address(p, addr), type, p->r[in->a]);
    return 1;
}

static uint32_t get16(const uint8_t *b) {
    return (uint32_t)b[0] | (uint32_t)b[1] << 8;
}

static uint32_t x_ldt(wfc_engine *e, pe *p, const wfc_insn *in) {
    uint32_t addr;
    if (!issue_address(e, p, in->c, 0, 8, &addr)) return 1;
    const uint8_t *b = at_address(p, addr);
    uint8_t off = p->descs[in->c - WFC_OPND_DESC0].raw.off & (WFC_NUM_REGS - 1);
    set_reg(p, off, p->r[off] + 8);
    set_reg(p, in->d, get16(b));
    set_reg(p, in->a, get16(b + 2));
    set_reg(p, in->b, get16(b + 4) | get16(b + 6) << 16);
    return 1;
}

static uint32_t x_branch(wfc_engine *e, pe *p, const wfc_insn *in) {
    bool taken = in->op == WFC_OP_BRA || (p->r[in->a & (WFC_NUM_REGS - 1)] == 0) == (in->op == WFC_OP_BRZ);
    if (!taken) return 1;
    p->next_pc = p->pc + sign_extend(in->imm); /* out of the code traps when it becomes current */
    return e->target->branch_cycles ? e->target->branch_cycles : 1;
}

static uint32_t x_loop(wfc_engine *e, pe *p, const wfc_insn *in) {
    uint32_t count = in->a == WFC_OPND_NONE ? in->b | (uint32_t)in->c << 8 : p->r[in->a];
    if (count == 0 || in->imm == 0) {
        p->next_pc = p->pc + 1 + in->imm;
        return 1;
    }
    if (p->depth == LOOP_DEPTH) {
        sim_trap(e, p, 0, p->pc, "loops are nested deeper than %d", LOOP_DEPTH);
        return 1;
    }
    p->loops[p->depth++] = (loop_frame){p->pc + 1, p->pc + 1 + in->imm, count};
    return 1;
}

static uint32_t x_descriptor(wfc_engine *e, pe *p, const wfc_insn *in) {
    uint32_t addr;
    if (in->op == WFC_OP_STD) {
        if (!issue_address(e, p, in->d, 0, WFC_DESC_BYTES, &addr)) return 1;
        wfc_desc_encode(&p->descs[in->a - WFC_OPND_DESC0].raw, at_address(p, addr));
        return 1;
    }
    if (in->op == WFC_OP_LDD && !issue_address(e, p, in->a, 0, WFC_DESC_BYTES, &addr)) return 1;
    desc_info *own = issue_own_descs(e, p);
    if (!own) return 1;
    desc_info *d = &own[in->d - WFC_OPND_DESC0];
    uint16_t v = (uint16_t)p->r[in->a & (WFC_NUM_REGS - 1)];
    if (in->op == WFC_OP_LDD)
        wfc_desc_decode(at_address(p, addr), &d->raw);
    else if (in->imm == 0)
        d->raw.base = v;
    else if (in->imm <= 4)
        d->raw.len[in->imm - 1] = v;
    else if (in->imm <= 8)
        memcpy(&d->raw.stride[in->imm - 5], &v, sizeof v);
    else
        sim_trap(e, p, 0, p->pc, "setd of unknown field %u", in->imm);
    if (d->raw.off >= WFC_NUM_REGS) sim_trap(e, p, 0, p->pc, "descriptor with unknown register %u", d->raw.off);
    sim_desc_prepare(p->info, d);
    return 1;
}

static uint32_t x_task(wfc_engine *e, pe *p, const wfc_insn *in) {
    if (in->imm >= WFC_NUM_TASKS || !(p->info->tasks >> in->imm & 1)) {
        sim_trap(e, p, 0, p->pc, "task %u does not exist", in->imm);
        return 1;
    }
    uint64_t bit = 1ull << in->imm;
    if (in->op == WFC_OP_ACT)
        p->active |= bit;
    else if (in->op == WFC_OP_BLK)
        p->blocked |= bit;
    else
        p->blocked &= ~bit;
    return 1;
}

static uint32_t x_end(wfc_engine *e, pe *p, const wfc_insn *in) {
    (void)e;
    p->task = NONE8;
    if (in->op == WFC_OP_HALT) p->halted = true;
    return 1;
}

typedef uint32_t (*scalar_fn)(wfc_engine *e, pe *p, const wfc_insn *in);
static const scalar_fn SCALARS[WFC_OP_COUNT] = {
    [WFC_OP_NOP] = x_nop,     [WFC_OP_MOVI] = x_move,      [WFC_OP_MOVIH] = x_move,     [WFC_OP_MOV] = x_move,
    [WFC_OP_SEL] = x_move,    [WFC_OP_CVT] = x_cvt,        [WFC_OP_ADD] = x_binary,     [WFC_OP_SUB] = x_binary,
    [WFC_OP_MUL] = x_binary,  [WFC_OP_MIN] = x_binary,     [WFC_OP_MAX] = x_binary,     [WFC_OP_AND] = x_binary,
    [WFC_OP_OR] = x_binary,   [WFC_OP_XOR] = x_binary,     [WFC_OP_SHL] = x_binary,     [WFC_OP_SHR] = x_binary,
    [WFC_OP_SAR] = x_binary,  [WFC_OP_CMPEQ] = x_binary,   [WFC_OP_CMPLT] = x_binary,   [WFC_OP_CMPLE] = x_binary,
    [WFC_OP_FDIV] = x_binary, [WFC_OP_FSQRT] = x_binary,   [WFC_OP_LD] = x_load_store,  [WFC_OP_ST] = x_load_store,
    [WFC_OP_LDT] = x_ldt,     [WFC_OP_BRA] = x_branch,     [WFC_OP_BRZ] = x_branch,     [WFC_OP_BRNZ] = x_branch,
    [WFC_OP_LOOP] = x_loop,   [WFC_OP_LDD] = x_descriptor, [WFC_OP_STD] = x_descriptor, [WFC_OP_SETD] = x_descriptor,
    [WFC_OP_ACT] = x_task,    [WFC_OP_BLK] = x_task,       [WFC_OP_UBLK] = x_task,      [WFC_OP_END] = x_end,
    [WFC_OP_HALT] = x_end,
};

uint32_t exec_scalar(wfc_engine *e, pe *p, const wfc_insn *in) {
    p->next_pc = p->pc + 1;
    uint32_t cycles = SCALARS[in->op](e, p, in);
    return cycles ? cycles : 1;
}
