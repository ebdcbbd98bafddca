"""Georgia Tech CS7643, assignment 3, 2021 to 2024: root scripts over visualizers/, style_modules/ and style_utils.

Each client does in our words what the course's script does: what it imports, the calls in their order, what it reads
of the results and where it finds them. Numbers are compared with tests/course_reference.py.
"""

import runpy
import warnings
from pathlib import Path

import course_reference as reference
import numpy as np
import pytest
import torch
import torchvision
from conftest import noise, random_squeezenet, state_of
from PIL import Image


@pytest.fixture
def handed_over(monkeypatch):
    """What `squeezenet1_1(pretrained=True)` gives the scripts: training mode, gradients on, here random weights."""

    def make(*_arguments, **_settings):
        return random_squeezenet(1000).requires_grad_(True).train()

    monkeypatch.setattr(torchvision.models, "squeezenet1_1", make)
    return make()


@pytest.fixture
def client(tmp_path, handed_over):
    """Run a script of the course in an empty folder; return its variables."""
    (tmp_path / "visualization").mkdir()  # the course's folder has it

    def run(source):
        Path("client.py").write_text(source)
        return runpy.run_path("client.py")

    return run


SALIENCY = """
import torch, torchvision
from PIL import Image
from captum.attr import IntegratedGradients, Saliency
from visualizers import SaliencyMap
from data_utils import *
from image_utils import *
from captum_utils import *

model = torchvision.models.squeezenet1_1(pretrained=True)
for param in model.parameters():
    param.requires_grad = False
X, y, class_names = load_imagenet_val(num=2)
returned = SaliencyMap().show_saliency_maps(X, y, class_names, model)
returned.savefig("visualization/by_pyplot.png")

X_tensor = torch.cat([preprocess(Image.fromarray(x)) for x in X], dim=0).requires_grad_(True)
y_tensor = torch.LongTensor(y)
maps = SaliencyMap().compute_saliency_maps(X_tensor, y_tensor, model).numpy()
attributions = compute_attributions(Saliency(model), X_tensor, target=y_tensor)
visualize_attr_maps("visualization/saliency_captum.png", X, y, class_names, [attributions], ["Saliency"])
layer_maps = X_tensor[:, :1, ::8, ::8]
visualize_attr_maps("visualization/layer.png", X, y, class_names, [attributions, layer_maps], ["Saliency", "a layer"])
"""


def test_the_saliency_script_runs_and_writes_its_pictures(client):
    result = client(SALIENCY)
    assert result["X"].shape == (2, 224, 224, 3)
    assert result["X"].dtype == np.uint8
    assert [result["class_names"][label] for label in result["y"]] == ["Egyptian cat", "espresso"]
    assert result["maps"].shape == (2, 224, 224)
    assert result["maps"].min() >= 0
    for name in ("saliency_map", "by_pyplot", "saliency_captum", "layer"):
        with Image.open(f"visualization/{name}.png") as picture:
            assert np.asarray(picture.convert("L")).std() > 5, name
    assert not result["model"].features[0].weight.requires_grad


GRADCAM = """
import matplotlib, numpy as np, torch, torchvision
from PIL import Image
from data_utils import *
from image_utils import *
from visualizers import GradCam

X, y, class_names = load_imagenet_val(num=2)
gc, gc_model = GradCam(), torchvision.models.squeezenet1_1(pretrained=True)
X_tensor = torch.cat([preprocess(Image.fromarray(x)) for x in X], dim=0).requires_grad_(True)
y_tensor = torch.LongTensor(y)
gbp_result = gc.guided_backprop(X_tensor, y_tensor, gc_model)
shown = [rescale(gbp_result[i]) for i in range(gbp_result.shape[0])]
gradcam_result = gc.grad_cam(X_tensor, y_tensor, gc_model)
overlays = [X[i] + (matplotlib.cm.jet(gradcam_result[i])[:, :, :3] * 255) for i in range(gradcam_result.shape[0])]
both = [rescale(np.expand_dims(cam, axis=2) * gbp) for cam, gbp in zip(gradcam_result, gbp_result)]
back = deprocess(torch.from_numpy(np.float32(both[0].transpose(2, 0, 1)[None])))
"""


