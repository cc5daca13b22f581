/* Memory-only vector instructions: the whole effect at once, in element order. The innermost runs go through 32-bit
 * buffers (load, kernel, store), each a loop the compiler vectorises. That equals element order unless an element's
 * write is a later element's source within the run; such runs go one element at a time. */
#include "runtime/sim/engine.h"
#include "runtime/sim/kernels.h"
#include "runtime/sim/walk.h"

#include <string.h>

static bool is_compare(unsigned op) {
    return op >= WFC_OP_VCMPEQ && op <= WFC_OP_VCMPLE;
}

static bool is_reduction(unsigned op) {
    return op >= WFC_OP_VDOT && op <= WFC_OP_VARGMIN;
}

static bool reads_d(unsigned op) {
    return op == WFC_OP_VMAC || op == WFC_OP_VSEL;
}

/* Bytes that a run of n elements touches. */
static void span(const operand *o, uint32_t n, int64_t *lo, int64_t *hi) {
    int64_t first = o->addr, last = first + (int64_t)(n - 1) * o->dim->step[3];
    *lo = first < last ? first : last;
    *hi = (first < last ? last : first) + wfc_dtype_bytes((wfc_dtype)o->type);
}

static bool disjoint(const operand *d, const operand *s, uint32_t n) {
    if (s->kind != OPND_MEM) return s->kind != OPND_RING;
    int64_t dlo, dhi, slo, shi;
    span(d, n, &dlo, &dhi);
    span(s, n, &slo, &shi);
    return dhi <= slo || shi <= dlo;
}

/* No element's write is another element's source. */
static bool independent(const operand *d, const operand *s, uint32_t n) {
    bool same_walk = s->kind == OPND_MEM && s->addr == d->addr && s->dim->step[3] == d->dim->step[3] &&
                     d->dim->step[3] != 0 && wfc_dtype_bytes((wfc_dtype)s->type) == wfc_dtype_bytes((wfc_dtype)d->type);
    return same_walk || disjoint(d, s, n);
}

static void fetch_run(const pe *p, const operand *o, uint32_t *buf, uint32_t n) {
    if (o->kind == OPND_REG)
        for (uint32_t i = 0; i < n; i++) buf[i] = o->value;
    else if (o->kind != OPND_NONE)
        elems_load(buf, p->mem + (o->addr - p->info->mem_lo), o->dim->step[3], (wfc_dtype)o->type, n);
}

/* What the kernel's result becomes on its way into D. */
static void finish_buffer(const context *c, uint32_t *d, uint32_t n) {
    wfc_dtype to = (wfc_dtype)c->d.type;
    if (c->insn->op == WFC_OP_VCVT) {
        for (uint32_t i = 0; i < n; i++)
            d[i] = elem_convert(d[i], (wfc_dtype)c->a.type, to, c->insn->flags & WFC_FLAG_SAT);
    } else if (is_compare(c->insn->op) && wfc_dtype_is_float(to)) {
        for (uint32_t i = 0; i < n; i++) d[i] = d[i] ? 0x3f800000u : 0;
    }
}

/* D stands still: with vmac the accumulator stays in a register, else the last element remains. */
static void run_held(pe *p, context *c, kernel_fn f, const uint32_t *a, const uint32_t *b, uint32_t n) {
    uint8_t *at = p->mem + (c->d.addr - p->info->mem_lo);
    uint32_t acc = elem_load(at, (wfc_dtype)c->d.type);
    for (uint32_t i = 0; i < n; i++) {
        f(&acc, &a[i], &b[i], 1);
        finish_buffer(c, &acc, 1);
        acc = elem_widen((wfc_dtype)c->d.type, elem_narrow((wfc_dtype)c->d.type, acc));
    }
    elem_store(at, (wfc_dtype)c->d.type, acc);
}

static void fast_mac(uint8_t *restrict d, const uint8_t *restrict a, uint32_t b_bits, uint32_t n) {
    float b;
    memcpy(&b, &b_bits, sizeof b);
    for (uint32_t i = 0; i < n; i++) {
        float x, y;
        memcpy(&x, a + (size_t)i * 4, 4);
        memcpy(&y, d + (size_t)i * 4, 4);
        y += x * b;
        memcpy(d + (size_t)i * 4, &y, 4);
    }
}

/* One run of n elements with constant steps; operands are not advanced. */
static void run(pe *p, context *c, kernel_fn f, uint32_t n) {
    uint32_t d[VEC_CHUNK], a[VEC_CHUNK], b[VEC_CHUNK];
    fetch_run(p, &c->a, a, n);
    fetch_run(p, &c->b, b, n);
    if (c->d.dim->step[3] == 0 && n > 1) {
        run_held(p, c, f, a, b, n);
        return;
    }
    if (reads_d(c->insn->op)) fetch_run(p, &c->d, d, n);
    f(d, a, b, n);
    finish_buffer(c, d, n);
    elems_store(p->mem + (c->d.addr - p->info->mem_lo), c->d.dim->step[3], (wfc_dtype)c->d.type, d, n);
}

