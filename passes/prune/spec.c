/* --prune's text, and which parts of it go together. */
#include "passes/prune/distribution.h"
#include "passes/prune/pruning.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const scope_names[] = {"layer", "row", "global"}; /* by wfc_prune_scope */
enum { SCOPE_UNSAID = 3, ROUNDS_MAX = 10000 };

/* A decimal number in [0, 1) up to `end`; no blanks, signs, "nan", hexadecimals. */
static bool parse_share(const char *text, const char *end, double *out) {
    char *stop;
    if (*text != '.' && (*text < '0' || *text > '9')) return false;
    *out = strtod(text, &stop);
    return stop == end && !memchr(text, 'x', (size_t)(end - text)) && *out >= 0 && *out < 1;
}

static bool parse_count(const char *text, char until, uint64_t most, uint64_t *out, const char **out_end) {
    uint64_t v = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (v > (most - (uint64_t)(*at - '0')) / 10) return false;
        v = v * 10 + (uint64_t)(*at - '0');
    }
    *out = v;
    if (out_end) *out_end = at + 1;
    return at > text && *at == until;
}

void wfc_prune_begin(wfc_prune_spec *s) {
    memset(s, 0, sizeof *s);
    s->scope = (wfc_prune_scope)SCOPE_UNSAID;
}

bool wfc_prune_set_criterion(wfc_prune_spec *s, const char *name) {
    s->criterion = wfc_prune_criterion_find(name);
    return s->criterion != NULL;
}

bool wfc_prune_set_sparsity(wfc_prune_spec *s, const char *text) {
    uint64_t keep, of;
    const char *rest;
    if (parse_count(text, ':', WFC_PRUNE_MAX_SIDE, &keep, &rest) && keep > 0) {
        if (!parse_count(rest, '\0', WFC_PRUNE_MAX_SIDE, &of, NULL) || keep > of) return false;
        s->keep = (uint32_t)keep;
        s->of = (uint32_t)of;
        s->sparsity = 1 - (double)keep / (double)of;
        return true;
    }
    if (!strchr(text, ',')) return parse_share(text, text + strlen(text), &s->sparsity);
    for (const char *at = text; at;) {
        const char *comma = strchr(at, ',');
        if (s->list_count == WFC_PRUNE_MAX_LIST) return false;
        if (!parse_share(at, comma ? comma : at + strlen(at), &s->list[s->list_count++])) return false;
        at = comma ? comma + 1 : NULL;
    }
    return true;
}

bool wfc_prune_set_word(wfc_prune_spec *s, const char *word) {
    uint64_t a, b;
    const char *rest;
    for (unsigned i = 0; i < SCOPE_UNSAID; i++)
        if (strcmp(word, scope_names[i]) == 0) return s->scope = (wfc_prune_scope)i, true;
    if (wfc_prune_distribution_find(word)) return s->distribution = wfc_prune_distribution_find(word), true;
    if (strcmp(word, "filter") == 0) return s->filters = true, true;
    if (strncmp(word, "seed=", 5) == 0) return parse_count(word + 5, '\0', UINT64_MAX, &s->seed, NULL);
    if (strncmp(word, "rounds=", 7) == 0) {
        if (!parse_count(word + 7, '\0', ROUNDS_MAX, &a, NULL) || a == 0) return false;
        s->rounds = (uint32_t)a;
        return true;
    }
    if (strncmp(word, "block=", 6) != 0 || !parse_count(word + 6, 'x', WFC_PRUNE_MAX_SIDE, &a, &rest) ||
        !parse_count(rest, '\0', WFC_PRUNE_MAX_SIDE, &b, NULL) || a == 0 || b == 0)
        return false;
    s->block_rows = (uint32_t)a;
    s->block_columns = (uint32_t)b;
    return true;
}

