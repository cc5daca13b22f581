/* A recipe is one mapping `sparsity` of keys to scalars and lists; what a key does is a record below. */
#include "cli/recipe.h"
#include "support/file.h"
#include "support/mem.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

static const size_t k_max_bytes = (size_t)1 << 20;

typedef struct recipe {
    cli_context *c;
    const char *path;
    yaml_document_t *doc;
    wfc_prune_spec *spec;
    bool has_sparsity;
    double sparsity; /* as said, when has_sparsity and no list */
} recipe;

static wfc_status bad(const recipe *r, const yaml_node_t *n, const char *fmt, ...) WFC_PRINTF(3, 4);
static wfc_status bad(const recipe *r, const yaml_node_t *n, const char *fmt, ...) {
    char text[512], where[1100];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    snprintf(where, sizeof where, "%.1000s:%zu", r->path, n ? n->start_mark.line + 1 : (size_t)1);
    return wfc_fail(&r->c->diag, WFC_ERR_INPUT, "WFC-E0043", where, "%s", text);
}

/* ---- Values ---- */

/* Text of a scalar without NUL bytes. */
static wfc_status scalar(const recipe *r, const yaml_node_t *n, const char *key, const char **out) {
    *out = "";
    if (n->type != YAML_SCALAR_NODE) return bad(r, n, "%s: expected one value", key);
    *out = (const char *)n->data.scalar.value;
    return strlen(*out) == n->data.scalar.length ? WFC_OK : bad(r, n, "%s: a NUL byte in its value", key);
}

/* A number in [0, 1), or in [0, 1]. */
static wfc_status share(const recipe *r, const yaml_node_t *n, const char *key, bool or_one, double *out) {
    const char *text;
    char *end;
    WFC_TRY(scalar(r, n, key, &text));
    bool plain = (*text == '.' || (*text >= '0' && *text <= '9')) && !strpbrk(text, "xX");
    *out = plain ? strtod(text, &end) : -1;
    if (plain && !*end && *out >= 0 && (*out < 1 || (or_one && *out == 1))) return WFC_OK;
    return bad(r, n, "%s: '%.60s' is no number from 0 to%s 1", key, text, or_one ? "" : " below");
}

typedef struct strings {
    const yaml_node_t *node; /* a scalar or a sequence of scalars */
    size_t count;
} strings;

static wfc_status string_at(const recipe *r, const strings *s, const char *key, size_t i, const yaml_node_t **node,
                            const char **out) {
    *node = s->node->type == YAML_SEQUENCE_NODE ? yaml_document_get_node(r->doc, s->node->data.sequence.items.start[i])
                                                : s->node;
    return scalar(r, *node, key, out);
}

static strings strings_of(const yaml_node_t *n) {
    bool list = n->type == YAML_SEQUENCE_NODE;
    return (strings){n, list ? (size_t)(n->data.sequence.items.top - n->data.sequence.items.start) : 1};
}

static wfc_status add_rule(const recipe *r, const yaml_node_t *n, const char *glob, wfc_prune_rule **out) {
    wfc_prune_spec *s = r->spec;
    if (s->rule_count == WFC_PRUNE_MAX_RULES) return bad(r, n, "more than %d globs", (int)WFC_PRUNE_MAX_RULES);
    wfc_prune_rule *rule = &s->rules[s->rule_count++];
    *rule = (wfc_prune_rule){.sparsity = NAN, .min = NAN, .max = NAN};
    if (!*glob || strlen(glob) >= sizeof rule->glob)
        return bad(r, n, "a glob of %zu bytes, expected 1 to %zu", strlen(glob), sizeof rule->glob - 1);
    strcpy(rule->glob, glob);
    *out = rule;
    return WFC_OK;
}

/* ---- Keys ---- */

/* `rule`: of the layer that is spoken of; NULL: of the whole. */
typedef struct recipe_key {
    const char *name;
    wfc_status (*set)(recipe *r, const yaml_node_t *n, const char *key, wfc_prune_rule *rule);
} recipe_key;

