"""Several processes: the files of one, each picture once, whoever is killed; and two runs that meet in one folder."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch.distributed as dist
from conftest import run as run_study
from PIL import Image

from core import sharing
from core.defaults import ROOT
from core.errors import UsageError, WorkError
from core.sharing import ALONE, LOCK, Company, FirstEnded, one_run_in, started
from studies.fooling.figure import Judged
from studies.fooling.parcels import Told, packed, unpacked
from studies.shared.report import counted
from studies.shared.runner import flags_of, study_names

# What may be told to a process of two that torchrun starts, by its rank: to kill itself, or that the disk is full.
HINDERED = """
import os, signal, sys
from core import files
from studies.shared.runner import run_study

write, count = files.os.replace, 0

def replace(beside, path):
    global count
    count += str(path).endswith(".png")
    if os.environ["RANK"] == os.environ["HINDERED"] and count == 3:
        if os.environ["HOW"] == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(28, "No space left on device")
    write(beside, path)

class Os:
    def __getattr__(self, name):
        return replace if name == "replace" else getattr(os, name)

files.os = Os()
sys.exit(run_study(sys.argv[1], sys.argv[2:]))
"""


@pytest.fixture
def pictures(tmp_path):
    """Eleven pictures, one that is broken, and a list of them that names one that is not there."""
    (tmp_path / "p").mkdir()
    for number in range(11):
        pixels = np.random.default_rng(number).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "p" / f"{number:02}.png")
    (tmp_path / "p" / "04 broken.png").write_text("nothing")
    names = sorted(path.name for path in (tmp_path / "p").iterdir())
    (tmp_path / "p" / "list.txt").write_text("\n".join([*names, "gone.png"]))
    return tmp_path / "p"


def start(folder, *arguments, processes=2, script=None, **environment):
    """A study in processes that torchrun starts."""
    folder.mkdir(exist_ok=True)
    what = [str(script)] if script else ["-m", "studies"]
    own = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | environment
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(processes), *what]
    command += map(str, arguments)
    return subprocess.run(command, cwd=folder, env=own, capture_output=True, text=True, check=False, timeout=600)


@pytest.fixture
def here(monkeypatch, capsys):
    """A study in this process, as one of several if a company is given: exit code, words and errors."""

    def run(folder, *arguments, there=ALONE):
        folder.mkdir(exist_ok=True)
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sharing, "_present", there)
        code = run_study(*arguments)
        return code, *capsys.readouterr()

    return run


def contents(folder, endings=(".png", ".npz", ".md", ".csv")):
    """What a run has made, by name; of a table without how long each picture took."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix in endings and "_cache" not in str(path):
            found[str(path.relative_to(folder))] = path.read_bytes()
    for name in [name for name in found if name.startswith("out/explained.")]:
        rows = found.pop(name).decode().splitlines()
        found[name] = [row.rpartition(",")[0] for row in rows] if name.endswith(".csv") else rows[:-1]
    return found


@pytest.mark.slow
def test_two_processes_explain_as_one_and_a_killed_one_is_made_good_by_a_second_start(
    pictures, tmp_path, weights, here
):
    arguments = ("explain", "--size", "64", "--maps", "--output", "out", "--images", f"@{pictures / 'list.txt'}")
    one, two = tmp_path / "one", tmp_path / "two"
    code, _, errors = here(one, *arguments)
    assert code == 1
    script = tmp_path / "hindered.py"
    script.write_text(HINDERED)
    killed = start(two, *arguments, script=script, HINDERED="1", HOW="kill")
    assert killed.returncode != 0
    before = {path: path.stat().st_mtime_ns for path in (two / "out").glob("*.png")}
    assert 2 <= len(before) < 11
    assert not (two / "out" / "explained.csv").exists()
    again = start(two, *arguments)
    assert again.returncode == 1
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert f"wrote {counted(11 - len(before), 'picture')} to out; there already: {len(before)}" in again.stdout
    assert contents(two) == contents(one)
    assert not (two / "out" / LOCK).exists()
    for name in ("04 broken.png", "gone.png"):
        assert again.stderr.count(name) == errors.count(name) == 1
    assert again.stdout.count("weights: ") == again.stdout.count("wrote out/explained.csv") == 1


@pytest.mark.slow
def test_where_the_disk_of_one_process_is_full_the_others_go_on(pictures, tmp_path, weights, here):
    (pictures / "04 broken.png").unlink()
    arguments = ("explain", "--size", "64", "--output", "out", "--images", pictures)
    script = tmp_path / "hindered.py"
    script.write_text(HINDERED)
    full = start(tmp_path, *arguments, script=script, HINDERED="1", HOW="full")
    assert full.returncode == 1
    assert "process 1: output: 'out/" in full.stderr
    assert "No space left on device" in full.stderr
    there = {path.name for path in (tmp_path / "out").glob("*.png")}
    assert there >= {f"{number:02}.png" for number in range(0, 11, 2)}  # the share of the first
    assert len(there) < 11
    assert here(tmp_path, *arguments)[0] == 0
    assert len(list((tmp_path / "out").glob("*.png"))) == 11


