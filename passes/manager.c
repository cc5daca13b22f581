#include "passes/pass.h"
#include <string.h>

const wfc_pass *wfc_pass_find(const char *name) {
    for (const wfc_pass *const *p = wfc_pass_list(); *p; p++)
        if (strcmp((*p)->name, name) == 0) return *p;
    return NULL;
}

#ifndef NDEBUG
static const uint64_t max_text_law_bytes = UINT64_C(64) << 20; /* of constants; all of them are printed */

static bool affordable(const wfc_graph *g) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < g->nodes.count; i++)
        if (g->nodes.data[i].op == WFC_CORE_CONST) bytes += g->nodes.data[i].u.konst.data.size_bytes;
    return bytes <= max_text_law_bytes;
}

/* print(parse(print(g))) == print(g): a graph that cannot be written and read back holds something the text form does
 * not know. */
static wfc_status check_text_law(const wfc_graph *g, const char *pass, wfc_diag *diag) {
    wfc_buf first = {0}, second = {0};
    wfc_graph back;
    wfc_status s = wfc_ir_print(g, &first);
    if (s == WFC_OK) s = wfc_ir_parse(first.data, first.count, pass, diag, &back);
    if (s == WFC_OK) {
        s = wfc_ir_print(&back, &second);
        if (s == WFC_OK && (first.count != second.count || memcmp(first.data, second.data, first.count) != 0))
            s = wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0290", pass, "the text form of the graph does not read back");
        wfc_graph_deinit(&back);
    }
    wfc_buf_deinit(&first);
    wfc_buf_deinit(&second);
    return s;
}
#endif

wfc_status wfc_pass_run(wfc_graph *g, const char *const *names, wfc_diag *diag,
                        void (*after)(void *ctx, const char *pass, const wfc_graph *g), void *ctx) {
    for (; *names; names++) {
        const wfc_pass *p = wfc_pass_find(*names);
        if (!p)
            return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0291", *names,
                            "no pass of this name; the passes command lists them");
        wfc_status s = p->run(g, diag);
        if (s == WFC_ERR_NO_MEMORY) return wfc_fail_memory(diag);
        WFC_TRY(s);
        s = wfc_ir_verify(g, diag);
        if (s == WFC_ERR_NO_MEMORY) return wfc_fail_memory(diag);
        if (s != WFC_OK)
            return wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0292", p->name,
                            "this pass left a graph that does not verify; please report it");
#ifndef NDEBUG
        if (affordable(g)) WFC_TRY(check_text_law(g, p->name, diag));
#endif
        if (after) after(ctx, p->name, g);
    }
    return WFC_OK;
}
