"""Nothing of the user's is lost: what is read is never written, what others wrote is kept unless --overwrite."""

import importlib
import io
import json
import os
import re
import shutil
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import run
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from safetensors.torch import save

from core.defaults import ROOT
from core.errors import UsageError, WorkError
from core.files import write_whole
from core.own_files import is_ours
from core.protection import Protection, protecting
from drawing.files import describe, save_animation, save_picture
from drawing.web_page import web_page
from studies.shared.report import Report
from studies.shared.runner import flags_of, study_names
from training.__main__ import main as training_main
from training.checkpoints import Resumable, write_network
from training.settings import Settings as TrainingSettings
from training.train import finish

PIXELS = np.zeros((8, 8, 3), np.uint8)
OURS = describe("saliency", {"size": 64}, "none")
READS = ("images", "content", "style", "weights", "network")  # flags that name what a study reads
FACTS = {"architecture": "a", "steps": "1", "seed": "0"}


@pytest.fixture(params=study_names())
def study(request, monkeypatch):
    """A study whose work is replaced: it writes a word into each of the files that it told of."""
    calls = []

    def work(settings, report):
        paths = settings.outputs or [settings.output / "some picture.png"]
        report.expect(paths)  # what a study does whose pictures tell the names
        calls.append(settings)
        for path in paths:
            write_whole(path, b"new")

    monkeypatch.setattr(importlib.import_module(f"studies.{request.param}.study"), "run", work)
    options = flags_of(request.param).parser().parse_args([])
    reads = next((name for name in READS if hasattr(options, name)), None)
    return SimpleNamespace(name=request.param, calls=calls, reads=reads and f"--{reads}")


def outputs_of(name, *arguments):
    """The flags that name the output, and all files that the study will write."""
    flags, asked = flags_of(name), None
    for output in ("x.png", "x.html", "folder"):  # a study that writes a page, or into a folder, takes no picture
        try:
            with redirect_stderr(io.StringIO()):
                asked = flags.settings(flags.parser().parse_args([*arguments, "--output", output]))
        except (UsageError, SystemExit):
            continue
        return ["--output", output], asked.outputs or (Path(output, "some picture.png"),)
    raise AssertionError(name)


def test_a_file_that_something_else_wrote_is_kept_unless_told_otherwise(study, capsys):
    arguments, paths = outputs_of(study.name)
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"a work of mine")
        assert run(study.name, *arguments) == 2
        said = capsys.readouterr().err
        assert f"'{path}' is there already and was not written by this program" in said
        assert "--overwrite" in said
        assert said.count("\n") == 1
        assert path.read_bytes() == b"a work of mine"
        assert not study.calls
        path.unlink()
    for path in paths:
        path.write_bytes(b"a work of mine")
    assert run(study.name, *arguments, "--overwrite") == 0
    assert {path.read_bytes() for path in paths} == {b"new"}


@pytest.mark.parametrize("way", ["itself", "link", "hard link", "spelling", "absolute"])
def test_what_is_read_is_never_written(study, way, tmp_path, capsys):
    if study.reads is None:  # it reads nothing of the user's
        return
    _, (path, *_) = outputs_of(study.name)
    Path("own").mkdir()
    given = Path("own", path.name)
    save_picture(PIXELS, given, OURS)  # even a picture that this program wrote
    before = given.read_bytes()
    output = {"spelling": Path("own", "..", "own", path.name), "absolute": tmp_path / given}.get(way, given)
    if way in {"link", "hard link"}:
        output = Path("other", path.name)
        output.parent.mkdir()
        make = os.symlink if way == "link" else os.link
        make(tmp_path / given, output)
    elsewhere = output.parent if path.parent.name else output
    for inputs in (given, given.parent):
        assert run(study.name, study.reads, inputs, "--output", elsewhere, "--overwrite") == 2
        assert "is one of the files that this reads" in capsys.readouterr().err
        assert given.read_bytes() == before
    assert not study.calls


def test_files_of_our_own_are_replaced_without_a_word(study):
    arguments, paths = outputs_of(study.name)
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        if path.suffix in {".png", ".jpg", ".gif"}:
            save_picture(PIXELS, path, OURS)
        elif path.suffix == ".md":
            Report().table(path, ["a"], [["1"]])
        elif path.suffix == ".html":
            write_whole(path, web_page("mine", []))
    assert run(study.name, *arguments) == 0
    assert {path.read_bytes() for path in paths} == {b"new"}


