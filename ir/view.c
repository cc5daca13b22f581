/* Views: checks of steps, where an element comes from, and when two steps are one.
 *
 * Worked example of composition: a pad by one on both sides (index [12] from "i-1", fill 0) of a transposed or sliced
 * source. Padding what was sliced must give the fill even where the unsliced source has elements, so slice then pad is
 * one step only where leaving the slice means leaving the source (the slice reaches the border on that side). */
#include "ir/graph.h"
#include "ir/op.h"
#include <string.h>

static bool step_range_ok(const wfc_shape *from, const wfc_view_step *st) {
    for (unsigned d = 0; d < from->rank; d++) {
        int64_t lo, hi;
        wfc_affine_range(&st->in[d], st->shape.dims, st->shape.rank, &lo, &hi);
        if (lo < 0 || hi >= (int64_t)from->dims[d]) return false;
    }
    return true;
}

wfc_status wfc_view_check_step(const wfc_ir_site *site, const wfc_shape *from, const wfc_view_step *step) {
    WFC_TRY(wfc_shape_check(&step->shape, site->where, site->diag));
    uint64_t want = wfc_shape_elems(from), have = wfc_shape_elems(&step->shape);
    if (!step->is_index) {
        if (want != have)
            return wfc_fail(site->diag, WFC_ERR_INPUT, "WFC-E0230", site->where,
                            "reshape of %llu elements to a shape of %llu", (unsigned long long)want,
                            (unsigned long long)have);
        return WFC_OK;
    }
    if (step->edge > WFC_EDGE_WRAP)
        return wfc_fail(site->diag, WFC_ERR_INPUT, "WFC-E0231", site->where, "unknown edge rule %u", step->edge);
    for (unsigned d = 0; d < from->rank; d++) {
        for (unsigned o = step->shape.rank; o < WFC_IR_MAX_INDEX; o++)
            if (step->in[d].coef[o])
                return wfc_fail(site->diag, WFC_ERR_INPUT, "WFC-E0232", site->where,
                                "view: source axis %u uses result axis %u, the result has rank %u", d, o,
                                step->shape.rank);
        int64_t lo, hi;
        if (have == 0) continue;
        wfc_affine_range(&step->in[d], step->shape.dims, step->shape.rank, &lo, &hi);
        if (lo < INT32_MIN / 2 || hi > INT32_MAX / 2)
            return wfc_fail(site->diag, WFC_ERR_INPUT, "WFC-E0233", site->where,
                            "view: source axis %u reaches coordinates beyond 2^30", d);
        if (step->edge == WFC_EDGE_NONE && (lo < 0 || hi >= (int64_t)from->dims[d]))
            return wfc_fail(site->diag, WFC_ERR_INPUT, "WFC-E0234", site->where,
                            "view: source axis %u of extent %u is read from %lld to %lld and has no edge rule", d,
                            from->dims[d], (long long)lo, (long long)hi);
    }
    if (have && !want && step->edge != WFC_EDGE_FILL)
        return wfc_fail(site->diag, WFC_ERR_INPUT, "WFC-E0235", site->where,
                        "view of an empty tensor with elements: only a fill can supply them");
    return WFC_OK;
}

/* ---- Where an element comes from ---- */

/* Coordinate under the edge rule, -1 for fill. Reflection repeats with period 2 (n - 1) and does not repeat the
 * border element, as ONNX Pad. */
static int64_t edge_coord(int64_t x, int64_t n, unsigned edge) {
    if (x >= 0 && x < n) return x;
    switch (edge) {
    case WFC_EDGE_EDGE: return x < 0 ? 0 : n - 1;
    case WFC_EDGE_REFLECT: {
        if (n == 1) return 0;
        int64_t period = 2 * (n - 1), r = x % period;
        if (r < 0) r += period;
        return r < n ? r : period - r;
    }
    case WFC_EDGE_WRAP: {
        int64_t r = x % n;
        return r < 0 ? r + n : r;
    }
    default: return -1;
    }
}

