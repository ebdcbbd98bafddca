"""Pictures in and out: files of any kind -> RGB -> what the network reads -> RGB again.

The network reads (N, 3, H, W), normalised per channel with ImageNet's statistics: x = (rgb / 255 - mean) / std.
"""

import io
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, ImageSequence
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from core import picture_files
from core.colour_profiles import in_srgb
from core.errors import UsageError, WorkError
from core.picture_files import LONGEST_OVER_SHORTEST, list_image_files, read_file, shown
from core.shards import Damage, Member

__all__ = [
    "as_jpeg",
    "as_picture",
    "centre_crop",
    "default_photograph",
    "denormalise",
    "deprocess",
    "is_strip",
    "list_image_files",
    "load_frames",
    "load_image",
    "normalise",
    "preprocess",
    "rescale",
    "stretched_picture",
    "to_rgb",
    "upright",
    "valid_range",
]

PHOTOGRAPH_FILES = {  # name: the package it comes with, and where it lies there
    "chelsea": ("skimage", "data/chelsea.png"),
    "coffee": ("skimage", "data/coffee.png"),
    "rocket": ("skimage", "data/rocket.jpg"),
    "motorcycle": ("skimage", "data/motorcycle_left.png"),
    "china": ("sklearn", "datasets/images/china.jpg"),
}
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
NO_DATA = 42113  # the TIFF tag of GDAL, by which maps say what number stands for nothing
BITS, WHITE_IS_ZERO, PLANES, SIGNED = 258, 262, 284, 339  # TIFF tags: bits of a number; 0 if white is; 2; 2 if signed
DARK, DARK_PNG = 1 / 4, 1 / 16  # of white: deep greys that are darker everywhere were kept in other units


def load_image(path: str | Path | Member | Damage, *, longest: float = LONGEST_OVER_SHORTEST) -> Image.Image:
    """Read a picture file as 8-bit RGB in sRGB, the right way up.

    A colour profile is applied. Transparency is laid over white. Deep greys are scaled to 8 bits, by the smallest of
    1, 8, 12 and 16 bits that holds their largest value (a PNG by 16), or by that value itself where all would be darker
    than a quarter of white (a PNG: than a sixteenth); where some are below zero, as heights and numbers of a CT, the
    least becomes black and the largest white. What is no number is black. Of an animation the first frame is taken, and
    of several pages the first.

    longest: how many times the shorter side the longer one may be. Raises UsageError, one sentence naming the file, if
    it cannot be used.
    """
    return read_file(path, lambda image: to_rgb(in_srgb(upright(image))), longest=longest)


def load_frames(path: str | Path) -> list[tuple[Image.Image, int]]:
    """Read an animation's frames, in their order, as `load_image` reads one, and the milliseconds each is shown.

    A picture that does not move is one frame, shown 0 ms.
    """

    def every(image: Image.Image) -> list[tuple[Image.Image, int]]:
        count = getattr(image, "n_frames", 1)
        if count * image.width * image.height > picture_files.MOST_PIXELS:
            shape = f"image: '{shown(path)}' has {count} frames of {image.width} x {image.height} pixels"
            raise UsageError(
                f"{shape}; at most {picture_files.MOST_PIXELS} pixels are allowed, make it shorter or smaller"
            )
        frames = ImageSequence.Iterator(image)
        return [(to_rgb(in_srgb(frame)), round(frame.info.get("duration", 0))) for frame in frames]

    return read_file(path, every)


def upright(image: Image.Image) -> Image.Image:
    """An opened file's picture, turned as its EXIF entry says; as it lies if that entry cannot be read."""
    tags = getattr(image, "tag_v2", {})
    _check_numbers(image, tags)
    image.load()
    try:
        turned = ImageOps.exif_transpose(image)
    except Exception:  # of broken EXIF, a dozen kinds; the pixels are good
        return image
    turned.format = image.format  # a turned picture is a new one, of no format
    turned.info["tiff"] = {tag: tags.get(tag) for tag in (NO_DATA, BITS, WHITE_IS_ZERO, SIGNED) if tag in tags}
    return turned


