"""Any picture like any other: the study's flags, folders of pairs with resume, and what Ctrl-C leaves."""

import json

import numpy as np
import pytest
import torch
from conftest import noise, replace_everywhere, run
from PIL import Image

from core.images import load_image
from core.squeezenet import load_squeezenet
from drawing.curves import draw_curves
from drawing.grid import framed
from painting.course_loop import transfer_style
from painting.targets import Style
from studies.shared.named_pictures import scaled_tensor
from studies.style.flags import PairSettings
from studies.style.paint import read_mask
from visualizers.style_transfer import style_terms, style_transfer

# Two sizes, every step a change.
QUICK = ["--size", "48", "--smallest", "33", "--iterations", "2", "--optimiser", "adam"]


def save(path, seed=0, size=(64, 56), mode="RGB"):
    channels = len(Image.new(mode, (1, 1)).getbands())
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], channels), dtype=np.uint8)
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(pixels.squeeze(), mode if mode == "RGBA" else None).save(path)
    return path


@pytest.fixture(autouse=True)
def _weights(weights):
    pass


@pytest.fixture
def folders(tmp_path):
    for seed, name in enumerate(("contents/a", "contents/b", "styles/x", "styles/y")):
        save(tmp_path / f"{name}.png", seed)
    return ["--content", tmp_path / "contents", "--style", tmp_path / "styles", *QUICK]


@pytest.fixture
def pair(tmp_path):
    return ["--content", save(tmp_path / "a.png", 0), "--style", save(tmp_path / "x.png", 1), *QUICK]


def made(name):
    with Image.open(f"visualization/{name}.png") as image:
        return np.asarray(image.convert("RGB")), image.text


def test_the_losses_are_printed_and_kept_in_the_picture(pair, capsys):
    assert run("style", *pair) == 0
    pixels, text = made("style_transfer_a_x")
    assert pixels.shape == (48, 54, 3)
    assert text["Losses"].startswith("content 0.")
    said = capsys.readouterr().out
    assert text["Losses"] in said
    settings = json.loads(text["Settings"])
    assert (settings["smallest"], settings["iterations"]) == (33, 2)
    assert settings["style_weight"] == PairSettings.style_weight


def test_the_printed_losses_are_those_of_the_picture(pair):
    run("style", *pair)
    content, style = (scaled_tensor(load_image(pair[index]), 48) for index in (1, 3))
    with Image.open("visualization/style_transfer_a_x.png") as image:
        losses = [float(part.split()[-1]) for part in image.text["Losses"].split(", ")]
        picture = scaled_tensor(image.convert("RGB"), 48)
    expected = style_terms(load_squeezenet("auto", "cpu"), picture, content, [Style(style)])
    torch.testing.assert_close(losses, list(expected), rtol=0.05, atol=1e-4)  # the file has 8 bits


@pytest.mark.parametrize(
    "flags",
    [
        ["--style-weight", "3"],
        ["--content-weight", "30"],
        ["--tv-weight", "50"],
        ["--style-scale", "2"],
        ["--optimizer", "lbfgs"],
        ["--loss", "gram"],
        ["--start", "noise"],
        ["--keep-colour", "luminance"],
        ["--keep-color", "histogram"],
        ["--iterations", "3"],
        ["--smallest", "48"],
    ],
    ids=lambda flags: " ".join(flags),
)
def test_every_setting_changes_the_picture(flags, pair):
    run("style", *pair)
    before, _ = made("style_transfer_a_x")
    assert run("style", *pair, *flags) == 0
    after, _ = made("style_transfer_a_x")
    assert before.shape == after.shape
    assert (before != after).any()


def test_a_picture_starts_where_an_earlier_one_stopped(pair):
    run("style", *pair, "--output", "early.png")
    assert run("style", *pair, "--start", "early.png", "--smallest", "48", "--iterations", "1") == 0
    with Image.open("early.png") as early:
        change = np.abs(made("style_transfer_a_x")[0].astype(int) - np.asarray(early))
    assert 0 < change.mean() < 12


