"""Charts as SVG, drawn here: no script, nothing from elsewhere. Every value is also in a title."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH = 760
_COLOURS = ("#2f6f9f", "#c98a1b", "#b3403a", "#5b8c5a", "#7b5ea7", "#4d4d4d", "#94a8b8")


@dataclass(frozen=True, slots=True)
class Series:
    """A line, or one part of each column."""

    name: str
    values: Sequence[float]


def columns(title: str, labels: Sequence[str], series: Sequence[Series]) -> str:
    """A column for each label, its parts upon each other."""
    height, left, top, bottom = 220, 60, 12, 44
    totals = [sum(values) for values in zip(*(s.values for s in series), strict=True)]
    most = _nice(max(totals, default=0))
    step = (_WIDTH - left) / max(len(labels), 1)
    scale = (height - top - bottom) / most
    parts = _grid(most, height, left, top, bottom)
    for i, label in enumerate(labels):
        x, base = left + i * step, float(height - bottom)
        for s, colour in zip(series, _COLOURS, strict=False):
            size = s.values[i] * scale
            if size:
                base -= size
                parts.append(
                    f'<rect x="{x + step * 0.12:.1f}" y="{base:.1f}" width="{step * 0.76:.1f}"'
                    f' height="{size:.1f}" fill="{colour}"><title>{escape(label)}'
                    f" {escape(s.name)}: {_number(s.values[i])}</title></rect>"
                )
        if i % max(1, len(labels) // 10) == 0:
            parts.append(_text(x + step / 2, height - bottom + 16, label, "middle"))
    return _svg(title, height, [*parts, *_legend(series, height)])


def bars(title: str, rows: Sequence[tuple[str, float, str]]) -> str:
    """A bar for each row: label, value, and what to write behind it."""
    line, height = 40, 40 * max(len(rows), 1) + 6
    most = max((value for _, value, _ in rows), default=0) or 1
    parts: list[str] = []
    for i, (label, value, note) in enumerate(rows):
        y, size = i * line + 4, value / most * (_WIDTH - 170)
        parts += [
            _text(0, y + 10, label, "start"),
            f'<rect x="0" y="{y + 15}" width="{size:.1f}" height="14" fill="{_COLOURS[0]}">'
            f"<title>{escape(label)}: {escape(note)}</title></rect>",
            _text(size + 6, y + 27, note, "start"),
        ]
    return _svg(title, height, parts)


def lines(title: str, labels: Sequence[str], series: Sequence[Series], unit: str) -> str:
    """A line for each series, with a dot for each label."""
    height, left, top, bottom = 260, 60, 12, 44
    most = _nice(max((v for s in series for v in s.values), default=0))
    step = (_WIDTH - left - 30) / max(len(labels) - 1, 1)
    scale = (height - top - bottom) / most
    parts = _grid(most, height, left, top, bottom)
    for s, colour in zip(series, _COLOURS, strict=False):
        points = [
            (left + 15 + i * step, height - bottom - v * scale) for i, v in enumerate(s.values)
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for (x, y), label, value in zip(points, labels, s.values, strict=True):
            parts.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"><title>'
                f"{escape(label)} {escape(s.name)}: {_number(value)} {unit}</title></circle>"
            )
    for i, label in enumerate(labels):
        if i % max(1, len(labels) // 12) == 0:
            parts.append(_text(left + 15 + i * step, height - bottom + 16, label, "middle"))
    return _svg(title, height, [*parts, *_legend(series, height)])


def _svg(title: str, height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(title)}">'
        + "".join(parts)
        + "</svg>"
    )


def _grid(most: float, height: int, left: int, top: int, bottom: int) -> list[str]:
    parts: list[str] = []
    for part in (0.0, 0.5, 1.0):
        y = height - bottom - part * (height - top - bottom)
        parts.append(f'<line x1="{left}" y1="{y:.1f}" x2="{_WIDTH}" y2="{y:.1f}" stroke="#ccc"/>')
        parts.append(_text(left - 6, y + 4, _number(most * part), "end"))
    return parts


def _legend(series: Sequence[Series], height: int) -> list[str]:
    parts: list[str] = []
    step = _WIDTH / max(len(series), 1)
    for i, (s, colour) in enumerate(zip(series, _COLOURS, strict=False)):
        x = i * step
        parts.append(
            f'<rect x="{x:.1f}" y="{height - 16}" width="10" height="10" fill="{colour}"/>'
        )
        parts.append(_text(x + 15, height - 7, s.name, "start"))
    return parts


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:,.2f}"


def _nice(most: float) -> float:
    """The next round number that is as large."""
    if most <= 0:
        return 1
    power = 10.0 ** (len(str(int(most))) - 1)
    return next(step * power for step in (1, 2, 5, 10) if step * power >= most)
