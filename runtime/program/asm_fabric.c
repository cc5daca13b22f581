/* Routers, PEs, tensors with their streams, layers. */
#include "runtime/program/asm_parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char PORT_NAMES[] = "NESWR";

/* ---- routers ---- */

static wfc_status port_letter(wfc_asm *a, unsigned *out) {
    const wfc_tok *t = &a->lex.tok;
    const char *at = t->kind == WFC_TOK_NAME && t->n == 1 ? strchr(PORT_NAMES, t->text[0]) : NULL;
    if (!at) return wfc_asm_expected(a, "a port N, E, S, W or R");
    *out = (unsigned)(at - PORT_NAMES);
    wfc_lex_next(&a->lex);
    return WFC_OK;
}

/* IN>OUTS, as in W>ER */
static wfc_status port_rule(wfc_asm *a, uint8_t out[WFC_PORTS]) {
    unsigned in = 0;
    WFC_TRY(port_letter(a, &in));
    WFC_TRY(wfc_asm_need(a, ">"));
    const wfc_tok *t = &a->lex.tok;
    if (t->kind != WFC_TOK_NAME) return wfc_asm_expected(a, "out-ports, letters of N E S W R");
    uint8_t set = 0;
    for (size_t i = 0; i < t->n; i++) {
        const char *at = strchr(PORT_NAMES, t->text[i]);
        if (!at) return wfc_asm_expected(a, "out-ports, letters of N E S W R");
        set |= (uint8_t)WFC_PORT_BIT(at - PORT_NAMES);
    }
    if (out[in]) return wfc_asm_fail(a, "the in-port has two rules in one switch position");
    out[in] = set;
    wfc_lex_next(&a->lex);
    return WFC_OK;
}

/* cN [RULE, RULE | RULE ...] [initial P] [filter LO..HI mod PERIOD]; positions are separated by | */
static wfc_status route_statement(wfc_asm *a, wfc_prog_route *r) {
    unsigned colour;
    int64_t initial = 0;
    WFC_TRY(wfc_asm_need_numbered(a, "c", 256, &colour));
    r->colour = (uint8_t)colour;
    WFC_TRY(wfc_asm_need(a, "["));
    for (;;) {
        if (r->positions == 4) return wfc_asm_fail(a, "a switch has at most 4 positions");
        uint8_t *rules = r->out[r->positions++];
        while (!wfc_asm_at(a, "|") && !wfc_asm_at(a, "]")) {
            WFC_TRY(port_rule(a, rules));
            if (!wfc_asm_take(a, ",")) break;
        }
        if (!wfc_asm_take(a, "|")) break;
    }
    WFC_TRY(wfc_asm_need(a, "]"));
    if (wfc_asm_take(a, "initial")) WFC_TRY(wfc_asm_int(a, 0, UINT8_MAX, "the initial position", &initial));
    r->initial = (uint8_t)initial;
    if (!wfc_asm_take(a, "filter")) return WFC_OK;
    r->filtered = true;
    WFC_TRY(wfc_asm_u32(a, "the first accepted count", &r->filter_lo));
    WFC_TRY(wfc_asm_need(a, ".."));
    WFC_TRY(wfc_asm_u32(a, "the end of the accepted counts", &r->filter_hi));
    WFC_TRY(wfc_asm_need(a, "mod"));
    return wfc_asm_u32(a, "the filter's period", &r->filter_period);
}

/* The optional number of a definition must be the one it gets anyway; then an optional name. */
static wfc_status definition(wfc_asm *a, wfc_symbols *names, size_t count, const char *what) {
    int64_t index, old;
    if (a->lex.tok.kind == WFC_TOK_NUMBER) WFC_TRY(wfc_asm_int(a, (int64_t)count, (int64_t)count, what, &index));
    if (a->lex.tok.kind != WFC_TOK_NAME) return WFC_OK;
    char *name = wfc_tok_copy(&a->lex.tok, &a->scratch);
    if (!name) return wfc_asm_no_memory(a);
    if (wfc_symbols_get(names, name, &old)) return wfc_asm_fail(a, "%s is defined twice", name);
    wfc_lex_next(&a->lex);
    return wfc_symbols_put(names, name, (int64_t)count) == WFC_OK ? WFC_OK : wfc_asm_no_memory(a);
}

/* router [N] [NAME] { ROUTE ... } */
wfc_status wfc_asm_parse_router(wfc_asm *a) {
    WFC_VEC(wfc_prog_route) routes = {0};
    wfc_prog_router router = {0};
    wfc_status s = definition(a, &a->router_names, a->routers.count, "the router's number");
    if (s == WFC_OK) s = wfc_asm_need(a, "{");
    while (s == WFC_OK && !wfc_asm_take(a, "}")) {
        wfc_prog_route route = {0};
        s = route_statement(a, &route);
        if (s == WFC_OK && wfc_vec_push(&routes, route) != WFC_OK) s = wfc_asm_no_memory(a);
    }
    if (s == WFC_OK) {
        router.route_count = (uint32_t)routes.count;
        router.routes = wfc_asm_keep(a, routes.data, routes.count, sizeof *routes.data);
        if (!router.routes || wfc_vec_push(&a->routers, router) != WFC_OK) s = wfc_asm_no_memory(a);
    }
    wfc_vec_free(&routes);
    return s;
}

