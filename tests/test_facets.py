"""The facets of a class: found right, started from the right mean, climbed towards the right facet."""

import numpy as np
import pytest
import torch
from conftest import random_squeezenet, replace_everywhere, run
from PIL import Image
from sklearn.metrics import adjusted_rand_score

from core.activations import record_activations
from core.errors import UsageError
from core.images import preprocess
from patterns.kinds import kind_names, planted_kinds
from patterns.scenes import class_number, render_indexed, render_scene
from visualizers.class_visualization import climb_pixels
from visualizers.facet_visualization import facet_visualization
from visualizers.facets import facet_directions, facet_features, find_facets, mean_images

LAYER = "features.10"


@pytest.fixture(scope="module")
def embedded():
    from core.squeezenet import load_squeezenet

    return load_squeezenet("patterns", "cpu")


def generator(seed: int = 0):
    return torch.Generator().manual_seed(seed)


def clouds(sizes, spread: float = 0.1):
    """Points around as many far corners as there are sizes, shuffled, and the corner of each."""
    truth = torch.cat([torch.full((size,), index) for index, size in enumerate(sizes)])
    truth = truth[torch.randperm(len(truth), generator=generator(1))]
    return torch.eye(20)[truth] + spread * torch.randn(len(truth), 20, generator=generator(2)), truth


def test_facets_are_the_clouds_that_are_there_and_the_largest_comes_first():
    points, truth = clouds((12, 30, 20))
    facets = find_facets(points, count=3, generator=generator())
    assert adjusted_rand_score(truth, facets.labels) == 1
    assert [len(members) for members in facets.nearest] == [30, 20, 12]
    assert all((facets.labels[members] == facet).all() for facet, members in enumerate(facets.nearest))
    assert facets.plane.shape == (62, 2)


@pytest.mark.parametrize("sizes", [(30, 30), (20, 20, 20, 20)])
def test_the_silhouette_chooses_how_many_facets_there_are(sizes):
    facets = find_facets(clouds(sizes)[0], generator=generator())
    assert len(facets.nearest) == len(sizes)
    assert facets.silhouette > 0.6


def test_the_nearest_images_come_in_the_order_of_their_distance_from_the_centre():
    facets = find_facets(clouds((20, 15))[0], count=2, generator=generator())
    for members in facets.nearest:
        points = facets.plane[members].double()
        distances = (points - points.mean(dim=0)).norm(dim=1)
        assert (distances.diff() > -1e-3).all()


def test_features_count_each_position_as_much_as_it_speaks_for_the_class(embedded):
    image = preprocess(render_scene("star", seed=3, size=96).image)
    label = class_number("star")
    with torch.no_grad(), record_activations(embedded, [LAYER, "classifier.1"]) as recorded:
        embedded(image)
    evidence = recorded["classifier.1"][0, label].relu()  # (h, w)
    activation = recorded[LAYER][0]  # (C, h, w): here of the class map's size
    assert evidence.max() > 0
    expected = sum(
        activation[:, row, column] * evidence[row, column]
        for row in range(len(evidence))
        for column in range(len(evidence))
    )
    features = facet_features(embedded, image, label, layers=(LAYER,))
    torch.testing.assert_close(features[0], expected / expected.norm(), atol=1e-5, rtol=1e-4)


def test_an_image_that_nothing_speaks_for_is_pooled_evenly(images):
    model = random_squeezenet()
    model.classifier[1].weight.zero_()
    model.classifier[1].bias.fill_(-1.0)
    with torch.no_grad(), record_activations(model, [LAYER]) as recorded:
        model(images)
    expected = torch.nn.functional.normalize(recorded[LAYER].mean(dim=(2, 3)))
    torch.testing.assert_close(facet_features(model, images, 1, layers=(LAYER,)), expected)


def test_a_batch_has_the_features_of_its_images_one_by_one(squeezenet, images):
    single = torch.cat([facet_features(squeezenet, image[None], 1) for image in images])
    torch.testing.assert_close(facet_features(squeezenet, images, 1), single, atol=1e-5, rtol=1e-4)


