/* Why a run stopped, in words: PE, layer, task or microthread, pc, colour, n of m words, and where the words wait. */
#include "runtime/sim/engine.h"

#include <stdarg.h>
#include <stdio.h>

enum { MAX_BLOCKED = 16, MAX_TRACE = 4096 };

/* Several PEs may trap in one cycle; the first in program order is reported, whatever the order of visits. */
void sim_trap(wfc_engine *e, const pe *p, unsigned ctx, uint32_t pc, const char *fmt, ...) {
    uint32_t node = (uint32_t)(p - e->pes);
    if (e->trap.set && e->trap.node <= node) return;
    e->trap = (trap_info){.set = true, .node = node, .ctx = (uint8_t)ctx, .pc = pc, .task = p->task};
    if (p->info && ctx < p->info->contexts && ctx != NONE8 && (p->live >> ctx & 1)) e->trap.task = p->ctx[ctx].task;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(e->trap.text, sizeof e->trap.text, fmt, ap);
    va_end(ap);
}

static const char *layer_name(const wfc_engine *e, uint32_t node) {
    uint32_t layer = e->p->pes[node].layer;
    return layer < e->p->layer_count && e->p->layers[layer].name ? e->p->layers[layer].name : "-";
}

typedef struct place {
    char text[96];
} place;

static place pe_place(const wfc_engine *e, uint32_t node) {
    place s;
    snprintf(s.text, sizeof s.text, "PE (%u, %u) layer %.60s", e->p->pes[node].x, e->p->pes[node].y,
             layer_name(e, node));
    return s;
}

static place context_name(unsigned k, unsigned task) {
    place s;
    if (k == 0)
        snprintf(s.text, sizeof s.text, "task %u", task);
    else if (k < WFC_NUM_CONTEXTS)
        snprintf(s.text, sizeof s.text, "microthread ut%u (from task %u)", k, task);
    else
        snprintf(s.text, sizeof s.text, "router");
    return s;
}

static const char *mnemonic_at(const pe *p, uint32_t pc) {
    if (!p->info || pc >= p->info->cls->insn_count) return "?";
    return wfc_isa_lookup(p->info->cls->insns[pc].op)->mnemonic;
}

wfc_status explain_trap(wfc_engine *e) {
    const trap_info *t = &e->trap;
    const pe *p = &e->pes[t->node];
    place where = pe_place(e, t->node), who = context_name(t->ctx, t->task);
    if (t->ctx == NONE8)
        return wfc_fail(e->diag, WFC_ERR_STOPPED, "WFC-E0610", where.text, "trap in cycle %llu, router: %s",
                        (unsigned long long)e->now, t->text);
    return wfc_fail(e->diag, WFC_ERR_STOPPED, "WFC-E0610", where.text, "trap in cycle %llu, %s, pc %u (%s): %s",
                    (unsigned long long)e->now, who.text, t->pc, mnemonic_at(p, t->pc), t->text);
}

static int colour_of_in_queue(const pe *p, unsigned queue) {
    for (uint32_t i = 0; i < p->info->cls->in_count; i++)
        if (p->info->cls->in_queues[i].queue == queue) return p->info->cls->in_queues[i].colour;
    return -1;
}

/* The router channel with words of this colour that is nearest upstream of `node`, walking against the routes; NONE32
 * when no word is on its way. */
static uint32_t find_upstream(const wfc_engine *e, uint32_t node, unsigned colour) {
    uint32_t queue[MAX_TRACE], count = 0;
    queue[count++] = node;
    for (uint32_t i = 0; i < count; i++) {
        const router *r = &e->routers[queue[i]];
        unsigned slot = r->set ? r->set->slot_of[colour] : NONE8;
        if (slot == NONE8) continue;
        for (unsigned port = 0; port < WFC_PORTS; port++) {
            unsigned local = r->set->slots[slot].local[port];
            if (local == NONE8) continue;
            uint32_t c = r->chan0 + local;
            if (e->chans[c].count) return c;
            uint32_t from = e->chans[c].pusher / 2;
            if (port == WFC_PORT_R || e->chans[c].pusher >= 2 * e->nodes || (e->chans[c].pusher & 1)) continue;
            bool seen = false;
            for (uint32_t k = 0; k < count && !seen; k++) seen = queue[k] == from;
            if (!seen && count < MAX_TRACE) queue[count++] = from;
        }
    }
    return NONE32;
}

/* The channel that keeps the head of router channel c from going on; NONE32 with a reason in `why` when it is not room.
 */
