/* Weights put back into the model's own file. Nothing is parsed and written anew: new elements overwrite the old ones
 * where they stand, so that every other byte of the file stays (opset, names, metadata, unknown fields), and so does
 * the length of each message. Example: a float32 initializer in raw_data, 4 bytes per element, gets four zero bytes at
 * each element that was pruned. Elements of external files likewise, in a copy of the file. */
#include "frontend/model.h"
#include "support/file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct span {
    uint8_t *at;
    size_t size;
} span;

typedef struct field {
    uint32_t number;
    unsigned type;
    span bytes; /* of the value: without the length of strings and messages */
} field;
enum { T_VARINT = 0, T_BYTES = 2, T_FIXED64 = 1, T_FIXED32 = 5 };

static bool read_varint(span *s, uint64_t *out) {
    *out = 0;
    for (unsigned shift = 0; shift < 64 && s->size; shift += 7) {
        uint8_t byte = *s->at++;
        s->size--;
        *out |= (uint64_t)(byte & 127u) << shift;
        if (byte < 128) return true;
    }
    return false;
}

/* The next field of a message; false at its end, and where it is malformed. */
static bool next(span *s, field *out) {
    uint64_t key, size;
    if (!read_varint(s, &key)) return false;
    out->number = (uint32_t)(key >> 3);
    out->type = (unsigned)(key & 7);
    span before = *s;
    switch (out->type) {
    case T_VARINT:
        if (!read_varint(s, &size)) return false;
        out->bytes = (span){before.at, before.size - s->size};
        return true;
    case T_FIXED64: size = 8; break;
    case T_FIXED32: size = 4; break;
    case T_BYTES:
        if (!read_varint(s, &size)) return false;
        break;
    default: return false;
    }
    if (size > s->size) return false;
    out->bytes = (span){s->at, (size_t)size};
    s->at += size;
    s->size -= (size_t)size;
    return true;
}

static bool equals(span s, const char *text) {
    return s.size == strlen(text) && memcmp(s.at, text, s.size) == 0;
}

/* ---- One tensor ---- */

typedef struct piece { /* a tensor's bytes in an external file */
    size_t file;
    uint64_t offset;
    const wfc_new_tensor *t;
} piece;

typedef struct rewrite {
    const wfc_import *im;
    const wfc_new_tensor *tensors;
    size_t count;
    bool *found;
    WFC_VEC(piece) pieces;
    wfc_diag *diag;
} rewrite;

static wfc_status refuse(rewrite *r, const char *name, const char *why) {
    return wfc_fail(
        r->diag, WFC_ERR_UNSUPPORTED, "WFC-E0120", name,
        "its new values cannot be put in place of the old ones: %s. Write the model again with its weights as "
        "raw or external data",
        why);
}

/* The external file of that location, and where in it. */
static wfc_status external_place(rewrite *r, span tensor, const char *name, piece *out) {
    span location = {0}, offset = {0};
    for (field f; next(&tensor, &f);) {
        if (f.number != 13) continue;
        span key = {0}, value = {0};
        for (field e; next(&f.bytes, &e);) {
            if (e.number == 1) key = e.bytes;
            if (e.number == 2) value = e.bytes;
        }
        if (equals(key, "location")) location = value;
        if (equals(key, "offset")) offset = value;
    }
    out->offset = 0;
    for (size_t i = 0; i < offset.size; i++) out->offset = out->offset * 10 + (uint64_t)(offset.at[i] - '0');
    for (out->file = 0; out->file < r->im->externals.count; out->file++)
        if (equals(location, r->im->externals.data[out->file].location)) return WFC_OK;
    return refuse(r, name, "a tensor's external file is not among those that were read");
}

/* float_data, packed or not; *at counts the elements written. */
static bool write_floats(span s, const wfc_new_tensor *t, uint64_t *at) {
    uint64_t n = s.size / 4;
    if (s.size % 4 || n > t->elems - *at) return false;
    memcpy(s.at, t->elements + *at, s.size);
    *at += n;
    return true;
}

