/* Control flow of the checker's machine.
 *
 * Loops are run turn by turn, but a loop without fabric events may be long, and then its effect on registers is summed
 * up. Example: `loop 1000 { vmac acc[off=r2], r3, x; add r2, r2, 64; movi r4, 7 }`: one trial turn starts with
 * r2 = symbol, r3 = what it is (the body does not write it). It ends with r2 = symbol + 64, r4 = 7; so after 1000 turns
 * r2 = start + 64000, r4 = 7. A register found to end as it began is known in the next trial, so that what is computed
 * from it becomes known too. Whatever is neither constant nor "itself plus a constant" is unknown afterwards, and a
 * program whose fabric events depend on it is refused. */
#include "backend/check/check_internal.h"

#include <string.h>

enum { STEP_LIMIT = 1 << 24, MAX_NESTING = 16 };

bool wfc_be_chk_refuse(wfc_chk_machine *m, uint32_t pc, const char *why) {
    wfc_be_chk_fault(m->trace, WFC_CHK_NOT_CHECKABLE,
                     "class '%s', instruction %u: not checkable, %s; emit one endless loop whose fabric operations "
                     "do not depend on data",
                     m->cls->name ? m->cls->name : "?", (unsigned)pc, why);
    return false;
}

static uint32_t loop_count_bits(const wfc_insn *in) {
    return in->b | (uint32_t)in->c << 8;
}

static bool is_pure(const wfc_chk_machine *m, uint32_t lo, uint32_t hi) {
    return m->impure[hi] == m->impure[lo];
}

uint16_t wfc_be_chk_written(const wfc_prog_class *c, const wfc_insn *in) {
    uint32_t set = 0;
    if (wfc_be_chk_is_vector(in)) {
        if (in->d < WFC_NUM_REGS) set |= 1u << in->d;
        if ((in->op == WFC_OP_VARGMAX || in->op == WFC_OP_VARGMIN) && in->b < WFC_NUM_REGS) set |= 1u << in->b;
    } else if (in->op == WFC_OP_LDT) {
        set |= 1u << (in->d & 15) | 1u << (in->a & 15) | 1u << (in->b & 15);
        set |= 1u << (c->descs[in->c - WFC_OPND_DESC0].off & 15);
    } else if (in->d < WFC_NUM_REGS) {
        set |= 1u << in->d;
    }
    return (uint16_t)(set & ~1u);
}

/* Registers that [lo, hi) moves on only as the offset of a table of records, and whose place in a record is known. */
static uint16_t steps_of(const wfc_chk_machine *m, uint32_t lo, uint32_t hi) {
    uint32_t walks = 0, others = 0;
    for (uint32_t pc = lo; pc < hi; pc++) {
        const wfc_insn *in = &m->cls->insns[pc];
        if (in->op != WFC_OP_LDT) {
            others |= wfc_be_chk_written(m->cls, in);
            continue;
        }
        walks |= 1u << (m->cls->descs[in->c - WFC_OPND_DESC0].off & 15);
        others |= 1u << (in->d & 15) | 1u << (in->a & 15) | 1u << (in->b & 15);
    }
    walks &= ~others & ~1u;
    for (unsigned r = 1; r < WFC_NUM_REGS; r++)
        if (m->s.regs[r].kind != WFC_CHK_KNOWN && m->s.regs[r].kind != WFC_CHK_STEP) walks &= ~(1u << r);
    return (uint16_t)walks;
}

/* All that [lo, hi) may change becomes unknown; memory is unknown anyway. */
static void forget(wfc_chk_machine *m, uint32_t lo, uint32_t hi, bool registers) {
    uint16_t steps = registers ? steps_of(m, lo, hi) : 0;
    for (uint32_t pc = lo; pc < hi; pc++) {
        const wfc_insn *in = &m->cls->insns[pc];
        if (in->op == WFC_OP_SETD) {
            if (in->imm < 9) m->s.unknown[in->d - WFC_OPND_DESC0] |= (uint16_t)(1u << in->imm);
            continue;
        }
        uint16_t set = registers ? wfc_be_chk_written(m->cls, in) : 0;
        for (unsigned r = 1; r < WFC_NUM_REGS; r++) {
            if (!(set >> r & 1)) continue;
            if (steps >> r & 1)
                m->s.regs[r] = (wfc_chk_value){WFC_CHK_STEP, 0, m->s.regs[r].bits & 7u};
            else
                m->s.regs[r].kind = WFC_CHK_UNKNOWN;
        }
    }
}

