/* The backend's own structures: layers, boxes, streams, slabs. docs/mapping.md says what they mean.
 *
 * layer   a group of IR nodes (fuse pass) that runs on one rectangle: an optional contract, then local operators
 * edge    an operand of a layer that comes over the fabric
 * box     the part of a tensor that a PE holds: an interval per axis, one axis may be a list (output channels are
 *         dealt)
 * stream  the words of one tensor on its way: per row (lane) an ordered list of elements, one colour
 * slab    a rectangle of PEs: a layer or an adapter
 *
 * All of it lives in one arena for the time of one compilation. */
#ifndef WFC_BACKEND_BE_H
#define WFC_BACKEND_BE_H

#include "backend/asmb.h"
#include "backend/compile.h"
#include "backend/kernels/moves.h"
#include "ir/fn.h"
#include "ir/graph.h"

/* WFC_BE_WIDEST: columns beyond which no adapter is looked for. */
enum { WFC_BE_MAX_EDGES = 6, WFC_BE_NONE = -1, WFC_BE_TABLES = WFC_BE_MAX_EDGES + 1, WFC_BE_WIDEST = 48 };

typedef struct wfc_be_box {
    uint8_t rank;
    int8_t list_axis;            /* axis given by `list`, outermost in local order; -1 none */
    int32_t lo[WFC_IR_MAX_RANK]; /* may lie outside the tensor: such elements read the edge's fill */
    uint32_t n[WFC_IR_MAX_RANK];
    const uint32_t *list; /* [n[list_axis]] coordinates */
} wfc_be_box;

/* Element lists: >= 0 flat index in the stream's tensor; < 0: constant fills[-1 - id]. */
typedef struct wfc_be_list {
    int32_t *ids;
    uint32_t count, capacity;
} wfc_be_list;

typedef struct wfc_be_interval {
    uint32_t lo, hi;
} wfc_be_interval;

/* How a layer's work is dealt over its rectangle. Its rows form groups: one group for each tile of the axes other than
 * axis 1, in raster order, spread evenly over the rectangle's height so that equal places of any two layers lie on
 * about the same rows. Within a group: parts of axis 1 (channels of a layer without contraction), then the contraction
 * part as the fastest digit. */
typedef struct wfc_be_split {
    uint32_t row_parts[WFC_IR_MAX_RANK]; /* of the final output's axes */
    uint32_t pc;                         /* parts of the contraction axis; 1 without one */
    uint32_t cols;                       /* parts of col_axis */
    uint8_t col_axis;                    /* of the final output */
    uint32_t groups, group_rows;         /* product of row_parts without axis 1; row_parts[1] times pc */
    uint32_t y, h;                       /* rows of the rectangle; groups * group_rows <= h */
} wfc_be_split;

typedef struct wfc_be_edge {
    wfc_value user;     /* the node of the layer that reads it */
    uint32_t operand;   /* which operand of it */
    wfc_value consumed; /* the value as the node sees it: source itself or a view of it */
    int32_t stream;     /* index of the stream that the layer's slab receives (an adapter's or the source's) */
    int32_t source;     /* index of the source tensor's stream */
    float fill;         /* value of elements outside `consumed` */
    bool pick;          /* every PE takes an interval of its row's lane and picks its elements out of it */
    uint64_t price;     /* name of what the plan took its adapter to cost; 0: not planned by price */
    uint32_t expected;  /* columns that the plan allows for it */
} wfc_be_edge;

/* What an edge's adapters really took under a plan: plans after it know. */
typedef struct wfc_be_lesson {
    uint64_t price; /* of which edge between which keys */
    uint32_t cols;  /* 0: none was needed */
    double cycles;  /* of the slowest */
    bool missed;    /* no width does it in the plan's time */
} wfc_be_lesson;

/* The weight-sparse form of a contract with constant weights, see kernels/k_sparse.h. Cycles: one sample's
 * multiplications on the PE with most weights. */
typedef struct wfc_be_sparse {
    bool chosen;
    bool gather;   /* the form for products of a vector: no tile */
    uint32_t most; /* weights that are not zero on that PE */
    double dense_cycles, cycles;
    double crossover; /* density of its weights below which the sparse form is faster */
} wfc_be_sparse;

