/* Set-up: route sets in scan order, a record for each node, the bits of who is due. Linear in the program. */
#include "runtime/fast/inside.h"

static uint32_t largest(const uint8_t *depths, uint32_t n, uint32_t least) {
    for (uint32_t i = 0; i < n; i++)
        if (depths[i] > least) least = depths[i];
    return least;
}

static uint32_t at_least_1(uint32_t v) {
    return v ? v : 1;
}

static uint32_t chan_units(uint32_t capacity) {
    return ((uint32_t)sizeof(fchan) + capacity * (uint32_t)sizeof(fword)) / UNIT;
}

static uint32_t set_header_units(const fset *s) {
    return (uint32_t)((sizeof(frouter) + s->slot_count * sizeof(fslot)) / UNIT);
}

static void set_filter(flocal *local, const wfc_prog_route *rt) {
    uint32_t lo = rt->filter_lo < rt->filter_period ? rt->filter_lo : rt->filter_period;
    uint32_t hi = rt->filter_hi < rt->filter_period ? rt->filter_hi : rt->filter_period;
    if (hi < lo) hi = lo;
    local->filter_length[FILTER_BEFORE] = lo;
    local->filter_length[FILTER_IN] = hi - lo;
    local->filter_length[FILTER_BEHIND] = rt->filter_period - hi;
}

/* Capacities differ from router to router, so every channel of a kind has room for the largest. */
static void fill_set(fset *s, const route_set *set, uint32_t link_units, uint32_t ramp_units) {
    s->set = set;
    s->slot_count = set->slot_count;
    s->local_count = set->local_count;
    uint32_t at = set_header_units(s);
    for (uint32_t l = 0; l < set->local_count; l++) {
        const wfc_prog_route *rt = set->slots[set->local_slot[l]].route;
        flocal *lo = &s->local[l];
        lo->slot = set->local_slot[l];
        lo->port = set->local_port[l];
        lo->colour = rt->colour;
        lo->positions = rt->positions;
        lo->initial = rt->initial;
        lo->filtered = rt->filtered;
        if (rt->filtered) set_filter(lo, rt);
        lo->at = (uint16_t)at;
        lo->plain = rt->positions == 1 && !rt->filtered && !(rt->out[0][lo->port] & WFC_PORT_BIT(WFC_PORT_R));
        for (unsigned pos = 0; pos < rt->positions; pos++) lo->out[pos] = rt->out[pos][lo->port];
        at += lo->port == WFC_PORT_R ? ramp_units : link_units;
    }
    s->queues_at = (uint16_t)at;
}

static size_t set_bytes(const route_set *set) {
    return (sizeof(fset) + set->local_count * sizeof(flocal) + HOST_LINE - 1) / HOST_LINE * HOST_LINE;
}

static const route_set *route_set_of(const fast *f, uint32_t index) {
    static const route_set none;
    return index < f->e.p->router_count ? &f->e.sets[index] : &none;
}

static wfc_status make_sets(fast *f, const char **why) {
    const wfc_target *t = f->e.target;
    uint32_t hop = at_least_1(t->hop_latency), port = at_least_1(t->port_latency);
    uint32_t link = t->router_depth + (hop > port ? hop : port);
    uint32_t out = largest(t->out_depth, WFC_TARGET_MAX_QUEUES, t->router_depth) + 1 + t->ramp_latency;
    uint32_t in = largest(t->in_depth, WFC_TARGET_MAX_QUEUES, 0) + at_least_1(t->ramp_latency);
    if (link > UINT8_MAX || out > UINT8_MAX || in > UINT8_MAX) {
        *why = "queues deeper than 255 words";
        return WFC_ERR_UNSUPPORTED;
    }
    f->queue_units = chan_units(in) + (uint32_t)(sizeof(fqueue) / UNIT);
    f->hop = hop;
    f->ramp = at_least_1(t->ramp_latency);
    f->to_router = 1u + t->ramp_latency;
    f->port_latency = port;
    size_t bytes = 0;
    for (uint32_t i = 0; i <= f->e.p->router_count; i++) bytes += set_bytes(route_set_of(f, i));
    f->sets = wfc_calloc((size_t)f->e.p->router_count + 1, sizeof(fset *));
    f->set_memory = sim_big_calloc(bytes, 1);
    if (!f->sets || !f->set_memory) return WFC_ERR_NO_MEMORY;
    unsigned char *at = f->set_memory;
    for (uint32_t i = 0; i <= f->e.p->router_count; i++) {
        f->sets[i] = (fset *)(void *)at;
        fill_set(f->sets[i], route_set_of(f, i), chan_units(link), chan_units(out));
        at += set_bytes(route_set_of(f, i));
    }
    return WFC_OK;
}

