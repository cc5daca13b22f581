/* The IR: a flat SSA list of core ops. One node makes one value, so a value handle names both. Node order is a valid
 * execution order. The graph owns an arena (strings, constant bytes made by folding) and growable arrays; handles stay
 * valid over insertions, pointers from wfc_ir_node() do not. */
#ifndef WFC_IR_GRAPH_H
#define WFC_IR_GRAPH_H

#include "support/diag.h"
#include "support/dtype.h"
#include "support/mem.h"
#include <stdbool.h>
#include <stdint.h>

enum { WFC_IR_MAX_RANK = 8, WFC_IR_MAX_INDEX = 16, WFC_IR_MAX_EXPR = 255 };

typedef struct wfc_value {
    uint32_t i;
} wfc_value;
#define WFC_VALUE_NONE ((wfc_value){UINT32_MAX})
static inline bool wfc_value_valid(wfc_value v) {
    return v.i != UINT32_MAX;
}
static inline bool wfc_value_eq(wfc_value a, wfc_value b) {
    return a.i == b.i;
}

typedef enum wfc_core_op {
    WFC_CORE_INPUT = 0,
    WFC_CORE_CONST,
    WFC_CORE_MAP,
    WFC_CORE_VIEW,
    WFC_CORE_CONCAT,
    WFC_CORE_CONTRACT,
    WFC_CORE_REDUCE,
    WFC_CORE_COUNT /* scan, gather, scatter, loop, select come with the operators that need them */
} wfc_core_op;

typedef struct wfc_shape {
    uint8_t rank;
    uint32_t dims[WFC_IR_MAX_RANK];
} wfc_shape; /* rank 0 = scalar, 1 element */
uint64_t wfc_shape_elems(const wfc_shape *s);
bool wfc_shape_eq(const wfc_shape *a, const wfc_shape *b);

/* sum over index variables of coef * index, plus offset */
typedef struct wfc_affine {
    int32_t coef[WFC_IR_MAX_INDEX];
    int32_t offset;
} wfc_affine;

/* Index space of contract and reduce. Variables 0..out_rank-1 are the result's axes in order, the rest are reduced.
 * a[d], b[d]: coordinate of operand axis d. A coordinate out of range reads 0 (contract) or is skipped (reduce).
 * Text: out="n k y x" a="n c y+r-2 x+s-2" b="k c r s" red="c=1 r=5 s=5". */
typedef struct wfc_space {
    uint8_t index_count, out_rank;
    char name[WFC_IR_MAX_INDEX]; /* one lower-case letter each, unique */
    uint32_t extent[WFC_IR_MAX_INDEX];
    wfc_affine a[WFC_IR_MAX_RANK], b[WFC_IR_MAX_RANK]; /* b: contract only */
} wfc_space;

typedef enum wfc_reduce_kind { WFC_RED_SUM = 0, WFC_RED_PROD, WFC_RED_MAX, WFC_RED_MIN } wfc_reduce_kind;

/* A view is a list of steps from the operand to the result, applied in order.
 * reshape: same elements in row-major order under a new shape.
 * index: result[o0, o1, ...] = source[in[0](o), in[1](o), ...]; out of range by the edge rule. */
typedef enum wfc_edge_rule {
    WFC_EDGE_NONE = 0 /* never out of range */,
    WFC_EDGE_FILL,
    WFC_EDGE_EDGE,
    WFC_EDGE_REFLECT,
    WFC_EDGE_WRAP
} wfc_edge_rule;
typedef struct wfc_view_step {
    bool is_index;
    wfc_shape shape;                /* after the step */
    wfc_affine in[WFC_IR_MAX_RANK]; /* index: per axis of the shape before, over the axes of `shape` */
    uint8_t edge;                   /* wfc_edge_rule */
    double fill;
} wfc_view_step;

/* Elementwise expression: nodes in order, the last one is the result. args refer to earlier nodes. Functions: fn.h. */
typedef struct wfc_expr_node {
    uint8_t fn;
    uint8_t index; /* operand number or axis */
    uint8_t args[3];
    double value;
} wfc_expr_node;
typedef struct wfc_expr {
    uint16_t count;
    wfc_expr_node *nodes;
} wfc_expr;

/* Constant bytes: borrowed from a mapped file that the context keeps alive, or owned by the graph's arena. */
typedef struct wfc_const_data {
    const uint8_t *bytes;
    uint64_t size_bytes;
} wfc_const_data;

