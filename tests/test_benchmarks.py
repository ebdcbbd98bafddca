"""The benchmarks count and compare right. What they measure is not tested: it is the machine's, not ours."""

import subprocess
import sys
from argparse import Namespace
from dataclasses import replace

import pytest
import torch
from conftest import run
from PIL import Image
from torchvision.models import squeezenet1_1

from benchmarks import captum_folder, gpu, waits
from benchmarks.growth import growth
from benchmarks.neighbour import awake, busy, time_of
from benchmarks.speed_table import Line, Row, as_numbers, as_text, span
from benchmarks.style import OWN, PLAIN, WAYS
from benchmarks.timing import convolution_rate, operations_of, summary, take_turns
from core.errors import WorkError
from drawing.tables import markdown, write_csv
from studies.style.flags import PRESETS


def line(ratio=2.0, goal=1.5):
    row = Row("saliency", 5, 224, {"Captum": goal})
    return Line(row, "Captum", (0.05, 0.04, 0.06), (0.1, 0.09, 0.2), ratio, goal, "1e-07, 2e-07", 0.3, (80.0, 600.0))


def test_implementations_take_turns_after_one_call_to_warm_up():
    calls = []
    implementations = {"a": lambda: calls.append("a") or "A", "b": lambda: calls.append("b") or "B"}
    taken = take_turns(implementations, budget=0, least=3, most=9)
    assert "".join(calls) == "ab" * 4
    assert [result for result, _ in taken.values()] == ["A", "B"]
    assert [len(seconds) for _, seconds in taken.values()] == [3, 3]


def test_operations_are_those_of_the_convolution_forward_and_back():
    images, weights = torch.randn(1, 3, 6, 6, requires_grad=True), torch.randn(4, 3, 3, 3)

    def work():
        torch.autograd.grad(torch.nn.functional.conv2d(images, weights, padding=1).sum(), images)

    forward = 2 * 4 * 36 * 3 * 9
    assert operations_of(work) == 2 * forward


def test_a_machine_convolves_at_some_rate():
    assert convolution_rate(rounds=1) > 1e6


def test_the_summary_is_median_least_and_largest():
    assert summary([3, 1, 2, 9, 4]) == (3, 1, 9)


def test_a_line_says_its_times_ratio_goal_and_memory():
    words = " | ".join(as_text(line(), 1.23))
    assert words.startswith("saliency | 5 x 224 | 50.0 (40.0 to 60.0) | Captum | 100 (90 to 200) | 2.00 | 1.5 | 1.2 | ")
    assert words.endswith(" | 1e-07, 2e-07 | 80, 600")
    assert as_numbers(line())[:5] == ["saliency", 5, 224, "Captum", "50.000"]
    assert span((1.5, 1.0, 2.0)) == "1500 (1000 to 2000)"


def test_growth_compares_the_ends_with_the_pixels():
    times = ((192, 1.0, 10.0, 50.0), (384, 4.0, 40.0, 60.0), (768, 16.0, 320.0, 400.0))
    rows = [("saliency", 1, size, pixels, time, 0, 0, memory) for size, pixels, time, memory in times]
    assert growth(rows, "saliency") == [
        "time grows 2.00 times as fast as the pixels with the size",
        "memory grows 0.50 times as fast as the pixels with the size",
        "time grows 2.00 times as fast as the pixels with the size from the last but one",
        "memory grows 1.67 times as fast as the pixels with the size from the last but one",
    ]


