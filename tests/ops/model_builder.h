/* Small ONNX models made in a test, packed by protobuf-c: no Python needed. Out of memory ends the test program.
 * Lists of names are separated by blanks; "-" is a name left out. */
#ifndef WFC_TESTS_OPS_MODEL_BUILDER_H
#define WFC_TESTS_OPS_MODEL_BUILDER_H

#include "onnx.pb-c.h"
#include <stddef.h>
#include <stdint.h>

typedef struct mb mb;
mb *mb_new(int opset); /* default domain */
void mb_free(mb *m);
Onnx__ModelProto *mb_model(mb *m);
/* Adds a domain to opset_import. */
void mb_opset(mb *m, const char *domain, int version);

/* Shapes as text: "1,3,N" (letters make a symbol, "?" an open axis), "" a scalar. Type: ONNX DataType code. */
void mb_input(mb *m, const char *name, int type, const char *shape);
void mb_output(mb *m, const char *name, int type, const char *shape);
/* An initializer of float32 in raw_data / of int64 in int64_data. */
void mb_floats(mb *m, const char *name, const char *shape, const float *data);
void mb_ints(mb *m, const char *name, const char *shape, const int64_t *data);
/* An empty TensorProto of type and shape, in the initializers or (tensor attribute) free. */
Onnx__TensorProto *mb_initializer(mb *m, const char *name, int type, const char *shape);
void mb_raw(mb *m, Onnx__TensorProto *t, const void *bytes, size_t size);
void mb_external(mb *m, Onnx__TensorProto *t, const char *key, const char *value);

Onnx__NodeProto *mb_node(mb *m, const char *op, const char *name, const char *inputs, const char *outputs);
void mb_attr_int(mb *m, Onnx__NodeProto *n, const char *name, int64_t v);
void mb_attr_float(mb *m, Onnx__NodeProto *n, const char *name, float v);
void mb_attr_string(mb *m, Onnx__NodeProto *n, const char *name, const char *v);
void mb_attr_ints(mb *m, Onnx__NodeProto *n, const char *name, const char *list); /* "1,2,3" */
void mb_attr_tensor(mb *m, Onnx__NodeProto *n, const char *name, int type, const char *shape, const void *raw,
                    size_t size);

/* The file's bytes (caller frees) and the same written to `path`. */
uint8_t *mb_pack(mb *m, size_t *size);
void mb_write(mb *m, const char *path);

#endif
