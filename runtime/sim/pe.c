/* A PE: contexts, dispatch, one group per cycle; rules 9 to 16 of docs/fabric.md.
 *
 * A visit at t first brings the PE to S(t) (groups of a batch, completions, instructions that become current), then
 * lets the dispatcher and the datapath act once on S(t), then computes when something can happen next. Example: main
 * alone runs a memory-only vmac of 64 groups. The first group does the whole effect; the PE sleeps until the last
 * group's cycle. A word that arrives in between wakes it: the batch is caught up to that cycle and the microthread gets
 * its turn. */
#include "runtime/sim/engine.h"

/* End of an overhead of `overhead` cycles from `from` on, jitter included. */
uint64_t pe_held_until(wfc_engine *e, pe *p, uint64_t from, uint32_t overhead) {
    if (!e->opt.jitter) return from + overhead;
    return from + overhead + sim_jitter(e, 0x80000000u + p->node, p->overheads++, 4);
}

/* Makes the instruction at p->pc current on main at `now`. */
static void arm_main(wfc_engine *e, pe *p) {
    context *c = &p->ctx[0];
    if (p->pc >= p->info->cls->insn_count) {
        sim_trap(e, p, 0, p->pc, "ran past the end of the code");
        return;
    }
    const wfc_insn *in = &p->info->cls->insns[p->pc];
    c->insn = in;
    c->pc = p->pc;
    c->task = p->task;
    p->ready_at[0] = e->now;
    if (wfc_isa_lookup(in->op)->timing < WFC_TIME_VECTOR)
        set_mode(p, 0, in->op == WFC_OP_WAIT ? CTX_WAIT : CTX_SCALAR);
    else if (in->flags & WFC_FLAG_ASYNC)
        set_mode(p, 0, CTX_ISSUE);
    else if (issue_vector(e, p, c, in, p->pc)) {
        e->result->instructions++;
        p->ran = true;
        set_mode(p, 0, CTX_VEC);
        p->ready_at[0] = pe_held_until(e, p, e->now, p->info->costs[p->pc].overhead);
        if (c->groups_left == 0 && p->ready_at[0] == e->now) p->ready_at[0]++;
    }
}

/* Where main goes on: the next instruction, after the back edges of the loops that end there. */
static void next_main(wfc_engine *e, pe *p, uint32_t next) {
    while (p->depth && next == p->loops[p->depth - 1].end) {
        loop_frame *f = &p->loops[p->depth - 1];
        if (--f->left) {
            next = f->start;
            break;
        }
        p->depth--;
    }
    p->pc = next;
    arm_main(e, p);
}

static void completion_action(wfc_engine *e, pe *p, const context *c, unsigned k) {
    unsigned task = c->insn->imm & 63;
    if (!(c->insn->flags & (WFC_FLAG_ACT | WFC_FLAG_UBLK))) return;
    if (!(p->info->tasks >> task & 1) || c->insn->imm >= WFC_NUM_TASKS) {
        sim_trap(e, p, k, c->pc, "completion names task %u, which does not exist", c->insn->imm);
        return;
    }
    if (c->insn->flags & WFC_FLAG_ACT) p->active |= 1ull << task;
    if (c->insn->flags & WFC_FLAG_UBLK) p->blocked &= ~(1ull << task);
}

/* Context k has executed its last group; this is the first cycle in which that shows. */
static void finish(wfc_engine *e, pe *p, unsigned k) {
    context *c = &p->ctx[k];
    if (k > 0) {
        set_mode(p, k, CTX_IDLE);
        completion_action(e, p, c, k);
        return;
    }
    bool vector = p->mode[0] == CTX_VEC, scalar = p->mode[0] == CTX_SCALAR;
    set_mode(p, 0, CTX_IDLE);
    if (vector) completion_action(e, p, c, k);
    if (scalar && p->task == NONE8) return; /* end, halt */
    next_main(e, p, scalar ? p->next_pc : p->pc + 1);
}

void pe_advance(wfc_engine *e, pe *p) {
    if (p->finishing != NONE8 && e->now >= p->datapath_free) {
        unsigned k = p->finishing;
        p->finishing = NONE8;
        finish(e, p, k);
    }
    if (p->mode[0] == CTX_ARM && e->now >= p->ready_at[0]) {
        p->pc = p->ctx[0].pc;
        arm_main(e, p);
    }
    for (unsigned m = p->empty; m && !e->trap.set; m &= m - 1) {
        if (e->now < p->ready_at[low_bit(m)]) continue;
        sim_acted(e, e->now);
        finish(e, p, low_bit(m));
    }
}

