/* Targets as JSON: one table of number fields drives reading, range checks and writing, so they cannot drift.
 * Unknown, missing and duplicate keys and values out of range are errors that name line and key. */
#include "runtime/program/target.h"
#include "runtime/program/target_builtin.h"
#include "support/file.h"
#include "support/mem.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

typedef struct number_field {
    const char *key;
    size_t offset;
    uint8_t bytes;
    uint32_t min, max;
} number_field;

#define FIELD(name, min, max)                                                                                          \
    { #name, offsetof(wfc_target, name), sizeof(((wfc_target *)0)->name), min, max }
/* Upper bounds come from the ISA's encodings (16-bit addresses, 3-bit microthreads, ...) or are generous.
 * Latencies are at least 1: nothing travels in zero time (docs/fabric.md, rule 1). */
static const number_field FIELDS[] = {
    FIELD(version, WFC_TARGET_VERSION, WFC_TARGET_VERSION),
    FIELD(width, 1, 4096),
    FIELD(height, 1, 4096),
    FIELD(sram_bytes, 256, 65536),
    FIELD(colours, 1, WFC_TARGET_MAX_COLOURS),
    FIELD(in_queues, 1, WFC_TARGET_MAX_QUEUES),
    FIELD(out_queues, 1, WFC_TARGET_MAX_QUEUES),
    FIELD(microthreads, 1, 7),
    FIELD(registers, 2, 16),
    FIELD(descriptors, 1, 48),
    FIELD(tasks, 1, 64),
    FIELD(router_depth, 1, 256),
    FIELD(switch_positions, 1, 4),
    FIELD(hop_latency, 1, 64),
    FIELD(ramp_latency, 1, 64),
    FIELD(port_latency, 1, 64),
    FIELD(vector_overhead, 0, 1000),
    FIELD(task_overhead, 0, 1000),
    FIELD(branch_cycles, 1, 100),
    FIELD(divide_cycles, 1, 1000),
    FIELD(sqrt_cycles, 1, 1000),
    FIELD(move_cycles, 1, 16),
    FIELD(read_bits, 8, 4096),
    FIELD(write_bits, 8, 4096),
};
enum { NUM_FIELDS = sizeof FIELDS / sizeof FIELDS[0], MAX_WIDTH = 16, MAX_DEPTH = 255, MAX_DEFECTS = 1 << 20 };
static const char *const OTHER_KEYS[] = {"name",     "in_depth", "out_depth", "simd",   "clock_hz",
                                         "io_ports", "bad_pes",  "bad_links", "sources"};
enum { NUM_OTHER_KEYS = sizeof OTHER_KEYS / sizeof OTHER_KEYS[0] };
static const double MAX_CLOCK_HZ = 1e12;

const char *wfc_simd_class_name(wfc_simd_class c) {
    static const char *const names[WFC_NUM_SIMD_CLASSES] = {"mov",   "add",   "mul", "fmac", "max",
                                                            "shift", "logic", "cvt", "cmp",  "one"};
    return (unsigned)c < WFC_NUM_SIMD_CLASSES ? names[c] : "?";
}

static uint32_t get_number(const wfc_target *t, const number_field *f) {
    const char *at = (const char *)t + f->offset;
    if (f->bytes == 1) return *(const uint8_t *)at;
    if (f->bytes == 2) return *(const uint16_t *)(const void *)at;
    return *(const uint32_t *)(const void *)at;
}

static void set_number(wfc_target *t, const number_field *f, uint32_t v) {
    char *at = (char *)t + f->offset;
    if (f->bytes == 1)
        *(uint8_t *)at = (uint8_t)v;
    else if (f->bytes == 2)
        *(uint16_t *)(void *)at = (uint16_t)v;
    else
        *(uint32_t *)(void *)at = v;
}

/* ---- reading ---- */

typedef struct reader {
    const char *text, *where;
    size_t n;
    wfc_diag *diag;
    wfc_target *t;
} reader;

/* jansson keeps no positions, so the line of a key is found again in the text: outer key first, then the inner ones. */
static unsigned line_of(const reader *r, const char *outer, const char *inner, const char *innermost) {
    const char *keys[3] = {outer, inner, innermost}, *at = r->text, *end = r->text + r->n;
    for (unsigned k = 0; k < 3 && keys[k]; k++) {
        size_t len = strlen(keys[k]);
        for (const char *p = at; p + len + 2 <= end; p++) {
            if (p[0] != '"' || p[len + 1] != '"' || memcmp(p + 1, keys[k], len) != 0) continue;
            at = p;
            break;
        }
    }
    unsigned line = 1;
    for (const char *p = r->text; p < at; p++) line += *p == '\n';
    return line;
}

static wfc_status fail_key(const reader *r, const char *outer, const char *inner, const char *innermost,
                           const char *problem) {
    char place[512];
    snprintf(place, sizeof place, "%.400s:%u", r->where, line_of(r, outer, inner, innermost));
    return wfc_fail(r->diag, WFC_ERR_INPUT, "WFC-E0402", place, "target key \"%s%s%s%s%s\": %s", outer,
                    inner ? "." : "", inner ? inner : "", innermost ? "." : "", innermost ? innermost : "", problem);
}

static wfc_status fail_range(const reader *r, const char *outer, const char *inner, const char *innermost,
                             const json_t *v, uint64_t min, uint64_t max) {
    char problem[160], found[32] = "something else";
    if (json_is_integer(v)) snprintf(found, sizeof found, "%lld", (long long)json_integer_value(v));
    if (json_is_real(v)) snprintf(found, sizeof found, "a number with a fraction");
    if (json_is_string(v)) snprintf(found, sizeof found, "a text");
    if (!v) snprintf(found, sizeof found, "nothing");
    snprintf(problem, sizeof problem, "found %s, expected an integer from %" PRIu64 " to %" PRIu64, found, min, max);
    return fail_key(r, outer, inner, innermost, problem);
}

static const char k_missing[] = "the key is missing; 'waferc targets lab' prints a target with all keys";

static bool in_range(const json_t *v, uint64_t min, uint64_t max) {
    return json_is_integer(v) && json_integer_value(v) >= 0 && (uint64_t)json_integer_value(v) >= min &&
           (uint64_t)json_integer_value(v) <= max;
}

static bool known_key(const char *key) {
    for (unsigned i = 0; i < NUM_FIELDS; i++)
        if (strcmp(FIELDS[i].key, key) == 0) return true;
    for (unsigned i = 0; i < NUM_OTHER_KEYS; i++)
        if (strcmp(OTHER_KEYS[i], key) == 0) return true;
    return false;
}

static wfc_status read_name(const reader *r, const json_t *v) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const char *s = json_string_value(v);
    size_t len = s ? strlen(s) : 0;
    if (len == 0 || len >= sizeof r->t->name || strspn(s, allowed) != len || json_string_length(v) != len)
        return fail_key(r, "name", NULL, NULL, "expected a text of 1 to 31 letters, digits, '.', '_', '-'");
    memcpy(r->t->name, s, len + 1);
    return WFC_OK;
}