def test_colours_are_the_contents_where_only_luminance_is_transferred(tmp_path):
    content, style = save(tmp_path / "a.png", 0, mode="L"), save(tmp_path / "x.png", 1)
    assert run("style", "--content", content, "--style", style, *QUICK, "--keep-colour", "luminance") == 0
    pixels = made("style_transfer_a_x")[0].astype(int)
    assert np.abs(pixels - pixels[..., :1]).max() <= 1  # grey, as the content is


def test_two_styles_are_blended_by_their_shares(pair, tmp_path):
    pixels = {}
    for shares in (["1", "0"], ["2", "0"], ["1", "1"], ["0", "1"]):
        both = [*pair[:4], save(tmp_path / "y.png", 5), *QUICK]
        assert run("style", *both, "--blend", *shares) == 0
        pixels[" ".join(shares)], _ = made("style_transfer_a_x+y")
    run("style", *pair)
    alone, _ = made("style_transfer_a_x")
    assert np.abs(pixels["1 0"].astype(int) - alone).max() <= 1
    assert np.array_equal(pixels["1 0"], pixels["2 0"])
    assert not np.array_equal(pixels["1 0"], pixels["1 1"])
    assert not np.array_equal(pixels["0 1"], pixels["1 1"])


def test_a_style_stays_under_its_mask(pair, tmp_path):
    mask = np.zeros((10, 20), dtype=np.uint8)
    mask[:, 10:] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    settings = ["--size", "96", "--smallest", "96", "--iterations", "4", "--tv-weight", "0", *QUICK[-2:]]
    assert run("style", *pair[:4], *settings, "--mask", tmp_path / "mask.png") == 0
    pixels, _ = made("style_transfer_a_x")
    with Image.open(pair[1]) as image:
        content = np.asarray(image.resize((pixels.shape[1], pixels.shape[0]), Image.Resampling.BILINEAR)).astype(int)
    change = np.abs(pixels - content).mean(axis=(0, 2))
    assert change[70:].mean() > 2 * change[:30].mean()


def test_a_mask_is_stretched_over_the_content(tmp_path):
    mask = np.zeros((6, 8), dtype=np.uint8)
    mask[:, :4] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    shares = read_mask(tmp_path / "mask.png", noise(1, 3, 30, 40).double())
    assert shares.shape == (1, 1, 30, 40)
    assert shares.dtype == torch.float64
    assert (shares[..., :17] == 1).all()
    assert (shares[..., 23:] == 0).all()


def test_a_mask_of_two_readings_is_refused_before_anything_is_written(pair, tmp_path, refusal):
    Image.new("RGBA", (8, 8), (0, 0, 0, 255)).save(tmp_path / "mask.png")
    with Image.open(tmp_path / "mask.png") as image:
        image.putpixel((0, 0), (0, 0, 0, 0))
        image.save(tmp_path / "mask.png")
    assert "mask.png' is partly transparent" in refusal(run, "style", *pair, "--mask", tmp_path / "mask.png")


@pytest.mark.parametrize(("mode", "size"), [("L", (50, 70)), ("RGBA", (90, 40)), ("RGB", (33, 200))])
def test_pictures_of_any_shape_and_mode_are_painted(mode, size, tmp_path):
    content, style = save(tmp_path / "a.png", 0, size, mode), save(tmp_path / "x.png", 1, size[::-1], mode)
    assert run("style", "--content", content, "--style", style, *QUICK) == 0
    height, width = made("style_transfer_a_x")[0].shape[:2]
    assert min(height, width) == 48
    assert height / width == pytest.approx(size[1] / size[0], rel=0.03)


def test_curves_and_animation_are_written_beside_the_picture(pair, capsys):
    assert run("style", *pair, "--curves", "--gif", "--output", "out/made.png") == 0
    said = capsys.readouterr().out
    for name in ("made.png", "made_losses.png", "made.gif"):
        assert f"wrote out/{name}" in said
    with Image.open("out/made.gif") as animation:
        assert animation.n_frames == 2 * 2  # sizes, steps of each; the last is the picture itself
        assert animation.size == (54, 48)


