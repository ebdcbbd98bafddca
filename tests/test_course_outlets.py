"""Where the results of a hand-in's check go: Gradescope, a table, a page, pytest, and the collecting script."""

import argparse
import csv
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from html.parser import HTMLParser

import numpy as np
import pytest

from core.defaults import ROOT
from core.errors import UsageError, WorkError
from course import outlets
from course.gradescope import graded, read_points, to_bytes
from course.page import page
from course.parts import PARTS
from course.results import PartResult, line
from course.table import count_mistakes, fingerprint, read_rows, summary, tabulate

MAP = np.linspace(0, 1, 35).reshape(5, 7)
EVIL = "<script>alert('x')</script>\x1b[31m\udc80 & more"
RIGHT = PartResult("gram_matrix", "Gram matrix", "right", 2e-8, seconds=0.5)
WRONG = PartResult(
    "grad_cam",
    "Grad-CAM",
    "wrong",
    0.31,
    "The weights are not averaged over positions.",
    ("weights by maximum", "no ReLU"),
    ("It changes X in place.",),
    EVIL,
    1.25,
    (MAP[::-1], MAP),
)
CRASHED = PartResult("tv_loss", "TV loss", "crashed", None, f"tv_loss.py line 3: {EVIL}", output="x" * 10_000)
NOT_WRITTEN = PartResult("fooling", "Fooling image", "not written")
POINTS = "# secret\nshow_output = true\n[parts]\ncontent_loss = 2\ngram_matrix = 3\ntv_loss = 4\nsaliency = 5\n"
RESULTS = [RIGHT, WRONG, CRASHED, NOT_WRITTEN]


def parsed(*words):
    parser = argparse.ArgumentParser()
    outlets.add_flags(parser)
    return parser.parse_args([str(word) for word in words])


def toml(tmp_path, text):
    path = tmp_path / "points.toml"
    path.write_text(text, encoding="utf-8")
    return path


# One line a part


def test_a_line_tells_verdict_error_sentence_and_side_effects():
    assert line(RIGHT).split() == ["Gram", "matrix", "right", "(error", "2e-08)"]
    assert "wrong (error 0.31): The weights are not averaged over positions. It changes X in place." in line(WRONG)
    assert "\n" not in line(CRASHED)
    assert "right (error 1, by rounding where numbers are near 0)" in line(PartResult("fooling", "", "right", 1.0))
    assert line(NOT_WRITTEN).endswith("not written")


# Gradescope


def test_gradescope_gets_points_for_what_is_right_and_a_sentence_for_the_rest():
    document = json.loads(to_bytes(graded(RESULTS, read_points(), seconds=12.3)))
    tests = {test["tags"][0]: test for test in document["tests"]}
    assert list(tests) == ["gram_matrix", "tv_loss", "grad_cam", "fooling"]  # parts without a result do not count
    assert tests["gram_matrix"]["score"] == tests["gram_matrix"]["max_score"] == 8
    assert tests["gram_matrix"]["status"] == "passed"
    assert tests["grad_cam"]["score"] == 0
    assert tests["grad_cam"]["status"] == "failed"
    assert "expected error 0.0" in tests["grad_cam"]["output"]
    assert "not averaged" in tests["grad_cam"]["output"]
    assert document["score"] == 8
    assert document["execution_time"] == 12
    assert document["stdout_visibility"] == "hidden"
    assert document["extra_data"]["parts"]["grad_cam"]["mistakes"] == ["weights by maximum", "no ReLU"]
    allowed = {"name", "number", "score", "max_score", "status", "output", "output_format", "visibility", "tags"}
    assert all(test.keys() == allowed for test in document["tests"])


