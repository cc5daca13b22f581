/* The event graph, shared by the search (check_graph.c) and the distances (check_paths.c). */
#ifndef WFC_BACKEND_CHECK_GRAPH_H
#define WFC_BACKEND_CHECK_GRAPH_H

#include "backend/check/check_internal.h"

enum { WFC_CHK_NO_VALUE = INT32_MAX };

typedef struct graph {
    wfc_chk *c;
    int32_t *shift;  /* [nodes] or NULL: all 0 */
    uint8_t *colour; /* [nodes] 0 new, 1 on the path, 2 done */
} graph;

typedef struct frame {
    uint32_t node, code, next; /* code: as wfc_be_chk_node_code; next: arc to follow, local ones first */
} frame;
typedef WFC_VEC(frame) frames;

/* An arc out of a frame's node. code: of `to`, NONE when it is not known. tokens: of the renumbered graph. */
typedef struct wfc_chk_edge {
    uint32_t to, code;
    int32_t tokens;
    bool soft;
} wfc_chk_edge;
bool wfc_be_chk_next_edge(const graph *g, frame *f, wfc_chk_edge *out);

/* Renumbers firings so that no arc is below zero: g->shift. *settled stays false where a cycle has less than no tokens.
 */
WFC_MUST_USE wfc_status wfc_be_chk_renumber(graph *g, bool *settled);
/* distance[v]: in, 0 for a start and NO_VALUE else; out, fewest tokens on a path from a start, over all arcs or only
 * the hard ones. Tokens as they were before renumbering. */
WFC_MUST_USE wfc_status wfc_be_chk_distances(const graph *g, int32_t *distance, bool hard_only);

#endif
