# usage: architectures.sh NVCC ROOT: every kernel file compiles without a warning for all architectures
# from Turing on that this toolkit knows, and to PTX.
nvcc=$1
root=$2
flags="-gencode arch=compute_75,code=compute_75"
known=""
for arch in 75 80 86 89 90 100 120; do
    if "$nvcc" --list-gpu-arch | grep -qx "compute_$arch"; then
        flags="$flags -gencode arch=compute_$arch,code=sm_$arch"
        known="$known sm_$arch"
    fi
done
echo "architectures:$known, PTX 75"
[ -n "$known" ] || exit 1
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
for file in "$root"/gpu/kernels/*.cu; do
    echo "${file##*/}"
    # shellcheck disable=SC2086
    "$nvcc" -std=c++17 $flags -O3 -I"$root" -Werror all-warnings -Xcompiler -Wall,-Wextra,-Werror \
        -c "$file" -o "$scratch/object" || exit 1
done
