/* SparseGPT: Frantar and Alistarh, "SparseGPT: massive language models can be accurately pruned in one-shot" (2023).
 *
 * A layer's rows w are pruned so that w x changes least over the inputs x. With H = 2 X X' / n + damping, going through
 * the columns in order, weight j of a row costs (w_j / U_jj)^2, where U is the upper triangle of H^-1 = U' U; when it
 * goes, the columns behind it take over its share: w_t -= w_j U_jt / U_jj, t > j. Which go is decided for 128 columns
 * at a time (of all rows), or for each M of N:M, with the weights as corrected so far.
 *
 * U without inverting: H = R R' with R upper triangular (Cholesky from the last column to the first), and U = R^-1.
 * Example, H = {2 1; 1 2}: R = {1.2247 .7071; 0 1.4142}, U = {.8165 -.4082; 0 .7071}. */
#include "passes/prune/calibrate.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 128 };
static const double damping = .01; /* of the mean of the diagonal */

typedef struct solver {
    wfc_pruning *p;
    wfc_prune_layer *l;
    const wfc_weight_matrix *m;
    uint64_t rows, columns;
    double *h;     /* [columns][columns], then U in its upper triangle */
    double *w;     /* [rows][columns] of one group */
    uint8_t *gone; /* [rows][columns]: 1 chosen; 2 zero from the start */
    struct ranked *room;
} solver;

struct ranked {
    double cost;
    uint64_t at;
};

