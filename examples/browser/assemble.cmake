# Puts style, digits, networks and script into page.html, and writes OUTPUT.
# cmake -DNETWORKS=networks.js -DNOTE=text -DOUTPUT=web-demo.html -P assemble.cmake
file(READ ${CMAKE_CURRENT_LIST_DIR}/page.css STYLE)
file(READ ${CMAKE_CURRENT_LIST_DIR}/digits.js DIGITS)
file(READ ${CMAKE_CURRENT_LIST_DIR}/page.js SCRIPT)
file(READ ${NETWORKS} NETWORKS)
configure_file(${CMAKE_CURRENT_LIST_DIR}/page.html ${OUTPUT} @ONLY)
file(SIZE ${OUTPUT} size)
math(EXPR size "(${size} + 999) / 1000")
message(STATUS "${OUTPUT}: ${size} kB")
