/* External data: bytes of a tensor in a file beside the model.
 *
 * A model is untrusted, and its `location` could name any file of the user. So: a relative path without "..", which
 * after resolving symbolic links still lies in the model's own folder, to a regular file. The resolved path is then
 * opened one component at a time without following links, so that a link put there in between does not help.
 *
 * Small files are read, so that a file that becomes shorter is noticed at once. From 256 MiB on they are mapped and
 * read when a weight is used; wfc_import_intact tells what happened to them meanwhile. */
#define _XOPEN_SOURCE 700 /* realpath */
#include "frontend/mapped.h"
#include "frontend/model.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_EXTERNAL_FILES = 4096 };

typedef struct external_ref {
    const char *location;
    uint64_t offset, length;
    bool has_length;
} external_ref;

static wfc_status refuse(wfc_fe_model *m, const char *where, const char *location, const char *why) {
    return wfc_fail(m->diag, WFC_ERR_INPUT, "WFC-E0106", where,
                    "external data file '%s': %s. Expected a regular file inside the model's own folder", location,
                    why);
}

static bool parse_decimal(const char *text, uint64_t *out) {
    uint64_t v = 0;
    if (!*text) return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || v > (UINT64_MAX - 9) / 10) return false;
        v = v * 10 + (uint64_t)(*text - '0');
    }
    *out = v;
    return true;
}

static wfc_status read_ref(wfc_fe_model *m, const char *where, const Onnx__TensorProto *t, external_ref *out) {
    *out = (external_ref){0};
    for (size_t i = 0; i < t->n_external_data; i++) {
        const char *key = t->external_data[i]->key, *value = t->external_data[i]->value;
        if (!key || !value) continue;
        if (!strcmp(key, "location")) out->location = value;
        bool is_length = !strcmp(key, "length");
        if (!is_length && strcmp(key, "offset") != 0) continue;
        if (!parse_decimal(value, is_length ? &out->length : &out->offset))
            return wfc_fail(m->diag, WFC_ERR_INPUT, "WFC-E0106", where, "external data: %s is '%s', expected a number",
                            key, value);
        out->has_length |= is_length;
    }
    if (!out->location || !*out->location)
        return wfc_fail(m->diag, WFC_ERR_INPUT, "WFC-E0106", where, "external data without a location");
    return WFC_OK;
}

static const char *bad_location(const char *location) {
    if (location[0] == '/') return "the path is absolute";
    if (strchr(location, '\\')) return "the path holds a backslash";
    for (const char *p = location; p;) {
        const char *slash = strchr(p, '/');
        size_t n = slash ? (size_t)(slash - p) : strlen(p);
        if (n == 2 && p[0] == '.' && p[1] == '.') return "the path leaves the folder by '..'";
        p = slash ? slash + 1 : NULL;
    }
    return NULL;
}

/* Folder of the model with links resolved; malloc'ed, NULL on failure. */
static char *model_folder(const char *path) {
    const char *slash = strrchr(path, '/');
    char *folder = slash ? wfc_strndup(path, slash == path ? 1 : (size_t)(slash - path)) : wfc_strdup(".");
    char *real = folder ? realpath(folder, NULL) : NULL;
    wfc_free(folder);
    return real;
}

/* Opens `relative` below `folder` without following a link; -1 on failure. */
static int open_below(const char *folder, char *relative) {
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (char *p = relative; fd >= 0 && p;) {
        char *slash = strchr(p, '/');
        if (slash) *slash = 0;
        int flags = slash ? O_RDONLY | O_DIRECTORY : O_RDONLY | O_NONBLOCK; /* a FIFO must not hang the open */
        int next = openat(fd, p, flags | O_NOFOLLOW | O_CLOEXEC);
        close(fd);
        fd = next;
        p = slash ? slash + 1 : NULL;
    }
    return fd;
}

static wfc_status read_whole(wfc_fe_model *m, const char *where, const char *location, int fd, wfc_fe_buffer *out) {
    size_t at = 0;
    uint8_t *bytes = wfc_calloc(out->size + 1, 1);
    if (!bytes) return wfc_fail_memory(m->diag);
    while (at < out->size) {
        ssize_t n = read(fd, bytes + at, out->size - at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            wfc_free(bytes);
            return wfc_fail(m->diag, WFC_ERR_IO, "WFC-E0106", where, "external data file '%s': %s", location,
                            n < 0 ? strerror(errno) : "it became shorter while it was read");
        }
        at += (size_t)n;
    }
    out->bytes = bytes;
    return WFC_OK;
}

