/* See wire.h. The tables below list, per ONNX message, the fields we read; everything else is checked to be well formed
 * and dropped. */
#include "frontend/wire.h"
#include <string.h>

typedef enum field_kind {
    F_VARINT,
    F_FLOAT,
    F_NAME,    /* string: no NUL byte, bounded length */
    F_BYTES,   /* free bytes */
    F_SPAN,    /* raw_data */
    F_MESSAGE, /* `type` */
    F_VARINTS, /* repeated, packed or not */
    F_FLOATS,
    F_DOUBLES
} field_kind;

typedef enum message_type {
    M_MODEL,
    M_GRAPH,
    M_NODE,
    M_ATTRIBUTE,
    M_TENSOR,
    M_SPARSE,
    M_VALUE_INFO,
    M_TYPE,
    M_TENSOR_TYPE,
    M_WRAPPED_TYPE,
    M_MAP_TYPE,
    M_SHAPE,
    M_DIM,
    M_OPSET,
    M_FUNCTION,
    M_ENTRY
} message_type;

typedef struct field_rule {
    uint32_t number;
    uint8_t kind, type;
    bool repeated;
} field_rule;

static const field_rule model_fields[] = {{1, F_VARINT, 0, false},
                                          {7, F_MESSAGE, M_GRAPH, false},
                                          {8, F_MESSAGE, M_OPSET, true},
                                          {25, F_MESSAGE, M_FUNCTION, true}};
static const field_rule graph_fields[] = {{1, F_MESSAGE, M_NODE, true},        {2, F_NAME, 0, false},
                                          {5, F_MESSAGE, M_TENSOR, true},      {11, F_MESSAGE, M_VALUE_INFO, true},
                                          {12, F_MESSAGE, M_VALUE_INFO, true}, {13, F_MESSAGE, M_VALUE_INFO, true},
                                          {15, F_MESSAGE, M_SPARSE, true}};
static const field_rule node_fields[] = {{1, F_NAME, 0, true},  {2, F_NAME, 0, true},
                                         {3, F_NAME, 0, false}, {4, F_NAME, 0, false},
                                         {7, F_NAME, 0, false}, {5, F_MESSAGE, M_ATTRIBUTE, true}};
static const field_rule attribute_fields[] = {
    {1, F_NAME, 0, false},           {21, F_NAME, 0, false},          {20, F_VARINT, 0, false},
    {2, F_FLOAT, 0, false},          {3, F_VARINT, 0, false},         {4, F_BYTES, 0, false},
    {5, F_MESSAGE, M_TENSOR, false}, {6, F_MESSAGE, M_GRAPH, false},  {22, F_MESSAGE, M_SPARSE, false},
    {14, F_MESSAGE, M_TYPE, false},  {7, F_FLOATS, 0, true},          {8, F_VARINTS, 0, true},
    {9, F_BYTES, 0, true},           {10, F_MESSAGE, M_TENSOR, true}, {11, F_MESSAGE, M_GRAPH, true},
    {23, F_MESSAGE, M_SPARSE, true}, {15, F_MESSAGE, M_TYPE, true}};
static const field_rule tensor_fields[] = {
    {1, F_VARINTS, 0, true},  {2, F_VARINT, 0, false},  {4, F_FLOATS, 0, true},         {5, F_VARINTS, 0, true},
    {6, F_BYTES, 0, true},    {7, F_VARINTS, 0, true},  {8, F_NAME, 0, false},          {9, F_SPAN, 0, false},
    {10, F_DOUBLES, 0, true}, {11, F_VARINTS, 0, true}, {13, F_MESSAGE, M_ENTRY, true}, {14, F_VARINT, 0, false}};
static const field_rule sparse_fields[] = {
    {1, F_MESSAGE, M_TENSOR, false}, {2, F_MESSAGE, M_TENSOR, false}, {3, F_VARINTS, 0, true}};
static const field_rule value_info_fields[] = {{1, F_NAME, 0, false}, {2, F_MESSAGE, M_TYPE, false}};
static const field_rule type_fields[] = {{1, F_MESSAGE, M_TENSOR_TYPE, false},
                                         {4, F_MESSAGE, M_WRAPPED_TYPE, false},
                                         {5, F_MESSAGE, M_MAP_TYPE, false},
                                         {8, F_MESSAGE, M_TENSOR_TYPE, false},
                                         {9, F_MESSAGE, M_WRAPPED_TYPE, false}};
