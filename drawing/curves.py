"""How numbers went: curves over steps."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from drawing.grid import DOTS_PER_INCH, pixels_of


def draw_curves(
    curves: dict[str, Sequence[float]], *, title: str, across: str, up: str, marks: dict[int, str], footer: str = ""
) -> np.ndarray:
    """Draw how numbers fell, on a logarithmic scale -> RGB (H, W, 3), uint8; the last value of each in the legend.

    Where all are 0 the scale is linear. marks: words at positions along the way, e.g. where a larger size began.
    """
    figure = Figure(figsize=(8, 4.2), dpi=DOTS_PER_INCH, facecolor="white", layout="constrained")
    axes = figure.add_subplot()
    colours = ("black", "tab:blue", "tab:orange", "tab:green", "tab:purple")
    for (name, values), colour in zip(curves.items(), colours, strict=False):
        steps = np.arange(1, len(values) + 1)
        axes.plot(steps, values, color=colour, linewidth=1.6, label=f"{name}, {values[-1]:.3g} at last")
    for at, words in marks.items():
        axes.axvline(at + 1, color="0.8", linewidth=0.8, zorder=0)
        place = {"xycoords": axes.get_xaxis_transform(), "xytext": (3, -9), "textcoords": "offset points"}
        axes.annotate(words, (at + 1, 1), fontsize=7.5, color="0.4", **place)
    positive = [value for values in curves.values() for value in values[len(values) // 20 :] if value > 0]
    if positive:  # a loss that is 0 at the start would stretch the scale to no end
        axes.set_yscale("log")
        axes.set_ylim(bottom=min(positive) / 2)
    axes.set_title(title, fontsize=12, parse_math=False)
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.legend(fontsize=9, loc="best", bbox_to_anchor=(0, 0, 1, 0.92))  # below the marks' words
    axes.spines[["top", "right"]].set_visible(False)
    if footer:
        figure.supxlabel(footer, fontsize=7.5, color="0.4", x=0.01, ha="left", parse_math=False)
    return pixels_of(figure)
