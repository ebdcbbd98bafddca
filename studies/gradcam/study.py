"""Computes the maps of a layer, compares them with Captum's and with the true masks, and draws them."""

from collections.abc import Mapping
from dataclasses import asdict, replace

import numpy as np
from torch import Tensor, nn

from core.activations import find_layer
from drawing.files import describe
from studies.gradcam.cost import cost
from studies.gradcam.figure import draw_bare, draw_beside_captum, draw_techniques
from studies.gradcam.flags import BARE, LAYERS, Settings, techniques
from studies.shared.cost import tell
from studies.shared.interruption import Interruption
from studies.shared.maps import (
    MapRow,
    captum_reference,
    compute_captums,
    compute_maps,
    find_suited,
    find_versus,
    report_agreement,
)
from studies.shared.network import footer, layers_or_own, open_network
from studies.shared.pictures import Batch, load_batch, report_localisation
from studies.shared.report import Report
from studies.shared.techniques import none_is_named
from visualizers.catalogue import TECHNIQUES
from visualizers.gradcam import grad_cam

NODES = 20  # of the path that conductance is integrated along


def run(settings: Settings, report: Report) -> None:
    """Compute, compare, draw. Ctrl-C keeps the techniques that are finished."""
    model, settings = open_network(settings, report)
    names = settings.techniques or (BARE if settings.versus is None else BARE[:1])
    leave_out = none_is_named(settings.techniques, techniques(), versus=settings.versus is not None)
    names = find_suited(names, model, settings.side, report, leave_out=leave_out)
    settings = replace(settings, techniques=names) if settings.techniques else settings
    find_layer(model, settings.layer)
    settings = replace(settings, layers=layers_or_own(model, settings.layers, LAYERS))
    tell(cost(settings), report.say, model)
    batch = load_batch(model, settings, report)
    versus = find_versus(settings.versus, model, batch)
    bare, compared = not settings.techniques and versus is None, settings.captum and versus is None
    rows, captums, strip, theirs = {}, {}, {}, {}
    with Interruption() as stop:
        asked = {"settings": {**settings.technique_settings, "layer": settings.layer}, "report": report}
        for name, row in compute_maps(model, batch, names, seed=settings.seed, versus=versus, **asked):
            rows[name] = row
        for name, row in compute_captums(model, batch, rows if compared else {}, **asked):
            report_agreement(row.technique.one_line, batch, rows[name], row, report)
            captums[name] = row
        if bare:
            strip = strip_of_layers(model, batch, settings.layers)
        if bare and compared:
            theirs = captum_layers(model, batch, settings.layer, report)
    if not rows:
        stop.go_on()
    localised = {row.technique.one_line: row.values(settings.size) for row in rows.values()}
    report_localisation(localised, batch.masks, report)
    common = {"layer": settings.layer, "footer": footer(model)}
    if strip:
        figures = {"": draw_bare(batch, rows, strip, **common)}
    else:
        figures = {"": draw_techniques(batch, rows, versus=versus, shared_scale=settings.shared_scale, **common)}
    if theirs:
        figures["_captum"] = draw_beside_captum(batch, rows, captums, theirs, **common)
    write(figures, settings, model, report)
    stop.go_on()


def write(figures: Mapping[str, np.ndarray], settings: Settings, model: nn.Module, report: Report) -> None:
    """Write the figures, their names told apart by these endings."""
    metadata = describe("gradcam", asdict(settings), model.weights_name)
    for ending, figure in figures.items():
        report.picture(figure, settings.beside(ending), metadata)


def strip_of_layers(model: nn.Module, batch: Batch, layers: tuple[str, ...]) -> dict[str, MapRow]:
    """Grad-CAM of the first image by layer."""
    first, technique = (batch.images[:1], batch.labels[:1]), TECHNIQUES["grad-cam"]
    return {layer: MapRow(technique, [grad_cam(model, *first, layer=layer)[0].cpu()]) for layer in layers}


def captum_layers(model: nn.Module, batch: Batch, layer: str, report: Report) -> dict[str, list[Tensor]]:
    """What Captum has besides of a layer: the mean of its channels, and what flows through each of its places."""
    reference, theirs = captum_reference(), {"layer activation": [], "layer conductance": []}
    for index in report.progress(range(len(batch.names)), desc="layers", unit="image"):
        image = batch.images[index : index + 1]
        label = batch.labels[index : index + 1].to(image.device)
        theirs["layer activation"].append(reference.captum_layer_activation(model, image, layer=layer)[0].cpu())
        conductance = reference.captum_layer_conductance(model, image, label, layer=layer, nodes=NODES)
        theirs["layer conductance"].append(conductance[0].cpu())
    return theirs
