"""What the flags ask for: the network, the pictures and the classes. For scripts only."""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from core import images
from core.errors import UsageError, WorkError
from core.options import PHOTOGRAPHS, find_class
from core.scores import SCORES, centre_map, localisation
from core.squeezenet import load_squeezenet


class Batch(NamedTuple):
    """Pictures and the classes to explain."""

    names: list[str]
    pixels: list  # uint8 (H, W, 3) each
    images: Tensor  # (N, 3, H, W), normalised
    labels: Tensor  # (N,)
    titles: list[str]  # class and probability, for the figure
    masks: list  # bool (H, W) each, where the object is, or None where nobody knows
    broken: int  # files that could not be read, each named on stderr

    @property
    def exit_code(self) -> int:
        return 1 if self.broken else 0


def load_network(options: argparse.Namespace) -> nn.Module:
    """Load the weights asked for and say in one line which were taken."""
    model = load_squeezenet(options.weights, options.device)
    print(model.weights_note)
    return model


def load_batch(options: argparse.Namespace, model: nn.Module, scenes: Callable) -> Batch:
    """Read the pictures, crop them, and settle which class of each is to be explained.

    scenes: `patterns.examples.example_scenes`; what it has for this network is shown if no pictures are named.
    A broken file among several is named on stderr and left out; the others are done.
    """
    examples = [] if options.images else scenes(model.class_names, size=options.size, seed=options.seed)
    if examples:
        names, crops, masks = map(list, zip(*examples, strict=True))
    else:
        names, crops = _read_crops(options.images, options.size)
        masks = [None] * len(crops)
    chosen = _chosen_labels(options.labels, model.class_names, len(crops))
    kept = [index for index, crop in enumerate(crops) if crop is not None]
    broken = len(crops) - len(kept)
    names, crops, masks, chosen = ([part[index] for index in kept] for part in (names, crops, masks, chosen))
    tensor = images.preprocess(crops).to(next(model.parameters()).device)
    with torch.no_grad():
        probabilities = torch.cat([model(part).softmax(dim=1) for part in tensor.split(16)]).cpu()
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
    return f"{'hit' if hit else 'miss'}, mass {mass:.2f}, IoU {iou:.2f}"


def class_titles(model: nn.Module, images: Tensor, label: int) -> list[str]:
    """ "tiger cat 21 %", how probable the class is on each image."""
    with torch.no_grad():
        probabilities = torch.cat([model(part).softmax(dim=1) for part in images.split(16)]).cpu()
    return [class_title(model, row, label) for row in probabilities]


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


def _read_crops(paths: list[str] | None, size: int) -> tuple[list[str], list]:
    """The names and square crops of files, folders and default photographs; None for a file that is broken."""
    names, crops, complaints = [], [], []
    for path in paths or PHOTOGRAPHS:
        if path in PHOTOGRAPHS:  # before the files, so that a bare run means the same in every folder
            names.append(path)
            crops.append(images.centre_crop(images.default_photograph(path), size))
            continue
        for file in images.list_image_files([path]):
            names.append(file.stem)
            try:
                crops.append(images.centre_crop(images.load_image(file), size))
            except UsageError as error:
                crops.append(None)
                complaints.append(error)
    if len(complaints) == len(crops):
        raise complaints[0]
    for complaint in complaints:
        print(f"skipped: {complaint}", file=sys.stderr)
    return names, crops


def _chosen_labels(texts: list[str] | None, class_names: tuple[str, ...], count: int) -> list[int | None]:
    """The class numbers asked for, one for each picture named; None where the prediction is to be explained."""
    chosen = [find_class(text, class_names) for text in texts or []]
    if len(chosen) not in (0, 1, count):
        raise UsageError(f"labels: got {len(chosen)} for {count} images; give one, or one for each")
    return (chosen or [None]) * (1 if len(chosen) == count else count)
