"""DeepDream: one step by hand, octaves, tiles, the guide by brute force, the animation, and the study's sentences."""

import numpy as np
import pytest
import torch
from conftest import random_squeezenet, replace_everywhere, run
from PIL import Image, ImageSequence

from core import tiles
from core.defaults import ROOT
from core.errors import UsageError
from core.images import normalise, valid_range
from core.measuring import measuring
from core.objectives import channel_objective, layer_objective, layer_output
from core.priors import clamp_to_valid
from core.tiles import position_sum, tiled_gradient, tiled_score
from drawing.files import save_animation
from visualizers.deepdream import deepdream, octave_sizes, zoom_sequence

LAYER = "features.6"
PLAIN = {"octaves": 1, "jitter": 0, "smoothing": 0.0}
QUICK = ["--size", "64", "--octaves", "2", "--iterations", "2"]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def exact():
    """A network in float64, where the order of a sum opens no gate."""
    return random_squeezenet().double()


@pytest.fixture
def picture64(images):
    return clamp_to_valid(images[:1].double())


def test_one_step_is_the_gradient_of_the_layers_norm_with_mean_size_one(exact, picture64):
    ours = deepdream(exact, picture64, LAYER, iterations=1, step=0.1, **PLAIN)
    image = picture64.clone().requires_grad_()
    layer_objective(exact, LAYER)(image).sum().backward()
    expected = clamp_to_valid(picture64 + 0.1 * image.grad / image.grad.abs().mean())
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-9)


def test_what_is_climbed_is_the_shared_objectives_but_for_a_factor(exact, picture64):
    with measuring(exact), torch.no_grad():
        positions = layer_output(exact, LAYER)(picture64)[0, 0].numel()
        norm = position_sum(exact, LAYER)(picture64).mul(2).sqrt()
        torch.testing.assert_close(norm, layer_objective(exact, LAYER)(picture64))
        several = position_sum(exact, LAYER, channels=[3, 5])(picture64)
        means = sum(channel_objective(exact, LAYER, channel)(picture64) for channel in (3, 5))
        torch.testing.assert_close(several, means * positions)


def test_a_guide_pulls_each_position_to_its_most_alike_feature(exact, images):
    picture, guide = images[:1].double(), images[1:2, :, :40, :50].double()
    with measuring(exact), torch.no_grad():
        output = layer_output(exact, LAYER)
        maps, seen = output(picture)[0].numpy(), output(guide)[0].flatten(1).numpy()
        score = position_sum(exact, LAYER, guide=guide)(picture)
    products = [max(cell @ seen[:, k] for k in range(seen.shape[1])) for cell in maps.reshape(len(maps), -1).T]
    assert float(score) == pytest.approx(sum(products))


def test_the_guides_products_in_parts_are_the_same(exact, images, monkeypatch):
    picture, guide = images.double(), images[1:2].double()
    with measuring(exact), torch.no_grad():
        whole = position_sum(exact, LAYER, guide=guide)(picture)
        monkeypatch.setattr(tiles, "MOST_PRODUCTS", 100)
        torch.testing.assert_close(position_sum(exact, LAYER, guide=guide)(picture), whole)


def test_octaves_of_ratio_1_are_one_long_ascent(exact, picture64):
    apart = deepdream(exact, picture64, LAYER, **PLAIN | {"octaves": 3}, ratio=1.0, iterations=2)
    at_once = deepdream(exact, picture64, LAYER, **PLAIN, iterations=6)
    torch.testing.assert_close(apart, at_once, rtol=0, atol=1e-8)


def test_octaves_grow_to_the_pictures_own_size_and_those_too_small_are_left_out():
    picture = torch.zeros(1, 3, 100, 200)
    assert octave_sizes(picture, octaves=3, ratio=2, jitter=0) == [(50, 100), (100, 200)]
    assert octave_sizes(picture, octaves=3, ratio=2, jitter=60) == [(100, 200)]
    with pytest.raises(UsageError, match=r"200 x 100 pixels are too few; at least 121 are needed"):
        octave_sizes(picture, octaves=1, ratio=2, jitter=120)


def test_an_octaves_detail_is_carried_over_to_the_next(squeezenet, images):
    start, seen = clamp_to_valid(images[:1]), []
    deepdream(squeezenet, start, LAYER, octaves=2, iterations=1, jitter=0, ratio=1.5, step=0.3,
              callback=lambda step: seen.append(step.image.clone()))  # fmt: skip
    plain = deepdream(squeezenet, start, LAYER, **PLAIN, iterations=1, step=0.3)
    assert [tuple(image.shape[2:]) for image in seen] == [(43, 43), (64, 64)]
    assert (seen[1] - start).abs().mean() > 1.3 * (plain - start).abs().mean()


