"""Masks as people have them: each kind of file gives the shares that it means, or is refused by name."""

import numpy as np
import pytest
from PIL import Image

from core.errors import UsageError
from core.masks import load_mask

LEFT = np.zeros((6, 8), dtype=np.uint8)
LEFT[:, :4] = 255
ONE = LEFT // 255
WHITE = np.full((6, 8, 3), 255, dtype=np.uint8)


def painted(colour, alpha=LEFT):
    """Paint of one colour on transparency."""
    return Image.fromarray(np.dstack([np.full((6, 8, 3), colour, dtype=np.uint8), alpha]))


def of_palette(*colours):
    image = Image.fromarray(ONE)
    image.putpalette([value for colour in colours for value in colour])
    return image


MEANT = {  # each says the left half
    "grey.png": Image.fromarray(LEFT),
    "grey.jpg": Image.fromarray(np.dstack([LEFT] * 3)),
    "bilevel.png": Image.fromarray(LEFT).convert("1"),
    "opaque.png": Image.fromarray(np.dstack([LEFT] * 3 + [np.full_like(LEFT, 255)])),
    "16 bits.png": Image.fromarray(ONE.astype(np.uint16) * 65535),
    "white paint.png": painted((255, 255, 255)),
    "red paint.png": painted((255, 40, 0)),
    "alpha of 0 and 1.png": painted((255, 255, 255), ONE),
    "0 and 1.png": Image.fromarray(ONE),
    "16 bits of 0 and 1.png": Image.fromarray(ONE.astype(np.uint16)),
    "integers of 0 and 1.tif": Image.fromarray(ONE.astype(np.int32)),
    "floats of 0 and 1.tif": Image.fromarray(ONE.astype(np.float32)),
    "palette.png": of_palette((0, 0, 0), (255, 255, 255)),
    "palette of 0 and 1.png": of_palette((0, 0, 0), (1, 1, 1)),
}
REFUSED = {  # file: (what it holds, what is said)
    "black paint.png": (painted((0, 0, 0)), "can be read in two ways"),
    "black and white paint.png": (
        Image.fromarray(np.dstack([LEFT] * 3 + [LEFT.T.repeat(2, axis=1)[:6, :8]])),
        "can be read in two ways",
    ),
    "clear.png": (painted((255, 255, 255), np.zeros_like(LEFT)), "transparent everywhere"),
    "colours.png": (of_palette((0, 0, 0), (128, 0, 0)), "has colours"),
    "labels.png": (Image.fromarray(3 * ONE), "values up to 3,"),
    "16 bits of 8.png": (Image.fromarray(LEFT.astype(np.uint16)), "values up to 255,"),
    "0 and 2.png": (Image.fromarray(2 * ONE), "values up to 2,"),
    "0 and 31.png": (Image.fromarray(31 * ONE), "values up to 31,"),
    "0 and 100.png": (Image.fromarray(100 * ONE), "holds only 0 and 100, which can be read as 1 or as 0.39"),
    "16 bits of 30000.png": (Image.fromarray(ONE.astype(np.uint16) * 30000), "holds only 0 and 30000"),
    "floats of 0 and a half.tif": (Image.fromarray(ONE.astype(np.float32) / 2), "holds only 0 and 0.5"),
    "below zero.tif": (Image.fromarray(ONE.astype(np.int32) - 1), "values below zero, down to -1"),
    "not a number.tif": (Image.fromarray(np.where(ONE, np.nan, 0).astype(np.float32)), "no numbers"),
    "black.png": (Image.fromarray(0 * LEFT), "black everywhere"),
}


@pytest.mark.parametrize("name", MEANT)
def test_the_left_half_is_meant(name, tmp_path):
    MEANT[name].save(tmp_path / name)
    mask = load_mask(tmp_path / name)
    assert mask.dtype == np.float32
    np.testing.assert_allclose(mask, ONE, atol=0.02)


def test_greys_are_shares_and_so_is_transparency(tmp_path):
    ramp = np.tile(np.linspace(0, 255, 8).astype(np.uint8), (6, 1))
    Image.fromarray(ramp).save(tmp_path / "grey.png")
    painted((255, 255, 255), ramp).save(tmp_path / "paint.png")
    for name in ("grey.png", "paint.png"):
        np.testing.assert_allclose(load_mask(tmp_path / name), ramp / 255, atol=1e-6)


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_two_readings_or_none_is_refused_by_name(name, tmp_path):
    image, words = REFUSED[name]
    image.save(tmp_path / name)
    with pytest.raises(UsageError, match=words) as error:
        load_mask(tmp_path / name)
    assert f"mask: '{tmp_path / name}'" in str(error.value)
    assert "white where the style goes" in str(error.value)
