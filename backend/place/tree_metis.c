/* Trees from recursive bisection of the layer graph. The bisections say who lies near whom; whether a cut stands or
 * lies, and where, is left to the shape curves. Several trees (seeds, and how much words count against balance) are
 * tried and the cheapest is kept, by time and score, never by cut. */
#include <math.h>
#include <string.h>

#include "backend/place/part_metis.h"
#include "backend/place/tree_parts.h"

enum { MOST_TREES = 12, SMALL_GRAPH = 128, MIDDLE_GRAPH = 512 };

/* ---- weights ---- */

/* The fewest PEs a layer can have at `cycles`; INFINITY if it cannot. */
static double least_pes(const wfc_be_tree_problem *p, uint32_t layer, double cycles) {
    double least = INFINITY;
    for (uint32_t k = 0; k < p->layers[layer].shape_count; k++) {
        const wfc_be_shape *s = &p->layers[layer].shapes[k];
        if (s->cycles <= cycles && s->rows <= p->height && s->cols <= p->width)
            least = fmin(least, (double)s->rows * s->cols);
    }
    return least;
}

/* pes[]: at the least time for which all layers' PEs are no more than there are; else at the slowest. Returns it. */
static double weigh(const wfc_be_tree_search *s, double *pes) {
    uint32_t lo = 0, hi = s->times.count - 1;
    double have = (double)s->p->width * s->p->height;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        double sum = 0;
        for (uint32_t l = 0; l < s->p->layer_count; l++) sum += least_pes(s->p, l, s->times.data[mid]);
        if (sum <= have)
            hi = mid;
        else
            lo = mid + 1;
    }
    for (uint32_t l = 0; l < s->p->layer_count; l++) pes[l] = least_pes(s->p, l, s->times.data[lo]);
    return s->times.data[lo];
}

typedef struct bisector {
    double *pes;             /* [layer_count] */
    wfc_be_part_edge *edges; /* [edge_count] */
    double *words;           /* [edge_count] of `edges`: words, a tensor's shared out among its readers */
    wfc_be_part_graph graph;
    double cycles;
    wfc_be_slice winner;
    uint32_t trees, moves;
} bisector;

static bool inner(const wfc_be_tree_edge *e) {
    return !e->from_host && !e->to_host;
}

static void count_words(const wfc_be_tree_problem *p, bisector *b) {
    for (uint32_t i = 0; i < p->edge_count; i++) {
        const wfc_be_tree_edge *e = &p->edges[i];
        if (!inner(e)) continue;
        uint32_t readers = 0;
        for (uint32_t k = 0; k < p->edge_count; k++) {
            const wfc_be_tree_edge *o = &p->edges[k];
            readers += inner(o) && o->from == e->from && o->tensor == e->tensor;
        }
        b->edges[b->graph.edge_count] = (wfc_be_part_edge){.from = e->from, .to = e->to};
        b->words[b->graph.edge_count++] = e->words / readers;
    }
}

static wfc_status bisector_init(const wfc_be_tree_search *s, bisector *b) {
    const wfc_be_tree_problem *p = s->p;
    memset(b, 0, sizeof *b);
    b->pes = wfc_calloc(p->layer_count, sizeof *b->pes);
    b->edges = wfc_calloc(p->edge_count, sizeof *b->edges);
    b->words = wfc_calloc(p->edge_count, sizeof *b->words);
    if (!b->pes || !b->edges || !b->words) return WFC_ERR_NO_MEMORY;
    b->graph = (wfc_be_part_graph){.vertex_count = p->layer_count, .pes = b->pes, .edges = b->edges};
    b->cycles = weigh(s, b->pes);
    count_words(p, b);
    return WFC_OK;
}

static void bisector_free(bisector *b) {
    wfc_free(b->pes);
    wfc_free(b->edges);
    wfc_free(b->words);
    wfc_be_slice_deinit(&b->winner);
}

