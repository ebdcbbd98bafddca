"""The course's names for Captum's maps: compute one, and draw several beside the pictures."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from captum.attr import Attribution
from torch import Tensor

from drawing.files import describe, save_picture
from drawing.grid import Panel, draw_grid

__all__ = ["compute_attributions", "np", "visualize_attr_maps"]


def compute_attributions(algo: Attribution, inputs: Tensor, **kwargs) -> Tensor:
    """What Captum's `algo` attributes to the inputs (N, 3, H, W), e.g. with target=labels."""
    return algo.attribute(inputs, **kwargs)


def _channels_last(attribution: Tensor) -> np.ndarray:
    return attribution.permute(1, 2, 0).detach().cpu().numpy()


def visualize_attr_maps(
    path: str | Path,
    X: np.ndarray,
    y: Sequence[int],
    class_names: Mapping[int, str],
    attributions: Sequence[Tensor],
    titles: Sequence[str],
    attr_preprocess: Callable[[Tensor], np.ndarray] = _channels_last,
    cmap: str = "viridis",
    alpha: float = 0.7,
) -> None:
    """Write one figure: the pictures X, uint8 (N, H, W, 3), and a row of maps for each of the attributions.

    attributions: (N, C, h, w) each, titled by `titles`. attr_preprocess makes an (h, w, C) array of one image's: of
    three channels it is drawn as a picture around grey, of one in the colours `cmap`, with opacity `alpha` on white.
    Each map by itself has its mean in the middle of the scale, and 2.5 standard deviations either way at its ends.
    """
    rows = [[Panel(x, str(class_names[int(label)])) for x, label in zip(X, y, strict=True)]]
    for attribution in attributions:
        maps = [np.asarray(attr_preprocess(one)) for one in attribution]
        rows.append([Panel(alpha * _in_colours(values, cmap) + 1 - alpha) for values in maps])
    grid = draw_grid(rows, row_names=("image", *titles), columns=5)
    settings = {"titles": list(titles), "cmap": cmap, "alpha": alpha}
    save_picture(grid, path, describe("captum_utils.visualize_attr_maps", settings, "the network given"))


def _in_colours(values: np.ndarray, cmap: str) -> np.ndarray:
    """A map (h, w, 1 or 3) or (h, w) -> RGB in [0, 1], (h, w, 3)."""
    spread = (0.5 + 0.2 * (values - values.mean()) / max(float(values.std()), 1e-20)).clip(0, 1)
    return spread if spread.shape[2:] == (3,) else matplotlib.colormaps[cmap](spread.reshape(spread.shape[:2]))[..., :3]
