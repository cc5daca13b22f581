/* Operators that only say where each element comes from, at run time as views: Split, Tile, DepthToSpace, SpaceToDepth,
 * and what Slice, Expand and Gather do with run-time data. Between constants the evaluator computes the same views. */
#include "frontend/convert.h"
#include <string.h>

wfc_status wfc_fe_index_view(wfc_fe_ctx *c, wfc_fe_node *n, const char *name, wfc_value x, uint8_t rank,
                             const int64_t *dims, wfc_view_step *step, wfc_value *out) {
    step->is_index = true;
    WFC_TRY(wfc_fe_ir_shape(c, n, rank, dims, &step->shape));
    return wfc_ir_add_view(c->g, c->diag, name, x, step, 1, out);
}

wfc_status wfc_fe_part(wfc_fe_ctx *c, wfc_fe_node *n, const char *name, wfc_value x, unsigned axis, int64_t first,
                       int64_t count, int64_t stride, wfc_value *out) {
    const wfc_shape shape = wfc_ir_node_c(c->g, x)->shape;
    wfc_view_step step = {0};
    int64_t dims[WFC_IR_MAX_RANK];
    if (first == 0 && count == shape.dims[axis] && stride == 1) {
        *out = x;
        return WFC_OK;
    }
    for (unsigned i = 0; i < shape.rank; i++) {
        dims[i] = i == axis ? count : shape.dims[i];
        step.in[i].coef[i] = i == axis ? (count > 1 ? (int32_t)stride : 0) : 1;
    }
    step.in[axis].offset = (int32_t)first;
    return wfc_fe_index_view(c, n, name, x, shape.rank, dims, &step, out);
}

/* --- a constant list of indices ----------------------------------------------------------------------------------- */

/* Length of the arithmetic run that starts at list[i], and its stride. */
static size_t run_length(const int64_t *list, size_t count, size_t i, int64_t *stride) {
    size_t k = i + 1;
    *stride = k < count ? list[k] - list[i] : 1;
    while (k < count && list[k] - list[k - 1] == *stride) k++;
    return k - i;
}

/* One view per arithmetic run, side by side. The most runs keep the number of layers in bounds. */
enum { MAX_RUNS = 64 };
wfc_status wfc_fe_take(wfc_fe_ctx *c, wfc_fe_node *n, wfc_value x, unsigned axis, const int64_t *list, size_t count,
                       wfc_value *out) {
    wfc_value parts[MAX_RUNS];
    uint32_t used = 0;
    for (size_t i = 0; i < count;) {
        int64_t stride;
        size_t length = run_length(list, count, i, &stride);
        if (used == MAX_RUNS)
            return wfc_fe_unsupported(c, n, "indices that are no row of at most %d arithmetic progressions", MAX_RUNS);
        WFC_TRY(wfc_fe_part(c, n, NULL, x, axis, list[i], (int64_t)length, stride, &parts[used++]));
        i += length;
    }
    if (used == 0) return wfc_fe_unsupported(c, n, "an empty result");
    *out = parts[0];
    return used == 1 ? WFC_OK : wfc_ir_add_concat(c->g, c->diag, NULL, parts, used, (uint8_t)axis, out);
}

/* --- Split -------------------------------------------------------------------------------------------------------- */

/* Extents of the parts: attribute before operator set 13, input 1 from then on, else equal parts (the last shorter). */
static wfc_status split_sizes(wfc_fe_ctx *c, wfc_fe_node *n, int64_t extent, int64_t *sizes) {
    int64_t *list = NULL, sum = 0;
    const int64_t *from;
    size_t count;
    if (n->opset < 13) {
        from = wfc_fe_attr_ints(n, "split", &count);
    } else {
        WFC_TRY(wfc_fe_int_input(c, n, 1, &list, &count));
        from = list;
    }
    wfc_status s = WFC_OK;
    int64_t equal = (extent + n->out_count - 1) / n->out_count;
    if (from && count != n->out_count) s = wfc_fe_invalid(c, n, "%zu extents for %u outputs", count, n->out_count);
    for (unsigned k = 0; k < n->out_count && s == WFC_OK; k++) {
        int64_t rest = extent - sum;
        sizes[k] = from ? from[k] : rest < equal ? rest : equal;
        if (sizes[k] < 0 || sizes[k] > rest) s = wfc_fe_invalid(c, n, "its parts are larger than the axis");
        if (s == WFC_OK) sum += sizes[k];
    }
    if (s == WFC_OK && sum != extent) s = wfc_fe_invalid(c, n, "its parts are smaller than the axis");
    wfc_free(list);
    return s;
}

