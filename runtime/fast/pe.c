/* PEs: rules 9 to 16 of docs/fabric.md with queues in this engine's channels. What no channel takes part in is the
 * reference engine's pe.c, issue.c, exec.c, vec.c. */
#include "runtime/fast/inside.h"
#include "runtime/sim/walk.h"

#include <string.h>

static void push_out(worker *s, frouter *r, context *c, uint32_t value, bool ctl) {
    fchan *ch = chan_at(s->f, c->d.chan);
    uint32_t at = time_now(s) + s->f->to_router;
    if (fchan_put(ch, value, at << 1 | ctl)) {
        r->nonempty[ch->local / 64] |= 1ull << (ch->local % 64);
        wake_router(s, r->place, at);
    }
    s->e.last_moved = s->e.now;
    c->words_done++;
}

static uint32_t pop_in(worker *s, frouter *r, fchan *ch) {
    fword w;
    bool full = fchan_take(ch, time_now(s), &w);
    if (ch->count == 0) r->queues &= ~(1u << ch->local);
    if (full) wake_router(s, r->place, time_now(s) + 1);
    return w.value;
}

static bool head_is_data(const fchan *c, uint32_t now) {
    return fchan_has_head(c, now) && !(c->ring[c->head].when & 1);
}

static inline bool has_data(const fast *f, const operand *o, uint32_t now) {
    return o->kind != OPND_IN || head_is_data(chan_at(f, o->chan), now);
}

/* The same of a later cycle, when nothing is pushed or popped before. */
static inline bool will_have_data(const fast *f, const operand *o, uint32_t at) {
    if (o->kind != OPND_IN) return true;
    const fchan *c = chan_at(f, o->chan);
    return c->count && c->ring[c->head].when >> 1 <= at;
}

static inline bool queues_ready(const worker *s, const pe *p, const context *c, bool *out_no_input) {
    const uint32_t now = time_now(s);
    *out_no_input = c->left > 0 && !(has_data(s->f, &c->a, now) && has_data(s->f, &c->b, now));
    if (*out_no_input) return false;
    if (c->d.kind != OPND_OUT) return true;
    if (c->insn->op == WFC_OP_VSENDNZ && !queue_sends_now(p, c)) return true;
    return fchan_can_push(chan_at(s->f, c->d.chan), now);
}

static void fill(worker *s, frouter *r, context *c, operand *o) {
    if (o->kind != OPND_IN) return;
    o->value = pop_in(s, r, chan_at(s->f, o->chan));
    o->sub = 0;
    s->e.last_moved = s->e.now;
    if (c->d.kind != OPND_OUT && (o == &c->a || c->a.kind != OPND_IN)) c->words_done++;
}

/* As send_nonzero in runtime/sim/queue.c. */
static void send_nonzero(worker *s, pe *p, frouter *r, context *c) {
    operand *a = &c->a;
    uint32_t v = elem_load(p->mem + (a->addr - p->info->mem_lo), (wfc_dtype)a->type), index = c->elems - c->left;
    bool wide = wfc_dtype_bytes((wfc_dtype)c->insn->type) == 4;
    if ((v & 0x7fffffffu) != 0) {
        if (wide && !c->has_index) {
            push_out(s, r, c, index, false);
            c->has_index = true;
            return;
        }
        push_out(s, r, c, wide ? v : (index & 0xffff) | elem_narrow(WFC_F16, v) << 16, false);
    }
    c->has_index = false;
    walk(a, 1);
    c->left--;
}

static uint32_t take_plain(worker *s, pe *p, frouter *r, context *c, operand *o) {
    uint32_t value;
    fill(s, r, c, o);
    if (o->kind != OPND_MEM && o->kind != OPND_RING) return o->kind == OPND_NONE ? 0 : o->value;
    memcpy(&value, p->mem + (o->addr - p->info->mem_lo), sizeof value);
    walk(o, 1);
    return value;
}

