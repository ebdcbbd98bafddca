"""Paints one content again and again, with one setting or another."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps
from torch import Tensor, nn
from tqdm import tqdm

from core.images import deprocess
from core.picture_files import shown
from painting.objective import Terms
from painting.scales import SMALLEST_SIDE
from painting.start import start_noise
from painting.targets import Style
from studies.shared.named_pictures import open_named, scaled_tensor
from studies.shared.network import make_generator
from studies.tradeoffs.figure import Cell
from studies.tradeoffs.flags import DEFAULT_LOSS, STYLES, Settings
from visualizers.deepdream import deepdream
from visualizers.style_transfer import style_terms, style_transfer

ONES = {"content_weight": 1.0, "style_weight": 1.0, "tv_weight": 1.0}


class Painter:
    """The content, the styles, and the settings that stay as they are."""

    def __init__(self, model: nn.Module, settings: Settings, bar: tqdm) -> None:
        """bar: counts the pictures that are made."""
        self.model, self.settings, self.bar = model, settings, bar
        self.like = next(model.parameters())
        self.names = settings.style or STYLES
        self.pictures = [open_named(name, "styles") for name in self.names]
        self.content = scaled_tensor(open_named(settings.content, "content"), settings.size).to(self.like)

    def style(self, index: int = 0, scale: float = 1.0) -> Style:
        """A style (1, 3, h, w) at `scale` times the content's size."""
        side = max(SMALLEST_SIDE, round(self.settings.size * scale))
        return Style(scaled_tensor(self.pictures[index], side).to(self.like))

    def title(self, index: int = 0) -> str:
        """What a style is called."""
        return shown(Path(self.names[index]).stem).replace("_", " ")

    def noise(self) -> Tensor:
        """Noise of the content's shape, the same each time."""
        return start_noise(self.content, make_generator(self.settings.seed))

    def paint(self, *styles: Style, **changed: Any) -> Tensor:
        """The painted content (1, 3, H, W). changed: settings of `style_transfer` that are not its defaults."""
        loop = {"iterations": self.settings.iterations, "smallest": self.settings.smallest} | changed
        result = style_transfer(self.model, self.content, styles, **loop)
        self.bar.update()
        return result

    def dream(self, picture: Tensor, layer: str) -> Tensor:
        """DeepDream of a picture (1, 3, H, W)."""
        result = deepdream(self.model, picture, layer, jitter=16, generator=make_generator(self.settings.seed))
        self.bar.update()
        return result

    def losses(self, picture: Tensor, *styles: Style, loss: str = DEFAULT_LOSS) -> Terms:
        """Content, style and total-variation loss of a picture, all with weight 1 and the default layers."""
        return losses_of(self.model, picture, self.content, *styles, loss=loss)

    def painted(self, picture: Tensor, title: str, *styles: Style) -> Cell:
        """A painted picture (1, 3, H, W) with its losses."""
        return Cell(deprocess(picture)[0], title, self.losses(picture, *styles))

    def original(self, image: Tensor, title: str) -> Cell:
        """A picture (1, 3, h, w) cut to the content's shape, without losses."""
        height, width = self.content.shape[2:]
        return Cell(np.asarray(ImageOps.fit(Image.fromarray(deprocess(image)[0]), (width, height))), title)


def losses_of(model: nn.Module, picture: Tensor, content: Tensor, *styles: Style, loss: str = DEFAULT_LOSS) -> Terms:
    """Content, style and total-variation loss of a picture (1, 3, H, W), all with weight 1 and the default layers."""
    return style_terms(model, picture, content, styles, loss=loss, **ONES)
