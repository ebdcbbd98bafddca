"""What does it dream? Class visualization and DeepDream, frames shown while they climb."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import gradio as gr

from explorer.answers import dream
from explorer.looks import QUIET
from explorer.world import Asked

if TYPE_CHECKING:
    from explorer.page import Page

NAME, TITLE = "dream", "What does it dream?"
ITERATIONS = {"fourier": 128, "pixels": 100, "deepdream": 10}


def build(page: "Page") -> None:
    """The tab's controls and what they show."""
    forms = [(title, name) for name, title in dream.FORMS.items()]
    form = gr.Radio(forms, value="fourier", label="What it dreams of")
    with gr.Row():
        iterations = gr.Slider(1, 512, ITERATIONS["fourier"], step=1, label="Steps")
        seed = gr.Number(0, label="Seed", precision=0, minimum=0, maximum=2**31 - 1)
    layer = page.layer_box(0.9, "Layer that dreams", visible=False)
    with gr.Row():
        start = gr.Button("Dream", variant="primary")
        stop = gr.Button("Stop")
    said = gr.Markdown()
    picture = page.image_box("The picture so far", 448)
    command = page.command_box()

    def answer(asked: Asked, form: str, iterations: int, seed: int, layer: str, request: gr.Request) -> Iterator[list]:
        asked_for = {"layer": layer, "iterations": int(iterations), "seed": int(seed)}
        line = dream.command(page.world, asked, form, **asked_for)
        metadata = page.metadata("classes", asked, {"form": form, **asked_for})
        for each in dream.dream(page.world, asked, form, stop=page.stop_of(request), **asked_for):
            yield [page.picture(each.pixels, metadata), each.words, line]

    def changed(form: str):
        return gr.Slider(value=ITERATIONS[form]), gr.Dropdown(visible=form == "deepdream")

    form.change(changed, form, [iterations, layer], **QUIET)
    page.run(start, answer, [form, iterations, seed, layer], [picture, said, command], stop=stop)
