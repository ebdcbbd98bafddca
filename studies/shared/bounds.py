"""The argparse types for numbers: whole ones and others, within bounds. Standard library only."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

LONGEST_SHOWN = 40  # characters of what was given, in a sentence that refuses it


@dataclass(frozen=True)
class Bounded:
    """An argparse type: a finite number within bounds. Minus zero is zero."""

    kind: Callable[[str], float]  # int or float
    name: str
    least: float
    most: float | None = None  # None: as large as it likes

    def __call__(self, text: str) -> float:
        """The number that the text means. Raises argparse's own error, which the parser turns into a sentence."""
        try:
            value = self.kind(text) + 0  # -0.0 + 0 is 0.0
        except ValueError:
            raise argparse.ArgumentTypeError(f"'{shortened(text)}' is not {self.allowed}") from None
        if not self.least <= value <= (float("inf") if self.most is None else self.most) or value == float("inf"):
            raise argparse.ArgumentTypeError(f"{shortened(text)} is not {self.allowed}")
        return value

    @property
    def allowed(self) -> str:
        """ "a whole number from 64 to 1024"."""
        if self.most is None:
            return f"a {self.name} of at least {self.least}"
        return f"a {self.name} from {self.least} to {self.most}"


def whole_number(least: int, most: int | None = None) -> Bounded:
    """An argparse type: a whole number within bounds."""
    return Bounded(int, "whole number", least, most)


def number(least: float, most: float | None = None) -> Bounded:
    """An argparse type: a finite number within bounds."""
    return Bounded(float, "number", least, most)


def shortened(text: str) -> str:
    """The text, cut off where it is too long for a sentence."""
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."
