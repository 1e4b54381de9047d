# The software GPU's cuDNN, cuBLAS and NCCL, and their tests.
foreach(file cudnn_handle cudnn_schema cudnn_descriptors cudnn_finalize cudnn_heuristics
        cudnn_execute cudnn_convolve cublas nccl nccl_wires)
    target_sources(softgpu PRIVATE ${CMAKE_CURRENT_LIST_DIR}/${file}.cpp)
endforeach()

foreach(name cudnn cudnn_lists cudnn_descriptors cudnn_execute cublas nccl)
    reslab_test(test_softgpu_${name} LABELS "fast;softgpu" SOURCES softgpu/test_${name}.cpp
                softgpu/dnn_case.cpp LIBS softgpu)
endforeach()

# The small headers against a toolkit's, where one with cuDNN is installed.
set(hints HINTS ENV CUDA_HOME ENV CUDA_PATH PATHS /usr/local/cuda PATH_SUFFIXES include)
find_path(TOOLKIT_CUDA cuda_runtime_api.h ${hints})
find_path(TOOLKIT_CUBLAS cublas_v2.h ${hints})
find_path(TOOLKIT_CUDNN cudnn_version.h ${hints})
find_path(TOOLKIT_NCCL nccl.h HINTS ${NCCL_INCLUDE_DIR} ENV NCCL_HOME ${hints})
mark_as_advanced(TOOLKIT_CUDA TOOLKIT_CUBLAS TOOLKIT_CUDNN TOOLKIT_NCCL)
set(toolkit FALSE)
if(TOOLKIT_CUDA AND TOOLKIT_CUBLAS AND TOOLKIT_CUDNN)
    file(STRINGS ${TOOLKIT_CUDNN}/cudnn_version.h version REGEX "#define CUDNN_(MAJOR|MINOR) ")
    string(REGEX REPLACE "[^0-9]*([0-9]+)[^0-9]*([0-9]+).*" "\\1.\\2" version "${version}")
    if(version VERSION_GREATER_EQUAL 9.8) # the first that plans for a described card
        set(toolkit TRUE)
    endif()
endif()
set(table ${CMAKE_CURRENT_LIST_DIR}/header_table.cpp)
add_library(header_table_small OBJECT ${table} ${CMAKE_CURRENT_LIST_DIR}/header_table_nccl.cpp)
target_include_directories(header_table_small PRIVATE ${CMAKE_CURRENT_LIST_DIR}/include)
reslab_test(test_softgpu_headers LABELS "fast;softgpu" SOURCES softgpu/test_headers.cpp
            LIBS header_table_small)
if(toolkit)
    add_library(header_table_real OBJECT ${table})
    target_compile_definitions(header_table_real PRIVATE REAL_HEADERS)
    target_include_directories(header_table_real SYSTEM PRIVATE ${TOOLKIT_CUDA} ${TOOLKIT_CUBLAS}
                                                                ${TOOLKIT_CUDNN})
    target_link_libraries(test_softgpu_headers PRIVATE header_table_real)
    target_compile_definitions(test_softgpu_headers PRIVATE
                               RESLAB_TOOLKIT="${TOOLKIT_CUDA}, cuDNN ${version}")
    if(TOOLKIT_NCCL) # it includes the toolkit's
        add_library(header_table_nccl_real OBJECT ${CMAKE_CURRENT_LIST_DIR}/header_table_nccl.cpp)
        target_compile_definitions(header_table_nccl_real PRIVATE REAL_HEADERS)
        target_include_directories(header_table_nccl_real SYSTEM PRIVATE ${TOOLKIT_NCCL}
                                                                         ${TOOLKIT_CUDA})
        target_link_libraries(test_softgpu_headers PRIVATE header_table_nccl_real)
        target_compile_definitions(test_softgpu_headers PRIVATE RESLAB_NCCL="${TOOLKIT_NCCL}")
    endif()
endif()
add_test(NAME softgpu_names COMMAND ${CMAKE_COMMAND} -DROOT=${PROJECT_SOURCE_DIR} -P
         ${CMAKE_CURRENT_LIST_DIR}/check_names.cmake)
set_tests_properties(softgpu_names PROPERTIES LABELS "fast;softgpu")

# gpu/ on them.
add_executable(test_gpu_softgpu softgpu/test_gpu.c)
target_link_libraries(test_gpu_softgpu PRIVATE test_support_softgpu)
set_target_properties(test_gpu_softgpu PROPERTIES RUNTIME_OUTPUT_DIRECTORY
                      ${CMAKE_BINARY_DIR}/tests)
add_test(NAME test_gpu_softgpu COMMAND test_gpu_softgpu)
set_tests_properties(test_gpu_softgpu PROPERTIES LABELS "fast;softgpu" TIMEOUT 600)
