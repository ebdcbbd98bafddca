"""Why this and not that? The map of the difference of two classes' scores."""

from typing import TYPE_CHECKING

import gradio as gr

from explorer.answers import look
from explorer.world import Asked, World
from studies.shared.network import class_title
from visualizers.catalogue import TECHNIQUES

if TYPE_CHECKING:
    from explorer.page import Page

NAME, TITLE = "versus", "Why this and not that?"
FIRST = "grad-cam"


def choices_for(world: World, network: str) -> list[tuple[str, str]]:
    """The quick techniques that compare two classes and that the network can have."""
    rows = (TECHNIQUES[name] for name in TECHNIQUES if name in world.suited(network))
    return [(row.one_line, row.name) for row in rows if row.additive and not row.slow]


def build(page: "Page") -> None:
    """The tab's controls and what they show."""
    first = choices_for(page.world, next(iter(page.world.networks)))
    with gr.Row():
        other = page.class_box("Not that class", scale=2)
        name = gr.Dropdown(first, value=FIRST, label="Technique", scale=1)
    said = gr.Markdown()
    with gr.Row():
        picture = page.image_box("Red speaks for the first, blue for the second", 380)
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

    def of_network(asked: Asked, name: str) -> gr.Dropdown:
        suited = page.world.suited(asked.network)
        return gr.Dropdown(choices_for(page.world, asked.network), value=name if name in suited else FIRST)

    page.fit(name, of_network)
    page.listen(NAME, answer, [other, name], [said, picture, words, raw, command])
