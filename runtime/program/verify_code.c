/* The instructions of a class: operands, ranges of the target, branches and loops. */
#include "runtime/program/isa_check.h"
#include "runtime/program/verify_parts.h"

#include <stdio.h>

enum { MAX_LOOPS = 4 };
static const uint32_t NO_LOOP = UINT32_MAX;

typedef struct code_check {
    wfc_verifier *v;
    const wfc_prog_class *c;
    uint32_t pe;
    wfc_desc_writes writes;
    uint32_t *loop_of; /* per instruction: the loop instruction of the innermost body it is in, NO_LOOP outside */
} code_check;

static void insn_error(code_check *k, wfc_status s, const char *code, uint32_t pc, const char *problem) {
    char part[200];
    const wfc_isa_record *isa = wfc_isa_lookup(k->c->insns[pc].op);
    snprintf(part, sizeof part, "class %.120s, instruction %u (%s)", k->c->name, pc, isa ? isa->mnemonic : "?");
    wfc_verify_error(k->v, s, code, k->pe, part, "%s", problem);
}

static void malformed(code_check *k, uint32_t pc, const char *problem) {
    insn_error(k, WFC_ERR_INPUT, "WFC-E1306", pc, problem);
}

/* The descriptor behind an operand byte, NULL for registers and none. */
static const wfc_desc *desc_of(const code_check *k, uint8_t operand) {
    uint32_t n = (uint32_t)operand - WFC_OPND_DESC0;
    return operand >= WFC_OPND_DESC0 && n < k->c->desc_count ? &k->c->descs[n] : NULL;
}

static bool is_loaded(const code_check *k, uint8_t operand) {
    return operand >= WFC_OPND_DESC0 && operand != WFC_OPND_NONE &&
           (k->writes.loaded >> (operand - WFC_OPND_DESC0) & 1);
}

static bool changes_length(const code_check *k, uint8_t operand) {
    return is_loaded(k, operand) ||
           (operand >= WFC_OPND_DESC0 && operand != WFC_OPND_NONE && (k->writes.set >> (operand - WFC_OPND_DESC0) & 1));
}

/* ---- operands ---- */

static void check_operand(code_check *k, uint32_t pc, unsigned kinds, uint8_t operand, const char *name) {
    char problem[160];
    const wfc_target *t = &k->v->p->target;
    if (operand == WFC_OPND_NONE || (kinds & WFC_OPND_IS_RAW)) return;
    if (kinds & WFC_OPND_IS_UT) {
#ifndef WFC_OFF_MICROTHREADS
        if (operand <= t->microthreads) return;
        snprintf(problem, sizeof problem, "microthread ut%u is used, the PE has %u", operand, t->microthreads);
        insn_error(k, WFC_ERR_NO_FIT, "WFC-E1305", pc, problem);
#endif
        return;
    }
    if (operand < WFC_OPND_DESC0) {
        if (operand < t->registers) return;
        snprintf(problem, sizeof problem, "register r%u is used, the PE has %u", operand, t->registers);
        insn_error(k, WFC_ERR_NO_FIT, "WFC-E1306", pc, problem);
        return;
    }
    const wfc_desc *d = desc_of(k, operand);
    static const uint8_t bits[] = {0, WFC_OPND_IS_MEM, WFC_OPND_IS_IN, WFC_OPND_IS_OUT, WFC_OPND_IS_MEM};
    if (!d) {
        snprintf(problem, sizeof problem, "operand %s: the class has no descriptor d%u", name,
                 operand - WFC_OPND_DESC0);
        malformed(k, pc, problem);
    } else if (!(kinds & WFC_OPND_IS_ANY_DESC) && !(bits[d->kind] & kinds) && !is_loaded(k, operand)) {
        snprintf(problem, sizeof problem, "operand %s, descriptor d%u, is not %s", name, operand - WFC_OPND_DESC0,
                 wfc_isa_operand_names(kinds));
        malformed(k, pc, problem);
    }
}

static void check_operands(code_check *k, uint32_t pc) {
    const wfc_insn *in = &k->c->insns[pc];
    const wfc_isa_record *isa = wfc_isa_lookup(in->op);
    check_operand(k, pc, isa->d, in->d, "D");
    check_operand(k, pc, isa->a, in->a, "A");
    check_operand(k, pc, isa->b, in->b, "B");
    check_operand(k, pc, isa->c, in->c, "C");
}

/* ---- vectors ---- */

static bool is_gather(unsigned op) {
    return op >= WFC_OP_VGAT && op <= WFC_OP_VSCATMIN;
}

