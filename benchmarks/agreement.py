"""Is each map right on each network? Every technique on networks of many kinds, against plain code and against Captum.

The networks have random weights, so that none needs a file; in float64, so that what differs is no rounding. Writes a
table, Markdown and CSV.
"""

import argparse
import math
import sys
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from captum import attr
from torch import Tensor, nn
from torchvision import models
from torchvision.models.convnext import CNBlockConfig

from benchmarks import plain_maps
from benchmarks.plain_maps import OF_A_LAYER, OF_PIXELS, SEED, SETTINGS, AtLayer, Places, relus_of
from core.errors import UsageError
from drawing.tables import write_csv, write_markdown
from measures import captum_reference
from measures.agreement import relative_difference
from studies.shared.options import Parser, run_script
from studies.shared.progress import progress
from visualizers.catalogue import TECHNIQUES, Technique
from visualizers.occlusion import spread

ALIKE = 1e-8  # the largest relative difference of what is the same but for rounding in float64
ALIKE_TO_CAPTUM = 1e-6  # whose integrated gradients and occlusion round to float32 on the way
CLASSES = 12
WRITTEN_TWICE = {*OF_PIXELS, *OF_A_LAYER, "fused-layer-cam"}
FAILURES = (AssertionError, LookupError, RuntimeError, TypeError, ValueError)  # what Captum raises
REASONS = {  # what a refusal says: in short
    "the network runs none": "no ReLU",
    "has no class map": "other end",
    "runs no self-attention": "no attention",
    "attends within windows": "windows",
}
NOTE = (
    "Largest relative difference to plain code written apart (benchmarks/plain_maps.py); after the comma, to Captum "
    "where it has the map (its integrated gradients and occlusion round to float32). "
    "*: Captum's rules are hooks on modules and pass by ReLUs that are functions (1 of 121 in densenet121, all 57 in "
    "googlenet), so its map is a mixture there; ours is that of the rule at every ReLU. "
    "Refused are: no ReLU, where the rule has nothing to change; other end, a network that does not end in "
    "convolution, ReLU and mean; no attention, where there is none to follow; windows, within which attention cannot "
    "be followed from block to block. "
    "Random weights of seed 0, a picture of noise of 64 x 96 or 64 x 64 pixels, float64."
)


class Network(NamedTuple):
    """A network of torchvision, and where it is looked at."""

    make: Callable[..., nn.Module]
    layers: tuple[str, ...]  # three for fused Layer-CAM, the last for the others
    size: tuple[int, int] = (64, 96)
    settings: Mapping[str, Any] = MappingProxyType({})
    places: Places = lambda output: output  # what its layers give -> (N, K, h, w)
    small: Callable[..., nn.Module] | None = None  # a smaller one of its kind, where it is large


def of_tokens(output: Tensor) -> Tensor:
    """What a ViT of 64 x 64 pixels gives, (N, 1 + 16, K): the class token, then the patches row by row."""
    return output[:, 1:].reshape(len(output), 4, 4, -1).permute(0, 3, 1, 2)


NETWORKS = {
    "squeezenet1_1": Network(models.squeezenet1_1, ("features.4", "features.7", "features.12")),
    "resnet18": Network(models.resnet18, ("layer2", "layer3", "layer4")),
    "vgg11_bn": Network(models.vgg11_bn, ("features.13", "features.20", "features.27")),
    "densenet121": Network(models.densenet121, ("features.denseblock2", "features.denseblock3", "features.norm5")),
    "mobilenet_v3_small": Network(models.mobilenet_v3_small, ("features.3", "features.8", "features.12")),
    "efficientnet_b0": Network(models.efficientnet_b0, ("features.3", "features.5", "features.8")),
    "convnext_tiny": Network(
        models.convnext_tiny,
        ("features.3", "features.5", "features.7"),
        small=partial(
            models.ConvNeXt,
            [CNBlockConfig(8, 16, 1), CNBlockConfig(16, 24, 1), CNBlockConfig(24, 32, 1), CNBlockConfig(32, None, 1)],
        ),
    ),
    "shufflenet_v2_x1_0": Network(models.shufflenet_v2_x1_0, ("stage2", "stage3", "conv5")),
    "googlenet": Network(
        models.googlenet,
        ("inception3b", "inception4e", "inception5b"),
        settings={"aux_logits": False, "init_weights": False},
    ),
    "regnet_y_400mf": Network(models.regnet_y_400mf, ("trunk_output.block2", "trunk_output.block3", "trunk_output")),
    "vit_b_16": Network(
        models.vit_b_16,
        tuple(f"encoder.layers.encoder_layer_{number}.ln_1" for number in (5, 8, 11)),
        (64, 64),
        {"image_size": 64},
        of_tokens,
        partial(models.VisionTransformer, patch_size=16, num_layers=12, num_heads=2, hidden_dim=16, mlp_dim=32),
    ),
    "swin_t": Network(
        models.swin_t,
        ("features.3", "features.5", "norm"),
        places=lambda output: output.permute(0, 3, 1, 2),
        small=partial(models.SwinTransformer, [4, 4], 16, [1, 1, 1, 1], [1, 2, 4, 8], [7, 7]),
    ),
}


