"""How well does each technique point at the object? Localisation over rendered scenes, whose masks are exact.

Explains each scene's true class with the embedded network and writes a table, Markdown and CSV, of the mean of
each score with its 95 % interval, beside what a hill in the centre gets.
"""

import sys
from pathlib import Path

from core.files import write_table
from core.options import Parser, progress, run_script, whole_number

STEPS = 20  # of integrated gradients
CHUNK = 20  # scenes rendered and explained at a time


def main(options) -> None:
    # After parsing, so that --help does not wait for torch.
    import torch

    from core.images import preprocess
    from core.inputs import load_network
    from core.scores import SCORES, centre_map, localisation
    from patterns.examples import check_classes
    from patterns.scenes import CLASS_NAMES, render_batch

    model = load_network(options)
    check_classes(model)
    totals: dict[str, list] = {}
    hits = 0
    for start in progress(range(0, options.scenes, CHUNK), desc="localisation", unit="chunk"):
        labels = [index % len(CLASS_NAMES) for index in range(start, min(start + CHUNK, options.scenes))]
        # A seed of its own for each chunk, so that the scenes do not depend on the number asked for.
        images, masks = render_batch(labels, seed=options.seed + start, size=options.size)
        tensor, truth = preprocess(images).to(next(model.parameters()).device), torch.from_numpy(masks)
        wanted = torch.tensor(labels)
        with torch.no_grad():
            hits += int((model(tensor).argmax(dim=1).cpu() == wanted).sum())
        maps = explain(model, tensor, wanted)
        maps["centre (baseline)"] = centre_map(*truth.shape[1:]).expand(truth.shape)
        for name, values in maps.items():
            totals.setdefault(name, []).append(localisation(values.cpu(), truth))
    rows = []
    for name, parts in totals.items():
        scores = torch.cat(parts)  # (N, 3)
        half_width = 1.96 * scores.std(dim=0) / len(scores) ** 0.5
        rows.append([name, *(f"{m:.3f} ± {h:.3f}" for m, h in zip(scores.mean(dim=0), half_width, strict=True))])
    header = ["technique", *SCORES]
    print(f"{hits / options.scenes:.1%} of the scenes named correctly")
    note = (
        f"Mean over {options.scenes} scenes of {options.size} pixels (seed {options.seed}) ± 1.96 standard errors; "
        f"higher is better. Weights {model.weights_name}."
    )
    print(write_table(options.output, header, rows, note) + f"wrote {options.output.with_suffix('.md')} and .csv")


def explain(model, images, labels) -> dict:
    """{technique: maps (N, H, W)} of images (N, 3, H, W); of a signed picture, the largest size over the channels."""
    from core.reference import captum_integrated_gradients
    from visualizers.gradcam import grad_cam, upsample
    from visualizers.guided_backprop import guided_backprop
    from visualizers.guided_gradcam import guided_grad_cam
    from visualizers.saliency_map import saliency_map

    size = images.shape[2:]
    integrated = captum_integrated_gradients(model, images, labels.to(images.device), steps=STEPS)
    return {
        "saliency": saliency_map(model, images, labels),
        "integrated gradients (Captum)": integrated.sum(dim=1).abs(),
        "guided backprop": guided_backprop(model, images, labels).abs().amax(dim=1),
        "Grad-CAM": upsample(grad_cam(model, images, labels), size),
        "guided Grad-CAM": guided_grad_cam(model, images, labels).abs().amax(dim=1),
    }


def parser() -> Parser:
    result = Parser(prog="python -m benchmarks.localisation", description=__doc__)
    add = result.add_argument
    add("--scenes", type=whole_number(1, 1_000_000), default=504, metavar="N", help="how many scenes")
    add("--size", type=whole_number(64, 1024), default=224, metavar="PIXELS", help="side of a scene")
    add("--seed", type=whole_number(0), default=1_000_000, metavar="N", help="start of all random numbers")
    add("--weights", default="patterns", metavar="FILE", help="patterns, or a file of weights for the scenes' classes")
    add("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"), help="where to compute")
    path = Path("visualization/localisation.md")
    add("--output", type=Path, default=path, metavar="PATH", help="the Markdown table; the CSV lies beside it")
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
