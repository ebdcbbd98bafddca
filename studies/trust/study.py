"""Scores the maps of each technique, and draws what came out."""

from dataclasses import asdict, replace
from pathlib import Path

from torch import nn

from core.errors import UsageError
from core.networks import load_network
from core.sharing import company
from drawing.files import describe
from drawing.table_picture import draw_table
from measures.blocks import blocks_of
from patterns.scenes import CLASS_NAMES
from studies.shared.cost import tell
from studies.shared.maps import find_suited
from studies.shared.network import footer, open_network
from studies.shared.report import Report
from studies.shared.techniques import none_is_named
from studies.trust.cost import cost
from studies.trust.curves_figure import draw_curves
from studies.trust.flags import QUESTION, QUICK, Settings
from studies.trust.pictures import Pictures, load
from studies.trust.rows import rows_of
from studies.trust.sanity_figure import draw_sanity, randomised_maps
from studies.trust.scores import Checks, Networks, score_all
from studies.trust.similarity_figure import draw_similarity
from studies.trust.summary import verdict_sentences
from studies.trust.table import KEY, Facts, cell_styles, make_table
from visualizers.catalogue import TECHNIQUES

SCENES = 8  # of a bare run, where the network knows nothing else


def run(settings: Settings, report: Report) -> None:
    """Score, say the verdicts, draw, write the table."""
    model, settings = open_network(settings, report)
    if not settings.images and not settings.scenes and model.class_names == CLASS_NAMES:
        if settings.labels:
            raise UsageError("labels: scenes are explained for their own class; leave out --labels, or give --images")
        settings = replace(settings, scenes=SCENES)  # the photographs are nothing that this network knows
    leave_out = settings.techniques == QUICK or none_is_named(settings.techniques, TECHNIQUES)
    names = find_suited(settings.techniques, model, settings.side, report, leave_out=leave_out)
    settings = replace(settings, techniques=names)
    networks = Networks(model, load_randomly_labelled(settings, model))
    tell(cost(settings), report.say, model)
    pictures = load(model, settings, report.of_all())
    rows = rows_of(settings.techniques)
    checks = Checks(settings.seed, settings.checked, settings.draws, settings.stages, settings.noise)
    scores = score_all(rows, networks, pictures, checks, report)
    if not company().leads:
        return
    for title, values in scores.items():
        for sentence in verdict_sentences(values):
            report.say(f"{title}: {sentence}")
    chunk = pictures.example.chunk
    maps = {title: randomised_maps(row, model, chunk, settings.seed) for title, row in rows.items() if row.drawn}
    below, blocks = footer(model), blocks_of(model, chunk.images)
    table = make_table(scores, facts_of(settings, pictures, model))
    figures = {
        "": draw_sanity(maps, pictures.example, below),
        "_similarity": draw_similarity(rows, scores, blocks, draws=settings.draws, footer=below),
        "_curves": draw_curves(rows, scores, pictures.example, below),
        "_table": draw_table(
            table.header, table.rows, title=QUESTION, note=f"{table.note} {KEY}", styles=cell_styles(table)
        ),
    }
    metadata = describe("trust", asdict(settings), model.weights_name)
    for suffix, pixels in figures.items():
        report.picture(pixels, settings.beside(suffix), metadata)
    report.table(settings.beside("_table.md"), *table)


def load_randomly_labelled(settings: Settings, model: nn.Module) -> nn.Module | None:
    """The network that was trained on random labels, if one is named. Raises UsageError if it knows other classes."""
    if settings.random_labels is None:
        return None
    other = load_network(settings.model, settings.random_labels, settings.device, settings.classes)
    if other.class_names != model.class_names:
        raise UsageError(
            f"random-labels: {other.weights_name} knows other classes than {model.weights_name}; train it on the same"
        )
    return other


def facts_of(settings: Settings, pictures: Pictures, model: nn.Module) -> Facts:
    """What the table says of the run."""
    count = pictures.count
    return Facts(
        what=f"{count} scenes (seed {settings.seed})" if settings.scenes else f"{count} images",
        count=count,
        size=settings.size,
        draws=settings.draws,
        stages=settings.stages,
        noise=settings.noise,
        weights=model.weights_name,
        labels_from=settings.random_labels and Path(settings.random_labels).name,
    )