OTHERS = {
    "trust": ("--technique", "gradient", "--checked", "2", "--draws", "1", "--stages", "3"),
    "embedding": ("--technique", "neighbours", "--neighbours", "2"),
    "neurons": ("--technique", "patches", "--channels", "2", "5", "--layer", "features.3"),
    "fooling": ("--iterations", "3", "--labels", "3"),
}


@pytest.mark.parametrize("study", [pytest.param("trust", marks=pytest.mark.slow), *list(OTHERS)[1:]])
def test_what_several_processes_find_together_is_what_one_finds(study, pictures, tmp_path, weights, here):
    arguments = (study, "--size", "64", "--images", pictures, *OTHERS[study])
    code, said, errors = here(tmp_path / "one", *arguments)
    store = dist.HashStore()
    for rank in (2, 1):  # they wait for nobody, so they can go before the first
        assert here(tmp_path / "two", *arguments, there=Company(rank, 3, store)) == (0, "", "")
    code_together, said_together, errors_together = here(tmp_path / "two", *arguments, there=Company(0, 3, store))
    assert (code_together, errors_together) == (code, errors)
    assert errors.count("04 broken.png") == 1
    left_out = (
        "features: ",
        "gradient (saliency): ",
        "Sobel edges: ",
        "centre: ",
        "random map: ",
    )  # what was made when
    lines, lines_together = (
        [line for line in each.splitlines() if not line.startswith(left_out)] for each in (said, said_together)
    )
    assert lines_together == lines
    assert contents(tmp_path / "two") == contents(tmp_path / "one") != {}


@pytest.mark.slow
def test_several_processes_choose_the_same_channels(pictures, tmp_path, weights, here):
    arguments = ("neurons", "--size", "64", "--images", pictures, "--count", "2", "--iterations", "1")
    here(tmp_path / "one", *arguments)
    assert start(tmp_path / "two", *arguments).returncode == 1  # one picture is broken
    assert contents(tmp_path / "two") == contents(tmp_path / "one") != {}


@pytest.mark.slow
def test_a_study_of_one_picture_is_done_by_the_first_process_alone(pictures, tmp_path, weights):
    run = start(tmp_path, "saliency", "--size", "64", "--no-captum", "--images", pictures / "00.png", processes=3)
    assert run.returncode == 0
    assert run.stdout.count("saliency has nothing to share: the first of the 3 processes does it alone") == 1
    assert run.stdout.count("wrote ") == 1


# The words between processes, in threads of this one.


