"""Pages of HTML in one file, to be sent or shown: nothing is fetched, and without a script everything can be read."""

import base64
import io
from collections.abc import Sequence
from html import escape

from PIL import Image

from core.own_files import sign

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881 }
body { color: CanvasText; background: Canvas; font: 16px/1.5 system-ui, sans-serif }
body { margin: 0 auto; max-width: 72rem; padding: 1rem }
h1 { font-size: 1.7rem; line-height: 1.2 } h2 { font-size: 1.15rem; margin: 0 0 .3rem; overflow-wrap: anywhere }
a { color: LinkText } code, pre { font-size: .85rem; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere }
table { border-collapse: collapse } th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem }
th, td { text-align: left; vertical-align: top } td { overflow-wrap: anywhere }
@media (max-width: 40rem) { tr, th, td { display: block; border: 0; padding: .1rem 0 } tr { padding: .6rem 0 } }
img { max-width: 100%; height: auto; display: block } figure { margin: 0 } figcaption { font-size: .85rem }
article { border: 1px solid var(--line); border-radius: .5rem; padding: .8rem; margin: 0 0 1rem }
:focus-visible { outline: 3px solid Highlight; outline-offset: 2px }
"""
QUALITIES = (75, 60, 45, 30, 18)  # tried in turn, until a picture is small enough


def web_page(title: str, body: Sequence[str], *, style: str = "", script: str = "") -> bytes:
    """A whole page. body: its elements, in HTML; script: runs when all of it is there."""
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{text(title)}</title>",
        f"<style>{STYLE}{style}</style>",
        "</head>",
        "<body>",
        *body,
        *([f"<script>{script}</script>"] if script else []),
        "</body>",
        "</html>",
        sign(),
        "",
    ]
    return "\n".join(lines).encode(errors="backslashreplace")


def text(words: str) -> str:
    """Words as HTML shows them, whatever is in them."""
    return escape(words)


def embedded(pictures: Sequence[Image.Image], alts: Sequence[str], *, most_bytes: int) -> list[str]:
    """Pictures as <img> elements that hold their data, together at most so many bytes of HTML if any quality does.

    alts: what each tells somebody who does not see it.
    """
    coded: list[bytes] = []
    for quality in QUALITIES:
        coded = [_webp(picture, quality) for picture in pictures]
        if sum(4 * len(data) / 3 + 4 for data in coded) <= most_bytes:
            break
    return [
        f'<img alt="{text(alt)}" width="{picture.width}" height="{picture.height}" '
        f'src="data:image/webp;base64,{base64.b64encode(data).decode()}">'
        for picture, data, alt in zip(pictures, coded, alts, strict=True)
    ]


def _webp(picture: Image.Image, quality: int) -> bytes:
    data = io.BytesIO()
    picture.save(data, "WEBP", quality=quality, method=4)
    return data.getvalue()
