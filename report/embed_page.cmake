# cmake -DOUT=file.c -DHTML=page.html -DCSS=page.css -DJS="a.js;b.js" -P embed_page.cmake : the page as C arrays, so that
# waferc needs no installed file. The scripts follow each other in one script element. Beside style and script stands the
# base64 of their SHA-256, for the page's content security policy. Byte lists, since C11 promises only 4095 characters in
# a string literal.
function(base64_of_hex hex out)
  set(digits "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
  set(text "")
  string(APPEND hex "0000") # 32 bytes are 10 groups of three and one of two
  foreach(group RANGE 0 10)
    math(EXPR at "${group} * 6")
    string(SUBSTRING ${hex} ${at} 6 part)
    foreach(shift 18 12 6 0)
      math(EXPR digit "(0x${part} >> ${shift}) & 63")
      string(SUBSTRING ${digits} ${digit} 1 letter)
      string(APPEND text ${letter})
    endforeach()
  endforeach()
  string(SUBSTRING ${text} 0 43 text)
  set(${out} "sha256-${text}=" PARENT_SCOPE)
endfunction()

function(array_of_hex name hex out)
  string(LENGTH "${hex}" size)
  math(EXPR size "${size} / 2")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," values "${hex}")
  string(REPEAT "0x..," 20 line)
  string(REGEX REPLACE "(${line})" "    \\1\n" values "${values}")
  set(${out} "static const unsigned char ${name}[] = {\n${values}\n};\nenum { ${name}_SIZE = ${size} };\n" PARENT_SCOPE)
endfunction()

file(READ ${HTML} html HEX)
file(READ ${CSS} css HEX)
set(js "")
foreach(path IN LISTS JS)
  file(READ ${path} part HEX)
  string(APPEND js "${part}")
endforeach()
# The hash of the joined scripts needs them as a file.
execute_process(COMMAND ${CMAKE_COMMAND} -E cat ${JS} OUTPUT_FILE ${OUT}.js COMMAND_ERROR_IS_FATAL ANY)
file(SHA256 ${OUT}.js js_sha)
file(SHA256 ${CSS} css_sha)
base64_of_hex(${js_sha} js_hash)
base64_of_hex(${css_sha} css_hash)
array_of_hex(HTML "${html}" html_array)
array_of_hex(CSS "${css}" css_array)
array_of_hex(JS "${js}" js_array)
file(WRITE ${OUT}.tmp "/* Generated from report/page/ by embed_page.cmake. */\n#include \"report/page_builtin.h\"\n\n"
  "${html_array}${css_array}${js_array}\n"
  "const wfc_report_page wfc_report_page_builtin = {\n    .html = (const char *)HTML, .css = (const char *)CSS, .js = (const char *)JS,\n"
  "    .html_size = HTML_SIZE, .css_size = CSS_SIZE, .js_size = JS_SIZE,\n"
  "    .css_hash = \"${css_hash}\", .js_hash = \"${js_hash}\",\n};\n")
file(RENAME ${OUT}.tmp ${OUT})
