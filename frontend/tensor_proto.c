/* TensorProto -> constant. Every encoding of ONNX: raw_data (little-endian), the typed fields (float16, bfloat16, bool
 * and the small integers sit in int32_data, one per element), and external files. */
#include "frontend/model.h"
#include "frontend/wire.h"
#include "support/file.h"
#include <stdio.h>
#include <string.h>

_Static_assert(sizeof(float) == 4 && sizeof(double) == 8, "IEEE float and double");

static const struct {
    const char *name;
    int8_t dtype; /* wfc_dtype, -1: not read */
} types[] = {
    [0] = {"undefined", -1},       [1] = {"float32", WFC_F32},    [2] = {"uint8", WFC_U8},
    [3] = {"int8", WFC_I8},        [4] = {"uint16", WFC_U16},     [5] = {"int16", WFC_I16},
    [6] = {"int32", WFC_I32},      [7] = {"int64", WFC_I64},      [8] = {"string", -1},
    [9] = {"bool", WFC_BOOL},      [10] = {"float16", WFC_F16},   [11] = {"float64", WFC_F64},
    [12] = {"uint32", WFC_U32},    [13] = {"uint64", WFC_U64},    [14] = {"complex64", -1},
    [15] = {"complex128", -1},     [16] = {"bfloat16", WFC_BF16}, [17] = {"float8e4m3fn", -1},
    [18] = {"float8e4m3fnuz", -1}, [19] = {"float8e5m2", -1},     [20] = {"float8e5m2fnuz", -1},
    [21] = {"uint4", -1},          [22] = {"int4", -1},           [23] = {"float4e2m1", -1},
    [24] = {"float8e8m0", -1},     [25] = {"uint2", -1},          [26] = {"int2", -1},
    [27] = {"float6e2m3", -1},     [28] = {"float6e3m2", -1},
};
enum { NUM_TYPES = sizeof types / sizeof types[0] };

bool wfc_fe_dtype(int code, wfc_dtype *out) {
    if (code < 0 || code >= NUM_TYPES || types[code].dtype < 0) return false;
    *out = (wfc_dtype)types[code].dtype;
    return true;
}

int wfc_fe_dtype_code(wfc_dtype t) {
    for (int i = 0; i < NUM_TYPES; i++)
        if (types[i].dtype == (int)t) return i;
    return 0;
}

const char *wfc_fe_dtype_code_name(int code) {
    return code >= 0 && code < NUM_TYPES ? types[code].name : "an unknown element type";
}

bool wfc_fe_elems(const int64_t *dims, size_t rank, uint64_t limit, uint64_t *out) {
    uint64_t n = 1;
    bool empty = false;
    for (size_t i = 0; i < rank; i++) {
        if (dims[i] < 0) return false;
        if (dims[i] == 0) {
            empty = true;
            continue;
        }
        if ((uint64_t)dims[i] > limit / n) return false;
        n *= (uint64_t)dims[i];
    }
    *out = empty ? 0 : n;
    return true;
}

static wfc_status bad_count(wfc_fe_model *m, const char *where, const char *what, uint64_t found, uint64_t expected) {
    return wfc_fail(m->diag, WFC_ERR_INPUT, "WFC-E0105", where,
                    "the tensor's shape and its data disagree: found %llu %s, expected %llu. The file is damaged",
                    (unsigned long long)found, what, (unsigned long long)expected);
}

/* Borrowed bytes become the tensor; copied where the file left them misaligned for the type. */
static wfc_status take_bytes(wfc_fe_model *m, const char *where, const uint8_t *bytes, uint64_t size,
                             wfc_fe_const *out) {
    unsigned width = wfc_dtype_bytes((wfc_dtype)out->dtype);
    if (size != out->elems * width) return bad_count(m, where, "bytes", size, out->elems * width);
    out->bytes = bytes;
    if (size == 0 || (uintptr_t)bytes % width != 0) {
        void *copy;
        WFC_TRY(wfc_fe_model_alloc(m, where, size, &copy));
        if (size) memcpy(copy, bytes, (size_t)size);
        out->bytes = copy;
    }
    if (out->dtype == WFC_BOOL)
        for (uint64_t i = 0; i < size; i++)
            if (((const uint8_t *)out->bytes)[i] > 1)
                return wfc_fail(m->diag, WFC_ERR_INPUT, "WFC-E0105", where, "a bool tensor holds %u; expected 0 or 1",
                                ((const uint8_t *)out->bytes)[i]);
    return WFC_OK;
}

