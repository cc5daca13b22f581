/* --calibrate and --gradients: arrays by name, brought to the inputs and weights of a graph. */
#include "cli/prune.h"
#include "support/mem.h"
#include <string.h>

static const size_t k_max_bytes = (size_t)8 << 30;

static wfc_status read_file(cli_context *c, const char *option, const char *path, bool wanted, wfc_tensor_list *out) {
    if (!wanted && path)
        return cli_usage_error(c, option, "the criterion does not read this file; leave the option out");
    if (wanted && !path) return cli_usage_error(c, option, "the criterion reads such a file; give %s FILE.npz", option);
    return path ? wfc_npz_read(path, k_max_bytes, &c->diag, out) : WFC_OK;
}

/* Arrays by the names of the inputs; of one input and one array the names do not matter. */
static wfc_status match_inputs(cli_context *c, const cli_prune *p, const wfc_graph *g, cli_prune_data *d) {
    uint32_t count = 0, at = 0;
    for (size_t i = 0; i < g->nodes.count; i++) count += g->nodes.data[i].op == WFC_CORE_INPUT;
    d->inputs = wfc_calloc(count, sizeof *d->inputs);
    if (!d->inputs) return wfc_fail_memory(&c->diag);
    for (size_t i = 0; i < g->nodes.count; i++) {
        const wfc_node *n = &g->nodes.data[i];
        if (n->op != WFC_CORE_INPUT) continue;
        ptrdiff_t k = wfc_tensor_list_find(&d->samples, n->u.input.host_name);
        if (k < 0 && count == 1 && d->samples.count == 1) k = 0;
        if (k < 0)
            return wfc_fail(&c->diag, WFC_ERR_INPUT, "WFC-E0041", p->calibrate_path,
                            "there is no array for the input '%s' among its %zu", n->u.input.host_name,
                            d->samples.count);
        d->inputs[at++] = d->samples.data[k].tensor;
    }
    d->data.inputs = d->inputs;
    d->data.input_count = count;
    return WFC_OK;
}

/* By the constant's name: that of the model's tensor, or of the first of several with these bytes. */
static const wfc_tensor *gradient_of(void *ctx, const wfc_node *w) {
    const cli_prune_data *d = ctx;
    ptrdiff_t k = wfc_tensor_list_find(&d->gradients, w->name);
    return k < 0 ? NULL : &d->gradients.data[k].tensor;
}

wfc_status cli_prune_data_load(cli_context *c, const cli_prune *p, const wfc_graph *g, cli_prune_data *out) {
    *out = (cli_prune_data){0};
    bool samples = wfc_prune_wants_samples(&p->spec), gradients = wfc_prune_wants_gradients(&p->spec);
    WFC_TRY(read_file(c, "--calibrate", p->calibrate_path, samples, &out->samples));
    WFC_TRY(read_file(c, "--gradients", p->gradients_path, gradients, &out->gradients));
    if (samples) WFC_TRY(match_inputs(c, p, g, out));
    out->data.gradient = gradients ? gradient_of : NULL;
    out->data.ctx = out;
    return WFC_OK;
}

void cli_prune_data_deinit(cli_prune_data *d) {
    wfc_tensor_list_deinit(&d->samples);
    wfc_tensor_list_deinit(&d->gradients);
    wfc_free(d->inputs);
}
