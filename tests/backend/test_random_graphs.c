/* Random graphs with branches, fan-out, joins, several inputs and outputs, outputs that are read further or are views,
 * products of two activations, softmax: simulated outputs equal the evaluator's, with splits chosen by cost (even
 * seeds) or drawn (odd seeds), with and without jitter.
 *
 * Arguments: [FIRST [COUNT]] seeds, default 1 300; -v SEED prints one. */
#include <stdio.h>

#include "tests/backend/edges_rig.h"

/* Into the pool; what is too large to go on with is an output. */
static wfc_status keep(gen *m, wfc_value v) {
    if (wfc_shape_elems(gen_shape(m, v)) > m->max_elems) return gen_output(m, v);
    if (m->count < GEN_MAX_VALUES) m->values[m->count++] = v;
    return WFC_OK;
}

/* The other operand of a join or product: any value, or a view of the same one. */
static wfc_status partner(gen *m, wfc_value x, wfc_value *out) {
    *out = gen_any(m);
    return gen_chance(m, 40) ? gen_view(m, gen_chance(m, 60) ? x : *out, 1, out) : WFC_OK;
}

/* Several joins in a row, which one group takes: more than one PE can receive. */
static wfc_status chain(gen *m, wfc_value x, wfc_value *out) {
    *out = x;
    for (uint32_t k = 0, n = 2 + gen_pick(m, 8); k < n; k++) {
        wfc_value y, before = *out;
        WFC_TRY(partner(m, x, &y));
        if (wfc_shape_elems(gen_shape(m, y)) > wfc_shape_elems(gen_shape(m, x))) continue;
        WFC_TRY(gen_join(m, before, y, out));
    }
    return WFC_OK;
}

static wfc_status step(gen *m) {
    wfc_value x = gen_any(m), y, out = x;
    uint32_t kind = gen_pick(m, 12);
    if (gen_chance(m, 25)) WFC_TRY(gen_view(m, x, 1 + gen_pick(m, 2), &x));
    out = x;
    if (kind < 4) {
        for (unsigned k = 0; k < 12 && wfc_value_eq(out, x); k++) {
            WFC_TRY(partner(m, x, &y));
            if (kind < 3)
                WFC_TRY(gen_join(m, x, y, &out));
            else
                WFC_TRY(gen_product(m, x, y, &out));
        }
    } else if (kind == 4) {
        WFC_TRY(gen_softmax(m, x, &out));
    } else if (kind == 6) {
        if (gen_chance(m, 50)) WFC_TRY(gen_operator(m, x, &x));
        WFC_TRY(chain(m, x, &out));
    } else if (kind == 5) {
        WFC_TRY(gen_view(m, x, 1 + gen_pick(m, 3), &out));
    }
    if (wfc_value_eq(out, x)) WFC_TRY(gen_operator(m, x, &out));
    return keep(m, out);
}

/* Whether the outputs so far depend on v. */
static bool is_live(const gen *m, wfc_value v) {
    bool live[1024] = {false};
    for (size_t i = 0; i < m->g->outputs.count; i++) live[m->g->outputs.data[i].value.i] = true;
    for (size_t i = m->g->nodes.count; i-- > v.i;) {
        const wfc_node *n = &m->g->nodes.data[i];
        for (uint32_t k = 0; live[i] && k < n->operand_count; k++)
            live[wfc_ir_operand(m->g, (wfc_value){(uint32_t)i}, k).i] = true;
    }
    return live[v.i];
}

/* What nobody reads becomes an output, some of the others as well, now and then through a view or twice. */
static wfc_status add_outputs(gen *m) {
    uint32_t last = m->count;
    for (uint32_t i = last; i-- > 0 && m->outputs < 8;) {
        if (is_live(m, m->values[i]) && !gen_chance(m, 8)) continue;
        wfc_value v = m->values[i];
        if (gen_chance(m, 20)) WFC_TRY(gen_view(m, v, 1 + gen_pick(m, 2), &v));
        WFC_TRY(gen_output(m, v));
        if (m->outputs < 8 && gen_chance(m, 3)) WFC_TRY(gen_output(m, v));
    }
    return WFC_OK;
}

static wfc_status graph(gen *m) {
    wfc_value x;
    uint32_t inputs = 1 + gen_pick(m, 3), steps = 2 + gen_pick(m, 7);
    for (uint32_t k = 0; k < inputs; k++) {
        WFC_TRY(gen_input(m, &x));
        WFC_TRY(keep(m, x));
    }
    for (uint32_t k = 0; k < steps; k++) WFC_TRY(step(m));
    WFC_TRY(add_outputs(m));
    if (steps > 3 && m->match == GEN_EXACT) m->match = GEN_CLOSE; /* long sums of products leave the exact range */
    return WFC_OK;
}

int main(int argc, char **argv) {
    uint64_t first = 1, number = 300;
    bool print = false;
    rig_tally t = {0};
    if (!rig_arguments(argc, argv, &first, &number, &print)) return 2;
    for (uint64_t s = first; s < first + number && t.failed < 5; s++) {
        rig_options o = {.seed = s,
                         .make = graph,
                         .max_elems = s % 3 ? 120 : 360,
                         .least_height = s % 8 == 3 ? 1 : 6, /* also the flattest fabrics */
                         .most_height = s % 8 == 3 ? 4 : 16,
                         .least_width = 40,
                         .most_width = 96,
                         .random_splits = s % 2 == 1,
                         .jitters = s % 2 ? 1 : 2,
                         .no_skip = s % 5 == 0,
                         .odd_values = s % 8 == 5,
                         .twice = s % 16 == 0,
                         .print = print};
        (void)rig_check(&o, &t);
    }
    printf("graphs %u, layers %u, adapters %u, one lane only %u; compared by bits %u, by value %u, by tolerance %u; "
           "did not fit %u, refused %u, failed %u\n",
           t.runs, t.layers, t.adapters, t.one_row, t.bits, t.exact, t.runs - t.bits - t.exact, t.no_fit, t.refused,
           t.failed);
    if (10 * (uint64_t)(t.no_fit + t.refused) >= 3 * number && number >= 20) {
        printf("more than 30 %% of the graphs were not run\n");
        return 1;
    }
    return t.failed ? 1 : 0;
}
