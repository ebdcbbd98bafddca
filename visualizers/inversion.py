"""Feature inversion: what does a layer still remember of the picture? (Mahendran and Vedaldi, 2015)

    image* = argmin  ||Phi(image) - Phi(image_0)||^2 / ||Phi(image_0)||^2
                     + alpha_weight * mean |2 v - 1|^alpha + tv_weight * mean (dx^2 + dy^2)^(beta / 2)

Phi is what the layer gives; v the colours from 0, black, to 1, white; dx and dy the differences of v between
neighbours, their squares summed over the three channels. What the reconstruction shares with the picture, the layer
holds; what it lacks, the layer has thrown away.

Each term is relative, so one set of weights serves every layer and every size: the first is 1 for a picture that
gives nothing, the second at most 1, of black and white alone, and the means run over all pixels. The alpha-norm keeps
the colours about valid ones, the total variation keeps them smooth.

We depart from the paper in how we descend. Steps on pixels, the paper's with momentum or Adam's, find the edges of a
deep layer, but hardly its large areas and their colours. We descend by L-BFGS on the picture's spectrum, as
`core.parametrisations` writes it, frequencies and colours weighed as in natural pictures. At the end colours are cut to
valid ones.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from core.ascent import Step
from core.errors import UsageError, WorkError
from core.gradients import to_network
from core.images import denormalise
from core.inputs import as_images
from core.measuring import measuring
from core.objectives import layer_output
from core.parametrisations import decode_unbounded, encode_unbounded, random_spectrum
from core.passes import gradients_of
from core.priors import clamp_to_valid

FAINT = 0.005  # of a photograph's contrast: deep layers do not care to remove strong noise


def invert_features(
    model: nn.Module,
    images: Tensor,
    layer: str,
    *,
    tv_weight: float = 0.3,
    beta: float = 2.0,
    alpha_weight: float = 0.01,
    alpha: float = 6.0,
    iterations: int = 200,
    start: Tensor | None = None,
    generator: torch.Generator | None = None,
    callback: Callable[[Step], None] | None = None,
) -> Tensor:
    """images (N, 3, H, W) -> what the layer remembers of each, (N, 3, H, W), in the network's units, valid colours.

    The weights and exponents: as in the formula above, without units. iterations: gradients computed for each image,
    those of the line searches included; the last of these may add a few. start: pictures (N, 3, H, W) to descend
    from, instead of faint noise. callback: called after each gradient with the picture (1, 3, H, W) and its objective
    (1,). Each image is inverted by itself, so that none depends on its neighbours.

    Raises UsageError for an unknown layer (the valid ones are listed), for a layer that is 0 everywhere on an image,
    and for starts of another shape; WorkError when the objective is no longer finite.
    """
    images = as_images(images)
    if images.shape[2] != images.shape[3]:
        raise UsageError(f"images: {images.shape[3]} x {images.shape[2]} pixels; square ones are needed, crop them")
    if start is not None and as_images(start, "start").shape != images.shape:
        raise UsageError(f"start: {tuple(start.shape)} for images {tuple(images.shape)}; give one of their shape each")
    features, results = layer_output(model, layer), []
    with measuring(model):
        for index in range(len(images)):
            image = to_network(model, images[index : index + 1])
            wanted = features(image).detach()  # (1, C, h, w)
            size = wanted.square().sum()
            if size == 0:
                raise UsageError(f"layer: '{layer}' gives 0 everywhere for image {index}, so it tells nothing of it")

            def objective(picture: Tensor, wanted: Tensor = wanted, size: Tensor = size) -> Tensor:
                values = denormalise(picture)
                misfit = (features(picture) - wanted).square().sum() / size
                outside = (2 * values - 1).abs().pow(alpha).mean()
                return misfit + alpha_weight * outside + tv_weight * total_variation(values, beta)

            if start is None:
                spectrum = random_spectrum(1, images.shape[2], deviation=FAINT, generator=generator).to(image)
            else:
                spectrum = encode_unbounded(to_network(model, start[index : index + 1]))
            results.append(clamp_to_valid(_descend(objective, spectrum, iterations, callback)))
    return torch.cat(results).to(images)


def total_variation(values: Tensor, beta: float) -> Tensor:
    """mean of (dx^2 + dy^2)^(beta / 2) over the pixels of values (1, 3, H, W); beyond the border nothing changes."""
    right = pad(values[..., 1:] - values[..., :-1], (0, 1))
    down = pad(values[..., 1:, :] - values[..., :-1, :], (0, 0, 0, 1))
    # The tiny constant: without it the root, at beta below 2, has no slope where nothing changes.
    return ((right.square() + down.square()).sum(dim=1) + 1e-12).pow(beta / 2).mean()


def _descend(objective: Callable, spectrum: Tensor, iterations: int, callback: Callable | None) -> Tensor:
    """The picture (1, 3, S, S) of the least objective found from a spectrum in so many gradients."""
    spectrum = spectrum.contiguous().requires_grad_(True)
    optimizer = torch.optim.LBFGS(
        [spectrum],
        max_iter=iterations,
        max_eval=iterations,
        tolerance_grad=0,
        tolerance_change=0,
        history_size=10,
        line_search_fn="strong_wolfe",
    )
    done = 0

    def value_and_gradient() -> Tensor:
        nonlocal done
        done += 1
        picture = decode_unbounded(spectrum)
        # Convolutions like channels last best.
        value = objective(picture.contiguous(memory_format=torch.channels_last))
        (spectrum.grad,) = gradients_of(value, [spectrum], check=False)
        if not (value + spectrum.grad.sum()).isfinite():
            raise WorkError(f"iteration {done}: the objective or its gradient is no longer finite; use smaller weights")
        if callback is not None:
            callback(Step(done, picture.detach(), value.detach()[None]))
        return value.detach()

    optimizer.step(value_and_gradient)
    return decode_unbounded(spectrum.detach())
