"""Figures: what the colours mean, that words fit, that a blank map says so, and that files are written whole."""

import numpy as np
import pytest
from PIL import Image

from core.errors import WorkError
from drawing.colours import blank_note, diverging, diverging_overlay, heat, overlay, signed, stretch
from drawing.files import save_animation, save_picture
from drawing.grid import Panel, draw_grid, draw_pictures, stack
from drawing.tables import write_csv

RAMP = np.linspace(0, 1, 100).reshape(10, 10)
WHITE = np.full((8, 8, 3), 255, np.uint8)
WRITERS = {
    "a.png": lambda path: save_picture(WHITE, path, {}),
    "a.jpg": lambda path: save_picture(WHITE, path, {}),
    "a.gif": lambda path: save_animation([WHITE], path, {}, milliseconds=100, most_bytes=10_000),
    "a.csv": lambda path: write_csv(path, ["name"], [["value"]]),
}


def test_heat_is_dark_at_zero_and_brightens_with_the_value():
    brightness = heat(RAMP).mean(axis=2).ravel()
    assert brightness[0] < 0.02
    assert (np.diff(brightness)[:95] > 0).mean() > 0.9
    assert np.array_equal(heat(7 * RAMP), heat(RAMP))  # each map by its own scale
    assert np.array_equal(heat(-RAMP), heat(0 * RAMP))


def test_signed_pictures_are_grey_at_zero_and_symmetric():
    values = np.stack([RAMP, -RAMP, 0 * RAMP], axis=2)
    picture = signed(values)
    assert np.allclose(picture[..., 2], 0.5)
    assert np.allclose(picture[..., 0] + picture[..., 1], 1)
    assert picture[-1, -1, 0] == 1


def test_diverging_maps_are_red_for_and_blue_against():
    picture = diverging(np.array([[1.0, 0.0, -1.0]]))[0]
    assert picture[0, 0] > picture[0, 2]
    assert picture[2, 0] < picture[2, 2]
    assert np.ptp(picture[1]) < 0.05


def test_an_overlay_shows_the_picture_where_it_is_cold_and_colour_where_it_is_hot():
    image = np.full((10, 10, 3), 128, dtype=np.uint8)
    values = np.zeros((10, 10))
    values[5, 5] = 1
    laid = overlay(image, values)
    assert np.ptp(laid[5, 5]) > 0.2  # turbo's red end
    assert np.abs(laid[0, 0] - laid[5, 5]).max() > 0.2
    other = overlay(np.full((10, 10, 3), 200, dtype=np.uint8), values)
    assert (other[0, 0] > laid[0, 0]).all()


@pytest.mark.parametrize("draw", [heat, diverging, signed])
def test_a_zero_map_is_one_colour_and_not_noise_at_full_scale(draw):
    zeros = np.zeros((4, 4, 3)) if draw is signed else np.zeros((4, 4))
    assert np.ptp(draw(zeros).reshape(-1, 3), axis=0).max() == 0


def test_a_blank_map_is_noted_and_another_is_not():
    assert blank_note(np.zeros((2, 2)), "a reason") == "blank: a reason"
    assert blank_note(np.ones((2, 2))) == ""
    assert len(blank_note(np.zeros((2, 2)), "")) > len("blank: ")  # never without a reason


def test_a_faint_picture_is_stretched_and_a_full_one_kept():
    faint = np.random.default_rng(0).integers(120, 136, (20, 20, 3), dtype=np.uint8)
    assert stretch(faint).std() > 5 * (faint / 255).std()
    full = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    assert np.allclose(stretch(full), full / 255)


def ink(pixels, rows):
    """Columns in which something is written within these rows."""
    return (pixels[rows].min(axis=(0, 2)) < 200).nonzero()[0]


def test_title_and_footer_are_drawn_whole_above_a_single_picture():
    panel = [[Panel(np.ones((8, 8, 3)))]]
    words = "A title that is much longer than one picture is wide"
    footer = "SqueezeNet 1.1, weights some_file_name.pth (sha256 12345678), and more"
    grid = draw_grid(panel, title=words, footer=footer)
    for rows in (slice(0, 44), slice(-32, None)):
        columns = ink(grid, rows)
        assert len(columns) > 100
        assert columns.max() < grid.shape[1] - 3


def test_rows_of_a_single_picture_lie_side_by_side():
    panel = Panel(np.ones((8, 8, 3)))
    lying = draw_grid([[panel], [panel], [panel]], row_names=("a", "b", "c"))
    assert np.array_equal(lying, draw_grid([[Panel(panel.pixels, name) for name in "abc"]]))


def test_notes_and_footers_leave_ink():
    panel = Panel(np.ones((8, 8, 3)))
    plain = draw_grid([[panel]])
    assert (draw_grid([[panel._replace(note="blank: why")]]) < 128).sum() > (plain < 128).sum() + 50
    assert (draw_grid([[panel]], footer="weights") < 200).sum() > (plain < 200).sum() + 20


def test_pictures_of_any_shape_stand_side_by_side_and_sheets_are_stacked():
    wide, tall = Image.new("RGB", (60, 20), "red"), np.zeros((60, 20, 3), dtype=np.uint8)
    sheet = draw_pictures([wide, tall], ["wide", "tall"])
    assert sheet.shape[1] > sheet.shape[0]
    both = stack([sheet, sheet[:, :100]])
    assert both.shape == (2 * sheet.shape[0], *sheet.shape[1:])
    assert (both[-1, -1] == 255).all()


def test_a_signed_map_over_its_picture_is_red_for_blue_against_and_grey_where_it_is_zero():
    picture = np.random.default_rng(0).integers(0, 256, (1, 3, 3), dtype=np.uint8)
    speaks_for, zero, against = diverging_overlay(picture, np.array([[2.0, 0.0, -2.0]]))[0]
    assert speaks_for[0] > speaks_for[2] + 0.2
    assert against[2] > against[0] + 0.2
    assert np.ptp(zero) < 1e-6


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_is_written_beside_its_place_so_that_a_failure_keeps_the_old_one(name, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    path = tmp_path / name
    path.write_bytes(b"the old one")
    with monkeypatch.context() as patch:
        patch.setattr("os.replace", full)
        with pytest.raises(WorkError, match=rf"'.*{name}' cannot be written \(No space left on device\)"):
            WRITERS[name](path)
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [(name, b"the old one")]
    WRITERS[name](path)
    assert [each.name for each in tmp_path.iterdir()] == [name]
    assert path.read_bytes() != b"the old one"
