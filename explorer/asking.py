"""What all tabs start from: the controls that say which picture, network and class are asked about."""

from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr

from core.errors import UsageError, WorkError
from explorer.looks import QUIET, upload_box
from explorer.world import MOST_BYTES, Asked, named, uploaded

if TYPE_CHECKING:
    from explorer.page import Page


def ask_by(page: "Page", blocks: gr.Blocks) -> None:
    """Put them here, and have them fill what the page asks."""
    world = page.world
    first = next(iter(world.networks))
    pictures = world.pictures_for(first)
    network = gr.Radio(list(world.networks), value=first, label="Network", visible=len(world.networks) > 1)
    picture = gr.Dropdown(pictures, value=pictures[0], label="Picture")
    seed = gr.Number(0, label="Seed of the scene", precision=0, minimum=0, maximum=2**31 - 1)
    own = upload_box(f"Or your own (up to {MOST_BYTES // 10**6} MB)")
    label = gr.Dropdown([], label="Class asked about, the most probable first", filterable=True)
    seen = page.image_box("What the network sees", 248)
    told = gr.Markdown(elem_classes="told")

    def choose(network: str, picture: str | None, seed: int, own: str | None, asked: Asked | None) -> list:
        """A new picture or network: the most probable class is asked about. One's own goes before a named one."""
        name = None if own else picture or pictures[0]
        try:
            chosen = uploaded(Path(own), Path(own).name) if own else named(name, int(seed or 0))
            asked = world.ask(network, chosen)
        except (UsageError, WorkError) as error:
            return [asked, gr.skip(), gr.skip(), str(error), name]
        return [asked, gr.Dropdown(world.classes(asked), value=asked.label), chosen.pixels, "", name]

    def choose_named(network: str, picture: str | None, seed: int, asked: Asked | None) -> list:
        """A named picture, in the place of one's own."""
        return [*choose(network, picture, seed, None, asked), None]

    def ask(asked: Asked | None, label: int | None):
        """Another class of the same picture."""
        if asked is None or label is None or label == asked.label:
            return gr.skip()
        return world.ask(asked.network, asked.chosen, int(label))

    filled, how = [page.asked, label, seen, told, picture], {"trigger_mode": "always_last", **QUIET}
    triggers = [blocks.load, network.change, seed.change, own.change]
    gr.on(triggers, choose, [network, picture, seed, own, page.asked], filled, **how)
    picture.input(choose_named, [network, picture, seed, page.asked], [*filled, own], **how)
    label.input(ask, [page.asked, label], page.asked, **QUIET)
