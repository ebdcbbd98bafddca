"""Where is the evidence for a class? Class activation maps: Grad-CAM, layer by layer, and its siblings.

Writes visualization/gradcam_visualization.png, and beside it gradcam_visualization_captum.png: the same maps
by Captum next to ours, with Captum's layer activation and layer conductance.

With --technique it draws a grid instead: techniques down, images across, and on rendered scenes, whose masks are known,
how well each map points at the object. At the last layers the class map, Grad-CAM, XGrad-CAM and HiRes-CAM are nearly
one: SqueezeNet's head is linear up to its last ReLU. At --layer features.7 they part.

With --versus it draws why one class and not another: the map of the difference of their scores.
"""

import sys
from functools import partial
from typing import NamedTuple

from core.errors import UsageError
from studies.shared.options import (
    defaults_of,
    find_class,
    find_techniques,
    make_parser,
    progress,
    run_script,
    whole_number,
)

STEPS = 20  # of the path that conductance is integrated along
COLUMNS = 5  # pictures side by side; more go on below
LAYERS = ("features.4", "features.7", "features.9", "features.10", "features.12")  # shallow to deep


class Technique(NamedTuple):
    """A row of the table: where a technique is, and what may be done with it."""

    title: str
    function: str  # its module and name
    settings: tuple[str, ...] = ("layer",)  # the flags that it obeys
    captum: str | None = None  # the same technique in measures.captum_reference
    additive: dict | None = None  # with these settings the map of score_a - score_b is the difference of two maps


TECHNIQUES = {
    # What is drawn averages to the score, so two class maps may be subtracted as they are.
    "class-map": Technique("class map\n(last layer)", "visualizers.class_map.class_map", settings=(), additive={}),
    "grad-cam": Technique(
        "Grad-CAM", "visualizers.gradcam.grad_cam", captum="captum_grad_cam", additive={"relu": False}
    ),
    "xgrad-cam": Technique("XGrad-CAM", "visualizers.xgrad_cam.xgrad_cam", additive={"relu": False}),
    "hires-cam": Technique("HiRes-CAM", "visualizers.hires_cam.hires_cam", additive={"relu": False}),
    "grad-cam++": Technique("Grad-CAM++", "visualizers.gradcam_plus_plus.grad_cam_plus_plus"),
    "layer-cam": Technique("Layer-CAM", "visualizers.layer_cam.layer_cam"),
    "fused-layer-cam": Technique(
        "Layer-CAM,\nthree layers", "visualizers.fused_layer_cam.fused_layer_cam", settings=()
    ),
    "score-cam": Technique("Score-CAM", "visualizers.score_cam.score_cam", settings=("layer", "channels")),
    "eigen-cam": Technique("Eigen-CAM\n(any class)", "visualizers.eigen_cam.eigen_cam"),
    "guided-backprop": Technique(
        "guided backprop", "visualizers.guided_backprop.guided_backprop", settings=(), captum="captum_guided_backprop"
    ),
    "guided-grad-cam": Technique(
        "guided Grad-CAM", "visualizers.guided_gradcam.guided_grad_cam", captum="captum_guided_grad_cam"
    ),
}
NAMESAKE = ("grad-cam", "guided-backprop", "guided-grad-cam")  # what a bare run draws


