/* Words per sample over every link: what PEs and host ports send, carried along the routes.
 *
 * Per colour, (router, in-port) are the nodes of a graph, which for routes that are trees has no cycle; the words of a
 * node go to every out-port of its route. A merge needs no order for that: its switch positions say who may pass, not
 * where to. Filters act toward the PE only. So the result is exact but for the three cases that are counted in
 * wfc_report_links. Memory: 21 bytes per PE of the program while one colour is worked on. */
#include "report/report_facts.h"
#include "support/mem.h"

#include <string.h>

static const int STEP_X[4] = {0, 1, 0, -1}, STEP_Y[4] = {-1, 0, 1, 0};
static const uint8_t FACING[4] = {WFC_PORT_S, WFC_PORT_W, WFC_PORT_N, WFC_PORT_E};

typedef struct flow {
    const wfc_program *p;
    uint32_t *grid;    /* PE index by place */
    uint32_t *sent_of; /* [pe] index into sent, UINT32_MAX sends nothing */
    WFC_VEC(wfc_report_sent) sent;
    uint8_t (*out)[WFC_PORTS]; /* [pe][in-port] of the colour at hand: set of out-port bits, 0 none */
    uint64_t (*words)[WFC_PORTS];
    uint8_t (*waiting)[WFC_PORTS]; /* in-edges whose words have not come yet */
    uint32_t *stack;
    wfc_report_links *links;
} flow;

void wfc_report_links_deinit(wfc_report_links *l) {
    for (unsigned i = 0; i < 4; i++) wfc_free(l->words[i]);
    *l = (wfc_report_links){0};
}

uint32_t *wfc_report_grid(const wfc_program *p) {
    size_t places = (size_t)p->target.width * p->target.height;
    uint32_t *grid = wfc_calloc(places, sizeof *grid);
    for (size_t i = 0; grid && i < places; i++) grid[i] = UINT32_MAX;
    for (uint32_t i = 0; grid && i < p->pe_count; i++)
        if (p->pes[i].x < p->target.width && p->pes[i].y < p->target.height)
            grid[(size_t)p->pes[i].y * p->target.width + p->pes[i].x] = i;
    return grid;
}

static uint32_t neighbour(const flow *f, uint32_t i, unsigned port) {
    int x = f->p->pes[i].x + STEP_X[port], y = f->p->pes[i].y + STEP_Y[port];
    if (x < 0 || y < 0 || x >= f->p->target.width || y >= f->p->target.height) return UINT32_MAX;
    return f->grid[(size_t)y * f->p->target.width + (size_t)x];
}

/* PEs of one class in succession nearly always have equal parameters, so the last result of a class is tried first. */
static wfc_status follow_all(flow *f, wfc_diag *diag) {
    const wfc_program *p = f->p;
    uint64_t budget = (uint64_t)1 << 30;
    uint32_t *last = wfc_calloc((size_t)p->class_count + 1, sizeof *last); /* 1 + PE that was followed */
    if (!last) return wfc_fail_memory(diag);
    for (uint32_t i = 0; i < p->pe_count; i++) {
        const wfc_prog_pe *pe = &p->pes[i];
        f->sent_of[i] = UINT32_MAX;
        if (pe->class_index >= p->class_count || p->classes[pe->class_index].out_count == 0) continue;
        uint32_t known = last[pe->class_index];
        const wfc_prog_pe *other = known ? &p->pes[known - 1] : NULL;
        if (other && other->reg_count == pe->reg_count &&
            (pe->reg_count == 0 ||
             memcmp(p->regs + other->regs_first, p->regs + pe->regs_first, pe->reg_count * sizeof *p->regs) == 0)) {
            f->sent_of[i] = f->sent_of[known - 1];
        } else {
            wfc_report_sent sent;
            wfc_report_follow(p, pe, &budget, &sent);
            f->sent_of[i] = (uint32_t)f->sent.count;
            last[pe->class_index] = i + 1;
            if (wfc_vec_push(&f->sent, sent) != WFC_OK) {
                wfc_free(last);
                return wfc_fail_memory(diag);
            }
        }
        f->links->pes_not_followed += !f->sent.data[f->sent_of[i]].followed;
    }
    wfc_free(last);
    return WFC_OK;
}

/* Ways of each in-port of the PE in this colour; its own words enter at the ramp. */
static void load_pe(flow *f, uint32_t i, unsigned colour) {
    const wfc_program *p = f->p;
    const wfc_prog_pe *pe = &p->pes[i];
    memset(f->out[i], 0, sizeof f->out[i]);
    memset(f->words[i], 0, sizeof f->words[i]);
    memset(f->waiting[i], 0, sizeof f->waiting[i]);
    if (pe->router_index >= p->router_count) return;
    const wfc_prog_router *router = &p->routers[pe->router_index];
    for (uint32_t k = 0; k < router->route_count; k++) {
        const wfc_prog_route *r = &router->routes[k];
        if (r->colour != colour) continue;
        for (unsigned in = 0; in < WFC_PORTS; in++) {
            bool differs = false;
            for (unsigned pos = 0; pos < r->positions && pos < 4; pos++) {
                differs |= f->out[i][in] && r->out[pos][in] && r->out[pos][in] != f->out[i][in];
                f->out[i][in] |= r->out[pos][in];
            }
            f->links->routes_by_order += differs;
        }
    }
    if (f->sent_of[i] == UINT32_MAX) return;
    const wfc_prog_class *c = &p->classes[pe->class_index];
    const wfc_report_sent *sent = &f->sent.data[f->sent_of[i]];
    for (uint32_t k = 0; k < c->out_count; k++)
        if (c->out_queues[k].colour == colour && c->out_queues[k].queue < WFC_TARGET_MAX_QUEUES)
            f->words[i][WFC_PORT_R] += sent->words[c->out_queues[k].queue];
}

