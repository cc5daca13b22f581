/* The reference evaluator: slow, obvious, the oracle of every pass and of the simulator; also folds constants.
 * Sums are kept in double and rounded once to the result's type. The runtime never links it. */
#ifndef WFC_IR_EVAL_H
#define WFC_IR_EVAL_H

#include "ir/graph.h"
#include "support/tensor.h"

/* Evaluates one node from its operands' tensors. `in` has operand_count entries. */
WFC_MUST_USE wfc_status wfc_ir_eval_node(const wfc_graph *g, wfc_value v, const wfc_tensor *const *in, wfc_diag *diag,
                                         wfc_tensor *out);
/* Evaluates the graph: `inputs` in the order of the input nodes; `outputs` in the order of g->outputs (caller frees
 * each). */
WFC_MUST_USE wfc_status wfc_ir_eval(const wfc_graph *g, const wfc_tensor *inputs, uint32_t input_count, wfc_diag *diag,
                                    wfc_tensor *outputs);
/* The same; `watch` sees each node that is evaluated with its operands' tensors, and an error of its ends the run. */
typedef wfc_status (*wfc_ir_watch)(void *ctx, wfc_value v, const wfc_tensor *const *in);
WFC_MUST_USE wfc_status wfc_ir_eval_watched(const wfc_graph *g, const wfc_tensor *inputs, uint32_t input_count,
                                            wfc_ir_watch watch, void *ctx, wfc_diag *diag, wfc_tensor *outputs);

#endif
