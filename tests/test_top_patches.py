"""The patches that excite a channel most, out of a stream; and which channels are worth a look."""

import gc
import weakref

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from core.errors import UsageError
from core.images import centre_crop, load_image, preprocess
from core.objectives import layer_output
from core.receptive_field import receptive_field
from patterns.dataset import SceneDataset, stream_scenes
from studies.shared.pictures import list_pictures, stream_pictures
from studies.shared.report import Report
from visualizers.selective_channels import selective_channels
from visualizers.top_patches import top_patches
from visualizers.unit_gradient import guided_unit


@pytest.fixture
def colours():
    """Channel 0 is the red of a pixel, channel 1 its negative blue, channel 2 the sum of green around it."""
    model = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1, bias=False))
    model[0].weight.requires_grad_(False).zero_()
    model[0].weight[0, 0, 1, 1], model[0].weight[1, 2, 1, 1] = 1, -1
    model[0].weight[2, 1] = 1
    return model


def spot(row, column, value, channel=0, size=(6, 8)):
    image = torch.zeros(1, 3, *size)
    image[0, channel, row, column] = value
    return image


def facts(patches):
    return [(patch.value, patch.index, patch.row, patch.column) for patch in patches]


def test_the_known_spots_are_found_the_brightest_first(colours):
    stream = [torch.cat([spot(2, 3, 5.0), spot(5, 0, 7.0)]), spot(0, 7, 6.0), spot(1, 1, 4.0)]
    (red,) = top_patches(colours, "0", [0], stream, count=3)
    assert facts(red) == [(7, 1, 5, 0), (6, 2, 0, 7), (5, 0, 2, 3)]
    assert [patch.box for patch in red] == [(4, 0, 6, 2), (0, 6, 2, 8), (1, 2, 4, 5)]
    assert [tuple(patch.pixels.shape) for patch in red] == [(3, 2, 2), (3, 2, 2), (3, 3, 3)]
    assert red[2].pixels[0].tolist() == [[0, 0, 0], [0, 5, 0], [0, 0, 0]]
    assert torch.equal(red[1].image, stream[1][0])


def test_of_equal_responses_the_first_image_and_the_first_place_go_first(colours):
    stream = [spot(3, 3, 2.0) + spot(1, 6, 2.0), spot(4, 4, 2.0), spot(1, 7, 2.0)]
    for parts in (stream, [torch.cat(stream)]):
        (red,) = top_patches(colours, "0", [0], parts, count=2)
        assert facts(red) == [(2, 0, 1, 6), (2, 1, 4, 4)]


def test_a_channel_that_is_negative_everywhere_still_has_its_largest_place(colours):
    stream = [1 + spot(row, 2, -0.5, channel=2) for row in (2, 4)]
    (blue,) = top_patches(colours, "0", [1], stream)
    assert facts(blue) == [(-0.5, 0, 2, 2), (-0.5, 1, 4, 2)]


@pytest.mark.parametrize("parts", [1, 4, 7])
def test_all_activations_at_once_give_the_same_patches(parts, squeezenet):
    images = torch.randn(7, 3, 64, 64, generator=torch.Generator().manual_seed(3))
    channels, layer = [100, 3, 70], "features.4.expand3x3"
    channels = [channel % 64 for channel in channels]
    with torch.no_grad():
        maps = torch.cat([layer_output(squeezenet, layer)(image[None]) for image in images])  # (7, C, h, w)
    for channel, patches in zip(
        channels, top_patches(squeezenet, layer, channels, images.split(parts), count=4), strict=True
    ):
        values, places = maps[:, channel].flatten(1).max(dim=1)
        order = values.argsort(descending=True)[:4].tolist()
        assert [patch.index for patch in patches] == order
        for patch in patches:
            assert patch.channel == channel
            assert patch.value == pytest.approx(values[patch.index].item(), rel=1e-4)
            assert patch.row * maps.shape[3] + patch.column == places[patch.index]
            assert patch.box == receptive_field(squeezenet, layer, channel, patch.row, patch.column, size=(64, 64))
            assert torch.equal(patch.pixels, patch.box.cut(images[patch.index]))


