/* What a converter in frontend/ops/ sees: its node, the values it reads and makes, attributes, ways to fail.
 *
 * A converter turns one ONNX node into core ops (run time) or into constants (all that it reads is known now). It
 * returns WFC_OK after setting every output, or the status of wfc_fe_unsupported / wfc_fe_invalid. */
#ifndef WFC_FRONTEND_CONVERT_H
#define WFC_FRONTEND_CONVERT_H

#include "frontend/model.h"

enum {
    WFC_FE_NEWEST_OPSET = 28,     /* newest version of the default domain whose changes we have read */
    WFC_FE_MAX_LISTED = 10000,    /* lines in the list of what is not supported; more are counted */
    WFC_FE_VARIADIC = 0xffff,     /* max_in: any number */
    WFC_FE_MAX_ELEMS = INT32_MAX, /* elements of one run-time tensor */
    WFC_FE_EXACT = 1 << 24        /* largest integer at run time */
};

typedef enum wfc_fe_state {
    WFC_FE_UNSET = 0,
    WFC_FE_CONST,   /* `konst` holds it */
    WFC_FE_RUNTIME, /* `ir` holds it, as float32 whatever its own type is (below) */
    WFC_FE_POISON   /* made by a node that was refused: nothing is known */
} wfc_fe_state;

/* Element types at run time. The PEs compute in float32. float16, bfloat16 and float64 are float32 in between; a bool
 * is 0 or 1; an integer is a float32 without fraction, exact up to 2^24 in magnitude. What arithmetic would make larger
 * becomes NaN (wfc_fe_guard), which the edge refuses in an integer: an overflow fails the run, it gives no answer. */
enum { WFC_FE_FLOATS = 1, WFC_FE_INTS = 2, WFC_FE_BOOLS = 4, WFC_FE_NUMBERS = 3, WFC_FE_ANY = 7 };
enum { WFC_FE_NOT_FOLDED = 8 }; /* beside them in a record: refused between constants */

/* Restrictions that several operators share, and a number of the code within such a text. */
#define WFC_FE_STRING(x) WFC_FE_STRING_(x)
#define WFC_FE_STRING_(x) #x
#define WFC_FE_LOG2_COMPARISONS 22
#define WFC_FE_COMPARISONS                                                                                             \
    "what depends on values of the run: at most 2^" WFC_FE_STRING(WFC_FE_LOG2_COMPARISONS) " comparisons"

typedef struct wfc_fe_value {
    const char *name; /* raw ONNX name */
    uint8_t state;
    uint8_t dtype;    /* run time: the element type that ONNX gives it */
    bool overflows;   /* run time: an integer that may be NaN, or a bool made of one */
    bool has_f32;     /* constant: `f32` is the IR constant that run-time operators read */
    bool initialized; /* an initializer gives it */
    bool has_ir;      /* `ir` is set (a constant gets one at its first use at run time) */
    wfc_fe_const konst;
    bool has_as_float; /* run time: `as_float` is what a Cast of this int64 to float gives, also beyond 2^24 */
    wfc_value ir, f32, as_float;
    uint32_t uses;                    /* by nodes and graph outputs */
    uint32_t other_uses;              /* of `uses`, those where the value itself is data (not a shape, axes, ...) */
    uint32_t producer;                /* node index, UINT32_MAX: input or initializer */
    const Onnx__ValueInfoProto *info; /* declared type, NULL when unknown */
} wfc_fe_value;

typedef struct wfc_fe_op wfc_fe_op;

typedef struct wfc_fe_node {
    const Onnx__NodeProto *proto;
    const char *loc; /* name in messages, locations and reports; unique in the model */
    const wfc_fe_op *op;
    int opset; /* version of the node's domain that the model imports */
    uint32_t in_count, out_count;
    uint32_t *in, *out; /* value indices, UINT32_MAX: left out */
    bool dead;          /* no output depends on it */
    bool refused;
} wfc_fe_node;

