# Final error against depth: a colour a series, test bold, train dashed; with several seeds a bar is
# the interval of the mean (90 %, Student's t) and a dot beside it a run's test error; a cross at the
# upper edge where a run diverged.
#   $lines  index j: depth, mean error %, ends of its interval      line_style[j], line_title[j]
#   line_shift[j]: of a series to the side, a share of the axis, so that bars stand side by side
#   $runs   depth, test error %, line type, shift
#   $marks  depth, height, line type
set yrange [0:y_max]
set ylabel 'final error (%)'
set errorbars 0
plot for [j = 1:lines] $lines index (j - 1) using (beside($1, line_shift[j])):2 \
         with linespoints ls line_style[j] title line_title[j], \
     for [j = 1:lines] $lines index (j - 1) using (beside($1, line_shift[j])):2:3:4 \
         with yerrorbars ls line_style[j] dt solid notitle, \
     $runs using (beside($1, $4)):2:3 with points pt 7 ps 0.4 lc variable notitle, \
     $marks using 1:2:3 with points pt 2 ps 1.2 lw 2 lc variable notitle, \
     NaN with points pt (any_mark ? 2 : 0) ps 1.2 lw 2 lc rgb '#000000' \
         title (any_mark ? 'diverged' : '')
unset output
