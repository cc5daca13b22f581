/* The trace of a PE: what its prologue arms, and the fabric events of one iteration of its endless loop.
 *
 * The loop is followed until registers and descriptors at its head are as they were at the head of an earlier turn
 * (toggled buffers: after two turns). From there on it repeats for ever, so the turns seen are all there are; each must
 * have the same events. One turn more shows the microthreads that are in flight over the head. */
#include "backend/check/check_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MAX_TURNS = 64, EXACT_TESTS = 4096 };

void wfc_be_chk_fault(wfc_chk_trace *t, const char *code, const char *fmt, ...) {
    if (t->fault_code) return; /* the first one counts */
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(t->fault, WFC_CHK_FAULT_BYTES, fmt, ap);
    va_end(ap);
    t->fault_code = code;
}

void wfc_be_chk_trace_deinit(wfc_chk_trace *t) {
    wfc_vec_free(&t->prologue);
    wfc_vec_free(&t->events);
    wfc_vec_free(&t->nodes);
    wfc_vec_free(&t->arcs);
    wfc_free(t->arc_start);
    t->arc_start = NULL;
}

/* Seen receives into memory, in order: what the two-buffer condition compares. */
typedef struct seen {
    uint8_t queue;
    bool relay; /* keeps nothing, but counts for the position in the stream */
    uint32_t words, pc;
    wfc_chk_access buffer;
} seen;
typedef WFC_VEC(seen) seen_list;
typedef WFC_VEC(wfc_chk_state) state_list;

static bool is_impure(const wfc_prog_class *c, const wfc_insn *in) {
    if (in->op == WFC_OP_WAIT || in->op == WFC_OP_LDD || in->op == WFC_OP_END || in->op == WFC_OP_HALT ||
        in->op == WFC_OP_VSENDNZ || in->op == WFC_OP_SENDC)
        return true;
    if (in->op == WFC_OP_BRA || in->op == WFC_OP_BRZ || in->op == WFC_OP_BRNZ) return in->imm == 0 || in->imm >= 0x8000;
    if (!wfc_be_chk_is_vector(in)) return false;
    if (in->flags & WFC_FLAG_ASYNC) return true;
    const uint8_t operands[3] = {in->d, in->a, in->b};
    for (unsigned i = 0; i < 3; i++) {
        if (operands[i] < WFC_OPND_DESC0 || operands[i] == WFC_OPND_NONE) continue;
        uint8_t kind = c->descs[operands[i] - WFC_OPND_DESC0].kind;
        if (kind == WFC_DESC_IN || kind == WFC_DESC_OUT) return true;
    }
    return false;
}

/* The checker does not repeat verify, but it must not read out of bounds when it is handed something unverified. */
static bool is_sane(const wfc_prog_class *c) {
    if (c->desc_count > WFC_NUM_DESCS) return false;
    for (uint32_t i = 0; i < c->desc_count; i++)
        if (c->descs[i].off >= WFC_NUM_REGS || c->descs[i].type >= WFC_NUM_PE_DTYPES) return false;
    for (uint32_t i = 0; i < c->insn_count; i++) {
        const wfc_insn *in = &c->insns[i];
        const wfc_isa_record *isa = wfc_isa_lookup(in->op);
        if (!isa) return false;
        const uint8_t operand[4] = {in->d, in->a, in->b, in->c}, kinds[4] = {isa->d, isa->a, isa->b, isa->c};
        for (unsigned k = 0; k < 4; k++) {
            if (kinds[k] & (WFC_OPND_IS_RAW | WFC_OPND_IS_UT)) continue;
            bool none = operand[k] == WFC_OPND_NONE && (kinds[k] & WFC_OPND_IS_NONE);
            bool reg = operand[k] < WFC_OPND_DESC0 && (kinds[k] & WFC_OPND_IS_REG);
            unsigned descs = WFC_OPND_IS_MEM | WFC_OPND_IS_IN | WFC_OPND_IS_OUT | WFC_OPND_IS_ANY_DESC;
            bool desc = operand[k] >= WFC_OPND_DESC0 && operand[k] < WFC_OPND_DESC0 + c->desc_count && kinds[k] & descs;
            if (!none && !reg && !desc) return false;
        }
    }
    return true;
}

