/* The assembler: a whole program from text. The grammar is written out in docs/program-format.md; an example:
 *
 *   wafer 1
 *   target lab
 *   class send {
 *     array x f32[4] input
 *     desc  src = mem f32 x [4]
 *     desc  dst = out f32 q0 [4]
 *     out   q0 = c1
 *     task  t0 local main active
 *     code { main: vmov.f32 dst, src
 *            halt }
 *   }
 *   router east { c1 [R>E] }
 *   pe 0,0 class send router east { data x = f32 1 2 3 4 }
 */
#include "runtime/program/asm_parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The text of a balanced { ... } at the current token; braces inside strings do not count. */
static wfc_status raw_block(wfc_asm *a, const char **out, size_t *out_n) {
    wfc_lexer start = a->lex;
    unsigned depth = 0;
    if (!wfc_asm_at(a, "{")) return wfc_asm_expected(a, "a target's name or { JSON }");
    for (;;) {
        if (a->lex.tok.kind == WFC_TOK_END) {
            a->lex = start;
            return wfc_asm_fail(a, "this '{' is never closed");
        }
        if (wfc_asm_at(a, "{")) depth++;
        if (wfc_asm_at(a, "}") && --depth == 0) break;
        wfc_lex_next(&a->lex);
    }
    *out = start.tok.text;
    *out_n = (size_t)(a->lex.tok.text + 1 - start.tok.text);
    wfc_lex_next(&a->lex);
    return WFC_OK;
}

/* target NAME or target { JSON } */
static wfc_status target_statement(wfc_asm *a) {
    char name[64], place[512];
    const wfc_tok *t = &a->lex.tok;
    if (a->p->target.width) return wfc_asm_fail(a, "the program has a target already");
    snprintf(place, sizeof place, "%.400s:%u (target)", a->where, t->line);
    if (t->kind == WFC_TOK_NAME || t->kind == WFC_TOK_STRING) {
        bool quoted = t->kind == WFC_TOK_STRING;
        snprintf(name, sizeof name, "%.*s", t->n > 63 ? 63 : (int)(t->n - (quoted ? 2 : 0)), t->text + quoted);
        /* names only: a program text must not read other files */
        if (strchr(name, '/') || strstr(name, ".json")) return wfc_asm_expected(a, "a built-in target's name");
        wfc_status s = wfc_target_load(name, a->diag, &a->p->target);
        wfc_lex_next(&a->lex);
        return s;
    }
    const char *json = NULL;
    size_t n = 0;
    WFC_TRY(raw_block(a, &json, &n));
    return wfc_target_parse(json, n, place, a->diag, &a->p->target);
}

/* const NAME = EXPRESSION */
static wfc_status const_statement(wfc_asm *a) {
    int64_t v, old;
    if (a->lex.tok.kind != WFC_TOK_NAME) return wfc_asm_expected(a, "the constant's name");
    char *name = wfc_tok_copy(&a->lex.tok, &a->scratch);
    if (!name) return wfc_asm_no_memory(a);
    if (wfc_asm_variable(a, name, &old)) return wfc_asm_fail(a, "$%s is already defined", name);
    wfc_lex_next(&a->lex);
    WFC_TRY(wfc_asm_need(a, "="));
    WFC_TRY(wfc_asm_int(a, INT32_MIN, UINT32_MAX, "the constant", &v));
    return wfc_asm_bind(a, name, v);
}

static wfc_status top_statement(wfc_asm *a) {
    if (wfc_asm_take(a, "target")) return target_statement(a);
    if (wfc_asm_take(a, "const")) return const_statement(a);
    if (wfc_asm_at(a, "repeat")) return wfc_asm_repeat(a, top_statement);
    if (wfc_asm_take(a, "model")) return wfc_asm_text(a, "the model's name", &a->p->model_name);
    if (wfc_asm_take(a, "producer")) return wfc_asm_text(a, "the producer's name", &a->p->producer);
    if (wfc_asm_take(a, "delta_t")) return wfc_asm_double(a, &a->p->predicted_delta_t_cycles);
    if (a->p->target.width == 0) return wfc_asm_expected(a, "the target first");
    if (wfc_asm_take(a, "class")) return wfc_asm_parse_class(a);
    if (wfc_asm_take(a, "router")) return wfc_asm_parse_router(a);
    if (wfc_asm_take(a, "layer")) return wfc_asm_parse_layer(a);
    if (wfc_asm_take(a, "pe")) return wfc_asm_parse_pe(a);
    if (wfc_asm_take(a, "input")) return wfc_asm_parse_tensor(a, true);
    if (wfc_asm_take(a, "output")) return wfc_asm_parse_tensor(a, false);
    if (wfc_asm_take(a, "bulk")) return wfc_asm_parse_bulk(a);
    if (wfc_asm_take(a, "data")) return wfc_asm_parse_data_table(a);
    if (wfc_asm_take(a, "regs")) return wfc_asm_parse_regs_table(a);
    if (wfc_asm_take(a, "runs")) return wfc_asm_parse_runs_table(a);
    return wfc_asm_expected(a, "target, const, repeat, model, producer, delta_t, class, router, layer, pe, input, "
                               "output, bulk, data, regs or runs");
}

