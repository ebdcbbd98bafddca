"""Pictures to learn painting from: squares cut out of photographs and of freshly rendered scenes, or of given files.

A square is a function of its number, and for a scene of the step; so several processes can share a batch, and a
training that was stopped finds the same squares again.
"""

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageEnhance
from torch import Tensor

from core.errors import UsageError
from core.images import preprocess
from patterns.scenes import CLASS_NAMES
from training.pool import ScenePool
from training.seeds import STYLES_SEED

SCENE_SIZE = 256  # pixels
SCENES = 0.4  # share of the squares that are cut out of scenes
ROUNDS = 6  # scenes of each class in the pool
STEPS_PER_ROUND = 60  # one new scene of each class every so many steps
WIDEST = 3.0  # a square is cut out of at most so many times its side of the picture, and shrunk
BRIGHTNESS = 0.25  # largest change, as a share


class Squares:
    """Squares of `side` pixels out of pictures, and with `scenes` out of rendered ones, too."""

    def __init__(self, pictures: Sequence[Callable[[], Image.Image]], side: int, *, scenes: bool, seed: int) -> None:
        """pictures: what opens each of them; one that raises UsageError is left out, and its error kept in `broken`."""
        self.pictures, self.side = tuple(pictures), side
        self.broken: dict[int, UsageError] = {}
        settings = {"seed": STYLES_SEED + seed, "size": max(SCENE_SIZE, side), "capacity": ROUNDS, "workers": 0}
        self.pool = ScenePool(range(len(CLASS_NAMES)), **settings) if scenes else None

    def prepare(self, step: int) -> None:
        """Have the scenes of this step at hand."""
        if self.pool is None:
            return
        rounds = ROUNDS + step // STEPS_PER_ROUND
        if self.pool.rounds < ROUNDS:
            self.pool.fill(rounds)
        while self.pool.rounds < rounds:
            self.pool.refresh()

    def draw(self, number: int) -> Tensor:
        """The square of this number, (3, side, side), normalised."""
        chance = np.random.default_rng(number)
        scene = self.pool is not None and chance.random() < SCENES
        whole = self._scene(chance) if scene else self._open(int(chance.integers(2**32)))
        narrowest = min(self.side, *whole.size)
        width = chance.uniform(narrowest, min(WIDEST * self.side, *whole.size))
        left, top = (chance.uniform(0, length - width) for length in whole.size)
        box = (left, top, left + width, top + width)
        square = whole.resize((self.side, self.side), Image.Resampling.BILINEAR, box=box)
        if chance.random() < 0.5:
            square = square.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        square = ImageEnhance.Brightness(square).enhance(chance.uniform(1 - BRIGHTNESS, 1 + BRIGHTNESS))
        return preprocess(square)[0]

    def _scene(self, chance: np.random.Generator) -> Image.Image:
        """One of the pool."""
        return Image.fromarray(self.pool.take([chance.choice(len(self.pool.labels))])[0])

    def _open(self, number: int) -> Image.Image:
        """The picture at this place, or the next that can be read."""
        for place in range(number, number + len(self.pictures)):
            place %= len(self.pictures)
            if place not in self.broken:
                try:
                    return self.pictures[place]()
                except UsageError as error:
                    self.broken[place] = error
        raise UsageError(f"images: none of {len(self.pictures)} can be read; the first: {self.broken[0]}")