def test_a_file_of_points_decides_points_visibility_hints_and_which_parts_are_asked_for(tmp_path):
    path = toml(
        tmp_path,
        'hints = false\nshow_output = true\ntime_limit = 5\nvisibility = "after_due_date"\n'
        '[parts]\ngrad_cam = {points = 2.5, visibility = "hidden"}\ngram_matrix = 1\nsaliency = 3\n',
    )
    points = read_points(path)
    document = graded(RESULTS, points, seconds=0)
    tests = {test["tags"][0]: test for test in document["tests"]}
    assert points.time_limit == 5
    assert [(name, test["max_score"], test["visibility"]) for name, test in tests.items()] == [
        ("grad_cam", 2.5, "hidden"),
        ("gram_matrix", 1, "after_due_date"),
        ("saliency", 3, "after_due_date"),
    ]
    assert tests["saliency"]["score"] == 0  # asked for, and not found
    assert "not found" in tests["saliency"]["output"]
    assert "averaged" not in tests["grad_cam"]["output"]
    assert "alert" in tests["grad_cam"]["output"]  # as text: Gradescope shows no tags of it
    assert tests["grad_cam"]["output_format"] == "text"


def test_what_a_hand_in_prints_is_left_out_unless_asked_for_and_cut_and_cleaned(tmp_path):
    hidden = to_bytes(graded(RESULTS, read_points(), seconds=0)).decode()
    assert "x" * 100 not in hidden
    path = toml(tmp_path, "show_output = true\n[parts]\ntv_loss = 1\n")
    output = graded(RESULTS, read_points(path), seconds=0)["tests"][0]["output"]
    assert "\x1b" not in output
    assert output.endswith("[cut here]")
    output.encode("utf-8")


def test_the_default_points_are_those_of_the_parts():
    assert read_points().points == {key: part.points for key, part in PARTS.items()}


@pytest.mark.parametrize("error", [float("nan"), float("inf"), np.float32(0.5)])
def test_every_error_can_be_written(error):
    to_bytes(graded([PartResult("tv_loss", "TV loss", "wrong", error)], read_points(), seconds=0.0))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[parts]\ngram = 1", "part 'gram' is unknown; allowed are content_loss, gram_matrix"),
        ("[parts]\ngram_matrix = -1", "gram_matrix is worth -1"),
        ("[parts]\ngram_matrix = true", "gram_matrix is worth True"),
        ("[parts]\ngram_matrix = {visibility = 'visible'}", "gram_matrix is worth None"),
        ("[parts]\ngram_matrix = {points = 1, seen = 2}", "gram_matrix has 'seen'"),
        ("[parts]\ngram_matrix = {points = 1, visibility = 'never'}", "visibility of gram_matrix is 'never'"),
        ("visibility = 'me'\n[parts]\ngram_matrix = 1", "visibility is 'me'; allowed are visible, hidden"),
        ("time_limit = 0\n[parts]\ngram_matrix = 1", "time_limit is 0"),
        ("hints = 1\n[parts]\ngram_matrix = 1", "hints is 1; allowed are true and false"),
        ("grams = 1\n[parts]\ngram_matrix = 1", "'grams' is unknown"),
        ("time_limit = 10", r"no \[parts\]"),
        ("parts = 5", r"no \[parts\]"),
        ("[parts", "is no TOML"),
    ],
)
def test_a_wrong_file_of_points_is_refused_by_name(tmp_path, text, words):
    with pytest.raises(UsageError, match=words):
        read_points(toml(tmp_path, text))


def test_a_file_of_points_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        read_points(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="UTF-8"):
        read_points(tmp_path / "bytes.toml")


# The page


class Tags(HTMLParser):
    """Raises where a tag is not closed in order; keeps attributes and text."""

    VOID = ("meta", "img", "br", "link")

    def __init__(self, text):
        super().__init__()
        self.open, self.found, self.texts = [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names))
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_the_page_is_whole_html_without_scripts_and_escapes_what_a_hand_in_prints():
    text = page(RESULTS, name="mine & <b>yours</b>.zip")
    tags = Tags(text)
    names = [tag for tag, _ in tags.found]
    assert text.startswith("<!DOCTYPE html>")
    assert not {"script", "b", "link", "iframe"} & set(names)
    assert not [name for _, attributes in tags.found for name in attributes if name.startswith("on")]
    assert any("<script>alert('x')</script>" in words for words in tags.texts)  # as text
    pictures = [attributes for tag, attributes in tags.found if tag == "img"]
    assert [each["alt"] for each in pictures] == [
        "Grad-CAM: yours",
        "Grad-CAM: as it should be",
        "Grad-CAM: the difference",
    ]
    assert all(each["src"].startswith("data:image/png;base64,") for each in pictures)
    assert "http" not in text.replace("http-equiv", "")  # self-contained
    ids = [attributes["id"] for _, attributes in tags.found if "id" in attributes]
    assert [attributes["href"] for tag, attributes in tags.found if tag == "a"] == [f"#{each}" for each in ids]
    assert "1 of 4 parts are right" in text
    text.encode("utf-8")


