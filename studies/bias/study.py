"""Trains a biased and an unbiased network, lets both name new scenes, and looks where their maps lie."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from core.errors import UsageError
from core.gradients import CHUNK_PIXELS, to_network
from core.images import preprocess
from core.squeezenet import choose_device, load_squeezenet
from drawing.files import describe
from measures.bias import Findings, compare, conclude, evidence_lines, evidence_of
from measures.localisation import relevance_mass
from patterns.scenes import CLASS_NAMES
from studies.bias.cost import cost
from studies.bias.figure import EXAMPLES, Examples, draw
from studies.bias.flags import Settings
from studies.bias.results import ARRANGEMENTS, MAPS, NETWORKS, Explained
from studies.shared.cost import tell
from studies.shared.options import OUTPUT_FOLDER, find_class
from studies.shared.report import Report
from training.biased import Pair, SceneSet, fingerprint, make_pair, make_recipe, render_set
from training.evaluate import HIGHEST_SEED
from training.recipe import Recipe
from training.train import train_to_file
from visualizers.gradcam import grad_cam, upsample
from visualizers.saliency_map import saliency_map


def run(settings: Settings, report: Report) -> None:
    """Train, measure, conclude, draw."""
    choose_device(settings.device)  # to complain before the training, not after it
    tell(cost(settings), report.say)
    torch.set_flush_denormal(True)  # numbers near zero would slow the training down tenfold
    pair = make_pair([find_class(label, CLASS_NAMES) for label in settings.labels], settings.backgrounds)
    recipes = {
        name: make_recipe(pair, name, steps=settings.iterations, seed=settings.seed, size=settings.size)
        for name in NETWORKS
    }
    networks = {
        name: trained_network(name, recipe, report, device=settings.device, fresh=settings.fresh)
        for name, recipe in recipes.items()
    }
    findings, area = measure(networks, pair, settings, report)
    evidence = {name: evidence_of(*(findings[name, each] for each in ARRANGEMENTS)) for name in NETWORKS}
    difference = compare(*([findings[name, each] for each in ARRANGEMENTS] for name in NETWORKS))
    sentence = conclude(*evidence.values(), difference)
    report.say(f"over {settings.scenes} scenes each, with 95 % intervals; objects cover {area:.1%} of the picture:")
    report.say(evidence_lines(evidence, difference))
    blank = sum(int(masses.isnan().sum()) for found in findings.values() for masses in found.masses.values())
    if blank:
        report.say(f"  {blank} maps are blank, since nothing speaks for the class; the means leave them out")
    report.say(sentence)
    shown = {
        each: render_set(pair, each, EXAMPLES, seed=held_out_seed(settings), size=settings.size)
        for each in ARRANGEMENTS
    }
    examples = Examples(
        {name: training_scenes(pair, name, recipe) for name, recipe in recipes.items()},
        shown,
        {(name, each): explain(networks[name], shown[each]) for name in NETWORKS for each in ARRANGEMENTS},
    )
    figure = draw(pair, examples, evidence, area=area, sentence=sentence, scenes=settings.scenes)
    weights = ", ".join(network.weights_name for network in networks.values())
    report.picture(figure, settings.output, describe("bias", asdict(settings), weights))


def trained_network(name: str, recipe: Recipe, report: Report, *, device: str, fresh: bool) -> nn.Module:
    """The network of this recipe: from its file, or trained now. A stopped training goes on from its checkpoint."""
    path = weights_path(name, recipe)
    if path.exists() and not fresh:
        try:
            network = load_squeezenet(path, device)
            if network.class_names == tuple(CLASS_NAMES[label] for label in recipe.classes):
                report.say(f"{name} network: {path}, trained before")
                return network
            report.say(f"{name} network: {path} knows other classes and is made again")
        except UsageError:
            report.say(f"{name} network: {path} is damaged and is made again")
            path.unlink(missing_ok=True)  # its name is of our making: no more is known of it, and no more is needed
    report.say(f"{name} network: training, {recipe.steps} steps")
    training = train_to_file(recipe, path, workers=0, fresh=fresh)
    report.say(f"{name} network: trained in {training.seconds:.0f} seconds, kept as {path}")
    return load_squeezenet(path, device)


def weights_path(name: str, recipe: Recipe) -> Path:
    """Where the trained network is kept."""
    return OUTPUT_FOLDER / f"bias_{name}_{fingerprint(recipe)}.safetensors"


def training_scenes(pair: Pair, name: str, recipe: Recipe) -> SceneSet:
    """The first scenes of the last stage of a network's training."""
    seed = recipe.scene_seed(len(recipe.stages) - 1)
    return render_set(pair, name, 2 * EXAMPLES, seed=seed, size=recipe.stages[-1].size)


def held_out_scenes(pair: Pair, arrangement: str, settings: Settings) -> Iterator[SceneSet]:
    """Scenes that no training has seen, a few at a time; those of two arrangements differ in the background only."""
    length = max(1, CHUNK_PIXELS // settings.size**2)
    for first in range(0, settings.scenes, length):
        count = min(length, settings.scenes - first)
        yield render_set(pair, arrangement, count, first=first, seed=held_out_seed(settings), size=settings.size)


def held_out_seed(settings: Settings) -> int:
    """The seed of these scenes: those of the trainings begin above all that this can be."""
    return settings.seed % (HIGHEST_SEED + 1)


def explain(network: nn.Module, scenes: SceneSet) -> Explained:
    """Name the scenes, and explain the names."""
    images = to_network(network, preprocess(scenes.images))
    with torch.no_grad():
        probabilities, predicted = network(images).softmax(dim=1).max(dim=1)
    cams = upsample(grad_cam(network, images, predicted), images.shape[2:])
    maps = dict(zip(MAPS, (cams.cpu(), saliency_map(network, images, predicted).cpu()), strict=True))
    masses = {name: masses_on_objects(values, scenes) for name, values in maps.items()}
    return Explained(predicted.cpu(), probabilities.cpu(), maps, masses)


def masses_on_objects(maps: Tensor, scenes: SceneSet) -> Tensor:
    """The share of each map (N, H, W) that lies on its object, (N,); NaN for a blank one, which lies nowhere."""
    masses = relevance_mass(maps, torch.from_numpy(scenes.masks))
    return masses.masked_fill(maps.flatten(1).amax(dim=1) <= 0, float("nan"))


def measure(
    networks: Mapping[str, nn.Module], pair: Pair, settings: Settings, report: Report
) -> tuple[dict[tuple[str, str], Findings], float]:
    """{(network, arrangement): Findings} over the test scenes, and the objects' mean share of the picture."""
    parts = {(name, each): [] for name in NETWORKS for each in ARRANGEMENTS}
    areas = []
    with report.progress(total=len(ARRANGEMENTS) * settings.scenes, desc="measure", unit="scene") as bar:
        for each in ARRANGEMENTS:
            for scenes in held_out_scenes(pair, each, settings):
                areas.append(torch.from_numpy(scenes.masks).double().mean(dim=(1, 2)))
                for name, network in networks.items():
                    found = explain(network, scenes)
                    parts[name, each].append(Findings(found.predicted == torch.from_numpy(scenes.labels), found.masses))
                bar.update(len(scenes.labels))
    return {key: joined(pieces) for key, pieces in parts.items()}, float(torch.cat(areas).mean())


def joined(pieces: list[Findings]) -> Findings:
    """One after the other."""
    masses = {name: torch.cat([piece.masses[name] for piece in pieces]) for name in MAPS}
    return Findings(torch.cat([piece.correct for piece in pieces]), masses)
