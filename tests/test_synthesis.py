"""Class visualization and fooling images: one step by hand, the objective rises, bounds are kept, seeds repeat."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from conftest import random_squeezenet
from scipy.ndimage import gaussian_filter1d

from core import priors
from core.ascent import normalised_ascent, optimise_pixels
from core.errors import UsageError, WorkError
from core.images import denormalise, normalise, valid_range
from core.objectives import channel_objective, class_objective
from visualizers import ClassVisualization
from visualizers.class_visualization import climb_pixels, visualize_classes
from visualizers.fooling_image import fool


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_one_step_is_the_normalised_gradient_of_score_minus_penalty(squeezenet, images):
    start = images[:1].clamp(-0.5, 0.5)
    ours = visualize_classes(squeezenet, [4], start=start, iterations=1, max_jitter=0, blur_every=0, learning_rate=2.0)
    image = start.clone().requires_grad_()
    (squeezenet(image)[0, 4] - 1e-3 * image.square().sum()).backward()
    expected = priors.clamp_to_valid(start + 2.0 * image.grad / image.grad.norm())
    torch.testing.assert_close(ours, expected)


def test_a_step_follows_from_the_picture_alone_and_not_from_the_steps_before(squeezenet, images):
    model, start = deepcopy(squeezenet).double(), priors.clamp_to_valid(images[:1].double())
    still = {"max_jitter": 0, "blur_every": 0, "learning_rate": 2.0, "iterations": 1}
    targets = model(start).argmin(dim=1)
    fooling = {"learning_rate": 0.1, "iterations": 1}
    picture, fooled = start, start
    for _ in range(3):
        picture = visualize_classes(model, [4], start=picture, **still)
        fooled = fool(model, fooled, targets, **fooling).images
    torch.testing.assert_close(visualize_classes(model, [4], start=start, **still | {"iterations": 3}), picture)
    torch.testing.assert_close(fool(model, start, targets, **fooling | {"iterations": 3}).images, fooled)


def test_the_score_rises_and_the_colours_stay_valid(squeezenet):
    settings = {"size": 64, "iterations": 15, "learning_rate": 3.0, "max_jitter": 2, "blur_every": 0, "l2_reg": 0.0}
    pictures = visualize_classes(squeezenet, [1, 4], generator=seeded(), **settings)
    noise = torch.randn(1, 3, 64, 64, generator=seeded())
    before, after = squeezenet(noise)[0, [1, 4]], squeezenet(pictures)[[0, 1], [1, 4]]
    assert (after > before).all()
    black, white = valid_range(pictures)
    assert ((pictures >= black) & (pictures <= white)).all()


def test_class_visualization_is_the_climb_of_its_class(squeezenet, images):
    settings = {"iterations": 4, "max_jitter": 3, "clip_pixels": 0.2}
    classes = visualize_classes(squeezenet, [1, 4], start=images[:2], generator=seeded(), **settings)
    objective = class_objective(squeezenet, [1, 4])
    assert torch.equal(climb_pixels(squeezenet, objective, images[:2], generator=seeded(), **settings), classes)


def test_a_channel_is_climbed_likewise(squeezenet, images):
    objective = channel_objective(squeezenet, "features.3.expand3x3", [3, 7])
    start = priors.clamp_to_valid(images[:2])
    pictures = climb_pixels(squeezenet, objective, start, iterations=8, learning_rate=3.0, max_jitter=0, l2_reg=0.0)
    assert (objective(pictures) > objective(start)).all()


def test_the_same_seed_gives_the_same_picture_and_another_seed_another():
    model = random_squeezenet()
    first, again, other = (
        visualize_classes(model, [2], size=64, iterations=3, generator=seeded(seed)) for seed in (5, 5, 6)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_class_of_score_zero_still_climbs(images):
    model = random_squeezenet()
    with torch.no_grad():
        features = model.features(priors.clamp_to_valid(images[:1]))
        model.classifier[1].bias[7] -= model.classifier[1](features)[0, 7].max() + 0.01  # negative everywhere
    assert model(priors.clamp_to_valid(images[:1]))[0, 7] == 0
    settings = {"learning_rate": 2.0, "max_jitter": 0, "blur_every": 0, "l2_reg": 0.0}
    result = visualize_classes(model, [7], start=priors.clamp_to_valid(images[:1]), iterations=40, **settings)
    assert model(result)[0, 7] > 0


def test_pictures_of_several_classes_are_those_made_one_by_one(squeezenet, images):
    together = visualize_classes(squeezenet, [1, 4], start=images[:2], iterations=1, max_jitter=0)
    apart = [
        visualize_classes(squeezenet, [k], start=images[i : i + 1], iterations=1, max_jitter=0)
        for i, k in enumerate([1, 4])
    ]
    torch.testing.assert_close(together, torch.cat(apart), rtol=1e-4, atol=1e-5)


def test_clipping_zeroes_the_share_of_smallest_pixels():
    picture = torch.arange(1.0, 9.0).view(1, 1, 2, 4).repeat(1, 3, 1, 1)
    clipped = priors.zero_smallest(picture, picture, 0.5)
    assert torch.equal(clipped[0, 0], torch.tensor([[0.0, 0.0, 0.0, 0.0], [5.0, 6.0, 7.0, 8.0]]))
    assert torch.equal(priors.zero_smallest(picture, picture, 0.0), picture)
    with pytest.raises(UsageError, match=r"share: 1.0 is out of range"):
        priors.zero_smallest(picture, picture, 1.0)


def test_clipped_pictures_hold_mean_colour(squeezenet):
    settings = {
        "size": 64,
        "iterations": 3,
        "max_jitter": 0,
        "blur_every": 1,
        "clip_pixels": 0.3,
        "clip_gradients": 0.3,
    }
    picture = visualize_classes(squeezenet, [1], generator=seeded(), **settings)
    assert (picture.abs().sum(dim=1) == 0).float().mean() >= 0.29


def test_jitter_goes_round_and_comes_back():
    images = torch.randn(2, 3, 8, 9)
    assert torch.equal(priors.jitter(priors.jitter(images, 3, -2), -3, 2), images)
    shifted = priors.jitter(images, 1, 0)
    assert torch.equal(shifted[..., 0], images[..., -1])


def test_the_courses_jitter_and_blur():
    images, technique = torch.randn(1, 3, 12, 10), ClassVisualization()
    assert torch.equal(technique.jitter(images, 2, 1)[:, :, 1:, 2:], images[:, :, :-1, :-2])
    expected = gaussian_filter1d(gaussian_filter1d(images.numpy(), 0.7, axis=2), 0.7, axis=3)
    blurred = technique.blur_image(images, 0.7)
    assert blurred is images  # in place, as the course's loop expects
    np.testing.assert_allclose(images.numpy(), expected, rtol=1e-6)


def test_a_loop_that_leaves_the_finite_numbers_stops_with_a_sentence():
    with pytest.raises(WorkError, match=r"iteration 1: .* smaller learning rate"):
        optimise_pixels(torch.zeros(1, 3, 2, 2), lambda image: image.sqrt().sum(), normalised_ascent(1), iterations=3)


def test_jitter_shifts_what_the_network_sees(squeezenet, images):
    settings = {"start": images[:1], "iterations": 1, "blur_every": 0}
    still = visualize_classes(squeezenet, [1], max_jitter=0, **settings)
    moved = visualize_classes(squeezenet, [1], max_jitter=9, generator=seeded(3), **settings)
    assert not torch.allclose(still, moved)


def test_the_blur_is_applied_at_its_times(squeezenet, images):
    settings = {"start": images[:1], "max_jitter": 0, "iterations": 1}
    sharp = visualize_classes(squeezenet, [1], blur_every=0, **settings)
    torch.testing.assert_close(
        visualize_classes(squeezenet, [1], blur_every=1, blur_sigma=0.8, **settings), priors.blur(sharp, 0.8)
    )


def test_the_callback_sees_every_step_and_can_stop(squeezenet, images):
    seen = []
    settings = {
        "start": images[:1],
        "iterations": 9,
        "callback": lambda step: seen.append(step.iteration) or len(seen) == 3,
    }
    visualize_classes(squeezenet, [1], **settings)
    assert seen == [1, 2, 3]


def test_fooling_images_are_taken_for_their_targets_and_stay_valid(squeezenet, images):
    images = priors.clamp_to_valid(images)
    targets = squeezenet(images).topk(2).indices[:, 1]  # each image's second choice
    result = fool(squeezenet, images, targets, learning_rate=0.3)
    assert result.fooled.all()
    assert torch.equal(squeezenet(result.images).argmax(dim=1), targets)
    rgb = denormalise(result.images)
    assert rgb.min() >= -1e-6
    assert rgb.max() <= 1 + 1e-6


def test_an_image_already_taken_for_the_target_is_returned_as_it_is(squeezenet, images):
    result = fool(squeezenet, images, squeezenet(images).argmax(dim=1))
    assert torch.equal(result.images, images)
    assert result.steps.tolist() == [0, 0, 0]
    assert result.fooled.all()


def test_a_batch_is_fooled_as_its_images_one_by_one(squeezenet, images):
    # Few steps: a long ascent amplifies the last bit, in which a batch and a single image may differ.
    targets = squeezenet(images).topk(2).indices[:, 1]
    settings = {"learning_rate": 0.3, "iterations": 4}
    batch = fool(squeezenet, images, targets, **settings)
    single = [fool(squeezenet, images[i : i + 1], targets[i], **settings) for i in range(3)]
    assert batch.steps.tolist() == [int(one.steps) for one in single]
    torch.testing.assert_close(batch.images, torch.cat([one.images for one in single]), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("bound", [{"linf": 2 / 255}, {"l2": 0.3}, {"linf": 4 / 255, "l2": 0.5}])
def test_the_difference_stays_inside_its_ball(bound, squeezenet, images):
    images = priors.clamp_to_valid(images)
    target = (squeezenet(images).argmax(dim=1) + 5) % 10
    result = fool(squeezenet, images, target, iterations=12, learning_rate=20.0, **bound)
    difference = denormalise(result.images) - denormalise(images)
    if "linf" in bound:
        assert difference.abs().max() <= bound["linf"] + 1e-6
    if "l2" in bound:
        assert difference.flatten(1).norm(dim=1).max() <= bound["l2"] + 1e-5


def test_a_failed_attack_says_so(squeezenet, images):
    target = squeezenet(images).argmin(dim=1)
    result = fool(squeezenet, images, target, iterations=1, learning_rate=1e-6)
    assert not result.fooled.any()
    assert result.steps.tolist() == [1, 1, 1]


@pytest.mark.parametrize("bound", [{"linf": 0.0}, {"l2": -1.0}])
def test_a_bound_that_allows_nothing_is_refused(bound, squeezenet, images):
    with pytest.raises(UsageError, match="is not positive"):
        fool(squeezenet, images, 1, **bound)


def test_projection_leaves_what_is_inside_and_shortens_what_is_not():
    difference = torch.tensor([3.0, 4.0, 0.0]).view(1, 3, 1, 1)
    assert torch.equal(priors.project_to_ball(difference, l2=6.0), difference)
    torch.testing.assert_close(priors.project_to_ball(difference, l2=1.0), difference / 5)
    assert torch.equal(priors.project_to_ball(difference, linf=3.5).flatten(), torch.tensor([3.0, 3.5, 0.0]))


def test_normalising_and_back_is_the_identity():
    rgb = torch.rand(2, 3, 4, 4, dtype=torch.float64)
    torch.testing.assert_close(denormalise(normalise(rgb)), rgb)
