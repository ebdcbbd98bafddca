"""Networks' weights out of files, as trainers write them: what holds them is found, and no code of a file is run.

    state_of_checkpoint   file -> state dict, in whatever it lies, with class names where the file has them
    stripped              the entries that a network wants, without the prefixes that wrappers put before their names
    in_its_names          the same for any network, with the counters that old files lack
    classes_in            how many classes they are for, where only that differs
    misfit                what keeps a state dict from being loaded, in words

A state dict is data: tensors by name. A whole pickled network is not, since to read it would run code that the file
names. Here its classes are replaced by one that keeps what an object held; the weights are then looked up as data.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from core.kept import Unreadable, opened, parse_json
from core.tensor_files import SAVE_THE_STATE, StandIn, read_pickled, read_tensors

MOST_BYTES = 1 << 34  # of a checkpoint: 16 GiB
ENDINGS = (".pth", ".pt", ".bin", ".ckpt", ".tar", ".safetensors")  # .tar: the ImageNet example's .pth.tar
# Where trainers put a state dict. A running mean of the weights is what they judge by, so it goes first.
AVERAGED = ("model_ema", "ema", "ema_state_dict", "model_ema_state_dict", "state_dict_ema")
STATES = ("state_dict", "model_state_dict", "model", "net", "network", "weights")
HOLDERS = ("checkpoint", "state", *STATES)  # that may hold such a dictionary in their turn
NAMES = ("class_names", "classes", "idx_to_class", "class_to_idx")
WRAPPERS = ("module", "_orig_mod")  # parts of names, from nn.DataParallel and torch.compile
COUNTER = "num_batches_tracked"
BOOKKEEPING = "n_averaged"  # the number of steps in a running mean, beside its weights


class Checkpoint(NamedTuple):
    """The weights in a file."""

    state: dict[str, Tensor]
    class_names: list[str] | None  # as the file gives them; whether they are as many as the classes is not checked
    note: str  # what was taken, where the file held several things; else nothing
    by_trainer: bool  # whether the names lay beside the weights in a trainer's dictionary: they may be of anything


def state_of_checkpoint(path: Path) -> Checkpoint:
    """The state dict in a file of torch.save or safetensors: bare, in a trainer's dictionary, or of a whole network.

    Half precision stays as it is. Raises `core.kept.Unreadable` for a file that holds no weights, that is damaged, or
    that could only be read by running code of it: its words go on after the file's name, and say what to do.
    """
    if _is_safetensors(path):
        state, texts = read_tensors(path, MOST_BYTES)
        names = parse_json(texts["class_names"]) if "class_names" in texts else None
        return Checkpoint(state, names, "", by_trainer=False)
    whole = read_pickled(path, MOST_BYTES)
    _check_sizes(whole, path.stat().st_size)
    found = _find(whole)
    if not found:
        kind = "an empty dictionary" if isinstance(whole, dict) else f"one object, of the type {type(whole).__name__}"
        if isinstance(whole, dict) and whole:
            kind = f"{', '.join(map(repr, list(whole)[:4]))}{' and more' * (len(whole) > 4)}"
        raise Unreadable(f"holds no state dict (it has {kind}); {SAVE_THE_STATE}")
    name, state = next(iter(found.items()))
    several = [*found, *_likewise(whole, state, found)]
    note = f"its '{name}' of {' and '.join(several)}" if len(several) > 1 else ""
    if BOOKKEEPING in state:
        state = {key: value for key, value in state.items() if key != BOOKKEEPING}
    return Checkpoint(state, _names_in(whole), note, by_trainer=True)


def _is_safetensors(path: Path) -> bool:
    """By what it holds, whatever its ending: the length of a JSON text, then the text."""
    with opened(path, MOST_BYTES) as file:
        head = file.read(9)
    return head[8:] == b"{" and not head.startswith((b"PK", b"\x80"))


def _find(whole: Any, holders: int = 1) -> dict[str, dict[str, Tensor]]:
    """{where it lies: state dict}, the one to take first; `holders` may lie around those."""
    if state := _as_state(whole):
        return {"": state}
    if not isinstance(whole, dict):
        return {}
    found = {name: state for name in (*AVERAGED, *STATES) if (state := _as_state(whole.get(name)))}
    for name in HOLDERS if holders and not found else ():
        if isinstance(whole.get(name), dict) and (inside := _find(whole[name], holders - 1)):
            return {f"{name}.{within}": state for within, state in inside.items()}
    return found


def _likewise(whole: Any, state: Mapping[str, Tensor], found: Collection[str]) -> list[str]:
    """Where else, under a name that we do not know ("best_state_dict", "swa"), weights as many as those taken lie."""
    entries = whole.items() if isinstance(whole, dict) and whole is not state else ()
    size = len(set(state) - {BOOKKEEPING})
    others = {str(name): _as_state(value) for name, value in entries if name not in found}
    return [name for name, other in others.items() if other and len(set(other) - {BOOKKEEPING}) == size]


def _as_state(value: Any) -> dict[str, Tensor]:
    """The tensors by name that this is, or that a whole network holds; nothing if it is neither."""
    if isinstance(value, StandIn):
        return _weights_of(value)
    if isinstance(value, dict) and value and all(isinstance(each, Tensor) for each in value.values()):
        return dict(value) if all(isinstance(key, str) for key in value) else {}
    return {}


def _weights_of(network: StandIn) -> dict[str, Tensor]:
    """What `state_dict()` of the network would give, which is not called."""
    found: dict[str, Tensor] = {}
    waiting = [("", network, 0)]
    while waiting:
        prefix, module, depth = waiting.pop()
        if depth > 50 or len(found) > 100_000:  # deeper than any network: it may hold itself
            raise Unreadable(f"holds a network that holds itself; {SAVE_THE_STATE}")
        passing = module.held.get("_non_persistent_buffers_set", ())
        for group in ("_parameters", "_buffers"):
            values = module.held.get(group)
            for key, value in values.items() if isinstance(values, dict) else ():
                if isinstance(value, Tensor) and not (group == "_buffers" and key in passing):
                    found[f"{prefix}{key}"] = value
        inside = module.held.get("_modules")
        for key, value in inside.items() if isinstance(inside, dict) else ():
            if isinstance(value, StandIn):
                waiting.append((f"{prefix}{key}.", value, depth + 1))
    return found


def _names_in(whole: Any) -> list[str] | None:
    """The class names beside the weights, in the order of their numbers."""
    for key in NAMES if isinstance(whole, dict) else ():
        names = whole.get(key)
        if isinstance(names, dict):
            by_number = names.items() if key != "class_to_idx" else ((number, name) for name, number in names.items())
            numbered = {number: name for number, name in by_number if isinstance(number, int)}
            names = [numbered.get(number) for number in range(len(names))]
        if isinstance(names, (list, tuple)) and names and all(isinstance(name, str) for name in names):
            return list(names)
    return None


def stripped(state: Mapping[str, Tensor], keys: Collection[str]) -> tuple[dict[str, Tensor], str]:
    """The entries that a network of these keys takes, under its own names, and in words what was done.

    Wrappers and trainers put prefixes before the names ("module.", "model.", "_orig_mod.", "backbone."). They are taken
    off only where the result has all of the keys; else the state is returned as it is. Raises `core.kept.Unreadable`
    where several networks in it would fit.
    """
    keys = set(keys)
    wrappers = [name for name in WRAPPERS if not any(name in key.split(".") for key in keys)]
    bare = {".".join(part for part in key.split(".") if part not in wrappers): value for key, value in state.items()}
    bare = bare if len(bare) == len(state) else dict(state)  # two entries of one name: they were not wrappers
    anchor = min(keys, default="")
    prefixes = sorted(key.removesuffix(anchor) for key in bare if f".{key}".endswith(f".{anchor}"))
    fitting = [prefix for prefix in prefixes if all(f"{prefix}{key}" in bare for key in keys)]
    if "" in fitting:
        off = sorted({f"{name}." for key in state for name in wrappers if name in key.split(".")})
        return bare, f"without {' and '.join(map(repr, off))} in its names" if off else ""
    if len(fitting) > 1:
        several = " and ".join(map(repr, fitting))
        raise Unreadable(f"holds several networks that fit, {several}; save the state dict of one of them")
    if not fitting:
        return dict(state), ""
    (prefix,) = fitting
    inside = {key.removeprefix(prefix): value for key, value in bare.items() if key.startswith(prefix)}
    others = len(bare) - len(inside)
    beside = f", {others} other entries left out" if others else ""
    return inside, f"without '{prefix}' before its names{beside}"


def in_its_names(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], str]:
    """As `stripped`, for a network whose state dict is `wanted`; where nothing fits, without the likeliest prefix.

    Files of early versions lack BatchNorm's counters of steps, which no map depends on: they are the network's own.
    """
    counters = {key: value for key, value in wanted.items() if key.endswith(COUNTER)}
    found, note = stripped(state, set(wanted) - set(counters))
    if not note and not set(found) >= set(wanted) - set(counters):
        parts = [key.split(".") for key in found]
        prefixes = {"".join(f"{part}." for part in each[:depth]) for each in parts for depth in range(len(each))}
        near = max(sorted(prefixes, key=len), key=lambda prefix: sum(f"{prefix}{key}" in found for key in wanted))
        found = {key.removeprefix(near): value for key, value in found.items() if key.startswith(near)}
    return {key: value for key, value in counters.items() if key not in found} | found, note


def classes_in(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> int | None:
    """How many classes the weights are for, where they fit the network but for the length of its last layer.

    None where they are as many as the network's, or something else differs, too.
    """
    pairs = [(tuple(state[key].shape), tuple(like.shape)) for key, like in wanted.items() if key in state]
    unlike = [(its, like) for its, like in pairs if its != like]
    lengths = {(its[:1], like[:1]) if its[1:] == like[1:] else None for its, like in unlike}
    return unlike[0][0][0] if len(lengths) == 1 and None not in lengths else None


def misfit(state: Any, wanted: Mapping[str, Tensor], network: str = "the network", *, exact: bool = False) -> str:
    """What keeps `state` from being loaded into a network whose state dict is `wanted`, in words; nothing if it fits.

    Names and shapes must agree, numbers be finite, also in the wanted dtype, whole numbers stay whole. `wanted` may be
    on torch's "meta" device, without numbers. exact: the dtypes must be the same.
    """
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        return "holds no state dict"
    for key in sorted(set(state) - set(wanted), key=str):
        made = _reparametrised(str(key))
        return made or f"has '{key}', which {network} does not"
    for key, like in wanted.items():
        if key not in state:
            return f"lacks '{key}'"
        value = state[key]
        if value.layout != torch.strided or value.is_quantized or value.device.type == "meta":
            return f"has '{key}' as a sparse, quantised or empty tensor; save the network in float32"
        if value.shape != like.shape:
            return f"has '{key}' of shape {tuple(value.shape)}, not {tuple(like.shape)}"
        if value.is_complex() or value.dtype == torch.bool or value.is_floating_point() != like.is_floating_point():
            return f"has '{key}' as {value.dtype}, not {like.dtype}"
        if exact and value.dtype != like.dtype:
            return f"has '{key}' as {value.dtype}, not {like.dtype}"
        if value.numel() * value.element_size() > value.untyped_storage().nbytes():
            return f"has '{key}' with fewer numbers than it says"
        if like.is_floating_point() and not value.to(like.dtype).isfinite().all():
            return f"has values in '{key}' that are not finite"
    return ""


def _reparametrised(key: str) -> str:
    """The remedy for an entry that pruning or a normalisation of weights leaves; nothing for another one."""
    for ends, what, remedy in (
        (("_orig", "_mask"), "pruned or spectrally normalised", "torch.nn.utils.prune.remove or remove_spectral_norm"),
        (("weight_g", "weight_v"), "weight-normalised", "torch.nn.utils.remove_weight_norm"),
    ):
        if key.endswith(ends):
            return f"has '{key}': it is {what}; call {remedy} first, then save it again"
    if ".parametrizations." in key:
        return f"has '{key}': call torch.nn.utils.parametrize.remove_parametrizations first, then save it again"
    return ""


def _check_sizes(whole: Any, size: int) -> None:
    """Raise Unreadable if the tensors are of more bytes than the file, as no trainer writes them."""
    storages: dict[int, int] = {}
    for state in _find(whole).values():
        for value in state.values():
            if value.layout == torch.strided and value.device.type != "meta":  # others fit no network
                storages[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes()
    if sum(storages.values()) > size:
        raise Unreadable("is damaged: it claims more numbers than it holds; get it again")
