"""A picture for each question: accuracy under attack, certified radii, saliency maps, class pictures."""

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from drawing.colours import blank_note, heat, outline, stretch
from drawing.grid import Panel, draw_grid, stack
from drawing.lettering import DOTS_PER_INCH
from drawing.plots import pixels_of
from drawing.table_picture import draw_table
from patterns.scenes import Scene
from studies.robustness.results import CLASSES, SIZES, Findings
from studies.shared.pictures import score_title
from visualizers.randomised_smoothing import certified_accuracy

COLOURS = ("tab:gray", "tab:orange", "tab:blue", "tab:green", "tab:red", "tab:purple")
WIDTH, HIGH = 15.5, 4.2  # inches: as wide as the table, and how high curves are
STEP_OF_RADIUS = 0.01  # of the certified curve


def draw_accuracy(
    findings: Sequence[Findings],
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    note: str,
    *,
    bound: float,
    iterations: int,
) -> np.ndarray:
    """How often is each network right under attack? The table, and below it two curves -> uint8 (H, W, 3).

    bound: in grey levels; iterations: of the attack.
    """
    figure = Figure(figsize=(WIDTH, HIGH), dpi=DOTS_PER_INCH, facecolor="white", layout="constrained")
    left, right = figure.subplots(1, 2)
    for found, style in zip(findings, styles(findings), strict=True):
        left.plot(range(len(SIZES)), 100 * found.linf.double().mean(dim=1), marker="o", **style)
        right.plot([0, *found.by_steps], [100 * value for value in (found.clean, *found.by_steps.values())], **style)
    left.set_xticks(range(len(SIZES)), [f"{bound * size:g}" for size in SIZES])
    left.set_xlabel("largest change of a channel (L-infinity), of 255")
    left.set_title(f"Attacked within a distance, PGD of {iterations} steps", fontsize=11)
    steps = (0, *findings[0].by_steps)
    right.set_xscale("symlog", linthresh=1)
    right.set_xticks(steps, [f"{count}" for count in steps])
    right.set_xlabel("steps of the attack")
    right.set_title(f"More steps within {bound:g}/255", fontsize=11)
    for axes in (left, right):
        finish(axes)
    title = "Robust or plain: how often is it right, and where does it look?"
    return stack([draw_table(header, rows, title=title, note=note), pixels_of(figure)])


def draw_certified(findings: Sequence[Findings], labels: Tensor, *, sigma: float) -> np.ndarray:
    """Within which radius is the answer proved? Of the scenes of these labels (N,) -> uint8 (H, W, 3)."""
    figure = Figure(figsize=(WIDTH / 3, HIGH), dpi=DOTS_PER_INCH, facecolor="white", layout="constrained")
    axes = figure.subplots()
    longest = max(float(found.certificate.radii.max()) for found in findings) + 5 * STEP_OF_RADIUS
    radii = torch.arange(0, longest, STEP_OF_RADIUS, dtype=torch.float64)
    for found, style in zip(findings, styles(findings), strict=True):
        shares = certified_accuracy(found.certificate, labels, radii)
        axes.plot(radii, 100 * shares, drawstyle="steps-pre", **style)
    axes.set_xlabel("radius (L2, RGB, white 1)")
    axes.set_title(f"Proved within a radius, if smoothed with noise {sigma:g}", fontsize=11)
    finish(axes)
    return pixels_of(figure)


def styles(findings: Sequence[Findings]) -> list[dict[str, str | float]]:
    """How each network's line is drawn."""
    pairs = zip(findings, itertools.cycle(COLOURS), strict=False)
    return [{"color": colour, "label": found.name, "linewidth": 1.8} for found, colour in pairs]


def finish(axes: Axes) -> None:
    """What all curves have in common."""
    axes.set_ylim(-2, 102)
    axes.grid(color="0.93")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_ylabel("named rightly, %")
    axes.legend(fontsize=9, frameon=False, loc="upper right")


def draw_maps(findings: Sequence[Findings], examples: Sequence[Scene]) -> np.ndarray:
    """Where does each network look? A scene of each class, and below it each network's map -> uint8 (H, W, 3)."""
    pairs = zip(examples, CLASSES, strict=True)
    rows = [[Panel(outline(scene.image, scene.mask), name) for scene, name in pairs]]
    for found in findings:
        maps = zip(found.maps, examples, strict=True)
        rows.append([map_panel(values, scene.mask) for values, scene in maps])
    names = ["scene", *(found.name for found in findings)]
    return draw_grid(rows, row_names=names, title="Saliency maps: where a small change moves the score of the class")


def map_panel(values: Tensor, mask: np.ndarray) -> Panel:
    """A map (H, W), and how well it points at the object."""
    return Panel(heat(values.numpy()), score_title(values, mask), blank_note(values.numpy()))


def draw_classes(findings: Sequence[Findings], *, judged_at: int, footer: str) -> np.ndarray:
    """What does each network hold most typical of a class? Its pictures, a row for each network -> uint8 (H, W, 3).

    judged_at: pixels, the size at which the judge saw them; footer: who the judge is.
    """
    rows = [
        [Panel(stretch(pixels), title) for pixels, title in zip(found.pictures, found.titles, strict=True)]
        for found in findings
    ]
    return draw_grid(
        rows,
        row_names=[found.name for found in findings],
        title=f"What each holds most typical of {', '.join(CLASSES)}",
        footer=f"titles: what the judge sees, enlarged to {judged_at} pixels: {footer}; contrast stretched",
    )