def test_curves_are_drawn_of_a_loss_that_is_0_all_the_way(pair):
    for weights in (["--tv-weight", "0"], ["--content-weight", "0", "--style-weight", "0", "--tv-weight", "0"]):
        assert run("style", *pair, "--curves", *weights) == 0
    assert made("style_transfer_a_x_losses")[0].std() > 10


def test_every_pair_of_two_folders_is_made_once_and_laid_on_a_sheet(folders, tmp_path, capsys):
    assert run("style", *folders) == 0
    place = tmp_path / "visualization"
    names = {f"style_transfer_{content}_{style}.png" for content in "ab" for style in "xy"}
    assert {path.name for path in place.iterdir()} == {*names, "style_transfer.png"}
    times = {name: (place / name).stat().st_mtime_ns for name in names}
    capsys.readouterr()
    assert run("style", *folders) == 0
    assert "4 of 4 pictures were there already" in capsys.readouterr().out
    assert times == {name: (place / name).stat().st_mtime_ns for name in names}
    save(tmp_path / "styles/y.png", 9)
    assert run("style", *folders) == 0  # only what changed
    changed = {name for name in names if times[name] != (place / name).stat().st_mtime_ns}
    assert changed == {"style_transfer_a_y.png", "style_transfer_b_y.png"}
    assert run("style", *folders, "--fresh") == 0
    assert all(times[name] != (place / name).stat().st_mtime_ns for name in names)


def test_a_broken_style_is_named_once_and_the_rest_is_painted(folders, tmp_path, capsys, panels):
    (tmp_path / "styles/x.png").write_text("nothing")
    assert run("style", *folders) == 1
    words = capsys.readouterr().err
    assert words.count("skipped: image: ") == 1
    assert "styles/x.png" in words
    assert (tmp_path / "visualization/style_transfer_b_y.png").exists()
    assert [panel.note for panel in panels if panel.note] == ["cannot be read", "not made", "not made"]


def test_a_folder_of_nothing_but_broken_files_fails(folders, tmp_path, refusal):
    for name in "xy":
        (tmp_path / f"styles/{name}.png").write_text("nothing")
    with pytest.raises(AssertionError):  # each is named, so there is more than one line
        refusal(run, "style", *folders)
    assert not (tmp_path / "visualization").exists()


def interrupt_at(monkeypatch, step):
    def interrupted(*arguments, callback, **settings):
        count = 0

        def watch(state):
            nonlocal count
            count += 1
            callback(state)
            if count == step:
                raise KeyboardInterrupt

        return style_transfer(*arguments, callback=watch, **settings)

    interrupted.__kwdefaults__ = style_transfer.__kwdefaults__  # `style_terms` reads them
    replace_everywhere(monkeypatch, style_transfer, interrupted)


def test_ctrl_c_writes_the_picture_as_it_stands(pair, monkeypatch, capsys):
    interrupt_at(monkeypatch, 1)
    assert run("style", *pair) == 130
    captured = capsys.readouterr()
    assert "stopped at step 1 of 2 at 34 pixels: loss " in captured.out
    assert "to go on from it, give it as --start, and where it stopped as --smallest" in captured.out
    assert "wrote visualization/style_transfer_a_x.png" in captured.out
    pixels, text = made("style_transfer_a_x")
    assert pixels.shape == (48, 54, 3)  # in the size asked for
    assert "step 1 of 2" in json.loads(text["Settings"])["stopped"]


def test_a_pair_that_was_stopped_is_made_again(folders, monkeypatch, tmp_path, capsys):
    with monkeypatch.context() as patch:
        interrupt_at(patch, 1)
        assert run("style", *folders) == 130
    assert len(list((tmp_path / "visualization").iterdir())) == 1
    said = capsys.readouterr().out
    assert "started again, it is made anew" in said
    assert "--start" not in said  # that would be where every pair starts
    assert run("style", *folders) == 0
    assert "there already" not in capsys.readouterr().out
    assert "stopped" not in made("style_transfer_a_x")[1]["Settings"]