static bool bind(wfc_chk_trace *t, const wfc_prog_binding *b, uint32_t n, wfc_chk_queue *queues, const char *what) {
    for (uint32_t i = 0; i < n; i++) {
        if (b[i].queue >= WFC_TARGET_MAX_QUEUES || b[i].colour >= WFC_TARGET_MAX_COLOURS) {
            wfc_be_chk_fault(t, WFC_CHK_QUEUE, "%s queue %u or its colour %u is out of range", what,
                             (unsigned)b[i].queue, (unsigned)b[i].colour);
            return false;
        }
        wfc_chk_queue *q = &queues[b[i].queue];
        bool twice = false;
        for (uint32_t j = 0; j < i; j++) twice |= b[j].colour == b[i].colour;
        if (q->bound || twice) {
            wfc_be_chk_fault(t, WFC_CHK_QUEUE,
                             "%s queue %u and colour %u: a queue serves one colour and a colour one queue, because a "
                             "lane that waits must not stop another; give each lane a queue of its own",
                             what, (unsigned)b[i].queue, (unsigned)b[i].colour);
            return false;
        }
        *q = (wfc_chk_queue){.colour = b[i].colour, .bound = true};
        if (queues == t->in) t->in_queue_of[b[i].colour] = b[i].queue;
    }
    return true;
}

/* The one endless loop: a backward `bra` that is not inside a loop. */
static bool find_loop(wfc_chk_machine *m, uint32_t entry, uint32_t *out_head, uint32_t *out_end) {
    const wfc_prog_class *c = m->cls;
    bool found = false;
    for (uint32_t pc = entry; pc < c->insn_count; pc++) {
        const wfc_insn *in = &c->insns[pc];
        if (in->op == WFC_OP_LOOP) pc += in->imm;
        if (in->op != WFC_OP_BRA || (in->imm > 0 && in->imm < 0x8000)) continue;
        uint32_t back = (0x10000u - in->imm) & 0xffffu;
        if (found) return wfc_be_chk_refuse(m, pc, "it has two endless loops");
        if (back > pc || pc - back < entry) return wfc_be_chk_refuse(m, pc, "its loop starts before its task");
        *out_head = pc - back;
        *out_end = pc;
        found = true;
    }
    return found || wfc_be_chk_refuse(m, entry, "it has no endless loop");
}

static bool same_event(const wfc_chk_event *x, const wfc_chk_event *y) {
    return x->kind == y->kind && x->ut == y->ut && x->in_queue == y->in_queue && x->out_queue == y->out_queue &&
           x->control == y->control && x->in_words == y->in_words && x->out_words == y->out_words && x->pc == y->pc;
}

static bool same_turn(wfc_chk_machine *m, const wfc_chk_events *x, const wfc_chk_events *y, uint32_t head) {
    bool same = x->count == y->count;
    for (size_t i = 0; same && i < x->count; i++) same = same_event(&x->data[i], &y->data[i]);
    return same || wfc_be_chk_refuse(m, head, "two turns of its loop differ in their fabric operations");
}

static wfc_status note_buffers(seen_list *list, const wfc_chk_events *events) {
    for (size_t i = 0; i < events->count; i++) {
        const wfc_chk_event *e = &events->data[i];
        if (e->kind != WFC_CHK_ISSUE || e->in_queue == WFC_CHK_NO_QUEUE) continue;
        bool relay = e->out_queue != WFC_CHK_NO_QUEUE;
        WFC_TRY(wfc_vec_push(list, (seen){e->in_queue, relay, e->in_words, e->pc, e->in_buffer}));
    }
    return WFC_OK;
}