def test_the_grad_cam_script_runs(client):
    result = client(GRADCAM)
    assert result["gbp_result"].shape == (2, 224, 224, 3)
    assert result["gradcam_result"].shape == (2, 224, 224)
    assert result["overlays"][0].shape == (224, 224, 3)
    assert result["back"].size == (224, 224)
    assert all((picture.min(), picture.max()) == (0, 1) for picture in (*result["shown"], *result["both"]))


@pytest.fixture
def double(handed_over):
    """A network of few classes and pictures that are not square, in double: numbers agree whatever the machine."""
    model = random_squeezenet().double().requires_grad_(True).train()
    return model, noise(3, 3, 64, 80).double(), torch.LongTensor([1, 4, 4])


def test_saliency_maps_equal_the_reference(double):
    from visualizers import SaliencyMap

    model, X, y = double
    maps = SaliencyMap().compute_saliency_maps(X.requires_grad_(True), y, model)
    torch.testing.assert_close(maps, reference.saliency(model, X, y), rtol=1e-9, atol=1e-12)


def test_guided_backprop_equals_the_reference(double):
    from visualizers import GradCam

    model, X, y = double
    result = GradCam().guided_backprop(X.requires_grad_(True), y, model)
    np.testing.assert_allclose(result, reference.guided_backprop(model, X, y), rtol=1e-9, atol=1e-12)


def test_grad_cam_is_resized_by_bicubic_interpolation_and_scaled_over_the_batch(double):
    from visualizers import GradCam

    model, X, y = double
    result = GradCam().grad_cam(X.requires_grad_(True), y, model)
    assert result.shape == (3, 64, 80)
    np.testing.assert_allclose(result, reference.grad_cam(model, X, y), atol=2e-6)
    assert sorted(one.max() == 1 for one in result) == [False, False, True]  # one scale for all
    assert (result.min(), result.max()) == (0, 1)


def test_grad_cam_of_classes_without_evidence_is_zero_not_nan():
    from visualizers import GradCam

    model = random_squeezenet()
    with torch.no_grad():
        model.classifier[1].bias.fill_(-1e6)
    with pytest.warns(UserWarning, match="blank"):
        assert not GradCam().grad_cam(noise(2, 3, 64, 64), torch.LongTensor([0, 1]), model).any()


def test_the_network_and_the_input_are_left_as_they_were(double):
    from visualizers import ClassVisualization, FoolingImage, GradCam, SaliencyMap

    model, X, y = double
    X.requires_grad_(True)
    before = state_of(model, X)
    SaliencyMap().compute_saliency_maps(X, y, model)
    GradCam().guided_backprop(X, y, model)
    GradCam().grad_cam(X, y, model)
    with warnings.catch_warnings(action="ignore"):  # that random weights are not fooled is no matter here
        FoolingImage().make_fooling_image(X[:1], 2, model)
    ClassVisualization().create_class_visualization(2, range(10), model, num_iterations=1, generate_plots=False)
    assert state_of(model, X) == before


FOOLING = """
import torch, torchvision
from PIL import Image
from data_utils import load_imagenet_val
from image_utils import preprocess, deprocess
from visualizers import FoolingImage

model = torchvision.models.squeezenet1_1(pretrained=True)
X, y, class_names = load_imagenet_val(num=5)
X_tensor = torch.cat([preprocess(Image.fromarray(x)) for x in X], dim=0)
model.eval()
target_y = model(X_tensor[:1]).data.topk(2)[1][0, 1].item()  # the runner-up: within reach of random weights, too
model.train()
X_fooling = FoolingImage().make_fooling_image(X_tensor[:1], target_y, model)
model.eval()
top = model(X_fooling).data.max(1)[1][0].item()
shown = deprocess(X_fooling.clone())
difference = deprocess(10 * (X_fooling - X_tensor[:1]), should_rescale=False)
"""


