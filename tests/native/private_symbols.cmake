# Fails where an object file offers a function that the linker may take instead of another file's
# function of the same name. In a file compiled for one instruction set, such a function (an inline
# one of the standard library, say) would run, and crash, on processors without the set.
#
#   cmake -DNM=nm "-DOBJECTS=a.o;b.o" -P private_symbols.cmake
foreach(object IN LISTS OBJECTS)
  execute_process(COMMAND ${NM} --defined-only ${object}
    OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "[0-9a-f]+ [Wu] [^\n]+" shared "${symbols}")
  if(shared)
    list(JOIN shared "\n  " shared)
    message(SEND_ERROR "${object} shares with other files:\n  ${shared}")
  endif()
endforeach()
