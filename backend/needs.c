/* What a model needs of any target: where it is far too large, no plan has to be made to say so. */
#include "backend/compile.h"

enum { OTHER_BYTES = 6144 }; /* code, descriptors and buffers of a PE of 48 KiB; of a smaller one, a quarter */

static const char *name_of(const wfc_node *n) {
    return n->loc_count ? n->locs[0] : n->name;
}

static void enter(wfc_be_needs_of *out, const char *name, uint64_t bytes) {
    for (unsigned i = 0; i < sizeof out->largest / sizeof out->largest[0]; i++) {
        if (bytes <= out->largest[i].bytes) continue;
        const char *was = out->largest[i].name;
        uint64_t size = out->largest[i].bytes;
        out->largest[i].name = name;
        out->largest[i].bytes = bytes;
        name = was;
        bytes = size;
    }
}

void wfc_be_model_needs(const wfc_graph *g, const wfc_target *t, wfc_be_needs_of *out) {
    *out = (wfc_be_needs_of){.pes = (uint64_t)t->width * t->height - t->bad_pe_count};
    uint64_t other = t->sram_bytes / 4 < OTHER_BYTES ? t->sram_bytes / 4 : OTHER_BYTES, room = t->sram_bytes - other;
    for (uint32_t i = 0; i < g->nodes.count; i++) {
        const wfc_node *n = &g->nodes.data[i];
        if (n->op != WFC_CORE_CONTRACT) continue;
        const wfc_node *b = wfc_ir_node_c(g, wfc_ir_operand(g, (wfc_value){i}, 1));
        if (b->op != WFC_CORE_CONST) continue;
        uint64_t weights = wfc_shape_elems(&b->shape);
        out->weights += weights;
        enter(out, name_of(n), 4 * weights);
    }
    out->weight_bytes = 4 * out->weights;
    out->sram_bytes = out->pes * room;
    out->pes_needed = room ? (out->weight_bytes + room - 1) / room : UINT64_MAX;
    if (out->weight_bytes > out->sram_bytes) out->sparsity = 1 - (double)out->sram_bytes / 8 / (double)out->weights;
}
