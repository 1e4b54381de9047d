# The software GPU's cuDNN and cuBLAS, and their tests.
foreach(file cudnn_handle cudnn_schema cudnn_descriptors cudnn_finalize cudnn_heuristics
        cudnn_execute cudnn_convolve cublas)
    target_sources(softgpu PRIVATE ${CMAKE_CURRENT_LIST_DIR}/${file}.cpp)
endforeach()