/* int32_data: one element each, in the low bits. */
static void narrow_int32(wfc_dtype t, const int32_t *from, uint64_t n, void *to) {
    for (uint64_t i = 0; i < n; i++) {
        uint32_t v = (uint32_t)from[i];
        switch (wfc_dtype_bytes(t)) {
        case 1: ((uint8_t *)to)[i] = t == WFC_BOOL ? (uint8_t)(v != 0) : (uint8_t)v; break;
        case 2: ((uint16_t *)to)[i] = (uint16_t)v; break;
        default: ((uint32_t *)to)[i] = v; break;
        }
    }
}

static wfc_status take_typed(wfc_fe_model *m, const char *where, const Onnx__TensorProto *t, wfc_fe_const *out) {
    wfc_dtype type = (wfc_dtype)out->dtype;
    const void *from;
    size_t found;
    switch (type) {
    case WFC_F32: from = t->float_data, found = t->n_float_data; break;
    case WFC_F64: from = t->double_data, found = t->n_double_data; break;
    case WFC_I64: from = t->int64_data, found = t->n_int64_data; break;
    case WFC_U64:
    case WFC_U32: from = t->uint64_data, found = t->n_uint64_data; break;
    default: from = t->int32_data, found = t->n_int32_data; break;
    }
    if (found != out->elems) return bad_count(m, where, "elements", found, out->elems);
    void *to;
    WFC_TRY(wfc_fe_model_alloc(m, where, out->elems * wfc_dtype_bytes(type), &to));
    out->bytes = to;
    if (!found) return WFC_OK;
    if (type == WFC_U32)
        for (size_t i = 0; i < found; i++) ((uint32_t *)to)[i] = (uint32_t)t->uint64_data[i];
    else if (from == t->int32_data)
        narrow_int32(type, t->int32_data, found, to);
    else
        memcpy(to, from, found * wfc_dtype_bytes(type));
    return WFC_OK;
}

/* Bytes of raw_data, wherever they are; NULL without. */
static wfc_status raw_bytes(wfc_fe_model *m, const char *where, const Onnx__TensorProto *t, const uint8_t **bytes,
                            uint64_t *size) {
    const wfc_fe_buffer *file = &m->import->file;
    *bytes = NULL;
    if (t->has_data_location && t->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL)
        return wfc_fe_external_data(m, where, t, bytes, size);
    if (!t->has_raw_data) return WFC_OK;
    if (t->raw_data.len != WFC_FE_SPAN_BYTES) return bad_count(m, where, "bytes", t->raw_data.len, WFC_FE_SPAN_BYTES);
    wfc_fe_span span = wfc_fe_span_read(t->raw_data.data);
    if (span.offset > file->size || span.size > file->size - span.offset)
        return bad_count(m, where, "bytes", span.size, file->size);
    *bytes = file->bytes + span.offset;
    *size = span.size;
    return WFC_OK;
}

/* Elements of 2 to 8 bits that no type here has, widened. They follow one another from the lowest bit of the first byte
 * on; int32_data holds a byte per entry, of 6 bits an element. */
static wfc_status decode_small(wfc_fe_model *m, const char *where, const Onnx__TensorProto *t, unsigned bits,
                               wfc_fe_const *out) {
    const uint8_t *bytes;
    uint64_t size = 0, expected = (out->elems * bits + 7) / 8;
    void *to;
    WFC_TRY(raw_bytes(m, where, t, &bytes, &size));
    if (!bytes) size = t->n_int32_data;
    if (!bytes && bits == 6) expected = out->elems;
    if (size != expected) return bad_count(m, where, "bytes", size, expected);
    WFC_TRY(wfc_fe_model_alloc(m, where, out->elems * wfc_dtype_bytes((wfc_dtype)out->dtype), &to));
    out->bytes = to;
    for (uint64_t i = 0; i < out->elems; i++) {
        uint64_t bit = i * (bytes || bits != 6 ? bits : 8), at = bit / 8;
        unsigned raw = bytes ? bytes[at] : (unsigned)t->int32_data[at] & 0xff;
        if (bytes && bit % 8 + bits > 8) raw |= (unsigned)bytes[at + 1] << 8;
        raw = (raw >> (bit % 8)) & ((1u << bits) - 1);
        wfc_dtype_set((wfc_dtype)out->dtype, to, i, wfc_fe_small_value(t->data_type, raw));
    }
    return WFC_OK;
}

