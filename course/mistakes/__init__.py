"""The catalogue of mistakes, part by part."""

from course.mistakes import (  # noqa: F401  they register
    climbs,
    grad_cam,
    guided_backprop,
    losses,
    maps,
    pictures,
    regions,
    style_loss,
    style_update,
    tv_loss,
)
from course.mistakes.registry import ALSO_RIGHT, MISTAKES, Mistake, mistakes_of, pairs_of, ways_of

__all__ = ["ALSO_RIGHT", "MISTAKES", "Mistake", "mistakes_of", "pairs_of", "ways_of"]
