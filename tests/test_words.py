"""Words of any script on figures: in a font that has them, else in Latin letters, and that is said. Never boxes."""

import ast
import json
import logging
import subprocess
import sys

import numpy as np
import pytest
from conftest import random_squeezenet, run
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from safetensors.torch import save_file

from core.defaults import ROOT
from drawing import fonts, lettering, plots, words
from drawing.curves import draw_curves
from drawing.grid import Panel, draw_grid, draw_pictures
from drawing.plots import fit_words, pixels_of
from drawing.table_picture import draw_table
from drawing.words import drawable, room, words_in_latin

CAT = "猫"
GREY = np.full((40, 40, 3), 200, np.uint8)


def forget():
    for found in (fonts.font_with, fonts.system_fonts, fonts.letters_of, lettering.lettered):
        found.cache_clear()
    words_in_latin()


@pytest.fixture
def no_fonts(monkeypatch):
    """A system that has matplotlib's own fonts alone."""
    own = [path for path in fonts.font_files() if "mpl-data" in path]
    monkeypatch.setattr(fonts, "font_files", lambda: own)
    forget()
    yield
    forget()


@pytest.fixture
def a_font(no_fonts, tmp_path, monkeypatch):
    """One font besides, of which matplotlib does not know, with a black square for the Chinese cat."""
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
    files = [*fonts.font_files(), str(path)]
    monkeypatch.setattr(fonts, "font_files", lambda: files)


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


def test_letters_that_join_are_drawn_as_they_are_only_where_they_are_joined(no_fonts, monkeypatch):
    for module, remedy in ((words, "Pillow with the library Raqm"), (plots, "matplotlib 3.11")):
        for shapes, wanted in {True: "قطة", False: "qth"}.items():
            monkeypatch.setattr(module, "SHAPES", shapes)
            figure = Figure()
            text = figure.text(0, 0, "قطة")
            fit_words(figure)
            assert (drawable("قطة") if module is words else text.get_text()) == wanted
        assert remedy in words_in_latin()
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
    monkeypatch.setattr(fonts, "font_files", pytest.fail)
    figure = Figure()
    figure.text(0, 0, "naïve café, größer − 5 °C, кот, “quoted” … ½ ≥")
    figure.add_subplot().plot([-1, 1])
    fit_words(figure)
    drawable("naïve café, größer − 5 °C, кот, “quoted” … ½ ≥")
    assert all(text.get_fontfamily() == ["sans-serif"] for text in figure.findobj(Text))


def test_the_letters_of_a_font_are_those_that_freetype_finds():
    for path in (fonts.own_font(), fonts.own_font(bold=True)):
        there = {letter for letter, glyph in FT2Font(path).get_charmap().items() if glyph}
        assert fonts.letters_of(path) == there


def test_a_figure_without_a_plot_is_drawn_without_matplotlib():
    """Where it is installed, in its font; where it is not, in Pillow's own."""
    program = (
        "import sys, numpy as np, drawing.fonts as fonts\n"
        "from drawing.grid import Mark, Panel, draw_grid, draw_pictures\n"
        "from drawing import colours, files, tables\n"
        "grey = np.full((40, 40, 3), 200, np.uint8)\n"
        "panel = Panel(grey, 'a cat', 'blank: why', (Mark(1, 1, 9, 9, '7'),), 'below')\n"
        "def draw(): return draw_grid([[panel]], title='\u732b', footer='by'), draw_pictures([grey], ['a'], 'by')\n"
        "first = draw(), draw()\n"
        "assert all(np.array_equal(*each) for each in zip(*first))\n"
        "fonts.find_spec = lambda name: None\n"
        "fonts.font_files = lambda: ()\n"
        "[each.cache_clear() for each in (fonts.system_fonts, fonts.font_with)]\n"
        "from drawing.lettering import lettered\n"
        "lettered.cache_clear()\n"
        "assert all(0 < (each < 128).sum() for each in draw())\n"
        "assert not {'matplotlib', 'scipy.ndimage'} & {*sys.modules}\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_what_is_no_letter_is_one_sign(no_fonts):
    assert drawable("a\udcffb\x07c") == "a\ufffdb\ufffdc"
    assert drawable("cafe\u0301") == "café"
    assert words_in_latin() == ""


def test_wide_letters_are_given_room():
    assert (room("cat"), room("猫のcat"), room("")) == (3, 7, 0)


@pytest.mark.parametrize(
    "path",
    sorted(
        path
        for folder in ("studies", "training", "benchmarks", "drawing")
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "captum_folder.py"  # the yardstick draws as other people do
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
    if path != ROOT / "drawing" / "plots.py":
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