int64_t wfc_view_step_source(const wfc_shape *from, const wfc_view_step *step, const uint32_t *o) {
    int64_t at = 0;
    for (unsigned d = 0; d < from->rank; d++) {
        int64_t x = step->in[d].offset;
        for (unsigned v = 0; v < step->shape.rank; v++) x += (int64_t)step->in[d].coef[v] * o[v];
        x = edge_coord(x, from->dims[d], step->edge);
        if (x < 0) return -1;
        at = at * from->dims[d] + x;
    }
    return at;
}

void wfc_ir_view_shapes(const wfc_graph *g, wfc_value view, wfc_shape *shapes) {
    const wfc_node *n = &g->nodes.data[view.i];
    shapes[0] = g->nodes.data[wfc_ir_operand(g, view, 0).i].shape;
    for (uint32_t k = 0; k < n->u.view.count; k++) shapes[k + 1] = n->u.view.steps[k].shape;
}

int64_t wfc_ir_view_source(const wfc_graph *g, wfc_value view, uint64_t out_index, double *fill) {
    const wfc_node *n = &g->nodes.data[view.i];
    int64_t at = (int64_t)out_index;
    for (uint32_t k = n->u.view.count; k-- > 0;) {
        const wfc_view_step *st = &n->u.view.steps[k];
        if (!st->is_index) continue; /* row-major order is the same on both sides */
        const wfc_shape *from = k ? &n->u.view.steps[k - 1].shape : &g->nodes.data[wfc_ir_operand(g, view, 0).i].shape;
        uint32_t o[WFC_IR_MAX_RANK] = {0};
        for (unsigned d = st->shape.rank; d-- > 0;) {
            o[d] = (uint32_t)(at % st->shape.dims[d]);
            at /= st->shape.dims[d];
        }
        at = wfc_view_step_source(from, st, o);
        if (at < 0) {
            *fill = st->fill;
            return -1;
        }
    }
    return at;
}

/* ---- Composition ---- */

bool wfc_ir_step_identity(const wfc_shape *from, const wfc_view_step *step) {
    if (!wfc_shape_eq(from, &step->shape)) return false;
    if (!step->is_index) return true;
    for (unsigned d = 0; d < from->rank; d++) {
        if (step->in[d].offset != 0) return false;
        for (unsigned v = 0; v < step->shape.rank; v++)
            if (step->in[d].coef[v] != (v == d ? 1 : 0) && step->shape.dims[v] > 1) return false;
    }
    return true;
}

/* A reshape that only adds and drops axes of extent 1, as an index step. */
static bool unit_reshape_as_index(const wfc_shape *from, const wfc_view_step *st, wfc_view_step *out) {
    if (st->is_index) {
        *out = *st;
        return true;
    }
    if (wfc_shape_elems(from) == 0) return false;
    memset(out, 0, sizeof *out);
    out->is_index = true;
    out->shape = st->shape;
    unsigned o = 0;
    for (unsigned d = 0; d < from->rank; d++) {
        if (from->dims[d] == 1) continue;
        while (o < st->shape.rank && st->shape.dims[o] == 1) o++;
        if (o == st->shape.rank || st->shape.dims[o] != from->dims[d]) return false;
        out->in[d].coef[o++] = 1;
    }
    return true; /* equal element counts: what is left over has extent 1 */
}

/* Whether source axis `f` of the first step depends on result axis j alone; *any when it does at all. */
static bool depends_only_on(const wfc_affine *f, unsigned j, unsigned rank, bool *any) {
    *any = f->coef[j] != 0;
    for (unsigned v = 0; *any && v < rank; v++)
        if (v != j && f->coef[v]) return false;
    return true;
}

/* The middle axis j (extent n) is left below (low) or above (high). Whether taking rule `then` there first and going
 * through `first` after is the same as going through `first` with the composed coordinate. */
