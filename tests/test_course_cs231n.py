"""CS231n's notebooks, 2020 on: a client that does what their cells do, and the numbers against plain float64 loops."""

import importlib
import inspect
import json
import os
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import noise, random_squeezenet, state_of
from course_reference import features_of, fooling, gradient_of, gram, prepared, put_within_reach
from PIL import Image
from torch.nn.functional import conv2d

from core.defaults import ROOT
from core.errors import UsageError, WorkError

FOLDER = ROOT / "courses" / "cs231n_2020"
NAMES = {
    "net_visualization_pytorch": {
        "blur_image": "X, sigma",
        "class_visualization_update_step": "img, model, target_y, l2_reg, learning_rate",
        "compute_saliency_maps": "X, y, model",
        "deprocess": "img, should_rescale",
        "jitter": "X, ox, oy",
        "make_fooling_image": "X, target_y, model",
        "preprocess": "img, size",
        "rescale": "x",
    },
    "style_transfer_pytorch": {
        "content_loss": "content_weight, content_current, content_original",
        "deprocess": "img, should_rescale",
        "extract_features": "x, cnn",
        "features_from_img": "imgpath, imgsize, cnn",
        "gram_matrix": "features, normalize",
        "preprocess": "img, size",
        "rel_error": "x, y",
        "rescale": "x",
        "style_loss": "feats, style_layers, style_targets, style_weights",
        "tv_loss": "img, tv_weight",
    },
    "image_utils": {
        "blur_image": "X",
        "deprocess_image": "img, rescale",
        "image_from_url": "url",
        "load_image": "filename, size",
        "preprocess_image": "img",
    },
    "data_utils": {"load_imagenet_val": "num"},
}
EVERY_NAME = [(module, name) for module, names in NAMES.items() for name in names]
STYLE_LAYERS, STYLE_WEIGHTS = [1, 4, 6, 7], [300000, 1000, 15, 3]
TARGET = 6

