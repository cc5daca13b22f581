/* All facts as JSON: docs/report.md lists the fields. Everything is set through put and add, which remember a failure,
 * so that no field is ever missing in silence. */
#include "report/planes.h"
#include "report/report_facts.h"
#include "support/mem.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct writer {
    const wfc_report_facts *f;
    bool failed;
} writer;

static void put(writer *w, json_t *out, const char *key, json_t *value) {
    if (json_object_set_new(out, key, value) != 0) w->failed = true;
}

static void add(writer *w, json_t *list, json_t *value) {
    if (json_array_append_new(list, value) != 0) w->failed = true;
}

static const char *const k_ports[4] = {"N", "E", "S", "W"};

static json_t *text(const char *s) {
    char *escaped = wfc_escape(s ? s : "", s ? strlen(s) : 0, 4096);
    json_t *out = escaped ? json_string(escaped) : NULL;
    wfc_free(escaped);
    return out;
}

static json_t *whole(uint64_t v) {
    return json_integer((json_int_t)v);
}

static json_t *real(double v) {
    return isfinite(v) ? json_real(v) : json_null();
}

static json_t *index_or_null(uint32_t v) {
    return v == UINT32_MAX ? json_null() : whole(v);
}

static json_t *place(const wfc_program *p, uint32_t pe) {
    return pe < p->pe_count ? json_pack("[i,i]", (int)p->pes[pe].x, (int)p->pes[pe].y) : json_null();
}

static json_t *rectangle(const wfc_prog_rect *r) {
    return json_pack("{s:i,s:i,s:i,s:i}", "x", (int)r->x, "y", (int)r->y, "w", (int)r->w, "h", (int)r->h);
}

static json_t *colour(uint32_t rgb) {
    char out[8];
    snprintf(out, sizeof out, "#%06x", (unsigned)(rgb & 0xffffffu));
    return json_string(out);
}

static json_t *link(const wfc_program *p, uint32_t pe, unsigned port, uint32_t words) {
    if (pe >= p->pe_count) return json_null();
    return json_pack("{s:I,s:i,s:i,s:s}", "words", (json_int_t)words, "x", (int)p->pes[pe].x, "y", (int)p->pes[pe].y,
                     "port", k_ports[port & 3]);
}

static json_t *target_json(writer *w) {
    const wfc_target *t = &w->f->p->target;
    json_t *out = json_object();
    put(w, out, "name", text(t->name));
    put(w, out, "width", whole(t->width));
    put(w, out, "height", whole(t->height));
    put(w, out, "sram_bytes", whole(t->sram_bytes));
    put(w, out, "colours", whole(t->colours));
    put(w, out, "clock_hz", real(t->clock_hz));
    for (unsigned side = 0; side < 2; side++) {
        json_t *rows = json_array();
        for (unsigned i = 0; i < t->io_count[side]; i++) add(w, rows, whole(t->io_rows[side][i]));
        put(w, out, side == WFC_SIDE_WEST ? "io_rows_west" : "io_rows_east", rows);
    }
    return out;
}

static json_t *totals_json(writer *w) {
    const wfc_report_facts *f = w->f;
    const wfc_program *p = f->p;
    json_t *out = json_object();
    put(w, out, "layers", whole(p->layer_count));
    put(w, out, "adapters", whole(f->adapters));
    put(w, out, "adapter_columns", whole(f->adapter_columns));
    put(w, out, "buffers", whole(f->buffers));
    put(w, out, "buffer_tensors", whole(f->buffer_tensors));
    put(w, out, "buffer_columns", whole(f->buffer_columns));
    put(w, out, "buffer_bytes", whole(f->buffer_bytes));
    put(w, out, "edge_bound_cycles", real(f->edge_bound));
    put(w, out, "port_bound_cycles", whole(f->port_bound));
    put(w, out, "pe_total", whole(f->pe_total));
    put(w, out, "pe_used", whole(f->pe_used));
    put(w, out, "pe_router_only", whole(f->pe_router_only));
    put(w, out, "classes", whole(p->class_count));
    put(w, out, "macs", whole(f->macs));
    put(w, out, "macs_nonzero", whole(f->macs_nonzero));
    put(w, out, "mac_rate", real(f->mac_rate));
    put(w, out, "delta_t_cycles", real(f->delta_t));
    put(w, out, "predicted_delta_t_cycles", real(p->predicted_delta_t_cycles));
    put(w, out, "slowest_layer", index_or_null(f->slowest));
    put(w, out, "busiest_layer", index_or_null(f->busiest));
    put(w, out, "sram_max_bytes", whole(f->sram_max_bytes));
    put(w, out, "sram_max_pe", place(p, f->sram_max_pe));
    put(w, out, "colours_max", whole(f->colours_max));
    put(w, out, "colours_max_pe", place(p, f->colours_max_pe));
    return out;
}

