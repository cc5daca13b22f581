# Fails unless DOC begins with what `TEST --markdown` prints.
execute_process(COMMAND ${TEST} --markdown OUTPUT_VARIABLE measured RESULT_VARIABLE failed)
file(READ ${DOC} written)
string(FIND "${written}" "${measured}" at)
if(failed OR NOT at EQUAL 0)
  message(FATAL_ERROR "docs/functions.md differs from the measurement; its first part is: ${TEST} --markdown")
endif()
