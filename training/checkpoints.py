"""What is kept of a training so that it can go on, and the file of the network that it ends in."""

import io
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from safetensors.torch import save
from torch import Tensor, nn

from core.errors import UsageError
from core.files import write_whole


class Resumable:
    """A training whose state is its recipe (a dataclass), network, optimiser, generator, and what `kept` names."""

    kept: ClassVar[tuple[str, ...]] = ("step", "seconds", "losses", "accuracies")
    recipe: Any
    network: nn.Module
    optimizer: torch.optim.Optimizer
    generator: torch.Generator

    def save(self, path: Path) -> None:
        """Write the checkpoint beside its place, then rename it: a kill leaves the old or the new file."""
        data = io.BytesIO()
        state = {
            "recipe": asdict(self.recipe),
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
        }
        torch.save(state | {name: getattr(self, name) for name in self.kept}, data)
        write_whole(path, data.getvalue())

    def resume(self, path: Path) -> None:
        """Go on from what `save` wrote. Raises UsageError if that training followed another recipe."""
        try:
            state = torch.load(path, weights_only=True)
            saved = state["recipe"]
        except Exception:  # zipfile, pickle and torch raise a dozen kinds for a bad file
            raise UsageError(f"checkpoint: '{path}' is not readable; delete it, or pass --fresh") from None
        wanted = asdict(self.recipe)
        for name in wanted:
            if _plain(saved.get(name)) != _plain(wanted[name]):
                raise UsageError(
                    f"checkpoint: '{path}' belongs to a training with another {name.replace('_', ' ')}; "
                    "give the same flags to go on with it, or --fresh to start anew"
                )
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        for name in self.kept:
            setattr(self, name, state[name])

    @classmethod
    def load(cls, path: Path, *arguments: Any) -> Self:
        """The training of these arguments, gone on with from what `save` wrote."""
        training = cls(*arguments)
        training.resume(path)
        return training


def halved(network: nn.Module) -> dict[str, Tensor]:
    """The network's state in half precision, as it is stored."""
    return {name: value.half().contiguous() for name, value in network.state_dict().items()}


def write_network(path: Path, state: dict[str, Tensor], facts: dict[str, str]) -> Path:
    """Write a network as safetensors, whole or not at all. facts: what the file says of itself."""
    return write_whole(path, save(state, metadata=facts | {"licence": "MIT"}))


def _plain(value: Any) -> Any:
    """Lists for tuples, so that what was stored compares equal to what is asked for."""
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
