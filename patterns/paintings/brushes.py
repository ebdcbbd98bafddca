"""What the paintings share: noise, colour, flow fields, bristle strokes and canvas.

Everything is placed in *design coordinates*: x runs from 0 to 4/3, y from 0 (top) to 1 (bottom).
A picture is worked out in those coordinates and only turned into pixels when it is drawn, so a
small version shows the same composition as a large one. Fields that steer strokes (colours,
directions, masks) are arrays of a fixed size, ``FIELD`` rows high, for the same reason.

All randomness comes from the numpy Generator that is passed in.
"""

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter, map_coordinates

ASPECT = 4 / 3
FIELD = 480


def grid(height: int = FIELD) -> tuple[np.ndarray, np.ndarray]:
    """Design coordinates (x, y) of the pixel centres of a picture ``height`` rows high."""
    columns = round(height * ASPECT)
    y, x = np.mgrid[0:height, 0:columns].astype(np.float32)
    return (x + 0.5) / height, (y + 0.5) / height


def noise(rng, cells: int, *, octaves: int = 1, height: int = FIELD, stretch=1.0) -> np.ndarray:
    """Smooth noise, mean 0 and standard deviation 1, with about ``cells`` bumps from top to bottom.

    ``stretch`` above 1 makes the bumps that much longer horizontally. The random lattice does not
    depend on ``height``, so the same seed gives the same clouds at every size.
    """
    total = 0.0
    for octave in range(octaves):
        rows = 2 * cells * 2**octave + 6
        lattice = rng.standard_normal((rows, max(6, round(rows * ASPECT / stretch))))
        # A blurred lattice has no preferred direction; a bare one would show as bricks.
        lattice = gaussian_filter(lattice, 0.8, mode="wrap") * 2.8
        bumps = Image.fromarray(lattice.astype(np.float32))
        size = (round(height * ASPECT), height)
        total = total + np.asarray(bumps.resize(size, Image.BICUBIC)) / 1.8**octave
    return (total - total.mean()) / (total.std() + 1e-6)


def colour(code: str) -> np.ndarray:
    """The colour of a hexadecimal code such as "e8b23a", as three numbers from 0 to 1."""
    return np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)], np.float32) / 255


def ramp(codes: str, t: np.ndarray) -> np.ndarray:
    """Colours along a palette: t = 0 gives the first of the space-separated codes, 1 the last."""
    stops = np.array([colour(code) for code in codes.split()])
    at = np.linspace(0, 1, len(stops))
    return np.stack([np.interp(t, at, stops[:, c]) for c in range(3)], -1).astype(np.float32)


def pick(rng, codes: str, count: int) -> np.ndarray:
    """``count`` colours drawn at random from the space-separated codes."""
    stops = np.array([colour(code) for code in codes.split()])
    return stops[rng.integers(0, len(stops), count)]


def step(low: float, high: float, t: np.ndarray) -> np.ndarray:
    """Smooth step: 0 below ``low``, 1 above ``high``; with low > high it runs the other way."""
    s = np.clip((t - low) / (high - low), 0, 1)
    return s * s * (3 - 2 * s)


def mix(under: np.ndarray, over: np.ndarray, amount: np.ndarray) -> np.ndarray:
    """Lay the colour ``over`` on a picture; ``amount`` (rows, columns) says how much of it."""
    return under + (over - under) * np.asarray(amount, np.float32)[..., None]


def vary(rng, colours: np.ndarray, light: float, warmth: float) -> np.ndarray:
    """Give each colour its own lightness and warmth, as a brush that is loaded anew each time."""
    shift = rng.standard_normal((len(colours), 2))
    varied = colours * (1 + light * shift[:, :1])
    return np.clip(varied + warmth * shift[:, 1:] * np.array([1.0, 0.15, -1.0]), 0, 1)