@pytest.mark.parametrize("shift", [(0, 0), (0.25, -0.25), (-0.1, 0.2)])
def test_tiles_cover_every_pixel_once(shift):
    pictures = torch.randn(5, 3, 300, 530, generator=seeded())
    values, gradient = tiled_gradient(lambda x: x.square().sum(dim=(1, 2, 3)) / 2, pictures, tile=256, shift=shift)
    assert torch.equal(gradient, pictures)
    torch.testing.assert_close(values, pictures.square().sum(dim=(1, 2, 3)) / 2)


def test_the_tiled_gradient_is_the_whole_ones_where_no_receptive_field_crosses_a_border(exact):
    picture = torch.randn(1, 3, 300, 320, generator=seeded(), dtype=torch.float64)
    with measuring(exact):
        score = position_sum(exact, "features.3")
        _, whole = tiled_gradient(score, picture, tile=1024)
        _, tiled = tiled_gradient(score, picture, tile=256, shift=(0.2, 0))
    borders = [tiles.tile_spans(length, 256, off)[1].start for length, off in ((300, 0.2), (320, 0))]
    assert borders == [192, 160]
    far = torch.ones(300, 320, dtype=torch.bool)
    far[borders[0] - 16 : borders[0] + 16] = far[:, borders[1] - 16 : borders[1] + 16] = False
    torch.testing.assert_close(tiled[..., far], whole[..., far])
    assert not torch.allclose(tiled, whole)  # at the borders they must differ, or the tiles were not cut


@pytest.mark.parametrize("length", [257, 300, 512, 513, 1000, 4001])
@pytest.mark.parametrize("shift", [-0.25, 0, 0.25])
def test_no_tile_is_much_larger_than_asked_nor_too_small_for_the_network(length, shift):
    spans = tiles.tile_spans(length, 256, shift)
    sizes = [span.stop - span.start for span in spans]
    assert sum(sizes) == length
    assert max(sizes) <= 1.25 * 256 + tiles.GRID
    assert min(sizes) >= 64
    assert all(span.start % tiles.GRID == 0 for span in spans)


def test_the_tiled_score_is_the_sum_over_the_tiles():
    pictures = torch.randn(2, 3, 300, 530, generator=seeded()).double()
    scores = tiled_score(lambda x: x.square().sum(dim=(1, 2, 3)), pictures, tile=256)
    torch.testing.assert_close(scores, pictures.square().sum(dim=(1, 2, 3)))


@pytest.mark.parametrize("what", [{}, {"channels": [7, 9]}, {"guide": torch.randn(1, 3, 48, 40, generator=seeded(3))}])
def test_the_objective_rises_and_the_colours_stay_valid(squeezenet, images, what):
    start = clamp_to_valid(images[:1])
    dream = deepdream(squeezenet, start, LAYER, octaves=2, iterations=5, jitter=4, generator=seeded(), **what)
    with measuring(squeezenet), torch.no_grad():
        score = position_sum(squeezenet, LAYER, **what)
        assert score(dream) > 1.1 * score(start)
    black, white = valid_range(dream)
    assert ((dream >= black) & (dream <= white)).all()


def test_the_same_seed_gives_the_same_dream_and_another_seed_another(squeezenet, images):
    settings = {"octaves": 2, "iterations": 2}
    first, again, other = (
        deepdream(squeezenet, images[:1], LAYER, generator=seeded(seed), **settings) for seed in (5, 5, 6)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_batch_dreams_as_its_pictures_do_one_by_one(exact, images):
    settings = {"octaves": 2, "iterations": 2, "jitter": 5}
    batch = deepdream(exact, images.double(), LAYER, generator=seeded(), **settings)
    for index in range(len(images)):
        alone = deepdream(exact, images[index : index + 1].double(), LAYER, generator=seeded(), **settings)
        torch.testing.assert_close(batch[index : index + 1], alone)


def test_a_callback_that_says_true_ends_the_dream_and_not_the_octave_alone(squeezenet, images):
    seen = []
    settings = {"octaves": 3, "ratio": 1.2, "iterations": 4, "jitter": 0}
    stopped = deepdream(squeezenet, images[:1], LAYER, callback=lambda s: seen.append(s) or len(seen) == 2, **settings)
    assert len(seen) == 2
    assert stopped.shape == images[:1].shape


def test_a_layer_that_is_silent_leaves_the_picture_as_it_is(images):
    model = random_squeezenet()
    with torch.no_grad():
        model.features[0].bias.fill_(-1e4)
    start = clamp_to_valid(images[:1])
    torch.testing.assert_close(deepdream(model, start, "features.1", octaves=1, iterations=2), start)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"layer": "features.77"}, "'features.77' is not in the network"),
        ({"channels": [999]}, "has no channel 999; allowed are 0 to 255"),
        ({"tile": 100}, "100 pixels are too few; at least 256"),
        ({"ratio": 0.5}, "5 and 0.5; at least 1 and 1.0"),
        ({"jitter": 64}, "64 x 64 pixels are too few; at least 65"),
        ({"guide": torch.zeros(1, 3, 20, 90)}, "guide: 90 x 20 pixels are too few"),
    ],
)
def test_what_is_not_allowed_is_named(squeezenet, images, settings, words):
    with pytest.raises(UsageError, match=words):
        deepdream(squeezenet, images, **{"layer": "features.7"} | settings)


