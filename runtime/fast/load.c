/* Set-up: route sets in scan order, a record for each node, strips of rows. Linear in the program. */
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

/* Capacities differ from router to router, so every channel of a kind has room for the largest. */
static fset *make_set(const route_set *set, uint32_t link_units, uint32_t ramp_units) {
    fset *s = wfc_calloc(1, sizeof *s + set->local_count * sizeof s->local[0]);
    if (!s) return NULL;
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
        lo->filtered = rt->filtered;
        lo->at = (uint16_t)at;
        lo->plain = rt->positions == 1 && !rt->filtered && !(rt->out[0][lo->port] & WFC_PORT_BIT(WFC_PORT_R));
        for (unsigned pos = 0; pos < rt->positions; pos++) lo->out[pos] = rt->out[pos][lo->port];
        at += lo->port == WFC_PORT_R ? ramp_units : link_units;
    }
    s->queues_at = (uint16_t)at;
    return s;
}

static wfc_status make_sets(fast *f, const char **why) {
    const wfc_target *t = f->e.target;
    static const route_set none;
    uint32_t hop = at_least_1(t->hop_latency), port = at_least_1(t->port_latency);
    uint32_t link = t->router_depth + (hop > port ? hop : port);
    uint32_t out = largest(t->out_depth, WFC_TARGET_MAX_QUEUES, t->router_depth) + 1 + t->ramp_latency;
    uint32_t in = largest(t->in_depth, WFC_TARGET_MAX_QUEUES, 0) + at_least_1(t->ramp_latency);
    if (link > UINT8_MAX || out > UINT8_MAX || in > UINT8_MAX) {
        *why = "queues deeper than 255 words";
        return WFC_ERR_UNSUPPORTED;
    }
    f->queue_units = chan_units(in);
    f->hop = hop;
    f->ramp = at_least_1(t->ramp_latency);
    f->to_router = 1u + t->ramp_latency;
    f->port_latency = port;
    f->sets = wfc_calloc((size_t)f->e.p->router_count + 1, sizeof(fset *));
    if (!f->sets) return WFC_ERR_NO_MEMORY;
    for (uint32_t i = 0; i <= f->e.p->router_count; i++) {
        const route_set *set = i < f->e.p->router_count ? &f->e.sets[i] : &none;
        f->sets[i] = make_set(set, chan_units(link), chan_units(out));
        if (!f->sets[i]) return WFC_ERR_NO_MEMORY;
    }
    return WFC_OK;
}

/* Places of the records, in lines of 64 bytes; then those of the proxies, one for each link of a colour over a border.
 */
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
            f->chan_place[f->e.pes[i].in_chan0 + q] = (uint32_t)at + s->queues_at + q * f->queue_units;
        at += (s->queues_at + queues * f->queue_units + 7u) & ~7u;
        if (at >= DST_COLLECT / 2) {
            *why = "more than 8 GiB of channels";
            return WFC_ERR_UNSUPPORTED;
        }
        if (i && (pp->y < pp[-1].y || (pp->y == pp[-1].y && pp->x <= pp[-1].x))) {
            *why = "PEs that are not in row order";
            return WFC_ERR_UNSUPPORTED;
        }
    }
    *out_units = (uint32_t)at;
    return WFC_OK;
}

static uint32_t node_weight(const wfc_engine *e, uint32_t node) {
    return 1u + (e->pes[node].info ? 4u : 0u);
}

/* Cuts the rows into strips of about equal weight: words to move, code to run. */
static wfc_status cut_strips(fast *f) {
    const wfc_engine *e = &f->e;
    uint32_t wanted = e->opt.threads ? e->opt.threads : 1;
    if (wanted > MAX_STRIPS) wanted = MAX_STRIPS;
    f->strips = wfc_calloc(wanted, sizeof *f->strips);
    if (!f->strips) return WFC_ERR_NO_MEMORY;
    uint64_t total = 0, sum = 0;
    for (uint32_t i = 0; i < e->nodes; i++) total += node_weight(e, i);
    uint32_t count = 0;
    f->strips[0].first = 0;
    for (uint32_t i = 0; i < e->nodes; i++) {
        bool row = i && e->p->pes[i].y != e->p->pes[i - 1].y;
        if (row && count + 1 < wanted && sum * wanted >= total * (count + 1)) {
            f->strips[count++].end = i;
            f->strips[count].first = i;
        }
        sum += node_weight(e, i);
    }
    f->strips[count].end = e->nodes;
    f->strip_count = count + 1;
    return WFC_OK;
}

