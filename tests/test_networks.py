"""Any network by name: torchvision's, timm's, a function's; whatever file its weights are in; or one sentence."""

import copy
import importlib
import importlib.util
import re
import sys
from pathlib import Path

import pytest
import torch
from conftest import noise, run, state_of
from test_own_checkpoints import WRAPPED, Trap
from torch import nn
from torchvision.models import get_model, get_model_weights

from core import squeezenet as weights_module
from core.class_names import IMAGENET_NAMES, read_class_names
from core.defaults import SHARED
from core.errors import UsageError, WorkError
from core.gradients import input_gradient
from core.images import IMAGENET_MEAN, IMAGENET_STD, denormalise
from core.networks import InputConversion, load_network, without_zeros
from core.own_files import description_of
from core.torchvision_models import in_todays_names, known_models
from drawing.files import describe
from studies.shared.cost import STARTING, Expected, expect, gradients, sentence
from studies.shared.feature_cache import cache_folder
from studies.shared.network import footer
from studies.shared.runner import flags_of, study_names
from visualizers.gradcam import grad_cam

SMALL = "shufflenet_v2_x0_5"  # of torchvision's, one of the quickest
THEIRS = '''
"""Networks of somebody's."""
import torch
from torch import nn


class Small(nn.Module):
    def __init__(self, classes=3, side=None):
        super().__init__()
        self.conv, self.relu = nn.Conv2d(3, 6, 5, stride=4), nn.ReLU()
        self.pool = nn.AdaptiveAvgPool2d(1 if side is None else side)
        self.head = nn.Linear(6 if side is None else 6 * side * side, classes)
        self.rigid = side is not None

    def forward(self, images):
        maps = self.relu(self.conv(images))
        return self.head((maps if self.rigid else self.pool(maps)).flatten(1))


def build():
    return Small()


def two():
    model = Small(2).train()
    model.class_names = ["cat", "dog"]
    return model


def half_grey():
    model = Small().double()
    model.pixel_mean, model.pixel_std, model.input_size = (0.5, 0.4, 0.3), (0.25, 0.5, 1.0), 64
    return model


def of_32_pixels():
    return Small(side=7)


def like_timms():
    model = Small()
    model.pretrained_cfg = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5), "input_size": (3, 96, 96)}
    return model


def with_arguments(classes, *, width, depth=3):
    return Small(classes)


def failing():
    raise KeyError("no such file\\nsecond line")


def ending():
    raise SystemExit(3)


def nothing():
    return None


def maps():
    return nn.Conv2d(3, 4, 3)


def dictionary():
    class Both(Small):
        def forward(self, images):
            return {"logits": super().forward(images)}
    return Both()


def of_names_too_few():
    model = Small()
    model.class_names = ["cat"]
    return model


def of_a_strange_size():
    model = Small()
    model.input_size = (3, 64, 32)
    return model


def of_no_spread():
    model = Small()
    model.pixel_std = (0, 1, 1)
    return model


def traced():
    return torch.jit.trace(Small().eval(), torch.zeros(1, 3, 64, 64))


def scripted():
    return torch.jit.script(Small().eval())


def compiled():
    return torch.compile(Small())


def compiled_in_place():
    model = Small()
    model.compile()
    return model


def of_one_score():
    return Small(1)


def in_parallel():
    return nn.DataParallel(Small())


def in_half():
    return Small().half()


def exported():
    return torch.export.export(Small().eval(), (torch.zeros(1, 3, 224, 224),)).module()


def lazy():
    return nn.Sequential(nn.LazyConv2d(4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))


made = Small()
number = 3
'''


@pytest.fixture(autouse=True)
def theirs(tmp_path, monkeypatch):
    """The module of somebody's, in the current folder."""
    (tmp_path / "their_networks.py").write_text(THEIRS)
    (tmp_path / "their_package").mkdir()
    (tmp_path / "their_package" / "inner.py").write_text("from their_networks import build as make\n")
    (tmp_path / "broken_module.py").write_text("import no_such_package_at_all\n")
    (tmp_path / "wrong_module.py").write_text("1 / 0\n")
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    for name in [name for name in sys.modules if name.startswith(("their_", "broken_module", "wrong_module"))]:
        del sys.modules[name]