/* All descriptors of an instruction walk equally many elements; the array side of gather and scatter is free. */
static void check_lengths(code_check *k, uint32_t pc) {
    const wfc_insn *in = &k->c->insns[pc];
    const uint8_t operands[3] = {in->d, in->a, in->b};
    int array_side = in->op == WFC_OP_VGAT ? 1 : is_gather(in->op) ? 0 : -1;
    uint64_t n = UINT64_MAX;
    for (int i = 0; i < 3; i++) {
        const wfc_desc *d = desc_of(k, operands[i]);
        if (!d || i == array_side || changes_length(k, operands[i])) continue;
        if (n != UINT64_MAX && n != wfc_desc_elems(d)) {
            char problem[120];
            snprintf(problem, sizeof problem, "its operands walk %llu and %u elements", (unsigned long long)n,
                     wfc_desc_elems(d));
            malformed(k, pc, problem);
            return;
        }
        n = wfc_desc_elems(d);
    }
    const wfc_desc *array = array_side < 0 ? NULL : desc_of(k, operands[array_side]);
    if (array && !changes_length(k, operands[array_side]) &&
        ((array->stride[3] != 1 && array->len[3] != 1) || array->len[0] != 1 || array->len[1] != 1 ||
         array->len[2] != 1))
        malformed(k, pc, "the array side of gather and scatter has one dimension of stride 1");
}

/* Float or integer, as the instruction; conversions and the results of compares are free, indices are integers. */
static void check_types(code_check *k, uint32_t pc) {
    const wfc_insn *in = &k->c->insns[pc];
    const uint8_t operands[3] = {in->d, in->a, in->b};
    bool compare = in->op >= WFC_OP_VCMPEQ && in->op <= WFC_OP_VCMPLE;
    if (in->op == WFC_OP_VCVT || in->op == WFC_OP_SENDC) return;
    for (unsigned i = 0; i < 3; i++) {
        const wfc_desc *d = desc_of(k, operands[i]);
        if (!d || is_loaded(k, operands[i]) || (compare && i == 0)) continue;
        bool want = is_gather(in->op) && i == 2 ? false : wfc_dtype_is_float((wfc_dtype)in->type);
        if (wfc_dtype_is_float((wfc_dtype)d->type) == want) continue;
        char problem[160];
        snprintf(problem, sizeof problem, "operand %c has elements of type %s, expected %s", "DAB"[i],
                 wfc_dtype_name((wfc_dtype)d->type), want ? "floats" : "integers");
        malformed(k, pc, problem);
    }
}

/* A group is the elements of one wavelet, so queue operands of one instruction agree on how many those are; and a queue
 * gives one word per cycle, so it is read by one operand. */
static void check_queues(code_check *k, uint32_t pc) {
    const wfc_insn *in = &k->c->insns[pc];
    const uint8_t operands[3] = {in->d, in->a, in->b};
    const wfc_desc *first = NULL;
    for (unsigned i = 0; i < 3; i++) {
        const wfc_desc *d = desc_of(k, operands[i]);
        if (!d || is_loaded(k, operands[i]) || (d->kind != WFC_DESC_IN && d->kind != WFC_DESC_OUT)) continue;
        if (!first) {
            first = d;
            continue;
        }
        if (wfc_elems_per_wavelet((wfc_dtype)first->type) != wfc_elems_per_wavelet((wfc_dtype)d->type))
            malformed(k, pc, "its queue operands carry different numbers of elements per wavelet");
        if (first->kind == WFC_DESC_IN && d->kind == WFC_DESC_IN && first->base == d->base)
            malformed(k, pc, "two operands read the same queue");
    }
}

/* ---- single instructions ---- */

static bool has_task(const wfc_prog_class *c, uint32_t id) {
    for (uint32_t i = 0; i < c->task_count; i++)
        if (c->tasks[i].id == id) return true;
    return false;
}

static void check_task_use(code_check *k, uint32_t pc) {
    const wfc_insn *in = &k->c->insns[pc];
    bool uses = in->op == WFC_OP_ACT || in->op == WFC_OP_BLK || in->op == WFC_OP_UBLK ||
                (in->flags & (WFC_FLAG_ACT | WFC_FLAG_UBLK));
    char problem[80];
    if (!uses || has_task(k->c, in->imm)) return;
    snprintf(problem, sizeof problem, "the class has no task t%u", in->imm);
    malformed(k, pc, problem);
}

