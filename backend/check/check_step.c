/* Scalar instructions of the checker's machine: known values are computed exactly as docs/isa.md says; what comes from
 * memory, from the fabric or from f32 arithmetic is unknown. */
#include "backend/check/check_internal.h"

static wfc_chk_value known(uint32_t bits) {
    return (wfc_chk_value){WFC_CHK_KNOWN, 0, bits};
}

static const wfc_chk_value UNKNOWN = {WFC_CHK_UNKNOWN, 0, 0};

static wfc_chk_value read_reg(const wfc_chk_machine *m, uint8_t r) {
    if (r == 0) return known(0);
    return r < WFC_NUM_REGS ? m->s.regs[r] : UNKNOWN;
}

static void write_reg(wfc_chk_machine *m, uint8_t r, wfc_chk_value v) {
    if (r > 0 && r < WFC_NUM_REGS) m->s.regs[r] = v;
}

static uint32_t sign_extend(uint16_t imm) {
    return imm < 0x8000 ? imm : imm | 0xffff0000u;
}

static bool less(uint32_t a, uint32_t b, bool is_signed) {
    return is_signed ? (a ^ 0x80000000u) < (b ^ 0x80000000u) : a < b;
}

static uint32_t shift_right_arithmetic(uint32_t a, unsigned n) {
    uint32_t fill = a >> 31 && n ? 0xffffffffu << (32 - n) : 0;
    return a >> n | fill;
}

static uint32_t compute(unsigned op, uint32_t a, uint32_t b, bool is_signed) {
    unsigned n = b & 31;
    switch (op) {
    case WFC_OP_ADD: return a + b;
    case WFC_OP_SUB: return a - b;
    case WFC_OP_MUL: return a * b;
    case WFC_OP_MIN: return less(b, a, is_signed) ? b : a;
    case WFC_OP_MAX: return less(a, b, is_signed) ? b : a;
    case WFC_OP_AND: return a & b;
    case WFC_OP_OR: return a | b;
    case WFC_OP_XOR: return a ^ b;
    case WFC_OP_SHL: return a << n;
    case WFC_OP_SHR: return a >> n;
    case WFC_OP_SAR: return is_signed ? shift_right_arithmetic(a, n) : a >> n;
    case WFC_OP_CMPEQ: return a == b;
    case WFC_OP_CMPLT: return less(a, b, is_signed);
    default: return !less(b, a, is_signed); /* cmp.le */
    }
}

/* add, sub ... cmp.le. A symbol survives adding or subtracting a known number. */
static wfc_chk_value binary(const wfc_chk_machine *m, const wfc_insn *in) {
    wfc_chk_value a = read_reg(m, in->a);
    wfc_chk_value b = in->b == WFC_OPND_NONE ? known(sign_extend(in->imm)) : read_reg(m, in->b);
    bool integer = in->type == WFC_I32 || in->type == WFC_U32;
    if (!integer) return UNKNOWN;
    if (a.kind == WFC_CHK_KNOWN && b.kind == WFC_CHK_KNOWN)
        return known(compute(in->op, a.bits, b.bits, in->type == WFC_I32));
    if (a.kind == WFC_CHK_SYMBOL && b.kind == WFC_CHK_KNOWN && (in->op == WFC_OP_ADD || in->op == WFC_OP_SUB)) {
        a.bits = compute(in->op, a.bits, b.bits, false);
        return a;
    }
    if (in->op == WFC_OP_ADD && a.kind == WFC_CHK_KNOWN && b.kind == WFC_CHK_SYMBOL) {
        b.bits += a.bits;
        return b;
    }
    return UNKNOWN;
}

static void set_field(wfc_chk_machine *m, const wfc_insn *in) {
    unsigned d = in->d - (unsigned)WFC_OPND_DESC0, field = in->imm;
    if (field > 8) return; /* verify refuses it */
    wfc_chk_value v = read_reg(m, in->a);
    if (v.kind != WFC_CHK_KNOWN) {
        m->s.unknown[d] |= (uint16_t)(1u << field);
        return;
    }
    m->s.unknown[d] &= (uint16_t) ~(1u << field);
    wfc_desc *desc = &m->s.descs[d];
    uint16_t low = (uint16_t)v.bits;
    if (field == 0)
        desc->base = low;
    else if (field <= 4)
        desc->len[field - 1] = low;
    else
        desc->stride[field - 5] = low < 0x8000 ? (int16_t)low : (int16_t)((int)low - 0x10000);
}

