/* Reading a model file: bytes -> pre-scan -> protobuf-c. */
#include "frontend/model.h"
#include "frontend/wire.h"
#include "support/file.h"
#include <string.h>

enum { DEFAULT_BUDGET_GIB = 1 };

static void *message_alloc(void *failed, size_t size) {
    void *p = wfc_calloc(size, 1);
    if (!p) *(bool *)failed = true;
    return p;
}

static void message_free(void *failed, void *p) {
    (void)failed;
    wfc_free(p);
}

ProtobufCAllocator wfc_fe_message_allocator(bool *failed) {
    *failed = false;
    return (ProtobufCAllocator){message_alloc, message_free, failed};
}

static wfc_status unpack(wfc_fe_model *m) {
    wfc_import *im = m->import;
    uint8_t *skeleton = NULL;
    size_t size = 0;
    WFC_TRY(wfc_file_read(m->path, (size_t)WFC_FE_MAX_FILE_GIB << 30, m->diag, &im->file.bytes, &im->file.size));
    if (im->file.size == 0)
        return wfc_fail(m->diag, WFC_ERR_INPUT, "WFC-E0104", m->path, "the file is empty; expected an ONNX model");
    WFC_TRY(wfc_fe_wire_scan(im->file.bytes, im->file.size, WFC_FE_WIRE_MODEL, m->path, m->diag, &skeleton, &size));
    bool no_memory;
    ProtobufCAllocator allocator = wfc_fe_message_allocator(&no_memory);
    m->proto = onnx__model_proto__unpack(&allocator, size, skeleton);
    wfc_free(skeleton);
    if (!m->proto && no_memory) return wfc_fail_memory(m->diag);
    if (!m->proto)
        return wfc_fail(m->diag, WFC_ERR_INPUT, "WFC-E0104", m->path, "the ONNX messages in this file do not parse");
    if (!m->proto->graph || m->proto->graph->n_output == 0)
        return wfc_fail(m->diag, WFC_ERR_INPUT, "WFC-E0104", m->path,
                        "no ONNX graph with outputs in this file; is it an ONNX model?");
    return WFC_OK;
}

wfc_status wfc_fe_model_load(wfc_fe_model *m, const char *path, const wfc_import_options *opt, wfc_diag *diag) {
    *m = (wfc_fe_model){.path = path, .diag = diag};
    m->budget_bytes = opt && opt->fold_budget_bytes ? opt->fold_budget_bytes : (uint64_t)DEFAULT_BUDGET_GIB << 30;
    m->import = wfc_calloc(1, sizeof *m->import);
    if (!m->import) return wfc_fail_memory(diag);
    wfc_status status = unpack(m);
    if (status != WFC_OK) wfc_fe_model_deinit(m);
    return status;
}

void wfc_fe_model_deinit(wfc_fe_model *m) {
    bool unused;
    ProtobufCAllocator allocator = wfc_fe_message_allocator(&unused);
    if (m->proto) onnx__model_proto__free_unpacked(m->proto, &allocator);
    wfc_import_destroy(m->import);
    *m = (wfc_fe_model){0};
}

void wfc_import_destroy(wfc_import *im) {
    if (!im) return;
    for (size_t i = 0; i < im->externals.count; i++) wfc_fe_external_free(&im->externals.data[i]);
    for (size_t i = 0; i < im->owned.count; i++) wfc_free(im->owned.data[i]);
    for (size_t i = 0; i < im->tensors.count; i++) wfc_free(im->tensors.data[i].name);
    for (size_t i = 0; i < im->folded.count; i++) wfc_free(im->folded.data[i]);
    wfc_vec_free(&im->folded);
    wfc_vec_free(&im->tensors);
    wfc_vec_free(&im->externals);
    wfc_vec_free(&im->owned);
    wfc_free(im->file.bytes);
    wfc_free(im);
}

wfc_status wfc_fe_model_alloc(wfc_fe_model *m, const char *where, uint64_t bytes, void **out) {
    if (bytes > m->budget_bytes)
        return wfc_fail(m->diag, WFC_ERR_INPUT, "WFC-E0115", where,
                        "folding constants here would create %llu bytes, but only %llu of the budget are left. Store "
                        "the tensor in the model as an initializer, or make it smaller",
                        (unsigned long long)bytes, (unsigned long long)m->budget_bytes);
    if (wfc_vec_reserve(&m->import->owned, 1) != WFC_OK) return wfc_fail_memory(m->diag);
    void *p = bytes > SIZE_MAX ? NULL : wfc_calloc((size_t)bytes, 1);
    if (!p) return wfc_fail_memory(m->diag);
    m->import->owned.data[m->import->owned.count++] = p;
    m->budget_bytes -= bytes;
    *out = p;
    return WFC_OK;
}
