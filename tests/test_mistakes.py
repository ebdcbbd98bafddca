"""The catalogue of mistakes: what is right is called right, and each mistake made on purpose is found and named."""

from copy import deepcopy

import course_reference
import numpy as np
import pytest
import torch
from torch import nn

from core.squeezenet import load_squeezenet
from course.cases import cases_of
from course.compare import diagnose
from course.mistakes import MISTAKES, mistakes_of, pairs_of
from course.mistakes_table import parts, planted, rows, verdict_on
from course.references import expected
from courses.ascents import regularised_gradient
from courses.pictures import preprocess
from painting.course_loop import style_objective, transfer_style
from style_modules import ContentLoss, StyleLoss, TotalVariationLoss
from style_modules.guided_style_loss import guided_gram_matrix, guided_style_loss
from visualizers import GradCam, SaliencyMap
from visualizers.class_visualization import climb_pixels
from visualizers.fooling_image import fool

CLIMBS = ("fooling", "class_visualization", "style_update")


@pytest.fixture(scope="module")
def network():
    return load_squeezenet("patterns", "cpu")


def tensors(value):
    if isinstance(value, tuple) and value and isinstance(value[0], np.ndarray):
        return [torch.tensor(each) for each in value]
    return torch.tensor(value) if isinstance(value, np.ndarray) else value


def loss_and_gradient(loss, *leaves) -> dict[str, np.ndarray]:
    found = torch.autograd.grad(loss, leaves, allow_unused=True)
    gradients = [g if g is not None else torch.zeros_like(leaf) for g, leaf in zip(found, leaves, strict=True)]
    joined = gradients[0] if len(leaves) == 1 else torch.cat([each.flatten() for each in gradients])
    return {"loss": loss.detach().numpy(), "gradient": joined.numpy()}


def by_our_modules(part: str, case, network) -> dict[str, np.ndarray]:
    """The outputs of a case, as the project's own modules make them, float32."""
    given = {name: tensors(value) for name, value in case.inputs.items()}
    if part == "content_loss":
        leaf = given["content_current"].requires_grad_(True)
        return loss_and_gradient(ContentLoss()(given["content_weight"], leaf, given["content_original"]), leaf)
    if part == "tv_loss":
        leaf = given["img"].requires_grad_(True)
        return loss_and_gradient(TotalVariationLoss()(leaf, given["tv_weight"]), leaf)
    if part in ("style_loss", "guided_style_loss"):
        leaves = [each.requires_grad_(True) for each in given["feats"]]
        arguments = leaves, given["style_layers"], given["style_targets"], given["style_weights"]
        if part == "style_loss":
            return loss_and_gradient(StyleLoss()(*arguments), *leaves)
        return loss_and_gradient(guided_style_loss(*arguments, given["content_masks"]), *leaves)
    if part == "gram_matrix":
        grams = [StyleLoss().gram_matrix(given["features"], normalize).numpy() for normalize in (True, False)]
        return dict(zip(("gram", "plain"), grams, strict=True))
    if part == "guided_gram_matrix":
        return {"gram": guided_gram_matrix(given["features"], given["masks"]).numpy()}
    if part == "saliency":
        return {"maps": SaliencyMap().compute_saliency_maps(given["X"], given["y"], network).numpy()}
    if part == "guided_backprop":
        return {"maps": GradCam().guided_backprop(given["X"], given["y"], network)}
    if part == "grad_cam":
        return {"maps": GradCam().grad_cam(given["X"], given["y"], network)}
    if part == "preprocess":
        from PIL import Image

        return {"image": preprocess(Image.fromarray(case.inputs["pixels"]), given["size"]).numpy()}
    return {"images": climbed(part, given, case, network)}