static wfc_status read_depths(const reader *r, const json_t *v, const char *key, unsigned queues, uint8_t *out) {
    if (!json_is_array(v) || json_array_size(v) != queues) {
        char problem[96];
        snprintf(problem, sizeof problem, "expected a list of %u depths in words, one per queue", queues);
        return fail_key(r, key, NULL, NULL, problem);
    }
    for (unsigned i = 0; i < queues; i++) {
        const json_t *depth = json_array_get(v, i);
        if (!in_range(depth, 1, MAX_DEPTH)) return fail_range(r, key, NULL, NULL, depth, 1, MAX_DEPTH);
        out[i] = (uint8_t)json_integer_value(depth);
    }
    return WFC_OK;
}

static wfc_status read_widths(const reader *r, const char *class_name, json_t *widths, uint8_t *out) {
    if (!json_is_object(widths)) return fail_key(r, "simd", class_name, NULL, "expected an object of widths by type");
    for (unsigned t = 0; t < WFC_NUM_PE_DTYPES; t++) {
        const char *type = wfc_dtype_name((wfc_dtype)t);
        const json_t *v = json_object_get(widths, type);
        if (!v) return fail_key(r, "simd", class_name, type, k_missing);
        if (!in_range(v, 1, MAX_WIDTH)) return fail_range(r, "simd", class_name, type, v, 1, MAX_WIDTH);
        out[t] = (uint8_t)json_integer_value(v);
    }
    const char *key;
    json_t *value;
    json_object_foreach(widths, key, value) {
        wfc_dtype type;
        if (!wfc_dtype_parse(key, &type) || (unsigned)type >= WFC_NUM_PE_DTYPES)
            return fail_key(r, "simd", class_name, key, "unknown element type");
    }
    return WFC_OK;
}

