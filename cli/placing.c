#include "cli/placing.h"

#include <stdio.h>
#include <string.h>

static wfc_status choice(cli_context *c, const char *option, const char *value, const char *const *names,
                         const unsigned *values, unsigned *out) {
    wfc_buf all = {0};
    for (unsigned i = 0; names[i]; i++) {
        if (strcmp(value, names[i]) == 0) {
            *out = values[i];
            wfc_buf_deinit(&all);
            return WFC_OK;
        }
        wfc_buf_printf(&all, "%s%s", i ? ", " : "", names[i]);
    }
    wfc_status s = cli_usage_error(c, option, "'%s' is none of %s", value, all.failed ? "" : all.data);
    wfc_buf_deinit(&all);
    return s;
}

static wfc_status set_place(cli_context *c, cli_placing *p, const char *value) {
    static const char *const names[] = {"auto", "slabs", "metis", "rows", NULL};
    static const unsigned values[] = {0, WFC_PLACE_SLABS, WFC_PLACE_METIS, WFC_PLACE_ROWS};
    return choice(c, "--place", value, names, values, &p->options.place);
}

static wfc_status set_region(cli_context *c, cli_placing *p, const char *value) {
    unsigned x, y, w, h;
    int used = 0;
    if (sscanf(value, "%5u,%5u,%5u,%5u%n", &x, &y, &w, &h, &used) != 4 || value[used] || w == 0 || h == 0 ||
        x > UINT16_MAX || y > UINT16_MAX || w > UINT16_MAX || h > UINT16_MAX)
        return cli_usage_error(c, "--region", "'%s' is not of the form X,Y,W,H (column, row, columns, rows)", value);
    p->options.region = (wfc_prog_rect){.x = (uint16_t)x, .y = (uint16_t)y, .w = (uint16_t)w, .h = (uint16_t)h};
    return WFC_OK;
}

wfc_status cli_placing_option(cli_context *c, cli_placing *p, int id, const char *value, bool *taken) {
    static const char *const forms[] = {"auto", "always", "never", NULL}, *const allots[] = {"sparse", "dense", NULL};
    static const unsigned form_values[] = {WFC_SPARSE_BY_COST, WFC_SPARSE_ALWAYS, WFC_SPARSE_NEVER},
                          allot_values[] = {WFC_ALLOT_SPARSE, WFC_ALLOT_DENSE};
    unsigned v = 0;
    uint64_t n = 0;
    *taken = true;
    switch (id) {
    case CLI_ID_SEED: return cli_number(c, "--seed", value, 0, UINT64_MAX, &p->options.seed);
    case CLI_ID_PLACE: return set_place(c, p, value);
    case CLI_ID_REGION: return set_region(c, p, value);
    case CLI_ID_DEFECTS: p->defects = value; return WFC_OK;
    case CLI_ID_RECTANGLES: p->rectangles = value; return WFC_OK;
    case CLI_ID_MAX_PES:
        WFC_TRY(cli_number(c, "--max-pes", value, 1, UINT32_MAX, &n));
        p->options.max_pes = (uint32_t)n;
        return WFC_OK;
    case CLI_ID_ALLOT:
        WFC_TRY(choice(c, "--allot", value, allots, allot_values, &v));
        p->options.allot = (uint8_t)v;
        return WFC_OK;
    case CLI_ID_SPARSE:
        WFC_TRY(choice(c, "--sparse", value, forms, form_values, &v));
        p->options.sparse = (uint8_t)v;
        return WFC_OK;
    default: *taken = false; return WFC_OK;
    }
}

wfc_status cli_placing_load(cli_context *c, cli_placing *p, wfc_target *target) {
    if (p->options.region.w && p->options.max_pes)
        return cli_usage_error(c, "--max-pes", "cannot be given together with --region, which says it all");
    if (p->rectangles && (p->options.region.w || p->options.max_pes || p->options.place))
        return cli_usage_error(c, "--rectangles",
                               "cannot be given together with --place, --region or --max-pes: the "
                               "other program decides all of that");
    if (p->rectangles && (p->defects || target->bad_pe_count || target->bad_link_count))
        return cli_usage_error(c, "--rectangles", "cannot be used with defects yet");
    if (p->defects) WFC_TRY(wfc_target_add_defects(target, p->defects, &c->diag));
    if (!p->rectangles) return WFC_OK;
    wfc_program_init(&p->like);
    p->loaded = true;
    WFC_TRY(wfc_program_read(p->rectangles, &c->diag, &p->like));
    p->options.like = &p->like;
    return WFC_OK;
}

void cli_placing_deinit(cli_placing *p) {
    if (p->loaded) wfc_program_deinit(&p->like);
    p->loaded = false;
}
