/* The flow of one sample's words through the routers, colour by colour, without time and with endless FIFOs.
 *
 * Worked example, an ordered merge: PEs 0, 1, 2 of a row send 4, 4, 4 words east on one colour. Routers 1 and 2 have
 * position 0 = from RAMP, position 1 = from W. PE 2's router gets from RAMP {4 words, control advance} and from W
 * {4 words of PE 1, control, 4 words of PE 0, control reset}. In position 0 only RAMP is open, so it passes PE 2's
 * words first; the control advances it; now only W is open; the last control resets it. The order does not depend on
 * when words arrive, because one in-port at most is open in each position. So a router that knows all that its upstream
 * neighbours pass in a sample can be worked off at once, and in a tree there is always a next one.
 *
 * Colours never mix, so each is followed alone and memory is that of one. Words move as segments (event, words). Lists
 * of segments live in a pool; a list that only passes is handed on. check_lanes.c knows who is whose neighbour. */
#include "backend/check/check_flow.h"

static const char *const PORT_NAME[WFC_PORTS] = {"N", "E", "S", "W", "RAMP"};

/* --- lists --- */
static wfc_status new_list(flow *f, uint32_t *out) {
    if (f->free_list != WFC_CHK_NONE) {
        *out = f->free_list;
        f->free_list = f->lists.data[*out].next_free;
    } else {
        *out = (uint32_t)f->lists.count;
        WFC_TRY(wfc_vec_push(&f->lists, (segment_list){0}));
    }
    f->lists.data[*out].v.count = 0;
    return WFC_OK;
}

static void drop_list(flow *f, uint32_t list) {
    if (list == WFC_CHK_NONE) return;
    f->lists.data[list].next_free = f->free_list;
    f->free_list = list;
}

static wfc_status append(flow *f, uint32_t *list, segment s) {
    if (*list == WFC_CHK_NONE) WFC_TRY(new_list(f, list));
    return wfc_vec_push(&f->lists.data[*list].v, s);
}

/* --- sources --- */
static wfc_status inject_hosts(flow *f) {
    for (size_t i = 0; i < f->inject.count; i++) {
        const wfc_prog_stream *s = f->inject.data[i].stream;
        if (s->colour != f->colour) continue;
        int x = s->side == WFC_SIDE_WEST ? 0 : f->c->p->target.width - 1;
        uint32_t pe = wfc_be_chk_pe_at(f->c, x, s->row), node = wfc_be_chk_lane_at(f, x, s->row);
        unsigned port = s->side == WFC_SIDE_WEST ? WFC_PORT_W : WFC_PORT_E;
        f->c->stats.words_injected += s->words;
        if (s->words == 0 || node == WFC_CHK_NONE) continue; /* told by wfc_be_chk_unrouted */
        if (f->in[node][port] != WFC_CHK_NONE) {
            wfc_be_chk_error(f->c, WFC_CHK_JOIN, pe,
                             "two input streams enter at one port on colour %u, in no fixed order; give each a colour",
                             (unsigned)s->colour);
        } else {
            WFC_TRY(append(f, &f->in[node][port], (segment){f->c->host_base + (uint32_t)i, 0, s->words, 0}));
        }
    }
    return WFC_OK;
}

static wfc_status send_from_pe(flow *f, uint32_t node) {
    uint32_t pe = f->pe_of[node];
    const wfc_chk_trace *t = wfc_be_chk_pe_trace(f->c, pe);
    if (!t || !(t->sends >> f->colour & 1)) return WFC_OK;
    uint32_t *list = &f->in[node][WFC_PORT_R];
    for (uint32_t i = 0; i < t->events.count; i++) {
        const wfc_chk_event *e = &t->events.data[i];
        if (e->out_queue == WFC_CHK_NO_QUEUE || t->out[e->out_queue].colour != f->colour) continue;
        uint32_t done = f->c->node_base[pe] + e->done;
        if (e->out_words) WFC_TRY(append(f, list, (segment){done, 0, e->out_words, 0}));
        if (e->control) WFC_TRY(append(f, list, (segment){done, 0, 0, e->control}));
    }
    return WFC_OK;
}

/* --- a router at work --- */
static wfc_status count_host_words(flow *f, uint32_t node, unsigned port, segment s) {
    host_stream *h = wfc_be_chk_collector(f, f->pe_of[node], port);
    if (!h) return WFC_OK;
    if (h->got == 0 && s.words) WFC_TRY(wfc_vec_push(&f->c->first_to_host, (wfc_chk_first){s.event, s.event}));
    h->got += s.words;
    f->c->stats.words_collected += s.words;
    return wfc_vec_push(&f->c->to_host, s.event);
}

