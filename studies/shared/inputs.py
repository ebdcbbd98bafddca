"""What the flags ask for: the network, the pictures and the classes. For scripts only."""

import argparse
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from PIL.Image import Image
from torch import Tensor, nn

from core import images
from core.defaults import PHOTOGRAPHS
from core.errors import UsageError, WorkError
from core.gradients import BlankMapWarning, chunk_length
from core.squeezenet import load_squeezenet
from measures.localisation import SCORES, centre_map, localisation
from studies.shared.options import find_class


class Batch(NamedTuple):
    """Pictures and the classes to explain."""

    names: list[str]
    pixels: list  # uint8 (H, W, 3) each
    images: Tensor  # (N, 3, H, W), normalised
    labels: Tensor  # (N,)
    titles: list[str]  # class and probability, for the figure
    masks: list  # bool (H, W) each, where the object is, or None where nobody knows
    broken: list[UsageError]  # what is wrong with each file that could not be read

    @property
    def exit_code(self) -> int:
        return 1 if self.broken else 0


class Picture(NamedTuple):
    """A picture that is named but not yet read."""

    name: str
    source: Path | str  # a file, or the name of a default photograph


def load_network(options: argparse.Namespace) -> nn.Module:
    """Load the weights asked for and say in one line which were taken."""
    model = load_squeezenet(options.weights, options.device)
    print(model.weights_note)
    return model


def load_batch(options: argparse.Namespace, model: nn.Module, scenes: Callable) -> Batch:
    """Read the pictures, crop them, and settle which class of each is to be explained.

    scenes: `studies.shared.examples.example_scenes`; what it has for this network is shown if no pictures are named.
    A broken file among several is named on stderr and left out; the others are done.
    """
    examples = [] if options.images else scenes(model.class_names, size=options.size, seed=options.seed)
    if examples:
        names, crops, masks = map(list, zip(*examples, strict=True))
        return _as_batch(model, names, crops, masks, chosen_labels(options.labels, model.class_names, len(names)), [])
    pictures = list_pictures(options.images)
    batch = load_pictures(
        model, pictures, chosen_labels(options.labels, model.class_names, len(pictures)), options.size
    )
    if not batch.names:
        raise batch.broken[0]
    name_broken(batch.broken)
    return batch