@pytest.mark.parametrize("output", ["", "a\0b.png", "/proc/x/y.png", "file/x.png", "n" * 300 + ".png"])
def test_an_output_that_can_be_none_is_refused_before_the_work(study, output, capsys):
    Path("file").touch()
    if outputs_of(study.name)[0][1] == "folder":
        output = output.removesuffix(".png")
    if outputs_of(study.name)[0][1] == "x.html":
        output = output.replace(".png", ".html")
    try:
        code = run(study.name, "--output", output)
    except SystemExit as stop:
        code = stop.code
    said = capsys.readouterr().err
    assert code in ({2} if output == "" or "\0" in output else {1, 2})
    assert said.count("\n") == 1
    assert "unexpected" not in said
    assert not study.calls


@pytest.mark.parametrize("flag", ["--images", "--weights"])
def test_a_nul_in_any_path_is_one_sentence(flag, capsys):
    with pytest.raises(SystemExit) as stopped:
        run("saliency", flag, "a\0b")
    assert stopped.value.code == 2
    assert "'a\\x00b' holds a NUL byte" in capsys.readouterr().err


def test_explained_pictures_never_land_on_the_pictures(weights, picture, capsys):
    own = Path("own")
    own.mkdir()
    for name in ("a.png", "b.png"):
        shutil.copy(picture, own / name)
    before = {path.name: path.read_bytes() for path in own.iterdir()}
    for more in ([], ["--overwrite"]):
        assert run("explain", "--images", own, "--output", own, "--size", "64", *more) == 2
        assert "is one of the files that this reads" in capsys.readouterr().err
        assert {path.name: path.read_bytes() for path in own.iterdir()} == before


@pytest.mark.parametrize("folder", ["photos_cache", "trust_cache", "embedding_cache"])
def test_a_picture_is_not_taken_for_a_cached_file_by_its_name(folder, picture, capsys):
    """Cameras and downloads name files by numbers and hashes, too, and folders are called caches."""
    path = Path(folder) / "stock_0123456789abcdef.png"
    path.parent.mkdir()
    path.write_bytes(picture.read_bytes())
    assert run("explain", "--images", path, "--output", folder) == 2
    assert "is one of the files that this reads" in capsys.readouterr().err
    with pytest.raises(UsageError, match="was not written by this program"):
        Protection().expect([path])
    assert path.read_bytes() == picture.read_bytes()


def test_painted_pairs_never_land_on_the_pictures(weights, picture, capsys):
    own = Path("own")
    own.mkdir()
    shutil.copy(picture, own / "style_transfer_a_b.png")
    shutil.copy(picture, own / "a.png")
    styles = Path("styles")
    styles.mkdir()
    shutil.copy(picture, styles / "b.png")
    assert run("style", "--content", own, "--style", styles, "--output", own, "--overwrite") == 2
    assert "is one of the files that this reads" in capsys.readouterr().err
    assert sorted(path.name for path in own.iterdir()) == ["a.png", "style_transfer_a_b.png"]


@pytest.mark.parametrize(("flag", "ending"), [("--curves", "_losses.png"), ("--gif", ".gif")])
def test_what_is_written_beside_a_painting_is_checked_before_it_is_painted(flag, ending, picture, capsys):
    path = Path(f"out{ending}")
    path.write_bytes(b"a work of mine")
    assert run("style", "--content", picture, "--style", picture, "--output", "out.png", flag) == 2
    assert f"'{path}' is there already" in capsys.readouterr().err
    assert not Path("out.png").exists()


def test_an_animation_is_kept_from_the_zoom_of_a_dream(capsys):
    Path("x.gif").write_bytes(b"a work of mine")
    assert run("deepdream", "--zoom", "2", "--output", "x.png") == 2
    assert "'x.gif' is there already" in capsys.readouterr().err


# --- what is ours


def written(folder):
    """A file of each kind, as the program writes it."""
    save_picture(PIXELS, folder / "a.png", OURS)
    save_picture(PIXELS, folder / "a.jpg", OURS)
    save_animation([PIXELS], folder / "a.gif", OURS, milliseconds=100, most_bytes=10_000)
    Report().table(folder / "t.md", ["a"], [["1"]], "a note")
    write_network(folder / "a.safetensors", {"w": torch.zeros(2)}, FACTS)
    checkpoint_of(folder / "a.checkpoint.pt")
    return sorted(folder.iterdir())


