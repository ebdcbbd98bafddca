"""The blocks of any network, from the answer down to the picture, and a block of it made random.

The blocks are found, not named: a part that holds more than half of a network's layers is its trunk and is taken apart,
until no part holds more than half. So a ResNet has its stages, a transformer its encoder layers, a DenseNet its dense
blocks and transitions. They are told in the order in which a forward pass runs them, whatever the order in which they
were written down.
"""

from copy import deepcopy

import torch
from torch import Tensor, nn

from core.errors import UsageError
from core.gradients import class_map_layer
from core.layers import SIDE, walk
from core.measuring import measuring
from core.passes import home_of, in_one_sentence

MOST = 24  # blocks, so that a figure can show them
RESETS = ("reset_parameters", "_reset_parameters")  # how modules of PyTorch call their own initialisation
REMEDY = "make them its own: prune.remove, remove_weight_norm or remove_parametrizations"


def blocks_of(model: nn.Module, images: Tensor | None = None) -> list[str]:
    """What is randomised in turn, from the top: "fc", "layer4", ..., "conv1"; of SqueezeNet "classifier.1" and so on.

    images (N, 3, H, W) tell the size of pictures, where the network does not carry its `input_size`. Raises UsageError
    for a network without weights, or with computed ones, and for one that cannot take the picture.
    """
    return list(layers_of_blocks(model, images))


def layers_of_blocks(model: nn.Module, images: Tensor | None = None) -> dict[str, list[str]]:
    """Each block, from the top, and the names of the modules with weights of their own that it holds.

    What stands between the blocks, as a class token does, and what takes no part in a forward pass go with the lowest.
    """
    if is_squeezenet(model):
        below = [f"features.{name}" for name, block in model.features.named_children() if list(block.parameters())]
        names = [class_map_layer(model), *reversed(below)]
        return {name: [each for each in _layers(model) if _within(each, name)] for name in names}
    layers = _layers(model)
    if not layers:
        raise UsageError(f"model: {type(model).__name__} has no weights that could be randomised")
    starts = _starts(model, images)
    blocks = _taken_apart(model, layers, starts)
    found: dict[str, list[str]] = {}
    for name in blocks:
        inside = [each for each in layers if _within(each, name)]
        module = model.get_submodule(name)
        vectors_alone = inside == [name] and all(values.dim() <= 1 for values in module.parameters())
        if vectors_alone and found and (before := list(found)[-1]) == found[before][0]:  # a layer's normalisation
            found[before] += inside
        else:
            found[name] = inside
    covered = {each for inside in found.values() for each in inside}
    found[next(iter(found))] += [name for name in layers if name not in covered]
    return dict(reversed(found.items()))


def is_squeezenet(model: nn.Module) -> bool:
    """Whether it is built like SqueezeNet: `features` in sequence, and a last convolution, ReLU and mean."""
    return class_map_layer(model) is not None and isinstance(getattr(model, "features", None), nn.Sequential)


@torch.no_grad()
def randomise(network: nn.Module, block: str, layers: list[str], generator: torch.Generator) -> None:
    """Give the layers of a block new weights, each by its own initialisation; of SqueezeNet, as torchvision does.

    Statistics of batches are forgotten. A parameter that its module does not initialise, such as a class token or the
    scales of layers, is drawn from a normal distribution around 0 as wide as its root mean square. Raises UsageError
    where weights are computed from others: pruned, normalised or parametrised.
    """
    if is_squeezenet(network):
        return _initialise_squeezenet(network, block, generator)
    for name in layers:
        module = network.get_submodule(name)
        _refuse_computed(name, module)
        fresh = deepcopy(module).to("cpu", torch.float32)  # chance is drawn on the CPU, then moved
        seed = int(torch.randint(2**31, (1,), generator=generator))
        reset = next((getattr(fresh, each) for each in RESETS if callable(getattr(fresh, each, None))), None)
        with torch.random.fork_rng(devices=[]), in_one_sentence(f"model: '{name}' cannot be initialised anew"):
            torch.default_generator.manual_seed(seed)
            if reset is not None:
                reset()
            for own, values in module.named_parameters(recurse=False):
                new = fresh.get_parameter(own)
                if reset is None or (torch.equal(new, values.to(new)) and new.unique().numel() > 1):
                    new.normal_().mul_(values.to(new).square().mean().sqrt())
                values.copy_(new)
        for own, values in module.named_buffers(recurse=False):
            values.copy_(fresh.get_buffer(own))


def _initialise_squeezenet(network: nn.Module, block: str, generator: torch.Generator) -> None:
    """As torchvision does for SqueezeNet: He's uniform weights, normal ones in the last convolution; no biases."""
    for module in network.get_submodule(block).modules():
        if isinstance(module, nn.Conv2d):
            _refuse_computed(block, module)
            values = torch.empty(module.weight.shape, dtype=torch.float32)  # drawn on the CPU, then moved
            if block == class_map_layer(network):
                nn.init.normal_(values, std=0.01, generator=generator)
            else:
                nn.init.kaiming_uniform_(values, generator=generator)
            module.weight.copy_(values)
            if module.bias is not None:
                module.bias.zero_()


def _refuse_computed(name: str, module: nn.Module) -> None:
    computed = hasattr(module, "parametrizations") or any(
        isinstance(getattr(module, own, None), Tensor) and own not in (module._parameters | module._buffers)
        for own in ("weight", "bias", "in_proj_weight")
    )
    if computed:
        words = f"the weights of '{name}' are computed from others (pruned, normalised or parametrised)"
        raise UsageError(f"model: {words}, so they cannot be randomised; {REMEDY}")


def _layers(model: nn.Module) -> list[str]:
    """The modules that hold parameters themselves, or whose weights are computed, as they were written down."""
    return [
        name
        for name, module in model.named_modules()
        if hasattr(module, "parametrizations") or next(module.parameters(recurse=False), None) is not None
    ]


def _starts(model: nn.Module, images: Tensor | None) -> dict[str, int]:
    """When each module began in a forward pass; a part that is never called itself, when the first within it did."""
    side = getattr(model, "input_size", None)
    size = (side, side) if isinstance(side, int) else (SIDE, SIDE) if images is None else tuple(images.shape[2:])
    home = home_of(model, torch.empty(0))
    picture = torch.zeros(1, 3, *size, device=home.device, dtype=home.dtype)
    with measuring(model), torch.no_grad():
        calls, _ = walk(model, picture)
    starts: dict[str, int] = {}
    for call in calls:
        parts = call.name.split(".")
        for length in range(len(parts) + 1):
            part = ".".join(parts[:length])
            starts[part] = min(call.start, starts.get(part, call.start))
    return starts


def _taken_apart(model: nn.Module, layers: list[str], starts: dict[str, int]) -> list[str]:
    """The blocks in order of execution, from the whole network down to parts of at most half of its layers."""
    blocks = [""]
    while True:
        trunk = max(blocks, key=lambda block: sum(_within(each, block) for each in layers))
        children = [f"{trunk}.{name}".lstrip(".") for name, _ in model.get_submodule(trunk).named_children()]
        parts = [part for part in children if part in starts and any(_within(each, part) for each in layers)]
        half = 2 * sum(_within(each, trunk) for each in layers) <= len(layers)
        if half or not parts or len(blocks) - 1 + len(parts) > MOST:
            return [block for block in blocks if block] or layers[:1]
        place = blocks.index(trunk)
        blocks[place : place + 1] = sorted(parts, key=starts.__getitem__)


def _within(name: str, part: str) -> bool:
    """Whether a module is this part of the network or lies in it."""
    return not part or name == part or name.startswith(f"{part}.")
