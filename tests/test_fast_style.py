"""Style transfer in one forward pass: the network, how it learns, and its study."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from functools import partial

import numpy as np
import pytest
import torch
from conftest import noise, random_squeezenet, replace_everywhere, run, state_of
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from core.defaults import ROOT
from core.errors import UsageError
from core.images import load_frames, valid_range
from painting.balance import absolute_weights
from style_modules import ContentLoss, StyleLoss, TotalVariationLoss
from style_modules.relative_losses import relative_losses
from style_modules.style_loss import gram_matrices
from training.__main__ import main as train_by_command
from training.flags import STYLES
from training.squares import Squares
from training.styles import PaintingRecipe, PaintingTraining
from visualizers.fast_style_transfer import StyledConvolution, StyleNetwork, stylise

SMALL = {"widths": (4, 6, 8), "blocks": 1}


def small_network(styles=("a", "b"), seed: int = 0) -> StyleNetwork:
    """Random weights, and styles that differ."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = StyleNetwork(styles, **SMALL)
        with torch.no_grad():
            for module in network.modules():
                if isinstance(module, StyledConvolution):
                    module.contrast.normal_(1, 0.5)
                    if module.mean is not None:
                        module.mean.normal_(0, 0.5)
    return network.requires_grad_(False).eval()


def small_training(**changes) -> PaintingTraining:
    settings = {"steps": 6, "batch": 2, "side": 64, **SMALL} | changes
    recipe = PaintingRecipe(("a", "b"), "random", "noise", **settings)
    return PaintingTraining(recipe, random_squeezenet(), [noise(1, 3, 64, 80, seed=seed) for seed in (1, 2)])


def draw(number: int) -> torch.Tensor:
    return noise(3, 64, 64, seed=number)


def test_each_channel_gets_the_mean_and_the_contrast_of_the_blended_styles():
    layer = StyledConvolution(2, 2, 2, side=1).double()
    with torch.no_grad():
        layer.convolution.weight.copy_(torch.eye(2).view(2, 2, 1, 1))
        layer.contrast.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        layer.mean.copy_(torch.tensor([[0.0, 10.0], [20.0, 30.0]]))
    maps = noise(2, 2, 7, 9).double() * 5 + 3
    result = layer(maps, torch.tensor([[1.0, 0.0], [0.25, 0.75]]).double())
    contrast, mean = torch.tensor([[1.0, 2.0], [2.5, 3.5]]), torch.tensor([[0.0, 10.0], [15.0, 25.0]])
    torch.testing.assert_close(result.mean(dim=(2, 3)), mean.double())
    torch.testing.assert_close(result.std(dim=(2, 3), correction=0), contrast.double(), rtol=1e-5, atol=0)
    plain = F.instance_norm(maps) * contrast[:, :, None, None] + mean[:, :, None, None]
    torch.testing.assert_close(result, plain)


@pytest.mark.parametrize("size", [(33, 33), (34, 47), (50, 35), (64, 101)])
def test_any_shape_comes_out_as_it_went_in_and_valid(size):
    images = noise(2, 3, *size)
    painted = stylise(small_network(), images, [1, 0])
    assert painted.shape == images.shape
    low, high = valid_range(images)
    assert (painted >= low).all()
    assert (painted <= high).all()
    assert painted.std() > 0.01


def test_the_contrast_and_the_brightness_of_a_picture_do_not_matter():
    # No bias stands before a normalisation, so they are divided out: what instance normalisation is for.
    images = 0.5 * noise(1, 3, 48, 60)
    network = small_network()
    torch.testing.assert_close(
        stylise(network, 2 * images + 0.3, [1, 1]), stylise(network, images, [1, 1]), atol=2e-3, rtol=0
    )


def test_a_picture_of_one_colour_becomes_one_colour_without_grid_or_border():
    painted = stylise(small_network(), torch.full((1, 3, 45, 54), 0.4), [0, 1])
    torch.testing.assert_close(painted, painted[:, :, :1, :1].expand_as(painted), atol=1e-4, rtol=0)