class Case(NamedTuple):
    """A network at work: the network, its images and their labels."""

    kind: Network
    model: nn.Module
    images: Tensor  # (1, 3, H, W), float64
    labels: Tensor  # (1,)


class Outcome(NamedTuple):
    """What became of one technique on one network."""

    refused: str = ""  # in its own words
    plain: float = float("nan")  # relative difference to plain code
    captum: float | None = None  # to Captum; None where Captum has no such map
    captum_failed: str = ""  # in Captum's words
    blank: bool = False  # whether one of the maps is, so that it says little


def case_of(name: str, *, small: bool = False) -> Case:
    """The network with random weights, of which nothing is degenerate: statistics of its own, no score or factor 0.

    small: an image half as wide, looked at one stage earlier; and a smaller network where it is large.
    """
    kind = NETWORKS[name]
    if small and kind.small is not None:
        kind = kind._replace(make=kind.small)
    elif small:
        layers = (kind.layers[0], kind.layers[2], kind.layers[1])
        kind = kind._replace(size=tuple(side // 2 for side in kind.size), layers=layers)
    chance = torch.Generator().manual_seed(0)
    images = torch.randn(2, 3, *kind.size, generator=chance, dtype=torch.float64) * 0.8
    with torch.random.fork_rng(), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        torch.manual_seed(0)
        model = kind.make(num_classes=CLASSES, **kind.settings).double().eval()
        for parameter in model.parameters():
            if parameter.abs().max() <= 1e-3:  # biases, the head of a ViT, the scales of ConvNeXt's layers
                parameter.copy_(torch.randn_like(parameter) * 0.1)
        norms = [module.train() for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
        for norm in norms:
            norm.weight.uniform_(0.5, 1.5)
            norm.bias.normal_(0, 0.2)
            norm.momentum = 1
        model(images)  # statistics of what it sees
        for norm in norms:
            norm.eval().running_mean.mul_(0.9).add_(0.01)
    images = images[:1]
    layer = AtLayer(model.requires_grad_(False), kind.layers[-1], kind.places)
    return Case(kind, model, images, torch.tensor([class_with_map(layer, image) for image in images]))


def class_with_map(layer: AtLayer, image: Tensor) -> int:
    """The first class for which something in the layer speaks: of maps that are blank, any code would agree."""
    return next((label for label in range(CLASSES) if layer.gradcam(image, label).any()), 0)


def ours(row: Technique, case: Case) -> Tensor:
    """The technique's own map."""
    settings = {name: value for name, value in SETTINGS.items() if name in row.settings}
    if "layer" in row.defaults:
        settings["layer"] = case.kind.layers[-1]
    if "layers" in row.defaults:
        settings["layers"] = case.kind.layers
    if row.seeded:
        settings["generator"] = torch.Generator().manual_seed(SEED)
    return row.call()(case.model, case.images, case.labels, **settings)


def plainly(row: Technique, case: Case) -> Tensor:
    """The same by plain code, one image after the other."""

    def one(image: Tensor, label: int) -> Tensor:
        if row.name in OF_PIXELS:
            return OF_PIXELS[row.name](case.model, image, label)
        if row.name == "fused-layer-cam":
            return plain_maps.fused(case.model, image, label, case.kind.layers, case.kind.places)
        layer = AtLayer(case.model, case.kind.layers[-1], case.kind.places)
        return OF_A_LAYER[row.name](layer, image, label)

    return torch.stack([one(*each) for each in zip(case.images, case.labels.tolist(), strict=True)])


def by_captum(row: Technique, case: Case) -> Tensor:
    """The same by Captum."""
    if row.name == "occlusion":
        return captum_occlusion(case)
    settings = {"layer": case.kind.layers[-1]} if "layer" in row.settings else {}
    settings |= {name: SETTINGS[name] for name in row.settings if name in SETTINGS}
    return getattr(captum_reference, row.captum)(case.model, case.images, case.labels, **settings)


def captum_occlusion(case: Case) -> Tensor:
    """For each pixel the mean drop of the windows that cover it, (N, H, W)."""
    patch, stride = SETTINGS["patch"], SETTINGS["stride"]
    windows = {"sliding_window_shapes": (3, patch, patch), "strides": (3, stride, stride)}
    with torch.no_grad():
        return attr.Occlusion(case.model).attribute(case.images.clone(), target=case.labels, **windows)[:, 0]


def compare(name: str, case: Case) -> Outcome:
    """One technique on one network."""
    row = TECHNIQUES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            maps = ours(row, case)
        except UsageError as error:
            return Outcome(refused=str(error))
        if name not in WRITTEN_TWICE:
            return Outcome()
        expected = plainly(row, case)
        outcome = Outcome(plain=difference(maps, expected), blank=not bool(expected.flatten(1).any(dim=1).all()))
        if not row.captum and name != "occlusion":
            return outcome
        if name == "occlusion":
            maps = spread(maps, case.images.shape[2:], SETTINGS["patch"], SETTINGS["stride"])
        try:
            return outcome._replace(captum=difference(maps, by_captum(row, case)))
        except FAILURES as error:
            return outcome._replace(captum_failed=str(error).splitlines()[0])


def difference(ours: Tensor, theirs: Tensor) -> float:
    """The largest relative difference of an image's maps. Raises ValueError for maps of another shape."""
    if ours.shape != theirs.shape:
        raise ValueError(f"it gives shape {tuple(theirs.shape)}")
    return float(relative_difference(ours, theirs).max())


def table(outcomes: Mapping[str, Mapping[str, Outcome]]) -> list[list[str]]:
    """{network: {technique: outcome}} -> a row for each technique, a cell for each network."""
    return [[name, *(cell(each[name]) for each in outcomes.values())] for name in TECHNIQUES]


def cell(outcome: Outcome) -> str:
    """What became of it in a few characters, as the note below the table explains."""
    if outcome.refused:
        return "refused: " + next((short for words, short in REASONS.items() if words in outcome.refused), "see CSV")
    if math.isnan(outcome.plain):
        return "not compared"
    words = f"{outcome.plain:.0e}" if outcome.plain <= ALIKE else f"WRONG {outcome.plain:.0e}"
    if outcome.captum is not None:
        words += f", {outcome.captum:.0e}" if outcome.captum <= ALIKE_TO_CAPTUM else ", *"
    return words + (" (blank)" if outcome.blank else "")


def main(options: argparse.Namespace) -> None:
    outcomes: dict[str, dict[str, Outcome]] = {}
    lines = []
    for name in progress(options.network or NETWORKS, desc="networks", unit="network"):
        case = case_of(name)
        outcomes[name] = {technique: compare(technique, case) for technique in TECHNIQUES}
        ran, modules = relus_of(case.model, case.images)
        lines += [[technique, name, ran, ran - modules, *each] for technique, each in outcomes[name].items()]
        # After each network, so that a run that is ended keeps what it found.
        write_csv(options.output, ["technique", "network", "ReLUs", "functions among them", *Outcome._fields], lines)
        write_markdown(options.output, ["technique", *outcomes], table(outcomes), NOTE)


def parser() -> Parser:
    result = Parser(prog="python -m benchmarks.agreement", description=__doc__)
    add = result.add_argument
    add("--network", nargs="+", choices=NETWORKS, metavar="NAME", help=f"all, or any of {', '.join(NETWORKS)}")
    add("--output", type=Path, default=Path("docs/results/networks.md"), metavar="PATH", help="the Markdown table")
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
