#include "fe_rig.h"
#include "ir/eval/eval.h"
#include <check.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void fe_rig_open(fe_rig *r, int opset) {
    *r = (fe_rig){.model = mb_new(opset)};
    const char *tmp = getenv("TMPDIR");
    snprintf(r->folder, sizeof r->folder, "%.40s/wfc_fe_XXXXXX", tmp && *tmp ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(r->folder));
    snprintf(r->path, sizeof r->path, "%s/model.onnx", r->folder);
    wfc_diag_init(&r->diag);
    wfc_graph_init(&r->graph);
}

static void reset(fe_rig *r) {
    wfc_graph_deinit(&r->graph);
    wfc_import_destroy(r->import);
    wfc_diag_deinit(&r->diag);
    r->import = NULL;
    wfc_diag_init(&r->diag);
    wfc_graph_init(&r->graph);
}

static void remove_folder(const char *folder) {
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char path[512];
        struct stat st;
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
            remove_folder(path);
        else
            unlink(path);
    }
    if (dir) closedir(dir);
    rmdir(folder);
}

void fe_rig_close(fe_rig *r) {
    reset(r);
    wfc_graph_deinit(&r->graph);
    wfc_diag_deinit(&r->diag);
    mb_free(r->model);
    remove_folder(r->folder);
}

wfc_status fe_rig_import_file(fe_rig *r, const wfc_import_options *opt) {
    reset(r);
    wfc_status s = wfc_import_onnx(r->path, opt, &r->diag, &r->graph, &r->import);
    ck_assert_msg((s == WFC_OK) == (r->import != NULL), "an import is returned exactly on success");
    ck_assert_msg(s == WFC_OK || r->diag.error_count > 0, "a failure without a message");
    return s;
}

wfc_status fe_rig_import(fe_rig *r, const wfc_import_options *opt) {
    mb_write(r->model, r->path);
    return fe_rig_import_file(r, opt);
}

const char *fe_rig_message(const fe_rig *r) {
    return r->diag.count ? r->diag.items[r->diag.count - 1].text : "";
}

void fe_rig_write(const fe_rig *r, const char *name, const void *bytes, size_t size) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", r->folder, name);
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(bytes, 1, size, f), size);
    fclose(f);
}

void fe_rig_expect(fe_rig *r, const float *input, size_t input_count, const void *expected, size_t expected_bytes) {
    wfc_tensor in = {0}, out[4];
    memset(out, 0, sizeof out);
    uint32_t inputs = 0;
    for (size_t i = 0; i < r->graph.nodes.count; i++) {
        const wfc_node *n = &r->graph.nodes.data[i];
        if (n->op != WFC_CORE_INPUT) continue;
        ck_assert_uint_eq(inputs++, 0);
        ck_assert_int_eq(wfc_tensor_init(&in, (wfc_dtype)n->dtype, n->shape.rank, n->shape.dims), WFC_OK);
        ck_assert_uint_eq(wfc_tensor_elems(&in), input_count);
        memcpy(in.data, input, input_count * sizeof *input);
    }
    ck_assert_uint_eq(inputs, input != NULL);
    ck_assert_uint_le(r->graph.outputs.count, 4);
    wfc_status s = wfc_ir_eval(&r->graph, &in, inputs, &r->diag, out);
    ck_assert_msg(s == WFC_OK, "%s", fe_rig_message(r));
    wfc_dtype t = (wfc_dtype)out[0].dtype;
    ck_assert_uint_eq(wfc_tensor_elems(&out[0]) * wfc_dtype_bytes(t), expected_bytes);
    if (t == WFC_F32)
        for (size_t i = 0; i < expected_bytes / 4; i++) {
            float found = ((float *)out[0].data)[i], wanted = ((const float *)expected)[i];
            if (found == wanted || (isnan(found) && isnan(wanted))) continue; /* infinities have no distance */
            ck_assert_float_eq_tol(found, wanted, 1e-5f);
        }
    else
        ck_assert_mem_eq(out[0].data, expected, expected_bytes);
    for (unsigned i = 0; i < 4; i++) wfc_tensor_deinit(&out[i]);
    wfc_tensor_deinit(&in);
}
