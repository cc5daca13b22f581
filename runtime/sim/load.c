/* Set-up of a run: linear in what the program holds. The program has been verified; what is checked again here is only
 * what the engine's own memory safety rests on (indices and kinds), because a caller may skip the verifier. */
#include "runtime/sim/engine.h"

#include <string.h>

static wfc_status bad(wfc_engine *e, const char *where, const char *what) {
    return wfc_fail(e->diag, WFC_ERR_INPUT, "WFC-E0620", where, "program not fit to run: %s; verify it first", what);
}

static bool operand_ok(uint8_t byte, unsigned mask, uint32_t descs) {
    const unsigned any_desc = WFC_OPND_IS_MEM | WFC_OPND_IS_IN | WFC_OPND_IS_OUT | WFC_OPND_IS_ANY_DESC;
    if (mask & WFC_OPND_IS_RAW) return true;
    if (byte == WFC_OPND_NONE) return mask & WFC_OPND_IS_NONE;
    if (byte < WFC_OPND_DESC0) return mask & (WFC_OPND_IS_REG | WFC_OPND_IS_UT);
    return byte - WFC_OPND_DESC0 < (int)descs &&
           (mask & any_desc); /* the kind is checked at issue: setd may change it */
}

static bool insn_ok(const wfc_target *t, const wfc_insn *in, uint32_t descs) {
    const wfc_isa_record *isa = wfc_isa_lookup(in->op);
    if (!isa || in->type >= WFC_NUM_PE_DTYPES || !operand_ok(in->d, isa->d, descs) ||
        !operand_ok(in->a, isa->a, descs) || !operand_ok(in->b, isa->b, descs) || !operand_ok(in->c, isa->c, descs))
        return false;
    bool on_ut = in->op == WFC_OP_WAIT || (isa->timing >= WFC_TIME_VECTOR && (in->flags & WFC_FLAG_ASYNC));
    if (on_ut && (in->c == 0 || in->c >= WFC_NUM_CONTEXTS)) return false;
#ifndef WFC_OFF_MICROTHREADS
    if (on_ut && in->c > t->microthreads) return false;
#else
    (void)t;
#endif
    return true;
}

static const wfc_desc *desc_of(const wfc_prog_class *c, uint8_t byte) {
    return byte >= WFC_OPND_DESC0 && byte != WFC_OPND_NONE ? &c->descs[byte - WFC_OPND_DESC0] : NULL;
}

/* The same instruction without bank limits tells which of its cycles are the datapath's own. */
static void price(wfc_engine *e, const wfc_prog_class *c, const wfc_insn *in, insn_cost *out) {
    wfc_target no_banks = *e->target;
    no_banks.read_bits = no_banks.write_bits = UINT16_MAX;
    const wfc_desc *d = desc_of(c, in->d), *a = desc_of(c, in->a), *b = desc_of(c, in->b);
    wfc_insn_cost all = wfc_isa_cost(e->target, in, d, a, b), own = wfc_isa_cost(&no_banks, in, d, a, b);
    *out = (insn_cost){all.overhead_cycles, all.groups, all.cycles_per_group ? all.cycles_per_group : 1,
                       own.cycles_per_group ? own.cycles_per_group : 1};
}

static wfc_status load_insns(wfc_engine *e, class_info *ci) {
    const wfc_prog_class *c = ci->cls;
    ci->costs = wfc_calloc(c->insn_count, sizeof *ci->costs);
    if (!ci->costs) return wfc_fail_memory(e->diag);
    ci->contexts = 1;
    for (uint32_t i = 0; i < c->insn_count; i++) {
        const wfc_insn *in = &c->insns[i];
        if (!insn_ok(e->target, in, c->desc_count)) return bad(e, c->name, "an instruction has impossible operands");
        const wfc_isa_record *isa = wfc_isa_lookup(in->op);
        bool uses_ut = in->op == WFC_OP_WAIT || (isa->timing >= WFC_TIME_VECTOR && (in->flags & WFC_FLAG_ASYNC));
        if (uses_ut && in->c >= ci->contexts) ci->contexts = in->c + 1u;
        if (isa->timing >= WFC_TIME_LONG) price(e, c, in, &ci->costs[i]);
    }
    return WFC_OK;
}

