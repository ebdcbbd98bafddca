"""The pictures that a study asks for: read, cropped, named, and the class of each that is to be explained."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor, nn

from core import images
from core.defaults import PHOTOGRAPHS
from core.errors import UsageError, WorkError
from core.picture_files import LONGEST_OVER_SHORTEST, list_image_files, shown
from core.shards import Damage, Member
from measures.localisation import SCORES, centre_map, localisation
from studies.shared.examples import example_scenes
from studies.shared.network import class_probabilities, class_title
from studies.shared.options import find_class
from studies.shared.report import Report
from studies.shared.settings import PictureSettings

Source = Path | Member | Damage | str  # a file, one in a shard, or the name of a default photograph


class Batch(NamedTuple):
    """Pictures and the classes to explain."""

    names: list[str]
    pixels: list[np.ndarray]  # uint8 (H, W, 3) each
    images: Tensor  # (N, 3, H, W), normalised
    labels: Tensor  # (N,)
    titles: list[str]  # class and probability, for the figure
    masks: list[np.ndarray | None]  # bool (H, W) each, where the object is, or None where nobody knows


class Picture(NamedTuple):
    """A picture that is named but not yet read."""

    name: str
    source: Source


def load_batch(model: nn.Module, settings: PictureSettings, report: Report) -> Batch:
    """Read the pictures, crop them, and settle which class of each is to be explained.

    If no pictures are named, a network that knows the rendered scenes gets some of these, any other the photographs. A
    broken file among several is named and left out; the others are done.
    """
    scenes = [] if settings.images else example_scenes(model.class_names, size=settings.size, seed=settings.seed)
    if scenes:
        names, crops, masks = map(list, zip(*scenes, strict=True))
        chosen = chosen_labels(settings.labels, model.class_names, len(names))
        return as_batch(model, names, crops, masks, chosen)
    pictures = list_pictures(settings.images, report.say)
    chosen = chosen_labels(settings.labels, model.class_names, len(pictures))
    return load_pictures(model, pictures, chosen, settings.size, report)


def list_pictures(paths: Sequence[str], left_out: Callable[[str], None] = lambda sentence: None) -> list[Picture]:
    """The pictures of files, folders, lists, shards and names of photographs; all of these last, if nothing is named.

    left_out: is told, in a sentence for each folder, what it holds besides: `report.say`.
    """
    pictures = []
    for path in paths or PHOTOGRAPHS:
        if path in PHOTOGRAPHS:  # before the files, so that a bare run means the same in every folder
            pictures.append(Picture(path, path))
        else:
            pictures += [Picture(shown(file.stem), file) for file in list_image_files([path], left_out)]
    return pictures


def open_picture(picture: Picture, *, longest: float = LONGEST_OVER_SHORTEST) -> Image:
    """The whole picture, as RGB. Raises UsageError, one sentence naming the file, if it cannot be used.

    longest: how many times the shorter side the longer one may be.
    """
    if isinstance(picture.source, str):
        return images.default_photograph(picture.source)
    return images.load_image(picture.source, longest=longest)


def square_crop(picture: Picture, whole: Image, size: int, report: Report) -> Image:
    """The centre of a picture, `size` pixels a side; of a strip it is said how little that is."""
    if words := strip_words(picture, whole):
        report.say(words)
    return images.centre_crop(whole, size)


def strip_words(picture: Picture, whole: Image) -> str:
    """How little of a strip its centre shows, in a sentence; nothing of other pictures."""
    if not images.is_strip(whole):
        return ""
    seen = f"only the {min(whole.size)} pixels each way in the middle are looked at"
    return f"{picture.name} is {whole.width} x {whole.height} pixels: {seen}; crop it to see another part"


def chosen_labels(texts: Sequence[str], class_names: tuple[str, ...], count: int) -> list[int | None]:
    """The class numbers asked for, one for each picture named; None where the prediction is to be explained."""
    chosen = [find_class(text, class_names) for text in texts]
    if len(chosen) not in (0, 1, count):
        raise UsageError(f"labels: got {len(chosen)} for {count} images; give one, or one for each")
    return (chosen or [None]) * (1 if len(chosen) == count else count)


def load_pictures(
    model: nn.Module, pictures: Sequence[Picture], chosen: Sequence[int | None], size: int, report: Report
) -> Batch:
    """Read the pictures, square, `size` pixels a side. A broken one is named and left out.

    Raises the first one's UsageError if no picture is left.
    """
    names, crops, labels, broken = [], [], [], []
    for picture, label in zip(pictures, chosen, strict=True):
        try:
            whole = open_picture(picture, longest=math.inf)
        except UsageError as error:
            broken.append(error)
            continue
        names.append(picture.name)
        crops.append(square_crop(picture, whole, size, report))
        labels.append(label)
    if not names:
        raise broken[0]
    for error in broken:
        report.skip(error)
    return as_batch(model, names, crops, [None] * len(crops), labels)


def stream_pictures(
    pictures: Iterable[Picture], size: int, report: Report, broken: dict[Source, UsageError]
) -> Iterator[Tensor]:
    """Read the pictures one at a time, square: (1, 3, size, size) each, in the network's units, on the CPU.

    For folders of any length: one picture is held at a time. A broken file is named, left out, and its error kept in
    `broken`, by its source; files that are there already are passed over, so a second stream names none again. Raises
    the first of these errors if no picture is left.
    """
    for picture, whole in readable_pictures(pictures, report, broken, longest=math.inf):
        yield images.preprocess(square_crop(picture, whole, size, report))


def readable_pictures(
    pictures: Iterable[Picture],
    report: Report,
    broken: dict[Source, UsageError],
    *,
    longest: float = LONGEST_OVER_SHORTEST,
) -> Iterator[tuple[Picture, Image]]:
    """Each picture that can be read, and what it holds; the others as `stream_pictures` says. longest: of its sides."""
    count, waiting = 0, []
    for picture in pictures:
        if picture.source in broken:
            continue
        try:
            whole = open_picture(picture, longest=longest)
        except UsageError as error:
            broken[picture.source] = error
            if count:
                report.skip(error)
            else:  # told once there is a picture to go on with: if there is none, the first of them is raised
                waiting.append(error)
            continue
        while waiting:
            report.skip(waiting.pop(0))
        count += 1
        yield picture, whole
    if broken and not count:
        raise next(iter(broken.values()))


def report_localisation(maps: dict[str, Sequence[Tensor]], masks: Sequence[np.ndarray | None], report: Report) -> None:
    """Say how well each technique's maps (H, W) point at the objects, beside what the centre gets."""
    if any(mask is None for mask in masks):
        return
    truth = torch.stack([torch.from_numpy(mask) for mask in masks])  # (N, H, W)
    centre = centre_map(*truth.shape[1:]).expand(truth.shape)
    report.say(f"localisation over {len(truth)} scenes, higher is better: {', '.join(SCORES)}")
    for name, values in {**maps, "centre (baseline)": list(centre)}.items():
        scores = localisation(torch.stack(list(values)), truth).mean(dim=0).tolist()
        report.say(f"  {name:<24}" + "".join(f"{score:8.3f}" for score in scores))