def test_means_and_directions_are_those_worked_out_by_hand():
    points = torch.tensor([[3.0, 0], [5, 0], [0, 2], [0, 4]])
    facets = find_facets(points, count=2, generator=generator())
    facets = facets._replace(nearest=[torch.tensor([1, 0]), torch.tensor([2, 3])])
    directions = facet_directions(points, facets)  # between the means (4, 0) and (0, 3)
    torch.testing.assert_close(directions, torch.tensor([[0.8, -0.6], [-0.8, 0.6]]))
    means = mean_images([torch.full((2, 3, 4, 4), 5.0), torch.arange(2.0).view(2, 1, 1, 1).expand(2, 3, 4, 4)])
    torch.testing.assert_close(means[:, 0, 0, 0], torch.tensor([5.0, 0.5]))


def test_without_weight_on_the_facet_it_is_the_plain_climb_from_the_mean(squeezenet, images):
    from core.objectives import class_objective

    settings = {"iterations": 3, "learning_rate": 1.0, "l2_reg": 0.0, "blur_every": 0}
    start = images[:2]
    directions = torch.nn.functional.normalize(torch.ones(2, 384))
    facet = facet_visualization(
        squeezenet, start, 1, directions, layers=(LAYER,), facet_weight=0.0, generator=generator(), **settings
    )
    plain = climb_pixels(squeezenet, class_objective(squeezenet, 1), start, generator=generator(), **settings)
    torch.testing.assert_close(facet, plain, atol=1e-4, rtol=1e-4)


def test_the_weight_draws_each_picture_towards_its_own_facet(embedded):
    label = class_number("tree")
    scenes = [render_indexed(label, seed=1, index=index, size=96, facet=index % 2).image for index in range(8)]
    images = preprocess(scenes)
    features = facet_features(embedded, images, label, layers=(LAYER,))
    facets = find_facets(features, count=2, generator=generator())
    facets = facets._replace(nearest=[torch.arange(0, 8, 2), torch.arange(1, 8, 2)])  # the kinds themselves
    directions = facet_directions(features, facets)
    starts = mean_images([images[members] for members in facets.nearest])
    along = {}
    for weight in (0.0, 100.0):
        settings = {"facet_weight": weight, "iterations": 15, "learning_rate": 5.0}
        pictures = facet_visualization(
            embedded, starts, label, directions, layers=(LAYER,), generator=generator(), **settings
        )
        along[weight] = (facet_features(embedded, pictures, label, layers=(LAYER,)) * directions).sum(dim=1)
    assert (along[100.0] > along[0.0] + 0.02).all()


def test_planted_kinds_of_trees_are_found_in_a_few_scenes(embedded):
    truth = planted_kinds("tree", 60, seed=5)
    label = class_number("tree")
    scenes = (render_indexed(label, seed=5, index=index, size=224, facet=kind) for index, kind in enumerate(truth))
    features = torch.cat([facet_features(embedded, preprocess(scene.image), label) for scene in scenes])
    facets = find_facets(features, count=2, generator=generator())
    assert adjusted_rand_score(truth, facets.labels) >= 0.6  # 2 of 60 are on the wrong side; 6 may be


def test_a_scene_asked_for_in_its_own_kind_is_the_same_picture():
    plain = render_indexed("star", seed=8, index=2, size=64).image
    asked = [render_indexed("star", seed=8, index=2, size=64, facet=facet).image for facet in range(2)]
    assert sum(np.array_equal(plain, picture) for picture in asked) == 1


