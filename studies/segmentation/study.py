"""Cuts out the object of each image, from the seeds that a map gives."""

from dataclasses import asdict
from statistics import median

import numpy as np
from torch import Tensor, nn

from core.errors import UsageError
from core.priors import blur
from drawing.files import describe
from measures.localisation import centre_map
from studies.segmentation.cost import cost
from studies.segmentation.figure import Cut, draw
from studies.segmentation.flags import Settings
from studies.shared.cost import tell
from studies.shared.network import footer, open_network
from studies.shared.pictures import load_batch
from studies.shared.report import Report
from visualizers.catalogue import TECHNIQUES
from visualizers.evidence import evidence, explain
from visualizers.segmentation import seeds_of, segment

BLUR = 1 / 22  # of the image's side: fine maps lie on edges and must be filled before they can seed an area
NODES = 20  # of integrated gradients


def run(settings: Settings, report: Report) -> None:
    """Cut, say the overlaps, draw."""
    model, settings = open_network(settings, report)
    tell(cost(settings), report.say, model)
    batch = load_batch(model, settings, report)
    cuts = []
    for index in report.progress(range(len(batch.names)), desc="segmentation", unit="image"):
        image, label = batch.images[index : index + 1], batch.labels[index : index + 1]
        values = seed_maps(settings.technique, model, image, label)[0].numpy()
        cuts.append(cut(batch.pixels[index], values, batch.masks[index], settings))
        if cuts[-1].reason:
            report.fail(f"{batch.names[index]}: not segmented: {cuts[-1].reason}")
    overlaps = [each.overlap for each in cuts if each.overlap is not None]
    if overlaps:
        report.say(f"IoU with the true masks: median {median(overlaps):.3f} over {len(overlaps)} scenes")
    figure = draw(batch, cuts, technique=settings.technique, footer=footer(model))
    report.picture(figure, settings.output, describe("segmentation", asdict(settings), model.weights_name))


def cut(image: np.ndarray, values: np.ndarray, truth: np.ndarray | None, settings: Settings) -> Cut:
    """Cut an image, uint8 (H, W, 3), along the map (H, W); or the reason why that cannot be done."""
    seeding = {name: getattr(settings, name) for name in ("sure", "probable", "background", "border")}
    try:
        mask = segment(image, values, **seeding, iterations=settings.iterations, seed=settings.seed % 2**31)
    except UsageError as error:
        return Cut(values, reason=str(error))
    return Cut(values, seeds_of(values, **seeding), mask, None if truth is None else overlap(mask, truth))


def overlap(mask: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union of two masks (H, W)."""
    return float((mask & truth).sum() / (mask | truth).sum())


def seed_maps(name: str, model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """The maps of images (N, 3, H, W) that seed the cut, (N, H, W), zero and up, on the CPU."""
    size = images.shape[2:]
    if name == "centre":
        return centre_map(*size).expand(len(images), *size)
    technique = TECHNIQUES[name]
    maps = explain(technique, model, images, labels.to(images.device), settings={"nodes": NODES})
    if technique.result != "signed picture":
        return evidence(technique, maps, size).cpu()
    fine = maps.sum(dim=1).clamp(min=0) if technique.total else maps.abs().amax(dim=1)
    return blur(fine[:, None], min(size) * BLUR)[:, 0].cpu()
