/* Writes the instruction table of docs/isa.md from isa_table.c, between its two marker lines.
 *   isa_manual            prints the table
 *   isa_manual --check F  exit 1 when F holds another table
 *   isa_manual --update F rewrites it */
#include "runtime/program/isa_check.h"
#include "support/file.h"
#include "support/mem.h"

#include <stdio.h>
#include <string.h>

static const char BEGIN[] = "<!-- generated from runtime/program/isa_table.c: isa_manual --update docs/isa.md -->\n";
static const char END[] = "<!-- end of the generated table -->\n";

static void put_kinds(wfc_buf *out, unsigned kinds, bool immediate) {
    static const struct {
        unsigned bit;
        const char *text;
    } names[] = {{WFC_OPND_IS_REG, "r"},   {WFC_OPND_IS_MEM, "mem"}, {WFC_OPND_IS_IN, "in"},
                 {WFC_OPND_IS_OUT, "out"}, {WFC_OPND_IS_RAW, "n"},   {WFC_OPND_IS_UT, "ut"}};
    const char *separator = "";
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (kinds & names[i].bit) {
            wfc_buf_printf(out, "%s%s", separator, names[i].text);
            separator = " ";
        }
    if ((kinds & WFC_OPND_IS_NONE) && *separator) wfc_buf_printf(out, " %s", immediate ? "imm" : "-");
}

static void put_types(wfc_buf *out, unsigned types) {
    const char *separator = "";
    for (unsigned t = 0; t < WFC_NUM_PE_DTYPES; t++)
        if (types >> t & 1) {
            wfc_buf_printf(out, "%s%s", separator, wfc_dtype_name((wfc_dtype)t));
            separator = " ";
        }
}

static void put_table(wfc_buf *out) {
    static const char *const timings[] = {"scalar", "control", "long", "vector", "slow", "fabric"};
    wfc_buf_printf(out, "%s", BEGIN);
    wfc_buf_printf(
        out, "| op | mnemonic | timing | D | A | B | C | types | meaning |\n|---|---|---|---|---|---|---|---|---|\n");
    for (unsigned op = 0; op < WFC_OP_COUNT; op++) {
        const wfc_isa_record *r = wfc_isa_lookup(op);
        wfc_buf_printf(out, "| %u | `%s` | %s", op, r->mnemonic, timings[r->timing]);
        if (r->timing == WFC_TIME_VECTOR) wfc_buf_printf(out, ", %s", wfc_simd_class_name((wfc_simd_class)r->simd));
        const uint8_t kinds[4] = {r->d, r->a, r->b, r->c};
        for (unsigned i = 0; i < 4; i++) {
            wfc_buf_printf(out, " | ");
            put_kinds(out, kinds[i], i == 2 && wfc_isa_has_immediate_form(op));
        }
        wfc_buf_printf(out, " | ");
        put_types(out, r->types);
        wfc_buf_printf(out, " | %s |\n", r->doc);
    }
    wfc_buf_printf(out, "%s", END);
}

static int compare_or_update(const char *path, const wfc_buf *table, int update) {
    uint8_t *bytes;
    size_t n;
    wfc_diag d;
    wfc_diag_init(&d);
    wfc_status s = wfc_file_read(path, 16u << 20, &d, &bytes, &n);
    wfc_diag_deinit(&d);
    if (s != WFC_OK) {
        fprintf(stderr, "isa_manual: cannot read %s\n", path);
        return 74;
    }
    char *text = (char *)bytes, *from = strstr(text, BEGIN), *to = from ? strstr(from, END) : NULL;
    int code = 1;
    if (!to) {
        fprintf(stderr, "isa_manual: %s lacks the marker lines\n", path);
    } else if ((size_t)(to + strlen(END) - from) == table->count && memcmp(from, table->data, table->count) == 0) {
        code = 0;
    } else if (update) {
        wfc_buf out = {0};
        wfc_buf_append(&out, text, (size_t)(from - text));
        wfc_buf_append(&out, table->data, table->count);
        wfc_buf_append(&out, to + strlen(END), strlen(to + strlen(END)));
        code = out.failed || wfc_file_write(path, out.data, out.count, NULL) != WFC_OK ? 74 : 0;
        wfc_buf_deinit(&out);
    } else {
        fprintf(stderr, "isa_manual: the table in %s is not that of isa_table.c; run isa_manual --update %s\n", path,
                path);
    }
    wfc_free(bytes);
    return code;
}

int main(int argc, char **argv) {
    wfc_buf table = {0};
    int code = 2;
    put_table(&table);
    if (argc == 1)
        code = table.failed || fwrite(table.data, 1, table.count, stdout) != table.count ? 74 : 0;
    else if (argc == 3 && (strcmp(argv[1], "--check") == 0 || strcmp(argv[1], "--update") == 0))
        code = compare_or_update(argv[2], &table, argv[1][2] == 'u');
    else
        fprintf(stderr, "usage: isa_manual [--check FILE | --update FILE]\n");
    wfc_buf_deinit(&table);
    return code;
}