static wfc_status read_simd(const reader *r, json_t *v) {
    if (!json_is_object(v)) return fail_key(r, "simd", NULL, NULL, "expected an object of instruction classes");
    for (unsigned c = 0; c < WFC_SIMD_ONE; c++) {
        const char *name = wfc_simd_class_name((wfc_simd_class)c);
        json_t *widths = json_object_get(v, name);
        if (!widths) return fail_key(r, "simd", name, NULL, k_missing);
        WFC_TRY(read_widths(r, name, widths, r->t->simd[c]));
    }
    memset(r->t->simd[WFC_SIMD_ONE], 1, WFC_NUM_PE_DTYPES);
    const char *key;
    json_t *value;
    json_object_foreach(v, key, value) {
        bool known = false;
        for (unsigned c = 0; c < WFC_SIMD_ONE; c++) known |= strcmp(key, wfc_simd_class_name((wfc_simd_class)c)) == 0;
        if (!known) return fail_key(r, "simd", key, NULL, "unknown instruction class");
    }
    return WFC_OK;
}

/* "all", or the rows in ascending order. */
static wfc_status read_rows(const reader *r, const char *side, const json_t *v, uint16_t **out, uint16_t *out_count) {
    const char *text = json_string_value(v);
    bool all = text && strcmp(text, "all") == 0;
    if (!all && !json_is_array(v)) return fail_key(r, "io_ports", side, NULL, "expected \"all\" or a list of rows");
    size_t n = all ? r->t->height : json_array_size(v);
    if (n > r->t->height) return fail_key(r, "io_ports", side, NULL, "more ports than rows");
    *out = wfc_calloc(n, sizeof **out);
    if (!*out) return wfc_fail_memory(r->diag);
    *out_count = (uint16_t)n;
    for (size_t i = 0; i < n; i++) {
        const json_t *row = all ? NULL : json_array_get(v, i);
        uint32_t max = r->t->height - 1u;
        if (!all && !in_range(row, 0, max)) return fail_range(r, "io_ports", side, NULL, row, 0, max);
        (*out)[i] = all ? (uint16_t)i : (uint16_t)json_integer_value(row);
        if (i > 0 && (*out)[i] <= (*out)[i - 1])
            return fail_key(r, "io_ports", side, NULL, "rows must ascend, each once");
    }
    return WFC_OK;
}

static wfc_status read_ports(const reader *r, json_t *v) {
    if (!json_is_object(v)) return fail_key(r, "io_ports", NULL, NULL, "expected {\"west\": ..., \"east\": ...}");
    static const char *const sides[2] = {"west", "east"};
    for (unsigned s = 0; s < 2; s++) {
        const json_t *rows = json_object_get(v, sides[s]);
        if (!rows) return fail_key(r, "io_ports", sides[s], NULL, k_missing);
        WFC_TRY(read_rows(r, sides[s], rows, &r->t->io_rows[s], &r->t->io_count[s]));
    }
    const char *key;
    json_t *value;
    json_object_foreach(v, key, value) {
        if (strcmp(key, sides[0]) != 0 && strcmp(key, sides[1]) != 0)
            return fail_key(r, "io_ports", key, NULL, "unknown key; ports are on the west and the east edge");
    }
    return WFC_OK;
}

static int compare_u64(uint64_t a, uint64_t b) {
    return a < b ? -1 : a > b;
}

static int compare_pes(const void *a, const void *b) {
    const wfc_xy *p = a, *q = b;
    return compare_u64((uint64_t)p->y << 16 | p->x, (uint64_t)q->y << 16 | q->x);
}

static uint64_t link_key(const wfc_link_id *l) {
    return (uint64_t)l->y << 24 | (uint64_t)l->x << 8 | l->port;
}

static int compare_links(const void *a, const void *b) {
    return compare_u64(link_key(a), link_key(b));
}

