"""How well does a network name scenes it was not trained on? Accuracy, and the classes it confuses most.

Training draws its scenes from seeds far above those allowed here, so every scene is a new one.

Writes visualization/patterns_accuracy.md: the numbers printed, as Markdown tables.
"""

import sys
from pathlib import Path
from typing import NamedTuple

from core.files import write_whole
from studies.shared.options import OUTPUT_FOLDER, Parser, progress, run_script, whole_number

HIGHEST_SEED = 10**9 - 1  # training seeds start above it
CHUNK = 36  # scenes rendered and named at a time
WORST_PAIRS = 8


class Confusion(NamedTuple):
    """`count` scenes of class `shown` were called `named`, of `scenes` shown in all."""

    shown: str
    named: str
    count: int
    scenes: int


def confusion_table(model, scenes: int, *, seed: int, size: int, steps=None):
    """Scenes of class i that were named j: (K, K) whole numbers, rows are what was shown.

    The classes come in turn. `steps`, if given, wraps the chunks for a progress bar.
    """
    import torch

    from core.images import preprocess
    from patterns.scenes import CLASS_NAMES, render_indexed

    table = torch.zeros(len(CLASS_NAMES), len(CLASS_NAMES), dtype=torch.long)
    starts = range(0, scenes, CHUNK)
    for start in starts if steps is None else steps(starts):
        indices = range(start, min(start + CHUNK, scenes))
        labels = torch.tensor([index % len(CLASS_NAMES) for index in indices])
        pictures = [
            render_indexed(int(label), seed=seed, index=index, size=size).image
            for label, index in zip(labels, indices, strict=True)
        ]
        with torch.no_grad():
            named = model(preprocess(pictures)).argmax(dim=1)
        table.index_put_((labels, named.cpu()), torch.ones_like(labels), accumulate=True)
    return table


def accuracy(table) -> float:
    """The share of scenes named correctly."""
    return (table.diag().sum() / table.sum()).item()


def worst_pairs(table, names: tuple[str, ...], count: int = WORST_PAIRS) -> list[Confusion]:
    """The `count` commonest mistakes, the commonest first; those that never happened are left out."""
    mistakes = table.clone().fill_diagonal_(0)
    order = mistakes.flatten().argsort(descending=True, stable=True)[:count].tolist()
    pairs = [divmod(place, len(names)) for place in order]
    return [
        Confusion(names[shown], names[named], int(mistakes[shown, named]), int(table[shown].sum()))
        for shown, named in pairs
        if mistakes[shown, named]
    ]


def markdown(scenes: int, seed: int, size: int, share: float, pairs: list[Confusion]) -> str:
    """The result as two Markdown tables."""
    lines = [
        "| scenes | seed | pixels | named correctly |",
        "| --- | --- | --- | --- |",
        f"| {scenes} | {seed} | {size} x {size} | {share:.2%} |",
        "",
        "| shown | named | times | of scenes |",
        "| --- | --- | --- | --- |",
        *(f"| {pair.shown} | {pair.named} | {pair.count} | {pair.scenes} |" for pair in pairs),
    ]
    return "\n".join(lines) + "\n"


def main(options) -> int:
    from functools import partial

    from core.squeezenet import load_squeezenet
    from patterns.scenes import CLASS_NAMES
    from studies.shared.examples import check_classes

    model = load_squeezenet(options.weights, "cpu")
    check_classes(model)
    bar = partial(progress, desc="evaluate", unit="chunk")
    table = confusion_table(model, options.scenes, seed=options.seed, size=options.size, steps=bar)
    share, pairs = accuracy(table), worst_pairs(table, CLASS_NAMES)
    correct = int(table.diag().sum())
    print(f"{correct} of {options.scenes} scenes of {options.size} pixels named correctly: {share:.2%}")
    for pair in pairs:
        print(f"{pair.shown} called {pair.named}: {pair.count} of {pair.scenes}")
    text = markdown(options.scenes, options.seed, options.size, share, pairs)
    print(f"wrote {write_whole(options.output, text.encode())}")
    return 0


def parser() -> Parser:
    result = Parser(prog="python -m training.evaluate", description=__doc__)
    add = result.add_argument
    add("--weights", default="patterns", metavar="FILE", help="patterns, or a .safetensors, .pth or .pt file")
    add("--scenes", type=whole_number(1, 1_000_000), default=2160, metavar="N", help="how many, the classes in turn")
    add("--seed", type=whole_number(0, HIGHEST_SEED), default=2026, metavar="N", help="which scenes")
    add("--size", type=whole_number(64, 1024), default=224, metavar="PIXELS", help="side of the scenes")
    output = OUTPUT_FOLDER / "patterns_accuracy.md"
    add("--output", type=Path, default=output, metavar="PATH", help="where to write the Markdown")
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
