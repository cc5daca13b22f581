/* The container of a program file.
 *
 *   0   8  "WAFERC", 0x1a, 0x0a
 *   8   4  file version                     12  4  target version
 *   16  4  number of sections               20  4  crc32 of the head without this field, table included
 *   24  8  size of the file
 *   32     table: per section 4 bytes tag, 4 crc32, 8 offset, 8 size
 *   272    sections, in the order of wfc_section, each at the next multiple of 8, zeros between
 *
 * All offsets follow from the sizes and are checked, so a program has exactly one file. */
#include "support/file.h"
#include "runtime/program/file_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

enum { HEAD_BYTES = 32, ENTRY_BYTES = 24, TABLE_BYTES = WFC_SECTIONS * ENTRY_BYTES, MAX_MESSAGE = 400 };
static const uint8_t MAGIC[8] = {'W', 'A', 'F', 'E', 'R', 'C', 0x1a, 0x0a};
static const char TAGS[WFC_SECTIONS][5] = {"TARG", "META", "CODE", "DESC", "ROUT",
                                           "PES ", "DATA", "REGS", "RUNS", "BULK"};

wfc_status wfc_file_fail(wfc_file_reader *r, const char *fmt, ...) {
    char text[MAX_MESSAGE];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return wfc_fail(r->diag, WFC_ERR_INPUT, "WFC-E1204", r->where,
                    "the program file is damaged: %s; compile the model again", text);
}

void *wfc_file_grant(wfc_file_reader *r, uint64_t count, size_t size) {
    size_t bytes;
    if (count > SIZE_MAX || !wfc_mul_size((size_t)count, size, &bytes) || bytes > r->budget_bytes) {
        wfc_fail_memory(r->diag);
        wfc_diag_add(r->diag, WFC_NOTE, "WFC-E1205", r->where,
                     "the program would need more than the %llu bytes of memory that it is given",
                     (unsigned long long)r->limit_bytes);
        return NULL;
    }
    r->budget_bytes -= bytes;
    void *p = wfc_arena_alloc(&r->p->arena, (size_t)count, size);
    if (!p) wfc_fail_memory(r->diag);
    return p;
}

/* crc32 over any size: zlib takes 32-bit lengths. */
static uint32_t checksum(uint32_t crc, const uint8_t *bytes, size_t n) {
    while (n) {
        uInt part = n > 1u << 30 ? 1u << 30 : (uInt)n;
        crc = (uint32_t)crc32(crc, bytes, part);
        bytes += part;
        n -= part;
    }
    return crc;
}

/* Of everything before the sections but the field that holds it. */
static uint32_t head_checksum(const uint8_t *file) {
    return checksum(checksum(0, file, 20), file + 24, HEAD_BYTES - 24 + TABLE_BYTES);
}

static uint64_t align8(uint64_t v) {
    return (v + 7) / 8 * 8;
}

/* ---- writing ---- */

/* The sections in the making: tables are made here, the bulk data stay where they are. */
typedef struct writing {
    wfc_buf made[WFC_SECTIONS];
    wfc_bytes sections[WFC_SECTIONS];
    uint8_t head[HEAD_BYTES + TABLE_BYTES];
    uint64_t size;
} writing;

static void put_head(const wfc_program *p, writing *w) {
    uint64_t at = sizeof w->head;
    for (unsigned i = 0; i < WFC_SECTIONS; i++) {
        uint8_t *entry = w->head + HEAD_BYTES + i * ENTRY_BYTES;
        at = align8(at);
        memcpy(entry, TAGS[i], 4);
        wfc_put_u32(entry + 4, checksum(0, w->sections[i].data, w->sections[i].size));
        wfc_put_u64(entry + 8, at);
        wfc_put_u64(entry + 16, w->sections[i].size);
        at += w->sections[i].size;
    }
    w->size = align8(at);
    memcpy(w->head, MAGIC, sizeof MAGIC);
    wfc_put_u32(w->head + 8, p->version);
    wfc_put_u32(w->head + 12, p->target.version);
    wfc_put_u32(w->head + 16, WFC_SECTIONS);
    wfc_put_u64(w->head + 24, w->size);
    wfc_put_u32(w->head + 20, head_checksum(w->head));
}

