"""The scenes as a torch data set, and as a stream. The other modules of this folder do not need torch."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch.utils.data import Dataset

from core.errors import UsageError
from core.images import normalise
from patterns.scenes import CLASS_NAMES, check_seed, check_size, class_number, render_indexed


class SceneDataset(Dataset):
    """`length` scenes, the classes in turn; item i is scene i of the batch with these labels."""

    def __init__(self, length: int, *, seed: int, size: int, classes: Sequence[int | str] | None = None) -> None:
        """`classes` are the classes to draw from, by number or name; all of them if None."""
        chosen = range(len(CLASS_NAMES)) if classes is None else classes
        self.classes = tuple(class_number(label, "classes") for label in chosen)
        if not self.classes:
            raise UsageError(f"classes is {classes!r}; it must name at least one class, or be None.")
        self.length = check_seed(length, "length")
        self.seed, self.size = check_seed(seed), check_size(size)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int, torch.Tensor]:
        """Image (3, H, W) uint8, class number, mask (H, W) bool."""
        if not -self.length <= index < self.length:
            raise IndexError(f"index is {index}; the data set has {self.length} scenes.")
        index %= self.length
        label = self.classes[index % len(self.classes)]
        scene = render_indexed(label, seed=self.seed, index=index, size=self.size)
        image = torch.from_numpy(np.ascontiguousarray(scene.image.transpose(2, 0, 1)))
        return image, label, torch.from_numpy(scene.mask)


def stream_scenes(length: int, *, seed: int, size: int, numbers: Iterable[int] | None = None) -> Iterator[torch.Tensor]:
    """The scenes of a `SceneDataset`, rendered one by one: (1, 3, size, size) each, in the network's units.

    numbers: of those wanted, if not all.
    """
    scenes = SceneDataset(length, seed=seed, size=size)
    wanted = range(length) if numbers is None else numbers
    return (normalise(scenes[index][0][None].float() / 255) for index in wanted)
