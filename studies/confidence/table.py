"""The numbers of all networks as a table."""

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import roc_auc_score
from torch import Tensor

from measures.calibration import BINS
from studies.confidence.flags import Settings
from studies.confidence.results import KINDS, OWN, Findings


def tabulate(findings: Sequence[Findings], settings: Settings) -> tuple[list[str], list[list[str]], str]:
    """Header, rows and note."""
    judged = any(found.calibration is not None for found in findings)
    header = ["network", *(["named rightly", "ECE", "temperature", "ECE with it"] if judged else [])]
    header += [f"confidence, {kind}" for kind in KINDS] + [f"AUROC, {kind}" for kind in KINDS if kind != OWN]
    return header, [row_of(found, judged=judged) for found in findings], note_of(settings, judged=judged)


def row_of(found: Findings, *, judged: bool) -> list[str]:
    """The numbers of one network; judged: whether there are columns for the calibration."""
    calibration = ["-"] * 4 if judged else []
    if found.calibration is not None:
        accuracy, raw, cooled, temperature = found.calibration
        calibration = [f"{100 * accuracy:.1f} %", f"{raw.error:.3f}", f"{temperature:.2f}", f"{cooled.error:.3f}"]
    said = found.probabilities
    confidence = [f"{float(said[kind].amax(dim=1).mean()):.2f}" if kind in said else "-" for kind in KINDS]
    others = [kind for kind in KINDS if kind != OWN]
    apart = [f"{area_under_curve(said[OWN], said[kind]):.2f}" if kind in said else "-" for kind in others]
    return [found.name, *calibration, *confidence, *apart]


def area_under_curve(inside: Tensor, outside: Tensor) -> float:
    """How often a picture of the own world, (N, K), has the larger confidence of two: 1 always, 0.5 chance."""
    truth = np.r_[np.ones(len(inside)), np.zeros(len(outside))]
    return float(roc_auc_score(truth, np.r_[inside.amax(dim=1).numpy(), outside.amax(dim=1).numpy()]))


def note_of(settings: Settings, *, judged: bool) -> str:
    """What the numbers are."""
    note = (
        f"Confidence: mean over {settings.pictures} pictures of each kind. Fooled: those of the own world whose answer "
        f"PGD of {settings.iterations} steps changed within {settings.bound:g}/255. Noise: each value drawn evenly. "
        "AUROC: how often confidence tells a picture of the own world from such a one, 0.5 being chance. Own world: "
        "rendered scenes, the other one crops of photographs; for a network that does not know the scenes the reverse."
    )
    if not judged:
        return f"{note} No labelled pictures of its world are at hand, so its accuracy and calibration cannot be told."
    return (
        f"{note} Named rightly, ECE ({BINS} bins): {settings.scenes} scenes that no network was trained on; the "
        f"temperature was fitted on {settings.scenes} others."
    )
