"""Occlusion: which parts of the picture does the score need? (Zeiler and Fergus, 2014)

    drop_ij = score_y(image) - score_y(image with the window at row i * stride, column j * stride covered)

A large drop: the class is recognised by what is under the window. A negative one: what is there speaks against
it. Nothing is assumed about the network, but a part larger than the window is never covered as a whole, and a
network may react to the cover itself; so try several of both. The paper covers with grey and draws the score.
"""

import torch
from torch import Tensor, nn

from core.errors import UsageError
from core.gradients import as_pairs, to_network, warn_of_blank_maps
from core.images import normalise
from core.inputs import like_images
from core.measuring import measuring, without_autocast
from core.priors import blur
from core.windows import window_drops

FILLS = {  # what covers (1, 3, H, W), in the network's units
    "mean": lambda image, patch: torch.zeros_like(image),  # the mean colour of ImageNet
    "grey": lambda image, patch: normalise(torch.full_like(image, 0.5)),
    "blur": lambda image, patch: blur(image, sigma=patch),  # nothing as small as a window is left
}


def occlusion(
    model: nn.Module, images: Tensor, labels, *, patch: int = 15, stride: int = 8, fill: str | Tensor = "mean"
) -> Tensor:
    """images (N, 3, H, W), labels (N,) or one number -> drops of the score (N, gh, gw), one for each window.

    patch, stride: the window's side, and how far apart windows are, in pixels; a last window that would stick out
    of the picture is cut off. fill: what covers: "mean" colour, middle "grey", the picture under a strong "blur",
    or a tensor that broadcasts to the images, in the network's units. Raises UsageError for one of these or a
    label out of range; warns of a blank map.
    """
    images, labels = as_pairs(images, labels, model)
    covers = like_images("fill", fill, images) if isinstance(fill, Tensor) else None
    if covers is None:
        check_fill(fill)
    covering = [windows(size, patch, stride) for size in images.shape[2:]]  # (H, gh) and (W, gw)
    with measuring(model), torch.no_grad():
        drops = images.new_zeros(len(images), covering[0].shape[1], covering[1].shape[1])
        for index, label in enumerate(labels.split(1)):
            image = to_network(model, images[index : index + 1])
            cover = FILLS[fill](image, patch) if covers is None else to_network(model, covers[index : index + 1])
            # Where the cover is like the picture the score cannot change, and nothing is computed.
            differs = (image != cover).any(dim=1)[0].double().cpu()  # (H, W)
            chosen = (covering[0].T @ differs @ covering[1]).nonzero()  # (P, 2)
            rows, columns = (chosen * stride).unbind(dim=1)
            changes = window_drops(model, image[0], cover[0], label, rows, columns, patch)
            drops[index].index_put_(chosen.to(drops.device).unbind(dim=1), changes.to(drops))
    warn_of_blank_maps(model, images, labels, drops, otherwise="covering changes nothing; try another fill or patch")
    return drops


@without_autocast()
def spread(drops: Tensor, size: tuple[int, int], patch: int, stride: int) -> Tensor:
    """Drops (N, gh, gw) -> maps (N, H, W) of the size: for each pixel the mean drop of the windows that cover it."""
    down, right = (windows(length, patch, stride).to(drops) for length in size)  # (H, gh), (W, gw)
    return down @ drops @ right.T / (down.sum(dim=1)[:, None] * right.sum(dim=1))


def check_fill(fill: str) -> None:
    if fill not in FILLS:
        raise UsageError(f"fill: '{fill}' is unknown; allowed are {', '.join(FILLS)}, or a tensor")


def windows(size: int, patch: int, stride: int) -> Tensor:
    """Along one axis, which pixels (size) lie in which windows (g): 1 or 0, (size, g)."""
    if not 1 <= patch <= size:
        raise UsageError(f"patch: {patch} is out of range; allowed are 1 to {size}, the picture's shorter side")
    if not 1 <= stride <= patch:
        raise UsageError(
            f"stride: {stride} is out of range; allowed are 1 to {patch}, or pixels between windows are left out"
        )
    starts = torch.arange(0, size - patch + stride, stride)  # the last is the first that reaches the edge
    within = torch.arange(size)[:, None] - starts
    return ((within >= 0) & (within < patch)).double()
