/* What all formats show: sums and largest values over the program's PEs, by layer. One pass over the PEs each. */
#include "report/report_facts.h"
#include "support/mem.h"

#include <math.h>
#include <string.h>

/* Layers that compute take these hues in turn, so that neighbours differ; grey and amber are kept for what only carries
 * data. All are muted and dark text stays readable on them. */
static const uint32_t k_hues[] = {0x6f9bd1, 0x7fb28a, 0xa98fc9, 0x5fb0b3, 0xd08fa3, 0xa9b262, 0x8a9be0, 0xc9986f};
enum { ADAPTER_COLOUR = 0x98a2ae, BUFFER_COLOUR = 0xe3ad4b, NUM_HUES = sizeof k_hues / sizeof *k_hues };
const uint32_t wfc_report_heat[WFC_REPORT_HEAT_STOPS] = {0xfbe9c0, 0xf6b26b, 0xe0645c, 0x93357a, 0x3a1c5c};

void wfc_report_facts_deinit(wfc_report_facts *f) {
    wfc_report_run_deinit(&f->run);
    wfc_report_links_deinit(&f->links);
    wfc_free(f->layers);
    wfc_free(f->class_bytes);
    wfc_free(f->class_account);
    wfc_free(f->router_colours);
    *f = (wfc_report_facts){0};
}

static bool is_kind(const wfc_prog_layer *l, const char *kind) {
    return l->kind && strcmp(l->kind, kind) == 0;
}

/* Buffers in a row for one tensor are named NAME.0, NAME.1, .. (backend): those behind the first are no new tensor. */
static bool is_further_buffer(const char *name) {
    const char *dot = name ? strrchr(name, '.') : NULL;
    if (!dot || dot[1] == '\0' || (dot[1] == '0' && dot[2] == '\0')) return false;
    return strspn(dot + 1, "0123456789") == strlen(dot + 1);
}

static void start_layers(wfc_report_facts *f) {
    const wfc_program *p = f->p;
    unsigned hue = 0;
    for (uint32_t i = 0; i < p->layer_count; i++) {
        wfc_report_layer *l = &f->layers[i];
        l->is_adapter = is_kind(&p->layers[i], "adapter");
        l->is_buffer = is_kind(&p->layers[i], "buffer");
        l->sram_max_pe = l->link_max_pe = UINT32_MAX;
        l->colour = l->is_adapter ? ADAPTER_COLOUR : l->is_buffer ? BUFFER_COLOUR : k_hues[hue++ % NUM_HUES];
        f->adapters += l->is_adapter;
        f->buffers += l->is_buffer;
        f->buffer_tensors += l->is_buffer && !is_further_buffer(p->layers[i].name);
        if (l->is_buffer) f->buffer_columns += p->layers[i].rect.w;
        if (l->is_adapter) f->adapter_columns += p->layers[i].rect.w;
        f->macs += p->layers[i].macs;
        f->macs_nonzero += p->layers[i].macs_nonzero;
    }
}

static void start_classes(wfc_report_facts *f) {
    const wfc_program *p = f->p;
    for (uint32_t i = 0; i < p->class_count; i++)
        f->class_bytes[i] = wfc_prog_class_account(&p->classes[i], f->class_account[i]);
    for (uint32_t i = 0; i < p->router_count; i++)
        f->router_colours[i] = (uint8_t)(p->routers[i].route_count > 255 ? 255 : p->routers[i].route_count);
}

static void widen(wfc_report_facts *f, uint32_t x, uint32_t y, uint32_t w, uint32_t h) {
    wfc_prog_rect *u = &f->used;
    if (w == 0 || h == 0) return;
    if (u->w == 0) {
        *u = (wfc_prog_rect){(uint16_t)x, (uint16_t)y, (uint16_t)w, (uint16_t)h};
        return;
    }
    uint32_t x1 = u->x + u->w > x + w ? (uint32_t)(u->x + u->w) : x + w;
    uint32_t y1 = u->y + u->h > y + h ? (uint32_t)(u->y + u->h) : y + h;
    if (x < u->x) u->x = (uint16_t)x;
    if (y < u->y) u->y = (uint16_t)y;
    u->w = (uint16_t)(x1 - u->x);
    u->h = (uint16_t)(y1 - u->y);
}

static void add_sram(wfc_report_facts *f, uint32_t index) {
    const wfc_prog_pe *pe = &f->p->pes[index];
    const uint32_t *account = f->class_account[pe->class_index];
    uint32_t bytes = f->class_bytes[pe->class_index];
    if (bytes > f->sram_max_bytes || f->sram_max_pe == UINT32_MAX) f->sram_max_bytes = bytes, f->sram_max_pe = index;
    if (pe->layer >= f->p->layer_count) return;
    wfc_report_layer *l = &f->layers[pe->layer];
    l->pes++;
    l->sram_sum_bytes += bytes;
    if (bytes > l->sram_max_bytes || l->sram_max_pe == UINT32_MAX) l->sram_max_bytes = bytes, l->sram_max_pe = index;
    for (unsigned c = 0; c < WFC_MEM_CATEGORIES; c++) {
        l->sram_sum[c] += account[c];
        if (account[c] > l->sram_max[c]) l->sram_max[c] = account[c];
    }
    if (l->is_buffer) f->buffer_bytes += account[WFC_MEM_INPUT];
}