/* False: the group does more than move a word. */
static bool plain_group(worker *s, pe *p, frouter *r, context *c) {
    const unsigned op = c->insn->op;
    if (!moves_words(c)) return false;
    uint32_t a = take_plain(s, p, r, c, &c->a), b = take_plain(s, p, r, c, &c->b), value = a;
    if (op != WFC_OP_VMOV) kernel_find(op, (wfc_dtype)c->insn->type)(&value, &a, &b, 1);
    c->left--;
    if (c->d.kind == OPND_OUT) {
        push_out(s, r, c, value, false);
    } else {
        memcpy(p->mem + (c->d.addr - p->info->mem_lo), &value, sizeof value);
        walk(&c->d, 1);
    }
    return true;
}

/* One group of an instruction with queues. */
static void queues_group(worker *s, pe *p, frouter *r, context *c) {
    wfc_engine *e = &s->e;
    if (c->left == 0) {
        push_out(s, r, c, c->ctl & 0xffff, true);
        c->ctl = 0;
    } else if (c->insn->op == WFC_OP_VSENDNZ) {
        send_nonzero(s, p, r, c);
    } else if (!plain_group(s, p, r, c)) {
        uint32_t n = c->left < c->width ? c->left : c->width;
        fill(s, r, c, &c->a);
        fill(s, r, c, &c->b);
        if (c->d.kind == OPND_OUT) c->d.value = c->d.sub = 0;
        count_macs(e, p, c, n);
        for (uint32_t i = 0; i < n && !e->trap.set; i++, c->left--) queue_element(e, p, c);
        if (c->d.kind == OPND_OUT && !e->trap.set) push_out(s, r, c, c->d.value, false);
    }
    c->groups_left = c->left + (c->ctl != 0); /* exact only in being 0 or not */
}

static uint64_t runnable(const worker *s, const pe *p, frouter *r) {
    uint64_t tasks = p->active & ~p->blocked & ~p->info->data_tasks;
    for (uint64_t m = p->info->data_tasks & ~p->blocked; m && r->queues; m &= m - 1) {
        const wfc_prog_task *t = &p->info->cls->tasks[p->info->task_index[low_bit(m)]];
        if (head_is_data(queue_chan(s->f, r, p->info->in_local[t->queue]), time_now(s))) tasks |= 1ull << low_bit(m);
    }
    return tasks;
}

/* Rule 15; true: a word was popped or a task became current. */
static bool dispatch(worker *s, pe *p, frouter *r) {
    if (p->task != NONE8 || p->halted || (p->live & 1) || p->finishing == 0) return false;
    uint64_t tasks = runnable(s, p, r);
    if (!tasks) return false;
    unsigned id = low_bit(tasks);
    const wfc_prog_task *t = &p->info->cls->tasks[p->info->task_index[id]];
    uint32_t value = 0;
    if (t->kind == WFC_TASK_DATA) value = pop_in(s, r, queue_chan(s->f, r, p->info->in_local[t->queue]));
    pe_start_task(&s->e, p, id, value);
    return true;
}

/* Rule 16. Returns the tasks to be activated. */
static uint64_t take_control_words(worker *s, pe *p, frouter *r) {
    uint64_t tasks = 0;
    for (uint32_t m = r->queues; m; m &= m - 1) {
        fchan *ch = queue_chan(s->f, r, low_bit(m));
        if (!(ch->ring[ch->head].when & 1) || !fchan_has_head(ch, time_now(s))) continue;
        unsigned id = pop_in(s, r, ch) >> 4 & 63;
        if (!(p->info->tasks >> id & 1))
            sim_trap(&s->e, p, NONE8, 0, "a control word names task %u, which does not exist", id);
        tasks |= 1ull << id;
        sim_acted(&s->e, s->e.now + 1);
    }
    return tasks;
}

static bool ready(const worker *s, const pe *p, unsigned k, uint64_t at) {
    const context *c = &p->ctx[k];
    bool no_input;
    if (p->ready_at[k] > at) return false;
    switch ((ctx_mode)p->mode[k]) {
    case CTX_SCALAR: return true;
    case CTX_WAIT:
    case CTX_ISSUE: return !(p->live >> c->insn->c & 1);
    case CTX_VEC: return c->groups_left > 0 && (!c->fabric || queues_ready(s, p, c, &no_input));
    case CTX_IDLE:
    case CTX_ARM: break;
    }
    return false;
}

