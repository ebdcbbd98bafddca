"""Which files are taken for pictures, what is said of the others, and that nothing but a regular file is read."""

import io
import os
import socket
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from conftest import run
from PIL import Image, features

from core import images, picture_files
from core.defaults import ROOT
from core.errors import UsageError
from core.files import fingerprint
from core.masks import load_mask
from core.picture_files import list_image_files
from studies.shared.named_pictures import open_named
from studies.shared.pictures import list_pictures

RGB = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
PICTURE = Image.fromarray(RGB)
NO_UTF8 = os.fsdecode(b"caf\xe9")


def test_every_kind_that_can_be_read_is_found_in_a_folder(tmp_path):
    kinds = {
        "jfif": "JPEG",
        "jpe": "JPEG",
        "tga": "TGA",
        "jp2": "JPEG2000",
        "avif": "AVIF",
        "webp": "WEBP",
        "pcx": "PCX",
    }
    kinds |= {"JPG": "JPEG", "sgi": "SGI", "ico": "ICO", "dib": "DIB", "pgm": "PPM", "apng": "PNG", "mpo": "MPO"}
    codecs = {"jp2": "jpg_2000", "avif": "avif", "webp": "webp"}
    here = {
        ending: name
        for ending, name in kinds.items()
        if ending not in codecs
        or (codecs[ending] in features.get_supported() and f".{ending}" in picture_files.suffixes())
    }
    for ending, name in here.items():
        PICTURE.convert("L" if ending == "pgm" else "RGB").save(tmp_path / f"a.{ending}", format=name)
    said = []
    found = list_image_files([tmp_path], said.append)
    assert {path.suffix[1:] for path in found} == set(here)
    assert said == []
    for path in found:
        assert images.load_image(path).mode == "RGB"


def test_hidden_files_and_folders_are_passed_over_and_what_is_left_out_is_counted_in_a_sentence(tmp_path):
    for name in ("b.png", "a.JPG"):
        PICTURE.save(tmp_path / name)
    for name in ("._a.png", ".DS_Store", ".hidden.jpg", "notes.txt", "film.mp4", "drawing.eps", "without_ending"):
        (tmp_path / name).write_bytes(b"\0\5\26\7" + bytes(100))
    (tmp_path / "made.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    said = []
    assert [path.name for path in list_image_files([tmp_path], said.append)] == ["a.JPG", "b.png"]
    assert len(said) == 1
    assert "left out" in said[0]
    assert "5 files of other kinds (drawing.eps, film.mp4, notes.txt, pipe.png, without_ending)" in said[0]
    assert "1 folder" in said[0]
    (tmp_path / "more.txt").touch()
    list_pictures([str(tmp_path)], said.append)
    assert "6 files of other kinds" in said[1]
    assert "..." in said[1]


def test_a_folder_without_pictures_says_what_it_has(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UsageError, match=r"holds no picture .* 1 file of other kinds \(notes.txt\)"):
        list_image_files([tmp_path])


def test_a_link_to_a_picture_is_a_picture_and_a_link_to_nothing_is_named(tmp_path):
    PICTURE.save(tmp_path / "whole.png")
    (tmp_path / "link.png").symlink_to("whole.png")
    (tmp_path / "nothing.png").symlink_to("gone.png")
    found = list_image_files([tmp_path])
    assert [path.name for path in found] == ["link.png", "nothing.png", "whole.png"]
    assert np.array_equal(images.load_image(found[0]), RGB)
    with pytest.raises(UsageError, match="not there"):
        images.load_image(found[1])


def test_a_pipe_a_socket_or_a_device_is_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.png")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.png")
        for path in ("pipe.png", "socket.png", "/dev/zero", "/dev/stdin" if sys.stdin is None else "/dev/null"):
            for read in (
                images.load_image,
                images.load_frames,
                load_mask,
                lambda name: open_named(str(name), "content"),
            ):
                with pytest.raises(UsageError, match="a pipe, a socket or a device"):
                    read(Path(path))
            assert fingerprint(Path(path)) == ""


def test_no_format_that_starts_another_program_is_opened(tmp_path):
    script = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(x) print\n"
    for name in ("a.eps", "a.png", "a"):
        (tmp_path / name).write_bytes(script)
        with pytest.raises(UsageError, match="is not a picture that can be read here; save it as PNG or JPEG first"):
            images.load_image(tmp_path / name)
    assert not {"EPS", "WMF", "PDF", "IPTC"} & set(picture_files.formats())
    assert not {".eps", ".ps", ".pdf", ".wmf", ".mpg", ".h5"} & picture_files.suffixes()


def test_no_test_file_of_a_known_format_is_left_out_by_mistake():
    """What Pillow can open is either opened or named in NEVER."""
    Image.init()
    assert set(picture_files.formats()) == set(Image.OPEN) - picture_files.NEVER


