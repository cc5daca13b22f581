/* class NAME { array ...  desc ...  in qN = cM  out qN = cM  task ...  code { ... } }
 *
 * The body is read twice. Pass 1 counts instructions and descriptors and learns names, so arrays without an address can
 * be laid out behind the code area and code may use labels and names that come later; pass 2 makes the records. */
#include "runtime/program/asm_parse.h"

#include <stdio.h>
#include <string.h>

static wfc_status put_name(wfc_asm *a, wfc_symbols *table, const char *name, int64_t value, const char *what) {
    int64_t old;
    if (a->c.pass == 1 && wfc_symbols_get(table, name, &old))
        return wfc_asm_fail(a, "the %s %s is defined twice", what, name);
    return wfc_symbols_put(table, name, value) == WFC_OK ? WFC_OK : wfc_asm_no_memory(a);
}

static wfc_status scratch_name(wfc_asm *a, const char *what, const char **out) {
    if (a->lex.tok.kind != WFC_TOK_NAME && a->lex.tok.kind != WFC_TOK_STRING) return wfc_asm_expected(a, what);
    *out = wfc_tok_copy(&a->lex.tok, &a->scratch);
    return *out ? WFC_OK : wfc_asm_fail(a, "bad escape in a string, or out of memory");
}

/* ---- arrays ---- */

static wfc_status array_size(wfc_asm *a, uint16_t *out) {
    int64_t n = 0;
    if (a->lex.tok.kind != WFC_TOK_NAME) return wfc_asm_u16(a, "the size in bytes", out);
    uint8_t type;
    WFC_TRY(wfc_asm_type(a, WFC_NUM_PE_DTYPES, &type));
    WFC_TRY(wfc_asm_need(a, "["));
    WFC_TRY(wfc_asm_int(a, 1, UINT16_MAX / wfc_dtype_bytes((wfc_dtype)type), "the number of elements", &n));
    *out = (uint16_t)(n * wfc_dtype_bytes((wfc_dtype)type));
    return wfc_asm_need(a, "]");
}

static wfc_status array_category(wfc_asm *a, uint8_t *out) {
    for (unsigned c = 0; c < WFC_MEM_CATEGORIES; c++) {
        if (!wfc_asm_take(a, wfc_mem_category_name(c))) continue;
        *out = (uint8_t)c;
        return WFC_OK;
    }
    return wfc_asm_expected(a, "a memory category (weight index input acc output scratch table)");
}

/* array NAME [@ADDRESS] BYTES|TYPE[N] CATEGORY */
static wfc_status array_statement(wfc_asm *a) {
    wfc_prog_array array = {0};
    const char *name;
    WFC_TRY(scratch_name(a, "the array's name", &name));
    if (a->c.pass == 1) {
        WFC_TRY(put_name(a, &a->c.array_names, name, (int64_t)a->c.arrays.count, "array"));
        WFC_TRY(wfc_asm_text(a, "the array's name", &array.name));
    } else {
        wfc_lex_next(&a->lex);
    }
    bool placed = wfc_asm_take(a, "@");
    if (placed) WFC_TRY(wfc_asm_u16(a, "the address", &array.addr));
    WFC_TRY(array_size(a, &array.bytes));
    WFC_TRY(array_category(a, &array.category));
    if (a->c.pass == 2) return WFC_OK;
    if (wfc_vec_push(&a->c.arrays, array) != WFC_OK || wfc_vec_push(&a->c.placed, placed) != WFC_OK)
        return wfc_asm_no_memory(a);
    return WFC_OK;
}

/* Arrays without an address follow the one before them, or the code area, 4-byte aligned. */
static wfc_status lay_out(wfc_asm *a) {
    wfc_prog_class sizes = {.insn_count = (uint32_t)a->c.insns.count,
                            .desc_count = (uint32_t)a->c.descs.count,
                            .task_count = (uint32_t)a->c.tasks.count,
                            .in_count = (uint32_t)a->c.in_queues.count,
                            .out_count = (uint32_t)a->c.out_queues.count};
    uint64_t at = wfc_prog_class_code_bytes(&sizes);
    for (size_t i = 0; i < a->c.arrays.count; i++) {
        wfc_prog_array *array = &a->c.arrays.data[i];
        at = (at + 3) / 4 * 4;
        if (!a->c.placed.data[i]) {
            if (at > UINT16_MAX)
                return wfc_asm_fail(a, "array %s would start at byte %llu, beyond any SRAM", array->name,
                                    (unsigned long long)at);
            array->addr = (uint16_t)at;
        }
        at = (uint64_t)array->addr + array->bytes;
    }
    return WFC_OK;
}

