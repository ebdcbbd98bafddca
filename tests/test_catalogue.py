"""What every map of the catalogue promises, on small random SqueezeNets. A new row is tested here by itself."""

import inspect
import subprocess
import sys
import warnings
from copy import deepcopy
from importlib import import_module

import pytest
import torch
from conftest import network_of, random_squeezenet, state_of, tiny_transformer
from torch import nn

from core.defaults import ROOT
from core.errors import UsageError
from core.gradients import BlankMapWarning
from measures import captum_reference
from measures.agreement import relative_difference
from visualizers.catalogue import SETTINGS, TECHNIQUES, Technique
from visualizers.evidence import evidence, explain, pixel_values
from visualizers.occlusion import windows

QUICK = {"nodes": 3, "samples": 2, "masks": 6, "grid": 4, "channels": 6, "patch": 16, "stride": 15}
LABELS, ORDER = [1, 4, 8], [2, 0, 1]

every_row = pytest.mark.parametrize("row", TECHNIQUES.values(), ids=TECHNIQUES)


def rows_with(field: str):
    """The rows that have the field, or the setting, for a test of these alone."""
    rows = [row for row in TECHNIQUES.values() if getattr(row, field, False) or field in row.settings]
    return pytest.mark.parametrize("row", rows, ids=[row.name for row in rows])


def chance(row: Technique) -> dict:
    """The same random numbers at each call, if the technique takes any."""
    return {"generator": torch.Generator().manual_seed(5)} if row.seeded else {}


def quick(row: Technique) -> dict:
    """Settings with which the technique takes little time."""
    return {name: value for name, value in QUICK.items() if name in row.settings}


def maps_of(row: Technique, model: nn.Module, images: torch.Tensor, labels=LABELS, **settings) -> torch.Tensor:
    """What the technique itself returns."""
    return row.call()(model, images, labels, **quick(row), **chance(row), **settings)


@pytest.fixture(scope="module")
def squeezenets():
    return random_squeezenet().double()


@pytest.fixture(scope="module")
def transformers():
    return tiny_transformer(10, 64).double()


@pytest.fixture
def double(request, squeezenets, transformers):
    """A network in float64 that has what the row of the test needs."""
    return transformers if request.node.callspec.params["row"].needs == "attention" else squeezenets


@pytest.fixture
def pictures(images):
    return images.double()


