"""What if I cover it? Paint over the picture, and see what the network says."""

from typing import TYPE_CHECKING, Any

import gradio as gr

from explorer.answers import cover
from explorer.looks import QUIET
from explorer.world import SIDE, Asked

if TYPE_CHECKING:
    from explorer.page import Page

NAME, TITLE = "cover", "What if I cover it?"
MEAN_COLOUR = "#7c746a"  # of ImageNet's pictures: says nothing to the network


def build(page: "Page") -> None:
    """The tab's controls and what they show."""
    gr.Markdown("Paint over a part of the picture: does the network still see the same?")
    with gr.Row():
        editor = gr.ImageEditor(
            type="numpy",
            image_mode="RGBA",
            sources=(),
            transforms=(),
            canvas_size=(2 * SIDE, 2 * SIDE),
            fixed_canvas=True,
            height=560,
            brush=gr.Brush(colors=[MEAN_COLOUR, "#000000", "#ffffff"], default_size=48, color_mode="defaults"),
            layers=False,
            label="Paint here",
        )
        with gr.Column():
            said = gr.Markdown()
            table = gr.Dataframe(headers=["class", "before", "after"], interactive=False, wrap=True)
    with gr.Row():
        before, after = (page.image_box(f"Grad-CAM {when}", 320) for when in ("before", "after"))
    command = page.command_box("Every place covered in turn, by command")

    def show(selected: str, asked: Asked | None):
        if selected != NAME or asked is None:
            return gr.skip()
        large = asked.chosen.pixels.repeat(2, axis=0).repeat(2, axis=1)
        return {"background": large, "layers": [], "composite": large}

    def answer(asked: Asked, painted: dict[str, Any] | None) -> list:
        layers = [] if painted is None else [each for each in painted["layers"] if each is not None]
        composite = None if painted is None else painted["composite"]
        chosen = cover.painted_over(asked.chosen, composite, layers if composite is not None else [])
        layer = page.world.layers(asked.network)[-1]
        result = cover.cover(page.world, asked, chosen, layer=layer)
        metadata = page.metadata("gradcam", asked, {"technique": cover.TECHNIQUE, "layer": layer})
        line = f"python -m studies saliency {page.world.flags_for(asked)} --technique occlusion"
        return [result.words, result.rows, *(page.picture(each, metadata) for each in result.maps), line]

    gr.on(
        [page.asked.change, page.selected.change],
        show,
        [page.selected, page.asked],
        editor,
        **QUIET,
    )
    page.listen(NAME, answer, [editor], [said, table, before, after, command])
