"""Style transfer from coarse to fine (Gatys et al., 2016): a content, painted with the textures of one or more styles.

    image* = argmin  content_weight * ||F - P||^2 / ||P||^2  +  style_weight * mean over layers of D
                     + tv_weight * total variation

    "gram"         D = ||G - A||^2 / ||A||^2, G and A the Gram matrices of picture and style
    "wasserstein"  D = W^2 / W_0^2, how far features must move to the style's (`style_modules.wasserstein_loss`)
F and P are what a layer gives for picture and content. Terms are relative (`painting.balance`): one set of weights
serves every size and network. In Gram matrices strong features outweigh all others: they agree long before a picture
looks like the style. The Wasserstein distance goes on to its forms.

A network looks at textures through windows of some tens of pixels. So the picture is first made small, where strokes
fill a window that shows large forms too, then again and again sqrt(2) larger, styles scaled along (Gatys et al., 2017).
Adam's moments go along, and the mean of its last pictures is returned: steps of a fixed length do not settle.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from torch import Tensor, channels_last, nn

from core.ascent import AdamDescent, LbfgsDescent, Step, optimise_pixels
from core.errors import UsageError
from core.gradients import to_network
from core.inputs import as_images
from core.priors import clamp_to_valid
from painting.forecast import best_tile
from painting.objective import Terms
from painting.scales import objective_at, resize, scale_sizes
from painting.targets import Style


class StyleStep(NamedTuple):
    """What the callback sees after each iteration."""

    scale: int  # counted from 1, as is the iteration
    scales: int
    iteration: int  # at this scale
    iterations: int
    image: Tensor  # (1, 3, h, w) of this scale: what would be returned now
    content: float  # the weighted losses of the picture before the step
    style: float
    total_variation: float


def style_transfer(
    model: nn.Module,
    content: Tensor,
    styles: Sequence[Style],
    *,
    content_weight: float = 1.0,
    style_weight: float | Sequence[float] = 25.0,
    tv_weight: float = 1.0,
    layers: Sequence[int] = (1, 4, 6, 7),
    content_layer: int = 3,
    style_scale: float = 1.0,
    smallest: int = 128,
    iterations: int = 60,
    optimiser: str = "lbfgs",
    learning_rate: float = 0.1,
    loss: str = "wasserstein",
    start: Tensor | None = None,
    averaging: float = 0.9,
    tile: int | None = None,
    callback: Callable[[StyleStep], bool | None] | None = None,
) -> Tensor:
    """content (1, 3, H, W) -> the painted picture (1, 3, H, W), in the network's units, of valid colours.

    styles: pictures with weights and masks (`painting.targets`). The three weights: relative; a style weight for
    each layer, or one for all. layers, content_layer: indices into `model.features`. style_scale: larger makes larger
    strokes. smallest: shorter side of the first scale, in pixels. iterations: gradients at each scale. optimiser:
    "adam", with steps of `learning_rate` in the network's units, whose iterates are averaged with weights that fall by
    `averaging` a step, or "lbfgs", which keeps the best picture. loss: "gram" or "wasserstein". start: (1, 3, h, w),
    of any size; None is the content. tile: side of the tiles in pixels, 256 or more; None takes tiles where the
    whole would need more than 1.5 GB. The callback's True ends it: the picture as it stands is returned.

    Raises UsageError for settings, layers, masks and pictures that do not fit, WorkError when a loss is not finite.
    """
    content = as_images(content, "content", single=True)
    if optimiser not in ("adam", "lbfgs") or not 0 <= averaging < 1:
        raise UsageError(f"optimiser and averaging: {optimiser}, {averaging}; allowed: adam, lbfgs and 0 to below 1")
    picture, stopped = to_network(model, content), False
    image = picture if start is None else to_network(model, start, "start")
    sizes, adam = scale_sizes(picture.shape[2:], smallest), AdamDescent(lambda _: learning_rate)
    settings = {"layers": layers, "content_layer": content_layer, "content_weight": content_weight, "loss": loss}
    settings |= {"style_weight": style_weight, "tv_weight": tv_weight, "style_scale": style_scale}
    for scale, size in enumerate(sizes, start=1):
        fitting = tile or best_tile(model, size, max(*layers, content_layer))
        objective = objective_at(model, picture, styles, size, tile=fitting, **settings)
        adam.carry_to(size)
        begun = clamp_to_valid(resize(image, size)).contiguous(memory_format=channels_last)
        update = adam if optimiser == "adam" else LbfgsDescent(lambda made=objective: sum(made.last))
        mean = _Mean(averaging)

        def watch(step: Step, scale=scale, objective=objective, update=update, mean=mean) -> bool:
            nonlocal image, stopped
            image = mean.with_next(step.image) if update is adam else update.best
            state = (scale, len(sizes), step.iteration, iterations, image, *objective.last)
            stopped = bool(callback is not None and callback(StyleStep(*state)))
            return stopped

        loop = {"constrain": lambda pixels, *_: clamp_to_valid(pixels), "callback": watch}
        optimise_pixels(begun, objective, update, iterations=iterations, **loop)
        if stopped:
            break
    return clamp_to_valid(resize(image, picture.shape[2:])).contiguous().to(content)


class _Mean:
    """Of the pictures so far, each weighing `decay` times as much as the one after it."""

    def __init__(self, decay: float) -> None:
        self.decay, self.total, self.weight = decay, 0.0, 0.0

    def with_next(self, image: Tensor) -> Tensor:
        self.total = self.decay * self.total + image
        self.weight = self.decay * self.weight + 1
        return self.total / self.weight


def style_terms(model: nn.Module, picture: Tensor, content: Tensor, styles: Sequence[Style], **settings) -> Terms:
    """The three weighted losses of any picture of the content's size; settings: those of `style_transfer`."""
    known = ("layers", "content_layer", "content_weight", "style_weight", "tv_weight", "style_scale", "loss", "tile")
    chosen = {name: settings.get(name, style_transfer.__kwdefaults__[name]) for name in known}
    objective = objective_at(model, to_network(model, content, "content"), styles, content.shape[2:], **chosen)
    return objective.terms(to_network(model, picture, "picture"))
