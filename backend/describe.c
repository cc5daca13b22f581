/* What a program says of itself: its layers, and its inputs and outputs as streams of words. */
#include <string.h>

#include "backend/plan.h"

static const char *keep(wfc_program *p, char *s) {
    const char *k = s ? wfc_arena_strdup(&p->arena, s) : NULL;
    wfc_free(s);
    return k;
}

static const char *split_text(wfc_program *p, const wfc_be_layer *l) {
    wfc_buf t = {0};
    wfc_buf_printf(&t, "rows=");
    for (unsigned d = 0; d < l->shape.rank; d++) wfc_buf_printf(&t, d ? ".%u" : "%u", l->split.row_parts[d]);
    wfc_buf_printf(&t, " contraction=%u cols=%u of axis %u", l->split.pc, l->split.cols, l->split.col_axis);
    const char *s = t.failed ? NULL : wfc_arena_strndup(&p->arena, t.data, t.count);
    wfc_buf_deinit(&t);
    return s;
}

static double lane_words(const wfc_be *be, const wfc_be_slab *s, uint32_t slab) {
    double most = 0;
    for (uint32_t r = s->y; r < (uint32_t)s->y + s->h; r++) {
        double n = 0;
        for (size_t i = 0; i < be->streams.count; i++) {
            const wfc_be_stream *st = &be->streams.data[i];
            uint32_t controls = 0;
            if (st->x_first > s->x + s->w - 1 || st->x_last < s->x) continue;
            if (st->slab == (int32_t)slab && st->segment[r]) {
                for (uint32_t c = 0; c < s->w; c++) controls += st->segment[r][c] > 0;
            }
            n += st->rows[r].count + controls;
        }
        if (n > most) most = n;
    }
    return most;
}

static wfc_status describe_slab(wfc_be *be, wfc_program *p, uint32_t slab) {
    const wfc_be_slab *s = &be->slabs.data[slab];
    wfc_prog_layer *out = &p->layers[slab];
    out->rect = (wfc_prog_rect){.x = s->x, .y = s->y, .w = s->w, .h = s->h};
    out->predicted_lane = lane_words(be, s, slab);
    uint32_t nodes = 0;
    if (s->is_adapter) {
        const wfc_be_adapter *a = &be->adapters.data[s->index];
        out->name = wfc_arena_utf8(&p->arena, a->name);
        if (a->bus_words > out->predicted_lane) out->predicted_lane = a->bus_words;
        out->kind = a->relay ? "buffer" : "adapter";
        out->split = keep(p, wfc_asprintf("cols=%u section=%u", a->cols, a->section));
    } else {
        const wfc_be_layer *l = &be->layers[s->index];
        out->name = wfc_arena_utf8(&p->arena, l->name);
        out->kind = wfc_arena_strdup(&p->arena, l->kind);
        out->split = split_text(p, l);
        out->macs = l->macs;
        out->macs_nonzero = l->macs_nonzero;
        for (uint32_t i = 0; i < l->node_count; i++) nodes += wfc_ir_node_c(be->g, l->nodes[i])->loc_count;
        out->nodes = wfc_arena_alloc(&p->arena, nodes + 1, sizeof *out->nodes);
        if (!out->nodes) return wfc_fail_memory(be->diag);
        for (uint32_t i = 0; i < l->node_count; i++) {
            const wfc_node *n = wfc_ir_node_c(be->g, l->nodes[i]);
            for (uint32_t k = 0; k < n->loc_count; k++) {
                bool seen = false;
                char *name = wfc_arena_utf8(&p->arena, n->locs[k]);
                if (!name) return wfc_fail_memory(be->diag);
                for (uint32_t q = 0; q < out->node_count; q++) seen |= strcmp(out->nodes[q], name) == 0;
                if (!seen) out->nodes[out->node_count++] = name;
            }
        }
    }
    return out->name && out->split ? WFC_OK : wfc_fail_memory(be->diag);
}

