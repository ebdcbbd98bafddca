"""What is scored: each technique of the catalogue, and controls that know nothing of the network."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from measures.localisation import centre_map, edge_map
from measures.sanity import Explain
from visualizers.catalogue import TECHNIQUES, Technique
from visualizers.evidence import evidence, explain

# model, images (N, 3, H, W), labels (N,), generator -> maps (N, H, W), zero and up
SeededExplain = Callable[[nn.Module, Tensor, Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class Row:
    """A row of the table."""

    title: str
    explain: SeededExplain
    identity: str  # changes with all that the row's maps depend on besides network, image and chance
    control: bool = False  # knows nothing of the network: what it scores, anyone can
    drawn: bool = True  # where maps are drawn over random networks; of some controls there is nothing to see
    slow: bool = False  # hundreds of passes a map

    def seeded(self, seed: int) -> Explain:
        """With the same random numbers at each call, so that only the network or the image makes a difference."""
        return lambda model, images, labels: self.explain(model, images, labels, torch.Generator().manual_seed(seed))


def rows_of(names: Iterable[str]) -> dict[str, Row]:
    """{title: row} of these techniques, and of the controls below them."""
    rows = [*(technique_row(TECHNIQUES[name]) for name in names), *CONTROLS]
    return {row.title: row for row in rows}


def technique_row(technique: Technique) -> Row:
    """With fewer samples than by itself: each image is explained again for each network and noise."""
    identity = json.dumps([technique.name, technique.function, dict(technique.fewer)])
    return Row(technique.one_line, partial(technique_maps, technique), identity, slow=technique.slow)


def technique_maps(
    technique: Technique, model: nn.Module, images: Tensor, labels: Tensor, generator: torch.Generator
) -> Tensor:
    """images (N, 3, H, W), labels (N,) -> what speaks for the class, (N, H, W), zero and up."""
    maps = explain(technique, model, images, labels, settings=technique.fewer, generator=generator)
    return evidence(technique, maps, images.shape[2:])


def sobel_edges(_model: nn.Module, images: Tensor, _labels: Tensor, _generator: torch.Generator) -> Tensor:
    """The edges of the picture."""
    return edge_map(images)


def centre(_model: nn.Module, images: Tensor, _labels: Tensor, _generator: torch.Generator) -> Tensor:
    """A hill in the middle."""
    return centre_map(*images.shape[2:]).to(images).repeat(len(images), 1, 1)


def random_map(_model: nn.Module, images: Tensor, _labels: Tensor, generator: torch.Generator) -> Tensor:
    """Noise."""
    return torch.rand(images[:, 0].shape, generator=generator).to(images)


CONTROLS = (
    Row("Sobel edges", sobel_edges, "edges", control=True),
    Row("centre", centre, "centre", control=True, drawn=False),
    Row("random map", random_map, "random", control=True, drawn=False),
)
