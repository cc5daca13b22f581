/* Random residual networks (residual_gen.h) on small targets: simulated outputs equal the evaluator's, under all
 * placement methods and several of the compiler's seeds, with limits of PEs, regions, defective PEs, drawn splits and
 * forced sparse forms; repeated with jitter by the reference engine, and by the fast engine with equal cycles. A
 * deadlock, a trap, and a word too many are errors of the run, and so of the test.
 *
 * Arguments: [FIRST [COUNT]] seeds, default 1 100; -v SEED prints one. ctest runs 300 in three parts. */
#include <stdio.h>

#include "backend/compile.h"
#include "tests/backend/edges_rig.h"
#include "tests/backend/residual_gen.h"

/* What varies with the seed; coprime periods, so that all pairs come up. */
static rig_options options(uint64_t s, bool print) {
    static const uint8_t places[] = {0,
                                     WFC_PLACE_METIS,
                                     0,
                                     WFC_PLACE_ROWS,
                                     WFC_PLACE_SLABS,
                                     WFC_PLACE_METIS | WFC_PLACE_ROWS,
                                     WFC_PLACE_SLABS | WFC_PLACE_METIS};
    static const uint8_t percent[] = {0, 0, 90, 0, 70, 0, 50, 0, 0, 80, 35};
    rig_options o = {.seed = s,
                     .plan_seed = s % 3 ? s : s * 1000003,
                     .make = residual_graph,
                     .default_passes = true,
                     .max_elems = s % 4 ? 250 : 500,
                     .least_height = s % 9 == 4 ? 2 : 8,
                     .most_height = s % 9 == 4 ? 7 : 24,
                     .least_width = 48,
                     .most_width = 96,
                     .random_splits = s % 5 == 2,
                     .as_if_large = s % 5 == 3 || s % 5 == 4,
                     .sparse = s % 13 == 6   ? WFC_SPARSE_ALWAYS
                               : s % 13 == 7 ? WFC_SPARSE_NEVER
                                             : WFC_SPARSE_BY_COST,
                     .place = places[s % 7],
                     .pes_percent = percent[s % 11],
                     .bad_pes = s % 17 == 8 ? 1 + s % RIG_BAD_PES : 0,
                     .jitters = s % 4 ? 1 : 2,
                     .fast = true,
                     .no_skip = s % 19 == 0,
                     .twice = s % 23 == 0,
                     .print = print};
    /* a region is one of the mesh that is left: with defects it may not exist */
    if (!o.pes_percent && !o.bad_pes && s % 16 == 9) o.region_percent = (uint8_t)(60 + s % 40);
    return o;
}

int main(int argc, char **argv) {
    uint64_t first = 1, number = 100;
    bool print = false;
    rig_tally t = {0};
    if (!rig_arguments(argc, argv, &first, &number, &print)) return 2;
    for (uint64_t s = first; s < first + number && t.failed < 5; s++) {
        rig_options o = options(s, print);
        (void)rig_check(&o, &t);
    }
    printf("residual networks %u, layers %u (at most %u), adapters %u, skip buffers %u, sparse layers %u; compared by "
           "value %u, by tolerance %u; did not fit %u, refused %u, failed %u\n",
           t.runs, t.layers, t.most_layers, t.adapters, t.buffers, t.sparse, t.bits + t.exact,
           t.runs - t.bits - t.exact, t.no_fit, t.refused, t.failed);
    if (10 * (uint64_t)(t.no_fit + t.refused) >= 3 * number && number >= 20) {
        printf("more than 30 %% of the networks were not run\n");
        return 1;
    }
    return t.failed ? 1 : 0;
}
