/* Vector and fabric instructions with a queue operand: one group per word, element by element. */
#include "runtime/sim/engine.h"
#include "runtime/sim/kernels.h"
#include "runtime/sim/walk.h"

static uint8_t *at_operand(const pe *p, const operand *o) {
    return p->mem + (o->addr - p->info->mem_lo);
}

/* Next source element in its 32-bit form; queue words were taken into `value` at the start of the group. */
static uint32_t take(const pe *p, operand *o) {
    if (o->kind == OPND_REG) return o->value;
    if (o->kind == OPND_IN) {
        unsigned bits = 8 * wfc_dtype_bytes((wfc_dtype)o->type);
        return elem_widen((wfc_dtype)o->type, o->value >> (o->sub++ * bits));
    }
    if (o->kind == OPND_NONE) return 0;
    uint32_t v = elem_load(at_operand(p, o), (wfc_dtype)o->type);
    walk(o, 1);
    return v;
}

static void put(const pe *p, operand *o, uint32_t v) {
    if (o->kind == OPND_OUT) {
        unsigned bits = 8 * wfc_dtype_bytes((wfc_dtype)o->type);
        o->value |= elem_narrow((wfc_dtype)o->type, v) << (o->sub++ * bits);
        return;
    }
    elem_store(at_operand(p, o), (wfc_dtype)o->type, v);
    walk(o, 1);
}

static bool data_left(const context *c) {
    return c->left > 0;
}

bool queue_sends_now(const pe *p, const context *c) {
    if (!data_left(c) || c->has_index) return true;
    return (elem_load(at_operand(p, &c->a), (wfc_dtype)c->a.type) & 0x7fffffffu) != 0;
}

static bool has_data(const wfc_engine *e, const operand *o) {
    if (o->kind != OPND_IN) return true;
    return chan_has_head(e, o->chan) && !e->chans[o->chan].head_ctl;
}

bool queue_ready(const wfc_engine *e, const pe *p, const context *c, bool *out_no_input) {
    *out_no_input = data_left(c) && !(has_data(e, &c->a) && has_data(e, &c->b));
    if (*out_no_input) return false;
    if (c->d.kind != OPND_OUT) return true;
    if (c->insn->op == WFC_OP_VSENDNZ && !queue_sends_now(p, c)) return true;
    return chan_can_push(e, c->d.chan);
}

static void send(wfc_engine *e, context *c, uint32_t value, bool ctl) {
    chan_push(e, c->d.chan, value, ctl);
    e->last_moved = e->now;
    c->words_done++;
}

/* Index word then value word for 32-bit types, both in one word for 16-bit ones; -0 is a zero too. */
static void send_nonzero(wfc_engine *e, pe *p, context *c) {
    operand *a = &c->a;
    uint32_t v = elem_load(at_operand(p, a), (wfc_dtype)a->type), index = c->elems - c->left;
    bool wide = wfc_dtype_bytes((wfc_dtype)c->insn->type) == 4;
    if ((v & 0x7fffffffu) != 0) {
        if (wide && !c->has_index) {
            send(e, c, index, false);
            c->has_index = true;
            return;
        }
        send(e, c, wide ? v : (index & 0xffff) | elem_narrow(WFC_F16, v) << 16, false);
    }
    c->has_index = false;
    walk(a, 1);
    c->left--;
}

static void fill(wfc_engine *e, context *c, operand *o) {
    if (o->kind != OPND_IN) return;
    o->value = chan_pop(e, o->chan).value;
    o->sub = 0;
    e->last_moved = e->now;
    if (c->d.kind != OPND_OUT && (o == &c->a || c->a.kind != OPND_IN)) c->words_done++;
}

void queue_element(wfc_engine *e, pe *p, context *c) {
    const unsigned op = c->insn->op;
    kernel_fn f = kernel_find(op, (wfc_dtype)c->insn->type);
    if (op >= WFC_OP_VGAT && op <= WFC_OP_VSCATMIN) {
        gather_scatter(e, p, c);
        return;
    }
    uint32_t a = take(p, &c->a), b = 0, d = 0;
    bool argument = op != WFC_OP_VARGMAX && op != WFC_OP_VARGMIN;
    if (argument) b = take(p, &c->b);
    if (op >= WFC_OP_VDOT && op <= WFC_OP_VARGMIN) {
        reduce_step(p, c, f, &a, &b, 1);
        return;
    }
    if (op == WFC_OP_VMAC || op == WFC_OP_VSEL) d = elem_load(at_operand(p, &c->d), (wfc_dtype)c->d.type);
    f(&d, &a, &b, 1);
    wfc_dtype to = (wfc_dtype)c->d.type;
    if (op == WFC_OP_VCVT) d = elem_convert(d, (wfc_dtype)c->a.type, to, c->insn->flags & WFC_FLAG_SAT);
    if (op >= WFC_OP_VCMPEQ && op <= WFC_OP_VCMPLE && wfc_dtype_is_float(to)) d = d ? 0x3f800000u : 0;
    put(p, &c->d, d);
}

void queue_group(wfc_engine *e, pe *p, context *c) {
    if (!data_left(c)) {
        send(e, c, c->ctl & 0xffff, true);
        c->ctl = 0;
    } else if (c->insn->op == WFC_OP_VSENDNZ) {
        send_nonzero(e, p, c);
    } else {
        uint32_t n = c->left < c->width ? c->left : c->width;
        fill(e, c, &c->a);
        fill(e, c, &c->b);
        if (c->d.kind == OPND_OUT) c->d.value = c->d.sub = 0;
        count_macs(e, p, c, n);
        for (uint32_t i = 0; i < n && !e->trap.set; i++, c->left--) queue_element(e, p, c);
        if (c->d.kind == OPND_OUT && !e->trap.set) send(e, c, c->d.value, false);
    }
    c->groups_left = c->left + (c->ctl != 0); /* exact only in being 0 or not */
}

/* D[i] = A[B[i]], or D[B[i]] op= A[i]; the array side is addressed by index, its len[3] elements from its base. */
void gather_scatter(wfc_engine *e, pe *p, context *c) {
    const bool gather = c->insn->op == WFC_OP_VGAT;
    const unsigned k = (unsigned)(c - p->ctx);
    uint32_t value = gather ? 0 : take(p, &c->a), index = take(p, &c->b);
    const operand *table = gather ? &c->a : &c->d;
    wfc_dtype type = (wfc_dtype)table->type;
    if (index >= table->table_len) {
        if (!gather && (c->insn->flags & WFC_FLAG_DROP)) return;
        sim_trap(e, p, k, c->pc, "index %ld is outside the %u elements", (long)(int32_t)index, table->table_len);
        return;
    }
    uint64_t at = (uint64_t)table->addr + (uint64_t)index * wfc_dtype_bytes(type);
    if (table->kind == OPND_RING) at = table->ring_lo + (at - table->ring_lo) % table->ring_bytes;
    uint8_t *mem = p->mem + (at - p->info->mem_lo);
    if (gather) {
        put(p, &c->d, elem_load(mem, type));
        return;
    }
    uint32_t old = elem_load(mem, type), result = value;
    if (c->insn->op != WFC_OP_VSCATSET) kernel_find(c->insn->op, (wfc_dtype)c->insn->type)(&result, &old, &value, 1);
    elem_store(mem, type, result);
}
