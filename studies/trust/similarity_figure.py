"""How alike old and new maps are, over the blocks that are random, a line for each row of the table."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from drawing.lettering import DOTS_PER_INCH
from drawing.plots import pixels_of
from studies.shared.network import short_name
from studies.trust.lines import lines_of, write_footer
from studies.trust.rows import Row
from studies.trust.scores import Scores
from studies.trust.summary import RANK_CORRELATION, SSIM, extremes, likeness, means_over_blocks

KINDS = {"cascading": "random from the top down to ...", "block_by_block": "only this block random"}
MEASURES = {"rank correlation": RANK_CORRELATION, "SSIM": SSIM}
LETTERS = 16  # of a block's name below a tick
TITLE = "Does the map follow the weights? Likeness of old and new maps: a line that stays up does not."


def draw_similarity(
    rows: Mapping[str, Row], scores: Mapping[str, Scores], blocks: Sequence[str], *, draws: int, footer: str
) -> np.ndarray:
    """Rank correlation and SSIM, cascading and block by block -> uint8 (H, W, 3)."""
    shown = {title: scores[title] for title, row in rows.items() if row.drawn}
    lines = lines_of(rows)
    figure = Figure(figsize=(12.5, 8.4), dpi=DOTS_PER_INCH, facecolor="white", layout="constrained")
    axes = figure.subplots(2, 2, sharey=True, sharex="col")
    places = range(1, len(blocks) + 1)
    for column, (kind, words) in enumerate(KINDS.items()):
        for row, (label, measure) in enumerate(MEASURES.items()):
            place = axes[row][column]
            for title, values in shown.items():
                heights = means_over_blocks(values[kind][..., measure])
                start = [(0, 1.0)] if kind == "cascading" else []  # nothing is random: the same map
                x, y = zip(*start, *zip(places, heights, strict=True), strict=True)
                place.plot(x, y, **lines[title]._asdict(), marker="o", markersize=3.5, label=title)
            if measure == RANK_CORRELATION:
                floors = [
                    means_over_blocks(values[f"{kind} floor"])
                    for title, values in shown.items()
                    if not rows[title].control
                ]
                place.fill_between(places, *extremes(floors), color="0.88", zorder=0, label="the architecture alone")
            style_axes(place, blocks, from_none=kind == "cascading")
            if column == 0:
                place.set_ylabel(label, fontsize=11)
            if row == 0:
                place.set_title(words, fontsize=12, fontweight="bold")
    add_legend(figure, axes[0][0], shown)
    figure.suptitle(TITLE, fontsize=13, fontweight="bold")
    known = "grey: the rank correlation with another image's new map, from the lowest to the highest technique"
    count = len(next(iter(scores.values()))["cascading"])
    write_footer(figure, f"{known}; lines: mean over {count} images and {draws} random networks; {footer}", 0.008)
    return pixels_of(figure)


def style_axes(place: Axes, blocks: Sequence[str], *, from_none: bool) -> None:
    """Blocks across, likeness up. from_none: the lines begin where nothing is random."""
    place.axhline(0, color="0.85", linewidth=1, zorder=0)
    place.set_ylim(-0.25, 1.05)
    place.grid(axis="y", color="0.93")
    names = [*(["none"] if from_none else []), *(short_name(block, LETTERS) for block in blocks)]
    first = 0 if from_none else 1
    place.set_xticks(range(first, first + len(names)))
    place.set_xticklabels(names, rotation=40, ha="right")


def add_legend(figure: Figure, axes: Axes, shown: Mapping[str, Scores]) -> None:
    """Below all axes, each row with its verdict; room is made for it."""
    handles, labels = axes.get_legend_handles_labels()
    for index, title in enumerate(labels):
        if title in shown:
            found = likeness(shown[title])
            floor = "" if math.isnan(found.floor) else f", architecture {found.floor:.2f}"
            labels[index] = f"{title}: {found.verdict} ({found.rank_correlation:.2f}{floor})"
    bottom = (0.75 + 0.2 * math.ceil(len(labels) / 3)) / figure.get_figheight()
    figure.get_layout_engine().set(rect=(0, bottom, 1, 1 - bottom))
    count = len(next(iter(shown.values()))["all_random"])
    question = f"follows the weights? (rank correlation after randomising all, {count} images)"
    place = {"loc": "lower center", "bbox_to_anchor": (0.5, 0.03)}
    figure.legend(handles, labels, ncols=3, fontsize=8.5, columnspacing=1.2, frameon=False, title=question, **place)
