"""Which of torchvision's networks a state dict is of: for the sentence that says why it is refused."""

import warnings
from collections.abc import Mapping

import torch
import torchvision
from torch import Tensor
from torchvision.models import get_model, list_models

# Torchvision's architectures by an entry that only they have, and how their names begin.
FAMILIES = (
    ("layer4.0.conv1.weight", "a ResNet", ("resnet", "resnext", "wide_resnet")),
    ("features.denseblock1.denselayer1.norm1.weight", "a DenseNet", ("densenet",)),
    ("Conv2d_1a_3x3.conv.weight", "an Inception network", ("inception",)),
    ("inception3a.branch1.conv.weight", "a GoogLeNet", ("googlenet",)),
    ("conv_proj.weight", "a vision transformer", ("vit",)),
    ("trunk_output.block1.block1-0.f.a.0.weight", "a RegNet", ()),
    ("features.3.squeeze.weight", "a SqueezeNet", ("squeezenet",)),
    ("classifier.6.weight", "an AlexNet or VGG", ("alexnet", "vgg")),
    ("features.0.0.weight", "one of torchvision's MobileNets, EfficientNets, ConvNeXts or Swins", ("mobilenet",)),
)


def recognised(state: Mapping[str, Tensor]) -> str:
    """Which of torchvision's networks this state dict is of, "torchvision's resnet18"; nothing if it is of none."""
    for mark, family, beginnings in FAMILIES:
        prefix = next((key.removesuffix(mark) for key in state if f".{key}".endswith(f".{mark}")), None)
        if prefix is None:
            continue
        shapes = {key.removeprefix(prefix): value.shape for key, value in state.items() if key.startswith(prefix)}
        for name in list_models(module=torchvision.models):
            if name.startswith(beginnings) and _agree(shapes, name):
                return f"torchvision's {name}"
        return family
    return ""


def _agree(shapes: Mapping[str, torch.Size], name: str) -> bool:
    """Whether this network of torchvision's has these entries, whatever its number of classes."""
    with warnings.catch_warnings(), torch.device("meta"):  # shapes alone
        warnings.simplefilter("ignore")  # of the initial weights
        wanted = get_model(name).state_dict()
    if wanted.keys() != shapes.keys():
        return False
    return all(wanted[key].shape[1:] == shape[1:] for key, shape in shapes.items())
