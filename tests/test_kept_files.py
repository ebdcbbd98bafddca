"""Files that the program wrote come back cut off, changed, of another version or hostile: refused, or made again."""

import io
import json
import os
import pickle
import random
import socket
import struct
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import random_squeezenet
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from safetensors.torch import load, save
from torch import nn

from core.errors import UsageError
from core.files import is_damaged, is_there
from core.generator import Generator, load_generator
from core.kept import Unreadable, as_json, opened, read_json, read_png_text
from core.squeezenet import load_squeezenet
from courses.photographs import read_npz
from studies.fast_style.network import load_styles
from studies.shared.feature_cache import Entry, load_entries, save_entries
from studies.trust.pictures import Chunk
from studies.trust.scores import KIND, VERSION, Checks, Networks, read_scores, score_chunk, shapes_of, without_nan
from studies.universal.flags import parser, settings
from studies.universal.sources import read_perturbation
from training.checkpoints import Resumable, write_network
from training.styles import PaintingRecipe
from visualizers.fast_style_transfer import StyleNetwork
from visualizers.saliency_map import saliency_map

AGAIN = "made again"
DECISIVE = {"Script": "explain", "Settings": "{}", "Weights": "w"}
SHAPES = {"deletion": (2, 3), "all_random": (2, 1, "all_random", 2), "all_random floor": (2, 1, "all_random")}
SCORES = {
    "deletion": [[1.0, 0.5, None]] * 2,
    "all_random": [[[[0.1, 0.2]] * 4]] * 2,
    "all_random floor": [[[0.1] * 4]] * 2,
}


@dataclass(frozen=True)
class SmallRecipe:
    """Of a training of a few numbers."""

    steps: int = 5
    sides: tuple[int, ...] = (3, 4)


class SmallTraining(Resumable):
    """Takes a step along a gradient."""

    def __init__(self) -> None:
        self.recipe, self.network = SmallRecipe(), nn.Linear(3, 2)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=0.1)
        self.generator = torch.Generator().manual_seed(0)
        self.step, self.seconds, self.losses, self.accuracies = 0, 0.0, [], []

    def take_step(self) -> None:
        self.network(torch.ones(1, 3)).sum().backward()
        self.optimizer.step()
        self.step += 1
        self.losses.append(0.5)
        self.accuracies.append((self.step, 0.25))


def png(pixels, texts=None):
    info, data = PngInfo(), io.BytesIO()
    for key, value in (texts or {}).items():
        info.add_itxt(key, value)
    Image.fromarray(pixels).save(data, "PNG", pnginfo=info)
    return data.getvalue()


def noise(*shape):
    return np.random.default_rng(0).integers(100, 150, shape).astype(np.uint8)


def same_state(network):
    return {key: value.tolist() for key, value in network.state_dict().items()}


def weights(path):
    torch.save(random_squeezenet(2).state_dict(), path)
    return lambda: load_squeezenet(path, "cpu").state_dict()["classifier.1.weight"].tolist()


def generator(path):
    network = Generator(4, (2, 2, 2, 2))
    write_network(path, {key: value.half() for key, value in network.state_dict().items()}, {"widths": "[2, 2, 2, 2]"})
    return lambda: same_state(load_generator(path))


def styles(path):
    recipe = PaintingRecipe(("a", "b"), "some network", "some pictures", widths=(2, 2, 2), blocks=1)
    network = StyleNetwork(recipe.styles, widths=recipe.widths, blocks=recipe.blocks)
    facts = {name: json.dumps(value) for name, value in asdict(recipe).items()}
    write_network(path, network.state_dict(), facts)
    return lambda: same_state(load_styles(path))


def checkpoint(path):
    training = SmallTraining()
    training.take_step()
    training.save(path)

    def use():
        found = SmallTraining()
        before = same_state(found.network), found.step
        try:
            found.resume(path)
        except UsageError:
            assert (same_state(found.network), found.step) == before  # nothing is taken of a bad file
            raise
        averages = [values["exp_avg"].tolist() for values in found.optimizer.state.values()]
        return same_state(found.network), averages, found.step, found.losses, found.accuracies

    return use


def perturbation(path):
    path.write_bytes(png(noise(64, 64, 3), {"Script": "universal"}))
    asked = settings(parser().parse_args(["--size", "64"]))
    return lambda: read_perturbation(path, asked)[0].tolist()


def course_file(path):
    np.savez(path, X=noise(2, 8, 8, 3), y=np.array([0, 1]), label_map={0: "cat", 1: "dog"})
    return lambda: [values.tolist() if isinstance(values, np.ndarray) else values for values in read_npz(path)]


def scores(path):
    path.write_bytes(as_json(SCORES, kind=KIND, version=VERSION))
    return lambda: read_scores(path, SHAPES)[0] or AGAIN


def features(path):
    hash_, folder = bytes(32), path.with_suffix("")
    save_entries(folder, {hash_: Entry(np.ones(5, np.float32), np.ones((2, 2, 3), np.uint8))})
    (kept,) = folder.iterdir()
    os.replace(kept, path)

    def use():
        os.rename(path, kept)
        try:
            found = load_entries(folder, [hash_], (5, 2))
        finally:
            if os.path.lexists(kept):
                os.rename(kept, path)
        return [values.tolist() for values in found[hash_]] if found else AGAIN

    return use


