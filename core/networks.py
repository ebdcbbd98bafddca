"""Any network that classifies pictures, by name: torchvision's, timm's, or one that a function of the caller's makes.

    load_network("resnet18")                            torchvision's, with its own weights
    load_network("timm:vit_tiny_patch16_224")           timm's (optional: requirements-models.txt)
    load_network("my_package.models:build", "my.pth")   what the function returns, with the weights of a file

All of them read pictures in one unit, that of `core.images.normalise`: it is a coordinate of pictures, not a property
of a network. One that wants another mean and spread converts at its own input (`InputConversion`).
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from core.architectures import recognised
from core.checkpoints import MOST_BYTES, Checkpoint, classes_in, in_its_names, misfit, state_of_checkpoint
from core.class_names import IMAGENET_NAMES, check_count, numbered, read_class_names
from core.defaults import SHARED
from core.errors import UsageError
from core.images import IMAGENET_MEAN, IMAGENET_STD
from core.kept import NoFile, Unreadable, sha256_of
from core.own_networks import build_own, code_hash, find_function
from core.passes import in_one_sentence, scores_of
from core.paths import as_path
from core.squeezenet import TITLE, choose_device, load_squeezenet
from core.tensor_files import checksum_of
from core.timm_models import build_timm, find_timm, load_timm
from core.torchvision_models import (
    build_torchvision,
    check_model_name,
    in_todays_names,
    load_torchvision,
    own_weights,
)

TIMM = "timm:"
TIMMS_NAMES = {"mean": "pixel_mean", "std": "pixel_std", "input_size": "input_size"}  # in its configurations: ours
RANDOM = "random"  # weights that were never trained
WEIGHTS_OF_SQUEEZENET = ("imagenet", "patterns")
SEED = 0  # of random weights, also of those that a function of the caller's gives its network
ELSE = "pass --weights FILE, or --weights random for a network that was never trained"
OTHERS = ", or timm:NAME, or package.module:function for a network of your own"
REMEDY = "for a network that was changed, give --model package.module:function, which makes it"
UNSOUND = "take the weights of an earlier epoch, or train again"
SIDES = (224, 32, 28, 64, 96, 112, 128, 160, 192, 256, 299, 384, 448, 512)  # tried where none is told
ONE_SCORE = "1 score alone (every probability is 1; for two classes give scores (N, 2), such as 0 and the score)"
MORE = 32  # pixels a side, of the square that tells whether a network takes another size


class Origin(NamedTuple):
    """Where a network comes from."""

    build: Callable[[int | None], nn.Module]  # with so many classes, random weights; None: as many as it has
    pretrained: Callable[[], nn.Module]  # with its own weights
    renamed: Callable[[Mapping[str, Tensor]], dict[str, Tensor]] = dict  # a state dict in the names of today
    of_imagenet: bool = True  # its 1000 classes are ImageNet's
    facts: Mapping[str, object] = {}  # input_size, pixel_mean, pixel_std, where the network does not carry them


class InputConversion:
    """A forward pre-hook: pictures in this package's units -> those of a network with another mean and spread.

    x_network = (x std_imagenet + mean_imagenet - mean) / std, for each channel, in the type and on the device of x.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        self.scale = [ours / its for ours, its in zip(IMAGENET_STD, std, strict=True)]
        self.shift = [(ours - its) / by for ours, its, by in zip(IMAGENET_MEAN, mean, std, strict=True)]

    def __call__(self, _module: nn.Module, inputs: tuple) -> tuple:
        images, *others = inputs
        scale, shift = (images.new_tensor(values).view(3, 1, 1) for values in (self.scale, self.shift))
        return (images * scale + shift, *others)


