"""What a work costs: declared by every study and training, told before it where it is much, and not a word else."""

from dataclasses import replace
from importlib import import_module

import pytest
import torch

from core.errors import WorkError
from studies.shared import cost, free_memory
from studies.shared.cost import Cost, Expected, drawing, expect, forwards, gradients, sentence, tell
from studies.shared.map_cost import map_cost
from studies.shared.report import Report
from studies.shared.runner import flags_of, study_names
from tests.conftest import random_squeezenet, run
from training import commands, evaluate
from training.flags import COMMANDS
from training.flags import parser as training_parser
from training.flags import settings as training_settings
from visualizers.catalogue import TECHNIQUES

GIGABYTE = 1e9
# Of each study and training a call that needs more than two gigabytes or five minutes. Those of the first lines passed
# three gigabytes without a word. A new study needs a line here, and a cost.py.
LARGE = {
    "gradcam": "--size 1024",
    "deepdream": "--size 4096",
    "style": "--style-size 4096 --preset swirling_night",
    "training styles": "--batch 1024",
    "bias": "--iterations 100000",
    "classes": "--size 1024 --iterations 100000",
    "confidence": "--pictures 100000",
    "embedding": "--scenes 100000",
    "explain": "--size 1024 --images {pictures}",
    "facets": "--weights patterns --scenes 100000",
    "fast_style": "--size 3500 --images {picture}",
    "fooling": "--technique pgd --iterations 10000",
    "generator": "--labels all --weights patterns",
    "inversion": "--size 1024 --iterations 10000",
    "networks": "--model squeezenet1_1 --size 1024 --images {pictures}",
    "neurons": "--scenes 1000000",
    "robustness": "--scenes 10000",
    "saliency": "--technique rise --masks 1000000",
    "scenes": "--size 512 --per-class 20",
    "segmentation": "--size 1024 --technique integrated-gradients --iterations 100",
    "textures": "--size 2048 --iterations 10000",
    "tradeoffs": "--figure all --size 1024",
    "trust": "--scenes 100000",
    "universal": "--count 100000",
    "training classifier": "",
    "training robust": "",
    "training noise": "",
    "training plain": "",
    "training generator": "--iterations 100000",
    "training evaluate": "--scenes 1000000",
}
SMALL = {"gallery"}  # nothing that may be asked of it is large


class Told(BaseException):
    """The cost was said: the work need not begin."""


class Listener(Report):
    """Stops at what is said about the cost."""

    def say(self, text: str) -> None:
        if text.startswith("cost: "):
            raise Told(text)


@pytest.fixture
def plain_core(monkeypatch):
    """A machine that nobody has to measure."""
    monkeypatch.setattr(cost, "slowness", lambda model: 1.0)


@pytest.fixture
def never_measured(monkeypatch):
    def measure(model):
        raise AssertionError("the machine was measured")

    monkeypatch.setattr(cost, "slowness", measure)


def settings_of(name: str, *flags: str):
    module = flags_of(name)
    return module.settings(module.parser().parse_args(flags))


def cost_of(name: str, *flags: str) -> Cost:
    return import_module(f"studies.{name}.cost").cost(settings_of(name, *flags))


