"""How two results are compared: which numbers, and how far they are apart."""

import numpy as np

from course.cases import Case
from course.reference_climbs import before_nan, distinct, prepared, what_counts
from course.steps import Outputs

CLIMBS = ("fooling", "class_visualization", "style_update")
SPARED = 0.01  # of the numbers of a part with a network: a ReLU's gate may flip with the order of a sum
ONE_GATE = 0.03  # of a step's length: what the gate of a ReLU can change that opens by rounding
TINY = 1e-12
FLOAT32 = 2.0**-23
LARGE = 10_000  # numbers
FAR = 0.6  # a distance at which no mistake is named
NAMES = {  # of what must come back, of the losses the loss
    "gram_matrix": ("gram", "plain"),
    "guided_gram_matrix": ("gram",),
    "saliency": ("maps",),
    "guided_backprop": ("maps",),
    "grad_cam": ("maps",),
    "preprocess": ("image",),
}


def of_network(part: str) -> bool:
    return part in (*CLIMBS, "saliency", "guided_backprop", "grad_cam")


def seen_by(part: str, case: Case, outputs: Outputs) -> Outputs:
    """The student's outputs as float64; of a climb the pictures that count."""
    outputs = {name: np.asarray(value, dtype=np.float64) for name, value in outputs.items()}
    if part in CLIMBS:
        outputs["images"] = before_nan(outputs["images"])
    if part == "style_update":
        content = prepared(case.inputs["content_image"], case.inputs["image_size"])
        return what_counts(outputs, content)
    if part in CLIMBS:
        return {"images": distinct(outputs["images"])}
    if "gradient" not in outputs and "loss" in outputs:  # none came back
        return outputs | {"gradient": np.zeros(gradient_shape(case))}
    return outputs


def gradient_shape(case: Case) -> tuple[int, ...]:
    """The shape of a loss's gradient: that of its one input, or of all features one after the other."""
    inputs = case.inputs
    if "feats" in inputs:
        return (sum(features.size for features in inputs["feats"]),)
    return inputs["content_current" if "content_current" in inputs else "img"].shape


def compared(part: str, case: Case, outputs: Outputs, wanted: Outputs) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs of arrays, theirs and the one that is wanted; of a climb its steps."""
    seen = seen_by(part, case, outputs)
    if part not in CLIMBS:
        return [(seen[name], wanted[name]) for name in wanted]
    images, aims = seen["images"], wanted["images"]
    pairs = [(images[:1], aims[:1])]
    for k in range(len(images) - 1):
        if not np.isfinite(aims[k + 1]).all():  # a gradient of 0 has no direction
            continue
        if part == "style_update" or not np.array_equal(aims[k + 1], images[k + 1]):  # equal: a step not compared
            pairs.append(step_of(images[k], images[k + 1], aims[k + 1]))
    if len(seen.get("late", ())):
        pairs.append(step_of(*seen["late"], wanted["late"][1]))
    return pairs


def step_of(before: np.ndarray, after: np.ndarray, aim: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The step that was made and the one to be made; they are equal where only a picture's float32 keeps them apart."""
    rounding = FLOAT32 * np.maximum(np.abs(before), np.abs(after))
    after = np.where(np.abs(after - aim) <= rounding, aim, after)
    return after - before, aim - before


def relative(theirs: np.ndarray, wanted: np.ndarray, spared: float = 0.0) -> float:
    """||theirs - wanted|| / ||wanted||, without the share of the numbers that is farthest off."""
    if theirs.shape != wanted.shape:
        return np.inf
    if not np.isfinite(theirs).all():
        return np.inf
    if spared and theirs.size > LARGE:  # a look at a part tells what is far off
        far = relative(theirs.ravel()[::7], wanted.ravel()[::7], spared)
        if far > FAR:
            return far
    errors = np.square(theirs - wanted).ravel()
    count = int(spared * errors.size)
    if count and errors.max() > 0:
        errors = np.partition(errors, errors.size - count)[:-count]
    size = float(np.linalg.norm(wanted))
    error = float(np.sqrt(errors.sum()))
    if size <= TINY:
        return 0.0 if error <= TINY else np.inf
    return error / size