wfc_status wfc_be_describe_layers(wfc_be *be, wfc_program *p) {
    p->version = WFC_PROGRAM_VERSION;
    p->model_name = wfc_arena_utf8(&p->arena, be->opt->model_name ? be->opt->model_name : "");
    p->producer = "waferc " WFC_VERSION;
    WFC_TRY(wfc_target_copy(be->t, &p->target));
    p->layer_count = (uint32_t)be->slabs.count;
    p->layers = wfc_arena_alloc(&p->arena, p->layer_count + 1, sizeof *p->layers);
    if (!p->layers || !p->model_name) return wfc_fail_memory(be->diag);
    for (uint32_t i = 0; i < p->layer_count; i++) WFC_TRY(describe_slab(be, p, i));
    return WFC_OK;
}

void wfc_be_describe_time(wfc_program *p) {
    for (uint32_t i = 0; i < p->layer_count; i++) {
        wfc_prog_layer *l = &p->layers[i];
        if (l->predicted_lane > l->predicted_cycles) l->predicted_cycles = l->predicted_lane;
        if (l->predicted_cycles > p->predicted_delta_t_cycles) p->predicted_delta_t_cycles = l->predicted_cycles;
    }
}

wfc_status wfc_be_describe_plan(wfc_be *be, wfc_program *p) {
    WFC_TRY(wfc_be_describe_layers(be, p));
    for (uint32_t i = 0; i < p->layer_count; i++) {
        const wfc_be_slab *s = &be->slabs.data[i];
        wfc_prog_layer *l = &p->layers[i];
        if (s->is_adapter) {
            l->predicted_cycles = be->adapters.data[s->index].predicted_cycles;
            l->pe_count = (uint32_t)s->w * s->h;
        } else {
            wfc_be_layer *layer = &be->layers[s->index];
            l->predicted_cycles = wfc_be_split_cycles(be, layer, NULL);
            l->pe_count = layer->split.groups * layer->split.group_rows * layer->split.cols;
        }
    }
    wfc_be_describe_time(p);
    return WFC_OK;
}

typedef struct io {
    wfc_be *be;
    wfc_program *p;
    WFC_VEC(wfc_prog_run) runs;
} io;

/* Wire order of a row as runs over the tensor's flat index; `index` maps stream ids to elements of the user's tensor.
 */
static wfc_status add_stream(io *b, const wfc_be_list *row, const uint32_t *index, wfc_prog_stream *out) {
    out->words = row->count;
    out->run_first = (uint32_t)b->runs.count;
    for (uint32_t i = 0; i < row->count;) {
        uint32_t first = index ? index[row->ids[i]] : (uint32_t)row->ids[i], n = 1;
        int64_t stride = 0;
        while (i + n < row->count) {
            uint32_t next = index ? index[row->ids[i + n]] : (uint32_t)row->ids[i + n];
            if (n == 1) stride = (int64_t)next - first;
            if ((int64_t)first + stride * n != next) break;
            n++;
        }
        if (n == 1) stride = 0;
        wfc_prog_run run = {.start = first, .count = n, .stride = (int32_t)stride};
        if (wfc_vec_push(&b->runs, run) != WFC_OK) return wfc_fail_memory(b->be->diag);
        i += n;
    }
    out->run_count = (uint32_t)b->runs.count - out->run_first;
    return WFC_OK;
}

