/* The text form, written. docs/ir.md describes it; parse.c reads it back. */
#include "ir/op.h"
#include <ctype.h>
#include <math.h>
#include <string.h>

enum { INLINE_ELEMS = 64, BLOB_LINE_BYTES = 72 };

void wfc_text_real(double v, wfc_buf *out) {
    if (isnan(v))
        wfc_buf_printf(out, "nan");
    else if (isinf(v))
        wfc_buf_printf(out, v < 0 ? "-inf" : "inf");
    else
        wfc_buf_printf(out, "%a", v);
}

void wfc_text_string(const char *s, wfc_buf *out) {
    wfc_buf_printf(out, "\"");
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            wfc_buf_printf(out, "\\%c", c);
        else if (c < 0x20 || c > 0x7e)
            wfc_buf_printf(out, "\\x%02x", c);
        else
            wfc_buf_printf(out, "%c", c);
    }
    wfc_buf_printf(out, "\"");
}

void wfc_text_name(const char *name, wfc_buf *out) {
    bool plain = name[0] != 0;
    for (const char *p = name; *p; p++) plain = plain && (isalnum((unsigned char)*p) || *p == '_' || *p == '.');
    if (plain)
        wfc_buf_printf(out, "%s", name);
    else
        wfc_text_string(name, out);
}

void wfc_shape_print(const wfc_shape *s, wfc_buf *out) {
    wfc_buf_printf(out, "[");
    for (unsigned d = 0; d < s->rank; d++) wfc_buf_printf(out, "%s%u", d ? "," : "", s->dims[d]);
    wfc_buf_printf(out, "]");
}

/* An element; a NaN is written as its bits, which the value alone does not determine. */
static void print_element(wfc_dtype t, const uint8_t *bytes, uint64_t i, wfc_buf *out) {
    if (!wfc_dtype_is_float(t)) {
        if (t == WFC_BOOL)
            wfc_buf_printf(out, "%u", bytes[i]);
        else if (t == WFC_U64)
            wfc_buf_printf(out, "%llu", (unsigned long long)wfc_value_load_int(t, bytes, (size_t)i));
        else
            wfc_buf_printf(out, "%lld", (long long)wfc_value_load_int(t, bytes, (size_t)i));
        return;
    }
    double v = wfc_dtype_get(t, bytes, (size_t)i);
    if (!isnan(v)) {
        wfc_text_real(v, out);
        return;
    }
    uint64_t bits = 0;
    unsigned size = wfc_dtype_bytes(t);
    for (unsigned k = size; k-- > 0;) bits = bits << 8 | bytes[i * size + k];
    wfc_buf_printf(out, "bits 0x%llx", (unsigned long long)bits);
}

static void print_blob(const uint8_t *bytes, uint64_t size, wfc_buf *out) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    wfc_buf_printf(out, "blob %llu {", (unsigned long long)size);
    for (uint64_t i = 0; i < size; i += 3) {
        uint64_t left = size - i;
        unsigned v = (unsigned)bytes[i] << 16 | (left > 1 ? (unsigned)bytes[i + 1] << 8 : 0) |
                     (left > 2 ? (unsigned)bytes[i + 2] : 0);
        char q[4] = {digits[v >> 18], digits[v >> 12 & 63], '=', '='};
        if (left > 1) q[2] = digits[v >> 6 & 63];
        if (left > 2) q[3] = digits[v & 63];
        if (i % BLOB_LINE_BYTES == 0) wfc_buf_append(out, "\n    ", 5);
        wfc_buf_append(out, q, 4);
    }
    wfc_buf_printf(out, "\n  }");
}

/* Little-endian hosts only, as the bytes of a blob are the file's. */
void wfc_text_data(wfc_dtype t, const uint8_t *bytes, uint64_t elems, wfc_buf *out) {
    if (elems > INLINE_ELEMS) {
        print_blob(bytes, elems * wfc_dtype_bytes(t), out);
        return;
    }
    wfc_buf_printf(out, "{");
    for (uint64_t i = 0; i < elems; i++) {
        if (i) wfc_buf_printf(out, ",");
        print_element(t, bytes, i, out);
    }
    wfc_buf_printf(out, "}");
}

