"""One picture: read, explained, drawn and written. The three steps stand apart, so that they may overlap."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from core import images
from core.array_files import about_arrays, array_bytes
from core.defaults import SHARED
from core.errors import UsageError
from core.files import fingerprint, is_damaged, texts_if_there, write_whole
from core.gradients import why_blank
from core.kept import Unreadable
from core.relu_rules import NoRelus
from drawing.files import describe
from studies.explain.figure import GUIDED, LEFT_OUT, TITLES, draw
from studies.explain.flags import Settings
from studies.explain.jobs import Job
from studies.explain.table import KEY, Row, row_of, row_said
from studies.shared.network import class_title, footer
from studies.shared.pictures import open_picture, probabilities_of, strip_words
from studies.shared.report import Report
from visualizers.all_maps import AllMaps, all_maps, plain_maps
from visualizers.gradcam import upsample
from visualizers.guided_backprop import check_relus

SURE = (1e-3, 6e4)  # a map whose largest value lies between is kept in float16 to three digits


class Done(NamedTuple):
    """What became of a picture."""

    row: Row | None = None
    written: bool = False  # by this run; else it was there already
    mended: bool = False  # something lay there that was damaged
    error: UsageError | None = None  # why it could not be read


class Opened(NamedTuple):
    """A picture that is read, in the middle of which a square is looked at."""

    pixels: np.ndarray  # uint8 (H, W, 3)
    mask: np.ndarray | None  # bool (H, W): where the object is, if that is known
    size: tuple[int, int]  # width and height of the whole
    metadata: dict[str, str]
    words: str  # about a strip, or nothing
    mended: bool
    seconds: float


@dataclass(frozen=True)
class Work:
    """What all pictures have in common."""

    model: nn.Module
    settings: Settings
    report: Report
    left_out: tuple[str, ...] = ()  # titles of the maps that the network cannot have

    def read(self, job: Job) -> Opened | Done:
        """Read a picture, unless its files are there already."""
        start = perf_counter()
        metadata = self.metadata(job)
        if self.settings.images and (row := self.row_there(job, metadata)):
            return Done(row._replace(path=str(job.picture.source), file=job.target.name))
        if job.scene is not None:
            size = job.scene.image.shape[1::-1]
            return Opened(job.scene.image, job.scene.mask, size, metadata, "", False, perf_counter() - start)
        try:
            whole = open_picture(job.picture, longest=math.inf)
        except UsageError as error:
            return Done(error=error)
        pixels = np.asarray(images.centre_crop(whole, self.settings.side))
        words, mended = strip_words(job.picture, whole), is_damaged(job.target)
        return Opened(pixels, None, whole.size, metadata, words, mended, perf_counter() - start)

    def compute(self, job: Job, found: Opened | Done) -> Callable[[], Done]:
        """Explain it. Each picture by itself: what comes out must not depend on which pictures go with it."""
        if isinstance(found, Done):
            return lambda: found
        start = perf_counter()
        if found.words:
            self.report.say(found.words)
        tensor = images.preprocess(found.pixels).to(next(self.model.parameters()).device)
        probabilities = probabilities_of(self.model, tensor)[0]
        label = int(probabilities.argmax()) if job.label is None else job.label
        maps_of = plain_maps if self.left_out else all_maps
        maps = maps_of(self.model, tensor, torch.tensor([label]), layer=self.settings.layer)
        blank = "" if all(each.any() for each in maps.there.values()) else why_blank(self.model, tensor, label)
        smooth = upsample(maps.grad_cam, found.pixels.shape[:2])[0].cpu().numpy()
        arrays = maps._replace(**{name: values[0].cpu().numpy() for name, values in maps.there.items()})
        row = row_of(probabilities, label, self.model.class_names, found.size, blank)
        row = row._replace(path=str(job.picture.source), file=job.target.name)
        title, spent = class_title(self.model, probabilities, label), found.seconds + perf_counter() - start
        return partial(self.write, job, found, arrays, smooth, title=title, row=row, spent=spent)

    def write(
        self, job: Job, found: Opened, maps: AllMaps, smooth: np.ndarray, *, title: str, row: Row, spent: float
    ) -> Done:
        """Draw it and write its files: first the raw maps, so that a picture that is there is complete."""
        start = perf_counter()
        if self.settings.maps:
            about = self.about_maps(job, found.metadata) | row._replace(file="", seconds="")._asdict()
            arrays = {name: self.kept(values) for name, values in maps.there.items()}
            write_whole(job.raw_maps, array_bytes(arrays, about))
        # SqueezeNet's is known, and its figures have always been without it.
        layer = "" if self.settings.model == SHARED else f"; Grad-CAM at {self.settings.layer}"
        figure = draw(found.pixels, title, found.mask, maps, smooth, footer=footer(self.model) + layer)
        self.report.picture(figure, job.target, found.metadata | {KEY: row.said()}, silently=True)
        seconds = f"{spent + perf_counter() - start:.3f}"
        return Done(row._replace(seconds=seconds), written=True, mended=found.mended)

    def metadata(self, job: Job) -> dict[str, str]:
        """What its PNG says of itself: also what it was made from, so that it is known again."""
        source = f"{job.scene.name}, seed {self.settings.seed}" if job.scene else fingerprint(job.picture.source)
        made_from = decisive(self.settings) | {"label": job.label, "source": source}
        if self.left_out:  # else unsaid, as in the files that were made when all four were drawn of every network
            made_from[LEFT_OUT] = ", ".join(self.left_out)
        return describe("explain", made_from, self.model.weights_name)

    def row_there(self, job: Job, metadata: dict[str, str]) -> Row | None:
        """The row of a picture whose files are there, whole, and made from it with these settings; else nothing."""
        texts = texts_if_there(job.target, metadata)
        if texts is None or (self.settings.maps and not self.maps_are_there(job, metadata)):
            return None
        return row_said(texts.get(KEY))

    def maps_are_there(self, job: Job, metadata: dict[str, str]) -> bool:
        """Whether its raw maps are, too, in the type asked for."""
        try:
            said = about_arrays(job.raw_maps, whole=True)
        except Unreadable:
            return False
        return all(said.get(key) == value for key, value in self.about_maps(job, metadata).items())

    def about_maps(self, job: Job, metadata: dict[str, str]) -> dict[str, str]:
        """What its raw maps say of themselves, besides the row."""
        return {key: metadata[key] for key in ("Script", "Settings", "Weights")} | {"type": self.settings.maps or ""}

    def kept(self, values: np.ndarray) -> np.ndarray:
        """A map in the type asked for; in float32 where float16 would lose it, very small or very large as it is."""
        largest = float(np.abs(values).max())
        fits = largest == 0 or SURE[0] <= largest <= SURE[1]
        return values.astype(np.float16 if self.settings.maps == "float16" and fits else np.float32)


def find_left_out(model: nn.Module, settings: Settings, report: Report) -> tuple[str, ...]:
    """The titles of the maps that the network cannot have. It is said which, and why."""
    try:
        check_relus(model, torch.zeros(1, 3, settings.side, settings.side))
    except NoRelus as error:
        titles = tuple(TITLES[name] for name in GUIDED)
        report.say(f"left out: {', '.join(titles)} ({error.reason})")
        return titles
    return ()


def decisive(settings: Settings) -> dict[str, str | int | None]:
    """The settings that decide what every picture shows, the names of the classes included."""
    names = settings.classes and (fingerprint(Path(settings.classes)) or settings.classes)
    return {"layer": settings.layer, "size": settings.side, "model": settings.model, "classes": names}
