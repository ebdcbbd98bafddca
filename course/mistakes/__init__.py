"""The catalogue of mistakes, part by part."""

from course.mistakes import climbs, grad_cam, losses, maps, pictures, regions  # noqa: F401  they register
from course.mistakes.registry import ALSO_RIGHT, MISTAKES, Mistake, mistakes_of, pairs_of, ways_of

__all__ = ["ALSO_RIGHT", "MISTAKES", "Mistake", "mistakes_of", "pairs_of", "ways_of"]