static int by_cost(const void *a, const void *b) {
    const struct ranked *x = a, *y = b;
    if (x->cost != y->cost) return x->cost < y->cost ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* h = R R', in place in the upper triangle; false when it is not positive definite (data that are not finite). */
static bool factor(double *h, uint64_t n) {
    for (uint64_t j = n; j-- > 0;) {
        double *rj = h + j * n, sum = rj[j];
        for (uint64_t k = j + 1; k < n; k++) sum -= rj[k] * rj[k];
        if (!(sum > 0) || !isfinite(sum)) return false;
        rj[j] = sqrt(sum);
        for (uint64_t i = 0; i < j; i++) {
            double *ri = h + i * n, s = ri[j];
            for (uint64_t k = j + 1; k < n; k++) s -= ri[k] * rj[k];
            ri[j] = s / rj[j];
        }
    }
    return true;
}

/* R becomes U = R^-1: row i from the rows below it. `row` has room for n. */
static void invert(double *r, uint64_t n, double *row) {
    for (uint64_t i = n; i-- > 0;) {
        double *ui = r + i * n, d = 1 / ui[i];
        memcpy(row, ui, (size_t)n * sizeof *row);
        memset(ui + i, 0, (size_t)(n - i) * sizeof *ui);
        for (uint64_t k = i + 1; k < n; k++) {
            const double *uk = r + k * n;
            double f = -row[k] * d;
            for (uint64_t j = k; f != 0 && j < n; j++) ui[j] += f * uk[j];
        }
        ui[i] = d;
    }
}

/* Scales, damps and turns the sums of products into U. Inputs that are always 0 get 1 on the diagonal. */
static wfc_status make_u(solver *s, uint64_t vectors, uint64_t group) {
    uint64_t n = s->columns;
    double mean = 0;
    for (uint64_t i = 0; i < n; i++)
        for (uint64_t j = i; j < n; j++) s->h[i * n + j] *= 2 / (double)vectors;
    for (uint64_t i = 0; i < n; i++) {
        double *d = &s->h[i * n + i];
        for (uint64_t r = 0; *d == 0 && r < s->rows; r++) {
            s->w[r * n + i] = 0;
            s->gone[r * n + i] = 2;
        }
        if (*d == 0) *d = 1;
        mean += *d / (double)n;
    }
    for (uint64_t i = 0; i < n; i++) s->h[i * n + i] += damping * mean;
    double *row = wfc_calloc((size_t)n, sizeof *row);
    if (!row) return WFC_ERR_NO_MEMORY;
    bool fine = factor(s->h, n);
    if (fine) invert(s->h, n, row);
    wfc_free(row);
    if (fine) return WFC_OK;
    return wfc_fail(s->p->diag, WFC_ERR_INPUT, "WFC-E0286", s->l->where,
                    "the inputs of this layer over the samples (group %llu) are not finite", (unsigned long long)group);
}

/* Of columns from .. from + width of rows first .. first + rows, `goes` weights go. */
static void choose(solver *s, uint64_t first, uint64_t rows, uint64_t from, uint64_t width, uint64_t goes) {
    uint64_t n = s->columns, count = 0;
    for (uint64_t r = first; r < first + rows; r++)
        for (uint64_t j = from; j < from + width; j++) {
            double e = s->w[r * n + j] / s->h[j * n + j];
            s->room[count++] = (struct ranked){s->gone[r * n + j] ? -1 : e * e, r * n + j};
        }
    qsort(s->room, (size_t)count, sizeof *s->room, by_cost);
    for (uint64_t i = 0; i < goes; i++) s->gone[s->room[i].at] |= 1;
}

/* Removes what is chosen among these columns; those behind take it over. */
static void remove_chosen(solver *s, uint64_t from, uint64_t width) {
    uint64_t n = s->columns;
    for (uint64_t r = 0; r < s->rows; r++)
        for (uint64_t j = from; j < from + width; j++) {
            double *w = s->w + r * n;
            if (!s->gone[r * n + j]) continue;
            double error = w[j] / s->h[j * n + j];
            const double *u = s->h + j * n;
            for (uint64_t t = j + 1; error != 0 && t < n; t++) w[t] -= error * u[t];
            w[j] = 0;
        }
}

static void solve_columns(solver *s) {
    const wfc_prune_spec *spec = s->p->spec;
    uint64_t line = spec->of ? s->m->segment : s->columns, step = spec->of ? spec->of : BLOCK;
    for (uint64_t start = 0; start < s->columns; start += line)
        for (uint64_t c = 0; c < line; c += step) {
            uint64_t width = line - c < step ? line - c : step;
            if (spec->of)
                for (uint64_t r = 0; r < s->rows; r++)
                    choose(s, r, 1, start + c, width, width > spec->keep ? width - spec->keep : 0);
            else
                choose(s, 0, s->rows, c, width, wfc_prune_count(s->l->sparsity, s->rows * width));
            remove_chosen(s, start + c, width);
        }
}

static wfc_status solve_group(solver *s, const wfc_layer_inputs *in, uint64_t q) {
    uint64_t each = s->rows * s->columns;
    const uint32_t *element = s->m->element + q * each;
    s->h = in->products + q * s->columns * s->columns;
    for (uint64_t i = 0; i < each; i++) {
        s->w[i] = wfc_prune_value(s->l, element[i]);
        s->gone[i] = s->w[i] == 0 ? 2 : 0;
    }
    WFC_TRY(make_u(s, in->vectors, q));
    solve_columns(s);
    for (uint64_t i = 0; i < each; i++) {
        wfc_dtype_set(s->l->dtype, s->l->bytes, element[i], s->w[i]);
        if (wfc_prune_value(s->l, element[i]) == 0) wfc_prune_drop(s->l, element[i]);
    }
    return WFC_OK;
}

static wfc_status solve_layer(wfc_pruning *p, wfc_prune_layer *l, const wfc_layer_inputs *in) {
    solver s = {.p = p, .l = l, .m = &in->matrix, .rows = in->matrix.row.extent, .columns = in->matrix.column.extent};
    size_t each = (size_t)(s.rows * s.columns);
    s.w = wfc_calloc(each, sizeof *s.w);
    s.gone = wfc_calloc(each, 1);
    s.room = wfc_calloc(each, sizeof *s.room);
    wfc_status status = s.w && s.gone && s.room ? WFC_OK : WFC_ERR_NO_MEMORY;
    for (uint64_t q = 0; q < s.m->group.extent && status == WFC_OK; q++) status = solve_group(&s, in, q);
    wfc_free(s.w);
    wfc_free(s.gone);
    wfc_free(s.room);
    return status;
}

wfc_status wfc_prune_solve_sparsegpt(wfc_pruning *p) {
    wfc_layer_inputs *in = wfc_calloc(p->count, sizeof *in);
    wfc_status s = in ? wfc_prune_calibrate(p, true, p->spec->of != 0, in) : WFC_ERR_NO_MEMORY;
    for (size_t k = 0; k < p->count && s == WFC_OK; k++) {
        if (!p->layers[k].ignored) s = solve_layer(p, &p->layers[k], &in[k]);
        wfc_layer_inputs_deinit(&in[k]);
    }
    for (size_t k = 0; in && k < p->count; k++) wfc_layer_inputs_deinit(&in[k]);
    wfc_free(in);
    return s;
}
