"""All scores of one technique on a few images: does it follow the weights, the pixels, the object, or the noise?"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from core.gradients import as_pairs
from core.priors import blur
from measures.faithfulness import deletion_curve, insertion_curve, stability
from measures.localisation import localisation
from measures.sanity import (
    Explain,
    all_random,
    architecture_floor,
    block_by_block,
    cascading,
    explain_with_fallback,
    map_similarity,
    sanity_check,
)

BLUR_AT_224 = 10  # of the insertion's start: standard deviation, in pixels of a picture of 224; it grows with the side


def score_maps(
    explain: Explain,
    model: nn.Module,
    images: Tensor,
    labels: Tensor | Sequence[int] | int,
    *,
    masks: Tensor | None = None,
    randomly_labelled: nn.Module | None = None,
    checked: bool = True,
    each_block: bool = True,
    draws: int = 2,
    stages: int = 28,
    noise: float = 0.05,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """images (N, 3, H, W), labels (N,) or one number -> {name: scores (N, ...)}, float64 or bool.

    "all_random", "cascading" and "block_by_block": SSIM and rank correlation with D = `draws` random networks,
    (N, D, B, 2), as `sanity_check` gives them; "cascading floor" and "cascading before last ReLU" (N, D, B), and so on.
    "deletion" to the mean colour and "insertion" into the blurred image: curves (N, stages + 1). "stability" (N,). With
    `masks` (N, H, W) "localisation" (N, 3). With a network trained on random labels "labels", the similarity to its
    maps, (N, 2), and "labels floor" (N,). Without `each_block` what takes longest is left out, "cascading" and
    "block_by_block"; without `checked` all random networks and the noise.
    """
    images, labels = as_pairs(images, labels, model)
    maps, _ = explain_with_fallback(explain, model, images, labels)
    scores = {}
    kinds = (all_random, cascading, block_by_block) if each_block else (all_random,)
    for networks in kinds if checked else ():
        name = networks.__name__
        how = {"networks": networks, "draws": draws, "generator": generator}
        similarity = sanity_check(explain, model, images, labels, **how)
        scores[name] = similarity.values.permute(2, 0, 1, 3)
        scores[f"{name} floor"] = similarity.floor.permute(2, 0, 1)
        scores[f"{name} before last ReLU"] = similarity.before_last_relu.permute(2, 0, 1)
    how = {"stages": stages, "generator": generator}
    scores["deletion"] = deletion_curve(model, images, labels, maps, substrate=0.0, **how)
    blurred = blur(images, BLUR_AT_224 * images.shape[-1] / 224)
    scores["insertion"] = insertion_curve(model, images, labels, maps, substrate=blurred, **how)
    if checked:
        scores["stability"] = stability(
            lambda noisy: explain_with_fallback(explain, model, noisy, labels)[0],
            images,
            noise=noise,
            generator=generator,
        )
    if masks is not None:
        scores["localisation"] = localisation(maps.cpu(), masks)
    if randomly_labelled is not None:
        others, _ = explain_with_fallback(explain, randomly_labelled, images, labels)
        scores["labels"] = map_similarity(maps, others)
        scores["labels floor"] = architecture_floor(maps, others)
    return scores