static wfc_status load_bindings(wfc_engine *e, class_info *ci) {
    const wfc_prog_class *c = ci->cls;
    memset(ci->in_local, NONE8, sizeof ci->in_local);
    memset(ci->out_local, NONE8, sizeof ci->out_local);
    for (uint32_t i = 0; i < c->in_count; i++) {
        uint8_t q = c->in_queues[i].queue;
        if (q >= WFC_TARGET_MAX_QUEUES) return bad(e, c->name, "an input queue does not exist");
        if (ci->in_local[q] != NONE8) continue; /* a second colour on the same queue */
        ci->in_queue[ci->in_count] = q;
        ci->in_local[q] = (uint8_t)ci->in_count++;
    }
    for (uint32_t i = 0; i < c->out_count; i++) {
        uint8_t q = c->out_queues[i].queue;
        if (q >= WFC_TARGET_MAX_QUEUES || ci->out_local[q] != NONE8)
            return bad(e, c->name, "an output queue does not exist or is bound twice");
        for (uint32_t k = 0; k < i; k++)
            if (c->out_queues[k].colour == c->out_queues[i].colour)
                return bad(e, c->name, "a colour is bound to two output queues");
        ci->out_colour[ci->out_count] = c->out_queues[i].colour;
        ci->out_local[q] = (uint8_t)ci->out_count++;
    }
    return WFC_OK;
}

static wfc_status load_tasks(wfc_engine *e, class_info *ci) {
    const wfc_prog_class *c = ci->cls;
    for (uint32_t i = 0; i < c->task_count; i++) {
        const wfc_prog_task *t = &c->tasks[i];
        if (t->id >= WFC_NUM_TASKS || (ci->tasks >> t->id & 1))
            return bad(e, c->name, "a task id is out of range or double");
        if (t->kind == WFC_TASK_DATA && (t->queue >= WFC_TARGET_MAX_QUEUES || ci->in_local[t->queue] == NONE8))
            return bad(e, c->name, "a data task's queue is not bound");
        ci->tasks |= 1ull << t->id;
        if (t->kind == WFC_TASK_DATA) ci->data_tasks |= 1ull << t->id;
        ci->task_index[t->id] = (uint8_t)i;
    }
    return WFC_OK;
}

static wfc_status load_class(wfc_engine *e, const wfc_prog_class *c, class_info *ci) {
    ci->cls = c;
    if (c->desc_count > WFC_NUM_DESCS) return bad(e, c->name, "too many descriptors");
    WFC_TRY(load_insns(e, ci));
    WFC_TRY(load_bindings(e, ci));
    WFC_TRY(load_tasks(e, ci));
    ci->mem_lo = c->array_count ? UINT32_MAX : 0;
    for (uint32_t i = 0; i < c->array_count; i++) {
        uint32_t lo = c->arrays[i].addr, hi = lo + c->arrays[i].bytes;
        if (lo < ci->mem_lo) ci->mem_lo = lo;
        if (hi > ci->mem_hi) ci->mem_hi = hi;
    }
    ci->descs = wfc_calloc(c->desc_count, sizeof *ci->descs);
    if (!ci->descs) return wfc_fail_memory(e->diag);
    for (uint32_t i = 0; i < c->desc_count; i++) {
        ci->descs[i].raw = c->descs[i];
        sim_desc_prepare(ci, &ci->descs[i]);
    }
    return WFC_OK;
}

static wfc_status load_route_set(wfc_engine *e, const wfc_prog_router *r, route_set *set) {
    memset(set->slot_of, NONE8, sizeof set->slot_of);
    set->slots = wfc_calloc(r->route_count, sizeof *set->slots);
    if (!set->slots) return wfc_fail_memory(e->diag);
    set->slot_count = r->route_count;
    for (uint32_t i = 0; i < r->route_count; i++) {
        const wfc_prog_route *rt = &r->routes[i];
        if (rt->colour >= WFC_TARGET_MAX_COLOURS || (i && rt->colour <= r->routes[i - 1].colour))
            return bad(e, "router", "colours are not ascending or out of range");
        if (rt->positions < 1 || rt->positions > 4 || rt->initial >= rt->positions)
            return bad(e, "router", "switch positions out of range");
        if (rt->filtered && rt->filter_period == 0) return bad(e, "router", "a filter has period 0");
        set->slot_of[rt->colour] = (uint8_t)i;
        set->slots[i].route = rt;
        for (unsigned p = 0; p < WFC_PORTS; p++) {
            unsigned out = 0;
            for (unsigned pos = 0; pos < rt->positions; pos++) out |= rt->out[pos][p];
            if (out >> WFC_PORTS) return bad(e, "router", "a route has an unknown port");
            set->slots[i].local[p] = NONE8;
            if (!out) continue;
            set->local_slot[set->local_count] = (uint8_t)i;
            set->local_port[set->local_count] = (uint8_t)p;
            set->slots[i].local[p] = (uint8_t)set->local_count++;
        }
    }
    return WFC_OK;
}

