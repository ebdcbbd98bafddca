"""What a style transfer makes small, for one picture or tile by tile: content, style and total variation, relative.

    content_weight * content + style_weight * style + tv_weight * total variation        (style_modules.balance)

Several styles. Those without a mask are blended: their moments, by weight, are one target. For the Gram loss this is
the sum of their losses but for a constant, for  sum of w_i ||G - A_i||^2 = ||G - sum of w_i A_i||^2 + const  with
weights that add up to 1. Each style with a mask is compared with the moments under its mask alone, and counts by the
share of the picture that the mask covers: so every position is painted as strongly as if its style were the only one.

Tiles. Style losses depend on the picture through sums over positions. One pass over the tiles adds up the sums; with
the losses' derivatives for these sums, a second pass takes the gradient of each tile. The tiles overlap by what
the cells at their edges see, and start where the network's strides do not fall out of step: so the gradient is that of
the whole picture, but for rounding.
"""

from collections.abc import Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.activations import sequence_features
from core.borders import replicated_borders
from core.errors import UsageError
from core.gradients import measuring
from core.tiles import Tile, cell_geometry, overlapping_tiles
from style_modules.balance import absolute_weights
from style_modules.moments import Moments, blend, feature_gradient, moment_sums
from style_modules.wasserstein_loss import WassersteinDistance

LOSSES = ("gram", "wasserstein")


class Style(NamedTuple):
    """A picture to paint like."""

    image: Tensor  # (1, 3, h, w), normalised
    weight: float = 1.0  # against the other styles
    mask: Tensor | None = None  # (1, 1, H, W) in [0, 1], where of the content to paint so; None: everywhere


class Terms(NamedTuple):
    """The three weighted losses of a picture."""

    content: float
    style: float
    total_variation: float


class _Region(NamedTuple):
    """Where a style counts, and what it is there."""

    masks: list[Tensor | None]  # (h, w) of each style layer
    areas: list[float]  # sum of the mask's cells
    distances: list  # of each layer: moments -> scalar
    weights: list[float]  # of each layer, absolute


