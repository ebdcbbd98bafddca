"""May I believe the map? Sanity checks, deletion and insertion, stability and localisation of every technique.

Writes visualization/trust_visualization.png, one image's maps while the network is randomised from the top, and
beside it _similarity.png (how alike old and new maps are, over the blocks), _curves.png (deletion and insertion of
that image) and the table, _table.png, .csv and .md.

Scores are kept in visualization/trust_cache/: an interrupted run goes on where it stopped.
"""

import hashlib
import itertools
import json
import math
import sys
import textwrap
import time
from functools import cache, partial
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import NamedTuple

import gradcam_visualization
import saliency_visualization
from core.defaults import ROOT
from core.errors import UsageError
from core.files import write_whole
from drawing.tables import write_table
from studies.shared.options import (
    OUTPUT_FOLDER,
    constant_of,
    defaults_of,
    find_techniques,
    make_parser,
    number,
    progress,
    run_script,
    whole_number,
)

SCENES = 8  # judged by a bare run, where the network knows nothing else
CHUNK = 8  # images scored at a time, and lost by an interruption
CACHE = OUTPUT_FOLDER / "trust_cache"
TITLE = "May I believe the map?"
KEY = "Bold: the best technique; grey: what knows nothing of the network."
ENOUGH = 30  # images for a 95 % interval of the mean


class Technique(NamedTuple):
    """A row of the table: a visualizer's function, imported at the first call, as one that gives maps (N, H, W) >= 0.

    Of a signed picture (N, 3, H, W) it takes the largest size over the channels, or the size of their total; of a map
    (N, h, w), what speaks for the class, upsampled.
    """

    title: str
    function: str  # its module and name
    settings: dict = {}  # noqa: RUF012 (never changed)
    total: bool = False

    def __call__(self, model, images, labels, generator):
        from visualizers.gradcam import upsample
        from visualizers.occlusion import spread

        module, _, name = self.function.rpartition(".")
        call = getattr(import_module(module), name)
        chance = {"generator": generator} if "generator" in signature(call).parameters else {}
        values = call(model, images, labels, **self.settings, **chance)
        size = images.shape[2:]
        if name == "occlusion":
            settings = defaults_of(module, name)
            values = spread(values, size, settings["patch"], settings["stride"])
        if values.dim() == 4:
            return values.sum(dim=1).abs() if self.total else values.abs().amax(dim=1)
        return values.relu() if values.shape[1:] == size else upsample(values.relu(), size)


def sobel(model, images, labels, generator):
    from measures.localisation import edge_map

    return edge_map(images)


def centre(model, images, labels, generator):
    from measures.localisation import centre_map

    return centre_map(*images.shape[2:]).to(images).repeat(len(images), 1, 1)


def random_map(model, images, labels, generator):
    import torch

    return torch.rand(images[:, 0].shape, generator=generator).to(images)


FEWER = {  # than by themselves: each image is explained again for each network and noise
    "smoothgrad": {"samples": 10},
    "smoothgrad-squared": {"samples": 10},
    "vargrad": {"samples": 10},
    "integrated-gradients": {"nodes": 20},
    "score-cam": {"channels": 64},
    "rise": {"masks": 500},
}
TOTALS = ("gradient-x-input", "integrated-gradients")  # contributions: the channels' add up
SLOW = ("occlusion", "score-cam", "rise")  # hundreds of passes a map: only if asked for
TECHNIQUES = {  # name: function(model, images (N, 3, H, W), labels (N,), generator) -> maps (N, H, W), >= 0
    name: Technique(row.title.replace("-\n", "-").replace("\n", " "), row.function, FEWER.get(name, {}), name in TOTALS)
    for name, row in (saliency_visualization.TECHNIQUES | gradcam_visualization.TECHNIQUES).items()
}
CONTROLS = {  # they know nothing of the network: what they score, anyone can
    "Sobel edges": sobel,
    "centre": centre,
    "random map": random_map,
}


UNDRAWN = ("centre", "random map")  # where maps are drawn over random networks: there is nothing to see


