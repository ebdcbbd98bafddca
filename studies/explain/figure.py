"""Draws a picture with those of its four gradient maps that the network can have."""

import json
from collections.abc import Mapping

import numpy as np

from drawing.colours import blank_note, heat, outline, overlay, signed
from drawing.grid import Panel, draw_grid
from visualizers.all_maps import AllMaps

TITLES = {  # of the maps, in the order of their panels
    "saliency": "saliency",
    "guided_backprop": "guided backprop",
    "grad_cam": "Grad-CAM",
    "guided_grad_cam": "guided Grad-CAM",
}
GUIDED = ("guided_backprop", "guided_grad_cam")  # what a network without ReLUs cannot have
LEFT_OUT = "left_out"  # the setting of a PNG that names the maps which are not in it; missing where all are


def draw(
    pixels: np.ndarray, title: str, mask: np.ndarray | None, maps: AllMaps, smooth: np.ndarray, *, footer: str
) -> np.ndarray:
    """The picture, uint8 (H, W, 3), and its maps, arrays of one picture each, in a row -> uint8 (H, W, 3).

    smooth: the map of Grad-CAM, as large as the picture, (H, W).
    """
    panels = [Panel(pixels, title), *(_panel(name, values, pixels, smooth) for name, values in maps.there.items())]
    return draw_grid([[panel._replace(pixels=outline(panel.pixels, mask)) for panel in panels]], footer=footer)


def titles_in(texts: Mapping[str, str]) -> list[str]:
    """The titles of the maps that a figure shows, in the order of their panels. texts: what its PNG says of itself."""
    left_out = (json.loads(texts.get("Settings", "{}")).get(LEFT_OUT) or "").split(", ")
    return [title for title in TITLES.values() if title not in left_out]


def _panel(name: str, values: np.ndarray, pixels: np.ndarray, smooth: np.ndarray) -> Panel:
    """One map in its own colours, or why it is blank."""
    if name in GUIDED:
        return Panel(signed(values.transpose(1, 2, 0)), TITLES[name], blank_note(values))
    if name == "grad_cam":
        return Panel(overlay(pixels, smooth), TITLES[name], blank_note(values, "nothing speaks for the class here"))
    return Panel(heat(values), TITLES[name], blank_note(values))
