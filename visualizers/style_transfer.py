"""Style transfer from coarse to fine (Gatys et al., 2016): a content, painted with the textures of one or more styles.

    image* = argmin  content_weight * ||F - P||^2 / ||P||^2  +  style_weight * mean over layers of ||G - A||^2 / ||A||^2
                     + tv_weight * mean squared difference of neighbours

F, G what layers of the network give for the picture, and the Gram matrices of it; P and A those of content and style.
All terms are relative (`style_modules.balance`): one set of weights serves every size and every network.

A network looks at textures through windows of some tens of pixels. So the picture is first made small, where strokes
fill a window that shows large forms too, then again and again sqrt(2) larger, with targets of styles scaled along
(Gatys et al., 2017, control scale so). Adam's moments go along to the next scale. What is returned is not the last
picture but the mean of the last ones, weighted towards the end: steps of a fixed length do not settle, their mean does.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from core.ascent import LbfgsDescent, Step, adam_descent, optimise_pixels
from core.errors import UsageError
from core.gradients import to_network
from core.priors import clamp_to_valid
from style_modules.objective import PaintingObjective, Style, Terms

SMALLEST_SIDE = 33  # pixels: below, nothing is left of a picture at the deepest layers
OPTIMISERS = ("adam", "lbfgs")


class StyleStep(NamedTuple):
    """What the callback sees after each iteration."""

    scale: int  # from 1
    scales: int
    iteration: int  # from 1, at this scale
    iterations: int
    image: Tensor  # (1, 3, h, w) of this scale, averaged: what would be returned now
    content: float  # the weighted losses of the picture before the step
    style: float
    total_variation: float


def style_transfer(
    model: nn.Module,
    content: Tensor,
    styles: Sequence[Style],
    *,
    content_weight: float = 1.0,
    style_weight: float | Sequence[float] = 1.0,
    tv_weight: float = 0.01,
    layers: Sequence[int] = (1, 4, 6, 7),
    content_layer: int = 3,
    style_scale: float = 1.0,
    smallest: int = 128,
    iterations: int = 100,
    optimiser: str = "adam",
    learning_rate: float = 0.05,
    loss: str = "gram",
    start: Tensor | None = None,
    averaging: float = 0.9,
    tile: int | None = None,
    callback: Callable[[StyleStep], bool | None] | None = None,
) -> Tensor:
    """content (1, 3, H, W) -> the painted picture (1, 3, H, W), normalised, within the valid colours."""
    picture = to_network(model, content)
    sizes = scale_sizes(picture.shape[2:], smallest)
    image = clamp_to_valid(picture if start is None else to_network(model, start))
    stopped = False
    adam = adam_descent(lambda _: learning_rate)
    for index, size in enumerate(sizes):
        objective = objective_at(
            model,
            picture,
            styles,
            size,
            style_scale=style_scale,
            layers=layers,
            content_layer=content_layer,
            content_weight=content_weight,
            style_weight=style_weight,
            tv_weight=tv_weight,
            loss=loss,
            tile=tile,
        )
        update = adam if optimiser == "adam" else LbfgsDescent(lambda made=objective: sum(made.last))
        total, weight = 0.0, 0.0

        def watch(step: Step) -> bool:
            nonlocal total, weight, image, stopped
            total, weight = averaging * total + step.image, averaging * weight + 1
            image = total / weight if optimiser == "adam" else update.best
            state = (index + 1, len(sizes), step.iteration, iterations, image, *objective.last)
            stopped = callback is not None and bool(callback(StyleStep(*state)))
            return stopped

        adam.carry_to(size)
        optimise_pixels(
            clamp_to_valid(resize(image, size)).contiguous(memory_format=torch.channels_last),
            objective,
            update,
            iterations=iterations,
            constrain=lambda pixels, *_: clamp_to_valid(pixels),
            callback=watch,
        )
        if stopped:
            break
    return clamp_to_valid(resize(image, picture.shape[2:])).contiguous().to(content)


def objective_at(
    model: nn.Module, content: Tensor, styles: Sequence[Style], size: Sequence[int], *, style_scale=1.0, **settings
) -> PaintingObjective:
    """The objective for pictures of `size` (H, W), targets and masks scaled along from the content's own size."""
    share = size[0] / content.shape[2] * style_scale
    scaled = []
    for style in styles:
        image = to_network(model, style.image)
        side = [max(SMALLEST_SIDE, round(length * share)) for length in image.shape[2:]]
        scaled.append(style._replace(image=clamp_to_valid(resize(image, side))))
    return PaintingObjective(
        getattr(model, "features", model), clamp_to_valid(resize(content, size)), scaled, **settings
    )


def scale_sizes(size: Sequence[int], smallest: int) -> list[tuple[int, int]]:
    """(height, width) of each scale, from small to large, each sqrt(2) larger; the last is the picture's own."""
    height, width = size
    if min(height, width) < SMALLEST_SIDE:
        raise UsageError(
            f"content: {width} x {height} pixels are too few; at least {SMALLEST_SIDE} are needed each way"
        )
    sizes, ratio = [], 1.0
    while not sizes or min(height, width) / ratio >= smallest:
        sizes.insert(0, (round(height / ratio), round(width / ratio)))
        ratio *= 2**0.5
    return sizes


def resize(image: Tensor, size: Sequence[int]) -> Tensor:
    """(1, 3, H, W) to another size, smoothed before it gets smaller."""
    if tuple(image.shape[2:]) == tuple(size):
        return image
    return interpolate(image, size=tuple(size), mode="bicubic", antialias=True)


def style_terms(model: nn.Module, picture: Tensor, content: Tensor, styles: Sequence[Style], **settings) -> Terms:
    """The three weighted losses of any picture of the content's size; `settings` are those of `style_transfer`."""
    known = {"layers", "content_layer", "content_weight", "style_weight", "tv_weight", "style_scale", "loss", "tile"}
    chosen = {name: value for name, value in {**style_transfer.__kwdefaults__, **settings}.items() if name in known}
    objective = objective_at(model, to_network(model, content), styles, content.shape[2:], **chosen)
    return objective.terms(to_network(model, picture))
