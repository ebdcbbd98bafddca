"""Can a network be trained so that it is not fooled? A robust network beside its plain twins.

Writes visualization/robustness_visualization.png: clean and robust accuracy on scenes that no network was trained on,
accuracy against the size of the attack and its steps, what is proved by randomised smoothing, and the saliency maps and
class pictures of each network; beside it the table as .md and .csv.

Robust accuracy is what 'visualizers.pgd' leaves; saliency is scored by the objects' exact masks.
"""

import sys
from typing import NamedTuple

from studies.shared.options import constant_of, defaults_of, make_parser, number, progress, run_script, whole_number

NETWORKS = constant_of("studies.shared.networks", "NETWORKS")
COLOURS = ("tab:gray", "tab:orange", "tab:blue", "tab:green", "tab:red", "tab:purple")
SIZES = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # radii of the curve, in multiples of --eps
STEPS = (1, 2, 5, 10)  # of the curve against steps, besides --steps
STEP_OF_RADIUS = 0.01  # of the certified curve
CLASSES = ("star", "butterfly", "fish", "house", "gear", "spiral")  # drawn
CLIMB_AT_224 = {"learning_rate": 15.0, "max_jitter": 16}  # of a class picture; less where it is smaller
CLIMB = {"l2_reg": 0.0, "blur_every": 2, "iterations": 128}  # no penalty: each network's scores have another size
JUDGED_AT = 224  # pixels: what the embedded network was made for
SMOOTHING = defaults_of("visualizers.randomised_smoothing", "certify")
WIDTH = 15.5  # inches, as wide as the table
PARTS = 6  # of a network's measurement, for the progress bar


class Findings(NamedTuple):
    """What was measured of one network."""

    name: str
    model: object
    judged: bool  # whether the judge, the embedded network, is another one
    linf: object  # (len(SIZES), N) bool: named rightly within eps times each of SIZES
    l2: object  # (N,) bool, within --l2
    by_steps: dict  # steps: share named rightly within eps
    certified: object  # Certificate of the first --certified scenes
    localisation: object  # (N, 3) scores of its saliency maps
    pictures: object  # (C, 3, H, W), climbed for all classes
    named: int  # of these, by the judge, as meant


def main(options) -> int:
    # After parsing, so that --help does not wait for torch.
    from core.squeezenet import load_squeezenet
    from drawing.files import describe, save_picture
    from drawing.grid import stack
    from drawing.tables import draw_table, write_table
    from studies.shared.examples import check_classes
    from studies.shared.networks import held_out_scenes, load_networks

    networks, judge = load_networks(options.weights, options.device), load_squeezenet("patterns", options.device)
    for model in networks.values():
        check_classes(model)
        print(model.weights_note)
    scenes = held_out_scenes(options.scenes, seed=options.seed, size=options.size)
    scenes = scenes._replace(images=scenes.images.to(next(judge.parameters()).device))
    findings, stopped = [], False
    with progress(total=PARTS * len(networks), desc="robustness", unit="part") as bar:
        for name, model in networks.items():
            try:
                findings.append(measure(name, model, judge, scenes, options, bar))
            except KeyboardInterrupt:
                if not findings:
                    raise
                stopped = True
                print("stopped: the networks that were finished are drawn", file=sys.stderr)
                break
    header, rows, note = tabulate(findings, scenes, options)
    story = [
        draw_table(header, rows, title="Robust or plain: how often is it right, and where does it look?", note=note),
        draw_curves(findings, scenes, options),
        draw_maps(findings, scenes, options),
        draw_classes(findings, judge),
    ]
    weights = ", ".join(model.weights_name for model in networks.values())
    metadata = describe("robustness_visualization.py", vars(options), weights)
    print(f"wrote {save_picture(stack(story), options.output, metadata)}")
    write_table(options.output.with_suffix(".md"), header, rows, note)
    if stopped:
        raise KeyboardInterrupt
    return 0


