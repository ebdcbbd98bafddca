"""Why this and not that? The map of the difference of two classes' scores."""

from typing import TYPE_CHECKING

import gradio as gr

from explorer.answers import look
from explorer.world import Asked
from studies.shared.network import class_title
from visualizers.catalogue import TECHNIQUES

if TYPE_CHECKING:
    from explorer.page import Page

NAME, TITLE = "versus", "Why this and not that?"
FIRST = "grad-cam"


def build(page: "Page") -> None:
    """The tab's controls and what they show."""
    choices = [(row.one_line, row.name) for row in TECHNIQUES.values() if row.additive and not row.slow]
    with gr.Row():
        other = page.class_box("Not that class", scale=2)
        name = gr.Dropdown(choices, value=FIRST, label="Technique", scale=1)
    said = gr.Markdown()
    with gr.Row():
        picture = page.image_box("red speaks for the first, blue for the second", 380)
        words = gr.Markdown(elem_classes="words")
    raw = page.file_box("The map as numbers (.npz)")
    command = page.command_box()

    def answer(asked: Asked, other: int | None, name: str):
        if other is None:
            return [gr.skip()] * 5
        model, layer = page.world.networks[asked.network], page.world.layers(asked.network)[-1]
        maps = look.compute(page.world, asked, [name], layer=layer, versus=int(other))
        (shown,) = look.show(asked, maps, together=False, strength=0.9, both_signs=True)
        first, second = (class_title(model, asked.probabilities, label) for label in (asked.label, int(other)))
        line = look.commands(page.world, asked, [name], layer=layer, versus=int(other))
        metadata = page.metadata("versus", asked, {"technique": name, "layer": layer, "versus": int(other)})
        numbers = page.raw({name: maps[0].raw.numpy()}, metadata)
        return [f"### Why {first}, and not {second}?", page.picture(shown.pixels, metadata), shown.words, numbers, line]

    page.listen(NAME, answer, [other, name], [said, picture, words, raw, command])
