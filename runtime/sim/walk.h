/* What vec.c and queue.c share: descriptor odometers and the steps of reductions, gather and scatter. */
#ifndef WFC_SIM_WALK_H
#define WFC_SIM_WALK_H

#include "runtime/sim/engine.h"
#include "runtime/sim/kernels.h"

/* Moves a memory operand on by n elements; n stays within the innermost dimension. Other kinds do not move. */
static inline void walk(operand *o, uint32_t n) {
    if (o->kind != OPND_MEM && o->kind != OPND_RING) return;
    const dims *d = o->dim;
    int64_t move = (int64_t)n * d->step[3];
    o->idx[3] += n;
    if (o->kind == OPND_MEM && o->idx[3] < d->len[3]) {
        o->addr += (uint32_t)move;
        return;
    }
    for (int i = 3; i > 0 && o->idx[i] == d->len[i]; i--) {
        move += d->step[i - 1] - (int64_t)d->len[i] * d->step[i];
        o->idx[i] = 0;
        o->idx[i - 1]++;
    }
    int64_t at = (int64_t)o->addr + move;
    if (o->kind == OPND_RING) {
        at = (at - o->ring_lo) % (int64_t)o->ring_bytes;
        at = o->ring_lo + (at < 0 ? at + o->ring_bytes : at);
    }
    o->addr = (uint32_t)at;
}

/* Elements a (and b) of a reduction into its registers. c->left counts the elements from a[0] on. */
void reduce_step(pe *p, context *c, kernel_fn f, const uint32_t *a, const uint32_t *b, uint32_t n);
/* The next element of a gather or scatter. */
void gather_scatter(wfc_engine *e, pe *p, context *c);
void count_macs(wfc_engine *e, const pe *p, const context *c, uint32_t n);

#endif
