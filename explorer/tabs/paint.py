"""Paint it: style transfer with its frames as they come, and the one-pass network at once."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import gradio as gr

from explorer.answers import paint
from explorer.world import Asked

if TYPE_CHECKING:
    from explorer.page import Page

NAME, TITLE = "paint", "Paint it"


def build(page: "Page") -> None:
    """The tab's controls and what they show."""
    with gr.Row():
        styles = [(name.replace("_", " "), name) for name in paint.STYLES]
        style = gr.Dropdown(styles, value=paint.STYLES[-1], label="Style")
        side = gr.Radio(paint.SIDES, value=paint.SIDES[1], label="Side in pixels, step by step")
        strength = gr.Slider(1, 100, 25, step=1, label="Weight of the style")
        iterations = gr.Slider(5, 120, 40, step=5, label="Steps at each size")
    with gr.Row():
        start = gr.Button("Paint", variant="primary")
        stop = gr.Button("Stop")
    with gr.Row():
        quick = page.image_box("At once, by the network that learned to paint", 400)
        slow = page.image_box("Step by step", 400)
    said = gr.Markdown()
    command = page.command_box()

    def at_once(asked: Asked, style: str) -> list:
        painted = paint.at_once(asked, style, str(page.world.device))
        return [page.picture(painted.pixels, page.metadata("fast_style", asked, {"style": style}))]

    def answer(
        asked: Asked, style: str, side: int, strength: float, iterations: int, request: gr.Request
    ) -> Iterator[list]:
        asked_for = {"side": int(side), "strength": float(strength), "iterations": int(iterations)}
        metadata = page.metadata("style", asked, {"style": style, **asked_for})
        line = paint.command(page.world, asked, style, **asked_for)
        for each in paint.step_by_step(page.world, asked, style, stop=page.stop_of(request), **asked_for):
            yield [page.picture(each.pixels, metadata), each.words, line]

    page.listen(NAME, at_once, [style], [quick])
    page.run(start, answer, [style, side, strength, iterations], [slow, said, command], stop=stop)
