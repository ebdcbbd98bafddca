"""Pictures by name: the project's own contents and styles in images/, the default photographs, or any file."""

from collections.abc import Callable
from pathlib import Path

from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from core.defaults import PHOTOGRAPHS, ROOT
from core.errors import UsageError
from core.images import preprocess
from core.paths import as_path
from core.picture_files import list_image_files, shown, suffixes
from studies.shared.pictures import Picture, open_picture

FOLDERS = ("images/content", "images/styles", "styles_images")  # the last is the course's
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")  # looked for first


def find_picture(name: str, folder: str) -> Path | str:
    """A path, or the name of a picture in images/, or of one of the photographs that come with scikit-image.

    folder: "content" or "styles", where the picture belongs. Raises UsageError, which says so, for a name without one.
    """
    if name:
        as_path(name, "image")  # refuses what no file can be called
    for place in FOLDERS:
        for suffix in (*SUFFIXES, *sorted(suffixes().difference(SUFFIXES))):
            path = ROOT / place / f"{name}{suffix}"
            if path.exists():
                return path
    if name in PHOTOGRAPHS:
        return name
    if not name:
        raise UsageError("image: the name is empty; give a picture file")
    if Path(name).suffix or Path(name).exists():
        return Path(name)
    flag = "--content" if folder == "content" else "--style"
    raise UsageError(
        f"picture '{shown(name)}' is not there; put it at images/{folder}/{shown(name)}.jpg, or pass {flag} FILE"
    )


def open_named(name: str, folder: str) -> Image.Image:
    """What `find_picture` finds, as a whole RGB picture."""
    return open_picture(Picture(name, find_picture(name, folder)))


def scaled_tensor(image: Image.Image, side: int) -> Tensor:
    """RGB picture -> normalised (1, 3, h, w), contiguous, its shorter side scaled to `side` pixels."""
    return preprocess(F.resize(image, [side])).contiguous()


def is_folder(text: str) -> bool:
    """Whether it names a folder; an empty name does not."""
    return bool(text) and Path(text).is_dir()


def files_of(text: str, left_out: Callable[[str], None] = lambda sentence: None) -> list[str]:
    """The pictures of a folder, or the one that is named. left_out: as `core.picture_files.list_image_files` says."""
    return [str(file) for file in list_image_files([text], left_out)] if is_folder(text) else [text]
