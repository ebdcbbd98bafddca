"""The Grad-CAM class of the course's newer edition: pictures in, each with the heatmap of its predicted class out."""

import numpy as np
import torch
from torch import nn

from core.gradients import to_network
from core.images import as_picture
from core.measuring import measuring
from core.passes import scores_of
from core.squeezenet import load_squeezenet
from courses.pictures import preprocess
from visualizers.gradcam import grad_cam, scale_each, upsample


class GradCAM:
    """The course's interface of 2023: `GradCAM(X).gradcam()` explains the predicted class of each picture."""

    def __init__(self, X: np.ndarray, model: nn.Module | None = None) -> None:
        """X: uint8 (N, H, W, 3). model: a network to explain, SqueezeNet if None."""
        self.X = X
        self.model = load_squeezenet() if model is None else model

    def gradcam(self) -> list[list[np.ndarray]]:
        """Return [picture (h, w, 3), heatmap (h, w) in [0, 1]] for each picture.

        The picture is what the network reads: float32, normalised, its shorter side 224 pixels. The course's script
        clips it to 0..1 and shows it under the map.
        """
        pairs = []
        for x in self.X:
            image = preprocess(as_picture(x))
            with measuring(self.model), torch.no_grad():
                predicted = scores_of(self.model, to_network(self.model, image)).argmax(dim=1)
            heatmap = scale_each(upsample(grad_cam(self.model, image, predicted), image.shape[2:]))
            pairs.append([image[0].permute(1, 2, 0).numpy(), heatmap[0].cpu().numpy()])
        return pairs