/* A node of the main graph, or of a function's body as it is at one call (inline.c). */
typedef struct wfc_fe_flat {
    Onnx__NodeProto *proto;
    const Onnx__FunctionProto *function; /* whose operator sets it uses; NULL: the model's */
} wfc_fe_flat;

typedef struct wfc_fe_ctx {
    wfc_fe_model *model;
    wfc_fe_flat *flat; /* all nodes, functions inlined */
    uint32_t flat_count;
    const wfc_import_options *opt;
    wfc_diag *diag;
    wfc_graph *g;
    wfc_fe_value *values; /* sorted by name */
    uint32_t value_count;
    wfc_fe_node *nodes;
    uint32_t node_count;
    uint32_t *indices; /* storage of all nodes' in and out */
    uint32_t *order;   /* nodes in execution order */
    wfc_arena arena;   /* locations */
    wfc_buf refusals;  /* lines of the list of unsupported nodes */
    uint32_t refusal_count;
    /* of the node that is converted now: */
    bool folding;   /* all of its inputs are constants, `g` is a scratch graph: values have their own types there */
    bool guarded;   /* its result may overflow */
    uint8_t result; /* wfc_dtype of results unless the converter says otherwise: that of its first input */
} wfc_fe_ctx;

/* One ONNX operator. The attribute list holds "name:kind" separated by blanks, kind i f s t I F S (one or many
 * integers, floats, strings, a tensor). */
struct wfc_fe_op {
    struct {
        const char *domain, *name;
        int since, until;
        const char *restrictions; /* only what the fields below do not say */
    } info;
    uint16_t min_in, max_in, max_out;
    uint32_t static_inputs; /* bit k: input k only says a shape, axes or the like, and must be known at import */
    const char *attributes;
    wfc_status (*convert)(wfc_fe_ctx *c, wfc_fe_node *n);
    uint8_t types; /* WFC_FE_FLOATS ...: what wfc_fe_ir_input may read; 0: floats */
};
/* "floats", "numbers and bool", ... of a record's `types`. */
const char *wfc_fe_types_text(uint8_t types);
/* The table of ops_table.c; NULL when there is none of that name. "ai.onnx" is the default domain "". */
const wfc_fe_op *wfc_fe_find_op(const char *domain, const char *name);

/* Adds a line to the list of what is not supported and returns WFC_ERR_UNSUPPORTED: the import goes on to collect all.
 */
WFC_MUST_USE wfc_status wfc_fe_unsupported(wfc_fe_ctx *c, wfc_fe_node *n, const char *fmt, ...) WFC_PRINTF(3, 4);
/* The model breaks ONNX's own rules at this node: ends the import. */
WFC_MUST_USE wfc_status wfc_fe_invalid(wfc_fe_ctx *c, const wfc_fe_node *n, const char *fmt, ...) WFC_PRINTF(3, 4);

/* --- values ------------------------------------------------------------------------------------------------------ */

/* Input k, NULL when it is left out. */
wfc_fe_value *wfc_fe_input(const wfc_fe_ctx *c, const wfc_fe_node *n, unsigned k);
/* Input k as a constant known now; WFC_ERR_UNSUPPORTED when it depends on run-time data. NULL when left out. */
WFC_MUST_USE wfc_status wfc_fe_const_input(wfc_fe_ctx *c, wfc_fe_node *n, unsigned k, const wfc_fe_const **out);
/* Input k as integers (int32 or int64 constant of rank 0 or 1); *out malloc'ed. Left out: *out NULL, *count 0. */
WFC_MUST_USE wfc_status wfc_fe_int_input(wfc_fe_ctx *c, wfc_fe_node *n, unsigned k, int64_t **out, size_t *count);
/* Input k as a run-time value, float32 in the IR; a constant becomes an IR const at its first use. Element types that
 * the record does not list are WFC_ERR_UNSUPPORTED. While folding: a constant of its own type. */
