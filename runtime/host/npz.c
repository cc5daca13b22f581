/* .npz: a zip archive whose members NAME.npy are arrays. Both directions go through memory, so that reading survives a
 * file that shrinks meanwhile and writing is one atomic step. */
#include "runtime/host/tensors.h"

#include "support/file.h"
#include "support/mem.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <zip.h>

void wfc_tensor_list_deinit(wfc_tensor_list *l) {
    for (size_t i = 0; i < l->count; i++) {
        wfc_free(l->data[i].name);
        wfc_tensor_deinit(&l->data[i].tensor);
    }
    wfc_vec_free(l);
}

wfc_status wfc_tensor_list_take(wfc_tensor_list *l, const char *name, wfc_tensor *tensor, wfc_diag *diag) {
    wfc_named_tensor item = {.name = wfc_strdup(name), .tensor = *tensor};
    *tensor = (wfc_tensor){0};
    if (item.name && wfc_vec_push(l, item) == WFC_OK) return WFC_OK;
    wfc_free(item.name);
    wfc_tensor_deinit(&item.tensor);
    return wfc_fail_memory(diag);
}

ptrdiff_t wfc_tensor_list_find(const wfc_tensor_list *l, const char *name) {
    for (size_t i = 0; i < l->count; i++)
        if (strcmp(l->data[i].name, name) == 0) return (ptrdiff_t)i;
    return -1;
}

const char *wfc_shape_text(const uint32_t *dims, unsigned rank, char *text, size_t n) {
    size_t at = (size_t)snprintf(text, n, "[");
    for (unsigned i = 0; i < rank && at < n; i++)
        at += (size_t)snprintf(text + at, n - at, "%s%" PRIu32, i ? "," : "", dims[i]);
    if (at < n) snprintf(text + at, n - at, "]");
    return text;
}

static wfc_status fail_zip(wfc_diag *diag, wfc_status s, const char *where, zip_error_t *error) {
    return wfc_fail(diag, s, "WFC-E0806", where, "%s%s", zip_error_strerror(error),
                    s == WFC_ERR_INPUT ? "; the archive is damaged, write it again with numpy.savez" : "");
}

/* Unpacks member `index` into malloc'ed memory; `room` is what the limit still allows. */
static wfc_status unpack(zip_t *zip, zip_uint64_t index, const char *where, size_t room, wfc_diag *diag,
                         uint8_t **out_bytes, size_t *out_size) {
    zip_stat_t st;
    *out_bytes = NULL;
    if (zip_stat_index(zip, index, 0, &st) != 0 || !(st.valid & ZIP_STAT_SIZE))
        return fail_zip(diag, WFC_ERR_INPUT, where, zip_get_error(zip));
    if (st.size > room)
        return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0807", where,
                        "unpacks to %" PRIu64 " bytes, the limit leaves %zu; give less data at once", (uint64_t)st.size,
                        room);
    zip_file_t *f = zip_fopen_index(zip, index, 0);
    if (!f) return fail_zip(diag, WFC_ERR_INPUT, where, zip_get_error(zip));
    /* Memory grows with what is really there: the size in the directory of the archive may be a lie. */
    wfc_buf b = {0};
    wfc_status s = WFC_OK;
    for (;;) {
        if (wfc_vec_reserve(&b, 1 << 16) != WFC_OK) s = wfc_fail_memory(diag);
        if (s != WFC_OK) break;
        zip_int64_t got = zip_fread(f, b.data + b.count, b.capacity - b.count);
        if (got < 0) s = fail_zip(diag, WFC_ERR_INPUT, where, zip_file_get_error(f));
        if (got <= 0) break;
        b.count += (size_t)got;
        if (b.count > st.size)
            s = wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0806", where, "unpacks to more bytes than the archive says");
    }
    zip_fclose(f);
    if (s == WFC_OK && b.count != st.size)
        s = wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0806", where, "unpacks to fewer bytes than the archive says");
    if (s != WFC_OK) wfc_buf_deinit(&b);
    *out_bytes = (uint8_t *)b.data;
    *out_size = b.count;
    return s;
}

static wfc_status read_member(zip_t *zip, zip_uint64_t index, const char *path, size_t *room, wfc_diag *diag,
                              wfc_tensor_list *out) {
    const char *member = zip_get_name(zip, index, 0);
    if (!member) return fail_zip(diag, WFC_ERR_INPUT, path, zip_get_error(zip));
    size_t n = strlen(member);
    if (n >= 4 && strcmp(member + n - 4, ".npy") == 0) n -= 4;
    char *where = wfc_asprintf("%s:%s", path, member), *name = wfc_strndup(member, n);
    uint8_t *bytes = NULL;
    size_t size = 0;
    wfc_tensor tensor = {0};
    wfc_status s = where && name ? WFC_OK : wfc_fail_memory(diag);
    if (s == WFC_OK && wfc_tensor_list_find(out, name) >= 0)
        s = wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0808", where, "the archive holds this name twice");
    if (s == WFC_OK) s = unpack(zip, index, where, *room, diag, &bytes, &size);
    if (s == WFC_OK) s = wfc_npy_parse(bytes, size, where, diag, &tensor);
    if (s == WFC_OK) s = wfc_tensor_list_take(out, name, &tensor, diag);
    *room -= size;
    wfc_free(bytes);
    wfc_free(name);
    wfc_free(where);
    return s;
}

