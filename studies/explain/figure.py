"""Draws a picture with its four gradient maps."""

import numpy as np

from drawing.colours import blank_note, heat, outline, overlay, signed
from drawing.grid import Panel, draw_grid
from visualizers.all_maps import AllMaps


def draw(
    pixels: np.ndarray, title: str, mask: np.ndarray | None, maps: AllMaps, smooth: np.ndarray, *, footer: str
) -> np.ndarray:
    """The picture, uint8 (H, W, 3), and its maps, arrays of one picture each, in a row -> uint8 (H, W, 3).

    smooth: the map of Grad-CAM, as large as the picture, (H, W).
    """
    saliency, guided, cam, both = maps
    panels = [
        Panel(pixels, title),
        Panel(heat(saliency), "saliency", blank_note(saliency)),
        Panel(signed(guided.transpose(1, 2, 0)), "guided backprop", blank_note(guided)),
        Panel(overlay(pixels, smooth), "Grad-CAM", blank_note(cam, "nothing speaks for the class here")),
        Panel(signed(both.transpose(1, 2, 0)), "guided Grad-CAM", blank_note(both)),
    ]
    return draw_grid([[panel._replace(pixels=outline(panel.pixels, mask)) for panel in panels]], footer=footer)
