/* Issue: descriptors and registers are captured, lengths, types, queues and address ranges are checked. */
#include "runtime/sim/engine.h"

/* Joins dimensions that continue each other (outer stride = inner length * inner stride), so that the vector loops see
 * long inner runs. {len 4, 8; stride 8, 1} becomes {32; 1}. */
static void collapse(desc_info *info, int32_t elem_bytes) {
    const wfc_desc *raw = &info->raw;
    dims *d = &info->dim;
    int at = 3; /* dimension being built, 3 innermost */
    for (unsigned i = 0; i < 4; i++) {
        d->len[i] = 1;
        d->step[i] = 0;
    }
    for (int i = 3; i >= 0; i--) {
        uint32_t len = raw->len[i];
        int32_t step = raw->stride[i] * elem_bytes;
        if (len == 1) continue;
        bool first = at == 3 && d->len[3] == 1;
        if (!first && (int64_t)d->len[at] * d->step[at] == step && (uint64_t)d->len[at] * len <= MAX_INSN_ELEMS) {
            d->len[at] *= len;
            continue;
        }
        if (!first) at--;
        d->len[at] = len;
        d->step[at] = step;
    }
}

void sim_desc_prepare(const class_info *info, desc_info *d) {
    d->elems = wfc_desc_elems(&d->raw);
    d->lo = d->hi = 0;
    d->array_lo = d->array_hi = 0;
    d->array_name = "";
    if (d->raw.kind != WFC_DESC_MEM && d->raw.kind != WFC_DESC_RING) return;
    if (d->raw.type >= WFC_NUM_PE_DTYPES) return; /* refused at issue */
    int32_t bytes = (int32_t)wfc_dtype_bytes((wfc_dtype)d->raw.type);
    for (unsigned i = 0; i < 4; i++) {
        int64_t reach = d->raw.len[i] ? ((int64_t)d->raw.len[i] - 1) * d->raw.stride[i] * bytes : 0;
        *(reach < 0 ? &d->lo : &d->hi) += reach;
    }
    d->hi += bytes;
    collapse(d, bytes);
    for (uint32_t i = 0; i < info->cls->array_count; i++) {
        const wfc_prog_array *a = &info->cls->arrays[i];
        if (d->raw.base < a->addr || d->raw.base - a->addr >= a->bytes) continue;
        d->array_lo = a->addr;
        d->array_hi = (uint32_t)a->addr + a->bytes;
        d->array_name = a->name ? a->name : "";
    }
#ifdef WFC_OFF_BOUNDS /* a build that shows what the check is for; the host's own memory stays protected */
    if (d->raw.kind == WFC_DESC_MEM) {
        d->array_lo = info->mem_lo;
        d->array_hi = info->mem_hi;
    }
#endif
}

desc_info *issue_own_descs(wfc_engine *e, pe *p) {
    if (p->own_descs) return p->descs;
    uint32_t n = p->info->cls->desc_count;
    desc_info *own = wfc_calloc(n, sizeof *own);
    dims *captured = wfc_calloc(3 * (size_t)p->info->contexts, sizeof *captured);
    if (!own || !captured) {
        e->out_of_memory = true;
        wfc_free(own);
        wfc_free(captured);
        return NULL;
    }
    for (uint32_t i = 0; i < n; i++) own[i] = p->info->descs[i];
    p->captured = captured;
    p->descs = own;
    p->own_descs = true;
    return own;
}

static int64_t base_address(const pe *p, const desc_info *d) {
    return (int64_t)d->raw.base + (int32_t)p->r[d->raw.off & (WFC_NUM_REGS - 1)];
}

static bool in_array(wfc_engine *e, const pe *p, uint32_t pc, unsigned k, const desc_info *d, int64_t lo, int64_t hi) {
    if (lo >= d->array_lo && hi <= d->array_hi && hi >= lo) return true;
    if (d->array_hi == 0)
        sim_trap(e, p, k, pc, "descriptor base %u lies in no array", d->raw.base);
    else
        sim_trap(e, p, k, pc, "bytes %lld to %lld are outside array '%s' (%u to %u)", (long long)lo, (long long)hi - 1,
                 d->array_name, d->array_lo, d->array_hi - 1);
    return false;
}