typedef struct wfc_node {
    uint8_t op;    /* wfc_core_op */
    uint8_t dtype; /* wfc_dtype of the value */
    wfc_shape shape;
    uint32_t operand_first;
    uint32_t operand_count; /* into graph->operands */
    const char *name;       /* text name without %, unique; never NULL */
    const char **locs;
    uint32_t loc_count; /* ONNX node names this node came from (raw bytes, escape when printing) */
    uint32_t group;     /* layer group set by the fuse pass; 0 none */
    union {
        struct {
            const char *host_name;
            uint8_t host_dtype;
        } input; /* the user's name; ONNX DataType code */
        struct {
            wfc_const_data data;
            const uint8_t *mask; /* 1 byte per element, NULL none */
        } konst;
        wfc_expr map; /* operands broadcast like numpy */
        struct {
            wfc_view_step *steps;
            uint32_t count;
        } view;
        struct {
            uint8_t axis;
        } concat;
        wfc_space contract; /* operands a, b; f32 sums in the order of the reduced indices */
        struct {
            uint8_t kind;
            wfc_space space;
        } reduce;
    } u;
} wfc_node;

typedef struct wfc_ir_output {
    wfc_value value;
    const char *host_name;
    uint8_t host_dtype;
} wfc_ir_output;

typedef struct wfc_graph {
    wfc_arena arena;
    const char *name;
    WFC_VEC(wfc_node) nodes;
    WFC_VEC(wfc_value) operands;
    WFC_VEC(wfc_ir_output) outputs;
    uint32_t samples;             /* leading batch extent taken out by the unbatch pass; 1 before */
    bool unbatched;               /* the leading axis of every input and output stands for one sample of the stream */
    WFC_VEC(uint32_t) name_slots; /* hash index of node names; private to graph.c, rebuilt on demand */
} wfc_graph;

void wfc_graph_init(wfc_graph *g);
void wfc_graph_deinit(wfc_graph *g);
wfc_node *wfc_ir_node(wfc_graph *g, wfc_value v);
const wfc_node *wfc_ir_node_c(const wfc_graph *g, wfc_value v);
wfc_value wfc_ir_operand(const wfc_graph *g, wfc_value v, uint32_t k);
/* The node of that text name, WFC_VALUE_NONE when there is none. Amortised constant time. */
wfc_value wfc_ir_find(wfc_graph *g, const char *name);
/* The text name of a core op: "contract"; NULL when out of range. */
const char *wfc_core_op_name(unsigned op);
/* The type a map computes in, every expression node rounded to it, before the result is stored as n->dtype: f64 when
 * an operand or the result is f64, else f32 when one is any float, else i64 when one is i64 (or u32 meets a signed
 * type), else u32 when one is u32, else i32. Integers wrap. */
wfc_dtype wfc_ir_map_type(const wfc_graph *g, wfc_value map);
/* The same rule for a map that is not in the graph (yet): result type `result` over `n` operands. */
wfc_dtype wfc_ir_map_type_over(const wfc_graph *g, wfc_dtype result, const wfc_value *operands, uint32_t n);
/* Least and greatest value of an affine expression over 0..extent[v]-1 of `count` variables, all extents >= 1. */
void wfc_affine_range(const wfc_affine *f, const uint32_t *extent, uint32_t count, int64_t *lo, int64_t *hi);

/* Appends a node like `proto` (op, dtype for input, const and map, attributes; the rest is inferred or ignored) over
 * `n` operands: what all builders below use, and what a pass uses to rebuild a node with changes. Arrays of the proto
 * are copied into the arena (constant bytes are borrowed); proto->name NULL or taken: a unique one is made; locations
 * and group are copied. `proto` may point into the graph. */
WFC_MUST_USE wfc_status wfc_ir_add_node(wfc_graph *g, wfc_diag *diag, const wfc_node *proto, const wfc_value *operands,
                                        uint32_t n, wfc_value *out);

/* Builders append a node, compute nothing but check shapes; `name` NULL makes one. All arrays are copied. Errors:
 * WFC_ERR_INPUT with a diagnostic (shapes do not agree), WFC_ERR_NO_MEMORY. */
WFC_MUST_USE wfc_status wfc_ir_add_input(wfc_graph *g, wfc_diag *diag, const char *name, wfc_dtype t,
                                         const wfc_shape *shape, const char *host_name, uint8_t host_dtype,
                                         wfc_value *out);
/* copy: true copies the bytes into the arena, false borrows them for the graph's life. */
WFC_MUST_USE wfc_status wfc_ir_add_const(wfc_graph *g, wfc_diag *diag, const char *name, wfc_dtype t,
                                         const wfc_shape *shape, const void *bytes, bool copy, wfc_value *out);
WFC_MUST_USE wfc_status wfc_ir_add_map(wfc_graph *g, wfc_diag *diag, const char *name, wfc_dtype t, const wfc_expr *e,
                                       const wfc_value *operands, uint32_t n, wfc_value *out);
/* Parses `expr` such as "max(add(a,b),0)": a, b, c.. are the operands, functions from fn.h, hex or decimal constants.
 */
WFC_MUST_USE wfc_status wfc_ir_add_map_text(wfc_graph *g, wfc_diag *diag, const char *name, wfc_dtype t,
                                            const char *expr, const wfc_value *operands, uint32_t n, wfc_value *out);
