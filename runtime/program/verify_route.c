/* Routers: each route alone, then in its place against neighbours, class, ports and defects.
 *
 * The rule for links: an out-port leads to a neighbour that accepts the colour on the facing in-port in at least one of
 * its switch positions, or at the west or east edge to a host port with an output stream of that colour. Whether the
 * positions meet at the right time is the order of control wavelets, which only the run can tell. */
#include "runtime/program/verify_parts.h"

#include <stdio.h>
#include <stdlib.h>

const wfc_prog_route *wfc_verify_route_of(const wfc_program *p, const wfc_prog_pe *pe, unsigned colour) {
    if (pe->router_index == UINT32_MAX) return NULL;
    const wfc_prog_router *r = &p->routers[pe->router_index];
    for (uint32_t i = 0; i < r->route_count; i++)
        if (r->routes[i].colour == colour) return &r->routes[i];
    return NULL;
}

bool wfc_verify_accepts(const wfc_prog_route *r, unsigned in_port) {
    for (unsigned pos = 0; pos < r->positions; pos++)
        if (r->out[pos][in_port]) return true;
    return false;
}

/* ---- routes alone ---- */

static const char *route_problem(const wfc_prog_route *r) {
    unsigned any = 0;
    for (unsigned pos = 0; pos < 4; pos++)
        for (unsigned in = 0; in < WFC_PORTS; in++) {
            if (pos >= r->positions && r->out[pos][in]) return "rules behind its last switch position";
            any |= r->out[pos][in];
        }
    if (any >= 1u << WFC_PORTS) return "a rule with an out-port that does not exist";
    if (any == 0) return "it has no rule";
    if (r->initial >= r->positions) return "its initial switch position does not exist";
    if (!r->filtered)
        return r->filter_lo || r->filter_hi || r->filter_period ? "filter numbers without a filter" : NULL;
    if (r->filter_period == 0 || r->filter_lo > r->filter_hi || r->filter_hi > r->filter_period)
        return "a filter needs lo <= hi <= period and a period above 0";
    return NULL;
}

static void check_router(wfc_verifier *v, uint32_t index, uint32_t pe) {
    const wfc_prog_router *router = &v->p->routers[index];
    const wfc_target *t = &v->p->target;
    for (uint32_t i = 0; i < router->route_count && !wfc_verify_enough(v); i++) {
        const wfc_prog_route *r = &router->routes[i];
        char part[60];
        snprintf(part, sizeof part, "router %u, colour %u", index, r->colour);
#ifndef WFC_OFF_COLOURS
        if (r->colour >= t->colours)
            wfc_verify_error(v, WFC_ERR_NO_FIT, "WFC-E1303", pe, part, "colour %u is routed, the target has %u",
                             r->colour, t->colours);
        if (i && r->colour <= router->routes[i - 1].colour)
            wfc_verify_error(v, WFC_ERR_INPUT, "WFC-E1303", pe, part, "routes must ascend by colour, each once");
#endif
        if (r->positions == 0 || r->positions > t->switch_positions || r->positions > 4) {
            wfc_verify_error(v, WFC_ERR_NO_FIT, "WFC-E1310", pe, part, "%u switch positions, the target has %u",
                             r->positions, t->switch_positions);
            continue;
        }
        const char *problem = route_problem(r);
        if (problem) wfc_verify_error(v, WFC_ERR_INPUT, "WFC-E1310", pe, part, "%s", problem);
    }
}

void wfc_verify_routers(wfc_verifier *v) {
    const wfc_program *p = v->p;
    uint32_t *first = wfc_calloc(p->router_count, sizeof *first);
    if (!first) {
        v->status = wfc_fail_memory(v->diag);
        v->errors++;
        return;
    }
    for (uint32_t i = 0; i < p->router_count; i++) first[i] = UINT32_MAX;
    for (uint32_t i = 0; i < p->pe_count; i++) {
        uint32_t r = p->pes[i].router_index;
        if (r != UINT32_MAX && first[r] == UINT32_MAX) first[r] = i;
    }
    for (uint32_t i = 0; i < p->router_count && !wfc_verify_enough(v); i++) check_router(v, i, first[i]);
    wfc_free(first);
}

/* ---- routes in their place ---- */

#ifndef WFC_OFF_ROUTES
static const char PORTS[] = "NESWR";
static const int STEP_X[4] = {0, 1, 0, -1}, STEP_Y[4] = {-1, 0, 1, 0};
static const uint8_t FACING[4] = {WFC_PORT_S, WFC_PORT_W, WFC_PORT_N, WFC_PORT_E};

static bool is_bad_link(const wfc_target *t, unsigned x, unsigned y, unsigned port) {
    uint64_t want = (uint64_t)y << 24 | (uint64_t)x << 8 | port;
    for (uint32_t lo = 0, hi = t->bad_link_count; lo < hi;) {
        uint32_t mid = lo + (hi - lo) / 2;
        const wfc_link_id *l = &t->bad_links[mid];
        uint64_t key = (uint64_t)l->y << 24 | (uint64_t)l->x << 8 | l->port;
        if (key == want) return true;
        if (key < want)
            lo = mid + 1;
        else
            hi = mid;
    }
    return false;
}

