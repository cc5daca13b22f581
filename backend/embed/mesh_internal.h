/* Inside backend/embed: the physical grid while a mesh is planned, and the search for ways. */
#ifndef WFC_BACKEND_EMBED_INTERNAL_H
#define WFC_BACKEND_EMBED_INTERNAL_H

#include "backend/embed/embed.h"

#define WFC_BE_NO_ROW UINT16_MAX

/* Dead: no program, no route. Given up: no program, since no way led on from there, but routes may pass. */
enum { WFC_BE_DEAD = 1, WFC_BE_GIVEN_UP = 2 };

/* What a router passes on for others, by kind of hop and parity: at most one way of each. */
enum { WFC_BE_PASS_EAST = 1 /* << parity of the logical row */, WFC_BE_PASS_SOUTH = 4 /* << parity of the column */ };

typedef struct wfc_be_grid {
    uint16_t w, h;
    uint8_t *dead;      /* [y * w + x] 0, WFC_BE_DEAD, WFC_BE_GIVEN_UP */
    uint8_t *bad_links; /* [y * w + x] bit per port N E S W; a link is bad for both directions if one is */
    uint16_t *home;     /* [y * w + x] logical row, or WFC_BE_NO_ROW: dead or spare */
    uint8_t *passes;    /* [y * w + x] WFC_BE_PASS_* */
    uint8_t *dropped;   /* [x] */
    uint8_t *parity;    /* [x] of the logical column; of dropped ones meaningless */
} wfc_be_grid;

static inline uint32_t wfc_be_cell(const wfc_be_grid *g, uint32_t x, uint32_t y) {
    return y * g->w + x;
}

extern const int8_t wfc_be_step_x[4], wfc_be_step_y[4]; /* by port N E S W */
static inline unsigned wfc_be_facing(unsigned port) {
    return (port + 2) & 3;
}

/* mesh_grid.c: dead PEs and links; what is not connected to the largest part counts as dead. */
wfc_status wfc_be_grid_init(wfc_be_grid *g, const wfc_target *t, wfc_diag *diag);
void wfc_be_grid_deinit(wfc_be_grid *g);
/* The link from (x, y) through `port` exists inside the fabric, is whole, and leads to a live router. */
bool wfc_be_grid_leads(const wfc_be_grid *g, uint32_t x, uint32_t y, unsigned port);

/* mesh_rows.c: as many paths as possible, then straight ones; out_rows 0 when there is none. row_y: [x * h + row]. */
wfc_status wfc_be_mesh_rows(const wfc_be_grid *g, wfc_diag *diag, uint16_t *row_y, uint32_t *out_rows);

/* mesh_ways.c: shortest way from a to b over live routers that `may` accepts, within `reach` PEs around both; false
 * when there is none of at most WFC_BE_WAY_MAX hops. Ties: E before S before W before N at each router. */
typedef bool wfc_be_may_pass(const void *ctx, uint32_t x, uint32_t y);
bool wfc_be_find_way(const wfc_be_grid *g, wfc_xy a, wfc_xy b, unsigned reach, wfc_be_may_pass *may, const void *ctx,
                     wfc_be_way *out);

#endif
