"""Weights: the search order, every way in which a file can be wrong, and being offline."""

import json
import time

import pytest
import torch
from conftest import random_squeezenet
from safetensors.torch import save_file

from core import squeezenet
from core.errors import UsageError, WorkError
from core.squeezenet import WEIGHTS_VARIABLE, choose_device, load_squeezenet


@pytest.fixture(autouse=True)
def _nothing_cached(tmp_path, monkeypatch):
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr(squeezenet, "EMBEDDED_WEIGHTS", tmp_path / "embedded.safetensors")


@pytest.fixture
def state():
    return random_squeezenet(6).state_dict()


@pytest.fixture
def file(tmp_path, state):
    path = tmp_path / "given.pth"
    torch.save(state, path)
    return path


def test_the_network_comes_frozen_in_eval_mode_with_names(file):
    model = load_squeezenet(file, "cpu")
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert model.class_names == tuple(f"class {index}" for index in range(6))
    assert model.weights_name.startswith("given.pth (sha256 ")
    assert model.weights_note.endswith("from the path given")


def test_a_thousand_classes_are_imagenets(random_weights):
    assert load_squeezenet(random_weights, "cpu").class_names[285] == "Egyptian cat"


def test_safetensors_carry_class_names_and_half_precision(tmp_path, state):
    path = tmp_path / "half.safetensors"
    names = ["a", "b", "c", "d", "e", "f"]
    halves = {key: value.half().contiguous() for key, value in state.items()}
    save_file(halves, path, metadata={"class_names": json.dumps(names)})
    model = load_squeezenet(path, "cpu")
    assert model.class_names == tuple(names)
    assert next(model.parameters()).dtype == torch.float32


def test_a_path_goes_before_the_environment_and_that_before_the_rest(file, tmp_path, state, monkeypatch):
    other = tmp_path / "other.pt"
    torch.save({"state_dict": state}, other)
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(other))
    assert "given.pth" in load_squeezenet(file, "cpu").weights_note
    note = load_squeezenet("auto", "cpu").weights_note
    assert "other.pt" in note
    assert note.endswith("from the environment variable SQUEEZENET_WEIGHTS")


def test_a_wrong_environment_variable_is_an_error_and_not_passed_over(monkeypatch):
    monkeypatch.setenv(WEIGHTS_VARIABLE, "nowhere.pth")
    with pytest.raises(UsageError, match=r"'nowhere.pth' is not there"):
        load_squeezenet("auto", "cpu")


def put_in_cache(tmp_path, state, monkeypatch, honest):
    """A file where torchvision keeps its own, with the hash it should have, or another."""
    import hashlib
    from types import SimpleNamespace

    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(state, folder / "temporary.pth")
    digest = hashlib.sha256((folder / "temporary.pth").read_bytes()).hexdigest()[:8]
    name = f"squeezenet1_1-{digest if honest else '00000000'}.pth"
    (folder / "temporary.pth").rename(folder / name)
    monkeypatch.setattr(
        squeezenet, "IMAGENET", SimpleNamespace(url=f"https://host.invalid/{name}", meta={"categories": []})
    )


def test_torchvisions_cache_is_used_without_a_network(tmp_path, state, monkeypatch):
    put_in_cache(tmp_path, state, monkeypatch, honest=True)
    assert load_squeezenet("imagenet", "cpu").weights_note.endswith("from torchvision's cache")


def test_a_damaged_file_in_torchvisions_cache_is_named(tmp_path, state, monkeypatch):
    put_in_cache(tmp_path, state, monkeypatch, honest=False)
    with pytest.raises(WorkError, match=r"is damaged .* delete it"):
        load_squeezenet("imagenet", "cpu")


def test_a_download_is_checked_and_kept(tmp_path, state, monkeypatch):
    put_in_cache(tmp_path, state, monkeypatch, honest=True)
    (cached,) = (tmp_path / "hub" / "checkpoints").iterdir()
    content = cached.read_bytes()
    cached.unlink()
    asked = []

    def download(url, target, prefix, progress=True):
        asked.append((url, prefix))
        cached.write_bytes(content)

    monkeypatch.setattr(squeezenet, "reach_or_raise", lambda *_: None)
    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    assert load_squeezenet("imagenet", "cpu").weights_note.endswith("from torchvision's download")
    assert asked == [(f"https://host.invalid/{cached.name}", cached.stem[-8:])]
    assert load_squeezenet("imagenet", "cpu").weights_note.endswith("from torchvision's cache")


