"""Does it look at the thing, or at what is behind it? A bias planted on purpose, and found by looking at maps.

The story of the husky and the wolf (Ribeiro et al., 2016), with our own scenes: two networks learn to tell two
classes apart. For the biased one each class always has its own kind of background, for the unbiased one the background
says nothing. Both name new scenes well. The maps show what the biased one looks at, and the same objects before
swapped backgrounds show what that costs.

The networks are small (SqueezeNet 1.1) and trained here from nothing, in about a minute each; they are kept in
visualization/, under names that change with the settings, so that a second run takes seconds. Training on from the
embedded network plants no bias (training/biased.py has the numbers): it knows these objects before any background.

Writes visualization/bias_visualization.png.
"""

import sys
from collections.abc import Iterator

from studies.shared.options import (
    OUTPUT_FOLDER,
    defaults_of,
    find_class,
    make_parser,
    progress,
    run_script,
    whole_number,
)

TRAINED = ("biased", "unbiased")  # how the two networks' training scenes are arranged
SHOWN = ("biased", "swapped")  # how the test scenes are: as in the biased training, and exchanged
WORDS = {"biased": "usual backgrounds", "swapped": "swapped backgrounds"}
MAPS = ("Grad-CAM", "saliency")
COLOURS = {"biased": "#c0392b", "unbiased": "#2471a3"}
EXAMPLES = 3  # test scenes of either arrangement in the figure: the first ones, not picked
LEAST_SCENES = 20  # fewer tell nothing
DEFAULTS = defaults_of("training.biased", "make_recipe")


def main(options) -> int:
    # After parsing, so that --help does not wait for torch.
    import torch

    from core.squeezenet import choose_device
    from drawing.files import describe, save_picture
    from drawing.grid import stack
    from measures.bias import compare, conclude, report, weigh
    from patterns.scenes import CLASS_NAMES
    from training.biased import make_pair
    from training.train import INTERRUPTED

    choose_device(options.device)  # to complain before the training, not after it
    torch.set_flush_denormal(True)  # numbers near zero would slow the training down tenfold
    pair = make_pair([find_class(label, CLASS_NAMES) for label in options.labels], options.backgrounds)
    try:
        networks = {name: trained_network(pair, name, options) for name in TRAINED}
    except KeyboardInterrupt:  # what is left has been said
        return INTERRUPTED
    findings, area = measure(networks, pair, options)
    evidence = {name: weigh(*(findings[name, shown] for shown in SHOWN)) for name in TRAINED}
    biased, unbiased = ([findings[name, shown] for shown in SHOWN] for name in TRAINED)
    difference = compare(biased, unbiased)
    sentence = conclude(evidence["biased"], evidence["unbiased"], difference)
    print(f"over {options.scenes} scenes each, with 95 % intervals; objects cover {area:.1%} of the picture:")
    print(report(evidence, difference))
    blank = sum(int(masses.isnan().sum()) for found in findings.values() for masses in found.masses.values())
    if blank:
        print(f"  {blank} maps are blank, since nothing speaks for the class; the means leave them out")
    print(sentence)
    story = [*draw_scenes(networks, pair, options)]
    story.append(draw_numbers(evidence, area, sentence, options.scenes, story[-1].shape[1]))
    weights = ", ".join(network.weights_name for network in networks.values())
    metadata = describe("bias_visualization.py", vars(options), weights)
    print(f"wrote {save_picture(stack(story), options.output, metadata)}")
    return 0


def trained_network(pair, arrangement: str, options):
    """The network trained on scenes of this arrangement: from its file, or trained now."""
    from core.errors import UsageError
    from core.squeezenet import load_squeezenet
    from training.biased import fingerprint
    from training.train import train_to_file

    recipe = recipe_of(pair, arrangement, options)
    path = OUTPUT_FOLDER / f"bias_{arrangement}_{fingerprint(recipe)}.safetensors"
    if path.exists() and not options.fresh:
        try:
            network = load_squeezenet(path, options.device)
            print(f"{arrangement} network: {path}, trained before")
            return network
        except UsageError:
            print(f"{arrangement} network: {path} is damaged and is made again")
    print(f"{arrangement} network: training, {recipe.steps} steps", flush=True)
    training = train_to_file(recipe, path, workers=0, fresh=options.fresh)
    print(f"{arrangement} network: trained in {training.seconds:.0f} seconds, kept as {path}")
    return load_squeezenet(path, options.device)


def recipe_of(pair, arrangement: str, options):
    """How the network is trained that is called after the arrangement of its scenes."""
    from training.biased import make_recipe

    return make_recipe(pair, arrangement, steps=options.steps, seed=options.seed, size=options.size)


