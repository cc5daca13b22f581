/* One class: memory map, descriptors, queue bindings, tasks. */
#include "runtime/program/isa_check.h"
#include "runtime/program/verify_parts.h"

#include <stdio.h>

const wfc_prog_array *wfc_verify_array_at(const wfc_prog_class *c, uint32_t addr) {
    for (uint32_t i = 0; i < c->array_count; i++)
        if (addr >= c->arrays[i].addr && addr - c->arrays[i].addr < c->arrays[i].bytes) return &c->arrays[i];
    return NULL;
}

wfc_desc_writes wfc_verify_desc_writes(const wfc_prog_class *c) {
    wfc_desc_writes w = {0};
    for (uint32_t i = 0; i < c->insn_count; i++) {
        const wfc_insn *in = &c->insns[i];
        if (in->d < WFC_OPND_DESC0 || in->d >= WFC_OPND_DESC0 + WFC_NUM_DESCS) continue;
        uint64_t bit = (uint64_t)1 << (in->d - WFC_OPND_DESC0);
        if (in->op == WFC_OP_LDD) w.loaded |= bit;
        if (in->op == WFC_OP_SETD) w.set |= bit;
    }
    return w;
}

/* ---- memory map ---- */

/* Counted here anew, not by wfc_prog_class_account, so that a mistake there cannot hide. */
static uint64_t code_area_bytes(const wfc_prog_class *c) {
    uint64_t bytes = (uint64_t)c->insn_count * 8 + (uint64_t)c->desc_count * 20 + (uint64_t)c->task_count * 4 +
                     ((uint64_t)c->in_count + c->out_count) * 2;
    return (bytes + 3) & ~(uint64_t)3;
}

static void check_sram(wfc_verifier *v, const wfc_prog_class *c, uint32_t pe) {
#ifndef WFC_OFF_SRAM
    uint64_t used = code_area_bytes(c), sum = used, have = v->p->target.sram_bytes;
    for (uint32_t i = 0; i < c->array_count; i++) {
        uint64_t end = (uint64_t)c->arrays[i].addr + c->arrays[i].bytes;
        if (end > used) used = end;
        sum += c->arrays[i].bytes;
    }
    if (sum > used) used = sum;
    if (used > have)
        wfc_verify_error(v, WFC_ERR_NO_FIT, "WFC-E1302", pe, c->name,
                         "the PE needs %llu bytes of SRAM and has %llu, %llu too many", (unsigned long long)used,
                         (unsigned long long)have, (unsigned long long)(used - have));
#else
    (void)v, (void)c, (void)pe, (void)code_area_bytes;
#endif
}

static void check_arrays(wfc_verifier *v, const wfc_prog_class *c, uint32_t pe) {
#ifndef WFC_OFF_SRAM
    uint64_t free_from = code_area_bytes(c);
    for (uint32_t i = 0; i < c->array_count && !wfc_verify_enough(v); i++) {
        const wfc_prog_array *a = &c->arrays[i];
        if (a->bytes == 0 || a->category < WFC_MEM_WEIGHT || a->category >= WFC_MEM_CATEGORIES)
            wfc_verify_error(v, WFC_ERR_INPUT, "WFC-E1308", pe, c->name, "array %s is empty or of no data category",
                             a->name);
        if (a->addr < free_from)
            wfc_verify_error(v, WFC_ERR_INPUT, "WFC-E1308", pe, c->name,
                             "array %s starts at byte %u, inside the %s that ends at byte %llu", a->name, a->addr,
                             i ? "array before it" : "code area", (unsigned long long)free_from);
        free_from = (uint64_t)a->addr + a->bytes;
    }
#else
    (void)v, (void)c, (void)pe;
#endif
}

/* ---- descriptors ---- */

static void desc_error(wfc_verifier *v, const wfc_prog_class *c, uint32_t pe, uint32_t d, const char *problem) {
    char part[200];
    snprintf(part, sizeof part, "class %.120s, descriptor d%u", c->name, d);
    wfc_verify_error(v, WFC_ERR_INPUT, "WFC-E1307", pe, part, "%s", problem);
}

