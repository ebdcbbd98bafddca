"""All maps of every picture of a folder: one PNG each, with saliency, guided backprop, Grad-CAM and both at once.

Writes visualization/explained/NAME.png. Started again, it goes on where it stopped: what is there already, made from
the same picture with the same settings and weights, is not made again. A bare run makes its few pictures anew.
"""

import sys
from collections import Counter
from pathlib import Path

from studies.shared.options import OUTPUT_FOLDER, defaults_of, is_picture_path, make_parser, progress, run_script

SCRIPT = Path(__file__).name


def main(options) -> int:
    # After parsing, so that --help does not wait for torch.
    from core.activations import find_layer
    from core.errors import UsageError
    from core.files import fingerprint, is_there
    from drawing.files import describe, save_picture
    from studies.shared.examples import example_scenes
    from studies.shared.inputs import (
        chosen_labels,
        footer,
        list_pictures,
        load_batch,
        load_network,
        load_pictures,
        name_broken,
    )
    from visualizers.all_maps import all_maps

    if is_picture_path(options.output):
        raise UsageError(f"output: '{options.output}' has an ending; give a folder, which gets one PNG a picture")
    model = load_network(options)
    find_layer(model, options.layer)
    settings = {"layer": options.layer, "size": options.size}

    def explain(batch, index: int, target: Path, metadata: dict[str, str]) -> None:
        maps = all_maps(model, batch.images[index : index + 1], batch.labels[index : index + 1], layer=options.layer)
        save_picture(draw(batch, index, maps, footer(model)), target, metadata)

    if not options.images:
        batch = load_batch(options, model, example_scenes)
        for index in progress(range(len(batch.names)), desc="explained", unit="picture"):
            metadata = describe(SCRIPT, {**settings, "labels": options.labels}, model.weights_name)
            explain(batch, index, options.output / f"{batch.names[index]}.png", metadata)
        print(f"wrote {len(batch.names)} pictures to {options.output}")
        return batch.exit_code
    pictures = list_pictures(options.images)
    labels = chosen_labels(options.labels, model.class_names, len(pictures))
    written = there = broken = 0
    jobs = list(zip(pictures, labels, targets(pictures, options.output), strict=True))
    for picture, label, target in progress(jobs, desc="explained", unit="picture"):
        made_from = {**settings, "label": label, "source": fingerprint(picture.source)}
        metadata = describe(SCRIPT, made_from, model.weights_name)
        if is_there(target, metadata):
            there += 1
            continue
        batch = load_pictures(model, [picture], [label], options.size)
        name_broken(batch.broken)
        if batch.names:
            explain(batch, 0, target, metadata)
        written, broken = written + len(batch.names), broken + len(batch.broken)
    kept = f"; {there} were there already" if there else ""
    print(f"wrote {written} pictures to {options.output}{kept}")
    return 1 if broken else 0


def targets(pictures, folder: Path) -> list[Path]:
    """Where each picture's maps go. Pictures of one name are told apart by their whole paths."""
    often = Counter(picture.name for picture in pictures)
    names = [
        picture.name if often[picture.name] == 1 else "_".join(Path(picture.source).absolute().parts[1:])
        for picture in pictures
    ]
    return [folder / f"{name}.png" for name in names]


def draw(batch, index: int, maps, below: str):
    """One picture's figure, uint8 (H, W, 3)."""
    from drawing.colours import blank_note, heat, outline, overlay, signed
    from drawing.grid import Panel, draw_grid
    from visualizers.gradcam import upsample

    saliency, guided, cam, both = (each[0].cpu() for each in maps)
    pixels = batch.pixels[index]
    smooth = upsample(cam[None], pixels.shape[:2])[0].numpy()
    panels = [
        Panel(pixels, batch.titles[index]),
        Panel(heat(saliency.numpy()), "saliency", blank_note(saliency.numpy())),
        Panel(signed(guided.permute(1, 2, 0).numpy()), "guided backprop", blank_note(guided.numpy())),
        Panel(overlay(pixels, smooth), "Grad-CAM", blank_note(cam.numpy(), "nothing speaks for the class here")),
        Panel(signed(both.permute(1, 2, 0).numpy()), "guided Grad-CAM", blank_note(both.numpy())),
    ]
    mask = batch.masks[index]
    return draw_grid([[panel._replace(pixels=outline(panel.pixels, mask)) for panel in panels]], footer=below)


def parser():
    result = make_parser(__doc__, output="", writes="pictures: a folder")
    result.set_defaults(output=OUTPUT_FOLDER / "explained")
    layer = defaults_of("visualizers.gradcam", "grad_cam")["layer"]
    result.add_argument("--layer", default=layer, metavar="NAME", help="the layer of Grad-CAM")
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