static wfc_status make_sections(const wfc_program *p, wfc_diag *diag, writing *w) {
    char *json = wfc_target_to_json(&p->target);
    if (!json) return wfc_fail_memory(diag);
    wfc_buf_append(&w->made[WFC_SECTION_TARG], json, strlen(json));
    wfc_free(json);
    WFC_TRY(wfc_file_put_meta(p, diag, &w->made[WFC_SECTION_META]));
    wfc_file_put_tables(p, w->made);
    for (unsigned i = 0; i < WFC_SECTIONS; i++) {
        if (w->made[i].failed) return wfc_fail_memory(diag);
        w->sections[i] = (wfc_bytes){(const uint8_t *)w->made[i].data, w->made[i].count};
    }
    if (p->bulk_bytes > SIZE_MAX / 2) return wfc_fail_memory(diag);
    w->sections[WFC_SECTION_BULK] = (wfc_bytes){p->bulk, (size_t)p->bulk_bytes};
    put_head(p, w);
    return WFC_OK;
}

static void writing_deinit(writing *w) {
    for (unsigned i = 0; i < WFC_SECTIONS; i++) wfc_buf_deinit(&w->made[i]);
}

wfc_status wfc_program_encode(const wfc_program *p, wfc_diag *diag, uint8_t **out_bytes, size_t *out_size) {
    writing w = {0};
    *out_bytes = NULL;
    *out_size = 0;
    wfc_status s = make_sections(p, diag, &w);
    uint8_t *bytes = s == WFC_OK && w.size <= SIZE_MAX ? wfc_calloc((size_t)w.size, 1) : NULL;
    if (s == WFC_OK && !bytes) s = wfc_fail_memory(diag);
    if (s == WFC_OK) {
        memcpy(bytes, w.head, sizeof w.head);
        for (unsigned i = 0; i < WFC_SECTIONS; i++) {
            uint64_t at = wfc_get_u64(w.head + HEAD_BYTES + i * ENTRY_BYTES + 8);
            if (w.sections[i].size) memcpy(bytes + at, w.sections[i].data, w.sections[i].size);
        }
        *out_bytes = bytes;
        *out_size = (size_t)w.size;
    }
    writing_deinit(&w);
    return s;
}

static wfc_status write_sections(const writing *w, wfc_atomic_file *f, wfc_diag *diag) {
    static const uint8_t zero[8] = {0};
    WFC_TRY(wfc_atomic_write(f, w->head, sizeof w->head, diag));
    for (unsigned i = 0; i < WFC_SECTIONS; i++) {
        size_t n = w->sections[i].size;
        WFC_TRY(wfc_atomic_write(f, w->sections[i].data, n, diag));
        WFC_TRY(wfc_atomic_write(f, zero, (size_t)(align8(n) - n), diag));
    }
    return wfc_atomic_commit(f, diag);
}

wfc_status wfc_program_write(const wfc_program *p, const char *path, wfc_diag *diag) {
    writing w = {0};
    wfc_atomic_file f;
    wfc_status s = make_sections(p, diag, &w);
    if (s == WFC_OK) s = wfc_atomic_open(&f, path, diag);
    if (s == WFC_OK) s = write_sections(&w, &f, diag);
    writing_deinit(&w);
    return s;
}

/* ---- reading ---- */

/* Versions first, so that a file of another version is told from a damaged one. */
static wfc_status check_head(wfc_file_reader *r, const uint8_t *bytes, size_t size) {
    if (size < sizeof MAGIC || memcmp(bytes, MAGIC, sizeof MAGIC) != 0)
        return wfc_fail(r->diag, WFC_ERR_INPUT, "WFC-E1201", r->where,
                        "not a wafer program; expected a file written by `waferc compile` or `waferc asm`");
    if (size < HEAD_BYTES) return wfc_file_fail(r, "it ends within its head, at byte %zu", size);
    uint32_t version = wfc_get_u32(bytes + 8), target_version = wfc_get_u32(bytes + 12);
    if (version != WFC_PROGRAM_VERSION)
        return wfc_fail(r->diag, WFC_ERR_INPUT, "WFC-E1202", r->where,
                        "the program file has version %u, this build reads version %u; compile the model again",
                        version, WFC_PROGRAM_VERSION);
    if (target_version != WFC_TARGET_VERSION)
        return wfc_fail(
            r->diag, WFC_ERR_INPUT, "WFC-E1203", r->where,
            "the program is for target version %u, this build simulates version %u; compile the model again",
            target_version, WFC_TARGET_VERSION);
    uint32_t sections = wfc_get_u32(bytes + 16);
    if (sections != WFC_SECTIONS) return wfc_file_fail(r, "it has %u sections, expected %u", sections, WFC_SECTIONS);
    uint64_t said = wfc_get_u64(bytes + 24);
    if (said != size)
        return wfc_file_fail(r, "it says it has %llu bytes, found %zu (cut off, or something appended)",
                             (unsigned long long)said, size);
    if (size < HEAD_BYTES + TABLE_BYTES) return wfc_file_fail(r, "it ends within its section table");
#ifndef WFC_OFF_CHECKSUM
    if (head_checksum(bytes) != wfc_get_u32(bytes + 20)) return wfc_file_fail(r, "the checksum of its head is wrong");
#endif
    return WFC_OK;
}

