"""Saliency maps: which pixels would change the score of a class most? (Simonyan et al., 2014)

    M = max over c of | d score_y / d image_c |

Bright pixels are those where a tiny change moves the score of class y most. The map shows sensitivity at
this image, not how much a pixel contributed, and it is as grainy as the gradient of a ReLU network is.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.transforms.v2.functional import resize

from core.errors import UsageError
from core.gradients import as_labels, input_gradient, warn_of_blank_maps
from core.images import as_picture, preprocess

SIDE = 224  # pixels: the course prepares its pictures so


def saliency_map(model: nn.Module, images: Tensor, labels) -> Tensor:
    """images (N, 3, H, W), labels (N,) or one number -> maps (N, H, W), >= 0, in score per normalised unit.

    Raises UsageError for a label out of range or images of another shape; warns (BlankMapWarning), with
    the reason, of a map that is zero everywhere.
    """
    maps = input_gradient(model, images, labels).abs().amax(dim=1)  # (N, 3, H, W) -> (N, H, W)
    warn_of_blank_maps(model, images, labels, maps)
    return maps


class SaliencyMap:
    """The course's names for it."""

    def compute_saliency_maps(self, X: Tensor, y, model: nn.Module) -> Tensor:
        """X (N, 3, H, W), y (N,) -> (N, H, W)."""
        return saliency_map(model, X, y)

    def show_saliency_maps(self, X, y, class_names, model: nn.Module, folder: str | None = None):
        """Draw the pictures and their saliency maps into a file, and return pyplot with that figure as its current one.

        X: uint8 (N, H, W, 3), prepared as the course does (the shorter side 224). y: (N,). class_names: names by class
        number, a dictionary or a list of all classes; or one name for each picture, a list of N. Names by number write
        visualization/saliency_map.png; one for each picture, or a `folder`, FOLDER/saliency_visualization.png: the two
        editions of the course.
        """
        import matplotlib.pyplot as plt  # for this method alone, as what follows

        from drawing.colours import heat
        from drawing.files import describe, save_picture
        from drawing.grid import DOTS_PER_INCH, Panel, draw_grid

        tensors = [preprocess(resize(as_picture(x), [SIDE])) for x in X]
        numbers = as_labels(y, len(X)).tolist()
        by_position = not isinstance(class_names, Mapping) and len(class_names) == len(X)
        try:
            titles = class_names if by_position else [class_names[number] for number in numbers]
        except LookupError:
            raise UsageError(f"class_names: a name is missing; give those of the classes {numbers}") from None
        maps = torch.cat([saliency_map(model, x, number) for x, number in zip(tensors, numbers, strict=True)])
        pictures = [Panel(x, str(title)) for x, title in zip(X, titles, strict=True)]
        grid = draw_grid([pictures, [Panel(heat(values)) for values in maps.numpy()]], row_names=("image", "saliency"))
        metadata = describe("SaliencyMap.show_saliency_maps", {}, getattr(model, "weights_name", "unknown"))
        name = "saliency_map.png" if folder is None and not by_position else "saliency_visualization.png"
        save_picture(grid, Path(folder or "visualization", name), metadata)
        inches = [side / DOTS_PER_INCH for side in grid.shape[1::-1]]
        plt.figure("saliency maps", inches, dpi=DOTS_PER_INCH, clear=True).figimage(grid)
        return plt
