"""One training in several processes that torchrun started: who leads, and on which device each computes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist

from core.errors import WorkError


@contextmanager
def met_processes(device: str) -> Iterator[str]:
    """Within the block the processes know each other, if torchrun started several; yields the device of this one."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:  # set by torchrun
        yield device
        return
    place = int(os.environ.get("LOCAL_RANK", "0"))
    cuda = device in ("auto", "cuda") and torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(place)
    dist.init_process_group("nccl" if cuda else "gloo")
    try:
        yield f"cuda:{place}" if cuda else "cpu"
    finally:
        dist.destroy_process_group()


def leads() -> bool:
    """Whether this process is the one that judges, prints and writes."""
    return not dist.is_initialized() or dist.get_rank() == 0


def meet_at(step: int) -> None:
    """Wait for the other processes. Raises WorkError in all of them if they do not stand at the same step."""
    if not dist.is_initialized():
        return
    steps = [0] * dist.get_world_size()
    dist.all_gather_object(steps, step)
    if len(set(steps)) > 1:
        steps = ", ".join(map(str, steps))
        raise WorkError(f"checkpoint: the processes stand after steps {steps}; let all of them see one --output folder")
