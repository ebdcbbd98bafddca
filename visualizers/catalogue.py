"""Every map once: what it is called, what it asks, where it is, what may be set and what comes out. Torch-free.

Studies, tests, benchmarks, the README's table and the docs read these rows. A new map is a module, a row here, and a
test of its numbers ("Add a technique" in docs/add_a_technique.md).
"""

import ast
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from core.defaults import ROOT

Result = Literal["pixel map", "signed picture", "coarse map", "window map"]
Family = Literal["pixels", "layer"]  # whose importance is asked for: that of pixels, or of the places of a layer


@dataclass(frozen=True)
class Setting:
    """A keyword argument of maps, as flags take it: what it means, and its bounds if it is a number."""

    meaning: str
    least: float | None = None
    most: float | None = None
    unit: str = "N"


NEEDS = {  # what not every network has, and the function (model, images) that raises UsageError where it is missing
    "attention": "core.attention.check_attention",
    "class map": "visualizers.class_map.check_class_map",
    "ReLUs": "visualizers.guided_backprop.check_relus",
}
SETTINGS = {  # one that is missing here may be set all the same: its flag then says less
    "nodes": Setting("nodes on the way from the mean colour", 1, 1000),
    "samples": Setting("noisy copies of each image", 1, 10_000),
    "noise": Setting("standard deviation of the noise, as a share of the image's range of values", 0, 10),
    "patch": Setting("side of the window", 1, 1024, "PIXELS"),
    "stride": Setting("how far apart windows are", 1, 1024, "PIXELS"),
    "fill": Setting("what covers: mean colour, grey, or blur", unit="NAME"),
    "masks": Setting("random masks for each image", 2, 1_000_000),
    "grid": Setting("cells of a mask along a side", 1, 1024),
    "probability": Setting("share of the cells shown", 0, 1),
    "layer": Setting("the layer to explain; list: say them all (default: the last one with places)", unit="NAME"),
    "channels": Setting("only the N channels that vary most (default: all, a forward pass each)", 1),
}


