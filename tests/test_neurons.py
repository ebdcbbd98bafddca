"""Templates, filters, activation maps and the study that shows them beside top patches and climbed pictures."""

import math

import numpy as np
import pytest
import torch
from conftest import random_squeezenet, run, state_of
from PIL import Image
from torch import nn
from torchvision.models import get_model, get_model_weights

from core import squeezenet as weights_module
from core.activations import record_activations
from core.errors import UsageError, WorkError
from core.torchvision_models import known_models, load_torchvision
from drawing.grid import Panel, draw_grid
from drawing.mosaic import fit_lanczos, mosaic
from studies.neurons.flags import BARE, CHOICES, FORM_TITLES, TECHNIQUES
from visualizers.activation_maps import activation_maps, strongest_channels
from visualizers.filters import (
    convolution,
    first_convolution,
    scale_weights,
    second_convolution,
    untrained,
    widest_convolution,
)
from visualizers.linear_templates import LinearClassifier, linear_templates

QUICK = {"size": "64", "scenes": "5", "count": "2", "iterations": "2", "train": "2"}


def quick(*techniques: str, without: tuple[str, ...] = ()) -> list[str]:
    """Of these flags those that the techniques have, or the sheet, and the techniques."""
    has = {flag for name in techniques or [BARE] for flag in CHOICES[0].uses[name]} - {*without}
    words = [word for flag, value in QUICK.items() if flag in has for word in (f"--{flag}", value)]
    return [*words, "--technique", *techniques] if techniques else words


# --- Templates -----------------------------------------------------------------------------------


