"""How numbers went: curves over steps."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from drawing.lettering import DOTS_PER_INCH
from drawing.plots import pixels_of

LOSS_COLOURS = ("tab:blue", "tab:green", "tab:red")
MOST_SMOOTHED = 50  # the loss of one batch is noisy: means of at most so many steps are drawn


class Learning(NamedTuple):
    """How a training went."""

    losses: Mapping[str, Sequence[float]]  # by name, one number a step
    up: str  # what they are, on the axis
    evaluated: Sequence[int] = ()  # after so many steps held-out pictures were judged
    held_out: Mapping[str, Sequence[float]] = {}  # the same losses of these, one number for each of `evaluated`
    shares: Sequence[float] = ()  # of these pictures, how many were named; drawn on an axis of its own
    right: str = ""  # what they are
    marks: Sequence[tuple[int, str]] = ()  # words at steps where something began

    def table(self) -> tuple[list[str], list[list[str | int]]]:
        """Header and rows, one for each of `evaluated`: the means of the losses since the one before, and the rest."""
        held_out = {f"held-out {name}": values for name, values in self.held_out.items()}
        if self.shares:
            held_out["share named"] = self.shares
        rows, starts = [], (0, *self.evaluated)
        for place, (start, end) in enumerate(zip(starts, self.evaluated, strict=False)):
            numbers = [np.mean(values[start:end]) for values in self.losses.values()]
            numbers += [values[place] for values in held_out.values()]
            rows.append([end, *(f"{number:.5f}" for number in numbers)])
        header = [name.replace(" ", "_").replace("-", "_") for name in ("step", *self.losses, *held_out)]
        return header, rows


def draw_learning_curve(learning: Learning) -> np.ndarray:
    """Draw losses and what held-out pictures gave against steps -> RGB (H, W, 3), uint8.

    Several losses share a logarithmic scale; those of held-out pictures are dotted, in the same colours.
    """
    figure = Figure(figsize=(8, 4), dpi=DOTS_PER_INCH, facecolor="white", layout="constrained")
    left, several = figure.subplots(), len(learning.losses) > 1
    for (name, values), colour in zip(learning.losses.items(), LOSS_COLOURS, strict=False):
        width = max(1, min(MOST_SMOOTHED, len(values) // 20))
        means = np.array(values)[: len(values) // width * width].reshape(-1, width).mean(axis=1)
        left.plot((np.arange(len(means)) + 0.5) * width, means, color=colour, label=name)
        if name in learning.held_out:
            left.plot(learning.evaluated, learning.held_out[name], ".--", color=colour, linewidth=0.8)
    left.set_xlabel("steps")
    left.set_ylabel(learning.up, color="black" if several else LOSS_COLOURS[0])
    if several:
        left.set_yscale("log")
        if learning.held_out:
            left.plot([], [], ".--", color="0.4", label="held out")
        left.legend(frameon=False, ncols=4, loc="upper center", bbox_to_anchor=(0.5, 1.12))
    if learning.shares:
        right = left.twinx()
        right.plot(learning.evaluated, learning.shares, color="tab:orange", marker=".")
        right.set_ylabel(learning.right, color="tab:orange")
        right.set_ylim(0, 1.02)
    for first, words in learning.marks:
        left.axvline(first, color="0.8", linewidth=1, zorder=0)
        left.text(first, 1.01, f" {words}", transform=left.get_xaxis_transform(), fontsize=8, color="0.4")
    return pixels_of(figure)


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