/* ---- PEs ---- */

/* A number, or the name of something defined before. */
static wfc_status reference(wfc_asm *a, const wfc_symbols *names, size_t count, const char *what, uint32_t *out) {
    int64_t index;
    char name[256];
    const wfc_tok *t = &a->lex.tok;
    if (t->kind == WFC_TOK_NAME || t->kind == WFC_TOK_STRING) {
        char *copy = wfc_tok_copy(t, &a->scratch);
        if (!copy || !wfc_symbols_get(names, copy, &index)) return wfc_asm_expected(a, what);
        wfc_lex_next(&a->lex);
        *out = (uint32_t)index;
        return WFC_OK;
    }
    if (count == 0) return wfc_asm_fail(a, "there is no %s yet; define it before this line", what);
    snprintf(name, sizeof name, "the number of the %s", what);
    WFC_TRY(wfc_asm_int(a, 0, (int64_t)count - 1, name, &index));
    *out = (uint32_t)index;
    return WFC_OK;
}

/* { data ADDRESS = VALUES ... } */
static wfc_status pe_data(wfc_asm *a, wfc_prog_pe *pe) {
    const wfc_prog_class *cls = pe->class_index == UINT32_MAX ? NULL : &a->classes.data[pe->class_index];
    pe->data_first = (uint32_t)a->data.count;
    WFC_TRY(wfc_asm_need(a, "{"));
    while (!wfc_asm_take(a, "}")) {
        wfc_prog_data row = {0};
        uint64_t bytes;
        if (!cls) return wfc_asm_fail(a, "a PE without a class has no data");
        WFC_TRY(wfc_asm_need(a, "data"));
        WFC_TRY(wfc_asm_address(a, cls, &row.addr));
        WFC_TRY(wfc_asm_need(a, "="));
        WFC_TRY(wfc_asm_values(a, &row.bulk_offset, &bytes));
        if (bytes > 65536) return wfc_asm_fail(a, "more than 65536 bytes of data for one PE");
        row.bytes = (uint32_t)bytes;
        if (wfc_vec_push(&a->data, row) != WFC_OK) return wfc_asm_no_memory(a);
    }
    pe->data_count = (uint32_t)a->data.count - pe->data_first;
    return WFC_OK;
}

static wfc_status pe_attributes(wfc_asm *a, wfc_prog_pe *pe) {
    for (;;) {
        if (wfc_asm_take(a, "class")) {
            WFC_TRY(reference(a, &a->class_names, a->classes.count, "class", &pe->class_index));
        } else if (wfc_asm_take(a, "router")) {
            WFC_TRY(reference(a, &a->router_names, a->routers.count, "router", &pe->router_index));
        } else if (wfc_asm_take(a, "layer")) {
            WFC_TRY(wfc_asm_u32(a, "the layer's number", &pe->layer));
        } else if (wfc_asm_take(a, "regs")) {
            bool list = wfc_asm_at(a, "[");
            if (list) pe->regs_first = (uint32_t)a->regs.count;
            WFC_TRY(list ? wfc_asm_regs_list(a, &pe->reg_count) : wfc_asm_range(a, &pe->regs_first, &pe->reg_count));
        } else if (wfc_asm_take(a, "data")) {
            WFC_TRY(wfc_asm_range(a, &pe->data_first, &pe->data_count));
        } else {
            return wfc_asm_at(a, "{") ? pe_data(a, pe) : WFC_OK;
        }
    }
}

static wfc_status coordinate(wfc_asm *a, const char *what, uint16_t limit, uint16_t *out_from, uint16_t *out_to) {
    int64_t v;
    WFC_TRY(wfc_asm_int(a, 0, limit - 1, what, &v));
    *out_from = *out_to = (uint16_t)v;
    if (!wfc_asm_take(a, "..")) return WFC_OK;
    WFC_TRY(wfc_asm_int(a, *out_from, limit - 1, what, &v));
    *out_to = (uint16_t)v;
    return WFC_OK;
}

