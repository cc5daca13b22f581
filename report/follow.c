/* How many words a PE sends per sample, from its code alone.
 *
 *   L0: ...prologue...                    the prologue's words are sent once and do not count
 *   L3: vmov d10, d11 async ut2           out descriptor of 30 elements: 30 words, one more when it ends with a control
 * word loop 4 { vmov d12, d13 }          4 times bra L3                            one turn of the endless loop is one
 * sample
 *
 * The code is walked with the integer registers that are known (immediates, the parameter block); what comes from
 * memory or the fabric is unknown. A branch, a count or an out descriptor that depends on something unknown, several
 * tasks, or turns that differ end the walk: the PE counts as not followed and the report says so. Loops that send
 * nothing are skipped, so a walk takes about as many steps as the code has instructions. */
#include "report/report_facts.h"

#include <string.h>

enum { MAX_LOOPS = 4, TURNS = 3 };

typedef struct walk {
    const wfc_prog_class *cls;
    wfc_desc descs[WFC_NUM_DESCS];
    bool desc_unknown[WFC_NUM_DESCS];
    uint32_t regs[WFC_NUM_REGS];
    bool reg_known[WFC_NUM_REGS];
    struct {
        uint32_t first, last, left;
    } loops[MAX_LOOPS]; /* instructions first..last, to be repeated `left` times more */
    uint32_t depth, pc;
    uint64_t *budget;
    uint64_t words[WFC_TARGET_MAX_QUEUES];
} walk;

typedef enum step_result { GO_ON, TURN, ENDED, LOST } step_result;

static bool is_desc(uint8_t operand) {
    return operand >= WFC_OPND_DESC0 && operand < WFC_OPND_DESC0 + WFC_NUM_DESCS;
}

static bool is_vector(const wfc_insn *in) {
    const wfc_isa_record *isa = wfc_isa_lookup(in->op);
    return isa && (isa->timing == WFC_TIME_VECTOR || isa->timing == WFC_TIME_SLOW || isa->timing == WFC_TIME_FABRIC);
}

static const wfc_desc *out_desc(const walk *w, const wfc_insn *in) {
    if (!is_desc(in->d) || in->d - WFC_OPND_DESC0 >= (int)w->cls->desc_count) return NULL;
    const wfc_desc *d = &w->descs[in->d - WFC_OPND_DESC0];
    return d->kind == WFC_DESC_OUT ? d : NULL;
}

/* Whether an instruction may send, or change what a later one sends: everything but arithmetic on memory and registers.
 */
static bool matters(const walk *w, const wfc_insn *in) {
    switch (in->op) {
    case WFC_OP_BRA:
    case WFC_OP_BRZ:
    case WFC_OP_BRNZ:
    case WFC_OP_END:
    case WFC_OP_HALT:
    case WFC_OP_SENDC:
    case WFC_OP_VSENDNZ:
    case WFC_OP_ACT:
    case WFC_OP_UBLK: return true;
    case WFC_OP_LDD:
    case WFC_OP_SETD: return out_desc(w, in) != NULL;
    default: return is_vector(in) && (out_desc(w, in) || in->flags & (WFC_FLAG_ACT | WFC_FLAG_UBLK));
    }
}

static void set_reg(walk *w, uint8_t r, bool known, uint32_t value) {
    if (r == 0 || r >= WFC_NUM_REGS) return;
    w->reg_known[r] = known;
    w->regs[r] = value;
}

/* Registers that an instruction writes become unknown, unless it is one of the integer operations below. */
static void forget(walk *w, const wfc_insn *in) {
    const wfc_isa_record *isa = wfc_isa_lookup(in->op);
    bool scalar = isa && (isa->timing == WFC_TIME_SCALAR || isa->timing == WFC_TIME_LONG);
    bool reduces = in->op >= WFC_OP_VDOT && in->op <= WFC_OP_VARGMIN;
    if (scalar || reduces) set_reg(w, in->d, false, 0);
    if (in->op == WFC_OP_LDT) set_reg(w, in->a, false, 0), set_reg(w, in->b, false, 0);
    if (in->op == WFC_OP_LDT && is_desc(in->c)) set_reg(w, w->descs[in->c - WFC_OPND_DESC0].off, false, 0);
    if (in->op == WFC_OP_VARGMAX || in->op == WFC_OP_VARGMIN) set_reg(w, in->b, false, 0);
}

static bool less(uint32_t a, uint32_t b, bool is_signed) {
    return is_signed ? (a ^ 0x80000000u) < (b ^ 0x80000000u) : a < b;
}

