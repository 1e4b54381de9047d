# The GPU backend on the software GPU: orders of execution, and calls that fail.
add_library(gpu_case STATIC softgpu/gpu_case.c)
target_link_libraries(gpu_case PUBLIC test_support_softgpu)
foreach(test test_gpu_schedules test_gpu_failures)
    add_executable(${test} softgpu/${test}.c)
    target_link_libraries(${test} PRIVATE gpu_case)
    set_target_properties(${test} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests
                                             RESLAB_TEST_ARGS "fast")
    foreach(tier fast full)
        add_test(NAME ${test}_${tier} COMMAND ${test} ${tier})
        set_tests_properties(${test}_${tier} PROPERTIES LABELS "${tier};softgpu" TIMEOUT 1200)
    endforeach()
endforeach()

# Several processes, a card each.
reslab_test(test_gpu_ranks LABELS fast softgpu SOURCES softgpu/test_gpu_ranks.c
            train/forked_ranks.c train/problem.c LIBS trainer data test_support_softgpu)