static bool leaving_agrees(const wfc_shape *from, const wfc_view_step *first, unsigned j, bool low, bool high,
                           const wfc_view_step *then) {
    int64_t n = first->shape.dims[j];
    bool found = false;
    for (unsigned d = 0; d < from->rank; d++) {
        bool any;
        const wfc_affine *f = &first->in[d];
        if (!depends_only_on(f, j, first->shape.rank, &any)) {
            if (then->edge == WFC_EDGE_FILL) continue; /* another axis may still show it */
            return false;
        }
        if (!any) continue;
        int64_t c = f->coef[j], at0 = f->offset, at_end = f->offset + c * (n - 1), extent = from->dims[d];
        bool exact = (c == 1 && at0 == 0 && n == extent) || (c == -1 && at0 == extent - 1 && n == extent);
        int64_t below = c > 0 ? at0 : extent - 1 - at0, above = c > 0 ? extent - 1 - at_end : at_end;
        int64_t step = c > 0 ? c : -c; /* below, above: distance of the middle's ends from the source's ends */
        switch (then->edge) {
        case WFC_EDGE_FILL:
            if (first->edge != WFC_EDGE_NONE && first->edge != WFC_EDGE_FILL) continue;
            if ((!low || below < step) && (!high || above < step)) found = true;
            break;
        case WFC_EDGE_EDGE:
            if (first->edge != WFC_EDGE_NONE && first->edge != WFC_EDGE_EDGE) return false;
            if ((low && below > 0) || (high && above > 0)) return false;
            break;
        default:
            if (!exact || first->edge != WFC_EDGE_NONE) return false;
        }
    }
    return then->edge == WFC_EDGE_FILL ? found : true;
}

bool wfc_ir_compose_steps(const wfc_shape *from, const wfc_view_step *first, const wfc_view_step *then,
                          wfc_view_step *out) {
    if (!first->is_index && !then->is_index) {
        *out = *then;
        return true;
    }
    if (wfc_shape_elems(from) == 0 || wfc_shape_elems(&then->shape) == 0) return false;
    wfc_view_step s1, s2;
    if (!unit_reshape_as_index(from, first, &s1) || !unit_reshape_as_index(&first->shape, then, &s2)) return false;
    if (step_range_ok(from, &s1)) s1.edge = WFC_EDGE_NONE;
    if (step_range_ok(&s1.shape, &s2)) s2.edge = WFC_EDGE_NONE;
    bool two_rules = s1.edge != WFC_EDGE_NONE && s2.edge != WFC_EDGE_NONE;
    if (two_rules && s1.edge != s2.edge) return false;
    if (two_rules && s1.edge == WFC_EDGE_FILL && memcmp(&s1.fill, &s2.fill, sizeof s1.fill) != 0) return false;
    for (unsigned j = 0; s2.edge != WFC_EDGE_NONE && j < s1.shape.rank; j++) {
        int64_t lo, hi;
        wfc_affine_range(&s2.in[j], s2.shape.dims, s2.shape.rank, &lo, &hi);
        bool low = lo < 0, high = hi >= (int64_t)s1.shape.dims[j];
        if ((low || high) && !leaving_agrees(from, &s1, j, low, high, &s2)) return false;
    }
    memset(out, 0, sizeof *out);
    out->is_index = true;
    out->shape = s2.shape;
    out->edge = s2.edge != WFC_EDGE_NONE ? s2.edge : s1.edge;
    out->fill = out->edge != WFC_EDGE_FILL ? 0 : s2.edge == WFC_EDGE_FILL ? s2.fill : s1.fill;
    for (unsigned d = 0; d < from->rank; d++) {
        int64_t sum[WFC_IR_MAX_RANK + 1] = {0};
        for (unsigned j = 0; j < s1.shape.rank; j++) {
            for (unsigned v = 0; v < s2.shape.rank; v++) sum[v] += (int64_t)s1.in[d].coef[j] * s2.in[j].coef[v];
            sum[WFC_IR_MAX_RANK] += (int64_t)s1.in[d].coef[j] * s2.in[j].offset;
        }
        sum[WFC_IR_MAX_RANK] += s1.in[d].offset;
        for (unsigned v = 0; v < s2.shape.rank; v++) {
            if (sum[v] > INT32_MAX / 4 || sum[v] < INT32_MIN / 4) return false;
            out->in[d].coef[v] = (int32_t)sum[v];
        }
        if (sum[WFC_IR_MAX_RANK] > INT32_MAX / 4 || sum[WFC_IR_MAX_RANK] < INT32_MIN / 4) return false;
        out->in[d].offset = (int32_t)sum[WFC_IR_MAX_RANK];
    }
    if (step_range_ok(from, out)) out->edge = WFC_EDGE_NONE;
    return true;
}
