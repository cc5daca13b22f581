/* A hop that finds no way in its colour: the net it belongs to (all routers that hand this colour on to each other)
 * gets another colour that is free at all its routers and has a way for the hop. Its PEs get classes that bind their
 * queues to the new colour and are otherwise the same. Happens where a detour leads through a neighbouring layer, which
 * may use the same colours. */
#include "backend/embed/embed_internal.h"

#include <string.h>

const wfc_prog_router *wfc_be_embed_router(const wfc_be_embed *e, uint32_t pe) {
    uint32_t index = e->router_of[pe];
    if (index == WFC_BE_NO_INDEX) return NULL;
    return index < e->p->router_count ? &e->p->routers[index] : &e->routers.data[index - e->p->router_count];
}

static const wfc_prog_route *route_of(const wfc_be_embed *e, uint32_t pe, unsigned colour) {
    const wfc_prog_router *r = wfc_be_embed_router(e, pe);
    for (uint32_t i = 0; r && i < r->route_count; i++)
        if (r->routes[i].colour == colour) return &r->routes[i];
    return NULL;
}

typedef struct net {
    WFC_VEC(uint32_t) pes;
    uint8_t *member; /* [pe] */
    bool at_host;    /* words from or to a host port */
} net;

static wfc_status add(wfc_be_embed *e, net *n, uint32_t pe) {
    if (n->member[pe]) return WFC_OK;
    n->member[pe] = 1;
    return wfc_vec_push(&n->pes, pe) == WFC_OK ? WFC_OK : wfc_fail_memory(e->diag);
}

static bool hears(const wfc_prog_route *r, unsigned port) {
    return r->out[0][port] || r->out[1][port] || r->out[2][port] || r->out[3][port];
}

/* Neighbours that this PE sends the colour to, and those that send it here. */
static wfc_status find_net(wfc_be_embed *e, net *n, uint32_t start, unsigned colour) {
    const wfc_be_mesh *m = e->m;
    WFC_TRY(add(e, n, start));
    for (size_t i = 0; i < n->pes.count; i++) {
        const wfc_prog_pe *pe = &e->p->pes[n->pes.data[i]];
        const wfc_prog_route *own = route_of(e, n->pes.data[i], colour);
        unsigned outs = wfc_be_route_outs(own);
        for (unsigned d = 0; d < 4; d++) {
            int32_t col = pe->x + wfc_be_step_x[d], row = pe->y + wfc_be_step_y[d];
            if (row < 0 || row >= m->rows || col < 0 || col >= m->cols) {
                n->at_host |= (outs >> d & 1) || hears(own, d);
                continue;
            }
            uint32_t to = e->logical[(size_t)row * m->cols + (size_t)col];
            const wfc_prog_route *r = to == WFC_BE_NO_INDEX ? NULL : route_of(e, to, colour);
            if (!r || !((outs >> d & 1) || (wfc_be_route_outs(r) >> wfc_be_facing(d) & 1))) continue;
            WFC_TRY(add(e, n, to));
        }
    }
    return WFC_OK;
}

static bool free_in_net(const wfc_be_embed *e, const net *n, unsigned old, unsigned colour) {
    for (size_t i = 0; i < n->pes.count; i++)
        if (wfc_be_embed_uses(e, wfc_be_embed_home(e, n->pes.data[i]), colour)) return false;
    for (size_t i = 0; i < e->passes.count; i++) {
        const wfc_be_pass *pass = &e->passes.data[i];
        if (pass->colour == old && n->member[pass->pe] && wfc_be_embed_uses(e, pass->cell, colour)) return false;
    }
    return true;
}

/* ---- the change ---- */

static wfc_status new_router(wfc_be_embed *e, uint32_t pe, unsigned old, unsigned colour) {
    const wfc_prog_router *from = wfc_be_embed_router(e, pe);
    wfc_prog_router r = {.route_count = from->route_count};
    r.routes = wfc_arena_alloc(&e->p->arena, r.route_count, sizeof *r.routes);
    if (!r.routes) return wfc_fail_memory(e->diag);
    for (uint32_t i = 0; i < r.route_count; i++) {
        wfc_prog_route route = from->routes[i];
        if (route.colour == old) route.colour = (uint8_t)colour;
        uint32_t at = i;
        for (; at > 0 && r.routes[at - 1].colour > route.colour; at--) r.routes[at] = r.routes[at - 1];
        r.routes[at] = route;
    }
    if (wfc_vec_push(&e->routers, r) != WFC_OK) return wfc_fail_memory(e->diag);
    e->router_of[pe] = e->p->router_count + (uint32_t)e->routers.count - 1;
    return WFC_OK;
}

