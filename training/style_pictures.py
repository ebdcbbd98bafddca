"""The pictures of a training in styles: the styles, what it learns from, and what it is judged by."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from core.defaults import ROOT
from core.errors import UsageError
from core.images import default_photograph, load_image, preprocess
from core.picture_files import list_image_files
from core.shards import Damage, Member
from studies.shared.pictures import Picture, list_pictures, open_picture
from training.flags import HELD_OUT

HELD_OUT_SIZE = 256  # pixels, of the shorter side
LEARNED = ("chelsea", "coffee", "rocket")  # photographs


def find_styles(texts: Sequence[str], left_out: Callable[[str], None]) -> list[Picture]:
    """Files, folders of them, or names of pictures in images/styles. left_out: as for `list_pictures`."""
    pictures = []
    for text in texts:
        own = ROOT / "images" / "styles" / f"{text}.jpg"
        pictures += [Picture(text, own)] if own.exists() else list_pictures([text], left_out)
    return pictures


def read_styles(texts: Sequence[str], left_out: Callable[[str], None]) -> tuple[dict[str, Image], list[UsageError]]:
    """The styles that can be read, by name, and what is wrong with the others."""
    names, pictures, broken = [], [], []
    for picture in find_styles(texts, left_out):
        try:
            pictures.append(open_picture(picture))
            names.append(picture.name)
        except UsageError as error:
            broken.append(error)
    if not names:
        raise broken[0]
    if len(set(names)) < len(names):
        raise UsageError(f"styles: two of them have one name ({', '.join(names)}); rename a file")
    return dict(zip(names, pictures, strict=True)), broken


def style_tensors(styles: Iterable[Image], size: int, device: torch.device) -> list[Tensor]:
    """The styles as a training takes them: (1, 3, h, w) each, the shorter side scaled to `size`."""
    return [preprocess(F.resize(style, [size])).contiguous().to(device) for style in styles]


def training_pictures(
    paths: Sequence[str], styles: Mapping[str, Image], left_out: Callable[[str], None]
) -> tuple[list[Callable[[], Image]], str]:
    """What opens each picture to learn from, and what these and the styles are, in words.

    The words tell a training whose pictures changed under the same names from the one that its checkpoint is of.
    """
    painted = f"styles {digest(np.asarray(picture).tobytes() for picture in styles.values())}"
    if paths:
        files = list_image_files(paths, left_out)
        # Names and sizes: to read all of a large folder takes long.
        sizes = [(file.name, size_of(file)) for file in files]
        listed = digest([repr(sizes).encode()])
        return [partial(load_image, file) for file in files], f"{len(files)} pictures ({listed}); {painted}"
    own = sorted((ROOT / "images" / "content").glob("*.jpg"))
    wholes = [default_photograph(name) for name in LEARNED] + [load_image(path) for path in own]
    names = ", ".join((*LEARNED, *(path.stem for path in own)))
    return [partial(_as_it_is, whole) for whole in wholes], f"procedural scenes, and {names}; {painted}"


def size_of(file: Path | Member | Damage) -> int:
    """In bytes; 0 of what cannot be read."""
    if isinstance(file, Path):
        return file.stat().st_size if file.is_file() else 0
    return file.size if isinstance(file, Member) else 0


def held_out_pictures() -> list[Image]:
    """The photographs that no network learns from."""
    return [default_photograph(name) for name in HELD_OUT]


def squares_of(pictures: Iterable[Image]) -> Tensor:
    """The middle of each, (N, 3, HELD_OUT_SIZE, HELD_OUT_SIZE), normalised."""
    side = HELD_OUT_SIZE
    return torch.cat([preprocess(F.center_crop(F.resize(picture, [side]), [side, side])) for picture in pictures])


def digest(parts: Iterable[bytes]) -> str:
    """Eight digits that stand for bytes."""
    result = hashlib.sha256()
    for part in parts:
        result.update(part)
    return result.hexdigest()[:8]


def _as_it_is(whole: Image) -> Image:
    return whole
