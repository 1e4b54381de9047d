# cmake -DROOT=... -P check_names.cmake: every name of CUDA, cuDNN, cuBLAS and NCCL that gpu/ uses, and every
# one that the small headers declare, is in names.inc or names_nccl.inc, whose names are compared with
# the real headers'.
cmake_minimum_required(VERSION 3.25)
set(pattern "^(cuda[A-Z]|cudnn[A-Z]|cublas[A-Z]|nccl[A-Z]|NCCL_|CUDA_R_|CUDNN_|CUBLAS_(STATUS|OP|GEMM|COMPUTE)_)")
# gpu/'s own macro; what handles point to; versions, which may differ.
set(own CUDNN_CHECK NCCL_CHECK ncclComm cublasContext cudnnContext cudaError CUDNN_MINOR CUDNN_PATCHLEVEL CUDNN_VERSION)

file(STRINGS ${ROOT}/tests/softgpu/names.inc lines REGEX "^[A-Z]+\\(")
file(STRINGS ${ROOT}/tests/softgpu/names_nccl.inc nccl_lines REGEX "^[A-Z]+\\(")
list(APPEND lines ${nccl_lines})
foreach(line ${lines})
    string(REGEX REPLACE "^[A-Z]+\\((enum )?([A-Za-z0-9_]+).*" "\\2" name "${line}")
    list(APPEND known ${name})
endforeach()

# words_of(FILE OUT): its identifiers that match the pattern, comments left out.
function(words_of file out)
    file(READ ${file} text)
    string(REPLACE ";" " " text "${text}")
    string(REGEX REPLACE "//[^\n]*" "" text "${text}")
    string(REGEX REPLACE "/\\*([^*]|\\*+[^*/])*\\*+/" "" text "${text}")
    string(REGEX REPLACE "#include[^\n]*" "" text "${text}")
    string(REGEX REPLACE "\"([^\"\\\\\n]|\\\\.)*\"" "" text "${text}")
    string(REGEX MATCHALL "[A-Za-z_][A-Za-z0-9_]*" words "${text}")
    list(REMOVE_DUPLICATES words)
    list(FILTER words INCLUDE REGEX "${pattern}")
    set(${out} ${words} PARENT_SCOPE)
endfunction()

file(GLOB used ${ROOT}/gpu/*.c ${ROOT}/gpu/*.h ${ROOT}/gpu/*.cu ${ROOT}/gpu/kernels/*.cu
     ${ROOT}/gpu/kernels/*.h)
file(GLOB declared ${ROOT}/tests/softgpu/include/cu*.h
     ${ROOT}/tests/softgpu/include/library_types.h ${ROOT}/tests/softgpu/include/nccl.h)
set(count 0)
set(missing "")
foreach(file ${used} ${declared})
    words_of(${file} words)
    foreach(word ${words})
        math(EXPR count "${count} + 1")
        # The headers' own macros for the versioned functions of cuBLAS are known by their plain names.
        string(REGEX REPLACE "^(cublas[A-Za-z]+)_v2$" "\\1" plain ${word})
        if(NOT plain IN_LIST known AND NOT word IN_LIST own)
            list(APPEND missing "${word} (${file})")
        endif()
    endforeach()
endforeach()
if(count LESS 300)
    message(FATAL_ERROR "only ${count} names found: the files are not where they are looked for")
endif()
if(missing)
    list(JOIN missing "\n  " text)
    message(FATAL_ERROR "not in names.inc or names_nccl.inc:\n  ${text}")
endif()
message(STATUS "${count} uses and declarations, all of them listed")
