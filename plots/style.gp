# The shared look of every figure. A figure's script is put together as: its data, this file, the
# figure's own file; the data say `name`, `width`, `height` (pixels) and the variables of the figure.
if (!exists("format")) format = 'svg'

set encoding utf8
if (format eq 'png') {
    set terminal pngcairo noenhanced font 'Sans,10' fontscale 2 linewidth 2 pointscale 2 \
        size 2 * width, 2 * height background '#ffffff'
} else {
    set terminal svg noenhanced font 'Helvetica,Arial,sans-serif' fontscale 1 \
        size width, height background '#ffffff'
}
set output name . '.' . format

# Okabe and Ito's palette, told apart by colour-blind readers too. Styles 1-8 are bold (test),
# 11-18 the same colours thin and dashed (train).
colours = '#0072B2 #D55E00 #009E73 #CC79A7 #E69F00 #56B4E9 #000000 #7F7F7F'
do for [i = 1:8] {
    set linetype i lc rgb word(colours, i)
    set style line i lc rgb word(colours, i) lw 2.2 dt solid pt 7 ps 0.8
    # the paper's curves behind ours: 41-48 test, 51-58 train
    set style line 40 + i lc rgb '#A0' . word(colours, i)[2:] lw 4.5 dt solid
    set style line 50 + i lc rgb '#A0' . word(colours, i)[2:] lw 2 dt (2, 3)
    set style line 10 + i lc rgb word(colours, i) lw 1.2 dt (8, 5) pt 6 ps 0.8
}
set style line 21 lc rgb '#404040' lw 2.2 dt solid pt 7 ps 0.8
set style line 22 lc rgb '#404040' lw 1.2 dt (8, 5) pt 6 ps 0.8
set style line 23 lc rgb '#A0404040' lw 4.5 dt solid
set style line 30 lc rgb '#D8D8D8' lw 0.6 dt solid

set border 3 lc rgb '#404040' lw 0.8
set tics nomirror out scale 0.6 textcolor rgb '#202020'
set format '%h'
set grid xtics ytics back ls 30
set key noenhanced

# A legend of full height on the right.
if (exists("legend_width")) {
    set rmargin at screen 1 - 1.0 * legend_width / width
    set tmargin at screen 1 - 20.0 / height
    set key at screen 1 - (legend_width - 15.0) / width, screen 1 - 15.0 / height \
        left top vertical Left reverse samplen 2.5 width -1 spacing 1.3 maxcols 1 maxrows 1000
}

# The x axis of figures over depth: a tick at each depth that was run, where there is room.
# beside(x, s): a place to the right of x by the share s of the axis.
if (exists("depth_ticks")) {
    set xrange [depth_low:depth_high]
    if (depth_logarithmic) { set logscale x }
    set xtics (word(depth_ticks, 1) 1 * word(depth_ticks, 1))
    do for [i = 2:words(depth_ticks)] {
        set xtics add (word(depth_ticks, i) 1 * word(depth_ticks, i))
    }
    beside(x, s) = depth_logarithmic ? x * (depth_high / depth_low) ** s \
                                     : x + s * (depth_high - depth_low)
    set xlabel 'depth (weighted layers)'
}
