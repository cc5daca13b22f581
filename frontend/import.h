/* ONNX import: model file -> IR graph of core ops. */
#ifndef WFC_FRONTEND_IMPORT_H
#define WFC_FRONTEND_IMPORT_H

#include "ir/graph.h"
#include "support/tensor.h"

/* The whole shape of a graph input, for axes that the model leaves open (--input-shape). */
typedef struct wfc_input_shape {
    const char *name;
    uint8_t rank;
    int64_t dims[WFC_IR_MAX_RANK];
} wfc_input_shape;

typedef struct wfc_import_options {
    const char *const *dim_names;
    const int64_t *dim_values;
    uint32_t dim_count; /* --dim NAME=V; an axis without a name is "INPUT[AXIS]" */
    const wfc_input_shape *shapes;
    uint32_t shape_count;
    bool list_folded;           /* wfc_import_folded tells what became a constant */
    uint64_t fold_budget_bytes; /* 0: default 1 GiB; bytes that folding may create */
    /* Values of graph inputs, offered: taken as constants only for an input all of whose uses say a shape, axes or the
     * like (by rule per operator); all other inputs stay inputs. Copied. */
    const char *const *bound_names;
    const wfc_tensor *bound_values;
    uint32_t bound_count;
    bool bound_strict; /* WFC_ERR_INPUT for a value that is not taken, instead of leaving the input one */
} wfc_import_options;

typedef struct wfc_import wfc_import; /* keeps the bytes of the file alive that constants borrow */
/* Reads `path`. Errors: WFC_ERR_INPUT (malformed, unbound dim, ...), WFC_ERR_UNSUPPORTED after listing every
 * unsupported node, WFC_ERR_IO. The graph borrows from *out_import: destroy the graph first. After an error *out_import
 * is NULL and the graph good for nothing but wfc_graph_deinit. */
WFC_MUST_USE wfc_status wfc_import_onnx(const char *path, const wfc_import_options *opt, wfc_diag *diag, wfc_graph *g,
                                        wfc_import **out_import);
void wfc_import_destroy(wfc_import *im);
/* Weights in large external files (above 256 MiB) are read when they are used, not at import. When such a file became
 * shorter meanwhile, what is missing read as zeros, and this is WFC_ERR_IO (WFC-E0106): ask after the last use of the
 * graph's constants and before anything made of them is kept. While such an import is there, the process' handler of
 * SIGBUS is ours; it passes on what is not of these files. */
WFC_MUST_USE wfc_status wfc_import_intact(const wfc_import *im, wfc_diag *diag);

/* A constant tensor of the model that the import read or folded: an initializer, or what a node makes of constants.
 * Constants of the imported graph that are not an operator's own have the bytes of one of them: the same elements in
 * the same order, perhaps under another shape. */
typedef struct wfc_import_tensor {
    char *name;       /* ONNX name of the value */
    bool initializer; /* else made by a node */
    uint8_t dtype, rank;
    uint32_t dims[WFC_IR_MAX_RANK];
    const void *bytes;
} wfc_import_tensor;
/* Those with elements, by name; they live as long as the import. */
const wfc_import_tensor *wfc_import_tensors(const wfc_import *im, size_t *out_count);

/* New elements for a tensor of the model: one of wfc_import_tensors by its name, with as many elements. */
typedef struct wfc_new_tensor {
    const char *name;
    uint64_t elems;
    const float *elements;
} wfc_new_tensor;
/* Writes the model file `model`, of which `im` is the import, to `out` with new elements in these tensors; every other
 * byte stays. External data files are copied to the folder of `out` under their names. All or nothing but for what
 * stood at the names of external files there. Errors: WFC_ERR_UNSUPPORTED (WFC-E0120) where the model's encoding of a
 * tensor does not allow it, WFC_ERR_INPUT (WFC-E0122) for external data that would be overwritten, WFC_ERR_IO. */
WFC_MUST_USE wfc_status wfc_import_rewrite(const wfc_import *im, const char *model, const char *out,
                                           const wfc_new_tensor *tensors, size_t count, wfc_diag *diag);

/* The nodes whose results are constants, one line each, "NAME: OP -> i64[4]" (escaped); with opt->list_folded only.
 * They live as long as the import. */
const char *const *wfc_import_folded(const wfc_import *im, size_t *out_count);

/* One ONNX operator, as its record in frontend/ops/ says (one per operator, several in a family's file). The import
 * enforces the fields itself, before it calls the operator's converter; `restrictions` is what the converter checks. */
typedef struct wfc_op_info {
    const char *domain, *name;
    int since, until;         /* operator sets of the domain */
    const char *types;        /* what it computes on at run time: "floats", "numbers", "any type", ... */
    bool folds;               /* also between constants */
    uint32_t constants;       /* bit k: input k must be known at import */
    unsigned min_in, max_in;  /* inputs; UINT_MAX: any number */
    unsigned max_out;         /* outputs that may be used; UINT_MAX: any number */
    const char *attributes;   /* "name:kind ...", kinds i f s t, capitals for lists; others are refused */
    const char *restrictions; /* "" when there are none */
} wfc_op_info;
/* The table behind `waferc ops`, sorted by name; *out_count entries, static. */
const wfc_op_info *wfc_import_ops(uint32_t *out_count);

/* `waferc inspect MODEL`: a text report of operators, inputs, outputs, what is supported; does not need the model to be
 * supported. */
WFC_MUST_USE wfc_status wfc_import_inspect(const char *path, const wfc_import_options *opt, wfc_diag *diag,
                                           wfc_buf *out);

/* A TensorProto file (.pb of test data sets) as a host tensor; name malloc'ed ("" when it has none). */
WFC_MUST_USE wfc_status wfc_import_tensor_file(const char *path, wfc_diag *diag, char **out_name, wfc_tensor *out);

#endif
