"""Which pictures are to be explained, and where each one's files go."""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple

from torch import nn

from core.errors import UsageError
from core.own_files import description_of
from core.picture_files import shown
from core.protection import leave_out
from studies.explain.flags import Settings
from studies.shared.examples import Example, example_scenes
from studies.shared.pictures import Picture, chosen_labels, list_pictures
from studies.shared.report import Report


class Job(NamedTuple):
    """A picture to be explained."""

    picture: Picture
    label: int | None  # the class to be explained; None: the predicted one
    target: Path  # its PNG; its raw maps lie beside it
    scene: Example | None = None  # the picture itself, where it is rendered and no file

    def files(self, settings: Settings) -> list[Path]:
        """All that will be written for it."""
        return [self.target, self.raw_maps] if settings.maps else [self.target]

    @property
    def raw_maps(self) -> Path:
        """Where its maps go as numbers."""
        return self.target.with_suffix(".npz")


def list_jobs(model: nn.Module, settings: Settings, report: Report) -> list[Job]:
    """The pictures named, or the default ones, each with the class asked for; none twice. No picture is read."""
    scenes = [] if settings.images else example_scenes(model.class_names, size=settings.side, seed=settings.seed)
    if scenes:
        pictures = [Picture(scene.name, scene.name) for scene in scenes]
    else:
        pictures = without_earlier_figures(list_pictures(settings.images, report.say), settings, report)
    labels = chosen_labels(settings.labels, model.class_names, len(pictures))
    paths = targets(pictures, labels, settings.output)
    jobs = map(Job, pictures, labels, paths, scenes or [None] * len(pictures))
    return list({job.target: job for job in jobs}.values())


def without_earlier_figures(pictures: list[Picture], settings: Settings, report: Report) -> list[Picture]:
    """The pictures but for what an earlier run wrote into their own folder: it would be explained in its turn."""
    written = [picture.source for picture in pictures if is_earlier_figure(picture.source, settings)]
    if not written:
        return pictures
    if len(written) == len(pictures):
        raise UsageError(f"images: all of them are figures that this study wrote to '{shown(settings.output)}'")
    leave_out(written)
    report.say(f"left out of '{shown(settings.output)}': {len(written)} figures that an earlier run wrote there")
    there = set(written)
    return [picture for picture in pictures if picture.source not in there]


def is_earlier_figure(source: Path | str, settings: Settings) -> bool:
    """Whether it was found in the folder of the output, and this study wrote it."""
    if not isinstance(source, Path) or str(source) in settings.images:
        return False
    beside = source.parent.resolve() == settings.output.resolve()
    return beside and description_of(source).get("Script") == "explain"


def targets(pictures: Sequence[Picture], labels: Sequence[int | None], folder: Path) -> list[Path]:
    """Where each picture's maps go. Pictures of one name are told apart by their whole paths, and what is then still
    alike by numbers: `a_b/c.jpg` and `a/b_c.jpg`, two classes of one picture, names that some systems hold for one.
    """
    often = Counter(picture.name for picture in set(pictures))  # a picture that is named twice is one
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