def pictures(count: int = 60) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise (N, 3, 4, 4) in float64 with a bright square, whose place is the class, 0 to 2."""
    images = torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    labels = torch.arange(count) % 3
    for image, label in zip(images, labels, strict=True):
        image[label, label : label + 2, :2] += 0.4
    return images, labels


def test_the_templates_are_those_of_an_independent_solver():
    from sklearn.linear_model import LogisticRegression

    images, labels = pictures()
    found = linear_templates(images, labels, weight_decay=0.05)
    peer = LogisticRegression(C=1 / (0.05 * len(images)), tol=1e-9, max_iter=10_000)
    peer.fit(images.flatten(1).numpy(), labels.numpy())
    np.testing.assert_allclose(found.templates.flatten(1).numpy(), peer.coef_, atol=2e-4)
    # A number added to all scores changes no probability, so biases are known up to one.
    biases = found.biases - found.biases.mean()
    np.testing.assert_allclose(biases.numpy(), peer.intercept_ - peer.intercept_.mean(), atol=2e-3)
    assert found.accuracy(images, labels) == peer.score(images.flatten(1).numpy(), labels.numpy())


def test_a_template_is_bright_where_its_class_is():
    images, labels = pictures(600)
    for label, template in enumerate(linear_templates(images, labels, weight_decay=1.0).templates):
        inside = template[label, label : label + 2, :2].mean()
        assert inside > 4 * template.abs().mean() > 0


def test_light_added_to_all_pictures_changes_no_template():
    images, labels = pictures()
    one, other = (linear_templates(images + light, labels) for light in (0, 3))
    torch.testing.assert_close(one.templates, other.templates, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(one.scores(images), other.scores(images + 3), atol=1e-5, rtol=1e-5)


def test_accuracy_by_hand():
    templates = torch.zeros(2, 3, 1, 1)
    templates[0, 0], templates[1, 2] = 1, 1  # class 0 is red, class 1 blue, which has an advantage of 0.5
    classifier = LinearClassifier(templates, torch.tensor([0, 0.5]))
    images = torch.tensor([[1.0, 0, 0], [1, 0, 0.6], [0, 1, 0], [0, 0, 1]]).view(4, 3, 1, 1)
    torch.testing.assert_close(classifier.scores(images)[1], torch.tensor([1.0, 1.1]))
    assert classifier.accuracy(images, [0, 0, 0, 1]) == 0.5


def test_training_leaves_its_input_and_works_where_gradients_are_off():
    images, labels = pictures()
    expected, kept = linear_templates(images, labels), images.clone()
    with torch.inference_mode():
        found = linear_templates(images.clone(), labels)
    images.requires_grad_()
    assert torch.equal(linear_templates(images, labels).templates, found.templates)
    assert torch.equal(found.templates, expected.templates)
    assert torch.equal(images, kept)
    assert images.grad is None
    assert not found.templates.requires_grad


@pytest.mark.parametrize(
    ("labels", "settings", "words"),
    [
        ([0] * 6, {}, "got 1 class; two or more"),
        ([0, 2] * 3, {}, "got no image of class 1"),
        ([0, 1], {}, "got 2 for 6 images"),
        ([0, 1] * 3, {"weight_decay": 0}, "weight_decay: 0 is out of range"),
        ([0, 1] * 3, {"weight_decay": math.nan}, "weight_decay: nan is out of range"),
    ],
)
def test_wrong_labels_and_weight_decays_are_named(labels, settings, words):
    with pytest.raises(UsageError, match=words):
        linear_templates(torch.rand(6, 3, 2, 2), labels, **settings)


# --- Filters -------------------------------------------------------------------------------------


def test_tiles_by_hand():
    weights = torch.tensor([[2.0, -1, 0], [-4, 4, 2], [0, 0, 0]]).view(3, 3, 1, 1)
    own = torch.tensor([[1.0, 0.25, 0.5], [0, 1, 0.75], [0.5, 0.5, 0.5]]).view(3, 3, 1, 1)
    shared = torch.tensor([[0.75, 0.375, 0.5], [0, 1, 0.75], [0.5, 0.5, 0.5]]).view(3, 3, 1, 1)
    assert torch.equal(scale_weights(weights), own)
    assert torch.equal(scale_weights(weights, shared_scale=True), shared)


LAYERS = {  # network: its first convolution, and the second wider than a pixel
    "squeezenet1_1": ("features.0", "features.3.expand3x3"),
    "alexnet": ("features.0", "features.3"),
    "resnet18": ("conv1", "layer1.0.conv1"),
    "densenet121": ("features.conv0", "features.denseblock1.denselayer1.conv2"),
    "mobilenet_v2": ("features.0.0", None),  # all its wider filters read a single channel
}


@pytest.mark.parametrize("name", LAYERS)
def test_the_layers_shown_of_networks_of_torchvision(name):
    first, second = LAYERS[name]
    with torch.device("meta"):
        model = get_model(name)
    assert first_convolution(model) == first
    if second is None:
        with pytest.raises(UsageError, match="no convolution wider than a pixel"):
            second_convolution(model)
    else:
        assert second_convolution(model) == second
    assert convolution(model, first).weight.shape[1] == 3


@pytest.mark.slow
def test_every_network_of_torchvision_has_a_first_layer_and_weights_with_a_hash():
    for name in known_models():
        kept = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        try:
            with torch.device("meta"):  # no memory, no time
                model = get_model(name, **kept)
        except NotImplementedError:  # it reads numbers out of tensors while it is built
            model = get_model(name, **kept)
        assert convolution(model, first_convolution(model)).weight.shape[1] == 3, name
        weights = next(iter(get_model_weights(name)))
        ending = weights.url.removesuffix(".pth").rpartition("-")[2]
        assert len(ending) >= 8, name
        int(ending, 16)


def test_untrained_weights_have_hes_spread_and_a_seed():
    shape = torch.empty(64, 48, 3, 3)
    one, same, other = (untrained(shape, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert float(one.square().mean()) == pytest.approx(2 / (48 * 9), rel=0.02)


def test_a_block_stands_for_its_widest_convolution(squeezenet):
    assert widest_convolution(squeezenet, "features.9") == "features.9.expand3x3"
    assert widest_convolution(squeezenet, "features.9.squeeze") == "features.9.squeeze"


def test_a_layer_without_filters_is_told_which_have_some(squeezenet):
    with pytest.raises(UsageError, match=r"'features.1' is a ReLU and has no filters; did you mean .* allowed are"):
        convolution(squeezenet, "features.1")
    with pytest.raises(UsageError, match=r"did you mean 'features.9.squeeze'"):
        convolution(squeezenet, "features.9")
    with pytest.raises(UsageError, match="'nowhere' is not in the network"):
        convolution(squeezenet, "nowhere")
    with pytest.raises(UsageError, match="no convolution of it reads three colours"):
        first_convolution(nn.Sequential(nn.Linear(3, 2)))


# --- Activation maps -----------------------------------------------------------------------------


@pytest.mark.parametrize("layer", ["features.0", "features.7", "features.9.squeeze"])
def test_the_maps_are_what_the_layer_gave(layer, squeezenet, images):
    with torch.no_grad(), record_activations(squeezenet, [layer]) as recorded:
        squeezenet(images)
    maps = activation_maps(squeezenet, images, layer=layer)
    torch.testing.assert_close(maps, recorded[layer])
    assert (maps.min() < 0) == (layer != "features.7")  # before the ReLU that overwrites it
    one_by_one = [activation_maps(squeezenet, image[None], layer=layer) for image in images]
    torch.testing.assert_close(maps, torch.cat(one_by_one), rtol=1e-4, atol=1e-5)


def test_many_images_are_computed_some_at_a_time(squeezenet, images, monkeypatch):
    together = activation_maps(squeezenet, images, layer="features.4")
    monkeypatch.setattr("core.gradients.CHUNK_PIXELS", 1)
    torch.testing.assert_close(activation_maps(squeezenet, images, layer="features.4"), together, rtol=1e-4, atol=1e-5)


def test_the_strongest_channels_by_hand():
    maps = torch.zeros(2, 4, 2, 2)
    maps[0, 2, 1, 1], maps[0, 1] = 9, 5  # one high cell counts more than many lower ones
    maps[1, 3], maps[1, 0, 0, 0] = -1, 0.5
    assert strongest_channels(maps, 3).tolist() == [[2, 1, 0], [0, 1, 2]]
    for count in (0, 5):
        with pytest.raises(UsageError, match=f"count: {count} is out of range; allowed are 1 to 4"):
            strongest_channels(maps, count)


def test_layers_without_maps_are_named(squeezenet, images):
    with pytest.raises(UsageError, match="'nowhere' is not in the network"):
        activation_maps(squeezenet, images, layer="nowhere")
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64 * 64, 2))
    with pytest.raises(UsageError, match=r"'1' gives shape \(3, 2\), no maps"):
        activation_maps(model, images, layer="1")


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("frozen", [False, True], ids=["trainable", "frozen"])
def test_no_trace_is_left(frozen, training, images):
    model = random_squeezenet().requires_grad_(not frozen).train(training)
    images.requires_grad_(True)
    before = state_of(model, images)
    activation_maps(model, images, layer="features.4")
    scale_weights(convolution(model, first_convolution(model)).weight)[:] = 0
    with pytest.raises(UsageError):
        activation_maps(model, images, layer="nowhere")
    assert state_of(model, images) == before


# --- Networks of torchvision ---------------------------------------------------------------------


def test_a_network_in_the_cache_is_loaded(tmp_path, monkeypatch):
    weights = get_model_weights("squeezenet1_0").IMAGENET1K_V1
    name = weights.url.rpartition("/")[2]
    (tmp_path / "checkpoints").mkdir()
    state = get_model("squeezenet1_0").state_dict()
    torch.save(state, tmp_path / "checkpoints" / name)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(WorkError, match="is damaged"):
        load_torchvision("squeezenet1_0")
    monkeypatch.setattr(weights_module, "sha256_of", lambda _: name.removesuffix(".pth").rpartition("-")[2])
    model = load_torchvision("squeezenet1_0")
    assert torch.equal(model.features[0].weight, state["features.0.weight"])
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert model.weights_name == name


def test_an_unknown_network_is_told_the_nearest():
    with pytest.raises(UsageError, match=r"'resnet-19' is no image classifier .* did you mean .*resnet18"):
        load_torchvision("resnet-19")
    with pytest.raises(UsageError, match=r"allowed are alexnet, .*wide_resnet50_2$"):
        load_torchvision("qqq")


# --- Figures -------------------------------------------------------------------------------------


def test_a_mosaic_holds_every_tile_at_its_place_and_marks_it():
    tiles = np.arange(5)[:, None, None, None] / 10 * np.ones((5, 3, 3, 3))
    whole = mosaic(tiles, side=60)
    assert whole.columns == 3
    assert whole.side % 3 == 0  # so that all pixels of a tile are drawn equally large
    for index in range(5):
        left, top, width, height, text = whole.mark(index, "here")
        inside = whole.pixels[top : top + height, left : left + width]
        assert np.array_equal(inside, np.full_like(inside, index / 10))
        assert text == "here"
    assert (whole.pixels[-1, -1] == 1).all()  # no sixth tile
    assert whole.pixels.shape[0] == whole.pixels.shape[1] <= 60


@pytest.mark.parametrize("shape", [(1, 7), (7, 1), (2, 3)])
def test_a_tile_that_is_not_square_lies_in_the_middle_of_a_square_place(shape):
    whole = mosaic(np.zeros((3, *shape, 3)), side=60)
    pixel = whole.side // max(shape)
    inside = whole.pixels[: whole.side, : whole.side]
    dark = np.argwhere(inside[..., 0] == 0)
    assert len(dark) == shape[0] * shape[1] * pixel**2
    assert np.abs(dark.mean(axis=0) - (whole.side - 1) / 2).max() <= pixel / 2


def test_a_large_tile_is_averaged_down():
    checks = np.indices((64, 64)).sum(axis=0)[..., None] % 2 * np.ones(3)
    inside = mosaic([checks] * 4, side=34).pixels[2:14, 2:14]
    assert np.abs(inside - 0.5).max() < 0.2


def test_the_columns_the_border_and_the_filter_may_be_chosen():
    tiles = [np.full((40, 40, 3), value, np.uint8) for value in (10, 200)]
    whole = mosaic(tiles, side=250, columns=3, border=1, fit=fit_lanczos)
    assert whole.pixels.dtype == np.uint8
    assert whole.pixels.shape == (252, 252, 3)
    assert whole.side == 82  # no multiple of 40
    left, top, width, height, _ = whole.mark(1)
    assert (whole.pixels[top : top + height, left : left + width] == 200).all()
    assert (whole.pixels == 255).sum() == 3 * (252**2 - 2 * 82**2)


def test_a_mark_frames_its_pixels_in_the_figure():
    black = Panel(np.zeros((50, 50, 3)))
    plain, marked = (
        draw_grid([[panel]]).astype(int)
        for panel in (black, black._replace(marks=[mosaic([np.zeros((9, 9, 3))]).mark(0)]))
    )
    assert (plain != marked).any(axis=2).any(axis=0).sum() > 100


# --- The study -----------------------------------------------------------------------------------


@pytest.fixture
def folder_of_noise(tmp_path):
    folder = tmp_path / "noise"
    folder.mkdir()
    random = np.random.default_rng(0)
    for index in range(8):
        Image.fromarray(random.integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(folder / f"{index}.png")
    return folder


def test_of_a_long_folder_the_activations_of_the_first_few_are_drawn_and_the_patches_of_all(
    weights, folder_of_noise, capsys
):
    (folder_of_noise / "0.png").write_bytes(b"no picture")
    flags = quick("activations", "patches", without=("count", "scenes"))
    code = run("neurons", *flags, "--channels", "3", "--images", folder_of_noise)
    out, error = capsys.readouterr()
    assert code == 1
    assert error.count("skipped: ") == 1  # named once, though two techniques meet it
    shown = [line.split(":")[0] for line in out.splitlines() if "largest value" in line]
    assert shown == ["1", "2", "3", "4", "5"]
    assert "activations: of the first 5 pictures" in out


def test_fewer_channels_than_asked_for_are_explained(weights, folder_of_noise, capsys):
    assert run("neurons", *quick("patches", without=("scenes",)), "--images", folder_of_noise / "1.png") == 0
    assert "channels: 1 instead of 2, since " in capsys.readouterr().out


def test_a_shared_scale_is_that_of_the_enlarged_maps_too(weights, tmp_path):
    figures = []
    for settings in ([], ["--shared-scale"]):
        path = tmp_path / f"{len(settings)}.png"
        settings = [*settings, "--channels", "0", "1", "2", "3", "--output", path]
        run("neurons", *quick("activations", without=("count",)), *settings)
        with Image.open(path) as image:
            figures.append(np.asarray(image.convert("RGB"))[60:-60, -560:].astype(int))
    assert np.abs(figures[0] - figures[1]).mean() > 2


def test_a_picture_that_cannot_climb_says_so(weights, panels):
    channels = [str(channel) for channel in range(12)]
    settings = ["--layer", "features.12", "--channels", *channels]
    assert run("neurons", *quick("units", without=("count",)), *settings) == 0
    stuck = [panel.title.endswith("\n0 to 0") for panel in panels]
    assert any(stuck)
    assert not all(stuck)
    assert [panel.note.startswith("its value stayed 0; ") for panel in panels] == stuck


def test_several_techniques_are_a_file_each(weights, tmp_path):
    assert run("neurons", *quick(*TECHNIQUES), "--labels", "star", "moon", "--form", *FORM_TITLES) == 0
    written = sorted(path.stem for path in (tmp_path / "visualization").iterdir())
    assert written == sorted(f"neuron_visualization_{name}" for name in TECHNIQUES)
    for name in TECHNIQUES:
        with Image.open(tmp_path / "visualization" / f"neuron_visualization_{name}.png") as image:
            assert np.asarray(image).std() > 10
            shows_weights = image.text["Weights"].startswith("random.pth")
            assert shows_weights == (name != "templates")  # which knows no network


@pytest.mark.parametrize("name", ["templates", "filters", "weights", "units"])
def test_the_same_seed_gives_the_same_bytes(name, weights, tmp_path):
    own = {"templates": ["--labels", "star", "moon"], "weights": ["--channels", "5"], "units": ["--channels", "5"]}
    for file, seed in (("a.png", 3), ("b.png", 3), ("c.png", 4)):
        settings = [*quick(name, without=("count",)), *own.get(name, []), "--seed", seed]
        run("neurons", *settings, "--output", tmp_path / file)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as first, Image.open(tmp_path / "c.png") as other:
        differs = first.size != other.size or not np.array_equal(first, other)
    assert differs == (name != "weights")  # in which there is no chance


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--technique", "filtres"], "did you mean 'filters'? allowed are all, templates, filters"),
        (
            ["--technique", "templates", "--model", "alexnet"],
            "model: --technique templates has no such setting; it belongs",
        ),
        (
            ["--labels", "star"],
            "has no such setting; it belongs to --technique templates",
        ),
        (["--technique", "filters", "--model", "alexnett"], "did you mean alexnet"),
        (["--technique", "activations", "--layer", "features.77"], "layer: 'features.77' is not in the network"),
        (["--technique", "patches", "--layer", "features.4", "--channels", "128"], "allowed are 0 to 127"),
        (["--technique", "units", "--channels", "256"], "'features.7' has no channel 256; allowed are 0 to 255"),
        (["--technique", "weights", "--layer", "features.1"], "'features.1' is a ReLU and has no filters"),
        (["--technique", "weights", "--channels", "64"], "'features.3.expand3x3' has no channel 64"),
        (["--technique", "templates", "--labels", "dog"], "labels: no class is called 'dog'"),
        (["--technique", "templates", "--labels", "star"], "labels: got 1 class"),
    ],
)
def test_wrong_use_is_one_sentence(arguments, words, weights, refusal):
    assert words in refusal(run, "neurons", *arguments)


def test_if_no_picture_can_be_read_that_is_the_last_sentence(weights, tmp_path, capsys):
    assert run("neurons", "--technique", "patches", "--images", "nowhere.png") == 2
    assert "'nowhere.png' is not there" in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "visualization").exists()


def test_a_network_without_relus_has_plain_gradients_beneath_its_patches(tmp_path, drawn):
    lines = ["from conftest import tiny_transformer", "def build():", "    return tiny_transformer(size=64)"]
    (tmp_path / "own_transformer.py").write_text("\n".join(lines))
    asked = ("--model", "own_transformer:build", "--size", 64, "--scenes", 5, "--count", 1, "--technique", "patches")
    assert run("neurons", *asked) == 0
    assert "gradient\nof that unit" in drawn
