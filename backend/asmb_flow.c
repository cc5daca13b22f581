/* Control flow of the builder, and the cache of constants in registers.
 *
 * A constant is looked up by its bits. What a register holds is known only along straight code: a label can be reached
 * from elsewhere and a loop body runs again with the registers of its own end, so both forget all but the pinned ones,
 * which nobody overwrites while they are pinned. */
#include "backend/asmb_internal.h"

#include <string.h>

static wfc_insn insn_of(wfc_op op, uint8_t d, uint8_t s0, uint16_t imm) {
    return (wfc_insn){.op = (uint8_t)op, .d = d, .a = s0, .b = WFC_OPND_NONE, .c = WFC_OPND_NONE, .imm = imm};
}

/* ---- constants ---- */

void wfc_be_asm_set_reg(wfc_be_asm *a, uint8_t reg, uint32_t bits) {
    if (a->status != WFC_OK) return;
    if (reg == 0 || reg >= WFC_NUM_REGS) {
        wfc_be_asm_bug(a, "constant into register %u", reg);
        return;
    }
    wfc_insn low = insn_of(WFC_OP_MOVI, reg, WFC_OPND_NONE, (uint16_t)bits);
    wfc_be_asm_append(a, &low);
    uint32_t extended = (bits & 0x8000u) ? bits | 0xffff0000u : bits & 0xffffu;
    if (extended == bits) return;
    wfc_insn high = insn_of(WFC_OP_MOVIH, reg, WFC_OPND_NONE, (uint16_t)(bits >> 16));
    wfc_be_asm_append(a, &high);
}

void wfc_be_asm_const_regs(wfc_be_asm *a, uint8_t first, uint8_t count) {
    if (a->status != WFC_OK) return;
    if (first == 0 || first + count > WFC_NUM_REGS) {
        wfc_be_asm_bug(a, "registers %u to %u for constants", first, first + count - 1);
        return;
    }
    a->const_first = first;
    a->const_count = count;
    memset(a->consts, 0, sizeof a->consts);
}

static wfc_be_const_slot *find_const(wfc_be_asm *a, uint32_t bits) {
    for (uint8_t i = 0; i < a->const_count; i++) {
        if (a->consts[i].valid && a->consts[i].bits == bits) return &a->consts[i];
    }
    return NULL;
}

/* The slot to overwrite: the least recently used that is not pinned. */
static wfc_be_const_slot *victim(wfc_be_asm *a) {
    wfc_be_const_slot *best = NULL;
    for (uint8_t i = 0; i < a->const_count; i++) {
        wfc_be_const_slot *s = &a->consts[i];
        if (s->pinned) continue;
        if (!best || s->last_use < best->last_use) best = s;
    }
    return best;
}

static uint8_t reg_of(const wfc_be_asm *a, const wfc_be_const_slot *s) {
    return (uint8_t)(a->const_first + (s - a->consts));
}

/* When the low halves agree (0.5, 1.0, 2.0 ...: zero), movih alone turns one constant into the other. */
static void load_const(wfc_be_asm *a, wfc_be_const_slot *s, uint32_t bits) {
    uint32_t extended = (bits & 0x8000u) ? bits | 0xffff0000u : bits & 0xffffu;
    if (s->valid && (s->bits & 0xffffu) == (bits & 0xffffu) && extended != bits) {
        wfc_insn high = insn_of(WFC_OP_MOVIH, reg_of(a, s), WFC_OPND_NONE, (uint16_t)(bits >> 16));
        wfc_be_asm_append(a, &high);
    } else {
        wfc_be_asm_set_reg(a, reg_of(a, s), bits);
    }
    s->bits = bits;
    s->valid = true;
}

uint8_t wfc_be_asm_const(wfc_be_asm *a, uint32_t bits) {
    if (a->status != WFC_OK || bits == 0) return 0;
    wfc_be_const_slot *s = find_const(a, bits);
    if (!s) {
        s = victim(a);
        if (!s) {
            wfc_be_asm_bug(a, "no register for a constant: %u given, all pinned", a->const_count);
            return 0;
        }
        load_const(a, s, bits);
    }
    s->last_use = ++a->const_clock;
    return reg_of(a, s);
}

uint8_t wfc_be_asm_const_f32(wfc_be_asm *a, float v) {
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return wfc_be_asm_const(a, bits);
}