def saved(content, name="own.pth"):
    torch.save(content, name)
    return name


# --- By name -------------------------------------------------------------------------------------


def test_a_network_of_torchvision_says_what_it_is():
    generator = torch.random.get_rng_state()
    model, again = load_network(SMALL, "random", "cpu"), load_network(SMALL, "random", "cpu")
    assert torch.equal(torch.random.get_rng_state(), generator)
    assert all(map(torch.equal, model.state_dict().values(), again.state_dict().values()))
    assert (model.model_name, model.title, model.input_size, model.takes_any_size) == (SMALL, SMALL, 224, True)
    assert (model.pixel_mean, model.pixel_std) == (IMAGENET_MEAN, IMAGENET_STD)
    assert model.class_names == IMAGENET_NAMES
    assert model.weights_name == "random (seed 0)"
    assert footer(model) == f"{SMALL}, weights random (seed 0)"
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert model.conv1[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert not model._forward_pre_hooks  # its weights want ImageNet's mean and spread


def test_its_own_weights_are_those_of_torchvision(tmp_path, monkeypatch):
    name = get_model_weights(SMALL).IMAGENET1K_V1.url.rpartition("/")[2]
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(WorkError, match=r"cannot be reached .* or pass --weights FILE, or --weights random"):
        load_network(SMALL, device="cpu")
    (tmp_path / "checkpoints").mkdir()
    state = get_model(SMALL).state_dict()
    torch.save(state, tmp_path / "checkpoints" / name)
    with pytest.raises(WorkError, match="is damaged"):
        load_network(SMALL, device="cpu")
    monkeypatch.setattr(weights_module, "sha256_of", lambda _: name.removesuffix(".pth").rpartition("-")[2])
    model = load_network(SMALL, device="cpu")
    assert torch.equal(model.fc.weight, state["fc.weight"])
    assert model.weights_note == f"network: {SMALL}; weights: {name}, from torchvision's cache"


def test_the_shared_network_is_loaded_as_ever(random_weights, monkeypatch):
    monkeypatch.setenv("SQUEEZENET_WEIGHTS", str(random_weights))
    model = load_network(device="cpu")
    assert model.weights_note.startswith("weights: random.pth (sha256 ")
    assert footer(model) == f"SqueezeNet 1.1, weights {model.weights_name}"
    assert (model.model_name, model.input_size, model.takes_any_size) == (SHARED, 224, True)
    assert load_network(SHARED, "random", "cpu").title == "SqueezeNet 1.1"
    Path("names.txt").write_text("\n".join(f"kind {index}" for index in range(1000)))
    assert load_network(device="cpu", classes="names.txt").class_names[999] == "kind 999"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("resnet-19", r"is no image classifier of torchvision; did you mean resnet18.*\?, or timm:NAME, or package"),
        ("fasterrcnn_resnet50_fpn", "detects, segments, reads videos or is quantised; give an image classifier"),
        ("r3d_18", "give an image classifier"),
        ("", "is no image classifier of torchvision; allowed are alexnet"),
        ("their_networks:buidl", "the module 'their_networks' has no 'buidl'; did you mean build"),
        ("their_networks:", "the module 'their_networks' has no ''"),
        ("no_such_module:build", "there is no module 'no_such_module' where Python looks, nor in '/.*'; start in the"),
        (
            "their_networks.inner:build",
            "there is no module 'their_networks.inner' .*, and 'their_networks' is no package",
        ),
        ("their_package.other:build", "there is no module 'their_package.other'"),
        ("a b:build", "is not of the form package.module:function"),
        ("../their_networks:build", "is not of the form package.module:function"),
        (":build", "is not of the form package.module:function"),
        ("broken_module:build", "cannot be imported: ModuleNotFoundError: No module named 'no_such_package_at_all'$"),
        ("wrong_module:build", "cannot be imported: ZeroDivisionError"),
        ("their_networks:with_arguments", r"needs arguments \(classes, width\); give a function without"),
        ("their_networks:failing", "'their_networks:failing' failed: KeyError: 'no such file"),
        ("their_networks:ending", "failed: it ended the program"),
        ("their_networks:nothing", "returns a NoneType, not a torch.nn.Module"),
        ("their_networks:made", "is a Small; give the name of a function that returns the network"),
        ("their_networks:number", "is a int; give the name of a function"),
        ("their_networks:maps", r"gives a tensor of shape \(1, 4, 222, 222\) for 1 images, not scores \(N, K\)"),
        ("their_networks:dictionary", r"gives a dictionary with logits, not scores \(N, K\); wrap it"),
        ("their_networks:of_names_too_few", "class_names has 1 names, and the network gives 3 scores"),
        ("their_networks:of_a_strange_size", "its input_size is .3, 64, 32.; the side of a square in pixels is needed"),
        ("their_networks:of_no_spread", r"its pixel_std is \(0, 1, 1\); three numbers"),
    ],
)
def test_a_name_that_gives_no_network_is_refused_in_one_sentence(name, words):
    with pytest.raises(UsageError, match=words) as refused:
        load_network(name, device="cpu")
    assert "\n" not in str(refused.value)
    assert str(refused.value).startswith("model: ") or "class_names" in str(refused.value)


