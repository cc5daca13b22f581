/* The shape of a program: what must hold before anything else may be looked at. */
#include "runtime/program/verify_parts.h"

#include <stdlib.h>
#include <string.h>

static void bad(wfc_verifier *v, const char *part, const char *problem) {
    wfc_verify_error(v, WFC_ERR_INPUT, "WFC-E1301", UINT32_MAX, part, "%s", problem);
}

static void check_text(wfc_verifier *v, const char *s, const char *part) {
    if (!s)
        bad(v, part, "a name is missing");
    else if (!wfc_is_utf8(s)) /* those were to be escaped or refused by whoever made the program */
        bad(v, part, "a name is not UTF-8");
}

static void check_table(wfc_verifier *v, const void *table, uint64_t count, const char *part) {
    if (count && !table) bad(v, part, "the table is missing");
}

static void check_lists(wfc_verifier *v) {
    const wfc_program *p = v->p;
    check_table(v, p->classes, p->class_count, "classes");
    check_table(v, p->routers, p->router_count, "routers");
    check_table(v, p->pes, p->pe_count, "PEs");
    check_table(v, p->data, p->data_count, "data");
    check_table(v, p->regs, p->regs_count, "registers");
    check_table(v, p->bulk, p->bulk_bytes, "bulk");
    check_table(v, p->runs, p->run_count, "runs");
    check_table(v, p->inputs, p->input_count, "inputs");
    check_table(v, p->outputs, p->output_count, "outputs");
    check_table(v, p->layers, p->layer_count, "layers");
    check_text(v, p->model_name, "model name");
    check_text(v, p->producer, "producer");
}

static void check_parts(wfc_verifier *v) {
    const wfc_program *p = v->p;
    for (uint32_t i = 0; i < p->class_count; i++) {
        const wfc_prog_class *c = &p->classes[i];
        check_text(v, c->name, "class name");
        check_table(v, c->insns, c->insn_count, "class instructions");
        check_table(v, c->descs, c->desc_count, "class descriptors");
        check_table(v, c->tasks, c->task_count, "class tasks");
        check_table(v, c->in_queues, c->in_count, "class in queues");
        check_table(v, c->out_queues, c->out_count, "class out queues");
        check_table(v, c->arrays, c->array_count, "class arrays");
        for (uint32_t k = 0; c->arrays && k < c->array_count; k++) check_text(v, c->arrays[k].name, "array name");
    }
    for (uint32_t i = 0; i < p->router_count; i++)
        check_table(v, p->routers[i].routes, p->routers[i].route_count, "routes");
    for (unsigned io = 0; io < 2; io++) {
        const wfc_prog_tensor *tensors = io ? p->outputs : p->inputs;
        for (uint32_t i = 0; i < (io ? p->output_count : p->input_count); i++) {
            check_text(v, tensors[i].name, "tensor name");
            check_table(v, tensors[i].streams, tensors[i].stream_count, "streams");
        }
    }
}

static bool is_amount(double d) {
    return d >= 0 && d <= 1e300; /* false for NaN and infinity */
}

static void check_layers(wfc_verifier *v) {
    const wfc_program *p = v->p;
    if (!is_amount(p->predicted_delta_t_cycles)) bad(v, "delta_t", "the prediction is not a finite amount");
    for (uint32_t i = 0; i < p->layer_count && !wfc_verify_enough(v); i++) {
        const wfc_prog_layer *l = &p->layers[i];
        check_text(v, l->name, "layer name");
        check_text(v, l->kind, "layer kind");
        check_text(v, l->split, "layer split");
        check_table(v, l->nodes, l->node_count, "layer nodes");
        for (uint32_t k = 0; l->nodes && k < l->node_count; k++) check_text(v, l->nodes[k], "node name");
        bool empty = l->rect.w == 0 && l->rect.h == 0 && l->pe_count == 0;
        if (!empty && (l->rect.w == 0 || l->rect.h == 0 || (uint32_t)l->rect.x + l->rect.w > p->target.width ||
                       (uint32_t)l->rect.y + l->rect.h > p->target.height))
            wfc_verify_error(v, WFC_ERR_INPUT, "WFC-E1314", UINT32_MAX, l->name,
                             "the layer's rectangle %u,%u of %u x %u PEs is empty or leaves the fabric of %u x %u",
                             l->rect.x, l->rect.y, l->rect.w, l->rect.h, p->target.width, p->target.height);
        if (!is_amount(l->predicted_cycles) || !is_amount(l->predicted_compute) || !is_amount(l->predicted_receive) ||
            !is_amount(l->predicted_reduce) || !is_amount(l->predicted_epilogue) || !is_amount(l->predicted_send) ||
            !is_amount(l->predicted_lane))
            bad(v, l->name, "a prediction is not a finite amount");
    }
}