class PaintingObjective:
    """image (1, 3, H, W) -> scalar, with its gradient, for `core.ascent.optimise_pixels`."""

    def __init__(
        self,
        cnn: nn.Sequential,
        content: Tensor,
        styles: Sequence[Style],
        *,
        layers: Sequence[int],
        content_layer: int,
        content_weight: float,
        style_weight: float | Sequence[float],
        tv_weight: float,
        loss: str,
        tile: int | None = None,
    ) -> None:
        """Take the targets. tile: side of the tiles in pixels; None computes the picture as a whole."""
        self.cnn, self.layers, self.content_layer = cnn, tuple(layers), content_layer
        self.wanted = (*self.layers, content_layer)
        self.geometry = {layer: cell_geometry(cnn, layer) for layer in self.wanted}
        deepest = [self.geometry[layer] for layer in self.wanted]
        reach = (max(each.before for each in deepest), max(each.after for each in deepest))
        self.tiles = overlapping_tiles(content.shape[2:], tile, reach)
        with self._looking(), torch.no_grad():
            self.content_target = self._content_features(content)
            self.regions = self._regions(content, styles, style_weight, loss, tile, reach)
        plain = absolute_weights(
            self.content_target, [], content.numel(), content_weight=content_weight, tv_weight=tv_weight
        )
        self.content_weight, self.tv_weight = plain.content, plain.total_variation
        self.last = Terms(0.0, 0.0, 0.0)  # of the picture that was computed last

    def __call__(self, image: Tensor) -> Tensor:
        self.last, gradient = self.terms_and_gradient(image)
        return _Known.apply(image, image.new_tensor(sum(self.last)), gradient)

    def terms(self, image: Tensor) -> Terms:
        """The three losses of any picture of the content's size."""
        return self._passes(image, gradient=False)[0]

    def terms_and_gradient(self, image: Tensor) -> tuple[Terms, Tensor]:
        """The three losses and the gradient of their sum, (1, 3, H, W)."""
        return self._passes(image, gradient=True)

    def _passes(self, image: Tensor, *, gradient: bool) -> tuple[Terms, Tensor | None]:
        image = image.detach().contiguous(memory_format=torch.channels_last)
        alone = len(self.tiles) == 1 and gradient
        content, sums = 0.0, None
        with self._looking():
            for tile in self.tiles:
                piece, features = self._see(image, tile, graph=alone)
                here = self._sums(features, tile)
                sums = here if sums is None else [old.plus(new) for old, new in zip(sums, here, strict=True)]
                content += float(self._misfit(features, tile).square().sum()) * self.content_weight
            style, outer = self._style(sums)
            variation, result = _total_variation(image, self.tv_weight)
            if gradient:
                for tile in self.tiles:
                    if not alone:
                        piece, features = self._see(image, tile, graph=True)
                    outputs, slopes = self._slopes(features, tile, outer)
                    (part,) = torch.autograd.grad(outputs, piece, slopes)
                    result[tile.pixels] += part
        return Terms(content, style, variation), result if gradient else None

    @contextmanager
    def _looking(self):
        with measuring(self.cnn), replicated_borders(self.cnn):
            yield

    def _see(self, image: Tensor, tile: Tile, *, graph: bool) -> tuple[Tensor, dict[int, Tensor]]:
        """The tile's pixels, and what each layer gives for the cells that are its own."""
        piece = image[tile.pixels].detach().requires_grad_(graph)
        with torch.set_grad_enabled(graph):
            features = sequence_features(self.cnn, piece, self.wanted)
            return piece, {layer: features[layer][tile.inside(self.geometry[layer])] for layer in set(self.wanted)}

    def _content_features(self, content: Tensor) -> Tensor:
        rows: dict[int, list[Tensor]] = {}
        for tile in self.tiles:
            rows.setdefault(tile.rows.start, []).append(self._see(content, tile, graph=False)[1][self.content_layer])
        return torch.cat([torch.cat(row, dim=3) for row in rows.values()], dim=2)

    def _misfit(self, features: dict[int, Tensor], tile: Tile) -> Tensor:
        return features[self.content_layer].detach() - self.content_target[tile.own(self.geometry[self.content_layer])]

    def _regions(self, content, styles, style_weight, loss, tile, reach) -> list[_Region]:
        counts = {layer: self._count(content, layer) for layer in self.layers}
        mean_weight = sum(style.weight for style in styles) / len(styles)
        moments = [self._moments_of(style.image, tile, reach) for style in styles]
        groups = [[index] for index, style in enumerate(styles) if style.mask is not None]
        groups.append([index for index, style in enumerate(styles) if style.mask is None])
        regions = []
        for group in filter(None, groups):
            mask, weights = styles[group[0]].mask, [styles[index].weight for index in group]
            if not sum(weights):
                continue
            target = [blend(each, weights) for each in zip(*(moments[index] for index in group), strict=True)]
            masks: list[Tensor | None] = [None] * len(self.layers)
            areas = [float(counts[layer][0] * counts[layer][1]) for layer in self.layers]
            shares = [1.0] * len(self.layers)
            if mask is not None:
                masks = [
                    F.interpolate(mask.to(content), size=counts[layer], mode="area")[0, 0] for layer in self.layers
                ]
                covered = [float(each.sum()) for each in masks]
                shares, areas = [part / whole for part, whole in zip(covered, areas, strict=True)], covered
            # The layers' own weights, by what the style gives there.
            scale = sum(weights) / len(weights) / mean_weight
            distances, absolute = _distances(loss, target, style_weight)
            regions.append(
                _Region(masks, areas, distances, [scale * w * s for w, s in zip(absolute, shares, strict=True)])
            )
        return regions

    def _count(self, content: Tensor, layer: int) -> tuple[int, int]:
        """Cells of a layer, (h, w): the last tile's end."""
        last = self.tiles[-1]
        _, features = self._see(content, last, graph=False)
        start = last.own(self.geometry[layer])
        return tuple(start[axis].start + features[layer].shape[axis] for axis in (2, 3))

    def _moments_of(self, picture: Tensor, tile: int | None, reach) -> list[Moments]:
        sums, cells = None, None
        for each in overlapping_tiles(picture.shape[2:], tile, reach):
            _, features = self._see(picture, each, graph=False)
            here = [moment_sums(features[layer]) for layer in self.layers]
            many = [features[layer][0, 0].numel() for layer in self.layers]
            sums = here if sums is None else [old.plus(new) for old, new in zip(sums, here, strict=True)]
            cells = many if cells is None else [a + b for a, b in zip(cells, many, strict=True)]
        return [each.times(1 / count) for each, count in zip(sums, cells, strict=True)]

    def _sums(self, features: dict[int, Tensor], tile: Tile) -> list[Moments]:
        """Of each region and layer."""
        return [
            moment_sums(features[layer].detach(), self._mask(region, index, tile))
            for region in self.regions
            for index, layer in enumerate(self.layers)
        ]

    def _mask(self, region: _Region, index: int, tile: Tile) -> Tensor | None:
        mask = region.masks[index]
        return None if mask is None else mask[tile.own(self.geometry[self.layers[index]])[2:]]

    def _style(self, sums: list[Moments]) -> tuple[float, list[Moments]]:
        """The style loss, and its derivative for each of the sums."""
        total, leaves = 0.0, [Moments(*(value.detach().requires_grad_(True) for value in each)) for each in sums]
        rest = iter(leaves)
        for region in self.regions:
            for area, distance, weight in zip(region.areas, region.distances, region.weights, strict=True):
                total = total + weight * distance(next(rest).times(1 / area))
        if not self.regions:
            return 0.0, []
        flat = [value for each in leaves for value in each]
        slopes = torch.autograd.grad(total, flat, allow_unused=True)
        slopes = [torch.zeros_like(v) if s is None else s for s, v in zip(slopes, flat, strict=True)]
        return float(total.detach()), [Moments(*pair) for pair in zip(slopes[::2], slopes[1::2], strict=True)]

    def _slopes(self, features: dict[int, Tensor], tile: Tile, outer: list[Moments]) -> tuple[list, list]:
        """The layers, and the gradient of the losses for the cells of each."""
        found = {self.content_layer: 2 * self.content_weight * self._misfit(features, tile)}
        rest = iter(outer)
        for region in self.regions:
            for index, layer in enumerate(self.layers):
                slope = feature_gradient(features[layer].detach(), next(rest), self._mask(region, index, tile))
                found[layer] = found[layer] + slope if layer in found else slope
        return [features[layer] for layer in found], list(found.values())


