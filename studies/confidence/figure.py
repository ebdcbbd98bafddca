"""The table, for each network its histograms, and the pictures that it is surest of."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from torch import Tensor

from drawing.grid import Panel, draw_grid, stack
from drawing.lettering import DOTS_PER_INCH
from drawing.plots import pixels_of
from drawing.table_picture import draw_table
from measures.calibration import entropy
from studies.confidence.results import KINDS, OWN, SHOWN, Calibration, Findings, Shown

COLOURS = dict(zip(KINDS, ("tab:blue", "tab:red", "0.35", "tab:green"), strict=True))
BINS = np.linspace(0, 1, 21)  # of the histograms


def draw(findings: Sequence[Findings], header: Sequence[str], rows: Sequence[Sequence[str]], note: str) -> np.ndarray:
    """Table, histograms, pictures, below each other -> uint8 (H, W, 3)."""
    table = draw_table(header, rows, title="Does it know that it does not know?", note=note)
    return stack([table, draw_histograms(findings), draw_surest(findings)])


def draw_histograms(findings: Sequence[Findings]) -> np.ndarray:
    """A row for each network: reliability diagram, confidence, entropy."""
    figure = Figure(figsize=(16.5, 3.4 * len(findings)), dpi=DOTS_PER_INCH, facecolor="white", layout="constrained")
    rows = figure.subplots(len(findings), 3, squeeze=False)
    for found, (first, second, third) in zip(findings, rows, strict=True):
        draw_reliability(first, found.name, found.calibration)
        said = found.probabilities
        confidence = {kind: values.amax(dim=1) for kind, values in said.items()}
        draw_histogram(second, confidence, found.name, "confidence: the probability of its answer")
        uncertainty = {kind: entropy(values) for kind, values in said.items()}
        draw_histogram(third, uncertainty, found.name, "entropy of its answer: 0 certain, 1 knows nothing")
    # Once for all panels: within them it would hide a histogram.
    lines = [Line2D([], [], color=colour, linewidth=2, label=kind) for kind, colour in COLOURS.items()]
    figure.legend(handles=lines, loc="outside upper right", ncols=len(lines), fontsize=10, frameon=False)
    return pixels_of(figure)


def draw_histogram(axes: Axes, kinds: dict[str, Tensor], title: str, across: str) -> None:
    """How the values (N,) of each kind are spread over 0 to 1."""
    for kind, values in kinds.items():
        weights = np.full(len(values), 100 / len(values))
        style = {"bins": BINS, "weights": weights, "color": COLOURS[kind]}
        axes.hist(values.numpy(), histtype="stepfilled", alpha=0.12, **style)
        axes.hist(values.numpy(), histtype="step", linewidth=1.8, **style)
    axes.set_xlim(0, 1)
    axes.set_xlabel(across)
    axes.set_ylabel("pictures, %")
    axes.set_title(title, fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)


def draw_reliability(axes: Axes, name: str, calibration: Calibration | None) -> None:
    """Accuracy against confidence, bin by bin, or why it cannot be drawn."""
    if calibration is None:
        axes.set_title(name, fontsize=11)
        axes.text(0.5, 0.5, "no labelled pictures of its world:\nits calibration is unknown", ha="center", va="center")
        axes.set_axis_off()
        return
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("confidence")
    axes.set_ylabel("share named rightly")
    axes.spines[["top", "right"]].set_visible(False)
    axes.plot([0, 1], [0, 1], color="0.5", linestyle="--", linewidth=1)
    counts, confidence, accuracy = (values.numpy() for values in calibration.raw)
    bins = len(counts)
    place = {"x": np.arange(bins) / bins, "width": 1 / bins, "align": "edge", "edgecolor": "white"}
    axes.bar(height=np.minimum(accuracy, confidence), color="tab:blue", **place)
    gaps = {"too sure": (accuracy, confidence, "tab:red"), "not sure enough": (confidence, accuracy, "tab:cyan")}
    for words, (low, high, colour) in gaps.items():
        axes.bar(height=np.maximum(high - low, 0), bottom=low, color=colour, alpha=0.5, label=words, **place)
    for index in counts.nonzero()[0]:
        colour = "white" if min(accuracy[index], confidence[index]) > 0.08 else "0.3"  # on the bar, or above it
        axes.text((index + 0.5) / bins, 0.02, f"{counts[index]}", ha="center", fontsize=7, color=colour)
    axes.set_title(f"{name}: expected calibration error {calibration.raw.error:.3f}", fontsize=11)
    axes.legend(fontsize=9, frameon=False, loc="upper left")


def draw_surest(findings: Sequence[Findings]) -> np.ndarray:
    """A row for each network: the pictures of each kind that it is surest of, of its own world the surest mistakes."""
    rows = []
    for found in findings:
        nothing = [Shown(np.full((found.size, found.size, 3), 255, np.uint8), "none")] * SHOWN
        row = []
        for kind in KINDS:
            named = f"{OWN}, wrong" if kind == OWN and found.calibration is not None else kind
            pictures = (found.surest.get(kind, []) + nothing)[:SHOWN]
            row += [Panel(shown.pixels, f"{named}:\n{shown.words}") for shown in pictures]
        rows.append(row)
    return draw_grid(
        rows,
        row_names=[found.name for found in findings],
        cell=1.9,
        title="The pictures it is surest of",
        footer=f"SqueezeNet 1.1, weights {'; '.join(found.weights_name for found in findings)}",
    )
