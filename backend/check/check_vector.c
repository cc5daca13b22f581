/* Vector and fabric instructions of the checker's machine: they become events, and the memory they touch is compared
 * with what microthreads in flight fill (or drain, for writes). */
#include "backend/check/check_internal.h"

#include <stdio.h>

enum { MAX_EVENTS = 1 << 18 };

bool wfc_be_chk_is_vector(const wfc_insn *in) {
    const wfc_isa_record *isa = wfc_isa_lookup(in->op);
    return isa && (isa->timing == WFC_TIME_VECTOR || isa->timing == WFC_TIME_SLOW || isa->timing == WFC_TIME_FABRIC);
}

static const wfc_desc *desc_of(const wfc_chk_machine *m, uint8_t operand) {
    if (operand < WFC_OPND_DESC0 || operand >= WFC_OPND_DESC0 + WFC_NUM_DESCS) return NULL;
    return &m->s.descs[operand - WFC_OPND_DESC0];
}

static uint8_t kind_of(const wfc_chk_machine *m, uint8_t operand) {
    const wfc_desc *d = desc_of(m, operand);
    return d ? d->kind : (uint8_t)WFC_DESC_NONE;
}

static bool is_memory(const wfc_chk_machine *m, uint8_t operand) {
    uint8_t kind = kind_of(m, operand);
    return kind == WFC_DESC_MEM || kind == WFC_DESC_RING;
}

/* Where only base or offset are in doubt: the array that holds the base, since the machine traps beyond it; less where
 * the offset has a greatest value. */
static wfc_chk_access hull_of(const wfc_chk_machine *m, const wfc_desc *d, bool lengths, uint32_t most) {
    wfc_chk_access hull = {0}, first;
    uint32_t base = m->array_base >= 0 ? (uint32_t)m->array_base : d->base;
    if (!wfc_be_chk_array_hull(m->cls, base, &hull.lo, &hull.hi)) return hull;
    if (!lengths || !wfc_be_chk_access_resolve(d, d->base, &first)) return hull;
    uint32_t lo = first.lo > hull.lo ? first.lo : hull.lo, hi = first.hi + most < hull.hi ? first.hi + most : hull.hi;
    if (lo >= hi) return hull;
    hull.lo = lo;
    hull.hi = hi;
    hull.ranged = true;
    return hull;
}

static wfc_chk_access access_of(const wfc_chk_machine *m, uint8_t operand) {
    wfc_chk_access access = {0};
    const wfc_desc *d = desc_of(m, operand);
    int32_t base = d->base;
    uint16_t unknown = m->s.unknown[operand - WFC_OPND_DESC0];
    if (unknown & 1) return access;
    wfc_chk_value off = {WFC_CHK_KNOWN, 0, 0};
    if (d->off) off = m->s.regs[d->off & 15];
    if (unknown || off.kind != WFC_CHK_KNOWN) {
        bool ranged = !unknown && off.kind == WFC_CHK_RANGE;
        return hull_of(m, d, ranged, ranged ? off.bits : 0);
    }
    int64_t sum = (int64_t)base + (off.bits < 0x80000000u ? (int64_t)off.bits : (int64_t)off.bits - 0x100000000);
    if (sum < 0 || sum > 65535 || !wfc_be_chk_access_resolve(d, (int32_t)sum, &access)) return hull_of(m, d, false, 0);
    return access;
}

static bool race(wfc_chk_machine *m, uint32_t pc, const wfc_chk_access *a, bool write, const wfc_chk_flight *f,
                 bool filled) {
    bool receive = f->in_queue != WFC_CHK_NO_QUEUE, send = f->out_queue != WFC_CHK_NO_QUEUE;
    char what[24] = "copy";
    if (receive || send)
        snprintf(what, sizeof what, "%s of queue %u", receive ? "receive" : "send",
                 (unsigned)(receive ? f->in_queue : f->out_queue));
    wfc_be_chk_fault(
        m->trace, WFC_CHK_RACE,
        "class '%s', instruction %u %s bytes %u..%u while a microthread %s them (%s, issued at instruction %u); wait "
        "for the microthread first, or use the other buffer",
        m->cls->name ? m->cls->name : "?", (unsigned)pc, write ? "writes" : "reads", (unsigned)a->lo,
        (unsigned)a->hi - 1, filled ? "fills" : "drains", what, (unsigned)f->pc);
    return false;
}

/* Two accesses share a byte; where that is not known, or the budget of exact tests is spent, it is counted. What a
 * table may say counts as said: tables are made to keep to one buffer. */
static bool meets(wfc_chk_machine *m, uint32_t pc, const wfc_chk_access *a, const wfc_chk_access *b) {
    if (a->hi && b->hi && (a->lo >= b->hi || b->lo >= a->hi)) return false;
    if ((a->ranged && (b->known || b->ranged)) || (b->ranged && a->known)) return true;
    if (!a->known || !b->known || m->exact_left == 0) {
        m->unchecked[pc] = 1;
        return false;
    }
    m->exact_left--;
    return wfc_be_chk_access_overlap(a, b, m->bits);
}

