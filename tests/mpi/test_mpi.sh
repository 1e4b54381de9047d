#!/bin/sh
# usage: test_mpi.sh whole|cut|cards MPIRUN|none HARNESS SAME_RESULTS MAKE_MNIST
# Runs in shares, trained by one process and by ranks: the same rows, curves and weights.
# whole: by 1, 2 and 4 ranks; and what a rank lacks fails the run, while the others do not wait for it.
# cut: by 2 ranks until any of the processes is killed, then by 4.
# cards: HARNESS has software GPUs: by 1, 2 and 4 ranks with one each; cards that differ, or that two
# would share; a call of NCCL that fails on one rank, or its end, ends all, and the run goes on from there.
part=$1 mpirun=$2 harness=$3 same=$4 make_mnist=$5
if [ "$mpirun" = none ]; then
    echo "skipped: built without MPI (libopenmpi-dev, openmpi-bin)"
    exit 77
fi
if ! "$mpirun" --version 2> /dev/null | grep -Eq 'Open MPI|OpenRTE'; then
    echo "skipped: $mpirun is not Open MPI's, whose options this test uses (openmpi-bin)"
    exit 77
fi

work=$(mktemp -d /tmp/reslab-mpi.XXXXXX) || exit 1
finish() {
    code=$?
    trap - EXIT
    [ $code -eq 1 ] && tail -n 12 "$work"/*.log
    rm -rf "$work"
    exit $code
}
trap finish EXIT
trap 'exit 1' INT TERM HUP
cd "$work" || exit 1

fail() {
    echo "FAILED: $*"
    exit 1
}

# Ranks on this machine alone, more than it has cores, as root too; each leaves its number in
# pid.RANK, and mpirun's in pid.mpirun; rank 1 works in the folder $rank1 with $rank1_env set.
rank1=.
rank1_env=
cat > rank.sh << 'END'
echo $$ > "$1/pid.$OMPI_COMM_WORLD_RANK"
echo $PPID > "$1/pid.mpirun"
[ "$OMPI_COMM_WORLD_RANK" = 1 ] && cd "$2"
[ "$OMPI_COMM_WORLD_RANK" = 1 ] && [ -n "$3" ] && export "$3"
shift 3
exec "$@"
END
ranks() {
    count=$1
    shift
    OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 ASAN_OPTIONS=detect_leaks=0 \
        "$mpirun" --oversubscribe --bind-to none --mca pml ob1 --mca btl self,vader -n "$count" \
        sh "$work/rank.sh" "$work" "$rank1" "$rank1_env" "$harness" "$@"
}

"$make_mnist" d || fail "no data"
fast=cpu
"$harness" list backends | grep -q '^cpu is not' && fast=ref
long=60
[ "$part" = cut ] && long=600 # to be met on the way
# Statistics that evaluations change, both optimisers, dropout, doubles, a run that diverges.
cat > e.csv << END
family,depth,width,dataset,batch,shares,bn_group,iterations,eval_every,optimizer,lr,schedule,bn_eval,shortcut_dropout,backend
resnet,8,4,mnist,16,4,batch,$long,17,sgd,0.05,10:0.1,running,0.2,$fast
resnet,8,4,mnist,16,4,2,$long,13,adam,0.002,none,batch_update,0,$fast
plain,8,4,mnist,32,8,batch,12,5,sgd,0.05,none,recalibrated,0,$fast
plain,8,4,mnist,16,4,batch,12,5,sgd,1e6,none,running,0,$fast
resnet,8,2,mnist,16,4,batch,8,3,adam,0.01,none,batch_update,0,ref
END
files_least=9
if [ "$part" = cards ]; then
    files_least=2
    export SOFTGPU_DEVICES=4
    cat > e.csv << END
family,depth,width,dataset,batch,shares,bn_group,iterations,eval_every,optimizer,lr,schedule,bn_eval,backend
resnet,8,2,mnist,16,4,2,8,4,sgd,0.05,4:0.1,running,gpu
END
fi
options="--data d --no-plot --threads 2 --save-weights --log-every 2 --layers --checkpoint-every 3"

# same_outputs A B: rows, curves, layers, and what each run leaves in its folder.
same_outputs() {
    for name in runs curves layers; do
        "$same" "$1/$name.csv" "$2/$name.csv" || fail "$name.csv of $1 and $2"
    done
    files=$(cd "$1/runs" && find . -name '*.safetensors' -o -name steps.csv)
    [ "$(echo "$files" | wc -l)" -ge $files_least ] || fail "no weights: $files"
    for file in $files; do
        cmp "$1/runs/$file" "$2/runs/$file" || fail "$file of $1 and $2"
    done
}

"$harness" run e.csv $options --out alone > alone.log 2>&1 || fail "one process"

# Nothing that was started is there any more; mpirun has ended before.
all_gone() {
    for file in pid.*; do
        waits=0
        while kill -0 "$(cat "$file")" 2> /dev/null; do
            waits=$((waits + 1))
            [ $waits = 300 ] && fail "$file still runs"
            sleep 0.1
        done
    done
    rm pid.*
}

# cut_short PROCESS SIGNAL: a process ends once there is a checkpoint, from which other ranks go on.
# Everything, or a run, may be over before that, so there are several attempts.
cut_short() {
    for attempt in 1 2 3 4 5 6; do
        rm -rf cut
        ranks 2 run e.csv $options --out cut > cut.log 2>&1 &
        mpi=$!
        until ls cut/runs/*/checkpoint.safetensors > /dev/null 2>&1; do
            kill -0 $mpi 2> /dev/null || break
            sleep 0.02
        done
        kill -"$2" "$(cat "pid.$1")" 2> /dev/null
        wait $mpi && continue
        all_gone
        ranks 4 run e.csv $options --out cut > on.log 2>&1 || fail "going on after the end of $1"
        same_outputs alone cut
        grep -q 'goes on after iteration' on.log && return
    done
    fail "six times $1 ended between two runs or after the last, by $2"
}
if [ "$part" = cut ]; then
    cut_short 0 KILL
    cut_short 1 KILL
    cut_short mpirun KILL
    cut_short mpirun TERM
    echo "rank 0, rank 1 and mpirun killed on the way, mpirun asked to stop"
    exit 0
