/* Embedding: ways for the program's hops, new routers, then places, streams and rectangles; the program changes only
 * when all of it is known. */
#include "backend/embed/embed_internal.h"

#include <string.h>

static wfc_status index_pes(wfc_be_embed *e) {
    const wfc_be_mesh *m = e->m;
    size_t cells = (size_t)e->g.w * e->g.h, logical = (size_t)m->rows * m->cols;
    e->logical = wfc_calloc(logical, sizeof *e->logical);
    e->pe_at = wfc_calloc(cells, sizeof *e->pe_at);
    e->first = wfc_calloc(cells, sizeof *e->first);
    e->router_of = wfc_calloc(e->p->pe_count, sizeof *e->router_of);
    e->class_of = wfc_calloc(e->p->pe_count, sizeof *e->class_of);
    if (!e->logical || !e->pe_at || !e->first || !e->router_of || !e->class_of) return wfc_fail_memory(e->diag);
    memset(e->logical, 0xff, logical * sizeof *e->logical);
    memset(e->pe_at, 0xff, cells * sizeof *e->pe_at);
    memset(e->first, 0xff, cells * sizeof *e->first);
    for (uint32_t i = 0; i < e->p->pe_count; i++) {
        const wfc_prog_pe *pe = &e->p->pes[i];
        if (pe->x >= m->cols || pe->y >= m->rows)
            return wfc_fail(e->diag, WFC_ERR_INTERNAL, "WFC-E0776", "embed",
                            "PE (%u,%u) lies outside the logical mesh of %u x %u PEs", pe->x, pe->y, m->cols, m->rows);
        wfc_xy at = wfc_be_mesh_place(m, pe->x, pe->y);
        e->logical[(size_t)pe->y * m->cols + pe->x] = i;
        e->pe_at[wfc_be_cell(&e->g, at.x, at.y)] = i;
        e->router_of[i] = pe->router_index;
        e->class_of[i] = pe->class_index;
    }
    return WFC_OK;
}

/* The box around the places of a logical rectangle; rows move, so it may overlap others. */
static void move_rect(const wfc_be_mesh *m, wfc_prog_rect *r) {
    if (r->w == 0 || r->h == 0 || (uint32_t)r->x + r->w > m->cols || (uint32_t)r->y + r->h > m->rows) return;
    uint32_t x0 = m->col_x[r->x], x1 = m->col_x[r->x + r->w - 1u], y0 = UINT32_MAX, y1 = 0;
    for (uint32_t col = r->x; col < (uint32_t)r->x + r->w; col++) {
        uint32_t top = wfc_be_mesh_place(m, col, r->y).y, bottom = wfc_be_mesh_place(m, col, r->y + r->h - 1u).y;
        if (top < y0) y0 = top;
        if (bottom > y1) y1 = bottom;
    }
    *r = (wfc_prog_rect){(uint16_t)x0, (uint16_t)y0, (uint16_t)(x1 - x0 + 1), (uint16_t)(y1 - y0 + 1)};
}

static void move_streams(const wfc_be_mesh *m, wfc_prog_tensor *tensors, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < tensors[i].stream_count; k++) {
            wfc_prog_stream *s = &tensors[i].streams[k];
            uint32_t x = s->side == WFC_SIDE_WEST ? 0 : m->physical.width - 1u;
            s->row = m->row_y[(size_t)x * m->rows + s->row];
        }
    }
}

static wfc_status check_streams(const wfc_be_mesh *m, const wfc_program *p, wfc_diag *diag) {
    for (unsigned io = 0; io < 2; io++) {
        const wfc_prog_tensor *t = io ? p->outputs : p->inputs;
        for (uint32_t i = 0; i < (io ? p->output_count : p->input_count); i++)
            for (uint32_t k = 0; k < t[i].stream_count; k++)
                if (t[i].streams[k].row >= m->rows)
                    return wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0776", "embed",
                                    "a stream at row %u, outside the logical mesh of %u rows", t[i].streams[k].row,
                                    m->rows);
    }
    return WFC_OK;
}

static void change(wfc_be_embed *e, const wfc_be_embedded *new, wfc_target *target) {
    wfc_program *p = e->p;
    p->pes = new->pes;
    p->pe_count = new->pe_count;
    p->routers = new->routers;
    p->router_count = new->router_count;
    p->classes = new->classes;
    p->class_count = new->class_count;
    move_streams(e->m, p->inputs, p->input_count);
    move_streams(e->m, p->outputs, p->output_count);
    for (uint32_t i = 0; i < p->layer_count; i++) move_rect(e->m, &p->layers[i].rect);
    wfc_target_deinit(&p->target);
    p->target = *target;
}

static wfc_status embed(wfc_be_embed *e) {
    wfc_be_embedded new;
    wfc_target target;
    WFC_TRY(check_streams(e->m, e->p, e->diag));
    WFC_TRY(wfc_be_grid_init(&e->g, &e->m->physical, e->diag));
    WFC_TRY(index_pes(e));
    WFC_TRY(wfc_be_embed_ways(e));
    WFC_TRY(wfc_be_embed_routers(e, &new));
    if (wfc_target_copy(&e->m->physical, &target) != WFC_OK) return wfc_fail_memory(e->diag);
    change(e, &new, &target);
    return WFC_OK;
}

wfc_status wfc_be_mesh_embed(const wfc_be_mesh *m, wfc_program *p, wfc_diag *diag) {
    wfc_be_embed e = {.m = m, .p = p, .diag = diag};
    if (p->target.width != m->cols || p->target.height != m->rows)
        return wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0776", "embed",
                        "the program is for a mesh of %u x %u PEs, the logical mesh has %u x %u", p->target.width,
                        p->target.height, m->cols, m->rows);
    wfc_status s = embed(&e);
    wfc_free(e.logical);
    wfc_free(e.pe_at);
    wfc_free(e.first);
    wfc_free(e.router_of);
    wfc_free(e.class_of);
    wfc_vec_free(&e.routers);
    wfc_vec_free(&e.classes);
    wfc_vec_free(&e.passes);
    wfc_vec_free(&e.pending);
    wfc_vec_free(&e.changes);
    wfc_vec_free(&e.way);
    wfc_be_grid_deinit(&e.g);
    return s;
}