/* Why the parts do not go together; NULL when they do. */
static const char *clash(const wfc_prune_spec *s, bool scope_said) {
    bool solves = s->criterion->solve != NULL, by_rule = false;
    for (uint32_t i = 0; i < s->rule_count; i++) by_rule |= !s->rules[i].ignore && !s->rules[i].only;
    if (s->of && (scope_said || s->distribution || s->block_rows || by_rule))
        return "N:M says by itself how many go, and where: it takes no scope, distribution, block or sparsity of a "
               "layer";
    if (s->scope == WFC_PRUNE_GLOBAL && (s->distribution || s->list_count))
        return "one threshold over all layers shares out the sparsity by itself: global takes no distribution and no "
               "list";
    if (s->list_count && s->distribution) return "a list says each layer's sparsity: it takes no distribution";
    if (s->block_rows && s->scope == WFC_PRUNE_ROW) return "blocks are compared by layer or over all, not by row";
    if (s->filters &&
        (scope_said || s->distribution || s->list_count || s->of || s->block_rows || by_rule || s->rounds))
        return "filter removes the same share of each set of channels: it takes no scope, distribution, list, other "
               "structure, rounds or sparsity of a layer";
    if (solves && (s->filters || s->block_rows || s->scope != WFC_PRUNE_LAYER))
        return "this criterion chooses within a layer as it corrects the rest: it takes scope layer, and no blocks";
    if (s->rounds && !s->criterion->rounds) return "this criterion has no rounds";
    return NULL;
}

bool wfc_prune_finish(wfc_prune_spec *s, char why[WFC_PRUNE_WHY_BYTES]) {
    bool said = s->scope != (wfc_prune_scope)SCOPE_UNSAID,
         layers = s->distribution || s->list_count || s->of || s->filters;
    if (!s->criterion) return snprintf(why, WFC_PRUNE_WHY_BYTES, "it names no criterion"), false;
    if (!said) s->scope = layers ? WFC_PRUNE_LAYER : s->criterion->scope;
    const char *text = clash(s, said);
    if (text) return snprintf(why, WFC_PRUNE_WHY_BYTES, "%s", text), false;
    if (s->scope != WFC_PRUNE_GLOBAL && !s->distribution) s->distribution = wfc_prune_distribution_find("uniform");
    if (!s->rounds) s->rounds = s->criterion->rounds && !s->filters ? s->criterion->rounds : 1;
    return true;
}

static bool parse_parts(char *text, wfc_prune_spec *out, char why[WFC_PRUNE_WHY_BYTES]) {
    char *colon = strchr(text, ':'), *next;
    if (colon) *colon = '\0';
    if (!wfc_prune_set_criterion(out, text))
        return snprintf(why, WFC_PRUNE_WHY_BYTES, "'%.60s' is no criterion", text), false;
    if (!colon) return snprintf(why, WFC_PRUNE_WHY_BYTES, "it says no sparsity"), false;
    next = colon + 1;
    if ((colon = strchr(next, ':'))) { /* N:M holds a colon itself */
        uint64_t keep;
        if (parse_count(next, ':', WFC_PRUNE_MAX_SIDE, &keep, NULL) && keep > 0) colon = strchr(colon + 1, ':');
    }
    for (bool first = true; next; first = false) {
        if (colon) *colon = '\0';
        if (first && !wfc_prune_set_sparsity(out, next))
            return snprintf(why, WFC_PRUNE_WHY_BYTES,
                            "'%.60s' is no sparsity: neither 0 <= S < 1 nor a list of such nor N:M", next),
                   false;
        if (!first && !wfc_prune_set_word(out, next))
            return snprintf(why, WFC_PRUNE_WHY_BYTES,
                            "'%.60s' is no scope, distribution, block=RxC, filter, seed=N or rounds=N", next),
                   false;
        next = colon ? colon + 1 : NULL;
        colon = next ? strchr(next, ':') : NULL;
    }
    return wfc_prune_finish(out, why);
}

bool wfc_prune_parse(const char *text, wfc_prune_spec *out, char why[WFC_PRUNE_WHY_BYTES]) {
    wfc_prune_begin(out);
    char *copy = wfc_strdup(text);
    if (!copy) return snprintf(why, WFC_PRUNE_WHY_BYTES, "there is no memory for it"), false;
    bool ok = parse_parts(copy, out, why);
    wfc_free(copy);
    return ok;
}

bool wfc_prune_wants_samples(const wfc_prune_spec *s) {
    return s->criterion->wants_samples;
}

bool wfc_prune_wants_gradients(const wfc_prune_spec *s) {
    return s->criterion->wants_gradients;
}