def test_a_function_gives_the_network_and_what_belongs_to_it():
    model = load_network("their_networks:two", device="cpu")
    assert model.class_names == ("cat", "dog")
    assert model.title == model.model_name == "their_networks:two"
    assert not model.training
    assert (model.input_size, model.takes_any_size) == (224, True)
    assert model.weights_name.startswith("as built (sha256 ")
    assert re.search(r"\(sha256 \w{8}\), code \w{8}, 2 classes, as the function returns them$", model.weights_note)
    again = load_network("their_package.inner:make", device="cpu")
    assert again.class_names == ("class 0", "class 1", "class 2")
    assert again.weights_name != model.weights_name
    built = load_network("their_networks:build", device="cpu")
    assert torch.equal(again.head.weight, built.head.weight)  # seed 0
    assert load_network("their_networks:Small", device="cpu").class_names == again.class_names  # a class will do
    model = load_network("their_networks:of_32_pixels", device="cpu")
    assert (model.input_size, model.takes_any_size) == (32, False)
    model = load_network("their_networks:like_timms", device="cpu")
    assert (model.input_size, model.pixel_mean, model.pixel_std) == (96, (0.5,) * 3, (0.5,) * 3)


def test_networks_of_other_code_have_other_names(theirs):
    """What was made by the code before is then not taken for what it gives now."""
    before = load_network("their_networks:build", device="cpu")
    torch.save(before.state_dict(), "own.pth")
    kept = load_network("their_networks:build", "own.pth", "cpu").weights_name
    assert kept == load_network("their_networks:build", "own.pth", "cpu").weights_name
    Path("their_networks.py").write_text(THEIRS.replace("nn.ReLU()", "nn.ReLU6()"))
    del sys.modules["their_networks"]
    importlib.invalidate_caches()
    after = load_network("their_networks:build", device="cpu")
    assert torch.equal(before.head.weight, after.head.weight)
    assert before.weights_name != after.weights_name
    again = load_network("their_networks:build", "own.pth", "cpu").weights_name
    assert again.partition(", code ")[0] == kept.partition(", code ")[0]
    assert again != kept
    assert cache_folder(Path(), before, {}) != cache_folder(Path(), after, {})
    half = load_network("their_networks:build", device="cpu").bfloat16()
    assert cache_folder(Path(), half, {}) != cache_folder(Path(), after, {})


def test_another_order_of_looking_is_not_shadowed_by_the_current_folder():
    Path("json.py").write_text("raise RuntimeError('not the standard library')")
    load_network("their_networks:build", device="cpu")
    assert sys.path.index(str(Path.cwd())) == len(sys.path) - 1


