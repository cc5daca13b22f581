/* Every invariant of a graph, checked by the same records that build it. */
#include "ir/op.h"
#include <string.h>

static wfc_status check_node(const wfc_graph *g, uint32_t i, wfc_diag *diag) {
    const wfc_node *n = &g->nodes.data[i];
    const wfc_core_record *rec = wfc_core_lookup(n->op);
    if (!n->name || !n->name[0]) return wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0260", NULL, "node %u has no name", i);
    if (!rec) return wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0200", n->name, "core op %u does not exist", n->op);
    if (n->operand_count < rec->min_operands || n->operand_count > rec->max_operands ||
        (uint64_t)n->operand_first + n->operand_count > g->operands.count)
        return wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0203", n->name, "%s with %u operands from slot %u of %zu",
                        rec->name, n->operand_count, n->operand_first, g->operands.count);
    const wfc_value *operands = n->operand_count ? &g->operands.data[n->operand_first] : NULL;
    for (uint32_t k = 0; k < n->operand_count; k++)
        if (operands[k].i >= i)
            return wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0261", n->name,
                            "operand %u is node %u, which does not come before node %u", k, operands[k].i, i);
    if (n->shape.rank > WFC_IR_MAX_RANK)
        return wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0201", n->name, "rank %u", n->shape.rank);
    wfc_ir_site site = {g, n, operands, n->operand_count, n->name, diag};
    uint8_t dtype = 0;
    wfc_shape shape = {0};
    WFC_TRY(rec->infer(&site, &dtype, &shape));
    WFC_TRY(wfc_shape_check(&shape, n->name, diag));
    if (dtype != n->dtype || !wfc_shape_eq(&shape, &n->shape))
        return wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0262", n->name,
                        "type or shape of %s is not the one that its operands and attributes give", rec->name);
    for (uint32_t k = 0; k < n->loc_count; k++)
        if (!n->locs || !n->locs[k]) return wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0263", n->name, "location missing");
    return WFC_OK;
}

static wfc_status check_names(const wfc_graph *g, wfc_diag *diag) {
    size_t capacity = 64;
    while (capacity < 2 * g->nodes.count + 2) capacity *= 2;
    const char **slots = wfc_calloc(capacity, sizeof *slots);
    wfc_status s = slots ? WFC_OK : wfc_fail_memory(diag);
    for (size_t i = 0; s == WFC_OK && i < g->nodes.count; i++) {
        const char *name = g->nodes.data[i].name;
        uint64_t h = 1469598103934665603u;
        for (const char *p = name; *p; p++) h = (h ^ (unsigned char)*p) * 1099511628211u;
        size_t at = (size_t)(h ^ h >> 29) & (capacity - 1);
        for (; slots[at] && s == WFC_OK; at = (at + 1) & (capacity - 1))
            if (strcmp(slots[at], name) == 0)
                s = wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0264", name, "two nodes have this name");
        slots[at] = name;
    }
    wfc_free(slots);
    return s;
}

/* A group is made of contracts, reduces and maps; one of its values, the last, is used outside or is an output. */
static wfc_status check_groups(const wfc_graph *g, wfc_diag *diag) {
    uint32_t most = 0;
    for (size_t i = 0; i < g->nodes.count; i++)
        if (g->nodes.data[i].group > most) most = g->nodes.data[i].group;
    if (most == 0) return WFC_OK;
    if (most > g->nodes.count)
        return wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0267", g->name, "group %u of a graph of %zu nodes", most,
                        g->nodes.count);
    uint32_t *last = wfc_calloc(most + 1u, sizeof *last); /* node + 1 */
    if (!last) return wfc_fail_memory(diag);
    wfc_status s = WFC_OK;
    for (uint32_t i = 0; i < g->nodes.count; i++) last[g->nodes.data[i].group] = i + 1;
    for (uint32_t i = 0; s == WFC_OK && i < g->nodes.count; i++) {
        const wfc_node *n = &g->nodes.data[i];
        if (n->group && n->op != WFC_CORE_CONTRACT && n->op != WFC_CORE_REDUCE && n->op != WFC_CORE_MAP)
            s = wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0268", n->name, "%s in group %u", wfc_core_op_name(n->op),
                         n->group);
        for (uint32_t k = 0; s == WFC_OK && k < n->operand_count; k++) {
            const wfc_node *o = &g->nodes.data[g->operands.data[n->operand_first + k].i];
            if (o->group && o->group != n->group && &g->nodes.data[last[o->group] - 1] != o)
                s = wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0269", o->name, "used outside of group %u by %s", o->group,
                             n->name);
        }
    }
    for (size_t i = 0; s == WFC_OK && i < g->outputs.count; i++) {
        const wfc_node *o = &g->nodes.data[g->outputs.data[i].value.i];
        if (o->group && &g->nodes.data[last[o->group] - 1] != o)
            s = wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0269", o->name, "an output from within group %u", o->group);
    }
    wfc_free(last);
    return s;
}

wfc_status wfc_ir_verify(const wfc_graph *g, wfc_diag *diag) {
    for (size_t i = 0; i < g->nodes.count; i++) WFC_TRY(check_node(g, (uint32_t)i, diag));
    WFC_TRY(check_names(g, diag));
    for (size_t i = 0; i < g->outputs.count; i++) {
        const wfc_ir_output *o = &g->outputs.data[i];
        if (o->value.i >= g->nodes.count || !o->host_name)
            return wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0265", o->host_name, "output %zu names no value", i);
    }
    WFC_TRY(check_groups(g, diag));
    if (g->samples == 0) return wfc_fail(diag, WFC_ERR_INTERNAL, "WFC-E0266", g->name, "a stream of 0 samples");
    return WFC_OK;
}
