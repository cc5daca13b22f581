#include "backend/kernels/kernel.h"

wfc_status wfc_be_pe_begin(wfc_be *be, wfc_be_pe_build *out, const char *name, uint32_t row, uint32_t col, uint32_t x) {
    char *rect = wfc_asprintf("PE (%u,%u)", x + col, row);
    if (!rect) return wfc_fail_memory(be->diag);
    out->a = wfc_be_asm_create(be->t, be->diag, name, name, rect);
    wfc_free(rect);
    if (!out->a) return wfc_fail_memory(be->diag);
    wfc_be_asm_task(out->a, 0, WFC_TASK_LOCAL, WFC_TASK_ACTIVE, 0);
    return WFC_OK;
}

wfc_status wfc_be_add_init(wfc_be *be, wfc_be_pe_build *b, uint32_t array, uint32_t bytes, void *data,
                           wfc_be_data_kind kind) {
    if (wfc_vec_push(&b->init, (wfc_be_init){.array = array, .bytes = bytes, .data = data, .kind = kind}) == WFC_OK)
        return WFC_OK;
    wfc_free(data);
    return wfc_fail_memory(be->diag);
}

void wfc_be_pe_build_deinit(wfc_be_pe_build *b) {
    for (size_t i = 0; i < b->init.count; i++) wfc_free(b->init.data[i].data);
    wfc_vec_free(&b->init);
    for (unsigned i = 0; i < WFC_BE_TABLES; i++) wfc_vec_free(&b->tables[i].walks);
    wfc_be_asm_destroy(b->a);
    b->a = NULL;
}

double wfc_be_pe_cycles(const wfc_be_pe_build *b) {
    const wfc_be_cost *c = wfc_be_asm_cost(b->a);
    double sum = 0, background = 0;
    for (unsigned i = 0; i < WFC_BE_BUCKETS; i++) {
        if (i == WFC_BE_SETUP) continue;
        sum += c[i].overhead_cycles + c[i].busy_cycles;
        background += c[i].background_cycles;
    }
    /* Words move in the background while the main context waits for its neighbours. */
    return sum + (background > b->latency_cycles ? background : b->latency_cycles);
}

void wfc_be_receive_setup(wfc_be_asm *a, wfc_be_receive *r, const char *name, uint8_t queue, uint8_t colour, uint8_t ut,
                          uint8_t half_reg, uint8_t temp_reg, uint32_t words) {
    *r = (wfc_be_receive){.words = words, .queue = queue, .ut = ut, .half_reg = half_reg};
    wfc_be_asm_bind_in(a, queue, colour);
    r->array = wfc_be_asm_array(a, name, 8 * words, WFC_MEM_INPUT);
    wfc_be_mem m = {
        .array = r->array, .type = WFC_F32, .off = temp_reg, .len = {1, 1, 1, words}, .stride = {0, 0, 0, 1}};
    r->armed_desc = wfc_be_asm_mem(a, &m);
    r->in_desc = wfc_be_asm_in(a, queue, WFC_F32, words);
    wfc_be_asm_op(a, WFC_OP_MOVI, WFC_F32, temp_reg, WFC_OPND_NONE, WFC_OPND_NONE, 0);
    wfc_be_asm_op(a, WFC_OP_MOVI, WFC_F32, half_reg, WFC_OPND_NONE, WFC_OPND_NONE, 0);
    wfc_be_asm_async(a, WFC_OP_VMOV, WFC_F32, r->armed_desc, r->in_desc, WFC_OPND_NONE, ut, 0, 0);
}

void wfc_be_receive_wait(wfc_be_asm *a, const wfc_be_receive *r) {
    if (r->ut) wfc_be_asm_wait(a, r->ut);
}

void wfc_be_receive_arm(wfc_be_asm *a, const wfc_be_receive *r, uint8_t temp_reg) {
    if (!r->ut) return;
    wfc_be_asm_op(a, WFC_OP_XOR, WFC_I32, temp_reg, r->half_reg, WFC_OPND_NONE, (uint16_t)(4 * r->words));
    wfc_be_asm_async(a, WFC_OP_VMOV, WFC_F32, r->armed_desc, r->in_desc, WFC_OPND_NONE, r->ut, 0, 0);
}

void wfc_be_receive_next(wfc_be_asm *a, const wfc_be_receive *r, uint8_t temp_reg) {
    wfc_be_receive_wait(a, r);
    wfc_be_receive_arm(a, r, temp_reg);
}

void wfc_be_receive_turn(wfc_be_asm *a, const wfc_be_receive *r) {
    if (!r->ut) return;
    wfc_be_asm_op(a, WFC_OP_XOR, WFC_I32, r->half_reg, r->half_reg, WFC_OPND_NONE, (uint16_t)(4 * r->words));
}

uint16_t wfc_be_lane_control(const wfc_be *be, const wfc_be_stream *s, uint32_t row, uint32_t col) {
    uint32_t w = be->slabs.data[s->slab].w, others = 0;
    bool last = true;
    if (!s->segment[row]) return WFC_CTL(WFC_CTL_ADVANCE, WFC_CTL_NOP); /* not known yet: pricing */
    for (uint32_t c = 0; c < w; c++) {
        if (c == col || s->segment[row][c] == 0) continue;
        others++;
        if (s->west ? c > col : c < col) last = false;
    }
    if (!others) return 0;
    return last ? WFC_CTL(WFC_CTL_NOP, WFC_CTL_RESET) : WFC_CTL(WFC_CTL_ADVANCE, WFC_CTL_NOP);
}
