"""The content of one picture, painted with the textures of another: style transfer by optimising pixels.

Writes visualization/style_transfer_<content>_<style>.png for each preset, and a sheet of them all,
visualization/style_transfer.png. Bare, it makes every preset whose pictures are there. With --content and
--style it makes one picture from any two files.
"""

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.options import (
    PHOTOGRAPHS,
    ROOT,
    constant_of,
    defaults_of,
    is_picture_path,
    make_parser,
    number,
    progress,
    run_script,
    whole_number,
)

LAYERS = (1, 4, 6, 7)  # of `features`: the modules whose textures count
CONTENT_LAYER = 3
FOLDERS = ("images/content", "images/styles", "styles_images")  # the last is the course's
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
SMALLEST = constant_of("style_utils", "SMALLEST_SIDE")

# The course's steps of length 3 roughen the picture; steps of a thirtieth reach a lower loss, and brush strokes.
SMALL_STEPS = {"learning_rate": 0.1, "final_learning_rate": 0.03, "lower_at": 150, "clamp_to": 2.64}


@dataclass(frozen=True)
class Preset:
    """Two pictures and the weights that suit them; sizes are of the shorter side, in pixels."""

    content: str
    style: str
    size: int
    style_size: int
    content_weight: float
    style_weights: tuple[float, ...]
    tv_weight: float
    schedule: dict = field(default_factory=dict)


PRESETS = {
    "composition_vii": Preset("tubingen", "composition_vii", 192, 512, 5e-2, (20000, 500, 12, 1), 5e-2),
    "the_scream": Preset("tubingen", "the_scream", 192, 224, 3e-2, (200000, 800, 12, 1), 2e-2),
    "starry_night": Preset("tubingen", "starry_night", 192, 192, 6e-2, (300000, 1000, 15, 3), 2e-2),
    "swirling_night": Preset(
        "harbour_town", "swirling_night", 288, 400, 3e-2, (1_000_000, 20000, 600, 200), 1e-2, SMALL_STEPS
    ),
    "blood_sunset": Preset("chelsea", "blood_sunset", 288, 288, 3e-2, (1_000_000, 20000, 600, 200), 1e-2, SMALL_STEPS),
}
# The embedded network's features are smaller, and its first layer leaves a fine grid.
EMBEDDED = {"style_weights": (5_000_000, 1_000_000, 60_000, 20_000), "tv_weight": 0.3}
OWN = "swirling_night"  # its weights serve two pictures that no preset names


def main(options) -> int:
    # After parsing, so that --help does not wait for torch.
    from core.errors import UsageError, WorkError
    from core.figures import describe, draw_pictures, save_picture, stack
    from core.inputs import footer, load_network
    from patterns.scenes import CLASS_NAMES

    asked = any(value is not None for value in (options.preset, options.content, options.style))
    jobs, missing = [], []
    for name in options.preset or ([OWN] if asked else PRESETS):
        preset = adjust(PRESETS[name], options)
        try:
            jobs.append((preset, open_picture(preset.content, "content"), open_picture(preset.style, "styles")))
        except UsageError as error:
            if asked:
                raise
            missing.append(f"preset {name} left out: {error}")
    if not jobs:
        raise WorkError(f"nothing can be made: {'; '.join(missing)}")
    paths = [path_of(preset, options.output) for preset, _, _ in jobs]
    if len(set(paths)) < len(paths):
        raise UsageError(f"output: several pictures would be written to '{paths[0]}'; make one preset at a time")
    model = load_network(options)
    if model.class_names == CLASS_NAMES:
        jobs = [(adjust(replace(preset, **EMBEDDED), options), *pictures) for preset, *pictures in jobs]
    sheet = []
    for (preset, content, style), path in zip(jobs, paths, strict=True):
        picture, settings = transfer(preset, content, style, model, options)
        metadata = describe("style_transfer.py", settings, model.weights_name)
        print(f"wrote {save_picture(picture, path, metadata)}")
        if len(jobs) == 1:
            continue
        titles = (Path(preset.content).stem, Path(preset.style).stem, "the one in the style of the other")
        sheet.append(draw_pictures([content, style, picture], titles))
    if len(jobs) > 1:
        sheet.append(draw_pictures([], [], footer=footer(model)))
        metadata = describe("style_transfer.py", vars(options), model.weights_name)
        print(f"wrote {save_picture(stack(sheet), options.output / 'style_transfer.png', metadata)}")
    for sentence in missing:
        print(sentence)
    return 0