static wfc_status rewrite_tensor(rewrite *r, span tensor, size_t k) {
    const wfc_new_tensor *t = &r->tensors[k];
    uint64_t size = 4 * t->elems, typed = 0, location = 0, type = 0;
    bool raw = false, fits = true;
    span rest = tensor;
    for (field f; next(&rest, &f);) {
        if (f.number == 2 && f.type == T_VARINT) (void)read_varint(&f.bytes, &type);
        if (f.number == 14 && f.type == T_VARINT) (void)read_varint(&f.bytes, &location);
        if (f.number == 9 && f.bytes.size == size) {
            memcpy(f.bytes.at, t->elements, f.bytes.size);
            raw = true;
        }
        if (f.number == 4) fits = fits && write_floats(f.bytes, t, &typed);
    }
    if (type != ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT) return refuse(r, t->name, "the model has it in another type");
    r->found[k] = true;
    if (location != 1)
        return raw || (fits && typed == t->elems) ? WFC_OK : refuse(r, t->name, "the encoding has no room");
    piece p = {.t = t};
    WFC_TRY(external_place(r, tensor, t->name, &p));
    const wfc_fe_buffer *file = &r->im->externals.data[p.file].data;
    if (p.offset > file->size || size > file->size - p.offset)
        return refuse(r, t->name, "the external file is too short");
    return wfc_vec_push(&r->pieces, p) == WFC_OK ? WFC_OK : wfc_fail_memory(r->diag);
}

/* ---- The places of tensors: initializers and the values of Constant nodes ---- */

static wfc_status visit_named(rewrite *r, span tensor, span name) {
    for (size_t k = 0; k < r->count; k++)
        if (equals(name, r->tensors[k].name)) return rewrite_tensor(r, tensor, k);
    bool external = false;
    span rest = tensor;
    for (field f; next(&rest, &f);) external |= f.number == 13;
    piece ignored;
    return external ? external_place(r, tensor, "", &ignored) : WFC_OK; /* its file is copied, too */
}

static wfc_status visit_constant(rewrite *r, span node) {
    span output = {0}, op = {0}, rest = node;
    for (field f; next(&rest, &f);) {
        if (f.number == 2 && !output.at) output = f.bytes;
        if (f.number == 4) op = f.bytes;
    }
    if (!equals(op, "Constant")) return WFC_OK;
    for (field f; next(&node, &f);) {
        if (f.number != 5 || f.type != T_BYTES) continue;
        span name = {0}, tensor = {0};
        for (field a; next(&f.bytes, &a);) {
            if (a.number == 1) name = a.bytes;
            if (a.number == 5) tensor = a.bytes;
        }
        if (equals(name, "value") && tensor.at) WFC_TRY(visit_named(r, tensor, output));
    }
    return WFC_OK;
}

static wfc_status visit_graph(rewrite *r, span graph) {
    for (field f; next(&graph, &f);) {
        if (f.type != T_BYTES) continue;
        if (f.number == 1) WFC_TRY(visit_constant(r, f.bytes));
        if (f.number != 5) continue;
        span name = {0}, rest = f.bytes;
        for (field t; next(&rest, &t);)
            if (t.number == 8) name = t.bytes;
        WFC_TRY(visit_named(r, f.bytes, name));
    }
    return WFC_OK;
}

static wfc_status visit_model(rewrite *r, span model) {
    for (field f; next(&model, &f);)
        if (f.number == 7 && f.type == T_BYTES) WFC_TRY(visit_graph(r, f.bytes));
    for (size_t k = 0; k < r->count; k++)
        if (!r->found[k])
            return refuse(r, r->tensors[k].name, "no initializer and no Constant node of the main graph makes it");
    return WFC_OK;
}

/* ---- Files ---- */

/* "folder/" of a path with room for `name` behind it. */
static char *beside(const char *path, const char *name) {
    const char *slash = strrchr(path, '/');
    return wfc_asprintf("%.*s%s", slash ? (int)(slash - path) + 1 : 0, path, name);
}

