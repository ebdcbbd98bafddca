"""The maps of pictures: computed, subtracted for two classes, compared with Captum's, and as panels of a figure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from types import ModuleType

import numpy as np
import torch
from torch import Tensor, nn

from core.errors import UsageError
from drawing.colours import blank_note, outline
from drawing.grid import Panel
from measures.agreement import describe_agreement
from studies.shared.network import class_titles, make_generator
from studies.shared.options import find_class
from studies.shared.pictures import Batch, score_title
from studies.shared.report import Report, with_reason
from studies.shared.techniques import Given
from visualizers.catalogue import TECHNIQUES, Technique
from visualizers.evidence import explain, pixel_values

WHY_NOT = "Why the first class (red) and not the second (blue)?"


@dataclass(frozen=True)
class Versus:
    """The class whose score is subtracted, and what the network says of it, "tiger cat 21 %", for each image."""

    label: int
    titles: list[str]


@dataclass(frozen=True)
class MapRow:
    """The maps of one technique, an image each, on the CPU."""

    technique: Technique
    maps: list[Tensor]  # (H, W); coarse, (h, w); or signed, (3, H, W)
    reasons: Sequence[str] = ()  # why each is blank, in the technique's own words, or ""

    def values(self, size: int) -> list[Tensor]:
        """One number a pixel, (size, size) each."""
        return [pixel_values(self.technique, one[None], (size, size))[0] for one in self.maps]

    def drawn(self, size: int) -> list[np.ndarray]:
        """What is drawn: a picture (size, size, 3) where its colours are looked at, else `values`."""
        if self.technique.picture:
            return [one.permute(1, 2, 0).numpy() for one in self.maps]
        return [one.numpy() for one in self.values(size)]


def find_suited(
    names: Sequence[str], model: nn.Module, side: int, report: Report, *, leave_out: bool
) -> tuple[str, ...]:
    """Those of the techniques whose maps the network can have, for pictures of this side.

    Raises UsageError, which says why, for the first that it cannot have; with `leave_out` only where no other is left,
    and else it is said which are left out.
    """
    lacks = lacking(names, model, side)
    suited = tuple(name for name in names if TECHNIQUES[name].needs not in lacks)
    if lacks and not leave_out:
        raise next(iter(lacks.values()))
    for need, error in lacks.items():
        reason = str(error).removeprefix("model: ").partition(";")[0]
        report.say(f"left out: {', '.join(name for name in names if TECHNIQUES[name].needs == need)} ({reason})")
    if not suited:
        raise list(lacks.values())[-1]
    return suited


def lacking(names: Iterable[str], model: nn.Module, side: int) -> dict[str, UsageError]:
    """What the techniques need and the network lacks, each with the sentence that says why. Each need is tried once."""
    images, lacks = torch.zeros(1, 3, side, side), {}
    for need, one in {TECHNIQUES[name].needs: TECHNIQUES[name] for name in names}.items():
        try:
            one.check(model, images)
        except UsageError as error:
            lacks[need] = error
    return lacks


def find_versus(text: str | None, model: nn.Module, batch: Batch) -> Versus | None:
    """The class of --versus, if there is one. Raises UsageError for one that the network does not have."""
    if text is None:
        return None
    label = find_class(text, model.class_names)
    return Versus(label, class_titles(model, batch.images, label))


def compute_maps(
    model: nn.Module,
    batch: Batch,
    names: Sequence[str],
    *,
    settings: Given,
    seed: int,
    versus: Versus | None,
    report: Report,
) -> Iterator[tuple[str, MapRow]]:
    """Each technique's maps of all images, in turn; with `versus`, those of the difference of the two scores."""
    with report.progress(total=len(names) * len(batch.names), desc="maps", unit="map") as bar:
        for name in names:
            bar.set_postfix_str(name)
            maps, reasons = [], []
            for index in range(len(batch.names)):
                image = batch.images[index : index + 1]
                one = partial(_one_map, TECHNIQUES[name], model, image, settings=settings, seed=seed, report=report)
                additive = versus is not None
                values, reason = with_reason(partial(one, batch.labels[index], additive=additive))
                if versus is not None:
                    values = values - one(versus.label, additive=True)
                maps.append(values)
                reasons.append(reason)
                bar.update()
            yield name, MapRow(TECHNIQUES[name], maps, reasons)


def _one_map(
    technique: Technique,
    model: nn.Module,
    image: Tensor,
    label: Tensor | int,
    *,
    settings: Given,
    seed: int,
    report: Report,
    additive: bool,
) -> Tensor:
    """The map of an image (1, 3, H, W), without its first dimension, with the same chance for every image and class."""
    call = partial(explain, technique, model, image, label, settings=settings, additive=additive)
    generator = make_generator(seed)
    if not technique.counts:
        return call(generator=generator)[0].cpu()
    count = technique.with_defaults(settings)[technique.counts]
    with report.progress(total=count, desc=technique.counts, unit="pass", leave=False) as bar:
        return call(generator=generator, callback=bar.update)[0].cpu()


def captum_reference() -> ModuleType:
    """measures.captum_reference. It is loaded when a comparison is made: to load Captum takes a third of a second."""
    return import_module("measures.captum_reference")


def compute_captums(
    model: nn.Module, batch: Batch, rows: Mapping[str, MapRow], *, settings: Given, report: Report
) -> Iterator[tuple[str, MapRow]]:
    """Captum's maps of all images, of each technique that it has, in turn."""
    wanted = {name: row.technique for name, row in rows.items() if row.technique.captum}
    labels = batch.labels.to(batch.images.device)
    with report.progress(total=len(wanted) * len(batch.names), desc="Captum", unit="map") as bar:
        for name, technique in wanted.items():
            call = getattr(captum_reference(), technique.captum)
            maps = []
            for index in range(len(batch.names)):
                one = batch.images[index : index + 1], labels[index : index + 1]
                maps.append(call(model, *one, **technique.with_defaults(settings))[0].cpu())
                bar.update()
            yield name, MapRow(technique, maps)


def report_agreement(title: str, batch: Batch, ours: MapRow, theirs: MapRow, report: Report) -> None:
    """Say how far our maps are from Captum's."""
    report.say(describe_agreement(title, batch.names, torch.stack(ours.maps), torch.stack(theirs.maps)))


def map_panels(
    batch: Batch,
    row: MapRow,
    paint: Callable[[np.ndarray, np.ndarray], np.ndarray],
    *,
    otherwise: str,
    versus: Versus | None = None,
    titles: Sequence[str] | None = None,
) -> list[Panel]:
    """The maps of one technique: painted, with the object's outline, its score, or why there is nothing to see.

    paint: the picture, uint8 (H, W, 3), and what `MapRow.drawn` gives -> RGB (H, W, 3). otherwise: the reason for a
    blank map of which the technique says nothing. titles: of the panels, instead of how well each map points.
    """
    size, panels = len(batch.pixels[0]), []
    for index, (one, values) in enumerate(zip(row.drawn(size), row.values(size), strict=True)):
        note = blank_note(one, _reason(batch, row, index, versus, otherwise))
        score = "" if note else score_title(values, batch.masks[index])
        title = score if titles is None else titles[index]
        panels.append(Panel(outline(paint(batch.pixels[index], one), batch.masks[index]), title, note))
    return panels


def _reason(batch: Batch, row: MapRow, index: int, versus: Versus | None, otherwise: str) -> str:
    """Why a map would be blank."""
    if versus is not None:
        same = int(batch.labels[index]) == versus.label
        return "the two classes are the same" if same else "both classes have score 0"
    return (row.reasons[index] if row.reasons else "") or otherwise