/* Coordinates [x, y, ...] of a defect; false when they are not inside the fabric. */
static bool read_xy(const reader *r, const json_t *v, size_t entries, uint16_t *x, uint16_t *y) {
    if (!json_is_array(v) || json_array_size(v) != entries) return false;
    const json_t *jx = json_array_get(v, 0), *jy = json_array_get(v, 1);
    if (!in_range(jx, 0, r->t->width - 1u) || !in_range(jy, 0, r->t->height - 1u)) return false;
    *x = (uint16_t)json_integer_value(jx);
    *y = (uint16_t)json_integer_value(jy);
    return true;
}

static wfc_status read_bad_pes(const reader *r, const json_t *v) {
    const char *expected = "expected a list of [x, y] inside the fabric, each once";
    if (!json_is_array(v) || json_array_size(v) > MAX_DEFECTS) return fail_key(r, "bad_pes", NULL, NULL, expected);
    size_t n = json_array_size(v);
    r->t->bad_pes = wfc_calloc(n, sizeof *r->t->bad_pes);
    if (!r->t->bad_pes) return wfc_fail_memory(r->diag);
    r->t->bad_pe_count = (uint32_t)n;
    for (size_t i = 0; i < n; i++)
        if (!read_xy(r, json_array_get(v, i), 2, &r->t->bad_pes[i].x, &r->t->bad_pes[i].y))
            return fail_key(r, "bad_pes", NULL, NULL, expected);
    if (n) qsort(r->t->bad_pes, n, sizeof *r->t->bad_pes, compare_pes);
    for (size_t i = 1; i < n; i++)
        if (compare_pes(&r->t->bad_pes[i - 1], &r->t->bad_pes[i]) == 0)
            return fail_key(r, "bad_pes", NULL, NULL, expected);
    return WFC_OK;
}

/* A link is inside the fabric, or leads to a host port at the west or east edge. */
static bool link_exists(const wfc_target *t, const wfc_link_id *l) {
    return !(l->port == 0 && l->y == 0) && !(l->port == 2 && l->y + 1 == t->height);
}

static wfc_status read_bad_links(const reader *r, const json_t *v) {
    const char *expected =
        "expected a list of [x, y, \"N\" or \"E\" or \"S\" or \"W\"], links of the fabric, each once";
    if (!json_is_array(v) || json_array_size(v) > MAX_DEFECTS) return fail_key(r, "bad_links", NULL, NULL, expected);
    size_t n = json_array_size(v);
    r->t->bad_links = wfc_calloc(n, sizeof *r->t->bad_links);
    if (!r->t->bad_links) return wfc_fail_memory(r->diag);
    r->t->bad_link_count = (uint32_t)n;
    for (size_t i = 0; i < n; i++) {
        wfc_link_id *l = &r->t->bad_links[i];
        const json_t *entry = json_array_get(v, i);
        const char *port = json_string_value(json_array_get(entry, 2));
        const char *at = port && strlen(port) == 1 ? strchr("NESW", port[0]) : NULL;
        if (!at || !read_xy(r, entry, 3, &l->x, &l->y)) return fail_key(r, "bad_links", NULL, NULL, expected);
        l->port = (uint8_t)(at - strchr("NESW", 'N'));
        if (!link_exists(r->t, l)) return fail_key(r, "bad_links", NULL, NULL, expected);
    }
    if (n) qsort(r->t->bad_links, n, sizeof *r->t->bad_links, compare_links);
    for (size_t i = 1; i < n; i++)
        if (compare_links(&r->t->bad_links[i - 1], &r->t->bad_links[i]) == 0)
            return fail_key(r, "bad_links", NULL, NULL, expected);
    return WFC_OK;
}

/* Optional: where the values come from, for people; every key must be one of the target's. */
static wfc_status check_sources(const reader *r, json_t *v) {
    if (!v) return WFC_OK;
    if (!json_is_object(v)) return fail_key(r, "sources", NULL, NULL, "expected an object of texts by key");
    const char *key;
    json_t *value;
    json_object_foreach(v, key, value) {
        if (!known_key(key)) return fail_key(r, "sources", key, NULL, "no such key in a target");
        if (!json_is_string(value)) return fail_key(r, "sources", key, NULL, "expected a text");
    }
    return WFC_OK;
}