def measure(name: str, model, judge, scenes, options, bar) -> Findings:
    """All numbers of one network; each is printed as soon as it is known."""
    import torch

    from measures.localisation import localisation
    from studies.shared.inputs import make_generator
    from visualizers.randomised_smoothing import ABSTAINS, certified_accuracy, certify
    from visualizers.robust_accuracy import robust_hits
    from visualizers.saliency_map import saliency_map

    eps, generator = options.eps / 255, make_generator(options)
    attack = {"restarts": options.restarts, "generator": generator}
    bar.set_postfix_str(name)

    def tell(words: str) -> None:
        bar.update()
        bar.write(f"{name}: {words}")

    linf = robust_hits(
        model, scenes.images, scenes.labels, [eps * size for size in SIZES], steps=options.steps, **attack
    )
    shares = ", ".join(f"{share(hits)} within {options.eps * size:g}" for size, hits in zip(SIZES, linf, strict=True))
    tell(f"named rightly {shares} of 255")
    by_steps = {}
    for steps in sorted({*STEPS, options.steps}):
        hits = robust_hits(model, scenes.images, scenes.labels, [eps], steps=steps, **attack)[0]
        by_steps[steps] = float(hits.double().mean())
    tell(", ".join(f"{value:.1%} after {steps}" for steps, value in by_steps.items()) + " steps")
    l2 = robust_hits(model, scenes.images, scenes.labels, [options.l2], norm="l2", steps=options.steps, **attack)[0]
    tell(f"{share(l2)} within L2 {options.l2:g}")
    few = slice(options.certified)
    settings = {"sigma": options.sigma, "n": options.draws, "n0": max(1, options.draws // 10), "alpha": options.alpha}
    certificate = certify(model, scenes.images[few], **settings, generator=generator)
    proved = certified_accuracy(certificate, scenes.labels[few], torch.zeros(1))
    abstained = share(certificate.labels == ABSTAINS)
    tell(
        f"smoothed, {float(proved):.1%} of {len(certificate.labels)} are right and certain; it abstains for {abstained}"
    )
    scores = localisation(saliency_map(model, scenes.images, scenes.labels).cpu(), scenes.masks)
    tell("saliency: pointing game {:.3f}, relevance mass {:.3f}, best IoU {:.3f}".format(*scores.mean(dim=0).tolist()))
    pictures = climb_classes(model, options)
    named = int((judge_pictures(judge, pictures).argmax(dim=1) == torch.arange(len(pictures))).sum())
    tell(f"the embedded network names {named} of its {len(pictures)} class pictures")
    judged = model.weights_name != judge.weights_name
    return Findings(name, model, judged, linf, l2, by_steps, certificate, scores, pictures, named)


def judge_pictures(judge, pictures):
    """What the embedded network sees in them, enlarged to its own size: probabilities (N, K)."""
    from torch.nn.functional import interpolate

    from studies.shared.inputs import class_probabilities

    large = interpolate(pictures, (JUDGED_AT, JUDGED_AT), mode="bicubic", antialias=True)
    return class_probabilities(judge, large)


def share(hits) -> str:
    """ "96.1 %" of hits (N,) bool."""
    return f"{100 * float(hits.double().mean()):.1f} %"


def climb_classes(model, options):
    """The network's picture of each class, (K, 3, size, size)."""
    import torch

    from core.gradients import chunk_length
    from studies.shared.inputs import make_generator
    from visualizers.class_visualization import visualize_classes

    scale = options.size / 224
    settings = CLIMB | {"learning_rate": scale * CLIMB_AT_224["learning_rate"]}
    settings |= {"max_jitter": round(scale * CLIMB_AT_224["max_jitter"]), "iterations": options.iterations}
    labels = torch.arange(len(model.class_names))
    return torch.cat(
        [
            visualize_classes(model, part, size=options.size, generator=make_generator(options), **settings)
            for part in labels.split(chunk_length(torch.empty(1, options.size, options.size)))
        ]
    )


def tabulate(findings: list[Findings], scenes, options) -> tuple:
    """Header, rows and note of the table."""
    import torch

    from measures.localisation import SCORES, centre_map, localisation
    from visualizers.randomised_smoothing import certified_accuracy

    sizes = [size for size in SIZES if 0 < size <= 2]
    header = [
        "network",
        "clean",
        *(f"L-inf {options.eps * size:g}/255" for size in sizes),
        f"L2 {options.l2:g}",
        f"certified within {options.sigma:g}",
        *SCORES,
        "class pictures named",
    ]
    rows = []
    for each in findings:
        linf = [each.linf[SIZES.index(size)] for size in (0.0, *sizes)]
        certain = certified_accuracy(each.certified, scenes.labels[: options.certified], torch.tensor([options.sigma]))
        shares = [*map(share, linf), share(each.l2), f"{100 * float(certain):.1f} %"]
        scores = [f"{value:.3f}" for value in each.localisation.mean(dim=0).tolist()]
        rows.append([each.name, *shares, *scores, f"{each.named} of {len(each.pictures)}" if each.judged else "-"])
    hill = centre_map(*scenes.masks.shape[1:]).expand(scenes.masks.shape)
    centre = [f"{value:.3f}" for value in localisation(hill, scenes.masks).mean(dim=0).tolist()]
    rows.append(["centre (baseline)", *["-"] * (len(header) - 5), *centre, "-"])
    restarts = f"{options.restarts} start{'s' * (options.restarts > 1)}"
    note = (
        f"{len(scenes.labels)} scenes of {options.size} pixels that no network was trained on, the classes in turn, "
        f"seed {options.seed}. L-inf and L2 (RGB, white 1): what PGD of {options.steps} steps and {restarts} leaves. "
        f"Certified: right, and proved so within L2 {options.sigma:g} with probability {1 - options.alpha:g}, by "
        f"randomised smoothing with noise of {options.sigma:g}, {options.draws} draws, "
        f"{min(options.certified, len(scenes.labels))} scenes. {', '.join(SCORES)}: of the saliency map for the "
        "scene's class. Class pictures named: by the embedded network."
    )
    return header, rows, note


def draw_curves(findings: list[Findings], scenes, options):
    """Accuracy against the size of the attack, against its steps, and what is proved against the radius."""
    import torch
    from matplotlib.figure import Figure

    from drawing.grid import DOTS_PER_INCH, pixels_of
    from visualizers.randomised_smoothing import certified_accuracy

    figure = Figure(figsize=(WIDTH, 4.2), dpi=DOTS_PER_INCH, facecolor="white", layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    sizes = [options.eps * size for size in SIZES]
    longest = max(float(each.certified.radii.max()) for each in findings) + 5 * STEP_OF_RADIUS
    radii = torch.arange(0, longest, STEP_OF_RADIUS, dtype=torch.float64)
    for each, colour in zip(findings, COLOURS, strict=False):
        style = {"color": colour, "label": each.name, "linewidth": 1.8}
        left.plot(range(len(sizes)), 100 * each.linf.double().mean(dim=1), marker="o", **style)
        percent = [100 * value for value in (float(each.linf[0].double().mean()), *each.by_steps.values())]
        middle.plot([0, *each.by_steps], percent, **style)
        shares = certified_accuracy(each.certified, scenes.labels[: options.certified], radii)
        right.plot(radii, 100 * shares, drawstyle="steps-pre", **style)
    left.set_xticks(range(len(sizes)), [f"{size:g}" for size in sizes])
    left.set_xlabel("largest change of a channel (L-infinity), of 255")
    left.set_title(f"Attacked within a distance, PGD of {options.steps} steps", fontsize=11)
    middle.set_xscale("symlog", linthresh=1)
    middle.set_xticks([0, *findings[0].by_steps], [f"{steps}" for steps in (0, *findings[0].by_steps)])
    middle.set_xlabel("steps of the attack")
    middle.set_title(f"More steps within {options.eps:g}/255", fontsize=11)
    right.set_xlabel("radius (L2, RGB, white 1)")
    right.set_title(f"Proved within a radius, if smoothed with noise {options.sigma:g}", fontsize=11)
    for axes in (left, middle, right):
        axes.set_ylim(-2, 102)
        axes.grid(color="0.93")
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_ylabel("named rightly, %")
        axes.legend(fontsize=9, frameon=False, loc="upper right")
    return pixels_of(figure)


def draw_maps(findings: list[Findings], scenes, options):
    """The saliency maps of a few scenes, a row for each network."""
    from core.images import preprocess
    from drawing.colours import blank_note, heat, outline
    from drawing.grid import Panel, draw_grid
    from patterns.scenes import render_scene
    from studies.shared.inputs import score_title
    from visualizers.saliency_map import saliency_map

    drawn = [render_scene(name, seed=options.seed, size=options.size) for name in CLASSES]
    images = preprocess([scene.image for scene in drawn]).to(scenes.images.device)
    labels = [scene.label for scene in drawn]
    rows = [[Panel(outline(scene.image, scene.mask), name) for scene, name in zip(drawn, CLASSES, strict=True)]]
    for each in findings:
        maps = saliency_map(each.model, images, labels).cpu()
        rows.append(
            [
                Panel(heat(values.numpy()), score_title(values, scene.mask), blank_note(values.numpy()))
                for values, scene in zip(maps, drawn, strict=True)
            ]
        )
    names = ["scene", *(each.name for each in findings)]
    return draw_grid(rows, row_names=names, title="Saliency maps: where a small change moves the score of the class")


def draw_classes(findings: list[Findings], judge):
    """The class pictures of a few classes, a row for each network."""
    from core.images import deprocess
    from drawing.colours import stretch
    from drawing.grid import Panel, draw_grid
    from studies.shared.inputs import class_title, footer

    labels = [judge.class_names.index(name) for name in CLASSES]
    rows = []
    for each in findings:
        pictures = each.pictures[labels]
        seen = judge_pictures(judge, pictures)
        titles = [class_title(judge, row, int(row.argmax())) for row in seen]
        rows.append([Panel(stretch(pixels), title) for pixels, title in zip(deprocess(pictures), titles, strict=True)])
    return draw_grid(
        rows,
        row_names=[each.name for each in findings],
        title=f"What each holds most typical of {', '.join(CLASSES)}",
        footer=f"titles: what the judge sees, enlarged to {JUDGED_AT} pixels: {footer(judge)}; contrast stretched",
    )


def parser():
    result = make_parser(__doc__, output="robustness_visualization.png", images=False, weights=False)
    add = result.add_argument
    words = "networks of the scenes' classes (default: plain, embedded, robust, and one trained with noise)"
    add("--weights", nargs="+", default=list(NETWORKS), metavar="FILE", help=words)
    add("--scenes", type=whole_number(1, 100_000), default=72, metavar="N", help="held-out scenes to attack")
    add("--size", type=whole_number(64, 1024), default=96, metavar="PIXELS", help="side of the scenes")
    add("--eps", type=number(0.1, 64), default=4.0, metavar="LEVELS", help="the attack's largest change, of 255")
    add("--l2", type=number(0.01, 100), default=0.5, metavar="N", help="the L2 attack's length, RGB with white 1")
    add("--steps", type=whole_number(1, 10_000), default=20, metavar="N", help="of the attack")
    add("--restarts", type=whole_number(1, 1000), default=1, metavar="N", help="random starts of the attack")
    add("--certified", type=whole_number(1, 100_000), default=24, metavar="N", help="scenes to certify")
    add("--sigma", type=number(0.001, 2), default=SMOOTHING["sigma"], metavar="N", help="noise, RGB with white 1")
    add("--draws", type=whole_number(2, 10**7), default=150, metavar="N", help="noisy copies of each scene")
    add("--alpha", type=number(1e-9, 0.5), default=SMOOTHING["alpha"], metavar="N", help="risk of a wrong proof")
    add(
        "--iterations",
        type=whole_number(1, 100_000),
        default=CLIMB["iterations"],
        metavar="N",
        help="of each class picture",
    )
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
