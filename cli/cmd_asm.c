/* waferc asm: program text -> program file. */
#include "cli/cli.h"
#include "runtime/program/program.h"
#include "support/file.h"
#include "support/mem.h"

static const size_t k_max_bytes = (size_t)4 << 30;
static const cli_option k_options[] = {{'o', "output", "PROG.wafer", "where the program goes"}, {0}};

static wfc_status set_option(cli_context *c, void *ctx, int id, const char *value) {
    (void)c;
    if (id != 'o') return WFC_ERR_INTERNAL;
    *(const char **)ctx = value;
    return WFC_OK;
}

static wfc_status run(cli_context *c, int argc, char **argv) {
    const char *output = NULL;
    uint8_t *bytes;
    size_t size;
    int first;
    WFC_TRY(cli_parse(c, &cli_cmd_asm, argc, argv, set_option, &output, 1, 1, &first));
    if (c->finished) return WFC_OK;
    if (!output) return cli_usage_error(c, "-o", "say where the program goes: -o PROG.wafer");
    cli_stage(c, "assembling");
    WFC_TRY(wfc_file_read(argv[first], k_max_bytes, &c->diag, &bytes, &size));
    wfc_program p;
    wfc_program_init(&p);
    wfc_status s = wfc_program_parse((const char *)bytes, size, argv[first], &c->diag, &p);
    wfc_free(bytes);
    if (s == WFC_OK) s = wfc_program_verify(&p, &c->diag);
    if (s == WFC_OK) s = wfc_program_write(&p, output, &c->diag);
    if (s == WFC_OK) cli_say(c, "%s: %u PEs in %u classes\n", output, p.pe_count, p.class_count);
    wfc_program_deinit(&p);
    return s;
}

const cli_command cli_cmd_asm = {
    .name = "asm",
    .summary = "Assemble program text into a program file",
    .usage = "FILE.wasm -o PROG.wafer",
    .notes = "The text is what 'waferc dis' prints; docs/isa.md describes it. The program is verified before it is "
             "written.\n",
    .options = k_options,
    .run = run,
};
