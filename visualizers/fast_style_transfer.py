"""Style transfer in one forward pass: a small network has learned to paint (Johnson et al., 2016).

    picture = normalise(sigmoid(f(content, style)))

f is three convolutions that shrink the picture to a quarter, residual blocks, and two that enlarge it, nearest pixels
first, since transposed convolutions leave a checkerboard (Odena et al., 2016). After each convolution the mean and the
contrast of the picture at hand are taken out of every channel, so that the result does not depend on them (instance
normalisation, Ulyanov et al., 2016), and those of a style are put in (Dumoulin et al., 2017):

    y_c = g_c (x_c - mean(x_c)) / deviation(x_c) + b_c            g = sum over styles s of w_s g_s,   b likewise

So the convolutions are common to all styles, a style is a few hundred numbers, and convex weights w blend styles.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.errors import UsageError
from core.gradients import chunk_length
from core.images import normalise
from core.inputs import as_images, precise
from core.measuring import measuring

SMALLEST_SIDE = 33  # pixels: a quarter of it is nine, enough to be padded and to have a contrast
EDGE = 9  # pixels: side of the first and the last convolution's filters


class StyledConvolution(nn.Module):
    """A convolution whose channels get the contrast and the mean of a style, or the mean 0 where none would last."""

    def __init__(
        self, before: int, after: int, styles: int, side: int = 3, stride: int = 1, *, mean: bool = True
    ) -> None:
        super().__init__()
        padding = {"padding": side // 2, "padding_mode": "reflect"}
        self.convolution = nn.Conv2d(before, after, side, stride, bias=False, **padding)
        self.contrast = nn.Parameter(torch.ones(styles, after))
        self.mean = nn.Parameter(torch.zeros(styles, after)) if mean else None

    def forward(self, maps: Tensor, weights: Tensor) -> Tensor:
        """maps (N, C, H, W), weights (N, S) of the styles -> (N, C', H', W')."""
        maps = self.convolution(maps)
        maps = F.group_norm(maps, maps.shape[1])  # a group for each channel: instance normalisation
        contrast = (weights @ self.contrast)[:, :, None, None]
        if self.mean is None:
            return maps * contrast
        return torch.addcmul((weights @ self.mean)[:, :, None, None], maps, contrast)


class StyleNetwork(nn.Module):
    """Paints pictures in S styles. styles: their names; widths: channels at the full size, a half and a quarter."""

    def __init__(self, styles: Sequence[str], *, widths: Sequence[int], blocks: int) -> None:
        super().__init__()
        self.styles, count = tuple(styles), len(styles)
        full, half, quarter = widths
        self.smaller = nn.ModuleList(
            [
                StyledConvolution(3, full, count, EDGE),
                StyledConvolution(full, half, count, stride=2),
                StyledConvolution(half, quarter, count, stride=2),
            ]
        )
        self.first = nn.ModuleList(StyledConvolution(quarter, quarter, count) for _ in range(blocks))
        # What a block adds meets a normalisation before any ReLU, which would take a mean out again.
        self.second = nn.ModuleList(StyledConvolution(quarter, quarter, count, mean=False) for _ in range(blocks))
        self.larger = nn.ModuleList([StyledConvolution(quarter, half, count), StyledConvolution(half, full, count)])
        self.colours = nn.Conv2d(full, 3, EDGE, padding=EDGE // 2, padding_mode="reflect")

    def forward(self, images: Tensor, weights: Tensor) -> Tensor:
        """images (N, 3, H, W), normalised, weights (N, S), each row summing to 1 -> (N, 3, H, W), normalised, valid."""
        maps, sizes = images, []
        for layer in self.smaller:
            sizes.append(maps.shape[2:])
            maps = layer(maps, weights).relu_()  # (N, C, H, W), then half of it, then a quarter
        for first, second in zip(self.first, self.second, strict=True):
            maps = maps + second(first(maps, weights).relu_(), weights)
        for layer, (height, width) in zip(self.larger, reversed(sizes[1:]), strict=True):
            doubled = F.interpolate(maps, scale_factor=2.0, mode="nearest")[:, :, :height, :width]
            maps = layer(doubled, weights).relu_()
        return normalise(precise(self.colours(maps)).sigmoid())


def stylise(network: StyleNetwork, images: Tensor, weights: Sequence[float] | Tensor) -> Tensor:
    """Paint images (N, 3, H, W), normalised, of any size, in a style or a blend of styles -> (N, 3, H, W), normalised.

    weights: of the network's S styles, (S,) or (N, S) with a row for each image; they are divided by their sum. The
    pictures are painted a few at a time. A large one is painted whole, since its means and contrasts are of all of it:
    about 360 bytes of memory for each of its pixels.

    Raises UsageError for other shapes, pictures below SMALLEST_SIDE, weights below 0 or all 0.
    """
    images = as_images(images)
    if min(images.shape[2:]) < SMALLEST_SIDE:
        size = f"{images.shape[3]} x {images.shape[2]} pixels"
        raise UsageError(f"images: {size} are too few; at least {SMALLEST_SIDE} are needed each way")
    weights = style_weights(network, weights, len(images))
    with measuring(network), torch.no_grad():
        length = chunk_length(images)
        parts = zip(images.split(length), weights.split(length), strict=True)
        return torch.cat([network(part.to(weights), share).to(images) for part, share in parts])


def style_weights(network: StyleNetwork, weights: Sequence[float] | Tensor, count: int) -> Tensor:
    """The weights (S,) or (N, S) as rows that sum to 1, one for each of `count` images: (N, S), on its device."""
    like = next(network.parameters())
    rows = torch.as_tensor(weights, dtype=like.dtype, device=like.device).detach()
    rows = rows[None] if rows.dim() == 1 else rows
    if rows.shape not in ((1, len(network.styles)), (count, len(network.styles))):
        wanted = f"({len(network.styles)},) or ({count}, {len(network.styles)})"
        raise UsageError(f"weights: shape {wanted} is needed, got {tuple(torch.as_tensor(weights).shape)}")
    if not rows.isfinite().all() or (rows < 0).any() or (rows.sum(dim=1) <= 0).any():
        raise UsageError("weights: one is negative or not finite, or all are 0; give shares of the styles")
    return (rows / rows.sum(dim=1, keepdim=True)).expand(count, -1)
