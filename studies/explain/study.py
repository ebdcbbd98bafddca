"""Explains picture after picture, a file each, and passes over what is there already."""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from torch import nn

from core.activations import find_layer
from core.errors import UsageError
from core.files import fingerprint, is_damaged, is_there
from core.own_files import description_of
from core.picture_files import shown
from core.protection import leave_out
from drawing.files import describe
from studies.explain.cost import cost
from studies.explain.figure import draw
from studies.explain.flags import Settings
from studies.shared.cost import tell
from studies.shared.interruption import Interruption
from studies.shared.network import footer, open_network
from studies.shared.pictures import Batch, Picture, chosen_labels, list_pictures, load_batch, load_pictures
from studies.shared.report import Report
from visualizers.all_maps import all_maps


def run(settings: Settings, report: Report) -> None:
    """Explain the pictures named, or the default ones. Ctrl-C keeps the files that are finished."""
    model, settings = open_network(settings, report)
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
    report.expect([settings.output / f"{name}.png" for name in batch.names])
    metadata = describe("explain", decisive(settings) | {"labels": settings.labels}, model.weights_name)
    for index in report.progress(range(len(batch.names)), desc="explained", unit="picture"):
        write(model, batch, index, settings, settings.output / f"{batch.names[index]}.png", metadata, report)
    report.say(f"wrote {len(batch.names)} pictures to {settings.output}")


def explain_files(model: nn.Module, settings: Settings, report: Report) -> None:
    """The pictures named, read one at a time; what is there already is passed over, and broken files are named.

    Raises the first one's UsageError if no picture can be read.
    """
    pictures = without_earlier_figures(list_pictures(settings.images, report.say), settings, report)
    labels = chosen_labels(settings.labels, model.class_names, len(pictures))
    broken, written, there, damaged = [], 0, 0, 0
    jobs = list(zip(pictures, labels, targets(pictures, labels, settings.output), strict=True))
    report.expect([target for _, _, target in jobs])
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
                if written or there:
                    report.skip(error)
                else:  # told once there is a picture to go on with: if there is none, the first of them is raised
                    broken.append(error)
                continue
            damaged += is_damaged(target)
            write(model, batch, 0, settings, target, metadata, report)
            written += 1
    finally:  # also when interrupted
        if written or there or not broken:
            for error in broken:
                report.skip(error)
            kept = f"; {there} were there already" if there else ""
            again = f"; {damaged} that were damaged were made again" if damaged else ""
            report.say(f"wrote {written} pictures to {settings.output}{kept}{again}")
    if broken and not (written or there):
        raise broken[0]


def without_earlier_figures(pictures: list[Picture], settings: Settings, report: Report) -> list[Picture]:
    """The pictures but for what an earlier run wrote into their own folder: it would be explained in its turn."""
    written = [picture.source for picture in pictures if is_earlier_figure(picture.source, settings)]
    if not written:
        return pictures
    if len(written) == len(pictures):
        raise UsageError(f"images: all of them are figures that this study wrote to '{shown(settings.output)}'")
    leave_out(written)
    report.say(f"left out of '{shown(settings.output)}': {len(written)} figures that an earlier run wrote there")
    return [picture for picture in pictures if picture.source not in written]


def is_earlier_figure(source: Path | str, settings: Settings) -> bool:
    """Whether it was found in the folder of the output, and this study wrote it."""
    if not isinstance(source, Path) or str(source) in settings.images:
        return False
    beside = source.parent.resolve() == settings.output.resolve()
    return beside and description_of(source).get("Script") == "explain"


def decisive(settings: Settings) -> dict[str, str | int]:
    """The settings that decide what every picture shows."""
    return {"layer": settings.layer, "size": settings.size}


def write(
    model: nn.Module,
    batch: Batch,
    index: int,
    settings: Settings,
    target: Path,
    metadata: dict[str, str],
    report: Report,
) -> None:
    """Explain one picture of the batch, and write its file."""
    maps = all_maps(model, batch.images[index : index + 1], batch.labels[index : index + 1], layer=settings.layer)
    figure = draw(batch.pixels[index], batch.titles[index], batch.masks[index], maps, footer=footer(model))
    report.picture(figure, target, metadata, silently=True)


def targets(pictures: Sequence[Picture], labels: Sequence[int | None], folder: Path) -> list[Path]:
    """Where each picture's maps go. Pictures of one name are told apart by their whole paths, and what is then still
    alike by numbers: `a_b/c.jpg` and `a/b_c.jpg`, two classes of one picture, names that some systems hold for one.
    """
    often = Counter(picture.name for picture in pictures)
    found: dict[tuple[Picture, int | None], str] = {}
    taken: set[str] = set()
    for picture, label in zip(pictures, labels, strict=True):
        if (picture, label) in found:
            continue
        alone = often[picture.name] == 1
        name = picture.name if alone else "_".join(Path(picture.source).absolute().parts[1:])
        numbered = (name if number == 1 else f"{name}_{number}" for number in count(1))
        free = next(each for each in numbered if _as_any_system(each) not in taken)
        taken.add(_as_any_system(free))
        found[picture, label] = free
    return [folder / f"{found[job]}.png" for job in zip(pictures, labels, strict=True)]


def _as_any_system(name: str) -> str:
    """A name as the least exact file system sees it: without a difference of case or of composed letters."""
    return unicodedata.normalize("NFC", name).casefold()
