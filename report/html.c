/* The page: page.html with style, script and data put in the places it marks. The content security policy of the page
 * allows exactly this style and this script, by their hashes, and no request to anywhere. */
#include "report/page_builtin.h"
#include "report/report_facts.h"

#include <string.h>

static const char *find(const char *text, size_t n, const char *mark) {
    size_t m = strlen(mark);
    for (size_t i = 0; i + m <= n; i++)
        if (memcmp(text + i, mark, m) == 0) return text + i;
    return NULL;
}

/* Copies the page up to a mark, and what stands for the mark. False: the page has no such mark (any more). */
static bool fill(const char **at, size_t *left, const char *mark, const void *piece, size_t piece_size, wfc_buf *out) {
    const char *found = find(*at, *left, mark);
    if (!found) return false;
    wfc_buf_append(out, *at, (size_t)(found - *at));
    wfc_buf_append(out, piece, piece_size);
    *left -= (size_t)(found - *at) + strlen(mark);
    *at = found + strlen(mark);
    return true;
}

wfc_status wfc_report_html(const wfc_report_facts *f, wfc_diag *diag, wfc_buf *out) {
    const wfc_report_page *page = &wfc_report_page_builtin;
    const char *at = page->html;
    size_t left = page->html_size;
    wfc_buf json = {0};
    wfc_status s = wfc_report_json(f, true, diag, &json);
    if (s == WFC_OK) {
        bool ok = fill(&at, &left, "@STYLE_HASH@", page->css_hash, strlen(page->css_hash), out) &&
                  fill(&at, &left, "@SCRIPT_HASH@", page->js_hash, strlen(page->js_hash), out) &&
                  fill(&at, &left, "@STYLE@", page->css, page->css_size, out) &&
                  fill(&at, &left, "@DATA@", json.data, json.count, out) &&
                  fill(&at, &left, "@SCRIPT@", page->js, page->js_size, out);
        wfc_buf_append(out, at, left);
        if (out->failed)
            s = wfc_fail_memory(diag);
        else if (!ok)
            s = wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E1405", "page.html",
                         "a place for style, data or script is missing");
    }
    wfc_buf_deinit(&json);
    return s;
}
