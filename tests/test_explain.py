"""A folder of pictures, a file of maps for each: all of them, again only what changed, and what is broken named."""

import csv
import errno
import json
import os
import threading
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import replace_everywhere
from conftest import run as run_study
from PIL import Image

from core import images
from core.array_files import about_arrays, array_bytes
from core.networks import load_network
from core.own_files import is_ours
from core.squeezenet import load_squeezenet
from studies.explain.jobs import Job, targets
from studies.explain.table import Row, joined
from studies.shared import overlap
from studies.shared.overlap import overlapped
from studies.shared.pictures import Picture
from visualizers.all_maps import AllMaps, all_maps
from visualizers.gradcam import grad_cam
from visualizers.saliency_map import saliency_map

COLUMNS = (  # what other programs rely on
    "path,file,width,height,predicted,predicted_name,probability,runner_up,runner_up_name,runner_up_probability,"
    "label,label_name,label_probability,blank,seconds"
)


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
    assert "wrote 0 pictures to out; there already: 2" in capsys.readouterr().out
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
    assert "wrote 1 picture to out" in capsys.readouterr().out
    assert run("--images", folder) == 0
    assert "wrote 1 picture to out; there already: 1" in capsys.readouterr().out


def test_figures_in_the_folder_of_the_pictures_are_not_explained_in_their_turn(folder, capsys):
    for path in sorted(folder.iterdir()):
        Image.open(path).save(path.with_suffix(".jpg"))
        path.unlink()
    into = ("explain", "--size", "64", "--images", folder, "--output", folder)
    for more in ([], [], ["--layer", "features.9"]):
        assert run_study(*into, *more) == 0
        tables = ["explained.csv", "explained.md"]
        assert sorted(path.name for path in folder.iterdir()) == ["a.jpg", "a.png", "b.jpg", "b.png", *tables]
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


def test_a_picture_that_is_named_twice_keeps_its_name(tmp_path):
    twice = [Picture("a", tmp_path / "a.png")] * 2
    assert targets(twice, [None, None], tmp_path) == [tmp_path / "a.png"] * 2
    assert targets(twice, [3, 5], tmp_path) == [tmp_path / "a.png", tmp_path / "a_2.png"]


def table(tmp_path):
    with open(tmp_path / "out" / "explained.csv", newline="") as file:
        return list(csv.DictReader(file))


def contents(tmp_path, ending):
    return {path.name: path.read_bytes() for path in sorted((tmp_path / "out").glob(f"*{ending}"))}


def test_one_table_tells_of_every_picture(folder, tmp_path):
    assert run("--images", folder, "--labels", "goldfish", "hen") == 0
    first, second = table(tmp_path)
    assert (tmp_path / "out" / "explained.csv").read_text().splitlines()[0] == COLUMNS
    assert (first["path"], first["file"]) == (str(folder / "a.png"), "a.png")
    assert (first["width"], first["height"]) == ("90", "80")
    assert (first["label"], first["label_name"], second["label_name"]) == ("1", "goldfish", "hen")
    assert (
        float(first["probability"]) >= float(first["runner_up_probability"]) >= float(second["label_probability"]) > 0
    )
    assert first["predicted"] != first["runner_up"]
    assert float(first["seconds"]) > 0
    assert first["blank"] == ""


def test_the_table_of_a_second_run_is_the_same_though_nothing_is_computed(folder, tmp_path, monkeypatch):
    run("--images", folder)
    before = contents(tmp_path, "csv")
    replace_everywhere(monkeypatch, all_maps, pytest.fail)
    run("--images", folder)
    assert contents(tmp_path, "csv") == before
    for name in ("explained.csv", "explained.md"):  # it stands in the pictures, too, but for the time
        (tmp_path / "out" / name).unlink()
    run("--images", folder)
    kept, last = table(tmp_path), list(csv.DictReader(before["explained.csv"].decode().splitlines()))
    assert kept == [row | {"seconds": ""} for row in last]


def test_a_table_of_other_origin_is_kept_and_named_before_the_work(folder, tmp_path, capsys):
    run("--images", folder)
    with open(tmp_path / "out" / "explained.csv", "a") as file:
        file.write("a line of mine\n")
    before = contents(tmp_path, "")
    assert run("--images", folder, "--layer", "features.9") == 2
    assert "explained.csv' is there already and was not written by this program" in capsys.readouterr().err
    assert contents(tmp_path, "") == before
    assert run("--images", folder, "--overwrite") == 0
    assert len(table(tmp_path)) == 2


def test_the_maps_as_numbers_are_what_the_technique_gives(folder, tmp_path, random_weights):
    assert run("--images", folder, "--maps", "float32", "--labels", "goldfish") == 0
    with np.load(tmp_path / "out" / "a.npz") as kept:
        about = json.loads(kept["about"].item())
        maps = {name: kept[name] for name in kept.files if name != "about"}
    assert is_ours(tmp_path / "out" / "a.npz")
    assert (about["path"], about["label_name"], about["width"]) == (str(folder / "a.png"), "goldfish", "90")
    assert json.loads(about["Settings"])["layer"] == "features.12"
    whole = images.load_image(folder / "a.png")
    right = all_maps(load_squeezenet(random_weights, "cpu"), images.preprocess(images.centre_crop(whole, 64)), [1])
    assert list(maps) == list(right._fields)
    for name, values in right._asdict().items():
        assert np.array_equal(maps[name], values[0].numpy()), name