static bool same_state(const wfc_chk_state *x, const wfc_chk_state *y) {
    for (unsigned r = 1; r < WFC_NUM_REGS; r++)
        if (x->regs[r].kind != y->regs[r].kind ||
            (x->regs[r].kind != WFC_CHK_UNKNOWN && x->regs[r].bits != y->regs[r].bits))
            return false;
    for (unsigned d = 0; d < WFC_NUM_DESCS; d++) {
        uint8_t a[WFC_DESC_BYTES], b[WFC_DESC_BYTES];
        wfc_desc_encode(&x->descs[d], a);
        wfc_desc_encode(&y->descs[d], b);
        if (memcmp(a, b, sizeof a) != 0 || x->unknown[d] != y->unknown[d]) return false;
    }
    return true;
}

static bool is_new_state(const wfc_chk_machine *m, const state_list *heads) {
    for (size_t i = 0; i < heads->count; i++)
        if (same_state(&heads->data[i], &m->s)) return false;
    return true;
}

static bool run_turns(wfc_chk_machine *m, uint32_t head, uint32_t end, seen_list *list, state_list *heads) {
    wfc_chk_events turn = {0};
    bool ok = true, last = false;
    for (unsigned n = 0; ok && !last; n++) {
        last = !is_new_state(m, heads);
        if (n >= MAX_TURNS) {
            ok = wfc_be_chk_refuse(m, head, "its registers do not come back within 64 turns of its loop");
            break;
        }
        m->status = wfc_vec_push(heads, m->s);
        m->events = n == 0 ? &m->trace->events : &turn;
        turn.count = 0;
        ok = m->status == WFC_OK && wfc_be_chk_run(m, head, end);
        if (ok && n > 0) ok = same_turn(m, &m->trace->events, &turn, head);
        if (ok) ok = (m->status = note_buffers(list, m->events)) == WFC_OK;
    }
    wfc_vec_free(&turn);
    return ok;
}

/* Condition 2: the buffers of sample k and of sample k + 1 share nothing. */
static bool two_buffers(wfc_chk_machine *m, const seen_list *list) {
    uint64_t position[WFC_TARGET_MAX_QUEUES] = {0};
    for (size_t i = 0; i < list->count; i++) {
        const seen *a = &list->data[i];
        uint64_t words = m->trace->in[a->queue].words, next = 0;
        if (words == 0) continue;
        uint64_t sample = position[a->queue] / words;
        position[a->queue] += a->words;
        next = position[a->queue];
        for (size_t j = i + 1; j < list->count && next / words <= sample + 1; j++) {
            const seen *b = &list->data[j];
            if (b->queue != a->queue) continue;
            uint64_t other = next / words;
            next += b->words;
            if (other != sample + 1 || a->relay || b->relay) continue;
            if (a->buffer.known && b->buffer.known && !wfc_be_chk_access_overlap(&a->buffer, &b->buffer, m->bits))
                continue;
            wfc_be_chk_fault(m->trace, WFC_CHK_BUFFER,
                             "class '%s', instructions %u and %u: the receives of successive samples on queue %u use "
                             "%s; toggle between two disjoint buffers",
                             m->cls->name ? m->cls->name : "?", (unsigned)a->pc, (unsigned)b->pc, (unsigned)a->queue,
                             a->buffer.known && b->buffer.known ? "the same bytes" : "a buffer at an unknown place");
            return false;
        }
    }
    return true;
}

static void sum_words(wfc_chk_trace *t) {
    for (unsigned part = 0; part < 2; part++) {
        const wfc_chk_events *events = part ? &t->prologue : &t->events;
        for (size_t i = 0; i < events->count; i++) {
            const wfc_chk_event *e = &events->data[i];
            if (e->in_queue != WFC_CHK_NO_QUEUE)
                *(part ? &t->in[e->in_queue].ahead_words : &t->in[e->in_queue].words) += e->in_words;
            if (e->out_queue != WFC_CHK_NO_QUEUE && !part) t->sends |= (uint32_t)1 << t->out[e->out_queue].colour;
            if (e->out_queue != WFC_CHK_NO_QUEUE)
                *(part ? &t->out[e->out_queue].ahead_words : &t->out[e->out_queue].words) += e->out_words;
        }
    }
}