def test_a_batch_is_painted_as_its_pictures_one_by_one_each_in_its_style():
    network, images = small_network(), noise(3, 3, 40, 52)
    weights = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.3, 0.7]])
    together = stylise(network, images, weights)
    for image, row, painted in zip(images, weights, together, strict=True):
        torch.testing.assert_close(stylise(network, image[None], row)[0], painted, atol=1e-5, rtol=0)
    assert not torch.allclose(together[0], stylise(network, images[:1], weights[1])[0], atol=0.1)


def test_weights_are_shares_and_a_blend_is_not_a_mixture_of_pictures():
    network, image = small_network(), noise(1, 3, 40, 40)
    one, other, both = (stylise(network, image, weights) for weights in ([1, 0], [0, 1], [3, 3]))
    assert torch.equal(both, stylise(network, image, [0.5, 0.5]))
    assert not torch.allclose(both, (one + other) / 2, atol=0.05)


def test_many_pictures_are_painted_a_few_at_a_time():
    network, counts = small_network(), []
    network.register_forward_pre_hook(lambda _module, arguments: counts.append(len(arguments[0])))
    assert stylise(network, noise(40, 3, 80, 80), [1, 0]).shape == (40, 3, 80, 80)
    assert sum(counts) == 40
    assert max(counts) < 25


@pytest.mark.parametrize("training", [False, True])
def test_no_trace_is_left_on_the_network_and_the_picture(training):
    network, images = small_network().requires_grad_(True).train(training), noise(1, 3, 40, 40).requires_grad_(True)
    before = state_of(network, images)
    stylise(network, images, [1, 0])
    assert state_of(network, images) == before


@pytest.mark.parametrize(
    ("images", "weights", "words"),
    [
        (noise(1, 3, 32, 90), [1, 0], "90 x 32 pixels are too few; at least 33"),
        (noise(3, 40, 40), [1, 0], r"\(N, 3, H, W\) is needed"),
        (noise(1, 3, 40, 40), [1, 0, 0], r"shape \(2,\) or \(1, 2\) is needed, got \(3,\)"),
        (noise(1, 3, 40, 40), [1, -1], "negative"),
        (noise(1, 3, 40, 40), [0, 0], "all are 0"),
        (noise(1, 3, 40, 40), [float("nan"), 1], "not finite"),
    ],
)
def test_what_cannot_be_painted_is_refused(images, weights, words):
    with pytest.raises(UsageError, match=words):
        stylise(small_network(), images, weights)


def test_the_relative_losses_are_the_plain_ones_of_each_picture_with_weights_of_its_own_targets():
    pictures, content, target = noise(2, 3, 9, 11), noise(2, 5, 4, 6, seed=1), noise(2, 5, 4, 6, seed=2)
    style = [noise(2, 4, 5, 5, seed=3), noise(2, 6, 3, 3, seed=4)]
    targets = [gram_matrices(noise(2, 4, 7, 7, seed=5)), gram_matrices(noise(2, 6, 8, 8, seed=6))]
    terms = relative_losses(pictures, content, target, style, targets)
    for index in range(2):
        own = slice(index, index + 1)
        grams = [layer[own] for layer in targets]
        ones = {"content_weight": 1, "style_weight": 1, "tv_weight": 1}
        weights = absolute_weights(target[own], grams, pictures[0].numel(), **ones)
        plain = (
            ContentLoss()(weights.content, content[own], target[own]),
            StyleLoss()([layer[own] for layer in style], (0, 1), grams, weights.style),
            TotalVariationLoss()(pictures[own], weights.total_variation),
        )
        torch.testing.assert_close(terms[index], torch.stack(plain))
    doubled = relative_losses(pictures, 2 * target, target, style, [gram_matrices(layer) for layer in style])
    torch.testing.assert_close(doubled[:, :2], torch.tensor([[1.0, 0.0], [1.0, 0.0]]))


def test_the_loss_falls_and_the_loss_network_stays_as_it_was():
    training = small_training(steps=30, style_weight=1.0)
    model = random_squeezenet()
    training.cnn = model.features
    before = state_of(model, noise(1, 3, 8, 8))
    for _ in range(30):
        training.take_step(lambda _: draw(3))
    losses = torch.tensor(training.losses)
    total = losses[:, 0] + losses[:, 1]
    assert total[-4:].mean() < 0.8 * total[:4].mean()
    assert state_of(model, noise(1, 3, 8, 8)) == before


