"""Which tokens of a transformer are which patches of the picture, found by asking the network.

A layer of a transformer gives (N, T, K): T tokens of K numbers. Most of them stand for one patch of the picture each;
the class token, the distillation token and registers stand for none, and may come first or last. Their number does not
follow from T. So the picture is changed band by band, and what answers to the upper band is the upper row of patches.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

import torch
from torch import Tensor, nn

from core.errors import UsageError
from core.gradients import chunk_length
from core.measuring import add_hook, in_own_thread, measuring
from core.passes import run_network

UNMOVED = 0.01  # a token that changes less than this, as a share of the one that changes most, stands for no patch
TRIES = 3  # forms of a grid that are tried: those whose patches are nearest to squares


class TokenGrid(NamedTuple):
    """The tokens first, first + 1, ... of a layer are patches, row by row from the upper left: rows x columns."""

    rows: int
    columns: int
    first: int


class _NoSuchOutput(UsageError):
    """The forward pass came to its end without the output that was waited for."""


class _Stop(BaseException):
    """Ends a forward pass where what is wanted is known; no `except Exception` of the network's holds it up."""

    def __init__(self, output: Tensor) -> None:
        super().__init__()
        self.output = output


def token_grid(model: nn.Module, images: Tensor, layer: str) -> TokenGrid:
    """Which tokens of the layer's output (N, T, K), for images of the size of these (N, 3, H, W), are which patches.

    The first output of T tokens in the forward pass is probed: there a token depends on its own patch alone, or mostly.
    Every later layer with as many tokens has them in the same order. Raises UsageError, with the shape, where they are
    no rows and columns of patches.
    """
    with measuring(model), torch.no_grad():
        shape = _tokens_of(model, images[:1], layer=layer).shape
    grid = grid_of_tokens(model, images, shape[1]) if len(shape) == 3 and shape[0] == 1 else None
    if grid is None:
        raise UsageError(
            f"layer: '{layer}' gives shape {tuple(shape)} for one image, which is no tokens (1, T, K) of a grid of "
            "patches; choose a layer before they are pooled or merged"
        )
    return grid


def grid_of_tokens(model: nn.Module, images: Tensor, count: int) -> TokenGrid | None:
    """Which of so many tokens are which patches, for images of this size; None where they are no grid of patches."""
    noise = torch.randn(2, *images.shape[1:], generator=torch.Generator().manual_seed(0)).to(images)
    with measuring(model), torch.no_grad(), suppress(_NoSuchOutput):
        before, after = _tokens_of(model, noise, count=count).double()
        change = (after - before).norm(dim=1)  # (T,)
        patches = (change > UNMOVED * change.max()).nonzero().flatten()
        first, number = int(patches[0]) if len(patches) else 0, len(patches)
        if number < 2 or int(patches[-1]) != first + number - 1:  # one, none, or others between them
            return None

        def are(places: Tensor, axis: int, bands: int) -> bool:
            """Whether the band, of so many along this axis, that changes a patch's token most is its row, or column.

            Convolutions of a stem may look half a patch further up, all of them: then it is that one or the one above.
            """
            answers = [(each.double() - before).norm(dim=2) for each in _changed(model, noise, axis, bands, count)]
            off = torch.cat(answers)[:, first : first + number].argmax(dim=0) - places
            return bool((off == 0).any()) and int(off.max() - off.min()) <= 1

        places = torch.arange(number, device=change.device)
        for rows, columns in _forms(number, images.shape[2] / images.shape[3]):
            if are(places // columns, 1, rows) and are(places % columns, 2, columns):
                return TokenGrid(rows, columns, first)
    return None


def _forms(number: int, aspect: float) -> list[tuple[int, int]]:
    """Rows and columns of so many patches: first those nearest to squares in a picture of height / width = aspect."""
    forms = [(rows, number // rows) for rows in range(1, number + 1) if number % rows == 0]
    return sorted(forms, key=lambda form: max(form[0] / form[1] / aspect, form[1] / form[0] * aspect))[:TRIES]


def _changed(model: nn.Module, noise: Tensor, axis: int, bands: int, count: int) -> Iterator[Tensor]:
    """The tokens of the first noise picture, a band of it at a time replaced by the second's: (n, T, K) at a time."""
    size = noise.shape[1 + axis]
    band_of = torch.arange(size, device=noise.device) * bands // size
    for some in torch.arange(bands, device=noise.device).split(chunk_length(noise)):
        inside = band_of == some.view(-1, 1)  # (n, size)
        inside = inside[:, None, :, None] if axis == 1 else inside[:, None, None, :]
        yield _tokens_of(model, torch.where(inside, noise[1], noise[0]), count=count)


def _tokens_of(model: nn.Module, pictures: Tensor, *, layer: str = "", count: int = 0) -> Tensor:
    """What the layer gives for the pictures; or, if none is named, the first output of so many tokens, (n, T, K)."""

    def stop(_module, _inputs, output: object) -> None:
        if isinstance(output, Tensor) and (layer or (output.dim() == 3 and output.shape[:2] == (len(pictures), count))):
            raise _Stop(output)

    modules = dict(model.named_modules())
    watched = [module for name, module in modules.items() if not layer or name == layer]
    with _hooked([module for module in watched if not isinstance(module, torch.jit.ScriptModule)], stop):
        try:
            run_network(model, pictures)
        except _Stop as reached:
            return reached.output
    raise _NoSuchOutput(f"layer: '{layer}' gives no tensor in the forward pass; choose another")


@contextmanager
def _hooked(modules: list[nn.Module], hook: Callable) -> Iterator[None]:
    handles = []
    try:
        for module in modules:
            handles.append(add_hook(module, in_own_thread(hook)))
        yield
    finally:
        for handle in handles:
            handle.remove()