static uint64_t runnable(const wfc_engine *e, const pe *p) {
    uint64_t tasks = p->active & ~p->blocked & ~p->info->data_tasks;
    for (uint64_t m = p->info->data_tasks & ~p->blocked; m && p->in_nonempty; m &= m - 1) {
        unsigned id = low_bit(m);
        const wfc_prog_task *t = &p->info->cls->tasks[p->info->task_index[id]];
        uint32_t c = p->in_chan0 + p->info->in_local[t->queue];
        if (chan_has_head(e, c) && !e->chans[c].head_ctl) tasks |= 1ull << id;
    }
    return tasks;
}

/* Rule 15. */
static void dispatch(wfc_engine *e, pe *p) {
    if (p->task != NONE8 || p->halted || (p->live & 1) || p->finishing == 0) return;
    uint64_t tasks = runnable(e, p);
    if (!tasks) return;
    unsigned id = low_bit(tasks);
    const wfc_prog_task *t = &p->info->cls->tasks[p->info->task_index[id]];
    bool data = t->kind == WFC_TASK_DATA;
    pe_start_task(e, p, id, data ? chan_pop(e, p->in_chan0 + p->info->in_local[t->queue]).value : 0);
}

void pe_start_task(wfc_engine *e, pe *p, unsigned id, uint32_t value) {
    const wfc_prog_task *t = &p->info->cls->tasks[p->info->task_index[id]];
    if (t->kind == WFC_TASK_DATA) {
        p->r[1] = value;
        if (t->flags & WFC_TASK_SPLIT) {
            p->r[1] = value & 0xffff;
            p->r[2] = elem_widen(WFC_F16, value >> 16);
        }
    } else {
        p->active &= ~(1ull << id);
    }
    p->task = (uint8_t)id;
    p->depth = 0;
    context *c = &p->ctx[0];
    set_mode(p, 0, CTX_ARM);
    c->pc = t->entry;
    c->task = p->task;
    uint32_t overhead = e->target->task_overhead ? e->target->task_overhead : 1;
    p->ready_at[0] = pe_held_until(e, p, e->now, overhead);
    sim_acted(e, p->ready_at[0]);
}

/* Rule 16. Returns the tasks to be activated: they were not active in S(now), so the caller sets them after dispatch.
 */
static uint64_t take_control_words(wfc_engine *e, pe *p) {
    uint64_t tasks = 0;
    for (uint32_t m = p->in_nonempty; m; m &= m - 1) {
        uint32_t c = p->in_chan0 + low_bit(m);
        if (!chan_has_head(e, c) || !e->chans[c].head_ctl) continue;
        unsigned id = chan_pop(e, c).value >> 4 & 63;
        if (!(p->info->tasks >> id & 1))
            sim_trap(e, p, NONE8, 0, "a control word names task %u, which does not exist", id);
        tasks |= 1ull << id;
        sim_acted(e, e->now + 1);
    }
    return tasks;
}

static bool ready(const wfc_engine *e, const pe *p, unsigned k, uint64_t at) {
    const context *c = &p->ctx[k];
    bool no_input;
    if (p->ready_at[k] > at) return false;
    switch ((ctx_mode)p->mode[k]) {
    case CTX_SCALAR: return true;
    case CTX_WAIT:
    case CTX_ISSUE: return !(p->live >> c->insn->c & 1);
    case CTX_VEC: return c->groups_left > 0 && (!c->fabric || queue_ready(e, p, c, &no_input));
    case CTX_IDLE:
    case CTX_ARM: break;
    }
    return false;
}

static void issue_async(wfc_engine *e, pe *p, const context *c) {
    unsigned k = c->insn->c;
    context *u = &p->ctx[k];
    if (!issue_vector(e, p, u, c->insn, c->pc)) return;
    set_mode(p, k, CTX_VEC);
    u->task = p->task;
    p->ready_at[k] = pe_held_until(e, p, e->now + 1, p->info->costs[c->pc].overhead);
    if (u->groups_left == 0 && p->ready_at[k] == e->now + 1) p->ready_at[k]++;
}

void pe_execute(wfc_engine *e, pe *p, unsigned k) {
    context *c = &p->ctx[k];
    uint32_t cycles = 1, busy = 1;
    bool last = true;
    if (p->mode[k] == CTX_VEC) {
        cycles = c->cycles_per_group;
        busy = c->busy_per_group < cycles ? c->busy_per_group : cycles;
        if (c->fabric) {
            queue_group(e, p, c);
        } else {
            if (!c->effect_done) vec_run(e, p, c);
            c->effect_done = true;
            c->groups_left--;
        }
        last = c->groups_left == 0;
    } else {
        e->result->instructions++;
        if (p->mode[k] == CTX_ISSUE)
            issue_async(e, p, c);
        else if (p->mode[k] == CTX_SCALAR)
            cycles = busy = exec_scalar(e, p, c->insn);
        p->ran = true;
    }
    pe_group_started(e, p, k, cycles, busy, last);
}

