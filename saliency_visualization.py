"""Which pixels matter for a class? The saliency map beside Captum's, and integrated gradients.

Writes visualization/saliency_visualization.png. With --technique it draws a grid instead: techniques down, images
across, and on rendered scenes, whose masks are known, how well each map points at the object.

Maps that have one sign are drawn from black to yellow; those of both signs in red, what speaks for the class, and blue,
what speaks against it. Guided backprop and the deconvnet are pictures, in colours around grey.

With --versus it draws why one class and not another: the map of the difference of their scores.
"""

import sys
from functools import partial
from typing import NamedTuple

from core.errors import UsageError
from studies.shared.options import (
    defaults_of,
    find_class,
    find_techniques,
    make_parser,
    number,
    progress,
    run_script,
    whole_number,
)

COLUMNS = 5  # pictures side by side; more go on below
SATURATED = 0.98  # the quantile at which maps of both signs have their full colour


class Technique(NamedTuple):
    """A row of the table: where a technique is, and what may be done with it."""

    title: str
    function: str  # its module and name
    settings: tuple[str, ...] = ()  # the flags that it obeys
    seeded: bool = False  # chance is in it
    captum: str | None = None  # the same technique in measures.captum_reference
    linear: str | None = None  # the function whose map of score_a - score_b is the difference of two maps


SMOOTHING = ("samples", "noise")
SIGNED_GRADIENT = "core.gradients.input_gradient"
TECHNIQUES = {
    "gradient": Technique(
        "gradient\n(saliency)",
        "visualizers.saliency_map.saliency_map",
        captum="captum_saliency",
        linear=SIGNED_GRADIENT,
    ),
    "gradient-x-input": Technique(
        "gradient x input",
        "visualizers.gradient_times_input.gradient_times_input",
        captum="captum_gradient_times_input",
        linear="visualizers.gradient_times_input.gradient_times_input",
    ),
    "guided-backprop": Technique(
        "guided backprop", "visualizers.guided_backprop.guided_backprop", captum="captum_guided_backprop"
    ),
    "deconvnet": Technique("deconvnet", "visualizers.deconvnet.deconvnet", captum="captum_deconvnet"),
    "smoothgrad": Technique(
        "SmoothGrad",
        "visualizers.smoothgrad.smoothgrad",
        SMOOTHING,
        seeded=True,
        linear="visualizers.smoothgrad.mean_gradient",
    ),
    "smoothgrad-squared": Technique(
        "SmoothGrad-\nSquared", "visualizers.smoothgrad.smoothgrad_squared", SMOOTHING, seeded=True
    ),
    "vargrad": Technique("VarGrad", "visualizers.smoothgrad.vargrad", SMOOTHING, seeded=True),
    "integrated-gradients": Technique(
        "integrated\ngradients",
        "visualizers.integrated_gradients.integrated_gradients",
        ("nodes",),
        captum="captum_integrated_gradients",
        linear="visualizers.integrated_gradients.integrated_gradients",
    ),
    "occlusion": Technique(
        "occlusion",
        "visualizers.occlusion.occlusion",
        ("patch", "stride", "fill"),
        linear="visualizers.occlusion.occlusion",
    ),
    "rise": Technique(
        "RISE",
        "visualizers.rise.rise",
        ("masks", "grid", "probability"),
        seeded=True,
        linear="visualizers.rise.rise",
    ),
}
PICTURES = ("guided-backprop", "deconvnet")  # their colours are looked at; elsewhere one value a pixel


def __getattr__(name: str) -> type:
    """The class that the course's scripts import from here, loaded when asked for: --help need not wait for torch."""
    if name != "SaliencyMap":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from visualizers import SaliencyMap

    return SaliencyMap


def main(options) -> int:
    names = chosen_techniques(options.technique, versus=options.versus is not None)
    # After parsing, so that --help does not wait for torch.
    from drawing.files import describe, save_picture
    from studies.shared.examples import example_scenes
    from studies.shared.inputs import load_batch, load_network, report_localisation

    model = load_network(options)
    versus = None if options.versus is None else find_class(options.versus, model.class_names)
    batch = load_batch(options, model, example_scenes)
    check_settings(names, options)
    maps, reasons = compute_maps(model, batch, names, versus, options)
    theirs = compare_with_captum(model, batch, maps, options) if versus is None else {}
    if not options.technique and versus is None:
        rows = {"saliency": maps["gradient"], "saliency\n(Captum)": theirs["gradient"]}
        rows["integrated\ngradients"] = maps["integrated-gradients"]
    else:
        rows = {TECHNIQUES[name].title: values for name, values in maps.items()}
    evidence = {name: [pixel_values(one, picture=name in PICTURES) for one in maps[name]] for name in names}
    report_localisation(evidence, batch.masks)
    figure = draw(model, batch, rows, reasons, versus, options)
    metadata = describe("saliency_visualization.py", vars(options), model.weights_name)
    print(f"wrote {save_picture(figure, options.output, metadata)}")
    return batch.exit_code