static wfc_status check_folders(rewrite *r, const char *model, const char *out) {
    struct stat a, b;
    for (size_t i = 0; i < r->im->externals.count; i++) { /* two spellings of one file would be two copies */
        const char *l = r->im->externals.data[i].location;
        if (strncmp(l, "./", 2) == 0 || strstr(l, "/./") || strstr(l, "//"))
            return refuse(r, l, "the path of this external file is not in its shortest form");
    }
    char *from = beside(model, "."), *to = beside(out, ".");
    bool same = from && to && stat(from, &a) == 0 && stat(to, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
    bool failed = !from || !to;
    wfc_free(from);
    wfc_free(to);
    if (failed) return wfc_fail_memory(r->diag);
    if (same && r->im->externals.count)
        return wfc_fail(
            r->diag, WFC_ERR_INPUT, "WFC-E0122", out,
            "the model keeps weights in '%s' beside it, and the new file of that name would replace it; write to "
            "another folder",
            r->im->externals.data[0].location);
    return WFC_OK;
}

static int by_offset(const void *a, const void *b) {
    const piece *x = a, *y = b;
    if (x->file != y->file) return x->file < y->file ? -1 : 1;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* A copy of external file i with the pieces in place, as `path`. */
static wfc_status write_external(rewrite *r, size_t i, const char *path) {
    const wfc_fe_buffer *data = &r->im->externals.data[i].data;
    wfc_atomic_file f;
    uint64_t at = 0;
    WFC_TRY(wfc_atomic_open(&f, path, r->diag));
    for (size_t k = 0; k < r->pieces.count; k++) {
        const piece *p = &r->pieces.data[k];
        uint64_t size = 4 * p->t->elems;
        if (p->file != i) continue;
        if (k > 0 && p[-1].file == i && p[-1].offset == p->offset && p[-1].t->elements == p->t->elements &&
            at == p->offset + size)
            continue; /* one weight under two names */
        if (p->offset < at) {
            wfc_atomic_abandon(&f);
            return refuse(r, p->t->name, "its bytes in the external file are those of another weight, too");
        }
        WFC_TRY(wfc_atomic_write(&f, data->bytes + at, (size_t)(p->offset - at), r->diag));
        WFC_TRY(wfc_atomic_write(&f, p->t->elements, (size_t)size, r->diag));
        at = p->offset + size;
    }
    WFC_TRY(wfc_atomic_write(&f, data->bytes + at, (size_t)(data->size - at), r->diag));
    return wfc_atomic_commit(&f, r->diag);
}

static wfc_status write_files(rewrite *r, span model, const char *out) {
    size_t done = 0;
    wfc_status s = WFC_OK;
    if (r->pieces.count) qsort(r->pieces.data, r->pieces.count, sizeof *r->pieces.data, by_offset);
    for (; s == WFC_OK && done < r->im->externals.count; done++) {
        char *path = beside(out, r->im->externals.data[done].location);
        s = path ? write_external(r, done, path) : wfc_fail_memory(r->diag);
        wfc_free(path);
        if (s != WFC_OK) break;
    }
    if (s == WFC_OK) s = wfc_import_intact(r->im, r->diag);
    if (s == WFC_OK) s = wfc_file_write(out, model.at, model.size, r->diag);
    while (s != WFC_OK && done-- > 0) { /* whole or not at all */
        char *path = beside(out, r->im->externals.data[done].location);
        if (path) remove(path);
        wfc_free(path);
    }
    return s;
}

wfc_status wfc_import_rewrite(const wfc_import *im, const char *model, const char *out, const wfc_new_tensor *tensors,
                              size_t count, wfc_diag *diag) {
    rewrite r = {.im = im, .tensors = tensors, .count = count, .diag = diag};
    span bytes = {0};
    WFC_TRY(check_folders(&r, model, out));
    WFC_TRY(wfc_file_read(model, (size_t)WFC_FE_MAX_FILE_GIB << 30, diag, &bytes.at, &bytes.size));
    r.found = wfc_calloc(count, sizeof *r.found);
    wfc_status s = r.found ? visit_model(&r, bytes) : wfc_fail_memory(diag);
    if (s == WFC_OK) s = write_files(&r, bytes, out);
    wfc_free(r.found);
    wfc_vec_free(&r.pieces);
    wfc_free(bytes.at);
    return s;
}
