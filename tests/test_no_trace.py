"""Whatever is called, the network and its input stay as they were, also after an exception.

The maps of the catalogue have the same test in test_catalogue.py.
"""

import importlib
import sys
from contextlib import suppress

import numpy as np
import pytest
import torch
from conftest import random_squeezenet, state_of, tiny_squeezenet
from PIL import Image
from torch import nn

from core.activations import record_activations
from core.defaults import ROOT
from core.errors import UsageError
from core.measuring import measuring
from core.objectives import channel_objective, class_objective, layer_objective, unit_objective
from core.receptive_field import receptive_fields
from core.relu_rules import guided_relus
from courses.gradcam import GradCAM
from courses.style import extract_features, features_from_img, style_objective, style_transfer, transfer_style
from measures.faithfulness import deletion_curve
from measures.sanity import sanity_check
from training.styles import PaintingRecipe, PaintingTraining
from visualizers import ClassVisualization, FoolingImage, GradCam, SaliencyMap
from visualizers.activation_maps import activation_maps
from visualizers.class_visualization import climb_pixels, visualize_classes
from visualizers.deepdream import deepdream
from visualizers.deepfool import deepfool
from visualizers.facet_visualization import facet_visualization
from visualizers.facets import facet_features
from visualizers.fgsm import fgsm
from visualizers.fooling_from_noise import fooling_from_noise
from visualizers.fooling_image import fool
from visualizers.fourier_visualization import fourier_visualization
from visualizers.generator_visualization import climb_codes
from visualizers.guided_gradcam import guided_grad_cam
from visualizers.image_features import image_features
from visualizers.inversion import invert_features
from visualizers.pgd import pgd
from visualizers.randomised_smoothing import certify
from visualizers.saliency_map import saliency_map
from visualizers.selective_channels import selective_channels
from visualizers.smallest_norm import along, smallest_norm
from visualizers.texture_synthesis import gram_distance, synthesize_texture
from visualizers.top_patches import top_patches
from visualizers.unit_gradient import guided_unit
from visualizers.universal_perturbation import universal_by_deepfool, universal_perturbation


def transfer(model, images):
    settings = {"content_layer": 3, "content_weight": 1.0, "tv_weight": 1.0}
    style = {"style_layers": (1, 4), "style_weights": (1.0, 1.0)}
    objective = style_objective(images[:1], images[1:2], model.features, **settings, **style)
    return transfer_style(images[:1], objective, iterations=2, learning_rate=0.1)


def adapter(model, images):
    settings = {"num_iterations": 1, "generate_plots": False}
    ClassVisualization().create_class_visualization(1, {}, model, torch.DoubleTensor, **settings)


def climbs(model, images):
    for objective in (channel_objective(model, "features.6", 3), unit_objective(model, "features.6", 3)):
        climb_pixels(model, objective, images, iterations=2)
    climb_pixels(model, layer_objective(model, "features.6"), images, iterations=2)


def climb(model, images):
    chance = torch.Generator().manual_seed(0)
    climb_codes(model, nn.Identity(), class_objective(model, 1), images, iterations=2, generator=chance)


def fourier(model, _images):
    fourier_visualization(model, class_objective(model, [1]), 1, size=64, iterations=2)


def facet(model, images):
    directions = torch.nn.functional.normalize(torch.ones(3, 384))
    settings = {"layers": ["features.10"], "iterations": 2}
    return facet_visualization(model, images, 1, directions, **settings)


def learn_to_paint(model, images):
    recipe = PaintingRecipe(("a",), "", "", steps=2, batch=2, widths=(2, 2, 2), blocks=1)
    training = PaintingTraining(recipe, model, [images[:1].detach()])
    training.take_step(lambda _: images[1].detach())
    training.evaluate(images.detach())


def longer(model, images):
    smallest_norm(along(model, images, 3, images + 0.1, norm="l2"), len(images), [0.1, 1.0])