def test_going_in_keeps_the_centre_and_stretches_the_rest(squeezenet):
    ramp = torch.linspace(-1, 1, 64).expand(1, 3, 64, 64)
    settings = {"octaves": 1, "iterations": 1, "step": 0.0}
    _, second = zoom_sequence(squeezenet, ramp, LAYER, frames=2, zoom=1.25, **settings)
    torch.testing.assert_close(second[..., 8:-8], ramp[..., 8:-8] / 1.25, atol=2e-3, rtol=0)  # bicubic


def noise_frames(count, height=60, width=90):
    return list(np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8))


def test_an_animation_holds_all_frames_repeats_and_shares_its_colours(tmp_path):
    path = save_animation(noise_frames(5), tmp_path / "a.gif", {"Script": "x"}, milliseconds=70, most_bytes=10**6)
    with Image.open(path) as image:
        assert (image.n_frames, image.size, image.info["loop"], image.info["duration"]) == (5, (90, 60), 0, 70)
        assert b'"Script": "x"' in image.info["comment"]
        colours = {
            tuple(c) for frame in ImageSequence.Iterator(image) for c in np.asarray(frame.convert("RGB")).reshape(-1, 3)
        }
    assert len(colours) <= 256


def test_an_animation_too_large_is_made_smaller_until_it_fits(tmp_path):
    path = save_animation(noise_frames(5), tmp_path / "a.gif", {}, milliseconds=70, most_bytes=12_000)
    assert path.stat().st_size <= 12_000
    with Image.open(path) as image:
        assert image.n_frames == 5
        assert image.width < 90
        assert image.width / image.height == pytest.approx(1.5, rel=0.1)


def test_a_dream_keeps_the_shape_and_dreams_by_layer_and_channel(weights, picture, panels, capsys):
    layers = ["--layer", "features.4", "features.9", "--channel", "1", "2"]
    assert run("deepdream", "--images", picture, *layers, *QUICK) == 0
    assert [panel.pixels.shape for panel in panels] == [(64, 80, 3)] * 5
    titles = [panel.title.partition(":")[0] for panel in panels]
    assert titles[1:] == [f"{layer}, channel {n}" for layer in ("features.4", "features.9") for n in (1, 2)]
    assert not np.array_equal(panels[1].pixels, panels[2].pixels)
    assert "features.4, channel 1: sum " in capsys.readouterr().out


def test_one_dream_alone_is_written_in_its_full_size(weights, picture):
    assert run("deepdream", "--images", picture, "--alone", *QUICK, "--output", "one.png") == 0
    with Image.open("one.png") as image:
        assert image.size == (80, 64)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "I;16"])
def test_pictures_of_every_mode_dream(mode, weights, tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (70, 64), dtype=np.uint8)
    image = Image.fromarray(values.astype(np.uint16) * 257) if mode == "I;16" else Image.fromarray(values).convert(mode)
    image.save(tmp_path / "grey.png")
    assert run("deepdream", "--images", "grey.png", "--layer", LAYER, *QUICK) == 0


def test_a_guide_changes_the_dream_and_is_said(weights, picture, panels, capsys):
    assert run("deepdream", "--images", picture, "--layer", LAYER, *QUICK) == 0
    guide = ROOT / "images" / "styles" / "mosaic.jpg"
    assert run("deepdream", "--images", picture, "--layer", LAYER, "--guide", guide, *QUICK) == 0
    assert not np.array_equal(panels[1].pixels, panels[3].pixels)
    assert "likeness to the guide" in capsys.readouterr().out


