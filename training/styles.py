"""How a network learns to paint in one forward pass: the losses of style transfer, on pictures that it paints.

    loss = mean over pictures of   c ||F - P||^2 / ||P||^2  +  s mean over layers ||G - A||^2 / ||A||^2  +  t variation

F, G: features and Gram matrices of what it painted, in the eyes of a loss network; P: features of the picture that it
was given; A: Gram matrices of a style (Johnson et al., 2016). The pictures of a batch take turns in the styles
(Dumoulin et al., 2017). Several processes share each batch and add up their gradients. What becomes of a picture does
not depend on its neighbours, so the weights are those of one process, but for rounding.
"""

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import ClassVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from core.activations import sequence_features
from core.errors import UsageError, WorkError
from drawing.curves import Learning
from style_modules.relative_losses import relative_losses
from style_modules.style_loss import gram_matrices
from training.checkpoints import Resumable, halved
from training.processes import leads
from training.squares import Squares
from visualizers.fast_style_transfer import StyleNetwork

LAYERS, CONTENT_LAYER = (1, 4, 6, 7), 3  # of the loss network's `features`
PARTS = ("content", "style", "total variation")  # of the loss


@dataclass(frozen=True)
class PaintingRecipe:
    """All that decides what a training ends in (with the machine's arithmetic)."""

    styles: tuple[str, ...]
    loss_network: str
    data: str
    steps: int = 3600
    seed: int = 0
    batch: int = 4
    side: int = 160  # of the pictures it learns from, in pixels
    style_size: int = 384  # shorter side of the styles
    content_weight: float = 1.0
    style_weight: float = 10.0
    tv_weight: float = 0.3
    learning_rate: float = 2e-3  # the highest; Adam
    warm_up: float = 0.02  # share of the steps in which the learning rate rises
    widths: tuple[int, ...] = (16, 32, 64)
    blocks: int = 4
    evaluate_every: int = 150

    def learning_rate_at(self, step: int) -> float:
        """A straight rise, times half a cosine."""
        done = (step + 1) / self.steps
        return self.learning_rate * min(1.0, done / self.warm_up) * 0.5 * (1 + math.cos(math.pi * step / self.steps))


