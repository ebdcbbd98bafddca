"""Where does the object end? A map says roughly where it is, and GrabCut cuts it out along the edges of the image.

Writes visualization/segmentation_visualization.png: image, map, what GrabCut starts from, the mask, the cut-out; on
rendered scenes, whose masks are known, with the overlap of mask and true mask (intersection over union, IoU).
"""

import sys
from statistics import median

from core.options import (
    defaults_of,
    find_technique,
    make_parser,
    number,
    progress,
    run_script,
    whole_number,
)

COLUMNS = 5  # pictures side by side; more go on below
MAPS = {  # what seeds the cut
    "grad-cam": "Grad-CAM",
    "guided-grad-cam": "guided Grad-CAM,\nblurred",
    "guided-backprop": "guided backprop,\nblurred",
    "integrated-gradients": "integrated gradients,\nblurred",
    "occlusion": "occlusion",
    "centre": "the centre, baseline",
}
BLUR = 1 / 22  # of the image's side: fine maps lie on edges and must be filled before they can seed an area
STEPS = 20  # of integrated gradients
SEED_COLOURS = ((0.05, 0.1, 0.35), (1.0, 0.8, 0.1), (0.35, 0.55, 0.85), (0.95, 0.95, 0.75))
DEFAULTS = defaults_of("visualizers.segmentation", "segment")
SETTINGS = ("sure", "probable", "background", "border", "iterations")


def main(options) -> int:
    name = find_technique(options.technique, MAPS)
    # After parsing, so that --help does not wait for torch.
    from core.figures import Panel, describe, draw_grid, heat, outline, overlay, save_picture
    from core.inputs import footer, load_batch, load_network
    from patterns.examples import example_scenes

    model = load_network(options)
    batch = load_batch(options, model, example_scenes)
    rows = [[] for _ in range(5)]
    overlaps, failures = [], 0
    for index in progress(range(len(batch.names)), desc="segmentation", unit="image"):
        image, title, truth = batch.pixels[index], batch.titles[index], batch.masks[index]
        values = seed_maps(name, model, batch.images[index : index + 1], batch.labels[index : index + 1])[0].numpy()
        seeds, mask, reason = cut(image, values, options)
        seen = overlay(image, values) if values.any() else heat(values)
        panels = [Panel(image, title), Panel(outline(seen, truth)), Panel(image, note=reason)]
        panels += [Panel(image), Panel(image)]
        if mask is not None:
            panels[2:] = [Panel(paint_seeds(image, seeds)), Panel(dim(image, mask)), Panel(cut_out(image, mask))]
        if mask is not None and truth is not None:
            overlaps.append(overlap(mask, truth))
            panels[3] = Panel(outline(dim(image, mask), truth), f"IoU {overlaps[-1]:.2f}")
        if mask is None:
            failures += 1
            print(f"{batch.names[index]}: not segmented: {reason}", file=sys.stderr)
        for row, panel in zip(rows, panels, strict=True):
            row.append(panel)
    if overlaps:
        print(f"IoU with the true masks: median {median(overlaps):.3f} over {len(overlaps)} scenes")
    names = ("image", MAPS[name], "seeds: yellow object,\nblue background", "mask", "cut-out")
    grid = draw_grid(
        rows, row_names=names, columns=COLUMNS, title="Cut out where the network looked", footer=footer(model)
    )
    metadata = describe("segmentation_visualization.py", vars(options), model.weights_name)
    print(f"wrote {save_picture(grid, options.output, metadata)}")
    return 1 if failures else batch.exit_code


def cut(image, values, options):
    """(seeds, mask, "") of an image, or (None, None, the reason why there are none)."""
    from core.errors import UsageError
    from visualizers.segmentation import seeds_of, segment

    settings = {setting: getattr(options, setting) for setting in SETTINGS}
    try:
        mask = segment(image, values, **settings, seed=options.seed % 2**31)
    except UsageError as error:
        return None, None, str(error)
    settings.pop("iterations")
    return seeds_of(values, **settings), mask, ""


def seed_maps(name, model, images, labels):
    """The maps of images (N, 3, H, W) that seed the cut, (N, H, W), zero and up, on the CPU."""
    from core.priors import blur
    from core.scores import centre_map
    from visualizers.gradcam import grad_cam, upsample
    from visualizers.guided_backprop import guided_backprop
    from visualizers.guided_gradcam import guided_grad_cam
    from visualizers.integrated_gradients import integrated_gradients
    from visualizers.occlusion import occlusion, spread

    size = images.shape[2:]
    labels = labels.to(images.device)
    if name == "centre":
        return centre_map(*size).expand(len(images), *size)
    if name == "grad-cam":
        return upsample(grad_cam(model, images, labels), size).cpu()
    if name == "occlusion":
        window = {flag: defaults_of("visualizers.occlusion", "occlusion")[flag] for flag in ("patch", "stride")}
        return spread(occlusion(model, images, labels, **window), size, **window).clamp(min=0).cpu()
    if name == "integrated-gradients":
        fine = integrated_gradients(model, images, labels, steps=STEPS).sum(dim=1, keepdim=True).clamp(min=0)
    else:
        technique = {"guided-backprop": guided_backprop, "guided-grad-cam": guided_grad_cam}[name]
        fine = technique(model, images, labels).abs().amax(dim=1, keepdim=True)
    return blur(fine, min(size) * BLUR).squeeze(1).cpu()


def overlap(mask, truth) -> float:
    """Intersection over union of two masks (H, W)."""
    return float((mask & truth).sum() / (mask | truth).sum())


def paint_seeds(image, seeds):
    """The four kinds of seed in their colours, the image faintly below; RGB (H, W, 3)."""
    import numpy as np

    return 0.7 * np.array(SEED_COLOURS)[seeds] + 0.3 * image.mean(axis=2, keepdims=True) / 255


def dim(image, mask):
    """The image, dark and grey where the mask is not; RGB (H, W, 3)."""
    import numpy as np

    grey = np.broadcast_to(image.mean(axis=2, keepdims=True), image.shape)
    return np.where(mask[..., None], image, 0.35 * grey) / 255


def cut_out(image, mask):
    """The object on white; RGB (H, W, 3)."""
    import numpy as np

    return np.where(mask[..., None], image, 255) / 255


def parser():
    result = make_parser(__doc__, output="segmentation_visualization.png")
    add = result.add_argument
    add("--technique", default="guided-grad-cam", metavar="NAME", help=f"the map that seeds: {', '.join(MAPS)}")
    add("--sure", type=number(0, 1), default=DEFAULTS["sure"], metavar="N", help="surely object above this quantile")
    text = "probably object above this quantile"
    add("--probable", type=number(0, 1), default=DEFAULTS["probable"], metavar="N", help=text)
    text = "surely background below this quantile"
    add("--background", type=number(0, 1), default=DEFAULTS["background"], metavar="N", help=text)
    text = "frame that is surely background"
    add("--border", type=whole_number(0, 100), default=DEFAULTS["border"], metavar="PIXELS", help=text)
    text = "rounds of learning the colours and cutting"
    add("--iterations", type=whole_number(1, 100), default=DEFAULTS["iterations"], metavar="N", help=text)
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