static wfc_status convert_split(wfc_fe_ctx *c, wfc_fe_node *n) {
    uint8_t rank;
    unsigned axis;
    int64_t dims[WFC_IR_MAX_RANK], at = 0;
    wfc_value x, y;
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &rank, dims);
    WFC_TRY(wfc_fe_axis(c, n, wfc_fe_attr_int(n, "axis", 0), rank, false, &axis));
    if (n->out_count == 0) return wfc_fe_invalid(c, n, "no outputs");
    int64_t *sizes = wfc_calloc(n->out_count, sizeof *sizes);
    if (!sizes) return wfc_fail_memory(c->diag);
    wfc_status s = split_sizes(c, n, dims[axis], sizes);
    if (s == WFC_OK) s = wfc_fe_ir_input(c, n, 0, &x);
    for (unsigned k = 0; k < n->out_count && s == WFC_OK; at += sizes[k++]) {
        const wfc_fe_value *o = n->out[k] == UINT32_MAX ? NULL : &c->values[n->out[k]];
        if (!o || !o->uses) continue;
        s = wfc_fe_part(c, n, o->name, x, axis, at, sizes[k], 1, &y);
        if (s == WFC_OK) s = wfc_fe_set_ir(c, n, k, y);
    }
    wfc_free(sizes);
    return s;
}
const wfc_fe_op wfc_fe_op_split = {{"", "Split", 1, WFC_FE_NEWEST_OPSET, ""},
                                   1,
                                   2,
                                   WFC_FE_VARIADIC,
                                   1u << 1,
                                   "axis:i split:I num_outputs:i",
                                   convert_split,
                                   WFC_FE_ANY};

/* --- Tile --------------------------------------------------------------------------------------------------------- */

/* Operator set 1 has the number of tiles and the axis as inputs 1 and 2. */
static wfc_status tile_repeats(wfc_fe_ctx *c, wfc_fe_node *n, uint8_t rank, int64_t *repeats) {
    int64_t *list, *axis = NULL;
    size_t count, axes = 0;
    wfc_status s = wfc_fe_int_input(c, n, 1, &list, &count);
    if (s == WFC_OK && n->opset < 6) s = wfc_fe_int_input(c, n, 2, &axis, &axes);
    if (s == WFC_OK && n->opset < 6) {
        for (unsigned i = 0; i < rank; i++) repeats[i] = 1;
        if (count != 1 || axes != 1 || axis[0] < 0 || axis[0] >= rank)
            s = wfc_fe_invalid(c, n, "tiles and axis are not one number each");
        else
            repeats[axis[0]] = list[0];
    } else if (s == WFC_OK) {
        if (count != rank) s = wfc_fe_invalid(c, n, "%zu repeats for %u axes", count, rank);
        for (unsigned i = 0; i < rank && s == WFC_OK; i++) repeats[i] = list[i];
    }
    wfc_free(list);
    wfc_free(axis);
    return s;
}

static wfc_status convert_tile(wfc_fe_ctx *c, wfc_fe_node *n) {
    uint8_t rank;
    int64_t dims[WFC_IR_MAX_RANK], repeats[WFC_IR_MAX_RANK];
    wfc_view_step step = {.edge = WFC_EDGE_WRAP};
    wfc_value x, y;
    bool grows = false;
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &rank, dims);
    WFC_TRY(tile_repeats(c, n, rank, repeats));
    for (unsigned i = 0; i < rank; i++) {
        if (repeats[i] < 0 || repeats[i] > INT32_MAX) return wfc_fe_invalid(c, n, "a number of repeats out of range");
        grows |= repeats[i] != 1;
        step.in[i].coef[i] = dims[i] == 1 ? 0 : 1; /* an axis of extent 1 is the same everywhere */
        dims[i] *= repeats[i];
    }
    if (!grows) return wfc_fe_set_same(c, n, 0, wfc_fe_input(c, n, 0));
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x));
    WFC_TRY(wfc_fe_index_view(c, n, wfc_fe_name(c, n), x, rank, dims, &step, &y));
    return wfc_fe_set_ir(c, n, 0, y);
}
const wfc_fe_op wfc_fe_op_tile = {
    {"", "Tile", 1, WFC_FE_NEWEST_OPSET, ""}, 2, 3, 1, 3u << 1, "", convert_tile, WFC_FE_ANY};

/* --- DepthToSpace, SpaceToDepth ----------------------------------------------------------------------------------- */

