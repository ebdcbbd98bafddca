"""The same work by different implementations: ours, Captum's, pytorch-grad-cam's, and the course's plain loops.

A work is done with a setup, which holds the networks and pictures. Others get the network as torchvision gives it;
"Captum, our network" gets ours, channels last and frozen, to tell what of the difference is the network's.
"""

import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import torch
from captum import attr
from torch import Tensor, nn
from torchvision.models import get_model

from benchmarks import plain
from core.defaults import PHOTOGRAPHS, ROOT, SHARED
from core.images import centre_crop, default_photograph, load_image, preprocess
from core.networks import RANDOM, load_network
from painting.course_loop import style_objective, transfer_style
from studies.shared.named_pictures import scaled_tensor
from visualizers.all_maps import AllMaps, all_maps
from visualizers.class_visualization import visualize_classes
from visualizers.fooling_image import fool
from visualizers.gradcam import grad_cam, upsample
from visualizers.guided_backprop import guided_backprop
from visualizers.integrated_gradients import integrated_gradients
from visualizers.occlusion import occlusion, spread
from visualizers.saliency_map import saliency_map

STEPS = 50  # of integrated gradients
PATCH, STRIDE = 15, 8  # of occlusion, in pixels
ITERATIONS = 100  # of class visualization
LAYERS = {SHARED: "features.12", "resnet18": "layer4"}  # of Grad-CAM, in each network that is measured
TARGET = 1  # of fooling: goldfish, or the second class of another network
STYLE = {  # the course's weights for composition_vii
    "content_layer": 3,
    "content_weight": 5e-2,
    "style_layers": (1, 4, 6, 7),
    "style_weights": (20000, 500, 12, 1),
    "tv_weight": 5e-2,
}
SMALL_STEPS = {"learning_rate": 0.1, "final_learning_rate": 0.1, "clamp_to": 2.64}


