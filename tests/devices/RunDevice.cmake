# Runs PROGRAM, device_check.c on a bare Cortex-M, in QEMU. Fails if an output is wrong or a limit is
# exceeded (0: none); writes what was measured as one line to OUTPUT, for device_report.
file(REMOVE ${OUTPUT})
execute_process(
  COMMAND ${QEMU} -machine ${BOARD} -nographic -semihosting -icount shift=0 -kernel ${PROGRAM}
  INPUT_FILE /dev/null OUTPUT_VARIABLE printed ERROR_VARIABLE printed TIMEOUT 600)
foreach(name ticks_of_2000000 wrong ticks)
  if(NOT printed MATCHES "(^|\n)${name} ([0-9]+)\n")
    message(FATAL_ERROR "expected '${name}' among what the program prints, got:\n${printed}")
  endif()
  set(${name} ${CMAKE_MATCH_2})
endforeach()
if(NOT wrong EQUAL 0)
  message(FATAL_ERROR "${wrong} outputs differ from the host's")
endif()

# The timer is that of the board: 40 or 50 instructions to a tick.
math(EXPR instructions_per_tick "(2000000 + ${ticks_of_2000000} / 2) / ${ticks_of_2000000}")
math(EXPR instructions "${ticks} * ${instructions_per_tick} / ${SEQUENCES}")
set(idle "")
if(printed MATCHES "\nidle_ticks ([0-9]+)\n")
  math(EXPR idle "(${CMAKE_MATCH_1} * ${instructions_per_tick} + 1000) / 2000")
endif()
set(stack "")
if(printed MATCHES "\nstack ([0-9]+)\n")
  set(stack ${CMAKE_MATCH_1})
endif()

# The sections .test and .test_ram are not the network's.
execute_process(COMMAND ${SIZE} -A ${PROGRAM} OUTPUT_VARIABLE sections COMMAND_ERROR_IS_FATAL ANY)
foreach(section text data bss ARM.exidx)
  set(bytes_${section} 0)
  if(sections MATCHES "\n\\.${section} +([0-9]+) ")
    set(bytes_${section} ${CMAKE_MATCH_1})
  endif()
endforeach()
math(EXPR flash "${bytes_text} + ${bytes_data}")
math(EXPR ram "${bytes_data} + ${bytes_bss}")

file(READ ${NETWORK_FILE} network)
string(STRIP "${network}" network)  # neurons,share of updates
set(line "${CORE},${NETWORK},${NUMBERS},${network},${instructions},${idle},${flash},${ram},${stack}")
message(STATUS "core,network,numbers,neurons,share,instructions,idle,flash,ram,stack: ${line}")
file(WRITE ${OUTPUT} "${line}\n")

math(EXPR thousands "(${instructions} + 999) / 1000")
if(MOST_THOUSANDS AND thousands GREATER MOST_THOUSANDS)
  message(FATAL_ERROR "a sequence takes ${thousands} thousand instructions, which is more than "
                      "${MOST_THOUSANDS}")
endif()
if(MOST_FLASH AND flash GREATER MOST_FLASH)
  message(FATAL_ERROR "the network takes ${flash} bytes of flash, which is more than ${MOST_FLASH}")
endif()
