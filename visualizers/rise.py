"""RISE: does the score rise when a pixel is left in sight? (Petsiuk et al., 2018)

    masks M_i: a coarse grid of cells, each shown with probability p, upsampled bilinearly and shifted at random
    map = 1 / (p * count) * sum over i of score_y(image * M_i) * M_i  -  mean over i of score_y(image * M_i)

The first term is the paper's map, the expected score given that a pixel is shown. We take the expected score away, so
that 0 means "showing this pixel changes nothing", in units of the score; in expectation the order of the pixels
stays. The network is only asked for scores, never for gradients. What is hidden becomes the mean colour.
"""

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from core.errors import UsageError
from core.gradients import as_pairs, chunk_length, in_chunks, label_scores, to_network, warn_of_blank_maps
from core.measuring import measuring

RAREST = 2.0**-24  # chance is drawn in such steps: what is less probable never happens, and its opposite always


def rise(
    model: nn.Module,
    images: Tensor,
    labels,
    *,
    masks: int = 2000,
    grid: int = 7,
    probability: float = 0.5,
    generator: torch.Generator | None = None,
    callback: Callable[[int], object] | None = None,
) -> Tensor:
    """images (N, 3, H, W), labels (N,) or one number -> signed maps (N, H, W), in units of the score.

    masks: how many, the same ones for all images; the error falls with their square root. grid: cells along a side.
    probability: of a cell to be shown. callback: is told after each chunk how many masked images were scored.
    Raises UsageError for a label or a setting out of range; warns of a blank map.
    """
    if masks < 2:
        raise UsageError(f"masks: {masks} is too few; at least 2 are needed, a thousand give a fair map")
    images, labels = as_pairs(images, labels, model)
    with measuring(model), torch.no_grad():
        # Scores count from that of the hidden image: small sums round less, and a constant score gives exactly 0.
        hidden = in_chunks(partial(label_scores, model), model, torch.zeros_like(images), labels)
        shown = images.new_zeros(len(images), *images.shape[2:])  # sums over the masks, of score * mask,
        scored, seen = images.new_zeros(len(images)), torch.zeros_like(shown[0])  # of scores, and of masks
        for part in torch.arange(masks).split(chunk_length(images)):
            chunk = random_masks(len(part), images.shape[2:], grid=grid, probability=probability, generator=generator)
            chunk = chunk.to(images)  # (B, H, W)
            seen += chunk.sum(dim=0)
            for index, image in enumerate(images):
                masked = to_network(model, image * chunk.unsqueeze(1))  # (B, 3, H, W)
                scores = label_scores(model, masked, labels[index].repeat(len(chunk))).to(images) - hidden[index]
                shown[index] += torch.einsum("b,bhw->hw", scores, chunk)
                scored[index] += scores.sum()
                if callback is not None:
                    callback(len(chunk))
        # Both terms over the same masks, so that a pixel shown more often than p by chance gains nothing from it.
        maps = (shown - scored.view(-1, 1, 1) / masks * seen) / (probability * masks)
    cause = "hiding parts of it changes nothing, so the class has the same score on every picture"
    warn_of_blank_maps(model, images, labels, maps, otherwise=cause)
    return maps


def random_masks(
    count: int,
    size: tuple[int, int],
    *,
    grid: int = 7,
    probability: float = 0.5,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Masks (count, H, W) in [0, 1]; the expected value of each pixel is exactly `probability`.

    The grid is blown up to one cell more than the image needs, and the image's size cut out at a random place: so
    no pixel is always at a cell's edge.
    """
    height, width = size
    if not 1 <= grid <= min(height, width):
        raise UsageError(f"grid: {grid} cells do not fit; allowed are 1 to {min(height, width)}, the shorter side")
    if not RAREST <= probability <= 1 - RAREST:
        raise UsageError(f"probability: {probability} hides all or nothing; give a share of cells between 0 and 1")
    cell_height, cell_width = math.ceil(height / grid), math.ceil(width / grid)
    cells = (torch.rand(count, 1, grid, grid, generator=generator, dtype=torch.float32) < probability).float()
    large = interpolate(cells, ((grid + 1) * cell_height, (grid + 1) * cell_width), mode="bilinear")
    tops = torch.randint(cell_height, (count,), generator=generator).tolist()
    lefts = torch.randint(cell_width, (count,), generator=generator).tolist()
    cuts = [one[0, y : y + height, x : x + width] for one, y, x in zip(large, tops, lefts, strict=True)]
    return torch.stack(cuts)
