/* PEs that nobody has to look at. Most visits of a PE would be for one word that a microthread moves into memory (or
 * adds to what is there), or for one instruction of main that stays within the PE. Until an instruction ends, nobody
 * else can tell when its groups ran - but for the space in the queues. So such a PE dozes: it gets no visits, and its
 * cycles are run in one go, later than their time, when
 *
 *   - an instruction may have ended: the last word it needed became visible, its last group is over. A queue knows how
 *     many words it must hold for that (fqueue.need), time is booked as a visit;
 *   - its router wants to push into a queue that looks full (fabric.c);
 *   - anything else wakes it: a control word, the first word of a queue that no instruction reads;
 *   - the run ends.
 *
 * In all of them every word that was visible in the cycles to be run is in its queue, since a push at t shows later
 * than at t. What dozes: any number of *sinks* (one word of 32 bits per group, from one queue, into memory) and of
 * instructions without queues that cannot trap; main among them, or waiting for one of them, or idle with nothing to
 * dispatch. That an instruction has ended shows in the cycle after its last group: then there is a visit. */
#include "runtime/fast/inside.h"
#include "runtime/sim/walk.h"

#include <string.h>

static bool is_sink(const context *c) {
    if (c->d.kind != OPND_MEM && c->d.kind != OPND_RING) return false;
    return !c->ctl && c->left && (c->a.kind == OPND_IN) != (c->b.kind == OPND_IN) && moves_words(c);
}

static fchan *sink_queue(const fast *f, const context *c) {
    return chan_at(f, c->a.kind == OPND_IN ? c->a.chan : c->b.chan);
}

static bool holds_control(const fchan *c) {
    for (uint32_t i = 0; i < c->count; i++) {
        uint32_t at = (uint32_t)c->head + i;
        if (c->ring[at >= c->cap ? at - c->cap : at].when & 1) return true;
    }
    return false;
}

