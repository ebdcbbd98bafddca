"""Explains picture after picture, a file each, and passes over what is there already."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from torch import nn

from core.activations import find_layer
from core.errors import UsageError
from core.files import fingerprint, is_there
from drawing.files import describe, save_picture
from studies.explain.cost import cost
from studies.explain.figure import draw
from studies.explain.flags import Settings
from studies.shared.cost import tell
from studies.shared.interruption import Interruption
from studies.shared.network import footer, load_network
from studies.shared.pictures import Batch, Picture, chosen_labels, list_pictures, load_batch, load_pictures
from studies.shared.report import Report
from visualizers.all_maps import all_maps


def run(settings: Settings, report: Report) -> None:
    """Explain the pictures named, or the default ones. Ctrl-C keeps the files that are finished."""
    model = load_network(settings, report)
    find_layer(model, settings.layer)
    tell(cost(settings), report.say, model)
    with Interruption() as stop:
        if settings.images:
            explain_files(model, settings, report)
        else:
            explain_defaults(model, settings, report)
    stop.go_on()


def explain_defaults(model: nn.Module, settings: Settings, report: Report) -> None:
    """The default pictures, anew at each run."""
    batch = load_batch(model, settings, report)
    metadata = describe("explain", decisive(settings) | {"labels": settings.labels}, model.weights_name)
    for index in report.progress(range(len(batch.names)), desc="explained", unit="picture"):
        write(model, batch, index, settings, settings.output / f"{batch.names[index]}.png", metadata)
    report.say(f"wrote {len(batch.names)} pictures to {settings.output}")


def explain_files(model: nn.Module, settings: Settings, report: Report) -> None:
    """The pictures named, read one at a time; what is there already is passed over, and broken files are named."""
    pictures = list_pictures(settings.images)
    labels = chosen_labels(settings.labels, model.class_names, len(pictures))
    written = there = 0
    jobs = list(zip(pictures, labels, targets(pictures, settings.output), strict=True))
    try:
        for picture, label, target in report.progress(jobs, desc="explained", unit="picture"):
            made_from = decisive(settings) | {"label": label, "source": fingerprint(picture.source)}
            metadata = describe("explain", made_from, model.weights_name)
            if is_there(target, metadata):
                there += 1
                continue
            try:
                batch = load_pictures(model, [picture], [label], settings.size, report)
            except UsageError as error:
                report.skip(error)
                continue
            write(model, batch, 0, settings, target, metadata)
            written += 1
    finally:  # also when interrupted
        kept = f"; {there} were there already" if there else ""
        report.say(f"wrote {written} pictures to {settings.output}{kept}")


def decisive(settings: Settings) -> dict[str, str | int]:
    """The settings that decide what every picture shows."""
    return {"layer": settings.layer, "size": settings.size}


def write(
    model: nn.Module, batch: Batch, index: int, settings: Settings, target: Path, metadata: dict[str, str]
) -> None:
    """Explain one picture of the batch, and write its file."""
    maps = all_maps(model, batch.images[index : index + 1], batch.labels[index : index + 1], layer=settings.layer)
    figure = draw(batch.pixels[index], batch.titles[index], batch.masks[index], maps, footer=footer(model))
    save_picture(figure, target, metadata)


def targets(pictures: Sequence[Picture], folder: Path) -> list[Path]:
    """Where each picture's maps go. Pictures of one name are told apart by their whole paths."""
    often = Counter(picture.name for picture in pictures)
    names = [
        picture.name if often[picture.name] == 1 else "_".join(Path(picture.source).absolute().parts[1:])
        for picture in pictures
    ]
    return [folder / f"{name}.png" for name in names]