static bool has_output_stream(const wfc_program *p, unsigned side, unsigned row, unsigned colour) {
    for (uint32_t i = 0; i < p->output_count; i++)
        for (uint32_t k = 0; k < p->outputs[i].stream_count; k++) {
            const wfc_prog_stream *s = &p->outputs[i].streams[k];
            if (s->side == side && s->row == row && s->colour == colour) return true;
        }
    return false;
}

static void route_error(wfc_verifier *v, uint32_t pe, unsigned colour, const char *problem) {
    char part[40];
    snprintf(part, sizeof part, "colour %u", colour);
    wfc_verify_error(v, WFC_ERR_INPUT, "WFC-E1310", pe, part, "%s", problem);
}

static void check_link(wfc_verifier *v, uint32_t index, unsigned colour, unsigned port) {
    const wfc_program *p = v->p;
    const wfc_prog_pe *pe = &p->pes[index];
    char problem[160];
    int x = pe->x + STEP_X[port], y = pe->y + STEP_Y[port];
    if (is_bad_link(&p->target, pe->x, pe->y, port)) {
        snprintf(problem, sizeof problem, "it leaves through port %c, a link that the target lists as defective",
                 PORTS[port]);
        route_error(v, index, colour, problem);
        return;
    }
    if (x < 0 || x >= p->target.width || y < 0 || y >= p->target.height) {
        bool edge = (port == WFC_PORT_W || port == WFC_PORT_E) &&
                    has_output_stream(p, port == WFC_PORT_W ? WFC_SIDE_WEST : WFC_SIDE_EAST, pe->y, colour);
        snprintf(problem, sizeof problem, "it leaves the fabric through port %c where no output stream collects it",
                 PORTS[port]);
        if (!edge) route_error(v, index, colour, problem);
        return;
    }
    uint32_t next = v->pe_at[(size_t)y * p->target.width + (size_t)x];
    const wfc_prog_route *r = next == UINT32_MAX ? NULL : wfc_verify_route_of(p, &p->pes[next], colour);
    if (r && wfc_verify_accepts(r, FACING[port])) return;
    snprintf(problem, sizeof problem, "it leaves through port %c and PE %d,%d accepts it in no switch position",
             PORTS[port], x, y);
    route_error(v, index, colour, problem);
}

static bool has_colour(const wfc_prog_binding *list, uint32_t count, unsigned colour) {
    for (uint32_t i = 0; i < count; i++)
        if (list[i].colour == colour) return true;
    return false;
}

static void check_place(wfc_verifier *v, uint32_t index, const wfc_prog_route *r) {
    const wfc_prog_pe *pe = &v->p->pes[index];
    const wfc_prog_class *c = pe->class_index == UINT32_MAX ? NULL : &v->p->classes[pe->class_index];
    unsigned outs = 0;
    for (unsigned pos = 0; pos < r->positions; pos++)
        for (unsigned in = 0; in < WFC_PORTS; in++) outs |= r->out[pos][in];
    for (unsigned port = 0; port < 4; port++)
        if (outs & WFC_PORT_BIT(port)) check_link(v, index, r->colour, port);
    if ((outs & WFC_PORT_BIT(WFC_PORT_R)) && (!c || !has_colour(c->in_queues, c->in_count, r->colour)))
        route_error(v, index, r->colour, "it leaves to the PE, which binds no in queue to the colour");
}
#endif

/* What a PE sends must find a way out of its own router. */
static void check_senders(wfc_verifier *v, uint32_t index) {
#ifndef WFC_OFF_ROUTES
    const wfc_prog_pe *pe = &v->p->pes[index];
    if (pe->class_index == UINT32_MAX) return;
    const wfc_prog_class *c = &v->p->classes[pe->class_index];
    for (uint32_t i = 0; i < c->out_count; i++) {
        const wfc_prog_route *r = wfc_verify_route_of(v->p, pe, c->out_queues[i].colour);
        if (!r || !wfc_verify_accepts(r, WFC_PORT_R))
            route_error(v, index, c->out_queues[i].colour,
                        "the PE binds an out queue to the colour and its router accepts it from the PE in no position");
    }
#else
    (void)v, (void)index;
#endif
}

void wfc_verify_links(wfc_verifier *v) {
    const wfc_program *p = v->p;
    for (uint32_t i = 0; i < p->pe_count && !wfc_verify_enough(v); i++) {
        check_senders(v, i);
#ifndef WFC_OFF_ROUTES
        if (p->pes[i].router_index == UINT32_MAX) continue;
        const wfc_prog_router *r = &p->routers[p->pes[i].router_index];
        for (uint32_t k = 0; k < r->route_count && !wfc_verify_enough(v); k++) check_place(v, i, &r->routes[k]);
#endif
    }
}