class _Known(torch.autograd.Function):
    """A value whose gradient for the image is known."""

    @staticmethod
    def forward(ctx, _image: Tensor, value: Tensor, gradient: Tensor) -> Tensor:
        ctx.save_for_backward(gradient)
        return value.clone()

    @staticmethod
    def backward(ctx, outer: Tensor):
        return outer * ctx.saved_tensors[0], None, None


def _distances(loss: str, target: list[Moments], style_weight) -> tuple[list, list[float]]:
    """For each layer: a function moments -> scalar, and its absolute weight."""
    if loss not in LOSSES:
        raise UsageError(f"loss: '{loss}' is unknown; allowed are {', '.join(LOSSES)}")
    given = [style_weight] * len(target) if isinstance(style_weight, int | float) else list(style_weight)
    if len(given) != len(target):
        raise UsageError(f"style_weight: got {len(given)} for {len(target)} layers; give one, or one for each layer")
    if loss == "wasserstein":
        distances = [WassersteinDistance(each) for each in target]
        return distances, [w / (len(target) * d.size) for w, d in zip(given, distances, strict=True)]
    plain = absolute_weights(None, [each.second for each in target], 1, style_weight=1.0).style
    return [_gram_distance(each.second) for each in target], [w * p for w, p in zip(given, plain, strict=True)]


def _gram_distance(target: Tensor):
    return lambda moments: (moments.second - target).square().sum()


def _total_variation(image: Tensor, weight: float) -> tuple[float, Tensor]:
    """The weighted sum of squared differences of neighbours, and its gradient."""
    down, right = image.diff(dim=2), image.diff(dim=3)
    gradient = torch.zeros_like(image)
    for steps, axis in ((down, 2), (right, 3)):
        count = steps.shape[axis]
        gradient.narrow(axis, 1, count).add_(steps, alpha=2 * weight)
        gradient.narrow(axis, 0, count).sub_(steps, alpha=2 * weight)
    return weight * float(down.square().sum() + right.square().sum()), gradient