def climbed(part: str, given: dict, case, network) -> np.ndarray:
    """The pictures of a climb."""
    seen = []

    def record(step) -> None:
        seen.append(step.image.detach().clone())

    if part == "fooling":
        settings = {"learning_rate": given["learning_rate"], "keep_valid": False, "iterations": 3}
        fool(network, given["X"], given["target_y"], callback=record, **settings)
        return torch.cat([given["X"], *seen]).numpy()
    if part == "class_visualization" and "img" in given:
        step = regularised_gradient(given["img"], network, given["target_y"], given["l2_reg"])
        return torch.cat([given["img"], given["img"] + given["learning_rate"] * step / step.norm()]).numpy()
    if part == "class_visualization":
        from core.objectives import class_objective

        start = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(3))
        objective = class_objective(network, torch.tensor([given["target_y"]]))
        climb_pixels(network, objective, start, iterations=2, max_jitter=0, callback=record)
        return torch.cat([start, *seen]).numpy()
    from PIL import Image

    content = preprocess(Image.fromarray(case.inputs["content_image"]), given["image_size"])
    style = preprocess(Image.fromarray(case.inputs["style_image"]), given["style_size"])
    names = ("content_layer", "content_weight", "style_layers", "style_weights", "tv_weight")
    objective = style_objective(content, style, network.features, **{name: given[name] for name in names})
    transfer_style(content, objective, iterations=182, callback=record)
    return torch.cat([content, content.clamp(-1.5, 1.5), *seen]).numpy()


@pytest.mark.parametrize("part", parts())
def test_our_own_modules_are_right(part, network):
    results = [(case, by_our_modules(part, case, network)) for case in cases_of(part, network)]
    diagnosis = diagnose(part, results, network)
    assert diagnosis.right, diagnosis
    assert diagnosis.sentence == "right"


@pytest.mark.parametrize("part", [part for part in parts() if part not in CLIMBS])
def test_references_equal_our_modules_in_double_precision(part, network):
    double = deepcopy(network).double()
    for case in cases_of(part, network):
        right = expected(part, case, network)
        ours = by_our_modules(part, case, double)
        for name, values in right.items():
            assert np.linalg.norm(ours[name] - values) <= 1e-5 * np.linalg.norm(values)


def test_a_plain_step_of_class_visualization_is_right_too(network):
    results = []
    for case in cases_of("class_visualization", network)[:2]:
        given = {name: tensors(value) for name, value in case.inputs.items()}
        step = regularised_gradient(given["img"], network, given["target_y"], given["l2_reg"])
        images = torch.cat([given["img"], given["img"] + given["learning_rate"] * step])
        results.append((case, {"images": images.numpy()}))
    assert diagnose("class_visualization", results, network).right


@pytest.mark.parametrize("part", ["saliency", "guided_backprop"])
def test_another_float32_implementation_is_right(part, network):
    """By backward() through modules, the ReLUs replaced where they are guided."""
    copy = deepcopy(network)
    for module in list(copy.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.ReLU):
                setattr(module, name, course_reference.Guided() if part == "guided_backprop" else nn.ReLU())
    results = []
    for case in cases_of(part, network):
        X = torch.tensor(case.inputs["X"], requires_grad=True)
        copy(X).gather(1, torch.tensor(case.inputs["y"]).view(-1, 1)).sum().backward()
        maps = X.grad.permute(0, 2, 3, 1) if part == "guided_backprop" else X.grad.abs().max(dim=1)[0]
        results.append((case, {"maps": maps.numpy()}))
    assert diagnose(part, results, network).right


def test_the_catalogue_holds_what_it_promises():
    assert len(MISTAKES) >= 60
    assert len({each.name for each in MISTAKES}) == len(MISTAKES)
    for each in MISTAKES:
        assert len(each.title) > 8
        assert each.hint.strip()[-1] in ".?"
        assert not each.title.endswith(".")
    for part in parts():
        assert len({each.title for each in mistakes_of(part)}) == len(mistakes_of(part))


