"""Draws what the networks learned from, where they look on new scenes, and the numbers."""

import textwrap
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from drawing.colours import blank_note, heat, outline, overlay
from drawing.grid import Panel, draw_grid, stack
from drawing.lettering import DOTS_PER_INCH
from drawing.plots import pixels_of
from measures.bias import Evidence
from measures.intervals import Interval
from patterns.scenes import CLASS_NAMES
from studies.bias.results import ARRANGEMENTS, MAPS, NETWORKS, Explained
from studies.shared.network import probability_text
from training.biased import Pair, SceneSet

EXAMPLES = 3  # test scenes of either arrangement in the figure: the first ones, not picked
BACKGROUNDS = {"biased": "usual backgrounds", "swapped": "swapped backgrounds"}
COLOURS = {"biased": "#c0392b", "unbiased": "#2471a3"}


class Examples(NamedTuple):
    """The scenes in the figure."""

    learned_from: Mapping[str, SceneSet]  # of each network
    shown: Mapping[str, SceneSet]  # test scenes of each arrangement
    explained: Mapping[tuple[str, str], Explained]  # by (network, arrangement)


def draw(
    pair: Pair, examples: Examples, evidence: Mapping[str, Evidence], *, area: float, sentence: str, scenes: int
) -> np.ndarray:
    """The three parts under each other -> uint8 (H, W, 3). area: the objects' share; scenes: how many were counted."""
    upper = [draw_training(pair, examples), draw_test(pair, examples)]
    return stack([*upper, draw_numbers(evidence, area, sentence, scenes, upper[-1].shape[1])])


def titled(pair: Pair, scenes: SceneSet) -> list[Panel]:
    """Each scene, with its object and background in words."""
    names = class_names(pair)
    words = [
        f"{names[label]} before {pair.kinds[kind]}" for label, kind in zip(scenes.labels, scenes.kinds, strict=True)
    ]
    return [Panel(image, word) for image, word in zip(scenes.images, words, strict=True)]


def class_names(pair: Pair) -> list[str]:
    """The two classes in words."""
    return [CLASS_NAMES[label] for label in pair.classes]


def draw_training(pair: Pair, examples: Examples) -> np.ndarray:
    """What each network learned from."""
    names = class_names(pair)
    told = f"{names[0]} always before {pair.kinds[0]}, {names[1]} always before {pair.kinds[1]}"
    return draw_grid(
        [titled(pair, examples.learned_from[name]) for name in NETWORKS],
        row_names=[f"{name} network\nlearns from" for name in NETWORKS],
        title=f"1. The bias: {told}",
    )


def draw_test(pair: Pair, examples: Examples) -> np.ndarray:
    """New scenes, and below them where each network looks."""
    names = class_names(pair)
    rows = {"test scenes": [panel for each in ARRANGEMENTS for panel in titled(pair, examples.shown[each])]}
    for network in NETWORKS:
        for kind in MAPS:
            rows[f"{network} network\n{kind}"] = [
                panel
                for each in ARRANGEMENTS
                for panel in map_panels(examples.shown[each], examples.explained[network, each], kind, names)
            ]
    title = (
        f"2. New scenes, {BACKGROUNDS['biased']} (left {EXAMPLES}) and swapped (right {EXAMPLES}): where do they look?"
    )
    return draw_grid(list(rows.values()), row_names=list(rows), title=title)


def map_panels(scenes: SceneSet, explained: Explained, kind: str, names: list[str]) -> list[Panel]:
    """One kind of map of each scene, with the true outline; over the first kind what the network said."""
    panels = []
    first = kind == MAPS[0]
    for index, values in enumerate(explained.maps[kind].numpy()):
        label = int(explained.predicted[index])
        wrong = "" if label == scenes.labels[index] else "WRONG: "
        said = f"{wrong}{names[label]} {probability_text(float(explained.probabilities[index]))}\n" if first else ""
        mass = explained.masses[kind][index]
        share = "" if mass.isnan() else f"{100 * mass:.0f} % on the object"  # blank
        picture = overlay(scenes.images[index], values) if first else heat(values)
        note = blank_note(values, "nothing speaks for the class here")
        panels.append(Panel(outline(picture, scenes.masks[index]), said + share, note))
    return panels


def draw_numbers(evidence: Mapping[str, Evidence], area: float, sentence: str, scenes: int, width: int) -> np.ndarray:
    """The numbers as bars, and the conclusion, `width` pixels wide."""
    figure = Figure(figsize=(width / DOTS_PER_INCH, 4.4), dpi=DOTS_PER_INCH, facecolor="white")
    title = f"3. The numbers, over {scenes} scenes each, with 95 % intervals"
    figure.text(0.03, 0.95, title, fontsize=13, fontweight="bold", va="center")
    accuracies = {
        BACKGROUNDS["biased"]: {name: evidence[name].usual for name in NETWORKS},
        BACKGROUNDS["swapped"]: {name: evidence[name].swapped for name in NETWORKS},
    }
    masses = {kind: {name: evidence[name].masses[kind] for name in NETWORKS} for kind in MAPS}
    left, right = (figure.add_axes((0.06 + 0.49 * place, 0.3, 0.43, 0.55)) for place in (0, 1))
    draw_bars(left, "named correctly", accuracies, 0.5, "guessing")
    draw_bars(right, "share of the map on the object", masses, area, "the objects' share of the picture")
    words = "\n".join(textwrap.wrap(sentence, int(width / DOTS_PER_INCH * 9.6)))
    figure.text(0.03, 0.19, words, fontsize=11, va="top", fontweight="bold", linespacing=1.35)
    footer = "SqueezeNet 1.1 trained from nothing on rendered scenes; magenta: the object's true outline"
    figure.text(0.03, 0.02, footer, fontsize=7.5, color="0.4", va="center")
    return pixels_of(figure)


def draw_bars(
    axes: Axes, title: str, groups: Mapping[str, Mapping[str, Interval]], level: float, level_words: str
) -> None:
    """{words below a group: {network: value}} as bars beside each other, and a level to compare them with."""
    white = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    for group, values in enumerate(groups.values()):
        for side, (network, value) in enumerate(values.items()):
            across = group + 0.36 * (side - 0.5)
            reach = [[value.mean - value.low], [value.high - value.mean]]
            label = f"{network} network" if not group else None
            axes.bar(across, value.mean, 0.34, color=COLOURS[network], yerr=reach, capsize=4, label=label)
            axes.text(across, value.high + 0.03, f"{value.mean:.1%}", ha="center", fontsize=10, bbox=white)
    axes.axhline(level, color="0.2", linestyle="--", linewidth=1, label=f"{level_words}, {level:.0%}")
    axes.set_xticks(range(len(groups)), list(groups), fontsize=10)
    axes.set_xlim(-0.5, len(groups) - 0.5)
    axes.set_ylim(0, 1.3)
    axes.set_yticks([0, 0.5, 1], ["0", "50 %", "100 %"])
    axes.set_title(title, fontsize=10)
    axes.legend(fontsize=9, frameon=False, loc="upper center", ncols=3, columnspacing=1.2)
    axes.spines[["top", "right"]].set_visible(False)
