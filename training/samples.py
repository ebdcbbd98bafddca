"""What a network that learns to paint makes of held-out pictures so far, beside the file it will be written to."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL.Image import Image
from torchvision.transforms.v2 import functional as F

from core.images import deprocess, preprocess
from drawing.files import describe, save_picture
from drawing.grid import Panel, draw_grid
from drawing.letterbox import on_board
from training.style_pictures import HELD_OUT_SIZE
from training.styles import PaintingTraining
from visualizers.fast_style_transfer import stylise


def write_samples(
    training: PaintingTraining, styles: Mapping[str, Image], held_out: Sequence[Image], output: Path
) -> None:
    """The styles, and below each what the network paints of the held-out pictures."""
    recipe = training.recipe
    rows = [[Panel(on_board(style), name) for name, style in styles.items()]]
    for picture in held_out:
        image, row = preprocess(F.resize(picture, [HELD_OUT_SIZE])), []
        for place in range(len(styles)):
            weights = [float(place == other) for other in range(len(styles))]
            row.append(Panel(on_board(deprocess(stylise(training.network, image, weights))[0])))
        rows.append(row)
    title = f"After {training.step} of {recipe.steps} steps"
    figure = draw_grid(rows, columns=6, title=title, footer=f"taught by SqueezeNet 1.1, {recipe.loss_network}")
    metadata = describe("training styles", {"steps": recipe.steps, "seed": recipe.seed}, recipe.loss_network)
    save_picture(figure, output.with_name(f"{output.stem}_samples.png"), metadata)