/* ---- tree ---- */

/* Numbers of the nodes stay; all inner nodes are V for now. */
static wfc_status tree_of(const wfc_be_slice *slice, uint32_t layers, wfc_be_tree *t) {
    WFC_TRY(wfc_be_tree_alloc(t, layers));
    for (uint32_t k = 0; k < slice->node_count; k++) {
        const wfc_be_slice_node *n = &slice->nodes[k];
        if (n->is_leaf)
            (void)wfc_be_tree_add_leaf(t, n->vertex);
        else
            (void)wfc_be_tree_add(t, WFC_BE_TREE_V, n->left, n->right);
    }
    return WFC_OK;
}

/* ---- wire ---- */

static void set_rows(wfc_be_tree *t) {
    for (uint32_t n = t->node_count; n-- > 0;) {
        const wfc_be_tree_node *k = &t->nodes[n];
        if (k->kind == WFC_BE_TREE_LEAF) continue;
        t->nodes[k->first].y = k->y;
        t->nodes[k->second].y = k->kind == WFC_BE_TREE_V ? k->y : k->y + t->nodes[k->first].h;
    }
}

/* Words x rows between the middles of both ends, twice. */
static double row_wire(const wfc_be_tree_problem *p, const wfc_be_tree *t) {
    double sum = 0;
    for (uint32_t e = 0; e < p->edge_count; e++) {
        const wfc_be_tree_node *a = &t->nodes[t->leaf[p->edges[e].from]], *b = &t->nodes[t->leaf[p->edges[e].to]];
        sum += p->edges[e].words * fabs((2.0 * a->y + a->h) - (2.0 * b->y + b->h));
    }
    return sum;
}

/* Which child of an H node lies above changes no width: whatever is nearer. */
static void flip_stacks(const wfc_be_tree_problem *p, wfc_be_tree *t) {
    double wire = row_wire(p, t);
    for (uint32_t n = t->node_count; n-- > 0;) {
        wfc_be_tree_node *k = &t->nodes[n];
        if (k->kind != WFC_BE_TREE_H) continue;
        for (int pass = 0; pass < 2; pass++) { /* the second takes the first back */
            uint32_t first = k->first;
            k->first = k->second;
            k->second = first;
            set_rows(t);
            double now = row_wire(p, t);
            if (now >= wire && pass == 0) continue;
            wire = now;
            break;
        }
    }
}

/* ---- one tree ---- */

/* Chooses between V and H: at the least time that fits, of [0, limit); there is one for `limit` itself when none does.
 */
static wfc_status choose_cuts(const wfc_be_tree_search *s, uint32_t limit, wfc_be_tree *t) {
    wfc_be_curve c;
    WFC_TRY(wfc_be_curve_init(&c, s->p, t, false));
    uint32_t time = wfc_be_curve_search(&c, &s->times, limit);
    double cycles = s->times.data[time < limit ? time : limit - 1];
    if (time < limit || wfc_be_curve_width(&c, cycles) < WFC_BE_TREE_TOO_WIDE) {
        wfc_be_curve_settle(&c, cycles);
        flip_stacks(s->p, t);
    }
    wfc_be_curve_deinit(&c);
    return WFC_OK;
}

static wfc_status build(wfc_be_tree_search *s, bisector *b, const wfc_be_slice *slice, uint32_t limit, wfc_be_tree *t) {
    WFC_TRY(tree_of(slice, s->p->layer_count, t));
    WFC_TRY(wfc_be_tree_turn_east(s->p, b->cycles, t));
    return choose_cuts(s, limit, t);
}

/* ---- the whole ---- */

/* Different trees even where the optimum of a small graph leaves seeds no say: the pull of an edge grows with its
 * words, with their root, or is the same for all. */
