#include "cli/prune.h"
#include "cli/recipe.h"
#include "support/mem.h"
#include <string.h>

static void append_names(wfc_buf *b, bool (*text)(unsigned i, const char **name, const char **doc)) {
    const char *name, *doc;
    for (unsigned i = 0; text(i, &name, &doc); i++) wfc_buf_printf(b, "%s%s", i ? ", " : "", name);
}

static wfc_status set_prune(cli_context *c, cli_prune *p, const char *value) {
    char why[WFC_PRUNE_WHY_BYTES];
    if (p->prunes) return cli_usage_error(c, "--prune", "one pruning at a time, by --prune or by --recipe");
    p->prunes = wfc_prune_parse(value, &p->spec, why);
    if (p->prunes) return WFC_OK;
    wfc_buf names = {0};
    append_names(&names, wfc_prune_criterion_text);
    wfc_buf_printf(&names, "; scopes layer, row, global; distributions ");
    append_names(&names, wfc_prune_distribution_text);
    wfc_status s = cli_usage_error(c, "--prune", "'%s': %s. Expected CRITERION:S[:WORD]... with the criteria %s", value,
                                   why, names.failed ? "" : names.data);
    wfc_buf_deinit(&names);
    return s;
}

static wfc_status set_recipe(cli_context *c, cli_prune *p, const char *path) {
    if (p->prunes) return cli_usage_error(c, "--recipe", "one pruning at a time, by --prune or by --recipe");
    p->prunes = true;
    return cli_recipe_read(c, path, &p->spec);
}

wfc_status cli_prune_option(cli_context *c, cli_prune *p, int id, const char *value, bool *taken) {
    *taken = true;
    switch (id) {
    case CLI_ID_PRUNE: return set_prune(c, p, value);
    case CLI_ID_RECIPE: return set_recipe(c, p, value);
    case CLI_ID_CALIBRATE: p->calibrate_path = value; return WFC_OK;
    case CLI_ID_GRADIENTS: p->gradients_path = value; return WFC_OK;
    case CLI_ID_MASKS: p->masks_path = value; return WFC_OK;
    }
    *taken = false;
    return WFC_OK;
}

/* A weight's constant by name, since handles do not survive folding, and the bytes it had before pruning. */
typedef struct origin {
    const char *name;
    const uint8_t *bytes;
} origin;
typedef WFC_VEC(origin) origin_list;

static wfc_status find_origins(cli_context *c, const wfc_graph *g, origin_list *out) {
    wfc_weight_list w;
    if (wfc_weights_find(g, &w) != WFC_OK) return wfc_fail_memory(&c->diag);
    wfc_status s = WFC_OK;
    for (size_t i = 0; i < w.count && s == WFC_OK; i++) {
        const wfc_node *n = wfc_ir_node_c(g, w.data[i]);
        s = wfc_vec_push(out, (origin){n->name, n->u.konst.data.bytes});
    }
    wfc_vec_free(&w);
    return s == WFC_OK ? s : wfc_fail_memory(&c->diag);
}

static wfc_status add_mask(cli_context *c, cli_prune *p, const wfc_node *n, const char *name, uint8_t rank,
                           const uint32_t *dims) {
    wfc_tensor t;
    if (wfc_tensor_init(&t, WFC_U8, rank, dims) != WFC_OK) return wfc_fail_memory(&c->diag);
    uint64_t elems = wfc_tensor_elems(&t);
    for (uint64_t i = 0; i < elems; i++) {
        bool there = !n->u.konst.mask || n->u.konst.mask[i];
        ((uint8_t *)t.data)[i] = there && wfc_dtype_get((wfc_dtype)n->dtype, n->u.konst.data.bytes, (size_t)i) != 0;
    }
    return wfc_tensor_list_take(&p->masks, name, &t, &c->diag);
}

static bool same_tensor(const wfc_import_tensor *t, const uint8_t *bytes, uint64_t elems) {
    uint64_t n = 1;
    for (unsigned d = 0; d < t->rank; d++) n *= t->dims[d];
    return t->bytes == bytes && n == elems;
}

static wfc_status add_named(cli_context *c, cli_prune *p, const wfc_node *n, const wfc_import_tensor *t) {
    if (p->wants_tensors && n->dtype != WFC_F32)
        return wfc_fail(&c->diag, WFC_ERR_UNSUPPORTED, "WFC-E0042", t->name,
                        "only float32 weights can be written back");
    wfc_new_tensor new = {t->name, wfc_shape_elems(&n->shape), (const float *)(const void *)n->u.konst.data.bytes};
    if (p->wants_tensors && wfc_vec_push(&p->tensors, new) != WFC_OK) return wfc_fail_memory(&c->diag);
    return p->masks_path ? add_mask(c, p, n, t->name, t->rank, t->dims) : WFC_OK;
}

