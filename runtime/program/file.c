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
/* What a decoded program may take, and the largest file that is read at all. */
static const uint64_t MEMORY_LIMIT_BYTES = (uint64_t)16 << 30;
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
        wfc_diag_add(r->diag, WFC_NOTE, "WFC-E1205", r->where, "the program would need more than %llu bytes of memory",
                     (unsigned long long)MEMORY_LIMIT_BYTES);
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

static void put_head(const wfc_program *p, const wfc_buf *sections, uint8_t *head, uint64_t *out_size) {
    uint64_t at = HEAD_BYTES + TABLE_BYTES;
    for (unsigned i = 0; i < WFC_SECTIONS; i++) {
        uint8_t *entry = head + HEAD_BYTES + i * ENTRY_BYTES;
        at = align8(at);
        memcpy(entry, TAGS[i], 4);
        wfc_put_u32(entry + 4, checksum(0, (const uint8_t *)sections[i].data, sections[i].count));
        wfc_put_u64(entry + 8, at);
        wfc_put_u64(entry + 16, sections[i].count);
        at += sections[i].count;
    }
    *out_size = align8(at);
    memcpy(head, MAGIC, sizeof MAGIC);
    wfc_put_u32(head + 8, p->version);
    wfc_put_u32(head + 12, p->target.version);
    wfc_put_u32(head + 16, WFC_SECTIONS);
    wfc_put_u64(head + 24, *out_size);
    wfc_put_u32(head + 20, head_checksum(head));
}

static wfc_status join(const wfc_program *p, const wfc_buf *sections, wfc_diag *diag, uint8_t **out_bytes,
                       size_t *out_size) {
    uint8_t head[HEAD_BYTES + TABLE_BYTES] = {0};
    uint64_t size;
    put_head(p, sections, head, &size);
    uint8_t *bytes = size <= SIZE_MAX ? wfc_calloc((size_t)size, 1) : NULL;
    if (!bytes) return wfc_fail_memory(diag);
    memcpy(bytes, head, sizeof head);
    for (unsigned i = 0; i < WFC_SECTIONS; i++) {
        uint64_t at = wfc_get_u64(head + HEAD_BYTES + i * ENTRY_BYTES + 8);
        if (sections[i].count) memcpy(bytes + at, sections[i].data, sections[i].count);
    }
    *out_bytes = bytes;
    *out_size = (size_t)size;
    return WFC_OK;
}

wfc_status wfc_program_encode(const wfc_program *p, wfc_diag *diag, uint8_t **out_bytes, size_t *out_size) {
    wfc_buf sections[WFC_SECTIONS] = {{0}};
    *out_bytes = NULL;
    *out_size = 0;
    char *json = wfc_target_to_json(&p->target);
    wfc_status s = json ? WFC_OK : wfc_fail_memory(diag);
    if (json) wfc_buf_append(&sections[WFC_SECTION_TARG], json, strlen(json));
    wfc_free(json);
    if (s == WFC_OK) s = wfc_file_put_meta(p, diag, &sections[WFC_SECTION_META]);
    if (s == WFC_OK) wfc_file_put_tables(p, sections);
    bool failed = false;
    for (unsigned i = 0; i < WFC_SECTIONS; i++) failed = failed || sections[i].failed;
    if (s == WFC_OK) s = failed ? wfc_fail_memory(diag) : join(p, sections, diag, out_bytes, out_size);
    for (unsigned i = 0; i < WFC_SECTIONS; i++) wfc_buf_deinit(&sections[i]);
    return s;
}

wfc_status wfc_program_write(const wfc_program *p, const char *path, wfc_diag *diag) {
    uint8_t *bytes;
    size_t size;
    WFC_TRY(wfc_program_encode(p, diag, &bytes, &size));
    wfc_status s = wfc_file_write(path, bytes, size, diag);
    wfc_free(bytes);
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

wfc_status wfc_program_decode(const uint8_t *bytes, size_t size, const char *where, wfc_diag *diag, wfc_program *out) {
    wfc_file_reader r = {
        .where = where ? where : "program", .diag = diag, .p = out, .budget_bytes = MEMORY_LIMIT_BYTES};
    wfc_program_init(out);
    wfc_status s = decode(&r, bytes, size);
    if (s != WFC_OK) wfc_program_deinit(out);
    return s;
}

wfc_status wfc_program_read(const char *path, wfc_diag *diag, wfc_program *out) {
    uint8_t *bytes;
    size_t size;
    memset(out, 0, sizeof *out);
    WFC_TRY(wfc_file_read(path, (size_t)MEMORY_LIMIT_BYTES, diag, &bytes, &size));
    wfc_status s = wfc_program_decode(bytes, size, path, diag, out);
    wfc_free(bytes);
    if (s != WFC_OK) return s;
    s = wfc_program_verify(out, diag);
    if (s != WFC_OK) wfc_program_deinit(out);
    return s;
}
