"""What is kept of a training so that it can go on, and the file of the network that it ends in."""

import glob
import io
import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
import torch.distributed as dist
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
    made_under: dict[str, str]  # circumstances() of what `resume` read

    def save(self, path: Path) -> None:
        """Write the checkpoint beside its place, then rename it: a kill leaves the old or the new file."""
        data = io.BytesIO()
        state = {
            "recipe": asdict(self.recipe),
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "made_under": self.circumstances(),
        }
        torch.save(state | {name: getattr(self, name) for name in self.kept}, data)
        write_whole(path, data.getvalue())

    def resume(self, path: Path) -> None:
        """Go on from what `save` wrote. Raises UsageError if that training followed another recipe."""
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)  # also where that device is not
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
        kept = (*self.kept, "made_under")
        if not state.keys() >= set(kept):
            raise UsageError(f"checkpoint: '{path}' was written by another version; delete it, or pass --fresh")
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        for name in kept:
            setattr(self, name, state[name])

    def circumstances(self) -> dict[str, str]:
        """What decides how numbers round, besides the recipe. The processes that render scenes are not among it."""
        device = next(self.network.parameters()).device
        processor = torch.backends.cpu.get_cpu_capability()
        return {
            "threads": str(torch.get_num_threads()),
            "processes": str(dist.get_world_size() if dist.is_initialized() else 1),
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else f"{device.type} ({processor})",
            "torch": str(torch.__version__),
        }

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
    """Write a network as safetensors, whole or not at all. facts: what the file says of itself.

    Equal networks with equal facts are equal files.
    """
    return write_whole(path, in_order(save(state, metadata=facts | {"licence": "MIT"})))


def in_order(data: bytes) -> bytes:
    """The same safetensors file with its facts sorted by name.

    The library writes them in another order each time (safetensors/safetensors#584), and has no setting for it. A file
    is: the header's length in 8 bytes, the header as JSON with blanks up to a multiple of 8 bytes, the tensors.
    """
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[end:]


def remove_leftovers(path: Path) -> None:
    """Delete what kills in the middle of writing a checkpoint left beside its place."""
    with suppress(OSError):
        for beside in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
            beside.unlink()


def _plain(value: Any) -> Any:
    """Lists for tuples, so that what was stored compares equal to what is asked for."""
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