def figure(path):
    path.write_bytes(png(noise(8, 9, 3), DECISIVE))
    return lambda: np.asarray(Image.open(path)).tolist() if is_there(path, DECISIVE) else AGAIN


KINDS = {
    "own.pth": weights,
    "generator.safetensors": generator,
    "styles.safetensors": styles,
    "training.checkpoint.pt": checkpoint,
    "universal_v.png": perturbation,
    "course.npz": course_file,
    "scores.json": scores,
    "features.safetensors": features,
    "figure.png": figure,
}
KEPT = {"scores.json", "features.safetensors", "figure.png"}  # made again where they are no use; others are refused


@pytest.fixture(params=KINDS)
def kind(request, tmp_path):
    path = tmp_path / request.param
    use = KINDS[request.param](path)
    return path, use, use()


def is_right(path, use, wanted):
    """The right thing, or refused in one sentence with the file's name, or made again."""
    got = words = None
    try:
        got = use()
    except UsageError as error:
        words = str(error)
    if words is None:
        assert got == wanted or (got == AGAIN and path.name in KEPT)
    else:
        assert path.name not in KEPT
        assert path.name in words
        assert "\n" not in words


def test_a_file_that_is_cut_off_or_changed_is_not_believed(kind):
    path, use, wanted = kind
    data, chance = path.read_bytes(), random.Random(path.name)
    lengths = {0, 1, 8, 9, 100, *(len(data) * part // 7 for part in range(1, 7)), len(data) - 9, len(data) - 1}
    changed = [data[:length] for length in sorted(lengths)]
    changed += [bytes(len(data)), data + data, b"x" + data, data[:40] + bytes(60) + data[100:]]
    for _ in range(12):
        place = chance.randrange(len(data))
        changed.append(data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :])
    for content in changed:
        path.write_bytes(content)
        is_right(path, use, wanted)


class Trap:
    """Code in a pickle."""

    def __reduce__(self):
        return (os.mkdir, ("sprung",))


def foreign_files():
    trap = io.BytesIO()
    torch.save({"recipe": Trap(), "network": Trap()}, trap)
    yield from (trap.getvalue(), pickle.dumps(Trap()), b"<html>404</html>\n", "{}".encode("utf-16"))
    yield from (b"{}", b"[]", b"null", b"NaN", b"1e999", b'{"a": NaN}', b"9" * 9999, b"[" * 100_000, b'{"a":' * 100_000)
    yield from (struct.pack("<Q", 2**62) + b"{}", struct.pack("<Q", 90_000_000) + b"{}", save({"a": torch.ones(2)}))
    header = b"\x89PNG\r\n\x1a\n"
    for side in (60_000, 2**31 - 1):
        header_chunk = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
        yield header + header_chunk + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    yield png(noise(64, 64, 3), DECISIVE | {"Settings": "other"})


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def test_another_kind_of_file_in_its_place_is_not_believed_and_its_code_does_not_run(kind):
    path, use, _ = kind
    for content in foreign_files():
        path.write_bytes(content)
        if path.name == "universal_v.png" and b"other" in content:  # a picture of that size is a perturbation
            continue
        is_right(path, use, AGAIN)
        assert not Path("sprung").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
@pytest.mark.parametrize("what", ["pipe", "folder", "link to nothing", "link to itself", "device", "socket"])
def test_what_is_no_file_is_not_waited_for(what, kind):
    path, use, _ = kind
    path.unlink()
    if what == "pipe":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    elif what == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(os.path.relpath(path))
    else:
        path.symlink_to({"link to nothing": "nowhere", "link to itself": path.name, "device": "/dev/zero"}[what])
    is_right(path, use, AGAIN)
    with pytest.raises(Unreadable), opened(path):
        pass


def changed_scores():
    for name, value in SCORES.items():
        yield {key: values for key, values in SCORES.items() if key != name}
        yield from ({**SCORES, name: bad} for bad in (None, "a", [], {}, 3, True, value[:1], [["1"] * 3] * 2))
    yield {**SCORES, "more": [1.0]}
    yield {**SCORES, "all_random floor": [[[0.1] * 5]] * 2}  # other blocks than all_random's


def test_scores_of_other_names_types_or_shapes_are_made_again(tmp_path):
    path = tmp_path / "scores.json"
    for content in changed_scores():
        path.write_bytes(as_json(content, kind=KIND, version=VERSION))
        found, why = read_scores(path, SHAPES)
        assert found is None
        assert why
    path.write_bytes(as_json(SCORES, kind=KIND, version=VERSION + 1))
    assert read_scores(path, SHAPES) == (None, "is of another version of this program")
    path.unlink()
    assert read_scores(path, SHAPES) == (None, "")  # nothing to be said


def changes_of_a_checkpoint(state):
    for name in state:
        yield {key: value for key, value in state.items() if key != name}
        for bad in (None, "x", -1, float("nan"), [], {}, [[["x"]]], 10**30, torch.zeros(2), True):
            if (name, bad) != ("accuracies", []):  # there may be none yet
                yield {**state, name: bad}
    yield {**state, "more": 1}
    yield {**state, "format": 99}
    yield {**state, "recipe": {**state["recipe"], "more": 1}}
    yield {**state, "network": {**state["network"], "bias": torch.full((2,), float("nan"))}}
    yield {**state, "network": {**state["network"], "bias": torch.zeros(2).half()}}
    yield {**state, "losses": [float("nan")]}
    yield {**state, "losses": [(1.0, 2.0)]}
    yield {**state, "accuracies": [(9, 0.5)]}
    yield {**state, "step": 3}
    first, rest = state["optimizer"]["state"][0], state["optimizer"]["param_groups"][0]
    for name, bad in {"step": torch.tensor(1.5), "exp_avg": torch.zeros(7), "exp_avg_sq": -torch.ones(2, 3)}.items():
        values = {**state["optimizer"]["state"], 0: {**first, name: bad}}
        yield {**state, "optimizer": {**state["optimizer"], "state": values}}
    for name, bad in {"lr": "x", "betas": (2.0, 9.0), "params": [1, 0], "weight_decay": 99.0}.items():
        yield {**state, "optimizer": {**state["optimizer"], "param_groups": [{**rest, name: bad}]}}
    yield {**state, "optimizer": {**state["optimizer"], "state": {}}}


def test_a_checkpoint_with_anything_else_in_it_is_refused_by_name(tmp_path):
    path = tmp_path / "training.checkpoint.pt"
    use = checkpoint(path)
    state = torch.load(path, weights_only=True)
    for content in changes_of_a_checkpoint(state):
        torch.save(content, path)
        with pytest.raises(UsageError, match=r"checkpoint: '.*training.checkpoint.pt' .*--fresh"):
            use()


@pytest.mark.parametrize("name", ["generator.safetensors", "styles.safetensors"])
def test_a_network_of_other_entries_is_refused_also_without_a_checksum(name, tmp_path):
    path = tmp_path / name
    use = KINDS[name](path)
    data = path.read_bytes()
    texts = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    del texts["checksum"]  # as in the networks that were written before
    tensors = load(data)
    some = max(tensors)  # a file keeps no order of its own, and a missing component has a sentence of its own
    path.write_bytes(save(tensors, metadata=texts))
    use()
    for bad in (tensors[some].flatten()[1:], tensors[some].long(), torch.full_like(tensors[some], float("nan"))):
        path.write_bytes(save({**tensors, some: bad}, metadata=texts))
        with pytest.raises(UsageError, match=f"'{some}'"):
            use()
    for bad in (
        "",
        "nonsense",
        "[" * 9999,
        "null",
        "[1e999]",
        "[0, 0, 0]",
        "[9999999, 2, 2, 2]",
        '["a", "b", "c"]',
        "{}",
    ):
        path.write_bytes(save(tensors, metadata=texts | {"widths": bad}))
        with pytest.raises(UsageError, match=name):
            use()


def test_the_texts_of_a_png_are_read_and_its_pixels_are_not(tmp_path, monkeypatch):
    path = tmp_path / "some.png"
    path.write_bytes(png(noise(8, 8, 3), {"Script": "explain", "Settings": "ü"}))
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("decoded"))
    assert read_png_text(path) == {"Script": "explain", "Settings": "ü"}
    assert not is_damaged(path)
    path.write_bytes(path.read_bytes()[:-5])
    assert is_damaged(path)
    path.unlink()
    assert not is_damaged(path)


