"""The generator of scenes: its codes, its training, its stored weights, the ascent on codes, and the study."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from conftest import InterruptingBar, noise, random_squeezenet, replace_everywhere, run, state_of
from PIL import Image
from safetensors import safe_open
from scipy.fft import dct
from torch import nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate

from core.generator import GENERATOR_WEIGHTS, Generator, code_sources, codes_of, cosine_waves, load_generator
from core.images import denormalise, preprocess, valid_range
from core.objectives import channel_objective, class_objective
from core.squeezenet import load_squeezenet
from patterns.scenes import CLASS_NAMES
from studies.shared.forms import form_settings
from training import train
from training.__main__ import main
from training.generator import GeneratorRecipe, GeneratorTraining, relative_error
from training.pool import render_round
from visualizers.generator_visualization import climb_codes

MEGABYTE = 2**20
TINY = GeneratorRecipe(
    steps=4,
    seed=3,
    classes=(0, 16),
    widths=(8, 8, 8, 8),
    components=7,
    batch=2,
    cut=96,
    rounds=2,
    steps_per_round=2,
    held_out_rounds=0,
    half_precision=False,
)


@pytest.fixture(scope="module")
def encoder():
    return load_squeezenet("patterns", "cpu")


@pytest.fixture(scope="module")
def stored() -> Generator:
    return load_generator()


@pytest.fixture(scope="module")
def scenes() -> torch.Tensor:
    """Six held-out scenes (6, 3, 224, 224): star to gear."""
    return preprocess(list(render_round(range(17, 23), seed=11, number=0, size=224)))


def test_the_waves_are_the_cosine_transform():
    signal_ = noise(13)
    torch.testing.assert_close(
        cosine_waves(13) @ signal_, torch.from_numpy(dct(signal_.numpy(), norm="ortho")), atol=1e-5, rtol=1e-5
    )
    torch.testing.assert_close(cosine_waves(13) @ cosine_waves(13).T, torch.eye(13), atol=1e-5, rtol=0)


def test_codes_of_what_they_were_fitted_to_are_white_and_colours_stay_apart():
    generator, sources = Generator(7, (8, 8, 8, 8)), noise(40, 515, 13, 13).relu() + 0.3
    generator.fit_codes(sources)
    codes = generator.encode(sources)
    assert codes.shape == (40, 7, 13, 13)
    assert codes.mean(dim=0).abs().max() < 1e-4
    torch.testing.assert_close(codes.std(dim=0), torch.ones(7, 13, 13), atol=1e-4, rtol=0)
    recoloured = sources.clone()
    recoloured[:, 512:] += 1
    changed = (generator.encode(recoloured) - codes).abs().amax(dim=(0, 2, 3)) > 1e-3
    assert changed.tolist() == [False] * 4 + [True] * 3


def test_a_code_holds_its_source_and_a_generator_that_knows_nothing_draws_its_colours(encoder, scenes):
    generator = Generator(7, (8, 8, 8, 8))
    with torch.no_grad():
        sources = code_sources(encoder.features(scenes), scenes)
        generator.fit_codes(sources)
        codes = generator.encode(sources)
        maps = generator.waves.T @ (codes * generator.spread + generator.centre) @ generator.waves
        wanted = torch.einsum("kc,nchw->nkhw", generator.components, sources)
        torch.testing.assert_close(maps, wanted, atol=1e-3, rtol=1e-3)
        generator.layers[-2].weight.zero_()
        drawn = denormalise(generator(codes))
    shrunken = denormalise(adaptive_avg_pool2d(scenes, 13))
    enlarged = interpolate(shrunken, (224, 224), mode="bilinear", align_corners=False)
    torch.testing.assert_close(drawn, enlarged.clamp(0.02, 0.98), atol=1e-3, rtol=0)


def test_the_stored_weights_are_small_half_precision_and_say_how_they_were_made(stored):
    assert GENERATOR_WEIGHTS.stat().st_size < 3 * MEGABYTE
    with safe_open(GENERATOR_WEIGHTS, framework="pt") as file:
        assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.float16}  # noqa: SIM118
    weights_name = load_squeezenet("patterns", "cpu").weights_name
    assert stored.facts["encoder"] == f"features.12 of {weights_name}"  # codes of another network mean nothing to it
    assert {"steps", "seed", "layers", "feature_weight", "code_noise", "licence"} <= set(stored.facts)
    assert not any(parameter.requires_grad for parameter in stored.parameters())


def test_pictures_are_valid_and_one_by_one_the_same(stored):
    codes = 3 * noise(3, *stored.spread.shape)
    with torch.no_grad():
        pictures = stored(codes)
        single = torch.cat([stored(code[None]) for code in codes])
    black, white = valid_range(pictures)
    assert pictures.shape == (3, 3, 224, 224)
    assert (pictures >= black - 1e-5).all()
    assert (pictures <= white + 1e-5).all()
    torch.testing.assert_close(pictures, single, atol=1e-4, rtol=0)


def test_it_draws_scenes_it_has_never_seen(stored, encoder, scenes):
    with torch.no_grad():
        drawn = stored(codes_of(stored, encoder, scenes))
        named = encoder(drawn).argmax(dim=1)
    blank = scenes.mean(dim=(2, 3), keepdim=True)
    assert (drawn - scenes).abs().mean() < 0.75 * (blank - scenes).abs().mean()
    assert (named == torch.arange(17, 23)).sum() >= 3  # 4 are; by chance none would be


def test_codes_are_of_pictures_of_one_size_alone(stored, encoder, images):
    with pytest.raises(ValueError, match=r"images: shape \(3, 3, 64, 64\); codes are made of"):
        codes_of(stored, encoder, images)


def test_making_codes_leaves_no_trace(stored, scenes):
    model, pictures = random_squeezenet().train(), scenes[:1].clone().requires_grad_(True)
    before = state_of(model, pictures)
    codes_of(stored, model, pictures)
    assert state_of(model, pictures) == before


def test_a_file_that_is_no_generator_is_refused_in_one_sentence(tmp_path):
    with pytest.raises(ValueError, match="is not there; make one with"):
        load_generator(tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="is not a generator's weights file"):
        load_generator(tmp_path / "bad.safetensors")


def test_the_relative_error_is_1_for_nothing_and_0_for_the_same():
    wanted = noise(2, 3, 4, 4)
    assert relative_error(wanted, wanted) == 0
    assert relative_error(0 * wanted, wanted) == pytest.approx(1)
    assert relative_error(3 * wanted, wanted) == pytest.approx(4)


def test_stop_and_resume_gives_the_same_generator_bit_for_bit(tmp_path):
    straight = GeneratorTraining(TINY)
    straight.run(workers=0)
    first = GeneratorTraining(TINY)
    first.run(workers=0, until=1)
    first.save(tmp_path / "checkpoint.pt")
    second = GeneratorTraining.load(tmp_path / "checkpoint.pt", TINY)
    second.run(workers=0)
    assert second.losses == straight.losses
    for name, value in straight.network.state_dict().items():
        assert torch.equal(second.network.state_dict()[name], value), name
    with pytest.raises(ValueError, match="another seed"):
        GeneratorTraining.load(tmp_path / "checkpoint.pt", replace(TINY, seed=4))


def test_small_steps_lower_the_loss_each_by_its_rate_times_the_size_of_the_gradient(monkeypatch):
    """Always the same two scenes; the first step of Adam is its rate along the sign of the gradient."""
    pictures = preprocess(list(render_round((0, 16), seed=5, number=0, size=224)))
    monkeypatch.setattr("training.generator.augment", lambda *_: pictures)
    training = GeneratorTraining(replace(TINY, steps=20, learning_rate=3e-5, cut=224, code_noise=0.0))
    training.run(workers=0, until=2)
    first, second = (sum(losses) for losses in training.losses)
    size = sum(value.grad.abs().sum().item() for value in training.network.parameters() if value.grad is not None)
    assert first - second == pytest.approx(training.recipe.learning_rate_at(0) * size, rel=0.1)
    training.run(workers=0, until=8)
    losses = [sum(losses) for losses in training.losses]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] - losses[-1] > 4 * (first - second)


def test_ctrl_c_keeps_a_checkpoint_and_the_same_command_goes_on(tmp_path, monkeypatch, capsys):
    small = {"widths": (8, 8, 8, 8), "components": 7, "batch": 2, "cut": 96, "rounds": 1, "held_out_rounds": 1}
    monkeypatch.setattr("training.commands.GeneratorRecipe", partial(GeneratorRecipe, **small))
    monkeypatch.setattr("training.commands.CLASS_NAMES", CLASS_NAMES[:2])
    stopped, straight = tmp_path / "stopped.safetensors", tmp_path / "straight.safetensors"
    flags = ["generator", "--iterations", "3", "--workers", "0", "--precision", "float32", "--output"]
    with monkeypatch.context() as patch:
        patch.setattr(train, "progress", lambda **_: InterruptingBar(at=2))
        assert main([*flags, str(stopped)]) == 130
    assert "run the same command to go on" in capsys.readouterr().err
    assert not stopped.exists()
    for output in (stopped, straight):
        assert main([*flags, str(output)]) == 0
    assert "going on after step 2 of 3" in capsys.readouterr().out
    assert stopped.read_bytes() == straight.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {
        *(path.name for path in (stopped, straight)),
        *(f"{path.stem}_learning_curve.{ending}" for path in (stopped, straight) for ending in ("png", "csv")),
    }


class Flat(nn.Module):
    """Codes (N, 3, 8, 8) are pictures: what the ascent does can be worked out by hand."""

    def forward(self, codes):
        return codes


def test_one_step_goes_along_the_gradient_of_objective_and_norm(squeezenet):
    starts = noise(2, 3, 8, 8)
    direction = noise(2, 3, 8, 8, seed=1)
    settings = {"iterations": 1, "learning_rate": 0.5, "code_weight": 0.1, "largest": 100.0, "max_jitter": 0}
    codes = climb_codes(squeezenet, Flat(), lambda x: (x * direction).flatten(1).sum(1), starts, **settings)
    gradient = direction - 2 * 0.1 * starts
    wanted = starts + 0.5 * gradient / gradient.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    torch.testing.assert_close(codes, wanted)


def test_the_norm_alone_pulls_the_code_to_the_mean_and_the_bound_holds(squeezenet):
    starts = 5 * noise(1, 3, 8, 8)
    nothing = {"max_jitter": 0, "iterations": 1, "learning_rate": 1e-6}
    bounded = climb_codes(squeezenet, Flat(), lambda x: x.sum(dim=(1, 2, 3)), starts, largest=2.0, **nothing)
    torch.testing.assert_close(bounded, starts.clamp(-2, 2), atol=1e-5, rtol=0)
    settings = {"iterations": 20, "learning_rate": 1.0, "max_jitter": 0, "code_weight": 1.0, "largest": 100.0}
    pulled = climb_codes(squeezenet, Flat(), lambda x: 0 * x.sum(dim=(1, 2, 3)), starts, **settings)
    assert pulled.norm() < starts.norm() - 15
    with pytest.raises(ValueError, match="largest: 0"):
        climb_codes(squeezenet, Flat(), lambda x: x, starts, largest=0)


@pytest.mark.parametrize("kind", ["class", "channel"])
def test_the_ascent_raises_the_objective_of_the_picture(kind, stored, encoder):
    starts = 0.5 * noise(2, *stored.spread.shape)
    objective = (
        class_objective(encoder, [17, 4]) if kind == "class" else channel_objective(encoder, "features.9", [3, 8])
    )
    with torch.no_grad():
        before = objective(stored(starts))
    codes = climb_codes(encoder, stored, objective, starts, iterations=20, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert (objective(stored(codes)) > before).all()


def test_no_trace_is_left_on_network_and_generator_and_the_seed_decides(stored):
    model, starts = random_squeezenet().train(), 0.5 * noise(1, *stored.spread.shape)
    before = state_of(model, starts), [value.clone() for value in stored.state_dict().values()]

    def climb():
        chance = torch.Generator().manual_seed(5)
        return climb_codes(model, stored, class_objective(model, [1]), starts, iterations=2, generator=chance)

    assert torch.equal(climb(), climb())
    assert state_of(model, starts) == before[0]
    assert all(torch.equal(*pair) for pair in zip(stored.state_dict().values(), before[1], strict=True))


QUICK = ["--iterations", "2", "--starts", "1", "--labels", "star"]


@pytest.fixture
def quick_forms(monkeypatch):
    """Two steps are enough for the pictures climbed without a generator, too."""
    replace_everywhere(
        monkeypatch, form_settings, lambda form, *, embedded: form_settings(form, embedded=embedded) | {"iterations": 2}
    )


def test_the_study_writes_its_picture_and_the_same_seed_gives_the_same_bytes(quick_forms, tmp_path, capsys, panels):
    for name in ("a.png", "b.png"):
        code = run("generator", *QUICK, "--weights", "patterns", "--output", tmp_path / name)
        assert code == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    said = capsys.readouterr().out
    assert "generator: star " in said
    assert "pixels: star " in said
    with Image.open(tmp_path / "a.png") as image:
        assert image.text["Script"] == "generator"
    titles = [panel.title for panel in panels]
    assert sum(title.startswith("star ") for title in titles) == 6  # three kinds, two runs
    assert titles.count("house") == 2


def test_a_second_network_judges_and_units_are_excited_too(quick_forms, tmp_path, capsys):
    settings = ["--weights", "patterns", "--output", tmp_path / "a.png"]
    assert run("generator", *QUICK, *settings, "--judge", "patterns") == 0
    assert "the judge names as asked: " in capsys.readouterr().out
    units = ["--layer", "features.9", "--channels", "7", "--iterations", "2", "--starts", "1"]
    assert run("generator", *units, *settings) == 0
    assert "generator: features.9, channel 7: objective" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--layer", "features.99"], "layer: 'features.99' is not in the network"),
        (["--layer", "features.9", "--channels", "9999"], "no channel 9999; allowed are 0 to"),
        (["--labels", "dragon"], "no class is called 'dragon'"),
        (["--layer", "features.9", "--labels", "star"], "labels: "),
        (["--layer", "features.9", "--judge", "patterns"], "give --judge or --layer"),
        (["--judge", "nowhere.pth"], "'nowhere.pth' is not there"),
        (["--channels", "3"], "channels: they are units of a layer"),
        (["--starts", "0"], "0 is not a whole number"),
        (["--seed", "-1"], "-1 is not a whole number"),
        (["--device", "gpu"], "invalid choice: 'gpu'"),
        (["--weights", "nowhere.pth"], "'nowhere.pth' is not there"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_2(arguments, words, refusal):
    assert words in refusal(run, "generator", "--weights", "patterns", *arguments)


def test_a_judge_of_other_classes_is_refused(random_weights, capsys):
    assert run("generator", "--weights", "patterns", "--judge", random_weights) == 2
    assert "judge: it can name pictures of its own classes only" in capsys.readouterr().err