def test_the_fooling_script_runs_and_fools(client):
    result = client(FOOLING)
    assert result["X_fooling"].shape == (1, 3, 224, 224)
    assert result["top"] == result["target_y"]
    assert result["shown"].size == result["difference"].size == (224, 224)


def test_the_fooling_image_takes_the_courses_steps_of_ten():
    from visualizers import FoolingImage

    X = noise(1, 3, 64, 64).double()
    model = reference.put_within_reach(random_squeezenet().double(), X, 3)
    expected, steps = reference.fooling(model, X, 3, learning_rate=10.0)
    assert steps > 0
    result = FoolingImage().make_fooling_image(X, 3, model)
    torch.testing.assert_close(result, expected, rtol=1e-8, atol=1e-8)


CLASSES = """
import torch, torchvision
from data_utils import load_imagenet_val
from visualizers import ClassVisualization

model = torchvision.models.squeezenet1_1(pretrained=True)
dtype = torch.FloatTensor
model.type(dtype)
_, _, class_names = load_imagenet_val(num=5)
settings = dict(l2_reg=1e-3, learning_rate=25, num_iterations=4, blur_every=2, max_jitter=3, show_every=2)
out = ClassVisualization().create_class_visualization(366, class_names, model, dtype, **settings)
"""


def test_the_class_visualization_script_writes_the_courses_files(client):
    result = client(CLASSES)
    assert result["out"].size == (224, 224)
    written = sorted(path.name for path in Path("visualization").iterdir())
    assert written == [f"class_visualization_iter_{t}.png" for t in (1, 2, 4)]
    with Image.open("visualization/class_visualization_iter_4.png") as last:
        assert np.array_equal(np.asarray(last), np.asarray(result["out"]))
    assert np.asarray(result["out"]).min() == 0
    assert np.asarray(result["out"]).max() == 255


def test_a_step_of_class_visualization_equals_the_reference():
    """Without jitter and blur, and few enough steps that no colour is clipped."""
    from core.priors import clamp_to_valid
    from visualizers.class_visualization import visualize_classes

    model, start = random_squeezenet().double(), 0.1 * noise(1, 3, 64, 64).double()
    settings = {"l2_reg": 1e-3, "learning_rate": 2.0}
    result = visualize_classes(model, [3], start=start, iterations=2, max_jitter=0, blur_every=0, **settings)
    expected = start
    for _ in range(2):
        expected = reference.climb_step(model, expected, 3, **settings)
    torch.testing.assert_close(result, clamp_to_valid(expected), rtol=1e-9, atol=1e-9)


def test_an_unknown_keyword_of_class_visualization_is_refused_by_name():
    from visualizers import ClassVisualization

    with pytest.raises(ValueError, match="'iterations' is not one of its keywords"):
        ClassVisualization().create_class_visualization(4, range(10), random_squeezenet(), iterations=3)


STYLE = """
import numpy as np, torch, torchvision
from style_modules import ContentLoss, StyleLoss, TotalVariationLoss
from style_utils import features_from_img, extract_features, rel_error, style_transfer

dtype = torch.FloatTensor
cnn = torchvision.models.squeezenet1_1(pretrained=True).features
cnn.type(dtype)
for param in cnn.parameters():
    param.requires_grad = False
c_feats, content_img_var = features_from_img("content.jpg", 48, cnn, dtype)
feats = extract_features(torch.zeros(*content_img_var.data.size()).type(dtype), cnn)
content = ContentLoss()(6e-2, c_feats[3], feats[3]).cpu().data.numpy()
gram = StyleLoss().gram_matrix(c_feats[5].clone()).cpu().data.numpy()
layers, weights = [1, 4, 6, 7], [300000, 1000, 15, 3]
targets = [StyleLoss().gram_matrix(c_feats[idx].clone()) for idx in layers]
style = StyleLoss()(feats, layers, targets, weights).cpu().data.numpy()
variation = TotalVariationLoss()(content_img_var, 2e-2).cpu().data.numpy()
params = {
    "name": "starry_tubingen", "content_image": "content.jpg", "style_image": "content.jpg", "image_size": 48,
    "style_size": 40, "content_layer": 3, "content_weight": 6e-2, "style_layers": layers, "style_weights": weights,
    "tv_weight": 2e-2, "content_loss": ContentLoss(), "style_loss": StyleLoss(), "tv_loss": TotalVariationLoss(),
    "cnn": cnn, "dtype": dtype,
}
style_transfer(**params)
tensor = style_transfer(**params, init_random=True, testing=True)
"""


