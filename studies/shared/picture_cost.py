"""What it costs to read pictures and to let the network name them; and how many there are, how large they are."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from core.defaults import PHOTOGRAPHS
from core.errors import UsageError
from studies.shared.cost import Cost, forwards
from studies.shared.pictures import Picture, list_pictures, open_picture

READING = 0.03  # seconds for each picture
KEPT = 30  # bytes for each pixel: as a tensor, and twice in 8 bits


def count_pictures(paths: Sequence[str]) -> int:
    """How many pictures are named; none: the default ones, photographs or scenes, of which there are as many."""
    try:
        return len(list_pictures(paths)) if paths else len(PHOTOGRAPHS)
    except UsageError:  # said where they are read
        return len(paths)


def reading(paths: Sequence[str], side: int) -> Cost:
    """What `load_batch` does: all pictures are read, kept, and named by the network."""
    count = count_pictures(paths)
    work = Cost(seconds=READING * count, held=KEPT * count * side**2, flags=("size",))
    return work + forwards(count, side**2)


def size_of(picture: Picture) -> tuple[int, int]:
    """(height, width) as the file's head tells it; of one that cannot be read, which is said elsewhere, (1, 1)."""
    try:
        if isinstance(picture.source, Path):
            if not picture.source.is_file():
                return 1, 1
            with Image.open(picture.source) as image:
                return image.height, image.width
        return open_picture(picture).size[::-1]
    except Exception:  # whatever a decoder raises
        return 1, 1


def scaled_to(size: Sequence[int], side: int | None) -> tuple[int, int]:
    """(height, width) with the shorter of the two `side` pixels long; None: as it is."""
    share = 1 if side is None else side / max(1, min(size))
    return round(size[0] * share), round(size[1] * share)
