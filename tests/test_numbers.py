"""One rule for numbers, kept by every technique: images of any floating type, networks of any, also under autocast.

A pass runs in the network's own type; all else, and what is returned, has the type of the images, but at least float32
(core/gradients.py). What is no picture is refused. A new row of the catalogue is tested here by itself.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any

import pytest
import torch
from conftest import random_squeezenet
from torch import Tensor, nn

from core.attacks import first_choices, is_changed
from core.objectives import channel_objective, class_objective, layer_objective, unit_objective
from core.parametrisations import encode, encode_unbounded
from core.priors import blur
from core.transforms import random_view
from courses.ascents import regularised_gradient
from courses.style import extract_features, style_objective, transfer_style
from measures import captum_reference
from measures.faithfulness import deletion_curve, insertion_curve, stability
from measures.localisation import edge_map
from measures.reconstruction import layer_error, pattern_error, picture_error, ssim
from measures.sanity import all_random, sanity_check
from measures.scorecard import score_maps
from painting.targets import LOSSES, Style
from visualizers import FoolingImage, GradCam, SaliencyMap
from visualizers.activation_maps import activation_maps
from visualizers.all_maps import all_maps
from visualizers.catalogue import TECHNIQUES, Technique
from visualizers.class_visualization import climb_pixels, visualize_classes
from visualizers.colour_transfer import keep_luminance, match_colours
from visualizers.deepdream import deepdream, zoom_sequence
from visualizers.deepfool import deepfool
from visualizers.evidence import evidence, explain
from visualizers.facet_visualization import facet_visualization
from visualizers.facets import facet_features, mean_images
from visualizers.fast_style_transfer import StyleNetwork, stylise
from visualizers.fgsm import fgsm
from visualizers.fooling_from_noise import fooling_from_noise
from visualizers.fooling_image import fool
from visualizers.image_features import image_features
from visualizers.integrated_gradients import completeness_error
from visualizers.inversion import invert_features
from visualizers.linear_templates import linear_templates
from visualizers.pgd import pgd
from visualizers.randomised_smoothing import certify
from visualizers.robust_accuracy import robust_hits
from visualizers.saliency_map import saliency_map
from visualizers.selective_channels import selective_channels
from visualizers.smallest_norm import along, smallest_norm
from visualizers.style_transfer import style_terms, style_transfer
from visualizers.texture_sampling import sample_texture
from visualizers.texture_synthesis import colour_noise, gram_distance, synthesize_texture
from visualizers.top_patches import top_patches
from visualizers.unit_gradient import guided_unit, unit_gradient
from visualizers.universal_perturbation import noise_like, universal_by_deepfool, universal_perturbation

TYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
QUICK = {"nodes": 3, "samples": 2, "masks": 6, "grid": 4, "channels": 6, "patch": 24, "stride": 20}
LABELS = [1, 4]
PICTURES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 0.8
MASKS = torch.zeros(2, 64, 64, dtype=torch.bool)
MASKS[:, 20:40, 10:30] = True

Call = Callable[[nn.Module, Tensor], Any]


def chance() -> torch.Generator:
    return torch.Generator().manual_seed(5)


def row_call(row: Technique) -> Call:
    def call(model: nn.Module, images: Tensor) -> Tensor:
        maps = explain(row, model, images, LABELS, settings=QUICK, generator=chance())
        return maps, evidence(row, maps, (64, 64))

    return call


def climbs(model: nn.Module, images: Tensor) -> list[Tensor]:
    objectives = [make(model, "features.6", 3) for make in (channel_objective, unit_objective)]
    objectives += [layer_objective(model, "features.6"), class_objective(model, 1)]
    return [climb_pixels(model, each, images, iterations=2, generator=chance()) for each in objectives]


def facet(model: nn.Module, images: Tensor) -> Tensor:
    directions = nn.functional.normalize(torch.ones(2, 384))
    return facet_visualization(model, images, 1, directions, layers=["features.10"], iterations=2, generator=chance())


def longer(model: nn.Module, images: Tensor) -> tuple:
    attack = along(model, images, LABELS, PICTURES.flip(0), norm="l2")
    found = smallest_norm(attack, 2, [0.1, 1.0])
    return found.images, found.steps


def scores(model: nn.Module, images: Tensor) -> dict[str, Tensor]:
    settings = {"each_block": False, "draws": 1, "stages": 2, "masks": MASKS, "generator": chance()}
    return score_maps(saliency_map, model, images, LABELS, **settings)


def dream(model: nn.Module, images: Tensor) -> list[Tensor]:
    settings = {"octaves": 1, "iterations": 1, "jitter": 4}
    ways = ({}, {"channels": [1, 2]}, {"guide": PICTURES[:1]})
    return [deepdream(model, images, "features.6", **way, **settings, generator=chance()) for way in ways]


def zoom(model: nn.Module, images: Tensor) -> list[Tensor]:
    settings = {"octaves": 1, "iterations": 1, "jitter": 4, "frames": 2}
    return list(zoom_sequence(model, images, "features.6", **settings, generator=chance()))


def style(loss: str, optimiser: str, model: nn.Module, image: Tensor) -> Tensor:
    settings = {"layers": (1, 4), "iterations": 2, "loss": loss, "optimiser": optimiser, "style_weight": 1.0}
    return style_transfer(model, image, [Style(PICTURES[1:])], **settings)


def course_style(model: nn.Module, image: Tensor) -> Tensor:
    settings = {"content_layer": 3, "content_weight": 0.01, "tv_weight": 0.01}
    settings |= {"style_layers": (1, 4), "style_weights": (1.0, 1.0)}
    objective = style_objective(image, PICTURES[1:], model.features, **settings)
    return transfer_style(image, objective, iterations=2, learning_rate=0.1)


@cache
def painter(dtype: torch.dtype) -> StyleNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return StyleNetwork(("a", "b"), widths=(4, 4, 4), blocks=1).requires_grad_(False).to(dtype)


def sampled(_model: nn.Module, image: Tensor) -> Tensor:
    return sample_texture(image, (12, 12), window=5, generator=chance())


def patches(model: nn.Module, images: Tensor) -> list[Tensor]:
    return [torch.tensor([patch.value for patch in one]) for one in top_patches(model, "features.5", [1, 2], [images])]


def captum(name: str, model: nn.Module, images: Tensor) -> Tensor:
    settings = {"layer": "features.12"} if "cam" in name or "layer" in name else {}
    settings |= {"nodes": 3} if "conductance" in name or "integrated" in name else {}
    arguments = (model, images) if "activation" in name else (model, images, torch.tensor(LABELS))
    return getattr(captum_reference, name)(*arguments, **settings)


CAPTUM = [name for name in vars(captum_reference) if name.startswith("captum_")]
TWO: Mapping[str, Call] = {  # of two images
    "all maps": lambda model, images: all_maps(model, images, LABELS),
    "completeness": lambda model, images: completeness_error(model, images, LABELS, torch.zeros(2, 3, 64, 64)),
    "the course's saliency": lambda model, images: SaliencyMap().compute_saliency_maps(images, LABELS, model),
    "the course's Grad-CAM": lambda model, images: torch.from_numpy(GradCam().grad_cam(images, LABELS, model)),
    "activation maps": lambda model, images: activation_maps(model, images, layer="features.4"),
    "features": lambda model, images: image_features(model, images),
    "facet features": lambda model, images: facet_features(model, images, 1),
    "mean images": lambda _, images: mean_images([images]),
    "unit": lambda model, images: unit_gradient(model, images, "features.4.expand3x3", 1, 2, 3),
    "guided unit": lambda model, images: guided_unit(model, images, "features.4.expand3x3", 1, 2, 3),
    "top patches": patches,
    "selective channels": lambda model, images: torch.tensor(selective_channels(model, "features.5", [images])),
    "templates": lambda _, images: linear_templates(images, [0, 1], iterations=3),
    "template scores": lambda _, images: linear_templates(PICTURES, [0, 1], iterations=3).scores(images),
    "deletion": lambda model, images: deletion_curve(
        model, images, LABELS, PICTURES[:, 0], stages=2, substrate=PICTURES
    ),
    "insertion": lambda model, images: insertion_curve(model, images, LABELS, PICTURES[:, 0], stages=2),
    "stability": lambda model, images: stability(
        lambda noisy: saliency_map(model, noisy, LABELS), images, draws=1, generator=chance()
    ),
    "sanity check": lambda model, images: sanity_check(
        saliency_map, model, images, LABELS, networks=all_random, generator=chance()
    ),
    "scorecard": scores,
    "edges": lambda _, images: edge_map(images),
    "error of the layer": lambda model, images: layer_error(model, images, PICTURES.flip(0), "features.6"),
    "error of the picture": lambda _, images: (picture_error(images, PICTURES), pattern_error(images, PICTURES)),
    "SSIM": lambda _, images: ssim(images, PICTURES),
    "blur": lambda _, images: blur(images, 1.0),
    "view": lambda _, images: random_view(images, generator=chance()),
    "spectrum": lambda _, images: (encode(images), encode_unbounded(images)),
    "FGSM": lambda model, images: fgsm(model, images, LABELS, linf=0.01),
    "PGD": lambda model, images: pgd(model, images, LABELS, l2=0.5, steps=2, whole_levels=True, generator=chance()),
    "DeepFool": lambda model, images: deepfool(model, images, LABELS, classes=3, iterations=2),
    "DeepFool, longer": longer,
    "fooling": lambda model, images: fool(model, images, LABELS, iterations=2, linf=0.1),
    "fooling from noise": lambda model, images: fooling_from_noise(model, images, LABELS, iterations=2),
    "universal": lambda model, images: universal_perturbation(model, images, linf=0.01, steps=2, generator=chance()),
    "universal by DeepFool": lambda model, images: universal_by_deepfool(model, images, linf=0.01, passes=1),
    "first choices": lambda model, images: first_choices(model, images),
    "changed": lambda model, images: is_changed(model, images, PICTURES[:1] / 9),
    "randomised smoothing": lambda model, images: certify(model, images, n0=2, n=3, generator=chance()),
    "robust accuracy": lambda model, images: robust_hits(model, images, LABELS, [0.0, 0.01], steps=2),
    "class visualization": lambda model, images: visualize_classes(
        model, LABELS, start=images, iterations=2, generator=chance()
    ),
    "climbs": climbs,
    "facet visualization": facet,
    "DeepDream": dream,
    "inversion": lambda model, images: invert_features(model, images, "features.6", iterations=2, generator=chance()),
    "inversion from a start": lambda model, images: invert_features(
        model, PICTURES.to(images), "features.6", iterations=2, start=images
    ),
    "fast style": lambda model, images: stylise(painter(next(model.parameters()).dtype), images, [1.0, 0.0]),
    **{name: partial(captum, name) for name in CAPTUM},
}
ONE: Mapping[str, Call] = {  # of one image
    "zoom": zoom,
    **{f"style, {loss}": partial(style, loss, how) for loss, how in zip(LOSSES, ("adam", "lbfgs"), strict=True)},
    "style terms": lambda model, image: torch.tensor(style_terms(model, image, image, [Style(PICTURES[1:])])),
    "style's picture": lambda model, image: style_transfer(
        model, PICTURES[:1], [Style(image)], iterations=1, layers=(1, 4)
    ).to(image if image.dtype == torch.float64 else torch.float32),
    "texture": lambda model, image: synthesize_texture(
        model, image, (40, 44), layers=(1, 4), iterations=2, generator=chance()
    ),
    "Gram distance": lambda model, image: torch.tensor(gram_distance(model, image, PICTURES[1:], layers=(1, 4))),
    "colour noise": lambda _, image: colour_noise(image, (20, 20), generator=chance()),
    "sampled texture": sampled,
    "the course's style": course_style,
    "the course's features": lambda model, image: extract_features(image, model.features),
    "colours": lambda _, image: (match_colours(image, PICTURES[1:]), keep_luminance(image, PICTURES[1:])),
    "noise like it": lambda _, image: noise_like(image / 9, norm="l2", generator=chance()),
    "the course's gradient": lambda model, image: regularised_gradient(image, model, 1, 1e-3),
    "the course's fooling": lambda model, image: FoolingImage().make_fooling_image(image, 3, model),
}
ROWS = {name: row_call(row) for name, row in TECHNIQUES.items()}
CALLS = ROWS | TWO | ONE

DOUBLE = {"stability", "sanity check", "SSIM", "error of the picture"}  # statistics, always in float64
LIKE_IMAGES = {"the course's gradient", "the course's fooling"}  # "a tensor like it", as the courses say
every_call = pytest.mark.parametrize("name", CALLS)


def input_of(name: str, dtype: torch.dtype = torch.float32) -> Tensor:
    return (PICTURES[:1] if name in ONE else PICTURES).to(dtype)


@cache
def network(dtype: torch.dtype) -> nn.Module:
    return random_squeezenet().to(dtype)


@cache
def runs(dtype: torch.dtype) -> bool:
    """Whether PyTorch has the network's operations for this type on this processor."""
    try:
        network(dtype)(PICTURES.to(dtype))
    except RuntimeError:
        return False
    return True


def tensors_in(result: Any) -> Iterator[Tensor]:
    if isinstance(result, Tensor):
        yield result
    else:
        for each in result.values() if isinstance(result, Mapping) else result:
            yield from tensors_in(each)


def called(name: str, model: nn.Module, images: Tensor) -> list[Tensor]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of blank maps, of what was not fooled
        return list(tensors_in(CALLS[name](model, images)))
