"""Networks, labels and pictures of all kinds: each map is right, or refused in one sentence. New rows included."""

import shutil
from collections import namedtuple
from dataclasses import dataclass

import pytest
import torch
from conftest import SQUEEZENETS, noise, state_of, tiny_squeezenet
from test_no_trace import CALLS as EVERYTHING
from test_threads import CALLS, LAYERS, QUICK, settings_of
from torch import nn
from torch.nn.functional import relu
from torch.nn.modules import module as every_module
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

from core.duplicates import duplicate
from core.errors import UsageError, WorkError
from core.gradients import input_gradient
from core.passes import scores_of
from core.zero_scores import without_last_relu
from measures.captum_reference import captum_grad_cam, captum_guided_backprop, captum_saliency
from measures.sanity import all_random
from visualizers.deconvnet import deconvnet
from visualizers.gradcam import grad_cam
from visualizers.guided_backprop import guided_backprop
from visualizers.saliency_map import saliency_map

pytestmark = [
    pytest.mark.filterwarnings("ignore:the map of image"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # of what PyTorch would rather not have any more
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
every_row = pytest.mark.parametrize("row", SQUEEZENETS.values(), ids=SQUEEZENETS)


class Giving(nn.Module):
    """A network that gives something made of its scores."""

    def __init__(self, of_scores) -> None:
        super().__init__()
        self.inner, self.of_scores = tiny_squeezenet(), of_scores
        self.features = self.inner.features

    def forward(self, images):
        return self.of_scores(self.inner(images))


class Functional(nn.Module):
    """The same network with modules for ReLUs, with functions, or with one of each."""

    def __init__(self, first, second) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.one, self.two, self.last = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 6, 3, padding=1), nn.Linear(6, 5)
        self.first, self.second = first, second

    def forward(self, images):
        maps = self.second(self.two(self.first(self.one(images))))
        return self.last(maps.mean(dim=(2, 3)))


Output = namedtuple("Output", "logits aux")


@dataclass
class Answer:
    logits: torch.Tensor


NO_SCORES = {
    "a dictionary": lambda scores: {"out": scores},
    "a tuple": lambda scores: (scores, scores),
    "a named tuple": lambda scores: Output(scores, scores),
    "a dataclass": Answer,
    "None": lambda scores: None,
    "an array": lambda scores: scores.detach().numpy(),
    "(N, K, 1, 1)": lambda scores: scores[:, :, None, None],
    "(K,)": lambda scores: scores[0],
    "twice the batch": lambda scores: scores.repeat(2, 1),
    "a number": lambda scores: scores.sum(),
    "no classes": lambda scores: scores[:, :0],
}


@pytest.fixture
def pair():
    return noise(2, 3, 40, 40) * 0.8


def maps_of(row, model, images, labels=1, prefix=""):
    settings = settings_of(row)
    if "layer" in settings:
        settings["layer"] = prefix + LAYERS["layer"]
    if "layers" in settings:
        settings["layers"] = tuple(prefix + layer for layer in LAYERS["layers"])
    return row.call()(model, images, labels, **settings)


def refused(call) -> str | None:
    """What it says in refusing, checked to be one sentence; None if it did not. All else is raised."""
    try:
        call()
    except (UsageError, WorkError) as error:
        words = str(error)
        assert "\n" not in words
        assert ": " in words
        return words
    return None


@pytest.mark.parametrize("kind", NO_SCORES)
@every_row
def test_what_gives_no_scores_is_refused_with_the_remedy(row, kind, pair):
    model = Giving(NO_SCORES[kind])
    before = state_of(model, pair)
    words = refused(lambda: maps_of(row, model, pair, prefix="inner."))
    if row.name == "class-map":
        assert "no class map" in words
    elif row.name != "eigen-cam":  # which asks for no scores
        assert "not scores (N, K); wrap it in a module that returns the scores alone" in words
    assert state_of(model, pair) == before


def with_nan(model):
    model.features[3].squeeze.weight[0] = torch.nan
    return model


def quantised_by_the_way():
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, 4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 6)
    ).eval()
    return torch.ao.quantization.quantize_dynamic(model, {nn.Linear}, torch.qint8)