static bool zeros(const uint8_t *bytes, uint64_t from, uint64_t to) {
    for (; from < to; from++)
        if (bytes[from]) return false;
    return true;
}

static wfc_status check_sections(wfc_file_reader *r, const uint8_t *bytes, size_t size) {
    uint64_t at = HEAD_BYTES + TABLE_BYTES;
    for (unsigned i = 0; i < WFC_SECTIONS; i++) {
        const uint8_t *entry = bytes + HEAD_BYTES + i * ENTRY_BYTES;
        uint64_t offset = wfc_get_u64(entry + 8), n = wfc_get_u64(entry + 16), start = align8(at);
        if (memcmp(entry, TAGS[i], 4) != 0) return wfc_file_fail(r, "section %u is not %s", i, TAGS[i]);
        if (offset != start || start > size || n > size - start)
            return wfc_file_fail(r, "section %s lies outside the file or not behind the one before", TAGS[i]);
        if (!zeros(bytes, at, start)) return wfc_file_fail(r, "the bytes before section %s are not 0", TAGS[i]);
        r->sections[i] = (wfc_bytes){bytes + start, (size_t)n};
#ifndef WFC_OFF_CHECKSUM
        if (checksum(0, bytes + start, (size_t)n) != wfc_get_u32(entry + 4))
            return wfc_file_fail(r, "the checksum of section %s is wrong", TAGS[i]);
#endif
        at = start + n;
    }
    if (align8(at) != size || !zeros(bytes, at, size)) return wfc_file_fail(r, "something follows the last section");
    return WFC_OK;
}

static wfc_status get_target(wfc_file_reader *r) {
    char place[300];
    const wfc_bytes *json = &r->sections[WFC_SECTION_TARG];
    snprintf(place, sizeof place, "%.256s (target)", r->where);
    return wfc_target_parse((const char *)json->data, json->size, place, r->diag, &r->p->target);
}

static wfc_status decode(wfc_file_reader *r, const uint8_t *bytes, size_t size) {
    WFC_TRY(check_head(r, bytes, size));
    WFC_TRY(check_sections(r, bytes, size));
    WFC_TRY(get_target(r));
    WFC_TRY(wfc_file_get_meta(r));
    return wfc_file_get_tables(r);
}

static wfc_status decode_within(const uint8_t *bytes, size_t size, const char *where, uint64_t limit_bytes, bool keeps,
                                wfc_diag *diag, wfc_program *out) {
    wfc_file_reader r = {.where = where ? where : "program",
                         .diag = diag,
                         .p = out,
                         .limit_bytes = limit_bytes,
                         .budget_bytes = limit_bytes,
                         .keeps = keeps};
    wfc_program_init(out);
    wfc_status s = decode(&r, bytes, size);
    if (s != WFC_OK) wfc_program_deinit(out);
    return s;
}

wfc_status wfc_program_decode(const uint8_t *bytes, size_t size, const char *where, wfc_diag *diag, wfc_program *out) {
    return decode_within(bytes, size, where, WFC_PROGRAM_MAX_MEMORY, false, diag, out);
}

wfc_status wfc_program_read_limited(const char *path, uint64_t max_bytes, wfc_diag *diag, wfc_program *out) {
    uint8_t *bytes;
    size_t size;
    memset(out, 0, sizeof *out);
    WFC_TRY(wfc_file_read(path, max_bytes < SIZE_MAX / 2 ? (size_t)max_bytes : SIZE_MAX / 2, diag, &bytes, &size));
    wfc_status s = decode_within(bytes, size, path, max_bytes, true, diag, out);
    if (s != WFC_OK) {
        wfc_free(bytes);
        return s;
    }
    s = wfc_arena_adopt(&out->arena, bytes, size); /* its bulk data are those of the file */
    if (s != WFC_OK) {
        wfc_free(bytes);
        s = wfc_fail_memory(diag);
    }
    if (s == WFC_OK) s = wfc_program_verify(out, diag);
    if (s != WFC_OK) wfc_program_deinit(out);
    return s;
}

wfc_status wfc_program_read(const char *path, wfc_diag *diag, wfc_program *out) {
    return wfc_program_read_limited(path, WFC_PROGRAM_MAX_MEMORY, diag, out);
}