/* Lowest and highest byte of all elements walked, relative to base, as [lo, hi). */
static void extent(const wfc_desc *d, int64_t *out_lo, int64_t *out_hi) {
    int64_t size = (int64_t)wfc_dtype_bytes((wfc_dtype)d->type), lo = 0, hi = 0;
    for (unsigned i = 0; i < 4; i++) {
        int64_t reach = d->len[i] ? ((int64_t)d->len[i] - 1) * d->stride[i] * size : 0;
        if (reach < 0)
            lo += reach;
        else
            hi += reach;
    }
    *out_lo = lo;
    *out_hi = hi + size;
}

static void check_memory_desc(wfc_verifier *v, const wfc_prog_class *c, uint32_t pe, uint32_t n, bool changes) {
    const wfc_desc *d = &c->descs[n];
    if (d->off >= v->p->target.registers) {
        desc_error(v, c, pe, n, "its offset register does not exist");
        return;
    }
#ifndef WFC_OFF_BOUNDS
    const wfc_prog_array *a = wfc_verify_array_at(c, d->base);
    int64_t lo, hi, size = (int64_t)wfc_dtype_bytes((wfc_dtype)d->type);
    if (!a) {
        desc_error(v, c, pe, n, "its base lies in no array");
    } else if (d->kind == WFC_DESC_RING) {
        if ((d->base - a->addr) % size || a->bytes % size)
            desc_error(v, c, pe, n, "a ring's array and base must be whole elements");
    } else if (d->off == 0 && !changes) {
        char problem[200];
        extent(d, &lo, &hi);
        int64_t at = (int64_t)d->base - a->addr;
        if (at + lo >= 0 && at + hi <= a->bytes) return;
        snprintf(problem, sizeof problem, "it walks bytes %lld to %lld of array %.80s, which has %u",
                 (long long)(at + lo), (long long)(at + hi - 1), a->name, a->bytes);
        desc_error(v, c, pe, n, problem);
    }
#else
    (void)changes, (void)extent;
#endif
}

static bool is_bound(const wfc_prog_binding *bindings, uint32_t count, uint32_t queue) {
    for (uint32_t i = 0; i < count; i++)
        if (bindings[i].queue == queue) return true;
    return false;
}

static void check_fabric_desc(wfc_verifier *v, const wfc_prog_class *c, uint32_t pe, uint32_t n) {
    const wfc_desc *d = &c->descs[n];
    bool in = d->kind == WFC_DESC_IN;
    uint16_t word = (uint16_t)d->stride[0];
    if (d->off || d->stride[1] || d->stride[2] || d->stride[3] || (in && word))
        desc_error(v, c, pe, n, "a queue descriptor with strides or an offset register");
    if (!in && word && wfc_ctl_problem(word)) desc_error(v, c, pe, n, wfc_ctl_problem(word));
#ifndef WFC_OFF_QUEUES
    if (!(in ? is_bound(c->in_queues, c->in_count, d->base) : is_bound(c->out_queues, c->out_count, d->base)))
        desc_error(v, c, pe, n, "its queue is bound to no colour");
#endif
}

static bool is_zero(const wfc_desc *d) {
    uint8_t bytes[WFC_DESC_BYTES];
    unsigned any = 0;
    wfc_desc_encode(d, bytes);
    for (unsigned i = 0; i < WFC_DESC_BYTES; i++) any |= bytes[i];
    return any == 0;
}

static void check_descs(wfc_verifier *v, const wfc_prog_class *c, uint32_t pe) {
    wfc_desc_writes writes = wfc_verify_desc_writes(c);
    if (c->desc_count > v->p->target.descriptors) {
        wfc_verify_error(v, WFC_ERR_NO_FIT, "WFC-E1307", pe, c->name, "%u descriptors, the PE has %u", c->desc_count,
                         v->p->target.descriptors);
        return;
    }
    for (uint32_t n = 0; n < c->desc_count && !wfc_verify_enough(v); n++) {
        const wfc_desc *d = &c->descs[n];
        bool changes = (writes.loaded | writes.set) >> n & 1;
        if (d->kind == WFC_DESC_NONE) {
            if (!is_zero(d)) desc_error(v, c, pe, n, "a descriptor of no kind must be zero");
            continue;
        }
        if (d->kind > WFC_DESC_RING || d->type >= WFC_NUM_PE_DTYPES)
            desc_error(v, c, pe, n, "unknown kind or element type");
        else if (!changes && wfc_desc_elems(d) == 0)
            desc_error(v, c, pe, n, "a length of 0 walks nothing; unused dimensions have length 1");
        else if (d->kind == WFC_DESC_MEM || d->kind == WFC_DESC_RING)
            check_memory_desc(v, c, pe, n, changes);
        else
            check_fabric_desc(v, c, pe, n);
    }
}