def test_zoom_writes_as_many_frames_as_asked(weights, picture, capsys):
    assert run("deepdream", "--images", picture, "--zoom", 3, *QUICK) == 0
    with Image.open("visualization/deepdream.gif") as image:
        assert (image.n_frames, image.size, image.info["loop"]) == (3, (80, 64), 0)
    said = capsys.readouterr().out
    assert "wrote visualization/deepdream.gif" in said
    assert "3 frames" in said


def interrupt_at(monkeypatch, target, count):
    """Ctrl-C at the call of that number."""
    calls = []

    def counted(*arguments, **settings):
        calls.append(1)
        if len(calls) == count:
            raise KeyboardInterrupt
        return target(*arguments, **settings)

    replace_everywhere(monkeypatch, target, counted)


def test_ctrl_c_writes_the_frames_that_are_done(weights, picture, monkeypatch, capsys):
    interrupt_at(monkeypatch, deepdream, 3)
    assert run("deepdream", "--images", picture, "--zoom", 9, *QUICK, "--output", "z.gif") == 130
    with Image.open("z.gif") as image:
        assert image.n_frames == 2
    assert "interrupted" in capsys.readouterr().err


def test_ctrl_c_writes_the_dreams_that_are_done(weights, picture, monkeypatch, panels, tmp_path):
    interrupt_at(monkeypatch, deepdream, 2)
    assert run("deepdream", "--images", picture, *QUICK) == 130
    assert len(panels) == 2
    assert (tmp_path / "visualization" / "deepdream.png").exists()


def test_one_broken_file_is_named_and_the_others_dream(weights, picture, tmp_path, capsys):
    (tmp_path / "bad.png").write_text("nothing")
    assert run("deepdream", "--images", "bad.png", picture, "--layer", LAYER, *QUICK) == 1
    assert "skipped: image: 'bad.png'" in capsys.readouterr().err
    assert (tmp_path / "visualization" / "deepdream.png").exists()


def test_a_silent_channel_says_so_on_the_picture(random_weights, picture, panels, tmp_path):
    state = torch.load(random_weights, weights_only=True)
    state["features.0.bias"][4] = -1e4
    torch.save(state, tmp_path / "silent.pth")
    settings = ["--weights", "silent.pth", "--layer", "features.1", "--channel", "4"]
    assert run("deepdream", "--images", picture, *settings, *QUICK) == 0
    assert "silent" in panels[1].note


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--layer", "features.77"], "'features.77' is not in the network"),
        (["--layer", "features.4", "--channel", "999"], "has no channel 999; allowed are 0 to 127"),
        (["--images", "tiny.png"], "'tiny.png' is 50 x 20 pixels; at least 33 are needed each way"),
        (["--images", "nowhere.jpg"], "'nowhere.jpg' is not there"),
        (["--guide", "nowhere.jpg"], "'nowhere.jpg' is not there"),
        (["--guide", "tiny.png"], "at least 33 are needed"),
        (["--zoom", "2", "--layer", "features.4", "features.9"], "got 1 picture and 2 dreams"),
        (["--output", "x.gif"], "give --zoom FRAMES"),
        (["--output", "x.GIF"], "give --zoom FRAMES"),
        (["--output", "taken.png", "--zoom", "2"], "'taken.gif' is a folder"),
        (["--jitter", "64"], "at least 65 are needed"),
    ],
)
def test_wrong_use_is_refused_in_one_sentence(arguments, words, weights, tmp_path, refusal):
    Image.new("RGB", (50, 20)).save("tiny.png")
    (tmp_path / "taken.gif").mkdir()
    assert words in refusal(run, "deepdream", *QUICK, *arguments)


def test_a_channel_that_one_layer_lacks_is_named_before_the_first_dream(weights, picture, monkeypatch, capsys):
    replace_everywhere(monkeypatch, deepdream, None)  # not to be called
    layers = ["--layer", "features.12", "features.4", "--channel", "200"]
    assert run("deepdream", "--images", picture, *layers, *QUICK) == 2
    assert "'features.4' has no channel 200" in capsys.readouterr().err


def test_a_constant_picture_is_dreamt_and_not_a_stack_trace(squeezenet):
    grey = normalise(torch.full((1, 3, 64, 64), 0.5))
    assert deepdream(squeezenet, grey, LAYER, octaves=1, iterations=2).isfinite().all()
