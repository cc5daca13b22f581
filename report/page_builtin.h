/* The parts of the page, embedded by the build (embed_page.cmake) from report/page/. Inside report/ only. */
#ifndef WFC_REPORT_PAGE_BUILTIN_H
#define WFC_REPORT_PAGE_BUILTIN_H

#include <stddef.h>

typedef struct wfc_report_page {
    const char *html, *css, *js;
    size_t html_size, css_size, js_size;
    const char *css_hash, *js_hash; /* "sha256-..." as a content security policy wants it */
} wfc_report_page;
extern const wfc_report_page wfc_report_page_builtin;

#endif