static json_t *run_json(writer *w) {
    const wfc_report_facts *f = w->f;
    const wfc_report_run *r = &f->run;
    if (!r->given) return json_null();
    json_t *out = json_object();
    put(w, out, "samples", real(r->samples));
    put(w, out, "cycles", real(r->cycles));
    put(w, out, "latency_cycles", real(r->latency_cycles));
    put(w, out, "delta_t_cycles", real(r->delta_t_cycles));
    put(w, out, "hops_per_sample", real(r->wavelet_hops / r->samples));
    put(w, out, "pe_active", real(r->pe_active));
    return out;
}

static json_t *links_json(writer *w) {
    const wfc_report_facts *f = w->f;
    const wfc_report_links *l = &f->links;
    json_t *out = json_object();
    put(w, out, "exact", json_boolean(wfc_report_links_exact(l)));
    put(w, out, "hops_per_sample", whole(l->total));
    put(w, out, "edge_words_per_sample", whole(l->edge_total));
    put(w, out, "most", link(f->p, l->max_pe, l->max_port, l->max_words));
    put(w, out, "pes_not_followed", whole(l->pes_not_followed));
    put(w, out, "routes_by_order", whole(l->routes_by_order));
    put(w, out, "routes_in_cycles", whole(l->routes_in_cycles));
    return out;
}

static json_t *predicted_json(writer *w, const wfc_prog_layer *l) {
    json_t *out = json_object();
    put(w, out, "total", real(l->predicted_cycles));
    put(w, out, "compute", real(l->predicted_compute));
    put(w, out, "receive", real(l->predicted_receive));
    put(w, out, "reduce", real(l->predicted_reduce));
    put(w, out, "epilogue", real(l->predicted_epilogue));
    put(w, out, "send", real(l->predicted_send));
    put(w, out, "lane", real(l->predicted_lane));
    return out;
}

static json_t *sram_json(writer *w, const wfc_report_layer *l) {
    json_t *out = json_object(), *max = json_object(), *mean = json_object();
    for (unsigned c = 0; c < WFC_MEM_CATEGORIES; c++) {
        put(w, max, wfc_mem_category_name(c), whole(l->sram_max[c]));
        put(w, mean, wfc_mem_category_name(c), real(l->pes ? (double)l->sram_sum[c] / l->pes : 0));
    }
    put(w, out, "max_bytes", whole(l->sram_max_bytes));
    put(w, out, "mean_bytes", real(l->pes ? (double)l->sram_sum_bytes / l->pes : 0));
    put(w, out, "max_by_category", max);
    put(w, out, "mean_by_category", mean);
    put(w, out, "fullest_pe", place(w->f->p, l->sram_max_pe));
    return out;
}

static json_t *simulated_json(writer *w, uint32_t i) {
    const wfc_report_facts *f = w->f;
    if (!f->run.given || f->layers[i].pes == 0) return json_null();
    json_t *out = json_object(), *per_sample = json_object();
    double pe_samples = f->layers[i].pes * f->run.samples;
    for (unsigned c = 0; c < WFC_REPORT_CAUSES; c++)
        put(w, per_sample, wfc_report_cause_names[c], real(f->run.pe_cycles[i][c] / pe_samples));
    put(w, out, "active_cycles", real(f->layers[i].sim_active_cycles));
    put(w, out, "cycles_by_cause", per_sample);
    put(w, out, "macs_executed", real(f->run.macs_executed[i]));
    return out;
}

static json_t *layer_json(writer *w, uint32_t i) {
    const wfc_report_facts *f = w->f;
    const wfc_prog_layer *l = &f->p->layers[i];
    const wfc_report_layer *facts = &f->layers[i];
    json_t *out = json_object(), *nodes = json_array();
    for (uint32_t k = 0; k < l->node_count; k++) add(w, nodes, text(l->nodes[k]));
    put(w, out, "name", text(l->name));
    put(w, out, "kind", text(l->kind));
    put(w, out, "nodes", nodes);
    put(w, out, "rectangle", rectangle(&l->rect));
    put(w, out, "split", text(l->split));
    put(w, out, "colour", colour(facts->colour));
    put(w, out, "pe_count", whole(facts->pes));
    put(w, out, "macs", whole(l->macs));
    put(w, out, "macs_nonzero", whole(l->macs_nonzero));
    put(w, out, "predicted_cycles", predicted_json(w, l));
    put(w, out, "simulated", simulated_json(w, i));
    put(w, out, "utilisation", real(facts->utilisation));
    put(w, out, "sram", sram_json(w, facts));
    put(w, out, "busiest_link", link(f->p, facts->link_max_pe, facts->link_max_port, facts->link_max_words));
    return out;
}

static void add_ports(writer *w, json_t *out, const wfc_prog_tensor *tensors, uint32_t count, const char *direction) {
    for (uint32_t t = 0; t < count; t++)
        for (uint32_t k = 0; k < tensors[t].stream_count; k++) {
            const wfc_prog_stream *s = &tensors[t].streams[k];
            json_t *port = json_pack("{s:s,s:s,s:i,s:i,s:I}", "direction", direction, "side",
                                     s->side == WFC_SIDE_WEST ? "west" : "east", "row", (int)s->row, "colour",
                                     (int)s->colour, "words", (json_int_t)s->words);
            put(w, port, "tensor", text(tensors[t].name));
            add(w, out, port);
        }
}

