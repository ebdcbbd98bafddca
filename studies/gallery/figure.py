"""Draws the page of all figures."""

from collections.abc import Iterable
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


def draw(exhibits: Iterable[Exhibit], note: str) -> tuple[bytes, int]:
    """The page of the figures in their order, and how many they are. note: what stands above them.

    One picture is held at a time.
    """
    links, articles = [], []
    for each in exhibits:
        links.append(f'<li><a href="#{each.name}">{text(each.name.replace("_", " "))}</a></li>')
        title = each.name.replace("_", " ")
        (image,) = embedded([each.picture], [f"{title}: the answer to “{each.question}”"], most_bytes=MOST_BYTES)
        heading, words = f"<h2>{text(each.question)}</h2>", f"<p>{text(title)}</p>"
        command = f"<pre><code>{text(each.command)}</code></pre>"
        articles.append("\n".join([f'<article id="{each.name}">', heading, words, image, command, "</article>"]))
    head = ["<header>", "<h1>What a CNN sees</h1>", f"<p>{text(note)}</p>", "</header>"]
    nav = ['<nav aria-label="Figures">', "<ul>", *links, "</ul>", "</nav>"]
    page = web_page("What a CNN sees", [*head, *nav, "<main>", *articles, "</main>"], style=STYLE)
    return page, len(articles)