static wfc_status read_archive(const char *path, const uint8_t *bytes, size_t size, size_t max_bytes, wfc_diag *diag,
                               wfc_tensor_list *out) {
    zip_error_t error;
    /* libzip takes no bytes at all for an archive without members */
    if (size < 4 || memcmp(bytes, "PK", 2) != 0)
        return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0806", path,
                        "not a .npz archive (the first bytes are others); write it with numpy.savez");
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(bytes, size, 0, &error);
    zip_t *zip = source ? zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error) : NULL;
    wfc_status s = WFC_OK;
    if (!zip) {
        s = fail_zip(diag, WFC_ERR_INPUT, path, &error);
        if (source) zip_source_free(source);
    }
    zip_error_fini(&error);
    WFC_TRY(s);
    zip_int64_t count = zip_get_num_entries(zip, 0);
    for (zip_int64_t i = 0; i < count && s == WFC_OK; i++)
        s = read_member(zip, (zip_uint64_t)i, path, &max_bytes, diag, out);
    zip_discard(zip);
    return s;
}

wfc_status wfc_npz_read(const char *path, size_t max_bytes, wfc_diag *diag, wfc_tensor_list *out) {
    uint8_t *bytes;
    size_t size;
    *out = (wfc_tensor_list){0};
    WFC_TRY(wfc_file_read(path, max_bytes, diag, &bytes, &size));
    wfc_status s = read_archive(path, bytes, size, max_bytes, diag, out);
    wfc_free(bytes);
    if (s != WFC_OK) wfc_tensor_list_deinit(out);
    return s;
}

static wfc_status add_member(zip_t *zip, const wfc_named_tensor *item, const char *path, wfc_diag *diag) {
    uint8_t *bytes;
    size_t size;
    WFC_TRY(wfc_npy_format(&item->tensor, diag, &bytes, &size));
    char *member = wfc_asprintf("%s.npy", item->name);
    /* libzip frees the copy with free(), which is what wfc_free is. */
    zip_source_t *source = member ? zip_source_buffer(zip, bytes, size, 1) : NULL;
    if (!source) {
        wfc_free(bytes);
        wfc_free(member);
        return wfc_fail_memory(diag);
    }
    wfc_status s = WFC_OK;
    zip_int64_t index = zip_file_add(zip, member, source, 0);
    if (index < 0) {
        s = fail_zip(diag, WFC_ERR_INPUT, path, zip_get_error(zip));
        zip_source_free(source);
    } else if (zip_set_file_compression(zip, (zip_uint64_t)index, ZIP_CM_STORE, 0) != 0 ||
               zip_file_set_dostime(zip, (zip_uint64_t)index, 0, 0x21, 0) != 0) { /* 1980-01-01: same bytes each time */
        s = fail_zip(diag, WFC_ERR_IO, path, zip_get_error(zip));
    }
    wfc_free(member);
    return s;
}

/* Takes the finished archive out of its in-memory source. */
static wfc_status write_archive(zip_source_t *archive, const char *path, wfc_diag *diag) {
    zip_stat_t st;
    if (zip_source_stat(archive, &st) != 0 || zip_source_open(archive) != 0)
        return fail_zip(diag, WFC_ERR_IO, path, zip_source_error(archive));
    uint8_t *bytes = wfc_calloc((size_t)st.size, 1);
    wfc_status s = bytes ? WFC_OK : wfc_fail_memory(diag);
    if (s == WFC_OK && zip_source_read(archive, bytes, st.size) != (zip_int64_t)st.size)
        s = fail_zip(diag, WFC_ERR_IO, path, zip_source_error(archive));
    zip_source_close(archive);
    if (s == WFC_OK) s = wfc_file_write(path, bytes, (size_t)st.size, diag);
    wfc_free(bytes);
    return s;
}

wfc_status wfc_npz_write(const char *path, const wfc_tensor_list *l, wfc_diag *diag) {
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *archive = zip_source_buffer_create(NULL, 0, 0, &error);
    zip_t *zip = archive ? zip_open_from_source(archive, ZIP_TRUNCATE, &error) : NULL;
    wfc_status s = WFC_OK;
    if (!zip) {
        s = fail_zip(diag, WFC_ERR_IO, path, &error);
        if (archive) zip_source_free(archive);
    }
    zip_error_fini(&error);
    WFC_TRY(s);
    zip_source_keep(archive); /* beyond zip_close */
    for (size_t i = 0; i < l->count && s == WFC_OK; i++) s = add_member(zip, &l->data[i], path, diag);
    if (s == WFC_OK && zip_close(zip) != 0)
        s = fail_zip(diag, WFC_ERR_IO, path, zip_get_error(zip));
    else if (s == WFC_OK)
        zip = NULL;
    if (zip) zip_discard(zip);
    if (s == WFC_OK) s = write_archive(archive, path, diag);
    zip_source_free(archive);
    return s;
}