typedef struct wfc_be_layer {
    const char *name, *kind;
    wfc_value *nodes;
    uint32_t node_count; /* group in order; nodes[0] is the contract if has_contract */
    bool has_contract;
    wfc_value out;   /* the one value others read; a copy layer has no nodes and out == its edge's value */
    wfc_shape shape; /* of out */
    wfc_be_edge edges[WFC_BE_MAX_EDGES];
    uint32_t edge_count;
    int32_t chan_axis;         /* contract: output axis dealt to columns, same axis in every tail node; -1 none */
    int32_t chan_var, red_var; /* contract: index variable of it, and of the contraction axis cut by pc (-1 none) */
    int32_t red_axis;          /* axis of operand a that red_var walks */
    uint64_t macs, macs_nonzero;
    wfc_be_split split;
    double density;         /* share of non-zero weights */
    uint64_t *red_nonzero;  /* [extent of red_var + 1] those before each entry; NULL: no zeros, or no red_var */
    double ready;           /* estimated cycles from the first word of a sample to the end of its work here */
    const uint32_t **order; /* per row: order of the contraction channels in the lane, NULL = ascending */
    int32_t out_stream;
    int32_t slab;
    wfc_be_sparse sparse; /* set by wfc_be_choose_sparse, after placing */
} wfc_be_layer;

/* Who reads a stream: a slab (which interval each column accepts per row) or the host at the east edge. */
typedef struct wfc_be_tap {
    int32_t slab;             /* -1: east edge */
    wfc_be_interval **accept; /* [row][column of the slab] */
    uint8_t queue;
} wfc_be_tap;

typedef struct wfc_be_stream {
    const char *name;
    wfc_value tensor;           /* ids index this value's elements */
    int32_t slab;               /* producer; -1: host at the west edge */
    wfc_be_list *rows;          /* [height] lane contents in wire order */
    uint32_t **segment;         /* [row][column of the producer's slab]: words it contributes; NULL for the host */
    bool west;                  /* lanes run west: an adapter's, for readers that do not lie east of it */
    struct wfc_be_where *where; /* made when first asked for */
    wfc_be_tap *taps;
    uint32_t tap_count, tap_capacity;
    uint16_t x_first, x_last; /* columns it occupies */
    uint8_t colours[2];       /* on even and on odd rows; equal unless be->parity */
} wfc_be_stream;

/* Where each element of a stream's tensor is on its way: row of the lane (UINT16_MAX nowhere) and place in it. Of
 * several lanes that carry it, the last. */
typedef struct wfc_be_where {
    uint16_t *row;
    uint32_t *pos;
    uint32_t elems;
} wfc_be_where;

typedef struct wfc_be_adapter {
    const char *name;
    bool last_try;          /* of sizing: what does not fit is an error now */
    bool relay;             /* same lanes out as in: it stores samples for a reader that waits for a longer path */
    bool spread;            /* deals the words of an input's ports over rows */
    bool by_channel;        /* its columns share a lane's channels, not just its words */
    bool late;              /* takes the next sample's lane only when this one's words are out */
    int32_t source, stream; /* in, out */
    uint32_t layer, edge;   /* for whom; layer UINT32_MAX: output `edge` */
    uint32_t cols;
    int32_t slab;
    uint32_t section;                   /* rows of one bus section, 0: nothing changes its row */
    uint32_t y, h;                      /* rows it spans; sections are counted from y */
    struct wfc_be_column_plan *plan;    /* [cols] */
    const uint16_t *plan_row;           /* [element] row of the source lane that holds it */
    double predicted_cycles, bus_words; /* bus_words: of the busiest bus per sample */
} wfc_be_adapter;

/* One column of an adapter. Directions: 0 down (south), 1 up. The words of a section's rows travel on one bus over this
 * and the next section; a row listens to the bus of its own section (0) and of the one before it in that direction (1).
 */
typedef struct wfc_be_column_plan {
    wfc_be_interval *take;         /* [row] of the source lane */
    wfc_be_interval *give;         /* [row] of the destination lane */
    wfc_be_list *insert[2];        /* [row] ids this row puts on its bus, in order */
    uint32_t *before[2];           /* [row] words inserted by the rows above it; [height] by all */
    wfc_be_interval *listen[2][2]; /* [row] accepted interval of the bus words that arrive */
    uint32_t *arrive[2][2];        /* [row] bus words that pass here per sample */
    uint32_t **bus_pos[2]; /* [row][place in what is taken] position in the row's insert list, UINT32_MAX not on it */
} wfc_be_column_plan;

/* colours[parity of the column]: adapter: bus [direction * 2 + section parity]; layer: chain [direction * 2 + parity of
 * the sender's part]. The two sets are equal unless be->parity. */
typedef struct wfc_be_slab {
    bool is_adapter;
    uint32_t index;
    uint16_t x, w, y, h;
    uint8_t colours[2][4];
    uint8_t colour_count;
} wfc_be_slab;

