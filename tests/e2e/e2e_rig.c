#include "tests/e2e/e2e_rig.h"

#include "frontend/import.h"
#include "runtime/host/stream_words.h"
#include "support/mem.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static wfc_status load_kind(const char *dir, uint32_t set, const char *kind, const wfc_prog_tensor *tensors,
                            uint32_t count, wfc_diag *diag, wfc_tensor_list *out) {
    for (uint32_t i = 0; i < count; i++) {
        char *path = wfc_asprintf("%s/test_data_set_%u/%s_%u.pb", dir, (unsigned)set, kind, (unsigned)i), *name = NULL;
        wfc_tensor t = {0};
        wfc_status s = path ? wfc_import_tensor_file(path, diag, &name, &t) : wfc_fail_memory(diag);
        if (s == WFC_OK) s = wfc_tensor_list_take(out, tensors[i].name, &t, diag);
        wfc_free(name);
        wfc_free(path);
        WFC_TRY(s);
    }
    return WFC_OK;
}

static bool make_room(e2e_data *d, uint32_t count) {
    *d = (e2e_data){.inputs = wfc_calloc(count, sizeof *d->inputs), .outputs = wfc_calloc(count, sizeof *d->outputs)};
    if (d->inputs && d->outputs) d->count = count;
    return d->count == count;
}

wfc_status e2e_data_load(const char *dir, const wfc_program *p, uint32_t count, wfc_diag *diag, e2e_data *out) {
    if (!make_room(out, count)) return wfc_fail_memory(diag);
    for (uint32_t i = 0; i < count; i++) {
        WFC_TRY(load_kind(dir, i, "input", p->inputs, p->input_count, diag, &out->inputs[i]));
        WFC_TRY(load_kind(dir, i, "output", p->outputs, p->output_count, diag, &out->outputs[i]));
    }
    return WFC_OK;
}

static float largest(const e2e_data *d) {
    float most = 0;
    for (uint32_t i = 0; i < d->count; i++)
        for (size_t k = 0; k < d->inputs[i].count; k++) {
            const wfc_tensor *t = &d->inputs[i].data[k].tensor;
            const float *v = t->data;
            for (uint64_t j = 0; t->dtype == WFC_F32 && j < wfc_tensor_elems(t); j++) most = fmaxf(most, fabsf(v[j]));
        }
    return most > 0 ? most : 1;
}

wfc_status e2e_data_noise(const e2e_data *like, uint64_t seed, e2e_data *out) {
    const float scale = largest(like);
    if (!make_room(out, like->count)) return WFC_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < like->count; i++)
        for (size_t k = 0; k < like->inputs[i].count; k++) {
            const wfc_named_tensor *from = &like->inputs[i].data[k];
            wfc_tensor t;
            WFC_TRY(wfc_tensor_init(&t, WFC_F32, from->tensor.rank, from->tensor.dims));
            float *v = t.data;
            for (uint64_t j = 0; j < wfc_tensor_elems(&t); j++) {
                uint64_t r = wfc_rng_next(&seed);
                v[j] = scale * (0.05f + 0.95f * (float)(r >> 41) * 0x1p-23f) * (r & 1 ? 1.0f : -1.0f);
            }
            WFC_TRY(wfc_tensor_list_take(&out->inputs[i], from->name, &t, NULL));
        }
    return WFC_OK;
}

void e2e_data_deinit(e2e_data *d) {
    for (uint32_t i = 0; i < d->count; i++) {
        wfc_tensor_list_deinit(&d->inputs[i]);
        wfc_tensor_list_deinit(&d->outputs[i]);
    }
    wfc_free(d->inputs);
    wfc_free(d->outputs);
    *d = (e2e_data){0};
}

static bool is_weights(const wfc_prog_class *c, uint32_t addr, uint32_t bytes) {
    for (uint32_t i = 0; i < c->array_count; i++) {
        const wfc_prog_array *a = &c->arrays[i];
        if (strcmp(a->name, "weights") == 0 && addr >= a->addr && addr + bytes <= (uint32_t)a->addr + a->bytes)
            return true;
    }
    return false;
}

