/* Metadata of a program file to and from protobuf (wafer.proto). */
#include "runtime/program/file_parts.h"

#include "wafer.pb-c.h"
#include <string.h>

/* ---- writing ---- */

/* The message is built in a scratch arena; strings and numbers are borrowed from the program where types agree. */
typedef struct writer {
    wfc_arena arena;
    bool failed;
} writer;

static void *grab(writer *w, size_t count, size_t size) {
    void *p = wfc_arena_alloc(&w->arena, count, size);
    if (!p) w->failed = true;
    return p;
}

static char *text(const char *s) {
    return (char *)(uintptr_t)(s ? s : ""); /* protobuf-c's fields are not const; packing does not write to them */
}

static uint32_t *put_bindings(writer *w, const wfc_prog_binding *from, uint32_t n) {
    uint32_t *out = grab(w, n, 2 * sizeof *out);
    for (uint32_t i = 0; out && i < n; i++) {
        out[2 * i] = from[i].queue;
        out[2 * i + 1] = from[i].colour;
    }
    return out;
}

/* An array of pointers to `count` messages that follow each other in memory. */
#define NEW_MESSAGES(w, type, init, count, out_pointers, out_messages)                                                 \
    type *out_messages = grab((w), (count), sizeof *out_messages);                                                     \
    type **out_pointers = grab((w), (count), sizeof *out_pointers);                                                    \
    for (uint32_t k_ = 0; out_messages && out_pointers && k_ < (count); k_++) {                                        \
        out_messages[k_] = (type)init;                                                                                 \
        out_pointers[k_] = &out_messages[k_];                                                                          \
    }

static void put_class(writer *w, const wfc_prog_class *c, Wfc__Pb__ClassInfo *out) {
    NEW_MESSAGES(w, Wfc__Pb__Task, WFC__PB__TASK__INIT, c->task_count, tasks, task)
    NEW_MESSAGES(w, Wfc__Pb__Array, WFC__PB__ARRAY__INIT, c->array_count, arrays, array)
    out->in_queues = put_bindings(w, c->in_queues, c->in_count);
    out->out_queues = put_bindings(w, c->out_queues, c->out_count);
    if (w->failed) return;
    out->name = text(c->name);
    out->insn_count = c->insn_count;
    out->desc_count = c->desc_count;
    out->n_in_queues = 2 * (size_t)c->in_count;
    out->n_out_queues = 2 * (size_t)c->out_count;
    out->tasks = tasks;
    out->n_tasks = c->task_count;
    out->arrays = arrays;
    out->n_arrays = c->array_count;
    for (uint32_t i = 0; i < c->task_count; i++) {
        task[i].id = c->tasks[i].id;
        task[i].kind = c->tasks[i].kind;
        task[i].flags = c->tasks[i].flags;
        task[i].queue = c->tasks[i].queue;
        task[i].entry = c->tasks[i].entry;
    }
    for (uint32_t i = 0; i < c->array_count; i++) {
        array[i].name = text(c->arrays[i].name);
        array[i].addr = c->arrays[i].addr;
        array[i].bytes = c->arrays[i].bytes;
        array[i].category = c->arrays[i].category;
    }
}

static void put_tensor(writer *w, const wfc_prog_tensor *t, Wfc__Pb__Tensor *out) {
    NEW_MESSAGES(w, Wfc__Pb__Stream, WFC__PB__STREAM__INIT, t->stream_count, streams, stream)
    out->dims = grab(w, t->rank, sizeof *out->dims);
    if (w->failed) return;
    out->name = text(t->name);
    out->dtype = t->dtype;
    out->host_dtype = t->host_dtype;
    out->n_dims = t->rank < WFC_PROG_MAX_RANK ? t->rank : WFC_PROG_MAX_RANK;
    memcpy(out->dims, t->dims, out->n_dims * sizeof *out->dims);
    out->samples = t->samples;
    out->streams = streams;
    out->n_streams = t->stream_count;
    for (uint32_t i = 0; i < t->stream_count; i++) {
        stream[i].side = t->streams[i].side;
        stream[i].row = t->streams[i].row;
        stream[i].colour = t->streams[i].colour;
        stream[i].words = t->streams[i].words;
        stream[i].run_first = t->streams[i].run_first;
        stream[i].run_count = t->streams[i].run_count;
    }
}

