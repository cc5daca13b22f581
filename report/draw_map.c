/* The wafer as a picture: regions, PEs, ports, defects. The same signs as on the page (page/map_draw.js). */
#include "report/draw.h"
#include "support/mem.h"

#include <cairo.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct canvas {
    cairo_t *cr;
    const wfc_report_facts *f;
    wfc_draw_mode mode;
    double x, y, scale; /* upper left corner of the wafer, pixels per PE */
} canvas;

static uint32_t cell_value(const wfc_report_facts *f, uint32_t i, wfc_draw_mode mode) {
    const wfc_prog_pe *pe = &f->p->pes[i];
    if (mode == WFC_DRAW_SRAM) return pe->class_index < f->p->class_count ? f->class_bytes[pe->class_index] : 0;
    uint32_t most = 0;
    for (unsigned port = 0; port < 4; port++)
        if (f->links.words[port][i] > most) most = f->links.words[port][i];
    return most;
}

/* ARGB, 0 for nothing. */
static uint32_t cell_colour(const wfc_report_facts *f, uint32_t i, wfc_draw_mode mode) {
    const wfc_prog_pe *pe = &f->p->pes[i];
    if (mode == WFC_DRAW_LAYERS) {
        uint32_t colour = pe->layer < f->p->layer_count ? f->layers[pe->layer].colour : 0x808892;
        bool code = pe->class_index < f->p->class_count;
        return 0xff000000u | (code ? colour : wfc_draw_mix(colour, WFC_WAFER, 0.62));
    }
    uint32_t value = cell_value(f, i, mode), most = mode == WFC_DRAW_SRAM ? f->sram_max_bytes : f->links.max_words;
    return value && most ? 0xff000000u | wfc_draw_heat((double)value / most) : 0;
}

cairo_surface_t *wfc_draw_raster(const wfc_report_facts *f, wfc_draw_mode mode) {
    if (f->used.w == 0 || f->used.h == 0) return NULL;
    cairo_surface_t *out = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, f->used.w, f->used.h);
    if (cairo_surface_status(out) != CAIRO_STATUS_SUCCESS) return out;
    cairo_surface_flush(out);
    uint8_t *data = cairo_image_surface_get_data(out);
    size_t stride = (size_t)cairo_image_surface_get_stride(out);
    for (uint32_t i = 0; i < f->p->pe_count; i++) {
        const wfc_prog_pe *pe = &f->p->pes[i];
        uint32_t colour = cell_colour(f, i, mode);
        memcpy(data + stride * (size_t)(pe->y - f->used.y) + (size_t)(pe->x - f->used.x) * 4, &colour, 4);
    }
    cairo_surface_mark_dirty(out);
    return out;
}

static void place(const canvas *c, const wfc_prog_rect *r) {
    cairo_rectangle(c->cr, c->x + r->x * c->scale, c->y + r->y * c->scale, r->w * c->scale, r->h * c->scale);
}

static void hatch(const canvas *c, const wfc_prog_rect *r) {
    double left = c->x + r->x * c->scale, top = c->y + r->y * c->scale, w = r->w * c->scale, h = r->h * c->scale;
    if (w < 4) return;
    cairo_save(c->cr);
    cairo_rectangle(c->cr, left, top, w, h);
    cairo_clip(c->cr);
    for (double y = top - w; y < top + h; y += 6) {
        cairo_move_to(c->cr, left, y + w);
        cairo_line_to(c->cr, left + w, y);
    }
    wfc_draw_colour(c->cr, WFC_INK, 0.2);
    cairo_set_line_width(c->cr, 0.8);
    cairo_stroke(c->cr);
    cairo_restore(c->cr);
}

static void draw_fills(const canvas *c) {
    for (uint32_t i = 0; i < c->f->p->layer_count; i++) {
        place(c, &c->f->p->layers[i].rect);
        wfc_draw_colour(c->cr, c->f->layers[i].colour, 0.34);
        cairo_fill(c->cr);
    }
}

