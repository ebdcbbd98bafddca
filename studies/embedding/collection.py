"""The images as they are compared: the network's features and the pixels of each, new ones computed, others kept."""

from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from core.activations import find_layer
from core.errors import UsageError
from core.gradients import CHUNK_PIXELS
from core.images import preprocess
from core.measuring import measuring
from core.objectives import layer_output
from core.sharing import company
from studies.embedding.flags import Settings
from studies.embedding.sources import Source, list_sources
from studies.shared.feature_cache import Entry, cache_folder, load_entries, save_entries
from studies.shared.network import footer
from studies.shared.options import OUTPUT_FOLDER
from studies.shared.report import Report, Silent
from visualizers.image_features import image_features, unit_length

THUMBNAIL = 64  # pixels a side, of what is kept of each image
PIXEL_SIDE = 32  # of the pictures that are compared pixel by pixel: as small as people still know what they show
CHUNKS = 12  # of images between two writings to the cache
FEWEST = 4  # images that can be compared


class Collection(NamedTuple):
    """The images that could be read, in the two spaces in which they are compared."""

    what: str  # "1800 rendered scenes"
    sources: list[Source]
    features: Tensor  # (N, C), each row of length 1
    pixels: Tensor  # (N, 3 * PIXEL_SIDE^2), 0 to 1
    thumbnails: np.ndarray  # uint8 (N, T, T, 3)
    labels: Tensor | None  # (N,), None where the classes are unknown
    class_names: list[str]
    feature_words: str
    network: str

    @property
    def spaces(self) -> dict[str, Tensor]:
        """The rows that are compared, by the name of the space."""
        return {"features": self.features, "pixels": self.pixels}


def collect(model: nn.Module, settings: Settings, report: Report) -> Collection | None:
    """The images in both spaces. One that cannot be read is named and left out; if none can, the first one's error.

    Of several processes, which share the work, the first alone gets them, the others None.
    """
    what, sources = list_sources(settings, report)
    entries, broken = find_features(model, sources, settings, report)
    if not company().leads:
        return None
    kept = [(source, entry) for source, entry in zip(sources, entries, strict=True) if entry is not None]
    if broken and not kept:
        raise broken[0]
    for error in broken:
        report.skip(error)
    sources = [source for source, _ in kept]
    if len(sources) < FEWEST:
        raise UsageError(f"images: {len(sources)} are too few to compare; give at least {FEWEST}")
    features = torch.from_numpy(np.stack([entry.features for _, entry in kept]))
    thumbnails = np.stack([entry.thumbnail for _, entry in kept])
    step = THUMBNAIL // PIXEL_SIDE
    small = torch.from_numpy(thumbnails).unflatten(1, (PIXEL_SIDE, step)).unflatten(3, (PIXEL_SIDE, step))
    class_names = sorted({source.class_name for source in sources})
    labels = None
    if all(class_names) and len(class_names) > 1:
        labels = torch.tensor([class_names.index(source.class_name) for source in sources])
        what += f" of {len(class_names)} classes"
    return Collection(
        what=f"{len(sources)} {what}",
        sources=sources,
        features=unit_length(features),
        pixels=(small.float().mean(dim=(2, 4)) / 255).flatten(1),
        thumbnails=thumbnails,
        labels=labels,
        class_names=class_names,
        feature_words=f"{settings.layer}, {features.shape[1]} numbers",
        network=footer(model),
    )


def find_features(
    model: nn.Module, sources: list[Source], settings: Settings, report: Report
) -> tuple[list[Entry | None], list[UsageError]]:
    """The cache's entry of each source, new ones put there, None where it is broken; and what is wrong with those.

    Of several processes each puts its share into the cache, before the first looks up all of it and makes what is
    missing yet. In the others nothing comes back.
    """
    find_layer(model, settings.layer)
    there = company()
    if there.size > 1:
        keep_features(model, list(there.deal(sources)), settings, Silent())
        there.gather()
        if not there.leads:
            return [], []
    return keep_features(model, sources, settings, report)


def keep_features(
    model: nn.Module, sources: list[Source], settings: Settings, report: Report
) -> tuple[list[Entry | None], list[UsageError]]:
    """What `find_features` finds, by this process alone."""
    facts = {"layer": settings.layer, "size": settings.size, "thumbnail": THUMBNAIL}
    folder = cache_folder(OUTPUT_FOLDER / "embedding_cache", model, facts)
    hashes = [source.content() for source in report.progress(sources, desc="hashes", unit="image")]
    shapes = (channels_of(model, settings.layer, settings.size), THUMBNAIL)
    known, unsaved = load_entries(folder, hashes, shapes), {}
    if known.damaged:
        report.say(f"features: {known.damaged} files in {folder} were damaged; what they held is computed again")
    missing = [(hash_, source) for hash_, source in zip(hashes, sources, strict=True) if hash_ not in known]
    if len(missing) < len(sources):
        report.say(f"features: {len(sources) - len(missing)} of {len(sources)} images are known from {folder}")
    broken = []
    together = CHUNKS * max(1, CHUNK_PIXELS // settings.size**2)
    with report.progress(total=len(missing), desc="features", unit="image") as bar:
        for start in range(0, len(missing), together):
            pictures = {}
            for hash_, source in missing[start : start + together]:
                try:
                    pictures[hash_] = source.read(settings.size)
                except UsageError as error:
                    broken.append(error)
                bar.update()
            new = compute_entries(model, pictures, settings.layer)
            if not save_entries(folder, new):
                unsaved |= new
    if unsaved:
        report.say(f"features: not kept, '{folder}' cannot be written")
    # Read again at the end: small arrays held among the large ones that come and go would scatter the memory.
    found = unsaved | load_entries(folder, hashes, shapes)
    return [found.get(hash_) for hash_ in hashes], broken


def channels_of(model: nn.Module, layer: str, size: int) -> int:
    """How many features the layer gives of a picture, to know kept ones of another number."""
    with measuring(model), torch.no_grad():
        blank = torch.zeros(1, 3, size, size, device=next(model.parameters()).device)
        return layer_output(model, layer)(blank).shape[1]


def compute_entries(model: nn.Module, pictures: dict[bytes, np.ndarray], layer: str) -> dict[bytes, Entry]:
    """{content hash: what is to be kept of the picture}, for pictures uint8 (size, size, 3)."""
    if not pictures:
        return {}
    images = preprocess(list(pictures.values())).to(next(model.parameters()).device)
    rows = image_features(model, images, layer=layer).float().cpu().numpy()
    thumbnails = [shrink(pixels, THUMBNAIL) for pixels in pictures.values()]
    return dict(zip(pictures, map(Entry, rows, thumbnails), strict=True))


def shrink(pixels: np.ndarray, side: int) -> np.ndarray:
    """uint8 (H, W, 3) -> (side, side, 3), each pixel the mean of those that it stands for."""
    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BOX))
