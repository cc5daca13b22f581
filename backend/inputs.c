/* Host inputs: which element enters at which port of the west edge, and in which order.
 *
 * Taken as the first reader asks where that injects each element exactly once at a row with a port. Else each element
 * enters near the middle of the rows that need it, as far as no port gets more words than a sample's time has room for,
 * in the order of the reader. What nobody needs is injected as well and filtered there: dealt over the ports that
 * somebody listens to, in front of what is needed, so that no sample is done before it has come in whole. */
#include <string.h>

#include "backend/be.h"

/* Ports outside the region's rows are not used: no adapter reaches them. */
static bool in_region(const wfc_be *be, uint32_t row) {
    return row >= be->region.y && row < be->region.y + be->region.h;
}

uint32_t wfc_be_port_count(const wfc_be *be, unsigned side) {
    uint32_t n = 0;
    for (unsigned i = 0; i < be->t->io_count[side]; i++) n += in_region(be, be->t->io_rows[side][i]);
    return n;
}

bool wfc_be_has_port(const wfc_be *be, unsigned side, uint32_t row) {
    for (unsigned i = 0; i < be->t->io_count[side]; i++) {
        if (be->t->io_rows[side][i] == row) return true;
    }
    return false;
}

uint32_t wfc_be_nearest_port(const wfc_be *be, unsigned side, uint32_t row) {
    uint32_t best = 0, best_d = UINT32_MAX;
    for (unsigned i = 0; i < be->t->io_count[side]; i++) {
        uint32_t p = be->t->io_rows[side][i], d = p > row ? p - row : row - p;
        if (!in_region(be, p)) continue;
        if (d < best_d) {
            best = p;
            best_d = d;
        }
    }
    return best;
}

/* First and last row whose reader needs each element; UINT16_MAX: none. */
typedef struct readers {
    uint16_t *first, *last;      /* [elements] */
    uint64_t n, needed, longest; /* elements, those that a row needs, words of the longest list */
} readers;

/* Looks at all that is read. False: an element not once, a fill, or a row without a port. */
static bool mark_read(const wfc_be *be, const wfc_be_list *wanted, readers *m) {
    bool exact = true;
    for (uint32_t r = 0; r < be->height; r++) {
        const wfc_be_list *l = &wanted[r];
        if (l->count && !wfc_be_has_port(be, WFC_SIDE_WEST, r)) exact = false;
        if (l->count > m->longest) m->longest = l->count;
        for (uint32_t i = 0; i < l->count; i++) {
            if (l->ids[i] < 0) {
                exact = false;
                continue;
            }
            if (m->first[l->ids[i]] == UINT16_MAX) {
                m->first[l->ids[i]] = (uint16_t)r;
                m->needed++;
            } else {
                exact = false;
            }
            m->last[l->ids[i]] = (uint16_t)r;
        }
    }
    return exact && m->needed == m->n;
}

static uint32_t middle(const readers *m, int32_t id) {
    return (m->first[id] + m->last[id]) / 2u;
}

/* Ports of the region from north to south, and up to which element, in the order of their middle rows, each takes. */
typedef struct ports {
    uint32_t *row, count;
    uint64_t *upto, *pulled; /* pulled: scratch */
    uint64_t *rank;          /* [height] of the next element with that middle row */
} ports;

