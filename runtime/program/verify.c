/* The verifier: everything about a program that can be checked without running it, so that the simulator runs without
 * checking again. Order: shape (pointers, indices, places), classes, routers, streams, links, data. */
#include "runtime/program/verify_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool wfc_verify_enough(const wfc_verifier *v) {
    return v->errors >= WFC_VERIFY_MAX_ERRORS;
}

bool wfc_verify_error(wfc_verifier *v, wfc_status s, const char *code, uint32_t pe, const char *part, const char *fmt,
                      ...) {
    char where[512], text[512];
    const wfc_program *p = v->p;
    if (wfc_verify_enough(v)) return false;
    size_t at = 0;
    where[0] = '\0';
    if (pe != UINT32_MAX) {
        const wfc_prog_pe *e = &p->pes[pe];
        const char *layer = e->layer < p->layer_count ? p->layers[e->layer].name : NULL;
        at = (size_t)snprintf(where, sizeof where, "PE %u,%u%s%.200s", e->x, e->y, layer ? ", layer " : "",
                              layer ? layer : "");
    }
    if (part) snprintf(where + at, sizeof where - at, "%s%.200s", at ? ", " : "", part);
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (v->errors++ == 0) v->status = s;
    wfc_diag_add(v->diag, WFC_ERROR, code, where, "%s", text);
    if (!wfc_verify_enough(v)) return true;
    wfc_diag_add(v->diag, WFC_NOTE, "WFC-E1300", NULL, "more than %d errors in the program; the rest is not listed",
                 WFC_VERIFY_MAX_ERRORS);
    return false;
}

static bool build_maps(wfc_verifier *v) {
    const wfc_program *p = v->p;
    size_t places = (size_t)p->target.width * p->target.height;
    v->pe_at = wfc_calloc(places, sizeof *v->pe_at);
    v->class_pe = wfc_calloc(p->class_count, sizeof *v->class_pe);
    if (!v->pe_at || !v->class_pe) return false;
    memset(v->pe_at, 0xff, places * sizeof *v->pe_at);
    if (p->class_count) memset(v->class_pe, 0xff, p->class_count * sizeof *v->class_pe);
    for (uint32_t i = 0; i < p->pe_count; i++) {
        const wfc_prog_pe *pe = &p->pes[i];
        v->pe_at[(size_t)pe->y * p->target.width + pe->x] = i;
        if (pe->class_index != UINT32_MAX && v->class_pe[pe->class_index] == UINT32_MAX)
            v->class_pe[pe->class_index] = i;
    }
    return true;
}

/* Initial data lie in the bulk area on one side and in one array of the class on the other. */
static void check_data(wfc_verifier *v) {
#ifndef WFC_OFF_BOUNDS
    const wfc_program *p = v->p;
    for (uint32_t i = 0; i < p->pe_count && !wfc_verify_enough(v); i++) {
        const wfc_prog_pe *pe = &p->pes[i];
        if (pe->data_count == 0) continue;
        const wfc_prog_class *c = &p->classes[pe->class_index]; /* the shape check wants one */
        for (uint32_t k = 0; k < pe->data_count && !wfc_verify_enough(v); k++) {
            const wfc_prog_data *d = &p->data[pe->data_first + k];
            const wfc_prog_array *a = wfc_verify_array_at(c, d->addr);
            if (d->bulk_offset > p->bulk_bytes || d->bytes > p->bulk_bytes - d->bulk_offset)
                wfc_verify_error(v, WFC_ERR_INPUT, "WFC-E1313", i, c->name, "data row %u reads beyond the bulk data",
                                 pe->data_first + k);
            if (d->bytes == 0 || !a || d->bytes > (uint32_t)a->bytes - (d->addr - a->addr))
                wfc_verify_error(v, WFC_ERR_INPUT, "WFC-E1313", i, c->name,
                                 "data row %u (%u bytes at %u) is empty or does not lie in one array",
                                 pe->data_first + k, d->bytes, d->addr);
        }
    }
#else
    (void)v;
#endif
}

static void check_classes(wfc_verifier *v) {
    for (uint32_t i = 0; i < v->p->class_count && !wfc_verify_enough(v); i++) wfc_verify_class(v, i);
}

wfc_status wfc_program_verify(const wfc_program *p, wfc_diag *diag) {
    wfc_verifier v = {.p = p, .diag = diag, .status = WFC_OK};
    wfc_verify_shape(&v);
    if (v.errors) return v.status;
    if (build_maps(&v)) {
        check_classes(&v);
        if (!v.errors) wfc_verify_routers(&v);
        if (!v.errors) wfc_verify_tensors(&v);
        if (!v.errors) wfc_verify_links(&v);
        if (!v.errors) check_data(&v);
    } else {
        v.status = wfc_fail_memory(diag);
    }
    wfc_free(v.pe_at);
    wfc_free(v.class_pe);
    return v.status;
}