static void load_inputs(flow *f, unsigned colour) {
    const wfc_program *p = f->p;
    for (uint32_t t = 0; t < p->input_count; t++)
        for (uint32_t k = 0; k < p->inputs[t].stream_count; k++) {
            const wfc_prog_stream *s = &p->inputs[t].streams[k];
            bool west = s->side == WFC_SIDE_WEST;
            if (s->colour != colour || s->row >= p->target.height) continue;
            uint32_t i = f->grid[(size_t)s->row * p->target.width + (west ? 0u : p->target.width - 1u)];
            if (i != UINT32_MAX) f->words[i][west ? WFC_PORT_W : WFC_PORT_E] += s->words;
        }
}

static void cross(flow *f, uint32_t i, unsigned port, uint64_t words) {
    uint64_t sum = words + f->links->words[port][i];
    f->links->words[port][i] = sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
}

static void run_colour(flow *f, unsigned colour) {
    const wfc_program *p = f->p;
    size_t depth = 0, left = 0;
    for (uint32_t i = 0; i < p->pe_count; i++) load_pe(f, i, colour);
    load_inputs(f, colour);
    for (uint32_t i = 0; i < p->pe_count; i++)
        for (unsigned in = 0; in < WFC_PORTS; in++)
            for (unsigned port = 0; port < 4; port++) {
                uint32_t next = f->out[i][in] & WFC_PORT_BIT(port) ? neighbour(f, i, port) : UINT32_MAX;
                if (next != UINT32_MAX) f->waiting[next][FACING[port]]++;
            }
    for (uint32_t i = 0; i < p->pe_count; i++)
        for (unsigned in = 0; in < WFC_PORTS; in++) {
            left += f->out[i][in] != 0;
            if (f->out[i][in] && f->waiting[i][in] == 0) f->stack[depth++] = i * WFC_PORTS + in;
        }
    while (depth) {
        uint32_t node = f->stack[--depth], i = node / WFC_PORTS, in = node % WFC_PORTS;
        left--;
        for (unsigned port = 0; port < 4; port++) {
            if (!(f->out[i][in] & WFC_PORT_BIT(port))) continue;
            cross(f, i, port, f->words[i][in]);
            uint32_t next = neighbour(f, i, port);
            if (next == UINT32_MAX) continue;
            uint8_t facing = FACING[port];
            f->words[next][facing] += f->words[i][in];
            if (--f->waiting[next][facing] == 0 && f->out[next][facing]) f->stack[depth++] = next * WFC_PORTS + facing;
        }
    }
    f->links->routes_in_cycles += (uint32_t)left;
}

static void find_most(const wfc_program *p, wfc_report_links *l) {
    l->max_pe = UINT32_MAX;
    for (uint32_t i = 0; i < p->pe_count; i++)
        for (unsigned port = 0; port < 4; port++) {
            uint32_t words = l->words[port][i];
            bool leaves =
                (port == WFC_PORT_W && p->pes[i].x == 0) || (port == WFC_PORT_E && p->pes[i].x + 1 == p->target.width);
            *(leaves ? &l->edge_total : &l->total) += words;
            if (words <= l->max_words) continue;
            l->max_words = words;
            l->max_pe = i;
            l->max_port = (uint8_t)port;
        }
}

static wfc_status make(flow *f, wfc_diag *diag) {
    const wfc_program *p = f->p;
    size_t n = p->pe_count;
    f->grid = wfc_report_grid(p);
    f->sent_of = wfc_calloc(n, sizeof *f->sent_of);
    f->out = wfc_calloc(n, sizeof *f->out);
    f->words = wfc_calloc(n, sizeof *f->words);
    f->waiting = wfc_calloc(n, sizeof *f->waiting);
    f->stack = wfc_calloc(n, sizeof *f->stack * WFC_PORTS);
    for (unsigned port = 0; port < 4; port++) {
        f->links->words[port] = wfc_calloc(n, sizeof *f->links->words[port]);
        if (!f->links->words[port]) return wfc_fail_memory(diag);
    }
    if (!f->grid || !f->sent_of || !f->out || !f->words || !f->waiting || !f->stack) return wfc_fail_memory(diag);
    WFC_TRY(follow_all(f, diag));
    for (unsigned colour = 0; colour < p->target.colours; colour++) run_colour(f, colour);
    find_most(p, f->links);
    return WFC_OK;
}

wfc_status wfc_report_links_make(const wfc_program *p, wfc_diag *diag, wfc_report_links *out) {
    *out = (wfc_report_links){0};
    flow f = {.p = p, .links = out};
    wfc_status s = make(&f, diag);
    wfc_free(f.grid);
    wfc_free(f.sent_of);
    wfc_vec_free(&f.sent);
    wfc_free(f.out);
    wfc_free(f.words);
    wfc_free(f.waiting);
    wfc_free(f.stack);
    if (s != WFC_OK) wfc_report_links_deinit(out);
    return s;
}
