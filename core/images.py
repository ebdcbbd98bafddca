"""Pictures in and out: files of any kind -> RGB -> what the network reads -> RGB again.

The network reads (N, 3, H, W), normalised per channel with ImageNet's statistics: x = (rgb / 255 - mean) / std.
"""

import io
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from core.errors import UsageError
from core.paths import as_path

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"}
MOST_PIXELS = 100_000_000  # decoding needs about four bytes for each
Result = TypeVar("Result")
LONGEST_OVER_SHORTEST = 20  # scaling the short side up would blow the long one up


def load_image(path: str | Path) -> Image.Image:
    """Read a picture file as 8-bit RGB, the right way up.

    Transparency is laid over white; deep greys are scaled to 8 bits, by the smallest of 1, 8, 12 and 16 bits
    that holds their largest value (a PNG by 16); of an animation the first frame is taken. Raises
    UsageError, one sentence naming the file, if it cannot be used.
    """

    return read_file(path, lambda image: to_rgb(upright(image)))


def load_frames(path: str | Path) -> list[tuple[Image.Image, int]]:
    """Read an animation's frames, in their order, as `load_image` reads one, and the milliseconds each is shown.

    A picture that does not move is one frame, shown 0 ms.
    """

    def every(image: Image.Image) -> list[tuple[Image.Image, int]]:
        return [(to_rgb(frame), round(frame.info.get("duration", 0))) for frame in ImageSequence.Iterator(image)]

    return read_file(path, every)


def upright(image: Image.Image) -> Image.Image:
    """The first frame of an opened file, turned as its EXIF entry says."""
    image.seek(0)
    turned = ImageOps.exif_transpose(image)
    turned.format = image.format  # a turned picture is a new one, of no format
    return turned


def read_file(path: str | Path, read: Callable[[Image.Image], Result]) -> Result:
    """What `read` makes of the opened file; whatever is wrong with it becomes a UsageError."""
    if not str(path):
        raise UsageError("image: the name is empty; give a picture file")
    path = as_path(path, "image")
    if not path.is_file():
        raise UsageError(f"image: '{path}' is {'a folder, not a file' if path.is_dir() else 'not there'}")
    if path.stat().st_size == 0:
        raise UsageError(f"image: '{path}' is empty (0 bytes); give a picture file")
    try:
        with warnings.catch_warnings():
            # Pillow warns of huge and of slightly odd files; we judge the size, and a file that opens is fine.
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                _check_dimensions(path, *image.size)
                return read(image)
    except UsageError:
        raise
    except PermissionError as error:
        raise UsageError(f"image: '{path}' cannot be read ({error.strerror}); change its permissions") from None
    except Image.DecompressionBombError:
        raise UsageError(f"image: '{path}' is larger than {MOST_PIXELS} pixels; scale it down first") from None
    except UnidentifiedImageError:
        raise UsageError(f"image: '{path}' is not a picture Pillow can read; try a PNG or JPEG") from None
    except Exception as error:  # truncated or damaged data: Pillow's plugins raise a dozen kinds
        raise UsageError(f"image: '{path}' is damaged ({error}); try to save it again") from None


def _check_dimensions(path: Path, width: int, height: int) -> None:
    shape = f"image: '{path}' is {width} x {height} pixels"
    if min(width, height) < 1:
        raise UsageError(f"{shape}; it must have at least one")
    if width * height > MOST_PIXELS:
        raise UsageError(f"{shape}; at most {MOST_PIXELS} are allowed, scale it down first")
    if max(width, height) > LONGEST_OVER_SHORTEST * min(width, height):
        raise UsageError(f"{shape}; one side may be at most {LONGEST_OVER_SHORTEST} times the other, crop it first")


def to_rgb(image: Image.Image) -> Image.Image:
    """A picture of any mode as 8-bit RGB, as `load_image` says."""
    if image.mode.startswith(("I", "F")):  # deep greys: Pillow's own conversion would cut them off at 255
        grey = np.nan_to_num(np.asarray(image, dtype=np.float64), posinf=0, neginf=0)
        # A PNG uses all its 16 bits. Other formats keep 8, 12 or 16 bits, or any scale, in the same numbers.
        depths = [65535.0] if image.format == "PNG" else [1.0, 255.0, 4095.0, 65535.0, max(1.0, grey.max())]
        top = next((depth for depth in depths if grey.max() <= depth), depths[-1])
        return Image.fromarray((grey / top * 255).clip(0, 255).round().astype(np.uint8)).convert("RGB")
    if image.mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in image.info:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")


def list_image_files(paths: Iterable[str | Path]) -> list[Path]:
    """Expand files and folders to picture files, folders in the order of their names."""
    paths, files = list(paths), []
    if not all(map(str, paths)):
        raise UsageError("images: one of the names is empty; give picture files or folders")
    for path in (as_path(item, "images") for item in paths):
        if path.is_dir():
            inside = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
            if not inside:
                raise UsageError(f"images: the folder '{path}' holds no picture ({', '.join(sorted(SUFFIXES))})")
            files += inside
        else:
            files.append(path)
    return files


def default_photograph(name: str) -> Image.Image:
    """One of five real photographs that come inside scikit-image and scikit-learn, so no network is needed."""
    from skimage import data  # here, since they cost each program a second that shows other pictures
    from sklearn.datasets import load_sample_image

    pictures = {
        "chelsea": data.chelsea,
        "coffee": data.coffee,
        "rocket": data.rocket,
        "motorcycle": lambda: data.stereo_motorcycle()[0],
        "china": lambda: load_sample_image("china.jpg"),
    }
    if name not in pictures:
        raise UsageError(f"photograph: '{name}' is unknown; allowed are {', '.join(pictures)}")
    return Image.fromarray(pictures[name]())


def centre_crop(image: Image.Image, size: int = 224) -> Image.Image:
    """Scale the shorter side to 8/7 of `size` (256 for 224) and cut out the centre, as ImageNet models expect."""
    return F.center_crop(F.resize(image, [round(size * 256 / 224)]), [size, size])


def preprocess(images: Image.Image | np.ndarray | Sequence) -> Tensor:
    """8-bit RGB pictures of one size, PIL or (H, W, 3) arrays, one or many -> normalised (N, 3, H, W)."""
    single = isinstance(images, Image.Image) or (isinstance(images, np.ndarray) and images.ndim == 3)
    arrays = [np.asarray(image) for image in ([images] if single else images)]
    for array in arrays:
        if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8:
            raise UsageError(f"images: uint8 arrays of shape (H, W, 3) are needed, got {array.dtype} {array.shape}")
    pixels = torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2)  # (N, 3, H, W), 0..255
    return normalise(pixels.float() / 255)


def normalise(images: Tensor) -> Tensor:
    """RGB in [0, 1] -> what the network reads, (N, 3, H, W)."""
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
