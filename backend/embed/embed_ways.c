/* Which routers pass which colours on. The planned way of a hop is taken where its routers do not use the colour
 * themselves and pass it for nobody else. The other hops come last: each gets a shortest way over routers that are
 * free of its colour. */
#include "backend/embed/embed_internal.h"

#include <stdio.h>
#include <stdlib.h>

enum { REACH = 10 };

unsigned wfc_be_route_outs(const wfc_prog_route *r) {
    unsigned outs = 0;
    for (unsigned pos = 0; pos < r->positions && pos < 4; pos++)
        for (unsigned in = 0; in < WFC_PORTS; in++) outs |= r->out[pos][in];
    return outs;
}

/* ---- planned ways ---- */

static const wfc_be_way *east_way(const wfc_be_mesh *m, uint32_t x, uint32_t row) {
    return &m->ways[m->east[(size_t)x * m->rows + row]];
}
static const wfc_be_way *south_way(const wfc_be_mesh *m, uint32_t x, uint32_t row) {
    return &m->ways[m->south[(size_t)x * m->rows + row]];
}

static unsigned planned_port(const wfc_be_embed *e, const wfc_prog_pe *pe, unsigned direction) {
    const wfc_be_mesh *m = e->m;
    uint32_t x = m->col_x[pe->x], row = pe->y;
    const wfc_be_way *w = NULL;
    bool ahead = direction == WFC_PORT_E || direction == WFC_PORT_S;
    if (direction == WFC_PORT_E && x + 1u < m->physical.width) w = east_way(m, x, row);
    if (direction == WFC_PORT_W && x > 0) w = east_way(m, x - 1, row);
    if (direction == WFC_PORT_S && row + 1u < m->rows) w = south_way(m, x, row);
    if (direction == WFC_PORT_N && row > 0) w = south_way(m, x, row - 1);
    if (!w || w->length == 0) return direction; /* to a host port */
    return ahead ? w->ports[0] : wfc_be_facing(w->ports[w->length - 1]);
}

static int by_key(const void *a, const void *b) {
    const wfc_be_port_change *x = a, *y = b;
    if (x->pe != y->pe) return x->pe < y->pe ? -1 : 1;
    if (x->colour != y->colour) return x->colour - y->colour;
    return x->direction != y->direction ? x->direction - y->direction : x->out - y->out;
}

unsigned wfc_be_embed_port(const wfc_be_embed *e, uint32_t pe, unsigned colour, unsigned direction, bool out) {
    wfc_be_port_change want = {.pe = pe, .colour = (uint8_t)colour, .direction = (uint8_t)direction, .out = out};
    const wfc_be_port_change *c = NULL;
    if (e->changes.count) c = bsearch(&want, e->changes.data, e->changes.count, sizeof want, by_key);
    return c ? c->port : planned_port(e, &e->p->pes[pe], direction);
}

static wfc_status append(wfc_be_embed *e, const wfc_be_way *w, bool backwards) {
    for (unsigned i = 0; i < w->length; i++) {
        uint8_t port = backwards ? (uint8_t)wfc_be_facing(w->ports[w->length - 1u - i]) : w->ports[i];
        if (wfc_vec_push(&e->way, port) != WFC_OK) return wfc_fail_memory(e->diag);
    }
    return WFC_OK;
}

/* Along the row through dropped columns to the next logical column, or out of the fabric. */
static wfc_status row_way(wfc_be_embed *e, uint32_t col, uint32_t row, bool east) {
    const wfc_be_mesh *m = e->m;
    uint32_t x = m->col_x[col], edge = east ? m->physical.width - 1u : 0, end = edge;
    bool to_host = east ? col + 1u == m->cols : col == 0;
    if (!to_host) end = m->col_x[east ? col + 1 : col - 1];
    while (x != end) {
        WFC_TRY(append(e, east_way(m, east ? x : x - 1, row), !east));
        x = east ? x + 1 : x - 1;
    }
    uint8_t out = east ? WFC_PORT_E : WFC_PORT_W;
    if (to_host && wfc_vec_push(&e->way, out) != WFC_OK) return wfc_fail_memory(e->diag);
    return WFC_OK;
}

