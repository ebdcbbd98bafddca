"""The parts of the assignment, and where each edition of it has them (docs/courses.md). Standard library only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Place:
    """Where one edition has a part.

    Attributes:
        edition: as collect_submission.py calls it.
        module: the module's name.
        name: of the function, or Class.method.
        call: how the edition calls it: a key of course.calls.CALLS.
        settings: what the edition fixes and others leave to the caller.
        given: the course hands it out. It is checked where it is there, and not missed where it is not.
    """

    edition: str
    module: str
    name: str
    call: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    given: bool = False


@dataclass(frozen=True)
class Part:
    key: str
    title: str
    places: tuple[Place, ...]
    points: float


def _of(editions: str, module: str, name: str, call: str, *, given: bool = False, **settings: Any) -> list[Place]:
    return [Place(edition, module, name, call, settings, given) for edition in editions.split()]


GEORGIA = "project cs7643-visualizers cs7643-helpers"
BOTH_A = "project cs7643-visualizers"
NET, NEURAL = "cs231n.net_visualization_pytorch", "cs231n.style_transfer_pytorch"


def _loss(key: str, module: str, method: str) -> list[Place]:
    return [
        *_of(GEORGIA, module, method, key),
        *_of("cs231n", NEURAL, key, key),
        *_of("eecs498", "style_transfer", key, key),
    ]


def _part(key: str, title: str, *places: list[Place], points: float) -> Part:
    return Part(key, title, tuple(place for group in places for place in group), points)


_ALL = (
    _part(
        "content_loss",
        "content loss",
        _loss("content_loss", "style_modules.content_loss", "ContentLoss.forward"),
        points=6,
    ),
    _part(
        "gram_matrix",
        "Gram matrix",
        _loss("gram_matrix", "style_modules.style_loss", "StyleLoss.gram_matrix"),
        points=8,
    ),
    _part("style_loss", "style loss", _loss("style_loss", "style_modules.style_loss", "StyleLoss.forward"), points=8),
    _part(
        "tv_loss", "total variation", _loss("tv_loss", "style_modules.tv_loss", "TotalVariationLoss.forward"), points=6
    ),
    _part(
        "guided_gram_matrix",
        "guided Gram matrix",
        _of("project", "style_modules.guided_style_loss", "guided_gram_matrix", "guided_gram_matrix"),
        _of("eecs498", "style_transfer", "guided_gram_matrix", "guided_gram_matrix"),
        points=4,
    ),
    _part(
        "guided_style_loss",
        "guided style loss",
        _of("project", "style_modules.guided_style_loss", "guided_style_loss", "guided_style_loss"),
        _of("eecs498", "style_transfer", "guided_style_loss", "guided_style_loss"),
        points=4,
    ),
    _part(
        "saliency",
        "saliency",
        _of(BOTH_A, "visualizers.saliency_map", "SaliencyMap.compute_saliency_maps", "maps"),
        _of("cs7643-helpers", "saliency_visualization", "SaliencyMap.compute_saliency_maps", "maps"),
        _of("cs231n", NET, "compute_saliency_maps", "maps"),
        _of("eecs498", "network_visualization", "compute_saliency_maps", "maps"),
        points=10,
    ),
    _part(
        "guided_backprop",
        "guided backprop",
        _of(BOTH_A, "visualizers.gradcam", "GradCam.guided_backprop", "maps", trainable=True),
        points=10,
    ),
    _part(
        "grad_cam",
        "Grad-CAM",
        _of(BOTH_A, "visualizers.gradcam", "GradCam.grad_cam", "maps", trainable=True),
        _of("cs7643-helpers", "gradcam_visualization", "GradCAM.gradcam", "gradcam_of_predicted"),
        points=10,
    ),
    _part(
        "fooling",
        "fooling image",
        _of(BOTH_A, "visualizers.fooling_image", "FoolingImage.make_fooling_image", "fooling", learning_rate=10),
        _of(
            "cs7643-helpers",
            "fooling_visualization",
            "FoolingImage.make_fooling_image",
            "fooling",
            learning_rate=10,
            given=True,
        ),
        _of("cs231n", NET, "make_fooling_image", "fooling", learning_rate=1),
        _of("eecs498", "network_visualization", "make_adversarial_attack", "fooling", learning_rate=1),
        points=10,
    ),
    _part(
        "class_visualization",
        "class visualization",
        _of(
            BOTH_A,
            "visualizers.class_visualization",
            "ClassVisualization.create_class_visualization",
            "class_loop",
            kind="loop",
        ),
        _of(
            "cs7643-helpers",
            "class_visualization",
            "ClassVisualization.create_class_visualization",
            "class_loop",
            kind="loop",
        ),
        _of("cs231n", NET, "class_visualization_update_step", "class_step", kind="step"),
        _of("eecs498", "network_visualization", "class_visualization_step", "class_step", kind="step"),
        points=10,
    ),
    _part(
        "style_update",
        "style transfer's update",
        _of(BOTH_A, "style_utils", "style_transfer", "style_update"),
        _of("cs7643-helpers", "style_utils", "style_transfer", "style_update", given=True),
        _of("cs7643-helpers", "helpers.style_utils", "style_transfer", "style_update", given=True),
        points=10,
    ),
    _part(
        "preprocess",
        "preprocessing",
        _of(BOTH_A, "image_utils", "preprocess", "preprocess", given=True),
        _of("cs7643-helpers", "helpers.image_utils", "preprocess", "preprocess", given=True),
        _of("cs231n", NET, "preprocess", "preprocess", given=True),
        points=0,
    ),
)
PARTS: dict[str, Part] = {part.key: part for part in _ALL}
EDITIONS = ("project", "cs231n", "eecs498", "cs7643-visualizers", "cs7643-helpers")