def test_a_step_follows_the_gradient_of_the_weighted_mean_over_the_batch():
    training = small_training(content_weight=2.0, style_weight=3.0, tv_weight=0.5)
    numbers = torch.randint(2**62, (2,), generator=torch.Generator().manual_seed(0)).tolist()
    before = [value.detach().clone() for value in training.network.parameters()]
    terms = training.terms(torch.stack([draw(number) for number in numbers]), [0, 1])
    loss = (terms @ torch.tensor([2.0, 3.0, 0.5])).mean()
    gradients = torch.autograd.grad(loss, list(training.network.parameters()))
    training.take_step(draw)
    rate = training.recipe.learning_rate_at(0)
    for value, start, gradient in zip(training.network.parameters(), before, gradients, strict=True):
        adam = start - rate * gradient / (gradient.abs() + 1e-6)  # Adam's first step
        torch.testing.assert_close(value.detach(), adam, atol=1e-2 * rate, rtol=0)
    assert training.losses == [pytest.approx(terms.mean(dim=0).tolist(), rel=1e-4)]


def test_a_training_stopped_and_resumed_ends_as_one_that_was_not(tmp_path):
    straight, stopped = small_training(), small_training()
    for _ in range(4):
        straight.take_step(draw)
    for _ in range(2):
        stopped.take_step(draw)
    stopped.save(tmp_path / "c.pt")
    resumed = small_training()
    resumed.resume(tmp_path / "c.pt")
    assert resumed.step == 2
    for _ in range(2):
        resumed.take_step(draw)
    pairs = zip(straight.network.state_dict().values(), resumed.network.state_dict().values(), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)
    assert straight.losses == resumed.losses
    with pytest.raises(UsageError, match="another style weight"):
        small_training(style_weight=1.0).resume(tmp_path / "c.pt")


def as_one_of_two(rank: int, folder: str) -> None:
    """A process of two: three steps, of which the second process asks to stop after the third."""
    torch.set_num_threads(1)
    address = {"init_method": f"file://{folder}/meeting", "rank": rank, "world_size": 2}
    torch.distributed.init_process_group("gloo", **address)
    training = small_training(batch=3)
    stopped = [training.take_step(draw, stop=rank == 1 and step == 2) for step in range(3)]
    torch.save((stopped, training.losses, training.network.state_dict()), f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_end_in_the_weights_of_one_and_stop_together(tmp_path):
    # Three pictures: shares of unequal size must count by their pictures.
    torch.multiprocessing.spawn(as_one_of_two, (str(tmp_path),), nprocs=2)
    alone = small_training(batch=3)
    for _ in range(3):
        alone.take_step(draw)
    for rank in range(2):
        stopped, losses, state = torch.load(tmp_path / f"{rank}.pt")
        assert stopped == [False, False, True]
        torch.testing.assert_close(torch.tensor(losses), torch.tensor(alone.losses), atol=1e-5, rtol=1e-4)
        for name, value in alone.network.state_dict().items():
            torch.testing.assert_close(state[name], value, atol=1e-5, rtol=1e-4)


def test_a_square_follows_from_its_number_and_a_broken_picture_is_left_out():
    whole = Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 200, 3), dtype=np.uint8))

    def broken():
        raise UsageError("image: 'x' is damaged")

    squares = Squares([broken, lambda: whole], 64, scenes=False, seed=0)
    drawn = [squares.draw(number) for number in (1, 2, 3, 4, 5, 6, 1)]
    assert {tuple(square.shape) for square in drawn} == {(3, 64, 64)}
    assert torch.equal(drawn[0], drawn[-1])
    assert not torch.equal(drawn[0], drawn[1])
    assert list(squares.broken) == [0]
    with pytest.raises(UsageError, match=r"none of 1 can be read; the first: image: 'x' is damaged"):
        Squares([broken], 64, scenes=False, seed=0).draw(1)