/* The first ready context from the pointer on; NONE8 when none is. */
static unsigned select_context(const worker *s, const pe *p, uint64_t at, unsigned except) {
    unsigned live = p->live & ~(except == NONE8 ? 0 : 1u << except), from = ~0u << p->pointer;
    for (unsigned m = live & from; m; m &= m - 1)
        if (ready(s, p, low_bit(m), at)) return low_bit(m);
    for (unsigned m = live & ~from; m; m &= m - 1)
        if (ready(s, p, low_bit(m), at)) return low_bit(m);
    return NONE8;
}

/* Rule 19: the cause of the cycles in which the datapath is free and no group starts. */
static unsigned lost_cause(const worker *s, const pe *p) {
    unsigned cause = WFC_CAUSE_IDLE;
    for (unsigned m = p->live; m; m &= m - 1)
        if (p->ready_at[low_bit(m)] > s->e.now) return WFC_CAUSE_OVERHEAD;
    for (unsigned m = p->live; m; m &= m - 1) {
        const context *c = &p->ctx[low_bit(m)];
        bool no_input = false;
        if (p->mode[low_bit(m)] != CTX_VEC || !c->fabric || queues_ready(s, p, c, &no_input)) continue;
        if (no_input)
            cause = WFC_CAUSE_NO_INPUT;
        else if (cause == WFC_CAUSE_IDLE)
            cause = WFC_CAUSE_BACK_PRESSURE;
    }
    return cause;
}

static void execute(worker *s, pe *p, frouter *r, unsigned k) {
    context *c = &p->ctx[k];
    if (p->mode[k] != CTX_VEC || !c->fabric) {
        pe_execute(&s->e, p, k);
        return;
    }
    uint32_t cycles = c->cycles_per_group, busy = c->busy_per_group < cycles ? c->busy_per_group : cycles;
    queues_group(s, p, r, c);
    pe_group_started(&s->e, p, k, cycles, busy, c->groups_left == 0);
}

