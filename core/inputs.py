"""Images as they come in: what is no picture is refused, and numbers are at least in float32.

The rule is that of `core.gradients`: only a pass through a network runs in a type of its own, the network's.
"""

import torch
from torch import Tensor

from core.errors import UsageError


def check_images(images: Tensor, name: str = "images", *, single: bool = False) -> None:
    """Raise UsageError unless it is a tensor (N, 3, H, W) of finite floating numbers, N at least 1; 1 if `single`.

    name: of the argument, for the message.
    """
    shape = "(1, 3, H, W)" if single else "(N, 3, H, W)"
    if not isinstance(images, Tensor):
        raise UsageError(f"{name}: a tensor of shape {shape} is needed, got {type(images).__name__}")
    if images.dim() != 4 or images.shape[1] != 3 or (single and len(images) > 1):
        raise UsageError(f"{name}: a tensor of shape {shape} is needed, got {tuple(images.shape)}")
    if not images.numel():
        raise UsageError(f"{name}: none given, the shape is {tuple(images.shape)}; at least one is needed")
    if images.layout != torch.strided or images.is_meta or images.is_complex():
        kind = "on the 'meta' device" if images.is_meta else f"{images.dtype}, {images.layout}"
        raise UsageError(f"{name}: a plain tensor of real numbers is needed, got one {kind}")
    if not images.is_floating_point():
        words = "are not what the network reads; core.images.preprocess makes that of 8-bit pictures"
        raise UsageError(f"{name}: whole numbers ({images.dtype}) {words}")
    if images.element_size() < 2:
        raise UsageError(f"{name}: {images.dtype} is too coarse for a picture; give float16 or more")
    # A sum is finite if all numbers are; if it is not, it may only have grown too large.
    if not images.detach().sum().isfinite() and not images.detach().isfinite().all():
        wrong = int((~images.detach().isfinite()).flatten(1).any(dim=1).nonzero()[0])
        raise UsageError(f"{name}: image {wrong} has values that are not finite (NaN or infinity); mend it first")


def as_images(images: Tensor, name: str = "images", *, single: bool = False) -> Tensor:
    """Images (N, 3, H, W), checked and detached, in their own type, but at least in float32; on their device."""
    check_images(images, name, single=single)
    images = images.clone() if images.is_inference() else images.detach()
    return precise(images)


def precise(values: Tensor) -> Tensor:
    """The values in float64 if they are, else in float32: sums of many of them are lost in half precision."""
    return values if values.dtype in (torch.float32, torch.float64) else values.float()


def like_images(argument: str, value: Tensor | float, images: Tensor) -> Tensor:
    """A number or a picture, such as a baseline, as a picture for each of the images (N, 3, H, W)."""
    try:
        return torch.as_tensor(value).to(images).expand_as(images)
    except RuntimeError:
        shapes = f"{tuple(torch.as_tensor(value).shape)} for images {tuple(images.shape)}"
        raise UsageError(f"{argument}: shape {shapes}; give a number or a picture that broadcasts to them") from None
