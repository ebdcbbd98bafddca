"""Weights as trainers write them: found, or refused with the reason and the remedy; no code of a file runs."""

import argparse
import io
import warnings
import zipfile
from collections import OrderedDict

import pytest
import torch
from conftest import random_squeezenet
from torch import nn
from torchvision.models import resnet18, squeezenet1_0

from core.checkpoints import misfit, state_of_checkpoint, stripped
from core.errors import UsageError
from core.kept import Unreadable
from core.squeezenet import load_squeezenet


@pytest.fixture(scope="module")
def network():
    return random_squeezenet(2)


@pytest.fixture(scope="module")
def state(network):
    return network.state_dict()


def saved(folder, content, name="own.pth", **how):
    torch.save(content, folder / name, **how)
    return folder / name


class HyperParameters:
    """Of a class that no other program has."""


def prefixed(state, prefix):
    return {f"{prefix}{key}": value for key, value in state.items()}


WRAPPED = {
    "bare": lambda _, state: state,
    "DataParallel": lambda _, state: prefixed(state, "module."),
    "Lightning": lambda _, state: {
        "state_dict": prefixed(state, "model."),
        "epoch": 3,
        "hyper_parameters": {"lr": 0.1},
    },
    "compiled": lambda _, state: prefixed(state, "_orig_mod."),
    "all at once": lambda _, state: {"model": prefixed(state, "module._orig_mod.backbone.")},
    "features alone in parallel": lambda _, state: {
        key.replace("features.", "features.module."): value for key, value in state.items()
    },
    "with a criterion beside": lambda _, state: {
        "state_dict": {**prefixed(state, "net."), "criterion.weight": torch.ones(2)}
    },
    "nested": lambda _, state: {"checkpoint": {"epoch": 1, "model_state_dict": state}},
    "with arguments": lambda _, state: {"model": state, "args": argparse.Namespace(lr=0.1)},
    "whole": lambda network, _: network,
    "whole in parallel": lambda network, _: {"model": nn.DataParallel(network)},
    "half": lambda _, state: {key: value.half() for key, value in state.items()},
    "bfloat16": lambda _, state: {key: value.bfloat16() for key, value in state.items()},
    "float64": lambda _, state: {key: value.double() for key, value in state.items()},
}


@pytest.mark.parametrize("kind", WRAPPED)
def test_weights_are_found_in_whatever_a_trainer_put_around_them(kind, network, state, tmp_path):
    loaded = load_squeezenet(saved(tmp_path, WRAPPED[kind](network, state)), "cpu")
    rounding = {"half": 1e-3, "bfloat16": 1e-2}.get(kind, 0)
    for key, value in loaded.state_dict().items():
        torch.testing.assert_close(value, state[key], rtol=rounding, atol=rounding * 1e-2)
        assert value.dtype == torch.float32
    assert "2 classes" in loaded.weights_note


@pytest.mark.parametrize("name", ["a.pth", "a.pt", "a.bin", "a.ckpt", "a.pth.tar", "a.tar", "a.PTH", "a.safetensors"])
def test_a_file_is_known_by_what_it_holds_not_by_its_ending(name, state, tmp_path):
    assert load_squeezenet(saved(tmp_path, state, name), "cpu").class_names == ("class 0", "class 1")


def test_the_older_format_of_torch_is_read(state, tmp_path):
    path = saved(tmp_path, {"state_dict": state}, _use_new_zipfile_serialization=False)
    assert state_of_checkpoint(path).state.keys() == state.keys()


def test_of_several_the_running_mean_is_taken_and_that_is_said(state, tmp_path):
    mean = {
        **prefixed({key: value * 0 + 0.5 for key, value in state.items()}, "module."),
        "n_averaged": torch.tensor(9),
    }
    loaded = load_squeezenet(saved(tmp_path, {"model": state, "model_ema": mean}), "cpu")
    assert all((value == 0.5).all() for value in loaded.parameters())
    assert "its 'model_ema' of model_ema and model, without 'module.' in its names" in loaded.weights_note


@pytest.mark.parametrize(
    ("beside", "names"),
    [
        ({"classes": ["cat", "dog"]}, ("cat", "dog")),
        ({"class_names": ("cat", "dog")}, ("cat", "dog")),
        ({"idx_to_class": {1: "dog", 0: "cat"}}, ("cat", "dog")),
        ({"class_to_idx": {"dog": 1, "cat": 0}}, ("cat", "dog")),
        ({"classes": ["cat", "dog", "owl"]}, ("class 0", "class 1")),
        ({"classes": [1, 2]}, ("class 0", "class 1")),
        ({"classes": 2}, ("class 0", "class 1")),
    ],
)
def test_class_names_are_taken_where_there_is_one_for_each_class(beside, names, state, tmp_path):
    loaded = load_squeezenet(saved(tmp_path, {"state_dict": state, **beside}), "cpu")
    assert loaded.class_names == names
    assert ("without its 3 class names" in loaded.weights_note) == (beside.get("classes") == ["cat", "dog", "owl"])