CLIENT = """
import json, random, re, sys
from inspect import getsourcelines
import numpy as np
import PIL
import torch
import torchvision
from PIL import Image
from cs231n.image_utils import SQUEEZENET_MEAN, SQUEEZENET_STD
from cs231n.net_visualization_pytorch import *
from cs231n.data_utils import load_imagenet_val

torch.set_num_threads(1)
random.seed(0), torch.manual_seed(0)
weights, target, said = sys.argv[1], int(sys.argv[2]), {}

# The network as torchvision hands it over: in train mode. The notebook never calls eval.
model = torchvision.models.squeezenet1_1()
model.load_state_dict(torch.load(weights))
assert model.training
for parameter in model.parameters():
    parameter.requires_grad = False

X, y, class_names = load_imagenet_val(num=2)
said["titles"] = [class_names[label] for label in y]

X_tensor = torch.cat([preprocess(Image.fromarray(x)) for x in X], dim=0)
saliency = compute_saliency_maps(X_tensor, torch.LongTensor(y), model)
said["saliency"] = saliency.numpy().shape

X_fooling = make_fooling_image(X_tensor[:1], target, model)
said["fooled"] = [model(X_fooling).data.max(1)[1][0].item() for _ in range(5)]
said["moved"] = float((X_fooling - X_tensor[:1]).norm())
pixels = np.asarray(deprocess(X_fooling.clone())).astype(np.uint8)
difference = np.asarray(deprocess(10 * (X_fooling - X_tensor[:1]), should_rescale=False))
said["pictures"] = [pixels.shape, difference.shape, str(difference.dtype)]

dtype = torch.FloatTensor
model.type(dtype)
img = torch.randn(1, 3, 224, 224).mul_(1.0).type(dtype).requires_grad_()
said["before"] = model(img)[0, target].item()
for t in range(3):
    ox, oy = random.randint(0, 16), random.randint(0, 16)
    img.data.copy_(jitter(img.data, ox, oy))
    class_visualization_update_step(img, model, target, 1e-3, 25)
    img.data.copy_(jitter(img.data, -ox, -oy))
    for channel in range(3):
        low = float(-SQUEEZENET_MEAN[channel] / SQUEEZENET_STD[channel])
        high = float((1.0 - SQUEEZENET_MEAN[channel]) / SQUEEZENET_STD[channel])
        img.data[:, channel].clamp_(min=low, max=high)
    if t == 0:
        blurred = img.data.clone()
        blur_image(img.data, sigma=0.5)
        assert not torch.equal(blurred, img.data)
said["after"] = model(img)[0, target].item()
said["leaf"] = [img.is_leaf, img.requires_grad]
deprocess(img.data.cpu()).save("class.png")

from cs231n.style_transfer_pytorch import preprocess, deprocess, rescale, rel_error, features_from_img
from cs231n.style_transfer_pytorch import content_loss, extract_features, gram_matrix, style_loss, tv_loss

answers = dict(np.load("style-transfer-checks.npz"))
cnn = model.features
cnn.type(dtype)
size, layers, style_weights = 96, [1, 4, 6, 7], [300000, 1000, 15, 3]
content_feats, content_img = features_from_img("styles/content.png", size, cnn)
style_feats, style_img = features_from_img("styles/style.png", size, cnn)
black = extract_features(torch.zeros(*content_img.data.size()).type(dtype), cnn)
targets = [gram_matrix(style_feats[index].clone()) for index in layers]
outputs = {
    "cl_out": content_loss(6e-2, content_feats[3], black[3]),
    "gm_out": gram_matrix(style_feats[5].clone()),
    "sl_out": style_loss(content_feats, layers, targets, style_weights),
    "tv_out": tv_loss(preprocess(PIL.Image.open("styles/content.png"), size=size).type(dtype), 2e-2),
}
for key, output in outputs.items():
    print("Maximum error is {:.3f}".format(rel_error(answers[key], output.cpu().data.numpy())))
said["loop"] = any(re.search(r"for \\S* in", line) for line in getsourcelines(tv_loss)[0])

img = content_img.clone().requires_grad_()
optimizer, losses = torch.optim.Adam([img], lr=0.01), []
for t in range(6):
    img.data.clamp_(-1.5, 1.5)
    optimizer.zero_grad()
    feats = extract_features(img, cnn)
    loss = content_loss(6e-2, feats[3], content_feats[3].detach())
    loss = loss + style_loss(feats, layers, targets, style_weights) + tv_loss(img, 2e-2)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
said["losses"] = losses
deprocess(img.data.cpu()).save("styled.png")
said["root last"] = sys.path[-1]
said["shadowed"] = sorted({"style_transfer", "style_utils", "image_utils", "data_utils"} & set(sys.modules))
print(json.dumps(said))
"""


@pytest.fixture
def course(monkeypatch):
    """The course's modules, by name."""
    monkeypatch.syspath_prepend(FOLDER)
    return {name: importlib.import_module(f"cs231n.{name}") for name in NAMES}


@pytest.fixture
def vision(course):
    return course["net_visualization_pytorch"]


