# Fails unless DOC is what `TEST --markdown` prints.
execute_process(COMMAND ${TEST} --markdown OUTPUT_VARIABLE measured RESULT_VARIABLE failed)
file(READ ${DOC} written)
if(failed OR NOT measured STREQUAL written)
  message(FATAL_ERROR "docs/functions.md differs from the measurement; regenerate: ${TEST} --markdown > ${DOC}")
endif()