static uint32_t at_least_1(uint32_t latency) {
    return latency ? latency : 1;
}

void sim_router_chan(const wfc_engine *e, uint32_t node, unsigned port, unsigned colour, chan *ch) {
    const wfc_target *t = e->target;
    const wfc_prog_pe *pp = &e->p->pes[node];
    uint32_t latency = at_least_1(t->hop_latency), depth = t->router_depth;
    if ((port == WFC_PORT_W && pp->x == 0) || (port == WFC_PORT_E && pp->x + 1 == t->width))
        latency = at_least_1(t->port_latency);
    if (port == WFC_PORT_R) {
        latency = 1 + t->ramp_latency;
        const class_info *ci = e->pes[node].info;
        for (uint32_t q = 0; ci && q < WFC_TARGET_MAX_QUEUES; q++)
            if (ci->out_local[q] != NONE8 && ci->out_colour[ci->out_local[q]] == colour) depth = t->out_depth[q];
    }
    ch->latency = (uint16_t)latency;
    ch->cap = (uint16_t)(depth + latency > UINT16_MAX / 2 ? UINT16_MAX / 2 : depth + latency);
}

static const int DX[4] = {0, 1, 0, -1}, DY[4] = {-1, 0, 1, 0};

uint32_t sim_neighbour(const wfc_engine *e, uint32_t node, unsigned port) {
    int x = e->p->pes[node].x + DX[port], y = e->p->pes[node].y + DY[port];
    if (x < 0 || y < 0 || x >= e->target->width || y >= e->target->height) return NONE32;
    return e->grid[(size_t)y * e->target->width + (size_t)x] - 1;
}

/* Where a word of `colour` leaving through `port` goes; NONE32 where nothing takes it (a trap when it happens). */
static uint32_t destination(const wfc_engine *e, uint32_t node, unsigned port, unsigned colour) {
    if (port == WFC_PORT_R) {
        const class_info *ci = e->pes[node].info;
        for (uint32_t i = 0; ci && i < ci->cls->in_count; i++)
            if (ci->cls->in_queues[i].colour == colour)
                return e->pes[node].in_chan0 + ci->in_local[ci->cls->in_queues[i].queue];
        return NONE32;
    }
    uint32_t other = sim_neighbour(e, node, port);
    if (other == NONE32 || !e->routers[other].set) return NONE32;
    const route_set *set = e->routers[other].set;
    unsigned slot = set->slot_of[colour];
    unsigned local = slot == NONE8 ? NONE8 : set->slots[slot].local[(port + 2) % 4];
    return local == NONE8 ? NONE32 : e->routers[other].chan0 + local;
}

typedef struct totals {
    size_t chans, slots, outs, contexts, memory;
} totals;

/* First pass: what each node needs, as offsets. */
static wfc_status lay_out(wfc_engine *e, totals *n) {
    for (uint32_t i = 0; i < e->nodes; i++) {
        const wfc_prog_pe *pp = &e->p->pes[i];
        router *r = &e->routers[i];
        pe *p = &e->pes[i];
        p->node = i;
        p->layer = pp->layer;
        if (pp->x >= e->target->width || pp->y >= e->target->height) return bad(e, "PE", "outside the fabric");
        uint32_t *cell = &e->grid[(size_t)pp->y * e->target->width + pp->x];
        if (*cell) return bad(e, "PE", "two at one place");
        *cell = i + 1;
        if (pp->router_index != UINT32_MAX && pp->router_index >= e->p->router_count)
            return bad(e, "PE", "no such router");
        if (pp->class_index != UINT32_MAX && pp->class_index >= e->p->class_count) return bad(e, "PE", "no such class");
        if (pp->router_index != UINT32_MAX) r->set = &e->sets[pp->router_index];
        if (pp->class_index != UINT32_MAX) p->info = &e->classes[pp->class_index];
        r->chan0 = (uint32_t)n->chans;
        r->slot0 = (uint32_t)n->slots;
        n->chans += r->set ? r->set->local_count : 0;
        n->slots += r->set ? r->set->slot_count : 0;
        p->in_chan0 = (uint32_t)n->chans;
        p->out_chan0 = (uint32_t)n->outs;
        if (!p->info) continue;
        n->chans += p->info->in_count;
        n->outs += p->info->out_count;
        n->contexts += p->info->contexts;
        n->memory += (p->info->mem_hi - p->info->mem_lo + 15u) & ~15u;
        if (n->chans >= DST_COLLECT / 2) return bad(e, "fabric", "too many channels");
    }
    return WFC_OK;
}

