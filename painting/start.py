"""What a style transfer may start from, besides its content."""

import torch
from torch import Tensor

NOISE = 0.3  # standard deviation, in the network's units: louder noise is never quite painted over


def start_noise(content: Tensor, generator: torch.Generator) -> Tensor:
    """Noise of the content's shape (1, 3, H, W), device and dtype, drawn on the CPU."""
    return NOISE * torch.randn(content.shape, generator=generator, dtype=torch.float32).to(content)
