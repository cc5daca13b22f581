#include "onnx_case.h"
#include "backend/compile.h"
#include "fe_compare.h"
#include "frontend/import.h"
#include "ir/eval/eval.h"
#include "passes/pass.h"
#include "runtime/fast/fast.h"
#include "runtime/host/elements.h"
#include "runtime/host/run.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_TENSORS = 24 };

const char *const onnx_verdict_names[ONNX_VERDICTS] = {"executed", "folded", "refused", "wrong", "error"};

typedef struct tensor_set {
    wfc_tensor data[MAX_TENSORS];
    char *names[MAX_TENSORS];
    uint32_t count;
    bool unreadable; /* a sequence, string, ... */
} tensor_set;

static void read_set(const char *folder, const char *what, tensor_set *set) {
    *set = (tensor_set){.count = 0};
    for (uint32_t i = 0; i < MAX_TENSORS; i++) {
        char path[600];
        struct stat st;
        snprintf(path, sizeof path, "%s/test_data_set_0/%s_%u.pb", folder, what, i);
        if (stat(path, &st) != 0) return;
        if (wfc_import_tensor_file(path, NULL, &set->names[i], &set->data[i]) != WFC_OK)
            set->unreadable = true;
        else
            set->count = i + 1;
    }
}

static void free_set(tensor_set *set) {
    for (uint32_t i = 0; i < MAX_TENSORS; i++) {
        wfc_tensor_deinit(&set->data[i]);
        wfc_free(set->names[i]);
    }
}

typedef struct job {
    tensor_set in, out;
    const tensor_set *given; /* `in` */
    const wfc_target *target;
    wfc_diag diag;
    wfc_graph g;
    wfc_import *import;
    wfc_program program;
    char *why;
    size_t size;
} job;

static onnx_verdict last_message(job *j, onnx_verdict v) {
    for (size_t i = j->diag.count; i-- > 0;)
        if (j->diag.items[i].severity == WFC_ERROR) {
            snprintf(j->why, j->size, "%s %s: %s", j->diag.items[i].code, j->diag.items[i].where,
                     j->diag.items[i].text);
            return v;
        }
    snprintf(j->why, j->size, "no message");
    return v;
}

/* Which outputs depend on an input node: all, none or some. */
typedef enum dependence { NONE, SOME, ALL } dependence;
static dependence depends_on_input(const wfc_graph *g) {
    bool *made_of_input = calloc(g->nodes.count + 1, sizeof *made_of_input);
    size_t count = 0;
    for (size_t i = 0; made_of_input && i < g->nodes.count; i++) {
        made_of_input[i] = g->nodes.data[i].op == WFC_CORE_INPUT;
        for (uint32_t k = 0; k < g->nodes.data[i].operand_count; k++)
            made_of_input[i] |= made_of_input[wfc_ir_operand(g, (wfc_value){(uint32_t)i}, k).i];
    }
    for (size_t i = 0; made_of_input && i < g->outputs.count; i++) count += made_of_input[g->outputs.data[i].value.i];
    free(made_of_input);
    return count == 0 ? NONE : count == g->outputs.count ? ALL : SOME;
}

/* The data for an input of that name; by position where the files have no names. */
static wfc_tensor *data_of(job *j, const char *name, uint32_t position) {
    for (uint32_t k = 0; k < j->in.count; k++)
        if (*j->in.names[k] ? !strcmp(j->in.names[k], name) : k == position) return &j->in.data[k];
    return NULL;
}

/* The suite was made by a numpy without bfloat16: such tensors are recorded as uint16 with the same bits, some of them
 * flattened. They get back the type, and inputs the shape, that the model declares. */
static void restore_bf16(job *j) {
    const uint8_t bf16_code = 16;
    uint32_t position = 0;
    for (size_t i = 0; i < j->g.nodes.count; i++) {
        const wfc_node *n = &j->g.nodes.data[i];
        if (n->op != WFC_CORE_INPUT) continue;
        wfc_tensor *t = data_of(j, n->u.input.host_name, position++);
        if (!t || n->u.input.host_dtype != bf16_code || t->dtype != WFC_U16) continue;
        t->dtype = WFC_BF16;
        if (wfc_tensor_elems(t) != wfc_shape_elems(&n->shape)) continue;
        t->rank = n->shape.rank;
        memcpy(t->dims, n->shape.dims, sizeof t->dims[0] * t->rank);
    }
    for (uint32_t k = 0; k < j->out.count && k < j->g.outputs.count; k++)
        if (j->g.outputs.data[k].host_dtype == bf16_code && j->out.data[k].dtype == WFC_U16)
            j->out.data[k].dtype = WFC_BF16;
}

/* --- reference evaluator ------------------------------------------------------------------------------------------ */

/* The evaluator takes and gives elements of the IR's types; the host converts between these and the user's, which
 * compare() does in its place. */
static bool compare(job *j, wfc_tensor *made, const wfc_tensor *expected) {
    if (made->dtype != expected->dtype) {
        wfc_tensor t;
        if (wfc_tensor_init(&t, (wfc_dtype)expected->dtype, made->rank, made->dims) != WFC_OK) return false;
        for (uint64_t i = 0; i < wfc_tensor_elems(made); i++)
            wfc_dtype_set((wfc_dtype)t.dtype, t.data, i, wfc_dtype_get((wfc_dtype)made->dtype, made->data, i));
        wfc_tensor_deinit(made);
        *made = t;
    }
    return fe_tensors_agree(made, expected, j->why, j->size);
}