static wfc_status array_by_name(wfc_asm *a, const wfc_prog_class *cls, const char *name, const wfc_prog_array **out) {
    int64_t index;
    *out = NULL;
    if (!cls) {
        if (wfc_symbols_get(&a->c.array_names, name, &index)) *out = &a->c.arrays.data[index];
    } else {
        for (uint32_t i = 0; i < cls->array_count && !*out; i++)
            if (strcmp(cls->arrays[i].name, name) == 0) *out = &cls->arrays[i];
    }
    if (!*out && (cls || a->c.pass == 2)) return wfc_asm_fail(a, "this class has no array %s", name);
    return WFC_OK;
}

wfc_status wfc_asm_address(wfc_asm *a, const wfc_prog_class *cls, uint16_t *out) {
    if (a->lex.tok.kind != WFC_TOK_NAME && a->lex.tok.kind != WFC_TOK_STRING) return wfc_asm_u16(a, "the address", out);
    const char *name;
    const wfc_prog_array *array;
    int64_t offset = 0;
    WFC_TRY(scratch_name(a, "an array or an address", &name));
    WFC_TRY(array_by_name(a, cls, name, &array));
    wfc_lex_next(&a->lex);
    if (wfc_asm_take(a, "+")) WFC_TRY(wfc_asm_int(a, 0, UINT16_MAX, "the offset in bytes", &offset));
    int64_t at = offset + (array ? array->addr : 0);
    if (at > UINT16_MAX) return wfc_asm_fail(a, "the address %lld is beyond 16 bits", (long long)at);
    *out = (uint16_t)at;
    return WFC_OK;
}

/* ---- descriptors ---- */

/* [LEN[:STRIDE], ...], outermost first; a stride left out makes the dimensions inside it contiguous. */
static wfc_status dimensions(wfc_asm *a, bool strided, wfc_desc *d) {
    int64_t len[4], stride[4];
    bool given[4];
    unsigned n = 0;
    WFC_TRY(wfc_asm_need(a, "["));
    do {
        if (n == 4) return wfc_asm_fail(a, "a descriptor has at most 4 dimensions");
        WFC_TRY(wfc_asm_int(a, 0, UINT16_MAX, "the length", &len[n]));
        given[n] = strided && wfc_asm_take(a, ":");
        if (given[n]) WFC_TRY(wfc_asm_int(a, INT16_MIN, INT16_MAX, "the stride", &stride[n]));
        n++;
    } while (wfc_asm_take(a, ","));
    int64_t dense = 1;
    for (unsigned i = 0; i < 4; i++) d->len[i] = 1;
    for (unsigned i = n; i-- > 0;) {
        if (!given[i]) stride[i] = strided ? dense : 0;
        dense = stride[i] * len[i];
        if (stride[i] > INT16_MAX || stride[i] < INT16_MIN)
            return wfc_asm_fail(a, "the stride %lld of dimension %u is beyond 16 bits", (long long)stride[i], i);
        d->len[4 - n + i] = (uint16_t)len[i];
        d->stride[4 - n + i] = (int16_t)stride[i];
    }
    return wfc_asm_need(a, "]");
}

static wfc_status ctl_command(wfc_asm *a, unsigned *out) {
    static const char *const names[] = {"nop", "advance", "reset"};
    for (*out = 0; *out < 3; ++*out)
        if (wfc_asm_take(a, names[*out])) return WFC_OK;
    return wfc_asm_expected(a, "nop, advance or reset");
}

/* ctl(FIRST, REST[, tN]) after the word `ctl`, or the word as a number */
wfc_status wfc_asm_ctl(wfc_asm *a, uint16_t *out) {
    unsigned first, rest, task;
    WFC_TRY(wfc_asm_need(a, "ctl"));
    if (!wfc_asm_take(a, "(")) return wfc_asm_u16(a, "the control word", out);
    WFC_TRY(ctl_command(a, &first));
    WFC_TRY(wfc_asm_need(a, ","));
    WFC_TRY(ctl_command(a, &rest));
    *out = WFC_CTL(first, rest);
    if (wfc_asm_take(a, ",")) {
        WFC_TRY(wfc_asm_need_numbered(a, "t", WFC_NUM_TASKS, &task));
        *out = WFC_CTL_TASK(first, rest, task);
    }
    return wfc_asm_need(a, ")");
}

static wfc_status raw_desc(wfc_asm *a, wfc_desc *d) {
    wfc_buf bytes = {0};
    wfc_status s = wfc_asm_hex(a, &bytes);
    if (s == WFC_OK && bytes.count != WFC_DESC_BYTES) s = wfc_asm_fail(a, "a descriptor has 20 bytes");
    if (s == WFC_OK) wfc_desc_decode((const uint8_t *)bytes.data, d);
    wfc_buf_deinit(&bytes);
    return s;
}

