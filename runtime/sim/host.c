/* Host ports: rule 8 of docs/fabric.md. Injection is an entity per (edge, row); collection happens at the grant that
 * leaves the fabric, dated port_latency later, because collectors always accept. */
#include "runtime/sim/engine.h"

static uint32_t count_streams(const wfc_prog_tensor *tensors, uint32_t count) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++) n += tensors[i].stream_count;
    return n;
}

static uint32_t edge_node(const wfc_engine *e, const wfc_prog_stream *s) {
    if (s->row >= e->target->height || s->side > WFC_SIDE_EAST) return NONE32;
    uint32_t x = s->side == WFC_SIDE_WEST ? 0 : e->target->width - 1u;
    return e->grid[(size_t)s->row * e->target->width + x] - 1; /* 0 - 1 is NONE32 */
}

static unsigned edge_port(const wfc_prog_stream *s) {
    return s->side == WFC_SIDE_WEST ? WFC_PORT_W : WFC_PORT_E;
}

static route_slot *edge_slot(wfc_engine *e, const wfc_prog_stream *s, uint32_t *out_node) {
    uint32_t node = *out_node = edge_node(e, s);
    if (node == NONE32 || !e->routers[node].set || s->colour >= e->target->colours) return NULL;
    unsigned slot = e->routers[node].set->slot_of[s->colour];
    return slot == NONE8 ? NULL : &e->routers[node].set->slots[slot];
}

static wfc_status bad_stream(wfc_engine *e, const wfc_prog_tensor *t, const wfc_prog_stream *s, const char *why) {
    return wfc_fail(e->diag, WFC_ERR_INPUT, "WFC-E0622", t->name, "stream at the %s edge, row %u, colour %u: %s",
                    s->side == WFC_SIDE_WEST ? "west" : "east", s->row, s->colour, why);
}

static uint32_t find_port(const wfc_engine *e, uint8_t side, uint16_t row) {
    uint32_t i = 0;
    while (i < e->port_count && (e->ports[i].side != side || e->ports[i].row != row)) i++;
    return i;
}

static wfc_status load_input(wfc_engine *e, const wfc_prog_tensor *t, const wfc_prog_stream *s) {
    uint32_t node, index = e->in_count;
    route_slot *slot = edge_slot(e, s, &node);
    unsigned local = slot ? slot->local[edge_port(s)] : NONE8;
    if (local == NONE8) return bad_stream(e, t, s, "no router accepts it there");
    uint32_t c = e->routers[node].chan0 + local;
    uint32_t k = find_port(e, s->side, s->row);
    host_port *po = &e->ports[k];
    if (k == e->port_count) {
        *po = (host_port){.side = s->side, .row = s->row};
        e->port_count++;
    }
    for (uint32_t i = 0; i < po->count; i++)
        if (e->ins[po->streams[i]].chan == c) return bad_stream(e, t, s, "another input stream has the same colour");
    uint32_t *streams = wfc_realloc(po->streams, (size_t)po->count + 1, sizeof *streams);
    if (!streams) return wfc_fail_memory(e->diag);
    po->streams = streams;
    po->streams[po->count++] = index;
    if (!e->no_fabric) e->chans[c].pusher = 2 * e->nodes + k;
    e->ins[index] = (in_stream){e->io->inputs[index], 0, (uint64_t)s->words * e->io->samples, c, s->words};
    if (e->ins[index].total) e->ins_open++;
    e->in_count++;
    return WFC_OK;
}

static wfc_status load_output(wfc_engine *e, const wfc_prog_tensor *t, const wfc_prog_stream *s) {
    uint32_t node, index = e->out_count;
    route_slot *slot = edge_slot(e, s, &node);
    if (!slot) return bad_stream(e, t, s, "no router sends to it there");
    if (!e->no_fabric) {
        slot_state *st = &e->slots[e->routers[node].slot0 + (uint32_t)(slot - e->routers[node].set->slots)];
        if (st->dst[edge_port(s)] != NONE32) return bad_stream(e, t, s, "another output stream has the same colour");
        st->dst[edge_port(s)] = DST_COLLECT | index;
    }
    e->outs[index] = (out_stream){.words = e->io->outputs[index],
                                  .total = (uint64_t)s->words * e->io->samples,
                                  .per_sample = s->words,
                                  .index = index,
                                  .side = s->side,
                                  .colour = s->colour,
                                  .row = s->row};
    if (e->outs[index].total) e->outs_open++;
    e->out_count++;
    return WFC_OK;
}

