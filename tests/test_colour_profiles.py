"""What a colour profile says is applied, as an independent computation has it; a profile that is no use is left alone.

The profiles are written here, since Pillow makes none but sRGB, Lab and XYZ: a matrix of three colours, a grey with a
gamma, and a table for four inks.
"""

import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from core.images import load_image
from core.masks import load_mask

COLUMNS = (b"rXYZ", b"gXYZ", b"bXYZ")
D50 = (0.9642, 1.0, 0.8249)
SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])  # -> XYZ, D50
ADOBE = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
GAMMA = 563 / 256  # of Adobe RGB, as a profile keeps it
COLOURS = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
INKS = {  # C, M, Y, K: what they look like together, in Lab; the rest is black
    (0, 0, 0, 0): (100, 0, 0),
    (1, 0, 0, 0): (70, -20, -20),
    (0, 1, 0, 0): (55, 30, -10),
    (0, 0, 1, 0): (90, -5, 40),
    (1, 1, 0, 0): (40, 10, -20),
    (1, 0, 1, 0): (50, -30, 20),
    (0, 1, 1, 0): (50, 30, 25),
    (1, 1, 1, 0): (25, 0, 0),
}


def profile(kind, space, connection, tags):
    """An ICC profile, version 2, of these tags."""
    header = struct.pack(">4sI4s4s4s", b"", 0x02400000, kind, space, connection) + bytes(16)
    header = header[:32] + b"acsp" + bytes(28) + fixed(*D50)
    table, data = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        table += struct.pack(">4sII", name, start + len(data), len(value))
        data += value + bytes(-len(value) % 4)
    body = header + bytes(124 - len(header)) + table + data
    return struct.pack(">I", 4 + len(body)) + body


def fixed(*numbers):
    return b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)


def curve(gamma):
    return b"curv" + struct.pack(">IIH", 0, 1, round(gamma * 256)) + bytes(2)


def of_matrix(matrix, gamma=GAMMA):
    columns = {name: b"XYZ " + bytes(4) + fixed(*column) for name, column in zip(COLUMNS, matrix.T, strict=True)}
    curves = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve(gamma))
    return profile(b"mntr", b"RGB ", b"XYZ ", {b"wtpt": b"XYZ " + bytes(4) + fixed(*D50), **columns, **curves})


def of_grey(gamma):
    return profile(b"mntr", b"GRAY", b"XYZ ", {b"wtpt": b"XYZ " + bytes(4) + fixed(*D50), b"kTRC": curve(gamma)})


def of_inks():
    corners = [tuple(int(digit) for digit in f"{number:04b}") for number in range(16)]
    looks = [INKS.get(corner, (0, 0, 0)) for corner in corners]
    grid = bytes(value for light, a, b in looks for value in (round(light * 2.55), a + 128, b + 128))
    straight = bytes(range(256))
    table = b"mft1" + struct.pack(">IBBBB", 0, 4, 3, 2, 0) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    table += 4 * straight + grid + 3 * straight
    return profile(b"prtr", b"CMYK", b"Lab ", {b"wtpt": b"XYZ " + bytes(4) + fixed(*D50), b"A2B0": table})