@dataclass
class Setup:
    """Networks and pictures, each made when it is asked for."""

    count: int  # pictures
    size: int  # pixels a side; of style transfer, of the shorter side
    weights: str = "auto"
    device: str = "cpu"
    network: str = SHARED  # another one has random weights, which take as long
    content: str = str(ROOT / "images" / "content" / "harbour_town.jpg")
    style: str = str(ROOT / "images" / "styles" / "swirling_night.jpg")
    style_steps: int = 200
    remembered: dict = field(default_factory=dict)

    @cached_property
    def ours(self) -> nn.Module:
        return load_network(self.network, self.weights if self.network == SHARED else RANDOM, self.device)

    @cached_property
    def theirs(self) -> nn.Module:
        """The network as torchvision gives it: channels first, its parameters trainable, its last weights ours."""
        model = get_model(self.network, weights=None, num_classes=len(self.ours.class_names))
        model.load_state_dict({name: value.contiguous() for name, value in self.ours.state_dict().items()})
        return model.eval().to(self.device)

    @cached_property
    def frozen(self) -> nn.Module:
        """The same, its parameters frozen, as the course's notebooks do."""
        return copy.deepcopy(self.theirs).requires_grad_(False)

    @property
    def layer(self) -> str:
        """Grad-CAM's."""
        return LAYERS[self.network]

    @cached_property
    def images(self) -> Tensor:
        crops = [centre_crop(default_photograph(name), self.size) for name in PHOTOGRAPHS[: self.count]]
        return preprocess(crops).repeat(-(-self.count // len(crops)), 1, 1, 1)[: self.count].to(self.device)

    @cached_property
    def labels(self) -> Tensor:
        with torch.no_grad():
            return torch.cat([self.ours(part).argmax(dim=1) for part in self.images.split(8)])

    @cached_property
    def pictures(self) -> tuple[Tensor, Tensor]:
        """Content and style, each (1, 3, h, w)."""
        sizes = ((self.content, self.size), (self.style, self.size))
        return tuple(scaled_tensor(load_image(path), size).to(self.device) for path, size in sizes)


def _quietly(work: Callable) -> Callable:
    """Captum says at each call that it sets hooks."""

    def quiet(setup: Setup):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return work(setup)

    return quiet


def _captum(network: str) -> dict[str, Callable[[Setup], Tensor]]:
    """Captum's works on one of the setup's networks."""

    def asked(setup: Setup) -> tuple[nn.Module, Tensor, Tensor]:
        return getattr(setup, network), setup.images.clone(), setup.labels

    def saliency(setup: Setup) -> Tensor:
        model, images, labels = asked(setup)
        return attr.Saliency(model).attribute(images, target=labels).amax(dim=1)

    def guided(setup: Setup) -> Tensor:
        model, images, labels = asked(setup)
        return attr.GuidedBackprop(model).attribute(images, target=labels)

    def cam(setup: Setup) -> Tensor:
        model, images, labels = asked(setup)
        coarse = attr.LayerGradCam(model, model.get_submodule(setup.layer)).attribute(
            images.requires_grad_(), target=labels, relu_attributions=True
        )
        return attr.LayerAttribution.interpolate(coarse, images.shape[2:], "bilinear").squeeze(1).detach()

    def four(setup: Setup) -> tuple[Tensor, ...]:
        model, images, labels = asked(setup)
        both = attr.GuidedGradCam(model, model.get_submodule(setup.layer))
        return (
            saliency(setup),
            guided(setup),
            cam(setup),
            both.attribute(images, target=labels, interpolate_mode="bilinear"),
        )

    def integrated(setup: Setup) -> Tensor:
        model, images, labels = asked(setup)
        return attr.IntegratedGradients(model).attribute(images, target=labels, n_steps=STEPS)

    def occluded(setup: Setup) -> Tensor:
        model, images, labels = asked(setup)
        window = {"sliding_window_shapes": (3, PATCH, PATCH), "strides": (3, STRIDE, STRIDE)}
        with torch.no_grad():
            maps = attr.Occlusion(model).attribute(images, target=labels, perturbations_per_eval=16, **window)
        return maps[:, 0]

    works = {
        "saliency": saliency,
        "guided backprop": guided,
        "Grad-CAM": cam,
        "four maps": four,
        "integrated gradients": integrated,
        "occlusion": occluded,
    }
    return {name: _quietly(work) for name, work in works.items()}


def _pytorch_grad_cam(setup: Setup) -> Tensor:
    # Here, since it is optional: without it this line of the table is left out.
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    targets = [ClassifierOutputTarget(label) for label in setup.labels.tolist()]
    with GradCAM(model=setup.theirs, target_layers=[setup.theirs.get_submodule(setup.layer)]) as method:
        return torch.from_numpy(method(input_tensor=setup.images.clone(), targets=targets))


def _our_four(setup: Setup) -> AllMaps:
    maps = all_maps(setup.ours, setup.images, setup.labels, layer=setup.layer)
    return maps._replace(grad_cam=upsample(maps.grad_cam, setup.images.shape[2:]))


def _our_occlusion(setup: Setup) -> Tensor:
    drops = occlusion(setup.ours, setup.images, setup.labels, patch=PATCH, stride=STRIDE)
    return spread(drops, setup.images.shape[2:], patch=PATCH, stride=STRIDE)


def _our_style(setup: Setup) -> float:
    losses = []
    objective = style_objective(*setup.pictures, setup.ours.features, **STYLE)
    transfer_style(
        setup.pictures[0],
        objective,
        iterations=setup.style_steps,
        callback=lambda step: losses.append(float(step.value)),
    )
    return losses[-1]


def _plain_style(setup: Setup) -> float:
    loss = plain.style_transfer(*setup.pictures, setup.frozen.features, **STYLE, iterations=setup.style_steps)[1]
    setup.remembered["loss"] = loss
    return loss


def _our_style_to_the_loss(setup: Setup) -> float:
    """Small steps until the loss is as low as the plain loop's after all of its steps; its targets included."""
    wanted = setup.remembered.get("loss") or _plain_style(setup)
    objective = style_objective(*setup.pictures, setup.ours.features, **STYLE)
    reached = []

    def enough(step) -> bool:
        reached.append(float(step.value))
        return reached[-1] <= wanted

    transfer_style(setup.pictures[0], objective, iterations=setup.style_steps, callback=enough, **SMALL_STEPS)
    return reached[-1]


WORKS: dict[str, dict[str, Callable[[Setup], object]]] = {
    "saliency": {"ours": lambda s: saliency_map(s.ours, s.images, s.labels)},
    "guided backprop": {"ours": lambda s: guided_backprop(s.ours, s.images, s.labels)},
    "Grad-CAM": {
        "ours": lambda s: upsample(grad_cam(s.ours, s.images, s.labels, layer=s.layer), s.images.shape[2:]),
        "pytorch-grad-cam": _pytorch_grad_cam,
    },
    "four maps": {"ours": _our_four},
    "integrated gradients": {"ours": lambda s: integrated_gradients(s.ours, s.images, s.labels, nodes=STEPS)},
    "occlusion": {"ours": _our_occlusion},
    "class visualization": {
        "ours": lambda s: visualize_classes(s.ours, range(s.count), iterations=ITERATIONS, size=s.size),
        "plain loop": lambda s: [plain.class_visualization(s.frozen, y, iterations=ITERATIONS) for y in range(s.count)],
    },
    "fooling": {
        "ours": lambda s: fool(s.ours, s.images, TARGET, keep_valid=False),
        "plain loop": lambda s: [plain.fool(s.frozen, image, TARGET) for image in s.images.split(1)],
    },
    "style transfer": {"ours": _our_style, "plain loop": _plain_style},
    "style transfer to the loss": {"ours": _our_style_to_the_loss, "plain loop": _plain_style},
}
for _name, _work in _captum("theirs").items():
    WORKS[_name]["Captum"] = _work
for _name, _work in _captum("ours").items():
    WORKS[_name]["Captum, our network"] = _work
