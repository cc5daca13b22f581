#include "report/report.h"
#include "report/report_facts.h"
#include "support/file.h"

#include <string.h>

static const char *const k_endings[WFC_REPORT_FORMATS] = {".html", ".svg", ".png", ".json"};

wfc_status wfc_report_format_of(const char *path, wfc_diag *diag, wfc_report_format *out) {
    size_t n = strlen(path);
    for (unsigned i = 0; i < WFC_REPORT_FORMATS; i++) {
        size_t m = strlen(k_endings[i]);
        if (n > m && strcmp(path + n - m, k_endings[i]) == 0) {
            *out = (wfc_report_format)i;
            return WFC_OK;
        }
    }
    return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E1401", path,
                    "the name of a report ends in .html, .svg, .png or .json, which says what it will be");
}

wfc_status wfc_report_write(const wfc_program *p, const char *stats_path, const char *path, wfc_diag *diag) {
    wfc_report_format format = WFC_REPORT_HTML;
    wfc_report_facts facts;
    wfc_buf bytes = {0};
    WFC_TRY(wfc_report_format_of(path, diag, &format));
    WFC_TRY(wfc_report_facts_make(p, stats_path, diag, &facts));
    wfc_status s;
    switch (format) {
    case WFC_REPORT_HTML: s = wfc_report_html(&facts, diag, &bytes); break;
    case WFC_REPORT_JSON: s = wfc_report_json(&facts, false, diag, &bytes); break;
    default: s = wfc_report_draw(&facts, format, diag, &bytes); break;
    }
    if (s == WFC_OK) s = wfc_file_write(path, bytes.data, bytes.count, diag);
    wfc_buf_deinit(&bytes);
    wfc_report_facts_deinit(&facts);
    return s;
}
