"""Features, neighbours, PCA, t-SNE, the image map and the cache, each against numbers known otherwise; the study."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import noise, random_squeezenet, replace_everywhere, run
from PIL import Image
from sklearn import manifold

from core.activations import record_activations
from core.errors import UsageError
from measures.intervals import Interval, mean_interval
from studies.shared.feature_cache import Entry, cache_folder, load_entries, save_entries
from visualizers.embedding import principal_components, trustworthiness, tsne
from visualizers.image_features import image_features, unit_length
from visualizers.image_map import grid_shape, place_on_grid
from visualizers.nearest_neighbours import best_precision, chance_precision, nearest_neighbours, precision_at_k

# --- Features ------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", ["features.0", "features.9.squeeze", "features.12"])
def test_features_are_the_means_of_what_the_layer_itself_gives(layer, squeezenet, images):
    with torch.no_grad(), record_activations(squeezenet, [layer]) as recorded:
        squeezenet(images)
    torch.testing.assert_close(image_features(squeezenet, images, layer=layer), recorded[layer].mean(dim=(2, 3)))


def test_an_images_features_are_the_same_to_the_last_bit_in_any_company(squeezenet):
    images = noise(5, 3, 160, 160)  # five at a time
    together = image_features(squeezenet, images)
    assert torch.equal(image_features(squeezenet, images[3:4])[0], together[3])
    assert torch.equal(image_features(squeezenet, torch.cat([images, images])), together.repeat(2, 1))


def test_a_layer_without_positions_is_taken_as_it_is(images):
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 64 * 64, 4))
    with torch.no_grad():
        expected = model(images)
    torch.testing.assert_close(image_features(model, images, layer="1"), expected)


def test_an_unknown_layer_names_the_allowed_ones(squeezenet, images):
    with pytest.raises(UsageError, match=r"features\.77.*allowed are"):
        image_features(squeezenet, images, layer="features.77")


def test_rows_of_length_one_order_neighbours_as_cosine_does():
    rows = noise(30, 6)
    cosine = torch.cosine_similarity(rows[:, None], rows[None], dim=2).fill_diagonal_(-2)
    assert torch.equal(nearest_neighbours(unit_length(rows), 7)[0], cosine.topk(7).indices)
    assert torch.equal(unit_length(torch.zeros(1, 3)), torch.zeros(1, 3))


# --- Neighbours ----------------------------------------------------------------------------------


def test_neighbours_on_a_line_are_those_worked_by_hand():
    line = torch.tensor([[0.0], [1.0], [3.0], [7.0]])
    indices, distances = nearest_neighbours(line, 2)
    assert indices.tolist() == [[1, 2], [0, 2], [1, 0], [2, 1]]
    assert distances.tolist() == [[1, 3], [1, 2], [2, 3], [4, 6]]


def test_a_copy_is_a_neighbour_and_the_image_itself_is_not():
    rows = noise(40, 3000) + 100  # far from zero, where a difference of squares loses digits
    rows[17] = rows[3]
    rows[30] = rows[3]
    indices, distances = nearest_neighbours(rows, 3)
    assert {*indices[3, :2].tolist()} == {17, 30}
    assert {*indices[17, :2].tolist()} == {3, 30}
    assert distances[3, :2].tolist() == [0, 0]
    assert not (indices == torch.arange(40)[:, None]).any()


def test_queries_alone_get_what_all_together_get():
    rows = noise(600, 4)  # more than are computed at a time
    everything = nearest_neighbours(rows, 5)
    some = torch.tensor([599, 0, 300])
    for part, whole in zip(nearest_neighbours(rows, 5, queries=some), everything, strict=True):
        assert torch.equal(part, whole[some])
    expected = torch.cdist(rows.double(), rows.double()).fill_diagonal_(torch.inf).topk(5, largest=False)
    assert torch.equal(everything[0], expected.indices)
    torch.testing.assert_close(everything[1], expected.values)


@pytest.mark.parametrize("count", [0, 4])
def test_more_neighbours_than_other_images_are_refused(count):
    with pytest.raises(UsageError, match=f"neighbours: {count} of 4 images; allowed are 1 to 3"):
        nearest_neighbours(noise(4, 2), count)


def test_features_that_are_not_finite_are_refused():
    with pytest.raises(UsageError, match="finite rows"):
        nearest_neighbours(torch.tensor([[0.0], [torch.nan], [1.0]]), 1)


def test_precision_and_its_chance_and_its_best_are_those_worked_by_hand():
    labels = torch.tensor([0, 0, 1, 1, 1])
    near, _ = nearest_neighbours(torch.tensor([[0.0], [1.0], [2.5], [3.0], [9.0]]), 2)
    assert near.tolist() == [[1, 2], [0, 2], [3, 1], [2, 1], [3, 2]]
    assert precision_at_k(near, labels).tolist() == [0.5, 0.5, 0.5, 0.5, 1.0]
    assert chance_precision(labels) == pytest.approx((2 * 1 / 4 + 3 * 2 / 4) / 5)
    assert best_precision(labels, 2) == pytest.approx((2 * 0.5 + 3 * 1) / 5)


def test_neighbours_among_features_of_no_meaning_are_right_by_chance():
    labels = torch.arange(900) % 9
    near, _ = nearest_neighbours(noise(900, 20), 5)
    assert float(precision_at_k(near, labels).mean()) == pytest.approx(chance_precision(labels), abs=0.02)


# --- PCA, t-SNE, trustworthiness -----------------------------------------------------------------


@pytest.mark.parametrize("shape", [(30, 5), (5, 30)])
def test_all_components_together_give_the_rows_again(shape):
    rows = noise(*shape).double() + 3
    points, axes, mean, shares = principal_components(rows, min(shape))
    torch.testing.assert_close(points @ axes + mean, rows)
    torch.testing.assert_close(axes @ axes.T, torch.eye(min(shape), dtype=torch.float64))
    assert float(shares.sum()) == pytest.approx(1)


@pytest.mark.parametrize("shape", [(120, 700), (700, 120)])
def test_components_are_the_singular_vectors_also_when_searched_for(shape):
    rows = noise(*shape).double() * torch.linspace(4, 0.1, shape[1])
    _, sizes, directions = torch.linalg.svd(rows - rows.mean(dim=0), full_matrices=False)
    found = principal_components(rows, 2)
    for axis, direction in zip(found.axes, directions, strict=False):
        assert float((axis @ direction).abs()) == pytest.approx(1, abs=1e-9)
    torch.testing.assert_close(found.shares, sizes[:2] ** 2 / (sizes**2).sum())


def test_points_on_a_line_have_one_component():
    rows = torch.linspace(-1, 1, 9)[:, None] * torch.tensor([3.0, 4.0]) + 7
    points, axes, _, shares = principal_components(rows)
    assert float(shares[0]) == pytest.approx(1)
    torch.testing.assert_close(axes[0].float(), torch.tensor([0.6, 0.8]))
    torch.testing.assert_close(points[:, 0].float(), 5 * torch.linspace(-1, 1, 9))


def test_tsne_is_the_same_again_and_keeps_groups_together():
    labels = torch.arange(60) % 3
    rows = noise(60, 10) + 20 * noise(3, 10, seed=1)[labels]
    points = tsne(rows)
    assert torch.equal(tsne(rows), points)
    near, _ = nearest_neighbours(points, 5)
    assert float(precision_at_k(near, labels).mean()) == 1
    assert trustworthiness(rows, points) > 0.9


@pytest.mark.parametrize("count", [4, 5, 10])
def test_tsne_of_few_images_works(count):
    assert tsne(noise(count, 8)).isfinite().all()


@pytest.mark.parametrize("project", [tsne, principal_components])
def test_images_all_the_same_cannot_be_drawn(project):
    with pytest.raises(UsageError, match="all 6 have the same features"):
        project(torch.ones(6, 3))


def test_too_few_images_for_tsne_and_too_many_components_are_named():
    with pytest.raises(UsageError, match="at least 4, got 3"):
        tsne(noise(3, 5))
    with pytest.raises(UsageError, match=r"components: 4 of .* allowed are 1 to 3"):
        principal_components(noise(3, 5), 4)


@pytest.mark.parametrize("count", [3, 10])
def test_trustworthiness_is_scikit_learns(count):
    rows, points = noise(300, 12).double(), noise(300, 2, seed=2).double()
    points[:150] = rows[:150, :2]
    expected = manifold.trustworthiness(rows.numpy(), points.numpy(), n_neighbors=count)
    assert trustworthiness(rows, points, count=count) == pytest.approx(expected, abs=1e-12)
    assert trustworthiness(rows, rows, count=count) == 1


# --- The image map -------------------------------------------------------------------------------


def test_the_assignment_is_the_best_of_all():
    points = noise(5, 2)
    cells = place_on_grid(points, 2, 3)
    low, high = points.amin(dim=0), points.amax(dim=0)
    across, up = ((points - low) / (high - low)).unbind(dim=1)
    centres = torch.tensor([[column + 0.5, row + 0.5] for row in range(2) for column in range(3)])
    places = torch.stack([3 * across, 2 * (1 - up)], dim=1)

    def cost(chosen) -> float:
        return float((places - centres[list(chosen)]).square().sum())

    best = min(itertools.permutations(range(6), 5), key=cost)
    assert cells.tolist() == list(best)


@pytest.mark.parametrize("exact", [3, 10, 1000])
def test_every_image_has_a_cell_of_its_own_also_when_the_map_is_cut(exact, monkeypatch):
    monkeypatch.setattr("visualizers.image_map.EXACT", exact)
    for count, (rows, columns) in {37: (5, 8), 40: (5, 8), 7: (1, 9), 2: (6, 2)}.items():
        cells = place_on_grid(noise(count, 2), rows, columns).tolist()
        assert len(set(cells)) == count
        assert set(cells) <= set(range(rows * columns))


def test_a_map_cut_in_pieces_is_nearly_as_good(monkeypatch):
    points = noise(200, 2)
    drawn = torch.stack([points[:, 0], -points[:, 1]], dim=1)  # rows are counted from above

    def moved(exact: int) -> float:
        monkeypatch.setattr("visualizers.image_map.EXACT", exact)
        cells = place_on_grid(points, 10, 20)
        low, spread = drawn.amin(dim=0), drawn.amax(dim=0) - drawn.amin(dim=0)
        centres = torch.stack([(cells % 20 + 0.5) / 20, (cells // 20 + 0.5) / 10], dim=1)
        return float((((drawn - low) / spread - centres) * torch.tensor([20, 10])).square().mean())

    exact, cut = moved(1000), moved(60)
    assert exact <= cut < 1.5 * exact


def test_points_on_a_grid_keep_their_places():
    right, down = torch.meshgrid(torch.arange(4.0), torch.arange(3.0), indexing="xy")
    points = torch.stack([right.flatten(), -down.flatten()], dim=1)
    assert place_on_grid(points, 3, 4).tolist() == list(range(12))


def test_points_all_on_one_spot_get_cells_and_too_few_cells_are_refused():
    assert sorted(place_on_grid(torch.zeros(4, 2), 2, 2).tolist()) == [0, 1, 2, 3]
    with pytest.raises(UsageError, match="2 x 2 cells for 5 images"):
        place_on_grid(noise(5, 2), 2, 2)


def test_a_grid_holds_all_and_has_no_empty_row():
    for count in range(1, 400):
        rows, columns = grid_shape(count)
        assert rows * columns >= count > (rows - 1) * columns
    assert grid_shape(1800) == (36, 50)


# --- The cache -----------------------------------------------------------------------------------


def entries(*numbers):
    return {
        bytes([number]) * 32: Entry(np.full(4, number, np.float32), np.full((2, 2, 3), number, np.uint8))
        for number in numbers
    }


def test_what_was_kept_is_found_by_content_alone(tmp_path):
    assert save_entries(tmp_path / "a", entries(1, 2))
    assert save_entries(tmp_path / "a", entries(3))
    found = load_entries(tmp_path / "a", entries(1, 3, 9))
    assert {hash_[0] for hash_ in found} == {1, 3}
    for number, entry in ((hash_[0], entry) for hash_, entry in found.items()):
        assert (entry.features == number).all()
        assert (entry.thumbnail == number).all()
    assert load_entries(tmp_path / "nowhere", entries(1)) == {}


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data[:-1] + b"\x07", lambda data: b""])
def test_a_damaged_file_is_not_believed_and_goes(damage, tmp_path):
    save_entries(tmp_path, entries(1))
    (path,) = tmp_path.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    assert load_entries(tmp_path, entries(1)) == {}
    assert not path.exists()


@pytest.mark.parametrize("method", ["read_bytes", "unlink"])
def test_a_damaged_file_that_cannot_be_read_or_deleted_is_passed_over(method, tmp_path, monkeypatch):
    save_entries(tmp_path, entries(1))
    (tmp_path / "damaged.safetensors").write_bytes(b"nothing")
    original = getattr(Path, method)

    def refuses(path, *arguments, **settings):
        if path.stem == "damaged":
            raise PermissionError
        return original(path, *arguments, **settings)

    monkeypatch.setattr(Path, method, refuses)
    assert len(load_entries(tmp_path, entries(1))) == 1


def test_a_cache_that_cannot_be_written_is_said_and_no_error(tmp_path):
    (tmp_path / "file").touch()
    assert not save_entries(tmp_path / "file" / "cache", entries(1))


def test_another_network_layer_or_size_has_a_folder_of_its_own(squeezenet, tmp_path):
    settings = {"layer": "features.12", "size": 64}
    folders = {
        cache_folder(tmp_path, model, chosen)
        for model in (squeezenet, random_squeezenet(seed=1))
        for chosen in (settings, {**settings, "layer": "features.9"}, {**settings, "size": 65})
    }
    assert len(folders) == 6
    assert cache_folder(tmp_path, random_squeezenet(), settings) in folders


# --- The study -----------------------------------------------------------------------------------

QUICK = ("--size", "64")


@pytest.fixture
def folder(tmp_path):
    """Two classes of four pictures, told apart by their colours."""
    generator = np.random.default_rng(0)
    for name, colour in {"red": (200, 40, 40), "blue": (40, 40, 200)}.items():
        (tmp_path / "set" / name).mkdir(parents=True)
        for number in range(4):
            pixels = np.clip(generator.normal(colour, 30, (64, 64, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "set" / name / f"{number}.png")
    return tmp_path / "set"


def cached(tmp_path):
    return sorted((tmp_path / "visualization" / "embedding_cache").rglob("*.safetensors"))


def test_a_second_run_takes_all_from_the_cache_and_gives_the_same_bytes(weights, folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("studies.embedding.neighbours.QUERIES", 2)
    arguments = ("--images", folder, *QUICK, "--neighbours", 3, "--technique", "all")
    assert run("embedding", *arguments, "--output", "a.png") == 0
    files = cached(tmp_path)
    said = capsys.readouterr().out
    assert "8 images of 2 classes" in said
    replace_everywhere(monkeypatch, image_features, None)  # not to be called
    assert run("embedding", *arguments, "--output", "b.png") == 0
    assert "8 of 8 images are known" in capsys.readouterr().out
    assert cached(tmp_path) == files
    for ending in ("", "_pca", "_tsne", "_map"):
        assert (tmp_path / f"a{ending}.png").read_bytes() == (tmp_path / f"b{ending}.png").read_bytes()


def test_a_changed_picture_and_a_damaged_file_are_computed_again(weights, folder, tmp_path, capsys):
    arguments = ("--images", folder, *QUICK, "--neighbours", 3, "--technique", "pca")
    run("embedding", *arguments, "--output", "a.png")
    (first,) = cached(tmp_path)
    whole = first.read_bytes()
    first.write_bytes(whole[: len(whole) // 2])
    capsys.readouterr()
    run("embedding", *arguments, "--output", "b.png")
    assert "are known" not in capsys.readouterr().out
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert first.read_bytes() == whole
    with Image.open(folder / "red" / "0.png") as image:
        image.rotate(90).save(folder / "red" / "0.png")
    (folder / "blue" / "1.png").rename(folder / "blue" / "9.png")  # another name is no other picture
    run("embedding", *arguments, "--output", "c.png")
    assert "7 of 8 images are known" in capsys.readouterr().out


def test_an_interruption_keeps_what_was_finished(weights, tmp_path, monkeypatch, capsys):
    calls, whole = [], image_features

    def stop_at_the_second(*arguments, **settings):
        calls.append(0)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(*arguments, **settings)

    monkeypatch.setattr("studies.embedding.collection.CHUNKS", 1)
    replace_everywhere(monkeypatch, image_features, stop_at_the_second)
    arguments = ("--scenes", 50, *QUICK, "--technique", "pca")
    assert run("embedding", *arguments) == 130
    assert len(cached(tmp_path)) == 1
    assert run("embedding", *arguments) == 0
    assert "36 of 50 images are known" in capsys.readouterr().out


def test_a_broken_file_is_named_and_the_others_are_done(weights, folder, tmp_path, capsys):
    (folder / "red" / "bad.png").write_text("nothing")
    (folder / "red" / "worse.png").write_text("nothing")
    arguments = ("--images", folder, *QUICK, "--neighbours", 3, "--technique", "pca")
    assert run("embedding", *arguments) == 1
    captured = capsys.readouterr()
    assert "bad.png" in captured.err
    assert "worse.png" in captured.err
    assert captured.err.count("skipped: ") == 2
    assert "8 images of 2 classes" in captured.out
    assert (tmp_path / "visualization" / "embedding_visualization.png").exists()


def test_right_and_wrong_neighbours_are_told_apart_by_more_than_colour(weights, folder, panels, monkeypatch):
    monkeypatch.setattr("studies.embedding.neighbours.QUERIES", 2)
    run("embedding", "--images", folder, *QUICK, "--neighbours", 7, "--technique", "neighbours")
    right = [panel for panel in panels if panel.title.startswith("✓")]
    wrong = [panel for panel in panels if panel.title.startswith("✗")]
    assert len(right) == 2 * 2 * 3  # of seven others three are of the class
    assert len(wrong) == 2 * 2 * 4
    assert (right[0].pixels[0, :] == (20, 150, 60)).all()
    assert 0.3 < (wrong[0].pixels[0, :] == (215, 40, 30)).all(axis=1).mean() < 0.7


def test_pictures_without_classes_are_drawn_without_claims(weights, folder, tmp_path, capsys):
    for path in (folder / "red").iterdir():
        path.rename(tmp_path / f"red {path.name}")
    names = sorted(tmp_path.glob("*.png"))
    arguments = ("--images", *names, *QUICK, "--neighbours", 2, "--technique", "all", "--output", "out/x.png")
    assert run("embedding", *arguments) == 0
    said = capsys.readouterr().out
    assert "4 images, whose classes are unknown" in said
    assert "chance" not in said
    assert "image map, cells" not in said  # nothing is known of it
    assert len(list((tmp_path / "out").glob("*.png"))) == 4


def test_pictures_beside_the_classes_are_left_out_and_counted(weights, folder, capsys):
    (folder / "red" / "0.png").rename(folder / "beside.png")
    run("embedding", "--images", folder, *QUICK, "--neighbours", 2, "--technique", "pca")
    captured = capsys.readouterr()
    assert "left out: 1 picture " in captured.out
    assert "7 images of 2 classes" in captured.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--technique", "tsnee"], "did you mean 'tsne'? allowed are all, neighbours, pca, tsne, map"),
        (["--layer", "features.77", "--scenes", "4"], "features.12.expand3x3"),
        (["--images", "nowhere"], "'nowhere' is not there"),
        (["--scenes", "5", "--neighbours", "5"], "neighbours: 5 for 5 images; allowed are 1 to 4"),
        (["--scenes", "40", "--digits"], "not allowed with argument"),
        (["--images", "chelsea", "rocket"], "2 are too few"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_2(arguments, words, weights, capsys):
    try:
        code = run("embedding", *QUICK, *arguments)
    except SystemExit as stop:
        code = stop.code
    said = capsys.readouterr().err
    assert code == 2
    assert words in said
    assert said.count("\n") == 1


def test_an_interval_of_a_share_is_told_from_0_to_100_per_cent(weights, folder, monkeypatch, capsys):
    replace_everywhere(monkeypatch, mean_interval, lambda _values: Interval(0.5, -0.1, 1.1))
    arguments = ("--images", folder, "--neighbours", 3, "--technique", "pca", *QUICK)
    assert run("embedding", *arguments) == 0
    assert " 50.0% (0.0% to 100.0%)" in capsys.readouterr().out


@pytest.mark.slow
def test_digits_are_ten_classes(weights, capsys):
    assert run("embedding", "--digits", *QUICK, "--technique", "pca") == 0
    assert "1797 handwritten digits of 10 classes" in capsys.readouterr().out
