/* The routes of one colour at a time: who is whose neighbour, and condition 3, that they form trees. */
#include "backend/check/check_flow.h"

#include <string.h>

static const int DX[4] = {0, 1, 0, -1}, DY[4] = {-1, 0, 1, 0}; /* N E S W */
static const uint8_t OPPOSITE[4] = {WFC_PORT_S, WFC_PORT_W, WFC_PORT_N, WFC_PORT_E};
static const char *const PORT_NAME[WFC_PORTS] = {"N", "E", "S", "W", "RAMP"};

unsigned wfc_be_chk_opposite(unsigned port) {
    return OPPOSITE[port];
}

const wfc_prog_route *wfc_be_chk_route(const flow *f, uint32_t node) {
    return f->route_of[node];
}

unsigned wfc_be_chk_route_outs(const wfc_prog_route *r, int in) {
    unsigned set = 0;
    for (unsigned pos = 0; pos < r->positions; pos++)
        for (int port = 0; port < WFC_PORTS; port++)
            if (in < 0 || in == port) set |= r->out[pos][port];
    return set;
}

const wfc_chk_trace *wfc_be_chk_pe_trace(const wfc_chk *c, uint32_t pe) {
    return c->trace_of[pe] == WFC_CHK_NONE ? NULL : &c->traces[c->trace_of[pe]];
}

uint32_t wfc_be_chk_lane_at(const flow *f, int x, int y) {
    const wfc_target *t = &f->c->p->target;
    if (x < 0 || y < 0 || x >= t->width || y >= t->height) return WFC_CHK_NONE;
    return f->node_at[(size_t)y * t->width + (size_t)x];
}

uint32_t wfc_be_chk_lane_neighbour(const flow *f, uint32_t node, unsigned port) {
    const wfc_prog_pe *at = &f->c->p->pes[f->pe_of[node]];
    return wfc_be_chk_lane_at(f, at->x + DX[port], at->y + DY[port]);
}

uint32_t wfc_be_chk_lane_root(flow *f, uint32_t node) {
    while (f->parent[node] != node) node = f->parent[node] = f->parent[f->parent[node]];
    return node;
}

/* --- host streams --- */
static size_t collector_slot(const flow *f, unsigned side, unsigned row, unsigned colour) {
    return ((size_t)side * f->c->p->target.height + row) * WFC_TARGET_MAX_COLOURS + colour;
}

host_stream *wfc_be_chk_collector(flow *f, uint32_t pe, unsigned port) {
    const wfc_prog_pe *at = &f->c->p->pes[pe];
    if (port != WFC_PORT_W && port != WFC_PORT_E) return NULL;
    unsigned side = port == WFC_PORT_W ? WFC_SIDE_WEST : WFC_SIDE_EAST;
    uint32_t i = f->collect_at[collector_slot(f, side, at->y, f->colour)];
    return i ? &f->collect.data[i - 1] : NULL;
}

static wfc_status list_streams(flow *f) {
    const wfc_program *p = f->c->p;
    f->collect_at = wfc_calloc((size_t)2 * p->target.height * WFC_TARGET_MAX_COLOURS + 1, sizeof *f->collect_at);
    if (!f->collect_at) return WFC_ERR_NO_MEMORY;
    for (unsigned dir = 0; dir < 2; dir++) {
        const wfc_prog_tensor *tensors = dir ? p->outputs : p->inputs;
        uint32_t n = dir ? p->output_count : p->input_count;
        for (uint32_t t = 0; t < n; t++)
            for (uint32_t s = 0; s < tensors[t].stream_count; s++) {
                host_stream h = {.stream = &tensors[t].streams[s], .tensor = tensors[t].name};
                bool sane = h.stream->side <= WFC_SIDE_EAST && h.stream->row < p->target.height &&
                            h.stream->colour < WFC_TARGET_MAX_COLOURS;
                if (!sane) {
                    wfc_be_chk_error(f->c, WFC_CHK_ROUTE, WFC_CHK_NONE,
                                     "a host stream breaks the rules of wfc_program_verify");
                    f->broken = true;
                    return WFC_OK;
                }
                WFC_TRY(dir ? wfc_vec_push(&f->collect, h) : wfc_vec_push(&f->inject, h));
                if (!dir) continue;
                uint32_t *slot = &f->collect_at[collector_slot(f, h.stream->side, h.stream->row, h.stream->colour)];
                if (*slot == 0) *slot = (uint32_t)f->collect.count;
            }
    }
    return WFC_OK;
}

