"""The trade-off figures: each is drawn, shows what it says, and refuses what does not fit."""

import json

import numpy as np
import pytest
import torch
from conftest import noise, run
from PIL import Image

from painting.targets import Style
from studies.shared.report import Report
from studies.tradeoffs.painter import losses_of
from studies.tradeoffs.sweeps import FIGURES

QUICK = ["--size", "36", "--smallest", "36", "--iterations", "2"]
PANELS = {"weights": 9, "style-size": 10, "layers": 15, "start": 9, "blend": 7, "dream": 8, "loss": 6, "colour": 6}


@pytest.fixture(autouse=True)
def _weights(weights):
    pass


@pytest.mark.parametrize("figure", PANELS)
def test_every_figure_is_drawn_with_the_losses_of_each_painted_picture(figure, panels, capsys):
    assert run("tradeoffs", "--figure", figure, *QUICK) == 0
    path = f"visualization/style_tradeoffs_{figure.replace('-', '_')}.png"
    assert f"wrote {path}" in capsys.readouterr().out
    with Image.open(path) as image:
        assert np.asarray(image).std() > 10
        assert json.loads(image.text["Settings"])["figure"] == figure
    assert len(panels) == PANELS[figure]
    assert {panel.pixels.shape for panel in panels} == {panels[0].pixels.shape}
    painted = [panel for panel in panels if panel.caption]
    assert len(painted) >= FIGURES[figure].pictures
    assert all("content " in panel.caption and "style " in panel.caption for panel in painted)


def test_the_bar_counts_what_is_painted(monkeypatch):
    counted = []

    class Bar:
        def __init__(self, total, **_):
            counted.append([total, 0])

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def update(self):
            counted[-1][1] += 1

    monkeypatch.setattr(Report, "progress", lambda _report, **words: Bar(**words))
    assert run("tradeoffs", "--figure", "all", "--size", "33", "--smallest", "33", "--iterations", "1") == 0
    assert len(counted) == len(PANELS)
    assert all(total == made for total, made in counted)


def test_the_blend_goes_from_one_style_to_the_other(panels):
    assert run("tradeoffs", "--figure", "blend", *QUICK) == 0
    row = [panel.pixels for panel in panels if panel.caption]
    assert next(panel.title for panel in panels if panel.caption) == "100 % and 0 %"
    steps = [np.abs(after.astype(int) - row[0]).mean() for after in row]
    assert steps[0] == 0
    assert steps[-1] > steps[1]


def test_the_losses_below_are_unweighted(squeezenet):
    """So a content loss of the content is 0, and its variation is the mean square of its steps."""
    content = torch.zeros(1, 3, 40, 40)
    content[..., 20:] = 0.5  # one step of 0.5 in each of 3 * 40 rows, over 3 * 40 * 40 values
    terms = losses_of(squeezenet, content, content, Style(noise(1, 3, 40, 40) / 4))
    assert terms.content == pytest.approx(0, abs=1e-9)
    assert terms.total_variation == pytest.approx(0.25 * 3 * 40 / (3 * 40 * 40))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--figure", "colours"], "invalid choice: 'colours'"),
        (["--figure", "blend", "--style", "mosaic"], "style: got 1; the figure 'blend' shows 2"),
        (["--figure", "blend", "loss", "--output", "one.png"], "output: 2 figures do not go into 'one.png'"),
        (["--content", "nowhere.png"], "'nowhere.png' is not there"),
        (["--size", "32"], "32 is not a whole number from 33"),
    ],
)
def test_wrong_use_is_one_sentence(arguments, words, refusal):
    assert words in refusal(run, "tradeoffs", *QUICK, *arguments)
