"""A page for a student: each part that is not right, as it is and as it should be. One file, no script."""

import base64
import io
from collections.abc import Sequence
from html import escape

import numpy as np
from PIL import Image

from course.gradescope import WRITTEN_BY, clean
from course.results import PartResult, error_of
from drawing.colours import full_scale, heat, signed

LARGEST = 512  # pixels of a side; a larger picture is thinned out
SMALLEST = 192  # pixels that a side is drawn with at least, each pixel of the map as a square
VERDICTS = {
    "right": "right",
    "wrong": "not right yet",
    "not written": "not written yet",
    "missing": "not found",
    "crashed": "stopped by an error",
    "too slow": "too slow",
}
STYLE = """
:root { color-scheme: light dark; --line: #8886; --soft: #8881; --good: #1a7f37; --bad: #b3401f; }
@media (prefers-color-scheme: dark) { :root { --good: #5cc773; --bad: #ff9a76; } }
* { box-sizing: border-box; }
body { font: 1rem/1.55 system-ui, sans-serif; max-width: 46rem; margin: 0 auto; padding: 1.2rem 1rem 3rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .4rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 0; }
header p { margin: 0; overflow-wrap: anywhere; }
ul { padding-left: 1.2rem; }
.parts { list-style: none; padding: 0; columns: 16rem; }
.parts li { break-inside: avoid; padding: .1rem 0; }
.good { color: var(--good); font-weight: 600; }
.bad { color: var(--bad); font-weight: 600; }
section { border: 1px solid var(--line); border-radius: .6rem; padding: 1rem; margin: 1.2rem 0; }
section > p { margin: .5rem 0; overflow-wrap: anywhere; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .8rem; margin: .9rem 0; }
figure { margin: 0; }
img { display: block; width: 100%; max-width: 20rem; height: auto; image-rendering: pixelated; background: #888; }
figcaption { font-size: .9rem; padding-top: .3rem; }
pre { background: var(--soft); border-radius: .4rem; padding: .7rem; overflow: auto; max-height: 16rem; }
pre { font-size: .85rem; }
"""


def page(results: Sequence[PartResult], *, name: str = "") -> str:
    """The whole page as HTML. Whatever comes from the hand-in is escaped: it may print tags.

    name: the hand-in's, for the head.
    """
    right = sum(result.status == "right" for result in results)
    title = f"{right} of {len(results)} parts are right"
    rows = "\n".join(_row(result) for result in results)
    sections = "\n".join(_section(result) for result in results if _needs_words(result))
    of = f"<p>The check of {_words(name)}</p>\n" if name else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="{WRITTEN_BY}">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title>
<style>{STYLE}</style>
</head>
<body>
<header>
<h1>{title}</h1>
{of}</header>
<main>
<ul class="parts">
{rows}
</ul>
{sections}
</main>
</body>
</html>
"""


def _needs_words(result: PartResult) -> bool:
    return result.status != "right" or bool(result.notes)


def _row(result: PartResult) -> str:
    kind, title = ("good" if result.status == "right" else "bad"), _words(_capital(result.title))
    if _needs_words(result):
        title = f'<a href="#{_words(result.part)}">{title}</a>'
    return f'<li>{title}: <span class="{kind}">{VERDICTS[result.status]}</span></li>'


def _section(result: PartResult) -> str:
    kind = "good" if result.status == "right" else "bad"
    inner = [f'<h2>{_words(_capital(result.title))}: <span class="{kind}">{VERDICTS[result.status]}</span></h2>']
    if result.sentence:
        inner.append(f"<p>{_words(_sentence(result.sentence))}</p>")
    if result.error is not None:
        inner.append(f"<p>{_capital(error_of(result))}; expected error 0.0.</p>")
    if result.notes:
        inner.append("<p>Besides:</p>\n<ul>" + "".join(f"<li>{_words(note)}</li>" for note in result.notes) + "</ul>")
    if result.picture is not None and result.status != "right" and all(_drawable(each) for each in result.picture):
        inner.append(_pair(_capital(result.title), *result.picture))
    if result.output.strip():
        inner.append(f'<p>What your code printed:</p>\n<pre tabindex="0">{_words(result.output)}</pre>')
    return f'<section id="{_words(result.part)}">\n' + "\n".join(inner) + "\n</section>"


def _pair(title: str, theirs: np.ndarray, right: np.ndarray) -> str:
    theirs, right = (np.asarray(each, dtype=np.float64) for each in (theirs, right))
    lost = "" if np.isfinite(theirs).all() else "; what is not a number is drawn as 0"
    finite = np.nan_to_num(theirs, posinf=0, neginf=0)
    pictures = list(_colours(finite, right))
    rows = [("yours", f"Yours ({_range(theirs)}{lost})"), ("as it should be", f"As it should be ({_range(right)})")]
    difference = finite - right if finite.shape == right.shape else np.zeros(())
    if difference.any():
        pictures.append(signed(_as_rgb(difference), scale=full_scale(difference)))
        rows.append(("the difference", f"Yours minus right, with its contrast raised ({_range(difference)})"))
    figures = [
        f"<figure>{_image(pixels, f'{_words(title)}: {name}')}<figcaption>{caption}</figcaption></figure>"
        for pixels, (name, caption) in zip(pictures, rows, strict=True)
    ]
    return '<div class="pair">\n' + "\n".join(figures) + "\n</div>"


def _capital(title: str) -> str:
    return title[:1].upper() + title[1:]


def _sentence(text: str) -> str:
    """With a capital letter, unless it begins with a name: those of files and functions are left as they are."""
    return _capital(text) if text.split(" ")[0].strip(",:").isalpha() else text


def _drawable(values: np.ndarray) -> bool:
    values = np.asarray(values)
    return values.dtype.kind in "biuf" and values.size > 0 and (values.ndim == 2 or values.shape[2:] == (3,))


def _range(values: np.ndarray) -> str:
    finite = values[np.isfinite(values)]
    return f"values {finite.min():.3g} to {finite.max():.3g}" if finite.size else "no numbers"


def _colours(theirs: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as RGB in [0, 1], on the scale of the right one: what is too strong or too weak must look so."""
    both = (theirs, right)
    if all(each.ndim == 2 for each in both) and right.min() >= 0 and theirs.min() >= 0:
        return tuple(heat(each, scale=full_scale(right)) for each in both)
    low, high = right.min(), right.max()
    if right.ndim == 3 and low >= 0:
        return tuple(_as_rgb((each / high if high > 1 else each).clip(0, 1)) for each in both)
    return tuple(signed(_as_rgb(each), scale=full_scale(right)) for each in both)


def _as_rgb(values: np.ndarray) -> np.ndarray:
    return values if values.ndim == 3 else np.repeat(values[..., None], 3, axis=2)


def _image(pixels: np.ndarray, alt: str) -> str:
    step = -(-max(pixels.shape[:2]) // LARGEST)
    small = pixels[::step, ::step]
    times = -(-SMALLEST // max(small.shape[:2]))
    image = Image.fromarray((small * 255).round().astype(np.uint8))
    stream = io.BytesIO()
    image.save(stream, "PNG", optimize=True)
    width, height = (side * times for side in image.size)
    data = base64.b64encode(stream.getvalue()).decode("ascii")
    return f'<img src="data:image/png;base64,{data}" alt="{alt}" width="{width}" height="{height}">'


def _words(text: str) -> str:
    return escape(clean(text), quote=True)
