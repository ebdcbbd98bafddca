"""What a style transfer makes small, for a whole picture or tile by tile: relative content, style and total variation.

Style losses depend on the picture through sums over positions (`style_modules.moments`). One pass over the tiles adds
up the sums; with the losses' derivatives for these sums, a second pass takes the gradient of each tile. Tiles overlap
by what the cells at their edges see, and start where the network's strides do not fall out of step: so the gradient
is that of the whole picture, but for rounding, and memory is that of one tile.

SqueezeNet's first windows, 3 wide and 2 apart, leave out the last row or column of a side of even length: nothing would
paint there. So such a side is seen with its last pixels repeated once.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from core.activations import sequence_features
from core.borders import replicated_borders
from core.errors import UsageError
from core.inputs import precise
from core.measuring import measuring
from core.passes import check_finite
from core.tiles import Tile, cell_geometry, overlapping_tiles
from painting.balance import absolute_weights
from painting.targets import Style, Target, check_styles, style_loss, style_targets
from style_modules.moments import Moments, feature_gradient, moment_sums


class Terms(NamedTuple):
    """The three weighted losses of a picture."""

    content: float
    style: float
    total_variation: float


class PaintingObjective:
    """image (1, 3, H, W) -> content_weight * content + style_weight * style + tv_weight * total variation, a scalar.

    The weights are relative (`painting.balance`). It is for `core.ascent.optimise_pixels`: calling it puts the
    gradient into the graph, and the three terms into `last`.
    """

    def __init__(
        self,
        features: nn.Sequential,
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
        """Take the targets from the content (1, 3, H, W) and the styles. tile: side in pixels; None is the whole."""
        check_styles(styles, content.shape[2:])
        for layer in (*layers, content_layer):
            if not 0 <= layer < len(features):
                raise UsageError(f"layer: {layer} is out of range; allowed are 0 to {len(features) - 1}")
        self.features, self.content_layer, self.tile = features, content_layer, tile
        self.geometry = {layer: cell_geometry(features, layer) for layer in (*layers, content_layer)}
        self.reach = tuple(max(getattr(each, side) for each in self.geometry.values()) for side in ("before", "after"))
        self.tiles = overlapping_tiles(content.shape[2:], tile, self.reach)
        with self._looking():
            pieces = [(each, self._see(content, each)[1][content_layer]) for each in self.tiles]
            rows = {
                each.rows.start: [piece for other, piece in pieces if other.rows == each.rows] for each, _ in pieces
            }
            self.content_target = torch.cat([torch.cat(row, dim=3) for row in rows.values()], dim=2)
            moments = [self._moments(style.image, layers) for style in styles]
        cells = {layer: self._cells(layer, content) for layer in layers}
        self.targets = style_targets(styles, moments, cells, style_weight=style_weight, loss=loss)
        balance = {"content_weight": content_weight, "tv_weight": tv_weight}
        check_finite(self.content_target, f"what its layer {content_layer} gives")
        self.weights = absolute_weights(self.content_target, [], content.numel(), **balance)
        self.last = Terms(0.0, 0.0, 0.0)

    def __call__(self, image: Tensor) -> Tensor:
        self.last, gradient = self.terms_and_gradient(image)
        products = (image * gradient).sum()
        return sum(self.last) + (products - products.detach())  # the value, with the gradient that is known

    def terms(self, image: Tensor) -> Terms:
        """The three losses of any picture of the content's size."""
        image, content, sums = image.detach(), 0.0, None
        with self._looking():
            for tile in self.tiles:
                _, features = self._see(image, tile)
                content, sums = self._add(content, sums, features, tile)
            style, _ = style_loss(self.targets, sums)
            return Terms(content, style, _total_variation(image, self.weights.total_variation)[0])

    def terms_and_gradient(self, image: Tensor) -> tuple[Terms, Tensor]:
        """The three losses, and the gradient of their sum (1, 3, H, W)."""
        image = image.detach().contiguous(memory_format=torch.channels_last)
        content, sums, alone = 0.0, None, len(self.tiles) == 1
        with self._looking():
            for tile in self.tiles:
                piece, features = self._see(image, tile, graph=alone)
                content, sums = self._add(content, sums, features, tile)
            style, slopes = style_loss(self.targets, sums)
            variation, gradient = _total_variation(image, self.weights.total_variation)
            for tile in self.tiles:
                if not alone:
                    piece, features = self._see(image, tile, graph=True)
                by_layer = self._feature_gradients(features, tile, slopes)
                outputs = [features[layer] for layer in by_layer]
                gradient[tile.pixels] += torch.autograd.grad(outputs, piece, list(by_layer.values()))[0]
        return Terms(content, style, variation), gradient

    @contextmanager
    def _looking(self) -> Iterator[None]:
        with measuring(self.features), replicated_borders():
            yield

    def _see(self, image: Tensor, tile: Tile, *, graph: bool = False) -> tuple[Tensor, dict[int, Tensor]]:
        """The tile's pixels, and what each layer gives for the cells that are its own."""
        piece = image[tile.pixels].detach().requires_grad_(graph)
        with torch.set_grad_enabled(graph):
            seen = self._to_the_end(piece).to(next(self.features.parameters()).dtype)
            outputs = sequence_features(self.features, seen, self.geometry)
            return piece, {layer: precise(outputs[layer])[tile.inside(each)] for layer, each in self.geometry.items()}

    def _moments(self, picture: Tensor, layers: Sequence[int]) -> dict[int, Moments]:
        sums = None
        for tile in overlapping_tiles(picture.shape[2:], self.tile, self.reach):
            _, features = self._see(picture, tile)
            wanted = [check_finite(features[layer], f"what its layer {layer} gives") for layer in layers]
            sums = _added(sums, [moment_sums(each) for each in wanted])
        cells = [self._cells(layer, picture) for layer in layers]
        return {layer: total.times(1 / (h * w)) for layer, total, (h, w) in zip(layers, sums, cells, strict=True)}

    def _cells(self, layer: int, picture: Tensor) -> tuple[int, int]:
        """(h, w) of what the layer gives for the picture."""
        return tuple(self.geometry[layer].count(side + self._missing(side)) for side in picture.shape[2:])

    def _missing(self, side: int) -> int:
        return self.geometry[self.content_layer].missing(side)

    def _to_the_end(self, image: Tensor) -> Tensor:
        """The image with pixels repeated at its lower and right border, for the first windows to see all of it."""
        below, right = (self._missing(side) for side in image.shape[2:])
        return pad(image, (0, right, 0, below), mode="replicate") if below or right else image

    def _add(self, content: float, sums: list[Moments] | None, features, tile: Tile) -> tuple[float, list[Moments]]:
        content += self.weights.content * float(self._misfit(features, tile).square().sum())
        here = [moment_sums(features[each.layer].detach(), self._mask(each, tile)) for each in self.targets]
        return content, _added(sums, here)

    def _misfit(self, features: dict[int, Tensor], tile: Tile) -> Tensor:
        own = tile.own(self.geometry[self.content_layer])
        return features[self.content_layer].detach() - self.content_target[own]

    def _mask(self, target: Target, tile: Tile) -> Tensor | None:
        return None if target.mask is None else target.mask[tile.own(self.geometry[target.layer])[2:]]

    def _feature_gradients(self, features: dict[int, Tensor], tile: Tile, slopes: list[Moments]) -> dict[int, Tensor]:
        """d loss / d features of each layer, for the tile's own cells."""
        result = {self.content_layer: 2 * self.weights.content * self._misfit(features, tile)}
        for target, slope in zip(self.targets, slopes, strict=True):
            part = feature_gradient(features[target.layer].detach(), slope, self._mask(target, tile))
            result[target.layer] = result[target.layer] + part if target.layer in result else part
        return result


def _added(sums: list[Moments] | None, more: list[Moments]) -> list[Moments]:
    return more if sums is None else [old.plus(new) for old, new in zip(sums, more, strict=True)]


def _total_variation(image: Tensor, weight: float) -> tuple[float, Tensor]:
    """The weighted sum of squared differences of neighbours, and its gradient."""
    down, right = image.diff(dim=2), image.diff(dim=3)
    gradient = torch.zeros_like(image)
    for steps, axis in ((down, 2), (right, 3)):
        gradient.narrow(axis, 1, steps.shape[axis]).add_(steps, alpha=2 * weight)
        gradient.narrow(axis, 0, steps.shape[axis]).sub_(steps, alpha=2 * weight)
    return weight * float(down.square().sum() + right.square().sum()), gradient
