/* How the page looks: on a phone and on paper, by day and by night. */
#include "harness/report/page.h"

/* Figures are drawn dark on light. By night they are inverted and their hues turned back, so that a
 * blue line stays blue. */
static const char style[] =
    ":root{color-scheme:light dark;--text:#1b1b1b;--soft:#595959;--page:#fff;--line:#c8c8c8;"
    "--head:#f1f1f1;--good:#0b6b3a;--bad:#a3200d;--open:#7a5200}\n"
    "@media (prefers-color-scheme:dark){:root{--text:#e8e8e8;--soft:#b0b0b0;--page:#16181c;"
    "--line:#45484e;--head:#24272d;--good:#6fd49b;--bad:#ff9a85;--open:#f0c060}"
    "figure svg{filter:invert(.91) hue-rotate(180deg)}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--page);color:var(--text);"
    "font:1rem/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}\n"
    "main{max-width:72rem;margin:0 auto;padding:1rem;overflow-wrap:break-word}\n"
    "h1{font-size:1.7rem;line-height:1.2;margin:.5rem 0}\n"
    "h2{font-size:1.25rem;margin:2.2rem 0 .6rem;border-bottom:1px solid var(--line)}\n"
    "h3{font-size:1.05rem;margin:1.4rem 0 .4rem}\n"
    "p,ul{max-width:46rem;margin:.5rem 0}\n"
    ".soft,figcaption,caption{color:var(--soft);font-size:.875rem}th .soft{font-size:.8rem}\n"
    ".scroll{overflow-x:auto;margin:.6rem 0 1.2rem;max-width:100%}\n"
    ".scroll:focus-visible,pre:focus-visible,summary:focus-visible{outline:2px solid var(--open)}\n"
    "table{border-collapse:collapse;font-size:.875rem}\n"
    "caption{text-align:left;padding:0 0 .3rem}\n"
    "th,td{padding:.25rem .6rem;border-bottom:1px solid var(--line);text-align:left;"
    "vertical-align:top}\n"
    "thead th{background:var(--head);vertical-align:bottom}\n"
    "tbody th{font-weight:500;min-width:7rem}\n"
    ".n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}\n"
    ".v{min-width:8.5rem;font-weight:600}.good{color:var(--good)}.bad{color:var(--bad)}"
    ".open{color:var(--open)}\n"
    ".long{min-width:14rem}td.id{word-break:break-all;min-width:12rem}\n"
    "figure{margin:1rem 0}\n"
    "figure svg{display:block;height:auto;max-width:none}\n"
    "@media (min-width:48rem){figure svg{max-width:100%}}\n"
    "pre{overflow-x:auto;background:var(--head);padding:.7rem;font-size:.8125rem;line-height:1.4}\n"
    "summary{cursor:pointer;padding:.3rem 0}\n"
    "@media print{:root{--text:#000;--soft:#333;--page:#fff;--line:#999;--head:#eee;"
    "--good:#064;--bad:#800;--open:#640}"
    "html{font-size:9.5pt}main{max-width:none;padding:0}table{font-size:.8rem}"
    "th,td{padding:.12rem .3rem}.scroll,pre{overflow:visible}"
    "pre{white-space:pre-wrap;word-break:break-all;font-size:.75rem}"
    "figure svg{max-width:100%;filter:none}figure,tr{break-inside:avoid}h2,h3{break-after:avoid}"
    ".long,td.id,tbody th{min-width:0}.v{min-width:0}details:not([open]){display:none}}\n"
    "@page{margin:14mm}\n";

void page_style(FILE *file) {
    fprintf(file, "<style>\n%s</style>\n", style);
}