static void put_layer(writer *w, const wfc_prog_layer *l, Wfc__Pb__Layer *out) {
    out->rect = grab(w, 4, sizeof *out->rect);
    out->predicted = grab(w, 7, sizeof *out->predicted);
    out->nodes = grab(w, l->node_count, sizeof *out->nodes);
    if (w->failed) return;
    const uint32_t rect[4] = {l->rect.x, l->rect.y, l->rect.w, l->rect.h};
    const double predicted[7] = {l->predicted_cycles,   l->predicted_compute, l->predicted_receive, l->predicted_reduce,
                                 l->predicted_epilogue, l->predicted_send,    l->predicted_lane};
    memcpy(out->rect, rect, sizeof rect);
    memcpy(out->predicted, predicted, sizeof predicted);
    for (uint32_t i = 0; i < l->node_count; i++) out->nodes[i] = text(l->nodes[i]);
    out->name = text(l->name);
    out->kind = text(l->kind);
    out->split = text(l->split);
    out->n_rect = 4;
    out->n_predicted = 7;
    out->n_nodes = l->node_count;
    out->macs = l->macs;
    out->macs_nonzero = l->macs_nonzero;
    out->pe_count = l->pe_count;
}

static void put_lists(writer *w, const wfc_program *p, Wfc__Pb__Meta *out) {
    NEW_MESSAGES(w, Wfc__Pb__ClassInfo, WFC__PB__CLASS_INFO__INIT, p->class_count, classes, cls)
    NEW_MESSAGES(w, Wfc__Pb__Tensor, WFC__PB__TENSOR__INIT, p->input_count, inputs, input)
    NEW_MESSAGES(w, Wfc__Pb__Tensor, WFC__PB__TENSOR__INIT, p->output_count, outputs, output)
    NEW_MESSAGES(w, Wfc__Pb__Layer, WFC__PB__LAYER__INIT, p->layer_count, layers, layer)
    out->router_sizes = grab(w, p->router_count, sizeof *out->router_sizes);
    for (uint32_t i = 0; !w->failed && i < p->class_count; i++) put_class(w, &p->classes[i], &cls[i]);
    for (uint32_t i = 0; !w->failed && i < p->input_count; i++) put_tensor(w, &p->inputs[i], &input[i]);
    for (uint32_t i = 0; !w->failed && i < p->output_count; i++) put_tensor(w, &p->outputs[i], &output[i]);
    for (uint32_t i = 0; !w->failed && i < p->layer_count; i++) put_layer(w, &p->layers[i], &layer[i]);
    for (uint32_t i = 0; !w->failed && i < p->router_count; i++) out->router_sizes[i] = p->routers[i].route_count;
    out->classes = classes;
    out->n_classes = p->class_count;
    out->inputs = inputs;
    out->n_inputs = p->input_count;
    out->outputs = outputs;
    out->n_outputs = p->output_count;
    out->layers = layers;
    out->n_layers = p->layer_count;
    out->n_router_sizes = p->router_count;
}

wfc_status wfc_file_put_meta(const wfc_program *p, wfc_diag *diag, wfc_buf *out) {
    writer w = {.failed = false};
    Wfc__Pb__Meta meta = WFC__PB__META__INIT;
    wfc_arena_init(&w.arena);
    meta.model_name = text(p->model_name);
    meta.producer = text(p->producer);
    meta.predicted_delta_t_cycles = p->predicted_delta_t_cycles;
    put_lists(&w, p, &meta);
    if (!w.failed) {
        size_t n = wfc__pb__meta__get_packed_size(&meta);
        if (wfc_vec_reserve(out, n + 1) == WFC_OK)
            out->count = wfc__pb__meta__pack(&meta, (uint8_t *)out->data);
        else
            w.failed = true;
    }
    wfc_arena_deinit(&w.arena);
    return w.failed ? wfc_fail_memory(diag) : WFC_OK;
}

/* ---- reading ---- */

static wfc_status narrow(wfc_file_reader *r, uint32_t v, uint32_t max, const char *what, uint32_t index) {
    if (v <= max) return WFC_OK;
    return wfc_file_fail(r, "%s %u in the metadata is %u, expected at most %u", what, index, v, max);
}

static wfc_status get_text(wfc_file_reader *r, const char *s, const char **out) {
    size_t n = strlen(s) + 1;
    char *copy = wfc_file_grant(r, n, 1);
    if (!copy) return WFC_ERR_NO_MEMORY;
    memcpy(copy, s, n);
    *out = copy;
    return WFC_OK;
}

static wfc_status get_bindings(wfc_file_reader *r, const uint32_t *from, size_t n, wfc_prog_binding **out,
                               uint32_t *out_count) {
    if (n % 2 != 0 || n / 2 >= UINT32_MAX) return wfc_file_fail(r, "queue bindings are not pairs");
    *out_count = (uint32_t)(n / 2);
    *out = wfc_file_grant(r, n / 2, sizeof **out);
    if (!*out) return WFC_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < *out_count; i++) {
        WFC_TRY(narrow(r, from[2 * i], UINT8_MAX, "queue of binding", i));
        WFC_TRY(narrow(r, from[2 * i + 1], UINT8_MAX, "colour of binding", i));
        (*out)[i] = (wfc_prog_binding){(uint8_t)from[2 * i], (uint8_t)from[2 * i + 1]};
    }
    return WFC_OK;
}