void e2e_other_weights(wfc_program *p, uint64_t seed) {
    for (uint32_t i = 0; i < p->pe_count; i++) {
        const wfc_prog_pe *pe = &p->pes[i];
        if (pe->class_index == UINT32_MAX) continue;
        for (uint32_t k = pe->data_first; k < pe->data_first + pe->data_count; k++) {
            const wfc_prog_data *d = &p->data[k];
            if (!is_weights(&p->classes[pe->class_index], d->addr, d->bytes)) continue;
            for (uint32_t b = 0; b + 4 <= d->bytes; b += 4) {
                uint64_t state = seed ^ ((d->bulk_offset + b) * UINT64_C(0x9e3779b97f4a7c15));
                float v = 0.01f * (0.1f + (float)(wfc_rng_next(&state) >> 40) * 0x1p-24f);
                memcpy(p->bulk + d->bulk_offset + b, &v, sizeof v);
            }
        }
    }
}

static bool has_data(const wfc_program *p, const wfc_prog_pe *pe, const wfc_prog_array *a) {
    for (uint32_t k = pe->data_first; k < pe->data_first + pe->data_count; k++)
        if (p->data[k].addr < (uint32_t)a->addr + a->bytes && a->addr < p->data[k].addr + p->data[k].bytes) return true;
    return false;
}

wfc_status e2e_ones(wfc_program *p) {
    enum { ONES = 1 << 14 };
    uint8_t *bulk = wfc_arena_alloc(&p->arena, p->bulk_bytes + ONES * sizeof(float), 1);
    WFC_VEC(wfc_prog_data) data = {0};
    const float one = 1;
    wfc_status s = bulk ? WFC_OK : WFC_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < ONES && s == WFC_OK; i++) memcpy(bulk + p->bulk_bytes + i * sizeof one, &one, sizeof one);
    for (uint32_t i = 0; i < p->pe_count && s == WFC_OK; i++) {
        wfc_prog_pe *pe = &p->pes[i];
        if (pe->class_index == UINT32_MAX) continue;
        const wfc_prog_class *c = &p->classes[pe->class_index];
        const size_t first = data.count;
        for (uint32_t k = 0; k < pe->data_count && s == WFC_OK; k++)
            s = wfc_vec_push(&data, p->data[pe->data_first + k]);
        for (uint32_t k = 0; k < c->array_count && s == WFC_OK; k++) {
            const wfc_prog_array *a = &c->arrays[k];
            wfc_prog_data ones = {.addr = a->addr, .bytes = a->bytes, .bulk_offset = p->bulk_bytes};
            if (!has_data(p, pe, a)) s = wfc_vec_push(&data, ones);
        }
        pe->data_first = (uint32_t)first;
        pe->data_count = (uint32_t)(data.count - first);
    }
    wfc_prog_data *copy = s == WFC_OK ? wfc_arena_alloc(&p->arena, data.count + 1, sizeof *copy) : NULL;
    if (copy) {
        if (data.count) memcpy(copy, data.data, data.count * sizeof *copy);
        memcpy(bulk, p->bulk, p->bulk_bytes);
        p->data = copy;
        p->data_count = (uint32_t)data.count;
        p->bulk = bulk;
        p->bulk_bytes += ONES * sizeof(float);
    }
    wfc_vec_free(&data);
    return copy ? WFC_OK : WFC_ERR_NO_MEMORY;
}

static e2e_end end_of(wfc_status s, const char *code) {
    if (s == WFC_OK) return E2E_OUTPUT;
    if (s == WFC_ERR_NO_MEMORY) return E2E_NO_MEMORY;
    if (strcmp(code, "WFC-E0610") == 0 || strcmp(code, "WFC-E0613") == 0) return E2E_TRAP; /* 0613: a word too many */
    if (strcmp(code, "WFC-E0611") == 0 || strcmp(code, "WFC-E0614") == 0) return E2E_DEADLOCK;
    return strcmp(code, "WFC-E0612") == 0 ? E2E_LIMIT : E2E_ERROR;
}

static void on_grant(void *ctx, uint32_t pe, const wfc_prog_route *route, unsigned position, unsigned in_port,
                     unsigned out) {
    const e2e_record *r = ctx;
    const wfc_prog_router *router = &r->p->routers[r->p->pes[pe].router_index];
    r->out[r->route_first[pe] + (uint32_t)(route - router->routes)][position][in_port] |= (uint8_t)(out | E2E_GRANTED);
}