def test_the_scenes_follow_from_the_step_also_after_a_stop(monkeypatch):
    monkeypatch.setattr("training.squares.ROUNDS", 1)
    monkeypatch.setattr("training.squares.SCENE_SIZE", 64)
    monkeypatch.setattr("training.squares.CLASS_NAMES", ("one", "two"))
    straight, resumed = (Squares([], 64, scenes=True, seed=0) for _ in range(2))
    straight.prepare(0)
    first = straight.pool.take(range(2))
    for step in range(1, 122):
        straight.prepare(step)
    resumed.prepare(121)
    last = straight.pool.take(range(2))
    assert np.array_equal(last, resumed.pool.take(range(2)))
    assert not np.array_equal(last, first)


@pytest.fixture(scope="session")
def network_file(tmp_path_factory):
    """A file as a training writes it, of random weights and the project's four styles."""
    path = tmp_path_factory.mktemp("network") / "styles.safetensors"
    recipe = PaintingRecipe(STYLES, "random", "noise", **SMALL)
    state = {name: value.half() for name, value in small_network(STYLES).state_dict().items()}
    save_file(state, path, {name: json.dumps(value) for name, value in asdict(recipe).items()})
    return path


@pytest.fixture
def apply(network_file):
    return partial(run, "fast_style", "--network", network_file, "--device", "cpu")


def test_bare_the_stored_network_paints_the_own_pictures_in_all_its_styles(panels, tmp_path):
    assert run("fast_style", "--size", "64") == 0
    names = ["", "swirling night", "blood sunset", "geometric abstraction", "mosaic"]
    assert [panel.title for panel in panels] == names + [""] * 20
    with Image.open(tmp_path / "visualization" / "fast_style_transfer.png") as image:
        assert image.text["Script"] == "fast_style"
        assert image.text["Weights"].startswith("fast_styles.safetensors (sha256 ")
    assert (ROOT / "weights" / "fast_styles.safetensors").stat().st_size < 3_000_000


def test_the_same_call_gives_the_same_bytes(apply, picture, tmp_path):
    for name in ("a.png", "b.png"):
        assert apply("--images", picture, "--style", "mosaic", "--output", name) == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_a_picture_of_any_mode_is_painted_in_its_own_shape(mode, apply, picture, tmp_path):
    Image.open(picture).resize((61, 47)).convert(mode).save(tmp_path / "odd.png")
    assert apply("--images", tmp_path / "odd.png", "--style", "mosaic", "--output", "out.png") == 0
    with Image.open("out.png") as image:
        assert (image.size, image.mode) == ((61, 47), "RGB")
    apply("--images", tmp_path / "odd.png", "--style", "mosaic", "--size", "94", "--output", "out.png")
    with Image.open("out.png") as image:
        assert image.size == (122, 94)


def test_a_blend_and_the_way_from_one_style_to_another(apply, picture, panels, tmp_path):
    for name, flags in {
        "one.png": ["--style", "mosaic"],
        "alike.png": ["--style", "blood_sunset", "mosaic", "--blend", "0", "2"],
        "blend.png": ["--style", "blood_sunset", "mosaic", "--blend", "1", "3"],
    }.items():
        assert apply("--images", picture, *flags, "--output", tmp_path / name) == 0
    one, alike, blend = (np.asarray(Image.open(tmp_path / name)) for name in ("one.png", "alike.png", "blend.png"))
    assert np.array_equal(one, alike)
    assert not np.array_equal(one, blend)
    way = ["--style", "blood_sunset", "mosaic", "--blends", "3", "--output", "way.png"]
    assert apply("--images", picture, *way) == 0
    assert [panel.title for panel in panels][1:] == [
        "100 % blood sunset\n0 % mosaic",
        "50 % blood sunset\n50 % mosaic",
        "0 % blood sunset\n100 % mosaic",
    ]


def test_of_a_folder_every_picture_gets_a_file_and_a_broken_one_is_named(apply, picture, tmp_path, capsys):
    (tmp_path / "pictures").mkdir()
    picture.rename(tmp_path / "pictures" / "good.png")
    (tmp_path / "pictures" / "bad.png").write_text("nothing")
    Image.new("RGB", (90, 20)).save(tmp_path / "pictures" / "small.png")
    assert apply("--images", tmp_path / "pictures", "--style", "mosaic", "blood_sunset", "--output", "painted") == 1
    said = capsys.readouterr().err
    assert "bad.png" in said
    assert "90 x 20 pixels; at least 33 are needed each way" in said
    assert {path.name for path in (tmp_path / "painted").iterdir()} == {"good_mosaic.png", "good_blood_sunset.png"}


