# cmake -DHARNESS=... -DPUBLISHED=folder -DWORK=folder -P check_published.cmake: the tables beside
# published CSV files are those that the program makes of them, byte for byte.
file(REMOVE_RECURSE "${WORK}")
file(COPY "${PUBLISHED}/runs.csv" "${PUBLISHED}/curves.csv" DESTINATION "${WORK}")
execute_process(COMMAND "${HARNESS}" plot "${WORK}" COMMAND_ERROR_IS_FATAL ANY)
foreach(table table.md table.csv)
    file(READ "${PUBLISHED}/${table}" want)
    file(READ "${WORK}/${table}" got)
    if(NOT got STREQUAL want)
        message(FATAL_ERROR "${PUBLISHED}/${table} is not what its CSV files give: see ${WORK}/${table}")
    endif()
endforeach()