static void place_chan(wfc_engine *e, uint32_t c, size_t *words) {
    e->chans[c].ring = (uint32_t)*words;
    e->chans[c].pop_cycle = e->chans[c].head_visible = NEVER;
    *words += e->chans[c].cap;
}

static void build_chans(wfc_engine *e, size_t *words) {
    for (uint32_t i = 0; i < e->nodes; i++) {
        const router *r = &e->routers[i];
        const pe *p = &e->pes[i];
        for (uint32_t l = 0; r->set && l < r->set->local_count; l++) {
            chan *ch = &e->chans[r->chan0 + l];
            unsigned port = r->set->local_port[l];
            ch->colour = r->set->slots[r->set->local_slot[l]].route->colour;
            ch->local = (uint8_t)l;
            ch->popper = ent_router(i);
            sim_router_chan(e, i, port, ch->colour, ch);
            uint32_t other = port == WFC_PORT_R ? i : sim_neighbour(e, i, port);
            ch->pusher = port == WFC_PORT_R ? ent_pe(i) : other == NONE32 ? ent_router(i) : ent_router(other);
            place_chan(e, r->chan0 + l, words);
        }
        for (uint32_t q = 0; p->info && q < p->info->in_count; q++) {
            chan *ch = &e->chans[p->in_chan0 + q];
            ch->colour = NONE8;
            ch->local = (uint8_t)q;
            ch->popper = ent_pe(i);
            ch->pusher = ent_router(i);
            ch->latency = (uint16_t)at_least_1(e->target->ramp_latency);
            ch->cap = (uint16_t)(e->target->in_depth[p->info->in_queue[q]] + ch->latency);
            place_chan(e, p->in_chan0 + q, words);
        }
    }
}

static void build_slots(wfc_engine *e) {
    for (uint32_t i = 0; i < e->nodes; i++) {
        const router *r = &e->routers[i];
        for (uint32_t k = 0; r->set && k < r->set->slot_count; k++) {
            slot_state *st = &e->slots[r->slot0 + k];
            const wfc_prog_route *rt = r->set->slots[k].route;
            st->changed = NEVER;
            st->position = rt->initial;
            for (unsigned port = 0; port < WFC_PORTS; port++) st->dst[port] = destination(e, i, port, rt->colour);
        }
    }
}

static void build_outs(wfc_engine *e) {
    for (uint32_t i = 0; i < e->nodes; i++) {
        const router *r = &e->routers[i];
        const pe *p = &e->pes[i];
        for (uint32_t q = 0; p->info && q < p->info->out_count; q++) {
            unsigned colour = p->info->out_colour[q];
            unsigned slot = r->set && colour < WFC_TARGET_MAX_COLOURS ? r->set->slot_of[colour] : NONE8;
            unsigned local = slot == NONE8 ? NONE8 : r->set->slots[slot].local[WFC_PORT_R];
            e->out_chans[p->out_chan0 + q] = local == NONE8 ? NONE32 : r->chan0 + local;
        }
    }
}

static wfc_status build_pe(wfc_engine *e, pe *p, size_t *contexts, size_t *memory) {
    const wfc_prog_pe *pp = &e->p->pes[p->node];
    const class_info *ci = p->info;
    p->ctx = e->contexts + *contexts;
    *contexts += ci->contexts;
    p->mem = e->memory + *memory;
    *memory += (ci->mem_hi - ci->mem_lo + 15u) & ~15u;
    p->descs = ci->descs;
    p->task = p->finishing = p->batch = NONE8;
    for (uint32_t i = 0; i < ci->cls->task_count; i++) {
        const wfc_prog_task *t = &ci->cls->tasks[i];
        if (t->flags & WFC_TASK_ACTIVE) p->active |= 1ull << t->id;
        if (t->flags & WFC_TASK_BLOCKED) p->blocked |= 1ull << t->id;
    }
    if (pp->reg_count >= WFC_NUM_REGS || (uint64_t)pp->regs_first + pp->reg_count > e->p->regs_count)
        return bad(e, "PE", "parameter block out of range");
    for (uint32_t i = 0; i < pp->reg_count; i++) p->r[1 + i] = e->p->regs[pp->regs_first + i];
    if ((uint64_t)pp->data_first + pp->data_count > e->p->data_count) return bad(e, "PE", "data out of range");
    for (uint32_t i = 0; i < pp->data_count; i++) {
        const wfc_prog_data *d = &e->p->data[pp->data_first + i];
        if (d->addr < ci->mem_lo || (uint64_t)d->addr + d->bytes > ci->mem_hi || d->bytes > e->p->bulk_bytes ||
            d->bulk_offset > e->p->bulk_bytes - d->bytes)
            return bad(e, "PE", "a data image lies outside its arrays");
        if (d->bytes) memcpy(p->mem + (d->addr - ci->mem_lo), e->p->bulk + d->bulk_offset, d->bytes);
    }
    return WFC_OK;
}