def test_two_pictures_of_one_name_are_refused_before_one_is_written_over_the_other(apply, picture, tmp_path, refusal):
    Image.open(picture).save(tmp_path / f"{picture.stem}.bmp")
    both = ["--images", picture, tmp_path / f"{picture.stem}.bmp", "--output", "painted"]
    assert "would be painted into one file" in refusal(apply, *both)
    assert not (tmp_path / "painted").exists()


def test_a_sheet_tells_what_it_holds_and_leaves_out_what_is_broken_or_too_small(apply, picture, tmp_path, capsys):
    (tmp_path / "bad.png").write_text("nothing")
    Image.new("RGB", (90, 20)).save(tmp_path / "small.png")
    images = ["--images", picture, tmp_path / "bad.png", tmp_path / "small.png", "--size", "64"]
    assert apply(*images, "--style", "mosaic", "--output", "sheet.png") == 1
    said = capsys.readouterr()
    assert f"painted {picture.stem}\nwrote sheet.png" in said.out
    assert "90 x 20 pixels; at least 33 are needed each way" in said.err


def test_an_interrupt_keeps_the_rows_of_a_sheet_that_are_finished(apply, panels, monkeypatch, capsys):
    done = []

    def interrupted(*arguments):
        if len(done) == 3:  # in the second row
            raise KeyboardInterrupt
        done.append(stylise(*arguments))
        return done[-1]

    replace_everywhere(monkeypatch, stylise, interrupted)
    images = ["--images", "china", "coffee", "chelsea", "--style", "mosaic", "blood_sunset", "--size", "48"]
    assert apply(*images, "--output", "sheet.png") == 130
    assert len(panels) == 6  # the styles, and one picture in both
    said = capsys.readouterr()
    assert "painted china\nwrote sheet.png" in said.out
    assert "stopped before coffee was finished" in said.err


@pytest.fixture
def animation(tmp_path):
    frames = [Image.fromarray(np.random.default_rng(n).integers(0, 256, (40, 56, 3), dtype=np.uint8)) for n in range(3)]
    path = tmp_path / "moving.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=[40, 200, 90], loop=0)
    return path


@pytest.mark.parametrize("output", ["out.gif", "folder"])
def test_an_animation_keeps_its_frames_in_order_and_their_times(output, apply, animation, tmp_path):
    assert apply("--images", animation, "--style", "mosaic", "--output", output) == 0
    path = tmp_path / ("out.gif" if output == "out.gif" else "folder/moving_mosaic.gif")
    frames = load_frames(path)
    assert [milliseconds for _, milliseconds in frames] == [40, 200, 90]
    assert {image.size for image, _ in frames} == {(56, 40)}
    second = tmp_path / "second.png"
    load_frames(animation)[1][0].save(second)
    apply("--images", second, "--style", "mosaic", "--output", "alone.png")
    alone = np.asarray(Image.open("alone.png")).astype(float)
    distances = [np.abs(np.asarray(image).astype(float) - alone).mean() for image, _ in frames]
    assert np.argmin(distances) == 1