def test_random_weights_leave_no_layer_at_zero():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))
    nn.init.zeros_(network[3].weight)  # as the head of torchvision's vision transformers is
    before = copy.deepcopy(network.state_dict())
    after = without_zeros(network).state_dict()
    assert after["3.weight"].any()
    assert all(torch.equal(after[key], value) for key, value in before.items() if key != "3.weight")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_networks_of_odd_kinds_are_loaded_or_refused_in_one_sentence():
    assert load_network("their_networks:traced", device="cpu").class_names == ("class 0", "class 1", "class 2")
    assert load_network("their_networks:in_parallel", device="cpu").class_names == ("class 0", "class 1", "class 2")
    assert not any(each.requires_grad for each in load_network("their_networks:scripted", device="cpu").parameters())
    for name in ("compiled", "compiled_in_place"):  # as they were before: to compile them takes minutes
        network = load_network(f"their_networks:{name}", device="cpu")
        assert type(network).__name__ == "Small"
        assert network._compiled_call_impl is None
    assert load_network("their_networks:in_half", device="cpu").head.weight.dtype == torch.float16
    for name in ("exported", "lazy"):
        with pytest.raises(UsageError, match="cannot be frozen, put into eval mode, or moved to cpu: "):
            load_network(f"their_networks:{name}", device="cpu")


def test_of_one_score_alone_it_is_said_that_its_probability_tells_nothing():
    note = load_network("their_networks:of_one_score", device="cpu").weights_note
    assert "1 score alone (every probability is 1; " in note
    assert "1 classes" not in note


# --- Weights out of files ------------------------------------------------------------------------

THEIR_OWN = {kind: wrap for kind, wrap in WRAPPED.items() if kind != "features alone in parallel"}


@pytest.mark.parametrize("kind", THEIR_OWN)
def test_weights_are_found_in_whatever_a_trainer_put_around_them(kind):
    network = load_network("their_networks:two", device="cpu")
    with torch.no_grad():
        for value in network.parameters():
            value.copy_(value.bfloat16())  # so that no type rounds
    state = {key: value + 1 if value.dim() == 1 else value for key, value in network.state_dict().items()}
    network.load_state_dict(state)
    if kind.startswith("whole"):
        network = copy.deepcopy(network)
        for module in network.modules():
            module.__class__ = {"Small": nn.Sequential}.get(type(module).__name__, type(module))
    loaded = load_network("their_networks:two", saved(THEIR_OWN[kind](network, state)), "cpu")
    for key, value in loaded.state_dict().items():
        torch.testing.assert_close(value, state[key], rtol=1e-2, atol=1e-2)
    assert "own.pth (sha256 " in loaded.weights_name
    assert "from the path given" in loaded.weights_note
    assert ("without '" in loaded.weights_note) == (
        kind not in "bare nested half bfloat16 float64 whole with arguments"
    )


def test_the_number_of_classes_is_that_of_the_file():
    trained = get_model(SMALL, num_classes=2)
    file = saved(
        {
            "state_dict": {f"module.{key}": value for key, value in trained.state_dict().items()},
            "classes": ["cat", "dog"],
        }
    )
    model = load_network(SMALL, file, "cpu")
    assert model.class_names == ("cat", "dog")
    images = noise(2, 3, 64, 64)
    torch.testing.assert_close(model(images), trained.eval()(images))
    assert "2 classes" in model.weights_note
    model = load_network(SMALL, saved({"state_dict": trained.state_dict(), "classes": ["a", "b", "c"]}), "cpu")
    assert model.class_names == ("class 0", "class 1")
    assert "without its 3 class names, which are not one for each of 2 classes" in model.weights_note
    model = load_network(SMALL, saved(trained.state_dict()), "cpu", classes=saved_names("left\nright\n"))
    assert model.class_names == ("left", "right")


def test_files_of_early_versions_lack_the_counters_of_batch_norm():
    state = get_model(SMALL, num_classes=2).state_dict()
    old = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    assert len(old) < len(state)
    assert torch.equal(load_network(SMALL, saved(old), "cpu").fc.weight, state["fc.weight"])
    prefixed = {f"backbone.{key}": value for key, value in old.items()}
    assert torch.equal(load_network(SMALL, saved(prefixed), "cpu").fc.weight, state["fc.weight"])


def nan_within(state):
    return {**state, "fc.bias": state["fc.bias"] * float("nan")}


