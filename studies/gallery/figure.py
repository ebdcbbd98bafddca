"""Draws the page of all figures."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from drawing.web_page import embedded, text, web_page

MOST_BYTES = 400_000  # of HTML for a figure
STYLE = """
nav ul { columns: 16rem; padding-left: 1.2rem } article img { margin: .6rem 0; background: white }
"""


@dataclass(frozen=True)
class Exhibit:
    """A figure of the gallery."""

    name: str  # of its file
    question: str  # of its study
    command: str  # that makes it
    picture: Image.Image


def draw(exhibits: Sequence[Exhibit], note: str) -> bytes:
    """The figures in their order; note: whose weights and photographs they show."""
    links = [f'<li><a href="#{each.name}">{text(each.name.replace("_", " "))}</a></li>' for each in exhibits]
    body = ["<header>", "<h1>What a CNN sees</h1>", f"<p>{text(note)}</p>", "</header>"]
    body += ['<nav aria-label="Figures">', "<ul>", *links, "</ul>", "</nav>", "<main>"]
    for each in exhibits:
        title = each.name.replace("_", " ")
        (image,) = embedded([each.picture], [f"{title}: the answer to “{each.question}”"], most_bytes=MOST_BYTES)
        heading = f"<h2>{text(title[0].upper() + title[1:])}</h2>"
        words = f"<p>{text(each.question)}</p>"
        body.append("\n".join([f'<article id="{each.name}">', heading, words, image]))
        body.append("\n".join([f"<pre><code>{text(each.command)}</code></pre>", "</article>"]))
    return web_page("What a CNN sees", [*body, "</main>"], style=STYLE)