static void draw_raster(const canvas *c, cairo_surface_t *raster) {
    if (!raster) return;
    cairo_save(c->cr);
    cairo_translate(c->cr, c->x + c->f->used.x * c->scale, c->y + c->f->used.y * c->scale);
    cairo_scale(c->cr, c->scale, c->scale);
    cairo_set_source_surface(c->cr, raster, 0, 0);
    cairo_pattern_set_filter(cairo_get_source(c->cr), c->scale >= 1 ? CAIRO_FILTER_NEAREST : CAIRO_FILTER_GOOD);
    cairo_paint(c->cr);
    cairo_restore(c->cr);
}

static void draw_outlines(const canvas *c) {
    for (uint32_t i = 0; i < c->f->p->layer_count; i++) {
        const wfc_report_layer *l = &c->f->layers[i];
        const wfc_prog_rect *r = &c->f->p->layers[i].rect;
        if (r->w == 0 || r->h == 0) continue;
        if (c->mode == WFC_DRAW_LAYERS && (l->is_adapter || l->is_buffer)) hatch(c, r);
        place(c, r);
        wfc_draw_colour(c->cr, c->mode == WFC_DRAW_LAYERS ? wfc_draw_mix(l->colour, WFC_INK, 0.35) : 0x8b95a1, 1);
        cairo_set_line_width(c->cr, 0.7);
        cairo_stroke(c->cr);
    }
    if (c->f->slowest == UINT32_MAX) return;
    place(c, &c->f->p->layers[c->f->slowest].rect);
    wfc_draw_colour(c->cr, WFC_MARK, 1);
    cairo_set_line_width(c->cr, 1.8);
    cairo_stroke(c->cr);
}

/* Centred at (x, y), turned, with a halo so that it can be read on any colour. */
static void draw_label(const canvas *c, const char *text, double x, double y, bool turned) {
    cairo_text_extents_t e;
    cairo_text_extents(c->cr, text, &e);
    cairo_save(c->cr);
    cairo_translate(c->cr, x, y);
    if (turned) cairo_rotate(c->cr, -acos(0));
    cairo_move_to(c->cr, -e.width / 2 - e.x_bearing, -e.height / 2 - e.y_bearing);
    cairo_text_path(c->cr, text);
    cairo_set_line_join(c->cr, CAIRO_LINE_JOIN_ROUND);
    cairo_set_line_width(c->cr, 3);
    wfc_draw_colour(c->cr, 0xffffff, 0.88);
    cairo_stroke_preserve(c->cr);
    wfc_draw_colour(c->cr, WFC_INK, 1);
    cairo_fill(c->cr);
    cairo_restore(c->cr);
}

/* As many of the last parts of the name as there is room for, NULL when there is none for the last one. */
static const char *shortest(const canvas *c, const char *name, double room) {
    const char *best = name + strspn(name, "/");
    while (*best && wfc_draw_width(c->cr, best) > room) {
        const char *slash = strchr(best, '/');
        if (!slash) return NULL;
        best = slash + 1;
    }
    return *best ? best : NULL;
}

static void draw_region_label(const canvas *c, uint32_t i) {
    const wfc_prog_rect *r = &c->f->p->layers[i].rect;
    double w = r->w * c->scale, h = r->h * c->scale, across = h > w ? w : h;
    char number[16];
    if (w < 8 || h < 8) return;
    const char *raw = c->f->p->layers[i].name;
    char *name = wfc_escape(raw, strlen(raw), 512);
    if (!name) {
        wfc_draw_lost(c->cr);
        return;
    }
    wfc_draw_font(c->cr, across < 13 ? 8 : across < 20 ? 10 : 11.5, true);
    bool turned = false;
    const char *text = h > 11 ? shortest(c, name, w - 8) : NULL;
    if (h > 1.4 * w && (!text || strlen(text) < 5)) {
        text = shortest(c, name, h - 10);
        turned = text != NULL;
    }
    if (!text) {
        snprintf(number, sizeof number, "%u", i + 1);
        text = wfc_draw_width(c->cr, number) <= w ? number : NULL;
    }
    if (text) draw_label(c, text, c->x + r->x * c->scale + w / 2, c->y + r->y * c->scale + h / 2, turned);
    wfc_free(name);
}

static void triangle(cairo_t *cr, double x, double y, double size, bool east, uint32_t colour) {
    cairo_move_to(cr, east ? x : x + size, y - size / 2);
    cairo_line_to(cr, east ? x + size : x, y);
    cairo_line_to(cr, east ? x : x + size, y + size / 2);
    cairo_close_path(cr);
    wfc_draw_colour(cr, colour, 1);
    cairo_fill(cr);
}

