"""What the page shows to all who look: the networks, loaded once, and the pictures that they may choose."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from torch import Tensor, nn
from torchvision.models import SqueezeNet

from core.defaults import PHOTOGRAPHS, SHARED
from core.errors import UsageError
from core.images import centre_crop, default_photograph, load_image, preprocess
from core.layers import spread_layers
from core.networks import load_network
from core.squeezenet import load_squeezenet
from patterns.scenes import CLASS_NAMES, render_scene
from studies.shared.examples import CLASSES as SCENES
from studies.shared.maps import lacking
from studies.shared.network import class_probabilities, class_title
from visualizers.catalogue import TECHNIQUES

SIDE = 224  # pixels of the square that the networks are shown
MOST_BYTES = 20_000_000  # of an upload
MOST_LAYERS = 13  # of the layer slider
EMBEDDED = "patterns"


@dataclass(frozen=True, eq=False)  # each is one of its own: arrays cannot be compared at once
class Chosen:
    """A picture that somebody chose, as a network sees it."""

    name: str
    flags: str  # of the command that shows the network the same picture
    pixels: np.ndarray  # uint8 (H, W, 3), square
    mask: np.ndarray | None = None  # bool (H, W): where the object is, if somebody knows

    @property
    def image(self) -> Tensor:
        """(1, 3, H, W), in the network's units."""
        return preprocess(self.pixels)


@dataclass(frozen=True, eq=False)  # each is one of its own: arrays cannot be compared at once
class Asked:
    """What all tabs start from: a picture, a network by its name in the world, and the class that is asked about."""

    network: str
    chosen: Chosen
    label: int
    probabilities: Tensor = field(repr=False)  # (K,), of this picture


class World:
    """The networks of a page by name. They are shared: nothing that the page calls leaves a trace on them."""

    def __init__(
        self, weights: str = "auto", device: str = "auto", *, model: str = SHARED, classes: str | None = None
    ) -> None:
        """The network asked for, and the embedded one beside it. Raises UsageError or WorkError as `load_network` does.

        UsageError, too, for a network that cannot take squares of SIDE pixels.
        """
        first = load_network(model, weights, device, classes)
        if first.input_size != SIDE and not first.takes_any_size:
            raise UsageError(f"model: {first.title} takes pictures of {first.input_size} pixels, the page shows {SIDE}")
        self.networks: dict[str, nn.Module] = {_name_of(first): first}
        self._flags = {_name_of(first): _flags_of(model, weights, classes)}
        if model != SHARED or not knows_scenes(first):
            second = load_squeezenet(EMBEDDED, device)
            self.networks[_name_of(second)] = second
            self._flags[_name_of(second)] = _flags_of(SHARED, EMBEDDED, None)
        self.device = next(first.parameters()).device
        self.nowhere = Path("visualization")  # what studies' settings name as their output; nothing is written there
        self._suited: dict[str, set[str]] = {}
        self._layers: dict[str, list[str]] = {}

    def suited(self, network: str) -> set[str]:
        """The names of the techniques that the network can have."""
        if network not in self._suited:
            lacks = lacking(TECHNIQUES, self.networks[network], SIDE)
            self._suited[network] = {name for name, row in TECHNIQUES.items() if row.needs not in lacks}
        return self._suited[network]

    def pictures_for(self, network: str) -> list[str]:
        """The names of the pictures that come with the page, those first that the network knows something of."""
        scenes = [f"scene: {name}" for name in SCENES]
        return [*scenes, *PHOTOGRAPHS] if knows_scenes(self.networks[network]) else [*PHOTOGRAPHS, *scenes]

    def layers(self, network: str) -> list[str]:
        """The layers of a network that maps are drawn at, from the picture on."""
        if network not in self._layers:
            model = self.networks[network]
            own = isinstance(model, SqueezeNet)
            found = [f"features.{index}" for index in range(len(model.features))] if own else []
            self._layers[network] = found or list(spread_layers(model, count=MOST_LAYERS))
        return self._layers[network]

    def ask(self, network: str, chosen: Chosen, label: int | None = None) -> Asked:
        """Show the network a picture; the class asked about is the one named, else the most probable."""
        probabilities = class_probabilities(self.networks[network], chosen.image.to(self.device))[0]
        return Asked(network, chosen, int(probabilities.argmax()) if label is None else label, probabilities)

    def network_flags(self, asked: Asked) -> str:
        """The flags that a study needs for the same network, a blank before each; none where it takes it anyway."""
        return self._flags[asked.network]

    def flags_for(self, asked: Asked) -> str:
        """The flags that a study needs for the same picture, network and class."""
        return f"{asked.chosen.flags}{self.network_flags(asked)} --labels {asked.label}"

    def classes(self, asked: Asked) -> list[tuple[str, int]]:
        """("Egyptian cat 55 %", 285) for every class, the most probable first."""
        network, order = self.networks[asked.network], asked.probabilities.argsort(descending=True, stable=True)
        return [(class_title(network, asked.probabilities, label), label) for label in order.tolist()]


def knows_scenes(network: nn.Module) -> bool:
    """Whether its classes are those of the rendered scenes."""
    return tuple(network.class_names) == CLASS_NAMES


def photograph(name: str) -> Chosen:
    """One of the photographs that come with scikit-image and scikit-learn."""
    return Chosen(name, f"--images {name}", np.asarray(centre_crop(default_photograph(name), SIDE)))


def scene(name: str, seed: int) -> Chosen:
    """A rendered scene of one of the five classes that the studies show, with the object's true outline."""
    if name not in SCENES or isinstance(seed, bool) or not 0 <= seed < 2**31:
        raise UsageError(
            f"scene: '{name}' with seed {seed} is not one; allowed are {', '.join(SCENES)} and 0 to 2^31 - 1"
        )
    made = render_scene(name, seed=seed, size=SIDE)
    return Chosen(f"{name}, seed {seed}", f"--seed {seed}", made.image, made.mask)


def named(name: str, seed: int) -> Chosen:
    """A picture that comes with the page, by the name that `World.pictures_for` gives it."""
    if name in PHOTOGRAPHS:
        return photograph(name)
    return scene(name.removeprefix("scene: "), seed)


def uploaded(path: Path, name: str) -> Chosen:
    """A picture that somebody brought: any file that the studies read. Raises UsageError for one that is none."""
    if not path.exists():  # the page keeps what it was sent for an hour
        raise UsageError(f"picture: '{name}' is not kept any more; choose it again")
    if path.stat().st_size > MOST_BYTES:
        raise UsageError(f"picture: '{name}' is larger than {MOST_BYTES // 10**6} MB; make it smaller")
    try:
        whole = load_image(path)
    except UsageError as error:  # it names the page's own copy
        raise UsageError(str(error).replace(str(path), name)) from None
    return Chosen(name, f"--images '{name}'", np.asarray(centre_crop(whole, SIDE)))


def _name_of(network: nn.Module) -> str:
    """How the page calls a network: by what it is, and what it knows."""
    known = "the rendered world" if knows_scenes(network) else f"{len(network.class_names)} classes"
    return f"{network.title}: {known} ({network.weights_name.partition(' (')[0]})"


def _flags_of(model: str, weights: str, classes: str | None) -> str:
    given = {"model": None if model == SHARED else model, "weights": None if weights == "auto" else weights}
    return "".join(f" --{name} {value}" for name, value in {**given, "classes": classes}.items() if value is not None)
