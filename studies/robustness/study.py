"""Attacks each network on scenes that it has not seen, certifies it, and asks for its maps and class pictures."""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from core.gradients import chunk_length
from core.images import deprocess, preprocess
from core.squeezenet import load_squeezenet
from drawing.files import describe
from measures.localisation import localisation
from patterns.scenes import Scene, render_scene
from studies.robustness.cost import cost
from studies.robustness.figure import draw_accuracy, draw_certified, draw_classes, draw_maps
from studies.robustness.flags import Settings
from studies.robustness.results import CLASSES, SIZES, Findings, percent
from studies.robustness.table import tabulate
from studies.shared.cost import tell
from studies.shared.examples import check_classes
from studies.shared.interruption import Interruption
from studies.shared.network import class_probabilities, class_title, footer, make_generator
from studies.shared.networks import Scenes, held_out_scenes, load_networks
from studies.shared.report import Report
from visualizers.class_visualization import visualize_classes
from visualizers.randomised_smoothing import ABSTAINS, Certificate, certified_accuracy, certify
from visualizers.robust_accuracy import robust_hits
from visualizers.saliency_map import saliency_map

STEPS = (1, 2, 5, 10)  # of the curve against steps, besides those of the attack
CLIMB_AT_224 = {"learning_rate": 15.0, "max_jitter": 16}  # of a class picture; less where it is smaller
CLIMB = {"l2_reg": 0.0, "blur_every": 2}  # no penalty: each network's scores have another size
JUDGED_AT = 224  # pixels: what the embedded network was made for
PARTS = 6  # of a network's measurement, for the progress bar
Say = Callable[[str], None]


def run(settings: Settings, report: Report) -> None:
    """Measure each network, draw a picture for each question, write the table. Ctrl-C keeps what is finished."""
    networks, judge = load_networks(settings.weights, settings.device), load_squeezenet("patterns", settings.device)
    for model in networks.values():
        check_classes(model)
        report.say(model.weights_note)
    tell(cost(settings), report.say, model)
    scenes = held_out_scenes(settings.scenes, seed=settings.seed, size=settings.size)
    scenes = scenes._replace(images=scenes.images.to(next(judge.parameters()).device))
    examples = [render_scene(name, seed=settings.seed, size=settings.size) for name in CLASSES]
    findings = []
    with (
        report.progress(total=PARTS * len(networks), desc="robustness", unit="part") as bar,
        Interruption() as stop,
    ):
        for name, model in networks.items():
            bar.set_postfix_str(name)

            def say(words: str, name: str = name) -> None:
                bar.update()
                with bar.external_write_mode():
                    report.say(f"{name}: {words}")

            findings.append(measure(name, model, judge, scenes, examples, settings, say))
    if not findings:
        stop.go_on()
    if stop.happened:
        report.fail("stopped: the networks that were finished are drawn")
    weights = ", ".join(model.weights_name for model in networks.values())
    metadata = describe("robustness", asdict(settings), weights)
    table = tabulate(findings, scenes, settings)
    certified = scenes.labels[: settings.certified]
    for question, figure in {
        "": draw_accuracy(findings, *table, bound=settings.bound, iterations=settings.iterations),
        "_certified": draw_certified(findings, certified, sigma=settings.sigma),
        "_maps": draw_maps(findings, examples),
        "_classes": draw_classes(findings, judged_at=JUDGED_AT, footer=footer(judge)),
    }.items():
        report.picture(figure, settings.beside(question), metadata)
    report.table(settings.output, *table)
    stop.go_on()


