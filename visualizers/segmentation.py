"""Segmentation from a map: cut the object out, told only where the network looked. (Simonyan et al., 2014)

    pixels of the map:  highest -> surely object,  high -> probably,  low -> probably background,  lowest -> surely
    mask = GrabCut(image, these seeds)     (Rother et al., 2004)

A map tells roughly where the object is, and not where it ends. GrabCut learns the colours of object and background
from the seeds, as two mixtures of Gaussians, and cuts along the strongest edges between them. So the place comes
from the map and the outline from the image; an object coloured like its background no map can cut out.
"""

import cv2
import numpy as np

from core.errors import UsageError


def segment(
    image: np.ndarray,
    values,
    *,
    sure: float = 0.97,
    probable: float = 0.7,
    background: float = 0.3,
    border: int = 2,
    iterations: int = 5,
    seed: int = 0,
) -> np.ndarray:
    """image uint8 (H, W, 3), map (H, W) of which what is positive counts -> mask bool (H, W), True on the object.

    iterations: rounds of learning the colours and cutting. seed: of GrabCut's own chance, set for all of OpenCV.
    The rest as in `seeds_of`. Raises UsageError for an image of one colour, or a map or setting that seeds only one
    side.
    """
    image = np.asarray(image)
    seeds = seeds_of(values, sure=sure, probable=probable, background=background, border=border)
    if image.dtype != np.uint8 or image.shape != (*seeds.shape, 3):
        shape = f"{image.dtype} {image.shape}"
        raise UsageError(f"image: uint8 of shape (H, W, 3) as large as the map {seeds.shape} is needed, got {shape}")
    if (image == image[0, 0]).all():
        raise UsageError("image: it has one colour, so nothing sets an object off; give one with something in it")
    models = np.zeros((1, 65)), np.zeros((1, 65))  # OpenCV keeps the colours of both sides here
    cv2.setRNGSeed(seed)
    cv2.grabCut(np.ascontiguousarray(image), seeds, None, *models, iterations, cv2.GC_INIT_WITH_MASK)
    return (seeds == cv2.GC_FGD) | (seeds == cv2.GC_PR_FGD)


def seeds_of(
    values, *, sure: float = 0.97, probable: float = 0.7, background: float = 0.3, border: int = 2
) -> np.ndarray:
    """map (H, W) -> what GrabCut starts from, uint8 (H, W): 0 background, 1 object, surely; 2 and 3 the same, probably.

    sure, probable: pixels above these quantiles of the map are surely and probably object. background: those below
    this one surely are not. border: nor is this frame of so many pixels, unless the map is highest there; in a
    picture of an object it seldom reaches the edge. Raises UsageError as `segment`.
    """
    values = np.asarray(values, dtype=np.float64).clip(min=0)
    if values.ndim != 2:
        raise UsageError(f"map: one value a pixel, (H, W), is needed, got {values.shape}; take the sum over channels")
    if not 0 <= background <= probable <= sure <= 1:
        got = f"{background}, {probable} and {sure}"
        raise UsageError(
            f"background, probable, sure: {got} are not quantiles in rising order; 0.3, 0.7, 0.97 are usual"
        )
    if not np.isfinite(values).all():
        raise UsageError("map: it has values that are not finite; check the weights it was made with")
    if not values.any():
        raise UsageError("map: it is blank, nothing speaks for the class; take another class or technique")
    if values.min() == values.max():
        raise UsageError("map: it is the same everywhere, so it tells no object from its background; take another")
    low, middle, high = np.quantile(values, (background, probable, sure))
    seeds = np.full(values.shape, 2, np.uint8)
    seeds[values < low] = 0
    seeds[(values >= middle) & (values > 0)] = 3
    rim = np.ones(values.shape, bool)
    rim[border : values.shape[0] - border, border : values.shape[1] - border] = False
    seeds[rim] = 0
    seeds[(values >= high) & (values > 0)] = 1
    if (seeds % 2 == 1).all() or not (seeds % 2 == 1).any():
        raise UsageError(
            "map: all of it seeds one side; lower `probable` and `sure`, or widen `background` or `border`"
        )
    return seeds
