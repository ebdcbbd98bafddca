"""The Fourier form: round trips, Parseval, colours from their source, valid by construction, movements, the climb."""

import numpy as np
import pytest
import torch
from conftest import random_squeezenet
from torch import nn

from core.defaults import PHOTOGRAPHS
from core.images import centre_crop, default_photograph, denormalise, normalise, preprocess, valid_range
from core.objectives import channel_objective, class_objective, layer_objective, unit_objective
from core.parametrisations import COLOUR_CORRELATION, colour_axes, decode, encode, frequency_scale, random_spectrum
from core.transforms import random_view
from visualizers.class_visualization import climb_pixels
from visualizers.fourier_visualization import fourier_visualization


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def correlation_of(pictures):
    return np.corrcoef(np.stack(pictures).reshape(-1, 3).T.astype(float))


def test_the_colour_correlation_is_that_of_its_stated_source():
    from patterns.scenes import CLASS_NAMES, render_scene

    photographs = correlation_of([np.asarray(centre_crop(default_photograph(name))) for name in PHOTOGRAPHS])
    scenes = correlation_of([render_scene(name, seed=0, size=96).image for name in CLASS_NAMES])
    np.testing.assert_allclose(COLOUR_CORRELATION, (photographs + scenes) / 2, atol=6e-4)


def test_the_colour_axes_are_orthogonal_and_make_the_correlation():
    axes = colour_axes()
    torch.testing.assert_close(axes @ axes.T, torch.tensor(COLOUR_CORRELATION, dtype=torch.float64))
    inner = axes.T @ axes  # diagonal: the three do not overlap
    torch.testing.assert_close(inner, torch.diag(inner.diag()))
    assert inner.diag()[0] > inner.diag()[1] > inner.diag()[2]
    assert (axes[0] > 0).all()
    assert (axes[:, 0] > 0).all()  # lightness: all three colours rise


def test_colours_drawn_at_random_have_the_correlation():
    pictures = decode(random_spectrum(1, 256, deviation=0.3, generator=seeded()))  # faint: the sigmoid is nearly a line
    spread = np.corrcoef(denormalise(pictures)[0].logit().flatten(1).double().numpy())
    np.testing.assert_allclose(spread, COLOUR_CORRELATION, atol=0.15)  # few coarse waves hold most of the variance


def test_the_scale_falls_like_one_over_frequency_and_stops_at_the_coarsest():
    scale = frequency_scale(8)
    assert scale.shape == (8, 5)
    for (row, column), relative in {(0, 2): 1 / 2, (0, 4): 1 / 4, (3, 4): 1 / 5, (5, 4): 1 / 5, (6, 0): 1 / 2}.items():
        assert scale[row, column] / scale[0, 1] == pytest.approx(relative)
    assert scale[0, 0] == scale[0, 1] == scale[7, 0]


