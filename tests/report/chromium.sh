#!/bin/sh
# chromium.sh HARNESS FIXTURE WORK: the report in a real browser. It fits a phone, is dark by night and
# light on paper, its figures have names, and nothing in it makes the browser complain.
# 77, said aloud: no Chromium here.
set -eu
harness=$1 fixture=$2 work=$3
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
    echo "SKIPPED: no chromium in PATH (Debian: chromium)"
    exit 77
}
rm -rf "$work"
mkdir -p "$work/results" "$work/home"
cp "$fixture/runs.csv" "$fixture/curves.csv" "$work/results"
cat > "$work/results/expectations.csv" <<EOF
key,metric,expect,tolerance,source
key0,test_error_pct,21.5,4,"a source whose name is long enough to need a second line on a phone"
EOF
cat > "$work/results/x.claims.csv" <<EOF
claim,metric,left,relation,right,margin,source
Plain is worse than residual,test_error_pct,family=plain depth=20,>,family=resnet depth=20 shortcut=A,,
EOF
"$harness" report "$work/results"

run() {
    sandbox=
    [ "$(id -u)" -ne 0 ] || sandbox=--no-sandbox
    HOME=$work/home timeout 100 "$browser" --headless $sandbox --disable-gpu --disable-quic --no-first-run \
        --disable-background-networking --disable-component-update --disable-sync --hide-scrollbars \
        --user-data-dir="$work/home/profile" "$@"
}
fail() {
    echo "FAILED: $*"
    exit 1
}

# The page as it is: whatever its policy forbids, or a broken element, would be told on the console.
run --enable-logging=stderr --virtual-time-budget=2000 --dump-dom "file://$work/results/report.html" \
    > "$work/dom.html" 2> "$work/messages"
grep -q '<section id="repeat">' "$work/dom.html" || fail "the browser shows no page: $(tail -5 "$work/messages")"
! grep CONSOLE "$work/messages" || fail "the browser complains"

# The page with an observer in place of its policy, in a frame as wide as a phone.
cat > "$work/observer.html" <<'EOF'
<script>
addEventListener('load', () => {
    const root = document.documentElement, style = getComputedStyle(document.body);
    const light = c => c.match(/[\d.]+/g).slice(0, 3).reduce((a, b) => a + +b, 0) / 765;
    const figures = [...document.querySelectorAll('figure')], svgs = [...document.querySelectorAll('svg')];
    const named = svgs.filter(s => s.getAttribute('role') === 'img' &&
        s.getAttribute('aria-labelledby').split(' ').every(id => document.getElementById(id).textContent.length > 9));
    const dark = matchMedia('(prefers-color-scheme: dark)').matches;
    parent.postMessage([
        'width=' + innerWidth,
        'fits=' + (root.scrollWidth <= innerWidth),
        'figures=' + figures.length,
        'named=' + named.length,
        'drawn=' + svgs.filter(s => s.getBoundingClientRect().width > 300).length,
        'tables=' + figures.filter(f => f.querySelectorAll('tbody tr').length > 1).length,
        'verdicts=' + document.querySelectorAll('td.v').length,
        'dark=' + dark,
        'contrast=' + (Math.abs(light(style.color) - light(style.backgroundColor)) > 0.7),
        'night=' + (light(style.backgroundColor) < 0.2),
        'letters=' + parseFloat(style.fontSize)
    ].join(' '), '*');
});
</script>
EOF
sed '/Content-Security-Policy/d' "$work/results/report.html" > "$work/observed.html"
cat "$work/observer.html" >> "$work/observed.html"
cat > "$work/phone.html" <<'EOF'
<!DOCTYPE html><pre id="said"></pre>
<script>addEventListener('message', e => document.getElementById('said').textContent = e.data)</script>
<iframe src="observed.html" style="width:390px;height:844px;border:0"></iframe>
EOF
observe() {
    run --virtual-time-budget=4000 --dump-dom "$@" "file://$work/phone.html" 2> /dev/null | grep -o 'width=[^<]*'
}
by_day=$(observe --blink-settings=preferredColorScheme=1) || fail "the observer said nothing"
by_night=$(observe --blink-settings=preferredColorScheme=0) || fail "the observer said nothing"
same="figures=3 named=3 drawn=3 tables=3 verdicts=2"
[ "$by_day" = "width=390 fits=true $same dark=false contrast=true night=false letters=16" ] || fail "by day: $by_day"
[ "$by_night" = "width=390 fits=true $same dark=true contrast=true night=true letters=16" ] || fail "by night: $by_night"

run --no-pdf-header-footer --print-to-pdf="$work/report.pdf" "file://$work/results/report.html" 2> /dev/null
[ "$(head -c 5 "$work/report.pdf")" = "%PDF-" ] || fail "it cannot be printed"
echo "by day:   $by_day"
echo "by night: $by_night"
