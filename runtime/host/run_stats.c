#include "runtime/host/run_stats.h"

#include "support/mem.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool wfc_stats_delta_t(const uint64_t *completion_cycles, uint32_t n, double *out) {
    if (n < 8) return false;
    uint32_t half = n / 2;
    *out = (double)(completion_cycles[n - 1] - completion_cycles[half - 1]) / (double)(n - half);
    return true;
}

bool wfc_stats_spacing(const uint64_t *completion_cycles, uint32_t n, uint64_t *least, uint64_t *most) {
    if (n < 8) return false;
    *least = UINT64_MAX;
    *most = 0;
    for (uint32_t i = n / 2; i < n; i++) {
        uint64_t apart = completion_cycles[i] - completion_cycles[i - 1];
        if (apart < *least) *least = apart;
        if (apart > *most) *most = apart;
    }
    return true;
}

wfc_stats_pes wfc_stats_count_pes(const wfc_program *p) {
    wfc_stats_pes out = {.sram_peak_pe = UINT32_MAX};
    out.total = (uint32_t)p->target.width * p->target.height - p->target.bad_pe_count;
    for (uint32_t i = 0; i < p->pe_count; i++) {
        uint32_t class_index = p->pes[i].class_index;
        if (class_index >= p->class_count) continue; /* router only */
        uint32_t account[WFC_MEM_CATEGORIES] = {0};
        uint32_t bytes = wfc_prog_class_account(&p->classes[class_index], account);
        out.used++;
        if (bytes > out.sram_peak_bytes || out.sram_peak_pe == UINT32_MAX) {
            out.sram_peak_bytes = bytes;
            out.sram_peak_pe = i;
            memcpy(out.sram_by_category, account, sizeof account);
        }
    }
    return out;
}

unsigned wfc_stats_mac_rate(const wfc_target *t) {
    unsigned rate = t->simd[WFC_SIMD_FMAC][WFC_F32];
    return rate ? rate : 1;
}

static json_t *text(const char *s) {
    char *escaped = wfc_escape(s ? s : "", s ? strlen(s) : 0, 4096); /* valid UTF-8, which JSON needs */
    json_t *out = escaped ? json_string(escaped) : NULL;
    wfc_free(escaped);
    return out;
}

static json_t *whole(uint64_t v) {
    return json_integer((json_int_t)v);
}

/* jansson refuses a NULL, which a value is that there was no memory for: *ok tells. */
static void put(bool *ok, json_t *object, const char *key, json_t *value) {
    if (json_object_set_new(object, key, value) != 0) *ok = false;
}

static void append(bool *ok, json_t *array, json_t *value) {
    if (json_array_append_new(array, value) != 0) *ok = false;
}

static json_t *by_category(bool *ok, const uint32_t *bytes) {
    json_t *out = json_object();
    for (unsigned c = 0; c < WFC_MEM_CATEGORIES; c++) put(ok, out, wfc_mem_category_name(c), whole(bytes[c]));
    return out;
}

/* The fullest PE of each layer. */
static uint32_t *layer_accounts(const wfc_program *p) {
    uint32_t *account = wfc_calloc(p->layer_count, sizeof *account * (WFC_MEM_CATEGORIES + 1));
    for (uint32_t i = 0; account && i < p->pe_count; i++) {
        const wfc_prog_pe *pe = &p->pes[i];
        if (pe->class_index >= p->class_count || pe->layer >= p->layer_count) continue;
        uint32_t bytes[WFC_MEM_CATEGORIES + 1] = {0}, *kept = account + (size_t)pe->layer * (WFC_MEM_CATEGORIES + 1);
        bytes[WFC_MEM_CATEGORIES] = wfc_prog_class_account(&p->classes[pe->class_index], bytes);
        if (bytes[WFC_MEM_CATEGORIES] > kept[WFC_MEM_CATEGORIES]) memcpy(kept, bytes, sizeof bytes);
    }
    return account;
}

/* A program file may hold any bit pattern; JSON has no NaN. */
static json_t *real(double v) {
    return isfinite(v) ? json_real(v) : json_null();
}

static json_t *predicted(bool *ok, const wfc_prog_layer *l) {
    json_t *out = json_object();
    put(ok, out, "total", real(l->predicted_cycles));
    put(ok, out, "compute", real(l->predicted_compute));
    put(ok, out, "receive", real(l->predicted_receive));
    put(ok, out, "reduce", real(l->predicted_reduce));
    put(ok, out, "epilogue", real(l->predicted_epilogue));
    put(ok, out, "send", real(l->predicted_send));
    put(ok, out, "lane", real(l->predicted_lane));
    return out;
}

