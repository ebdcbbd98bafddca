"""What a convolution sees beyond the border of a picture."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def replicated_borders(model: nn.Module) -> Iterator[None]:
    """Within the block, convolutions that pad take the nearest cell for what lies beyond the border, instead of 0.

    Zeros are an edge that no picture has: a network sees a dark frame, and a picture that is optimised against
    it grows one.
    """
    changed = []
    try:
        for module in model.modules():
            if isinstance(module, nn.Conv2d) and module.padding_mode == "zeros" and any(_widths(module)):
                module.padding_mode = "replicate"
                changed.append(module)
        yield
    finally:
        for module in changed:
            module.padding_mode = "zeros"


def _widths(module: nn.Conv2d) -> tuple[int, ...]:
    """Its padding in cells; one that is given by name needs none of ours."""
    return () if isinstance(module.padding, str) else module.padding
