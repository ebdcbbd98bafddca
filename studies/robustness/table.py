"""The numbers of all networks as a table."""

from collections.abc import Sequence

import torch

from measures.localisation import SCORES, centre_map, localisation
from studies.robustness.flags import Settings
from studies.robustness.results import SIZES, Findings, percent
from studies.shared.networks import Scenes
from visualizers.randomised_smoothing import certified_accuracy

LARGEST = 2  # radii of the table, in multiples of the bound


def tabulate(
    findings: Sequence[Findings], scenes: Scenes, settings: Settings
) -> tuple[list[str], list[list[str]], str]:
    """Header, rows and note."""
    sizes = [size for size in SIZES if 0 < size <= LARGEST]
    header = [
        "network",
        "clean",
        *(f"L-inf {settings.bound * size:g}/255" for size in sizes),
        f"L2 {settings.l2:g}",
        f"certified within {settings.sigma:g}",
        *SCORES,
        "class pictures named",
    ]
    rows = [row_of(each, sizes, scenes, settings) for each in findings]
    centre = centre_map(*scenes.masks.shape[1:]).expand(scenes.masks.shape)
    scores = [f"{value:.3f}" for value in localisation(centre, scenes.masks).mean(dim=0).tolist()]
    rows.append(["centre (baseline)", *["-"] * (len(header) - 5), *scores, "-"])
    return header, rows, note_of(scenes, settings)


def row_of(found: Findings, sizes: Sequence[float], scenes: Scenes, settings: Settings) -> list[str]:
    """The numbers of one network."""
    within = [percent(found.linf[SIZES.index(size)]) for size in (0.0, *sizes)]
    certified, radius = scenes.labels[: settings.certified], torch.tensor([settings.sigma])
    proved = f"{100 * float(certified_accuracy(found.certificate, certified, radius)):.1f} %"
    scores = [f"{value:.3f}" for value in found.localisation.mean(dim=0).tolist()]
    named = "-" if found.named is None else f"{found.named} of {found.classes}"
    return [found.name, *within, percent(found.l2), proved, *scores, named]


def note_of(scenes: Scenes, settings: Settings) -> str:
    """What the numbers are."""
    restarts = f"{settings.restarts} start{'s' * (settings.restarts > 1)}"
    return (
        f"{len(scenes.labels)} scenes of {settings.size} pixels that no network was trained on, the classes in turn, "
        f"seed {settings.seed}. L-inf and L2 (RGB, white 1): what PGD of {settings.iterations} steps and {restarts} "
        f"leaves. Certified: right, and proved so within L2 {settings.sigma:g} with probability "
        f"{1 - settings.alpha:g}, by randomised smoothing with noise of {settings.sigma:g}, {settings.draws} draws, "
        f"{min(settings.certified, len(scenes.labels))} scenes. {', '.join(SCORES)}: of the saliency map for the "
        "scene's class. Class pictures named: by the embedded network."
    )
