"""What does each setting of style transfer do? A figure each: the same picture, and one setting that varies.

Writes visualization/style_tradeoffs_<figure>.png. Below each picture: its content, style and total-variation loss,
relative and unweighted, so that they can be compared across a figure.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from core.errors import UsageError
from studies.shared.options import is_picture_path, make_parser, progress, run_script, whole_number
from style_transfer import CONTENT, DEFAULTS, NOISE, SMALLEST, STYLE, open_picture

SCRIPT = "style_tradeoffs.py"
OTHER = "mosaic"  # the second style, where there are two
ITERATIONS = 60
CONTENT_WEIGHTS, STYLE_WEIGHTS = (100, 10, 1), (10, 100, 1000)
SCALES = (0.25, 0.5, 1, 2)
STYLE_LAYERS, CONTENT_LAYERS = (1, 4, 6, 7, 9), (1, 3, 5, 8, 12)
FROM_NOISE = 5.0  # the content weight that draws the content out of noise
SHARES = (0, 0.25, 0.5, 0.75, 1)
LOSSES = {"gram": "Gram matrices", "wasserstein": "Wasserstein-2"}
DREAMS = ("features.4", "features.7", "features.11")
LOSS = DEFAULTS["loss"]
BELOW = f"relative losses, {LOSS.title()} style"


def main(options) -> int:
    # After parsing, so that --help does not wait for torch.
    from drawing.files import describe, save_picture
    from drawing.grid import draw_grid
    from studies.shared.inputs import footer, load_network

    names = list(FIGURES) if "all" in options.figure else list(dict.fromkeys(options.figure))
    alone = is_picture_path(options.output)
    if alone and len(names) > 1:
        raise UsageError(f"output: {len(names)} figures do not go into '{options.output}'; give a folder")
    for name in names:
        needed = FIGURES[name].styles
        if options.style and len(options.style) != needed:
            raise UsageError(f"style: got {len(options.style)}; the figure '{name}' shows {needed}")
    model = load_network(options)
    for name in names:
        figure = FIGURES[name]
        with progress(total=figure.paintings, desc=name, unit="picture") as bar:
            rows, row_names = figure.draw(Easel(model, options, bar))
        pixels = draw_grid(rows, row_names=row_names, title=figure.title, footer=f"{footer(model)}; {BELOW}")
        path = options.output if alone else options.output / f"style_tradeoffs_{name.replace('-', '_')}.png"
        metadata = describe(SCRIPT, vars(options) | {"figure": name}, model.weights_name)
        print(f"wrote {save_picture(pixels, path, metadata)}")
    return 0


class Easel:
    """Paints the one content again and again, and makes panels of it."""

    def __init__(self, model, options, bar) -> None:
        from courses.style import preprocess

        self.model, self.options, self.bar = model, options, bar
        self.like = next(model.parameters())
        self.names = options.style or [STYLE, OTHER]
        self.pictures = [open_picture(name, "styles") for name in self.names]
        self.content = preprocess(open_picture(options.content, "content"), options.size).to(self.like)

    def style(self, index: int = 0, scale: float = 1.0):
        """The style (1, 3, h, w) at `scale` times the content's size."""
        from courses.style import preprocess

        return preprocess(self.pictures[index], max(SMALLEST, round(self.options.size * scale))).to(self.like)

    def title(self, index: int) -> str:
        return Path(self.names[index]).stem.replace("_", " ")

    def noise(self):
        import torch

        from studies.shared.inputs import make_generator

        return NOISE * torch.randn(self.content.shape, generator=make_generator(self.options)).to(self.content)

    def paint(self, *styles, **settings):
        """styles: `Style`s; settings: of `style_transfer`, the defaults if not given -> (1, 3, H, W)."""
        from visualizers.style_transfer import style_transfer

        loop = {"iterations": self.options.iterations, "smallest": self.options.smallest} | settings
        result = style_transfer(self.model, self.content, styles, **loop)
        self.bar.update()
        return result

    def losses(self, picture, *styles, loss: str = LOSS):
        """Content, style and total-variation loss of a picture, all with weight 1 and the default layers."""
        from visualizers.style_transfer import style_terms

        ones = {"content_weight": 1.0, "style_weight": 1.0, "tv_weight": 1.0}
        return style_terms(self.model, picture, self.content, styles, loss=loss, **ones)

    def panel(self, picture, title: str, *styles):
        """A painted picture with its losses below."""
        from core.images import deprocess
        from drawing.grid import Panel

        caption = "content {:.3f}  style {:.3f}  variation {:.3f}".format(*self.losses(picture, *styles))
        return Panel(deprocess(picture)[0], title, caption=caption)

    def original(self, image, title: str):
        """A picture (1, 3, h, w) cut to the content's shape, without losses."""
        import numpy as np
        from PIL import Image, ImageOps

        from core.images import deprocess
        from drawing.grid import Panel

        height, width = self.content.shape[2:]
        fitted = ImageOps.fit(Image.fromarray(deprocess(image)[0]), (width, height))
        return Panel(np.asarray(fitted), title)