bool wfc_be_asm_const_pin(wfc_be_asm *a, uint32_t bits) {
    if (a->status != WFC_OK || bits == 0) return a->status == WFC_OK;
    wfc_be_const_slot *s = find_const(a, bits);
    if (s && s->pinned) return true;
    unsigned free_slots = 0;
    for (uint8_t i = 0; i < a->const_count; i++) free_slots += !a->consts[i].pinned;
    if (free_slots < 3) return false;
    wfc_be_asm_const(a, bits);
    s = find_const(a, bits);
    if (s) s->pinned = true;
    return s != NULL;
}

void wfc_be_asm_const_unpin_all(wfc_be_asm *a) {
    for (int i = 0; i < WFC_NUM_REGS; i++) a->consts[i].pinned = false;
}

void wfc_be_asm_const_forget(wfc_be_asm *a) {
    for (int i = 0; i < WFC_NUM_REGS; i++) {
        if (!a->consts[i].pinned) a->consts[i].valid = false;
    }
}

/* ---- loops ---- */

static void push_loop(wfc_be_asm *a, uint32_t insn, double count, bool at_least_once) {
    a->loops[a->loop_depth++] =
        (wfc_be_loop_frame){.insn = insn, .outer_factor = a->factor, .runs_at_least_once = at_least_once};
    a->factor *= count;
}

/* Loops of one round take a frame of ours but no level of the machine's. */
static bool room_for_loop(wfc_be_asm *a, bool emitted) {
    if (a->status != WFC_OK) return false;
    if (a->loop_depth >= WFC_BE_MAX_LOOP_FRAMES || (emitted && a->emitted_depth >= WFC_BE_MAX_LOOPS)) {
        wfc_be_asm_bug(a, "more than %d nested loops", (int)WFC_BE_MAX_LOOPS);
        return false;
    }
    return true;
}

void wfc_be_asm_loop(wfc_be_asm *a, uint32_t count) {
    if (count > UINT16_MAX) wfc_be_asm_bug(a, "a loop of %u rounds: at most 65535 without a register", count);
    if (!room_for_loop(a, count != 1)) return;
    if (count == 1) {
        push_loop(a, UINT32_MAX, 1, true);
        return;
    }
    wfc_be_asm_const_forget(a);
    wfc_insn in = insn_of(WFC_OP_LOOP, WFC_OPND_NONE, WFC_OPND_NONE, 0);
    in.b = (uint8_t)(count & 0xff);
    in.c = (uint8_t)(count >> 8);
    uint32_t at = wfc_be_asm_append(a, &in);
    a->emitted_depth++;
    push_loop(a, at, count, count > 0);
}

void wfc_be_asm_loop_reg(wfc_be_asm *a, uint8_t reg, double expected) {
    if (!room_for_loop(a, true)) return;
    if (reg >= WFC_NUM_REGS) {
        wfc_be_asm_bug(a, "loop count in operand %u", reg);
        return;
    }
    wfc_be_asm_const_forget(a);
    wfc_insn in = insn_of(WFC_OP_LOOP, WFC_OPND_NONE, reg, 0);
    uint32_t at = wfc_be_asm_append(a, &in);
    a->emitted_depth++;
    push_loop(a, at, expected, false);
}

void wfc_be_asm_loop_end(wfc_be_asm *a) {
    if (a->status != WFC_OK) return;
    if (a->loop_depth == 0) {
        wfc_be_asm_bug(a, "end of a loop without its begin");
        return;
    }
    wfc_be_loop_frame f = a->loops[--a->loop_depth];
    a->factor = f.outer_factor;
    if (f.insn == UINT32_MAX) return;
    a->emitted_depth--;
    uint32_t body = (uint32_t)a->insns.count - f.insn - 1;
    if (body == 0 || body > UINT16_MAX) {
        wfc_be_asm_bug(a, "a loop body of %u instructions", body);
        return;
    }
    a->insns.data[f.insn].imm = (uint16_t)body;
    if (!f.runs_at_least_once) wfc_be_asm_const_forget(a);
}

/* ---- labels and tasks ---- */

uint32_t wfc_be_asm_label(wfc_be_asm *a) {
    if (a->status != WFC_OK) return 0;
    if (wfc_vec_push(&a->labels, UINT32_MAX) != WFC_OK) {
        wfc_be_asm_no_memory(a);
        return 0;
    }
    return (uint32_t)(a->labels.count - 1);
}

void wfc_be_asm_place(wfc_be_asm *a, uint32_t label) {
    if (a->status != WFC_OK) return;
    if (label >= a->labels.count || a->labels.data[label] != UINT32_MAX) {
        wfc_be_asm_bug(a, "label %u does not exist or is placed twice", label);
        return;
    }
    a->labels.data[label] = wfc_be_asm_here(a);
    wfc_be_asm_const_forget(a);
}

