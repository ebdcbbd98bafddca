"""Words of any script on figures: in a font that has them, else in Latin letters, and that is said. Never boxes."""

import ast
import json
import logging

import numpy as np
import pytest
from conftest import random_squeezenet, run
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from safetensors.torch import save_file

from core.defaults import ROOT
from drawing import words
from drawing.curves import draw_curves
from drawing.grid import Panel, draw_grid, draw_pictures, pixels_of
from drawing.tables import draw_table
from drawing.words import drawable, fit_words, room, words_in_latin

CAT = "猫"
GREY = np.full((40, 40, 3), 200, np.uint8)


def forget():
    for found in (words.family_with, words.system_fonts, words.opened_font):
        found.cache_clear()
    words_in_latin()


@pytest.fixture
def no_fonts(monkeypatch):
    """A system that has matplotlib's own fonts alone."""
    own = [entry for entry in font_manager.fontManager.ttflist if "mpl-data" in str(entry.fname)]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda *_, **__: [])
    forget()
    yield
    forget()


@pytest.fixture
def a_font(no_fonts, tmp_path, monkeypatch):
    """One font besides, installed after matplotlib had made its list, with a black square for the Chinese cat."""
    builder = pytest.importorskip("fontTools.fontBuilder").FontBuilder(1000, isTTF=True)
    pen = pytest.importorskip("fontTools.pens.ttGlyphPen").TTGlyphPen(None)
    for index, point in enumerate(((0, 0), (0, 900), (900, 900), (900, 0))):
        (pen.lineTo if index else pen.moveTo)(point)
    pen.closePath()
    square = pen.glyph()
    builder.setupGlyphOrder([".notdef", "cat"])
    builder.setupCharacterMap({ord(CAT): "cat"})
    builder.setupGlyf({".notdef": square, "cat": square})
    builder.setupHorizontalMetrics(dict.fromkeys((".notdef", "cat"), (1000, 0)))
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    builder.setupNameTable({"familyName": "Black Cats", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    path = tmp_path / "cats.ttf"
    builder.save(path)
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda *_, **__: [str(path)])


def test_a_letter_that_a_font_has_is_drawn_with_it_and_nothing_is_said(a_font, caplog):
    plain, cat = (draw_grid([[Panel(GREY, title)]], title=title) for title in ("", f"cat {CAT}"))
    assert (cat < 50).sum() > (plain < 50).sum() + 3 * 9 * 9  # two black squares
    assert drawable(CAT) == CAT
    assert words_in_latin() == ""
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_letter_that_no_font_has_is_in_latin_letters_and_that_is_said_once(no_fonts):
    assert drawable(f"{CAT} 55 %") == "Mao 55 %"
    assert np.array_equal(draw_grid([[Panel(GREY, CAT)]]), draw_grid([[Panel(GREY, "Mao")]]))
    assert words_in_latin().startswith(f"drawn in Latin letters: {CAT} as Mao; to see them as they are, install a font")
    assert words_in_latin() == ""
    for number in range(30):
        drawable(chr(0x4E00 + number))
    assert "and 26 more" in words_in_latin()


def test_letters_that_join_are_drawn_as_they_are_only_where_matplotlib_joins_them(no_fonts, monkeypatch):
    for shapes, wanted in {True: "قطة", False: "qth"}.items():
        monkeypatch.setattr(words, "SHAPES", shapes)
        assert drawable("قطة") == wanted
    assert "matplotlib 3.11" in words_in_latin()
    assert drawable("кот γάτα") == "кот γάτα"


def test_every_kind_of_figure_writes_its_words_so(no_fonts):
    """Each is equal to the one whose words are in Latin letters from the start."""
    kinds = {
        "grid": lambda word: draw_grid(
            [[Panel(GREY, word, word, (), word)] * 2] * 2, row_names=(word, word), footer=word
        ),
        "pictures": lambda word: draw_pictures([GREY], [word], word),
        "table": lambda word: draw_table([word, word], [[word, word]], title=word, note=word),
        "curves": lambda word: draw_curves(
            {word: [1, 2]}, title=word, across=word, up=word, marks={0: word}, footer=word
        ),
        "ticks": lambda word: pixels_of(with_ticks(word)),
        "outlined": lambda word: pixels_of(outlined(word)),
    }
    for kind, draw in kinds.items():
        assert np.array_equal(draw(CAT), draw("Mao")), kind


def with_ticks(word):
    figure = Figure()
    above, below = figure.subplots(2)
    above.set_xticks([0, 1], [word, "other"], rotation=40)
    below.set_yticks([-1, 1])
    below.set_yticklabels([word, word])
    below.plot([0, 1], [-1, 1], label=word)
    below.legend()
    return figure


def outlined(word):
    figure = Figure()
    figure.text(0.5, 0.5, word, path_effects=[withStroke(linewidth=3, foreground="white")])
    return figure


def test_fonts_are_looked_through_only_where_a_letter_is_lacking(monkeypatch):
    forget()
    monkeypatch.setattr(font_manager, "findSystemFonts", pytest.fail)
    figure = Figure()
    figure.text(0, 0, "naïve café, größer − 5 °C, кот, “quoted” … ½ ≥")
    figure.add_subplot().plot([-1, 1])
    fit_words(figure)
    assert all(text.get_fontfamily() == ["sans-serif"] for text in figure.findobj(Text))


def test_what_is_no_letter_is_one_sign(no_fonts):
    assert drawable("a\udcffb\x07c") == "a\ufffdb\ufffdc"
    assert drawable("cafe\u0301") == "café"
    assert words_in_latin() == ""


def test_wide_letters_are_given_room():
    assert (room("cat"), room("猫のcat"), room("")) == (3, 7, 0)


@pytest.mark.parametrize(
    "path",
    sorted(
        path for folder in ("studies", "training", "benchmarks", "drawing") for path in (ROOT / folder).rglob("*.py")
    ),
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_every_figure_goes_through_the_place_that_fits_its_words(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert "pyplot" not in attributes
    if "FigureCanvasAgg" in names:
        assert "fit_words" in names
    if path != ROOT / "drawing" / "grid.py":
        assert not attributes & {"savefig", "print_png", "print_to_buffer", "buffer_rgba", "tostring_rgb"}
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    called = {getattr(node.func, "id", "") for node in ast.walk(tree) if isinstance(node, ast.Call)}
    if "matplotlib.figure" in imported and "Figure" in called:
        assert "pixels_of" in names


def test_class_names_of_a_weights_file_are_drawn_and_it_is_said(no_fonts, tmp_path, capsys, panels):
    names = json.dumps([f"{CAT}{index}" for index in range(4)])
    save_file(random_squeezenet(4).state_dict(), tmp_path / "cats.safetensors", {"class_names": names})
    assert run("saliency", "--weights", tmp_path / "cats.safetensors", "--images", "chelsea", "--size", 64) == 0
    assert any(CAT in panel.title for panel in panels)
    said = capsys.readouterr()
    assert f"drawn in Latin letters: {CAT}" in said.out
    assert said.err == ""
