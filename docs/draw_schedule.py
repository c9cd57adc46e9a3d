#!/usr/bin/env python3
"""Draws schedule.svg: the windows of six neurons, their segments and what is computed in each.

    docs/draw_schedule.py > docs/schedule.svg

The colours are of middle brightness, so that they can be read on white and on black.
"""
import math

windows = [(4, 26), (14, 38), (26, 50), (60, 84), (60, 96), (72, 96)]  # open, close
H, threshold = len(windows), 0.01
text, faint, blue, orange = "#808080", "#80808066", "#3b8fd6", "#e0812b"
left, unit, row, cell = 120, 7.4, 34, 10
raster, boxes, grids = 40, 40 + H * 34 + 26, 40 + H * 34 + 84  # top edges

out = []
def x(t): return round(left + unit * t, 1)
def line(x1, y1, x2, y2, colour, more=""):
    out.append(f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{colour}" {more}/>')
def rect(x1, y1, w, h, fill, more=""):
    out.append(f'<rect x="{x1}" y="{y1}" width="{w}" height="{h}" fill="{fill}" {more}/>')
def label(x1, y1, words, colour=text, anchor="middle", size=13):
    out.append(f'<text x="{x1}" y="{y1}" fill="{colour}" text-anchor="{anchor}" '
               f'font-size="{size}">{words}</text>')

times = sorted({t for window in windows for t in window})
for t in times:  # where a neuron opens or closes
    line(x(t), raster - 6, x(t), grids - 8, text, 'stroke-dasharray="2 3"')

label(x(50), 18, "the openness k of each neuron's time gate")
for j, (opening, closing) in enumerate(windows):
    base = raster + (j + 1) * row - 6
    label(left - 14, base, f"neuron {j + 1}", anchor="end")
    line(x(0), base, x(100), base, faint)
    mu, sigma = (opening + closing) / 2, (closing - opening) / 2 / math.sqrt(-math.log(threshold))
    curve = [(opening + (closing - opening) * i / 40) for i in range(41)]
    points = " ".join(f"{x(t)},{base - (row - 8) * math.exp(-((t - mu) / sigma) ** 2):.1f}" for t in curve)
    out.append(f'<polygon points="{x(opening)},{base} {points} {x(closing)},{base}" fill="{blue}" '
               f'fill-opacity="0.55" stroke="{blue}"/>')

label(left - 14, boxes + 20, "segment", anchor="end")
label(left - 14, boxes + 36, "(open neurons)", anchor="end", size=11)
label(left - 14, grids + 30, "of the recurrent", anchor="end", size=11)
label(left - 14, grids + 44, "weights it uses", anchor="end", size=11)
for begin, end in zip(times, times[1:]):
    A = [j for j, (opening, closing) in enumerate(windows) if opening <= begin and end <= closing]
    middle = (x(begin) + x(end)) / 2
    if not A:
        label(middle, boxes + 20, "nothing", text)
        label(middle, boxes + 36, "no work", text, size=11)
        continue
    rect(x(begin) + 2, boxes, round(x(end) - x(begin) - 4, 1), 44, orange, 'fill-opacity="0.25" rx="4"')
    label(middle, boxes + 20, f"a = {len(A)}", text)
    label(middle, boxes + 36, ", ".join(str(j + 1) for j in A), text, size=11)
    corner = round(middle - H * cell / 2, 1)
    for r in range(H):
        for c in range(H):
            inside = r in A and c in A
            rect(round(corner + c * cell, 1), grids + r * cell, cell, cell, orange if inside else "none",
                 f'stroke="{faint}"' + (' fill-opacity="0.9"' if inside else ""))

axis = grids + H * cell + 24
line(x(0), axis, x(100), axis, text)
out.append(f'<path d="M{x(100)},{axis - 4} l8,4 l-8,4 z" fill="{text}"/>')
label(x(50), axis + 18, "time")
width, height = left + unit * 100 + 20, axis + 28
print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" '
      f'width="{width:.0f}" height="{height}" font-family="sans-serif" role="img">')
print("<title>Windows of six neurons, the segments between their openings and closings, and the part "
      "of the recurrent weights that each segment uses</title>")
print("\n".join(out))
print("</svg>")
