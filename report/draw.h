/* Pictures with cairo: what page and map share. Inside report/ only. */
#ifndef WFC_REPORT_DRAW_H
#define WFC_REPORT_DRAW_H

#include "report/report_facts.h"

/* As in cairo.h, which only the files that draw need to find. */
typedef struct _cairo cairo_t;
typedef struct _cairo_surface cairo_surface_t;

typedef enum wfc_draw_mode { WFC_DRAW_LAYERS = 0, WFC_DRAW_LINKS, WFC_DRAW_SRAM } wfc_draw_mode;

enum { WFC_DRAW_EDGE = 12 }; /* beside the wafer, for ports */
typedef struct wfc_draw_box {
    double x, y, w, h;
} wfc_draw_box;

enum { WFC_INK = 0x1c232b, WFC_SOFT = 0x5b6672, WFC_LINE = 0xdde1e6, WFC_WAFER = 0xeceff2, WFC_WAFER_LINE = 0xc3cad2 };
enum { WFC_MARK = 0xc8374d, WFC_IN = 0x1f8a78, WFC_OUT = 0xc8682a, WFC_ACCENT = 0x2f6fb5 };

void wfc_draw_colour(cairo_t *cr, uint32_t rgb, double alpha);
uint32_t wfc_draw_mix(uint32_t a, uint32_t b, double part);
uint32_t wfc_draw_heat(double part);
void wfc_draw_font(cairo_t *cr, double size, bool bold);
/* Marks the picture as incomplete, which makes wfc_report_draw fail: memory for a text was missing. */
void wfc_draw_lost(cairo_t *cr);
double wfc_draw_width(cairo_t *cr, const char *text);
/* Writes `text` (from a file: it is escaped here) from x on, or so that it ends at x, on the base line y; cut with an
 * ellipsis to `room`. */
void wfc_draw_text(cairo_t *cr, double x, double y, double room, bool at_end, const char *text);
void wfc_draw_format(cairo_t *cr, double x, double y, bool at_end, const char *fmt, ...) WFC_PRINTF(5, 6);

/* The wafer in a box, as large as fits, its upper left corner in that of the box; returns the height it takes.
 * `raster`: bitmap of the used rectangle in this mode, of wfc_draw_raster. */
double wfc_draw_map(cairo_t *cr, const wfc_report_facts *f, wfc_draw_mode mode, cairo_surface_t *raster,
                    wfc_draw_box box);
/* One pixel per PE of the used rectangle; NULL when out of memory or when there is no PE. */
cairo_surface_t *wfc_draw_raster(const wfc_report_facts *f, wfc_draw_mode mode);

#endif
