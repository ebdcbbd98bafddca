"""Fool it: attack, target and radius, before and after."""

from typing import TYPE_CHECKING

import gradio as gr

from explorer.answers import fool
from explorer.world import Asked
from studies.fooling.flags import ATTACKS

if TYPE_CHECKING:
    from explorer.page import Page

NAME, TITLE = "fool", "Fool it"
FIRST, LEVELS = "pgd", 4


def build(page: "Page") -> None:
    """The tab's controls and what they show."""
    choices = [(ATTACKS[name].title.replace("\n", " "), name) for name in fool.OFFERED]
    with gr.Row():
        name = gr.Dropdown(choices, value=FIRST, label="Attack")
        target = page.class_box("It shall see")
        levels = gr.Slider(0.25, 32, LEVELS, step=0.25, label="Radius: grey levels that a pixel may move, of 255")
    with gr.Row():
        start = gr.Button("Attack", variant="primary")
    said = gr.Markdown(elem_classes="words")
    with gr.Row():
        before, after, difference = (
            page.image_box(label, 320) for label in ("Before", "After", f"Difference, {fool.FOLD}-fold")
        )
    command = page.command_box()

    def answer(asked: Asked, name: str, target: int, levels: float) -> list:
        result = fool.fool(page.world, asked, name, int(target), levels=levels)
        metadata = page.metadata("fooling", asked, {"technique": name, "target": int(target), "bound": levels})
        pictures = [asked.chosen.pixels, result.picture, result.difference]
        line = fool.command(page.world, asked, name, int(target), levels=levels)
        return [*(page.picture(each, metadata) for each in pictures), result.words, line]

    page.run(start, answer, [name, target, levels], [before, after, difference, said, command])
