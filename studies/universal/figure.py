"""Draws the perturbation, what it reaches, and images without and with it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from core.images import denormalise, deprocess, normalise
from drawing.grid import Panel, draw_grid, stack
from drawing.lettering import DOTS_PER_INCH
from drawing.plots import pixels_of
from studies.shared.network import class_probabilities, class_title, footer

SHOWN = 6  # held-out images
SIDE = 2.75  # inches, of the perturbation
HIGH = 3.7  # inches, of what stands above the images
RED = "#b5352b"
NOISE = "random noise of the same norm"


class Rates(NamedTuple):
    """Shares of the held-out images whose first choice changes."""

    name: str  # what the perturbation was learned on, or which network it was carried to
    universal: float
    noise: float  # random noise of the same norm


class Judged(NamedTuple):
    """What a perturbation reaches."""

    result: Rates  # on the network that it was learned for
    curve: Sequence[tuple[int, float]]  # (images learned on, share of the held-out images named otherwise)
    trained: float | None  # share of the images that it was learned on; None: it comes from a file
    moved: Sequence[Rates]  # on other networks


def draw(model: nn.Module, held: Tensor, difference: Tensor, judged: Judged, *, bound: str) -> np.ndarray:
    """The perturbation (1, 3, H, W) and its rates above, six held-out images below -> uint8 (H, W, 3).

    bound: the bound in words.
    """
    step = max(1, (len(held) - 1) // SHOWN)  # no whole number of times all classes in turn
    shown = held[: step * SHOWN : step]
    rows = []
    for images in (shown, normalise((denormalise(shown) + difference).clamp(0, 1))):
        titles = [class_title(model, each, int(each.argmax())) for each in class_probabilities(model, images)]
        rows.append([Panel(*pair) for pair in zip(deprocess(images), titles, strict=True)])
    words = f"{footer(model)}; {bound}; pictures as an 8-bit PNG holds them"
    below = draw_grid(rows, row_names=("held-out images", "with the perturbation"), cell=1.75, footer=words)
    return stack([draw_head(difference, judged, below.shape[1], bound), below])


def draw_head(difference: Tensor, judged: Judged, width: int, bound: str) -> np.ndarray:
    """The perturbation magnified, and the fooling rate -> uint8 (h, width, 3)."""
    across, result = width / DOTS_PER_INCH, judged.result
    figure = Figure(figsize=(across, HIGH), dpi=DOTS_PER_INCH, facecolor="white")
    title = f"One perturbation changes what the network sees in {percent(result.universal)} of new images"
    if result.universal <= result.noise:
        title = f"Not fooled: {percent(result.universal)} of new images are named otherwise, no more than with noise"
    figure.text(0.3 / across, 1 - 0.24 / HIGH, title, fontsize=13, fontweight="bold", va="center")
    axes = figure.add_axes((0.36 / across, 0.18 / HIGH, SIDE / across, SIDE / HIGH))
    largest = float(difference.abs().max())
    magnified = 0.5 + 0.5 * difference[0].permute(1, 2, 0).cpu().numpy() / largest
    axes.imshow(magnified.clip(0, 1), interpolation="nearest")
    axes.set_axis_off()
    axes.set_title(f"the perturbation, {0.5 / largest:.3g} times magnified\n{bound}", fontsize=9, pad=3)
    axes = figure.add_axes((4.1 / across, 0.55 / HIGH, (across - 4.4) / across, 2.4 / HIGH))
    if len(judged.curve) > 1:
        draw_curve(axes, judged)
    else:
        draw_bars(axes, [result, *judged.moved])
    for each in judged.moved:
        axes.plot([], [], " ", label=f"{each.name}: {percent(each.universal)}, noise {percent(each.noise)}")
    axes.set_ylim(0, 102)
    axes.set_ylabel("named otherwise, %", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False, loc="best")
    return pixels_of(figure)


def draw_curve(axes: Axes, judged: Judged) -> None:
    """The fooling rate against the number of images."""
    counts, shares = zip(*judged.curve, strict=True)
    percents = [100 * share for share in shares]
    axes.plot(counts, percents, "o-", color=RED, label="perturbation, held-out images")
    axes.set_xscale("log")
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.minorticks_off()
    axes.plot(counts[-1:], [100 * judged.trained], "o", color=RED, fillstyle="none", label="images learned on")
    axes.axhline(100 * judged.result.noise, color="0.35", linestyle="--", label=NOISE)
    axes.set_xlabel("images it was learned on", fontsize=9)


def draw_bars(axes: Axes, rates: Sequence[Rates]) -> None:
    """The fooling rate of one perturbation on each network."""
    names = [each.name for each in rates]
    shares, noises = [100 * each.universal for each in rates], [100 * each.noise for each in rates]
    axes.bar(names, shares, color=RED, width=0.4, label="perturbation, held-out images")
    axes.bar(names, noises, color="0.35", width=0.2, label=NOISE)
    axes.set_xlim(-1, len(rates))  # a single bar must not fill the place


def percent(share: float) -> str:
    """A share in whole per cent."""
    return f"{100 * share:.0f} %"
