"""The page's answers, computed without a browser: what its tabs show is what the studies show."""

import os
import shlex
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import odd_jpeg

from core.defaults import PHOTOGRAPHS
from core.errors import UsageError
from explorer.answers import cover, dream, fool, look, paint, unit
from explorer.watching import Finished, watched
from explorer.world import MOST_BYTES, SIDE, World, named, photograph, scene, uploaded
from studies.shared.runner import flags_of
from studies.shared.verdicts import verdict
from visualizers.catalogue import TECHNIQUES
from visualizers.gradcam import grad_cam


@pytest.fixture(scope="module")
def world():
    return World("patterns", "cpu")


@pytest.fixture(scope="module")
def network(world):
    return next(iter(world.networks))


@pytest.fixture(scope="module")
def asked(world, network):
    return world.ask(network, scene("star", 0))


def test_the_embedded_network_is_enough_and_stands_once(world):
    assert len(world.networks) == 1


def test_every_picture_offered_can_be_shown(world, network):
    for name in world.pictures_for(network):
        chosen = named(name, 3)
        assert chosen.pixels.shape == (SIDE, SIDE, 3)
        assert (chosen.mask is None) == (name in PHOTOGRAPHS)


def test_classes_are_listed_the_most_probable_first(world, asked):
    listed = world.classes(asked)
    assert listed[0][1] == asked.label == int(asked.probabilities.argmax())
    assert sorted(label for _, label in listed) == list(range(36))


def test_a_scene_that_is_not_offered_is_refused():
    with pytest.raises(UsageError, match="scene: 'cup' with seed 0 is not one"):
        scene("cup", 0)
    with pytest.raises(UsageError, match="seed -1"):
        scene("star", -1)


def test_what_is_uploaded_is_named_as_it_was_sent_not_as_the_page_keeps_it(tmp_path):
    path = tmp_path / "0123456789.png"
    path.write_bytes(b"not a picture at all")
    with pytest.raises(UsageError, match=r"'cat\.png'") as error:
        uploaded(path, "cat.png")
    assert str(tmp_path) not in str(error.value)


def test_an_upload_that_is_too_large_is_refused(tmp_path):
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(UsageError, match="larger than 20 MB"):
        uploaded(path, "large.png")


@pytest.mark.parametrize("kind", ["grey", "CMYK", "turned"])
def test_pictures_of_every_kind_are_read_as_the_studies_read_them(tmp_path, kind):
    path = odd_jpeg(tmp_path, kind)
    assert uploaded(path, path.name).pixels.shape == (SIDE, SIDE, 3)


def test_a_map_on_the_page_is_the_techniques_own(world, network, asked):
    (one,) = look.compute(world, asked, ["grad-cam"], layer="features.12")
    expected = grad_cam(world.networks[network], asked.chosen.image, asked.label)[0]
    assert torch.equal(one.raw, expected)


def test_every_quick_technique_of_the_catalogue_is_shown(world, asked):
    quick = [name for name, row in TECHNIQUES.items() if not row.slow and getattr(row, "needs", "") != "attention"]
    for start in range(0, len(quick), look.MOST):
        maps = look.compute(world, asked, quick[start : start + look.MOST], layer="features.12")
        for shown in look.show(asked, maps, together=False, strength=0.5):
            assert shown.pixels.shape == (SIDE, SIDE, 3)
            assert "May I believe it?" in shown.words


def test_one_scale_for_all_draws_a_weaker_map_weaker(world, asked):
    maps = look.compute(world, asked, ["grad-cam", "hires-cam"], layer="features.9")
    own, one = (look.show(asked, maps, together=together, strength=1.0) for together in (False, True))
    weaker = int(maps[0].values.max() > maps[1].values.max())
    assert (own[weaker].pixels != one[weaker].pixels).any()
    assert np.array_equal(own[1 - weaker].pixels, one[1 - weaker].pixels)


def test_five_techniques_at_once_are_refused(world, asked):
    with pytest.raises(UsageError, match="at most 4"):
        look.compute(world, asked, ["gradient"] * 5, layer="features.12")


def test_two_classes_are_compared_by_the_difference_of_their_maps(world, network, asked):
    other = (asked.label + 1) % 36
    (one,) = look.compute(world, asked, ["grad-cam"], layer="features.12", versus=other)
    model, image = world.networks[network], asked.chosen.image
    first, second = (grad_cam(model, image, label, relu=False)[0] for label in (asked.label, other))
    assert torch.allclose(one.raw, first - second)


def test_a_technique_that_is_not_linear_compares_no_classes(world, asked):
    with pytest.raises(UsageError, match="not linear in the score"):
        look.compute(world, asked, ["layer-cam"], layer="features.12", versus=1)


def test_the_tables_say_how_far_each_measured_technique_may_be_believed():
    words = verdict(TECHNIQUES["guided-backprop"])
    assert "follows what the network learned: in part" in words
    assert "(the centre of the picture: 83)" in words


def test_nothing_painted_changes_nothing_and_a_covered_object_is_no_longer_seen(world, asked):
    chosen = asked.chosen
    large = chosen.pixels.repeat(2, axis=0).repeat(2, axis=1)
    same = cover.painted_over(chosen, large, [])
    assert np.array_equal(same.pixels, chosen.pixels)
    brush = np.zeros((2 * SIDE, 2 * SIDE, 4), np.uint8)
    brush[chosen.mask.repeat(2, axis=0).repeat(2, axis=1)] = (124, 116, 106, 255)
    composite = np.where(brush[..., 3:] > 0, brush[..., :3], large)
    covered = cover.painted_over(chosen, composite, [brush])
    assert np.array_equal(covered.pixels[~chosen.mask], chosen.pixels[~chosen.mask])
    result = cover.cover(world, asked, covered, layer="features.12")
    assert result.asked.probabilities[asked.label] < asked.probabilities[asked.label] / 2


