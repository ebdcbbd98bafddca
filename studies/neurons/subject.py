"""The network, the pictures and the channels that the figures are of, each made when a figure first asks for it."""

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor, nn

from core.errors import UsageError, WorkError
from core.images import preprocess
from core.layers import spread_layers
from core.networks import RANDOM, load_network
from core.receptive_field import receptive_fields
from core.sharing import company
from patterns.dataset import stream_scenes
from studies.neurons.flags import COUNT, OURS, Settings
from studies.neurons.seeking import Seeker
from studies.shared.network import open_network
from studies.shared.pictures import (
    Batch,
    Picture,
    list_pictures,
    load_batch,
    load_pictures,
    open_picture,
    readable_pictures,
    square_crop,
    stream_pictures,
)
from studies.shared.report import Report, Silent
from visualizers.activation_maps import activation_maps
from visualizers.selective_channels import selective_channels

PICTURES = 5  # whose activations are drawn; patches are sought in all


class Subject:
    """What is asked of, found out step by step and kept: a figure of filters needs no pictures."""

    def __init__(self, settings: Settings, report: Report) -> None:
        self.settings = settings
        self.report = report
        self.broken: dict[Path | str, UsageError] = {}  # what is wrong with each file that could not be read

    @cached_property
    def opened(self) -> tuple[nn.Module, int]:
        """The first network named, or ours, and the side of the squares that it sees."""
        model, filled = open_network(replace(self.settings, model=(self.settings.model or (OURS,))[0]), self.report)
        return model, filled.size

    @property
    def model(self) -> nn.Module:
        return self.opened[0]

    @property
    def size(self) -> int:
        return self.opened[1]

    @property
    def written(self) -> Settings:
        """The settings as a figure tells them: with the side that was taken, if any was."""
        return replace(self.settings, size=self.size if "opened" in vars(self) else self.settings.side)

    @cached_property
    def batch(self) -> Batch:
        """The first few of the pictures named, or the default ones."""
        if not self.settings.images:  # labels are of the templates
            return load_batch(self.model, replace(self.settings, labels=(), size=self.size), self.report)
        few = [picture for picture, _ in islice(readable_pictures(self.pictures, self.report, self.broken), PICTURES)]
        return load_pictures(self.model, few, [None] * len(few), self.size, self.report)

    @cached_property
    def pictures(self) -> list[Picture]:
        """All pictures named, not yet read."""
        return list_pictures(self.settings.images, self.report.say)

    def stream(self, what: str) -> Iterator[Tensor]:
        """Many pictures (1, 3, H, W), one after the other: the files named, or rendered scenes.

        Of several processes the first alone asks for it, and gets those that hold the best patches.
        """
        asked, progress, numbers = self.settings, self.report.progress, None
        if company().size > 1:
            numbers = self.seeker(what).with_best_patches(self.model, self.layer, self.channels)
        if asked.images:
            named = self.pictures if numbers is None else [self.pictures[number] for number in numbers]
            return stream_pictures(progress(named, desc=what, unit="image"), self.size, self.report, self.broken)
        scenes = stream_scenes(asked.scenes, seed=asked.seed, size=self.size, numbers=numbers)
        total = asked.scenes if numbers is None else len(numbers)
        return iter(progress(scenes, desc=what, unit="scene", total=total))

    def seeker(self, what: str) -> Seeker:
        """What looks through the same pictures together with the other processes."""
        asked, progress = self.settings, self.report.progress

        def stream(numbers: Iterator[int], read: list[int], broken: dict[int, str]) -> Iterator[Tensor]:
            mine = list(numbers)
            if not asked.images:
                read += mine
                scenes = stream_scenes(asked.scenes, seed=asked.seed, size=self.size, numbers=mine)
                yield from progress(scenes, desc=what, unit="scene", total=len(mine))
                return
            for number in progress(mine, desc=what, unit="image"):
                picture = self.pictures[number]
                try:
                    whole = open_picture(picture, longest=math.inf)
                except UsageError as error:
                    broken[number] = str(error)
                    continue
                read.append(number)
                yield preprocess(square_crop(picture, whole, self.size, Silent()))

        def name(number: int, words: str) -> None:
            source = self.pictures[number].source
            if source not in self.broken:
                self.broken[source] = UsageError(words)
                self.report.skip(self.broken[source])

        return Seeker(len(self.pictures) if asked.images else asked.scenes, stream, name)

    @property
    def source(self) -> str:
        """ "360 rendered scenes", where the stream comes from."""
        if not self.settings.images:
            return f"{self.settings.scenes} rendered scenes"
        count = len(self.pictures) - len(self.broken)
        return f"{count} pictures" if count > 1 else "1 picture"

    @cached_property
    def layer(self) -> str:
        """The one asked for, else the last of the middle one of the three coarsest resolutions."""
        if self.settings.layer:
            return self.settings.layer
        spread = spread_layers(self.model, count=3)
        return spread[len(spread) // 2]

    @cached_property
    def map_shape(self) -> tuple[int, int, int]:
        """Of the layer, (C, h, w)."""
        empty = torch.zeros(1, 3, self.size, self.size)
        return tuple(activation_maps(self.model, empty, layer=self.layer).shape[1:])

    @cached_property
    def layer_title(self) -> str:
        """ "features.7, 256 channels of 27 x 27, each unit sees up to 63 x 63 pixels"."""
        boxes = receptive_fields(self.model, self.layer, size=(self.size,) * 2)  # (C, h, w, 4)
        high, wide = ((boxes[..., last] - boxes[..., first]).max().item() for first, last in ((0, 2), (1, 3)))
        channels, height, width = self.map_shape
        return f"{self.layer}, {channels} channels of {height} x {width}, each unit sees up to {high} x {wide} pixels"

    @cached_property
    def named_channels(self) -> tuple[int, ...]:
        """Those asked for, if any."""
        check_channels(self.settings.channels, self.layer, self.map_shape[0])
        return self.settings.channels

    @cached_property
    def channels(self) -> tuple[int, ...]:
        """Those asked for, or the most selective ones over the stream."""
        if self.named_channels:
            return self.named_channels
        what, number = "which channels are selective", self.settings.count or COUNT
        if company().size > 1:
            found = self.seeker(what).selective(self.model, self.layer, number)
        else:
            found = selective_channels(self.model, self.layer, self.stream(what), number=number)
        if len(found) < number:
            cause = "what the others like best is among the patches already; give more pictures, or name --channels"
            self.report.say(f"channels: {len(found)} instead of {number}, since {cause}")
        return tuple(found)

    def networks(self) -> Iterator[tuple[str, nn.Module]]:
        """(name, network) of those asked for, ours if none; one that cannot be had is named and left out."""
        asked, missing = self.settings.model or (OURS,), 0
        weights = RANDOM if self.settings.weights == RANDOM else "auto"  # a file is the first one's
        for name in asked:
            try:
                yield name, self.model if name == asked[0] else load_network(name, weights, self.settings.device)
            except WorkError as error:
                missing += 1
                self.report.fail(f"left out: {name}: {error}")
        if missing == len(asked):
            raise WorkError(f"model: of {', '.join(asked)} no weights can be had; {OURS} works without")


def check_channels(channels: tuple[int, ...], layer: str, there: int) -> None:
    """Raise UsageError if the layer has not all of the channels."""
    for channel in channels:
        if channel >= there:
            raise UsageError(f"channels: '{layer}' has no channel {channel}; allowed are 0 to {there - 1}")