static uint32_t strip_of(const fast *f, uint32_t node) {
    uint32_t i = 0;
    while (node >= f->strips[i].end) i++;
    return i;
}

static bool crosses(const fast *f, uint32_t node, uint32_t other) {
    return f->strip_count > 1 && other < NBR_PORT && strip_of(f, node) != strip_of(f, other);
}

/* Where a word of the slot leaving through `port` goes. */
static uint32_t destination(fast *f, uint32_t node, unsigned port, unsigned colour, uint32_t *proxies) {
    const class_info *ci = f->e.pes[node].info;
    if (port == WFC_PORT_R) {
        for (uint32_t i = 0; ci && i < ci->cls->in_count; i++)
            if (ci->cls->in_queues[i].colour == colour)
                return f->chan_place[f->e.pes[node].in_chan0 + ci->in_local[ci->cls->in_queues[i].queue]];
        return NONE32;
    }
    uint32_t other = router_at(f, node)->nbr[port];
    if (other >= NBR_PORT || !f->e.routers[other].set) return NONE32;
    const route_set *set = f->e.routers[other].set;
    unsigned slot = set->slot_of[colour], local = slot == NONE8 ? NONE8 : set->slots[slot].local[(port + 2) % 4];
    if (local == NONE8) return NONE32;
    if (!crosses(f, node, other)) return f->chan_place[f->e.routers[other].chan0 + local];
    chan info;
    sim_router_chan(&f->e, other, (port + 2) % 4, colour, &info);
    *chan_at(f, *proxies) = (fchan){.popped = NO_TIME, .cap = (uint8_t)info.cap};
    return (*proxies)++;
}

static uint32_t count_proxies(const fast *f) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < f->e.nodes; i++)
        for (unsigned port = 0; port < WFC_PORT_R && f->strip_count > 1; port += 2) {
            uint32_t other = sim_neighbour(&f->e, i, port);
            if (other != NONE32 && crosses(f, i, other) && f->e.routers[i].set) n += f->e.routers[i].set->slot_count;
        }
    return n;
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
    for (unsigned port = 0; port < 4; port++) {
        uint32_t other = sim_neighbour(&f->e, node, port);
        bool inside = other != NONE32 && strip_of(f, other) == strip_of(f, node);
        r->nbr[port] = other == NONE32 ? NBR_NONE : other;
        r->record[port] = inside ? f->record_at[other] : 0;
        r->border = (uint8_t)(r->border | (inside ? 0 : WFC_PORT_BIT(port)));
    }
    for (uint32_t l = 0; l < r->set->local_count; l++) {
        chan info;
        unsigned port = r->set->local[l].port;
        sim_router_chan(&f->e, node, port, r->set->set->slots[r->set->local[l].slot].route->colour, &info);
        fill_chan(local_chan(r, l), info.cap, l);
    }
    for (uint32_t q = 0; p->info && q < p->info->in_count; q++)
        fill_chan(queue_chan(f, r, q), f->e.target->in_depth[p->info->in_queue[q]] + f->ramp, q);
}

static void fill_slots(fast *f, uint32_t node, uint32_t *proxies) {
    frouter *r = router_at(f, node);
    for (uint32_t k = 0; k < r->set->slot_count; k++) {
        const wfc_prog_route *rt = r->set->set->slots[k].route;
        r->slot[k].changed = NO_TIME;
        r->slot[k].position = rt->initial;
        for (unsigned port = 0; port < WFC_PORTS; port++)
            r->slot[k].dst[port] = destination(f, node, port, rt->colour, proxies);
    }
}

