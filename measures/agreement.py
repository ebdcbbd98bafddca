"""How far two implementations of one map are apart."""

from collections.abc import Sequence

from torch import Tensor


def relative_difference(ours: Tensor, theirs: Tensor) -> Tensor:
    """Per image, || ours - theirs || / || theirs ||, (N,); where both are zero, 0."""
    difference = (ours - theirs).flatten(1).double().norm(dim=1)
    return difference / theirs.flatten(1).double().norm(dim=1).clamp(min=1e-12)


def describe_agreement(name: str, image_names: Sequence[str], ours: Tensor, theirs: Tensor) -> str:
    """How far our maps (N, ...) are from Captum's, in a sentence: the largest, the median and each image."""
    differences = relative_difference(ours, theirs)
    each = ", ".join(f"{image} {value:.1e}" for image, value in zip(image_names, differences.tolist(), strict=True))
    largest, median = float(differences.max()), float(differences.quantile(0.5))
    return f"{name}: relative difference to Captum, largest {largest:.1e}, median {median:.1e} ({each})"
