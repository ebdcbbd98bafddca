"""Standard output or error closed, or on a full disk: the work is done, in real processes."""

import os
import subprocess
import sys

import pytest

from core.defaults import ROOT

SCENES = ["-m", "studies", "scenes", "--size", "32", "--per-class", "1", "--output"]
CLOSED = [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"]


def shell(arguments, ending, folder):
    """Run Python with these arguments and this ending of a shell's line."""
    line = f'exec "$0" "$@" {ending}' if "|" not in ending else f'"$0" "$@" {ending}'
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = ["bash", "-c", line, sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("ending", CLOSED[-1:])  # each run takes seconds: the lists below try all of them
def test_a_study_with_closed_streams_does_its_work(ending, tmp_path):
    result = shell([*SCENES, "a.png"], ending, tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "a_masks.png"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_study_whose_words_find_no_room_does_its_work_and_says_what_is_lost(tmp_path):
    result = shell([*SCENES, "a.png"], ">/dev/full", tmp_path)
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert "standard output took no more (No space left on device); the work is done" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "a_masks.png"]


def test_a_closed_pipe_stops_the_work_in_one_sentence(tmp_path):
    result = shell([*SCENES, "a.png"], "| true", tmp_path)
    assert result.stderr.count("\n") <= 1  # none, where all was said before the pipe was closed
    assert "Traceback" not in result.stderr
    assert "unexpected" not in result.stderr


@pytest.mark.parametrize("ending", [*CLOSED[:3], ">/dev/full", ">/dev/full 2>/dev/full"])
def test_wrong_use_and_lists_keep_their_exit_codes(ending, tmp_path):
    lost = int("full" in ending)
    for arguments, code in ((["-m", "training"], lost), (["-m", "studies", "nothing"], 2)):
        result = shell(arguments, ending, tmp_path)
        assert result.returncode == code, arguments
        assert "Traceback" not in result.stderr
        assert "unexpected" not in result.stderr


def test_a_root_script_lists_its_flags_with_error_closed(tmp_path):
    result = shell([ROOT / "gradcam_visualization.py", "--help"], "2>&-", tmp_path)
    assert result.returncode == 0
    assert "--overwrite" in result.stdout
    assert shell([ROOT / "saliency_visualization.py", "--size", "7"], ">&- 2>&-", tmp_path).returncode == 2


def test_a_training_does_its_work_with_closed_streams(tmp_path):
    training = ["-m", "training", "evaluate", "--scenes", "1", "--size", "64", "--output", "a.md"]
    assert shell(training, ">&- 2>&-", tmp_path).returncode == 0
    assert (tmp_path / "a.md").read_text().startswith("| scenes | seed |")


@pytest.mark.parametrize("ending", [">&-", "<&- >&- 2>&-", ">/dev/full 2>/dev/full", "| true"])
def test_a_hand_in_is_packed_whatever_the_streams_are(ending, tmp_path):
    folder = tmp_path / "mine"
    (folder / "style_modules").mkdir(parents=True)
    (folder / "style_modules" / "content_loss.py").write_text("x = 1\n")
    pack = [ROOT / "collect_submission.py", folder, "--edition", "cs7643-visualizers", "--force"]
    result = shell([*pack, "--output", tmp_path / "a.zip"], ending, tmp_path)
    assert "Traceback" not in result.stderr
    assert (tmp_path / "a.zip").exists(), result.stderr


def test_a_hand_in_never_takes_the_place_of_another_file(tmp_path):
    test_a_hand_in_is_packed_whatever_the_streams_are(">&-", tmp_path)
    pack = [ROOT / "collect_submission.py", tmp_path / "mine", "--edition", "cs7643-visualizers", "--output"]
    own = tmp_path / "mine" / "style_modules" / "content_loss.py"
    result = shell([*pack, own], "", tmp_path)
    assert result.returncode == 2
    assert "is there already and no .zip" in result.stderr
    assert own.read_text() == "x = 1\n"
