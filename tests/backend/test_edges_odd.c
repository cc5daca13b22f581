/* Odd graphs one by one: each is right, or refused with a message that names the node. */
#include <stdio.h>
#include <string.h>

#include "tests/backend/edges_rig.h"

#define IN(name, shape) "  input %" name " : f32[" shape "] host=\"" name "\" hosttype=1\n"
#define OUT(name) "  output %" name " host=\"" name "\" hosttype=1\n"
#define GRAPH(body) "wfc.ir 1\ngraph @odd {\n" body "}\n"

typedef struct odd {
    const char *what, *text;
    gen_match match;
    const char *refused; /* part of the message; NULL: runs and is right */
    bool bad_pe, or_right;
} odd;

static const odd cases[] = {
    {"a scalar through a map", GRAPH(IN("x", "") "  %y = map(%x) {\"max(a,0)\"} : f32[] loc(\"n\")\n" OUT("y")),
     GEN_BITS, NULL, false, false},
    {"an input as output", GRAPH(IN("x", "3,4") OUT("x")), GEN_BITS, NULL, false, false},
    {"a reflected pad of an input as output",
     GRAPH(IN("x", "3,4") "  %y = view(%x) {index [5,7] from=\"i-1 j-2\" reflect} : f32[5,7] loc(\"n\")\n" OUT("y")),
     GEN_BITS, NULL, false, false},
    {"one value as two outputs",
     GRAPH(IN("x", "3,4") "  %y = map(%x) {\"neg(a)\"} : f32[3,4] loc(\"n\")\n" OUT(
         "y") "  output %y host=\"z\" hosttype=1\n"),
     GEN_BITS, NULL, false, false},
    {"an output, its transpose and a part of it",
     GRAPH(IN("x", "3,4") "  %y = map(%x) {\"neg(a)\"} : f32[3,4] loc(\"n\")\n"
                          "  %t = view(%y) {index [4,3] from=\"j i\"} : f32[4,3]\n"
                          "  %p = view(%y) {index [2,2] from=\"2i j+1\"} : f32[2,2]\n" OUT("y") OUT("t") OUT("p")),
     GEN_BITS, NULL, false, false},
    {"a tensor plus its transpose, twice",
     GRAPH(IN("x", "4,4") "  %y = map(%x) {\"neg(a)\"} : f32[4,4] loc(\"n\")\n"
                          "  %t = view(%y) {index [4,4] from=\"j i\"} : f32[4,4]\n"
                          "  %z = map(%y, %t, %y, %t) {\"sub(add(a,b),min(c,d))\"} : f32[4,4] loc(\"m\")\n" OUT("z")),
     GEN_EXACT, NULL, false, false},
    {"operands that broadcast each other",
     GRAPH(IN("x", "5,1") IN("y", "1,6") "  %z = map(%x, %y) {\"add(a,b)\"} : f32[5,6] loc(\"n\")\n" OUT("z")),
     GEN_EXACT, NULL, false, false},
    {"a row plus a larger constant",
     GRAPH(IN("x", "3") "  const %c : f32[2,3] = {1,2,3,4,5,6}\n"
                        "  %z = map(%x, %c) {\"add(a,b)\"} : f32[2,3] loc(\"n\")\n" OUT("z")),
     GEN_EXACT, NULL, false, false},
    {"a product of one column",
     GRAPH(IN("x", "5,4") "  const %w : f32[4,1] = {1,-2,3,0.5}\n"
                          "  %z = contract(%x, %w) {out=\"n k\", a=\"n c\", b=\"c k\", red=\"c=4\"} : f32[5,1] "
                          "loc(\"n\")\n" OUT("z")),
     GEN_EXACT, NULL, false, false},
    {"a convolution that reads nothing but pads",
     GRAPH(IN("x", "1,1,2,2") "  const %w : f32[2,1,1,1] = {1,-2}\n"
                              "  %z = contract(%x, %w) {out=\"n k y x\", a=\"n c y+5 x+9\", b=\"k c r s\", red=\"c=1 "
                              "r=1 s=1\"} : f32[1,2,2,3] loc(\"n\")\n" OUT("z")),
     GEN_EXACT, NULL, false, false},
    {"products of all elements",
     GRAPH(IN("x", "3,4") "  %y = reduce(%x) {prod, out=\"i\", a=\"i c\", red=\"c=4\"} : f32[3] loc(\"n\")\n" OUT("y")),
     GEN_CLOSE, NULL, false, false},
    {"seven tensors in one expression",
     GRAPH(IN("a", "4") IN("b", "4") IN("c", "4") IN("d", "4") IN("e", "4") IN("f", "4") IN(
         "g", "4") "  %z = map(%a, %b, %c, %d, %e, %f, %g) {\"add(add(add(a,b),add(c,d)),add(add(e,f),g))\"} : f32[4] "
                   "loc(\"sum7\")\n" OUT("z")),
     GEN_EXACT, "sum7", false, false},
    {"six tensors in one expression",
     GRAPH(IN("a", "4") IN("b", "4") IN("c", "4") IN("d", "4") IN("e", "4")
               IN("f", "4") "  %z = map(%a, %b, %c, %d, %e, %f) {\"add(add(add(a,b),add(c,d)),add(e,f))\"} : f32[4] "
                            "loc(\"sum6\")\n" OUT("z")),
     GEN_EXACT, NULL, false, false},
    {"a sum of nine tensors, one after the other",
     GRAPH(IN("a", "4") IN("b", "4") IN("c", "4") IN("d", "4") IN("e", "4") IN("f", "4") IN("g", "4") IN("h", "4")
               IN("i", "4") "  %p = map(%a, %b) {\"add(a,b)\"} : f32[4] loc(\"p\")\n"
                            "  %q = map(%p, %c) {\"add(a,b)\"} : f32[4] loc(\"q\")\n"
                            "  %r = map(%q, %d) {\"add(a,b)\"} : f32[4] loc(\"r\")\n"
                            "  %s = map(%r, %e) {\"add(a,b)\"} : f32[4] loc(\"s\")\n"
                            "  %t = map(%s, %f) {\"add(a,b)\"} : f32[4] loc(\"t\")\n"
                            "  %u = map(%t, %g) {\"add(a,b)\"} : f32[4] loc(\"u\")\n"
                            "  %v = map(%u, %h) {\"add(a,b)\"} : f32[4] loc(\"v\")\n"
                            "  %w = map(%v, %i) {\"add(a,b)\"} : f32[4] loc(\"w\")\n" OUT("w")),
     GEN_EXACT, NULL, false, false},
    {"a product with five joins behind it",
     GRAPH(IN("x", "4,6") IN("b", "4,5") IN("c", "4,5") IN("d", "4,5") IN("e", "5") IN(
         "f", "4,5") "  const %k : f32[6,5] = {1,2,3,4,5,6,7,8,9,1,1,2,3,4,5,6,7,8,9,1,1,2,3,4,5,6,7,8,9,1}\n"
                     "  %p = contract(%x, %k) {out=\"n k\", a=\"n c\", b=\"c k\", red=\"c=6\"} : f32[4,5] loc(\"p\")\n"
                     "  %q = map(%p, %b) {\"add(a,b)\"} : f32[4,5] loc(\"q\")\n"
                     "  %r = map(%q, %c) {\"add(a,b)\"} : f32[4,5] loc(\"r\")\n"
                     "  %s = map(%r, %d) {\"add(a,b)\"} : f32[4,5] loc(\"s\")\n"
                     "  %t = map(%s, %e) {\"add(a,b)\"} : f32[4,5] loc(\"t\")\n"
                     "  %u = map(%t, %f) {\"add(a,b)\"} : f32[4,5] loc(\"u\")\n" OUT("u")),
     GEN_EXACT, NULL, false, false},
    {"more broadcast axes than a descriptor has",
     GRAPH(IN("x", "2,3,2,3,2,3,2,3") IN(
         "y", "2,1,2,1,2,1,2,1") "  %z = map(%x, %y) {\"add(a,b)\"} : f32[2,3,2,3,2,3,2,3] loc(\"broad\")\n" OUT("z")),
     GEN_EXACT, "broad", false, true},
    {"coordinates as values",
     GRAPH(IN("x", "4,5") "  %z = map(%x) {\"add(a,index(1))\"} : f32[4,5] loc(\"ramp\")\n" OUT("z")), GEN_EXACT,
     "ramp", false, false},
    {"concatenation at run time",
     GRAPH(IN("x", "2,3") "  %z = concat(%x, %x) {axis=1} : f32[2,6] loc(\"cat\")\n" OUT("z")), GEN_BITS, "cat", false,
     true}, /* right after the default passes, which rewrite it */
    {"whole numbers",
     GRAPH("  input %x : i32[4] host=\"x\" hosttype=6\n  %z = map(%x) {\"neg(a)\"} : i32[4] loc(\"ints\")\n  output %z "
           "host=\"z\" hosttype=6\n"),
     GEN_BITS, "ints", false, false},
    {"half precision",
     GRAPH(IN("x", "4") "  %z = map(%x) {\"neg(a)\"} : f16[4] loc(\"halves\")\n  output %z host=\"z\" hosttype=10\n"),
     GEN_BITS, "halves", false, false},
    {"an output that is a constant",
     GRAPH(IN("x", "4") "  const %c : f32[2] = {1,2}\n  %y = map(%x) {\"neg(a)\"} : f32[4] loc(\"n\")\n" OUT("y")
               OUT("c")),
     GEN_BITS, "c: this output", false, false},
    {"an input that nothing reads",
     GRAPH(IN("x", "4") IN("y", "4") "  %z = map(%x) {\"neg(a)\"} : f32[4] loc(\"n\")\n" OUT("z")), GEN_BITS,
     "y: this input", false, false},
    {"no elements", GRAPH(IN("x", "0,4") "  %z = map(%x) {\"neg(a)\"} : f32[0,4] loc(\"none\")\n" OUT("z")), GEN_BITS,
     "none", false, false},
    {"the constant in front",
     GRAPH(IN("x", "3,2") "  const %w : f32[2,3] = {1,2,3,4,5,6}\n"
                          "  %z = contract(%w, %x) {out=\"n k\", a=\"n c\", b=\"c k\", red=\"c=3\"} : f32[2,2] "
                          "loc(\"left\")\n" OUT("z")),
     GEN_EXACT, "left", false, false},
    {"a defective PE in the way", GRAPH(IN("x", "8,8") "  %y = map(%x) {\"neg(a)\"} : f32[8,8] loc(\"n\")\n" OUT("y")),
     GEN_BITS, "defective", true, true},
};

