"""Which pixels matter for a class? Saliency maps, ours and Captum's, and Captum's integrated gradients.

Writes visualization/saliency_visualization.png: image, our map, Captum's map, integrated gradients.
"""

import sys

from core.options import make_parser, progress, run_script, whole_number

COLUMNS = 5  # pictures side by side; more go on below


def main(options) -> int:
    # After parsing, so that --help does not wait for torch.
    from core import reference
    from core.figures import Panel, blank_note, describe, draw_grid, heat, outline, save_picture
    from core.inputs import footer, load_batch, load_network, report_localisation
    from patterns.examples import example_scenes
    from visualizers.saliency_map import saliency_map

    model = load_network(options)
    batch = load_batch(options, model, example_scenes)
    ours, theirs, integrated = [], [], []
    for index in progress(range(len(batch.names)), desc="saliency", unit="image"):
        one = (model, batch.images[index : index + 1], batch.labels[index : index + 1].to(batch.images.device))
        ours.append(saliency_map(*one)[0].cpu())
        theirs.append(reference.captum_saliency(*one)[0].cpu())
        parts = reference.captum_integrated_gradients(*one, steps=options.steps)
        integrated.append(parts[0].sum(dim=0).abs().cpu())
    reference.report_agreement("saliency", batch.names, ours, theirs)

    report_localisation({"saliency": ours, "integrated gradients": integrated}, batch.masks)

    def maps(values) -> list[Panel]:
        pairs = zip(values, batch.masks, strict=True)
        return [Panel(outline(heat(value.numpy()), mask), note=blank_note(value.numpy())) for value, mask in pairs]

    image_panels = [Panel(pixels, title) for pixels, title in zip(batch.pixels, batch.titles, strict=True)]
    grid = draw_grid(
        [image_panels, maps(ours), maps(theirs), maps(integrated)],
        row_names=("image", "saliency", "saliency (Captum)", "integrated gradients\n(Captum)"),
        columns=COLUMNS,
        title="Which pixels change the score most?",
        footer=footer(model),
    )
    metadata = describe("saliency_visualization.py", vars(options), model.weights_name)
    print(f"wrote {save_picture(grid, options.output, metadata)}")
    return batch.exit_code


def parser():
    result = make_parser(__doc__, output="saliency_visualization.png")
    result.add_argument("--steps", type=whole_number(1, 1000), default=20, help="steps of integrated gradients")
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
