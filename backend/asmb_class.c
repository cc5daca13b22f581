/* Sharing of equal PE classes: a hash table over everything a class holds but its name. */
#include "backend/asmb.h"

#include <string.h>

void wfc_be_class_table_init(wfc_be_class_table *t) {
    memset(t, 0, sizeof *t);
}

void wfc_be_class_table_deinit(wfc_be_class_table *t) {
    wfc_vec_free(&t->classes);
    wfc_free(t->slots);
    wfc_free(t->names);
    memset(t, 0, sizeof *t);
}

static uint64_t mix(uint64_t h, uint64_t v) {
    h = (h ^ v) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

static uint64_t mix_bytes(uint64_t h, const uint8_t *bytes, size_t n) {
    for (size_t i = 0; i < n; i++) h = (h ^ bytes[i]) * 0x100000001b3u;
    return mix(h, n);
}

static uint64_t mix_text(uint64_t h, const char *s) {
    return mix_bytes(h, (const uint8_t *)s, strlen(s));
}

static uint64_t hash_class(const wfc_prog_class *c) {
    uint64_t h = 0xcbf29ce484222325u;
    uint8_t bytes[WFC_DESC_BYTES];
    for (uint32_t i = 0; i < c->insn_count; i++) {
        wfc_insn_encode(&c->insns[i], bytes);
        h = mix_bytes(h, bytes, WFC_INSN_BYTES);
    }
    for (uint32_t i = 0; i < c->desc_count; i++) {
        wfc_desc_encode(&c->descs[i], bytes);
        h = mix_bytes(h, bytes, WFC_DESC_BYTES);
    }
    for (uint32_t i = 0; i < c->task_count; i++) h = mix(h, c->tasks[i].id * 65536u + c->tasks[i].entry);
    for (uint32_t i = 0; i < c->in_count; i++) h = mix(h, c->in_queues[i].queue * 256u + c->in_queues[i].colour);
    for (uint32_t i = 0; i < c->out_count; i++) h = mix(h, c->out_queues[i].queue * 256u + c->out_queues[i].colour);
    for (uint32_t i = 0; i < c->array_count; i++) {
        h = mix_text(mix(h, c->arrays[i].addr * 65536u + c->arrays[i].bytes), c->arrays[i].name);
    }
    return h;
}

static bool same_insn(const wfc_insn *x, const wfc_insn *y) {
    uint8_t bx[WFC_INSN_BYTES], by[WFC_INSN_BYTES];
    wfc_insn_encode(x, bx);
    wfc_insn_encode(y, by);
    return memcmp(bx, by, sizeof bx) == 0;
}

static bool same_desc(const wfc_desc *x, const wfc_desc *y) {
    uint8_t bx[WFC_DESC_BYTES], by[WFC_DESC_BYTES];
    wfc_desc_encode(x, bx);
    wfc_desc_encode(y, by);
    return memcmp(bx, by, sizeof bx) == 0;
}

static bool same_tasks(const wfc_prog_class *x, const wfc_prog_class *y) {
    for (uint32_t i = 0; i < x->task_count; i++) {
        const wfc_prog_task *s = &x->tasks[i], *t = &y->tasks[i];
        if (s->id != t->id || s->kind != t->kind || s->flags != t->flags || s->queue != t->queue ||
            s->entry != t->entry) {
            return false;
        }
    }
    return true;
}

static bool same_bindings(const wfc_prog_binding *x, const wfc_prog_binding *y, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        if (x[i].queue != y[i].queue || x[i].colour != y[i].colour) return false;
    }
    return true;
}

static bool same_arrays(const wfc_prog_class *x, const wfc_prog_class *y) {
    for (uint32_t i = 0; i < x->array_count; i++) {
        const wfc_prog_array *s = &x->arrays[i], *t = &y->arrays[i];
        if (s->addr != t->addr || s->bytes != t->bytes || s->category != t->category || strcmp(s->name, t->name) != 0) {
            return false;
        }
    }
    return true;
}

