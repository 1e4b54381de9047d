#!/bin/sh
# sh results/summary.sh DIR NAME: what the CSV files and tables of the output folder DIR of
# experiments/NAME.csv say, as Markdown: command, commit, machine, runs that are not finished, the
# tables of 'harness plot' and the verdicts of 'harness verdict'. The same files give the same bytes.
set -eu
dir=$1 name=$2

# parse(LINE): cells[1..n] of a CSV line, quotes taken off. header(): where the columns are.
csv='
function parse(line,   n, c, i, quoted, text) {
    n = 0; text = ""; quoted = 0; split("", cells)
    for (i = 1; i <= length(line); i++) {
        c = substr(line, i, 1)
        if (c == "\"" && quoted && substr(line, i + 1, 1) == "\"") { text = text c; i++ }
        else if (c == "\"") quoted = !quoted
        else if (c == "," && !quoted) { cells[++n] = text; text = "" }
        else text = text c
    }
    cells[++n] = text
    return n
}
function header(   n, i) {
    n = parse($0); split("", column)
    for (i = 1; i <= n; i++) column[cells[i]] = i
}
function cell(name) { return name in column ? cells[column[name]] : "" }
function note(kind, text) {
    if (text != "" && !((kind, text) in seen)) {
        seen[kind, text] = 1
        all[kind] = all[kind] (all[kind] == "" ? "" : ", ") text
    }
}
'

# The plan, where there is one, names the runs that are left.
facts() {
    set -- "$dir/runs.csv"
    [ ! -f "$dir/plan.csv" ] || set -- "$@" "$dir/plan.csv"
    awk -v name="$name" "$csv"'
    /^#/ { next }
    FILENAME != present { present = FILENAME; file++; header(); next }
    { parse($0) }
    file == 1 {
        runs++; ended[cell("key")] = cell("status")
        trouble[cell("status")]++
        seconds += cell("seconds")
        if (cell("host_load") + 0 > load) load = cell("host_load") + 0
        note("date", substr(cell("started"), 1, 10)); note("commit", cell("commit"))
        note("compiler", cell("compiler")); note("libraries", cell("libraries"))
        note("machine", cell("device") (cell("isa") == "" ? "" : " (" cell("isa") ")"))
        note("threads", cell("threads"))
    }
    file == 2 {
        if (cell("key") in ended) next
        left++
        names = names (left > 1 ? "; " : "") cell("run") " (" cell("title") ")"
    }
    END {
        printf "`harness run experiments/%s.csv`: ", name
        if (left) printf "%d of %d runs", runs, runs + left
        else printf "%d run%s", runs, runs == 1 ? "" : "s"
        count = split("diverged failed crashed", states, " ")
        for (i = 1; i <= count; i++)
            if (trouble[states[i]]) printf ", %d of them %s", trouble[states[i]], states[i]
        printf ", begun on %s, commit %s, %s, %s, threads: %s, %s. ", all["date"], all["commit"],
            all["compiler"], all["machine"], all["threads"], all["libraries"]
        minutes = int(seconds / 60 + 0.5)
        if (minutes >= 60) printf "Training took %d h %d min", int(minutes / 60), minutes % 60
        else printf "Training took %d min", minutes
        printf " in all; the load average of the machine was at most %.1f.\n", load
        if (left)
            printf "\nNot finished, and in no table: runs %s. The command goes on with them.\n", names
    }' "$@"
}

verdicts() {
    awk "$csv"'
    function digits(text) { return text == "" ? "" : sprintf("%.2f", text) }
    function side(n, mean, sd) {
        return digits(mean) (sd == "" ? "" : " ± " digits(sd)) " (" n + 0 ")"
    }
    FNR == 1 { header(); next }
    FNR == 2 {
        print "\n| expected or claimed | measured (runs) | against | difference | interval, 90 % | verdict |"
        print "|---|--:|--:|--:|--:|---|"
    }
    {
        parse($0)
        claim = cell("kind") == "claim"
        what = claim ? cell("claim") ": " cell("metric") : cell("left") ": " cell("metric")
        against = claim ? side(cell("right_n"), cell("right_mean"), cell("right_sd")) \
                        : digits(cell("expect")) " ± " digits(cell("tolerance"))
        interval = cell("ci_low") cell("ci_high") == "" ? "" \
                   : digits(cell("ci_low")) " to " digits(cell("ci_high"))
        gsub(/\|/, "/", what)
        printf "| %s | %s | %s | %s | %s | %s |\n", what,
            side(cell("n"), cell("mean"), cell("sd")), against, digits(cell("effect")), interval,
            cell("verdict")
    }' "$dir/verdict.csv"
}

distances() {
    awk "$csv"'
    FNR == 1 { header(); next }
    FNR == 2 {
        print "\n| distance to Fig. 6, medians | error | iterations | points | ours % | paper % | difference |"
        print "|---|---|--:|--:|--:|--:|--:|"
    }
    {
        parse($0)
        printf "| %s %d | %s | %d to %d | %d | %.2f | %.2f | %.2f |\n", cell("series"), cell("depth"),
            cell("error"), cell("from"), cell("to"), cell("points"), cell("ours"), cell("paper"),
            cell("median_difference")
    }' "$dir/fig6_distance.csv"
}

facts
for table in table.md shortcuts.md claims.md; do
    [ ! -f "$dir/$table" ] || { echo; cat "$dir/$table"; }
done
[ ! -f "$dir/fig6_distance.csv" ] || distances
[ ! -f "$dir/verdict.csv" ] || verdicts