def distance_of(part: str, case: Case, outputs: Outputs, wanted: Outputs) -> float:
    """The largest over the outputs; of a climb that of half of its steps, if all are near.

    A gate of a ReLU that opens by rounding moves a whole step by some percent, but seldom two steps of three.
    """
    spared = SPARED if of_network(part) else 0.0
    pairs = compared(part, case, outputs, wanted)
    if part in CLIMBS and len(pairs) < 2:
        return np.inf  # the start alone tells nothing
    distances = [relative(theirs, aim, spared) for theirs, aim in pairs]
    if part in CLIMBS and max(distances) <= ONE_GATE:
        steps = sorted(distances[1:])
        return max(distances[0], steps[(len(steps) - 1) // 2])
    return max(distances)


def largest_relative_error(part: str, case: Case, outputs: Outputs, wanted: Outputs) -> float:
    """max |x - y| / max(1e-8, |x| + |y|), as the courses print it; with a network, of all but the spared numbers."""
    worst = 0.0
    pairs = compared(part, case, outputs, wanted)
    if part in CLIMBS:
        images = seen_by(part, case, outputs)["images"]
        usable = np.isfinite(wanted["images"]).all(axis=(1, 2, 3))
        pairs = [(images[usable], wanted["images"][usable])] if images.shape == wanted["images"].shape else []
    for theirs, aim in pairs or [(np.zeros(1), np.zeros(2))]:
        if theirs.shape != aim.shape:
            return np.inf
        errors = (np.abs(theirs - aim) / np.maximum(1e-8, np.abs(theirs) + np.abs(aim))).ravel()
        count = int(SPARED * errors.size) if of_network(part) else 0
        worst = max(worst, float(np.partition(errors, -1 - count)[-1 - count]))
    return worst


def not_finite(outputs: Outputs) -> bool:
    return any(np.asarray(a).dtype.kind == "f" and not np.isfinite(a).all() for a in outputs.values())


def same_nan(outputs: Outputs, wanted: Outputs) -> bool:
    """Whether the same entries are NaN, and some are."""
    pairs = [(np.isnan(outputs[name]), np.isnan(wanted[name])) for name in wanted if name in outputs]
    return any(a.any() for a, _ in pairs) and all(np.array_equal(a, b) for a, b in pairs)


def stands_still(case: Case, outputs: Outputs) -> bool:
    """Whether there are several pictures, all the same."""
    images = np.asarray(outputs.get("images", np.zeros(0)))
    return images.ndim == 4 and len(images) > 1 and len(seen_by(case.part, case, outputs)["images"]) == 1


def trouble_with_pictures(part: str, case: Case, outputs: Outputs) -> str | None:
    """Whether there are steps to compare."""
    images = np.asarray(outputs.get("images", np.zeros(0)))
    needed = 3 if part == "style_update" or (part == "class_visualization" and "img" not in case.inputs) else 2
    if images.ndim != 4 or images.shape[1] != 3:
        return f"{case.name}: pictures (1, 3, H, W) are needed, and the network saw {images.shape[1:] or 'none'}"
    given = case.inputs.get("X", case.inputs.get("img"))
    if given is not None and images.shape[1:] != given.shape[1:]:
        return f"{case.name}: the picture has shape {images.shape[1:]} after a step, and {given.shape[1:]} before"
    if len(seen_by(part, case, outputs)["images"]) < needed:
        return f"{case.name}: the network saw no other picture after the first: the loop makes no step that it can see"
    return None


def trouble_with(part: str, case: Case, outputs: Outputs) -> str | None:
    """What keeps the outputs from being compared, in one sentence."""
    for name, array in outputs.items():
        array = np.asarray(array)
        if array.dtype.kind not in "fiub":
            return f"{case.name}: {name} holds {array.dtype}, and numbers are needed"
        usable = len(before_nan(array)) > 1 if part in CLIMBS else False
        if not np.isfinite(array).all() and not usable:
            share = 1 - np.isfinite(array).mean()
            kind = "NaN" if np.isnan(array).any() else "infinite"
            return f"{case.name}: {name} is {kind} at {share:.0%} of its entries; look for a division by 0"
    if part in CLIMBS:
        return trouble_with_pictures(part, case, outputs)
    missing = [name for name in NAMES.get(part, ("loss",)) if name not in outputs]
    return f"{case.name}: there is no {missing[0]} in what came back" if missing else None


def wrong_shape(case: Case, outputs: Outputs, wanted: Outputs) -> str | None:
    """Which output has a shape that is not the right one."""
    for name, aim in wanted.items():
        if name in outputs and np.shape(outputs[name]) != np.shape(aim):
            got = np.shape(outputs[name])
            return f"{case.name}: {name} has shape {got}, and {np.shape(aim)} is needed"
    return None
