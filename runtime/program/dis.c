/* The disassembler. The whole program: every table as it is, so assembling the text gives the same file byte for byte.
 * One PE: its class, routes, registers and data together, for people; that text does not assemble. */
#include "runtime/program/dis_print.h"

#include <inttypes.h>
#include <string.h>

enum { HEX_BYTES_PER_LINE = 32, NUMBERS_PER_LINE = 8 };

/* By name when the built-in target of that name is the same one. */
static wfc_status print_target(wfc_buf *out, const wfc_target *t) {
    wfc_target builtin;
    char *json = wfc_target_to_json(t), *known = NULL;
    if (!json) return WFC_ERR_NO_MEMORY;
    for (const char *const *n = wfc_target_names(); *n && !known; n++) {
        if (strcmp(*n, t->name) != 0) continue;
        wfc_status s = wfc_target_load(*n, NULL, &builtin);
        if (s == WFC_OK) known = wfc_target_to_json(&builtin);
        if (s == WFC_OK) wfc_target_deinit(&builtin);
        if (s == WFC_ERR_NO_MEMORY || (s == WFC_OK && !known)) {
            wfc_free(json);
            return WFC_ERR_NO_MEMORY;
        }
    }
    wfc_buf_printf(out, "target ");
    if (known && strcmp(known, json) == 0) {
        wfc_dis_string(out, t->name);
        wfc_buf_printf(out, "\n");
    } else {
        wfc_buf_printf(out, "%s", json);
    }
    wfc_free(json);
    wfc_free(known);
    return out->failed ? WFC_ERR_NO_MEMORY : WFC_OK;
}

static void print_head(wfc_buf *out, const wfc_program *p) {
    wfc_buf_printf(out, "model ");
    wfc_dis_string(out, p->model_name);
    wfc_buf_printf(out, "\nproducer ");
    wfc_dis_string(out, p->producer);
    wfc_buf_printf(out, "\ndelta_t ");
    wfc_dis_double(out, p->predicted_delta_t_cycles);
    wfc_buf_printf(out, "\n");
}

static void print_layer(wfc_buf *out, const wfc_prog_layer *l, uint32_t index) {
    wfc_buf_printf(out, "layer %u ", index);
    wfc_dis_string(out, l->name);
    wfc_buf_printf(out, " kind ");
    wfc_dis_string(out, l->kind);
    wfc_buf_printf(out, " rect %u,%u,%u,%u split ", l->rect.x, l->rect.y, l->rect.w, l->rect.h);
    wfc_dis_string(out, l->split);
    wfc_buf_printf(out, "\n  nodes [");
    for (uint32_t i = 0; i < l->node_count; i++) {
        if (i) wfc_buf_printf(out, ", ");
        wfc_dis_string(out, l->nodes[i]);
    }
    wfc_buf_printf(out, "]\n  macs %" PRIu64 " nonzero %" PRIu64 " pes %u predicted [", l->macs, l->macs_nonzero,
                   l->pe_count);
    const double values[7] = {l->predicted_cycles,   l->predicted_compute, l->predicted_receive, l->predicted_reduce,
                              l->predicted_epilogue, l->predicted_send,    l->predicted_lane};
    for (unsigned i = 0; i < 7; i++) {
        if (i) wfc_buf_printf(out, ", ");
        wfc_dis_double(out, values[i]);
    }
    wfc_buf_printf(out, "]\n");
}

static void print_tensor(wfc_buf *out, const wfc_prog_tensor *t, const char *direction) {
    wfc_buf_printf(out, "%s ", direction);
    wfc_dis_string(out, t->name);
    wfc_buf_printf(out, " %s host %u dims [", wfc_dtype_name((wfc_dtype)t->dtype), t->host_dtype);
    for (unsigned i = 0; i < t->rank && i < WFC_PROG_MAX_RANK; i++)
        wfc_buf_printf(out, "%s%u", i ? ", " : "", t->dims[i]);
    wfc_buf_printf(out, "] samples %u {\n", t->samples);
    for (uint32_t i = 0; i < t->stream_count; i++) {
        const wfc_prog_stream *s = &t->streams[i];
        wfc_buf_printf(out, "  stream %s row %u c%u words %u runs %u:%u\n", s->side == WFC_SIDE_EAST ? "east" : "west",
                       s->row, s->colour, s->words, s->run_first, s->run_count);
    }
    wfc_buf_printf(out, "}\n");
}