static void on_issue(void *ctx, uint32_t pe, uint32_t pc) {
    const e2e_record *r = ctx;
    r->issued[r->insn_first[pe] + pc] = true;
}

static wfc_status simulate_recorded(e2e_record *r, const e2e_data *d, const wfc_host_words *in,
                                    const wfc_host_words *out, wfc_diag *diag) {
    wfc_sim_io io = {.samples = d->count,
                     .inputs = (const uint32_t *const *)in->streams,
                     .outputs = (uint32_t *const *)out->streams};
    wfc_sim_hooks hooks = {.on_grant = on_grant, .on_issue = on_issue, .ctx = r};
    wfc_sim_options opt = {0};
    wfc_sim_result result;
    wfc_status s = wfc_sim_run_hooked(r->p, &opt, &io, NULL, 0, &hooks, diag, &result);
    wfc_sim_result_deinit(&result);
    return s;
}

wfc_status e2e_record_run(e2e_record *r, const e2e_data *d, wfc_diag *diag) {
    const wfc_program *p = r->p;
    wfc_host_words in = {0}, out = {0};
    const void **given = wfc_calloc(d->count, sizeof *given);
    wfc_status s = given ? wfc_host_words_init(p->inputs, p->input_count, d->count, diag, &in) : WFC_ERR_NO_MEMORY;
    if (s == WFC_OK) s = wfc_host_words_init(p->outputs, p->output_count, d->count, diag, &out);
    for (uint32_t i = 0, at = 0; i < p->input_count && s == WFC_OK; at += p->inputs[i++].stream_count) {
        for (uint32_t k = 0; k < d->count; k++) given[k] = d->inputs[k].data[i].tensor.data;
        s = wfc_host_pack(p, &p->inputs[i], (wfc_dtype)d->inputs[0].data[i].tensor.dtype, given, d->count, d->count,
                          in.streams + at, diag);
    }
    if (s == WFC_OK) s = simulate_recorded(r, d, &in, &out, diag);
    wfc_host_words_deinit(&in);
    wfc_host_words_deinit(&out);
    wfc_free(given);
    return s;
}

void e2e_run(const wfc_program *p, const e2e_data *d, uint64_t max_cycles, e2e_outcome *out) {
    wfc_diag diag;
    wfc_diag_init(&diag);
    *out = (e2e_outcome){0};
    wfc_host_options opt = {.sim = {.max_cycles = max_cycles}};
    wfc_status s = wfc_host_execute(p, d->inputs, d->count, &opt, &diag, &out->run);
    out->end = end_of(s, diag.count ? diag.items[0].code : "");
    if (s != WFC_OK && diag.count)
        snprintf(out->message, sizeof out->message, "%s: %.250s", diag.items[0].code, diag.items[0].text);
    wfc_diag_deinit(&diag);
}

void e2e_outcome_deinit(e2e_outcome *o) {
    wfc_host_run_deinit(&o->run);
}

bool e2e_same_bits(const wfc_host_run *a, const wfc_host_run *b) {
    if (a->outputs.count != b->outputs.count) return false;
    for (size_t i = 0; i < a->outputs.count; i++) {
        const wfc_tensor *x = &a->outputs.data[i].tensor, *y = &b->outputs.data[i].tensor;
        uint64_t n = wfc_tensor_elems(x);
        if (x->dtype != y->dtype || n != wfc_tensor_elems(y)) return false;
        if (memcmp(x->data, y->data, n * wfc_dtype_bytes((wfc_dtype)x->dtype)) != 0) return false;
    }
    return true;
}

double e2e_distance(const wfc_host_run *a, const wfc_host_run *b) {
    double most = 0;
    for (size_t i = 0; i < a->outputs.count; i++) {
        const wfc_tensor *x = &a->outputs.data[i].tensor, *y = &b->outputs.data[i].tensor;
        const uint64_t n = wfc_tensor_elems(x) / a->samples;
        const float *u = x->data, *v = y->data;
        for (uint32_t s = 0; s < a->samples; s++) {
            double apart = 0, ref = 0;
            for (uint64_t k = s * n; k < (s + 1) * n; k++) {
                apart = fmax(apart, fabs((double)u[k] - (double)v[k]));
                ref = fmax(ref, fabs((double)v[k]));
            }
            most = fmax(most, ref > 0 ? apart / ref : apart);
        }
    }
    return most;
}

