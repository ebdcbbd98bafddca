"""Do the pixels that a map calls important matter to the network? Deletion, insertion, and stability under noise.

    deletion:  replace the most important pixels first;  the probability of the class should fall at once
    insertion: start from the substrate, put the most important pixels in first;  it should rise at once

The area under each curve is one number (Petsiuk et al., 2018). Both move with the substrate, what stands for
"nothing there", and with the number of stages: say both beside them.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from core.errors import UsageError
from core.gradients import as_labels, check_range, chunk_length, to_network
from core.inputs import as_images, like_images
from core.measuring import measuring
from core.passes import check_finite, scores_of


def deletion_curve(
    model: nn.Module,
    images: Tensor,
    labels: Tensor | Sequence[int] | int,
    maps: Tensor,
    *,
    stages: int = 28,
    substrate: Tensor | float = 0.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Softmax probability of each image's label while its pixels are replaced, (N, stages + 1); the last are all gone.

    images (N, 3, H, W), labels (N,) or one number, maps (N, H, W): larger goes first. stages: equal shares of the
    pixels, 224 in the paper. substrate: a picture that broadcasts to the images or a number, in the network's units; 0
    is the mean colour. generator: decides among equal values, so that blank parts go in no order of their own.
    Raises UsageError for maps of another shape or fewer stages than one.
    """
    images = as_images(images)
    return _curve(model, images, like_images("substrate", substrate, images), labels, maps, stages, generator)


def insertion_curve(
    model: nn.Module,
    images: Tensor,
    labels: Tensor | Sequence[int] | int,
    maps: Tensor,
    *,
    stages: int = 28,
    substrate: Tensor | float = 0.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """The same from the other side: pixels of the image are put into the substrate, (N, stages + 1)."""
    images = as_images(images)
    return _curve(model, like_images("substrate", substrate, images), images, labels, maps, stages, generator)


def area_under(curves: Tensor) -> Tensor:
    """Area under curves (..., stages + 1) over the share of pixels, 0 to 1, by trapezia; (...)."""
    return torch.trapezoid(curves, dx=1 / (curves.shape[-1] - 1))


def stability(
    explain: Callable[[Tensor], Tensor],
    images: Tensor,
    *,
    noise: float = 0.05,
    draws: int = 3,
    generator: torch.Generator | None = None,
) -> Tensor:
    """The largest relative change of a map under noise, max over draws of ||map(x + n) - map(x)|| / ||map(x)||; (N,).

    explain: images (N, 3, H, W) -> maps (N, H, W). noise: standard deviation in the network's units; 0.05 is about
    three grey levels of 255. Lower is steadier; not a number where the map is blank.
    """
    images = as_images(images)
    original = explain(images).flatten(1).double()
    size = original.norm(dim=1)
    changes = []
    for _ in range(draws):
        noisy = images + noise * torch.randn(images.shape, generator=generator, dtype=torch.float32).to(images)
        changes.append((explain(noisy).flatten(1).double() - original).norm(dim=1) / size)
    return torch.stack(changes).amax(dim=0).where(size > 0, torch.nan)


def _curve(
    model: nn.Module,
    start: Tensor,
    end: Tensor,
    labels: Tensor | Sequence[int] | int,
    maps: Tensor,
    stages: int,
    generator: torch.Generator | None,
) -> Tensor:
    """Probabilities on the way from `start` to `end`, (N, 3, H, W) both, the map's largest values first."""
    if maps.shape != (len(start), *start.shape[2:]):
        shapes = f"{tuple(maps.shape)} for images {tuple(start.shape)}"
        raise UsageError(f"maps: shape {shapes}; one value for each pixel is needed, (N, H, W)")
    if stages < 1:
        raise UsageError(f"stages: {stages} is too few; at least 1 is needed")
    labels = as_labels(labels, len(start), model)
    pixels = maps[0].numel()
    changed = torch.arange(stages + 1, device=start.device) * pixels // stages  # pixels changed after each stage
    place = _places(maps, generator).to(start.device)
    curves = []
    with measuring(model), torch.no_grad():
        for index in range(len(start)):
            parts = []
            for counts in changed.split(chunk_length(start)):
                done = (place[index] < counts.view(-1, 1, 1)).unsqueeze(1)  # (S, 1, H, W)
                pictures = torch.where(done, end[index], start[index])
                scores = scores_of(model, to_network(model, pictures))
                check_range(labels, scores.shape[1])
                parts.append(check_finite(scores.softmax(dim=1)[:, labels[index]]))
            curves.append(torch.cat(parts))
    return torch.stack(curves).to(start)


def _places(maps: Tensor, generator: torch.Generator | None) -> Tensor:
    """The place of each pixel in the order of falling values, (N, H, W); chance decides among equal ones."""
    flat = maps.detach().cpu().flatten(1)  # (N, P)
    shuffled = torch.randperm(flat.shape[1], generator=generator)
    order = shuffled[flat[:, shuffled].argsort(dim=1, descending=True, stable=True)]
    places = torch.empty_like(order)
    places.scatter_(1, order, torch.arange(flat.shape[1]).expand_as(order))
    return places.view(maps.shape)
