"""Threads that share a network: each gets what it gets alone, and nothing stays behind."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from conftest import SQUEEZENETS, noise, state_of, tiny_squeezenet
from test_catalogue import chance
from torch.utils.hooks import RemovableHandle

from core.activations import record_activations
from core.borders import replicated_borders
from core.gradients import input_gradient
from core.measuring import measuring
from core.objectives import channel_objective, class_objective
from core.relu_rules import guided_relus
from courses.style import extract_features, style_objective
from visualizers.class_visualization import climb_pixels
from visualizers.deepdream import deepdream
from visualizers.pgd import pgd
from visualizers.saliency_map import saliency_map

QUICK = {"nodes": 2, "samples": 2, "masks": 4, "grid": 3, "channels": 3, "patch": 14, "stride": 12}
LAYERS = {"layer": "features.3", "layers": ("features.3", "features.4")}
pytestmark = pytest.mark.filterwarnings("ignore:the map of image")


def settings_of(row):
    return {name: value for name, value in {**QUICK, **LAYERS}.items() if name in row.defaults} | chance(row)


def recorded(model, images):
    with measuring(model), record_activations(model, ["features.3"]) as outputs:
        model(images)
    return outputs["features.3"]


def style(model, images):
    settings = {
        "content_layer": 3,
        "content_weight": 1.0,
        "style_layers": [1],
        "style_weights": [1.0],
        "tv_weight": 0.1,
    }
    return torch.stack(style_objective(images[:1], images[1:], model.features, **settings).terms(images[:1])).detach()


def bordered(model, images):
    with measuring(model), replicated_borders():
        return model(images)


def climbed(model, images):
    pictures = [
        climb_pixels(model, objective, images, iterations=2, generator=torch.Generator().manual_seed(2))
        for objective in (class_objective(model, [1, 2]), channel_objective(model, "features.4", 3))
    ]
    return torch.cat(pictures)


CALLS = {
    row.name: lambda model, x, row=row: row.call()(model, x, [1, 2], **settings_of(row)) for row in SQUEEZENETS.values()
}
CALLS |= {
    "a recording": recorded,
    "class and channel ascents": climbed,
    "pgd": lambda model, x: pgd(model, x, 3, linf=0.05, steps=2, generator=torch.Generator().manual_seed(3)).images,
    "features of the course": lambda model, x: extract_features(x, model.features)[-1],
    "style objective": style,
    "replicated borders": bordered,
    "deepdream": lambda model, x: deepdream(
        model, x, "features.3", octaves=1, iterations=2, jitter=4, generator=torch.Generator().manual_seed(4)
    ),
}


def plain(model, images):
    with torch.no_grad():
        return model(images)


@pytest.fixture
def pair():
    return noise(2, 3, 40, 40) * 0.8


@pytest.fixture
def eager_switching():
    """Threads are switched as often as can be."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("eager_switching")
@pytest.mark.parametrize("threads", [2, 4])
@pytest.mark.parametrize("kind", ["eval mode", "training mode", "normalised, in training mode"])
def test_a_hundred_calls_of_all_kinds_at_once_give_what_each_gives_alone(kind, threads, pair):
    model = tiny_squeezenet(normalised="normalised" in kind).train("training" in kind)
    before = state_of(model, pair)
    calls = CALLS if "training" in kind else CALLS | {"plain": plain}  # in training mode, a plain pass is random itself
    alone = {name: call(model, pair) for name, call in calls.items()}
    order = torch.randperm(100, generator=torch.Generator().manual_seed(threads)).tolist()
    names = [list(calls)[number % len(calls)] for number in order]
    start = threading.Barrier(threads)

    def work(own):
        torch.set_num_threads(1)
        start.wait(timeout=60)
        return [(name, calls[name](model, pair)) for name in own]

    with ThreadPoolExecutor(threads) as pool:
        for results in pool.map(work, [names[first::threads] for first in range(threads)]):
            for name, result in results:
                torch.testing.assert_close(result, alone[name], msg=lambda text, name=name: f"{name}: {text}")
    assert state_of(model, pair) == before


def switching(model, other):
    """In the middle of the first pass from now on, another thread makes the whole of another call."""
    results = []

    def switch(_module, _inputs):
        handle.remove()
        thread = threading.Thread(target=lambda: results.append(other()))
        thread.start()
        thread.join(timeout=60)

    handle = model.features[2].register_forward_pre_hook(switch)
    return results


@pytest.mark.parametrize(
    "other", ["plain", "guided-backprop", "deconvnet", "grad-cam", "a recording", "replicated borders"]
)
@pytest.mark.parametrize(
    "name", ["gradient", "guided-backprop", "deconvnet", "grad-cam", "a recording", "style objective"]
)
def test_a_call_in_the_middle_of_another_changes_neither(name, other, pair):
    model, calls = tiny_squeezenet(), CALLS | {"plain": plain}
    expected, beside = calls[name](model, pair), calls[other](model, pair)
    results = switching(model, lambda: calls[other](model, pair))
    torch.testing.assert_close(calls[name](model, pair), expected)
    torch.testing.assert_close(results[0], beside)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_what_breaks_one_thread_leaves_the_other_and_the_modes(error, pair):
    model = tiny_squeezenet(normalised=True).train()
    before, expected = state_of(model, pair), saliency_map(model, pair, 1)
    broken = []

    def breaking():
        def fail(*_):
            raise error

        owner = threading.get_ident()
        handle = model.features[3].register_forward_hook(lambda *_: fail() if threading.get_ident() == owner else None)
        try:
            saliency_map(model, pair, 1)
        except error:
            broken.append(error)
        finally:
            handle.remove()

    results = switching(model, breaking)
    torch.testing.assert_close(saliency_map(model, pair, 1), expected)
    assert broken == [error]
    assert len(results) == 1
    assert state_of(model, pair) == before


def test_two_hooks_that_pytorch_counts_alike_both_run(pair):
    """Its counter of hooks has no lock: two threads may read one number. Here it is set back, as that would."""
    model = tiny_squeezenet()
    with record_activations(model, ["features.3"]) as outer:
        RemovableHandle.next_id -= 1
        with record_activations(model, ["features.3"]) as inner:
            model(pair)
        assert set(outer) == set(inner) == {"features.3"}
        outer.clear()
        model(pair)
        assert set(outer) == {"features.3"}


def test_an_inner_block_of_another_thread_does_not_end_eval_mode(pair):
    model = tiny_squeezenet().train()
    with measuring(model):
        thread = threading.Thread(target=lambda: saliency_map(model, pair, 1))
        thread.start()
        thread.join(timeout=60)
        assert not any(module.training for module in model.modules())
    assert all(module.training for module in model.modules())


def test_a_rule_of_one_thread_is_not_that_of_another(pair):
    model = tiny_squeezenet()
    expected, results = input_gradient(model, pair, 1), []
    with guided_relus(model):
        thread = threading.Thread(target=lambda: results.append(input_gradient(model, pair, 1)))
        thread.start()
        thread.join(timeout=60)
        guided = input_gradient(model, pair, 1)
    torch.testing.assert_close(results[0], expected)
    assert not torch.allclose(guided, expected)