def test_a_picture_too_large_is_made_smaller_and_said_and_a_size_too_large_is_refused(
    apply, picture, monkeypatch, capsys
):
    monkeypatch.setattr("studies.fast_style.study.MOST_PIXELS", 4000)
    monkeypatch.setattr("studies.fast_style.study.LARGE", 2000)
    assert apply("--images", picture, "--style", "mosaic", "--output", "out.png") == 0
    said = capsys.readouterr().out
    assert "100 x 80 pixels are too many at a time; it is painted at 70 x 56" in said
    assert "each style takes about" in said
    with Image.open("out.png") as image:
        assert image.size == (70, 56)
    assert apply("--images", picture, "--style", "mosaic", "--size", "80", "--output", "out.png") == 2
    assert "more than 4000" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--style", "mosaik"], "style: 'mosaik' is unknown; did you mean 'mosaic'?"),
        (["--style", "mosaic", "--blend", "1", "2"], "blend: got 2 weights for 1 styles"),
        (["--blend", "0", "0", "0", "0"], "not all 0"),
        (["--blend", "1", "1", "1", "1", "--blends", "3"], "give one of them"),
        (["--blends", "3"], "blends: they lead from one style to another, got 4"),
        (["--images", "nowhere.png"], "'nowhere.png' is not there"),
        (["--network", "nowhere.safetensors"], "make one with: python -m training styles"),
        (["--size", "8"], "8 is not a whole number"),
        (["--output", "out.gif"], "for one animation"),
        (["--output", "out.bmp"], "does not end in"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_2(arguments, words, weights, apply, refusal):
    assert words in refusal(apply, *arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--styles", "nowhere.jpg"], "'nowhere.jpg' is not there"),
        (["--images", "nowhere"], "'nowhere' is not there"),
        (["--iterations", "0"], "0 is not a whole number"),
        (["--weights", "nowhere.pth"], "'nowhere.pth' is not there"),
        (["--output", "network.png"], "does not end in .safetensors"),
    ],
)
def test_wrong_use_of_train_is_one_sentence_and_exit_code_2(arguments, words, weights, refusal):
    assert words in refusal(train_by_command, ["styles", *arguments, "--device", "cpu"])


def test_a_file_that_is_no_network_is_refused(tmp_path, refusal):
    (tmp_path / "bad.safetensors").write_bytes(b"nothing of the kind")
    assert "is not a file that python -m training styles wrote" in refusal(
        run, "fast_style", "--network", tmp_path / "bad.safetensors"
    )


def test_help_answers_without_importing_torch():
    code = "import sys, studies.fast_style.flags as s; s.parser().format_help(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.fixture
def train(weights, picture, tmp_path, monkeypatch):
    """Three steps of a small training on one picture, in two styles."""
    for module in ("style_pictures", "samples"):
        monkeypatch.setattr(f"training.{module}.HELD_OUT_SIZE", 64)
    flags = [
        "--styles",
        "mosaic",
        picture,
        "--images",
        picture,
        "--iterations",
        "3",
        "--side",
        "64",
        "--style-size",
        "64",
    ]

    def command(*further) -> int:
        words = ["styles", *flags, "--batch", "2", "--device", "cpu", *further]
        return train_by_command([str(word) for word in words])

    return command


def test_a_network_is_trained_with_samples_and_curve_and_paints(train, picture, tmp_path, capsys):
    assert train("--output", "net.safetensors") == 0
    assert "3 steps in" in capsys.readouterr().out
    names = {"net.safetensors", "net_samples.png", "net_learning_curve.png", "net_learning_curve.csv"}
    assert names <= {path.name for path in tmp_path.iterdir()}
    assert not (tmp_path / "net.checkpoint.pt").exists()
    assert (tmp_path / "net_learning_curve.csv").read_text().count("\n") == 2
    flags = ["--style", "some picture", "--output", "out.png"]
    assert run("fast_style", "--network", "net.safetensors", "--images", picture, *flags) == 0


def test_a_training_that_is_interrupted_goes_on_and_ends_in_the_same_weights(train, tmp_path, monkeypatch, capsys):
    original = Squares.draw
    drawn = []

    def interrupt(self, number):
        drawn.append(number)
        if len(drawn) == 3:  # within the second step
            os.kill(os.getpid(), signal.SIGINT)
        return original(self, number)

    monkeypatch.setattr(Squares, "draw", interrupt)
    assert train("--output", "stopped.safetensors") == 130
    said = capsys.readouterr().err
    assert "run the same command to go on from stopped.checkpoint.pt" in said
    assert not (tmp_path / "stopped.safetensors").exists()
    assert train("--output", "stopped.safetensors") == 0
    assert "going on after step " in capsys.readouterr().out
    assert train("--output", "straight.safetensors") == 0
    assert (tmp_path / "stopped.safetensors").read_bytes() == (tmp_path / "straight.safetensors").read_bytes()


