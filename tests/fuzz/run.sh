# usage: run.sh PROGRAM CORPUS DICTIONARY RUNS [--must-find]
# Fuzzes RUNS inputs from a fixed seed, beginning with the corpus; what is found on the way is kept
# beside the program, never in the corpus. With --must-find the program has a planted defect, and
# the test passes only if a sanitizer or a broken promise stops it.
program=$1 corpus=$2 dictionary=$3 runs=$4 must_find=$5
work=$program.work
rm -rf "$work"
mkdir "$work" || exit 1
set -- -runs="$runs" -seed=1 -max_len=4096 -rss_limit_mb=1024 -timeout=20 -error_exitcode=1 \
    -artifact_prefix="$work/found-" -print_final_stats=1
[ -s "$dictionary" ] && set -- "$@" -dict="$dictionary"
mkdir "$work/corpus" || exit 1
"$program" "$@" "$work/corpus" "$corpus" > "$work/log" 2>&1
code=$?
if [ -n "$must_find" ]; then
    if [ $code -ne 0 ] && grep -E '^SUMMARY: (Address|UndefinedBehavior|lib)' "$work/log"; then
        exit 0
    fi
    tail -n 5 "$work/log"
    echo "exit status $code: the planted defect was not found"
    exit 1
fi
if [ $code -ne 0 ]; then
    tail -n 60 "$work/log"
    echo "fuzzing failed; the input lies in $work"
    exit 1
fi
grep '^stat::number_of_executed_units' "$work/log"
