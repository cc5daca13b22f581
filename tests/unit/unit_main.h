/* One main for every unit test: run the suite, exit 1 when a check failed. */
#ifndef WFC_TESTS_UNIT_MAIN_H
#define WFC_TESTS_UNIT_MAIN_H

#include <check.h>
#include <stdlib.h>

static inline int unit_run(Suite *suite) {
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner), ran = srunner_ntests_run(runner);
    srunner_free(runner);
    return failed == 0 && ran > 0 ? EXIT_SUCCESS : EXIT_FAILURE; /* a suite that runs nothing is a failure */
}

#endif