fi

if [ "$part" = cards ]; then
    ranks 4 run e.csv $options --out cards4 > cards4.log 2>&1 || fail "4 cards"
    same_outputs alone cards4
    rank1_env=SOFTGPU_FAIL=nccl_recv:5
    ranks 2 run e.csv $options --out broken > broken.log 2>&1 && fail "a call of NCCL that failed"
    all_gone
    grep -q '^harness: rank 1 of 2: exchanging gradients between cards: ncclRecv: ' broken.log ||
        fail "not told which call failed on which rank"
    rank1_env=
    ranks 2 run e.csv $options --out broken > broken.log 2>&1 || fail "going on after a failed call"
    same_outputs alone broken
    cut_short 1 KILL
    rank1_env=SOFTGPU_NAME=another
    ranks 2 run e.csv $options --out kinds > kinds.log 2>&1 && fail "cards of two kinds"
    grep -q 'rank 1 of 2: computes on another; rank 0 on software GPU' kinds/runs/*/failure.txt ||
        fail "not told that the cards differ"
    rank1_env=
    export SOFTGPU_DEVICES=1
    ranks 2 run e.csv $options --out twins > twins.log 2>&1 && fail "two processes on one card"
    grep -q 'processes 0 and 1 would share the device GPU-' twins/runs/*/failure.txt ||
        fail "not told that two processes share a card"
    echo "1, 2 and 4 cards; a failed call of NCCL, a killed rank, cards that differ or are shared"
    exit 0
fi

for n in 1 2 4; do
    ranks $n run e.csv $options --out "ranks$n" > "ranks$n.log" 2>&1 || fail "$n ranks"
    same_outputs alone "ranks$n"
done

# What a rank finds out ends the run with its word, and every process.
one="--data d --no-plot --threads 1 --rows 1"
mkdir -p empty other && "$make_mnist" other/d || fail "no data"
rank1=empty
ranks 2 run e.csv $one --out lacking > lacking.log 2>&1 && fail "a rank without data"
grep -q 'rank 1 of 2: .*mnist' lacking/runs/*/failure.txt || fail "not told: rank 1 has no data"
changed=$(find other/d -name 'train-images*' | head -1)
printf '\377' | dd of="$changed" bs=1 seek=1000 conv=notrunc 2> /dev/null
rank1=other
ranks 2 run e.csv $one --out other.out > other.log 2>&1 && fail "a rank with other data"
grep -q 'rank 1 of 2: .*other data' other.out/runs/*/failure.txt || fail "not told: other data"
rank1=.

# Told by rank 0 alone, once, of the shares that it would compute.
ranks 2 run e.csv --rows 1,3 --threads 2 --out dry --dry-run > dry.log 2>&1 || fail "--dry-run"
[ "$(grep -c 'all together' dry.log)" = 1 ] && grep -q ' plain-8, ' dry.log || fail "no estimate"

# refused WORDS COUNT ARGS: bad input on rank 0 is told once, and all end.
refused() {
    words=$1
    shift
    ranks "$@" > refused.log 2>&1 && fail "not refused: $*"
    [ "$(grep -c "$words" refused.log)" = 1 ] || fail "not said once: $words"
}
refused 'cannot divide the 2 shares' 4 run e.csv $one --set shares=2 --out refused
refused 'cannot divide the 2 shares' 4 run e.csv --dry-run --rows 1 --set shares=2 --out refused
refused 'jobs are processes' 2 run e.csv $one --jobs 2 --out refused
[ -e refused/runs ] && ls refused/runs/*/run.csv 2> /dev/null && fail "something was trained"
echo "1, 2 and 4 ranks; a rank without the data, and with other data"