/* mem|ring TYPE ADDRESS [dims] [off rN] / in|out TYPE qN [dims] [ctl(...)] / none / raw "hex" */
static wfc_status desc_value(wfc_asm *a, wfc_desc *d) {
    unsigned n;
    uint16_t ctl;
    if (wfc_asm_take(a, "none")) return WFC_OK;
    if (wfc_asm_take(a, "raw")) return raw_desc(a, d);
    bool ring = wfc_asm_at(a, "ring"), in = wfc_asm_at(a, "in");
    if (ring || wfc_asm_at(a, "mem")) {
        wfc_lex_next(&a->lex);
        d->kind = ring ? WFC_DESC_RING : WFC_DESC_MEM;
        WFC_TRY(wfc_asm_type(a, WFC_NUM_PE_DTYPES, &d->type));
        WFC_TRY(wfc_asm_address(a, NULL, &d->base));
        WFC_TRY(dimensions(a, true, d));
        if (!wfc_asm_take(a, "off")) return WFC_OK;
        WFC_TRY(wfc_asm_need_numbered(a, "r", WFC_NUM_REGS, &n));
        d->off = (uint8_t)n;
        return WFC_OK;
    }
    if (!in && !wfc_asm_at(a, "out")) return wfc_asm_expected(a, "mem, ring, in, out, none or raw");
    wfc_lex_next(&a->lex);
    d->kind = in ? WFC_DESC_IN : WFC_DESC_OUT;
    WFC_TRY(wfc_asm_type(a, WFC_NUM_PE_DTYPES, &d->type));
    WFC_TRY(wfc_asm_need_numbered(a, "q", WFC_TARGET_MAX_QUEUES, &n));
    d->base = (uint16_t)n;
    WFC_TRY(dimensions(a, false, d));
    if (in || !wfc_asm_at(a, "ctl")) return WFC_OK;
    WFC_TRY(wfc_asm_ctl(a, &ctl));
    d->stride[0] = (int16_t)(ctl < 0x8000 ? ctl : ctl - 0x10000);
    return WFC_OK;
}

/* desc [dN] [NAME] = ... */
static wfc_status desc_statement(wfc_asm *a) {
    unsigned n;
    if (!wfc_asm_numbered(a, "d", WFC_NUM_DESCS, &n)) {
        for (n = 0; n < WFC_NUM_DESCS && (a->c.descs_used >> n & 1); n++) {
        }
        if (n == WFC_NUM_DESCS) return wfc_asm_fail(a, "all %d descriptors are taken", WFC_NUM_DESCS);
    }
    if (a->c.descs_used >> n & 1) return wfc_asm_fail(a, "descriptor d%u is defined twice", n);
    a->c.descs_used |= (uint64_t)1 << n;
    if (!wfc_asm_at(a, "=")) {
        const char *name;
        WFC_TRY(scratch_name(a, "the descriptor's name or '='", &name));
        WFC_TRY(put_name(a, &a->c.desc_names, name, n, "descriptor"));
        wfc_lex_next(&a->lex);
    }
    WFC_TRY(wfc_asm_need(a, "="));
    wfc_desc d = {0};
    WFC_TRY(desc_value(a, &d));
    while (a->c.descs.count <= n)
        if (wfc_vec_push(&a->c.descs, (wfc_desc){0}) != WFC_OK) return wfc_asm_no_memory(a);
    a->c.descs.data[n] = d;
    return WFC_OK;
}

/* ---- bindings and tasks ---- */

static wfc_status binding(wfc_asm *a, wfc_prog_binding *out) {
    unsigned queue, colour;
    WFC_TRY(wfc_asm_need_numbered(a, "q", 256, &queue));
    WFC_TRY(wfc_asm_need(a, "="));
    WFC_TRY(wfc_asm_need_numbered(a, "c", 256, &colour));
    *out = (wfc_prog_binding){(uint8_t)queue, (uint8_t)colour};
    return WFC_OK;
}

static wfc_status binding_statement(wfc_asm *a, bool in) {
    wfc_prog_binding b;
    WFC_TRY(binding(a, &b));
    wfc_status s = in ? wfc_vec_push(&a->c.in_queues, b) : wfc_vec_push(&a->c.out_queues, b);
    return s == WFC_OK ? WFC_OK : wfc_asm_no_memory(a);
}

