"""Draws a picture with its four gradient maps."""

import numpy as np

from drawing.colours import blank_note, heat, outline, overlay, signed
from drawing.grid import Panel, draw_grid
from visualizers.all_maps import AllMaps
from visualizers.gradcam import upsample


def draw(pixels: np.ndarray, title: str, mask: np.ndarray | None, maps: AllMaps, *, footer: str) -> np.ndarray:
    """The picture, uint8 (H, W, 3), and its maps, each (1, ...), in a row -> uint8 (H, W, 3)."""
    saliency, guided, cam, both = (each[0].cpu() for each in maps)
    smooth = upsample(cam[None], pixels.shape[:2])[0].numpy()
    panels = [
        Panel(pixels, title),
        Panel(heat(saliency.numpy()), "saliency", blank_note(saliency.numpy())),
        Panel(signed(guided.permute(1, 2, 0).numpy()), "guided backprop", blank_note(guided.numpy())),
        Panel(overlay(pixels, smooth), "Grad-CAM", blank_note(cam.numpy(), "nothing speaks for the class here")),
        Panel(signed(both.permute(1, 2, 0).numpy()), "guided Grad-CAM", blank_note(both.numpy())),
    ]
    return draw_grid([[panel._replace(pixels=outline(panel.pixels, mask)) for panel in panels]], footer=footer)