def test_a_failed_download_is_one_sentence(monkeypatch):
    def refuse(*_, **__):
        raise RuntimeError("invalid hash value")

    monkeypatch.setattr(squeezenet, "reach_or_raise", lambda *_: None)
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    with pytest.raises(WorkError, match=r"failed .invalid hash value.; pass --weights FILE"):
        load_squeezenet("imagenet", "cpu")


def test_offline_fails_within_seconds_and_names_the_other_ways():
    start = time.monotonic()
    with pytest.raises(WorkError) as error:
        load_squeezenet("auto", "cpu")
    assert time.monotonic() - start < 10
    for way in ("cannot be reached", "squeezenet1_1-b8a52dc0.pth", "--weights FILE", "SQUEEZENET_WEIGHTS=FILE"):
        assert way in str(error.value)


def test_a_host_name_that_is_never_answered_fails_within_seconds(monkeypatch):
    monkeypatch.setattr(squeezenet, "SECONDS_TO_REACH_THE_HUB", 0.2)

    def hang(*_, **__):
        time.sleep(1)
        raise OSError("no answer")

    monkeypatch.setattr(squeezenet.urllib.request, "urlopen", hang)
    start = time.monotonic()
    with pytest.raises(WorkError, match="cannot be reached"):
        load_squeezenet("imagenet", "cpu")
    assert time.monotonic() - start < 0.9


def test_auto_ends_with_the_embedded_weights_and_says_why(state):
    save_file({key: value.contiguous() for key, value in state.items()}, squeezenet.EMBEDDED_WEIGHTS)
    assert "from the repository, because" in load_squeezenet("auto", "cpu").weights_note
    assert load_squeezenet("patterns", "cpu").weights_note.endswith("from the repository")


def test_without_embedded_weights_patterns_says_so():
    with pytest.raises(WorkError, match="no embedded weights yet; pass --weights FILE"):
        load_squeezenet("patterns", "cpu")


def spoil(state, kind):
    if kind == "lacks":
        return {key: value for key, value in state.items() if key != "features.3.squeeze.bias"}
    if kind == "extra":
        return {**state, "features.99.weight": torch.zeros(1)}
    if kind == "shape":
        return {**state, "features.0.weight": torch.zeros(96, 3, 7, 7)}
    if kind == "nan":
        return {**state, "features.0.bias": torch.full((64,), float("nan"))}
    return {"fc.weight": torch.zeros(2, 2)} if kind == "another network" else torch.zeros(3)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("lacks", "lacks 'features.3.squeeze.bias'"),
        ("extra", "has 'features.99.weight', which SqueezeNet 1.1 does not"),
        ("shape", r"of shape \(96, 3, 7, 7\), not \(64, 3, 3, 3\)"),
        ("nan", "not finite"),
        ("another network", "has no 'classifier.1.weight'"),
        ("tensor", "holds no state dict"),
    ],
)
def test_weights_that_do_not_fit_are_described(kind, words, tmp_path, state):
    path = tmp_path / "wrong.pth"
    torch.save(spoil(state, kind), path)
    with pytest.raises(UsageError, match=words) as error:
        load_squeezenet(path, "cpu")
    assert "wrong.pth" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_truncated_or_foreign_files_are_described(suffix, tmp_path, file):
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(UsageError, match=r"5000 bytes. is not a readable weights file"):
        load_squeezenet(path, "cpu")


def test_code_in_a_weights_file_is_never_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    torch.save({"classifier.1.weight": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(UsageError, match="not a readable weights file"):
        load_squeezenet(tmp_path / "trap.pth", "cpu")
    assert not (tmp_path / "sprung").exists()


def test_wrong_endings_folders_and_devices_are_refused(tmp_path, file):
    (tmp_path / "weights.txt").touch()
    with pytest.raises(UsageError, match=r"ends in '.txt'; allowed are"):
        load_squeezenet(tmp_path / "weights.txt")
    with pytest.raises(UsageError, match="is a folder"):
        load_squeezenet(tmp_path)
    with pytest.raises(UsageError, match="device: 'gpu' is unknown; allowed are auto, cpu, cuda and mps"):
        choose_device("gpu")
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="'cuda' is not available here"):
            load_squeezenet(file, "cuda")
