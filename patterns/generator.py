"""A network that draws scenes from codes: the deep generator network (Dosovitskiy and Brox, 2016; Nguyen et al., 2016).

A code is what the embedded network's `features.12` says of a picture, whitened: its 512 channels are projected on
their C principal components, each of these maps is taken apart into cosine waves (DCT), and each wave is divided by
its standard deviation over scenes,

    code = (DCT(components @ features) - centre) / spread,    (N, C, 13, 13)

so that the codes of scenes have mean 0 and variance 1 in every number, and ||code||^2 says how unusual a code is. Large
shapes are common and cheap, speckles are rare and dear. `Generator` undoes all this, and draws the picture.
"""

import json
import math
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor, nn

from core.activations import record_activations
from core.errors import UsageError
from core.gradients import chunk_length, measuring, to_network
from core.images import normalise

GENERATOR_WEIGHTS = Path(__file__).resolve().parent / "generator.safetensors"
LAYER = "features.12"
SIZE = 224  # of the pictures
CELLS = 13  # of LAYER's map, along a side
CHANNELS = 512  # of LAYER
COMPONENTS = 64  # 95 % of the variance
SLOPE = 0.1  # of the leaky ReLUs


class Block(nn.Module):
    """x + convolution(ReLU(convolution(ReLU(x)))), all 3 x 3."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(width, width, 3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(width, width, 3, padding=1),
        )

    def forward(self, maps: Tensor) -> Tensor:
        return maps + self.layers(maps)


class Generator(nn.Module):
    """codes (N, C, 13, 13) -> pictures (N, 3, 224, 224) in the network's units, within the valid colours."""

    def __init__(self, components: int = COMPONENTS, widths: tuple[int, int, int] = (160, 64, 48)) -> None:
        super().__init__()
        wide, middle, narrow = widths
        self.register_buffer("components", torch.zeros(components, CHANNELS))
        self.register_buffer("centre", torch.zeros(components, CELLS, CELLS))
        self.register_buffer("spread", torch.ones(components, CELLS, CELLS))
        self.register_buffer("waves", cosine_waves(CELLS), persistent=False)
        self.layers = nn.Sequential(
            # The map's cells lie 16 pixels apart, from pixel 15 on. This moves them to 14 x 14 between those.
            nn.Conv2d(components, wide, 2, padding=1),
            Block(wide),
            Block(wide),
            *_doubled(wide, middle),  # 28 x 28
            *_doubled(middle, narrow),  # 56 x 56
            nn.Conv2d(narrow, 3 * 4 * 4, 3, padding=1),
            nn.PixelShuffle(4),  # 224 x 224
        )

    def forward(self, codes: Tensor) -> Tensor:
        maps = self.waves.T @ (codes * self.spread + self.centre) @ self.waves  # (N, C, 13, 13)
        return normalise(self.layers(maps).sigmoid())

    def encode(self, features: Tensor) -> Tensor:
        """What LAYER gives, (N, 512, 13, 13) -> codes (N, C, 13, 13)."""
        return (self.to_waves(features) - self.centre) / self.spread

    def to_waves(self, features: Tensor) -> Tensor:
        """The cosine waves in the principal components of features (N, 512, 13, 13), not yet whitened."""
        return self.waves @ torch.einsum("kc,nchw->nkhw", self.components, features) @ self.waves.T

    @torch.no_grad()
    def fit_codes(self, features: Tensor) -> None:
        """Set components, centre and spread so that the codes of these features are white."""
        cells = features.permute(0, 2, 3, 1).flatten(0, 2).double()  # (N * 169, 512)
        cells = cells - cells.mean(dim=0)
        values, vectors = torch.linalg.eigh(cells.T @ cells / len(cells))  # the largest last
        count = len(self.components)
        self.components.copy_((vectors[:, -count:] / values[-count:].sqrt()).T.flip(0))
        waves = self.to_waves(features)
        self.centre.copy_(waves.mean(dim=0))
        self.spread.copy_(waves.std(dim=0))


def _doubled(before: int, after: int) -> list[nn.Module]:
    """Twice the side: nearest neighbours, then two convolutions, which leaves no chequered traces."""
    return [
        nn.LeakyReLU(SLOPE),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(before, after, 3, padding=1),
        nn.LeakyReLU(SLOPE),
        nn.Conv2d(after, after, 3, padding=1),
        nn.LeakyReLU(SLOPE),
    ]


def cosine_waves(count: int) -> Tensor:
    """The orthonormal matrix of the discrete cosine transform (DCT-II), (count, count): one wave a row."""
    places = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    waves = torch.cos(math.pi * torch.arange(count)[:, None] * places) * math.sqrt(2 / count)
    waves[0] /= math.sqrt(2)
    return waves.float()


def codes_of(generator: Generator, encoder: nn.Module, images: Tensor) -> Tensor:
    """The codes (N, C, 13, 13) of pictures (N, 3, 224, 224), as the embedded network `encoder` sees them."""
    if images.shape[1:] != (3, SIZE, SIZE):
        raise UsageError(f"images: shape {tuple(images.shape)}; codes are made of (N, 3, {SIZE}, {SIZE})")
    codes = []
    with measuring(encoder), torch.no_grad(), record_activations(encoder, [LAYER]) as recorded:
        for chunk in images.split(chunk_length(images)):
            encoder(to_network(encoder, chunk))
            codes.append(generator.encode(recorded[LAYER]))
    return torch.cat(codes)


def load_generator(path: Path = GENERATOR_WEIGHTS, device: torch.device | str = "cpu") -> Generator:
    """The stored generator, frozen, in eval mode. `facts` holds what its file says of itself.

    Raises UsageError for a file that is not there or is no generator.
    """
    if not path.is_file():
        raise UsageError(f"generator: '{path}' is not there; make one with python -m patterns.train_generator")
    try:
        with safe_open(path, framework="pt") as file:
            state = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 (not a dict)
            facts = file.metadata() or {}
        generator = Generator(len(state["components"]), tuple(json.loads(facts["widths"])))
        generator.load_state_dict(state)
    except Exception:  # safetensors, json and torch raise a dozen kinds for a bad file
        raise UsageError(f"generator: '{path}' is not a generator's weights file; get it again") from None
    generator.facts = facts
    return generator.requires_grad_(False).eval().to(device=device, memory_format=torch.channels_last)