class Chunk(NamedTuple):
    """A few images to explain, and their place among all."""

    first: int
    images: object  # Tensor (N, 3, H, W)
    labels: object  # Tensor (N,)
    masks: object  # bool Tensor (N, H, W), or None where nobody knows


class Show(NamedTuple):
    """The image that the figures show."""

    chunk: Chunk  # of one image
    pixels: object  # uint8 (H, W, 3)
    title: str


def main(options) -> int:
    quick = [name for name in TECHNIQUES if name not in SLOW]
    names = find_techniques(options.technique, TECHNIQUES) if options.technique else quick
    # After parsing, so that --help does not wait for torch.
    from drawing.files import describe, save_picture
    from drawing.tables import draw_table
    from studies.shared.inputs import load_network

    if options.scenes and options.images:
        raise UsageError("scenes: give either --scenes or --images, not both")
    if options.scenes and options.labels:
        raise UsageError("labels: scenes are explained for their own class; leave out --labels")
    if options.scenes and options.weights == "auto":
        options.weights = "patterns"
    model = load_network(options)
    if not options.images and not options.scenes and knows_scenes(model):
        options.scenes = SCENES  # the photographs are nothing that this network knows
    other = load_randomly_labelled(options, model)
    count, chunks, show, exit_code = pictures(options, model)
    rows = {TECHNIQUES[name].title: TECHNIQUES[name] for name in names} | CONTROLS
    scores = score_all(rows, model, other, count, chunks, options)
    blocks = import_module("measures.sanity").blocks_of(model)
    for name, values in scores.items():
        for sentence in verdicts(values):
            print(f"{name}: {sentence}")
    metadata = describe("trust_visualization.py", vars(options), model.weights_name)
    maps = randomised_maps(rows, model, show, options)
    figures = {
        "": draw_sanity(maps, show, model),
        "_similarity": draw_similarity(scores, blocks, options, model),
        "_curves": draw_curves(scores, show, options, model),
    }
    header, table, note = tabulate(scores, count, options, model)
    figures["_table"] = draw_table(header, table, title=TITLE, note=f"{note} {KEY}", styles=cell_styles(header, table))
    for suffix, pixels in figures.items():
        path = options.output.with_stem(options.output.stem + suffix)
        print(f"wrote {save_picture(pixels, path, metadata)}")
    path = options.output.with_name(f"{options.output.stem}_table.md")
    write_table(path, header, table, note)
    return exit_code


def knows_scenes(model) -> bool:
    from patterns.scenes import CLASS_NAMES

    return model.class_names == CLASS_NAMES


def load_randomly_labelled(options, model):
    """The network of --random-labels, or None."""
    if options.random_labels is None:
        return None
    from core.squeezenet import load_squeezenet

    other = load_squeezenet(options.random_labels, options.device)
    if other.class_names != model.class_names:
        raise UsageError(
            f"random-labels: {other.weights_name} knows other classes than {model.weights_name}; train it on the same"
        )
    return other


def pictures(options, model):
    """How many images there are, an iterator over their chunks, the one to show, and the exit code."""
    import torch

    from core.images import preprocess
    from studies.shared.inputs import class_title, load_batch

    device = next(model.parameters()).device
    if not options.scenes:
        batch = load_batch(options, model, lambda *_, **__: [])
        starts = range(0, len(batch.names), CHUNK)
        chunks = (Chunk(s, batch.images[s : s + CHUNK], batch.labels[s : s + CHUNK], None) for s in starts)
        show = Show(Chunk(0, batch.images[:1], batch.labels[:1], None), batch.pixels[0], batch.titles[0])
        return len(batch.names), chunks, show, batch.exit_code

    from patterns.scenes import CLASS_NAMES, render_indexed
    from studies.shared.examples import check_classes

    check_classes(model)

    def rendered(first: int, last: int):
        labels = [index % len(CLASS_NAMES) for index in range(first, last)]
        scenes = [
            render_indexed(label, seed=options.seed, index=index, size=options.size)
            for index, label in enumerate(labels, first)
        ]
        masks = torch.stack([torch.from_numpy(scene.mask) for scene in scenes])
        images = preprocess([scene.image for scene in scenes]).to(device)
        return Chunk(first, images, torch.tensor(labels), masks), scenes

    starts = range(0, options.scenes, CHUNK)
    chunks = (rendered(start, min(start + CHUNK, options.scenes))[0] for start in starts)
    chunk, scenes = rendered(0, 1)
    with torch.no_grad():
        title = class_title(model, model(chunk.images).softmax(dim=1)[0].cpu(), 0)
    return options.scenes, chunks, Show(chunk, scenes[0].image, title), 0


