"""A small writer of charts: lines over clients, and bars. Plain SVG, readable on white and on dark pages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

COLOURS = ("#0b7285", "#e8590c", "#5f3dc4", "#2b8a3e", "#c2255c", "#1864ab", "#846358", "#868e96")
WIDTH, HEIGHT = 700, 380
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 40, 44
LEGEND = 310
STYLE = """<style>
  text { font: 12px system-ui, sans-serif; fill: #495057 }
  .title { font-size: 14px; font-weight: 600 }
  .grid { stroke: #adb5bd; stroke-width: 0.5; stroke-opacity: 0.6 }
</style>"""


def sheet(charts: Sequence[str], title: str, columns: int = 2) -> str:
    """One picture of several charts, in rows of `columns`."""
    rows = math.ceil(len(charts) / columns)
    width, height = columns * WIDTH, rows * HEIGHT + 30
    placed = "\n".join(
        f'<g transform="translate({n % columns * WIDTH} {30 + n // columns * HEIGHT})">{chart}</g>'
        for n, chart in enumerate(charts)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">\n'
        f'{STYLE}\n<rect width="100%" height="100%" fill="#ffffff"/>\n'
        f'<text class="title" x="{LEFT}" y="22">{escape(title)}</text>\n{placed}\n</svg>\n'
    )


def lines(title: str, series: Mapping[str, Sequence[tuple[float, float]]], unit: str, *, log: bool = False) -> str:
    """Lines over numbers of clients, which are powers of two; `log` also for the values."""
    points = [point for line in series.values() for point in line]
    clients = sorted({x for x, _ in points})
    ticks = _log_ticks([y for _, y in points]) if log else _ticks(max(y for _, y in points))
    low = math.log10(ticks[0]) if log else 0.0
    high = math.log10(ticks[-1]) if log else ticks[-1]

    def place_x(x: float) -> float:
        span = math.log2(clients[-1]) - math.log2(clients[0]) or 1.0
        return LEFT + (math.log2(x) - math.log2(clients[0])) / span * (WIDTH - LEFT - RIGHT - LEGEND)

    def place_y(y: float) -> float:
        value = math.log10(max(y, ticks[0])) if log else y
        return TOP + (1 - (value - low) / ((high - low) or 1.0)) * (HEIGHT - TOP - BOTTOM)

    drawn = [f'<text class="title" x="{LEFT}" y="20">{escape(title)}</text>']
    for tick in ticks:
        y = place_y(tick)
        drawn.append(f'<line class="grid" x1="{LEFT}" x2="{place_x(clients[-1]):.1f}" y1="{y:.1f}" y2="{y:.1f}"/>')
        drawn.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_short(tick)}</text>')
    for x in clients:
        drawn.append(f'<text x="{place_x(x):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{x:g}</text>')
    drawn.append(f'<text x="{LEFT}" y="{HEIGHT - 8}">clients; {escape(unit)}</text>')
    for number, (name, line) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{place_x(x):.1f},{place_y(y):.1f}" for x, y in line)
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        drawn += [f'<circle cx="{place_x(x):.1f}" cy="{place_y(y):.1f}" r="3" fill="{colour}"/>' for x, y in line]
        y = TOP + 18 * number
        drawn.append(f'<rect x="{WIDTH - LEGEND}" y="{y}" width="10" height="10" fill="{colour}"/>')
        drawn.append(f'<text x="{WIDTH - LEGEND + 15}" y="{y + 9}">{escape(name)}</text>')
    return "\n".join(drawn)


def bars(title: str, values: Mapping[str, float], unit: str) -> str:
    """Horizontal bars, one per name; negative ones go left of the line at 0."""
    low, high = min(0.0, *values.values()), max(0.0, *values.values())
    span, left = (high - low) or 1.0, 250
    width, step = WIDTH - left - RIGHT - 50, min(32.0, (HEIGHT - TOP - BOTTOM) / max(len(values), 1))
    zero = left + -low / span * width
    drawn = [f'<text class="title" x="16" y="20">{escape(title)}</text>']
    drawn.append(f'<line class="grid" x1="{zero:.1f}" x2="{zero:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
    for number, (name, value) in enumerate(values.items()):
        y, size = TOP + number * step, abs(value) / span * width
        start = zero if value >= 0 else zero - size
        drawn.append(f'<text x="{left - 8}" y="{y + step / 2 + 4:.1f}" text-anchor="end">{escape(name)}</text>')
        drawn.append(
            f'<rect x="{start:.1f}" y="{y + 3:.1f}" width="{size:.1f}" height="{step - 6:.1f}" fill="{COLOURS[0]}"/>'
        )
        drawn.append(f'<text x="{max(start + size, zero) + 5:.1f}" y="{y + step / 2 + 4:.1f}">{value:.3g}</text>')
    drawn.append(f'<text x="16" y="{HEIGHT - 8}">{escape(unit)}</text>')
    return "\n".join(drawn)


def _ticks(highest: float) -> list[float]:
    """0 and a few round steps up to at least the highest."""
    raw = max(highest, 1e-9) / 5
    step = next(
        m * 10 ** math.floor(math.log10(raw))
        for m in (1, 2, 2.5, 5, 10)
        if m * 10 ** math.floor(math.log10(raw)) >= raw
    )
    return [step * n for n in range(math.ceil(highest / step) + 1)]


def _log_ticks(values: Sequence[float]) -> list[float]:
    """Powers of ten around the values that are not 0."""
    positive = [value for value in values if value > 0] or [1.0]
    first, last = math.floor(math.log10(min(positive))), math.ceil(math.log10(max(positive)))
    return [10.0**n for n in range(first, max(last, first + 1) + 1)]


def _short(value: float) -> str:
    return f"{value / 1000:g} k" if value >= 1000 else f"{value:g}"
