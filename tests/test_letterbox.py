"""The letterbox: a picture lies unchanged in the middle, the rest is white, and a board is the smallest that fits."""

import numpy as np
import pytest
from PIL import Image

from drawing.grid import framed
from drawing.letterbox import board, letterbox


@pytest.mark.parametrize("white", [255, 1.0])
def test_a_picture_lies_unchanged_in_the_middle_of_white(white):
    picture = np.zeros((3, 4, 3), dtype=np.uint8 if white == 255 else np.float64)
    boxed = letterbox(picture, 7, 5)
    expected = np.full((5, 7, 3), white)
    expected[1:4, 1:5] = 0  # of three columns that are left, two lie at the right
    np.testing.assert_array_equal(boxed, expected)
    assert boxed.dtype == picture.dtype


@pytest.mark.parametrize(("size", "expected"), [((8, 6), (8, 6)), ((9, 3), (9, 7)), ((3, 9), (12, 9))])
def test_a_board_is_the_smallest_of_its_shape_that_holds_the_picture(size, expected):
    assert board(np.zeros((size[1], size[0], 3))) == expected


def test_pictures_side_by_side_are_made_to_fit_and_the_rest_is_white():
    dark = Image.new("RGB", (20, 10))
    cell = framed([dark, dark], (81, 30))
    assert cell.shape == (30, 81, 3)
    assert (cell[5:25, :80] == 0).all()
    assert (cell[:5] == 255).all()
    assert (cell[25:] == 255).all()
    assert (cell[:, 80] == 255).all()
    assert (framed([], (6, 4)) == 255).all()