WFC_MUST_USE wfc_status wfc_fe_ir_input(wfc_fe_ctx *c, wfc_fe_node *n, unsigned k, wfc_value *out);
/* The same under another shape of as many elements: a constant in place, a run-time value by a reshape. */
WFC_MUST_USE wfc_status wfc_fe_ir_input_as(wfc_fe_ctx *c, wfc_fe_node *n, unsigned k, uint8_t rank, const int64_t *dims,
                                           wfc_value *out);
/* Shape of a value (constant or run time), rank and dims. */
void wfc_fe_shape(const wfc_fe_ctx *c, const wfc_fe_value *v, uint8_t *rank, int64_t *dims);
wfc_dtype wfc_fe_value_dtype(const wfc_fe_ctx *c, const wfc_fe_value *v);
/* Shape of input 1 as it broadcasts with input 0. Before opset 7 that needs broadcast=1, and `axis` says which axis of
 * input 0 its first axis meets. */
WFC_MUST_USE wfc_status wfc_fe_aligned_shape(wfc_fe_ctx *c, wfc_fe_node *n, uint8_t *rank, int64_t *dims);
/* True when every input that is given is a constant. */
bool wfc_fe_all_const(const wfc_fe_ctx *c, const wfc_fe_node *n);

/* Sets output k (ignored when left out). */
WFC_MUST_USE wfc_status wfc_fe_set_ir(wfc_fe_ctx *c, wfc_fe_node *n, unsigned k, wfc_value v);
/* The same, of another element type than the node's first input. */
WFC_MUST_USE wfc_status wfc_fe_set_typed(wfc_fe_ctx *c, wfc_fe_node *n, unsigned k, wfc_dtype t, wfc_value v);
WFC_MUST_USE wfc_status wfc_fe_set_const(wfc_fe_ctx *c, wfc_fe_node *n, unsigned k, const wfc_fe_const *v);
/* Output k is the same value as input 0. */
WFC_MUST_USE wfc_status wfc_fe_set_same(wfc_fe_ctx *c, wfc_fe_node *n, unsigned k, const wfc_fe_value *v);
/* A constant with zeroed bytes to be filled (cast `bytes`), charged to the folding budget. */
WFC_MUST_USE wfc_status wfc_fe_new_const(wfc_fe_ctx *c, const wfc_fe_node *n, wfc_dtype t, uint8_t rank,
                                         const int64_t *dims, wfc_fe_const *out, void **out_bytes);
/* The IR's name for the node's result: the ONNX name of output 0; NULL (the IR makes one) when it is left out. */
const char *wfc_fe_name(const wfc_fe_ctx *c, const wfc_fe_node *n);
/* The value as an IR value of any element type, for graph outputs. */
WFC_MUST_USE wfc_status wfc_fe_const_to_ir(wfc_fe_ctx *c, wfc_fe_value *v);
/* int64 dims to an IR shape: WFC_ERR_UNSUPPORTED for empty or too large tensors. */
WFC_MUST_USE wfc_status wfc_fe_ir_shape(wfc_fe_ctx *c, wfc_fe_node *n, uint8_t rank, const int64_t *dims,
                                        wfc_shape *out);
/* Axis in -rank..rank-1 (or rank where `past_end`) to 0..; WFC_ERR_INPUT otherwise. */
WFC_MUST_USE wfc_status wfc_fe_axis(wfc_fe_ctx *c, const wfc_fe_node *n, int64_t axis, unsigned rank, bool past_end,
                                    unsigned *out);
/* A map named after the node, of the node's result type: operands a, b, c of the text. */
WFC_MUST_USE wfc_status wfc_fe_map(wfc_fe_ctx *c, const wfc_fe_node *n, const char *expr, const wfc_value *operands,
                                   uint32_t count, wfc_value *out);
/* The same of element type t (float32 in the IR at run time). */
WFC_MUST_USE wfc_status wfc_fe_map_typed(wfc_fe_ctx *c, const wfc_fe_node *n, wfc_dtype t, const char *expr,
                                         const wfc_value *operands, uint32_t count, wfc_value *out);
