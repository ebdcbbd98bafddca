"""EECS 498's notebooks: a client that does what their cells do, and the numbers against plain float64 loops."""

import importlib
import inspect
import json
import os
import re
import subprocess
import sys

import pytest
import torch
from conftest import noise, random_squeezenet, state_of
from course_reference import fooling, gradient_of, put_within_reach

from core.defaults import ROOT
from core.errors import UsageError

FOLDER = ROOT / "courses" / "eecs498"
NAMES = {
    "network_visualization": {
        "class_visualization_step": "img, target_y, model, kwargs",
        "compute_saliency_maps": "X, y, model",
        "hello": "",
        "make_adversarial_attack": "X, target_y, model, max_iter, verbose",
    },
    "style_transfer": {
        "content_loss": "content_weight, content_current, content_original",
        "gram_matrix": "features, normalize",
        "guided_gram_matrix": "features, masks, normalize",
        "guided_style_loss": "feats, style_layers, style_targets, style_weights, content_masks",
        "hello": "",
        "style_loss": "feats, style_layers, style_targets, style_weights",
        "tv_loss": "img, tv_weight",
    },
}
EVERY_NAME = [(module, name) for module, names in NAMES.items() for name in names]
TARGET = 6

CLIENT = """
import json, random, sys
import numpy as np
import torch
import torchvision
from torch.nn.functional import interpolate
from network_visualization import hello
hello()
from style_transfer import hello
hello()
from network_visualization import *
from style_transfer import *

torch.set_num_threads(1)
random.seed(0), torch.manual_seed(0)
weights, pictures, target, said = sys.argv[1], sys.argv[2], int(sys.argv[3]), {}

model = torchvision.models.squeezenet1_1()
model.load_state_dict(torch.load(weights))
for parameter in model.parameters():
    parameter.requires_grad = False
model.eval()

X, y = torch.load(pictures), torch.tensor(np.array([285, 967]))
said["saliency"] = compute_saliency_maps(X, y, model).to("cpu").numpy().shape

X_adv = make_adversarial_attack(X[:1], target, model, max_iter=100)
said["fooled"] = model(X_adv).data.max(1)[1][0].item()
said["moved"] = float((X_adv.to("cpu").clone() - X[:1]).norm())

img = torch.randn((1, 3, 224, 224)).mul_(1.0).requires_grad_()
first, said["before"] = img, model(img)[0, target].item()
for t in range(3):
    ox, oy = random.randint(0, 16), random.randint(0, 16)
    img.data.copy_(torch.roll(img.data, (oy, ox), (2, 3)))
    img = class_visualization_step(img, target, model)
    img.data.copy_(torch.roll(img.data, (-oy, -ox), (2, 3)))
    img.data.clamp_(min=-2, max=2)
said["after"] = model(img)[0, target].item()
said["leaf"] = [img is first, img.is_leaf, img.requires_grad]

# Two styles, each painted into its own region of the content.
cnn = model.features


def features_of(x, regions=None):
    features = []
    for module in cnn._modules.values():
        x = module(x)
        features.append(x.clone() if regions is None else x.unsqueeze(1).repeat(1, regions, 1, 1, 1))
    return features


def layer_masks(features, masks):
    return [interpolate(masks, size=feature.shape[-2:], mode="bilinear") for feature in features]


content, styles = torch.rand(1, 3, 64, 96) - 0.5, [torch.rand(1, 3, 64, 96) - 0.5 for _ in range(2)]
left = torch.zeros(1, 1, 64, 96)
left[..., :48] = 1
masks = torch.cat([left, 1 - left], dim=1)
layers, style_weights = [1, 4, 6, 7], [300000, 1000, 15, 3]
content_target = features_of(content, regions=2)[3].clone()
stacked = [torch.stack(pair, dim=1) for pair in zip(*(features_of(style) for style in styles))]
style_masks, content_masks = layer_masks(stacked, masks), layer_masks(features_of(content), masks)
targets = [guided_gram_matrix(stacked[index].clone(), style_masks[index]) for index in layers]
said["guided"] = [target.shape for target in targets]
img = content.clone().requires_grad_()
optimizer, losses = torch.optim.Adam([img], lr=0.01), []
for t in range(6):
    img.data.clamp_(-1.5, 1.5)
    optimizer.zero_grad()
    feats = features_of(img, regions=2)
    loss = content_loss(2e-2, feats[3], content_target)
    loss = loss + guided_style_loss(feats, layers, targets, style_weights, content_masks) + tv_loss(img, 2e-2)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
said["losses"] = losses
said["root last"] = sys.path[-1]
said["style_transfer"] = sys.modules["style_transfer"].__file__
said["shadowed"] = sorted({"style_utils", "image_utils", "data_utils"} & set(sys.modules))
print(json.dumps(said))
"""


