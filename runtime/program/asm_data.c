/* Tables of the program (bulk, data, regs, runs) and the values of a PE's `data` statements.
 *
 * The disassembler prints the tables as they are and refers to rows by FIRST:COUNT, so shared rows stay shared.
 * By hand one writes values inline; they are appended to the tables. */
#include "runtime/program/asm_parse.h"

#include <stdlib.h>
#include <string.h>

/* A few lines of text can ask for terabytes: a range of PEs, each with a repeated value. */
enum { MAX_REPEATED_VALUES = 1 << 16, MAX_WRITTEN_BYTES = 1 << 30 };

wfc_status wfc_asm_range(wfc_asm *a, uint32_t *out_first, uint32_t *out_count) {
    WFC_TRY(wfc_asm_u32(a, "the first row", out_first));
    WFC_TRY(wfc_asm_need(a, ":"));
    return wfc_asm_u32(a, "the number of rows", out_count);
}

static wfc_status bulk_statement(wfc_asm *a) {
    return wfc_asm_hex(a, &a->bulk);
}

wfc_status wfc_asm_parse_bulk(wfc_asm *a) {
    return wfc_asm_block(a, bulk_statement);
}

/* ADDRESS BYTES at OFFSET */
static wfc_status data_row(wfc_asm *a) {
    wfc_prog_data row = {0};
    WFC_TRY(wfc_asm_u16(a, "the address", &row.addr));
    WFC_TRY(wfc_asm_u32(a, "the number of bytes", &row.bytes));
    WFC_TRY(wfc_asm_need(a, "at"));
    WFC_TRY(wfc_asm_u64(a, "the offset in bulk", &row.bulk_offset));
    return wfc_vec_push(&a->data, row) == WFC_OK ? WFC_OK : wfc_asm_no_memory(a);
}

wfc_status wfc_asm_parse_data_table(wfc_asm *a) {
    return wfc_asm_block(a, data_row);
}

/* [1, -2, 0xff, f32 1.5]: 32-bit patterns */
wfc_status wfc_asm_regs_list(wfc_asm *a, uint32_t *out_count) {
    *out_count = 0;
    WFC_TRY(wfc_asm_need(a, "["));
    if (wfc_asm_take(a, "]")) return WFC_OK;
    do {
        uint32_t bits;
        if (wfc_asm_take(a, "f32")) {
            double v;
            WFC_TRY(wfc_asm_double(a, &v));
            float f = (float)v;
            memcpy(&bits, &f, sizeof bits);
        } else {
            int64_t v;
            WFC_TRY(wfc_asm_int(a, INT32_MIN, UINT32_MAX, "the register's value", &v));
            bits = (uint32_t)(v & 0xffffffff);
        }
        if (wfc_vec_push(&a->regs, bits) != WFC_OK) return wfc_asm_no_memory(a);
        ++*out_count;
    } while (wfc_asm_take(a, ","));
    return wfc_asm_need(a, "]");
}

wfc_status wfc_asm_parse_regs_table(wfc_asm *a) {
    uint32_t count;
    return wfc_asm_regs_list(a, &count);
}

/* [START:COUNT[:STRIDE], ...] */
wfc_status wfc_asm_runs_list(wfc_asm *a, uint32_t *out_count, uint64_t *out_elements) {
    *out_count = 0;
    *out_elements = 0;
    WFC_TRY(wfc_asm_need(a, "["));
    if (wfc_asm_take(a, "]")) return WFC_OK;
    do {
        wfc_prog_run run = {.stride = 1};
        int64_t stride;
        WFC_TRY(wfc_asm_range(a, &run.start, &run.count));
        if (wfc_asm_take(a, ":")) {
            WFC_TRY(wfc_asm_int(a, INT32_MIN, INT32_MAX, "the stride", &stride));
            run.stride = (int32_t)stride;
        }
        if (wfc_vec_push(&a->runs, run) != WFC_OK) return wfc_asm_no_memory(a);
        ++*out_count;
        *out_elements += run.count;
    } while (wfc_asm_take(a, ","));
    return wfc_asm_need(a, "]");
}

wfc_status wfc_asm_parse_runs_table(wfc_asm *a) {
    uint32_t count;
    uint64_t elements;
    return wfc_asm_runs_list(a, &count, &elements);
}

/* ---- values ---- */