wfc_status wfc_fe_tensor_decode(wfc_fe_model *m, const char *where, const Onnx__TensorProto *t, wfc_fe_const *out,
                                const char **reason) {
    *out = (wfc_fe_const){0};
    wfc_dtype type;
    unsigned bits = 0;
    if (!wfc_fe_dtype(t->data_type, &type) && !wfc_fe_small_type(t->data_type, &type, &bits)) {
        *reason = wfc_fe_dtype_code_name(t->data_type);
        return WFC_ERR_UNSUPPORTED;
    }
    if (t->n_dims > WFC_IR_MAX_RANK) {
        *reason = "more than 8 axes";
        return WFC_ERR_UNSUPPORTED;
    }
    out->dtype = (uint8_t)type;
    out->rank = (uint8_t)t->n_dims;
    for (size_t i = 0; i < t->n_dims; i++) out->dims[i] = t->dims[i];
    if (!wfc_fe_elems(t->dims, t->n_dims, UINT64_MAX / 16, &out->elems))
        return wfc_fail(m->diag, WFC_ERR_INPUT, "WFC-E0105", where,
                        "the tensor's shape has a negative extent or too many elements. The file is damaged");
    if (bits) return decode_small(m, where, t, bits, out);
    const uint8_t *bytes;
    uint64_t size;
    WFC_TRY(raw_bytes(m, where, t, &bytes, &size));
    return bytes ? take_bytes(m, where, bytes, size, out) : take_typed(m, where, t, out);
}

/* indices: [count] in row-major order of the dense tensor, or [count, rank]. */
wfc_status wfc_fe_sparse_decode(wfc_fe_model *m, const char *where, const Onnx__SparseTensorProto *t, wfc_fe_const *out,
                                const char **reason) {
    wfc_fe_const values, indices;
    void *bytes;
    uint64_t elems;
    if (!t->values || !t->indices || t->n_dims == 0)
        return wfc_fail(m->diag, WFC_ERR_INPUT, "WFC-E0105", where,
                        "a sparse tensor without values, indices or a shape");
    WFC_TRY(wfc_fe_tensor_decode(m, where, t->values, &values, reason));
    WFC_TRY(wfc_fe_tensor_decode(m, where, t->indices, &indices, reason));
    if (t->n_dims > WFC_IR_MAX_RANK) {
        *reason = "more than 8 axes";
        return WFC_ERR_UNSUPPORTED;
    }
    bool linear = indices.rank == 1, pairs = indices.rank == 2 && indices.dims[1] == (int64_t)t->n_dims;
    if (indices.dtype != WFC_I64 || values.rank != 1 || (!linear && !pairs) || indices.dims[0] != values.dims[0])
        return wfc_fail(m->diag, WFC_ERR_INPUT, "WFC-E0105", where,
                        "the sparse tensor's indices do not fit its values");
    if (!wfc_fe_elems(t->dims, t->n_dims, UINT32_MAX, &elems))
        return wfc_fail(m->diag, WFC_ERR_INPUT, "WFC-E0105", where,
                        "the sparse tensor's shape is negative or too large");
    *out = (wfc_fe_const){.dtype = values.dtype, .rank = (uint8_t)t->n_dims, .elems = elems};
    for (size_t i = 0; i < t->n_dims; i++) out->dims[i] = t->dims[i];
    unsigned width = wfc_dtype_bytes((wfc_dtype)values.dtype);
    WFC_TRY(wfc_fe_model_alloc(m, where, elems * width, &bytes));
    out->bytes = bytes;
    for (uint64_t i = 0; i < values.elems; i++) {
        const int64_t *at = (const int64_t *)indices.bytes + (linear ? i : i * t->n_dims);
        bool inside = !linear || (at[0] >= 0 && (uint64_t)at[0] < elems);
        uint64_t flat = linear ? (uint64_t)at[0] : 0;
        for (size_t d = 0; d < t->n_dims && !linear && inside; d++) {
            inside = at[d] >= 0 && at[d] < t->dims[d];
            flat = flat * (uint64_t)t->dims[d] + (uint64_t)at[d];
        }
        if (!inside)
            return wfc_fail(m->diag, WFC_ERR_INPUT, "WFC-E0105", where,
                            "index %llu of the sparse tensor lies outside it", (unsigned long long)i);
        memcpy((uint8_t *)bytes + flat * width, (const uint8_t *)values.bytes + i * width, width);
    }
    return WFC_OK;
}