def test_every_single_mistake_is_named_and_none_is_called_right(network):
    """Of what climbs, every third: docs/results/mistakes.md has all."""
    chosen = {part: [(each,) for each in mistakes_of(part)[:: 3 if part in CLIMBS else 1]] for part in parts()}
    found = [row for part in parts() for row in rows(part, network, chosen[part])]
    verdicts = [row.verdict for row in found]
    assert "right" not in verdicts
    assert [row.flaws[0].name for row in found if row.verdict in ("another", "not named")] == []
    assert verdicts.count("named") >= 0.95 * len(verdicts)


@pytest.mark.parametrize("part", [part for part in parts() if part not in CLIMBS])
def test_pairs_are_named_as_that_pair_or_as_what_gives_the_same(part, network):
    every = max(1, len(pairs_of(part)) // 25)
    for flaws in pairs_of(part)[::every]:
        diagnosis = planted(part, network, flaws)
        if "NaN" in diagnosis.sentence:
            continue
        assert not diagnosis.right
        same = verdict_on(flaws, diagnosis) in ("named", "one of several")
        assert same or (diagnosis.distance is not None and diagnosis.distance < 1e-5), (flaws, diagnosis)


def changed(network, part: str, change) -> str:
    """What is said of right results once they are changed."""
    results = []
    for case in cases_of(part, network):
        right = expected(part, case, network)
        results.append((case, {name: change(value) for name, value in right.items()}))
    diagnosis = diagnose(part, results, network)
    assert not diagnosis.right
    return diagnosis.sentence


@pytest.mark.parametrize(
    ("part", "change", "words"),
    [
        ("saliency", lambda maps: 3 * maps, "yours is 3 times the right result"),
        ("saliency", lambda maps: -maps, "the other sign"),
        ("saliency", lambda maps: np.roll(maps, (2, -1), (1, 2)), "shifted by 2 rows and -1 columns"),
        ("saliency", lambda maps: maps + 1, "the right result plus 1"),
        ("saliency", lambda maps: maps[..., ::-1], "axis -1 running backwards"),
        ("saliency", np.zeros_like, "0 everywhere"),
        ("guided_backprop", lambda maps: maps[..., ::-1], "channels in reverse order"),
        ("gram_matrix", lambda gram: 0.25 * gram, "0.25 times the right result"),
        ("content_loss", lambda value: -value, "the other sign"),
        ("saliency", lambda maps: maps * np.nan, "NaN"),
        ("saliency", lambda maps: maps[:, :5], "shape"),
        ("saliency", lambda maps: maps.astype(str), "numbers are needed"),
    ],
)
def test_what_no_mistake_explains_is_described(network, part, change, words):
    assert words in changed(network, part, change)


def test_a_picture_of_the_batch_that_is_wrong_is_told(network):
    cases = cases_of("saliency", network)[:1]
    maps = expected("saliency", cases[0], network)["maps"].copy()
    maps[1] = np.random.default_rng(0).uniform(size=maps[1].shape)
    sentence = diagnose("saliency", [(cases[0], {"maps": maps})], network).sentence
    assert "right for picture 0" in sentence


def test_a_loss_without_a_gradient_is_a_known_mistake(network):
    results = [(case, {"loss": expected("tv_loss", case)["loss"]}) for case in cases_of("tv_loss")]
    assert [each.name for each in diagnose("tv_loss", results).mistakes] == ["tv_loss.cut_from_the_graph"]


def test_noise_is_no_known_mistake(network):
    for part in ("saliency", "gram_matrix", "content_loss"):
        rng = np.random.default_rng(1)
        results = [
            (case, {name: rng.normal(size=np.shape(value)) for name, value in expected(part, case, network).items()})
            for case in cases_of(part, network)
        ]
        diagnosis = diagnose(part, results, network)
        assert not diagnosis.right
        assert diagnosis.mistakes == ()


def test_a_loop_that_stands_still_is_told(network):
    case = cases_of("fooling", network)[0]
    diagnosis = diagnose("fooling", [(case, {"images": np.repeat(case.inputs["X"], 3, axis=0)})], network)
    assert [each.name for each in diagnosis.mistakes] == ["fooling.never_moves"]