@pytest.fixture
def style(course):
    return course["style_transfer_pytorch"]


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """What the notebook's cells say and leave, run once in a folder of its own, with the package on PYTHONPATH."""
    folder, weights = tmp_path_factory.mktemp("notebook"), tmp_path_factory.mktemp("weights") / "network.pth"
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    # The course's own data lie in a folder that is called as the package is.
    data = folder / "cs231n" / "datasets" / "imagenet_val_25.npz"
    data.parent.mkdir(parents=True)
    np.savez(data, X=X, y=np.array([285, 967]), label_map={285: "Egyptian cat", 967: "espresso", TARGET: "stingray"})
    for name in ("content", "style"):
        path = folder / "styles" / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (96, 128, 3), dtype=np.uint8)).save(path)
    network = random_squeezenet(1000)
    Image.fromarray(X[0]).save(folder / "first.png")
    put_within_reach(network, prepared(folder / "first.png", 224), TARGET)
    torch.save(network.state_dict(), weights)

    cnn = deepcopy(network.features).double()
    with torch.no_grad():
        images = {name: prepared(folder / "styles" / f"{name}.png", 96) for name in ("content", "style")}
        feats = {name: features_of(cnn, image) for name, image in images.items()}
        black = features_of(cnn, torch.zeros_like(images["content"]))
        grams = [(gram(feats["content"][k]), gram(feats["style"][k])) for k in STYLE_LAYERS]
        content = images["content"]
        rough = ((content[:, :, 1:] - content[:, :, :-1]) ** 2).sum()
        rough += ((content[:, :, :, 1:] - content[:, :, :, :-1]) ** 2).sum()
    np.savez(
        folder / "style-transfer-checks.npz",
        cl_out=6e-2 * ((feats["content"][3] - black[3]) ** 2).sum(),
        gm_out=gram(feats["style"][5]),
        sl_out=sum(w * ((g - a) ** 2).sum() for w, (g, a) in zip(STYLE_WEIGHTS, grams, strict=True)),
        tv_out=2e-2 * rough,
    )
    environment = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "COURSE_IMAGES"}}
    result = subprocess.run(
        [sys.executable, "-c", CLIENT, str(weights), str(TARGET)],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(FOLDER)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    *lines, last = result.stdout.splitlines()
    return folder, lines, json.loads(last)


def test_the_notebook_runs_from_a_folder_of_its_own(client):
    _, _, said = client
    assert said["root last"] == str(ROOT)
    assert said["shadowed"] == []


def test_the_notebook_draws_saliency_maps_of_its_own_pictures(client):
    _, _, said = client
    assert said["titles"] == ["Egyptian cat", "espresso"]
    assert said["saliency"] == [2, 224, 224]


def test_the_notebook_finds_the_network_fooled_although_it_handed_it_over_in_train_mode(client):
    _, _, said = client
    assert said["fooled"] == [TARGET] * 5
    assert 0 < said["moved"] <= 3.001
    assert said["pictures"] == [[224, 224, 3], [224, 224, 3], "uint8"]


def test_the_notebook_climbs_to_a_class(client):
    folder, _, said = client
    assert said["after"] > said["before"]
    assert said["leaf"] == [True, True]
    with Image.open(folder / "class.png") as picture:
        assert picture.size == (224, 224)


def test_the_notebook_prints_no_error_of_the_losses(client):
    _, lines, said = client
    assert lines == ["Maximum error is 0.000"] * 4
    assert said["loop"] is False


def test_the_notebook_paints(client):
    folder, _, said = client
    assert said["losses"][-1] < said["losses"][0]
    with Image.open(folder / "styled.png") as picture:
        assert picture.size == (128, 96)


@pytest.mark.parametrize(("module", "name"), EVERY_NAME)
def test_every_name_is_a_function_whose_source_can_be_read(course, module, name):
    function = getattr(course[module], name)
    assert inspect.isfunction(function)
    expected = NAMES[module][name].split(", ")
    assert list(inspect.signature(function).parameters)[: len(expected)] == expected
    lines, _ = inspect.getsourcelines(function)
    assert lines[0].startswith(f"def {name}(")


@pytest.mark.parametrize("module", NAMES)
def test_a_star_import_gives_what_the_notebooks_use(course, module):
    constants = {"SQUEEZENET_MEAN", "SQUEEZENET_STD"} if module == "image_utils" else set()
    assert set(course[module].__all__) == set(NAMES[module]) | constants


def test_defaults_are_the_courses(vision, style):
    def default(function, name):
        return inspect.signature(function).parameters[name].default

    assert default(vision.preprocess, "size") == 224
    assert default(style.preprocess, "size") == 512
    assert default(vision.deprocess, "should_rescale") is True
    assert default(vision.blur_image, "sigma") == 1
    assert default(style.gram_matrix, "normalize") is True


def test_the_source_of_total_variation_has_no_loop(style):
    source = "".join(inspect.getsourcelines(style.tv_loss)[0])
    assert "for " not in source
    assert "while " not in source


def test_saliency_is_the_largest_gradient_of_the_own_score(vision, images):
    network, labels = random_squeezenet().double(), torch.LongTensor([1, 4, 7])
    maps = vision.compute_saliency_maps(images.double(), labels, network)
    assert maps.shape == (3, 64, 64)
    for image, label, found in zip(images.double(), labels.tolist(), maps, strict=True):
        expected = gradient_of(network, image[None], label)[0].abs().amax(dim=0)
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def test_saliency_does_not_change_from_call_to_call_and_leaves_the_network_in_eval_mode(vision, images):
    network = random_squeezenet().train().requires_grad_(True)
    first = vision.compute_saliency_maps(images, [1, 4, 7], network)
    assert not any(module.training for module in network.modules())
    network.train()
    assert torch.equal(first, vision.compute_saliency_maps(images, [1, 4, 7], network))


def test_saliency_leaves_all_else_as_it_was(vision, images):
    network = random_squeezenet().requires_grad_(True)
    before = state_of(network, images)
    vision.compute_saliency_maps(images, torch.LongTensor([1, 4, 7]), network)
    assert state_of(network, images) == before


def test_fooling_takes_the_courses_steps_of_length_one(vision):
    image = noise(1, 3, 64, 64, seed=1).double()
    network = put_within_reach(random_squeezenet().double(), image, 3)
    expected, _ = fooling(network, image, 3, learning_rate=1.0)
    result = vision.make_fooling_image(image, 3, network)
    assert int(network(result).argmax()) == 3
    assert not torch.equal(result, image)
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-9)


