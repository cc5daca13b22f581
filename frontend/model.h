/* A model file in memory: unpacked messages plus the bytes that weights lie in. Private to the frontend. */
#ifndef WFC_FRONTEND_MODEL_H
#define WFC_FRONTEND_MODEL_H

#include "frontend/import.h"
#include "onnx.pb-c.h"

typedef struct wfc_fe_buffer {
    uint8_t *bytes;
    size_t size;
} wfc_fe_buffer;

/* An external data file, loaded once: read into memory, or mapped where it is large. */
typedef struct wfc_fe_external {
    char *location; /* as written in the model */
    wfc_fe_buffer data;
    bool mapped;
} wfc_fe_external;

/* Everything that constants of the graph may borrow. */
struct wfc_import {
    wfc_fe_buffer file;
    WFC_VEC(wfc_fe_external) externals;
    WFC_VEC(void *) owned; /* buffers made by reading typed fields and by folding */
    WFC_VEC(wfc_import_tensor) tensors;
    WFC_VEC(char *) folded; /* lines of wfc_import_folded */
};

typedef struct wfc_fe_model {
    const char *path; /* borrowed from the caller */
    Onnx__ModelProto *proto;
    wfc_import *import;
    uint64_t budget_bytes; /* what folding and copies may still create */
    wfc_diag *diag;
} wfc_fe_model;

enum {
    WFC_FE_MAX_FILE_GIB = 8,        /* largest model file */
    WFC_FE_MAX_EXTERNAL_GIB = 4096, /* all external data files together */
    WFC_FE_MAX_READ_MIB = 256       /* of these, what is read into memory; the rest is mapped */
};

/* Reads, scans and unpacks `path`. On failure nothing is left. */
WFC_MUST_USE wfc_status wfc_fe_model_load(wfc_fe_model *m, const char *path, const wfc_import_options *opt,
                                          wfc_diag *diag);
/* Frees the messages; the import too unless it was taken (m->import set to NULL). */
void wfc_fe_model_deinit(wfc_fe_model *m);
/* For protobuf-c to unpack with and to free with; *failed, which it refers to, tells a lack of memory from messages
 * that do not parse. */
ProtobufCAllocator wfc_fe_message_allocator(bool *failed);

/* A zeroed buffer the import owns, charged to the budget. `where` names the node or tensor. WFC_ERR_INPUT when the
 * budget is spent. The address is aligned for every type, and unique also for 0 bytes. */
WFC_MUST_USE wfc_status wfc_fe_model_alloc(wfc_fe_model *m, const char *where, uint64_t bytes, void **out);

/* A constant tensor: bytes borrowed from the import, aligned for the type, row-major. */
typedef struct wfc_fe_const {
    uint8_t dtype; /* wfc_dtype */
    uint8_t rank;
    int64_t dims[WFC_IR_MAX_RANK];
    const void *bytes;
    uint64_t elems;
} wfc_fe_const;

/* dtype of an ONNX TensorProto.DataType code; false for types we do not read (strings, complex, floats of 4 to 8 bits).
 */
bool wfc_fe_dtype(int code, wfc_dtype *out);
int wfc_fe_dtype_code(wfc_dtype t);
/* English name of an ONNX data type code: "float32", "string", "type 31". Not thread-safe for unknown codes. */
const char *wfc_fe_dtype_code_name(int code);

/* Product of dims, checked against `limit`; false when a dim is negative or the product exceeds it. */
bool wfc_fe_elems(const int64_t *dims, size_t rank, uint64_t limit, uint64_t *out);

/* Decodes a TensorProto in any encoding. WFC_ERR_UNSUPPORTED without a diagnostic, *reason a static text, for types or
 * ranks that we do not read; WFC_ERR_INPUT with one for a malformed tensor. */
WFC_MUST_USE wfc_status wfc_fe_tensor_decode(wfc_fe_model *m, const char *where, const Onnx__TensorProto *t,
                                             wfc_fe_const *out, const char **reason);

/* The same of a SparseTensorProto, made dense (charged to the folding budget). */
WFC_MUST_USE wfc_status wfc_fe_sparse_decode(wfc_fe_model *m, const char *where, const Onnx__SparseTensorProto *t,
                                             wfc_fe_const *out, const char **reason);
/* Floats of 4 to 8 bits and integers of 2 and 4 become what holds all of them: *out float32, int8 or uint8. False for
 * other codes. small_float.c */
bool wfc_fe_small_type(int code, wfc_dtype *out, unsigned *bits);
/* Element `raw` of such a type, its low bits. */
double wfc_fe_small_value(int code, unsigned raw);

/* The bytes of a tensor stored outside the model file; see external.c for what is refused. */
WFC_MUST_USE wfc_status wfc_fe_external_data(wfc_fe_model *m, const char *where, const Onnx__TensorProto *t,
                                             const uint8_t **out_bytes, uint64_t *out_size);
void wfc_fe_external_free(wfc_fe_external *e);

#endif