/* Whether the evaluator gets the recorded outputs; *verdict says what became of the case if not. */
static bool evaluate(job *j, onnx_verdict *verdict) {
    *verdict = ONNX_WRONG;
    wfc_tensor given[MAX_TENSORS], made[MAX_TENSORS];
    uint32_t count = 0;
    bool ok = true;
    memset(made, 0, sizeof made);
    memset(given, 0, sizeof given);
    for (size_t i = 0; i < j->g.nodes.count && ok; i++) {
        const wfc_node *n = &j->g.nodes.data[i];
        if (n->op != WFC_CORE_INPUT) continue;
        const wfc_tensor *t = data_of(j, n->u.input.host_name, count);
        ok = t && wfc_tensor_init(&given[count], (wfc_dtype)n->dtype, t->rank, t->dims) == WFC_OK;
        ok = ok && wfc_tensor_elems(t) == wfc_shape_elems(&n->shape);
        size_t elems = ok ? (size_t)wfc_tensor_elems(t) : 0;
        ok = ok && wfc_convert((wfc_dtype)t->dtype, t->data, (wfc_dtype)n->dtype, given[count].data, elems) == elems;
        count++;
    }
    if (!ok) {
        *verdict = ONNX_ERROR;
        snprintf(
            j->why, j->size,
            "there is no data for an input, or it fits neither its shape nor the element type that the PEs compute in");
    } else if (j->out.unreadable || j->out.count != j->g.outputs.count) {
        snprintf(j->why, j->size, "the recorded outputs cannot be read");
        ok = false;
    } else if (wfc_ir_eval(&j->g, given, count, &j->diag, made) != WFC_OK) {
        (void)last_message(j, ONNX_WRONG);
        ok = false;
    }
    for (uint32_t k = 0; k < j->out.count && ok; k++) ok = compare(j, &made[k], &j->out.data[k]);
    for (uint32_t k = 0; k < MAX_TENSORS; k++) wfc_tensor_deinit(&made[k]), wfc_tensor_deinit(&given[k]);
    return ok;
}

/* --- simulator -----------------------------------------------------------------------------------------------------
 */

static wfc_status take_inputs(job *j, wfc_tensor_list *list) {
    for (uint32_t i = 0; i < j->program.input_count; i++) {
        const wfc_tensor *t = data_of(j, j->program.inputs[i].name, i);
        wfc_tensor copy;
        if (!t) return wfc_fail(&j->diag, WFC_ERR_INPUT, "test", j->program.inputs[i].name, "no data for this input");
        WFC_TRY(wfc_tensor_init(&copy, (wfc_dtype)t->dtype, t->rank, t->dims));
        memcpy(copy.data, t->data, wfc_tensor_elems(t) * wfc_dtype_bytes((wfc_dtype)t->dtype));
        WFC_TRY(wfc_tensor_list_take(list, j->program.inputs[i].name, &copy, &j->diag));
    }
    return WFC_OK;
}

static onnx_verdict simulate(job *j) {
    wfc_host_options opt = {.engine = wfc_fast_run, .sim.max_cycles = 20000000};
    wfc_tensor_list list = {0};
    wfc_host_run run = {0};
    wfc_status s = take_inputs(j, &list);
    if (s == WFC_OK) s = wfc_host_execute(&j->program, &list, 1, &opt, &j->diag, &run);
    onnx_verdict v = s == WFC_OK ? ONNX_EXECUTED : last_message(j, ONNX_ERROR);
    for (uint32_t k = 0; k < j->out.count && v == ONNX_EXECUTED; k++) {
        ptrdiff_t at = wfc_tensor_list_find(&run.outputs, j->g.outputs.data[k].host_name);
        if (at < 0 || !fe_tensors_agree(&run.outputs.data[at].tensor, &j->out.data[k], j->why, j->size)) v = ONNX_WRONG;
    }
    if (v == ONNX_EXECUTED && run.sim.words_injected == 0) v = ONNX_ERROR;
    wfc_host_run_deinit(&run);
    wfc_tensor_list_deinit(&list);
    return v;
}

static onnx_verdict compile(job *j) {
    wfc_compile_options opt = {.seed = 1, .model_name = "case", .place = WFC_PLACE_SLABS};
    wfc_status s = wfc_pass_run(&j->g, wfc_pass_default_pipeline(), &j->diag, NULL, NULL);
    if (s == WFC_OK) s = wfc_be_compile(&j->g, j->target, &opt, &j->diag, &j->program);
    if (s == WFC_OK) return simulate(j);
    return last_message(j, s == WFC_ERR_UNSUPPORTED ? ONNX_REFUSED : ONNX_ERROR);
}

static onnx_verdict run_job(job *j, const char *path) {
    wfc_import_options opt = {.bound_names = (const char *const *)j->in.names,
                              .bound_values = j->in.data,
                              .bound_count = j->in.unreadable ? 0 : j->in.count};
    wfc_status status = wfc_import_onnx(path, &opt, &j->diag, &j->g, &j->import);
    if (status != WFC_OK) return last_message(j, status == WFC_ERR_UNSUPPORTED ? ONNX_REFUSED : ONNX_ERROR);
    onnx_verdict verdict;
    restore_bf16(j);
    if (!evaluate(j, &verdict)) return verdict;
    return depends_on_input(&j->g) == NONE ? ONNX_FOLDED : compile(j);
}

onnx_verdict onnx_case_run(const char *folder, const wfc_target *target, char *why, size_t size) {
    job j = {.target = target, .why = why, .size = size};
    char path[600];
    why[0] = 0;
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    read_set(folder, "input", &j.in);
    read_set(folder, "output", &j.out);
    wfc_diag_init(&j.diag);
    wfc_graph_init(&j.g);
    onnx_verdict v = run_job(&j, path);
    wfc_program_deinit(&j.program);
    wfc_graph_deinit(&j.g);
    wfc_import_destroy(j.import);
    wfc_diag_deinit(&j.diag);
    free_set(&j.in);
    free_set(&j.out);
    return v;
}
