"""The images whose maps are scored: pictures, or rendered scenes whose masks are known; a few at a time."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from core.images import preprocess
from patterns.scenes import CLASS_NAMES, Scene, render_indexed
from studies.shared.examples import check_classes
from studies.shared.network import class_probabilities, class_title
from studies.shared.pictures import load_batch
from studies.shared.report import Report
from studies.trust.flags import Settings

CHUNK = 8  # images scored at a time, and lost by an interruption


class Chunk(NamedTuple):
    """A few images to explain, and their place among all."""

    first: int
    images: Tensor  # (N, 3, H, W)
    labels: Tensor  # (N,)
    masks: Tensor | None  # bool (N, H, W), or None where nobody knows


class Example(NamedTuple):
    """The image that the figures show."""

    chunk: Chunk  # of one image
    pixels: np.ndarray  # uint8 (H, W, 3)
    title: str  # its class and how probable it is


class Pictures(NamedTuple):
    """What is to be explained."""

    count: int
    chunks: Sequence[Callable[[], Chunk]]  # rendered when they are called
    example: Example  # the first image


def load(model: nn.Module, settings: Settings, report: Report) -> Pictures:
    """The scenes, where scenes are asked for, or the pictures. A broken one among several is named and left out."""
    if settings.scenes:
        return rendered_scenes(model, settings.scenes, seed=settings.seed, size=settings.size)
    return read_pictures(model, settings, report)


def read_pictures(model: nn.Module, settings: Settings, report: Report) -> Pictures:
    """The pictures named, or the photographs."""
    batch = load_batch(model, settings, report)
    count = len(batch.names)

    def part(start: int, size: int = CHUNK) -> Chunk:
        return Chunk(start, batch.images[start : start + size], batch.labels[start : start + size], None)

    chunks = [partial(part, start) for start in range(0, count, CHUNK)]
    first = part(0, 1)
    return Pictures(count, chunks, Example(first, batch.pixels[0], batch.titles[0]))


def rendered_scenes(model: nn.Module, count: int, *, seed: int, size: int) -> Pictures:
    """Scenes of each class in turn. Raises UsageError if the network does not know them."""
    check_classes(model)
    device = next(model.parameters()).device

    def chunk_of(first: int, last: int) -> Chunk:
        return as_chunk(first, render(first, last, seed=seed, size=size), device)

    chunks = [partial(chunk_of, start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]
    scenes = render(0, 1, seed=seed, size=size)
    first = as_chunk(0, scenes, device)
    title = class_title(model, class_probabilities(model, first.images)[0], int(first.labels[0]))
    return Pictures(count, chunks, Example(first, scenes[0].image, title))


def render(first: int, last: int, *, seed: int, size: int) -> list[Scene]:
    """Scenes `first` to `last - 1` of this seed."""
    return [render_indexed(class_of(index), seed=seed, index=index, size=size) for index in range(first, last)]


def class_of(index: int) -> int:
    """The class of a scene: each in turn."""
    return index % len(CLASS_NAMES)


def as_chunk(first: int, scenes: list[Scene], device: torch.device) -> Chunk:
    """The scenes from number `first` on, as tensors."""
    images = preprocess([scene.image for scene in scenes]).to(device)
    labels = torch.tensor([class_of(index) for index in range(first, first + len(scenes))])
    return Chunk(first, images, labels, torch.stack([torch.from_numpy(scene.mask) for scene in scenes]))