@pytest.mark.parametrize("size", [8, 9, 64])
def test_by_parseval_a_spectrum_of_unit_variance_gives_pixels_of_unit_variance(size):
    scale = frequency_scale(size)
    twice = [1 if column == 0 or (size % 2 == 0 and column == size // 2) else 2 for column in range(size // 2 + 1)]
    assert (scale.square() * torch.tensor(twice)).sum() / size**2 == pytest.approx(1)
    white = torch.randn(size, size, dtype=torch.float64, generator=seeded())
    plane = torch.fft.irfft2(torch.fft.rfft2(white, norm="ortho") * scale, s=(size, size), norm="ortho")
    energy = (torch.fft.rfft2(white, norm="ortho") * scale).abs().square() * torch.tensor(twice)
    assert plane.square().sum() == pytest.approx(energy.sum().item())


def test_one_wave_is_decoded_as_worked_by_hand():
    size, spectrum = 8, torch.zeros(1, 3, 8, 5, 2, dtype=torch.float64)
    spectrum[0, 0, 0, 1, 0] = 0.5  # lightness, one wave across the picture
    wave = torch.cos(2 * torch.pi * torch.arange(size, dtype=torch.float64) / size)
    plane = 2 * 0.5 * frequency_scale(size)[0, 1] * wave / size  # the number and its mirror image, each / sqrt(S * S)
    expected = (colour_axes()[:, 0, None, None] * plane.expand(size, size)).sigmoid()
    torch.testing.assert_close(denormalise(decode(spectrum))[0], expected)


@pytest.mark.parametrize("size", [16, 17])
def test_a_picture_encoded_and_decoded_is_the_picture(size):
    rgb = torch.rand(2, 3, size, size, dtype=torch.float64, generator=seeded())
    pictures = normalise(0.01 + 0.98 * rgb)
    torch.testing.assert_close(decode(encode(pictures)), pictures)


def test_a_black_and_white_picture_comes_back_within_the_margin():
    checks = np.zeros((16, 16, 3), np.uint8)
    checks[::2] = 255
    back = denormalise(decode(encode(preprocess(checks).double())))[0, :, :, 0]
    torch.testing.assert_close(back[:, ::2], torch.full((3, 8), 0.999, dtype=torch.float64), atol=1e-9, rtol=0)
    torch.testing.assert_close(back[:, 1::2], torch.full((3, 8), 0.001, dtype=torch.float64), atol=1e-9, rtol=0)


@pytest.mark.parametrize("deviation", [0.0, 1.0, 1e4])
def test_every_spectrum_is_a_valid_picture(deviation):
    pictures = decode(random_spectrum(2, 32, deviation=deviation, generator=seeded()))
    black, white = valid_range(pictures)
    assert (pictures >= black - 1e-6).all()
    assert (pictures <= white + 1e-6).all()
    if not deviation:
        torch.testing.assert_close(denormalise(pictures), torch.full_like(pictures, 0.5))


def test_the_gradient_of_decoding_is_right():
    spectrum = torch.randn(1, 3, 4, 3, 2, dtype=torch.float64, generator=seeded(), requires_grad=True)
    assert torch.autograd.gradcheck(decode, spectrum)
    odd = torch.randn(1, 3, 5, 3, 2, dtype=torch.float64, generator=seeded(), requires_grad=True)
    assert torch.autograd.gradcheck(decode, odd)


def test_a_movement_of_no_strength_changes_nothing(images):
    assert random_view(images, shift=0, zoom=0, rotation=0, generator=seeded()) is images
    nearly = random_view(images, shift=1e-9, zoom=0, rotation=0, generator=seeded())
    torch.testing.assert_close(nearly, images, atol=1e-4, rtol=0)


def drawn(seed=0):
    return (2 * torch.rand(4, dtype=torch.float64, generator=seeded(seed)) - 1).tolist()  # across, down, size, angle


def test_a_shift_moves_by_as_many_pixels_as_it_says():
    across, down = drawn()[:2]
    ramp = torch.arange(32.0).expand(1, 3, 32, 32)  # the colour is the column
    inside = slice(8, 24)
    moved = random_view(ramp, shift=0.2, zoom=0, rotation=0, generator=seeded())
    torch.testing.assert_close(moved[..., inside, inside], ramp[..., inside, inside] + 0.2 * 32 * across)
    moved = random_view(ramp.mT, shift=0.2, zoom=0, rotation=0, generator=seeded())
    torch.testing.assert_close(moved[..., inside, inside], ramp.mT[..., inside, inside] + 0.2 * 32 * down)


def test_a_turn_and_a_zoom_are_about_the_centre_also_in_a_wide_picture():
    size, angle = drawn()[2:]
    ramp = torch.arange(48.0).sub(23.5).expand(1, 3, 32, 48)  # the colour is the distance from the middle column
    turned = random_view(ramp, shift=0, zoom=0, rotation=30, generator=seeded())[0, 0]
    turn = np.radians(30 * angle)
    row, column = 15.5 - 20, 30 - 23.5  # of the pixel [20, 30], from the centre; rows count up
    assert turned[20, 30].item() == pytest.approx(column * np.cos(turn) + row * np.sin(turn), abs=1e-3)
    zoomed = random_view(ramp, shift=0, zoom=0.3, rotation=0, generator=seeded())[0, 0]
    assert zoomed[20, 30].item() == pytest.approx(column / (1 + 0.3 * size), abs=1e-3)


def test_all_pictures_move_alike_and_anew_each_time(images):
    generator = seeded()
    moved, again = random_view(images, generator=generator), random_view(images, generator=generator)
    torch.testing.assert_close(moved[1:2], random_view(images[1:2], generator=seeded()))
    assert not torch.allclose(moved, again)


def small_network():
    """Two convolutions with smooth activations, random weights: no dead units."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = [nn.Conv2d(3, 8, 5, stride=2), nn.Softplus(), nn.Conv2d(8, 6, 3), nn.Softplus()]
        model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return model.requires_grad_(False)


OBJECTIVES = {
    "class": lambda model: class_objective(model, [1, 4]),
    "channel": lambda model: channel_objective(model, "2", [1, 4]),
    "unit": lambda model: unit_objective(model, "2", [1, 4]),
    "layer": lambda model: layer_objective(model, "2"),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_objective_rises_in_both_forms(name):
    model = small_network()
    objective = OBJECTIVES[name](model)
    fourier = fourier_visualization(model, objective, 2, size=32, iterations=30, generator=seeded())
    start = decode(random_spectrum(2, 32, generator=seeded()))
    assert (objective(fourier) > objective(start)).all()
    noise = torch.randn(2, 3, 32, 32, generator=seeded()) * 0.3
    pixels = climb_pixels(model, objective, noise, iterations=10, learning_rate=2.0, max_jitter=0, l2_reg=0.0)
    assert (objective(pixels) > objective(noise)).all()


def test_the_first_step_of_adam_is_its_rate_along_the_sign_of_the_gradient():
    model = small_network()
    objective = class_objective(model, [1])
    start = random_spectrum(1, 32, generator=seeded())
    still = {"shift": 0.0, "zoom": 0.0, "rotation": 0.0}
    ours = fourier_visualization(model, objective, 1, start=start, iterations=1, learning_rate=0.1, **still)
    spectrum = start.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(decode(spectrum))[0, 1], spectrum)
    expected = decode(start + 0.1 * gradient / (gradient.abs() + 1e-8))
    torch.testing.assert_close(ours, expected, atol=1e-4, rtol=1e-4)


def test_the_callback_sees_pictures_and_the_rising_objective_and_can_stop():
    model, seen = small_network(), []
    settings = {"size": 32, "iterations": 9, "generator": seeded(), "shift": 0.0, "zoom": 0.0, "rotation": 0.0}
    last = fourier_visualization(
        model, class_objective(model, [1]), 1, callback=lambda step: seen.append(step) or len(seen) == 4, **settings
    )
    assert [step.iteration for step in seen] == [1, 2, 3, 4]
    assert torch.equal(seen[-1].image, last)
    assert [step.value.item() for step in seen] == sorted(step.value.item() for step in seen)
    torch.testing.assert_close(seen[1].value[0], model(seen[0].image)[0, 1])


def test_the_same_seed_gives_the_same_picture_and_another_seed_another():
    model = random_squeezenet()
    first, again, other = (
        fourier_visualization(model, class_objective(model, [2]), 1, size=64, iterations=3, generator=seeded(seed))
        for seed in (5, 5, 6)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_pictures_of_several_classes_are_those_made_one_by_one():
    model = small_network().double()  # in float32 Adam's first steps hang on the sign of the last bit
    settings = {"size": 32, "iterations": 5}
    together = fourier_visualization(model, class_objective(model, [1, 4]), 2, generator=seeded(), **settings)
    apart = [
        fourier_visualization(model, class_objective(model, [k]), 1, generator=seeded(), **settings) for k in (1, 4)
    ]
    torch.testing.assert_close(together, torch.cat(apart))
