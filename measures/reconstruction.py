"""How near does a picture come to another, for the eye and for a layer? One number an image.

error of the picture   ||x - x_0|| / ||x_0 - mean colour of x_0||    1 is what a blank picture of that colour gets
error of the layer     ||Phi(x) - Phi(x_0)|| / ||Phi(x_0)||          1 is what a layer that gives 0 gets
SSIM                   structural similarity (Wang et al., 2004)     1 for equal pictures, about 0 for unrelated ones
"""

import torch
from skimage.metrics import structural_similarity
from torch import Tensor, nn

from core.errors import UsageError
from core.gradients import to_network
from core.images import denormalise
from core.inputs import check_images, precise
from core.measuring import measuring
from core.objectives import layer_output


def picture_error(pictures: Tensor, originals: Tensor) -> Tensor:
    """Both (N, 3, H, W) in the network's units -> (N,), over the colours from 0 to 1; nan for a blank original."""
    _check(pictures, originals)
    pictures, originals = (denormalise(each.detach().to(pictures.device).double()) for each in (pictures, originals))
    contrast = (originals - originals.mean(dim=(2, 3), keepdim=True)).flatten(1).norm(dim=1)
    error = (pictures - originals).flatten(1).norm(dim=1) / contrast
    return error.where(contrast > 1e-9 * originals[0].numel(), torch.nan)


def pattern_error(pictures: Tensor, originals: Tensor) -> Tensor:
    """Both (N, 3, H, W) -> (N,), from 0 to 2; nan where one is blank.

    Neither colour casts nor contrast count. A faint reconstruction is nearer to a blank picture, which has an error
    of the picture of only 1, and so it can beat a vivid one that keeps more.
    """
    _check(pictures, originals)
    centred = [denormalise(each.detach().to(pictures.device).double()) for each in (pictures, originals)]
    ours, wanted = ((each - each.mean(dim=(2, 3), keepdim=True)).flatten(1) for each in centred)
    sizes = ours.norm(dim=1) * wanted.norm(dim=1)
    return 1 - ((ours * wanted).sum(dim=1) / sizes).where(sizes > 1e-12, torch.nan)


def layer_error(model: nn.Module, pictures: Tensor, originals: Tensor, layer: str) -> Tensor:
    """Both (N, 3, H, W) -> (N,). Raises UsageError for an unknown layer."""
    _check(pictures, originals)
    features, errors = layer_output(model, layer), []
    with measuring(model), torch.no_grad():
        for pair in zip(pictures.split(1), originals.split(1), strict=True):
            ours, wanted = (features(to_network(model, each)) for each in pair)
            errors.append((ours - wanted).norm() / wanted.norm())
    return torch.stack(errors).to(precise(pictures))


def ssim(pictures: Tensor, originals: Tensor) -> Tensor:
    """Both (N, 3, H, W) -> (N,): colours from 0 to 1, clipped; windows of 7 x 7; the mean over the three channels."""
    _check(pictures, originals)
    both = [denormalise(precise(each.detach())).clamp(0, 1).double().cpu().numpy() for each in (pictures, originals)]
    pairs = zip(*both, strict=True)
    values = [structural_similarity(one, other, data_range=1, channel_axis=0) for one, other in pairs]
    return torch.tensor(values, device=pictures.device)


def _check(pictures: Tensor, originals: Tensor) -> None:
    check_images(pictures, "pictures")
    check_images(originals, "originals")
    if pictures.shape != originals.shape:
        shapes = f"{tuple(pictures.shape)} for originals {tuple(originals.shape)}"
        raise UsageError(f"pictures: shape {shapes}; both must be equal")
