/* Classes, routers, strings and numbers as text. */
#include "runtime/program/dis_print.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of one printable UTF-8 sequence at s, 0 when it must be escaped. Other text is left readable. */
static size_t plain_bytes(const uint8_t *s) {
    if (s[0] >= 0x20 && s[0] < 0x7f) return 1;
    if (s[0] >= 0xc3 && s[0] < 0xe0 && (s[1] & 0xc0) == 0x80) return 2; /* from U+00C0: no C1 controls */
    if (s[0] > 0xe0 && s[0] < 0xed && s[0] != 0xe2 && (s[1] & 0xc0) == 0x80 && (s[2] & 0xc0) == 0x80) return 3;
    return 0;
}

void wfc_dis_string(wfc_buf *out, const char *text) {
    wfc_buf_append(out, "\"", 1);
    const uint8_t *s = (const uint8_t *)(text ? text : "");
    while (*s) {
        size_t n = plain_bytes(s);
        if (*s == '"' || *s == '\\')
            wfc_buf_printf(out, "\\%c", *s);
        else if (n)
            wfc_buf_append(out, s, n);
        else
            wfc_buf_printf(out, "\\x%02x", *s);
        s += n ? n : 1;
    }
    wfc_buf_append(out, "\"", 1);
}

static bool is_word(const char *s) {
    size_t n = strlen(s);
    bool letter = (s[0] >= 'a' && s[0] <= 'z') || (s[0] >= 'A' && s[0] <= 'Z') || s[0] == '_';
    return letter && s[n - 1] != '.' && !strstr(s, "..") &&
           strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.") == n;
}

void wfc_dis_name(wfc_buf *out, const char *s) {
    if (s && is_word(s))
        wfc_buf_printf(out, "%s", s);
    else
        wfc_dis_string(out, s);
}

void wfc_dis_double(wfc_buf *out, double v) {
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v) break;
    }
    char point = localeconv()->decimal_point[0];
    for (char *c = text; *c; c++)
        if (*c == point) *c = '.';
    wfc_buf_printf(out, "%s", text);
}

/* By name only if the assembler finds the same array by that name: the first one of the name. */
void wfc_dis_address(wfc_buf *out, const wfc_prog_class *c, uint16_t addr) {
    const wfc_prog_array *found = NULL;
    for (uint32_t i = 0; c && i < c->array_count && !found; i++) {
        const wfc_prog_array *array = &c->arrays[i];
        if (addr < array->addr || addr - array->addr >= array->bytes || !array->name || !array->name[0]) continue;
        found = array;
        for (uint32_t j = 0; j < i; j++)
            if (c->arrays[j].name && strcmp(c->arrays[j].name, array->name) == 0) found = NULL;
        if (!found) break;
    }
    if (!found) {
        wfc_buf_printf(out, "0x%04x", addr);
        return;
    }
    wfc_dis_name(out, found->name);
    if (addr > found->addr) wfc_buf_printf(out, "+%u", addr - found->addr);
}

static void arrays(wfc_buf *out, const wfc_prog_class *c) {
    for (uint32_t i = 0; i < c->array_count; i++) {
        const wfc_prog_array *array = &c->arrays[i];
        wfc_buf_printf(out, "  array ");
        wfc_dis_name(out, array->name);
        wfc_buf_printf(out, " @0x%04x %u %s\n", array->addr, array->bytes, wfc_mem_category_name(array->category));
    }
}

static void tasks(wfc_buf *out, const wfc_prog_class *c) {
    for (uint32_t i = 0; i < c->task_count; i++) {
        const wfc_prog_task *t = &c->tasks[i];
        wfc_buf_printf(out, "  task t%u ", t->id);
        if (t->kind == WFC_TASK_DATA)
            wfc_buf_printf(out, "data q%u", t->queue);
        else
            wfc_buf_printf(out, t->kind == WFC_TASK_CONTROL ? "control" : "local");
        wfc_buf_printf(out, " L%u%s%s%s\n", t->entry, t->flags & WFC_TASK_ACTIVE ? " active" : "",
                       t->flags & WFC_TASK_BLOCKED ? " blocked" : "", t->flags & WFC_TASK_SPLIT ? " split" : "");
    }
}

wfc_status wfc_dis_class(wfc_buf *out, const wfc_prog_class *c, uint32_t index) {
    wfc_buf_printf(out, "class %u ", index);
    wfc_dis_string(out, c->name);
    wfc_buf_printf(out, " {\n");
    arrays(out, c);
    for (uint32_t i = 0; i < c->desc_count; i++) {
        wfc_buf_printf(out, "  desc d%u = ", i);
        wfc_dis_desc(out, c, &c->descs[i]);
        wfc_buf_printf(out, "\n");
    }
    for (uint32_t i = 0; i < c->in_count; i++)
        wfc_buf_printf(out, "  in q%u = c%u\n", c->in_queues[i].queue, c->in_queues[i].colour);
    for (uint32_t i = 0; i < c->out_count; i++)
        wfc_buf_printf(out, "  out q%u = c%u\n", c->out_queues[i].queue, c->out_queues[i].colour);
    tasks(out, c);
    wfc_status s = wfc_dis_code(out, c);
    wfc_buf_printf(out, "}\n");
    return s;
}

static void route(wfc_buf *out, const wfc_prog_route *r) {
    static const char ports[] = "NESWR";
    wfc_buf_printf(out, "  c%u [", r->colour);
    for (unsigned p = 0; p < r->positions && p < 4; p++) {
        const char *separator = "";
        if (p) wfc_buf_printf(out, " | ");
        for (unsigned in = 0; in < WFC_PORTS; in++) {
            if (!r->out[p][in]) continue;
            wfc_buf_printf(out, "%s%c>", separator, ports[in]);
            for (unsigned o = 0; o < WFC_PORTS; o++)
                if (r->out[p][in] & WFC_PORT_BIT(o)) wfc_buf_printf(out, "%c", ports[o]);
            separator = ", ";
        }
    }
    wfc_buf_printf(out, "]");
    if (r->initial) wfc_buf_printf(out, " initial %u", r->initial);
    if (r->filtered) wfc_buf_printf(out, " filter %u..%u mod %u", r->filter_lo, r->filter_hi, r->filter_period);
    wfc_buf_printf(out, "\n");
}

void wfc_dis_router(wfc_buf *out, const wfc_prog_router *r, uint32_t index) {
    wfc_buf_printf(out, "router %u {\n", index);
    for (uint32_t i = 0; i < r->route_count; i++) route(out, &r->routes[i]);
    wfc_buf_printf(out, "}\n");
}