@dataclass
class Recipe:
    steps: int = 1
    seed: int = 0


class Tiny(Resumable):
    """A training of two weights that needs no steps."""

    def __init__(self, facts=FACTS):
        self.recipe, self.network = Recipe(), torch.nn.Linear(1, 1)
        self.optimizer = torch.optim.AdamW(self.network.parameters())
        self.generator = torch.Generator()
        self.step, self.seconds, self.losses, self.accuracies = 1, 0.0, [], []
        self.facts = facts

    def shipped(self):
        return dict(self.network.state_dict()), dict(self.facts)


def checkpoint_of(path):
    Tiny().save(path)
    return path


def test_what_this_program_wrote_is_known_also_when_cut_off(tmp_path):
    paths = written(tmp_path)
    assert {path.suffix for path in paths} == {".png", ".jpg", ".gif", ".md", ".csv", ".safetensors", ".pt"}
    for path in paths:
        assert is_ours(path), path
    picture = tmp_path / "a.png"
    picture.write_bytes(picture.read_bytes()[:-20])
    assert is_ours(picture)


def foreign(folder):
    """Files of others that bear the same endings, whole, damaged and hostile."""
    Image.fromarray(PIXELS).save(folder / "plain.png")
    Image.fromarray(PIXELS).save(folder / "plain.jpg", comment="mine")
    Image.fromarray(PIXELS).save(folder / "list.jpg", comment="[1, 2]")
    Image.fromarray(PIXELS).save(folder / "plain.gif", comment="{")
    texts = PngInfo()
    texts.add_text("Script", "mine")
    texts.add_text("Software", "x" * 10**6, zip=True)
    Image.fromarray(PIXELS).save(folder / "text.png", pnginfo=texts)
    (folder / "mine.md").write_text("| a |\n| --- |\n")
    (folder / "mine.csv").write_text("a\n1\n")
    (folder / "mine.safetensors").write_bytes(save({"w": torch.zeros(2)}, metadata={"format": "pt"}))
    (folder / "long.safetensors").write_bytes((2**63).to_bytes(8, "little") + b"{}")
    (folder / "list.safetensors").write_bytes((2).to_bytes(8, "little") + b"[]")
    (folder / "deep.safetensors").write_bytes((10**6).to_bytes(8, "little") + b"[" * 10**6)
    torch.save({"recipe": 1, "network": 2}, folder / "mine.pt")
    (folder / "mine.svg").write_text("<svg/>")
    for ending in ("png", "jpg", "gif", "md", "csv", "safetensors", "pt"):
        (folder / f"noise.{ending}").write_bytes(np.random.default_rng(0).bytes(300))
        (folder / f"folder.{ending}").mkdir()
        os.mkfifo(folder / f"pipe.{ending}")
        with (folder / f"huge.{ending}").open("wb") as file:
            file.truncate(2**40)  # takes no room, and would take hours to read
    return sorted(folder.iterdir())


def test_what_others_wrote_is_not_ours_whatever_it_is(tmp_path):
    for path in foreign(tmp_path):
        assert not is_ours(path), path
    assert not is_ours(tmp_path / "absent.png")
    assert not is_ours(Path("a\0b.png"))


def test_a_table_that_somebody_changed_is_kept(tmp_path):
    report, path = Report(), tmp_path / "t.md"
    report.table(path, ["a"], [["1"]])
    with protecting(Protection()) as guard:
        guard.expect([path, tmp_path / "t.csv"])
        report.table(path, ["a"], [["2"]])  # both were ours before
    (tmp_path / "t.csv").write_text("a\n3\n")
    with protecting(Protection()) as guard, pytest.raises(UsageError, match=r"t\.csv' is there already"):
        guard.expect([path, tmp_path / "t.csv"])
    with path.open("a") as file:
        file.write("My thoughts.\n")
    assert not is_ours(path)


