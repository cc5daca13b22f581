/* The recursion over bisections, and the two that do not need METIS.
 *
 *   chain a(10) b(30) c(30) d(10)  ->  ((a b) (c d))
 */
#include "backend/place/part_metis.h"

#include <math.h>
#include <string.h>

static const double SLACK = 1.1; /* of half the weight; METIS gets the same */

typedef struct score {
    double excess, cut, heavier;
} score;

/* Heaviest single vertex and total give the least that the heavier side can weigh, roughly: a side above both that and
 * the slack is in excess. */
static score score_of(const wfc_be_part_graph *g, const uint8_t *part) {
    double side[2] = {0, 0}, heaviest = 0, cut = 0;
    for (uint32_t v = 0; v < g->vertex_count; v++) {
        side[part[v]] += g->pes[v];
        if (g->pes[v] > heaviest) heaviest = g->pes[v];
    }
    for (uint32_t k = 0; k < g->edge_count; k++) {
        if (part[g->edges[k].from] != part[g->edges[k].to]) cut += g->edges[k].words;
    }
    double allowed = fmax((side[0] + side[1]) / 2 * SLACK, heaviest), heavier = fmax(side[0], side[1]);
    return (score){.excess = fmax(0, heavier - allowed), .cut = cut, .heavier = heavier};
}

static int compare(double x, double y) {
    double tolerance = 1e-9 * fmax(fabs(x), fabs(y));
    return x < y - tolerance ? -1 : x > y + tolerance;
}

static int compare_scores(const score *x, const score *y) {
    int c = compare(x->excess, y->excess);
    if (c == 0) c = compare(x->cut, y->cut);
    return c ? c : compare(x->heavier, y->heavier);
}

int wfc_be_bisect_compare(const wfc_be_part_graph *g, const uint8_t *x, const uint8_t *y) {
    score sx = score_of(g, x), sy = score_of(g, y);
    return compare_scores(&sx, &sy);
}

/* Vertex 0 stays in part 0: mirror images are one. The first best in mask order wins. */
void wfc_be_exact_bisect(const wfc_be_part_graph *g, uint8_t *part) {
    uint32_t n = g->vertex_count, best = 0;
    score best_score = {0};
    uint8_t trial[WFC_BE_EXACT_VERTICES] = {0};
    for (uint32_t mask = 1; mask < 1u << (n - 1); mask++) {
        for (uint32_t v = 1; v < n; v++) trial[v] = mask >> (v - 1) & 1;
        score s = score_of(g, trial);
        if (best && compare_scores(&s, &best_score) >= 0) continue;
        best = mask;
        best_score = s;
    }
    part[0] = 0;
    for (uint32_t v = 1; v < n; v++) part[v] = best >> (v - 1) & 1;
}

void wfc_be_prefix_bisect(const wfc_be_part_graph *g, uint8_t *part) {
    uint32_t n = g->vertex_count, best = 0;
    score best_score = {0};
    for (uint32_t v = 0; v < n; v++) part[v] = 1;
    for (uint32_t k = 1; k < n; k++) {
        part[k - 1] = 0;
        score s = score_of(g, part);
        if (best && compare_scores(&s, &best_score) >= 0) continue;
        best = k;
        best_score = s;
    }
    for (uint32_t v = 0; v < n; v++) part[v] = v >= best;
}

/* ---- recursion ---- */

typedef struct builder {
    const wfc_be_part_graph *g;
    uint64_t seed;
    wfc_be_slice *out;
} builder;

/* The subgraph of `members` (ascending), vertices renumbered. Its arrays are allocated. */
static wfc_status subgraph(const wfc_be_part_graph *g, const uint32_t *members, uint32_t n, wfc_be_part_graph *sub) {
    uint32_t *number = wfc_calloc(g->vertex_count, sizeof *number);
    double *pes = wfc_calloc(n, sizeof *pes);
    wfc_be_part_edge *edges = wfc_calloc(g->edge_count, sizeof *edges);
    if (!number || !pes || !edges) {
        wfc_free(number);
        wfc_free(pes);
        wfc_free(edges);
        return WFC_ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < n; i++) {
        number[members[i]] = i + 1;
        pes[i] = g->pes[members[i]];
    }
    uint32_t count = 0;
    for (uint32_t k = 0; k < g->edge_count; k++) {
        uint32_t from = number[g->edges[k].from], to = number[g->edges[k].to];
        if (from && to && from != to) edges[count++] = (wfc_be_part_edge){from - 1, to - 1, g->edges[k].words};
    }
    wfc_free(number);
    *sub = (wfc_be_part_graph){.vertex_count = n, .pes = pes, .edges = edges, .edge_count = count};
    return WFC_OK;
}

/* A subgraph owns what the type says is borrowed. */
static void subgraph_free(wfc_be_part_graph *sub) {
    wfc_free((void *)(uintptr_t)sub->pes);
    wfc_free((void *)(uintptr_t)sub->edges);
}

/* METIS where its answer holds, the optimum where that is better or METIS has none, else the best run. */
static wfc_status bisect(builder *b, const wfc_be_part_graph *sub, uint8_t *part) {
    uint32_t n = sub->vertex_count;
    wfc_be_metis_verdict verdict;
    WFC_TRY(wfc_be_metis_bisect(sub, b->seed, part, &verdict));
    bool usable = verdict == WFC_BE_METIS_OK;
    if (!usable && verdict != WFC_BE_METIS_NOT_ASKED) {
        b->out->refused++;
        b->out->last_refusal = verdict;
    }
    if (n <= WFC_BE_EXACT_VERTICES) {
        uint8_t best[WFC_BE_EXACT_VERTICES];
        wfc_be_exact_bisect(sub, best);
        if (usable && wfc_be_bisect_compare(sub, part, best) <= 0) {
            b->out->from_metis++;
            return WFC_OK;
        }
        b->out->beaten += usable;
        if (n < 3)
            b->out->trivial++;
        else
            b->out->from_exact++;
        memcpy(part, best, n);
    } else if (usable) {
        b->out->from_metis++;
    } else {
        b->out->from_prefix++;
        wfc_be_prefix_bisect(sub, part);
    }
    return WFC_OK;
}

