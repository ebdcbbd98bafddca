"""Adding a map takes a module and a row: the studies draw it, take its settings as flags and subtract it by themselves.

The example is that of docs/add_a_technique.md, read from there, so that it runs as it stands.
"""

import re
from dataclasses import replace

import pytest
import torch
from conftest import random_squeezenet, run

from core.defaults import ROOT
from studies.gradcam import flags as gradcam
from studies.saliency import flags as saliency
from visualizers.catalogue import TECHNIQUES, Technique

QUICK = ["--weights", "patterns", "--size", "64"]
FAST = ["--nodes", "2", "--samples", "2", "--masks", "3", "--stride", "15"]


def example() -> list[str]:
    """The pieces of Python in the document: the module, the row, the test."""
    text = (ROOT / "docs" / "add_a_technique.md").read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


@pytest.fixture
def toy(tmp_path, monkeypatch) -> Technique:
    """The example's map as a module in a folder of its own, and its row in the catalogue."""
    module, row, _ = example()
    (tmp_path / "contrast_map.py").write_text(module, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    technique = eval(row.replace("visualizers.contrast_map.", "contrast_map."), {"Technique": Technique})
    monkeypatch.setitem(TECHNIQUES, technique.name, technique)
    return technique


def as_coarse_map(row: Technique, name: str) -> Technique:
    """The row under another name, among the maps of a layer."""
    return replace(row, name=name, title=name, families=("layer",))


def test_saliency_draws_it_among_all_and_takes_its_setting(toy, drawn, capsys):
    assert run("saliency", *QUICK, "--technique", "all", *FAST, "--power", "3") == 0
    assert list(drawn) == ["image", *(row.title for row in TECHNIQUES.values() if "pixels" in row.families)]
    assert toy.title in drawn
    assert all("mass" in panel.title for panel in drawn[toy.title])
    assert f"  {toy.name} " in capsys.readouterr().out
    strong = [panel.pixels for panel in drawn[toy.title]]
    assert run("saliency", *QUICK, "--technique", toy.name) == 0
    assert not any((one == panel.pixels).all() for one, panel in zip(strong, drawn[toy.title], strict=True))


def test_help_names_it_with_its_setting_and_default(toy):
    said = " ".join(saliency.parser().format_help().split())
    assert f", {toy.name} (default: " in said
    assert f"{toy.name}: " in said.partition("--power")[2]
    assert saliency.parser().get_default("power") == toy.defaults["power"] == 2.0


def test_with_versus_it_is_refused_until_its_row_says_how_it_subtracts(toy, drawn, monkeypatch, refusal):
    flags = ["saliency", *QUICK, "--labels", "star", "--versus", "fish", "--technique"]
    assert f"{toy.name} is not linear in the score" in refusal(run, *flags, toy.name)
    additive = replace(toy, additive="core.gradients.input_gradient", settings=())
    monkeypatch.setitem(TECHNIQUES, toy.name, additive)
    assert run(*flags, "all", *FAST) == 0
    assert toy.title in drawn


def test_a_map_of_a_layer_appears_in_gradcam_and_not_in_saliency(toy, drawn, monkeypatch):
    monkeypatch.setitem(TECHNIQUES, "other-cam", as_coarse_map(toy, "other-cam"))
    assert "other-cam" in gradcam.techniques()
    assert run("gradcam", *QUICK, "--technique", "all", "--channels", "3", "--power", "1") == 0
    assert "other-cam" in drawn
    assert toy.title not in drawn
    drawn.clear()
    assert run("saliency", *QUICK, "--technique", toy.name) == 0
    assert "other-cam" not in drawn


def test_two_techniques_may_have_one_setting_with_different_defaults(toy, tmp_path, monkeypatch):
    text = (tmp_path / "contrast_map.py").read_text(encoding="utf-8")
    (tmp_path / "cubed_map.py").write_text(text.replace("power: float = 2.0", "power: float = 3.0"), encoding="utf-8")
    other = replace(toy, name="cubed", title="cubed", function="cubed_map.contrast_map")
    monkeypatch.setitem(TECHNIQUES, other.name, other)
    parser = saliency.parser()
    assert parser.get_default("power") is None  # each takes its own
    settings = saliency.settings(parser.parse_args([]))
    assert "power" not in settings.technique_settings
    assert [row.with_defaults(settings.technique_settings)["power"] for row in (toy, other)] == [2.0, 3.0]


def test_the_examples_own_test_passes(toy):
    test = example()[2].replace("visualizers.contrast_map", "contrast_map")
    names = {}
    exec(test, names)
    cases = [value for name, value in names.items() if name.startswith("test_")]
    assert cases
    for case in cases:
        case()


def test_the_example_gives_what_its_row_says(toy):
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    maps = toy.call()(random_squeezenet(), images, [1, 2])
    assert toy.result == "pixel map"
    assert maps.shape == (2, 64, 64)


@pytest.mark.skipif(not (ROOT / "studies" / "trust").is_dir(), reason="trust is not a study yet")
def test_trust_judges_it_beside_the_others(toy, monkeypatch):
    """A 21st map, and more of them than a palette has colours."""
    for number in range(2, 6):
        row = replace(toy, name=f"{toy.name}-{number}", title=f"{toy.title} {number}")
        monkeypatch.setitem(TECHNIQUES, row.name, row)
    names = [row.name for row in TECHNIQUES.values() if not row.slow and row.needs != "attention"]
    small = ["--scenes", "2", "--size", "64", "--draws", "1", "--stages", "2", "--output", "trust.png"]
    assert run("trust", *small, "--technique", *names) == 0