/* ---- bindings ---- */

static void check_binding(wfc_verifier *v, const wfc_prog_class *c, uint32_t pe, const wfc_prog_binding *list,
                          uint32_t i, bool in) {
    const wfc_target *t = &v->p->target;
    const char *side = in ? "in" : "out";
#ifndef WFC_OFF_QUEUES
    unsigned have = in ? t->in_queues : t->out_queues;
    if (list[i].queue >= have)
        wfc_verify_error(v, WFC_ERR_NO_FIT, "WFC-E1304", pe, c->name, "%s queue q%u is used, the PE has %u", side,
                         list[i].queue, have);
    if (i && list[i].queue <= list[i - 1].queue)
        wfc_verify_error(v, WFC_ERR_INPUT, "WFC-E1304", pe, c->name,
                         "%s queue q%u: bindings must ascend, one colour per queue", side, list[i].queue);
    for (uint32_t k = 0; k < i; k++)
        if (list[k].colour == list[i].colour)
            wfc_verify_error(v, WFC_ERR_INPUT, "WFC-E1304", pe, c->name, "colour %u is bound to two %s queues",
                             list[i].colour, side);
#endif
#ifndef WFC_OFF_COLOURS
    if (list[i].colour >= t->colours)
        wfc_verify_error(v, WFC_ERR_NO_FIT, "WFC-E1303", pe, c->name, "%s queue q%u uses colour %u, the target has %u",
                         side, list[i].queue, list[i].colour, t->colours);
#endif
    (void)v, (void)c, (void)pe, (void)list, (void)t, (void)side;
}

/* ---- tasks ---- */

static const char *task_problem(const wfc_verifier *v, const wfc_prog_class *c, uint32_t i) {
    const wfc_prog_task *t = &c->tasks[i];
    if (i && t->id <= c->tasks[i - 1].id) return "tasks must ascend by id, each once";
    if (t->kind > WFC_TASK_CONTROL || t->flags > 7) return "unknown kind or flags";
    if (t->entry >= c->insn_count) return "it starts behind the last instruction";
    if (t->kind != WFC_TASK_DATA && (t->queue || (t->flags & WFC_TASK_SPLIT)))
        return "only data tasks have a queue and the split form";
    if (t->kind != WFC_TASK_DATA) return NULL;
    if (!is_bound(c->in_queues, c->in_count, t->queue)) return "its queue is bound to no colour";
    for (uint32_t k = 0; k < i; k++)
        if (c->tasks[k].kind == WFC_TASK_DATA && c->tasks[k].queue == t->queue) return "its queue has two data tasks";
    (void)v;
    return NULL;
}

static void check_tasks(wfc_verifier *v, const wfc_prog_class *c, uint32_t pe) {
    for (uint32_t i = 0; i < c->task_count && !wfc_verify_enough(v); i++) {
        if (c->tasks[i].id >= v->p->target.tasks)
            wfc_verify_error(v, WFC_ERR_NO_FIT, "WFC-E1309", pe, c->name, "task t%u is used, the PE has %u tasks",
                             c->tasks[i].id, v->p->target.tasks);
        const char *problem = task_problem(v, c, i);
        if (problem)
            wfc_verify_error(v, WFC_ERR_INPUT, "WFC-E1309", pe, c->name, "task t%u: %s", c->tasks[i].id, problem);
    }
}

void wfc_verify_class(wfc_verifier *v, uint32_t class_index) {
    const wfc_prog_class *c = &v->p->classes[class_index];
    uint32_t pe = v->class_pe[class_index];
    check_sram(v, c, pe);
    check_arrays(v, c, pe);
    check_descs(v, c, pe);
    for (uint32_t i = 0; i < c->in_count; i++) check_binding(v, c, pe, c->in_queues, i, true);
    for (uint32_t i = 0; i < c->out_count; i++) check_binding(v, c, pe, c->out_queues, i, false);
    check_tasks(v, c, pe);
    if (!v->errors) wfc_verify_code(v, c, pe);
}
