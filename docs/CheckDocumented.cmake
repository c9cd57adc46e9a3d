# cmake -DLOG=FILE -P CheckDocumented.cmake: fails where Doxygen's warnings in the file are about a
# type or a free function without a comment. Members may go without: many names say it all.
file(STRINGS ${LOG} all REGEX "is not documented")
if(NOT all)
  message(FATAL_ERROR "${LOG} does not even tell of members without a comment: has Doxygen found other words?")
endif()
set(missing ${all})
list(FILTER missing INCLUDE REGEX "(Compound|of (file|namespace)) .*is not documented")
list(JOIN missing "\n  " text)
if(missing)
  message(FATAL_ERROR "There is no comment on\n  ${text}")
endif()