def chosen_techniques(texts: list[str] | None, *, versus: bool) -> tuple[str, ...]:
    """The keys of TECHNIQUES asked for; with `versus` they must be fit for the difference of two classes."""
    linear = tuple(name for name, technique in TECHNIQUES.items() if technique.linear)
    if not texts:
        return ("gradient",) if versus else ("gradient", "integrated-gradients")
    names = find_techniques(texts, TECHNIQUES)
    for name in find_techniques([text for text in texts if text != "all"], TECHNIQUES):
        if versus and name not in linear:
            raise UsageError(
                f"versus: {name} is not linear in the score, so its maps of two classes cannot be subtracted; "
                f"allowed are {', '.join(linear)}"
            )
    return linear if versus and "all" in texts else names


def compute_maps(model, batch, names, versus, options):
    """{technique: [one map an image]}: (H, W), or signed (3, H, W). With a class `versus`, that of the difference.

    What the techniques say of blank maps is gathered beside them, {title: {image index: reason}}.
    """
    from studies.shared.inputs import with_reason

    reasons = {TECHNIQUES[name].title: {} for name in names}
    maps = {name: [] for name in names}
    with progress(total=len(names) * len(batch.names), desc="maps", unit="map") as bar:
        for name in names:
            bar.set_postfix_str(name)
            for index in range(len(batch.names)):
                image = batch.images[index : index + 1]
                call = partial(one_map, model, image, batch.labels[index], name, options, signed=versus is not None)
                values, reason = with_reason(call)
                if reason:
                    reasons[TECHNIQUES[name].title][index] = reason
                if versus is not None:
                    values = values - one_map(model, image, versus, name, options, signed=True)
                maps[name].append(values)
                bar.update()
    return maps, reasons


def one_map(model, image, label, name, options, *, signed: bool):
    """The map of one image (1, 3, H, W): (H, W), or signed (3, H, W)."""
    from importlib import import_module

    from studies.shared.inputs import make_generator

    technique = TECHNIQUES[name]
    module, _, function = (technique.linear if signed else technique.function).rpartition(".")
    settings = {setting: getattr(options, setting) for setting in technique.settings}
    if technique.seeded:  # the same chance for every image and class
        settings["generator"] = make_generator(options)
    technique = getattr(import_module(module), function)
    if name == "rise":  # takes as long as all the others together
        with progress(total=options.masks, desc="masks", unit="mask", leave=False) as bar:
            return technique(model, image, label, callback=bar.update, **settings)[0].cpu()
    values = technique(model, image, label, **settings)
    if name == "occlusion":
        from visualizers.occlusion import spread

        values = spread(values, image.shape[2:], options.patch, options.stride)
    return values[0].cpu()


def check_settings(names, options) -> None:
    """Refuse at once what a technique would refuse at its turn, after the others' work."""
    from visualizers.occlusion import check_fill, windows
    from visualizers.rise import random_masks
    from visualizers.smoothgrad import check_variation

    if "vargrad" in names:
        check_variation(options.samples, options.noise)
    if "occlusion" in names:
        check_fill(options.fill)
        windows(options.size, options.patch, options.stride)
    if "rise" in names:
        random_masks(1, (options.size, options.size), grid=options.grid, probability=options.probability)


def compare_with_captum(model, batch, maps, options) -> dict:
    """Print how far our maps are from Captum's and from complete; return Captum's, {technique: [one map an image]}."""
    import torch

    from measures import captum_reference as reference
    from visualizers.integrated_gradients import completeness_error

    labels = batch.labels.to(batch.images.device)
    theirs = {name: [] for name in maps if TECHNIQUES[name].captum}
    with progress(total=len(theirs) * len(batch.names), desc="Captum", unit="map") as bar:
        for name, captums in theirs.items():
            call = getattr(reference, TECHNIQUES[name].captum)
            settings = {"nodes": options.nodes} if name == "integrated-gradients" else {}
            for index in range(len(batch.names)):
                one = batch.images[index : index + 1], labels[index : index + 1]
                captums.append(call(model, *one, **settings)[0].cpu())
                bar.update()
            title = "saliency" if name == "gradient" else name.replace("-", " ")
            reference.report_agreement(title, batch.names, maps[name], captums)
    if "integrated-gradients" in maps:
        contributions = torch.stack(maps["integrated-gradients"])
        errors = completeness_error(model, batch.images, labels, contributions).tolist()
        each = ", ".join(f"{name} {100 * error:.2g} %" for name, error in zip(batch.names, errors, strict=True))
        print(
            f"integrated gradients: completeness error at {options.nodes} nodes, "
            f"largest {100 * max(errors):.2g} % ({each})"
        )
    return theirs