static bool is_defect(const wfc_target *t, unsigned x, unsigned y) {
    for (uint32_t lo = 0, hi = t->bad_pe_count; lo < hi;) {
        uint32_t mid = lo + (hi - lo) / 2;
        uint32_t key = (uint32_t)t->bad_pes[mid].y << 16 | t->bad_pes[mid].x, want = (uint32_t)y << 16 | x;
        if (key == want) return true;
        if (key < want)
            lo = mid + 1;
        else
            hi = mid;
    }
    return false;
}

static bool outside(uint32_t first, uint32_t count, uint32_t rows) {
    return first > rows || count > rows - first;
}

static void check_pe(wfc_verifier *v, uint32_t i) {
    const wfc_program *p = v->p;
    const wfc_prog_pe *pe = &p->pes[i];
    const char *problem = NULL;
    uint32_t params = p->target.registers - 1u;
    if (pe->class_index != UINT32_MAX && pe->class_index >= p->class_count)
        problem = "its class does not exist";
    else if (pe->router_index != UINT32_MAX && pe->router_index >= p->router_count)
        problem = "its route set does not exist";
    else if (pe->layer != UINT32_MAX && pe->layer >= p->layer_count)
        problem = "its layer does not exist";
    else if (outside(pe->data_first, pe->data_count, p->data_count))
        problem = "its data lie outside the data table";
    else if (outside(pe->regs_first, pe->reg_count, p->regs_count))
        problem = "its initial registers lie outside the table";
    else if (pe->reg_count > params)
        problem = "it has more initial registers than the PE has";
    else if (pe->class_index == UINT32_MAX && (pe->data_count || pe->reg_count))
        problem = "it has data or registers and no code";
    if (problem) wfc_verify_error(v, WFC_ERR_INPUT, "WFC-E1312", i, NULL, "%s", problem);
}

/* Ascending by (y, x), each once, inside the fabric, none on a defect. */
static void check_places(wfc_verifier *v) {
    const wfc_program *p = v->p;
    uint64_t previous = 0;
    for (uint32_t i = 0; i < p->pe_count && !wfc_verify_enough(v); i++) {
        const wfc_prog_pe *pe = &p->pes[i];
        uint64_t key = ((uint64_t)pe->y << 16 | pe->x) + 1;
        if (pe->x >= p->target.width || pe->y >= p->target.height) {
            wfc_verify_error(v, WFC_ERR_NO_FIT, "WFC-E1312", i, NULL, "the PE lies outside the fabric of %u x %u PEs",
                             p->target.width, p->target.height);
            continue;
        }
        if (key <= previous)
            wfc_verify_error(v, WFC_ERR_INPUT, "WFC-E1312", i, NULL, "PEs must ascend by (y, x), each once");
        previous = key;
        if (is_defect(&p->target, pe->x, pe->y))
            wfc_verify_error(v, WFC_ERR_NO_FIT, "WFC-E1312", i, NULL, "the target lists this PE as defective");
        check_pe(v, i);
    }
}

/* The target may have been built in memory: hold it to the rules of its file. */
static void check_target(wfc_verifier *v) {
    wfc_target copy;
    for (unsigned s = 0; s < 2; s++) check_table(v, v->p->target.io_rows[s], v->p->target.io_count[s], "target ports");
    check_table(v, v->p->target.bad_pes, v->p->target.bad_pe_count, "target defects");
    check_table(v, v->p->target.bad_links, v->p->target.bad_link_count, "target defects");
    if (v->errors) return;
    char *json = wfc_target_to_json(&v->p->target);
    if (!json) {
        v->status = wfc_fail_memory(v->diag);
        v->errors++;
        return;
    }
    wfc_status s = wfc_target_parse(json, strlen(json), "the program's target", v->diag, &copy);
    wfc_free(json);
    if (s == WFC_OK) {
        wfc_target_deinit(&copy);
    } else {
        v->errors++;
        v->status = s;
    }
}

void wfc_verify_shape(wfc_verifier *v) {
    const wfc_program *p = v->p;
    if (p->version != WFC_PROGRAM_VERSION) {
        wfc_verify_error(v, WFC_ERR_INPUT, "WFC-E1301", UINT32_MAX, NULL, "program version %u, expected %u", p->version,
                         WFC_PROGRAM_VERSION);
        return;
    }
    check_target(v);
    if (!v->errors) check_lists(v);
    if (!v->errors) check_parts(v);
    if (!v->errors) check_layers(v);
    if (!v->errors) check_places(v);
}
