/* State of the flow of words, shared by lanes (check_lanes.c), routers (check_flow.c) and PEs
 * (check_deliver.c). */
#ifndef WFC_BACKEND_CHECK_FLOW_H
#define WFC_BACKEND_CHECK_FLOW_H

#include "backend/check/check_internal.h"

/* `words` data words of one event from its word `at` on, or (words 0) its control word. event: its done node. */
typedef struct segment {
    uint32_t event, at, words;
    uint16_t control;
} segment;
typedef struct segment_list {
    WFC_VEC(segment) v;
    uint32_t next_free;
} segment_list;

typedef struct host_stream {
    const wfc_prog_stream *stream;
    const char *tensor;
    uint64_t got;
} host_stream;

/* The routes of one colour: those of PE after PE that have one are the nodes here ("route nodes"). */
typedef struct flow {
    wfc_chk *c;
    uint8_t *by_colour; /* [router_count][24] route index + 1, 0 none */
    uint32_t *colours;  /* [router_count] a bit per colour */
    unsigned colour;    /* the one at hand */
    uint32_t routes;
    uint32_t *node_at;               /* [height * width] route node or NONE */
    uint32_t *pe_of, *parent;        /* [routes]; parent: union-find of lanes */
    const wfc_prog_route **route_of; /* [routes] */
    uint32_t (*in)[WFC_PORTS];       /* [routes] lists of segments waiting at each in-port, NONE */
    uint8_t *feeds, *carries; /* [routes] links in that are not worked off; lanes that carry words, at their root */
    uint32_t *ready;          /* stack */
    WFC_VEC(segment_list) lists;
    uint32_t free_list;
    WFC_VEC(host_stream) inject;
    WFC_VEC(host_stream) collect;
    uint32_t *collect_at; /* [side][row][colour] index in collect + 1 */
    bool broken;          /* routes that cannot be followed */
    /* of the router being worked off */
    bool merges;
    uint64_t arrived;          /* data words toward RAMP */
    WFC_VEC(segment) accepted; /* those that the filter accepts */
} flow;

/* check_lanes.c */
WFC_MUST_USE wfc_status wfc_be_chk_lanes_init(flow *f);
void wfc_be_chk_lanes_deinit(flow *f);
/* Goes on to a colour: its route nodes and links, condition 3. Errors set f->broken. */
WFC_MUST_USE wfc_status wfc_be_chk_lanes_of(flow *f, unsigned colour);
const wfc_prog_route *wfc_be_chk_route(const flow *f, uint32_t node);
unsigned wfc_be_chk_route_outs(const wfc_prog_route *r, int in); /* of all positions; in < 0: of all in-ports */
uint32_t wfc_be_chk_lane_at(const flow *f, int x, int y);
uint32_t wfc_be_chk_lane_neighbour(const flow *f, uint32_t node, unsigned port);
uint32_t wfc_be_chk_lane_root(flow *f, uint32_t node);
unsigned wfc_be_chk_opposite(unsigned port);
/* The output stream behind a port of a PE at the edge, NULL where there is none. */
host_stream *wfc_be_chk_collector(flow *f, uint32_t pe, unsigned port);
const wfc_chk_trace *wfc_be_chk_pe_trace(const wfc_chk *c, uint32_t pe);
/* Reports host streams that enter, and PEs that send or take words, on a colour the router does not know. */
void wfc_be_chk_unrouted(flow *f);
void wfc_be_chk_unfed(flow *f);

/* check_deliver.c */
/* A segment goes toward RAMP at a route node. */
WFC_MUST_USE wfc_status wfc_be_chk_arrive(flow *f, uint32_t node, segment s);
/* All segments are there: compares with what the PE's program takes, notes the transfers. */
WFC_MUST_USE wfc_status wfc_be_chk_deliver(flow *f, uint32_t node);
/* Notes that b's words come after a's on this lane, `turns` samples later. */
WFC_MUST_USE wfc_status wfc_be_chk_order(flow *f, uint32_t a, uint32_t b, int32_t turns);
/* Reports segments from index `at` on left over at an in-port. */
void wfc_be_chk_left(flow *f, uint32_t node, unsigned in, size_t at, unsigned position);

#endif