static wfc_status put_value(wfc_asm *a, wfc_dtype type, double v) {
    uint8_t bytes[8] = {0};
    bool fits = true;
    switch (type) {
    case WFC_I32: fits = v >= INT32_MIN && v <= INT32_MAX; break;
    case WFC_U32: fits = v >= 0 && v <= UINT32_MAX; break;
    case WFC_I16: fits = v >= INT16_MIN && v <= INT16_MAX; break;
    case WFC_U16: fits = v >= 0 && v <= UINT16_MAX; break;
    case WFC_I8: fits = v >= INT8_MIN && v <= INT8_MAX; break;
    case WFC_U8: fits = v >= 0 && v <= UINT8_MAX; break;
    default: break;
    }
    if (!fits || (!wfc_dtype_is_float(type) && v != (double)(int64_t)v))
        return wfc_asm_fail(a, "the value %g is not one of type %s", v, wfc_dtype_name(type));
    wfc_dtype_set(type, bytes, 0, v);
    wfc_buf_append(&a->bulk, bytes, wfc_dtype_bytes(type));
    return a->bulk.failed ? wfc_asm_no_memory(a) : WFC_OK;
}

/* seq(COUNT, FIRST, STEP) of integers */
static wfc_status sequence(wfc_asm *a, wfc_dtype type) {
    int64_t n, first, step;
    WFC_TRY(wfc_asm_need(a, "("));
    WFC_TRY(wfc_asm_int(a, 0, MAX_REPEATED_VALUES, "the number of values", &n));
    WFC_TRY(wfc_asm_need(a, ","));
    WFC_TRY(wfc_asm_int(a, INT32_MIN, UINT32_MAX, "the first value", &first));
    WFC_TRY(wfc_asm_need(a, ","));
    WFC_TRY(wfc_asm_int(a, INT32_MIN, INT32_MAX, "the step", &step));
    WFC_TRY(wfc_asm_need(a, ")"));
    for (int64_t i = 0; i < n; i++) WFC_TRY(put_value(a, type, (double)(first + i * step)));
    return WFC_OK;
}

static bool at_value(const wfc_asm *a) {
    return a->lex.tok.kind == WFC_TOK_NUMBER || a->lex.tok.kind == WFC_TOK_VAR || wfc_asm_at(a, "-") ||
           wfc_asm_at(a, "(") || wfc_asm_at(a, "inf") || wfc_asm_at(a, "nan") || wfc_asm_at(a, "seq");
}

/* A number, $name, -value or a parenthesised integer expression. */
static wfc_status one_value(wfc_asm *a, double *out) {
    bool negative = wfc_asm_take(a, "-");
    int64_t v;
    if (wfc_asm_take(a, "(")) {
        WFC_TRY(wfc_asm_int(a, INT32_MIN, UINT32_MAX, "the value", &v));
        WFC_TRY(wfc_asm_need(a, ")"));
        *out = (double)v;
    } else if (a->lex.tok.kind == WFC_TOK_VAR) {
        WFC_TRY(wfc_asm_variable_value(a, &v));
        *out = (double)v;
    } else {
        WFC_TRY(wfc_asm_double(a, out));
    }
    if (negative) *out = -*out;
    return WFC_OK;
}

static wfc_status check_room(wfc_asm *a) {
    if (a->bulk.count <= MAX_WRITTEN_BYTES) return WFC_OK;
    return wfc_asm_fail(a, "the data written for the PEs take more than %d bytes; let PEs with equal data share rows",
                        MAX_WRITTEN_BYTES);
}

/* VALUE, or COUNT * VALUE */
static wfc_status repeated_value(wfc_asm *a, wfc_dtype type) {
    double v, n = 1;
    WFC_TRY(check_room(a));
    if (wfc_asm_take(a, "seq")) return sequence(a, type);
    WFC_TRY(one_value(a, &v));
    if (wfc_asm_take(a, "*")) {
        n = v;
        if (!(n >= 0 && n <= MAX_REPEATED_VALUES) || n != (double)(int64_t)n)
            return wfc_asm_fail(a, "a value can be repeated 0 to %d times", MAX_REPEATED_VALUES);
        WFC_TRY(one_value(a, &v));
    }
    for (int64_t i = 0; i < (int64_t)n; i++) WFC_TRY(put_value(a, type, v));
    return WFC_OK;
}

/* hex "..." or TYPE VALUE... */
wfc_status wfc_asm_values(wfc_asm *a, uint64_t *out_offset, uint64_t *out_bytes) {
    *out_offset = a->bulk.count;
    if (wfc_asm_take(a, "hex")) {
        WFC_TRY(check_room(a));
        do WFC_TRY(wfc_asm_hex(a, &a->bulk));
        while (a->lex.tok.kind == WFC_TOK_STRING);
    } else {
        uint8_t type;
        WFC_TRY(wfc_asm_type(a, WFC_NUM_PE_DTYPES, &type));
        while (at_value(a)) WFC_TRY(repeated_value(a, (wfc_dtype)type));
    }
    *out_bytes = a->bulk.count - *out_offset;
    return WFC_OK;
}
