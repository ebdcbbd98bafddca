"""Pictures by the thousand: lists of files, rows of names, tar shards. What is wrong with one is told in a sentence."""

import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
from conftest import run as run_study
from PIL import Image

from core.errors import UsageError
from core.named_files import read_list, spread
from core.picture_files import list_image_files, look_into
from core.shards import KEY, Damage, Member
from studies.shared.pictures import list_pictures, open_picture


def png(number):
    data = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(data, "PNG")
    return data.getvalue()


def write_shard(path, names):
    """A shard with a picture, or something that is called so, for each name."""
    with tarfile.open(path, "w") as tar:
        for number, name in enumerate(names):
            info, data = tarfile.TarInfo(name), png(number)
            if name.endswith("/"):
                info.type = tarfile.DIRTYPE
            else:
                info.size = len(data)
            tar.addfile(info, None if name.endswith("/") else io.BytesIO(data))
    return path


def write_list(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return f"@{path}"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "p").mkdir()
    for number, name in enumerate(("a", "b", "c")):
        (tmp_path / "p" / f"{name}.png").write_bytes(png(number))
    return tmp_path / "p"


def explain(*arguments):
    return run_study("explain", "--size", "64", "--output", "out", *arguments)


def written(folder="out"):
    return sorted(path.name for path in Path(folder).glob("*.png"))


# lists


def test_a_list_names_files_from_its_own_folder_and_passes_over_blank_lines_and_comments(folder):
    text = f"# mine\n\n  a.png  \r\n{folder / 'b.png'}\n#c.png\n./#d.png\n"
    assert list(read_list(write_list(folder / "list.txt", text))) == [
        folder / "a.png",
        folder / "b.png",
        folder / "#d.png",
    ]


def test_a_missing_file_of_a_list_is_named_and_the_others_are_done(folder, weights, capsys):
    assert explain("--images", write_list(folder / "list.txt", "b.png\nnone.png\na.png\n")) == 1
    assert written() == ["a.png", "b.png"]
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "none.png' is not there" in said


BAD_LISTS = {
    "": "is empty",
    "\n# nothing\n": "names no file",
    b"a.png\n\xff\xfe\n": "is not text in UTF-8 (line 2)",
    "a.png\nb\0.png\n": "holds a NUL byte (line 2)",
    "@list.txt\n": "names a list itself (line 1)",
    "a.png\ns-000.tar\n": "names a shard (line 2)",
}


@pytest.mark.parametrize("text", BAD_LISTS, ids=BAD_LISTS.values())
def test_what_is_no_list_is_refused_in_a_sentence(folder, refusal, text):
    with pytest.raises(UsageError) as caught:
        list_image_files([write_list(folder / "list.txt", text)])
    assert BAD_LISTS[text] in str(caught.value)


@pytest.mark.parametrize("name", ["none.txt", "p", ""])
def test_a_list_that_cannot_be_read_is_wrong_use(folder, weights, refusal, name):
    assert "images: " in refusal(explain, "--images", f"@{folder.parent / name if name else ''}")


def test_a_list_of_a_list_without_its_sign_is_a_file_that_is_no_picture(folder, weights, capsys):
    assert explain("--images", write_list(folder / "list.txt", "list.txt\na.png\n")) == 1
    assert "list.txt' is not a picture" in capsys.readouterr().err


def test_the_list_and_the_files_that_it_names_are_never_written_over(folder, weights, capsys):
    listed = write_list(folder / "list.txt", "a.png\n")
    before = (folder / "a.png").read_bytes()
    for extra in ((), ("--overwrite",)):
        code = run_study("explain", "--size", "64", "--output", folder, "--images", listed, *extra)
        assert code == 2
        assert "is one of the files that this reads" in capsys.readouterr().err
    assert (folder / "a.png").read_bytes() == before


# rows of names


def test_a_row_of_numbers_is_what_the_shell_makes_of_it(tmp_path):
    assert spread("s-{08..11}.tar") == ["s-08.tar", "s-09.tar", "s-10.tar", "s-11.tar"]
    assert spread("{9..11}") == ["9", "10", "11"]
    assert spread("{2..1}{a}{0..1}") == ["2{a}0", "2{a}1", "1{a}0", "1{a}1"]
    assert spread("{a..b}") == ["{a..b}"]
    real = tmp_path / "{1..2}.png"
    real.write_bytes(png(0))
    assert spread(str(real)) == [str(real)]
    with pytest.raises(UsageError, match="more than 10,000,000 names"):
        spread("{1..9999}{1..9999}")


# shards

NAMES = ["1.png", "1.cls", "1.json", "./2.png", "x/y/3.seg.png", ".h.png", "d/.h.png", "__k__", "__m__/4.png"]
ODD = ["e.f/g.JPG.png", "../../up.png", "/abs/x.png", "none", "folder/", "C:\\w.png"]
KEYS = ["1", "2", "x_y_3", "e.f_g", "up", "abs_x", "C:_w"]