@pytest.mark.parametrize(
    "picture",
    [
        (np.full((5, 7), np.nan), MAP),
        (MAP[:2], MAP),
        (-MAP, MAP),
        (np.zeros((5, 7)), np.zeros((5, 7))),
        (np.ones((4, 4, 3)), np.linspace(-1, 1, 48).reshape(4, 4, 3)),
        (MAP, np.ones((4, 4, 3)) * 255),
        (np.zeros((900, 30)), np.ones((900, 30))),
    ],
)
def test_every_pair_of_pictures_can_be_drawn(picture):
    text = page([PartResult("saliency", "Saliency map", "wrong", 1.0, "So.", picture=picture)])
    assert text.count("<img") == 2 + (picture[0].shape == picture[1].shape and not np.array_equal(*picture))


def test_what_is_no_picture_is_not_drawn():
    for theirs in (np.zeros((0, 3)), np.zeros(3), np.zeros((2, 2, 4)), np.array([["a"]])):
        text = page([PartResult("saliency", "Saliency map", "wrong", picture=(theirs, MAP))])
        assert "<img" not in text


# The table


@pytest.fixture
def hand_ins(tmp_path):
    """A folder with three hand-ins, two of which are whole, and a file that is none."""
    folder = tmp_path / "hand-ins"
    (folder / "ada").mkdir(parents=True)
    (folder / "ada" / "style_utils.py").write_text("1")
    (folder / "=bob.zip").write_bytes(b"PK")
    (folder / "carl.zip").write_bytes(b"broken")
    (folder / "notes.txt").write_text("")
    (folder / ".hidden").mkdir()
    return folder


def checking(seen):
    def check(path):
        seen.append(path.name)
        if path.name == "carl.zip":
            raise WorkError("'carl.zip' is no zip")
        return RESULTS if path.name == "ada" else [RIGHT]

    return check


def silent(_):
    pass


def test_a_table_has_a_row_a_part_and_goes_on_after_a_broken_hand_in(hand_ins, tmp_path):
    path, said = tmp_path / "table.csv", []
    table = tabulate(hand_ins, path, checking([]), say=said.append)
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    assert rows == table.rows
    assert [(row["name"], row["part"], row["verdict"]) for row in rows] == [
        ("'=bob.zip", "gram_matrix", "right"),  # or a spreadsheet would take the name for a formula
        ("ada", "gram_matrix", "right"),
        ("ada", "grad_cam", "wrong"),
        ("ada", "tv_loss", "crashed"),
        ("ada", "fooling", "not written"),
        ("carl.zip", "", "not checked"),
    ]
    assert rows[2]["mistakes"] == "weights by maximum; no ReLU"
    assert rows[2]["error"] == "0.31"
    assert rows[-1]["sentence"] == "''carl.zip' is no zip" or "is no zip" in rows[-1]["sentence"]
    assert len(said) == 3
    words = "\n".join(summary(table, path))
    assert "left out, neither zip nor folder: notes.txt" in words
    assert "3 hand-ins (3 checked now, 0 kept): 1 all right, 1 with faults, 1 not checked" in words


def test_mistakes_are_counted_the_most_frequent_first():
    rows = [
        {"part": "grad_cam", "verdict": "wrong", "mistakes": names}
        for names in ("no ReLU", "a; no ReLU", "", "no ReLU")
    ]
    rows += [{"part": "tv_loss", "verdict": verdict, "mistakes": ""} for verdict in ("crashed", "right", "not checked")]
    assert count_mistakes(rows) == [
        (3, "grad_cam", "no ReLU"),
        (1, "grad_cam", "(wrong, mistake not known)"),
        (1, "grad_cam", "a"),
        (1, "tv_loss", "(crashed)"),
    ]


