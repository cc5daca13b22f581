/* Dense or weight-sparse, for each contract with constant weights: by the predicted cycles of the two programs of the
 * PE with most weights, which is the slowest in the sparse form. The whole layer takes one form. */
#include "backend/be.h"
#include "backend/kernels/k_sparse.h"

typedef struct fullest {
    uint32_t row, col, most;
    uint64_t weights; /* of that PE, zeros included */
    bool found;
} fullest;

bool wfc_be_weights_by_tile(const wfc_be *be, const wfc_be_layer *l) {
    const wfc_node *n = wfc_ir_node_c(be->g, l->nodes[0]);
    const wfc_node *w = wfc_ir_node_c(be->g, wfc_ir_operand(be->g, l->nodes[0], 1));
    for (unsigned d = 0; d < w->shape.rank; d++) {
        for (unsigned v = 0; v < n->u.contract.out_rank; v++) {
            if (n->u.contract.b[d].coef[v] && (int)v != l->chan_var) return true;
        }
    }
    return false;
}

/* Whether the weights index every variable: a product of one vector. */
static bool no_tile(const wfc_be *be, const wfc_be_layer *l) {
    const wfc_space *s = &wfc_ir_node_c(be->g, l->nodes[0])->u.contract;
    const wfc_node *w = wfc_ir_node_c(be->g, wfc_ir_operand(be->g, l->nodes[0], 1));
    for (unsigned v = 0; v < s->index_count; v++) {
        bool in_b = s->extent[v] == 1;
        for (unsigned d = 0; d < w->shape.rank; d++) in_b |= s->b[d].coef[v] != 0;
        if (!in_b) return false;
    }
    return true;
}

/* Runs in a scratch arena: boxes of thousands of PEs are of no use later. */
static wfc_status scan_rows(wfc_be *be, const wfc_be_layer *l, fullest *out) {
    bool all = wfc_be_weights_by_tile(be, l);
    float *scratch = NULL;
    uint64_t room = 0;
    wfc_status st = WFC_OK;
    for (uint32_t row = 0; row < be->height && st == WFC_OK; row++) {
        uint32_t group, inner;
        if (!wfc_be_row_place(&l->split, row, &group, &inner) || (group && !all)) continue;
        for (uint32_t col = 0; col < l->split.cols && st == WFC_OK; col++) {
            wfc_be_need need;
            wfc_be_box final;
            uint64_t weights = 0;
            if (!wfc_be_out_box(be, l, row, col, &final) && l->split.pc == 1) continue;
            st = wfc_be_needs(be, l, row, col, &need);
            if (st != WFC_OK || wfc_be_box_elems(&need.chan_all) == 0) continue;
            uint32_t n = wfc_be_sparse_count(be, l, &need, &scratch, &room, &weights);
            if (n == UINT32_MAX) st = wfc_fail_memory(be->diag);
            if (st != WFC_OK || (out->found && n <= out->most)) continue;
            *out = (fullest){.row = row, .col = col, .most = n, .weights = weights, .found = true};
        }
    }
    wfc_free(scratch);
    return st;
}

/* Cycles of the multiplications of PE (row, col) in the form of l->sparse, and whether it fits. */
static wfc_status price(wfc_be *be, const wfc_be_layer *l, const fullest *f, double *cycles, bool *fits) {
    wfc_be_pe_build one;
    wfc_diag *diag = be->diag;
    be->diag = NULL; /* what does not fit is not chosen, that is all */
    wfc_status st = wfc_be_emit_layer(be, l, f->row, f->col, &one);
    be->diag = diag;
    *cycles = 0;
    *fits = false;
    if (st == WFC_OK && !one.empty) {
        const wfc_be_cost *c = &wfc_be_asm_cost(one.a)[WFC_BE_COMPUTE];
        *cycles = c->overhead_cycles + c->busy_cycles;
        *fits = wfc_be_asm_bytes(one.a) <= be->t->sram_bytes;
    }
    wfc_be_pe_build_deinit(&one);
    if (st == WFC_ERR_NO_FIT || st == WFC_ERR_UNSUPPORTED) return WFC_OK;
    return st == WFC_ERR_NO_MEMORY ? wfc_fail_memory(diag) : st;
}

static wfc_status compare(wfc_be *be, wfc_be_layer *l, const fullest *f) {
    wfc_be_sparse *s = &l->sparse;
    bool dense_fits, fits, ignored;
    double one_more, two_more; /* not from `most`, which may be 0: nothing at all to do */
    *s = (wfc_be_sparse){.most = f->most + 1, .gather = no_tile(be, l)};
    WFC_TRY(price(be, l, f, &s->dense_cycles, &dense_fits));
    s->chosen = true;
    WFC_TRY(price(be, l, f, &one_more, &ignored));
    s->most = f->most + 2;
    WFC_TRY(price(be, l, f, &two_more, &ignored));
    s->most = f->most;
    WFC_TRY(price(be, l, f, &s->cycles, &fits));
    s->chosen = fits && (be->opt->sparse == WFC_SPARSE_ALWAYS || !dense_fits || s->cycles < s->dense_cycles);
    double each = two_more - one_more;
    if (fits && each > 0 && dense_fits) s->crossover = (s->dense_cycles - one_more) / each + s->most + 1;
    s->crossover = s->crossover < 0 ? 0 : s->crossover / (double)f->weights;
    return WFC_OK;
}

static wfc_status choose(wfc_be *be, wfc_be_layer *l) {
    fullest f = {0};
    WFC_TRY(scan_rows(be, l, &f));
    if (!f.found) return WFC_OK;
    WFC_TRY(compare(be, l, &f));
    const wfc_be_sparse *s = &l->sparse;
    if (s->chosen) l->kind = "contract-sparse";
    wfc_diag_add(
        be->diag, WFC_NOTE, "WFC-N7052", l->name,
        "%s form: %u of %llu weights of the fullest PE are not zero; %.0f cycles sparse, %.0f dense; sparse is "
        "faster below density %.3f",
        s->chosen ? "sparse" : "dense", s->most, (unsigned long long)f.weights, s->cycles, s->dense_cycles,
        s->crossover < 1 ? s->crossover : 1.0);
    return WFC_OK;
}

wfc_status wfc_be_choose_sparse(wfc_be *be) {
    wfc_status st = WFC_OK;
    for (uint32_t i = 0; i < be->layer_count && st == WFC_OK; i++) {
        wfc_be_layer *l = &be->layers[i];
        if (be->opt->sparse == WFC_SPARSE_NEVER || !l->has_contract) continue;
        if (wfc_ir_node_c(be->g, wfc_ir_operand(be->g, l->nodes[0], 1))->op != WFC_CORE_CONST) continue;
        if (be->opt->sparse == WFC_SPARSE_BY_COST && l->macs_nonzero == l->macs) continue;
        wfc_arena keep = be->arena;
        wfc_arena_init(&be->arena);
        st = choose(be, l);
        wfc_arena scratch = be->arena;
        be->arena = keep;
        wfc_arena_deinit(&scratch);
    }
    return st;
}
