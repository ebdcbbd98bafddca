"""Which cases an edition is asked, and how its answers are put into the form of course.cases."""

from dataclasses import replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from core.images import denormalise, preprocess
from course.cases import Case, cases_of
from course.parts import Place

SIDE = 224  # pixels: the edition that takes 8-bit pictures prepares them so
PILLOW = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.NEAREST, Image.Resampling.LANCZOS)
FITTING = 1e-3  # of a map's norm: how near a map must come to an enlarged one of the layer's size


def cases_for(part: str, place: Place, network: nn.Module) -> list[tuple[dict, Case]]:
    """(inputs for the child, the case that its answer is compared in), for one edition."""
    cases = cases_of(part, network)
    if "learning_rate" in place.settings:
        rate = place.settings["learning_rate"]
        cases = [case for case in cases if case.inputs["learning_rate"] == rate]
    if place.settings.get("kind") == "loop":
        cases = [case for case in cases if "img" not in case.inputs]
    if place.settings.get("kind") == "step":
        cases = [case for case in cases if "img" in case.inputs]
    if place.call == "gradcam_of_predicted":
        return [_of_predicted(case, network) for case in single_pictures(cases)]
    return [(case.inputs, case) for case in cases]


def single_pictures(cases: list[Case]) -> list[Case]:
    return [
        replace(
            case, name=f"{case.name}, {index}", inputs={name: case.inputs[name][index : index + 1] for name in "Xy"}
        )
        for case in cases
        for index in range(len(case.inputs["X"]))
    ]


def _of_predicted(case: Case, network: nn.Module) -> tuple[dict, Case]:
    """The picture in 8 bits, enlarged to what the edition prepares, and the case of its predicted class."""
    rgb = denormalise(torch.from_numpy(case.inputs["X"]))[0].clamp(0, 1).permute(1, 2, 0)
    picture = Image.fromarray((rgb * 255).round().byte().numpy()).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    pixels = np.asarray(picture)[None]
    X = preprocess(pixels)
    with torch.no_grad():
        like = next(network.parameters())
        y = network(X.to(like)).argmax(dim=1).numpy()
    return {"pixels": pixels}, replace(case, inputs={"X": X.numpy(), "y": y})


def in_form(place: Place, outputs: dict[str, np.ndarray], network: nn.Module) -> dict[str, np.ndarray]:
    """A map of the edition that enlarges and scales each by itself, as the other editions enlarge and scale it.

    The layer's map is found for which one of the usual ways to enlarge gives the student's; if there is none, the map
    is only scaled to 0..1.
    """
    if place.call != "gradcam_of_predicted" or outputs["maps"].ndim != 3:
        return outputs
    with torch.no_grad():
        like = next(network.parameters())
        side = network.features(torch.zeros(1, 3, SIDE, SIDE).to(like)).shape[2]
    made = []
    for one in outputs["maps"].astype(np.float64):
        coarse = layer_map(one, side) if np.isfinite(one).all() and one.shape == (SIDE, SIDE) else None
        if coarse is not None:
            coarse = np.where(np.abs(coarse) < 1e-4 * np.abs(coarse).max(), 0, coarse)
            one = np.asarray(Image.fromarray(coarse.astype(np.float32)).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
        low, high = one.min(), one.max()
        made.append((one - low) / (high - low) if high > low else np.zeros_like(one))
    return {"maps": np.stack(made).astype(np.float32)}


def layer_map(one: np.ndarray, side: int) -> np.ndarray | None:
    """The map (side, side) that one of the usual ways enlarges to this one, or None."""
    best, found = FITTING, None
    for enlarge in enlargements(side):
        inverse = np.linalg.pinv(enlarge)
        coarse = inverse @ one @ inverse.T
        distance = np.linalg.norm(enlarge @ coarse @ enlarge.T - one) / max(np.linalg.norm(one), 1e-20)
        if distance < best:
            best, found = distance, coarse
    return found


def enlargements(side: int) -> list[np.ndarray]:
    """Matrices (SIDE, side): how Pillow and torch enlarge a column."""
    unit = np.eye(side, dtype=np.float32)
    matrices = []
    for kind in PILLOW:
        columns = [np.asarray(Image.fromarray(column[:, None]).resize((1, SIDE), kind))[:, 0] for column in unit]
        matrices.append(np.stack(columns, axis=1))
    for mode, corners in (("bilinear", False), ("bilinear", True), ("bicubic", False), ("bicubic", True)):
        columns: Tensor = torch.nn.functional.interpolate(
            torch.from_numpy(unit)[:, None, :, None].repeat(1, 1, 1, 2), (SIDE, 2), mode=mode, align_corners=corners
        )[:, 0, :, 0]
        matrices.append(columns.T.numpy())
    return [matrix.astype(np.float64) for matrix in matrices]
