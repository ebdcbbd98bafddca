"""Saliency maps: which pixels would change the score of a class most? (Simonyan et al., 2014)

    M = max over c of | d score_y / d image_c |

Bright pixels are those where a tiny change moves the score of class y most. The map shows sensitivity at
this image, not how much a pixel contributed, and it is as grainy as the gradient of a ReLU network is.
"""

from torch import Tensor, nn

from core.gradients import as_labels, input_gradient, warn_of_blank_maps
from core.images import preprocess


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

    def show_saliency_maps(self, X, y, class_names, model: nn.Module) -> None:
        """X uint8 (N, H, W, 3), y (N,), class_names: number -> name. Writes visualization/saliency_map.png."""
        from core.figures import Panel, describe, draw_grid, heat, save_picture  # matplotlib, for this method alone

        maps = saliency_map(model, preprocess(X), y)
        pictures = [Panel(x, class_names[label]) for x, label in zip(X, as_labels(y, len(X)).tolist(), strict=True)]
        grid = draw_grid([pictures, [Panel(heat(values)) for values in maps.numpy()]], row_names=("image", "saliency"))
        metadata = describe("SaliencyMap.show_saliency_maps", {}, getattr(model, "weights_name", "unknown"))
        save_picture(grid, "visualization/saliency_map.png", metadata)