@pytest.fixture
def content(tmp_path, monkeypatch):
    """A picture for the style script, and a schedule of two steps."""
    pixels = np.random.default_rng(1).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    Image.fromarray(pixels).save("content.jpg")
    from courses import style

    settings = {**style.transfer_style.__kwdefaults__, "iterations": 2}
    monkeypatch.setattr(style.transfer_style, "__kwdefaults__", settings)
    with Image.open("content.jpg") as picture:
        return picture.convert("RGB")


def error(x, y):
    """As the course prints it."""
    x, y = (np.asarray(value, dtype=np.float64) for value in (x, y))
    return np.max(np.abs(x - y) / np.maximum(1e-8, np.abs(x) + np.abs(y)))


def test_the_style_script_runs_and_its_checks_print_error_0(client, content, handed_over):
    result = client(STYLE)
    cnn = reference.plain_copy(handed_over).requires_grad_(False).features
    x = reference.preprocess(content, 48)
    theirs, zeros = reference.features_of(cnn, x), reference.features_of(cnn, torch.zeros_like(x))
    layers, weights = result["layers"], result["weights"]
    targets = [reference.gram(theirs[index]) for index in layers]
    assert f"{error(result['content'], reference.content_loss(6e-2, theirs[3], zeros[3])):.3f}" == "0.000"
    assert f"{error(result['style'], reference.style_loss(zeros, layers, targets, weights)):.3f}" == "0.000"
    assert f"{error(result['variation'], reference.tv_loss(x, 2e-2)):.3f}" == "0.000"
    np.testing.assert_allclose(result["gram"], reference.gram(theirs[5]), rtol=1e-4, atol=1e-7)
    assert result["gram"].shape == (1, theirs[5].shape[1], theirs[5].shape[1])
    assert result["rel_error"](result["style"], result["style"]) == 0


def test_the_style_script_writes_where_the_course_looks(client, content):
    result = client(STYLE)
    for name in ("starry_tubingen", "starry_tubingen_before"):
        with Image.open(f"styles_images/{name}.png") as picture:
            assert min(picture.size) >= 48
    assert torch.is_tensor(result["tensor"])
    assert result["tensor"].shape == (1, 3, 48, 64)


def test_style_transfer_has_the_courses_arguments_in_their_order():
    import inspect

    from style_utils import style_transfer

    expected = (
        "name content_image style_image image_size style_size content_layer content_weight style_layers style_weights "
        "tv_weight content_loss style_loss tv_loss cnn dtype init_random testing"
    )
    assert list(inspect.signature(style_transfer).parameters) == expected.split()


@pytest.mark.parametrize("kind", [list, tuple, np.array, torch.tensor])
def test_labels_may_be_a_list_an_array_or_a_tensor(kind):
    from visualizers import GradCam, SaliencyMap

    model, X = random_squeezenet(), noise(2, 3, 64, 64)
    assert SaliencyMap().compute_saliency_maps(X, kind([1, 4]), model).shape == (2, 64, 64)
    assert GradCam().grad_cam(X, kind([1, 4]), model).shape == (2, 64, 64)