def test_a_broken_style_or_picture_is_named_and_the_others_are_learned(train, picture, tmp_path, capsys):
    (tmp_path / "bad.png").write_text("nothing")
    assert train("--styles", "mosaic", tmp_path / "bad.png", "--output", "net.safetensors") == 1
    assert "bad.png' is not a picture" in capsys.readouterr().err
    assert load_file("net.safetensors")["colours.weight"].isfinite().all()
    assert train("--images", tmp_path / "bad.png", picture, "--output", "other.safetensors") == 1
    assert "bad.png' is not a picture" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["--styles", "--images"])
def test_a_checkpoint_of_other_pictures_under_the_same_names_is_refused(
    what, train, tmp_path, monkeypatch, refusal, capsys
):
    other = tmp_path / "other.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (90, 90, 3), dtype=np.uint8)).save(other)
    original = Squares.draw
    drawn = []

    def interrupt(self, number):
        if not drawn:
            os.kill(os.getpid(), signal.SIGINT)
        drawn.append(number)
        return original(self, number)

    monkeypatch.setattr(Squares, "draw", interrupt)
    given = [what, other, "--batch", "1", "--output", "net.safetensors"]
    assert train(*given) == 130
    monkeypatch.setattr(Squares, "draw", original)
    capsys.readouterr()
    Image.new("RGB", (90, 90), "red").save(other)
    assert "belongs to a training with another data" in refusal(train, *given)


@pytest.mark.slow
def test_torchrun_of_two_processes_writes_the_network_of_one(train, picture, weights, tmp_path):
    assert train("--output", "alone.safetensors", "--learning-rate", "0.0001") == 0
    flags = [
        "--styles",
        "mosaic",
        picture,
        "--images",
        picture,
        "--iterations",
        "3",
        "--side",
        "64",
        "--style-size",
        "64",
    ]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    script = ["-m", "training", "styles", *flags, "--batch", "2", "--device", "cpu"]
    output = ["--learning-rate", "0.0001", "--output", tmp_path / "both.safetensors"]
    result = subprocess.run([*command, *script, *output], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("3 steps in") == 1
    alone, both = load_file("alone.safetensors"), load_file("both.safetensors")
    for name, value in alone.items():
        torch.testing.assert_close(both[name].float(), value.float(), atol=2e-3, rtol=2e-3)


def test_the_loss_that_the_plain_loop_is_to_reach_is_the_plain_loops_own():
    from benchmarks import plain
    from benchmarks.fast_style import plain_loss

    content, style, features, seen = 0.3 * noise(1, 3, 40, 48), noise(1, 3, 50, 40, seed=1), random_squeezenet(), []
    course = {"content_layer": 3, "content_weight": 0.1, "style_layers": (1, 4), "style_weights": (5.0, 7.0)}
    course["tv_weight"] = 0.01
    given = (content, style, features.features)
    plain.style_transfer(*given, **course, iterations=5, callback=lambda loss: bool(seen.append(loss)) or len(seen) > 1)
    assert len(seen) == 2
    assert plain_loss(content.clamp(-1.5, 1.5), content, style, features.features, course) == pytest.approx(seen[0])


def test_the_plain_loop_of_the_benchmark_runs_as_torchvision_gives_the_network(network_file, monkeypatch):
    from benchmarks import fast_style
    from core.squeezenet import load_squeezenet
    from studies.fast_style.network import load_styles
    from visualizers import style_transfer

    contiguous = []

    def engine(*_, callback, **__) -> None:
        callback(Reached())

    def loop(_content, _style, features, *, callback, **_) -> None:
        weights = (features[0].weight, features[3].expand3x3.weight)
        contiguous.extend(weight.is_contiguous() for weight in weights)
        callback(0.0)

    engine.__kwdefaults__ = {**style_transfer.style_transfer.__kwdefaults__}  # read by style_terms
    engine.__kwdefaults__.pop("callback")
    monkeypatch.setattr(style_transfer, "style_transfer", engine)
    monkeypatch.setattr("benchmarks.plain.style_transfer", loop)
    options = fast_style.parser().parse_args([])
    model = load_squeezenet("patterns", "cpu")
    row = fast_style.row_of(load_styles(network_file), model, 64, "china", "mosaic", options)
    assert contiguous == [True, True]
    assert len(row) == len(fast_style.HEADER)


class Reached:
    """A step at which every loss is reached."""

    scale = scales = 1
    content = style = total_variation = 0.0
