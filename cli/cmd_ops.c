/* waferc ops: the table of ONNX operators that the frontend converts, from the records that the import enforces. */
#include "cli/cli.h"
#include "frontend/import.h"
#include "support/mem.h"
#include <limits.h>
#include <string.h>

enum { ID_MARKDOWN = CLI_FIRST_LONG_ID };
static const cli_option k_options[] = {
    {ID_MARKDOWN, "markdown", NULL, "as a table for docs/operators.md, with inputs and attributes"}, {0}};

static wfc_status set_option(cli_context *c, void *ctx, int id, const char *value) {
    (void)c, (void)value;
    if (id != ID_MARKDOWN) return WFC_ERR_INTERNAL;
    *(bool *)ctx = true;
    return WFC_OK;
}

/* Restrictions as one text: inputs that must be constants, folding, then the converter's own. */
static void put_restrictions(wfc_buf *out, const wfc_op_info *op) {
    const char *separator = "";
    unsigned inputs = op->max_in < 32 ? op->max_in : 32, listed = 0;
    for (unsigned k = 0; k < inputs; k++) {
        if (!(op->constants >> k & 1)) continue;
        wfc_buf_printf(out, listed ? ", %u" : "constant input %u", k);
        listed++;
        separator = "; ";
    }
    if (!op->folds) {
        wfc_buf_printf(out, "%snot between constants", separator);
        separator = "; ";
    }
    if (*op->restrictions) wfc_buf_printf(out, "%s%s", separator, op->restrictions);
}

static void put_range(wfc_buf *out, unsigned least, unsigned most) {
    wfc_buf_printf(out, "%u", least);
    if (most == UINT_MAX)
        wfc_buf_printf(out, " or more");
    else if (most != least)
        wfc_buf_printf(out, " to %u", most);
}

static void put_attributes(wfc_buf *out, const char *list) {
    const char *separator = "";
    for (const char *p = list; p && *p;) {
        size_t n = strcspn(p, ":");
        wfc_buf_printf(out, "%s%.*s", separator, (int)n, p);
        separator = ", ";
        p = strchr(p, ' ');
        if (p) p++;
    }
}

static void put_markdown(wfc_buf *out, const wfc_op_info *ops, uint32_t count) {
    wfc_buf_printf(out,
                   "%u operators.\n\n| operator | opset | inputs | outputs | types | attributes | restrictions |\n"
                   "|---|---|---|---|---|---|---|\n",
                   count);
    for (uint32_t i = 0; i < count; i++) {
        const wfc_op_info *op = &ops[i];
        wfc_buf_printf(out, "| %s%s%s | %d to %d | ", op->domain, *op->domain ? ":" : "", op->name, op->since,
                       op->until);
        put_range(out, op->min_in, op->max_in);
        wfc_buf_printf(out, " | ");
        put_range(out, 1, op->max_out);
        wfc_buf_printf(out, " | %s | ", op->types);
        put_attributes(out, op->attributes);
        wfc_buf_printf(out, " | ");
        put_restrictions(out, op);
        wfc_buf_printf(out, " |\n");
    }
}

static void put_text(wfc_buf *out, const wfc_op_info *ops, uint32_t count) {
    wfc_buf_printf(out, "%-26s %-10s %-16s %s\n", "operator", "opset", "types", "restrictions");
    for (uint32_t i = 0; i < count; i++) {
        const wfc_op_info *op = &ops[i];
        wfc_buf_printf(out, "%s%s%-*s %2d to %-4d %-16s ", op->domain, *op->domain ? ":" : "", *op->domain ? 9 : 26,
                       op->name, op->since, op->until, op->types);
        put_restrictions(out, op);
        while (out->count && out->data[out->count - 1] == ' ') out->data[--out->count] = '\0';
        wfc_buf_printf(out, "\n");
    }
}

static wfc_status run(cli_context *c, int argc, char **argv) {
    int first;
    bool markdown = false;
    WFC_TRY(cli_parse(c, &cli_cmd_ops, argc, argv, set_option, &markdown, 0, 0, &first));
    if (c->finished) return WFC_OK;
    uint32_t count;
    const wfc_op_info *ops = wfc_import_ops(&count);
    wfc_buf out = {0};
    if (markdown)
        put_markdown(&out, ops, count);
    else
        put_text(&out, ops, count);
    wfc_status s = out.failed ? wfc_fail_memory(&c->diag) : WFC_OK;
    if (s == WFC_OK) cli_print("%s", out.data);
    wfc_buf_deinit(&out);
    return s;
}

const cli_command cli_cmd_ops = {
    .name = "ops",
    .summary = "List the ONNX operators that can be compiled",
    .usage = "[--markdown]",
    .notes = "Inputs count from 0. A constant input is known at import: an initializer, what folds to a constant, or\n"
             "given by --const. docs/operators.md is made of this table.\n",
    .options = k_options,
    .run = run,
};
