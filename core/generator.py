"""A network that draws scenes from codes: the deep generator network (Dosovitskiy and Brox, 2016; Nguyen et al., 2016).

A code says what is where, and in which colours: the embedded network's `features.12`, 512 channels, and the picture
itself shrunk to 13 x 13 pixels, since the network learned to look past colours. Both are whitened: projected on C
principal components, each map taken apart into cosine waves (DCT), each wave divided by its standard deviation,

    code = (DCT(components @ [features, colours]) - centre) / spread,    (N, C, 13, 13)

so that the codes of scenes have mean 0 and variance 1 in every number, and ||code||^2 says how unusual a code is. Large
shapes are common and cheap, speckles are rare and dear. `Generator` undoes all this, and draws the picture.
"""

import math
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate

from core.activations import record_activations
from core.checkpoints import misfit
from core.defaults import ROOT
from core.errors import UsageError
from core.gradients import chunk_length, to_network
from core.images import denormalise, normalise
from core.kept import NoFile, Unreadable, parse_json
from core.measuring import measuring
from core.paths import as_path
from core.tensor_files import read_tensors

GENERATOR_WEIGHTS = ROOT / "weights" / "generator.safetensors"
LAYER = "features.12"
SIZE = 224  # of the pictures
CELLS = 13  # of LAYER's map, along a side
CHANNELS = 512  # of LAYER
COMPONENTS = 64 + 3  # 95 % of the variance of LAYER, and the colours
WIDTHS = (128, 64, 32, 16)  # channels at 14, 28, 56 and 112 cells a side
MOST_CHANNELS = 1024  # that a file may ask for
SLOPE = 0.1  # of the leaky ReLUs
DARKEST = 0.02  # of the enlarged colours, 0 to 1: black and white themselves have no gradient


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

    def __init__(self, components: int = COMPONENTS, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        wide, middle, narrow, last = widths
        self.register_buffer("components", torch.zeros(components, CHANNELS + 3))
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
            nn.Upsample(scale_factor=2, mode="bilinear"),  # 112 x 112
            nn.Conv2d(narrow, last, 3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(last, 3, 3, padding=1),
            # Finer details are left out: pixels made each from a channel of its own drew chequered traces.
            nn.Upsample(scale_factor=2, mode="bilinear"),  # 224 x 224
        )
        for module in self.layers.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, a=SLOPE)
                nn.init.zeros_(module.bias)
        with torch.no_grad():  # a block begins as the identity, the picture as its enlarged colours
            for module in (*(block.layers[-1] for block in self.layers if isinstance(block, Block)), self.layers[-2]):
                module.weight.mul_(0.2)

    def forward(self, codes: Tensor) -> Tensor:
        maps = self.waves.T @ (codes * self.spread + self.centre) @ self.waves  # (N, C, 13, 13)
        # The code's colours are the shrunken picture, rotated: turned back and enlarged, they lack the details only.
        turned_back = torch.linalg.inv(self.components[-3:, -3:])
        colours = denormalise(torch.einsum("kc,nchw->nkhw", turned_back, maps[:, -3:]))
        blurred = interpolate(colours, (SIZE, SIZE), mode="bilinear", align_corners=False)  # (N, 3, 224, 224)
        return normalise((blurred.clamp(DARKEST, 1 - DARKEST).logit() + self.layers(maps)).sigmoid())

    def encode(self, sources: Tensor) -> Tensor:
        """What `code_sources` gives, (N, 515, 13, 13) -> codes (N, C, 13, 13)."""
        return (self._to_waves(sources) - self.centre) / self.spread

    def _to_waves(self, sources: Tensor) -> Tensor:
        return self.waves @ torch.einsum("kc,nchw->nkhw", self.components, sources) @ self.waves.T

    @torch.no_grad()
    def fit_codes(self, sources: Tensor) -> None:
        """Set components, centre and spread so that the codes of these sources are white."""
        count = len(self.components) - 3
        self.components[:count, :CHANNELS] = _principal_components(sources[:, :CHANNELS], count)
        self.components[count:, CHANNELS:] = _principal_components(sources[:, CHANNELS:], 3)
        waves = self._to_waves(sources)
        self.centre.copy_(waves.mean(dim=0))
        self.spread.copy_(waves.std(dim=0))


def code_sources(features: Tensor, images: Tensor) -> Tensor:
    """What LAYER gives, (N, 512, 13, 13), and the pictures (N, 3, 224, 224), shrunk: (N, 515, 13, 13)."""
    return torch.cat([features, adaptive_avg_pool2d(images, CELLS)], dim=1)


def _principal_components(maps: Tensor, count: int) -> Tensor:
    """The first principal components of all cells of maps (N, C, h, w), scaled to variance 1: (count, C)."""
    cells = maps.permute(0, 2, 3, 1).flatten(0, 2).double()  # (N * h * w, C)
    cells = cells - cells.mean(dim=0)
    values, vectors = torch.linalg.eigh(cells.T @ cells / len(cells))  # the largest last
    return (vectors[:, -count:] / values[-count:].sqrt()).T.flip(0).to(maps)


def _doubled(before: int, after: int) -> list[nn.Module]:
    """Twice the side, then two convolutions."""
    return [
        nn.LeakyReLU(SLOPE),
        nn.Upsample(scale_factor=2, mode="bilinear"),
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
            chunk = to_network(encoder, chunk)
            encoder(chunk)
            codes.append(generator.encode(code_sources(recorded[LAYER], chunk)))
    return torch.cat(codes)


def load_generator(path: Path = GENERATOR_WEIGHTS, device: torch.device | str = "cpu") -> Generator:
    """The stored generator, frozen, in eval mode. `facts` holds what its file says of itself.

    Raises UsageError for a file that is not there or is no generator.
    """
    path = as_path(path, "generator")
    try:
        state, facts = read_tensors(path)
        widths, components = parse_json(facts.get("widths", "null")), state.get("components")
        count = len(components) if components is not None and components.dim() else 0
        if not _are_widths(widths) or not 4 <= count <= CHANNELS + 3:
            raise Unreadable("does not tell its widths and components")
        generator = Generator(count, tuple(widths))
        if wrong := misfit(state, generator.state_dict()):
            raise Unreadable(wrong)
    except NoFile as error:
        raise UsageError(f"generator: '{path}' {error}; make one with python -m training generator") from None
    except Unreadable as error:
        raise UsageError(f"generator: '{path}' is not a generator's weights file: it {error}; get it again") from None
    generator.load_state_dict(state)
    generator.facts = facts
    return generator.requires_grad_(False).eval().to(device=device, memory_format=torch.channels_last)


def _are_widths(widths: object) -> bool:
    """Whether these are four numbers of channels, as WIDTHS."""
    return (
        isinstance(widths, list)
        and len(widths) == len(WIDTHS)
        and all(type(width) is int and 1 <= width <= MOST_CHANNELS for width in widths)
    )