def head_replaced():
    model = get_model(SMALL)
    model.fc = nn.Sequential(nn.Dropout(), nn.Linear(1024, 2))
    return {f"model.{key}": value for key, value in model.state_dict().items()}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            head_replaced,
            rf"has 'fc.1.bias', which {SMALL} does not; for a network that was changed, .*package.module:f",
        ),
        (lambda: get_model("shufflenet_v2_x1_0", num_classes=2).state_dict(), "has 'conv5.0.weight' of shape|of shape"),
        (
            lambda: get_model("squeezenet1_0").state_dict(),
            "has '.*', which .* does not: it is of torchvision's squeezenet1_0",
        ),
        (lambda: {"epoch": 3}, "holds no state dict"),
        (lambda: nan_within(get_model(SMALL).state_dict()), "not finite; take the weights of an earlier epoch"),
        (lambda: {"state_dict": {"fc.weight": torch.ones(2, 3)}}, "lacks '"),
        (lambda: {"model": Trap("trapped")}, "to read that could run code of the file"),
    ],
)
def test_weights_that_do_not_fit_are_refused_with_what_to_do(content, words):
    with pytest.raises(UsageError, match=words) as refused:
        load_network(SMALL, saved(content()), "cpu")
    assert "\n" not in str(refused.value)
    assert not Path("trapped").exists()


@pytest.mark.parametrize(
    ("model", "weights", "words"),
    [
        (SMALL, "nowhere.pth", "'nowhere.pth' is not there; give a .pth, .pt or .safetensors file, auto or random"),
        (SMALL, "patterns", f"'patterns' are those of SqueezeNet 1.1; for {SMALL} give auto, random, or a file"),
        ("their_networks:build", "random", "'random' is not for a function, which gives its network with its weights"),
        (SMALL, "", "the name is empty"),
    ],
)
def test_weights_that_there_are_not(model, weights, words):
    with pytest.raises(UsageError, match=words):
        load_network(model, weights, "cpu")


def test_heads_that_only_a_training_has_are_left_out():
    trained = get_model("googlenet", aux_logits=True, init_weights=False, num_classes=5)
    assert any(key.startswith("aux1.") for key in trained.state_dict())
    model = load_network("googlenet", saved(trained.state_dict()), "cpu")
    assert model.transform_input  # as torchvision's own weights want it
    trained.transform_input = True
    images = noise(1, 3, 64, 64)
    torch.testing.assert_close(model(images), trained.eval()(images))


def test_torchvisions_own_files_are_read_by_the_names_of_today():
    old = {"features.denseblock1.denselayer2.norm.1.weight": 0, "features.norm5.weight": 1}
    assert list(in_todays_names("densenet121", old)) == [
        "features.denseblock1.denselayer2.norm1.weight",
        "features.norm5.weight",
    ]
    old = {
        "encoder.layers.encoder_layer_0.mlp.linear_1.weight": 0,
        "encoder.layers.encoder_layer_0.mlp.linear_2.bias": 1,
    }
    new = ["encoder.layers.encoder_layer_0.mlp.0.weight", "encoder.layers.encoder_layer_0.mlp.3.bias"]
    assert list(in_todays_names("vit_b_16", old)) == new
    assert list(in_todays_names("resnet18", old)) == list(old)


def test_each_classifier_of_torchvision_has_weights_that_say_what_they_want():
    for name in known_models():
        transforms = next(iter(get_model_weights(name))).transforms()
        assert len(transforms.crop_size) == 1, name
        assert len(transforms.mean) == len(transforms.std) == 3, name


# --- Class names ---------------------------------------------------------------------------------


def saved_names(text, encoding="utf-8"):
    Path("names.txt").write_bytes(text.encode(encoding))
    return "names.txt"


@pytest.mark.parametrize(
    "text", ["left\nright\n", "left\r\nright\r\n\r\n", '["left", "right"]', " left \nright", "\ufeffleft\nright"]
)
def test_class_names_are_read_from_a_file(text):
    assert read_class_names(saved_names(text)) == ("left", "right")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("\n\n", "holds no names"),
        ("left\n\nright", "an empty line"),
        ('["left", 3]', "an entry that is no name"),
        ('["left"', "holds text that is no JSON"),
        ("[]", "holds no names"),
        ('{"0": "left", "1": "right"}', "is a JSON dictionary"),
    ],
)
def test_a_file_that_holds_no_class_names_is_refused(text, words):
    with pytest.raises(UsageError, match=rf"classes: 'names.txt' .*{words}"):
        read_class_names(saved_names(text))