WFC_MUST_USE wfc_status wfc_ir_add_view(wfc_graph *g, wfc_diag *diag, const char *name, wfc_value x,
                                        const wfc_view_step *steps, uint32_t n, wfc_value *out);
WFC_MUST_USE wfc_status wfc_ir_add_reshape(wfc_graph *g, wfc_diag *diag, const char *name, wfc_value x,
                                           const wfc_shape *shape, wfc_value *out);
WFC_MUST_USE wfc_status wfc_ir_add_transpose(wfc_graph *g, wfc_diag *diag, const char *name, wfc_value x,
                                             const uint8_t *perm, wfc_value *out);
WFC_MUST_USE wfc_status wfc_ir_add_concat(wfc_graph *g, wfc_diag *diag, const char *name, const wfc_value *xs,
                                          uint32_t n, uint8_t axis, wfc_value *out);
WFC_MUST_USE wfc_status wfc_ir_add_contract(wfc_graph *g, wfc_diag *diag, const char *name, wfc_value a, wfc_value b,
                                            const wfc_space *s, wfc_value *out);
WFC_MUST_USE wfc_status wfc_ir_add_reduce(wfc_graph *g, wfc_diag *diag, const char *name, wfc_value a,
                                          wfc_reduce_kind kind, const wfc_space *s, wfc_value *out);
/* Text of the space's parts: out, a, b or red as wfc_space_parse reads them. */
void wfc_space_print_out(const wfc_space *s, wfc_buf *out);
void wfc_space_print_coords(const wfc_space *s, const wfc_affine *coords, uint32_t rank, wfc_buf *out);
void wfc_space_print_red(const wfc_space *s, wfc_buf *out);
/* Parses the text form of an index space: out="n k y x", a, b (NULL for reduce), red="c=1 r=5". Extents of out come
 * from out_dims. Operand axes that the text does not name are marked; the builders refuse them. */
WFC_MUST_USE wfc_status wfc_space_parse(const char *out, const char *a, const char *b, const char *red,
                                        const uint32_t *out_dims, wfc_diag *diag, const char *where, wfc_space *s);
WFC_MUST_USE wfc_status wfc_ir_add_output(wfc_graph *g, wfc_diag *diag, wfc_value v, const char *host_name,
                                          uint8_t host_dtype);
/* Appends ONNX node names (raw) to a node's locations. */
WFC_MUST_USE wfc_status wfc_ir_add_loc(wfc_graph *g, wfc_value v, const char *onnx_node_name);

/* Replaces every use of `from` (operands and outputs) by `to`. */
void wfc_ir_replace_uses(wfc_graph *g, wfc_value from, wfc_value to);
/* Uses of every value: count[i] over operands and outputs, malloc'ed [nodes.count]. */
WFC_MUST_USE wfc_status wfc_ir_count_uses(const wfc_graph *g, uint32_t **out_counts);
/* Drops nodes nothing depends on (inputs stay) and restores topological order after rewrites that appended nodes. */
WFC_MUST_USE wfc_status wfc_ir_compact(wfc_graph *g);
/* The same, and inputs nothing depends on go, too. */
WFC_MUST_USE wfc_status wfc_ir_compact_inputs(wfc_graph *g);

/* Element `out_index` (row-major) of a view: its element in the operand, or -1 with *fill set. Exact for every rule. */
int64_t wfc_ir_view_source(const wfc_graph *g, wfc_value view, uint64_t out_index, double *fill);

/* Composes two steps into one, exactly: `first` maps shape `from` to first->shape, `then` follows. False when the edge
 * rules do not allow it (or a reshape is no index map). A step that never leaves its source has rule NONE in *out. */
bool wfc_ir_compose_steps(const wfc_shape *from, const wfc_view_step *first, const wfc_view_step *then,
                          wfc_view_step *out);
/* Whether a step maps every element of `from` to the same place under the same shape. */
bool wfc_ir_step_identity(const wfc_shape *from, const wfc_view_step *step);
/* Appends the operand's shape before each step and the result's after the last: shapes[steps + 1]. */
void wfc_ir_view_shapes(const wfc_graph *g, wfc_value view, wfc_shape *shapes);

/* Checks every invariant: SSA order, ranks, dtypes, shapes, spaces, view ranges, groups. Our passes must never fail it.
 */
WFC_MUST_USE wfc_status wfc_ir_verify(const wfc_graph *g, wfc_diag *diag);

/* Text form; prints everything. Constants print inline hex floats / integers up to 64 elements, beyond that `blob` with
 * the bytes in base64 on the following lines, so that a text file is whole. print(parse(print(g))) == print(g). */
WFC_MUST_USE wfc_status wfc_ir_print(const wfc_graph *g, wfc_buf *out);
WFC_MUST_USE wfc_status wfc_ir_parse(const char *text, size_t n, const char *where, wfc_diag *diag, wfc_graph *out);

#endif
