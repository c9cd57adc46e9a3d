# Draws instructions of a sequence against the share of updates from what device_report writes:
#
#   gnuplot -e "data='devices.dat'; picture='devices.svg'" tests/devices/devices_plot.gp
#
# A panel for each core; of its four sizes the file has a block each: share, integers, float, CMSIS-NN.
if (!exists('data')) data = 'devices.dat'
if (!exists('picture')) picture = 'devices.svg'

set terminal svg size 1040,560 font 'sans-serif,14' background 'white' noenhanced
set output picture
set datafile missing '?'
# The colours of Okabe and Ito, as in the pictures of sequence_tasks: one for each size.
array colours[4] = ['#0072B2', '#D55E00', '#009E73', '#CC79A7']
array neurons[4] = [32, 64, 110, 128]
array cores[2] = ['Cortex-M4F', 'Cortex-M0']

set multiplot layout 1,2 title 'Million instructions for 784 steps against the share of updates' \
    margins 0.08,0.98,0.3,0.86 spacing 0.08
set grid linecolor '#d0d0d0'
set border 3
set tics nomirror
set logscale xy
set xrange [1.6:130]
set yrange [0.1:10000]
set xtics ('2 %%' 2, '5 %%' 5, '10 %%' 10, '20 %%' 20, '50 %%' 50, '100 %%' 100)
set ytics ('0.1' 0.1, '1' 1, '10' 10, '100' 100, '1000' 1000, '10 000' 10000)
set xlabel 'neuron updates'
do for [core = 1:2] {
  set title cores[core]
  if (core == 1) {
    set key at screen 0.5,0.1 center vertical maxrows 4 samplen 3 width 2 Left reverse
  } else {
    unset key
  }
  first = 4 * (core - 1)
  plot for [n = 1:4] data index first + n - 1 using 1:2 with linespoints linewidth 2 pointtype 7 \
           pointsize 0.6 linecolor rgb colours[n] title sprintf('%d neurons', neurons[n]), \
       for [n = 1:4] data index first + n - 1 using 1:3 with linespoints linewidth 1.5 dashtype 3 \
           pointtype 6 pointsize 0.6 linecolor rgb colours[n] notitle, \
       for [n = 1:4] data index first + n - 1 using (1.6):4:(130 - 1.6):(0) every ::0::0 with vectors \
           nohead linewidth 1.5 dashtype 2 linecolor rgb colours[n] notitle, \
       1 / 0 with linespoints linewidth 2 pointtype 7 pointsize 0.6 linecolor rgb 'black' \
           title 'integers of 8 and 16 bits', \
       1 / 0 with linespoints linewidth 1.5 dashtype 3 pointtype 6 pointsize 0.6 linecolor rgb 'black' \
           title 'float', \
       1 / 0 with lines linewidth 1.5 dashtype 2 linecolor rgb 'black' \
           title 'LSTM of CMSIS-NN, integers, all updates'
}
unset multiplot