def sample(field: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Values of a field (rows, columns[, channels]) at design points (..., 2), nearest pixel."""
    rows, columns = field.shape[:2]
    row = np.clip((points[..., 1] * rows).astype(int), 0, rows - 1)
    column = np.clip((points[..., 0] * rows).astype(int), 0, columns - 1)
    return field[row, column]


def scatter(rng, count: int, mask: np.ndarray | None = None) -> np.ndarray:
    """About ``count`` points spread evenly without a visible grid, kept with probability ``mask``.

    The even spread is the two-dimensional golden-ratio sequence; the order is shuffled because
    it decides which stroke lies on top.
    """
    golden = 1.32471795724474602596
    n = np.arange(count)[:, None] + rng.random(2) * 1000
    points = (n * np.array([1 / golden, 1 / golden**2])) % 1.0
    points = (points * 1.08 - 0.04) * np.array([ASPECT, 1.0])
    points += rng.standard_normal(points.shape) * 0.25 / np.sqrt(count)
    points = rng.permutation(points)
    keep = rng.random(count)
    return points if mask is None else points[keep < sample(mask, points)]


def ring(rng, centre_x, centre_y, radius, count, sweep=0.9):
    """Short arcs round a centre, (count, 9, 2), as the strokes of one ring of a glow."""
    start = np.arange(count) / count * 2 * np.pi + rng.uniform(0, 0.5, count)
    turn = start[:, None] + np.linspace(0, sweep, 9)
    reach = radius * (1 + 0.06 * rng.standard_normal((count, 1)))
    return np.stack([centre_x + reach * np.cos(turn), centre_y + reach * np.sin(turn)], -1)


def along_contours(level: np.ndarray) -> np.ndarray:
    """Flow angles that follow the contour lines of ``level``, always heading to the right."""
    down, right = np.gradient(level)
    angle = np.arctan2(-right, down)
    return np.where(np.cos(angle) < 0, angle + np.pi, angle)


def spirals(angle: np.ndarray, vortices) -> np.ndarray:
    """Bend a flow around vortices, each (x, y, radius, turn, inward): turn is +1 or -1.

    Near a vortex the flow circles it, leaning ``inward``; farther than its radius it fades back.
    """
    x, y = grid(angle.shape[0])
    flow_x, flow_y = np.cos(angle), np.sin(angle)
    for centre_x, centre_y, radius, turn, inward in vortices:
        dx, dy = x - centre_x, y - centre_y
        distance = np.hypot(dx, dy) + 1e-4
        weight = np.exp(-((distance / radius) ** 3))
        around_x = (-dy * turn - dx * inward) / distance
        around_y = (dx * turn - dy * inward) / distance
        flow_x = flow_x * (1 - weight) + around_x * weight
        flow_y = flow_y * (1 - weight) + around_y * weight
    return np.arctan2(flow_y, flow_x)


def smear(field: np.ndarray, angle: np.ndarray, length: float, steps: int = 16) -> np.ndarray:
    """Average a noise field along the flow over ``length``: bumps become long flowing bands."""
    rows = field.shape[0]
    total = field.copy()
    for sign in (-1, 1):
        row, column = np.mgrid[0:rows, 0 : field.shape[1]].astype(np.float32)
        for _ in range(steps):
            here = map_coordinates(angle, [row, column], order=0, mode="nearest")
            row = row + sign * np.sin(here) * length * rows / (2 * steps)
            column = column + sign * np.cos(here) * length * rows / (2 * steps)
            total += map_coordinates(field, [row, column], order=1, mode="reflect")
    return (total - total.mean()) / total.std()


def trace(points: np.ndarray, angle: np.ndarray, lengths, steps: int = 8) -> np.ndarray:
    """Paths (count, steps + 1, 2) that start at the points and follow the flow for ``lengths``."""
    stride = np.broadcast_to(lengths, len(points))[:, None] / steps
    path = [points]
    for _ in range(steps):
        here = sample(angle, path[-1])
        path.append(path[-1] + stride * np.stack([np.cos(here), np.sin(here)], -1))
    return np.stack(path, 1)


class Canvas:
    """A ground to paint on with bristly strokes; it remembers how thickly the paint lies."""

    def __init__(self, ground: np.ndarray, height: int):
        self.height = height
        size = (round(height * ASPECT), height)
        self.image = to_image(ground).resize(size, Image.BICUBIC)
        self.body = Image.new("L", size, 70)
        self._paint, self._thickness = ImageDraw.Draw(self.image), ImageDraw.Draw(self.body)

    def stroke(self, rng, paths, colours, width, *, bristles=5, streak=0.07, ragged=0.3):
        """Paint strokes along ``paths``, each a bundle of bristle lines.

        Every bristle has its own lightness (``streak``), its own thickness of paint, and starts
        late or lifts early (``ragged``, as a share of the length), which gives the dry ends.
        """
        count, points = paths.shape[:2]
        if count == 0:
            return
        width = np.broadcast_to(width, count).astype(float)
        light = 1 + streak * rng.standard_normal((count, bristles))
        thickness = rng.integers(60, 256, (count, bristles))
        span = max(1, int(points * ragged) + 1)
        starts, ends = rng.integers(0, span, (2, count, bristles))
        wobble = rng.uniform(-0.3, 0.3, (count, bristles))
        # A bristle thinner than a pixel cannot be seen: small pictures get fewer, not finer ones.
        shown = int(np.clip(np.median(width) * self.height / 1.4, 1, bristles))
        along = np.gradient(paths, axis=1)
        normal = np.stack([-along[..., 1], along[..., 0]], -1)
        normal /= np.linalg.norm(normal, axis=-1, keepdims=True) + 1e-9
        # Brushes land and lift: the bundle is narrower at both ends.
        belly = np.sin(np.linspace(0.25, np.pi - 0.25, points)) ** 0.6
        offset = (np.arange(shown) + 0.5 + wobble[:, :shown]) / shown - 0.5
        shift = offset[:, :, None] * belly * width[:, None, None]
        lines = (paths[:, None] + normal[:, None] * shift[..., None]) * self.height
        inks = np.clip(colours[:, None] * light[:, :shown, None] * 255, 0, 255).astype(int)
        pens = np.maximum(1, np.ceil(width * self.height / shown * 1.15)).astype(int)
        for i in range(count):
            pen = int(pens[i])
            for b in range(shown):
                line = lines[i, b, starts[i, b] : points - ends[i, b]].ravel().tolist()
                if len(line) >= 4:
                    self._paint.line(line, tuple(inks[i, b].tolist()), pen)
                    self._thickness.line(line, int(thickness[i, b]), pen)

    def polygon(self, corners, fill) -> None:
        """Fill a polygon of design points flatly, to be worked over with strokes."""
        line = [(float(x) * self.height, float(y) * self.height) for x, y in corners]
        self._paint.polygon(line, fill=tuple(int(255 * v) for v in fill))

    def lit(self, strength: float) -> np.ndarray:
        """The painting under light from the upper left, which catches the ridges of the paint."""
        body = np.asarray(self.body, np.float32) / 255
        body = gaussian_filter(body, 0.0009 * self.height)
        down, right = np.gradient(body)
        shade = np.clip(-(down + right) * strength, -0.28, 0.35)
        picture = np.asarray(self.image, np.float32) / 255
        return picture * (1 + shade[..., None]) + 0.12 * np.maximum(shade, 0)[..., None]


def to_image(picture: np.ndarray) -> Image.Image:
    """A Pillow image of a float picture (rows, columns, 3) with values from 0 to 1."""
    return Image.fromarray((np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8))


def weave(rng, height: int, threads: int = 260) -> np.ndarray:
    """Canvas weave, mean 0, about -1 to 1: warp and weft threads of uneven thickness."""
    x, y = grid(height)
    drift = 0.6 * noise(rng, 7, height=height)
    warp = np.sin(2 * np.pi * threads * x + drift + 0.8 * noise(rng, 40, height=height))
    weft = np.sin(2 * np.pi * threads * y - drift + 0.8 * noise(rng, 40, height=height))
    return 0.5 * np.where(warp * weft > 0, warp, weft) + 0.25 * noise(rng, 200, height=height)