def test_keys_of_a_shard_are_kept_and_what_is_no_picture_is_passed_over(tmp_path):
    shard = write_shard(tmp_path / "s.tar", NAMES + ODD)
    members = list_image_files([shard])
    assert [member.stem for member in members] == KEYS
    pictures = list_pictures([str(shard)])
    numbers = [(NAMES + ODD).index(member.name) for member in members]
    for number, picture in zip(numbers, pictures, strict=True):
        with Image.open(io.BytesIO(png(number))) as image:
            assert np.array_equal(np.asarray(open_picture(picture)), np.asarray(image))


def test_keys_are_those_of_webdataset(tmp_path):
    theirs = pytest.importorskip("webdataset.tariterators")
    names = [name for name in NAMES + ODD if name != "d/.h.png"]  # whose key is the folder "d/", there
    shard = write_shard(tmp_path / "s.tar", names)
    with shard.open("rb") as stream:
        samples = list(theirs.group_by_keys(theirs.tar_file_expander([{"url": "s.tar", "stream": stream}])))
    keys = [sample["__key__"] for sample in samples if any(key.endswith("png") for key in sample)]
    assert [KEY.fullmatch(member.name)[1] for member in list_image_files([shard])] == keys


def test_shards_are_explained_under_their_keys_and_no_name_in_them_leads_elsewhere(tmp_path, weights, capsys):
    for number in range(2):
        write_shard(tmp_path / f"s-{number:03}.tar", [f"{number}a.png", f"../../{number}b.png"])
    before = {path.name for path in tmp_path.iterdir()}
    assert explain("--images", "s-{000..001}.tar") == 0
    assert written() == ["0a.png", "0b.png", "1a.png", "1b.png"]
    assert {path.name for path in tmp_path.iterdir()} == before | {"out"}
    assert explain("--images", "s-{000..001}.tar") == 0
    assert "wrote 0 pictures to out; there already: 4" in capsys.readouterr().out


def test_of_a_shard_that_is_cut_off_the_pictures_before_the_cut_are_done(tmp_path, weights, capsys):
    shard = write_shard(tmp_path / "s.tar", ["a.png", "b.png", "c.png"])
    shard.write_bytes(shard.read_bytes()[: 2 * len(png(0)) + 700])
    write_shard(tmp_path / "t.tar", ["d.png"])
    assert explain("--images", "s.tar", "t.tar") == 1
    assert written() == ["a.png", "d.png"]
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "the shard 's.tar' is cut off or damaged after its picture 1" in said


def test_wherever_a_shard_is_cut_it_is_noticed(tmp_path):
    whole = write_shard(tmp_path / "s.tar", ["a.png", "b.png"]).read_bytes()
    end = len(whole.rstrip(b"\0")) // 512 * 512 + 512  # two blocks of zeros follow
    for cut in (0, 1, 511, 512, 600, 5000, end // 2 // 512 * 512, end - 1, end):
        (tmp_path / "cut.tar").write_bytes(whole[:cut])
        *members, last = list_image_files([tmp_path / "cut.tar"])
        assert isinstance(last, Damage), cut
        assert all(isinstance(member, Member) and member.read()[:4] == b"\x89PNG" for member in members)


BAD_SHARDS = {
    "is not there": lambda path: None,
    "is a folder": lambda path: (path / "x").mkdir(parents=True),
    "is empty": lambda path: path.write_bytes(b""),
    "is no plain tar file": lambda path: path.write_bytes(b"\x1f\x8b" + bytes(range(256)) * 9),
    "holds no picture": lambda path: write_shard(path, ["a.txt"]),
    "is a named pipe": os.mkfifo,
}


@pytest.mark.parametrize("words", BAD_SHARDS)
def test_what_is_no_shard_is_refused_in_a_sentence(tmp_path, weights, capsys, words):
    BAD_SHARDS[words](tmp_path / "s.tar")
    assert explain("--images", "s.tar") == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert words in said or words == "is a folder"  # a folder is looked into, whatever its name


def test_a_shard_is_never_written_over(tmp_path, weights, capsys):
    shard = write_shard(tmp_path / "s.tar", ["a.png"])
    before = shard.read_bytes()
    assert run_study("embedding", "--size", "64", "--images", shard, "--output", "x.png") == 2  # one is too few
    assert shard.read_bytes() == before
    assert "1 are too few to compare" in capsys.readouterr().err


def test_embedding_takes_shards_and_lists(tmp_path, folder, weights, capsys):
    write_shard(tmp_path / "s.tar", ["x.png", "y.png"])
    listed = write_list(folder / "list.txt", "a.png\nb.png\nc.png\n")
    arguments = ("--size", "64", "--technique", "neighbours", "--neighbours", "2")
    assert run_study("embedding", *arguments, "--images", listed, "s.tar") == 0
    assert "5 images" in capsys.readouterr().out


# folders


def test_a_folder_is_listed_as_before_with_links_to_nothing_and_in_circles(folder):
    (folder / "gone.png").symlink_to("nowhere.png")
    (folder / "round.png").symlink_to("round.png")
    (folder / "sub").mkdir()
    (folder / "notes.txt").write_text("x")
    (folder / ".hidden.png").write_bytes(png(0))
    found = look_into(folder)
    assert [path.name for path in found.pictures] == ["a.png", "b.png", "c.png", "gone.png", "round.png"]
    assert (found.others, found.folders) == (["notes.txt"], 1)
