/* Instructions as text: MNEMONIC[.type][.sat|.drop] D, A, B [async utN [act] [ublk] [tN]]; labels `name:`;
 * `loop COUNT { ... }`; `repeat`; `raw "hex"` for words that are no instruction. */
#include "runtime/program/asm_parse.h"
#include "runtime/program/isa_check.h"

#include <stdio.h>
#include <string.h>

/* The longest prefix of the word that is a mnemonic; the rest is suffixes. */
static const wfc_isa_record *split_mnemonic(const wfc_tok *t, const char **out_suffix) {
    char word[40];
    if (t->kind != WFC_TOK_NAME || t->n >= sizeof word) return NULL;
    memcpy(word, t->text, t->n);
    word[t->n] = '\0';
    for (;;) {
        const wfc_isa_record *isa = wfc_isa_find(word);
        *out_suffix = t->text + strlen(word);
        if (isa) return isa;
        char *dot = strrchr(word, '.');
        if (!dot) return NULL;
        *dot = '\0';
    }
}

/* Suffixes of the mnemonic: .type, a second .type for cvt, .sat, .drop */
static wfc_status suffixes(wfc_asm *a, const wfc_isa_record *isa, const char *at, wfc_insn *in) {
    const char *end = a->lex.tok.text + a->lex.tok.n;
    unsigned types = 0, wanted = isa->op == WFC_OP_CVT ? 2 : isa->types ? 1 : 0;
    while (at < end) {
        char word[8];
        wfc_dtype type;
        const char *start = ++at; /* behind the dot */
        while (at < end && *at != '.') at++;
        snprintf(word, sizeof word, "%.*s", (int)(at - start > 7 ? 7 : at - start), start);
        if (strcmp(word, "sat") == 0 || strcmp(word, "drop") == 0) {
            in->flags |= WFC_FLAG_SAT;
        } else if (wfc_dtype_parse(word, &type) && (unsigned)type < WFC_NUM_PE_DTYPES && types < wanted) {
            if (types++ == 0)
                in->type = (uint8_t)type;
            else
                in->b = (uint8_t)type;
        } else {
            return wfc_asm_fail(a, "'%s' is not a suffix of %s", word, isa->mnemonic);
        }
    }
    if (types < wanted)
        return wfc_asm_fail(a, "%s needs %s, as in %s.f32%s", isa->mnemonic,
                            wanted == 2 ? "two element types" : "an element type", isa->mnemonic,
                            wanted == 2 ? ".i32" : "");
    return WFC_OK;
}

static wfc_status operand(wfc_asm *a, unsigned kinds, uint8_t *out) {
    unsigned n;
    int64_t index;
    char name[128];
    bool descs = kinds & (WFC_OPND_IS_MEM | WFC_OPND_IS_IN | WFC_OPND_IS_OUT | WFC_OPND_IS_ANY_DESC);
    if ((kinds & WFC_OPND_IS_REG) && wfc_asm_numbered(a, "r", WFC_NUM_REGS, &n)) {
        *out = (uint8_t)n;
        return WFC_OK;
    }
    if ((kinds & WFC_OPND_IS_UT) && wfc_asm_numbered(a, "ut", WFC_NUM_CONTEXTS, &n)) {
        *out = (uint8_t)n;
        return WFC_OK;
    }
    if (descs && wfc_asm_numbered(a, "d", WFC_NUM_DESCS, &n)) {
        *out = (uint8_t)(WFC_OPND_DESC0 + n);
        return WFC_OK;
    }
    const wfc_tok *t = &a->lex.tok;
    if (descs && t->kind == WFC_TOK_NAME && t->n < sizeof name) {
        memcpy(name, t->text, t->n);
        name[t->n] = '\0';
        if (wfc_symbols_get(&a->c.desc_names, name, &index) || a->c.pass == 1) {
            *out = (uint8_t)(WFC_OPND_DESC0 + (a->c.pass == 1 ? 0 : index));
            wfc_lex_next(&a->lex);
            return WFC_OK;
        }
    }
    return wfc_asm_expected(a, wfc_isa_operand_names(kinds));
}