static const field_rule tensor_type_fields[] = {{1, F_VARINT, 0, false}, {2, F_MESSAGE, M_SHAPE, false}};
static const field_rule wrapped_type_fields[] = {{1, F_MESSAGE, M_TYPE, false}};
static const field_rule map_type_fields[] = {{1, F_VARINT, 0, false}, {2, F_MESSAGE, M_TYPE, false}};
static const field_rule shape_fields[] = {{1, F_MESSAGE, M_DIM, true}};
static const field_rule dim_fields[] = {{1, F_VARINT, 0, false}, {2, F_NAME, 0, false}};
static const field_rule opset_fields[] = {{1, F_NAME, 0, false}, {2, F_VARINT, 0, false}};
static const field_rule function_fields[] = {
    {1, F_NAME, 0, false},        {4, F_NAME, 0, true},          {5, F_NAME, 0, true},  {6, F_NAME, 0, true},
    {7, F_MESSAGE, M_NODE, true}, {9, F_MESSAGE, M_OPSET, true}, {10, F_NAME, 0, false}};
static const field_rule entry_fields[] = {{1, F_NAME, 0, false}, {2, F_NAME, 0, false}};

typedef struct message_rule {
    const char *name;
    const field_rule *fields;
    unsigned count;
} message_rule;
#define MESSAGE(name, fields)                                                                                          \
    { name, fields, sizeof(fields) / sizeof(fields)[0] }
static const message_rule messages[] = {
    [M_MODEL] = MESSAGE("ModelProto", model_fields),
    [M_GRAPH] = MESSAGE("GraphProto", graph_fields),
    [M_NODE] = MESSAGE("NodeProto", node_fields),
    [M_ATTRIBUTE] = MESSAGE("AttributeProto", attribute_fields),
    [M_TENSOR] = MESSAGE("TensorProto", tensor_fields),
    [M_SPARSE] = MESSAGE("SparseTensorProto", sparse_fields),
    [M_VALUE_INFO] = MESSAGE("ValueInfoProto", value_info_fields),
    [M_TYPE] = MESSAGE("TypeProto", type_fields),
    [M_TENSOR_TYPE] = MESSAGE("TypeProto.Tensor", tensor_type_fields),
    [M_WRAPPED_TYPE] = MESSAGE("TypeProto.Sequence or Optional", wrapped_type_fields),
    [M_MAP_TYPE] = MESSAGE("TypeProto.Map", map_type_fields),
    [M_SHAPE] = MESSAGE("TensorShapeProto", shape_fields),
    [M_DIM] = MESSAGE("TensorShapeProto.Dimension", dim_fields),
    [M_OPSET] = MESSAGE("OperatorSetIdProto", opset_fields),
    [M_FUNCTION] = MESSAGE("FunctionProto", function_fields),
    [M_ENTRY] = MESSAGE("StringStringEntryProto", entry_fields),
};

enum { UNPACKED_MESSAGE_BYTES = 256, UNPACKED_STRING_BYTES = 40 }; /* upper estimates of what protobuf-c allocates */

typedef struct scanner {
    uint8_t *bytes;
    const char *where;
    wfc_diag *diag;
    WFC_VEC(uint8_t) out;
    uint64_t messages, unpacked_bytes;
    size_t low_water; /* end of the last raw_data payload that was kept */
} scanner;

typedef struct region {
    size_t at, end;
} region;

static wfc_status malformed(const scanner *s, size_t at, const message_rule *m, const char *what) {
    return wfc_fail(s->diag, WFC_ERR_INPUT, "WFC-E0101", s->where,
                    "not a valid ONNX file: %s in a %s at byte %zu. The file is damaged, truncated or of another "
                    "format; export or copy it again",
                    what, m->name, at);
}

static wfc_status charge(scanner *s, uint64_t bytes) {
    s->unpacked_bytes += bytes; /* cannot wrap: each byte of the file adds less than 2^12 */
    if (s->unpacked_bytes >> 20 < WFC_FE_MAX_UNPACKED_MIB) return WFC_OK;
    return wfc_fail(s->diag, WFC_ERR_INPUT, "WFC-E0103", s->where,
                    "reading this file would take more than %d MiB for its structure alone (weights in raw_data "
                    "apart). Store large tensors as raw_data or external data",
                    (int)WFC_FE_MAX_UNPACKED_MIB);
}

static wfc_status emit(scanner *s, const void *data, size_t n) {
    WFC_TRY(wfc_vec_reserve(&s->out, n));
    if (n) memcpy(s->out.data + s->out.count, data, n);
    s->out.count += n;
    return WFC_OK;
}

/* The varint at r->at; false when it is longer than 10 bytes or cut off. */
static bool read_varint(const scanner *s, region *r, uint64_t *out) {
    uint64_t v = 0;
    for (unsigned i = 0; i < 10 && r->at < r->end; i++) {
        uint8_t b = s->bytes[r->at++];
        v |= (uint64_t)(b & 0x7f) << (7 * i);
        if (!(b & 0x80)) {
            *out = v;
            return true;
        }
    }
    return false;
}

