# cmake -DSOURCE=... -DOUTPUT=... -P version.cmake : writes the commit of the checkout as a header,
# at every build, and touches the file only when it changes.
set(commit "unknown")
find_program(GIT git)
if(GIT)
    execute_process(COMMAND ${GIT} -C ${SOURCE} rev-parse --show-toplevel OUTPUT_VARIABLE top
                    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    # An unpacked archive may lie inside somebody else's repository.
    get_filename_component(source "${SOURCE}" REALPATH)
    if(top STREQUAL source)
        execute_process(COMMAND ${GIT} -C ${SOURCE} describe --always --dirty --abbrev=12
                        OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET
                        RESULT_VARIABLE failed)
        if(NOT failed)
            set(commit "${described}")
        endif()
    endif()
endif()
set(text "#define RESLAB_COMMIT \"${commit}\"\n")
set(old "")
if(EXISTS "${OUTPUT}")
    file(READ "${OUTPUT}" old)
endif()
if(NOT old STREQUAL text)
    file(WRITE "${OUTPUT}" "${text}")
endif()