bool wfc_be_class_equal(const wfc_prog_class *x, const wfc_prog_class *y) {
    if (x->insn_count != y->insn_count || x->desc_count != y->desc_count || x->task_count != y->task_count ||
        x->in_count != y->in_count || x->out_count != y->out_count || x->array_count != y->array_count) {
        return false;
    }
    for (uint32_t i = 0; i < x->insn_count; i++) {
        if (!same_insn(&x->insns[i], &y->insns[i])) return false;
    }
    for (uint32_t i = 0; i < x->desc_count; i++) {
        if (!same_desc(&x->descs[i], &y->descs[i])) return false;
    }
    return same_tasks(x, y) && same_arrays(x, y) && same_bindings(x->in_queues, y->in_queues, x->in_count) &&
           same_bindings(x->out_queues, y->out_queues, x->out_count);
}

static uint32_t hash_name(const char *name) {
    uint64_t h = mix_text(0, name);
    return (uint32_t)(h ^ h >> 32);
}

static void enter(uint32_t *slots, uint32_t count, uint64_t hash, uint32_t index) {
    uint32_t k = (uint32_t)(hash % count);
    while (slots[k]) k = (k + 1) % count;
    slots[k] = index + 1;
}

static wfc_status grow_slots(wfc_be_class_table *t) {
    uint32_t n = t->slot_count ? t->slot_count * 2 : 64;
    uint32_t *slots = wfc_calloc(n, sizeof *slots), *names = wfc_calloc(n, sizeof *names);
    if (!slots || !names) {
        wfc_free(slots);
        wfc_free(names);
        return WFC_ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < t->classes.count; i++) {
        enter(slots, n, hash_class(&t->classes.data[i]), i);
        enter(names, n, hash_name(t->classes.data[i].name), i);
    }
    wfc_free(t->slots);
    wfc_free(t->names);
    t->slots = slots;
    t->names = names;
    t->slot_count = n;
    return WFC_OK;
}

static bool class_name_taken(const wfc_be_class_table *t, const char *name) {
    for (uint32_t k = hash_name(name) % t->slot_count; t->names[k]; k = (k + 1) % t->slot_count) {
        if (strcmp(t->classes.data[t->names[k] - 1].name, name) == 0) return true;
    }
    return false;
}

static const char *unique_class_name(const wfc_be_class_table *t, wfc_arena *arena, const char *name) {
    if (!class_name_taken(t, name)) return name;
    /* Counting from the table's size finds a free name at once, where counting from 2 would try all before it. */
    for (size_t k = t->classes.count + 1;; k++) {
        char *s = wfc_asprintf("%s.%zu", name, k);
        if (!s) return NULL;
        if (!class_name_taken(t, s)) {
            const char *kept = wfc_arena_strdup(arena, s);
            wfc_free(s);
            return kept;
        }
        wfc_free(s);
    }
}

wfc_status wfc_be_class_table_add(wfc_be_class_table *t, wfc_arena *arena, const wfc_prog_class *c,
                                  uint32_t *out_index) {
    if (t->classes.count * 2 >= t->slot_count) WFC_TRY(grow_slots(t));
    uint32_t k = (uint32_t)(hash_class(c) % t->slot_count);
    for (; t->slots[k]; k = (k + 1) % t->slot_count) {
        if (wfc_be_class_equal(&t->classes.data[t->slots[k] - 1], c)) {
            *out_index = t->slots[k] - 1;
            return WFC_OK;
        }
    }
    wfc_prog_class added = *c;
    added.name = unique_class_name(t, arena, c->name);
    if (!added.name) return WFC_ERR_NO_MEMORY;
    WFC_TRY(wfc_vec_push(&t->classes, added));
    t->slots[k] = (uint32_t)t->classes.count;
    enter(t->names, t->slot_count, hash_name(added.name), (uint32_t)t->classes.count - 1);
    *out_index = (uint32_t)t->classes.count - 1;
    return WFC_OK;
}