static wfc_status set_algorithm(recipe *r, const yaml_node_t *n, const char *key, wfc_prune_rule *rule) {
    const char *text;
    (void)rule;
    WFC_TRY(scalar(r, n, key, &text));
    if (strcmp(text, "static") == 0) return WFC_OK;
    return bad(r, n, "algorithm: '%.60s' changes masks in training, which is not done here; only 'static' is", text);
}

static wfc_status set_method(recipe *r, const yaml_node_t *n, const char *key, wfc_prune_rule *rule) {
    const char *text, *name, *doc;
    (void)rule;
    WFC_TRY(scalar(r, n, key, &text));
    if (wfc_prune_set_criterion(r->spec, strcmp(text, "topk") == 0 ? "magnitude" : text)) return WFC_OK;
    wfc_buf names = {0};
    for (unsigned i = 0; wfc_prune_criterion_text(i, &name, &doc); i++) wfc_buf_printf(&names, ", %s", name);
    wfc_status s = bad(r, n, "init_method: '%.60s' is none of topk%s", text, names.failed ? "" : names.data);
    wfc_buf_deinit(&names);
    return s;
}

static wfc_status set_sparsity(recipe *r, const yaml_node_t *n, const char *key, wfc_prune_rule *rule) {
    strings s = strings_of(n);
    if (rule) return share(r, n, key, false, &rule->sparsity);
    r->has_sparsity = true;
    if (n->type != YAML_SEQUENCE_NODE) return share(r, n, key, false, &r->sparsity);
    if (s.count < 2) return bad(r, n, "sparsity: a list holds one number for each layer, at least two");
    wfc_buf text = {0};
    wfc_status status = WFC_OK;
    const char *at;
    for (size_t i = 0; i < s.count && status == WFC_OK; i++) {
        const yaml_node_t *item;
        double ignored;
        status = string_at(r, &s, key, i, &item, &at);
        if (status == WFC_OK) status = share(r, item, key, false, &ignored);
        if (status == WFC_OK) wfc_buf_printf(&text, "%s%s", i ? "," : "", at);
    }
    if (status == WFC_OK && text.failed) status = wfc_fail_memory(&r->c->diag);
    if (status == WFC_OK && !wfc_prune_set_sparsity(r->spec, text.data))
        status = bad(r, n, "sparsity: too long a list");
    wfc_buf_deinit(&text);
    return status;
}

/* Words of --prune under a key: with `before` in front of them. */
static wfc_status set_word(recipe *r, const yaml_node_t *n, const char *key, const char *before) {
    const char *text;
    char word[80];
    WFC_TRY(scalar(r, n, key, &text));
    snprintf(word, sizeof word, "%s%.60s", before, text);
    if (strlen(text) <= 60 && wfc_prune_set_word(r->spec, word)) return WFC_OK;
    return bad(r, n, "%s: '%.60s' is none, see docs/sparsity.md", key, text);
}

static wfc_status set_scope(recipe *r, const yaml_node_t *n, const char *key, wfc_prune_rule *rule) {
    const wfc_prune_distribution *before = r->spec->distribution;
    (void)rule;
    WFC_TRY(set_word(r, n, key, ""));
    return before == r->spec->distribution ? WFC_OK : bad(r, n, "scope: expected layer, row or global");
}

static wfc_status set_distribution(recipe *r, const yaml_node_t *n, const char *key, wfc_prune_rule *rule) {
    const wfc_prune_distribution *before = r->spec->distribution;
    (void)rule;
    WFC_TRY(set_word(r, n, key, ""));
    return before != r->spec->distribution ? WFC_OK
                                           : bad(r, n, "distribution: expected uniform, first-dense, uniform+ or erk");
}

static wfc_status set_seed(recipe *r, const yaml_node_t *n, const char *key, wfc_prune_rule *rule) {
    (void)rule;
    return set_word(r, n, key, "seed=");
}

static wfc_status set_rounds(recipe *r, const yaml_node_t *n, const char *key, wfc_prune_rule *rule) {
    (void)rule;
    return set_word(r, n, key, "rounds=");
}

