/* Inside backend/embed: a program on its way from the logical to the physical mesh. */
#ifndef WFC_BACKEND_EMBED_PROGRAM_H
#define WFC_BACKEND_EMBED_PROGRAM_H

#include "backend/embed/mesh_internal.h"

#define WFC_BE_NO_INDEX UINT32_MAX

/* A colour that a router passes on for a hop between others. */
typedef struct wfc_be_pass {
    uint32_t next;     /* of the same router */
    uint32_t cell, pe; /* where; a PE at an end of the hop */
    uint8_t colour, in, out;
} wfc_be_pass;

/* The physical port of a PE's colour in a logical direction, where it is not that of the planned way. */
typedef struct wfc_be_port_change {
    uint32_t pe;
    uint8_t colour, direction, port;
    bool out; /* the PE's router sends there; else it hears from there */
} wfc_be_port_change;

/* A hop whose planned way is taken in its colour. */
typedef struct wfc_be_pending {
    uint32_t pe, to;
    uint8_t colour, direction;
} wfc_be_pending;

/* Routers that a way may not pass beside those that use `colour`: those of a net that is about to get it. */
typedef struct wfc_be_net_view {
    const uint8_t *member; /* [pe]; NULL: none */
    uint8_t old;           /* its colour so far */
} wfc_be_net_view;

/* Class `from` with its queues of colour `old` bound to `colour`. */
typedef struct wfc_be_class_change {
    wfc_prog_class is;
    uint32_t from;
    uint8_t old, colour;
} wfc_be_class_change;

typedef struct wfc_be_embed {
    const wfc_be_mesh *m;
    wfc_program *p;
    wfc_diag *diag;
    wfc_be_grid g;                  /* dead PEs and links of the physical target */
    uint32_t *logical;              /* [row * cols + col] index of the PE, or WFC_BE_NO_INDEX */
    uint32_t *pe_at;                /* [physical cell] index of the PE that goes there, or WFC_BE_NO_INDEX */
    uint32_t *first;                /* [physical cell] its first pass, or WFC_BE_NO_INDEX */
    uint32_t *router_of, *class_of; /* [pe] from the program's tables, and behind these from the two below */
    WFC_VEC(wfc_prog_router) routers;
    WFC_VEC(wfc_be_class_change) classes;
    WFC_VEC(wfc_be_pass) passes;
    WFC_VEC(wfc_be_pending) pending;
    WFC_VEC(wfc_be_port_change) changes; /* ascending by PE, colour, direction, out once all ways are known */
    WFC_VEC(uint8_t) way;                /* ports of the way at hand */
} wfc_be_embed;

/* The physical port by which PE `pe` sends (out) or hears the colour in a logical direction. */
unsigned wfc_be_embed_port(const wfc_be_embed *e, uint32_t pe, unsigned colour, unsigned direction, bool out);
/* Union of the logical out-ports over all positions and in-ports. */
unsigned wfc_be_route_outs(const wfc_prog_route *r);
/* The PE's physical cell; whether a router uses or passes the colour; a way that nobody else uses in that colour. */
uint32_t wfc_be_embed_home(const wfc_be_embed *e, uint32_t pe);
bool wfc_be_embed_uses(const wfc_be_embed *e, uint32_t cell, unsigned colour);
bool wfc_be_embed_find(const wfc_be_embed *e, const wfc_be_pending *h, unsigned colour, wfc_be_net_view net,
                       wfc_be_way *out);
/* embed_recolour.c: the PE's router at present, NULL for none. */
const wfc_prog_router *wfc_be_embed_router(const wfc_be_embed *e, uint32_t pe);
/* Another colour for the net to which the hop belongs (changed in all that is pending), and a way for the hop; or
 * *found false. */
wfc_status wfc_be_embed_recolour(wfc_be_embed *e, size_t pending, wfc_be_way *way, bool *found);

/* embed_ways.c: finds a way for every hop that the program's colours take: passes and changes. */
wfc_status wfc_be_embed_ways(wfc_be_embed *e);
/* embed_routers.c: new routers and PEs, allocated in the program's arena; the program itself is not changed. */
typedef struct wfc_be_embedded {
    wfc_prog_pe *pes;
    wfc_prog_router *routers;
    wfc_prog_class *classes;
    uint32_t pe_count, router_count, class_count;
} wfc_be_embedded;
wfc_status wfc_be_embed_routers(wfc_be_embed *e, wfc_be_embedded *out);

#endif