@dataclass(frozen=True)
class Technique:
    """One map. `call()` imports its module; nothing else here does."""

    name: str  # as flags take it
    title: str  # as figures show it
    question: str
    function: str  # module.function(model, images (N, 3, H, W), labels (N,), *, settings) -> maps
    # (N, H, W); (N, 3, H, W), signed; (N, h, w), as coarse as the layer; (N, rows, columns), a value a window
    result: Result
    paper: str  # authors and year, and where to read it
    needs: str = ""  # of NEEDS: what a network must have
    families: tuple[Family, ...] = ("pixels",)  # the studies that draw it: saliency those of pixels, gradcam of layers
    settings: tuple[str, ...] = ()  # the keyword arguments that flags may set
    picture: bool = False  # its colours are looked at; of other signed pictures, the sum of the channels
    total: bool = False  # contributions: the channels of a pixel add up
    # Where the map of score_a - score_b is the difference of the maps: the function to call, with these settings.
    additive: str = ""
    additive_settings: Mapping[str, Any] = field(default_factory=dict)
    captum: str = ""  # the same map in measures.captum_reference
    counts: str = ""  # the setting that says how far its `callback` counts
    slow: bool = False  # hundreds of passes an image
    fewer: Mapping[str, Any] = field(default_factory=dict)  # settings where each image is explained hundreds of times

    def call(self, *, additive: bool = False) -> Callable:
        """The function itself; with `additive`, the one whose maps may be subtracted."""
        return _loaded(self.additive if additive else self.function)

    @property
    def check(self) -> Callable[..., None]:
        """A function of the network and images (N, 3, H, W): UsageError, one sentence, if it lacks what is needed."""
        return _loaded(NEEDS[self.needs]) if self.needs else lambda _model, _images: None

    @property
    def defaults(self) -> dict[str, Any]:
        """The defaults of its keyword arguments, as its signature has them."""
        return defaults_of(*self.function.rsplit(".", 1))

    def with_defaults(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """All its settings: those given, and its own defaults; others that are given are left out."""
        return {name: given.get(name, self.defaults[name]) for name in self.settings}

    @property
    def seeded(self) -> bool:
        """Whether chance is in it: it then takes `generator`."""
        return "generator" in self.defaults

    @property
    def one_line(self) -> str:
        """The title in one line."""
        return self.title.replace("-\n", "-").replace("\n", " ")


def _loaded(function: str) -> Callable:
    module, _, name = function.rpartition(".")
    return getattr(import_module(module), name)


@cache
def defaults_of(module: str, name: str) -> dict[str, Any]:
    """Keyword-only defaults of a function, or of a dataclass's fields, read from the source: written once, there.

    Reading the source is what lets --help name them without importing torch. A default may be a literal, or a constant
    of the module.
    """
    constants = _constants(module)
    for node in _body_of(module):
        if isinstance(node, ast.ClassDef) and node.name == name:
            fields = [field for field in node.body if isinstance(field, ast.AnnAssign) and field.value is not None]
            return {field.target.id: ast.literal_eval(field.value) for field in fields}
        if isinstance(node, ast.FunctionDef) and node.name == name:
            pairs = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
            given = {argument.arg: value for argument, value in pairs if value is not None}
            return {
                key: ast.literal_eval(constants.get(getattr(value, "id", None), value)) for key, value in given.items()
            }
    raise LookupError(f"{module} has no {name}")


def constant_of(module: str, name: str) -> Any:
    """A constant of a module, read from the source, too."""
    return ast.literal_eval(_constants(module)[name])


@cache
def _body_of(module: str) -> list[ast.stmt]:
    return ast.parse(_source_of(module).read_text(encoding="utf-8")).body


def _source_of(module: str) -> Path:
    """The file of a module of ours, or of another that can be imported."""
    name = Path(*module.split(".")).with_suffix(".py")
    for root in (ROOT, *map(Path, sys.path)):
        if (root / name).is_file():
            return root / name
    raise LookupError(f"{module} has no file {name}")


@cache
def _constants(module: str) -> dict[str | None, ast.expr]:
    """The values assigned at the top of a module, and those it imports from modules of ours."""
    found = {}
    for node in _body_of(module):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            found[getattr(node.targets[0], "id", None)] = node.value
        elif isinstance(node, ast.ImportFrom) and ROOT.joinpath(*node.module.split(".")).with_suffix(".py").is_file():
            theirs = {alias.name for alias in node.names if alias.name.isupper()}
            if theirs:
                found |= {name: value for name, value in _constants(node.module).items() if name in theirs}
    return found


SMOOTHING = ("samples", "noise")
TECHNIQUES = {
    row.name: row
    for row in (
        Technique(
            "gradient",
            "gradient\n(saliency)",
            "Which pixels would change the score most?",
            "visualizers.saliency_map.saliency_map",
            "pixel map",
            "Simonyan et al. 2014, arXiv:1312.6034",
            additive="core.gradients.input_gradient",
            captum="captum_saliency",
        ),
        Technique(
            "gradient-x-input",
            "gradient x input",
            "How much does each pixel add, to first order?",
            "visualizers.gradient_times_input.gradient_times_input",
            "signed picture",
            "Shrikumar et al. 2016, arXiv:1605.01713",
            total=True,
            additive="visualizers.gradient_times_input.gradient_times_input",
            captum="captum_gradient_times_input",
        ),
        Technique(
            "guided-backprop",
            "guided backprop",
            "Which structures feed the score through positive paths alone?",
            "visualizers.guided_backprop.guided_backprop",
            "signed picture",
            "Springenberg et al. 2015, arXiv:1412.6806",
            needs="ReLUs",
            families=("pixels", "layer"),  # a factor of guided Grad-CAM
            picture=True,
            captum="captum_guided_backprop",
        ),
        Technique(
            "deconvnet",
            "deconvnet",
            "Which structures does the score lead back to, if only positive signals return?",
            "visualizers.deconvnet.deconvnet",
            "signed picture",
            "Zeiler and Fergus 2014, arXiv:1311.2901",
            needs="ReLUs",
            picture=True,
            captum="captum_deconvnet",
        ),
        Technique(
            "smoothgrad",
            "SmoothGrad",
            "Which pixels matter on average over noisy copies?",
            "visualizers.smoothgrad.smoothgrad",
            "pixel map",
            "Smilkov et al. 2017, arXiv:1706.03825",
            settings=SMOOTHING,
            additive="visualizers.smoothgrad.mean_gradient",
            fewer={"samples": 10},
        ),
        Technique(
            "smoothgrad-squared",
            "SmoothGrad-\nSquared",
            "Which pixels have a large gradient on noisy copies, whatever its sign?",
            "visualizers.smoothgrad.smoothgrad_squared",
            "pixel map",
            "Hooker et al. 2019, arXiv:1806.10758",
            settings=SMOOTHING,
            fewer={"samples": 10},
        ),
        Technique(
            "vargrad",
            "VarGrad",
            "Where does the gradient vary most among noisy copies?",
            "visualizers.smoothgrad.vargrad",
            "pixel map",
            "Adebayo et al. 2018, arXiv:1810.03307",
            settings=SMOOTHING,
            fewer={"samples": 10},
        ),
        Technique(
            "integrated-gradients",
            "integrated\ngradients",
            "How much does each pixel add, on the way from a plain picture to this one?",
            "visualizers.integrated_gradients.integrated_gradients",
            "signed picture",
            "Sundararajan et al. 2017, arXiv:1703.01365",
            settings=("nodes",),
            total=True,
            additive="visualizers.integrated_gradients.integrated_gradients",
            captum="captum_integrated_gradients",
            fewer={"nodes": 20},
        ),
        Technique(
            "occlusion",
            "occlusion",
            "How far does the score fall where a patch covers the picture?",
            "visualizers.occlusion.occlusion",
            "window map",
            "Zeiler and Fergus 2014, arXiv:1311.2901",
            settings=("patch", "stride", "fill"),
            additive="visualizers.occlusion.occlusion",
            slow=True,
        ),
        Technique(
            "rise",
            "RISE",
            "Which pixels raise the score when random masks show them?",
            "visualizers.rise.rise",
            "pixel map",
            "Petsiuk et al. 2018, arXiv:1806.07421",
            settings=("masks", "grid", "probability"),
            additive="visualizers.rise.rise",
            counts="masks",
            slow=True,
            fewer={"masks": 500},
        ),
        Technique(
            "class-map",
            "class map\n(last layer)",
            "Where does the last layer find the class?",
            "visualizers.class_map.class_map",
            "coarse map",
            "Zhou et al. 2016, arXiv:1512.04150",
            needs="class map",
            families=("layer",),
            additive="visualizers.class_map.class_map",  # what is drawn averages to the score
        ),
        Technique(
            "grad-cam",
            "Grad-CAM",
            "Which region of a layer speaks for the class?",
            "visualizers.gradcam.grad_cam",
            "coarse map",
            "Selvaraju et al. 2017, arXiv:1610.02391",
            families=("layer",),
            settings=("layer",),
            additive="visualizers.gradcam.grad_cam",
            additive_settings={"relu": False},
            captum="captum_grad_cam",
        ),
        Technique(
            "xgrad-cam",
            "XGrad-CAM",
            "The same, each channel weighted by where it is active.",
            "visualizers.xgrad_cam.xgrad_cam",
            "coarse map",
            "Fu et al. 2020, arXiv:2008.02312",
            families=("layer",),
            settings=("layer",),
            additive="visualizers.xgrad_cam.xgrad_cam",
            additive_settings={"relu": False},
        ),
        Technique(
            "hires-cam",
            "HiRes-CAM",
            "The same, each cell weighted by its own gradient.",
            "visualizers.hires_cam.hires_cam",
            "coarse map",
            "Draelos and Carin 2020, arXiv:2011.08891",
            families=("layer",),
            settings=("layer",),
            additive="visualizers.hires_cam.hires_cam",
            additive_settings={"relu": False},
        ),
        Technique(
            "grad-cam++",
            "Grad-CAM++",
            "The same, weighted so that several objects of the class count alike.",
            "visualizers.gradcam_plus_plus.grad_cam_plus_plus",
            "coarse map",
            "Chattopadhay et al. 2018, arXiv:1710.11063",
            families=("layer",),
            settings=("layer",),
        ),
        Technique(
            "layer-cam",
            "Layer-CAM",
            "The same, each cell weighted by its positive gradient: sharp at shallow layers, too.",
            "visualizers.layer_cam.layer_cam",
            "coarse map",
            "Jiang et al. 2021, doi:10.1109/TIP.2021.3089943",
            families=("layer",),
            settings=("layer",),
        ),
        Technique(
            "fused-layer-cam",
            "Layer-CAM,\nthree layers",
            "What do three layers find together?",
            "visualizers.fused_layer_cam.fused_layer_cam",
            "pixel map",
            "Jiang et al. 2021, doi:10.1109/TIP.2021.3089943",
            families=("layer",),
        ),
        Technique(
            "score-cam",
            "Score-CAM",
            "Which channels raise the score when only what they mark is shown?",
            "visualizers.score_cam.score_cam",
            "coarse map",
            "Wang et al. 2020, arXiv:1910.01279",
            families=("layer",),
            settings=("layer", "channels"),
            slow=True,
            fewer={"channels": 64},
        ),
        Technique(
            "eigen-cam",
            "Eigen-CAM\n(any class)",
            "What does the layer mostly see, whatever the class?",
            "visualizers.eigen_cam.eigen_cam",
            "coarse map",
            "Muhammad and Yeasin 2020, arXiv:2008.00299",
            families=("layer",),
            settings=("layer",),
        ),
        Technique(
            "attention-rollout",
            "attention rollout\n(any class)",
            "Which patches does the class token see, through all the blocks?",
            "visualizers.attention_rollout.attention_rollout",
            "coarse map",
            "Abnar and Zuidema 2020, arXiv:2005.00928",
            needs="attention",
            families=("layer",),
        ),
        Technique(
            "attention-relevance",
            "attention\nrelevance",
            "Through which patches would more attention raise the score?",
            "visualizers.attention_relevance.attention_relevance",
            "coarse map",
            "Chefer et al. 2021, arXiv:2103.15679",
            needs="attention",
            families=("layer",),
        ),
        Technique(
            "guided-grad-cam",
            "guided Grad-CAM",
            "Which structures, in the region that speaks for the class?",
            "visualizers.guided_gradcam.guided_grad_cam",
            "signed picture",
            "Selvaraju et al. 2017, arXiv:1610.02391",
            needs="ReLUs",
            families=("layer",),
            settings=("layer",),
            picture=True,
            captum="captum_guided_grad_cam",
        ),
    )
}