def score_all(rows, model, other, count: int, chunks, options) -> dict:
    """{technique: {score: array, images first}}, from the cache where it holds them."""
    import numpy as np

    gathered: dict[str, list] = {name: [] for name in rows}
    estimated = set()
    with progress(total=count * len(rows), desc="trust", unit="map") as bar:
        for chunk in chunks:
            for name, explain in rows.items():
                path = cache_path(name, explain, model, other, chunk, options)
                bar.set_postfix_str(name)
                if path.is_file():
                    found = json.loads(path.read_text(encoding="utf-8"))
                else:
                    began = time.perf_counter()
                    found = score_chunk(explain, model, other, chunk, options)
                    write_whole(path, json.dumps(found).encode())
                    seconds = (time.perf_counter() - began) / len(chunk.labels)
                    if name not in estimated:
                        estimated.add(name)
                        bar.write(
                            f"{name}: {seconds:.2g} s an image, about {seconds * count / 60:.1f} minutes for {count}"
                        )
                gathered[name].append({key: np.array(value, dtype=float) for key, value in found.items()})
                bar.update(len(chunk.labels))
    return {
        name: {key: np.concatenate([part[key] for part in parts if key in part]) for key in parts[0]}
        for name, parts in gathered.items()
    }


def score_chunk(explain, model, other, chunk: Chunk, options) -> dict:
    """All scores of one technique on a few images, as lists, images first."""
    import torch

    from measures.trust import judge

    seed = options.seed + chunk.first
    fully = chunk.first < options.checked or not is_slow(explain)
    scores = judge(
        repeatable(explain, seed),
        model,
        chunk.images,
        chunk.labels,
        masks=chunk.masks,
        randomly_labelled=other if fully else None,
        checked=fully,
        each_block=chunk.first < options.checked,
        draws=options.draws,
        steps=options.steps,
        noise=options.noise,
        generator=torch.Generator().manual_seed(seed),
    )
    return {name: values.tolist() for name, values in scores.items()}


def is_slow(explain) -> bool:
    return explain in [TECHNIQUES[name] for name in SLOW]


def repeatable(explain, seed: int):
    """The technique with the same random numbers at each call, so that only the network or image makes a difference."""
    import torch

    return lambda model, images, labels: explain(model, images, labels, torch.Generator().manual_seed(seed))


def cache_path(name: str, explain, model, other, chunk: Chunk, options) -> Path:
    """Where the scores of a chunk lie: a name that changes with all they depend on, the source code included."""
    import torch

    checked = chunk.first < options.checked
    numbers = [options.draws, options.steps, options.noise, options.seed + chunk.first, checked]
    technique = explain if isinstance(explain, Technique) else name
    weights = [model.weights_name, getattr(other, "weights_name", None), str(chunk.images.device)]
    digest = hashlib.sha256(json.dumps([technique, numbers, weights, torch.__version__, sources()]).encode())
    for tensor in (chunk.images, chunk.labels, chunk.masks):
        digest.update(b"" if tensor is None else tensor.cpu().contiguous().numpy().tobytes())
    return CACHE / f"{name.replace(' ', '_')}_{digest.hexdigest()[:16]}.json"


@cache
def sources() -> str:
    """A hash of the code that makes the scores: this file, core but for what only draws or reads, the techniques."""
    files = [Path(__file__), *sorted((ROOT / "core").glob("*.py")), *sorted((ROOT / "visualizers").glob("*.py"))]
    scores = [file for file in files if file.stem not in ("figures", "files", "inputs", "options", "reference")]
    return hashlib.sha256(b"".join(file.read_bytes() for file in scores)).hexdigest()


