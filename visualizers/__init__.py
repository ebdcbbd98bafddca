"""One module, one technique. The course imports these four classes from here."""

from visualizers.class_visualization import ClassVisualization
from visualizers.fooling_image import FoolingImage
from visualizers.gradcam import GradCam
from visualizers.saliency_map import SaliencyMap

__all__ = ["ClassVisualization", "FoolingImage", "GradCam", "SaliencyMap"]