static uint64_t at_most(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static uint64_t at_least(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

/* On entry upto[] is what the nearest ports would take. Words beyond `room` a port go on to the next ones, or, from
 * the other end, to the ones before; half-way between the two is within room as well, and nearer in rows. */
static void level(ports *p, uint64_t n, uint64_t room) {
    uint32_t c = p->count;
    uint64_t before = 0, after = n + room;
    for (uint32_t i = c; i-- > 0;) {
        uint64_t most = at_most(n, (i + 1) * room);
        after = p->pulled[i] = at_most(at_least(p->upto[i], after > room ? after - room : 0), most);
    }
    for (uint32_t i = 0; i < c; i++) {
        uint64_t rest = (c - 1 - i) * room, least = n > rest ? n - rest : 0;
        before = at_least(at_most(p->upto[i], before + room), least);
        p->upto[i] = (before + p->pulled[i]) / 2;
    }
}

/* Words that a port may take: an even share, or what a sample's time has room for beside what the reader is given. */
static uint64_t room_of(const wfc_be *be, const readers *m, uint32_t count) {
    uint64_t even = (m->needed + count - 1) / count, time = (uint64_t)(0.97 * be->target_cycles);
    return at_least(even, time > m->longest ? time - m->longest : 0);
}

static void share_out(const wfc_be *be, const readers *m, ports *p) {
    for (unsigned i = 0; i < be->t->io_count[WFC_SIDE_WEST]; i++) { /* rows of ports ascend */
        if (in_region(be, be->t->io_rows[WFC_SIDE_WEST][i])) p->row[p->count++] = be->t->io_rows[WFC_SIDE_WEST][i];
    }
    for (uint64_t i = 0; i < m->n; i++) {
        if (m->first[i] != UINT16_MAX) p->rank[middle(m, (int32_t)i)]++;
    }
    uint64_t sum = 0;
    uint32_t at = 0;
    for (uint32_t r = 0; r < be->height; r++) {
        uint64_t here = p->rank[r];
        while (at + 1 < p->count && wfc_be_nearest_port(be, WFC_SIDE_WEST, r) >= p->row[at + 1]) p->upto[at++] = sum;
        p->rank[r] = sum;
        sum += here;
    }
    while (at < p->count) p->upto[at++] = sum;
    level(p, m->needed, room_of(be, m, p->count));
}

/* Elements nobody needs, dealt over the ports of those that somebody needs. */
static wfc_status fill_unread(wfc_be *be, wfc_be_stream *s, const readers *m, const ports *p) {
    uint32_t at = 0;
    for (uint64_t i = 0; i < m->n; i++) {
        if (m->first[i] != UINT16_MAX) continue;
        for (uint32_t k = 0; k < p->count && m->needed; k++) { /* nothing needed: the first reader reads fills alone */
            at = (at + 1) % p->count;
            if (p->upto[at] > (at ? p->upto[at - 1] : 0)) break;
        }
        WFC_TRY(wfc_be_list_push(be, &s->rows[p->row[at]], (int32_t)i));
    }
    return WFC_OK;
}

static wfc_status fill_ports(wfc_be *be, wfc_be_stream *s, const wfc_be_list *wanted, readers *m, ports *p) {
    share_out(be, m, p);
    WFC_TRY(fill_unread(be, s, m, p));
    for (uint32_t r = 0; r < be->height; r++) {
        for (uint32_t i = 0; i < wanted[r].count; i++) {
            int32_t id = wanted[r].ids[i];
            if (id < 0 || m->first[id] != r) continue;
            uint64_t rank = p->rank[middle(m, id)]++;
            uint32_t lo = 0, hi = p->count - 1;
            while (lo < hi) {
                uint32_t mid = (lo + hi) / 2;
                if (p->upto[mid] > rank)
                    hi = mid;
                else
                    lo = mid + 1;
            }
            m->first[id] = UINT16_MAX; /* placed */
            WFC_TRY(wfc_be_list_push(be, &s->rows[p->row[lo]], id));
        }
    }
    return WFC_OK;
}

wfc_status wfc_be_input_rows(wfc_be *be, wfc_be_stream *s, const wfc_be_list *wanted) {
    readers m = {.n = wfc_shape_elems(&wfc_ir_node_c(be->g, s->tensor)->shape)};
    ports p = {0};
    uint32_t count = be->t->io_count[WFC_SIDE_WEST];
    m.first = wfc_calloc((size_t)m.n, sizeof *m.first);
    m.last = wfc_calloc((size_t)m.n, sizeof *m.last);
    p.row = wfc_calloc(count, sizeof *p.row);
    p.upto = wfc_calloc(count, sizeof *p.upto);
    p.pulled = wfc_calloc(count, sizeof *p.pulled);
    p.rank = wfc_calloc(be->height, sizeof *p.rank);
    wfc_status st = m.first && m.last && p.row && p.upto && p.pulled && p.rank ? WFC_OK : wfc_fail_memory(be->diag);
    if (st == WFC_OK) {
        memset(m.first, 0xff, (size_t)m.n * sizeof *m.first);
        if (mark_read(be, wanted, &m))
            for (uint32_t r = 0; r < be->height; r++) s->rows[r] = wanted[r];
        else
            st = fill_ports(be, s, wanted, &m, &p);
    }
    wfc_free(m.first);
    wfc_free(m.last);
    wfc_free(p.row);
    wfc_free(p.upto);
    wfc_free(p.pulled);
    wfc_free(p.rank);
    return st;
}