def score_title(values: Tensor, mask: np.ndarray | None) -> str:
    """How well a map (H, W) points at the object, in a line for its panel; nothing where nobody knows where it is."""
    if mask is None:
        return ""
    hit, mass, iou = localisation(values[None], torch.from_numpy(mask)[None])[0].tolist()
    return f"{'hit' if hit == 1 else 'miss'}, mass {mass:.2f}, IoU {iou:.2f}"


def probabilities_of(model: nn.Module, pictures: Tensor) -> Tensor:
    """What the network says of pictures (N, 3, H, W), as `class_probabilities`. Raises WorkError for broken weights."""
    try:
        return class_probabilities(model, pictures)
    except WorkError as error:  # a score that is no number
        words = f"weights: {model.weights_name} gives scores that are not finite; get the file again"
        raise WorkError(words) from error


def as_batch(
    model: nn.Module,
    names: list[str],
    crops: Sequence,
    masks: list[np.ndarray | None],
    chosen: Sequence[int | None],
) -> Batch:
    """Let the network name what it sees, and explain that where no class was chosen."""
    tensor = images.preprocess(crops).to(next(model.parameters()).device)
    probabilities = probabilities_of(model, tensor)
    predicted = probabilities.argmax(dim=1).tolist()
    labels = torch.tensor([guess if label is None else label for guess, label in zip(predicted, chosen, strict=True)])
    titles = [class_title(model, row, int(label)) for row, label in zip(probabilities, labels, strict=True)]
    return Batch(names, list(images.deprocess(tensor)), tensor, labels, titles, masks)