def quantised_throughout():
    quantisation = torch.ao.quantization
    layers = [quantisation.QuantStub(), nn.Conv2d(3, 4, 3, 4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    model = nn.Sequential(*layers, nn.Linear(4, 6), quantisation.DeQuantStub()).eval()
    engines = [engine for engine in torch.backends.quantized.supported_engines if engine != "none"]
    if not engines:
        pytest.skip("PyTorch was built without quantised operations")
    model.qconfig = quantisation.get_default_qconfig(engines[-1])
    prepared = quantisation.prepare(model)
    prepared(noise(2, 3, 40, 40))
    return quantisation.convert(prepared)


def made_in_inference_mode():
    with torch.inference_mode():
        return tiny_squeezenet()


ODD = {
    "scores without a gradient": lambda: Giving(lambda scores: scores.detach()),
    "infinite scores": lambda: Giving(lambda scores: scores + torch.inf),
    "NaN among its weights": lambda: with_nan(tiny_squeezenet()),
    "it divides by zero": lambda: Giving(lambda scores: 1 // 0),
    "a key that is missing": lambda: Giving(lambda scores: {}["scores"]),
    "scripted": lambda: torch.jit.script(tiny_squeezenet()),
    "traced": lambda: torch.jit.trace(tiny_squeezenet(), noise(2, 3, 40, 40)),
    "frozen by TorchScript": lambda: torch.jit.freeze(torch.jit.script(tiny_squeezenet())),
    "made in inference mode": made_in_inference_mode,
    "without numbers": lambda: tiny_squeezenet().to("meta"),
    "lazy": lambda: nn.Sequential(
        nn.LazyConv2d(4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LazyLinear(6)
    ),
    "quantised by the way": quantised_by_the_way,
    "quantised throughout": quantised_throughout,
    "one size alone": lambda: nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 6)),
    "nothing": nn.Sequential,
}


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_network_is_explained_or_refused_in_one_sentence_by_whatever_is_called(kind, pair):
    model = ODD[kind]()
    for name, call in CALLS.items():
        if name in ("a recording", "replicated borders"):  # of ours alone, for passes that are ours
            continue
        if name in ("features of the course", "style objective") and not hasattr(model, "features"):
            continue
        result = []
        words = refused(lambda call=call, result=result: result.append(call(model, pair)))
        for values in result:
            assert values.isfinite().all() or name in ("features of the course", "style objective"), name
        if kind in ("without numbers", "lazy") and name not in ("features of the course", "style objective"):
            assert words, name
        if "quantised" in kind and name == "gradient":
            assert "quantised" in words
        if kind in ("NaN among its weights", "infinite scores") and name in ("gradient", "occlusion", "rise", "pgd"):
            assert "not finite" in words or "no longer finite" in words, name


def within(model):
    """The same network with layers up to features.12, the one that maps look at."""
    model.features.extend(nn.Identity() for _ in range(13 - len(model.features)))
    return model


OF_ANY_CALL = {
    "a dictionary": lambda: Giving(NO_SCORES["a dictionary"]),
    "a single class": lambda: Giving(lambda scores: scores[:, :1]),
    "scores without a gradient": ODD["scores without a gradient"],
    "NaN among its weights": lambda: with_nan(within(tiny_squeezenet())),
    "scripted": lambda: torch.jit.script(within(tiny_squeezenet())),
    "without numbers": lambda: within(tiny_squeezenet()).to("meta"),
    "in half precision": lambda: within(tiny_squeezenet()).half(),
}


@pytest.mark.parametrize("kind", OF_ANY_CALL)
@pytest.mark.parametrize("name", sorted(set(EVERYTHING) - {"learning to paint", "facet visualization"}))
def test_whatever_else_takes_a_network_works_or_refuses_in_one_sentence(name, kind):
    model, images = OF_ANY_CALL[kind](), noise(3, 3, 40, 40) * 0.8
    if name in ("features", "style transfer") and not hasattr(model, "features"):
        return  # the test itself looks for them
    words = refused(lambda: EVERYTHING[name](model, images))
    if kind == "NaN among its weights" and name not in ("receptive fields", "features"):  # of them as they are
        assert "finite" in words
    if kind == "scores without a gradient" and "class visualization" in name:
        assert "no gradient" in words
    if kind == "in half precision" and name not in ("guided unit", "facet features"):
        assert words is None


@pytest.mark.parametrize("way", ["wrapper", "method", "submodule", "forward"])
def test_of_a_compiled_network_every_map_is_that_of_the_same_network_uncompiled(way, pair):
    pytest.importorskip("torch._dynamo")
    torch._dynamo.reset()
    runs = []

    def counting(graph, _inputs):
        return lambda *arguments: runs.append(1) or graph.forward(*arguments)

    plain, inner = tiny_squeezenet(), tiny_squeezenet()
    model = inner
    if way == "wrapper":
        model = torch.compile(inner, backend=counting)
    elif way == "method":
        inner.compile(backend=counting)
    elif way == "submodule":
        inner.features = torch.compile(inner.features, backend=counting)
    else:
        inner.forward = torch.compile(inner.forward, backend=counting)
    scores = model(pair)  # compiled here, before any hook of ours
    assert runs
    for name, call in CALLS.items():
        torch.testing.assert_close(call(model, pair), call(plain, pair), msg=lambda text, name=name: f"{name}: {text}")
    runs.clear()
    torch.testing.assert_close(model(pair), scores)
    assert runs, "afterwards the compiled code runs as before"
    torch._dynamo.reset()


@pytest.mark.slow
def test_a_network_compiled_to_machine_code_has_the_maps_of_the_same_network_uncompiled(pair):
    if not (shutil.which("gcc") or shutil.which("g++") or shutil.which("clang")):
        pytest.skip("needs a C++ compiler")
    torch._dynamo.reset()
    plain, model = tiny_squeezenet(), torch.compile(tiny_squeezenet())
    model(pair)
    for name in ("gradient", "guided-backprop", "deconvnet", "grad-cam", "class-map", "pgd"):
        torch.testing.assert_close(CALLS[name](model, pair), CALLS[name](plain, pair))
    torch.testing.assert_close(model(pair), plain(pair))
    torch._dynamo.reset()


@pytest.mark.slow
def test_an_exported_network_is_explained_right_or_refused(pair):
    plain, model = tiny_squeezenet(), torch.export.export(tiny_squeezenet(), (pair,)).module()
    for row in SQUEEZENETS.values():
        result = []
        words = refused(lambda row=row, result=result: result.append(maps_of(row, model, pair)))
        if words is None:
            torch.testing.assert_close(
                result[0], maps_of(row, plain, pair), msg=lambda text, row=row: f"{row.name}: {text}"
            )
    torch.testing.assert_close(guided_backprop(model, pair, 1), guided_backprop(plain, pair, 1))


@pytest.mark.parametrize("wrap", [nn.DataParallel, torch.fx.symbolic_trace], ids=["DataParallel", "torch.fx"])
def test_a_wrapped_network_has_the_same_maps(wrap, pair):
    plain = tiny_squeezenet()
    model, prefix = wrap(tiny_squeezenet()), "module." if wrap is nn.DataParallel else ""
    for row in SQUEEZENETS.values():
        result = []
        words = refused(lambda row=row, result=result: result.append(maps_of(row, model, pair, prefix=prefix)))
        if not words:
            torch.testing.assert_close(
                result[0], maps_of(row, plain, pair), msg=lambda text, row=row: f"{row.name}: {text}"
            )
        elif row.name != "class-map":  # torch.fx keeps the layers that are used, not the blocks that they were in
            assert wrap is not nn.DataParallel, row.name
            assert "layer: " in words or "modules" in words, row.name


@pytest.mark.parametrize("technique", [guided_backprop, deconvnet])
@pytest.mark.parametrize(
    "first",
    [
        nn.ReLU(),
        nn.ReLU(inplace=True),
        relu,
        torch.relu_,
        nn.Threshold(0, 0),
        nn.LeakyReLU(0),
        lambda maps: maps.clamp(min=0),
        lambda maps: maps.clamp_min(0),
    ],
    ids=["module", "in place", "function", "function in place", "threshold", "leaky by 0", "clamp", "clamp_min"],
)
@pytest.mark.parametrize("second", [nn.ReLU(), relu], ids=["module", "function"])
def test_relus_that_are_functions_follow_the_rule_as_modules_do(technique, first, second, pair):
    expected = technique(Functional(nn.ReLU(), nn.ReLU()).double(), pair.double(), 1)
    torch.testing.assert_close(technique(Functional(first, second).double(), pair.double(), 1), expected)
    assert not torch.allclose(expected, input_gradient(Functional(nn.ReLU(), nn.ReLU()).double(), pair.double(), 1))


@pytest.mark.parametrize("technique", [guided_backprop, deconvnet])
@pytest.mark.parametrize(
    "other",
    [nn.ReLU6(), nn.LeakyReLU(), nn.GELU(), torch.nn.functional.silu, lambda maps: maps.clamp(0, 6)],
    ids=["ReLU6", "LeakyReLU", "GELU", "silu", "clamp to 6"],
)
def test_other_activations_have_no_such_rule(technique, other, pair):
    with pytest.raises(UsageError, match="changes the way back through ReLUs, and the network runs none"):
        technique(Functional(other, other), pair, 1)


@pytest.mark.parametrize("technique", [guided_backprop, deconvnet])
def test_relus_that_cannot_be_seen_are_not_passed_by_in_silence(technique, pair):
    for model in (
        torch.jit.script(tiny_squeezenet()),
        Functional(nn.ReLU(), torch.jit.script(nn.Sequential(nn.ReLU()))),
    ):
        with pytest.raises(UsageError, match="scripted or traced network; use the saliency map"):
            technique(model, pair, 1)


class OwnRelu(torch.autograd.Function):
    @staticmethod
    def forward(context, values):
        context.save_for_backward(values)
        return values.clamp(min=0)

    @staticmethod
    def backward(context, gradient):
        return gradient * (context.saved_tensors[0] > 0)


@pytest.mark.parametrize("technique", [guided_backprop, deconvnet])
def test_an_operation_of_the_owners_own_is_no_relu_that_a_rule_could_see(technique, pair):
    with pytest.raises(UsageError, match="own operation OwnRelu is a ReLU; use the saliency map"):
        technique(Functional(nn.ReLU(), OwnRelu.apply), pair, 1)


WEIGHTS = {
    "pruned": lambda layer: prune.l1_unstructured(layer, "weight", amount=0.5),
    "pruned bias": lambda layer: prune.random_unstructured(layer, "bias", amount=0.5),
    "weight norm": weight_norm,
    "weight norm, parametrised": parametrizations.weight_norm,
    "spectral norm": spectral_norm,
    "spectral norm, parametrised": parametrizations.spectral_norm,
}


def computed(kind, place):
    model = tiny_squeezenet().double().requires_grad_(True)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        WEIGHTS[kind](model.get_submodule(place))
    return model.eval()


@pytest.mark.parametrize("place", ["classifier.1", "features.3.squeeze", "features.0"])
@pytest.mark.parametrize("kind", WEIGHTS)
def test_layers_whose_weights_are_computed_are_explained_as_captum_explains_them(kind, place, pair):
    model, images, labels = computed(kind, place), pair.double(), torch.tensor([1, 2])
    before = state_of(model, images)
    torch.testing.assert_close(saliency_map(model, images, labels), captum_saliency(model, images, labels))
    ours, theirs = (each(model, images, labels, layer="features.3") for each in (grad_cam, captum_grad_cam))
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(guided_backprop(model, images, labels), captum_guided_backprop(model, images, labels))
    assert state_of(model, images) == before


@pytest.mark.parametrize("kind", WEIGHTS)
def test_copies_of_such_networks_compute_the_same_and_are_not_said_to_be_random_where_they_cannot_be(kind, pair):
    model, images = computed(kind, "classifier.1"), pair.double()
    model(images)
    torch.testing.assert_close(duplicate(model)(images), model(images))
    raised = without_last_relu(model, images, torch.tensor([1, 2]))
    assert raised(images)[:, 1:3].min() > 0
    given = images.clone().requires_grad_(True)
    (expected,) = torch.autograd.grad(model.classifier[1](model.features(given))[:, 1].mean(dim=(1, 2)).sum(), given)
    torch.testing.assert_close(input_gradient(raised, images, 1), expected)
    with pytest.raises(UsageError, match=r"the weights of 'classifier.1' are computed .* cannot be randomised"):
        list(all_random(model, torch.Generator()))


HOOKS = {
    "forward": lambda layer, see: layer.register_forward_hook(lambda _m, _i, output: see(output)),
    "forward, changing": lambda layer, see: layer.register_forward_hook(
        lambda _m, _i, output: see(output) or output * 2
    ),
    "before": lambda layer, see: layer.register_forward_pre_hook(lambda _m, inputs: see(inputs[0])),
    "full backward": lambda layer, see: layer.register_full_backward_hook(lambda _m, _i, outputs: see(outputs[0])),
    "of all modules": lambda layer, see: every_module.register_module_forward_hook(
        lambda module, _i, output: see(output) if module is layer else None
    ),
}


@pytest.mark.parametrize("place", ["classifier", "classifier.0", "classifier.1", "classifier.3", ""])
@pytest.mark.parametrize("kind", HOOKS)
def test_a_hook_of_the_owners_sees_what_a_plain_pass_gives_it(kind, place, pair):
    model, seen = tiny_squeezenet().double(), []
    model.classifier[2].inplace = False  # PyTorch allows no full backward hook before a ReLU in place
    layer, images = model.get_submodule(place), pair.double()
    handle = HOOKS[kind](layer, lambda values: seen.append(values.shape))
    try:
        given = images.clone().requires_grad_(True)
        scores = model(given)
        (expected,) = torch.autograd.grad(scores[:, 1].sum(), given)
        plain, seen[:] = list(seen), []
        gradient = input_gradient(model, images, 1)
    finally:
        handle.remove()
    torch.testing.assert_close(gradient, expected)
    assert seen == plain != []


def test_a_forward_pass_put_in_place_of_its_own_is_the_one_explained(pair):
    model = tiny_squeezenet().double()
    expected = 3 * input_gradient(model, pair.double(), 1)
    own = model.forward
    model.forward = lambda images: 3 * own(images)
    torch.testing.assert_close(input_gradient(model, pair.double(), 1), expected)


class AroundCall(type(tiny_squeezenet())):
    def __call__(self, images):
        return 3 * super().__call__(images)


def test_a_class_that_changes_how_it_is_called_is_explained_so(pair):
    model = tiny_squeezenet().double()
    expected = 3 * input_gradient(model, pair.double(), 1)
    model.__class__ = AroundCall
    torch.testing.assert_close(input_gradient(model, pair.double(), 1), expected)


LABELS = {
    "None": None,
    "a name": "goldfish",
    "names": ["goldfish", "cat"],
    "ragged lists": [[1], [1, 2]],
    "fractions": [0.5, 1.5],
    "yes and no": [True, False],
    "a dictionary": {"label": 1},
    "a set": {1, 2},
    "huge": 10**30,
    "large": 2**40,
    "negative": -1,
    "out of range": 6,
    "none": [],
    "too many": [1, 2, 3],
    "complex": 1j,
    "NaN": float("nan"),
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@every_row
def test_labels_that_are_none_are_refused_in_one_sentence(row, labels, pair):
    for model, prefix in ((tiny_squeezenet(), ""), (Giving(lambda scores: scores), "inner.")):
        if row.name == "class-map" and prefix:
            continue
        if row.name == "eigen-cam" and prefix and labels in (2**40, 6):  # it asks for no scores
            continue
        words = refused(lambda model=model, prefix=prefix: maps_of(row, model, pair, labels, prefix=prefix))
        assert words.startswith("labels: ")


def inference_tensor(images):
    with torch.inference_mode():
        return images.clone()


PICTURES = {
    "expanded": lambda images: images[:1].expand(2, -1, -1, -1),
    "not contiguous": lambda images: images.transpose(2, 3).contiguous().transpose(2, 3),
    "every other pixel": lambda images: images.repeat_interleave(2, dim=3)[..., ::2],
    "channels last": lambda images: images.contiguous(memory_format=torch.channels_last),
    "a leaf": lambda images: images.clone().requires_grad_(True),
    "in a graph": lambda images: 1 * images.clone().requires_grad_(True),
    "of inference mode": inference_tensor,
}


@pytest.mark.parametrize("kind", PICTURES)
@every_row
def test_pictures_may_lie_in_memory_as_they_like(row, kind, pair):
    model, images = tiny_squeezenet().double(), PICTURES[kind](pair.double())
    before = images.detach().clone()
    expected = maps_of(row, model, before.contiguous())
    torch.testing.assert_close(maps_of(row, model, images), expected)
    assert torch.equal(images, before)
    assert not images.is_leaf or images.grad is None


NO_PICTURES = {
    "sparse": lambda images: images.to_sparse(),
    "on the meta device": lambda images: images.to("meta"),
    "complex": lambda images: images.to(torch.complex64),
    "NaN": lambda images: images / 0 * 0,
    "one picture": lambda images: images[0],
}


@pytest.mark.parametrize("kind", NO_PICTURES)
@every_row
def test_what_is_no_picture_is_refused_in_one_sentence(row, kind, pair):
    assert refused(lambda: maps_of(row, tiny_squeezenet(), NO_PICTURES[kind](pair))).startswith("images: ")


def test_scores_of_minus_infinity_are_those_of_classes_that_are_out_of_question(pair):
    masked = Giving(lambda scores: scores.masked_fill(torch.arange(6) == 4, -torch.inf))
    assert saliency_map(masked, pair, 1).any()
    with pytest.raises(WorkError, match="the score of a label is not finite"):
        saliency_map(masked, pair, 4)


def test_what_the_owners_code_raises_of_its_own_and_ctrl_c_pass_through(pair):
    class Broken(Exception):
        pass

    for error in (Broken, KeyboardInterrupt, MemoryError, torch.OutOfMemoryError):

        def fail(_scores, error=error):
            raise error("of the owner's")

        with pytest.raises(error, match="of the owner's"):
            scores_of(Giving(fail), pair)


def test_a_layer_that_gives_no_tensor_or_takes_no_part_is_named(pair):
    class Layers(nn.Module):
        def __init__(self):
            super().__init__()
            self.both, self.unused, self.last = (
                Giving(lambda scores: (scores, scores)),
                nn.Conv2d(3, 3, 1),
                nn.Identity(),
            )

        def forward(self, images):
            return self.last(self.both(images)[0])

    for layer, words in (
        ("both", "gives a tuple"),
        ("unused", "takes no part"),
        ("last", "not maps"),
        ("", "not in the"),
    ):
        for row in SQUEEZENETS.values():
            if "layer" in row.settings:
                said = refused(lambda row=row, layer=layer: row.call()(Layers(), pair, 1, layer=layer))
                assert said.startswith("layer: ")
                assert words in said


def test_the_settings_of_these_tests_are_those_that_rows_have():
    known = {name for row in SQUEEZENETS.values() for name in row.defaults}
    assert set(QUICK) | set(LAYERS) <= known