class Trap:
    """What would run code when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def scripted():
    data = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its age
        torch.jit.save(torch.jit.script(nn.Linear(2, 2)), data)
    return data.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lambda state, _: {"state_dict": state, "hparams": HyperParameters()}, "HyperParameters besides weights"),
        (lambda state, path: {"state_dict": state, "x": Trap(path)}, "open besides weights"),
        (lambda _, __: {"optimizer": {"state": {}}, "epoch": 1}, "holds no state dict (it has 'optimizer', 'epoch'"),
        (lambda _, __: {"epoch": 3}, "it has 'epoch');"),
        (lambda _, __: [1, 2], "it has one object, of the type list);"),
        (lambda _, __: {}, "it has an empty dictionary);"),
        (lambda _, __: resnet18().state_dict(), "torchvision's resnet18"),
        (lambda _, __: squeezenet1_0().state_dict(), "torchvision's squeezenet1_0"),
        (lambda state, _: {**prefixed(state, "student."), **prefixed(state, "teacher.")}, "'student.' and 'teacher.'"),
        (lambda state, _: {**state, "features.0.weight_orig": torch.ones(2)}, "torch.nn.utils.prune.remove"),
        (lambda state, _: {**state, "features.0.weight_g": torch.ones(2)}, "torch.nn.utils.remove_weight_norm"),
        (lambda state, _: {key: value.long() for key, value in state.items()}, "as torch.int64, not torch.float32"),
        (lambda state, _: {**state, "features.0.bias": torch.full((64,), 1e300, dtype=torch.float64)}, "not finite"),
        (lambda state, _: {**state, "features.0.bias": torch.zeros(64).to_sparse()}, "sparse"),
        (lambda state, _: {**state, "features.0.bias": torch.zeros(64, device="meta")}, "empty tensor"),
        (lambda state, _: {**state, "features.0.bias": torch.zeros(1).expand(64)}, "fewer numbers than it says"),
    ],
)
def test_what_cannot_be_loaded_is_refused_with_the_reason_and_the_remedy(content, words, state, tmp_path):
    path = saved(tmp_path, content(state, tmp_path / "sprung"))
    with pytest.raises(UsageError) as error:
        load_squeezenet(path, "cpu")
    assert words in str(error.value)
    assert "own.pth" in str(error.value)
    assert "\n" not in str(error.value)
    assert ";" in str(error.value)  # the remedy
    assert not (tmp_path / "sprung").exists()


def test_a_program_and_an_archive_that_unpacks_to_more_than_its_size_are_refused(tmp_path):
    (tmp_path / "scripted.pt").write_bytes(scripted())
    with pytest.raises(UsageError, match="TorchScript archive, which holds a program"):
        load_squeezenet(tmp_path / "scripted.pt")
    with zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + b"N0" * 5_000_000 + b"N.")
    with pytest.raises(UsageError, match="unpacks to more than its size"):
        load_squeezenet(tmp_path / "bomb.pt")


def test_reading_a_whole_network_calls_nothing_of_its_class(tmp_path, network, monkeypatch):
    path = saved(tmp_path, network)

    def fail(*_arguments, **_settings):
        raise AssertionError("a class of the file was called")

    for kind in (type(network), nn.Conv2d, nn.Module):
        monkeypatch.setattr(kind, "__init__", fail)
        monkeypatch.setattr(kind, "__setstate__", fail, raising=False)
    assert len(state_of_checkpoint(path).state) == len(network.state_dict())


def test_prefixes_are_taken_off_where_that_makes_it_fit_and_nowhere_else():
    state = {"module.a": torch.ones(1), "module.b": torch.ones(1)}
    assert stripped(state, ["a", "b"])[0].keys() == {"a", "b"}
    assert stripped(state, ["a", "b", "c"]) == (state, "")
    assert stripped(state, ["module.a", "module.b"]) == (state, "")
    with pytest.raises(Unreadable, match="several networks"):
        stripped({"x.a": torch.ones(1), "y.a": torch.ones(1)}, ["a"])


def test_a_misfit_is_told_in_words_and_whole_numbers_stay_whole():
    wanted = nn.BatchNorm2d(2).state_dict()
    assert misfit(OrderedDict(wanted), wanted) == ""
    assert misfit({**wanted, "num_batches_tracked": torch.tensor(1.0)}, wanted).startswith("has 'num_batches_tracked'")
    assert misfit({**wanted, "weight": torch.ones(3)}, wanted) == "has 'weight' of shape (3,), not (2,)"
    assert misfit({**wanted, "weight": torch.ones(2).half()}, wanted) == ""
    assert "float16" in misfit({**wanted, "weight": torch.ones(2).half()}, wanted, exact=True)
    assert misfit([1], wanted) == "holds no state dict"


def test_weights_beside_those_taken_are_told_whatever_they_are_called(tmp_path, network, state):
    others = {key: value + 1 for key, value in state.items()}
    averaged = {**prefixed(others, "module."), "n_averaged": torch.tensor(3)}
    content = {"best_state_dict": others, "state_dict": state, "swa": averaged, "criterion": {"weight": torch.ones(2)}}
    loaded = load_squeezenet(str(saved(tmp_path, content)))
    assert "its 'state_dict' of state_dict and best_state_dict and swa," in loaded.weights_note
    assert torch.equal(loaded.features[0].weight, network.features[0].weight)
