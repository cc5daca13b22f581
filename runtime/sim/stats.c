/* Where the cycles of each PE go: rule 19 of docs/fabric.md. Accounting is lazy: a PE is settled when it is visited and
 * at the end of the run. */
#include "runtime/sim/engine.h"

const char *wfc_cause_name(unsigned c) {
    static const char *const names[WFC_CAUSES] = {"busy", "overhead", "no_input", "back_pressure", "bank", "idle"};
    return c < WFC_CAUSES ? names[c] : "?";
}

void wfc_sim_result_deinit(wfc_sim_result *r) {
    wfc_free(r->completion_cycles);
    wfc_free(r->layer_cause);
    wfc_free(r->layer_macs_executed);
    *r = (wfc_sim_result){0};
}

wfc_status stats_init(wfc_engine *e) {
    wfc_sim_result *r = e->result;
    r->layer_cause = wfc_calloc(e->p->layer_count, sizeof *r->layer_cause);
    r->layer_macs_executed = wfc_calloc(e->p->layer_count, sizeof *r->layer_macs_executed);
    return r->layer_cause && r->layer_macs_executed ? WFC_OK : wfc_fail_memory(e->diag);
}

void stats_settle_group(pe *p, uint64_t until, uint64_t *cause) {
    uint64_t from = p->accounted, busy_end = p->group_cycle + p->group_busy;
    uint64_t to = until < p->datapath_free ? until : p->datapath_free;
    if (to <= from) return;
    uint64_t busy = busy_end <= from ? 0 : (busy_end < to ? busy_end : to) - from;
    cause[WFC_CAUSE_BUSY] += busy;
    cause[WFC_CAUSE_BANK] += to - from - busy;
    p->accounted = to;
}

/* Starts the groups that a batch has run before `until`, but the last one: that is executed by a visit. */
static void catch_up(pe *p, uint64_t until, uint64_t *cause) {
    context *c = &p->ctx[p->batch];
    if (until <= p->datapath_free) return;
    uint64_t span = until - p->datapath_free, cycles = c->cycles_per_group;
    uint64_t groups = span / cycles + (span % cycles != 0);
    if (groups > c->groups_left - 1u) groups = c->groups_left - 1u;
    if (groups == 0) return;
    stats_settle_group(p, p->datapath_free, cause);
    cause[WFC_CAUSE_BUSY] += (groups - 1) * p->group_busy;
    cause[WFC_CAUSE_BANK] += (groups - 1) * (cycles - p->group_busy);
    c->groups_left -= (uint32_t)groups;
    p->group_cycle = p->accounted = p->datapath_free + (groups - 1) * cycles;
    p->datapath_free = p->group_cycle + cycles;
}

void stats_settle(wfc_engine *e, pe *p, uint64_t until) {
    if (until <= p->accounted) return;
    uint64_t unused[WFC_CAUSES];
    uint64_t *cause = p->layer < e->p->layer_count ? e->result->layer_cause[p->layer] : unused;
    if (cause == unused)
        for (unsigned i = 0; i < WFC_CAUSES; i++) unused[i] = 0;
    if (p->batch != NONE8) catch_up(p, until, cause);
    stats_settle_group(p, until, cause);
    if (until > p->accounted) {
        cause[p->lost] += until - p->accounted;
        p->accounted = until;
    }
}

void stats_finish(wfc_engine *e) {
    uint64_t with_code = 0;
    for (uint32_t i = 0; i < e->nodes; i++) {
        pe *p = &e->pes[i];
        if (!p->info) continue;
        with_code++;
        e->result->pe_active += p->ran;
        stats_settle(e, p, e->result->cycles);
    }
    e->result->pe_cycles = with_code * e->result->cycles;
}