static wfc_status read_numbers(const reader *r, json_t *root) {
    for (unsigned i = 0; i < NUM_FIELDS; i++) {
        const json_t *v = json_object_get(root, FIELDS[i].key);
        if (!v) return fail_key(r, FIELDS[i].key, NULL, NULL, k_missing);
        if (!in_range(v, FIELDS[i].min, FIELDS[i].max))
            return fail_range(r, FIELDS[i].key, NULL, NULL, v, FIELDS[i].min, FIELDS[i].max);
        set_number(r->t, &FIELDS[i], (uint32_t)json_integer_value(v));
    }
    const json_t *clock = json_object_get(root, "clock_hz");
    if (!in_range(clock, 1, (uint64_t)MAX_CLOCK_HZ))
        return fail_range(r, "clock_hz", NULL, NULL, clock, 1, (uint64_t)MAX_CLOCK_HZ);
    r->t->clock_hz = (double)json_integer_value(clock);
    return WFC_OK;
}

static wfc_status read_target(const reader *r, json_t *root) {
    if (!json_is_object(root))
        return fail_key(r, "name", NULL, NULL, "the file must hold one object with the target's keys");
    const char *key;
    json_t *value;
    json_object_foreach(root, key, value) {
        if (!known_key(key))
            return fail_key(r, key, NULL, NULL, "unknown key; 'waferc targets lab' prints a target with all keys");
    }
    for (unsigned i = 0; i + 1 < NUM_OTHER_KEYS; i++)
        if (!json_object_get(root, OTHER_KEYS[i])) return fail_key(r, OTHER_KEYS[i], NULL, NULL, k_missing);
    WFC_TRY(read_name(r, json_object_get(root, "name")));
    WFC_TRY(read_numbers(r, root));
    WFC_TRY(read_depths(r, json_object_get(root, "in_depth"), "in_depth", r->t->in_queues, r->t->in_depth));
    WFC_TRY(read_depths(r, json_object_get(root, "out_depth"), "out_depth", r->t->out_queues, r->t->out_depth));
    WFC_TRY(read_simd(r, json_object_get(root, "simd")));
    WFC_TRY(read_ports(r, json_object_get(root, "io_ports")));
    WFC_TRY(read_bad_pes(r, json_object_get(root, "bad_pes")));
    WFC_TRY(read_bad_links(r, json_object_get(root, "bad_links")));
    return check_sources(r, json_object_get(root, "sources"));
}

wfc_status wfc_target_parse(const char *json, size_t n, const char *where, wfc_diag *diag, wfc_target *out) {
    memset(out, 0, sizeof *out);
    json_error_t error;
    json_t *root = json_loadb(json, n, JSON_REJECT_DUPLICATES, &error);
    if (!root) {
        char place[512];
        snprintf(place, sizeof place, "%.400s:%d:%d", where ? where : "target", error.line, error.column);
        return wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0401", place, "the target is not valid JSON: %s", error.text);
    }
    reader r = {json, where ? where : "target", n, diag, out};
    wfc_status s = read_target(&r, root);
    json_decref(root);
    if (s != WFC_OK) wfc_target_deinit(out);
    return s;
}

/* ---- loading, copying, writing ---- */

static wfc_status load_file(const char *path, wfc_diag *diag, wfc_target *out) {
    uint8_t *bytes;
    size_t size;
    WFC_TRY(wfc_file_read(path, 16u << 20, diag, &bytes, &size));
    wfc_status s = wfc_target_parse((const char *)bytes, size, path, diag, out);
    wfc_free(bytes);
    return s;
}

wfc_status wfc_target_load(const char *name_or_path, wfc_diag *diag, wfc_target *out) {
    memset(out, 0, sizeof *out);
    size_t len = strlen(name_or_path);
    if (strchr(name_or_path, '/') || (len > 5 && strcmp(name_or_path + len - 5, ".json") == 0))
        return load_file(name_or_path, diag, out);
    for (const wfc_builtin_target *b = wfc_builtin_targets; b->name; b++)
        if (strcmp(b->name, name_or_path) == 0) return wfc_target_parse(b->json, b->bytes, b->name, diag, out);
    wfc_buf names = {0};
    for (const char *const *n = wfc_target_names(); *n; n++) wfc_buf_printf(&names, " %s", *n);
    wfc_status s = wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0403", name_or_path,
                            "no such target; known:%s, or the path of a .json file", names.data ? names.data : "");
    wfc_buf_deinit(&names);
    return s;
}