static json_t *layer_json(bool *ok, const wfc_program *p, const wfc_host_run *r, uint32_t i, const uint32_t *account) {
    const wfc_prog_layer *l = &p->layers[i];
    json_t *out = json_object(), *nodes = json_array(), *cycles = json_object();
    for (uint32_t k = 0; k < l->node_count; k++) append(ok, nodes, text(l->nodes[k]));
    for (unsigned c = 0; c < WFC_CAUSES; c++)
        put(ok, cycles, wfc_cause_name(c), whole(r->sim.layer_cause ? r->sim.layer_cause[i][c] : 0));
    put(ok, out, "name", text(l->name));
    put(ok, out, "kind", text(l->kind));
    put(ok, out, "nodes", nodes);
    put(ok, out, "rectangle",
        json_pack("{s:i,s:i,s:i,s:i}", "x", (int)l->rect.x, "y", (int)l->rect.y, "w", (int)l->rect.w, "h",
                  (int)l->rect.h));
    put(ok, out, "split", text(l->split));
    put(ok, out, "pe_count", whole(l->pe_count));
    put(ok, out, "macs", whole(l->macs));
    put(ok, out, "macs_nonzero", whole(l->macs_nonzero));
    uint64_t executed = r->sim.layer_macs_executed ? r->sim.layer_macs_executed[i] : 0;
    put(ok, out, "macs_executed", json_real((double)executed / r->samples));
    put(ok, out, "pe_cycles", cycles);
    put(ok, out, "predicted_cycles", predicted(ok, l));
    put(ok, out, "sram_peak_bytes", whole(account[WFC_MEM_CATEGORIES]));
    put(ok, out, "sram_bytes", by_category(ok, account));
    return out;
}

static void put_work(bool *ok, json_t *out, const wfc_program *p, const wfc_host_run *r, const wfc_stats_pes *pes) {
    uint64_t macs = 0, nonzero = 0;
    for (uint32_t i = 0; i < p->layer_count; i++) macs += p->layers[i].macs, nonzero += p->layers[i].macs_nonzero;
    unsigned rate = wfc_stats_mac_rate(&p->target);
    put(ok, out, "macs", whole(macs));
    put(ok, out, "macs_nonzero", whole(nonzero));
    put(ok, out, "macs_executed", json_real((double)r->sim.macs_executed / r->samples));
    put(ok, out, "mac_rate", whole(rate));
    put(ok, out, "pe_total", whole(pes->total));
    put(ok, out, "pe_used", whole(pes->used));
    put(ok, out, "pe_active", whole(r->sim.pe_active));
    put(ok, out, "ideal_used_cycles",
        pes->used ? json_real((double)nonzero / ((double)pes->used * rate)) : json_null());
    put(ok, out, "ideal_wafer_cycles",
        pes->total ? json_real((double)nonzero / ((double)pes->total * rate)) : json_null());
}

static void put_time(bool *ok, json_t *out, const wfc_program *p, const wfc_host_run *r) {
    double delta_t;
    bool has_delta_t = wfc_stats_delta_t(r->sim.completion_cycles, r->samples, &delta_t);
    json_t *done = json_array();
    for (uint32_t i = 0; i < r->samples; i++) append(ok, done, whole(r->sim.completion_cycles[i]));
    put(ok, out, "samples", whole(r->samples));
    put(ok, out, "cycles", whole(r->sim.cycles));
    put(ok, out, "latency_cycles", r->has_latency ? whole(r->latency_cycles) : json_null());
    put(ok, out, "completion_cycles", done);
    put(ok, out, "interval_cycles", whole(r->interval));
    put(ok, out, "delta_t_cycles", has_delta_t ? json_real(delta_t) : json_null());
    put(ok, out, "predicted_delta_t_cycles", real(p->predicted_delta_t_cycles));
    put(ok, out, "clock_hz", real(p->target.clock_hz));
    put(ok, out, "wavelet_hops", whole(r->sim.wavelet_hops));
    put(ok, out, "words_injected", whole(r->sim.words_injected));
    put(ok, out, "words_collected", whole(r->sim.words_collected));
    put(ok, out, "instructions", whole(r->sim.instructions));
}

char *wfc_stats_json(const wfc_program *p, const wfc_host_run *r) {
    wfc_stats_pes pes = wfc_stats_count_pes(p);
    uint32_t *accounts = layer_accounts(p);
    bool ok = true;
    json_t *out = json_object(), *layers = json_array();
    if (!accounts || !out || !layers) {
        wfc_free(accounts);
        json_decref(out);
        json_decref(layers);
        return NULL;
    }
    put(&ok, out, "model", text(p->model_name));
    put(&ok, out, "producer", text(p->producer));
    put(&ok, out, "target", text(p->target.name));
    put_work(&ok, out, p, r, &pes);
    put_time(&ok, out, p, r);
    put(&ok, out, "sram_bytes_per_pe", whole(p->target.sram_bytes));
    put(&ok, out, "sram_peak_bytes", whole(pes.sram_peak_bytes));
    put(&ok, out, "sram_bytes", by_category(&ok, pes.sram_by_category));
    for (uint32_t i = 0; i < p->layer_count; i++)
        append(&ok, layers, layer_json(&ok, p, r, i, accounts + (size_t)i * (WFC_MEM_CATEGORIES + 1)));
    put(&ok, out, "layers", layers);
    char *dump = !ok ? NULL : json_dumps(out, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    char *result = dump ? wfc_asprintf("%s\n", dump) : NULL;
    free(dump);
    json_decref(out);
    wfc_free(accounts);
    return result;
}
