#!/bin/sh
# usage: test_slurm.sh HARNESS SAME_RESULTS EXPERIMENT
# `harness slurm` on a real Slurm of two nodes on this machine: the runs of an experiment as an
# array, one of them killed on its way, submitted again; the results must be those of `harness run`.
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
    grep -c . "$1" 2> /dev/null || echo 0
}

long_run_is_on_its_way() {
    for curves in "$out"/runs/*/curves.csv; do
        [ "$(rows "$curves")" -ge 5 ] && return 0
    done
    return 1
}

text=$("$harness" slurm "$experiment" --out "$out" --threads 1 --sbatch=--time=5 --submit) ||
    fail "submitting: $text"
set -- $(submit "$text")
[ $# -eq 2 ] || fail "submitting printed: $text"
wait_for "the third run to write" long_run_is_on_its_way || fail "run 3"
scancel --batch --signal=KILL "$1_3" || fail "scancel"
wait_for "the collecting job" ended "$2" || fail "collecting"
[ "$(state_of "$2")" = COMPLETED ] || fail "collecting ended as $(state_of "$2")"
[ "$(rows "$out/runs.csv")" -eq 3 ] || fail "runs.csv has $(rows "$out/runs.csv") lines, not 3"
[ "$(state_of "$1_3")" != COMPLETED ] || fail "the killed run completed"
cp "$out/runs.csv" before.csv
echo "two of three runs finished, one killed; submitted again"

text=$(sh "$out/slurm/submit.sh") || fail "submitting again: $text"
set -- $(submit "$text")
wait_for "the collecting job" ended "$2" || fail "collecting again"
[ "$(state_of "$2")" = COMPLETED ] || fail "collecting again ended as $(state_of "$2")"
"$same" "$work/alone/runs.csv" "$out/runs.csv" || fail "runs.csv differs"
"$same" "$work/alone/curves.csv" "$out/curves.csv" || fail "curves.csv differs"
head -n 3 "$out/runs.csv" | cmp - before.csv || fail "finished rows changed"
[ -s "$out/table.md" ] || fail "no table.md"
[ -s "$out/figures/error_curves.svg" ] || fail "no figures"
[ ! -e "$work/mark" ] || fail "a name was taken for a command"
nodes=$(scontrol show job -o "$1" | sed -n 's/.* NodeList=\(n[12]\) .*/\1/p' | sort -u | tr '\n' ' ')
grep 'goes on after iteration' "$out/slurm/run-3.log" || fail "the killed run began anew"
echo "the same results as without Slurm; nodes of the second array: $nodes"
