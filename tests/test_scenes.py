"""Tests of the scenes: determinism, exact masks, and backgrounds that tell nothing."""

import re

import numpy as np
import pytest
from conftest import render_empty, run
from PIL import Image
from scipy import ndimage
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from core.errors import UsageError
from drawing.colours import outline
from patterns.dataset import SceneDataset
from patterns.objects import AREAS, FACETS, LEAN, OBJECTS
from patterns.scenes import (
    CLASS_NAMES,
    render_batch,
    render_indexed,
    render_pair,
    render_scene,
)
from patterns.textures import PERIODS, TEXTURES
from studies.scenes.figure import TITLE, Strip, contact_sheet


def test_class_names_are_unique_plain_words():
    assert 32 <= len(CLASS_NAMES) <= 40
    assert len(set(CLASS_NAMES)) == len(CLASS_NAMES)
    assert all(re.fullmatch(r"[a-z]+( [a-z]+)?", name) for name in CLASS_NAMES)
    assert set(FACETS) | set(LEAN) | set(PERIODS) <= set(CLASS_NAMES)
    assert set(AREAS) == set(OBJECTS)


def test_same_seed_same_bytes():
    for label in ("marble", "tree", 3):
        first = render_scene(label, seed=11, size=96)
        second = render_scene(label, seed=11, size=96)
        assert first.image.tobytes() == second.image.tobytes()
        assert first.mask.tobytes() == second.mask.tobytes()
        assert not np.array_equal(first.image, render_scene(label, seed=12, size=96).image)


def test_global_random_state_is_neither_used_nor_changed():
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    first = render_scene("fish", seed=3, size=64)
    assert np.array_equal(before, np.random.get_state()[1])
    np.random.seed(2)
    assert np.array_equal(first.image, render_scene("fish", seed=3, size=64).image)


def test_a_scene_does_not_depend_on_its_batch():
    labels = ["stripes", 20, "gear", "cup"]
    images, masks = render_batch(labels, seed=5, size=64)
    assert images.shape == (4, 64, 64, 3)
    assert images.dtype == np.uint8
    assert masks.shape == (4, 64, 64)
    assert masks.dtype == bool
    others, _ = render_batch(["moon", 20, "moon"], seed=5, size=64)
    assert np.array_equal(images[1], others[1])
    alone = render_indexed("gear", seed=5, index=2, size=64)
    assert np.array_equal(images[2], alone.image)
    assert np.array_equal(masks[2], alone.mask)
    assert np.array_equal(images[0], render_scene("stripes", seed=5, size=64).image)


def test_an_empty_batch():
    images, masks = render_batch([], seed=0, size=64)
    assert images.shape == (0, 64, 64, 3)
    assert masks.shape == (0, 64, 64)


@pytest.mark.parametrize("name", CLASS_NAMES)
@pytest.mark.parametrize("size", [64, 224])
def test_every_class_renders_with_a_sensible_mask(name, size):
    for index in range(4 if size == 64 else 1):
        scene = render_indexed(name, seed=7, index=index, size=size)
        assert scene.image.shape == (size, size, 3)
        assert scene.image.dtype == np.uint8
        assert scene.mask.shape == (size, size)
        assert scene.mask.dtype == bool
        assert CLASS_NAMES[scene.label] == name
        share = scene.mask.mean()
        assert share > 0.045
        if name in OBJECTS:
            assert share < 0.66
            edge = np.concatenate([scene.mask[0], scene.mask[-1], scene.mask[:, 0], scene.mask[:, -1]])
            assert edge.mean() < 0.1  # at most a tip leaves the frame


def test_sizes_of_objects_spread_around_a_quarter_of_the_frame():
    shares = [render_indexed(name, seed=1, index=index, size=64).mask.mean() for name in OBJECTS for index in range(8)]
    assert 0.16 < np.median(shares) < 0.3
    assert np.quantile(shares, 0.05) < 0.12
    assert np.quantile(shares, 0.95) > 0.4


@pytest.mark.parametrize("name", CLASS_NAMES)
def test_the_object_changes_its_mask_and_its_shadow_only(name):
    size = 96
    for index in range(2):
        scene = render_indexed(name, seed=2, index=index, size=size)
        empty = render_empty(name, seed=2, index=index, size=size)
        change = np.abs(scene.image.astype(int) - empty).max(axis=2)
        # A shadow reaches 0.08 + 3 * 0.06 frame units; a frame unit is half a side.
        reach = int(np.ceil((0.08 + 3.5 * 0.06) * size / 2)) + 3
        near = ndimage.binary_dilation(scene.mask, iterations=reach, structure=np.ones((3, 3)))
        assert change[~near].max(initial=0) <= 1
        # Inside the mask nearly every pixel is another one.
        assert (change[scene.mask] > 8).mean() > 0.75