def pixel_values(values, *, picture: bool = False):
    """One value a pixel, (H, W): the sum of a map's channels, or of a picture's their largest size."""
    if values.dim() == 2:
        return values
    return values.abs().amax(dim=0) if picture else values.sum(dim=0)


def draw(model, batch, rows, reasons, versus, options):
    """Maps down, images across, scores in the titles where masks are known -> uint8 (H, W, 3)."""
    from drawing.grid import Panel, draw_grid
    from studies.shared.inputs import class_titles, footer

    titles, title = batch.titles, "Which pixels matter for the class?"
    if versus is not None:
        others = class_titles(model, batch.images, versus)
        titles = [f"{one}\nnot {other}" for one, other in zip(titles, others, strict=True)]
        title = "Why the first class (red) and not the second (blue)?"
    panels = [[Panel(pixels, one) for pixels, one in zip(batch.pixels, titles, strict=True)]]
    pictures = [TECHNIQUES[name].title for name in PICTURES]
    for name, maps in rows.items():
        panels.append(row_of_panels(batch, maps, name in pictures, reasons.get(name, {}), versus, options))
    names = ("image", *rows)
    return draw_grid(panels, row_names=names, columns=COLUMNS, title=title, footer=footer(model))


def row_of_panels(batch, maps, picture: bool, reasons, versus, options):
    """The maps of one technique, each by its own scale or all by one."""
    from drawing.colours import QUANTILE, blank_note, diverging, full_scale, heat, outline, signed
    from drawing.grid import Panel
    from studies.shared.inputs import score_title

    evidence = [pixel_values(one, picture=picture) for one in maps]
    drawn = [(one.permute(1, 2, 0) if picture else value).numpy() for one, value in zip(maps, evidence, strict=True)]
    colours = signed if picture else diverging if any(values.min() < 0 for values in drawn) else heat
    # Contributions are few and strong among many weak ones: more of them may be at full strength, to be seen at all.
    quantile = SATURATED if colours is diverging else QUANTILE
    together = full_scale(*drawn, quantile=quantile) if options.shared_scale else None
    common = "its class has score 0 here" if versus is None else "the two classes are the same, or both have score 0"
    panels = []
    for index, (values, value, mask) in enumerate(zip(drawn, evidence, batch.masks, strict=True)):
        note = blank_note(values, common if versus is not None else reasons.get(index, common))
        title = "" if note else score_title(value, mask)
        scale = full_scale(values, quantile=quantile) if together is None else together
        panels.append(Panel(outline(colours(values, scale=scale), mask), title, note))
    return panels


def parser():
    result = make_parser(__doc__, output="saliency_visualization.png")
    add = result.add_argument
    listed = f"all, or any of {', '.join(TECHNIQUES)} (default: gradient beside Captum's, and integrated-gradients)"
    add("--technique", nargs="+", metavar="NAME", help=listed)
    add("--versus", metavar="CLASS", help="explain why the class of --labels and not this one: score - score of CLASS")
    add("--shared-scale", action="store_true", help="one colour scale for all images of a row, not one for each")

    def setting(technique: str, flag: str, kind, text: str, metavar: str = "N") -> None:
        default = defaults_of(*TECHNIQUES[technique].function.rsplit(".", 1))[flag]
        add(f"--{flag}", type=kind, default=default, metavar=metavar, help=f"{technique}: {text}")

    setting("integrated-gradients", "nodes", whole_number(1, 1000), "nodes on the way from the mean colour")
    setting(
        "smoothgrad", "samples", whole_number(1, 10_000), "noisy copies of each image, also of its square and vargrad"
    )
    setting("smoothgrad", "noise", number(0, 10), "standard deviation, as a share of the image's range of values")
    setting("occlusion", "patch", whole_number(1, 1024), "side of the window", "PIXELS")
    setting("occlusion", "stride", whole_number(1, 1024), "how far apart windows are", "PIXELS")
    setting("occlusion", "fill", str, "what covers: mean colour, grey, or blur", "NAME")
    setting("rise", "masks", whole_number(2, 1_000_000), "random masks for each image")
    setting("rise", "grid", whole_number(1, 1024), "cells of a mask along a side")
    setting("rise", "probability", number(0, 1), "share of the cells shown")
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