def test_kinds_are_drawn_by_the_seed_and_most_classes_have_none():
    assert planted_kinds("star", 30, seed=1) == planted_kinds("star", 30, seed=1) != planted_kinds("star", 30, seed=2)
    assert set(planted_kinds("star", 30, seed=1)) == {0, 1}
    assert planted_kinds("gear", 2, seed=1) == [None, None]
    assert kind_names("gear") == ()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: find_facets(torch.ones(9, 4)), "sees 1 different"),
        (lambda: find_facets(torch.eye(8), count=5), "facets: 5 of 8 different images; allowed are 2 to 4"),
        (lambda: find_facets(torch.eye(8), count=1), "allowed are 2 to 4"),
        (lambda: facet_features(random_squeezenet(), torch.zeros(1, 3, 64, 64), 10), "class 10 is out of range"),
        (lambda: facet_features(random_squeezenet(), torch.zeros(1, 3, 64, 64), 1, layers=("nowhere",)), "'nowhere'"),
        (lambda: render_indexed("gear", seed=0, index=0, facet=1), "facet"),
    ],
)
def test_wrong_use_is_named(call, words):
    with pytest.raises(UsageError, match=words):
        call()


@pytest.mark.parametrize(
    ("directions", "words"), [(torch.ones(1, 384), "1 for 2 pictures"), (torch.ones(2, 5), "5 numbers")]
)
def test_directions_that_do_not_fit_are_named(directions, words, squeezenet, images):
    with pytest.raises(UsageError, match=words):
        facet_visualization(squeezenet, images[:2], 1, directions, layers=(LAYER,))


SMALL = ("--size", "64", "--iterations", "2")
QUICK = (*SMALL, "--facets", "2", "--scenes", "8")


def test_a_bare_run_says_first_that_it_takes_scenes_and_the_embedded_network(weights, capsys, panels):
    assert run("facets", *QUICK, "--labels", "star") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "no --images of one class: taking rendered scenes and the embedded network"
    assert lines[1].startswith("weights: squeezenet1_1.safetensors")
    assert any("adjusted Rand index" in line for line in lines)
    assert len(panels) == 6
    assert panels[0].title.startswith("star, facet 1\n")


def test_ctrl_c_draws_the_classes_that_are_finished(weights, tmp_path, monkeypatch, panels, capsys):
    calls = []

    def stop_at_the_second(*arguments, **settings):
        calls.append(0)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return find_facets(*arguments, **settings)

    replace_everywhere(monkeypatch, find_facets, stop_at_the_second)
    assert run("facets", *QUICK, "--labels", "star", "tree") == 130
    assert len(panels) == 6
    assert (tmp_path / "visualization" / "facet_visualization.png").exists()
    assert "the classes that were finished are drawn" in capsys.readouterr().err


def test_a_folder_is_of_the_class_named_and_a_broken_file_is_left_out(weights, tmp_path, capsys, panels):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index in range(6):
        pixels = np.random.default_rng(index).integers(0, 256, (70, 70, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
    (folder / "broken.png").write_text("nothing")
    assert run("facets", "--images", folder, "--labels", "goldfish", *SMALL, "--facets", "2") == 1
    captured = capsys.readouterr()
    assert "skipped: image: " in captured.err
    assert "class goldfish, " in captured.out
    assert "of 6 images" in panels[0].title
    assert (tmp_path / "visualization" / "facet_visualization.png").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--weights", "RANDOM"], "give a folder of pictures of one class, or --weights patterns"),
        (["--images", "chelsea", "--labels", "1", "2"], "2 classes for --images"),
        (["--images", "chelsea", "coffee"], "sees 2 different ones"),
        (["--images", "broken.png"], "'broken.png' is not a picture"),
        (["--labels", "gorilla"], "no class is called 'gorilla'"),
        (["--layers", "features.77"], "features.12.expand3x3"),
        (["--layers", "classifier.1"], "'classifier.1' is of the classifier; name one of the features"),
        (["--facets", "5", "--labels", "star"], "allowed are 2 to 4"),
    ],
)
def test_wrong_use_of_the_study_is_one_sentence_and_exit_code_2(arguments, words, weights, refusal, tmp_path):
    arguments = [str(weights) if each == "RANDOM" else each for each in arguments]
    quick = SMALL if "--images" in arguments else (*SMALL, "--scenes", "8")
    (tmp_path / "broken.png").write_text("nothing")
    assert words in refusal(run, "facets", *quick, *arguments)