def test_a_patch_alone_excites_its_unit_whatever_is_around_it(squeezenet, images):
    for patch in top_patches(squeezenet, "features.4", [70], [images])[0]:
        other = torch.randn(1, 3, 64, 64)
        patch.box.cut(other)[:] = patch.pixels
        with torch.no_grad():
            value = layer_output(squeezenet, "features.4")(other)[0, patch.channel, patch.row, patch.column]
        assert value.item() == pytest.approx(patch.value, rel=1e-4)


def test_guided_backpropagation_of_the_unit_stays_in_the_patch(squeezenet, images):
    (patches,) = top_patches(squeezenet, "features.4", [70], [images])
    whole = torch.stack([patch.image for patch in patches])
    places = zip(*((patch.row, patch.column) for patch in patches), strict=True)
    for patch, gradient in zip(patches, guided_unit(squeezenet, whole, "features.4", 70, *places), strict=True):
        assert patch.box.cut(gradient).any()
        patch.box.cut(gradient).zero_()
        assert not gradient.any()


def test_pictures_of_several_sizes_have_their_own_boxes(colours):
    stream = [spot(5, 7, 1.0), spot(5, 7, 2.0, size=(9, 9))]
    (red,) = top_patches(colours, "0", [0], stream)
    assert [patch.box for patch in red] == [(4, 6, 7, 9), (4, 6, 6, 8)]


def test_no_more_images_are_held_than_there_are_places(squeezenet):
    shape, generator, given, most = (3, 37, 41), torch.Generator().manual_seed(0), [], 0

    def stream():
        nonlocal most
        for index in range(60):
            images = torch.randn(2, *shape, generator=generator)
            given.append(weakref.ref(images))
            yield images
            del images
            if index % 20 == 19:
                held = sum(type(each) is torch.Tensor and each.shape == shape for each in gc.get_objects())
                most = max(most, held)
            # What is yielded now has been read; nothing but its copies may live on.
            assert sum(each() is not None for each in given) <= 1

    result = top_patches(squeezenet, "features.3", [70, 80], stream(), count=3)
    assert [len(patches) for patches in result] == [3, 3]
    assert 3 <= most <= 2 * 3 + 3  # and the part at work


def test_an_image_that_several_channels_want_is_held_once(squeezenet, images):
    first, second = top_patches(squeezenet, "features.3", [70, 70], [images])
    assert [a.image is b.image for a, b in zip(first, second, strict=True)] == [True] * 3
    assert first[0].image.untyped_storage().nbytes() == 3 * 64 * 64 * 4  # and not the whole chunk with it


def test_the_stream_is_read_one_piece_at_a_time_and_its_errors_are_its_own(colours):
    read = []

    def stream():
        for index in range(5):
            read.append(index)
            yield spot(0, 0, 1.0)
            if index == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        top_patches(colours, "0", [0], stream())
    assert read == [0, 1, 2]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere", [0], [spot(0, 0, 1.0)]), "layer: 'nowhere' is not in the network; allowed are 0"),
        (("0", [3], [spot(0, 0, 1.0)]), "channels: '0' has no channel 3; allowed are 0 to 2"),
        (("0", [], [spot(0, 0, 1.0)]), "channels: none given"),
        (("0", [0], []), "stream: it gave no images"),
        (("0", [0], [spot(0, 0, 1.0)[0]]), r"images: a tensor of shape \(N, 3, H, W\) is needed"),
    ],
)
def test_wrong_use_is_named(arguments, words, colours):
    with pytest.raises(UsageError, match=words):
        top_patches(colours, *arguments)


def test_no_patch_and_a_layer_without_maps_are_refused(colours):
    with pytest.raises(UsageError, match="count: 0 is out of range"):
        top_patches(colours, "0", [0], [spot(0, 0, 1.0)], count=0)
    with pytest.raises(UsageError, match="no maps"):
        top_patches(nn.Sequential(colours, nn.Flatten()), "1", [0], [spot(0, 0, 1.0)])


