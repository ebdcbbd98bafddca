"""What does this unit see? A cell of an activation map: its receptive field, guided gradient and strongest patches."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from core.defaults import PHOTOGRAPHS
from core.images import default_photograph, deprocess, preprocess
from core.receptive_field import Box, receptive_field
from drawing.colours import blank_note, heat, signed
from drawing.letterbox import letterbox
from explorer.world import SIDE, Asked, World, knows_scenes
from patterns.scenes import CLASS_NAMES, render_scene
from studies.shared.crops import random_crops
from studies.shared.network import make_generator
from studies.shared.report import with_reason
from visualizers.activation_maps import activation_maps, strongest_channels
from visualizers.top_patches import Patch, top_patches
from visualizers.unit_gradient import guided_unit, unit_gradient

MAP_SIDE = 448  # pixels that an activation map is drawn at
PATCHES = 9
SQUARES = 40  # cut out of the photographs
PATCH_SIDE = 112
FRAME = (0, 255, 255)


@dataclass(frozen=True)
class Unit:
    """What one unit does on a picture."""

    picture: np.ndarray  # uint8 (H, W, 3), its receptive field framed
    gradient: np.ndarray  # uint8 (H, W, 3)
    patches: list[np.ndarray]  # uint8 (h, w, 3) each
    words: str


def channels_by_strength(world: World, asked: Asked, layer: str) -> list[int]:
    """The layer's channels, the one that responds most to the picture first."""
    maps = _maps(world, asked, layer)
    return strongest_channels(maps, maps.shape[1])[0].tolist()


def drawn_map(
    world: World, asked: Asked, layer: str, channel: int
) -> tuple[np.ndarray, tuple[int, int], tuple[int, int]]:
    """A channel's map, a cell a square, uint8 (H, W, 3), its cells (rows, columns), and the strongest of them."""
    values = _maps(world, asked, layer)[0, channel].relu().numpy()
    strongest = divmod(int(values.argmax()), values.shape[1])
    pixels = Image.fromarray((255 * heat(values)).round().astype(np.uint8))
    return np.asarray(pixels.resize((MAP_SIDE, MAP_SIDE), Image.Resampling.NEAREST)), values.shape, strongest


def cell_at(x: int, y: int, cells: tuple[int, int]) -> tuple[int, int]:
    """The cell (row, column) of the map that lies at a place of its drawing, in pixels from its top left corner."""
    rows, columns = cells
    return min(rows - 1, y * rows // MAP_SIDE), min(columns - 1, x * columns // MAP_SIDE)


def unit(world: World, asked: Asked, layer: str, channel: int, row: int, column: int) -> Unit:
    """What the unit at [channel, row, column] sees of the picture, and what excites its channel elsewhere."""
    model, image = world.networks[asked.network], asked.chosen.image.to(world.device)
    value = float(_maps(world, asked, layer)[0, channel, row, column])
    box = receptive_field(model, layer, channel, row, column, size=(SIDE, SIDE))
    guided = "guided-backprop" in world.suited(asked.network)
    gradient_of = guided_unit if guided else unit_gradient
    gradient, reason = with_reason(lambda: gradient_of(model, image, layer, channel, row, column)[0].cpu())
    drawn = (255 * signed(gradient.permute(1, 2, 0).numpy())).round().astype(np.uint8)
    best = _patches(world, asked.network, layer)[channel]
    note = blank_note(gradient.numpy(), reason)
    seen = f"it sees {box.bottom - box.top} x {box.right - box.left} pixels"
    words = [f"**{layer}, channel {channel}, row {row}, column {column}** responds with {value:.3g}; {seen}.", note]
    words.append("" if guided else "The network runs no ReLUs, so its gradient is not guided.")
    words.append(f"Its channel's strongest patches in {_source(model)}: {best[0].value:.3g} to {best[-1].value:.3g}.")
    patches = [_square(deprocess(each.pixels[None])[0]) for each in best]
    return Unit(_framed(asked.chosen.pixels, box), drawn, patches, "\n\n".join(filter(None, words)))


@lru_cache(maxsize=8)
def _maps(world: World, asked: Asked, layer: str) -> Tensor:
    """(1, C, h, w), on the CPU."""
    return activation_maps(world.networks[asked.network], asked.chosen.image.to(world.device), layer=layer).cpu()


@lru_cache(maxsize=4)
def _patches(world: World, network: str, layer: str) -> list[list[Patch]]:
    """The strongest patches of every channel, in what the network knows."""
    model = world.networks[network]
    count = activation_maps(model, torch.zeros(1, 3, SIDE, SIDE, device=world.device), layer=layer).shape[1]
    return top_patches(model, layer, range(count), _stream(model), count=PATCHES)


def _stream(model: nn.Module) -> Iterator[Tensor]:
    if knows_scenes(model):
        for name in CLASS_NAMES:
            yield preprocess(render_scene(name, seed=1, size=SIDE).image)
    else:
        pictures = [default_photograph(name) for name in PHOTOGRAPHS]
        yield from random_crops(pictures, SQUARES, SIDE, generator=make_generator(0)).split(1)


def _source(model: nn.Module) -> str:
    return (
        f"{len(CLASS_NAMES)} rendered scenes" if knows_scenes(model) else f"{SQUARES} squares of the five photographs"
    )


def _framed(pixels: np.ndarray, box: Box) -> np.ndarray:
    """The picture with the box framed, and all outside of it paler."""
    pale = (0.45 * pixels + 0.55 * 255).round().astype(np.uint8)
    inside = np.zeros(pixels.shape[:2], bool)
    inside[box.top : box.bottom, box.left : box.right] = True
    pale[inside] = pixels[inside]
    rows, columns = slice(box.top, box.bottom), slice(box.left, box.right)
    pale[[box.top, box.bottom - 1], columns] = FRAME
    pale[rows, [box.left]], pale[rows, [box.right - 1]] = FRAME, FRAME
    return pale


def _square(pixels: np.ndarray) -> np.ndarray:
    """A patch of any shape on a white square, small ones enlarged."""
    side = max(pixels.shape[:2])
    square = Image.fromarray(letterbox(pixels, side, side))
    return np.asarray(square.resize((PATCH_SIDE, PATCH_SIDE), Image.Resampling.LANCZOS))
