"""The page: a picture and a class on the left, the questions as tabs on the right."""

import argparse
import inspect
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar
from uuid import uuid4

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # nothing that is shown here leaves the machine
import gradio as gr
import numpy as np
from PIL import Image

from core.array_files import array_bytes
from core.errors import UsageError, WorkError
from drawing.files import describe
from explorer.address import check_address
from explorer.asking import ask_by
from explorer.looks import QUIET, STYLE, pictures_of
from explorer.tabs import cover, dream, fool, look, paint, unit, versus
from explorer.world import MOST_BYTES, Asked, World

TITLE = "What a CNN sees"
TABS = (look, versus, cover, unit, dream, fool, paint)
FONTS, MONO_FONTS = ("system-ui", "sans-serif"), ("ui-monospace", "monospace")  # of the machine: none is fetched
TOGETHER = 2  # answers that are computed at a time; others wait for their turn
MOST_FILES = 50  # of raw maps, which Gradio has copied by then
KEPT = 3600  # seconds that pictures made for somebody stay in the temporary folder


@contextmanager
def in_one_sentence() -> Iterator[None]:
    """Within the block, wrong use and failed work are told on the page, in their own words."""
    try:
        yield
    except (UsageError, WorkError) as error:
        raise gr.Error(str(error), print_exception=False) from None


class Page:
    """What the tabs share: the world, what is asked at the moment, and how they answer."""

    BUTTONS: ClassVar = ["download", "fullscreen"]

    def __init__(self, world: World) -> None:
        self.world = world
        self.asked = gr.State()
        self.fitted = gr.State()  # what is asked, once the boxes below offer what its network has
        self._boxes: list[tuple[gr.Dropdown, Callable[[Asked, Any], Any]]] = []
        self.selected = gr.State(TABS[0].NAME)
        self._stops: dict[str, threading.Event] = {}  # by session: somebody pressed its stop button
        self._folder = TemporaryDirectory(prefix="explorer_")  # of files to be downloaded; Gradio keeps copies
        self._files: deque[Path] = deque()

    def picture(self, pixels: np.ndarray, metadata: dict[str, str]) -> Image.Image:
        """uint8 (H, W, 3) -> a picture whose PNG, when it is downloaded, says how it was made."""
        image = Image.fromarray(pixels)
        image.info.update(metadata)
        return image

    def file_box(self, label: str) -> gr.DownloadButton:
        """Where a tab offers a file that is no picture."""
        return gr.DownloadButton(label, size="sm")

    def raw(self, maps: Mapping[str, np.ndarray], metadata: dict[str, str]) -> str:
        """Arrays by name, and how they were made -> a compressed .npz to be downloaded."""
        path = Path(self._folder.name) / f"maps_{uuid4().hex}.npz"
        path.write_bytes(array_bytes(maps, metadata))
        self._files.append(path)
        if len(self._files) > MOST_FILES:
            self._files.popleft().unlink(missing_ok=True)
        return str(path)

    def metadata(self, study: str, asked: Asked, settings: dict[str, Any]) -> dict[str, str]:
        """What a PNG says of itself."""
        weights = self.world.networks[asked.network].weights_name
        return describe(study, {"picture": asked.chosen.name, "label": asked.label, **settings}, weights)

    def image_box(self, label: str, height: int) -> gr.Image:
        """Where a tab shows a picture, to be looked at large or downloaded as a PNG."""
        look = {"height": height, "label": label, "alt_text": label, "buttons": self.BUTTONS}
        return gr.Image(interactive=False, format="png", **look)

    def command_box(self, label: str = "The same by command") -> gr.Code:
        """Where a tab shows the command that makes the same picture."""
        look = {"wrap_lines": True, "lines": 1, "show_line_numbers": False, "buttons": ["copy"]}
        return gr.Code(label=label, interactive=False, elem_classes="command", **look)

    def class_box(self, label: str, **look: Any) -> gr.Dropdown:
        """A choice of a class, the most probable first, but not the one that is asked about."""
        box = gr.Dropdown([], label=f"{label}, the most probable first", **look)

        def classes(asked: Asked, chosen: int | None) -> gr.Dropdown:
            listed = self.world.classes(asked)
            runner_up = next(label for _, label in listed if label != asked.label)
            known = chosen is not None and chosen != asked.label and chosen < len(listed)
            return gr.Dropdown(listed, value=chosen if known else runner_up)

        self.fit(box, classes)
        return box

    def layer_box(self, place: float, label: str = "Layer", **look: Any) -> gr.Dropdown:
        """A choice of one of the network's layers. place: of the first choice, from 0, shallow, to 1, deep."""
        box = gr.Dropdown([], label=label, **look)

        def layers(asked: Asked, chosen: str | None) -> gr.Dropdown:
            names = self.world.layers(asked.network)
            return gr.Dropdown(names, value=chosen if chosen in names else names[round(place * (len(names) - 1))])

        self.fit(box, layers)
        return box

    def fit(self, box: gr.Dropdown, offer: Callable[[Asked, Any], Any]) -> None:
        """Have `offer(asked, value)` say what the box offers, before any tab answers what is asked."""
        self._boxes.append((box, offer))

    def fit_all(self) -> None:
        """In one step, as Gradio refuses a value that a box offered a moment ago, and does not offer any more."""
        boxes = [box for box, _ in self._boxes]

        def fitted(asked: Asked | None, *values: Any) -> list:
            if asked is None:
                return [gr.skip()] * (len(boxes) + 1)
            offers = (offer(asked, value) for (_, offer), value in zip(self._boxes, values, strict=True))
            return [asked, *offers]

        self.asked.change(fitted, [self.asked, *boxes], [self.fitted, *boxes], trigger_mode="always_last", **QUIET)

    def listen(
        self,
        name: str,
        answer: Callable[..., list],
        controls: Sequence[gr.components.Component],
        outputs: Sequence[gr.components.Component],
    ) -> None:
        """Have `answer(asked, *values of the controls)` fill the outputs when a control or what is asked changes.

        Only while the tab `name` is the one that is looked at.
        """

        def told(selected: str, asked: Asked | None, *values: Any):
            if selected != name or asked is None:
                return unpacked([gr.skip()] * len(outputs))
            with in_one_sentence():
                return unpacked(answer(asked, *values))

        def unpacked(values: list):
            return values if len(outputs) > 1 else values[0]

        look = {**QUIET, "show_progress": "full", "show_progress_on": pictures_of(outputs)}
        triggers = [self.fitted.change, self.selected.change, *(control.change for control in controls)]
        inputs = [self.selected, self.fitted, *controls]
        # Of a slider that is dragged, the last place counts.
        gr.on(triggers, told, inputs, list(outputs), trigger_mode="always_last", **look)

    def run(
        self,
        button: gr.Button,
        answer: Callable[..., list | Iterator[list]],
        controls: Sequence[gr.components.Component],
        outputs: Sequence[gr.components.Component],
        *,
        stop: gr.Button | None = None,
    ) -> None:
        """Have `answer(asked, *values of the controls[, request])` fill the outputs when the button is pressed.

        It may yield them again and again; `stop` then sets the event that `stop_of` gives it.
        """

        def told(asked: Asked | None, *values: Any):
            if asked is None:
                return
            with in_one_sentence():
                for control, value in zip(controls, values, strict=False):  # the request is no control
                    if value is None:
                        raise UsageError(f"{control.label}: it is empty; give one")
                result = answer(asked, *values)
                if isinstance(result, Iterator):
                    yield from result
                else:
                    yield result

        def stoppable(request: gr.Request, asked: Asked | None, *values: Any):
            yield from told(asked, *values, request)

        wants_request = "request" in inspect.signature(answer).parameters
        inputs = [self.fitted, *controls]
        look = {"show_progress_on": pictures_of(outputs), "api_visibility": "private"}
        pressed = button.click
        if stop is not None:  # it is heard, too, while the work waits for its turn
            begun = button.click(self.begin, None, None, queue=False, api_visibility="private")
            pressed = begun.then
            stop.click(self.end, None, None, queue=False, api_visibility="private")
        pressed(stoppable if wants_request else told, inputs, list(outputs), **look)

    def begin(self, request: gr.Request) -> None:
        """This session will begin work that it may stop."""
        self._stops[request.session_hash] = threading.Event()

    def stop_of(self, request: gr.Request) -> threading.Event:
        """An event that is set when somebody of this session has pressed stop, or has left."""
        return self._stops.setdefault(request.session_hash, threading.Event())

    def end(self, request: gr.Request) -> None:
        """Stop what this session has going on, or waiting."""
        if event := self._stops.get(request.session_hash):
            event.set()

    def leave(self, request: gr.Request) -> None:
        """Stop it, and forget the session."""
        self.end(request)
        self._stops.pop(request.session_hash, None)


