/* The traces of all PEs. A program is followed once per key (class, parameter block, and data where descriptors are
 * loaded from them); what comes out equal is kept once, so that a hundred thousand PEs with tables of their own, or
 * with classes that differ in lengths of memory operands only, cost one trace. */
#include "backend/check/check_internal.h"

#include <string.h>

/* Scalar steps that all traces together may spend on pure loops, before loops are summed up instead: about 0.2 s. */
static const uint64_t STEP_BUDGET = 20000000;
enum { MIN_STEPS = 512, MAX_STEPS = 200000 };

typedef struct shapes {
    wfc_chk *c;
    wfc_chk_tables tables;
    uint8_t *loads;   /* [class_count] descriptors are loaded from memory */
    uint32_t *key_of; /* [pe_count] key, then trace */
    uint32_t *key_pe; /* first PE of each key */
    uint32_t keys;
    uint32_t *slots; /* hash table of trace index + 1 */
    size_t slot_count;
    WFC_VEC(wfc_chk_trace) traces;
} shapes;

/* --- keys --- */
static uint64_t mix(uint64_t h, uint64_t v) {
    h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 32;
}

static uint64_t hash_key(const shapes *s, const wfc_prog_pe *pe) {
    uint64_t h = mix(pe->reg_count, pe->class_index);
    for (uint32_t i = 0; i < pe->reg_count; i++) h = mix(h, s->c->p->regs[pe->regs_first + i]);
    if (s->loads[pe->class_index]) h = mix(mix(h, pe->data_first), pe->data_count);
    return mix(h, 0);
}

static bool same_key(const shapes *s, const wfc_prog_pe *a, const wfc_prog_pe *b) {
    const uint32_t *regs = s->c->p->regs;
    if (a->class_index != b->class_index || a->reg_count != b->reg_count) return false;
    bool same_data = a->data_first == b->data_first && a->data_count == b->data_count;
    if (!same_data && s->loads[a->class_index]) return false;
    return a->reg_count == 0 || memcmp(regs + a->regs_first, regs + b->regs_first, a->reg_count * sizeof *regs) == 0;
}

static wfc_status assign_keys(shapes *s) {
    const wfc_program *p = s->c->p;
    size_t slots = 64;
    while (slots < 2 * (size_t)p->pe_count) slots *= 2;
    uint32_t *table = wfc_calloc(slots, sizeof *table);
    if (!table) return WFC_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < p->pe_count; i++) {
        const wfc_prog_pe *pe = &p->pes[i];
        s->key_of[i] = WFC_CHK_NONE;
        if (pe->class_index == UINT32_MAX) continue;
        s->c->stats.pes++;
        size_t slot = hash_key(s, pe) & (slots - 1);
        while (table[slot] && !same_key(s, &p->pes[s->key_pe[table[slot] - 1]], pe)) slot = (slot + 1) & (slots - 1);
        if (!table[slot]) {
            s->key_pe[s->keys] = i;
            table[slot] = ++s->keys;
        }
        s->key_of[i] = table[slot] - 1;
    }
    wfc_free(table);
    s->c->stats.traces = s->keys;
    return WFC_OK;
}

/* --- traces --- */
/* All of an event that is looked at after its trace is linked. */
static bool same_event(const wfc_chk_event *x, const wfc_chk_event *y) {
    return x->kind == y->kind && x->ut == y->ut && x->in_queue == y->in_queue && x->out_queue == y->out_queue &&
           x->control == y->control && x->in_words == y->in_words && x->out_words == y->out_words && x->pc == y->pc &&
           x->ahead == y->ahead;
}

static bool same_queues(const wfc_chk_queue *x, const wfc_chk_queue *y) {
    for (unsigned q = 0; q < WFC_TARGET_MAX_QUEUES; q++)
        if (x[q].words != y[q].words || x[q].ahead_words != y[q].ahead_words || x[q].colour != y[q].colour ||
            x[q].bound != y[q].bound)
            return false;
    return true;
}

/* Nodes and arcs follow from the events. */
static bool same_trace(const wfc_chk_trace *x, const wfc_chk_trace *y) {
    if (x->events.count != y->events.count || x->unchecked_accesses != y->unchecked_accesses) return false;
    for (size_t i = 0; i < x->events.count; i++)
        if (!same_event(&x->events.data[i], &y->events.data[i])) return false;
    return same_queues(x->in, y->in) && same_queues(x->out, y->out);
}

static uint64_t hash_trace(const wfc_chk_trace *t) {
    uint64_t h = t->events.count;
    for (size_t i = 0; i < t->events.count; i++) {
        const wfc_chk_event *e = &t->events.data[i];
        h = mix(h, (uint64_t)e->in_words << 32 | e->out_words);
        h = mix(h, (uint64_t)e->pc << 32 | (uint64_t)e->control << 16 | (uint64_t)e->in_queue << 8 | e->out_queue);
    }
    for (unsigned q = 0; q < WFC_TARGET_MAX_QUEUES; q++) h = mix(h, (uint64_t)t->in[q].colour << 8 | t->out[q].colour);
    return mix(h, 0);
}