def load_network(
    model: str = SHARED,
    weights: str | Path = "auto",
    device: str | torch.device | None = None,
    classes: str | Path | None = None,
) -> nn.Module:
    """A network in eval mode, its parameters frozen, that gives scores (N, K) for pictures (N, 3, H, W).

    It carries, besides what `core.squeezenet.load_squeezenet` tells of (`class_names`, `weights_name`, `weights_note`):
        model_name              as given            title       what figures call it
        input_size              the side in pixels of the squares that it is made for
        takes_any_size          whether it takes another size, too
        pixel_mean, pixel_std   three numbers each, of RGB in [0, 1], that its weights want

    model: the name of an image classifier of torchvision, "timm:" and a name of timm's, or "package.module:function",
        which is imported, also from the current folder, and called: it returns the network, which may itself carry
        class_names, input_size, pixel_mean and pixel_std.
    weights: "auto", the network's own; "random", of seed 0; or a file, of which no code is run. Of SqueezeNet 1.1 see
        `load_squeezenet`.
    classes: a file of the classes' names, one a line or a JSON list; or "imagenet". None: those that come with the
        weights.

    Raises UsageError, one sentence, for what cannot be used; WorkError where weights or a package cannot be had.
    """
    given = None if classes is None else read_class_names(classes)
    if model == SHARED and str(weights) != RANDOM:
        network = load_squeezenet(weights, device)
        if given is not None:
            network.class_names = check_count(given, len(network.class_names), f"'{classes}'")
        return network
    where, origin = choose_device(device), find_origin(model)
    network, found = _with_weights(model, str(weights), origin)
    with in_one_sentence(f"model: {model} cannot be frozen, put into eval mode, or moved to {where}"):
        network.to(where).eval()
        for parameter in network.parameters():  # TorchScript's networks have no requires_grad_ of their own
            parameter.requires_grad_(False)
        in_channels_last(network)
    network.model_name, network.title = model, TITLE if model == SHARED else model.removeprefix(TIMM)
    count = describe(network, origin.facts)
    names, passed_over = (given, "") if given is not None else _names(network, found, count, origin)
    network.class_names = check_count(names, count, f"'{classes}'")
    network.weights_name = found.name or f"as built (sha256 {hash_of(network)[:8]})"
    if ":" in model and not model.startswith(TIMM):
        network.weights_name += f", code {code_hash(network, model)[:8]}"
    classes_told = "" if count == len(IMAGENET_NAMES) else f"{count} classes" if count > 1 else ONE_SCORE
    told = (network.weights_name, found.note, passed_over, classes_told)
    network.weights_note = f"network: {network.title}; weights: {', '.join(filter(None, told))}, {found.source}"
    return network


def find_origin(model: str) -> Origin:
    """Raises UsageError for a name of no form, or one that nothing has."""
    if model.startswith(TIMM):
        name = model.removeprefix(TIMM)
        find_timm(name)
        return Origin(partial(build_timm, name), partial(load_timm, name, otherwise=ELSE))
    if ":" in model:
        own = partial(build_own, find_function(model), model)
        return Origin(lambda _classes: own(), own, of_imagenet=False)
    check_model_name(model, others=OTHERS)
    transforms = own_weights(model).transforms()
    facts = {"input_size": transforms.crop_size[0], "pixel_mean": transforms.mean, "pixel_std": transforms.std}
    return Origin(
        partial(build_torchvision, model),
        partial(load_torchvision, model, otherwise=ELSE),
        partial(in_todays_names, model),
        facts=facts,
    )


class Found(NamedTuple):
    """What is told of weights."""

    name: str  # for figures; nothing: by their hash
    note: str  # what was taken of a file that holds more
    source: str  # "from the path given"
    checkpoint: Checkpoint | None = None


def _with_weights(model: str, weights: str, origin: Origin) -> tuple[nn.Module, Found]:
    own = ":" in model and not model.startswith(TIMM)
    if weights in WEIGHTS_OF_SQUEEZENET:
        words = f"'{weights}' are those of SqueezeNet 1.1; for {model} give auto, random, or a file"
        raise UsageError(f"weights: {words}")
    # Random weights come from torch's own generator, which goes on afterwards as if they had not.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(SEED)
        if weights == "auto":
            network = origin.pretrained()
            name = "" if own else getattr(network, "weights_name", "")
            source = "as the function returns them" if own else getattr(network, "weights_source", "of its own")
            return network, Found(name, "", source if own else f"from {source}")
        if weights == RANDOM:
            if own:
                words = f"'{RANDOM}' is not for a function, which gives its network with its weights"
                raise UsageError(f"weights: {words}; leave out --weights, or give a file")
            return without_zeros(origin.build(None)), Found(f"{RANDOM} (seed {SEED})", "", "never trained")
        return _from_file(model, as_path(weights, "weights"), origin)


def _from_file(model: str, path: Path, origin: Origin) -> tuple[nn.Module, Found]:
    try:
        name = f"{path.name} (sha256 {sha256_of(path, MOST_BYTES)[:8]})"
        checkpoint = state_of_checkpoint(path)
        network = origin.build(None)
        state, taken_off = in_its_names(origin.renamed(checkpoint.state), network.state_dict())
        classes = classes_in(state, network.state_dict())
        if classes is not None:
            network = origin.build(classes)
        wrong = misfit(state, network.state_dict(), model)
    except NoFile as error:
        raise UsageError(f"weights: '{path}' {error}; give a .pth, .pt or .safetensors file, auto or random") from None
    except Unreadable as error:
        raise UsageError(f"weights: '{path}' {error}") from None
    if wrong:
        known = recognised(checkpoint.state)
        another = known.startswith("torchvision's") and not known.endswith(f" {model}")
        kind = f": it is of {known}" if another else ""
        raise UsageError(f"weights: {name} {wrong}{kind}; {UNSOUND if wrong.endswith('not finite') else REMEDY}")
    network.load_state_dict(state)
    note = ", ".join(filter(None, (checkpoint.note, taken_off)))
    return network, Found(name, note, "from the path given", checkpoint)


