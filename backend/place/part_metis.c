/* METIS behind a fence. Traps known and what is done about each:
 *   nparts 1 answers part 1 or crashes            never asked for fewer than 3 vertices, always nparts 2
 *   zero weights put all into one part            weights are clamped to at least 1
 *   sums beyond 2^31 give nonsense with METIS_OK  weights are scaled to sums below 10^6
 *   wide ratios of edge weights have crashed      the scale leaves 1 .. 10^5, zero edges are dropped
 *   a vertex heavier than the rest: empty part    not asked, the giant gets its own side
 *   asymmetric adjacency, repeats, self loops     the compressed graph is built here, merged and symmetric
 *   empty parts, wrong part numbers, METIS_OK     every answer is checked, the cut recomputed
 *   seeds libc's rand                             nothing of ours uses it
 * METIS_PartGraphRecursive only: the k-way one returns empty parts for small graphs. */
#include "backend/place/part_metis.h"

#include <math.h>
#include <metis.h>
#include <string.h>

_Static_assert(sizeof(idx_t) == sizeof(int32_t), "METIS with 32-bit indices");

static const double VERTEX_SUM = 1e6, EDGE_SUM = 1e5;

const char *wfc_be_metis_verdict_name(wfc_be_metis_verdict v) {
    static const char *const names[] = {
        "used", "not asked", "METIS returned an error", "part number out of range", "empty part", "wrong cut"};
    return (unsigned)v < sizeof names / sizeof names[0] ? names[v] : "?";
}

/* Compressed sparse rows of the undirected, merged graph. */
typedef struct csr {
    uint32_t n, entries;
    int32_t *xadj, *adjncy, *adjwgt, *vwgt;
} csr;

static void csr_free(csr *c) {
    wfc_free(c->xadj);
    wfc_free(c->adjncy);
    wfc_free(c->adjwgt);
    wfc_free(c->vwgt);
}

static double sum_of_edges(const wfc_be_part_graph *g) {
    double sum = 0;
    for (uint32_t k = 0; k < g->edge_count; k++) sum += g->edges[k].words;
    return sum;
}

static int32_t scaled(double v, double sum, double to) {
    double s = sum > 0 ? v / sum * to : 0;
    return s < 1 ? 1 : (int32_t)(s + 0.5);
}

/* Words between every two vertices, both ways: n is the number of layers, a few hundred at most. */
static double *dense_words(const wfc_be_part_graph *g) {
    size_t cells;
    double *words = wfc_mul_size(g->vertex_count, g->vertex_count, &cells) ? wfc_calloc(cells, sizeof *words) : NULL;
    if (!words) return NULL;
    for (uint32_t k = 0; k < g->edge_count; k++) {
        const wfc_be_part_edge *e = &g->edges[k];
        if (e->from == e->to) continue;
        words[(size_t)e->from * g->vertex_count + e->to] += e->words;
        words[(size_t)e->to * g->vertex_count + e->from] += e->words;
    }
    return words;
}

static wfc_status csr_build(const wfc_be_part_graph *g, csr *c) {
    uint32_t n = g->vertex_count;
    double *words = dense_words(g), total = 0, edge_sum = sum_of_edges(g);
    if (!words) return WFC_ERR_NO_MEMORY;
    for (size_t k = 0; k < (size_t)n * n; k++) c->entries += words[k] > 0;
    c->n = n;
    c->xadj = wfc_calloc((size_t)n + 1, sizeof *c->xadj);
    c->vwgt = wfc_calloc(n, sizeof *c->vwgt);
    c->adjncy = wfc_calloc(c->entries, sizeof *c->adjncy);
    c->adjwgt = wfc_calloc(c->entries, sizeof *c->adjwgt);
    if (!c->xadj || !c->vwgt || !c->adjncy || !c->adjwgt) {
        wfc_free(words);
        return WFC_ERR_NO_MEMORY;
    }
    for (uint32_t v = 0; v < n; v++) total += g->pes[v];
    int32_t at = 0;
    for (uint32_t v = 0; v < n; v++) {
        c->vwgt[v] = scaled(g->pes[v], total, VERTEX_SUM);
        for (uint32_t u = 0; u < n; u++) {
            double w = words[(size_t)v * n + u];
            if (!(w > 0)) continue;
            c->adjncy[at] = (int32_t)u;
            c->adjwgt[at++] = scaled(w, edge_sum, EDGE_SUM);
        }
        c->xadj[v + 1] = at;
    }
    wfc_free(words);
    return WFC_OK;
}