static uint32_t find_obstacle(const wfc_engine *e, uint32_t c, place *why) {
    const chan *ch = &e->chans[c];
    uint32_t node = ch->popper / 2;
    const router *r = &e->routers[node];
    unsigned slot = r->set->local_slot[ch->local], port = r->set->local_port[ch->local];
    const slot_state *st = &e->slots[r->slot0 + slot];
    unsigned out = r->set->slots[slot].route->out[st->position][port];
    if (out == 0) {
        snprintf(why->text, sizeof why->text, "not accepted in switch position %u", st->position);
        return NONE32;
    }
    for (unsigned p = 0; p < WFC_PORTS; p++)
        if ((out & WFC_PORT_BIT(p)) && st->dst[p] < DST_COLLECT &&
            e->chans[st->dst[p]].count == e->chans[st->dst[p]].cap)
            return st->dst[p];
    snprintf(why->text, sizeof why->text, "free to go");
    return NONE32;
}

static void print_chan(const wfc_engine *e, uint32_t c, char *out, size_t n) {
    const chan *ch = &e->chans[c];
    const wfc_prog_pe *pp = &e->p->pes[ch->popper / 2];
    const route_set *set = e->routers[ch->popper / 2].set;
    if (ch->colour == NONE8)
        snprintf(out, n, "input queue %u of PE (%u, %u), %u words%s", e->pes[ch->popper / 2].info->in_queue[ch->local],
                 pp->x, pp->y, ch->count, ch->count == ch->cap ? ", full" : "");
    else
        snprintf(out, n, "router (%u, %u) colour %u from port %c, %u words%s", pp->x, pp->y, ch->colour,
                 "NESWR"[set->local_port[ch->local]], ch -> count, ch -> count == ch -> cap ? ", full" : "");
}

/* Follows full channels from c to what holds them up: a queue that nobody reads, a switch, or a circle. */
static void trace_obstacle(const wfc_engine *e, uint32_t c, char *out, size_t n) {
    char at[128];
    place why = {""};
    uint32_t start = c, steps = 0;
    while (e->chans[c].colour != NONE8 && steps++ < MAX_TRACE) {
        uint32_t next = find_obstacle(e, c, &why);
        if (next == NONE32) break;
        c = next;
        if (c == start) {
            snprintf(why.text, sizeof why.text, "the words wait for each other in a circle");
            break;
        }
    }
    print_chan(e, c, at, sizeof at);
    if (e->chans[c].colour == NONE8)
        snprintf(out, n, "%s that nobody reads", at);
    else
        snprintf(out, n, "%s: %s", at, why.text);
}

static void explain_input(const wfc_engine *e, uint32_t node, const context *c, char *out, size_t n) {
    const pe *p = &e->pes[node];
    const operand *os[2] = {&c->a, &c->b};
    size_t used = 0;
    for (unsigned i = 0; i < 2 && used < n; i++) {
        const operand *o = os[i];
        if (o->kind != OPND_IN || e->chans[o->chan].count) continue;
        int colour = colour_of_in_queue(p, o->queue);
        uint32_t up = colour < 0 ? NONE32 : find_upstream(e, node, (unsigned)colour);
        char where[256] = "no word of this colour is on its way";
        if (up != NONE32) trace_obstacle(e, up, where, sizeof where);
        int w = snprintf(out + used, n - used, "%swaits for input on queue %u, colour %d, %u of %u words came; %s%s",
                         used ? "; " : "", o->queue, colour, c->words_done, c->words_total,
                         up == NONE32 ? "" : "words wait at ", where);
        used += w > 0 ? (size_t)w : 0;
    }
}

static void explain_context(wfc_engine *e, uint32_t node, unsigned k) {
    const pe *p = &e->pes[node];
    const context *c = &p->ctx[k];
    char text[640] = "waits";
    bool no_input = false;
    if (p->mode[k] == CTX_WAIT || p->mode[k] == CTX_ISSUE) {
        snprintf(text, sizeof text, "waits for microthread ut%u", c->insn->c);
    } else if (p->mode[k] == CTX_VEC && !queue_ready(e, p, c, &no_input) && no_input) {
        explain_input(e, node, c, text, sizeof text);
    } else if (p->mode[k] == CTX_VEC && c->d.kind == OPND_OUT) {
        char where[256];
        trace_obstacle(e, c->d.chan, where, sizeof where);
        snprintf(text, sizeof text,
                 "waits for space on output queue %u, colour %u, %u of %u words sent; words wait at %s", c->d.queue,
                 e->chans[c->d.chan].colour, c->words_done, c->words_total, where);
    }
    place at = pe_place(e, node), who = context_name(k, c->task);
    wfc_diag_add(e->diag, WFC_NOTE, "WFC-N0611", at.text, "%s, pc %u (%s) %s", who.text, c->pc, mnemonic_at(p, c->pc),
                 text);
}

