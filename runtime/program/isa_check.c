#include "runtime/program/isa_check.h"

bool wfc_isa_has_immediate_form(unsigned op) {
    return op >= WFC_OP_ADD && op <= WFC_OP_CMPLE;
}

bool wfc_isa_is_vector(const wfc_isa_record *isa) {
    return isa->timing == WFC_TIME_VECTOR || isa->timing == WFC_TIME_SLOW || isa->timing == WFC_TIME_FABRIC;
}

const char *wfc_ctl_problem(uint16_t word) {
    if (!(word & WFC_CTL_PRESENT)) return "a control word needs bit 15";
    if (word & 0x7800) return "bits 11 to 14 of a control word must be 0";
    if ((word & 3) == 3 || (word >> 2 & 3) == 3) return "switch command 3 does not exist (0 nop, 1 advance, 2 reset)";
    if (!(word & WFC_CTL_DELIVER) && (word & 0x3f0)) return "a task without the deliver bit";
    return NULL;
}

const char *wfc_isa_operand_names(unsigned kinds) {
    switch (kinds & ~(unsigned)WFC_OPND_IS_NONE) {
    case 0: return "nothing";
    case WFC_OPND_IS_REG: return "a register";
    case WFC_OPND_IS_MEM: return "a memory descriptor";
    case WFC_OPND_IS_OUT: return "an out descriptor";
    case WFC_OPND_IS_MEM | WFC_OPND_IS_IN: return "a memory or in descriptor";
    case WFC_OPND_IS_MEM | WFC_OPND_IS_OUT: return "a memory or out descriptor";
    case WFC_OPND_IS_REG | WFC_OPND_IS_MEM | WFC_OPND_IS_IN: return "a register, a memory or an in descriptor";
    case WFC_OPND_IS_RAW: return "a number";
    case WFC_OPND_IS_UT: return "a microthread";
    default: return kinds & WFC_OPND_IS_ANY_DESC ? "a descriptor" : "another operand";
    }
}

static const unsigned DESC_KINDS = WFC_OPND_IS_MEM | WFC_OPND_IS_IN | WFC_OPND_IS_OUT | WFC_OPND_IS_ANY_DESC;

static bool operand_ok(unsigned kinds, uint8_t v) {
    if (kinds & WFC_OPND_IS_RAW) return true; /* see raw_problem */
    if (v == WFC_OPND_NONE) return kinds & WFC_OPND_IS_NONE;
    if (kinds & WFC_OPND_IS_UT) return v >= 1 && v < WFC_NUM_CONTEXTS;
    if (v < WFC_NUM_REGS) return kinds & WFC_OPND_IS_REG;
    return v < WFC_OPND_DESC0 + WFC_NUM_DESCS && (kinds & DESC_KINDS);
}

static const char *raw_problem(const wfc_insn *in) {
    if (in->op == WFC_OP_CVT && in->b >= WFC_NUM_PE_DTYPES) return "byte B is not an element type";
    if (in->op == WFC_OP_LOOP && in->a != WFC_OPND_NONE && (in->b != WFC_OPND_NONE || in->c != WFC_OPND_NONE))
        return "a loop counted by a register has no bytes B and C";
    return NULL;
}

static const char *flag_problem(const wfc_isa_record *isa, const wfc_insn *in) {
    if (in->flags > 15) return "flags beyond 4 bits";
    bool async = in->flags & WFC_FLAG_ASYNC;
    if (async && !wfc_isa_is_vector(isa)) return "only vector and fabric instructions run on a microthread";
    if (wfc_isa_is_vector(isa) && async != (in->c != WFC_OPND_NONE))
        return "operand C names the microthread exactly if the asynchronous flag is set";
    if ((in->flags & (WFC_FLAG_ACT | WFC_FLAG_UBLK)) && (!async || in->op == WFC_OP_SENDC))
        return "only asynchronous instructions without an immediate have a completion action";
    bool scatter = in->op >= WFC_OP_VSCATSET && in->op <= WFC_OP_VSCATMIN;
    if ((in->flags & WFC_FLAG_SAT) && in->op != WFC_OP_CVT && in->op != WFC_OP_VCVT && !scatter)
        return "flag sat or drop on an instruction that has none";
    return NULL;
}

static const char *imm_problem(const wfc_isa_record *isa, const wfc_insn *in) {
    switch (in->op) {
    case WFC_OP_LOOP: return in->imm == 0 ? "a loop over no instruction" : NULL;
    case WFC_OP_SETD: return in->imm > 8 ? "setd field beyond 8 (0 base, 1..4 len, 5..8 stride)" : NULL;
    case WFC_OP_ACT:
    case WFC_OP_BLK:
    case WFC_OP_UBLK: return in->imm >= WFC_NUM_TASKS ? "task id beyond 63" : NULL;
    case WFC_OP_SENDC: return wfc_ctl_problem(in->imm);
    default: break;
    }
    if (wfc_isa_has_immediate_form(in->op)) {
        if (in->b == WFC_OPND_NONE) return in->type == WFC_F32 ? "an immediate operand in f32" : NULL;
        return in->imm ? "an immediate beside operand B" : NULL;
    }
    if (in->flags & (WFC_FLAG_ACT | WFC_FLAG_UBLK)) return in->imm >= WFC_NUM_TASKS ? "task id beyond 63" : NULL;
    return in->imm && !isa->uses_imm ? "an immediate that means nothing" : NULL;
}

const char *wfc_isa_problem(const wfc_insn *in) {
    const wfc_isa_record *isa = wfc_isa_lookup(in->op);
    if (!isa) return "unknown operation code";
    if (isa->types == 0 && in->type != 0) return "a type on an instruction that has none";
    if (isa->types != 0 && (in->type >= WFC_NUM_PE_DTYPES || !(isa->types >> in->type & 1)))
        return "an element type this instruction does not have";
    if (!operand_ok(isa->d, in->d)) return "operand D is not of an allowed kind";
    if (!operand_ok(isa->a, in->a)) return "operand A is not of an allowed kind";
    if (!operand_ok(isa->b, in->b)) return "operand B is not of an allowed kind";
    if (!operand_ok(isa->c, in->c)) return "operand C is not of an allowed kind";
    if (wfc_isa_is_vector(isa) && in->d < WFC_OPND_DESC0 && in->a < WFC_OPND_DESC0 && in->b < WFC_OPND_DESC0)
        return "a vector instruction without a descriptor has no length";
    const char *problem = raw_problem(in);
    if (!problem) problem = flag_problem(isa, in);
    return problem ? problem : imm_problem(isa, in);
}