static wfc_status reshape_transpose_reshape(wfc_fe_ctx *c, wfc_fe_node *n, const wfc_shape *split, const uint8_t *perm,
                                            const wfc_shape *joined) {
    wfc_value x;
    WFC_TRY(wfc_fe_ir_input(c, n, 0, &x));
    WFC_TRY(wfc_ir_add_reshape(c->g, c->diag, NULL, x, split, &x));
    WFC_TRY(wfc_ir_add_transpose(c->g, c->diag, NULL, x, perm, &x));
    WFC_TRY(wfc_ir_add_reshape(c->g, c->diag, wfc_fe_name(c, n), x, joined, &x));
    return wfc_fe_set_ir(c, n, 0, x);
}

static wfc_status read_blocks(wfc_fe_ctx *c, wfc_fe_node *n, uint32_t *d, uint32_t *block) {
    uint8_t rank;
    int64_t dims[WFC_IR_MAX_RANK], b = wfc_fe_attr_int(n, "blocksize", 0);
    wfc_fe_shape(c, wfc_fe_input(c, n, 0), &rank, dims);
    if (rank != 4) return wfc_fe_invalid(c, n, "the input has %u axes, expected 4", rank);
    if (b < 1 || b > 4096) return wfc_fe_invalid(c, n, "a blocksize of %lld", (long long)b);
    for (unsigned i = 0; i < 4; i++) d[i] = (uint32_t)dims[i];
    *block = (uint32_t)b;
    return WFC_OK;
}

/* Attribute mode: CRD, or DCR, the default. */
static wfc_status read_mode(wfc_fe_ctx *c, wfc_fe_node *n, bool *columns) {
    *columns = wfc_fe_attr_is(n, "mode", "CRD");
    if (!*columns && !wfc_fe_attr_is(n, "mode", "DCR") && !wfc_fe_attr_is(n, "mode", NULL))
        return wfc_fe_invalid(c, n, "attribute 'mode' is neither DCR nor CRD");
    return WFC_OK;
}

static wfc_status convert_depth_to_space(wfc_fe_ctx *c, wfc_fe_node *n) {
    static const uint8_t dcr[] = {0, 3, 4, 1, 5, 2}, crd[] = {0, 1, 4, 2, 5, 3};
    uint32_t d[4], b;
    bool columns;
    WFC_TRY(read_blocks(c, n, d, &b));
    WFC_TRY(read_mode(c, n, &columns));
    if (d[1] % (b * b))
        return wfc_fe_invalid(c, n, "%u channels are no multiple of the square of blocksize %u", d[1], b);
    uint32_t ch = d[1] / (b * b);
    wfc_shape split = {.rank = 6, .dims = {d[0], b, b, ch, d[2], d[3]}};
    if (columns) split = (wfc_shape){.rank = 6, .dims = {d[0], ch, b, b, d[2], d[3]}};
    wfc_shape joined = {.rank = 4, .dims = {d[0], ch, d[2] * b, d[3] * b}};
    return reshape_transpose_reshape(c, n, &split, columns ? crd : dcr, &joined);
}

static wfc_status convert_space_to_depth(wfc_fe_ctx *c, wfc_fe_node *n) {
    static const uint8_t dcr[] = {0, 3, 5, 1, 2, 4}, crd[] = {0, 1, 3, 5, 2, 4};
    uint32_t d[4], b;
    bool columns; /* since operator set 28 */
    WFC_TRY(read_blocks(c, n, d, &b));
    WFC_TRY(read_mode(c, n, &columns));
    if (d[2] % b || d[3] % b) return wfc_fe_invalid(c, n, "%u x %u is no multiple of blocksize %u", d[2], d[3], b);
    wfc_shape split = {.rank = 6, .dims = {d[0], d[1], d[2] / b, b, d[3] / b, b}};
    wfc_shape joined = {.rank = 4, .dims = {d[0], d[1] * b * b, d[2] / b, d[3] / b}};
    return reshape_transpose_reshape(c, n, &split, columns ? crd : dcr, &joined);
}
const wfc_fe_op wfc_fe_op_depth_to_space = {{"", "DepthToSpace", 1, WFC_FE_NEWEST_OPSET, ""},
                                            1,
                                            1,
                                            1,
                                            0,
                                            "blocksize:i mode:s",
                                            convert_depth_to_space,
                                            WFC_FE_ANY};
const wfc_fe_op wfc_fe_op_space_to_depth = {{"", "SpaceToDepth", 1, WFC_FE_NEWEST_OPSET, ""},
                                            1,
                                            1,
                                            1,
                                            0,
                                            "blocksize:i mode:s",
                                            convert_space_to_depth,
                                            WFC_FE_ANY};