class PaintingTraining(Resumable):
    """The state of a training, which a checkpoint keeps."""

    kept: ClassVar[tuple[str, ...]] = ("step", "seconds", "losses", "held_out")
    widths: ClassVar[dict[str, int]] = {"losses": len(PARTS), "held_out": 1 + len(PARTS)}

    def __init__(self, recipe: PaintingRecipe, loss_network: nn.Module, styles: Sequence[Tensor]) -> None:
        """styles: (1, 3, h, w) for each of the recipe's names, normalised, on the loss network's device."""
        if dist.is_initialized() and dist.get_world_size() > recipe.batch:
            raise UsageError(f"batch: {recipe.batch} do not suffice for {dist.get_world_size()} processes; give more")
        self.recipe, self.cnn = recipe, loss_network.features
        self.generator = torch.Generator().manual_seed(recipe.seed)
        with torch.random.fork_rng(devices=[]):  # the initial weights come from torch's own generator
            torch.manual_seed(recipe.seed)
            network = StyleNetwork(recipe.styles, widths=recipe.widths, blocks=recipe.blocks)
        self.network = network.to(device=styles[0].device, memory_format=torch.channels_last)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=recipe.learning_rate, eps=1e-6)
        with torch.no_grad():
            seen = [sequence_features(self.cnn, style, LAYERS) for style in styles]
            self.targets = [torch.cat([gram_matrices(style[layer]) for style in seen]) for layer in LAYERS]
        self.step = 0
        self.seconds = 0.0  # of training so far, over all runs
        self.losses: list[tuple[float, ...]] = []  # one a step: content, style, total variation, unweighted
        self.held_out: list[tuple[float, ...]] = []  # (steps done, and the same of pictures that it never learns from)

    def terms(self, images: Tensor, styles: Sequence[int]) -> Tensor:
        """Content, style and total variation, (N, 3), of images (N, 3, H, W) painted in the style of each number."""
        chosen = torch.tensor(styles, device=images.device)
        painted = self.network(images, torch.nn.functional.one_hot(chosen, len(self.recipe.styles)).to(images))
        with torch.no_grad():
            wanted = sequence_features(self.cnn, images, [CONTENT_LAYER])[CONTENT_LAYER]
        seen = sequence_features(self.cnn, painted, (CONTENT_LAYER, *LAYERS))
        targets = [grams[chosen] for grams in self.targets]
        return relative_losses(painted, seen[CONTENT_LAYER], wanted, [seen[layer] for layer in LAYERS], targets)

    def run(
        self,
        squares: Squares,
        judged: Tensor,
        *,
        asked_to_stop: Callable[[], bool] = lambda: False,
        after_step: Callable[["PaintingTraining", bool], None] = lambda *_: None,
    ) -> None:
        """Take all steps. judged: pictures (N, 3, H, W) that it never learns from, looked at by the first process.

        `after_step` sees the training after each one, and whether any process was asked to stop.
        """
        recipe = self.recipe
        while self.step < recipe.steps:
            squares.prepare(self.step)
            stop = self.take_step(squares.draw, stop=asked_to_stop())
            if leads() and (self.step % recipe.evaluate_every == 0 or self.step == recipe.steps):
                self.evaluate(judged)
            after_step(self, stop)

    def take_step(self, draw: Callable[[int], Tensor], *, stop: bool = False) -> bool:
        """Learn from one batch. draw: a number -> a picture (3, side, side), normalised; the same one in every process.

        stop: this process was asked to stop. Returns whether any was, so that all do after the same step.
        """
        began, recipe = time.perf_counter(), self.recipe
        rank, processes = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
        numbers = torch.randint(2**62, (recipe.batch,), generator=self.generator).tolist()
        mine = range(rank, recipe.batch, processes)
        images = torch.stack([draw(numbers[place]) for place in mine]).contiguous(memory_format=torch.channels_last)
        styles = [(self.step * recipe.batch + place) % len(recipe.styles) for place in mine]
        terms = self.terms(images.to(self.targets[0].device), styles).sum(dim=0) / recipe.batch
        loss = terms @ terms.new_tensor([recipe.content_weight, recipe.style_weight, recipe.tv_weight])
        gradients = torch.autograd.grad(loss, list(self.network.parameters()))
        flat = torch.cat([*(values.flatten() for values in gradients), terms.detach(), terms.new_tensor([float(stop)])])
        if processes > 1:
            dist.all_reduce(flat)
        *flat_gradients, terms, stopped = flat.split([*(values.numel() for values in gradients), 3, 1])
        if not flat.isfinite().all():
            raise WorkError(f"training: the loss at step {self.step} is not finite; use a smaller --learning-rate")
        for parameter, values in zip(self.network.parameters(), flat_gradients, strict=True):
            parameter.grad = values.view_as(parameter)
        self.optimizer.param_groups[0]["lr"] = recipe.learning_rate_at(self.step)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.losses.append(tuple(terms.tolist()))
        self.step += 1
        self.seconds += time.perf_counter() - began
        return bool(stopped)

    @torch.no_grad()
    def evaluate(self, images: Tensor) -> None:
        """Note the mean losses of images (N, 3, H, W), each in every style, in `held_out`."""
        pairs = [(image[None], [style]) for image in images for style in range(len(self.recipe.styles))]
        self.held_out.append((self.step, *torch.cat([self.terms(*pair) for pair in pairs]).mean(dim=0).tolist()))

    def news(self) -> str:
        """What the last step brought to tell: the line of an evaluation, mostly nothing."""
        if not self.held_out or self.held_out[-1][0] != self.step:
            return ""
        content, style, variation = self.held_out[-1][1:]
        return f"held-out content {content:.3f}, style {style:.4f}, total variation {variation:.3f}"

    def closing(self) -> str:
        """What it ended in."""
        return self.news()

    def shipped(self) -> tuple[dict[str, Tensor], dict[str, str]]:
        """What is stored: the weights in half precision, and what they say of themselves."""
        facts = {name: json.dumps(value) for name, value in asdict(self.recipe).items()}
        return halved(self.network), facts | {"architecture": "StyleNetwork"}

    def curve(self) -> Learning:
        """The three losses, and those of held-out pictures, against steps."""
        evaluated, *held_out = zip(*self.held_out, strict=True)
        return Learning(
            dict(zip(PARTS, zip(*self.losses, strict=True), strict=True)),
            up="loss, relative and unweighted",
            evaluated=evaluated,
            held_out=dict(zip(PARTS, held_out, strict=True)),
        )