/* The same with numbers in place of the capital letters P, Q, R, ... of the text: params[0], params[1], ... */
WFC_MUST_USE wfc_status wfc_fe_map_params(wfc_fe_ctx *c, const wfc_fe_node *n, wfc_dtype t, const char *expr,
                                          const double *params, const wfc_value *operands, uint32_t count,
                                          wfc_value *out);
/* Behind integer arithmetic: *v, exact where its magnitude is at most 2^24, becomes what type t holds: 8 and 16 bits
 * wrap, of wider types what is above 2^24 becomes NaN. Nothing for other types and while folding. */
WFC_MUST_USE wfc_status wfc_fe_guard(wfc_fe_ctx *c, const wfc_fe_node *n, wfc_dtype t, wfc_value *v);
/* After output 0 was set: `v`, the result before its guard, is the exact int64 rounded once, so a Cast to float takes
 * it in place of what became NaN. */
void wfc_fe_set_as_float(wfc_fe_ctx *c, wfc_fe_node *n, wfc_value v);
/* WFC_FE_FLOATS, WFC_FE_INTS or WFC_FE_BOOLS. */
uint8_t wfc_fe_kind(wfc_dtype t);

/* The same from nodes, for expressions with constants that have no exact text. */
WFC_MUST_USE wfc_status wfc_fe_map_expr(wfc_fe_ctx *c, const wfc_fe_node *n, wfc_expr_node *nodes, uint16_t node_count,
                                        const wfc_value *operands, uint32_t count, wfc_value *out);

/* --- attributes: kinds were checked against the op's list before convert ----------------------------------------- */

const Onnx__AttributeProto *wfc_fe_attr(const wfc_fe_node *n, const char *name);
int64_t wfc_fe_attr_int(const wfc_fe_node *n, const char *name, int64_t fallback);
float wfc_fe_attr_float(const wfc_fe_node *n, const char *name, float fallback);
/* Whether a string attribute equals `text`; an absent one equals NULL only. */
bool wfc_fe_attr_is(const wfc_fe_node *n, const char *name, const char *text);
/* Axes as a bit mask over `rank` axes: attribute 'axes', from opset `input_since` on input 1. *given: false when
 * absent; *count may be 0 then and otherwise. An axis given twice or out of range is WFC_ERR_INPUT. */
WFC_MUST_USE wfc_status wfc_fe_axes(wfc_fe_ctx *c, wfc_fe_node *n, int input_since, unsigned rank, uint32_t *mask,
                                    size_t *count, bool *given);
/* Borrowed integers of a list; NULL when absent. */
const int64_t *wfc_fe_attr_ints(const wfc_fe_node *n, const char *name, size_t *count);

/* --- index spaces ------------------------------------------------------------------------------------------------ */

/* Appends a variable; outputs first, then reduced ones. Returns its number. The letter must be new, at most 16. */
unsigned wfc_fe_space_var(wfc_space *s, char letter, uint32_t extent);
/* contract(a, b), or with operands and coordinates swapped where only a is constant, so that a is the activation. */
WFC_MUST_USE wfc_status wfc_fe_contract(wfc_fe_ctx *c, const wfc_fe_node *n, wfc_value a, wfc_value b, wfc_space *s,
                                        wfc_value *out);

/* numpy.matmul of two values of any rank. */
WFC_MUST_USE wfc_status wfc_fe_matmul(wfc_fe_ctx *c, wfc_fe_node *n, wfc_value a, wfc_value b, wfc_value *result);
/* The convolution that the node's attributes (group, pads, strides, ...) describe, x [n, c, space..] with weights
 * [k, c / group, kernel..], without a bias. */
WFC_MUST_USE wfc_status wfc_fe_convolve(wfc_fe_ctx *c, wfc_fe_node *n, wfc_value x, wfc_value w, wfc_value *out);

/* Reduces the axes of the bit mask whole; keep: they stay with extent 1, else they are left out. */
WFC_MUST_USE wfc_status wfc_fe_reduce_axes(wfc_fe_ctx *c, const char *name, wfc_value x, wfc_reduce_kind kind,
                                           uint32_t axes, bool keep, wfc_value *out);