def test_the_catalogue_and_all_its_defaults_are_read_without_torch():
    code = (
        "import sys; from visualizers.catalogue import TECHNIQUES; [row.defaults for row in TECHNIQUES.values()];"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@every_row
def test_a_row_says_what_its_function_takes(row):
    functions = [row.call()] + ([row.call(additive=True)] if row.additive else [])
    for function in functions:
        keywords = {
            name: parameter.default
            for name, parameter in inspect.signature(function).parameters.items()
            if parameter.kind is parameter.KEYWORD_ONLY
        }
        assert set(row.settings) | set(chance(row)) <= set(keywords)
        if function is row.call():
            assert row.defaults == keywords
    if row.additive:
        assert set(row.additive_settings) <= set(keywords)
    assert set(row.fewer) <= set(row.settings)
    assert not row.counts or (row.counts in row.settings and "callback" in row.defaults)


@every_row
def test_a_row_can_be_found_drawn_and_read_about(row):
    assert TECHNIQUES[row.name] is row
    assert [other.title for other in TECHNIQUES.values()].count(row.title) == 1
    assert row.families
    assert row.result != "coarse map" or row.families == ("layer",)
    assert not (row.picture or row.total) or row.result == "signed picture"
    assert row.question.endswith((".", "?"))
    assert row.paper.split(", ")[-1].startswith(("arXiv:", "doi:"))
    module = import_module(row.function.rpartition(".")[0])
    year = next(word for word in row.paper.replace(",", " ").split() if word.isdigit())
    assert year in module.__doc__ + (row.call().__doc__ or "")


def test_the_described_settings_are_those_that_techniques_have():
    assert {name for row in TECHNIQUES.values() for name in row.settings} == set(SETTINGS)


@every_row
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_result_has_the_shape_of_its_kind_and_the_type_and_device_of_the_images(row, dtype, double, images):
    maps = maps_of(row, deepcopy(double).to(dtype), images.to(dtype))
    count, _, height, width = images.shape
    if row.result == "window map":
        sides = [windows(side, QUICK["patch"], QUICK["stride"]).shape[1] for side in (height, width)]
        assert maps.shape == (count, *sides)
    elif row.result == "coarse map":
        assert maps.dim() == 3
        assert 1 < maps.shape[1] < height
    else:
        assert maps.shape == (images.shape if row.result == "signed picture" else (count, height, width))
    assert (maps.dtype, maps.device) == (dtype, images.device)
    assert maps.isfinite().all()
    assert not maps.requires_grad


@every_row
def test_it_is_called_in_one_way_and_becomes_one_number_a_pixel(row, double, pictures):
    size = tuple(pictures.shape[2:])
    maps = explain(row, double, pictures, LABELS, settings=QUICK, **chance(row))
    assert maps.shape[1:] == size or row.result in ("signed picture", "coarse map")
    if row.result != "window map":
        torch.testing.assert_close(maps, maps_of(row, double, pictures))
    assert pixel_values(row, maps, size).shape == (3, *size)
    speaks_for = evidence(row, maps, size)
    assert speaks_for.shape == (3, *size)
    assert speaks_for.min() >= 0


@every_row
def test_a_batch_is_its_images_one_by_one_in_any_order(row, double, pictures):
    batch = maps_of(row, double, pictures)
    alone = [maps_of(row, double, pictures[i : i + 1], LABELS[i]) for i in range(3)]
    close = {"rtol": 1e-6, "atol": 1e-9 * float(batch.abs().max())}
    torch.testing.assert_close(torch.cat(alone), batch, **close)
    permuted = maps_of(row, double, pictures[ORDER], [LABELS[i] for i in ORDER])
    torch.testing.assert_close(permuted, batch[ORDER], **close)


@every_row
def test_how_many_images_are_computed_at_a_time_does_not_show(row, double, pictures, monkeypatch):
    whole, sizes = maps_of(row, double, pictures), []
    monkeypatch.setattr("core.gradients.CHUNK_PIXELS", 2 * pictures[0, 0].numel())
    first = double.conv_proj if row.needs == "attention" else double.features[0]
    handle = first.register_forward_pre_hook(lambda _module, inputs: sizes.append(len(inputs[0])))
    try:
        maps = maps_of(row, double, pictures)
    finally:
        handle.remove()
    if row.name != "rise":  # a chunk draws its masks, then their places: another length is another chance
        torch.testing.assert_close(maps, whole, rtol=1e-6, atol=1e-9 * float(whole.abs().max()))
    assert max(sizes, default=0) <= 2


@every_row
def test_modes_flags_and_switched_off_gradients_change_nothing(row, double, pictures):
    expected = maps_of(row, double, pictures)
    training = deepcopy(double).requires_grad_(True).train()
    torch.testing.assert_close(maps_of(row, training, pictures), expected)
    with torch.no_grad():
        torch.testing.assert_close(maps_of(row, double, pictures), expected)
    with torch.inference_mode():
        torch.testing.assert_close(maps_of(row, double, pictures.clone()), expected)


@every_row
def test_a_network_that_does_not_work_in_place_has_the_same_maps(row, double, pictures):
    copy = deepcopy(double)
    for module in copy.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    torch.testing.assert_close(maps_of(row, copy, pictures), maps_of(row, double, pictures))


@rows_with("layer")
def test_a_layer_that_the_next_relu_overwrites_is_explained_as_it_was(row, double, pictures):
    copy = deepcopy(double)
    copy.features[1].inplace = False
    overwritten, kept = (maps_of(row, model, pictures, layer="features.0") for model in (double, copy))
    torch.testing.assert_close(overwritten, kept)


@every_row
@pytest.mark.parametrize("score", [-1, 1], ids=["score 0", "constant score"])
def test_a_blank_map_is_never_silent_and_no_other_is_called_blank(row, score, double, pictures):
    model = deepcopy(double)
    with torch.no_grad():  # nothing in a picture counts for class 7
        head = model.heads.head if row.needs == "attention" else model.classifier[1]
        head.weight[7], head.bias[7] = 0, max(score, 0) if row.needs == "attention" else score
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", BlankMapWarning)
        maps = maps_of(row, model, pictures, [0, 7, 0])
    assert maps.isfinite().all()
    blank = (~maps.flatten(1).any(dim=1)).tolist()
    for index, label in enumerate([0, 7, 0]):
        start = f"the map of image {index} for class {label} is blank: "
        reasons = [str(warning.message).removeprefix(start) for warning in told if start in str(warning.message)]
        assert bool(reasons) == blank[index]
        assert all(reasons)
    if blank[1] and score < 0:
        assert any("its score is 0" in str(warning.message) for warning in told)


@every_row
@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (10, "class 10 is out of range; allowed are 0 to 9"),
        ([0, 1, -1], "class -1 is out of range"),
        ([0, 1], "got 2 for 3 images"),
        ([0.5, 1.0, 2.0], "class numbers are needed"),
    ],
)
def test_wrong_labels_are_named(row, labels, words, double, pictures):
    with pytest.raises(UsageError, match=words):
        maps_of(row, double, pictures, labels)


