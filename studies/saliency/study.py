"""Computes pixel maps, compares them with Captum's and with the true masks, and draws them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

import torch
from torch import nn

from drawing.files import describe
from studies.saliency.cost import cost
from studies.saliency.figure import draw
from studies.saliency.flags import BARE, Settings
from studies.shared.cost import tell
from studies.shared.interruption import Interruption
from studies.shared.maps import MapRow, compute_captums, compute_maps, find_suited, find_versus, report_agreement
from studies.shared.network import footer, open_network
from studies.shared.pictures import Batch, load_batch, report_localisation
from studies.shared.report import Report
from studies.shared.techniques import Given, family, none_is_named
from visualizers.catalogue import TECHNIQUES
from visualizers.integrated_gradients import completeness_error
from visualizers.occlusion import check_fill, windows
from visualizers.rise import random_masks
from visualizers.smoothgrad import check_variation


def run(settings: Settings, report: Report) -> None:
    """Compute, compare, draw. Ctrl-C keeps the techniques that are finished."""
    model, settings = open_network(settings, report)
    names = settings.techniques or (BARE if settings.versus is None else BARE[:1])
    leave_out = none_is_named(settings.techniques, family("pixels"), versus=settings.versus is not None)
    names = find_suited(names, model, settings.side, report, leave_out=leave_out)
    settings = replace(settings, techniques=names) if settings.techniques else settings
    tell(cost(settings), report.say, model)
    batch = load_batch(model, settings, report)
    versus = find_versus(settings.versus, model, batch)
    check_settings(names, settings.technique_settings, settings.size)
    rows, captums, compared = {}, {}, settings.captum and versus is None
    with Interruption() as stop:
        asked = {"settings": settings.technique_settings, "report": report}
        for name, row in compute_maps(model, batch, names, seed=settings.seed, versus=versus, **asked):
            rows[name] = row
        for name, row in compute_captums(model, batch, rows if compared else {}, **asked):
            report_agreement(agreement_title(name), batch, rows[name], row, report)
            captums[name] = row
        if versus is None and "integrated-gradients" in rows:
            report_completeness(model, batch, rows["integrated-gradients"], settings.technique_settings, report)
    if not rows:
        stop.go_on()
    report_localisation({name: row.values(settings.size) for name, row in rows.items()}, batch.masks, report)
    bare = not settings.techniques and versus is None
    shown = beside_captum(rows, captums) if bare else {row.technique.title: row for row in rows.values()}
    figure = draw(batch, shown, versus=versus, shared_scale=settings.shared_scale, footer=footer(model))
    report.picture(figure, settings.output, describe("saliency", asdict(settings), model.weights_name))
    stop.go_on()


def beside_captum(rows: Mapping[str, MapRow], captums: Mapping[str, MapRow]) -> dict[str, MapRow]:
    """The rows of a bare run by their titles: saliency, the same by Captum, and integrated gradients."""
    saliency, other = BARE
    titled = {
        "saliency": rows.get(saliency),
        "saliency\n(Captum)": captums.get(saliency),
        TECHNIQUES[other].title: rows.get(other),
    }
    return {title: row for title, row in titled.items() if row is not None}


def agreement_title(name: str) -> str:
    """What the sentence about Captum calls a technique."""
    return "saliency" if name == "gradient" else TECHNIQUES[name].one_line


def check_settings(names: Sequence[str], settings: Given, size: int) -> None:
    """Refuse at once what a technique would refuse at its turn, after the others' work."""
    asked = {name: TECHNIQUES[name].with_defaults(settings) for name in names}
    if "vargrad" in asked:
        check_variation(**asked["vargrad"])
    if "occlusion" in asked:
        window = asked["occlusion"]
        check_fill(window["fill"])
        windows(size, window["patch"], window["stride"])
    if "rise" in asked:
        masks = asked["rise"]
        random_masks(1, (size, size), grid=masks["grid"], probability=masks["probability"])


def report_completeness(model: nn.Module, batch: Batch, row: MapRow, settings: Given, report: Report) -> None:
    """Say how far integrated gradients are from summing to what the score gained."""
    errors = completeness_error(model, batch.images, batch.labels, torch.stack(row.maps)).tolist()
    each = ", ".join(f"{name} {100 * error:.2g} %" for name, error in zip(batch.names, errors, strict=True))
    nodes = row.technique.with_defaults(settings)["nodes"]
    largest = f"largest {100 * max(errors):.2g} %"
    report.say(f"integrated gradients: completeness error at {nodes} nodes, {largest} ({each})")