static wfc_status add_tensor(io *b, const wfc_be_stream *s, wfc_side side, const wfc_node *n, const char *name,
                             uint8_t host_dtype, const uint32_t *index, wfc_prog_tensor *out) {
    const wfc_graph *g = b->be->g;
    *out = (wfc_prog_tensor){
        .dtype = WFC_F32, .host_dtype = host_dtype, .rank = n->shape.rank, .samples = g->unbatched ? g->samples : 1};
    out->name = wfc_arena_utf8(&b->p->arena, name);
    for (unsigned d = 0; d < n->shape.rank; d++) out->dims[d] = n->shape.dims[d];
    if (out->samples > 1 && out->rank) out->dims[0] *= out->samples;
    out->streams = wfc_arena_alloc(&b->p->arena, b->be->height, sizeof *out->streams);
    if (!out->name || !out->streams) return wfc_fail_memory(b->be->diag);
    for (uint32_t r = 0; r < b->be->height; r++) {
        if (!s->rows[r].count) continue;
        wfc_prog_stream *one = &out->streams[out->stream_count++];
        *one = (wfc_prog_stream){.side = (uint8_t)side, .row = (uint16_t)r, .colour = wfc_be_colour(s, r)};
        WFC_TRY(add_stream(b, &s->rows[r], index, one));
    }
    return WFC_OK;
}

static wfc_status inputs(io *b) {
    const wfc_graph *g = b->be->g;
    uint32_t n = 0;
    for (size_t i = 0; i < g->nodes.count; i++) n += g->nodes.data[i].op == WFC_CORE_INPUT;
    b->p->inputs = wfc_arena_alloc(&b->p->arena, n + 1, sizeof *b->p->inputs);
    if (!b->p->inputs) return wfc_fail_memory(b->be->diag);
    for (size_t i = 0; i < g->nodes.count; i++) {
        const wfc_node *node = &g->nodes.data[i];
        if (node->op != WFC_CORE_INPUT) continue;
        if (b->be->host_stream[i] < 0) {
            return wfc_fail(b->be->diag, WFC_ERR_UNSUPPORTED, "WFC-E7007", node->u.input.host_name,
                            "this input is not used by any node; remove it from the model's inputs");
        }
        WFC_TRY(add_tensor(b, &b->be->streams.data[b->be->host_stream[i]], WFC_SIDE_WEST, node, node->u.input.host_name,
                           node->u.input.host_dtype, NULL, &b->p->inputs[b->p->input_count++]));
    }
    return WFC_OK;
}

static wfc_status outputs(io *b) {
    const wfc_graph *g = b->be->g;
    b->p->outputs = wfc_arena_alloc(&b->p->arena, g->outputs.count + 1, sizeof *b->p->outputs);
    if (!b->p->outputs) return wfc_fail_memory(b->be->diag);
    for (size_t i = 0; i < g->outputs.count; i++) {
        const wfc_ir_output *o = &g->outputs.data[i];
        const wfc_be_stream *s = &b->be->streams.data[b->be->output_stream[i]];
        const wfc_node *n = wfc_ir_node_c(g, o->value);
        uint32_t *index = NULL;
        if (!wfc_value_eq(s->tensor, o->value)) { /* undo the view: stream id -> element of the output */
            uint64_t elems = wfc_shape_elems(&n->shape);
            index = wfc_arena_alloc(&b->be->arena, elems, sizeof *index);
            if (!index) return wfc_fail_memory(b->be->diag);
            for (uint64_t k = 0; k < elems; k++) index[wfc_be_resolve(b->be, o->value, k)] = (uint32_t)k;
        }
        WFC_TRY(add_tensor(b, s, WFC_SIDE_EAST, n, o->host_name, o->host_dtype, index,
                           &b->p->outputs[b->p->output_count++]));
    }
    return WFC_OK;
}

wfc_status wfc_be_describe_io(wfc_be *be, wfc_program *p) {
    io b = {.be = be, .p = p};
    wfc_status st = inputs(&b);
    if (st == WFC_OK) st = outputs(&b);
    if (st == WFC_OK) {
        p->runs = wfc_arena_alloc(&p->arena, b.runs.count + 1, sizeof *p->runs);
        if (!p->runs) st = wfc_fail_memory(be->diag);
    }
    if (st == WFC_OK && b.runs.count) memcpy(p->runs, b.runs.data, b.runs.count * sizeof *p->runs);
    p->run_count = (uint32_t)b.runs.count;
    wfc_vec_free(&b.runs);
    return st;
}
