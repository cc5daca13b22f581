/* Options of compile and plan that say where and how a model is placed. */
#ifndef WFC_CLI_PLACING_H
#define WFC_CLI_PLACING_H

#include "backend/compile.h"
#include "cli/cli.h"

enum {
    CLI_ID_PLACE = 400,
    CLI_ID_MAX_PES,
    CLI_ID_REGION,
    CLI_ID_DEFECTS,
    CLI_ID_ALLOT,
    CLI_ID_RECTANGLES,
    CLI_ID_SPARSE,
    CLI_ID_SEED
};
#define CLI_PLACING_OPTIONS                                                                                            \
    {CLI_ID_SEED, "seed", "N", "of the partitioner's choices (default 1)"},                                            \
        {CLI_ID_PLACE, "place", "METHOD", "floorplan: 'slabs', 'metis', 'rows', or 'auto', the fastest (default)"},    \
        {CLI_ID_MAX_PES, "max-pes", "N", "use at most N PEs, a rectangle of the target's shape"},                      \
        {CLI_ID_REGION, "region", "X,Y,W,H", "use only these columns and rows"},                                       \
        {CLI_ID_DEFECTS, "defects", "FILE.json", "dead PEs and links to be avoided, beside the target's own"},         \
        {CLI_ID_ALLOT, "allot", "HOW", "PEs by the time with zeros skipped ('sparse', default) or by 'dense' time"},   \
        {CLI_ID_RECTANGLES, "rectangles", "FROM.wafer", "splits and rectangles of another program of this model"}, {   \
        CLI_ID_SPARSE, "sparse", "FORM",                                                                               \
            "layers with zero weights: 'auto' by predicted cycles, 'always', 'never' (dense)"                          \
    }

typedef struct cli_placing {
    wfc_compile_options options; /* all but model_name and like */
    const char *defects, *rectangles;
    wfc_program like; /* loaded from `rectangles` */
    bool loaded;
} cli_placing;
/* *taken: the id was one of the above. */
WFC_MUST_USE wfc_status cli_placing_option(cli_context *c, cli_placing *p, int id, const char *value, bool *taken);
/* Adds defects to the target, loads the other program. */
WFC_MUST_USE wfc_status cli_placing_load(cli_context *c, cli_placing *p, wfc_target *target);
void cli_placing_deinit(cli_placing *p);

#endif