static bool touch_access(wfc_chk_machine *m, uint32_t pc, const wfc_chk_access *a, bool write) {
    for (unsigned ut = 1; ut < WFC_NUM_CONTEXTS; ut++) {
        const wfc_chk_flight *f = &m->flight[ut];
        if (!f->active) continue;
        if (f->writes && meets(m, pc, a, &f->write)) return race(m, pc, a, write, f, true);
        for (unsigned i = 0; write && i < f->reads; i++)
            if (meets(m, pc, a, &f->read[i])) return race(m, pc, a, write, f, false);
    }
    return true;
}

bool wfc_be_chk_touch(wfc_chk_machine *m, uint32_t pc, uint8_t operand, bool write) {
    if (m->quiet || !m->flights || !is_memory(m, operand)) return true;
    wfc_chk_access access = access_of(m, operand);
    return touch_access(m, pc, &access, write);
}

static bool reads_destination(unsigned op) {
    return op == WFC_OP_VMAC || op == WFC_OP_VSEL || op == WFC_OP_VSCATADD || op == WFC_OP_VSCATMAX ||
           op == WFC_OP_VSCATMIN;
}

static bool touch_operands(wfc_chk_machine *m, uint32_t pc, const wfc_insn *in) {
    wfc_be_chk_stores(m, in->d);
    return wfc_be_chk_touch(m, pc, in->a, false) && wfc_be_chk_touch(m, pc, in->b, false) &&
           wfc_be_chk_touch(m, pc, in->d, true) &&
           (!reads_destination(in->op) || wfc_be_chk_touch(m, pc, in->d, false));
}

static bool words_of(wfc_chk_machine *m, uint32_t pc, uint8_t operand, uint32_t *out_words, uint8_t *out_queue) {
    const wfc_desc *d = desc_of(m, operand);
    if (m->s.unknown[operand - WFC_OPND_DESC0] & 0x1fu) {
        wfc_be_chk_fault(m->trace, WFC_CHK_VARIABLE,
                         "class '%s', instruction %u: queue or length of a fabric operand depends on data; make it a "
                         "constant or a parameter",
                         m->cls->name ? m->cls->name : "?", (unsigned)pc);
        return false;
    }
    uint32_t elems = wfc_desc_elems(d), per_word = wfc_elems_per_wavelet((wfc_dtype)d->type);
    if (d->base >= WFC_TARGET_MAX_QUEUES || elems > (1u << 28))
        return wfc_be_chk_refuse(m, pc, "a fabric operand's queue or length is out of range");
    *out_words = elems / per_word + (elems % per_word != 0);
    *out_queue = (uint8_t)d->base;
    return true;
}

static bool fill_event(wfc_chk_machine *m, uint32_t pc, const wfc_insn *in, wfc_chk_event *e) {
    bool in_a = kind_of(m, in->a) == WFC_DESC_IN, in_b = kind_of(m, in->b) == WFC_DESC_IN;
    bool out = kind_of(m, in->d) == WFC_DESC_OUT;
    if (in_a && in_b) return wfc_be_chk_refuse(m, pc, "one instruction reads two queues");
    if ((in_a || in_b) && !words_of(m, pc, in_a ? in->a : in->b, &e->in_words, &e->in_queue)) return false;
    if (!out) return true;
    if (in->op == WFC_OP_SENDC) {
        uint32_t ignored;
        e->control = in->imm | WFC_CTL_PRESENT;
        return words_of(m, pc, in->d, &ignored, &e->out_queue);
    }
    if (!words_of(m, pc, in->d, &e->out_words, &e->out_queue)) return false;
    if (m->s.unknown[in->d - WFC_OPND_DESC0]) return wfc_be_chk_refuse(m, pc, "a control word depends on data");
    uint16_t control = (uint16_t)desc_of(m, in->d)->stride[0];
    e->control = control & WFC_CTL_PRESENT ? control : 0;
    return true;
}

/* Words of one queue keep the order of the program only if one context at a time works on it. */
static bool alone_on_queues(wfc_chk_machine *m, uint32_t pc, const wfc_chk_event *e) {
    for (unsigned ut = 1; ut < WFC_NUM_CONTEXTS; ut++) {
        const wfc_chk_flight *f = &m->flight[ut];
        if (!f->active || (e->kind == WFC_CHK_ISSUE && e->ut == ut)) continue;
        if ((e->in_queue != WFC_CHK_NO_QUEUE && e->in_queue == f->in_queue) ||
            (e->out_queue != WFC_CHK_NO_QUEUE && e->out_queue == f->out_queue))
            return wfc_be_chk_refuse(m, pc, "two contexts work on one queue at the same time, in no fixed order");
    }
    return true;
}

