# Error against iterations in the manner of He et al. 2015, Fig. 6: a panel a family, test bold, train
# dashed, the same axes everywhere, one colour a depth.
#   $lines  index j: iteration, error %, least, greatest (over seeds)   line_style[j]
#   $marks  index p: iteration, error %, line type: the last value before a run of panel p diverged
#   $paper  index j: iteration, error %; paper_style[j]; panel p: paper_first[p]..paper_last[p]
#   panel p: panel_title_1[p] and _2[p], lines line_first[p]..line_last[p], labels label_first[p]..label_last[p]
set multiplot layout panel_rows, panel_columns \
    margins screen margin_left, 1 - margin_right, margin_bottom, 1 - margin_top \
    spacing screen gap_x, gap_y
set xrange [0:x_max]
set yrange [0:y_max]
set clip two

do for [p = 1:panels] {
    unset label
    do for [k = label_first[p]:label_last[p]] {
        set label k label_text[k] at first x_max, first label_y[k] offset 0.6, 0 left \
            textcolor ls label_style[k] noenhanced
    }
    set title panel_title_1[p] . (panel_title_2[p] eq '' ? '' : "\n" . panel_title_2[p]) noenhanced
    set xlabel (p > panels - panel_columns ? x_label : '')
    set ylabel ((p - 1) % panel_columns == 0 ? 'error (%)' : '')
    if (p == 1) {
        set key at screen 0.5, screen 5.0 / height center bottom horizontal maxrows 1 samplen 3
    } else {
        unset key
    }
    plot for [j = paper_first[p]:paper_last[p]] $paper index (j - 1) using ($1 / unit):2 \
             with lines ls paper_style[j] notitle, \
         for [j = line_first[p]:line_last[p]] $lines index (j - 1) using ($1 / unit):3:4 \
             with filledcurves ls line_style[j] fs transparent solid 0.12 noborder notitle, \
         for [j = line_first[p]:line_last[p]] $lines index (j - 1) using ($1 / unit):2 \
             with lines ls line_style[j] notitle, \
         $marks index (p - 1) using 1:2:3 with points pt 2 ps 1.2 lw 2 lc variable notitle, \
         NaN with lines ls 21 title 'test', \
         NaN with lines ls 22 title 'train', \
         NaN with lines ls (any_paper ? 23 : 22) title (any_paper ? 'paper' : ''), \
         NaN with points pt (any_mark ? 2 : 0) ps 1.2 lw 2 lc rgb '#000000' \
             title (any_mark ? 'diverged' : '')
}
unset multiplot
unset output