void wfc_be_asm_branch(wfc_be_asm *a, wfc_op op, uint8_t reg, uint32_t label) {
    if (a->status != WFC_OK) return;
    bool conditional = op == WFC_OP_BRZ || op == WFC_OP_BRNZ;
    if (label >= a->labels.count || reg >= WFC_NUM_REGS || (!conditional && op != WFC_OP_BRA)) {
        wfc_be_asm_bug(a, "branch %d on register %u to label %u", (int)op, reg, label);
        return;
    }
    wfc_insn in = insn_of(op, WFC_OPND_NONE, conditional ? reg : WFC_OPND_NONE, 0);
    uint32_t at = wfc_be_asm_append(a, &in);
    if (a->status != WFC_OK) return;
    if (wfc_vec_push(&a->fixups, (wfc_be_fixup){.insn = at, .label = label}) != WFC_OK) wfc_be_asm_no_memory(a);
}

void wfc_be_asm_task(wfc_be_asm *a, uint8_t id, wfc_task_kind kind, uint8_t flags, uint8_t queue) {
    if (a->status != WFC_OK) return;
    for (size_t i = 0; i < a->tasks.count; i++) {
        if (a->tasks.data[i].id == id) {
            wfc_be_asm_bug(a, "task %u exists already", id);
            return;
        }
    }
    if (id >= a->target->tasks || id >= WFC_NUM_TASKS) {
        wfc_be_asm_no_fit(a, "WFC-E0705", "task %u is needed, the target has tasks 0 to %u", id, a->target->tasks - 1);
        return;
    }
    wfc_prog_task t = {
        .id = id, .kind = (uint8_t)kind, .flags = flags, .queue = queue, .entry = (uint16_t)wfc_be_asm_here(a)};
    wfc_be_asm_const_forget(a);
    if (wfc_vec_push(&a->tasks, t) != WFC_OK) wfc_be_asm_no_memory(a);
}

/* ---- queues ---- */

static bool binding_fits(wfc_be_asm *a, const char *side, uint8_t queue, uint8_t queues, uint8_t colour) {
#ifndef WFC_OFF_CQUEUES
    if (queue >= queues) {
        wfc_be_asm_no_fit(a, "WFC-E0706",
                          "the layer needs %s queue %u, the target's PEs have %u; give the layer fewer edges", side,
                          queue, queues);
        return false;
    }
#else
    (void)queue, (void)queues, (void)side;
#endif
#ifndef WFC_OFF_CCOLOURS
    if (colour >= a->target->colours) {
        wfc_be_asm_no_fit(a, "WFC-E0707",
                          "colour %u is needed, target %s has %u (0 to %u); use a target with more colours", colour,
                          a->target->name, a->target->colours, a->target->colours - 1u);
        return false;
    }
#else
    (void)colour;
#endif
    return a->status == WFC_OK;
}

/* One queue carries one colour; two colours in one input queue could block each other (a deadlock). */
static bool binding_new(wfc_be_asm *a, const wfc_prog_binding *data, size_t count, uint8_t queue, uint8_t colour,
                        bool colour_once) {
    for (size_t i = 0; i < count; i++) {
        if (data[i].queue == queue || (colour_once && data[i].colour == colour)) {
            if (data[i].queue == queue && data[i].colour == colour) return false;
            wfc_be_asm_bug(a, "queue %u colour %u clashes with queue %u colour %u", queue, colour, data[i].queue,
                           data[i].colour);
            return false;
        }
    }
    return true;
}

void wfc_be_asm_bind_in(wfc_be_asm *a, uint8_t queue, uint8_t colour) {
    if (a->status != WFC_OK || !binding_fits(a, "input", queue, a->target->in_queues, colour)) return;
    if (!binding_new(a, a->ins.data, a->ins.count, queue, colour, true)) return;
    wfc_prog_binding b = {.queue = queue, .colour = colour};
    if (wfc_vec_push(&a->ins, b) != WFC_OK) wfc_be_asm_no_memory(a);
}

void wfc_be_asm_bind_out(wfc_be_asm *a, uint8_t queue, uint8_t colour) {
    if (a->status != WFC_OK || !binding_fits(a, "output", queue, a->target->out_queues, colour)) return;
    if (!binding_new(a, a->outs.data, a->outs.count, queue, colour, false)) return;
    wfc_prog_binding b = {.queue = queue, .colour = colour};
    if (wfc_vec_push(&a->outs, b) != WFC_OK) wfc_be_asm_no_memory(a);
}
