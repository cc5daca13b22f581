#include "passes/prune/calibrate.h"
#include "ir/eval/eval.h"
#include <math.h>
#include <string.h>

void wfc_layer_inputs_deinit(wfc_layer_inputs *in) {
    wfc_weight_matrix_deinit(&in->matrix);
    wfc_free(in->squares);
    wfc_free(in->products);
    *in = (wfc_layer_inputs){0};
}

/* ---- One contract ---- */

typedef struct calibration {
    wfc_pruning *p;
    wfc_layer_inputs *inputs;
    double *x;       /* the vector at hand */
    uint32_t *found; /* its columns that are not zero */
} calibration;

/* Adds x to the sums of group q. */
static void add_vector(wfc_layer_inputs *in, uint64_t q, const double *x, uint32_t *found) {
    uint64_t n = in->matrix.column.extent;
    uint32_t count = 0;
    double *squares = in->squares + q * n;
    for (uint64_t j = 0; j < n; j++) {
        if (x[j] == 0) continue;
        squares[j] += x[j] * x[j];
        found[count++] = (uint32_t)j;
    }
    for (uint32_t a = 0; in->products && a < count; a++) {
        double xa = x[found[a]], *row = in->products + (q * n + found[a]) * n;
        for (uint32_t b = a; b < count; b++) row[found[b]] += xa * x[found[b]];
    }
}

/* Column j reads operand a at base + step[j], by axis. */
static void gather(const wfc_weight_matrix *m, const wfc_tensor *a, const int64_t *base, const int64_t *step,
                   double *x) {
    for (uint64_t j = 0; j < m->column.extent; j++, step += a->rank) {
        int64_t at = 0;
        bool inside = true;
        for (unsigned d = 0; d < a->rank; d++) {
            int64_t c = base[d] + step[d];
            inside &= c >= 0 && c < a->dims[d];
            at = at * a->dims[d] + c;
        }
        x[j] = inside ? wfc_dtype_get((wfc_dtype)a->dtype, a->data, (size_t)at) : 0;
    }
}

static void coordinates(const wfc_space *s, unsigned rank, const uint32_t *index, bool offset, int64_t *out) {
    for (unsigned d = 0; d < rank; d++) {
        out[d] = offset ? s->a[d].offset : 0;
        for (unsigned v = 0; v < s->index_count; v++) out[d] += (int64_t)s->a[d].coef[v] * index[v];
    }
}

static wfc_status add_sample(calibration *c, wfc_layer_inputs *in, const wfc_space *s, const wfc_tensor *a) {
    const wfc_weight_matrix *m = &in->matrix;
    int64_t base[WFC_IR_MAX_RANK] = {0};
    uint32_t index[WFC_IR_MAX_INDEX] = {0};
    int64_t *step = wfc_calloc((size_t)m->column.extent * (a->rank ? a->rank : 1u), sizeof *step);
    if (!step) return WFC_ERR_NO_MEMORY;
    for (uint64_t j = 0; j < m->column.extent; j++) {
        wfc_index_set(&m->column, s, j, index);
        coordinates(s, a->rank, index, false, step + j * a->rank);
    }
    memset(index, 0, sizeof index);
    for (uint64_t at = 0; at < m->position.extent; at++) {
        wfc_index_set(&m->position, s, at, index);
        for (uint64_t q = 0; q < m->group.extent; q++) {
            wfc_index_set(&m->group, s, q, index);
            coordinates(s, a->rank, index, true, base);
            gather(m, a, base, step, c->x);
            add_vector(in, q, c->x, c->found);
        }
    }
    in->vectors += m->position.extent;
    wfc_free(step);
    return WFC_OK;
}

static wfc_status watch(void *ctx, wfc_value v, const wfc_tensor *const *in) {
    calibration *c = ctx;
    for (size_t k = 0; k < c->p->count; k++) {
        wfc_prune_layer *l = &c->p->layers[k];
        if (l->ignored || !wfc_weight_read_by(c->p->g, l->weight, v)) continue;
        return add_sample(c, &c->inputs[k], &wfc_ir_node_c(c->p->g, v)->u.contract, in[0]);
    }
    return WFC_OK;
}

