"""What courses hand out, for hand-ins that come without it: helpers written anew here, and stand-ins for the rest.

Collecting scripts often pack the student's own files alone. A missing given file must not stop a right function.
"""

import importlib.machinery
import sys
from collections.abc import Iterable
from types import ModuleType

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter1d
from torch import Tensor, nn

MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)
STD = np.array([0.229, 0.224, 0.225], dtype=np.float32)
# Packages that given files import, and given files themselves: where they are missing, importing them does no harm.
ONLY_IMPORTED = (
    "IPython a6_helper captum captum_utils cv2 data_utils eecs598 future google h5py helpers imageio past six"
)
IMAGE_UTILS = ("image_utils", "helpers.image_utils", "cs231n.image_utils")
STYLE_UTILS = ("helpers.style_utils",)
DATA_UTILS = ("helpers.data_utils", "cs231n.data_utils")


def preprocess(img: Image.Image, size: int = 224) -> Tensor:
    """RGB picture -> normalised (1, 3, h, w), its shorter side `size`."""
    scale = size / min(img.size)
    sides = [max(size, int(side * scale)) for side in img.size]
    pixels = np.asarray(img.convert("RGB").resize(sides, Image.Resampling.BILINEAR), dtype=np.float32) / 255
    return torch.from_numpy(np.ascontiguousarray(((pixels - MEAN) / STD).transpose(2, 0, 1))[None])


def rescale(x: Tensor) -> Tensor:
    """Least value to 0, largest to 1."""
    return (x - x.min()) / (x.max() - x.min())


def deprocess(img: Tensor, should_rescale: bool = True) -> Image.Image:
    """Normalised (1, 3, H, W) -> picture."""
    rgb = img[0].detach().cpu().permute(1, 2, 0) * torch.from_numpy(STD) + torch.from_numpy(MEAN)
    rgb = rescale(rgb) if should_rescale else rgb
    return Image.fromarray((255 * rgb.clamp(0, 1)).numpy().astype(np.uint8))


def jitter(X: Tensor, ox: int, oy: int) -> Tensor:
    """Shift (N, C, H, W) around its edges by ox pixels to the right and oy down."""
    return X.roll((oy, ox), dims=(2, 3))


def blur_image(X: Tensor, sigma: float = 1) -> Tensor:
    """Blur (N, C, H, W) in place along both axes."""
    values = X.detach().cpu().numpy()
    values = gaussian_filter1d(gaussian_filter1d(values, sigma, axis=2), sigma, axis=3)
    X.data.copy_(torch.from_numpy(values))
    return X


def rel_error(x: np.ndarray, y: np.ndarray) -> float:
    """max |x - y| / max(1e-8, |x| + |y|)"""
    return float(np.max(np.abs(x - y) / np.maximum(1e-8, np.abs(x) + np.abs(y))))


def extract_features(x: Tensor, cnn: nn.Sequential) -> list[Tensor]:
    """The output of every module."""
    features = []
    for module in cnn.children():
        x = module(x)
        features.append(x)
    return features


def features_from_img(imgpath: str, imgsize: int, cnn: nn.Sequential, dtype=None) -> tuple[list[Tensor], Tensor]:
    """The features of a picture file, and the picture (1, 3, h, w)."""
    image = preprocess(Image.open(imgpath), size=imgsize)
    return extract_features(image, cnn), image


SERVED = {
    "SQUEEZENET_MEAN": MEAN,
    "SQUEEZENET_STD": STD,
    **{each.__name__: each for each in (preprocess, rescale, deprocess, jitter, blur_image, rel_error)},
    **{each.__name__: each for each in (extract_features, features_from_img)},
    "Image": Image,
    "np": np,
    "torch": torch,
}


class Absent:
    """Stands for a name of a missing module: it may be imported and decorate, but says so when it is used."""

    def __init__(self, name: str) -> None:
        self.__name__ = self.__qualname__ = name

    def __call__(self, *_given: object, **_settings: object) -> object:
        raise ModuleNotFoundError(f"{self.__name__} is not part of the hand-in and not installed where it is checked")

    def __mro_entries__(self, _bases: tuple) -> tuple:
        return (object,)


class AbsentModule(ModuleType):
    """A missing module of which any name can be imported."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__: list[str] = []  # so that modules below it can be imported, too

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return Absent(f"{self.__name__}.{name}")


class Finder:
    """The last place where modules are looked for: what the courses hand out."""

    def __init__(self) -> None:
        self.missing: list[str] = []

    def find_spec(
        self, name: str, _path: object = None, _target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name in (*IMAGE_UTILS, *STYLE_UTILS, *DATA_UTILS) or name.split(".")[0] in ONLY_IMPORTED.split():
            return importlib.machinery.ModuleSpec(name, self, is_package=name.split(".")[0] not in ("image_utils",))
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        self.missing.append(spec.name)
        if spec.name not in (*IMAGE_UTILS, *STYLE_UTILS):
            return AbsentModule(spec.name)
        module = ModuleType(spec.name)
        vars(module).update(SERVED)
        return module

    def exec_module(self, module: ModuleType) -> None:
        if module.__name__.startswith("future"):
            vars(module)["standard_library"] = ModuleType("standard_library")
            module.standard_library.install_aliases = lambda: None


def serve_given(_names: Iterable[str] = ()) -> Finder:
    """Let missing modules of the courses be found; the finder knows which were asked for."""
    finder = Finder()
    sys.meta_path.append(finder)
    return finder
