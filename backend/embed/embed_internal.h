/* Inside backend/embed: a program on its way from the logical to the physical mesh. */
#ifndef WFC_BACKEND_EMBED_PROGRAM_H
#define WFC_BACKEND_EMBED_PROGRAM_H

#include "backend/embed/mesh_internal.h"

#define WFC_BE_NO_INDEX UINT32_MAX

/* A colour that a router passes on for a hop between others. */
typedef struct wfc_be_pass {
    uint32_t next; /* of the same router */
    uint8_t colour, in, out;
} wfc_be_pass;

/* The physical port of a PE's colour in a logical direction, where it is not that of the planned way. */
typedef struct wfc_be_port_change {
    uint64_t key; /* wfc_be_port_key */
    uint8_t port;
} wfc_be_port_change;

typedef struct wfc_be_embed {
    const wfc_be_mesh *m;
    wfc_program *p;
    wfc_diag *diag;
    wfc_be_grid g;     /* dead PEs and links of the physical target */
    uint32_t *logical; /* [row * cols + col] index of the PE, or WFC_BE_NO_INDEX */
    uint32_t *pe_at;   /* [physical cell] index of the PE that goes there, or WFC_BE_NO_INDEX */
    uint32_t *first;   /* [physical cell] its first pass, or WFC_BE_NO_INDEX */
    WFC_VEC(wfc_be_pass) passes;
    WFC_VEC(wfc_be_port_change) changes; /* ascending by key once all ways are known */
    WFC_VEC(uint8_t) way;                /* ports of the way at hand */
} wfc_be_embed;

static inline uint64_t wfc_be_port_key(uint32_t pe, unsigned colour, unsigned direction, bool out) {
    return (uint64_t)pe << 16 | (uint64_t)colour << 8 | direction << 1 | (out ? 1u : 0u);
}
/* The physical port by which PE `pe` sends (out) or hears the colour in a logical direction. */
unsigned wfc_be_embed_port(const wfc_be_embed *e, uint32_t pe, unsigned colour, unsigned direction, bool out);
/* Union of the logical out-ports over all positions and in-ports. */
unsigned wfc_be_route_outs(const wfc_prog_route *r);

/* embed_ways.c: finds a way for every hop that the program's colours take: passes and changes. */
wfc_status wfc_be_embed_ways(wfc_be_embed *e);
/* embed_routers.c: new routers and PEs, allocated in the program's arena; the program itself is not changed. */
typedef struct wfc_be_embedded {
    wfc_prog_pe *pes;
    wfc_prog_router *routers;
    uint32_t pe_count, router_count;
} wfc_be_embedded;
wfc_status wfc_be_embed_routers(wfc_be_embed *e, wfc_be_embedded *out);

#endif
