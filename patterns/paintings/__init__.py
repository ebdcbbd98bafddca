"""Paintings made by code: style pictures and content scenes that belong to nobody else.

`paint("swirling_night")` returns a picture as a numpy array; the command

    python -m patterns.paintings --name swirling_night --output images

writes images/styles/swirling_night.jpg. The style paintings, one module each, are rich in
texture from fine to coarse; the content scenes (`scenes`) are clear and well lit.
The same name, size and seed always give the same picture, and a small picture shows the same
composition as a large one.
"""

import math

import numpy as np
from PIL import Image

from core.errors import UsageError
from patterns.paintings.blood_sunset import blood_sunset
from patterns.paintings.brushes import ASPECT, to_image
from patterns.paintings.geometric_abstraction import geometric_abstraction
from patterns.paintings.mosaic import mosaic
from patterns.paintings.scenes import harbour_town, mountain_lake
from patterns.paintings.swirling_night import swirling_night

STYLES = {
    "swirling_night": swirling_night,
    "blood_sunset": blood_sunset,
    "geometric_abstraction": geometric_abstraction,
    "mosaic": mosaic,
}
CONTENT = {
    "harbour_town": harbour_town,
    "mountain_lake": mountain_lake,
}
PAINTINGS = {**STYLES, **CONTENT}

SMALLEST, LARGEST = 16, 3000


def paint(name: str, *, width: int = 1024, height: int = 768, seed: int = 0) -> np.ndarray:
    """Paint the picture `name` and return it as uint8, shape (height, width, 3).

    It is painted larger, four by three, then reduced and cropped evenly to the size asked for;
    another `seed` gives another picture of the same motif. Raises UsageError for a wrong argument.
    """
    if not isinstance(name, str) or name not in PAINTINGS:
        raise UsageError(f"name must be one of {', '.join(PAINTINGS)}, got {name!r}.")
    for argument, value in [("width", width), ("height", height)]:
        if not _is_whole(value) or not SMALLEST <= value <= LARGEST:
            raise UsageError(f"{argument} must be a whole number from {SMALLEST} to {LARGEST}, got {value!r}.")
    if not _is_whole(seed) or seed < 0:
        raise UsageError(f"seed must be a whole number of at least 0, got {seed!r}.")
    rows = max(height, math.ceil(width / ASPECT))
    columns = max(width, math.ceil(rows * ASPECT))
    # Twice the size smooths the edges of strokes; tiny pictures need more to keep their strokes.
    finer = 2 if rows <= 1200 else 1
    picture = to_image(PAINTINGS[name](max(rows * finer, 360), np.random.default_rng(seed)))
    picture = picture.resize((columns, rows), Image.LANCZOS)
    left, top = (columns - width) // 2, (rows - height) // 2
    return np.array(picture.crop((left, top, left + width, top + height)))


def _is_whole(value) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)
