/* Wafers with dead PEs, routers and links: compile for a smaller mesh without defects (the logical mesh), then embed
 * the finished program in the physical one.
 *
 * A logical row is a path of live PEs through all columns, one PE per column, that moves up or down by at most one PE
 * between neighbouring columns; paths keep their order. A logical column is a physical column; some columns are
 * dropped: lanes pass them, no program runs there. A logical hop whose PEs are not neighbours leads over live routers
 * that pass the colour on. docs/defects.md has the picture, the rules that colours must obey, and why embedding cannot
 * bring a deadlock in. */
#ifndef WFC_BACKEND_EMBED_H
#define WFC_BACKEND_EMBED_H

#include "runtime/program/program.h"

enum { WFC_BE_WAY_MAX = 30 };
/* Ports to leave by, router after router: a way of `length` hops. */
typedef struct wfc_be_way {
    uint8_t length, ports[WFC_BE_WAY_MAX];
} wfc_be_way;

typedef struct wfc_be_mesh {
    wfc_target physical; /* a copy */
    wfc_target logical; /* what to compile for: fewer rows and columns, no defects, ports where logical rows have one */
    uint16_t rows, cols; /* logical ones */
    uint16_t *col_x;     /* [cols] physical column */
    uint16_t *row_y;     /* [physical x * rows + logical row] physical row; also in dropped columns */
    uint16_t *east;      /* [physical x * rows + logical row] index into ways: to the row's PE in the next column */
    uint16_t *south;     /* likewise to the next logical row in this column */
    wfc_be_way *ways;    /* different ones; 0 is "none" (the last column, the last row, dropped columns) */
    uint32_t way_count;
    /* figures for reports */
    uint32_t dead_pes;      /* of the target, and those cut off from the rest */
    uint32_t given_up_pes;  /* live ones that no row may use, since no way led on from there */
    uint32_t east_detours;  /* logical hops of more than one physical hop */
    uint32_t south_detours; /* likewise */
    uint32_t rounds;        /* of planning */
    uint16_t longest_way;   /* hops */
} wfc_be_mesh;

/* Finds the logical mesh and a way for every logical hop. A target without defects gives itself. `out` is set in any
 * case, destroy with wfc_be_mesh_deinit. Adds a note about what was lost. WFC_ERR_NO_FIT with the place when defects
 * cut the fabric or leave a side without a port. Time O(PEs * rounds); memory about 16 bytes per PE. */
WFC_MUST_USE wfc_status wfc_be_mesh_plan(const wfc_target *physical, wfc_diag *diag, wfc_be_mesh *out);
void wfc_be_mesh_deinit(wfc_be_mesh *m);

/* Physical place of a logical PE. */
wfc_xy wfc_be_mesh_place(const wfc_be_mesh *m, uint32_t col, uint32_t row);

/* Turns a program for m->logical into one for m->physical, in place: PEs, routers, streams, rectangles, target. The
 * program should have been compiled with parity colours (docs/defects.md); where a colour is in use on a planned way,
 * another one is sought, and where there is none, WFC_ERR_NO_FIT names the place and the program stays as it was.
 * The result still has to pass wfc_program_verify and wfc_be_check. */
WFC_MUST_USE wfc_status wfc_be_mesh_embed(const wfc_be_mesh *m, wfc_program *p, wfc_diag *diag);

#endif