/* e->way := the planned way of PE `pe` in `direction`; *to: the PE there, WFC_BE_NO_INDEX for a host port. */
static wfc_status planned_way(wfc_be_embed *e, uint32_t pe, unsigned direction, uint32_t *to) {
    const wfc_be_mesh *m = e->m;
    uint32_t col = e->p->pes[pe].x, row = e->p->pes[pe].y;
    int32_t to_col = (int32_t)col + wfc_be_step_x[direction], to_row = (int32_t)row + wfc_be_step_y[direction];
    e->way.count = 0;
    *to = WFC_BE_NO_INDEX;
    if (to_row < 0 || to_row >= m->rows)
        return wfc_fail(e->diag, WFC_ERR_INTERNAL, "WFC-E0776", "embed",
                        "logical PE (%u,%u) sends beyond the %s edge of the mesh", col, row,
                        to_row < 0 ? "north" : "south");
    if (to_col >= 0 && to_col < m->cols) *to = e->logical[(size_t)to_row * m->cols + (size_t)to_col];
    if (direction == WFC_PORT_E || direction == WFC_PORT_W) return row_way(e, col, row, direction == WFC_PORT_E);
    return append(e, south_way(m, m->col_x[col], direction == WFC_PORT_S ? row : row - 1), direction == WFC_PORT_N);
}

/* ---- who passes what ---- */

bool wfc_be_embed_uses(const wfc_be_embed *e, uint32_t cell, unsigned colour) {
    for (uint32_t i = e->first[cell]; i != WFC_BE_NO_INDEX; i = e->passes.data[i].next)
        if (e->passes.data[i].colour == colour) return true;
    const wfc_prog_router *r = e->pe_at[cell] == WFC_BE_NO_INDEX ? NULL : wfc_be_embed_router(e, e->pe_at[cell]);
    for (uint32_t i = 0; r && i < r->route_count; i++)
        if (r->routes[i].colour == colour) return true;
    return false;
}

uint32_t wfc_be_embed_home(const wfc_be_embed *e, uint32_t pe) {
    wfc_xy at = wfc_be_mesh_place(e->m, e->p->pes[pe].x, e->p->pes[pe].y);
    return wfc_be_cell(&e->g, at.x, at.y);
}

static uint32_t beside(const wfc_be_embed *e, uint32_t cell, unsigned port) {
    return (uint32_t)((int32_t)cell + wfc_be_step_y[port] * e->g.w + wfc_be_step_x[port]);
}

static bool is_free(const wfc_be_embed *e, uint32_t cell, unsigned colour) {
    for (size_t i = 0; i + 1 < e->way.count; i++) {
        cell = beside(e, cell, e->way.data[i]);
        if (wfc_be_embed_uses(e, cell, colour)) return false;
    }
    return true;
}

/* All routers between the ends of e->way pass the colour on; backwards: from its end to its beginning. */
static wfc_status take(wfc_be_embed *e, uint32_t pe, unsigned colour, bool backwards) {
    uint32_t cell = wfc_be_embed_home(e, pe);
    for (size_t i = 0; i + 1 < e->way.count; i++) {
        unsigned in = wfc_be_facing(e->way.data[i]), out = e->way.data[i + 1];
        cell = beside(e, cell, e->way.data[i]);
        wfc_be_pass pass = {.next = e->first[cell],
                            .cell = cell,
                            .pe = pe,
                            .colour = (uint8_t)colour,
                            .in = (uint8_t)(backwards ? out : in),
                            .out = (uint8_t)(backwards ? in : out)};
        if (e->passes.count >= WFC_BE_NO_INDEX - 1u || wfc_vec_push(&e->passes, pass) != WFC_OK)
            return wfc_fail_memory(e->diag);
        e->first[cell] = (uint32_t)(e->passes.count - 1);
    }
    return WFC_OK;
}

static wfc_status stuck(const wfc_be_embed *e, uint32_t pe, unsigned colour, unsigned direction) {
    static const char *const names[4] = {"north", "east", "south", "west"};
    wfc_xy at = wfc_be_mesh_place(e->m, e->p->pes[pe].x, e->p->pes[pe].y);
    uint32_t layer = e->p->pes[pe].layer;
    char where[200];
    snprintf(where, sizeof where, "PE (%u,%u)%s%.120s", at.x, at.y, layer < e->p->layer_count ? ", layer " : "",
             layer < e->p->layer_count ? e->p->layers[layer].name : "");
    return wfc_fail(
        e->diag, WFC_ERR_NO_FIT, "WFC-E0777", where,
        "colour %u finds no way %s around the defects near this PE: all live routers within %d hops already "
        "use it. Use a target with fewer defects there, or fewer PEs (a part of the fabric without them)",
        colour, names[direction], REACH);
}

/* ---- the program's hops ---- */

static wfc_status hop(wfc_be_embed *e, uint32_t pe, unsigned colour, unsigned direction) {
    uint32_t to;
    WFC_TRY(planned_way(e, pe, direction, &to));
    if (e->way.count == 1) return WFC_OK;
    if (is_free(e, wfc_be_embed_home(e, pe), colour)) return take(e, pe, colour, false);
    if (to == WFC_BE_NO_INDEX) return stuck(e, pe, colour, direction);
    wfc_be_pending p = {.pe = pe, .to = to, .colour = (uint8_t)colour, .direction = (uint8_t)direction};
    if (wfc_vec_push(&e->pending, p) != WFC_OK) return wfc_fail_memory(e->diag);
    return WFC_OK;
}

