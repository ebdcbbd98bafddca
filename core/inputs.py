"""What the flags ask for: the network, the pictures and the classes. For scripts only."""

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from core import images
from core.errors import UsageError
from core.options import PHOTOGRAPHS, find_class
from core.squeezenet import load_squeezenet


class Batch(NamedTuple):
    """Pictures and the classes to explain."""

    names: list[str]
    pixels: "list"  # uint8 (H, W, 3) each
    images: Tensor  # (N, 3, H, W), normalised
    labels: Tensor  # (N,)
    titles: list[str]  # class and probability, for the figure
    broken: int  # files that could not be read, each named on stderr

    @property
    def exit_code(self) -> int:
        return 1 if self.broken else 0


def load_network(options: argparse.Namespace) -> nn.Module:
    """Load the weights asked for and say in one line which were taken."""
    model = load_squeezenet(options.weights, options.device)
    print(model.weights_note)
    return model


def load_batch(options: argparse.Namespace, model: nn.Module) -> Batch:
    """Read the pictures, crop them, and settle which class of each is to be explained.

    A broken file among several is named on stderr and left out; the others are done.
    """
    photographs, broken = _photographs(options.images)
    crops = [images.centre_crop(photograph.image, options.size) for photograph in photographs]
    tensor = images.preprocess(crops).to(next(model.parameters()).device)
    with torch.no_grad():
        probabilities = torch.cat([model(part).softmax(dim=1) for part in tensor.split(16)])
    labels = probabilities.argmax(dim=1).cpu()
    if options.labels:
        chosen = [find_class(text, model.class_names) for text in options.labels]
        if len(chosen) not in (1, len(photographs)):
            raise UsageError(f"labels: got {len(chosen)} for {len(photographs)} images; give one, or one for each")
        labels = torch.tensor(chosen).expand(len(photographs)) if len(chosen) == 1 else torch.tensor(chosen)
    titles = [class_title(model, row, int(label)) for row, label in zip(probabilities, labels, strict=True)]
    names = [photograph.name for photograph in photographs]
    pixels = list(images.deprocess(tensor))
    return Batch(names, pixels, tensor, labels, titles, broken)


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


def _photographs(paths: list[str] | None) -> tuple[list[images.Photograph], int]:
    """The pictures of files, folders and names, and how many could not be read."""
    found, complaints = [], []
    for path in paths or PHOTOGRAPHS:
        if path in PHOTOGRAPHS and not Path(path).exists():
            found.append(images.default_photograph(path))
            continue
        for file in images.list_image_files([path]):
            try:
                found.append(images.Photograph(file.stem, images.load_image(file)))
            except UsageError as error:
                complaints.append(error)
    if not found:
        raise complaints[0]
    for complaint in complaints:
        print(f"skipped: {complaint}", file=sys.stderr)
    return found, len(complaints)
