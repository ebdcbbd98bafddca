"""Sorts the images of a class into facets, and climbs a picture for each."""

from collections import Counter
from dataclasses import asdict, replace

import numpy as np
import torch
from sklearn.metrics import adjusted_rand_score
from torch import Tensor, nn

from core.ascent import Step
from core.defaults import SHARED
from core.images import deprocess, preprocess
from drawing.files import describe
from studies.facets.cost import cost
from studies.facets.figure import SHOWN, Facet, draw
from studies.facets.flags import LAYERS, Settings
from studies.facets.sources import Pictures, folder, scenes
from studies.shared.cost import tell
from studies.shared.interruption import Interruption
from studies.shared.network import class_probabilities, class_title, footer, layers_or_own, make_generator, open_network
from studies.shared.report import Report
from visualizers.facet_visualization import facet_visualization
from visualizers.facets import Facets, facet_directions, facet_features, find_facets, mean_images


def run(settings: Settings, report: Report) -> None:
    """Find the facets of each class, say how well they match the planted kinds, draw."""
    if not settings.images and (settings.model, settings.weights) == (SHARED, "auto"):
        report.say("no --images of one class: taking rendered scenes and the embedded network")
        settings = replace(settings, weights="patterns")
    model, settings = open_network(settings, report)
    settings = replace(settings, layers=layers_or_own(model, settings.layers, LAYERS, count=len(LAYERS)))
    tell(cost(settings), report.say, model)
    size = settings.size
    if settings.images:
        groups = folder(model, settings.images, settings.labels, size=size, report=report)
    else:
        groups = scenes(model, settings.labels, count=settings.scenes, size=size, seed=settings.seed)
    facets, agreements = [], []
    with Interruption() as stop:
        for pictures in groups:
            found, agreement = facets_of(model, pictures, settings, report)
            facets += found
            agreements += [agreement] if agreement else []
    if not facets:
        stop.go_on()
    if stop.happened:
        report.fail("stopped: the classes that were finished are drawn")
    note = footer(model)
    if agreements:
        note += f"; adjusted Rand index with the planted kinds: {', '.join(agreements)}"
    figure = draw(facets, nearest=settings.nearest, footer=note)
    report.picture(figure, settings.output, describe("facets", asdict(settings), model.weights_name))
    stop.go_on()


def facets_of(model: nn.Module, pictures: Pictures, settings: Settings, report: Report) -> tuple[list[Facet], str]:
    """The facets of one class, and in words how well they match the kinds; nothing where those are not known."""
    name = model.class_names[pictures.label]
    facets, nearest, starts, climbed = find_and_climb(model, pictures, settings, report)
    report.say(f"{name}: {len(nearest)} facets, silhouette {facets.silhouette:.2f}")
    probabilities = class_probabilities(model, climbed)  # (facets, K)
    means, climbs, result = deprocess(starts), deprocess(climbed), []
    for index, members in enumerate(facets.nearest):
        share = f"{len(members) / pictures.count:.0%} of {pictures.count} images"
        kinds = Counter(pictures.kinds[member] for member in members.tolist()) if pictures.kinds else Counter()
        counts = [f"{count} {kind}" for kind, count in kinds.most_common()]
        title = class_title(model, probabilities[index], pictures.label)
        report.say("; ".join([f"  facet {index + 1}: {share}; picture: {title}", *counts]))
        heading = "\n".join([f"{name}, facet {index + 1}", share, *counts[:1]])
        result.append(Facet(heading, nearest[index], means[index], climbs[index], title))
    if not pictures.kinds:
        return result, ""
    agreement = adjusted_rand_score(pictures.kinds, facets.labels)
    report.say(f"  adjusted Rand index of facets and planted kinds: {agreement:.2f} (1 the same, 0 chance)")
    return result, f"{name} {agreement:.2f}"


def find_and_climb(
    model: nn.Module, pictures: Pictures, settings: Settings, report: Report
) -> tuple[Facets, list[list[np.ndarray]], Tensor, Tensor]:
    """The facets of one class, and of each the nearest images, their mean, and the picture climbed from it.

    The images are uint8 (H, W, 3), means and climbed pictures (facets, 3, H, W), in the network's units.
    """
    label, layers = pictures.label, settings.layers
    device, generator = next(model.parameters()).device, make_generator(settings.seed)
    steps = pictures.count + settings.iterations
    with report.progress(total=steps, desc=model.class_names[label], unit="step") as bar:

        def watch(_step: Step) -> None:
            bar.update()

        features = []
        for index in range(pictures.count):
            image = preprocess(pictures.read(index)).to(device)
            features.append(facet_features(model, image, label, layers=layers))
            bar.update()
        features = torch.cat(features)
        facets = find_facets(features, count=settings.facets, generator=generator)
        kept = max(settings.nearest, SHOWN**2)
        nearest = [[pictures.read(member) for member in members[:kept].tolist()] for members in facets.nearest]
        starts = mean_images([preprocess(each[: settings.nearest]) for each in nearest]).to(device)
        directions = facet_directions(features, facets)
        climbed = facet_visualization(
            model, starts, label, directions, layers=layers, generator=generator, callback=watch, **settings.climb
        )
    return facets, nearest, starts, climbed
