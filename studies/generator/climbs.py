"""Three ways to climb one objective: the code of a generator, single pixels, the waves of a Fourier spectrum.

Each returns the last picture (1, 3, SIZE, SIZE), in the network's units, and the objective at the start.
"""

import torch
from torch import Tensor, nn

from core.ascent import Callback, Objective
from core.generator import SIZE, Generator
from core.parametrisations import decode, random_spectrum
from visualizers.class_visualization import climb_pixels
from visualizers.fourier_visualization import fourier_visualization
from visualizers.generator_visualization import climb_codes


def climb_generator(
    model: nn.Module,
    objective: Objective,
    generate: Generator,
    starts: Tensor,
    *,
    numbers: dict[str, float],
    generator: torch.Generator,
    callback: Callback,
) -> tuple[Tensor, float]:
    """From each of the codes `starts` (S, C, h, w). The best picture is returned, and the best start's objective."""
    codes = climb_codes(model, generate, objective, starts, generator=generator, callback=callback, **numbers)
    with torch.no_grad():
        best = objective(generate(codes)).argmax()
        return generate(codes[best][None]), objective(generate(starts)).max().item()


def climb_noise(
    model: nn.Module,
    objective: Objective,
    *,
    numbers: dict[str, float],
    generator: torch.Generator,
    callback: Callback,
) -> tuple[Tensor, float]:
    """Pixel by pixel, from noise."""
    noise = torch.randn(1, 3, SIZE, SIZE, generator=generator).to(next(model.parameters()).device)
    with torch.no_grad():
        first = objective(noise).item()
    return climb_pixels(model, objective, noise, generator=generator, callback=callback, **numbers), first


def climb_waves(
    model: nn.Module,
    objective: Objective,
    *,
    numbers: dict[str, float],
    generator: torch.Generator,
    callback: Callback,
) -> tuple[Tensor, float]:
    """In the Fourier form, from a faint random spectrum."""
    start = random_spectrum(1, SIZE, generator=generator).to(next(model.parameters()).device)
    with torch.no_grad():
        first = objective(decode(start)).item()
    loop = {"size": SIZE, "start": start, "generator": generator, "callback": callback}
    return fourier_visualization(model, objective, 1, **loop, **numbers), first