static wfc_status load_wakes(wfc_engine *e) {
    e->entities = 2 * e->nodes + e->port_count;
    e->wake = sim_big_calloc(e->entities, sizeof *e->wake);
    if (!e->wake) return wfc_fail_memory(e->diag);
    for (uint32_t i = 0; i < e->entities; i++) e->wake[i] = NEVER;
    if (!e->opt.no_skip) return WFC_OK;
    e->all = wfc_calloc(e->entities, sizeof *e->all);
    e->is_due = wfc_calloc(e->entities, sizeof *e->is_due);
    if (!e->all || !e->is_due) return wfc_fail_memory(e->diag);
    for (uint32_t i = 0; i < e->entities; i++) e->all[i] = i;
    return WFC_OK;
}

wfc_status host_load(wfc_engine *e) {
    const wfc_program *p = e->p;
    uint32_t ins = count_streams(p->inputs, p->input_count), outs = count_streams(p->outputs, p->output_count);
    uint32_t samples = e->io ? e->io->samples : 0;
    if (!e->io && (ins || outs))
        return wfc_fail(e->diag, WFC_ERR_INPUT, "WFC-E0623", "", "the program has host streams: give it inputs");
    e->ins = wfc_calloc(ins, sizeof *e->ins);
    e->outs = wfc_calloc(outs, sizeof *e->outs);
    e->ports = wfc_calloc(ins, sizeof *e->ports);
    e->result->completion_cycles = wfc_calloc(samples, sizeof *e->result->completion_cycles);
    if (!e->ins || !e->outs || !e->ports || !e->result->completion_cycles) return wfc_fail_memory(e->diag);
    for (uint32_t i = 0; i < p->input_count; i++)
        for (uint32_t k = 0; k < p->inputs[i].stream_count; k++)
            WFC_TRY(load_input(e, &p->inputs[i], &p->inputs[i].streams[k]));
    for (uint32_t i = 0; i < p->output_count; i++)
        for (uint32_t k = 0; k < p->outputs[i].stream_count; k++)
            WFC_TRY(load_output(e, &p->outputs[i], &p->outputs[i].streams[k]));
    if (!e->no_fabric) WFC_TRY(load_wakes(e));
    if (outs && e->outs_open == 0 && e->ins_open == 0) e->end = 0; /* nothing to wait for: no samples */
    return WFC_OK;
}

void host_unload(wfc_engine *e) {
    for (uint32_t i = 0; e->ports && i < e->port_count; i++) wfc_free(e->ports[i].streams);
    wfc_free(e->ports);
    wfc_free(e->ins);
    wfc_free(e->outs);
    sim_big_free(e->wake);
    wfc_free(e->all);
    wfc_free(e->is_due);
}

/* The run ends when every declared word is outside: inputs injected, outputs collected. */
static void close_run(wfc_engine *e) {
    if (e->ins_open || e->outs_open) return;
    e->end = e->now;
    for (uint32_t i = 0; i < e->out_count; i++)
        if (e->outs[i].last > e->end) e->end = e->outs[i].last;
}

void port_visit(wfc_engine *e, uint32_t index) {
    host_port *po = &e->ports[index];
    uint64_t given = NEVER;
    for (uint32_t i = 0; i < po->count; i++) {
        uint32_t k = (po->pointer + i) % po->count;
        in_stream *s = &e->ins[po->streams[k]];
        if (s->next == s->total) continue;
        uint64_t at = sim_given_at(e, s);
        if (at > e->now) {
            if (at < given) given = at;
            continue;
        }
        if (!chan_can_push(e, s->chan)) continue;
        chan_push(e, s->chan, s->words[s->next++], false);
        if (s->next == s->total && --e->ins_open == 0) close_run(e);
        if (e->result->words_injected++ == 0) e->result->first_inject_cycle = e->now;
        po->pointer = (k + 1) % po->count;
        e->last_moved = e->now;
        sim_acted(e, e->now + 1);
        sim_wake(e, ent_port(e, index), e->now + 1); /* a full channel wakes the port with its credit instead */
        return;
    }
    if (given != NEVER) sim_wake(e, ent_port(e, index), given);
}

void host_collect(wfc_engine *e, uint32_t stream, uint32_t value, bool ctl) {
    if (ctl) return;
    out_stream *s = &e->outs[stream];
    uint64_t at = e->now + (e->target->port_latency ? e->target->port_latency : 1u) +
                  sim_jitter(e, 0xffff0000u + stream, (uint32_t)s->next, 3);
    if (at < s->last) at = s->last;
    if (s->next == s->total) {
        if (at <= e->end && stream < e->extra_stream) e->extra_stream = stream;
        return;
    }
    s->last = at;
    s->words[s->next++] = value;
    e->result->words_collected++;
    if (s->next % s->per_sample == 0) {
        uint64_t *done = &e->result->completion_cycles[s->next / s->per_sample - 1];
        if (at + 1 > *done) *done = at + 1;
    }
    if (s->next == s->total && --e->outs_open == 0) close_run(e);
}