@every_row
def test_images_of_another_shape_are_refused(row, double):
    with pytest.raises(UsageError, match=r"images: a tensor of shape \(N, 3, H, W\) is needed, got \(1, 1, 64, 64\)"):
        maps_of(row, double, torch.zeros(1, 1, 64, 64).double(), 0)
    with pytest.raises(UsageError, match="images: none given"):
        maps_of(row, double, torch.zeros(0, 3, 64, 64).double(), 0)


@rows_with("layer")
def test_a_layer_that_is_unknown_or_gives_no_maps_is_named(row, double, pictures):
    words = r"'features.13' is not in the network; did you mean .*allowed are .*features.12"
    with pytest.raises(UsageError, match=words):
        maps_of(row, double, pictures, 0, layer="features.13")
    flat = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64 * 64, 2)).double()
    with pytest.raises(UsageError, match="not maps"):
        maps_of(row, flat, pictures, 0, layer="1")


@rows_with("layer")
def test_the_layer_asked_for_is_the_one_explained(row, double, pictures):
    deep, shallow = (maps_of(row, double, pictures, layer=layer) for layer in ("features.12", "features.4"))
    assert deep.shape != shallow.shape or not torch.allclose(deep, shallow)
    torch.testing.assert_close(maps_of(row, double, pictures), deep)


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("frozen", [False, True], ids=["trainable", "frozen"])
@every_row
def test_no_trace_is_left(row, frozen, training, images):
    model = network_of(row).requires_grad_(not frozen).train(training)
    images.requires_grad_(True)
    before = state_of(model, images)
    maps_of(row, model, images, 1)
    assert state_of(model, images) == before


@every_row
def test_no_trace_is_left_after_an_exception(row, images):
    class Broken(Exception):
        pass

    def fail(_module, _inputs):
        raise Broken

    model = network_of(row).train()
    last = model.heads if row.needs == "attention" else model.features[4].expand3x3
    handle = last.register_forward_pre_hook(fail)
    before = state_of(model, images)
    with pytest.raises(Broken):
        maps_of(row, model, images, 1)
    assert state_of(model, images) == before
    handle.remove()


class WithDifference(nn.Module):
    """A network that has score_1 - score_4 as a class of its own, the eleventh."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner, self.class_names = inner, range(11)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores = self.inner(x)
        return torch.cat([scores, scores[:, 1:2] - scores[:, 4:5]], dim=1)


@rows_with("additive")
def test_maps_that_may_be_subtracted_give_the_map_of_the_difference(row, double, pictures):
    def additive(model: nn.Module, label: int, layer: str) -> torch.Tensor:
        settings = {**QUICK, "layer": layer}
        return explain(row, model, pictures, label, settings=settings, additive=True, **chance(row))

    difference = additive(double, 1, "features.7") - additive(double, 4, "features.7")
    assert difference.abs().max() > 0
    if row.name == "class-map":  # only a network that ends as SqueezeNet does has one; its mean is the score
        scores = double(pictures)
        torch.testing.assert_close(difference.mean(dim=(1, 2)), scores[:, 1] - scores[:, 4])
        return
    expected = additive(WithDifference(double), 10, "inner.features.7")
    torch.testing.assert_close(difference, expected, rtol=1e-6, atol=1e-9 * float(expected.abs().max()))


@rows_with("captum")
def test_captums_map_is_the_same(row, double, pictures):
    captum = getattr(captum_reference, row.captum)
    theirs = captum(double, pictures, torch.tensor(LABELS), **row.with_defaults(QUICK))
    assert relative_difference(maps_of(row, double, pictures), theirs).max() < 1e-6


@rows_with("captum")
def test_captums_map_of_the_median_photograph_is_the_same_in_float32(
    row, imagenet, photograph_tensor, photograph_labels
):
    captum = getattr(captum_reference, row.captum)
    theirs = captum(imagenet, photograph_tensor, photograph_labels, **row.with_defaults(QUICK))
    ours = maps_of(row, imagenet, photograph_tensor, photograph_labels)
    assert relative_difference(ours, theirs).median() < 1e-4


@rows_with("counts")
def test_a_callback_is_told_of_all_that_is_counted(row, double, pictures):
    told = []
    explain(row, double, pictures, LABELS, settings=QUICK, callback=told.append, **chance(row))
    assert sum(told) == len(pictures) * row.with_defaults(QUICK)[row.counts]