static wfc_status label_target(wfc_asm *a, uint16_t *out) {
    int64_t target = 0;
    if (a->lex.tok.kind != WFC_TOK_NAME) return wfc_asm_expected(a, "a label");
    char *name = wfc_tok_copy(&a->lex.tok, &a->scratch);
    if (!name) return wfc_asm_no_memory(a);
    if (!wfc_symbols_get(&a->c.labels, name, &target) && a->c.pass == 2)
        return wfc_asm_fail(a, "the class has no label %s", name);
    wfc_lex_next(&a->lex);
    int64_t distance = a->c.pass == 1 ? 0 : target - (int64_t)a->c.insns.count;
    if (distance < INT16_MIN || distance > INT16_MAX) return wfc_asm_fail(a, "the label %s is too far away", name);
    *out = (uint16_t)(distance & 0xffff);
    return WFC_OK;
}

static wfc_status signed_imm(wfc_asm *a, uint16_t *out) {
    int64_t v;
    WFC_TRY(wfc_asm_int(a, INT16_MIN, UINT16_MAX, "the immediate", &v));
    *out = (uint16_t)(v & 0xffff);
    return WFC_OK;
}

static wfc_status task_imm(wfc_asm *a, uint16_t *out) {
    unsigned n;
    WFC_TRY(wfc_asm_need_numbered(a, "t", WFC_NUM_TASKS, &n));
    *out = (uint16_t)n;
    return WFC_OK;
}

static wfc_status setd_field(wfc_asm *a, uint16_t *out) {
    static const char *const names[] = {"base",    "len0",    "len1",    "len2",   "len3",
                                        "stride0", "stride1", "stride2", "stride3"};
    for (uint16_t i = 0; i < 9; i++) {
        if (!wfc_asm_take(a, names[i])) continue;
        *out = i;
        return WFC_OK;
    }
    return wfc_asm_expected(a, "base, len0 to len3 or stride0 to stride3");
}

/* loop COUNT { body } or loop COUNT, INSTRUCTIONS */
static wfc_status loop(wfc_asm *a, wfc_insn in) {
    int64_t count;
    if (a->lex.tok.kind == WFC_TOK_NAME) {
        WFC_TRY(operand(a, WFC_OPND_IS_REG, &in.a));
    } else {
        WFC_TRY(wfc_asm_int(a, 0, UINT16_MAX, "the loop count", &count));
        in.b = (uint8_t)(count & 255);
        in.c = (uint8_t)(count >> 8);
    }
    if (wfc_asm_take(a, ",")) WFC_TRY(wfc_asm_u16(a, "the number of instructions", &in.imm));
    size_t at = a->c.insns.count;
    if (wfc_vec_push(&a->c.insns, in) != WFC_OK) return wfc_asm_no_memory(a);
    if (in.imm) return WFC_OK;
    wfc_lexer start = a->lex;
    WFC_TRY(wfc_asm_block(a, wfc_asm_code_statement));
    size_t body = a->c.insns.count - at - 1;
    if (body == 0 || body > UINT16_MAX) {
        a->lex = start;
        return wfc_asm_fail(a, "a loop body needs 1 to 65535 instructions");
    }
    a->c.insns.data[at].imm = (uint16_t)body;
    return WFC_OK;
}

static wfc_status need_comma(wfc_asm *a, bool *first) {
    if (*first) {
        *first = false;
        return WFC_OK;
    }
    return wfc_asm_need(a, ",");
}

/* What follows the operands: the part that only some instructions have. */
static wfc_status trailing(wfc_asm *a, wfc_insn *in, bool *first) {
    switch (in->op) {
    case WFC_OP_MOVI:
    case WFC_OP_MOVIH: WFC_TRY(need_comma(a, first)); return signed_imm(a, &in->imm);
    case WFC_OP_LD:
    case WFC_OP_ST: return wfc_asm_take(a, ",") ? wfc_asm_u16(a, "the element", &in->imm) : WFC_OK;
    case WFC_OP_BRA:
    case WFC_OP_BRZ:
    case WFC_OP_BRNZ: WFC_TRY(need_comma(a, first)); return label_target(a, &in->imm);
    case WFC_OP_ACT:
    case WFC_OP_BLK:
    case WFC_OP_UBLK: return task_imm(a, &in->imm);
    case WFC_OP_SENDC: WFC_TRY(need_comma(a, first)); return wfc_asm_ctl(a, &in->imm);
    default: return WFC_OK;
    }
}

