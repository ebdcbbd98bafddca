"""Are the facets found the kinds planted? Scenes of the classes that have two kinds each, many draws of each class.

Writes a table, Markdown and CSV: the adjusted Rand index of facets and kinds (1 the same, 0 no better than chance),
when the number of facets is given and when the silhouette chooses it.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import adjusted_rand_score

from core.defaults import SHARED
from core.images import preprocess
from drawing.tables import write_table
from patterns.kinds import planted_kinds
from patterns.objects import FACETS
from patterns.scenes import class_number, render_indexed
from studies.shared.examples import check_classes
from studies.shared.network import open_network
from studies.shared.options import Parser, run_script, whole_number
from studies.shared.progress import progress
from studies.shared.report import Report
from studies.shared.settings import Settings
from visualizers.catalogue import defaults_of
from visualizers.facets import facet_features, find_facets

GOAL = 0.8


def main(options) -> None:

    model, _ = open_network(Settings.of(options, model=SHARED, classes=None), Report())
    check_classes(model)
    rows = []
    for name, kinds in FACETS.items():
        given, chosen, counts = [], [], []
        for seed in progress(range(options.seed, options.seed + options.draws), desc=name, unit="draw"):
            truth = planted_kinds(name, options.scenes, seed=seed)
            scenes = (
                render_indexed(name, seed=seed, index=index, size=options.size, facet=kind).image
                for index, kind in enumerate(truth)
            )
            label = class_number(name)
            # One scene at a time: memory does not grow with their number.
            features = torch.cat(
                [facet_features(model, preprocess(scene), label, layers=options.layers) for scene in scenes]
            )
            for count, scores in ((len(kinds), given), (None, chosen)):
                facets = find_facets(features, count=count, generator=torch.Generator().manual_seed(seed))
                scores.append(adjusted_rand_score(truth, facets.labels))
            counts.append(len(facets.nearest))
        right = sum(count == len(kinds) for count in counts)
        reached = f"{sum(score >= GOAL for score in given)} of {options.draws}"
        scores = [f"{np.mean(given):.2f}", f"{min(given):.2f}", reached, f"{np.mean(chosen):.2f}"]
        rows.append([name, " / ".join(kinds), *scores, f"{right} of {options.draws}"])
    header = ["class", "planted kinds", "mean ARI", "least", f"at least {GOAL}"]
    header += ["mean ARI, count chosen", f"draws where {len(kinds)} was chosen"]
    note = (
        f"Adjusted Rand index of facets and planted kinds, {options.scenes} scenes of {options.size} pixels a draw "
        f"(seeds {options.seed} to {options.seed + options.draws - 1}), layers {', '.join(options.layers)}. "
        f"Weights {model.weights_name}."
    )
    write_table(options.output, header, rows, note)


def parser() -> Parser:
    result = Parser(prog="python -m benchmarks.facets", description=__doc__)
    add = result.add_argument
    add("--draws", type=whole_number(1, 1000), default=10, metavar="N", help="draws of scenes of each class")
    add("--scenes", type=whole_number(10, 10_000), default=160, metavar="N", help="scenes a draw")
    add("--size", type=whole_number(64, 1024), default=224, metavar="PIXELS", help="side of a scene")
    layers = defaults_of("visualizers.facets", "facet_features")["layers"]
    add("--layers", nargs="+", default=layers, metavar="NAME", help=f"whose features (default: {' '.join(layers)})")
    add("--seed", type=whole_number(0), default=4_000_000, metavar="N", help="the first draw's seed")
    add("--weights", default="patterns", metavar="FILE", help="patterns, or a file of weights for the scenes' classes")
    add("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"), help="where to compute")
    path = Path("visualization/facets.md")
    add("--output", type=Path, default=path, metavar="PATH", help="the Markdown table; the CSV lies beside it")
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