def test_a_table_is_the_same_rows_as_markdown_and_as_csv(tmp_path):
    assert markdown(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |\n"
    path = write_csv(tmp_path / "x.md", ["a", "b"], [["1", "two, three"]])
    assert path.name == "x.csv"
    assert path.read_text() == 'a,b\n1,"two, three"\n'


def test_loss_against_time_is_measured_of_each_way(weights, monkeypatch, tmp_path, capsys):
    small = replace(PRESETS[OWN], size=36, style_size=36)
    monkeypatch.setitem(PRESETS, OWN, small)
    assert run("benchmarks.style", "--rounds", "1", "--iterations", "2", "--output", tmp_path) == 0
    assert {path.name for path in tmp_path.iterdir()} >= {"style.csv", "style.md", "style.png"}
    table = (tmp_path / "style.md").read_text()
    assert all(f"| {way} |" in table for way in (PLAIN, *WAYS))
    assert f"wrote {tmp_path}/style.png" in capsys.readouterr().out
    assert run("benchmarks.style", "--pictures", tmp_path) == 2
    assert "tubingen.jpg' is not there; give a folder that has it" in capsys.readouterr().err


def test_recognition_counts_the_first_and_the_first_five(weights, monkeypatch, tmp_path):
    from studies.shared.forms import FORMS

    for settings in FORMS.values():
        monkeypatch.setitem(settings, "iterations", 1)
    table = tmp_path / "table.md"
    arguments = ["--weights", weights, "--judge", weights, "--output", table]
    assert run("benchmarks.recognition", *arguments) == 0
    lines = table.read_text().splitlines()
    rows = [line.split(" | ") for line in lines[lines.index(next(x for x in lines if "class asked" in x)) + 2 :]]
    assert len(rows) == 10
    for column, form in enumerate(("pixels", "pixels, contrast stretched", "fourier"), start=1):
        first = sum(row[column].rstrip(" |") == row[0].strip("| ") for row in rows)
        five = first + sum("(place " in row[column] for row in rows)
        assert f"| {form} | 10 | {first} ({first / 10:.0%}) | {five} ({five / 10:.0%}) |" in lines


def test_a_judge_that_cannot_judge_is_one_sentence(weights, monkeypatch, tmp_path, capsys):
    import torch

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "alexnet-owt-7be5be79.pth").write_bytes(b"cut off")
    for code, words, arguments in (
        (2, "has other classes than", ["--judge", "patterns", "--weights", weights]),
        (
            2,
            "'resnet' is no image classifier of torchvision; did you mean resnet",
            ["--judge-model", "resnet", "--weights", weights],
        ),
        (2, "know ImageNet's classes", ["--judge-model", "resnet18"]),
        (1, "cannot be reached", ["--judge-model", "resnet18", "--weights", weights]),
        (1, "alexnet-owt-7be5be79.pth' is damaged", ["--judge-model", "alexnet", "--weights", weights]),
    ):
        assert run("benchmarks.recognition", *arguments, "--output", tmp_path / "table.md") == code
        said = capsys.readouterr().err
        assert words in said
        assert "Traceback" not in said
    assert not (tmp_path / "table.md").exists()


def test_two_at_once_take_as_long_as_the_slower():
    kept = []
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    for answer in ("1.5 2.5", "3.5 0.5"):
        echo = f"for line in iter(input, 'end'): print({answer!r}, flush=True)"
        kept.append(subprocess.Popen([sys.executable, "-c", echo], **pipes))
    assert time_of("saliency", kept, "nobody") == (1.5, 2.5)
    assert time_of("saliency", kept, "itself") == (3.5, 0.5)
    with awake(kept):
        for process in kept:
            process.communicate("end\n", timeout=60)


def test_a_busy_neighbour_ends_with_its_block(monkeypatch):
    started, original = [], subprocess.Popen
    monkeypatch.setattr(
        subprocess, "Popen", lambda *words, **how: started.append(original(*words, **how)) or started[0]
    )
    with busy():
        assert started[0].poll() is None
    assert started[0].poll() is not None


def test_the_yardstick_explains_a_folder(tmp_path):
    (tmp_path / "in").mkdir()
    Image.new("RGB", (80, 64), "teal").save(tmp_path / "in" / "one.png")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.save(squeezenet1_1(num_classes=3).state_dict(), tmp_path / "w.pth")
    captum_folder.main(Namespace(folder=tmp_path / "in", output=tmp_path / "out", weights=tmp_path / "w.pth"))
    with Image.open(tmp_path / "out" / "one.png") as drawn:
        assert drawn.size == (1320, 320)


def test_a_command_is_timed_with_its_memory_and_its_failure_is_one_sentence():
    taken = waits.timed("-c", "x = bytearray(b'1' * 2**25)")
    assert taken.seconds > 0
    assert taken.mebibytes > 32
    assert waits.row("a", "b", [taken], "c", [taken], goal="d")[5:7] == ["1.00", "d"]
    with pytest.raises(WorkError, match="exit code 3, told"):
        waits.timed("-c", "import sys; print('told', file=sys.stderr); sys.exit(3)")


def test_on_a_gpu_each_work_has_its_rows_and_a_result_its_error():
    rows = gpu.rows_of((1, 25), (64, 128), None)
    assert [row for row in rows if row.work in ("occlusion", "style step")] == [
        ("occlusion", 1, 224),
        ("style step", 1, 64),
        ("style step", 1, 128),
    ]
    exact = torch.tensor([[3.0, 4.0], [0.0, 2.0], [1.0, 0.0]], dtype=torch.float64)
    ours = torch.tensor([[3.0, 4.5], [0.0, 2.0], [1.0, 0.5]])
    assert gpu.error((ours,), (exact,)) == "1e-01, 5e-01"
    before = torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
    with gpu.tensor_floats(not before[0]):
        assert torch.backends.cudnn.allow_tf32 != before[0]
    assert (torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()) == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_its_benchmark_says_so_in_one_sentence(capsys):
    assert run("benchmarks.gpu") == 2
    assert "'cuda' is not available here" in capsys.readouterr().err
