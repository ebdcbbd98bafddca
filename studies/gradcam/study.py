"""Computes the maps of a layer, compares them with Captum's and with the true masks, and draws them."""

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
from torch import Tensor, nn

from core.activations import find_layer
from drawing.files import describe
from measures.captum_reference import captum_layer_activation, captum_layer_conductance
from studies.gradcam.cost import cost
from studies.gradcam.figure import draw_bare, draw_beside_captum, draw_techniques
from studies.gradcam.flags import BARE, Settings
from studies.shared.cost import tell
from studies.shared.interruption import Interruption
from studies.shared.maps import MapRow, compute_captums, compute_maps, find_versus, report_agreement
from studies.shared.network import footer, open_network
from studies.shared.pictures import Batch, load_batch, report_localisation
from studies.shared.report import Report
from visualizers.catalogue import TECHNIQUES
from visualizers.gradcam import grad_cam

NODES = 20  # of the path that conductance is integrated along


def run(settings: Settings, report: Report) -> None:
    """Compute, compare, draw. Ctrl-C keeps the techniques that are finished."""
    model, settings = open_network(settings, report)
    for layer in (settings.layer, *settings.layers):
        find_layer(model, layer)
    tell(cost(settings), report.say, model)
    batch = load_batch(model, settings, report)
    versus = find_versus(settings.versus, model, batch)
    names = settings.techniques or (BARE if versus is None else BARE[:1])
    rows, captums, layers = {}, {}, None
    with Interruption() as stop:
        asked = {"settings": {**settings.technique_settings, "layer": settings.layer}, "report": report}
        for name, row in compute_maps(model, batch, names, seed=settings.seed, versus=versus, **asked):
            rows[name] = row
        for name, row in compute_captums(model, batch, rows if versus is None else {}, **asked):
            report_agreement(row.technique.one_line, batch, rows[name], row, report)
            captums[name] = row
        if not settings.techniques and versus is None:
            layers = strip_of_layers(model, batch, settings.layers), captum_layers(model, batch, settings.layer, report)
    if not rows:
        stop.go_on()
    localised = {row.technique.one_line: row.values(settings.size) for row in rows.values()}
    report_localisation(localised, batch.masks, report)
    common = {"layer": settings.layer, "footer": footer(model)}
    if layers is None:
        grid = draw_techniques(batch, rows, versus=versus, shared_scale=settings.shared_scale, **common)
        figures = {"": grid}
    else:
        strip, theirs = layers
        figures = {
            "": draw_bare(batch, rows, strip, **common),
            "_captum": draw_beside_captum(batch, rows, captums, theirs, **common),
        }
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
    theirs = {"layer activation": [], "layer conductance": []}
    for index in report.progress(range(len(batch.names)), desc="layers", unit="image"):
        image = batch.images[index : index + 1]
        label = batch.labels[index : index + 1].to(image.device)
        theirs["layer activation"].append(captum_layer_activation(model, image, layer=layer)[0].cpu())
        conductance = captum_layer_conductance(model, image, label, layer=layer, nodes=NODES)
        theirs["layer conductance"].append(conductance[0].cpu())
    return theirs
