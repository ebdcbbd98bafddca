"""Mistakes in the update of style transfer."""

import torch
from torch import Tensor

from course.mistakes.registry import mistake
from course.reference_climbs import adam


@mistake("style_update", step="terms", hint="Print the three losses: which of them is not in your sum?")
def content_left_out(content: Tensor, style: Tensor, tv: Tensor) -> Tensor:
    """the content loss is not in the sum"""
    return style + tv


@mistake("style_update", step="terms", hint="Print the three losses: which of them is not in your sum?")
def style_left_out(content: Tensor, style: Tensor, tv: Tensor) -> Tensor:
    """the style loss is not in the sum"""
    return content + tv


@mistake("style_update", step="terms", hint="Print the three losses: which of them is not in your sum?")
def tv_left_out(content: Tensor, style: Tensor, tv: Tensor) -> Tensor:
    """the total variation loss is not in the sum"""
    return content + style


@mistake("style_update", step="terms", hint="Which of the three losses do you call backward() on?")
def content_alone(content: Tensor, style: Tensor, tv: Tensor) -> Tensor:
    """only the content loss is followed"""
    return content


@mistake("style_update", step="terms", hint="Which of the three losses do you call backward() on?")
def style_alone(content: Tensor, style: Tensor, tv: Tensor) -> Tensor:
    """only the style loss is followed"""
    return style


@mistake("style_update", step="terms", hint="Which signs have the three losses in your sum?")
def style_subtracted(content: Tensor, style: Tensor, tv: Tensor) -> Tensor:
    """the style loss is subtracted"""
    return content - style + tv


@mistake(
    "style_update",
    step="gathered",
    hint="What does .grad hold after the second backward()? Print its norm at each step.",
)
def gradients_pile_up(gradients: list[Tensor]) -> list[Tensor]:
    """the gradient is not set to zero between the steps, so all of them add up"""
    return [sum(gradients[: k + 1]) for k in range(len(gradients))]


@mistake("style_update", step="change", hint="Does the loss rise or fall during your loop?")
def loss_climbed(gradients: list[Tensor], rate: float) -> Tensor:
    """climbs the loss where it should go down"""
    return -adam(gradients, rate)


@mistake("style_update", step="change", hint="Who makes the step: the optimizer that is given, or a line of your own?")
def plain_descent(gradients: list[Tensor], rate: float) -> Tensor:
    """a plain step down the gradient, not the given optimizer's"""
    return -rate * gradients[-1]


@mistake("style_update", step="change", hint="How many optimizers are made in your loop? An optimizer remembers.")
def optimizer_made_anew(gradients: list[Tensor], rate: float) -> Tensor:
    """a new optimizer at every step, so nothing is remembered"""
    return adam(gradients[-1:], rate)


@mistake("style_update", step="change", hint="Which call of the optimizer changes the picture?")
def no_step(gradients: list[Tensor], rate: float) -> Tensor:
    """the optimizer makes no step"""
    return torch.zeros_like(gradients[0])


@mistake("style_update", step="change", hint="How often is step() called in one iteration?")
def two_steps(gradients: list[Tensor], rate: float) -> Tensor:
    """the step is made twice in each iteration"""
    return 2 * adam(gradients, rate)


@mistake("style_update", step="rate", hint="Which learning rate is given for the first iterations?")
def low_rate_from_the_start(*_: object) -> float:
    """the lower learning rate from the start"""
    return 0.1


@mistake("style_update", step="clamp", hint="What keeps the pixels within valid values during the loop?")
def not_clamped(image: Tensor) -> Tensor:
    """the picture is not clamped"""
    return image


@mistake("style_update", step="clamp", hint="Between which values is the picture clamped? It is normalised, not 0..1.")
def clamped_to_unit(image: Tensor) -> Tensor:
    """clamped to 0..1"""
    return image.clamp(0, 1)


@mistake("style_update", step="clamp", hint="Between which values is the picture clamped?")
def clamped_to_one(image: Tensor) -> Tensor:
    """clamped to -1..1"""
    return image.clamp(-1, 1)


@mistake(
    "style_update",
    step="late",
    hint="What should happen to the learning rate at iteration decay_lr_at? Print it before and after.",
)
def rate_never_falls(step: Tensor, own: Tensor | None) -> Tensor:
    """the learning rate never falls"""
    if own is None:  # a climb of our own: Adam's steps once its mean has settled
        return 12 * step * torch.linspace(0.1, 1, step.numel()).double().view(step.shape)
    return own if own.abs().max() > 0.5 else torch.zeros_like(own)


@mistake("style_update", step="late", hint="An optimizer remembers: which one makes the steps after decay_lr_at?")
def same_optimizer_at_the_low_rate(step: Tensor, own: Tensor | None) -> Tensor:
    """the learning rate falls, but the old optimizer goes on with what it remembers"""
    if own is None:
        return step * torch.linspace(0.1, 1, step.numel()).double().view(step.shape)
    moved = own.abs()[own != 0]
    uneven = len(moved) > 0 and moved.max() <= 0.5 and float(moved.median()) < 0.09
    return own if uneven else torch.zeros_like(own)