static json_t *defects_json(writer *w) {
    const wfc_target *t = &w->f->p->target;
    json_t *out = json_object(), *pes = json_array(), *links = json_array();
    for (uint32_t i = 0; i < t->bad_pe_count; i++)
        add(w, pes, json_pack("[i,i]", (int)t->bad_pes[i].x, (int)t->bad_pes[i].y));
    for (uint32_t i = 0; i < t->bad_link_count; i++)
        add(w, links,
            json_pack("[i,i,s]", (int)t->bad_links[i].x, (int)t->bad_links[i].y, k_ports[t->bad_links[i].port & 3]));
    put(w, out, "pes", pes);
    put(w, out, "links", links);
    return out;
}

/* Thousands of classes: one short list each, named once in `class_columns`. */
static void put_classes(writer *w, json_t *root) {
    const wfc_report_facts *f = w->f;
    json_t *columns = json_array(), *classes = json_array();
    add(w, columns, json_string("name"));
    for (unsigned c = 0; c < WFC_MEM_CATEGORIES; c++) add(w, columns, json_string(wfc_mem_category_name(c)));
    for (uint32_t i = 0; i < f->p->class_count; i++) {
        json_t *row = json_array();
        add(w, row, text(f->p->classes[i].name));
        for (unsigned c = 0; c < WFC_MEM_CATEGORIES; c++) add(w, row, whole(f->class_account[i][c]));
        add(w, classes, row);
    }
    put(w, root, "class_columns", columns);
    put(w, root, "classes", classes);
}

static wfc_status put_planes(writer *w, json_t *root, wfc_diag *diag) {
    const wfc_report_facts *f = w->f;
    json_t *out = rectangle(&f->used);
    uint32_t *grid = wfc_report_grid(f->p);
    wfc_status s = grid ? WFC_OK : wfc_fail_memory(diag);
    for (unsigned k = 0; s == WFC_OK && k < WFC_PLANES; k++) {
        wfc_buf data = {0};
        unsigned bytes = 0;
        s = wfc_report_plane_encode(f, grid, (wfc_report_plane)k, diag, &data, &bytes);
        if (s == WFC_OK)
            put(w, out, wfc_report_plane_names[k],
                json_pack("{s:i,s:s%}", "bytes", (int)bytes, "data", data.data ? data.data : "", data.count));
        wfc_buf_deinit(&data);
    }
    wfc_free(grid);
    put(w, root, "planes", out);
    return s;
}

static wfc_status build(writer *w, json_t *root, wfc_diag *diag) {
    const wfc_report_facts *f = w->f;
    const wfc_program *p = f->p;
    json_t *layers = json_array(), *ports = json_array(), *heat = json_array();
    for (uint32_t i = 0; i < p->layer_count; i++) add(w, layers, layer_json(w, i));
    add_ports(w, ports, p->inputs, p->input_count, "in");
    add_ports(w, ports, p->outputs, p->output_count, "out");
    for (unsigned i = 0; i < WFC_REPORT_HEAT_STOPS; i++) add(w, heat, colour(wfc_report_heat[i]));
    put(w, root, "format", json_string("waferc report 1"));
    put(w, root, "model", text(p->model_name));
    put(w, root, "producer", text(p->producer));
    put(w, root, "target", target_json(w));
    put(w, root, "totals", totals_json(w));
    put(w, root, "run", run_json(w));
    put(w, root, "links", links_json(w));
    put(w, root, "layers", layers);
    put(w, root, "ports", ports);
    put(w, root, "defects", defects_json(w));
    put(w, root, "heat_colours", heat);
    put_classes(w, root);
    return put_planes(w, root, diag);
}

/* In a script element nothing may end the element or open a comment: < > & stand as \u escapes, which JSON allows. They
 * occur inside strings only. */
static void append_inline(const char *dump, wfc_buf *out) {
    for (size_t from = 0;;) {
        size_t n = strcspn(dump + from, "<>&");
        wfc_buf_append(out, dump + from, n);
        if (dump[from + n] == '\0') return;
        wfc_buf_printf(out, "\\u%04x", (unsigned)dump[from + n]);
        from += n + 1;
    }
}

wfc_status wfc_report_json(const wfc_report_facts *f, bool inline_script, wfc_diag *diag, wfc_buf *out) {
    json_t *root = json_object();
    if (!root) return wfc_fail_memory(diag);
    writer w = {.f = f};
    wfc_status s = build(&w, root, diag);
    size_t flags = JSON_ENSURE_ASCII | JSON_REAL_PRECISION(12) | (inline_script ? JSON_COMPACT : JSON_INDENT(1));
    char *dump = s == WFC_OK ? json_dumps(root, flags) : NULL;
    json_decref(root);
    if (s != WFC_OK) return s;
    if (dump && inline_script)
        append_inline(dump, out);
    else if (dump)
        wfc_buf_printf(out, "%s\n", dump);
    bool ok = dump && !out->failed && !w.failed;
    free(dump);
    return ok ? WFC_OK : wfc_fail_memory(diag);
}