class GradCAM:
    """The course's interface of 2023: `GradCAM(X).gradcam()` explains the predicted class of each picture."""

    def __init__(self, X, model=None):
        """X: uint8 (N, H, W, 3). model: a network to explain, SqueezeNet if None."""
        from core.squeezenet import load_squeezenet

        self.X = X
        self.model = load_squeezenet() if model is None else model

    def gradcam(self) -> list:
        """Return [picture (h, w, 3), heatmap (h, w) in [0, 1]] for each picture.

        The picture is what the network reads: float32, normalised, its shorter side 224 pixels. The course's script
        clips it to 0..1 and shows it under the map.
        """
        import torch
        from PIL import Image

        from core.gradients import measuring, to_network
        from courses.pictures import preprocess
        from visualizers.gradcam import grad_cam, scale_each, upsample

        pairs = []
        for x in self.X:
            image = preprocess(Image.fromarray(x))
            with measuring(self.model), torch.no_grad():
                predicted = self.model(to_network(self.model, image)).argmax(dim=1)
            heatmap = scale_each(upsample(grad_cam(self.model, image, predicted), image.shape[2:]))
            pairs.append([image[0].permute(1, 2, 0).numpy(), heatmap[0].cpu().numpy()])
        return pairs


def main(options) -> int:
    names = chosen_techniques(options.technique, versus=options.versus is not None)
    # After parsing, so that --help does not wait for torch.
    from core.activations import find_layer
    from drawing.files import describe, save_picture
    from measures.captum_reference import report_agreement
    from studies.shared.examples import example_scenes
    from studies.shared.inputs import load_batch, load_network, report_localisation

    model = load_network(options)
    for layer in (options.layer, *options.layers):
        find_layer(model, layer)
    versus = None if options.versus is None else find_class(options.versus, model.class_names)
    batch = load_batch(options, model, example_scenes)
    ours, theirs, reasons = compute_maps(model, batch, names, versus, options)
    for name, maps in theirs.items():
        report_agreement(one_line(name), batch.names, ours[name], maps)
    smooth = {name: [pixel_map(one, options.size) for one in maps] for name, maps in ours.items()}
    report_localisation({one_line(name): maps for name, maps in smooth.items()}, batch.masks)
    if options.technique or options.versus:
        figures = {"": draw_grid_of_techniques(model, batch, ours, reasons, versus, options)}
    else:
        by_layer, captums_own = compute_layers(model, batch, options)
        main_figure, beside_captum = draw(model, batch, ours, reasons, theirs | captums_own, by_layer, options)
        figures = {"": main_figure, "_captum": beside_captum}
    metadata = describe("gradcam_visualization.py", vars(options), model.weights_name)
    for ending, figure in figures.items():
        path = options.output.with_stem(options.output.stem + ending)
        print(f"wrote {save_picture(figure, path, metadata)}")
    return batch.exit_code


def chosen_techniques(texts: list[str] | None, *, versus: bool) -> tuple[str, ...]:
    """The keys of TECHNIQUES asked for; with `versus` they must be fit for the difference of two classes."""
    additive = tuple(name for name, technique in TECHNIQUES.items() if technique.additive is not None)
    if not texts:
        return NAMESAKE[:1] if versus else NAMESAKE
    names = find_techniques(texts, TECHNIQUES)
    for text in texts:
        if versus and text not in (*additive, "all"):
            raise UsageError(
                f"versus: {text} is not linear in the score, so its maps of two classes cannot be subtracted; "
                f"allowed are {', '.join(additive)}"
            )
    return additive if versus and "all" in texts else names


def one_line(name: str) -> str:
    return TECHNIQUES[name].title.replace("\n", " ")


def compute_maps(model, batch, names, versus, options):
    """Our maps and Captum's where it has the technique, each {technique: [one map an image]}; and why some are blank.

    A map is coarse (h, w), as large as the image (H, W), or a signed picture (3, H, W). With a class `versus` it is
    that of the difference of the two scores, signed.
    """
    from importlib import import_module

    from measures import captum_reference as reference
    from studies.shared.inputs import with_reason

    ours, reasons = {name: [] for name in names}, {}
    theirs = {name: [] for name in names if TECHNIQUES[name].captum and versus is None}
    for index in progress(range(len(batch.names)), desc="maps", unit="image"):
        image = batch.images[index : index + 1]
        label = batch.labels[index : index + 1].to(image.device)
        for name in names:
            technique = TECHNIQUES[name]
            module, _, function = technique.function.rpartition(".")
            own = getattr(import_module(module), function)
            settings = {setting: getattr(options, setting) for setting in technique.settings}
            if versus is None:
                maps, reasons[name, index] = with_reason(partial(own, model, image, label, **settings))
            else:
                settings |= technique.additive
                maps = own(model, image, label, **settings) - own(model, image, versus, **settings)
            ours[name].append(maps[0].cpu())
            if name in theirs:
                captum = getattr(reference, technique.captum)
                theirs[name].append(captum(model, image, label, **settings)[0].cpu())
    return ours, theirs, reasons


