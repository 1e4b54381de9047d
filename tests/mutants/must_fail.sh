# usage: must_fail.sh [--softgpu] PROGRAM [ARGUMENT ...]: 0 when the program's tests fail, 77 when it
# was skipped. A death by signal is no verdict of a test, so it does not count as caught; with
# --softgpu it does when the software GPU has found a violation, said so and aborted.
softgpu=no
if [ "$1" = --softgpu ]; then
    softgpu=yes
    shift
fi
"$@" > "$1.log" 2>&1
code=$?
grep -E '^\[  FAILED  \]|^\[  ERROR|^softgpu: ' "$1.log" | grep -v '^softgpu: leaked' | head -n 6
case $code in
0) echo "survived: no test noticed the planted defect"; exit 1 ;;
77) echo "skipped"; exit 77 ;;
134)
    if [ $softgpu = yes ] && grep '^softgpu: ' "$1.log" | grep -qv '^softgpu: leaked'; then
        exit 0
    fi
    ;;
esac
if [ $code -ge 126 ] || ! grep -q '^\[  FAILED  \]' "$1.log"; then
    tail -n 5 "$1.log"
    echo "exit status $code, but no test reported a failure"
    exit 1
fi