def test_fooling_leaves_network_and_picture_as_they_were(vision):
    image = noise(1, 3, 64, 64, seed=1)
    network = put_within_reach(random_squeezenet(), image, 3).train().requires_grad_(True)
    before = state_of(network, image)
    fooling = vision.make_fooling_image(image, 3, network)
    assert state_of(network, image) == before
    assert (fooling.shape, fooling.dtype) == (image.shape, image.dtype)
    assert int(network.eval()(fooling).argmax()) == 3


def test_a_picture_that_fools_already_is_returned_as_it_is(vision):
    network, image = random_squeezenet(), noise(1, 3, 64, 64, seed=1)
    already = int(network(image).argmax())
    assert torch.equal(vision.make_fooling_image(image, already, network), image)


def test_an_update_step_is_one_step_of_the_reference(vision):
    network = random_squeezenet().double()
    image = noise(1, 3, 64, 64, seed=2).double()
    img = image.clone().requires_grad_(True)
    assert vision.class_visualization_update_step(img, network, 4, 1e-3, 25) is None
    gradient = gradient_of(network, image, 4, l2_reg=1e-3)
    torch.testing.assert_close(img.detach(), image + 25 * gradient / gradient.norm(), rtol=0, atol=1e-9)
    assert img.is_leaf
    assert img.requires_grad
    assert img.grad is None


def test_update_steps_climb(vision):
    network = random_squeezenet().double()
    img = noise(1, 3, 64, 64, seed=2).double()

    def value():
        return float(network(img)[0, 4] - 1e-4 * (img**2).sum())

    values = [value()]
    for _ in range(5):
        vision.class_visualization_update_step(img, network, 4, 1e-4, 1)
        values.append(value())
    assert values == sorted(values)
    assert values[-1] > values[0]


def test_update_steps_climb_the_class_map_where_the_score_is_zero(vision):
    network = random_squeezenet().double()
    network.classifier[1].bias[4] = -9
    img = noise(1, 3, 64, 64, seed=2).double()

    def class_map_mean():
        return float(network.classifier[1](network.features(img))[0, 4].mean())

    assert float(network(img)[0, 4]) == 0
    before = class_map_mean()
    vision.class_visualization_update_step(img, network, 4, 0.0, 1)
    assert class_map_mean() > before


def test_an_update_step_leaves_the_network_as_it_was(vision, images):
    network = random_squeezenet().train().requires_grad_(True)
    before = state_of(network, images)
    vision.class_visualization_update_step(images[:1].clone().requires_grad_(True), network, 4, 1e-3, 25)
    assert state_of(network, images) == before