/* Counts the varints of a packed array; false when the last one is cut off or one is too long. */
static bool count_varints(const scanner *s, region r, uint64_t *out) {
    uint64_t n = 0, v;
    for (; r.at < r.end; n++)
        if (!read_varint(s, &r, &v)) return false;
    *out = n;
    return true;
}

static wfc_status scan_message(scanner *s, message_type type, region r, unsigned depth, unsigned graphs);

/* A nested message: tag, a length of always five bytes (patched once it is known), body. */
static wfc_status scan_nested(scanner *s, message_type type, const uint8_t *tag, size_t tag_size, region body,
                              unsigned depth, unsigned graphs) {
    WFC_TRY(emit(s, tag, tag_size));
    size_t length_at = s->out.count;
    static const uint8_t blank[5] = {0};
    WFC_TRY(emit(s, blank, sizeof blank));
    WFC_TRY(scan_message(s, type, body, depth + 1, graphs + (type == M_GRAPH)));
    size_t n = s->out.count - length_at - sizeof blank;
    for (unsigned i = 0; i < 5; i++) s->out.data[length_at + i] = (uint8_t)((n >> (7 * i) & 0x7f) | (i < 4 ? 0x80 : 0));
    return WFC_OK;
}

/* raw_data: aligns the payload where the bytes in front of it are spent, and emits the reference. */
static wfc_status scan_span(scanner *s, const uint8_t *tag, size_t tag_size, region body) {
    size_t n = body.end - body.at, to = body.at & ~(size_t)7;
    if (to < s->low_water) to = body.at & ~(size_t)3;
    if (to < s->low_water) to = body.at;
    if (to != body.at) memmove(s->bytes + to, s->bytes + body.at, n);
    s->low_water = to + n;
    uint8_t reference[1 + WFC_FE_SPAN_BYTES] = {WFC_FE_SPAN_BYTES};
    const uint64_t parts[2] = {to, n};
    for (unsigned i = 0; i < WFC_FE_SPAN_BYTES; i++) reference[1 + i] = (uint8_t)(parts[i / 8] >> (8 * (i % 8)));
    WFC_TRY(emit(s, tag, tag_size));
    return emit(s, reference, sizeof reference);
}

wfc_fe_span wfc_fe_span_read(const uint8_t *data) {
    uint64_t parts[2] = {0, 0};
    for (unsigned i = 0; i < WFC_FE_SPAN_BYTES; i++) parts[i / 8] |= (uint64_t)data[i] << (8 * (i % 8));
    return (wfc_fe_span){parts[0], parts[1]};
}

/* A length-delimited field that we keep; `whole` starts at its tag. */
static wfc_status scan_delimited(scanner *s, const message_rule *m, const field_rule *f, size_t tag_at, size_t tag_size,
                                 region body, unsigned depth, unsigned graphs) {
    size_t n = body.end - body.at;
    const uint8_t *tag = s->bytes + tag_at;
    uint8_t saved_tag[10]; /* moving raw_data may overwrite the tag */
    memcpy(saved_tag, tag, tag_size);
    uint64_t count = n;
    switch (f->kind) {
    case F_MESSAGE: return scan_nested(s, (message_type)f->type, saved_tag, tag_size, body, depth, graphs);
    case F_SPAN: return scan_span(s, saved_tag, tag_size, body);
    case F_NAME:
        if (n > WFC_FE_MAX_NAME_BYTES) return malformed(s, body.at, m, "a name longer than 64 KiB");
        if (n && memchr(s->bytes + body.at, 0, n)) return malformed(s, body.at, m, "a name with a NUL byte");
        WFC_TRY(charge(s, n + UNPACKED_STRING_BYTES));
        break;
    case F_BYTES: WFC_TRY(charge(s, n + UNPACKED_STRING_BYTES)); break;
    case F_VARINTS:
        if (!count_varints(s, body, &count)) return malformed(s, body.at, m, "a damaged list of integers");
        WFC_TRY(charge(s, count * 8));
        break;
    case F_FLOATS:
    case F_DOUBLES:
        if (n % (f->kind == F_FLOATS ? 4 : 8)) return malformed(s, body.at, m, "a damaged list of numbers");
        WFC_TRY(charge(s, n));
        break;
    default: return malformed(s, tag_at, m, "a field of the wrong kind");
    }
    return emit(s, tag, body.end - tag_at);
}

static unsigned wire_type_of(uint8_t kind) {
    switch (kind) {
    case F_VARINT:
    case F_VARINTS: return 0;
    case F_DOUBLES: return 1;
    case F_FLOAT:
    case F_FLOATS: return 5;
    default: return 2;
    }
}