static wfc_status operands(wfc_asm *a, const wfc_isa_record *isa, wfc_insn *in) {
    uint8_t kinds[4] = {isa->d, isa->a, isa->b, isa->c}, *place[4] = {&in->d, &in->a, &in->b, &in->c};
    bool first = true;
    for (unsigned i = 0; i < 4; i++) {
        if (kinds[i] == WFC_OPND_IS_NONE || (kinds[i] & WFC_OPND_IS_RAW)) continue;
        if (i == 3 && wfc_isa_is_vector(isa)) continue; /* the microthread comes after `async` */
        bool optional = (kinds[i] & WFC_OPND_IS_NONE) && !wfc_isa_has_immediate_form(in->op);
        if (optional && !wfc_asm_at(a, ",")) continue;
        WFC_TRY(need_comma(a, &first));
        if (in->op == WFC_OP_SETD && i == 1) {
            WFC_TRY(setd_field(a, &in->imm));
            WFC_TRY(wfc_asm_need(a, ","));
        }
        if (i == 2 && wfc_isa_has_immediate_form(in->op) && a->lex.tok.kind != WFC_TOK_NAME)
            WFC_TRY(signed_imm(a, &in->imm));
        else
            WFC_TRY(operand(a, kinds[i], place[i]));
    }
    return trailing(a, in, &first);
}

/* async utN [act] [ublk] [tN] */
static wfc_status microthread(wfc_asm *a, wfc_insn *in) {
    if (!wfc_asm_take(a, "async")) return WFC_OK;
    in->flags |= WFC_FLAG_ASYNC;
    WFC_TRY(operand(a, WFC_OPND_IS_UT, &in->c));
    if (wfc_asm_take(a, "act")) in->flags |= WFC_FLAG_ACT;
    if (wfc_asm_take(a, "ublk")) in->flags |= WFC_FLAG_UBLK;
    return in->flags & (WFC_FLAG_ACT | WFC_FLAG_UBLK) ? task_imm(a, &in->imm) : WFC_OK;
}

static wfc_status instruction(wfc_asm *a) {
    const char *suffix;
    wfc_lexer start = a->lex;
    const wfc_isa_record *isa = split_mnemonic(&a->lex.tok, &suffix);
    if (!isa) return wfc_asm_expected(a, "an instruction, a label, repeat, raw or '}'");
    wfc_insn in = {.op = isa->op, .d = WFC_OPND_NONE, .a = WFC_OPND_NONE, .b = WFC_OPND_NONE, .c = WFC_OPND_NONE};
    WFC_TRY(suffixes(a, isa, suffix, &in));
    wfc_lex_next(&a->lex);
    if (in.op == WFC_OP_LOOP) return loop(a, in);
    WFC_TRY(operands(a, isa, &in));
    WFC_TRY(microthread(a, &in));
    const char *problem = wfc_isa_problem(&in);
    if (problem) {
        a->lex = start;
        return wfc_asm_fail(a, "%s: %s", isa->mnemonic, problem);
    }
    return wfc_vec_push(&a->c.insns, in) == WFC_OK ? WFC_OK : wfc_asm_no_memory(a);
}

static wfc_status raw(wfc_asm *a) {
    wfc_buf bytes = {0};
    wfc_insn in;
    wfc_status s = wfc_asm_hex(a, &bytes);
    if (s == WFC_OK && bytes.count != WFC_INSN_BYTES) s = wfc_asm_fail(a, "an instruction has 8 bytes");
    if (s == WFC_OK) {
        wfc_insn_decode((const uint8_t *)bytes.data, &in);
        if (wfc_vec_push(&a->c.insns, in) != WFC_OK) s = wfc_asm_no_memory(a);
    }
    wfc_buf_deinit(&bytes);
    return s;
}

wfc_status wfc_asm_code_statement(wfc_asm *a) {
    if (wfc_asm_at(a, "repeat")) return wfc_asm_repeat(a, wfc_asm_code_statement);
    if (wfc_asm_take(a, "raw")) return raw(a);
    if (a->c.insns.count > 8192) return wfc_asm_fail(a, "the class has more than 8192 instructions, beyond any SRAM");
    wfc_lexer start = a->lex;
    if (a->lex.tok.kind == WFC_TOK_NAME) {
        wfc_lex_next(&a->lex);
        if (wfc_asm_take(a, ":")) {
            char *name = wfc_tok_copy(&start.tok, &a->scratch);
            int64_t old;
            if (!name) return wfc_asm_no_memory(a);
            if (a->c.pass == 2) return WFC_OK;
            if (wfc_symbols_get(&a->c.labels, name, &old))
                return wfc_asm_fail(a, "the label %s is defined twice", name);
            return wfc_symbols_put(&a->c.labels, name, (int64_t)a->c.insns.count) == WFC_OK ? WFC_OK
                                                                                            : wfc_asm_no_memory(a);
        }
        a->lex = start;
    }
    return instruction(a);
}