def _check_numbers(image: Image.Image, tags: Mapping[int, object]) -> None:
    """Raise UsageError for what Pillow reads wrongly without a word, by the tags of a TIFF file."""
    misread = ""
    if tags.get(PLANES) == 2 and image.mode not in {"I", "F"} and max(tags.get(BITS, (8,))) > 8:
        misread = "has colours of more than 8 bits, each in a plane of its own"
    if image.mode == "L" and tags.get(SIGNED) == (2,):
        misread = "has numbers of 8 bits with a sign"
    if misread:
        name = shown(getattr(image, "filename", ""))
        raise UsageError(f"image: '{name}' {misread}, which cannot be read here; save it as PNG first")


def to_rgb(image: Image.Image, *, keep_dark: bool = False) -> Image.Image:
    """A picture of any mode as 8-bit RGB, as `load_image` says, but for its colour profile.

    keep_dark: deep greys are scaled by a number of bits, however dark that leaves them.
    """
    if image.mode.startswith(("I", "F")):  # Pillow's own conversion would cut them off at 255
        return Image.fromarray(_eight_bits(image, keep_dark=keep_dark)).convert("RGB")
    if image.mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in image.info:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")


def deep_greys(image: Image.Image) -> np.ndarray:
    """The numbers of a picture of deep greys, float64 (H, W), as a TIFF file means them, where Pillow does not ask."""
    grey = np.asarray(image)
    tiff = image.info.get("tiff", {})
    if grey.dtype == np.int32 and tiff.get(BITS) == (32,) and tiff.get(SIGNED, (1,)) == (1,):
        grey = grey.view(np.uint32)  # above 2 ** 31 they were read as numbers below zero
    if image.mode.startswith("I;16") and tiff.get(WHITE_IS_ZERO) == 0:
        grey = 65535 - grey
    return grey.astype(np.float64)


def _eight_bits(image: Image.Image, *, keep_dark: bool) -> np.ndarray:
    """Deep greys -> uint8 (H, W)."""
    grey = deep_greys(image)
    there = np.isfinite(grey)
    with suppress(ValueError):  # of None: no number stands for nothing
        there &= grey != np.float64(str(image.info.get("tiff", {}).get(NO_DATA)).strip("\0 "))
    if not there.any():
        raise ValueError("it holds no number")
    low, high = grey[there].min(), grey[there].max()
    # A PNG uses all its 16 bits. Other formats keep 8, 12 or 16 bits, or any scale, in the same numbers.
    depths = [65535.0] if image.format == "PNG" else [1.0, 255.0, 4095.0, 65535.0, max(1.0, high)]
    top = next((depth for depth in depths if high <= depth), depths[-1])
    if 1 < high < (DARK_PNG if image.format == "PNG" else DARK) * top and not keep_dark:
        top = high
    if low < 0:
        grey, top = grey - low, high - low or 1.0
    shades = np.where(there, (grey / top * 255).clip(0, 255).round(), 0).astype(np.uint8)
    clear = image.info.get("transparency")  # a number of a PNG, laid over white
    return np.where(deep_greys(image) == clear, 255, shades).astype(np.uint8) if isinstance(clear, int) else shades


def default_photograph(name: str) -> Image.Image:
    """One of five real photographs that come inside scikit-image and scikit-learn, so no network is needed.

    Their files alone are read: to import these packages would cost each program a second. Raises UsageError for
    another name, ModuleNotFoundError for a package that is not installed, WorkError for one without the file.
    """
    if name not in PHOTOGRAPH_FILES:
        raise UsageError(f"photograph: '{name}' is unknown; allowed are {', '.join(PHOTOGRAPH_FILES)}")
    package, file = PHOTOGRAPH_FILES[name]
    found = find_spec(package)
    if found is None:
        raise ModuleNotFoundError(f"No module named '{package}'", name=package)
    path = Path(found.origin).parent / file
    if not path.is_file():
        raise WorkError(f"photograph: '{path}' is not there; install the packages of requirements.txt anew")
    with Image.open(path) as image:  # as it is: a colour profile that it may have is not applied
        return image.convert("RGB")


