"""Where the courses' pictures come from: their own file, and else five photographs."""

import pickle

import numpy as np
import pytest

from core.errors import UsageError
from courses.photographs import PHOTOGRAPH_LABELS, load_imagenet_val, load_images


@pytest.fixture
def course_file(tmp_path):
    """A file as the course's is: pictures, labels, and a pickled dictionary of names."""
    X = np.random.default_rng(0).integers(0, 256, (4, 224, 224, 3), dtype=np.uint8)
    names = np.array({number: f"name {number}" for number in range(1000)}, dtype=object)
    path = tmp_path / "some" / "imagenet_val_25.npz"
    path.parent.mkdir()
    np.savez(path, X=X, y=np.array([3, 1, 4, 1]), label_map=names)
    return path


@pytest.mark.parametrize("place", ["data", "cs231n/datasets", "."])
def test_the_courses_file_is_read_where_the_course_keeps_it(course_file, tmp_path, place, capsys):
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    (tmp_path / place / course_file.name).write_bytes(course_file.read_bytes())
    X, y, class_names = load_imagenet_val(num=2)
    assert (X.shape, X.dtype) == ((2, 224, 224, 3), np.uint8)
    assert y.tolist() == [3, 1]
    assert class_names[999] == "name 999"
    assert load_imagenet_val()[0].shape[0] == 4
    assert capsys.readouterr().err == ""


def test_the_environment_variable_names_the_file(course_file, monkeypatch):
    monkeypatch.setenv("COURSE_IMAGES", str(course_file))
    assert load_images(num=3)[2] == ["name 3", "name 1", "name 4"]
    monkeypatch.setenv("COURSE_IMAGES", "nowhere.npz")
    with pytest.raises(UsageError, match=r"COURSE_IMAGES: 'nowhere.npz' is not a file"):
        load_images()


def test_without_the_file_five_photographs_come_and_it_says_so(capsys):
    X, y, labels, class_names = load_images()
    assert X.shape == (5, 224, 224, 3)
    assert tuple(y) == PHOTOGRAPH_LABELS
    assert labels == ["Egyptian cat", "espresso", "missile", "moped", "monastery"]
    assert len(class_names) == 1000
    assert "COURSE_IMAGES" in capsys.readouterr().err
    assert len(load_imagenet_val(num=25)[0]) == 5
    assert "5 photographs" in capsys.readouterr().err


def test_the_network_names_the_photographs_as_we_do(imagenet, photograph_tensor):
    """A person's word for each is at least among the network's first five, so the maps explain something."""
    best = imagenet(photograph_tensor).topk(5).indices.tolist()
    assert all(label in five for label, five in zip(PHOTOGRAPH_LABELS, best, strict=True))


class Harmful:
    def __reduce__(self):
        return print, ("harm",)


def test_a_file_that_would_run_code_is_refused_unrun(tmp_path, monkeypatch, capsys):
    path = tmp_path / "imagenet_val_25.npz"
    label_map = np.array({0: Harmful()}, dtype=object)
    np.savez(path, X=np.zeros((1, 8, 8, 3), np.uint8), y=np.array([0]), label_map=label_map)
    with pytest.raises(UsageError, match=r"it wants to run builtins\.print"):
        load_imagenet_val()
    assert "harm" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "arrays",
    [
        {"X": np.zeros((1, 8, 8, 3), np.uint8)},
        {"X": np.zeros((1, 8, 8, 3)), "y": np.zeros(1), "label_map": np.array({0: "a"}, dtype=object)},
        {"X": np.zeros((2, 8, 8, 3), np.uint8), "y": np.zeros(1), "label_map": np.array({0: "a"}, dtype=object)},
        {"X": np.zeros((1, 8, 8, 3), np.uint8), "y": np.zeros(1), "label_map": np.array([1, 2])},
    ],
    ids=["no labels", "floats", "fewer labels", "no dictionary"],
)
def test_another_file_of_that_name_is_refused_by_its_name(tmp_path, arrays):
    np.savez(tmp_path / "imagenet_val_25.npz", **arrays)
    with pytest.raises(UsageError, match=r"imagenet_val_25.npz' (is not the course's|holds)"):
        load_imagenet_val()


def test_a_broken_file_is_refused_by_its_name(tmp_path):
    (tmp_path / "imagenet_val_25.npz").write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(UsageError, match=r"imagenet_val_25.npz' is not the course's"):
        load_imagenet_val()


def test_a_number_below_1_is_refused():
    with pytest.raises(UsageError, match="num: 0"):
        load_images(num=0)