/* Main waiting for its own microthread tells nothing that the microthread's line does not; it is listed all the same,
 * because people look for the task first. */
static uint32_t list_blocked(wfc_engine *e) {
    uint32_t blocked = 0;
    for (uint32_t i = 0; i < e->nodes; i++) {
        if (!e->pes[i].info) continue;
        uint32_t before = blocked;
        for (unsigned k = 0; k < e->pes[i].info->contexts; k++) {
            if (!(e->pes[i].live >> k & 1)) continue;
            if (before < MAX_BLOCKED) explain_context(e, i, k);
            blocked = before + 1;
        }
    }
    if (blocked > MAX_BLOCKED)
        wfc_diag_add(e->diag, WFC_NOTE, "WFC-N0611", "", "and %u more PEs", blocked - MAX_BLOCKED);
    return blocked;
}

static void list_streams(wfc_engine *e) {
    uint32_t listed = 0;
    for (uint32_t i = 0; i < e->in_count && listed < MAX_BLOCKED; i++) {
        const in_stream *s = &e->ins[i];
        if (s->next == s->total) continue;
        char where[256];
        trace_obstacle(e, s->chan, where, sizeof where);
        wfc_diag_add(e->diag, WFC_NOTE, "WFC-N0612", "",
                     "input stream %u: %llu of %llu words injected; words wait at %s", i, (unsigned long long)s->next,
                     (unsigned long long)s->total, where);
        listed++;
    }
    for (uint32_t i = 0; i < e->out_count && listed < 2 * MAX_BLOCKED; i++) {
        const out_stream *s = &e->outs[i];
        if (s->next == s->total) continue;
        wfc_diag_add(e->diag, WFC_NOTE, "WFC-N0612", "",
                     "output stream %u (%s edge, row %u, colour %u): %llu of %llu words collected", i,
                     s->side == WFC_SIDE_WEST ? "west" : "east", s->row, s->colour, (unsigned long long)s->next,
                     (unsigned long long)s->total);
        listed++;
    }
}

static uint32_t count_blocked(const wfc_engine *e) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < e->nodes; i++) n += e->pes[i].live != 0;
    return n;
}

wfc_status explain_deadlock(wfc_engine *e) {
    uint64_t want = 0;
    for (uint32_t i = 0; i < e->out_count; i++) want += e->outs[i].total;
    e->now++; /* the credits of the last cycle have arrived */
    wfc_status s =
        wfc_fail(e->diag, WFC_ERR_STOPPED, "WFC-E0611", "",
                 "deadlock: nothing can happen after cycle %llu; %u PEs are blocked, %llu of %llu output words "
                 "collected; the notes say where each waits",
                 (unsigned long long)(e->last_action ? e->last_action - 1 : 0), count_blocked(e),
                 (unsigned long long)e->result->words_collected, (unsigned long long)want);
    list_blocked(e);
    list_streams(e);
    return s;
}

wfc_status explain_limit(wfc_engine *e, uint64_t limit) {
    wfc_status s =
        wfc_fail(e->diag, WFC_ERR_STOPPED, "WFC-E0612", "",
                 "stopped by the limit of %llu cycles; raise it if the program needs more", (unsigned long long)limit);
    list_streams(e);
    return s;
}

wfc_status explain_silence(wfc_engine *e) {
    return wfc_fail(e->diag, WFC_ERR_STOPPED, "WFC-E0613", "",
                    "no word has moved for %llu cycles while PEs go on computing: the program spins",
                    (unsigned long long)SILENT_CYCLES);
}

wfc_status explain_extra_word(wfc_engine *e) {
    const out_stream *s = &e->outs[e->extra_stream];
    return wfc_fail(e->diag, WFC_ERR_STOPPED, "WFC-E0614", "",
                    "output stream %u (%s edge, row %u, colour %u) got more than its %llu words, in cycle %llu",
                    s->index, s->side == WFC_SIDE_WEST ? "west" : "east", s->row, s->colour,
                    (unsigned long long)s->total, (unsigned long long)e->now);
}
