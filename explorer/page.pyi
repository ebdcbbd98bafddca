"""The page: a picture and a class on the left, the questions as tabs on the right."""

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # nothing that is shown here leaves the machine
import gradio as gr
from gradio.data_classes import ImageData

from core.errors import UsageError, WorkError
from explorer.tabs import look, versus
from explorer.world import MOST_BYTES, Asked, World, named, uploaded

TITLE = "What a CNN sees"
TABS = (look, versus)
FONTS = ("system-ui", "sans-serif")  # of the machine: none is fetched
KEPT = 3600  # seconds that pictures made for somebody stay in the temporary folder
STYLE = """
.map-words p { margin: 0 0 .4em 0; font-size: .9em; line-height: 1.35 }
.told { color: #9a3412 }
footer { display: none !important }
"""

class Upload(gr.Image):
    """Gradio's picture control, but what is in the file is left to us: it is read as the studies read pictures."""

    is_template = True  # of gr.Image, whose look it has

    def preprocess(self, payload: ImageData | None) -> str | None:
        """The path of the file as it was sent; a camera's picture is written to a file first."""
        if payload is None:
            return None
        return payload.path if payload.path is not None else super().preprocess(payload)
    from collections.abc import Callable, Sequence
    from typing import TYPE_CHECKING, Any, Literal

    from gradio.blocks import Block

    if TYPE_CHECKING:
        from gradio.components import Timer
        from gradio.components.base import Component

class Page:
    """What the tabs share: the world, and what is asked at the moment."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.asked = gr.State()
        self.selected = gr.State(TABS[0].NAME)

    def listen(
        self,
        name: str,
        answer: Callable,
        controls: Sequence[gr.components.Component],
        outputs: Sequence[gr.components.Component],
        **settings: Any,
    ) -> None:
        """Have `answer(asked, *values of the controls)` fill the outputs when a control or what is asked changes.

        Only while the tab `name` is the one that is looked at.
        """

        def told(selected: str, asked: Asked | None, *values: Any):
            if selected != name or asked is None:
                return [gr.skip()] * len(outputs)
            try:
                return answer(asked, *values)
            except (UsageError, WorkError) as error:
                raise gr.Error(str(error), print_exception=False) from None

        triggers = [self.asked.change, self.selected.change, *(control.change for control in controls)]
        gr.on(
            triggers,
            told,
            [self.selected, self.asked, *controls],
            list(outputs),
            trigger_mode="always_last",  # of a slider that is dragged, the last place counts
            show_progress="hidden",
            queue=True,
            api_visibility="private",
            **settings,
        )

def build(world: World) -> gr.Blocks:
    """The page for these networks."""
    first = next(iter(world.networks))
    with gr.Blocks(title=TITLE, delete_cache=(KEPT, KEPT), analytics_enabled=False) as blocks:
        page = Page(world)
        gr.Markdown(f"# {TITLE}\nWhy did the network decide so? Choose a picture and a class, then ask.")
        with gr.Row():
            with gr.Column(scale=1, min_width=280):
                network = gr.Radio(list(world.networks), value=first, label="Network", visible=len(world.networks) > 1)
                pictures = world.pictures_for(first)
                picture = gr.Dropdown(pictures, value=pictures[0], label="Picture")
                seed = gr.Number(0, label="Seed of the scene", precision=0, minimum=0, maximum=2**31 - 1)
                own = Upload(
                    label=f"Or your own (up to {MOST_BYTES // 10**6} MB)",
                    type="filepath",
                    sources=["upload", "webcam", "clipboard"],
                    height=160,
                )
                label = gr.Dropdown([], label="Class asked about, the most probable first", filterable=True)
                seen = gr.Image(label="What the network sees", interactive=False, height=224, format="png")
                told = gr.Markdown(elem_classes="told")
            with gr.Column(scale=4), gr.Tabs():
                for tab in TABS:
                    with gr.Tab(tab.TITLE) as shown:
                        tab.build(page)
                    shown.select(lambda name=tab.NAME: name, None, page.selected, api_visibility="private")

        def choose(network: str, picture: str, seed: int, own: str | None, asked: Asked | None):
            """A new picture or network: the most probable class is asked about."""
            try:
                chosen = uploaded(Path(own), Path(own).name) if own else named(picture, seed)
                asked = world.ask(network, chosen)
            except (UsageError, WorkError) as error:
                return asked, gr.skip(), gr.skip(), str(error)
            return asked, gr.Dropdown(world.classes(asked), value=asked.label), chosen.pixels, ""

        def ask(asked: Asked, label: int | None):
            """Another class of the same picture."""
            if asked is None or label is None or label == asked.label:
                return gr.skip()
            return world.ask(asked.network, asked.chosen, int(label))

        chosen = [network, picture, seed, own]
        gr.on(
            [blocks.load, *(control.change for control in chosen)],
            choose,
            [*chosen, page.asked],
            [page.asked, label, seen, told],
            trigger_mode="always_last",
            show_progress="hidden",
            api_visibility="private",
        )
        label.input(ask, [page.asked, label], page.asked, show_progress="hidden", api_visibility="private")
    return blocks

def serve(options: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C; return the exit code."""
    world = World(options.weights, options.device)
    for network in world.networks.values():
        print(network.weights_note)
    build(world).queue(default_concurrency_limit=1).launch(
        server_name=options.host,
        server_port=options.port or None,
        inbrowser=options.open,
        share=False,
        max_file_size=MOST_BYTES,
        theme=gr.themes.Default(font=FONTS, font_mono=("ui-monospace", "monospace")),
        css=STYLE,
        footer_links=[],
        ssr_mode=False,
    )
    return 0
