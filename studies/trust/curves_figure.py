"""Deletion and insertion of one image, a line for each row of the table."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from drawing.lettering import DOTS_PER_INCH
from drawing.plots import pixels_of
from studies.trust.lines import lines_of, write_footer
from studies.trust.pictures import Example
from studies.trust.rows import Row
from studies.trust.scores import Scores
from studies.trust.summary import areas
from studies.trust.table import blur_pixels


def draw_curves(rows: Mapping[str, Row], scores: Mapping[str, Scores], example: Example, footer: str) -> np.ndarray:
    """The example and its two curves -> uint8 (H, W, 3)."""
    figure = Figure(figsize=(13, 5), dpi=DOTS_PER_INCH, facecolor="white", layout="constrained")
    picture, *axes = figure.subplots(1, 3, width_ratios=(0.7, 1, 1))
    picture.imshow(example.pixels)
    picture.set_axis_off()
    picture.set_title(example.title, fontsize=11, parse_math=False)
    sigma = blur_pixels(example.pixels.shape[1])
    words = {
        "deletion": "Deletion: low is good\nthe most important pixels first, to the mean colour",
        "insertion": f"Insertion: high is good\nthe same pixels first, into a blur of {sigma} pixels",
    }
    stages = next(iter(scores.values()))["deletion"].shape[1] - 1
    share = np.linspace(0, 100, stages + 1)
    for place, (kind, title) in zip(axes, words.items(), strict=True):
        for name, line in lines_of(rows).items():
            curve = scores[name][kind][0]
            label = f"{name} {float(areas(curve)):.2f}"
            place.plot(share, curve, **line._asdict(), linewidth=1.6, label=label)
        place.set_title(title, fontsize=11)
        place.set_xlabel("pixels changed, %")
        place.set_ylabel("probability of the class")
        place.set_ylim(-0.02, 1.02)
        place.grid(color="0.93")
        place.legend(fontsize=8.5, title="area under the curve", title_fontsize=8.5, framealpha=0.8)
    figure.suptitle("Do the pixels matter that the map calls important?", fontsize=13, fontweight="bold")
    figure.get_layout_engine().set(rect=(0, 0.035, 1, 0.965))
    write_footer(figure, f"{stages} stages, softmax probability; dashed and dotted: controls; {footer}", 0.012)
    return pixels_of(figure)
