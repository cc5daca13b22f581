/* From a graph to the simulator and back, compared with the evaluator of the graph before the passes. */
#ifndef WFC_TESTS_BACKEND_EDGES_RIG_H
#define WFC_TESTS_BACKEND_EDGES_RIG_H

#include "runtime/program/target.h"
#include "tests/backend/edges_gen.h"

typedef wfc_status (*rig_make)(gen *m); /* adds inputs, operators and outputs; equal rng, equal graph */

enum { RIG_BAD_PES = 4 };

typedef struct rig_options {
    uint64_t seed;      /* of graph, target and inputs */
    uint64_t plan_seed; /* of the compiler; 0: `seed` */
    const char *text;   /* the graph, instead of `make`; `match` says how it compares */
    gen_match match;
    wfc_xy bad_pe; /* of the target, where has_bad_pe */
    bool has_bad_pe;
    rig_make make;
    uint32_t max_elems;
    uint16_t least_height, most_height, least_width, most_width; /* of the fabric */
    bool random_splits, as_if_large, all_ports;
    bool default_passes;                 /* the default pipeline; else one of three, drawn */
    uint8_t sparse;                      /* wfc_sparse_form */
    unsigned place;                      /* set of WFC_PLACE_*; 0 all */
    uint8_t pes_percent, region_percent; /* of the fabric: --max-pes, or a drawn --region of so much of width and
                                            height; 0 no limit */
    uint8_t bad_pes;                     /* this many drawn PEs are defective, at most RIG_BAD_PES */
    bool fast;        /* one more run by the fast engine on 1 to 3 threads: outputs and cycles must be equal */
    bool odd_values;  /* infinities, NaN and -0 among the inputs */
    uint32_t jitters; /* further runs whose outputs must be equal, bit for bit */
    bool no_skip;     /* one more, whose cycles must be equal too */
    bool twice;       /* compile again: the same bytes */
    bool print;       /* the graph and the layers */
    char *message;    /* [512] receives the errors of a graph that was not run; may be NULL */
} rig_options;

typedef enum rig_outcome { RIG_OK = 0, RIG_NO_FIT, RIG_REFUSED, RIG_FAILED } rig_outcome;

/* Sums over calls. one_row: all PEs with code stand in one row. */
typedef struct rig_tally {
    uint32_t runs, no_fit, refused, failed, adapted, adapters, one_row, bits, exact, layers;
    uint32_t most_layers, buffers;              /* layers of one graph; skip buffers */
    uint32_t contracts, sparse, sparse_chained; /* layers of a contract, in the sparse form, of these with row sums */
} rig_tally;

/* Prints what failed to stderr. A refusal must name a node of the graph, else it counts as failed. */
rig_outcome rig_check(const rig_options *o, rig_tally *t);

/* Command line: [FIRST [COUNT]] or -v SEED; true: go on with *first, *count, *print. */
bool rig_arguments(int argc, char **argv, uint64_t *first, uint64_t *count, bool *print);

#endif
