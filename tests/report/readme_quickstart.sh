#!/bin/sh
# sh readme_quickstart.sh PROJECT: the README's first table is what the published quickstart says.
set -eu
awk -F, '
FNR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
$column["runs"] != 1 || $column["diverged"] != 0 { print "readme_quickstart: not one seed each"; exit 1 }
{ row[$column["family"]] = row[$column["family"]] sprintf(" %.1f |", $column["train_eval_error_pct"]) }
END {
    print "| plain |" row["plain"]
    print "| residual, option A |" row["resnet"]
}' "$1/results/published/quickstart/table.csv" |
    while read -r line; do
        grep -qxF -- "$line" "$1/README.md" || { echo "README.md lacks '$line'" >&2; exit 1; }
    done