@pytest.fixture
def words(picture, tmp_path):
    """The flags of a call of LARGE, with pictures."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(300):
        (folder / f"{number}.png").hardlink_to(picture)
    places = {"{picture}": "PICTURE", "{pictures}": str(folder)}  # a path may hold blanks
    return lambda name: [places.get(word, word) for word in LARGE[name].split()]


def test_every_study_and_training_has_a_large_call_here():
    assert {*LARGE, *SMALL} == {*study_names(), *(f"training {name}" for name in COMMANDS)}


@pytest.mark.parametrize("name", sorted({*study_names()} - SMALL))
def test_a_study_says_what_a_large_call_costs_before_it_begins(name, words, picture, weights, plain_core):
    flags = [str(picture) if word == "PICTURE" else word for word in words(name)]
    with pytest.raises(Told, match=r"^cost: (about|up to) .* and .* GB beside its own; --[a-z]"):
        import_module(f"studies.{name}.study").run(settings_of(name, *flags), Listener())


@pytest.mark.parametrize("name", COMMANDS)
def test_a_training_says_what_it_costs_before_it_begins(name, weights, plain_core, monkeypatch, capsys):
    def begin(*_arguments, **_settings):
        raise WorkError("the training began")

    monkeypatch.setattr(commands, "finish", begin)
    monkeypatch.setattr(evaluate, "confusion_table", begin)
    asked = training_settings(name, training_parser(name).parse_args(LARGE[f"training {name}"].split()))
    with pytest.raises(WorkError, match="began"):
        (evaluate if name == "evaluate" else commands).run(name, asked)
    assert "cost: about " in capsys.readouterr().out


@pytest.mark.parametrize("name", study_names())
def test_the_flags_that_lower_the_cost_are_flags_of_the_study(name):
    known = vars(flags_of(name).parser().parse_args([]))
    assert set(cost_of(name).flags) <= set(known)
    assert cost_of(name).flags


@pytest.mark.parametrize(
    "name", [name for name in study_names() if "size" in vars(flags_of(name).parser().parse_args([]))]
)
def test_larger_pictures_cost_more(name):
    small, large = (cost_of(name, "--size", size) for size in ("128", "512"))
    assert large.bytes > small.bytes
    assert large.plain_seconds() > small.plain_seconds()


@pytest.mark.parametrize("name", [name for name, row in TECHNIQUES.items() if row.slow])
def test_a_slow_technique_is_known_to_be_slow(name):
    """One that asks the network hundreds of times, by settings that the forecast does not know, needs a line there."""
    seconds = [map_cost(each, {}, 224).plain_seconds() - cost.STARTING for each in (name, "gradient")]
    assert seconds[0] > 30 * seconds[1]


@pytest.mark.parametrize("name", TECHNIQUES)
def test_a_technique_costs_as_many_passes_as_it_makes(name):
    """Of a picture of four times the pixels, each pass costs four times as much; windows are twice as many each way."""
    given = {"layer": "features.12"}
    small, large = (map_cost(name, given, side) for side in (128, 256))
    grown = large.plain_seconds() - cost.STARTING, small.plain_seconds() - cost.STARTING
    assert grown[0] / grown[1] == pytest.approx(4, rel=0.35)


@pytest.mark.parametrize(
    ("name", "setting", "more"),
    [
        ("smoothgrad", "samples", 250),
        ("integrated-gradients", "nodes", 500),
        ("rise", "masks", 20_000),
    ],
)
def test_ten_times_the_passes_cost_ten_times_the_time(name, setting, more):
    seconds = [map_cost(name, given, 224).plain_seconds() - cost.STARTING for given in ({}, {setting: more})]
    assert seconds[1] / seconds[0] == pytest.approx(10)
    assert map_cost(name, {}, 224).flags == (setting,)


def test_one_after_the_other_needs_the_memory_of_the_larger_one():
    total = Cost(at_once=3, held=1, seconds=1, flags=("size",)) + Cost(at_once=2, held=2, flags=("size", "nodes"))
    assert (total.at_once, total.held, total.flags) == (3, 3, ("size", "nodes"))
    assert (total * 4).seconds == 4
    assert (total * 4).bytes == total.bytes


def test_pictures_are_computed_a_few_at_a_time():
    few, many = gradients(3, 224**2), gradients(300, 224**2)
    assert few.at_once == many.at_once
    assert many.gradient == 100 * few.gradient
    assert forwards(8, 64**2, together=8).at_once == 8 * forwards(1, 64**2, together=1).at_once


def test_a_small_work_is_not_measured_and_not_told(never_measured):
    said = []
    tell(gradients(25, 224**2) + drawing(10, 224), said.append, random_squeezenet())
    assert not said


@pytest.mark.parametrize("work", [Cost(held=2.1 * GIGABYTE), Cost(seconds=400)])
def test_what_is_much_is_told(work, plain_core):
    said = []
    tell(replace(work, flags=("size",)), said.append)
    assert said[0].startswith("cost: about ")
    assert said[0].endswith("--size lowers it")


def test_the_time_is_that_of_this_machine(monkeypatch):
    work = gradients(5000, 224**2)
    monkeypatch.setattr(cost, "slowness", lambda model: 3.0)
    passes = work.plain_seconds() - cost.STARTING
    assert expect(work, random_squeezenet()).seconds == pytest.approx(cost.STARTING + 3 * passes)


def test_the_machine_is_measured_and_nothing_is_left_on_the_network():
    model = random_squeezenet()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert cost.slowness(model) > 0
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize(
    ("expected", "free", "words"),
    [
        (
            Expected(720, 3.4e9, ("size", "nodes")),
            None,
            "cost: about 12 min and 3.4 GB beside its own; --size and --nodes lower it",
        ),
        (
            Expected(40, 2.5e9, ("style_size",)),
            3e9,
            "cost: about 40 s and 2.5 GB beside its own; --style-size lowers it",
        ),
        (Expected(36_000, 1e9, (), True), 1e9, "cost: up to 10 hours and 1.0 GB beside its own"),
        (
            Expected(400_000, 4e9),
            3e9,
            "cost: about 5 days and 4.0 GB beside its own; warning: 3.0 GB of memory are free, it may fail",
        ),
    ],
)
def test_the_cost_in_words(expected, free, words):
    assert sentence(expected, free) == words


def test_free_memory_is_the_least_of_system_and_control_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(free_memory, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(free_memory, "OWN_GROUP", tmp_path / "cgroup")
    monkeypatch.setattr(free_memory, "GROUPS", tmp_path / "groups")
    (tmp_path / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable: 8000 kB\n")
    assert free_memory.free_memory() == 8000 * 1024
    (tmp_path / "cgroup").write_text("0::/job/step\n")
    inner = tmp_path / "groups" / "job" / "step"
    inner.mkdir(parents=True)
    (inner / "memory.max").write_text("max\n")
    (inner / "memory.current").write_text("1000000\n")
    assert free_memory.free_memory() == 8000 * 1024
    (inner.parent / "memory.max").write_text("5000000\n")
    (inner.parent / "memory.current").write_text("3000000\n")
    assert free_memory.free_memory() == 2_000_000
    (inner.parent / "memory.stat").write_text("anon 1\ninactive_file 500000\n")
    assert free_memory.free_memory() == 2_500_000
    assert free_memory.free_memory("mps") is None


def test_a_system_that_tells_nothing_is_no_error(tmp_path, monkeypatch):
    for name in ("MEMINFO", "OWN_GROUP", "GROUPS"):
        monkeypatch.setattr(free_memory, name, tmp_path / "nothing")
    free = free_memory.free_memory()
    assert free is None or free > 0


def test_a_warning_does_not_stop_the_work(weights, picture, monkeypatch, capsys):
    monkeypatch.setattr(cost, "MOST_BYTES", 0)
    monkeypatch.setattr(cost, "free_memory", lambda device: 0.0)
    assert run("saliency", "--images", picture, "--size", 64, "--technique", "gradient") == 0
    said = capsys.readouterr().out
    assert "warning: 0.0 GB of memory are free, it may fail" in said
    assert said.index("cost: ") < said.index("wrote ")
