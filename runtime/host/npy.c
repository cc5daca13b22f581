/* The .npy format: magic, version, header length, a Python dict literal, then the raw elements.
 *
 *   93 'N' 'U' 'M' 'P' 'Y' major minor  len(u16 or u32)  {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
 */
#include "runtime/host/tensors.h"

#include "support/file.h"
#include "support/mem.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* numpy's type codes, without the byte order mark. */
static const struct {
    const char *code;
    wfc_dtype dtype;
} k_types[] = {
    {"f4", WFC_F32}, {"f2", WFC_F16}, {"f8", WFC_F64}, {"i4", WFC_I32}, {"u4", WFC_U32}, {"i2", WFC_I16},
    {"u2", WFC_U16}, {"i1", WFC_I8},  {"u1", WFC_U8},  {"i8", WFC_I64}, {"u8", WFC_U64}, {"b1", WFC_BOOL},
};

typedef struct reader {
    const char *at, *end, *where;
    wfc_diag *diag;
} reader;

typedef struct header {
    bool has_descr, has_order, has_shape;
    bool big_endian;
    wfc_dtype dtype;
    uint8_t rank;
    uint32_t dims[WFC_TENSOR_MAX_RANK];
} header;

static wfc_status malformed(const reader *r, const char *what) {
    return wfc_fail(r->diag, WFC_ERR_INPUT, "WFC-E0802", r->where,
                    "malformed .npy header: %s; write the file again with numpy.save", what);
}

static void skip_space(reader *r) {
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r')) r->at++;
}

static bool take(reader *r, char c) {
    skip_space(r);
    if (r->at == r->end || *r->at != c) return false;
    r->at++;
    return true;
}

static bool take_word(reader *r, const char *word) {
    size_t n = strlen(word);
    skip_space(r);
    if ((size_t)(r->end - r->at) < n || memcmp(r->at, word, n) != 0) return false;
    r->at += n;
    return true;
}

/* A quoted string without escapes; false when there is none. */
static bool take_string(reader *r, const char **text, size_t *n) {
    skip_space(r);
    if (r->at == r->end || (*r->at != '\'' && *r->at != '"')) return false;
    char quote = *r->at++;
    *text = r->at;
    while (r->at < r->end && *r->at != quote) r->at++;
    if (r->at == r->end) return false;
    *n = (size_t)(r->at++ - *text);
    return true;
}

static wfc_status read_descr(reader *r, header *h) {
    const char *text;
    size_t n;
    if (take(r, '['))
        return wfc_fail(r->diag, WFC_ERR_INPUT, "WFC-E0803", r->where,
                        "the array has a record type; give a plain numeric array");
    if (!take_string(r, &text, &n)) return malformed(r, "'descr' is not a string");
    char mark = '=';
    if (n && strchr("<>=|", text[0])) mark = *text++, n--;
    for (size_t i = 0; i < sizeof k_types / sizeof *k_types; i++)
        if (n == 2 && memcmp(text, k_types[i].code, 2) == 0) {
            h->dtype = k_types[i].dtype;
            h->big_endian = mark == '>';
            h->has_descr = true;
            return WFC_OK;
        }
    return wfc_fail(r->diag, WFC_ERR_INPUT, "WFC-E0803", r->where,
                    "element type '%.*s' is not read; give one of float16/32/64, int8..64, uint8..64 or bool",
                    (int)(n < 32 ? n : 32), text);
}

static wfc_status read_order(reader *r, header *h) {
    h->has_order = true;
    if (take_word(r, "False")) return WFC_OK;
    if (!take_word(r, "True")) return malformed(r, "'fortran_order' is neither True nor False");
    return wfc_fail(r->diag, WFC_ERR_INPUT, "WFC-E0804", r->where,
                    "the array is stored in Fortran order; save numpy.ascontiguousarray(array) instead");
}

