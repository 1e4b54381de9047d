#!/bin/sh
# sh results/publish.sh results/NAME [HARNESS]: publishes the output folder of experiments/NAME.csv as
# results/published/NAME: CSV files, tables, verdicts, figures, report.html and summary.md, and brings
# the summary into every README that has the line '<!-- results/published/NAME/summary.md -->'.
# Again after more runs: the same command. Words of one's own stay in that folder's README.md.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
from=${1:?which output folder?} harness=${2:-$root/build/bin/harness}
name=$(basename "$from")
to=$root/results/published/$name
[ -f "$from/runs.csv" ] || { echo "publish: no $from/runs.csv: 'harness run' makes it" >&2; exit 2; }
[ -f "$root/experiments/$name.csv" ] || { echo "publish: no experiments/$name.csv" >&2; exit 2; }

mkdir -p "$to"
from=$(cd "$from" && pwd)
if [ "$from" != "$to" ]; then
    rm -rf "$to"/*.csv "$to/figures"
    for file in runs.csv curves.csv layers.csv plan.csv expectations.csv "$name.claims.csv"; do
        [ ! -f "$from/$file" ] || cp "$from/$file" "$to/"
    done
fi
rm -f "$to"/table.* "$to"/shortcuts.md "$to/claims.md" "$to/claims.csv" "$to/fig6_distance.csv"
"$harness" report "$to"
[ -d "$to/figures" ] || { echo "publish: no figures: is gnuplot installed?" >&2; exit 1; }
rm -f "$to"/figures/*.gp "$to"/figures/*.png
# Without an expectation or claim there is nothing judged.
[ -f "$to/expectations.csv" ] || [ -f "$to/$name.claims.csv" ] || rm -f "$to/verdict.csv"
sh "$root/results/summary.sh" "$to" "$name" > "$to/summary.md"

marker="<!-- results/published/$name/summary.md -->"
[ -f "$to/README.md" ] || printf '# %s\n\n%s\n<!-- end -->\n' "$name" "$marker" > "$to/README.md"
for readme in "$root/README.md" "$to/README.md"; do
    awk -v marker="$marker" -v summary="$to/summary.md" '
        skipping && $0 == "<!-- end -->" { skipping = 0 }
        !skipping
        $0 == marker {
            while ((getline line < summary) > 0) print line
            close(summary); skipping = 1
        }
        END { exit skipping }' "$readme" > "$readme.new" ||
        { rm -f "$readme.new"; echo "publish: no '<!-- end -->' in $readme" >&2; exit 1; }
    cmp -s "$readme" "$readme.new" && rm "$readme.new" || mv "$readme.new" "$readme"
done
large=$(find "$to" -type f -size +5120k)
[ -z "$large" ] || { echo "publish: above 5 MB: $large" >&2; exit 1; }
echo "$to"
