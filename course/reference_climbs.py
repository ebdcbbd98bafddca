"""What climbs: fooling, class visualization and the update of style transfer, one step at a time."""

from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from course.network import layers_of
from course.reference_losses import by_position
from course.reference_maps import input_gradient
from course.reference_pictures import MEAN, STD, by_deviation, shorter_side
from course.steps import Work, fingerprint, pipeline, same, tensor

FOOLING_STEPS = 2
DECAY_AT = 180  # the iteration of style transfer from which the rate is lower
EARLY = 3  # steps of style transfer that are compared


def distinct(images: np.ndarray) -> np.ndarray:
    """Without those that repeat the one before: code may show a picture to the network twice."""
    if len(images) == 0:
        return images
    changed = np.abs(np.diff(images, axis=0)).reshape(len(images) - 1, -1).max(axis=1) > 0
    return images[np.concatenate([[True], changed])]


def before_nan(images: np.ndarray) -> np.ndarray:
    """The pictures up to the first that holds a number which is not finite."""
    bad = [k for k, image in enumerate(images) if not np.isfinite(image).all()]
    return images[: bad[0]] if bad else images


def target_score(scores: Tensor, target: int) -> Tensor:
    return scores[0, target]


def unit(gradient: Tensor) -> Tensor:
    return gradient / gradient.norm()


CLIMB = {
    "objective": target_score,
    "gather": lambda at, k: at(k),
    "normalise": unit,
    "rate": same,
    "base": lambda start, image: image,
    "move": lambda image, step: image + step,
}


def score_gradients(steps, work: Work, images: list[Tensor], target: int) -> Callable[[int], Tensor]:
    """k -> the gradient of the objective at picture k."""

    def at(k: int) -> Tensor:
        key = (steps.objective, target, fingerprint(images[k]))
        return work.once(
            key, lambda: input_gradient(work.network, images[k], lambda scores: steps.objective(scores, target))
        )

    return at


def climbed(work: Work, start: Tensor, count: int, step: Callable[[list[Tensor], int], Tensor]) -> Tensor:
    """Pictures (T, 3, H, W): each one step from the student's picture before it, or from our own."""
    if work.outputs is not None:
        seen = [tensor(image)[None] for image in distinct(before_nan(work.outputs["images"]))]
        return torch.cat([start, *(step(seen, k) for k in range(len(seen) - 1))])
    seen = [start]
    for k in range(count):
        seen.append(step(seen, k))
    return torch.cat(seen)


@pipeline("fooling", **CLIMB)
def fooling(steps, inputs: dict, work: Work) -> dict[str, Tensor]:
    """X += learning_rate * g / ||g||"""
    start = tensor(inputs["X"])

    def step(images: list[Tensor], k: int) -> Tensor:
        gradient = steps.gather(score_gradients(steps, work, images, inputs["target_y"]), k)
        change = steps.rate(inputs["learning_rate"]) * steps.normalise(gradient)
        return steps.move(steps.base(start, images[k]), change)

    return {"images": climbed(work, start, FOOLING_STEPS, step)}


def penalty_gradient(image: Tensor, l2_reg: float) -> Tensor:
    """Of -l2_reg * ||image||^2."""
    return -2 * l2_reg * image


def clamped(image: Tensor) -> Tensor:
    """To colours that a picture can have."""
    low, high = (((value - MEAN) / STD).view(1, 3, 1, 1) for value in (0, 1))
    return image.clamp(low, high)


@pipeline(
    "class_visualization",
    **CLIMB,
    penalty=penalty_gradient,
    mix=lambda gradient, penalty, normalise: normalise(gradient + penalty),
)
def class_visualization(steps, inputs: dict, work: Work) -> dict[str, Tensor]:
    """img += learning_rate * g / ||g||, g the gradient of score - l2_reg * ||img||^2; in a loop, clamped."""
    given = "img" in inputs
    if given:
        start = tensor(inputs["img"])
    elif work.outputs is not None:
        start = tensor(work.outputs["images"][:1])
    else:
        start = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0)).double()

    def step(images: list[Tensor], k: int) -> Tensor:
        if not given and k != 1 and work.outputs is not None:
            return images[k + 1]  # the course's loop blurs after its first step; the second tells enough
        gradient = steps.gather(score_gradients(steps, work, images, inputs["target_y"]), k)
        penalty = steps.gather(lambda j: steps.penalty(images[j], inputs["l2_reg"]), k)
        change = steps.mix(gradient, penalty, steps.normalise)
        image = steps.move(steps.base(start, images[k]), steps.rate(inputs["learning_rate"]) * change)
        return image if given else clamped(image)

    return {"images": climbed(work, start, 1 if given else 2, step)}


def prepared(pixels: np.ndarray, size: int) -> Tensor:
    """uint8 (H, W, 3) -> (1, 3, h, w), as `reference_pictures` does it."""
    picture = Image.fromarray(pixels)
    picture = picture.resize(shorter_side(*picture.size, size), Image.Resampling.BILINEAR)
    return by_deviation(tensor(np.asarray(picture)) / 255, MEAN, STD).permute(2, 0, 1)[None]


