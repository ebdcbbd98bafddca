"""What each figure varies: one setting, while the others stay."""

from collections.abc import Callable
from typing import NamedTuple

from studies.tradeoffs.figure import Cell, Rows
from studies.tradeoffs.painter import Painter
from visualizers.colour_transfer import keep_luminance, match_colours

CONTENT_WEIGHTS, STYLE_WEIGHTS = (100, 10, 1), (10, 100, 1000)
SCALES = (0.25, 0.5, 1, 2)
STYLE_LAYERS, CONTENT_LAYERS = (1, 4, 6, 7, 9), (1, 3, 5, 8, 12)
FROM_NOISE = 5.0  # the content weight that draws the content out of noise
SHARES = (0, 0.25, 0.5, 0.75, 1)
LOSSES = {"gram": "Gram matrices", "wasserstein": "Wasserstein-2"}
DREAMS = ("features.4", "features.7", "features.11")


def vary_weights(painter: Painter) -> Rows:
    """Content weight down, style weight across."""
    style, rows = painter.style(), []
    for content_weight in CONTENT_WEIGHTS:
        row = []
        for style_weight in STYLE_WEIGHTS:
            picture = painter.paint(style, content_weight=content_weight, style_weight=style_weight)
            title = "" if rows else f"style weight {style_weight}"
            row.append(painter.painted(picture, title, style))
        rows.append(row)
    return Rows(rows, [f"content weight {weight}" for weight in CONTENT_WEIGHTS])


def vary_style_size(painter: Painter) -> Rows:
    """Two styles down, the size of each across."""
    rows = []
    for index in range(2):
        row = [painter.original(painter.style(index).image, painter.title(index))]
        for scale in SCALES:
            style = painter.style(index, scale)
            row.append(painter.painted(painter.paint(style), f"style {scale:g} times the content", style))
        rows.append(row)
    return Rows(rows)


def vary_layers(painter: Painter) -> Rows:
    """One style layer alone, all up to it, and the content taken from ever deeper layers."""
    style = painter.style()
    alone = [
        painter.painted(painter.paint(style, layers=(layer,)), f"style layer {layer}", style) for layer in STYLE_LAYERS
    ]
    growing = []
    for count in range(1, len(STYLE_LAYERS) + 1):
        layers = STYLE_LAYERS[:count]
        title = f"style layers {', '.join(map(str, layers))}"
        growing.append(painter.painted(painter.paint(style, layers=layers), title, style))
    content, noise = [], painter.noise()  # from the content itself, all of it would stay, whatever the layer
    for layer in CONTENT_LAYERS:
        picture = painter.paint(style, content_layer=layer, content_weight=FROM_NOISE, start=noise)
        content.append(painter.painted(picture, f"content layer {layer}", style))
    return Rows([alone, growing, content], ["one style layer", "all up to it", "content of one layer,\nfrom noise"])


def vary_start(painter: Painter) -> Rows:
    """Content, half noise and noise: the start, and what comes of it in one size, and from coarse to fine."""
    style, content, noise = painter.style(), painter.content, painter.noise()
    starts = {"content": content, "half content, half noise": (content + noise) / 2, "noise": noise}
    rows = [[painter.painted(start, title, style) for title, start in starts.items()]]
    for smallest in (painter.settings.size, painter.settings.smallest):
        loop = {"smallest": smallest, "content_weight": FROM_NOISE}
        pictures = [painter.paint(style, start=start, **loop) for start in starts.values()]
        rows.append([painter.painted(picture, "", style) for picture in pictures])
    return Rows(rows, ["the start", "painted\nin one size", "painted from\ncoarse to fine"])


def vary_blend(painter: Painter) -> Rows:
    """From the first style to the second."""
    first, second = painter.style(0), painter.style(1)
    row = [painter.original(first.image, painter.title(0))]
    for share in SHARES:
        styles = (first._replace(weight=1 - share), second._replace(weight=share))
        title = f"{100 * (1 - share):.0f} % and {100 * share:.0f} %"
        row.append(painter.painted(painter.paint(*styles), title, *styles))
    return Rows([[*row, painter.original(second.image, painter.title(1))]])


def add_dream(painter: Painter) -> Rows:
    """DeepDream of the content, and of the painted one."""
    style, rows = painter.style(), []
    for title, picture in {"content": painter.content, "painted": painter.paint(style)}.items():
        dreams = [
            painter.painted(painter.dream(picture, layer), f"and then a dream of {layer}", style) for layer in DREAMS
        ]
        rows.append([painter.painted(picture, title, style), *dreams])
    return Rows(rows)


def vary_loss(painter: Painter) -> Rows:
    """Two styles, by either loss; each picture measured by both."""
    rows = []
    for index in range(2):
        style = painter.style(index)
        row = [painter.original(style.image, painter.title(index))]
        for loss, name in LOSSES.items():
            picture = painter.paint(style, loss=loss)
            gram = painter.losses(picture, style, loss="gram").style
            row.append(painter.painted(picture, name, style)._replace(gram=gram))
        rows.append(row)
    return Rows(rows)


def keep_colours(painter: Painter) -> Rows:
    """The painted picture, and both ways to keep the content's colours."""
    style, content = painter.style(), painter.content
    matched = style._replace(image=match_colours(style.image, content))
    above = [
        (content, "content"),
        (style.image, painter.title()),
        (matched.image, "style in the content's colours"),
    ]
    painted = painter.paint(style)
    below: list[Cell] = [
        painter.painted(painted, "painted", style),
        painter.painted(keep_luminance(painted, content), "its luminance, the content's colours", style),
        painter.painted(painter.paint(matched), "painted in the recoloured style", matched),
    ]
    return Rows([[painter.original(image, title) for image, title in above], below])


class Figure(NamedTuple):
    """What a figure is called, and how many pictures are made for it."""

    paint: Callable[[Painter], Rows]
    title: str
    pictures: int


FIGURES = {
    "weights": Figure(vary_weights, "Content weight against style weight: their ratio counts", 9),
    "style-size": Figure(vary_style_size, "The style's size is the size of the strokes", 2 * len(SCALES)),
    "layers": Figure(vary_layers, "Which layers: deep ones hold larger forms", 3 * len(STYLE_LAYERS)),
    "start": Figure(vary_start, "The start: noise needs the way from coarse to fine", 6),
    "blend": Figure(vary_blend, "From one style to another", len(SHARES)),
    "dream": Figure(add_dream, "DeepDream on top of a painted picture", 1 + 2 * len(DREAMS)),
    "loss": Figure(vary_loss, "Gram against Wasserstein-2", 4),
    "colour": Figure(keep_colours, "Colours kept from the content", 2),
}
