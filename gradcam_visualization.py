"""Where is the evidence for a class? Grad-CAM, guided backpropagation, guided Grad-CAM, and Grad-CAM by layer.

Writes visualization/gradcam_visualization.png, and beside it gradcam_visualization_captum.png: the same maps
by Captum next to ours, with Captum's layer activation and layer conductance.
"""

import sys

from core.options import defaults_of, make_parser, progress, run_script

STEPS = 20  # of the path that conductance is integrated along
COLUMNS = 5  # pictures side by side; more go on below
LAYERS = ("features.4", "features.7", "features.9", "features.10", "features.12")  # shallow to deep


class GradCAM:
    """The course's newer interface: `GradCAM(X).gradcam()` explains the predicted class of each picture."""

    def __init__(self, X, model=None):
        """X: uint8 (N, H, W, 3). model: a network to explain, SqueezeNet if None."""
        from core.squeezenet import load_squeezenet

        self.X = X
        self.model = load_squeezenet() if model is None else model

    def gradcam(self) -> list:
        """Return [image (H, W, 3), heatmap (H, W) in [0, 1]] for each picture."""
        import torch

        from core.gradients import measuring, to_network
        from core.images import preprocess
        from visualizers import GradCam

        images = preprocess(self.X)
        with measuring(self.model), torch.no_grad():
            predicted = self.model(to_network(self.model, images)).argmax(dim=1)
        maps = GradCam().grad_cam(images, predicted, self.model)
        return [[image, heatmap] for image, heatmap in zip(self.X, maps, strict=True)]


def main(options) -> int:
    # After parsing, so that --help does not wait for torch.
    from core.activations import find_layer
    from core.figures import describe, save_picture
    from core.inputs import load_batch, load_network, report_localisation
    from core.reference import report_agreement
    from patterns.examples import example_scenes

    model = load_network(options)
    for layer in (options.layer, *options.layers):
        find_layer(model, layer)
    batch = load_batch(options, model, example_scenes)
    ours, theirs, by_layer = compute_maps(model, batch, options)
    for name, maps in ours.items():
        report_agreement(name, batch.names, maps, theirs[name])
    report_localisation(
        {name: [pixel_map(one, options.size) for one in maps] for name, maps in ours.items()}, batch.masks
    )
    main_figure, beside_captum = draw(model, batch, ours, theirs, by_layer, options)
    metadata = describe("gradcam_visualization.py", vars(options), model.weights_name)
    print(f"wrote {save_picture(main_figure, options.output, metadata)}")
    print(f"wrote {save_picture(beside_captum, options.output.with_stem(options.output.stem + '_captum'), metadata)}")
    return batch.exit_code


def compute_maps(model, batch, options):
    """Our maps and Captum's, each {technique: [one map an image]}, and Grad-CAM of the first image by layer.

    A map is a coarse (h, w), or a signed picture (3, H, W).
    """
    from core import reference
    from visualizers.gradcam import grad_cam
    from visualizers.guided_backprop import guided_backprop
    from visualizers.guided_gradcam import guided_grad_cam

    at_layer = {"layer": options.layer}
    pairs = {  # technique: (ours, Captum's, settings of both)
        "Grad-CAM": (grad_cam, reference.captum_grad_cam, at_layer),
        "guided backprop": (guided_backprop, reference.captum_guided_backprop, {}),
        "guided Grad-CAM": (guided_grad_cam, reference.captum_guided_grad_cam, at_layer),
    }
    ours = {name: [] for name in pairs}
    theirs = {name: [] for name in (*pairs, "layer activation", "layer conductance")}
    for index in progress(range(len(batch.names)), desc="Grad-CAM", unit="image"):
        image = batch.images[index : index + 1]
        label = batch.labels[index : index + 1].to(image.device)
        for name, (own, captum, settings) in pairs.items():
            ours[name].append(own(model, image, label, **settings)[0].cpu())
            theirs[name].append(captum(model, image, label, **settings)[0].cpu())
        theirs["layer activation"].append(reference.captum_layer_activation(model, image, **at_layer)[0].cpu())
        conductance = reference.captum_layer_conductance(model, image, label, steps=STEPS, **at_layer)
        theirs["layer conductance"].append(conductance[0].cpu())
    first = batch.images[:1], batch.labels[:1]
    return ours, theirs, {layer: grad_cam(model, *first, layer=layer)[0].cpu() for layer in options.layers}


def pixel_map(values, size: int):
    """A coarse map (h, w) or a signed picture (3, H, W) -> one value a pixel, (size, size)."""
    from visualizers.gradcam import upsample

    return values.abs().amax(dim=0) if values.dim() == 3 else upsample(values[None], (size, size))[0]


def draw(model, batch, ours, theirs, by_layer, options):
    """The two figures, uint8 (H, W, 3): our maps with the strip of layers, and ours beside Captum's."""
    from core.figures import Panel, blank_note, diverging, draw_grid, heat, outline, overlay, signed, stack
    from core.inputs import footer

    def panel(values, index: int, over_image: bool, title: str = "") -> Panel:
        if values.dim() == 3:
            pixels = signed(values.permute(1, 2, 0).numpy())
        else:
            smooth = pixel_map(values, options.size).numpy()
            plain = heat(smooth) if smooth.min() >= 0 else diverging(smooth)
            pixels = overlay(batch.pixels[index], smooth) if over_image else plain
        note = blank_note(values.numpy(), "nothing speaks for the class here")
        return Panel(outline(pixels, batch.masks[index]), title, note)

    def row(maps, over_image: bool = True) -> list[Panel]:
        return [panel(values, index, over_image) for index, values in enumerate(maps)]

    rows = {"image": [Panel(pixels, title) for pixels, title in zip(batch.pixels, batch.titles, strict=True)]}
    rows |= {name: row(maps) for name, maps in ours.items()}
    strip = [panel(cam, 0, True, f"{layer}, {cam.shape[0]} x {cam.shape[1]}") for layer, cam in by_layer.items()]
    compared = {"image": rows["image"]}
    for name, maps in theirs.items():
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
    result.add_argument("--layer", default=layer, metavar="NAME", help="the layer to explain")
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