def test_a_table_goes_on_where_it_stopped(hand_ins, tmp_path):
    path, seen = tmp_path / "table.csv", []

    def stopped(hand_in):
        if hand_in.name == "ada":
            raise KeyboardInterrupt
        return checking(seen)(hand_in)

    with pytest.raises(KeyboardInterrupt):
        tabulate(hand_ins, path, stopped, say=silent)
    assert seen == ["=bob.zip"]
    tabulate(hand_ins, path, checking(seen), say=silent)
    assert seen == ["=bob.zip", "ada", "carl.zip"]
    tabulate(hand_ins, path, checking(seen), say=silent)
    assert seen[3:] == ["carl.zip"]  # what could not be checked is tried again
    (hand_ins / "ada" / "style_utils.py").write_text("2")
    shutil.rmtree(hand_ins / "carl.zip", ignore_errors=True)
    (hand_ins / "carl.zip").unlink()
    table = tabulate(hand_ins, path, checking(seen), say=silent)
    assert seen[4:] == ["ada"]  # it has changed
    assert (table.checked, table.kept, table.gone) == (1, 1, 1)
    assert {row["name"] for row in table.rows} == {"'=bob.zip", "ada", "carl.zip"}
    table = tabulate(hand_ins, path, checking(seen), settings="another network", say=silent)
    assert table.checked == 2
    table = tabulate(hand_ins, path, checking(seen), settings="another network", fresh=True, say=silent)
    assert (table.checked, table.gone) == (2, 0)


def test_a_fingerprint_follows_content_names_and_settings(tmp_path):
    folder = tmp_path / "a"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "x.py").write_text("1")
    first = fingerprint(folder)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.pyc").write_text("1")
    assert fingerprint(folder) == first != fingerprint(folder, "other")
    (folder / "sub" / "x.py").rename(folder / "sub" / "y.py")
    assert fingerprint(folder) != first
    os.mkfifo(folder / "pipe")  # nobody waits for it
    (folder / "link").symlink_to("/nowhere")
    fingerprint(folder)


@pytest.mark.parametrize("content", ["name,points\nada,3\n", "\n\n", "name\n"])
def test_another_table_is_not_written_over(hand_ins, tmp_path, content):
    path = tmp_path / "grades.csv"
    path.write_text(content)
    with pytest.raises(UsageError, match="is no table of this program"):
        tabulate(hand_ins, path, checking([]), say=silent)
    with pytest.raises(UsageError, match="is no table of this program"):
        outlets.prepare(parsed("--table", path))
    assert path.read_text() == content
    outlets.prepare(parsed("--table", path, "--overwrite"))
    assert read_rows(path) == []


def test_a_folder_without_hand_ins_is_refused(tmp_path):
    (tmp_path / "mine" / "visualizers").mkdir(parents=True)
    with pytest.raises(UsageError, match="is one hand-in itself"):
        tabulate(tmp_path / "mine", tmp_path / "t.csv", checking([]))
    shutil.rmtree(tmp_path / "mine")
    with pytest.raises(UsageError, match="no zip and no folder"):
        tabulate(tmp_path, tmp_path / "t.csv", checking([]))
    with pytest.raises(UsageError, match="is no folder"):
        tabulate(tmp_path / "none", tmp_path / "t.csv", checking([]))


# The flags


def test_the_flags_write_what_they_name(tmp_path):
    options = parsed("--json", tmp_path / "r.json", "--html", tmp_path / "r.html")
    assert outlets.prepare(options).points == read_points().points
    for _ in range(2):  # what this program wrote, it may replace
        outlets.prepare(options)
        said = outlets.write_outlets(RESULTS, options, name="mine", seconds=3)
    assert said[0].endswith("r.json: 8 of 34 points")
    assert json.loads((tmp_path / "r.json").read_text())["score"] == 8
    Tags((tmp_path / "r.html").read_text(encoding="utf-8"))


def test_parts_that_were_not_checked_are_not_graded(tmp_path):
    options = parsed("--json", tmp_path / "r.json", "--points", toml(tmp_path, POINTS))
    options.only = ["gram_matrix"]
    assert outlets.write_outlets([RIGHT], options)[0].endswith("3 of 3 points")


@pytest.mark.parametrize("flag", ["--json", "--html"])
def test_a_file_of_another_origin_is_kept(tmp_path, flag):
    path = tmp_path / "style_utils.py"
    path.write_text("mine")
    with pytest.raises(UsageError, match="not written by this program"):
        outlets.prepare(parsed(flag, path))
    with pytest.raises(UsageError, match="is a folder"):
        outlets.prepare(parsed(flag, tmp_path))
    outlets.prepare(parsed(flag, path, "--overwrite"))