/* pe X[..X],Y[..Y] ATTRIBUTES: the attributes are read once per PE, with $x and $y bound to its place */
wfc_status wfc_asm_parse_pe(wfc_asm *a) {
    uint16_t x0, x1, y0, y1;
    WFC_TRY(coordinate(a, "x", a->p->target.width, &x0, &x1));
    WFC_TRY(wfc_asm_need(a, ","));
    WFC_TRY(coordinate(a, "y", a->p->target.height, &y0, &y1));
    wfc_lexer attributes = a->lex;
    for (uint32_t y = y0; y <= y1; y++) {
        for (uint32_t x = x0; x <= x1; x++) {
            wfc_prog_pe pe = {.x = (uint16_t)x,
                              .y = (uint16_t)y,
                              .class_index = UINT32_MAX,
                              .router_index = UINT32_MAX,
                              .layer = UINT32_MAX};
            a->lex = attributes;
            WFC_TRY(wfc_asm_bind(a, "x", x));
            WFC_TRY(wfc_asm_bind(a, "y", y));
            WFC_TRY(pe_attributes(a, &pe));
            if (wfc_vec_push(&a->pes, pe) != WFC_OK) return wfc_asm_no_memory(a);
        }
    }
    WFC_TRY(wfc_asm_unbind(a, "x"));
    return wfc_asm_unbind(a, "y");
}

/* ---- tensors ---- */

/* stream west|east row Y cN [words W] runs FIRST:COUNT | [RUNS] */
static wfc_status stream_statement(wfc_asm *a, unsigned dtype, wfc_prog_stream *s) {
    unsigned colour;
    uint64_t elements = 0;
    WFC_TRY(wfc_asm_need(a, "stream"));
    s->side = wfc_asm_at(a, "east") ? WFC_SIDE_EAST : WFC_SIDE_WEST;
    if (!wfc_asm_take(a, "east")) WFC_TRY(wfc_asm_need(a, "west"));
    WFC_TRY(wfc_asm_need(a, "row"));
    WFC_TRY(wfc_asm_u16(a, "the row", &s->row));
    WFC_TRY(wfc_asm_need_numbered(a, "c", 256, &colour));
    s->colour = (uint8_t)colour;
    bool words = wfc_asm_take(a, "words");
    if (words) WFC_TRY(wfc_asm_u32(a, "the number of words", &s->words));
    if (wfc_asm_take(a, "runs")) return wfc_asm_range(a, &s->run_first, &s->run_count);
    s->run_first = (uint32_t)a->runs.count;
    WFC_TRY(wfc_asm_runs_list(a, &s->run_count, &elements));
    unsigned per_word = wfc_elems_per_wavelet((wfc_dtype)dtype);
    if (!words) s->words = (uint32_t)((elements + per_word - 1) / per_word);
    return WFC_OK;
}

static wfc_status tensor_streams(wfc_asm *a, wfc_prog_tensor *t) {
    WFC_VEC(wfc_prog_stream) streams = {0};
    wfc_status s = wfc_asm_need(a, "{");
    while (s == WFC_OK && !wfc_asm_take(a, "}")) {
        wfc_prog_stream stream = {0};
        s = stream_statement(a, t->dtype, &stream);
        if (s == WFC_OK && wfc_vec_push(&streams, stream) != WFC_OK) s = wfc_asm_no_memory(a);
    }
    if (s == WFC_OK) {
        t->stream_count = (uint32_t)streams.count;
        t->streams = wfc_asm_keep(a, streams.data, streams.count, sizeof *streams.data);
        if (!t->streams) s = wfc_asm_no_memory(a);
    }
    wfc_vec_free(&streams);
    return s;
}

static uint8_t default_host_type(unsigned dtype) {
    static const uint8_t onnx[WFC_NUM_PE_DTYPES] = {1, 10, 16, 6, 12, 5, 4, 3, 2}; /* ONNX TensorProto.DataType */
    return dtype < WFC_NUM_PE_DTYPES ? onnx[dtype] : 1;
}

/* input|output NAME TYPE [host N] [dims [..]] [samples N] { stream ... } */
wfc_status wfc_asm_parse_tensor(wfc_asm *a, bool is_input) {
    wfc_prog_tensor t = {.samples = 1};
    int64_t v;
    WFC_TRY(wfc_asm_text(a, "the tensor's name", &t.name));
    WFC_TRY(wfc_asm_type(a, WFC_NUM_PE_DTYPES, &t.dtype));
    t.host_dtype = default_host_type(t.dtype);
    if (wfc_asm_take(a, "host")) {
        WFC_TRY(wfc_asm_int(a, 0, UINT8_MAX, "the ONNX element type", &v));
        t.host_dtype = (uint8_t)v;
    }
    WFC_TRY(wfc_asm_need(a, "dims"));
    WFC_TRY(wfc_asm_need(a, "["));
    while (!wfc_asm_take(a, "]")) {
        if (t.rank == WFC_PROG_MAX_RANK) return wfc_asm_fail(a, "a tensor has at most %d axes", WFC_PROG_MAX_RANK);
        WFC_TRY(wfc_asm_u32(a, "the extent", &t.dims[t.rank++]));
        if (!wfc_asm_at(a, "]")) WFC_TRY(wfc_asm_need(a, ","));
    }
    if (wfc_asm_take(a, "samples")) WFC_TRY(wfc_asm_u32(a, "the number of samples", &t.samples));
    WFC_TRY(tensor_streams(a, &t));
    wfc_status s = is_input ? wfc_vec_push(&a->inputs, t) : wfc_vec_push(&a->outputs, t);
    return s == WFC_OK ? WFC_OK : wfc_asm_no_memory(a);
}