static wfc_status set_structure(recipe *r, const yaml_node_t *n, const char *key, wfc_prune_rule *rule) {
    const char *text;
    (void)rule;
    WFC_TRY(scalar(r, n, key, &text));
    if (strcmp(text, "unstructured") == 0) return WFC_OK;
    if (strcmp(text, "filter") == 0 || strcmp(text, "channel") == 0) {
        r->spec->filters = true;
        return WFC_OK;
    }
    if (strncmp(text, "block_", 6) == 0) {
        char word[40];
        snprintf(word, sizeof word, "block=%.30s", text + 6);
        if (wfc_prune_set_word(r->spec, word)) return WFC_OK;
    }
    if (strchr(text, ':') && wfc_prune_set_sparsity(r->spec, text)) return WFC_OK;
    return bad(r, n, "mask_structure: '%.60s' is none of unstructured, filter, channel, block_RxC and N:M", text);
}

static wfc_status set_filter(recipe *r, const yaml_node_t *n, const char *key, wfc_prune_rule *rule) {
    strings s = strings_of(n);
    for (size_t i = 0; i < s.count; i++) {
        const yaml_node_t *item;
        const char *glob;
        WFC_TRY(string_at(r, &s, key, i, &item, &glob));
        WFC_TRY(add_rule(r, item, glob, &rule));
        *(strcmp(key, "ignore") == 0 ? &rule->ignore : &rule->only) = true;
    }
    return WFC_OK;
}

/* Of all layers when no layer is said: a rule in front of the layers' own. */
static wfc_status set_bound(recipe *r, const yaml_node_t *n, const char *key, wfc_prune_rule *rule) {
    if (!rule) WFC_TRY(add_rule(r, n, "*", &rule));
    return share(r, n, key, true, key[1] == 'i' ? &rule->min : &rule->max);
}

static wfc_status set_layers(recipe *r, const yaml_node_t *n, const char *key, wfc_prune_rule *rule);

static const recipe_key k_layer_keys[] = {{"sparsity", set_sparsity},
                                          {"min_sparsity_ratio_per_op", set_bound},
                                          {"max_sparsity_ratio_per_op", set_bound},
                                          {NULL, NULL}};
/* In the order in which they take effect: what is said of single layers last. */
static const recipe_key k_keys[] = {{"algorithm", set_algorithm},
                                    {"init_method", set_method},
                                    {"sparsity", set_sparsity},
                                    {"scope", set_scope},
                                    {"distribution", set_distribution},
                                    {"mask_structure", set_structure},
                                    {"seed", set_seed},
                                    {"rounds", set_rounds},
                                    {"min_sparsity_ratio_per_op", set_bound},
                                    {"max_sparsity_ratio_per_op", set_bound},
                                    {"param_filter", set_filter},
                                    {"ignore", set_filter},
                                    {"layers", set_layers},
                                    {NULL, NULL}};

static const yaml_node_t *lookup(const recipe *r, const yaml_node_t *map, const char *name) {
    for (const yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++) {
        const yaml_node_t *k = yaml_document_get_node(r->doc, p->key);
        if (k->type == YAML_SCALAR_NODE && strcmp((const char *)k->data.scalar.value, name) == 0)
            return yaml_document_get_node(r->doc, p->value);
    }
    return NULL;
}

/* Every key is known and there once. */
static wfc_status check_keys(const recipe *r, const yaml_node_t *map, const recipe_key *keys) {
    for (const yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++) {
        const yaml_node_t *n = yaml_document_get_node(r->doc, p->key);
        const char *text;
        const recipe_key *k = keys;
        WFC_TRY(scalar(r, n, "a key", &text));
        while (k->name && strcmp(k->name, text) != 0) k++;
        if (k->name && lookup(r, map, text) == yaml_document_get_node(r->doc, p->value)) continue;
        if (k->name) return bad(r, n, "the key '%.60s' is there twice", text);
        wfc_buf names = {0};
        for (k = keys; k->name; k++) wfc_buf_printf(&names, "%s%s", k == keys ? "" : ", ", k->name);
        wfc_status s = bad(r, n, "unknown key '%.60s'; expected %s", text, names.failed ? "" : names.data);
        wfc_buf_deinit(&names);
        return s;
    }
    return WFC_OK;
}

