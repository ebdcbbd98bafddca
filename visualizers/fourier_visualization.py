"""Feature visualization in the Fourier basis: a picture that a class, a channel or a layer responds to most.

    spectrum* = argmax  mean over views of  objective( view( picture(spectrum) ) )

climbed with Adam. `picture` is core.parametrisations.decode: 1 / frequency, decorrelated colours, valid by
construction; `view` a small random movement (core.transforms). So no penalty on pixels is needed, nor a blur.
(Olah, Mordvintsev and Schubert, 2017: Feature Visualization; Mordvintsev et al., 2018: Differentiable Image
Parameterizations.) Where we depart: one affine movement with mirrored borders stands for their chain of padding,
jitter, scaling and rotation.
"""

import torch
from torch import Tensor, nn

from core.ascent import Callback, Objective, Step, adam_descent, optimise_pixels
from core.inputs import precise
from core.measuring import measuring
from core.parametrisations import decode, random_spectrum
from core.passes import home_of
from core.transforms import random_view


def fourier_visualization(
    model: nn.Module,
    objective: Objective,
    count: int,
    *,
    size: int = 224,
    iterations: int = 256,
    learning_rate: float = 0.04,
    shift: float = 0.1,
    zoom: float = 0.2,
    rotation: float = 10.0,
    start: Tensor | None = None,
    generator: torch.Generator | None = None,
    callback: Callback | None = None,
) -> Tensor:
    """An objective of core.objectives for `count` pictures -> these, (N, 3, size, size), in the network's units.

    learning_rate: Adam's, in spectra whose numbers have deviation 1 in a natural picture. shift, zoom, rotation: see
    core.transforms.random_view. start: a spectrum, instead of faint noise. The callback sees pictures.
    """
    if start is None:
        start = random_spectrum(count, size, generator=generator)
    home = home_of(model, start)
    start = precise(start.to(home.device, home.dtype))

    def loss(spectrum: Tensor) -> Tensor:
        view = random_view(decode(spectrum), shift=shift, zoom=zoom, rotation=rotation, generator=generator)
        return -objective(view)

    def show(step: Step) -> bool | None:
        return callback(Step(step.iteration, decode(step.image), -step.value))

    with measuring(model):
        spectrum = optimise_pixels(
            start,
            loss,
            adam_descent(lambda _: learning_rate),
            iterations=iterations,
            callback=show if callback is not None else None,
        )
        return decode(spectrum)