void reduce_step(pe *p, context *c, kernel_fn f, const uint32_t *a, const uint32_t *b, uint32_t n) {
    const wfc_insn *in = c->insn;
    if (in->op != WFC_OP_VARGMAX && in->op != WFC_OP_VARGMIN) {
        uint32_t acc = p->r[in->d];
        if (in->op == WFC_OP_VDOT)
            for (uint32_t i = 0; i < n; i++) f(&acc, &a[i], &b[i], 1);
        else
            for (uint32_t i = 0; i < n; i++) f(&acc, &acc, &a[i], 1);
        if (in->d) p->r[in->d] = acc;
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t better = 1;
        if (c->has_index) {
            bool max = in->op == WFC_OP_VARGMAX;
            f(&better, max ? &c->best : &a[i], max ? &a[i] : &c->best, 1);
        }
        if (better) {
            c->best = a[i];
            c->best_index = c->elems - c->left + i;
        }
        c->has_index = true;
    }
    if (in->d) p->r[in->d] = c->best_index;
    if (in->b != WFC_OPND_NONE && in->b != 0) p->r[in->b] = c->best;
}

void count_macs(wfc_engine *e, const pe *p, const context *c, uint32_t n) {
    if (c->insn->op != WFC_OP_VMAC && c->insn->op != WFC_OP_VDOT) return;
    e->result->macs_executed += n;
    if (p->layer < e->p->layer_count) e->result->layer_macs_executed[p->layer] += n;
}

/* Longest run that every memory operand can walk with one step, at most `left`. */
static uint32_t run_length(const context *c, uint32_t left) {
    uint32_t n = left < VEC_CHUNK ? left : VEC_CHUNK;
    const operand *os[3] = {&c->d, &c->a, &c->b};
    for (unsigned i = 0; i < 3; i++) {
        if (os[i]->kind == OPND_RING) return 1;
        if (os[i]->kind == OPND_MEM && os[i]->dim->len[3] - os[i]->idx[3] < n) n = os[i]->dim->len[3] - os[i]->idx[3];
    }
    return n;
}

static void run_reduction(pe *p, context *c, kernel_fn f) {
    uint32_t a[VEC_CHUNK], b[VEC_CHUNK];
    while (c->left) {
        uint32_t n = run_length(c, c->left);
        fetch_run(p, &c->a, a, n);
        if (c->insn->op == WFC_OP_VDOT) fetch_run(p, &c->b, b, n);
        reduce_step(p, c, f, a, b, n);
        walk(&c->a, n);
        if (c->insn->op == WFC_OP_VDOT) walk(&c->b, n);
        c->left -= n;
    }
}

/* Bytes that an instruction's memory operand touches in all. */
static void extent(const operand *o, int64_t *lo, int64_t *hi) {
    *lo = o->addr;
    *hi = *lo + wfc_dtype_bytes((wfc_dtype)o->type);
    for (unsigned i = 0; i < 4; i++) {
        int64_t reach = (int64_t)(o->dim->len[i] - 1) * o->dim->step[i];
        *(reach < 0 ? lo : hi) += reach;
    }
}

static bool apart(const operand *x, const operand *y) {
    int64_t xlo, xhi, ylo, yhi;
    if (y->kind == OPND_REG) return true;
    extent(x, &xlo, &xhi);
    extent(y, &ylo, &yhi);
    return xhi <= ylo || yhi <= xlo;
}

static bool is_f32(const operand *o, int32_t step) {
    return o->kind == OPND_MEM && o->type == WFC_F32 && o->dim->step[3] == step;
}

/* The commonest instruction of all: acc[] += x[] * w in f32, w the same along each run, acc apart from both, so that
 * nothing has to be asked run by run. False: it is not that. */
static bool run_macs(pe *p, context *c) {
    operand *x = &c->a, *w = &c->b;
    if (c->insn->op != WFC_OP_VMAC || c->insn->type != WFC_F32 || !is_f32(&c->d, 4)) return false;
    if (w->kind == OPND_MEM && w->dim->step[3] != 0) {
        x = &c->b;
        w = &c->a;
    }
    if (!is_f32(x, 4) || !(w->kind == OPND_REG || is_f32(w, 0)) || !apart(&c->d, x) || !apart(&c->d, w)) return false;
    for (uint32_t n; c->left; c->left -= n) {
        uint32_t weight = w->value;
        n = run_length(c, c->left);
        if (w->kind == OPND_MEM) memcpy(&weight, p->mem + (w->addr - p->info->mem_lo), sizeof weight);
        fast_mac(p->mem + (c->d.addr - p->info->mem_lo), p->mem + (x->addr - p->info->mem_lo), weight, n);
        walk(&c->d, n);
        walk(x, n);
        walk(w, n);
    }
    return true;
}

void vec_run(wfc_engine *e, pe *p, context *c) {
    const unsigned op = c->insn->op;
    count_macs(e, p, c, c->elems);
    if (op >= WFC_OP_VGAT && op <= WFC_OP_VSCATMIN) {
        for (; c->left && !e->trap.set; c->left--) gather_scatter(e, p, c);
        return;
    }
    kernel_fn f = kernel_find(op, (wfc_dtype)c->insn->type);
    if (is_reduction(op)) {
        run_reduction(p, c, f);
        return;
    }
    if (run_macs(p, c)) return;
    while (c->left) {
        uint32_t n = run_length(c, c->left);
        bool held = c->d.dim->step[3] == 0;
        bool ok = held ? disjoint(&c->d, &c->a, n) && disjoint(&c->d, &c->b, n)
                       : independent(&c->d, &c->a, n) && independent(&c->d, &c->b, n);
        if (!ok) n = 1;
        run(p, c, f, n);
        walk(&c->d, n);
        walk(&c->a, n);
        walk(&c->b, n);
        c->left -= n;
    }
}