def test_class_names_must_be_as_many_as_the_scores():
    words = "classes: 'names.txt' has 2 names, and the network gives 3 scores; give 3 names"
    with pytest.raises(UsageError, match=words):
        load_network("their_networks:build", device="cpu", classes=saved_names("a\nb"))
    assert load_network("their_networks:build", device="cpu", classes=saved_names("a\nb\nc")).class_names == (*"abc",)
    with pytest.raises(UsageError, match="'imagenet' has 1000 names"):
        load_network("their_networks:build", device="cpu", classes="imagenet")
    with pytest.raises(UsageError, match="is no text in UTF-8"):
        read_class_names(saved_names("é", "latin-1"))
    for path, reason in (("nowhere.txt", "is not there"), (".", "is a folder")):
        with pytest.raises(UsageError, match=reason):
            read_class_names(path)


# --- Another mean and spread ---------------------------------------------------------------------


def test_a_network_of_another_mean_and_spread_reads_pictures_in_our_units():
    model = load_network("their_networks:half_grey", device="cpu")
    bare = load_network("their_networks:half_grey", device="cpu")
    bare._forward_pre_hooks.clear()
    images = noise(2, 3, 64, 64).double()
    spread = torch.tensor([0.25, 0.5, 1.0]).double().view(3, 1, 1)
    by_hand = (denormalise(images) - torch.tensor([0.5, 0.4, 0.3]).double().view(3, 1, 1)) / spread
    torch.testing.assert_close(model(images), bare(by_hand))
    torch.testing.assert_close(grad_cam(model, images, 1, layer="relu"), grad_cam(bare, by_hand, 1, layer="relu"))
    # d score / d x = d score / d x_network * d x_network / d x, the same factor for each colour.
    factor = torch.tensor(IMAGENET_STD).double().view(3, 1, 1) / spread
    before = state_of(model, images)
    torch.testing.assert_close(
        input_gradient(model, images, 1), factor * input_gradient(bare, by_hand, 1), rtol=1e-5, atol=1e-8
    )
    assert state_of(model, images) == before
    torch.testing.assert_close(copy.deepcopy(model)(images), model(images))
    torch.testing.assert_close(nn.DataParallel(model)(images), model(images))
    assert model.float()(images.float()).dtype == torch.float32
    assert model.half()(images.half()).dtype == torch.float16


