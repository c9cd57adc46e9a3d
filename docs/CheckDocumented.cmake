# cmake -DLOG=FILE -P CheckDocumented.cmake: fails where Doxygen's warnings in the file are about a
# type or a free function without a comment. Members may go without: many names say it all.
file(STRINGS ${LOG} missing REGEX "(Compound|of (file|namespace)) .*is not documented")
list(JOIN missing "\n  " text)
if(missing)
  message(FATAL_ERROR "There is no comment on\n  ${text}")
endif()
