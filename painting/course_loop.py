"""The course's plain loop of style transfer (Gatys et al., 2016), on tensors: one size, Adam, absolute weights.

    image* = argmin  content loss + style loss + total variation        over the pixels themselves

`visualizers.style_transfer` goes from coarse to fine instead, with relative weights. The presets of the style study and
the course's own call (`courses.style.style_transfer`) run this loop.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.activations import feature_sequence, sequence_features
from core.ascent import Step, adam_descent, optimise_pixels
from core.errors import UsageError
from core.inputs import as_images, precise
from core.measuring import evaluating, measuring, without_autocast
from painting.scales import SMALLEST_SIDE
from style_modules import ContentLoss, StyleLoss, TotalVariationLoss


def course_features(
    cnn: nn.Sequential, images: Tensor, wanted: Iterable[int], *, contiguous: bool
) -> list[Tensor | None]:
    """The outputs at the wanted indices, after what later modules do to them in place; None at the others.

    They are computed in the type of `cnn`, and given at least in float32, on the device of the images.
    contiguous: for the code of others, which may `view` what it is given; ours is quicker where it need not be.
    """
    modules, wanted = list(cnn.children()), set(wanted)
    places = {index: _after_in_place(modules, index) for index in wanted}
    like = next(cnn.parameters(), images)
    with evaluating(cnn), without_autocast(like.device.type):
        outputs = sequence_features(cnn, images.to(like.device, like.dtype), places.values())
    outputs = [None if output is None else precise(output).to(images.device) for output in outputs]
    if contiguous:
        outputs = [None if output is None else output.contiguous() for output in outputs]
    return [outputs[places[index]] if index in wanted else None for index in range(max(wanted) + 1)]


def _after_in_place(modules: Sequence[nn.Module], index: int) -> int:
    """The last of the modules that write over what module `index` gave."""
    while index + 1 < len(modules) and getattr(modules[index + 1], "inplace", False):
        index += 1
    return index


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
    """Take the targets from the pictures content and style, each (1, 3, H, W). Layers index `cnn`'s modules.

    The style is taken to the content's device, and there the losses are computed.
    """
    cnn = feature_sequence(cnn)
    content, style = as_images(content, "content"), as_images(style, "style")
    style = style.to(content.device)
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

    start = as_images(start, "start")
    with measuring(objective.cnn):
        return optimise_pixels(
            start.clamp(-clamp_to, clamp_to),
            objective,
            adam_descent(rate),
            iterations=iterations,
            constrain=constrain,
            callback=callback,
        )
