/* What the tests of runtime/program share. */
#ifndef PROGRAM_TEST_H
#define PROGRAM_TEST_H

#include "runtime/program/program.h"

extern const char RELAY_TEXT[]; /* two PEs, an input and an output stream: a program that verifies */

/* Parses text or fails the running test with the message. */
void parse_or_fail(const char *text, wfc_program *out);
void encode_or_fail(const wfc_program *p, uint8_t **out_bytes, size_t *out_size);
/* text with the first `find` replaced; fails the test when it does not occur. malloc'ed. */
char *replaced(const char *text, const char *find, const char *with);
/* All messages as one string, "code where text\n"; malloc'ed. */
char *messages(const wfc_diag *d);
/* Runs the suite's cases, or only the one named on the command line; the exit code. */
struct Suite;
int run_cases(struct Suite *s, int argc, char **argv);

#endif
