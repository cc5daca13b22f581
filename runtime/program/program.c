/* Life of a program in memory and the byte account of a class. */
#include "runtime/program/program.h"

#include <string.h>

const char *wfc_mem_category_name(unsigned c) {
    static const char *const names[WFC_MEM_CATEGORIES] = {"code",  "descriptors", "tasks",  "weight",  "index",
                                                          "input", "acc",         "output", "scratch", "table"};
    return c < WFC_MEM_CATEGORIES ? names[c] : "?";
}

void wfc_program_init(wfc_program *p) {
    memset(p, 0, sizeof *p);
    p->version = WFC_PROGRAM_VERSION;
    wfc_arena_init(&p->arena);
}

void wfc_program_deinit(wfc_program *p) {
    wfc_target_deinit(&p->target);
    wfc_arena_deinit(&p->arena);
    memset(p, 0, sizeof *p);
}

/* Counts that no target allows must not wrap around to small sizes: every sum saturates at UINT32_MAX. */
static uint32_t saturate(uint64_t v) {
    return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

static uint64_t queue_and_task_bytes(const wfc_prog_class *c) {
    return (uint64_t)WFC_TASK_BYTES * c->task_count +
           (uint64_t)WFC_QUEUE_BYTES * ((uint64_t)c->in_count + c->out_count);
}

uint32_t wfc_prog_class_code_bytes(const wfc_prog_class *c) {
    uint64_t n =
        (uint64_t)WFC_INSN_BYTES * c->insn_count + (uint64_t)WFC_DESC_BYTES * c->desc_count + queue_and_task_bytes(c);
    return saturate((n + 3) / 4 * 4);
}

uint32_t wfc_prog_class_account(const wfc_prog_class *c, uint32_t *account) {
    uint64_t add[WFC_MEM_CATEGORIES] = {0}, sum = 0;
    add[WFC_MEM_CODE] = (uint64_t)WFC_INSN_BYTES * c->insn_count;
    add[WFC_MEM_DESC] = (uint64_t)WFC_DESC_BYTES * c->desc_count;
    add[WFC_MEM_TASK] = queue_and_task_bytes(c);
    /* the rounding at the end of the code area is charged to the tasks, which come last there */
    add[WFC_MEM_TASK] += (4 - (add[WFC_MEM_CODE] + add[WFC_MEM_DESC] + add[WFC_MEM_TASK]) % 4) % 4;
    uint64_t end = add[WFC_MEM_CODE] + add[WFC_MEM_DESC] + add[WFC_MEM_TASK];
    for (uint32_t i = 0; i < c->array_count; i++) {
        const wfc_prog_array *a = &c->arrays[i];
        if (a->category >= WFC_MEM_CATEGORIES) continue;
        /* bytes in front of an array that its alignment leaves unused are charged to it */
        add[a->category] += a->bytes + (a->addr > end ? a->addr - end : 0);
        end = (uint64_t)a->addr + a->bytes;
    }
    for (unsigned i = 0; i < WFC_MEM_CATEGORIES; i++) {
        account[i] = saturate(account[i] + add[i]);
        sum += add[i];
    }
    return saturate(sum);
}