static bool compute(const wfc_insn *in, uint32_t a, uint32_t b, uint32_t *out) {
    bool is_signed = in->type == WFC_I32;
    switch (in->op) {
    case WFC_OP_MOV: *out = a; return true;
    case WFC_OP_ADD: *out = a + b; break;
    case WFC_OP_SUB: *out = a - b; break;
    case WFC_OP_MUL: *out = a * b; break;
    case WFC_OP_MIN: *out = less(b, a, is_signed) ? b : a; break;
    case WFC_OP_MAX: *out = less(a, b, is_signed) ? b : a; break;
    case WFC_OP_AND: *out = a & b; break;
    case WFC_OP_OR: *out = a | b; break;
    case WFC_OP_XOR: *out = a ^ b; break;
    case WFC_OP_SHL: *out = a << (b & 31); break;
    case WFC_OP_SHR: *out = a >> (b & 31); break;
    case WFC_OP_CMPEQ: *out = a == b; break;
    case WFC_OP_CMPLT: *out = less(a, b, is_signed); break;
    case WFC_OP_CMPLE: *out = !less(b, a, is_signed); break;
    default: return false;
    }
    return in->type == WFC_I32 || in->type == WFC_U32;
}

static void scalar(walk *w, const wfc_insn *in) {
    uint32_t imm = in->imm < 0x8000 ? in->imm : in->imm | 0xffff0000u, value;
    if (in->op == WFC_OP_MOVI) {
        set_reg(w, in->d, true, imm);
    } else if (in->op == WFC_OP_MOVIH) {
        if (in->d < WFC_NUM_REGS && w->reg_known[in->d])
            set_reg(w, in->d, true, (w->regs[in->d] & 0xffffu) | (uint32_t)in->imm << 16);
    } else {
        bool has_b = in->b != WFC_OPND_NONE;
        bool known =
            in->a < WFC_NUM_REGS && w->reg_known[in->a] && (!has_b || (in->b < WFC_NUM_REGS && w->reg_known[in->b]));
        uint32_t a = in->a < WFC_NUM_REGS ? w->regs[in->a] : 0;
        uint32_t b = has_b ? (in->b < WFC_NUM_REGS ? w->regs[in->b] : 0) : imm;
        if (known && compute(in, a, b, &value))
            set_reg(w, in->d, true, value);
        else
            forget(w, in);
    }
}

static step_result send(walk *w, const wfc_insn *in) {
    const wfc_desc *d = out_desc(w, in);
    if (!d) return GO_ON;
    if (in->op == WFC_OP_VSENDNZ || w->desc_unknown[in->d - WFC_OPND_DESC0] || d->base >= WFC_TARGET_MAX_QUEUES)
        return LOST;
    if (in->op == WFC_OP_SENDC) {
        w->words[d->base]++;
        return GO_ON;
    }
    uint64_t elems = 1, per_word = wfc_elems_per_wavelet((wfc_dtype)d->type);
    for (unsigned i = 0; i < 4; i++) elems *= d->len[i];
    w->words[d->base] += (elems + per_word - 1) / per_word + ((d->stride[0] & WFC_CTL_PRESENT) != 0);
    return GO_ON;
}

static step_result enter_loop(walk *w, const wfc_insn *in) {
    uint32_t first = w->pc + 1, last = w->pc + in->imm;
    if (last >= w->cls->insn_count) return LOST;
    bool quiet = true, known = in->a == WFC_OPND_NONE || (in->a < WFC_NUM_REGS && w->reg_known[in->a]);
    uint32_t count = in->a == WFC_OPND_NONE ? (uint32_t)(in->b | in->c << 8) : known ? w->regs[in->a] : 0;
    for (uint32_t i = first; i <= last; i++) quiet = quiet && !matters(w, &w->cls->insns[i]);
    if (quiet)
        for (uint32_t i = first; i <= last; i++) forget(w, &w->cls->insns[i]);
    w->pc = quiet || (known && count == 0) ? last + 1 : first;
    if (quiet || (known && count == 0)) return GO_ON;
    if (!known || w->depth == MAX_LOOPS || in->imm == 0) return LOST;
    w->loops[w->depth].first = first;
    w->loops[w->depth].last = last;
    w->loops[w->depth++].left = count - 1;
    return GO_ON;
}

