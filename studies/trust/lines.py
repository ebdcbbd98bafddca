"""How each row's line is drawn: a colour and a pattern for any number of techniques, the controls in grey."""

from collections.abc import Mapping
from typing import NamedTuple

import matplotlib
from matplotlib.figure import Figure

from studies.trust.rows import Row
from visualizers.catalogue import TECHNIQUES

COLOURS = [  # the strong ones before the pale ones
    *matplotlib.colormaps["tab20"].colors[::2],
    *matplotlib.colormaps["tab20"].colors[1::2],
]


class Line(NamedTuple):
    """The look of a line, as matplotlib takes it."""

    color: str | tuple[float, float, float]
    linestyle: str | tuple[int, tuple[float, float]]  # a name, or (offset, (on, off))


GREY = {
    "Sobel edges": Line("black", "--"),
    "centre": Line("0.45", ":"),
    "random map": Line("0.65", "-."),
}


def lines_of(rows: Mapping[str, Row]) -> dict[str, Line]:
    """{title: line}; a technique looks the same whatever the others are."""
    places = {technique.one_line: place for place, technique in enumerate(TECHNIQUES.values())}
    return {title: GREY[title] if row.control else line_at(places[title]) for title, row in rows.items()}


def line_at(place: int) -> Line:
    """The line of the technique at this place of the catalogue: when all colours are used, they come again, broken."""
    turn, colour = divmod(place, len(COLOURS))
    return Line(COLOURS[colour], "-" if not turn else (0, (2 + 3 * turn, 1.5)))


def write_footer(figure: Figure, words: str, height: float) -> None:
    """The line under a figure, at this share of its height."""
    figure.text(0.01, height, words, fontsize=7.5, color="0.4", parse_math=False)