static void add_links(wfc_report_facts *f, uint32_t index) {
    const wfc_prog_pe *pe = &f->p->pes[index];
    if (pe->layer >= f->p->layer_count) return;
    wfc_report_layer *l = &f->layers[pe->layer];
    for (unsigned port = 0; port < 4; port++)
        if (f->links.words[port][index] > l->link_max_words) {
            l->link_max_words = f->links.words[port][index];
            l->link_max_pe = index;
            l->link_max_port = (uint8_t)port;
        }
}

static void add_pes(wfc_report_facts *f) {
    const wfc_program *p = f->p;
    for (uint32_t i = 0; i < p->pe_count; i++) {
        const wfc_prog_pe *pe = &p->pes[i];
        widen(f, pe->x, pe->y, 1, 1);
        if (pe->class_index < p->class_count) {
            f->pe_used++;
            add_sram(f, i);
        } else {
            f->pe_router_only++;
        }
        add_links(f, i);
        if (pe->router_index >= p->router_count) continue;
        uint32_t colours = f->router_colours[pe->router_index];
        if (colours > f->colours_max || f->colours_max_pe == UINT32_MAX)
            f->colours_max = colours, f->colours_max_pe = i;
    }
    for (uint32_t i = 0; i < p->layer_count; i++)
        widen(f, p->layers[i].rect.x, p->layers[i].rect.y, p->layers[i].rect.w, p->layers[i].rect.h);
}

/* Words of one direction at the ports of both edges. A port moves one word per cycle each way. */
static wfc_status add_edges(wfc_report_facts *f, const wfc_prog_tensor *tensors, uint32_t count, wfc_diag *diag) {
    const wfc_target *t = &f->p->target;
    uint64_t *words = wfc_calloc((size_t)t->height * 2, sizeof *words); /* [row][side] */
    uint64_t all[2] = {0};
    if (!words) return wfc_fail_memory(diag);
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < tensors[i].stream_count; k++) {
            const wfc_prog_stream *s = &tensors[i].streams[k];
            if (s->row >= t->height || s->side > WFC_SIDE_EAST) continue;
            all[s->side] += s->words;
            uint64_t *port = &words[s->row * 2u + s->side];
            *port += s->words;
            if (*port > f->port_bound) f->port_bound = *port;
        }
    for (unsigned side = 0; side < 2; side++)
        if (t->io_count[side] && (double)all[side] / t->io_count[side] > f->edge_bound)
            f->edge_bound = (double)all[side] / t->io_count[side];
    wfc_free(words);
    return WFC_OK;
}

static void add_times(wfc_report_facts *f) {
    const wfc_program *p = f->p;
    double slowest = 0, busiest = 0;
    f->mac_rate = p->target.simd[WFC_SIMD_FMAC][WFC_F32] ? p->target.simd[WFC_SIMD_FMAC][WFC_F32] : 1;
    f->delta_t = f->run.given && f->run.delta_t_cycles > 0 ? f->run.delta_t_cycles : p->predicted_delta_t_cycles;
    if (!isfinite(f->delta_t) || f->delta_t <= 0) f->delta_t = NAN;
    for (uint32_t i = 0; i < p->layer_count; i++) {
        wfc_report_layer *l = &f->layers[i];
        l->utilisation = l->sim_active_cycles = NAN;
        if (l->pes) l->utilisation = (double)p->layers[i].macs_nonzero / (l->pes * f->mac_rate * f->delta_t);
        if (p->layers[i].predicted_cycles > slowest) slowest = p->layers[i].predicted_cycles, f->slowest = i;
        if (!f->run.given || l->pes == 0) continue;
        const double *cycles = f->run.pe_cycles[i]; /* busy, overhead, bank stand first */
        l->sim_active_cycles = (cycles[0] + cycles[1] + cycles[2]) / (l->pes * f->run.samples);
        if (l->sim_active_cycles > busiest) busiest = l->sim_active_cycles, f->busiest = i;
    }
}

static wfc_status make(const char *stats_path, wfc_diag *diag, wfc_report_facts *f) {
    const wfc_program *p = f->p;
    f->layers = wfc_calloc(p->layer_count, sizeof *f->layers);
    f->class_bytes = wfc_calloc(p->class_count, sizeof *f->class_bytes);
    f->class_account = wfc_calloc(p->class_count, sizeof *f->class_account);
    f->router_colours = wfc_calloc(p->router_count, sizeof *f->router_colours);
    if (!f->layers || !f->class_bytes || !f->class_account || !f->router_colours) return wfc_fail_memory(diag);
    WFC_TRY(wfc_report_run_read(p, stats_path, diag, &f->run));
    WFC_TRY(wfc_report_links_make(p, diag, &f->links));
    f->sram_max_pe = f->colours_max_pe = f->slowest = f->busiest = UINT32_MAX;
    f->pe_total = (uint32_t)p->target.width * p->target.height - p->target.bad_pe_count;
    start_layers(f);
    start_classes(f);
    add_pes(f);
    add_times(f);
    WFC_TRY(add_edges(f, p->inputs, p->input_count, diag));
    return add_edges(f, p->outputs, p->output_count, diag);
}

wfc_status wfc_report_facts_make(const wfc_program *p, const char *stats_path, wfc_diag *diag, wfc_report_facts *out) {
    *out = (wfc_report_facts){.p = p};
    wfc_status s = make(stats_path, diag, out);
    if (s != WFC_OK) wfc_report_facts_deinit(out);
    return s;
}
