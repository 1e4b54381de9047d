# Standard deviation of the layers' responses, as He et al. 2015, Fig. 7: every convolution larger
# than 1x1, after batch norm and before addition and nonlinearity. Above in the net's order, below
# sorted by magnitude; a colour a depth, residual nets bold, plain ones dashed; a band from the least
# to the greatest of several seeds.
#   $lines  index j: layer, mean, least, greatest              line_style[j], line_title[j]
#   panel p: lines line_first[p]..line_last[p]
set multiplot layout panels, 1 \
    margins screen 80.0 / width, 1 - 1.0 * legend_width / width, 65.0 / height, 1 - 15.0 / height \
    spacing screen 0, 70.0 / height
set xrange [0:x_max]
set yrange [0:y_max]
set ylabel 'standard deviation'
do for [p = 1:panels] {
    set xlabel (p == 1 ? 'layer, in the order of the net' : 'layer, sorted by magnitude')
    if (p > 1) { unset key }
    plot for [j = line_first[p]:line_last[p]] $lines index (j - 1) using 1:3:4 \
             with filledcurves ls line_style[j] fs transparent solid 0.12 noborder notitle, \
         for [j = line_first[p]:line_last[p]] $lines index (j - 1) using 1:2 \
             with lines ls line_style[j] title line_title[j]
}
unset multiplot
unset output
