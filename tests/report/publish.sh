#!/bin/sh
# sh publish.sh HARNESS CMAKE PROJECT WORK: results/publish.sh on invented results in a project of their
# own; then each number that is changed by hand must be noticed by check_published.cmake.
set -eu
harness=$1 cmake=$2 project=$3 work=$4
rm -rf "$work"
mkdir -p "$work/root/results" "$work/root/experiments" "$work/invented"
root=$work/root published=$work/root/results/published/invented
cp "$project/results/publish.sh" "$project/results/summary.sh" "$root/results/"
cp "$project/tests/report/fixture/runs.csv" "$project/tests/report/fixture/curves.csv" \
    "$work/invented/"
echo 'family,depth' > "$root/experiments/invented.csv"
{
    echo 'claim,metric,left,relation,right,margin,source'
    echo 'Depth helps,test_error_pct,family=resnet shortcut=A depth=56,<,family=resnet shortcut=A depth=20,,ours'
} > "$work/invented/invented.claims.csv"
{
    echo 'run,key,title,iterations,work'
    echo '1,key0,"resnet-20 A, seed 1",200,1'
    echo '2,other,"resnet-32 A, seed 9",200,1'
} > "$work/invented/plan.csv"
printf 'before\n<!-- results/published/invented/summary.md -->\nstale\n<!-- end -->\nafter\n' \
    > "$root/README.md"

fail() {
    echo "publish: $*" >&2
    exit 1
}
check() {
    "$cmake" "-DHARNESS=$harness" "-DROOT=$root" "-DPUBLISHED=$published" "-DWORK=$work/check" \
        -P "$project/tests/report/check_published.cmake" > "$work/check.log" 2>&1
}
has() {
    grep -qF -- "$2" "$1" || fail "no '$2' in $1"
}

sh "$root/results/publish.sh" "$work/invented" "$harness"
check || fail "what was published does not pass: $work/check.log"
for readme in "$root/README.md" "$published/README.md"; do
    has "$readme" '9 of 10 runs, 2 of them diverged'
    has "$readme" 'Not finished, and in no table: runs 2 (resnet-32 A, seed 9).'
    has "$readme" '| resnet A | 20 | 3 | 21.50 ± 1.80 |'
    has "$readme" '| Depth helps: test_error_pct | 18.25 (1) | 21.50 ± 1.80 (3) | -3.25 |'
done
has "$root/README.md" before
has "$root/README.md" after
! grep -q stale "$root/README.md" || fail "the old summary is still there"
[ ! -e "$published/figures/error_curves.png" ] && [ -s "$published/figures/error_curves.svg" ] ||
    fail "figures"

# The same again changes nothing, also from the published folder itself.
cp -r "$root" "$work/once"
sh "$root/results/publish.sh" "$published" "$harness"
diff -r "$root" "$work/once" || fail "published twice is not published once"

# Words of one's own stay.
echo 'An observation.' >> "$published/README.md"
sh "$root/results/publish.sh" "$work/invented" "$harness"
has "$published/README.md" 'An observation.'

for file in "$root/README.md" "$published/summary.md" "$published/verdict.csv"; do
    cp "$file" "$work/kept"
    sed 's/18\.25/18.24/' "$work/kept" > "$file"
    ! cmp -s "$file" "$work/kept" || fail "$file has no such number"
    ! check || fail "a changed number in $file was not noticed"
    cp "$work/kept" "$file"
done
check || fail "restored files do not pass: $work/check.log"
head -c 5300000 /dev/zero > "$published/weights.safetensors"
! check || fail "a large file was not noticed"
rm "$published/weights.safetensors"
sed '/<!-- end -->/d' "$root/README.md" > "$work/kept" && cp "$work/kept" "$root/README.md"
! sh "$root/results/publish.sh" "$work/invented" "$harness" 2> "$work/error.log" ||
    fail "a README without an end was taken"
cmp -s "$work/kept" "$root/README.md" || fail "a README without an end was changed"
