"""The rows and lines of the table that benchmarks/speed.py measures: as text, as numbers, and as bars."""

from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import NamedTuple

from matplotlib.figure import Figure

from core.defaults import SHARED
from drawing.files import describe, save_picture
from drawing.plots import pixels_of

HEADER = (
    "work",
    "images x pixels",
    "ours, ms",
    "beside",
    "theirs, ms",
    "ratio",
    "goal",
    "ratio on our network",
    "difference",
    "memory, MiB",
)
CSV_HEADER = (
    "work",
    "images",
    "pixels",
    "peer",
    *(f"{who}_{what}_ms" for who in ("ours", "theirs") for what in ("median", "least", "largest")),
    "ratio",
    "goal",
    "share_of_convolution_rate",
    "ours_memory_mib",
    "theirs_memory_mib",
    "agreement",
)


@dataclass(frozen=True, eq=False)  # each is itself alone, and can be a key
class Row:
    """A work of a size, and how many times as fast as each peer it is meant to be."""

    work: str
    count: int
    size: int
    goals: dict[str, float]
    memory: bool = False  # measured, too, each implementation in a process of its own
    network: str = SHARED

    @property
    def name(self) -> str:
        """The work, and the network if it is not the shared one."""
        return self.work if self.network == SHARED else f"{self.work}, {self.network}"


class Line(NamedTuple):
    """What was measured of one row beside one peer; seconds as (median, least, largest)."""

    row: Row
    peer: str
    ours: tuple[float, float, float]
    theirs: tuple[float, float, float]
    ratio: float  # median of theirs over median of ours
    goal: float | None
    agreement: str
    share: float  # of the machine's convolution rate, by ours
    memory: tuple[float, float] | None  # MiB above the start, ours and theirs


def text_row(work: str, what: str, ours: list[float], peer: str, theirs: list[float], goal: float | None) -> list[str]:
    """A line of the table that was not measured in one process."""

    def words(seconds: list[float]) -> str:
        return span((median(seconds), min(seconds), max(seconds))) if seconds else ""

    ratio = f"{median(theirs) / median(ours):.2f}" if theirs else ""
    return [work, what, words(ours), peer, words(theirs), ratio, f"{goal:g}" if goal else "", "", "", ""]


def span(seconds: tuple[float, float, float]) -> str:
    """ "12 (11 to 14)", in milliseconds."""
    digits = 0 if seconds[0] >= 0.1 else 1
    return "{:.{d}f} ({:.{d}f} to {:.{d}f})".format(*(1000 * value for value in seconds), d=digits)


def as_text(line: Line, same: float | None) -> list[str]:
    """A line of the table. same: the ratio to Captum on our network, which belongs beside Captum's own."""
    goal = f"{line.goal:g}" if line.goal else ""
    memory = "{:.0f}, {:.0f}".format(*line.memory) if line.memory else ""
    what = f"{line.row.count} x {line.row.size}"
    beside = f"{same:.1f}" if same and line.peer == "Captum" else ""
    ratio, times = f"{line.ratio:.2f}", (span(line.ours), span(line.theirs))
    return [line.row.name, what, times[0], line.peer, times[1], ratio, goal, beside, line.agreement, memory]


def as_numbers(line: Line) -> list:
    """A line of the CSV."""
    times = [f"{1000 * value:.3f}" for value in (*line.ours, *line.theirs)]
    memory = [f"{value:.1f}" for value in line.memory] if line.memory else ["", ""]
    head = [line.row.name, line.row.count, line.row.size, line.peer]
    return [*head, *times, f"{line.ratio:.2f}", line.goal or "", f"{line.share:.3f}", *memory, line.agreement]


def draw(lines: list[Line], path: Path) -> Path:
    """The ratios as bars, each goal as a line across its bar."""

    lines = [line for line in lines if line.goal]
    figure = Figure(figsize=(8.4, 0.8 + 0.27 * len(lines)), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    places = range(len(lines) - 1, -1, -1)
    reached = ["#2a78b5" if line.ratio >= line.goal else "#c0504d" for line in lines]
    axes.barh(places, [line.ratio for line in lines], color=reached, height=0.72)
    for place, line in zip(places, lines, strict=True):
        axes.plot([line.goal, line.goal], [place - 0.42, place + 0.42], color="black", linewidth=1.6)
        axes.text(max(line.ratio, line.goal), place, f" {line.ratio:.1f}", va="center", fontsize=8)
    names = [f"{line.row.name}, {line.row.count} x {line.row.size}, beside {line.peer}" for line in lines]
    axes.set_yticks(list(places), names, fontsize=8)
    axes.axvline(1, color="0.5", linewidth=0.8, linestyle=":")
    axes.set_xscale("log", base=2)
    axes.set_xlim(0.8, 1.35 * max(line.ratio for line in lines))
    ticks = [value for value in (1, 2, 4, 8, 16, 32, 64) if value <= 1.35 * max(line.ratio for line in lines)]
    axes.set_xticks(ticks, [f"{value}" for value in ticks], fontsize=8)
    axes.set_xlabel("times as fast (black: the goal)", fontsize=9)
    axes.set_title("The same work, beside others", fontsize=11, fontweight="bold", loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    return save_picture(pixels_of(figure), path, describe("benchmarks.speed", {}, "as in the table"))