def test_the_channel_that_few_images_excite_comes_first(colours):
    # Red: one image in six. Green: every other image. Blue: all the same, so nothing stands out.
    images = torch.zeros(6, 3, 4, 4)
    images[1, 0, 2, 2] = images[::2, 1, 1, 1] = 1.0
    assert selective_channels(colours, "0", [images], count=1) == [0, 2]  # blue likes the same image best as green
    assert selective_channels(colours, "0", images.split(1), count=1, number=1) == [0]


def test_selectivity_is_that_of_all_responses_at_once(squeezenet):
    images = torch.randn(20, 3, 64, 64, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        maps = layer_output(squeezenet, "features.4")(images)  # (20, 128, 15, 15)
        responses = maps[:, :, 1:-1, 1:-1].flatten(2).amax(dim=2).double()
    largest = responses.topk(2, dim=0).values.mean(dim=0)
    means = responses.mean(dim=0)
    selectivity = largest / (means + means.median())
    chosen = selective_channels(squeezenet, "features.4", images.split(3), number=4, count=2)
    assert chosen[0] == selectivity.argmax()
    assert selectivity[chosen].diff().max() <= 0
    favourites = responses.topk(2, dim=0).indices[:, chosen].T.tolist()  # (4, 2)
    for place, (favourite, _) in enumerate(favourites):
        assert not any(favourite in better for better in favourites[:place])
    with pytest.raises(UsageError, match="number: 0 is out of range"):
        selective_channels(squeezenet, "features.4", [images], number=0)


def test_scenes_come_as_a_stream(squeezenet):
    scenes = SceneDataset(3, seed=5, size=64)
    for index, image in enumerate(stream_scenes(3, seed=5, size=64)):
        assert torch.equal(image, preprocess(scenes[index][0].permute(1, 2, 0).numpy()))
    assert index == 2


def folder_of(tmp_path, *names):
    for seed, name in enumerate(names):
        pixels = np.random.default_rng(seed).integers(0, 256, (80, 100, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / name)
    return list_pictures([str(tmp_path)], print)


def test_a_folder_comes_as_a_stream_and_a_broken_file_is_named_and_left_out(tmp_path, capsys):
    pictures = folder_of(tmp_path, "a.png", "b.png", "c.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    broken = {}
    images = list(stream_pictures(pictures, 64, Report(), broken))
    assert [tuple(image.shape) for image in images] == [(1, 3, 64, 64)] * 2
    assert torch.equal(images[1], preprocess(centre_crop(load_image(tmp_path / "c.png"), 64)))
    assert "skipped: image: " in capsys.readouterr().err
    assert list(broken) == [tmp_path / "b.png"]
    assert len(list(stream_pictures(pictures, 64, Report(), broken))) == 2
    assert capsys.readouterr().err == ""  # it was named before


def test_a_folder_is_read_as_it_is_asked_for(tmp_path):
    stream = stream_pictures(folder_of(tmp_path, "a.png", "b.png"), 64, Report(), {})
    next(stream)
    (tmp_path / "b.png").unlink()
    broken_later = list(stream)
    assert broken_later == []


def test_a_folder_of_broken_files_alone_raises_the_first_error_and_tells_it_once(tmp_path, capsys):
    pictures = folder_of(tmp_path, "a.png", "b.png")
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(UsageError, match=r"a\.png' is empty"):
        list(stream_pictures(pictures, 64, Report(), {}))
    assert capsys.readouterr().err == ""


def test_the_default_photographs_come_as_a_stream():
    image = next(stream_pictures(list_pictures(["chelsea"], print), 64, Report(), {}))
    assert tuple(image.shape) == (1, 3, 64, 64)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_stream(squeezenet):
    resource = pytest.importorskip("resource")

    def stream(length):
        return (torch.randn(1, 3, 224, 224) for _ in range(length))

    peaks = []
    for length in (60, 300):
        top_patches(squeezenet, "features.3", range(0, 128, 16), stream(length))
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    # Kilobytes. Keeping the 240 images more would take 145 MB; the allocator alone was seen to take up to 28.
    assert peaks[1] - peaks[0] < 60 * 1024
