/* One mutation of a program in memory: what other PEs share is copied first, so that only one PE changes. */
#include "tests/tools/mutate/mutate.h"

#include <stdio.h>
#include <string.h>

static bool is_alone(const wfc_program *p, uint32_t pe, bool router) {
    for (uint32_t i = 0; i < p->pe_count; i++)
        if (i != pe && (router ? p->pes[i].router_index == p->pes[pe].router_index
                               : p->pes[i].class_index == p->pes[pe].class_index))
            return false;
    return true;
}

/* A copy of an array with one more element, which repeats element `index`. */
static void *grow(wfc_program *p, const void *array, uint32_t count, size_t size, uint32_t index) {
    char *copy = wfc_arena_alloc(&p->arena, (size_t)count + 1, size);
    if (!copy) return NULL;
    memcpy(copy, array, count * size);
    memcpy(copy + count * size, (const char *)array + index * size, size);
    return copy;
}

static wfc_status own_router(wfc_program *p, uint32_t pe) {
    uint32_t index = p->pes[pe].router_index;
    if (is_alone(p, pe, true)) return WFC_OK;
    wfc_prog_router *routers = grow(p, p->routers, p->router_count, sizeof *routers, index);
    if (!routers) return WFC_ERR_NO_MEMORY;
    wfc_prog_router *mine = &routers[p->router_count];
    wfc_prog_route *routes = wfc_arena_alloc(&p->arena, mine->route_count, sizeof *routes);
    if (!routes) return WFC_ERR_NO_MEMORY;
    memcpy(routes, mine->routes, mine->route_count * sizeof *routes);
    mine->routes = routes;
    p->routers = routers;
    p->pes[pe].router_index = p->router_count++;
    return WFC_OK;
}

static wfc_status own_class(wfc_program *p, uint32_t pe) {
    uint32_t index = p->pes[pe].class_index;
    if (is_alone(p, pe, false)) return WFC_OK;
    wfc_prog_class *classes = grow(p, p->classes, p->class_count, sizeof *classes, index);
    if (!classes) return WFC_ERR_NO_MEMORY;
    wfc_prog_class *mine = &classes[p->class_count];
    wfc_desc *descs = wfc_arena_alloc(&p->arena, mine->desc_count, sizeof *descs);
    char name[200];
    snprintf(name, sizeof name, "%.180s.mutant", mine->name);
    mine->name = wfc_arena_strdup(&p->arena, name);
    if (!descs || !mine->name) return WFC_ERR_NO_MEMORY;
    memcpy(descs, mine->descs, mine->desc_count * sizeof *descs);
    mine->descs = descs;
    p->classes = classes;
    p->pes[pe].class_index = p->class_count++;
    return WFC_OK;
}

static wfc_status apply_route(wfc_program *p, const mutate_place *at, char *text, size_t text_bytes) {
    WFC_TRY(own_router(p, at->pe));
    wfc_prog_route *r = &p->routers[p->pes[at->pe].router_index].routes[at->item];
    uint8_t *out = &r->out[at->position][at->port], before = *out;
    *out = (uint8_t)(before ^ WFC_PORT_BIT(at->bit));
    snprintf(text, text_bytes,
             "route: PE (%u,%u) colour %u position %u in-port %c: out-port bit %c flipped, %02x -> %02x",
             (unsigned)p->pes[at->pe].x, (unsigned)p->pes[at->pe].y, (unsigned)r->colour, (unsigned)at->position,
             "NESWR"[at->port], "NESWR"[at->bit], (unsigned)before, (unsigned)*out);
    return WFC_OK;
}

static wfc_status apply_shrink(wfc_program *p, const char *kind, const mutate_place *at, char *text,
                               size_t text_bytes) {
    WFC_TRY(own_class(p, at->pe));
    wfc_prog_class *c = &p->classes[p->pes[at->pe].class_index];
    mutate_shrink shrink;
    mutate_shorten(c, at->operand, &shrink);
    int n = snprintf(text, text_bytes, "%s: PE (%u,%u) class %.60s instruction %u %s, %s:", kind,
                     (unsigned)p->pes[at->pe].x, (unsigned)p->pes[at->pe].y, c->name, (unsigned)at->item,
                     wfc_isa_lookup(c->insns[at->item].op)->mnemonic, shrink.consistent ? "consistent" : "alone");
    for (uint32_t k = 0; k < c->desc_count; k++) {
        if (!(shrink.changed >> k & 1)) continue;
        wfc_desc *d = &c->descs[k];
        uint32_t before = wfc_desc_elems(d);
        memcpy(d->len, shrink.len[k], sizeof d->len);
        if (n > 0 && (size_t)n < text_bytes)
            n += snprintf(text + n, text_bytes - (size_t)n, " d%u %u -> %u", (unsigned)k, (unsigned)before,
                          (unsigned)wfc_desc_elems(d));
    }
    return WFC_OK;
}

wfc_status mutate_apply(wfc_program *p, mutate_kind kind, const mutate_place *at, char *text, size_t text_bytes) {
    if (kind == MUTATE_ROUTE) return apply_route(p, at, text, text_bytes);
    if (at->entry) return mutate_apply_table(p, at, text, text_bytes);
    return apply_shrink(p, kind == MUTATE_WORD ? "word" : "box", at, text, text_bytes);
}
