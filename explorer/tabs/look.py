"""Where did it look? Up to four techniques side by side."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import gradio as gr

from explorer.answers import look
from explorer.world import MOST_LAYERS, Asked, World
from visualizers.catalogue import TECHNIQUES

if TYPE_CHECKING:
    from explorer.page import Page

NAME, TITLE = "look", "Where did it look?"
FIRST = ("grad-cam", "gradient", "guided-backprop", "guided-grad-cam")


def choices_for(world: World, network: str) -> list[tuple[str, str]]:
    """The techniques that the network can have, as the control lists them."""
    rows = (TECHNIQUES[name] for name in TECHNIQUES if name in world.suited(network))
    return [(row.one_line + (" (slow)" if row.slow else ""), row.name) for row in rows]


def first_for(world: World, network: str, chosen: Sequence[str], count: int) -> list[str]:
    """Those of the techniques chosen that the network can have, and others, quick ones, for those that it cannot."""
    suited = world.suited(network)
    quick = [row for row in TECHNIQUES.values() if not row.slow]
    others = [row.name for row in sorted(quick, key=lambda row: not row.needs)]  # what not every network has goes first
    return [name for name in dict.fromkeys([*chosen, *FIRST, *others]) if name in suited][:count]


def build(page: "Page") -> None:
    """The tab's controls and what they show."""
    network = next(iter(page.world.networks))
    choices, first = choices_for(page.world, network), first_for(page.world, network, FIRST, look.MOST)
    with gr.Row():
        names = gr.Dropdown(
            choices,
            value=first,
            multiselect=True,
            max_choices=look.MOST,
            label="Techniques, up to four",
            scale=3,
            min_width=280,
        )
        together = gr.Checkbox(False, label="One colour scale for all", scale=1, min_width=200, elem_classes="alone")
        strength = gr.Slider(0, 1, 0.65, step=0.05, label="Strength of the colours", scale=1)
    layer = gr.Slider(1, MOST_LAYERS, MOST_LAYERS, step=1, label="Layer, from shallow to deep")
    columns = []
    with gr.Row():
        for _ in range(look.MOST):
            with gr.Column(min_width=200):
                columns.append(page.image_box("", 280))
                columns.append(gr.Markdown(elem_classes="words"))
    raw = page.file_box("The maps as numbers (.npz)")
    command = page.command_box()

    def answer(asked: Asked, names: list[str], together: bool, strength: float, layer: int):
        layers = page.world.layers(asked.network)
        at = layers[round((layer - 1) / (MOST_LAYERS - 1) * (len(layers) - 1))]
        maps = look.compute(page.world, asked, names, layer=at)
        shown = look.show(asked, maps, together=together, strength=strength)
        metadata = page.metadata("maps", asked, {"technique": names, "layer": at})
        pictures = [page.picture(one.pixels, metadata) for one in shown]
        filled = [
            (gr.Image(picture, label=one.title, alt_text=one.alt, visible=True), one.words)
            for picture, one in zip(pictures, shown, strict=True)
        ]
        filled += [(gr.Image(None, visible=False), "")] * (look.MOST - len(shown))
        numbers = page.raw({one.technique.name: one.raw.numpy() for one in maps}, metadata)
        line = look.commands(page.world, asked, names, layer=at)
        return [*(part for pair in filled for part in pair), numbers, line]

    def of_network(asked: Asked, names: list[str]) -> gr.Dropdown:
        value = first_for(page.world, asked.network, names, len(names))
        return gr.Dropdown(choices_for(page.world, asked.network), value=value)

    page.fit(names, of_network)
    page.listen(NAME, answer, [names, together, strength, layer], [*columns, raw, command])