CALLS = {
    "sanity check": lambda model, images: sanity_check(saliency_map, model, images, 1, generator=torch.Generator()),
    "deletion": lambda model, images: deletion_curve(model, images, 1, images.detach()[:, 0], stages=2),
    "receptive fields": lambda model, images: receptive_fields(model, "features.5", size=(64, 64)),
    "top patches": lambda model, images: top_patches(model, "features.5", [1, 2], [images]),
    "selective channels": lambda model, images: selective_channels(model, "features.5", [images]),
    "guided unit": lambda model, images: guided_unit(model, images, "features.4.expand3x3", 1, 2, 3),
    "class visualization": lambda model, images: visualize_classes(model, [1], start=images[:1], iterations=2),
    "channel, unit and layer climbed": climbs,
    "generator visualization": climb,
    "Fourier form": fourier,
    "activation maps": lambda model, images: activation_maps(model, images, layer="features.4"),
    "facet features": lambda model, images: facet_features(model, images, 1),
    "facet visualization": facet,
    "fooling": lambda model, images: fool(model, images, 3, iterations=3),
    "FGSM": lambda model, images: fgsm(model, images, 3, linf=0.01),
    "PGD": lambda model, images: pgd(model, images, 3, l2=0.5, steps=2, whole_levels=True),
    "DeepFool": lambda model, images: deepfool(model, images, 1, iterations=2),
    "DeepFool, longer": longer,
    "fooling from noise": lambda model, images: fooling_from_noise(model, images, 3, iterations=2),
    "universal perturbation": lambda model, images: universal_perturbation(model, images, linf=0.01, steps=2),
    "universal by DeepFool": lambda model, images: universal_by_deepfool(model, images, linf=0.01, passes=1),
    "randomised smoothing": lambda model, images: certify(model, images, n0=2, n=3),
    "inversion": lambda model, images: invert_features(model, images, "features.6", iterations=2),
    "features": lambda model, images: extract_features(images, model.features),
    "features of images": lambda model, images: image_features(model, images),
    "style transfer": transfer,
    "texture synthesis": lambda model, images: synthesize_texture(model, images[:1], (40, 44), iterations=2),
    "Gram distance": lambda model, images: gram_distance(model, images[:1], images[1:2]),
    "learning to paint": learn_to_paint,
    "DeepDream": lambda model, images: deepdream(
        model, images, "features.6", guide=images[:1], octaves=2, iterations=2
    ),
    "the course's class visualization": adapter,
}


def course(folder: str, module: str, name: str):
    """A function of a course's notebook, from the folder that the notebook puts on its path."""
    path = ROOT / "courses" / folder
    sys.path.insert(0, str(path))
    try:
        return getattr(importlib.import_module(module), name)
    finally:
        sys.path.remove(str(path))
        for loaded in [each for each in sys.modules if each.split(".")[0] in ("cs231n", "network_visualization")]:
            del sys.modules[loaded]


def cs231n(name: str):
    return course("cs231n_2020", "cs231n.net_visualization_pytorch", name)


def eecs498(name: str):
    return course("eecs498", "network_visualization", name)


def course_transfer(model, _images):
    losses = {"style_layers": [1, 4], "style_weights": [1.0, 1.0], "content_layer": 3, "content_weight": 1.0}
    style_transfer("painted", "picture.png", "picture.png", 40, 40, tv_weight=0.1, cnn=model.features, **losses)


COURSES = {  # what notebooks and scripts of all editions call; cs231n's saliency leaves eval mode behind, as it says
    "SaliencyMap": lambda model, images: SaliencyMap().compute_saliency_maps(images, [1, 2, 3], model),
    "GradCam.guided_backprop": lambda model, images: GradCam().guided_backprop(images, [1, 2, 3], model),
    "GradCam.grad_cam": lambda model, images: GradCam().grad_cam(images, [1, 2, 3], model),
    "FoolingImage": lambda model, images: FoolingImage().make_fooling_image(images[:1], 3, model),
    "ClassVisualization": lambda model, _images: ClassVisualization().create_class_visualization(
        1, {}, model, num_iterations=1, generate_plots=False
    ),
    "GradCAM": lambda model, images: GradCAM(images.detach().abs().byte().permute(0, 2, 3, 1).numpy(), model).gradcam(),
    "extract_features": lambda model, images: extract_features(images, model.features),
    "features_from_img": lambda model, _images: features_from_img("picture.png", 40, model.features),
    "style_objective": transfer,
    "style_transfer": course_transfer,
    "cs231n's make_fooling_image": lambda model, images: cs231n("make_fooling_image")(images[:1], 3, model),
    "cs231n's class_visualization_update_step": lambda model, images: cs231n("class_visualization_update_step")(
        images[:1].detach().clone(), model, 3, 1e-3, 5
    ),
    "eecs498's compute_saliency_maps": lambda model, images: eecs498("compute_saliency_maps")(images, [1, 2, 3], model),
    "eecs498's make_adversarial_attack": lambda model, images: eecs498("make_adversarial_attack")(
        images[:1], 3, model, max_iter=3
    ),
    "eecs498's class_visualization_step": lambda model, images: eecs498("class_visualization_step")(
        images[:1].detach().clone(), 3, model
    ),
}