typedef struct wfc_be {
    const wfc_graph *g;
    const wfc_target *t;
    const wfc_compile_options *opt;
    wfc_diag *diag;
    wfc_arena arena; /* of the layers, then of one attempt to plan; layers' is kept in `base` meanwhile */
    wfc_arena base;
    uint32_t height, width; /* of the target */
    struct {
        uint32_t x, y, w, h;
    } region; /* the part of it that is used; lanes from and to the host pass beside it */
    struct wfc_be_floor *floor;
    wfc_be_layer *layers;
    uint32_t layer_count;
    WFC_VEC(wfc_be_stream) streams;
    WFC_VEC(wfc_be_adapter) adapters;
    WFC_VEC(wfc_be_slab) slabs;
    WFC_VEC(float) fills;
    WFC_VEC(wfc_be_lesson) lessons; /* of earlier plans by the same method over the same rows */
    int32_t *stream_of;             /* [nodes] stream of a tensor value, -1 */
    int32_t *host_stream;           /* [nodes] of an input: the stream that the host feeds */
    int32_t *output_stream;         /* [outputs] */
    int32_t *layer_of;              /* [nodes] layer whose `out` it is, -1 */
    double target_cycles;           /* the plan's slowest layer */
    double wish_cycles;             /* for what can be faster, with columns to spare; else target_cycles */
    double adapter_cycles;          /* what an adapter may take before it gets wider, beyond wfc_be_adapter_goal */
    double predicted_delta_t;
    bool parity; /* lanes of even and odd rows, chains and buses of even and odd columns get colours of their own: a
                    detour around a dead PE may then use the neighbours' routers */
} wfc_be;

/* layers.c: groups of the graph -> layers with edges; refuses what has no kernel, all of it in one list. */
WFC_MUST_USE wfc_status wfc_be_make_layers(wfc_be *be);

/* box.c */
uint64_t wfc_be_box_elems(const wfc_be_box *b);
/* Local element strides: the list axis outermost, the others row-major. */
void wfc_be_box_strides(const wfc_be_box *b, uint32_t *strides);
void wfc_be_box_full(const wfc_shape *s, wfc_be_box *out);
/* Parts of 0..n-1 as even as can be: part i is [n i / parts, n (i+1) / parts). */
wfc_be_interval wfc_be_part(uint32_t n, uint32_t parts, uint32_t i);
/* Sets groups, group_rows from row_parts and pc. */
void wfc_be_split_count(const wfc_be_layer *l, wfc_be_split *s);
/* Place of a row of the wafer in the layer's rectangle: group and row within it; false: the layer does not use it. */
bool wfc_be_row_place(const wfc_be_split *s, uint32_t row, uint32_t *group, uint32_t *inner);
/* Contraction part of a row in use; the wafer row of a group's first row. */
uint32_t wfc_be_row_part(const wfc_be_split *s, uint32_t row);
uint32_t wfc_be_group_row(const wfc_be_split *s, uint32_t group);
static inline uint8_t wfc_be_colour(const wfc_be_stream *s, uint32_t row) {
    return s->colours[row & 1u];
}
/* Final output box of PE (row, col) of a layer; its list (dealt channels) lives in the arena. False: empty. */
bool wfc_be_out_box(wfc_be *be, const wfc_be_layer *l, uint32_t row, uint32_t col, wfc_be_box *out);
/* Boxes of every node's value (and of the contract's operands) that the PE needs, from the final box backwards. */
typedef struct wfc_be_need {
    wfc_be_box *node; /* [node_count] value of the node: what is computed */
    wfc_be_box *hull; /* [node_count] what readers index, may leave the tensor (border = identity of the reader) */
    wfc_be_box edge[WFC_BE_MAX_EDGES];
    wfc_be_box chan_all; /* contract: result before the reduce-scatter (all channels of the column, parts descending) */
} wfc_be_need;
WFC_MUST_USE wfc_status wfc_be_needs(wfc_be *be, const wfc_be_layer *l, uint32_t row, uint32_t col, wfc_be_need *out);
/* The same with the boxes in `scratch`. */
WFC_MUST_USE wfc_status wfc_be_needs_in(wfc_be *be, wfc_arena *scratch, const wfc_be_layer *l, uint32_t row,
                                        uint32_t col, wfc_be_need *out);
/* Number of a node of the layer, of the edge that is an operand of one; -1: none. */
int wfc_be_node_at(const wfc_be_layer *l, wfc_value v);
int wfc_be_edge_at(const wfc_be_layer *l, wfc_value user, uint32_t operand);
/* Appends a box's elements in local order; outside: `fill`. resolve: as ids of the view's root, else of `consumed`. */
WFC_MUST_USE wfc_status wfc_be_list_box(wfc_be *be, wfc_value consumed, bool resolve, const wfc_be_box *b, float fill,
                                        wfc_be_list *list);