static void draw_streams(const canvas *c, const wfc_prog_tensor *tensors, uint32_t count, bool in) {
    double size = fmin(fmax(c->scale * 0.7, 3.5), 8), right = c->x + c->f->p->target.width * c->scale + 2;
    for (uint32_t t = 0; t < count; t++)
        for (uint32_t k = 0; k < tensors[t].stream_count; k++) {
            const wfc_prog_stream *s = &tensors[t].streams[k];
            bool west = s->side == WFC_SIDE_WEST;
            triangle(c->cr, west ? c->x - 2 - size : right, c->y + (s->row + 0.5) * c->scale, size, west == in,
                     in ? WFC_IN : WFC_OUT);
        }
}

static void draw_ports(const canvas *c) {
    const wfc_target *t = &c->f->p->target;
    for (unsigned side = 0; side < 2; side++)
        for (unsigned i = 0; i < t->io_count[side]; i++) {
            double y = c->y + (t->io_rows[side][i] + 0.5) * c->scale;
            double x = side == WFC_SIDE_WEST ? c->x - 5 : c->x + t->width * c->scale + 2;
            cairo_rectangle(c->cr, x, y - 0.4, 3, 0.8);
        }
    wfc_draw_colour(c->cr, WFC_WAFER_LINE, 1);
    cairo_fill(c->cr);
    draw_streams(c, c->f->p->inputs, c->f->p->input_count, true);
    draw_streams(c, c->f->p->outputs, c->f->p->output_count, false);
}

static void draw_defects(const canvas *c) {
    const wfc_target *t = &c->f->p->target;
    double size = fmax(c->scale, 2.2);
    for (uint32_t i = 0; i < t->bad_pe_count; i++)
        cairo_rectangle(c->cr, c->x + (t->bad_pes[i].x + 0.5) * c->scale - size / 2,
                        c->y + (t->bad_pes[i].y + 0.5) * c->scale - size / 2, size, size);
    for (uint32_t i = 0; i < t->bad_link_count; i++) {
        static const double dx[4] = {0, 0.5, 0, -0.5}, dy[4] = {-0.5, 0, 0.5, 0};
        unsigned port = t->bad_links[i].port & 3;
        bool vertical = port == WFC_PORT_N || port == WFC_PORT_S;
        double x = c->x + (t->bad_links[i].x + 0.5 + dx[port]) * c->scale;
        double y = c->y + (t->bad_links[i].y + 0.5 + dy[port]) * c->scale;
        double w = vertical ? size : fmax(1, size / 4), h = vertical ? fmax(1, size / 4) : size;
        cairo_rectangle(c->cr, x - w / 2, y - h / 2, w, h);
    }
    wfc_draw_colour(c->cr, WFC_MARK, 1);
    cairo_fill(c->cr);
}

double wfc_draw_map(cairo_t *cr, const wfc_report_facts *f, wfc_draw_mode mode, cairo_surface_t *raster,
                    wfc_draw_box box) {
    const wfc_target *t = &f->p->target;
    double scale = fmin((box.w - 2 * WFC_DRAW_EDGE) / t->width, box.h / t->height);
    canvas c = {.cr = cr, .f = f, .mode = mode, .x = box.x + WFC_DRAW_EDGE, .y = box.y, .scale = scale};
    wfc_prog_rect all = {0, 0, t->width, t->height};
    place(&c, &all);
    wfc_draw_colour(cr, WFC_WAFER, 1);
    cairo_fill_preserve(cr);
    wfc_draw_colour(cr, WFC_WAFER_LINE, 1);
    cairo_set_line_width(cr, 0.8);
    cairo_stroke(cr);
    if (mode == WFC_DRAW_LAYERS) draw_fills(&c);
    draw_raster(&c, raster);
    draw_outlines(&c);
    for (uint32_t i = 0; mode == WFC_DRAW_LAYERS && i < f->p->layer_count; i++) draw_region_label(&c, i);
    draw_defects(&c);
    draw_ports(&c);
    return t->height * scale;
}