def new_scenes(pair, arrangement: str, options) -> Iterator:
    """Scenes that no training has seen, a few at a time; those of two arrangements differ in the background only."""
    from core.gradients import CHUNK_PIXELS
    from training.biased import render_set

    length = max(1, CHUNK_PIXELS // options.size**2)
    settings = {"seed": seed_of_new(options), "size": options.size}
    for first in range(0, options.scenes, length):
        yield render_set(pair, arrangement, min(length, options.scenes - first), first=first, **settings)


def seed_of_new(options) -> int:
    """The seed of the test scenes: those of the trainings begin above all that this can be."""
    from training.evaluate import HIGHEST_SEED

    return options.seed % (HIGHEST_SEED + 1)


def explain(network, scenes) -> tuple:
    """The predicted classes (N,), their probabilities (N,), and for each of MAPS its maps (N, H, W)."""
    import torch

    from core.gradients import to_network
    from core.images import preprocess
    from visualizers.gradcam import grad_cam, upsample
    from visualizers.saliency_map import saliency_map

    images = to_network(network, preprocess(scenes.images))
    with torch.no_grad():
        probabilities, predicted = network(images).softmax(dim=1).max(dim=1)
    cams = upsample(grad_cam(network, images, predicted), images.shape[2:])
    maps = dict(zip(MAPS, (cams, saliency_map(network, images, predicted)), strict=True))
    return predicted.cpu(), probabilities.cpu(), {name: values.cpu() for name, values in maps.items()}


def masses_on_objects(maps, scenes):
    """The share of each map (N, H, W) that lies on its object, (N,); NaN for a blank one, which lies nowhere."""
    import torch

    from measures.localisation import relevance_mass

    masses = relevance_mass(maps, torch.from_numpy(scenes.masks))
    return masses.masked_fill(maps.flatten(1).amax(dim=1) <= 0, float("nan"))


def measure(networks, pair, options) -> tuple[dict, float]:
    """{(network, arrangement): Findings} over the test scenes, and the objects' mean share of the picture."""
    import torch

    from measures.bias import Findings

    parts = {(name, shown): [] for name in TRAINED for shown in SHOWN}
    areas = []
    with progress(total=len(SHOWN) * options.scenes, desc="measure", unit="scene") as bar:
        for shown in SHOWN:
            for scenes in new_scenes(pair, shown, options):
                areas.append(torch.from_numpy(scenes.masks).double().mean(dim=(1, 2)))
                for name, network in networks.items():
                    predicted, _, maps = explain(network, scenes)
                    masses = {each: masses_on_objects(values, scenes) for each, values in maps.items()}
                    parts[name, shown].append(Findings(predicted == torch.from_numpy(scenes.labels), masses))
                bar.update(len(scenes.labels))

    def whole(pieces: list) -> Findings:
        masses = {each: torch.cat([piece.masses[each] for piece in pieces]) for each in MAPS}
        return Findings(torch.cat([piece.correct for piece in pieces]), masses)

    return {key: whole(pieces) for key, pieces in parts.items()}, float(torch.cat(areas).mean())


def draw_scenes(networks, pair, options) -> Iterator:
    """The upper two parts of the figure, each uint8 (H, W, 3): training scenes, and test scenes with their maps."""
    from drawing.colours import blank_note, heat, outline, overlay
    from drawing.grid import Panel, draw_grid
    from patterns.scenes import CLASS_NAMES
    from studies.shared.inputs import probability_text
    from training.biased import render_set

    names = [CLASS_NAMES[label] for label in pair.classes]

    def titled(scenes) -> list:
        words = [
            f"{names[label]} before {pair.kinds[kind]}" for label, kind in zip(scenes.labels, scenes.kinds, strict=True)
        ]
        return [Panel(image, word) for image, word in zip(scenes.images, words, strict=True)]

    learnt_from = []
    for name in TRAINED:
        recipe = recipe_of(pair, name, options)
        seed = recipe.scene_seed(len(recipe.stages) - 1)
        learnt_from.append(titled(render_set(pair, name, 2 * EXAMPLES, seed=seed, size=options.size)))
    told = f"{names[0]} always before {pair.kinds[0]}, {names[1]} always before {pair.kinds[1]}"
    row_names = [f"{name} network\nlearns from" for name in TRAINED]
    yield draw_grid(learnt_from, row_names=row_names, title=f"1. The bias: {told}")

    settings = {"seed": seed_of_new(options), "size": options.size}
    shown = [render_set(pair, each, EXAMPLES, **settings) for each in SHOWN]
    rows = {"test scenes": [panel for scenes in shown for panel in titled(scenes)]}
    for name, network in networks.items():
        for each in MAPS:
            row = rows[f"{name} network\n{each}"] = []
            for scenes in shown:
                predicted, probabilities, maps = explain(network, scenes)
                masses = masses_on_objects(maps[each], scenes)
                for index, values in enumerate(maps[each].numpy()):
                    label = int(predicted[index])
                    verdict = "" if label == scenes.labels[index] else "WRONG: "
                    said = f"{verdict}{names[label]} {probability_text(float(probabilities[index]))}\n"
                    share = "" if masses[index].isnan() else f"{100 * masses[index]:.0f} % on the object"  # blank
                    title = f"{said if each == MAPS[0] else ''}{share}"
                    picture = overlay(scenes.images[index], values) if each == MAPS[0] else heat(values)
                    note = blank_note(values, "nothing speaks for the class here")
                    row.append(Panel(outline(picture, scenes.masks[index]), title, note))
    title = f"2. New scenes, {WORDS['biased']} (left {EXAMPLES}) and swapped (right {EXAMPLES}): where do they look?"
    yield draw_grid(list(rows.values()), row_names=list(rows), title=title)


def draw_numbers(evidence: dict, area: float, sentence: str, scenes: int, width: int):
    """The lower part of the figure, `width` pixels wide: the numbers as bars, and the conclusion."""
    import textwrap

    from matplotlib.figure import Figure

    from drawing.grid import DOTS_PER_INCH, pixels_of

    figure = Figure(figsize=(width / DOTS_PER_INCH, 4.4), dpi=DOTS_PER_INCH, facecolor="white")
    title = f"3. The numbers, over {scenes} scenes each, with 95 % intervals"
    white = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    figure.text(0.03, 0.95, title, fontsize=13, fontweight="bold", va="center")
    accuracies = [(WORDS["biased"], "usual"), (WORDS["swapped"], "swapped")]
    bars = [
        ("named correctly", [(words, [getattr(evidence[name], key) for name in TRAINED]) for words, key in accuracies]),
        (
            "share of the map on the object",
            [(each, [evidence[name].masses[each] for name in TRAINED]) for each in MAPS],
        ),
    ]
    lines = [(0.5, "guessing"), (area, "the objects' share of the picture")]
    for place, ((name, groups), (level, words)) in enumerate(zip(bars, lines, strict=True)):
        axes = figure.add_axes((0.06 + 0.49 * place, 0.3, 0.43, 0.55))
        for group, (_, values) in enumerate(groups):
            for side, (trained, value) in enumerate(zip(TRAINED, values, strict=True)):
                across = group + 0.36 * (side - 0.5)
                reach = [[value.mean - value.low], [value.high - value.mean]]
                label = f"{trained} network" if not group else None
                axes.bar(across, value.mean, 0.34, color=COLOURS[trained], yerr=reach, capsize=4, label=label)
                axes.text(across, value.high + 0.03, f"{value.mean:.1%}", ha="center", fontsize=10, bbox=white)
        axes.axhline(level, color="0.2", linestyle="--", linewidth=1, label=f"{words}, {level:.0%}")
        axes.set_xticks(range(len(groups)), [words for words, _ in groups], fontsize=10)
        axes.set_xlim(-0.5, len(groups) - 0.5)
        axes.set_ylim(0, 1.3)
        axes.set_yticks([0, 0.5, 1], ["0", "50 %", "100 %"])
        axes.set_title(name, fontsize=10)
        axes.legend(fontsize=9, frameon=False, loc="upper center", ncols=3, columnspacing=1.2)
        axes.spines[["top", "right"]].set_visible(False)
    words = "\n".join(textwrap.wrap(sentence, int(width / DOTS_PER_INCH * 9.6)))
    figure.text(0.03, 0.19, words, fontsize=11, va="top", fontweight="bold", linespacing=1.35)
    footer = "SqueezeNet 1.1 trained from nothing on rendered scenes; magenta: the object's true outline"
    figure.text(0.03, 0.02, footer, fontsize=7.5, color="0.4", va="center")
    return pixels_of(figure)


def parser():
    result = make_parser(__doc__, output="bias_visualization.png", images=False, weights=False)
    add = result.add_argument
    add("--labels", nargs=2, default=["star", "sun"], metavar="CLASS", help="two classes (default: star sun)")
    kinds = ["dead leaves", "clouds"]
    meaning = "the kind of background that goes with either (default: 'dead leaves' clouds)"
    add("--backgrounds", nargs=2, default=kinds, metavar="KIND", help=meaning)
    add("--scenes", type=whole_number(LEAST_SCENES, 100_000), default=200, metavar="N", help="test scenes of each sort")
    add("--steps", type=whole_number(1, 100_000), default=DEFAULTS["steps"], metavar="N", help="of either training")
    add("--size", type=whole_number(64, 1024), default=DEFAULTS["size"], metavar="PIXELS", help="side of the scenes")
    add("--fresh", action="store_true", help="train again even if there are trained networks")
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
