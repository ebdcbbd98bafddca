"""Texture by non-parametric sampling: grow a picture pixel by pixel out of a sample. (Efros and Leung, 1999)

    p(pixel | what is known around it) ~ the centres of those windows of the sample whose
    d(window) = sum of g m (window - known)^2 / sum of g m      is at most (1 + tolerance) times the least

g is a Gaussian over the window, m is 1 where the neighbourhood is known. There is no network, no model and no gradient:
the sample itself is the model. Every pixel of the result is a copy of one of the sample, and what is finer than the
window is kept, however regular; what is coarser is lost. It is what Gram matrices are to be compared with.

We depart from the paper in the order: pixels of one layer around what is known that do not see each other are sampled
together, so that comparing is one product of matrices.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d, unfold

from core.errors import UsageError
from core.inputs import as_images
from core.measuring import without_autocast

SEED_SIDE = 5  # pixels of the sample to grow from; the paper takes 3
AT_A_TIME = 2**24  # comparisons of a pixel's neighbourhood with a window, each some twenty bytes of memory
ROUNDING = 1e-5  # of d: about a fifth of a grey level, which float32 cannot tell from none


@without_autocast()
def sample_texture(
    sample: Tensor,
    size: tuple[int, int],
    *,
    window: int = 11,
    tolerance: float = 0.1,
    seed: Tensor | None = None,
    generator: torch.Generator | None = None,
    callback: Callable[[int], None] | None = None,
) -> Tensor:
    """sample (1, 3, h, w) -> a texture (1, 3, H, W) of the given size (H, W), its pixels copies of the sample's.

    window: side in pixels, odd, of the neighbourhood that is compared; at least as large as what repeats. tolerance:
    how much worse than the best a window may be and still be drawn. seed: a picture (1, 3, a, b) to grow from, which
    stays as it is in the middle of the result; a small piece of the sample, drawn by chance, if None. callback: gets
    the number of pixels just made.

    Raises UsageError for an even window or one that does not fit into the sample, and for a seed that does not fit
    into the result.
    """
    sample = as_images(sample, "sample", single=True)
    seed = None if seed is None else as_images(seed, "seed", single=True)
    _check(sample, size, window, seed)
    side, half = min(SEED_SIDE, *sample.shape[2:], *size), window // 2
    if seed is None:
        top, left = (int(torch.randint(n - side + 1, (), generator=generator)) for n in sample.shape[2:])
        seed = sample[:, :, top : top + side, left : left + side]
    compare, centres = _comparison(sample, window)

    # With a margin of half a window, nowhere known, so that every pixel has a whole neighbourhood.
    canvas = sample.new_zeros(3, size[0] + 2 * half, size[1] + 2 * half)
    known = sample.new_zeros(canvas.shape[1:])
    top, left = ((whole - part) // 2 + half for whole, part in zip(size, seed.shape[2:], strict=True))
    canvas[:, top : top + seed.shape[2], left : left + seed.shape[3]] = seed[0].to(sample)
    known[top : top + seed.shape[2], left : left + seed.shape[3]] = 1
    inside = torch.zeros_like(known)
    inside[half : half + size[0], half : half + size[1]] = 1
    reach = torch.arange(-half, half + 1, device=sample.device)

    while (layer := ((max_pool2d(known[None], 3, stride=1, padding=1)[0] - known) * inside).nonzero()).numel():
        # Two pixels of one group are half a window apart at least, each outside the other's neighbourhood.
        group = (layer.remainder(half + 1) * layer.new_tensor([half + 1, 1])).sum(dim=1)
        present = group.unique()
        for number in present[torch.randperm(len(present), generator=generator).to(present.device)]:
            for places in layer[group == number].split(max(1, AT_A_TIME // centres.shape[1])):
                rows, columns = places.T  # (B,) each
                around = (rows[:, None, None] + reach[:, None], columns[:, None, None] + reach)  # (B, window, window)
                distances = compare(canvas[:, *around], known[around])  # (B, P)
                allowed = distances <= (1 + tolerance) * distances.amin(dim=1, keepdim=True) + ROUNDING
                canvas[:, rows, columns] = centres[:, _one_of_each_row(allowed, generator)]
                known[rows, columns] = 1
                if callback is not None:
                    callback(len(rows))
    return canvas[None, :, half : half + size[0], half : half + size[1]].clone()


def _comparison(sample: Tensor, window: int) -> tuple[Callable[[Tensor, Tensor], Tensor], Tensor]:
    """The function d, and the colours (3, P) of the centres of the sample's P windows.

    With K pixels a window, sum of g m (w - x)^2 = (g w^2) m - 2 (g w) (m x) + g (m x^2): the brackets on the left hold
    the sample alone, so that the distances of B neighbourhoods to all windows are products of matrices.
    """
    half = window // 2
    windows = unfold(sample, window)[0].unflatten(0, (3, window * window))  # (3, K, P)
    offsets = torch.arange(-half, half + 1, dtype=sample.dtype, device=sample.device)
    bell = (-offsets.square() / (2 * (window / 6.4) ** 2)).exp()  # the paper's width
    weights = (bell[:, None] * bell).flatten()  # (K,)
    table = torch.cat([windows.square().sum(dim=0), -2 * windows.flatten(0, 1)])  # (K + 3 K, P)
    table *= weights.repeat(4)[:, None]

    def compare(colours: Tensor, known: Tensor) -> Tensor:
        """colours (3, B, window, window), known (B, window, window), 0 or 1 -> d (B, P)."""
        known = known.flatten(1)  # (B, K)
        colours = colours.flatten(2).transpose(0, 1) * known[:, None]  # (B, 3, K), 0 where unknown
        own = (colours.square().sum(dim=1) * weights).sum(dim=1, keepdim=True)
        sums = torch.cat([known, colours.flatten(1)], dim=1) @ table + own
        return (sums / (known @ weights)[:, None]).clamp(min=0)

    return compare, windows[:, window * window // 2]


def _one_of_each_row(allowed: Tensor, generator: torch.Generator | None) -> Tensor:
    """allowed (B, P), at least one in each row -> the number (B,) of one of them, all as likely."""
    counts = allowed.sum(dim=1)  # (B,)
    chance = torch.rand(len(counts), generator=generator, dtype=torch.float64).to(counts.device)
    return allowed.nonzero()[counts.cumsum(dim=0) - counts + (chance * counts).long(), 1]


def _check(sample: Tensor, size: tuple[int, int], window: int, seed: Tensor | None) -> None:
    most = min(sample.shape[2:])
    if window % 2 == 0 or not 3 <= window <= most:
        raise UsageError(f"window: {window} pixels; allowed are odd numbers from 3 to {most}, the shorter side")
    if min(size) < 1 or (seed is not None and (seed.shape[2] > size[0] or seed.shape[3] > size[1])):
        shape = "no seed" if seed is None else f"a seed of {seed.shape[3]} x {seed.shape[2]}"
        raise UsageError(f"size: {size[1]} x {size[0]} pixels with {shape}; the result must hold the seed")
