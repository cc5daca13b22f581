/* Private to passes/: replacements recorded first and applied once, and small questions that several passes ask. */
#ifndef WFC_PASSES_REWRITE_H
#define WFC_PASSES_REWRITE_H

#include "ir/graph.h"

typedef struct wfc_rewrite {
    uint32_t *to; /* by node; itself when it stays */
    uint32_t count;
} wfc_rewrite;

WFC_MUST_USE wfc_status wfc_rewrite_begin(wfc_rewrite *r, const wfc_graph *g);
/* Uses of `from` become uses of `to`, which takes over its locations unless it is an input or a constant. */
WFC_MUST_USE wfc_status wfc_rewrite_set(wfc_rewrite *r, wfc_graph *g, wfc_value from, wfc_value to);
/* Applies all replacements and drops what nothing uses. Frees the record, also on failure. */
WFC_MUST_USE wfc_status wfc_rewrite_end(wfc_rewrite *r, wfc_graph *g);
void wfc_rewrite_abandon(wfc_rewrite *r);

/* Appends the locations of `from` to `to`. */
WFC_MUST_USE wfc_status wfc_rewrite_merge_locs(wfc_graph *g, wfc_value from, wfc_value to);

static inline bool wfc_is_const(const wfc_graph *g, wfc_value v) {
    return g->nodes.data[v.i].op == WFC_CORE_CONST;
}
/* A constant whose elements are all one value: true with *out set. NaN is none; integers beyond 2^53 and constants
 * above 64 MiB neither. */
bool wfc_const_splat(const wfc_graph *g, wfc_value v, double *out);
/* Whether the affine expression is exactly variable `v`. */
bool wfc_affine_is(const wfc_affine *f, uint32_t v);
/* The only variable it uses, -1 for none, -2 for several. */
int wfc_affine_single(const wfc_affine *f);

/* Rewrites an expression to fewer nodes with the same value, bit for bit: literals for operands (has[k], value[k]),
 * constant parts, x*1, x/1, x+(-0), x-0, casts that do nothing, nodes nothing uses. `type` as wfc_ir_map_type.
 * nodes[WFC_IR_MAX_EXPR] receives the result. */
void wfc_expr_simplify(const wfc_expr *e, wfc_dtype type, wfc_dtype result, const bool *has, const double *value,
                       wfc_expr_node *nodes, uint32_t *out_count);
/* The expression's value for literal operands only, rounded as a map would; false when it is not (index). */
bool wfc_expr_constant(const wfc_expr *e, wfc_dtype type, wfc_dtype result, const double *operands, uint32_t count,
                       double *out);

#endif