static bool check(const odd *c, uint64_t seed, rig_tally *t) {
    char message[512] = "";
    rig_options o = {.seed = seed,
                     .text = c->text,
                     .match = c->match,
                     .bad_pe = {2, 2},
                     .has_bad_pe = c->bad_pe,
                     .least_height = 8,
                     .most_height = 12,
                     .least_width = 30,
                     .most_width = 40,
                     .random_splits = seed % 2 == 1,
                     .all_ports = true,
                     .jitters = 1,
                     .message = message};
    rig_outcome out = rig_check(&o, t);
    if (out == RIG_OK && c->or_right) return true;
    if (c->refused ? out != RIG_OK && out != RIG_FAILED && strstr(message, c->refused) : out == RIG_OK) return true;
    fprintf(stderr, "%s, seed %llu: outcome %d, expected %s%s; messages:\n%s\n", c->what, (unsigned long long)seed,
            (int)out, c->refused ? "a refusal with " : "a right answer", c->refused ? c->refused : "", message);
    return false;
}

int main(void) {
    rig_tally t = {0};
    unsigned failed = 0, n = (unsigned)(sizeof cases / sizeof *cases);
    for (unsigned i = 0; i < n; i++)
        for (uint64_t seed = 0; seed < 6; seed++) {
            if (check(&cases[i], seed, &t)) continue;
            failed++;
            break;
        }
    printf("odd graphs %u, failed %u; runs %u, refused %u, did not fit %u\n", n, failed, t.runs, t.refused, t.no_fit);
    return failed ? 1 : 0;
}