def test_the_masks_edge_is_an_edge_of_the_picture():
    """Across the mask's outline the picture changes more than across other places."""
    gains = []
    for name in CLASS_NAMES:
        for index in range(3):
            scene = render_indexed(name, seed=4, index=index, size=112)
            grey = scene.image.mean(axis=2)
            slope = ndimage.gaussian_gradient_magnitude(grey, 1.0)
            rim = scene.mask ^ ndimage.binary_erosion(scene.mask, border_value=1)
            outside = ~ndimage.binary_dilation(scene.mask, iterations=4)
            if rim.any() and outside.any():
                gains.append(slope[rim].mean() / slope[outside].mean())
    assert np.median(gains) > 3
    assert np.mean(np.array(gains) > 1) > 0.95


def test_objects_stand_out_from_their_surroundings():
    contrasts = []
    for name in CLASS_NAMES:
        for index in range(3):
            scene = render_indexed(name, seed=6, index=index, size=96)
            around = ndimage.binary_dilation(scene.mask, iterations=14)
            around &= ~ndimage.binary_dilation(scene.mask, iterations=3)
            if around.any():
                inside, outside = scene.image[scene.mask], scene.image[around]
                # Textures may have the mean colour of their surroundings: compare the spread too.
                contrasts.append(
                    max(
                        np.abs(inside.mean(0) - outside.mean(0)).max(),
                        np.abs(inside.std(0) - outside.std(0)).max(),
                    )
                )
    assert np.median(contrasts) > 40
    assert np.quantile(contrasts, 0.05) > 14


def test_facets():
    for name, kinds in FACETS.items():
        pictures = [render_scene(name, seed=1, size=64, facet=facet).image for facet in range(len(kinds))]
        assert not np.array_equal(pictures[0], pictures[1])
        drawn = render_scene(name, seed=1, size=64).image
        assert any(np.array_equal(drawn, picture) for picture in pictures)


def test_pairs_have_disjoint_masks():
    rng = np.random.default_rng(0)
    for seed in range(30):
        a, b = rng.integers(len(CLASS_NAMES), size=2)
        pair = render_pair(int(a), CLASS_NAMES[b], seed=seed, size=96)
        assert pair.image.shape == (96, 96, 3)
        assert pair.image.dtype == np.uint8
        assert pair.masks.shape == (2, 96, 96)
        assert pair.masks.dtype == bool
        assert not (pair.masks[0] & pair.masks[1]).any()
        assert pair.masks.mean(axis=(1, 2)).min() > 0.015
        assert pair.labels.tolist() == [a, b]
    again = render_pair(int(a), int(b), seed=29, size=96)
    assert np.array_equal(pair.image, again.image)
    assert np.array_equal(pair.masks, again.masks)