/* --- test data files --------------------------------------------------------------------------------------------- */

static wfc_status to_host_tensor(wfc_fe_model *m, const Onnx__TensorProto *t, char **out_name, wfc_tensor *out) {
    wfc_fe_const c;
    const char *reason = NULL;
    if (t->has_data_location && t->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL)
        return wfc_fail(m->diag, WFC_ERR_INPUT, "WFC-E0117", m->path, "a tensor file may not refer to another file");
    wfc_status status = wfc_fe_tensor_decode(m, m->path, t, &c, &reason);
    if (status == WFC_ERR_UNSUPPORTED)
        return wfc_fail(m->diag, WFC_ERR_INPUT, "WFC-E0117", m->path,
                        "elements of this type cannot be read: %s; give numbers or bool", reason);
    WFC_TRY(status);
    uint32_t dims[WFC_IR_MAX_RANK] = {0};
    for (unsigned i = 0; i < c.rank; i++) {
        if (c.dims[i] > UINT32_MAX)
            return wfc_fail(m->diag, WFC_ERR_INPUT, "WFC-E0117", m->path, "axis %u is longer than 2^32 - 1", i);
        dims[i] = (uint32_t)c.dims[i];
    }
    char *name = wfc_strdup(t->name ? t->name : "");
    if (!name || wfc_tensor_init(out, (wfc_dtype)c.dtype, c.rank, dims) != WFC_OK) {
        wfc_free(name);
        return wfc_fail_memory(m->diag);
    }
    if (c.elems) memcpy(out->data, c.bytes, (size_t)(c.elems * wfc_dtype_bytes((wfc_dtype)c.dtype)));
    *out_name = name;
    return WFC_OK;
}

wfc_status wfc_import_tensor_file(const char *path, wfc_diag *diag, char **out_name, wfc_tensor *out) {
    wfc_fe_model m = {.path = path, .diag = diag, .budget_bytes = UINT64_MAX};
    m.import = wfc_calloc(1, sizeof *m.import);
    if (!m.import) return wfc_fail_memory(diag);
    wfc_fe_buffer *file = &m.import->file;
    Onnx__TensorProto *t = NULL;
    bool no_memory;
    ProtobufCAllocator allocator = wfc_fe_message_allocator(&no_memory);
    uint8_t *skeleton = NULL;
    size_t size = 0;
    wfc_status status = wfc_file_read(path, (size_t)WFC_FE_MAX_FILE_GIB << 30, diag, &file->bytes, &file->size);
    if (status == WFC_OK)
        status = wfc_fe_wire_scan(file->bytes, file->size, WFC_FE_WIRE_TENSOR, path, diag, &skeleton, &size);
    if (status == WFC_OK) {
        t = onnx__tensor_proto__unpack(&allocator, size, skeleton);
        if (!t && no_memory)
            status = wfc_fail_memory(diag);
        else if (!t)
            status = wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0104", path, "not a TensorProto file");
    }
    wfc_free(skeleton);
    if (status == WFC_OK) status = to_host_tensor(&m, t, out_name, out);
    if (t) onnx__tensor_proto__free_unpacked(t, &allocator);
    wfc_fe_model_deinit(&m);
    return status;
}