def _names(network: nn.Module, found: Found, count: int, origin: Origin) -> tuple[tuple[str, ...], str]:
    """The names that come with the weights, or with the network, or ImageNet's; and what was passed over."""
    note = ""
    if found.checkpoint is not None and found.checkpoint.class_names is not None:
        names = found.checkpoint.class_names
        if len(names) == count:
            return tuple(names), ""
        note = f"without its {len(names)} class names, which are not one for each of {count} classes"
    carried = getattr(network, "class_names", None)
    if carried is not None:
        return check_count(tuple(map(str, carried)), count, "the network's class_names"), note
    return IMAGENET_NAMES if origin.of_imagenet and count == len(IMAGENET_NAMES) else numbered(count), note


def describe(network: nn.Module, facts: Mapping[str, object]) -> int:
    """Let the network carry its input's size, mean and spread; convert its input; return the number of its classes.

    They are the network's own, else those of its timm configuration, else `facts`, else ImageNet's, with the first of
    SIDES that it takes. Raises UsageError where it gives no scores (N, K).
    """
    timms = getattr(network, "pretrained_cfg", None)
    of_timm = {TIMMS_NAMES[name]: value for name, value in dict(timms or {}).items() if name in TIMMS_NAMES}
    carried = {name: value for name, value in vars(network).items() if name in TIMMS_NAMES.values()}
    told = {"pixel_mean": IMAGENET_MEAN, "pixel_std": IMAGENET_STD, **facts, **of_timm, **carried}
    network.pixel_mean, network.pixel_std = (_three(told[name], name) for name in ("pixel_mean", "pixel_std"))
    if (network.pixel_mean, network.pixel_std) != (IMAGENET_MEAN, IMAGENET_STD):
        # Before the owner's own hooks, which see what the network does.
        network.register_forward_pre_hook(InputConversion(network.pixel_mean, network.pixel_std), prepend=True)
    network.input_size, count = _first_taken(network, _sides(told.get("input_size")))
    try:
        network.takes_any_size = _classes_at(network, network.input_size + MORE) == count
    except UsageError:
        network.takes_any_size = False
    return count


def _three(values: object, name: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(value) for value in values)
    except (TypeError, ValueError):
        numbers = ()
    if len(numbers) != 3 or (name == "pixel_std" and min(numbers) <= 0):
        raise UsageError(f"model: its {name} is {values!r}; three numbers are needed, of red, green and blue in [0, 1]")
    return numbers


def _sides(size: object) -> tuple[int, ...]:
    """The sides to be tried: that of 224, (224, 224) or (3, 224, 224), or SIDES for None."""
    if size is None:
        return SIDES
    side = size[-1] if isinstance(size, Sequence) and size else size
    if not isinstance(side, int) or side < 1 or (isinstance(size, Sequence) and len(set(size[-2:])) > 1):
        raise UsageError(f"model: its input_size is {size!r}; the side of a square in pixels is needed")
    return (side,)


def _first_taken(network: nn.Module, sides: tuple[int, ...]) -> tuple[int, int]:
    """The first side that the network takes, and its number of classes. Raises the first's error if it takes none."""
    errors = []
    for side in sides:
        try:
            return side, _classes_at(network, side)
        except UsageError as error:
            errors.append(error)
    raise errors[0]


@torch.no_grad()
def _classes_at(network: nn.Module, side: int) -> int:
    """The number of scores for one grey picture."""
    return scores_of(network, torch.zeros(1, 3, side, side)).shape[1]


def without_zeros(network: nn.Module) -> nn.Module:
    """The network, its layers that begin at zero filled with numbers: a head of zeros has blank maps alone."""
    for parameter in network.parameters():
        if parameter.dim() > 1 and not parameter.any():
            nn.init.normal_(parameter, std=0.02)
    return network


def in_channels_last(network: nn.Module) -> None:
    """Convolutions on a CPU run about twice as fast so; the numbers are the same."""
    for parameter in network.parameters():
        if parameter.dim() == 4 and parameter.layout == torch.strided:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


def hash_of(network: nn.Module) -> str:
    """Of the weights as they are, so that what was made with others is told apart."""
    state = network.state_dict()
    plain = {key: value for key, value in state.items() if isinstance(value, Tensor) and not value.is_quantized}
    return checksum_of(plain, {})
