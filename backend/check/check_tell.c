/* What a node of the event graph stands for, in words. */
#include "backend/check/check_internal.h"

void wfc_be_chk_tell_node(const wfc_chk *c, uint32_t node, wfc_buf *out) {
    uint32_t piece = 0, local;
    if (node >= c->extra_base) node = wfc_be_chk_extra_op(c, node, &piece);
    uint32_t at = wfc_be_chk_node_pe(c, node, &local);
    if (at == WFC_CHK_NONE) {
        wfc_buf_printf(out, "the host sends an input stream");
        return;
    }
    const wfc_chk_trace *t = &c->traces[c->trace_of[at]];
    const wfc_prog_pe *pe = &c->p->pes[at];
    const wfc_chk_node *n = &t->nodes.data[local];
    const wfc_chk_event *e = &t->events.data[n->event];
    wfc_buf_printf(out, "PE (%u,%u)", (unsigned)pe->x, (unsigned)pe->y);
    if (pe->layer < c->p->layer_count && c->p->layers[pe->layer].name)
        wfc_buf_printf(out, " [%s]", c->p->layers[pe->layer].name);
    if (e->kind == WFC_CHK_WAIT) {
        wfc_buf_printf(out, " waits for microthread %u", (unsigned)e->ut);
        return;
    }
    bool in = e->in_queue != WFC_CHK_NO_QUEUE, out_too = e->out_queue != WFC_CHK_NO_QUEUE;
    const char *start = e->kind == WFC_CHK_ISSUE && n->role == WFC_CHK_MAIN ? " starts to" : "";
    if (in) wfc_buf_printf(out, "%s receive %u words of colour %u", start, e->in_words, t->in[e->in_queue].colour);
    if (in && out_too) wfc_buf_printf(out, " and");
    if (out_too) wfc_buf_printf(out, "%s send %u words on colour %u", start, e->out_words, t->out[e->out_queue].colour);
    if (!in && !out_too) wfc_buf_printf(out, "%s run microthread %u", start, (unsigned)e->ut);
    wfc_buf_printf(out, " (instruction %u", (unsigned)e->pc);
    if (piece) wfc_buf_printf(out, ", up to word %u", (unsigned)piece);
    wfc_buf_printf(out, ")");
}