def mean(values) -> float:
    """The mean of all that is a number; not a number if nothing is."""
    kept = values[values == values]
    return float(kept.mean()) if kept.size else math.nan


def image_means(values):
    """(N, D) -> each image's mean over the random networks, (N,)."""
    import numpy as np

    return np.array([mean(draws) for draws in values])


def after_all(values: dict) -> dict:
    """Each image's scores after randomising all, (N,): SSIM, rank correlation and its floor."""
    last, floor = values["all_random"][:, :, 0], values["all_random floor"][:, :, 0]
    measures = {"SSIM": last[..., 0], "rank correlation": last[..., 1], "floor": floor}
    return {name: image_means(numbers) for name, numbers in measures.items()}


def judged(values: dict, kind: str = "weights") -> tuple[float, float]:
    """Mean rank correlation and floor after randomising all the weights, or to a network trained on random labels."""
    if kind == "labels":
        return mean(values["labels"][:, 1]), mean(values["labels floor"])
    return mean(after_all(values)["rank correlation"]), mean(after_all(values)["floor"])


def verdicts(values: dict) -> list[str]:
    """The sanity checks of one technique in plain words."""
    from measures.sanity import verdict_sentence

    result = [verdict_sentence("follows the weights", *judged(values), "after randomising all")]
    if "labels" in values:
        result.append(verdict_sentence("follows the labels", *judged(values, "labels"), "to random labels"))
    return result


def tabulate(scores: dict, count: int, options, model) -> tuple[list[str], list[list[str]], str]:
    """Header, rows and the words below: techniques x scores."""
    import numpy as np

    from measures.localisation import SCORES
    from measures.sanity import verdict

    columns = {  # header: one value an image (N,), not a number where there is none
        "rank correlation, all random": lambda v: after_all(v)["rank correlation"],
        "of it by the architecture": lambda v: after_all(v)["floor"],
        "SSIM, all random": lambda v: after_all(v)["SSIM"],
        "deletion area (low is good)": lambda v: areas(v["deletion"]),
        "insertion area (high is good)": lambda v: areas(v["insertion"]),
        "change under noise (low is good)": lambda v: v["stability"],
    }
    anyone = next(iter(scores.values()))
    if "localisation" in anyone:
        columns |= {name: (lambda v, place=place: v["localisation"][:, place]) for place, name in enumerate(SCORES)}
    if "labels" in anyone:
        columns["rank correlation, random labels"] = lambda v: v["labels"][:, 1]
        columns["of it by the architecture, random labels"] = lambda v: v["labels floor"]
    kinds = ("weights", "labels") if "labels" in anyone else ("weights",)
    header = ["technique", *(f"follows the {kind}" for kind in kinds), *columns]
    rows = []
    blank, lifted, explained = 0, 0, 0
    for name, values in scores.items():
        cells = [interval(column(values)) for column in columns.values()]
        rows.append([name, *(verdict(*judged(values, kind)) for kind in kinds), *cells])
        for kind in ("all_random", "cascading", "block_by_block"):
            blank += int(np.isnan(values[kind][..., 1]).sum())
            lifted += int(values[f"{kind} lifted"].sum())
            explained += values[kind][..., 1].size
    what = f"{options.scenes} scenes (seed {options.seed})" if options.scenes else f"{count} images"
    fewer = [name for name, values in scores.items() if len(values["stability"]) < count]
    few = len(scores[fewer[0]]["stability"]) if fewer else 0
    with_labels = "labels" in anyone
    dear = "random networks, random labels and noise" if with_labels else "random networks and noise"
    part = f" (for {', '.join(fewer)} {dear} on {few} of them)" if fewer else ""
    labels_from = (
        f" Random labels: {Path(options.random_labels).name}, trained on shuffled ones." if with_labels else ""
    )
    spread = " ± 1.96 standard errors" if count >= ENOUGH else ""
    draws = defaults_of("measures.faithfulness", "stability")["draws"]
    note = (
        f"Mean over {what} of {options.size} pixels{part}{spread}. Follows the weights: of the rank correlation with "
        "the original map, above what the architecture alone gives (that with another image's new map), less than a "
        "fifth is left after randomising all (yes), more than half (no), or between (partly); random networks for "
        f"every {CHUNK} images: {options.draws}. Of {explained} "
        f"maps of randomised networks, {lifted} had a class of score 0 and explain the score before the last ReLU; "
        f"{blank} were blank all the same and are left out. Deletion to the mean colour, insertion into a blur of "
        f"{blur_pixels(options)} pixels, {options.steps} steps, softmax probability. Change under noise: relative, of "
        f"standard deviation {options.noise:g} in normalised units, the largest of {draws}. "
        f"Weights {model.weights_name}.{labels_from}"
    )
    return header, rows, note