static wfc_status leave(flow *f, uint32_t node, unsigned port, segment s) {
    uint32_t to = wfc_be_chk_lane_neighbour(f, node, port);
    if (to != WFC_CHK_NONE) return append(f, &f->in[to][wfc_be_chk_opposite(port)], s);
    return count_host_words(f, node, port, s);
}

/* At most one in-port that ever has words may be open in a position: otherwise the order is that of arrival. */
static bool is_ordered(flow *f, uint32_t node, const wfc_prog_route *r) {
    for (unsigned pos = 0; pos < r->positions; pos++) {
        int first = -1;
        for (int in = 0; in < WFC_PORTS; in++) {
            if (!r->out[pos][in] || f->in[node][in] == WFC_CHK_NONE) continue;
            if (first < 0) {
                first = in;
                continue;
            }
            bool shared = r->out[pos][in] & r->out[pos][first];
            wfc_be_chk_error(f->c, WFC_CHK_JOIN, f->pe_of[node],
                             shared ? "colour %u, switch position %u: in-ports %s and %s are open at once for the same "
                                      "out-port, an unordered join; order it by switch positions"
                                    : "colour %u, switch position %u: in-ports %s and %s carry two lanes of one colour "
                                      "through one router; give one of them another colour",
                             (unsigned)r->colour, pos, PORT_NAME[first], PORT_NAME[in]);
            return false;
        }
    }
    return true;
}

static void turn_switch(const wfc_prog_route *r, unsigned in, uint16_t control, unsigned *pos) {
    unsigned command = in == WFC_PORT_R ? control & 3u : control >> 2 & 3u;
    if (command == WFC_CTL_ADVANCE) *pos = (*pos + 1) % r->positions;
    if (command == WFC_CTL_RESET) *pos = r->initial;
}

/* Passes all segments in switch order. Adds the arcs of the merge order where in-ports alternate. */
static wfc_status pass_in_order(flow *f, uint32_t node, const wfc_prog_route *r) {
    size_t at[WFC_PORTS] = {0};
    unsigned pos = r->initial, first_in = WFC_PORTS, last_in = WFC_PORTS;
    uint32_t first = 0, last = 0;
    for (;;) {
        unsigned in = 0;
        for (; in < WFC_PORTS; in++)
            if (r->out[pos][in] && f->in[node][in] != WFC_CHK_NONE && at[in] < f->lists.data[f->in[node][in]].v.count)
                break;
        if (in == WFC_PORTS) break;
        segment s = f->lists.data[f->in[node][in]].v.data[at[in]++];
        if (first_in == WFC_PORTS) {
            first_in = in;
            first = s.event;
        } else if (in != last_in) {
            WFC_TRY(wfc_be_chk_order(f, last, s.event, 0));
            f->merges = true;
        }
        last_in = in;
        last = s.event;
        for (unsigned port = 0; port < 4; port++)
            if (r->out[pos][in] >> port & 1) WFC_TRY(leave(f, node, port, s));
        if (r->out[pos][in] >> WFC_PORT_R & 1) WFC_TRY(wfc_be_chk_arrive(f, node, s));
        if (s.control) turn_switch(r, in, s.control, &pos);
    }
    if (last_in != first_in) WFC_TRY(wfc_be_chk_order(f, last, first, 1));
    for (unsigned in = 0; in < WFC_PORTS; in++)
        if (f->in[node][in] != WFC_CHK_NONE && at[in] < f->lists.data[f->in[node][in]].v.count)
            wfc_be_chk_left(f, node, in, at[in], pos);
    if (pos != r->initial)
        wfc_be_chk_error(f->c, WFC_CHK_SWITCH, f->pe_of[node],
                         "colour %u: after a sample its switch is in position %u, not back in %u; the last sender must "
                         "reset the lane",
                         (unsigned)r->colour, pos, (unsigned)r->initial);
    return WFC_OK;
}

/* One in-port, one position: the usual case. The list is handed on to the last out-port, copied to the others. */
static wfc_status pass_through(flow *f, uint32_t node, unsigned in, unsigned outs) {
    uint32_t list = f->in[node][in];
    size_t n = f->lists.data[list].v.count;
    if (outs >> WFC_PORT_R & 1)
        for (size_t i = 0; i < n; i++) WFC_TRY(wfc_be_chk_arrive(f, node, f->lists.data[list].v.data[i]));
    for (unsigned port = 0; port < 4; port++) {
        if (!(outs >> port & 1)) continue;
        uint32_t to = wfc_be_chk_lane_neighbour(f, node, port);
        bool last = (outs & 15u) >> (port + 1) == 0;
        if (last && to != WFC_CHK_NONE && f->in[to][wfc_be_chk_opposite(port)] == WFC_CHK_NONE) {
            f->in[to][wfc_be_chk_opposite(port)] = list;
            f->in[node][in] = WFC_CHK_NONE;
            return WFC_OK;
        }
        for (size_t i = 0; i < n; i++) WFC_TRY(leave(f, node, port, f->lists.data[list].v.data[i]));
    }
    return WFC_OK;
}