def adjust(preset: Preset, options) -> Preset:
    """The preset with what the flags say instead."""
    named = ("content", "style", "size", "style_size", "content_weight", "style_weights", "tv_weight")
    given = {name: getattr(options, name) for name in named if getattr(options, name) is not None}
    if "style_weights" in given:
        given["style_weights"] = tuple(given["style_weights"])
    return replace(preset, **given)


def path_of(preset: Preset, output: Path) -> Path:
    """Where a preset's picture goes: into the folder given, under the names of its two pictures, or the file given."""
    name = f"style_transfer_{Path(preset.content).stem}_{Path(preset.style).stem}.png"
    return output if is_picture_path(output) else output / name


def open_picture(name: str, folder: str):
    """A path, or the name of a picture in images/, or of one of the photographs that come with scikit-image."""
    from core.errors import UsageError
    from core.images import default_photograph, load_image

    for place in FOLDERS:
        for suffix in SUFFIXES:
            path = ROOT / place / f"{name}{suffix}"
            if path.exists():
                return load_image(path)
    if name in PHOTOGRAPHS:
        return default_photograph(name)
    if not name or Path(name).suffix or Path(name).exists():
        return load_image(name)
    flag = "--content" if folder == "content" else "--style"
    raise UsageError(f"picture '{name}' is not there; put it at images/{folder}/{name}.jpg, or pass {flag} FILE")


def transfer(preset: Preset, content, style, model, options):
    """Run one preset; return the picture, uint8 (H, W, 3), and the settings that made it."""
    import torch

    from core.images import deprocess
    from core.inputs import make_generator
    from style_utils import preprocess, style_objective, transfer_style

    like = next(model.parameters())
    content_tensor = preprocess(content, preset.size).to(like)
    style_tensor = preprocess(style, preset.style_size).to(like)
    objective = style_objective(
        content_tensor,
        style_tensor,
        model.features,
        content_layer=CONTENT_LAYER,
        content_weight=preset.content_weight,
        style_layers=LAYERS,
        style_weights=preset.style_weights,
        tv_weight=preset.tv_weight,
    )
    start = content_tensor
    if options.start == "noise":
        start = torch.randn(content_tensor.shape, generator=make_generator(options)).to(like)
    description = f"{Path(preset.content).stem} as {Path(preset.style).stem}"
    losses = []
    with progress(total=options.iterations, desc=description, unit="step") as bar:

        def watch(step) -> None:
            bar.update()
            losses.append(float(step.value))

        result = transfer_style(start, objective, iterations=options.iterations, callback=watch, **preset.schedule)
    with torch.no_grad():
        after = [float(term) for term in objective.terms(result)]
    words = "content {:.0f}, style {:.0f}, total variation {:.0f}".format(*after)
    print(f"{description}: loss {losses[0]:.0f} at the start, {sum(after):.0f} in the picture ({words})")
    settings = {**vars(preset), "iterations": options.iterations, "start": options.start, "seed": options.seed}
    return deprocess(result)[0], settings


def parser():
    result = make_parser(__doc__, output="", writes="pictures: a folder, or one .png or .jpg", images=False)
    add, side = result.add_argument, whole_number(SMALLEST, 4096)
    add("--preset", nargs="+", choices=PRESETS, metavar="NAME", help=f"{', '.join(PRESETS)} (default: all)")
    add("--content", metavar="FILE", help="the picture to paint, instead of the preset's")
    add("--style", metavar="FILE", help="the picture to paint it like, instead of the preset's")
    add("--size", type=side, metavar="PIXELS", help="shorter side of the result (default: the preset's)")
    add("--style-size", type=side, metavar="PIXELS", help="shorter side of the style (default: the preset's)")
    add("--content-weight", type=number(0, 1e12), metavar="N", help="weight of the content loss")
    add("--style-weights", type=number(0, 1e12), nargs=4, metavar="N", help=f"weights of the style layers {LAYERS}")
    add("--tv-weight", type=number(0, 1e12), metavar="N", help="weight of the total variation")
    steps = defaults_of("style_utils", "transfer_style")["iterations"]
    add("--iterations", type=whole_number(1, 100_000), default=steps, metavar="N", help="steps")
    add("--start", choices=("content", "noise"), default="content", help="what to start from")
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