/* ---- Layers ---- */

/* All readers of a weight must see it in the same way, else sums of theirs would mean nothing. */
static wfc_status check_readers(wfc_pruning *p, const wfc_prune_layer *l, const wfc_weight_matrix *m, bool inner) {
    for (uint32_t i = l->contract.i + 1; i < p->g->nodes.count; i++) {
        wfc_weight_matrix other;
        if (!wfc_weight_read_by(p->g, l->weight, (wfc_value){i})) continue;
        WFC_TRY(wfc_weight_matrix_init(&other, p, l, (wfc_value){i}, inner));
        bool same = other.column.extent == m->column.extent && other.group.extent == m->group.extent &&
                    memcmp(other.element, m->element, (size_t)l->elems * sizeof *m->element) == 0;
        wfc_weight_matrix_deinit(&other);
        if (!same)
            return wfc_fail(p->diag, WFC_ERR_UNSUPPORTED, "WFC-E0287", l->where,
                            "its weight is read by another layer in another way, so that its inputs are not those "
                            "layer's; use a criterion without samples, or ignore the layer");
    }
    return WFC_OK;
}

static wfc_status prepare(calibration *c, bool products, bool inner) {
    uint64_t widest = 1;
    for (size_t k = 0; k < c->p->count; k++) {
        const wfc_prune_layer *l = &c->p->layers[k];
        wfc_layer_inputs *in = &c->inputs[k];
        size_t size;
        if (l->ignored) continue;
        WFC_TRY(wfc_weight_matrix_init(&in->matrix, c->p, l, l->contract, inner));
        WFC_TRY(check_readers(c->p, l, &in->matrix, inner));
        size_t n = (size_t)in->matrix.column.extent, groups = (size_t)in->matrix.group.extent;
        if (n > widest) widest = n;
        in->squares = wfc_calloc(groups * n, sizeof *in->squares);
        if (!in->squares || !wfc_mul_size(groups * n, n, &size)) return WFC_ERR_NO_MEMORY;
        if (products) in->products = wfc_calloc(size, sizeof *in->products);
        if (products && !in->products) return WFC_ERR_NO_MEMORY;
    }
    c->x = wfc_calloc((size_t)widest, sizeof *c->x);
    c->found = wfc_calloc((size_t)widest, sizeof *c->found);
    return c->x && c->found ? WFC_OK : WFC_ERR_NO_MEMORY;
}

/* ---- Samples ---- */

/* How many samples the data hold: the same of every input. */
static wfc_status count_samples(const wfc_pruning *p, uint32_t *out) {
    uint32_t k = 0;
    *out = 0;
    for (size_t i = 0; i < p->g->nodes.count; i++) {
        const wfc_node *n = &p->g->nodes.data[i];
        if (n->op != WFC_CORE_INPUT) continue;
        if (k == p->data->input_count)
            return wfc_fail(p->diag, WFC_ERR_INPUT, "WFC-E0286", n->u.input.host_name,
                            "there are no samples of this input");
        const wfc_tensor *t = &p->data->inputs[k++];
        bool fits =
            t->rank == n->shape.rank && t->rank > 0 && n->shape.dims[0] > 0 && t->dims[0] % n->shape.dims[0] == 0;
        for (unsigned d = 1; fits && d < t->rank; d++) fits = t->dims[d] == n->shape.dims[d];
        uint32_t samples = fits ? t->dims[0] / n->shape.dims[0] : 0;
        if (samples == 0 || (*out && samples != *out))
            return wfc_fail(p->diag, WFC_ERR_INPUT, "WFC-E0286", n->u.input.host_name,
                            "the samples of this input do not fit: expected its shape with a multiple of its leading "
                            "extent, as many as of the other inputs");
        *out = samples;
    }
    if (*out == 0)
        return wfc_fail(p->diag, WFC_ERR_INPUT, "WFC-E0286", "", "the model has no inputs, so samples say nothing");
    return WFC_OK;
}