/* Any number of turns of a pure block: one turn from all that they may have changed stands for each of them. */
static bool any_turns(wfc_chk_machine *m, uint32_t lo, uint32_t hi) {
    forget(m, lo, hi, true);
    m->level++; /* loops inside are summed up */
    bool ok = wfc_be_chk_run(m, lo, hi);
    m->level--;
    forget(m, lo, hi, true);
    return ok;
}

/* Value of register r after n >= 1 turns, from its value before and what one turn makes of it. */
static wfc_chk_value after_turns(const wfc_chk_value *before, const wfc_chk_value *turn, unsigned level, unsigned r,
                                 uint32_t n) {
    wfc_chk_value t = turn[r], unknown = {WFC_CHK_UNKNOWN, 0, 0};
    if (t.kind != WFC_CHK_SYMBOL || t.symbol / 16u != level) return t; /* constant, or a symbol of a loop around */
    unsigned source = t.symbol % 16u;
    wfc_chk_value v = before[source];
    if (v.kind != WFC_CHK_KNOWN && v.kind != WFC_CHK_SYMBOL) return unknown;
    if (source == r) {
        v.bits += n * t.bits;
        return v;
    }
    wfc_chk_value s = turn[source]; /* r trails another register by one turn */
    if (s.kind != WFC_CHK_SYMBOL || s.symbol != t.symbol) return unknown;
    v.bits += (n - 1) * s.bits + t.bits;
    return v;
}

/* One trial turn from symbols, but known values for `same`: registers that a turn leaves as they were. */
static bool trial(wfc_chk_machine *m, uint32_t lo, uint32_t hi, const wfc_chk_state *start, uint16_t written,
                  uint16_t same) {
    m->s = *start;
    uint16_t steps = steps_of(m, lo, hi);
    for (unsigned r = 1; r < WFC_NUM_REGS; r++) {
        if (!(written >> r & 1) || same >> r & 1) continue;
        m->s.regs[r] = steps >> r & 1 ? (wfc_chk_value){WFC_CHK_STEP, 0, m->s.regs[r].bits & 7u}
                                      : (wfc_chk_value){WFC_CHK_SYMBOL, (uint8_t)(m->level * 16 + r), 0};
    }
    forget(m, lo, hi, false);
    return wfc_be_chk_run(m, lo, hi);
}

static uint16_t left_as_they_were(const wfc_chk_machine *m, uint16_t written) {
    uint32_t same = 0;
    for (unsigned r = 1; r < WFC_NUM_REGS; r++) {
        wfc_chk_value v = m->s.regs[r];
        if (written >> r & 1 && v.kind == WFC_CHK_SYMBOL && v.symbol == m->level * 16 + r && v.bits == 0)
            same |= 1u << r;
    }
    return (uint16_t)same;
}

static bool sum_up(wfc_chk_machine *m, uint32_t lo, uint32_t hi, uint32_t turns) {
    wfc_chk_state start = m->s;
    uint16_t written = 0, same = 0, more = 0;
    for (uint32_t pc = lo; pc < hi; pc++) written |= wfc_be_chk_written(m->cls, &m->cls->insns[pc]);
    bool was_quiet = m->quiet;
    m->level++;
    m->quiet = true;
    bool ok;
    do {
        same |= more;
        ok = trial(m, lo, hi, &start, written, same);
        more = ok ? left_as_they_were(m, written) : 0;
    } while (more & ~same);
    m->quiet = was_quiet;
    if (ok && !was_quiet && m->flights) ok = trial(m, lo, hi, &start, written, same); /* now look for races */
    if (ok) {
        wfc_chk_value turn[WFC_NUM_REGS];
        memcpy(turn, m->s.regs, sizeof turn);
        for (unsigned r = 1; r < WFC_NUM_REGS; r++) {
            if (!(written >> r & 1)) continue;
            m->s.regs[r] = same >> r & 1 ? start.regs[r] : after_turns(start.regs, turn, m->level, r, turns);
        }
    }
    m->level--;
    return ok;
}