static step_result branch(walk *w, const wfc_insn *in) {
    int32_t by = in->imm < 0x8000 ? in->imm : (int32_t)in->imm - 0x10000;
    bool always = in->op == WFC_OP_BRA;
    if (!always && (in->a >= WFC_NUM_REGS || !w->reg_known[in->a])) return LOST;
    bool taken = always || (w->regs[in->a] == 0) == (in->op == WFC_OP_BRZ);
    int64_t to = (int64_t)w->pc + (taken ? by : 1);
    if (to < 0 || to >= w->cls->insn_count) return LOST;
    w->pc = (uint32_t)to;
    return always && by <= 0 && w->depth == 0 ? TURN : GO_ON;
}

/* Descriptors that the code rewrites. Only those of out queues matter. */
static void rewrite_desc(walk *w, const wfc_insn *in) {
    if (!is_desc(in->d)) return;
    wfc_desc *d = &w->descs[in->d - WFC_OPND_DESC0];
    bool known = in->op == WFC_OP_SETD && in->a < WFC_NUM_REGS && w->reg_known[in->a];
    uint32_t value = known ? w->regs[in->a] : 0;
    if (!known)
        w->desc_unknown[in->d - WFC_OPND_DESC0] = true;
    else if (in->imm == 0)
        d->base = (uint16_t)value;
    else if (in->imm <= 4)
        d->len[in->imm - 1] = (uint16_t)value;
    else if (in->imm <= 8)
        d->stride[in->imm - 5] = (int16_t)value;
}

static step_result step(walk *w) {
    if (w->pc >= w->cls->insn_count || *w->budget == 0) return LOST;
    --*w->budget;
    const wfc_insn *in = &w->cls->insns[w->pc];
    step_result r = GO_ON;
    switch (in->op) {
    case WFC_OP_LOOP: r = enter_loop(w, in); goto wrap;
    case WFC_OP_BRA:
    case WFC_OP_BRZ:
    case WFC_OP_BRNZ: r = branch(w, in); goto wrap;
    case WFC_OP_END:
    case WFC_OP_HALT: return ENDED;
    case WFC_OP_ACT:
    case WFC_OP_UBLK: return LOST;
    case WFC_OP_LDD:
    case WFC_OP_SETD: rewrite_desc(w, in); break;
    default:
        if (is_vector(in)) {
            bool wakes = (in->flags & WFC_FLAG_ASYNC) && (in->flags & (WFC_FLAG_ACT | WFC_FLAG_UBLK));
            r = wakes ? LOST : send(w, in);
            forget(w, in);
        } else {
            scalar(w, in);
        }
    }
    w->pc++;
wrap:
    while (w->depth && w->pc == w->loops[w->depth - 1].last + 1) {
        if (w->loops[w->depth - 1].left == 0) {
            w->depth--;
            continue;
        }
        w->loops[w->depth - 1].left--;
        w->pc = w->loops[w->depth - 1].first;
    }
    return r;
}

/* The words of the second turn, which must be those of the third; a task that ends has one turn. */
static bool count_turns(walk *w, wfc_report_sent *out) {
    for (unsigned turn = 0; turn < TURNS;) {
        step_result r = step(w);
        if (r == LOST) return false;
        if (r == GO_ON) continue;
        if (r == TURN && turn == TURNS - 1 && memcmp(out->words, w->words, sizeof w->words) != 0) return false;
        if (r == ENDED && turn > 0) return false;
        memcpy(out->words, w->words, sizeof w->words);
        memset(w->words, 0, sizeof w->words);
        if (r == ENDED) return true;
        turn++;
    }
    return true;
}

void wfc_report_follow(const wfc_program *p, const wfc_prog_pe *pe, uint64_t *budget, wfc_report_sent *out) {
    *out = (wfc_report_sent){.followed = true};
    if (pe->class_index >= p->class_count) return;
    const wfc_prog_class *c = &p->classes[pe->class_index];
    if (c->out_count == 0 || c->task_count == 0) return;
    const wfc_prog_task *t = c->tasks;
    walk w = {.cls = c, .pc = t->entry, .budget = budget};
    bool fits = c->desc_count <= WFC_NUM_DESCS && c->task_count == 1 && t->kind == WFC_TASK_LOCAL &&
                t->flags == WFC_TASK_ACTIVE;
    if (fits && c->desc_count) memcpy(w.descs, c->descs, c->desc_count * sizeof *c->descs);
    for (unsigned r = 0; r < WFC_NUM_REGS; r++) w.reg_known[r] = true;
    for (uint32_t r = 0; r < pe->reg_count && r + 1 < WFC_NUM_REGS; r++) w.regs[r + 1] = p->regs[pe->regs_first + r];
    out->followed = fits && count_turns(&w, out);
    if (!out->followed) memset(out->words, 0, sizeof out->words);
}