def encoded(linear):
    """Linear RGB -> sRGB's numbers, 0 to 255."""
    linear = np.clip(linear, 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def from_lab(lab):
    light, a, b = lab
    middle = (light + 16) / 116
    parts = np.array([middle + a / 500, middle, middle - b / 200])
    xyz = np.where(parts > 6 / 29, parts**3, 3 * (6 / 29) ** 2 * (parts - 4 / 29)) * D50
    return encoded(np.linalg.inv(SRGB) @ xyz)


def read(tmp_path, image, name="picture.png", **settings):
    image.save(tmp_path / name, **settings)
    return np.asarray(load_image(tmp_path / name)).astype(int)


@pytest.mark.parametrize(
    ("matrix", "gamma"), [(ADOBE, GAMMA), (SRGB, 1.0), (SRGB[:, ::-1], GAMMA)], ids=["adobe", "linear", "swapped"]
)
def test_colours_of_another_space_are_what_the_formula_gives(matrix, gamma, tmp_path):
    linear = (COLOURS / 255) ** gamma
    wanted = encoded(linear @ (np.linalg.inv(SRGB) @ matrix).T)
    got = read(tmp_path, Image.fromarray(COLOURS), icc_profile=of_matrix(matrix, gamma))
    assert np.abs(wanted - COLOURS).mean() > 4  # or there would be nothing to see
    assert np.abs(got - wanted).max() < 1.6


def test_transparency_and_palettes_have_the_profile_too(tmp_path):
    adobe = of_matrix(ADOBE)
    opaque = read(tmp_path, Image.fromarray(COLOURS), icc_profile=adobe)
    alpha = np.full((40, 60, 1), 255, np.uint8)
    alpha[:20] = 0
    got = read(tmp_path, Image.fromarray(np.concatenate([COLOURS, alpha], axis=2)), icc_profile=adobe)
    assert (got[:20] == 255).all()
    assert np.array_equal(got[20:], opaque[20:])
    few = Image.fromarray(COLOURS).quantize(16)
    wanted = read(tmp_path, few.convert("RGB"), icc_profile=adobe)
    assert np.array_equal(read(tmp_path, few, icc_profile=adobe), wanted)


def test_greys_with_a_gamma_are_lightened_and_darkened_by_it(tmp_path):
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    for gamma in (1.0, 1.8, 2.5):
        got = read(tmp_path, Image.fromarray(grey), icc_profile=of_grey(gamma))
        assert np.abs(got - encoded((grey / 255) ** gamma)[..., None]).max() < 1.6


@pytest.mark.parametrize("name", ["inks.tif", "inks.jpg"])
def test_inks_look_as_their_profile_says(name, tmp_path):
    settings = {"quality": 100, "subsampling": 0} if name.endswith("jpg") else {}
    for inks, lab in INKS.items():
        image = Image.new("CMYK", (16, 16), tuple(255 * ink for ink in inks))
        got = read(tmp_path, image, name, icc_profile=of_inks(), **settings)
        assert np.abs(got - from_lab(lab)).max() < 4, inks  # 8 bits of Lab


def test_a_lab_picture_is_read(tmp_path):
    for lab in ((100, 0, 0), (0, 0, 0), (50, 0, 0), (60, 20, -30)):
        image = Image.new("LAB", (4, 4), (round(lab[0] * 2.55), lab[1] + 128, lab[2] + 128))
        assert np.abs(read(tmp_path, image, "lab.tif") - from_lab(lab)).max() < 4, lab


def test_srgb_stays_to_the_bit(tmp_path):
    theirs = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    kinds = {"picture.png": {}, "picture.jpg": {"quality": 90}, "picture.webp": {"lossless": True}}
    for name, settings in kinds.items():
        plain = read(tmp_path, Image.fromarray(COLOURS), name, **settings)
        assert np.array_equal(read(tmp_path, Image.fromarray(COLOURS), name, icc_profile=theirs, **settings), plain)


USELESS = {
    "no profile": b"not a profile at all",
    "cut off": of_matrix(ADOBE)[:200],
    "of greys": of_grey(1.0),
    "of inks": of_inks(),
    "without curves": profile(b"mntr", b"RGB ", b"XYZ ", {b"wtpt": b"XYZ " + bytes(4) + fixed(*D50)}),
    "all black": of_matrix(0 * ADOBE),
    "of Lab": ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(),
}


@pytest.mark.parametrize("name", USELESS)
def test_a_profile_that_is_no_use_leaves_the_picture_as_it_is(name, tmp_path):
    assert np.array_equal(read(tmp_path, Image.fromarray(COLOURS), icc_profile=USELESS[name]), COLOURS)


def test_a_profile_of_colours_leaves_greys_as_they_are(tmp_path):
    grey = Image.fromarray(COLOURS[..., 0])
    for image in (grey, grey.convert("1")):
        assert np.array_equal(read(tmp_path, image, icc_profile=of_matrix(ADOBE, 1.0)), read(tmp_path, image))


def test_damage_to_any_byte_of_a_profile_neither_stops_nor_empties_the_picture(tmp_path):
    whole, chance = of_matrix(ADOBE), np.random.default_rng(1)
    for place in chance.integers(0, len(whole), 60):
        broken = bytearray(whole)
        broken[place] ^= int(chance.integers(1, 256))
        assert np.ptp(read(tmp_path, Image.fromarray(COLOURS), icc_profile=bytes(broken))) > 0


def test_a_mask_is_numbers_and_has_no_profile(tmp_path):
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))
    ramp.save(tmp_path / "mask.png", icc_profile=of_grey(1.0))
    np.testing.assert_allclose(load_mask(tmp_path / "mask.png") * 255, np.asarray(ramp), atol=1e-4)
