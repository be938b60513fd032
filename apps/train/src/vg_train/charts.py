"""Line charts as inline SVG: they take their colors from the page around them and need nothing to be drawn."""

import math
from collections.abc import Mapping, Sequence

Point = tuple[float, float]

WIDTH, HEIGHT = 560, 250
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 12, 34  # around the plot


def line_chart(series: Mapping[str, Sequence[Point]], *, x_title: str, logarithmic: bool = False) -> str:
    """Draw lines over one pair of axes.

    Args:
        series: points (x, y) by name; line i has the class `line-i`, its name is told by `legend`.
        x_title: under the axis.
        logarithmic: of the y axis; points with y <= 0 are then left out.
    Returns:
        An <svg> element; empty text when there is no point.
    """
    lines = {
        name: [(x, math.log10(y) if logarithmic else y) for x, y in points if y > 0 or not logarithmic]
        for name, points in series.items()
    }
    points = [point for line in lines.values() for point in line]
    if not points:
        return ""
    xs, ys = zip(*points, strict=True)
    left, right = min(xs), max(max(xs), min(xs) + 1)
    ticks = _powers(min(ys), max(ys)) if logarithmic else _round_steps(min(0.0, *ys), max(ys))
    low, high = min(ticks[0], *ys), max(ticks[-1], *ys)

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            LEFT + (x - left) / (right - left) * (WIDTH - LEFT - RIGHT),
            TOP + (high - y) / (high - low) * (HEIGHT - TOP - BOTTOM),
        )

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{", ".join(lines)}">']
    for tick in ticks:
        y = place(left, tick)[1]
        text = f"{10**tick if logarithmic else tick:.3g}"
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
    for tick in _round_steps(left, right):
        if left <= tick <= right:
            x = place(tick, low)[0]
            parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{tick:g}</text>')
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 3}" text-anchor="end">{x_title}</text>')
    for i, line in enumerate(lines.values()):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in line))
        parts.append(f'<polyline class="line-{i}" points="{path}"/>')
    return "".join(parts) + "</svg>"


def legend(names: Sequence[str]) -> str:
    """The names of the lines of a chart, each with its color."""
    return "".join(f'<span class="key key-{i}">{name}</span>' for i, name in enumerate(names))


def _round_steps(low: float, high: float) -> list[float]:
    """Round numbers that span low to high, about five."""
    rough = (high - low or 1.0) / 5
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
    first = math.floor(low / step)
    return [step * i for i in range(first, math.ceil(high / step) + 1)]


def _powers(low: float, high: float) -> list[float]:
    """Logarithms of 1, 2 and 5 times powers of ten that span low to high, given as logarithms."""
    marks = [
        exponent + math.log10(factor)
        for exponent in range(math.floor(low) - 1, math.ceil(high) + 1)
        for factor in (1, 2, 5)
    ]
    first = max((i for i, mark in enumerate(marks) if mark <= low), default=0)
    last = min((i for i, mark in enumerate(marks) if mark >= high), default=len(marks) - 1)
    return marks[first : last + 1]
