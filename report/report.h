/* Reports: what a program looks like on the wafer, as a page, a picture or data. docs/report.md explains every figure.
 *
 * Reads a verified program and, where given, the statistics that `waferc run --stats` wrote. Everything that comes from
 * a file (names above all) is escaped on its way into JSON, HTML, SVG and PNG. */
#ifndef WFC_REPORT_REPORT_H
#define WFC_REPORT_REPORT_H

#include "runtime/program/program.h"
#include "support/diag.h"

typedef enum wfc_report_format {
    WFC_REPORT_HTML = 0, /* one self-contained page, no network */
    WFC_REPORT_SVG,
    WFC_REPORT_PNG,
    WFC_REPORT_JSON, /* the facts of the page */
    WFC_REPORT_FORMATS
} wfc_report_format;

/* The format that the ending of `path` names (.html .svg .png .json, lower case). WFC_ERR_INPUT (WFC-E1401) for any
 * other; call it before long work so that a wrong name is refused at once. */
WFC_MUST_USE wfc_status wfc_report_format_of(const char *path, wfc_diag *diag, wfc_report_format *out);

/* Writes the report of `p` to `path`, whole or not at all. `stats_path`: the JSON of a run of this very program, or
 * NULL. `p` must have passed wfc_program_verify. Time and memory grow with the PEs of the target: about a second and
 * 100 MB for 745 000. Errors: WFC_ERR_INPUT for a path of no known format (WFC-E1401), statistics that are no such JSON
 * (WFC-E1402) or belong to another program (WFC-E1403); WFC_ERR_IO; WFC_ERR_NO_MEMORY; WFC_ERR_INTERNAL where the
 * drawing library fails (WFC-E1404). */
WFC_MUST_USE wfc_status wfc_report_write(const wfc_program *p, const char *stats_path, const char *path,
                                         wfc_diag *diag);

#endif
