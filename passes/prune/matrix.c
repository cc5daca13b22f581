#include "passes/prune/matrix.h"
#include <string.h>

static bool uses(const wfc_affine *coords, unsigned rank, unsigned v) {
    for (unsigned d = 0; d < rank; d++)
        if (coords[d].coef[v]) return true;
    return false;
}

static void add(wfc_index_list *l, const wfc_space *s, uint32_t v) {
    l->var[l->count++] = v;
    l->extent *= s->extent[v];
}

void wfc_index_set(const wfc_index_list *l, const wfc_space *s, uint64_t k, uint32_t *index) {
    for (unsigned i = l->count; i-- > 0;) {
        index[l->var[i]] = (uint32_t)(k % s->extent[l->var[i]]);
        k /= s->extent[l->var[i]];
    }
}

double wfc_weight_dim_sum(const wfc_graph *g, wfc_value contract) {
    const wfc_space *s = &wfc_ir_node_c(g, contract)->u.contract;
    unsigned rank = wfc_ir_node_c(g, wfc_ir_operand(g, contract, 1))->shape.rank;
    double outputs = 1, sum = 0;
    for (unsigned v = 0; v < s->index_count; v++) {
        if (v >= s->out_rank)
            sum += s->extent[v];
        else if (uses(s->b, rank, v))
            outputs *= s->extent[v];
    }
    return sum + outputs;
}

/* False when a variable has none of the four parts. */
static bool classify(wfc_weight_matrix *m, const wfc_space *s, unsigned a_rank, unsigned b_rank, bool channels_inner) {
    m->group.extent = m->row.extent = m->column.extent = m->position.extent = 1;
    unsigned first = s->out_rank; /* the input channels, by our converters */
    for (unsigned v = 0; v < s->index_count; v++) {
        bool in_a = uses(s->a, a_rank, v), in_b = uses(s->b, b_rank, v);
        if (v < s->out_rank)
            add(in_a && in_b ? &m->group : in_b ? &m->row : &m->position, s, v);
        else if (s->extent[v] > 1 && (!in_a || !in_b))
            return false;
        else if (!channels_inner || v != first)
            add(&m->column, s, v);
    }
    m->segment = 1;
    if (first < s->index_count) m->segment = channels_inner ? s->extent[first] : (uint32_t)m->column.extent;
    if (channels_inner && first < s->index_count) add(&m->column, s, first);
    return true;
}

/* The constant's element that the contract reads at these indices; -1: none. */
static int64_t element_at(const wfc_graph *g, wfc_value b, const wfc_space *s, const uint32_t *index) {
    const wfc_node *n = wfc_ir_node_c(g, b);
    int64_t at = 0;
    for (unsigned d = 0; d < n->shape.rank; d++) {
        int64_t c = s->b[d].offset;
        for (unsigned v = 0; v < s->index_count; v++) c += (int64_t)s->b[d].coef[v] * index[v];
        if (c < 0 || c >= n->shape.dims[d]) return -1;
        at = at * n->shape.dims[d] + c;
    }
    for (; at >= 0 && wfc_ir_node_c(g, b)->op == WFC_CORE_VIEW; b = wfc_ir_operand(g, b, 0)) {
        double fill;
        at = wfc_ir_view_source(g, b, (uint64_t)at, &fill);
    }
    return at;
}

static bool fill_elements(wfc_weight_matrix *m, const wfc_graph *g, wfc_value contract, uint64_t elems, uint8_t *seen) {
    const wfc_space *s = &wfc_ir_node_c(g, contract)->u.contract;
    wfc_value b = wfc_ir_operand(g, contract, 1);
    uint32_t index[WFC_IR_MAX_INDEX] = {0}, *to = m->element;
    for (uint64_t q = 0; q < m->group.extent; q++) {
        wfc_index_set(&m->group, s, q, index);
        for (uint64_t r = 0; r < m->row.extent; r++) {
            wfc_index_set(&m->row, s, r, index);
            for (uint64_t c = 0; c < m->column.extent; c++) {
                wfc_index_set(&m->column, s, c, index);
                int64_t e = element_at(g, b, s, index);
                if (e < 0 || (uint64_t)e >= elems || seen[e]) return false;
                seen[e] = 1;
                *to++ = (uint32_t)e;
            }
        }
    }
    return true;
}

wfc_status wfc_weight_matrix_init(wfc_weight_matrix *m, const wfc_pruning *p, const wfc_prune_layer *l,
                                  wfc_value contract, bool channels_inner) {
    *m = (wfc_weight_matrix){0};
    const wfc_node *n = wfc_ir_node_c(p->g, contract);
    unsigned a_rank = wfc_ir_node_c(p->g, wfc_ir_operand(p->g, contract, 0))->shape.rank;
    unsigned b_rank = wfc_ir_node_c(p->g, wfc_ir_operand(p->g, contract, 1))->shape.rank;
    bool fits = classify(m, &n->u.contract, a_rank, b_rank, channels_inner) && l->elems <= UINT32_MAX &&
                m->group.extent * m->row.extent * m->column.extent == l->elems;
    if (fits) {
        uint8_t *seen = wfc_calloc((size_t)l->elems, 1);
        m->element = wfc_calloc((size_t)l->elems, sizeof *m->element);
        if (!seen || !m->element) {
            wfc_free(seen);
            wfc_weight_matrix_deinit(m);
            return WFC_ERR_NO_MEMORY;
        }
        fits = fill_elements(m, p->g, contract, l->elems, seen);
        wfc_free(seen);
    }
    if (fits) return WFC_OK;
    wfc_weight_matrix_deinit(m);
    return wfc_fail(p->diag, WFC_ERR_UNSUPPORTED, "WFC-E0287", l->where,
                    "its weights are no matrix of outputs by inputs that holds each element of the tensor once; prune "
                    "them by layer and unstructured, or ignore this layer");
}

void wfc_weight_matrix_deinit(wfc_weight_matrix *m) {
    wfc_free(m->element);
    m->element = NULL;
}
