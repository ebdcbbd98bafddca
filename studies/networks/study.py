"""Asks each network in turn where it looks, and how alike that is to the first."""

import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from core.errors import UsageError
from core.images import centre_crop
from core.layers import last_layer
from core.networks import load_network
from core.torchvision_models import is_cached
from drawing.files import describe
from measures.sanity import architecture_floor, map_similarity
from studies.networks.cost import cost
from studies.networks.figure import Column, draw
from studies.networks.flags import MODELS, Settings
from studies.shared.cost import tell
from studies.shared.interruption import Interruption
from studies.shared.maps import MapRow, compute_maps
from studies.shared.pictures import Batch, Picture, as_batch, chosen_labels, list_pictures, readable_pictures
from studies.shared.report import Report
from visualizers.catalogue import TECHNIQUES

RANK_CORRELATION = 1  # its place in what `map_similarity` gives


def run(settings: Settings, report: Report) -> None:
    """Explain by one network after the other, draw. Ctrl-C keeps the networks that are finished."""
    pictures, broken = list_pictures(settings.images, report.say), {}
    columns: list[Column] = []
    refusals: list[UsageError] = []
    with Interruption() as stop:
        for name, weights, layer in networks_of(settings, report):
            model = load_network(name, weights, settings.device, settings.classes)
            report.say(model.weights_note)
            side = settings.size if settings.size and model.takes_any_size else model.input_size
            if settings.size and side != settings.size:
                report.say(f"size: {model.title} takes pictures of {side} pixels alone, and gets those")
            tell(cost(replace(settings, size=side)), report.say, model)
            batch = read(model, pictures, broken, settings.labels, side, report)
            try:
                column = column_of(model, batch, layer, columns[0] if columns else None, settings, report)
            except UsageError as error:  # of this technique at this network
                refusals.append(error)
                report.fail(f"left out: {model.title}: {error}")
                continue
            columns.append(column)
    if not columns:
        stop.go_on()
        raise refusals[0]
    title = f"Where do they look? {TECHNIQUES[settings.technique].one_line}"
    names = ", ".join(f"{column.title} {column.weights}" for column in columns)
    metadata = describe("networks", asdict(settings), names)
    report.picture(draw(columns, title=title), settings.output, metadata)
    stop.go_on()


def networks_of(settings: Settings, report: Report) -> list[tuple[str, str, str | None]]:
    """Name, weights and layer of each network; of a bare run the weights that are there, and it is said which."""
    names = settings.model or MODELS
    layers = settings.layer or (None,)
    weights = settings.weights * (len(names) if len(settings.weights) == 1 else 1)
    if not settings.model and settings.weights == ("auto",):
        absent = [name for name in names[1:] if not is_cached(name)]
        if absent:
            words = (
                "weights are not in torchvision's cache, so they are random here; name them by --model to fetch them"
            )
            report.say(f"{' and '.join(absent)}: their {words}")
        weights = tuple("random" if name in absent else "auto" for name in names)
    return [*zip(names, weights, layers * (len(names) if len(layers) == 1 else 1), strict=True)]


def read(
    model: nn.Module,
    pictures: Sequence[Picture],
    broken: dict[Path | str, UsageError],
    labels: Sequence[str],
    side: int,
    report: Report,
) -> Batch:
    """The pictures as this network gets them, with the classes that it sees, or those named. Broken ones are named
    once, and left out.
    """
    chosen = chosen_labels(labels, model.class_names, len(pictures))
    names, crops = [], []
    for picture, whole in readable_pictures(pictures, report, broken, longest=math.inf):
        names.append(picture.name)
        crops.append(centre_crop(whole, side))
    kept = [label for picture, label in zip(pictures, chosen, strict=True) if picture.source not in broken]
    return as_batch(model, names, crops, [None] * len(crops), kept)


def column_of(
    model: nn.Module, batch: Batch, layer: str | None, first: Column | None, settings: Settings, report: Report
) -> Column:
    """The maps of one network, and how alike they are to those of the first."""
    technique = TECHNIQUES[settings.technique]
    if "layer" in technique.settings and layer is None:
        layer = last_layer(model, batch.images)
    asked = {"settings": {} if layer is None else {"layer": layer}, "seed": settings.seed, "versus": None}
    ((_, row),) = compute_maps(model, batch, (technique.name,), report=report, **asked)
    weights = model.weights_name.partition(" (sha256")[0]
    column = Column(model.title, layer or "", weights, batch, row, None)
    if first is None:
        return column
    ours, theirs = (values_of(each.maps, len(first.batch.pixels[0])) for each in (first, column))
    alike, floor = map_similarity(ours, theirs)[:, RANK_CORRELATION], architecture_floor(ours, theirs)
    words = f"{model.title}: rank correlation with the maps of {first.title}"
    report.say(f"{words}, of the same picture {mean_of(alike)}, of another one {mean_of(floor)}")
    return column._replace(alike=alike)


def mean_of(values: Tensor) -> str:
    """The mean of those (N,) that are numbers, in words."""
    return f"{float(values.nanmean()):.2f}" if values.isfinite().any() else "unknown"


def values_of(row: MapRow, side: int) -> Tensor:
    """The maps (N, side, side)."""
    return torch.stack(row.values(side))