static wfc_status read_or_map(wfc_fe_model *m, const char *where, const char *location, int fd, wfc_fe_external *out) {
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) return refuse(m, where, location, "it is not a regular file");
    uint64_t total = (uint64_t)st.st_size, read_bytes = total; /* in sum: one file may have many spellings */
    for (size_t i = 0; i < m->import->externals.count; i++) {
        const wfc_fe_external *e = &m->import->externals.data[i];
        total += e->data.size;
        read_bytes += e->mapped ? 0 : e->data.size;
    }
    if (total > (uint64_t)WFC_FE_MAX_EXTERNAL_GIB << 30)
        return refuse(m, where, location, "all external files together are larger than 4096 GiB");
    out->data.size = (size_t)st.st_size;
    out->mapped = read_bytes > (uint64_t)WFC_FE_MAX_READ_MIB << 20 && st.st_size > 0;
    if (!out->mapped) return read_whole(m, where, location, fd, &out->data);
    out->data.bytes = wfc_fe_map_file(fd, out->data.size);
    if (out->data.bytes) return WFC_OK;
    return wfc_fail(m->diag, WFC_ERR_IO, "WFC-E0106", where, "external data file '%s': it cannot be mapped: %s",
                    location, strerror(errno));
}

static wfc_status load(wfc_fe_model *m, const char *where, const char *location, wfc_fe_external *out) {
    const char *why = bad_location(location);
    if (why) return refuse(m, where, location, why);
    char *folder = model_folder(m->path);
    if (!folder) return refuse(m, where, location, "the model's folder cannot be resolved");
    wfc_status status;
    char *joined = wfc_asprintf("%s/%s", folder, location), *real = joined ? realpath(joined, NULL) : NULL;
    size_t n = strlen(folder);
    while (n && folder[n - 1] == '/') n--; /* the root folder */
    if (!joined) {
        status = wfc_fail_memory(m->diag);
    } else if (!real) {
        status = refuse(m, where, location, strerror(errno));
    } else if (strncmp(real, folder, n) != 0 || real[n] != '/') {
        status = refuse(m, where, location, "a symbolic link leads out of the folder");
    } else {
        int fd = open_below(folder, real + n + 1);
        status = fd < 0 ? refuse(m, where, location, strerror(errno)) : read_or_map(m, where, location, fd, out);
        if (fd >= 0) close(fd);
    }
    free(real);
    wfc_free(joined);
    free(folder);
    return status;
}

void wfc_fe_external_free(wfc_fe_external *e) {
    if (e->mapped)
        wfc_fe_unmap_file(e->data.bytes);
    else
        wfc_free(e->data.bytes);
    wfc_free(e->location);
    *e = (wfc_fe_external){.location = NULL};
}

wfc_status wfc_import_intact(const wfc_import *im, wfc_diag *diag) {
    for (size_t i = 0; i < im->externals.count; i++) {
        const wfc_fe_external *e = &im->externals.data[i];
        if (e->mapped && !wfc_fe_mapped_intact(e->data.bytes))
            return wfc_fail(diag, WFC_ERR_IO, "WFC-E0106", e->location,
                            "this external data file of %zu bytes became shorter while its weights were read. Leave it "
                            "alone, and start again",
                            e->data.size);
    }
    return WFC_OK;
}

static wfc_status find_or_load(wfc_fe_model *m, const char *where, const char *location, const wfc_fe_buffer **out) {
    wfc_import *im = m->import;
    for (size_t i = 0; i < im->externals.count; i++)
        if (!strcmp(im->externals.data[i].location, location)) {
            *out = &im->externals.data[i].data;
            return WFC_OK;
        }
    if (im->externals.count == MAX_EXTERNAL_FILES) return refuse(m, where, location, "more than 4096 such files");
    if (wfc_vec_reserve(&im->externals, 1) != WFC_OK) return wfc_fail_memory(m->diag);
    wfc_fe_external *e = &im->externals.data[im->externals.count];
    *e = (wfc_fe_external){.location = NULL};
    WFC_TRY(load(m, where, location, e));
    e->location = wfc_strdup(location);
    if (!e->location) {
        wfc_fe_external_free(e);
        return wfc_fail_memory(m->diag);
    }
    im->externals.count++;
    *out = &e->data;
    return WFC_OK;
}

wfc_status wfc_fe_external_data(wfc_fe_model *m, const char *where, const Onnx__TensorProto *t,
                                const uint8_t **out_bytes, uint64_t *out_size) {
    external_ref ref;
    const wfc_fe_buffer *file = NULL;
    WFC_TRY(read_ref(m, where, t, &ref));
    WFC_TRY(find_or_load(m, where, ref.location, &file));
    if (ref.offset > file->size || (ref.has_length && ref.length > file->size - ref.offset))
        return wfc_fail(m->diag, WFC_ERR_INPUT, "WFC-E0106", where,
                        "external data file '%s' has %zu bytes; the model asks for %llu from byte %llu on. The file is "
                        "truncated or belongs to another model",
                        ref.location, file->size, (unsigned long long)ref.length, (unsigned long long)ref.offset);
    *out_bytes = file->bytes + ref.offset;
    *out_size = ref.has_length ? ref.length : file->size - ref.offset;
    return WFC_OK;
}