static bool capture_memory(wfc_engine *e, const pe *p, unsigned k, uint32_t pc, const desc_info *d, bool table,
                           operand *o) {
    int64_t base = base_address(p, d);
    uint32_t bytes = wfc_dtype_bytes((wfc_dtype)d->raw.type), size = d->array_hi - d->array_lo;
    o->kind = OPND_MEM;
    if (d->raw.kind == WFC_DESC_RING) {
        if (size == 0 || size % bytes) {
            sim_trap(e, p, k, pc, "a ring's array must hold whole elements");
            return false;
        }
        o->kind = OPND_RING;
        o->ring_lo = d->array_lo;
        o->ring_bytes = size;
        int64_t at = (base - d->array_lo) % (int64_t)size;
        base = d->array_lo + (at < 0 ? at + size : at);
        if ((base - d->array_lo) % bytes) {
            sim_trap(e, p, k, pc, "a ring's address is not a multiple of its element size");
            return false;
        }
    } else if (table) { /* gather and scatter: elements 0 .. len[3]-1 */
        if (!in_array(e, p, pc, k, d, base, base + (int64_t)d->raw.len[3] * bytes)) return false;
    } else if (d->elems && !in_array(e, p, pc, k, d, base + d->lo, base + d->hi)) {
        return false;
    }
    o->addr = (uint32_t)base;
    for (unsigned i = 0; i < 4; i++) o->idx[i] = 0;
    if (table) o->table_len = d->raw.len[3];
    o->dim = &d->dim;
    if (p->own_descs) { /* which may be written while this instruction runs */
        const context *c = &p->ctx[k];
        dims *captured = &p->captured[3 * k + (o == &c->d ? 0u : o == &c->a ? 1u : 2u)];
        *captured = d->dim;
        o->dim = captured;
    }
    return true;
}

static bool capture_queue(wfc_engine *e, const pe *p, unsigned k, uint32_t pc, const desc_info *d, operand *o) {
    bool in = d->raw.kind == WFC_DESC_IN;
    uint32_t q = d->raw.base;
    const uint8_t *local = in ? p->info->in_local : p->info->out_local;
    if (q >= WFC_TARGET_MAX_QUEUES || local[q] == NONE8) {
        sim_trap(e, p, k, pc, "%s queue %u is not bound to a colour", in ? "input" : "output", q);
        return false;
    }
    o->kind = in ? OPND_IN : OPND_OUT;
    o->queue = (uint8_t)q;
    o->chan = in ? p->in_chan0 + local[q] : e->out_chans[p->out_chan0 + local[q]];
    if (o->chan == NONE32) sim_trap(e, p, k, pc, "output queue %u: the router does not take its colour from the PE", q);
    if (e->chan_place && o->chan != NONE32) o->chan = e->chan_place[o->chan];
    return o->chan != NONE32;
}

/* One operand; `mask` says what the instruction takes, `table` that it is the array side of gather or scatter. */
static bool capture(wfc_engine *e, const pe *p, unsigned k, const context *c, uint8_t byte, unsigned mask, bool table,
                    operand *o) {
    o->kind = OPND_NONE;
    o->sub = o->value = 0;
    if (byte == WFC_OPND_NONE) return true;
    if (byte < WFC_OPND_DESC0) {
        o->kind = OPND_REG;
        o->type = c->insn->type;
        o->reg = byte;
        o->value = p->r[byte];
        return true;
    }
    const desc_info *d = &p->descs[byte - WFC_OPND_DESC0];
    unsigned kind = d->raw.kind == WFC_DESC_IN                                    ? WFC_OPND_IS_IN
                    : d->raw.kind == WFC_DESC_OUT                                 ? WFC_OPND_IS_OUT
                    : d->raw.kind == WFC_DESC_MEM || d->raw.kind == WFC_DESC_RING ? WFC_OPND_IS_MEM
                                                                                  : 0;
    if (!(mask & kind) || d->raw.type >= WFC_NUM_PE_DTYPES) {
        sim_trap(e, p, k, c->pc, "descriptor d%u does not suit this instruction", byte - WFC_OPND_DESC0);
        return false;
    }
    o->type = d->raw.type;
    if (kind == WFC_OPND_IS_MEM) return capture_memory(e, p, k, c->pc, d, table, o);
    return capture_queue(e, p, k, c->pc, d, o);
}