static wfc_status cut_sample(const wfc_node *n, const wfc_tensor *all, uint32_t sample, wfc_tensor *out) {
    if (wfc_tensor_init(out, (wfc_dtype)n->dtype, n->shape.rank, n->shape.dims) != WFC_OK) return WFC_ERR_NO_MEMORY;
    uint64_t elems = wfc_tensor_elems(out);
    for (uint64_t i = 0; i < elems; i++)
        wfc_dtype_set((wfc_dtype)n->dtype, out->data, (size_t)i,
                      wfc_dtype_get((wfc_dtype)all->dtype, all->data, (size_t)(sample * elems + i)));
    return WFC_OK;
}

static wfc_status run_sample(calibration *c, uint32_t sample, wfc_tensor *inputs, wfc_tensor *outputs) {
    const wfc_graph *g = c->p->g;
    wfc_status s = WFC_OK;
    uint32_t k = 0;
    for (size_t i = 0; i < g->nodes.count && s == WFC_OK; i++)
        if (g->nodes.data[i].op == WFC_CORE_INPUT) {
            s = cut_sample(&g->nodes.data[i], &c->p->data->inputs[k], sample, &inputs[k]);
            k++;
        }
    if (s == WFC_OK) s = wfc_ir_eval_watched(g, inputs, k, watch, c, c->p->diag, outputs);
    for (size_t i = 0; s == WFC_OK && i < g->outputs.count; i++) wfc_tensor_deinit(&outputs[i]);
    for (uint32_t i = 0; i < c->p->data->input_count; i++) wfc_tensor_deinit(&inputs[i]);
    return s;
}

wfc_status wfc_prune_calibrate(wfc_pruning *p, bool products, bool channels_inner, wfc_layer_inputs *out) {
    calibration c = {.p = p, .inputs = out};
    uint32_t samples;
    WFC_TRY(count_samples(p, &samples));
    wfc_tensor *inputs = wfc_calloc(p->data->input_count, sizeof *inputs);
    wfc_tensor *outputs = wfc_calloc(p->g->outputs.count, sizeof *outputs);
    wfc_status s = inputs && outputs ? prepare(&c, products, channels_inner) : WFC_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < samples && s == WFC_OK; i++) s = run_sample(&c, i, inputs, outputs);
    wfc_free(inputs);
    wfc_free(outputs);
    wfc_free(c.x);
    wfc_free(c.found);
    return s;
}

/* ---- Wanda: Sun et al., "A simple and effective pruning approach for large language models" (2023) ---- */

static wfc_status wanda_layer(wfc_pruning *p, wfc_prune_layer *l, const wfc_layer_inputs *in) {
    const wfc_weight_matrix *m = &in->matrix;
    uint64_t n = m->column.extent, at = 0;
    WFC_TRY(wfc_prune_make_scores(p, l));
    for (uint64_t q = 0; q < m->group.extent; q++)
        for (uint64_t r = 0; r < m->row.extent; r++)
            for (uint64_t j = 0; j < n; j++) {
                uint64_t e = m->element[at++];
                l->scores[e] = fabs(wfc_prune_value(l, e)) * sqrt(in->squares[q * n + j]);
            }
    return WFC_OK;
}

wfc_status wfc_prune_score_wanda(wfc_pruning *p) {
    wfc_layer_inputs *in = wfc_calloc(p->count, sizeof *in);
    wfc_status s = in ? wfc_prune_calibrate(p, false, false, in) : WFC_ERR_NO_MEMORY;
    for (size_t k = 0; k < p->count && s == WFC_OK; k++)
        if (!p->layers[k].ignored) s = wanda_layer(p, &p->layers[k], &in[k]);
    for (size_t k = 0; in && k < p->count; k++) wfc_layer_inputs_deinit(&in[k]);
    wfc_free(in);
    return s;
}
