/* The assembler's state and its small grammar helpers; asm.c has the grammar. Every function that can fail has told the
 * diagnostics with file:line:column before it returns. */
#ifndef WFC_PROGRAM_ASM_PARSE_H
#define WFC_PROGRAM_ASM_PARSE_H

#include "runtime/program/asm_lex.h"
#include "runtime/program/program.h"

/* The class being read. Its body is read twice: pass 1 learns names, sizes and labels, pass 2 makes the records. */
typedef struct wfc_asm_class {
    int pass;
    WFC_VEC(wfc_insn) insns;
    WFC_VEC(wfc_desc) descs;
    WFC_VEC(wfc_prog_task) tasks;
    WFC_VEC(wfc_prog_binding) in_queues;
    WFC_VEC(wfc_prog_binding) out_queues;
    WFC_VEC(wfc_prog_array) arrays;
    WFC_VEC(bool) placed; /* per array: the source gives its address */
    wfc_symbols labels, desc_names, array_names;
    uint64_t descs_used; /* bit per descriptor number taken */
} wfc_asm_class;

typedef struct wfc_asm {
    wfc_lexer lex;
    const char *where;
    wfc_diag *diag;
    wfc_program *p;    /* result; its arena holds everything that stays */
    wfc_arena scratch; /* names of this run */
    wfc_symbols vars;  /* constants, repeat variables, $x and $y */
    wfc_symbols class_names, router_names, layer_names;
    uint64_t repeats; /* bodies repeated so far, against runaway text */
    unsigned depth;   /* of nested blocks, against runaway recursion */
    wfc_asm_class c;
    WFC_VEC(wfc_prog_class) classes;
    WFC_VEC(wfc_prog_router) routers;
    WFC_VEC(wfc_prog_pe) pes;
    WFC_VEC(wfc_prog_data) data;
    WFC_VEC(uint32_t) regs;
    WFC_VEC(wfc_prog_run) runs;
    WFC_VEC(wfc_prog_tensor) inputs;
    WFC_VEC(wfc_prog_tensor) outputs;
    WFC_VEC(wfc_prog_layer) layers;
    wfc_buf bulk;
} wfc_asm;

/* An error at the current token: fmt says what was expected or what to do; the token found is added by _expected. */
wfc_status wfc_asm_fail(wfc_asm *a, const char *fmt, ...) WFC_PRINTF(2, 3);
wfc_status wfc_asm_expected(wfc_asm *a, const char *what);
wfc_status wfc_asm_no_memory(wfc_asm *a);
/* $NAME has a value here. */
bool wfc_asm_variable(const wfc_asm *a, const char *name, int64_t *out);
WFC_MUST_USE wfc_status wfc_asm_variable_value(wfc_asm *a, int64_t *out);          /* the current token is a $name */
WFC_MUST_USE wfc_status wfc_asm_bind(wfc_asm *a, const char *name, int64_t value); /* name must outlive the run */
WFC_MUST_USE wfc_status wfc_asm_unbind(wfc_asm *a, const char *name);