/* Scalar accesses through a descriptor that neither code nor a register changes can be checked now. */
static void check_access(code_check *k, uint32_t pc) {
#ifndef WFC_OFF_BOUNDS
    const wfc_insn *in = &k->c->insns[pc];
    uint8_t operand = in->op == WFC_OP_LD || in->op == WFC_OP_LDD   ? in->a
                      : in->op == WFC_OP_ST || in->op == WFC_OP_STD ? in->d
                      : in->op == WFC_OP_LDT                        ? in->c
                                                                    : WFC_OPND_NONE;
    const wfc_desc *d = desc_of(k, operand);
    if (!d) return;
    if (in->op == WFC_OP_LDT) {
        if (d->off == 0 && !is_loaded(k, operand)) malformed(k, pc, "its table needs an offset register to advance");
        return;
    }
    if (d->off || d->kind != WFC_DESC_MEM || changes_length(k, operand)) return;
    bool whole = in->op == WFC_OP_LDD || in->op == WFC_OP_STD;
    uint32_t size = whole ? WFC_DESC_BYTES : wfc_dtype_bytes((wfc_dtype)d->type);
    uint32_t at = d->base + (whole ? 0 : in->imm * size);
    const wfc_prog_array *a = wfc_verify_array_at(k->c, d->base);
    if (a && at - a->addr + size > a->bytes) malformed(k, pc, "it reaches beyond the array");
#else
    (void)k, (void)pc;
#endif
}

/* ---- loops and branches ---- */

/* Fills loop_of; bodies nest, at most four deep, and end within the code. */
static void check_loops(code_check *k) {
    uint32_t open[MAX_LOOPS], end[MAX_LOOPS], depth = 0;
    for (uint32_t pc = 0; pc < k->c->insn_count && !wfc_verify_enough(k->v); pc++) {
        while (depth && end[depth - 1] == pc) depth--;
        k->loop_of[pc] = depth ? open[depth - 1] : NO_LOOP;
        const wfc_insn *in = &k->c->insns[pc];
        if (in->op != WFC_OP_LOOP) continue;
        uint32_t limit = depth ? end[depth - 1] : k->c->insn_count, body_end = pc + 1 + in->imm;
        if (body_end > limit) {
            malformed(k, pc, "its body reaches beyond the code or the loop around it");
        } else if (depth == MAX_LOOPS) {
            malformed(k, pc, "loops are nested deeper than 4");
        } else {
            open[depth] = pc;
            end[depth++] = body_end;
        }
    }
}

static void check_flow(code_check *k, uint32_t pc) {
    const wfc_insn *in = &k->c->insns[pc];
    if (in->op == WFC_OP_END && k->loop_of[pc] != NO_LOOP) malformed(k, pc, "a task cannot end inside a loop body");
    if (in->op != WFC_OP_BRA && in->op != WFC_OP_BRZ && in->op != WFC_OP_BRNZ) return;
    int64_t target = (int64_t)pc + (in->imm < 0x8000 ? in->imm : (int64_t)in->imm - 0x10000);
    if (target < 0 || target >= k->c->insn_count)
        malformed(k, pc, "it branches out of the code");
    else if (k->loop_of[target] != k->loop_of[pc])
        malformed(k, pc, "it branches into or out of a loop body");
}

static void check_ends(code_check *k) {
    const wfc_prog_class *c = k->c;
    for (uint32_t i = 0; i < c->task_count; i++)
        if (k->loop_of[c->tasks[i].entry] != NO_LOOP)
            malformed(k, c->tasks[i].entry, "a task starts inside a loop body");
    if (c->insn_count == 0) return;
    uint32_t last = c->insn_count - 1;
    unsigned op = c->insns[last].op;
    if ((op != WFC_OP_END && op != WFC_OP_HALT && op != WFC_OP_BRA) || k->loop_of[last] != NO_LOOP)
        malformed(k, last, "the code runs off its end; the last instruction must be end, halt or bra");
}

void wfc_verify_code(wfc_verifier *v, const wfc_prog_class *c, uint32_t pe) {
    code_check k = {.v = v, .c = c, .pe = pe, .writes = wfc_verify_desc_writes(c)};
    uint32_t before = v->errors;
    for (uint32_t pc = 0; pc < c->insn_count && !wfc_verify_enough(v); pc++) {
        const char *problem = wfc_isa_problem(&c->insns[pc]);
        if (problem)
            malformed(&k, pc, problem);
        else
            check_operands(&k, pc);
    }
    if (v->errors != before) return;
    k.loop_of = wfc_calloc(c->insn_count, sizeof *k.loop_of);
    if (!k.loop_of) {
        v->status = wfc_fail_memory(v->diag);
        v->errors++;
        return;
    }
    check_loops(&k);
    for (uint32_t pc = 0; v->errors == before && pc < c->insn_count; pc++) {
        const wfc_isa_record *isa = wfc_isa_lookup(c->insns[pc].op);
        check_flow(&k, pc);
        check_task_use(&k, pc);
        check_access(&k, pc);
        if (!wfc_isa_is_vector(isa)) continue;
        check_lengths(&k, pc);
        check_types(&k, pc);
        check_queues(&k, pc);
    }
    if (v->errors == before) check_ends(&k);
    wfc_free(k.loop_of);
}
