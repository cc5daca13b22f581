/* Routers of the embedded program: the logical ones with ports turned, and what they pass on for others. Equal ones are
 * shared again. */
#include "backend/embed/embed_internal.h"

#include <stdio.h>
#include <string.h>

typedef struct maker {
    wfc_be_embed *e;
    wfc_be_embedded *out;
    uint32_t *kept;      /* [old router] its index among the new ones + 1 */
    uint32_t *slots;     /* hash table of new routers: index + 1 */
    uint32_t slot_count; /* a power of two, at least twice the routers */
    WFC_VEC(wfc_prog_router) routers;
    wfc_prog_route scratch[WFC_TARGET_MAX_COLOURS + 1];
    uint32_t count; /* in scratch */
} maker;

static bool same_route(const wfc_prog_route *a, const wfc_prog_route *b) {
    return a->colour == b->colour && a->positions == b->positions && a->initial == b->initial &&
           a->filtered == b->filtered && a->filter_period == b->filter_period && a->filter_lo == b->filter_lo &&
           a->filter_hi == b->filter_hi && memcmp(a->out, b->out, sizeof a->out) == 0;
}

static uint64_t mix(uint64_t h, const void *bytes, size_t n) {
    const uint8_t *b = bytes;
    for (size_t i = 0; i < n; i++) h = (h ^ b[i]) * UINT64_C(0x100000001b3);
    return h;
}

static uint32_t hash(const wfc_prog_route *r, uint32_t count) {
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t fields[5] = {r[i].colour, r[i].positions, r[i].filter_period, r[i].filter_lo, r[i].filter_hi};
        h = mix(h, fields, sizeof fields);
        h = mix(h, r[i].out, sizeof r[i].out);
    }
    return (uint32_t)(h ^ h >> 32);
}

static wfc_status grow_slots(maker *k) {
    uint32_t more = k->slot_count ? 2 * k->slot_count : 4096;
    uint32_t *slots = wfc_calloc(more, sizeof *slots);
    if (!slots) return wfc_fail_memory(k->e->diag);
    for (uint32_t i = 0; i < k->slot_count; i++) {
        if (!k->slots[i]) continue;
        const wfc_prog_router *r = &k->routers.data[k->slots[i] - 1];
        uint32_t at = hash(r->routes, r->route_count) & (more - 1);
        while (slots[at]) at = (at + 1) & (more - 1);
        slots[at] = k->slots[i];
    }
    wfc_free(k->slots);
    k->slots = slots;
    k->slot_count = more;
    return WFC_OK;
}

/* Index of a router with the routes in scratch. */
static wfc_status share(maker *k, uint32_t *index) {
    if (2 * (k->routers.count + 1) > k->slot_count) WFC_TRY(grow_slots(k));
    uint32_t at = hash(k->scratch, k->count) & (k->slot_count - 1);
    for (; k->slots[at]; at = (at + 1) & (k->slot_count - 1)) {
        const wfc_prog_router *r = &k->routers.data[k->slots[at] - 1];
        bool same = r->route_count == k->count;
        for (uint32_t i = 0; same && i < k->count; i++) same = same_route(&r->routes[i], &k->scratch[i]);
        if (!same) continue;
        *index = k->slots[at] - 1;
        return WFC_OK;
    }
    wfc_prog_router r = {.route_count = k->count};
    r.routes = wfc_arena_alloc(&k->e->p->arena, k->count, sizeof *r.routes);
    if (!r.routes || wfc_vec_push(&k->routers, r) != WFC_OK) return wfc_fail_memory(k->e->diag);
    memcpy(r.routes, k->scratch, k->count * sizeof *r.routes);
    *index = (uint32_t)(k->routers.count - 1);
    k->slots[at] = *index + 1;
    return WFC_OK;
}

static wfc_status insert(maker *k, const wfc_prog_route *r) {
    if (k->count >= WFC_TARGET_MAX_COLOURS)
        return wfc_fail(k->e->diag, WFC_ERR_INTERNAL, "WFC-E0778", "embed", "a router with more than %d colours",
                        WFC_TARGET_MAX_COLOURS);
    uint32_t at = k->count++;
    for (; at > 0 && k->scratch[at - 1].colour > r->colour; at--) k->scratch[at] = k->scratch[at - 1];
    k->scratch[at] = *r;
    return WFC_OK;
}

/* Two logical ports of a colour must stay two; *changed: some port is another one now. */
static wfc_status turn(const maker *k, uint32_t pe, const wfc_prog_route *old, wfc_prog_route *r, bool *changed) {
    unsigned outs = wfc_be_route_outs(old), in_port[WFC_PORTS], out_port[WFC_PORTS], ins_used = 0, outs_used = 0;
    in_port[WFC_PORT_R] = out_port[WFC_PORT_R] = WFC_PORT_R;
    *r = *old;
    memset(r->out, 0, sizeof r->out);
    for (unsigned d = 0; d < 4; d++) {
        bool in = false;
        for (unsigned pos = 0; pos < 4; pos++) in |= old->out[pos][d] != 0;
        in_port[d] = out_port[d] = d;
        if (in) in_port[d] = wfc_be_embed_port(k->e, pe, old->colour, d, false);
        if (outs >> d & 1) out_port[d] = wfc_be_embed_port(k->e, pe, old->colour, d, true);
        if ((in && ins_used >> in_port[d] & 1) || ((outs >> d & 1) && outs_used >> out_port[d] & 1))
            return wfc_fail(k->e->diag, WFC_ERR_INTERNAL, "WFC-E0779", "embed",
                            "logical PE (%u,%u), colour %u: two ways share a port", k->e->p->pes[pe].x,
                            k->e->p->pes[pe].y, old->colour);
        ins_used |= in ? 1u << in_port[d] : 0;
        outs_used |= outs >> d & 1 ? 1u << out_port[d] : 0;
        *changed |= in_port[d] != d || out_port[d] != d;
    }
    for (unsigned pos = 0; pos < 4; pos++)
        for (unsigned in = 0; in < WFC_PORTS; in++)
            for (unsigned d = 0; old->out[pos][in] && d < WFC_PORTS; d++)
                if (old->out[pos][in] >> d & 1) r->out[pos][in_port[in]] |= (uint8_t)WFC_PORT_BIT(out_port[d]);
    return WFC_OK;
}

