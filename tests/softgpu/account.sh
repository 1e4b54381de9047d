# usage: account.sh HARNESS DEPTH NODES BYTES: the captured step of a residual net at batch 128 in bf16
# has at most so many graph nodes and moves at most so many bytes.
"$1" bench --backend gpu --account --steps 0 --set depth="$2",precision=bf16 | awk -F, -v nodes="$3" -v bytes="$4" '
    { print }
    $1 == "total" { seen = 1; good = $5 > 0 && $5 <= nodes && $3 > 0 && $3 <= bytes && $4 <= $3 }
    END { print "budget: " nodes " nodes, " bytes " bytes"; exit !(seen && good) }'