void pe_group_started(wfc_engine *e, pe *p, unsigned k, uint32_t cycles, uint32_t busy, bool last) {
    p->pointer = (uint8_t)((k + 1) % WFC_NUM_CONTEXTS);
    p->group_cycle = e->now;
    p->group_busy = busy;
    p->datapath_free = e->now + cycles;
    if (last) p->finishing = (uint8_t)k;
    sim_acted(e, p->datapath_free);
}

/* The first ready context from the pointer on; NONE8 when none is. */
static unsigned select_context(const wfc_engine *e, const pe *p, uint64_t at, unsigned except) {
    unsigned live = p->live & ~(except == NONE8 ? 0 : 1u << except), from = ~0u << p->pointer;
    for (unsigned m = live & from; m; m &= m - 1)
        if (ready(e, p, low_bit(m), at)) return low_bit(m);
    for (unsigned m = live & ~from; m; m &= m - 1)
        if (ready(e, p, low_bit(m), at)) return low_bit(m);
    return NONE8;
}

/* Rule 19: the cause of the cycles in which the datapath is free and no group starts. */
static unsigned lost_cause(const wfc_engine *e, const pe *p) {
    unsigned cause = WFC_CAUSE_IDLE;
    for (unsigned m = p->live; m; m &= m - 1)
        if (p->ready_at[low_bit(m)] > e->now) return WFC_CAUSE_OVERHEAD;
    for (unsigned m = p->live; m; m &= m - 1) {
        const context *c = &p->ctx[low_bit(m)];
        bool no_input = false;
        if (p->mode[low_bit(m)] != CTX_VEC || !c->fabric || queue_ready(e, p, c, &no_input)) continue;
        if (no_input)
            cause = WFC_CAUSE_NO_INPUT;
        else if (cause == WFC_CAUSE_IDLE)
            cause = WFC_CAUSE_BACK_PRESSURE;
    }
    return cause;
}

static uint64_t sooner(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* First cycle after now in which this PE can act without a further event; events (words, credits) wake it anyway. */
static uint64_t next_visit(wfc_engine *e, pe *p, unsigned executed, bool popped) {
    uint64_t next = popped ? e->now + 1 : NEVER;
    if (p->task == NONE8 && !p->halted && p->finishing != 0 && (p->active & ~p->blocked)) next = e->now + 1;
    for (uint32_t m = p->in_nonempty; m; m &= m - 1) {
        uint64_t visible = e->chans[p->in_chan0 + low_bit(m)].head_visible;
        if (visible > e->now) next = sooner(next, visible);
    }
    uint64_t free_at = p->datapath_free;
    const context *c = executed == NONE8 ? NULL : &p->ctx[executed];
    bool batch = c && p->mode[executed] == CTX_VEC && !c->fabric && c->groups_left > 1 && !e->opt.no_skip &&
                 select_context(e, p, free_at, executed) == NONE8;
    if (batch) {
        p->batch = (uint8_t)executed;
        next = sooner(next, free_at + (uint64_t)(c->groups_left - 1) * c->cycles_per_group);
    } else if (free_at > e->now) {
        next = sooner(next, free_at);
    }
    for (unsigned m = p->live; m; m &= m - 1)
        if (p->ready_at[low_bit(m)] > e->now) next = sooner(next, p->ready_at[low_bit(m)]);
    return next;
}

void pe_visit(wfc_engine *e, uint32_t node) {
    pe *p = &e->pes[node];
    if (!p->info) return;
    stats_settle(e, p, e->now);
    p->batch = NONE8;
    pe_advance(e, p);
    if (e->trap.set) return;
    uint32_t before = p->in_nonempty;
    bool idle = p->task == NONE8;
    dispatch(e, p);
    bool popped = idle && p->task != NONE8;
    uint64_t activated = before ? take_control_words(e, p) : 0;
    unsigned k = NONE8;
    if (e->now >= p->datapath_free && (k = select_context(e, p, e->now, NONE8)) != NONE8) pe_execute(e, p, k);
    p->active |= activated;
    if (k == NONE8) p->lost = (uint8_t)lost_cause(e, p);
    uint64_t next = next_visit(e, p, k, popped || activated);
    if (next != NEVER) sim_wake(e, ent_pe(node), next);
}
