/* SVG and PNG: head, map of the layers, maps of link load and SRAM, table of the layers. Drawn once for both; in an SVG
 * cairo writes text as outlines, so no name ever becomes markup. */
#include "report/draw.h"
#include "support/mem.h"

#include <cairo-svg.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { WIDTH = 1280, MARGIN = 32, MAP_TOP = 96, MAP_W = 700, MAP_H = 760, ROW_H = 20, MAX_ROWS = 500 };
enum { PNG_SCALE = 2, RIGHT = WIDTH - MARGIN };

/* Set on a cairo_t that could not write a text for want of memory: the picture is then given up. */
static const cairo_user_data_key_t k_lost;

void wfc_draw_colour(cairo_t *cr, uint32_t rgb, double alpha) {
    cairo_set_source_rgba(cr, (rgb >> 16 & 255) / 255.0, (rgb >> 8 & 255) / 255.0, (rgb & 255) / 255.0, alpha);
}

uint32_t wfc_draw_mix(uint32_t a, uint32_t b, double part) {
    uint32_t out = 0;
    for (unsigned shift = 0; shift < 24; shift += 8) {
        double from = a >> shift & 255, to = b >> shift & 255;
        out |= (uint32_t)lround(from + (to - from) * part) << shift;
    }
    return out;
}

uint32_t wfc_draw_heat(double part) {
    double at = fmin(fmax(part, 0), 1) * (WFC_REPORT_HEAT_STOPS - 1);
    unsigned low = at >= WFC_REPORT_HEAT_STOPS - 1 ? WFC_REPORT_HEAT_STOPS - 2 : (unsigned)at;
    return wfc_draw_mix(wfc_report_heat[low], wfc_report_heat[low + 1], at - low);
}

