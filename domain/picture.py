"""A trend as a picture: one SVG of a parameter over time, with its ranges, phases, gaps and excursions. Pure text.

Greys are what is normal; the one colour is what lay outside. It is drawn from decimated buckets (first, least, most,
last of each), so that no excursion of one sample is lost. The same input gives the same bytes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from domain.ports import Buckets
from domain.time import format_time

_LEFT, _RIGHT, _TOP, _BOTTOM = 58.0, 8.0, 22.0, 20.0
_ABNORMAL = "#b3261e"
_TICKS = 5
_MOST_SLASHES = 200


@dataclass(frozen=True, slots=True)
class Band:
    """A range over a time; None: no limit on that side. `kind` is a RangeKind's value; the validated one is a line."""

    kind: str
    start_ns: int
    end_ns: int
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Span:
    """A time with a name: a phase, a gap, an excursion."""

    start_ns: int
    end_ns: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """What is drawn, in a frame of `width` by `height` pixels."""

    title: str
    measure: str
    start_ns: int
    end_ns: int
    course: Buckets
    bands: Sequence[Band] = ()
    phases: Sequence[Span] = ()
    hidden: Sequence[Span] = ()
    outside: Sequence[Span] = ()
    width: int = 700
    height: int = 190


class _Frame:
    """Where times and values lie in the picture."""

    def __init__(self, picture: Picture) -> None:
        self.right, self.bottom = picture.width - _RIGHT, picture.height - _BOTTOM
        self._start_ns, self._span_ns = picture.start_ns, max(picture.end_ns - picture.start_ns, 1)
        self.low, self.high = _scale(picture)

    def x(self, time_ns: int) -> float:
        """From the left; times outside of the picture lie at its edge."""
        part = (time_ns - self._start_ns) / self._span_ns
        return _LEFT + min(max(part, 0.0), 1.0) * (self.right - _LEFT)

    def y(self, value: float) -> float:
        """From the top; values outside of the picture lie at its edge."""
        part = (value - self.low) / (self.high - self.low)
        return self.bottom - min(max(part, 0.0), 1.0) * (self.bottom - _TOP)


def svg(picture: Picture) -> str:
    """The picture as an SVG element; every text in it is escaped."""
    frame = _Frame(picture)
    width, height = picture.width, picture.height
    label = escape(f"{picture.title} from {format_time(picture.start_ns)} to {format_time(picture.end_ns)}")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" ',
        f'role="img" aria-label="{label}" font-family="DejaVu Sans, sans-serif" font-size="10" fill="#333">',
        *_phases(picture, frame),
        *_bands(picture, frame),
        *_hidden(picture, frame),
        *_outside(picture, frame),
        *_course(picture, frame),
        *_axes(picture, frame),
        _box(_LEFT, frame.right, _TOP, frame.bottom, 'fill="none" stroke="#999"'),
        f'<text x="{_LEFT}" y="11" font-weight="bold">{escape(picture.title)}</text>',
        "</svg>",
    ]
    return "".join(parts)


def _scale(picture: Picture) -> tuple[float, float]:
    """From which value to which: everything measured, and the limits that are not far beyond it."""
    finite = picture.course.count > 0
    seen = [float(each) for column in ("minimum", "maximum") for each in getattr(picture.course, column)[finite]]
    limits = [each for band in picture.bands for each in (band.low, band.high) if each is not None]
    if not seen:
        seen = limits or [0.0, 1.0]
    low, high = min(seen), max(seen)
    reach = max(high - low, 1e-9 * max(abs(low), abs(high), 1.0))
    near = [each for each in limits if low - 2 * reach <= each <= high + 2 * reach]
    low, high = min([low, *near]), max([high, *near])
    room = 0.06 * (high - low) or 0.5
    return low - room, high + room


def _phases(picture: Picture, frame: _Frame) -> list[str]:
    parts = []
    for number, phase in enumerate(picture.phases):
        left, right = frame.x(phase.start_ns), frame.x(phase.end_ns)
        if right <= left:
            continue
        if number % 2:
            parts.append(_box(left, right, _TOP, frame.bottom, 'fill="#f2f2f2"'))
        parts.append(f'<line x1="{left:.1f}" y1="{_TOP}" x2="{left:.1f}" y2="{frame.bottom:.1f}" stroke="#bbb"/>')
        if right - left > 5.5 * len(phase.name):
            parts.append(
                f'<text x="{(left + right) / 2:.1f}" y="20" font-size="8" fill="#666" text-anchor="middle">'
                f"{escape(phase.name)}</text>"
            )
    return parts