static int by_place(const void *left, const void *right) {
    const wfc_prog_pe *a = left, *b = right;
    uint32_t ka = (uint32_t)a->y << 16 | a->x, kb = (uint32_t)b->y << 16 | b->x;
    return ka < kb ? -1 : ka > kb;
}

/* PEs may be written in any order, each once. */
static wfc_status sort_pes(wfc_asm *a) {
    if (a->pes.count) qsort(a->pes.data, a->pes.count, sizeof *a->pes.data, by_place);
    for (size_t i = 1; i < a->pes.count; i++)
        if (by_place(&a->pes.data[i - 1], &a->pes.data[i]) == 0)
            return wfc_fail(a->diag, WFC_ERR_INPUT, "WFC-E1102", a->where, "PE %u,%u is written twice",
                            a->pes.data[i].x, a->pes.data[i].y);
    return WFC_OK;
}

static wfc_status finish(wfc_asm *a) {
    wfc_program *p = a->p;
    if (p->target.width == 0) return wfc_asm_fail(a, "the program names no target");
    WFC_TRY(sort_pes(a));
    bool ok = true;
#define KEEP(vec, field, count_field)                                                                                  \
    do {                                                                                                               \
        ok = ok && a->vec.count <= UINT32_MAX;                                                                         \
        p->count_field = (uint32_t)a->vec.count;                                                                       \
        p->field = wfc_asm_keep(a, a->vec.data, a->vec.count, sizeof *a->vec.data);                                    \
        ok = ok && p->field;                                                                                           \
    } while (0)
    KEEP(classes, classes, class_count);
    KEEP(routers, routers, router_count);
    KEEP(pes, pes, pe_count);
    KEEP(data, data, data_count);
    KEEP(regs, regs, regs_count);
    KEEP(runs, runs, run_count);
    KEEP(inputs, inputs, input_count);
    KEEP(outputs, outputs, output_count);
    KEEP(layers, layers, layer_count);
#undef KEEP
    p->bulk_bytes = a->bulk.count;
    p->bulk = wfc_asm_keep(a, a->bulk.data, a->bulk.count, 1);
    return ok && p->bulk ? WFC_OK : wfc_asm_no_memory(a);
}

static void deinit(wfc_asm *a) {
    wfc_symbols *tables[] = {&a->vars,     &a->class_names,  &a->router_names, &a->layer_names,
                             &a->c.labels, &a->c.desc_names, &a->c.array_names};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) wfc_symbols_deinit(tables[i]);
    wfc_vec_free(&a->c.insns);
    wfc_vec_free(&a->c.descs);
    wfc_vec_free(&a->c.tasks);
    wfc_vec_free(&a->c.in_queues);
    wfc_vec_free(&a->c.out_queues);
    wfc_vec_free(&a->c.arrays);
    wfc_vec_free(&a->c.placed);
    wfc_vec_free(&a->classes);
    wfc_vec_free(&a->routers);
    wfc_vec_free(&a->pes);
    wfc_vec_free(&a->data);
    wfc_vec_free(&a->regs);
    wfc_vec_free(&a->runs);
    wfc_vec_free(&a->inputs);
    wfc_vec_free(&a->outputs);
    wfc_vec_free(&a->layers);
    wfc_buf_deinit(&a->bulk);
    wfc_arena_deinit(&a->scratch);
}

static wfc_status parse(wfc_asm *a) {
    int64_t version;
    WFC_TRY(wfc_asm_need(a, "wafer"));
    WFC_TRY(wfc_asm_int(a, WFC_PROGRAM_VERSION, WFC_PROGRAM_VERSION, "the text's version", &version));
    a->p->model_name = wfc_arena_strdup(&a->p->arena, "");
    a->p->producer = wfc_arena_strdup(&a->p->arena, "waferc " WFC_VERSION);
    if (!a->p->model_name || !a->p->producer) return wfc_asm_no_memory(a);
    while (a->lex.tok.kind != WFC_TOK_END) WFC_TRY(top_statement(a));
    return finish(a);
}

wfc_status wfc_program_parse(const char *text, size_t n, const char *where, wfc_diag *diag, wfc_program *out) {
    wfc_asm a = {.where = where ? where : "text", .diag = diag, .p = out};
    wfc_program_init(out);
    wfc_arena_init(&a.scratch);
    wfc_lex_init(&a.lex, text, n);
    wfc_status s = parse(&a);
    deinit(&a);
    if (s != WFC_OK) wfc_program_deinit(out);
    return s;
}