/* Places of the records, in lines of 64 bytes. */
static wfc_status place_records(fast *f, uint32_t *out_units, const char **why) {
    uint64_t at = 0;
    f->record_at = sim_big_calloc(f->e.nodes, sizeof *f->record_at);
    f->chan_place = sim_big_calloc(f->e.chan_count, sizeof *f->chan_place);
    if (!f->record_at || !f->chan_place) return WFC_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < f->e.nodes; i++) {
        const wfc_prog_pe *pp = &f->e.p->pes[i];
        const fset *s = f->sets[pp->router_index == UINT32_MAX ? f->e.p->router_count : pp->router_index];
        uint32_t queues = f->e.pes[i].info ? f->e.pes[i].info->in_count : 0;
        f->record_at[i] = (uint32_t)at;
        for (uint32_t l = 0; l < s->local_count; l++)
            f->chan_place[f->e.routers[i].chan0 + l] = (uint32_t)at + s->local[l].at;
        for (uint32_t q = 0; q < queues; q++)
            f->chan_place[f->e.pes[i].in_chan0 + q] =
                (uint32_t)(at + s->queues_at + q * f->queue_units + sizeof(fqueue) / UNIT);
        at += (s->queues_at + queues * f->queue_units + 7u) & ~7u;
        if (at >= DST_COLLECT / 2) {
            *why = "more than 8 GiB of channels";
            return WFC_ERR_UNSUPPORTED;
        }
    }
    *out_units = (uint32_t)at;
    return WFC_OK;
}

/* The box of all nodes. */
static void find_box(fast *f) {
    uint32_t x0 = UINT32_MAX, y0 = UINT32_MAX, x1 = 0, y1 = 0;
    for (uint32_t i = 0; i < f->e.nodes; i++) {
        const wfc_prog_pe *at = &f->e.p->pes[i];
        if (at->x < x0) x0 = at->x;
        if (at->y < y0) y0 = at->y;
        if (at->x >= x1) x1 = at->x + 1u;
        if (at->y >= y1) y1 = at->y + 1u;
    }
    if (x1 == 0) x0 = y0 = 0; /* no node at all */
    f->x = x0;
    f->y = y0;
    f->width = x1 - x0;
    f->height = y1 - y0;
    f->across = (f->width + BLOCK - 1) / BLOCK;
    f->blocks = f->across * ((f->height + BLOCK - 1) / BLOCK);
    f->leap[WFC_PORT_E] = BLOCK * BLOCK - (BLOCK - 1);
    f->leap[WFC_PORT_S] = f->across * BLOCK * BLOCK - BLOCK * (BLOCK - 1);
    f->leap[WFC_PORT_W] = 0u - f->leap[WFC_PORT_E];
    f->leap[WFC_PORT_N] = 0u - f->leap[WFC_PORT_S];
}

static uint32_t place_of(const fast *f, const wfc_prog_pe *at) {
    return place_at(f, at->y - f->y, at->x - f->x);
}

/* The grid of places, its bits, and the host ports of its rows. */
static wfc_status make_places(fast *f) {
    const wfc_engine *e = &f->e;
    find_box(f);
    f->record_of = sim_big_calloc((size_t)f->blocks * BLOCK * BLOCK, sizeof *f->record_of);
    f->bits = sim_big_calloc((size_t)f->blocks * SLOTS, sizeof *f->bits);
    if (!f->record_of || !f->bits) return WFC_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < e->nodes; i++) {
        uint32_t place = place_of(f, &e->p->pes[i]);
        f->record_of[place] = f->record_at[i];
        if (e->pes[i].info) due_at(f, place, 0, 0)->pes |= 1ull << place % BLOCK;
    }
    for (unsigned side = 0; side < 2; side++) {
        f->port_of[side] = wfc_calloc((size_t)f->height + 1, sizeof(uint32_t));
        if (!f->port_of[side]) return WFC_ERR_NO_MEMORY;
        for (uint32_t y = 0; y < f->height; y++) f->port_of[side][y] = NONE32;
    }
    return WFC_OK;
}