static wfc_status load_tables(wfc_engine *e) {
    const wfc_program *p = e->p;
    e->nodes = p->pe_count;
    if (p->pe_count >= DST_COLLECT / 4) return bad(e, "fabric", "too many PEs");
    e->sets = wfc_calloc(p->router_count, sizeof *e->sets);
    e->classes = wfc_calloc(p->class_count, sizeof *e->classes);
    e->routers = sim_big_calloc(e->nodes, sizeof *e->routers);
    e->pes = sim_big_calloc(e->nodes, sizeof *e->pes);
    /* zero pages of a large calloc cost nothing until touched, so this is not linear in the fabric */
    e->grid = wfc_calloc((size_t)e->target->width * e->target->height, sizeof *e->grid);
    if (!e->sets || !e->classes || !e->routers || !e->pes || !e->grid) return wfc_fail_memory(e->diag);
    for (uint32_t i = 0; i < p->router_count; i++) WFC_TRY(load_route_set(e, &p->routers[i], &e->sets[i]));
    for (uint32_t i = 0; i < p->class_count; i++) WFC_TRY(load_class(e, &p->classes[i], &e->classes[i]));
    return WFC_OK;
}

wfc_status sim_load_fabric(wfc_engine *e) {
    e->chans = sim_big_calloc(e->chan_count, sizeof *e->chans);
    e->slots = sim_big_calloc(e->slot_count, sizeof *e->slots);
    if (!e->chans || !e->slots) return wfc_fail_memory(e->diag);
    size_t words = 0;
    build_chans(e, &words);
    if (words > UINT32_MAX) return bad(e, "fabric", "too many words of queue storage");
    e->words = sim_big_calloc(words, sizeof *e->words);
    if (!e->words) return wfc_fail_memory(e->diag);
    build_slots(e);
    return WFC_OK;
}

wfc_status sim_load(wfc_engine *e) {
    totals n = {0};
    WFC_TRY(load_tables(e));
    WFC_TRY(lay_out(e, &n));
    e->chan_count = (uint32_t)n.chans;
    e->slot_count = (uint32_t)n.slots;
    e->out_chans = wfc_calloc(n.outs, sizeof *e->out_chans);
    e->contexts = sim_big_calloc(n.contexts, sizeof *e->contexts);
    e->memory = sim_big_calloc(n.memory, 1);
    if (!e->out_chans || !e->contexts || !e->memory) return wfc_fail_memory(e->diag);
    build_outs(e);
    if (!e->no_fabric) WFC_TRY(sim_load_fabric(e));
    size_t contexts = 0, memory = 0;
    for (uint32_t i = 0; i < e->nodes; i++)
        if (e->pes[i].info) WFC_TRY(build_pe(e, &e->pes[i], &contexts, &memory));
    return WFC_OK;
}

void sim_unload(wfc_engine *e) {
    for (uint32_t i = 0; e->pes && i < e->nodes; i++)
        if (e->pes[i].own_descs) {
            wfc_free(e->pes[i].descs);
            wfc_free(e->pes[i].captured);
        }
    for (uint32_t i = 0; e->sets && i < e->p->router_count; i++) wfc_free(e->sets[i].slots);
    for (uint32_t i = 0; e->classes && i < e->p->class_count; i++) {
        wfc_free(e->classes[i].costs);
        wfc_free(e->classes[i].descs);
    }
    for (unsigned i = 0; i < WHEEL; i++) wfc_free(e->wheel[i].ents);
    wfc_free(e->sets);
    wfc_free(e->classes);
    sim_big_free(e->routers);
    sim_big_free(e->pes);
    wfc_free(e->grid);
    sim_big_free(e->chans);
    sim_big_free(e->words);
    sim_big_free(e->slots);
    wfc_free(e->out_chans);
    sim_big_free(e->contexts);
    sim_big_free(e->memory);
}
