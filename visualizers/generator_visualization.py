"""Deep generator network: the picture of a scene that excites a class or a unit most (Nguyen et al., 2016).

    code* = argmax  objective(G(code)) - code_weight * ||code||^2,    the picture is G(code*)

Pixel by pixel, most pictures are noise, and an ascent finds those that fool the network. A generator G was trained to
draw pictures of one kind from codes, so here it is the code that climbs, and G sees to it that a picture of this kind
comes out: G is the prior. The codes are white (mean 0, variance 1), so their squared norm says how unusual the
picture is. What G was never shown it cannot draw: the pictures tell about the network within the world of G alone.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from core import priors
from core.ascent import Objective, Step, normalised_ascent, optimise_pixels
from core.errors import UsageError
from core.measuring import measuring


def climb_codes(
    model: nn.Module,
    generate: Callable[[Tensor], Tensor],
    objective: Objective,
    starts: Tensor,
    *,
    iterations: int = 100,
    learning_rate: float = 2.0,
    code_weight: float = 1e-3,
    largest: float = 3.0,
    max_jitter: int = 16,
    generator: torch.Generator | None = None,
    callback: Callable[[Step], bool | None] | None = None,
) -> Tensor:
    """starts (N, ...) codes -> codes (N, ...) whose pictures the objective likes better; `generate` draws them.

    generate: codes -> pictures (N, 3, H, W) in the units of the network `model`. objective: one value for each
    picture, as core.objectives makes them. learning_rate: length of a step, the Euclidean norm over the code.
    code_weight: of the code's squared norm. largest: a code's numbers are kept within plus and minus this, in standard
    deviations of the scenes' codes. max_jitter: largest random shift of the picture, in pixels. Raises UsageError
    for `largest` of 0 or less.
    """
    if largest <= 0:
        raise UsageError(f"largest: {largest} is out of range; give a positive number of standard deviations")

    like = next(generate.parameters(), None) if isinstance(generate, nn.Module) else None

    def penalised(codes: Tensor) -> Tensor:
        pictures = generate(codes if like is None else codes.to(like))
        pictures = priors.random_jitter(pictures, max_jitter, generator)
        return objective(pictures) - code_weight * codes.flatten(1).square().sum(dim=1)

    with measuring(model):
        return optimise_pixels(
            starts,
            penalised,
            normalised_ascent(learning_rate),
            iterations=iterations,
            constrain=lambda codes, _gradient, _iteration: codes.clamp(-largest, largest),
            callback=callback,
        )