def measure(
    name: str, model: nn.Module, judge: nn.Module, scenes: Scenes, examples: list[Scene], settings: Settings, say: Say
) -> Findings:
    """All numbers of one network; each is said as soon as it is known."""
    generator, drawn = make_generator(settings.seed), [scene.label for scene in examples]
    linf, by_steps, l2 = attack(model, scenes, settings, generator, say)
    certificate = prove(model, scenes, settings, generator, say)
    scores = localisation(saliency_map(model, scenes.images, scenes.labels).cpu(), scenes.masks)
    say("saliency: pointing game {:.3f}, relevance mass {:.3f}, best IoU {:.3f}".format(*scores.mean(dim=0).tolist()))
    shown = preprocess([scene.image for scene in examples]).to(scenes.images.device)
    maps = saliency_map(model, shown, drawn).cpu()
    pictures = climb_classes(model, settings)
    seen = judge_pictures(judge, pictures)
    named = int((seen.argmax(dim=1) == torch.arange(len(pictures))).sum())
    say(f"the embedded network names {named} of its {len(pictures)} class pictures")
    return Findings(
        name,
        linf,
        l2,
        by_steps,
        certificate,
        scores,
        maps,
        deprocess(pictures[drawn]),
        [class_title(judge, row, int(row.argmax())) for row in seen[drawn]],
        named if model.weights_name != judge.weights_name else None,
        len(pictures),
    )


def attack(
    model: nn.Module, scenes: Scenes, settings: Settings, generator: torch.Generator, say: Say
) -> tuple[Tensor, dict[int, float], Tensor]:
    """What PGD leaves: hits within each size (len(SIZES), N), the share after each number of steps, hits in L2 (N,)."""
    bound, how = settings.bound / 255, {"restarts": settings.restarts, "generator": generator}
    hit, steps = partial(robust_hits, model, scenes.images, scenes.labels, **how), settings.iterations
    linf = hit([bound * size for size in SIZES], steps=steps)
    within = [f"{percent(hits)} within {settings.bound * size:g}" for size, hits in zip(SIZES, linf, strict=True)]
    say(f"named rightly {', '.join(within)} of 255")
    by_steps = {each: float(hit([bound], steps=each).double().mean()) for each in sorted({*STEPS, steps})}
    say(", ".join(f"{share:.1%} after {each}" for each, share in by_steps.items()) + " steps")
    l2 = hit([settings.l2], norm="l2", steps=steps)[0]
    say(f"{percent(l2)} within L2 {settings.l2:g}")
    return linf, by_steps, l2


def prove(model: nn.Module, scenes: Scenes, settings: Settings, generator: torch.Generator, say: Say) -> Certificate:
    """Within which radius the smoothed network's answers are certain, for the first scenes."""
    few, draws = slice(settings.certified), {"n": settings.draws, "n0": max(1, settings.draws // 10)}
    noise = {"sigma": settings.sigma, "alpha": settings.alpha, "generator": generator}
    certificate = certify(model, scenes.images[few], **draws, **noise)
    right = float(certified_accuracy(certificate, scenes.labels[few], torch.zeros(1)))
    abstained = percent(certificate.labels == ABSTAINS)
    say(f"smoothed, {right:.1%} of {len(certificate.labels)} are right and certain; it abstains for {abstained}")
    return certificate


def judge_pictures(judge: nn.Module, pictures: Tensor) -> Tensor:
    """What the embedded network sees in them, enlarged to its own size: probabilities (N, K)."""
    return class_probabilities(judge, interpolate(pictures, (JUDGED_AT, JUDGED_AT), mode="bicubic", antialias=True))


def climb_classes(model: nn.Module, settings: Settings) -> Tensor:
    """The network's picture of each class, (K, 3, size, size)."""
    scale, size = settings.size / JUDGED_AT, settings.size
    climb = CLIMB | {"iterations": settings.class_iterations, "size": size}
    climb |= {"learning_rate": scale * CLIMB_AT_224["learning_rate"]}
    climb |= {"max_jitter": round(scale * CLIMB_AT_224["max_jitter"])}
    labels = torch.arange(len(model.class_names))
    parts = labels.split(chunk_length(torch.empty(1, size, size)))
    return torch.cat(
        [visualize_classes(model, part, generator=make_generator(settings.seed), **climb) for part in parts]
    )