static void print_tables(wfc_buf *out, const wfc_program *p) {
    if (p->data_count) wfc_buf_printf(out, "data {\n");
    for (uint32_t i = 0; i < p->data_count; i++)
        wfc_buf_printf(out, "  0x%04x %u at %" PRIu64 "\n", p->data[i].addr, p->data[i].bytes, p->data[i].bulk_offset);
    if (p->data_count) wfc_buf_printf(out, "}\n");
    for (uint32_t i = 0; i < p->regs_count; i++)
        wfc_buf_printf(out, "%s0x%x", i == 0 ? "regs [" : i % NUMBERS_PER_LINE ? ", " : ",\n  ", p->regs[i]);
    if (p->regs_count) wfc_buf_printf(out, "]\n");
    for (uint32_t i = 0; i < p->run_count; i++) {
        const wfc_prog_run *r = &p->runs[i];
        wfc_buf_printf(out, "%s%u:%u:%d",
                       i == 0                 ? "runs ["
                       : i % NUMBERS_PER_LINE ? ", "
                                              : ",\n  ",
                       r->start, r->count, r->stride);
    }
    if (p->run_count) wfc_buf_printf(out, "]\n");
    if (p->bulk_bytes) wfc_buf_printf(out, "bulk {\n");
    for (uint64_t at = 0; at < p->bulk_bytes && !out->failed; at += HEX_BYTES_PER_LINE) {
        uint64_t n = p->bulk_bytes - at < HEX_BYTES_PER_LINE ? p->bulk_bytes - at : HEX_BYTES_PER_LINE;
        wfc_buf_printf(out, "  \"");
        wfc_dis_hex(out, p->bulk + at, (size_t)n);
        wfc_buf_printf(out, "\"\n");
    }
    if (p->bulk_bytes) wfc_buf_printf(out, "}\n");
}

static void print_pe(wfc_buf *out, const wfc_prog_pe *pe) {
    wfc_buf_printf(out, "pe %u,%u", pe->x, pe->y);
    if (pe->class_index != UINT32_MAX) wfc_buf_printf(out, " class %u", pe->class_index);
    if (pe->router_index != UINT32_MAX) wfc_buf_printf(out, " router %u", pe->router_index);
    if (pe->layer != UINT32_MAX) wfc_buf_printf(out, " layer %u", pe->layer);
    if (pe->reg_count || pe->regs_first) wfc_buf_printf(out, " regs %u:%u", pe->regs_first, pe->reg_count);
    if (pe->data_count || pe->data_first) wfc_buf_printf(out, " data %u:%u", pe->data_first, pe->data_count);
    wfc_buf_printf(out, "\n");
}

/* ---- one PE, for people ---- */

static void print_pe_data(wfc_buf *out, const wfc_program *p, const wfc_prog_pe *pe, const wfc_prog_class *c) {
    for (uint32_t i = 0; i < pe->data_count && pe->data_first + (uint64_t)i < p->data_count; i++) {
        const wfc_prog_data *d = &p->data[pe->data_first + i];
        wfc_buf_printf(out, "  data ");
        wfc_dis_address(out, c, d->addr);
        wfc_buf_printf(out, " = hex");
        if (d->bulk_offset > p->bulk_bytes || d->bytes > p->bulk_bytes - d->bulk_offset) {
            wfc_buf_printf(out, " # outside the bulk data\n");
            continue;
        }
        for (uint32_t at = 0; at < d->bytes; at += HEX_BYTES_PER_LINE) {
            uint32_t n = d->bytes - at < HEX_BYTES_PER_LINE ? d->bytes - at : HEX_BYTES_PER_LINE;
            wfc_buf_printf(out, "%s\"", at ? "\n    " : " ");
            wfc_dis_hex(out, p->bulk + d->bulk_offset + at, n);
            wfc_buf_printf(out, "\"");
        }
        wfc_buf_printf(out, "\n");
    }
}

