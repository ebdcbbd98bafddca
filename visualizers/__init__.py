"""One module, one technique. The course imports these four classes from here."""

from importlib import import_module

HOMES = {
    "ClassVisualization": "class_visualization",
    "FoolingImage": "fooling_image",
    "GradCam": "gradcam",
    "SaliencyMap": "saliency_map",
}
__all__ = ["ClassVisualization", "FoolingImage", "GradCam", "SaliencyMap"]


def __getattr__(name: str) -> type:
    """A class, loaded when it is asked for, so that `visualizers.catalogue` can be read without torch."""
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
