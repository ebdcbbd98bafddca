"""What a convolution sees beyond the border of a picture."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.nn.functional import pad
from torch.overrides import TorchFunctionMode


@contextmanager
def replicated_borders() -> Iterator[None]:
    """Within the block, convolutions that pad take the nearest cell for what lies beyond the border, instead of 0.

    Zeros are an edge that no picture has: a network sees a dark frame, and a picture that is optimised against
    it grows one. Only this thread's passes do so: nothing on the network is changed.
    """
    with _NearestCells():
        yield


class _NearestCells(TorchFunctionMode):
    """Two-dimensional convolutions with a padding in cells are given cells instead; a named one needs none of ours."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is torch.conv2d and not kwargs and len(args) > 4 and not isinstance(args[4], str):
            maps, weight, bias, stride, padding, *rest = args
            down, right = (padding, padding) if isinstance(padding, int) else padding
            if down or right:
                maps = pad(maps, (right, right, down, down), mode="replicate")
                return function(maps, weight, bias, stride, 0, *rest)
        return function(*args, **(kwargs or {}))
