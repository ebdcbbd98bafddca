"""How well does a map point at the object? Three scores against an exact mask, and what pointing at the centre gets.

All take maps (N, H, W), of which only positive values count as evidence, and masks (N, H, W) bool, and return one
number in [0, 1] for each image. For all three higher is better: the mask itself scores 1, its complement 0. Objects
tend to lie near the centre, so a score means little without the same score of `centre_map` beside it.
"""

import torch
from torch import Tensor

from core.errors import UsageError
from core.inputs import as_images
from core.measuring import without_autocast

SCORES = ("pointing game", "relevance mass", "best IoU")


def pointing_game(maps: Tensor, masks: Tensor) -> Tensor:
    """1 where the map's largest value lies inside the mask, else 0 (Zhang et al., 2016); (N,).

    Where several pixels share the largest value, the share of them that lies inside. A blank map scores 0.
    """
    evidence, masks = _checked(maps, masks)
    peaks = (evidence == evidence.amax(dim=1, keepdim=True)) & (evidence > 0)
    return (peaks & masks).sum(dim=1) / peaks.sum(dim=1).clamp(min=1)


def relevance_mass(maps: Tensor, masks: Tensor) -> Tensor:
    """The share of the evidence that lies inside the mask (Arras et al., 2022); (N,). A blank map scores 0."""
    evidence, masks = _checked(maps, masks)
    total = evidence.sum(dim=1)
    return (evidence * masks).sum(dim=1) / torch.where(total > 0, total, torch.ones_like(total))


def best_iou(maps: Tensor, masks: Tensor) -> Tensor:
    """Intersection over union of {map >= t} and the mask, at the best t > 0 for each image; (N,).

    Exact: every value of the map is tried as the threshold. A blank map scores 0.
    """
    evidence, masks = _checked(maps, masks)
    values, order = evidence.sort(dim=1, descending=True)
    inside = masks.gather(1, order).cumsum(dim=1)  # of the k largest values, how many lie inside
    chosen = torch.arange(1, values.shape[1] + 1, device=values.device)
    union = chosen + masks.sum(dim=1, keepdim=True) - inside
    last_of_its_value = torch.ones_like(values, dtype=torch.bool)
    last_of_its_value[:, :-1] = values[:, :-1] > values[:, 1:]  # equal values are above a threshold together
    allowed = last_of_its_value & (values > 0)
    return torch.where(allowed, inside / union, torch.zeros_like(values)).amax(dim=1)


def localisation(maps: Tensor, masks: Tensor) -> Tensor:
    """The three scores, in the order of SCORES; (N, 3)."""
    return torch.stack([pointing_game(maps, masks), relevance_mass(maps, masks), best_iou(maps, masks)], dim=1)


def centre_map(height: int, width: int) -> Tensor:
    """The baseline that knows nothing: a Gaussian hill in the middle, standard deviation a quarter; (H, W)."""
    down = torch.linspace(-2, 2, height).view(-1, 1)
    right = torch.linspace(-2, 2, width).view(1, -1)
    return torch.exp(-(down.square() + right.square()) / 2)


@without_autocast()
def edge_map(images: Tensor) -> Tensor:
    """The control that knows the picture but no network: its edges by Sobel's operator, (N, 3, H, W) -> (N, H, W)."""
    grey = torch.nn.functional.pad(as_images(images).mean(dim=1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    right = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]).to(grey)
    slopes = torch.nn.functional.conv2d(grey, torch.stack([right, right.T]).unsqueeze(1))  # (N, 2, H, W)
    return slopes.norm(dim=1)


def _checked(maps: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Flatten to (N, P): positive evidence in float64, and bool masks."""
    if maps.dim() != 3 or maps.shape != masks.shape:
        shapes = f"{tuple(maps.shape)} and {tuple(masks.shape)}"
        raise UsageError(f"maps and masks: both must be (N, H, W), got {shapes}; resize the map to its mask")
    if masks.dtype != torch.bool:
        raise UsageError(f"masks: bool is needed, got {masks.dtype}")
    return maps.detach().double().clamp(min=0).flatten(1), masks.to(maps.device).flatten(1)