def test_a_click_finds_the_cell_beneath_it_also_at_the_border():
    assert unit.cell_at(0, 0, (13, 13)) == (0, 0)
    assert unit.cell_at(unit.MAP_SIDE, unit.MAP_SIDE, (13, 13)) == (12, 12)
    assert unit.cell_at(unit.MAP_SIDE // 2, 0, (27, 27)) == (0, 13)


def test_a_unit_shows_its_field_and_the_strongest_patches_of_its_channel(world, asked):
    layer = "features.7"
    channel = unit.channels_by_strength(world, asked, layer)[0]
    _, cells, strongest = unit.drawn_map(world, asked, layer, channel)
    assert cells == (27, 27)
    found = unit.unit(world, asked, layer, channel, *strongest)
    assert "63 x 63 pixels" in found.words or strongest[0] < 4 or strongest[1] < 4
    assert len(found.patches) == unit.PATCHES


@pytest.mark.parametrize("form", ["fourier", "pixels", "deepdream"])
def test_a_dream_is_shown_while_it_climbs_and_says_how_it_ended(world, asked, form):
    steps = dream.dream(world, asked, form, layer="features.9", iterations=2, seed=0, stop=threading.Event())
    *_, last = steps
    assert "steps: the network sees" in last.words
    assert last.pixels.shape == (SIDE, SIDE, 3)


def test_a_dream_that_is_stopped_keeps_what_there_is(world, asked):
    stop = threading.Event()
    stop.set()
    *_, last = dream.dream(world, asked, "pixels", layer="features.9", iterations=50, seed=0, stop=stop)
    assert last.words.startswith("stopped after 1 of 50 steps")


@pytest.mark.parametrize("attack", fool.OFFERED)
def test_an_attack_is_judged_by_what_a_file_holds(world, asked, attack):
    target = world.classes(asked)[1][1]
    result = fool.fool(world, asked, attack, target, levels=8)
    if attack in ("fgsm", "pgd", "ascent"):
        assert np.abs(result.picture.astype(int) - asked.chosen.pixels).max() <= 8
    assert "read back from a PNG" in result.words


def test_the_class_that_is_seen_is_no_target(world, asked):
    with pytest.raises(UsageError, match="target"):
        fool.fool(world, asked, "pgd", asked.label, levels=8)


def test_a_painting_is_shown_as_it_comes_and_at_once(world, asked):
    settings = {"side": 64, "strength": 25.0, "iterations": 1}
    *_, last = paint.step_by_step(world, asked, paint.STYLES[0], stop=threading.Event(), **settings)
    assert last.pixels.shape == (64, 64, 3)
    assert paint.at_once(asked, paint.STYLES[0], "cpu").pixels.shape == (SIDE, SIDE, 3)


def test_every_command_that_the_page_shows_is_one_that_the_studies_take(world, network):
    asked = world.ask(network, photograph("chelsea"))
    lines = look.commands(world, asked, ["gradient", "grad-cam"], layer="features.9").splitlines()
    lines += look.commands(world, asked, ["grad-cam"], layer="features.9", versus=3).splitlines()
    for form in dream.FORMS:
        lines.append(dream.command(world, asked, form, layer="features.9", iterations=3, seed=1))
    lines += [fool.command(world, asked, name, 3, levels=8) for name in fool.OFFERED]
    lines.append(paint.command(world, asked, "mosaic", side=128, strength=25.0, iterations=5))
    for line in lines:
        python, _, package, study, *flags = shlex.split(line)
        assert (python, package) == ("python", "studies")
        module = flags_of(study)
        module.settings(module.parser().parse_args(flags))


def test_what_is_watched_may_fail_and_says_so():
    def work(show):
        raise UsageError("what: it failed")

    with pytest.raises(UsageError, match="it failed"):
        list(watched(work, threading.Event()))


def test_nobody_looking_any_more_stops_the_work():
    ended = threading.Event()

    def work(show):
        while not show("frame"):
            ended.wait(0.01)
        ended.set()

    frames = watched(work, threading.Event())
    assert next(frames) == "frame"
    frames.close()
    assert ended.is_set()


def test_the_last_that_is_watched_is_the_result():
    *_, last = watched(lambda show: 42, threading.Event())
    assert isinstance(last, Finished)
    assert (last.result, last.stopped) == (42, False)


@pytest.mark.slow
def test_ten_people_who_click_at_once_get_the_pictures_of_one_alone_and_memory_does_not_grow(world, network):
    """In ten threads, as the page's workers call the answers."""
    names = ["grad-cam", "guided-backprop"]

    def answer(seed):
        asked = world.ask(network, scene("star", seed))
        maps = look.compute(world, asked, names, layer="features.12")
        return [shown.pixels for shown in look.show(asked, maps, together=False, strength=0.65)]

    alone = [answer(seed) for seed in range(10)]
    faults, after_a_while = [], []

    def click(seed, until):
        while time.monotonic() < until:
            try:
                if not all(np.array_equal(*pair) for pair in zip(answer(seed), alone[seed], strict=True)):
                    faults.append(f"another picture than that of seed {seed} alone")
            except Exception as error:  # whatever it is, somebody would have seen it
                faults.append(repr(error))

    for seconds in (5, 20):
        until = time.monotonic() + seconds
        people = [threading.Thread(target=click, args=(seed, until)) for seed in range(10)]
        for person in people:
            person.start()
        for person in people:
            person.join()
        after_a_while.append(resident_bytes())
    assert not faults
    assert after_a_while[1] - after_a_while[0] < 100e6


def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