def with_reason(explain: Callable) -> tuple:
    """What `explain()` returns, and why its map is blank, in the technique's own words; nothing if it is not."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", BlankMapWarning)
        result = explain()
    reasons = [str(warning.message).partition("is blank: ")[2] for warning in said]
    return result, next(filter(None, reasons), "")


def name_broken(broken: Iterable[UsageError]) -> None:
    """Name each file that could not be read."""
    for error in broken:
        print(f"skipped: {error}", file=sys.stderr)


def list_pictures(paths: Sequence[str] | None) -> list[Picture]:
    """The pictures of files, folders and names of default photographs; all of these, if nothing is named."""
    pictures = []
    for path in paths or PHOTOGRAPHS:
        if path in PHOTOGRAPHS:  # before the files, so that a bare run means the same in every folder
            pictures.append(Picture(path, path))
        else:
            pictures += [Picture(file.stem, file) for file in images.list_image_files([path])]
    return pictures


def open_picture(picture: Picture) -> Image:
    """The whole picture, as RGB. Raises UsageError, one sentence naming the file, if it cannot be used."""
    read = images.load_image if isinstance(picture.source, Path) else images.default_photograph
    return read(picture.source)


def chosen_labels(texts: list[str] | None, class_names: tuple[str, ...], count: int) -> list[int | None]:
    """The class numbers asked for, one for each picture named; None where the prediction is to be explained."""
    chosen = [find_class(text, class_names) for text in texts or []]
    if len(chosen) not in (0, 1, count):
        raise UsageError(f"labels: got {len(chosen)} for {count} images; give one, or one for each")
    return (chosen or [None]) * (1 if len(chosen) == count else count)


def load_pictures(model: nn.Module, pictures: Sequence[Picture], chosen: Sequence[int | None], size: int) -> Batch:
    """Read the pictures, square, `size` pixels a side; what is broken is left out, and said in the batch."""
    names, crops, labels, broken = [], [], [], []
    for picture, label in zip(pictures, chosen, strict=True):
        try:
            whole = open_picture(picture)
        except UsageError as error:
            broken.append(error)
            continue
        names.append(picture.name)
        crops.append(images.centre_crop(whole, size))
        labels.append(label)
    return _as_batch(model, names, crops, [None] * len(crops), labels, broken)


def stream_pictures(pictures: Iterable[Picture], size: int, broken: dict[Path | str, UsageError]) -> Iterator[Tensor]:
    """Read the pictures one at a time, square: (1, 3, size, size) each, in the network's units, on the CPU.

    For folders of any length: one picture is held at a time. A broken file is named on stderr, left out, and its
    error kept in `broken`, by its source; files that are there already are passed over, so a second stream names
    none again. Raises the first of these errors if no picture is left.
    """
    for _, whole in readable_pictures(pictures, broken):
        yield images.preprocess(images.centre_crop(whole, size))


def readable_pictures(
    pictures: Iterable[Picture], broken: dict[Path | str, UsageError]
) -> Iterator[tuple[Picture, Image]]:
    """Each picture that can be read, and what it holds; the others as `stream_pictures` says."""
    count = 0
    for picture in pictures:
        if picture.source in broken:
            continue
        try:
            whole = open_picture(picture)
        except UsageError as error:
            print(f"skipped: {error}", file=sys.stderr)
            broken[picture.source] = error
            continue
        count += 1
        yield picture, whole
    if broken and not count:
        raise next(iter(broken.values()))


def _as_batch(model, names, crops, masks, chosen, broken) -> Batch:
    """Let the network name what it sees, and explain that where no class was chosen."""
    if not crops:
        return Batch([], [], torch.empty(0, 3, 1, 1), torch.empty(0, dtype=torch.long), [], [], broken)
    tensor = images.preprocess(crops).to(next(model.parameters()).device)
    probabilities = class_probabilities(model, tensor)
    if not probabilities.isfinite().all():
        raise WorkError(f"weights: {model.weights_name} gives scores that are not finite; get the file again")
    predicted = probabilities.argmax(dim=1).tolist()
    labels = torch.tensor([guess if label is None else label for guess, label in zip(predicted, chosen, strict=True)])
    titles = [class_title(model, row, int(label)) for row, label in zip(probabilities, labels, strict=True)]
    return Batch(names, list(images.deprocess(tensor)), tensor, labels, titles, masks, broken)


def first_known(groups: Sequence[Sequence[str]], class_names: tuple[str, ...]) -> Sequence[str]:
    """The first group of class names that this network has all of: what a script shows if nobody asks otherwise."""
    for group in groups:
        if set(group) <= set(class_names):
            return group
    return class_names[: len(groups[0])]


def report_localisation(maps: dict[str, list[Tensor]], masks: list) -> None:
    """Print how well each technique's maps (H, W) point at the objects, beside what the centre gets."""
    if any(mask is None for mask in masks):
        return
    truth = torch.stack([torch.from_numpy(mask) for mask in masks])  # (N, H, W)
    centre = centre_map(*truth.shape[1:]).expand(truth.shape)
    print(f"localisation over {len(truth)} scenes, higher is better: {', '.join(SCORES)}")
    for name, values in {**maps, "centre (baseline)": list(centre)}.items():
        scores = localisation(torch.stack(values), truth).mean(dim=0).tolist()
        print(f"  {name:<24}" + "".join(f"{score:8.3f}" for score in scores))


def score_title(values: Tensor, mask) -> str:
    """How well a map (H, W) points at the object, in a line for its panel; nothing where nobody knows where it is."""
    if mask is None:
        return ""
    hit, mass, iou = localisation(values[None], torch.from_numpy(mask)[None])[0].tolist()
    return f"{'hit' if hit == 1 else 'miss'}, mass {mass:.2f}, IoU {iou:.2f}"


def class_titles(model: nn.Module, images: Tensor, label: int) -> list[str]:
    """ "tiger cat 21 %", how probable the class is on each image."""
    return [class_title(model, row, label) for row in class_probabilities(model, images)]


@torch.no_grad()
def class_probabilities(model: nn.Module, images: Tensor) -> Tensor:
    """The softmax of the scores, (N, K), on the CPU; a few images at a time."""
    return torch.cat([model(part).softmax(dim=1) for part in images.split(chunk_length(images))]).cpu()


def class_title(model: nn.Module, probabilities: Tensor, label: int) -> str:
    """ "Egyptian cat 55 %" for probabilities (K,)."""
    return f"{model.class_names[label]} {probability_text(float(probabilities[label]))}"


def probability_text(probability: float) -> str:
    """In per cent, with as many digits as it takes to tell it from 0 and from 100."""
    if 0.01 <= probability <= 0.99:
        return f"{100 * probability:.0f} %"
    if probability > 0.99:
        return "> 99.9 %" if probability > 0.999 else f"{100 * probability:.1f} %"
    return "< 0.01 %" if probability < 1e-4 else f"{100 * probability:.2g} %"


def footer(model: nn.Module) -> str:
    """The line under every figure: which network it shows."""
    return f"SqueezeNet 1.1, weights {model.weights_name}"


def make_generator(options: argparse.Namespace) -> torch.Generator:
    """The one source of chance: drawn on the CPU, so that a seed means the same on every device."""
    return torch.Generator().manual_seed(options.seed)
