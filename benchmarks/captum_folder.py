"""The yardstick: a folder of pictures explained as with Captum and matplotlib, in the plain loop that one writes.

The same four maps and the same figure as `python -m studies explain`, one PNG a picture. It is here to be compared
with, and for nothing else: no other file imports it.
"""

import argparse
import sys
import warnings
from pathlib import Path

import matplotlib
import numpy as np
import torch
from captum import attr
from PIL import Image
from torch import Tensor, nn
from torchvision.models import squeezenet1_1
from torchvision.transforms import functional

matplotlib.use("Agg")
from matplotlib import pyplot as plt

TITLES = ("saliency", "guided backprop", "Grad-CAM", "guided Grad-CAM")
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def load(weights: str) -> nn.Module:
    state = torch.load(weights, weights_only=True)
    model = squeezenet1_1(num_classes=len(state["classifier.1.weight"]))
    model.load_state_dict(state)
    return model.eval()


def maps_of(model: nn.Module, image: Tensor, label: int) -> list[np.ndarray]:
    """image (1, 3, H, W) -> the four maps: (H, W), (H, W, 3), (H, W) and (H, W, 3)."""
    image.requires_grad_()
    layer = model.features[12]
    cam = attr.LayerGradCam(model, layer).attribute(image, target=label, relu_attributions=True)
    both = attr.GuidedGradCam(model, layer)
    found = (
        attr.Saliency(model).attribute(image, target=label).amax(dim=1),
        attr.GuidedBackprop(model).attribute(image, target=label),
        attr.LayerAttribution.interpolate(cam, image.shape[2:], "bilinear")[:, 0],
        both.attribute(image, target=label, interpolate_mode="bilinear"),
    )
    return [
        values.detach()[0].movedim(0, -1).numpy() if values.dim() == 4 else values.detach()[0].numpy()
        for values in found
    ]


def draw(picture: Image.Image, title: str, maps: list[np.ndarray], path: Path) -> None:
    saliency, guided, cam, both = maps
    figure, axes = plt.subplots(1, 5, figsize=(13.2, 3.2), layout="constrained")
    axes[0].imshow(picture)
    axes[1].imshow(saliency, cmap="inferno", vmin=0, vmax=np.quantile(saliency, 0.995))
    axes[3].imshow(picture.convert("L"), cmap="gray")
    axes[3].imshow(cam, cmap="turbo", alpha=0.5, vmin=0)
    for axis, values in ((axes[2], guided), (axes[4], both)):
        axis.imshow((0.5 + 0.5 * values / (np.quantile(np.abs(values), 0.995) or 1)).clip(0, 1))
    for axis, name in zip(axes, (title, *TITLES), strict=True):
        axis.set_title(name, fontsize=9)
        axis.axis("off")
    figure.text(0.01, 0.01, "squeezenet1_1", fontsize=7.5, color="0.4")
    figure.savefig(path, dpi=100)
    plt.close(figure)


def main(options: argparse.Namespace) -> None:
    warnings.simplefilter("ignore")  # Captum says at each call that it sets hooks
    model = load(options.weights)
    options.output.mkdir(parents=True, exist_ok=True)
    for path in sorted(options.folder.iterdir()):
        with Image.open(path) as file:
            picture = functional.center_crop(functional.resize(file.convert("RGB"), 256), [224, 224])
        image = functional.normalize(functional.to_tensor(picture), MEAN, SPREAD)[None]
        with torch.no_grad():
            probability, label = model(image).softmax(dim=1).max(dim=1)
        title = f"class {int(label)}, {float(probability):.0%}"
        draw(picture, title, maps_of(model, image, int(label)), options.output / f"{path.stem}.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.captum_folder", description=__doc__)
    parser.add_argument("folder", type=Path, help="of pictures and nothing else")
    parser.add_argument("output", type=Path, help="where the PNGs go")
    parser.add_argument("--weights", required=True, metavar="FILE", help="torchvision's state dict of SqueezeNet 1.1")
    sys.exit(main(parser.parse_args()))
