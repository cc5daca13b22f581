/* After a run that stopped: channels, switches, ports and traps in the reference engine's form, so that its explain.c
 * can say who waits for what. */
#include "runtime/fast/inside.h"

static void copy_chan(wfc_engine *e, chan *to, const fchan *from) {
    to->count = from->count;
    to->pop_cycle = from->popped == NO_TIME ? NEVER : from->popped;
    to->head = 0;
    to->head_visible = NEVER;
    if (from->count == 0) return;
    for (uint32_t i = 0; i < from->count; i++) {
        fword w = from->ring[(from->head + i) % from->cap];
        e->words[to->ring + i] = (word){w.when >> 1, w.value, w.when & 1};
    }
    to->head_visible = e->words[to->ring].visible;
    to->head_ctl = e->words[to->ring].ctl;
}

/* Operands of instructions that are under way name channels by index again. */
static void copy_operands(wfc_engine *e, pe *p) {
    for (unsigned k = 0; k < p->info->contexts; k++) {
        context *c = &p->ctx[k];
        operand *os[3] = {&c->d, &c->a, &c->b};
        if (p->mode[k] != CTX_VEC) continue;
        for (unsigned i = 0; i < 3; i++) {
            if (os[i]->kind == OPND_IN) os[i]->chan = p->in_chan0 + p->info->in_local[os[i]->queue];
            if (os[i]->kind == OPND_OUT) os[i]->chan = e->out_chans[p->out_chan0 + p->info->out_local[os[i]->queue]];
        }
    }
}

static void copy_node(fast *f, uint32_t node) {
    wfc_engine *e = &f->e;
    const router *r = &e->routers[node];
    frouter *from = router_at(f, node);
    pe *p = &e->pes[node];
    for (uint32_t k = 0; k < from->set->slot_count; k++) {
        slot_state *st = &e->slots[r->slot0 + k];
        st->position = from->slot[k].position;
        st->before = from->slot[k].before;
        for (unsigned port = 0; port < 4; port++)
            if (from->slot[k].dst[port] != NONE32 && from->slot[k].dst[port] >= DST_COLLECT)
                st->dst[port] = from->slot[k].dst[port];
    }
    for (uint32_t l = 0; l < from->set->local_count; l++) {
        chan *to = &e->chans[r->chan0 + l];
        unsigned port = from->set->local[l].port;
        copy_chan(e, to, local_chan(from, l));
        uint32_t host = host_behind(f, from, port);
        if (host != NONE32) to->pusher = 2 * e->nodes + host;
    }
    if (!p->info) return;
    for (uint32_t q = 0; q < p->info->in_count; q++) copy_chan(e, &e->chans[p->in_chan0 + q], queue_chan(f, from, q));
    copy_operands(e, p);
}

wfc_status fast_explain_state(fast *f) {
    WFC_TRY(sim_load_fabric(&f->e));
    for (uint32_t i = 0; i < f->e.nodes; i++) copy_node(f, i);
    return WFC_OK;
}
