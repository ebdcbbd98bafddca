"""The page of all pictures explained, and that of the gallery: one file each, true, valid, for all to read."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from core.defaults import ROOT
from core.own_files import is_ours
from drawing.grid import Panel, cut_panels, draw_grid
from drawing.web_page import embedded, text, web_page
from studies.explain.flags import Settings
from studies.explain.table import Row, read_table
from studies.explain.web_report import PANELS, brightest, margin, report_page
from studies.shared.runner import run_study

EMPTY = {"meta", "img", "input", "br", "link"}  # elements that have no end
HOSTILE = '<script>alert(1)</script> & "quoted" \''


class Checked(HTMLParser):
    """Notes elements, and fails where one is not closed in its turn."""

    def __init__(self, page: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.words = [], [], []
        self.feed(page.decode())
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs)
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A folder of four pictures, explained: (page, output)."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for name in ("a", "b & <i>b", "c", "d"):
        noise = rng.integers(0, 255, (80, 80, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((160, 160)).save(folder / f"{name}.png")
    output = tmp_path_factory.mktemp("out") / "explained"
    arguments = ["--images", str(folder), "--weights", "patterns", "--size", "96", "--output", str(output), "--report"]
    assert run_study("explain", arguments) == 0
    return (output / "explained.html").read_bytes(), output, arguments


def test_the_page_is_one_valid_file_that_fetches_nothing(report):
    page, output, _ = report
    checked = Checked(page)
    for tag, attributes in checked.elements:
        for name in ("src", "href", "action"):
            assert attributes.get(name, "data:").startswith(("data:", "#")), tag
    assert not re.search(rb"url\(|@import|fetch\(|https?:", page)
    assert is_ours(output / "explained.html")


def test_a_picture_takes_at_most_30_kb(report):
    page, _, _ = report
    cards = re.findall(rb"<article.*?</article>", page, re.DOTALL)
    assert len(cards) == 4
    assert max(map(len, cards)) <= 30_000


def test_every_picture_has_words_of_its_own_for_who_does_not_see_it(report):
    alts = [attributes["alt"] for attributes in Checked(report[0]).all("img")]
    assert len(alts) == 4 * (1 + len(PANELS)) == len(set(alts))
    assert all(len(alt) > 15 for alt in alts)


def test_the_doubtful_ones_come_first_and_are_marked_in_words_not_by_colour_alone(report):
    page, output, _ = report
    shares = [float(each["data-probability"]) for each in Checked(page).all("article")]
    lines = (output / "explained.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert len(lines) == len(shares) == 4
    cards = page.decode().split("<article")[1:]
    assert all(('class="doubtful"' in card) == ("In doubt." in card) for card in cards)


def test_without_a_script_all_is_there_and_the_filter_is_not(report):
    checked = Checked(report[0])
    assert "hidden" in checked.all("form")[0]
    assert not any("hidden" in attributes for attributes in checked.all("article"))


def test_every_control_has_a_name(report):
    page = report[0].decode()
    assert len(re.findall(r"<label>[^<]+<(?:select|input)", page)) == 3
    assert '<output aria-live="polite">' in page


def test_names_of_files_are_words_and_no_html(report):
    page = report[0].decode()
    assert "<i>b" not in page
    assert "b &amp; &lt;i&gt;b.png" in page


def test_how_far_each_map_may_be_believed_stands_below(report):
    words = " ".join(Checked(report[0]).words)
    assert words.count("May I believe it?") == 4
    assert "it does not tell" in words


def test_a_network_without_relus_has_cards_and_notes_of_the_maps_that_are_there(no_relus, report, tmp_path):
    flags = ["--images", "chelsea", "--model", no_relus, "--size", "96", "--output", str(tmp_path / "own"), "--report"]
    assert run_study("explain", flags) == 0
    page = (tmp_path / "own" / "explained.html").read_bytes()
    checked, words = Checked(page), " ".join(Checked(page).words)
    assert [alt["alt"].partition(" of ")[0] for alt in checked.all("img")][1:] == ["saliency", "Grad-CAM"]
    assert words.count("May I believe it?") == 2
    assert "Saliency and Grad-CAM of the class" in words
    assert "guided" not in words
    assert b"guided" not in page
    assert run_study("explain", flags) == 0
    assert (tmp_path / "own" / "explained.html").read_bytes() == page


def test_figures_of_two_networks_in_one_folder_are_each_cut_as_they_were_drawn(no_relus, tmp_path):
    """So it may be after Ctrl-C: the pictures that were not reached have their figures of another run."""
    rows = []
    for picture, network in (("chelsea", ["--weights", "patterns"]), ("coffee", ["--model", no_relus])):
        assert run_study("explain", ["--images", picture, *network, "--size", "64", "--output", str(tmp_path)]) == 0
        rows += read_table(tmp_path / "explained.csv").values()
    page = report_page(rows, Settings(output=tmp_path), "two networks").decode()
    cards = dict(zip(re.findall("<h2>(chelsea|coffee)", page), page.split("<article")[1:], strict=True))
    titles = {name: re.findall("<figcaption>(.*?)</figcaption>", card) for name, card in cards.items()}
    assert titles == {"chelsea": ["the picture", *PANELS], "coffee": ["the picture", "saliency", "Grad-CAM"]}


def test_started_again_it_is_the_same_page(report):
    page, output, arguments = report
    assert run_study("explain", arguments) == 0
    assert (output / "explained.html").read_bytes() == page


def test_pictures_made_anew_without_their_page_are_told_that_it_is_older(tmp_path, capsys):
    Image.new("RGB", (64, 64), "red").save(tmp_path / "a.png")
    output = tmp_path / "out"
    arguments = ["--images", str(tmp_path), "--weights", "patterns", "--output", str(output), "--size"]
    assert run_study("explain", [*arguments, "64", "--report"]) == 0
    assert run_study("explain", [*arguments, "64"]) == 0
    assert "earlier run" not in capsys.readouterr().out
    assert run_study("explain", [*arguments, "72"]) == 0
    assert f"{output / 'explained.html'} is of an earlier run" in capsys.readouterr().out


def test_a_page_of_other_origin_is_not_replaced(tmp_path, capsys):
    (tmp_path / "explained").mkdir()
    (tmp_path / "explained" / "explained.html").write_text("<p>mine</p>")
    asked = ["--images", "chelsea", "--weights", "patterns", "--size", "64", "--report"]
    assert run_study("explain", [*asked, "--output", str(tmp_path / "explained")]) == 2
    assert "explained.html" in capsys.readouterr().err
    assert (tmp_path / "explained" / "explained.html").read_text() == "<p>mine</p>"


def test_words_are_escaped_wherever_they_come_from():
    page = web_page(
        HOSTILE, [f"<p>{text(HOSTILE)}</p>", *embedded([Image.new("RGB", (4, 4))], [HOSTILE], most_bytes=999)]
    )
    checked = Checked(page)
    assert not checked.all("script")
    assert checked.all("img")[0]["alt"] == HOSTILE


def test_panels_are_cut_where_they_were_drawn():
    drawn = [np.full((8, 8, 3), shade, np.uint8) for shade in (10, 120, 250)]
    cut = cut_panels(draw_grid([[Panel(pixels, "title") for pixels in drawn]], footer="footer"), 3)
    for pixels, panel in zip(drawn, cut, strict=True):
        assert panel.shape[0] == panel.shape[1]
        assert (panel == pixels[0, 0]).all()


@pytest.mark.parametrize(
    ("row", "column", "words"),
    [
        (2, 2, "in the upper left"),
        (10, 10, "in the middle"),
        (10, 19, "in the right half"),
        (19, 0, "in the lower left"),
    ],
)
def test_where_the_light_is_is_told_in_words(row, column, words):
    panel = np.zeros((21, 21, 3), np.uint8)
    panel[row, column] = 255
    assert brightest(panel) == words


def test_the_margin_is_what_the_first_class_has_over_the_second():
    row = Row(*[""] * len(Row._fields))._replace(probability="0.5", runner_up_probability="0.375")
    assert margin(row) == 0.125


def test_the_gallery_is_one_page_with_a_question_and_a_command_for_each_figure(tmp_path):
    output = tmp_path / "gallery.html"
    assert run_study("gallery", ["--width", "200", "--output", str(output)]) == 0
    checked = Checked(output.read_bytes())
    figures = {path.stem for path in (ROOT / "visualization" / "gallery").iterdir()}
    shown = {attributes["id"] for attributes in checked.all("article")}
    assert shown <= figures
    assert len(shown) >= 30
    assert len(checked.all("img")) == len(checked.all("pre")) == len(shown)
    assert {attributes["href"] for attributes in checked.all("a")} == {f"#{name}" for name in shown}
