"""The weights as pictures: templates of a linear classifier, filters of the first and of a higher layer."""

import torch
from torch import Tensor

from patterns.dataset import SceneDataset
from patterns.scenes import CLASS_NAMES
from studies.neurons import figure
from studies.neurons.flags import COUNT
from studies.neurons.results import Drawn, FirstFilters, HigherFilters, Templates
from studies.neurons.subject import Subject, check_channels
from studies.shared.network import make_generator
from studies.shared.options import find_class
from studies.shared.report import Report
from visualizers.filters import (
    convolution,
    first_convolution,
    scale_weights,
    second_convolution,
    untrained,
    widest_convolution,
)
from visualizers.linear_templates import linear_templates

TEMPLATE_SIZE = 32  # pixels, CIFAR-10's
TEST_SHARE = 0.2  # scenes to test the templates on, besides those they are trained on


def templates(subject: Subject) -> Drawn:
    """A linear classifier's weights, one picture a class."""
    asked, report = subject.settings, subject.report
    named = asked.labels or range(len(CLASS_NAMES))
    classes = list(dict.fromkeys(find_class(text, CLASS_NAMES) for text in named))
    training = scenes_of(classes, asked.train, 2 * asked.seed, "scenes to train on", report)
    held_out = max(1, round(TEST_SHARE * asked.train))
    test = scenes_of(classes, held_out, 2 * asked.seed + 1, "scenes to test on", report)
    classifier = linear_templates(*training, weight_decay=asked.weight_decay)
    learnt, new = classifier.accuracy(*training), classifier.accuracy(*test)
    chance = f"chance {100 / len(classes):.1f} %"
    report.say(
        f"templates: {100 * new:.1f} % of {len(test[0])} new scenes right, {100 * learnt:.1f} % of the "
        f"{len(training[0])} it was trained on, {chance}"
    )
    pictures = classifier.templates.permute(0, 2, 3, 1).numpy()
    names = [CLASS_NAMES[label] for label in classes]
    found = Templates(pictures, names, new, chance, len(training[0]), asked.weight_decay)
    return Drawn(figure.draw_templates(found), "none")


def scenes_of(classes: list[int], each: int, seed: int, what: str, report: Report) -> tuple[Tensor, Tensor]:
    """`each` scenes a class, (N, 3, 32, 32) in [0, 1], and the places of their classes in the list, (N,)."""
    data = SceneDataset(each * len(classes), seed=seed, size=TEMPLATE_SIZE, classes=classes)
    steps = report.progress(range(len(data)), desc=what, unit="scene")
    pictures = torch.stack([data[index][0] for index in steps])
    return pictures.float() / 255, torch.arange(len(data)) % len(classes)


def filters(subject: Subject) -> Drawn:
    """The first layer's filters in colours, networks across, and untrained ones of the same shape beneath."""
    asked, found = subject.settings, []
    for name, network in subject.networks():
        layer = first_convolution(network)
        module = convolution(network, layer)
        start = untrained(module.weight, generator=make_generator(asked.seed))
        tiles = [
            scale_weights(weights, shared_scale=asked.shared_scale).permute(0, 2, 3, 1).cpu().numpy()
            for weights in (module.weight, start)
        ]
        found.append(FirstFilters(name, network.weights_name, layer, module.stride[0], *tiles))
    pixels = figure.draw_filters(found, shared_scale=asked.shared_scale)
    return Drawn(pixels, ", ".join(each.weights for each in found))


def higher_weights(subject: Subject) -> Drawn:
    """Filters of a higher layer, one plane for each channel that a filter reads."""
    asked, found = subject.settings, []
    for name, network in subject.networks():
        layer = widest_convolution(network, asked.layer) if asked.layer else second_convolution(network)
        weights = convolution(network, layer).weight.detach()  # (F, C, kh, kw)
        check_channels(asked.channels, layer, len(weights))
        strongest = weights.flatten(1).norm(dim=1).argsort(descending=True, stable=True).tolist()
        chosen = list(asked.channels) or sorted(strongest[: asked.count or COUNT])
        tiles = scale_weights(weights[chosen], shared_scale=asked.shared_scale).cpu().numpy()
        found.append(HigherFilters(name, network.weights_name, layer, len(weights), chosen, tiles))
    pixels = figure.draw_weights(found, named=bool(asked.channels), shared_scale=asked.shared_scale)
    return Drawn(pixels, ", ".join(each.weights for each in found))
