/* waferc dis: program file -> program text. */
#include "cli/cli.h"
#include "runtime/program/program.h"
#include "support/mem.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ID_PE = CLI_FIRST_LONG_ID };
static const cli_option k_options[] = {{ID_PE, "pe", "X,Y", "only this PE, for people"}, {0}};

typedef struct state {
    bool one_pe;
    wfc_xy pe;
} state;

static wfc_status set_option(cli_context *c, void *ctx, int id, const char *value) {
    state *st = ctx;
    char x[16];
    const char *comma = strchr(value, ',');
    uint64_t vx, vy;
    if (id != ID_PE) return WFC_ERR_INTERNAL;
    if (!comma || (size_t)(comma - value) >= sizeof x)
        return cli_usage_error(c, "--pe", "'%s' is not of the form X,Y", value);
    snprintf(x, sizeof x, "%.*s", (int)(comma - value), value);
    WFC_TRY(cli_number(c, "--pe", x, 0, UINT16_MAX, &vx));
    WFC_TRY(cli_number(c, "--pe", comma + 1, 0, UINT16_MAX, &vy));
    *st = (state){.one_pe = true, .pe = {.x = (uint16_t)vx, .y = (uint16_t)vy}};
    return WFC_OK;
}

static wfc_status check_pe(cli_context *c, const wfc_program *p, const state *st) {
    if (!st->one_pe) return WFC_OK;
    if (st->pe.x >= p->target.width || st->pe.y >= p->target.height)
        return cli_usage_error(c, "--pe", "%u,%u lies outside the fabric of %u x %u PEs", st->pe.x, st->pe.y,
                               p->target.width, p->target.height);
    for (uint32_t i = 0; i < p->pe_count; i++)
        if (p->pes[i].x == st->pe.x && p->pes[i].y == st->pe.y) return WFC_OK;
    return cli_usage_error(c, "--pe", "the program does not use PE %u,%u", st->pe.x, st->pe.y);
}

static wfc_status run(cli_context *c, int argc, char **argv) {
    state st = {0};
    int first;
    wfc_program p;
    WFC_TRY(cli_parse(c, &cli_cmd_dis, argc, argv, set_option, &st, 1, 1, &first));
    if (c->finished) return WFC_OK;
    wfc_program_init(&p);
    cli_stage(c, "disassembling");
    wfc_status s = wfc_program_read(argv[first], &c->diag, &p);
    if (s == WFC_OK) s = check_pe(c, &p, &st);
    wfc_buf text = {0};
    if (s == WFC_OK) {
        s = wfc_program_print(&p, st.one_pe ? &st.pe : NULL, &text);
        if (s == WFC_ERR_NO_MEMORY || text.failed) s = wfc_fail_memory(&c->diag);
    }
    cli_progress_end();
    if (s == WFC_OK) cli_print("%s", text.data ? text.data : "");
    wfc_buf_deinit(&text);
    wfc_program_deinit(&p);
    return s;
}

const cli_command cli_cmd_dis = {
    .name = "dis",
    .summary = "Print a program as text",
    .usage = "PROG.wafer [--pe X,Y]",
    .notes = "Without --pe the text is the whole program: 'waferc asm' makes the identical file from it.\n",
    .options = k_options,
    .run = run,
};