def compute_layers(model, batch, options):
    """Grad-CAM of the first image by layer, {layer: map}, and what Captum has besides of each image, {name: maps}."""
    from measures import captum_reference as reference
    from visualizers.gradcam import grad_cam

    theirs = {"layer activation": [], "layer conductance": []}
    for index in progress(range(len(batch.names)), desc="layers", unit="image"):
        image = batch.images[index : index + 1]
        label = batch.labels[index : index + 1].to(image.device)
        at_layer = {"layer": options.layer}
        theirs["layer activation"].append(reference.captum_layer_activation(model, image, **at_layer)[0].cpu())
        conductance = reference.captum_layer_conductance(model, image, label, nodes=STEPS, **at_layer)
        theirs["layer conductance"].append(conductance[0].cpu())
    first = batch.images[:1], batch.labels[:1]
    return {layer: grad_cam(model, *first, layer=layer)[0].cpu() for layer in options.layers}, theirs


def pixel_map(values, size: int):
    """A coarse map (h, w) or a signed picture (3, H, W) -> one value a pixel, (size, size)."""
    from visualizers.gradcam import upsample

    return values.abs().amax(dim=0) if values.dim() == 3 else upsample(values[None], (size, size))[0]


def draw_panel(batch, values, index: int, *, over_image: bool = True, title: str = "", reason: str = "", scale=None):
    """One map of image `index`, (h, w) or (3, H, W), as it is drawn, with the object's outline where it is known."""
    from drawing.colours import blank_note, diverging, heat, outline, overlay, signed
    from drawing.grid import Panel

    if values.dim() == 3:
        pixels = signed(values.permute(1, 2, 0).numpy(), scale=scale)
    else:
        smooth = pixel_map(values, len(batch.pixels[index])).numpy()
        plain = heat(smooth) if smooth.min() >= 0 else diverging(smooth)
        pixels = overlay(batch.pixels[index], smooth, scale=scale) if over_image else plain
    note = blank_note(values.numpy(), reason or "nothing speaks for the class here")
    return Panel(outline(pixels, batch.masks[index]), title, note)


def draw_grid_of_techniques(model, batch, ours, reasons, versus, options):
    """Techniques down, images across, scores in the titles where masks are known; uint8 (H, W, 3)."""
    from drawing.colours import blank_note, diverging_overlay, full_scale, outline
    from drawing.grid import Panel, draw_grid
    from studies.shared.inputs import class_titles, footer, score_title

    def common_scale(maps) -> float | None:
        smooth = [pixel_map(values, options.size).numpy() for values in maps]
        return full_scale(*smooth, quantile=1.0) if options.shared_scale else None

    scales = {name: common_scale(maps) for name, maps in ours.items()}

    def panel(name: str, values, index: int) -> Panel:
        smooth, mask = pixel_map(values, options.size), batch.masks[index]
        title = score_title(smooth, mask)
        if versus is None:
            return draw_panel(batch, values, index, title=title, reason=reasons[name, index], scale=scales[name])
        pixels = outline(diverging_overlay(batch.pixels[index], smooth.numpy(), scale=scales[name]), mask)
        same = int(batch.labels[index]) == versus
        note = blank_note(values.numpy(), "the two classes are the same" if same else "both classes have score 0")
        return Panel(pixels, title if not note else "", note)

    titles = batch.titles
    at_layer = any("layer" in TECHNIQUES[name].settings for name in ours)
    question = "Where is the evidence?"
    if versus is not None:
        others = class_titles(model, batch.images, versus)
        titles = [f"{one}\n{other}" for one, other in zip(titles, others, strict=True)]
        question = "Why the first class (red) and not the second (blue)?"
    title = f"{question} At {options.layer}" if at_layer else question
    rows = [[Panel(pixels, one) for pixels, one in zip(batch.pixels, titles, strict=True)]]
    rows += [[panel(name, values, index) for index, values in enumerate(maps)] for name, maps in ours.items()]
    row_names = ("image", *(TECHNIQUES[name].title for name in ours))
    return draw_grid(rows, row_names=row_names, columns=COLUMNS, title=title, footer=footer(model))