/* Under the names of all initializers that have these bytes; where none has, of the values that nodes make. */
static wfc_status add_by_origin(cli_context *c, cli_prune *p, const wfc_node *n, const uint8_t *bytes,
                                const wfc_import *im) {
    size_t count = 0;
    const wfc_import_tensor *t = im ? wfc_import_tensors(im, &count) : NULL;
    if (!im) return add_mask(c, p, n, n->name, n->shape.rank, n->shape.dims);
    for (unsigned made = 0; made < 2; made++) {
        bool found = false;
        for (size_t i = 0; i < count; i++) {
            if (t[i].initializer == made || !same_tensor(&t[i], bytes, wfc_shape_elems(&n->shape))) continue;
            WFC_TRY(add_named(c, p, n, &t[i]));
            found = true;
        }
        if (found) return WFC_OK;
    }
    return wfc_fail(&c->diag, WFC_ERR_UNSUPPORTED, "WFC-E0040", n->name,
                    "this weight is computed from several tensors of the model, so its mask belongs to none of them; "
                    "fold the model's constants first (float16 weights: convert the model to float32), or leave out "
                    "what writes weights or "
                    "masks");
}

static wfc_status add_results(cli_context *c, cli_prune *p, const wfc_graph *g, const wfc_import *im,
                              const origin_list *origins) {
    wfc_weight_list w;
    if (wfc_weights_find(g, &w) != WFC_OK) return wfc_fail_memory(&c->diag);
    wfc_status s = WFC_OK;
    for (size_t i = 0; i < w.count && s == WFC_OK; i++) {
        const wfc_node *n = wfc_ir_node_c(g, w.data[i]);
        const uint8_t *bytes = NULL; /* of a computed weight: no tensor has them */
        for (size_t k = 0; k < origins->count; k++)
            if (strcmp(origins->data[k].name, n->name) == 0) bytes = origins->data[k].bytes;
        s = add_by_origin(c, p, n, bytes, im);
    }
    wfc_vec_free(&w);
    return s;
}

static wfc_status prune(cli_context *c, const cli_prune *p, wfc_graph *g) {
    cli_prune_data data;
    wfc_status s = cli_prune_data_load(c, p, g, &data);
    cli_stage(c, "pruning");
    if (s == WFC_OK) s = wfc_prune(g, &p->spec, &data.data, &c->diag);
    cli_prune_data_deinit(&data);
    return s;
}

static wfc_status shrink(cli_context *c, wfc_graph *g) {
    uint32_t removed;
    WFC_TRY(wfc_prune_shrink(g, &c->diag, &removed));
    wfc_diag_add(&c->diag, WFC_NOTE, "WFC-N0289", "", "%u channels are removed", removed);
    return WFC_OK;
}

wfc_status cli_prune_run(cli_context *c, cli_prune *p, wfc_graph *g, const wfc_import *im) {
    char why[WFC_PRUNE_WHY_BYTES];
    origin_list origins = {0};
    bool results = p->masks_path || p->wants_tensors;
    if (!p->prunes && (p->calibrate_path || p->gradients_path))
        return cli_usage_error(c, p->calibrate_path ? "--calibrate" : "--gradients", "nothing is pruned; give --prune");
    if (!p->prunes && !results) return WFC_OK;
    if (!p->prunes && !wfc_prune_parse("magnitude:0", &p->spec, why)) return WFC_ERR_INTERNAL; /* the zeros there are */
    wfc_status s = results ? find_origins(c, g, &origins) : WFC_OK;
    if (s == WFC_OK) s = prune(c, p, g);
    if (s == WFC_OK && results) s = add_results(c, p, g, im, &origins);
    if (s == WFC_OK && p->spec.filters && !p->keep_shapes) s = shrink(c, g);
    wfc_vec_free(&origins);
    return s;
}

wfc_status cli_prune_write(cli_context *c, const cli_prune *p) {
    return p->masks_path ? wfc_npz_write(p->masks_path, &p->masks, &c->diag) : WFC_OK;
}

void cli_prune_deinit(cli_prune *p) {
    wfc_tensor_list_deinit(&p->masks);
    wfc_vec_free(&p->tensors);
}
