# Time and energy of a run and number of parameters against depth: a panel each, a colour a series. Series may
# coincide (plain and resnet A have the same parameters): each lies narrower on the one before.
#   $lines  index j: depth, mean, least, greatest             line_style[j], line_title[j]
#   panel p: lines line_first[p]..line_last[p], label_p, unit_p, y_max_p
set multiplot layout 1, panels \
    margins screen 70.0 / width, 1 - 1.0 * legend_width / width, 65.0 / height, 1 - 20.0 / height \
    spacing screen 90.0 / width, 0
set errorbars 0
do for [p = 1:panels] {
    set yrange [0:value(sprintf('y_max_%d', p))]
    set ylabel value(sprintf('label_%d', p))
    unit = value(sprintf('unit_%d', p))
    if (p > 1) { unset key }
    plot for [j = line_first[p]:line_last[p]] $lines index (j - 1) \
             using 1:($2 / unit):($3 / unit):($4 / unit) with yerrorlines ls line_style[j] \
             lw 4.0 / (j - line_first[p] + 1) ps 1.5 / sqrt(j - line_first[p] + 1) \
             title line_title[j]
}
unset multiplot
unset output