def areas(curves):
    """The area under each curve (..., steps + 1), (...)."""
    import torch

    from measures.faithfulness import area_under

    return area_under(torch.from_numpy(curves)).numpy()


def blur_pixels(options) -> str:
    """The standard deviation of the insertion's blur."""
    return f"{constant_of('measures.trust', 'BLUR_AT_224') * options.size / 224:.0f}"


def interval(values) -> str:
    """ "0.831 ± 0.033": the mean of what is a number, with its 95 % interval if there are enough."""
    kept = values[values == values]
    if not kept.size:
        return "-"
    spread = f" ± {1.96 * kept.std(ddof=1) / kept.size**0.5:.3f}" if kept.size >= ENOUGH else ""
    return f"{kept.mean():.3f}{spread}"


def randomised_maps(rows, model, show: Show, options) -> dict:
    """{technique: {block: (map (H, W), rank correlation, why it is blank)}} of the image to show, from "original" down.

    A technique that has nothing to show gives its reason in its own words.
    """
    import torch

    from measures.sanity import cascading, explain_or_lift, map_similarity
    from studies.shared.inputs import with_reason

    _, images, labels, _ = show.chunk
    result = {}
    for name, explain in rows.items():
        if name in UNDRAWN:
            continue
        explain = repeatable(explain, options.seed)
        original = None
        networks = cascading(model, torch.Generator().manual_seed(options.seed))
        for block, network in itertools.chain([("original", model)], networks):
            maps, _ = explain_or_lift(explain, network, images, labels)
            original = maps if original is None else original
            reason = "" if maps.any() else with_reason(partial(explain, network, images, labels))[1]
            result.setdefault(name, {})[block] = (maps[0].cpu(), float(map_similarity(original, maps)[0, 1]), reason)
    return result


def draw_sanity(maps: dict, show: Show, model):
    """Techniques down, blocks randomised from left to right."""
    from drawing.colours import blank_note, heat
    from drawing.grid import Panel, draw_grid
    from studies.shared.inputs import footer

    rows = []
    for place, row in enumerate(maps.values()):
        panels = [Panel(show.pixels, show.title if place == 0 else "")]
        for block, (values, correlation, reason) in row.items():
            words = "" if math.isnan(correlation) or block == "original" else f"{correlation:.2f}"
            title = f"{block}\n{words}".strip() if place == 0 else words
            panels.append(Panel(heat(values.numpy()), title, blank_note(values.numpy(), reason)))
        rows.append(panels)
    title = "Does the map follow the weights? Random from the classifier down to the block named"
    words = f"numbers: rank correlation with the original map; {footer(model)}"
    return draw_grid(rows, row_names=[textwrap.fill(name, 14) for name in maps], cell=1.3, title=title, footer=words)


def colours(names) -> dict:
    """{technique: (colour, line style)}: the controls are grey."""
    import matplotlib

    palette = matplotlib.colormaps["tab20"].colors  # the strong ones before the pale ones
    titles = [technique.title for technique in TECHNIQUES.values()]
    techniques = dict(zip(titles, [*palette[::2], *palette[1::2]], strict=True))
    styles = {"Sobel edges": ("black", "--"), "centre": ("0.45", ":"), "random map": ("0.65", "-.")}
    return {name: styles.get(name) or (techniques[name], "-") for name in names}


