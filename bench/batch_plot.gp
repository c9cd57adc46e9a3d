# Draws ms against batch size from what bench_report writes beside its report:
#
#   gnuplot -e "data='bench_batches.dat'; picture='bench_batches.svg'" bench/batch_plot.gp
#
# A block of the file is a panel: its first header is the title, the others name the curves.
if (!exists('data')) data = 'bench_batches.dat'
if (!exists('picture')) picture = 'bench_batches.svg'

stats data every ::1 nooutput
panels = STATS_blocks
curves = STATS_columns
columns = 2
rows = (panels + 1) / columns
height = 30 + 420 * rows

# The colours of Okabe and Ito, as in the pictures of sequence_tasks.
set linetype 1 linecolor rgb '#0072B2' linewidth 2.5 pointtype 7 pointsize 0.6
set linetype 2 linecolor rgb '#D55E00' linewidth 1.5 pointtype 5 pointsize 0.5
set linetype 3 linecolor rgb '#009E73' linewidth 1.5 pointtype 9 pointsize 0.6
set linetype 4 linecolor rgb '#CC79A7' linewidth 1.5 pointtype 11 pointsize 0.6
set linetype 5 linecolor rgb '#E69F00' linewidth 1.5 pointtype 13 pointsize 0.6

set terminal svg size 960,height font 'sans-serif,14' background 'white' noenhanced
set output picture
set datafile missing '?'
set multiplot title 'Milliseconds against batch size'
set grid linecolor '#d0d0d0'
set border 3
set tics nomirror
set logscale xy
set xtics (1, 2, 4, 8, 16, 32, 64, 128)
set xrange [0.9:150]
set xlabel 'batch' offset 0,0.5
set ylabel 'ms' offset 1.5
set key top left reverse Left samplen 2

do for [panel = 0:panels - 1] {
  column = panel % columns
  row = panel / columns
  set lmargin at screen column * 0.5 + 0.08
  set rmargin at screen column * 0.5 + 0.48
  set tmargin at screen 1 - (70.0 + 420 * row) / height
  set bmargin at screen 1 - (390.0 + 420 * row) / height
  stats data index panel every ::0::0 using (title = stringcolumn(1), 1) nooutput
  set title title
  curves_here = ''
  do for [curve = 2:curves] {  # without peers that were not measured here
    stats data index panel every ::1 using (valid(curve)) nooutput
    if (STATS_max > 0) { curves_here = curves_here.' '.curve }
  }
  plot for [curve in curves_here] data index panel using 1:int(curve) with linespoints \
      linetype int(curve) - 1 title columnheader(int(curve))
}
unset multiplot