static const desc_info *info_of(const pe *p, uint8_t byte) {
    return byte >= WFC_OPND_DESC0 && byte != WFC_OPND_NONE ? &p->descs[byte - WFC_OPND_DESC0] : NULL;
}

static bool is_float(const operand *o) {
    return wfc_dtype_is_float((wfc_dtype)o->type);
}

static bool families_ok(const context *c) {
    unsigned op = c->insn->op;
    bool f = wfc_dtype_is_float((wfc_dtype)c->insn->type);
    if (op == WFC_OP_VCVT || op == WFC_OP_SENDC) return true;
    bool compares = op >= WFC_OP_VCMPEQ && op <= WFC_OP_VCMPLE;
    if (!compares && op != WFC_OP_VSENDNZ && c->d.kind > OPND_REG && is_float(&c->d) != f) return false;
    if (c->a.kind > OPND_REG && is_float(&c->a) != f) return false;
    bool indices = op >= WFC_OP_VGAT && op <= WFC_OP_VSCATMIN;
    return !(c->b.kind > OPND_REG) || is_float(&c->b) == (indices ? false : f);
}

static bool queue_operand(const operand *o) {
    return o->kind == OPND_IN || o->kind == OPND_OUT;
}

/* Elements of one execution, and that all operands agree; false: trapped. */
static bool count_elements(wfc_engine *e, const pe *p, unsigned k, context *c) {
    const wfc_insn *in = c->insn;
    const bool gather = in->op == WFC_OP_VGAT, scatter = in->op >= WFC_OP_VSCATSET && in->op <= WFC_OP_VSCATMIN;
    const desc_info *ds[3] = {scatter || in->op == WFC_OP_VSENDNZ ? NULL : info_of(p, in->d),
                              gather ? NULL : info_of(p, in->a), info_of(p, in->b)};
    const operand *os[3] = {&c->d, &c->a, &c->b};
    bool known = false;
    c->elems = in->op == WFC_OP_SENDC ? 0 : 1;
    c->width = 0;
    for (unsigned i = 0; i < 3; i++) {
        if (queue_operand(os[i])) {
            unsigned width = in->op == WFC_OP_VSENDNZ ? 1 : wfc_elems_per_wavelet((wfc_dtype)os[i]->type);
            if (c->width && c->width != width) {
                sim_trap(e, p, k, c->pc, "its queues hold different numbers of elements per word");
                return false;
            }
            c->width = (uint8_t)width;
        }
        if (!ds[i] || in->op == WFC_OP_SENDC) continue;
        if (known && ds[i]->elems != c->elems) {
            sim_trap(e, p, k, c->pc, "its descriptors walk %u and %u elements", c->elems, ds[i]->elems);
            return false;
        }
        c->elems = ds[i]->elems;
        known = true;
    }
    if (c->elems <= MAX_INSN_ELEMS) return true;
    sim_trap(e, p, k, c->pc, "it walks more than %u elements", MAX_INSN_ELEMS);
    return false;
}

