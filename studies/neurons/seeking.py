"""What is sought in many pictures, selective channels and strong patches: several processes that share the pictures.

Each looks through its share and tells the first what it found: numbers of pictures, and sums. A picture passes through
the network by itself, so what comes out is what one process finds, to the last bit.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from core.errors import UsageError, WorkError
from core.sharing import company
from visualizers.selective_channels import Tally, joined, most_selective, tally
from visualizers.top_patches import top_patches

# The numbers of some pictures among all -> those that can be read, (1, 3, H, W) each. Each that is read is noted, and
# why one is not.
Stream = Callable[[Iterator[int], list[int], dict[int, str]], Iterator[Tensor]]


class Seeker:
    """Looks through a subject's pictures together with the other processes."""

    def __init__(self, count: int, stream: Stream, on_broken: Callable[[int, str], None]) -> None:
        """count: of all pictures. on_broken: is told, in the first process, of each that cannot be read."""
        self.count, self.stream, self.on_broken = count, stream, on_broken

    def selective(self, model: nn.Module, layer: str, number: int) -> list[int]:
        """The most selective channels, in every process."""
        there = company()

        def find(stream: Iterator[Tensor], read: list[int]) -> list[Any]:
            found = tally(model, layer, stream)
            favourites = torch.tensor(read)[found.favourites]
            return [found.largest.tolist(), favourites.tolist(), found.total.tolist(), found.seen]

        parts = self._seek(find)
        if not there.leads:
            return json.loads(there.follow())
        tallies = []
        for largest, favourites, total, seen in parts:
            sums = (torch.tensor(values, dtype=torch.float64) for values in (largest, total))
            tallies.append(Tally(next(sums), torch.tensor(favourites), next(sums), seen))
        chosen = most_selective(joined(tallies), number)
        there.follow(json.dumps(chosen).encode())
        return chosen

    def with_best_patches(self, model: nn.Module, layer: str, channels: tuple[int, ...]) -> list[int]:
        """In the first process the numbers, in order, of pictures that hold all the best patches of the channels."""

        def find(stream: Iterator[Tensor], read: list[int]) -> list[int]:
            return [read[patch.index] for best in top_patches(model, layer, channels, stream) for patch in best]

        return sorted({number for part in self._seek(find) for number in part})

    def _seek(self, find: Callable[[Iterator[Tensor], list[int]], Any]) -> list[Any]:
        """In the first process what `find` makes of each share; a share of which nothing can be read is left out."""
        there, read, broken = company(), [], {}
        stream = self.stream(there.deal(range(self.count)), read, broken)
        first = next(stream, None)
        found = None if first is None else find(_with(first, stream), read)
        parts = there.gather(json.dumps([found, broken]).encode())
        if not there.leads:
            return []
        if None in parts:
            raise WorkError("one of the processes did not do its share; what it said tells why")
        all_found, all_broken = zip(*map(json.loads, parts), strict=True)
        told = sorted((int(number), words) for each in all_broken for number, words in each.items())
        if len(told) == self.count:
            raise UsageError(told[0][1])
        for number, words in told:
            self.on_broken(number, words)
        return [each for each in all_found if each is not None]


def _with(first: Tensor, rest: Iterator[Tensor]) -> Iterator[Tensor]:
    yield first
    yield from rest
