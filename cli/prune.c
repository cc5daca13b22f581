#include "cli/prune.h"
#include "support/mem.h"
#include <string.h>

wfc_status cli_prune_option(cli_context *c, cli_prune *p, const char *value) {
    p->prunes = wfc_prune_parse(value, &p->spec);
    if (p->prunes) return WFC_OK;
    return cli_usage_error(c, "--prune",
                           "'%s' is not of the form magnitude:S or magnitude:S:layer or magnitude:S:global with "
                           "0 <= S < 1",
                           value);
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
            WFC_TRY(add_mask(c, p, n, t[i].name, t[i].rank, t[i].dims));
            found = true;
        }
        if (found) return WFC_OK;
    }
    return wfc_fail(&c->diag, WFC_ERR_UNSUPPORTED, "WFC-E0040", n->name,
                    "this weight is computed from several tensors of the model, so its mask belongs to none of them; "
                    "fold the model's constants first, or leave out --masks");
}

static wfc_status add_masks(cli_context *c, cli_prune *p, const wfc_graph *g, const wfc_import *im,
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

wfc_status cli_prune_run(cli_context *c, cli_prune *p, wfc_graph *g, const wfc_import *im) {
    origin_list origins = {0};
    wfc_status s = p->masks_path ? find_origins(c, g, &origins) : WFC_OK;
    if (s == WFC_OK && (p->prunes || p->masks_path)) s = wfc_prune(g, &p->spec, &c->diag); /* masks alone: S = 0 */
    if (s == WFC_OK && p->masks_path) s = add_masks(c, p, g, im, &origins);
    wfc_vec_free(&origins);
    return s;
}

wfc_status cli_prune_write(cli_context *c, const cli_prune *p) {
    return p->masks_path ? wfc_npz_write(p->masks_path, &p->masks, &c->diag) : WFC_OK;
}

void cli_prune_deinit(cli_prune *p) {
    wfc_tensor_list_deinit(&p->masks);
}
