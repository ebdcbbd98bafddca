"""A folder of pictures, a file of maps for each: all of them, again only what changed, and what is broken named."""

import os
import unicodedata

import numpy as np
import pytest
from conftest import replace_everywhere
from conftest import run as run_study
from PIL import Image

from studies.explain.jobs import targets
from studies.shared.pictures import Picture
from visualizers.all_maps import all_maps


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "pictures"
    place.mkdir()
    for name in ("a", "b"):
        pixels = np.random.default_rng(ord(name)).integers(0, 256, (80, 90, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / f"{name}.png")
    return place


@pytest.fixture(autouse=True)
def _weights(random_weights, monkeypatch):
    monkeypatch.setenv("SQUEEZENET_WEIGHTS", str(random_weights))


def run(*arguments):
    return run_study("explain", "--size", "64", "--output", "out", *arguments)


def written(tmp_path, ending=".png"):
    return {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir() if path.suffix == ending}


def test_each_picture_gets_its_file_and_none_is_made_twice(folder, tmp_path, capsys):
    assert run("--images", folder) == 0
    first = written(tmp_path)
    assert set(first) == {"a.png", "b.png"}
    with Image.open(tmp_path / "out" / "a.png") as image:
        assert image.width > 4 * image.height * 0.6
        assert np.asarray(image).std() > 10
    assert run("--images", folder) == 0
    assert "wrote 0 pictures to out; 2 were there already" in capsys.readouterr().out
    assert written(tmp_path) == first


def test_what_changed_is_made_again(folder, tmp_path):
    run("--images", folder)
    first = written(tmp_path)
    with Image.open(folder / "b.png") as image:
        image.rotate(180).save(folder / "a.png")
    os.utime(folder / "a.png", (0, 0))  # a changed picture may be older than what was made from the last one
    run("--images", folder)
    second = written(tmp_path)
    assert second["a.png"] > first["a.png"]
    assert second["b.png"] == first["b.png"]
    run("--images", folder, "--layer", "features.9")
    third = written(tmp_path)
    assert all(third[name] > second[name] for name in third)


def test_a_file_of_another_making_under_that_name_is_kept_and_replaced_only_on_demand(folder, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.png").write_text("cut off")
    assert run("--images", folder / "a.png") == 2
    assert "was not written by this program" in capsys.readouterr().err
    assert (tmp_path / "out" / "a.png").read_text() == "cut off"
    assert run("--images", folder / "a.png", "--overwrite") == 0
    with Image.open(tmp_path / "out" / "a.png") as image:
        assert image.text["Script"] == "explain"


def test_broken_files_are_named_and_the_others_are_done(folder, tmp_path, capsys):
    (folder / "bad.png").write_text("nothing")
    (folder / "worse.jpg").write_text("nothing")
    assert run("--images", folder) == 1
    said = capsys.readouterr().err
    assert said.count("skipped: image: ") == 2
    assert set(written(tmp_path)) == {"a.png", "b.png"}


def test_pictures_of_one_name_do_not_overwrite_each_other(folder, tmp_path):
    with Image.open(folder / "a.png") as image:
        image.save(folder / "a.jpg")
    run("--images", folder)
    assert len(written(tmp_path)) == 3


def test_a_bare_run_explains_the_default_pictures(tmp_path):
    assert run() == 0
    assert {"chelsea.png", "coffee.png"} < set(written(tmp_path))


def test_labels_are_one_for_each_or_one_for_all(folder, capsys):
    assert run("--images", folder, "--labels", "goldfish", "hen") == 0
    assert run("--images", folder, "--labels", "goldfish", "hen", "cock") == 2
    assert "labels: got 3 for 2 images" in capsys.readouterr().err


def test_a_file_is_no_place_for_many_pictures(folder, capsys):
    assert run("--images", folder, "--output", "one.png") == 2
    assert "output: 'one.png'" in capsys.readouterr().err


def test_ctrl_c_keeps_the_files_that_are_finished(folder, tmp_path, monkeypatch, capsys):
    calls = []

    def interrupt_the_second(*arguments, **settings):
        calls.append(None)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return all_maps(*arguments, **settings)

    replace_everywhere(monkeypatch, all_maps, interrupt_the_second)
    assert run("--images", folder) == 130
    assert set(written(tmp_path)) == {"a.png"}
    assert "wrote 1 pictures to out" in capsys.readouterr().out
    assert run("--images", folder) == 0
    assert "wrote 1 pictures to out; 1 were there already" in capsys.readouterr().out


def test_figures_in_the_folder_of_the_pictures_are_not_explained_in_their_turn(folder, capsys):
    for path in sorted(folder.iterdir()):
        Image.open(path).save(path.with_suffix(".jpg"))
        path.unlink()
    into = ("explain", "--size", "64", "--images", folder, "--output", folder)
    for more in ([], [], ["--layer", "features.9"]):
        assert run_study(*into, *more) == 0
        assert sorted(path.name for path in folder.iterdir()) == ["a.jpg", "a.png", "b.jpg", "b.png"]
    assert "2 figures that an earlier run wrote there" in capsys.readouterr().out
    assert run_study("explain", "--size", "64", "--images", folder / "a.png", "--output", folder) == 2
    assert "is one of the files that this reads" in capsys.readouterr().err


def test_no_two_jobs_share_a_file(tmp_path):
    """Paths that join to one name, names that some systems hold for one, two classes of one picture."""
    accents = ("caf\N{LATIN SMALL LETTER E WITH ACUTE}.png", "cafe\N{COMBINING ACUTE ACCENT}.png")
    names = ("a_b/c.png", "a/b/c.png", "IMG.png", "img.png", *accents, "two.png")
    files = [tmp_path / name for name in names]
    pictures = [Picture(file.stem, file) for file in [*files, files[-1], files[-1]]]
    paths = targets(pictures, [None] * len(names) + [3, None], tmp_path)
    assert paths[-1] == paths[len(names) - 1]  # one picture and one class, named twice
    kept = {unicodedata.normalize("NFC", str(path)).casefold() for path in paths}
    assert len(kept) == len(paths) - 1
    assert paths == targets(pictures, [None] * len(names) + [3, None], tmp_path)
