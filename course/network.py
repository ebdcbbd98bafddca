"""The shared network run by hand in double precision: SqueezeNet's convolutions, with a ReLU that can be replaced."""

from collections.abc import Callable
from copy import deepcopy
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

Relu = Callable[[Tensor, str], Tensor]  # a layer's input, and where it stands: "first", "fire" or "head"
_doubles: WeakKeyDictionary[nn.Module, nn.Module] = WeakKeyDictionary()


def as_double(network: nn.Module) -> nn.Module:
    """A double copy of the network, frozen, in eval mode; made once. The network itself is left as it is."""
    if network not in _doubles:
        copy = deepcopy(network).double().cpu().eval().requires_grad_(False)
        _doubles[network] = copy.to(memory_format=torch.contiguous_format)
    return _doubles[network]


def plain_relu(x: Tensor, _place: str) -> Tensor:
    return x.clamp(min=0)


def layers_of(network: nn.Module, x: Tensor, relu: Relu = plain_relu, start: int = 0) -> list[Tensor]:
    """The output of each module of `features` from `start` on, that of a convolution before its ReLU."""
    outputs = []
    for module in list(network.features)[start:]:
        if isinstance(module, nn.ReLU):
            x = relu(x, "first")
        elif hasattr(module, "squeeze"):
            x = relu(module.squeeze(x), "fire")
            x = torch.cat([relu(module.expand1x1(x), "fire"), relu(module.expand3x3(x), "fire")], dim=1)
        else:
            x = module(x)
        outputs.append(x)
    return outputs


def head(network: nn.Module, features: Tensor, relu: Relu = plain_relu) -> Tensor:
    """The last features (N, 512, h, w) -> scores (N, K)."""
    return relu(network.classifier[1](features), "head").mean(dim=(2, 3))


def scores_of(network: nn.Module, X: Tensor, relu: Relu = plain_relu) -> Tensor:
    """X (N, 3, H, W) -> scores (N, K)."""
    return head(network, layers_of(network, X, relu)[-1], relu)