/* Reads one field's value from r->at on; *body is the payload of a length-delimited one. */
static wfc_status skip_value(const scanner *s, const message_rule *m, unsigned wire, region *r, region *body) {
    uint64_t v = 0;
    size_t at = r->at;
    switch (wire) {
    case 0:
        if (!read_varint(s, r, &v)) return malformed(s, at, m, "a damaged integer");
        return WFC_OK;
    case 1:
    case 5: {
        size_t n = wire == 1 ? 8 : 4;
        if (r->end - r->at < n) return malformed(s, at, m, "a number cut off");
        r->at += n;
        return WFC_OK;
    }
    case 2:
        if (!read_varint(s, r, &v)) return malformed(s, at, m, "a damaged length");
        if (v > r->end - r->at) return malformed(s, at, m, "a field that runs past its end");
        *body = (region){r->at, r->at + (size_t)v};
        r->at = body->end;
        return WFC_OK;
    default: return malformed(s, at, m, "an unknown wire type");
    }
}

static const field_rule *find_field(const message_rule *m, uint64_t number) {
    for (unsigned i = 0; i < m->count; i++)
        if (m->fields[i].number == number) return &m->fields[i];
    return NULL;
}

static wfc_status scan_field(scanner *s, const message_rule *m, region *r, uint32_t *seen, unsigned depth,
                             unsigned graphs) {
    size_t tag_at = r->at;
    uint64_t tag;
    if (!read_varint(s, r, &tag) || tag >> 3 == 0 || tag >> 32) return malformed(s, tag_at, m, "a damaged field tag");
    size_t tag_size = r->at - tag_at;
    unsigned wire = (unsigned)(tag & 7);
    const field_rule *f = find_field(m, tag >> 3);
    region body = {0, 0};
    WFC_TRY(skip_value(s, m, wire, r, &body));
    if (!f) return WFC_OK; /* not read by us: left out of the skeleton */
    if (!f->repeated) {
        uint32_t bit = UINT32_C(1) << (f - m->fields);
        /* The unpacker would merge repeated messages, which costs quadratic time; no exporter writes them. */
        if (*seen & bit) return malformed(s, tag_at, m, "a field given twice");
        *seen |= bit;
    }
    if (wire == 2) return scan_delimited(s, m, f, tag_at, tag_size, body, depth, graphs);
    if (wire != wire_type_of(f->kind)) return malformed(s, tag_at, m, "a field of the wrong kind");
    WFC_TRY(charge(s, 8));
    return emit(s, s->bytes + tag_at, r->at - tag_at);
}

static wfc_status scan_message(scanner *s, message_type type, region r, unsigned depth, unsigned graphs) {
    const message_rule *m = &messages[type];
    if (depth > WFC_FE_MAX_DEPTH || graphs > WFC_FE_MAX_GRAPH_DEPTH)
        return wfc_fail(s->diag, WFC_ERR_INPUT, "WFC-E0102", s->where,
                        "nested too deep at byte %zu: found more than %d %s, the limits are %d nested messages and %d "
                        "graphs within graphs",
                        r.at, depth > WFC_FE_MAX_DEPTH ? WFC_FE_MAX_DEPTH : WFC_FE_MAX_GRAPH_DEPTH,
                        depth > WFC_FE_MAX_DEPTH ? "nested messages" : "graphs within graphs", WFC_FE_MAX_DEPTH,
                        WFC_FE_MAX_GRAPH_DEPTH);
    if (++s->messages > WFC_FE_MAX_MESSAGES)
        return wfc_fail(s->diag, WFC_ERR_INPUT, "WFC-E0103", s->where, "more than %d messages in one file",
                        (int)WFC_FE_MAX_MESSAGES);
    WFC_TRY(charge(s, UNPACKED_MESSAGE_BYTES));
    uint32_t seen = 0;
    while (r.at < r.end) WFC_TRY(scan_field(s, m, &r, &seen, depth, graphs));
    return WFC_OK;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): payloads are moved within it */
wfc_status wfc_fe_wire_scan(uint8_t *bytes, size_t size, wfc_fe_wire_root root, const char *where, wfc_diag *diag,
                            uint8_t **out_skeleton, size_t *out_size) {
    scanner s = {.bytes = bytes, .where = where, .diag = diag};
    message_type type = root == WFC_FE_WIRE_MODEL ? M_MODEL : M_TENSOR;
    wfc_status status = wfc_vec_reserve(&s.out, 1);
    if (status == WFC_OK) status = scan_message(&s, type, (region){0, size}, 1, 0);
    /* A message of the skeleton must be shorter than its five-byte length can say, and than protobuf-c's own limit. */
    if (status == WFC_OK && s.out.count > INT32_MAX)
        status = wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0103", where, "more than 2 GiB of structure in one file");
    if (status == WFC_ERR_NO_MEMORY) status = wfc_fail_memory(diag);
    if (status != WFC_OK) {
        wfc_vec_free(&s.out);
        return status;
    }
    *out_skeleton = s.out.data;
    *out_size = s.out.count;
    return WFC_OK;
}
