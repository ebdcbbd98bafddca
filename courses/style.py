"""Style transfer (Gatys et al., 2016): the content of one picture, painted with the textures of another.

    image* = argmin  content loss + style loss + total variation        over the pixels themselves

The course imports this module's functions by name; `transfer_style` is the technique, on tensors.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from core.activations import sequence_features
from core.ascent import Step, adam_descent, optimise_pixels
from core.errors import UsageError
from core.gradients import evaluating, measuring
from core.images import load_image
from courses import pictures
from courses.pictures import deprocess
from style_modules import ContentLoss, StyleLoss, TotalVariationLoss

SMALLEST_SIDE = 33  # pixels: below, nothing is left of a picture at the deepest layers


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
    cnn = _sequence(cnn)
    return course_features(cnn, x, range(len(cnn)), contiguous=True)


def course_features(
    cnn: nn.Sequential, images: Tensor, wanted: Iterable[int], *, contiguous: bool
) -> list[Tensor | None]:
    """The outputs at the wanted indices, after what later modules do to them in place; None at the others.

    contiguous: for the code of others, which may `view` what it is given; ours is quicker where it need not be.
    """
    modules, wanted = list(cnn.children()), set(wanted)
    places = {index: _after_in_place(modules, index) for index in wanted}
    with evaluating(cnn):
        outputs = sequence_features(cnn, images, places.values())
    if contiguous:
        outputs = [None if output is None else output.contiguous() for output in outputs]
    return [outputs[places[index]] if index in wanted else None for index in range(max(wanted) + 1)]


def _after_in_place(modules: Sequence[nn.Module], index: int) -> int:
    """The last of the modules that write over what module `index` gave."""
    while index + 1 < len(modules) and getattr(modules[index + 1], "inplace", False):
        index += 1
    return index


def features_from_img(imgpath: str | Path, imgsize: int, cnn: nn.Sequential, dtype=None) -> tuple[list[Tensor], Tensor]:
    """Read a picture, its shorter side scaled to `imgsize` -> (features of every module, image (1, 3, h, w)).

    dtype: the course's tensor type, e.g. torch.FloatTensor; None takes the network's.
    """
    image = preprocess(load_image(imgpath), size=imgsize)
    image = _as_for(cnn, image, dtype)
    return extract_features(image, cnn), image


@dataclass
class StyleObjective:
    """The sum to minimise, and its three terms."""

    cnn: nn.Sequential
    content_layer: int
    content_weight: float
    content_target: Tensor  # (1, C, h, w)
    style_layers: Sequence[int]
    style_weights: Sequence[float]
    style_targets: list[Tensor]  # (1, C, C) of each layer
    tv_weight: float
    content_loss: Callable
    style_loss: Callable
    tv_loss: Callable
    contiguous: bool  # as `course_features` says

    def terms(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """image (1, 3, H, W) -> content, style and total-variation loss, weighted."""
        wanted = (self.content_layer, *self.style_layers)
        features = course_features(self.cnn, image, wanted, contiguous=self.contiguous)
        return (
            self.content_loss(self.content_weight, features[self.content_layer], self.content_target),
            self.style_loss(features, self.style_layers, self.style_targets, self.style_weights),
            self.tv_loss(image, self.tv_weight),
        )

    def __call__(self, image: Tensor) -> Tensor:
        return sum(self.terms(image))


def style_objective(
    content: Tensor,
    style: Tensor,
    cnn: nn.Sequential,
    *,
    content_layer: int,
    content_weight: float,
    style_layers: Sequence[int],
    style_weights: Sequence[float],
    tv_weight: float,
    content_loss: Callable | None = None,
    style_loss: Callable | None = None,
    tv_loss: Callable | None = None,
) -> StyleObjective:
    """Take the targets from the pictures content and style, each (1, 3, H, W). Layers index `cnn`'s modules."""
    cnn = _sequence(cnn)
    if not len(style_layers) == len(style_weights) > 0:
        got = f"{len(style_layers)} style layers and {len(style_weights)} weights"
        raise UsageError(f"style: got {got}; give as many of each, at least one")
    if min(*content.shape[2:], *style.shape[2:]) < SMALLEST_SIDE:
        sizes = " and ".join(f"{image.shape[3]} x {image.shape[2]}" for image in (content, style))
        raise UsageError(f"size: the pictures are {sizes} pixels; at least {SMALLEST_SIDE} are needed each way")
    for layer in (content_layer, *style_layers):
        if not 0 <= layer < len(cnn):
            raise UsageError(f"layer: {layer} is out of range; allowed are 0 to {len(cnn) - 1}")
    others = content_loss is not None or style_loss is not None
    style_loss = style_loss or StyleLoss()
    with torch.no_grad():
        content_target = course_features(cnn, content, [content_layer], contiguous=others)[content_layer]
        style_features = course_features(cnn, style, style_layers, contiguous=others)
        style_targets = [style_loss.gram_matrix(style_features[layer]) for layer in style_layers]
    return StyleObjective(
        cnn,
        content_layer,
        content_weight,
        content_target,
        style_layers,
        style_weights,
        style_targets,
        tv_weight,
        content_loss or ContentLoss(),
        style_loss,
        tv_loss or TotalVariationLoss(),
        contiguous=others,
    )


def transfer_style(
    start: Tensor,
    objective: StyleObjective,
    *,
    iterations: int = 200,
    learning_rate: float = 3.0,
    final_learning_rate: float = 0.1,
    lower_at: int = 180,
    clamp_until: int = 190,
    clamp_to: float = 1.5,
    callback: Callable[[Step], bool | None] | None = None,
) -> Tensor:
    """start (1, 3, H, W) -> the styled picture, in the network's units. The defaults are the course's schedule.

    Adam at `learning_rate`, from iteration `lower_at` afresh at `final_learning_rate`; until iteration
    `clamp_until` the picture is clamped to +-`clamp_to` before each step, start included.
    """

    def constrain(image: Tensor, _gradient: Tensor, iteration: int) -> Tensor:
        return image.clamp(-clamp_to, clamp_to) if iteration + 1 < clamp_until else image

    def rate(iteration: int) -> float:
        return learning_rate if iteration < lower_at else final_learning_rate

    with measuring(objective.cnn):
        return optimise_pixels(
            start.clamp(-clamp_to, clamp_to),
            objective,
            adam_descent(rate),
            iterations=iterations,
            constrain=constrain,
            callback=callback,
        )


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
    from drawing.files import describe, save_picture  # matplotlib, for writing the files alone
    from drawing.grid import draw_pictures

    weights = "the network given"
    if cnn is None:
        from core.squeezenet import load_squeezenet

        model = load_squeezenet()
        cnn, weights = model.features, model.weights_name
    cnn = _sequence(cnn)
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
    like = next(cnn.parameters())
    return image.to(like) if dtype is None else image.type(dtype).to(like.device)


def _sequence(cnn: nn.Module) -> nn.Sequential:
    """SqueezeNet's `features`; the whole network is taken for them, too."""
    cnn = getattr(cnn, "features", cnn)
    if not isinstance(cnn, nn.Sequential):
        raise UsageError(f"cnn: a sequence of modules is needed, got {type(cnn).__name__}; give model.features")
    return cnn