bool e2e_compare_fails(const wfc_program *p, const wfc_host_run *r, const e2e_data *d, const wfc_tolerance *tol) {
    enum { MAX_OUTPUTS = 16 };
    wfc_comparison c[MAX_OUTPUTS];
    if (p->output_count > MAX_OUTPUTS || wfc_host_compare(p, r, d->outputs, d->count, tol, NULL, c) != WFC_OK)
        return true;
    bool failed = false;
    for (uint32_t i = 0; i < p->output_count; i++) failed = failed || c[i].failed > 0;
    return failed;
}

wfc_status e2e_record_init(e2e_record *r, const wfc_program *p) {
    uint32_t routes = 0, insns = 0;
    *r = (e2e_record){.p = p,
                      .route_first = wfc_calloc(p->pe_count + 1u, sizeof *r->route_first),
                      .insn_first = wfc_calloc(p->pe_count + 1u, sizeof *r->insn_first),
                      .pe_at = wfc_calloc((size_t)p->target.width * p->target.height, sizeof *r->pe_at)};
    if (!r->route_first || !r->insn_first || !r->pe_at) return WFC_ERR_NO_MEMORY;
    for (size_t i = 0; i < (size_t)p->target.width * p->target.height; i++) r->pe_at[i] = UINT32_MAX;
    for (uint32_t i = 0; i < p->pe_count; i++) {
        const wfc_prog_pe *pe = &p->pes[i];
        r->pe_at[(size_t)pe->y * p->target.width + pe->x] = i;
        if (pe->router_index != UINT32_MAX) routes += p->routers[pe->router_index].route_count;
        if (pe->class_index != UINT32_MAX) insns += p->classes[pe->class_index].insn_count;
        r->route_first[i + 1] = routes;
        r->insn_first[i + 1] = insns;
    }
    r->out = wfc_calloc(routes + 1u, sizeof *r->out);
    r->issued = wfc_calloc(insns + 1u, sizeof *r->issued);
    return r->out && r->issued ? WFC_OK : WFC_ERR_NO_MEMORY;
}

void e2e_record_deinit(e2e_record *r) {
    wfc_free(r->route_first);
    wfc_free(r->insn_first);
    wfc_free(r->out);
    wfc_free(r->issued);
    wfc_free(r->pe_at);
    *r = (e2e_record){0};
}

static uint32_t neighbour(const e2e_record *r, uint32_t pe, unsigned port) {
    static const int dx[4] = {0, 1, 0, -1}, dy[4] = {-1, 0, 1, 0};
    int x = r->p->pes[pe].x + dx[port], y = r->p->pes[pe].y + dy[port];
    if (x < 0 || y < 0 || x >= (int)r->p->target.width || y >= (int)r->p->target.height) return UINT32_MAX;
    return r->pe_at[(size_t)y * r->p->target.width + (size_t)x];
}

/* Lanes are trees (condition 3 of docs/deadlock.md), so following the ports that were taken ends; the depth is a guard
 * for programs that are not checked. */
static bool delivers(const e2e_record *r, uint32_t pe, unsigned colour, unsigned bit, unsigned depth) {
    if (bit == WFC_PORT_R || depth == 0) return true;
    const uint32_t next = neighbour(r, pe, bit);
    const unsigned in_port = (bit + 2) % 4;
    if (next == UINT32_MAX || r->p->pes[next].router_index == UINT32_MAX) return true; /* the host's port */
    const wfc_prog_router *router = &r->p->routers[r->p->pes[next].router_index];
    for (uint32_t i = 0; i < router->route_count; i++) {
        if (router->routes[i].colour != colour) continue;
        for (unsigned pos = 0; pos < 4; pos++)
            for (unsigned b = 0; b < WFC_PORTS; b++)
                if (r->out[r->route_first[next] + i][pos][in_port] >> b & 1 && delivers(r, next, colour, b, depth - 1))
                    return true;
    }
    return false;
}

bool e2e_record_delivers(const e2e_record *r, uint32_t pe, uint32_t route, unsigned bit) {
    const wfc_prog_route *rt = &r->p->routers[r->p->pes[pe].router_index].routes[route];
    return delivers(r, pe, rt->colour, bit, 4u * (r->p->target.width + r->p->target.height));
}