/* ---- layers ---- */

static wfc_status layer_nodes(wfc_asm *a, wfc_prog_layer *l) {
    WFC_VEC(const char *) nodes = {0};
    wfc_status s = wfc_asm_need(a, "[");
    while (s == WFC_OK && !wfc_asm_take(a, "]")) {
        const char *name = NULL;
        s = wfc_asm_text(a, "a node's name", &name);
        if (s == WFC_OK && wfc_vec_push(&nodes, name) != WFC_OK) s = wfc_asm_no_memory(a);
        if (s == WFC_OK && !wfc_asm_at(a, "]")) s = wfc_asm_need(a, ",");
    }
    if (s == WFC_OK) {
        l->node_count = (uint32_t)nodes.count;
        l->nodes = wfc_asm_keep(a, nodes.data, nodes.count, sizeof *nodes.data);
        if (!l->nodes) s = wfc_asm_no_memory(a);
    }
    wfc_vec_free(&nodes);
    return s;
}

static wfc_status layer_rect(wfc_asm *a, wfc_prog_rect *r) {
    WFC_TRY(wfc_asm_u16(a, "x", &r->x));
    WFC_TRY(wfc_asm_need(a, ","));
    WFC_TRY(wfc_asm_u16(a, "y", &r->y));
    WFC_TRY(wfc_asm_need(a, ","));
    WFC_TRY(wfc_asm_u16(a, "the width", &r->w));
    WFC_TRY(wfc_asm_need(a, ","));
    return wfc_asm_u16(a, "the height", &r->h);
}

/* predicted [CYCLES, COMPUTE, RECEIVE, REDUCE, EPILOGUE, SEND, LANE] */
static wfc_status layer_predictions(wfc_asm *a, wfc_prog_layer *l) {
    double *places[7] = {&l->predicted_cycles,   &l->predicted_compute, &l->predicted_receive, &l->predicted_reduce,
                         &l->predicted_epilogue, &l->predicted_send,    &l->predicted_lane};
    for (unsigned i = 0; i < 7; i++) {
        WFC_TRY(wfc_asm_need(a, i ? "," : "["));
        WFC_TRY(wfc_asm_double(a, places[i]));
    }
    return wfc_asm_need(a, "]");
}

static wfc_status layer_attributes(wfc_asm *a, wfc_prog_layer *l) {
    for (;;) {
        if (wfc_asm_take(a, "kind"))
            WFC_TRY(wfc_asm_text(a, "the layer's kind", &l->kind));
        else if (wfc_asm_take(a, "rect"))
            WFC_TRY(layer_rect(a, &l->rect));
        else if (wfc_asm_take(a, "split"))
            WFC_TRY(wfc_asm_text(a, "the split", &l->split));
        else if (wfc_asm_take(a, "nodes"))
            WFC_TRY(layer_nodes(a, l));
        else if (wfc_asm_take(a, "macs"))
            WFC_TRY(wfc_asm_u64(a, "a count", &l->macs));
        else if (wfc_asm_take(a, "nonzero"))
            WFC_TRY(wfc_asm_u64(a, "a count", &l->macs_nonzero));
        else if (wfc_asm_take(a, "pes"))
            WFC_TRY(wfc_asm_u32(a, "the number of PEs", &l->pe_count));
        else if (wfc_asm_take(a, "predicted"))
            WFC_TRY(layer_predictions(a, l));
        else
            return WFC_OK;
    }
}

/* layer [N] NAME ATTRIBUTES */
wfc_status wfc_asm_parse_layer(wfc_asm *a) {
    int64_t index;
    wfc_prog_layer l = {.kind = "", .split = ""};
    if (a->lex.tok.kind == WFC_TOK_NUMBER) {
        int64_t count = (int64_t)a->layers.count;
        WFC_TRY(wfc_asm_int(a, count, count, "the layer's number", &index));
    }
    WFC_TRY(wfc_asm_text(a, "the layer's name", &l.name));
    l.nodes = wfc_asm_keep(a, NULL, 0, sizeof *l.nodes);
    if (!l.nodes) return wfc_asm_no_memory(a);
    WFC_TRY(layer_attributes(a, &l));
    return wfc_vec_push(&a->layers, l) == WFC_OK ? WFC_OK : wfc_asm_no_memory(a);
}
