/* Host ports: rule 8 of docs/fabric.md. A stream belongs to the strip of its row. */
#include "runtime/fast/inside.h"

void fport_visit(strip *s, uint32_t port) {
    wfc_engine *e = &s->e;
    const fast *f = s->f;
    const uint32_t now = time_now(s);
    host_port *po = &e->ports[port];
    f->port_at[port] = NO_TIME; /* a full channel wakes the port with its credit */
    for (uint32_t i = 0; i < po->count; i++) {
        uint32_t k = (po->pointer + i) % po->count;
        in_stream *in = &e->ins[po->streams[k]];
        if (in->next == in->total) continue;
        fchan *c = chan_at(f, f->chan_place[in->chan]);
        if (!fchan_can_push(c, now)) continue;
        uint32_t at = now + f->port_latency;
        if (fchan_put(c, in->words[in->next], at << 1)) {
            uint32_t node = f->stream_node[po->streams[k]];
            router_at(f, node)->nonempty[c->local / 64] |= 1ull << (c->local % 64);
            wake_router(s, node, at);
        }
        if (++in->next == in->total) e->ins_open--;
        if (e->result->words_injected++ == 0) e->result->first_inject_cycle = e->now;
        po->pointer = (k + 1) % po->count;
        e->last_moved = e->now;
        sim_acted(e, e->now + 1);
        f->port_at[port] = now + 1;
        return;
    }
}

void fhost_collect(strip *s, uint32_t stream, uint32_t value, bool ctl) {
    if (ctl) return;
    wfc_engine *e = &s->e;
    out_stream *out = &e->outs[stream];
    uint64_t at = e->now + s->f->port_latency;
    if (out->next == out->total) {
        if (at <= e->end && stream < e->extra_stream) e->extra_stream = stream;
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
    if (out->next == out->total) e->outs_open--;
}
