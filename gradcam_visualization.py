"""Where is the evidence for a class? Grad-CAM, guided backpropagation, guided Grad-CAM, and Grad-CAM by layer.

Writes visualization/gradcam_visualization.png, and beside it gradcam_visualization_captum.png: the same maps
by Captum next to ours, with Captum's layer activation and layer conductance.
"""

import sys

from core.options import defaults_of, make_parser, progress, run_script

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
    import warnings

    from core import reference
    from core.activations import find_layer
    from core.figures import Panel, blank_note, describe, draw_grid, heat, overlay, save_picture, signed, stack
    from core.gradients import BlankMapWarning
    from core.inputs import footer, load_batch, load_network
    from visualizers.gradcam import grad_cam, upsample
    from visualizers.guided_backprop import guided_backprop
    from visualizers.guided_gradcam import guided_grad_cam

    warnings.simplefilter("ignore", BlankMapWarning)  # the figure itself says why a map is blank
    model = load_network(options)
    layers = [*options.layers, options.layer]
    for layer in layers:
        find_layer(model, layer)
    batch = load_batch(options, model)
    techniques = {  # name: (ours, Captum's, how to draw it)
        "Grad-CAM": (grad_cam, reference.captum_grad_cam, "cam"),
        "guided backprop": (guided_backprop, reference.captum_guided_backprop, "signed"),
        "guided Grad-CAM": (guided_grad_cam, reference.captum_guided_grad_cam, "signed"),
    }
    at_layer = {"layer": options.layer}
    settings = {"Grad-CAM": at_layer, "guided backprop": {}, "guided Grad-CAM": at_layer}

    def panel(values, index: int, kind: str, title: str = "") -> Panel:
        note = blank_note(values.numpy(), "nothing speaks for the class here")
        if kind == "signed":
            return Panel(signed(values.permute(1, 2, 0).numpy()), title, note)
        size = (options.size, options.size)
        smooth = upsample(values[None], size)[0].numpy()  # (h, w) -> (H, W)
        return Panel(overlay(batch.pixels[index], smooth) if kind == "cam" else heat(smooth), title, note)

    ours = {name: [] for name in techniques}
    theirs = {name: [] for name in techniques}
    activation, conductance = [], []
    for index in progress(range(len(batch.names)), desc="Grad-CAM", unit="image"):
        image = batch.images[index : index + 1]
        label = batch.labels[index : index + 1].to(image.device)
        for name, (own, captum, _) in techniques.items():
            ours[name].append(own(model, image, label, **settings[name])[0].cpu())
            theirs[name].append(captum(model, image, label, **settings[name])[0].cpu())
        activation.append(reference.captum_layer_activation(model, image, **at_layer)[0].cpu())
        conductance.append(reference.captum_layer_conductance(model, image, label, **at_layer)[0].cpu())
    for name in techniques:
        reference.report_agreement(name, batch.names, ours[name], theirs[name])

    image_panels = [Panel(pixels, title) for pixels, title in zip(batch.pixels, batch.titles, strict=True)]
    rows = {
        name: [panel(values, index, kind) for index, values in enumerate(ours[name])]
        for name, (_, _, kind) in techniques.items()
    }
    by_layer = []
    for layer in options.layers:
        cam = grad_cam(model, batch.images[:1], batch.labels[:1], layer=layer)[0].cpu()
        by_layer.append(panel(cam, 0, "cam", f"{layer}, {cam.shape[0]} x {cam.shape[1]}"))
    grids = [
        draw_grid(
            [image_panels, *rows.values()],
            row_names=("image", *rows),
            columns=COLUMNS,
            title=f"Where is the evidence? Grad-CAM at {options.layer}",
        ),
        draw_grid(
            [by_layer],
            row_names=("Grad-CAM",),
            columns=COLUMNS,
            title=f"{batch.titles[0]}: which layer?",
            footer=footer(model),
        ),
    ]
    compared = {"image": image_panels}
    for name, (_, _, kind) in techniques.items():
        compared |= {
            name: rows[name],
            f"{name}\n(Captum)": [panel(values, i, kind) for i, values in enumerate(theirs[name])],
        }
    compared["layer activation\n(Captum)"] = [panel(values, index, "heat") for index, values in enumerate(activation)]
    compared["layer conductance\n(Captum)"] = [panel(values, index, "heat") for index, values in enumerate(conductance)]
    beside = draw_grid(
        list(compared.values()),
        row_names=tuple(compared),
        columns=COLUMNS,
        title=f"The same by Captum, at {options.layer}",
        footer=footer(model),
    )
    metadata = describe("gradcam_visualization.py", vars(options), model.weights_name)
    print(f"wrote {save_picture(stack(grids), options.output, metadata)}")
    print(f"wrote {save_picture(beside, options.output.with_stem(options.output.stem + '_captum'), metadata)}")
    return batch.exit_code


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
