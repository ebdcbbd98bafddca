"""How a mistake is written down: a function that takes the place of one named step of the right result."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations


@dataclass(frozen=True)
class Mistake:
    """One mistake of one part. It combines with every mistake of the part at another step."""

    part: str
    name: str  # unique: part and function
    title: str  # in words
    hint: str  # one sentence that leads on
    step: str
    change: Callable


MISTAKES: list[Mistake] = []
ALSO_RIGHT: dict[str, list[Mistake]] = {}  # other ways that an edition allows


def mistake(*parts: str, step: str, hint: str) -> Callable:
    """Register a function, whose docstring is the title, as a mistake of these parts."""

    def register(change: Callable) -> Callable:
        title = " ".join((change.__doc__ or "").split()).rstrip(".")
        for part in parts:
            MISTAKES.append(Mistake(part, f"{part}.{change.__name__}", title, hint, step, change))
        return change

    return register


def also_right(part: str, *, step: str) -> Callable:
    """Register a function as another right way to do a step."""

    def register(change: Callable) -> Callable:
        title = " ".join((change.__doc__ or "").split()).rstrip(".")
        ALSO_RIGHT.setdefault(part, []).append(Mistake(part, f"{part}.{change.__name__}", title, "", step, change))
        return change

    return register


def mistakes_of(part: str) -> list[Mistake]:
    return [each for each in MISTAKES if each.part == part]


def pairs_of(part: str) -> list[tuple[Mistake, Mistake]]:
    """Two mistakes at different steps."""
    return [(a, b) for a, b in combinations(mistakes_of(part), 2) if a.step != b.step]


def ways_of(part: str) -> list[tuple[Mistake, ...]]:
    """The ways to be right: the usual one, which replaces nothing, first."""
    return [(), *((way,) for way in ALSO_RIGHT.get(part, []))]