def test_a_table_of_an_earlier_version_is_known_by_the_picture_beside_it(tmp_path):
    save_picture(PIXELS, tmp_path / "a.png", describe("confidence", {}, "none"))
    for ending in (".md", ".csv"):
        (tmp_path / f"a{ending}").write_text("no sign")
        assert is_ours(tmp_path / f"a{ending}")
        os.utime(tmp_path / f"a{ending}", (10**9, 10**9))  # somebody worked on it
        assert not is_ours(tmp_path / f"a{ending}")
    save_picture(PIXELS, tmp_path / "b.png", OURS)  # a study that writes no tables
    (tmp_path / "b.csv").write_text("mine")
    assert not is_ours(tmp_path / "b.csv")


def test_the_gallery_may_be_made_again_as_its_page_says(tmp_path):
    page = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
    pictures = [ROOT / place for place in re.findall(r"--output (visualization/gallery/\S+)", page)]
    assert len(pictures) > 20
    assert [path.name for path in pictures if path.exists() and not is_ours(path)] == []
    Image.fromarray(PIXELS).save(tmp_path / "a.jpg", comment=b"{}")
    assert not is_ours(tmp_path / "a.jpg")


def test_a_file_that_came_during_the_work_is_kept_and_an_empty_one_is_nobodys(tmp_path):
    path = tmp_path / "a.png"
    path.touch()
    with protecting(Protection()) as guard:
        guard.expect([path])
        path.write_bytes(b"a work of mine")
        with pytest.raises(UsageError, match="is there already"):
            write_whole(path, b"new")
        path.unlink()
        write_whole(path, b"new")
        write_whole(path, b"newer")  # it is ours now
    assert path.read_bytes() == b"newer"


def test_the_protection_ends_with_its_block_and_the_courses_calls_need_none(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"a work of mine")
    with pytest.raises(ZeroDivisionError), protecting(Protection()):
        raise ZeroDivisionError
    for _ in range(2):
        save_picture(PIXELS, path, OURS)  # fixed names of their own, again and again
    assert is_ours(path)


def test_an_output_folder_that_takes_no_file_is_told_before(tmp_path):
    with pytest.raises(WorkError, match="cannot be written"):
        Protection().expect([Path("/proc/x/y.png")])
    Protection().expect([tmp_path / "new" / "folder" / "a.png"])
    assert list(tmp_path.iterdir()) == []


# --- trainings


NETWORKS = ["classifier", "robust", "noise", "plain", "generator", "styles"]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("ending", [".safetensors", ".checkpoint.pt", "_learning_curve.png", "_learning_curve.csv"])
def test_a_training_keeps_what_something_else_wrote(name, ending, monkeypatch, capsys):
    calls = []
    commands = importlib.import_module("training.commands")
    monkeypatch.setattr(commands, "run", lambda *_: calls.append("worked") or 0)
    path = Path(f"net{ending}")
    path.write_bytes(b"a work of mine")
    arguments = [name, "--output", "net.safetensors", "--fresh"]
    assert training_main(arguments) == 2
    assert f"'{path}' is there already" in capsys.readouterr().err
    assert not calls
    assert training_main([*arguments, "--overwrite"]) == 0
    assert calls == ["worked"]


def test_the_accuracy_of_a_network_keeps_what_something_else_wrote(capsys):
    Path("a.md").write_text("mine")
    assert training_main(["evaluate", "--output", "a.md"]) == 2
    assert "'a.md' is there already" in capsys.readouterr().err


def test_a_training_replaces_its_own_network_and_not_that_of_another(tmp_path):
    path = tmp_path / "net.safetensors"
    settings = TrainingSettings(output=path, iterations=1, learning_rate=1)

    def train(facts, **permission):
        with protecting(Protection(**permission)) as guard:
            guard.expect(settings.outputs)
            finish(Tiny(facts), path, lambda *_: None)

    train(FACTS)
    train(FACTS)
    before = path.read_bytes()
    with pytest.raises(UsageError, match=r"holds a network of another training \(steps 1\); choose another --output"):
        train(FACTS | {"steps": "2"})
    assert path.read_bytes() == before
    train(FACTS | {"steps": "2"}, overwrite=True)
    assert path.read_bytes() != before


def test_what_a_picture_says_of_itself_is_bounded(tmp_path):
    many = describe("explain", {"images": ["x" * 40] * 20_000}, "none")  # nearly a megabyte
    save_picture(PIXELS, tmp_path / "a.png", many)
    assert is_ours(tmp_path / "a.png")
    assert json.loads(many["Settings"])
