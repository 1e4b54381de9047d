# Norm of the loss's gradient by each layer's weight, in the step before the first and before the
# last evaluation: every convolution larger than 1x1, in the net's order. A colour a depth, residual
# nets bold, plain ones dashed; a band from the least to the greatest of several seeds.
#   $lines  index j: layer, mean, least, greatest              line_style[j], line_title[j]
#   panel p: panel_title_p, lines line_first[p]..line_last[p]
set multiplot layout panels, 1 \
    margins screen 80.0 / width, 1 - 1.0 * legend_width / width, 65.0 / height, 1 - 30.0 / height \
    spacing screen 0, 70.0 / height
set xrange [0:x_max]
set logscale y
set yrange [y_min:y_max]
# ticks at 1, 2 and 5 times the powers of ten, over a wide range at the powers alone
set ytics (y_min y_min)
do for [k = floor(log10(y_min)):ceil(log10(y_max))] {
    do for [m in (y_max / y_min > 1000 ? '1' : '1 2 5')] { set ytics add (m * 10.0 ** k) }
}
set ylabel 'gradient norm'
do for [p = 1:panels] {
    set title value(sprintf('panel_title_%d', p))
    set xlabel (p == panels ? 'layer, in the order of the net' : '')
    if (p > 1) { unset key }
    plot for [j = line_first[p]:line_last[p]] $lines index (j - 1) using 1:3:4 \
             with filledcurves ls line_style[j] fs transparent solid 0.12 noborder notitle, \
         for [j = line_first[p]:line_last[p]] $lines index (j - 1) using 1:2 \
             with lines ls line_style[j] title line_title[j]
}
unset multiplot
unset output
