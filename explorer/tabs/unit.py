"""What does this unit see? Click on a cell of an activation map."""

from typing import TYPE_CHECKING

import gradio as gr

from explorer.answers import unit
from explorer.looks import QUIET
from explorer.world import Asked

if TYPE_CHECKING:
    from explorer.page import Page

NAME, TITLE = "unit", "What does this unit see?"
HEIGHT = 348  # pixels
CLICK = "Its map: click on a cell"


def build(page: "Page") -> None:
    """The tab's controls and what they show."""
    with gr.Row():
        layer = page.layer_box(0.5)
        channel = gr.Dropdown([], label="Channel, the one that responds most first")
    cells = gr.State((1, 1))
    with gr.Row():
        look = {"height": HEIGHT, "label": CLICK, "alt_text": CLICK, "buttons": []}
        drawn = gr.Image(interactive=False, format="png", **look)
        seen = page.image_box("What the unit sees", HEIGHT)
        gradient = page.image_box("What of it excites the unit", HEIGHT)
    said = gr.Markdown(elem_classes="words")
    patches = gr.Gallery(label="Strongest patches", height=150, format="png", interactive=False, elem_classes="patches")
    command = page.command_box()

    def about(asked: Asked, layer: str, channel: int, row: int, column: int) -> list:
        found = unit.unit(page.world, asked, layer, channel, row, column)
        metadata = page.metadata("neurons", asked, {"layer": layer, "channel": channel, "row": row, "column": column})
        pictures = [page.picture(each, metadata) for each in (found.picture, found.gradient)]
        flags = f"{asked.chosen.flags}{page.world.network_flags(asked)} --layer {layer} --channels {channel}"
        return [*pictures, found.words, found.patches, f"python -m studies neurons {flags}"]

    def answer(asked: Asked, layer: str | None, channel: int | None) -> list:
        if layer not in page.world.layers(asked.network):  # the network has just been changed
            return [gr.skip()] * 8
        order = unit.channels_by_strength(page.world, asked, layer)
        channel = order[0] if channel is None or channel not in order else channel
        pixels, shape, strongest = unit.drawn_map(page.world, asked, layer, channel)
        found = about(asked, layer, channel, *strongest)
        return [gr.Dropdown(order, value=channel), pixels, shape, *found]

    def clicked(asked: Asked | None, layer: str, channel: int | None, cells: tuple[int, int], event: gr.SelectData):
        if asked is None or channel is None:
            return [gr.skip()] * 5
        return about(asked, layer, channel, *unit.cell_at(*event.index, cells))

    told = [seen, gradient, said, patches, command]
    page.listen(NAME, answer, [layer, channel], [channel, drawn, cells, *told])
    drawn.select(clicked, [page.fitted, layer, channel, cells], told, **QUIET)