static wfc_status print_one(const wfc_program *p, const wfc_prog_pe *pe, wfc_buf *out) {
    const wfc_prog_class *c = pe->class_index < p->class_count ? &p->classes[pe->class_index] : NULL;
    wfc_status s = WFC_OK;
    wfc_buf_printf(out, "# PE %u,%u of ", pe->x, pe->y);
    wfc_dis_string(out, p->model_name); /* escaped: a name cannot end the comment */
    wfc_buf_printf(out, " on %s", p->target.name);
    if (pe->layer < p->layer_count) {
        wfc_buf_printf(out, ", layer %u ", pe->layer);
        wfc_dis_string(out, p->layers[pe->layer].name);
    }
    wfc_buf_printf(out, "\n");
    if (c) {
        uint32_t account[WFC_MEM_CATEGORIES] = {0}, total = wfc_prog_class_account(c, account);
        wfc_buf_printf(out, "# SRAM %u of %u bytes:", total, p->target.sram_bytes);
        for (unsigned i = 0; i < WFC_MEM_CATEGORIES; i++)
            if (account[i]) wfc_buf_printf(out, " %s %u", wfc_mem_category_name(i), account[i]);
        wfc_buf_printf(out, "\n");
        s = wfc_dis_class(out, c, pe->class_index);
    }
    if (pe->router_index < p->router_count) wfc_dis_router(out, &p->routers[pe->router_index], pe->router_index);
    print_pe(out, pe);
    for (uint32_t i = 0; i < pe->reg_count && pe->regs_first + (uint64_t)i < p->regs_count; i++)
        wfc_buf_printf(out, "  # r%u = 0x%08x\n", i + 1, p->regs[pe->regs_first + i]);
    wfc_buf_printf(out, "{\n");
    print_pe_data(out, p, pe, c);
    wfc_buf_printf(out, "}\n");
    return s;
}

static wfc_status print_only(const wfc_program *p, const wfc_xy *place, wfc_buf *out) {
    for (uint32_t i = 0; i < p->pe_count; i++)
        if (p->pes[i].x == place->x && p->pes[i].y == place->y) {
            WFC_TRY(print_one(p, &p->pes[i], out));
            return out->failed ? WFC_ERR_NO_MEMORY : WFC_OK;
        }
    wfc_buf_printf(out, "# PE %u,%u is not used by this program\n", place->x, place->y);
    return out->failed ? WFC_ERR_NO_MEMORY : WFC_OK;
}

wfc_status wfc_program_print(const wfc_program *p, const wfc_xy *only_pe, wfc_buf *out) {
    if (only_pe) return print_only(p, only_pe, out);
    wfc_buf_printf(out, "wafer %u\n", p->version);
    WFC_TRY(print_target(out, &p->target));
    print_head(out, p);
    for (uint32_t i = 0; i < p->layer_count; i++) print_layer(out, &p->layers[i], i);
    for (uint32_t i = 0; i < p->class_count; i++) WFC_TRY(wfc_dis_class(out, &p->classes[i], i));
    for (uint32_t i = 0; i < p->router_count; i++) wfc_dis_router(out, &p->routers[i], i);
    print_tables(out, p);
    for (uint32_t i = 0; i < p->input_count; i++) print_tensor(out, &p->inputs[i], "input");
    for (uint32_t i = 0; i < p->output_count; i++) print_tensor(out, &p->outputs[i], "output");
    for (uint32_t i = 0; i < p->pe_count; i++) print_pe(out, &p->pes[i]);
    return out->failed ? WFC_ERR_NO_MEMORY : WFC_OK;
}
