/* The property of the edge protocol: any producer layout -> any view -> any consumer layout works. Random triples of
 * producer, chain of views and consumer on small fabrics with splits drawn at random, simulated and compared with the
 * evaluator of the graph before the passes.
 *
 * Arguments: [FIRST [COUNT]] seeds, default 1 300; -v SEED prints one. */
#include <stdio.h>

#include "tests/backend/edges_rig.h"

static wfc_status triple(gen *m) {
    wfc_value x, y;
    WFC_TRY(gen_input(m, &x));
    if (gen_chance(m, 90))
        WFC_TRY(gen_operator(m, x, &y)); /* else the host is the producer */
    else
        y = x;
    WFC_TRY(gen_view(m, y, gen_pick(m, 4), &x));
    WFC_TRY(gen_operator(m, x, &y));
    if (gen_chance(m, 30)) WFC_TRY(gen_view(m, y, 1 + gen_pick(m, 2), &y));
    return gen_output(m, y);
}

int main(int argc, char **argv) {
    uint64_t first = 1, number = 300;
    bool print = false;
    rig_tally t = {0};
    if (!rig_arguments(argc, argv, &first, &number, &print)) return 2;
    for (uint64_t s = first; s < first + number && t.failed < 5; s++) {
        rig_options o = {.seed = s,
                         .make = triple,
                         .max_elems = 500,
                         .least_height = 6,
                         .most_height = 16,
                         .least_width = 12,
                         .most_width = 40,
                         .random_splits = true,
                         .jitters = s % 4 == 0 ? 2 : 0,
                         .no_skip = s % 5 == 0,
                         .odd_values = s % 8 == 7,
                         .twice = s % 16 == 0,
                         .print = print};
        (void)rig_check(&o, &t);
    }
    printf("triples %u, one lane only %u, adapters %u\n", t.runs, t.one_row, t.adapted);
    printf(
        "compared by bits %u, by value %u, by tolerance %u; adapter strips %u; did not fit %u, refused %u, failed %u\n",
        t.bits, t.exact, t.runs - t.bits - t.exact, t.adapters, t.no_fit, t.refused, t.failed);
    if (10 * (uint64_t)(t.no_fit + t.refused) >= 3 * number && number >= 20) {
        printf("more than 30 %% of the triples were not run\n");
        return 1;
    }
    return t.failed ? 1 : 0;
}