static wfc_status get_class(wfc_file_reader *r, const Wfc__Pb__ClassInfo *from, wfc_prog_class *c) {
    WFC_TRY(get_text(r, from->name, &c->name));
    c->insn_count = from->insn_count;
    c->desc_count = from->desc_count;
    WFC_TRY(get_bindings(r, from->in_queues, from->n_in_queues, &c->in_queues, &c->in_count));
    WFC_TRY(get_bindings(r, from->out_queues, from->n_out_queues, &c->out_queues, &c->out_count));
    c->task_count = (uint32_t)from->n_tasks;
    c->array_count = (uint32_t)from->n_arrays;
    c->tasks = wfc_file_grant(r, from->n_tasks, sizeof *c->tasks);
    c->arrays = wfc_file_grant(r, from->n_arrays, sizeof *c->arrays);
    if (!c->tasks || !c->arrays) return WFC_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < c->task_count; i++) {
        const Wfc__Pb__Task *t = from->tasks[i];
        WFC_TRY(narrow(r, t->id, UINT8_MAX, "id of task", i));
        WFC_TRY(narrow(r, t->kind, UINT8_MAX, "kind of task", i));
        WFC_TRY(narrow(r, t->flags, UINT8_MAX, "flags of task", i));
        WFC_TRY(narrow(r, t->queue, UINT8_MAX, "queue of task", i));
        WFC_TRY(narrow(r, t->entry, UINT16_MAX, "entry of task", i));
        c->tasks[i] =
            (wfc_prog_task){(uint8_t)t->id, (uint8_t)t->kind, (uint8_t)t->flags, (uint8_t)t->queue, (uint16_t)t->entry};
    }
    for (uint32_t i = 0; i < c->array_count; i++) {
        const Wfc__Pb__Array *a = from->arrays[i];
        WFC_TRY(get_text(r, a->name, &c->arrays[i].name));
        WFC_TRY(narrow(r, a->addr, UINT16_MAX, "address of array", i));
        WFC_TRY(narrow(r, a->bytes, UINT16_MAX, "size of array", i));
        WFC_TRY(narrow(r, a->category, UINT8_MAX, "category of array", i));
        c->arrays[i].addr = (uint16_t)a->addr;
        c->arrays[i].bytes = (uint16_t)a->bytes;
        c->arrays[i].category = (uint8_t)a->category;
    }
    return WFC_OK;
}

static wfc_status get_tensor(wfc_file_reader *r, const Wfc__Pb__Tensor *from, wfc_prog_tensor *t) {
    WFC_TRY(get_text(r, from->name, &t->name));
    WFC_TRY(narrow(r, from->dtype, UINT8_MAX, "element type of tensor", 0));
    WFC_TRY(narrow(r, from->host_dtype, UINT8_MAX, "host type of tensor", 0));
    if (from->n_dims > WFC_PROG_MAX_RANK)
        return wfc_file_fail(r, "a tensor has %zu axes, expected at most 8", from->n_dims);
    t->dtype = (uint8_t)from->dtype;
    t->host_dtype = (uint8_t)from->host_dtype;
    t->rank = (uint8_t)from->n_dims;
    if (t->rank) memcpy(t->dims, from->dims, t->rank * sizeof *t->dims);
    t->samples = from->samples;
    t->stream_count = (uint32_t)from->n_streams;
    t->streams = wfc_file_grant(r, from->n_streams, sizeof *t->streams);
    if (!t->streams) return WFC_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < t->stream_count; i++) {
        const Wfc__Pb__Stream *s = from->streams[i];
        WFC_TRY(narrow(r, s->side, UINT8_MAX, "side of stream", i));
        WFC_TRY(narrow(r, s->row, UINT16_MAX, "row of stream", i));
        WFC_TRY(narrow(r, s->colour, UINT8_MAX, "colour of stream", i));
        t->streams[i] = (wfc_prog_stream){(uint8_t)s->side, (uint16_t)s->row, (uint8_t)s->colour,
                                          s->words,         s->run_first,     s->run_count};
    }
    return WFC_OK;
}

