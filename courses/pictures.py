"""Pictures as the courses' scripts prepare and show them: their image_utils, over core.images."""

import urllib.error
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from core import images, priors
from core.errors import WorkError
from core.images import rescale

SQUEEZENET_MEAN = np.array(images.IMAGENET_MEAN, dtype=np.float32)
SQUEEZENET_STD = np.array(images.IMAGENET_STD, dtype=np.float32)
SECONDS_TO_DOWNLOAD = 20

__all__ = [
    "SQUEEZENET_MEAN",
    "SQUEEZENET_STD",
    "blur_image",
    "deprocess",
    "deprocess_image",
    "image_from_url",
    "jitter",
    "load_image",
    "preprocess",
    "preprocess_image",
    "rescale",
]


def preprocess(img: Image.Image, size: int = 224) -> Tensor:
    """RGB picture -> normalised (1, 3, h, w), contiguous, its shorter side scaled to `size`."""
    return images.preprocess(F.resize(img, [size])).contiguous()


def deprocess(img: Tensor, should_rescale: bool = True) -> Image.Image:
    """Normalised (1, 3, H, W) -> picture. With should_rescale its least value becomes black and its largest white."""
    return images.stretched_picture(img) if should_rescale else Image.fromarray(images.deprocess(img)[0])


def jitter(X: Tensor, ox: int, oy: int) -> Tensor:
    """X (N, C, H, W) shifted around its edges by ox pixels to the right and oy down."""
    return priors.jitter(X, ox, oy)


def blur_image(X: Tensor, sigma: float = 1) -> Tensor:
    """Blur X (N, C, H, W) in place, as the courses' scripts expect, by sigma pixels, and return it."""
    return priors.blur_in_place(X, sigma)


def load_image(filename: str | Path, size: int | None = None) -> np.ndarray:
    """Picture file -> uint8 (H, W, 3), its shorter side scaled to `size` pixels if given."""
    picture = images.load_image(filename)
    return np.asarray(picture if size is None else F.resize(picture, [size]))


def image_from_url(url: str) -> np.ndarray:
    """Picture at an address -> uint8 (H, W, 3). Raises WorkError where it cannot be had."""
    try:
        with urllib.request.urlopen(url, timeout=SECONDS_TO_DOWNLOAD) as answer:
            data = answer.read()
    except (OSError, ValueError, urllib.error.URLError) as error:
        raise WorkError(f"url: '{url}' cannot be downloaded ({error}); save the picture and use load_image") from None
    with TemporaryDirectory() as folder:
        path = Path(folder, "picture")
        path.write_bytes(data)
        return load_image(path)


def preprocess_image(img: np.ndarray) -> np.ndarray:
    """RGB of 0..255 (..., 3) -> normalised float32 of the same shape."""
    return (img.astype(np.float32) / 255 - SQUEEZENET_MEAN) / SQUEEZENET_STD


def deprocess_image(img: np.ndarray, rescale: bool = False) -> np.ndarray:
    """Normalised (..., 3) -> uint8; with rescale its least value becomes 0 and its largest 255."""
    rgb = img * SQUEEZENET_STD + SQUEEZENET_MEAN
    return np.clip(255 * (images.rescale(rgb) if rescale else rgb), 0, 255).astype(np.uint8)