void wfc_target_deinit(wfc_target *t) {
    for (unsigned s = 0; s < 2; s++) wfc_free(t->io_rows[s]);
    wfc_free(t->bad_pes);
    wfc_free(t->bad_links);
    memset(t, 0, sizeof *t);
}

static bool copy_array(void *out, const void *from, size_t count, size_t size) {
    void **place = out;
    *place = wfc_calloc(count, size);
    if (!*place) return false;
    if (count) memcpy(*place, from, count * size);
    return true;
}

wfc_status wfc_target_copy(const wfc_target *t, wfc_target *out) {
    wfc_target copy = *t;
    copy.io_rows[0] = copy.io_rows[1] = NULL;
    copy.bad_pes = NULL;
    copy.bad_links = NULL;
    bool ok = true;
    for (unsigned s = 0; s < 2; s++)
        ok = ok && copy_array(&copy.io_rows[s], t->io_rows[s], t->io_count[s], sizeof *t->io_rows[s]);
    ok = ok && copy_array(&copy.bad_pes, t->bad_pes, t->bad_pe_count, sizeof *t->bad_pes);
    ok = ok && copy_array(&copy.bad_links, t->bad_links, t->bad_link_count, sizeof *t->bad_links);
    *out = copy;
    if (ok) return WFC_OK;
    wfc_target_deinit(out);
    return WFC_ERR_NO_MEMORY;
}

/* ---- defects from a file of their own ---- */

static wfc_status read_defects(const reader *r, json_t *root) {
    if (!json_is_object(root))
        return wfc_fail(r->diag, WFC_ERR_INPUT, "WFC-E0404", r->where,
                        "expected an object {\"bad_pes\": [[x, y], ...], \"bad_links\": [[x, y, \"N\"], ...]}");
    const char *key;
    json_t *value;
    json_object_foreach(root, key, value) {
        if (strcmp(key, "bad_pes") == 0)
            WFC_TRY(read_bad_pes(r, value));
        else if (strcmp(key, "bad_links") == 0)
            WFC_TRY(read_bad_links(r, value));
        else
            return fail_key(r, key, NULL, NULL, "unknown key; a file of defects has bad_pes and bad_links");
    }
    return WFC_OK;
}

/* Appends, sorts, drops what is there twice; *list is replaced. */
static bool merge(void **list, uint32_t *count, const void *more, uint32_t more_count, size_t size,
                  int (*compare)(const void *, const void *)) {
    size_t n = (size_t)*count + more_count, kept = 0;
    char *all = wfc_calloc(n, size);
    if (!all) return false;
    if (*count) memcpy(all, *list, *count * size);
    if (more_count) memcpy(all + *count * size, more, more_count * size);
    if (n) qsort(all, n, size, compare);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || compare(all + (kept - 1) * size, all + i * size) != 0)
            memmove(all + kept++ * size, all + i * size, size);
    wfc_free(*list);
    *list = all;
    *count = (uint32_t)kept;
    return true;
}

static bool add_defects(wfc_target *t, const wfc_target *more) {
    void *pes = t->bad_pes, *links = t->bad_links;
    bool ok =
        merge(&pes, &t->bad_pe_count, more->bad_pes, more->bad_pe_count, sizeof *t->bad_pes, compare_pes) &&
        merge(&links, &t->bad_link_count, more->bad_links, more->bad_link_count, sizeof *t->bad_links, compare_links);
    t->bad_pes = pes;
    t->bad_links = links;
    return ok;
}

wfc_status wfc_target_add_defects(wfc_target *t, const char *path, wfc_diag *diag) {
    uint8_t *bytes;
    size_t size;
    json_error_t error;
    WFC_TRY(wfc_file_read(path, 64u << 20, diag, &bytes, &size));
    wfc_target found = {.width = t->width, .height = t->height};
    reader r = {(const char *)bytes, path, size, diag, &found};
    json_t *root = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, &error);
    char place[512];
    snprintf(place, sizeof place, "%.400s:%d:%d", path, error.line, error.column);
    wfc_status s = root ? read_defects(&r, root)
                        : wfc_fail(diag, WFC_ERR_INPUT, "WFC-E0401", place, "it is not valid JSON: %s", error.text);
    if (s == WFC_OK && !add_defects(t, &found)) s = wfc_fail_memory(diag);
    json_decref(root);
    wfc_free(bytes);
    wfc_target_deinit(&found);
    return s;
}

