"""How the page looks: its style, and controls that Gradio does not have in this way."""

from collections.abc import Sequence
from typing import Any

import gradio as gr
from gradio.data_classes import ImageData

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}  # of events: nothing is shown of them
STYLE = """
.words p { margin: 0 0 .4em 0; font-size: .9em; line-height: 1.35 }
.told { color: #9a3412 }
footer { display: none !important }
.image-frame { padding-top: 28px }
.image-frame img { width: 100%; height: 100%; object-fit: contain; image-rendering: pixelated }
.patches .grid-container { grid-template: none / repeat(auto-fill, minmax(5.2rem, 1fr)) !important }
.patches .grid-container { grid-auto-rows: auto !important } .patches .grid-wrap { padding-top: 34px }
.command { flex-grow: 0 !important } .command .cm-content { padding-bottom: 4px }
[data-testid=status-tracker]:not(.hide, .generating) { animation: later 0s 1s backwards; pointer-events: none }
@keyframes later { from { opacity: 0 } }
.tab-container button.selected, .min_value, .max_value { color: var(--body-text-color) !important }
.tab-container button { padding: 0 .6em !important; font-size: .92em }
fieldset label span { overflow-wrap: anywhere; font-size: .92em }
@media (max-width: 640px) { .alone { min-width: 100% !important } }
"""


def upload_box(label: str) -> gr.Image:
    """Gradio's picture control, but what is in the file is left to us: it is read as the studies read pictures.

    (The control itself is told, not a class of its own: Gradio writes a file beside the source of each such class.)
    """
    sources = ["upload", "webcam", "clipboard"]
    box = gr.Image(label=label, type="filepath", sources=sources, height=150, placeholder="Drop it here, or click")
    by_gradio = box.preprocess

    def path_of(payload: ImageData | None) -> str | None:
        """The file as it was sent; a camera's picture, sent as text, is written to a file first."""
        return by_gradio(payload) if payload is None or payload.path is None else payload.path

    box.preprocess = path_of
    return box


def pictures_of(outputs: Sequence[gr.components.Component]) -> list[gr.components.Component]:
    """Where it is seen that an answer takes its time: what is quick does not flicker (STYLE waits for a second)."""
    return [output for output in outputs if isinstance(output, gr.Image)]
