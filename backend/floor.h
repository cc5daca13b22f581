/* Where layers and adapters lie: the backend's side of backend/place/tree.h. */
#ifndef WFC_BACKEND_FLOOR_H
#define WFC_BACKEND_FLOOR_H

#include "backend/place/tree.h"
#include "backend/plan.h"

/* A floorplan in the making. Edges of the problem: the layers' edges in order, then the outputs. All but the tree's own
 * memory lives in the arena of the compilation. */
typedef struct wfc_be_floor {
    wfc_be_tree_problem problem;
    wfc_be_tree_edge *edges;
    wfc_be_tree tree;
    bool made;
    uint32_t *edge_first;      /* [layer] */
    uint32_t output_first;     /* edge of output 0 */
    wfc_be_relation *relation; /* [edge] */
    wfc_be_rect *strip;        /* [edge] y and h: rows that an adapter of the edge spans, of the wafer */
    uint16_t *layer_cols, *strip_cols;
} wfc_be_floor;

/* The tree of a method for layers with these keys (over the region's full height): sets relation and strip, and y and h
 * of every layer's split. WFC_ERR_NO_FIT: nothing fits. Free with wfc_be_floor_deinit. */
WFC_MUST_USE wfc_status wfc_be_floor_make(wfc_be *be, const wfc_be_keys *keys, wfc_be_tree_method method,
                                          wfc_be_floor **out);
void wfc_be_floor_deinit(wfc_be_floor *f);
/* A floor without a tree, from the rectangles of be->opt->like: relations and strips only. */
WFC_MUST_USE wfc_status wfc_be_floor_like(wfc_be *be);
/* Columns needed with the widths in f->layer_cols and f->strip_cols. */
WFC_MUST_USE wfc_status wfc_be_floor_width(wfc_be *be, wfc_be_floor *f, uint32_t *columns);
/* The same from the slabs that exist; sets their x, y, h where they fit into the region. */
WFC_MUST_USE wfc_status wfc_be_floor_place(wfc_be *be, wfc_be_floor *f, uint32_t *columns);

#endif
