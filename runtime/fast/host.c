/* Host ports: rule 8 of docs/fabric.md. What is collected last ends the run, so bands must not go beyond it: how far
 * the words are that still have to come says how long a band may be. */
#include "runtime/fast/inside.h"

static void close_stream(worker *s, uint32_t *open) {
    (*open)--; /* of this worker's share: the sum over workers counts */
    if (s->e.now > s->last_close) s->last_close = s->e.now;
}

void fport_visit(worker *s, uint32_t port) {
    wfc_engine *e = &s->e;
    const fast *f = s->f;
    const uint32_t now = time_now(s);
    host_port *po = &e->ports[port];
    f->port_at[port] = NO_TIME; /* a full channel wakes the port with its credit */
    for (uint32_t i = 0; i < po->count; i++) {
        uint32_t k = (po->pointer + i) % po->count;
        in_stream *in = &e->ins[po->streams[k]];
        if (in->next == in->total) continue;
        uint64_t given = sim_given_at(e, in);
        if (given > now) {
            if (given < f->port_at[port]) f->port_at[port] = (uint32_t)given;
            continue;
        }
        fchan *c = chan_at(f, f->chan_place[in->chan]);
        if (!fchan_can_push(c, now)) continue;
        uint32_t at = now + f->port_latency;
        if (fchan_put(c, in->words[in->next], at << 1)) {
            frouter *r = router_at(f, f->stream_node[po->streams[k]]);
            r->nonempty[c->local / 64] |= 1ull << (c->local % 64);
            wake_router(s, r->place, at);
        }
        if (++in->next == in->total) close_stream(s, &e->ins_open);
        if (e->result->words_injected++ == 0 || e->now < e->result->first_inject_cycle)
            e->result->first_inject_cycle = e->now;
        po->pointer = (k + 1) % po->count;
        e->last_moved = e->now;
        sim_acted(e, e->now + 1);
        f->port_at[port] = now + 1;
        return;
    }
}

void fhost_collect(worker *s, uint32_t stream, uint32_t value, bool ctl) {
    if (ctl) return;
    wfc_engine *e = &s->e;
    out_stream *out = &e->outs[stream];
    uint64_t at = e->now + s->f->port_latency;
    if (out->next == out->total) {
        if (at > e->end || e->now > s->extra_at || (e->now == s->extra_at && stream > e->extra_stream)) return;
        s->extra_at = e->now;
        e->extra_stream = stream;
        return;
    }
    out->last = at;
    out->words[out->next++] = value;
    e->result->words_collected++;
    if (at > s->last_collect) s->last_collect = at;
    if (out->next % out->per_sample == 0) {
        uint64_t *done = &e->result->completion_cycles[out->next / out->per_sample - 1];
        if (at + 1 > *done) *done = at + 1;
    }
    if (out->next == out->total) close_stream(s, &e->outs_open);
}

/* At least so long until a word is granted out that is the `wanted`th from now, 1 for the next. */
static uint64_t least_grant(const fast *f, const out_path *path, uint64_t wanted) {
    uint64_t words = 0;
    for (uint32_t i = 0; i < path->count; i++) {
        words += chan_at(f, path->chans[i].chan)->count;
        if (words >= wanted) return path->chans[i].cycles;
    }
    return path->source;
}

uint64_t fhost_least_cycles(const fast *f) {
    uint64_t least = 1;
    for (uint32_t i = 0; i < f->e.out_count; i++) {
        const out_stream *o = &f->e.outs[i];
        uint64_t wanted = o->total - o->next;
        if (wanted == 0) continue;
        uint64_t grant = least_grant(f, &f->paths[i], wanted);
        if (grant < wanted - 1) grant = wanted - 1; /* one in a cycle */
        if (grant + f->port_latency + 1 > least) least = grant + f->port_latency + 1;
    }
    for (uint32_t i = 0; i < f->e.in_count; i++) {
        uint64_t wanted = f->e.ins[i].total - f->e.ins[i].next;
        if (wanted > least) least = wanted;
    }
    return least;
}

static wfc_status add_upstream(out_path *path, uint32_t unit, uint32_t cycles) {
    if (path->count == path->capacity) {
        uint32_t wanted = path->capacity ? 2 * path->capacity : 16;
        upstream *more = wfc_realloc(path->chans, wanted, sizeof *more);
        if (!more) return WFC_ERR_NO_MEMORY;
        path->chans = more;
        path->capacity = wanted;
    }
    path->chans[path->count++] = (upstream){unit, cycles};
    return WFC_OK;
}

typedef struct way_back {
    uint32_t node, cycles;
    unsigned port;
} way_back;

static bool is_on(const out_path *path, uint32_t unit) {
    for (uint32_t i = 0; i < path->count; i++)
        if (path->chans[i].chan == unit) return true;
    return false;
}

/* Channels of router `from` whose words may leave through its port. Appends the routers behind them to `todo`. */
static wfc_status extend(fast *f, out_path *path, unsigned colour, way_back from, way_back *todo, uint32_t *count) {
    frouter *r = router_at(f, from.node);
    for (uint32_t l = 0; l < r->set->local_count; l++) {
        const flocal *lo = &r->set->local[l];
        unsigned outs = 0;
        for (unsigned pos = 0; pos < r->set->set->slots[lo->slot].route->positions; pos++) outs |= lo->out[pos];
        uint32_t place = f->chan_place[f->e.routers[from.node].chan0 + l];
        if (lo->colour != colour || !(outs >> from.port & 1) || is_on(path, place)) continue;
        uint32_t other = lo->port < 4 ? sim_neighbour(&f->e, from.node, lo->port) : NONE32;
        WFC_TRY(add_upstream(path, place, from.cycles));
        if (other != NONE32 && *count < BAND)
            todo[(*count)++] = (way_back){other, from.cycles + f->hop, (lo->port + 2u) % 4};
        else if (from.cycles + 1 < path->source)
            path->source = from.cycles + 1;
    }
    return WFC_OK;
}

/* Breadth first from the edge, so in the order of cycles. */
wfc_status fhost_find_paths(fast *f) {
    f->paths = wfc_calloc((size_t)f->e.out_count + 1, sizeof *f->paths);
    if (!f->paths) return WFC_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < f->e.out_count; i++) {
        const out_stream *o = &f->e.outs[i];
        uint32_t width = f->e.target->width, x = o->side == WFC_SIDE_WEST ? 0 : width - 1, count = 1;
        way_back todo[BAND] = {
            {f->e.grid[(size_t)o->row * width + x] - 1, 0, o->side == WFC_SIDE_WEST ? WFC_PORT_W : WFC_PORT_E}};
        f->paths[i].source = BAND;
        for (uint32_t k = 0; k < count; k++) WFC_TRY(extend(f, &f->paths[i], o->colour, todo[k], todo, &count));
    }
    return WFC_OK;
}
