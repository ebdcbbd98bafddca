"""Techniques down, scores across: the table, what stands below it, and how its cells are drawn."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from measures.localisation import SCORES
from measures.scorecard import BLUR_AT_224
from studies.trust.pictures import CHUNK
from studies.trust.rows import CONTROLS
from studies.trust.scores import Scores
from studies.trust.summary import RANK_CORRELATION, after_all, areas, kinds_of, likeness
from visualizers.catalogue import defaults_of

ENOUGH = 30  # images for a 95 % interval of the mean
KEY = "Bold: the best technique; grey: what knows nothing of the network."
VERDICT_COLOURS = {"yes": "tab:green", "partly": "tab:orange", "no": "tab:red", "unknown": "0.4"}
KNOW_NOTHING = {row.title for row in CONTROLS}


class Table(NamedTuple):
    """Short texts, and the words below them."""

    header: list[str]
    rows: list[list[str]]
    note: str


class Facts(NamedTuple):
    """What the words below the table say of the run."""

    what: str  # "8 scenes (seed 0)"
    count: int  # images
    size: int  # pixels
    draws: int
    stages: int
    noise: float
    weights: str
    labels_from: str | None  # the file of the network that was trained on random labels


def make_table(scores: Mapping[str, Scores], facts: Facts) -> Table:
    """{title: scores} -> the table."""
    first = next(iter(scores.values()))
    columns, kinds = columns_of(first), kinds_of(first)
    header = ["technique", *(f"follows the {kind}" for kind in kinds), *columns]
    rows = [
        [
            title,
            *(likeness(values, kind).verdict for kind in kinds),
            *(interval(column(values)) for column in columns.values()),
        ]
        for title, values in scores.items()
    ]
    return Table(header, rows, note_of(scores, facts))


def columns_of(anyone: Scores) -> dict[str, Callable[[Scores], np.ndarray]]:
    """{header: one value an image (N,), not a number where there is none}, for scores of which these are an example."""
    columns = {
        "rank correlation, all random": lambda scores: after_all(scores).rank_correlation,
        "of it by the architecture": lambda scores: after_all(scores).floor,
        "SSIM, all random": lambda scores: after_all(scores).ssim,
        "deletion area (low is good)": lambda scores: areas(scores["deletion"]),
        "insertion area (high is good)": lambda scores: areas(scores["insertion"]),
        "change under noise (low is good)": lambda scores: scores["stability"],
    }
    if "localisation" in anyone:
        columns |= {
            name: (lambda scores, place=place: scores["localisation"][:, place]) for place, name in enumerate(SCORES)
        }
    if "labels" in anyone:
        columns["rank correlation, random labels"] = lambda scores: scores["labels"][:, RANK_CORRELATION]
        columns["of it by the architecture, random labels"] = lambda scores: scores["labels floor"]
    return columns


def interval(values: np.ndarray) -> str:
    """ "0.831 ± 0.033": the mean of what is a number, with its 95 % interval if there are enough."""
    kept = values[~np.isnan(values)]
    if not kept.size:
        return "-"
    spread = f" ± {1.96 * kept.std(ddof=1) / kept.size**0.5:.3f}" if kept.size >= ENOUGH else ""
    return f"{kept.mean():.3f}{spread}"


def note_of(scores: Mapping[str, Scores], facts: Facts) -> str:
    """How the numbers were made, in words."""
    compared, before_last_relu, blank = 0, 0, 0
    for values in scores.values():
        for networks in ("all_random", "cascading", "block_by_block"):
            correlations = values[networks][..., RANK_CORRELATION]
            compared += correlations.size
            before_last_relu += int(values[f"{networks} before last ReLU"].sum())
            blank += int(np.isnan(correlations).sum())
    labels = f" Random labels: {facts.labels_from}, trained on shuffled ones." if facts.labels_from else ""
    spread = " ± 1.96 standard errors" if facts.count >= ENOUGH else ""
    most = defaults_of("measures.faithfulness", "stability")["draws"]
    part = partly_checked(scores, facts)
    return (
        f"Mean over {facts.what} of {facts.size} pixels{part}{spread}. Follows the weights: of the rank correlation "
        "with the original map, above what the architecture alone gives (that with another image's new map), less than "
        "a fifth is left after randomising all (yes), more than half (no), or between (partly); random networks for "
        f"every {CHUNK} images: {facts.draws}. Of {compared} maps of randomised networks, {before_last_relu} had a "
        f"class of score 0 and explain the score before the last ReLU; {blank} were blank all the same and are left "
        f"out. Deletion to the mean colour, insertion into a blur of {blur_pixels(facts.size)} pixels, {facts.stages} "
        "stages, softmax probability. Change under noise: relative, of standard deviation "
        f"{facts.noise:g} in normalised units, the largest of {most}. Weights {facts.weights}.{labels}"
    )


def partly_checked(scores: Mapping[str, Scores], facts: Facts) -> str:
    """Which techniques are too slow to be checked on all images, and on how many they were."""
    slow = [title for title, values in scores.items() if len(values["stability"]) < facts.count]
    if not slow:
        return ""
    checks = "random networks, random labels and noise" if facts.labels_from else "random networks and noise"
    return f" (for {', '.join(slow)} {checks} on {len(scores[slow[0]]['stability'])} of them)"


def blur_pixels(size: int) -> str:
    """The standard deviation of the insertion's blur, for images of this side."""
    return f"{BLUR_AT_224 * size / 224:.0f}"


def cell_styles(table: Table) -> dict[tuple[int, int], dict[str, str]]:
    """How to write the cells: verdicts in colour, the best technique of each column bold, the controls grey."""
    styles = {}
    for column, name in enumerate(table.header):
        best = best_rows(table, column, name)
        for index, row in enumerate(table.rows):
            style = {"color": "0.45"} if row[0] in KNOW_NOTHING else {}
            if row[column] in VERDICT_COLOURS:
                style = {"color": VERDICT_COLOURS[row[column]], "fontweight": "bold"}
            if index in best:
                style["fontweight"] = "bold"
            styles[index, column] = style
    return styles


def best_rows(table: Table, column: int, name: str) -> set[int]:
    """The techniques with the best value of a column, controls left out; none where neither end is good."""
    sign = 1 if "high is good" in name or name in SCORES else -1 if "low is good" in name else 0
    goodness = {
        index: sign * float(row[column].split()[0])
        for index, row in enumerate(table.rows)
        if sign and row[0] not in KNOW_NOTHING and row[column] != "-"
    }
    return {index for index, value in goodness.items() if value == max(goodness.values())}