/* Where a word of the slot leaving through `port` goes. */
static uint32_t destination(const fast *f, uint32_t node, unsigned port, unsigned colour) {
    const class_info *ci = f->e.pes[node].info;
    if (port == WFC_PORT_R) {
        for (uint32_t i = 0; ci && i < ci->cls->in_count; i++)
            if (ci->cls->in_queues[i].colour == colour)
                return f->chan_place[f->e.pes[node].in_chan0 + ci->in_local[ci->cls->in_queues[i].queue]];
        return NONE32;
    }
    uint32_t other = sim_neighbour(&f->e, node, port);
    if (other == NONE32 || !f->e.routers[other].set) return NONE32;
    const route_set *set = f->e.routers[other].set;
    unsigned slot = set->slot_of[colour], local = slot == NONE8 ? NONE8 : set->slots[slot].local[(port + 2) % 4];
    return local == NONE8 ? NONE32 : f->chan_place[f->e.routers[other].chan0 + local];
}

static void fill_chan(fchan *c, uint32_t cap, uint32_t local) {
    c->popped = NO_TIME;
    c->cap = (uint8_t)cap;
    c->local = (uint8_t)local;
}

static void fill_record(fast *f, uint32_t node) {
    const wfc_prog_pe *pp = &f->e.p->pes[node];
    const pe *p = &f->e.pes[node];
    frouter *r = router_at(f, node);
    r->set = f->sets[pp->router_index == UINT32_MAX ? f->e.p->router_count : pp->router_index];
    r->place = place_of(f, pp);
    r->node = node;
    for (unsigned port = 0; port < 4; port++) {
        uint32_t other = sim_neighbour(&f->e, node, port);
        if (other != NONE32) r->record[port] = f->record_at[other];
    }
    for (uint32_t l = 0; l < r->set->local_count; l++) {
        chan info;
        unsigned port = r->set->local[l].port;
        sim_router_chan(&f->e, node, port, r->set->set->slots[r->set->local[l].slot].route->colour, &info);
        fill_chan(local_chan(r, l), info.cap, l);
    }
    for (uint32_t q = 0; p->info && q < p->info->in_count; q++) {
        fill_chan(queue_chan(f, r, q), f->e.target->in_depth[p->info->in_queue[q]] + f->ramp, q);
        queue_of(queue_chan(f, r, q))->need = 1;
    }
}

static void fill_slots(const fast *f, uint32_t node) {
    frouter *r = router_at(f, node);
    for (uint32_t l = 0; l < r->set->local_count; l++) {
        const flocal *lo = &r->set->local[l];
        fslot *st = &r->slot[lo->slot];
        st->filter_part = FILTER_BEHIND;
        if (lo->filtered) ffilter_turn(st, lo);
    }
    for (uint32_t k = 0; k < r->set->slot_count; k++) {
        const wfc_prog_route *rt = r->set->set->slots[k].route;
        r->slot[k].changed = NO_TIME;
        r->slot[k].position = rt->initial;
        for (unsigned port = 0; port < WFC_PORTS; port++) r->slot[k].dst[port] = destination(f, node, port, rt->colour);
    }
}