bool wfc_asm_at(const wfc_asm *a, const char *text); /* current token is this name or punctuation */
bool wfc_asm_take(wfc_asm *a, const char *text);     /* and is skipped if so */
WFC_MUST_USE wfc_status wfc_asm_need(wfc_asm *a, const char *text);
/* An integer expression: numbers, $names, + - * / % and parentheses; within [min, max]. */
WFC_MUST_USE wfc_status wfc_asm_int(wfc_asm *a, int64_t min, int64_t max, const char *what, int64_t *out);
/* A number without operators, for lists where + and - would be ambiguous. */
WFC_MUST_USE wfc_status wfc_asm_u32(wfc_asm *a, const char *what, uint32_t *out);
WFC_MUST_USE wfc_status wfc_asm_u16(wfc_asm *a, const char *what, uint16_t *out);
WFC_MUST_USE wfc_status wfc_asm_u64(wfc_asm *a, const char *what, uint64_t *out);
/* A string of hexadecimal digit pairs, appended to out. */
WFC_MUST_USE wfc_status wfc_asm_hex(wfc_asm *a, wfc_buf *out);
/* A decimal or hexadecimal number with fraction, for predictions. */
WFC_MUST_USE wfc_status wfc_asm_double(wfc_asm *a, double *out);
/* A name or a string, into the program's arena. */
WFC_MUST_USE wfc_status wfc_asm_text(wfc_asm *a, const char *what, const char **out);
/* A letter and a number in one name, like r3, d12, q0, c5, ut1, t7: true and skipped if the current token is one. */
bool wfc_asm_numbered(wfc_asm *a, const char *prefix, unsigned limit, unsigned *out);
WFC_MUST_USE wfc_status wfc_asm_need_numbered(wfc_asm *a, const char *prefix, unsigned limit, unsigned *out);
WFC_MUST_USE wfc_status wfc_asm_type(wfc_asm *a, unsigned limit, uint8_t *out); /* element type name */
/* `repeat NAME FROM..TO { body }`: calls `statement` for each statement of the body with $NAME bound. */
typedef wfc_status (*wfc_asm_statement)(wfc_asm *a);
WFC_MUST_USE wfc_status wfc_asm_repeat(wfc_asm *a, wfc_asm_statement statement);
/* `{ statement... }` */
WFC_MUST_USE wfc_status wfc_asm_block(wfc_asm *a, wfc_asm_statement statement);
/* Decimal text to double whatever the locale; false when it is not a number as a whole. */
bool wfc_asm_strtod(const char *text, size_t n, double *out);

/* asm_class.c: `class NAME { ... }`; asm_code.c: the statements of `code { ... }`; asm_data.c: tables and `data`. */
WFC_MUST_USE wfc_status wfc_asm_parse_class(wfc_asm *a);
WFC_MUST_USE wfc_status wfc_asm_code_statement(wfc_asm *a);
/* ARRAY[+OFFSET] or a number: an address in the class being read (cls NULL) or a finished class. */
WFC_MUST_USE wfc_status wfc_asm_address(wfc_asm *a, const wfc_prog_class *cls, uint16_t *out);
WFC_MUST_USE wfc_status wfc_asm_ctl(wfc_asm *a, uint16_t *out); /* ctl(...) or a number */
WFC_MUST_USE wfc_status wfc_asm_parse_bulk(wfc_asm *a);
WFC_MUST_USE wfc_status wfc_asm_parse_data_table(wfc_asm *a);
WFC_MUST_USE wfc_status wfc_asm_parse_regs_table(wfc_asm *a);
WFC_MUST_USE wfc_status wfc_asm_parse_runs_table(wfc_asm *a);
/* The values after `data ADDRESS =`: appended to bulk. */
WFC_MUST_USE wfc_status wfc_asm_values(wfc_asm *a, uint64_t *out_offset, uint64_t *out_bytes);
WFC_MUST_USE wfc_status wfc_asm_regs_list(wfc_asm *a, uint32_t *out_count); /* [1, 2, ...] appended to regs */
WFC_MUST_USE wfc_status wfc_asm_runs_list(wfc_asm *a, uint32_t *out_count, uint64_t *out_elements);
/* FIRST:COUNT of a table. */
WFC_MUST_USE wfc_status wfc_asm_range(wfc_asm *a, uint32_t *out_first, uint32_t *out_count);

/* asm_fabric.c: routers, PEs, tensors with their streams, layers. */
WFC_MUST_USE wfc_status wfc_asm_parse_router(wfc_asm *a);
WFC_MUST_USE wfc_status wfc_asm_parse_pe(wfc_asm *a);
WFC_MUST_USE wfc_status wfc_asm_parse_tensor(wfc_asm *a, bool is_input);
WFC_MUST_USE wfc_status wfc_asm_parse_layer(wfc_asm *a);

/* Copies a vector into the program's arena. */
void *wfc_asm_keep(wfc_asm *a, const void *data, size_t count, size_t size);

#endif