def test_flags_that_do_not_fit_together_are_refused(tmp_path):
    with pytest.raises(UsageError, match="--table: it checks many"):
        outlets.prepare(parsed("--table", tmp_path / "t.csv", "--json", tmp_path / "r.json"))
    with pytest.raises(UsageError, match="--fresh"):
        outlets.prepare(parsed("--fresh"))


def test_the_table_flag_returns_whether_all_are_right(hand_ins, tmp_path):
    options, said = parsed("--table", tmp_path / "t.csv"), []
    assert outlets.write_table(hand_ins, options, checking([]), say=said.append) == 1
    assert said[-1].startswith("wrote ")
    assert outlets.write_table(hand_ins, options, lambda path: [RIGHT], say=silent, settings="new") == 0


# Packing with --check. The checks are made up here: what the real ones find is tested where they are.

FAKE_CHECKS = """
import json, sys, zipfile
path, flag, report = sys.argv[1:]
assert flag == "--json" and "cs231n/net_visualization_pytorch.py" in zipfile.ZipFile(path).namelist()
VERDICT
json.dump({"tests": [
    {"name": "TV loss", "status": "passed", "output": "right"},
    {"name": "Grad-CAM", "status": STATUS, "output": "wrong, error 0.3\\nLook at the weights."},
]}, open(report, "w"))
"""


@pytest.fixture
def collecting(tmp_path):
    """Run a copy of the script that lies in a student's folder; `checks` is the text of check_submission.py."""

    def run(*flags, checks=None):
        folder = tmp_path / "mine"
        (folder / "cs231n").mkdir(parents=True, exist_ok=True)
        functions = ("compute_saliency_maps", "make_fooling_image", "class_visualization_update_step")
        text = "".join(f"def {name}(*given): pass\n" for name in functions)
        (folder / "cs231n" / "net_visualization_pytorch.py").write_text(text)
        (folder / "notebook.ipynb").write_text("{}")
        shutil.copyfile(ROOT / "collect_submission.py", folder / "collect_submission.py")
        place = tmp_path / "place"
        (place / "course").mkdir(parents=True, exist_ok=True)
        if checks:
            (place / "check_submission.py").write_text(checks)
            (place / "course" / "check.py").write_text("")
        command = [sys.executable, folder / "collect_submission.py", "--output", tmp_path / "out.zip", *flags]
        environment = {**os.environ, "PYTHONPATH": str(place)}
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)

    return run


def fake(status, verdict=""):
    return FAKE_CHECKS.replace("VERDICT", verdict).replace("STATUS", repr(status))


def test_a_hand_in_is_packed_when_its_numbers_are_right_or_it_is_forced(collecting, tmp_path):
    wrong = collecting("--check", checks=fake("failed"))
    assert wrong.returncode == 1
    assert "collect_submission.py: Grad-CAM: wrong, error 0.3: Look at the weights." in wrong.stderr
    assert "  TV loss: right" in wrong.stdout
    assert not (tmp_path / "out.zip").exists()
    forced = collecting("--check", "--force", checks=fake("failed"))
    assert forced.returncode == 0
    assert "problems: 1" in forced.stdout
    (tmp_path / "out.zip").unlink()
    right = collecting("--check", checks=fake("passed"))
    assert right.returncode == 0
    assert not right.stderr
    assert zipfile.is_zipfile(tmp_path / "out.zip")


def test_numbers_are_checked_only_if_asked_for(collecting):
    assert collecting(checks=fake("failed")).returncode == 0


@pytest.mark.parametrize("check", [True, False])
def test_checks_that_are_not_there_or_do_not_run_are_told(collecting, check):
    words = "sys.exit('check_submission.py: the package torch is missing')" if check else None
    result = collecting("--check", checks=fake("passed", words) if check else None)
    told = "check_submission.py: the package torch is missing" if check else "check_submission.py is not here"
    assert result.returncode == 1
    assert f"not checked: {told}" in result.stderr
    assert "Traceback" not in result.stderr