@pytest.fixture
def course(monkeypatch):
    """The course's modules, by name. `style_transfer` is the root's script to other tests, before and after."""
    monkeypatch.syspath_prepend(FOLDER)
    for name in NAMES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield {name: importlib.import_module(name) for name in NAMES}
    for name in NAMES:
        del sys.modules[name]


@pytest.fixture
def vision(course):
    return course["network_visualization"]


@pytest.fixture
def style(course):
    return course["style_transfer"]


def guided_gram_by_loops(features, masks):
    N, R, C, H, W = features.shape
    gram = torch.zeros(N, R, C, C, dtype=features.dtype)
    for n in range(N):
        for r in range(R):
            flat = torch.stack([(features[n, r, c] * masks[n, r]).flatten() for c in range(C)])
            gram[n, r] = flat @ flat.T / (C * H * W)
    return gram


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """What the notebooks' cells say, run once in an empty folder, with the modules on PYTHONPATH."""
    folder, kept = tmp_path_factory.mktemp("notebook"), tmp_path_factory.mktemp("kept")
    X = noise(2, 3, 224, 224)
    torch.save(put_within_reach(random_squeezenet(1000), X[:1], TARGET).state_dict(), kept / "network.pth")
    torch.save(X, kept / "pictures.pt")
    result = subprocess.run(
        [sys.executable, "-c", CLIENT, str(kept / "network.pth"), str(kept / "pictures.pt"), str(TARGET)],
        cwd=folder,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"PYTHONPATH": str(FOLDER)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert not list(folder.iterdir())
    *lines, last = result.stdout.splitlines()
    return lines, json.loads(last)


def test_the_notebook_gets_the_courses_style_transfer_and_not_the_script(client):
    lines, said = client
    assert lines[:2] == ["Hello from network_visualization.py!", "Hello from style_transfer.py!"]
    assert said["style_transfer"] == str(FOLDER / "style_transfer.py")
    assert said["root last"] == str(ROOT)
    assert said["shadowed"] == []


def test_the_notebook_draws_saliency_maps_and_attacks(client):
    lines, said = client
    assert said["saliency"] == [2, 224, 224]
    assert said["fooled"] == TARGET
    assert 0 < said["moved"] <= 3.001
    assert lines[2:]
    for line in lines[2:]:
        assert re.fullmatch(r"Iteration \d+: target score \d+\.\d{3}, max score \d+\.\d{3}", line)


def test_the_notebook_climbs_to_a_class(client):
    _, said = client
    assert said["after"] > said["before"]
    assert said["leaf"] == [True, True, True]


def test_the_notebook_paints_by_regions(client):
    _, said = client
    assert said["guided"] == [[1, 2, channels, channels] for channels in (64, 128, 256, 256)]
    assert said["losses"][-1] < said["losses"][0]


@pytest.mark.parametrize(("module", "name"), EVERY_NAME)
def test_every_name_is_a_function_whose_source_can_be_read(course, module, name):
    function = getattr(course[module], name)
    assert inspect.isfunction(function)
    expected = NAMES[module][name].split(", ") if NAMES[module][name] else []
    assert list(inspect.signature(function).parameters)[: len(expected)] == expected
    lines, _ = inspect.getsourcelines(function)
    assert lines[0].startswith(f"def {name}(")


@pytest.mark.parametrize("module", NAMES)
def test_a_star_import_gives_what_the_notebooks_use(course, module):
    assert set(course[module].__all__) == set(NAMES[module])


def test_defaults_are_the_courses(vision, style):
    attack = inspect.signature(vision.make_adversarial_attack).parameters
    assert (attack["max_iter"].default, attack["verbose"].default) == (100, True)
    assert inspect.signature(style.guided_gram_matrix).parameters["normalize"].default is True


def test_saliency_is_the_largest_gradient_of_the_own_score(vision, images):
    network, labels = random_squeezenet().double(), torch.tensor([1, 4, 7])
    maps = vision.compute_saliency_maps(images.double(), labels, network)
    assert maps.shape == (3, 64, 64)
    for image, label, found in zip(images.double(), labels.tolist(), maps, strict=True):
        expected = gradient_of(network, image[None], label)[0].abs().amax(dim=0)
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def test_dropout_does_not_change_a_saliency_map(vision, images):
    network = random_squeezenet().train()
    first = vision.compute_saliency_maps(images, [1, 4, 7], network)
    assert torch.equal(first, vision.compute_saliency_maps(images, [1, 4, 7], network))


def test_an_attack_takes_the_courses_steps_of_length_one(vision, capsys):
    image = noise(1, 3, 64, 64, seed=1).double()
    network = put_within_reach(random_squeezenet().double(), image, 3)
    expected, steps = fooling(network, image, 3, learning_rate=1.0)
    attack = vision.make_adversarial_attack(image, 3, network, verbose=False)
    assert capsys.readouterr().out == ""
    assert 0 < steps <= 3
    assert int(network(attack).argmax()) == 3
    torch.testing.assert_close(attack, expected, rtol=0, atol=1e-9)


def test_an_attack_prints_its_progress_and_is_the_same(vision, capsys):
    image = noise(1, 3, 64, 64, seed=1)
    network = put_within_reach(random_squeezenet(), image, 3)
    attack = vision.make_adversarial_attack(image, 3, network)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [f"Iteration {t + 1}" for t in range(len(lines))]
    assert 1 <= len(lines) <= 3
    *_, target_score, max_score = (float(number) for number in re.findall(r"\d+\.\d+", lines[-1]))
    assert target_score == max_score
    assert torch.equal(attack, vision.make_adversarial_attack(image, 3, network, verbose=False))


def test_an_attack_stops_after_max_iter_steps_and_warns(vision):
    image = noise(1, 3, 64, 64, seed=1).double()
    network = put_within_reach(random_squeezenet().double(), image, 3)
    network.classifier[1].bias[3] -= 5
    expected, steps = fooling(network, image, 3, learning_rate=1.0, most=2)
    with pytest.warns(UserWarning, match="not fooled into class 3 in 2 steps"):
        attack = vision.make_adversarial_attack(image, 3, network, max_iter=2, verbose=False)
    assert steps == 2
    torch.testing.assert_close(attack, expected, rtol=0, atol=1e-9)


def test_a_class_step_is_the_gradient_times_the_learning_rate(vision):
    network = random_squeezenet().double()
    image = noise(1, 3, 64, 64, seed=2).double()
    img = image.clone().requires_grad_(True)
    assert vision.class_visualization_step(img, 4, network) is img
    expected = image + 25 * gradient_of(network, image, 4, l2_reg=1e-3)
    torch.testing.assert_close(img.detach(), expected, rtol=0, atol=1e-9)
    assert img.is_leaf
    assert img.requires_grad
    assert img.grad is None
    vision.class_visualization_step(img, 4, network, l2_reg=0.1, learning_rate=0.5)
    expected = expected + 0.5 * gradient_of(network, expected, 4, l2_reg=0.1)
    torch.testing.assert_close(img.detach(), expected, rtol=0, atol=1e-9)


def test_class_steps_climb(vision):
    network = random_squeezenet().double()
    img = noise(1, 3, 64, 64, seed=2).double()
    scores = [float(network(img)[0, 4])]
    for _ in range(5):
        vision.class_visualization_step(img, 4, network, l2_reg=0, learning_rate=1)
        scores.append(float(network(img)[0, 4]))
    assert scores == sorted(scores)
    assert scores[-1] > scores[0]


def test_nothing_is_left_on_the_network(vision, images):
    network = put_within_reach(random_squeezenet(), images[:1], 3).train().requires_grad_(True)
    before = state_of(network, images)
    vision.compute_saliency_maps(images, torch.tensor([1, 4, 7]), network)
    vision.make_adversarial_attack(images[:1], 3, network)
    vision.class_visualization_step(images[:1].clone().requires_grad_(True), 4, network)
    assert state_of(network, images) == before


def test_wrong_calls_of_the_network_are_refused(vision, images):
    network = random_squeezenet()
    with pytest.raises(UsageError, match="labels: got 2 for 3 images"):
        vision.compute_saliency_maps(images, torch.tensor([1, 2]), network)
    with pytest.raises(UsageError, match="class 10 is out of range"):
        vision.make_adversarial_attack(images[:1], 10, network)
    with pytest.raises(UsageError, match=r"shape \(N, 3, H, W\) is needed"):
        vision.class_visualization_step(images[0].clone(), 1, network)
    with pytest.raises(UsageError, match="'l2' is not one of its keywords"):
        vision.class_visualization_step(images[:1].clone(), 1, network, l2=1e-3)


def test_a_guided_gram_matrix_worked_by_hand(style):
    # Two channels of 1 x 2 pixels, (1, 2) and (3, 4). The first region holds the left pixel, the second the right one.
    features = torch.tensor([[[1.0, 2.0]], [[3.0, 4.0]]]).expand(1, 2, 2, 1, 2)
    masks = torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]]])
    expected = [[[[1, 3], [3, 9]], [[4, 8], [8, 16]]]]
    assert style.guided_gram_matrix(features, masks, normalize=False).tolist() == expected
    assert (4 * style.guided_gram_matrix(features, masks)).tolist() == expected
    assert torch.equal(style.guided_gram_matrix(features, masks.bool()), style.guided_gram_matrix(features, masks))