def test_half_precision_is_taken_where_it_holds_the_map(folder, tmp_path):
    assert run("--images", folder, "--maps") == 0
    with np.load(tmp_path / "out" / "a.npz") as kept:
        for name in ("saliency", "guided_backprop", "grad_cam", "guided_grad_cam"):
            largest = np.abs(kept[name]).max()
            assert kept[name].dtype == (np.float16 if 1e-3 <= largest <= 6e4 else np.float32), name
            assert largest > 0


def test_raw_maps_that_are_lacking_or_damaged_are_made_again_and_nothing_else(folder, tmp_path, capsys):
    run("--images", folder)
    pictures = contents(tmp_path, "png")
    run("--images", folder, "--maps")
    first = contents(tmp_path, "npz")
    assert sorted(first) == ["a.npz", "b.npz"]
    assert contents(tmp_path, "png") == pictures
    damaged = bytearray(first["a.npz"])
    damaged[len(damaged) // 2] ^= 255
    (tmp_path / "out" / "a.npz").write_bytes(damaged)
    capsys.readouterr()
    run("--images", folder, "--maps")
    assert "wrote 1 picture to out; there already: 1" in capsys.readouterr().out
    assert contents(tmp_path, "npz") == first


def test_arrays_say_what_they_are_and_always_in_the_same_bytes(tmp_path):
    data = array_bytes({"values": np.arange(6).reshape(2, 3)}, {"Script": "explain"})
    assert data == array_bytes({"values": np.arange(6).reshape(2, 3)}, {"Script": "explain"})
    path = tmp_path / "some.npz"
    path.write_bytes(data)
    assert about_arrays(path) == {"Script": "explain"}
    assert not is_ours(path)  # it tells no settings and no weights
    np.savez(path, values=np.zeros(3))
    assert not is_ours(path)


def test_a_picture_gives_the_same_file_alone_and_among_others(folder, tmp_path):
    run("--images", folder, "--maps")
    among = contents(tmp_path, "")
    for path in (tmp_path / "out").iterdir():
        path.unlink()
    run("--images", folder / "b.png", "--maps")
    alone = contents(tmp_path, "")
    assert alone["b.png"] == among["b.png"]
    assert alone["b.npz"] != among["a.npz"]
    assert alone["b.npz"] == among["b.npz"]


def test_a_full_disk_ends_the_run_and_a_second_one_completes_it(folder, tmp_path, monkeypatch, capsys):
    for name in "cdefghij":
        Image.new("RGB", (70, 70), (ord(name), 9, 200)).save(folder / f"{name}.png")
    assert run("--images", folder / "a.png") == 0  # so that there is a table already
    replace, done = os.replace, []

    def full(source, target):
        if str(target).endswith((".png", ".csv")) and len(done) >= 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        done.append(target)
        return replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", full)
        assert run("--images", folder, "--labels", "hen") == 1
    said = capsys.readouterr().err
    assert said.count("cannot be written (No space left on device)") == 1
    assert ".png" in said
    assert not list((tmp_path / "out").glob("*.part"))
    for path in (tmp_path / "out").glob("*.png"):
        with Image.open(path) as image:
            image.load()
    assert run("--images", folder, "--labels", "hen") == 0
    assert len(written(tmp_path)) == len(table(tmp_path)) == 10


def test_rows_of_pictures_that_were_not_reached_stay_in_the_table(folder, tmp_path, monkeypatch):
    run("--images", folder)
    before = table(tmp_path)

    def interrupt(*_arguments, **_settings):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        replace_everywhere(patch, overlapped, interrupt)
        assert run("--images", folder) == 130
    assert table(tmp_path) == before


def test_parts_of_several_processes_join_in_the_order_of_the_pictures():
    jobs = [Job(Picture(name, name), None, Path(f"{name}.png")) for name in "abc"]
    rows = {name: Row(*[""] * 15)._replace(file=name) for name in ("c.png", "a.png")}
    assert [row.file for row in joined(jobs, rows, {})] == ["a.png", "c.png"]


def test_a_map_that_is_blank_has_its_reason_in_the_table(folder, tmp_path, monkeypatch):
    def blank(*arguments, **settings):
        return AllMaps(*(torch.zeros_like(each) for each in all_maps(*arguments, **settings)))

    replace_everywhere(monkeypatch, all_maps, blank)
    run("--images", folder / "a.png")
    assert table(tmp_path)[0]["blank"].startswith("nothing of it is positive here")


LEFT_OUT = "left out: guided backprop, guided Grad-CAM (no ReLU runs in it)"


def test_a_network_without_relus_gets_the_two_maps_that_it_can_have(folder, tmp_path, no_relus, panels, capsys):
    flags = ("--images", folder, "--model", no_relus, "--maps", "float32")
    assert run(*flags) == 0
    assert capsys.readouterr().out.count(LEFT_OUT) == 1
    assert [panel.title for panel in panels][1:3] == ["saliency", "Grad-CAM"]
    assert len(panels) == 2 * 3
    with np.load(tmp_path / "out" / "a.npz") as kept:
        maps = {name: kept[name] for name in kept.files if name != "about"}
    model = load_network(no_relus, device="cpu")
    image = images.preprocess(images.centre_crop(images.load_image(folder / "a.png"), 64))
    label = int(table(tmp_path)[0]["label"])
    assert list(maps) == ["saliency", "grad_cam"]
    torch.testing.assert_close(torch.tensor(maps["saliency"]), saliency_map(model, image, label)[0])
    torch.testing.assert_close(torch.tensor(maps["grad_cam"]), grad_cam(model, image, label)[0])
    assert [row["blank"] for row in table(tmp_path)] == ["", ""]


def test_without_relus_too_it_goes_on_where_it_stopped(folder, tmp_path, no_relus, capsys):
    flags = ("--images", folder, "--model", no_relus, "--maps")
    run(*flags)
    first = contents(tmp_path, "")
    (tmp_path / "out" / "a.npz").unlink()
    capsys.readouterr()
    assert run(*flags) == 0
    said = capsys.readouterr().out
    assert "wrote 1 picture to out; there already: 1" in said
    assert said.count(LEFT_OUT) == 1
    again = contents(tmp_path, "")
    assert all(again[name] == data for name, data in first.items() if name.endswith((".png", ".npz")))


def test_relus_that_cannot_be_seen_leave_out_the_same_maps(folder, tmp_path, no_relus, capsys):
    assert run("--images", folder / "a.png", "--model", no_relus.replace("build", "hidden")) == 0
    assert "(it is not possible to see whether the network's own operation Own is a ReLU)" in capsys.readouterr().out
    with Image.open(tmp_path / "out" / "a.png") as image:
        assert json.loads(image.text["Settings"])["left_out"] == "guided backprop, guided Grad-CAM"


def test_a_network_with_relus_says_nothing_of_maps_left_out(folder, tmp_path, capsys):
    run("--images", folder / "a.png")
    assert "left out" not in capsys.readouterr().out
    with Image.open(tmp_path / "out" / "a.png") as image:
        assert "left_out" not in json.loads(image.text["Settings"])


def test_reading_and_writing_overlap_and_results_come_in_order():
    """The first two are read at once, or this would wait for ever; no more than a few are held."""
    both, held, most, told = threading.Barrier(2, timeout=20), [], [], []

    def read(job):
        if job < 2:
            both.wait()
        held.append(job)
        most.append(len(held))
        return 10 * job

    def compute(job, found):
        assert threading.current_thread() is threading.main_thread()

        def write():
            held.remove(job)
            return found + 1

        return write

    overlapped(range(200), read=read, compute=compute, done=lambda job, result: told.append((job, result)))
    assert told == [(job, 10 * job + 1) for job in range(200)]
    assert max(most) <= 2 * overlap.AHEAD + 2


@pytest.mark.parametrize("step", ["read", "compute", "write", "done"])
def test_an_error_of_any_step_is_raised_and_what_was_computed_is_kept(step):
    told = []

    def fail(at, job):
        if at == step and job == 5:
            raise KeyError("the fifth")

    def read(job):
        fail("read", job)

    def compute(job, _):
        fail("compute", job)
        return lambda: fail("write", job)

    def done(job, _):
        fail("done", job)
        told.append(job)

    with pytest.raises(KeyError, match="the fifth"):
        overlapped(range(50), read=read, compute=compute, done=done)
    assert told[:5] == list(range(5))
    assert 5 not in told


def test_settings_that_decide_are_named_in_the_picture(folder, tmp_path):
    run("--images", folder / "a.png", "--maps")
    with Image.open(tmp_path / "out" / "a.png") as image:
        said = json.loads(image.text["Settings"])
    assert said["layer"] == "features.12"
    assert said["size"] == 64
    assert "maps" not in said  # the picture is the same with and without


MANY = 1000  # pictures; of 5,000 the same command has been measured (docs/explain.md)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_pictures(tmp_path, monkeypatch):
    """The maps are one picture's for all: what is held of pictures is read, drawn and written as ever."""
    resource = pytest.importorskip("resource")
    place, same = tmp_path / "many", []
    place.mkdir()
    for number in range(MANY):
        Image.new("RGB", (8, 8), (number % 256, number // 256, 99)).save(place / f"{number:04d}.png")

    def first(*arguments, **settings):
        same[:] = same or [all_maps(*arguments, **settings)]
        return same[0]

    replace_everywhere(monkeypatch, all_maps, first)
    assert run("--images", *sorted(place.iterdir())[: MANY // 5]) == 0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert run("--images", place) == 0
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 60_000  # KiB: names and rows of five times as many; their figures alone would be a gigabyte
    assert len(table(tmp_path)) == MANY
