/* Tests as text files: text_runner [--update] FILE...
 *
 * A file is a header line "# passes: NAME NAME ...", an IR text, a line "---", and what must come out: the graph after
 * the passes in text form, then every diagnostic as "error CODE where: text". The result is also parsed and printed
 * once more and must not change. --update rewrites the part behind the line; review the diff. */
#include "passes/pass.h"
#include "support/file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PASSES = 32, MAX_FILE = 1 << 20 };

static void add_diagnostics(const wfc_diag *d, wfc_buf *out) {
    static const char *const severity[] = {"note", "warning", "error"};
    for (size_t i = 0; i < d->count; i++)
        wfc_buf_printf(out, "%s %s %s: %s\n", severity[d->items[i].severity], d->items[i].code, d->items[i].where,
                       d->items[i].text);
}

/* Splits the header's names in place. */
static bool read_header(char *line, const char **names) {
    static const char start[] = "# passes:";
    size_t count = 0;
    if (strncmp(line, start, sizeof start - 1) != 0) return false;
    for (char *p = strtok(line + sizeof start - 1, " \t"); p; p = strtok(NULL, " \t")) {
        if (count == MAX_PASSES) return false;
        names[count++] = p;
    }
    names[count] = NULL;
    return true;
}

static wfc_status transform(const char *text, size_t size, const char *const *names, wfc_buf *out) {
    wfc_diag d;
    wfc_graph g, back;
    wfc_buf again = {0};
    wfc_diag_init(&d);
    wfc_status s = wfc_ir_parse(text, size, "input", &d, &g);
    if (s == WFC_OK) s = wfc_ir_verify(&g, &d);
    if (s == WFC_OK) s = wfc_pass_run(&g, names, &d, NULL, NULL);
    if (s == WFC_OK) s = wfc_ir_print(&g, out);
    bool law = true;
    if (s == WFC_OK) {
        law = wfc_ir_parse(out->data, out->count, "output", &d, &back) == WFC_OK &&
              wfc_ir_print(&back, &again) == WFC_OK && again.count == out->count &&
              memcmp(again.data, out->data, out->count) == 0;
        wfc_graph_deinit(&back);
    }
    add_diagnostics(&d, out);
    wfc_buf_deinit(&again);
    wfc_graph_deinit(&g);
    wfc_diag_deinit(&d);
    if (!law) fprintf(stderr, "print(parse(print(g))) differs from print(g)\n");
    return law ? WFC_OK : WFC_ERR_INTERNAL;
}

static bool run_file(const char *path, bool update) {
    static const char mark[] = "\n---\n";
    uint8_t *bytes;
    size_t size;
    wfc_buf out = {0};
    const char *names[MAX_PASSES + 1];
    bool ok = false;
    if (wfc_file_read(path, MAX_FILE, NULL, &bytes, &size) != WFC_OK) {
        fprintf(stderr, "%s: cannot read\n", path);
        return false;
    }
    char *text = (char *)bytes, *eol = strchr(text, '\n'), *split = strstr(text, mark);
    if (eol && split) {
        *eol = 0;
        char *header = wfc_strdup(text);
        *eol = '\n';
        if (header && read_header(header, names) &&
            transform(eol + 1, (size_t)(split + 1 - (eol + 1)), names, &out) == WFC_OK) {
            const char *want = split + sizeof mark - 1;
            ok = strlen(want) == out.count && memcmp(want, out.data ? out.data : "", out.count) == 0;
            if (!ok && update) {
                wfc_buf whole = {0};
                wfc_buf_append(&whole, text, (size_t)(want - text));
                wfc_buf_append(&whole, out.data, out.count);
                ok = wfc_file_write(path, whole.data, whole.count, NULL) == WFC_OK;
                wfc_buf_deinit(&whole);
                printf("%s: updated\n", path);
            } else if (!ok) {
                fprintf(stderr, "%s: differs. Expected:\n%sGot:\n%.*s", path, want, (int)out.count, out.data);
            }
        }
        wfc_free(header);
    } else {
        fprintf(stderr, "%s: no header line or no line ---\n", path);
    }
    if (!ok) fprintf(stderr, "%s: failed\n", path);
    wfc_buf_deinit(&out);
    wfc_free(bytes);
    return ok;
}

int main(int argc, char **argv) {
    bool update = argc > 1 && strcmp(argv[1], "--update") == 0;
    int failed = 0, ran = 0;
    for (int i = update ? 2 : 1; i < argc; i++, ran++) failed += !run_file(argv[i], update);
    printf("%d files, %d failed\n", ran, failed);
    return failed || ran == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