def together(size, work):
    """What `work(company)` gives in each of some processes, or the exception that it raises."""
    store, found = dist.HashStore(), [None] * size

    def act(rank):
        try:
            found[rank] = work(Company(rank, size, store))
        except Exception as error:
            found[rank] = error

    threads = [threading.Thread(target=act, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found


def test_work_is_dealt_each_piece_once():
    shares = together(3, lambda there: list(there.deal(range(8))))
    assert shares == [[0, 3, 6], [1, 4, 7], [2, 5]]
    assert list(ALONE.deal("abc")) == ["a", "b", "c"]


def test_the_first_gets_the_parts_of_all_however_large(monkeypatch):
    monkeypatch.setattr(sharing, "PIECE", 5)
    parts = [b"", b"12345", b"1234567890ab"]
    assert together(3, lambda there: there.gather(parts[there.rank])) == [parts, [], []]
    assert ALONE.gather(b"x") == [b"x"]


def test_several_questions_do_not_mix():
    def work(there):
        first = there.gather(b"a%d" % there.rank)
        word = there.follow(b"go" if there.leads else b"")
        return first, word, there.gather(b"b%d" % there.rank)

    assert together(2, work) == [([b"a0", b"a1"], b"go", [b"b0", b"b1"]), ([], b"go", [])]
    assert ALONE.follow(b"x") == b"x"


def test_a_process_that_ends_early_is_missed_and_not_waited_for():
    def work(there):
        if there.rank == 1:
            return there.end(1)
        parts = there.gather(b"here")
        return parts, there.end(0)

    assert together(3, work) == [([b"here", None, b"here"], 1), 0, ([], 0)]


def test_without_the_first_the_others_end():
    def work(there):
        if there.leads:
            return there.end(2)
        try:
            return there.follow()
        except FirstEnded:
            return there.end(0)

    assert together(2, work) == [2, 0]


def test_the_exit_code_is_the_first_ones_or_1_and_nobody_is_waited_for_after_ctrl_c():
    for codes, expected in (((0, 0), [0, 0]), ((0, 1), [1, 0]), ((2, 0), [2, 0]), ((0, 130), [1, 130])):
        assert together(2, lambda there, codes=codes: there.end(codes[there.rank])) == expected
    assert Company(0, 2, dist.HashStore()).end(130) == 130


def test_patience_ends(monkeypatch):
    monkeypatch.setattr(sharing, "PATIENCE", 0.1)
    with pytest.raises(WorkError, match="process 1 of 2 has not ended"):
        Company(0, 2, dist.HashStore()).gather()


def test_the_bytes_between_processes_bring_attacks_unchanged():
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    judged = Judged("PGD\n", picture, picture[::-1], picture / 7, True, "a", "", "ü \u2192", "L2 1")
    found = unpacked(packed({3: Told(judged, "line"), 5: Told(judged._replace(fooled=False), "")}))
    assert list(found) == [3, 5]
    assert found[3].words == "line"
    assert (found[3].judged.fooled, found[5].judged.fooled) == (True, False)
    for mine, theirs in zip(found[3].judged, judged, strict=True):
        assert type(mine) is type(theirs)
        assert np.array_equal(mine, theirs)
    assert unpacked(packed({})) == {}


def test_what_torchrun_says_is_read_and_what_it_would_not_say_is_ignored(monkeypatch):
    assert started() == (0, 1)
    for rank, size, expected in (("1", "3", (1, 3)), ("x", "3", (0, 1)), ("3", "3", (0, 1)), ("0", "1", (0, 1))):
        monkeypatch.setenv("RANK", rank)
        monkeypatch.setenv("WORLD_SIZE", size)
        assert started() == expected


def test_every_study_that_others_have_no_use_in_ends_at_once_in_them(monkeypatch, capsys):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    shared = {name for name in study_names() if getattr(flags_of(name), "SHARES_WORK", False)}
    assert shared >= {"explain", *OTHERS}
    for name in set(study_names()) - shared:
        assert run_study(name) == 0
    with pytest.raises(SystemExit):
        run_study("explain", "--size", "none")  # the first says it
    assert capsys.readouterr() == ("", "")


def test_processes_that_cannot_meet_say_so(monkeypatch, pictures, weights, capsys):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("MASTER_PORT", raising=False)
    assert run_study("explain", "--images", pictures, "--output", "out") == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "process 1: the other processes cannot be reached" in said


# Two runs in one folder


def test_a_second_run_in_the_folder_of_another_is_refused_in_a_sentence(pictures, weights, capsys):
    (pictures / "04 broken.png").unlink()
    arguments = ("explain", "--size", "64", "--output", "out", "--images", pictures / "00.png")
    with one_run_in(Path("out")):
        assert run_study(*arguments) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "another run is writing to this folder" in said
        assert [path.name for path in Path("out").iterdir()] == [LOCK]
    assert run_study(*arguments) == 0
    assert not (Path("out") / LOCK).exists()


def test_the_folder_is_free_when_its_run_was_killed(tmp_path):
    code = """
import time
from pathlib import Path
from core.sharing import one_run_in
with one_run_in(Path("out")):
    print("in", flush=True)
    time.sleep(60)
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE) as child:
        assert child.stdout.readline() == b"in\n"
        with pytest.raises(UsageError), one_run_in(Path("out")):
            pass
        child.send_signal(signal.SIGKILL)
        child.wait()
    with one_run_in(Path("out")):
        assert (Path("out") / LOCK).exists()
    assert list(Path("out").iterdir()) == []  # it was there before


def test_what_a_killed_run_was_writing_is_swept_away_and_nothing_else():
    out = Path("out")
    out.mkdir()
    for name in (".a.png.12-13.part", ".b.png.12-13-1.part", "c.12-13.part", ".d.part", ".e.png.12-13.part.png"):
        (out / name).write_text("x")
    with one_run_in(out):
        pass
    assert sorted(path.name for path in out.iterdir()) == [".d.part", ".e.png.12-13.part.png", "c.12-13.part"]


def test_a_folder_that_nothing_was_written_to_goes_away_again():
    with one_run_in(Path("new")):
        assert Path("new").is_dir()
    assert not Path("new").exists()


def test_a_lock_that_is_no_file_of_ours_is_not_followed(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "precious").write_text("x")
    (tmp_path / "out" / LOCK).symlink_to(tmp_path / "precious")
    with one_run_in(tmp_path / "out"):
        pass
    assert (tmp_path / "precious").read_text() == "x"