static bool follow(wfc_chk_machine *m, seen_list *list, state_list *heads) {
    const wfc_prog_class *c = m->cls;
    const wfc_prog_task *task = c->tasks;
    if (c->task_count != 1 || task->kind != WFC_TASK_LOCAL || task->flags != WFC_TASK_ACTIVE)
        return wfc_be_chk_refuse(m, 0, "it is not one local task, active from the start");
    if (task->entry >= c->insn_count) return wfc_be_chk_refuse(m, 0, "its task has no code");
    uint32_t head = 0, end = 0;
    if (!find_loop(m, task->entry, &head, &end)) return false;
    m->events = &m->trace->prologue;
    if (!wfc_be_chk_run(m, task->entry, head)) return false;
    m->status = note_buffers(list, m->events);
    if (m->status != WFC_OK || !run_turns(m, head, end, list, heads) || !wfc_be_chk_tables_constant(m)) return false;
    sum_words(m->trace);
    return wfc_be_chk_place(m->trace) && two_buffers(m, list);
}

static wfc_status prepare(wfc_chk_machine *m, const wfc_program *p) {
    const wfc_prog_class *c = m->cls;
    m->impure = wfc_calloc(c->insn_count + 1u, sizeof *m->impure);
    m->unchecked = wfc_calloc(c->insn_count + 1u, 1);
    m->bits = wfc_calloc(65536 / 64, sizeof *m->bits);
    m->array_use = wfc_calloc(c->array_count + 1u, 1);
    if (!m->impure || !m->unchecked || !m->bits || !m->array_use) return WFC_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < c->insn_count; i++) m->impure[i + 1] = m->impure[i] + is_impure(c, &c->insns[i]);
    if (c->desc_count) memcpy(m->s.descs, c->descs, c->desc_count * sizeof *c->descs);
    for (uint32_t i = 0; i < m->trace->reg_count && i + 1 < WFC_NUM_REGS; i++)
        m->s.regs[i + 1].bits = p->regs[m->trace->regs_first + i];
    return WFC_OK;
}

wfc_status wfc_be_chk_trace_build(wfc_chk_tables *tables, uint64_t step_budget, wfc_chk_trace *t) {
    const wfc_program *p = tables->p;
    const wfc_prog_class *c = &p->classes[t->class_index];
    wfc_chk_machine m = {.p = p, .cls = c, .target = &p->target, .trace = t, .soft_steps = step_budget};
    m.tables = tables;
    m.array_base = -1;
    m.exact_left = EXACT_TESTS;
    memset(t->in_queue_of, WFC_CHK_NO_QUEUE, sizeof t->in_queue_of);
    if (!bind(t, c->in_queues, c->in_count, t->in, "input") || !bind(t, c->out_queues, c->out_count, t->out, "output"))
        return WFC_OK;
    if (c->task_count == 0 && c->in_count == 0 && c->out_count == 0) return WFC_OK; /* never runs */
    if (!is_sane(c)) {
        wfc_be_chk_refuse(&m, 0, "its code breaks the rules of wfc_program_verify");
        return WFC_OK;
    }
    seen_list list = {0};
    state_list heads = {0};
    m.status = prepare(&m, p);
    if (m.status == WFC_OK) follow(&m, &list, &heads);
    for (uint32_t i = 0; m.unchecked && i < c->insn_count; i++) t->unchecked_accesses += m.unchecked[i];
    wfc_vec_free(&list);
    wfc_vec_free(&heads);
    wfc_free(m.impure);
    wfc_free(m.unchecked);
    wfc_free(m.bits);
    wfc_free(m.array_use);
    return m.status;
}