/* Ports and streams belong to the strip of their row. host_load has checked places and colours. */
static wfc_status bind_host(fast *f, const char **why) {
    wfc_engine *e = &f->e;
    f->port_at = wfc_calloc((size_t)e->port_count + 1, sizeof *f->port_at);
    f->stream_node = wfc_calloc((size_t)e->in_count + 1, sizeof *f->stream_node);
    for (uint32_t i = 0; i < f->strip_count; i++) {
        f->strips[i].ports = wfc_calloc((size_t)e->port_count + 1, sizeof(uint32_t));
        if (!f->strips[i].ports) return WFC_ERR_NO_MEMORY;
    }
    if (!f->port_at || !f->stream_node) return WFC_ERR_NO_MEMORY;
    for (uint32_t k = 0; k < e->port_count; k++) {
        const host_port *po = &e->ports[k];
        uint32_t x = po->side == WFC_SIDE_WEST ? 0 : e->target->width - 1u;
        uint32_t node = e->grid[(size_t)po->row * e->target->width + x] - 1;
        strip *s = &f->strips[strip_of(f, node)];
        s->ports[s->port_count++] = k;
        router_at(f, node)->nbr[po->side == WFC_SIDE_WEST ? WFC_PORT_W : WFC_PORT_E] = NBR_PORT | k;
        for (uint32_t i = 0; i < po->count; i++) {
            f->stream_node[po->streams[i]] = node;
            s->e.ins_open += e->ins[po->streams[i]].total > 0;
        }
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
        f->strips[strip_of(f, node)].e.outs_open += o->total > 0;
    }
    return WFC_OK;
}

static wfc_status load_strip(fast *f, uint32_t index) {
    strip *s = &f->strips[index];
    const wfc_engine *base = &f->e;
    uint32_t ins = s->e.ins_open, outs = s->e.outs_open, n = s->end - s->first;
    s->e = *base;
    s->e.ins_open = ins;
    s->e.outs_open = outs;
    s->f = f;
    s->index = index;
    s->words = (n + 63) / 64;
    s->e.result = &s->result;
    s->e.chan_place = f->chan_place;
    WFC_TRY(stats_init(&s->e));
    s->result.completion_cycles = wfc_calloc(base->io ? base->io->samples : 0, sizeof(uint64_t));
    s->far_at = wfc_calloc(n, sizeof *s->far_at);
    s->due = wfc_calloc(2 * (size_t)n, sizeof *s->due);
    if (!s->result.completion_cycles || !s->far_at || !s->due) return WFC_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < n; i++) s->far_at[i] = NO_TIME;
    for (unsigned k = 0; k < NEAR; k++) {
        s->routers[k] = wfc_calloc(s->words, sizeof(uint64_t));
        s->pes[k] = wfc_calloc(s->words, sizeof(uint64_t));
        if (!s->routers[k] || !s->pes[k]) return WFC_ERR_NO_MEMORY;
    }
    for (uint32_t i = s->first; i < s->end; i++)
        if (base->pes[i].info) s->pes[0][(i - s->first) / 64] |= 1ull << ((i - s->first) % 64);
    s->near_used = 1;
    return WFC_OK;
}

wfc_status fast_load(fast *f, const char **why) {
    uint32_t units = 0;
    f->e.no_fabric = true;
    WFC_TRY(sim_load(&f->e));
    WFC_TRY(host_load(&f->e));
    WFC_TRY(make_sets(f, why));
    WFC_TRY(place_records(f, &units, why));
    WFC_TRY(cut_strips(f));
    f->records = sim_big_calloc((size_t)units + count_proxies(f), UNIT);
    if (!f->records) return WFC_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < f->e.nodes; i++) fill_record(f, i);
    for (uint32_t i = 0; i < f->e.nodes; i++) fill_slots(f, i, &units);
    WFC_TRY(bind_host(f, why));
    for (uint32_t i = 0; i < f->strip_count; i++) WFC_TRY(load_strip(f, i));
    return WFC_OK;
}

static void unload_strip(strip *s) {
    for (unsigned k = 0; k < NEAR; k++) {
        wfc_free(s->routers[k]);
        wfc_free(s->pes[k]);
    }
    for (unsigned i = 0; i < FAR; i++) wfc_free(s->far[i].entries);
    for (unsigned i = 0; i < 4; i++) wfc_free(s->out[i / 2][i % 2].items);
    wfc_free(s->far_at);
    wfc_free(s->due);
    wfc_free(s->ports);
    wfc_sim_result_deinit(&s->result);
}

void fast_unload(fast *f) {
    for (uint32_t i = 0; f->strips && i < f->strip_count; i++) unload_strip(&f->strips[i]);
    for (uint32_t i = 0; f->sets && i <= f->e.p->router_count; i++) wfc_free(f->sets[i]);
    wfc_free(f->strips);
    wfc_free(f->sets);
    sim_big_free(f->records);
    sim_big_free(f->record_at);
    sim_big_free(f->chan_place);
    wfc_free(f->port_at);
    wfc_free(f->stream_node);
    host_unload(&f->e);
    sim_unload(&f->e);
}
