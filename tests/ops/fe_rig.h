/* What the tests of the import share: a folder of their own, a model in it, its import and evaluation. */
#ifndef WFC_TESTS_OPS_FE_RIG_H
#define WFC_TESTS_OPS_FE_RIG_H

#include "frontend/import.h"
#include "model_builder.h"
#include "support/tensor.h"

typedef struct fe_rig {
    char folder[64], path[96]; /* path = folder/model.onnx */
    mb *model;
    wfc_diag diag;
    wfc_graph graph;
    wfc_import *import;
} fe_rig;

/* A folder and an empty model of that opset. */
void fe_rig_open(fe_rig *r, int opset);
/* Removes the folder with all its files. */
void fe_rig_close(fe_rig *r);
/* Writes the model and imports it; may be called again after changes. */
wfc_status fe_rig_import(fe_rig *r, const wfc_import_options *opt);
/* Imports the file as it lies in the folder. */
wfc_status fe_rig_import_file(fe_rig *r, const wfc_import_options *opt);
/* Text of the last diagnostic, "" when there is none. */
const char *fe_rig_message(const fe_rig *r);
/* Writes folder/name. */
void fe_rig_write(const fe_rig *r, const char *name, const void *bytes, size_t size);
/* Evaluates the imported graph on one float32 input (elements in order; NULL when it has no input) and compares
 * output 0 with `expected` (bytes of its own type). Fails the test when they differ. */
void fe_rig_expect(fe_rig *r, const float *input, size_t input_count, const void *expected, size_t expected_bytes);

#endif