static wfc_status grow_slots(shapes *s) {
    size_t n = s->slot_count ? s->slot_count * 2 : 256;
    uint32_t *slots = wfc_calloc(n, sizeof *slots);
    if (!slots) return WFC_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < s->traces.count; i++) {
        size_t at = hash_trace(&s->traces.data[i]) & (n - 1);
        while (slots[at]) at = (at + 1) & (n - 1);
        slots[at] = i + 1;
    }
    wfc_free(s->slots);
    s->slots = slots;
    s->slot_count = n;
    return WFC_OK;
}

/* The trace among those kept that equals *t, which is taken over or deinited. */
static wfc_status keep_trace(shapes *s, wfc_chk_trace *t, uint32_t *out_index) {
    wfc_vec_free(&t->prologue); /* the queues say all of it that counts from here on */
    if (s->slot_count < 2 * (s->traces.count + 1)) WFC_TRY(grow_slots(s));
    size_t at = hash_trace(t) & (s->slot_count - 1);
    while (s->slots[at] && !same_trace(&s->traces.data[s->slots[at] - 1], t)) at = (at + 1) & (s->slot_count - 1);
    if (s->slots[at]) {
        *out_index = s->slots[at] - 1;
        wfc_be_chk_trace_deinit(t);
        return WFC_OK;
    }
    t->fault = NULL;
    WFC_TRY(wfc_vec_push(&s->traces, *t));
    *t = (wfc_chk_trace){0};
    *out_index = (uint32_t)s->traces.count - 1;
    s->slots[at] = *out_index + 1;
    return WFC_OK;
}

static wfc_status build_key(shapes *s, uint32_t key, uint64_t budget, uint32_t *out_index) {
    wfc_chk *c = s->c;
    const wfc_prog_pe *pe = &c->p->pes[s->key_pe[key]];
    char fault[WFC_CHK_FAULT_BYTES];
    wfc_chk_trace t = {.class_index = pe->class_index,
                       .regs_first = pe->regs_first,
                       .reg_count = pe->reg_count,
                       .data_first = pe->data_first,
                       .data_count = pe->data_count,
                       .fault = fault};
    wfc_status status = wfc_be_chk_trace_build(&s->tables, budget, &t);
    if (status == WFC_OK) status = wfc_be_chk_trace_link(&c->p->target, &t);
    if (t.fault_code) wfc_be_chk_error(c, t.fault_code, s->key_pe[key], "%s", fault);
    c->stats.unchecked_accesses += t.unchecked_accesses;
    if (t.microthreads > c->stats.max_microthreads) c->stats.max_microthreads = t.microthreads;
    *out_index = 0;
    if (status == WFC_OK && !t.fault_code) status = keep_trace(s, &t, out_index);
    wfc_be_chk_trace_deinit(&t);
    return status;
}

static wfc_status build_all(shapes *s) {
    const wfc_program *p = s->c->p;
    s->loads = wfc_calloc(p->class_count + 1u, 1);
    s->key_of = wfc_calloc(p->pe_count + 1u, sizeof *s->key_of);
    s->key_pe = wfc_calloc(p->pe_count + 1u, sizeof *s->key_pe);
    if (!s->loads || !s->key_of || !s->key_pe) return WFC_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < p->class_count; i++) s->loads[i] = wfc_be_chk_loads_descs(&p->classes[i]);
    WFC_TRY(wfc_be_chk_tables_init(&s->tables, p));
    WFC_TRY(assign_keys(s));
    uint64_t budget = s->keys ? STEP_BUDGET / s->keys : 0;
    if (budget < MIN_STEPS) budget = MIN_STEPS;
    if (budget > MAX_STEPS) budget = MAX_STEPS;
    for (uint32_t k = 0; k < s->keys; k++) {
        uint32_t trace;
        WFC_TRY(build_key(s, k, budget, &trace));
        s->key_pe[k] = trace; /* the PE is no longer needed */
    }
    for (uint32_t i = 0; i < p->pe_count; i++)
        if (s->key_of[i] != WFC_CHK_NONE) s->key_of[i] = s->key_pe[s->key_of[i]];
    return WFC_OK;
}

wfc_status wfc_be_chk_build_traces(wfc_chk *c) {
    shapes s = {.c = c};
    wfc_status status = build_all(&s);
    c->traces = s.traces.data;
    c->trace_count = (uint32_t)s.traces.count;
    c->trace_of = s.key_of;
    wfc_be_chk_tables_deinit(&s.tables);
    wfc_free(s.loads);
    wfc_free(s.key_pe);
    wfc_free(s.slots);
    return status;
}
