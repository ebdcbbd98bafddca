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

from core.checkpoints import misfit
from core.errors import UsageError
from core.files import write_whole
from core.kept import Unreadable
from core.tensor_files import CHECKSUM, checksum_of, read_pickled
from training.schema import optimiser_misfit, progress_misfit

FORMAT = 1  # of a checkpoint: to be raised when its entries come to mean something else


class Resumable:
    """A training whose state is its recipe (a dataclass), network, optimiser, generator, and what `kept` names."""

    kept: ClassVar[tuple[str, ...]] = ("step", "seconds", "losses", "accuracies")
    widths: ClassVar[dict[str, int]] = {"losses": 0, "accuracies": 2}  # numbers in a row of what is kept; 0: no rows
    recipe: Any
    network: nn.Module
    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    made_under: dict[str, str]  # circumstances() of what `resume` read

    def save(self, path: Path) -> None:
        """Write the checkpoint beside its place, then rename it: a kill leaves the old or the new file."""
        data = io.BytesIO()
        state = {
            "format": FORMAT,
            "kind": type(self).__name__,
            "recipe": asdict(self.recipe),
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "made_under": self.circumstances(),
        }
        torch.save(state | {name: getattr(self, name) for name in self.kept}, data)
        write_whole(path, data.getvalue())

    def resume(self, path: Path) -> None:
        """Go on from what `save` wrote. Nothing of this training is changed before all of the file has been checked.

        Raises UsageError for a file that `save` did not write, or if that training followed another recipe.
        """
        try:
            state = read_pickled(path)
            self._check_entries(state)
        except Unreadable as error:
            words = str(error).partition(" is not a readable weights file")
            what = "is not readable: cut off, damaged or of another kind" if words[1] else words[0]
            raise UsageError(f"checkpoint: '{path}' {what}; delete it, or pass --fresh") from None
        self._check_recipe(path, state["recipe"])
        wrong = (
            progress_misfit(state, self.recipe.steps, self.widths)
            or misfit(state["network"], self.network.state_dict(), exact=True)
            or optimiser_misfit(state["optimizer"], self.optimizer, state["step"])
            or _generator_misfit(state["generator"], self.generator)
            or self.kept_misfit(state)
        )
        if wrong:
            raise UsageError(f"checkpoint: '{path}' {wrong}; delete it, or pass --fresh")
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        for name in (*self.kept, "made_under"):
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

    def _check_entries(self, state: Any) -> None:
        """Raise Unreadable unless it has the entries that `save` writes, of this version and kind of training."""
        wanted = {"format", "kind", "recipe", "network", "optimizer", "generator", "made_under", *self.kept}
        if not isinstance(state, dict) or not {"recipe", "network"} <= state.keys():
            raise Unreadable("is no training's checkpoint")
        if type(state.get("format")) is not int or state["format"] != FORMAT:
            raise Unreadable("was written by another version of this program")
        if state.keys() != wanted or state["kind"] != type(self).__name__ or not isinstance(state["recipe"], dict):
            raise Unreadable("is the checkpoint of another kind of training")
        made_under = state["made_under"]
        told = isinstance(made_under, dict) and made_under.keys() == self.circumstances().keys()
        if not told or not all(isinstance(each, str) for each in made_under.values()):
            raise Unreadable("does not tell what it was made under")

    def kept_misfit(self, state: dict[str, Any]) -> str:
        """What is wrong with what this kind of training keeps besides, in words; or nothing."""
        return ""

    def _check_recipe(self, path: Path, saved: dict) -> None:
        wanted = asdict(self.recipe)
        for name in wanted | saved:
            if name not in wanted or name not in saved or _plain(saved[name]) != _plain(wanted[name]):
                raise UsageError(
                    f"checkpoint: '{path}' belongs to a training with another {str(name).replace('_', ' ')}; "
                    "give the same flags to go on with it, or --fresh to start anew"
                )

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
    texts = facts | {"licence": "MIT"}
    return write_whole(path, in_order(save(state, metadata=texts | {CHECKSUM: checksum_of(state, texts)})))


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


def _generator_misfit(state: Any, generator: torch.Generator) -> str:
    """What keeps a generator's state from being set, in words; nothing if it can be."""
    like = generator.get_state()
    if not isinstance(state, Tensor) or state.dtype != like.dtype or state.shape != like.shape:
        return "holds no state of a generator"
    try:
        torch.Generator().set_state(state)
    except RuntimeError:  # torch checks that the state is one that the generator can be in
        return "holds no state of a generator"
    return ""


def _plain(value: Any) -> Any:
    """Lists for tuples, so that what was stored compares equal to what is asked for, and text for what is neither."""
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return value if value is None or isinstance(value, (bool, int, float, str)) else repr(type(value))
