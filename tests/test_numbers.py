"""One rule for numbers, kept by every technique: images of any floating type, networks of any, also under autocast.

A pass runs in the network's own type; all else, and what is returned, has the type of the images, but at least float32
(core/gradients.py). What is no picture is refused. A new row of the catalogue is tested here by itself.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
import torch
from conftest import SQUEEZENETS, random_squeezenet
from torch import Tensor, nn

from core.attacks import first_choices, is_changed
from core.errors import UsageError
from core.objectives import channel_objective, class_objective, layer_objective, unit_objective
from core.parametrisations import encode, encode_unbounded
from core.priors import blur
from core.receptive_field import receptive_fields
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
from style_modules import ContentLoss, StyleLoss, TotalVariationLoss
from style_modules.style_loss import gram_matrix
from visualizers import GradCam, SaliencyMap
from visualizers.activation_maps import activation_maps
from visualizers.all_maps import all_maps
from visualizers.catalogue import Technique
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
from visualizers.fooling_image import course_fooling_image, fool
from visualizers.fourier_visualization import fourier_visualization
from visualizers.generator_visualization import climb_codes
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
    "universal by DeepFool": lambda model, images: universal_by_deepfool(
        model, images[..., :40, :40] if isinstance(images, Tensor) else images, linf=0.01, callback=lambda _: True
    ),
    "first choices": lambda model, images: first_choices(model, images),
    "changed": lambda model, images: is_changed(model, images, PICTURES[:1] / 9),
    "randomised smoothing": lambda model, images: certify(model, images, n0=2, n=3, generator=chance()),
    "robust accuracy": lambda model, images: robust_hits(model, images, LABELS, [0.0, 0.01], steps=2),
    "climbs": climbs,
    "facet visualization": facet,
    "DeepDream": dream,
    "inversion": lambda model, images: [
        invert_features(model, images, "features.6", iterations=2, start=start, generator=chance())
        for start in (None, images)
    ],
    "fast style": lambda model, images: stylise(painter(next(model.parameters()).dtype), images, [1.0, 0.0]),
    **{name: partial(captum, name) for name in CAPTUM},
}
ONE: Mapping[str, Call] = {  # of one image
    "zoom": zoom,
    **{f"style, {loss}": partial(style, loss, how) for loss, how in zip(LOSSES, ("adam", "lbfgs"), strict=True)},
    "style terms": lambda model, image: torch.tensor(style_terms(model, image, image, [Style(PICTURES[1:])])),
    "style's picture": lambda model, image: style_transfer(
        model, PICTURES[:1].to(getattr(image, "device", "cpu")), [Style(image)], iterations=1, layers=(1, 4)
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
    "noise like it": lambda _, image: noise_like(image, norm="l2", generator=chance()),
    "the course's gradient": lambda model, image: regularised_gradient(image, model, 1, 1e-3),
    "the course's fooling": lambda model, image: course_fooling_image(model, image, 3, iterations=3),
}
ROWS = {name: row_call(row) for name, row in SQUEEZENETS.items()}
CALLS = ROWS | TWO | ONE

STATISTICS = {"stability", "sanity check", "scorecard", "SSIM", "error of the picture", "randomised smoothing"}
# Plain numbers, arrays, or what flows through a layer: at least in float32, whatever the images are.
OF_THE_NETWORK = {"top patches", "the course's Grad-CAM", "the course's features", "style terms", "Gram distance"}
# Plain numbers, and what NumPy computes.
ON_THE_PROCESSOR = OF_THE_NETWORK - {"the course's features"} | {
    *("stability", "sanity check", "scorecard", "selective channels", "DeepFool, longer", "robust accuracy"),
}
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


@cache
def result(name: str, network_type: torch.dtype, image_type: torch.dtype, *, widened: bool = False) -> list[Tensor]:
    """What the call gives; `widened`: for the same numbers in float32."""
    images = input_of(name, image_type)
    return called(name, network(network_type), images.float() if widened else images)


def same(first: list[Tensor], second: list[Tensor]) -> bool:
    """Whether they are equal to the last bit, in type, too. Not a number, as of a blank map, equals itself."""
    pairs = zip(first, second, strict=True)
    return all(a.dtype == b.dtype and torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in pairs)


def check_types(name: str, results: list[Tensor], images: Tensor) -> None:
    finest = torch.promote_types(images.dtype, torch.float32)
    for each in results:
        assert each.device == images.device or name in ON_THE_PROCESSOR
        assert not each.requires_grad
        assert not each.isinf().any()
        assert not each.isnan().any() or name in STATISTICS
        if not each.is_floating_point():
            continue
        if name in LIKE_IMAGES:
            assert each.dtype == images.dtype
        elif name in OF_THE_NETWORK:
            assert each.dtype in (torch.float32, torch.float64)
        else:
            assert each.dtype == finest or (each.dtype == torch.float64 and name in STATISTICS)


@every_call
def test_the_result_has_the_type_and_device_of_the_images_but_at_least_float32(name):
    for dtype in TYPES if name in ROWS else TYPES[:3]:
        images = input_of(name, dtype)
        check_types(name, result(name, torch.float32, dtype), images)
        if images.element_size() == 2:
            wide = result(name, torch.float32, dtype, widened=True)
            got = result(name, torch.float32, dtype)
            assert same(got, [each.to(images) for each in wide] if name in LIKE_IMAGES else wide)


# Convolutions in float16 are slow on a processor, so there only the maps.
PAIRS = [(name, dtype) for dtype in TYPES for name in (ROWS if dtype == torch.float16 else CALLS)]


@pytest.mark.parametrize(("name", "dtype"), PAIRS, ids=str)
def test_a_network_of_any_type_gives_nearly_what_it_gives_in_float64(name, dtype):
    if not runs(dtype):
        pytest.skip(f"PyTorch has no convolution of {dtype} on this processor")
    images = input_of(name)
    results = result(name, dtype, torch.float32)
    check_types(name, results, images)
    least = {torch.float16: 0.95, torch.bfloat16: 0.8}.get(dtype, 0.999)
    for ours, exact in zip(results, result(name, torch.float64, torch.float32), strict=True):
        if name in ROWS:
            ours, exact = ours.double().flatten(1), exact.double().flatten(1)
            assert all(np.corrcoef(one, other)[0, 1] > least for one, other in zip(ours, exact, strict=True))
            if dtype == torch.float32:  # one ReLU that rounding opens changes one image a little
                assert ((ours - exact).norm(dim=1) / exact.norm(dim=1)).median() < 1e-4
        elif dtype == torch.float32 and ours.is_floating_point():
            known = exact.isfinite()
            # Wide, since an ascent goes on from where rounding took it: what is in another type is off by far more.
            assert (ours - exact)[known].norm() <= 0.1 * exact[known].norm()


@every_call
def test_autocast_changes_nothing(name):
    for dtype in (torch.float32, torch.bfloat16) if name in ROWS else (torch.float32,):
        expected = result(name, dtype, torch.float32)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert torch.is_autocast_enabled("cpu")
            assert same(called(name, network(dtype), input_of(name)), expected)
            assert torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize("name", sorted(set(CALLS) - {"blur"}))  # gradients are blurred as well
def test_what_is_no_picture_is_refused_in_one_sentence(name):
    good = input_of(name)
    spoiled = [good.index_fill(3, torch.tensor([5]), value) for value in (torch.nan, torch.inf)]
    whole = [(good * 50).to(torch.uint8), (good * 50).long(), good > 0, good.to(torch.float8_e4m3fn)]
    for wrong in (*whole, *spoiled, good[:, :1], good[0], good[:0], good.numpy(), [good], None):
        with pytest.raises(UsageError) as refused:
            called(name, network(torch.float32), wrong)
        words = str(refused.value)
        assert "\n" not in words
        assert any(reason in words for reason in ("whole numbers", "not finite", "is needed", "too coarse")), words


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@every_call
def test_network_and_images_may_be_on_different_devices(name):
    for there, here in (("cuda", "cpu"), ("cpu", "cuda")):
        images, model = input_of(name).to(here), deepcopy(network(torch.float32)).to(there)
        check_types(name, called(name, model, images), images)


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_pictures_made_of_no_picture_have_the_type_of_the_network_but_at_least_float32(dtype):
    if not runs(dtype):
        pytest.skip(f"PyTorch has no convolution of {dtype} on this processor")
    model, finest = network(dtype), torch.promote_types(dtype, torch.float32)
    objective = class_objective(model, [1])
    made = [
        visualize_classes(model, [1], size=64, iterations=2, generator=chance()),
        fourier_visualization(model, objective, 1, size=64, iterations=2, generator=chance()),
    ]
    assert all(each.dtype == finest and each.isfinite().all() for each in made)
    draw = nn.Conv2d(3, 3, 1).requires_grad_(False).to(dtype)
    for codes in (PICTURES.half(), PICTURES.double()):
        climbed = climb_codes(model, draw, class_objective(model, 1), codes, iterations=2, generator=chance())
        assert climbed.dtype == torch.promote_types(codes.dtype, torch.float32)


def test_the_same_seed_gives_the_same_noise_whatever_type_the_caller_prefers():
    names = ("smoothgrad", "rise", "PGD", "DeepDream", "randomised smoothing", "climbs")
    expected = [result(name, torch.float32, torch.float64) for name in names]
    try:
        torch.set_default_dtype(torch.float64)
        again = [called(name, network(torch.float32), input_of(name, torch.float64)) for name in names]
    finally:
        torch.set_default_dtype(torch.float32)
    for ours, theirs in zip(again, expected, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            one, other = one.double(), other.double()
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3 * float(other.abs().max()))


def test_scores_beyond_what_half_precision_holds_are_refused_with_what_helps():
    if not runs(torch.float16):
        pytest.skip("PyTorch has no convolution of float16 on this processor")
    model = deepcopy(network(torch.float16))
    model.classifier[1].weight.fill_(6e4)
    calls = (saliency_map, lambda *arguments: deletion_curve(*arguments, PICTURES[:, 0], stages=2))
    for call in calls:
        with pytest.raises(UsageError, match=r"model: its scores are more than torch.float16 holds.*model.bfloat16"):
            call(model, PICTURES, LABELS)
        assert call(deepcopy(model).bfloat16(), PICTURES, LABELS).isfinite().all()


def test_receptive_fields_are_exact_in_a_network_of_half_precision():
    expected = receptive_fields(network(torch.float32), "features.5", size=(64, 64))
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        assert torch.equal(receptive_fields(network(dtype), "features.5", size=(64, 64)), expected)


@pytest.mark.parametrize("kind", ["int32", "uint8", "int16", "numpy", "list"])
def test_class_numbers_may_be_whole_numbers_of_any_type(kind):
    numbers = {"numpy": np.array(LABELS, dtype=np.int32), "list": LABELS}
    labels = numbers[kind] if kind in numbers else torch.tensor(LABELS, dtype=getattr(torch, kind))
    expected = result("gradient", torch.float32, torch.float32)[0]
    assert torch.equal(saliency_map(network(torch.float32), PICTURES, labels), expected)


def features(scale: float, dtype: torch.dtype) -> Tensor:
    return (scale * torch.rand(1, 8, 9, 9, generator=chance())).to(dtype).requires_grad_(True)


LOSSES_OF_FEATURES = {
    "style loss": lambda ours, wanted: StyleLoss()([ours], [0], [gram_matrix(wanted).detach()], [1e3]),
    "content loss": lambda ours, wanted: ContentLoss()(10.0, ours, wanted.detach()),
    "total variation loss": lambda ours, _: TotalVariationLoss()(ours, 10.0),
}


@pytest.mark.parametrize("name", LOSSES_OF_FEATURES)
def test_a_loss_in_half_precision_says_when_it_is_more_than_the_type_holds(name):
    wanted = features(1.0, torch.float16)
    ours = features(200.0, torch.float16)
    with pytest.warns(
        RuntimeWarning, match=rf"{name}: .* is more than torch.float16 holds, 65504; give features.float"
    ):
        loss = LOSSES_OF_FEATURES[name](ours, wanted)
    assert loss.dtype == torch.float16
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for dtype in (torch.float32, torch.bfloat16):  # what is said to help
            wide = LOSSES_OF_FEATURES[name](ours.detach().to(dtype), wanted.to(dtype))
            assert wide.isfinite()
            assert wide.dtype == dtype


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", LOSSES_OF_FEATURES)
def test_a_loss_in_half_precision_is_that_of_float32_rounded_once(name, dtype):
    ours, wanted = features(0.2, dtype), features(0.3, dtype).detach()
    loss = LOSSES_OF_FEATURES[name](ours, wanted)
    (gradient,) = torch.autograd.grad(loss, ours)
    wide = ours.detach().float().requires_grad_(True)
    target = gram_matrix(wanted).float()  # a target that is rounded is another one
    losses = {**LOSSES_OF_FEATURES, "style loss": lambda ours, _: StyleLoss()([ours], [0], [target], [1e3])}
    exact = losses[name](wide, wanted.float())
    assert loss.dtype == gradient.dtype == dtype
    assert torch.equal(loss, exact.to(dtype))
    torch.testing.assert_close(gradient, torch.autograd.grad(exact, wide)[0].to(dtype))


@pytest.mark.parametrize("name", LOSSES_OF_FEATURES)
def test_autocast_does_not_round_a_loss_and_whole_numbers_are_refused(name):
    ours, wanted = features(0.2, torch.float32), features(0.3, torch.float32)
    loss = LOSSES_OF_FEATURES[name](ours, wanted)
    (gradient,) = torch.autograd.grad(loss, ours)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        again = LOSSES_OF_FEATURES[name](ours, wanted)
        assert torch.equal(again, loss)
        assert torch.equal(torch.autograd.grad(again, ours)[0], gradient)
    with pytest.raises(UsageError, match=r"features: whole numbers \(torch.uint8\)"):
        LOSSES_OF_FEATURES[name](ours.detach().to(torch.uint8), wanted)