static uint64_t sooner(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* Context k of S(at), when nothing that wakes this PE happens before. */
static inline bool may_run(const worker *s, const pe *p, unsigned k, uint32_t at, bool *no_input, bool *no_space) {
    const context *c = &p->ctx[k];
    if (p->mode[k] == CTX_WAIT || p->mode[k] == CTX_ISSUE) return !(p->live >> c->insn->c & 1);
    if (p->mode[k] != CTX_VEC || !c->fabric || c->insn->op == WFC_OP_VSENDNZ) return true;
    if (c->left > 0 && !(will_have_data(s->f, &c->a, at) && will_have_data(s->f, &c->b, at))) {
        *no_input = true;
        return false;
    }
    if (c->d.kind != OPND_OUT) return true;
    const fchan *out = chan_at(s->f, c->d.chan);
    *no_space = out->count >= out->cap;
    return !*no_space;
}

/* Most groups last one cycle, and most microthreads then wait for the next word. Where that can be told from S(now+1)
 * as far as it is known - a push or pop that comes yet in this cycle wakes the PE for now+1 by itself, or does not show
 * by then - the cause of the cycles to come is set here, and the visit that would only find it out is spared. */
static bool rests(const worker *s, pe *p, frouter *r) {
    const uint32_t at = time_now(s) + 1;
    bool overhead = false, no_input = false, no_space = false;
    if (p->datapath_free != at || p->finishing != NONE8) return false;
    bool tasks = p->task == NONE8 && !p->halted && p->info->data_tasks;
    for (uint32_t m = r->queues; m; m &= m - 1) {
        const fchan *c = queue_chan(s->f, r, low_bit(m));
        uint32_t when = c->ring[c->head].when;
        if (when >> 1 <= at && ((when & 1) || tasks)) return false; /* something for the dispatcher */
    }
    for (unsigned m = p->live; m; m &= m - 1) {
        unsigned k = low_bit(m);
        if (p->ready_at[k] > at)
            overhead = true;
        else if (may_run(s, p, k, at, &no_input, &no_space))
            return false;
    }
    p->lost = overhead   ? WFC_CAUSE_OVERHEAD
              : no_input ? WFC_CAUSE_NO_INPUT
              : no_space ? WFC_CAUSE_BACK_PRESSURE
                         : WFC_CAUSE_IDLE;
    return true;
}

/* First cycle after now in which this PE can act without a further event; events (words, credits) wake it anyway. */
static uint64_t next_visit(worker *s, pe *p, frouter *r, unsigned executed, bool popped) {
    const uint64_t now = s->e.now;
    uint64_t next = popped ? now + 1 : NEVER;
    if (p->task == NONE8 && !p->halted && p->finishing != 0 && (p->active & ~p->blocked)) next = now + 1;
    for (uint32_t m = r->queues; m; m &= m - 1) {
        const fchan *ch = queue_chan(s->f, r, low_bit(m));
        uint64_t visible = ch->ring[ch->head].when >> 1;
        if (visible > now) next = sooner(next, visible);
    }
    uint64_t free_at = p->datapath_free;
    const context *c = executed == NONE8 ? NULL : &p->ctx[executed];
    bool batch = c && p->mode[executed] == CTX_VEC && !c->fabric && c->groups_left > 1 &&
                 select_context(s, p, free_at, executed) == NONE8;
    if (batch) {
        p->batch = (uint8_t)executed;
        next = sooner(next, free_at + (uint64_t)(c->groups_left - 1) * c->cycles_per_group);
    } else if (free_at > now && !rests(s, p, r)) {
        next = sooner(next, free_at);
    }
    for (unsigned m = p->live; m; m &= m - 1)
        if (p->ready_at[low_bit(m)] > now) next = sooner(next, p->ready_at[low_bit(m)]);
    return next;
}

/* stats_settle, with its commonest case first: a group has just ended, or there was nothing to do. */
static inline void settle(wfc_engine *e, pe *p) {
    uint64_t now = e->now;
    if (p->accounted == now) return;
    if (p->batch != NONE8 || p->accounted != p->group_cycle || p->datapath_free - p->group_cycle != p->group_busy ||
        p->datapath_free > now || p->layer >= e->p->layer_count) {
        stats_settle(e, p, now);
        return;
    }
    uint64_t *cause = e->result->layer_cause[p->layer];
    cause[WFC_CAUSE_BUSY] += p->group_busy;
    cause[p->lost] += now - p->datapath_free;
    p->accounted = now;
}

void fpe_visit(worker *s, frouter *r) {
    wfc_engine *e = &s->e;
    pe *p = &e->pes[r->node];
    if (!p->info) return;
    if (r->from > e->now) { /* its router needed it */
        wake_pe(s, r->place, time_now(s) + 1);
        return;
    }
    if (r->dozes) {
        doze_run(e, s->f, p, r, e->now);
        doze_clear(s->f, p, r);
    }
    settle(e, p);
    p->batch = NONE8;
    bool ended = p->finishing != NONE8 && e->now >= p->datapath_free;
    if (ended || p->mode[0] == CTX_ARM || p->empty) pe_advance(e, p); /* which looks at nothing else */
    if (e->trap.set) return;
    uint32_t before = r->queues;
    bool popped = dispatch(s, p, r);
    uint64_t activated = before ? take_control_words(s, p, r) : 0;
    unsigned k = NONE8;
    if (e->now >= p->datapath_free && (k = select_context(s, p, e->now, NONE8)) != NONE8) execute(s, p, r, k);
    p->active |= activated;
    if (k == NONE8) p->lost = (uint8_t)lost_cause(s, p);
    uint64_t next;
    if (!doze_begin(s, p, r, &next)) next = next_visit(s, p, r, k, popped || activated);
    if (next == NEVER) return;
    wake_pe(s, r->place, next < LATEST ? (uint32_t)next : LATEST);
}