def test_black_and_white_become_what_the_network_has_for_them():
    conversion = InputConversion((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    black, white = (
        (torch.tensor(IMAGENET_MEAN).view(3, 1, 1) * -1 + value) / torch.tensor(IMAGENET_STD).view(3, 1, 1)
        for value in (0, 1)
    )
    for picture, expected in ((black, -1.0), (white, 1.0)):
        (converted,) = conversion(nn.Identity(), (picture[None],))
        torch.testing.assert_close(converted, torch.full((1, 3, 1, 1), expected))


# --- In the studies ------------------------------------------------------------------------------

ANY = [name for name in study_names() if "--classes" in flags_of(name).parser().format_usage()]
SQUEEZENETS = [
    name for name in study_names() if name not in ANY and "--model" in flags_of(name).parser().format_usage()
]


def test_every_study_has_the_flag_but_that_which_asks_no_network():
    assert {*study_names()} - {*ANY, *SQUEEZENETS} == {"scenes", "gallery"}
    assert {"explain", "saliency", "gradcam", "fooling", "universal", "classes", "deepdream", "trust"} <= {*ANY}


@pytest.mark.parametrize("name", SQUEEZENETS)
def test_a_study_that_needs_squeezenets_form_says_so_and_what_to_use_instead(name, refusal):
    said = refusal(run, name, "--model", SMALL)
    assert f"model: '{SMALL}' is not for this study: " in said
    flags = flags_of(name)
    assert flags.settings(flags.parser().parse_args(["--model", SHARED])).model == SHARED


@pytest.mark.parametrize("name", ANY)
def test_a_study_of_any_network_says_what_is_wrong_with_one(name, refusal):
    technique = ["--technique", "filters"] if name == "neurons" else []
    said = refusal(run, name, "--model", "their_networks:nothing", *technique)
    assert "model: 'their_networks:nothing' returns a NoneType" in said


def test_figures_of_another_network_name_it_and_are_found_again(picture, capsys):
    flags = ["--model", "their_networks:two", "--images", picture, "--size", 64, "--output", "out", "--layer", "relu"]
    assert run("explain", *flags) == 0
    texts = description_of(Path("out", "some picture.png"))
    assert '"model": "their_networks:two"' in texts["Settings"]
    assert "network: their_networks:two; weights: as built" in capsys.readouterr().out
    assert run("explain", *flags) == 0
    assert "there already: 1" in capsys.readouterr().out
    assert run("explain", *flags, "--classes", saved_names("left\nright")) == 0
    assert "wrote 1 picture" in capsys.readouterr().out
    assert "model" not in describe("explain", {"size": 64, "model": SHARED, "classes": None}, "")["Settings"]


def test_a_folder_of_a_networks_name_is_not_what_it_reads(picture, monkeypatch):
    Path("resnet18").mkdir()
    monkeypatch.setattr(importlib.import_module("studies.explain.study"), "run", lambda *_: None)
    assert run("explain", "--model", "resnet18", "--images", picture, "--output", "resnet18") == 0
    Path("resnet18", "some picture.png").write_bytes(picture.read_bytes())
    assert run("explain", "--model", "resnet18", "--images", picture, "--output", "resnet18", "--overwrite") == 0


def test_a_network_of_one_size_gets_pictures_of_that_size(picture, refusal):
    flags = ["--model", "their_networks:of_32_pixels", "--images", picture, "--technique", "gradient"]
    assert run("saliency", *flags, "--output", "a.png") == 0
    assert '"size": 32' in description_of(Path("a.png"))["Settings"]
    said = refusal(run, "saliency", *flags, "--size", "64", "--output", "b.png")
    assert "size: 64; their_networks:of_32_pixels takes pictures of 32 pixels alone" in said


def test_the_cost_of_another_network_is_its_own_time_and_no_memory_of_squeezenets():
    model, work = load_network("their_networks:of_32_pixels", device="cpu"), gradients(1e4, 224**2)
    expected = expect(work, model)  # its gradient is timed at 32 pixels, the only size that it takes
    assert expected.seconds > STARTING
    assert expected.bytes is None
    words = sentence(Expected(720, None, ("size",)), None)
    assert words == "cost: about 12 min; --size lowers it"


# --- timm ----------------------------------------------------------------------------------------


def test_without_timm_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(WorkError, match=r"the package 'timm' is missing.*pip install -r requirements-models.txt"):
        load_network("timm:vit_tiny_patch16_224", device="cpu")


@pytest.mark.skipif(importlib.util.find_spec("timm") is None, reason="timm is optional and not installed")
def test_a_network_of_timm_is_loaded_with_what_its_configuration_says():
    model = load_network("timm:vit_tiny_patch16_224", "random", "cpu")
    assert (model.input_size, model.takes_any_size, model.pixel_mean) == (224, False, (0.5, 0.5, 0.5))
    assert model.class_names == IMAGENET_NAMES
    assert model.title == "vit_tiny_patch16_224"
    trained = importlib.import_module("timm").create_model("resnet10t", num_classes=2)
    loaded = load_network("timm:resnet10t", saved(trained.state_dict()), "cpu")
    assert loaded.class_names == ("class 0", "class 1")
    for name, words in (
        ("timm:vit_tinny_patch16_224", "timm has no network 'vit_tinny_patch16_224'; did you mean vit_tiny"),
        ("timm:vit_tiny_patch16_224.nobodys", "timm has no weights 'nobodys' of vit_tiny_patch16_224; allowed are"),
    ):
        with pytest.raises(UsageError, match=words):
            load_network(name, "random", "cpu")
    with pytest.raises(WorkError, match=r"are not in its cache and https://huggingface.co cannot be reached"):
        load_network("timm:vit_tiny_patch16_224", device="cpu")