static wfc_status hops_of(wfc_be_embed *e, uint32_t pe) {
    const wfc_prog_router *r = wfc_be_embed_router(e, pe);
    for (uint32_t i = 0; r && i < r->route_count; i++) {
        unsigned outs = wfc_be_route_outs(&r->routes[i]);
        for (unsigned d = 0; d < 4; d++)
            if (outs >> d & 1) WFC_TRY(hop(e, pe, r->routes[i].colour, d));
    }
    return WFC_OK;
}

/* Words from a host port pass dropped columns at the edge. */
static wfc_status host_hops(wfc_be_embed *e) {
    for (uint32_t i = 0; i < e->p->input_count; i++) {
        for (uint32_t k = 0; k < e->p->inputs[i].stream_count; k++) {
            const wfc_prog_stream *s = &e->p->inputs[i].streams[k];
            uint32_t col = s->side == WFC_SIDE_WEST ? 0 : e->m->cols - 1u, to;
            uint32_t pe = e->logical[(size_t)s->row * e->m->cols + col];
            unsigned direction = s->side == WFC_SIDE_WEST ? WFC_PORT_W : WFC_PORT_E;
            if (pe == WFC_BE_NO_INDEX) continue; /* wfc_program_verify will say so */
            WFC_TRY(planned_way(e, pe, direction, &to));
            if (!is_free(e, wfc_be_embed_home(e, pe), s->colour)) return stuck(e, pe, s->colour, direction);
            WFC_TRY(take(e, pe, s->colour, true));
        }
    }
    return WFC_OK;
}

typedef struct colour_free {
    const wfc_be_embed *e;
    unsigned colour;
    wfc_be_net_view net;
} colour_free;

static bool may_pass(const void *ctx, uint32_t x, uint32_t y) {
    const colour_free *c = ctx;
    uint32_t cell = wfc_be_cell(&c->e->g, x, y);
    if (wfc_be_embed_uses(c->e, cell, c->colour)) return false;
    if (!c->net.member) return true;
    if (c->e->pe_at[cell] != WFC_BE_NO_INDEX && c->net.member[c->e->pe_at[cell]]) return false;
    for (uint32_t i = c->e->first[cell]; i != WFC_BE_NO_INDEX; i = c->e->passes.data[i].next)
        if (c->e->passes.data[i].colour == c->net.old && c->net.member[c->e->passes.data[i].pe]) return false;
    return true;
}

bool wfc_be_embed_find(const wfc_be_embed *e, const wfc_be_pending *h, unsigned colour, wfc_be_net_view net,
                       wfc_be_way *out) {
    wfc_xy a = wfc_be_mesh_place(e->m, e->p->pes[h->pe].x, e->p->pes[h->pe].y),
           b = wfc_be_mesh_place(e->m, e->p->pes[h->to].x, e->p->pes[h->to].y);
    colour_free ctx = {e, colour, net};
    return wfc_be_find_way(&e->g, a, b, REACH, may_pass, &ctx, out);
}

static wfc_status own_way(wfc_be_embed *e, size_t i) {
    wfc_be_way way;
    bool found = wfc_be_embed_find(e, &e->pending.data[i], e->pending.data[i].colour, (wfc_be_net_view){0}, &way);
    if (!found) WFC_TRY(wfc_be_embed_recolour(e, i, &way, &found));
    const wfc_be_pending *h = &e->pending.data[i];
    if (!found) return stuck(e, h->pe, h->colour, h->direction);
    e->way.count = 0;
    WFC_TRY(append(e, &way, false));
    WFC_TRY(take(e, h->pe, h->colour, false));
    wfc_be_port_change out = {.pe = h->pe, .colour = h->colour, .direction = h->direction, .out = true},
                       in = {.pe = h->to, .colour = h->colour};
    out.port = way.ports[0];
    in.direction = (uint8_t)wfc_be_facing(h->direction);
    in.port = (uint8_t)wfc_be_facing(way.ports[way.length - 1]);
    if (wfc_vec_push(&e->changes, out) != WFC_OK || wfc_vec_push(&e->changes, in) != WFC_OK)
        return wfc_fail_memory(e->diag);
    return WFC_OK;
}

wfc_status wfc_be_embed_ways(wfc_be_embed *e) {
    wfc_status s = host_hops(e);
    for (uint32_t pe = 0; s == WFC_OK && pe < e->p->pe_count; pe++) s = hops_of(e, pe);
    for (size_t i = 0; s == WFC_OK && i < e->pending.count; i++) s = own_way(e, i);
    if (e->changes.count) qsort(e->changes.data, e->changes.count, sizeof *e->changes.data, by_key);
    return s;
}