def tiny_with_layer_12(training: bool = True) -> nn.Module:
    """A network in training mode whose batch normalisations and dropout would show that a pass has been made."""
    model = tiny_squeezenet(classes=10, normalised=True)
    for _ in range(13 - len(model.features)):
        model.features.append(nn.BatchNorm2d(16))
    return model.requires_grad_(True).train(training)


def course_picture():
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8)).save("picture.png")


@pytest.mark.filterwarnings("ignore:the map of image", "ignore:the network was not fooled")
@pytest.mark.parametrize("name", COURSES)
def test_the_courses_leave_a_network_in_training_mode_with_all_its_buffers(name, images):
    course_picture()
    model = tiny_with_layer_12()
    before = state_of(model, images)
    COURSES[name](model, images)
    assert state_of(model, images) == before
    model.features[0].train(False)  # a mode of its own comes back as well
    before = state_of(model, images)
    handle = model.features[2].register_forward_pre_hook(broken)
    with pytest.raises(Broken):
        COURSES[name](model, images)
    handle.remove()
    assert state_of(model, images) == before


class Broken(Exception):
    pass


def broken(*_):
    raise Broken


@pytest.mark.filterwarnings("ignore:the map of image", "ignore:the network was not fooled")
@pytest.mark.parametrize(
    "name", sorted(set(CALLS) - {"sanity check", "facet features", "facet visualization", "learning to paint"})
)
def test_no_statistic_of_batch_normalisation_changes(name, images):
    model = tiny_with_layer_12()
    before = state_of(model, images)
    with suppress(UsageError):  # of a layer by the name that SqueezeNet has
        CALLS[name](model, images)
    assert state_of(model, images) == before


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("frozen", [False, True], ids=["trainable", "frozen"])
@pytest.mark.parametrize("name", CALLS)
def test_no_trace_is_left(name, frozen, training, images):
    model = random_squeezenet().requires_grad_(not frozen).train(training)
    images.requires_grad_(True)
    before = state_of(model, images)
    CALLS[name](model, images)
    assert state_of(model, images) == before


@pytest.mark.parametrize("name", CALLS)
def test_no_trace_is_left_after_an_exception(name, images):
    model = random_squeezenet().train()

    class Broken(Exception):
        pass

    def fail(_module, _inputs):
        raise Broken

    handle = model.features[4].expand3x3.register_forward_pre_hook(fail)
    before = state_of(model, images)
    with pytest.raises(Broken):
        CALLS[name](model, images)
    assert state_of(model, images) == before
    handle.remove()


def test_an_unknown_second_layer_leaves_no_hook_of_the_first(images):
    model = random_squeezenet()
    before = state_of(model, images)
    with pytest.raises(ValueError, match="nowhere"), record_activations(model, ["features.3", "nowhere"]):
        pass
    assert state_of(model, images) == before


def test_modules_set_to_train_one_by_one_come_back_so(images):
    model = random_squeezenet()
    model.classifier[0].train()
    before = state_of(model, images)
    with measuring(model), guided_relus(model):
        assert not any(module.training for module in model.modules())
        model(images)
    assert state_of(model, images) == before


def test_it_works_when_gradients_are_off_outside(squeezenet, images):
    expected = saliency_map(squeezenet, images, 1)
    with torch.no_grad():
        assert torch.equal(saliency_map(squeezenet, images, 1), expected)
    with torch.inference_mode():
        maps = saliency_map(squeezenet, images.clone(), 1)
    assert torch.equal(maps, expected)


def test_a_recorded_activation_is_what_the_layer_gave_before_the_next_relu(squeezenet, images):
    with torch.no_grad(), record_activations(squeezenet, ["features.0", "features.1"]) as recorded:
        scores = squeezenet(images)
    assert recorded["features.0"].min() < 0
    torch.testing.assert_close(recorded["features.0"].relu(), recorded["features.1"])
    torch.testing.assert_close(scores, squeezenet(images))


@pytest.mark.slow
def test_a_hundred_calls_do_not_gather_memory(squeezenet, images):
    resource = pytest.importorskip("resource")
    for round_ in range(3):
        for _ in range(100 if round_ else 20):
            guided_grad_cam(squeezenet, images, 1)
        if round_ == 1:
            settled = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - settled < 20 * 1024  # kilobytes