WFC_MUST_USE wfc_status wfc_be_list_push(wfc_be *be, wfc_be_list *l, int32_t id);
/* Follows group-0 views to the tensor they look at. */
wfc_value wfc_be_view_root(const wfc_graph *g, wfc_value v);
/* Element of `consumed` -> id in its root, or a fill. */
int32_t wfc_be_resolve(wfc_be *be, wfc_value consumed, uint64_t index);

/* inputs.c: ports of an edge of the wafer; those within the region's rows are used. */
bool wfc_be_has_port(const wfc_be *be, unsigned side, uint32_t row);
uint32_t wfc_be_port_count(const wfc_be *be, unsigned side);
uint32_t wfc_be_nearest_port(const wfc_be *be, unsigned side, uint32_t row);
/* Which elements of a model's input enter at which port, in which order. `wanted` [height]: lists of the first reader.
 */
WFC_MUST_USE wfc_status wfc_be_input_rows(wfc_be *be, wfc_be_stream *s, const wfc_be_list *wanted);
/* streams.c: lane contents, direct connections, adapters. */
/* Cycles per sample that an adapter is made for, in a plan of `cycles`: its rows wait for the latest among them in each
 * turn, so one that may never rest takes longer than it should (docs/mapping.md section 4). */
static inline double wfc_be_adapter_goal(double cycles) {
    return cycles / 1.2;
}
/* adapter.c: taps, columns and predicted time of a new adapter whose stream's rows are set. */
WFC_MUST_USE wfc_status wfc_be_size_adapter(wfc_be *be, uint32_t adapter);
WFC_MUST_USE wfc_status wfc_be_make_streams(wfc_be *be);
WFC_MUST_USE wfc_status wfc_be_locate(wfc_be *be, int32_t stream, const wfc_be_where **out);

/* sparse.c: decides for each contract between the dense and the weight-sparse form; splits, streams and places are
 * known. */
WFC_MUST_USE wfc_status wfc_be_choose_sparse(wfc_be *be);
/* Whether operand b walks axes of the result other than the dealt one: then PEs of one column and contraction part
 * differ from tile to tile. */
bool wfc_be_weights_by_tile(const wfc_be *be, const wfc_be_layer *l);
/* Estimate for planning: cycles of the multiplications on the fullest of `pes` PEs with `weights` weights each (0 left
 * out), each for `tile` elements, when a part `density` of all weights is not zero, anywhere:
 * most (1 + vector overhead + tile / SIMD), for a tile of 1: 3 (vector overhead + most), with most = n d + sqrt(2
 * ln(pes) n d (1 - d)), the expected maximum of so many binomial numbers (normal approximation). */
double wfc_be_sparse_cycles(const wfc_target *t, uint64_t weights, double density, uint64_t pes, uint64_t tile);

/* choose.c: splits, floorplan, streams and colours of the fastest plan found, by all methods that the options allow and
 * over as many of the region's rows as pay; the region is then those. WFC_ERR_NO_FIT says what lacks. */
WFC_MUST_USE wfc_status wfc_be_choose_place(wfc_be *be);

/* colour.c: colours of streams and slabs. route.c: every router's routes. build.c: the program. */
WFC_MUST_USE wfc_status wfc_be_colour_all(wfc_be *be);
typedef struct wfc_be_routes {
    wfc_prog_router *at; /* [height * width], routes in arena, ascending colour */
} wfc_be_routes;
WFC_MUST_USE wfc_status wfc_be_route(wfc_be *be, wfc_be_routes *out);
WFC_MUST_USE wfc_status wfc_be_build(wfc_be *be, const wfc_be_routes *routes, wfc_program *out);
/* describe.c: what a program says of itself. Its layers and their rectangles, without times; with times by the plan's
 * formulas, no PEs; the time of a sample from those of the layers; inputs and outputs. */
WFC_MUST_USE wfc_status wfc_be_describe_layers(wfc_be *be, wfc_program *p);
WFC_MUST_USE wfc_status wfc_be_describe_plan(wfc_be *be, wfc_program *p);
void wfc_be_describe_time(wfc_program *p);
WFC_MUST_USE wfc_status wfc_be_describe_io(wfc_be *be, wfc_program *p);

/* kernels: build the program of PE (row, col). `data`: initial bytes per array, appended by the emitter. Kinds say how
 * the bytes of another PE with the same program differ. */
