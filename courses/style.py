"""The course's call of style transfer, with files in and files out, and the helpers that its notebooks use.

The loop itself is `painting.course_loop`; its names can be imported from here, too.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from core.images import load_image
from core.inputs import check_images
from core.passes import home_of
from core.squeezenet import load_squeezenet
from courses import pictures
from courses.pictures import deprocess
from drawing.files import describe, save_picture
from drawing.grid import draw_pictures
from painting.course_loop import (
    StyleObjective,
    course_features,
    feature_sequence,
    style_objective,
    transfer_style,
)

__all__ = [
    "StyleObjective",
    "course_features",
    "deprocess",
    "extract_features",
    "features_from_img",
    "preprocess",
    "rel_error",
    "style_objective",
    "style_transfer",
    "transfer_style",
]


def preprocess(img: Image.Image, size: int = 512) -> Tensor:
    """RGB picture -> normalised (1, 3, h, w), contiguous, its shorter side scaled to `size`."""
    return pictures.preprocess(img, size)


def rel_error(x, y) -> float:
    """Largest relative difference, max |x - y| / max(1e-8, |x| + |y|), of numbers, arrays or tensors."""
    x, y = (np.asarray(value.detach().cpu() if isinstance(value, Tensor) else value) for value in (x, y))
    return float(np.max(np.abs(x - y) / np.maximum(1e-8, np.abs(x) + np.abs(y))))


def extract_features(x: Tensor, cnn: nn.Sequential) -> list[Tensor]:
    """x (N, 3, H, W) -> the output of every module of `cnn`, SqueezeNet's `features`, in their order, contiguous.

    Entry 0 is entry 1, as in the course: the ReLU after the first convolution writes over what that gave. Chance is
    off while it runs (dropout and batch normalisation as in eval mode), and `cnn` is left as it was.
    """
    cnn = feature_sequence(cnn)
    check_images(x, "x")
    return course_features(cnn, x, range(len(cnn)), contiguous=True)


def features_from_img(imgpath: str | Path, imgsize: int, cnn: nn.Sequential, dtype=None) -> tuple[list[Tensor], Tensor]:
    """Read a picture, its shorter side scaled to `imgsize` -> (features of every module, image (1, 3, h, w)).

    dtype: the course's tensor type, e.g. torch.FloatTensor; None takes the network's.
    """
    image = preprocess(load_image(imgpath), size=imgsize)
    image = _as_for(cnn, image, dtype)
    return extract_features(image, cnn), image


def style_transfer(
    name: str,
    content_image: str | Path,
    style_image: str | Path,
    image_size: int,
    style_size: int,
    content_layer: int,
    content_weight: float,
    style_layers: Sequence[int],
    style_weights: Sequence[float],
    tv_weight: float,
    content_loss: Callable | None = None,
    style_loss: Callable | None = None,
    tv_loss: Callable | None = None,
    cnn: nn.Sequential | None = None,
    dtype=None,
    init_random: bool = False,
    testing: bool = False,
) -> Image.Image | Tensor:
    """The course's call: read two picture files and run the course's schedule.

    Writes styles_images/<name>_before.png, the two pictures side by side, and styles_images/<name>.png. Sizes are of
    the shorter side, in pixels; layers index the list that `extract_features` returns; the losses are objects or
    functions with the signatures of ours, which stand in where None is given. `init_random` starts from noise instead
    of the content. Returns the picture, or with `testing` the tensor (1, 3, H, W) in the network's units.
    """

    weights = "the network given"
    if cnn is None:
        model = load_squeezenet()
        cnn, weights = model.features, model.weights_name
    cnn = feature_sequence(cnn)
    content = _as_for(cnn, preprocess(load_image(content_image), image_size), dtype)
    style = _as_for(cnn, preprocess(load_image(style_image), style_size), dtype)
    settings = {
        "content_layer": content_layer,
        "content_weight": content_weight,
        "style_layers": style_layers,
        "style_weights": style_weights,
        "tv_weight": tv_weight,
    }
    losses = {"content_loss": content_loss, "style_loss": style_loss, "tv_loss": tv_loss}
    objective = style_objective(content, style, cnn, **settings, **losses)
    metadata = describe("style_utils.style_transfer", settings, weights)
    # Written whatever is there: the course's call names its files itself, and its notebooks run it again and again.
    before = draw_pictures([deprocess(content), deprocess(style)], ("content", "style"))
    save_picture(before, f"styles_images/{name}_before.png", metadata)
    start = content
    if init_random:
        start = torch.rand(content.shape, generator=torch.Generator().manual_seed(0)).to(content)
    result = transfer_style(start, objective)
    picture = deprocess(result)
    save_picture(picture, f"styles_images/{name}.png", metadata)
    return result if testing else picture


def _as_for(cnn: nn.Module, image: Tensor, dtype) -> Tensor:
    """The image in the course's tensor type, or the network's if None, and in any case where the network is."""
    like = home_of(cnn, image)
    return image.to(like) if dtype is None else image.type(dtype).to(like.device)