static wfc_status work_off(flow *f, uint32_t node) {
    const wfc_prog_route *r = wfc_be_chk_route(f, node);
    unsigned used = 0, in = 0;
    for (unsigned port = 0; port < WFC_PORTS; port++)
        if (f->in[node][port] != WFC_CHK_NONE) {
            used++;
            in = port;
        }
    if (used) f->carries[wfc_be_chk_lane_root(f, node)] = 1;
    f->merges = false;
    f->arrived = 0;
    f->accepted.count = 0;
    if (used && is_ordered(f, node, r)) {
        if (used == 1 && r->positions == 1 && r->out[0][in])
            WFC_TRY(pass_through(f, node, in, r->out[0][in]));
        else
            WFC_TRY(pass_in_order(f, node, r));
    }
    f->c->stats.merges += f->merges;
    WFC_TRY(wfc_be_chk_deliver(f, node));
    for (unsigned port = 0; port < WFC_PORTS; port++) {
        drop_list(f, f->in[node][port]);
        f->in[node][port] = WFC_CHK_NONE;
    }
    return WFC_OK;
}

static wfc_status run_flow(flow *f) {
    uint32_t top = 0, done = 0;
    for (uint32_t n = f->routes; n-- > 0;)
        if (f->feeds[n] == 0) f->ready[top++] = n;
    while (top > 0) {
        uint32_t node = f->ready[--top];
        WFC_TRY(work_off(f, node));
        done++;
        unsigned outs = wfc_be_chk_route_outs(wfc_be_chk_route(f, node), -1);
        for (unsigned port = 0; port < 4; port++) {
            uint32_t to = outs >> port & 1 ? wfc_be_chk_lane_neighbour(f, node, port) : WFC_CHK_NONE;
            if (to != WFC_CHK_NONE && --f->feeds[to] == 0) f->ready[top++] = to;
        }
    }
    if (done != f->routes) /* impossible in a forest */
        wfc_be_chk_error(f->c, WFC_CHK_ROUTE, WFC_CHK_NONE, "%u routers stay without their upstream neighbours",
                         (unsigned)(f->routes - done));
    for (uint32_t n = 0; n < f->routes; n++) f->c->stats.lanes += f->carries[n];
    return WFC_OK;
}

static void check_collectors(flow *f) {
    for (size_t i = 0; i < f->collect.count; i++) {
        const host_stream *h = &f->collect.data[i];
        if (h->got != h->stream->words)
            wfc_be_chk_error(f->c, WFC_CHK_HOST, WFC_CHK_NONE,
                             "output '%s', %s edge row %u, colour %u: %llu words arrive per sample, %u are declared",
                             h->tensor ? h->tensor : "?", h->stream->side == WFC_SIDE_WEST ? "west" : "east",
                             (unsigned)h->stream->row, (unsigned)h->stream->colour, (unsigned long long)h->got,
                             (unsigned)h->stream->words);
    }
}

static wfc_status flow_colour(flow *f, unsigned colour) {
    WFC_TRY(wfc_be_chk_lanes_of(f, colour));
    if (f->broken) return WFC_OK;
    WFC_TRY(inject_hosts(f));
    for (uint32_t n = 0; n < f->routes; n++) WFC_TRY(send_from_pe(f, n));
    return run_flow(f);
}

static wfc_status flow_all(flow *f) {
    WFC_TRY(wfc_be_chk_lanes_init(f));
    if (f->broken) return WFC_OK;
    wfc_be_chk_unrouted(f);
    for (unsigned colour = 0; colour < WFC_TARGET_MAX_COLOURS; colour++) WFC_TRY(flow_colour(f, colour));
    if (f->broken) return WFC_OK;
    wfc_be_chk_unfed(f);
    check_collectors(f);
    return WFC_OK;
}

wfc_status wfc_be_chk_flow(wfc_chk *c) {
    flow f = {.c = c, .free_list = WFC_CHK_NONE};
    wfc_status s = flow_all(&f);
    for (size_t i = 0; i < f.lists.count; i++) wfc_vec_free(&f.lists.data[i].v);
    wfc_vec_free(&f.lists);
    wfc_vec_free(&f.accepted);
    wfc_be_chk_lanes_deinit(&f);
    return s;
}