static void set_cost(const wfc_engine *e, const pe *p, context *c) {
    insn_cost cost = p->info->costs[c->pc];
    if (p->own_descs) { /* the class's prices hold for the class's descriptors only */
        const desc_info *d = info_of(p, c->insn->d), *a = info_of(p, c->insn->a), *b = info_of(p, c->insn->b);
        wfc_target no_banks = *e->target;
        no_banks.read_bits = no_banks.write_bits = UINT16_MAX;
        const wfc_desc *rd = d ? &d->raw : NULL, *ra = a ? &a->raw : NULL, *rb = b ? &b->raw : NULL;
        wfc_insn_cost all = wfc_isa_cost(e->target, c->insn, rd, ra, rb);
        cost.groups = all.groups;
        cost.cycles_per_group = all.cycles_per_group;
        cost.busy_per_group = wfc_isa_cost(&no_banks, c->insn, rd, ra, rb).cycles_per_group;
    }
    c->groups_left = cost.groups;
    c->cycles_per_group = cost.cycles_per_group ? cost.cycles_per_group : 1;
    c->busy_per_group = cost.busy_per_group ? cost.busy_per_group : 1;
}

bool issue_vector(wfc_engine *e, pe *p, context *c, const wfc_insn *in, uint32_t pc) {
    const wfc_isa_record *isa = wfc_isa_lookup(in->op);
    unsigned k = (unsigned)(c - p->ctx);
    const bool gather = in->op == WFC_OP_VGAT, scatter = in->op >= WFC_OP_VSCATSET && in->op <= WFC_OP_VSCATMIN;
    c->insn = in;
    c->pc = pc;
    if (!capture(e, p, k, c, in->d, isa->d, scatter, &c->d) || !capture(e, p, k, c, in->a, isa->a, gather, &c->a) ||
        !capture(e, p, k, c, in->b, isa->b, false, &c->b))
        return false;
    if (!families_ok(c)) {
        sim_trap(e, p, k, pc, "operand types are not of the instruction's family");
        return false;
    }
    if (c->a.kind == OPND_IN && c->b.kind == OPND_IN && c->a.queue == c->b.queue) {
        sim_trap(e, p, k, pc, "both sources are input queue %u", c->a.queue);
        return false;
    }
    if (!count_elements(e, p, k, c)) return false;
    c->fabric = c->width > 0;
    c->left = c->elems;
    c->effect_done = c->has_index = false;
    c->best = c->best_index = 0;
    c->ctl = 0;
    if (in->op == WFC_OP_SENDC)
        c->ctl = in->imm | WFC_CTL_PRESENT;
    else if (c->d.kind == OPND_OUT)
        c->ctl = (uint16_t)info_of(p, in->d)->raw.stride[0];
    if (!(c->ctl & WFC_CTL_PRESENT)) c->ctl = 0;
    set_cost(e, p, c);
    c->words_done = 0;
    c->words_total = c->fabric ? (c->elems + c->width - 1) / c->width + (c->ctl != 0) : 0;
    if (e->hooks && e->hooks->on_issue) e->hooks->on_issue(e->hooks->ctx, p->node, pc);
    return true;
}

bool issue_address(wfc_engine *e, pe *p, uint8_t desc_byte, uint32_t index, uint32_t bytes, uint32_t *out_addr) {
    const desc_info *d = &p->descs[desc_byte - WFC_OPND_DESC0];
    bool mem = d->raw.kind == WFC_DESC_MEM, ring = d->raw.kind == WFC_DESC_RING;
    if ((!mem && !ring) || d->raw.type >= WFC_NUM_PE_DTYPES) {
        sim_trap(e, p, 0, p->pc, "descriptor d%u does not suit this instruction", desc_byte - WFC_OPND_DESC0);
        return false;
    }
    int64_t at = base_address(p, d) + (int64_t)index * bytes;
    int64_t size = (int64_t)d->array_hi - d->array_lo;
    if (ring && size > 0) {
        at = (at - d->array_lo) % size;
        at = d->array_lo + (at < 0 ? at + size : at);
    }
    if (!in_array(e, p, p->pc, 0, d, at, at + bytes)) return false;
    *out_addr = (uint32_t)at;
    return true;
}