def draw(model, batch, ours, reasons, theirs, by_layer, options):
    """The two figures, uint8 (H, W, 3): our maps with the strip of layers, and ours beside Captum's."""
    from drawing.grid import Panel, draw_grid, stack
    from studies.shared.inputs import footer

    def row(maps, over_image: bool = True, name: str = "") -> list[Panel]:
        whys = [reasons.get((name, index), "") for index in range(len(maps))]
        settings = [{"over_image": over_image, "reason": why} for why in whys]
        return [draw_panel(batch, maps[index], index, **each) for index, each in enumerate(settings)]

    rows = {"image": [Panel(pixels, title) for pixels, title in zip(batch.pixels, batch.titles, strict=True)]}
    rows |= {TECHNIQUES[name].title: row(maps, name=name) for name, maps in ours.items()}
    strip = [
        draw_panel(batch, cam, 0, title=f"{layer}, {len(cam)} x {cam.shape[1]}") for layer, cam in by_layer.items()
    ]
    compared = {"image": rows["image"]}
    for key, maps in theirs.items():
        name = TECHNIQUES[key].title if key in TECHNIQUES else key
        if name in rows:
            compared[name] = rows[name]
        compared[f"{name}\n(Captum)"] = row(maps, over_image=name in rows)
    title = f"Where is the evidence? Grad-CAM at {options.layer}"
    layer_title = f"{batch.titles[0]}: which layer?"
    captum_title = f"The same by Captum, at {options.layer}"
    below = {"columns": COLUMNS, "footer": footer(model)}
    return (
        stack(
            [
                draw_grid(list(rows.values()), row_names=tuple(rows), columns=COLUMNS, title=title),
                draw_grid([strip], row_names=("Grad-CAM",), title=layer_title, **below),
            ]
        ),
        draw_grid(list(compared.values()), row_names=tuple(compared), title=captum_title, **below),
    )


def parser():
    layer = defaults_of("visualizers.gradcam", "grad_cam")["layer"]
    result = make_parser(__doc__, output="gradcam_visualization.png")
    result.add_argument(
        "--technique",
        nargs="+",
        metavar="NAME",
        help=f"all, or any of {', '.join(TECHNIQUES)} (default: {', '.join(NAMESAKE)}, with the strip of layers)",
    )
    result.add_argument(
        "--shared-scale",
        action="store_true",
        help="of a grid: one colour scale for all images of a row, not one for each",
    )
    result.add_argument(
        "--versus",
        metavar="CLASS",
        help="explain the difference of the scores of the class to explain and this one "
        "(default technique: grad-cam; all: those that allow it)",
    )
    result.add_argument("--layer", default=layer, metavar="NAME", help="the layer to explain")
    result.add_argument(
        "--channels",
        type=whole_number(1),
        metavar="N",
        help="Score-CAM: only the N channels that vary most (default: all, a forward pass each)",
    )
    result.add_argument(
        "--layers",
        nargs="+",
        default=LAYERS,
        metavar="NAME",
        help=f"the layers of the strip (default: {' '.join(LAYERS)})",
    )
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