def gram(features: Tensor) -> Tensor:
    flat = by_position(features)
    return flat @ flat.transpose(1, 2) / features[0].numel()


def roughness(img: Tensor) -> Tensor:
    return (img[:, :, 1:] - img[:, :, :-1]).square().sum() + (img[..., 1:] - img[..., :-1]).square().sum()


def three_terms(content: Tensor, style: Tensor, tv: Tensor) -> Tensor:
    return content + style + tv


def loss_gradient(steps, inputs: dict, work: Work, image: Tensor) -> Tensor:
    """Of the sum of the three losses, at the picture."""

    def targets() -> tuple[Tensor, list[Tensor]]:
        content = layers_of(work.network, prepared(inputs["content_image"], inputs["image_size"]))
        style = layers_of(work.network, prepared(inputs["style_image"], inputs["style_size"]))
        return content[inputs["content_layer"]], [gram(style[layer]) for layer in inputs["style_layers"]]

    def parts() -> tuple[Tensor, Tensor, Tensor]:
        """The gradients of the three losses."""
        wanted, grams = work.once("targets", targets)
        leaf = image.detach().clone().requires_grad_(True)
        features = layers_of(work.network, leaf)
        content = (features[inputs["content_layer"]] - wanted).square().sum()
        style = sum(
            weight * (gram(features[layer]) - target).square().sum()
            for layer, target, weight in zip(inputs["style_layers"], grams, inputs["style_weights"], strict=True)
        )
        losses = (inputs["content_weight"] * content, style, inputs["tv_weight"] * roughness(leaf))
        return tuple(torch.autograd.grad(loss, leaf, retain_graph=True)[0] for loss in losses)

    return steps.terms(*work.once(fingerprint(image), parts))


def adam(gradients: list[Tensor], rate: float) -> Tensor:
    """Adam's step after these gradients (Kingma and Ba, 2015): the change of the picture."""
    mean, square = torch.zeros_like(gradients[0]), torch.zeros_like(gradients[0])
    for gradient in gradients:
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
    count = len(gradients)
    return -rate * (mean / (1 - 0.9**count)) / ((square / (1 - 0.999**count)).sqrt() + 1e-8)


@pipeline(
    "style_update",
    terms=three_terms,
    gathered=same,
    rate=lambda: 3.0,
    change=adam,
    move=lambda image, step: image + step,
    clamp=lambda image: image.clamp(-1.5, 1.5),
    start=same,
    late=lambda step, own: step,
)
def style_update(steps, inputs: dict, work: Work) -> dict[str, Tensor]:
    """Adam down the sum of the losses, clamped to +-1.5 before each pass, at rate 3, from iteration 180 afresh at 0.1.

    The first three steps are compared, and the one of iteration 180.
    """
    content = prepared(inputs["content_image"], inputs["image_size"])
    start = steps.clamp(steps.start(content))

    def step(images: list[Tensor], k: int) -> Tensor:
        if k < EARLY:
            gradients = steps.gathered([loss_gradient(steps, inputs, work, image) for image in images[: k + 1]])
            change = steps.change(gradients, steps.rate())
        elif k == DECAY_AT:
            change = steps.late(steps.change([loss_gradient(steps, inputs, work, images[k])], 0.1), None)
        else:
            moving = not torch.equal(images[0], images[1])
            return images[k] * (1 - 1e-4 * moving)  # a climb of our own leaves out what is not compared
        return steps.clamp(steps.move(images[k], change))

    if work.outputs is None:
        return {"images": torch.cat([content, climbed(work, start, DECAY_AT + 1, step)])}
    seen = what_counts(work.outputs, content)
    made = {"images": climbed(Work(work.case, work.network, seen), start, len(seen["images"]) - 1, step)}
    if len(seen["late"]):
        before, after = (tensor(image)[None] for image in seen["late"])
        change = steps.late(steps.change([loss_gradient(steps, inputs, work, before)], 0.1), after - before)
        made["late"] = torch.cat([before, steps.clamp(steps.move(before, change))])
    return made


def what_counts(outputs: dict[str, np.ndarray], content: Tensor) -> dict[str, np.ndarray]:
    """Of all pictures of a transfer the first four, and as "late" the two at the lower rate, if there are so many."""
    if "late" in outputs:
        return outputs
    seen = optimised(outputs["images"], content)
    return {
        "images": seen[: EARLY + 1],
        "late": seen[DECAY_AT : DECAY_AT + 2] if len(seen) > DECAY_AT + 1 else seen[:0],
    }


def optimised(images: np.ndarray, content: Tensor) -> np.ndarray:
    """The pictures without the pass that takes the content's target, which shows the network the content as it is."""
    images = before_nan(np.asarray(images))
    if len(images) > 1 and images.shape[1:] == content.shape[1:]:
        seen_whole = np.abs(images[0] - content.numpy()[0]).max() < 1e-4
        images = images[1:] if seen_whole else images
    return distinct(images)