def centre_crop(image: Image.Image, size: int = 224) -> Image.Image:
    """Scale the shorter side to 8/7 of `size` (256 for 224) and cut out the centre, as ImageNet models expect.

    Of a strip, longer than LONGEST_OVER_SHORTEST times its width, the central square is cut out first, since all of
    it would need too much memory at that scale.
    """
    if is_strip(image):
        image = F.center_crop(image, [min(image.size)] * 2)
    return F.center_crop(F.resize(image, [round(size * 256 / 224)]), [size, size])


def is_strip(image: Image.Image) -> bool:
    """Whether a picture is so long and thin that a square crop shows next to nothing of it."""
    return max(image.size) > LONGEST_OVER_SHORTEST * min(image.size)


def preprocess(images: Image.Image | np.ndarray | Sequence) -> Tensor:
    """8-bit RGB pictures of one size, PIL or (H, W, 3) arrays, one or many -> normalised (N, 3, H, W)."""
    single = isinstance(images, Image.Image) or (isinstance(images, np.ndarray) and images.ndim == 3)
    arrays = [np.asarray(image) for image in ([images] if single else images)]
    for array in arrays:
        if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8:
            raise UsageError(f"images: uint8 arrays of shape (H, W, 3) are needed, got {array.dtype} {array.shape}")
    pixels = torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2)  # (N, 3, H, W), 0..255
    return normalise(pixels.float() / 255)


def as_picture(pixels: np.ndarray) -> Image.Image:
    """uint8 (H, W, 3), an array or what becomes one -> a picture. Raises UsageError for anything else."""
    array = np.asarray(pixels)
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8:
        raise UsageError(f"X: pictures as uint8 (H, W, 3), 0 to 255, are needed, got {array.dtype} {array.shape}")
    return Image.fromarray(array)


def normalise(images: Tensor) -> Tensor:
    """RGB in [0, 1] -> what the network reads, (N, 3, H, W). Raises UsageError for whole numbers."""
    if not images.is_floating_point():
        raise UsageError(f"images: colours from 0 to 1 are needed, got whole numbers ({images.dtype}); see preprocess")
    return (images - _channel(IMAGENET_MEAN, images)) / _channel(IMAGENET_STD, images)


def denormalise(images: Tensor) -> Tensor:
    """What the network reads -> RGB, in [0, 1] where the picture is a valid one, (N, 3, H, W)."""
    return images * _channel(IMAGENET_STD, images) + _channel(IMAGENET_MEAN, images)


def deprocess(images: Tensor) -> np.ndarray:
    """What the network reads, (N, 3, H, W) -> uint8 (N, H, W, 3); values outside the valid range are clipped."""
    pixels = denormalise(images.detach()).clamp(0, 1).mul(255).round()
    return pixels.to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()


def rescale(x: Tensor | np.ndarray) -> Tensor | np.ndarray:
    """Shift and scale to [0, 1], whatever the shape; a constant becomes 0."""
    low, high = x.min(), x.max()
    return (x - low) / (high - low) if high > low else x - low


def stretched_picture(image: Tensor) -> Image.Image:
    """What the network reads, (1, 3, H, W) -> a picture, its least value black and its largest white."""
    return Image.fromarray(deprocess(normalise(rescale(denormalise(image.detach()))))[0])


def as_jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    """uint8 (N, H, W, 3) -> the same pictures as they come back from JPEG files of this quality."""
    returned = []
    for picture in pixels:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=quality)
        returned.append(np.asarray(Image.open(file).convert("RGB")))
    return np.stack(returned)


def valid_range(images: Tensor) -> tuple[Tensor, Tensor]:
    """The normalised values of black and white, each (1, 3, 1, 1), with the dtype and device of `images`."""
    zeros = torch.zeros(1, 3, 1, 1, dtype=images.dtype, device=images.device)
    return normalise(zeros), normalise(zeros + 1)


def _channel(values: tuple[float, ...], like: Tensor) -> Tensor:
    return torch.tensor(values, dtype=like.dtype, device=like.device).view(1, 3, 1, 1)
