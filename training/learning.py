"""How SqueezeNet 1.1 learns the scenes from nothing: its training form, one training step, and folding.

The plain architecture has no normalisation and ends in a ReLU that dies: from nothing it learns slowly or not
at all. While training, a BatchNorm follows every convolution but the last, and the last ReLU is a leaky one
whose slope goes from 1 (no ReLU) to 0 (the plain ReLU). At the end the BatchNorms are folded into the
convolutions, which is exact: what is left is torchvision's plain squeezenet1_1.
"""

import copy

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.models import squeezenet1_1

from core.images import normalise
from core.priors import unit_norm
from training.checkpoints import halved

COLOUR_JITTER = 0.12  # largest relative change of a channel
MOST_SHIFT = 1 / 16  # of the side
REFERENCE_SIZE = 224  # norms of perturbations are given for pictures of this side


class TrainingNet(nn.Module):
    """SqueezeNet 1.1 with BatchNorms and a last ReLU of variable slope: images (N, 3, H, W) -> scores (N, K)."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.plain = squeezenet1_1(num_classes=classes)
        _add_batch_norms(self.plain.features)
        self.slope = 1.0

    def forward(self, images: Tensor) -> Tensor:
        """Scores: the mean of each class map after the leaky ReLU. No dropout: every scene is fresh enough."""
        maps = self.plain.classifier[1](self.plain.features(images))  # (N, K, h, w)
        return F.leaky_relu(maps.float(), self.slope).mean(dim=(2, 3))


def _add_batch_norms(module: nn.Module) -> None:
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Conv2d):
            setattr(module, name, nn.Sequential(child, nn.BatchNorm2d(child.out_channels)))
        else:
            _add_batch_norms(child)


def _fold_batch_norms(module: nn.Module) -> None:
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Sequential) and [type(part) for part in child] == [nn.Conv2d, nn.BatchNorm2d]:
            setattr(module, name, fuse_conv_bn_eval(child[0], child[1]))
        else:
            _fold_batch_norms(child)


def fold(network: TrainingNet) -> nn.Module:
    """The plain squeezenet1_1, in eval mode, that gives the training form's scores at slope 0."""
    plain = copy.deepcopy(network.plain).eval()
    _fold_batch_norms(plain.features)
    # A new one, to be sure that it is the architecture and nothing else.
    result = squeezenet1_1(num_classes=plain.classifier[1].out_channels)
    result.load_state_dict(plain.state_dict())
    return result.requires_grad_(False).eval().to(memory_format=torch.channels_last)


def shipped_state(network: TrainingNet) -> dict[str, Tensor]:
    """The folded weights in half precision: the state dict that is stored."""
    return halved(fold(network))


def as_shipped(network: TrainingNet) -> nn.Module:
    """The network that a reader of the stored weights gets: folded, weights rounded to half precision."""
    result = fold(network)
    result.load_state_dict(shipped_state(network))
    return result


def augment(images: np.ndarray, generator: torch.Generator) -> Tensor:
    """uint8 (N, H, W, 3) -> normalised (N, 3, H, W): mirrored, shifted, channels permuted and scaled at random.

    No class changes by any of these: the scenes' colours are drawn at random, and no class has a handedness.
    """
    count, size = images.shape[:2]
    reach = round(size * MOST_SHIFT)
    mirrored = torch.rand(count, generator=generator) < 0.5
    shifts = torch.randint(-reach, reach + 1, (count, 2), generator=generator).tolist()
    order = torch.rand(count, 3, generator=generator).argsort(dim=1)
    gains = 1 + COLOUR_JITTER * (2 * torch.rand(count, 3, 1, 1, generator=generator) - 1)
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2)  # (N, 3, H, W)
    padded = F.pad(pixels.float() / 255, (reach,) * 4, mode="reflect")
    result = torch.empty_like(pixels, dtype=torch.float32, memory_format=torch.channels_last)
    for index, (down, right) in enumerate(shifts):
        top, left = reach + down, reach + right
        picture = padded[index, order[index], top : top + size, left : left + size]
        result[index] = picture.flip(2) if mirrored[index] else picture
    return normalise((result * gains).clamp(0, 1))


def perturb(network: nn.Module, images: Tensor, labels: Tensor, norm: float) -> Tensor:
    """The images after one step of length `norm` that makes the loss larger (Goodfellow et al., 2015, in L2).

    norm: Euclidean, in normalised units, for a picture of REFERENCE_SIZE; it shrinks with the side.
    """
    images = images.detach().requires_grad_(True)
    loss = F.cross_entropy(network(images), labels, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, images)
    return (images + norm * images.shape[-1] / REFERENCE_SIZE * unit_norm(gradient)).detach()


def freeze_statistics(network: nn.Module) -> None:
    """Let the BatchNorms use their running statistics, as the folded network will."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


def train_step(
    network: TrainingNet,
    optimizer: torch.optim.Optimizer,
    images: Tensor,
    labels: Tensor,
    *,
    norm: float,
    smoothing: float,
    half_precision: bool,
) -> float:
    """One step on a batch whose first half is perturbed by `norm` (0: none); return the loss."""
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half_precision):
        if norm > 0:
            half = len(images) // 2
            images = torch.cat([perturb(network, images[:half], labels[:half], norm), images[half:]])
        loss = F.cross_entropy(network(images), labels, label_smoothing=smoothing)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss.item()