static bool run_loop(wfc_chk_machine *m, uint32_t pc, uint32_t hi) {
    const wfc_insn *in = &m->cls->insns[pc];
    uint32_t lo = pc + 1, end = lo + in->imm;
    if (end > hi) return wfc_be_chk_refuse(m, pc, "a loop's body reaches out of its block");
    wfc_chk_value count = {WFC_CHK_KNOWN, 0, loop_count_bits(in)};
    if (in->a != WFC_OPND_NONE) count = in->a == 0 || in->a >= WFC_NUM_REGS ? (wfc_chk_value){0} : m->s.regs[in->a];
    bool pure = is_pure(m, lo, end);
    if (count.kind != WFC_CHK_KNOWN) {
        if (!pure) {
            wfc_be_chk_fault(m->trace, WFC_CHK_VARIABLE,
                             "class '%s', instruction %u: the count of a loop with fabric operations depends on data, "
                             "so the words per sample are not fixed; make the count a constant or a parameter",
                             m->cls->name ? m->cls->name : "?", (unsigned)pc);
            return false;
        }
        return any_turns(m, lo, end);
    }
    if (count.bits == 0 || end == lo) return true;
    uint64_t cost = (uint64_t)count.bits * in->imm;
    if (pure && (m->level > 0 || cost > m->soft_steps)) return sum_up(m, lo, end, count.bits);
    if (pure) m->soft_steps -= cost;
    for (uint32_t i = 0; i < count.bits; i++)
        if (!wfc_be_chk_run(m, lo, end)) return false;
    return true;
}

static bool run_branch(wfc_chk_machine *m, uint32_t pc, uint32_t lo, uint32_t hi, uint32_t *next) {
    const wfc_insn *in = &m->cls->insns[pc];
    int64_t target = (int64_t)pc + (in->imm < 0x8000 ? in->imm : (int)in->imm - 0x10000);
    if (target < lo || target > hi) return wfc_be_chk_refuse(m, pc, "a branch leaves its block");
    wfc_chk_value cond = {0};
    if (in->op != WFC_OP_BRA && in->a > 0 && in->a < WFC_NUM_REGS) cond = m->s.regs[in->a];
    *next = pc + 1;
    if (cond.kind == WFC_CHK_KNOWN) {
        if (in->op == WFC_OP_BRA || (cond.bits == 0) == (in->op == WFC_OP_BRZ)) *next = (uint32_t)target;
        return true;
    }
    if (target <= pc || !is_pure(m, pc + 1, (uint32_t)target))
        return wfc_be_chk_refuse(m, pc, "a branch around fabric operations, or back, depends on data");
    *next = (uint32_t)target;
    wfc_chk_state before = m->s; /* it may be skipped: what it does not write is as it was */
    bool ok = wfc_be_chk_run(m, pc + 1, (uint32_t)target);
    m->s = before;
    forget(m, pc + 1, (uint32_t)target, true);
    return ok;
}

bool wfc_be_chk_run(wfc_chk_machine *m, uint32_t lo, uint32_t hi) {
    if (m->nesting >= MAX_NESTING) return wfc_be_chk_refuse(m, lo, "its loops are nested too deep");
    m->nesting++;
    bool ok = true;
    for (uint32_t pc = lo, next; ok && pc < hi; pc = next) {
        const wfc_insn *in = &m->cls->insns[pc];
        next = pc + 1;
        if (++m->steps > STEP_LIMIT) {
            ok = wfc_be_chk_refuse(m, pc, "it runs too long without coming back to the start of its loop");
        } else if (in->op == WFC_OP_LOOP) {
            ok = run_loop(m, pc, hi);
            next = pc + 1 + in->imm;
        } else if (in->op == WFC_OP_BRA || in->op == WFC_OP_BRZ || in->op == WFC_OP_BRNZ) {
            ok = run_branch(m, pc, lo, hi, &next);
        } else {
            ok = wfc_be_chk_step(m, pc);
        }
    }
    m->nesting--;
    return ok;
}