def draw_similarity(scores: dict, blocks: list[str], options, model):
    """Rank correlation and SSIM over the blocks, cascading and one by one, a line for each technique."""
    from matplotlib.figure import Figure

    from drawing.grid import DOTS_PER_INCH, pixels_of
    from measures.sanity import verdict
    from studies.shared.inputs import footer

    shown = {name: values for name, values in scores.items() if name not in UNDRAWN}
    styles = colours(shown)
    figure = Figure(figsize=(12.5, 8.4), dpi=DOTS_PER_INCH, facecolor="white", layout="constrained")
    axes = figure.subplots(2, 2, sharey=True, sharex="col")
    places = range(1, len(blocks) + 1)
    kinds = {"cascading": "random from the top down to ...", "block_by_block": "only this block random"}
    for column, (kind, words) in enumerate(kinds.items()):
        for row, (measure, label) in enumerate(((1, "rank correlation"), (0, "SSIM"))):
            place = axes[row][column]
            for name, values in shown.items():
                line = [mean(image_means(values[kind][:, :, block, measure])) for block in range(len(blocks))]
                start = [(0, 1.0)] if kind == "cascading" else []  # nothing is random: the same map
                x, y = zip(*start, *zip(places, line, strict=True), strict=True)
                colour, style = styles[name]
                place.plot(x, y, color=colour, linestyle=style, marker="o", markersize=3.5, label=name)
            if measure == 1:
                floors = [
                    [mean(image_means(values[f"{kind} floor"][:, :, block])) for block in range(len(blocks))]
                    for name, values in shown.items()
                    if name not in CONTROLS
                ]
                lowest, highest = ([choose(f) for f in zip(*floors, strict=True)] for choose in (min, max))
                place.fill_between(places, lowest, highest, color="0.88", zorder=0, label="the architecture alone")
            place.axhline(0, color="0.85", linewidth=1, zorder=0)
            place.set_ylim(-0.25, 1.05)
            place.grid(axis="y", color="0.93")
            place.set_xticks([*([0] if kind == "cascading" else []), *places])
            place.set_xticklabels([*(["none"] if kind == "cascading" else []), *blocks], rotation=40, ha="right")
            if column == 0:
                place.set_ylabel(label, fontsize=11)
            if row == 0:
                place.set_title(words, fontsize=12, fontweight="bold")
    handles, labels = axes[0][0].get_legend_handles_labels()
    for index, name in enumerate(labels):
        if name in shown:
            correlation, floor = judged(shown[name])
            numbers = f"{correlation:.2f}" + ("" if math.isnan(floor) else f", architecture {floor:.2f}")
            labels[index] = f"{name}: {verdict(correlation, floor)} ({numbers})"
    bottom = (0.75 + 0.2 * math.ceil(len(labels) / 3)) / figure.get_figheight()  # room for the legend
    figure.get_layout_engine().set(rect=(0, bottom, 1, 1 - bottom))
    judged_on = len(next(iter(scores.values()))["all_random"])
    question = f"follows the weights? (rank correlation after randomising all, {judged_on} images)"
    place = {"loc": "lower center", "bbox_to_anchor": (0.5, 0.03)}
    figure.legend(handles, labels, ncols=3, fontsize=8.5, columnspacing=1.2, frameon=False, title=question, **place)
    figure.suptitle(
        "Does the map follow the weights? Likeness of old and new maps: a line that stays up does not.",
        fontsize=13,
        fontweight="bold",
    )
    known = "grey: the rank correlation with another image's new map, from the lowest to the highest technique"
    count = len(next(iter(scores.values()))["cascading"])
    words = f"{known}; lines: mean over {count} images and {options.draws} random networks; {footer(model)}"
    figure.text(0.01, 0.008, words, fontsize=7.5, color="0.4", parse_math=False)
    return pixels_of(figure)