static bool record(wfc_chk_machine *m, uint32_t pc, const wfc_chk_event *e) {
    if (m->events->count >= MAX_EVENTS) return wfc_be_chk_refuse(m, pc, "it has too many fabric operations per sample");
    m->status = wfc_vec_push(m->events, *e);
    return m->status == WFC_OK;
}

static void take_off(wfc_chk_machine *m, const wfc_insn *in, const wfc_chk_event *e) {
    wfc_chk_flight *f = &m->flight[e->ut];
    *f = (wfc_chk_flight){.active = true, .in_queue = e->in_queue, .out_queue = e->out_queue, .pc = e->pc};
    m->flights++;
    if (is_memory(m, in->d)) {
        f->writes = true;
        f->write = access_of(m, in->d);
    }
    if (is_memory(m, in->a)) f->read[f->reads++] = access_of(m, in->a);
    if (is_memory(m, in->b)) f->read[f->reads++] = access_of(m, in->b);
}

static void land(wfc_chk_machine *m, unsigned ut) {
    if (m->flight[ut].active) m->flights--;
    m->flight[ut].active = false;
}

static bool issue(wfc_chk_machine *m, uint32_t pc, const wfc_insn *in, wfc_chk_event *e) {
    e->kind = WFC_CHK_ISSUE;
    e->ut = in->c;
    if (e->ut == 0 || e->ut >= WFC_NUM_CONTEXTS || e->ut > m->target->microthreads) {
        wfc_be_chk_fault(m->trace, WFC_CHK_LIMIT, "class '%s', instruction %u: microthread %u; the target has %u",
                         m->cls->name ? m->cls->name : "?", (unsigned)pc, (unsigned)e->ut,
                         (unsigned)m->target->microthreads);
        return false;
    }
    bool prologue = m->events == &m->trace->prologue;
    if (prologue && m->flight[e->ut].active)
        return wfc_be_chk_refuse(m, pc, "its prologue waits for a microthread, before the first sample");
    land(m, e->ut); /* the issue stalls until the microthread is idle */
    if (!alone_on_queues(m, pc, e) || !touch_operands(m, pc, in)) return false;
    take_off(m, in, e);
    if (e->in_queue != WFC_CHK_NO_QUEUE && is_memory(m, in->d)) e->in_buffer = access_of(m, in->d);
    return record(m, pc, e);
}

static bool wait_for(wfc_chk_machine *m, uint32_t pc, const wfc_insn *in) {
    if (m->events == &m->trace->prologue)
        return wfc_be_chk_refuse(m, pc, "its prologue waits for a microthread, before the first sample");
    if (in->c >= WFC_NUM_CONTEXTS) return wfc_be_chk_refuse(m, pc, "it waits for a microthread that does not exist");
    land(m, in->c);
    wfc_chk_event e = {.kind = WFC_CHK_WAIT, .ut = in->c, .pc = pc};
    e.in_queue = e.out_queue = WFC_CHK_NO_QUEUE;
    return record(m, pc, &e);
}

bool wfc_be_chk_vector(wfc_chk_machine *m, uint32_t pc, const wfc_insn *in) {
    if (in->op == WFC_OP_WAIT) return wait_for(m, pc, in);
    if (in->op == WFC_OP_VSENDNZ) {
        bool ends = (uint16_t)desc_of(m, in->d)->stride[0] & WFC_CTL_PRESENT;
        wfc_be_chk_fault(m->trace, WFC_CHK_VARIABLE, "class '%s', instruction %u: a stream of data-dependent length %s",
                         m->cls->name, (unsigned)pc,
                         ends ? "is not checkable; send a fixed number of words"
                              : "has no control word at its end; the receiver cannot know where the sample ends");
        return false;
    }
    uint16_t written = wfc_be_chk_written(m->cls, in);
    for (unsigned r = 1; r < WFC_NUM_REGS; r++)
        if (written >> r & 1) m->s.regs[r] = (wfc_chk_value){WFC_CHK_UNKNOWN, 0, 0};
    wfc_chk_event e = {.kind = WFC_CHK_SYNC, .pc = pc};
    e.in_queue = e.out_queue = WFC_CHK_NO_QUEUE;
    if (!fill_event(m, pc, in, &e)) return false;
    if (in->flags & WFC_FLAG_ASYNC) return issue(m, pc, in, &e);
    if (!touch_operands(m, pc, in)) return false;
    if (e.in_queue == WFC_CHK_NO_QUEUE && e.out_queue == WFC_CHK_NO_QUEUE) return true;
    if (m->events == &m->trace->prologue)
        return wfc_be_chk_refuse(m, pc, "its prologue waits for the fabric, before the first sample");
    return alone_on_queues(m, pc, &e) && record(m, pc, &e);
}
