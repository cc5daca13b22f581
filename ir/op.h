/* Private to ir/: what a core op is. One const record per op, each in its own file ops/core_NAME.c, gathered in
 * ops/core_table.c. Builders, verifier, text form and evaluator all go through the records. */
#ifndef WFC_IR_OP_H
#define WFC_IR_OP_H

#include "ir/graph.h"
#include "ir/lex.h"
#include "support/tensor.h"

/* What a check works on: a node that may not be in the graph yet, with its operands. */
typedef struct wfc_ir_site {
    const wfc_graph *g;
    const wfc_node *node;
    const wfc_value *operands;
    uint32_t operand_count;
    const char *where; /* the node's name, for messages */
    wfc_diag *diag;
} wfc_ir_site;

typedef struct wfc_core_record {
    uint8_t op; /* wfc_core_op */
    const char *name;
    uint32_t min_operands, max_operands;
    /* Checks attributes against operands; results in the type and shape the node must have. */
    wfc_status (*infer)(const wfc_ir_site *site, uint8_t *out_dtype, wfc_shape *out_shape);
    /* Replaces the node's attribute arrays by copies in the arena; NULL when it has none. */
    wfc_status (*copy)(wfc_graph *g, wfc_node *node, const wfc_value *operands);
    /* Text between the braces after the operands; NULL: no braces. */
    void (*print)(const wfc_graph *g, const wfc_node *node, wfc_buf *out);
    /* Reads that text into `node`; arrays go to the graph's arena. `shape` is the type annotation behind the braces,
     * found ahead by the caller: index spaces take their extents from it. */
    wfc_status (*parse)(wfc_lex *lx, wfc_graph *g, const wfc_value *operands, uint32_t operand_count,
                        const wfc_shape *shape, wfc_node *node);
    /* Fills `out`, allocated with the node's type and shape. NULL for input and const. */
    wfc_status (*eval)(const wfc_graph *g, const wfc_node *node, const wfc_tensor *const *in, wfc_tensor *out);
} wfc_core_record;

extern const wfc_core_record wfc_core_input, wfc_core_const, wfc_core_map, wfc_core_view, wfc_core_concat,
    wfc_core_contract, wfc_core_reduce;
const wfc_core_record *wfc_core_lookup(unsigned op);

static inline const wfc_node *wfc_site_operand(const wfc_ir_site *s, uint32_t k) {
    return &s->g->nodes.data[s->operands[k].i];
}

/* Product of the extents within bounds: at most 2^40 elements, so that byte counts never overflow. */
wfc_status wfc_shape_check(const wfc_shape *s, const char *where, wfc_diag *diag);
void wfc_shape_print(const wfc_shape *s, wfc_buf *out); /* [1,2,3] */

/* Index spaces (space.c). Checks names, extents, coordinates of one operand of shape `shape`. */
wfc_status wfc_space_check(const wfc_ir_site *site, const wfc_space *s);
wfc_status wfc_space_check_coords(const wfc_ir_site *site, const wfc_space *s, const wfc_affine *coords,
                                  const wfc_shape *shape, const char *which);
/* Gives missing names, zeroes what lies beyond the ranks, so that equal spaces have equal bytes. b_rank UINT32_MAX:
 * no operand b. */
void wfc_space_normalise(wfc_space *s, uint32_t a_rank, uint32_t b_rank);
/* Parses coordinates such as "n c 2y+r-2" over the named variables; *out_rank coordinates. */
wfc_status wfc_affine_parse_list(const char *text, const char *names, uint32_t name_count, wfc_affine *out,
                                 uint32_t *out_rank, const char *where, wfc_diag *diag);
void wfc_affine_print(const wfc_affine *f, const char *names, uint32_t name_count, wfc_buf *out);

/* Map expressions (expr.c). */
wfc_status wfc_expr_parse(const char *text, wfc_diag *diag, const char *where, wfc_expr_node *nodes,
                          uint32_t *out_count); /* nodes[WFC_IR_MAX_EXPR] */
void wfc_expr_print(const wfc_expr *e, wfc_buf *out);
wfc_status wfc_expr_check(const wfc_ir_site *site, const wfc_expr *e, uint32_t operand_count, uint32_t rank);

/* View steps (view.c). Checks one step over `from`. */
wfc_status wfc_view_check_step(const wfc_ir_site *site, const wfc_shape *from, const wfc_view_step *step);
/* The source of one index step: from `from`, result coordinate o -> linear element, -1 for fill. */
int64_t wfc_view_step_source(const wfc_shape *from, const wfc_view_step *step, const uint32_t *o);

/* Writes a real number so that it reads back exactly: hex float, inf, -inf, nan. */
void wfc_text_real(double v, wfc_buf *out);
/* Writes a quoted string: \" \\ and \xNN for what is not printable ASCII. */
void wfc_text_string(const char *s, wfc_buf *out);
/* Writes a value name: %name, quoted when it is no plain word. */
void wfc_text_name(const char *name, wfc_buf *out);
/* Elements (up to 64 inline, else base64): {1,2} or blob 400 { ... }. */
void wfc_text_data(wfc_dtype t, const uint8_t *bytes, uint64_t elems, wfc_buf *out);

/* Rounds to the type a map computes in, and stores with the conversions of the machine: floats to integers truncate
 * towards zero and wrap (NaN gives 0), bool is v != 0. */
double wfc_value_round(wfc_dtype t, double v);
void wfc_value_store(wfc_dtype t, void *data, size_t i, double v);
int64_t wfc_value_load_int(wfc_dtype t, const void *data, size_t i);
void wfc_value_store_int(wfc_dtype t, void *data, size_t i, int64_t v);
int64_t wfc_int_wrap(wfc_dtype t, int64_t v);

#endif