def draw_curves(scores: dict, show: Show, options, model):
    """Deletion and insertion of the image to show, a line for each technique."""
    import numpy as np
    from matplotlib.figure import Figure

    from drawing.grid import DOTS_PER_INCH, pixels_of
    from studies.shared.inputs import footer

    figure = Figure(figsize=(13, 5), dpi=DOTS_PER_INCH, facecolor="white", layout="constrained")
    picture, *axes = figure.subplots(1, 3, width_ratios=(0.7, 1, 1))
    picture.imshow(show.pixels)
    picture.set_axis_off()
    picture.set_title(show.title, fontsize=11, parse_math=False)
    share = np.linspace(0, 100, options.steps + 1)
    sigma = blur_pixels(options)
    words = {
        "deletion": "Deletion: low is good\nthe most important pixels first, to the mean colour",
        "insertion": f"Insertion: high is good\nthe same pixels first, into a blur of {sigma} pixels",
    }
    for place, (kind, title) in zip(axes, words.items(), strict=True):
        for name, (colour, style) in colours(scores).items():
            curve = scores[name][kind][0]
            area = float(areas(curve))
            place.plot(share, curve, color=colour, linestyle=style, linewidth=1.6, label=f"{name} {area:.2f}")
        place.set_title(title, fontsize=11)
        place.set_xlabel("pixels changed, %")
        place.set_ylabel("probability of the class")
        place.set_ylim(-0.02, 1.02)
        place.grid(color="0.93")
        place.legend(fontsize=8.5, title="area under the curve", title_fontsize=8.5, framealpha=0.8)
    figure.suptitle("Do the pixels matter that the map calls important?", fontsize=13, fontweight="bold")
    figure.get_layout_engine().set(rect=(0, 0.035, 1, 0.965))
    words = f"{options.steps} steps, softmax probability; dashed and dotted: controls; {footer(model)}"
    figure.text(0.01, 0.012, words, fontsize=7.5, color="0.4", parse_math=False)
    return pixels_of(figure)


def cell_styles(header: list[str], rows: list[list[str]]) -> dict[tuple[int, int], dict]:
    """How to write the cells: verdicts in colour, the best technique of each column bold, the controls grey."""
    from measures.localisation import SCORES

    verdict_colours = {"yes": "tab:green", "partly": "tab:orange", "no": "tab:red", "unknown": "0.4"}
    styles = {}
    for column, name in enumerate(header):
        sign = 1 if "high is good" in name or name in SCORES else -1 if "low is good" in name else 0
        goodness = {
            index: sign * float(row[column].split()[0])
            for index, row in enumerate(rows)
            if sign and row[0] not in CONTROLS and row[column] != "-"
        }
        for index, row in enumerate(rows):
            style = {"color": "0.45"} if row[0] in CONTROLS else {}
            if row[column] in verdict_colours:
                style = {"color": verdict_colours[row[column]], "fontweight": "bold"}
            if index in goodness and goodness[index] == max(goodness.values()):
                style["fontweight"] = "bold"
            styles[index, column] = style
    return styles


def parser():
    result = make_parser(__doc__, output="trust_visualization.png")
    defaults = defaults_of("measures.trust", "judge")
    add = result.add_argument
    add(
        "--technique",
        nargs="+",
        metavar="NAME",
        help=f"all, or any of {', '.join(TECHNIQUES)} (default: all but {', '.join(SLOW)}, which take minutes an "
        "image); the controls are always there",
    )
    add(
        "--scenes",
        type=whole_number(0, 1_000_000),
        default=0,
        metavar="N",
        help="judge N rendered scenes with the embedded network instead of photographs",
    )
    add(
        "--checked",
        type=whole_number(1, 1_000_000),
        default=24,
        metavar="N",
        help="images to check with each block random, which takes longest (and slow techniques with random networks "
        "and noise at all); rounded up to eights",
    )
    add(
        "--draws",
        type=whole_number(1, 1000),
        default=defaults["draws"],
        metavar="N",
        help="random networks of each kind",
    )
    add(
        "--steps",
        type=whole_number(1, 50_000),
        default=defaults["steps"],
        metavar="N",
        help="steps of deletion and insertion",
    )
    add(
        "--noise",
        type=number(0, 10),
        default=defaults["noise"],
        metavar="N",
        help="standard deviation of the noise for stability, in normalised units",
    )
    add(
        "--random-labels", metavar="FILE", help="weights of a network trained on shuffled labels: compare its maps, too"
    )
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
