"""Coarse to fine: the sizes, and the objective at each of them."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.functional import interpolate

from core.activations import feature_sequence
from core.errors import UsageError
from core.gradients import to_network
from core.inputs import check_images
from core.priors import clamp_to_valid
from painting.objective import PaintingObjective
from painting.targets import Style, check_styles

SMALLEST_SIDE = 33  # pixels: below, nothing is left of a picture at the deepest layers


def scale_sizes(size: Sequence[int], smallest: int) -> list[tuple[int, int]]:
    """(height, width) of each scale, from small to large, each sqrt(2) larger; the last is the picture's own.

    smallest: of the shorter side, in pixels; a picture that is smaller has one scale. Raises UsageError for a
    picture that is too small for the network.
    """
    height, width = size
    if min(size) < SMALLEST_SIDE:
        raise UsageError(
            f"content: {width} x {height} pixels are too few; at least {SMALLEST_SIDE} are needed each way"
        )
    sizes, step = [(height, width)], 1
    while round(min(size) / 2 ** (step / 2)) >= max(smallest, SMALLEST_SIDE):
        sizes.insert(0, (round(height / 2 ** (step / 2)), round(width / 2 ** (step / 2))))
        step += 1
    return sizes


def objective_at(
    model: nn.Module, content: Tensor, styles: Sequence[Style], size: Sequence[int], *, style_scale: float, **settings
) -> PaintingObjective:
    """The objective for pictures of `size` (H, W), the content (1, 3, ...) and the styles scaled along with it.

    A style as it is given belongs to the content as it is given, times `style_scale`. settings: those of
    `PaintingObjective`. Raises UsageError for pictures or masks that do not fit.
    """
    check_styles(styles, content.shape[2:])
    share, scaled = min(size) / min(content.shape[2:]) * style_scale, []
    for style in styles:
        check_images(style.image, "style", single=True)
        if min(style.image.shape[2:]) < SMALLEST_SIDE:
            shape = f"{style.image.shape[3]} x {style.image.shape[2]}"
            raise UsageError(f"style: {shape} pixels are too few; at least {SMALLEST_SIDE} are needed each way")
        side = [max(SMALLEST_SIDE, round(length * share)) for length in style.image.shape[2:]]
        mask = None if style.mask is None else interpolate(style.mask.float(), size=tuple(size), mode="area")
        scaled.append(Style(clamp_to_valid(resize(to_network(model, style.image), side)), style.weight, mask))
    features = feature_sequence(model)
    return PaintingObjective(features, clamp_to_valid(resize(content, size)), scaled, **settings)


def resize(image: Tensor, size: Sequence[int]) -> Tensor:
    """(1, 3, H, W) to another size, smoothed before it gets smaller."""
    if tuple(image.shape[2:]) == tuple(size):
        return image
    return interpolate(image, size=tuple(size), mode="bicubic", antialias=True)