/* --- routers --- */
static bool is_valid_route(const wfc_prog_route *r) {
    return r->positions >= 1 && r->positions <= 4 && r->initial < r->positions && r->colour < WFC_TARGET_MAX_COLOURS &&
           (!r->filtered || r->filter_period > 0);
}

static wfc_status index_routers(flow *f) {
    const wfc_program *p = f->c->p;
    f->by_colour = wfc_calloc((size_t)p->router_count * WFC_TARGET_MAX_COLOURS + 1, 1);
    f->colours = wfc_calloc(p->router_count + 1u, sizeof *f->colours);
    if (!f->by_colour || !f->colours) return WFC_ERR_NO_MEMORY;
    for (uint32_t r = 0; r < p->router_count; r++)
        for (uint32_t i = 0; i < p->routers[r].route_count && i < WFC_TARGET_MAX_COLOURS; i++) {
            const wfc_prog_route *route = &p->routers[r].routes[i];
            if (!is_valid_route(route)) {
                f->broken = true;
                continue;
            }
            f->by_colour[r * (size_t)WFC_TARGET_MAX_COLOURS + route->colour] = (uint8_t)(i + 1);
            f->colours[r] |= (uint32_t)1 << route->colour;
        }
    if (f->broken)
        wfc_be_chk_error(f->c, WFC_CHK_ROUTE, WFC_CHK_NONE, "a route breaks the rules of wfc_program_verify");
    return WFC_OK;
}

wfc_status wfc_be_chk_lanes_init(flow *f) {
    const wfc_program *p = f->c->p;
    size_t places = (size_t)p->target.width * p->target.height;
    WFC_TRY(index_routers(f));
    WFC_TRY(list_streams(f));
    f->node_at = wfc_calloc(places + 1, sizeof *f->node_at);
    f->pe_of = wfc_calloc(p->pe_count + 1u, sizeof *f->pe_of);
    f->route_of = wfc_calloc(p->pe_count + 1u, sizeof *f->route_of);
    f->parent = wfc_calloc(p->pe_count + 1u, sizeof *f->parent);
    f->in = wfc_calloc(p->pe_count + 1u, sizeof *f->in);
    f->feeds = wfc_calloc(p->pe_count + 1u, 1);
    f->carries = wfc_calloc(p->pe_count + 1u, 1);
    f->ready = wfc_calloc(p->pe_count + 1u, sizeof *f->ready);
    bool made = f->node_at && f->pe_of && f->route_of && f->parent && f->in && f->feeds && f->carries && f->ready;
    if (!made) return WFC_ERR_NO_MEMORY;
    for (size_t i = 0; i < places; i++) f->node_at[i] = WFC_CHK_NONE;
    return WFC_OK;
}

void wfc_be_chk_lanes_deinit(flow *f) {
    wfc_vec_free(&f->inject);
    wfc_vec_free(&f->collect);
    wfc_free(f->collect_at);
    wfc_free(f->by_colour);
    wfc_free(f->colours);
    wfc_free(f->node_at);
    wfc_free(f->pe_of);
    wfc_free(f->route_of);
    wfc_free(f->parent);
    wfc_free(f->in);
    wfc_free(f->feeds);
    wfc_free(f->carries);
    wfc_free(f->ready);
}

/* --- condition 3 --- */
static void link_out(flow *f, uint32_t node, unsigned port) {
    const wfc_prog_route *r = wfc_be_chk_route(f, node);
    uint32_t pe = f->pe_of[node], to = wfc_be_chk_lane_neighbour(f, node, port);
    const wfc_prog_pe *at = &f->c->p->pes[pe];
    bool edge = port == WFC_PORT_W ? at->x == 0 : port == WFC_PORT_E && at->x + 1 == f->c->p->target.width;
    if (edge && wfc_be_chk_collector(f, pe, port)) return;
    if (to == WFC_CHK_NONE || wfc_be_chk_route_outs(wfc_be_chk_route(f, to), OPPOSITE[port]) == 0) {
        wfc_be_chk_error(f->c, WFC_CHK_ROUTE, pe,
                         "colour %u leaves through %s where nobody takes it; end the route here or route it on",
                         (unsigned)r->colour, PORT_NAME[port]);
        f->broken = true;
        return;
    }
    uint32_t a = wfc_be_chk_lane_root(f, node), b = wfc_be_chk_lane_root(f, to);
    if (a == b) {
        wfc_be_chk_error(f->c, WFC_CHK_ROUTE, pe,
                         "the routes of colour %u form a cycle through the link %s; a lane must be a tree",
                         (unsigned)r->colour, PORT_NAME[port]);
        f->broken = true;
        return;
    }
    f->parent[b] = a;
    f->feeds[to]++;
}