static uint64_t later(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

/* How many words the queue must hold for the instruction to end; they may be there. */
static void set_need(fchan *q, const context *c) {
    queue_of(q)->need = q->count >= c->left ? 0 : c->left;
}

static bool may_trap(unsigned op) {
    return op >= WFC_OP_VGAT && op <= WFC_OP_VSCATMIN;
}

/* Context k can doze; *when: no sooner than then it has ended, as far as that is known. */
static bool context_dozes(const fast *f, const pe *p, unsigned k, uint32_t *queues, uint64_t from, uint64_t *when) {
    const context *c = &p->ctx[k];
    *when = NEVER;
    if (p->mode[k] == CTX_WAIT || p->mode[k] == CTX_ISSUE) return p->live >> c->insn->c & 1;
    if (p->mode[k] != CTX_VEC || c->groups_left == 0) return false;
    from = later(from, p->ready_at[k]);
    if (!c->fabric) {
        *when = from + (uint64_t)c->groups_left * c->cycles_per_group;
        return c->effect_done || !may_trap(c->insn->op);
    }
    if (!is_sink(c)) return false;
    fchan *q = sink_queue(f, c);
    if ((*queues >> q->local & 1) || q->count >= q->cap || holds_control(q)) return false;
    *queues |= 1u << q->local;
    if (q->count < c->left) return true;
    uint32_t last = (uint32_t)q->head + c->left - 1;
    *when = later(from, q->ring[last >= q->cap ? last - q->cap : last].when >> 1) + c->cycles_per_group;
    return true;
}

bool doze_begin(worker *s, pe *p, frouter *r, uint64_t *out_next) {
    const fast *f = s->f;
    const bool idle = p->task == NONE8 && !p->halted;
    if (!p->live || p->sends || p->finishing != NONE8 || p->mode[0] == CTX_ARM || p->mode[0] == CTX_SCALAR)
        return false;
    if (idle && ((p->active & ~p->blocked) || p->info->data_tasks)) return false;
    const uint64_t from = s->e.now + 1;
    uint32_t queues = 0;
    bool runs = false;
    uint64_t next = NEVER;
    for (unsigned m = p->live; m; m &= m - 1) {
        uint64_t when;
        if (!context_dozes(f, p, low_bit(m), &queues, later(from, p->datapath_free), &when)) return false;
        if (when < next) next = when;
        runs |= p->mode[low_bit(m)] == CTX_VEC;
    }
    if (!runs) return false;
    for (uint32_t m = r->queues & ~queues; m; m &= m - 1)
        if (holds_control(queue_chan(f, r, low_bit(m)))) return false;
    for (unsigned m = p->live; m; m &= m - 1) {
        const context *c = &p->ctx[low_bit(m)];
        if (p->mode[low_bit(m)] == CTX_VEC && c->fabric) set_need(sink_queue(f, c), c);
    }
    r->dozes = true;
    r->from = (uint32_t)from;
    *out_next = next;
    return true;
}

/* Accounts up to `to`. Where no group starts, an overhead is counting (until `held`), or words are missing. */
static void account(pe *p, uint64_t to, uint64_t held, uint64_t *cause) {
    if (p->accounted == p->group_cycle && p->datapath_free <= to &&
        p->datapath_free - p->group_cycle == p->group_busy) {
        cause[WFC_CAUSE_BUSY] += p->group_busy;
        p->accounted = p->datapath_free;
    } else {
        stats_settle_group(p, to, cause);
    }
    if (p->accounted >= to) return;
    if (held > p->accounted) {
        uint64_t end = held < to ? held : to;
        cause[WFC_CAUSE_OVERHEAD] += end - p->accounted;
        p->accounted = end;
    }
    cause[WFC_CAUSE_NO_INPUT] += to - p->accounted;
    p->accounted = to;
}

static uint32_t source_word(pe *p, operand *o, uint32_t from_queue) {
    if (o->kind == OPND_IN) return from_queue;
    if (o->kind == OPND_NONE || o->kind == OPND_REG) return o->kind == OPND_REG ? o->value : 0;
    uint32_t value;
    memcpy(&value, p->mem + (o->addr - p->info->mem_lo), sizeof value);
    walk(o, 1);
    return value;
}

/* One word, at `at`. */
static void take_word(const fast *f, pe *p, frouter *r, context *c, uint32_t at) {
    fchan *q = sink_queue(f, c);
    fword w;
    fchan_take(q, at, &w);
    if (q->count == 0) r->queues &= ~(1u << q->local);
    uint32_t value = w.value;
    if (c->insn->op != WFC_OP_VMOV) {
        uint32_t a = source_word(p, &c->a, value), b = source_word(p, &c->b, value);
        kernel_find(c->insn->op, (wfc_dtype)c->insn->type)(&value, &a, &b, 1);
    }
    memcpy(p->mem + (c->d.addr - p->info->mem_lo), &value, sizeof value);
    walk(&c->d, 1);
    c->groups_left = --c->left;
    c->words_done++;
}

/* First cycle from `t` on in which context k can start a group. */
static uint64_t starts_at(const fast *f, const pe *p, unsigned k, uint64_t t) {
    const context *c = &p->ctx[k];
    t = later(t, p->ready_at[k]);
    if (!c->fabric) return t;
    const fchan *q = sink_queue(f, c);
    if (q->count == 0 || (q->ring[q->head].when & 1)) return NEVER;
    return later(t, q->ring[q->head].when >> 1);
}

/* Who starts next, *when, and when the first of the others could. */
static unsigned next_group(const fast *f, const pe *p, unsigned running, uint64_t t, uint64_t *when, uint64_t *other) {
    unsigned pick = NONE8, from = running & (~0u << p->pointer);
    *when = *other = NEVER;
    for (unsigned pass = 0; pass < 2; pass++, from = running & ~(~0u << p->pointer))
        for (unsigned m = from; m; m &= m - 1) {
            uint64_t at = starts_at(f, p, low_bit(m), t);
            if (at < *when) {
                *other = *when;
                *when = at;
                pick = low_bit(m);
            } else if (at < *other) {
                *other = at;
            }
        }
    return pick;
}

/* doze_run of a PE whose only running context is sink k: no choice between contexts. Returns how far it came. */
static uint64_t soak(wfc_engine *e, const fast *f, pe *p, frouter *r, unsigned k, uint64_t until, uint64_t *cause) {
    context *c = &p->ctx[k];
    fchan *q = sink_queue(f, c);
    const uint32_t cycles = c->cycles_per_group, busy = c->busy_per_group < cycles ? c->busy_per_group : cycles;
    uint64_t next = later(later(r->from, p->datapath_free), p->ready_at[k]), when = 0, waited = 0;
    uint32_t words = 0;
    for (; c->left && q->count && !(q->ring[q->head].when & 1); words++) {
        uint64_t start = later(next, q->ring[q->head].when >> 1);
        if (start >= until) break;
        if (words)
            waited += start - next;
        else
            account(p, start, p->ready_at[k], cause);
        take_word(f, p, r, c, (uint32_t)start);
        when = start;
        next = start + cycles;
        if (c->left) continue;
        p->finishing = (uint8_t)k;
        if (next < until) until = next;
    }
    if (words == 0) return until;
    cause[WFC_CAUSE_BUSY] += (uint64_t)(words - 1) * busy;
    cause[WFC_CAUSE_BANK] += (uint64_t)(words - 1) * (cycles - busy);
    cause[WFC_CAUSE_NO_INPUT] += waited;
    p->accounted = p->group_cycle = when;
    p->group_busy = busy;
    p->datapath_free = next;
    p->pointer = (uint8_t)((k + 1) % WFC_NUM_CONTEXTS);
    if (when > e->last_moved) e->last_moved = when;
    return until;
}

/* The same with several contexts that run. */
static uint64_t take_turns(wfc_engine *e, const fast *f, pe *p, frouter *r, unsigned running, uint64_t until,
                           uint64_t held, uint64_t *cause) {
    for (uint64_t when, other;;) {
        unsigned k = next_group(f, p, running, later(r->from, p->datapath_free), &when, &other);
        if (when >= until) return until;
        context *c = &p->ctx[k];
        const uint64_t cycles = c->cycles_per_group;
        account(p, when, held, cause);
        p->group_busy = c->busy_per_group < c->cycles_per_group ? c->busy_per_group : c->cycles_per_group;
        p->pointer = (uint8_t)((k + 1) % WFC_NUM_CONTEXTS);
        if (c->fabric) {
            take_word(f, p, r, c, (uint32_t)when);
            if (when > e->last_moved) e->last_moved = when;
        } else {
            if (!c->effect_done) vec_run(e, p, c);
            c->effect_done = true;
            uint64_t end = other < until ? other : until, groups = end > when ? (end - when + cycles - 1) / cycles : 1;
            if (groups > c->groups_left) groups = c->groups_left;
            c->groups_left -= (uint32_t)groups;
            cause[WFC_CAUSE_BUSY] += (groups - 1) * p->group_busy;
            cause[WFC_CAUSE_BANK] += (groups - 1) * (cycles - p->group_busy);
            when += (groups - 1) * cycles;
            p->accounted = when;
        }
        p->group_cycle = when;
        p->datapath_free = when + cycles;
        if (c->groups_left) continue;
        p->finishing = (uint8_t)k;
        return p->datapath_free < until ? p->datapath_free : until;
    }
}

void doze_run(wfc_engine *e, const fast *f, pe *p, frouter *r, uint64_t until) {
    uint64_t unused[WFC_CAUSES] = {0};
    uint64_t *cause = p->layer < e->p->layer_count ? e->result->layer_cause[p->layer] : unused;
    uint64_t held = 0;
    unsigned running = 0;
    if (p->finishing != NONE8 && p->datapath_free < until) until = p->datapath_free;
    if (r->from >= until) return;
    for (unsigned m = p->live; m; m &= m - 1) {
        unsigned k = low_bit(m);
        held = later(held, p->ready_at[k]);
        if (p->mode[k] == CTX_VEC) running |= 1u << k;
    }
    bool one = (running & (running - 1)) == 0 && p->ctx[low_bit(running)].fabric;
    until =
        one ? soak(e, f, p, r, low_bit(running), until, cause) : take_turns(e, f, p, r, running, until, held, cause);
    account(p, until, held, cause);
    if (p->datapath_free > e->last_action) sim_acted(e, p->datapath_free);
    r->from = (uint32_t)until;
    for (unsigned m = running; m; m &= m - 1)
        if (p->ctx[low_bit(m)].fabric) set_need(sink_queue(f, &p->ctx[low_bit(m)]), &p->ctx[low_bit(m)]);
}

void doze_clear(const fast *f, pe *p, frouter *r) {
    for (uint32_t q = 0; q < p->info->in_count; q++) queue_of(queue_chan(f, r, q))->need = 1;
    r->dozes = false;
}

void doze_end(worker *s, pe *p, frouter *r) {
    doze_run(&s->e, s->f, p, r, s->e.now + 1);
    doze_clear(s->f, p, r);
    wake_pe(s, r->place, time_now(s) + 1);
}
