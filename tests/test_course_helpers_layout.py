"""Georgia Tech CS7643, assignment 3, from 2023: the classes stand in the root scripts, helpers/ holds what is given.

Each client does in our words what the course's scripts do; numbers are compared with tests/course_reference.py.
"""

import inspect
import runpy
import subprocess
import sys
from pathlib import Path

import course_reference as reference
import numpy as np
import pytest
import torch
from conftest import noise, random_squeezenet
from PIL import Image

from core.defaults import ROOT


@pytest.fixture
def client(weights):
    """Run a script of the course in an empty folder; return its variables."""

    def run(source):
        Path("client.py").write_text(source)
        return runpy.run_path("client.py")

    return run


SALIENCY = """
import torch
from helpers.data_utils import *
from helpers.image_utils import *
from saliency_visualization import SaliencyMap
from core.squeezenet import load_squeezenet

model = load_squeezenet().train()
X, y, labels, class_names = load_images(num=2)
sm = SaliencyMap()
X_tensor = torch.cat([preprocess(Image.fromarray(x)) for x in X], dim=0)
maps = sm.compute_saliency_maps(X_tensor, torch.LongTensor(y), model).numpy()
sm.show_saliency_maps(X, y, labels, model)
sm.show_saliency_maps(X, y, labels, model, folder="elsewhere")
"""


def test_the_saliency_script_takes_names_by_position_and_a_folder(client):
    result = client(SALIENCY)
    assert result["labels"] == ["Egyptian cat", "espresso"]
    assert result["class_names"][int(result["y"][1])] == "espresso"
    assert result["maps"].shape == (2, 224, 224)
    for folder in ("visualization", "elsewhere"):
        with Image.open(Path(folder, "saliency_visualization.png")) as picture:
            assert np.asarray(picture.convert("L")).std() > 5
    assert not Path("visualization/saliency_map.png").exists()


GRADCAM = """
from helpers.data_utils import load_images
from gradcam_visualization import GradCAM

X, y, labels, class_names = load_images(num=2)
gradcams = GradCAM(X).gradcam()
shown = [item[0].clip(0, 1) for item in gradcams]
overlays = [item[1] for item in gradcams]
"""


def test_the_grad_cam_script_shows_its_pictures(client):
    result = client(GRADCAM)
    for item, x in zip(result["gradcams"], result["X"], strict=True):
        assert item[0].dtype == np.float32
        expected = reference.preprocess(Image.fromarray(x), 224)[0].permute(1, 2, 0)
        np.testing.assert_allclose(item[0], expected, atol=1e-5)
        assert item[1].shape == item[0].shape[:2]
        assert 0 <= item[1].min() <= item[1].max() <= 1
    assert all(0.05 < picture.mean() < 0.95 and picture.std() > 0.1 for picture in result["shown"])


def test_the_grad_cam_script_explains_the_predicted_class_of_pictures_of_any_size():
    from gradcam_visualization import GradCAM

    X = np.random.default_rng(0).integers(0, 256, (2, 40, 60, 3), dtype=np.uint8)
    model = random_squeezenet().double()
    for image, heatmap in GradCAM(X, model).gradcam():
        assert image.shape == (224, 336, 3)
        tensor = torch.from_numpy(image).permute(2, 0, 1)[None].double()
        coarse = reference.grad_cam_coarse(model, tensor, model(tensor).argmax(dim=1))
        small = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(heatmap)[None, None], coarse.shape[1:])[0]
        assert np.corrcoef(small.flatten(), coarse.flatten())[0, 1] > 0.9


@pytest.mark.parametrize("script", ["saliency_visualization", "gradcam_visualization"])
def test_help_answers_without_importing_torch(script):
    code = f"""
import runpy, sys
sys.argv[1:] = ["--help"]
try:
    runpy.run_path({str(ROOT / script)!r} + ".py", run_name="__main__")
finally:
    assert "torch" not in sys.modules
"""
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    assert "--technique" in said.stdout


CLASSES = """
import torch
from core.squeezenet import load_squeezenet
from class_visualization import ClassVisualization
from helpers.data_utils import load_images

cv = ClassVisualization()
X, y, labels, class_names = load_images(num=1)
out = cv.create_class_visualization(y[0], class_names, load_squeezenet(), generate_plots=False, num_iterations=2)
"""


def test_the_class_visualization_script_needs_no_dtype_and_takes_numpy_labels(client):
    assert client(CLASSES)["out"].size == (224, 224)
    assert not Path("visualization").exists()


def test_jitter_and_blur_are_called_on_the_class_and_on_an_instance():
    from class_visualization import ClassVisualization

    X = noise(1, 3, 8, 9)
    for owner in (ClassVisualization, ClassVisualization()):
        shifted = owner.jitter(X, 2, -3)
        assert torch.equal(shifted, X.roll((-3, 2), dims=(2, 3)))
        assert torch.equal(owner.jitter(shifted, -2, 3), X)
        blurred = X.clone()
        assert owner.blur_image(blurred, sigma=0.5) is blurred
        assert blurred.var() < X.var()
    assert torch.equal(ClassVisualization.blur_image(X.clone()), ClassVisualization.blur_image(X.clone(), sigma=1))


def test_the_fooling_class_is_importable_from_its_script_too():
    import visualizers
    from fooling_visualization import FoolingImage

    assert FoolingImage is visualizers.FoolingImage


STYLE = """
import torch
from helpers.style_utils import features_from_img, extract_features, rel_error, style_transfer
from helpers.image_utils import preprocess, deprocess, SQUEEZENET_MEAN, SQUEEZENET_STD
from style_modules import ContentLoss, StyleLoss, TotalVariationLoss
from core.squeezenet import load_squeezenet

cnn = load_squeezenet().features
feats, image = features_from_img("content.png", 48, cnn)
list_of_shapes = [tuple(f.shape) for f in extract_features(image, cnn)]
back = deprocess(image)
mean, std = SQUEEZENET_MEAN.tolist(), SQUEEZENET_STD.tolist()
"""


def test_the_helpers_serve_the_style_script(client):
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (60, 80, 3), dtype=np.uint8)).save("content.png")
    result = client(STYLE)
    assert result["list_of_shapes"][0] == result["list_of_shapes"][1]
    assert len(result["list_of_shapes"]) == 13
    assert result["back"].size == (64, 48)
    assert result["mean"] == pytest.approx([0.485, 0.456, 0.406])
    assert result["std"] == pytest.approx([0.229, 0.224, 0.225])


@pytest.mark.parametrize("name", ["style_utils", "image_utils", "data_utils"])
def test_helpers_hold_the_same_functions_as_the_modules_at_the_root(name):
    root, helper = (__import__(f"{prefix}{name}", fromlist=["x"]) for prefix in ("", "helpers."))
    names = [one for one in root.__all__ if inspect.isfunction(getattr(root, one))]
    assert names
    assert all(getattr(helper, one) is getattr(root, one) for one in names)
