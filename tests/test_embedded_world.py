"""The embedded network: it loads anywhere, the scripts show scenes with it, and their maps are scored."""

import numpy as np
import pytest
import torch
from conftest import run as run_study
from PIL import Image

from core.squeezenet import EMBEDDED_WEIGHTS, WEIGHTS_VARIABLE, load_squeezenet
from patterns.scenes import CLASS_NAMES
from studies.shared.examples import CLASSES, example_scenes

QUICK = {
    "classes": ["--labels", "star", "maze", "--iterations", "3", "--size", "64"],
    "saliency": ["--size", "96", "--nodes", "2"],
    "gradcam": ["--size", "96"],
    "fooling": ["--size", "96", "--iterations", "300"],
    "style": ["--preset", "swirling_night", "--size", "48", "--style-size", "48", "--iterations", "2"],
}


def run(script, *arguments):
    return run_study(script, *arguments, "--weights", "patterns", "--output", "picture.png")


@pytest.mark.parametrize("script", QUICK)
def test_every_script_runs_with_the_embedded_weights(script, capsys):
    assert run(script, *QUICK[script]) in ((0, 1) if script == "fooling" else (0,))
    assert f"weights: {EMBEDDED_WEIGHTS.name} (sha256 " in capsys.readouterr().out
    with Image.open("picture.png") as image:
        assert np.asarray(image).std() > 10


@pytest.mark.parametrize("script", ["saliency", "gradcam"])
def test_scores_are_printed_beside_the_centre_baseline(script, capsys):
    run(script, *QUICK[script])
    said = capsys.readouterr().out
    assert "localisation over 5 scenes, higher is better: pointing game, relevance mass, best IoU" in said
    assert "centre (baseline)" in said


def test_the_true_outline_is_drawn_on_the_maps():
    run("saliency", *QUICK["saliency"])
    with Image.open("picture.png") as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    magenta = (pixels[..., 0] > 200) & (pixels[..., 1] < 60) & (pixels[..., 2] > 200)
    assert magenta.sum() > 500


def test_auto_takes_the_embedded_weights_where_nothing_else_can_be_had(monkeypatch, tmp_path):
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    model = load_squeezenet("auto", "cpu")
    assert model.class_names == CLASS_NAMES
    assert "from the repository, because" in model.weights_note


def test_example_scenes_are_for_the_embedded_classes_only():
    examples = example_scenes(CLASS_NAMES, size=64, seed=0)
    assert [example.name for example in examples] == list(CLASSES)
    assert all(example.image.shape == (64, 64, 3) and example.mask.any() for example in examples)
    assert example_scenes(("a", "b"), size=64, seed=0) == []


def test_the_examples_are_named_correctly():
    from core.images import preprocess

    model = load_squeezenet("patterns", "cpu")
    examples = example_scenes(CLASS_NAMES, size=224, seed=0)
    predicted = model(preprocess([example.image for example in examples])).argmax(dim=1)
    assert [CLASS_NAMES[label] for label in predicted] == list(CLASSES)
