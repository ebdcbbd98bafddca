"""How well does a network name scenes that it was not trained on? Accuracy, and the classes it confuses most."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from core.errors import UsageError
from core.files import write_whole
from core.images import preprocess
from core.squeezenet import load_squeezenet
from drawing.tables import markdown, signed
from patterns.scenes import CLASS_NAMES, render_indexed
from studies.shared.cost import tell
from studies.shared.examples import check_classes
from studies.shared.progress import progress
from training.cost import cost
from training.seeds import HIGHEST_SEED
from training.settings import EvaluationSettings

CHUNK = 36  # scenes rendered and named at a time
WORST_PAIRS = 8


class Confusion(NamedTuple):
    """`count` scenes of class `shown` were called `named`, of `scenes` shown in all."""

    shown: str
    named: str
    count: int
    scenes: int


def confusion_table(
    model: nn.Module,
    scenes: int,
    *,
    seed: int,
    size: int,
    watched: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> Tensor:
    """Scenes of class i that were named j: (K, K) whole numbers, rows are what was shown.

    The classes come in turn. `watched` wraps the chunks in a progress bar. Raises UsageError for a seed that a training
    may have used.
    """
    if not 0 <= seed <= HIGHEST_SEED:
        raise UsageError(f"seed: {seed} is not from 0 to {HIGHEST_SEED}; the trainings use the seeds above")
    table = torch.zeros(len(CLASS_NAMES), len(CLASS_NAMES), dtype=torch.long)
    for start in watched(range(0, scenes, CHUNK)):
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


def accuracy(table: Tensor) -> float:
    """The share of scenes named correctly."""
    return (table.diag().sum() / table.sum()).item()


def worst_pairs(table: Tensor, names: tuple[str, ...], count: int = WORST_PAIRS) -> list[Confusion]:
    """The `count` commonest mistakes, the commonest first; those that never happened are left out."""
    mistakes = table.clone().fill_diagonal_(0)
    order = mistakes.flatten().argsort(descending=True, stable=True)[:count].tolist()
    pairs = [divmod(place, len(names)) for place in order]
    return [
        Confusion(names[shown], names[named], int(mistakes[shown, named]), int(table[shown].sum()))
        for shown, named in pairs
        if mistakes[shown, named]
    ]


def as_text(settings: EvaluationSettings, share: float, pairs: list[Confusion]) -> str:
    """The result as two Markdown tables."""
    size = settings.size
    whole = [str(settings.scenes), str(settings.seed), f"{size} x {size}", f"{share:.2%}"]
    first = markdown(("scenes", "seed", "pixels", "named correctly"), [whole])
    mistakes = [tuple(map(str, pair)) for pair in pairs]
    return f"{first}\n{markdown(('shown', 'named', 'times', 'of scenes'), mistakes)}"


def run(_name: str, settings: EvaluationSettings) -> int:
    model = load_squeezenet(settings.weights, "cpu")
    check_classes(model)
    tell(cost(settings), partial(print, flush=True), model)
    watched = partial(progress, desc="evaluate", unit="chunk")
    table = confusion_table(model, settings.scenes, seed=settings.seed, size=settings.size, watched=watched)
    share, pairs = accuracy(table), worst_pairs(table, CLASS_NAMES)
    correct = int(table.diag().sum())
    print(f"{correct} of {settings.scenes} scenes of {settings.size} pixels named correctly: {share:.2%}")
    for pair in pairs:
        print(f"{pair.shown} called {pair.named}: {pair.count} of {pair.scenes}")
    print(f"wrote {write_whole(settings.output, signed(as_text(settings, share, pairs)))}")
    return 0