const char *const *wfc_target_names(void) {
    static const char *const names[] = {"lab", "wse2", "wse3", "wse2-wide", NULL};
    return names;
}

static void put_depths(wfc_buf *b, const char *key, const uint8_t *depth, unsigned n) {
    wfc_buf_printf(b, "  \"%s\": [", key);
    for (unsigned i = 0; i < n; i++) wfc_buf_printf(b, "%s%u", i ? ", " : "", depth[i]);
    wfc_buf_printf(b, "],\n");
}

static void put_simd(wfc_buf *b, const wfc_target *t) {
    wfc_buf_printf(b, "  \"simd\": {\n");
    for (unsigned c = 0; c < WFC_SIMD_ONE; c++) {
        wfc_buf_printf(b, "    \"%s\": {", wfc_simd_class_name((wfc_simd_class)c));
        for (unsigned i = 0; i < WFC_NUM_PE_DTYPES; i++)
            wfc_buf_printf(b, "%s\"%s\": %u", i ? ", " : "", wfc_dtype_name((wfc_dtype)i), t->simd[c][i]);
        wfc_buf_printf(b, "}%s\n", c + 1 < WFC_SIMD_ONE ? "," : "");
    }
    wfc_buf_printf(b, "  },\n");
}

static void put_rows(wfc_buf *b, const char *side, const uint16_t *rows, unsigned n, unsigned height) {
    if (n == height) {
        wfc_buf_printf(b, "\"%s\": \"all\"", side);
        return;
    }
    wfc_buf_printf(b, "\"%s\": [", side);
    for (unsigned i = 0; i < n; i++) wfc_buf_printf(b, "%s%u", i ? ", " : "", rows[i]);
    wfc_buf_printf(b, "]");
}

static void put_defects(wfc_buf *b, const wfc_target *t) {
    wfc_buf_printf(b, "  \"bad_pes\": [");
    for (uint32_t i = 0; i < t->bad_pe_count; i++)
        wfc_buf_printf(b, "%s[%u, %u]", i ? ", " : "", t->bad_pes[i].x, t->bad_pes[i].y);
    wfc_buf_printf(b, "],\n  \"bad_links\": [");
    for (uint32_t i = 0; i < t->bad_link_count; i++)
        wfc_buf_printf(b, "%s[%u, %u, \"%c\"]", i ? ", " : "", t->bad_links[i].x, t->bad_links[i].y,
                       "NESW"[t->bad_links[i].port & 3]);
    wfc_buf_printf(b, "]\n");
}

char *wfc_target_to_json(const wfc_target *t) {
    wfc_buf b = {0};
    wfc_buf_printf(&b, "{\n  \"name\": \"%s\",\n", t->name);
    for (unsigned i = 0; i < NUM_FIELDS; i++)
        wfc_buf_printf(&b, "  \"%s\": %" PRIu32 ",\n", FIELDS[i].key, get_number(t, &FIELDS[i]));
    put_depths(&b, "in_depth", t->in_depth, t->in_queues);
    put_depths(&b, "out_depth", t->out_depth, t->out_queues);
    put_simd(&b, t);
    wfc_buf_printf(&b, "  \"clock_hz\": %" PRIu64 ",\n  \"io_ports\": {", (uint64_t)t->clock_hz);
    put_rows(&b, "west", t->io_rows[WFC_SIDE_WEST], t->io_count[WFC_SIDE_WEST], t->height);
    wfc_buf_printf(&b, ", ");
    put_rows(&b, "east", t->io_rows[WFC_SIDE_EAST], t->io_count[WFC_SIDE_EAST], t->height);
    wfc_buf_printf(&b, "},\n");
    put_defects(&b, t);
    wfc_buf_printf(&b, "}\n");
    if (b.failed) wfc_buf_deinit(&b);
    return b.data;
}
