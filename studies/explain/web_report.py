"""One page of all pictures that were explained: the doubtful ones first, with what each map tells and does not."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image

from core.own_files import description_of
from drawing.grid import cut_panels
from drawing.web_page import embedded, text, web_page
from studies.explain.figure import titles_in
from studies.explain.flags import Settings
from studies.explain.table import Row
from studies.shared.network import probability_text
from studies.shared.report import counted
from studies.shared.verdicts import verdict
from visualizers.catalogue import TECHNIQUES

SIDE = 150  # pixels of a map on the page
MOST_BYTES = 27_000  # of HTML for the pictures of a card, which with its words has at most 30 kB
DOUBTFUL = 0.2  # where the two most probable classes are nearer than that, the answer is in doubt
PICTURE = "the picture"  # the title of the first panel of a figure
PANELS = {  # of the others, in their order: technique, what the map tells, and what it does not
    "saliency": (
        "gradient",
        "Bright pixels would change the score most.",
        "It does not tell in which direction, nor where the object ends.",
    ),
    "guided backprop": (
        "guided-backprop",
        "Structures that feed the score through positive paths alone.",
        "It is sharp because it follows the picture; it changes little from class to class.",
    ),
    "Grad-CAM": (
        "grad-cam",
        "The region of the layer that speaks for the class, red most.",
        "It is coarse, a few cells wide, and shows nothing of what speaks against the class.",
    ),
    "guided Grad-CAM": (
        "guided-grad-cam",
        "Structures within the region that speaks for the class.",
        "It is as blind to other classes as guided backprop, outside of the region.",
    ),
}
STYLE = """
.maps { display: grid; grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr)); gap: .6rem }
.maps img { width: 100% } .doubtful { border-left: .4rem solid #d97706 }
.filter { display: flex; flex-wrap: wrap; gap: 1rem; align-items: end; background: var(--soft); padding: .8rem }
.filter label { display: grid } .filter[hidden] { display: none } article[hidden] { display: none }
"""
SCRIPT = """
const form = document.querySelector('.filter'), cards = [...document.querySelectorAll('article')];
const one = form.elements.one, least = form.elements.least, most = form.elements.most;
function show() {
  let count = 0;
  for (const card of cards) {
    const percent = 100 * card.dataset.probability, named = !one.value || card.dataset.predicted === one.value;
    const fits = named && percent >= least.value && percent <= most.value;
    card.hidden = !fits;
    count += fits;
  }
  document.querySelector('output').value = `${count} of ${cards.length} pictures`;
}
form.addEventListener('input', show);
form.addEventListener('submit', event => event.preventDefault());
form.hidden = false;
show();
"""


def report_page(rows: Sequence[Row], settings: Settings, network: str) -> bytes:
    """The page. rows: of all pictures, whose figures lie in the folder of the output; network: its footer."""
    title = f"{counted(len(rows), 'picture')} explained"
    doubtful_first = sorted(rows, key=margin)
    titles_of = {row.file: titles_in(description_of(settings.output / row.file)) for row in rows}
    drawn = set().union(*titles_of.values())
    titles = [title for title in PANELS if title in drawn]
    maps = f"{', '.join(titles[:-1])} and {titles[-1]}"
    body = [
        "<header>",
        f"<h1>{title}</h1>",
        f"<p>{text(network)}. {maps[0].upper()}{maps[1:]} of the class named on each card. "
        "The pictures that the network was least sure of stand first.</p>",
        "</header>",
        *_filter(rows),
        "<main>",
        *(_card(row, settings, titles_of[row.file]) for row in doubtful_first),
        "<section>",
        "<h2>What each map tells, what it does not, and how far it may be believed</h2>",
        *_notes(titles),
        "</section>",
        "</main>",
        "<footer>",
        "<h2>Settings</h2>",
        *_settings(settings),
        "</footer>",
    ]
    return web_page(title, body, style=STYLE, script=SCRIPT)


def margin(row: Row) -> float:
    """How much more probable the predicted class is than the runner-up."""
    return float(row.probability) - float(row.runner_up_probability)


def _filter(rows: Sequence[Row]) -> list[str]:
    """The form that the script shows: without it, all cards are there."""
    names = {row.predicted: row.predicted_name for row in sorted(rows, key=lambda row: (row.predicted_name, row.file))}
    options = [f'<option value="{text(number)}">{text(name)}</option>' for number, name in names.items()]
    number = '<input type="number" name="{}" min="0" max="100" step="any" value="{}">'
    return [
        '<form class="filter" aria-label="Which pictures are shown" hidden>',
        '<label>Predicted class <select name="one"><option value="">all</option>',
        *options,
        "</select></label>",
        f"<label>Probability from, in per cent {number.format('least', 0)}</label>",
        f"<label>to, in per cent {number.format('most', 100)}</label>",
        '<output aria-live="polite"></output>',
        "</form>",
    ]


def _card(row: Row, settings: Settings, titles: Sequence[str]) -> str:
    """What there is to say of one picture, and its maps of these titles, which are those of its figure."""
    captions = [PICTURE, *titles]
    with Image.open(settings.output / row.file) as figure:
        panels = cut_panels(np.asarray(figure.convert("RGB")), len(captions))
    pictures = [Image.fromarray(panel).resize((SIDE, SIDE), Image.Resampling.LANCZOS) for panel in panels]
    name, place = Path(row.path).name or row.file, brightest(panels[1])
    alts = [f"{name}, as the network is shown it"]
    for title in titles:
        _, tells, _ = PANELS[title]
        where = f" Most of it lies {place}." if title == "saliency" else ""
        alts.append(f"{title} of {name} for {row.label_name}. {tells}{where}")
    figures = [
        f"<figure>{picture}<figcaption>{title}</figcaption></figure>"
        for picture, title in zip(embedded(pictures, alts, most_bytes=MOST_BYTES), captions, strict=True)
    ]
    doubt = margin(row) < DOUBTFUL
    words = [
        f"Predicted: <strong>{_named(row.predicted_name, row.probability)}</strong>",
        f"runner-up: {_named(row.runner_up_name, row.runner_up_probability)}",
    ]
    if row.label != row.predicted:
        words.append(f"explained: {_named(row.label_name, row.label_probability)}")
    lines = [f"<p>{'; '.join(words)}.{' <strong>In doubt.</strong>' if doubt else ''}</p>"]
    if row.blank:
        lines.append(f"<p>A map is blank: {text(row.blank)}.</p>")
    facts = f'data-predicted="{text(row.predicted)}" data-probability="{text(row.probability)}"'
    kind = ' class="doubtful"' if doubt else ""
    return "\n".join(
        [
            f"<article{kind} {facts}>",
            f"<h2>{text(name)}</h2>",
            *lines,
            '<div class="maps">',
            *figures,
            "</div>",
            "</article>",
        ]
    )


def brightest(panel: np.ndarray) -> str:
    """In words, where most of the light of a picture (H, W, 3) is: "in the upper left", "in the middle"."""
    light = panel.astype(float).sum(axis=2) ** 2  # so that a dark ground, however large, does not outweigh it
    light -= light.min()
    if not light.any():
        return "nowhere"
    rows, columns = (np.arange(length) / max(1, length - 1) for length in light.shape)
    down, right = (light.sum(axis=1) @ rows) / light.sum(), (light.sum(axis=0) @ columns) / light.sum()
    vertical = "upper" if down < 0.4 else "lower" if down > 0.6 else ""
    horizontal = "left" if right < 0.4 else "right" if right > 0.6 else ""
    if not vertical and not horizontal:
        return "in the middle"
    return f"in the {' '.join(filter(None, (vertical, horizontal)))}{'' if vertical and horizontal else ' half'}"


def _notes(titles: Sequence[str]) -> list[str]:
    """The table of what the maps of these titles tell."""
    lines = ["<table>", "<tr><th>map</th><th>it tells</th><th>it does not tell</th><th>measured</th></tr>"]
    for title in titles:
        technique, tells, not_told = PANELS[title]
        measured = verdict(TECHNIQUES[technique])
        lines.append(f"<tr><th>{title}</th><td>{tells}</td><td>{not_told}</td><td>{text(measured)}</td></tr>")
    return [*lines, "</table>"]


def _settings(settings: Settings) -> list[str]:
    """All that decides what the maps show, as the flags call it."""
    kept = {name: asdict(settings)[name] for name in ("model", "size", "layer", "labels", "seed")}
    lines = [f"<tr><th>{name}</th><td>{text(str(value))}</td></tr>" for name, value in kept.items() if value]
    return ["<table>", *lines, "</table>"]


def _named(name: str, probability: str) -> str:
    return f"{text(name)}, {text(probability_text(float(probability)))}"