static wfc_status read_shape(reader *r, header *h) {
    if (!take(r, '(')) return malformed(r, "'shape' is not a tuple");
    while (!take(r, ')')) {
        uint64_t v = 0;
        skip_space(r);
        const char *first = r->at;
        for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++) {
            v = v * 10 + (uint64_t)(*r->at - '0');
            if (v > UINT32_MAX) return malformed(r, "an axis is longer than 4294967295");
        }
        if (r->at == first) return malformed(r, "'shape' holds something that is no length");
        if (h->rank == WFC_TENSOR_MAX_RANK) return malformed(r, "more than 8 axes");
        h->dims[h->rank++] = (uint32_t)v;
        if (take(r, ',')) continue;
        if (!take(r, ')')) return malformed(r, "'shape' has no end");
        break;
    }
    h->has_shape = true;
    return WFC_OK;
}

static wfc_status read_header(reader *r, header *h) {
    if (!take(r, '{')) return malformed(r, "it does not start with '{'");
    while (!take(r, '}')) {
        const char *key;
        size_t n;
        if (!take_string(r, &key, &n) || !take(r, ':')) return malformed(r, "expected a key and ':'");
        if (n == 5 && memcmp(key, "descr", n) == 0 && !h->has_descr)
            WFC_TRY(read_descr(r, h));
        else if (n == 13 && memcmp(key, "fortran_order", n) == 0 && !h->has_order)
            WFC_TRY(read_order(r, h));
        else if (n == 5 && memcmp(key, "shape", n) == 0 && !h->has_shape)
            WFC_TRY(read_shape(r, h));
        else
            return malformed(r, "an unknown or repeated key");
        if (take(r, ',')) continue;
        if (!take(r, '}')) return malformed(r, "it has no end '}'");
        break;
    }
    skip_space(r);
    if (r->at != r->end) return malformed(r, "text after the end of the dict");
    if (!h->has_descr || !h->has_order || !h->has_shape)
        return malformed(r, "it lacks 'descr', 'fortran_order' or 'shape'");
    return WFC_OK;
}

/* Bytes of all elements; overflow is malformed. */
static bool data_bytes(const header *h, size_t *out) {
    size_t n = wfc_dtype_bytes(h->dtype);
    bool empty = false;
    for (unsigned i = 0; i < h->rank; i++) {
        if (h->dims[i] == 0)
            empty = true;
        else if (!wfc_mul_size(n, h->dims[i], &n))
            return false;
    }
    *out = empty ? 0 : n;
    return true;
}

/* Elements as they lie in the file, to the host's order. Bools are made 0 or 1: any other byte is "true" in numpy. */
static void copy_elements(const header *h, const uint8_t *bytes, size_t n, uint8_t *to) {
    const uint16_t probe = 1;
    uint8_t low_first;
    memcpy(&low_first, &probe, 1);
    size_t size = wfc_dtype_bytes(h->dtype);
    if (h->dtype == WFC_BOOL) {
        for (size_t i = 0; i < n; i++) to[i] = bytes[i] != 0;
    } else if (size == 1 || h->big_endian == !low_first) {
        if (n) memcpy(to, bytes, n);
    } else {
        for (size_t i = 0; i < n; i += size)
            for (size_t k = 0; k < size; k++) to[i + k] = bytes[i + size - 1 - k];
    }
}

wfc_status wfc_npy_parse(const uint8_t *bytes, size_t size, const char *where, wfc_diag *diag, wfc_tensor *out) {
    *out = (wfc_tensor){0};
    if (size < 10 || memcmp(bytes, "\x93NUMPY", 6) != 0)
        return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0801", where,
                        "not a .npy array (the first bytes are others); write it with numpy.save");
    unsigned major = bytes[6];
    if (major < 1 || major > 3)
        return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0801", where, ".npy version %u is not known, expected 1 to 3",
                        major);
    size_t start = major == 1 ? 10 : 12, length = (size_t)bytes[8] | (size_t)bytes[9] << 8;
    reader r = {.where = where, .diag = diag};
    if (size < start) return malformed(&r, "the file ends within it");
    if (major > 1) length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (length > size - start) return malformed(&r, "the file ends within it");
    r.at = (const char *)bytes + start;
    r.end = r.at + length;
    header h = {0};
    WFC_TRY(read_header(&r, &h));
    size_t expected, found = size - start - length;
    if (!data_bytes(&h, &expected)) return malformed(&r, "the array would be larger than memory");
    if (expected != found)
        return wfc_fail(
            diag, WFC_ERR_INPUT, "WFC-E0805", where,
            "the header says %zu bytes of elements, found %zu; the file is damaged, write it again with numpy.save",
            expected, found);
    wfc_status s = wfc_tensor_init(out, h.dtype, h.rank, h.dims);
    if (s == WFC_ERR_NO_MEMORY) return wfc_fail_memory(diag);
    WFC_TRY(s);
    copy_elements(&h, bytes + start + length, expected, out->data);
    return WFC_OK;
}

