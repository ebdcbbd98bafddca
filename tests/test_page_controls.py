"""What the page offers and refuses, without a browser."""

import errno
import socket
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
from torchvision.models import VisionTransformer

from core.errors import UsageError
from explorer import world as worlds
from explorer.address import check_address
from explorer.answers import look, unit
from explorer.world import World, scene, uploaded
from visualizers.catalogue import TECHNIQUES

WITHOUT_RELUS = {name for name, row in TECHNIQUES.items() if row.needs not in ("ReLUs", "class map")}


def test_an_upload_that_is_not_kept_any_more_is_told(tmp_path):
    with pytest.raises(UsageError, match=r"'cat\.png' is not kept any more"):
        uploaded(tmp_path / "gone.png", "cat.png")


def not_ours(*_):
    raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")


@pytest.mark.parametrize("host", ["192.0.2.1", "", "no host"])
def test_an_address_that_is_not_this_machines_is_refused(host, monkeypatch):
    if host == "192.0.2.1":  # by a machine whose network is down it is not: that lets any address be bound
        monkeypatch.setattr(socket.socket, "bind", not_ours)
    with pytest.raises(UsageError, match=r"host: .* is no address of this machine"):
        check_address(host, 0)


def test_a_port_that_is_taken_is_refused_and_a_free_one_is_not():
    check_address("127.0.0.1", 0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UsageError, match=r"port: .* cannot be had"):
            check_address("127.0.0.1", taken.getsockname()[1])


def test_layers_are_looked_for_once(monkeypatch):
    world = World("patterns", "cpu")
    monkeypatch.setattr(worlds, "SqueezeNet", int)
    calls = []
    monkeypatch.setattr(worlds, "spread_layers", lambda *_, **__: calls.append(1) or ("features.12",))
    name = next(iter(world.networks))
    assert world.layers(name) == world.layers(name) == ["features.12"]
    assert len(calls) == 1


def test_a_network_without_relus_is_offered_others_in_place_of_those_it_cannot_have():
    pytest.importorskip("gradio", reason="needs gradio: see requirements-page.txt")
    tab = import_module("explorer.tabs.look")
    world = SimpleNamespace(suited=lambda _: WITHOUT_RELUS)
    first = tab.first_for(world, "any", tab.FIRST, 4)
    assert len(first) == 4
    assert set(first) <= WITHOUT_RELUS
    assert {"grad-cam", "gradient"} < set(first)
    assert tab.first_for(world, "any", ["grad-cam"], 1) == ["grad-cam"]


def test_a_stop_is_heard_while_the_work_waits_for_its_turn_and_not_by_the_next_work(monkeypatch):
    pytest.importorskip("gradio", reason="needs gradio: see requirements-page.txt")
    module = import_module("explorer.page")
    monkeypatch.setattr(module, "TemporaryDirectory", lambda **_: None)
    page = module.Page(SimpleNamespace())
    session = SimpleNamespace(session_hash="a")
    page.begin(session)
    page.end(session)
    stopped = page.stop_of(session)
    assert stopped.is_set()
    page.begin(session)
    going_on = page.stop_of(session)
    assert not going_on.is_set()
    page.end(SimpleNamespace(session_hash="another's"))
    assert not going_on.is_set()
    page.leave(session)
    assert going_on.is_set()


@pytest.mark.parametrize(
    ("row", "column", "words"), [(0, 0, "at the top left"), (5, 5, "in the middle"), (9, 5, "at the bottom")]
)
def test_a_map_tells_in_its_alt_text_where_it_is_strongest(row, column, words):
    values = np.zeros((10, 10))
    values[row, column] = -1
    one = look.Map(TECHNIQUES["gradient"], None, values, "", "")
    assert look.alt_text(one).endswith(f"strongest {words}")


def test_a_blank_map_says_so():
    world = World("patterns", "cpu")
    asked = world.ask(next(iter(world.networks)), scene("star", 0))
    maps = look.compute(world, asked, ["grad-cam"], layer="features.12", versus=asked.label)
    (shown,) = look.show(asked, maps, together=False, strength=1.0, both_signs=True)
    assert shown.alt == "Grad-CAM, features.12: blank"


def test_a_unit_of_tokens_shows_its_gradient_where_none_can_be_guided():
    world = World("patterns", "cpu")
    name, network = next(iter(world.networks.items()))
    sizes = {"image_size": 224, "patch_size": 32, "num_layers": 2, "num_heads": 2, "hidden_dim": 16, "mlp_dim": 16}
    tokens = VisionTransformer(**sizes, num_classes=36).eval()
    for fact in ("class_names", "title", "weights_name", "model_name"):
        setattr(tokens, fact, getattr(network, fact))
    world.networks[name] = tokens
    asked, layer = world.ask(name, scene("star", 0)), world.layers(name)[-1]
    channel = unit.channels_by_strength(world, asked, layer)[0]
    _, cells, strongest = unit.drawn_map(world, asked, layer, channel)
    assert cells == (7, 7)
    found = unit.unit(world, asked, layer, channel, *strongest)
    assert "not guided" in found.words
    assert len(found.patches) == unit.PATCHES