static bool binds(const wfc_prog_binding *list, uint32_t count, unsigned colour) {
    for (uint32_t i = 0; i < count; i++)
        if (list[i].colour == colour) return true;
    return false;
}

static wfc_prog_binding *rebind(wfc_be_embed *e, const wfc_prog_binding *list, uint32_t count, unsigned old,
                                unsigned colour) {
    wfc_prog_binding *copy = wfc_arena_alloc(&e->p->arena, count, sizeof *copy);
    for (uint32_t i = 0; copy && i < count; i++) {
        copy[i] = list[i];
        if (copy[i].colour == old) copy[i].colour = (uint8_t)colour;
    }
    return copy;
}

static wfc_status new_class(wfc_be_embed *e, uint32_t pe, unsigned old, unsigned colour) {
    uint32_t from = e->class_of[pe], known = e->p->class_count;
    if (from == WFC_BE_NO_INDEX) return WFC_OK;
    const wfc_prog_class *c = from < known ? &e->p->classes[from] : &e->classes.data[from - known].is;
    if (!binds(c->in_queues, c->in_count, old) && !binds(c->out_queues, c->out_count, old)) return WFC_OK;
    for (size_t i = 0; i < e->classes.count; i++) {
        const wfc_be_class_change *k = &e->classes.data[i];
        if (k->from != from || k->old != old || k->colour != colour) continue;
        e->class_of[pe] = known + (uint32_t)i;
        return WFC_OK;
    }
    wfc_be_class_change k = {.is = *c, .from = from, .old = (uint8_t)old, .colour = (uint8_t)colour};
    k.is.in_queues = rebind(e, c->in_queues, c->in_count, old, colour);
    k.is.out_queues = rebind(e, c->out_queues, c->out_count, old, colour);
    if (!k.is.in_queues || !k.is.out_queues || wfc_vec_push(&e->classes, k) != WFC_OK) return wfc_fail_memory(e->diag);
    e->class_of[pe] = known + (uint32_t)e->classes.count - 1;
    return WFC_OK;
}

static wfc_status repaint(wfc_be_embed *e, const net *n, unsigned old, unsigned colour) {
    for (size_t i = 0; i < n->pes.count; i++) {
        WFC_TRY(new_router(e, n->pes.data[i], old, colour));
        WFC_TRY(new_class(e, n->pes.data[i], old, colour));
    }
    for (size_t i = 0; i < e->passes.count; i++)
        if (e->passes.data[i].colour == old && n->member[e->passes.data[i].pe])
            e->passes.data[i].colour = (uint8_t)colour;
    for (size_t i = 0; i < e->changes.count; i++) {
        wfc_be_port_change *c = &e->changes.data[i];
        if (c->colour == old && n->member[c->pe]) c->colour = (uint8_t)colour;
    }
    for (size_t i = 0; i < e->pending.count; i++) {
        wfc_be_pending *h = &e->pending.data[i];
        if (h->colour == old && n->member[h->pe]) h->colour = (uint8_t)colour;
    }
    return WFC_OK;
}

wfc_status wfc_be_embed_recolour(wfc_be_embed *e, size_t pending, wfc_be_way *way, bool *found) {
    wfc_be_pending h = e->pending.data[pending];
    net n = {.member = wfc_calloc(e->p->pe_count, 1)};
    *found = false;
    wfc_status s = n.member ? find_net(e, &n, h.pe, h.colour) : wfc_fail_memory(e->diag);
    for (unsigned c = 0; s == WFC_OK && !n.at_host && !*found && c < e->m->physical.colours; c++) {
        wfc_be_net_view view = {n.member, h.colour};
        if (c == h.colour || !free_in_net(e, &n, h.colour, c) || !wfc_be_embed_find(e, &h, c, view, way)) continue;
        *found = true;
        s = repaint(e, &n, h.colour, c);
    }
    wfc_free(n.member);
    wfc_vec_free(&n.pes);
    return s;
}