static wfc_status one_tree(wfc_be_tree_search *s, bisector *b, uint32_t k, wfc_be_tree *best, uint32_t *best_time) {
    static const double powers[] = {1, 0.5, 0};
    for (uint32_t e = 0; e < b->graph.edge_count; e++)
        b->edges[e].words = b->words[e] > 0 ? pow(b->words[e], powers[k % 3]) : 0;
    uint64_t state = s->seed + k / 3;
    wfc_be_slice slice;
    WFC_TRY(wfc_be_partition(&b->graph, k < 3 ? s->seed : wfc_rng_next(&state), NULL, &slice));
    uint32_t limit = wfc_be_tree_limit(s, best, *best_time), tried = s->tried;
    double score = best->score;
    uint32_t time = *best_time;
    wfc_be_tree t;
    wfc_status status = build(s, b, &slice, limit, &t);
    if (status == WFC_OK)
        status = wfc_be_tree_offer(s, &t, best, best_time);
    else
        wfc_be_tree_deinit(&t);
    b->trees += s->tried - tried;
    bool won = status == WFC_OK && (*best_time != time || (*best_time < s->times.count && best->score != score));
    if (won || !b->winner.nodes) {
        wfc_be_slice_deinit(&b->winner);
        b->winner = slice;
    } else {
        wfc_be_slice_deinit(&slice);
    }
    return status;
}

/* Local search from the bisections that did best (or first, when none fits). */
static wfc_status climb_from(wfc_be_tree_search *s, bisector *b, wfc_be_tree *t, uint32_t limit) {
    WFC_TRY(tree_of(&b->winner, s->p->layer_count, t));
    WFC_TRY(wfc_be_tree_turn_east(s->p, b->cycles, t));
    wfc_be_curve c;
    WFC_TRY(wfc_be_curve_init(&c, s->p, t, false));
    uint32_t time = wfc_be_curve_search(&c, &s->times, s->times.count);
    wfc_be_curve_deinit(&c);
    WFC_TRY(wfc_be_tree_climb(s, t, &time, &b->moves));
    return choose_cuts(s, limit, t);
}

static wfc_status climbed_tree(wfc_be_tree_search *s, bisector *b, wfc_be_tree *best, uint32_t *best_time) {
    wfc_be_tree t;
    wfc_status status = climb_from(s, b, &t, wfc_be_tree_limit(s, best, *best_time));
    if (status == WFC_OK) return wfc_be_tree_offer(s, &t, best, best_time);
    wfc_be_tree_deinit(&t);
    return status;
}

static wfc_status run(wfc_be_tree_search *s, bisector *b, wfc_be_tree *best, uint32_t *best_time) {
    uint32_t n = s->p->layer_count, trees = n <= SMALL_GRAPH ? MOST_TREES : n <= MIDDLE_GRAPH ? 6 : 3;
    WFC_TRY(bisector_init(s, b));
    for (uint32_t k = 0; k < trees; k++) WFC_TRY(one_tree(s, b, k, best, best_time));
    WFC_TRY(climbed_tree(s, b, best, best_time));
    if (*best_time == s->times.count) return WFC_OK;
    uint32_t cuts = 0;
    for (uint32_t k = 0; k < best->node_count; k++) cuts += best->nodes[k].kind == WFC_BE_TREE_H;
    wfc_be_slice_announce(&b->winner, s->diag);
    best->report =
        wfc_asprintf("%u trees of recursive bisection, %u of %u cuts of the best lie, %u by METIS, %u exact, "
                     "%u along the order, %u moves after",
                     b->trees, cuts, n - 1, b->winner.from_metis, b->winner.from_exact + b->winner.trivial,
                     b->winner.from_prefix, b->moves);
    return best->report ? WFC_OK : WFC_ERR_NO_MEMORY;
}

wfc_status wfc_be_tree_metis(wfc_be_tree_search *s, wfc_be_tree *best, uint32_t *best_time) {
    bisector b;
    wfc_status status = run(s, &b, best, best_time);
    bisector_free(&b);
    return status;
}