static wfc_status set_keys(recipe *r, const yaml_node_t *map, const recipe_key *keys, wfc_prune_rule *rule) {
    if (map->type != YAML_MAPPING_NODE) return bad(r, map, "expected keys and values");
    WFC_TRY(check_keys(r, map, keys));
    for (; keys->name; keys++) {
        const yaml_node_t *value = lookup(r, map, keys->name);
        if (value) WFC_TRY(keys->set(r, value, keys->name, rule));
    }
    return WFC_OK;
}

/* layers: { "GLOB": { sparsity: .. }, ... }, later ones win. */
static wfc_status set_layers(recipe *r, const yaml_node_t *n, const char *key, wfc_prune_rule *rule) {
    if (n->type != YAML_MAPPING_NODE) return bad(r, n, "%s: expected globs with keys and values", key);
    for (const yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top; p++) {
        const yaml_node_t *name = yaml_document_get_node(r->doc, p->key);
        const char *glob;
        WFC_TRY(scalar(r, name, key, &glob));
        WFC_TRY(add_rule(r, name, glob, &rule));
        WFC_TRY(set_keys(r, yaml_document_get_node(r->doc, p->value), k_layer_keys, rule));
    }
    return WFC_OK;
}

/* ---- The file ---- */

static wfc_status finish(recipe *r, const yaml_node_t *map) {
    char why[WFC_PRUNE_WHY_BYTES];
    if (!r->has_sparsity && !r->spec->of) return bad(r, map, "it says no sparsity");
    if (r->spec->of && r->has_sparsity && (r->spec->list_count || fabs(r->sparsity - r->spec->sparsity) > 1e-9))
        return bad(r, map, "mask_structure %u:%u is a sparsity of %g, but sparsity says something else", r->spec->keep,
                   r->spec->of, r->spec->sparsity);
    if (!r->spec->of && !r->spec->list_count) r->spec->sparsity = r->sparsity;
    if (!r->spec->criterion) return bad(r, map, "it says no init_method");
    return wfc_prune_finish(r->spec, why) ? WFC_OK : bad(r, map, "%s", why);
}

static wfc_status read_document(recipe *r) {
    static const recipe_key top[] = {{"sparsity", NULL}, {NULL, NULL}};
    const yaml_node_t *root = yaml_document_get_root_node(r->doc);
    if (!root) return bad(r, NULL, "the file is empty; expected a mapping 'sparsity'");
    if (root->type != YAML_MAPPING_NODE) return bad(r, root, "expected a mapping 'sparsity'");
    WFC_TRY(check_keys(r, root, top));
    const yaml_node_t *map = lookup(r, root, "sparsity");
    if (!map) return bad(r, root, "there is no mapping 'sparsity'");
    WFC_TRY(set_keys(r, map, k_keys, NULL));
    return finish(r, map);
}

static wfc_status parse(recipe *r, yaml_parser_t *parser) {
    yaml_document_t doc;
    if (!yaml_parser_load(parser, &doc)) {
        if (parser->error == YAML_MEMORY_ERROR) return wfc_fail_memory(&r->c->diag);
        yaml_node_t at = {.start_mark = parser->problem_mark};
        return bad(r, &at, "no YAML: %s", parser->problem ? parser->problem : "it cannot be read");
    }
    r->doc = &doc;
    wfc_status s = read_document(r);
    yaml_document_delete(&doc);
    return s;
}

wfc_status cli_recipe_read(cli_context *c, const char *path, wfc_prune_spec *out) {
    recipe r = {.c = c, .path = path, .spec = out};
    yaml_parser_t parser;
    uint8_t *bytes;
    size_t size;
    wfc_prune_begin(out);
    WFC_TRY(wfc_file_read(path, k_max_bytes, &c->diag, &bytes, &size));
    wfc_status s = yaml_parser_initialize(&parser) ? WFC_OK : wfc_fail_memory(&c->diag);
    if (s == WFC_OK) {
        yaml_parser_set_input_string(&parser, bytes, size);
        s = parse(&r, &parser);
        yaml_parser_delete(&parser);
    }
    wfc_free(bytes);
    return s;
}