def test_names_that_are_no_utf8_are_shown(tmp_path):
    path = tmp_path / f"{NO_UTF8}.png"
    path.write_bytes(b"no picture")
    with pytest.raises(UsageError, match="caf\ufffd") as error:
        images.load_image(path)
    str(error.value).encode()
    assert picture_files.shown("a\nb\x1b[31m\ud800é猫") == "a?b?[31m?é猫"
    assert list_pictures([str(tmp_path)], print)[0].name == "caf\ufffd"


def test_a_file_can_be_named_like_another_on_a_system_in_ascii(tmp_path):
    (tmp_path / "猫\udce9.png").touch()
    code = "from pathlib import Path; from core.picture_files import look_into, shown\n"
    code += "for path in look_into(Path('.')).pictures: Path('made of ' + shown(path.name)).touch()"
    environment = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], env=environment, cwd=tmp_path, check=True, timeout=60)
    assert (tmp_path / "made of 猫\ufffd.png").is_file()


@pytest.mark.parametrize("encoding", ["ascii", "utf-8", "latin-1"])
def test_a_study_of_pictures_with_any_names_ends_well_on_any_terminal(encoding, tmp_path, weights, monkeypatch):
    for name in (NO_UTF8, "猫 قطة", "line\nbreak"):
        PICTURE.save(tmp_path / f"{name}.png")
    (tmp_path / f"{NO_UTF8}.txt").touch()
    (tmp_path / "broken \udce9.jpg").write_bytes(b"none")
    streams = {name: io.TextIOWrapper(io.BytesIO(), encoding) for name in ("stdout", "stderr")}
    for name, stream in streams.items():
        monkeypatch.setattr(sys, name, stream)
    assert run("saliency", "--images", tmp_path, "--size", 64, "--output", "out/é\udce9.png") == 1  # one is broken
    said = {}
    for name, stream in streams.items():
        stream.flush()
        said[name] = stream.buffer.getvalue()
    assert said["stderr"].startswith(b"skipped: image: ")
    assert said["stderr"].count(b"\n") == 1
    assert b"1 file of other kinds" in said["stdout"]
    assert b"wrote out/" in said["stdout"]
    assert Path("out", "é\udce9.png").is_file()


def test_a_strip_is_read_by_its_middle_and_it_is_said(tmp_path, weights, capsys):
    strip = np.zeros((4, 256, 3), np.uint8)
    strip[:, 120:136] = 200
    Image.fromarray(strip).save(tmp_path / "strip.png")
    crop = np.asarray(images.centre_crop(images.load_image(tmp_path / "strip.png", longest=1000)))
    assert crop.shape == (224, 224, 3)
    assert (crop == 200).all()
    assert run("saliency", "--images", tmp_path / "strip.png", "--size", 64) == 0
    assert "strip is 256 x 4 pixels: only the 4 pixels each way in the middle are looked at" in capsys.readouterr().out
    with pytest.raises(UsageError, match="256 x 4"):  # all of it at a painting's scale would fill the memory
        images.load_image(tmp_path / "strip.png")


def test_a_header_that_promises_gigabytes_is_refused_before_anything_is_decoded(tmp_path):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000)))
    (tmp_path / "bomb.png").write_bytes(bomb)
    with pytest.raises(UsageError, match="pixels"):
        images.load_image(tmp_path / "bomb.png")
    text = chunk(b"zTXt", b"words\0\0" + zlib.compress(bytes(70_000_000)))
    PICTURE.save(tmp_path / "text.png")
    whole = (tmp_path / "text.png").read_bytes()
    (tmp_path / "text.png").write_bytes(whole[:33] + text + whole[33:])
    with pytest.raises(UsageError, match="is damaged"):
        images.load_image(tmp_path / "text.png")


def test_an_animation_without_end_is_refused(tmp_path, monkeypatch):
    frames = [Image.new("RGB", (30, 30), (20 * index, 0, 0)) for index in range(12)]
    frames[0].save(tmp_path / "many.gif", save_all=True, append_images=frames[1:])
    monkeypatch.setattr(picture_files, "MOST_PIXELS", 10_000)
    with pytest.raises(UsageError, match="12 frames of 30 x 30 pixels; at most 10000"):
        images.load_frames(tmp_path / "many.gif")


@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "gif", "bmp", "webp", "tga"])
def test_a_file_that_is_cut_off_or_changed_anywhere_is_read_or_refused_in_one_sentence(ending, tmp_path):
    PICTURE.save(tmp_path / f"whole.{ending}")
    whole, chance = (tmp_path / f"whole.{ending}").read_bytes(), np.random.default_rng(0)
    path = tmp_path / f"broken.{ending}"
    for _ in range(25):
        cut, changed = whole[: chance.integers(1, len(whole))], bytearray(whole)
        changed[chance.integers(0, min(200, len(whole)))] ^= int(chance.integers(1, 256))
        for data in (cut, bytes(changed)):
            path.write_bytes(data)
            answer = answer_to(path)
            assert answer == "read" or ("\n" not in answer and path.name in answer)


def answer_to(path):
    """What is said of a file, or "read"."""
    try:
        return images.load_image(path) and "read"
    except UsageError as error:
        return str(error)
