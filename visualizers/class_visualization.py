"""Class visualization: what picture does the network hold most typical of a class? (Simonyan et al., 2014)

    image* = argmax  score_y(image) - l2_reg * ||image||^2        score_y, or any other objective

climbed from noise along the normalised gradient. What keeps the picture from being mere noise to the eye: random
jitter before each step, a blur every few steps, colours clamped to valid ones, and on wish the clipping of pixels of
small norm or small contribution (all Yosinski et al., 2015).
"""

import torch
from PIL import Image
from torch import Tensor, nn

from core import priors
from core.ascent import Callback, Objective, Step, normalised_ascent, optimise_pixels
from core.duplicates import duplicate
from core.errors import UsageError
from core.gradients import as_labels, to_network
from core.images import stretched_picture
from core.inputs import precise
from core.measuring import measuring
from core.objectives import class_objective
from core.passes import home_of


def visualize_classes(
    model: nn.Module,
    labels,
    *,
    size: int = 224,
    start: Tensor | None = None,
    generator: torch.Generator | None = None,
    **settings,
) -> Tensor:
    """labels (N,) -> pictures (N, 3, size, size) in the network's units, within the valid colours.

    start: (N, 3, H, W), instead of noise. settings: those of `climb_pixels`. Raises UsageError for a label or
    a share out of range. A class with score 0 climbs the mean of its class map until its score is positive.
    """
    labels = as_labels(labels, None, model)
    if start is None:
        noise = torch.randn(1, 3, size, size, generator=generator, dtype=torch.float32)
        start = to_network(model, noise).repeat(len(labels), 1, 1, 1)
    if len(start) != len(labels):
        raise UsageError(f"start: {len(start)} pictures for {len(labels)} labels; give one for each")
    return climb_pixels(model, class_objective(model, labels), start, generator=generator, **settings)


def climb_pixels(
    model: nn.Module,
    objective: Objective,
    start: Tensor,
    *,
    iterations: int = 100,
    learning_rate: float = 25.0,
    l2_reg: float = 1e-3,
    max_jitter: int = 16,
    blur_every: int = 10,
    blur_sigma: float = 0.5,
    clip_pixels: float = 0.0,
    clip_gradients: float = 0.0,
    generator: torch.Generator | None = None,
    callback: Callback | None = None,
) -> Tensor:
    """Climb any objective of core.objectives from `start` (N, 3, H, W) -> pictures like those of visualize_classes.

    learning_rate: length of a step, the Euclidean norm over the picture. max_jitter and blur_sigma: pixels.
    clip_pixels, clip_gradients: the share of pixels set to the mean colour at each blur, those with the smallest
    norm, and those with the smallest gradient * pixel.
    """

    def penalised(images: Tensor) -> Tensor:
        jittered = priors.random_jitter(images, max_jitter, generator)
        return objective(jittered) - l2_reg * images.square().sum(dim=(1, 2, 3))

    def constrain(images: Tensor, gradient: Tensor, iteration: int) -> Tensor:
        images = priors.clamp_to_valid(images)
        if blur_every and iteration % blur_every == 0:
            images = priors.blur(images, blur_sigma)
            if clip_pixels:
                images = priors.zero_smallest(images, images, clip_pixels)
            if clip_gradients:
                images = priors.zero_smallest(images, gradient * images, clip_gradients)
        return images

    loop = {"iterations": iterations, "constrain": constrain, "callback": callback}
    pictures, update = to_network(model, start, "start"), normalised_ascent(learning_rate)
    with measuring(model):
        return optimise_pixels(pictures, penalised, update, **loop).to(precise(start))


class ClassVisualization:
    """The course's names for it."""

    def create_class_visualization(
        self, target_y: int, class_names, model: nn.Module, dtype=None, **kwargs
    ) -> Image.Image:
        """Return the picture of one class, contrast stretched to black and white as the course does.

        kwargs: l2_reg, learning_rate, num_iterations, blur_every, max_jitter, show_every, generate_plots. Unless
        generate_plots is false, visualization/class_visualization_iter_<t>.png is written at the first, the last and
        every `show_every`th iteration. class_names: number -> name. `dtype` is the course's tensor type
        (torch.cuda.FloatTensor): where and how precisely to compute; None: the model's.
        """
        same = ("l2_reg", "learning_rate", "blur_every", "max_jitter")
        names = {"num_iterations": "iterations"} | {name: name for name in same}  # the course's -> ours
        settings = {ours: kwargs.pop(theirs) for theirs, ours in names.items() if theirs in kwargs}
        show_every, plots = kwargs.pop("show_every", 25), kwargs.pop("generate_plots", True)
        if kwargs:
            raise UsageError(f"create_class_visualization: '{next(iter(kwargs))}' is not one of its keywords")
        if dtype is not None:
            home_of(model, torch.empty(0))
            model = duplicate(model).type(dtype)  # a copy: the caller's network stays as it is
        (label,), last = as_labels(target_y, 1, model).tolist(), settings.get("iterations", 100)

        def show(step: Step) -> None:
            if plots and (step.iteration in (1, last) or step.iteration % show_every == 0):
                from drawing.files import describe, save_picture  # matplotlib, for these plots alone

                made = settings | {"class": str(class_names[label]), "iteration": step.iteration}
                metadata = describe("create_class_visualization", made, getattr(model, "weights_name", "unknown"))
                path = f"visualization/class_visualization_iter_{step.iteration}.png"
                save_picture(stretched_picture(step.image), path, metadata)

        return stretched_picture(visualize_classes(model, [label], callback=show, **settings))

    jitter = staticmethod(priors.jitter)
    blur_image = staticmethod(priors.blur_in_place)