static const char *type_code(wfc_dtype t) {
    for (size_t i = 0; i < sizeof k_types / sizeof *k_types; i++)
        if (k_types[i].dtype == t) return k_types[i].code;
    return NULL;
}

static void append_header(wfc_buf *b, const wfc_tensor *t, wfc_dtype written) {
    wfc_buf text = {0};
    wfc_buf_printf(&text, "{'descr': '%c%s', 'fortran_order': False, 'shape': (",
                   wfc_dtype_bytes(written) > 1 ? '<' : '|', type_code(written));
    for (unsigned i = 0; i < t->rank; i++)
        wfc_buf_printf(&text, "%" PRIu32 "%s", t->dims[i], i + 1 < t->rank ? ", " : t->rank == 1 ? "," : "");
    wfc_buf_printf(&text, "), }");
    size_t pad = 64 - (10 + text.count + 1) % 64; /* the elements start at a multiple of 64 bytes */
    wfc_buf_printf(&text, "%*s\n", (int)(pad % 64), "");
    const uint8_t head[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (uint8_t)text.count, (uint8_t)(text.count >> 8)};
    wfc_buf_append(b, head, sizeof head);
    if (text.failed)
        b->failed = true;
    else
        wfc_buf_append(b, text.data, text.count);
    wfc_buf_deinit(&text);
}

static void append_element(wfc_buf *b, const uint8_t *element, size_t size) {
    uint8_t little[8];
    const uint16_t probe = 1;
    uint8_t low_first;
    memcpy(&low_first, &probe, 1);
    for (size_t k = 0; k < size; k++) little[k] = low_first ? element[k] : element[size - 1 - k];
    wfc_buf_append(b, little, size);
}

wfc_status wfc_npy_format(const wfc_tensor *t, wfc_diag *diag, uint8_t **out_bytes, size_t *out_size) {
    wfc_buf b = {0};
    wfc_dtype from = (wfc_dtype)t->dtype, to = from == WFC_BF16 ? WFC_F32 : from;
    append_header(&b, t, to);
    size_t n = (size_t)wfc_tensor_elems(t), size = wfc_dtype_bytes(from);
    for (size_t i = 0; i < n && !b.failed; i++) {
        const uint8_t *element = (const uint8_t *)t->data + i * size;
        if (from == WFC_BF16) {
            uint16_t half;
            memcpy(&half, element, sizeof half);
            float f = wfc_bf16_to_f32(half);
            append_element(&b, (const uint8_t *)&f, sizeof f);
        } else {
            append_element(&b, element, size);
        }
    }
    if (b.failed) {
        wfc_buf_deinit(&b);
        return wfc_fail_memory(diag);
    }
    *out_bytes = (uint8_t *)b.data;
    *out_size = b.count;
    return WFC_OK;
}

wfc_status wfc_npy_read(const char *path, size_t max_bytes, wfc_diag *diag, wfc_tensor *out) {
    uint8_t *bytes;
    size_t size;
    *out = (wfc_tensor){0};
    WFC_TRY(wfc_file_read(path, max_bytes, diag, &bytes, &size));
    wfc_status s = wfc_npy_parse(bytes, size, path, diag, out);
    wfc_free(bytes);
    return s;
}