def build(world: World) -> gr.Blocks:
    """The page for these networks."""
    with gr.Blocks(title=TITLE, delete_cache=(KEPT, KEPT), analytics_enabled=False, fill_width=True) as blocks:
        page = Page(world)
        gr.Markdown(f"# {TITLE}\nWhy did the network decide so? Choose a picture and a class, then ask.")
        with gr.Row():
            with gr.Column(scale=1, min_width=280):
                ask_by(page, blocks)
            with gr.Column(scale=4), gr.Tabs():
                for tab in TABS:
                    with gr.Tab(tab.TITLE) as shown:
                        tab.build(page)
                    shown.select(lambda name=tab.NAME: name, None, page.selected, **QUIET)
            page.fit_all()
        blocks.unload(page.leave)
    return blocks


def launch(world: World, *, host: str, port: int, open_browser: bool = False) -> gr.Blocks:
    """Serve the page of these networks beside what goes on here, until its `close()`. port 0: a free one.

    Raises UsageError for an address or a port that cannot be had.
    """
    check_address(host, port)
    blocks = build(world).queue(default_concurrency_limit=TOGETHER)
    try:
        blocks.launch(
            server_name=host,
            server_port=port or None,
            inbrowser=open_browser,
            prevent_thread_lock=True,
            quiet=True,
            share=False,
            show_error=True,
            max_file_size=MOST_BYTES,
            theme=gr.themes.Default(font=FONTS, font_mono=MONO_FONTS),
            css=STYLE,
            footer_links=[],
            ssr_mode=False,
        )
    except OSError:  # somebody has taken it meanwhile
        check_address(host, port)
        raise WorkError(f"port: {host}:{port} cannot be had; give another --port, or 0 for a free one") from None
    return blocks


def serve(options: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C; return the exit code."""
    world = World(options.weights, options.device, model=options.model, classes=options.classes)
    for network in world.networks.values():
        print(network.weights_note)
    blocks = launch(world, host=options.host, port=options.port, open_browser=options.open)
    print(f"the page is at {blocks.local_url} (Ctrl-C ends it)", flush=True)
    blocks.block_thread()
    return 0