def show_weights(easel: Easel) -> tuple[list, list]:
    """Content weight down, style weight across."""
    from visualizers.style_transfer import Style

    style, rows = Style(easel.style()), []
    for content_weight in CONTENT_WEIGHTS:
        row = []
        for style_weight in STYLE_WEIGHTS:
            picture = easel.paint(style, content_weight=content_weight, style_weight=style_weight)
            title = "" if rows else f"style weight {style_weight}"
            row.append(easel.panel(picture, title, style))
        rows.append(row)
    return rows, [f"content weight {weight}" for weight in CONTENT_WEIGHTS]


def show_style_size(easel: Easel) -> tuple[list, list]:
    """Two styles down, the size of each across."""
    from visualizers.style_transfer import Style

    rows = []
    for index in range(2):
        row = [easel.original(easel.style(index), easel.title(index))]
        for scale in SCALES:
            style = Style(easel.style(index, scale))
            row.append(easel.panel(easel.paint(style), f"style {scale:g} times the content", style))
        rows.append(row)
    return rows, []


def show_layers(easel: Easel) -> tuple[list, list]:
    """One style layer alone, all up to it, and the content taken from ever deeper layers."""
    from visualizers.style_transfer import Style

    style = Style(easel.style())
    alone = [easel.panel(easel.paint(style, layers=(layer,)), f"style layer {layer}", style) for layer in STYLE_LAYERS]
    growing = []
    for count in range(1, len(STYLE_LAYERS) + 1):
        layers = STYLE_LAYERS[:count]
        title = f"style layers {', '.join(map(str, layers))}"
        growing.append(easel.panel(easel.paint(style, layers=layers), title, style))
    noise, content = easel.noise(), []  # from the content itself, all of it would stay, whatever the layer
    for layer in CONTENT_LAYERS:
        picture = easel.paint(style, content_layer=layer, content_weight=FROM_NOISE, start=noise)
        content.append(easel.panel(picture, f"content layer {layer}", style))
    return [alone, growing, content], ["one style layer", "all up to it", "content of one layer,\nfrom noise"]


def show_start(easel: Easel) -> tuple[list, list]:
    """Content, half noise and noise: the start, and what comes of it in one size, and from coarse to fine."""
    from visualizers.style_transfer import Style

    style, noise = Style(easel.style()), easel.noise()
    starts = {"content": easel.content, "half content, half noise": (easel.content + noise) / 2, "noise": noise}
    rows = [[easel.panel(start, title, style) for title, start in starts.items()]]
    for smallest in (easel.options.size, easel.options.smallest):
        loop = {"smallest": smallest, "content_weight": FROM_NOISE}
        rows.append([easel.panel(easel.paint(style, start=start, **loop), "", style) for start in starts.values()])
    return rows, ["the start", "painted\nin one size", "painted from\ncoarse to fine"]


def show_blend(easel: Easel) -> tuple[list, list]:
    """From the first style to the second."""
    from visualizers.style_transfer import Style

    first, second = easel.style(0), easel.style(1)
    row = [easel.original(first, easel.title(0))]
    for share in SHARES:
        styles = [Style(first, 1 - share), Style(second, share)]
        title = f"{100 * (1 - share):.0f} % and {100 * share:.0f} %"
        row.append(easel.panel(easel.paint(*styles), title, *styles))
    return [[*row, easel.original(second, easel.title(1))]], []