static uint32_t add_node(wfc_be_slice *s, wfc_be_slice_node node) {
    s->nodes[s->node_count] = node;
    return s->node_count++;
}

static wfc_status slice(builder *b, const uint32_t *members, uint32_t n, uint32_t *out_node);

/* The side that holds the first vertex is the left one. */
static wfc_status slice_sides(builder *b, const wfc_be_part_graph *sub, const uint8_t *part, const uint32_t *members,
                              uint32_t *sides, uint32_t *out_node) {
    uint32_t n = sub->vertex_count, left = 0, at = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (part[i] == part[0]) sides[left++] = members[i];
    }
    for (uint32_t i = 0; i < n; i++) {
        if (part[i] != part[0]) sides[left + at++] = members[i];
    }
    wfc_be_slice_node node = {.cut_words = score_of(sub, part).cut};
    WFC_TRY(slice(b, sides, left, &node.left));
    WFC_TRY(slice(b, sides + left, n - left, &node.right));
    node.pes = b->out->nodes[node.left].pes + b->out->nodes[node.right].pes;
    *out_node = add_node(b->out, node);
    return WFC_OK;
}

/* Depth is at most the number of layers. */
static wfc_status slice(builder *b, const uint32_t *members, uint32_t n, uint32_t *out_node) {
    if (n == 1) {
        wfc_be_slice_node leaf = {.is_leaf = true, .vertex = members[0], .pes = b->g->pes[members[0]]};
        *out_node = add_node(b->out, leaf);
        return WFC_OK;
    }
    wfc_be_part_graph sub;
    WFC_TRY(subgraph(b->g, members, n, &sub));
    uint8_t *part = wfc_calloc(n, 1);
    uint32_t *sides = wfc_calloc(n, sizeof *sides);
    wfc_status s = part && sides ? bisect(b, &sub, part) : WFC_ERR_NO_MEMORY;
    if (s == WFC_OK) s = slice_sides(b, &sub, part, members, sides, out_node);
    wfc_free(part);
    wfc_free(sides);
    subgraph_free(&sub);
    return s;
}

static wfc_status check_graph(const wfc_be_part_graph *g, wfc_diag *diag) {
    bool ok = g->vertex_count > 0 && g->vertex_count <= WFC_BE_MAX_VERTICES;
    double total = 0;
    for (uint32_t v = 0; ok && v < g->vertex_count; v++) {
        ok = g->pes[v] >= 0;
        total += g->pes[v];
    }
    for (uint32_t k = 0; ok && k < g->edge_count; k++) {
        const wfc_be_part_edge *e = &g->edges[k];
        ok = e->from < g->vertex_count && e->to < g->vertex_count && e->words >= 0;
        total += e->words;
    }
    if (ok && isfinite(total)) return WFC_OK;
    return wfc_fail(
        diag, WFC_ERR_INTERNAL, "WFC-E0720", NULL,
        "the layer graph to be placed has %u layers (1 to %d can be) and %u edges; all ends must exist, all "
        "weights be finite and not negative",
        g->vertex_count, (int)WFC_BE_MAX_VERTICES, g->edge_count);
}

void wfc_be_slice_announce(const wfc_be_slice *s, wfc_diag *diag) {
    uint32_t own = s->from_exact + s->from_prefix;
    if (own == 0) return;
    wfc_diag_add(
        diag, WFC_NOTE, "WFC-N0721", NULL,
        "placement: %u of %u bisections of the layer graph are not METIS's: in %u its cut was not the best, in "
        "%u its answer was unusable%s%s, the others it is not asked (no edges, or one layer outweighs the "
        "rest); %u are exact optima, %u best cuts of the layer order",
        own, own + s->from_metis, s->beaten, s->refused, s->refused ? ": " : "",
        s->refused ? wfc_be_metis_verdict_name(s->last_refusal) : "", s->from_exact, s->from_prefix);
}

wfc_status wfc_be_partition(const wfc_be_part_graph *g, uint64_t seed, wfc_diag *diag, wfc_be_slice *out) {
    memset(out, 0, sizeof *out);
    WFC_TRY(check_graph(g, diag));
    builder b = {.g = g, .seed = seed, .out = out};
    out->nodes = wfc_calloc(2 * (size_t)g->vertex_count, sizeof *out->nodes);
    uint32_t *members = wfc_calloc(g->vertex_count, sizeof *members), root;
    wfc_status s = out->nodes && members ? WFC_OK : WFC_ERR_NO_MEMORY;
    for (uint32_t v = 0; s == WFC_OK && v < g->vertex_count; v++) members[v] = v;
    if (s == WFC_OK) s = slice(&b, members, g->vertex_count, &root);
    wfc_free(members);
    if (s != WFC_OK) {
        wfc_be_slice_deinit(out);
        return s == WFC_ERR_NO_MEMORY ? wfc_fail_memory(diag) : s;
    }
    wfc_be_slice_announce(out, diag);
    return WFC_OK;
}

void wfc_be_slice_deinit(wfc_be_slice *s) {
    wfc_free(s->nodes);
    memset(s, 0, sizeof *s);
}
