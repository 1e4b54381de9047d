#!/bin/sh
# A sweep on a disk that fills up, and on one that cannot be written to: a small tmpfs in a namespace
# of its own. The command fails, what is finished stays, no half a file is left, and with room again
# the same command ends as on a large disk.
# usage: full_disk.sh HARNESS MAKE_DATA
set -u
if [ "${1:-}" != inside ]; then
    if ! unshare -rm true 2>/dev/null; then
        echo "SKIPPED: this user may make no namespace to mount a tmpfs in"
        exit 77
    fi
    exec unshare -rm sh "$0" inside "$@"
fi
harness=$2
make_data=$3
folder=$(mktemp -d) || exit 1
trap 'umount "$folder/small" 2>/dev/null; rm -rf "$folder"' EXIT
cd "$folder" && mkdir small || exit 1
if ! mount -t tmpfs -o size=512k none small 2>/dev/null; then
    echo "SKIPPED: no tmpfs can be mounted here"
    exit 77
fi
fail() {
    echo "FAILED: $*"
    cat log
    exit 1
}
"$make_data" d >log 2>&1 || fail "no data"
printf 'family,depth,width,dataset,batch,iterations,eval_every,backend\nplain|resnet,8,4,mnist,10,12,5,ref\n' >e.csv
run() {
    "$harness" run e.csv --data d --no-plot --save-weights --out "$1" --set seed="$2" >log 2>&1
}
run large 1 || fail "the disk that is large enough"
run small/out 1 || fail "a small disk that is large enough"
rows=$(wc -l <small/out/runs.csv)
# From no room at all to some: whatever the first write is that fails, the outcome is the same.
for room in 1 17 65; do
    left=$(df -k --output=avail small | tail -1)
    dd if=/dev/zero of=small/ballast bs=1k count=$((left - room)) >/dev/null 2>&1
    if run small/out 2; then
        fail "seed 2 fits into $room KiB"
    fi
    grep -q "cannot write" log || fail "with $room KiB it does not say what cannot be written"
    [ "$(wc -l <small/out/runs.csv)" -ge "$rows" ] || fail "with $room KiB rows were lost"
    rm small/ballast
done
run small/out 2 || fail "with room again"
run large 2 || fail "the large disk"
if find small/out -name '*.new-*' | grep .; then
    fail "a half-written file is left"
fi
for file in $(cd large && find . -name '*.safetensors'); do
    cmp "large/$file" "small/out/$file" || fail "$file differs"
done
[ "$(wc -l <small/out/runs.csv)" = "$(wc -l <large/runs.csv)" ] || fail "rows are missing"
mount -o remount,ro small || fail "remounting"
run small/out 3 && fail "a read-only folder was written to"
grep -q "small/out.* cannot be written to: Read-only file system; choose another with --out" log ||
    fail "it does not say that the folder is read-only"
"$harness" run e.csv --data d --no-plot --out small/new >log 2>&1 && fail "a folder was made"
grep -q "cannot make the folder small/new: Read-only file system" log || fail "no word of small/new"
echo "a full disk, three times, and a read-only one"