/* host_load has checked places and colours. */
static wfc_status bind_host(fast *f, const char **why) {
    wfc_engine *e = &f->e;
    f->port_at = wfc_calloc((size_t)e->port_count + 1, sizeof *f->port_at);
    f->stream_node = wfc_calloc((size_t)e->in_count + 1, sizeof *f->stream_node);
    if (!f->port_at || !f->stream_node) return WFC_ERR_NO_MEMORY;
    for (uint32_t k = 0; k < e->port_count; k++) {
        const host_port *po = &e->ports[k];
        uint32_t x = po->side == WFC_SIDE_WEST ? 0 : e->target->width - 1u;
        uint32_t node = e->grid[(size_t)po->row * e->target->width + x] - 1;
        unsigned side = po->side == WFC_SIDE_WEST ? 0 : 1;
        f->port_of[side][po->row - f->y] = k;
        router_at(f, node)->hosted |= (uint8_t)WFC_PORT_BIT(side ? WFC_PORT_E : WFC_PORT_W);
        for (uint32_t i = 0; i < po->count; i++) f->stream_node[po->streams[i]] = node;
    }
    for (uint32_t i = 0; i < e->out_count; i++) {
        const out_stream *o = &e->outs[i];
        uint32_t x = o->side == WFC_SIDE_WEST ? 0 : e->target->width - 1u;
        uint32_t node = e->grid[(size_t)o->row * e->target->width + x] - 1;
        frouter *r = router_at(f, node);
        uint32_t *dst =
            &r->slot[r->set->set->slot_of[o->colour]].dst[o->side == WFC_SIDE_WEST ? WFC_PORT_W : WFC_PORT_E];
        if (*dst != NONE32) {
            *why = "two output streams of one place and colour";
            return WFC_ERR_UNSUPPORTED;
        }
        *dst = DST_COLLECT | i;
    }
    return WFC_OK;
}

static wfc_status load_worker(fast *f, uint32_t index) {
    worker *s = &f->workers[index];
    s->e = f->e;
    s->f = f;
    s->index = index;
    if (index) s->e.ins_open = s->e.outs_open = 0; /* the first one has them all */
    s->e.result = &s->result;
    s->e.chan_place = f->chan_place;
    s->trap_at = s->extra_at = NEVER;
    WFC_TRY(stats_init(&s->e));
    s->result.completion_cycles = wfc_calloc(f->e.io ? f->e.io->samples : 0, sizeof(uint64_t));
    return s->result.completion_cycles ? WFC_OK : WFC_ERR_NO_MEMORY;
}

static wfc_status load_workers(fast *f) {
    f->worker_count = f->e.opt.threads ? f->e.opt.threads : 1;
    if (f->worker_count > MAX_WORKERS) f->worker_count = MAX_WORKERS;
    f->workers = wfc_calloc(f->worker_count, sizeof *f->workers);
    f->progress = wfc_calloc(band_tile_rows(f), sizeof *f->progress);
    if (!f->workers || !f->progress) return WFC_ERR_NO_MEMORY;
    for (uint32_t j = 0; j < band_tile_rows(f); j++) atomic_init(&f->progress[j], 0);
    for (uint32_t i = 0; i < f->worker_count; i++) WFC_TRY(load_worker(f, i));
    return WFC_OK;
}

wfc_status fast_load(fast *f, const char **why) {
    uint32_t units = 0;
    f->e.no_fabric = true;
    WFC_TRY(sim_load(&f->e));
    WFC_TRY(host_load(&f->e));
    WFC_TRY(make_sets(f, why));
    WFC_TRY(place_records(f, &units, why));
    WFC_TRY(make_places(f));
    f->records = sim_big_calloc(units, UNIT);
    if (!f->records) return WFC_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < f->e.nodes; i++) fill_record(f, i);
    for (uint32_t i = 0; i < f->e.nodes; i++) fill_slots(f, i);
    WFC_TRY(bind_host(f, why));
    WFC_TRY(fhost_find_paths(f));
    return load_workers(f);
}

void fast_unload(fast *f) {
    for (uint32_t i = 0; f->workers && i < f->worker_count; i++) wfc_sim_result_deinit(&f->workers[i].result);
    for (uint32_t i = 0; f->paths && i < f->e.out_count; i++) wfc_free(f->paths[i].chans);
    wfc_free(f->workers);
    wfc_free(f->progress);
    wfc_free(f->paths);
    wfc_free(f->port_of[0]);
    wfc_free(f->port_of[1]);
    sim_big_free(f->record_of);
    sim_big_free(f->bits);
    wfc_free(f->sets);
    sim_big_free(f->set_memory);
    sim_big_free(f->records);
    sim_big_free(f->record_at);
    sim_big_free(f->chan_place);
    wfc_free(f->port_at);
    wfc_free(f->stream_node);
    host_unload(&f->e);
    sim_unload(&f->e);
}