/* Memory read or written by scalar instructions: one element, one table record, or the 20 bytes of a descriptor. */
static bool touch_bytes(wfc_chk_machine *m, uint32_t pc, uint8_t operand, uint32_t first, uint16_t n, bool write) {
    unsigned d = operand - (unsigned)WFC_OPND_DESC0;
    wfc_desc saved = m->s.descs[d];
    if (write) wfc_be_chk_stores(m, operand);
    wfc_desc *desc = &m->s.descs[d];
    desc->type = WFC_U8;
    desc->base = (uint16_t)(desc->base + first);
    for (unsigned i = 0; i < 4; i++) {
        desc->len[i] = i == 3 ? n : 1;
        desc->stride[i] = i == 3;
    }
    uint16_t unknown = m->s.unknown[d];
    m->s.unknown[d] = unknown & 1;
    m->array_base = saved.base;
    bool ok = wfc_be_chk_touch(m, pc, operand, write);
    m->array_base = -1;
    m->s.descs[d] = saved;
    m->s.unknown[d] = unknown;
    return ok;
}

static bool table_record(wfc_chk_machine *m, uint32_t pc, const wfc_insn *in) {
    wfc_chk_value offsets[2];
    if (!touch_bytes(m, pc, in->c, 0, 8, false)) return false;
    wfc_be_chk_table_values(m, in->c, offsets);
    write_reg(m, in->d, offsets[0]);
    write_reg(m, in->a, offsets[1]);
    write_reg(m, in->b, UNKNOWN);
    uint8_t off = m->s.descs[in->c - WFC_OPND_DESC0].off;
    wfc_chk_value v = read_reg(m, off);
    v.bits += 8;
    bool moves = v.kind == WFC_CHK_KNOWN || v.kind == WFC_CHK_SYMBOL;
    if (v.kind == WFC_CHK_RANGE) write_reg(m, off, UNKNOWN); /* STEP stays what it is */
    if (moves) write_reg(m, off, v);
    return true;
}

static bool memory_step(wfc_chk_machine *m, uint32_t pc, const wfc_insn *in) {
    uint8_t operand = in->op == WFC_OP_LD ? in->a : in->d;
    uint32_t bytes = wfc_dtype_bytes((wfc_dtype)m->s.descs[operand - WFC_OPND_DESC0].type);
    if (!touch_bytes(m, pc, operand, in->imm * bytes, (uint16_t)bytes, in->op == WFC_OP_ST)) return false;
    if (in->op == WFC_OP_LD) write_reg(m, in->d, UNKNOWN);
    return true;
}

static wfc_chk_value select_value(const wfc_chk_machine *m, const wfc_insn *in) {
    wfc_chk_value cond = read_reg(m, in->a);
    if (cond.kind != WFC_CHK_KNOWN) return UNKNOWN;
    return read_reg(m, cond.bits ? in->b : in->c);
}

bool wfc_be_chk_step(wfc_chk_machine *m, uint32_t pc) {
    const wfc_insn *in = &m->cls->insns[pc];
    if (wfc_be_chk_is_vector(in) || in->op == WFC_OP_WAIT) return wfc_be_chk_vector(m, pc, in);
    wfc_chk_value v;
    switch (in->op) {
    case WFC_OP_NOP:
    case WFC_OP_ACT: /* the one task never ends, so activations and blocks change nothing */
    case WFC_OP_BLK:
    case WFC_OP_UBLK: break;
    case WFC_OP_MOVI: write_reg(m, in->d, known(sign_extend(in->imm))); break;
    case WFC_OP_MOVIH:
        v = read_reg(m, in->d);
        write_reg(m, in->d, v.kind == WFC_CHK_KNOWN ? known((v.bits & 0xffffu) | (uint32_t)in->imm << 16) : UNKNOWN);
        break;
    case WFC_OP_MOV: write_reg(m, in->d, read_reg(m, in->a)); break;
    case WFC_OP_SEL: write_reg(m, in->d, select_value(m, in)); break;
    case WFC_OP_CVT:
    case WFC_OP_FDIV:
    case WFC_OP_FSQRT: write_reg(m, in->d, UNKNOWN); break;
    case WFC_OP_LD:
    case WFC_OP_ST: return memory_step(m, pc, in);
    case WFC_OP_LDT: return table_record(m, pc, in);
    case WFC_OP_STD: return touch_bytes(m, pc, in->d, 0, WFC_DESC_BYTES, true);
    case WFC_OP_SETD: set_field(m, in); break;
    case WFC_OP_LDD: return touch_bytes(m, pc, in->a, 0, WFC_DESC_BYTES, false) && wfc_be_chk_load_desc(m, pc, in);
    case WFC_OP_END:
    case WFC_OP_HALT: return wfc_be_chk_refuse(m, pc, "it ends instead of looping over the samples");
    default: write_reg(m, in->d, binary(m, in)); break;
    }
    return true;
}