def test_guided_gram_matrices_are_those_of_the_loops(style):
    features, masks = noise(2, 3, 4, 5, 6).double(), noise(2, 3, 5, 6, seed=1).double().sigmoid()
    found = style.guided_gram_matrix(features, masks)
    torch.testing.assert_close(found, guided_gram_by_loops(features, masks), rtol=1e-12, atol=1e-14)


def test_under_full_masks_guided_gram_matrices_are_plain_ones(style):
    features = noise(2, 3, 4, 5, 6).double()
    found = style.guided_gram_matrix(features, torch.ones(2, 3, 5, 6))
    for region in range(3):
        torch.testing.assert_close(found[:, region], style.gram_matrix(features[:, region]), rtol=1e-12, atol=0)


def test_regions_that_share_nothing_add_up_to_the_whole(style):
    features = noise(1, 1, 4, 5, 6).double().expand(1, 2, 4, 5, 6)
    left = (noise(1, 1, 5, 6, seed=1) > 0).double()
    regions = style.guided_gram_matrix(features, torch.cat([left, 1 - left], dim=1))
    torch.testing.assert_close(regions.sum(dim=1), style.gram_matrix(features[:, 0]), rtol=1e-12, atol=1e-14)


def test_the_guided_loss_worked_by_hand(style):
    features = torch.tensor([[[1.0, 2.0]], [[3.0, 4.0]]]).expand(1, 2, 2, 1, 2)
    masks = torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]]])
    unused = torch.zeros(1, 2, 7, 1, 1), torch.zeros(1, 2, 1, 1)
    # The squares of the Gram matrices above over 4: (1 + 9 + 9 + 81 + 16 + 64 + 64 + 256) / 16 = 31.25
    nothing = torch.zeros(1, 2, 2, 2)
    loss = style.guided_style_loss([unused[0], features], [1], [nothing], [2.0], [unused[1], masks])
    assert loss.shape == ()
    assert float(loss) == 62.5


