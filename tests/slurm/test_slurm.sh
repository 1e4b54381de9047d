#!/bin/sh
# usage: test_slurm.sh HARNESS SAME_RESULTS EXPERIMENT
# `harness slurm` on a real Slurm of two nodes on this machine: the runs of an experiment as an
# array, one of them killed on its way, then stopped, submitted again each time; the results must be
# those of `harness run`.
harness=$1 same=$2 experiment=$3
. "$(dirname "$0")/cluster.sh"
have_slurm || exit 77

work=$(mktemp -d /tmp/reslab-slurm.XXXXXX) || exit 1
finish() {
    code=$?
    trap - EXIT
    cd /
    stop_cluster
    [ $code -eq 1 ] && tail -n 20 "$work"/cluster/*.log "$out"/slurm/*.log
    rm -rf "$work"
    exit $code
}
trap finish EXIT
trap 'exit 1' INT TERM HUP
chmod 711 "$work" # munged's socket must be within reach
cd "$work" || exit 1

fail() {
    echo "FAILED: $*"
    exit 1
}

# What the jobs must come to. A name that means something to the shell and to Slurm.
out="$work/out %j 'a' \$(touch mark)"
"$harness" run "$experiment" --out "$work/alone" --threads 1 --no-plot --quiet > alone.log 2>&1
code=$?
if [ $code -eq 2 ] && grep -q 'dataset-fashion-mnist' alone.log; then
    echo "skipped: $(cat alone.log)"
    exit 77
fi
[ $code -eq 0 ] || fail "$(cat alone.log)"

start_cluster "$work/cluster" || fail "Slurm does not start"

# submit: prints the array's and the collecting job's numbers.
submit() {
    printf '%s\n' "$1" | sed -n 's/^runs: job \([0-9]*\); tables and figures: job \([0-9]*\)$/\1 \2/p'
}

state_of() {
    scontrol show job -o "$1" | sed 's/.*JobState=\([A-Z_]*\).*/\1/'
}

ended() {
    case $(state_of "$1") in
    COMPLETED | FAILED | CANCELLED | TIMEOUT | NODE_FAIL) return 0 ;;
    esac
    return 1
}

rows() {
    cat "$1" 2> /dev/null | wc -l
}

# The run that is not finished, the third, has this many rows.
third_has_rows() {
    for run in "$out"/runs/*; do
        [ ! -e "$run/run.csv" ] && [ "$(rows "$run/curves.csv")" -ge "$1" ] && return 0
    done
    return 1
}

# Ends the third run on its way, by KILL as a power cut would, or by TERM as Slurm does before the
# time limit; the collecting job then has the two others.
end_third_run() {
    set -- $(submit "$text") "$1" "$2"
    [ $# -eq 4 ] || fail "submitting printed: $text"
    wait_for "the third run to write" third_has_rows "$4" || fail "run 3"
    scancel --batch --signal="$3" "$1_3" || fail "scancel"
    wait_for "the collecting job" ended "$2" || fail "collecting"
    [ "$(state_of "$2")" = COMPLETED ] || fail "collecting ended as $(state_of "$2")"
    [ "$(rows "$out/runs.csv")" -eq 3 ] || fail "runs.csv has $(rows "$out/runs.csv") lines, not 3"
    [ "$(state_of "$1_3")" != COMPLETED ] || fail "the third run completed"
    echo "two of three runs finished, one ended by $3"
}

text=$("$harness" slurm "$experiment" --out "$out" --threads 1 --sbatch=--time=30 --submit) ||
    fail "submitting: $text"
end_third_run KILL 5
cp "$out/runs.csv" before.csv
text=$(sh "$out/slurm/submit.sh") || fail "submitting again: $text"
end_third_run TERM 10
grep 'the same command goes on' "$out/slurm/run-3.log" || fail "TERM did not reach the program"

text=$(sh "$out/slurm/submit.sh") || fail "submitting a third time: $text"
set -- $(submit "$text")
wait_for "the collecting job" ended "$2" || fail "collecting at last"
[ "$(state_of "$2")" = COMPLETED ] || fail "collecting at last ended as $(state_of "$2")"
"$same" "$work/alone/runs.csv" "$out/runs.csv" || fail "runs.csv differs"
"$same" "$work/alone/curves.csv" "$out/curves.csv" || fail "curves.csv differs"
head -n 3 "$out/runs.csv" | cmp - before.csv || fail "finished rows changed"
"$harness" verdict "$work/alone" > alone.log || fail "$(cat alone.log)"
cmp "$work/alone/verdict.csv" "$out/verdict.csv" || fail "verdict.csv differs"
grep -q '^claim: family makes no difference' "$out/slurm/collect.log" || fail "no verdicts printed"
[ -s "$out/table.md" ] || fail "no table.md"
[ -s "$out/figures/error_curves.svg" ] || fail "no figures"
[ ! -e "$work/mark" ] || fail "a name was taken for a command"
nodes=$(scontrol show job -o "$1" | sed -n 's/.* NodeList=\(n[12]\) .*/\1/p' | sort -u | tr '\n' ' ')
[ "$(grep 'goes on after iteration' "$out/slurm/run-3.log" | tee /dev/stderr | wc -l)" -eq 2 ] || fail "the killed run began anew"
echo "the same results as without Slurm; nodes of the last array: $nodes"