void wfc_draw_font(cairo_t *cr, double size, bool bold) {
    cairo_select_font_face(cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                           bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(cr, size);
}

void wfc_draw_lost(cairo_t *cr) {
    cairo_set_user_data(cr, &k_lost, cr, NULL);
}

double wfc_draw_width(cairo_t *cr, const char *text) {
    cairo_text_extents_t e;
    cairo_text_extents(cr, text, &e);
    return e.x_advance;
}

void wfc_draw_text(cairo_t *cr, double x, double y, double room, bool at_end, const char *text) {
    char *out = wfc_escape(text ? text : "", text ? strlen(text) : 0, 300);
    char *cut = out ? wfc_asprintf("%s...", out) : NULL;
    if (!cut) {
        wfc_draw_lost(cr);
        wfc_free(out);
        return;
    }
    size_t n = strlen(out);
    bool fits = wfc_draw_width(cr, out) <= room;
    while (!fits && n > 0) {
        do n--;
        while (n > 0 && ((unsigned char)out[n] & 0xc0) == 0x80);
        memcpy(cut + n, "...", 4);
        fits = wfc_draw_width(cr, cut) <= room;
        if (fits) {
            cairo_move_to(cr, at_end ? x - wfc_draw_width(cr, cut) : x, y);
            cairo_show_text(cr, cut);
            n = 0;
        }
    }
    if (fits && n > 0) {
        cairo_move_to(cr, at_end ? x - wfc_draw_width(cr, out) : x, y);
        cairo_show_text(cr, out);
    }
    wfc_free(cut);
    wfc_free(out);
}

void wfc_draw_format(cairo_t *cr, double x, double y, bool at_end, const char *fmt, ...) {
    char text[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    wfc_draw_text(cr, x, y, WIDTH, at_end, text);
}

static void draw_head(cairo_t *cr, const wfc_report_facts *f) {
    const wfc_program *p = f->p;
    char text[400];
    wfc_draw_font(cr, 20, true);
    wfc_draw_colour(cr, WFC_INK, 1);
    wfc_draw_text(cr, MARGIN, 48, WIDTH - 2 * MARGIN, false, p->model_name);
    wfc_draw_font(cr, 12, false);
    wfc_draw_colour(cr, WFC_SOFT, 1);
    int n = snprintf(text, sizeof text, "%s, %u x %u PEs; %u PEs with code, %u only route; ", p->target.name,
                     p->target.width, p->target.height, f->pe_used, f->pe_router_only);
    if (isfinite(f->delta_t))
        n += snprintf(text + n, sizeof text - (size_t)n, "%.0f cycles per sample (%s); ", f->delta_t,
                      f->run.given && f->run.delta_t_cycles > 0 ? "simulated" : "predicted");
    snprintf(text + n, sizeof text - (size_t)n, "fullest PE %u of %u bytes; %u layers, %u adapters, %u skip buffers",
             f->sram_max_bytes, p->target.sram_bytes, p->layer_count - f->adapters - f->buffers, f->adapters,
             f->buffers);
    wfc_draw_text(cr, MARGIN, 68, WIDTH - 2 * MARGIN, false, text);
}

static double draw_key(cairo_t *cr, double x, double y, uint32_t colour, bool filled, const char *text) {
    cairo_rectangle(cr, x + 0.5, y - 9.5, 10, 10);
    wfc_draw_colour(cr, colour, 1);
    cairo_set_line_width(cr, 1.8);
    if (filled)
        cairo_fill(cr);
    else
        cairo_stroke(cr);
    wfc_draw_colour(cr, WFC_SOFT, 1);
    wfc_draw_text(cr, x + 16, y, 200, false, text);
    return x + 16 + wfc_draw_width(cr, text) + 18;
}

static void draw_legend(cairo_t *cr, const wfc_report_facts *f, double y) {
    double x = MARGIN + 12;
    wfc_draw_font(cr, 11, false);
    for (uint32_t i = 0; i < f->p->layer_count; i++)
        if (f->layers[i].is_adapter || f->layers[i].is_buffer) {
            bool adapter = f->layers[i].is_adapter, seen = false;
            for (uint32_t k = 0; k < i; k++) seen |= adapter ? f->layers[k].is_adapter : f->layers[k].is_buffer;
            if (!seen) x = draw_key(cr, x, y, f->layers[i].colour, true, adapter ? "adapter" : "skip buffer");
        }
    x = draw_key(cr, x, y, WFC_MARK, false, "slowest layer");
    x = draw_key(cr, x, y, WFC_IN, true, "input port");
    x = draw_key(cr, x, y, WFC_OUT, true, "output port");
    if (f->p->target.bad_pe_count || f->p->target.bad_link_count) draw_key(cr, x, y, WFC_MARK, true, "defect");
}

static void draw_ramp(cairo_t *cr, double x, double y, double w) {
    cairo_pattern_t *ramp = cairo_pattern_create_linear(x, 0, x + w, 0);
    for (unsigned i = 0; i < WFC_REPORT_HEAT_STOPS; i++) {
        uint32_t c = wfc_report_heat[i];
        cairo_pattern_add_color_stop_rgb(ramp, i / (WFC_REPORT_HEAT_STOPS - 1.0), (c >> 16 & 255) / 255.0,
                                         (c >> 8 & 255) / 255.0, (c & 255) / 255.0);
    }
    cairo_rectangle(cr, x, y, w, 8);
    cairo_set_source(cr, ramp);
    cairo_fill(cr);
    cairo_pattern_destroy(ramp);
}

static void draw_side(cairo_t *cr, const wfc_report_facts *f, wfc_draw_mode mode, cairo_surface_t *raster,
                      wfc_draw_box box) {
    bool links = mode == WFC_DRAW_LINKS;
    wfc_draw_font(cr, 12, true);
    wfc_draw_colour(cr, WFC_INK, 1);
    wfc_draw_text(cr, box.x + 12, box.y + 10, box.w, false,
                  !links                              ? "SRAM in use per PE"
                  : wfc_report_links_exact(&f->links) ? "Most loaded link of each PE"
                                                      : "Most loaded link of each PE (estimate)");
    double scale = fmin((box.w - 150) / f->p->target.width, (box.h - 24) / f->p->target.height);
    double map_w = f->p->target.width * scale + 2 * WFC_DRAW_EDGE;
    wfc_draw_map(cr, f, mode, raster, (wfc_draw_box){box.x, box.y + 20, map_w, box.h - 24});
    double x = box.x + map_w + 16, w = fmin(box.x + box.w - x, 170);
    draw_ramp(cr, x, box.y + 22, w);
    wfc_draw_font(cr, 11, false);
    wfc_draw_colour(cr, WFC_SOFT, 1);
    wfc_draw_format(cr, x, box.y + 44, false, "0");
    wfc_draw_format(cr, x + w, box.y + 44, true, links ? "%u words/sample" : "%u bytes",
                    links ? f->links.max_words : f->sram_max_bytes);
}

typedef struct column {
    const char *title;
    double x; /* left edge, or right edge where at_end */
    bool at_end;
} column;
static const column k_columns[] = {
    {"#", MARGIN, false},         {"Layer", 64, false},         {"Kind", 460, false},
    {"Rectangle", 550, false},    {"PEs", 740, true},           {"Predicted cycles", 860, true},
    {"Active cycles", 960, true}, {"Utilisation", 1040, true},  {"SRAM max", 1115, true},
    {"mean", 1165, true},         {"Busiest link", RIGHT, true}};
enum { NUM_COLUMNS = sizeof k_columns / sizeof *k_columns };

static void cell(cairo_t *cr, unsigned col, double y, const char *fmt, ...) WFC_PRINTF(4, 5);
static void cell(cairo_t *cr, unsigned col, double y, const char *fmt, ...) {
    char text[64];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    wfc_draw_text(cr, k_columns[col].x, y, WIDTH, k_columns[col].at_end, text);
}

static void draw_row(cairo_t *cr, const wfc_report_facts *f, uint32_t i, double y) {
    const wfc_prog_layer *l = &f->p->layers[i];
    const wfc_report_layer *facts = &f->layers[i];
    cairo_rectangle(cr, k_columns[1].x - 16, y - 9, 10, 10);
    wfc_draw_colour(cr, facts->colour, 1);
    cairo_fill(cr);
    wfc_draw_font(cr, 11, i == f->slowest);
    wfc_draw_colour(cr, i == f->slowest ? WFC_MARK : WFC_INK, 1);
    cell(cr, 0, y, "%u", i + 1);
    wfc_draw_text(cr, k_columns[1].x, y, k_columns[2].x - k_columns[1].x - 12, false, l->name);
    wfc_draw_text(cr, k_columns[2].x, y, k_columns[3].x - k_columns[2].x - 10, false, l->kind);
    cell(cr, 3, y, "%u x %u at %u, %u", l->rect.w, l->rect.h, l->rect.x, l->rect.y);
    cell(cr, 4, y, "%u", facts->pes);
    cell(cr, 5, y, "%.0f", l->predicted_cycles);
    if (isfinite(facts->sim_active_cycles)) cell(cr, 6, y, "%.0f", facts->sim_active_cycles);
    if (isfinite(facts->utilisation) && l->macs) cell(cr, 7, y, "%.1f %%", 100 * facts->utilisation);
    cell(cr, 8, y, "%u", facts->sram_max_bytes);
    cell(cr, 9, y, "%.0f", facts->pes ? (double)facts->sram_sum_bytes / facts->pes : 0);
    cell(cr, 10, y, "%u", facts->link_max_words);
    cairo_move_to(cr, MARGIN, y + 5.5);
    cairo_line_to(cr, RIGHT, y + 5.5);
    wfc_draw_colour(cr, WFC_LINE, 1);
    cairo_set_line_width(cr, 0.6);
    cairo_stroke(cr);
}

static uint32_t shown_rows(const wfc_report_facts *f) {
    return f->p->layer_count < MAX_ROWS ? f->p->layer_count : MAX_ROWS;
}

static void draw_table(cairo_t *cr, const wfc_report_facts *f, double y) {
    wfc_draw_font(cr, 11, true);
    wfc_draw_colour(cr, WFC_SOFT, 1);
    for (unsigned i = 0; i < NUM_COLUMNS; i++)
        if (i != 6 || f->run.given) cell(cr, i, y, "%s", k_columns[i].title);
    for (uint32_t i = 0; i < shown_rows(f); i++) draw_row(cr, f, i, y + ROW_H * (i + 1.0));
    if (shown_rows(f) == f->p->layer_count) return;
    wfc_draw_format(cr, MARGIN, y + ROW_H * (MAX_ROWS + 1.0), false,
                    "and %u more; a report in HTML or JSON has them all", f->p->layer_count - MAX_ROWS);
}

static wfc_draw_box map_box(const wfc_report_facts *f) {
    double scale = fmin((double)MAP_W / f->p->target.width, (double)MAP_H / f->p->target.height);
    return (wfc_draw_box){MARGIN, MAP_TOP, f->p->target.width * scale + 2 * WFC_DRAW_EDGE, f->p->target.height * scale};
}

static double table_top(const wfc_report_facts *f) {
    return MAP_TOP + fmax(map_box(f).h, 420) + 64;
}

static double picture_height(const wfc_report_facts *f) {
    return table_top(f) + ROW_H * (shown_rows(f) + 1.0) + MARGIN;
}

static wfc_status draw_all(cairo_t *cr, const wfc_report_facts *f, wfc_diag *diag) {
    wfc_draw_box box = map_box(f);
    double side_x = MARGIN + box.w + 36, side_h = (fmax(box.h, 420) - 20) / 2;
    cairo_surface_t *rasters[3];
    for (unsigned i = 0; i < 3; i++) rasters[i] = wfc_draw_raster(f, (wfc_draw_mode)i);
    wfc_draw_colour(cr, 0xffffff, 1);
    cairo_paint(cr);
    draw_head(cr, f);
    double h = wfc_draw_map(cr, f, WFC_DRAW_LAYERS, rasters[0], box);
    draw_legend(cr, f, MAP_TOP + h + 24);
    for (unsigned i = 1; i < 3; i++)
        draw_side(cr, f, (wfc_draw_mode)i, rasters[i],
                  (wfc_draw_box){side_x, MAP_TOP + (i - 1) * (side_h + 20), RIGHT - side_x, side_h});
    draw_table(cr, f, table_top(f));
    wfc_status s = cairo_get_user_data(cr, &k_lost) ? WFC_ERR_NO_MEMORY : WFC_OK;
    for (unsigned i = 0; i < 3; i++) {
        if (rasters[i] && cairo_surface_status(rasters[i]) != CAIRO_STATUS_SUCCESS) s = WFC_ERR_NO_MEMORY;
        cairo_surface_destroy(rasters[i]);
    }
    return s == WFC_OK ? s : wfc_fail_memory(diag);
}

static cairo_status_t append(void *closure, const unsigned char *data, unsigned length) {
    wfc_buf_append(closure, data, length);
    return ((wfc_buf *)closure)->failed ? CAIRO_STATUS_NO_MEMORY : CAIRO_STATUS_SUCCESS;
}

wfc_status wfc_report_draw(const wfc_report_facts *f, wfc_report_format format, wfc_diag *diag, wfc_buf *out) {
    double height = ceil(picture_height(f));
    bool svg = format == WFC_REPORT_SVG;
    cairo_surface_t *surface =
        svg ? cairo_svg_surface_create_for_stream(append, out, WIDTH, height)
            : cairo_image_surface_create(CAIRO_FORMAT_RGB24, WIDTH * PNG_SCALE, (int)height * PNG_SCALE);
    cairo_t *cr = cairo_create(surface);
    if (!svg) cairo_scale(cr, PNG_SCALE, PNG_SCALE);
    wfc_status s = draw_all(cr, f, diag);
    cairo_status_t status = cairo_status(cr);
    cairo_destroy(cr);
    if (svg)
        cairo_surface_finish(surface);
    else if (status == CAIRO_STATUS_SUCCESS)
        status = cairo_surface_write_to_png_stream(surface, append, out);
    if (status == CAIRO_STATUS_SUCCESS) status = cairo_surface_status(surface);
    cairo_surface_destroy(surface);
    if (s != WFC_OK) return s;
    if (status == CAIRO_STATUS_NO_MEMORY || out->failed) return wfc_fail_memory(diag);
    if (status != CAIRO_STATUS_SUCCESS)
        return wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E1404", "drawing", "cairo failed: %s",
                        cairo_status_to_string(status));
    return WFC_OK;
}