def test_what_was_written_as_json_comes_back_and_another_kind_does_not(tmp_path):
    path = tmp_path / "some.json"
    path.write_bytes(as_json({"a": [1, 0.1, None, "ü"]}, kind="some", version=3))
    assert read_json(path, kind="some", version=3) == {"a": [1, 0.1, None, "ü"]}
    for how in ({"kind": "other", "version": 3}, {"kind": "some", "version": 4}):
        with pytest.raises(Unreadable):
            read_json(path, **how)
    with pytest.raises(ValueError, match="not finite"):
        as_json([float("nan")], kind="some", version=3)


@pytest.mark.parametrize(("first", "slow"), [(0, True), (9, True)])
def test_the_scores_that_are_expected_in_a_file_are_those_that_are_made(first, slow, tmp_path):
    pictures = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    masks = torch.ones(1, 64, 64, dtype=torch.bool)
    chunk_ = Chunk(*[None] * len(Chunk._fields))._replace(
        images=pictures, labels=torch.tensor([0]), masks=masks, first=first
    )
    row = SimpleNamespace(slow=slow, seeded=lambda _: saliency_map)
    networks = Networks(random_squeezenet(3), random_squeezenet(3, seed=1))
    checks = Checks(seed=0, checked=5, draws=1, stages=2, noise=0.05)
    made = without_nan(score_chunk(row, networks, chunk_, checks))
    path = tmp_path / "scores.json"
    path.write_bytes(as_json(made, kind=KIND, version=VERSION))
    assert read_scores(path, shapes_of(row, networks, chunk_, checks)) == (made, "")
