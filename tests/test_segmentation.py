"""Segmentation: seeds counted by hand, a known object found, rendered scenes cut out well, bad input named."""

import numpy as np
import pytest
import torch
from conftest import run
from PIL import Image

from core.errors import UsageError
from core.images import preprocess
from patterns.scenes import CLASS_NAMES, render_indexed
from studies.segmentation.flags import MAPS
from studies.segmentation.study import overlap, seed_maps
from visualizers.segmentation import seeds_of, segment

SIZE = 64


@pytest.fixture
def disc():
    """A red disc on green, both with grain: image (64, 64, 3) and mask."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    mask = (rows - 30) ** 2 + (columns - 36) ** 2 < 15**2
    image = np.where(mask[..., None], (200, 40, 40), (40, 160, 60))
    grain = np.random.default_rng(0).normal(0, 8, image.shape)
    return (image + grain).clip(0, 255).astype(np.uint8), mask


@pytest.fixture
def hill():
    """A map that knows the disc's place, a little beside its middle, but neither its size nor its outline."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    return np.exp(-((rows - 33) ** 2 + (columns - 33) ** 2) / (2 * 10**2))


@pytest.fixture(scope="module")
def embedded():
    from core.squeezenet import load_squeezenet

    return load_squeezenet("patterns", "cpu")


def test_seeds_are_the_quantiles_of_the_map_inside_a_frame():
    values = np.arange(100.0).reshape(10, 10)
    seeds = seeds_of(values, sure=0.9, probable=0.6, background=0.2, border=1)
    expected = np.zeros((10, 10), int)  # the frame and the two lowest rows
    expected[2:6, 1:9], expected[6:9, 1:9] = 2, 3
    expected[9] = 1  # the highest tenth, on the frame too
    np.testing.assert_array_equal(seeds, expected)


def test_what_speaks_against_the_class_seeds_no_object():
    values = np.full((20, 20), -5.0)
    values[8:12, 8:12] = 1
    seeds = seeds_of(values, sure=0.9, probable=0.3, background=0.2)
    np.testing.assert_array_equal(seeds % 2 == 1, values > 0)  # although the quantiles would take in zeros


def test_an_object_of_its_own_colour_is_found_exactly(disc, hill):
    image, mask = disc
    assert overlap(segment(image, hill), mask) > 0.99
    assert overlap(segment(image, torch.from_numpy(hill)), mask) > 0.99


def test_of_two_objects_the_one_that_the_map_points_at_is_cut_out(disc, hill):
    image, mask = disc
    both = np.concatenate([image, image[..., [2, 1, 0]]], axis=1)  # a red disc and a blue one
    left = np.concatenate([hill, np.zeros_like(hill)], axis=1)
    settings = {"probable": 0.9, "background": 0.5}
    for values, expected in ((left, mask), (left[:, ::-1], mask[:, ::-1])):
        result = segment(both, values, **settings)
        side = result[:, :SIZE] if expected is mask else result[:, SIZE:]
        assert result.sum() == side.sum()
        assert overlap(side, expected if expected is mask else mask) > 0.95


def test_the_same_call_gives_the_same_mask_whatever_ran_before(disc, hill):
    import cv2

    image = np.random.default_rng(1).integers(0, 256, disc[0].shape, dtype=np.uint8)  # no clear answer
    masks = []
    for state in (1, 99):
        cv2.setRNGSeed(state)
        masks.append(segment(image, hill))
    np.testing.assert_array_equal(*masks)


def test_image_and_map_stay_as_they_were(disc, hill):
    image, _ = disc
    before = image.copy(), hill.copy()
    image.flags.writeable = hill.flags.writeable = False
    segment(image, hill)
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(hill, before[1])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda i, v: (np.full_like(i, 7), v), "image: it has one colour"),
        (lambda i, v: (i.astype(float), v), r"image: uint8 of shape \(H, W, 3\).* got float64"),
        (lambda i, v: (i[:-1], v), r"as large as the map \(64, 64\) is needed, got uint8 \(63, 64, 3\)"),
        (lambda i, v: (i, 0 * v), "map: it is blank, nothing speaks for the class"),
        (lambda i, v: (i, -v), "map: it is blank"),
        (lambda i, v: (i, 0 * v + 3), "map: it is the same everywhere"),
        (lambda i, v: (i, v * np.nan), "map: it has values that are not finite"),
        (lambda i, v: (i, np.stack([v] * 3)), r"map: one value a pixel, \(H, W\), is needed, got \(3, 64, 64\)"),
    ],
)
def test_what_cannot_be_segmented_is_named(change, words, disc, hill):
    with pytest.raises(UsageError, match=words):
        segment(*change(disc[0], hill))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"sure": 0.2}, "not quantiles in rising order"),
        ({"background": -0.1}, "not quantiles in rising order"),
        ({"sure": 1.5}, "not quantiles in rising order"),
        ({"sure": 0.0, "probable": 0.0, "background": 0.0}, "all of it seeds one side"),
    ],
)
def test_settings_that_seed_one_side_only_are_refused(settings, words, disc, hill):
    with pytest.raises(UsageError, match=words):
        segment(disc[0], hill, **settings)


@pytest.mark.parametrize("name", MAPS)
def test_every_seed_map_is_as_large_as_the_image_and_positive(name, squeezenet, images):
    values = seed_maps(name, squeezenet, images, torch.tensor([1, 4, 8]))
    assert values.shape == (3, 64, 64)
    assert values.min() >= 0
    assert values.flatten(1).amax(dim=1).min() > 0


def test_scenes_are_cut_out_well(embedded):
    """A dozen, one of every third class; `python -m benchmarks.segmentation` takes 216."""
    scenes = [render_indexed(label, seed=2_000_000, index=label, size=224) for label in range(0, len(CLASS_NAMES), 3)]
    labels = torch.tensor([scene.label for scene in scenes])
    values = seed_maps("guided-grad-cam", embedded, preprocess([scene.image for scene in scenes]), labels)
    overlaps = [overlap(segment(scene.image, v), scene.mask) for scene, v in zip(scenes, values, strict=True)]
    assert np.median(overlaps) >= 0.85


def test_segmentation_draws_seeds_mask_and_cut_out_and_prints_the_overlap(drawn, tmp_path, capsys):
    assert run("segmentation", "--weights", "patterns", "--size", "96", "--technique", "grad-cam") == 0
    assert [name.split(":")[0] for name in drawn] == ["image", "Grad-CAM", "seeds", "mask", "cut-out"]
    assert all(panel.title.startswith("IoU ") for panel in drawn["mask"])
    assert "IoU with the true masks: median" in capsys.readouterr().out
    assert (tmp_path / "visualization" / "segmentation_visualization.png").exists()


def test_an_image_that_cannot_be_segmented_says_why_and_the_others_are_done(weights, picture, tmp_path, drawn, capsys):
    plain = tmp_path / "plain.png"
    Image.fromarray(np.full((70, 70, 3), 90, np.uint8)).save(plain)
    assert run("segmentation", "--images", plain, picture, "--size", "64") == 1
    assert "plain: not segmented: " in capsys.readouterr().err
    assert [bool(panel.note) for panel in next(row for name, row in drawn.items() if "seeds" in name)] == [True, False]


def test_an_unknown_seed_map_is_answered_with_the_nearest(weights, capsys):
    assert run("segmentation", "--technique", "gradcam") == 2
    assert "did you mean 'grad-cam'? allowed are grad-cam, " in capsys.readouterr().err
