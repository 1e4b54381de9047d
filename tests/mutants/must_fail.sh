# usage: must_fail.sh PROGRAM [ARGUMENT ...]: 0 when the program's tests fail, 77 when it was skipped.
# A death by signal is no verdict of a test, so it does not count as caught.
"$@" > "$1.log" 2>&1
code=$?
grep -E '^\[  FAILED  \]|^\[  ERROR' "$1.log" | head -n 6
case $code in
0) echo "survived: no test noticed the planted defect"; exit 1 ;;
77) echo "skipped"; exit 77 ;;
esac
if [ $code -ge 126 ] || ! grep -q '^\[  FAILED  \]' "$1.log"; then
    tail -n 5 "$1.log"
    echo "exit status $code, but no test reported a failure"
    exit 1
fi