def test_ctrl_c_in_a_preset_writes_the_picture_as_it_stands(monkeypatch, capsys):
    def interrupted(*arguments, callback, **settings):
        def watch(step):
            callback(step)
            raise KeyboardInterrupt

        return transfer_style(*arguments, callback=watch, **settings)

    replace_everywhere(monkeypatch, transfer_style, interrupted)
    assert run("style", "--preset", "swirling_night", "--size", "48", "--style-size", "48") == 130
    assert "stopped after 1 of 200 steps: loss " in capsys.readouterr().out
    assert "after 1" in made("style_transfer_harbour_town_swirling_night")[1]["Settings"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--preset", "mosaic"], "invalid choice: 'mosaic'"),
        (["--preset", "swirling_night", "--loss", "gram"], "loss: a preset"),
        (["--preset", "swirling_night", "--style-weight", "0"], "style_weight: a preset"),
        (["--preset", "swirling_night", "--start", "some.png"], "start: 'some.png'"),
        (["--preset", "swirling_night", "--style", "a.png", "b.png"], "style: got 2 pictures; a preset takes one"),
        (["--content", "chelsea", "--style-size", "64"], "style_size: it belongs to presets"),
        (["--content", "chelsea", "--style-weights", "1", "2", "3", "4"], "style_weights: it belongs to presets"),
        (["--style", "mosaic", "--blend", "1", "2"], "blend: got 2 for 1 styles"),
        (["--style", "mosaic", "swirling_night", "--mask", "m.png"], "mask: got 1 for 2 styles"),
        (["--style", "mosaic", "swirling_night", "--blend", "0", "0"], "blend: all weights are 0"),
        (["--style", "mosaic", "styles"], "style: 'styles' is a folder, a style each"),
        (["--content", "contents", "--gif"], "gif, curves: "),
        (["--content", "contents", "--output", "one.png"], "several pictures would be written to 'one.png'"),
        (["--content", "nowhere.png"], "'nowhere.png' is not there"),
        (["--style", ""], "the name is empty"),
        (["--content", "tiny.png"], "'tiny.png' is 32 x 40 pixels; at least 33 are needed each way"),
        (["--content", "chelsea", "--mask", "nowhere.png"], "'nowhere.png' is not there"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_use_is_one_sentence(arguments, words, refusal, tmp_path):
    save(tmp_path / "tiny.png", size=(32, 40))
    for name in ("contents/a.png", "contents/b.png", "styles/x.png"):
        save(tmp_path / name)
    assert words in refusal(run, "style", "--size", "48", *arguments)


def test_two_pictures_of_one_name_never_overwrite_each_other(tmp_path, refusal):
    save(tmp_path / "contents/a.png")
    save(tmp_path / "contents/a.jpg")
    assert "several pictures would be written to" in refusal(run, "style", "--content", tmp_path / "contents")


def test_the_cost_is_told_before_the_work(pair, capsys, monkeypatch):
    def stop(*_arguments, **_settings):
        raise KeyboardInterrupt

    replace_everywhere(monkeypatch, style_transfer, stop)
    assert run("style", *pair) == 130
    assert "a as x: 54 x 48 pixels, 2 sizes, about 0 s, 0.1 GB beside its own" in capsys.readouterr().out


def test_framed_pictures_keep_their_shape():
    black = Image.new("RGB", (40, 20))
    square = framed([black], (100, 100))
    assert square.shape == (100, 100, 3)
    rows, columns = np.nonzero(square[..., 0] < 128)
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (50, 100)
    two = framed([black, black], (100, 100))
    assert (two[:, :50] == two[:, 50:]).all()  # side by side
    assert (two < 128).sum() == 2 * 25 * 50 * 3
    assert (framed([], (100, 100)) == 255).all()


def test_curves_show_where_a_larger_size_began_and_bear_a_zero():
    drawn = draw_curves({"one": [0, 1, 0.5], "two": [2, 1, 1]}, title="t", across="x", up="y", marks={0: "size 1"})
    assert drawn.shape[2] == 3
    assert drawn.std() > 10