def test_the_guided_loss_is_zero_for_its_own_targets_and_differentiable(style):
    features = [noise(1, 2, C, 5, 6, seed=C).double() for C in (3, 4, 5)]
    masks = [noise(1, 2, 5, 6, seed=C).double().sigmoid() for C in (3, 4, 5)]
    layers, weights = [0, 2], [3.0, 0.5]
    targets = [style.guided_gram_matrix(features[layer], masks[layer]) for layer in layers]
    assert float(style.guided_style_loss(features, layers, targets, weights, masks)) == 0
    others = [noise(1, 2, C, 5, 6, seed=9).double().requires_grad_(True) for C in (3, 4, 5)]
    expected = sum(
        weight * ((guided_gram_by_loops(others[layer], masks[layer]) - target) ** 2).sum()
        for layer, target, weight in zip(layers, targets, weights, strict=True)
    )
    loss = style.guided_style_loss(others, layers, targets, weights, masks)
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0)
    used = [others[layer] for layer in layers]
    for found, wanted in zip(torch.autograd.grad(loss, used), torch.autograd.grad(expected, used), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-14)


def test_wrong_calls_of_the_guided_functions_are_refused(style):
    features, masks = noise(1, 2, 3, 4, 4), torch.ones(1, 2, 4, 4)
    target = style.guided_gram_matrix(features, masks)
    with pytest.raises(UsageError, match=r"features: shape \(N, R, C, H, W\) is needed, got \(2, 3, 4, 4\)"):
        style.guided_gram_matrix(features[0], masks)
    with pytest.raises(UsageError, match=r"masks: shape \(1, 3, 4, 4\).* \(1, 2, 4, 4\), is needed"):
        style.guided_gram_matrix(features, torch.ones(1, 3, 4, 4))
    with pytest.raises(UsageError, match="content_masks: got 1 for 2 layers"):
        style.guided_style_loss([features, features], [1], [target], [1.0], [masks])
    with pytest.raises(UsageError, match=r"style_targets: shape \(2, 3, 3\) for layer 0"):
        style.guided_style_loss([features], [0], [target[0]], [1.0], [masks])
    with pytest.raises(UsageError, match="1 layers, 1 targets and 2 weights"):
        style.guided_style_loss([features], [0], [target], [1.0, 2.0], [masks])