wfc_status wfc_be_chk_lanes_of(flow *f, unsigned colour) {
    const wfc_program *p = f->c->p;
    for (uint32_t n = 0; n < f->routes; n++) { /* of the colour before */
        const wfc_prog_pe *at = &p->pes[f->pe_of[n]];
        f->node_at[(size_t)at->y * p->target.width + at->x] = WFC_CHK_NONE;
    }
    f->colour = colour;
    f->routes = 0;
    for (uint32_t pe = 0; pe < p->pe_count; pe++) {
        uint32_t router = p->pes[pe].router_index, n = f->routes;
        if (router == UINT32_MAX || !(f->colours[router] >> colour & 1)) continue;
        f->routes++;
        f->node_at[(size_t)p->pes[pe].y * p->target.width + p->pes[pe].x] = n;
        f->pe_of[n] = pe;
        f->route_of[n] = &p->routers[router].routes[f->by_colour[router * (size_t)WFC_TARGET_MAX_COLOURS + colour] - 1];
        f->parent[n] = n;
        f->feeds[n] = f->carries[n] = 0;
        for (unsigned port = 0; port < WFC_PORTS; port++) f->in[n][port] = WFC_CHK_NONE;
    }
    for (uint32_t n = 0; n < f->routes; n++) {
        unsigned outs = wfc_be_chk_route_outs(f->route_of[n], -1);
        for (unsigned port = 0; port < 4; port++)
            if (outs >> port & 1) link_out(f, n, port);
    }
    return WFC_OK;
}

static void unrouted_streams(flow *f) {
    const wfc_program *p = f->c->p;
    for (size_t i = 0; i < f->inject.count; i++) {
        const wfc_prog_stream *s = f->inject.data[i].stream;
        uint32_t pe = wfc_be_chk_pe_at(f->c, s->side == WFC_SIDE_WEST ? 0 : p->target.width - 1, s->row);
        uint32_t router = pe == WFC_CHK_NONE ? UINT32_MAX : p->pes[pe].router_index;
        if (s->words == 0 || (router != UINT32_MAX && f->colours[router] >> s->colour & 1)) continue;
        wfc_be_chk_error(f->c, WFC_CHK_ROUTE, pe,
                         "the input stream of row %u, colour %u enters where there is no route for it",
                         (unsigned)s->row, (unsigned)s->colour);
    }
}

void wfc_be_chk_unrouted(flow *f) {
    const wfc_program *p = f->c->p;
    unrouted_streams(f);
    for (uint32_t pe = 0; pe < p->pe_count; pe++) {
        const wfc_chk_trace *t = wfc_be_chk_pe_trace(f->c, pe);
        uint32_t router = p->pes[pe].router_index;
        uint32_t missing = t ? t->sends & ~(router == UINT32_MAX ? 0 : f->colours[router]) : 0;
        for (unsigned colour = 0; missing >> colour; colour++)
            if (missing >> colour & 1)
                wfc_be_chk_error(f->c, WFC_CHK_ROUTE, pe, "it sends on colour %u, which its router does not know",
                                 colour);
    }
}

void wfc_be_chk_unfed(flow *f) {
    const wfc_program *p = f->c->p;
    for (uint32_t pe = 0; pe < p->pe_count; pe++) {
        const wfc_chk_trace *t = wfc_be_chk_pe_trace(f->c, pe);
        uint32_t router = p->pes[pe].router_index, known = router == UINT32_MAX ? 0 : f->colours[router];
        for (unsigned q = 0; t && q < WFC_TARGET_MAX_QUEUES; q++) {
            if (!t->in[q].bound || t->in[q].words == 0 || known >> t->in[q].colour & 1) continue;
            wfc_be_chk_error(f->c, WFC_CHK_WORDS, pe,
                             "colour %u: no words arrive, its router has no route for it; the program takes %llu per "
                             "sample",
                             (unsigned)t->in[q].colour, (unsigned long long)t->in[q].words);
        }
    }
}