typedef enum wfc_be_data_kind {
    WFC_BE_DATA_OWN = 0, /* in a way that only emitting that PE tells */
    WFC_BE_DATA_SAME,    /* not at all */
    WFC_BE_DATA_WEIGHTS, /* the contract's weights: wfc_be_weights_fill */
    WFC_BE_DATA_CONST    /* a constant operand of a node's box: wfc_be_const_fill */
} wfc_be_data_kind;
typedef struct wfc_be_init {
    uint32_t array, offset_bytes, bytes;
    uint8_t *data; /* wfc_calloc'ed */
    wfc_be_data_kind kind;
    uint32_t node;   /* CONST: number of the reading node in the layer */
    wfc_value value; /* CONST */
} wfc_be_init;
/* latency_cycles: what the PE waits for its neighbours per sample, beyond its own cycles. */
typedef struct wfc_be_pe_build {
    wfc_be_asm *a;
    WFC_VEC(wfc_be_init) init;
    wfc_be_move_table tables[WFC_BE_TABLES];
    double latency_cycles;
    bool empty;
} wfc_be_pe_build;
WFC_MUST_USE wfc_status wfc_be_emit_layer(wfc_be *be, const wfc_be_layer *l, uint32_t row, uint32_t col,
                                          wfc_be_pe_build *out);
/* Data of a PE by its boxes: the words of `like`'s array, which `data` has room for. */
void wfc_be_weights_fill(const wfc_be *be, const wfc_be_layer *l, const wfc_be_need *need, float *data);
void wfc_be_const_fill(const wfc_node *c, const wfc_be_box *iter, float *data);
/* The table instead, where l->sparse.chosen: equal weights and equal programs, equal tables. `data`: zeroed. */
WFC_MUST_USE wfc_status wfc_be_sparse_fill(const wfc_be *be, const wfc_be_layer *l, const wfc_be_need *need,
                                           uint8_t *data);
/* Facts that decide the program of a PE of a layer: equal facts, equal programs, and equal data but for
 * those of kinds WEIGHTS and CONST. need: its boxes (layers). False: no program here. */
typedef struct wfc_be_facts {
    WFC_VEC(uint32_t) v;
    bool failed;
} wfc_be_facts;
WFC_MUST_USE wfc_status wfc_be_layer_facts(wfc_be *be, const wfc_be_layer *l, uint32_t row, uint32_t col,
                                           wfc_be_need *need, wfc_be_facts *out, bool *any);
WFC_MUST_USE wfc_status wfc_be_emit_adapter(wfc_be *be, const wfc_be_adapter *ad, uint32_t row, uint32_t col,
                                            wfc_be_pe_build *out);

/* Words of the column's partial sums that belong to rows below (parts > own), to this row, and to rows above; `tile`:
 * words per channel. */
typedef struct wfc_be_scatter {
    uint32_t above, own, below;
} wfc_be_scatter;
wfc_be_scatter wfc_be_scatter_words(const wfc_be_layer *l, uint32_t row, uint32_t col, uint32_t tile);
void wfc_be_pe_build_deinit(wfc_be_pe_build *b);
/* Predicted cycles per sample of a PE: its own, and what it waits for meanwhile. */
double wfc_be_pe_cycles(const wfc_be_pe_build *b);

/* streams.c: a tap with nothing accepted yet. adapter.c: position of a word among those that arrive at `row` on a bus.
 */
/* Names in the program: of the reader and the edge. layer UINT32_MAX: an output. */
const char *wfc_be_adapter_name(wfc_be *be, const char *whose, uint32_t layer, uint32_t edge, int relay);
/* Whether all columns of a row read the same on this edge: operand 0 of a contract whose columns deal out channels that
 * it does not have. */
bool wfc_be_is_uniform(const wfc_be_layer *l, uint32_t edge);
/* Channels are the outermost order of the lanes that an edge asks for: how many there are in all, dealt over
 * contraction parts (by_part) or over the parts of axis 1. False: none are known. */
bool wfc_be_lane_channels(const wfc_be *be, const wfc_be_layer *l, uint32_t edge, uint32_t *extent, bool *by_part);
WFC_MUST_USE wfc_status wfc_be_add_tap(wfc_be *be, int32_t stream, int32_t slab, uint32_t cols, wfc_be_tap **out);
uint32_t wfc_be_bus_position(const wfc_be_adapter *ad, const wfc_be_column_plan *p, unsigned dir, uint32_t row,
                             uint32_t source_row, uint32_t index);
static inline uint32_t wfc_be_section(const wfc_be_adapter *ad, uint32_t row) {
    return ad->section ? (row - ad->y) / ad->section : 0;
}

#endif