def _score(features: np.ndarray, labels: np.ndarray) -> float:
    """Cross-validated accuracy of a linear classifier."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=300))
    return cross_val_score(model, features, labels, cv=3).mean()


def _few_classes(each: int):
    names = ("bricks", "marble", "maze", "sun", "tree", "fish", "eye", "snowflake")
    for label, name in enumerate(names):
        for index in range(each):
            yield label, name, index


def test_the_background_does_not_give_the_class_away():
    """8 classes x 60 backgrounds; chance is 1/8 with a standard error of 0.015."""
    features, labels = [], []
    for label, name, index in _few_classes(60):
        image = render_empty(name, seed=8, index=index, size=48)
        thumbnail = image.reshape(8, 6, 8, 6, 3).mean(axis=(1, 3)) / 255
        features.append(np.concatenate([thumbnail.ravel(), image.std(axis=(0, 1)) / 255]))
        labels.append(label)
    assert _score(np.array(features), np.array(labels)) < 1 / 8 + 4 * 0.015


def test_border_and_mean_colour_do_not_give_the_object_away():
    """The same with the objects in place; six object classes, so chance is 1/6 (s. e. 0.02)."""
    names = ("sun", "tree", "fish", "smiley", "cup", "gear")
    borders, means, labels = [], [], []
    for label, name in enumerate(names):
        for index in range(60):
            image = render_indexed(name, seed=9, index=index, size=48).image / 255
            strips = [
                image[:3].mean(0),
                image[-3:].mean(0),
                image[:, :3].mean(1),
                image[:, -3:].mean(1),
            ]
            borders.append(np.concatenate(strips).reshape(-1, 4, 3).mean(1).ravel())
            means.append(image.mean(axis=(0, 1)))
            labels.append(label)
    labels = np.array(labels)
    assert _score(np.array(borders), labels) < 1 / 6 + 4 * 0.02
    assert _score(np.array(means), labels) < 1 / 6 + 4 * 0.02


def test_a_scene_looks_the_same_at_every_size():
    close = []
    for name in CLASS_NAMES:
        for index in range(2):
            small = render_indexed(name, seed=3, index=index, size=112)
            large = render_indexed(name, seed=3, index=index, size=224)
            halved = large.image.reshape(112, 2, 112, 2, 3).mean(axis=(1, 3))
            close.append(np.corrcoef(small.image.ravel(), halved.ravel())[0, 1])
            share = large.mask.reshape(112, 2, 112, 2).mean(axis=(1, 3))
            assert np.mean((share > 0.5) != small.mask) < 0.03
    assert min(close) > 0.9
    assert np.median(close) > 0.98


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: render_scene("stripe", seed=0), "label"),
        (lambda: render_scene(len(CLASS_NAMES), seed=0), "label"),
        (lambda: render_scene(-1, seed=0), "label"),
        (lambda: render_scene(True, seed=0), "label"),
        (lambda: render_scene(1.0, seed=0), "label"),
        (lambda: render_scene(0, seed=-1), "seed"),
        (lambda: render_scene(0, seed="1"), "seed"),
        (lambda: render_scene(0, seed=0, size=0), "size"),
        (lambda: render_scene(0, seed=0, size=64.0), "size"),
        (lambda: render_scene("star", seed=0, facet=2), "facet"),
        (lambda: render_scene("gear", seed=0, facet=0), "facet"),
        (lambda: render_pair(0, "none", seed=0), "label_b"),
        (lambda: render_batch([0, 99], seed=0, size=64), "labels"),
        (lambda: render_batch([0], seed=0, size=8), "size"),
        (lambda: render_indexed(0, seed=0, index=-1), "index"),
        (lambda: render_indexed(0, seed=0, index=1.5), "index"),
        (lambda: SceneDataset(-1, seed=0, size=64), "length"),
        (lambda: SceneDataset(3, seed=-2, size=64), "seed"),
        (lambda: SceneDataset(3, seed=0, size=6), "size"),
        (lambda: SceneDataset(3, seed=0, size=64, classes=[]), "classes"),
        (lambda: SceneDataset(3, seed=0, size=64, classes=["dog"]), "classes"),
    ],
)
def test_errors_are_one_sentence_that_names_the_argument(call, argument):
    with pytest.raises(UsageError) as error:
        call()
    message = str(error.value)
    assert message.startswith(f"{argument} is ")
    assert message.endswith(".")
    assert "\n" not in message
    assert message.count(". ") == 0


def test_the_data_set_gives_the_scenes_of_the_batch():
    scenes = SceneDataset(5, seed=4, size=64, classes=["gear", 0])
    assert len(scenes) == 5
    images, masks = render_batch(["gear", 0, "gear", 0, "gear"], seed=4, size=64)
    for index in range(5):
        image, label, mask = scenes[index]
        assert image.shape == (3, 64, 64)
        assert label == (CLASS_NAMES.index("gear"), 0)[index % 2]
        assert np.array_equal(image.permute(1, 2, 0).numpy(), images[index])
        assert np.array_equal(mask.numpy(), masks[index])
    with pytest.raises(IndexError):
        scenes[5]


def test_a_sheet_holds_every_picture_of_every_strip():
    pictures = [np.full((64, 64, 3), (level, 0, 255), np.uint8) for level in (10, 20, 30, 40)]
    sheet = contact_sheet([Strip("star", pictures[:2]), Strip("dots", pictures[2:])], across=1)
    for level in (10, 20, 30, 40):
        assert (sheet == (level, 0, 255)).all(axis=2).sum() == 64 * 64
    assert (sheet[:TITLE] < 100).any()  # the name


def test_the_study_draws_the_classes_with_and_without_outlines(tmp_path, capsys):
    assert run("scenes", "--size", "32", "--per-class", "1", "--output", tmp_path / "s.png") == 0
    assert capsys.readouterr().out == f"wrote {tmp_path}/s.png\nwrote {tmp_path}/s_masks.png\n"
    plain, marked = (np.asarray(Image.open(tmp_path / name)) for name in ("s.png", "s_masks.png"))
    assert plain.shape == marked.shape
    assert not np.array_equal(plain, marked)


def test_an_outline_is_drawn_on_the_edge_alone():
    scene = render_scene("star", seed=0, size=64)
    marked = outline(scene.image, scene.mask)
    far = ~ndimage.binary_dilation(scene.mask, iterations=2)
    assert np.array_equal(marked[far], scene.image[far])
    assert (marked[scene.mask] == (255, 0, 255)).all(axis=1).any()


def test_tables_name_every_class_once():
    assert tuple(TEXTURES) + tuple(OBJECTS) == CLASS_NAMES
    for table in (TEXTURES, OBJECTS):
        assert all(function.__doc__ for function in table.values())