/* task tN local|control|data qM LABEL [active] [blocked] [split] */
static wfc_status task_statement(wfc_asm *a) {
    unsigned n;
    wfc_prog_task task = {0};
    WFC_TRY(wfc_asm_need_numbered(a, "t", 256, &n));
    task.id = (uint8_t)n;
    if (wfc_asm_take(a, "data")) {
        task.kind = WFC_TASK_DATA;
        WFC_TRY(wfc_asm_need_numbered(a, "q", 256, &n));
        task.queue = (uint8_t)n;
    } else if (wfc_asm_take(a, "control")) {
        task.kind = WFC_TASK_CONTROL;
    } else {
        WFC_TRY(wfc_asm_need(a, "local"));
    }
    const char *label;
    int64_t entry = 0;
    WFC_TRY(scratch_name(a, "the label where the task starts", &label));
    if (!wfc_symbols_get(&a->c.labels, label, &entry) && a->c.pass == 2)
        return wfc_asm_fail(a, "the class has no label %s", label);
    wfc_lex_next(&a->lex);
    task.entry = (uint16_t)entry;
    for (;;) {
        if (wfc_asm_take(a, "active"))
            task.flags |= WFC_TASK_ACTIVE;
        else if (wfc_asm_take(a, "blocked"))
            task.flags |= WFC_TASK_BLOCKED;
        else if (wfc_asm_take(a, "split"))
            task.flags |= WFC_TASK_SPLIT;
        else
            break;
    }
    return wfc_vec_push(&a->c.tasks, task) == WFC_OK ? WFC_OK : wfc_asm_no_memory(a);
}

static wfc_status class_statement(wfc_asm *a) {
    if (wfc_asm_at(a, "repeat")) return wfc_asm_repeat(a, class_statement);
    if (wfc_asm_take(a, "array")) return array_statement(a);
    if (wfc_asm_take(a, "desc")) return desc_statement(a);
    if (wfc_asm_take(a, "in")) return binding_statement(a, true);
    if (wfc_asm_take(a, "out")) return binding_statement(a, false);
    if (wfc_asm_take(a, "task")) return task_statement(a);
    if (wfc_asm_take(a, "code")) return wfc_asm_block(a, wfc_asm_code_statement);
    return wfc_asm_expected(a, "array, desc, in, out, task, code, repeat or '}'");
}

/* ---- the class ---- */

static void forget_records(wfc_asm_class *c) {
    c->insns.count = c->descs.count = c->tasks.count = c->in_queues.count = c->out_queues.count = 0;
    c->descs_used = 0;
}

static wfc_status two_passes(wfc_asm *a) {
    wfc_lexer body = a->lex;
    wfc_asm_class *c = &a->c;
    forget_records(c);
    c->arrays.count = c->placed.count = 0;
    wfc_symbols_remove_all(&c->labels);
    wfc_symbols_remove_all(&c->desc_names);
    wfc_symbols_remove_all(&c->array_names);
    c->pass = 1;
    WFC_TRY(wfc_asm_block(a, class_statement));
    WFC_TRY(lay_out(a));
    if (c->insns.count > 8192) return wfc_asm_fail(a, "the class has more than 8192 instructions, beyond any SRAM");
    forget_records(c);
    a->lex = body;
    c->pass = 2;
    return wfc_asm_block(a, class_statement);
}

wfc_status wfc_asm_parse_class(wfc_asm *a) {
    wfc_prog_class cls = {0};
    int64_t index = 0, old;
    if (a->lex.tok.kind == WFC_TOK_NUMBER) {
        int64_t count = (int64_t)a->classes.count;
        WFC_TRY(wfc_asm_int(a, count, count, "the class's number", &index));
    }
    WFC_TRY(wfc_asm_text(a, "the class's name", &cls.name));
    if (!wfc_symbols_get(&a->class_names, cls.name, &old) &&
        wfc_symbols_put(&a->class_names, cls.name, (int64_t)a->classes.count) != WFC_OK)
        return wfc_asm_no_memory(a);
    WFC_TRY(two_passes(a));
    wfc_asm_class *c = &a->c;
#define KEEP(field, count_field, vec)                                                                                  \
    do {                                                                                                               \
        cls.count_field = (uint32_t)c->vec.count;                                                                      \
        cls.field = wfc_asm_keep(a, c->vec.data, c->vec.count, sizeof *c->vec.data);                                   \
        if (!cls.field) return wfc_asm_no_memory(a);                                                                   \
    } while (0)
    KEEP(insns, insn_count, insns);
    KEEP(descs, desc_count, descs);
    KEEP(tasks, task_count, tasks);
    KEEP(in_queues, in_count, in_queues);
    KEEP(out_queues, out_count, out_queues);
    KEEP(arrays, array_count, arrays);
#undef KEEP
    return wfc_vec_push(&a->classes, cls) == WFC_OK ? WFC_OK : wfc_asm_no_memory(a);
}