wfc_be_metis_verdict wfc_be_metis_check(uint32_t n, const int32_t *xadj, const int32_t *adjncy, const int32_t *adjwgt,
                                        const int32_t *part, int64_t reported_cut) {
    uint32_t ones = 0;
    for (uint32_t v = 0; v < n; v++) {
        if (part[v] != 0 && part[v] != 1) return WFC_BE_METIS_OUT_OF_RANGE;
        ones += part[v] == 1;
    }
    if (ones == 0 || ones == n) return WFC_BE_METIS_EMPTY;
    int64_t cut = 0;
    for (uint32_t v = 0; v < n; v++) {
        for (int32_t k = xadj[v]; k < xadj[v + 1]; k++) cut += part[v] != part[adjncy[k]] ? adjwgt[k] : 0;
    }
    return reported_cut >= 0 && cut != 2 * reported_cut ? WFC_BE_METIS_WRONG_CUT : WFC_BE_METIS_OK;
}

static wfc_be_metis_verdict ask_metis(csr *c, uint64_t seed, int32_t *part) {
    idx_t options[METIS_NOPTIONS], n = (idx_t)c->n, constraints = 1, parts = 2, cut = -1;
    real_t fractions[2] = {0.5f, 0.5f};
    METIS_SetDefaultOptions(options);
    options[METIS_OPTION_SEED] = (idx_t)(seed % 1000000007u);
    options[METIS_OPTION_UFACTOR] = 100; /* a side may weigh 1.1 times its share */
    options[METIS_OPTION_NUMBERING] = 0;
    int rc = METIS_PartGraphRecursive(&n, &constraints, c->xadj, c->adjncy, c->vwgt, NULL, c->adjwgt, &parts, fractions,
                                      NULL, options, &cut, part);
    if (rc != METIS_OK) return WFC_BE_METIS_FAILED;
    return wfc_be_metis_check(c->n, c->xadj, c->adjncy, c->adjwgt, part, cut);
}

static bool worth_asking(const wfc_be_part_graph *g, const csr *c) {
    if (g->vertex_count < 3 || c->entries == 0) return false;
    double total = 0, heaviest = 0;
    for (uint32_t v = 0; v < g->vertex_count; v++) {
        total += g->pes[v];
        if (g->pes[v] > heaviest) heaviest = g->pes[v];
    }
    return heaviest <= total - heaviest;
}

wfc_status wfc_be_metis_bisect(const wfc_be_part_graph *g, uint64_t seed, uint8_t *part,
                               wfc_be_metis_verdict *out_verdict) {
    *out_verdict = WFC_BE_METIS_NOT_ASKED;
    if (g->vertex_count < 3) return WFC_OK;
    csr c = {0};
    wfc_status s = csr_build(g, &c);
    int32_t *answer = s == WFC_OK ? wfc_calloc(g->vertex_count, sizeof *answer) : NULL;
    if (s == WFC_OK && !answer) s = WFC_ERR_NO_MEMORY;
    if (s == WFC_OK && worth_asking(g, &c)) {
        for (uint32_t v = 0; v < g->vertex_count; v++) answer[v] = -1; /* not what an untouched answer may pass for */
        *out_verdict = ask_metis(&c, seed, answer);
        for (uint32_t v = 0; v < g->vertex_count; v++) part[v] = (uint8_t)(answer[v] == 1);
    }
    wfc_free(answer);
    csr_free(&c);
    return s;
}