def _bands(picture: Picture, frame: _Frame) -> list[str]:
    """NOR as an area, the others as lines: whole for what is proven, dashed for the rest."""
    parts = []
    for band in picture.bands:
        left, right = frame.x(band.start_ns), frame.x(band.end_ns)
        if band.kind == "nor" and right > left:
            top = _TOP if band.high is None else frame.y(band.high)
            bottom = frame.bottom if band.low is None else frame.y(band.low)
            parts.append(_box(left, right, top, bottom, 'fill="#cfd8dc" fill-opacity="0.55"'))
            continue
        dash = "" if band.kind in ("validated", "par") else ' stroke-dasharray="4 3"'
        for value in (band.low, band.high):
            if value is not None and frame.low <= value <= frame.high:
                y = frame.y(value)
                parts.append(f'<line x1="{left:.1f}" y1="{y:.1f}" x2="{right:.1f}" y2="{y:.1f}" stroke="#555"{dash}/>')
    return parts


def _hidden(picture: Picture, frame: _Frame) -> list[str]:
    """What was not observed, hatched: lines of our own, for a pattern would need an id in the page."""
    parts = []
    for gap in picture.hidden:
        left = frame.x(gap.start_ns)
        right = max(frame.x(gap.end_ns), left + 1.0)
        parts.append(_box(left, right, _TOP, frame.bottom, 'fill="#fff" fill-opacity="0.8" stroke="#777"'))
        slashes = max(0, min(_MOST_SLASHES, math.floor((right - left + frame.bottom - _TOP) / 6)))
        parts.extend(_slash(left, right, frame.bottom, 6.0 * (number + 1)) for number in range(slashes))
    return parts


def _slash(left: float, right: float, bottom: float, way: float) -> str:
    """A slanted line in a box, `way` along its left and lower edge."""
    height = bottom - _TOP
    x1, y1 = (left, _TOP + way) if way <= height else (left + way - height, bottom)
    x2, y2 = (left + way, _TOP) if way <= right - left else (right, _TOP + way - (right - left))
    if x1 > right:
        return ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#999" stroke-width="0.7"/>'


def _outside(picture: Picture, frame: _Frame) -> list[str]:
    parts = []
    for each in picture.outside:
        left = frame.x(each.start_ns)
        right = max(frame.x(each.end_ns), left + 1.5)
        parts.append(_box(left, right, _TOP, frame.bottom, f'fill="{_ABNORMAL}" fill-opacity="0.10"'))
        parts.append(_box(left, right, frame.bottom - 4, frame.bottom, f'fill="{_ABNORMAL}"'))
        parts.append(
            f'<text x="{left + 1:.1f}" y="{frame.bottom - 6:.1f}" font-size="8" fill="{_ABNORMAL}"'
            f' font-weight="bold">{escape(each.name)}</text>'
        )
    return parts


def _course(picture: Picture, frame: _Frame) -> list[str]:
    """One line through first, least, most and last of each bucket; it is cut where something is hidden."""
    course = picture.course
    lines: list[list[str]] = [[]]
    before_ns: int | None = None
    for place in range(len(course.start_ns)):
        time_ns = int(course.start_ns[place])
        if not course.count[place]:
            continue
        if before_ns is not None and any(gap.start_ns < time_ns and gap.end_ns > before_ns for gap in picture.hidden):
            lines.append([])
        x = frame.x(time_ns)
        values = (course.first[place], course.minimum[place], course.maximum[place], course.last[place])
        lines[-1] += [f"{x:.1f},{frame.y(float(value)):.1f}" for value in dict.fromkeys(values)]
        before_ns = time_ns
    return [
        f'<polyline points="{" ".join(line)}" fill="none" stroke="#111" stroke-width="1" stroke-linejoin="round"/>'
        for line in lines
        if line
    ]


def _axes(picture: Picture, frame: _Frame) -> list[str]:
    parts = []
    for number in range(_TICKS):
        value = frame.low + (frame.high - frame.low) * number / (_TICKS - 1)
        y = frame.y(value)
        parts.append(f'<text x="{_LEFT - 4}" y="{y + 3:.1f}" text-anchor="end">{value:.4g}</text>')
    parts.append(f'<text x="4" y="11">{escape(picture.measure)}</text>')
    for number in range(_TICKS):
        time_ns = picture.start_ns + (picture.end_ns - picture.start_ns) * number // (_TICKS - 1)
        anchor = "start" if number == 0 else "end" if number == _TICKS - 1 else "middle"
        told = format_time(time_ns // 1_000_000_000 * 1_000_000_000)[5:16].replace("T", " ")
        parts.append(f'<text x="{frame.x(time_ns):.1f}" y="{picture.height - 6}" text-anchor="{anchor}">{told}</text>')
    return parts


def _box(left: float, right: float, top: float, bottom: float, style: str) -> str:
    return f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}" {style}/>'