def show_dream(easel: Easel) -> tuple[list, list]:
    """DeepDream of the content, and of the painted one."""
    from studies.shared.inputs import make_generator
    from visualizers.deepdream import deepdream
    from visualizers.style_transfer import Style

    style, rows = Style(easel.style()), []
    for title, picture in {"content": easel.content, "painted": easel.paint(style)}.items():
        row = [easel.panel(picture, title, style)]
        for layer in DREAMS:
            chance = make_generator(easel.options)
            dream = deepdream(easel.model, picture, layer, jitter=16, generator=chance)
            row.append(easel.panel(dream, f"and then a dream of {layer}", style))
            easel.bar.update()
        rows.append(row)
    return rows, []


def show_loss(easel: Easel) -> tuple[list, list]:
    """Two styles, by either loss; each picture measured by both."""
    from visualizers.style_transfer import Style

    rows = []
    for index in range(2):
        style = Style(easel.style(index))
        row = [easel.original(style.image, easel.title(index))]
        for loss, name in LOSSES.items():
            picture = easel.paint(style, loss=loss)
            other = easel.losses(picture, style, loss="gram").style
            panel = easel.panel(picture, name, style)
            row.append(panel._replace(caption=f"{panel.caption}\nstyle by Gram matrices {other:.4f}"))
        rows.append(row)
    return rows, []


def show_colour(easel: Easel) -> tuple[list, list]:
    """The painted picture, and both ways to keep the content's colours."""
    from visualizers.colour_transfer import keep_luminance, match_colours
    from visualizers.style_transfer import Style

    style, rows = Style(easel.style()), []
    matched = Style(match_colours(style.image, easel.content))
    painted = easel.paint(style)
    above = [
        (easel.content, "content"),
        (style.image, easel.title(0)),
        (matched.image, "style in the content's colours"),
    ]
    rows.append([easel.original(image, title) for image, title in above])
    rows.append(
        [
            easel.panel(painted, "painted", style),
            easel.panel(keep_luminance(painted, easel.content), "its luminance, the content's colours", style),
            easel.panel(easel.paint(matched), "painted in the recoloured style", matched),
        ]
    )
    return rows, []


class Figure(NamedTuple):
    """What a figure is called, how many styles it takes, and how many pictures are painted for it."""

    draw: Callable
    title: str
    styles: int
    paintings: int


FIGURES = {
    "weights": Figure(show_weights, "Content weight against style weight: their ratio counts", 1, 9),
    "style-size": Figure(show_style_size, "The style's size is the size of the strokes", 2, 2 * len(SCALES)),
    "layers": Figure(show_layers, "Which layers: deep ones hold larger forms", 1, 3 * len(STYLE_LAYERS)),
    "start": Figure(show_start, "The start: noise needs the way from coarse to fine", 1, 6),
    "blend": Figure(show_blend, "From one style to another", 2, len(SHARES)),
    "dream": Figure(show_dream, "DeepDream on top of a painted picture", 1, 1 + 2 * len(DREAMS)),
    "loss": Figure(show_loss, "Gram against Wasserstein-2", 2, 4),
    "colour": Figure(show_colour, "Colours kept from the content", 1, 2),
}


def parser():
    result = make_parser(__doc__, output="", writes="figures: a folder, or one .png or .jpg", images=False)
    add, side = result.add_argument, whole_number(SMALLEST, 1024)
    named = f"{', '.join(FIGURES)}, or all"
    add(
        "--figure",
        nargs="+",
        choices=[*FIGURES, "all"],
        default=["weights"],
        metavar="NAME",
        help=f"{named} (default: weights)",
    )
    add("--content", default=CONTENT, metavar="FILE", help="the picture that is painted")
    add("--style", nargs="+", metavar="FILE", help=f"one style or two, as the figure shows (default: {STYLE}, {OTHER})")
    add("--size", type=side, default=192, metavar="PIXELS", help="shorter side of the pictures")
    add("--smallest", type=side, default=96, metavar="PIXELS", help="shorter side to begin with")
    add("--iterations", type=whole_number(1, 10_000), default=ITERATIONS, metavar="N", help="steps at each size")
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