static wfc_status keep(maker *k, uint32_t pe, uint32_t *index) {
    uint32_t old = k->e->router_of[pe];
    if (!k->kept[old]) {
        if (wfc_vec_push(&k->routers, *wfc_be_embed_router(k->e, pe)) != WFC_OK) return wfc_fail_memory(k->e->diag);
        k->kept[old] = (uint32_t)k->routers.count;
    }
    *index = k->kept[old] - 1;
    return WFC_OK;
}

/* The router of a physical cell; *index stays WFC_BE_NO_INDEX when it has no routes. */
static wfc_status router_of(maker *k, uint32_t cell, uint32_t *index) {
    const wfc_be_embed *e = k->e;
    uint32_t pe = e->pe_at[cell];
    const wfc_prog_router *old = pe == WFC_BE_NO_INDEX ? NULL : wfc_be_embed_router(e, pe);
    bool changed = e->first[cell] != WFC_BE_NO_INDEX;
    *index = WFC_BE_NO_INDEX;
    k->count = 0;
    for (uint32_t i = 0; old && i < old->route_count; i++) {
        wfc_prog_route r;
        WFC_TRY(turn(k, pe, &old->routes[i], &r, &changed));
        WFC_TRY(insert(k, &r));
    }
    if (!changed) return old ? keep(k, pe, index) : WFC_OK;
    for (uint32_t i = e->first[cell]; i != WFC_BE_NO_INDEX; i = e->passes.data[i].next) {
        const wfc_be_pass *pass = &e->passes.data[i];
        wfc_prog_route r = {.colour = pass->colour, .positions = 1};
        r.out[0][pass->in] = (uint8_t)WFC_PORT_BIT(pass->out);
        WFC_TRY(insert(k, &r));
    }
    return share(k, index);
}

static wfc_status all_cells(maker *k) {
    const wfc_be_embed *e = k->e;
    uint32_t cells = (uint32_t)e->g.w * e->g.h, n = 0;
    for (uint32_t c = 0; c < cells; c++) n += e->pe_at[c] != WFC_BE_NO_INDEX || e->first[c] != WFC_BE_NO_INDEX;
    k->out->pes = wfc_arena_alloc(&e->p->arena, n, sizeof *k->out->pes);
    if (!k->out->pes) return wfc_fail_memory(e->diag);
    for (uint32_t c = 0; c < cells; c++) {
        if (e->pe_at[c] == WFC_BE_NO_INDEX && e->first[c] == WFC_BE_NO_INDEX) continue;
        wfc_prog_pe *pe = &k->out->pes[k->out->pe_count++];
        *pe = (wfc_prog_pe){.class_index = UINT32_MAX, .layer = UINT32_MAX};
        if (e->pe_at[c] != WFC_BE_NO_INDEX) {
            *pe = e->p->pes[e->pe_at[c]];
            pe->class_index = e->class_of[e->pe_at[c]];
        }
        pe->x = (uint16_t)(c % e->g.w);
        pe->y = (uint16_t)(c / e->g.w);
        WFC_TRY(router_of(k, c, &pe->router_index));
    }
    return WFC_OK;
}

static wfc_status hand_over(maker *k) {
    uint32_t n = (uint32_t)k->routers.count;
    k->out->routers = wfc_arena_alloc(&k->e->p->arena, n, sizeof *k->out->routers);
    if (!k->out->routers) return wfc_fail_memory(k->e->diag);
    if (n) memcpy(k->out->routers, k->routers.data, n * sizeof *k->out->routers);
    k->out->router_count = n;
    return WFC_OK;
}

static wfc_status add_classes(const wfc_be_embed *e, wfc_be_embedded *out) {
    out->classes = e->p->classes;
    out->class_count = e->p->class_count;
    if (!e->classes.count) return WFC_OK;
    out->classes = wfc_arena_alloc(&e->p->arena, out->class_count + e->classes.count, sizeof *out->classes);
    if (!out->classes) return wfc_fail_memory(e->diag);
    memcpy(out->classes, e->p->classes, out->class_count * sizeof *out->classes);
    for (size_t i = 0; i < e->classes.count; i++) out->classes[out->class_count++] = e->classes.data[i].is;
    return WFC_OK;
}

wfc_status wfc_be_embed_routers(wfc_be_embed *e, wfc_be_embedded *out) {
    maker k = {.e = e, .out = out};
    memset(out, 0, sizeof *out);
    k.kept = wfc_calloc((size_t)e->p->router_count + e->routers.count + 1, sizeof *k.kept);
    wfc_status s = k.kept ? all_cells(&k) : wfc_fail_memory(e->diag);
    if (s == WFC_OK) s = hand_over(&k);
    if (s == WFC_OK) s = add_classes(e, out);
    wfc_free(k.kept);
    wfc_free(k.slots);
    wfc_vec_free(&k.routers);
    return s;
}
