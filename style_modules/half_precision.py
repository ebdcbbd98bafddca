"""Losses of features in half precision: the sums in float32, and a word where the result is more than the type holds.

A style loss grows with the fourth power of the features, and its weights are in the thousands. float16 ends at 65504.
"""

import warnings
from functools import reduce

import torch
from torch import Tensor

from core.errors import UsageError


def common_type(*tensors: Tensor) -> torch.dtype:
    """The type of what is computed of these. Raises UsageError for whole numbers, whose differences would wrap."""
    for tensor in tensors:
        if not tensor.is_floating_point():
            raise UsageError(f"features: whole numbers ({tensor.dtype}) have no gradient; give features.float()")
    return reduce(torch.promote_types, [tensor.dtype for tensor in tensors])


def in_type(values: Tensor, dtype: torch.dtype, name: str) -> Tensor:
    """The values in this type; a RuntimeWarning says where they were finite and no longer are. name: what they are."""
    result = values.to(dtype)
    if result.dtype != values.dtype and not result.isfinite().all() and values.isfinite().all():
        most, held = float(values.detach().abs().max()), f"{dtype} holds, {torch.finfo(dtype).max:g}"
        remedy = "give features.float(), or bfloat16, or smaller weights"
        warnings.warn(f"{name}: {most:.3g} is more than {held}; {remedy}", RuntimeWarning, stacklevel=3)
    return result