static void print_type(const wfc_node *n, wfc_buf *out) {
    wfc_buf_printf(out, "%s", wfc_dtype_name((wfc_dtype)n->dtype));
    wfc_shape_print(&n->shape, out);
}

static void print_tail(const wfc_node *n, wfc_buf *out) {
    if (n->group) wfc_buf_printf(out, " group=%u", n->group);
    for (uint32_t i = 0; i < n->loc_count; i++) {
        wfc_buf_printf(out, i ? ", " : " loc(");
        wfc_text_string(n->locs[i], out);
    }
    if (n->loc_count) wfc_buf_printf(out, ")");
    wfc_buf_printf(out, "\n");
}

static void print_host(const char *name, unsigned type, wfc_buf *out) {
    wfc_buf_printf(out, " host=");
    wfc_text_string(name, out);
    wfc_buf_printf(out, " hosttype=%u", type);
}

static void print_leaf(const wfc_node *n, wfc_buf *out) {
    wfc_buf_printf(out, "  %s %%", n->op == WFC_CORE_INPUT ? "input" : "const");
    wfc_text_name(n->name, out);
    wfc_buf_printf(out, " : ");
    print_type(n, out);
    if (n->op == WFC_CORE_INPUT) {
        print_host(n->u.input.host_name, n->u.input.host_dtype, out);
    } else {
        uint64_t elems = wfc_shape_elems(&n->shape);
        wfc_buf_printf(out, " = ");
        wfc_text_data((wfc_dtype)n->dtype, n->u.konst.data.bytes, elems, out);
        if (n->u.konst.mask) {
            wfc_buf_printf(out, " mask=");
            wfc_text_data(WFC_U8, n->u.konst.mask, elems, out);
        }
    }
    print_tail(n, out);
}

static void print_node(const wfc_graph *g, const wfc_node *n, wfc_buf *out) {
    const wfc_core_record *rec = wfc_core_lookup(n->op);
    wfc_buf_printf(out, "  %%");
    wfc_text_name(n->name, out);
    wfc_buf_printf(out, " = %s(", rec->name);
    for (uint32_t k = 0; k < n->operand_count; k++) {
        wfc_buf_printf(out, k ? ", %%" : "%%");
        wfc_text_name(g->nodes.data[g->operands.data[n->operand_first + k].i].name, out);
    }
    wfc_buf_printf(out, ") {");
    rec->print(g, n, out);
    wfc_buf_printf(out, "} : ");
    print_type(n, out);
    print_tail(n, out);
}

wfc_status wfc_ir_print(const wfc_graph *g, wfc_buf *out) {
    wfc_buf_printf(out, "wfc.ir 1\ngraph @");
    wfc_text_name(g->name, out);
    if (g->samples != 1) wfc_buf_printf(out, " samples=%u", g->samples);
    if (g->unbatched) wfc_buf_printf(out, " unbatched");
    wfc_buf_printf(out, " {\n");
    for (size_t i = 0; i < g->nodes.count; i++) {
        const wfc_node *n = &g->nodes.data[i];
        if (n->op == WFC_CORE_INPUT || n->op == WFC_CORE_CONST)
            print_leaf(n, out);
        else
            print_node(g, n, out);
    }
    for (size_t i = 0; i < g->outputs.count; i++) {
        const wfc_ir_output *o = &g->outputs.data[i];
        wfc_buf_printf(out, "  output %%");
        wfc_text_name(g->nodes.data[o->value.i].name, out);
        print_host(o->host_name, o->host_dtype, out);
        wfc_buf_printf(out, "\n");
    }
    wfc_buf_printf(out, "}\n");
    return out->failed ? WFC_ERR_NO_MEMORY : WFC_OK;
}