def test_wrong_labels_and_shapes_are_refused(course, vision, style, images):
    network = random_squeezenet()
    with pytest.raises(UsageError, match="labels: got 2 for 3 images"):
        vision.compute_saliency_maps(images, torch.LongTensor([1, 2]), network)
    with pytest.raises(UsageError, match="class 10 is out of range"):
        vision.make_fooling_image(images[:1], 10, network)
    with pytest.raises(UsageError, match="class -1 is out of range"):
        vision.class_visualization_update_step(images[:1].clone(), network, -1, 1e-3, 25)
    with pytest.raises(UsageError, match=r"shape \(N, 3, H, W\) is needed"):
        vision.class_visualization_update_step(images[0].clone(), network, 1, 1e-3, 25)
    with pytest.raises(UsageError, match=r"shape \(N, C, H, W\) is needed"):
        style.gram_matrix(images[0])
    with pytest.raises(UsageError, match=r"X: an array of shape \(N, 3, H, W\)"):
        course["image_utils"].blur_image(np.zeros((2, 8, 8, 3)))


def test_pictures_go_in_and_come_out(vision):
    pixels = np.random.default_rng(0).integers(0, 256, (64, 80, 3), dtype=np.uint8)
    tensor = vision.preprocess(Image.fromarray(pixels), size=64)
    assert tensor.shape == (1, 3, 64, 80)
    assert tensor.is_contiguous()
    assert np.array_equal(np.asarray(vision.deprocess(tensor, should_rescale=False)), pixels)
    stretched = np.asarray(vision.deprocess(tensor))
    assert (stretched.min(), stretched.max()) == (0, 255)
    assert vision.rescale(torch.tensor([1.0, 2.0, 5.0])).tolist() == [0, 0.25, 1]


def test_jitter_comes_back(vision, images):
    moved = vision.jitter(images, 3, 5)
    assert torch.equal(moved[:, :, 5, 3], images[:, :, 0, 0])
    assert torch.equal(vision.jitter(moved, -3, -5), images)


def test_arrays_go_in_and_come_out(course):
    utils = course["image_utils"]
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    values = utils.preprocess_image(pixels)
    expected = (pixels / 255 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    np.testing.assert_allclose(values, expected, atol=1e-6)
    assert np.abs(utils.deprocess_image(values).astype(int) - pixels).max() <= 1
    stretched = utils.deprocess_image(values, rescale=True)
    assert (stretched.min(), stretched.max()) == (0, 255)


def test_the_gentle_blur_is_a_convolution(course):
    X = noise(2, 3, 9, 8).double()
    kernel = torch.tensor([[1, 2, 1], [2, 188, 2], [1, 2, 1]]).double() / 200
    expected = torch.cat([conv2d(X[:, c : c + 1], kernel[None, None], padding=1) for c in range(3)], dim=1)
    np.testing.assert_allclose(course["image_utils"].blur_image(X.numpy()), expected.numpy(), atol=1e-12)


def test_a_picture_file_is_read_with_its_shorter_side_scaled(course, picture):
    load_image = course["image_utils"].load_image
    assert load_image(str(picture)).shape == (80, 100, 3)
    assert load_image(str(picture), size=40).shape == (40, 50, 3)


def test_a_picture_at_an_address(course, picture):
    image = course["image_utils"].image_from_url(Path(picture).as_uri())
    assert image.shape == (80, 100, 3)
    with pytest.raises(WorkError, match="cannot be downloaded"):
        course["image_utils"].image_from_url("http://localhost/none.png")


def test_without_the_courses_file_there_are_five_photographs(course, monkeypatch, capsys):
    monkeypatch.delenv("COURSE_IMAGES", raising=False)
    X, y, class_names = course["data_utils"].load_imagenet_val(num=5)
    assert (X.shape, X.dtype) == ((5, 224, 224, 3), np.uint8)
    assert len([class_names[label] for label in y]) == 5
    assert "imagenet_val_25.npz" in capsys.readouterr().err