/* A view of one index step, whose coefficients and edge rule the caller has set, under the shape `dims`. */
WFC_MUST_USE wfc_status wfc_fe_index_view(wfc_fe_ctx *c, wfc_fe_node *n, const char *name, wfc_value x, uint8_t rank,
                                          const int64_t *dims, wfc_view_step *step, wfc_value *out);
/* Elements first, first + stride, ... along an axis, `count` of them. */
WFC_MUST_USE wfc_status wfc_fe_part(wfc_fe_ctx *c, wfc_fe_node *n, const char *name, wfc_value x, unsigned axis,
                                    int64_t first, int64_t count, int64_t stride, wfc_value *out);
/* The elements along an axis that a list names, each in range: a view per arithmetic run, then a concat.
 * WFC_ERR_UNSUPPORTED for lists of too many runs. */
WFC_MUST_USE wfc_status wfc_fe_take(wfc_fe_ctx *c, wfc_fe_node *n, wfc_value x, unsigned axis, const int64_t *list,
                                    size_t count, wfc_value *out);

/* 0, 1, .. count - 1 along an axis, of extent 1 along the others. */
WFC_MUST_USE wfc_status wfc_fe_iota(wfc_fe_ctx *c, wfc_fe_node *n, unsigned rank, unsigned axis, int64_t count,
                                    wfc_value *out);
/* Gather with indices known at run time only. */
WFC_MUST_USE wfc_status wfc_fe_gather_by_compare(wfc_fe_ctx *c, wfc_fe_node *n, unsigned axis);

/* The first (or last) coordinate along an axis where x has its maximum (or minimum), NaN counting as one; float32 in
 * the IR. The axis keeps extent 1, or goes. */
WFC_MUST_USE wfc_status wfc_fe_arg_extreme(wfc_fe_ctx *c, wfc_fe_node *n, wfc_value x, unsigned axis, bool max,
                                           bool last, bool keep, wfc_value *out);

/* --- windows of Conv and the pools -------------------------------------------------------------------------------- */

typedef struct wfc_fe_window {
    unsigned rank; /* spatial axes, at most 3 */
    int64_t in[3], out[3], kernel[3], stride[3], dilation[3], pad_begin[3], pad_end[3];
} wfc_fe_window;
/* Reads kernel_shape (or takes `weight_kernel` [rank] when not NULL), strides, dilations, pads, auto_pad, and
 * computes out; `in` and rank are the caller's. */
WFC_MUST_USE wfc_status wfc_fe_window_read(wfc_fe_ctx *c, wfc_fe_node *n, const int64_t *weight_kernel, bool ceil_mode,
                                           wfc_fe_window *w);
/* Adds output variables (z y x) / kernel variables (r s t) to the space and fills a[2..] of the operand. */
void wfc_fe_window_outputs(const wfc_fe_window *w, wfc_space *s);
void wfc_fe_window_kernel(const wfc_fe_window *w, wfc_space *s, unsigned first_output, unsigned first_axis);

/* --- host copies for folding -------------------------------------------------------------------------------------- */

/* dst (row-major, dims[rank]) = src element offset + sum of index * stride (in elements), for elements of `width`
 * bytes. The caller guarantees the range. */
void wfc_fe_strided_copy(void *dst, const void *src, unsigned width, uint8_t rank, const int64_t *dims,
                         const int64_t *strides, int64_t offset);
void wfc_fe_row_major(uint8_t rank, const int64_t *dims, int64_t *strides);
/* Numpy broadcast of two shapes; false when they do not agree. */
bool wfc_fe_broadcast(uint8_t ra, const int64_t *a, uint8_t rb, const int64_t *b, uint8_t *rank, int64_t *dims);
/* Element i of an integer tensor (signed types, bool, or unsigned up to 63 bits), exactly. */
int64_t wfc_fe_get_int(const wfc_fe_const *t, uint64_t i);
void wfc_fe_put_int(wfc_dtype t, void *bytes, uint64_t i, int64_t v);

#endif
