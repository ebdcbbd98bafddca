"""The paintings: the same each time, the size asked for, never flat, and refused politely."""

from functools import cache

import numpy as np
import pytest
from PIL import Image

from core.errors import UsageError
from patterns.paintings import CONTENT, PAINTINGS, STYLES, paint
from patterns.paintings.__main__ import main, parser
from studies.shared.options import run_script

ALL = sorted(PAINTINGS)


def run(arguments):
    return run_script(main, parser(), arguments)


@cache
def small(name, seed=0):
    return paint(name, width=160, height=120, seed=seed)


@pytest.mark.parametrize("name", ALL)
def test_shape_and_type(name):
    assert small(name).shape == (120, 160, 3)
    assert small(name).dtype == np.uint8


@pytest.mark.parametrize("name", ["geometric_abstraction", "harbour_town"])
def test_same_seed_gives_the_same_bytes(name):
    again = paint(name, width=160, height=120, seed=0)
    assert again.tobytes() == small(name).tobytes()


def test_global_random_state_plays_no_part():
    np.random.seed(7)
    first = paint("harbour_town", width=64, height=48)
    np.random.seed(8)
    assert np.array_equal(first, paint("harbour_town", width=64, height=48))


@pytest.mark.parametrize("name", ["mosaic", "harbour_town"])
def test_another_seed_gives_another_picture(name):
    assert not np.array_equal(small(name), small(name, seed=1))


@pytest.mark.parametrize(("width", "height"), [(161, 97), (50, 131), (16, 16), (301, 33)])
def test_odd_sizes(width, height):
    picture = paint("harbour_town", width=width, height=height)
    assert picture.shape == (height, width, 3)
    assert picture.std() > 15


@pytest.mark.parametrize("name", ["geometric_abstraction", "harbour_town"])
def test_a_small_picture_shows_the_same_composition_as_a_large_one(name):
    large = Image.fromarray(paint(name, width=400, height=300)).resize((40, 30), Image.BOX)
    little = Image.fromarray(small(name)).resize((40, 30), Image.BOX)
    likeness = np.corrcoef(np.asarray(large).ravel(), np.asarray(little).ravel())[0, 1]
    assert likeness > 0.95


@pytest.mark.parametrize("name", ALL)
def test_the_picture_is_not_flat(name):
    picture = small(name).astype(float)
    assert picture.std() > 35
    neighbours = np.abs(np.diff(picture.mean(-1), axis=1)).mean()
    assert neighbours > (4 if name in STYLES else 2)


def test_each_palette_is_used():
    red, _, blue = small("swirling_night").reshape(-1, 3).mean(0)
    assert blue > red + 40
    red, _, blue = small("blood_sunset").reshape(-1, 3).mean(0)
    assert red > blue + 40
    sky, water = np.split(small("blood_sunset").astype(float), 2)
    assert (sky[..., 0] - sky[..., 2]).mean() > (water[..., 0] - water[..., 2]).mean() + 60
    sea = small("mosaic")[90:].reshape(-1, 3).mean(0)
    assert sea[2] > sea[0]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ({"name": "mona_lisa"}, ["name", "'mona_lisa'", "swirling_night"]),
        ({"name": "mosaic", "width": 0}, ["width", "0", "16"]),
        ({"name": "mosaic", "height": 4.5}, ["height", "4.5", "16"]),
        ({"name": "mosaic", "width": True}, ["width", "True"]),
        ({"name": "mosaic", "seed": -1}, ["seed", "-1"]),
        ({"name": ["mosaic"]}, ["name", "['mosaic']"]),
    ],
)
def test_a_wrong_argument_is_refused_in_one_sentence(arguments, names):
    with pytest.raises(UsageError) as refusal:
        paint(**arguments)
    message = str(refusal.value)
    assert "\n" not in message
    assert all(part in message for part in names)


def test_the_command_writes_its_files_and_nothing_else(tmp_path, capsys):
    size = ["--width", "120", "--height", "90", "--output", str(tmp_path)]
    assert run(["--name", "mosaic", "harbour_town", *size]) == 0
    written = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file())
    assert written == ["content/harbour_town.jpg", "styles/mosaic.jpg"]
    with Image.open(tmp_path / "styles" / "mosaic.jpg") as image:
        assert (image.format, image.size) == ("JPEG", (120, 90))
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_a_failed_write_leaves_no_half_written_file(tmp_path, monkeypatch, capsys):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    size = ["--width", "64", "--height", "48", "--output", str(tmp_path)]
    assert run(["--name", "harbour_town", *size]) == 1
    assert "No space left" in capsys.readouterr().err
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--name", "mona_lisa"],
        ["--width", "wide"],
        ["--height", "3"],
        ["--seed", "-4"],
        ["--depth"],
    ],
)
def test_the_command_refuses_in_one_sentence(arguments, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        run([*arguments, "--output", str(tmp_path)])
    assert stop.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_every_painting_is_a_style_or_a_content_scene():
    assert set(PAINTINGS) == set(STYLES) | set(CONTENT)
    assert not set(STYLES) & set(CONTENT)