static wfc_status get_layer(wfc_file_reader *r, const Wfc__Pb__Layer *from, wfc_prog_layer *l) {
    if (from->n_rect != 4 || from->n_predicted != 7)
        return wfc_file_fail(r, "a layer lacks its rectangle or predictions");
    WFC_TRY(get_text(r, from->name, &l->name));
    WFC_TRY(get_text(r, from->kind, &l->kind));
    WFC_TRY(get_text(r, from->split, &l->split));
    for (unsigned i = 0; i < 4; i++) WFC_TRY(narrow(r, from->rect[i], UINT16_MAX, "rectangle entry", i));
    l->rect = (wfc_prog_rect){(uint16_t)from->rect[0], (uint16_t)from->rect[1], (uint16_t)from->rect[2],
                              (uint16_t)from->rect[3]};
    l->macs = from->macs;
    l->macs_nonzero = from->macs_nonzero;
    l->pe_count = from->pe_count;
    double *const predicted[7] = {&l->predicted_cycles, &l->predicted_compute,  &l->predicted_receive,
                                  &l->predicted_reduce, &l->predicted_epilogue, &l->predicted_send,
                                  &l->predicted_lane};
    for (unsigned i = 0; i < 7; i++) *predicted[i] = from->predicted[i];
    l->node_count = (uint32_t)from->n_nodes;
    l->nodes = wfc_file_grant(r, from->n_nodes, sizeof *l->nodes);
    if (!l->nodes) return WFC_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < l->node_count; i++) WFC_TRY(get_text(r, from->nodes[i], &l->nodes[i]));
    return WFC_OK;
}

static wfc_status get_lists(wfc_file_reader *r, const Wfc__Pb__Meta *meta) {
    wfc_program *p = r->p;
    WFC_TRY(get_text(r, meta->model_name, &p->model_name));
    WFC_TRY(get_text(r, meta->producer, &p->producer));
    p->predicted_delta_t_cycles = meta->predicted_delta_t_cycles;
    /* every list element takes at least two bytes of a section below 16 GiB, so the counts fit 33 bits: check 32 */
    if ((meta->n_classes | meta->n_router_sizes | meta->n_inputs | meta->n_outputs | meta->n_layers) > UINT32_MAX)
        return wfc_file_fail(r, "a list of the metadata has more than 2^32 entries");
    p->class_count = (uint32_t)meta->n_classes;
    p->router_count = (uint32_t)meta->n_router_sizes;
    p->input_count = (uint32_t)meta->n_inputs;
    p->output_count = (uint32_t)meta->n_outputs;
    p->layer_count = (uint32_t)meta->n_layers;
    p->classes = wfc_file_grant(r, p->class_count, sizeof *p->classes);
    p->routers = wfc_file_grant(r, p->router_count, sizeof *p->routers);
    p->inputs = wfc_file_grant(r, p->input_count, sizeof *p->inputs);
    p->outputs = wfc_file_grant(r, p->output_count, sizeof *p->outputs);
    p->layers = wfc_file_grant(r, p->layer_count, sizeof *p->layers);
    if (!p->classes || !p->routers || !p->inputs || !p->outputs || !p->layers) return WFC_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < p->class_count; i++) WFC_TRY(get_class(r, meta->classes[i], &p->classes[i]));
    for (uint32_t i = 0; i < p->router_count; i++) p->routers[i].route_count = meta->router_sizes[i];
    for (uint32_t i = 0; i < p->input_count; i++) WFC_TRY(get_tensor(r, meta->inputs[i], &p->inputs[i]));
    for (uint32_t i = 0; i < p->output_count; i++) WFC_TRY(get_tensor(r, meta->outputs[i], &p->outputs[i]));
    for (uint32_t i = 0; i < p->layer_count; i++) WFC_TRY(get_layer(r, meta->layers[i], &p->layers[i]));
    return WFC_OK;
}

/* protobuf-c allocates through this, so a message cannot ask for more than the budget. Frees do not refund: the scanned
 * parts are small, and an upper bound is what matters. */
typedef struct budget {
    uint64_t left;
    bool exceeded, no_memory;
} budget;

static void *budget_alloc(void *context, size_t size) {
    budget *b = context;
    if (size > b->left) {
        b->exceeded = true;
        return NULL;
    }
    b->left -= size;
    void *p = wfc_calloc(size, 1);
    b->no_memory |= !p;
    return p;
}

static void budget_free(void *context, void *p) {
    (void)context;
    wfc_free(p);
}

wfc_status wfc_file_get_meta(wfc_file_reader *r) {
    budget b = {.left = r->budget_bytes};
    ProtobufCAllocator allocator = {budget_alloc, budget_free, &b};
    const wfc_bytes *section = &r->sections[WFC_SECTION_META];
    Wfc__Pb__Meta *meta = wfc__pb__meta__unpack(&allocator, section->size, section->data);
    if (!meta && b.exceeded) return wfc_file_grant(r, UINT64_MAX, 1) ? WFC_ERR_INTERNAL : WFC_ERR_NO_MEMORY;
    if (!meta && b.no_memory) return wfc_fail_memory(r->diag);
    if (!meta) return wfc_file_fail(r, "section META is not a valid protobuf message");
    wfc_status s = get_lists(r, meta);
    wfc__pb__meta__free_unpacked(meta, &allocator);
    return s;
}
